"""`countersign backup` beside a running program that records lists and sends messages, and `restore` elsewhere."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.program import row, typed_in, world
from support.sample_lists import A_DAY, SIGNED
from support.waiting import wait_for

from bot.store.postgres.store import PostgresStore
from bot.store.tiny.store import TinyStore

BACKUPS = 20

# The program as it is, but it stops in the middle of writing the evidence until this test has killed it.
WAITING = """
import asyncio, signal, sys
from bot.store import backup
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
usual, left = backup._Writing._readable, [2]
async def readable(self, store, sha256):
    left[0] -= 1
    if left[0] < 0:
        await asyncio.sleep(600)
    return await usual(self, store, sha256)
backup._Writing._readable = readable
from bot.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        yield made


@contextmanager
def lists_and_messages(here, **env):
    """Publish a longer list again and again, have it read and sent to two chats; yield the number of lists so far."""
    for chat in ("42", "43"):
        here.run("subscribe", "telegram", chat, "--states", "TX", **env)
    published, stop = [], threading.Event()

    def publish():
        rows = [row("TEXAS", f"Town {n} Police Department", signed=SIGNED) for n in range(20 + len(published))]
        name = f"participatingAgencies{A_DAY + timedelta(days=len(published)):%m%d%Y}am.xlsx"
        here.publish_rows(name, rows, at=A_DAY + timedelta(days=len(published)))
        published.append(name)

    def go_on():
        while not stop.is_set():
            publish()
            stop.wait(0.2)

    publish()
    command = "run" if "DATABASE_URL" not in env else "worker"
    program = here.start(command, COUNTERSIGN_POLL_SECONDS="1", log=here.folder.parent / "log", **env)
    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        wait_for(lambda: len(here.telegram.messages) > 2)
        yield published
        assert program.poll() is None
    finally:
        stop.set()
        writer.join()
        program.send_signal(signal.SIGTERM)
        program.wait(60)
    assert "Traceback" not in (here.folder.parent / "log").read_text()


def contents(place):
    """Return everything that a reader finds in a folder or a database now, and the names of its evidence."""

    async def read():
        store = await PostgresStore.open(place) if isinstance(place, str) else TinyStore.open(place, readonly=True)
        try:
            return await store.everything(), set(await store.evidence_names())
        finally:
            await store.close()

    return asyncio.run(read())


def check_nothing_lost(before, restored):
    """Everything that was committed before a backup began is in what was restored from it, and no change is half there."""
    (before, _), (after, evidence) = before, restored
    assert after.changes[: len(before.changes)] == before.changes
    assert set(before.receipts) <= set(after.receipts)
    cursors = {s.id: s.cursor for s in after.subscriptions}
    assert all(cursors[s.id] >= s.cursor for s in before.subscriptions)
    assert after.known.seen
    assert {change.publication.evidence for change in after.changes} <= evidence
    assert all(set(receipt.changes) <= {change.seq for change in after.changes} for receipt in after.receipts)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["a folder", "a database"])
def test_twenty_backups_beside_a_busy_program_lose_nothing_that_was_committed(kind, here, tmp_path, request):
    env = {} if kind == "a folder" else {"DATABASE_URL": request.getfixturevalue("database")}
    place = env.get("DATABASE_URL", here.folder)
    taken = []
    with lists_and_messages(here, **env):
        for number in range(BACKUPS):
            before, file = contents(place), tmp_path / f"{number}.backup"
            here.run("backup", str(file), **env)
            taken.append((before, file))
    first, last = taken[0][0][0], taken[-1][0][0]
    assert len(last.changes) > len(first.changes)
    assert len(last.receipts) > len(first.receipts)
    for number, (before, file) in enumerate(taken):
        target = tmp_path / f"restored-{number}"
        here.run("restore", str(file), "--to", str(target))
        check_nothing_lost(before, contents(target))


