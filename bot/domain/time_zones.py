"""The time zones that every host knows, because they come with the tzdata package that Countersign requires."""

from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

# The package also lists this name, which stands for a clock that hasn't been set.
_NO_PLACE = frozenset({"Factory"})


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all time zones that can be used.

    Some hosts know other names, such as `localtime` or `right/UTC`, but these may not work on another host.
    """
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("ascii").split()) - _NO_PLACE


def is_zone(name: str) -> bool:
    """Return True if this is the exact name of a time zone that every host knows."""
    return name in zone_names()


def zone_or_utc(name: str) -> ZoneInfo:
    """Return the time zone with this name, or UTC if a stored name isn't known to every host."""
    return ZoneInfo(name if is_zone(name) else "UTC")
