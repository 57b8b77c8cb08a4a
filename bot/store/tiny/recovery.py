"""Recover a store's contents from the snapshots, journals and change log in its data folder.

This module never writes anything.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from bot.domain.change import Change
from bot.domain.letters import counted
from bot.errors import StoreCorrupt, StoreError
from bot.store.tiny import snapshot
from bot.store.tiny.contents import Contents
from bot.store.tiny.files import Folder, read_lines
from bot.store.tiny.snapshot import Snapshot, check_format
from bot.store.tiny.transactions import Numbered, Recorded, decoded

S = TypeVar("S")
T = TypeVar("T")
LOG = "changes.jsonl"
STATE = "state.json"
PREVIOUS = "state.previous.json"
RESTORE = "Restore the data folder from a backup"


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a journal.

    It contains the journal's number, the number of transactions before it and the folder's format. Early versions that
    used format 1 didn't write the format.
    """

    generation: int
    transactions: int
    format: int = 1


def journal(generation: int) -> str:
    """Return the file name of a journal."""
    return f"journal-{generation}.jsonl"


def journals(folder: Folder) -> list[int]:
    """Return the numbers of the folder's journals in ascending order."""
    numbers = (path.stem.removeprefix("journal-") for path in folder.path.glob("journal-*.jsonl"))
    return sorted(int(number) for number in numbers if number.isdecimal())


