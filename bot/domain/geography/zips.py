"""ZIP codes, from bot/data/zips.csv.

The county that most of a ZIP code is in comes from the Postal Service's data in the package `zipcodes`, the other
counties from the Census Bureau's ZIP code areas of 2020. benchmarks/draft_zips.py drafts the table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bot.domain.geography.counties import County, county_by_fips

MILITARY = "military"
_TYPED = re.compile(r"\d{5}(?:-\d{4})?|\d{9}")


@dataclass(frozen=True, slots=True)
class ZipCode:
    """A ZIP code. `counties` starts with the county that most of it is in; the others contain a part of it.

    `counties` is empty if no county is known. `kind` is military, box (P.O. boxes), unique (one recipient) or empty.
    """

    code: str
    state: str
    counties: tuple[County, ...]
    kind: str


def is_zip(text: str) -> bool:
    """Return True if the text is written as a ZIP code, with or without the four digits after it."""
    return _TYPED.fullmatch(text) is not None


def zip_code(text: str) -> ZipCode | None:
    """Return the ZIP code that was typed, or None if there is no such ZIP code."""
    row = _rows().get(text[:5])
    if row is None:
        return None
    code, state, fips, kind = row.split(",")
    known = (county_by_fips(each) for each in fips.split(";") if each)
    return ZipCode(code, state, tuple(county for county in known if county is not None), kind)


@cache
def zips_in(fips: str) -> int:
    """Return the number of ZIP codes that are mostly in a county: a measure of how many people live there."""
    return _by_county().get(fips, 0)


@cache
def _by_county() -> Mapping[str, int]:
    found: dict[str, int] = {}
    for row in _rows().values():
        fips = row.split(",")[2][:5]
        found[fips] = found.get(fips, 0) + 1
    return found


@cache
def _rows() -> Mapping[str, str]:
    """Return the rows by ZIP code, as text: as tuples they would take five times the memory."""
    table = files("bot").joinpath("data", "zips.csv").read_text(encoding="utf-8")
    return {row[:5]: row for row in table.splitlines()[1:]}
