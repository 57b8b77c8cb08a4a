"""When local places are read, how many at a time, and how the operator hears that one is parked."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from support.loopback.local import LoopbackWeb, page
from support.places import TLS
from support.waiting import eventually

from bot.channels import Part
from bot.commands.report import report
from bot.domain.agenda import Place
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.text.rich_text import plain_text
from bot.fetch import Fetch, Limits
from bot.pipeline import runner as runner_module
from bot.pipeline.runner import Runner
from bot.store.tiny.store import TinyStore
from bot.worker import worker
from bot.worker.health_notices import Operator, notify
from bot.worker.worker import Worker

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Channel:
    """A channel that keeps the messages it is given."""

    name, timeout = "telegram", 1.0

    def __init__(self):
        self.told = []

    def check(self, address):
        return address

    def render(self, digest, picture=None):
        lines = (digest.title, *digest.lead, *digest.footer)
        return (Part(payload={}, plain=plain_text(lines), covers=digest.covers),)

    async def send(self, address, part, *, plain=False, ready=None):
        self.told.append((address, part.plain))
        return "1"

    async def close(self): ...


class Harness:
    """A store, a web server of agenda pages, a worker and a clock."""

    def __init__(self, store, web, fetch, count):
        self.store, self.web, self.now, self.channel = store, web, NOW, Channel()
        for number in range(count):
            web.files[f"/{number}"] = page(f"<p>Agenda {number}</p>")
        places = [
            Place(name=f"{number}, NC", kind="page", address=f"{web.base}/{number}", state="NC")
            for number in range(count)
        ]
        self.runner = Runner(
            store=store,
            fetch=fetch,
            sources={},
            channels={"telegram": self.channel},
            now=lambda: self.now,
            every=timedelta(minutes=15),
            page="https://www.ice.gov/identify-and-arrest/287g",
            places={place.name: place for place in places},
        )
        self.worker = Worker(self.runner)

    async def subscribe(self, *states):
        filter_ = Filter(states=dict.fromkeys(states, 0))
        await self.store.subscribe(Subscription(id="", channel="telegram", address="1", filter=filter_))

    async def work(self, after=timedelta(0)):
        """Do everything that is due, some time later."""
        self.now += after
        await self.worker.tick()
        await self.worker.idle()
        await self.worker.tick()  # what the first round made due
        await self.worker.idle()

    @property
    def read(self):
        return self.web.count()


@pytest.fixture
async def here(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda fd: None)
    monkeypatch.setattr(worker, "UPKEEP_EVERY", 0.0)  # every tick looks at which places are watched
    store = TinyStore.open(tmp_path / "data")
    async with (
        LoopbackWeb() as web,
        Fetch(contact=None, limits=Limits(host_gap=0), allow_loopback=True, tls=TLS) as fetch,
    ):
        yield Harness(store, web, fetch, 40)
    await store.close()


async def test_places_are_read_only_while_someone_watches_their_state(here):
    await here.work(timedelta(hours=2))
    await here.subscribe("TX")
    await here.work(timedelta(hours=2))
    await here.subscribe(ALL_STATES)
    await here.work(timedelta(hours=2))
    assert here.read == 0
    await here.subscribe("NC")
    await here.work()
    assert here.read < 20  # they are spread over the hour
    await here.work(timedelta(hours=1))
    assert here.read == 40
    await here.work(timedelta(hours=1))
    assert here.read == 40
    await here.work(timedelta(hours=7))
    assert here.read == 80


async def test_only_so_many_places_are_read_at_a_time(here, monkeypatch):
    monkeypatch.setattr(worker, "MOST_PLACES", 3)
    under_way = most = 0
    may_end = asyncio.Event()

    async def slow(place, **_):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await may_end.wait()
        await asyncio.sleep(0)
        under_way -= 1

    monkeypatch.setattr(runner_module, "poll_agenda", slow)
    await here.subscribe("NC")
    await here.worker.tick()
    here.now += timedelta(hours=1)
    await here.worker.tick()
    await eventually(lambda: under_way == 3)
    await here.worker.tick()
    may_end.set()
    await here.worker.idle()
    assert most == 3


async def test_an_unexpected_failure_stops_no_other_place_and_is_not_retried_every_second(here, monkeypatch):
    asked = []

    async def poll_agenda(place, **_):
        asked.append(place.name)
        raise ZeroDivisionError

    monkeypatch.setattr(runner_module, "poll_agenda", poll_agenda)
    await here.subscribe("NC")
    with capture_logs() as logs:  # a colored traceback takes longer than everything else
        await here.work()
        await here.work(timedelta(hours=1))
        for _ in range(5):
            await here.work(timedelta(seconds=1))
    assert sorted(asked) == sorted(here.runner.places)
    assert sorted(one["work"] for one in logs if one.get("exc_info")) == sorted(f"source {name}" for name in asked)


async def test_the_operator_gets_one_notice_of_all_parked_places(here):
    for name in ("1, NC", "2, NC"):
        status = await here.store.source_status(name)
        await here.store.remember(replace(status, tried_at=NOW, failures=30, problem="it answered 404", parked_at=NOW))
    operator = (Operator("telegram", "99"),)
    for _ in range(3):
        await notify(here.runner, operator, timedelta(hours=6))
    [(address, text)] = here.channel.told
    assert address == "99"
    assert "1, NC: it answered 404" in text
    assert "2, NC: it answered 404" in text

    status = await here.store.source_status("3, NC")
    await here.store.remember(replace(status, tried_at=NOW, failures=30, problem="it answered 410", parked_at=NOW))
    await notify(here.runner, operator, timedelta(hours=6))
    assert len(here.channel.told) == 1  # one such message a day
    here.now += timedelta(days=1, seconds=1)
    await notify(here.runner, operator, timedelta(hours=6))
    assert "3, NC: it answered 410" in here.channel.told[1][1]
    assert "1, NC" not in here.channel.told[1][1]


async def test_an_old_reading_of_a_local_place_is_not_reported_as_a_stale_list(here):
    status = await here.store.source_status("1, NC")
    await here.store.remember(replace(status, tried_at=NOW, read_at=NOW - timedelta(days=20), changed_at=NOW))
    await notify(here.runner, (Operator("telegram", "99"),), timedelta(hours=6))
    assert here.channel.told == []


async def test_the_status_report_counts_local_places(here):
    await here.subscribe("NC")
    status = await here.store.source_status("1, NC")
    await here.store.remember(replace(status, tried_at=NOW, failures=30, parked_at=NOW))
    await here.store.remember(replace(status, source="2, NC", tried_at=NOW, failures=1))
    found = await report(here.store, now=NOW, sources=[], stale_hours=6, places=here.runner.places)
    assert "local sources: 39 of 40 watched, 1 failing, 1 parked" in found.as_text()
