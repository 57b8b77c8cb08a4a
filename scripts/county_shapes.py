"""Write the shapes of states and counties in bot/data/ from the npm package us-atlas 3.0.1.

    npm pack us-atlas@3.0.1 && tar xzf us-atlas-3.0.1.tgz
    python scripts/county_shapes.py package

Each state is drawn in an Albers projection of its own, fitted to 548 by 420 units; the nation keeps the projection of
us-atlas (975 by 610). Arcs that two counties share are simplified once, so that no gap opens between them. The same
input always gives the same bytes.
"""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

DATA = Path(__file__).parents[1] / "bot" / "data"
WIDTH, HEIGHT = 548.0, 420.0
STATE_GRID, NATION_GRID = 2, 4  # steps in a unit
STATE_DETAIL, NATION_DETAIL = 0.8, 0.3  # the smallest triangle kept, in square units
WITHOUT_MAP = {"AS", "DC", "GU", "MP", "RI", "VI"}  # too few counties; a list says more
FAR_ISLANDS = {"HI": lambda lon, _: lon > -161}  # Midway would make Hawaii a row of dots
Point = tuple[float, float]
Ring = list[Point]


class Topology:
    """A TopoJSON file. A ring is a list of arc numbers; ~n is arc n backward."""

    def __init__(self, path: Path) -> None:
        found = json.loads(path.read_text())
        (kx, ky), (dx, dy) = found["transform"]["scale"], found["transform"]["translate"]
        self.arcs: list[Ring] = []
        for arc in found["arcs"]:
            x = y = 0
            points = []
            for step_x, step_y in arc:
                x, y = x + step_x, y + step_y
                points.append((x * kx + dx, y * ky + dy))
            self.arcs.append(points)
        self.shapes = {
            kind: {shape["id"]: list(_rings(shape)) for shape in found["objects"][kind]["geometries"]}
            for kind in ("counties", "states")
        }

    def ring(self, arcs: list[Ring], numbers: list[int]) -> Ring:
        points: Ring = []
        for number in numbers:
            arc = arcs[number] if number >= 0 else arcs[~number][::-1]
            points += arc[1:] if points else arc
        return points


def _rings(shape: dict) -> Iterator[list[int]]:
    for polygon in [shape["arcs"]] if shape["type"] == "Polygon" else shape["arcs"]:
        yield from polygon


def albers(points: list[Point]) -> Callable[[Point], Point]:
    """Return an equal-area conic projection for the area of these points (degrees)."""
    lons, lats = [lon if lon < 0 else lon - 360 for lon, _ in points], [lat for _, lat in points]
    middle, south, north = (min(lons) + max(lons)) / 2, min(lats), max(lats)
    first, second = (math.radians(south + (north - south) * part) for part in (1 / 6, 5 / 6))
    n = (math.sin(first) + math.sin(second)) / 2
    c = math.cos(first) ** 2 + 2 * n * math.sin(first)

    def project(point: Point) -> Point:
        lon = point[0] if point[0] < 0 else point[0] - 360  # the Aleutians lie on both sides of 180°
        rho, theta = math.sqrt(c - 2 * n * math.sin(math.radians(point[1]))) / n, n * math.radians(lon - middle)
        return rho * math.sin(theta), rho * math.cos(theta)

    return project


def area(ring: Ring) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1], strict=True)) / 2


def simplified(arc: Ring, detail: float) -> Ring:
    """Remove the point with the smallest triangle again and again (Visvalingam). The ends stay."""
    points, least = list(arc), 4 if arc[0] == arc[-1] else 2
    while len(points) > least:
        sizes = [abs(area(points[n - 1 : n + 2])) for n in range(1, len(points) - 1)]
        smallest = min(range(len(sizes)), key=sizes.__getitem__)
        if sizes[smallest] >= detail:
            break
        del points[smallest + 1]
    return points


def path(rings: list[Ring], grid: int, least: float) -> str:
    """Return the rings as relative SVG path data in steps of the grid, without specks except the largest ring."""
    largest = max(rings, key=lambda ring: abs(area(ring)))
    parts: list[str] = []
    last = (0, 0)
    for ring in rings:
        if ring is not largest and abs(area(ring)) < least:
            continue
        steps = [(round(x * grid), round(y * grid)) for x, y in ring[:-1]]
        parts.append(f"M{steps[0][0]} {steps[0][1]}" if not parts else _move(last, steps[0]))
        last = steps[0]
        moves = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(steps) if a != b]
        parts.append("l" + " ".join(f"{x} {y}" for x, y in moves).replace(" -", "-") if moves else "h1v1")
        parts.append("z")
    return "".join(parts)


