"""The store in PostgreSQL: the same rules as the embedded one, for any number of programs on any number of machines.

Each method is one transaction. Numbers are given from one row that is locked to the end of the transaction, so that
they commit in order and nobody reads a change before an earlier one is there. The log is append-only: each program
keeps what it has read of it and asks only for what is new.
"""

import asyncio
import math
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, Self, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.domain.change import Change, Kind, Known
from bot.domain.document import Document
from bot.domain.lists.vetting import Held
from bot.domain.subscription import ALL_STATES, Receipt, Subscription
from bot.errors import StoreCorrupt, StoreError, StoreUnavailable
from bot.store import Contents, Record, SourceStatus
from bot.store.postgres.leases import LeaderLock, Leases
from bot.store.postgres.tables import CHANGES, EVIDENCE, LEASES, LEDGER, NOTES, RECEIPTS, SOURCES, SUBSCRIPTIONS
from bot.store.tiny.contents import (
    RECEIPTS_KEPT,
    SET_BACK,
    SLICE,
    Log,
    ReceiptIndex,
    SetBack,
    SubscriptionIndex,
    advanced,
    changed,
    failed,
    in_zone,
    part_sent,
    pinned,
    started,
)
from bot.store.tiny.evidence import check, label, packed, restored

SCHEMA = "0001"  # the newest step of migrations/
CONNECT_WITHIN = 10  # seconds
WAIT_FOR_DATABASE = 30.0  # seconds that a message which is out, or a source that was read, waits to be noted
CLOCK = "clock"  # the kind of the note which says that the clock was set back
NEWS = "countersign"  # the channel on which a program says that it has recorded something
CONNECTIONS = 10  # of one program at most; small plans of hosts allow twenty in all
IDLE = 1.0  # seconds after which a connection is asked whether it lives still, before it is used
ON_CONNECTING = "SET TIME ZONE 'UTC'; SET idle_in_transaction_session_timeout = '60s'"

T = TypeVar("T")
_DECODE_CHANGE = msgspec.json.Decoder(Change).decode
_DECODE_MEMORY = msgspec.json.Decoder(SourceStatus).decode
_DECODE_HELD = msgspec.json.Decoder(tuple[Held, ...]).decode
_DECODE_SUBSCRIPTION = msgspec.json.Decoder(Subscription).decode
_DECODE_SET_BACK = msgspec.json.Decoder(SetBack).decode
_DECODE_RECEIPT = msgspec.json.Decoder(Receipt).decode


