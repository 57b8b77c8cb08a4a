from collections import Counter

import pytest

from bot.domain.geography.counties import OTHER_NAME, County, counties, county_names, plain_county, real_counties
from bot.domain.geography.states import STATES

KINDS = {
    "county", "parish", "borough", "city and borough", "census area", "municipality", "city", "municipio", "island",
    "district", OTHER_NAME,
}  # fmt: skip
STATE_CODES = {  # the first two digits of every FIPS code of a state
    "AL": "01", "AK": "02", "AZ": "04", "AR": "05", "CA": "06", "CO": "08", "CT": "09", "DE": "10", "DC": "11",
    "FL": "12", "GA": "13", "HI": "15", "ID": "16", "IL": "17", "IN": "18", "IA": "19", "KS": "20", "KY": "21",
    "LA": "22", "ME": "23", "MD": "24", "MA": "25", "MI": "26", "MN": "27", "MS": "28", "MO": "29", "MT": "30",
    "NE": "31", "NV": "32", "NH": "33", "NJ": "34", "NM": "35", "NY": "36", "NC": "37", "ND": "38", "OH": "39",
    "OK": "40", "OR": "41", "PA": "42", "RI": "44", "SC": "45", "SD": "46", "TN": "47", "TX": "48", "UT": "49",
    "VT": "50", "VA": "51", "WA": "53", "WV": "54", "WI": "55", "WY": "56", "AS": "60", "GU": "66", "MP": "69",
    "PR": "72", "VI": "78",
}  # fmt: skip


def test_every_state_has_counties_and_every_fips_code_is_of_its_state():
    for state in STATES:
        assert counties(state)
        for county in counties(state):
            assert county.state == state
            assert county.kind in KINDS
            assert county.name == county.name.strip()
            assert len(county.fips) == 5
            assert county.fips[:2] == STATE_CODES[state]


def test_the_table_has_as_many_counties_as_the_census_and_eleven_other_names():
    kinds = Counter(county.kind for state in STATES for county in counties(state))
    assert sum(kinds.values()) - kinds[OTHER_NAME] == 3_143 + 91  # the states with D.C., and the territories
    assert kinds[OTHER_NAME] == 11
    assert kinds["parish"] == 64
    assert kinds["municipio"] == 78
    assert len(counties("TX")) == 254
    assert sum(len(county_names(state)) for state in STATES) == 3_239


def test_one_code_is_one_county_and_any_other_name_is_beside_it():
    for state in STATES:
        codes = [county.fips for county in counties(state) if county.kind != OTHER_NAME]
        assert len(codes) == len(set(codes))
        assert codes == sorted(codes)
        assert {county.fips for county in counties(state) if county.kind == OTHER_NAME} <= set(codes)


@pytest.mark.parametrize(
    ("state", "fips", "name", "kind"),
    [
        ("FL", "12086", "Miami-Dade", "county"),
        ("LA", "22071", "Orleans", "parish"),
        ("AK", "02158", "Kusilvak", "census area"),
        ("AK", "02158", "Wade Hampton", OTHER_NAME),
        ("SD", "46102", "Oglala Lakota", "county"),
        ("SD", "46102", "Shannon", OTHER_NAME),
        ("FL", "12086", "Dade", OTHER_NAME),
        ("LA", "22053", "Jeff Davis", OTHER_NAME),
        ("MS", "28065", "Jeff Davis", OTHER_NAME),
        ("MD", "24005", "Baltimore", "county"),
        ("MD", "24510", "Baltimore", "city"),
        ("NV", "32510", "Carson City", "city"),
        ("CT", "09001", "Fairfield", "county"),
        ("NY", "36047", "Brooklyn", OTHER_NAME),
        ("PR", "72127", "San Juan", "municipio"),
        ("GU", "66010", "Guam", "island"),
    ],
)
def test_a_county_has_its_code_its_name_and_its_kind(state, fips, name, kind):
    assert County(state, fips, name, kind) in counties(state)


def test_a_city_and_a_county_with_one_name_are_one_name():
    assert county_names("MD").count("Baltimore") == 1
    assert [county.fips for county in counties("MD") if county.name == "Baltimore"] == ["24005", "24510"]


def test_an_unknown_postal_code_has_no_counties():
    assert counties("XX") == county_names("XX") == ()
    assert real_counties("XX") == frozenset()


@pytest.mark.parametrize(
    ("printed", "plain"),
    [
        ("Harris County", "harris"),
        ("ST. JOHN THE BAPTIST PARISH", "st john the baptist"),
        ("Prince George's", "prince georges"),
        ("Miami-Dade", "miami dade"),
        ("Kenai Peninsula Borough", "kenai peninsula"),
        ("", ""),
    ],
)
def test_a_county_is_compared_without_the_word_the_case_and_the_punctuation(printed, plain):
    assert plain_county(printed) == plain


def test_folding_never_makes_one_county_of_two():
    for state in STATES:
        folded = Counter(plain_county(name) for name in county_names(state))
        assert [name for name, times in folded.items() if times > 1] == []
        assert real_counties(state) == folded.keys()
