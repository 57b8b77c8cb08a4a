"""What becomes of a subscription: each step from one stored value to the next."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.subscription import Subscription
from bot.errors import StoreError


def in_zone(subscription: Subscription) -> Subscription:
    """Return the subscription once its time zone is known to exist, so that nobody checks again."""
    try:
        ZoneInfo(subscription.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise StoreError(f"“{subscription.tz}” isn't a time zone. Use a name such as America/Chicago.") from error
    return subscription


def started(subscription: Subscription, number: int, end: int) -> Subscription:
    """Return a new subscription, which is owed nothing the log already holds."""
    return replace(subscription, id=f"s{number}", filter=subscription.filter.since(end), cursor=end, due_at=None)


def changed(old: Subscription, subscription: Subscription, end: int) -> Subscription:
    """Return the subscription that replaces the old one; new entries of its filter start at the log's end.

    An Undo, which leaves nothing to undo, restores the old filter and owes what that filter would have.
    """
    if subscription.before is None and old.before is not None and subscription.filter == old.before.filter:
        return subscription
    return replace(subscription, filter=subscription.filter.since(end, old.filter))


def pinned(subscription: Subscription, upto: int, at: datetime) -> Subscription:
    """Pin the digest to the log up to a change; a digest already on its way stays as it is."""
    if subscription.pinned == upto:
        return subscription
    return replace(subscription, pinned=upto, pinned_at=at, sent=0)


def part_sent(subscription: Subscription, part: int) -> Subscription:
    """Note that the digest is delivered up to a part, counted from 1."""
    return replace(subscription, sent=max(subscription.sent, part))


def advanced(subscription: Subscription, cursor: int, sent_at: datetime | None = None) -> Subscription:
    """Finish the digest; `sent_at` is when, if anything was sent."""
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
    """Take the delivery's outcome from the verdict, and all else as stored: its owner may have changed it meanwhile."""
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
    """Put off the next attempt."""
    return replace(subscription, retry_at=until)
