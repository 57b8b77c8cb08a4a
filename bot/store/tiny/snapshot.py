"""The snapshot: everything committed before a journal started.

It is one TinyDB file, which is always replaced as a whole. FORMAT is the format version of the whole folder. Increase
it when an older program would misread the files that this version writes. The format version is stored in the snapshot
and in each journal's heading, and a program stops if it finds a version higher than its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from tinydb import TinyDB
from tinydb.storages import Storage

from bot.domain.agreement import Agreement, Key, ListName, Publication
from bot.domain.change import Change, Known
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Receipt, Subscription
from bot.errors import StoreCorrupt, StoreError
from bot.store import Everything
from bot.store.rules.due import SetBack
from bot.store.rules.sealed_line import seal, unseal
from bot.store.rules.stored_names import from_stored, to_stored
from bot.store.tiny.contents import Image
from bot.store.tiny.files import Folder

FORMAT = 4
T = TypeVar("T")
Tables = dict[str, dict[str, Any]]


class SealedStorage(Storage):
    """A TinyDB storage that keeps all tables in one sealed line. Nothing is written to disk until `save` is called."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._name = folder, name
        self._tables: Tables | None = None

    def load(self) -> bool:
        """Load the tables from the file; return False if the file doesn't exist."""
        found = self._folder.read(self._name)
        if found is None:
            return False
        body = unseal(found.removesuffix(b"\n"))
        if body is None:
            raise StoreCorrupt(f"{self._folder.path / self._name} is damaged.")
        self._tables = msgspec.json.decode(from_stored(body), type=Tables)
        return True

    def read(self) -> Tables | None:
        """Return the tables, or None if there are none yet."""
        return self._tables

    def write(self, data: Tables) -> None:
        """Replace the tables in memory."""
        self._tables = data

    def save(self) -> None:
        """Write the tables to the file."""
        self._folder.write(self._name, seal(to_stored(msgspec.json.encode(self._tables))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """The store's counters and times, and the generation of the journal that continues from the snapshot."""

    format: int
    generation: int
    transactions: int
    last_seq: int
    next_number: int
    latest: datetime | None = None
    set_back: SetBack | None = None


@dataclass(frozen=True, slots=True)
class OnList:
    """An agreement, the list it is on and its row number, if any."""

    list: ListName
    agreement: Agreement
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A list and its last accepted publication."""

    list: ListName
    publication: Publication


@dataclass(frozen=True, slots=True)
class Since:
    """An agreement's key and the time when the agreement became pending or absent."""

    key: Key
    at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A note with its kind and key."""

    kind: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot loaded from its file. `meta.last_seq` is the number of the last change it includes."""

    meta: Meta
    db: TinyDB

    def image(self, changes: Sequence[Change]) -> Image:
        """Return an image of the snapshot's contents, with `changes` as its log.

        Raises MsgspecError if the snapshot has a different format.
        """
        notes: dict[str, dict[str, str]] = {}
        for note in self._all("notes", Note):
            notes.setdefault(note.kind, {})[note.key] = note.value
        subscriptions, unreadable = self._subscriptions()
        return Image(
            everything=Everything(
                known=self._known(),
                changes=tuple(changes),
                held=tuple(self._all("held", Held)),
                statuses=tuple(self._all("sources", SourceStatus)),
                subscriptions=tuple(subscriptions),
                receipts=tuple(self._all("receipts", Receipt)),
                notes=notes,
                next_number=self.meta.next_number,
            ),
            transactions=self.meta.transactions,
            latest=self.meta.latest,
            set_back=self.meta.set_back,
            unreadable=unreadable,
        )

    def _subscriptions(self) -> tuple[list[Subscription], dict[str, Mapping[str, Any]]]:
        """Return the subscriptions by id, and the rows of unreadable subscriptions by id."""
        found: list[Subscription] = []
        unreadable: dict[str, Mapping[str, Any]] = {}
        for row in self.db.table("subscriptions"):
            try:
                found.append(msgspec.convert(row, Subscription))
            except msgspec.ValidationError:
                if "id" not in row:
                    raise
                unreadable[str(row["id"])] = dict(row)
        return found, unreadable

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


def check_format(found: int, folder: Path) -> None:
    """Raise StoreError if a newer version of the program wrote the data folder."""
    if found > FORMAT:
        raise StoreError(
            f"The data folder {folder} was written by a newer Countersign (format {found}; this program reads up to "
            f"{FORMAT}). Update the program, or restore the folder from a backup made before the newer one ran."
        )


def load(folder: Folder, name: str) -> Snapshot | None:
    """Load a snapshot, or return None if the file doesn't exist; raise StoreCorrupt if it is damaged."""
    storage = SealedStorage(folder, name)
    if not storage.load():
        return None
    db = TinyDB(storage=lambda: storage)
    found = db.table("meta").all()[0]
    check_format(found["format"], folder.path)
    return Snapshot(msgspec.convert(found, Meta), db)


def save(folder: Folder, name: str, image: Image, generation: int) -> None:
    """Write an image as the snapshot for the journal of this generation."""
    storage = SealedStorage(folder, name)
    db = TinyDB(storage=lambda: storage)
    for table, rows in _tables(image, generation).items():
        db.table(table).insert_multiple(msgspec.to_builtins(row) for row in rows)
    storage.save()


def _tables(image: Image, generation: int) -> dict[str, Sequence[Any]]:
    everything, known = image.everything, image.everything.known
    meta = Meta(
        format=FORMAT,
        generation=generation,
        transactions=image.transactions,
        last_seq=len(everything.changes),
        next_number=everything.next_number,
        latest=image.latest,
        set_back=image.set_back,
    )
    return {
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
        "held": everything.held,
        "sources": everything.statuses,
        "subscriptions": [*everything.subscriptions, *image.unreadable.values()],
        "receipts": everything.receipts,
        "notes": [Note(kind, key, value) for kind, notes in everything.notes.items() for key, value in notes.items()],
    }
