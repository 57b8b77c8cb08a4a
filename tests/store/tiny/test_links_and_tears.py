"""Symbolic links in the data folder, and the last line of a journal: unfinished, or damaged."""

import json
import os
import random
from contextlib import suppress

import pytest

from bot.errors import StoreCorrupt, StoreUnwritable
from bot.store.tiny.files import Folder, read_lines
from bot.store.tiny.store import TinyStore

OUTSIDE = b"someone else's file\n"


@pytest.fixture
def outside(tmp_path):
    path = tmp_path / "outside"
    path.write_bytes(OUTSIDE)
    return path


async def filled(folder):
    store = TinyStore.open(folder)
    await store.note("tokens", "slack/T1", "one")
    await store.note("tokens", "slack/T2", "two")
    return store


async def journal_of(folder):
    """Return the path of a journal with two transactions, as a killed program leaves it."""
    store = await filled(folder)
    [path] = folder.glob("journal-*.jsonl")
    body = path.read_bytes()
    store._files.close()
    return path, body


@pytest.mark.parametrize("name", [".writing", "lock", "changes.jsonl", "state.next.json", "state.json"])
async def test_a_link_in_the_data_folder_is_never_written_through(tmp_path, outside, name):
    folder = tmp_path / "data"
    await (await filled(folder)).close()
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(outside)
    with suppress(StoreUnwritable, StoreCorrupt):  # some are replaced, the others are refused
        store = TinyStore.open(folder)
        await store.note("tokens", "slack/T3", "three")
        await store.close()
    assert outside.read_bytes() == OUTSIDE


async def test_a_journal_that_is_a_link_is_refused_with_what_to_do(tmp_path):
    path, body = await journal_of(tmp_path / "data")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(body + b'{"unfinished')
    path.unlink()
    path.symlink_to(elsewhere)
    store = TinyStore.open(tmp_path / "data")
    with pytest.raises(StoreUnwritable, match=r"is a symbolic link, .* Replace it with what it points to"):
        await store.note("tokens", "slack/T3", "three")
    store._files.close()
    assert elsewhere.read_bytes() == body + b'{"unfinished'


@pytest.mark.parametrize("kind", ["pipe", "endless device"])
async def test_a_pipe_or_a_device_in_place_of_a_file_is_damage_and_never_waited_for(tmp_path, kind):
    def replace(path):
        path.unlink()
        os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")

    folder = tmp_path / "data"
    await (await filled(folder)).close()
    replace(folder / "state.json")
    store = TinyStore.open(folder, readonly=True)
    assert "Not a file" in " ".join(store.notices), "and the older snapshot is used"
    assert await store.notes("tokens") == {"slack/T1": "one", "slack/T2": "two"}
    await store.close()
    [*_, journal] = sorted(folder.glob("journal-*.jsonl"))
    replace(journal)
    for readonly in (True, False):
        with pytest.raises(StoreCorrupt, match=r"Not a file.*restore the data folder from a backup"):
            TinyStore.open(folder, readonly=readonly)


@pytest.mark.parametrize("name", ["evidence", "evidence/ab", "aside"])
def test_a_folder_that_is_a_link_is_refused(tmp_path, name):
    folder = Folder(tmp_path / "data")
    folder.make()
    (tmp_path / "elsewhere").mkdir()
    if "/" in name:
        folder.make("evidence")
    (folder.path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnwritable, match="is a symbolic link"):
        folder.make(name)


async def test_the_data_folder_itself_may_be_a_link_because_the_operator_named_it(tmp_path):
    (tmp_path / "volume").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "volume")
    await (await filled(tmp_path / "data")).close()
    store = TinyStore.open(tmp_path / "data", readonly=True)
    assert await store.notes("tokens") == {"slack/T1": "one", "slack/T2": "two"}
    await store.close()


async def test_a_last_line_that_was_never_finished_is_cut_off(tmp_path):
    path, body = await journal_of(tmp_path / "data")
    last = body.splitlines(keepends=True)[-1]
    for length in range(1, len(last), 7):
        path.write_bytes(body[: len(body) - length])
        store = TinyStore.open(tmp_path / "data")
        assert "was not finished" in " ".join(store.notices)
        assert await store.notes("tokens") == {"slack/T1": "one"}
        store._files.close()
        for made in (tmp_path / "data").glob("*.json*"):
            made.unlink()
        path.write_bytes(body)
        (tmp_path / "data" / "changes.jsonl").touch()


async def test_any_damaged_byte_in_a_finished_last_line_is_damage_and_never_cut_off(tmp_path):
    path, body = await journal_of(tmp_path / "data")
    start = body.rindex(b"\n", 0, -1) + 1
    dice = random.Random(1)
    for at in range(start, len(body)):
        for byte in (0, body[at] ^ 1 << dice.randrange(8), 255):
            if byte == body[at]:
                continue
            path.write_bytes(body[:at] + bytes([byte]) + body[at + 1 :])
            lines = read_lines(path)
            assert lines.rest, (at, byte)
            assert not lines.torn, (at, byte)
    path.write_bytes(body[:-1] + b"\0")
    with pytest.raises(StoreCorrupt, match="is damaged"):
        TinyStore.open(tmp_path / "data")


async def test_zeros_that_a_power_failure_left_are_unfinished_wherever_they_lie(tmp_path):
    path, body = await journal_of(tmp_path / "data")
    start = body.rindex(b"\n", 0, -1) + 1
    size = len(body) - start
    for first, last in ((0, 2), (0, size), (9, 29), (size - 20, size), (size - 3, size)):
        zeros = body[start : start + first] + b"\0" * (last - first) + body[start + last :]
        path.write_bytes(body[:start] + zeros)
        assert read_lines(path).torn, (first, last)
    assert json.loads(body[:start].splitlines()[0])["generation"] == 1
    assert len(zeros) == size
