"""Rows that are one agreement, and rows that only look like one."""

from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.listings import A_DAY, ANOTHER_DAY, changes, kinds, moa, row

from bot.domain.agreement import SupportType
from bot.domain.geography.counties import county_names, plain_county
from bot.domain.geography.states import STATES
from bot.domain.lists.matching import RULES, Pair, best_pairs, heaviest, is_second_row


def rules(left, joined):
    """Return the reasons of all rules that apply to two rows."""
    return [because for _, because, holds in RULES if holds(Pair(left, joined))]


def are_paired(left, joined):
    return bool(best_pairs([left], [joined]))


MOA_AND_DATE = "the same MOA and signing date"
SAME_NAME_AND_DATE = "the same name apart from generic words, and the same signing date or MOA"
SLIP_AND_DATE = "a slip of the pen in the name, and the same signing date or MOA"
SLIPS = "slips of the pen in the name, and the same signing date, type and county"
ALIKE_AND_MOA = "a similar name, the same MOA, and a slip of the pen in the signing date"
SAME_BODY = "the same body, one of its names incomplete, and the same signing date"
ALIKE_DATE_COUNTY = "a similar name, and the same signing date, type and county"
BY_COUNTY = "the same body of the same county, and the same signing date"
SLIP_AND_COUNTY = "one slip of the pen in the name, another county, and the same signing date and type"
SAME_NAME = "the same name apart from generic words"
SLIP_NEAR_DATE = "a slip of the pen in the name and in the signing date, in the same county"
OTHER_STATE = "the same in everything but the state"
TYPE_WITHIN_DAYS = "the same agency and county; the support type and the signing date were corrected within days"
OTHER_TYPE = "the same in everything but the support type"

JULY_2, JULY_3 = date(2025, 7, 2), date(2025, 7, 3)
CONSTABLE = row("Tennessee State Constable 4th District", "TN", "Polk County")
FREEDOM = row("Freedom County Sheriff's Office", "MN", "Freedom County", agency_type="County")
FREEBORN = row("Freeborn County Sheriff's Office", "MN", "Freeborn County", agency_type="County")

ONE_RULE_DECIDES = [
    (
        MOA_AND_DATE,
        row("Okaloosa County Sheriff's Office", moa=moa("okaloosa")),
        row("Okaloosa County Department of Corrections", moa=moa("okaloosa")),
    ),
    (
        SAME_NAME_AND_DATE,
        row("Pasco County Board of County Commissioners", agency_type="County"),
        row("Pasco County Board of County Commissioners/ Corrections"),
    ),
    (
        SLIP_AND_DATE,
        row("Macro Island Police Department", agency_type="Municipality"),
        row("Marco Island Police Department"),
    ),
    (
        SLIPS,
        row("Bustis Police Department", county="Lake County"),
        row("Eustis Police Department", county="Lake Conty"),
    ),
    (
        ALIKE_AND_MOA,
        row("Brookfield Police Department", "NC", moa=moa("brookford"), signed=JULY_2),
        row("Brookford Police Department", "NC", moa=moa("brookford"), signed=JULY_3),
    ),
    (
        SAME_BODY,
        row("University of West Florida Board of Trustees"),
        row("University of West Florida Police Department"),
    ),
    (ALIKE_DATE_COUNTY, FREEDOM, FREEBORN),
    (BY_COUNTY, CONSTABLE, row("Polk County Constable District 4", "TN", "Polk County")),
    (
        SLIP_AND_COUNTY,
        row("Macro Island Police Department", county="Lee County"),
        row("Marco Island Police Department", county="Collier County"),
    ),
    (
        SAME_NAME,
        row("Tampa Police Department", signed=ANOTHER_DAY),
        row("City of Tampa Police Department"),
    ),
    (
        SLIP_NEAR_DATE,
        row("Lampass County Sheriff's Office", "TX", "Lampasas County", signed=JULY_2),
        row("Lampasas County Sheriff's Office", "TX", "Lampasas County", signed=JULY_3),
    ),
    (
        OTHER_STATE,
        row("Crow Wing County Sheriff's Office", "MA", "Crow Wing County", kind="WSO"),
        row("Crow Wing County Sheriff's Office", "MN", "Crow Wing County", kind="WSO"),
    ),
    (
        TYPE_WITHIN_DAYS,
        row("Bell County Sheriff's Office", "TX", kind="JEM", signed=JULY_2),
        row("Bell County Sheriff's Office", "TX", kind="WSO", signed=JULY_3),
    ),
    (
        OTHER_TYPE,
        row("Bell County Sheriff's Office", "TX", kind="JEM", moa=moa("bell")),
        row("Bell County Sheriff's Office", "TX", kind="WSO", moa=moa("bell")),
    ),
]


