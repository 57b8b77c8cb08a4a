"""What only the embedded store does: its files, its lock, its readers, its snapshots."""

import asyncio
import errno
import json
import os
import shutil
import stat
import tempfile
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.samples import (
    MINUTE,
    NOON,
    STATES,
    change,
    document,
    first_sight,
    perform,
    picture,
    publication,
    receipt,
    record,
    remember_together,
    signed,
    status,
    subscription,
)

from bot.domain.agreement import ListName
from bot.domain.change import Kind, Known
from bot.domain.subscription import Cadence, Filter
from bot.errors import StoreBusy, StoreCorrupt, StoreError, StoreUnwritable
from bot.store.rules.sealed_line import seal, unseal
from bot.store.tiny import journal, snapshot
from bot.store.tiny.files import Folder, LineFile, read_lines
from bot.store.tiny.store import TinyStore

NEWER = snapshot.FORMAT + 1

pytestmark = pytest.mark.usefixtures("_impatient")


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(journal, "PAUSE", 0.005)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def contents(folder):
    return {name: (folder / name).read_bytes() for name in names(folder)}


async def kill(store, folder):
    """Close the store, but leave the folder as a kill at this moment would."""
    await store.evidence_names()  # it waits its turn, so the disk is done with everything before
    with tempfile.TemporaryDirectory() as place:
        left = shutil.copytree(folder, Path(place) / "left")
        await store.close()
        shutil.rmtree(folder)
        shutil.copytree(left, folder)


async def filled(folder, steps=30, **how):
    """Perform so many steps in a store that is then killed."""
    store = TinyStore.open(folder, **how)
    for step in range(steps):
        await perform(store, step)
    seen = await picture(store)
    await kill(store, folder)
    return seen


async def opened(folder, **how):
    """Open a store and return what it says, and its notices."""
    store = TinyStore.open(folder, **how)
    seen, notices = await picture(store), store.notices
    await store.close()
    return seen, notices


# Files


async def test_the_folder_is_for_this_user_alone(folder):
    old = os.umask(0)
    try:
        await filled(folder, 10)
        await opened(folder)
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in names(folder)} == {0o600}


async def test_the_log_has_one_change_a_line_and_is_never_rewritten(folder):
    await filled(folder, 10)
    before = (folder / "changes.jsonl").read_bytes()
    store = TinyStore.open(folder)
    await store.record(record(await store.known(), [signed(500)]))
    await store.close()
    after = (folder / "changes.jsonl").read_bytes()
    assert after.startswith(before)
    last = json.loads(after.splitlines()[-1])
    assert (last["seq"], last["kind"]) == (len(after.splitlines()), "signed")
    assert last["recorded_at"].endswith("Z")


async def test_tinydb_reads_the_snapshot(folder):
    from tinydb import Query, TinyDB

    await filled(folder, 30)
    seen, _ = await opened(folder)
    db = TinyDB(folder / "state.json", access_mode="r")
    assert {"known", "former", "seen", "held", "sources", "subscriptions", "receipts"} <= db.tables()
    assert len(db.table("known")) == len(seen["known"].participating)
    assert db.table("subscriptions").get(Query().id == "s1")["channel"] == "slack"


async def test_opening_folds_the_journal_and_keeps_the_one_before(folder):
    seen = await filled(folder, 12)
    assert names(folder)[-2:] == ["journal-1.jsonl", "lock"]
    for generation in (2, 3):
        store = TinyStore.open(folder)
        assert await picture(store) == seen
        await perform(store, 12 + generation)
        seen = await picture(store)
        await kill(store, folder)
        assert f"journal-{generation}.jsonl" in names(folder)
    assert (await opened(folder)) == (seen, ())
    assert [name for name in names(folder) if "evidence" not in name] == [
        "changes.jsonl",
        "journal-3.jsonl",
        "journal-4.jsonl",
        "lock",
        "state.json",
        "state.previous.json",
    ]


async def test_opening_and_closing_without_news_writes_nothing(folder):
    await filled(folder, 12)
    await opened(folder)
    before = contents(folder)
    await opened(folder)
    assert contents(folder) == before


