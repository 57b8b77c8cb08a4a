"""The repair of what ICE printed: all the dirt its lists have had, and worse."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.agreement import SupportType
from bot.domain.geography.states import STATES
from bot.domain.lists.names import (
    SUPPORT_TYPES,
    Likeness,
    agency_type,
    canonical,
    cell_text,
    likeness,
    name_of,
    signed_date,
    state_code,
    support_type,
    tidy,
    web_address,
)

TODAY = date(2026, 3, 4)
junk = st.text(max_size=40) | st.text("abcST. -'’–,/#1290()\u00a0\u200b", max_size=40)
states = st.sampled_from([*STATES, "??"])
WORDS = """City of Ft. St. Saint Lake County Co. PD P.D. Dept. Sheriff's Sheriffs Office BOCC Twp Boro Constable Pct 1
    Pct2 II First 4th Texas TX FL Florida (FDLE) / THP & And, - – No. # N. Board Police Precinct Miami-Dade de Kalb"""
words = st.sampled_from(WORDS.split())
names = st.lists(words, max_size=8).map(" ".join) | junk


# ── cells ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("  Baker County  Sheriff\u2019s\u00a0Office ", "Baker County Sheriff's Office"),
        ("Collier\u200b County", "Collier County"),
        ("Sheriff`s", "Sheriff's"),
        ("Sheriff\u00b4s \u02bcs \u2032s", "Sheriff's 's 's"),
        ("Muncipality ", "Muncipality"),
        ("Cafe\u0301", "Café"),
        ("a\tb\r\nc", "a b c"),
        ("\ufeffSTATE\u00ad", "STATE"),
        ("", ""),
    ],
)
def test_a_cell_is_tidied(printed, meant):
    assert tidy(printed) == meant


@pytest.mark.parametrize("nothing", ["#N/A", "#n/a", "N/A", "na", "NONE", "-", "--", " ", "", None])
def test_an_empty_cell_is_empty_however_excel_prints_it(nothing):
    assert cell_text(nothing) == ""


@pytest.mark.parametrize(("value", "text"), [(12, "12"), (1.5, "1.5"), (True, "True"), (" Bay ", "Bay")])
def test_a_cell_of_another_type_becomes_text(value, text):
    assert cell_text(value) == text


@given(junk)
def test_tidying_again_changes_nothing(text):
    once = tidy(text)
    assert tidy(once) == once
    assert once == once.strip()
    assert "\u00a0" not in once


# ── states ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("printed", "code"),
    [
        ("PENNSLYVANIA", "PA"),
        ("UTAHJ", "UT"),
        ("UTAh", "UT"),
        ("New Hamsphire", "NH"),
        ("WEST VIRGINIA", "WV"),
        ("VIRGINIA ", "VA"),
        ("West Virgina", "WV"),
        ("Virgina", "VA"),
        ("ARKANSAS", "AR"),
        ("KANSAS", "KS"),
        ("Arkansa", "AR"),
        ("FLORDIA", "FL"),
        ("Tex as", "TX"),
        ("tx", "TX"),
        ("N.Y.", "NY"),
        ("Louisianna", "LA"),
        ("Virgin Islands", "VI"),
        ("U.S. Virgin Islands", "VI"),
        ("Washington, DC", "DC"),
        ("District of Columbia", "DC"),
        ("NORTHERN MARIANA ISLANDS", "MP"),
        ("Puerto Rico", "PR"),
        ("GUAM", "GU"),
        ("North Carolina", "NC"),
        ("South Carolina", "SC"),
        ("Dakota", None),
        ("Carolina", None),
        ("XX", None),
        ("Ohi", None),
        ("", None),
        ("#REF!", None),
        ("Ontario", None),
    ],
)
def test_a_state_is_read_from_its_name_code_or_misprint_and_never_guessed(printed, code):
    assert state_code(printed) == code


@pytest.mark.parametrize(("code", "name"), STATES.items())
def test_every_state_is_read_in_upper_and_lower_case(code, name):
    for text in (code, code.lower(), name, name.upper(), f" {name} "):
        assert state_code(text) == code


@given(junk)
def test_any_text_in_the_state_column_is_a_state_or_none(text):
    assert state_code(text) in {None, *STATES}