@pytest.mark.parametrize(("because", "left", "joined"), ONE_RULE_DECIDES, ids=[case[0] for case in ONE_RULE_DECIDES])
def test_each_rule_decides_a_pair_no_other_rule_decides(because, left, joined):
    assert rules(left, joined) == [because]
    assert [pair.because for pair in best_pairs([left], [joined])] == [because]


def test_every_rule_has_an_example_of_its_own():
    assert [because for because, _, _ in ONE_RULE_DECIDES] == [because for _, because, _ in RULES]


def test_stronger_evidence_comes_first():
    weights = [weight for weight, _, _ in RULES]
    assert weights == sorted(weights, reverse=True)


CASES = {because: (left, joined) for because, left, joined in ONE_RULE_DECIDES}
FAR = date(2024, 1, 31)


def spoilt(because, *, left=None, joined=None):
    """A rule's example without one piece of its evidence."""
    one, other = CASES[because]
    return replace(one, **(left or {})), replace(other, **(joined or {}))


NOT_ENOUGH = [
    (MOA_AND_DATE, "another MOA", spoilt(MOA_AND_DATE, joined={"moa": moa("other")})),
    (MOA_AND_DATE, "no MOA", spoilt(MOA_AND_DATE, left={"moa": None}, joined={"moa": None})),
    (MOA_AND_DATE, "another date", spoilt(MOA_AND_DATE, joined={"signed": FAR})),
    (MOA_AND_DATE, "another state", spoilt(MOA_AND_DATE, joined={"state": "GA"})),
    (MOA_AND_DATE, "another support type", spoilt(MOA_AND_DATE, joined={"support_type": SupportType.JEM})),
    (
        MOA_AND_DATE,
        "another precinct",
        (
            row("Hill County Constable Precinct 1", "TX", moa=moa("hill")),
            row("Hill County Constable Precinct 2", "TX", moa=moa("hill")),
        ),
    ),
    (
        SAME_NAME_AND_DATE,
        "another real county",
        (row("Town of Jay Police", "FL", "Lee County"), row("Jay Police", "FL", "Levy County")),
    ),
    (SAME_NAME_AND_DATE, "neither date nor MOA", spoilt(SAME_NAME_AND_DATE, joined={"signed": FAR})),
    (SAME_NAME_AND_DATE, "another state", spoilt(SAME_NAME_AND_DATE, joined={"state": "GA"})),
    (SLIP_AND_DATE, "neither date nor MOA", spoilt(SLIP_AND_DATE, joined={"signed": FAR})),
    (SLIP_AND_DATE, "another state", spoilt(SLIP_AND_DATE, joined={"state": "GA"})),
    (
        SLIP_AND_DATE,
        "another county",
        spoilt(SLIP_AND_DATE, left={"county": "Lee County"}, joined={"county": "Collier County"}),
    ),
    (ALIKE_AND_MOA, "another MOA", spoilt(ALIKE_AND_MOA, joined={"moa": moa("other")})),
    (ALIKE_AND_MOA, "a date far away", spoilt(ALIKE_AND_MOA, joined={"signed": FAR})),
    (ALIKE_AND_MOA, "another state", spoilt(ALIKE_AND_MOA, joined={"state": "SC"})),
    (
        ALIKE_AND_MOA,
        "a name that is not like it",
        (
            row("Edgewater Police Department", moa=moa("edgewood"), signed=JULY_2),
            row("Mascotte Police Department", moa=moa("edgewood"), signed=JULY_3),
        ),
    ),
    (SAME_BODY, "another date", spoilt(SAME_BODY, joined={"signed": FAR})),
    (SAME_BODY, "another state", spoilt(SAME_BODY, joined={"state": "GA"})),
    (SAME_BODY, "two MOAs", spoilt(SAME_BODY, left={"moa": moa("one")}, joined={"moa": moa("other")})),
    (
        SAME_BODY,
        "another county",
        spoilt(SAME_BODY, left={"county": "Bay County"}, joined={"county": "Escambia County"}),
    ),
    (ALIKE_DATE_COUNTY, "another date", spoilt(ALIKE_DATE_COUNTY, joined={"signed": FAR})),
    (ALIKE_DATE_COUNTY, "another state", spoilt(ALIKE_DATE_COUNTY, joined={"state": "WI"})),
    (ALIKE_DATE_COUNTY, "another type", spoilt(ALIKE_DATE_COUNTY, joined={"agency_type": "Municipality"})),
    (ALIKE_DATE_COUNTY, "no county", spoilt(ALIKE_DATE_COUNTY, left={"county": ""}, joined={"county": ""})),
    (ALIKE_DATE_COUNTY, "counties unlike", spoilt(ALIKE_DATE_COUNTY, joined={"county": "Mower County"})),
    (
        ALIKE_DATE_COUNTY,
        "two MOAs",
        spoilt(ALIKE_DATE_COUNTY, left={"moa": moa("one")}, joined={"moa": moa("other")}),
    ),
    (BY_COUNTY, "another date", spoilt(BY_COUNTY, joined={"signed": FAR})),
    (BY_COUNTY, "another state", spoilt(BY_COUNTY, joined={"state": "GA"})),
    (BY_COUNTY, "another county", spoilt(BY_COUNTY, left={"county": "Knox County"})),
    (BY_COUNTY, "two MOAs", spoilt(BY_COUNTY, left={"moa": moa("one")}, joined={"moa": moa("other")})),
    (
        BY_COUNTY,
        "another district",
        (CONSTABLE, row("Polk County Constable District 5", "TN", "Polk County")),
    ),
    (BY_COUNTY, "no County in either name", (CONSTABLE, row("Polk Constable District 4", "TN", "Polk County"))),
    (
        SAME_NAME,
        "another county",
        spoilt(SAME_NAME, left={"county": "Hillsborough County"}, joined={"county": "Pasco County"}),
    ),
    (SAME_NAME, "another state", spoilt(SAME_NAME, joined={"state": "GA"})),
    (SLIP_NEAR_DATE, "a date far away", spoilt(SLIP_NEAR_DATE, joined={"signed": FAR})),
    (SLIP_NEAR_DATE, "no county", spoilt(SLIP_NEAR_DATE, left={"county": ""})),
    (SLIP_NEAR_DATE, "another state", spoilt(SLIP_NEAR_DATE, joined={"state": "LA"})),
    (SLIP_NEAR_DATE, "two MOAs", spoilt(SLIP_NEAR_DATE, left={"moa": moa("one")}, joined={"moa": moa("other")})),
    (
        SLIP_NEAR_DATE,
        "a name that only resembles it",
        (
            row("Brookfield Police Department", "NC", "Catawba County", signed=JULY_2),
            row("Brookford Police Department", "NC", "Catawba County", signed=JULY_3),
        ),
    ),
    (OTHER_STATE, "another date", spoilt(OTHER_STATE, joined={"signed": FAR})),
    (OTHER_STATE, "another support type", spoilt(OTHER_STATE, joined={"support_type": SupportType.JEM})),
    (OTHER_STATE, "another name", spoilt(OTHER_STATE, joined={"canonical": "crow county sheriff office"})),
    (OTHER_STATE, "another type", spoilt(OTHER_STATE, joined={"agency_type": "County"})),
    (OTHER_STATE, "another county", spoilt(OTHER_STATE, joined={"county": "Cass County"})),
    (OTHER_STATE, "two MOAs", spoilt(OTHER_STATE, left={"moa": moa("one")}, joined={"moa": moa("other")})),
    (OTHER_TYPE, "another date", spoilt(OTHER_TYPE, joined={"signed": FAR})),
    (OTHER_TYPE, "one MOA", spoilt(OTHER_TYPE, left={"moa": None})),
    (TYPE_WITHIN_DAYS, "months apart", spoilt(TYPE_WITHIN_DAYS, left={"signed": FAR})),
    (TYPE_WITHIN_DAYS, "an MOA", spoilt(TYPE_WITHIN_DAYS, joined={"moa": moa("bell")})),
    (
        TYPE_WITHIN_DAYS,
        "another county",
        spoilt(TYPE_WITHIN_DAYS, left={"county": "Bell County"}, joined={"county": "Hill County"}),
    ),
    (SLIPS, "another date", spoilt(SLIPS, joined={"signed": FAR})),
    (SLIPS, "two MOAs", spoilt(SLIPS, left={"moa": moa("one")}, joined={"moa": moa("other")})),
    (
        SLIPS,
        "two real places",
        (
            row("Bedford Police Department", "MA", "Middlesex County"),
            row("Medford Police Department", "MA", "Middlesex County"),
        ),
    ),
    (
        SLIP_AND_COUNTY,
        "a township, of which each county may have one",
        (row("Greene Township Police", "PA", "Franklin County"), row("Green Township Police", "PA", "Erie County")),
    ),
    (OTHER_TYPE, "another MOA", spoilt(OTHER_TYPE, joined={"moa": moa("other")})),
    (OTHER_TYPE, "another state", spoilt(OTHER_TYPE, joined={"state": "OK"})),
    (OTHER_TYPE, "another name", spoilt(OTHER_TYPE, joined={"canonical": "ball county sheriff office"})),
]


