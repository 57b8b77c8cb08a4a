"""The rules for merging two subscriptions that turn out to be for the same chat."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from bot.domain.change import Change
from bot.domain.subscription import STOPPED, Filter, Receipt, Subscription
from bot.store.rules.change_log import Log

K = TypeVar("K")


def merged(kept: Subscription, other: Subscription, log: Log, receipts: Iterable[Receipt]) -> Subscription:
    """Merge two subscriptions into one that watches everything that either of them watched.

    `kept` is the subscription that the chat's commands act on, so its id and settings are kept. The chat gets exactly
    the changes that either subscription still owed it and neither has sent. If the chat had stopped `other`, nothing
    from `other` is used. If `kept` was paused, but not by a person, and `other` isn't paused, the pause ends, because
    the next send will show whether the chat can be reached.
    """
    version = max(kept.version, other.version) + 1  # so that no older Undo button fits
    if other.paused == STOPPED != kept.paused:
        return replace(kept, version=version, before=None)
    cursor = min(kept.cursor, other.cursor)
    whole = _both(kept.filter, other.filter)
    after = log.select(after=cursor)
    whole = replace(whole, told=_not_owed(whole, after, (kept, other), _sent(receipts)))
    if kept.paused not in (None, STOPPED) and other.paused is None:
        kept = replace(kept.revived, quiet_until=kept.quiet_until)
    return replace(
        kept,
        filter=whole,
        cursor=cursor,
        pinned=cursor,  # a digest being sent now is for what was watched before, so it doesn't move the cursor
        pinned_at=None,
        sent=0,
        slot_served=max(
            filter(None, (kept.slot_served, other.slot_served)), key=lambda served: served.at, default=None
        ),
        last_sent_at=_later(kept.last_sent_at, other.last_sent_at),
        created_at=_earlier(kept.created_at, other.created_at),
        hears_stale=kept.hears_stale or other.hears_stale,
        hears_always=kept.hears_always or other.hears_always,
        hears_reminders=kept.hears_reminders or other.hears_reminders,
        version=version,
        before=None,
    )


def twins(subscriptions: Iterable[Subscription]) -> list[list[Subscription]]:
    """Return the subscriptions that share an address, oldest first, one list for each address."""
    by_address: defaultdict[tuple[str, str], list[Subscription]] = defaultdict(list)
    for subscription in subscriptions:
        by_address[subscription.channel, subscription.address].append(subscription)
    return [same for same in by_address.values() if len(same) > 1]


def readdressed(receipt: Receipt, kept: Subscription, gone: str | None, was: str) -> Receipt:
    """Update a receipt after a subscription moved here from the address `was` or was merged into this one."""
    if (receipt.channel, receipt.address) == (kept.channel, was):
        receipt = replace(receipt, address=kept.shown_address)
    return replace(receipt, subscription=kept.id) if receipt.subscription == gone else receipt


def _both(first: Filter, second: Filter) -> Filter:
    """Return a filter that matches everything that either filter matches.

    An entry that is in both filters starts at the earlier of its two places in the log. A filter without support types
    matches all of them.
    """
    every_type = any(not one.support_types and not one.is_empty for one in (first, second))
    return Filter(
        states=_earliest(first.states, second.states),
        kinds=_earliest(first.kinds, second.kinds),
        counties=_earliest(first.counties, second.counties),
        agencies=_earliest(first.agencies, second.agencies),
        agency_types=_earliest(first.agency_types, second.agency_types),
        support_types={} if every_type else _earliest(first.support_types, second.support_types),
    )


def _earliest(first: Mapping[K, int], second: Mapping[K, int]) -> dict[K, int]:
    return {key: min(one[key] for one in (first, second) if key in one) for key in (*first, *second)}


def _not_owed(
    whole: Filter, changes: Sequence[Change], both: Sequence[Subscription], sent: Mapping[str, set[int]]
) -> tuple[int, ...]:
    """Return the numbers of the changes that match the merged filter but must not be sent."""

    def is_owed(change: Change) -> bool:
        wanted_by = [s for s in both if s.filter.matches(change)]
        was_told = any(change.seq <= s.cursor for s in wanted_by) or any(change.seq in sent[s.id] for s in both)
        return bool(wanted_by) and not was_told

    return tuple(change.seq for change in changes if whole.matches(change) and not is_owed(change))


def _sent(receipts: Iterable[Receipt]) -> Mapping[str, set[int]]:
    sent: defaultdict[str, set[int]] = defaultdict(set)
    for receipt in receipts:
        if receipt.error is None:
            sent[receipt.subscription].update(receipt.changes)
    return sent


def _later(first: datetime | None, second: datetime | None) -> datetime | None:
    return max((moment for moment in (first, second) if moment is not None), default=None)


def _earlier(first: datetime | None, second: datetime | None) -> datetime | None:
    return min((moment for moment in (first, second) if moment is not None), default=None)
