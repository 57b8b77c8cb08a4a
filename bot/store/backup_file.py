"""The form of a backup file, and how one is read.

The file is an ordinary ZIP that holds a data folder. Its entries aren't compressed, so reading them takes no more room
than the file itself. The documents in them are, and unpacking one has a limit. The first entry says what the file is,
and the last one what is in it, with counts and hashes. The file ends with the SHA-256 of everything before it. Nothing
in a damaged file is believed.
"""

import hashlib
import os
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from bot import __version__
from bot.domain.document import Document
from bot.domain.text.rich_text import legible
from bot.errors import StoreError, StoreUnwritable, UsageError
from bot.store import Everything, Unreadable
from bot.store.rules.packed_document import restored
from bot.store.rules.sealed_line import unseal
from bot.store.tiny import snapshot
from bot.store.tiny.recovery import LOG, STATE
from bot.store.tiny.store import TinyStore
from bot.store.transfer import Moved, evidence_proof, proofs

FORMAT = 1  # increase it when an older program would misread the file
HEAD, CONTENTS = "countersign-backup.json", "contents.json"
FOLDER = re.compile(rf"{re.escape(STATE)}|{re.escape(LOG)}|journal-[0-9]{{1,18}}\.jsonl")
EVIDENCE = re.compile(r"evidence/([0-9a-f]{2})/(\1[0-9a-f]{62})\.(gz|json)")
LARGEST_DOCUMENT = 64 << 20  # bytes, unpacked; the fetcher takes half as much
LARGEST_HEAD = 4096  # bytes
BEFORE_NAME = 30  # bytes in a ZIP before the name of its first entry
HASH_LENGTH = 64
START = b"PK\x03\x04"  # of every ZIP with an entry
CHUNK = 1 << 20
BROKEN = (  # what reading a damaged or made-up file can raise
    *(zipfile.BadZipFile, zlib.error, struct.error, msgspec.MsgspecError, StoreError),
    *(ArithmeticError, AttributeError, EOFError, LookupError, RuntimeError, TypeError, ValueError),
)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first entry: the formats of the backup and of the data folder in it, and who made it and when."""

    backup: int
    store: int
    program: str
    made_at: datetime


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """The last entry: the parts, with their counts and hashes.

    `left_out` has a sentence for each item of the store that couldn't be read and therefore isn't in the backup.
    """

    parts: tuple[Moved, ...]
    left_out: tuple[str, ...] = ()


class Backup:
    """A backup whose file was checked from end to end. It can be moved to a store."""

    def __init__(self, path: Path, head: Head, entries: zipfile.ZipFile, store: TinyStore, files: ExitStack) -> None:
        self.path, self.head = path, head
        self._entries, self._store, self._files = entries, store, files

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a backup. Raise UsageError if it isn't one, if it's damaged or if a newer version made it."""
        if os.access(path, os.F_OK) and not path.is_file() and not path.is_dir():
            raise UsageError(f"{path} isn't a file. To restore from a pipe, run: countersign restore - < {path}")
        try:
            file = path.open("rb")
        except OSError as fault:
            raise _unreadable(path, fault) from fault
        return cls.read(file, path)

    @classmethod
    def read(cls, file: BinaryIO, path: Path) -> Self:
        """Read a backup from an open file, which is closed with the backup. `path` is its name for people."""
        with ExitStack() as files:
            files.callback(file.close)
            try:
                head = _checked_head(file, path)
                entries = _checked_entries(file)
                folder = Path(files.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
                for name in filter(FOLDER.fullmatch, entries.namelist()):
                    (folder / name).write_bytes(entries.read(name))
                store = TinyStore.open(folder)  # as a writer, because an older format is brought up to date
            except StoreUnwritable:
                raise
            except BROKEN as fault:
                raise broken(path) from fault
            except OSError as fault:
                raise _unreadable(path, fault) from fault
            return cls(path, head, entries, store, files.pop_all())

    async def verified(self, step: Callable[[], None] = lambda: None) -> Contents:
        """Read everything once and return what the file holds. Raise UsageError if it isn't what the file says."""
        try:
            contents = msgspec.json.decode(self._entries.read(CONTENTS), type=Contents)
            found = (*proofs(await self.everything()), await evidence_proof(self, step))
        except BROKEN as fault:
            raise broken(self.path) from fault
        if contents.parts != found:
            raise broken(self.path)
        return contents

    async def everything(self) -> Everything:
        """Return everything except the evidence."""
        return await self._store.everything()

    async def unreadable(self) -> Sequence[Unreadable]:
        """Return the subscriptions that this machine can't read."""
        return await self._store.unreadable()

    async def evidence_names(self) -> Sequence[str]:
        """Return the SHA-256 hashes of all documents."""
        return sorted({found[2] for name in self._entries.namelist() if (found := EVIDENCE.fullmatch(name))})

    async def evidence(self, sha256: str) -> Document | None:
        """Return a document, unpacked within the limit. Raise UsageError if it's damaged."""
        stem = f"evidence/{sha256[:2]}/{sha256}"
        try:
            body = self._entries.read(f"{stem}.gz")
            label = unseal(self._entries.read(f"{stem}.json").removesuffix(b"\n"))
            found = restored(sha256, body, label) if label is not None and _is_small(body) else None
        except BROKEN as fault:
            raise broken(self.path) from fault
        if found is None:
            raise broken(self.path)
        return found

    async def others(self) -> int:
        """Return 0, because no program writes to a finished backup."""
        return 0

    async def close(self) -> None:
        """Close the file and delete what was unpacked."""
        with self._files:
            await self._store.close()


def broken(path: Path) -> UsageError:
    """Return the error for a backup whose bytes differ from what was written."""
    return UsageError(f"{path} is damaged or incomplete, so nothing in it was used. Take another backup.")


def _unreadable(path: Path, fault: OSError) -> UsageError:
    return UsageError(f"Can't read {path}: {fault.strerror}.")


def hash_of(file: BinaryIO, end: int) -> "hashlib._Hash":
    """Return the SHA-256 of a file's bytes up to an offset."""
    total = hashlib.sha256()
    file.seek(0)
    while more := file.read(min(CHUNK, end - file.tell())):
        total.update(more)
    return total


def _checked_head(file: BinaryIO, path: Path) -> Head:
    """Return the head of a whole file that this version can read."""
    start = file.read(LARGEST_HEAD)
    if not start.startswith(START) or not start[BEFORE_NAME:].startswith(HEAD.encode()):
        raise UsageError(f"{path} isn't a Countersign backup, so nothing was restored.")
    end = max(0, file.seek(0, os.SEEK_END) - HASH_LENGTH)
    file.seek(end)
    if file.read() != hash_of(file, end).hexdigest().encode():
        raise broken(path)
    size = int.from_bytes(start[18:22], "little")
    head = msgspec.json.decode(start[BEFORE_NAME + len(HEAD) :][:size], type=Head)
    if head.backup > FORMAT or head.store > snapshot.FORMAT:
        raise UsageError(
            f"{path} was made by a newer Countersign, {legible(head.program)[:40]}. This is {__version__}. "
            "Update the program, then restore."
        )
    return head


def _checked_entries(file: BinaryIO) -> zipfile.ZipFile:
    """Return the entries. Raise BadZipFile if one has another name or takes more room than in the file."""
    entries = zipfile.ZipFile(file)
    names = entries.namelist()
    known = all(name in {HEAD, CONTENTS} or FOLDER.fullmatch(name) or EVIDENCE.fullmatch(name) for name in names)
    plain = all(entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & 1 for entry in entries.infolist())
    room = sum(entry.file_size for entry in entries.infolist())
    if not known or not plain or len(names) != len(set(names)) or room > file.seek(0, os.SEEK_END):
        raise zipfile.BadZipFile
    return entries


def _is_small(body: bytes) -> bool:
    """Return whether a document is one whole gzip member that unpacks to at most the limit."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    unpacking.decompress(body, LARGEST_DOCUMENT)
    return unpacking.eof and not unpacking.unused_data