@pytest.mark.parametrize(
    ("left", "joined"), [pair for _, _, pair in NOT_ENOUGH], ids=[f"{rule}: {what}" for rule, what, _ in NOT_ENOUGH]
)
def test_a_rule_fails_without_its_evidence(left, joined):
    assert not are_paired(left, joined)
    assert not are_paired(joined, left)


@pytest.mark.parametrize(("left", "joined"), [case[1:] for case in ONE_RULE_DECIDES])
def test_rules_hold_in_both_directions(left, joined):
    assert rules(joined, left) == rules(left, joined)


# ── real agencies with similar names ──────────────────────────────────────────────────────────────────────────────────

LOOKALIKES = [
    ("AZ", "Pima County Sheriff's Office", "Pinal County Sheriff's Office", "Pima County", "Pinal County"),
    ("FL", "Melbourne Police Department", "Melbourne Beach Police Department", "Brevard County", ""),
    ("FL", "Melbourne Police Department", "West Melbourne Police Department", "Brevard County", ""),
    ("FL", "University of Florida Police Department", "University of West Florida Police Department", "", ""),
    ("FL", "University of North Florida Police Department", "University of South Florida Police Department", "", ""),
    ("FL", "University of Florida Police Department", "Florida State University Police Department", "", ""),
    ("FL", "University of Florida Board of Trustees", "University of North Florida Board of Trustees", "", ""),
    ("TX", "Hill County Constable Precinct 1", "Hill County Constable Precinct 2", "Hill County", ""),
    ("TX", "Hill County Constable Pct. 1", "Hill County Constable Pct. 2", "Hill County", ""),
    ("TX", "Hill County Constable Precinct One", "Hill County Constable Precinct Two", "Hill County", ""),
    ("TX", "Hill County Constable Pct1", "Hill County Constable Precinct #2", "Hill County", ""),
    ("TX", "Hill County Constable, 1st Precinct", "Hill County Constable Precinct II", "Hill County", ""),
    ("TX", "Constable Precinct 1, Hill County", "Constable Precinct 1, Hall County", "", ""),
    ("TX", "Constable Precinct 3, Dallam County", "Constable Precinct 3, Dallas County", "", ""),
    ("TX", "Hill County Constable Precinct 1", "Hill County Sheriff's Office", "Hill County", ""),
    ("TX", "Galveston Police Department", "Texas City Police Department", "Galveston County", ""),
    ("TX", "Austin ISD Police Department", "Austin Police Department", "Travis County", ""),
    ("TX", "Texas Department of Public Safety", "Texas Department of Criminal Justice", "", ""),
    ("TX", "Goliad County District Attorney", "Goliad County Attorney", "Goliad County", ""),
    ("FL", "Florida Department of Environmental Protection", "Florida Department of Law Enforcement", "", ""),
    ("FL", "Florida Department of Corrections", "Florida Department of Law Enforcement", "", ""),
    (
        "FL",
        "Florida Fish and Wildlife Conservation Commission",
        "Florida Department of Environmental Protection, Division of Law Enforcement",
        "",
        "",
    ),
    ("FL", "Florida Department of Law Enforcement", "Florida Highway Patrol", "", ""),
    ("PA", "Greene Township Police Department", "Green Township Police Department", "Franklin County", "Erie County"),
    ("PA", "Greene Township Constable", "Greene Township Constable's Office", "Franklin County", "Erie County"),
    ("WI", "Town of Hudson Police Department", "Village of Hudson Police Department", "St. Croix County", ""),
    ("PA", "Shippensburg Township Police", "Shippensburg Borough Police", "Cumberland County", ""),
    ("NJ", "Egg Harbor City Police Department", "Egg Harbor Township Police Department", "Atlantic County", ""),
    ("FL", "Lake County Sheriff's Office", "Lake City Police Department", "Lake County", ""),
    ("FL", "Lake County Sheriff's Office", "Lake County Police Department", "Lake County", ""),
    ("GA", "Clayton County Police Department", "Clayton Police Department", "Clayton County", "Rabun County"),
    ("MD", "Baltimore County Police Department", "Baltimore City Police Department", "", ""),
    ("FL", "Marion County Board of County Commissioners", "Marion Police Department", "Marion County", ""),
    ("FL", "St. Johns County Sheriff's Office", "St. Lucie County Sheriff's Office", "", ""),
    ("FL", "Palm Bay Police Department", "Palm Beach Police Department", "", ""),
    ("FL", "Palm Beach Police Department", "Palm Beach Gardens Police Department", "Palm Beach County", ""),
    ("FL", "Palm Beach Police Department", "Palm Beach County Sheriff's Office", "Palm Beach County", ""),
    ("FL", "Lake Worth Police Department", "Lake Worth Beach Police Department", "Palm Beach County", ""),
    ("FL", "Clay County Sheriff's Office", "Bay County Sheriff's Office", "", ""),
    ("TX", "Jackson County Sheriff's Office", "Johnson County Sheriff's Office", "", ""),
    ("TX", "Hood County Sheriff's Office", "Wood County Sheriff's Office", "", ""),
    ("FL", "Jackson County Sheriff's Office", "Jacksonville Sheriff's Office", "", ""),
    ("PA", "Franklin County Sheriff's Office", "Franklin County Constable's Office", "Franklin County", ""),
    ("FL", "Lakeland Police Department", "Oakland Police Department", "", ""),
    ("FL", "Sebastian Police Department", "Sebring Police Department", "", ""),
    ("FL", "Davenport Police Department", "Davie Police Department", "", ""),
    ("FL", "Clermont Police Department", "Clewiston Police Department", "", ""),
    ("FL", "Edgewater Police Department", "Edgewood Police Department", "", ""),
    ("OH", "Clayton Police Department", "Dayton Police Department", "Montgomery County", ""),
    ("MA", "Bedford Police Department", "Medford Police Department", "Middlesex County", ""),
    ("NH", "Conway Police Department", "Center Conway Police Department", "Carroll County", ""),
    ("FL", "Sun City Police Department", "Sun City Center Police Department", "Hillsborough County", ""),
    ("DE", "Delaware State Police", "New Castle County Police Department", "New Castle County", ""),
    ("TN", "Tennessee State Police", "Polk County Police Department", "Polk County", ""),
    ("IL", "Bureau County Sheriff's Office", "Cook County Sheriff's Office", "", ""),
    ("OK", "Oklahoma County Sheriff's Office", "Oklahoma City Police Department", "Oklahoma County", ""),
    ("LA", "St. Martin Parish Sheriff's Office", "St. Mary Parish Sheriff's Office", "", ""),
    ("VA", "Fairfax City Police Department", "Fairfax County Police Department", "", ""),
    ("AK", "Angoon Police Department", "Hoonah Police Department", "Hoonah-Angoon Census Area", ""),
    ("CO", "Pueblo Police Department", "Colorado City Police Department", "Pueblo County", ""),
]


