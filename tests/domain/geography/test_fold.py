"""Counties as people and ICE write them, folded to the state's real ones."""

import random
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from bot.domain.geography.counties import OTHER_NAME, counties
from bot.domain.geography.fold import county_key, county_of, county_of_agency, distinct_name, exact_county, find_county
from bot.domain.geography.states import STATES

REAL = [county for state in STATES for county in counties(state) if county.kind != OTHER_NAME]
FORMS = (
    "{name}",
    "{name} County",
    "{name} county, {state}",
    "County of {name}",
    "{upper} COUNTY",
    "{joined}",
    "{joined}County",
    "{saint} County",
    "{name} Conty",
    "{name} Counry",
    "  {name}   Cnty. ",
)


def named(state: str, written: str) -> str | None:
    county = find_county(state, written)
    return county and f"{county.name} {county.kind}"


@pytest.mark.parametrize("form", FORMS)
def test_every_real_county_is_found_in_every_form(form):
    missed = []
    for county in REAL:
        written = form.format(
            name=county.name,
            state=STATES[county.state],
            upper=county.name.upper(),
            joined=county.name.replace(" ", ""),
            saint=county.name.replace("St. ", "Saint ").replace("Ste. ", "Sainte "),
        )
        found = find_county(county.state, written)
        namesake = found is not None and found.name == county.name  # "Baltimore" alone is the county, not the city
        if found is None or not (found == county or (county.kind == "city" and namesake)):
            missed.append((written, county, found))
    assert missed == []


@pytest.mark.parametrize(
    ("state", "written", "expected"),
    [
        ("FL", "Lake Conty", "Lake county"),
        ("LA", "Saint Landry", "St. Landry parish"),
        ("AL", "Frankin County", "Franklin county"),
        ("AR", "Pop County", "Pope county"),
        ("FL", "St. Luice County", "St. Lucie county"),
        ("KS", "Lyon's County", "Lyon county"),
        ("IL", "La Salle", "LaSalle county"),
        ("FL", "De Soto Cnty", "DeSoto county"),
        ("LA", "St. John", "St. John the Baptist parish"),
        ("MD", "Prince Georges", "Prince George's county"),
        ("PR", "Bayamón", "Bayamon municipio"),
        ("AK", "Yukon Koyukuk", "Yukon-Koyukuk census area"),
        ("AK", "Juneau City and Borough", "Juneau city and borough"),
        ("MD", "Baltimore City", "Baltimore city"),
        ("MD", "Baltimore", "Baltimore county"),
        ("VA", "City of Fairfax", "Fairfax city"),
        ("VA", "James City", "James City county"),
        ("VA", "Charles City County", "Charles City county"),
        ("TX", "Karris County", "Harris county"),
        ("SC", "McCorkmick County", "McCormick county"),
        ("SD", "Shannon County", "Oglala Lakota county"),
        ("NY", "Brooklyn", "Kings county"),
        ("TX", "HARRIS COUNTY, TX", "Harris county"),
    ],
)
def test_a_slip_a_spelling_or_an_old_name_means_the_real_county(state, written, expected):
    assert named(state, written) == expected


@pytest.mark.parametrize(
    ("state", "written"),
    [
        ("FL", "#N/A"),
        ("FL", "#NA"),
        ("FL", "#REF!"),
        ("FL", ""),
        ("FL", "County"),
        ("TX", "Fall County"),  # Falls and Hall are as near
        ("TX", "Plano"),  # a city, and one letter from Llano
        ("OK", "Wichita County"),  # a county of Texas, two slips from Washita
        ("AR", "Bowie County"),  # a county of Texas
        ("TX", "Collin/Dallas"),
        ("TX", "Statewide"),
        ("TX", "Multiple counties"),
        ("XX", "Harris County"),
    ],
)
def test_a_name_that_means_no_county_or_could_mean_two_is_none(state, written):
    assert find_county(state, written) is None


@pytest.mark.parametrize(
    ("state", "agency", "expected"),
    [
        ("TX", "Harris County Sheriff's Office", "Harris"),
        ("TX", "Harris County Constable Precinct 3", "Harris"),
        ("TX", "County of Galveston Sheriff", "Galveston"),
        ("FL", "Santa Rosa County Board of County Commissioners", "Santa Rosa"),
        ("FL", "Sheriff of Lake County", "Lake"),
        ("FL", "Duval Sheriff's Office", "Duval"),
        ("LA", "St. Tammany Parish Sheriff's Office", "St. Tammany"),
        ("PA", "Bucks Conty Sheriff", "Bucks"),
        ("TX", "Lake City Police Department", None),
        ("TX", "Houston Police Department", None),
        ("TX", "Texas Department of Public Safety", None),
        ("NH", "Town of Gorham Police", None),
    ],
)
def test_an_agency_that_bears_the_name_of_a_county_is_in_it(state, agency, expected):
    county = county_of_agency(state, agency)
    assert (county and county.name) == expected


def test_a_county_and_its_namesake_city_have_keys_of_their_own():
    assert county_key("MD", "Baltimore County") == county_key("MD", "baltimore") == "baltimore"
    assert county_key("MD", "Baltimore city") == "baltimore city"
    assert county_key("FL", "Lake Conty") == county_key("FL", "Lake") == "lake"
    assert county_key("FL", "#REF!") == "ref"


def test_the_key_of_a_key_is_the_key_itself():
    """A stored filter holds the key as if someone had written it."""
    for county in REAL:
        key = county_key(county.state, distinct_name(county))
        assert county_key(county.state, key) == key
        assert find_county(county.state, key) == county


