"""A backup holds everything, and a file that isn't exactly what was written is refused with nothing written."""

import fcntl
import gzip
import hashlib
import io
import os
import re
import stat
import tarfile
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
import pytest
from support.samples import document, perform, picture, subscription

from bot.errors import StoreBusy, StoreCorrupt, StoreUnwritable, UsageError
from bot.store import backup_file, new_file, transfer
from bot.store.backup import back_up
from bot.store.backup_file import CONTENTS, HEAD, Backup, Head
from bot.store.postgres.store import PostgresStore
from bot.store.rules.sealed_line import seal
from bot.store.tiny import snapshot
from bot.store.tiny.store import TinyStore

MADE_AT = datetime(2026, 11, 27, 14, 0, tzinfo=UTC)
HEADING = Head(backup=backup_file.FORMAT, store=snapshot.FORMAT, program="0.2.0", made_at=MADE_AT)


@pytest.fixture(autouse=True)
def _without_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda fd: None)


@pytest.fixture
async def tiny(tmp_path):
    """Make a folder with everything in it."""
    store = TinyStore.open(tmp_path / "data")
    for step in range(60):
        await perform(store, step)
    await store.note("tokens", "T1", "sealed")
    yield store
    await store.close()


@pytest.fixture
async def postgres(database):
    store = await PostgresStore.open(database)
    yield store
    await store.close()


@pytest.fixture
async def file(tiny, tmp_path):
    await back_up(tiny, tmp_path / "a.backup", HEADING)
    return tmp_path / "a.backup"


async def restored(file, target):
    """Do what `restore` does, and return the parts."""
    backup = Backup.open(file)
    try:
        await backup.verified()
        await transfer.check_empty(target, backup)
        return await transfer.move(backup, target)
    finally:
        await backup.close()


async def opened_and_verified(file):
    backup = Backup.open(file)
    try:
        await backup.verified()
    finally:
        await backup.close()


async def refused(file, tmp_path):
    """Return the sentence with which a file is refused, before any store is opened."""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError) as found:
        await opened_and_verified(file)
    assert sorted(tmp_path.rglob("*")) == before
    assert "Traceback" not in str(found.value)
    return str(found.value)


def crafted(path, entries, compression=zipfile.ZIP_STORED):
    """Write a file that is sealed as a backup is, with entries that no backup has."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        archive.comment = b"0" * 64
        for name, body in entries:
            archive.writestr(name, body)
    sealed(path, made.getvalue())
    return path


def sealed(path, body):
    path.write_bytes(body[:-64] + hashlib.sha256(body[:-64]).hexdigest().encode())


def entries_of(file, **changed):
    """Return the entries of a backup by name; a changed one has other bytes, or is gone if they're None."""
    with zipfile.ZipFile(file) as archive:
        found = {name: archive.read(name) for name in archive.namelist()} | changed
    return [(name, body) for name, body in found.items() if body is not None]


async def test_a_backup_restores_to_a_folder_and_a_database_with_everything(tiny, postgres, tmp_path):
    parts = (await back_up(tiny, tmp_path / "a.backup", HEADING)).parts
    assert tuple(await restored(tmp_path / "a.backup", postgres)) == parts
    assert await picture(postgres) == await picture(tiny)
    assert (await back_up(postgres, tmp_path / "b.backup", HEADING)).parts == parts, "and from there"
    back = TinyStore.open(tmp_path / "back")
    await restored(tmp_path / "b.backup", back)
    for _ in range(2):  # also as it is read from its files again
        assert await back.everything() == await tiny.everything()
        for sha256 in await tiny.evidence_names():
            assert await back.evidence(sha256) == await tiny.evidence(sha256)
        await back.close()
        back = TinyStore.open(tmp_path / "back")
    await back.close()