@pytest.mark.parametrize(("state", "one", "other", "county", "other_county"), LOOKALIKES)
def test_real_agencies_with_similar_names_never_pair(state, one, other, county, other_county):
    """Even if both were signed on one day, neither MOA is posted, and the county, unless given, is the same."""
    a = row(one, state, county, agency_type="Municipality")
    b = row(other, state, other_county or county, agency_type="Municipality")
    assert not are_paired(a, b)
    assert not are_paired(b, a)
    assert not is_second_row(Pair(a, b))
    assert kinds(changes([a], [b])) == ["signed", "withdrawn"]
    assert kinds(changes([a], [a, b])) == ["signed"]
    assert kinds(changes([a, b], [b])) == ["withdrawn"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Derry Police Department", "Derry Township Police Department"),
        ("Derry Police Department", "Township of Derry Police Department"),
        ("Melbourne Police Department", "Melbourne Village Police Department"),
        ("Union Police Department", "Union City Police Department"),
        ("Gwinnett Police Department", "Gwinnett County Police Department"),
        ("Goliad County Constable's Office", "Goliad County Constable's Office Precinct 2"),
        (
            "Florida Department of Financial Services",
            "Department of Financial Services, Criminal Investigation Division",
        ),
    ],
)
def test_an_incomplete_name_is_the_same_body_only_if_signed_on_the_same_day(one, other):
    left = row(one, county="Goliad County")
    joined = row(other, county="Goliad County")
    assert are_paired(left, joined)
    assert not are_paired(left, replace(joined, signed=date(2026, 2, 25)))
    assert kinds(changes([left], [left, joined])) == ["signed"]


