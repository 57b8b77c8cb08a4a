"""Subscriptions, with their filters and cadence, the changes they are owed and the times when digests are due."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.agreement import Agreement, ListName, SupportType
from bot.domain.change import NEVER_TOLD, TOLD_BY_DEFAULT, Change, Kind
from bot.domain.geography.agency_types import AgencyType, agency_types
from bot.domain.geography.counties import County
from bot.domain.geography.fold import county_key, county_of, find_county
from bot.domain.language import Language
from bot.domain.time_zones import is_zone, zone_or_utc

ALL_STATES = "*"
CHAT, OPERATOR = "chat", "operator"  # who paused a subscription
STOPPED = "stopped"  # the reason a subscription is paused after /stop
MONDAY = 0
DAYS_OF_WEEK = 7
DAY = timedelta(days=1)


class Cadence(StrEnum):
    """How often a subscription gets a digest."""

    INSTANT = "instant"
    DAILY = "daily"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The changes that a subscription asks for.

    Each entry is mapped to the end of the log at the time when the entry was added. Older changes don't match the
    entry.

    A change matches if its kind is in `kinds`, its support type is in `support_types` (or that is empty), and its place
    or agency is in `states`, `counties`, `agencies` or `agency_types`. `states` contains postal codes or ALL_STATES,
    `counties` contains entries such as TX/harris, `agencies` contains parts of canonical names, and `agency_types`
    contains a type and a place, such as sheriff@TX, state@* or police@TX/harris. A mention is matched by its
    state, its county and the names of the public body and of the local agencies on ICE's list. `support_types` doesn't
    apply to mentions. A mention of a related subject matches only if `kinds` also contains `related`.

    `told` contains changes that never match. Before two subscriptions were merged, these changes were already sent or
    weren't owed.
    """

    states: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[Kind, int] = field(default_factory=lambda: dict.fromkeys(sorted(TOLD_BY_DEFAULT), 0))
    counties: Mapping[str, int] = field(default_factory=dict)
    agencies: Mapping[str, int] = field(default_factory=dict)
    support_types: Mapping[SupportType, int] = field(default_factory=dict)
    told: tuple[int, ...] = ()
    agency_types: Mapping[str, int] = field(default_factory=dict)

    @property
    def index_states(self) -> frozenset[str]:
        """The states under which this filter must be listed in an index of subscriptions."""
        of_counties = {county.partition("/")[0] for county in self.counties}
        of_counties |= {typed_place(entry)[1].partition("/")[0] for entry in self.agency_types}
        return frozenset(self.states) | of_counties | ({ALL_STATES} if self.agencies else set())

    @property
    def is_empty(self) -> bool:
        """True if the filter has no states, counties, agencies or types of agency."""
        return not (self.states or self.counties or self.agencies or self.agency_types)

    def since(self, end: int, old: "Filter | None" = None) -> "Filter":
        """Return this filter with each entry's starting position in the log.

        Entries that are also in `old` keep their position. New entries start at `end`. If `old` had no support types,
        it matched every type, so none of the types is new.
        """

        def dated(name: str) -> dict[Any, int]:
            before = getattr(old, name) if old is not None else {}
            first = 0 if name == "support_types" and old is not None and not before else end
            return {entry: before.get(entry, first) for entry in getattr(self, name)}

        entries = {f.name: dated(f.name) for f in fields(self) if f.name != "told"}
        return Filter(**entries, told=old.told if old is not None else ())

    def kind_for(self, change: Change) -> Kind | None:
        """Return the kind to report this change as, or None if the filter doesn't match the change.

        A correction can move an agreement to another state, county, agency or support type. A filter that matches the
        agreement before the correction reports it as a correction. A filter that matches the agreement only afterward
        reports it as signed.
        """
        if change.retracted is not None:  # goes to everyone who got the wrong change
            wrong = replace(change, kind=change.retracted, retracted=None)
            return Kind.RETRACTED if self.kind_for(wrong) is not None else None
        if change.kind in NEVER_TOLD or change.seq in self.told:
            return None
        if change.mention is not None:
            kinds = {change.kind, Kind.RELATED} if change.is_related else {change.kind}
            is_wanted = all(self._has_kind(kind, change.seq) for kind in kinds)
            return change.kind if is_wanted and self._watches_place(change) else None
        now, seq = self._watches(change.agreement, change.seq), change.seq
        before = self._watches(change.was, seq) if change.was is not None else now
        if before == now and len(change.states) == 1:
            return change.kind if now and self._has_kind(change.kind, seq) else None
        signed = Kind.SIGNED if change.list is ListName.PARTICIPATING else Kind.APPLIED
        wanted = [kind for kind in (signed, change.kind) if self._has_kind(kind, seq)]
        if not wanted or not (before or now):
            return None
        return change.kind if before else wanted[0]

    @property
    def is_of_states(self) -> bool:
        """True if the filter selects agreements by state alone."""
        return not (self.support_types or self.counties or self.agencies or self.agency_types)

    @property
    def is_whole_list(self) -> bool:
        """True if the filter selects every agreement on ICE's lists."""
        return ALL_STATES in self.states and not self.support_types

    def has(self, agreement: Agreement) -> bool:
        """Return whether the filter selects this agreement, no matter when the entries were added."""
        return self._watches(agreement, sys.maxsize)

    def matches(self, change: Change) -> bool:
        """Return whether the filter matches this change."""
        return self.kind_for(change) is not None

    def has_meeting(self, change: Change) -> bool:
        """Return whether the filter selects a mention's place, no matter when the entries were added."""
        kinds = {Kind.MENTIONED, Kind.RELATED} if change.is_related else {Kind.MENTIONED}
        listed = (change.mention.listed if change.mention else None) or ()
        return kinds <= self.kinds.keys() and self._watches_any((change.agreement, *listed), sys.maxsize)

    def hears_agendas_of(self, body: Agreement) -> bool:
        """Return whether the filter selects mentions by a local body, no matter when the entries were added."""
        return Kind.MENTIONED in self.kinds and self._watches_any((body,), sys.maxsize)

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
        """Return whether the filter matches the first agreement's place or any agreement's agency."""
        agreement = concerned[0]
        places = [self.states.get(agreement.state), self.states.get(ALL_STATES)]
        if self.counties:
            here = county_of(agreement.state, agreement.county, agreement.agency)
            places += [since for entry, since in self.counties.items() if here and county_in(entry) == here]
        places += [since for part, since in self.agencies.items() if any(part in each.canonical for each in concerned)]
        places += [since for entry, since in self.agency_types.items() if any(_is_typed(entry, a) for a in concerned)]
        return any(since is not None and seq > since for since in places)


