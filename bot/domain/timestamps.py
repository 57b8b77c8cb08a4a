"""UTC times in the form used in the store, the log and JSON."""

from datetime import datetime, timedelta
from math import ceil


def stamp(moment: datetime) -> str:
    """Format a UTC time to the second, ending in Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def after(moment: datetime, seconds: float) -> datetime:
    """Return a whole second at least `seconds` after `moment`, which may have been rounded down by up to a second."""
    return moment + timedelta(seconds=ceil(seconds) + 1)