def test_county_sheriffs_of_one_name_in_two_states_pair_only_if_signed_on_one_day():
    kentucky = row("Christian County Sheriff's Office", "KY", "Christian County", agency_type="County")
    missouri = replace(kentucky, state="MO", signed=date(2026, 2, 25))
    assert not are_paired(kentucky, missouri)
    assert kinds(changes([kentucky], [missouri])) == ["signed", "withdrawn"]
    assert kinds(changes([kentucky], [kentucky, replace(missouri, signed=kentucky.signed)])) == ["signed"]


@pytest.mark.parametrize(
    "name", ["{} County Sheriff's Office", "Constable Precinct 1, {} County", "{} Police Department"]
)
@pytest.mark.slow
def test_no_two_counties_of_the_united_states_pair(name):
    """Even if the county column is empty, both were signed on one day, and no MOA is posted."""
    for state in STATES:
        names = [county for county in county_names(state) if county != "the Bronx"]  # the table has Bronx, too
        rows = [row(name.format(county), state, agency_type="County") for county in names]
        for at, one in enumerate(rows):
            found = best_pairs([one], rows[at + 1 :])
            assert not found, (one.agency, found[0].joined.agency, state)


# ── spellings of one agency ───────────────────────────────────────────────────────────────────────────────────────────

