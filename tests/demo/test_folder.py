"""A killed demonstration's folder is removed by the next one, and nothing else is."""

import os
import signal
import subprocess
import sys

import pytest

from bot.demo.folder import LOCK, PREFIX, remove_dead, temporary_folder

HOLD = "from bot.demo.folder import *\nwith temporary_folder() as f:\n  print(f, flush=True); input()"


@pytest.fixture
def tmp(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def holding(tmp):
    """Start a process that holds a demonstration's folder. Return both."""
    env = {**os.environ, "TMPDIR": str(tmp), "PYTHONPATH": os.pathsep.join(sys.path)}
    started = subprocess.Popen(
        [sys.executable, "-c", HOLD], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return started, tmp / started.stdout.readline().strip().rpartition("/")[2]


def test_the_folder_of_a_killed_demonstration_is_removed_and_one_in_use_is_not(tmp):
    dead, left = holding(tmp)
    (left / "data").mkdir()
    (left / "data" / "log").write_text("x")
    dead.kill()
    assert dead.wait(60) == -signal.SIGKILL
    alive, used = holding(tmp)
    assert not left.exists(), "the next one removes it at its start"
    remove_dead()
    assert (used / LOCK).is_file()
    alive.communicate("\n", timeout=60)
    assert not used.exists()


def test_nothing_else_is_removed(tmp):
    other = tmp / "other"
    other.mkdir()
    (other / LOCK).touch()
    (tmp / f"{PREFIX}abcd1234").symlink_to(other)
    for name in (f"{PREFIX}abcd12345", f"{PREFIX}ABCD1234", f"my-{PREFIX}abcd1235"):
        (tmp / name).mkdir()
        (tmp / name / LOCK).touch()
    (tmp / f"{PREFIX}abcd1236").mkdir()  # without a lock, it may be a new one
    (tmp / f"{PREFIX}abcd1237").mkdir()
    (tmp / f"{PREFIX}abcd1237" / LOCK).symlink_to(other / LOCK)
    (tmp / f"{PREFIX}abcd1238").write_text("a file")
    before = sorted(tmp.rglob("*"))
    remove_dead()
    assert sorted(tmp.rglob("*")) == before


def test_a_link_in_a_dead_folder_is_removed_and_not_what_it_points_to(tmp):
    (tmp / "mine").write_text("kept")
    dead = tmp / f"{PREFIX}abcd1234"
    dead.mkdir()
    (dead / LOCK).touch()
    (dead / "link").symlink_to(tmp / "mine")
    remove_dead()
    assert not dead.exists()
    assert (tmp / "mine").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_is_left_alone(tmp):
    theirs = tmp / f"{PREFIX}abcd1234"
    theirs.mkdir()
    (theirs / LOCK).touch()
    os.chown(theirs, 65_534, 65_534)
    remove_dead()
    assert theirs.is_dir()


def test_a_folder_is_gone_after_its_block(tmp):
    with temporary_folder() as folder:
        assert folder.parent == tmp
    assert not folder.exists()
