"""The store, which keeps the known state, the change log, the subscriptions and the evidence.

Each method is one transaction. `Store` combines all the parts; code that needs only one part should use that part's
protocol.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.change import Change, Kind, Known
from bot.domain.document import Document
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Receipt, Slot, Subscription
from bot.store.rules.mending import Unreadable

__all__ = [
    "ChangeLog",
    "Everything",
    "Leases",
    "Notes",
    "Record",
    "SourceStatus",
    "Sources",
    "Store",
    "Subscriptions",
    "Unreadable",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything learned from one reading of a source, committed together.

    `known` is the state after `changes`, including the rows and publications from this reading. `held` replaces all
    held listings. If the reading has nothing to do with ICE's lists, both are None and the stored values are left
    unchanged. The changes aren't numbered yet; the store numbers them.
    """

    status: SourceStatus
    recorded_at: datetime
    known: Known | None
    changes: tuple[Change, ...] = ()
    documents: tuple[Document, ...] = ()
    held: tuple[Held, ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """The contents of a store, except its evidence. `next_number` is for the next subscription's id."""

    known: Known
    changes: tuple[Change, ...]
    held: tuple[Held, ...]
    statuses: tuple[SourceStatus, ...]
    subscriptions: tuple[Subscription, ...]
    receipts: tuple[Receipt, ...]
    notes: Mapping[str, Mapping[str, str]]
    next_number: int


class ChangeLog(Protocol):
    """The change log and the data stored with it: the known state, the held listings and the evidence."""

    async def known(self) -> Known:
        """Return the known state of ICE's lists."""
        ...

    async def last_seq(self) -> int:
        """Return the number of the last change in the log, or 0 if the log is empty."""
        ...

    async def changes(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        since: datetime | None = None,
        states: Sequence[str] | None = None,
        kinds: Sequence[Kind] | None = None,
    ) -> Sequence[Change]:
        """Return the matching changes in log order.

        `since` is compared with `recorded_at`, and `states` are postal codes.
        """
        ...

    @property
    def unwritable(self) -> str | None:
        """The reason why the last write failed, or None if it succeeded."""
        ...

    async def held(self) -> Sequence[Held]:
        """Return the held listings, oldest first."""
        ...

    async def put_held(self, held: Sequence[Held]) -> None:
        """Replace all held listings, for example after a decision about one of them."""
        ...

    async def evidence(self, sha256: str) -> Document | None:
        """Return a document as it was first fetched, or None if it isn't stored."""
        ...

    async def record(self, record: Record) -> Sequence[Change]:
        """Commit a reading and return its changes with their numbers.

        The known state must follow from the changes, except for its rows, publications and absences. This also sets
        `due_at` on each subscription that is owed one of the changes and had nothing due. It never shortens a back-off
        or a pause.
        """
        ...

    async def wait_for_changes(self) -> None:
        """Wait until another program has recorded changes. The embedded store waits forever."""
        ...


class Sources(Protocol):
    """The status of each source."""

    async def source_status(self, source: str) -> SourceStatus:
        """Return the status of a source, or an empty status if the source is new."""
        ...

    async def source_statuses(self) -> Sequence[SourceStatus]:
        """Return the status of every source, sorted by name."""
        ...

    async def remember(self, status: SourceStatus) -> None:
        """Commit a source's status alone, after a reading that failed or found nothing new."""
        ...


class Subscriptions(Protocol):
    """The subscriptions, including their positions in the log, and the receipts."""

    async def subscribe(self, subscription: Subscription) -> Subscription:
        """Add a subscription with a new id.

        Its cursor and all entries in its filter start at the end of the log. An address never has two subscriptions. If
        the address already has one, the existing subscription gets these settings.
        """
        ...

    async def change_subscription(self, subscription: Subscription) -> Subscription:
        """Replace the subscription that has this id, and recompute its `due_at` from the log.

        New entries in its filter start at the end of the log; the other entries keep their starting points.
        """
        ...

    async def move(self, channel: str, old: str, new: str) -> Subscription | None:
        """Move a subscription to another address of the same chat. Return it, or None if it doesn't exist.

        If the new address already has a subscription, the two are merged. The merged subscription keeps the settings of
        the one at the new address and is owed everything that either was owed. Receipts are moved too.
        """
        ...

    async def unsubscribe(self, subscription_id: str) -> None:
        """Delete a subscription but keep its receipts. Do nothing if it doesn't exist."""
        ...

    async def scrub(self) -> None:
        """Erase from the store's files what earlier versions of a subscription held."""
        ...

    async def forget(self, subscription_id: str) -> None:
        """Delete a subscription and its receipts, so that the store keeps nothing about it."""
        ...

    async def subscription(self, subscription_id: str) -> Subscription | None:
        """Return the subscription with this id, or None."""
        ...

    async def find(self, channel: str, address: str) -> Subscription | None:
        """Return the subscription for an address, or None."""
        ...

    async def subscriptions(self) -> Sequence[Subscription]:
        """Return all subscriptions, oldest first."""
        ...

    async def unreadable(self) -> Sequence[Unreadable]:
        """Return the stored subscriptions that can't be read or have an unreadable time zone.

        They get no messages until they are mended.
        """
        ...

    async def mend(self, subscription_id: str, tz: str) -> Subscription:
        """Repair an unreadable subscription and return it. Fields that can't be read get default values.

        `tz` replaces the time zone if some hosts may not know it.
        """
        ...

    async def due(self, now: datetime) -> Sequence[Subscription]:
        """Return the subscriptions that are due, longest overdue first."""
        ...

    async def pin(self, subscription_id: str, upto: int, at: datetime) -> Subscription:
        """Set the last change in a digest, before the first part of the digest is sent."""
        ...

    async def sent(self, receipt: Receipt) -> Subscription:
        """Record that one part of the pinned digest was sent. The receipt and the progress are committed together.

        Raises StoreError and stores nothing if the subscription has been deleted in the meantime.
        """
        ...

    async def advance(
        self, subscription_id: str, cursor: int, sent_at: datetime | None = None, slot: Slot | None = None
    ) -> Subscription:
        """Finish the digest: move the cursor, clear the pin and any back-off, and compute `due_at` from the log.

        `sent_at` is the time in UTC when the digest was sent, or None if nothing was sent. `slot` is the slot that the
        digest served.
        """
        ...

    async def failed(self, receipt: Receipt, subscription: Subscription) -> None:
        """Record a failed send: the receipt and the resulting back-off or pause.

        Changes that the owner has made in the meantime are kept. Nothing is stored if the subscription has been
        deleted.
        """
        ...

    async def defer(self, subscription_id: str, until: datetime) -> None:
        """Postpone a subscription without recording a send or a failure."""
        ...

    async def receipts(self, subscription_id: str | None = None, *, since: datetime | None = None) -> Sequence[Receipt]:
        """Return the receipts for one subscription, or all receipts, oldest first.

        With `since`, return only those from that time (UTC) on.
        """
        ...


class Leases(Protocol):
    """Leases that divide the work among programs.

    The embedded store is used by only one program, which holds every lease.
    """

    async def claim_due(self, now: datetime, channel: str, most: int) -> Sequence[Subscription]:
        """Lease a channel's due subscriptions, longest overdue first. Call `release` for each one when done.

        No other program can lease them while the lease lasts. After a lease is lost, writing to its subscription raises
        LeaseLost. The embedded store ignores `most`.
        """
        ...

    async def lease(self, name: str) -> bool:
        """Lease a piece of work other than a subscription by its name, such as `source ice`.

        Returns False if another program holds the lease.
        """
        ...

    async def extend_lease(self, name: str, seconds: float) -> None:
        """Make sure the lease lasts at least this many more seconds; raise LeaseLost if it has been lost."""
        ...

    async def release(self, name: str) -> None:
        """End a lease."""
        ...

    async def leadership_in(self, name: str) -> float | None:
        """Return the seconds until this program may act as leader, or None while another program is the leader.

        0 means that it may act now. The wait gives the previous leader time to notice that it is no longer the leader.
        Call this method before each action that only the leader may take.
        """
        ...


class Notes(Protocol):
    """Short strings stored by kind and key, such as encrypted tokens and records of notices already sent."""

    async def notes(self, kind: str) -> Mapping[str, str]:
        """Return all notes of one kind, by key."""
        ...

    async def note(self, kind: str, key: str, value: str | None) -> None:
        """Write a note under a kind and a key, or delete the note if `value` is None."""
        ...


class Store(ChangeLog, Sources, Subscriptions, Leases, Notes, Protocol):
    """The complete store. Its methods raise only StoreError."""

    async def close(self) -> None:
        """Finish any writes in progress, then release files, connections and locks."""
        ...
