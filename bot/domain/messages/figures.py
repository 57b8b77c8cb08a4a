"""Calculate the numbers in a picture from the change log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from bot.domain.agreement import ListName
from bot.domain.change import LEAVING, Change, Kind
from bot.domain.geography.states import STATES
from bot.domain.lists.totals import WEEK, Standing
from bot.domain.messages.net_changes import ARRIVING, net_changes
from bot.domain.time_zones import zone_or_utc

FIRST_DAY = date(2025, 1, 1)  # the line begins here if the log goes back further


class Point(NamedTuple):
    """The number of agreements on the participating list after a publication. `at` is UTC."""

    at: datetime
    total: int


class Moves(NamedTuple):
    """The number of agreements that a state gained and the number that it lost."""

    gained: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The history of the participating list up to one change in the log. It is the same for every reader.

    `points` contains the total after each publication that changed the list. `counts` is the final number of agreements
    in each state. `recent` contains the changes to both lists in the last week of the history, and `observed` the times
    when they were observed, in order.
    """

    points: tuple[Point, ...]
    counts: Mapping[str, int]
    recent: tuple[Change, ...]
    observed: tuple[datetime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The numbers in a picture: the total by day, the agreements and moves by state, and the dates of the week.

    States are given by postal code. An agreement without a valid state is included in `total`, but has no tile.
    """

    series: tuple[tuple[date, int], ...]
    counts: Mapping[str, int]
    moves: Mapping[str, Moves]
    since: date
    until: date

    @property
    def total(self) -> int:
        """The current number of agreements."""
        return self.series[-1][1]


def history(changes: Iterable[Change]) -> History:
    """Return the history. `changes` must begin at the start of the log but can end at any point."""
    return history_of(Standing().after(changes))


def history_of(standing: Standing) -> History:
    """Return the history that led to this standing of the list."""
    counts = dict.fromkeys(STATES, 0)
    for key in standing.agreements:
        counts[key.state] = counts.get(key.state, 0) + 1
    points = tuple(Point(*point) for point in sorted(standing.points.items()))
    observed = sorted({change.publication.observed_at for change in standing.recent})
    return History(points=points, counts=counts, recent=standing.recent, observed=tuple(observed))


def figures(past: History, *, until: datetime, tz: str) -> Figures:
    """Return the numbers for a picture of the week ending at `until` (UTC). Dates are in the time zone `tz`."""
    zone, since = zone_or_utc(tz), until - WEEK
    week = [change for change in past.recent if since < change.publication.observed_at <= until]
    return Figures(
        series=tuple({point.at.astimezone(zone).date(): point.total for point in past.points}.items()),
        counts=past.counts,
        moves=moves(week),
        since=max(since, past.points[0].at).astimezone(zone).date(),
        until=until.astimezone(zone).date(),
    )


def moves(changes: Iterable[Change]) -> dict[str, Moves]:
    """Return each state's net gains and losses on the participating list, by postal code.

    Corrections don't count. If ICE corrects an agreement's state, neither state gains or loses an agreement.
    """
    found: dict[str, Moves] = {}
    for change in (net.change for net in net_changes(_not_retracted(changes))):
        if change.list is not ListName.PARTICIPATING or change.kind not in ARRIVING | LEAVING:
            continue
        gained, lost = found.get(change.agreement.state, Moves(0, 0))
        arrived = change.kind in ARRIVING
        found[change.agreement.state] = Moves(gained + arrived, lost + (not arrived))
    return dict(sorted(found.items()))


def _not_retracted(changes: Iterable[Change]) -> list[Change]:
    everything = list(changes)
    wrong = {change.retracts for change in everything if change.kind is Kind.RETRACTED}
    return [change for change in everything if change.is_of_lists and change.seq not in wrong]


def course_of(shown: Figures) -> list[tuple[date, int]]:
    """Return the daily totals, starting on Jan. 1, 2025.

    If the totals begin earlier, the first entry is the total on Jan. 1, 2025.
    """
    before = [total for day, total in shown.series if day < FIRST_DAY]
    since = [(day, total) for day, total in shown.series if day >= FIRST_DAY]
    if before and (not since or since[0][0] > FIRST_DAY):
        since.insert(0, (FIRST_DAY, before[-1]))
    return since


def last_day(shown: Figures) -> date:
    """Return the last day of the line chart."""
    return max(shown.until, course_of(shown)[-1][0])
