"""Who hears, about what, how often; what is owed to them and when it is due."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.domain.agreement import ListName
from bot.domain.change import NEVER_TOLD, TOLD_BY_DEFAULT, Change, Kind

ALL_STATES = "*"
MONDAY = 0


class Language(StrEnum):
    """The language in which a subscription is told."""

    ENGLISH = "en"
    SPANISH = "es"


class Cadence(StrEnum):
    """How often a subscription is told."""

    INSTANT = "instant"
    DAILY = "daily"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a subscription hears of. Each entry holds the log's end when it was added: nothing older is owed by it."""

    states: Mapping[str, int]
    kinds: Mapping[Kind, int] = field(default_factory=lambda: dict.fromkeys(sorted(TOLD_BY_DEFAULT), 0))

    def hears_as(self, change: Change) -> Kind | None:
        """As what kind this change is news under this filter; None when it is none.

        Who watched the state that a correction takes an agreement from hears it put right; who watches only the state
        that it moves to hears it as signed.
        """
        if change.kind in NEVER_TOLD:
            return None
        if change.was is not None and change.was.state != change.agreement.state:
            return self._hears_moved(change, change.was.state)
        heard = self._has_kind(change.kind, change.seq) and self._watches(change.agreement.state, change.seq)
        return change.kind if heard else None

    def matches(self, change: Change) -> bool:
        """Whether this change is news under this filter."""
        return self.hears_as(change) is not None

    def _hears_moved(self, change: Change, old_state: str) -> Kind | None:
        signed = Kind.SIGNED if change.list is ListName.PARTICIPATING else Kind.APPLIED
        if not self._has_kind(signed, change.seq) and not self._has_kind(change.kind, change.seq):
            return None
        if self._watches(old_state, change.seq):
            return change.kind
        return signed if self._watches(change.agreement.state, change.seq) else None

    def _has_kind(self, kind: Kind, seq: int) -> bool:
        return kind in self.kinds and seq > self.kinds[kind]

    def _watches(self, state: str, seq: int) -> bool:
        return any(seq > self.states[entry] for entry in (state, ALL_STATES) if entry in self.states)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One address on one channel.

    `cursor` is the last change that it has been told of or that it is not owed. `due_at` (UTC) is when the next digest
    is due, None when nothing is owed: an index that follows from log, cursor, filter and cadence. `retry_at` (UTC)
    holds it back after a failure. `pinned` is the last change that the digest on its way covers and `sent` how many
    of its parts have been delivered. `at` is local time in `tz`; weekly is Monday. `paused` is the reason, if any.
    """

    id: str
    channel: str
    address: str
    filter: Filter
    cadence: Cadence = Cadence.INSTANT
    at: time = time(9, 0)
    tz: str = "UTC"
    language: Language = Language.ENGLISH
    cursor: int = 0
    due_at: datetime | None = None
    retry_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    paused: str | None = None
    pinned: int | None = None
    pinned_at: datetime | None = None
    sent: int = 0
    created_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether `deliver` should take it now."""
        if self.paused is not None or self.due_at is None:
            return False
        return self.due_at <= now and (self.retry_at is None or self.retry_at <= now)

    def log_context(self) -> dict[str, object]:
        """What a log line says of it; an address is a chat's id, never a token."""
        return {"subscription": self.id, "channel": self.channel}


def owed(subscription: Subscription, changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes after the cursor that match the filter, in the order of the log."""
    return tuple(c for c in changes if c.seq > subscription.cursor and subscription.filter.matches(c))


def due_at(subscription: Subscription, recorded_at: datetime) -> datetime:
    """When a change that was recorded then is due (UTC): at once, or at the next local hour of the cadence."""
    if subscription.cadence is Cadence.INSTANT:
        return recorded_at
    zone = ZoneInfo(subscription.tz)
    day = recorded_at.astimezone(zone).date()
    while True:
        moment = _local_moment(day, subscription.at, zone)
        if moment > recorded_at and (subscription.cadence is Cadence.DAILY or day.weekday() == MONDAY):
            return moment
        day += timedelta(days=1)


def _local_moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """That local time as one UTC moment: the first of two in autumn, an hour later where spring skips it."""
    return datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof that a part was sent, or why it was not. `at` is UTC; `changes` are the numbers that it names."""

    subscription: str
    channel: str
    address: str
    at: datetime
    changes: tuple[int, ...]
    part: int = 1
    parts: int = 1
    message_id: str | None = None
    error: str | None = None
