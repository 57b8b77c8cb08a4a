"""The result of reading a source, and the status that is stored for the next reading."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.domain.agreement import ListName
from bot.domain.document import Document, Validators
from bot.domain.timestamps import after
from bot.domain.way import Way
from bot.errors import Blocked, Disallowed, NoConnection, SourceError, Unreachable, Unreadable, Untrusted

ICE = "ice"  # the source of ICE's lists; every other source is local government
ODDITIES = "oddities"  # in the facts: what the operator should hear once about each list, in words, under lasting keys
MOVED_TO = "at"  # in the facts: the address where the page was found after it had moved
LONGEST_BACK_OFF = timedelta(hours=6)
INTERRUPTION = timedelta(days=1)  # we can't tell whether ICE published anything during one
RELAY_SILENCE = timedelta(hours=1)  # after that, we ask ICE ourselves again
JITTER = 0.1  # of the interval, either way


class Trouble(StrEnum):
    """The kind of the current problem, if it says something about the server or about this machine's network."""

    REFUSED = "refused"
    NO_CONNECTION = "no connection"
    DOWN = "down"

    @classmethod
    def of(cls, fault: SourceError) -> "Trouble | None":
        """Return the kind of a failed attempt, or None if it is of another kind."""
        if isinstance(fault, Blocked) and not isinstance(fault, Disallowed):
            return cls.REFUSED
        if isinstance(fault, NoConnection):
            return cls.NO_CONNECTION
        is_down = isinstance(fault, Unreachable) and not isinstance(fault, Untrusted)
        return cls.DOWN if is_down else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """The stored status of a source. Times are UTC.

    `tried_at` is the time of the last attempt. `read_at` is the time of the last successful reading, including a 304
    response. `read_since` is the time of the first successful reading after the last interruption of a day or more.
    `changed_at` is the time of the last reading that found anything new. `problem` is the current problem,
    `problem_since` is when it began and `failures` is the number of failed attempts since then. `due_at` is the time of
    the next poll. It is never before `not_before`, which is set by the server's Retry-After header. `facts` contains
    data that only this source uses. A local source that hasn't been readable for a week is no longer polled;
    `parked_at` is when polling stopped. `heard` maps each way that ICE's lists reach us to the time of its last
    reading. While a relay is heard from, the source isn't polled. `trouble` is the kind of the current problem.
    `verified_at` is the time of the first reading of a local source that found items and had no problems.
    `good_readings` and `failed_readings` count all readings since the source is known. An older program doesn't store
    them.
    """

    source: str
    validators: Mapping[str, Validators] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    tried_at: datetime | None = None
    read_at: datetime | None = None
    read_since: datetime | None = None
    changed_at: datetime | None = None
    problem: str | None = None
    problem_since: datetime | None = None
    failures: int = 0
    due_at: datetime | None = None
    not_before: datetime | None = None
    parked_at: datetime | None = None
    heard: Mapping[Way, datetime] = field(default_factory=dict)
    trouble: Trouble | None = None
    verified_at: datetime | None = None
    good_readings: int = 0
    failed_readings: int = 0

    def is_due(self, now: datetime, every: timedelta) -> bool:
        """Return whether to read the source now, if it is polled at the interval `every`.

        `due_at` is ignored if it was set when the interval was longer or before the clock was set back. The server's
        Retry-After header is obeyed even if the interval is shorter now.
        """
        relayed_at = self.heard.get(Way.RELAY)
        if relayed_at is not None and timedelta(0) <= now - relayed_at < RELAY_SILENCE:
            return False
        if self.due_at is None or self.tried_at is None or self.due_at <= now or self.tried_at > now:
            return True
        latest = self.tried_at + _longest(self.failures, every) * (1 + JITTER)
        return latest <= now and (self.not_before is None or self.not_before <= now)

    def read_since_at(self, at: datetime) -> datetime | None:
        """Return `read_since` after a successful reading at this time."""
        return at if self.read_at is None or at - self.read_at >= INTERRUPTION else self.read_since

    def failed(self, fault: SourceError, at: datetime, every: timedelta) -> "SourceStatus":
        """Return the status after a failed attempt, with the time of the next attempt.

        The wait is doubled each time the server blocks us, and Retry-After is obeyed.
        """
        failures = self.failures + 1
        wait = _longest(failures, every) if isinstance(fault, Blocked) else every
        not_before = after(at, fault.retry_after) if fault.retry_after else None
        due_at = at + spread(max(wait, timedelta(seconds=1)), self.source, at)
        return replace(
            self,
            validators={} if isinstance(fault, Unreadable) else self.validators,  # request the whole body next time
            tried_at=at,
            problem=str(fault),
            problem_since=self.problem_since or at,
            failures=failures,
            due_at=max(due_at, not_before) if not_before else due_at,
            not_before=not_before,
            trouble=Trouble.of(fault),
            failed_readings=self.failed_readings + 1,
        )

    def read_by(self, way: Way, at: datetime, every: timedelta, problem: str | None) -> "SourceStatus":
        """Return the status after a reading that arrived by this way, with the time of our own next attempt.

        A relay reads for us, so we try again only after it has been silent. A capture at the Internet Archive says
        nothing about our own attempts, so their problem and their pace stay.
        """
        heard = {**self.heard, way: at}
        if way is Way.ARCHIVE:
            return replace(self, heard=heard)
        due_at = at + (RELAY_SILENCE if way is Way.RELAY else spread(every, self.source, at))
        return replace(
            self,
            heard=heard,
            tried_at=at,
            problem=problem,
            problem_since=(self.problem_since or at) if problem else None,
            failures=0,
            due_at=due_at,
            not_before=None,
            trouble=None,
        )

    def nothing_newer(self, at: datetime, every: timedelta) -> "SourceStatus":
        """Return the status after an attempt that found nothing newer than the last reading."""
        return replace(
            self,
            tried_at=at,
            problem=None,
            problem_since=None,
            failures=0,
            due_at=at + spread(every, self.source, at),
            not_before=None,
            trouble=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The current document of each published list, whether it changed or not.

    `pages` contains other evidence, such as the page with the links to the lists if it changed. `headline` is the total
    on that page. `validators` and `facts` are stored in the source's status. `problems` contains the failures that
    didn't stop the reading. `as_of` is when someone else made the reading, or None if we have just made it ourselves.
    """

    documents: Mapping[ListName, Document]
    pages: tuple[Document, ...] = ()
    headline: int | None = None
    validators: Mapping[str, Validators] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    as_of: datetime | None = None
    way: Way = Way.DIRECT


def _longest(failures: int, every: timedelta) -> timedelta:
    """Return the longest wait after this many consecutive failures, or the interval if there were none."""
    return min(every * 2 ** min(failures, 10), max(every, LONGEST_BACK_OFF)) if failures else every


def spread(every: timedelta, source: str, at: datetime) -> timedelta:
    """Vary the interval slightly, so that polls are spread out.

    The same interval, source and time always produce the same result.
    """
    return every * (1 + JITTER * (2 * share(f"{source} {at.isoformat()}") - 1))


def share(text: str) -> float:
    """Return a hash of the string as a number from 0 to 1."""
    return zlib.crc32(text.encode()) / 2**32
