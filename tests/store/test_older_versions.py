"""A folder and a database written by an older version open with everything in them.

The fixtures were written by the program itself, at the version before this test, from made-up agencies: the folder was
left as by a kill, then moved to a database, which was dumped. They stay as they are; a new format gets new ones.
"""

import gzip
import tarfile
from datetime import UTC, datetime, time
from pathlib import Path

import msgspec
import psycopg
import pytest
from support.samples import MINUTE, NOON, picture, signed, subscription

from bot.domain.change import Kind
from bot.domain.language import Language
from bot.domain.subscription import Cadence, owed
from bot.store import Record
from bot.store.postgres.migrate import migrate
from bot.store.postgres.store import PostgresStore
from bot.store.rules.stored_names import from_stored, to_stored
from bot.store.tiny import snapshot
from bot.store.tiny.store import TinyStore

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def folder(tmp_path):
    with tarfile.open(FIXTURES / "folder-format-1.tar.xz") as archive:
        archive.extractall(tmp_path / "data", filter="data")
    return tmp_path / "data"


@pytest.fixture
def old_database(server):
    url = server.make()
    with psycopg.connect(url) as db:
        db.execute(gzip.decompress((FIXTURES / "database-format-1.sql.gz").read_bytes()))
    return url


async def test_a_folder_of_format_1_opens_with_everything_in_it(folder):
    reader = TinyStore.open(folder, readonly=True)
    seen = await picture(reader)
    store = TinyStore.open(folder)
    assert [notice.split(" had")[0] for notice in store.notices] == 2 * ["slack C012345"]
    merged = ("subscriptions", "receipts")
    assert {name: part for name, part in (await picture(store)).items() if name not in merged} == {
        name: part for name, part in seen.items() if name not in merged
    }
    seen = await picture(store)
    await holds_what_was_written(store)
    await store.close()
    store = TinyStore.open(folder)  # now from what this version wrote
    assert await picture(store) == seen
    await holds_what_was_written(store)
    await goes_on(store)
    await store.close()


async def test_a_database_of_format_1_opens_with_everything_in_it(old_database, folder):
    migrate(old_database)
    store, tiny = await PostgresStore.open(old_database), TinyStore.open(folder)
    await holds_what_was_written(store)
    assert await store.everything() == await tiny.everything()
    await goes_on(store)
    await store.close()
    await tiny.close()


async def holds_what_was_written(store):
    everything = await store.everything()
    assert [c.seq for c in everything.changes] == list(range(1, 15))
    assert everything.changes[-1].kind is Kind.MENTIONED
    assert len(everything.known.participating) == 9
    assert [held.id for held in everything.held] == ["00000003"]
    assert [s.source for s in everything.statuses] == [
        "Nash County, NC", "a", "b", "ice", "source 0", "source 1", "source 3"
    ]  # fmt: skip
    assert {s.id: s.last_sent_at for s in everything.subscriptions} == {
        "s3": NOON + 21 * MINUTE, "s4": NOON + 52 * MINUTE, "s5": None
    }, "three subscriptions of one channel are one now"  # fmt: skip
    daily, _, changed = everything.subscriptions
    assert (daily.cadence, daily.at, daily.tz, daily.language) == (
        Cadence.DAILY, time(8, 30), "America/Chicago", Language.SPANISH
    )  # fmt: skip
    assert {each.weekday for each in everything.subscriptions} == {changed.before.weekday} == {0}, "Mondays, as ever"
    assert daily.due_at == datetime(2026, 5, 15, 13, 30, tzinfo=UTC), "no second digest on the day of the last one"
    assert (set(changed.filter.counties), set(changed.before.filter.states)) == ({"TX/harris"}, {"NC"})
    assert [r.message_id for r in everything.receipts] == ["5", None, "77", "32", None, "78"]
    assert everything.notes == {"told": {"held 00000001": "2026-05-14"}}
    assert everything.next_number == 7
    for sha256 in await store.evidence_names():
        assert (await store.evidence(sha256)).body.startswith(b"rows of ")
    assert len(await store.evidence_names()) == 5


async def goes_on(store):
    known = (await store.known()).after([signed(900, "TX")])
    [recorded] = await store.record(
        Record(
            status=await store.source_status("ice"),
            recorded_at=NOON + 60 * MINUTE,
            known=known,
            changes=(signed(900, "TX"),),
        )
    )
    assert recorded.seq == 15
    assert (await store.subscribe(subscription())).id == "s7"


