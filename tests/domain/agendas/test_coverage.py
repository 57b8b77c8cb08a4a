"""How many counties and cities have a source."""

from support.listings import row

from bot.domain.agenda import Place
from bot.domain.agendas.coverage import coverage


def source(name, state, fips=""):
    return Place(name=f"{name}, {state}", state=state, kind="page", address="https://x.gov", fips=fips)


def test_the_50_states_and_dc_have_3143_counties_and_territories_are_left_out():
    *states, us = coverage([], [])
    assert (len(states), us.state, us.counties, us.covered) == (51, "", 3143, 0)


def test_a_sheriff_belongs_to_the_county_and_a_police_department_to_the_city():
    agreements = [
        row("Nash County Sheriff's Office", "NC", county="Nash", agency_type="County"),
        row("Pitt County Sheriff's Office", "NC", county="Pitt", agency_type="County"),
        row("Coral Gables Police Department", "FL", county="Miami-Dade", agency_type="Municipality"),
        row("Town of Davie Police Department", "FL", county="Broward", agency_type="Municipality"),
        row("Florida Highway Patrol", "FL", agency_type="State Agency"),
    ]
    places = [source("Nash County", "NC", "37127"), source("Coral gables", "FL"), source("Rocky Mount", "NC")]
    rows = {one.state: one for one in coverage(places, agreements)}
    assert (rows["NC"].covered, rows["NC"].agreeing_counties, rows["NC"].agreeing_covered) == (1, 2, 1)
    assert (rows["FL"].agreeing_cities, rows["FL"].cities_covered, rows["FL"].agreeing_counties) == (2, 1, 0)
