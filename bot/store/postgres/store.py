"""The PostgreSQL store, which any number of programs on any number of machines can share.

It follows the same rules as the embedded store. Each method is one transaction. Change numbers come from a row that
stays locked until the end of the transaction. So changes are committed in the order of their numbers, and no one reads
a change before the earlier ones have been committed. The log is append-only: each program caches the part it has read
and requests only newer changes.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Self

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.change import Change, Kind, Known
from bot.domain.document import Document
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import ALL_STATES, Receipt, Slot, Subscription
from bot.errors import StoreError, StoreUnavailable
from bot.store import Everything, Record
from bot.store.postgres.connection import check_format, connect, explaining, found_read_only, insist, pool, sentence
from bot.store.postgres.leases import LeaderLock, OwnLeases
from bot.store.postgres.rows import (
    MOMENTS,
    Missing,
    as_json,
    decode_change,
    decode_held,
    decode_known,
    decode_receipt,
    decode_set_back,
    decode_status,
    find_at,
    find_document,
    find_receipts,
    find_subscription,
    insert_rows,
    keep_documents,
    known_json,
    locked_numbers,
    locked_row,
    locked_subscription,
    mended_row,
    put_note,
    put_subscriptions,
    readable,
    readdress_receipts,
    receipt_row,
    remove_subscription,
    subscription_row,
    subscriptions_in_slices,
    unreadable_of,
)
from bot.store.postgres.tables import CHANGES, EVIDENCE, LEDGER, NOTES, RECEIPTS, SOURCES, SUBSCRIPTIONS
from bot.store.rules.change_log import Log, follow, numbered
from bot.store.rules.due import CLOCK_TOLERANCE, SetBack, SubscriptionIndex, number_of
from bot.store.rules.mending import Unreadable
from bot.store.rules.merging import merged
from bot.store.rules.receipts import RECEIPTS_KEPT, ReceiptIndex
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

CLOCK = "clock"  # the kind of note that records that the clock was set back
NEWS = "countersign"  # the channel on which a program announces that it has recorded something


class PostgresStore:
    """A store in a PostgreSQL database. `notices` are what was odd when it was opened."""

    unwritable = None  # a failed write fails the next reading, too

    def __init__(self, url: str) -> None:
        self._name = f"countersign {secrets.token_hex(4)}"
        self._url = url
        self._engine: AsyncEngine | None = pool(self._connect)
        self._log = Log()
        self._set_back: SetBack | None = None
        self._leases = OwnLeases()
        self._leader_lock = LeaderLock(self._connect)
        self.notices: tuple[str, ...] = ()

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect to the database; raise StoreError if it can't be reached or has another version's format."""
        store = cls(url)
        try:
            async with store._transaction() as db:
                await check_format(db)
                store.notices = await found_read_only(db)
        except StoreError:
            await store.close()
            raise
        return store

    async def known(self) -> Known:
        async with self._statement() as db:
            return decode_known((await db.execute(sa.select(LEDGER.c.known))).scalar_one())

    async def last_seq(self) -> int:
        async with self._statement() as db:
            return int((await db.execute(sa.select(LEDGER.c.last_seq))).scalar_one())

    async def changes(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        since: datetime | None = None,
        states: Sequence[str] | None = None,
        kinds: Sequence[Kind] | None = None,
    ) -> Sequence[Change]:
        if upto is None or upto > self._log.end:
            async with self._statement() as db:
                await self._read_on(db)
        self._check_open()
        return self._log.select(after=after, upto=upto, since=since, states=states, kinds=kinds)

    async def source_status(self, source: str) -> SourceStatus:
        async with self._statement() as db:
            found = await db.execute(sa.select(SOURCES.c.body).where(SOURCES.c.source == source))
            body = found.scalar_one_or_none()
        return decode_status(body) if body is not None else SourceStatus(source=source)

    async def source_statuses(self) -> Sequence[SourceStatus]:
        async with self._statement() as db:
            bodies = (await db.execute(sa.select(SOURCES.c.body))).scalars().all()
        return tuple(sorted(map(decode_status, bodies), key=lambda status: status.source))

    async def held(self) -> Sequence[Held]:
        async with self._statement() as db:
            return decode_held((await db.execute(sa.select(LEDGER.c.held))).scalar_one())

    async def evidence(self, sha256: str) -> Document | None:
        async with self._statement() as db:
            return await find_document(db, sha256)

    async def record(self, record: Record) -> Sequence[Change]:
        async with self._transaction() as db:
            ledger = (await db.execute(sa.select(LEDGER).with_for_update())).one()
            changes = numbered(record.changes, ledger.last_seq, record.recorded_at)
            await self._leases.check(db, f"source {record.status.source}")
            await self._remember(db, record.status)
            before = decode_known(ledger.known)
            known = follow(before, changes, before if record.known is None else record.known)
            await keep_documents(db, record.documents)
            values: dict[str, Any] = {"last_seq": ledger.last_seq + len(changes)}
            if record.held is not None:
                values["held"] = as_json(record.held)
            if known != before:
                values["known"] = known_json(known)
            await db.execute(sa.update(LEDGER).values(values))
            if changes:
                await db.execute(sa.insert(CHANGES), [{"seq": c.seq, "body": as_json(c)} for c in changes])
                await _wake(db, changes)
                await db.exec_driver_sql(f"NOTIFY {NEWS}")
        return changes

    async def remember(self, status: SourceStatus) -> None:
        async def once() -> None:
            async with self._transaction() as db:
                await self._leases.check(db, f"source {status.source}")
                await self._remember(db, status)

        await insist(once)  # otherwise the source would be read again immediately

    async def put_held(self, held: Sequence[Held]) -> None:
        async with self._transaction() as db:
            await db.execute(sa.update(LEDGER).values(held=as_json(tuple(held))))

    async def subscribe(self, subscription: Subscription) -> Subscription:
        async with self._transaction() as db:
            ledger = await locked_numbers(db)
            stored = await find_at(db, subscription.channel, subscription.address, lock=True)
            if stored is not None:
                return await self._place(db, resubscribed(stored, subscription, ledger.last_seq))
            new = await self._with_due_at(db, started(subscription, ledger.next_number, ledger.last_seq))
            await db.execute(sa.insert(SUBSCRIPTIONS).values(subscription_row(new)))
            await db.execute(sa.update(LEDGER).values(next_number=ledger.next_number + 1))
        return new

    async def change_subscription(self, subscription: Subscription) -> Subscription:
        async with self._transaction() as db:
            end = (await locked_numbers(db)).last_seq
            old = await locked_subscription(db, subscription.id)
            return await self._place(db, changed(old, subscription, end))

    async def move(self, channel: str, old: str, new: str) -> Subscription | None:
        async with self._transaction() as db:
            await locked_numbers(db)  # so that no one subscribes at the new address now
            mover = await find_at(db, channel, old, lock=True)
            there = await find_at(db, channel, new, lock=True)
            if mover is None or old == new:
                return there
            if there is None:
                await readdress_receipts(db, moved := replace(mover, address=new), None, mover.shown_address)
                return await self._place(db, moved)
            both = await find_receipts(db, RECEIPTS.c.subscription.in_([there.id, mover.id]))
            one = merged(there, mover, await self._read_on(db), both)
            await remove_subscription(db, mover.id)
            await readdress_receipts(db, one, mover.id, mover.shown_address)
            return await self._place(db, one)

    async def unsubscribe(self, subscription_id: str) -> None:
        async with self._transaction() as db:
            if await find_subscription(db, subscription_id) is not None:
                await remove_subscription(db, subscription_id)

    async def scrub(self) -> None:
        """Do nothing, because PostgreSQL overwrites replaced rows by itself."""

    async def forget(self, subscription_id: str) -> None:
        async with self._transaction() as db:
            gone = await find_subscription(db, subscription_id)
            if gone is None:
                return
            await remove_subscription(db, subscription_id)
            live = sa.select(sa.literal("s").concat(sa.cast(SUBSCRIPTIONS.c.number, sa.Text)))
            of_chat = sa.and_(  # earlier subscriptions of the same chat that have ended
                RECEIPTS.c.channel == gone.channel,
                RECEIPTS.c.address == gone.shown_address,
                RECEIPTS.c.subscription.not_in(live),
            )
            await db.execute(sa.delete(RECEIPTS).where(sa.or_(RECEIPTS.c.subscription == gone.id, of_chat)))

    async def subscription(self, subscription_id: str) -> Subscription | None:
        async with self._statement() as db:
            return await find_subscription(db, subscription_id)

    async def find(self, channel: str, address: str) -> Subscription | None:
        async with self._statement() as db:
            return await find_at(db, channel, address)

    async def notes(self, kind: str) -> Mapping[str, str]:
        async with self._statement() as db:
            found = await db.execute(sa.select(NOTES.c.key, NOTES.c.value).where(NOTES.c.kind == kind))
            return {row.key: row.value for row in found}

    async def note(self, kind: str, key: str, value: str | None) -> None:
        async with self._transaction() as db:
            if value is None:
                await db.execute(sa.delete(NOTES).where(NOTES.c.kind == kind, NOTES.c.key == key))
            else:
                await put_note(db, kind, key, value)

    async def subscriptions(self) -> Sequence[Subscription]:
        async with self._statement() as db:
            return tuple(
                [subscription async for some in subscriptions_in_slices(db, lock=False) for subscription in some]
            )

    async def unreadable(self) -> Sequence[Unreadable]:
        async with self._statement() as db:
            rows = await db.execute(sa.select(SUBSCRIPTIONS).order_by(SUBSCRIPTIONS.c.number))
            return tuple(found for found in map(unreadable_of, rows) if found is not None)

    async def mend(self, subscription_id: str, tz: str) -> Subscription:
        check_zone(tz)
        async with self._transaction() as db:
            end = (await locked_numbers(db)).last_seq
            row = await locked_row(db, subscription_id)
            sent = await find_receipts(db, RECEIPTS.c.subscription == subscription_id)
            told = (seq for receipt in sent if receipt.error is None for seq in receipt.changes)
            return await self._place(db, mended_row(row, cursor=max(told, default=end), tz=tz))

    async def due(self, now: datetime) -> Sequence[Subscription]:
        async with self._statement() as db:
            s = SUBSCRIPTIONS.c
            rows = await db.execute(sa.select(SUBSCRIPTIONS).where(s.wakes_at <= now).order_by(s.due_at, s.number))
            return tuple(found for found in readable(rows) if found.is_due(now))

    async def pin(self, subscription_id: str, upto: int, at: datetime) -> Subscription:
        return await self._change(subscription_id, lambda stored: pinned(stored, upto, at))

    async def sent(self, receipt: Receipt) -> Subscription:
        return await self._change(receipt.subscription, lambda stored: part_sent(stored, receipt), receipt)

    async def advance(
        self, subscription_id: str, cursor: int, sent_at: datetime | None = None, slot: Slot | None = None
    ) -> Subscription:
        return await self._change(subscription_id, lambda stored: advanced(stored, cursor, sent_at, slot))

    async def failed(self, receipt: Receipt, subscription: Subscription) -> None:
        with suppress(Missing):
            stored = await self._change(subscription.id, lambda stored: failed(stored, subscription), receipt)
            if stored.address != subscription.address:
                await insist(lambda: self.move(stored.channel, stored.address, subscription.address))

    async def receipts(self, subscription_id: str | None = None, *, since: datetime | None = None) -> Sequence[Receipt]:
        which = RECEIPTS.c.subscription == subscription_id if subscription_id is not None else sa.true()
        if since is not None:
            which = sa.and_(which, RECEIPTS.c.at >= since)
        async with self._statement() as db:
            return await find_receipts(db, which)

    async def defer(self, subscription_id: str, until: datetime) -> None:
        await self._change(subscription_id, lambda stored: deferred(stored, until))

    async def claim_due(self, now: datetime, channel: str, most: int) -> Sequence[Subscription]:
        if most <= 0:
            return ()
        async with self._transaction() as db:
            taken = [number_of(name) for name in await self._leases.claim_due(db, now, channel, most)]
            s = SUBSCRIPTIONS.c
            rows = await db.execute(sa.select(SUBSCRIPTIONS).where(s.number.in_(taken)).order_by(s.due_at, s.number))
            return tuple(readable(rows))

    async def lease(self, name: str) -> bool:
        async with self._statement() as db:
            return await self._leases.lease(db, name)

    async def extend_lease(self, name: str, seconds: float) -> None:
        if not self._leases.lasts(name, seconds):
            async with self._statement() as db:
                await self._leases.renew(db, name)

    async def release(self, name: str) -> None:
        try:
            async with self._statement() as db:
                await self._leases.release(db, name)
        except StoreUnavailable:  # the lease will expire
            self._leases.forget(name)

    async def leadership_in(self, name: str) -> float | None:
        self._check_open()
        try:
            return await self._leader_lock.leadership_in(name)
        except (psycopg.Error, OSError) as fault:
            raise StoreUnavailable(sentence(fault)) from fault

    async def wait_for_changes(self) -> None:
        self._check_open()
        try:
            listener = await self._connect()
            try:
                await listener.set_autocommit(True)
                await listener.execute(f"LISTEN {NEWS}")
                async for _ in listener.notifies(stop_after=1):
                    return
            finally:
                await listener.close()
        except (psycopg.Error, OSError) as fault:
            raise StoreUnavailable(sentence(fault)) from fault

    async def everything(self) -> Everything:
        """Return a consistent copy of everything except the evidence."""
        async with self._transaction() as db:
            await db.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            ledger = (await db.execute(sa.select(LEDGER))).one()
            changes = (await db.execute(sa.select(CHANGES.c.body).order_by(CHANGES.c.seq))).scalars()
            statuses = (await db.execute(sa.select(SOURCES.c.body))).scalars()
            subscriptions = await db.execute(sa.select(SUBSCRIPTIONS).order_by(SUBSCRIPTIONS.c.number))
            receipts = (await db.execute(sa.select(RECEIPTS.c.body).order_by(RECEIPTS.c.number))).scalars()
            notes: dict[str, dict[str, str]] = {}
            for row in await db.execute(sa.select(NOTES).where(NOTES.c.kind != CLOCK)):
                notes.setdefault(row.kind, {})[row.key] = row.value
            return Everything(
                known=decode_known(ledger.known),
                changes=tuple(map(decode_change, changes)),
                held=decode_held(ledger.held),
                statuses=tuple(sorted(map(decode_status, statuses), key=lambda status: status.source)),
                subscriptions=tuple(readable(subscriptions)),
                receipts=tuple(map(decode_receipt, receipts)),
                notes=notes,
                next_number=ledger.next_number,
            )

    async def fill(self, everything: Everything) -> None:
        """Load everything into an empty store in one transaction."""
        for subscription in everything.subscriptions:
            check_zone(subscription.tz)
        notes = [
            {"kind": kind, "key": key, "value": value}
            for kind, of_kind in everything.notes.items()
            for key, value in of_kind.items()
        ]
        async with self._transaction() as db:
            ledger = (await db.execute(sa.select(LEDGER).with_for_update())).one()
            if ledger.last_seq or ledger.next_number > 1:
                raise StoreError("The database isn't empty. Choose an empty one.")
            await insert_rows(db, CHANGES, [{"seq": c.seq, "body": as_json(c)} for c in everything.changes])
            await insert_rows(db, SOURCES, [{"source": m.source, "body": as_json(m)} for m in everything.statuses])
            index = SubscriptionIndex(await self._read_on(db), ReceiptIndex(everything.receipts))
            placed = [index.place(subscription) for subscription in everything.subscriptions]
            await insert_rows(db, SUBSCRIPTIONS, list(map(subscription_row, placed)))
            await insert_rows(db, RECEIPTS, list(map(receipt_row, everything.receipts)))
            await insert_rows(db, NOTES, notes)
            values = {"known": known_json(everything.known), "held": as_json(everything.held)}
            end = len(everything.changes)
            await db.execute(sa.update(LEDGER).values(last_seq=end, next_number=everything.next_number, **values))

    async def evidence_names(self) -> Sequence[str]:
        """Return the SHA-256 hashes of all evidence documents."""
        async with self._statement() as db:
            return (await db.execute(sa.select(EVIDENCE.c.sha256).order_by(EVIDENCE.c.sha256))).scalars().all()

    async def keep(self, document: Document) -> None:
        """Store one evidence document."""
        async with self._transaction() as db:
            await keep_documents(db, [document])

    async def others(self) -> int:
        """Return how many database connections other copies of Countersign have open."""
        async with self._statement() as db:
            found = await db.exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name LIKE 'countersign %%' AND application_name <> %s",
                (self._name,),
            )
            return int(found.scalar_one())

    async def close(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await self._leader_lock.close()
            await engine.dispose()

    def _check_open(self) -> AsyncEngine:
        if self._engine is None:
            raise StoreError("The store is closed.")
        return self._engine

    def _transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Begin a transaction. If anything in it fails, the whole transaction is rolled back."""
        return explaining(self._check_open().begin())

    def _statement(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a connection in autocommit mode."""
        return explaining(self._check_open().execution_options(isolation_level="AUTOCOMMIT").connect())

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await connect(self._url, self._name)

    async def _read_on(self, db: AsyncConnection) -> Log:
        """Add new changes from the database to the cached log, and return the log.

        Also reads the note about when the clock was set back.
        """
        unread = sa.select(CHANGES.c.seq, CHANGES.c.body).where(CHANGES.c.seq > self._log.end)
        clock = sa.select(sa.literal(0), NOTES.c.value).where(NOTES.c.kind == CLOCK)
        found = (await db.execute(sa.union_all(unread, clock).order_by(CHANGES.c.seq))).all()
        for seq, body in found:
            if seq == 0:
                self._set_back = decode_set_back(body)
            elif seq > self._log.end:  # another coroutine may already have read this change
                self._log.extend([decode_change(body)])
        return self._log

    async def _remember(self, db: AsyncConnection, status: SourceStatus) -> None:
        found = await db.execute(sa.select(SOURCES.c.body).where(SOURCES.c.source == status.source))
        old = found.scalar_one_or_none()
        body = as_json(status)
        remembered = insert(SOURCES).values(source=status.source, body=body)
        await db.execute(remembered.on_conflict_do_update(index_elements=["source"], set_={"body": body}))
        if status.tried_at is None:
            return
        await db.execute(sa.delete(RECEIPTS).where(RECEIPTS.c.at < status.tried_at - RECEIPTS_KEPT))
        tried_at = decode_status(old).tried_at if old is not None else None
        if tried_at is not None and tried_at - status.tried_at > CLOCK_TOLERANCE:
            await self._reckon_from(db, status.tried_at)

    async def _reckon_from(self, db: AsyncConnection, at: datetime) -> None:
        """Limit stored times to `at` after the clock was set back, so that nothing waits for a time in the future."""
        await put_note(db, CLOCK, "set back", as_json(SetBack((await locked_numbers(db)).last_seq, at)))
        log = await self._read_on(db)
        receipts = ReceiptIndex(await find_receipts(db, sa.true()) if any(log.retractions(0)) else ())
        async for some in subscriptions_in_slices(db):
            index = SubscriptionIndex(log, receipts)
            for subscription in some:
                index.place(subscription)
            index.reckon_from(at)
            changed = [index[old.id] for old in some if index[old.id] != old]
            await put_subscriptions(db, changed, (*MOMENTS, "body"))

    async def _change(
        self, subscription_id: str, how: Callable[[Subscription], Subscription], receipt: Receipt | None = None
    ) -> Subscription:
        """Change a subscription.

        If the database is unavailable, retry for a while, because a message may already have been sent.
        """
        return await insist(lambda: self._change_once(subscription_id, how, receipt))

    async def _change_once(
        self, subscription_id: str, how: Callable[[Subscription], Subscription], receipt: Receipt | None
    ) -> Subscription:
        async with self._transaction() as db:
            subscription = how(await locked_subscription(db, subscription_id))
            await self._leases.check(db, subscription_id)
            if receipt is not None:
                await db.execute(sa.insert(RECEIPTS).values(receipt_row(receipt)))
            return await self._place(db, subscription)

    async def _place(self, db: AsyncConnection, subscription: Subscription) -> Subscription:
        """Overwrite the subscription that has this id. The caller has locked it, so no concurrent change is lost."""
        placed = await self._with_due_at(db, subscription)
        row = subscription_row(placed)
        await db.execute(sa.update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.number == row["number"]).values(row))
        return placed

    async def _with_due_at(self, db: AsyncConnection, subscription: Subscription) -> Subscription:
        log, receipts = await self._read_on(db), ReceiptIndex()
        if any(log.retractions(subscription.cursor)):
            receipts.keep(await find_receipts(db, RECEIPTS.c.subscription == subscription.id))
        return SubscriptionIndex(log, receipts, self._set_back).place(subscription)


