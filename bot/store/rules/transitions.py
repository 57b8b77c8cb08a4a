"""Functions that compute a subscription's next stored version from the current one."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.subscription import Subscription
from bot.errors import StoreError


def in_zone(subscription: Subscription) -> Subscription:
    """Return the subscription unchanged; raise StoreError if its time zone doesn't exist."""
    try:
        ZoneInfo(subscription.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise StoreError(f"“{subscription.tz}” isn't a time zone. Use a name such as America/Chicago.") from error
    return subscription


def started(subscription: Subscription, number: int, end: int) -> Subscription:
    """Return a new subscription that starts at the end of the log, so it isn't owed any earlier change."""
    return replace(subscription, id=f"s{number}", filter=subscription.filter.since(end), cursor=end, due_at=None)


def changed(old: Subscription, subscription: Subscription, end: int) -> Subscription:
    """Return the changed subscription. New entries in its filter start at the end of the log.

    An Undo restores the old filter with its starting points, so the subscription is still owed everything that the old
    filter matches.
    """
    if subscription.before is None and old.before is not None and subscription.filter == old.before.filter:
        return subscription
    return replace(subscription, filter=subscription.filter.since(end, old.filter))


def pinned(subscription: Subscription, upto: int, at: datetime) -> Subscription:
    """Pin the digest to end with change `upto`. If it is already pinned there, keep its progress."""
    if subscription.pinned == upto:
        return subscription
    return replace(subscription, pinned=upto, pinned_at=at, sent=0)


def part_sent(subscription: Subscription, part: int) -> Subscription:
    """Record that the digest's parts up to this one have been sent. Parts are counted from 1."""
    return replace(subscription, sent=max(subscription.sent, part))


def advanced(subscription: Subscription, cursor: int, sent_at: datetime | None = None) -> Subscription:
    """Finish the digest. `sent_at` is the time when the digest was sent, or None if nothing was sent."""
    return replace(
        subscription,
        last_sent_at=sent_at or subscription.last_sent_at,
        cursor=max(subscription.cursor, cursor),
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

    All other fields are kept as stored, because the owner may have changed them in the meantime.
    """
    return replace(
        stored,
        address=verdict.address,
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
