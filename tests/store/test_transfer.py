"""Everything moves from a folder to a database and back, and the proof is in counts and hashes."""

from dataclasses import replace

import pytest
from support.samples import MINUTE, NOON, document, perform, picture, receipt, record, subscription

from bot.errors import StoreBusy, StoreError, UsageError
from bot.store.postgres.store import PostgresStore
from bot.store.tiny.store import TinyStore
from bot.store.transfer import move


@pytest.fixture
async def tiny(tmp_path):
    """A folder with everything in it, ended subscriptions and notes too."""
    store = TinyStore.open(tmp_path / "data")
    for step in range(60):
        await perform(store, step)
    gone = await store.subscribe(subscription())
    await store.sent(receipt(gone.id, at=NOON + 61 * MINUTE, message_id="to one that is gone"))
    await store.unsubscribe(gone.id)
    await store.note("tokens", "T1", "sealed")
    yield store
    await store.close()


@pytest.fixture
async def postgres(database):
    store = await PostgresStore.open(database)
    yield store
    await store.close()


async def test_a_folder_moves_to_a_database_and_back_with_everything(tiny, postgres, tmp_path):
    there = await move(tiny, postgres)
    assert await postgres.contents() == await tiny.contents()
    assert await picture(postgres) == await picture(tiny)
    back = TinyStore.open(tmp_path / "back")
    assert await move(postgres, back) == there
    for _ in range(2):  # also as it is read from its files again
        assert await back.contents() == await tiny.contents()
        for sha256 in await tiny.evidence_names():
            assert await back.evidence(sha256) == await tiny.evidence(sha256)
        await back.close()
        back = TinyStore.open(tmp_path / "back")
    new = [await store.subscribe(subscription()) for store in (tiny, postgres, back)]
    assert len({s.id for s in new}) == 1, "the number of an ended subscription is not given again"
    await back.close()


async def test_what_was_moved_says_how_many_of_each(tiny, postgres):
    counts = {moved.part: moved.count for moved in await move(tiny, postgres)}
    contents = await tiny.contents()
    assert counts["changes"] == len(contents.changes) > 20
    assert counts["receipts"] == len(contents.receipts) > 5
    assert counts["evidence"] == len(await tiny.evidence_names()) > 5


async def test_a_move_that_was_broken_off_is_run_again(tiny, postgres):
    class Killed(Exception):
        pass

    def die(done, total, doing):
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        await move(tiny, postgres, die)
    assert await postgres.last_seq() == 0
    assert len(await postgres.evidence_names()) == 5
    first = await move(tiny, postgres)
    assert await move(tiny, postgres) == first, "a move that is done has nothing to do"


async def test_a_move_that_was_killed_between_a_document_and_its_label_is_run_again(tiny, tmp_path):
    back = TinyStore.open(tmp_path / "back")
    first, *_ = await tiny.evidence_names()
    await back.keep(await tiny.evidence(first))
    (tmp_path / "back" / "evidence" / first[:2] / f"{first}.json").unlink()
    assert first not in await back.evidence_names()
    await move(tiny, back)
    assert await back.evidence(first) == await tiny.evidence(first)
    await back.close()


async def test_a_folder_that_could_not_be_filled_is_as_empty_as_before(tiny, tmp_path, monkeypatch):
    from bot.errors import StoreUnwritable
    from bot.store.tiny import journal

    back = TinyStore.open(tmp_path / "back")

    def full(*_):
        raise StoreUnwritable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(journal.snapshot, "save", full)
        with pytest.raises(StoreUnwritable):
            await move(tiny, back)
        assert await back.last_seq() == 0
        await back.close()
    back = TinyStore.open(tmp_path / "back")
    assert await back.last_seq() == 0
    await move(tiny, back)
    assert await back.contents() == await tiny.contents()
    await back.close()


async def test_a_target_that_holds_something_else_is_left_alone(tiny, postgres):
    await postgres.subscribe(subscription(["GA"]))
    before = await postgres.contents()
    with pytest.raises(UsageError, match="something else"):
        await move(tiny, postgres)
    assert await postgres.contents() == before


async def test_a_target_with_evidence_of_something_else_is_left_alone(tiny, postgres):
    await postgres.keep(document(body=b"something else"))
    with pytest.raises(UsageError, match="something else"):
        await move(tiny, postgres)


async def test_nothing_is_moved_while_a_program_is_at_work(tiny, postgres, database, tmp_path):
    other = await PostgresStore.open(database)
    with pytest.raises(UsageError, match="at work"):
        await move(tiny, postgres)
    await other.close()
    with pytest.raises(StoreBusy):
        TinyStore.open(tmp_path / "data")


async def test_a_difference_is_found(tiny, postgres, monkeypatch):
    fill = postgres.fill

    async def lossy(contents):
        await fill(replace(contents, receipts=contents.receipts[:-1]))

    monkeypatch.setattr(postgres, "fill", lossy)
    with pytest.raises(StoreError, match="not what was there: receipts"):
        await move(tiny, postgres)


async def test_an_empty_store_moves_too(postgres, tmp_path):
    empty = TinyStore.open(tmp_path / "empty")
    assert {moved.count for moved in await move(empty, postgres) if moved.part != "next_number"} == {0}
    await empty.record(record(await empty.known(), at=NOON))
    await move(empty, postgres)
    assert await postgres.contents() == await empty.contents()
    await empty.close()
