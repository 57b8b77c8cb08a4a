"""What one reading of a source brought, and what we remember of the source until the next."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.agreement import ListName
from bot.domain.document import Document, Validators
from bot.domain.timestamps import after
from bot.errors import Blocked, SourceError, Unreadable

ICE = "ice"  # the source of ICE's lists; all others are local government
LONGEST_BACK_OFF = timedelta(hours=6)
JITTER = 0.1  # of the interval, either way


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """What we remember of a source. Times are UTC.

    `read_at` is when it was last read well (an unchanged answer counts), `changed_at` when it last gave something new,
    `tried_at` the last try. `problem` says what is wrong since `problem_since`; `failures` counts tries since then.
    `due_at` is the next poll, never before `not_before` (a server's own Retry-After). `facts` belong to the source.
    A local source that could not be read for a week is parked since `parked_at`: it is not polled any more.
    """

    source: str
    validators: Mapping[str, Validators] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    tried_at: datetime | None = None
    read_at: datetime | None = None
    changed_at: datetime | None = None
    problem: str | None = None
    problem_since: datetime | None = None
    failures: int = 0
    due_at: datetime | None = None
    not_before: datetime | None = None
    parked_at: datetime | None = None

    def is_due(self, now: datetime, every: timedelta) -> bool:
        """Whether it is to be read now, when it is read `every` so often.

        What was reckoned from a longer interval is not waited for, nor is a time that nobody knows any more because the
        clock was set back since the last try; a server's own Retry-After is.
        """
        if self.due_at is None or self.tried_at is None or self.due_at <= now or self.tried_at > now:
            return True
        latest = self.tried_at + _longest(self.failures, every) * (1 + JITTER)
        return latest <= now and (self.not_before is None or self.not_before <= now)

    def failed(self, fault: SourceError, at: datetime, every: timedelta) -> "SourceStatus":
        """Try again after the interval, twice as long each time the server does not want us; Retry-After is obeyed."""
        failures = self.failures + 1
        wait = _longest(failures, every) if isinstance(fault, Blocked) else every
        not_before = after(at, fault.retry_after) if fault.retry_after else None
        due_at = at + spread(max(wait, timedelta(seconds=1)), self.source, at)
        return replace(
            self,
            validators={} if isinstance(fault, Unreadable) else self.validators,  # ask for the whole next time
            tried_at=at,
            problem=str(fault),
            problem_since=self.problem_since or at,
            failures=failures,
            due_at=max(due_at, not_before) if not_before else due_at,
            not_before=not_before,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The documents that stand for each list now, unchanged or not; a list that is not published is not among them.

    `pages` are other documents that are evidence (the page that links the lists, when it says something new).
    `headline` is the total that the page itself gives. `validators` and `facts` go into the memory. `problems` are
    failures that did not hinder the rest.
    """

    documents: Mapping[ListName, Document]
    pages: tuple[Document, ...] = ()
    headline: int | None = None
    validators: Mapping[str, Validators] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def _longest(failures: int, every: timedelta) -> timedelta:
    """The wait after so many failures where the server does not want us; after none, the interval."""
    return min(every * 2 ** min(failures, 10), max(every, LONGEST_BACK_OFF)) if failures else every


def spread(every: timedelta, source: str, at: datetime) -> timedelta:
    """The interval and a little more or less, so that programs and sources do not march in step; no dice needed."""
    return every * (1 + JITTER * (2 * share(f"{source} {at.isoformat()}") - 1))


def share(text: str) -> float:
    """A number from 0 to 1, always the same for a text and another for every other."""
    return zlib.crc32(text.encode()) / 2**32
