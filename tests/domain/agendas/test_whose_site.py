"""The words by which a site says whose it is, from real titles and footers."""

import pytest

from bot.domain.agenda import Certainty, Place
from bot.domain.agendas.whose_site import stated_place, why_another
from bot.sources.formats.html import names_and_text


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
        # another state's city in the footer, or the address of who made the site
        (place("Johnson County", "KS"), "Agendas", "Mail: PO Box 9 Kansas City, MO 64106. Johnson County, Kansas"),
        (
            place("Kent", "OH"),
            "Agenda Center",
            "City of Kent, Ohio. Website by CivicPlus, 302 S 4th St, Manhattan, KS 66502",
        ),
        (place("Kent", "OH"), "Agenda Center", "Powered by Granicus 408 Saint Peter St, St. Paul, MN 55102"),
        # a namesake or its capital in an item
        (
            place("Lake County", "IN", county="Lake"),
            "Agendas - Lake County, Indiana",
            "Agreement with Lake County, 18 N County St, Waukegan, IL 60085",
        ),
        (
            place("Lake County", "IN", county="Lake"),
            "Agendas",
            "Travel to Waukegan, IL 60085. 2293 N Main St, Crown Point, IN 46307",
        ),
        (place("Washington County", "PA"), "Meetings", "Letter to Congress, Washington, DC 20515"),
        (
            place("Washington", "NC"),
            "City of Washington, North Carolina",
            "Letter to the U.S. Senate, Washington, DC 20510",
        ),
        # words that only look like a state
        (place("Kent", "OH"), "AGENDAS, OR MINUTES", ""),
        (place("Kent", "OH"), "Forms, IN English", ""),
        (place("Wilmington", "NC"), "Twin with Dover, DE | City of Wilmington, NC", ""),
        (place("Nevada", "IA"), "City of Nevada, Iowa", ""),
        (place("Nashville", "TN", county="Davidson"), "Metropolitan Nashville & Davidson County, Tennessee", ""),
        (place("Augusta", "GA"), "Augusta-Richmond County, GA", ""),
        (place("Vancouver", "WA"), "Meetings | Vancouver Washington", ""),
        (place("Morris Township", "NJ"), "Township of Morris - Agendas", ""),
        (place("Ayden", "NC", county="Pitt"), "Pitt County, NC", ""),
        (place("Lincoln County", "NE", county="Lincoln"), "Lincoln County, NE", ""),
        (place("Lincoln", "NE", county="Lancaster"), "Lincoln & Lancaster County, NE", ""),
        (place("Lake County", "IN", county="Lake"), "Serving Lake County and Porter County, Indiana", ""),
        (place("Port Washington", "WI"), "City of Port Washington, Wisconsin", ""),
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
        (place("Lake County", "IN", county="Lake"), "Agendas", "18 N County St, Waukegan, IL 60085", "Illinois"),
        (place("Springfield", "MI"), "Agendas", "Town hall, 2459 Canfield Rd, Akron, OH 44312", "Ohio"),
        (place("Kansas City", "KS"), "Agendas", "414 E 12th St, Kansas City, MO 64106", "Missouri"),
        (place("Richmond", "IN"), "Meetings | City of Richmond Virginia", "", "Virginia"),
        (place("Port Washington", "WI"), "Port Washington, New York", "", "New York"),
        (place("Lincoln", "NE", county="Lancaster"), "Lincoln County, NE", "", "Lincoln County"),
        (place("Lincoln", "NE", county="Lancaster"), "County of Lincoln - Agendas", "", "County of Lincoln"),
        (place("Washington", "NC", county="Beaufort"), "Meetings - Washington County", "", "Washington County"),
        (place("Washington", "PA", county="Washington"), "Washington, DC", "", "Washington, DC"),
        (place("Columbus", "MS"), "Columbus Consolidated Government, Georgia", "", "Georgia"),
        (
            place("Lake County", "IN", county="Lake"),
            "Agenda Center • Lake County, IL • CivicEngage",
            "",
            "Lake County, IL",
        ),
    ],
)
def test_a_site_that_names_another_place_or_state_is_not_the_place_s(mine, title, text, why):
    assert why in why_another(mine, [title], text)


def test_a_number_after_a_state_counts_only_if_it_is_a_zip_code_of_that_state():
    assert why_another(place("Kent", "OH"), ["Agendas"], "Form IN 44240, ordinance OR 00001") == ""


def test_a_source_that_answered_may_have_a_title_with_another_name_in_its_state():
    assert why_another(place("Winston", "NC", Certainty.ANSWERED), ["Agendas • Winston-Salem, NC"], "") == ""


@pytest.mark.parametrize(
    ("mine", "footer", "item", "why"),
    [
        ("Lake County, IN", "2293 N Main St, Crown Point, IN 46307", "Waukegan, IL 60085, Waukegan, IL 60085", ""),
        ("Lake County, IN", "18 N County St, Waukegan, IL 60085", "Agreement with Lake County, Indiana", "Illinois"),
        ("Long Beach, NY", "411 W. Ocean Blvd. Long Beach, CA 90802", "The New York office", "California"),
        ("Johnson County, KS", "Mail to PO Box 9, Kansas City, MO 64106", "The State of Kansas", ""),
        ("Johnson County, KS", "Design by Acme, Kansas City, MO 64106", "111 S Cherry St, Olathe, KS 66061", ""),
    ],
)
def test_a_footer_says_more_than_an_item(mine, footer, item, why):
    name, state = mine.split(", ")
    page = f"<title>Agendas</title><p>{item}</p><div class='site-footer'>{footer}</div>".encode()
    found = why_another(place(name, state), *names_and_text(page))
    assert (why in found) if why else not found


@pytest.mark.parametrize(
    ("title", "text", "footer", "stated"),
    [
        ("Meeting Calendar - City of Atlanta, Georgia", "", "", ("City of Atlanta", "GA")),
        ("Meetings | Stevenson Washington", "", "", ("Stevenson", "WA")),
        ("AGENDAS, OR MINUTES", "", "", ("", "")),
        ("Pitt County Government", "Chicago, IL 60601", "1717 W 5th St, Greenville, NC 27834", ("Pitt County", "NC")),
        ("Pitt County Government", "Design by Acme, Chicago, IL 60601", "", ("Pitt County", "")),
    ],
)
def test_a_site_says_its_name_and_its_state(title, text, footer, stated):
    assert stated_place([title], text, footer) == stated
