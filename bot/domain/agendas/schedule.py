"""Which local places are watched, and when each is to be read next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.agenda import Place
from bot.domain.source_status import SourceStatus, share
from bot.domain.subscription import ALL_STATES, Subscription

HOUR = timedelta(hours=1)
APART = timedelta(seconds=10)  # between first readings, until they fill the hour
CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Interest:
    """What is watched: the states that somebody names (or names a county of), and whether anybody watches all."""

    states: frozenset[str]
    everywhere: bool

    @classmethod
    def of(cls, subscriptions: Iterable[Subscription]) -> "Interest":
        """The interest of those that are not paused. The console, which nobody set up, names no state."""
        states: set[str] = set()
        everywhere = False
        for subscription in subscriptions:
            if subscription.paused is None:
                found = subscription.filter.index_states
                everywhere |= ALL_STATES in found or subscription.channel == CONSOLE
                states |= found if subscription.channel != CONSOLE else frozenset()
        return cls(frozenset(states - {ALL_STATES}), everywhere)

    def wakes(self, place: Place, status: SourceStatus | None) -> bool:
        """Whether a place is to be read: whoever watches all states wakes only those that were read well once."""
        if status is not None and status.parked_at is not None:
            return False
        is_verified = place.verified is not None or (status is not None and status.read_at is not None)
        return place.state in self.states or (self.everywhere and is_verified)


class Schedule:
    """When each watched place is due; drawn up from the store now and then, and kept up to date in between."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places
        self._times: dict[str, datetime] = {}

    def draw_up(
        self, statuses: Iterable[SourceStatus], interest: Interest, now: datetime, *, at_once: bool = False
    ) -> None:
        """Take over what is watched and when it is due.

        Places that were never tried are spread over the hour, each at a moment of its own; `at_once` they are due now.
        """
        known = {status.source: status for status in statuses if status.source in self._places}
        awake = {name: place for name, place in self._places.items() if interest.wakes(place, known.get(name))}
        untried = sum(name not in known for name in awake)
        before, self._times = self._times, {}
        for name, place in awake.items():
            status = known.get(name)
            if status is not None:
                is_due = status.is_due(now, timedelta(hours=place.every_hours))
                self._times[name] = now if is_due or status.due_at is None else status.due_at
            else:
                within = min(timedelta(hours=place.every_hours), HOUR, APART * untried)
                self._times[name] = now if at_once else before.get(name, now + within * share(name))

    def put(self, name: str, due_at: datetime) -> None:
        """A place was read or tried, and is due then."""
        if name in self._times:
            self._times[name] = due_at

    def due(self, now: datetime) -> Sequence[Place]:
        """The places that are due, longest first."""
        due = sorted((at, name) for name, at in self._times.items() if at <= now)
        return [self._places[name] for _, name in due]


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """How many places the catalogue has, and of them are watched, failing and parked."""

    places: int
    watched: int
    failing: int
    parked: int


def local(places: Mapping[str, Place], statuses: Iterable[SourceStatus], interest: Interest) -> Local:
    """Count the places."""
    known = {status.source: status for status in statuses if status.source in places}
    return Local(
        places=len(places),
        watched=sum(interest.wakes(place, known.get(name)) for name, place in places.items()),
        failing=sum(status.failures > 0 and status.parked_at is None for status in known.values()),
        parked=sum(status.parked_at is not None for status in known.values()),
    )
