"""Counts of agreements since February 2025, so that a new copy can draw the course of the list at once.

`bot/data/history.csv` was counted from ICE's participating lists as RelevantResearch/287g-DetentionData collected them
(https://github.com/RelevantResearch/287g-DetentionData). A line gives a count from its date on. The counts end where
this copy's own readings begin. If there is a gap between them, charts show it.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from bot.domain.agreement import SupportType
from bot.domain.site.model import Point, Site

ARCHIVE, OWN = "archive", "countersign"


class Count(NamedTuple):
    """The number of agreements of one type in a state from a day on, and who counted it."""

    day: date
    state: str
    kind: SupportType
    agreements: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The counts of a state, or of all states under "".

    `gap` is the time between the counts we carry and our first reading. `until` is the last day that the counts cover,
    or None if they cover today.
    """

    points: tuple[Point, ...] = ()
    gap: tuple[date, date] | None = None
    until: date | None = None


@cache
def carried() -> tuple[Count, ...]:
    """Return the counts that the program carries."""
    text = files("bot").joinpath("data", "history.csv").read_text(encoding="utf-8")
    return tuple(
        Count(
            date.fromisoformat(row["date"]),
            row["state"],
            SupportType(row["support_type"]),
            int(row["agreements"]),
            ARCHIVE,
        )
        for row in csv.DictReader(text.splitlines())
    )


def course_of(site: Site, state: str) -> Course:
    """Return the course of a state, or of all states under "": the counts that we carry, then our own."""
    own, begun = site.courses.get(state, ()), first_read(site)
    if site.is_demonstration:
        return Course(points=own)
    before = tuple(point for point in _carried_points().get(state, ()) if begun is None or point[0] < begun)
    last = carried()[-1].day
    if begun is None or not before:
        return Course(points=before + own, until=last if begun is None else None)
    if own[:1] == () or own[0][0] > begun:
        own = ((begun, {}), *own)
    return Course(points=before + own, gap=(last, begun) if last < begun else None)


def first_read(site: Site) -> date | None:
    """Return the day of the first list that this copy read, or None."""
    return next((day for day, _ in site.courses.get("", ())), None)


def counts_over_time(site: Site) -> Iterator[Count]:
    """Yield a count where it changed: those that we carry until our first reading, and then our own."""
    begun = first_read(site)
    last: dict[tuple[str, SupportType], int] = {}
    for count in carried() if not site.is_demonstration else ():
        if begun is None or count.day < begun:
            last[count.state, count.kind] = count.agreements
            yield count
    for count in sorted(_own_counts(site, {state for state, _ in last}, begun)):
        if last.get((count.state, count.kind), 0) != count.agreements:
            last[count.state, count.kind] = count.agreements
            yield count


def _own_counts(site: Site, earlier: set[str], begun: date | None) -> Iterator[Count]:
    """Yield the counts of each day. A state that was gone from the list when we first read it has none."""
    states = {state for state in site.courses if state} | earlier
    for state in states:
        points = site.courses.get(state, ())
        if begun is not None and (not points or points[0][0] > begun):
            points = ((begun, {}), *points)
        for day, counts in points:
            yield from (Count(day, state, kind, counts.get(kind, 0), OWN) for kind in SupportType)


@cache
def _carried_points() -> Mapping[str, tuple[Point, ...]]:
    """Return the counts that we carry as points, by state and under "" for all."""
    now: dict[str, dict[SupportType, int]] = defaultdict(dict)
    points: dict[str, dict[date, Mapping[SupportType, int]]] = defaultdict(dict)
    for count in carried():
        more = count.agreements - now[count.state].get(count.kind, 0)
        for state in ("", count.state):
            now[state][count.kind] = now[state].get(count.kind, 0) + more
            points[state][count.day] = dict(now[state])
    return {state: tuple(by_day.items()) for state, by_day in points.items()}