async def test_an_empty_store_has_a_backup_too(tmp_path):
    empty, back = TinyStore.open(tmp_path / "empty"), TinyStore.open(tmp_path / "back")
    await back_up(empty, tmp_path / "a.backup", HEADING)
    await restored(tmp_path / "a.backup", back)
    assert await back.everything() == await empty.everything()
    await empty.close()
    await back.close()


async def test_unzipped_by_hand_a_backup_is_a_data_folder(tiny, file, tmp_path):
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "unzipped")
    store = TinyStore.open(tmp_path / "unzipped")
    assert (store.notices, await store.everything()) == ((), await tiny.everything())
    assert await store.evidence_names() == await tiny.evidence_names()
    await store.close()


async def test_the_file_is_for_its_owner_and_nothing_else_is_left_in_the_folder(tiny, tmp_path):
    old = os.umask(0)
    try:
        await back_up(tiny, tmp_path / "a.backup", HEADING)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.backup").stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"a.backup", "data"}


async def test_an_existing_file_is_replaced_only_by_force(tiny, file, tmp_path):
    before = file.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in (file, tmp_path / "link"):
        with pytest.raises(UsageError, match=r"already exists and was left as it is.*--force"):
            await back_up(tiny, taken, HEADING)
    assert file.read_bytes() == before
    await perform(tiny, 61)
    await back_up(tiny, file, HEADING, force=True)
    assert file.read_bytes() != before
    assert (await Backup.open(file).everything()) == await tiny.everything()


async def test_a_pipe_or_a_device_is_never_replaced_not_even_by_force(tiny, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for taken in (tmp_path / "pipe", tmp_path / "link"):
        with pytest.raises(UsageError, match=r"isn't a file.* or write to - for the output"):
            await back_up(tiny, taken, HEADING, force=True)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


async def test_a_file_that_appears_meanwhile_is_left_alone(tiny, tmp_path):
    def late(done, total, doing):
        (tmp_path / "a.backup").write_text("mine")

    with pytest.raises(UsageError, match="already exists"):
        await back_up(tiny, tmp_path / "a.backup", HEADING, progress=late)
    assert (tmp_path / "a.backup").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"a.backup", "data"}


async def test_a_place_that_can_not_be_written_is_named(tiny, tmp_path):
    with pytest.raises(UsageError, match=r"is a folder. Name a file in it"):
        await back_up(tiny, tmp_path, HEADING)
    with pytest.raises(UsageError, match=r"There is no folder .*missing"):
        await back_up(tiny, tmp_path / "missing" / "a.backup", HEADING)
    with pytest.raises(StoreUnwritable, match="File name too long"):
        await back_up(tiny, tmp_path / ("a" * 255), HEADING)


async def test_two_backups_to_one_file_do_not_mix(tiny, tmp_path):
    with (tmp_path / ".a.backup.unfinished").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StoreBusy, match="Another program is writing"):
            await back_up(tiny, tmp_path / "a.backup", HEADING)
    await back_up(tiny, tmp_path / "a.backup", HEADING)
    assert not (tmp_path / ".a.backup.unfinished").exists(), "what a killed program left was overwritten"


async def test_a_full_disk_leaves_no_file_and_keeps_the_old_one(tiny, file, tmp_path, monkeypatch):
    before = file.read_bytes()

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(new_file.os, "fsync", full)
    with pytest.raises(StoreUnwritable, match="the disk is full"):
        await back_up(tiny, file, HEADING, force=True)
    assert file.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"a.backup", "data"}


