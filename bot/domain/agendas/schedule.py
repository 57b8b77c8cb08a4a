"""Decide which local places to read and when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.agenda import Place
from bot.domain.source_status import SourceStatus, share
from bot.domain.subscription import ALL_STATES, Subscription

HOUR = timedelta(hours=1)
APART = timedelta(seconds=10)  # between first readings, or less if there are too many for one hour
CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class WatchedStates:
    """The states that subscriptions watch, directly or through a county.

    `everywhere` is true if any subscription watches all states.
    """

    states: frozenset[str]
    everywhere: bool

    @classmethod
    def of(cls, subscriptions: Iterable[Subscription]) -> "WatchedStates":
        """Collect the states from active subscriptions.

        The console's default subscription counts as watching all states.
        """
        states: set[str] = set()
        everywhere = False
        for subscription in subscriptions:
            if subscription.paused is None:
                found = subscription.filter.index_states
                everywhere |= ALL_STATES in found or subscription.channel == CONSOLE
                states |= found if subscription.channel != CONSOLE else frozenset()
        return cls(frozenset(states - {ALL_STATES}), everywhere)

    def include(self, place: Place, status: SourceStatus | None) -> bool:
        """Return True if a place should be read.

        Subscriptions to all states include only places that are verified or have been read before.
        """
        if status is not None and status.parked_at is not None:
            return False
        is_verified = place.verified is not None or (status is not None and status.read_at is not None)
        return place.state in self.states or (self.everywhere and is_verified)


class Schedule:
    """The due times of watched places. The schedule is rebuilt from the store periodically and updated in between."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places
        self._times: dict[str, datetime] = {}

    def rebuild(
        self, statuses: Iterable[SourceStatus], watched: WatchedStates, now: datetime, *, at_once: bool = False
    ) -> None:
        """Rebuild the schedule of watched places. Due times are based on each place's status.

        First readings are spread over up to an hour. If `at_once` is true, all first readings are due now.
        """
        known = {status.source: status for status in statuses if status.source in self._places}
        included = {name: place for name, place in self._places.items() if watched.include(place, known.get(name))}
        untried = sum(name not in known for name in included)
        before, self._times = self._times, {}
        for name, place in included.items():
            status = known.get(name)
            if status is not None:
                is_due = status.is_due(now, timedelta(hours=place.every_hours))
                self._times[name] = now if is_due or status.due_at is None else status.due_at
            else:
                within = min(timedelta(hours=place.every_hours), HOUR, APART * untried)
                self._times[name] = now if at_once else before.get(name, now + within * share(name))

    def set_due(self, name: str, due_at: datetime) -> None:
        """Set the next due time of a place after a successful or failed reading."""
        if name in self._times:
            self._times[name] = due_at

    def due(self, now: datetime) -> Sequence[Place]:
        """Return the places that are due, longest overdue first."""
        due = sorted((at, name) for name, at in self._times.items() if at <= now)
        return [self._places[name] for _, name in due]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCounts:
    """The number of places in the catalog, and how many of them are watched, failing and parked."""

    places: int
    watched: int
    failing: int
    parked: int


def count_places(places: Mapping[str, Place], statuses: Iterable[SourceStatus], watched: WatchedStates) -> PlaceCounts:
    """Count the places in the catalog by status."""
    known = {status.source: status for status in statuses if status.source in places}
    return PlaceCounts(
        places=len(places),
        watched=sum(watched.include(place, known.get(name)) for name, place in places.items()),
        failing=sum(status.failures > 0 and status.parked_at is None for status in known.values()),
        parked=sum(status.parked_at is not None for status in known.values()),
    )
