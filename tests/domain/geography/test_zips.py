"""ZIP codes: each one of the Postal Service has a county or says that it has none."""

import pytest
import zipcodes

from bot.domain.chat.parser import Misunderstood, where
from bot.domain.geography.fold import exact_county
from bot.domain.geography.states import STATES
from bot.domain.geography.zips import is_zip, zip_code
from bot.domain.subscription import county_in


@pytest.mark.slow
def test_every_zip_code_is_read_as_a_county_or_says_that_it_has_none():
    placed, without = 0, []
    for code in sorted(row["zip_code"] for row in zipcodes.list_all()):
        if not zip_code(code).counties:
            with pytest.raises(Misunderstood, match=r"military_zip|zip_without_county"):
                where(code)
            without.append(code)
            continue
        placed += 1
        county = zip_code(code).counties[0]
        if county.is_whole_state:
            assert where(code).states == (county.state,), code
            continue
        [entry] = where(code).counties
        assert county_in(entry) == county, code
    assert placed > 41_900
    assert len([code for code in without if zip_code(code).kind != "military"]) < 60


def test_the_county_is_the_postal_services_unless_the_census_bureau_knows_better():
    other = [
        row["zip_code"]
        for row in zipcodes.list_all()
        if row["state"] in STATES
        and (printed := exact_county(row["state"], row["county"]))
        and (found := zip_code(row["zip_code"])).counties
        and found.counties[0].fips != printed.fips
    ]
    assert len(other) < 300, len(other)


@pytest.mark.parametrize(
    ("code", "state", "first", "others", "kind"),
    [
        ("33594", "FL", "Hillsborough", 0, ""),
        ("33101", "FL", "Miami-Dade", 0, "box"),
        ("00601", "PR", "Adjuntas", 1, ""),
        ("06103", "CT", "Hartford", 0, ""),
        ("20500", "DC", "District of Columbia", 0, ""),
        ("96910", "GU", "Guam", 0, ""),
    ],
)
def test_the_counties_of_a_zip_code(code, state, first, others, kind):
    found = zip_code(code)
    assert (found.state, found.counties[0].name, len(found.counties) - 1, found.kind) == (state, first, others, kind)
    assert zip_code(f"{code}-1234") == found


def test_what_is_written_as_a_zip_code():
    assert all(map(is_zip, ("33594", "33594-1234", "335941234")))
    assert not any(map(is_zip, ("3359", "335944", "33594-12", "TX", "", "33594 1")))
