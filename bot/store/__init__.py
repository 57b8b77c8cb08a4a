"""The store: the known state, the change log, the subscriptions and the evidence. One method is one transaction.

`Store` combines all the parts; code that needs only one part should ask for that part's protocol.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.change import Change, Kind, Known
from bot.domain.document import Document
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Receipt, Subscription

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
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything learned from one reading of a source, committed together.

    `known` is the state after `changes`, with the rows and publications from this reading; `held` overwrites all held
    listings. Either is None if the reading says nothing about ICE's lists; the stored value then stays as it is. The
    changes have no numbers yet; the store numbers them.
    """

    status: SourceStatus
    recorded_at: datetime
    known: Known | None
    changes: tuple[Change, ...] = ()
    documents: tuple[Document, ...] = ()
    held: tuple[Held, ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """The contents of a store, except its evidence. `next_number` is the number that the next subscription will get."""

    known: Known
    changes: tuple[Change, ...]
    held: tuple[Held, ...]
    statuses: tuple[SourceStatus, ...]
    subscriptions: tuple[Subscription, ...]
    receipts: tuple[Receipt, ...]
    notes: Mapping[str, Mapping[str, str]]
    next_number: int


class ChangeLog(Protocol):
    """The change log and what follows from it: the known state, the held listings and the evidence."""

    async def known(self) -> Known:
        """Return what we currently know about ICE's lists."""
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
        """Return matching changes in log order; `since` applies to `recorded_at`, and `states` are postal codes."""
        ...

    async def held(self) -> Sequence[Held]:
        """Return the listings that haven't been accepted, oldest first."""
        ...

    async def put_held(self, held: Sequence[Held]) -> None:
        """Overwrite all held listings (after a decision on one of them)."""
        ...

    async def evidence(self, sha256: str) -> Document | None:
        """Return a document as it was first fetched, or None if it isn't stored."""
        ...

    async def record(self, record: Record) -> Sequence[Change]:
        """Commit a reading and return its changes, numbered: evidence first, then everything else at once.

        The known state must follow from the changes, except for rows, publications and absences. Sets `due_at` on each
        subscription that is owed one of the changes and had nothing due. Never shortens a back-off or a pause.
        """
        ...

    async def wait_for_changes(self) -> None:
        """Return when another program has recorded something; the embedded store waits forever."""
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
        """Commit only a source's status, after a reading that found nothing new or a failed one."""
        ...


class Subscriptions(Protocol):
    """The subscriptions, each one's position in the log, and the receipts."""

    async def subscribe(self, subscription: Subscription) -> Subscription:
        """Add a subscription with a new id; its cursor and its filter's entries start at the end of the log."""
        ...

    async def change_subscription(self, subscription: Subscription) -> Subscription:
        """Overwrite the subscription that has this id and recompute `due_at` from the log.

        New entries in its filter start at the end of the log; the others keep their starting points.
        """
        ...

    async def unsubscribe(self, subscription_id: str) -> None:
        """End a subscription but keep its receipts; do nothing if there is no such subscription."""
        ...

    async def forget(self, subscription_id: str) -> None:
        """Erase a subscription and its receipts, so that nothing about it is stored."""
        ...

    async def subscription(self, subscription_id: str) -> Subscription | None:
        """Return the subscription with that id, or None."""
        ...

    async def find(self, channel: str, address: str) -> Subscription | None:
        """Return the newest subscription for an address, or None."""
        ...

    async def subscriptions(self) -> Sequence[Subscription]:
        """Return all subscriptions, oldest first."""
        ...

    async def due(self, now: datetime) -> Sequence[Subscription]:
        """Return the subscriptions due now, longest overdue first."""
        ...

    async def pin(self, subscription_id: str, upto: int, at: datetime) -> Subscription:
        """Set the last change that a digest covers, before its first part is sent."""
        ...

    async def sent(self, receipt: Receipt) -> Subscription:
        """Record the delivery of one part of the pinned digest: the receipt and the progress together.

        Raises StoreError, and stores nothing, if the subscription has been forgotten in the meantime.
        """
        ...

    async def advance(self, subscription_id: str, cursor: int, sent_at: datetime | None = None) -> Subscription:
        """Finish the digest: move the cursor, drop the pin and any back-off, and compute `due_at` from the log.

        `sent_at` is the time (UTC) when it was sent, or None if nothing was sent.
        """
        ...

    async def failed(self, receipt: Receipt, subscription: Subscription) -> None:
        """Record a failed send: the receipt and the effect on the subscription (a back-off, a pause or a new address).

        Changes that its owner has made in the meantime are kept. For a forgotten subscription, nothing is stored.
        """
        ...

    async def defer(self, subscription_id: str, until: datetime) -> None:
        """Postpone a subscription without recording a send or a failure."""
        ...

    async def receipts(self, subscription_id: str | None = None) -> Sequence[Receipt]:
        """Return the receipts for one subscription, or all receipts, oldest first."""
        ...


class Leases(Protocol):
    """Leases that divide the work among programs. The embedded store has only one program, which always holds them."""

    async def claim_due(self, now: datetime, channel: str, most: int) -> Sequence[Subscription]:
        """Lease a channel's subscriptions that are due now, longest overdue first; `release` each one when done.

        No other program can lease them while the lease lasts. Once a lease is lost, writing to its subscription raises
        LeaseLost. The embedded store ignores `most`.
        """
        ...

    async def lease(self, name: str) -> bool:
        """Lease other work by name, such as `source ice`; return False if another program holds the lease."""
        ...

    async def extend_lease(self, name: str, seconds: float) -> None:
        """Make sure a lease lasts at least that long; raise LeaseLost if another program holds it."""
        ...

    async def release(self, name: str) -> None:
        """End a lease."""
        ...

    async def leadership_in(self, name: str) -> float | None:
        """Return the seconds until this program may lead under that name, or None while another program leads.

        0 means now. The wait gives the previous leader time to notice that it has lost the lead. Call this before each
        action taken as leader.
        """
        ...


class Notes(Protocol):
    """Short texts stored by kind and key, such as notices already sent and encrypted tokens."""

    async def notes(self, kind: str) -> Mapping[str, str]:
        """Return the notes of one kind as a mapping from key to value."""
        ...

    async def note(self, kind: str, key: str, value: str | None) -> None:
        """Write a note under a kind and a key; None erases it."""
        ...


class Store(ChangeLog, Sources, Subscriptions, Leases, Notes, Protocol):
    """Everything that needs to be kept. The methods raise only StoreError."""

    async def close(self) -> None:
        """Finish the writes in progress and release files, connections and locks."""
        ...
