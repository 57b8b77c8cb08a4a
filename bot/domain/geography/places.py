"""The cities, towns and post offices of each state, from bot/data/places.csv (U.S. Postal Service names).

`zips` in the table is the number of a place's ZIP codes, if it has more than one.
"""

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def places(state: str) -> Mapping[str, tuple[str, ...]]:
    """Return the places in a state by name. Each value contains the FIPS codes of the place's counties, if known."""
    table = files("bot").joinpath("data", "places.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(table.splitlines())
    return {row["name"]: tuple(filter(None, row["fips"].split(";"))) for row in rows if row["state"] == state}


@cache
def town_zips(state: str, name: str) -> int:
    """Return the number of ZIP codes of a town, or 1 if there is one or none: a measure of its size."""
    return _zips_by_letters().get(f"{state}{_letters(name)}", 1)


@cache
def _zips_by_letters() -> Mapping[str, int]:
    table = files("bot").joinpath("data", "places.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(table.splitlines())
    return {f"{row['state']}{_letters(row['name'])}": int(row["zips"]) for row in rows if row["zips"]}


@cache
def place_words() -> frozenset[str]:
    """Return the lowercase words that appear in place names in any state."""
    table = files("bot").joinpath("data", "places.csv").read_text(encoding="utf-8")
    names = (row["name"] for row in csv.DictReader(table.splitlines()))
    return frozenset(word for name in names for word in re.findall(r"[a-z]+", name.casefold()))


@cache
def town_counties(state: str, name: str) -> frozenset[str]:
    """Return the FIPS codes of the counties that contain a place with this name. The name must not have accents."""
    return _by_letters(state).get(_letters(name), frozenset())


@cache
def _by_letters(state: str) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name, codes in places(state).items():
        letters = _letters(name)
        found[letters] = found.get(letters, frozenset()) | frozenset(codes or {""})
    return found


def _letters(name: str) -> str:
    """Return only the letters of a name, in lowercase. Spellings such as Saint and St. or Fort and Ft. are unified."""
    words = re.findall(r"[a-z]+", re.sub(r"['.]", "", name.casefold()))
    return "".join({"saint": "st", "sainte": "st", "ste": "st", "ft": "fort", "mt": "mount"}.get(w, w) for w in words)


@cache
def place_letters(state: str) -> frozenset[str]:
    """Return the names of a state's places, reduced to lowercase letters for comparison."""
    return frozenset(re.sub(r"[^a-z]", "", name.casefold()) for name in places(state))
