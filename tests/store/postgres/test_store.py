"""What only the PostgreSQL store does: numbers that commit in order, versions, a server that goes away."""

import asyncio
from dataclasses import replace

import psycopg
import pytest
from support.samples import MINUTE, NOON, document, perform, picture, receipt, record, signed, status, subscription

from bot.domain.change import Kind
from bot.domain.subscription import Cadence, Filter
from bot.errors import StoreError, StoreUnavailable
from bot.store.postgres.migrate import migrate
from bot.store.postgres.migrations import FORMAT
from bot.store.postgres.store import PostgresStore

NEWER = f"{int(FORMAT) + 1:04}"


@pytest.fixture
async def pair(database):
    """Two programs on one database."""
    stores = [await PostgresStore.open(database) for _ in range(2)]
    yield stores
    for store in stores:
        await store.close()


def transaction(database):
    """Open a transaction of another program, which ends with the block."""
    return psycopg.connect(database)


async def waiting(database):
    """Return how many sessions wait for a lock."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as db:
        found = await db.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return (await found.fetchone())[0]


async def until_waiting(database, count=1):
    async with asyncio.timeout(20):
        while await waiting(database) < count:  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.02)


async def test_the_lower_number_commits_first_however_late_its_recorder_is(pair, database):
    one, other = pair
    with transaction(database) as db:  # another recorder has its number and does not come to its end
        db.execute("SELECT 1 FROM ledger FOR UPDATE")
        late = asyncio.create_task(other.record(record(await other.known(), [signed(2, "FL")])))
        await until_waiting(database)
        assert await one.last_seq() == 0
        db.execute("INSERT INTO changes SELECT 1, %s", (_body(replace(signed(1, "FL"), seq=1, recorded_at=NOON)),))
        db.execute("UPDATE ledger SET last_seq = 1")
        assert list(await other.changes()) == [], "nobody sees a number that is not committed"
    [recorded] = await late
    assert recorded.seq == 2
    for store in pair:
        assert [c.seq for c in await store.changes()] == [1, 2]


def _body(change):
    import msgspec

    return msgspec.json.encode(change).decode()


async def test_many_recorders_leave_no_gap_and_every_reader_sees_their_numbers_in_order(pair):
    seen, done = [], asyncio.Event()

    async def read():
        reader = pair[1]
        while not done.is_set():
            seen.append([c.seq for c in await reader.changes()])

    async def write(number):
        for step in range(10):
            at = number * 100 + step
            while True:  # another may have recorded since this one looked
                try:
                    await pair[step % 2].record(record(await pair[step % 2].known(), [signed(at)]))
                    break
                except StoreError:
                    continue

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(4)))
    done.set()
    await reading
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen)
    assert await pair[0].last_seq() == 40


async def test_a_new_subscription_waits_for_a_recorder_and_starts_after_it(pair, database):
    _, other = pair
    with transaction(database) as db:
        db.execute("UPDATE ledger SET last_seq = 7")
        new = asyncio.create_task(other.subscribe(subscription(["FL"])))
        await until_waiting(database)
    assert (await new).cursor == 7


async def test_a_change_recorded_while_another_program_advances_is_due_afterwards(pair, database):
    one, other = pair
    mine = await one.subscribe(subscription(["FL"]))
    await one.record(record(await one.known(), [signed(1, "FL")]))
    await one.pin(mine.id, 1, NOON)
    with transaction(database) as db:  # it has looked at the log and does not come to its end
        db.execute("SELECT 1 FROM subscriptions FOR UPDATE")
        db.execute("UPDATE subscriptions SET due_at = NULL, wakes_at = NULL")
        recorded = asyncio.create_task(other.record(record(await other.known(), [signed(2, "FL")], at=NOON + MINUTE)))
        await until_waiting(database)
    await recorded
    assert [s.due_at for s in await one.due(NOON + MINUTE)] == [NOON + MINUTE]


@pytest.mark.parametrize("round_", range(5))
async def test_recording_and_advancing_side_by_side_lose_nothing(pair, round_):
    one, other = pair
    mine = await one.subscribe(subscription(["FL"]))
    for number in range(8):
        await one.record(record(await one.known(), [signed(2 * number, "FL")], at=NOON))
        upto = await one.last_seq()
        brought = record(await other.known(), [signed(2 * number + 1, "FL")], at=NOON + MINUTE)
        await asyncio.gather(one.advance(mine.id, upto), other.record(brought))
        assert [s.id for s in await one.due(NOON + MINUTE)] == [mine.id]


async def test_a_retraction_is_due_before_the_hour_of_a_digest(pair, database):
    one, _ = pair
    await one.record(record(await one.known(), [signed(1, "FL")]))
    mine = await one.subscribe(replace(subscription(["FL"], Cadence.DAILY), created_at=NOON))
    mine = await one.change_subscription(replace(mine, filter=Filter(states={"FL": 0}, kinds=mine.filter.kinds)))
    [wrong] = await one.changes()
    with transaction(database) as db:  # it was told before: both cursor and entries are older than the change
        db.execute(
            "UPDATE subscriptions SET body = %s", (_body(replace(mine, filter=Filter(states={"FL": 0}), cursor=1)),)
        )
    await one.sent(receipt(mine.id, message_id="1"))
    taken_back = replace(wrong, kind=Kind.RETRACTED, retracted=wrong.kind, retracts=1, seq=0, recorded_at=None)
    await one.record(record(await one.known(), [signed(3, "FL")], at=NOON + MINUTE))
    assert list(await one.due(NOON + MINUTE)) == []
    await one.record(record(await one.known(), [taken_back], at=NOON + 2 * MINUTE))
    assert [s.id for s in await one.due(NOON + 2 * MINUTE)] == [mine.id]


async def test_both_stores_say_the_same_after_the_same_steps(database, tmp_path):
    from bot.store.tiny.store import TinyStore

    tiny, postgres = TinyStore.open(tmp_path / "data"), await PostgresStore.open(database)
    for step in range(60):
        await perform(tiny, step)
        await perform(postgres, step)
    assert await picture(postgres) == await picture(tiny)
    await tiny.close()
    await postgres.close()


async def test_receipts_are_kept_for_ninety_days(pair):
    one, _ = pair
    mine = await one.subscribe(subscription(["FL"]))
    await one.sent(receipt(mine.id, at=NOON, message_id="old"))
    await one.sent(receipt(mine.id, at=NOON + 1440 * MINUTE, message_id="new"))
    await one.remember(status(NOON + 90 * 1440 * MINUTE))
    assert [r.message_id for r in await one.receipts()] == ["old", "new"]
    await one.remember(status(NOON + 90 * 1440 * MINUTE + MINUTE))
    assert [r.message_id for r in await one.receipts()] == ["new"]


# The tables


async def test_a_database_without_tables_is_refused_and_told_to_migrate(server):
    with pytest.raises(StoreError, match="Run `countersign migrate`"):
        await PostgresStore.open(server.make())


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("0000", rf"older Countersign \(format 0; this program needs {int(FORMAT)}\). Run `countersign migrate`"),
        (
            NEWER,
            rf"newer Countersign \(format {int(NEWER)}; this program reads up to {int(FORMAT)}\). Update the program",
        ),
    ],
)
async def test_a_database_of_another_format_is_refused_in_words(database, found, said):
    with psycopg.connect(database) as db:
        db.execute("UPDATE alembic_version SET version_num = %s", (found,))
    with pytest.raises(StoreError, match=said):
        await PostgresStore.open(database)


def test_a_second_migration_has_nothing_to_do_and_leaves_a_newer_database_alone(database):
    assert migrate(database) is False
    with psycopg.connect(database) as db:
        db.execute("UPDATE alembic_version SET version_num = %s", (NEWER,))
    with pytest.raises(StoreError, match="newer Countersign"):
        migrate(database)


@pytest.mark.parametrize(
    "odd", ["INSERT INTO alembic_version VALUES ('0001')", "UPDATE alembic_version SET version_num = '0000'"]
)
def test_a_format_that_no_version_wrote_is_refused_in_words(database, odd):
    with psycopg.connect(database) as db:
        db.execute(odd)
    with pytest.raises(StoreError, match=r"content that no Countersign wrote, so nothing was changed\. Restore"):
        migrate(database)


def test_two_migrations_at_once_run_one_after_the_other(server):
    from concurrent.futures import ThreadPoolExecutor

    url = server.make()
    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(migrate, [url, url])) == [False, True]


def test_the_migrations_make_the_tables_the_store_uses(database):
    import sqlalchemy as sa
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    import bot.store.postgres
    from bot.store.postgres.tables import METADATA

    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()
    folder = bot.store.postgres.__path__[0] + "/migrations"
    assert ScriptDirectory(folder).get_current_head() == FORMAT


# A server that isn't as we need it


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_cannot_hold_every_name_is_refused_before_it_holds_anything(server, encoding):
    name = f"other_{encoding.lower()}"
    with psycopg.connect(server.url(), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with pytest.raises(StoreError, match=f"has the encoding {encoding}, and it must be UTF8. Create another"):
        migrate(server.url(name))
    with pytest.raises(StoreError, match="has no Countersign tables yet"):
        await PostgresStore.open(server.url(name))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("ALTER DATABASE {} SET default_transaction_read_only = on", "Set DATABASE_URL to the primary server"),
        ("ALTER TABLE notes DROP COLUMN value", "Restore the database from a backup"),
    ],
)
async def test_an_error_of_the_database_says_what_to_do(database, broken, said):
    with psycopg.connect(database, autocommit=True) as db:
        db.execute(broken.format(db.info.dbname))
    store = await PostgresStore.open(database)
    with pytest.raises(StoreError, match=said):
        await store.note("tokens", "T1", "x")
    assert ("is read-only now" in " ".join(store.notices)) is ("read_only" in broken)
    await store.close()


@pytest.mark.parametrize("lost", [("leases",), ("notes", "evidence")])
async def test_a_database_that_lacks_a_table_is_refused_when_it_is_opened(database, lost):
    with psycopg.connect(database, autocommit=True) as db:
        db.execute(f"DROP TABLE {', '.join(lost)}")
    with pytest.raises(StoreError, match=f"lacks the tables? {', '.join(sorted(lost))}. Restore it from a backup"):
        await PostgresStore.open(database)


@pytest.mark.parametrize("address", ["127.0.0.1:1/d", "127.0.0.1/d?host=/nowhere", "name.invalid/d"])
async def test_a_database_that_cannot_be_reached_says_what_to_check(address):
    with pytest.raises(StoreUnavailable, match="Check DATABASE_URL, and that the database server is running"):
        await PostgresStore.open(f"postgresql://u:secret@{address}")


# A server that goes away


async def test_a_store_goes_on_after_its_server_was_restarted(server, database):
    store = await PostgresStore.open(database)
    await store.record(record(await store.known(), [signed(1, "FL")]))
    server.stop()
    try:
        with pytest.raises(StoreError, match="The database failed: "):
            await store.known()
    finally:
        server.start()
    assert await store.last_seq() == 1
    await store.record(record(await store.known(), [signed(2, "FL")]))
    assert [c.seq for c in await store.changes()] == [1, 2]
    await store.close()


async def test_no_error_shows_the_password():
    with pytest.raises(StoreError) as refused:
        await PostgresStore.open("postgresql://someone:hunter2@127.0.0.1:1/nothing")
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


BROKEN = """
CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken here'; END $$;
CREATE TRIGGER broken BEFORE UPDATE ON subscriptions EXECUTE FUNCTION broken()
"""


async def test_a_reading_that_fails_in_the_middle_leaves_nothing(pair, database):
    one, other = pair
    mine = await one.subscribe(subscription(["FL"]))
    before = await picture(one)
    with transaction(database) as db:  # waking comes after everything else was written
        db.execute(BROKEN)
    with pytest.raises(StoreError, match="broken here"):
        await one.record(record(await one.known(), [signed(1, "FL")], documents=(document(),)))
    for store in (one, other):
        assert await picture(store) == before
        assert await store.evidence_names() == []
        assert (await store.subscription(mine.id)).due_at is None
