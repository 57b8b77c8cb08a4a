"""UTC times in the format used in the store, the log and JSON."""

from datetime import datetime, timedelta
from math import ceil


def stamp(moment: datetime) -> str:
    """Return a UTC time as text, to the second and ending in Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def after(moment: datetime, seconds: float) -> datetime:
    """Return a time at least `seconds` after `moment`.

    A second is added because `moment` may have been rounded down to a whole second.
    """
    return moment + timedelta(seconds=ceil(seconds) + 1)
