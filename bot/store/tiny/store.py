"""The embedded store: a change log, a journal of transactions and a TinyDB checkpoint in one folder, for one writer.

What is committed is one line of the journal, on the disk before it is applied in memory. A reading writes evidence
first, then its changes to the log, then that line. Opening takes the last checkpoint and applies the lines after it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Self

from bot.domain.agreement import ListName
from bot.domain.change import Change, Kind, Known
from bot.domain.document import Document
from bot.domain.lists.vetting import Held
from bot.domain.subscription import Receipt, Subscription
from bot.errors import StoreError
from bot.store import Contents, Record, SourceStatus
from bot.store.tiny.contents import (
    Batch,
    HeldReplaced,
    Ledger,
    Noted,
    Recorded,
    Removed,
    SubscriptionSaved,
    advanced,
    changed,
    failed,
    in_zone,
    part_sent,
    pinned,
    remembered,
    row_numbers,
    started,
)
from bot.store.tiny.evidence import Evidence
from bot.store.tiny.files import Folder
from bot.store.tiny.in_memory import Fleeting
from bot.store.tiny.journal import Reader, Writer

JOURNAL_LIMIT = 4 * 2**20  # bytes of journal after which it is folded in
GATHERED = 0.1  # seconds that what is to be remembered waits for others, to share a line and its way to the disk


class TinyStore:
    """The store in one folder. `notices` says, for the operator, what was damaged and put right."""

    def __init__(self, files: Writer | Reader | Fleeting, evidence: Evidence | Fleeting) -> None:
        self._files: Writer | Reader | Fleeting | None = files
        self._evidence = evidence
        self._at_work: set[str] = set()
        self._waiting: list[tuple[SourceStatus, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False, journal_limit: int = JOURNAL_LIMIT) -> Self:
        """Open the folder, created where there is none, as its one writer; StoreBusy when there is another.

        To read only needs no lock, writes nothing and follows a writer that runs beside it.
        """
        folder = Folder(path)
        return cls(Reader(folder) if readonly else Writer(folder, journal_limit), Evidence(folder))

    @classmethod
    def fleeting(cls) -> Self:
        """One that is gone with the process: no files, all else the same."""
        files = Fleeting()
        return cls(files, files)

    @property
    def notices(self) -> tuple[str, ...]:
        """What was found damaged and put right, and checkpoints that could not be written."""
        return tuple(self._opened.notices)

    async def known(self) -> Known:
        return self._ledger.known

    async def last_seq(self) -> int:
        return self._ledger.log.end

    async def changes(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        since: datetime | None = None,
        states: Sequence[str] | None = None,
        kinds: Sequence[Kind] | None = None,
    ) -> Sequence[Change]:
        return self._ledger.log.select(after=after, upto=upto, since=since, states=states, kinds=kinds)

    async def source_status(self, source: str) -> SourceStatus:
        return self._ledger.statuses.get(source, SourceStatus(source=source))

    async def source_statuses(self) -> Sequence[SourceStatus]:
        statuses = self._ledger.statuses
        return tuple(statuses[source] for source in sorted(statuses))

    async def held(self) -> Sequence[Held]:
        return tuple(sorted(self._ledger.held, key=lambda held: (held.since, held.id)))

    async def evidence(self, sha256: str) -> Document | None:
        return self._evidence.get(sha256)

    async def record(self, record: Record) -> Sequence[Change]:
        self._remember_all()  # it may be of the same source
        ledger = self._ledger
        changes = tuple(
            replace(change, seq=seq, recorded_at=record.recorded_at)
            for seq, change in enumerate(record.changes, ledger.log.end + 1)
        )
        known = ledger.known if record.known is None else record.known
        recorded = Recorded(
            last_seq=ledger.log.end + len(changes),
            recorded_at=record.recorded_at,
            status=record.status,
            seen=known.seen,
            absent=tuple(known.absent.items()),
            numbers={name: row_numbers(known, name) for name in ListName},
            held=None if record.held == ledger.held else record.held,
        )
        if ledger.known_after(recorded, changes) != known:
            raise StoreError("What is to be known does not follow from the changes, so that nothing was recorded.")
        self._opened.commit(recorded, changes, record.documents)
        while self._ledger.roll.wake_some():  # noqa: ASYNC110 - nobody is waited for: others have their turn in between
            await asyncio.sleep(0)
        return changes

    async def remember(self, status: SourceStatus) -> None:
        """While others are at work it waits for them a moment: most readings bring nothing, and share one line."""
        loop = asyncio.get_running_loop()
        committed = loop.create_future()
        self._waiting.append((status, committed))
        if len(self._waiting) >= len(self._at_work):
            self._remember_all()
        elif self._timer is None:
            self._timer = loop.call_later(GATHERED, self._remember_all)
        await committed

    def _remember_all(self) -> None:
        """Commit what waits in one line, and say so to each."""
        if self._timer is not None:
            self._timer.cancel()
        waiting, self._waiting, self._timer = self._waiting, [], None
        fault = None
        try:
            last = {status.source: status for status, _ in waiting}.values()
            each = tuple(remembered(self._ledger.statuses.get(status.source), status) for status in last)
            if each:
                self._opened.commit(each[0] if len(each) == 1 else Batch(each=each))
        except Exception as failed:  # noqa: BLE001 - whatever it is, those who wait are told
            fault = failed
        for _, committed in waiting:
            if committed.done():
                continue  # nobody waits for it any more
            if fault is None:
                committed.set_result(None)
            else:
                committed.set_exception(fault)

    async def put_held(self, held: Sequence[Held]) -> None:
        self._opened.commit(HeldReplaced(held=tuple(held)))

    async def subscribe(self, subscription: Subscription) -> Subscription:
        ledger = self._ledger
        return self._place(started(in_zone(subscription), ledger.roll.next_number, ledger.log.end))

    async def change_subscription(self, subscription: Subscription) -> Subscription:
        ledger = self._ledger
        return self._place(changed(ledger.roll[subscription.id], in_zone(subscription), ledger.log.end))

    async def unsubscribe(self, subscription_id: str) -> None:
        if subscription_id in self._ledger.roll.by_id:
            self._opened.commit(Removed(id=subscription_id))

    async def forget(self, subscription_id: str) -> None:
        if subscription_id in self._ledger.roll.by_id:
            self._opened.commit(Removed(id=subscription_id, receipts=True))
            self._opened.erase()

    async def subscription(self, subscription_id: str) -> Subscription | None:
        return self._ledger.roll.by_id.get(subscription_id)

    async def find(self, channel: str, address: str) -> Subscription | None:
        roll = self._ledger.roll
        return roll.by_id.get(roll.by_address.get((channel, address), ""))

    async def notes(self, kind: str) -> Mapping[str, str]:
        return dict(self._ledger.notes.get(kind, {}))

    async def note(self, kind: str, key: str, value: str | None) -> None:
        self._opened.commit(Noted(kind=kind, key=key, value=value))

    async def subscriptions(self) -> Sequence[Subscription]:
        return tuple(self._ledger.roll.by_id.values())

    async def due(self, now: datetime) -> Sequence[Subscription]:
        return tuple(self._ledger.roll.due(now))

    async def pin(self, subscription_id: str, upto: int, at: datetime) -> Subscription:
        return self._place(pinned(self._ledger.roll[subscription_id], upto, at))

    async def sent(self, receipt: Receipt) -> Subscription:
        return self._place(part_sent(self._ledger.roll[receipt.subscription], receipt.part), receipt)

    async def advance(self, subscription_id: str, cursor: int, told_at: datetime | None = None) -> Subscription:
        return self._place(advanced(self._ledger.roll[subscription_id], cursor, told_at))

    async def failed(self, receipt: Receipt, subscription: Subscription) -> None:
        stored = self._ledger.roll.by_id.get(subscription.id)
        if stored is not None:
            self._place(failed(stored, subscription), receipt)

    async def defer(self, subscription_id: str, until: datetime) -> None:
        self._place(replace(self._ledger.roll[subscription_id], retry_at=until))

    async def receipts(self, subscription_id: str | None = None) -> Sequence[Receipt]:
        receipts = self._ledger.proofs.all
        return tuple(r for r in receipts if subscription_id is None or r.subscription == subscription_id)

    async def claim_due(self, now: datetime, channel: str, most: int) -> Sequence[Subscription]:  # noqa: ARG002 - no limit
        return tuple(s for s in self._ledger.roll.due(now) if s.channel == channel)

    async def lease(self, name: str) -> bool:
        self._at_work.add(name)
        return True  # there is no other program

    async def extend_lease(self, name: str, seconds: float) -> None:
        """A lease ends with the program."""

    async def release(self, name: str) -> None:
        self._at_work.discard(name)

    async def leadership_in(self, name: str) -> float | None:  # noqa: ARG002 - there is no other program
        return 0.0

    async def wait_for_changes(self) -> None:
        await asyncio.Event().wait()

    async def contents(self) -> Contents:
        """Everything but the evidence."""
        ledger = self._ledger
        return Contents(
            known=ledger.known,
            changes=tuple(ledger.log.changes),
            held=tuple(await self.held()),
            statuses=tuple(await self.source_statuses()),
            subscriptions=tuple(sorted(ledger.roll.by_id.values(), key=lambda s: int(s.id.removeprefix("s")))),
            receipts=tuple(ledger.proofs.all),
            notes={kind: dict(notes) for kind, notes in ledger.notes.items() if notes},
            next_number=ledger.roll.next_number,
        )

    async def fill(self, contents: Contents) -> None:
        """Take everything over into a store that holds nothing yet; all of it or nothing."""
        writer = self._opened
        if not isinstance(writer, Writer):
            raise StoreError("Only a data folder that is open for writing can be filled.")
        ledger = Ledger()
        ledger.known, ledger.held = contents.known, contents.held
        ledger.log.extend(contents.changes)
        ledger.statuses = {status.source: status for status in contents.statuses}
        ledger.notes = {kind: dict(notes) for kind, notes in contents.notes.items()}
        ledger.proofs.keep(contents.receipts)
        for subscription in contents.subscriptions:
            ledger.roll.place(subscription)
        ledger.roll.next_number = contents.next_number
        writer.fill(ledger)

    async def evidence_names(self) -> Sequence[str]:
        """The SHA-256 of each document of the evidence."""
        return self._evidence.names()

    async def keep(self, document: Document) -> None:
        """Keep one document of the evidence."""
        self._evidence.put(document)

    async def others(self) -> int:
        """How many other programs are at work here: the lock of the folder lets none in."""
        return 0

    async def close(self) -> None:
        if self._files is not None:
            self._remember_all()
            files, self._files = self._files, None
            files.close()

    @property
    def _opened(self) -> Writer | Reader | Fleeting:
        if self._files is None:
            raise StoreError("The store is closed.")
        return self._files

    @property
    def _ledger(self) -> Ledger:
        return self._opened.ledger

    def _place(self, subscription: Subscription, receipt: Receipt | None = None) -> Subscription:
        self._opened.commit(SubscriptionSaved(subscription=subscription, receipt=receipt))
        return self._ledger.roll[subscription.id]
