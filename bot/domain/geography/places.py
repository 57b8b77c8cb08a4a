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
    rows = csv.reader(_lines().get(state, ()))
    return {name: tuple(filter(None, fips.split(";"))) for _, name, fips, _ in rows}


@cache
def _lines() -> Mapping[str, list[str]]:
    """Return the lines of the table by state. They are read as they are needed, because all of them take 20 MB."""
    table = files("bot").joinpath("data", "places.csv").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for line in table.splitlines()[1:]:
        found.setdefault(line[:2], []).append(line)
    return found


def states_with_town(name: str) -> tuple[str, ...]:
    """Return the states that have a place with this name. The name must not have accents."""
    codes = _states_by_letters().get(town_letters(name), "")
    return tuple(codes[at : at + 2] for at in range(0, len(codes), 2))


@cache
def _states_by_letters() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for state, lines in _lines().items():
        for letters in {town_letters(name) for _, name, _, _ in csv.reader(lines)}:
            found[letters] = found.get(letters, "") + state
    return found


@cache
def town_zips(state: str, name: str) -> int:
    """Return the number of ZIP codes of a town, or 1 if there is one or none: a measure of its size."""
    return _zips_by_letters().get(f"{state}{town_letters(name)}", 1)


@cache
def _zips_by_letters() -> Mapping[str, int]:
    rows = (row for lines in _lines().values() for row in csv.reader(line for line in lines if line[-1] != ","))
    return {f"{state}{town_letters(name)}": int(zips) for state, name, _, zips in rows}


@cache
def place_words() -> frozenset[str]:
    """Return the lowercase words that appear in place names in any state."""
    names = (name for lines in _lines().values() for _, name, _, _ in csv.reader(lines))
    return frozenset(word for name in names for word in re.findall(r"[a-z]+", name.casefold()))


@cache
def town_counties(state: str, name: str) -> frozenset[str]:
    """Return the FIPS codes of the counties that contain a place with this name. The name must not have accents."""
    return _by_letters(state).get(town_letters(name), frozenset())


@cache
def _by_letters(state: str) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name, codes in places(state).items():
        letters = town_letters(name)
        found[letters] = found.get(letters, frozenset()) | frozenset(codes or {""})
    return found


def town_letters(name: str) -> str:
    """Return only the letters of a name, in lowercase. Spellings such as Saint and St. or Fort and Ft. are unified."""
    words = re.findall(r"[a-z]+", re.sub(r"['.]", "", name.casefold()))
    return "".join({"saint": "st", "sainte": "st", "ste": "st", "ft": "fort", "mt": "mount"}.get(w, w) for w in words)


@cache
def place_letters(state: str) -> frozenset[str]:
    """Return the names of a state's places, reduced to lowercase letters for comparison."""
    return frozenset(re.sub(r"[^a-z]", "", name.casefold()) for name in places(state))
