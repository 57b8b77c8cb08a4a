"""Everything due is worked on side by side, and a crowd on one channel stands in nobody's way."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.gated_channel import GatedChannel
from support.samples import first_sight, record, signed
from support.waiting import eventually

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
    """Add so many subscriptions on each channel, all owed the same change."""
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


async def test_a_crowd_waits_its_turn_unstarted_while_another_channel_is_served(store, monkeypatch):
    monkeypatch.setattr(worker, "MOST_UNDER_WAY", 20)
    shut, wide = GatedChannel("shut"), GatedChannel("wide", is_open=True)
    await due(store, shut=50, wide=50)
    work = Worker(runner(store, shut, wide))

    async def until(condition):
        while not condition():
            await work.tick()
            await asyncio.sleep(0.001)  # a loop that never pauses could keep the store's thread from running

    async with asyncio.timeout(60):
        await until(lambda: shut.waiting == 20 and len(wide.told) == 50)
    for _ in range(5):
        await work.tick()
    async with asyncio.timeout(60):  # what was sent is also recorded, in its turn at the disk
        while sum(s.pinned is not None for s in await store.subscriptions()) != 20:  # noqa: ASYNC110 - the disk is waited for
            await asyncio.sleep(0.001)
    assert shut.waiting == shut.most == 20
    assert sorted(wide.told, key=int) == [str(number) for number in range(50)]

    shut.opened.set()
    async with asyncio.timeout(60):
        await until(lambda: len(shut.told) == 50)
    await work.idle()
    assert shut.told == [str(number) for number in range(50)]
    assert all(s.due_at is None for s in await store.subscriptions())
    assert not [receipt for receipt in await store.receipts() if receipt.error]


async def test_other_work_gets_its_turn_between_the_starts_of_a_crowd(store, monkeypatch):
    gate = GatedChannel("gate", is_open=True)
    await due(store, gate=100)
    log: list[str] = []
    pin = store.pin

    async def noted(*arguments):
        log.append("crowd")
        return await pin(*arguments)

    async def other_work():
        while True:
            log.append("else")
            await asyncio.sleep(0)

    monkeypatch.setattr(store, "pin", noted)
    other = asyncio.create_task(other_work())
    work = Worker(runner(store, gate))
    await work.tick()
    await work.idle()
    other.cancel()
    assert log.count("crowd") == 100
    assert max(len(run) for run in "".join(word[0] for word in log).split("e")) <= 2


class Pages(GatedChannel):
    """Sends a message for each agency. After `passes` sends, the next `refuses` sends fail."""

    passes, refuses = 1, 1

    def render(self, digest, picture=None):
        items = [item for section in digest.sections for item in section.items]
        return tuple(Part(payload={}, plain=plain_text(item.lines), covers=item.covers) for item in items)

    async def send(self, address: str, part: Part, *, plain: bool = False, ready=None) -> str:
        if self.passes == 0 and self.refuses:
            self.refuses -= 1
            raise SendError("not now")
        self.passes = max(self.passes - 1, 0)
        self.told.append(part.plain.partition(" (")[0].removeprefix("• "))
        return str(len(self.told))


async def test_a_filter_narrowed_between_two_parts_of_a_digest_loses_nothing_still_owed(store):
    pages = Pages("pages")
    await store.subscribe(
        Subscription(id="", channel="pages", address="1", filter=Filter(states=dict.fromkeys(["AL", "GA", "TX"], 0)))
    )
    coming = [signed(100, "AL"), signed(101, "GA"), signed(102, "TX")]
    await store.record(record(await store.known(), coming, at=NOW))
    moment = [NOW]
    work = Worker(runner(store, pages, now=lambda: moment[0]))
    await work.tick()
    await work.idle()
    assert pages.told == ["Número 100 Police Department"]

    (subscription,) = await store.subscriptions()
    fewer = replace(subscription.filter, states=dict.fromkeys(("GA", "TX"), 0))
    await store.change_subscription(replace(subscription, filter=fewer))
    moment[0] += timedelta(minutes=2)
    await work.tick()
    await work.idle()
    assert pages.told == [f"Número {number} Police Department" for number in (100, 101, 102)]
    assert (await store.subscriptions())[0].due_at is None


class SlowSource:
    """A source that waits before it fails."""

    name, host = "slow", "slow.example"

    def __init__(self, wait) -> None:
        self._wait = wait

    async def read(self, fetch, status):
        await self._wait()
        raise Unreachable("slow: nothing there")


@pytest.fixture
def renewals(store, monkeypatch):
    """Every renewal of a lease, as it is asked for."""
    renewed = []

    async def extend_lease(name, seconds):
        renewed.append((name, seconds))

    monkeypatch.setattr(store, "extend_lease", extend_lease)
    return renewed


async def test_a_lease_is_renewed_while_the_work_goes_on_and_no_longer(store, monkeypatch, renewals):
    monkeypatch.setattr(runner_module, "RENEW_EVERY", 0.01)
    before = asyncio.all_tasks()
    await runner(store).poll(SlowSource(lambda: eventually(lambda: len(renewals) >= 2)))
    assert set(renewals) == {("source slow", 0.02)}
    async with asyncio.timeout(60):
        await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)  # the renewing has ended


async def test_the_lease_of_quick_work_is_not_renewed(store, renewals):
    await runner(store).poll(SlowSource(lambda: asyncio.sleep(0)))
    assert renewals == []
