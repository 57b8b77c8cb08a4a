"""The store: what we know, the change log, the subscriptions, the evidence. One method is one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.change import Change, Kind, Known
from bot.domain.document import Document
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Receipt, Subscription

__all__ = ["Contents", "Record", "SourceStatus", "Store"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one reading of a source brought, to be committed as one.

    `known` is what is known after `changes`, with the rows and publications of this reading; `held` replaces all that
    is held. Either is None where the reading says nothing of ICE's lists, so that it stays, whatever it is by then.
    Changes come without numbers; the store gives them.
    """

    status: SourceStatus
    recorded_at: datetime
    known: Known | None
    changes: tuple[Change, ...] = ()
    documents: tuple[Document, ...] = ()
    held: tuple[Held, ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything that a store holds beside its evidence. `next_number` is that of the next new subscription."""

    known: Known
    changes: tuple[Change, ...]
    held: tuple[Held, ...]
    statuses: tuple[SourceStatus, ...]
    subscriptions: tuple[Subscription, ...]
    receipts: tuple[Receipt, ...]
    notes: Mapping[str, Mapping[str, str]]
    next_number: int


class Store(Protocol):
    """Everything that lasts. Every method raises only StoreError."""

    async def known(self) -> Known:
        """What we hold to be true of ICE's lists."""
        ...

    async def last_seq(self) -> int:
        """The number of the last change of the log; 0 when it is empty."""
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
        """The log in order; `since` compares `recorded_at`, `states` postal codes."""
        ...

    async def source_status(self, source: str) -> SourceStatus:
        """What we remember of that source; an empty memory when it is new."""
        ...

    async def source_statuses(self) -> Sequence[SourceStatus]:
        """What we remember of every source, by name."""
        ...

    async def held(self) -> Sequence[Held]:
        """The listings that are not believed, oldest first."""
        ...

    async def evidence(self, sha256: str) -> Document | None:
        """A document as it was fetched first, from the evidence."""
        ...

    async def record(self, record: Record) -> Sequence[Change]:
        """Commit a reading: evidence first, then changes, known, held and memory as one; the changes, numbered.

        What is known must follow from the changes, but for rows, publications and what is absent. Sets `due_at` of each
        subscription that is owed one of them and had nothing due. Never brings a back-off or a pause forward.
        """
        ...

    async def remember(self, status: SourceStatus) -> None:
        """Commit only what we remember of a source: the time of a reading that brought nothing, a failure."""
        ...

    async def put_held(self, held: Sequence[Held]) -> None:
        """Replace all that is held (a ruling)."""
        ...

    async def subscribe(self, subscription: Subscription) -> Subscription:
        """Add it with a fresh id, its cursor and its filter's entries at the log's end."""
        ...

    async def change_subscription(self, subscription: Subscription) -> Subscription:
        """Replace the one with its id and compute `due_at` again from the log.

        Entries of its filter that are new start at the log's end, the others where they did.
        """
        ...

    async def unsubscribe(self, subscription_id: str) -> None:
        """Forget it; nothing happens when there is none."""
        ...

    async def forget(self, subscription_id: str) -> None:
        """Erase it with its receipts, so that nothing is held of it any more."""
        ...

    async def subscription(self, subscription_id: str) -> Subscription | None:
        """The one with that id."""
        ...

    async def find(self, channel: str, address: str) -> Subscription | None:
        """The one of that address."""
        ...

    async def notes(self, kind: str) -> Mapping[str, str]:
        """What was noted under a kind, by key: notices that were given, encrypted tokens."""
        ...

    async def note(self, kind: str, key: str, value: str | None) -> None:
        """Note a value under a kind and a key; None takes it away."""
        ...

    async def subscriptions(self) -> Sequence[Subscription]:
        """All of them, oldest first."""
        ...

    async def due(self, now: datetime) -> Sequence[Subscription]:
        """Those to be told now, longest due first."""
        ...

    async def pin(self, subscription_id: str, upto: int, at: datetime) -> Subscription:
        """Fix what the digest on its way covers, before its first part is sent."""
        ...

    async def sent(self, receipt: Receipt) -> Subscription:
        """One part of the pinned digest was delivered: receipt and progress as one.

        Of one that was forgotten meanwhile nothing is kept, and StoreError says so.
        """
        ...

    async def advance(self, subscription_id: str, cursor: int, told_at: datetime | None = None) -> Subscription:
        """The digest is done: move the cursor, let go of the pin and any back-off, compute `due_at` from the log.

        `told_at` (UTC) is when, if anything was told.
        """
        ...

    async def failed(self, receipt: Receipt, subscription: Subscription) -> None:
        """A send failed: keep the receipt, and of the subscription what the verdict says (back-off, pause, moved).

        What its owner changed while the message was on its way stays changed; of one that was forgotten meanwhile
        nothing is kept.
        """
        ...

    async def defer(self, subscription_id: str, until: datetime) -> None:
        """Its turn has not come: it is due again then, with nothing sent and nothing failed."""
        ...

    async def receipts(self, subscription_id: str | None = None) -> Sequence[Receipt]:
        """What was sent, oldest first."""
        ...

    async def claim_due(self, now: datetime, channel: str, most: int) -> Sequence[Subscription]:
        """Those of a channel to be told now, longest due first, each leased under its id; `release` them when done.

        No other program gets them while the lease lasts, and what this one writes of them once it is lost is refused
        with LeaseLost. With the embedded store a lease lasts as long as its one program, and `most` limits nothing.
        """
        ...

    async def lease(self, name: str) -> bool:
        """Lease any other work by its name, as in `source ice`; False when another program has it."""
        ...

    async def extend_lease(self, name: str, seconds: float) -> None:
        """See to it that a lease lasts so long at least; LeaseLost when another program has it."""
        ...

    async def release(self, name: str) -> None:
        """Let others have it."""
        ...

    async def leadership_in(self, name: str) -> float | None:
        """In how many seconds this program may do it, of all that ask for that name the one; None while another does.

        0 is now. What it waits for is that the one before it has noticed. Ask before each thing that you do.
        """
        ...

    async def wait_for_changes(self) -> None:
        """Return when another program has recorded something; with the embedded store there is none."""
        ...

    async def close(self) -> None:
        """Let go of files and locks."""
        ...
