"""The ledger as the files of a data folder tell it: a checkpoint and the journals after it, read and never written."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from bot.domain.change import Change
from bot.errors import StoreCorrupt, StoreError
from bot.store.tiny import snapshot
from bot.store.tiny.contents import Ledger, Recorded, Transaction
from bot.store.tiny.files import Folder, read_lines
from bot.store.tiny.snapshot import Checkpoint

S = TypeVar("S")
T = TypeVar("T")
LOG = "changes.jsonl"
STATE = "state.json"
PREVIOUS = "state.previous.json"
RESTORE = "Put the data folder back from a backup"


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a journal: its number, and how many transactions went before it."""

    generation: int
    transactions: int


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """Every other line of a journal."""

    n: int
    transaction: Transaction


def journal(generation: int) -> str:
    """The name of that journal."""
    return f"journal-{generation}.jsonl"


def journals(folder: Folder) -> list[int]:
    """The numbers of the journals that are there, in order."""
    numbers = (path.stem.removeprefix("journal-") for path in folder.path.glob("journal-*.jsonl"))
    return sorted(int(number) for number in numbers if number.isdecimal())


class Replica:
    """A ledger and its place in the files: `base` is the generation of its checkpoint, `generation` of its journal.

    `journal_end` and `log_end` are the offsets up to which journal and log count, `begun` the number of transactions
    before this journal. `torn`: its last line was never finished. `blank`: nothing has been written yet.
    `notices` says what was damaged and is put right by the next checkpoint.
    """

    def __init__(self, folder: Folder) -> None:
        self.notices: list[str] = []
        self._wrong: list[str] = []
        self.log_end = 0
        self._folder = folder
        self._unread: list[tuple[bytes, int]] = []
        self._decode_change = msgspec.json.Decoder(Change).decode
        self._decode_line = msgspec.json.Decoder(Numbered).decode
        self._decode_heading = msgspec.json.Decoder(Heading).decode
        found = self._newest_checkpoint()
        self.ledger = Ledger()
        self.blank = found is None and not journals(folder)
        if found is not None:
            self.ledger = self._decoded(found.restore, self._take(found.meta.last_seq))
        self.base = found.meta.generation if found else 1
        self._begin(self.base)
        self.follow()
        self._check_complete()

    def follow(self) -> None:
        """Apply what the files say beyond what was applied."""
        if self.blank:
            return
        self._read_journal()
        while self._next_goes_on():
            self._begin(self.generation + 1)
            self._read_journal()
        self._unread = []  # what does not count yet may still be written anew

    def to_last_journal(self) -> None:
        """Go on to a journal that a checkpoint had begun when the program stopped."""
        while self._next_goes_on(unused=True):
            self._begin(self.generation + 1)
            self._read_journal()

    def _newest_checkpoint(self) -> Checkpoint | None:
        """The newest sound one; what is wrong with a newer one is said."""
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
            self.notices += [f"{sentence} What it held was put together again from older files." for sentence in wrong]
        return found

    def _begin(self, generation: int) -> None:
        self.generation, self.journal_end, self._lines = generation, 0, 0
        self.begun = self.ledger.transactions

    def _read_journal(self) -> None:
        path = self._folder.path / journal(self.generation)
        lines = read_lines(path, self.journal_end)
        if lines is None:
            raise StoreCorrupt(" ".join([*self._wrong, f"{path} is missing. {RESTORE}."]))
        for body, end in zip(lines.bodies, lines.ends, strict=True):
            if self._lines:
                self._apply(self._decoded(self._decode_line, body))
            elif self._decoded(self._decode_heading, body) != Heading(
                generation=self.generation, transactions=self.begun
            ):
                raise self._damaged_line()
            self.journal_end, self._lines = end, self._lines + 1
        self.torn = bool(lines.rest)
        if not self._lines or (lines.rest and not lines.torn):
            raise self._damaged_line()

    def _apply(self, line: Numbered) -> None:
        if line.n != self.ledger.transactions + 1:
            raise self._damaged_line()
        changes = self._take(line.transaction.last_seq) if isinstance(line.transaction, Recorded) else []
        self.ledger.apply(line.transaction, changes)

    def _next_goes_on(self, *, unused: bool = False) -> bool:
        """Whether the next journal begins where this one ends and has been taken into use, or may be `unused` yet.

        One that a failed checkpoint left behind begins earlier and holds nothing.
        """
        path = self._folder.path / journal(self.generation + 1)
        lines = read_lines(path)
        if lines is None:
            return False
        begun = self._decoded(self._decode_heading, lines.bodies[0]).transactions if lines.bodies else None
        is_empty = len(lines.bodies) == 1
        if begun == self.ledger.transactions:
            return unused or not is_empty or self._has_journal(self.generation + 2)
        if begun is not None and begun < self.ledger.transactions and is_empty:
            return False
        raise StoreCorrupt(f"{path} does not go on where {journal(self.generation)} ends. {RESTORE}.")

    def _has_journal(self, generation: int) -> bool:
        return (self._folder.path / journal(generation)).exists()

    def _take(self, last_seq: int) -> list[Change]:
        """The next changes of the log up to that number."""
        first = self.ledger.log.end + 1
        count = last_seq - first + 1
        if count > len(self._unread):
            self._read_log(count)
        taken, self._unread = self._unread[:count], self._unread[count:]
        changes = [self._decoded(self._decode_change, body) for body, _ in taken]
        if [change.seq for change in changes] != list(range(first, last_seq + 1)):
            raise StoreCorrupt(f"{self._folder.path / LOG} does not number its changes one by one. {RESTORE}.")
        if taken:
            self.log_end = taken[-1][1]
        return changes

    def _read_log(self, count: int) -> None:
        """Read all that the log holds from here, which must be so many changes at least."""
        path = self._folder.path / LOG
        lines = read_lines(path, self.log_end)
        if lines is None:
            raise StoreCorrupt(f"{path} is missing. {RESTORE}.")
        self._unread = list(zip(lines.bodies, lines.ends, strict=True))
        if count > len(self._unread):
            line = self.ledger.log.end + len(self._unread) + 1
            last = self.ledger.log.end + count
            raise StoreCorrupt(
                f"Line {line} of {path} is damaged or missing, though {last} changes were committed. {RESTORE}."
            )

    def _check_complete(self) -> None:
        """A checkpoint is replaced only once the next journal is there, so that none may be missing at the end."""
        newest = max(journals(self._folder), default=0)
        if self.blank and (self._fell_back or read_lines(self._folder.path / LOG) not in (None, ([], [], b""))):
            raise StoreCorrupt(f"{self._folder.path} holds a change log but nothing of what belongs to it. {RESTORE}.")
        if newest > self.generation + 1 or (self._fell_back and newest <= self.base):
            raise StoreCorrupt(f"{self._folder.path / journal(self.generation + 1)} is missing. {RESTORE}.")

    def _decoded(self, decode: Callable[[S], T], written: S) -> T:
        try:
            return decode(written)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"{self._folder.path} was written by a version that this one does not understand ({error})."
            ) from error

    def _damaged_line(self) -> StoreCorrupt:
        path = self._folder.path / journal(self.generation)
        return StoreCorrupt(
            f"Line {self._lines + 1} of {path} is damaged. {RESTORE}; "
            "or delete that line and all after it, to go on without what they say."
        )