@pytest.mark.parametrize("name", STATES.values())
def test_no_state_with_a_wrong_letter_is_read_as_another_state(name):
    for place in range(len(name)):
        for spelt in (name[:place] + name[place + 1 :], name[:place] + name[place] + name[place:]):
            assert state_code(spelt) in {None, state_code(name)}, spelt


# ── support types, types of agency ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("Warrant Services Officer", SupportType.WSO),
        ("Warrant Service Office", SupportType.WSO),
        ("Warrant Service Officer", SupportType.WSO),
        ("Warrent Service Officer", SupportType.WSO),
        ("Task Force Officer", SupportType.TFM),
        ("Task Force Model", SupportType.TFM),
        ("TASK FORCE MODEL ", SupportType.TFM),
        ("Taskforce", SupportType.TFM),
        ("Tsk Force Model", SupportType.TFM),
        ("Jail Enforcement Model", SupportType.JEM),
        ("Jail Enforcment Model", SupportType.JEM),
        ("Jail Enforcement Officer", SupportType.JEM),
        ("JEM", SupportType.JEM),
        ("wso", SupportType.WSO),
        ("TFM", SupportType.TFM),
        ("Tribal Compact", SupportType.OTHER),
        ("", SupportType.OTHER),
    ],
)
def test_a_support_type_is_read_despite_misprints(printed, meant):
    assert support_type(printed) is meant


@pytest.mark.parametrize(("kind", "name"), SUPPORT_TYPES.items())
def test_a_support_type_with_two_wrong_letters_is_still_read(kind, name):
    for place in range(1, len(name)):
        assert support_type(name[: place - 1] + name[place + 1 :]) is kind, place


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("Muncipality ", "Municipality"),
        ("Municipality", "Municipality"),
        ("Municipal", "Municipality"),
        ("COUNTY", "County"),
        ("Couny", "County"),
        ("State", "State Agency"),
        ("State Agency", "State Agency"),
        ("Tribe", "Tribe"),
        ("", ""),
    ],
)
def test_an_agency_type_is_repaired_or_stays_as_printed(printed, meant):
    assert agency_type(printed) == meant


@given(junk)
def test_any_text_in_the_type_columns_is_read(text):
    assert support_type(text) in SupportType
    assert agency_type(text) in {text, "County", "Municipality", "State Agency"}


# ── dates ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("printed", "day"),
    [
        (datetime(2025, 5, 8, tzinfo=UTC), date(2025, 5, 8)),
        (date(2025, 5, 8), date(2025, 5, 8)),
        ("05/082025", date(2025, 5, 8)),
        ("7/72025", date(2025, 7, 7)),
        ("7/7/2025", date(2025, 7, 7)),
        ("07-07-2025", date(2025, 7, 7)),
        ("7/7/25", date(2025, 7, 7)),
        ("07072025", date(2025, 7, 7)),
        ("2025-07-07", date(2025, 7, 7)),
        ("2025-07-07 00:00:00", date(2025, 7, 7)),
        (date(5025, 5, 8), date(2025, 5, 8)),
        ("5/8/5025", date(2025, 5, 8)),
        (date(2062, 5, 8), date(2062, 5, 8)),
        (date(2099, 12, 31), date(2099, 12, 31)),
        (date(2100, 12, 31), date(2000, 12, 31)),
        (TODAY, TODAY),
        (date(1996, 9, 30), date(1996, 9, 30)),
        (date(1996, 9, 29), None),
        (date(1900, 1, 1), None),
        (date(4024, 2, 29), date(2024, 2, 29)),
        (date(5100, 2, 28), date(2000, 2, 28)),
        ("13/45/2025", None),
        ("2/30/2025", None),
        ("pending", None),
        ("7", None),
        ("", None),
        (45_000, None),
        (4.5, None),
        (True, None),
        (None, None),
        ("1/1/" + "9" * 5_000, None),
        ("1/1/99999999999999999999", None),
        ("9" * 30 + "/1/2025", None),
    ],
)
def test_a_date_is_repaired_or_is_none(printed, day):
    assert signed_date(printed) == day


