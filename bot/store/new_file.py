"""A new file outside the data folder that appears only when it's complete."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bot.errors import StoreBusy, StoreUnwritable, UsageError
from bot.store.tiny.files import FULL


@contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """Yield a file, open for reading and writing, that appears at the path if the block succeeds.

    Until then, it has another name in the same folder. Only its owner can read it. If a program is killed meanwhile,
    what it leaves is overwritten the next time. An existing file is kept unless `replace` is true.
    """
    with _explaining(path):
        _check(path, replace=replace)
    unfinished = path.with_name(f".{path.name}.unfinished")
    with _explaining(path), _locked(unfinished, path) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _appear(unfinished, path, replace=replace)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise


def _check(path: Path, *, replace: bool) -> None:
    if path.exists() and not path.is_file() and not path.is_dir():  # such as /dev/null, even with --force
        raise UsageError(f"{path} isn't a file. Name a file, or write to - for the output.")
    if path.is_dir():
        raise UsageError(f"{path} is a folder. Name a file in it, as in {path / 'countersign.backup'}.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}. Create it first.")
    if not replace and os.path.lexists(path):
        raise _taken(path)


def _taken(path: Path) -> UsageError:
    return UsageError(f"{path} already exists and was left as it is. Choose another name, or replace it with --force.")


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        reason = "the disk is full" if fault.errno in FULL else os.strerror(fault.errno or 0)
        raise StoreUnwritable(f"{path} couldn't be written: {reason}. Nothing was left there.") from fault


@contextmanager
def _locked(unfinished: Path, path: Path) -> Iterator[BinaryIO]:
    """Open the unfinished file, empty, for this program alone."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with open(os.open(unfinished, flags, 0o600), "w+b") as file:  # noqa: PTH123 - a file descriptor
        if not _is_locked(file) or not _is_same(file, unfinished):
            raise StoreBusy(f"Another program is writing {path}. Wait until it has finished.")
        os.fchmod(file.fileno(), 0o600)
        file.truncate(0)
        yield file


def _is_locked(file: BinaryIO) -> bool:
    """Lock the file for this program. Return False if another one holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks
    return True


def _is_same(file: BinaryIO, path: Path) -> bool:
    """Return whether the path still names the open file, which another program may just have finished."""
    try:
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _appear(unfinished: Path, path: Path, *, replace: bool) -> None:
    """Give the file its name, and sync the folder."""
    if replace:
        unfinished.replace(path)
    else:
        try:
            path.hardlink_to(unfinished)
            unfinished.unlink()
        except FileExistsError:
            raise _taken(path) from None
        except OSError:  # a file system without hard links
            if os.path.lexists(path):
                raise _taken(path) from None
            unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