async def test_a_long_journal_is_folded_while_the_store_runs(folder):
    seen = await filled(folder, 60, journal_limit=4000)
    assert (folder / "state.previous.json").exists()
    assert sum(path.stat().st_size for path in folder.glob("journal-*")) < 3 * 4000 + 6000
    assert await opened(folder) == (seen, ())


async def test_snapshots_and_journals_bring_everything_back_alike(tmp_path):
    plain = await filled(tmp_path / "plain", 60)
    folded = await filled(tmp_path / "folded", 60, journal_limit=1)
    assert plain == folded
    for folder in (tmp_path / "plain", tmp_path / "folded"):
        for _ in range(3):
            assert await opened(folder) == (plain, ())


async def test_a_snapshot_drops_receipts_older_than_ninety_days(folder):
    store = TinyStore.open(folder)
    mine = await store.subscribe(subscription())
    for day in (0, 5, 95):
        await store.sent(receipt(mine.id, at=NOON + timedelta(days=day), message_id=str(day)))
    assert len(await store.receipts()) == 3
    await store.close()
    seen, _ = await opened(folder)
    assert [r.message_id for r in seen["receipts"]] == ["5", "95"]


async def test_a_clock_that_was_ahead_for_a_while_drops_no_later_receipts(folder):
    store = TinyStore.open(folder)
    mine = await store.subscribe(subscription())
    await store.sent(receipt(mine.id, at=NOON + timedelta(days=36_500)))
    await store.sent(receipt(mine.id, at=NOON))
    await store.close()
    seen, _ = await opened(folder)
    assert len(seen["receipts"]) == 2


async def test_evidence_is_small_and_the_same_on_every_machine(tmp_path):
    body = b"<row/>" * 50_000
    for folder in (tmp_path / "a", tmp_path / "b"):
        store = TinyStore.open(folder)
        await store.record(record(await store.known(), documents=(document(body=body),)))
        await store.close()
    kept = {name: body for name, body in contents(tmp_path / "a").items() if "evidence" in name}
    assert kept == {name: body for name, body in contents(tmp_path / "b").items() if "evidence" in name}
    assert sum(map(len, kept.values())) < 2000
    sha = document(body=body).sha256
    assert sorted(kept) == [f"evidence/{sha[:2]}/{sha}.gz", f"evidence/{sha[:2]}/{sha}.json"]


async def test_damaged_evidence_is_refused_and_repaired_when_it_is_fetched_again(folder):
    store = TinyStore.open(folder)
    kept = document(body=b"rows" * 1000)
    await store.record(record(await store.known(), documents=(kept,)))
    [body] = folder.glob("evidence/*/*.gz")
    [label] = folder.glob("evidence/*/*.json")
    for path in (body, label):
        sound = path.read_bytes()
        for damaged in (sound[:-9], b"", sound.replace(sound[15:16], b"?"), b"\x1f\x8b" + b"x" * 30):
            path.write_bytes(damaged)
            with pytest.raises(StoreCorrupt, match=kept.sha256):
                await store.evidence(kept.sha256)
        await store.record(record(await store.known(), documents=(kept,)))
        assert await store.evidence(kept.sha256) == kept
    await store.close()


async def test_a_document_whose_bytes_do_not_match_its_sha256_is_refused(folder):
    store = TinyStore.open(folder)
    with pytest.raises(StoreError, match="don't match its SHA-256"):
        await store.record(record(await store.known(), documents=(replace(document(), body=b"other"),)))
    assert await picture(store) == await picture(TinyStore.open(folder, readonly=True))
    await store.close()


async def test_a_sealed_line_is_json_and_shows_every_flipped_bit():
    line = seal(b'{"a":"b"}')
    assert json.loads(line)["a"] == "b"
    assert unseal(line[:-1]) == b'{"a":"b"}'
    for place in range(len(line) - 1):
        for bit in range(8):
            damaged = bytearray(line[:-1])
            damaged[place] ^= 1 << bit
            assert unseal(bytes(damaged)) is None


