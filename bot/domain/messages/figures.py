"""The numbers that a picture shows, worked out from the change log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bot.domain.agreement import Key, ListName
from bot.domain.change import LEAVING, Change, Kind
from bot.domain.geography.states import STATES
from bot.domain.messages.net_changes import net

WEEK = timedelta(days=7)


_ARRIVING = frozenset({Kind.SIGNED, Kind.REINSTATED})


class Point(NamedTuple):
    """How many agreements the participating list held after the publication of that moment (UTC)."""

    at: datetime
    total: int


class Moves(NamedTuple):
    """How many agreements a state gained and lost."""

    gained: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the log says of the participating list up to one change, whoever is told.

    `points` is its total after each publication that changed it, `counts` the agreements at the end by state, `recent`
    the changes of the last week before the end, of either list.
    """

    points: tuple[Point, ...]
    counts: Mapping[str, int]
    recent: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a picture shows: the total by day, agreements now and moves by state, and the days between which they fell.

    States are postal codes; what stands under any other is counted in `total`, but has no tile.
    """

    series: tuple[tuple[date, int], ...]
    counts: Mapping[str, int]
    moves: Mapping[str, Moves]
    since: date
    until: date

    @property
    def total(self) -> int:
        """All agreements now."""
        return self.series[-1][1]


def history(changes: Iterable[Change]) -> History:
    """What all changes of the log up to one of them come to; `changes` begin with the first."""
    everything = tuple(changes)
    here: set[Key] = set()
    points: dict[datetime, int] = {}
    for change in everything:
        if change.list is ListName.PARTICIPATING and change.is_of_lists:
            _enter(here, change)
            points[change.publication.observed_at] = len(here)
    counts = dict.fromkeys(STATES, 0)
    for key in here:
        counts[key.state] = counts.get(key.state, 0) + 1
    ordered = tuple(Point(*point) for point in sorted(points.items()))
    return History(points=ordered, counts=counts, recent=_recent(everything))


def _enter(here: set[Key], change: Change) -> None:
    """What the participating list holds after a change, as `Known.after` has it."""
    if change.was is not None:
        here.discard(change.was.key)
    if change.kind in LEAVING:
        here.discard(change.agreement.key)
    else:
        here.add(change.agreement.key)


def _recent(changes: Sequence[Change]) -> tuple[Change, ...]:
    if not changes:
        return ()
    since = changes[-1].publication.observed_at - WEEK
    return tuple(change for change in changes if change.publication.observed_at > since)


def figures(past: History, *, until: datetime, tz: str) -> Figures:
    """What a picture shows of a history, with the moves of the week until that moment (UTC); days as in that zone."""
    zone, since = ZoneInfo(tz), until - WEEK
    week = [change for change in past.recent if since < change.publication.observed_at <= until]
    return Figures(
        series=tuple({point.at.astimezone(zone).date(): point.total for point in past.points}.items()),
        counts=past.counts,
        moves=moves(week),
        since=max(since, past.points[0].at).astimezone(zone).date(),
        until=until.astimezone(zone).date(),
    )


def moves(changes: Iterable[Change]) -> dict[str, Moves]:
    """What each state gained and lost on the participating list, net, by postal code.

    A correction moves nothing: that an agreement was misprinted under another state is no news of either.
    """
    stood = _not_taken_back(changes)
    found: dict[str, Moves] = {}
    for change in (told.change for told in net(stood)):
        if change.list is not ListName.PARTICIPATING or change.kind not in _ARRIVING | {Kind.WITHDRAWN}:
            continue
        gained, lost = found.get(change.agreement.state, Moves(0, 0))
        arrived = change.kind in _ARRIVING
        found[change.agreement.state] = Moves(gained + arrived, lost + (not arrived))
    return dict(sorted(found.items()))


def _not_taken_back(changes: Iterable[Change]) -> list[Change]:
    everything = list(changes)
    wrong = {change.retracts for change in everything if change.kind is Kind.RETRACTED}
    return [change for change in everything if change.is_of_lists and change.seq not in wrong]


FIRST_DAY = date(2025, 1, 1)  # the line begins here where the log reaches further back


def course_of(shown: Figures) -> list[tuple[date, int]]:
    """The series from January 2025 on: where it is older, with what stood on that day first."""
    before = [total for day, total in shown.series if day < FIRST_DAY]
    since = [(day, total) for day, total in shown.series if day >= FIRST_DAY]
    if before and (not since or since[0][0] > FIRST_DAY):
        since.insert(0, (FIRST_DAY, before[-1]))
    return since


def last_day(shown: Figures) -> date:
    return max(shown.until, course_of(shown)[-1][0])
