"""Updates that a platform delivers again, in one process, after a restart, and beside another program."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.app.wiring import StoredNotes
from bot.channels.once import MOST, PER_NOTE, Once
from bot.errors import StoreError
from bot.store.tiny.store import TinyStore


@pytest.fixture
async def store(tmp_path):
    store = TinyStore.open(tmp_path)
    yield store
    await store.close()


class Jobs(list):
    """Remembers the jobs done."""

    def job(self, name):
        async def do():
            self.append(name)

        return do


def notes(store) -> StoredNotes:
    return StoredNotes(store, "handled")


async def test_an_update_is_handled_once_and_an_equal_number_of_something_else_too(store):
    done = Jobs()
    for update in [(7, "a"), (7, "a"), (7, "b"), (8, "a"), (7, "a")]:
        await Once("1", notes(store)).do(update, done.job(update))
    await Once("2", notes(store)).do((7, "a"), done.job("another bot's"))
    assert done == [(7, "a"), (7, "b"), (8, "a"), "another bot's"]


async def test_an_update_is_not_handled_again_after_a_restart(tmp_path):
    done = Jobs()
    for name in ("first", "second"):
        store = TinyStore.open(tmp_path)
        await Once("1", notes(store)).do((7,), done.job(name))
        await store.close()
    assert done == ["first"]


async def test_another_program_with_the_same_store_sees_what_was_handled(store):
    done, one, other = Jobs(), Once("1", notes(store)), Once("1", notes(store))
    await other.do((6,), done.job(6))
    await one.do((7,), done.job(7))
    await other.do((7,), done.job("again"))
    await one.do((6,), done.job("again"))
    assert done == [6, 7]


async def test_a_job_that_was_cut_off_is_done_when_the_update_comes_again(store):
    done, once = Jobs(), Once("1", notes(store))

    async def cut_off():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await once.do((7,), cut_off)
    await once.do((7,), done.job("done"))
    assert done == ["done"]


async def test_a_crash_between_acting_and_remembering_loses_no_command(store):
    class Crash(BaseException):
        pass

    class Crashing(StoredNotes):
        async def put(self, key, text):
            raise Crash

    done = Jobs()
    with pytest.raises(Crash):
        await Once("1", Crashing(store, "handled")).do((7,), done.job("acted"))
    await Once("1", notes(store)).do((7,), done.job("acted again"))
    assert done == ["acted", "acted again"]


async def test_a_store_that_fails_stops_no_command_and_the_process_remembers(store):
    class Failing(StoredNotes):
        async def put(self, key, text):
            raise StoreError("the disk is full")

        async def all(self):
            raise StoreError("the disk is gone")

    done, once = Jobs(), Once("1", Failing(store, "handled"))
    with capture_logs() as logs:
        for _ in range(2):
            await once.do((7,), done.job(7))
    assert done == [7]
    assert any("couldn't record" in entry["event"] for entry in logs)


async def test_updates_handled_together_are_written_together(store):
    written = []

    class Counting(StoredNotes):
        async def put(self, key, text):
            written.append(text)
            await super().put(key, text)

    once = Once("1", Counting(store, "handled"))
    await asyncio.gather(*(once.do((number,), Jobs().job(number)) for number in range(200)))
    assert len(written) <= 2
    done = Jobs()
    for number in range(200):
        await Once("1", notes(store)).do((number,), done.job(number))
    assert done == []


@pytest.mark.slow
async def test_the_notes_are_bounded_and_the_newest_stay(store):
    once, done = Once("1", notes(store)), Jobs()
    for number in range(2 * MOST):
        await once.do((number,), done.job(number))
    kept = await store.notes("handled")
    count = sum(len(text.split()) for text in kept.values())
    assert MOST - 2 * PER_NOTE <= count <= MOST + PER_NOTE
    assert len(kept) <= MOST / PER_NOTE + 1
    await Once("1", notes(store)).do((2 * MOST - 1,), done.job("again"))
    await Once("1", notes(store)).do((MOST + 2 * PER_NOTE,), done.job("again"))
    assert "again" not in done


async def test_many_restarts_leave_no_more_notes_than_updates_are_kept(store):
    done = Jobs()
    for number in range(300):
        await Once("1", notes(store)).do((number,), done.job(number))
    await Once("1", notes(store)).do((0,), done.job("again"))
    assert done == [*range(300)]
    assert len(await store.notes("handled")) == 300