def test_an_unfinished_line_is_told_apart_from_a_damaged_one(tmp_path):
    path, line = tmp_path / "lines", seal(b'{"a":"bcdefghijklmnopqrstuvwxyz"}')

    def torn(rest):
        path.write_bytes(line + rest)
        found = read_lines(path)
        assert len(found.bodies) == 1
        return found.torn

    assert all(torn(line[:length]) for length in range(1, len(line)))
    assert torn(line[:5] + b"\0" * 20 + line[25:]), "a power cut"
    assert not torn(line[:5] + b"\0" * 20 + line[25:] + line), "not the last line"
    assert not torn(line[:5] + b"#" + line[6:])
    assert not torn(line[:-1] + b"#"), "its end was damaged"
    assert not torn(line[:5] + b"\n" + line[6:])


# Who may write


async def test_a_second_writer_is_told_which_process_is_the_first(folder):
    store = TinyStore.open(folder)
    with pytest.raises(StoreBusy, match=rf"process {os.getpid()}\) is writing to .*/data"):
        TinyStore.open(folder)
    await store.close()
    await TinyStore.open(folder).close()


async def test_a_reader_beside_a_writer_sees_what_is_committed_and_nothing_else(folder):
    reader = TinyStore.open(folder, readonly=True)
    assert await picture(reader) == {
        "known": Known(),
        "log": [],
        "memories": [],
        "held": [],
        "subscriptions": [],
        "receipts": [],
    }
    store = TinyStore.open(folder, journal_limit=3000)
    for step in range(60):
        await perform(store, step)
        assert await picture(reader) == await picture(store)
        assert await picture(TinyStore.open(folder, readonly=True)) == await picture(store)
    assert await reader.evidence(document(body=b"rows of 4").sha256) is not None
    await store.close()
    assert await picture(reader) == (await opened(folder))[0]


async def test_a_reader_ignores_changes_that_were_written_but_not_committed(folder, monkeypatch):
    store = TinyStore.open(folder)
    reader = TinyStore.open(folder, readonly=True)
    await store.record(record(await store.known(), [signed(1)]))
    with monkeypatch.context() as patch:
        patch.setattr(LineFile, "append", refused_for("journal", LineFile.append))
        with pytest.raises(StoreUnwritable):
            await store.record(record(await store.known(), [signed(2)]))
    assert await picture(reader) == await picture(store)
    await store.record(record(await store.known(), [signed(3)]))
    assert await picture(reader) == await picture(store)
    await store.close()


async def test_a_reader_writes_nothing(folder):
    await filled(folder, 20)
    with (folder / "changes.jsonl").open("ab") as log, (folder / "journal-1.jsonl").open("ab") as journal:
        log.write(seal(b'{"seq":99}') + b'{"torn')
        journal.write(b'{"torn')
    before = contents(folder)
    reader = TinyStore.open(folder, readonly=True)
    for attempt in (
        reader.remember(status()),
        reader.subscribe(subscription()),
        reader.record(record(await reader.known(), [signed(999)], documents=(document(body=b"new"),))),
    ):
        with pytest.raises(StoreUnwritable, match="opened for reading only"):
            await attempt
    await reader.close()
    assert contents(folder) == before


async def test_reading_a_missing_folder_creates_nothing(folder):
    seen, notices = await opened(folder, readonly=True)
    assert (seen["log"], notices) == ([], ())
    assert not folder.exists()


