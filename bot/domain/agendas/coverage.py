"""Count how many counties and cities have a source of agendas, and how many of those with an agreement."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache

from bot.domain.agenda import Place
from bot.domain.agreement import Agreement
from bot.domain.geography.agency_types import AgencyType, agency_types
from bot.domain.geography.counties import main_counties
from bot.domain.geography.fold import county_of
from bot.domain.geography.places import town_counties, town_letters
from bot.domain.geography.states import STATES

_TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "VI"})
_TOWN = re.compile(
    r"(?:(?:the )?(?:city|town|village|borough) of )?(?P<name>.+?),? "
    r"(?:police(?: department| dept)?|pd|department of public safety|public safety(?: department)?)\b.*",
    re.IGNORECASE,
)
_OF_COUNTIES = frozenset({AgencyType.SHERIFF, AgencyType.CORRECTIONS, AgencyType.PROSECUTOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A state's counts, or those of all states if `state` is empty.

    `covered` counties have a source for their own government. The others count the bodies with an agreement on ICE's
    participating list: a sheriff's county, and a police department's city.
    """

    state: str
    counties: int = 0
    covered: int = 0
    agreeing_counties: int = 0
    agreeing_covered: int = 0
    agreeing_cities: int = 0
    cities_covered: int = 0


def coverage(places: Iterable[Place], participating: Iterable[Agreement]) -> Sequence[Coverage]:
    """Return the counts by state, and those of all states at the end. Territories are left out."""
    counties, cities = _covered(places)
    agreeing_counties, agreeing_cities = _agreeing(participating)
    rows = []
    for state in STATES:
        if state in _TERRITORIES:
            continue
        here = set(main_counties(state))
        rows.append(
            Coverage(
                state=state,
                counties=len(here),
                covered=len(here & counties),
                agreeing_counties=len(here & agreeing_counties),
                agreeing_covered=len(here & agreeing_counties & counties),
                agreeing_cities=sum(city[0] == state for city in agreeing_cities),
                cities_covered=sum(city[0] == state for city in agreeing_cities & cities),
            )
        )
    numbers = [field.name for field in fields(Coverage) if field.name != "state"]
    return (*rows, Coverage(state="", **{name: sum(getattr(row, name) for row in rows) for name in numbers}))


def _covered(places: Iterable[Place]) -> tuple[set[str], set[tuple[str, str]]]:
    """Return the FIPS codes of the counties that have a source, and the cities that have one."""
    counties: set[str] = set()
    cities: set[tuple[str, str]] = set()
    for place in places:
        if place.fips:
            counties.add(place.fips)
        cities.add((place.state, town_letters(place.name.removesuffix(f", {place.state}"))))
    return counties, cities


def _agreeing(participating: Iterable[Agreement]) -> tuple[set[str], set[tuple[str, str]]]:
    """Return the counties and the cities whose agencies have an agreement. Statewide agencies belong to neither."""
    counties: set[str] = set()
    cities: set[tuple[str, str]] = set()
    for agreement in participating:
        types = agency_types(agreement.state, agreement.agency_type, agreement.agency)
        if AgencyType.STATE in types or AgencyType.CAMPUS in types:
            continue
        town = _town(agreement.state, agreement.agency) if AgencyType.POLICE in types else ""
        county = county_of(agreement.state, agreement.county, agreement.agency)
        if town:
            cities.add((agreement.state, town))
        elif county is not None and (types & _OF_COUNTIES or agreement.agency_type.casefold() == "county"):
            counties.add(county.fips)
    return counties, cities


@cache
def _town(state: str, agency: str) -> str:
    found = _TOWN.fullmatch(" ".join(agency.split()))
    return town_letters(found["name"]) if found and town_counties(state, found["name"]) else ""