ONE = [
    ("FL", "Pinellas Park PD", "Pinellas Park Police Department"),
    ("FL", "Gulf County BOCC", "Gulf County Board of County Commissioners"),
    ("FL", "Pasco County Board of County Commissioners", "Pasco County Board of County Commissioners/ Corrections"),
    ("FL", "Indian River Shores DPS", "Indian River Shores Department of Public Safety"),
    ("FL", "Indian River Shores Public Safety", "Indian River Shores Police Department"),
    ("FL", "Ft. Myers Police Department", "Fort Myers Police Dept"),
    ("FL", "City of St. Cloud Police Department", "Saint Cloud Police Department"),
    ("FL", "N. Miami Beach P.D.", "North Miami Beach Police Department"),
    ("FL", "Kenneth City", "Kenneth City Police Department"),
    ("FL", "Boca Raton Police Department", "Boca Raton Police Services Department"),
    ("FL", "DeSoto County Sheriff's Office", "De Soto County Sheriff’s Department"),
    ("FL", "Miami–Dade Sheriff's Office", "Miami Dade Sheriffs Office"),
    ("FL", "Office of the Sheriff, Lake County", "Lake County Sheriff's Office"),
    ("FL", "Baker County Sheriff's Office, FL", "Baker County Sheriff's Office"),
    ("LA", "Arnaudville Police Department, LA", "Arnaudville Police Department"),
    ("LA", "Lafourche County Sheriff's Office", "Lafourche Parish Sheriff's Office"),
    ("TX", "Hill County Constable Pct. 1", "Constable Precinct One, Hill County"),
    ("TX", "Hill County Constable Pct1", "Hill County Constable's Office, Precinct No. 1"),
    ("TX", "Hill County Constable Precint 1", "Hill County Contable Precinct 1"),
    ("TX", "Office of the Attorney General", "Texas Office of the Attorney General"),
    ("TX", "Austin ISD Police Department", "Austin Independent School District Police Department"),
    ("MT", "MT Dept of Justice", "Montana Department of Justice"),
    ("PA", "Quarryville Police Department", "Quarryville Borough Police Department"),
    ("PA", "South Pymathuning TWP State Constable", "South Pymatuning Township State Constable"),
    ("PA", "Coolspring Township Constbales Office", "Coolspring Township Constable's Office"),
    ("MO", "Christian County Sherrif's Office", "Christian County Sheriff's Office"),
    ("TN", "Tennessee Department of Safety and Homeland Security / THP", "Dept. of Safety & Homeland Security"),
    ("WY", "Wyoming Highway State Patrol", "Wyoming State Highway Patrol"),
]


@pytest.mark.parametrize(("state", "one", "other"), ONE)
def test_two_spellings_of_one_agency_pair(state, one, other):
    assert not {"signed", "withdrawn"} & {*kinds(changes([row(one, state)], [row(other, state)]))}
    assert not {"signed", "withdrawn"} & {*kinds(changes([row(other, state)], [row(one, state)]))}


def test_an_unreadable_support_type_is_corrected_without_an_moa():
    known = row("Bell County Sheriff's Office", "TX", "Bell County")
    misprint = replace(known, support_type=SupportType.OTHER, printed={"SUPPORT TYPE": "Tsk Frc"})
    assert kinds(changes([known], [misprint])) == ["corrected"]
    assert kinds(changes([misprint], [known])) == ["corrected"]
    for other in ({"county": "Hill County"}, {"signed": ANOTHER_DAY}):
        assert kinds(changes([known], [replace(misprint, **other)])) == ["signed", "withdrawn"]
    two_moas = replace(known, moa=moa("bell")), replace(misprint, moa=moa("other"))
    assert not are_paired(*two_moas)


def test_a_state_and_a_county_are_corrected_together_if_the_moa_is_the_same():
    wrong = row("Lake Placid Police Department", "NY", "Essex County", moa=moa("lakeplacid"))
    right = replace(wrong, state="FL", county="Highlands County")
    assert kinds(changes([wrong], [right])) == ["corrected"]
    assert not are_paired(replace(wrong, moa=None), replace(right, moa=None))


