"""The store: the known state, the change log, the subscriptions and the evidence. One method is one transaction.

`Store` is everything; code that needs one part of it asks for that part.
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
    """Everything one reading of a source brought, to be committed together.

    `known` is the state after `changes`, with the rows and publications of this reading; `held` replaces all held
    listings. Either is None when the reading says nothing about ICE's lists, and then stays as it is. Changes come
    without numbers; the store numbers them.
    """

    status: SourceStatus
    recorded_at: datetime
    known: Known | None
    changes: tuple[Change, ...] = ()
    documents: tuple[Document, ...] = ()
    held: tuple[Held, ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """The contents of a store, except its evidence. `next_number` is the number of the next new subscription."""

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
        """Return what we hold to be true of ICE's lists."""
        ...

    async def last_seq(self) -> int:
        """Return the number of the last change of the log; 0 when it is empty."""
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
        """Return changes in the log's order; `since` compares `recorded_at`, `states` are postal codes."""
        ...

    async def held(self) -> Sequence[Held]:
        """Return the listings that aren't accepted, oldest first."""
        ...

    async def put_held(self, held: Sequence[Held]) -> None:
        """Replace all held listings (after a ruling)."""
        ...

    async def evidence(self, sha256: str) -> Document | None:
        """Return a document as it was first fetched; None when it isn't kept."""
        ...

    async def record(self, record: Record) -> Sequence[Change]:
        """Commit a reading and return its changes, numbered: evidence first, then everything else at once.

        The known state must follow from the changes, except for rows, publications and absences. Sets `due_at` of each
        subscription that is owed one of the changes and had nothing due. Never brings a back-off or a pause forward.
        """
        ...

    async def wait_for_changes(self) -> None:
        """Return when another program has recorded something; with the embedded store there is no other program."""
        ...


class Sources(Protocol):
    """The status of each source."""

    async def source_status(self, source: str) -> SourceStatus:
        """Return the status of a source; an empty one when the source is new."""
        ...

    async def source_statuses(self) -> Sequence[SourceStatus]:
        """Return the status of every source, by name."""
        ...

    async def remember(self, status: SourceStatus) -> None:
        """Commit only a source's status: a reading that brought nothing, or a failure."""
        ...


class Subscriptions(Protocol):
    """The subscriptions, how far each has been told, and the receipts."""

    async def subscribe(self, subscription: Subscription) -> Subscription:
        """Add it with a new id, its cursor and its filter's entries at the log's end."""
        ...

    async def change_subscription(self, subscription: Subscription) -> Subscription:
        """Replace the subscription with the same id and compute `due_at` again from the log.

        New entries of its filter start at the log's end, the others where they did before.
        """
        ...

    async def unsubscribe(self, subscription_id: str) -> None:
        """End a subscription and keep its receipts; do nothing when there is none."""
        ...

    async def forget(self, subscription_id: str) -> None:
        """Erase a subscription with its receipts, so that nothing about it is stored any longer."""
        ...

    async def subscription(self, subscription_id: str) -> Subscription | None:
        """Return the subscription with that id."""
        ...

    async def find(self, channel: str, address: str) -> Subscription | None:
        """Return the subscription of an address."""
        ...

    async def subscriptions(self) -> Sequence[Subscription]:
        """Return all subscriptions, oldest first."""
        ...

    async def due(self, now: datetime) -> Sequence[Subscription]:
        """Return the subscriptions due now, the longest due first."""
        ...

    async def pin(self, subscription_id: str, upto: int, at: datetime) -> Subscription:
        """Fix the last change that a digest covers, before its first part is sent."""
        ...

    async def sent(self, receipt: Receipt) -> Subscription:
        """Commit that one part of the pinned digest was delivered: the receipt and the progress together.

        StoreError when the subscription was forgotten meanwhile; nothing is kept then.
        """
        ...

    async def advance(self, subscription_id: str, cursor: int, sent_at: datetime | None = None) -> Subscription:
        """Finish the digest: move the cursor, drop the pin and any back-off, compute `due_at` from the log.

        `sent_at` (UTC) is when, if anything was sent.
        """
        ...

    async def failed(self, receipt: Receipt, subscription: Subscription) -> None:
        """Commit that a send failed: the receipt, and the verdict on the subscription (back-off, pause, moved).

        Changes that its owner made meanwhile stay. Nothing is kept when it was forgotten meanwhile.
        """
        ...

    async def defer(self, subscription_id: str, until: datetime) -> None:
        """Make a subscription due again later; nothing was sent and nothing failed."""
        ...

    async def receipts(self, subscription_id: str | None = None) -> Sequence[Receipt]:
        """Return the receipts of one subscription, or all, oldest first."""
        ...


class Leases(Protocol):
    """Which program works on what. With the embedded store there is one program, and each lease lasts as long."""

    async def claim_due(self, now: datetime, channel: str, most: int) -> Sequence[Subscription]:
        """Lease the subscriptions of a channel that are due now, the longest due first; `release` each when done.

        No other program gets them while the lease lasts. Once a lease is lost, writes about its subscription raise
        LeaseLost. The embedded store ignores `most`.
        """
        ...

    async def lease(self, name: str) -> bool:
        """Lease other work by its name, such as `source ice`; False when another program has it."""
        ...

    async def extend_lease(self, name: str, seconds: float) -> None:
        """Make sure a lease lasts at least that long; LeaseLost when another program has it."""
        ...

    async def release(self, name: str) -> None:
        """End a lease."""
        ...

    async def leadership_in(self, name: str) -> float | None:
        """Return in how many seconds this program may lead under that name; None while another program does.

        0 means now; until then the leader before may not have noticed that it no longer leads. Ask before each act.
        """
        ...


class Notes(Protocol):
    """Short texts by kind and key: notices that were given, encrypted tokens."""

    async def notes(self, kind: str) -> Mapping[str, str]:
        """Return the notes of a kind, by key."""
        ...

    async def note(self, kind: str, key: str, value: str | None) -> None:
        """Write a note under a kind and a key; None erases it."""
        ...


class Store(ChangeLog, Sources, Subscriptions, Leases, Notes, Protocol):
    """Everything that lasts. Every method raises only StoreError."""

    async def close(self) -> None:
        """Finish the writes that have begun and release files, connections and locks."""
        ...
