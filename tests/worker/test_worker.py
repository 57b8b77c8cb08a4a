"""What is due is taken side by side, and a crowd that is due stands in nobody's way."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.gated_channel import GatedChannel
from support.samples import first_sight, record, signed

from bot.channels import Part
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.text.rich_text import plain_text
from bot.errors import SendError, Unreachable
from bot.pipeline import runner as runner_module
from bot.pipeline.runner import Runner
from bot.store.tiny.store import TinyStore
from bot.worker import worker
from bot.worker.worker import Worker

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda fd: None)
    store = TinyStore.open(tmp_path / "data")
    await store.record(record(await store.known(), first_sight(3)))
    yield store
    await store.close()


async def due(store, **crowds):
    """So many subscriptions on each channel, all owed the same change."""
    for channel, count in crowds.items():
        for number in range(count):
            filter_ = Filter(states={ALL_STATES: 0})
            await store.subscribe(Subscription(id="", channel=channel, address=str(number), filter=filter_))
    await store.record(record(await store.known(), [signed(100, "TX")], at=NOW))


def runner(store, *channels, now=lambda: NOW):
    return Runner(
        store=store,
        fetch=None,
        sources={},
        channels={channel.name: channel for channel in channels},
        now=now,
        every=timedelta(minutes=15),
        page="https://www.ice.gov/identify-and-arrest/287g",
    )


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_crowd_waits_its_turn_without_being_begun_and_another_channel_is_told_meanwhile(store, monkeypatch):
    monkeypatch.setattr(worker, "MOST_UNDER_WAY", 20)
    shut, wide = GatedChannel("shut"), GatedChannel("wide", is_open=True)
    await due(store, shut=50, wide=50)
    work = Worker(runner(store, shut, wide))
    for _ in range(5):
        await work.tick()
        await settled()
    assert shut.waiting == shut.most == 20
    assert sum(s.pinned is not None for s in await store.subscriptions()) == 20
    assert sorted(wide.told, key=int) == [str(number) for number in range(50)]

    shut.opened.set()
    for _ in range(5):
        await work.tick()
        await settled()
    assert shut.told == [str(number) for number in range(50)]
    assert all(s.due_at is None for s in await store.subscriptions())
    assert not [receipt for receipt in await store.receipts() if receipt.error]


async def test_whatever_else_is_to_be_done_is_done_between_the_beginnings_of_a_crowd(store, monkeypatch):
    gate = GatedChannel("gate", is_open=True)
    await due(store, gate=100)
    log: list[str] = []
    pin = store.pin

    async def noted(*arguments):
        log.append("crowd")
        return await pin(*arguments)

    async def somebody_else():
        while True:
            log.append("else")
            await asyncio.sleep(0)

    monkeypatch.setattr(store, "pin", noted)
    other = asyncio.create_task(somebody_else())
    await Worker(runner(store, gate)).tick()
    await settled()
    other.cancel()
    assert log.count("crowd") == 100
    assert max(len(run) for run in "".join(word[0] for word in log).split("e")) <= 2


class Pages(GatedChannel):
    """A channel with a message for each agency; `refuses` is how many sends from now on fail, after those that pass."""

    passes, refuses = 1, 1

    def render(self, digest, picture=None):
        items = [item for section in digest.sections for item in section.items]
        return tuple(Part(payload={}, plain=plain_text(item.lines), covers=item.covers) for item in items)

    async def send(self, address: str, part: Part, *, plain: bool = False, ready=None) -> str:
        if self.passes == 0 and self.refuses:
            self.refuses -= 1
            raise SendError("not now")
        self.passes = max(self.passes - 1, 0)
        self.told.append(part.plain.partition(" (")[0])
        return str(len(self.told))


async def test_who_wants_less_between_two_parts_of_a_digest_is_told_all_that_is_owed_still(store):
    pages = Pages("pages")
    await store.subscribe(
        Subscription(id="", channel="pages", address="1", filter=Filter(states=dict.fromkeys(["AL", "GA", "TX"], 0)))
    )
    coming = [signed(100, "AL"), signed(101, "GA"), signed(102, "TX")]
    await store.record(record(await store.known(), coming, at=NOW))
    moment = [NOW]
    work = Worker(runner(store, pages, now=lambda: moment[0]))
    await work.tick()
    await settled()
    assert pages.told == ["Número 100 Police Department"]

    (subscription,) = await store.subscriptions()
    fewer = replace(subscription.filter, states=dict.fromkeys(("GA", "TX"), 0))
    await store.change_subscription(replace(subscription, filter=fewer))
    moment[0] += timedelta(minutes=2)
    await work.tick()
    await settled()
    assert pages.told == [f"Número {number} Police Department" for number in (100, 101, 102)]
    assert (await store.subscriptions())[0].due_at is None


class Slow:
    """A source whose reading takes its time."""

    name = "slow"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def read(self, fetch, status):
        await asyncio.sleep(self._seconds)
        raise Unreachable("slow: nothing there")


async def test_a_lease_is_held_as_long_as_the_work_takes_and_no_longer(store, monkeypatch):
    monkeypatch.setattr(runner_module, "KEPT_EVERY", 0.04)
    held = []

    async def hold(name, seconds):
        held.append((name, seconds))

    monkeypatch.setattr(store, "extend_lease", hold)
    await runner(store).poll(Slow(0.0))
    await asyncio.sleep(0.06)
    assert not held
    await runner(store).poll(Slow(0.1))
    assert held[:2] == [("source slow", 0.08)] * 2
    count = len(held)
    await asyncio.sleep(0.06)
    assert len(held) == count
