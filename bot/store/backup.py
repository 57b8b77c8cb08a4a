"""Make a backup: everything in a store, in one file. The store may be in use meanwhile."""

import os
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import msgspec

from bot.domain.document import Document
from bot.errors import StoreCorrupt, StoreError
from bot.store import Everything
from bot.store.backup_file import CONTENTS, HASH_LENGTH, HEAD, Backup, Contents, Head, hash_of
from bot.store.new_file import new_file
from bot.store.rules.packed_document import label, packed
from bot.store.rules.sealed_line import seal
from bot.store.tiny.recovery import LOG, STATE
from bot.store.tiny.store import TinyStore
from bot.store.transfer import EvidenceHash, Exportable, Moved, Progress, proofs


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished backup: its parts, its size in bytes, its SHA-256 and what was left out."""

    parts: Sequence[Moved]
    size: int
    sha256: str
    left_out: Sequence[str]


async def back_up(
    source: Exportable, path: Path, head: Head, *, force: bool = False, progress: Progress = lambda *_: None
) -> Made:
    """Write a backup of a store to a file, which appears only when it's complete.

    With `force`, an existing file is replaced.
    """
    with new_file(path, replace=force) as file:
        return await write_backup(source, file, path, head, progress)


async def write_backup(
    source: Exportable, file: BinaryIO, name: Path, head: Head, progress: Progress = lambda *_: None
) -> Made:
    """Write a backup of a store to an open file, read it again and compare. `name` is the file's name for people.

    Everything but the evidence is copied at one moment. The evidence is listed afterward, so every document that the
    copy refers to is there.
    """
    unreadable = {found.id: f"{found.sentence}." for found in await source.unreadable()}
    everything = await source.everything()
    readable = tuple(s for s in everything.subscriptions if s.id not in unreadable)
    files, everything = await _as_folder(replace(everything, subscriptions=readable), name)
    names = await source.evidence_names()
    steps = iter(range(1, 2 * len(names) + 1))

    def step(doing: str) -> None:
        progress(next(steps), 2 * len(names), doing)

    with zipfile.ZipFile(file, "w") as entries:
        entries.comment = b"0" * HASH_LENGTH  # room for the hash
        writing = _Writing(entries, head)
        for entry, body in files.items():
            writing.add(entry, body)
        evidence = await writing.add_evidence(source, names, lambda: step("evidence"))
        left_out = (*unreadable.values(), *writing.damaged)
        contents = Contents(parts=(*proofs(everything), evidence), left_out=left_out)
        writing.add(CONTENTS, msgspec.json.encode(contents))
    size, sha256 = _seal(file)
    await _check(file, name, contents, lambda: step("comparing"))
    return Made(parts=contents.parts, size=size, sha256=sha256, left_out=left_out)


class _Writing:
    """The entries of a backup that is being written. `damaged` has a sentence for each document that can't be read."""

    def __init__(self, entries: zipfile.ZipFile, head: Head) -> None:
        self.damaged: list[str] = []
        self._entries, self._date = entries, head.made_at.timetuple()[:6]
        self.add(HEAD, msgspec.json.encode(head))

    def add(self, name: str, body: bytes) -> None:
        """Add one entry, as a file that only its owner can read when it's unpacked."""
        entry = zipfile.ZipInfo(name, self._date)
        entry.external_attr = 0o600 << 16
        self._entries.writestr(entry, body)

    async def add_evidence(self, source: Exportable, names: Sequence[str], step: Callable[[], None]) -> Moved:
        """Add the documents, and return their count and hash. One that can't be read is left out and named."""
        total = EvidenceHash()
        for sha256 in names:
            document = await self._readable(source, sha256)
            if document is not None:
                stem = f"evidence/{sha256[:2]}/{sha256}"
                self.add(f"{stem}.gz", packed(document))
                self.add(f"{stem}.json", seal(label(document)))
                total.add(document)
            step()
        return total.proof()

    async def _readable(self, source: Exportable, sha256: str) -> Document | None:
        """Return a document, or None if it's damaged or its bytes are gone, which trying again wouldn't mend."""
        try:
            document = await source.evidence(sha256)
        except StoreCorrupt as fault:
            self.damaged.append(str(fault))
            return None
        if document is None:
            self.damaged.append(f"The document {sha256} has a label but no bytes. Restore it from a backup.")
        return document


async def _as_folder(everything: Everything, path: Path) -> tuple[dict[str, bytes], Everything]:
    """Return the files of a data folder that holds everything, and what they hold when they're opened again.

    It's the same, unless the store has an older format, which opening brings up to date. Raises StoreError otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        store = TinyStore.open(Path(folder))
        try:
            await store.fill(everything)
        finally:
            await store.close()
        store = TinyStore.open(Path(folder))
        try:
            found, was_changed = await store.everything(), bool(store.notices)
        finally:
            await store.close()
        if not was_changed and proofs(found) != proofs(everything):
            raise _differs(path)
        return {file.name: file.read_bytes() for file in _needed(Path(folder))}, found


def _differs(path: Path) -> StoreError:
    return StoreError(f"The copy in {path} differs from the store, so it wasn't kept. Try again.")


def _needed(folder: Path) -> Sequence[Path]:
    """Return the files a reader needs: the snapshot, the log and the newest journal, which begins at the snapshot."""
    journals = sorted(folder.glob("journal-*.jsonl"), key=lambda path: int(path.stem.partition("-")[2]))
    return folder / STATE, folder / LOG, journals[-1]


def _seal(file: BinaryIO) -> tuple[int, str]:
    """Write the SHA-256 of everything before it at the end. Return the size and the SHA-256 of the whole file."""
    file.flush()
    size = file.seek(0, os.SEEK_END)
    total = hash_of(file, size - HASH_LENGTH)
    written = total.hexdigest().encode()
    file.seek(size - HASH_LENGTH)
    file.write(written)
    file.flush()
    total.update(written)
    return size, total.hexdigest()


async def _check(file: BinaryIO, path: Path, contents: Contents, step: Callable[[], None]) -> None:
    """Read the file again as a restore would. Raise StoreError if it doesn't hold what was written."""
    file.seek(0)
    with os.fdopen(os.dup(file.fileno()), "rb") as again:
        backup = Backup.read(again, path)
        try:
            if await backup.verified(step) != contents:
                raise _differs(path)
        finally:
            await backup.close()
