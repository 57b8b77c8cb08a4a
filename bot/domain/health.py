"""The health of the program, based on the contents of the store."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import Any

from bot.domain.letters import counted
from bot.domain.outage import bare_problem, explained, is_refused, last_reached
from bot.domain.source_status import ICE, SourceStatus
from bot.domain.subscription import STOPPED, Subscription
from bot.domain.timestamps import stamp, stamp_of

LATE = timedelta(minutes=5)  # a subscription that has been due for longer is late
IDLE = timedelta(minutes=20)  # if ICE's list has been due for longer, no worker is running
MUTE = timedelta(minutes=15)  # a channel on which every send has failed for longer is down
AT_ONCE = timedelta(minutes=10)  # many chats refused within this time are the platform's trouble
PERSONS_ACT = timedelta(days=1)  # a chat paused by its first refusal counts no longer
STARTING = timedelta(minutes=10)  # for the first good reading of ICE's list
FEWEST = 3  # chats; one or two can refuse together by chance
SHARE = 20  # on a busy channel, one chat in twenty


class Standing(StrEnum):
    """The status of a subscription."""

    ACTIVE = "active"
    FAILING = "failing"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Subscription counts for one channel.

    `late` is the number of subscriptions that have been overdue for longer than LATE. `oldest_due` is the earliest due
    time in UTC. `mute_since` is the UTC time when every message began to fail, or None if the channel works.
    `refused_at_once` is the number of chats that the platform refused within minutes, if there are many. `unserved` is
    the number of subscriptions that get nothing because the channel isn't set up.
    """

    standings: Mapping[Standing, int]
    due: int
    late: int
    oldest_due: datetime | None
    mute_since: datetime | None
    refused_at_once: int = 0
    unserved: int = 0

    def reasons(self, channel: str, now: datetime) -> Iterable[str]:
        """Yield the reasons why this channel is unhealthy, in words."""
        if self.mute_since is not None:
            failing = counted(self.standings[Standing.FAILING], "subscription")
            yield f"{channel}: every message has failed for {span(now - self.mute_since)} ({failing} in back-off)"
        if self.refused_at_once:
            yield (
                f"{channel}: the platform refused {counted(self.refused_at_once, 'chat')} within minutes, so it may be "
                "the platform's trouble; `countersign deliveries --failed` shows its answers"
            )
        if self.unserved:
            verb = "gets" if self.unserved == 1 else "get"
            yield (
                f"{channel}: {counted(self.unserved, 'subscription')} {verb} nothing, because the channel isn't set "
                "up; set its token again, or end them with `countersign unsubscribe`"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Health statistics at the time `now` (UTC). The numbers are safe to publish.

    `ice` is the status of ICE's lists, or None if this program doesn't read them. `local` contains the status of every
    other source that has been read. `held` is the number of held listings. `log_end` is the number of changes in the
    log. `started_at` is when this process started, or None if it isn't a running program.
    """

    now: datetime
    ice: SourceStatus | None
    local: tuple[SourceStatus, ...]
    held: int
    log_end: int
    crowds: Mapping[str, Crowd]
    stale_after: timedelta
    unreadable: tuple[str, ...] = ()
    unwritable: str | None = None
    reached_at: datetime | None = None
    started_at: datetime | None = None

    @property
    def is_starting(self) -> bool:
        """True if ICE's list has never been read and there is still time for it."""
        since = self._unread_since
        return since is not None and self.now - since < STARTING

    @property
    def _unread_since(self) -> datetime | None:
        """The time since when the first good reading is awaited. A restart doesn't begin it again."""
        if self.ice is None or self.ice.read_at is not None or self.started_at is None:
            return None
        return min(filter(None, (self.started_at, self.ice.problem_since)))

    @property
    def status(self) -> str:
        """The state of health: unwell, starting or ok."""
        return "unwell" if self.reasons else "starting" if self.is_starting else "ok"

    @property
    def is_stale(self) -> bool:
        """True if the last successful reading of ICE's list is too old."""
        return self.ice is not None and is_stale(self.ice, self.now, self.stale_after)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons the program is unhealthy, in words. The tuple is empty if the program is healthy."""
        full = () if self.unwritable is None else (f"the last write failed: {self.unwritable}",)
        return (*full, *self._of_ice(), *self._of_channels(), *self.unreadable)

    def _of_ice(self) -> Iterable[str]:
        if self.ice is None or self.is_starting:
            return
        unread_since = self._unread_since
        if self.is_stale:
            since = self.ice.read_at or self.ice.problem_since
            assert since is not None
            yield f"ICE's list is stale: no successful reading for {span(self.now - since)}"
        elif unread_since is not None:
            yield f"ICE's list hasn't been read yet, after {span(self.now - unread_since)}"
        explanation = explained(self.ice, self.reached_at)
        if explanation is not None and (self.is_stale or unread_since is not None or is_refused(self.ice)):
            yield explanation
        if self.ice.due_at is not None and self.now - self.ice.due_at > IDLE:
            waited = span(self.now - self.ice.due_at)
            yield f"ICE's list has been due for {waited} and no one is reading it; start `countersign run` or a worker"

    def _of_channels(self) -> Iterable[str]:
        for channel, crowd in self.crowds.items():
            yield from crowd.reasons(channel, self.now)

    def as_json(self) -> dict[str, Any]:
        """Return the response to a health check."""
        return {
            "status": self.status,
            "reasons": list(self.reasons),
            "now": stamp(self.now),
            "ice": self._ice_json(),
            "local_sources": local_counts(self.local),
            "held": self.held,
            "changes": self.log_end,
            "subscriptions": {channel: _crowd_json(crowd) for channel, crowd in self.crowds.items()},
        }

    def _ice_json(self) -> dict[str, Any] | None:
        ice = self.ice
        if ice is None:
            return None
        return {
            "last_read": stamp_of(ice.read_at),
            "last_change": stamp_of(ice.changed_at),
            "next_read": stamp_of(ice.due_at),
            "stale": self.is_stale,
            "problem": ice.problem,
            "failures": ice.failures,
            "trouble": ice.trouble.value if ice.trouble else None,
            "heard": {way.value: stamp(at) for way, at in ice.heard.items()},
        }


def facts(
    *,
    now: datetime,
    statuses: Sequence[SourceStatus],
    held: int,
    log_end: int,
    subscriptions: Sequence[Subscription],
    stale_after: timedelta,
    reads_ice: bool = True,
    unreadable: Sequence[str] = (),
    unwritable: str | None = None,
    channels: Container[str] | None = None,
    started_at: datetime | None = None,
) -> Facts:
    """Compute the health statistics from the contents of the store.

    `channels` are the channels that are set up, or None if this isn't known.
    """
    known = {status.source: status for status in statuses}
    return Facts(
        now=now,
        ice=known.get(ICE, SourceStatus(source=ICE)) if reads_ice else None,
        local=tuple(status for status in statuses if status.source != ICE),
        held=held,
        log_end=log_end,
        crowds=crowds(subscriptions, now, channels),
        stale_after=stale_after,
        unreadable=tuple(unreadable),
        unwritable=unwritable,
        started_at=started_at,
        reached_at=last_reached(statuses, (subscription.last_sent_at for subscription in subscriptions)),
    )


def local_counts(local: Iterable[SourceStatus]) -> dict[str, int]:
    """Count how many local sources are healthy, how many are failing and how many are parked."""
    counts = {"well": 0, "failing": 0, "parked": 0}
    for status in local:
        counts["parked" if status.parked_at else "failing" if status.failures else "well"] += 1
    return counts


def crowds(
    subscriptions: Iterable[Subscription], now: datetime, channels: Container[str] | None = None
) -> dict[str, Crowd]:
    """Count the subscriptions of each channel. `channels` are the channels that are set up, or None if unknown."""
    by_channel: dict[str, list[Subscription]] = {}
    for subscription in subscriptions:
        by_channel.setdefault(subscription.channel, []).append(subscription)
    return {
        channel: _crowd(by_channel[channel], now, is_served=channels is None or channel in channels)
        for channel in sorted(by_channel)
    }


def _crowd(together: Sequence[Subscription], now: datetime, *, is_served: bool) -> Crowd:
    standings = dict.fromkeys(Standing, 0)
    for subscription in together:
        standings[standing(subscription)] += 1
    due = [wakes for s in together if (wakes := s.wakes_at) is not None and wakes <= now]
    return Crowd(
        standings=standings,
        due=len(due),
        late=sum(now - wakes > LATE for wakes in due),
        oldest_due=min(due, default=None),
        mute_since=_mute_since(together, now),
        refused_at_once=len(refused_at_once(together, now)),
        unserved=0 if is_served else len(together) - standings[Standing.PAUSED],
    )


def standing(subscription: Subscription) -> Standing:
    """Return the status of a subscription.

    A subscription with a rejected token is failing, not paused, because it resumes automatically.
    """
    if subscription.refused or (subscription.paused is None and subscription.failing_since is not None):
        return Standing.FAILING
    return Standing.ACTIVE if subscription.paused is None else Standing.PAUSED


def _mute_since(together: Sequence[Subscription], now: datetime) -> datetime | None:
    """Return the time when every message on a channel began to fail, or None if the channel works.

    The channel is considered down only if at least two subscriptions are failing. If all other subscriptions are
    paused, a single failing subscription is enough.
    """
    failing = [s.failing_since for s in together if standing(s) is Standing.FAILING and s.failing_since is not None]
    trying = sum(standing(s) is not Standing.PAUSED for s in together)
    if len(failing) < min(2, trying) or not failing:
        return None
    since = min(failing)
    sent = any(s.last_sent_at is not None and s.last_sent_at >= since for s in together)
    return None if sent or now - since < MUTE else since


def refused_at_once(together: Sequence[Subscription], now: datetime) -> Sequence[Subscription]:
    """Return the subscriptions on one channel that the platform began to refuse within ten minutes, if there are many.

    An isolated refusal usually has its own cause. A subscription paused after a single refusal counts for only a day,
    because a person may have removed the bot. A subscription paused after two days of refusals counts until someone
    resumes it.
    """
    refused = [(s.failing_since, s) for s in together if s.refusal and s.failing_since and s.paused != STOPPED]
    starts = [(since, s) for since, s in refused if s.paused is None or s.failures > 1 or now - since < PERSONS_ACT]
    starts.sort(key=itemgetter(0))
    most: Sequence[Subscription] = ()
    first = 0
    for last, (since, _) in enumerate(starts):
        while since - starts[first][0] > AT_ONCE:
            first += 1
        if last + 1 - first > len(most):
            most = [s for _, s in starts[first : last + 1]]
    return most if len(most) >= max(FEWEST, len(together) / SHARE) else ()


def _crowd_json(crowd: Crowd) -> dict[str, int]:
    counts = {standing.value: number for standing, number in crowd.standings.items()}
    more = {"refused_at_once": crowd.refused_at_once, "unserved": crowd.unserved}
    return counts | {"due": crowd.due, "late": crowd.late} | more


def in_bytes(number: float) -> str:
    """Return a number of bytes in a suitable unit, as in 3.2 GB."""
    for unit, each in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= each:
            return f"{number / each:.1f} {unit}"
    return f"{int(number)} bytes"


NO_NEW_LIST_FOR = timedelta(days=10)


def span(length: timedelta) -> str:
    """Format a duration in a suitable unit, such as 40 seconds, 5 minutes, 3 hours or 2 days."""
    seconds = int(length.total_seconds())
    for unit, size, least in (("day", 86_400, 2), ("hour", 3_600, 2), ("minute", 60, 1), ("second", 1, 0)):
        if seconds >= least * size:
            number = seconds // size
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "no time"


def wrong(status: SourceStatus, now: datetime, stale_after: timedelta, reached_at: datetime | None = None) -> list[str]:
    """Return the problems with a source, in words. `reached_at` is when anything else answered us last."""
    what = "ICE's lists" if status.source == ICE else status.source
    problems = [f"{what} can't be read ({bare_problem(status.problem, status.source)})"] if status.problem else []
    if (explanation := explained(status, reached_at)) is not None:
        problems.append(explanation)
    if status.read_at is None:
        return problems or ["not read yet"]
    if is_stale(status, now, stale_after):
        problems.append(f"stale: no successful reading for {span(now - status.read_at)}")
    if is_old(status):
        problems.append(f"no new list for {span(unchanged_for(status))}")
    return problems


def is_stale(status: SourceStatus, now: datetime, stale_after: timedelta) -> bool:
    """Return True if a source has gone too long without a successful reading.

    If the source has never been read, the time is counted from its first failure.
    """
    since = status.read_at or status.problem_since
    return since is not None and now - since > stale_after


def is_old(status: SourceStatus) -> bool:
    """Return True if ICE hasn't published a new list in an unusually long time."""
    return unchanged_for(status) > NO_NEW_LIST_FOR


def unchanged_for(status: SourceStatus) -> timedelta:
    """Return how long we can be certain that ICE hasn't published a new list.

    The time before an interruption in the readings isn't counted, and neither is the time since the last reading.
    """
    since = max(filter(None, (status.changed_at, status.read_since)), default=None)
    return status.read_at - since if status.read_at is not None and since is not None else timedelta(0)
