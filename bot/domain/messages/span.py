"""The time and the changes that a scheduled digest covers, for its text and its picture alike."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.change import Change
from bot.domain.subscription import Cadence, Subscription
from bot.domain.time_zones import zone_or_utc

PERIOD = {Cadence.DAILY: timedelta(days=1), Cadence.WEEKLY: timedelta(days=7)}
MISSED_FOR = timedelta(days=30)  # a change that waited longer, through a pause or an outage, is only counted


class Span(NamedTuple):
    """The first and last moment (UTC) that a digest covers."""

    since: datetime
    until: datetime


def span_of(subscription: Subscription, covered: Iterable[Change]) -> Span:
    """Return the span of a digest that was started and covers these changes.

    It begins when the last digest was sent. The first digest covers the slot's day or week, but nothing before the
    subscription was made. Everything it is made of is stored, so a digest composed again has the same span.
    """
    until = subscription.pinned_at
    assert until is not None
    seen = [change.publication.observed_at for change in covered]
    since = subscription.last_sent_at
    if since is None:
        since = until - PERIOD.get(subscription.cadence, PERIOD[Cadence.DAILY])
        since = max(since, subscription.created_at) if subscription.created_at else since
    since = max(min([since, *seen]), until - MISSED_FOR)
    return Span(min(since, until), max([until, *seen]))


def covered_by(subscription: Subscription, window: Sequence[Change]) -> list[Change]:
    """Return the changes after the cursor and up to the pin that haven't waited too long."""
    assert subscription.pinned is not None
    found = [change for change in window if subscription.cursor < change.seq <= subscription.pinned]
    return [change for change in found if not waited_too_long(change, subscription.pinned_at)]


def waited_too_long(change: Change, at: datetime | None) -> bool:
    """Return whether a change is so much older than a digest that the digest only counts it."""
    return at is not None and change.recorded_at is not None and at - change.recorded_at > MISSED_FOR


def started_today(subscription: Subscription) -> bool:
    """Return whether a digest is sent on the day when its subscription was made, in the subscriber's time zone."""
    if subscription.created_at is None or subscription.pinned_at is None or subscription.cadence is Cadence.INSTANT:
        return False
    zone = zone_or_utc(subscription.tz)
    return subscription.created_at.astimezone(zone).date() == subscription.pinned_at.astimezone(zone).date()
