"""The cities, towns and post offices of each state, from bot/data/places.csv (U.S. Postal Service names)."""

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
def place_letters(state: str) -> frozenset[str]:
    """Return the names of a state's places, reduced to lowercase letters for comparison."""
    return frozenset(re.sub(r"[^a-z]", "", name.casefold()) for name in places(state))