def county_entry(state: str, county: str) -> str:
    """Return the filter entry for a county, such as TX/harris."""
    return f"{state}/{county_key(state, county)}"


def type_entry(agency_type: AgencyType, place: str) -> str:
    """Return the filter entry for a type of agency in a place: a postal code, ALL_STATES or a county's entry."""
    return f"{agency_type.value}@{place}"


def typed_place(entry: str) -> tuple[str, str]:
    """Return the type of agency and the place of a filter entry such as sheriff@TX."""
    agency_type, _, place = entry.partition("@")
    return agency_type, place


def _is_typed(entry: str, agreement: Agreement) -> bool:
    agency_type, place = typed_place(entry)
    if place not in {agreement.state, ALL_STATES} and "/" not in place:
        return False
    if agency_type not in agency_types(agreement.state, agreement.agency_type, agreement.agency):
        return False
    if "/" not in place:
        return True
    here = county_of(agreement.state, agreement.county, agreement.agency)
    return here is not None and county_in(place) == here


def county_in(entry: str) -> County | None:
    """Return the county for a filter entry, or None if the county is unknown.

    An old entry may use a different name for the county, such as NY/brooklyn.
    """
    state, _, county = entry.partition("/")
    return find_county(state, county)


def is_in(address: str, chat: str) -> bool:
    """Return True if an address is this chat or one of its topics. A topic is written after a colon."""
    return address == chat or address.startswith(f"{chat}:")


