"""A channel is one folder and one registry line: a made-up one runs from the settings to the alert."""

import json
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from support.loopback.ice import LoopbackIce
from support.loopback.server import LoopbackServer
from support.program import World, bare_env
from support.sample_lists import A_DAY, NEWCOMERS, SHERIFFS
from support.waiting import wait_for

TESTS = Path(__file__).parents[1]
TOKEN = "hunter2-hunter2"
WITH_PIGEONS = """
import sys
from bot.channels import CHANNELS
from support.pigeon.setup import PigeonSetup
CHANNELS["pigeon"] = PigeonSetup()
from bot.__main__ import main
sys.exit(main())
"""


class Lofts(LoopbackServer):
    """Where pigeons land: the messages of each loft."""

    def __init__(self) -> None:
        super().__init__()
        self.landed: dict[str, list[str]] = {}

    async def respond(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == TOKEN
        texts = self.landed.setdefault(request.path.removeprefix("/"), [])
        texts.append(json.loads(await request.read())["text"])
        return web.json_response({"flight": f"flight {len(texts)}"})

    def text(self, loft: str) -> str:
        return "\n".join(self.landed.get(loft, []))


@pytest.fixture
def lofts():
    with Lofts().run_in_thread() as lofts:
        yield lofts


class WithPigeons(World):
    """The program with one more line in its registry, and no other channel set up."""

    def __init__(self, ice: LoopbackIce, folder: Path, lofts: Lofts, port: int) -> None:
        super().__init__(ice, None, None, folder / "data")
        self._env = bare_env(
            folder,
            COUNTERSIGN_ICE_URL=ice.url,
            COUNTERSIGN_SOURCES="ice",
            COUNTERSIGN_POLL_SECONDS="1",
            COUNTERSIGN_PUBLIC_URL="https://bot.example.org",
            COUNTERSIGN_OPERATOR="pigeon:loft-1",
            PORT=str(port),
            PYTHONPATH=f"{TESTS.parent}:{TESTS}",
            PIGEON_TOKEN=TOKEN,
            PIGEON_URL=lofts.base,
            PIGEON_TOKN="a slip of the pen",
        )

    @property
    def env(self) -> dict[str, str]:
        return self._env

    def command(self, *words: str, **env: str) -> list[str]:
        return [sys.executable, "-c", WITH_PIGEONS, *words]


@pytest.fixture
def here(tmp_path, lofts, unused_tcp_port):
    with LoopbackIce().run_in_thread() as ice:
        yield WithPigeons(ice, tmp_path, lofts, unused_tcp_port)


@contextmanager
def running(here: WithPigeons):
    """The program under way, and a client of its public address. Its log is filled at the end."""
    program, log = here.start("run"), []
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{here.env['PORT']}", timeout=30) as client:
            wait_for(lambda: answers(client), seconds=60)
            yield client, log
    finally:
        program.send_signal(signal.SIGTERM)
        said, written = program.communicate(timeout=60)
    assert program.returncode == 0, written[-2000:]
    log.append(said + written)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/live").status_code == 200
    except httpx.TransportError:
        return False


def asks(client: httpx.Client, text: str, *, token: str = TOKEN) -> httpx.Response:
    """A pigeon from loft 9 lands at the program's public address."""
    note = {"loft": "loft-9", "text": text}
    return client.post("/pigeon/landed", json=note, headers={"Authorization": token})


@pytest.mark.slow
def test_a_made_up_channel_is_set_up_asked_and_alerted_with_one_registry_line(here, lofts):
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    wrong = here.run("subscribe", "pigeon", "seven", "--states", "TX", expect=2)
    assert "as in loft-7" in wrong.stderr
    assert "pigeon loft-7" in here.run("subscribe", "pigeon", "Loft 7", "--states", "TX").stdout
    with running(here) as (client, log):
        wait_for(lambda: len(here.lines("agreements")) == 3, seconds=60)
        assert asks(client, "coo watch OH", token="guessed").status_code == 403
        assert asks(client, "coo help").text.startswith("Type coo and then:\n")
        assert "Ohio" in asks(client, "coo watch OH").text
        assert {s["address"] for s in here.lines("subscriptions")} == {"loft-7", "loft-9"}
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        wait_for(lambda: "Bell County" in lofts.text("loft-7"), seconds=60)
        wait_for(lambda: "Delaware County" in lofts.text("loft-9"), seconds=60)
    assert "Delaware County" not in lofts.text("loft-7")
    assert "Bell County" not in lofts.text("loft-9")
    assert "Did you mean PIGEON_TOKEN?" in log[0]
    assert "flying with ***" in log[0]
    assert TOKEN not in log[0]


def test_a_process_that_takes_no_webhooks_says_so_at_the_route_of_a_made_up_channel(here):
    program = here.start("web")
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{here.env['PORT']}", timeout=30) as client:
            wait_for(lambda: answers(client), seconds=60)
            assert asks(client, "coo help").status_code == 503
    finally:
        program.terminate()
        program.communicate(timeout=60)
