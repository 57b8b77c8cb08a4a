"""Our reading of where agencies are for which ICE prints no county, in config/places.csv."""

from collections import Counter

import pytest
from support.archive import agreements, needs_archive
from support.listings import row as listed

from bot.domain.geography.agency_types import AgencyType, agency_types
from bot.domain.geography.fold import county_of, county_of_agency, exact_county, find_county
from bot.domain.geography.places import town_counties
from bot.domain.geography.readings import reading_of, rows
from bot.domain.lists.names import canonical
from bot.domain.subscription import Filter


def test_every_row_names_a_real_county_or_says_why_there_is_none():
    for row in rows():
        county = exact_county(row["state"], row["county"]) if row["county"] else None
        assert row["fips"] == (county.fips if county else ""), row
        assert row["sure"] in ({"high", "medium"} if county else {""}), row
        assert len(row["evidence"]) > 10, row
        assert row["canonical"] == canonical(row["agency"], row["state"]), row


def test_a_row_is_high_only_if_no_other_county_has_the_town_or_its_evidence_says_more():
    by_rule = [row for row in rows() if row["evidence"].startswith("the town is only in this county")]
    assert len(by_rule) > 150
    for row in by_rule:
        town = row["canonical"].split(" police")[0].split(" department of public")[0]
        town = town.removeprefix("city of ").removeprefix("town of ").removesuffix(" borough")
        assert town_counties(row["state"], town) == {row["fips"]}, row


@pytest.mark.parametrize(
    ("state", "agency", "expected"),
    [
        ("FL", "Tampa Police Department", "Hillsborough"),
        ("FL", "Orlando Police Department", "Orange"),
        ("FL", "Panama City Police Dept.", "Bay"),
        ("FL", "Macro Island Police Department", "Collier"),
        ("FL", "University of Florida Police Department", "Alachua"),
        ("FL", "Longboat Key Police Department", None),  # in two counties
        ("TX", "Nixon Police Department", None),  # in two counties
        ("PA", "Derry Township Constable's Office", None),  # four townships
        ("FL", "Kershaw County Sheriff's Office", None),  # a county in South Carolina
        ("NC", "Albemarle District Jail", None),  # serves three counties
    ],
)
def test_an_agency_without_a_county_gets_ours_and_none_where_two_fit(state, agency, expected):
    for printed in ("", "#N/A"):
        found = county_of(state, printed, agency)
        assert (found and found.name) == expected


def test_what_ice_prints_comes_first():
    assert county_of("FL", "Pinellas County", "Tampa Police Department").name == "Pinellas"
    assert county_of("SC", "Lackawanna County", "Scranton Police Department") is None


def test_a_watcher_of_a_county_hears_of_an_agency_there_for_which_ice_prints_none():
    watched = Filter(counties={"FL/hillsborough": 0})
    assert watched.has(listed("Tampa Police Department"))
    assert not watched.has(listed("Orlando Police Department"))
    assert watched.has(listed("Tampa Police Department", county="Hillsborough"))


@pytest.mark.slow
@needs_archive
def test_every_local_agency_that_ice_ever_listed_without_a_county_has_been_reviewed():
    missing, counted = set(), Counter()
    for a in agreements():
        if find_county(a.state, a.county) or county_of_agency(a.state, a.agency):
            continue
        if AgencyType.STATE in agency_types(a.state, a.agency_type, a.agency) or a.county:
            continue
        reading = reading_of(a.state, a.agency)
        counted["placed" if reading and reading[0] else "none"] += 1
        if reading is None:
            missing.add((a.state, a.agency))
    assert not missing
    assert counted["placed"] > 6 * counted["none"], counted
