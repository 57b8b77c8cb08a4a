"""The words by which a site says whose it is, from real titles and footers."""

import pytest

from bot.domain.agenda import Certainty, Place
from bot.domain.agendas.whose_site import why_another


def place(name, state, sure=Certainty.GUESSED, county=""):
    return Place(
        name=f"{name}, {state}", state=state, kind="civicplus", address="https://x.gov", sure=sure, county=county
    )


@pytest.mark.parametrize(
    ("mine", "title", "text"),
    [
        (place("Kingsburg", "CA"), "Agenda Center • Kingsburg, CA • CivicEngage", "1401 Draper St Kingsburg, CA 93631"),
        (place("Okaloosa County", "FL", county="Okaloosa"), "Meeting Calendar - Okaloosa County", ""),
        (place("Long Beach", "CA"), "City of Long Beach - Calendar", "411 W. Ocean Blvd. Long Beach, California 90802"),
        (place("Moorhead", "MN"), "Agenda Center", "Vendor: PO Box 1 Fargo, ND 58102. City Hall, Moorhead, MN 56560"),
        (place("St. Cloud", "MN"), "City of Saint Cloud, Minnesota", ""),
        (place("Helena", "MT"), "Agendas", ""),
        (place("Delaware", "OH"), "City of Delaware - Meetings", ""),
        (place("Kansas City", "MO"), "City of Kansas City - Calendar", ""),
    ],
)
def test_a_place_s_own_site_is_believed(mine, title, text):
    assert why_another(mine, [title], text) == ""


@pytest.mark.parametrize(
    ("mine", "title", "text", "why"),
    [
        (place("Long Beach", "NY"), "Calendar", "411 W. Ocean Blvd. Long Beach, CA 90802", "California"),
        (place("Kent", "OH"), "Meetings • New Kent County, VA", "", "New Kent County, VA"),
        (place("Morristown", "NJ"), "Agenda Center • Morris Township, NJ • CivicEngage", "", "Morris Township"),
        (place("Malden", "MA"), "City of Melrose - Meetings", "", "Melrose"),
        (place("Wilmington", "DE", Certainty.ANSWERED), "Agenda Center • Wilmington, NC", "", "Wilmington, NC"),
        (place("Augusta", "ME"), "City of Augusta, Georgia", "", "Georgia"),
    ],
)
def test_a_site_that_names_another_place_or_state_is_not_the_place_s(mine, title, text, why):
    assert why in why_another(mine, [title], text)


def test_a_number_after_a_state_counts_only_if_it_is_a_zip_code_of_that_state():
    assert why_another(place("Kent", "OH"), ["Agendas"], "Form IN 44240, ordinance OR 00001") == ""


def test_a_source_that_answered_may_have_a_title_with_another_name_in_its_state():
    assert why_another(place("Winston", "NC", Certainty.ANSWERED), ["Agendas • Winston-Salem, NC"], "") == ""
