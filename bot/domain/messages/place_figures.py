"""Calculate the numbers in the picture of a few states from the change log."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from bot.domain.agreement import Agreement, Key, ListName
from bot.domain.change import LEAVING, Change
from bot.domain.geography.fold import county_of
from bot.domain.geography.states import STATES
from bot.domain.lists.totals import Standing, enter
from bot.domain.messages.figures import FIRST_DAY, Moves
from bot.domain.messages.net_changes import ARRIVING, net_changes
from bot.domain.messages.span import covered_by, span_of, started_today
from bot.domain.subscription import ALL_STATES, Filter, Subscription, county_in
from bot.domain.time_zones import zone_or_utc

MOST_STATES = 3  # that one picture shows; for more, the nation says more
STATE_AGENCY = "State Agency"  # ICE's type of an agency that serves the whole state
Course = tuple[tuple[datetime, int], ...]  # the number of agreements after each publication that changed it
Days = tuple[tuple[date, int], ...]  # the number of agreements after each day that changed it
Numbers = tuple[tuple[str, int], ...]  # by FIPS code, without zeros


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFigures:
    """The numbers of one state: agreements and agencies now, what it gained and lost, and the daily totals.

    `by_county`, `gained` and `lost` are numbers of agreements by county (FIPS). `statewide` agreements belong to
    agencies of the state, and for `unplaced` ones ICE's list gives no county: neither is on the map. `watched` contains
    the counties that the filter names, if it names no more of the state. `line` is `series` by UTC day, for a small
    chart without dates: readers in all time zones share it.
    """

    state: str
    agreements: int
    agencies: int
    by_county: Numbers
    statewide: int
    unplaced: int
    moves: Moves
    gained: Numbers
    lost: Numbers
    series: Days
    line: Days
    watched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFigures:
    """The numbers in the picture of up to three states. Dates are in the reader's time zone.

    `read_since` is the day when ICE's list was first read. `has_course` is False if the subscription was made or the
    list was first read on the last day. `is_part` is True if the filter selects only some of the agreements there.
    """

    places: tuple[PlaceFigures, ...]
    since: date
    until: date
    read_since: date
    has_course: bool
    is_part: bool

    @property
    def agreements(self) -> int:
        """The current number of agreements in all the states."""
        return sum(place.agreements for place in self.places)


def states_shown(watched: Filter) -> tuple[str, ...]:
    """Return the one to three states that a filter watches, sorted, or nothing if the nation is shown instead."""
    states = watched.index_states & STATES.keys()
    if ALL_STATES in watched.index_states or not 0 < len(states) <= MOST_STATES:
        return ()
    return tuple(sorted(states, key=STATES.__getitem__))


def courses(changes: Iterable[Change], watched: Filter | None) -> Mapping[str, Course]:
    """Return the course of each state shown for a filter, or of every state. `changes` begin with the log."""
    states = tuple(STATES) if watched is None else states_shown(watched)
    on_list: dict[Key, Agreement] = {}
    found: dict[str, dict[datetime, int]] = {state: {} for state in states}
    counts: Counter[str] = Counter()
    for change in changes:
        if change.list is not ListName.PARTICIPATING or not change.is_of_lists or change.states.isdisjoint(states):
            continue
        counts.subtract(_counted(on_list, change, watched, states))
        enter(on_list, change)
        counts.update(_counted(on_list, change, watched, states))
        for state in change.states & found.keys():
            found[state][change.publication.observed_at] = counts[state]
    return {state: tuple(sorted(points.items())) for state, points in found.items()}


def watched_figures(
    to: Subscription, standing: Standing, course: Mapping[str, Course], window: Sequence[Change]
) -> WatchedFigures:
    """Return the numbers for a subscription's digest, whose filter watches one to three states.

    `standing` is the list at the digest's last change, `course` the courses through that change, and `window` holds the
    changes that the digest covers.
    """
    zone, covered = zone_or_utc(to.tz), covered_by(to, window)
    nets = [net.change for net in net_changes(covered, to.filter.matches) if to.filter.matches(net.decided_by)]
    moved = [c for c in nets if c.list is ListName.PARTICIPATING and c.kind in ARRIVING | LEAVING]
    span = span_of(to, covered)
    since, until = (at.astimezone(zone).date() for at in span)
    assert standing.points
    read_at, states = min(standing.points), states_shown(to.filter)
    read_since = read_at.astimezone(zone).date()
    return WatchedFigures(
        places=tuple(
            _place(
                state,
                to.filter,
                standing,
                moved,
                _course_shown(course[state], read_at, zone),
                _course_shown(course[state], read_at, UTC),
            )
            for state in states
        ),
        since=max(since, read_since),
        until=until,
        read_since=read_since,
        has_course=read_since < until and not started_today(to),
        is_part=bool(to.filter.support_types) or any(state not in to.filter.states for state in states),
    )


def county_fips(agreement: Agreement) -> str | None:
    """Return the county where an agreement is shown on a map.

    Agencies of a state belong to no county, whatever ICE prints.
    """
    if agreement.agency_type == STATE_AGENCY:
        return None
    county = county_of(agreement.state, agreement.county, agreement.agency)
    return county.fips if county is not None else None


def by_county(agreements: Iterable[Agreement]) -> Numbers:
    """Return the number of agreements in each county that has any."""
    found = Counter(fips for fips in map(county_fips, agreements) if fips is not None)
    return tuple(sorted(found.items()))


def _place(
    state: str, watched: Filter, standing: Standing, moved: Sequence[Change], series: Days, line: Days
) -> PlaceFigures:
    here = [agreement for agreement in standing.by_state.get(state, ()) if watched.has(agreement)]
    there = [change for change in moved if change.agreement.state == state]
    gained = [change.agreement for change in there if change.kind in ARRIVING]
    lost = [change.agreement for change in there if change.kind in LEAVING]
    statewide = sum(agreement.agency_type == STATE_AGENCY for agreement in here)
    placed = by_county(here)
    entries = [county for county in map(county_in, watched.counties) if county is not None and county.state == state]
    return PlaceFigures(
        state=state,
        agreements=len(here),
        agencies=len({agreement.key.agency for agreement in here}),
        by_county=placed,
        statewide=statewide,
        unplaced=len(here) - statewide - sum(number for _, number in placed),
        moves=Moves(len(gained), len(lost)),
        gained=by_county(gained),
        lost=by_county(lost),
        series=series,
        line=line,
        watched=() if state in watched.states else tuple(sorted(county.fips for county in entries)),
    )


def _counted(
    on_list: Mapping[Key, Agreement], change: Change, watched: Filter | None, states: Sequence[str]
) -> list[str]:
    """Return the state of each agreement that a change concerns and that counts now."""
    keys = {change.agreement.key} | ({change.was.key} if change.was else set())
    found = (on_list[key] for key in keys if key in on_list)
    return [one.state for one in found if one.state in states and (watched is None or watched.has(one))]


def _course_shown(course: Course, read_at: datetime, zone: tzinfo) -> Days:
    """Return the daily totals from the day when the list was first read, but not before January 2025."""
    by_day = {at.astimezone(zone).date(): total for at, total in course}
    first = max(read_at.astimezone(zone).date(), FIRST_DAY)
    before = [total for day, total in by_day.items() if day <= first]
    begun = before[-1] if before else 0
    return ((first, begun), *((day, total) for day, total in by_day.items() if day > first))