async def test_a_backup_without_its_end_is_refused(file, tmp_path):
    whole = file.read_bytes()
    for length in (*range(1, 200, 13), *range(200, len(whole), len(whole) // 40), len(whole) - 1):
        file.write_bytes(whole[:length])
        assert "isn't a Countersign backup" in (said := await refused(file, tmp_path)) or "damaged" in said
    assert "damaged" in said


async def test_a_backup_with_one_other_byte_is_refused(file, tmp_path):
    whole = file.read_bytes()
    for at in (*range(0, 160, 7), *range(160, len(whole), len(whole) // 60), len(whole) - 1):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        said = await refused(file, tmp_path)
        assert "damaged or incomplete" in said or "isn't a Countersign backup" in said


@pytest.mark.parametrize(
    "body", [b"", b"x", b"PK\x03\x04", b"%PDF-1.7", b"{}\n" * 40, gzip.compress(b"x" * 500, mtime=0)]
)
async def test_another_file_is_refused(body, tmp_path):
    (tmp_path / "other").write_bytes(body)
    assert "isn't a Countersign backup" in await refused(tmp_path / "other", tmp_path)


async def test_another_zip_a_folder_and_a_missing_file_are_refused(tmp_path):
    crafted(tmp_path / "other.zip", [("notes.txt", b"hello")])
    assert "isn't a Countersign backup" in await refused(tmp_path / "other.zip", tmp_path)
    assert "Is a directory" in await refused(tmp_path, tmp_path)
    assert "No such file" in await refused(tmp_path / "missing", tmp_path)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        assert f"run: countersign restore - < {path}" in await refused(path, tmp_path)


@pytest.mark.parametrize("newer", [{"backup": backup_file.FORMAT + 1}, {"store": snapshot.FORMAT + 1}])
async def test_a_backup_by_a_newer_program_says_so(newer, file, tmp_path):
    head = msgspec.structs.replace(HEADING, program="9.0.0", **newer)
    crafted(tmp_path / "newer", entries_of(file, **{HEAD: msgspec.json.encode(head)}))
    assert "made by a newer Countersign, 9.0.0" in await refused(tmp_path / "newer", tmp_path)


async def test_compressed_entries_are_refused_before_they_are_unpacked(file, tmp_path):
    bomb = entries_of(file, **{"state.json": bytes(50_000_000)})
    crafted(tmp_path / "bomb", bomb, zipfile.ZIP_DEFLATED)
    assert (tmp_path / "bomb").stat().st_size < 200_000
    assert "damaged" in await refused(tmp_path / "bomb", tmp_path)


async def test_a_document_that_unpacks_to_more_than_any_document_is_refused(file, tmp_path, monkeypatch):
    monkeypatch.setattr(backup_file, "LARGEST_DOCUMENT", 100_000)
    [name, *_] = [name for name, _ in entries_of(file) if name.endswith(".gz")]
    for bomb in (gzip.compress(bytes(200_000)), gzip.compress(bytes(90_000)) * 2):
        crafted(tmp_path / "bomb", entries_of(file, **{name: bomb}))
        assert "damaged" in await refused(tmp_path / "bomb", tmp_path)


@pytest.mark.parametrize("name", ["../outside", "/outside", "evidence/../../outside.gz", "lock", "evidence/ab/cd.gz"])
async def test_an_entry_with_another_name_is_refused(name, file, tmp_path):
    crafted(tmp_path / "odd", [*entries_of(file), (name, b"x")])
    assert "damaged" in await refused(tmp_path / "odd", tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_a_part_that_is_missing_doubled_or_another_is_refused(tiny, file, tmp_path):
    for name, _ in entries_of(file):
        if name != HEAD:
            crafted(tmp_path / "odd", entries_of(file, **{name: None}))
            assert "damaged" in await refused(tmp_path / "odd", tmp_path)
    crafted(tmp_path / "odd", [*entries_of(file), entries_of(file)[-1]])
    assert "damaged" in await refused(tmp_path / "odd", tmp_path)
    lines = dict(entries_of(file))["changes.jsonl"].splitlines(keepends=True)
    crafted(tmp_path / "odd", entries_of(file, **{"changes.jsonl": b"".join(lines[:-1])}))
    assert "damaged" in await refused(tmp_path / "odd", tmp_path)
    contents = msgspec.json.decode(dict(entries_of(file))[CONTENTS])
    contents["parts"][1]["count"] += 1
    crafted(tmp_path / "odd", entries_of(file, **{CONTENTS: msgspec.json.encode(contents)}))
    assert "damaged" in await refused(tmp_path / "odd", tmp_path)


async def test_what_overlaps_in_the_file_is_refused(file, tmp_path):
    """Entries that share their bytes, as a bomb without compression has."""
    big = ("journal-1.jsonl", b"x" * 5000)
    crafted(tmp_path / "plain", [(HEAD, msgspec.json.encode(HEADING)), big])
    body = (tmp_path / "plain").read_bytes()
    directory, end = body.index(b"PK\x01\x02"), body.rindex(b"PK\x05\x06")
    again = body[body.rindex(b"PK\x01\x02") : end].replace(b"journal-1", b"journal-2")
    tail = bytearray(body[end:])
    tail[8:12] = b"\3\0\3\0"  # entries
    tail[12:16] = (end + len(again) - directory).to_bytes(4, "little")
    sealed(tmp_path / "overlap", body[:end] + again + bytes(tail))
    assert "damaged" in await refused(tmp_path / "overlap", tmp_path)


async def test_a_store_that_holds_something_is_left_alone(file, tiny, postgres, tmp_path):
    await postgres.subscribe(subscription(["GA"]))
    before = await postgres.everything()
    with pytest.raises(UsageError, match="isn't empty, so nothing was written"):
        await restored(file, postgres)
    assert await postgres.everything() == before
    with pytest.raises(UsageError, match="already holds exactly this"):
        await restored(file, tiny)


async def test_a_restore_that_was_interrupted_goes_on(file, tiny, tmp_path):
    back = TinyStore.open(tmp_path / "back")
    first, second, *_ = await tiny.evidence_names()
    await back.keep(await tiny.evidence(first))
    await back.keep(await tiny.evidence(second))
    await restored(file, back)
    assert await back.everything() == await tiny.everything()
    await back.close()


async def test_what_can_not_be_read_is_left_out_and_named_and_the_rest_is_kept(database, tmp_path):
    store = await PostgresStore.open(database)
    broken, whole = [await store.subscribe(subscription()) for _ in range(2)]
    kept, gone = document("a.xlsx", b"a"), document("b.xlsx", b"b")
    await store.keep(kept)
    await store.keep(gone)
    with psycopg.connect(database) as db:
        db.execute("UPDATE subscriptions SET body = '{}' WHERE number = %s", [int(broken.id[1:])])
        db.execute("UPDATE evidence SET packed = 'x' WHERE sha256 = %s", [gone.sha256])
    made = await back_up(store, tmp_path / "a.backup", HEADING)
    assert [sentence.split(":")[0] for sentence in made.left_out] == [
        f"Subscription {broken.id} gets no messages",
        f"The document {gone.sha256} in the database is damaged. Restore it from a backup.",
    ]
    await store.close()
    back = TinyStore.open(tmp_path / "back")
    await restored(tmp_path / "a.backup", back)
    assert [s.id for s in await back.subscriptions()] == [whole.id]
    assert await back.evidence_names() == [kept.sha256]
    await back.close()


def lose(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:9])


def make_a_folder(path):
    path.unlink()
    path.mkdir()


def link_to_itself(path):
    path.unlink()
    path.symlink_to(path.name)


@pytest.mark.parametrize("damage", [lose, cut, make_a_folder, link_to_itself])
async def test_one_document_that_can_not_be_read_never_keeps_the_rest_from_being_backed_up(damage, tmp_path):
    store = TinyStore.open(tmp_path / "data")
    kept, gone = document("a.xlsx", b"a"), document("b.xlsx", b"b")
    for each in (kept, gone):
        await store.keep(each)
    damage(tmp_path / "data" / "evidence" / gone.sha256[:2] / f"{gone.sha256}.gz")
    made = await back_up(store, tmp_path / "a.backup", HEADING)
    (sentence,) = made.left_out
    assert gone.sha256 in sentence
    assert "backup" in sentence
    await store.close()
    back = TinyStore.open(tmp_path / "back")
    await restored(tmp_path / "a.backup", back)
    assert await back.evidence_names() == [kept.sha256]
    await back.close()


@pytest.mark.parametrize("name", ["evidence", "one of its folders"])
@pytest.mark.parametrize("damage", ["a file", "a link to itself", "a broken link"])
async def test_a_folder_of_documents_that_can_not_be_listed_is_never_taken_for_an_empty_one(name, damage, tmp_path):
    store = TinyStore.open(tmp_path / "data")
    one = document("a.xlsx", b"a")
    await store.keep(one)
    folder = tmp_path / "data" / "evidence" / (one.sha256[:2] if name != "evidence" else "")
    folder.rename(tmp_path / "elsewhere")
    if damage == "a file":
        folder.write_bytes(b"")
    else:
        folder.symlink_to(folder if damage == "a link to itself" else tmp_path / "nowhere")
    with pytest.raises(StoreCorrupt, match=re.escape(str(folder))):
        await back_up(store, tmp_path / "a.backup", HEADING)
    assert not (tmp_path / "a.backup").exists()
    await store.close()


async def test_a_chat_whose_time_zone_not_all_hosts_know_is_left_out(tmp_path):
    store = TinyStore.open(tmp_path / "data")
    odd = await store.subscribe(subscription())
    whole = await store.subscribe(subscription())
    everything = await store.everything()
    changed = tuple(replace(s, tz="localtime") if s.id == odd.id else s for s in everything.subscriptions)
    await store.close()

    class Odd(TinyStore):
        async def everything(self):
            return replace(everything, subscriptions=changed)

        async def unreadable(self):
            return [found for found in map(backup_unreadable, changed) if found is not None]

    from bot.store.rules.mending import unreadable_zone as backup_unreadable

    store = Odd.open(tmp_path / "data")
    made = await back_up(store, tmp_path / "a.backup", HEADING)
    assert len(made.left_out) == 1
    back = TinyStore.open(tmp_path / "back")
    await restored(tmp_path / "a.backup", back)
    assert [s.id for s in await back.subscriptions()] == [whole.id]
    await store.close()
    await back.close()


@pytest.mark.parametrize("number", [1, 2])
async def test_a_folder_of_an_older_format_has_a_backup_before_it_is_upgraded(number, database, tmp_path):
    with tarfile.open(Path(__file__).parent / "fixtures" / f"folder-format-{number}.tar.xz") as archive:
        archive.extractall(tmp_path / "data", filter="data")
    before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    reader = TinyStore.open(tmp_path / "data", readonly=True)
    made = await back_up(reader, tmp_path / "a.backup", HEADING)
    await reader.close()
    assert {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()} == before
    assert len(made.left_out) == number - 1, "format 2 has a chat whose time zone not all hosts know"
    back, upgraded = await PostgresStore.open(database), TinyStore.open(tmp_path / "data")
    await restored(tmp_path / "a.backup", back)
    left_out = {found.id for found in await upgraded.unreadable()}
    expected = await upgraded.everything()
    expected = replace(expected, subscriptions=tuple(s for s in expected.subscriptions if s.id not in left_out))
    assert transfer.proofs(await back.everything()) == transfer.proofs(expected)
    await back.close()
    await upgraded.close()


ODD = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 5000,
    b'{"meta":{"1":{}}}',
    b'{"meta":{"1":{"format":"x"}}}',
    b"{}" * 9,
]


@pytest.mark.parametrize("name", ["state.json", "changes.jsonl", "journal-3.jsonl", CONTENTS, HEAD])
async def test_a_made_up_part_is_refused_in_words(name, file, tmp_path):
    for body in ODD:
        for form in (body, seal(body) if body else b"\n"):
            crafted(tmp_path / "odd", entries_of(file, **{name: form}))
            assert "damaged" in await refused(tmp_path / "odd", tmp_path), (name, form)