@pytest.mark.slow
def test_a_backup_that_is_killed_leaves_the_old_one_and_the_next_one_works(here, tmp_path):
    for number in range(3):
        here.publish_rows(
            f"participating1121202{number}am.xlsx",
            [row("OHIO", f"Town {number} Police Department")],
            at=datetime(2026, 11, 21 + number, 9, tzinfo=UTC),
        )
        here.run("poll")
    file, unfinished = tmp_path / "a.backup", tmp_path / ".a.backup.unfinished"
    here.run("backup", str(file))
    whole = file.read_bytes()
    with subprocess.Popen([sys.executable, "-c", WAITING, "backup", str(file), "--force"], env=here.env) as program:
        wait_for(lambda: (unfinished.exists() and unfinished.stat().st_size > 100) or program.poll() is not None)
        assert program.poll() is None
        program.kill()
    assert file.read_bytes() == whole
    assert unfinished.exists()
    here.run("backup", str(file), "--force")
    assert not unfinished.exists()
    typed_in(tmp_path, "restore", str(file), "--to", "back")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_backup_that_is_told_to_end_leaves_nothing_behind(number, here, tmp_path):
    for count in range(3):
        rows = [row("OHIO", f"Town {count} Police Department")]
        here.publish_rows(f"participating1121202{count}am.xlsx", rows, at=A_DAY + timedelta(days=count))
        here.run("poll")
    (tmp_path / "tmp").mkdir()
    file, env = tmp_path / "a.backup", here.env | {"TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-c", WAITING, "backup", str(file)]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as program:
        wait_for(lambda: (tmp_path / ".a.backup.unfinished").exists() or program.poll() is not None)
        program.send_signal(number)
        try:
            said = program.communicate(timeout=60)[1]
        finally:
            program.kill()
    assert program.returncode == 130
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.slow
def test_a_restore_says_what_it_did_and_refuses_what_it_must_not_overwrite(here, tmp_path):
    here.publish_rows("participating11212026am.xlsx", [row("OHIO", "Canton Police Department")], at=A_DAY)
    here.run("poll")
    made = here.run("backup", str(tmp_path / "a.backup"))
    assert "Its SHA-256 is " in made.stderr
    done = typed_in(tmp_path, "restore", "a.backup", "--to", "back")
    assert done.stdout == made.stdout
    assert "Restored everything from the backup made 20" in done.stderr

    assert "exactly this" in typed_in(tmp_path, "restore", "a.backup", "--to", "back", expect=2).stderr
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    assert "isn't empty" in typed_in(tmp_path, "restore", "a.backup", "--to", "photos", expect=2).stderr
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]
    (tmp_path / "volume" / "lost+found").mkdir(parents=True)
    typed_in(tmp_path, "restore", "a.backup", "--to", "volume")
    (tmp_path / "cut").write_bytes((tmp_path / "a.backup").read_bytes()[:-9])
    assert "damaged or incomplete" in typed_in(tmp_path, "restore", "cut", "--to", "new", expect=2).stderr
    assert not (tmp_path / "new").exists()
    assert "--to takes a folder" in typed_in(tmp_path, "restore", "a.backup", "--to", "mysql://x", expect=2).stderr
    assert "nothing to back up" in typed_in(tmp_path / "photos", "backup", "x", expect=2).stderr


def test_a_backup_never_replaces_the_stores_own_files_or_a_device(here, tmp_path):
    here.publish_rows("participating11212026am.xlsx", [row("OHIO", "Canton Police Department")], at=A_DAY)
    here.run("poll")
    before = {path: path.read_bytes() for path in here.folder.iterdir() if path.is_file()}
    for path in before:
        assert "was left as it is" in here.run("backup", str(path), "--force", expect=2).stderr
    assert "isn't a file" in here.run("backup", "/dev/full", "--force", expect=2).stderr
    assert "File name too long" in here.run("backup", str(tmp_path / ("a" * 300)), expect=1).stderr
    assert before == {path: path.read_bytes() for path in here.folder.iterdir() if path.is_file()}
    for _ in range(2):  # a backup may be there, and be replaced by the next one
        here.run("backup", str(here.folder / "daily.backup"), "--force")


def test_an_output_without_room_is_said_and_is_no_internal_error(here):
    here.publish_rows("participating11212026am.xlsx", [row("OHIO", "Canton Police Department")], at=A_DAY)
    here.run("poll")
    for words in (["backup", "-"], ["help"]):
        command = [sys.executable, "-m", "bot", *words]
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(command, env=here.env, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "internal error" not in done.stderr


def test_a_reader_that_closes_the_pipe_is_told_that_it_has_no_whole_backup(here):
    here.publish_rows("participating11212026am.xlsx", [row("OHIO", "Canton Police Department")], at=A_DAY)
    here.run("poll")
    reader, pipe = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "bot", "backup", "-"]
    done = subprocess.run(command, env=here.env, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    os.close(pipe)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "closed the pipe before the end, so what it got isn't a whole backup" in done.stderr


@pytest.mark.slow
def test_nothing_is_restored_into_the_folder_of_a_running_program(here, tmp_path):
    here.publish_rows("participating11212026am.xlsx", [row("OHIO", "Canton Police Department")], at=A_DAY)
    here.run("poll")
    here.run("backup", str(tmp_path / "a.backup"))
    program = here.start("run", log=tmp_path / "log")
    try:
        wait_for((here.folder / "control.sock").exists)
        assert "Stop it first" in here.run("restore", str(tmp_path / "a.backup"), expect=1).stderr
    finally:
        program.terminate()
        program.wait(60)


@pytest.mark.slow
def test_a_backup_can_be_piped_out_of_one_host_and_into_another(here, tmp_path):
    here.publish_rows("participating11212026am.xlsx", [row("OHIO", "Canton Police Department")], at=A_DAY)
    here.run("poll")
    command = [sys.executable, "-m", "bot"]
    out = subprocess.run([*command, "backup", "-"], env=here.env, capture_output=True, check=True)
    assert out.stdout.startswith(b"PK")
    assert b"Its SHA-256 is " in out.stderr
    target = here.env | {"COUNTERSIGN_DATA": str(tmp_path / "volume")}
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "a.backup").write_bytes(out.stdout)
    there = subprocess.run(
        [*command, "restore", str(tmp_path / "volume" / "a.backup")], env=target, capture_output=True, check=True
    )
    assert there.stdout.decode() in out.stderr.decode()
    for body, code in ((out.stdout[:-1], 2), (out.stdout, 0)):
        piped = [*command, "restore", "-", "--to", str(tmp_path / "piped")]
        done = subprocess.run(piped, input=body, env=here.env, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        assert (tmp_path / "piped").exists() is (code == 0)
