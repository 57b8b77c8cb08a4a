"""ZIP codes, towns and types of agency, as people type them."""

import pytest

from bot.commands.filters import filter_for
from bot.domain.chat.parser import Misunderstood, Where, where
from bot.domain.chat.replies import choice_label, reading_line, watched
from bot.domain.language import Language

HILLSBOROUGH = ("FL/hillsborough",)


def places(typed):
    found = where(typed)
    return found.states, found.counties, found.agency_types


@pytest.mark.parametrize(
    ("typed", "states", "counties"),
    [
        ("33594", (), HILLSBOROUGH),
        ("33594-1234", (), HILLSBOROUGH),
        ("33101", (), ("FL/miami dade",)),  # P.O. boxes
        ("00601", (), ("PR/adjuntas",)),
        ("FL 33101", (), ("FL/miami dade",)),
        ("Tampa, FL 33602", (), HILLSBOROUGH),
        ("33101, Oklahoma", ("OK",), ("FL/miami dade",)),
        ("10001 and Harris County TX", (), ("NY/new york", "TX/harris")),
        ("Tampa", (), HILLSBOROUGH),
        ("tampa fl", (), HILLSBOROUGH),
        ("Tampa, Florida", (), HILLSBOROUGH),
        ("city of Tampa FL", (), HILLSBOROUGH),
        ("ciudad de Tampa", (), HILLSBOROUGH),
        ("Tampa; Oklahoma", ("OK",), HILLSBOROUGH),
        ("St. Petersburg", (), ("FL/pinellas",)),
        ("Saint Petersburg FL", (), ("FL/pinellas",)),
        ("Texas City", (), ("TX/galveston",)),
        ("Jersey City", (), ("NJ/hudson",)),
        ("Virginia Beach", (), ("VA/virginia beach",)),
        ("Kansas City KS", (), ("KS/wyandotte",)),
        ("Chicago", (), ("IL/cook",)),
        ("Dallas TX", (), ("TX/dallas",)),
        ("condado de Dallas, Texas", (), ("TX/dallas",)),
        ("Houston County TX", (), ("TX/houston",)),
        ("all of Kansas City MO", (), ("MO/jackson", "MO/clay", "MO/platte")),
        ("all of Texas", ("TX",), ()),
        ("all states", ("*",), ()),
        ("Washington", ("WA",), ()),  # a state's name alone is the state
        ("New York", ("NY",), ()),
        ("Oklahoma Kansas", ("OK", "KS"), ()),
        ("San Juan, PR", (), ("PR/san juan",)),
    ],
)
def test_a_zip_code_or_a_town_means_its_county_and_the_longest_name_wins(typed, states, counties):
    assert places(typed) == (states, counties, ())


@pytest.mark.parametrize(
    ("typed", "why", "choices"),
    [
        ("Kansas City", "county_state", ["Kansas City MO", "Kansas City KS"]),
        ("Harris County", "county_state", ["Harris County TX", "Harris County GA"]),
        ("Kansas City MO", "which_county", ["Jackson County MO", "Clay County MO", "Platte County MO"]),
        ("Oklahoma City", "which_county", ["Oklahoma County OK", "Cleveland County OK", "Canadian County OK"]),
        ("New York City", "which_county", ["New York County NY", "Queens County NY", "Kings County NY"]),
        ("ciudad de Dallas, Texas", "which_county", ["Dallas County TX", "Tarrant County TX"]),
        ("Houston TX", "which_county", ["Houston County TX", "Harris County TX"]),  # the city isn't in that county
        ("Dallas", "county_state", ["Dallas TX", "Dallas IA", "Dallas AL"]),
        ("Carson City", "county_state", ["Carson City NV"]),
        ("6103", "no_zip", ["06103"]),
        ("00801", "zip_without_county", ["VI"]),
        ("99999", "unknown_zip", []),
        ("123456", "no_zip", []),
        ("09012", "military_zip", []),
        ("Tampa, TX", "no_county", ["Tampa FL", "Tampa KS", "TX"]),
        ("Kansas City, TX", "no_county", ["Kansas City MO", "Kansas City KS", "TX"]),
    ],
)
def test_what_could_be_several_places_gives_the_choices_and_is_never_guessed(typed, why, choices):
    with pytest.raises(Misunderstood) as fault:
        where(typed)
    assert fault.value.why == why
    assert [choice.text for choice in fault.value.choices][: len(choices)] == choices
    assert bool(fault.value.choices) == bool(choices)
    labels = [choice_label(Language.SPANISH, choice) for choice in fault.value.choices]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    "typed", ["Ohio, Kansas City; Harris County TX", "Ohio; sheriffs in Kansas City; Harris County TX"]
)
def test_a_choice_keeps_everything_else_that_was_typed(typed):
    with pytest.raises(Misunderstood) as fault:
        where(typed)
    found = where(fault.value.choices[1].text)  # Kansas City KS
    assert "TX/harris" in found.counties
    assert "wyandotte" in f"{found.counties} {found.agency_types}"
    assert "OH" in f"{found.states} {found.agency_types}"