@given(junk | st.text("0123456789/-. ", max_size=30) | st.dates() | st.integers() | st.floats() | st.none())
def test_any_text_in_the_date_column_is_a_day_under_the_law_or_none(value):
    day = signed_date(value)
    assert day is None or date(1996, 9, 30) <= day <= date(2099, 12, 31)


@given(st.dates(date(1996, 9, 30), TODAY))
def test_a_date_is_read_in_every_notation(day):
    for text in (f"{day:%m/%d/%Y}", f"{day.month}/{day.day}/{day.year}", f"{day:%m/%d%Y}", f"{day:%m%d%Y}", f"{day}"):
        assert signed_date(text) == day


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────────────

MOA = "https://www.ice.gov/doclib/287gMOA/Baker.pdf"
SAFE = "https://gcc02.safelinks.protection.outlook.com/?url="


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        (MOA, MOA),
        (f" {MOA}\u00a0", MOA),
        ("http://www.ice.gov/doclib/287gMOA/Baker.pdf", MOA),
        ("https:/www.ice.gov/doclib/287gMOA/Baker.pdf", MOA),
        ("HTTPS://www.ice.gov/doclib/287gMOA/Baker.pdf", MOA),
        (f"{SAFE}https%3A%2F%2Fwww.ice.gov%2Fdoclib%2F287gMOA%2FBaker.pdf&data=05%7C02", MOA),
        (f"{SAFE}{SAFE}https://www.ice.gov/doclib/287gMOA/Baker.pdf", MOA),
        ("chrome-extension://efaidnbmnnnibpcajpcglclefindmkaj/https:/www.ice.gov/doclib/287gMOA/Baker.pdf", MOA),
        ("https://www.ice.gov/a b.pdf", "https://www.ice.gov/a%20b.pdf"),
        ("https://www.ice.gov/a%20b.pdf", "https://www.ice.gov/a%20b.pdf"),
        ("http://example.org/x", "http://example.org/x"),
        ("link pending", None),
        ("link", None),
        ("", None),
        ("mailto:x@example.org", None),
        ("javascript:alert(1)", None),
        ("file:///C:/moa.pdf", None),
        ("https://[::1", None),
        (SAFE, None),
        ("https://", None),
    ],
)
def test_an_address_is_unwrapped(printed, meant):
    assert web_address(printed) == meant


@given(junk | junk.map(lambda text: f"https://{text}") | junk.map(lambda text: SAFE + text))
def test_any_text_in_a_link_is_a_web_address_in_ascii_or_none(text):
    found = web_address(text)
    assert found is None or (found.startswith(("http://", "https://")) and found.isascii() and " " not in found)


@pytest.mark.parametrize(
    "prefix",
    [
        "https://web.archive.org/web/20250603123456/",
        "http://web.archive.org/web/20250603123456id_/",
        "https://web.archive.org/web/20250603123456if_/",
        "https://web.archive.org/web/2025*/",
        "https://www.web.archive.org/web/2/",
        "//web.archive.org/web/20250603123456/",
        "/web/20250603123456im_/",
        "https://web.archive.org/save/",
        "https://archive.ph/20250603123456/",
        "https://archive.today/newest/",
        "https://archive.is/o/AbC12/",
        "https://web.archive.org/web/2025/https://archive.ph/2024/",
    ],
)
@pytest.mark.parametrize("original", [MOA, MOA.replace("https://", "http://"), MOA + "?a=1#page=2"])
def test_an_address_in_a_web_archive_is_its_original(prefix, original):
    assert web_address(prefix + original) == web_address(original)


def test_an_archive_that_shortens_or_encodes_an_address_or_adds_its_port_is_no_other_link():
    original = "https://www.ice.gov/doclib/a.pdf"
    for form in ("http://www.ice.gov:80/doclib/a.pdf", "https:/www.ice.gov/doclib/a.pdf", "www.ice.gov/doclib/a.pdf",
                 "https%3A%2F%2Fwww.ice.gov%2Fdoclib%2Fa.pdf"):  # fmt: skip
        assert web_address(f"https://web.archive.org/web/20250603123456/{form}") == original


