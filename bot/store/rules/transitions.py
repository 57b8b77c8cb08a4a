"""Functions that compute a subscription's next stored version from the current one."""

from dataclasses import replace
from datetime import datetime

from bot.domain.subscription import Receipt, Slot, Subscription
from bot.domain.time_zones import is_zone
from bot.errors import StoreError


def check_zone(name: str) -> None:
    """Raise StoreError if this isn't a time zone that every host knows."""
    if not is_zone(name):
        raise StoreError(f"“{name}” isn't a time zone. Use a name such as America/Chicago.")


def started(subscription: Subscription, number: int, end: int) -> Subscription:
    """Return a new subscription that starts at the end of the log, so it isn't owed any earlier change."""
    check_zone(subscription.tz)
    return replace(subscription, id=f"s{number}", filter=subscription.filter.since(end), cursor=end, due_at=None)


def resubscribed(stored: Subscription, again: Subscription, end: int) -> Subscription:
    """Return the stored subscription with its settings replaced by those of another one for the same address."""
    return changed(stored, stored.with_settings(again.settings), end)


def changed(old: Subscription, subscription: Subscription, end: int) -> Subscription:
    """Return the changed subscription. New entries in its filter start at the end of the log.

    An Undo restores the old filter with its starting points, so the subscription is still owed everything that the old
    filter matches.
    """
    if subscription.tz != old.tz:
        check_zone(subscription.tz)
    if subscription.before is None and old.before is not None and subscription.filter == old.before.filter:
        return subscription
    return replace(subscription, filter=subscription.filter.since(end, old.filter))


def pinned(subscription: Subscription, upto: int, at: datetime) -> Subscription:
    """Pin the digest to end with change `upto`. If it is already pinned there, keep its progress."""
    if subscription.pinned == upto and subscription.pinned_at is not None:
        return subscription
    return replace(subscription, pinned=upto, pinned_at=at, sent=0)


def part_sent(subscription: Subscription, receipt: Receipt) -> Subscription:
    """Record that the digest's parts up to and including this one have been sent.

    If another subscription was merged into this one while the digest was being sent, the next digest omits the changes
    that were reported in this part.
    """
    if subscription.pinned is not None and subscription.pinned_at is None:
        later = [seq for seq in receipt.changes if seq > subscription.cursor]
        told = tuple(sorted({*subscription.filter.told, *later}))
        return replace(subscription, filter=replace(subscription.filter, told=told))
    return replace(subscription, sent=max(subscription.sent, receipt.part))


def advanced(
    subscription: Subscription, cursor: int, sent_at: datetime | None = None, slot: Slot | None = None
) -> Subscription:
    """Finish the digest. `sent_at` is the time when the digest was sent, or None if nothing was sent.

    `slot` is the slot that the digest served. If another subscription was merged into this one while the digest was
    being sent, the cursor doesn't move, because the digest didn't include the changes owed to the other subscription.
    """
    last_sent_at = sent_at or subscription.last_sent_at
    slots = filter(None, (slot, subscription.slot_served))
    slot_served = max(slots, key=lambda served: served.at, default=None)
    if subscription.pinned is not None and subscription.pinned_at is None:
        return replace(subscription, last_sent_at=last_sent_at)
    cursor = max(subscription.cursor, cursor)
    told = tuple(seq for seq in subscription.filter.told if seq > cursor)
    return replace(
        subscription,
        filter=replace(subscription.filter, told=told) if told != subscription.filter.told else subscription.filter,
        last_sent_at=last_sent_at,
        slot_served=slot_served,
        cursor=cursor,
        pinned=None,
        pinned_at=None,
        sent=0,
        refused=False,
        retry_at=None,
        failures=0,
        failing_since=None,
        refusal=None,
    )


def failed(stored: Subscription, verdict: Subscription) -> Subscription:
    """Copy the outcome of a failed send from `verdict`.

    All other fields are kept as stored, because the owner may have changed them in the meantime. A new address requires
    a separate transaction, because the chat may already have a subscription at that address.
    """
    return replace(
        stored,
        retry_at=verdict.retry_at,
        failures=verdict.failures,
        failing_since=verdict.failing_since,
        refusal=verdict.refusal,
        paused=stored.paused or verdict.paused,
        refused=verdict.refused and stored.paused is None,
    )


def deferred(subscription: Subscription, until: datetime) -> Subscription:
    """Postpone the next attempt until this time."""
    return replace(subscription, retry_at=until)