def _move(at: Point, to: Point) -> str:
    return f"m{to[0] - at[0]} {to[1] - at[1]}".replace(" -", "-")


def middle(rings: list[Ring]) -> Point:
    """Return a point well inside the largest ring: of a few rows, the middle of the widest stretch."""
    ring = max(rings, key=lambda one: abs(area(one)))
    top, bottom = min(y for _, y in ring), max(y for _, y in ring)
    found = []
    for part in range(3, 8):
        y = top + (bottom - top) * part / 10 + 1e-6
        cuts = sorted(
            a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) for a, b in pairwise(ring) if (a[1] > y) != (b[1] > y)
        )
        found += [
            (right - left - abs(part - 5) * 0.01, (left + right) / 2, y)
            for left, right in zip(cuts[::2], cuts[1::2], strict=True)
        ]
    _, x, y = max(found) if found else (0, *ring[0])
    return x, y


def state_shapes(
    whole: Topology, code: str, fips: str
) -> tuple[tuple[float, float], str, dict[str, tuple[str, Point]]]:
    """Return a state's size, its outline, and each county's path and middle."""
    counties = {one: rings for one, rings in whole.shapes["counties"].items() if one.startswith(fips)}
    keep = FAR_ISLANDS.get(code, lambda *_: True)
    near = {
        one: [r for r in rings if all(keep(*p) for p in whole.ring(whole.arcs, r))] for one, rings in counties.items()
    }
    outline = [r for r in whole.shapes["states"][fips] if all(keep(*p) for p in whole.ring(whole.arcs, r))]
    used = {n if n >= 0 else ~n for rings in (*near.values(), outline) for ring in rings for n in ring}
    project = albers([point for n in used for point in whole.arcs[n]])
    arcs = {n: [project(point) for point in whole.arcs[n]] for n in used}
    xs, ys = zip(*[point for arc in arcs.values() for point in arc], strict=True)
    scale = min((WIDTH - 2) / (max(xs) - min(xs)), (HEIGHT - 2) / (max(ys) - min(ys)))
    left, top = min(xs), min(ys)
    fitted = {n: [((x - left) * scale + 1, (y - top) * scale + 1) for x, y in arc] for n, arc in arcs.items()}
    simple = {n: simplified(arc, STATE_DETAIL) for n, arc in fitted.items()}
    drawn = {one: [whole.ring(simple, ring) for ring in rings] for one, rings in near.items()}
    shapes = {one: (path(rings, STATE_GRID, 1.0), middle(rings)) for one, rings in drawn.items() if rings}
    size = (math.ceil((max(xs) - left) * scale + 2), math.ceil((max(ys) - top) * scale + 2))
    return size, path([whole.ring(simple, ring) for ring in outline], STATE_GRID, 1.0), shapes


def main(package: Path) -> None:
    whole, nation = Topology(package / "counties-10m.json"), Topology(package / "counties-albers-10m.json")
    with (DATA / "counties.csv").open(encoding="utf-8") as table:
        codes = {row["fips"][:2]: row["state"] for row in csv.DictReader(table)}
    simple = [simplified(arc, NATION_DETAIL) for arc in nation.arcs]

    def projected(kind: str, fips: str) -> str:
        rings = nation.shapes[kind].get(fips)
        return path([nation.ring(simple, ring) for ring in rings], NATION_GRID, 0.5) if rings else ""

    states, counties = [], []
    for fips, code in sorted(codes.items(), key=lambda entry: entry[1]):
        size, outline, shapes = ((0, 0), "", {})
        if code not in WITHOUT_MAP:
            size, outline, shapes = state_shapes(whole, code, fips)
        states.append((code, *size, outline, projected("states", fips)))
        for one in sorted(one for one in whole.shapes["counties"] if one.startswith(fips)):
            shape, (x, y) = shapes.get(one, ("", (0, 0)))
            if shape or one in nation.shapes["counties"]:
                counties.append((one, round(x), round(y), shape, projected("counties", one)))
    _write("state_shapes.csv", ("state", "width", "height", "shape", "nation"), states)
    _write("county_shapes.csv", ("fips", "x", "y", "shape", "nation"), counties)


def _write(name: str, header: tuple[str, ...], rows: list[tuple]) -> None:
    with (DATA / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
