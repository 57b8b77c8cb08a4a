"""Several programs on one database: each piece of work belongs to one, and a slow one's late writes are refused."""

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
    """Let a lease run out, as the database's clock would."""
    with psycopg.connect(database) as db:
        assert db.execute("UPDATE leases SET until = now() - interval '1 second' WHERE name = %s", (name,)).rowcount


def cut_off_the_leaders(database):
    """Cut the connections of the leaders, as a network may, and return how many there were."""
    with psycopg.connect(database, autocommit=True) as db:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
        return len(db.execute(cut + "(SELECT oid FROM pg_database WHERE datname = current_database())").fetchall())


async def test_due_subscriptions_are_shared_out_and_no_two_programs_get_the_same(three):
    everybody = await crowd(three[0], 60)

    async def some(store):
        taken = []
        while batch := await store.claim_due(NOON, "slack", 7):
            taken += [s.id for s in batch]
        return taken

    taken = await asyncio.gather(*map(some, three))
    assert sorted(id_ for batch in taken for id_ in batch) == sorted(everybody)
    assert all(taken)


async def test_the_longest_due_are_claimed_first_and_only_of_one_channel(three):
    one = three[0]
    for state in ("FL", "TX"):
        await one.subscribe(subscription([state]))
    await one.record(record(await one.known(), [signed(1, "TX")]))
    await one.record(record(await one.known(), [signed(2, "FL")], at=NOON + MINUTE))
    assert await one.claim_due(NOON + MINUTE, "telegram", 9) == ()
    assert await one.claim_due(NOON + MINUTE, "slack", 0) == ()
    assert [s.id for s in await one.claim_due(NOON + MINUTE, "slack", 1)] == ["s2"]
    assert [s.id for s in await one.claim_due(NOON + MINUTE, "slack", 9)] == ["s1"]


async def test_a_lease_that_was_released_or_ran_out_goes_to_another(three, database):
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
    assert (await slow.subscription(mine)).cursor == 1, "a late release takes nothing from the next program"


async def test_only_the_program_that_leased_a_source_records_it(three, database):
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


async def test_a_lease_is_extended_only_when_less_is_left_than_needed(three, database):
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


async def test_one_program_leads_and_another_takes_over_when_it_ends(three):
    one, other, third = three
    assert await one.leadership_in("sender telegram 1") > 0
    assert await one.leadership_in("sender telegram 1") > 0
    assert await other.leadership_in("sender telegram 1") is None
    assert await other.leadership_in("sender telegram 2") > 0
    await one.close()
    assert await third.leadership_in("sender telegram 1") > 0


@pytest.mark.slow
async def test_a_new_leader_waits_until_the_one_before_has_noticed(three, database, monkeypatch):
    monkeypatch.setattr(leases, "LEADER_TRUSTS", 0.5)
    monkeypatch.setattr(leases, "NEW_LEADER_WAITS", 1.5)
    one, other, _ = three
    await asyncio.sleep(await one.leadership_in("sender telegram 1"))
    assert await one.leadership_in("sender telegram 1") == 0
    assert cut_off_the_leaders(database) == 1
    until = time.monotonic() + 20
    while (wait := await other.leadership_in("sender telegram 1")) is None:
        assert time.monotonic() < until
    assert wait > 1
    assert await one.leadership_in("sender telegram 1") == 0, "it asked just now and cannot know yet"
    await asyncio.sleep(0.6)
    assert await one.leadership_in("sender telegram 1") is None
    await asyncio.sleep(await other.leadership_in("sender telegram 1"))
    assert await other.leadership_in("sender telegram 1") == 0


async def test_a_leader_that_hangs_loses_the_lead(three, monkeypatch):
    monkeypatch.setattr(leases, "LEADER_IDLE", 1)
    one, other, _ = three
    monkeypatch.setattr(leases, "LEADER_TRUSTS", 0)
    assert await one.leadership_in("sender telegram 1") > 0
    until = time.monotonic() + 20
    while await other.leadership_in("sender telegram 1") is None:
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    assert await one.leadership_in("sender telegram 1") is None


@pytest.mark.slow
async def test_nobody_knows_who_leads_without_the_database(server, database):
    store = await PostgresStore.open(database)
    assert await store.leadership_in("sender telegram 1") > 0
    server.stop()
    try:
        await asyncio.sleep(leases.LEADER_TRUSTS)
        with pytest.raises(StoreUnavailable):
            await store.leadership_in("sender telegram 1")
    finally:
        server.start()
    assert await store.leadership_in("sender telegram 1") > 0
    await store.close()


async def test_another_program_is_woken_when_something_is_recorded(three):
    one, other, _ = three
    hears = asyncio.create_task(other.wait_for_changes())
    async with asyncio.timeout(20):
        while not hears.done():
            await one.record(record(await one.known(), [signed(await one.last_seq(), "FL")]))
            await asyncio.sleep(0.1)
    await hears


async def test_a_message_that_is_out_is_noted_once_the_database_is_back(server, database):
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


def test_a_lease_outlasts_the_slowest_send_of_any_channel_and_its_receipt():
    from bot.channels.apprise import AppriseSender
    from bot.channels.slack.sender import SlackSender
    from bot.channels.telegram.sender import TelegramSender
    from bot.pipeline.deliver import NOTED_WITHIN

    made = [TelegramSender(token="1:x"), SlackSender(token="xoxb-1"), AppriseSender()]
    assert max(sender.timeout for sender in made) + NOTED_WITHIN < leases.LEASE <= 45, "as the README says"
