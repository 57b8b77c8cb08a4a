"""Our reading of where agencies are for which ICE prints no county: config/places.csv.

The table was drafted by rule and reviewed row by row. `sure` is high or medium, and `evidence` says why. An agency that
fits no county, or two, has a row without one. Nothing here changes what ICE printed.
"""

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from bot.domain.geography.counties import County, main_counties


def reading_of(state: str, agency: str) -> tuple[County | None] | None:
    """Return our reading of an agency's county, or None if the agency isn't in the table.

    A reading without a county means that no county is the right one, so no one should look for one by rule.
    """
    fips = _by_agency().get((state, _plain(agency)))
    if fips is None:
        return None
    return (main_counties(state).get(fips),)


@cache
def _by_agency() -> Mapping[tuple[str, str], str]:
    return {(row["state"], _plain(row["agency"])): row["fips"] for row in rows()}


@cache
def rows() -> tuple[Mapping[str, str], ...]:
    """Return the rows of the table."""
    packed = files("bot").joinpath("data", "readings.csv")  # in the wheel
    table = packed if packed.is_file() else files("bot").joinpath("..", "config", "places.csv")
    return tuple(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))


def _plain(agency: str) -> str:
    """Return an agency's name in lowercase, without punctuation and without words that ICE writes in several ways."""
    text = re.sub(r"['’.]", "", agency.casefold())
    text = re.sub(r"\bdept\b", "department", re.sub(r"\bpd\b", "police department", text))
    text = re.sub(r"\bst\b", "saint", re.sub(r"\bft\b", "fort", text))
    return re.sub(r"^(?:city|town) of ", "", " ".join(re.findall(r"[a-z0-9&]+", text)))
