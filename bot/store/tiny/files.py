"""Files that survive a kill, a full disk and a damaged byte: replaced whole, or appended to in sealed lines."""

import errno
import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bot.errors import StoreBusy, StoreCorrupt, StoreError, StoreUnwritable

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
SEAL_LENGTH = len(',"crc":"00000000"}')


def seal(body: bytes) -> bytes:
    """A JSON object as one line that carries the checksum of what is before it as its last member."""
    return b'%s,"crc":"%08x"}\n' % (body[:-1], zlib.crc32(body))


def unseal(line: bytes) -> bytes | None:
    """The object without its checksum, or None when not every byte is as it was sealed."""
    body = line[:-SEAL_LENGTH] + b"}"
    return body if seal(body) == line + b"\n" else None


class Lines(NamedTuple):
    """The sound lines of a file, the offset where each ends, and what follows the last of them."""

    bodies: list[bytes]
    ends: list[int]
    rest: bytes

    @property
    def torn(self) -> bool:
        """Whether what follows is a last line that was never finished, not one that was damaged later.

        A kill leaves the beginning of a line, a power cut may leave zeros where a page of it was not written.
        """
        line, newline, more = self.rest.partition(b"\n")
        return not more and (b"\0" in line or not newline) and unseal(line[:-1]) is None


def read_lines(path: Path, start: int = 0) -> Lines | None:
    """The lines from that offset up to the first that is not sound; None when there is no file."""
    found = read(path, start)
    if found is None:
        return None
    bodies, ends, done = [], [], 0
    while (newline := found.find(b"\n", done)) >= 0 and (body := unseal(found[done:newline])) is not None:
        done = newline + 1
        bodies.append(body)
        ends.append(start + done)
    return Lines(bodies, ends, found[done:])


def read(path: Path, start: int = 0) -> bytes | None:
    """The bytes of a file from that offset; None when there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} could not be read ({error.strerror}).") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system refuses into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            sentence = f"{path} could not be written because the disk is full; nothing is lost, but make some room."
        elif error.errno in REFUSED:
            sentence = f"{path} could not be written: the data folder is read-only for this user."
        else:
            sentence = f"{path} could not be written ({error.strerror})."
        raise StoreUnwritable(sentence) from error


class Folder:
    """The data folder. Names are relative to it; what a method has written lasts when it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, name: str = ".") -> None:
        """Create the folder, or one in it, for this user alone."""
        folder = self.path / name
        with writing(folder):
            if folder.is_dir():
                return
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(folder.parent)

    def read(self, name: str) -> bytes | None:
        """The whole file; None when there is none."""
        return read(self.path / name)

    def write(self, name: str, body: bytes) -> None:
        """Put it in place whole: whoever looks sees the old file or the new one."""
        path, temporary = self.path / name, self.path / ".writing"
        with writing(path):
            try:
                _write_new(temporary, body)
                temporary.replace(path)
            except OSError:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)  # on a full disk its room is needed
                raise
            _sync(path.parent)

    def move(self, name: str, to: str) -> None:
        """Give a file another name, in place of what had it; nothing happens when there is no such file."""
        path = self.path / name
        with writing(path), suppress(FileNotFoundError):
            path.replace(self.path / to)
            _sync(self.path)

    def remove(self, name: str) -> None:
        """Delete a file that is no longer needed."""
        path = self.path / name
        with writing(path):
            path.unlink(missing_ok=True)

    def free_name(self, name: str) -> str:
        """A name in `aside/` that nothing has yet."""
        self.make("aside")
        stem, dot, suffix = name.rpartition(".")
        number = 1
        while (self.path / (free := f"aside/{stem}-{number}{dot}{suffix}")).exists():
            number += 1
        return free


class LineFile:
    """An append-only file of sealed lines; what lies past `end` was not acknowledged and does not count."""

    def __init__(self, path: Path, end: int) -> None:
        self.path, self.end = path, end
        self._fd: int | None = None

    def append(self, lines: bytes) -> int:
        """Write after `end` and make it last; what comes back is the new end, which counts once it is set."""
        with self._opened() as fd:
            _write_all(fd, lines, self.end)
            os.fsync(fd)
        return self.end + len(lines)

    def cut(self) -> None:
        """Take off what lies past `end`."""
        with self._opened():
            pass

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, ending at `end`; after a failure nothing is sure of it, so that it is opened and cut anew."""
        with writing(self.path):
            try:
                if self._fd is None:
                    self._fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
                self._cut(self._fd)
                yield self._fd
            except OSError:
                with suppress(OSError):
                    if self._fd is not None:
                        os.ftruncate(self._fd, self.end)
                with suppress(OSError):
                    self.close()
                raise

    def _cut(self, fd: int) -> None:
        found = os.fstat(fd)
        if found.st_size < self.end or not found.st_nlink:
            raise StoreCorrupt(
                f"{self.path} was changed by another program while Countersign was running; start again."
            )
        if found.st_size > self.end:
            os.ftruncate(fd, self.end)
            os.fsync(fd)


class Lock:
    """Held by the one program that writes the folder; the system lets go of it when that program ends."""

    def __init__(self, folder: Folder) -> None:
        path = folder.path / "lock"
        with writing(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(self._fd)
                raise StoreBusy(
                    f"Another Countersign (process {holder}) writes in {folder.path}; stop it first."
                ) from None
            except OSError:
                os.close(self._fd)
                raise
        with suppress(OSError):  # the number is for people; a full disk must not stand in the way of reading on
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let another program write."""
        os.close(self._fd)


def _write_new(path: Path, body: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write_all(fd, body, 0)
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, body: bytes, at: int) -> None:
    left = memoryview(body)
    while left:
        written = os.pwrite(fd, left, at)
        left, at = left[written:], at + written


def _sync(folder: Path) -> None:
    """Make the names in a folder last."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
