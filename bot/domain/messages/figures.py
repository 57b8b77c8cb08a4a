"""Calculate the numbers in a picture from the change log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from bot.domain.agreement import ListName
from bot.domain.change import LEAVING, Change, Kind
from bot.domain.geography.states import STATES
from bot.domain.lists.totals import Standing
from bot.domain.messages.net_changes import ARRIVING, net_changes
from bot.domain.messages.span import covered_by, span_of, started_today
from bot.domain.subscription import Subscription
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
    in each state.
    """

    points: tuple[Point, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The numbers in a picture of the nation: the total by day, the agreements and moves by state, and the dates.

    States are given by postal code. An agreement without a valid state is included in `total`, but has no tile. The
    changes are those from `since` to `until`. `has_course` is False if the subscription or the log began on the last
    day.
    """

    series: tuple[tuple[date, int], ...]
    counts: Mapping[str, int]
    moves: Mapping[str, Moves]
    since: date
    until: date
    has_course: bool = True

    def __hash__(self) -> int:
        return hash((self.series, tuple(self.counts.items()), tuple(self.moves.items()), self.since, self.until))

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
    return History(points=points, counts=counts)


def figures(past: History, to: Subscription, window: Iterable[Change]) -> Figures:
    """Return the numbers for the picture of a digest. `window` holds the changes that the digest covers."""
    zone, covered = zone_or_utc(to.tz), covered_by(to, tuple(window))
    span = span_of(to, covered)
    since, until = (at.astimezone(zone).date() for at in span)
    begun = past.points[0].at.astimezone(zone).date()
    return Figures(
        series=tuple({point.at.astimezone(zone).date(): point.total for point in past.points}.items()),
        counts=past.counts,
        moves=moves(covered),
        since=max(since, begun),
        until=until,
        has_course=begun < until and not started_today(to),
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
