"""The operator's monitor is pinged after each good reading, and never otherwise."""

import asyncio
import json

import pytest
import structlog
from aiohttp import web
from support.loopback.server import LoopbackServer
from support.program import row, world
from support.sample_lists import A_DAY
from support.waiting import eventually

from bot.fetch.addresses import is_private
from bot.observability.heartbeat import Heartbeat
from bot.pipeline.poll_list import ListPoll

GOOD, BAD = ListPoll(source="ice", is_good=True), ListPoll(source="ice", problem="ice: 403")


class Monitor(LoopbackServer):
    """A monitor such as healthchecks.io. `status` is what it answers; `slow` keeps it from answering."""

    def __init__(self, status: int = 200) -> None:
        super().__init__()
        self.status = status
        self.slow = asyncio.Event()
        self.slow.set()

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.note(f"{request.method} {request.path}", {}, "")
        await self.slow.wait()
        return web.Response(status=self.status, text="OK", headers={"Location": "http://127.0.0.1:1/elsewhere"})

    @property
    def pings(self) -> list[str]:
        return [call.method for call in self.calls]


@pytest.fixture
async def monitor():
    async with Monitor() as monitor:
        yield monitor


def beat(monitor) -> Heartbeat:
    return Heartbeat(f"{monitor.base}/5f8e9a3c-secret")


async def test_a_good_reading_is_pinged_and_a_failed_or_empty_one_is_not(monitor):
    heartbeat = beat(monitor)
    for poll in (BAD, ListPoll(source="ice"), GOOD):
        heartbeat.list_polled(poll)
    await heartbeat.close()

    assert monitor.pings == ["GET /5f8e9a3c-secret"]


async def test_a_monitor_that_hangs_holds_no_reading_up_and_gets_one_request_at_a_time(monitor):
    heartbeat = beat(monitor)
    monitor.slow.clear()
    for _ in range(5):
        heartbeat.list_polled(GOOD)  # returns at once, whatever the monitor does
        await asyncio.sleep(0)
    await eventually(lambda: bool(monitor.pings))
    monitor.slow.set()
    await heartbeat.close()

    assert len(monitor.pings) == 1


@pytest.mark.parametrize(("status", "expected"), [(404, "answered 404"), (500, "answered 500"), (302, "answered 302")])
async def test_a_failing_monitor_is_logged_once_until_it_works_again_and_its_address_never(monitor, status, expected):
    heartbeat = beat(monitor)

    async def once(answer: int) -> None:
        monitor.status = answer
        heartbeat.list_polled(GOOD)
        await heartbeat._pinging

    with structlog.testing.capture_logs() as lines:
        for answer in (status, status, 200, status):
            await once(answer)
    await heartbeat.close()

    assert [line["log_level"] for line in lines] == ["warning", "info", "warning"]
    assert expected in lines[0]["problem"]
    assert "secret" not in json.dumps(lines)
    assert len(monitor.pings) == 4, "no redirect is followed and nothing is tried twice"


async def test_a_monitor_that_is_not_there_is_logged_without_its_address():
    heartbeat = Heartbeat("http://127.0.0.1:1/5f8e9a3c-secret")
    with structlog.testing.capture_logs() as lines:
        heartbeat.list_polled(GOOD)
        await heartbeat.close()

    assert lines[0]["problem"] == "127.0.0.1 couldn't be reached"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.168.1.20", True),
        ("100.64.0.7", True),
        ("fd12::1", True),
        ("::ffff:10.0.0.1", True),
        ("169.254.169.254", False),
        ("168.63.129.16", False),
        ("fd00:ec2::254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
    ],
)
def test_a_monitor_may_be_in_a_private_network_but_never_a_metadata_service(address, expected):
    from ipaddress import ip_address

    assert is_private(ip_address(address)) is expected


@pytest.mark.slow
def test_poll_pings_after_a_good_reading_and_a_failed_one_does_not(tmp_path):
    with world(tmp_path / "data") as town, Monitor().run_in_thread() as monitor:
        url = f"{monitor.base}/5f8e9a3c-secret"
        town.publish_rows("participatingAgencies11242026am.xlsx", [row("TEXAS", "Bell County")], at=A_DAY)
        town.run("poll", COUNTERSIGN_HEARTBEAT_URL=url)
        town.run("poll", expect=1, COUNTERSIGN_HEARTBEAT_URL=url, COUNTERSIGN_ICE_URL="http://127.0.0.1:1/287g")
        assert monitor.pings == ["GET /5f8e9a3c-secret"]

        again = town.run("poll", COUNTERSIGN_HEARTBEAT_URL="http://127.0.0.1:1/5f8e9a3c-secret")
        assert "can't be pinged" in again.stderr
        assert "secret" not in again.stderr
        assert "it must be the whole address" in town.run("poll", expect=2, COUNTERSIGN_HEARTBEAT_URL="hc-ping").stderr
