"""Several programs on one database: each piece of work is one program's, and what a slow one writes is refused."""

import asyncio
import time

import psycopg
import pytest
from support.samples import MINUTE, NOON, receipt, record, signed, status, subscription

from bot.errors import LeaseLost, StoreUnavailable
from bot.store.postgres import leases
from bot.store.postgres.store import PostgresStore


@pytest.fixture
async def three(database):
    stores = [await PostgresStore.open(database) for _ in range(3)]
    yield stores
    for store in stores:
        await store.close()


async def crowd(store, size):
    made = [await store.subscribe(subscription(["FL"])) for _ in range(size)]
    await store.record(record(await store.known(), [signed(1, "FL")]))
    return {s.id for s in made}


def expire(database, name):
    """What the database's clock does to a lease whose time is up."""
    with psycopg.connect(database) as db:
        assert db.execute("UPDATE leases SET until = now() - interval '1 second' WHERE name = %s", (name,)).rowcount


def end_of_the_elected(database):
    """Cut the connection on which somebody was elected, as a network may; how many there were."""
    with psycopg.connect(database, autocommit=True) as db:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
        return len(db.execute(cut + "(SELECT oid FROM pg_database WHERE datname = current_database())").fetchall())


async def test_what_is_due_is_shared_out_and_nobody_gets_what_another_has(three):
    everybody = await crowd(three[0], 60)

    async def some(store):
        taken = []
        while batch := await store.claim_due(NOON, "slack", 7):
            taken += [s.id for s in batch]
        return taken

    taken = await asyncio.gather(*map(some, three))
    assert sorted(id_ for batch in taken for id_ in batch) == sorted(everybody)
    assert all(taken)


async def test_of_those_due_the_longest_due_are_taken_first_and_only_of_that_channel(three):
    one = three[0]
    for state in ("FL", "TX"):
        await one.subscribe(subscription([state]))
    await one.record(record(await one.known(), [signed(1, "TX")]))
    await one.record(record(await one.known(), [signed(2, "FL")], at=NOON + MINUTE))
    assert await one.claim_due(NOON + MINUTE, "telegram", 9) == ()
    assert await one.claim_due(NOON + MINUTE, "slack", 0) == ()
    assert [s.id for s in await one.claim_due(NOON + MINUTE, "slack", 1)] == ["s2"]
    assert [s.id for s in await one.claim_due(NOON + MINUTE, "slack", 9)] == ["s1"]


async def test_what_is_released_or_expired_may_be_taken_by_another(three, database):
    one, other, _ = three
    [mine] = await crowd(one, 1)
    assert await one.claim_due(NOON, "slack", 9)
    assert not await other.claim_due(NOON, "slack", 9)
    await one.release(mine)
    assert await other.claim_due(NOON, "slack", 9)
    expire(database, mine)
    assert await one.claim_due(NOON, "slack", 9)


async def test_a_program_that_outlived_its_lease_writes_nothing(three, database):
    slow, quick, _ = three
    [mine] = await crowd(slow, 1)
    await slow.claim_due(NOON, "slack", 9)
    await slow.pin(mine, 1, NOON)
    expire(database, mine)
    for taken_over in (False, True):
        if taken_over:
            await quick.claim_due(NOON, "slack", 9)
        before = await quick.subscription(mine)
        for late in (
            slow.pin(mine, 1, NOON),
            slow.sent(receipt(mine, message_id="1")),
            slow.advance(mine, 1),
            slow.defer(mine, NOON + MINUTE),
            slow.failed(receipt(mine, error="500"), before),
            slow.extend_lease(mine, leases.LEASE),
        ):
            with pytest.raises(LeaseLost):
                await late
        assert await quick.subscription(mine) == before
        assert await quick.receipts() == ()
    await slow.release(mine)
    await quick.advance(mine, 1)
    assert (await slow.subscription(mine)).cursor == 1, "what a late program lets go of is not taken from the next"


async def test_a_source_is_read_by_one_and_recorded_by_that_one_alone(three, database):
    slow, quick, _ = three
    assert await slow.lease("source ice")
    assert not await quick.lease("source ice")
    brought = record(await slow.known(), [signed(1, "FL")])
    expire(database, "source ice")
    assert await quick.lease("source ice")
    await quick.record(brought)
    with pytest.raises(LeaseLost):
        await slow.record(brought)
    with pytest.raises(LeaseLost):
        await slow.remember(status())
    assert await slow.last_seq() == 1


