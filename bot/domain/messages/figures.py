"""Use the change log to work out the numbers that a picture shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bot.domain.agreement import Key, ListName
from bot.domain.change import LEAVING, Change, Kind
from bot.domain.geography.states import STATES
from bot.domain.messages.net_changes import ARRIVING, net_changes

WEEK = timedelta(days=7)
FIRST_DAY = date(2025, 1, 1)  # the line begins here if the log goes back further


class Point(NamedTuple):
    """The number of agreements on the participating list after the publication at that time (UTC)."""

    at: datetime
    total: int


class Moves(NamedTuple):
    """The numbers of agreements a state gained and lost."""

    gained: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The participating list over time, up to one change in the log; the same for every reader.

    `points` holds its total after each publication that changed it, `counts` each state's agreements at the end and
    `recent` the changes to either list in the week before the end.
    """

    points: tuple[Point, ...]
    counts: Mapping[str, int]
    recent: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The numbers shown in a picture: the total by day, agreements and moves by state, and the dates of the week.

    States are postal codes. An agreement under anything else counts in `total`, but has no tile.
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
    """Add up the changes in the log, from the first to any later one."""
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
    """Apply one change to the keys on the participating list, as `Known.after` does."""
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
    """Return the numbers for a picture, with moves for the week ending at `until` (UTC) and days in the zone `tz`."""
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
    """Return each state's net gains and losses on the participating list, by postal code.

    A correction isn't a move: an agreement misprinted under the wrong state is a gain or loss for neither state.
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
    """Return the series from Jan. 1, 2025, on; if it is older, it starts with the total on that day."""
    before = [total for day, total in shown.series if day < FIRST_DAY]
    since = [(day, total) for day, total in shown.series if day >= FIRST_DAY]
    if before and (not since or since[0][0] > FIRST_DAY):
        since.insert(0, (FIRST_DAY, before[-1]))
    return since


def last_day(shown: Figures) -> date:
    """Return the day on which the line ends."""
    return max(shown.until, course_of(shown)[-1][0])
