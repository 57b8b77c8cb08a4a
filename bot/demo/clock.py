"""The clock of the demonstration, which can be set forward: a night takes no longer than a click."""

from datetime import UTC, datetime
from time import monotonic
from zoneinfo import ZoneInfo

ZONE = "America/New_York"


class Clock:
    """A clock that runs from `start` as fast as any other, except when it's set forward."""

    def __init__(self, start: datetime) -> None:
        self._at = start.astimezone(UTC)
        self._since = monotonic()

    def now(self) -> datetime:
        """Return the time in UTC, without fractions of a second."""
        return self._at.fromtimestamp(self._at.timestamp() + monotonic() - self._since, UTC).replace(microsecond=0)

    def set_forward(self, to: datetime) -> None:
        """Set the clock to a later time. It never goes back."""
        self._at, self._since = max(self.now(), to.astimezone(UTC)), monotonic()


def local(moment: datetime) -> datetime:
    """Return a time as the demonstration shows it."""
    return moment.astimezone(ZoneInfo(ZONE))
