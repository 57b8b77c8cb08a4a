"""The command `deliver` sends to a crowd side by side, and a failure stops no one else."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from support.gated_channel import GatedChannel
from support.samples import first_sight, record, signed

from bot.commands import operator
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.errors import SendError, StoreUnwritable
from bot.pipeline import runner as runner_module
from bot.pipeline.runner import Runner
from bot.store.tiny.store import TinyStore

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(params=["folder", "database"])
async def store(request, tmp_path, monkeypatch):
    if request.param == "folder":
        monkeypatch.setattr("os.fsync", lambda fd: None)
        store = TinyStore.open(tmp_path / "data")
    else:
        from bot.store.postgres.store import PostgresStore

        store = await PostgresStore.open(request.getfixturevalue("database"))
    await store.lease("source ice")
    await store.record(record(await store.known(), first_sight(3)))
    yield store
    await store.close()


async def due(store, **crowds) -> None:
    """Add so many subscriptions on each channel, all owed the same change."""
    everything = Filter(states={ALL_STATES: 0})
    for channel, count in crowds.items():
        for number in range(count):
            await store.subscribe(Subscription(id="", channel=channel, address=str(number), filter=everything))
    await store.record(record(await store.known(), [signed(100, "TX")], at=NOW))


def runner(store, *channels) -> Runner:
    return Runner(
        store=store,
        fetch=None,
        sources={},
        channels={channel.name: channel for channel in channels},
        now=lambda: NOW,
        every=timedelta(minutes=15),
        page="https://www.ice.gov/identify-and-arrest/287g",
    )


async def until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the channel has no event for it
            await asyncio.sleep(0)


async def test_a_crowd_is_told_side_by_side_as_many_at_a_time_as_the_channel_allows(store, monkeypatch):
    monkeypatch.setattr(runner_module, "MOST_UNDER_WAY", 20)
    gate = GatedChannel("gate")
    await due(store, gate=50)
    work = asyncio.create_task(operator.deliver(runner(store, gate)))
    await until(lambda: gate.waiting == 20)
    gate.opened.set()
    answer = await work
    assert answer == {"messages": 50, "problems": []}
    assert gate.most == 20
    assert sorted(gate.told, key=int) == [str(number) for number in range(50)]
    assert all(s.due_at is None for s in await store.subscriptions())


async def test_a_channel_that_does_not_answer_keeps_no_other_waiting(store, monkeypatch):
    monkeypatch.setattr(runner_module, "MOST_UNDER_WAY", 4)
    shut, wide = GatedChannel("shut"), GatedChannel("wide", is_open=True)
    await due(store, shut=9, wide=9)
    work = asyncio.create_task(operator.deliver(runner(store, shut, wide)))
    await until(lambda: len(wide.told) == 9 and shut.waiting == 4)
    shut.opened.set()
    assert (await work)["messages"] == 18


class Faulty(GatedChannel):
    """A channel that refuses every third address."""

    async def send(self, address, part, **how):
        if int(address) % 3 == 0:
            raise SendError(f"no {address}")
        return await super().send(address, part, **how)


async def test_messages_that_fail_stop_no_other_and_are_named_in_order(store, monkeypatch):
    monkeypatch.setattr(runner_module, "MOST_UNDER_WAY", 4)
    await due(store, faulty=9)
    answer = await operator.deliver(runner(store, Faulty("faulty", is_open=True)))
    assert answer == {"messages": 6, "problems": ["s1: no 0", "s4: no 3", "s7: no 6"]}


class Moving(GatedChannel):
    """A channel on which every chat has just moved, so that it is due again at once."""

    async def send(self, address, part, **how):
        raise SendError("moved", moved_to=f"{address}1")


async def test_a_chat_that_moved_is_not_tried_for_ever(store):
    await due(store, moving=3)
    answer = await operator.deliver(runner(store, Moving("moving")))
    assert len(answer["problems"]) == 3


async def test_if_the_store_fails_nothing_more_is_started_and_the_command_fails(store, monkeypatch):
    monkeypatch.setattr(runner_module, "MOST_UNDER_WAY", 2)
    gate = GatedChannel("gate", is_open=True)
    await due(store, gate=9)

    async def full(*_):
        raise StoreUnwritable("The disk is full.")

    monkeypatch.setattr(store, "sent", full)
    with pytest.raises(StoreUnwritable):
        await operator.deliver(runner(store, gate))
    assert len(gate.told) <= 3


async def test_a_command_that_is_stopped_stops_its_deliveries(store):
    gate = GatedChannel("gate")
    await due(store, gate=3)
    work = asyncio.create_task(operator.deliver(runner(store, gate)))
    await until(lambda: gate.waiting == 3)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (gate.waiting, gate.told) == (0, [])