@pytest.mark.parametrize("day", [date(2026, 2, 25), date(2026, 2, 16), date(2026, 2, 6), date(2025, 2, 26)])
def test_one_digit_of_a_date_may_be_wrong(day):
    near = row("Lampass County Sheriff's Office", "TX", "Lampasas County")
    assert Pair(near, replace(near, signed=day)).near_day


@pytest.mark.parametrize("day", [date(2026, 2, 13), date(2026, 3, 25), date(2025, 7, 26)])
def test_a_date_with_two_wrong_digits_is_another_date(day):
    near = row("Lampass County Sheriff's Office", "TX", "Lampasas County")
    assert not Pair(near, replace(near, signed=day)).near_day


def test_the_county_decides_if_neither_row_has_a_date():
    one, other = (row(name, "TX", signed=None) for name in ("Dimit Police", "Dimmit Police"))
    assert not are_paired(one, other)
    assert are_paired(replace(one, county="Dimmit County"), replace(other, county="DIMMIT"))
    assert not are_paired(replace(one, county="Dimmit County"), replace(other, county="Webb County"))
    dated = replace(one, signed=A_DAY, county="Dimmit County")
    assert rules(dated, replace(other, county="Dimmit County")) == [SLIP_NEAR_DATE]  # a missing date is no match
    assert rules(replace(other, county="Dimmit County"), dated) == [SLIP_NEAR_DATE]


def test_two_real_counties_with_similar_names_are_two():
    one = row("Town of Ames Police", "TX", "Hale County", moa=moa("ames"), signed=ANOTHER_DAY)
    assert not are_paired(one, row("Ames Police", "TX", "Hall County", moa=moa("ames")))
    assert are_paired(one, row("Ames Police", "TX", "Halle County", moa=moa("ames")))


# ── second rows ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("other", "is_second"),
    [
        (row("City of Zephyrhills Police Department"), True),
        (row("City of Zephyrhills Police Department", signed=date(2026, 2, 25)), True),
        (row("City of Zephyrhills Police Department", signed=ANOTHER_DAY), False),
        (row("City of Zephyrhills Police Department", county="Pasco County"), True),
        (row("City of Zephyrhills Police Department", county="Polk County", moa=moa("z")), True),
        (row("Zephyrhils Police Department"), False),
        (row("Zephyrhills Township Police Department"), False),
        (row("City of Zephyrhills Police Department", kind="JEM"), False),
        (row("City of Zephyrhills Police Department", "GA"), False),
    ],
)
def test_a_second_row_has_the_same_name_and_nearly_the_same_date(other, is_second):
    assert is_second_row(Pair(row("Zephyrhills Police Department"), other)) is is_second


def test_rows_with_different_counties_or_moas_are_two_agreements():
    one = row("Zephyrhills Police Department", county="Pasco County", moa=moa("z"))
    two = row("City of Zephyrhills Police Department", county="Pasco County", moa=moa("z"))
    assert is_second_row(Pair(one, two))
    assert not is_second_row(Pair(one, replace(two, county="Polk County")))
    assert not is_second_row(Pair(one, replace(two, moa=moa("zz"))))


def test_a_branch_is_a_second_row_if_date_or_moa_is_the_same():
    one = row("Gulf County Sheriff's Office", moa=moa("gulf"))
    branch = row("Gulf County Sheriff's Office Jail", moa=moa("gulf"))
    assert is_second_row(Pair(one, branch))
    assert is_second_row(Pair(one, replace(branch, signed=ANOTHER_DAY)))
    assert is_second_row(Pair(one, replace(branch, moa=None)))
    assert not is_second_row(Pair(one, replace(branch, moa=None, signed=ANOTHER_DAY)))


# ── the best pairs in total ───────────────────────────────────────────────────────────────────────────────────────────


def brute_force(weights):
    """Return the weight of the heaviest matching, by trying all."""
    rows = sorted({i for i, _ in weights})
    columns = sorted({j for _, j in weights}) + [None] * len(rows)
    return max(
        sum(weights.get((i, j), 0) for i, j in zip(rows, chosen, strict=True))
        for chosen in permutations(columns, len(rows))
    )


@given(st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 3)), st.integers(1, 99), max_size=10))
def test_the_matching_is_the_heaviest(weights):
    edges = heaviest(weights)
    assert edges == sorted(edges)
    assert set(edges) <= weights.keys()
    assert len({i for i, _ in edges}) == len({j for _, j in edges}) == len(edges)
    assert sum(weights[edge] for edge in edges) == (brute_force(weights) if weights else 0)


def test_thousands_of_rows_that_do_not_compete_are_matched():
    assert len(heaviest({(i, i): 80 for i in range(20_000)})) == 20_000