async def _wake(db: AsyncConnection, changes: Sequence[Change]) -> None:
    """Set `due_at` on the subscriptions that are owed one of these new changes and have nothing due sooner.

    All subscriptions that watch one of the states are locked first, even if they already have something due. Otherwise,
    another program could finish a digest for one of them at the same time and leave it with nothing due.
    """
    states = {ALL_STATES}.union(*(change.states for change in changes))
    s = SUBSCRIPTIONS.c
    wrong = [change.retracts for change in changes if change.retracts is not None]
    receipts = ReceiptIndex(await find_receipts(db, RECEIPTS.c.changes.overlap(wrong)) if wrong else ())
    was_sent = set[str]().union(*map(receipts.sent_to, wrong))  # regardless of what they watch now
    concerned = sa.or_(s.states.overlap(sorted(states)), s.number.in_(list(map(number_of, was_sent))))
    new = Log(changes[0].seq - 1, changes)
    async for some in subscriptions_in_slices(db, concerned):
        index, woken = SubscriptionIndex(new, receipts), []
        for subscription in some:
            if subscription.due_at is not None and not (subscription.id in was_sent or subscription.hears_always):
                continue  # it can't be owed anything sooner than what is already due
            placed, before = index.place(subscription), subscription.due_at
            if placed.due_at is not None and (before is None or placed.due_at < before):
                woken.append(placed)
        await put_subscriptions(db, woken, MOMENTS)
