"""The governments that names stand for: independent cities, parishes, boroughs and cities that are one with a county."""

import pytest

from bot.config.catalog import USUAL_ZONE, usual_zone
from bot.domain.agendas.bodies import body_of, state_at_end
from bot.domain.geography.county_zones import OTHER_ZONES, zone_of_county
from bot.domain.geography.fold import distinct_name, exact_county


@pytest.mark.parametrize(
    ("state", "name", "is_called", "county", "fips"),
    [
        ("TN", "Metropolitan Nashville & Davidson County", "Davidson County", "Davidson", "47037"),
        ("GA", "Augusta-Richmond County", "Richmond County", "Richmond", "13245"),
        ("GA", "Athens Clarke County", "Clarke County", "Clarke", "13059"),
        ("GA", "Columbus Consolidated Government", "Columbus", "", ""),
        ("IN", "City of Indianapolis and Marion County", "Marion County", "Marion", "18097"),
        ("KY", "Louisville/Jefferson County Metro Government", "Jefferson County", "Jefferson", "21111"),
        ("KS", "Unified Government of Wyandotte County and Kansas City", "Wyandotte County", "Wyandotte", "20209"),
        ("CO", "City and County of Denver", "Denver County", "Denver", "08031"),
        ("LA", "City of Baton Rouge, Parish of East Baton Rouge", "East Baton Rouge Parish", "East Baton Rouge", "22033"),
        ("LA", "Parish of Caddo", "Caddo Parish", "Caddo", "22017"),
        ("LA", "Saint John the Baptist Parish", "St. John the Baptist Parish", "St. John the Baptist", "22095"),
        ("AK", "City and Borough of Juneau", "Juneau", "Juneau", "02110"),
        ("AK", "Municipality of Anchorage", "Anchorage", "Anchorage", "02020"),
        ("AK", "Kenai Peninsula Borough", "Kenai Peninsula Borough", "Kenai Peninsula", "02122"),
        ("VA", "City of Richmond", "Richmond", "Richmond City", "51760"),
        ("VA", "Richmond County", "Richmond County", "Richmond", "51159"),
        ("VA", "James City County", "James City County", "James City", "51095"),
        ("VA", "Bedford", "Bedford", "Bedford", ""),
        ("MD", "Baltimore County", "Baltimore County", "Baltimore", "24005"),
        ("PR", "Municipio de Bayamón", "Bayamon", "Bayamon", ""),
        ("NM", "Doña Ana County", "Dona Ana County", "Dona Ana", "35013"),
        ("NJ", "Township of Hamilton", "Hamilton Township", "", ""),
        ("NC", "Pitt County Board of Commissioners", "Pitt County", "Pitt", "37147"),
        ("NY", "New York", "New York", "", ""),
        ("CO", "Aurora", "Aurora", "", ""),
    ],
)  # fmt: skip
def test_a_name_stands_for_one_government_or_leaves_its_county_open(state, name, is_called, county, fips):
    body = body_of(state, name)
    assert (body.name, body.county_name, body.fips) == (is_called, county, fips)


@pytest.mark.parametrize(
    ("state", "name"), [("GA", "Atlanta-Bibb County"), ("KS", "Wyandotte County and Wichita"), ("NC", "Government"), ("OH", "Columbus Cuyahoga County"), ("NC", "Moon County")]
)  # fmt: skip
def test_what_is_no_government_is_none(state, name):
    assert body_of(state, name) is None


def test_every_county_with_another_time_is_real_and_in_the_catalogs_spelling():
    for (state, zone), names in OTHER_ZONES.items():
        assert zone != USUAL_ZONE[state]
        for name in names.split(", "):
            county = exact_county(state, name)
            assert county is not None, name
            assert distinct_name(county) == name


def test_a_county_without_a_source_has_its_own_time():
    assert usual_zone("TX", "El Paso", []) == "America/Denver"
    assert usual_zone("TX", "Harris", []) == "America/Chicago"
    assert usual_zone("KY", "Wayne", []) == "America/New_York"
    assert zone_of_county("VA", "Richmond City") == ""


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("pittcountync", "NC"),
        ("nashnc", "NC"),
        ("tucsonaz", "AZ"),
        ("cityofflowerybranchga", "GA"),
        ("tulsa-ok-4", "OK"),
        ("victoria", ""),  # not Victor, Iowa
        ("jacksonco", ""),  # a county, of one state or another
        ("clovis", ""),
        ("lacey", ""),
        ("miami", ""),
        ("x", ""),
    ],
)
def test_a_sites_name_may_end_with_its_state(name, state):
    assert state_at_end(name) == state
