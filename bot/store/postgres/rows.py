"""The table rows, the values stored in them and the statements that read and write them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.change import Change, Known
from bot.domain.document import Document
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Receipt, Subscription
from bot.errors import StoreCorrupt, StoreError
from bot.store.postgres.tables import EVIDENCE, LEASES, LEDGER, NOTES, RECEIPTS, SUBSCRIPTIONS
from bot.store.rules.due import SetBack, number_of
from bot.store.rules.mending import Unreadable, mended, unreadable_row, unreadable_zone
from bot.store.rules.merging import readdressed
from bot.store.rules.packed_document import check, label, packed, restored
from bot.store.rules.stored_names import from_stored, to_stored

SLICE = 1_000  # subscriptions read at once; other coroutines can run between slices
MOMENTS = ("due_at", "wakes_at")

decode_change = msgspec.json.Decoder(Change).decode
decode_status = msgspec.json.Decoder(SourceStatus).decode
decode_receipt = msgspec.json.Decoder(Receipt).decode
decode_set_back = msgspec.json.Decoder(SetBack).decode
_DECODE_HELD = msgspec.json.Decoder(tuple[Held, ...]).decode
_DECODE_SUBSCRIPTION = msgspec.json.Decoder(Subscription).decode
_TYPES = {"number": "bigint", "due_at": "timestamptz", "wakes_at": "timestamptz", "body": "text"}


class Missing(StoreError):
    """Raised if a subscription doesn't exist or has been deleted."""


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def as_json(value: object) -> str:
    """Return a value as JSON text, as stored in the `body` column."""
    return msgspec.json.encode(value).decode()


def decode_held(body: str) -> tuple[Held, ...]:
    """Decode the held listings and return them, oldest first."""
    return tuple(sorted(_DECODE_HELD(body), key=lambda held: (held.since, held.id)))


def known_json(known: Known) -> str:
    """Return the known state as JSON text.

    Mappings become lists of pairs, because their keys aren't strings.
    """
    return as_json({field.name: _pairs(getattr(known, field.name)) for field in fields(Known)})


def decode_known(body: str) -> Known:
    """Decode the known state."""
    hints = get_type_hints(Known)
    return Known(**{name: _unpaired(pairs, hints[name]) for name, pairs in msgspec.json.decode(body).items()})


def _pairs(value: Any) -> Any:
    return [(key, _pairs(inner)) for key, inner in value.items()] if isinstance(value, Mapping) else value


def _unpaired(value: Any, kind: Any) -> Any:
    if get_origin(kind) is not Mapping:
        return msgspec.convert(value, kind)
    of_key, of_value = get_args(kind)
    return {msgspec.convert(key, of_key): _unpaired(inner, of_value) for key, inner in value}


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def subscription_row(subscription: Subscription) -> dict[str, Any]:
    """Return the row for a subscription."""
    return {
        "number": number_of(subscription.id),
        "channel": subscription.channel,
        "address": subscription.address,
        "states": sorted(subscription.filter.index_states),
        "due_at": subscription.due_at,
        "wakes_at": subscription.wakes_at,
        "body": to_stored(msgspec.json.encode(subscription)).decode(),
    }


def subscription_of(row: Any) -> Subscription:
    """Return the subscription in a row.

    Its `due_at` is read from the column, which may be newer than the value in the body.
    """
    due_at = row.due_at.astimezone(UTC) if row.due_at is not None else None
    subscription = _DECODE_SUBSCRIPTION(from_stored(row.body.encode()))
    return subscription if subscription.due_at == due_at else replace(subscription, due_at=due_at)


def readable(rows: Iterable[Any]) -> list[Subscription]:
    """Return the subscriptions in the rows, skipping any that can't be read so that they don't stop the others."""
    found = []
    for row in rows:
        with suppress(msgspec.MsgspecError):
            found.append(subscription_of(row))
    return found


def unreadable_of(row: Any) -> Unreadable | None:
    """If the subscription in a row can't be read, return it as unreadable. Otherwise, return None."""
    try:
        return unreadable_zone(subscription_of(row))
    except msgspec.ValidationError:
        return unreadable_row(_body(row) | _columns(row))
    except msgspec.MsgspecError as fault:
        return unreadable_row(_columns(row), str(fault))


def mended_row(row: Any, *, cursor: int, tz: str) -> Subscription:
    """Return a row's subscription, mended. If the body can't be read, use the values in the columns."""
    try:
        body = _body(row)
    except msgspec.MsgspecError:
        body = {"filter": {"states": dict.fromkeys(row.states, cursor)}}
    return mended(body | _columns(row), cursor=cursor, tz=tz)


def _body(row: Any) -> dict[str, Any]:
    return msgspec.json.decode(from_stored(row.body.encode()), type=dict[str, Any])


def _columns(row: Any) -> dict[str, str]:
    return {"id": f"s{row.number}", "channel": row.channel, "address": row.address}


def receipt_row(receipt: Receipt) -> dict[str, Any]:
    """Return the row for a receipt."""
    return {
        "subscription": receipt.subscription,
        "channel": receipt.channel,
        "address": receipt.address,
        "at": receipt.at,
        "changes": list(receipt.changes),
        "body": as_json(receipt),
    }


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def locked_numbers(db: AsyncConnection) -> Any:
    """Return the ledger's counters, and lock its row until the end of the transaction."""
    return (await db.execute(sa.select(LEDGER.c.last_seq, LEDGER.c.next_number).with_for_update())).one()


async def find_subscription(db: AsyncConnection, subscription_id: str, *, lock: bool = False) -> Subscription | None:
    """Return the subscription with this id, or None."""
    if not subscription_id.removeprefix("s").isdecimal():
        return None
    asked = sa.select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.number == number_of(subscription_id))
    row = (await db.execute(asked.with_for_update() if lock else asked)).one_or_none()
    return next(iter(readable([row])), None) if row is not None else None