def test_the_best_pairs_in_total_win_over_the_first_found():
    day, other_day = date(2026, 2, 26), date(2026, 2, 3)
    left = [row("Hill County Constable", "TX", signed=day), row("Hil County Constable", "TX", signed=day)]
    joined = [
        row("Hill County Constable's Office", "TX", signed=day),
        row("Hil County Constables Dept", "TX", signed=other_day),
    ]
    found = {(pair.left.agency, pair.joined.agency) for pair in best_pairs(left, joined)}
    assert found == {(left[0].agency, joined[0].agency), (left[1].agency, joined[1].agency)}


def test_the_more_similar_of_two_rows_wins_under_the_same_rule():
    left = row("Gulf County Sheriff's Office", moa=moa("gulf"))
    branch, same = row("Gulf County Jail", moa=moa("gulf")), row("Sheriff of Gulf County", moa=moa("gulf"))
    unlike = row("Gulf County Corrections", moa=moa("gulf"))
    for joined in ([branch, same, unlike], [unlike, same, branch]):
        assert [pair.joined for pair in best_pairs([left], joined)] == [same]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("County Constable District 4", "Polk County Constable District 4"),
        ("North Fork Constable", "North Fork Constable, Polk County"),
        ("Ducktown Marshal", "Ducktown Marshal of Polk County"),
    ],
)
def test_a_name_may_add_its_county(one, other):
    assert rules(row(one, "TN", "Polk County"), row(other, "TN", "Polk County")) == [BY_COUNTY]


def test_an_abbreviated_county_in_a_name_is_recognized():
    one = row("Constable District 2", county="St. Johns County")
    other = row("Saint Johns Co. Constable District 2", county="St. Johns County")
    assert rules(one, other) == [BY_COUNTY]


def test_each_row_is_in_at_most_one_pair():
    left = [row("Hill County Constable Pct 1", "TX")]
    joined = [row("Constable Pct 1, Hill County", "TX"), row("Hill County Precinct 1 Constable", "TX")]
    assert len(best_pairs(left, joined)) == 1
    assert len(best_pairs(joined, left)) == 1


@pytest.mark.parametrize(
    ("printed", "plain"),
    [
        ("St. Mary's County", "st marys"),
        ("LaSalle Parish", "lasalle"),
        ("Kenai Peninsula Borough", "kenai peninsula"),
        ("Rappahannock, Shenandoah Counties", "rappahannock shenandoah"),
        ("", ""),
    ],
)
def test_a_county_is_compared_without_the_word_for_its_kind(printed, plain):
    assert plain_county(printed) == plain


@pytest.mark.parametrize(
    ("state", "kind", "before", "now"),
    [
        ("AR", "State Agency", "Arkansas Department of Corrections", "Arkangas Department of Corrections"),
        ("NE", "State Agency", "Nebraska State Patrol", "Nebraska State Pattrol"),
        ("TX", "County", "Bee County Sheriff's Office", "Bee County Sherinf's Office"),
        ("UT", "County", "Utah County Sheriff's Office", "Uaah County Sheriff's Office"),
        ("PA", "Municipality", "Stowe Township Police Department", "Stiwe Township Police Department"),
        ("PA", "Municipality", "Center Township Police Department", "Cenyer Township Police Department"),
        ("PA", "County", "South Pymatuning TWP State Constable", "South Pymatuning TWK State Constable"),
        ("NJ", "Municipality", "Unoin Township Police Department", "Union Township Police Department"),
    ],
)
def test_a_typo_corrected_together_with_the_county_is_one_agreement(state, kind, before, now):
    one, other = county_names(state)[3:5]
    left, joined = (row(name, state, county, agency_type=kind) for name, county in ((before, one), (now, other)))
    assert are_paired(left, joined)


@pytest.mark.parametrize(
    ("state", "one", "other"),
    [
        ("PA", "Green Township Constable", "Greene Township Constable"),
        ("PA", "Fork Township Constable", "Forks Township Constable"),
        ("PA", "Upper Mount Green Township Constable", "Upper Mount Greene Township Constable"),
        ("PA", "Penn Township Constable", "Pen Township Constable"),
        ("PA", "Union Township Constable", "Union Township Canstable"),  # many counties have a Union Township
        ("OH", "Marion Township Police Department", "Morion Township Fire Department"),
        ("TX", "Bee County Sheriff's Office", "Lee County Sheriff's Office"),
        ("LA", "Ward 5 Marshal's Office", "Ward 6 Marshal's Office"),
    ],
)
def test_two_agencies_of_two_counties_are_two_although_their_names_are_a_letter_apart(state, one, other):
    here, there = county_names(state)[3:5]
    left, joined = (row(name, state, county, agency_type="County") for name, county in ((one, here), (other, there)))
    assert not are_paired(left, joined)