@pytest.mark.parametrize(
    "printed",
    [
        "https://web.archive.org/about",
        "https://archive.org/details/287g",
        "https://archive.ph/AbC12",
        "https://www.ice.gov/web/a.pdf",
        "http://county.example:80/a.pdf",
        "https://www.ice.gov/a.pdf?from=https://web.archive.org/web/2025/https://county.example/",
        "https://county.example/web/20250603123456/https://www.ice.gov/a.pdf",
    ],
)
def test_any_other_link_stays_as_printed(printed):
    assert web_address(printed) == printed


def test_an_address_wrapped_without_end_is_none():
    assert web_address("chrome-extension://a/" * 5_000 + MOA) is None


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "printed", "folded"),
    [
        ("FL", "Pinellas Park PD", "pinellas park police department"),
        ("FL", "PINELLAS PARK P.D.", "pinellas park police department"),
        ("FL", "Palm Beach Gardens Police Dept.", "palm beach gardens police department"),
        ("FL", "Gulf County BOCC", "gulf county board of county commissioners"),
        ("FL", "Ft. Myers Police Department", "fort myers police department"),
        ("FL", "St Johns County Sheriff's Office", "saint johns county sheriff office"),
        ("FL", "St.Johns County S.O.", "saint johns county sheriff office"),
        ("FL", "Baker County Sheriff\u2019s Office", "baker county sheriff office"),
        ("FL", "Baker County Sheriffs\u2019 Office", "baker county sheriff office"),
        ("FL", "Miami\u2013Dade Sheriff's Office", "miami dade sheriff office"),
        ("FL", "N. Miami Beach Police", "north miami beach police"),
        ("FL", "Alachua Police Departent", "alachua police department"),
        ("FL", "Baker County Sheriff's Office, FL", "baker county sheriff office"),
        ("FL", "Baker County Sheriff's Office - Florida", "baker county sheriff office"),
        ("FL", "University of Florida", "university of florida"),
        ("FL", "Florida (FDLE)", "florida"),
        ("CO", "Weld Co", "weld county"),
        ("MT", "MT Dept of Justice", "montana department of justice"),
        ("ID", "Mt. Home PD", "mount home police department"),
        ("PA", "South Pymatuning TWP State Constable", "south pymatuning township state constable"),
        ("PA", "Coolspring Township Constbales Office", "coolspring township constbales office"),
        ("TN", "Tennessee State Constable 4th District", "tennessee state constable 4 district"),
        ("TN", "Tennessee Department of Safety / THP", "tennessee department of safety"),
        ("TX", "Hill County Constable Pct. 1", "hill county constable precinct 1"),
        ("TX", "Hill County Constable Pct1", "hill county constable precinct 1"),
        ("TX", "Hill County Constable Precinct One", "hill county constable precinct 1"),
        ("TX", "Hill County Constable Precinct II", "hill county constable precinct 2"),
        ("TX", "Hill County Constable Precinct 01", "hill county constable precinct 1"),
        ("TX", "Texas A&M University Police", "texas a and m university police"),
        ("TX", "Dimmit Couny Sheriff's Office", "dimmit county sheriff office"),
        ("PR", "Policía de Mayagüez", "policia de mayaguez"),
        ("VI", "VI Police", "u s virgin islands police"),
        ("TX", "TX", "texas"),
        ("TX", "", ""),
        ("TX", "!!!", ""),
        ("TX", "Bell County, TX TX", "bell county"),
        ("DE", "City de de", "city"),
    ],
)
def test_a_name_is_folded_for_comparison(state, printed, folded):
    assert canonical(printed, state) == folded


@given(names, states)
def test_folding_again_changes_nothing(text, state):
    once = canonical(text, state)
    assert canonical(once, state) == once
    assert once.isascii()


@given(names, states)
def test_case_spaces_and_curly_apostrophes_do_not_matter(text, state):
    curly = text.replace("'", "\u2019").replace(" ", "\u00a0 ")
    assert canonical(curly, state) == canonical(text, state)
    assert canonical(text.upper().upper(), state) == canonical(text.upper(), state)


@given(names, states)
def test_splitting_a_name_keeps_what_distinguishes_agencies(text, state):
    name = name_of(canonical(text, state), state)
    assert not set(name.words) & (name.kinds | name.numbers)
    assert name.body <= set(name.words)
    assert all(number.isdigit() for number in name.numbers)
    assert name.behind <= name.kinds | {"parish"}


