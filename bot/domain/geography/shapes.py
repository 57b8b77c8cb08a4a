"""The outlines of states and counties, from bot/data/state_shapes.csv and county_shapes.csv.

They are made by scripts/county_shapes.py from us-atlas (see bot/data/NOTICE). A shape is SVG path data.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

STATE_STEPS, NATION_STEPS = 2, 4  # the path data counts in halves and quarters of a unit
NATION_WIDTH, NATION_HEIGHT = 975, 610


@dataclass(frozen=True, slots=True)
class StateShape:
    """A state: the size of its own map in units, its outline there, and its outline on the map of the nation.

    The territories aren't on the map of the nation. `width` is 0 if the state has too few counties for a map.
    """

    width: int
    height: int
    shape: str
    nation: str


@dataclass(frozen=True, slots=True)
class CountyShape:
    """A county: a point well inside it in units, its outline on its state's map, and its outline on the nation's."""

    x: int
    y: int
    shape: str
    nation: str


@cache
def state_shapes() -> Mapping[str, StateShape]:
    """Return the shapes of the states and territories by postal code."""
    return {
        code: StateShape(int(width), int(height), shape, nation)
        for code, width, height, shape, nation in _rows("state_shapes.csv")
    }


@cache
def county_shapes() -> Mapping[str, CountyShape]:
    """Return the shapes of the counties by FIPS code."""
    return {
        fips: CountyShape(int(x), int(y), shape, nation) for fips, x, y, shape, nation in _rows("county_shapes.csv")
    }


def has_map(state: str) -> bool:
    """Return whether a state has a map of its counties."""
    return state in state_shapes() and state_shapes()[state].width > 0


def _rows(name: str) -> list[list[str]]:
    table = files("bot").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.reader(table.splitlines()))[1:]