async def test_the_names_that_are_stored_stay_the_same(tmp_path, database):
    tiny, postgres = TinyStore.open(tmp_path / "data"), await PostgresStore.open(database)
    for store in (tiny, postgres):
        mine = await store.subscribe(subscription())
        await store.advance(mine.id, 0, NOON)
        await store.close()
    await TinyStore.open(tmp_path / "data").close()
    with psycopg.connect(database) as db:
        [[body]] = db.execute("SELECT body FROM subscriptions").fetchall()
    for text in ((tmp_path / "data/journal-1.jsonl").read_text(), (tmp_path / "data/state.json").read_text(), body):
        assert '"told_at":"2026-05-14T12:00:00.250000Z"' in text
        assert "last_sent_at" not in text


def test_a_stored_name_inside_a_text_stays_as_it_was_typed():
    typed = {"last_sent_at": 1, "text": '"told_at": "last_sent_at":'}
    stored = to_stored(msgspec.json.encode(typed))
    assert msgspec.json.decode(stored) == {"told_at": 1, "text": typed["text"]}
    assert msgspec.json.decode(from_stored(stored)) == typed


# Format 2: a group became a supergroup whose own subscription was further on. Texas, Alabama and Florida were signed as
# changes 5, 6 and 7. The supergroup got 5 and 7, and the group, which also watches Alabama, got none of them. Another
# chat has the time zone `localtime`.


@pytest.fixture
def folder_2(tmp_path):
    with tarfile.open(FIXTURES / "folder-format-2.tar.xz") as archive:
        archive.extractall(tmp_path / "data", filter="data")
    return tmp_path / "data"


@pytest.fixture
def database_2(server):
    url = server.make()
    with psycopg.connect(url) as db:
        db.execute(gzip.decompress((FIXTURES / "database-format-2.sql.gz").read_bytes()))
    return url


async def test_a_folder_in_which_a_chat_has_two_subscriptions_opens_with_one(folder_2):
    store = TinyStore.open(folder_2)
    assert store.notices == ("telegram -1001234567890 had two subscriptions, s1 and s2. They are now one, s2.",)
    await owes_exactly_what_was_missed(store)
    await store.close()
    store = TinyStore.open(folder_2)
    assert store.notices == ()
    await owes_exactly_what_was_missed(store)
    await store.close()


async def test_a_database_in_which_a_chat_has_two_subscriptions_migrates_to_one(database_2, folder_2):
    assert migrate(database_2)
    store, tiny = await PostgresStore.open(database_2), TinyStore.open(folder_2)
    await owes_exactly_what_was_missed(store)
    assert await store.everything() == await tiny.everything()
    await tiny.close()
    await store.close()
    with psycopg.connect(database_2) as db, pytest.raises(psycopg.errors.UniqueViolation):
        db.execute("INSERT INTO subscriptions SELECT 99, channel, address, states, NULL, NULL, body FROM subscriptions")


async def test_a_merge_that_could_not_be_saved_whole_is_made_again(folder_2):
    kept = {path.name: path.read_bytes() for path in folder_2.iterdir() if path.is_file()}
    store = TinyStore.open(folder_2)
    await store.close()
    for name, body in kept.items():  # as if the new snapshot had never been put in place
        (folder_2 / name).write_bytes(body)
    for path in folder_2.glob("journal-*.jsonl"):
        if path.name not in kept:
            path.unlink()
    store = TinyStore.open(folder_2)
    await owes_exactly_what_was_missed(store)
    await store.close()


async def owes_exactly_what_was_missed(store):
    one = await store.find("telegram", "-1001234567890")
    assert (one.id, set(one.filter.states), one.tz) == ("s2", {"TX", "AL", "FL"}, "America/Chicago")
    assert [c.seq for c in owed(one, await store.changes())] == [6]
    assert one.due_at == NOON + 2 * MINUTE
    assert {r.subscription for r in await store.receipts()} == {"s2", "s4"}
    [stopped] = await store.unreadable()
    assert (stopped.id, stopped.channel, stopped.address) == ("s3", "telegram", "7")
    due = await store.due(datetime(2027, 1, 1, tzinfo=UTC))
    assert [s.id for s in due] == ["s2", "s4"], "the unreadable one stops only itself"


async def test_what_format_3_and_older_stored_asks_for_no_type_of_agency(folder, folder_2):
    for old in (folder, folder_2):
        store = TinyStore.open(old)
        for found in await store.subscriptions():
            assert (found.filter.agency_types, found.with_statewide) == ({}, None)
        await store.close()
        assert f'"format":{snapshot.FORMAT}' in (old / "state.json").read_text().replace(" ", "")