async def test_a_lease_is_renewed_only_when_it_has_less_left_than_is_needed(three, database):
    one, *_ = three
    [mine] = await crowd(one, 1)
    await one.claim_due(NOON, "slack", 9)

    def until():
        with psycopg.connect(database) as db:
            return db.execute("SELECT until FROM leases WHERE name = %s", (mine,)).fetchone()[0]

    first = until()
    await one.extend_lease(mine, leases.LEASE - 30)
    assert until() == first
    await one.extend_lease(mine, leases.LEASE)
    assert until() > first
    with pytest.raises(LeaseLost):
        await one.extend_lease("s99", 1)


async def test_one_is_elected_and_another_takes_over_when_it_ends(three):
    one, other, third = three
    assert await one.leadership_in("sender telegram 1") > 0
    assert await one.leadership_in("sender telegram 1") > 0
    assert await other.leadership_in("sender telegram 1") is None
    assert await other.leadership_in("sender telegram 2") > 0
    await one.close()
    assert await third.leadership_in("sender telegram 1") > 0


async def test_who_is_newly_elected_waits_until_the_one_before_has_noticed(three, database, monkeypatch):
    monkeypatch.setattr(leases, "SURE_FOR", 0.5)
    monkeypatch.setattr(leases, "HANDOVER", 1.5)
    one, other, _ = three
    await asyncio.sleep(await one.leadership_in("sender telegram 1"))
    assert await one.leadership_in("sender telegram 1") == 0
    assert end_of_the_elected(database) == 1
    until = time.monotonic() + 20
    while (wait := await other.leadership_in("sender telegram 1")) is None:
        assert time.monotonic() < until
    assert wait > 1
    assert await one.leadership_in("sender telegram 1") == 0, "it has asked just now, and cannot know yet"
    await asyncio.sleep(0.6)
    assert await one.leadership_in("sender telegram 1") is None
    await asyncio.sleep(await other.leadership_in("sender telegram 1"))
    assert await other.leadership_in("sender telegram 1") == 0


async def test_one_that_is_elected_and_hangs_loses_it(three, monkeypatch):
    monkeypatch.setattr(leases, "LEADER_IDLE", 1)
    one, other, _ = three
    monkeypatch.setattr(leases, "SURE_FOR", 0)
    assert await one.leadership_in("sender telegram 1") > 0
    until = time.monotonic() + 20
    while await other.leadership_in("sender telegram 1") is None:
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    assert await one.leadership_in("sender telegram 1") is None


async def test_whether_one_is_elected_cannot_be_said_without_the_database(server, database):
    store = await PostgresStore.open(database)
    assert await store.leadership_in("sender telegram 1") > 0
    server.stop()
    try:
        await asyncio.sleep(leases.SURE_FOR)
        with pytest.raises(StoreUnavailable):
            await store.leadership_in("sender telegram 1")
    finally:
        server.start()
    assert await store.leadership_in("sender telegram 1") > 0
    await store.close()


async def test_another_program_hears_that_something_was_recorded(three):
    one, other, _ = three
    hears = asyncio.create_task(other.wait_for_changes())
    async with asyncio.timeout(20):
        while not hears.done():
            await one.record(record(await one.known(), [signed(await one.last_seq(), "FL")]))
            await asyncio.sleep(0.1)
    await hears


async def test_a_message_that_is_out_is_written_down_once_the_database_is_back(server, database):
    store = await PostgresStore.open(database)
    [mine] = await crowd(store, 1)
    await store.claim_due(NOON, "slack", 9)
    await store.pin(mine, 1, NOON)
    server.stop()
    writing = asyncio.create_task(store.sent(receipt(mine, message_id="out already")))
    await asyncio.sleep(1)
    assert not writing.done()
    server.start()
    await writing
    assert [r.message_id for r in await store.receipts()] == ["out already"]
    assert (await store.advance(mine, 1)).due_at is None
    await store.close()


def test_a_lease_lasts_longer_than_the_longest_send_of_any_channel_and_its_writing_down():
    from bot.channels.apprise import AppriseSender
    from bot.channels.slack.sender import SlackSender
    from bot.channels.telegram.sender import TelegramSender
    from bot.pipeline.deliver import NOTED_WITHIN

    made = [TelegramSender(token="1:x"), SlackSender(token="xoxb-1"), AppriseSender()]
    assert max(sender.timeout for sender in made) + NOTED_WITHIN < leases.LEASE <= 45, "as the README says"
