"""UTC times in the format used in the store, the log and JSON, and the waits that servers ask for."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import ceil, isnan

LONGEST_WAIT = 86_400.0  # seconds; a server that asks for a longer wait is asked again after this


def stamp(moment: datetime) -> str:
    """Return a UTC time as a string with whole seconds, ending in Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_of(moment: datetime | None) -> str | None:
    """Return the stamp of a UTC time that may not be known."""
    return stamp(moment) if moment is not None else None


def after(moment: datetime, seconds: float) -> datetime:
    """Return a time at least `seconds` after `moment`. The wait is capped at LONGEST_WAIT.

    A second is added because `moment` may have been rounded down to a whole second.
    """
    return moment + timedelta(seconds=ceil(bounded(seconds)) + 1)


def bounded(seconds: float, longest: float = LONGEST_WAIT) -> float:
    """Return a wait that a server asked for, but no more than `longest`. Invalid values, such as nan, become 0."""
    return 0.0 if isnan(seconds) else min(max(seconds, 0.0), longest)


def retry_after(value: str, now: datetime) -> float | None:
    """Return the number of seconds in a Retry-After header, or None if the header is invalid.

    The header may contain a number of seconds or a date.
    """
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value.strip()):
        return bounded(float(value))
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return bounded((until - now).total_seconds())
