"""`countersign move` as a person runs it: killed in the middle, run again, watched on a terminal."""

import asyncio
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import psycopg
import pytest
from support.program import bare_env
from support.samples import document, perform
from support.waiting import wait_for

from bot.store.tiny.store import TinyStore

DOCUMENTS = 250
MOST_BEFORE_A_KILL = 100  # documents

# The program as it is, but it waits after that many documents, however long this test takes to kill it.
WAITING = f"""
import sys, time
from bot.store import transfer
usual, left = transfer.document_in, [{MOST_BEFORE_A_KILL}]
async def document_in(store, sha256):
    left[0] -= 1
    if left[0] < 0:
        time.sleep(600)
    return await usual(store, sha256)
transfer.document_in = document_in
from bot.__main__ import main
sys.exit(main())
"""


def command(*words):
    return [sys.executable, "-m", "bot", *words]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder with a little of everything and a lot of evidence."""

    async def fill():
        store = TinyStore.open(tmp_path / "data")
        for step in range(40):
            await perform(store, step)
        for number in range(DOCUMENTS):
            await store.keep(document(f"{number}.xlsx", os.urandom(20_000)))
        await store.close()

    with monkeypatch.context() as quick:
        quick.setattr("os.fsync", lambda fd: None)
        asyncio.run(fill())
    return tmp_path / "data"


def kept_in(url):
    with psycopg.connect(url) as db:
        return db.execute("SELECT count(*) FROM evidence").fetchone()[0]


def kept_under(folder):
    return len(list(folder.glob("evidence/??/*.json")))


def killed(kept, after, *words, cwd):
    """Run a command and kill it once `kept()` has reached `after`; return what it had reached."""
    waiting = [sys.executable, "-c", WAITING, *words]
    with subprocess.Popen(waiting, cwd=cwd, env=bare_env(cwd), stderr=subprocess.PIPE) as program:
        wait_for(lambda: kept() >= after or program.poll() is not None, every=0.005)
        assert program.poll() is None, program.stderr.read()
        program.kill()
        program.wait()
    return kept()


def moved(*words, cwd):
    """Run a command to its end; return the count and the hash that it printed for each part."""
    done = subprocess.run(command(*words), cwd=cwd, env=bare_env(cwd), capture_output=True, text=True, check=False)
    assert (done.returncode, "same counts" in done.stderr) == (0, True), done.stderr
    assert "Traceback" not in done.stderr
    return {part: (count, sha256) for part, count, sha256 in map(str.split, done.stdout.splitlines())}


@pytest.mark.slow
def test_a_move_killed_twice_and_run_again_loses_nothing(folder, database, tmp_path):
    there, back = ("--from", str(folder), "--to", database), ("--from", database, "--to", str(tmp_path / "back"))
    documents = kept_under(folder)
    for after in (20, 120):
        reached = killed(lambda: kept_in(database), after, "move", *there, cwd=tmp_path)
        assert after <= reached < documents, "killed in the middle"
    proofs = moved("move", *there, cwd=tmp_path)
    assert int(proofs["evidence"][0]) == documents == kept_in(database)
    assert int(proofs["changes"][0]) > 10

    reached = killed(lambda: kept_under(tmp_path / "back"), 60, "move", *back, cwd=tmp_path)
    assert 60 <= reached < documents
    assert moved("move", *back, cwd=tmp_path) == proofs
    assert moved("move", "--from", str(tmp_path / "back"), "--to", database, cwd=tmp_path) == proofs, "nothing to do"


def test_a_move_shows_its_progress_on_a_terminal(folder, database, tmp_path):
    ours, theirs = pty.openpty()
    words = command("move", "--from", str(folder), "--to", database)
    env = bare_env(tmp_path) | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=theirs) as program:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # its end
            while more := os.read(ours, 10_000):
                shown += more
    os.close(ours)
    assert program.returncode == 0
    counts = {int(done) for done in re.findall(rb"(\d+)/\d+", shown)}
    assert len(counts) > 3, shown[-500:]
    assert b"evidence" in shown
    assert b"comparing" in shown
