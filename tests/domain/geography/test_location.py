"""The county at a place on the map."""

import math

import pytest

from bot.domain.geography.location import county_at


@pytest.mark.parametrize(
    ("place", "county", "state"),
    [
        ((27.9506, -82.4572), "Hillsborough", "FL"),
        ((29.7604, -95.3698), "Harris", "TX"),
        ((61.2181, -149.9003), "Anchorage", "AK"),
        ((52.9, 172.9), "Aleutians West", "AK"),  # west of the date line
        ((21.3069, -157.8583), "Honolulu", "HI"),
        ((18.4655, -66.1057), "San Juan", "PR"),
        ((13.4443, 144.7937), "Guam", "GU"),
        ((39.2904, -76.6122), "Baltimore", "MD"),
        ((38.9072, -77.0369), "District of Columbia", "DC"),
        ((31.7619, -106.485), "El Paso", "TX"),
    ],
)
def test_a_place_in_a_county_is_sure(place, county, state):
    found = county_at(*place)
    assert found.is_sure
    assert [(each.name, each.state) for each in found.counties] == [(county, state)]
    assert county != "Baltimore" or found.counties[0].kind == "city"


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ((40.7128, -74.02), {"New York", "Hudson"}),  # in the Hudson
        ((33.7, -84.36), {"Fulton", "DeKalb"}),  # Atlanta, near the line
    ],
)
def test_a_place_near_a_line_could_be_in_each_county_there(place, names):
    found = county_at(*place)
    assert not found.is_sure
    assert names <= {county.name for county in found.counties}


@pytest.mark.parametrize(
    "place",
    [
        (32.5149, -117.0382),  # Tijuana
        (31.6904, -106.4245),  # Ciudad Juárez
        (43.65, -79.38),  # Toronto
        (48.85, 2.35),
        (0.0, 0.0),
        (27.5, -90.0),  # the Gulf
        (90.0, 0.0),
        (-200.0, 500.0),
        (math.nan, math.nan),
        (math.inf, 0.0),
    ],
)
def test_a_place_outside_every_county_has_none(place):
    found = county_at(*place)
    assert (found.counties, found.is_sure) == ((), False)