@given(names, names, states)
def test_likeness_is_symmetric(one, other, state):
    a, b = canonical(one, state), canonical(other, state)
    assert likeness(a, b, state) is likeness(b, a, state)


@given(names, states)
def test_a_name_is_the_same_as_itself(text, state):
    name = canonical(text, state)
    assert likeness(name, name, state) is Likeness.SAME


@pytest.mark.parametrize(
    ("state", "one", "other", "how"),
    [
        ("FL", "Tampa Police Department", "City of Tampa Police", Likeness.SAME),
        ("FL", "DeSoto County Sheriff", "De Soto County Sheriff", Likeness.SAME),
        ("FL", "North Port Police", "Northport Police", Likeness.SAME),
        ("LA", "Lafourche County Sheriff", "Lafourche Parish Sheriff", Likeness.SAME),
        ("FL", "Upper Keys Police", "Upper Keys Municipal Police Services Unit", Likeness.SAME),
        ("FL", "University of Tampa Police", "Tampa University Police", Likeness.SAME),
        ("GA", "Fish and Wildlife Division", "Wildlife and Fish Division", Likeness.SAME),
        ("PA", "Unity Township Constable", "Constable Unity Township", Likeness.SAME),
        ("WY", "Wyoming Highway State Patrol", "Wyoming State Highway Patrol", Likeness.SAME),
        ("TX", "Precinct 3 Constable Hill County", "Hill County Constable Precinct 3", Likeness.SAME),
        ("IL", "Park Forest Police Department", "Forest Park Police Department", Likeness.DIFFERENT),
        ("IL", "Village of Park Forest Police", "Police Department of Forest Park", Likeness.DIFFERENT),
        ("IL", "Park Forest Police", "Forest Park Public Safety", Likeness.DIFFERENT),
        ("FL", "Gulf County Jail", "Gulf County Corrections Jail", Likeness.EXTENDED),
        ("FL", "Gulf County Sheriff", "Gulf County Sheriff Detention Facility", Likeness.EXTENDED),
        ("VA", "Western Tidewater Regional Jail", "Western Tidewater Regional Jail Authority", Likeness.EXTENDED),
        ("CT", "Canton Police", "Canton Center Police", Likeness.DIFFERENT),
        ("FL", "Macro Island Police", "Marco Island Police", Likeness.TYPO),
        ("TX", "Somerville County Sheriff", "Somervell County Sheriff", Likeness.TYPO),
        ("TX", "Hill County Sherrif", "Hill County Sheriff", Likeness.TYPO),
        ("VA", "City of Stephens Police", "Stephenson Police", Likeness.LOOKALIKE),
        ("NC", "Brookfield Police", "Brookford Police", Likeness.LOOKALIKE),
        ("FL", "Gulf County Commission", "Gulf County Board of Commissioners", Likeness.BODY),
        ("FL", "Gulf Police", "Gulf Public Safety", Likeness.BODY),
        ("TX", "Hill County Constable", "Hill County Constable Precinct 3", Likeness.BODY),
        ("PA", "Derry Police", "Derry Township Police", Likeness.BODY),
        ("GA", "Department of Natural Resources", "Natural Resources, Game Management Section", Likeness.BODY),
        ("OH", "Clayton Police", "Dayton Police", Likeness.DIFFERENT),
        ("TX", "Ace Police", "Ada Police", Likeness.DIFFERENT),
        ("FL", "Miami Police", "North Miami Police", Likeness.DIFFERENT),
        ("TX", "Constable Precinct 1", "Constable Precinct 2", Likeness.DIFFERENT),
        ("TX", "Hill County Constable", "Hall County Constable Precinct 3", Likeness.DIFFERENT),
        ("PA", "Derry Borough Police", "Derry Township Police", Likeness.DIFFERENT),
        ("FL", "Department of Law Enforcement", "Department of Corrections", Likeness.DIFFERENT),
        ("IL", "Bureau County Sheriff", "Adams County Sheriff", Likeness.DIFFERENT),
        ("TX", "Sheriff of Hale County", "Sheriff of Hall County", Likeness.DIFFERENT),
    ],
)
def test_two_names_have_the_expected_likeness(state, one, other, how):
    assert likeness(canonical(one, state), canonical(other, state), state) is how
