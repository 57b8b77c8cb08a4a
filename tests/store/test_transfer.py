"""Everything moves from a folder to a database and back, and counts and hashes prove it."""

from dataclasses import replace

import pytest
from support.samples import MINUTE, NOON, document, perform, picture, receipt, record, subscription

from bot.errors import StoreBusy, StoreError, UsageError
from bot.store.postgres.store import PostgresStore
from bot.store.tiny.store import TinyStore
from bot.store.transfer import move


@pytest.fixture
async def tiny(tmp_path):
    """Make a folder with everything in it, ended subscriptions and notes too."""
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
    assert await postgres.everything() == await tiny.everything()
    assert await picture(postgres) == await picture(tiny)
    back = TinyStore.open(tmp_path / "back")
    assert await move(postgres, back) == there
    for _ in range(2):  # also as it is read from its files again
        assert await back.everything() == await tiny.everything()
        for sha256 in await tiny.evidence_names():
            assert await back.evidence(sha256) == await tiny.evidence(sha256)
        await back.close()
        back = TinyStore.open(tmp_path / "back")
    new = [await store.subscribe(subscription()) for store in (tiny, postgres, back)]
    assert len({s.id for s in new}) == 1, "the number of an ended subscription is not given again"
    await back.close()


async def test_a_move_reports_how_many_of_each_were_moved(tiny, postgres):
    counts = {moved.part: moved.count for moved in await move(tiny, postgres)}
    everything = await tiny.everything()
    assert counts["changes"] == len(everything.changes) > 20
    assert counts["receipts"] == len(everything.receipts) > 5
    assert counts["evidence"] == len(await tiny.evidence_names()) > 5


async def test_an_interrupted_move_is_finished_by_the_next(tiny, postgres):
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


async def test_a_move_killed_between_a_document_and_its_label_is_finished_by_the_next(tiny, tmp_path):
    back = TinyStore.open(tmp_path / "back")
    first, *_ = await tiny.evidence_names()
    await back.keep(await tiny.evidence(first))
    (tmp_path / "back" / "evidence" / first[:2] / f"{first}.json").unlink()
    assert first not in await back.evidence_names()
    await move(tiny, back)
    assert await back.evidence(first) == await tiny.evidence(first)
    await back.close()


async def test_a_folder_that_could_not_be_filled_stays_empty(tiny, tmp_path, monkeypatch):
    from bot.errors import StoreUnwritable
    from bot.store.tiny import snapshot

    back = TinyStore.open(tmp_path / "back")

    def full(*_):
        raise StoreUnwritable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(snapshot, "save", full)
        with pytest.raises(StoreUnwritable):
            await move(tiny, back)
        assert await back.last_seq() == 0
        await back.close()
    back = TinyStore.open(tmp_path / "back")
    assert await back.last_seq() == 0
    await move(tiny, back)
    assert await back.everything() == await tiny.everything()
    await back.close()


async def test_a_target_that_holds_something_else_is_left_alone(tiny, postgres):
    await postgres.subscribe(subscription(["GA"]))
    before = await postgres.everything()
    with pytest.raises(UsageError, match="isn't empty"):
        await move(tiny, postgres)
    assert await postgres.everything() == before


async def test_a_target_with_other_evidence_is_left_alone(tiny, postgres):
    await postgres.keep(document(body=b"something else"))
    with pytest.raises(UsageError, match="isn't empty"):
        await move(tiny, postgres)


async def test_nothing_is_moved_while_another_program_is_running(tiny, postgres, database, tmp_path):
    other = await PostgresStore.open(database)
    with pytest.raises(UsageError, match="is using the database"):
        await move(tiny, postgres)
    await other.close()
    with pytest.raises(StoreBusy):
        TinyStore.open(tmp_path / "data")


async def test_a_difference_is_found(tiny, postgres, monkeypatch):
    fill = postgres.fill

    async def lossy(everything):
        await fill(replace(everything, receipts=everything.receipts[:-1]))

    monkeypatch.setattr(postgres, "fill", lossy)
    with pytest.raises(StoreError, match="differs from the source: receipts"):
        await move(tiny, postgres)


async def test_an_empty_store_moves_too(postgres, tmp_path):
    empty = TinyStore.open(tmp_path / "empty")
    assert {moved.count for moved in await move(empty, postgres) if moved.part != "next_number"} == {0}
    await empty.record(record(await empty.known(), at=NOON))
    await move(empty, postgres)
    assert await postgres.everything() == await empty.everything()
    await empty.close()
