"""Files that remain readable even if the process is killed, the disk is full or a byte is damaged.

Each file is either replaced as a whole or appended to in sealed lines.
"""

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bot.errors import StoreBusy, StoreCorrupt, StoreError, StoreUnwritable
from bot.store.rules.sealed_line import unseal

UNWRITTEN = b"\0" * 16
SEALED = re.compile(rb'.*,"crc":"[0-9a-f]{8}"}', re.DOTALL)
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
LINKED = frozenset({errno.ELOOP, errno.EMLINK})
REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
DAMAGED = frozenset({errno.EIO, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EINVAL})  # of this path alone


class Lines(NamedTuple):
    """The intact lines of a file.

    `ends` are the offsets at which the lines end, and `rest` is the bytes after the last intact line.
    """

    bodies: list[bytes]
    ends: list[int]
    rest: bytes

    @property
    def torn(self) -> bool:
        """True if `rest` is a line that was never completely written, rather than a line damaged later.

        If the process is killed, only the beginning of a line may be written. After a power failure, unwritten parts of
        a line may be zeros. A line that ends in a whole seal was written to its end, so if it doesn't match the seal,
        it is damaged; a few zeros are damage too.
        """
        line, newline, more = self.rest.partition(b"\n")
        if more:
            return False
        if UNWRITTEN in line or line.startswith(b"\0\0"):
            return True
        if newline or SEALED.fullmatch(line[:-1]):
            return False
        return SEALED.fullmatch(line) is None or unseal(line) is not None


def read_lines(path: Path, start: int = 0) -> Lines | None:
    """Return the intact lines from an offset to the first damaged line, or None if the file doesn't exist."""
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
    """Return a file's bytes, starting at an offset, or None if the file doesn't exist.

    A pipe or a device in its place isn't read, because that could wait or go on without end.
    """
    try:
        with open(path, "rb", opener=_plain_file) as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unread(path, error) from error


def unread(path: Path, error: OSError) -> StoreError:
    """Return the error for a path in the data folder that can't be read, with what to do."""
    said = f"{path} could not be read ({error.strerror})."
    if error.errno in REFUSED:
        return StoreError(f"{said} Run the command as the user who runs Countersign, or give this user the folder.")
    is_damage = error.errno in DAMAGED
    return (StoreCorrupt if is_damage else StoreError)(f"{said} Put it back, or restore the data folder from a backup.")


def _plain_file(path: str, flags: int) -> int:
    fd = os.open(path, flags | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(fd).st_mode) or stat.S_ISDIR(os.fstat(fd).st_mode):  # reading a folder fails by itself
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "Not a file", path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into a StoreUnwritable with a one-sentence message."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            sentence = f"{path} could not be written because the disk is full. Nothing is lost, but make some room."
        elif error.errno in LINKED:
            sentence = (
                f"{path} is a symbolic link, and nothing in the data folder is written through a link. Replace it with "
                "what it points to."
            )
        elif error.errno in REFUSED:
            sentence = f"{path} could not be written: the data folder is read-only for this user."
        elif error.errno in {errno.EEXIST, errno.ENOTDIR}:
            sentence = (
                f"{path} could not be written: there is a file or a broken link in place of a folder. Remove it, or "
                "set COUNTERSIGN_DATA to a folder."
            )
        else:
            sentence = f"{path} could not be written ({error.strerror})."
        raise StoreUnwritable(sentence) from error


class Folder:
    """The data folder. File names are relative to it, and each method returns only after its writes are on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, name: str = ".") -> None:
        """Create the data folder or a subfolder, accessible only to this user.

        The data folder itself may be a symbolic link, because its name comes from the operator. A subfolder may not.
        """
        folder = self.path / name
        with writing(folder):
            if folder != self.path and folder.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            if folder.is_dir():
                return
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(folder.parent)

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, or None if the file doesn't exist."""
        return read(self.path / name)

    def names(self, name: str) -> list[str]:
        """Return the names in a subfolder, or none if it doesn't exist. Raise StoreError if it can't be listed."""
        try:
            return [path.name for path in (self.path / name).iterdir()]
        except FileNotFoundError:
            if (self.path / name).is_symlink():
                raise StoreCorrupt(f"{self.path / name} is a broken link. Put the folder back.") from None
            return []
        except OSError as error:
            raise unread(self.path / name, error) from error

    def write(self, name: str, body: bytes) -> None:
        """Replace a file in one step, so that readers see either the old version or the new one."""
        path, temporary = self.path / name, self.path / ".writing"
        with writing(path):
            try:
                _write_new(temporary, body)
                temporary.replace(path)
            except OSError:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)  # a full disk needs the space back
                raise
            _sync(path.parent)

    def move(self, name: str, to: str) -> None:
        """Rename a file, replacing any file with the new name. Do nothing if the file doesn't exist."""
        path = self.path / name
        with writing(path), suppress(FileNotFoundError):
            path.replace(self.path / to)
            _sync(self.path)

    def remove(self, name: str) -> None:
        """Delete a file if it exists."""
        path = self.path / name
        with writing(path):
            path.unlink(missing_ok=True)

    def free_name(self, name: str) -> str:
        """Return an unused name in `aside/`."""
        self.make("aside")
        stem, dot, suffix = name.rpartition(".")
        number = 1
        while (self.path / (free := f"aside/{stem}-{number}{dot}{suffix}")).exists():
            number += 1
        return free


class LineFile:
    """An append-only file of sealed lines. Bytes after the offset `end` were never committed and are ignored."""

    def __init__(self, path: Path, end: int) -> None:
        self.path, self.end = path, end
        self._fd: int | None = None

    def append(self, lines: bytes) -> int:
        """Write lines at `end`, sync the file and return the new end.

        The lines aren't committed until the caller updates `end`.
        """
        with self._opened() as fd:
            _write_all(fd, lines, self.end)
            os.fsync(fd)
        return self.end + len(lines)

    def cut(self) -> None:
        """Cut off the bytes after `end`."""
        with self._opened():
            pass

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Cut off the bytes after `end` and yield the file descriptor.

        After an error, the file is closed so that the next call reopens it.
        """
        with writing(self.path):
            try:
                if self._fd is None:
                    self._fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
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
                f"Another program changed {self.path} while Countersign was running. Start Countersign again."
            )
        if found.st_size > self.end:
            os.ftruncate(fd, self.end)
            os.fsync(fd)


class Lock:
    """A lock that ensures only one program writes to the folder.

    The system releases the lock when that program exits.
    """

    def __init__(self, folder: Folder) -> None:
        path = folder.path / "lock"
        with writing(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(self._fd)
                raise StoreBusy(
                    f"Another copy of Countersign (process {holder}) is writing to {folder.path}. Stop it first."
                ) from None
            except OSError:
                os.close(self._fd)
                raise
        with suppress(OSError):  # the process ID is only for people; a full disk must not block opening
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Release the lock."""
        os.close(self._fd)


def _write_new(path: Path, body: bytes) -> None:
    path.unlink(missing_ok=True)  # left over from an earlier write, or a link, which must not be followed
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
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
    """Sync a folder's directory entries to disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
