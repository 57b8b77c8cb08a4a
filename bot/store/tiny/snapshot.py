"""The checkpoint: everything up to the start of a journal, in one TinyDB file that is replaced whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from tinydb import TinyDB
from tinydb.storages import Storage

from bot.domain.agreement import Agreement, Key, ListName, Publication
from bot.domain.change import Change, Known
from bot.domain.lists.vetting import Held
from bot.domain.subscription import Receipt, Subscription
from bot.errors import StoreCorrupt, StoreError
from bot.store import SourceStatus
from bot.store.tiny.contents import Ledger, SetBack
from bot.store.tiny.files import Folder, seal, unseal
from bot.store.tiny.no_gc import no_collector

FORMAT = 1
T = TypeVar("T")
Tables = dict[str, dict[str, Any]]


class SealedStorage(Storage):
    """TinyDB's tables as one sealed line; what is written reaches the disk with `save`, all at once."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._name = folder, name
        self._tables: Tables | None = None

    def load(self) -> bool:
        """Take the tables from the file; False when there is none."""
        found = self._folder.read(self._name)
        if found is None:
            return False
        body = unseal(found.removesuffix(b"\n"))
        if body is None:
            raise StoreCorrupt(f"{self._folder.path / self._name} is damaged.")
        self._tables = msgspec.json.decode(body, type=Tables)
        return True

    def read(self) -> Tables | None:
        """The tables as TinyDB asks for them."""
        return self._tables

    def write(self, data: Tables) -> None:
        """The tables as TinyDB changed them."""
        self._tables = data

    def save(self) -> None:
        """Put them in the file."""
        self._folder.write(self._name, seal(msgspec.json.encode(self._tables)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """Which journal goes on from here, and how much went before."""

    format: int = FORMAT
    generation: int
    transactions: int
    last_seq: int
    next_number: int
    latest: datetime | None = None
    set_back: SetBack | None = None


@dataclass(frozen=True, slots=True)
class OnList:
    """An agreement that is on one of the lists."""

    list: ListName
    agreement: Agreement
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The publication of a list that was believed last."""

    list: ListName
    publication: Publication


@dataclass(frozen=True, slots=True)
class Since:
    """Since when an agreement is pending, or absent."""

    key: Key
    at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What was noted under a kind and a key."""

    kind: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that was read; `meta.last_seq` says how much of the log belongs to it."""

    meta: Meta
    db: TinyDB

    @no_collector()
    def restore(self, changes: Sequence[Change]) -> Ledger:
        """The ledger as it was, with the log up to there; every `due_at` is computed afresh.

        MsgspecError is raised when it was written by a version that said things otherwise.
        """
        ledger = Ledger()
        ledger.log.extend(changes)
        ledger.known = self._known()
        ledger.held = tuple(self._all("held", Held))
        ledger.statuses = {status.source: status for status in self._all("sources", SourceStatus)}
        ledger.proofs.keep(self._all("receipts", Receipt))
        ledger.latest, ledger.roll.set_back = self.meta.latest, self.meta.set_back
        for note in self._all("notes", Note):
            ledger.notes.setdefault(note.kind, {})[note.key] = note.value
        for subscription in self._all("subscriptions", Subscription):
            ledger.roll.place(subscription)
        ledger.roll.next_number = self.meta.next_number
        ledger.transactions = self.meta.transactions
        return ledger

    def _all(self, table: str, kind: type[T]) -> Iterator[T]:
        return (msgspec.convert(row, kind) for row in self.db.table(table))

    def _known(self) -> Known:
        lists: dict[ListName, dict[Key, Agreement]] = {name: {} for name in ListName}
        numbers: dict[ListName, dict[Key, int]] = {name: {} for name in ListName}
        for row in self._all("known", OnList):
            lists[row.list][row.agreement.key] = row.agreement
            if row.row is not None:
                numbers[row.list][row.agreement.key] = row.row
        return Known(
            agreements=lists,
            rows=numbers,
            former={agreement.key: agreement for agreement in self._all("former", Agreement)},
            seen={row.list: row.publication for row in self._all("seen", Seen)},
            pending_since={row.key: row.at for row in self._all("pending_since", Since)},
            absent={row.key: row.at for row in self._all("absent", Since)},
        )


def load(folder: Folder, name: str) -> Checkpoint | None:
    """Read a checkpoint; None when there is no file, StoreDamaged when it is not as it was written."""
    storage = SealedStorage(folder, name)
    if not storage.load():
        return None
    db = TinyDB(storage=lambda: storage)
    found = db.table("meta").all()[0]
    if found["format"] > FORMAT:
        raise StoreError(f"{folder.path} was written by a newer Countersign; install that version again.")
    return Checkpoint(msgspec.convert(found, Meta), db)


@no_collector()
def save(folder: Folder, name: str, ledger: Ledger, generation: int) -> None:
    """Write everything as the checkpoint that the journal of this generation goes on from."""
    meta = Meta(
        generation=generation,
        transactions=ledger.transactions,
        last_seq=ledger.log.end,
        next_number=ledger.roll.next_number,
        latest=ledger.latest,
        set_back=ledger.roll.set_back,
    )
    storage = SealedStorage(folder, name)
    db = TinyDB(storage=lambda: storage)
    for table, rows in _tables(ledger, meta).items():
        db.table(table).insert_multiple(rows)
    storage.save()


def _tables(ledger: Ledger, meta: Meta) -> dict[str, list[Any]]:
    known = ledger.known
    tables = {
        "meta": [meta],
        "known": [
            OnList(name, agreement, known.rows[name].get(key))
            for name, on_list in known.agreements.items()
            for key, agreement in on_list.items()
        ],
        "former": list(known.former.values()),
        "seen": [Seen(name, publication) for name, publication in known.seen.items()],
        "pending_since": [Since(key, at) for key, at in known.pending_since.items()],
        "absent": [Since(key, at) for key, at in known.absent.items()],
        "held": list(ledger.held),
        "sources": list(ledger.statuses.values()),
        "subscriptions": list(ledger.roll.by_id.values()),
        "receipts": ledger.proofs.all,
        "notes": [Note(kind, key, value) for kind, notes in ledger.notes.items() for key, value in notes.items()],
    }
    return {name: msgspec.to_builtins(rows) for name, rows in tables.items()}