@pytest.mark.parametrize(
    ("state", "written", "expected"),
    [
        ("MD", "Baltimore City", "Baltimore city"),
        ("MD", "ciudad de Baltimore", "Baltimore city"),
        ("MD", "Baltimore County", "Baltimore county"),
        ("VA", "James City County", "James City county"),
        ("VA", "Charles City", "Charles City county"),
        ("CA", "Condado Del Norte", "Del Norte county"),
        ("TX", "el condado de Harris", "Harris county"),
        ("LA", "La Salle", "La Salle parish"),
        ("FL", "Lake City", None),  # a town
        ("OH", "Island County Washington", None),
        ("FL", "Lake Conty", None),
        ("FL", "", None),
        ("FL", "County", None),
    ],
)
def test_an_exact_name_has_no_slip_and_city_means_a_city(state, written, expected):
    county = exact_county(state, written)
    assert (county and f"{county.name} {county.kind}") == expected


@pytest.mark.parametrize("printed", ["", "#N/A", "#NA", "#REF!", "German Coast County", "Statewide"])
def test_a_county_that_ice_does_not_print_is_that_of_the_agencys_name(printed):
    assert county_of("LA", printed, "St. Charles Parish Sheriff's Office") == find_county("LA", "St. Charles")
    assert county_of("LA", printed, "Marksville Courthouse") is None
    assert county_of("LA", "Jefferson", "St. Charles Parish Sheriff's Office") == find_county("LA", "Jefferson")


@st.composite
def slipped(draw):
    """A real county and its name with one slip of the pen."""
    county = draw(st.sampled_from(REAL))
    name, dice = county.name, random.Random(draw(st.integers(0, 10**6)))
    at = dice.randrange(len(name))
    letter = dice.choice(string.ascii_lowercase)
    written = dice.choice(
        [
            name[:at] + name[at + 1 :],
            name[:at] + letter + name[at:],
            name[:at] + letter + name[at + 1 :],
            name[:at] + name[at : at + 2][::-1] + name[at + 2 :],
        ]
    )
    return county, written


@given(slipped())
def test_a_slip_never_means_the_farther_of_two_counties(case):
    county, written = case
    found = find_county(county.state, f"{written} County")
    assume(found is not None)
    plain = "".join(filter(str.isalnum, written.casefold().replace("saint", "st").replace("ste.", "st")))

    def distance(name: str) -> int:
        return OSA.distance(plain, "".join(filter(str.isalnum, name.casefold().replace("ste.", "st"))))

    names = {each.name for each in counties(county.state) if each.fips == found.fips}
    nearest = min(distance(each.name) for each in counties(county.state))
    assert min(map(distance, names)) <= nearest + 1  # "and" and "the" don't count
    assert found.state == county.state


@given(slipped())
def test_an_exact_name_is_what_the_fold_finds(case):
    county, written = case
    exact = exact_county(county.state, written)
    assert exact is None or exact == find_county(county.state, written)


@given(st.sampled_from(sorted(STATES)), st.text(max_size=100))
def test_any_text_means_a_county_of_that_state_or_none(state, written):
    for found in (find_county(state, written), exact_county(state, written), county_of_agency(state, written)):
        assert found is None or (found.state == state and found.kind != OTHER_NAME)


@pytest.mark.parametrize(
    ("state", "written", "expected"),
    [
        ("FL", "Dade County", "Miami-Dade county"),
        ("GA", "Dade County", "Dade county"),
        ("LA", "Jeff Davis Parish", "Jefferson Davis parish"),
        ("MS", "Jeff Davis", "Jefferson Davis county"),
        ("TN", "Sparta-White County", "White county"),
        ("GA", "Athens-Clarke County", "Clarke county"),
        ("KY", "Lexington/Fayette", "Fayette county"),
        ("MT", "Butte – Silver Bow", "Silver Bow county"),
        ("TN", "Nashville-White County", None),  # Nashville is in Davidson County
        ("FL", "Dade City", None),  # in Pasco County
        ("FL", "Lake City", None),  # in Columbia County
        ("IA", "Iowa City", None),  # in Johnson County
        ("FL", "Metro-Atlantis County", None),
        ("NV", "Carson City", "Carson City city"),
    ],
)
def test_an_old_name_or_that_of_a_county_and_its_town_means_the_county_and_a_town_elsewhere_does_not(
    state, written, expected
):
    assert named(state, written) == expected


@pytest.mark.parametrize(
    ("state", "printed", "agency", "expected"),
    [
        ("TX", "", "Splendora Police Department", "Montgomery"),
        ("TX", "#n?A", "Splendora Police Department", "Montgomery"),
        ("LA", "#REF!", "Kenner Police Department", "Jefferson"),
        ("FL", "", "City of Port Saint Lucie Police Dept.", "St. Lucie"),
        ("FL", "", "Dade City Police Department", "Pasco"),
        ("TX", "Fall County", "Marlin Police Department", "Falls"),  # Hall is as near, but Marlin isn't in it
        ("LA", "German Coast County", "Kenner Police Department", None),
        ("AR", "Bowie County", "Texarkana Police Department", None),  # a county in Texas
        ("SC", "Lackawanna County", "Scranton Police Department", None),  # a county in Pennsylvania
        ("NC", "Albemarle County", "Albemarle District Jail", None),  # not of the town of Albemarle
        ("FL", "", "Florida State Police Department", None),
        ("PA", "", "Union Township Police Department", None),
        ("TX", "", "Dallas Police Department", None),  # in five counties
    ],
)
def test_a_towns_police_are_in_its_county_if_ice_prints_none_and_there_is_one_such_town(
    state, printed, agency, expected
):
    found = county_of(state, printed, agency)
    assert (found and found.name) == expected
