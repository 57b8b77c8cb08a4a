"""The demonstration's temporary folder. A killed demonstration leaves its own, and the next one removes it."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.errors import CountersignError

PREFIX, LOCK = "countersign-demo-", "running"
_NAME = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder, which is deleted with everything in it when the block ends.

    A lock in it shows others that it's in use. Unlike a process id, it's valid in every container that shares the disk.
    """
    remove_dead()
    try:
        made = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
    except OSError as fault:
        raise CountersignError(
            f"The demonstration needs a temporary folder and can't make one: {fault.strerror}. Set TMPDIR to a folder "
            "that you can write to."
        ) from None
    with made as name, _locked(Path(name)):
        yield Path(name)


def remove_dead() -> None:
    """Remove the folders of demonstrations of this user that no longer run. Leave everything else alone."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in list(entries):
            if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False) and _is_mine(entry):
                with suppress(OSError):
                    _remove_if_dead(Path(entry.path))


def _is_mine(entry: "os.DirEntry[str]") -> bool:
    return entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def _remove_if_dead(folder: Path) -> None:
    """Remove a folder if no one holds its lock. Raise OSError if it has no lock, or if someone holds it."""
    held = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)  # it follows no link
    finally:
        os.close(held)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. It gets its name only when it's held, so that no one takes the folder for a dead one."""
    unnamed = folder / f"{LOCK}.new"
    held = os.open(unnamed, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        unnamed.rename(folder / LOCK)
        yield
    finally:
        os.close(held)
