"""Who hears, about what, how often; what is owed to them and when it is due."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.agreement import Agreement, ListName, SupportType
from bot.domain.change import NEVER_TOLD, TOLD_BY_DEFAULT, Change, Kind
from bot.domain.geography.counties import plain_county
from bot.domain.language import Language

ALL_STATES = "*"
STOPPED = "stopped"  # why a subscription is paused that a person ended
MONDAY = 0


class Cadence(StrEnum):
    """How often a subscription is told."""

    INSTANT = "instant"
    DAILY = "daily"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a subscription hears of. Each entry holds the log's end when it was added: nothing older is owed by it.

    A change is news when its kind is among `kinds`, its support type among `support_types` (empty: all), and its place
    or agency among `states` (postal codes or ALL_STATES), `counties` (as TX/harris) or `agencies` (a part of the name,
    folded as names are compared). A mention on an agenda is news by its state, its county, and the names of the body
    and of the agencies that ICE lists there; it has no support type, and none excludes it.
    """

    states: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[Kind, int] = field(default_factory=lambda: dict.fromkeys(sorted(TOLD_BY_DEFAULT), 0))
    counties: Mapping[str, int] = field(default_factory=dict)
    agencies: Mapping[str, int] = field(default_factory=dict)
    support_types: Mapping[SupportType, int] = field(default_factory=dict)

    @property
    def index_states(self) -> frozenset[str]:
        """The states under which to look for those that a change could concern."""
        of_counties = {county.partition("/")[0] for county in self.counties}
        return frozenset(self.states) | of_counties | ({ALL_STATES} if self.agencies else set())

    @property
    def is_empty(self) -> bool:
        """Whether it watches nothing at all."""
        return not (self.states or self.counties or self.agencies)

    def since(self, end: int, old: "Filter | None" = None) -> "Filter":
        """The same with each entry dated: as in `old` where it was there, else at the log's end."""

        def dated(name: str) -> dict[Any, int]:
            before = getattr(old, name) if old is not None else {}
            return {entry: before.get(entry, end) for entry in getattr(self, name)}

        return Filter(**{f.name: dated(f.name) for f in fields(self)})

    def kind_for(self, change: Change) -> Kind | None:
        """As what kind this change is news under this filter; None when it is none.

        Who watched the state (county, agency, support type) that a correction takes an agreement from hears it put
        right; who watches only what it moves to hears it as signed.
        """
        if change.retracted is not None:  # whoever was told of a change is told that it was wrong
            told = replace(change, kind=change.retracted, retracted=None)
            return Kind.RETRACTED if self.kind_for(told) is not None else None
        if change.kind in NEVER_TOLD:
            return None
        if change.mention is not None:
            return change.kind if self._watches_place(change) and self._has_kind(change.kind, change.seq) else None
        now, seq = self._watches(change.agreement, change.seq), change.seq
        before = self._watches(change.was, seq) if change.was is not None else now
        if before == now and len(change.states) == 1:
            return change.kind if now and self._has_kind(change.kind, seq) else None
        signed = Kind.SIGNED if change.list is ListName.PARTICIPATING else Kind.APPLIED
        heard = [kind for kind in (signed, change.kind) if self._has_kind(kind, seq)]
        if not heard or not (before or now):
            return None
        return change.kind if before else heard[0]

    def matches(self, change: Change) -> bool:
        """Whether this change is news under this filter."""
        return self.kind_for(change) is not None

    def _has_kind(self, kind: Kind, seq: int) -> bool:
        return kind in self.kinds and seq > self.kinds[kind]

    def _watches(self, agreement: Agreement, seq: int) -> bool:
        if self.support_types and not seq > self.support_types.get(agreement.support_type, seq):
            return False
        return self._watches_any((agreement,), seq)

    def _watches_place(self, change: Change) -> bool:
        listed = (change.mention.listed if change.mention else None) or ()
        return self._watches_any((change.agreement, *listed), change.seq)

    def _watches_any(self, concerned: Sequence[Agreement], seq: int) -> bool:
        """Whether the place of the first of these is watched, or the name of any."""
        agreement = concerned[0]
        places = [self.states.get(agreement.state), self.states.get(ALL_STATES)]
        if self.counties:
            places.append(self.counties.get(county_entry(agreement.state, agreement.county)))
        places += [since for part, since in self.agencies.items() if any(part in each.canonical for each in concerned)]
        return any(since is not None and seq > since for since in places)


