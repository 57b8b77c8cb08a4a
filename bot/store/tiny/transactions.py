"""The transactions, each one line of the journal. Their tags and field names are stored and never change."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

import msgspec

from bot.domain.agreement import Key, ListName, Publication
from bot.domain.change import Known
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Receipt, Subscription
from bot.store import Record
from bot.store.rules.stored_names import from_stored, to_stored


class Recorded(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="recorded", rename={"status": "memory"}):
    """A reading was committed; its changes are those of the log up to `last_seq`.

    The known state follows from the changes, except for `seen`, `absent` and `numbers`: for each list, the row numbers
    of its agreements in the order they are known, 0 for none. `held` is None when it didn't change.
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
    """A source's status was replaced, except for the fields named in `same`, which are left out here.

    Most sources haven't changed when they are read, and their validators and facts may be long.
    """

    status: SourceStatus
    same: tuple[Literal["validators", "facts"], ...] = ()


class Batch(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="remembered together"):
    """The statuses of several sources were replaced, all in one line."""

    each: tuple[Remembered, ...]


class HeldReplaced(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="withheld"):
    """All held listings were replaced."""

    held: tuple[Held, ...]


class SubscriptionSaved(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="placed"):
    """A subscription was added or replaced, along with the receipt that belongs to the step, if any."""

    subscription: Subscription
    receipt: Receipt | None = None


class Removed(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="removed"):
    """A subscription ended; with `receipts`, the proof of what it was sent went too."""

    id: str
    receipts: bool = False


class Noted(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="noted"):
    """A note was written under a kind and a key, or erased (None)."""

    kind: str
    key: str
    value: str | None


Transaction = Recorded | Remembered | Batch | HeldReplaced | SubscriptionSaved | Removed | Noted


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction as a line of the journal."""

    n: int
    transaction: Transaction


_DECODE = msgspec.json.Decoder(Numbered).decode


def encoded(line: Numbered) -> bytes:
    """Return a line as it is stored, before it is sealed."""
    return to_stored(msgspec.json.encode(line))


def decoded(body: bytes) -> Numbered:
    """Read a stored line; MsgspecError when another version of the program means something else by it."""
    return _DECODE(from_stored(body))


def recorded(record: Record, known: Known, held: tuple[Held, ...], end: int) -> Recorded:
    """Return the transaction for a reading, after which `known` is known and the log ends at `end`."""
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
    """Return the transaction that replaces a source's status, without the long fields that stay the same."""
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
