"""The embedded store: a change log, a journal of transactions and a TinyDB snapshot, all in one folder with one writer.

Each transaction is one line in the journal. It is written to disk before it is applied in memory. When a reading is
recorded, its evidence is written first, then its changes are added to the log, and then its journal line is written.
When the store is opened, the last snapshot is loaded and the later journal lines are applied.

The event loop decides what to write and applies it. A single worker thread does everything that waits for the disk, in
order. Each transaction is decided, written and applied before the next one is decided. So decisions depend only on
committed state, and readers see only committed state. A snapshot is written from an image taken between two
transactions.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar, TypeVarTuple

import msgspec

from bot.domain.change import Change, Kind, Known
from bot.domain.document import Document
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Receipt, Slot, Subscription
from bot.errors import StoreError, StoreUnwritable
from bot.store import Everything, Record
from bot.store.rules.change_log import follow, numbered
from bot.store.rules.mending import Unreadable, mended, unreadable_row, unreadable_zone
from bot.store.rules.transitions import (
    advanced,
    changed,
    check_zone,
    deferred,
    failed,
    part_sent,
    pinned,
    resubscribed,
    started,
)
from bot.store.tiny.contents import Contents, Image
from bot.store.tiny.evidence import Evidence
from bot.store.tiny.files import Folder
from bot.store.tiny.in_memory import InMemory
from bot.store.tiny.journal import Reader, Writer
from bot.store.tiny.transactions import (
    Batch,
    HeldReplaced,
    Noted,
    Removed,
    SubscriptionSaved,
    Transaction,
    recorded,
    remembered,
)

JOURNAL_LIMIT = 4 * 2**20  # bytes; a longer journal is folded into a snapshot
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Files(Protocol):
    """The store's files: a folder opened for writing, a folder opened only for reading, or memory.

    The methods may wait for the disk.
    """

    @property
    def contents(self) -> Contents: ...
    @property
    def notices(self) -> Sequence[str]: ...
    @property
    def is_full(self) -> bool: ...
    @property
    def has_news(self) -> bool: ...
    def commit(
        self, number: int, transaction: Transaction, changes: Sequence[Change], documents: Sequence[Document], /
    ) -> Transaction: ...
    def fold(self, image: Image, /) -> None: ...
    def erase(self, image: Image, /) -> None: ...
    def fill(self, image: Image, /) -> None: ...
    def close(self) -> None: ...


class Documents(Protocol):
    """The storage for evidence documents."""

    def get(self, sha256: str) -> Document | None: ...
    def put(self, document: Document) -> None: ...
    def names(self) -> list[str]: ...


class TinyStore:
    """A store in one folder. `notices` are messages to the operator about damage and repairs.

    `unwritable` says why the last write failed, or is None if it succeeded.
    """

    def __init__(self, files: Files, evidence: Documents) -> None:
        self._files = files
        self._evidence = evidence
        self._disk = ThreadPoolExecutor(1, "store")
        self._turn = asyncio.Lock()
        self._writes: set[asyncio.Task[Any]] = set()
        self._waiting: dict[str, SourceStatus] = {}
        self._remembering: asyncio.Task[None] | None = None
        self.unwritable: str | None = None
        self._must_erase = False  # the files may still hold something that was forgotten
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False, journal_limit: int = JOURNAL_LIMIT) -> Self:
        """Open or create the folder as its only writer. Raise StoreBusy if another program is writing to it.

        If `readonly` is true, the store takes no lock, writes nothing and reads new transactions as a writer commits
        them.
        """
        folder = Folder(path)
        return cls(Reader(folder) if readonly else Writer(folder, journal_limit), Evidence(folder))

    @classmethod
    def in_memory(cls) -> Self:
        """Open a store that exists only in memory."""
        files = InMemory()
        return cls(files, files)

    @property
    def notices(self) -> tuple[str, ...]:
        """Messages about damage found when the store was opened, and about snapshots that couldn't be written."""
        return tuple(self._files.notices)

    async def known(self) -> Known:
        return self._contents.known

    async def last_seq(self) -> int:
        return self._contents.log.end

    async def changes(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        since: datetime | None = None,
        states: Sequence[str] | None = None,
        kinds: Sequence[Kind] | None = None,
    ) -> Sequence[Change]:
        return self._contents.log.select(after=after, upto=upto, since=since, states=states, kinds=kinds)

    async def source_status(self, source: str) -> SourceStatus:
        return self._contents.statuses.get(source, SourceStatus(source=source))

    async def source_statuses(self) -> Sequence[SourceStatus]:
        statuses = self._contents.statuses
        return tuple(statuses[source] for source in sorted(statuses))

    async def held(self) -> Sequence[Held]:
        return tuple(sorted(self._contents.held, key=lambda held: (held.since, held.id)))

    async def evidence(self, sha256: str) -> Document | None:
        self._check_open()
        return await self._on_disk(self._evidence.get, sha256)

    async def record(self, record: Record) -> Sequence[Change]:
        async def commit(now: Contents) -> tuple[Change, ...]:
            changes = numbered(record.changes, now.log.end, record.recorded_at)
            known = follow(now.known, changes, now.known if record.known is None else record.known)
            transaction = recorded(record, known, now.held, now.log.end + len(changes))
            await self._commit(transaction, changes, record.documents)
            return changes

        return await self._in_turn(commit)

    async def remember(self, status: SourceStatus) -> None:
        """Commit a source's status.

        Statuses that arrive while an earlier write is in progress are committed together in one journal line.
        """
        self._waiting[status.source] = status
        if self._remembering is None:
            self._remembering = self._begin(self._remember_waiting)
        await asyncio.shield(self._remembering)

    async def _remember_waiting(self, now: Contents) -> None:
        waiting, self._waiting, self._remembering = self._waiting, {}, None
        each = tuple(remembered(now.statuses.get(source), status) for source, status in waiting.items())
        await self._commit(each[0] if len(each) == 1 else Batch(each=each))

    async def put_held(self, held: Sequence[Held]) -> None:
        await self._in_turn(lambda _: self._commit(HeldReplaced(held=tuple(held))))

    async def subscribe(self, subscription: Subscription) -> Subscription:
        def decide(now: Contents) -> Subscription:
            stored = now.subscriptions.find(subscription.channel, subscription.address)
            if stored is not None:
                return resubscribed(stored, subscription, now.log.end)
            return started(subscription, now.subscriptions.next_number, now.log.end)

        return await self._save(decide)

    async def change_subscription(self, subscription: Subscription) -> Subscription:
        return await self._save(lambda now: changed(now.subscriptions[subscription.id], subscription, now.log.end))

    async def move(self, channel: str, old: str, new: str) -> Subscription | None:
        async def move(now: Contents) -> Subscription | None:
            if (moving := now.moving(channel, old, new)) is not None:
                await self._commit(moving)
            return now.subscriptions.find(channel, new)

        return await self._in_turn(move)

    async def unsubscribe(self, subscription_id: str) -> None:
        await self._in_turn(lambda now: self._remove(now, Removed(id=subscription_id)))

    async def scrub(self) -> None:
        await self._in_turn(self._erased)

    async def _erased(self, now: Contents) -> None:
        await self._on_disk(self._files.erase, now.image())

    async def forget(self, subscription_id: str) -> None:
        async def forget(now: Contents) -> None:
            self._must_erase |= await self._remove(now, Removed(id=subscription_id, receipts=True))
            if self._must_erase:
                await self._on_disk(self._files.erase, now.image())
                self._must_erase = False

        await self._in_turn(forget)

    async def subscription(self, subscription_id: str) -> Subscription | None:
        return self._contents.subscriptions.by_id.get(subscription_id)

    async def find(self, channel: str, address: str) -> Subscription | None:
        return self._contents.subscriptions.find(channel, address)

    async def notes(self, kind: str) -> Mapping[str, str]:
        return dict(self._contents.notes.get(kind, {}))

    async def note(self, kind: str, key: str, value: str | None) -> None:
        await self._in_turn(lambda _: self._commit(Noted(kind=kind, key=key, value=value)))

    async def subscriptions(self) -> Sequence[Subscription]:
        return tuple(self._contents.subscriptions.by_id.values())

    async def unreadable(self) -> Sequence[Unreadable]:
        zones = map(unreadable_zone, self._contents.subscriptions.by_id.values())
        rows = self._contents.unreadable.values()
        return (*(found for found in zones if found is not None), *map(unreadable_row, rows))

    async def mend(self, subscription_id: str, tz: str) -> Subscription:
        check_zone(tz)

        async def mend(now: Contents) -> Subscription:
            row = now.unreadable.get(subscription_id)
            row = row if row is not None else msgspec.to_builtins(now.subscriptions[subscription_id])
            subscription = mended(row, cursor=now.last_told(subscription_id), tz=tz)
            await self._commit(SubscriptionSaved(subscription=subscription))
            if (merging := now.merging_twins()) is not None:
                await self._commit(merging)
                return merging.subscription
            return now.subscriptions[subscription_id]

        return await self._in_turn(mend)

    async def due(self, now: datetime) -> Sequence[Subscription]:
        return tuple(self._contents.subscriptions.due(now))

    async def pin(self, subscription_id: str, upto: int, at: datetime) -> Subscription:
        return await self._change(subscription_id, lambda stored: pinned(stored, upto, at))

    async def sent(self, receipt: Receipt) -> Subscription:
        return await self._change(receipt.subscription, lambda stored: part_sent(stored, receipt), receipt)

    async def advance(
        self, subscription_id: str, cursor: int, sent_at: datetime | None = None, slot: Slot | None = None
    ) -> Subscription:
        return await self._change(subscription_id, lambda stored: advanced(stored, cursor, sent_at, slot))

    async def failed(self, receipt: Receipt, subscription: Subscription) -> None:
        async def commit(now: Contents) -> None:
            stored = now.subscriptions.by_id.get(subscription.id)
            if stored is not None:
                await self._commit(SubscriptionSaved(subscription=failed(stored, subscription), receipt=receipt))
                moving = now.moving(stored.channel, stored.address, subscription.address)
                if moving is not None:
                    await self._commit(moving)

        await self._in_turn(commit)

    async def defer(self, subscription_id: str, until: datetime) -> None:
        await self._change(subscription_id, lambda stored: deferred(stored, until))

    async def receipts(self, subscription_id: str | None = None, *, since: datetime | None = None) -> Sequence[Receipt]:
        receipts = (r for r in self._contents.receipts.all if since is None or r.at >= since)
        return tuple(r for r in receipts if subscription_id is None or r.subscription == subscription_id)

    async def claim_due(self, now: datetime, channel: str, most: int) -> Sequence[Subscription]:  # noqa: ARG002 - no limit
        return tuple(s for s in self._contents.subscriptions.due(now) if s.channel == channel)

    async def lease(self, name: str) -> bool:  # noqa: ARG002 - there is no other program
        return True

    async def extend_lease(self, name: str, seconds: float) -> None:
        """Do nothing, because a lease lasts as long as the program runs."""

    async def release(self, name: str) -> None:
        """Do nothing, because no other program could use the lease."""

    async def leadership_in(self, name: str) -> float | None:  # noqa: ARG002 - there is no other program
        return 0.0

    async def wait_for_changes(self) -> None:
        await asyncio.Event().wait()

    async def everything(self) -> Everything:
        """Return everything except the evidence."""
        return self._contents.everything()

    async def fill(self, everything: Everything) -> None:
        """Load everything into an empty store. If that fails, the store stays empty."""
        for subscription in everything.subscriptions:
            check_zone(subscription.tz)

        async def fill(now: Contents) -> None:
            await self._on_disk(self._files.fill, Image(everything=everything, transactions=now.transactions))

        await self._in_turn(fill)

    async def evidence_names(self) -> Sequence[str]:
        """Return the SHA-256 hashes of all evidence documents."""
        self._check_open()
        return await self._on_disk(self._evidence.names)

    async def keep(self, document: Document) -> None:
        """Store one evidence document."""

        async def keep(_: Contents) -> None:
            await self._on_disk(self._evidence.put, document)

        await self._in_turn(keep)

    async def others(self) -> int:
        """Return 0, because the folder's lock keeps other programs out."""
        return 0

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        """Finish any writes in progress, fold the journal and close the files."""
        while self._writes:
            await asyncio.wait(self._writes)
        try:
            if self._files.has_news:
                await self._on_disk(self._files.fold, self._files.contents.image())
        finally:
            await self._on_disk(self._files.close)
            self._disk.shutdown()

    @property
    def _contents(self) -> Contents:
        self._check_open()
        return self._files.contents

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StoreError("The store is closed.")

    async def _save(self, decide: Callable[[Contents], Subscription], receipt: Receipt | None = None) -> Subscription:
        async def commit(now: Contents) -> Subscription:
            decided = decide(now)
            await self._commit(SubscriptionSaved(subscription=decided, receipt=receipt))
            return now.subscriptions[decided.id]

        return await self._in_turn(commit)

    async def _change(
        self, subscription_id: str, how: Callable[[Subscription], Subscription], receipt: Receipt | None = None
    ) -> Subscription:
        return await self._save(lambda now: how(now.subscriptions[subscription_id]), receipt)

    async def _remove(self, now: Contents, removed: Removed) -> bool:
        """Remove a subscription; return False if it doesn't exist."""
        if removed.id not in now.subscriptions.by_id:
            return False
        await self._commit(removed)
        return True

    async def _in_turn(self, do: Callable[[Contents], Coroutine[Any, Any, T]]) -> T:
        """Run one write after all earlier writes.

        A write always runs until it finishes, even if the caller is canceled.
        """
        return await asyncio.shield(self._begin(do))

    def _begin(self, do: Callable[[Contents], Coroutine[Any, Any, T]]) -> "asyncio.Task[T]":
        async def take_turn() -> T:
            async with self._turn:
                return await do(self._files.contents)

        self._check_open()
        write = asyncio.create_task(take_turn())
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        return write

    async def _commit(
        self, transaction: Transaction, changes: Sequence[Change] = (), documents: Sequence[Document] = ()
    ) -> None:
        """Write a transaction and then apply it. The caller must hold `_turn`."""
        now = self._files.contents
        try:
            written = await self._on_disk(self._files.commit, now.transactions + 1, transaction, changes, documents)
        except StoreUnwritable as full:
            self.unwritable = str(full)
            raise
        self.unwritable = None
        now.apply(written, changes)
        if self._files.is_full:
            self._on_disk(self._files.fold, now.image())  # only the next write waits for this

    def _on_disk(self, do: Callable[[*Ts], T], *args: *Ts) -> "asyncio.Future[T]":
        """Run the call on the disk thread, after everything already queued there."""
        return asyncio.get_running_loop().run_in_executor(self._disk, do, *args)
