"""UTC times as the store, the log and JSON write them."""

from datetime import datetime, timedelta
from math import ceil


def stamp(moment: datetime) -> str:
    """A UTC time as store, log and JSON write it: seconds, ending in Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def after(moment: datetime, seconds: float) -> datetime:
    """A whole second by which so many have passed since `moment`, which a clock of whole seconds may give too early."""
    return moment + timedelta(seconds=ceil(seconds) + 1)
