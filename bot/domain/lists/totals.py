"""ICE's participating list after each change in the log, and its totals."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from bot.domain.agreement import Agreement, Key, ListName
from bot.domain.change import FIRST_SIGHT, LEAVING, Change, Kind

JANUARY_2025 = 135  # agreements on ICE's list at the end of January 2025, before this project's records begin
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The size of the participating list, or of the part that a subscription watches.

    `before` is the number of agreements at an earlier time, or None if the log doesn't reach back that far.
    """

    agreements: int
    agencies: int
    states: int
    before: int | None


class FirstSeen(NamedTuple):
    """When an agreement was first seen on the participating list (UTC).

    `at_least` is True if it was already there when the list was first read, so that it may have been there longer.
    """

    at: datetime
    at_least: bool


@dataclass(frozen=True, kw_only=True)  # no slots, so that `by_state` can be cached
class Standing:
    """The participating list after one change in the log.

    `since` is when the list was first recorded, or None if it hasn't been recorded yet. `points` contains the number of
    agreements after each publication that changed the list, by the time when the publication was observed. `recent`
    contains all kinds of changes from the last week. Times are UTC. `first_seen` covers agreements that have left the
    list too, and every name that an agreement has had.
    """

    agreements: Mapping[Key, Agreement] = field(default_factory=dict)
    first_seen: Mapping[Key, FirstSeen] = field(default_factory=dict)
    since: datetime | None = None
    points: Mapping[datetime, int] = field(default_factory=dict)
    recent: tuple[Change, ...] = ()

    def after(self, changes: Iterable[Change]) -> "Standing":
        """Return the standing after these changes, which must come next in the log."""
        new = tuple(changes)
        agreements, points, since = dict(self.agreements), dict(self.points), self.since
        first_seen = dict(self.first_seen)
        for change in new:
            if change.list is ListName.PARTICIPATING and change.is_of_lists:
                _see(first_seen, change)
                enter(agreements, change)
                points[change.publication.observed_at] = len(agreements)
                since = since or change.recorded_at
        recent = _recent((*self.recent, *new))
        return Standing(agreements=agreements, first_seen=first_seen, since=since, points=points, recent=recent)

    @cached_property
    def by_state(self) -> Mapping[str, tuple[Agreement, ...]]:
        """The agreements by state."""
        found: dict[str, list[Agreement]] = {}
        for agreement in self.agreements.values():
            found.setdefault(agreement.state, []).append(agreement)
        return {state: tuple(agreements) for state, agreements in found.items()}

    @cached_property
    def agencies_by_state(self) -> Mapping[str, int]:
        """The number of agencies by state."""
        return {state: _agencies(agreements) for state, agreements in self.by_state.items()}

    @cached_property
    def by_agency(self) -> Mapping[tuple[str, str], tuple[Agreement, ...]]:
        """The agreements by state and agency."""
        found: dict[tuple[str, str], list[Agreement]] = {}
        for key, agreement in self.agreements.items():
            found.setdefault((key.state, key.agency), []).append(agreement)
        return {agency: tuple(agreements) for agency, agreements in found.items()}

    def within(self, states: Collection[str] | None) -> dict[str, tuple[Agreement, ...]]:
        """Return the agreements in these states, or all agreements, by state."""
        wanted = self.by_state.keys() if states is None else self.by_state.keys() & states
        return {state: self.by_state[state] for state in wanted}


def totals(
    now: Standing,
    then: Standing | None,
    states: Collection[str] | None = None,
    watches: Callable[[Agreement], bool] | None = None,
) -> Totals:
    """Count the agreements on the list in these states, now and at an earlier time.

    If `states` isn't given, count all states. If `watches` is given, count only the agreements for which it is true.
    """
    parts = _watched(now, states, watches)
    whole = now.agencies_by_state if watches is None else {}
    return Totals(
        agreements=sum(map(len, parts.values())),
        agencies=sum(whole[state] if whole else _agencies(part) for state, part in parts.items()),
        states=len(parts),
        before=sum(map(len, _watched(then, states, watches).values())) if then is not None else None,
    )


def _watched(
    standing: Standing, states: Collection[str] | None, watches: Callable[[Agreement], bool] | None
) -> dict[str, tuple[Agreement, ...]]:
    parts = standing.within(states)
    if watches is None:
        return parts
    found = {state: tuple(filter(watches, part)) for state, part in parts.items()}
    return {state: part for state, part in found.items() if part}


def _agencies(agreements: Iterable[Agreement]) -> int:
    """Count the different agencies among agreements in one state."""
    return len({agreement.key.agency for agreement in agreements})


def enter(on_list: dict[Key, Agreement], change: Change) -> None:
    """Apply one change to the agreements on the participating list, in the same way as `Known.after`."""
    if change.was is not None:
        on_list.pop(change.was.key, None)
    if change.kind in LEAVING:
        on_list.pop(change.agreement.key, None)
    else:
        on_list[change.agreement.key] = change.agreement


def _see(first_seen: dict[Key, FirstSeen], change: Change) -> None:
    """Record when an agreement came, or keep the time under its new name."""
    key, was = change.agreement.key, change.was.key if change.was else None
    if change.kind in {Kind.SIGNED, Kind.REINSTATED}:
        first_seen[key] = FirstSeen(change.publication.observed_at, at_least=False)
    elif change.kind is Kind.LISTED:
        first_seen.setdefault(key, FirstSeen(change.publication.observed_at, at_least=change.because == FIRST_SIGHT))
    elif was is not None and was in first_seen:
        first_seen[key] = first_seen[was]


def _recent(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    latest = max((change.publication.observed_at for change in changes), default=None)
    return tuple(change for change in changes if latest and change.publication.observed_at > latest - WEEK)