def county_entry(state: str, county: str) -> str:
    """A county as a filter holds it: TX/harris."""
    return f"{state}/{plain_county(county)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One address on one channel.

    `cursor` is the last change that it has been told of or that it is not owed. `due_at` (UTC) is when the next digest
    is due, None when nothing is owed: an index that follows from log, cursor, filter and cadence. `retry_at` (UTC)
    holds it back after a failure, `quiet_until` (UTC) while it is paused for a time. `pinned` is the last change that
    the digest on its way covers and `sent` how many of its parts have been delivered. `at` is local time in `tz`;
    weekly is Monday. `last_sent_at` (UTC) is when the last digest was done: no second one comes on its local date.
    `paused` is the reason, if any, and `refused` whether that is a token that is refused to all. `hears_stale` is
    whether it is told when ICE cannot be read, `hears_always` whether a digest comes even when nothing changed.
    `version` counts the changes of its settings and `before` holds what they were, for Undo; None before the first.
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
    refused: bool = False
    pinned: int | None = None
    pinned_at: datetime | None = None
    sent: int = 0
    last_sent_at: datetime | None = None
    created_at: datetime | None = None
    quiet_until: datetime | None = None
    hears_stale: bool = False
    hears_always: bool = False
    version: int = 0
    before: "Settings | None" = None

    @property
    def wakes_at(self) -> datetime | None:
        """When `deliver` should take it (UTC); None while it is paused or owed nothing."""
        if self.paused is not None or self.due_at is None:
            return None
        return max(moment for moment in (self.due_at, self.retry_at, self.quiet_until) if moment is not None)

    def is_due(self, now: datetime) -> bool:
        """Whether `deliver` should take it now."""
        return self.wakes_at is not None and self.wakes_at <= now

    @property
    def settings(self) -> "Settings":
        """What a person chose, apart from how far it has been told."""
        return Settings(
            filter=self.filter,
            cadence=self.cadence,
            at=self.at,
            tz=self.tz,
            language=self.language,
            paused=self.paused,
            quiet_until=self.quiet_until,
            hears_stale=self.hears_stale,
            hears_always=self.hears_always,
        )

    def with_settings(self, settings: "Settings") -> "Subscription":
        """The same with these settings, remembering the present ones for Undo."""
        return replace(
            self,
            filter=settings.filter,
            cadence=settings.cadence,
            at=settings.at,
            tz=settings.tz,
            language=settings.language,
            paused=settings.paused,
            refused=self.refused and settings.paused == self.paused,
            quiet_until=settings.quiet_until,
            hears_stale=settings.hears_stale,
            hears_always=settings.hears_always,
            version=self.version + 1,
            before=self.settings,
        )

    @property
    def revived(self) -> "Subscription":
        """The same with nothing in its way any more."""
        return replace(
            self, paused=None, refused=False, quiet_until=None, retry_at=None, failures=0, failing_since=None
        )

    @property
    def bot(self) -> tuple[str, str]:
        """Whose token it is told with: the channel, and the workspace where there are several (as in TEAM/CHANNEL)."""
        return (self.channel, self.address.rpartition("/")[0])

    @property
    def shown_address(self) -> str:
        """The address as it may be shown: of one that is a URL, which holds a password, no more than its kind."""
        kind, sign, _ = self.address.partition("://")
        return f"{kind}://***" if sign else self.address

    def log_context(self) -> dict[str, object]:
        """What a log line says of it; an address is a chat's id, never a token."""
        return {"subscription": self.id, "channel": self.channel}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person chose for a subscription."""

    filter: Filter
    cadence: Cadence = Cadence.INSTANT
    at: time = time(9, 0)
    tz: str = "UTC"
    language: Language = Language.ENGLISH
    paused: str | None = None
    quiet_until: datetime | None = None
    hears_stale: bool = False
    hears_always: bool = False


def owed(subscription: Subscription, changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes after the cursor that match the filter, in the order of the log."""
    return tuple(c for c in changes if c.seq > subscription.cursor and subscription.filter.matches(c))


def due_at(subscription: Subscription, recorded_at: datetime) -> datetime:
    """When a change that was recorded then is due (UTC): at once, or at the next local hour of the cadence."""
    if subscription.cadence is Cadence.INSTANT:
        return recorded_at
    zone = ZoneInfo(subscription.tz)
    day = recorded_at.astimezone(zone).date()
    told_on = subscription.last_sent_at.astimezone(zone).date() if subscription.last_sent_at else date.min
    while True:
        moment = _local_moment(day, subscription.at, zone)
        fits = subscription.cadence is Cadence.DAILY or day.weekday() == MONDAY
        if moment > recorded_at and day > told_on and fits:
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