class PostgresStore:
    """The store in one database."""

    def __init__(self, url: str) -> None:
        self._name = f"countersign {secrets.token_hex(4)}"  # by which PostgreSQL tells our programs apart
        self._url = url
        self._engine: AsyncEngine | None = create_async_engine(
            "postgresql+psycopg://", async_creator=self._connect, **_POOL
        )
        _ask_the_idle(self._engine.sync_engine)
        self._log = Log()
        self._set_back: SetBack | None = None
        self._leases = Leases()
        self._chair = LeaderLock(self._connect)

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect; StoreError when nothing answers or the tables are not those of this version."""
        store = cls(url)
        try:
            async with store._transaction() as db:
                await _check_schema(db)
        except StoreError:
            await store.close()
            raise
        return store

    @property
    def notices(self) -> tuple[str, ...]:
        """PostgreSQL says for itself what is wrong with it."""
        return ()

    async def known(self) -> Known:
        async with self._statement() as db:
            return _known((await db.execute(sa.select(LEDGER.c.known))).scalar_one())

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
        return _DECODE_MEMORY(body) if body is not None else SourceStatus(source=source)

    async def source_statuses(self) -> Sequence[SourceStatus]:
        async with self._statement() as db:
            bodies = (await db.execute(sa.select(SOURCES.c.body))).scalars().all()
        return tuple(sorted(map(_DECODE_MEMORY, bodies), key=lambda status: status.source))

    async def held(self) -> Sequence[Held]:
        async with self._statement() as db:
            held = _DECODE_HELD((await db.execute(sa.select(LEDGER.c.held))).scalar_one())
        return _in_order(held)

    async def evidence(self, sha256: str) -> Document | None:
        async with self._statement() as db:
            found = await db.execute(sa.select(EVIDENCE).where(EVIDENCE.c.sha256 == sha256))
            row = found.one_or_none()
        if row is None:
            return None
        document = restored(row.sha256, row.packed, row.label)
        if document is None:
            raise StoreCorrupt(f"The document {sha256} in the database is damaged; put it back from a backup.")
        return document

    async def record(self, record: Record) -> Sequence[Change]:
        async with self._transaction() as db:
            ledger = (await db.execute(sa.select(LEDGER).with_for_update())).one()
            changes = tuple(
                replace(change, seq=seq, recorded_at=record.recorded_at)
                for seq, change in enumerate(record.changes, ledger.last_seq + 1)
            )
            await self._leases.check(db, f"source {record.status.source}")
            await self._remember(db, record.status)
            before = _known(ledger.known)
            known = before if record.known is None else record.known
            if not _follows(before, changes, known):
                raise StoreError("What is to be known does not follow from the changes, so that nothing was recorded.")
            await _keep(db, record.documents)
            values: dict[str, Any] = {"last_seq": ledger.last_seq + len(changes)}
            if record.held is not None:
                values["held"] = _json(record.held)
            if known != before:
                values["known"] = _json(_pairs_of(known))
            await db.execute(sa.update(LEDGER).values(values))
            if changes:
                await db.execute(sa.insert(CHANGES), [{"seq": c.seq, "body": _json(c)} for c in changes])
                await _wake(db, changes)
                await db.exec_driver_sql(f"NOTIFY {NEWS}")
        return changes

    async def remember(self, status: SourceStatus) -> None:
        async def once() -> None:
            async with self._transaction() as db:
                await self._leases.check(db, f"source {status.source}")
                await self._remember(db, status)

        await _insist(once)  # else the source would be read again at once

    async def put_held(self, held: Sequence[Held]) -> None:
        async with self._transaction() as db:
            await db.execute(sa.update(LEDGER).values(held=_json(tuple(held))))

    async def subscribe(self, subscription: Subscription) -> Subscription:
        async with self._transaction() as db:
            ledger = await _numbers(db)
            new = started(in_zone(subscription), ledger.next_number, ledger.last_seq)
            new = await self._with_due_at(db, new)
            await db.execute(sa.insert(SUBSCRIPTIONS).values(_row(new)))
            await db.execute(sa.update(LEDGER).values(next_number=ledger.next_number + 1))
        return new

    async def change_subscription(self, subscription: Subscription) -> Subscription:
        async with self._transaction() as db:
            end = (await _numbers(db)).last_seq
            old = await _locked(db, subscription.id)
            return await self._place(db, changed(old, in_zone(subscription), end))

    async def unsubscribe(self, subscription_id: str) -> None:
        async with self._transaction() as db:
            await _remove(db, subscription_id)

    async def forget(self, subscription_id: str) -> None:
        async with self._transaction() as db:
            gone = await _found(db, subscription_id)
            if gone is None:
                return
            await _remove(db, subscription_id)
            live = sa.select(sa.literal("s").concat(sa.cast(SUBSCRIPTIONS.c.number, sa.Text)))
            of_chat = sa.and_(  # an earlier subscription of the same chat, that ended
                RECEIPTS.c.channel == gone.channel,
                RECEIPTS.c.address == gone.shown_address,
                RECEIPTS.c.subscription.not_in(live),
            )
            await db.execute(sa.delete(RECEIPTS).where(sa.or_(RECEIPTS.c.subscription == gone.id, of_chat)))

    async def subscription(self, subscription_id: str) -> Subscription | None:
        async with self._statement() as db:
            return await _found(db, subscription_id)

    async def find(self, channel: str, address: str) -> Subscription | None:
        async with self._statement() as db:
            s = SUBSCRIPTIONS.c
            of_address = sa.select(SUBSCRIPTIONS).where(s.channel == channel, s.address == address)
            row = (await db.execute(of_address.order_by(s.number.desc()).limit(1))).one_or_none()
        return _subscription(row) if row is not None else None

    async def notes(self, kind: str) -> Mapping[str, str]:
        async with self._statement() as db:
            found = await db.execute(sa.select(NOTES.c.key, NOTES.c.value).where(NOTES.c.kind == kind))
            return {row.key: row.value for row in found}

    async def note(self, kind: str, key: str, value: str | None) -> None:
        async with self._transaction() as db:
            if value is None:
                await db.execute(sa.delete(NOTES).where(NOTES.c.kind == kind, NOTES.c.key == key))
            else:
                noted = insert(NOTES).values(kind=kind, key=key, value=value)
                await db.execute(noted.on_conflict_do_update(index_elements=["kind", "key"], set_={"value": value}))

    async def subscriptions(self) -> Sequence[Subscription]:
        async with self._statement() as db:
            return tuple([subscription async for some in _in_slices(db, lock=False) for subscription in some])

    async def due(self, now: datetime) -> Sequence[Subscription]:
        async with self._statement() as db:
            s = SUBSCRIPTIONS.c
            rows = await db.execute(sa.select(SUBSCRIPTIONS).where(s.wakes_at <= now).order_by(s.due_at, s.number))
            return tuple(map(_subscription, rows))

    async def pin(self, subscription_id: str, upto: int, at: datetime) -> Subscription:
        return await self._change(subscription_id, lambda stored: pinned(stored, upto, at))

    async def sent(self, receipt: Receipt) -> Subscription:
        return await self._change(receipt.subscription, lambda stored: part_sent(stored, receipt.part), receipt)

    async def advance(self, subscription_id: str, cursor: int, told_at: datetime | None = None) -> Subscription:
        return await self._change(subscription_id, lambda stored: advanced(stored, cursor, told_at))

    async def failed(self, receipt: Receipt, subscription: Subscription) -> None:
        with suppress(_Gone):
            await self._change(subscription.id, lambda stored: failed(stored, subscription), receipt)

    async def receipts(self, subscription_id: str | None = None) -> Sequence[Receipt]:
        which = RECEIPTS.c.subscription == subscription_id if subscription_id is not None else sa.true()
        async with self._statement() as db:
            return await _receipts(db, which)

    async def defer(self, subscription_id: str, until: datetime) -> None:
        await self._change(subscription_id, lambda stored: replace(stored, retry_at=until))

    async def claim_due(self, now: datetime, channel: str, most: int) -> Sequence[Subscription]:
        if most <= 0:
            return ()
        async with self._transaction() as db:
            taken = [_number(name) for name in await self._leases.claim_due(db, now, channel, most)]
            s = SUBSCRIPTIONS.c
            rows = await db.execute(sa.select(SUBSCRIPTIONS).where(s.number.in_(taken)).order_by(s.due_at, s.number))
            return tuple(map(_subscription, rows))

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
        except StoreUnavailable:  # it expires
            self._leases.forget(name)

    async def leadership_in(self, name: str) -> float | None:
        self._check_open()
        try:
            return await self._chair.leadership_in(name)
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

    async def contents(self) -> Contents:
        """Everything but the evidence, as it was at one moment."""
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
            return Contents(
                known=_known(ledger.known),
                changes=tuple(map(_DECODE_CHANGE, changes)),
                held=_in_order(_DECODE_HELD(ledger.held)),
                statuses=tuple(sorted(map(_DECODE_MEMORY, statuses), key=lambda status: status.source)),
                subscriptions=tuple(map(_subscription, subscriptions)),
                receipts=tuple(map(_DECODE_RECEIPT, receipts)),
                notes=notes,
                next_number=ledger.next_number,
            )

    async def fill(self, contents: Contents) -> None:
        """Take everything over into a store that holds nothing yet; all of it or nothing."""
        notes = [
            {"kind": kind, "key": key, "value": value}
            for kind, of_kind in contents.notes.items()
            for key, value in of_kind.items()
        ]
        async with self._transaction() as db:
            ledger = (await db.execute(sa.select(LEDGER).with_for_update())).one()
            if ledger.last_seq or ledger.next_number > 1:
                raise StoreError("The database holds something already; only an empty one can be filled.")
            await _insert(db, CHANGES, [{"seq": c.seq, "body": _json(c)} for c in contents.changes])
            await _insert(db, SOURCES, [{"source": m.source, "body": _json(m)} for m in contents.statuses])
            proofs = ReceiptIndex()
            proofs.keep(contents.receipts)
            roll = SubscriptionIndex(await self._read_on(db), proofs)
            for subscription in contents.subscriptions:
                roll.place(subscription)
            await _insert(db, SUBSCRIPTIONS, [_row(roll[s.id]) for s in contents.subscriptions])
            await _insert(db, RECEIPTS, [_receipt_row(r) for r in contents.receipts])
            await _insert(db, NOTES, notes)
            values = {"known": _json(_pairs_of(contents.known)), "held": _json(contents.held)}
            end = len(contents.changes)
            await db.execute(sa.update(LEDGER).values(last_seq=end, next_number=contents.next_number, **values))

    async def evidence_names(self) -> Sequence[str]:
        """The SHA-256 of each document of the evidence."""
        async with self._statement() as db:
            return (await db.execute(sa.select(EVIDENCE.c.sha256).order_by(EVIDENCE.c.sha256))).scalars().all()

    async def keep(self, document: Document) -> None:
        """Keep one document of the evidence."""
        async with self._transaction() as db:
            await _keep(db, [document])

    async def others(self) -> int:
        """How many connections of other programs of ours the database has."""
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
            await self._chair.close()
            await engine.dispose()

    def _check_open(self) -> AsyncEngine:
        if self._engine is None:
            raise StoreError("The store is closed.")
        return self._engine

    def _transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction; what fails in it is undone, and said in one sentence."""
        return _saying(self._check_open().begin())

    def _statement(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One statement, which is a transaction by itself; what fails is said in one sentence."""
        return _saying(self._check_open().execution_options(isolation_level="AUTOCOMMIT").connect())

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_WITHIN,
            prepare_threshold=None,  # poolers such as PgBouncer hand each transaction to another session
            application_name=self._name,
        )
        await connection.execute(ON_CONNECTING)
        await connection.set_autocommit(False)
        return connection

    async def _read_on(self, db: AsyncConnection) -> Log:
        """The log as it is now, with what was committed since it was looked at last; and what is noted of the clock."""
        unread = sa.select(CHANGES.c.seq, CHANGES.c.body).where(CHANGES.c.seq > self._log.end)
        clock = sa.select(sa.literal(0), NOTES.c.value).where(NOTES.c.kind == CLOCK)
        found = (await db.execute(sa.union_all(unread, clock).order_by(CHANGES.c.seq))).all()
        for seq, body in found:
            if seq == 0:
                self._set_back = _DECODE_SET_BACK(body)
            elif seq > self._log.end:  # another may have read on too
                self._log.extend([_DECODE_CHANGE(body)])
        return self._log

    async def _remember(self, db: AsyncConnection, status: SourceStatus) -> None:
        found = await db.execute(sa.select(SOURCES.c.body).where(SOURCES.c.source == status.source))
        old = found.scalar_one_or_none()
        body = _json(status)
        remembered = insert(SOURCES).values(source=status.source, body=body)
        await db.execute(remembered.on_conflict_do_update(index_elements=["source"], set_={"body": body}))
        if status.tried_at is None:
            return
        await db.execute(sa.delete(RECEIPTS).where(RECEIPTS.c.at < status.tried_at - RECEIPTS_KEPT))
        tried_at = _DECODE_MEMORY(old).tried_at if old is not None else None
        if tried_at is not None and tried_at - status.tried_at > SET_BACK:
            await self._reckon_from(db, status.tried_at)

    async def _reckon_from(self, db: AsyncConnection, at: datetime) -> None:
        """The clock was set back to `at`: nothing waits for a time that is far off only because it was ahead."""
        value = _json(SetBack((await _numbers(db)).last_seq, at))
        noted = insert(NOTES).values(kind=CLOCK, key="set back", value=value)
        await db.execute(noted.on_conflict_do_update(index_elements=["kind", "key"], set_={"value": value}))
        log, proofs = await self._read_on(db), ReceiptIndex()
        proofs.keep(await _receipts(db, sa.true()) if any(log.retractions(0)) else ())
        async for some in _in_slices(db):
            roll = SubscriptionIndex(log, proofs)
            for subscription in some:
                roll.place(subscription)
            roll.reckon_from(at)
            await _put(db, [roll[old.id] for old in some if roll[old.id] != old], (*MOMENTS, "body"))

    async def _change(
        self, subscription_id: str, how: Callable[[Subscription], Subscription], receipt: Receipt | None = None
    ) -> Subscription:
        """Change one as it stands; the database is waited for, for a message may be out already."""
        return await _insist(lambda: self._change_once(subscription_id, how, receipt))

    async def _change_once(
        self, subscription_id: str, how: Callable[[Subscription], Subscription], receipt: Receipt | None
    ) -> Subscription:
        async with self._transaction() as db:
            subscription = how(await _locked(db, subscription_id))
            await self._leases.check(db, subscription_id)
            if receipt is not None:
                await db.execute(sa.insert(RECEIPTS).values(_receipt_row(receipt)))
            return await self._place(db, subscription)

    async def _place(self, db: AsyncConnection, subscription: Subscription) -> Subscription:
        """Put it in place of the one with its id, which is locked, so that no change is recorded unseen meanwhile."""
        placed = await self._with_due_at(db, subscription)
        row = _row(placed)
        await db.execute(sa.update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.number == row["number"]).values(row))
        return placed

    async def _with_due_at(self, db: AsyncConnection, subscription: Subscription) -> Subscription:
        log, proofs = await self._read_on(db), ReceiptIndex()
        if any(log.retractions(subscription.cursor)):
            proofs.keep(await _receipts(db, RECEIPTS.c.subscription == subscription.id))
        roll = SubscriptionIndex(log, proofs)
        roll.set_back = self._set_back
        roll.place(subscription)
        return roll[subscription.id]


async def _insist(do: Callable[[], Awaitable[T]]) -> T:
    """Do it, and wait for a database that is restarted; to do it twice does no harm."""
    until = time.monotonic() + WAIT_FOR_DATABASE
    while True:
        try:
            return await do()
        except StoreUnavailable:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.5)


@asynccontextmanager
async def _saying(connecting: AbstractAsyncContextManager[AsyncConnection]) -> AsyncIterator[AsyncConnection]:
    """The connection; what fails on it is said in one sentence."""
    try:
        async with connecting as connection:
            yield connection
    except (SQLAlchemyError, psycopg.Error, OSError) as fault:
        raise (StoreUnavailable if _is_away(fault) else StoreError)(sentence(fault)) from fault
    except msgspec.MsgspecError as fault:
        raise StoreError(
            f"The database was written by a version that this one does not understand ({fault})."
        ) from fault


class _Gone(StoreError):
    """There is no such subscription (any more)."""


_POOL: dict[str, Any] = {"pool_size": CONNECTIONS, "max_overflow": 0, "pool_timeout": 60}


def _ask_the_idle(engine: sa.Engine) -> None:
    """See to it that a connection which was not used for a while is asked first; asking each time costs a fifth."""

    def put_back(_: Any, record: Any) -> None:
        record.info["since"] = time.monotonic()

    def taken(connection: Any, record: Any, _: Any) -> None:
        if time.monotonic() - record.info.get("since", math.inf) > IDLE:
            try:
                engine.dialect.do_ping(connection)
            except psycopg.Error as fault:
                raise DisconnectionError from fault  # the pool makes another one

    sa.event.listen(engine, "checkin", put_back)
    sa.event.listen(engine, "checkout", taken)


async def _check_schema(db: AsyncConnection) -> None:
    table = (await db.execute(sa.select(sa.func.to_regclass("alembic_version")))).scalar_one()
    steps = (await db.execute(sa.text("SELECT version_num FROM alembic_version"))).scalars().all() if table else []
    found = max(steps, default="")
    if not found:
        raise StoreError("The database holds no tables of Countersign yet; run `countersign migrate`.")
    if found < SCHEMA:
        raise StoreError(f"The tables of the database are of an older version ({found}); run `countersign migrate`.")
    if found > SCHEMA:
        raise StoreError(
            f"The tables of the database are of a newer version ({found}); install that Countersign again."
        )


async def _numbers(db: AsyncConnection) -> Any:
    """The row from which numbers are given, locked to the end of the transaction."""
    return (await db.execute(sa.select(LEDGER.c.last_seq, LEDGER.c.next_number).with_for_update())).one()


async def _found(db: AsyncConnection, subscription_id: str, *, lock: bool = False) -> Subscription | None:
    number = _number(subscription_id)
    if number is None:
        return None
    asked = sa.select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.number == number)
    row = (await db.execute(asked.with_for_update() if lock else asked)).one_or_none()
    return _subscription(row) if row is not None else None


async def _locked(db: AsyncConnection, subscription_id: str) -> Subscription:
    found = await _found(db, subscription_id, lock=True)
    if found is None:
        raise _Gone(f"There is no subscription {subscription_id}.")
    return found


async def _receipts(db: AsyncConnection, which: sa.ColumnElement[bool]) -> tuple[Receipt, ...]:
    asked = sa.select(RECEIPTS.c.body).where(which).order_by(RECEIPTS.c.number)
    return tuple(map(_DECODE_RECEIPT, (await db.execute(asked)).scalars()))


async def _remove(db: AsyncConnection, subscription_id: str) -> None:
    await db.execute(sa.delete(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.number == _number(subscription_id)))
    await db.execute(sa.delete(LEASES).where(LEASES.c.name == subscription_id))


async def _keep(db: AsyncConnection, documents: Sequence[Document]) -> None:
    for document in documents:
        if not document.unchanged:
            check(document)
            row = {"sha256": document.sha256, "label": label(document).decode(), "packed": packed(document)}
            await db.execute(insert(EVIDENCE).values(row).on_conflict_do_nothing())


async def _insert(db: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await db.execute(sa.insert(table), rows)


def _in_order(held: Sequence[Held]) -> tuple[Held, ...]:
    return tuple(sorted(held, key=lambda one: (one.since, one.id)))


async def _wake(db: AsyncConnection, changes: Sequence[Change]) -> None:
    """Set `due_at` of those who are owed one of these new changes and had nothing due before it.

    All who watch one of the states are locked first, whatever is due to them: one that is being advanced may have
    nothing due a moment later.
    """
    states = {ALL_STATES}.union(*(change.states for change in changes))
    s = SUBSCRIPTIONS.c
    proofs = ReceiptIndex()
    wrong = [change.retracts for change in changes if change.retracts is not None]
    if wrong:
        proofs.keep(await _receipts(db, RECEIPTS.c.changes.overlap(wrong)))
    told = {subscription for seq in wrong for subscription in proofs.told(seq)}  # whatever they watch by now
    concerned = sa.or_(s.states.overlap(sorted(states)), s.number.in_([_number(one) for one in told]))
    tail = Log(before=changes[0].seq - 1)
    tail.extend(changes)
    async for some in _in_slices(db, concerned):
        roll, woken = SubscriptionIndex(tail, proofs), []
        for subscription in some:
            if subscription.due_at is not None and not (subscription.id in told or subscription.hears_always):
                continue  # else something may be due before what is due already
            roll.place(subscription)
            placed, before = roll[subscription.id], subscription.due_at
            if placed.due_at is not None and (before is None or placed.due_at < before):
                woken.append(placed)
        await _put(db, woken, MOMENTS)


async def _in_slices(
    db: AsyncConnection, which: sa.ColumnElement[bool] | None = None, *, lock: bool = True
) -> AsyncIterator[list[Subscription]]:
    """Those subscriptions, or all, so many at a time that others have their turn in between."""
    number = SUBSCRIPTIONS.c.number
    asked = sa.select(SUBSCRIPTIONS).where(sa.true() if which is None else which).order_by(number).limit(SLICE)
    asked = asked.with_for_update() if lock else asked
    last = 0
    while rows := (await db.execute(asked.where(number > last))).all():
        yield [_subscription(row) for row in rows]
        last = rows[-1].number


_TYPES = {"number": "bigint", "due_at": "timestamptz", "wakes_at": "timestamptz", "body": "text"}
MOMENTS = ("due_at", "wakes_at")


async def _put(db: AsyncConnection, subscriptions: Sequence[Subscription], columns: Sequence[str]) -> None:
    """Put these columns of theirs in place of what stands there."""
    if not subscriptions:
        return
    rows = [_row(subscription) for subscription in subscriptions]
    named = ("number", *columns)
    values = ", ".join(f"{name} = new.{name}" for name in columns)
    arrays = ", ".join(f"CAST(:{name} AS {_TYPES[name]}[])" for name in named)
    of = f"unnest({arrays}) AS new ({', '.join(named)}) WHERE s.number = new.number"
    put = sa.text(f"UPDATE subscriptions AS s SET {values} FROM {of}")  # noqa: S608 - names of our own
    await db.execute(put, {name: [row[name] for row in rows] for name in named})


def _number(subscription_id: str) -> int | None:
    digits = subscription_id.removeprefix("s")
    return int(digits) if digits.isdecimal() else None


def _row(subscription: Subscription) -> dict[str, Any]:
    return {
        "number": _number(subscription.id),
        "channel": subscription.channel,
        "address": subscription.address,
        "states": sorted(subscription.filter.index_states),
        "due_at": subscription.due_at,
        "wakes_at": subscription.wakes_at,
        "body": _json(subscription),
    }


def _subscription(row: Any) -> Subscription:
    due_at = row.due_at.astimezone(UTC) if row.due_at is not None else None
    subscription = _DECODE_SUBSCRIPTION(row.body)
    return subscription if subscription.due_at == due_at else replace(subscription, due_at=due_at)


def _receipt_row(receipt: Receipt) -> dict[str, Any]:
    return {
        "subscription": receipt.subscription,
        "channel": receipt.channel,
        "address": receipt.address,
        "at": receipt.at,
        "changes": list(receipt.changes),
        "body": _json(receipt),
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


# ── what is known, as JSON: a mapping is a list of pairs, for its keys are not words ────────────────────────────────


def _pairs_of(known: Known) -> dict[str, Any]:
    return {field.name: _pairs(getattr(known, field.name)) for field in fields(Known)}


def _pairs(value: Any) -> Any:
    return [(key, _pairs(inner)) for key, inner in value.items()] if isinstance(value, Mapping) else value


def _known(body: str) -> Known:
    hints = get_type_hints(Known)
    return Known(**{name: _unpaired(pairs, hints[name]) for name, pairs in msgspec.json.decode(body).items()})


def _unpaired(value: Any, kind: Any) -> Any:
    if get_origin(kind) is not Mapping:
        return msgspec.convert(value, kind)
    of_key, of_value = get_args(kind)
    return {msgspec.convert(key, of_key): _unpaired(inner, of_value) for key, inner in value}


def _follows(before: Known, changes: Sequence[Change], known: Known) -> bool:
    """Whether that is known after these changes, but for rows, publications and what is absent."""
    return replace(before.after(changes), rows=known.rows, seen=known.seen, absent=known.absent) == known


def _is_away(fault: Exception) -> bool:
    """Whether it is the connection that failed, or the server that is starting or stopping, and not what was asked."""
    said = fault.orig if isinstance(fault, DBAPIError) else fault
    return isinstance(said, psycopg.OperationalError | psycopg.InterfaceError | OSError | PoolTimeout)


def sentence(fault: Exception) -> str:
    """What PostgreSQL said, on one line; it never says the password."""
    said = fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault
    first = (str(said).strip() or type(said).__name__).splitlines()[0]
    return f"The database failed: {first}"