class Recovered:
    """The recovered contents and the positions reached in the files.

    `base` is the generation of the snapshot, and `generation` is the generation of the journal being read.
    `journal_end` and `log_end` are the offsets where the committed parts of the journal and the log end. `begun` is the
    number of transactions before this journal. `torn` is true if the journal's last line was never completely written.
    `blank` is true if nothing has been written yet. `outdated` is true if the snapshot or the journal has an older
    format than the one this program writes. `notices` describe any damage, which is repaired by the next snapshot.
    """

    def __init__(self, folder: Folder) -> None:
        self.notices: list[str] = []
        self._wrong: list[str] = []
        self.log_end = 0
        self.outdated = False
        self._folder = folder
        self._unread: list[tuple[bytes, int]] = []
        self._decode_change = msgspec.json.Decoder(Change).decode
        self._decode_heading = msgspec.json.Decoder(Heading).decode
        self.contents = Contents()
        found = self._newest_snapshot()
        self.blank = found is None and not journals(folder)
        if found is not None:
            changes = self._take(found.meta.last_seq)
            self.contents = Contents(self._decoded(found.image, changes))
            self._note_format(found.meta.format)
        self.base = found.meta.generation if found else 1
        self._begin(self.base)
        self.follow()
        self._check_complete()

    def follow(self) -> None:
        """Apply all new transactions from the files."""
        if self.blank:
            return
        self._read_journal()
        while self._next_goes_on():
            self._begin(self.generation + 1)
            self._read_journal()
        self._unread = []  # lines that aren't committed yet may still be overwritten

    def to_last_journal(self) -> None:
        """Move on to the newest journal, even if it is still empty."""
        while self._next_goes_on(unused=True):
            self._begin(self.generation + 1)
            self._read_journal()

    def _newest_snapshot(self) -> Snapshot | None:
        """Return the newest intact snapshot, or None, and add a notice about each newer one that is unusable."""
        found, wrong = None, self._wrong
        self.state_damaged = False
        for name in (STATE, PREVIOUS):
            try:
                found = snapshot.load(self._folder, name)
            except StoreCorrupt as error:
                self.state_damaged |= name == STATE
                wrong.append(str(error))
            if found is not None:
                break
            if name == STATE and not self.state_damaged:
                wrong.append(f"{self._folder.path / name} is missing.")
        self._fell_back = bool(wrong) and (found is not None or self.state_damaged)
        if self._fell_back:
            self.notices += [f"{sentence} Its contents were rebuilt from older files." for sentence in wrong]
        return found

    def _begin(self, generation: int) -> None:
        self.generation, self.journal_end, self._lines = generation, 0, 0
        self.begun = self.contents.transactions

    def _read_journal(self) -> None:
        path = self._folder.path / journal(self.generation)
        lines = read_lines(path, self.journal_end)
        if lines is None:
            raise StoreCorrupt(" ".join([*self._wrong, f"{path} is missing. {RESTORE}."]))
        for body, end in zip(lines.bodies, lines.ends, strict=True):
            if self._lines:
                self._apply(self._decoded(decoded, body))
            else:
                self._check_heading(self._heading(body))
            self.journal_end, self._lines = end, self._lines + 1
        self.torn = bool(lines.rest)
        if not self._lines or (lines.rest and not lines.torn):
            raise self._damaged_line()

    def _heading(self, body: bytes) -> Heading:
        heading = self._decoded(self._decode_heading, body)
        check_format(heading.format, self._folder.path)
        return heading

    def _check_heading(self, heading: Heading) -> None:
        if (heading.generation, heading.transactions) != (self.generation, self.begun):
            raise self._damaged_line()
        self._note_format(heading.format)

    def _note_format(self, found: int) -> None:
        self.outdated = found < snapshot.FORMAT

    def _apply(self, line: Numbered) -> None:
        if line.n != self.contents.transactions + 1:
            raise self._damaged_line()
        changes = self._take(line.transaction.last_seq) if isinstance(line.transaction, Recorded) else []
        self.contents.apply(line.transaction, changes)

    def _next_goes_on(self, *, unused: bool = False) -> bool:
        """Return whether the next journal is in use and starts where this one ends.

        If `unused` is true, the next journal may be empty. A journal left over from a failed snapshot is empty and
        starts at an earlier transaction.
        """
        path = self._folder.path / journal(self.generation + 1)
        lines = read_lines(path)
        if lines is None:
            return False
        begun = self._heading(lines.bodies[0]).transactions if lines.bodies else None
        is_empty = len(lines.bodies) == 1
        if begun == self.contents.transactions:
            return unused or not is_empty or self._has_journal(self.generation + 2)
        if begun is not None and begun < self.contents.transactions and is_empty:
            return False
        raise StoreCorrupt(f"{path} doesn't continue where {journal(self.generation)} ends. {RESTORE}.")

    def _has_journal(self, generation: int) -> bool:
        return (self._folder.path / journal(generation)).exists()

    def _take(self, last_seq: int) -> list[Change]:
        """Return the next changes from the log, up to and including number `last_seq`."""
        first = self.contents.log.end + 1
        count = last_seq - first + 1
        if count > len(self._unread):
            self._read_log(count)
        taken, self._unread = self._unread[:count], self._unread[count:]
        changes = [self._decoded(self._decode_change, body) for body, _ in taken]
        if [change.seq for change in changes] != list(range(first, last_seq + 1)):
            raise StoreCorrupt(f"{self._folder.path / LOG} doesn't number its changes consecutively. {RESTORE}.")
        if taken:
            self.log_end = taken[-1][1]
        return changes

    def _read_log(self, count: int) -> None:
        """Read the rest of the log; raise StoreCorrupt if it contains fewer than `count` changes."""
        path = self._folder.path / LOG
        lines = read_lines(path, self.log_end)
        if lines is None:
            raise StoreCorrupt(f"{path} is missing. {RESTORE}.")
        self._unread = list(zip(lines.bodies, lines.ends, strict=True))
        if count > len(self._unread):
            line = self.contents.log.end + len(self._unread) + 1
            last = self.contents.log.end + count
            raise StoreCorrupt(
                f"Line {line} of {path} is damaged or missing, though the log had {counted(last, 'change')}. {RESTORE}."
            )

    def _check_complete(self) -> None:
        """Raise StoreCorrupt if the newest journal is missing.

        Every snapshot should have a journal, because the journal is created first.
        """
        newest = max(journals(self._folder), default=0)
        if self.blank and (self._fell_back or read_lines(self._folder.path / LOG) not in (None, ([], [], b""))):
            raise StoreCorrupt(
                f"{self._folder.path} holds a change log but none of the files that belong with it. {RESTORE}."
            )
        if newest > self.generation + 1 or (self._fell_back and newest <= self.base):
            raise StoreCorrupt(f"{self._folder.path / journal(self.generation + 1)} is missing. {RESTORE}.")

    def _decoded(self, decode: Callable[[S], T], written: S) -> T:
        try:
            return decode(written)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"{self._folder.path} was written by a version this one doesn't understand ({error}). "
                "Run the version that wrote it."
            ) from error

    def _damaged_line(self) -> StoreCorrupt:
        path = self._folder.path / journal(self.generation)
        return StoreCorrupt(
            f"Line {self._lines + 1} of {path} is damaged. {RESTORE}. "
            "To continue without the lost changes instead, delete that line and everything after it."
        )