@pytest.mark.parametrize(
    ("typed", "entries"),
    [
        ("sheriffs in TX", ["sheriff@TX"]),
        ("Texas sheriffs", ["sheriff@TX"]),
        ("Sheriff's offices of Texas", ["sheriff@TX"]),
        ("alguaciles de Texas", ["sheriff@TX"]),
        ("police in Florida", ["police@FL"]),
        ("la policía de Texas", ["police@TX"]),
        ("all statewide agencies of TX", ["state@TX"]),
        ("state agencies in Texas and Oklahoma", ["state@TX", "state@OK"]),
        ("agencias estatales de Texas", ["state@TX"]),
        ("university police in FL", ["campus@FL"]),
        ("universidades de la Florida", ["campus@FL"]),
        ("constables in PA", ["constable@PA"]),
        ("jails in Kentucky", ["corrections@KY"]),
        ("prosecutors in PA", ["prosecutor@PA"]),
        ("sheriffs and police in Harris County TX", ["sheriff@TX/harris", "police@TX/harris"]),
        ("police in Tampa", ["police@FL/hillsborough"]),
        ("sheriffs in 33594", ["sheriff@FL/hillsborough"]),
        ("sheriffs in TX and FL, police in OH", ["sheriff@TX", "sheriff@FL", "police@OH"]),
        ("sheriffs", ["sheriff@*"]),
        ("all sheriffs in all states", ["sheriff@*"]),
    ],
)
def test_a_type_of_agency_applies_to_the_places_after_it_or_in_front_of_it(typed, entries):
    assert places(typed) == ((), (), tuple(entries))


def test_a_type_of_agency_stands_beside_places_that_are_watched_whole():
    assert places("OK, Harris County TX; sheriffs in GA") == (("OK",), ("TX/harris",), ("sheriff@GA",))
    assert where("College Station TX").counties == ("TX/brazos",)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("Tampa", "Tampa is in Hillsborough County, Florida."),
        ("33594", "33594 is mostly in Hillsborough County, Florida."),
        ("33101", "33101 is in Miami-Dade County, Florida."),
        ("00601", "00601 is mostly in Adjuntas Municipio, Puerto Rico. Part of it may be in Utuado Municipio."),
        ("La Paz County", "La Paz County is in Arizona."),
    ],
)
def test_the_answer_says_which_county_it_is(typed, told):
    [reading] = where(typed).readings
    assert reading_line(Language.ENGLISH, reading).replace(" County. A", " Municipio. A") in {
        told, told.replace(" Municipio", "")
    }  # fmt: skip


def test_settings_say_types_of_agency_without_doubt():
    filter_ = filter_for(where("sheriffs in TX, police in Harris County TX; all statewide agencies"))
    assert watched(Language.ENGLISH, filter_) == (
        "local police in Harris County (Texas), sheriffs in Texas and statewide agencies of all states"
    )
    assert watched(Language.SPANISH, filter_for(where("alguaciles de Texas"))) == "alguaciles en Texas"


def test_where_is_the_same_whether_a_town_or_its_county_was_typed():
    assert where("Hillsborough County FL") == Where(counties=HILLSBOROUGH)
    assert where("Tampa").counties == HILLSBOROUGH
