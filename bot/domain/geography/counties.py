"""The counties of each state, from the table in bot/data/counties.csv (U.S. Census Bureau, 2020).

Two names in the same state belong to two different counties, even if they look alike, unless they have the same FIPS
code. In that case, one is the county's main name and the other is an alternative name.
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
    """A county or county equivalent.

    `fips` has five digits, and the first two identify the state. `name` doesn't include the word County, Parish or
    Borough. `kind` is the Census Bureau's term in lowercase, such as county, parish, city or census area. For an
    alternative name, `kind` is OTHER_NAME. Examples are Shannon for Oglala Lakota and Brooklyn for Kings.
    """

    state: str
    fips: str
    name: str
    kind: str

    @property
    def is_whole_state(self) -> bool:
        """True if the county is all of its state or territory, as in the District of Columbia and Guam."""
        return {county.fips for county in counties(self.state)} == {self.fips}


def counties(state: str) -> tuple[County, ...]:
    """Return a state's counties and their alternative names. Return an empty tuple for an unknown postal code.

    An independent city and a county may share a name: Baltimore, Fairfax, Franklin, Richmond, Roanoke, St. Louis.
    """
    return _by_state().get(state, ())


def main_counties(state: str) -> Mapping[str, County]:
    """Return a state's counties by FIPS code, without alternative names."""
    return _main_by_state().get(state, {})


def county_by_fips(fips: str) -> County | None:
    """Return the county with this code under its main name, or None if there is none."""
    return _by_fips().get(fips)


@cache
def county_names(state: str) -> tuple[str, ...]:
    """Return the names of a state's counties, including alternative names, without duplicates."""
    return tuple(dict.fromkeys(county.name for county in counties(state)))


@lru_cache(maxsize=8_192)
def plain_county(county: str) -> str:
    """Normalize a county's name for comparison. Words like County, case and punctuation are removed."""
    words = re.findall(r"[a-z0-9]+", county.casefold().replace("'", ""))
    return " ".join(w for w in words if w not in {"county", "parish", "borough", "counties"})


@cache
def real_counties(state: str) -> frozenset[str]:
    """Return the names of a state's counties, normalized for comparison."""
    return frozenset(plain_county(name) for name in county_names(state))


@cache
def _by_fips() -> Mapping[str, County]:
    return {fips: county for here in _main_by_state().values() for fips, county in here.items()}


@cache
def _main_by_state() -> Mapping[str, Mapping[str, County]]:
    return {
        state: {county.fips: county for county in rows if county.kind != OTHER_NAME}
        for state, rows in _by_state().items()
    }


@cache
def _by_state() -> Mapping[str, tuple[County, ...]]:
    table = files("bot").joinpath("data", "counties.csv").read_text(encoding="utf-8")
    found: dict[str, list[County]] = {}
    for row in csv.DictReader(table.splitlines()):
        found.setdefault(row["state"], []).append(County(**row))
    return {state: tuple(rows) for state, rows in found.items()}
