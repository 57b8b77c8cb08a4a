"""The county at a latitude and a longitude, from bot/data/outlines.json.

The table holds the Census Bureau's outlines of 2017 at 1:10 million, as in us-atlas 3.0.1.

It isn't the table for maps (shapes.py). That one has a projection and a simplification for each picture; this one has
every point, because a place may be near a line. Either could replace the other only with a projection at run time.

The outlines are rounded, so a place within NEAR of a line could be on either side of it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from math import cos, hypot, radians

from bot.domain.geography.counties import County, county_by_fips

NEAR = 1.6  # kilometers
KM_PER_DEGREE = 111.2
Point = tuple[float, float]  # longitude and latitude


@dataclass(frozen=True, slots=True)
class Located:
    """The counties that a place could be in, the most likely one first. There are none outside the United States.

    `is_sure` is False if the place is too near a line or off the coast.
    """

    counties: tuple[County, ...]
    is_sure: bool


def county_at(lat: float, lon: float) -> Located:
    """Return the county at a place, or the counties that it could be in."""
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return Located((), is_sure=False)
    reached = (outline for outline in _outlines() if outline.may_reach(lon, lat))
    near = ((0.0 if _is_inside(each, lon, lat) else _distance(each, lon, lat), each.fips) for each in reached)
    found = sorted((distance, fips) for distance, fips in near if distance < NEAR)
    known = tuple(county for _, fips in found if (county := county_by_fips(fips)) is not None)
    return Located(known, is_sure=len(known) == 1 and found[0][0] == 0.0)


@dataclass(frozen=True, slots=True)
class _Outline:
    """The rings of a county, and the box around them."""

    fips: str
    rings: tuple[Sequence[Point], ...]
    west: float
    south: float
    east: float
    north: float

    def may_reach(self, lon: float, lat: float) -> bool:
        """Return True if the place is in the box or within NEAR of it."""
        up = NEAR / KM_PER_DEGREE
        side = up / max(cos(radians(lat)), 0.1)
        return self.west - side <= lon <= self.east + side and self.south - up <= lat <= self.north + up


def _is_inside(outline: _Outline, lon: float, lat: float) -> bool:
    inside = False
    for ring in outline.rings:
        for (x1, y1), (x2, y2) in pairwise(ring):
            if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
                inside = not inside
    return inside


def _distance(outline: _Outline, lon: float, lat: float) -> float:
    """Return the distance to the county's line in kilometers."""
    across = KM_PER_DEGREE * cos(radians(lat))
    nearest = float("inf")
    for ring in outline.rings:
        flat = [((x - lon) * across, (y - lat) * KM_PER_DEGREE) for x, y in ring]
        for start, end in pairwise(flat):
            nearest = min(nearest, _from_origin(start, end))
    return nearest


def _from_origin(start: Point, end: Point) -> float:
    (x1, y1), (x2, y2) = start, end
    dx, dy = x2 - x1, y2 - y1
    length = dx * dx + dy * dy
    at = 0.0 if not length else min(1.0, max(0.0, -(x1 * dx + y1 * dy) / length))
    return hypot(x1 + at * dx, y1 + at * dy)


@cache
def _outlines() -> tuple[_Outline, ...]:
    raw = json.loads(files("bot").joinpath("data", "outlines.json").read_text(encoding="utf-8"))
    (x_scale, y_scale), (x_origin, y_origin) = raw["transform"]["scale"], raw["transform"]["translate"]
    arcs = [
        [(x * x_scale + x_origin, y * y_scale + y_origin) for x, y in _added_up(arc)] for arc in raw["arcs"]
    ]  # fmt: skip
    return tuple(_outline(fips, polygons, arcs) for fips, polygons in raw["counties"].items())


def _added_up(arc: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Yield the points of an arc. Each is written as its difference from the one before it."""
    x = y = 0
    for dx, dy in arc:
        x, y = x + dx, y + dy
        yield x, y


def _outline(fips: str, polygons: Sequence[Sequence[Sequence[int]]], arcs: Sequence[Sequence[Point]]) -> _Outline:
    """Put a county's rings together. The complement of an arc's number stands for the arc backward."""
    rings = []
    for ring in (ring for polygon in polygons for ring in polygon):
        points: list[Point] = []
        for number in ring:
            arc = arcs[number] if number >= 0 else arcs[~number][::-1]
            points.extend(arc[1:] if points else arc)
        rings.append(tuple(points))
    xs, ys = [x for ring in rings for x, _ in ring], [y for ring in rings for _, y in ring]
    return _Outline(fips, tuple(rings), min(xs), min(ys), max(xs), max(ys))
