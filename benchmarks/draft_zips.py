"""Draft bot/data/zips.csv: the county of every ZIP code, and the other counties that it touches.

Usage: python benchmarks/draft_zips.py tab20_zcta520_county20_natl.txt > bot/data/zips.csv

The argument is the Census Bureau's table of 2020 ZIP code areas and counties. The package `zipcodes` says in which county
most of a ZIP code is, and the Census Bureau says which other counties it touches. Where the two disagree, the ZIP code
gets no county unless the Census Bureau knows only one.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import zipcodes

from bot.domain.geography.counties import OTHER_NAME, counties
from bot.domain.geography.fold import exact_county, find_county
from bot.domain.geography.places import town_counties
from bot.domain.geography.states import STATES

KINDS = {"PO BOX": "box", "UNIQUE": "unique", "MILITARY": "military", "STANDARD": ""}


def census(path: Path) -> dict[str, set[str]]:
    touched = defaultdict(set)
    with path.open(encoding="utf-8-sig", newline="") as table:
        for row in csv.DictReader(table, delimiter="|"):
            if row["GEOID_ZCTA5_20"]:
                touched[row["GEOID_ZCTA5_20"]].add(row["GEOID_COUNTY_20"])
    return touched


def named(row: dict) -> str:
    """Return the FIPS code of the county that the package names, or of the only county that it can be."""
    state, printed = row["state"], row["county"]
    only = [county for county in counties(state) if county.kind != OTHER_NAME]
    if len(only) == 1:
        return only[0].fips
    county = exact_county(state, printed) or find_county(state, printed) if printed else None
    if county is not None:
        return county.fips
    towns = town_counties(state, row["city"])
    if len(towns) == 1:
        return next(iter(towns))
    county = exact_county(state, row["city"])
    return county.fips if county is not None else ""


def main() -> None:
    touched = census(Path(sys.argv[1]))
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["zip", "state", "fips", "kind"])
    for row in sorted(zipcodes.list_all(), key=lambda row: row["zip_code"]):
        main_county, others = named(row), touched.get(row["zip_code"], set())
        if others and main_county not in others:
            main_county = next(iter(others)) if len(others) == 1 else ""
        fips = [main_county, *sorted(others - {main_county})] if main_county else []
        state = row["state"] if row["state"] in STATES else ""
        out.writerow([row["zip_code"], state, ";".join(fips), KINDS[row["zip_code_type"]]])


if __name__ == "__main__":
    main()
