"""ICE's participating list after each change in the log, and its totals."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.agreement import Agreement, Key, ListName
from bot.domain.change import LEAVING, Change

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The participating list after one change in the log.

    `since` is when the list was first recorded, or None if that hasn't happened. `points` contains the number of
    agreements after each publication that changed the list, by the time when the publication was observed. `recent`
    contains the changes of the last week, of every kind. Times are UTC.
    """

    agreements: Mapping[Key, Agreement] = field(default_factory=dict)
    since: datetime | None = None
    points: Mapping[datetime, int] = field(default_factory=dict)
    recent: tuple[Change, ...] = ()

    def after(self, changes: Iterable[Change]) -> "Standing":
        """Return the standing after these changes, which are the next ones in the log."""
        new = tuple(changes)
        agreements, points, since = dict(self.agreements), dict(self.points), self.since
        for change in new:
            if change.list is ListName.PARTICIPATING and change.is_of_lists:
                _enter(agreements, change)
                points[change.publication.observed_at] = len(agreements)
                since = since or change.recorded_at
        return Standing(agreements=agreements, since=since, points=points, recent=_recent((*self.recent, *new)))


def totals(now: Standing, then: Standing | None, watches: Callable[[Agreement], bool]) -> Totals:
    """Count the watched agreements on the list, and the ones that were on it at an earlier time."""
    watched = [key for key, agreement in now.agreements.items() if watches(agreement)]
    return Totals(
        agreements=len(watched),
        agencies=len({(key.state, key.agency) for key in watched}),
        states=len({key.state for key in watched}),
        before=sum(map(watches, then.agreements.values())) if then is not None else None,
    )


def _enter(on_list: dict[Key, Agreement], change: Change) -> None:
    """Apply one change to the agreements on the participating list, in the same way as `Known.after`."""
    if change.was is not None:
        on_list.pop(change.was.key, None)
    if change.kind in LEAVING:
        on_list.pop(change.agreement.key, None)
    else:
        on_list[change.agreement.key] = change.agreement


def _recent(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    latest = max((change.publication.observed_at for change in changes), default=None)
    return tuple(change for change in changes if latest and change.publication.observed_at > latest - WEEK)