@dataclass(frozen=True, slots=True)
class Slot:
    """A scheduled time for a daily or weekly digest.

    `day` is the date in the subscription's time zone, and `at` is the exact time (UTC).
    """

    day: date
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription for one address on one channel. Times are UTC except `at`, which is local time in `tz`.

    `cursor` is the last change that was sent or isn't owed. `due_at` is when the next digest is due, or None if nothing
    is owed. It is derived from the log, the cursor, the filter and the cadence. `retry_at` delays the digest after a
    failure, and `quiet_until` delays it during a timed pause. `pinned` is the last change in the digest that is being
    sent, and `sent` is the number of parts delivered so far. `weekday` is the day of a weekly digest, from 0 for Monday
    to 6 for Sunday. An older program doesn't store it and sends on Mondays. `last_sent_at` is when the last digest was
    finished, and `slot_served` is the slot that it served. No other digest is sent for that day, even if the first one
    was sent late. An older program doesn't store `slot_served`. In that case, no other digest is
    sent on the date of the last one. `refusal` is the platform's answer if it refused the last message. `paused` is the
    reason for a pause, and `refused` is True if the pause ends by itself once the token works again. `hears_stale` asks
    for a notice when ICE's list can't be read, and `hears_always` asks for a digest even if nothing changed.
    `hears_reminders` asks for a reminder on the evening before a meeting with 287(g) on its agenda.
    `with_statewide` says whether a ZIP code or a town also adds its state's statewide agencies. It is None until the
    chat was asked. `version` is the number of changes to the settings. `before` contains the previous settings for
    Undo, or None if the settings never changed. `paused_at` and `paused_by` say when a person paused it, and who: CHAT
    or OPERATOR. An older program doesn't store them.
    """

    id: str
    channel: str
    address: str
    filter: Filter
    cadence: Cadence = Cadence.INSTANT
    at: time = time(9, 0)
    tz: str = "UTC"
    weekday: int = MONDAY
    language: Language = Language.ENGLISH
    cursor: int = 0
    due_at: datetime | None = None
    retry_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    refusal: str | None = None
    paused: str | None = None
    refused: bool = False
    pinned: int | None = None
    pinned_at: datetime | None = None
    sent: int = 0
    last_sent_at: datetime | None = None
    slot_served: Slot | None = None
    created_at: datetime | None = None
    quiet_until: datetime | None = None
    hears_stale: bool = False
    hears_always: bool = False
    hears_reminders: bool = False
    with_statewide: bool | None = None
    version: int = 0
    before: "Settings | None" = None
    paused_at: datetime | None = None
    paused_by: str | None = None

    @property
    def wakes_at(self) -> datetime | None:
        """The earliest time (UTC) for the next delivery.

        It is None if the subscription is paused or unreadable, or if nothing is owed.
        """
        if self.paused is not None or self.due_at is None or self.unreadable is not None:
            return None
        return max(moment for moment in (self.due_at, self.retry_at, self.quiet_until) if moment is not None)

    def is_due(self, now: datetime) -> bool:
        """Return whether `deliver` should process the subscription now."""
        return self.wakes_at is not None and self.wakes_at <= now

    @property
    def settings(self) -> "Settings":
        """The subscription's settings, which people can change."""
        return Settings(
            filter=self.filter,
            cadence=self.cadence,
            at=self.at,
            tz=self.tz,
            weekday=self.weekday,
            language=self.language,
            paused=self.paused,
            quiet_until=self.quiet_until,
            hears_stale=self.hears_stale,
            hears_always=self.hears_always,
            hears_reminders=self.hears_reminders,
            with_statewide=self.with_statewide,
        )

    def with_settings(self, settings: "Settings") -> "Subscription":
        """Return the subscription with these settings, and keep the current settings for Undo."""
        return replace(
            self,
            filter=settings.filter,
            cadence=settings.cadence,
            at=settings.at,
            tz=settings.tz,
            weekday=settings.weekday,
            language=settings.language,
            paused=settings.paused,
            refused=self.refused and settings.paused == self.paused,
            quiet_until=settings.quiet_until,
            hears_stale=settings.hears_stale,
            hears_always=settings.hears_always,
            hears_reminders=settings.hears_reminders,
            with_statewide=settings.with_statewide,
            version=self.version + 1,
            before=self.settings,
        )

    @property
    def revived(self) -> "Subscription":
        """A copy of the subscription without its pause, delays or failures."""
        return replace(
            self,
            paused=None,
            refused=False,
            refusal=None,
            quiet_until=None,
            retry_at=None,
            failures=0,
            failing_since=None,
            paused_at=None,
            paused_by=None,
        )

    def pausing(self, old: "Subscription | None", by: str, at: datetime) -> "Subscription":
        """Return the subscription with a note of who paused it and when, if its pause isn't the one in `old`."""
        before = (old.paused, old.quiet_until) if old is not None else (None, None)
        if (self.paused, self.quiet_until) == before:
            return self
        is_paused = self.paused is not None or (self.quiet_until is not None and self.quiet_until > at)
        return replace(self, paused_at=at if is_paused else None, paused_by=by if is_paused else None)

    @property
    def bot(self) -> tuple[str, str]:
        """The channel and team of the bot that sends the messages.

        The team is the first part of an address such as TEAM/CHANNEL. It is empty for other addresses. A
        subscription with a web address stands for itself, because each one has its own password or secret.
        """
        return (self.channel, self.id if self.has_web_address else self.address.rpartition("/")[0])

    @property
    def has_web_address(self) -> bool:
        """True if the address is a URL, which may contain a password."""
        return "://" in self.address

    @property
    def unreadable(self) -> str | None:
        """The reason why messages can't be sent on time, or None if they can.

        The only such reason is a time zone that not every host knows.
        """
        return None if is_zone(self.tz) else f"“{self.tz}” isn't a time zone that every host knows"

    @property
    def shown_address(self) -> str:
        """The address in a form that is safe to display.

        Only the scheme of a URL is shown, because the URL may contain a password.
        """
        kind, sign, _ = self.address.partition("://")
        return f"{kind}://***" if sign else self.address

    def log_context(self) -> dict[str, object]:
        """Return the fields for a log line. The address is left out because it may contain a password."""
        return {"subscription": self.id, "channel": self.channel}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The parts of a subscription that people can change."""

    filter: Filter
    cadence: Cadence = Cadence.INSTANT
    at: time = time(9, 0)
    tz: str = "UTC"
    weekday: int = MONDAY
    language: Language = Language.ENGLISH
    paused: str | None = None
    quiet_until: datetime | None = None
    hears_stale: bool = False
    hears_always: bool = False
    hears_reminders: bool = False
    with_statewide: bool | None = None


def owed(subscription: Subscription, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes after the cursor that match the filter, in log order."""
    return tuple(c for c in changes if c.seq > subscription.cursor and subscription.filter.matches(c))


