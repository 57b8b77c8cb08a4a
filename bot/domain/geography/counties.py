"""The counties of each state, from the table in bot/data/counties.csv (U.S. Census Bureau, 2020).

Two names in the table under one state are two places, no matter how alike they look, unless they share a FIPS code:
then one is the county and the other is a second name for it.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

OTHER_NAME = "other name"


@dataclass(frozen=True, slots=True)
class County:
    """A county or its equivalent.

    `fips` has five digits and starts with the state's two. `name` leaves out the word County, Parish or Borough. `kind`
    is the Census Bureau's word in lowercase (county, parish, city, census area, ...), or OTHER_NAME for a second name
    of the county with the same code, such as a former one: Shannon for Oglala Lakota, Brooklyn for Kings.
    """

    state: str
    fips: str
    name: str
    kind: str


def counties(state: str) -> tuple[County, ...]:
    """Return a state's counties and their other names, by FIPS code; none for an unknown postal code.

    An independent city and a county may share a name: Baltimore, Fairfax, Franklin, Richmond, Roanoke, St. Louis.
    """
    return _by_state().get(state, ())


@cache
def county_names(state: str) -> tuple[str, ...]:
    """Return the names of a state's counties, including their other names, each once."""
    return tuple(dict.fromkeys(county.name for county in counties(state)))


@lru_cache(maxsize=8_192)
def plain_county(county: str) -> str:
    """Fold a county's name for comparison: drop words like County, case and punctuation."""
    words = re.findall(r"[a-z0-9]+", county.casefold().replace("'", ""))
    return " ".join(w for w in words if w not in {"county", "parish", "borough", "counties"})


@cache
def real_counties(state: str) -> frozenset[str]:
    """Return the names of a state's counties, folded for comparison."""
    return frozenset(plain_county(name) for name in county_names(state))


@cache
def _by_state() -> Mapping[str, tuple[County, ...]]:
    table = files("bot").joinpath("data", "counties.csv").read_text(encoding="utf-8")
    found: dict[str, list[County]] = {}
    for row in csv.DictReader(table.splitlines()):
        found.setdefault(row["state"], []).append(County(**row))
    return {state: tuple(rows) for state, rows in found.items()}
