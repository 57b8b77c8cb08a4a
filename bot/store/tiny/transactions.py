"""The transactions, each of which is one line in the journal.

Their tags and field names are stored, so they must never change.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

import msgspec

from bot.domain.agreement import Key, ListName, Publication
from bot.domain.change import Known
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Receipt, Subscription
from bot.store import Record
from bot.store.rules.stored_names import from_stored, to_stored


class Recorded(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="recorded", rename={"status": "memory"}):
    """A reading was committed. Its changes are the next ones in the log, up to and including `last_seq`.

    The known state follows from the changes, except for `seen`, `absent` and `numbers`. For each list, `numbers`
    contains the row numbers of its agreements, in the same order as in the known state. An agreement without a row
    number has 0. `held` is None if the held listings didn't change.
    """

    last_seq: int
    recorded_at: datetime
    status: SourceStatus
    seen: Mapping[ListName, Publication]
    absent: tuple[tuple[Key, datetime], ...]
    numbers: Mapping[ListName, tuple[int, ...]] = msgspec.field(default_factory=dict)
    held: tuple[Held, ...] | None = None


class Remembered(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="remembered", rename={"status": "memory"}
):
    """A source's status was replaced.

    The fields named in `same` are unchanged and therefore omitted. Most readings find a source unchanged, and its
    validators and facts can be long.
    """

    status: SourceStatus
    same: tuple[Literal["validators", "facts"], ...] = ()


class Batch(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="remembered together"):
    """The statuses of several sources were replaced together."""

    each: tuple[Remembered, ...]


class HeldReplaced(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="withheld"):
    """All held listings were replaced."""

    held: tuple[Held, ...]


class SubscriptionSaved(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="placed"):
    """A subscription was added or replaced, and a receipt was added if `receipt` isn't None."""

    subscription: Subscription
    receipt: Receipt | None = None


class SubscriptionMoved(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="moved"):
    """A subscription moved here from the address `was`.

    If `gone` is set, the subscription with that id was merged into this one.
    """

    subscription: Subscription
    was: str
    gone: str | None = None


class SetAside(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="set aside"):
    """A subscription was saved in a form that can't be read.

    The program never writes this transaction. It only stands for a damaged one found in the journal.
    """

    row: dict[str, Any]


class Removed(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="removed"):
    """A subscription was removed. If `receipts` is true, its receipts were also removed."""

    id: str
    receipts: bool = False


class Noted(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="noted"):
    """A note was written under a kind and a key, or deleted if `value` is None."""

    kind: str
    key: str
    value: str | None


Transaction = (
    Recorded | Remembered | Batch | HeldReplaced | SubscriptionSaved | SubscriptionMoved | SetAside | Removed | Noted
)


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction and its number, stored as one line in the journal."""

    n: int
    transaction: Transaction


class _Saved(msgspec.Struct, frozen=True):
    did: str
    subscription: dict[str, Any] = msgspec.field(default_factory=dict)


class _NumberedSaved(msgspec.Struct, frozen=True):
    n: int
    transaction: _Saved


_ID = re.compile(r"s[1-9][0-9]*")
_DECODE_SAVED = msgspec.json.Decoder(_NumberedSaved).decode
_DECODE = msgspec.json.Decoder(Numbered).decode


def encoded(line: Numbered) -> bytes:
    """Encode a transaction in its stored form, without the checksum."""
    return to_stored(msgspec.json.encode(line))


def decoded(body: bytes) -> Numbered:
    """Decode a stored transaction; raise MsgspecError if it was written in another version's format.

    If the only unreadable part is a subscription, the rest of the journal is still used.
    """
    body = from_stored(body)
    try:
        return _DECODE(body)
    except msgspec.ValidationError:
        raw = _DECODE_SAVED(body)
        if raw.transaction.did != "placed" or not _ID.fullmatch(str(raw.transaction.subscription.get("id"))):
            raise
        return Numbered(n=raw.n, transaction=SetAside(row=raw.transaction.subscription))


def recorded(record: Record, known: Known, held: tuple[Held, ...], end: int) -> Recorded:
    """Return the transaction that records a reading.

    `known` is the known state after the reading, and `end` is the number of its last change.
    """
    return Recorded(
        last_seq=end,
        recorded_at=record.recorded_at,
        status=record.status,
        seen=known.seen,
        absent=tuple(known.absent.items()),
        numbers={name: _row_numbers(known, name) for name in ListName},
        held=None if record.held == held else record.held,
    )


def remembered(old: SourceStatus | None, status: SourceStatus) -> Remembered:
    """Return the transaction that replaces a source's status. Validators and facts are omitted if unchanged."""
    same: list[Literal["validators", "facts"]] = []
    if old is not None and status.validators == old.validators:
        same.append("validators")
        status = replace(status, validators={})
    if old is not None and status.facts == old.facts:
        same.append("facts")
        status = replace(status, facts={})
    return Remembered(status=status, same=tuple(same))


def _row_numbers(known: Known, name: ListName) -> tuple[int, ...]:
    rows = known.rows[name]
    return tuple(rows.get(key, 0) for key in known.agreements[name])