def due_at(subscription: Subscription, recorded_at: datetime) -> datetime:
    """Return the time (UTC) when a recorded change is due.

    For instant alerts, it is due immediately. Otherwise, it is due in the next slot that hasn't been served.
    """
    if subscription.cadence is Cadence.INSTANT:
        return recorded_at
    zone = zone_or_utc(subscription.tz)
    last = _last_day_served(subscription, zone)
    day = recorded_at.astimezone(zone).date() - DAY  # a slot skipped in the spring can be after midnight
    while True:
        moment = _local_moment(day, subscription.at, zone)
        if moment > recorded_at and day > last and _is_slot(subscription, day):
            return moment
        day += DAY


def slot_at(subscription: Subscription, moment: datetime) -> Slot:
    """Return the latest slot at or before `moment` (UTC).

    A digest started at that moment serves this slot and all earlier ones. An instant alert serves only the slots of
    earlier days, so that it doesn't use up today's digest if the person switches to daily digests.
    """
    zone = zone_or_utc(subscription.tz)
    day = moment.astimezone(zone).date()
    if subscription.cadence is Cadence.INSTANT:
        day -= DAY
    while not _is_slot(subscription, day) or _local_moment(day, subscription.at, zone) > moment:
        day -= DAY
    return Slot(day, _local_moment(day, subscription.at, zone))


def is_overtaken(subscription: Subscription, now: datetime) -> bool:
    """Return whether the next slot has come before any part of the pinned digest was sent.

    One digest then serves both slots.
    """
    if subscription.cadence is Cadence.INSTANT or subscription.pinned_at is None or subscription.sent:
        return False
    return slot_at(subscription, subscription.pinned_at) != slot_at(subscription, now)


def _last_day_served(subscription: Subscription, zone: ZoneInfo) -> date:
    """Return the last day that doesn't need another digest.

    After a change of time zone, the slot may fall on a different date. The earlier date counts, so that no day is
    skipped.
    """
    served = subscription.slot_served
    if served is not None:
        return min(served.day, served.at.astimezone(zone).date())
    return subscription.last_sent_at.astimezone(zone).date() if subscription.last_sent_at else date.min


def _is_slot(subscription: Subscription, day: date) -> bool:
    return subscription.cadence is not Cadence.WEEKLY or day.weekday() == subscription.weekday % DAYS_OF_WEEK


def _local_moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Convert a local time to UTC.

    If the time occurs twice in the fall, use the first. If it is skipped in the spring, use the time one hour later.
    """
    return datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A record of sending part of a digest, or of the error if sending failed. `at` is UTC.

    `changes` contains the numbers of the changes.
    """

    subscription: str
    channel: str
    address: str
    at: datetime
    changes: tuple[int, ...]
    part: int = 1
    parts: int = 1
    message_id: str | None = None
    error: str | None = None
