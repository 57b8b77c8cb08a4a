"""The steps that turn one stored version of a subscription into the next."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.subscription import Subscription
from bot.errors import StoreError


def in_zone(subscription: Subscription) -> Subscription:
    """Return the subscription if its time zone exists; raise StoreError if not. Later steps rely on this check."""
    try:
        ZoneInfo(subscription.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise StoreError(f"“{subscription.tz}” isn't a time zone. Use a name such as America/Chicago.") from error
    return subscription


def started(subscription: Subscription, number: int, end: int) -> Subscription:
    """Return a new subscription, which isn't owed any change already in the log."""
    return replace(subscription, id=f"s{number}", filter=subscription.filter.since(end), cursor=end, due_at=None)


def changed(old: Subscription, subscription: Subscription, end: int) -> Subscription:
    """Return the subscription that replaces the old one; new entries in its filter start at the end of the log.

    An Undo restores the old filter, and the subscription is owed every change that filter would have matched.
    """
    if subscription.before is None and old.before is not None and subscription.filter == old.before.filter:
        return subscription
    return replace(subscription, filter=subscription.filter.since(end, old.filter))


def pinned(subscription: Subscription, upto: int, at: datetime) -> Subscription:
    """Pin the digest so that it ends at change `upto`; if it is already pinned there, keep its progress."""
    if subscription.pinned == upto:
        return subscription
    return replace(subscription, pinned=upto, pinned_at=at, sent=0)


def part_sent(subscription: Subscription, part: int) -> Subscription:
    """Record that the digest has been delivered through a part, counting from 1."""
    return replace(subscription, sent=max(subscription.sent, part))


def advanced(subscription: Subscription, cursor: int, sent_at: datetime | None = None) -> Subscription:
    """Finish the digest; `sent_at` is when it was sent, or None if nothing was sent."""
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
    )


def failed(stored: Subscription, verdict: Subscription) -> Subscription:
    """Take the outcome of the delivery from `verdict`; keep all other fields, which the owner may have changed."""
    return replace(
        stored,
        address=verdict.address,
        retry_at=verdict.retry_at,
        failures=verdict.failures,
        failing_since=verdict.failing_since,
        paused=stored.paused or verdict.paused,
        refused=verdict.refused and stored.paused is None,
    )


def deferred(subscription: Subscription, until: datetime) -> Subscription:
    """Postpone the next attempt."""
    return replace(subscription, retry_at=until)