def resealed(path, change):
    """Rewrite each line of a file after a change to what it says."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines:
        line.pop("crc")
        change(line)
    path.write_bytes(b"".join(seal(json.dumps(line).encode()) for line in lines))


def newer_snapshot(folder):
    resealed(folder / "state.json", lambda line: line["meta"]["1"].update(format=NEWER))


def newer_journal(folder):
    resealed(folder / "journal-2.jsonl", lambda line: line.update(format=NEWER))


def newer_first_journal(folder):
    (folder / "state.json").unlink()
    (folder / "journal-2.jsonl").unlink()
    resealed(folder / "journal-1.jsonl", lambda line: line.update(format=NEWER) if "generation" in line else None)


@pytest.mark.parametrize("newer", [newer_snapshot, newer_journal, newer_first_journal])
async def test_a_folder_of_a_newer_format_is_refused_in_words_and_left_alone(folder, newer):
    await filled(folder, 3)
    await opened(folder)
    newer(folder)
    before = contents(folder)
    for how in ({}, {"readonly": True}):
        with pytest.raises(
            StoreError, match=rf"newer Countersign \(format {NEWER}; .* up to {NEWER - 1}\). Update the program"
        ):
            TinyStore.open(folder, **how)
    assert contents(folder) == before


async def test_a_folder_of_an_older_format_gets_the_new_one_at_once(folder, monkeypatch):
    seen = await filled(folder, 12)
    await opened(folder)
    monkeypatch.setattr(snapshot, "FORMAT", NEWER)
    assert await opened(folder) == (seen, ())
    assert json.loads((folder / "state.json").read_bytes())["meta"]["1"]["format"] == NEWER
    after = contents(folder)
    assert await opened(folder) == (seen, ())
    assert contents(folder) == after
    monkeypatch.setattr(snapshot, "FORMAT", NEWER - 1)
    with pytest.raises(StoreError, match="newer Countersign"):
        TinyStore.open(folder)


async def test_a_transaction_of_another_version_is_not_guessed_at(folder):
    await filled(folder, 12)
    before = contents(folder)
    count = before["journal-1.jsonl"].count(b"\n")
    with (folder / "journal-1.jsonl").open("ab") as journal:
        journal.write(seal(b'{"n":%d,"transaction":{"did":"something else"}}' % count))
    with pytest.raises(StoreError, match=r"doesn't understand .*something else"):
        TinyStore.open(folder)
    (folder / "journal-1.jsonl").write_bytes(before["journal-1.jsonl"])
    await opened(folder)
    state = (folder / "state.json").read_bytes()
    strange = state.rpartition(b',"crc"')[0].replace(b'"channel":"slack"', b'"channel":7') + b"}"
    (folder / "state.json").write_bytes(seal(strange))
    with pytest.raises(StoreError, match="doesn't understand"):
        TinyStore.open(folder)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "killed"])
async def test_a_folder_from_before_rows_had_their_own_place_opens_without_row_numbers(folder, closed):
    seen = await filled(folder, 30)
    if closed:
        await opened(folder)

    def as_before(line):
        for row in line.get("known", {}).values():
            row["agreement"]["row"] = row.pop("row")
        if "numbers" in line.get("transaction", {}):
            line["transaction"]["rows"] = line["transaction"].pop("numbers")

    for path in (*folder.glob("state*.json"), *folder.glob("journal-*.jsonl")):
        resealed(path, as_before)
    after, notices = await opened(folder)
    assert notices == ()
    assert after == seen | {"known": replace(seen["known"], rows={name: {} for name in ListName})}


# Damage and what is said of it


@pytest.mark.parametrize("how", ["edited", "empty", "gone", "half"])
async def test_a_damaged_snapshot_is_rebuilt_with_nothing_lost(folder, how):
    for steps in (12, 15, 18):
        store = TinyStore.open(folder)
        for step in range(steps - 12, steps):
            await perform(store, step)
        seen = await picture(store)
        await kill(store, folder)
    state = folder / "state.json"
    sound = state.read_bytes()
    if how == "gone":
        state.unlink()
    else:
        state.write_bytes({"edited": sound.replace(b"FL", b"GA"), "empty": b"", "half": sound[:999]}[how])
    damaged = contents(folder)
    assert (await opened(folder, readonly=True))[0] == seen
    assert contents(folder) == damaged
    found, [notice] = await opened(folder)
    assert found == seen
    assert "state.json" in notice
    assert await opened(folder) == (seen, ())
    if how != "gone":
        assert (folder / "aside/state-1.json").read_bytes() == damaged["state.json"]


async def test_the_first_snapshot_is_rebuilt_from_the_first_journals(folder):
    seen = await filled(folder, 12)
    await opened(folder)
    (folder / "state.json").write_bytes(b"{}")
    assert (await opened(folder))[0] == seen


async def test_a_folder_with_no_good_copy_left_is_refused(folder):
    await filled(folder, 12)
    for step in (12, 13, 14):
        store = TinyStore.open(folder)
        await perform(store, step)
        await store.close()
    before = contents(folder)
    (folder / "state.json").write_bytes(b"{}")
    (folder / "state.previous.json").write_bytes(b"{}")
    for how in ({}, {"readonly": True}):
        with pytest.raises(StoreCorrupt, match=r"state.json is damaged.*backup"):
            TinyStore.open(folder, **how)
    assert before.keys() == contents(folder).keys()


@pytest.mark.parametrize("gone", [["journal-4.jsonl"], ["changes.jsonl"], ["state.json", "journal-4.jsonl"]])
async def test_a_missing_file_is_noticed(folder, gone):
    for step in range(4):
        store = TinyStore.open(folder)
        await perform(store, step)
        await kill(store, folder)
    for name in gone:
        (folder / name).unlink()
    with pytest.raises(StoreCorrupt, match=gone[-1].split(".")[0]):
        TinyStore.open(folder)


async def test_a_log_on_its_own_is_not_taken_for_a_new_store(folder):
    await filled(folder, 12)
    for path in (*folder.glob("journal*"), *folder.glob("state*")):
        path.unlink()
    with pytest.raises(StoreCorrupt, match="change log"):
        TinyStore.open(folder)


async def test_uncommitted_changes_are_cut_off_and_kept_aside(folder):
    seen = await filled(folder, 12)
    log = folder / "changes.jsonl"
    before, tail = log.read_bytes(), log.read_bytes().splitlines(keepends=True)[0] + b'{"kind'
    for number in (1, 2):
        log.write_bytes(before + tail)
        found, [notice] = await opened(folder)
        assert found == seen
        assert f"aside/changes-{number}.jsonl" in notice
        assert (folder / f"aside/changes-{number}.jsonl").read_bytes() == tail
        assert log.read_bytes() == before


async def test_a_damaged_line_is_named_with_what_to_do(folder):
    await filled(folder, 12)
    journal = folder / "journal-1.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:4], lines[4].replace(b"slack", b"block"), *lines[5:]]))
    with pytest.raises(StoreCorrupt, match=r"Line 5 of .*journal-1.jsonl is damaged. .*backup"):
        TinyStore.open(folder)
    journal.write_bytes(b"".join(lines[:4] + lines[5:]))
    with pytest.raises(StoreCorrupt, match=r"Line 5"):
        TinyStore.open(folder)
    journal.write_bytes(b"".join(lines[:4]))
    assert len((await opened(folder))[0]["memories"]) == 3


async def test_a_forgotten_subscription_is_in_no_file(folder):
    store = TinyStore.open(folder)
    mine = await store.subscribe(replace(subscription(), address="C-SECRET"))
    await store.sent(replace(receipt(mine.id), address="C-SECRET"))
    await store.close()
    store = TinyStore.open(folder)
    await store.remember(status())
    await kill(store, folder)
    (folder / "state.json").write_bytes((folder / "state.json").read_bytes()[:-9])
    store = TinyStore.open(folder)
    reader = TinyStore.open(folder, readonly=True)
    assert {name for name, body in contents(folder).items() if b"SECRET" in body} >= {"aside/state-1.json"}
    await store.forget(mine.id)
    assert not [name for name, body in contents(folder).items() if b"SECRET" in body]
    seen = await picture(store)
    assert await picture(reader) == seen
    await kill(store, folder)
    assert await opened(folder) == (seen, ())


async def test_forgetting_again_finishes_an_erasure_that_failed(folder, monkeypatch):
    store = TinyStore.open(folder)
    reader = TinyStore.open(folder, readonly=True)
    mine = await store.subscribe(replace(subscription(), address="C-SECRET"))
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "move", refuse)
        for _ in range(3):
            with pytest.raises(StoreUnwritable):
                await store.forget(mine.id)
    assert await picture(reader) == await picture(store)
    await store.remember(status(failures=1))
    seen = await picture(store)
    assert await picture(reader) == await picture(TinyStore.open(folder, readonly=True)) == seen
    await store.forget(mine.id)
    assert not [name for name, body in contents(folder).items() if b"SECRET" in body]
    await kill(store, folder)
    assert await opened(folder) == (seen, ())


def refuse(*_):
    raise StoreUnwritable("no")


# Several at once


class Gate:
    """An fsync that waits until the test lets it go on; `reached` says that a thread stands before it."""

    def __init__(self, monkeypatch):
        self.reached, self._open = threading.Event(), threading.Event()
        fsync = os.fsync

        def wait(fd):
            self.reached.set()
            self._open.wait()
            fsync(fd)

        monkeypatch.setattr(os, "fsync", wait)

    async def until_reached(self):
        await asyncio.to_thread(self.reached.wait)

    def open(self):
        self._open.set()


@pytest.fixture
def gate(monkeypatch):
    """Let the store be opened first, then call this to close the gate."""
    made = []

    def close():
        made.append(Gate(monkeypatch))
        return made[-1]

    yield close
    for one in made:
        one.open()


async def test_the_loop_goes_on_while_the_disk_is_slow_and_shows_only_what_is_committed(folder, gate):
    store = TinyStore.open(folder)
    before, slow = await picture(store), gate()
    writing = asyncio.create_task(store.record(record(await store.known(), [signed(1)], documents=(document(),))))
    await slow.until_reached()
    assert await picture(store) == before
    assert not writing.done()
    slow.open()
    assert [c.seq for c in await writing] == [1]
    assert await store.last_seq() == 1
    await store.close()


async def test_writes_that_come_together_are_done_in_order_one_at_a_time(folder):
    store = TinyStore.open(folder, journal_limit=3000)  # snapshots in between
    asked = [store.subscribe(replace(subscription(), address=str(number))) for number in range(40)]
    made = await asyncio.gather(*asked, store.note("a", "b", "c"), store.remember(status()))
    assert [s.id for s in made[:40]] == [f"s{number}" for number in range(1, 41)]
    assert [s.address for s in await store.subscriptions()] == [str(number) for number in range(40)]
    seen = await picture(store)
    await kill(store, folder)
    assert await opened(folder) == (seen, ())


async def test_of_two_readings_recorded_at_once_the_second_must_follow_from_the_first(folder):
    store = TinyStore.open(folder)
    known = await store.known()
    first, second = await asyncio.gather(
        store.record(record(known, [signed(1)])), store.record(record(known, [signed(2)])), return_exceptions=True
    )
    assert [c.seq for c in first] == [1]
    assert isinstance(second, StoreError), "it was decided on a known state that is no longer the last one"
    assert [c.seq for c in await store.changes()] == [1]
    await store.close()


async def test_a_write_whose_caller_gives_up_is_finished_and_the_next_one_follows_it(folder, gate):
    store = TinyStore.open(folder)
    slow = gate()
    first = asyncio.create_task(store.subscribe(replace(subscription(), address="first")))
    await slow.until_reached()
    second = asyncio.create_task(store.subscribe(replace(subscription(), address="second")))
    third = asyncio.create_task(store.subscribe(replace(subscription(), address="third")))
    await asyncio.sleep(0)
    for given_up in (first, second):
        given_up.cancel()
        with suppress(asyncio.CancelledError):
            await given_up
    slow.open()
    assert (await third).id == "s3"
    assert [s.address for s in await store.subscriptions()] == ["first", "second", "third"]
    seen = await picture(store)
    await kill(store, folder)
    assert await opened(folder) == (seen, ())


async def test_closing_waits_for_every_write_that_has_begun_and_refuses_any_other(folder, gate):
    store = TinyStore.open(folder)
    slow = gate()
    waiting = [asyncio.create_task(store.note("kind", str(number), "x")) for number in range(3)]
    waiting.append(asyncio.create_task(store.remember(status(failures=7))))
    await slow.until_reached()
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="closed"):
        await store.note("kind", "late", "x")
    assert not closing.done()
    slow.open()
    await asyncio.gather(*waiting, closing)
    again = TinyStore.open(folder)
    assert sorted(await again.notes("kind")) == ["0", "1", "2"]
    assert (await again.source_status("ice")).failures == 7
    await again.close()


async def test_a_close_whose_caller_gives_up_is_finished(folder, gate):
    store = TinyStore.open(folder)
    slow = gate()
    waiting = asyncio.create_task(store.note("kind", "key", "x"))
    await slow.until_reached()
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    closing.cancel()
    with suppress(asyncio.CancelledError):
        await closing
    slow.open()
    await waiting
    await store.close()
    await TinyStore.open(folder).close()


async def test_readings_that_end_while_the_disk_is_busy_share_a_line(folder, gate):
    store = TinyStore.open(folder)
    slow = gate()
    first = asyncio.create_task(store.remember(status(source="alone")))
    await slow.until_reached()
    remembering = [asyncio.create_task(store.remember(status(source=f"{n}", failures=n))) for n in range(10)]
    await asyncio.sleep(0)
    assert await store.source_statuses() == ()
    slow.open()
    await asyncio.gather(first, *remembering)
    assert len((folder / "journal-1.jsonl").read_bytes().splitlines()) == 1 + 1 + 1  # heading, the first, the ten
    seen = await picture(store)
    await kill(store, folder)
    assert await opened(folder) == (seen, ())
    assert {m.source: m.failures for m in seen["memories"] if m.source != "alone"} == {f"{n}": n for n in range(10)}


async def test_a_status_is_on_the_disk_before_a_record_that_comes_after_it(folder, gate):
    store = TinyStore.open(folder)
    slow = gate()
    waiting = asyncio.create_task(store.remember(status(source="ice", failures=7)))
    await slow.until_reached()
    recording = asyncio.create_task(store.record(record(await store.known(), [signed(1)])))
    await asyncio.sleep(0)
    slow.open()
    await asyncio.gather(waiting, recording)
    await kill(store, folder)
    assert [m.failures for m in (await opened(folder))[0]["memories"]] == [0]


async def test_every_caller_that_shares_a_line_is_told_when_the_disk_refuses(folder, monkeypatch):
    store = TinyStore.open(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refused(errno.ENOSPC))
        told = await asyncio.gather(*(store.remember(status(source=f"{n}")) for n in range(3)), return_exceptions=True)
    assert [type(fault) for fault in told] == [StoreUnwritable] * 3
    assert await store.source_statuses() == ()
    await asyncio.gather(*(store.remember(status(source=f"{n}")) for n in range(3)))
    seen = await picture(store)
    await kill(store, folder)
    assert await opened(folder) == (seen, ())
    assert len(seen["memories"]) == 3


async def test_a_caller_that_gives_up_on_a_shared_line_hinders_nobody(folder):
    store = TinyStore.open(folder)
    first, second = (asyncio.create_task(store.remember(status(source=f"{n}"))) for n in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert [m.source for m in await store.source_statuses()] == ["0", "1"]
    await store.close()


async def test_the_last_of_two_statuses_of_one_source_counts(folder):
    store = TinyStore.open(folder)
    full = status(source="ice", failures=1)
    await store.remember(full)
    await asyncio.gather(store.remember(replace(full, facts={"x": 1})), store.remember(replace(full, failures=3)))
    assert [(m.failures, m.facts) for m in await store.source_statuses()] == [(3, full.facts)]
    seen = await picture(store)
    await kill(store, folder)
    assert await opened(folder) == (seen, ())


async def test_a_shared_line_that_was_not_finished_is_cut_off_whole(folder):
    store = TinyStore.open(folder)
    await remember_together(store, [status(source="a"), status(source="b")])
    seen = await picture(store)
    await remember_together(store, [status(source=name, failures=9) for name in ("a", "b")])
    await kill(store, folder)
    path = folder / "journal-1.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    again, notices = await opened(folder)
    assert again == seen
    assert "was not finished" in notices[0]


# A disk that refuses


async def test_a_full_disk_loses_nothing_and_the_same_store_goes_on_when_there_is_room(folder, monkeypatch):
    store = TinyStore.open(folder, journal_limit=3000)
    for step in range(20):
        before = await picture(store)
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full_after_half(os.pwrite))
            with pytest.raises(StoreUnwritable, match="disk is full"):
                await perform(store, step)
        assert await picture(store) == before
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refused(errno.EIO))
            with pytest.raises(StoreUnwritable, match="could not be written"):
                await perform(store, step)
        assert await picture(store) == before
        await perform(store, step)
    seen = await picture(store)
    await kill(store, folder)
    assert await opened(folder) == (seen, ())


def full_after_half(pwrite):
    def write(fd, body, at):
        if len(body) > 1:
            return pwrite(fd, body[: len(body) // 2], at)
        raise OSError(errno.ENOSPC, "No space left on device")

    return write


def refused_for(prefix, append):
    """Refuse to append to the files whose names begin so."""

    def refuse(file, lines):
        if file.path.name.startswith(prefix):
            raise StoreUnwritable("no")
        return append(file, lines)

    return refuse


def refused(number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    return refuse


async def test_a_failed_snapshot_fails_no_transaction_and_is_tried_again(folder, monkeypatch):
    store = TinyStore.open(folder, journal_limit=1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refused(errno.ENOSPC))
        for step in range(4):
            await store.remember(status(failures=step))
    assert all("disk is full" in notice for notice in store.notices)
    assert not (folder / "state.json").exists()
    for step in range(20):
        await perform(store, step)
    assert (folder / "state.json").exists()
    seen = await picture(store)
    await kill(store, folder)
    assert await opened(folder) == (seen, ())


async def test_a_real_full_disk(small_disk):
    folder = small_disk / "data"
    store = TinyStore.open(folder)
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass

    async def fill(step):
        for one in range(step, 5000):
            before = await picture(store)
            try:
                await perform(store, one)
            except StoreUnwritable:
                return before, one
        raise AssertionError

    before, step = await fill(0)
    assert await picture(store) == before
    await kill(store, folder)
    assert (await opened(folder))[0] == before
    store = TinyStore.open(folder)
    assert store.notices
    before, step = await fill(step)
    assert await picture(store) == before
    ballast.unlink()
    await perform(store, step)
    seen = await picture(store)
    await store.close()
    assert await opened(folder) == (seen, ())


async def test_a_read_only_disk_can_be_read_and_writing_says_why_not(small_disk):
    seen = await filled(small_disk / "data", 12)
    remount(small_disk, "ro")
    assert await opened(small_disk / "data", readonly=True) == (seen, ())
    with pytest.raises(StoreUnwritable, match="read-only"):
        TinyStore.open(small_disk / "data")


@pytest.fixture
def small_disk(tmp_path):
    import subprocess

    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "-l", place], check=False)


def remount(place, how):
    import subprocess

    subprocess.run(["mount", "-o", f"remount,{how}", place], check=True)


async def test_a_folder_where_a_file_stands_is_refused(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(StoreUnwritable, match="data"):
        TinyStore.open(tmp_path / "data")


async def test_a_folder_that_is_deleted_under_a_running_store_is_noticed(folder):
    store = TinyStore.open(folder)
    await store.remember(status())
    shutil.rmtree(folder)
    with pytest.raises(StoreError):
        await store.remember(status(failures=1))
    assert (await store.source_status("ice")).failures == 0
    await store.close()


# Crowds


@pytest.mark.slow
async def test_a_crowd_is_served_and_each_is_due_once(folder, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    store = TinyStore.open(folder, journal_limit=2**30)
    for number in range(2000):
        states = ["*"] if number % 10 == 0 else [STATES[number % 7], STATES[number // 7 % 7]]
        await store.subscribe(subscription(states, list(Cadence)[number % 3], tz="America/New_York"))
    await store.record(record(await store.known(), first_sight(1800)))
    await store.record(record(await store.known(), [signed(5000 + n, where=publication(2)) for n in range(88)]))
    due = await store.due(NOON)
    assert len(due) == 667
    for one in due:
        await store.sent(receipt(one.id))
        await store.advance(one.id, await store.last_seq())
    assert list(await store.due(NOON)) == []
    await store.record(
        record(await store.known(), [change(Kind.RENAMED, s.agreement) for s in await store.changes(after=1880)])
    )
    assert list(await store.due(NOON)) == []
    await store.close()


async def test_writes_beside_a_recording_come_out_as_if_they_had_waited(folder):
    store = TinyStore.open(folder)
    await store.record(record(await store.known(), first_sight(3)))
    crowd = [await store.subscribe(replace(subscription(["FL"]), address=str(number))) for number in range(20)]
    moved, told, ended = crowd[:3]
    coming = record(await store.known(), [signed(100, "FL"), signed(101, "TX")], at=NOON + MINUTE)
    await asyncio.gather(
        store.record(coming),
        store.change_subscription(replace(moved, filter=Filter(states={"TX": 0}))),
        store.advance(told.id, 5),
        store.unsubscribe(ended.id),
        store.subscribe(replace(subscription(), address="newcomer")),
    )
    due = {s.id for s in await store.due(NOON + MINUTE)}
    assert due == {s.id for s in crowd[3:]}
    await kill(store, folder)
    again = TinyStore.open(folder)
    assert {s.id for s in await again.due(NOON + MINUTE)} == due
    await again.close()