async def find_at(db: AsyncConnection, channel: str, address: str, *, lock: bool = False) -> Subscription | None:
    """Return the subscription for an address, or None. Raise StoreError if it can't be read."""
    s = SUBSCRIPTIONS.c
    asked = sa.select(SUBSCRIPTIONS).where(s.channel == channel, s.address == address)
    row = (await db.execute(asked.with_for_update() if lock else asked)).one_or_none()
    try:
        return subscription_of(row) if row is not None else None
    except msgspec.MsgspecError as fault:
        found = unreadable_of(row)
        raise StoreError(found.sentence if found is not None else str(fault)) from fault


async def locked_row(db: AsyncConnection, subscription_id: str) -> Any:
    """Return a subscription's row, even if it can't be read, and lock it until the end of the transaction.

    Raises Missing if there is none.
    """
    if subscription_id.removeprefix("s").isdecimal():
        of_id = sa.select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.number == number_of(subscription_id))
        if (row := (await db.execute(of_id.with_for_update())).one_or_none()) is not None:
            return row
    raise Missing(f"There is no subscription {subscription_id}.")


async def locked_subscription(db: AsyncConnection, subscription_id: str) -> Subscription:
    """Return the subscription with this id, and lock it until the end of the transaction.

    Raises Missing if there is none.
    """
    found = await find_subscription(db, subscription_id, lock=True)
    if found is None:
        raise Missing(f"There is no subscription {subscription_id}.")
    return found


async def subscriptions_in_slices(
    db: AsyncConnection, which: sa.ColumnElement[bool] | None = None, *, lock: bool = True
) -> AsyncIterator[list[Subscription]]:
    """Yield the matching subscriptions in slices. Without a condition, all subscriptions match."""
    number = SUBSCRIPTIONS.c.number
    asked = sa.select(SUBSCRIPTIONS).where(sa.true() if which is None else which).order_by(number).limit(SLICE)
    asked = asked.with_for_update() if lock else asked
    last = 0
    while rows := (await db.execute(asked.where(number > last))).all():
        yield readable(rows)
        last = rows[-1].number


async def put_subscriptions(db: AsyncConnection, subscriptions: Sequence[Subscription], columns: Sequence[str]) -> None:
    """Update these columns for many subscriptions at once."""
    if not subscriptions:
        return
    rows = [subscription_row(subscription) for subscription in subscriptions]
    named = ("number", *columns)
    values = ", ".join(f"{name} = new.{name}" for name in columns)
    arrays = ", ".join(f"CAST(:{name} AS {_TYPES[name]}[])" for name in named)
    of = f"unnest({arrays}) AS new ({', '.join(named)}) WHERE s.number = new.number"
    put = sa.text(f"UPDATE subscriptions AS s SET {values} FROM {of}")  # noqa: S608 - only our own column names
    await db.execute(put, {name: [row[name] for row in rows] for name in named})


async def remove_subscription(db: AsyncConnection, subscription_id: str) -> None:
    """Delete a subscription and its lease."""
    await db.execute(sa.delete(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.number == number_of(subscription_id)))
    await db.execute(sa.delete(LEASES).where(LEASES.c.name == subscription_id))


async def find_receipts(db: AsyncConnection, which: sa.ColumnElement[bool]) -> tuple[Receipt, ...]:
    """Return the matching receipts, oldest first."""
    asked = sa.select(RECEIPTS.c.body).where(which).order_by(RECEIPTS.c.number)
    return tuple(map(decode_receipt, (await db.execute(asked)).scalars()))


async def readdress_receipts(db: AsyncConnection, kept: Subscription, gone: str | None, was: str) -> None:
    """Rewrite the receipts after a subscription moved from the address `was` or after `gone` was merged into it."""
    r = RECEIPTS.c
    at_address = sa.and_(r.channel == kept.channel, r.address == was)
    asked = sa.select(r.number, r.body).where(sa.or_(r.subscription == gone, at_address))
    for number, body in (await db.execute(asked)).all():
        row = receipt_row(readdressed(decode_receipt(body), kept, gone, was))
        await db.execute(sa.update(RECEIPTS).where(r.number == number).values(row))


async def put_note(db: AsyncConnection, kind: str, key: str, value: str) -> None:
    """Write a note under a kind and a key, replacing any existing note."""
    noted = insert(NOTES).values(kind=kind, key=key, value=value)
    await db.execute(noted.on_conflict_do_update(index_elements=["kind", "key"], set_={"value": value}))


async def keep_documents(db: AsyncConnection, documents: Sequence[Document]) -> None:
    """Store each document that isn't stored yet."""
    for document in documents:
        if not document.unchanged:
            check(document)
            body = await asyncio.to_thread(packed, document)  # a large one takes a while
            row = {"sha256": document.sha256, "label": label(document).decode(), "packed": body}
            await db.execute(insert(EVIDENCE).values(row).on_conflict_do_nothing())


async def find_document(db: AsyncConnection, sha256: str) -> Document | None:
    """Return a document, or None if it isn't stored; raise StoreCorrupt if it is damaged."""
    row = (await db.execute(sa.select(EVIDENCE).where(EVIDENCE.c.sha256 == sha256))).one_or_none()
    if row is None:
        return None
    document = restored(row.sha256, row.packed, row.label)
    if document is None:
        raise StoreCorrupt(f"The document {sha256} in the database is damaged. Restore it from a backup.")
    return document


async def insert_rows(db: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows. Do nothing if there are none."""
    if rows:
        await db.execute(sa.insert(table), rows)
