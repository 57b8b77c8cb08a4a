"""The changes between our knowledge and one listing."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.archive import ARCHIVE, needs_archive
from support.listings import (
    A_DAY,
    ANOTHER_DAY,
    COLUMNS,
    FIRST,
    changes,
    kinds,
    known_after,
    listing,
    moa,
    pending,
    respelt,
    row,
)

from bot.domain.agreement import ListName, SupportType
from bot.domain.change import Kind, Known
from bot.domain.geography.counties import county_names
from bot.domain.geography.states import STATES
from bot.domain.lists.matching import Pair, best_pairs, is_second_row
from bot.domain.lists.names import canonical
from bot.domain.lists.reconcile import dropped, reconcile
from bot.errors import Unreadable
from bot.pipeline.replay import document_of, entries
from bot.sources.ice import Ice

TAMPA = row("Tampa Police Department", county="Hillsborough County", moa=moa("tampa"))
BAKER = row("Baker County Sheriff's Office", county="Baker County", agency_type="County")


def only(found):
    """Return the kind of the only change, with the row before and after."""
    (change,) = found
    return change


# ── first sight, signed, withdrawn, reinstated ────────────────────────────────────────────────────────────────────────


def test_the_first_list_is_listed_and_not_news():
    first = reconcile(Known(), listing([TAMPA, BAKER]))
    assert kinds(first.changes) == ["listed", "listed"]
    assert set(first.known.participating) == {TAMPA.key, BAKER.key}


def test_a_new_agreement_is_signed_with_its_row_and_list():
    change = only(changes([BAKER], [BAKER, TAMPA]))
    assert (change.kind, change.agreement.agency, change.row) == (Kind.SIGNED, TAMPA.agency, 3)
    assert (change.publication.name, change.before, change.pending) == ("participating2.xlsx", None, None)


def test_a_missing_agreement_is_withdrawn_with_the_last_list_that_had_it():
    change = only(changes([BAKER, TAMPA], [BAKER]))
    assert (change.kind, change.agreement.facts, change.row) == (Kind.WITHDRAWN, TAMPA.facts, None)
    assert (change.publication.name, change.before.name) == ("participating2.xlsx", "participating1.xlsx")


def test_an_agreement_that_returns_is_reinstated():
    known = known_after([BAKER, TAMPA], [BAKER])
    again = reconcile(known, listing([BAKER, replace(TAMPA, moa=moa("tampa2"))], 3))
    change = only(again.changes)
    assert (change.kind, change.was, change.because) == (Kind.REINSTATED, None, "on the list before")
    assert not again.known.former


@pytest.mark.parametrize(
    "again",
    [
        respelt(TAMPA, "City of Tampa Police Dept."),
        replace(respelt(TAMPA, "Tampa Police"), signed=ANOTHER_DAY, moa=None),
        replace(respelt(TAMPA, "Tampaa Police Department"), moa=None),
        replace(TAMPA, state="GA"),
    ],
    ids=["respelt", "signed anew", "a typo", "another state"],
)
def test_an_agreement_that_returns_under_another_spelling_is_reinstated_under_it(again):
    known = known_after([BAKER, TAMPA], [BAKER])
    found = reconcile(known, listing([BAKER, again], 3))
    change = only(found.changes)
    assert (change.kind, change.agreement.facts, change.was.facts) == (Kind.REINSTATED, again.facts, TAMPA.facts)
    assert (change.row, change.before, change.row_before) == (3, None, None)
    assert found.known.former == {}
    assert set(found.known.participating) == {BAKER.key, again.key}


def test_an_agreement_that_returns_with_its_words_in_another_order_is_signed():
    patrol = row("Wyoming State Highway Patrol", "WY")
    known = known_after([BAKER, patrol], [BAKER])
    swapped = respelt(patrol, "Wyoming Highway State Patrol")
    assert kinds(reconcile(known, listing([BAKER, swapped], 3)).changes) == ["signed"]
    assert kinds(changes([BAKER, patrol], [BAKER, swapped])) == ["renamed"]


def test_a_row_that_matches_two_former_agreements_or_one_of_two_new_rows_is_signed():
    typos = [respelt(TAMPA, "Tampaa Police Department"), respelt(TAMPA, "Tamppa Police Department")]
    one, other = (replace(row, moa=None) for row in typos)
    back = replace(TAMPA, moa=None)
    two_left = known_after([BAKER, one, other], [BAKER])
    assert kinds(reconcile(two_left, listing([BAKER, back], 3)).changes) == ["signed"]
    one_left = known_after([BAKER, back], [BAKER])
    assert kinds(reconcile(one_left, listing([BAKER, one, other], 3)).changes) == ["signed", "signed"]


def test_an_agreement_that_returns_under_its_own_name_does_not_block_another():
    pinellas = row("Pinellas Park Police")
    known = known_after([BAKER, replace(TAMPA, moa=None), pinellas], [BAKER])
    found = reconcile(known, listing([BAKER, TAMPA, respelt(pinellas, "City of Pinellas Park Police")], 3))
    assert kinds(found.changes) == ["reinstated", "reinstated"]


@pytest.mark.parametrize(
    "another",
    [
        respelt(TAMPA, "Temple Terrace Police Department"),
        replace(TAMPA, agency="Tampa International Airport Police", canonical="tampa international airport police"),
        replace(TAMPA, support_type=SupportType.WSO, signed=ANOTHER_DAY),
        respelt(TAMPA, "University Hospital of Tampa Police"),
    ],
    ids=["another agency", "another force", "another support type", "a part of it"],
)
def test_a_different_agreement_is_signed_although_one_left_before(another):
    another = replace(another, moa=None)
    known = known_after([BAKER, replace(TAMPA, moa=None)], [BAKER])
    assert kinds(reconcile(known, listing([BAKER, another], 3)).changes) == ["signed"]


def test_the_other_agreements_of_an_agency_stay():
    both = [TAMPA, replace(TAMPA, support_type=SupportType.WSO)]
    assert only(changes(both, both[1:])).agreement.support_type is SupportType.TFM
    assert only(changes(both[1:], both)).kind is Kind.SIGNED


def test_an_empty_list_withdraws_everything():
    assert kinds(changes([BAKER, TAMPA], [])) == ["withdrawn", "withdrawn"]


# ── renamed, corrected, amended ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (respelt(TAMPA, "TAMPA POLICE DEPT."), ["renamed"]),
        (respelt(TAMPA, "City of Tampa Police Department"), ["renamed"]),
        (replace(TAMPA, county="Pasco County"), ["corrected"]),
        (replace(TAMPA, county=""), ["corrected"]),
        (replace(TAMPA, agency_type="Municipality"), ["corrected"]),
        (replace(TAMPA, moa=moa("tampa-2026")), ["amended"]),
        (replace(TAMPA, moa=None), ["amended"]),
        (replace(TAMPA, addendum=moa("addendum")), ["amended"]),
        (replace(TAMPA, signed=ANOTHER_DAY), ["amended"]),
        (replace(TAMPA, signed=None), ["amended"]),
        (replace(TAMPA, state="GA"), ["corrected"]),
        (replace(TAMPA, support_type=SupportType.WSO), ["corrected"]),
        (replace(TAMPA, printed={"STATE": "FLORDIA"}), []),
        (
            replace(respelt(TAMPA, "Tampa PD"), county="Pasco County", addendum=moa("a")),
            ["amended", "corrected", "renamed"],
        ),
    ],
)
def test_each_changed_cell_gets_its_kind_of_change(now, said):
    assert kinds(changes([TAMPA], [now])) == said
    assert kinds(changes([now], [TAMPA])) == said


def test_a_rename_comes_before_corrections_and_these_before_amendments():
    now = replace(respelt(TAMPA, "City of Tampa PD"), county="Pasco County", addendum=moa("a"))
    renamed, corrected, amended = changes([TAMPA], [now])
    assert (renamed.kind, renamed.was.facts) == (Kind.RENAMED, TAMPA.facts)
    assert renamed.agreement.facts == respelt(TAMPA, "City of Tampa PD").facts
    assert (corrected.kind, corrected.was) == (Kind.CORRECTED, renamed.agreement)
    assert (corrected.agreement.county, corrected.agreement.addendum) == ("Pasco County", None)
    assert (amended.kind, amended.was, amended.agreement.facts) == (Kind.AMENDED, corrected.agreement, now.facts)
    assert {change.before.name for change in (renamed, corrected, amended)} == {"participating1.xlsx"}


def test_one_leaves_and_one_is_renamed():
    found = changes([TAMPA, BAKER], [respelt(TAMPA, "City of Tampa Police Department")])
    assert [(c.kind, c.agreement.agency) for c in found] == [
        (Kind.RENAMED, "City of Tampa Police Department"),
        (Kind.WITHDRAWN, BAKER.agency),
    ]


def test_a_rename_and_its_reversal_are_two_renames():
    other = respelt(TAMPA, "City of Tampa Police Department")
    known = known_after([TAMPA], [other])
    assert only(reconcile(known, listing([TAMPA], 3)).changes).agreement.agency == TAMPA.agency


def test_an_agency_that_left_and_its_namesake_that_joined_in_another_county_are_two():
    franklin = row("Greene Township Police Department", "PA", "Franklin County")
    pike = replace(franklin, county="Pike County", signed=date(2026, 3, 1))
    assert kinds(changes([franklin], [pike])) == ["signed", "withdrawn"]
    for same in ({"signed": A_DAY}, {"county": "Somewhere"}, {"county": ""}, {"signed": None}):
        assert not {"signed", "withdrawn"} & {*kinds(changes([franklin], [replace(pike, **same)]))}
    posted = replace(franklin, moa=moa("greene"))
    assert not {"signed", "withdrawn"} & {*kinds(changes([posted], [replace(pike, moa=posted.moa)]))}
    assert kinds(changes([posted], [replace(pike, moa=moa("pike"))])) == ["signed", "withdrawn"]


# ── rows without a support type ───────────────────────────────────────────────────────────────────────────────────────

WARRANTS = replace(TAMPA, support_type=SupportType.WSO, moa=moa("tampa-wso"))


def untyped(agreement, **more):
    return replace(agreement, support_type=SupportType.OTHER, **more)


def test_a_row_without_a_support_type_is_its_agencys_missing_agreement():
    for bare in (untyped(TAMPA), untyped(TAMPA, signed=ANOTHER_DAY), untyped(TAMPA, moa=None)):
        found = reconcile(known_after([BAKER, TAMPA]), listing([BAKER], 2, untyped=[bare]))
        assert not {Kind.SIGNED, Kind.WITHDRAWN, Kind.CORRECTED, Kind.RENAMED} & {c.kind for c in found.changes}
        assert found.known.rows[ListName.PARTICIPATING] == {BAKER.key: 2, TAMPA.key: 3}


def test_the_missing_agreement_with_the_same_moa_and_date_is_chosen():
    known = known_after([BAKER, TAMPA, WARRANTS])
    one = reconcile(known, listing([BAKER], 2, untyped=[untyped(WARRANTS)]))
    assert [(c.kind, c.agreement.key) for c in one.changes] == [(Kind.WITHDRAWN, TAMPA.key)]
    for both in ([untyped(TAMPA), untyped(WARRANTS)], [untyped(WARRANTS), untyped(TAMPA)]):
        assert reconcile(known, listing([BAKER], 2, untyped=both)).changes == ()


def test_a_row_without_a_support_type_that_matches_no_missing_agreement_is_ignored():
    known = known_after([BAKER, TAMPA])
    for bare in (untyped(TAMPA, signed=ANOTHER_DAY, moa=None), untyped(respelt(TAMPA, "Bell Police")), untyped(BAKER)):
        found = reconcile(known, listing([BAKER], 2, untyped=[bare]))
        assert [(c.kind, c.agreement.key) for c in found.changes] == [(Kind.WITHDRAWN, TAMPA.key)]
    assert reconcile(known, listing([BAKER, TAMPA], 2, untyped=[untyped(respelt(TAMPA, "Bell Police"))])).changes == ()


def test_an_unknown_support_type_is_restored_to_a_row_that_lost_it():
    odd = untyped(TAMPA, printed={"SUPPORT TYPE": "Jail Model"})
    found = reconcile(known_after([BAKER, odd]), listing([BAKER], 2, untyped=[untyped(TAMPA)]))
    assert found.changes == ()


# ── second rows ───────────────────────────────────────────────────────────────────────────────────────────────────────

CITY = respelt(TAMPA, "City of Tampa Police Department")


def test_a_second_row_that_joins_is_listed_and_not_news():
    change = only(changes([TAMPA], [TAMPA, CITY]))
    assert (change.kind, change.because) == (Kind.LISTED, f"a second row of {TAMPA.agency}")


def test_a_second_row_that_leaves_is_not_a_withdrawal():
    change = only(changes([TAMPA, CITY], [TAMPA]))
    assert (change.kind, change.was.facts, change.agreement.facts) == (Kind.RENAMED, CITY.facts, TAMPA.facts)
    assert (change.row, change.before.name, change.row_before) == (2, "participating1.xlsx", 3)
    assert kinds(changes([TAMPA, CITY], [CITY])) == ["renamed"]


def test_the_row_number_is_that_of_the_chosen_row():
    bare = replace(TAMPA, moa=None)
    for rows, number in (([TAMPA, bare, BAKER], 2), ([bare, TAMPA, BAKER], 3)):
        found = reconcile(known_after([BAKER]), listing(rows, 2))
        assert only(found.changes).row == number
        assert found.known.rows[ListName.PARTICIPATING] == {TAMPA.key: number, BAKER.key: 4}


def test_both_rows_are_withdrawn_if_both_leave():
    assert kinds(changes([TAMPA, CITY], [BAKER])) == ["signed", "withdrawn", "withdrawn"]


def test_a_second_row_of_an_agreement_renamed_on_the_same_list_is_not_a_signing():
    found = changes([TAMPA], [CITY, respelt(TAMPA, "City of Tampa Police Dept. Services")])
    assert kinds(found) == ["listed", "renamed"]


def test_a_third_spelling_that_leaves_beside_a_rename_is_not_a_withdrawal():
    third = respelt(TAMPA, "Tampa Police")
    assert not {"signed", "withdrawn"} & {*kinds(changes([TAMPA, CITY], [third]))}


def test_two_rows_of_one_name_are_one_agreement_with_the_known_or_the_fullest_row():
    bare = replace(TAMPA, moa=None, county="")
    assert only(reconcile(Known(), listing([bare, TAMPA])).changes).agreement.facts == TAMPA.facts
    assert changes([TAMPA], [bare, TAMPA]) == ()
    assert changes([bare], [TAMPA, bare]) == ()
    assert kinds(changes([TAMPA, bare], [bare])) == ["amended", "corrected"]


@pytest.mark.parametrize("later", [date(2026, 3, 1), date(2026, 10, 1), None])
def test_the_row_signed_first_counts(later):
    for rows in ([replace(TAMPA, signed=later), TAMPA], [TAMPA, replace(TAMPA, signed=later)]):
        assert only(reconcile(Known(), listing(rows)).changes).agreement.signed == A_DAY


# ── namesakes in two counties ─────────────────────────────────────────────────────────────────────────────────────────

FRANKLIN = row("Greene Township Police Department", "PA", "Franklin County")
PIKE = replace(FRANKLIN, county="Pike County", signed=date(2026, 3, 1))


def test_namesakes_in_two_counties_are_two_agreements():
    change = only(changes([FRANKLIN], [FRANKLIN, PIKE]))
    assert (change.kind, change.agreement.county, change.agreement.place) == (Kind.SIGNED, "Pike County", "pike")
    assert only(changes([FRANKLIN, PIKE], [PIKE])).agreement.county == "Franklin County"
    assert only(changes([FRANKLIN, PIKE], [FRANKLIN])).agreement.county == "Pike County"
    assert kinds(
        reconcile(known_after([FRANKLIN], [FRANKLIN, PIKE], [PIKE]), listing([PIKE, FRANKLIN], 4)).changes
    ) == ["reinstated"]


def test_a_namesake_of_a_former_agency_is_signed_and_not_reinstated():
    known = known_after([FRANKLIN, BAKER], [BAKER])
    for pike in (PIKE, replace(PIKE, signed=A_DAY)):
        assert kinds(reconcile(known, listing([BAKER, pike], 3)).changes) == ["signed"]
    assert kinds(reconcile(known, listing([BAKER, replace(FRANKLIN, signed=ANOTHER_DAY)], 3)).changes) == ["reinstated"]


def test_namesakes_are_found_anywhere_on_the_list():
    for now in ([BAKER, FRANKLIN, PIKE], [FRANKLIN, PIKE, BAKER], [PIKE, BAKER, FRANKLIN]):
        assert kinds(changes([BAKER, FRANKLIN], now)) == ["signed"]


def test_namesakes_signed_on_one_day_are_two_agreements():
    assert kinds(changes([FRANKLIN], [FRANKLIN, replace(PIKE, signed=A_DAY)])) == ["signed"]


def test_one_agreement_listed_under_two_counties_is_one():
    one = replace(FRANKLIN, moa=moa("greene"))
    assert changes([one], [one, replace(one, county="Pike County")]) == ()


def test_an_unreal_county_makes_no_namesake():
    for county in ("Nowhere", "#N/A", "Frankin County", "Frankiln"):  # the last two are Franklin itself
        assert changes([FRANKLIN], [FRANKLIN, replace(PIKE, county=county)]) == ()


def test_a_county_and_an_independent_city_are_namesakes():
    county = row("Special Deputies", "MD", "Baltimore County")
    city = replace(county, county="Baltimore City", signed=date(2026, 3, 1))
    change = only(changes([county], [county, city]))
    assert (change.kind, change.agreement.place) == (Kind.SIGNED, "baltimore city")


@pytest.mark.parametrize("county", ["#N/A", "#REF!", "Pikee County"])
def test_a_namesake_whose_county_was_damaged_has_not_left(county):
    known = known_after([FRANKLIN], [FRANKLIN, PIKE])
    assert not {"signed", "withdrawn"} & set(
        kinds(reconcile(known, listing([FRANKLIN, replace(PIKE, county=county)], 3)).changes)
    )


def test_namesakes_stay_apart_while_the_county_column_is_missing():
    known = known_after([FRANKLIN], [FRANKLIN, PIKE])
    without = [replace(agreement, county="") for agreement in (PIKE, FRANKLIN)]
    third = reconcile(known, listing(without, 3, columns=COLUMNS - {"COUNTY"}))
    assert third.changes == ()
    assert reconcile(third.known, listing([FRANKLIN, PIKE], 4)).changes == ()


def test_an_empty_county_of_a_namesake_is_a_correction_and_not_a_withdrawal():
    known = known_after([FRANKLIN], [FRANKLIN, PIKE])
    third = reconcile(known, listing([FRANKLIN, replace(PIKE, county="")], 3))
    assert kinds(third.changes) == ["corrected"]
    assert kinds(reconcile(third.known, listing([FRANKLIN, PIKE], 4)).changes) == ["corrected"]


def test_a_misspelled_county_of_a_namesake_is_not_a_withdrawal():
    known = known_after([FRANKLIN], [FRANKLIN, PIKE])
    assert not {"signed", "withdrawn"} & {
        *kinds(reconcile(known, listing([FRANKLIN, replace(PIKE, county="Pyke County")], 3)).changes)
    }


def test_constables_named_only_by_precinct_are_distinguished_by_county():
    rows = [row("Constable Precinct 1", "TX", f"{c} County") for c in ("Hill", "Hays", "Hood", "Hunt")]
    known = known_after(rows[:1], rows[:3], rows)
    assert len(known.participating) == 4
    assert only(reconcile(known, listing(rows[1:], 4)).changes).agreement.county == "Hill County"


# ── what a list leaves out ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("column", "field"), [("COUNTY", "county"), ("TYPE", "agency_type"), ("ADDENDUM", "addendum")])
def test_a_missing_column_denies_nothing(column, field):
    full = replace(TAMPA, agency_type="Municipality", addendum=moa("a"))
    less = replace(full, **{field: None if field == "addendum" else ""})
    known = known_after([full])
    second = reconcile(known, listing([less], 2, columns=COLUMNS - {column}))
    assert second.changes == ()
    assert reconcile(second.known, listing([full], 3)).changes == ()
    assert len(reconcile(known, listing([less], 2)).changes) == 1


def test_a_missing_column_denies_nothing_about_a_renamed_agency():
    renamed = reconcile(known_after([TAMPA]), listing([replace(CITY, county="")], 2, columns=COLUMNS - {"COUNTY"}))
    assert kinds(renamed.changes) == ["renamed"]
    assert reconcile(renamed.known, listing([CITY], 3)).changes == ()


def test_an_unreadable_state_denies_nothing():
    unread = replace(TAMPA, state="??", printed={"STATE": "#REF!"})
    second = reconcile(known_after([TAMPA, BAKER]), listing([unread, BAKER], 2))
    assert second.changes == ()
    assert reconcile(second.known, listing([TAMPA, BAKER], 3)).changes == ()


def test_a_row_without_a_state_is_recognized_by_its_moa_despite_another_date():
    later = reconcile(known_after([TAMPA]), listing([replace(TAMPA, state="??", signed=ANOTHER_DAY)], 2))
    assert kinds(later.changes) == ["amended"]
    assert {key.state for key in later.known.participating} == {"FL"}


def test_a_list_with_only_unreadable_states_denies_nothing():
    rows = [row(f"{county} County Sheriff's Office", "PA", f"{county} County") for county in county_names("PA")]
    assert changes(rows, [replace(agreement, state="??") for agreement in rows]) == ()


def test_a_new_row_without_a_state_is_signed_and_corrected_later():
    unread = replace(TAMPA, state="??")
    second = reconcile(known_after([BAKER]), listing([BAKER, unread], 2))
    assert kinds(second.changes) == ["signed"]
    third = only(reconcile(second.known, listing([BAKER, TAMPA], 3)).changes)
    assert (third.kind, third.states) == (Kind.CORRECTED, {"??", "FL"})


def test_a_row_without_a_state_is_not_guessed_between_two():
    twins = [row("Jackson County Sheriff's Office", state, "Jackson County") for state in ("FL", "GA")]
    found = changes(twins, [replace(twins[0], state="??")])
    assert kinds(found) == ["corrected", "withdrawn"]
    one_left = changes(twins, [twins[0], replace(twins[1], state="??")])
    assert one_left == ()


def test_a_row_without_a_state_is_new_if_its_date_or_county_differs():
    for other in ({"signed": ANOTHER_DAY, "moa": None}, {"county": "Pasco County", "moa": None}):
        assert kinds(changes([TAMPA], [replace(TAMPA, state="??", **other)])) == ["signed", "withdrawn"]


# ── the pending list ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_row_on_the_pending_list_is_applied_and_its_day_is_kept():
    known = known_after(listing([BAKER], 1), pending([], 2))
    applied = reconcile(known, pending([TAMPA], 3))
    assert kinds(applied.changes) == ["applied"]
    assert applied.known.pending_since == {TAMPA.key: FIRST + timedelta(days=3)}


def test_a_signing_has_the_day_the_agency_became_pending():
    known = known_after(listing([BAKER], 1), pending([TAMPA], 2), pending([TAMPA], 5))
    signed = reconcile(known, listing([BAKER, TAMPA], 9))
    change = only(signed.changes)
    assert (change.kind, change.pending.agency) == (Kind.SIGNED, TAMPA.agency)
    assert change.pending_since == (FIRST + timedelta(days=2)).date()
    assert not signed.known.pending
    assert not signed.known.pending_since


def test_an_agency_signed_under_another_spelling_was_pending_too():
    known = known_after(listing([BAKER], 1), pending([TAMPA], 2))
    assert only(reconcile(known, listing([BAKER, CITY], 3)).changes).pending.agency == TAMPA.agency


def test_a_signed_agency_still_on_the_pending_list_is_not_applied():
    known = known_after(listing([BAKER, TAMPA], 1), pending([], 2))
    assert reconcile(known, pending([CITY], 3)).changes == ()
    assert reconcile(reconcile(known, pending([CITY], 3)).known, pending([CITY], 4)).changes == ()


def test_a_namesake_in_another_county_has_applied_although_the_first_is_signed():
    known = known_after(listing([FRANKLIN], 1), pending([], 2))
    assert kinds(reconcile(known, pending([PIKE], 3)).changes) == ["applied"]
    assert kinds(reconcile(known, pending([FRANKLIN], 3)).changes) == []
    typo = respelt(FRANKLIN, "Greene Township Polcie Department")
    assert kinds(reconcile(known, pending([replace(typo, county="Franklin County")], 3)).changes) == []


def test_a_slip_in_the_name_on_the_other_list_needs_the_county():
    dimmit = row("Dimmit County Constable", "TX", "Dimmit County")
    known = known_after(listing([dimmit], 1), pending([], 2))
    slip = respelt(dimmit, "Dimit County Constable")
    assert kinds(reconcile(known, pending([slip], 3)).changes) == []
    assert kinds(reconcile(known, pending([replace(slip, county="")], 3)).changes) == ["applied"]


def test_another_agency_has_applied_regardless_of_the_signed_ones():
    bare = replace(TAMPA, county="")
    for signed in (replace(BAKER, county=""), replace(bare, state="GA"), respelt(bare, "Tempe Police Department")):
        known = known_after(listing([signed], 1), pending([], 2))
        assert kinds(reconcile(known, pending([bare], 3)).changes) == ["applied"]
        assert kinds(reconcile(known, pending([CITY], 3)).changes) == ["applied"]


def test_another_support_type_of_a_signed_agency_has_applied():
    known = known_after(listing([TAMPA], 1), pending([], 2))
    assert kinds(reconcile(known, pending([replace(TAMPA, support_type=SupportType.WSO)], 3)).changes) == ["applied"]


def test_an_agency_renamed_on_the_pending_list_keeps_its_first_day():
    known = known_after(listing([BAKER], 1), pending([TAMPA], 2))
    renamed = reconcile(known, pending([CITY], 3))
    assert kinds(renamed.changes) == ["renamed"]
    assert renamed.known.pending_since == {CITY.key: FIRST + timedelta(days=2)}


def test_an_absence_from_the_participating_list_is_not_one_from_the_pending_list():
    known = known_after(listing([BAKER], 1), pending([TAMPA], 2), [BAKER, row("Pike County Sheriff")], [BAKER])
    assert known.absent == {}
    assert dropped(known, FIRST + timedelta(days=99)) == ()


def test_an_application_is_not_dropped_before_seven_days():
    known = known_after(listing([BAKER], 1), pending([TAMPA], 2))
    missing = reconcile(known, pending([], 3))
    assert missing.changes == ()
    assert missing.known.absent == {TAMPA.key: FIRST + timedelta(days=3)}
    assert dropped(missing.known, FIRST + timedelta(days=10) - timedelta(seconds=1)) == ()
    change = only(dropped(missing.known, FIRST + timedelta(days=10)))
    assert (change.kind, change.agreement.agency, change.row) == (Kind.DROPPED, TAMPA.agency, None)
    assert not missing.known.after([change]).pending
    assert not missing.known.after([change]).absent


def test_the_seven_days_span_several_lists_and_end_when_the_application_returns():
    known = known_after(listing([BAKER], 1), pending([TAMPA], 2), pending([], 3), pending([PIKE], 6))
    assert known.absent == {TAMPA.key: FIRST + timedelta(days=3)}
    back = reconcile(known, pending([TAMPA], 8))
    assert TAMPA.key not in back.known.absent
    assert back.known.pending_since[TAMPA.key] == FIRST + timedelta(days=2)
    assert kinds(back.changes) == []


def test_a_pending_list_never_published_drops_nothing():
    assert dropped(Known(), FIRST) == ()
    assert dropped(known_after([BAKER]), FIRST + timedelta(days=99)) == ()


def test_an_unpublished_list_is_not_an_empty_list():
    known = known_after(listing([BAKER], 1), pending([TAMPA], 2))
    later = reconcile(known, listing([BAKER], 40)).known
    assert set(later.pending) == {TAMPA.key}
    assert dropped(later, FIRST + timedelta(days=40)) == ()


def test_the_two_lists_do_not_affect_each_other():
    known = known_after(listing([BAKER], 1), pending([TAMPA], 2), listing([BAKER], 3))
    assert set(known.participating) == {BAKER.key}
    assert set(known.seen) == set(ListName)


# ── properties ────────────────────────────────────────────────────────────────────────────────────────────────────────

PLACES = [(state, county) for state in ("FL", "TX", "PA", "MO", "LA") for county in county_names(state)[:25]]
PATTERNS = [
    ("{} County Sheriff's Office", "County"),
    ("{} County Constable Precinct {}", "County"),
    ("{} Borough Police Department", "Municipality"),
    ("{} Township Police Department", "Municipality"),
    ("St. {} Police Department", "Municipality"),
    ("Fort {} Police Department", "Municipality"),
    ("{} County Board of County Commissioners", "County"),
]
days = st.sampled_from([A_DAY, ANOTHER_DAY, date(2026, 2, 3), date(2025, 4, 15)])


@st.composite
def agreements(draw):
    """A realistic row: of a real county, mostly with an MOA of its own."""
    state, county = draw(st.sampled_from(PLACES))
    pattern, agency_type = draw(st.sampled_from(PATTERNS))
    agency = pattern.format(county, draw(st.integers(1, 4)))
    kind = draw(st.sampled_from(["JEM", "WSO", "TFM"]))
    posted = draw(st.sampled_from([None, f"{state} {agency} {kind}".replace(" ", "-")]))
    return row(
        agency,
        state,
        draw(st.sampled_from([f"{county} County", ""])),
        kind=kind,
        agency_type=agency_type,
        signed=draw(days),
        moa=posted and moa(posted),
    )


lists = st.lists(agreements(), max_size=12, unique_by=lambda a: a.key)
many_filtered = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def typo(agency, place):
    """Swap two letters of the first word, but not the first letter."""
    first, _, rest = agency.partition(" ")
    if len(first) < 6:
        return agency
    at = 1 + place % (len(first) - 2)
    return f"{first[:at]}{first[at + 1]}{first[at]}{first[at + 2 :]} {rest}"


RESPELLINGS = {
    "PD": lambda a, n: a.agency.replace("Police Department", "PD"),
    "Dept.": lambda a, n: a.agency.replace("Department", "Dept."),
    "BOCC": lambda a, n: a.agency.replace("Board of County Commissioners", "BOCC"),
    "SO": lambda a, n: a.agency.replace("Sheriff's Office", "S.O."),
    "Sheriff's Department": lambda a, n: a.agency.replace("Sheriff's Office", "Sheriff's Department"),
    "Saint": lambda a, n: a.agency.replace("St. ", "Saint "),
    "Ft.": lambda a, n: a.agency.replace("Fort ", "Ft. "),
    "Twp": lambda a, n: a.agency.replace("Township", "Twp."),
    "Pct.": lambda a, n: a.agency.replace("Precinct ", "Pct. "),
    "Pct #": lambda a, n: a.agency.replace("Precinct ", "Pct #"),
    "Co.": lambda a, n: a.agency.replace(" County ", " Co. "),
    "without Borough": lambda a, n: a.agency.replace(" Borough", ""),
    "Services": lambda a, n: a.agency.replace("Police Department", "Police Services Department"),
    "City of": lambda a, n: f"City of {a.agency}" if a.agency.startswith(("St. ", "Fort ")) else a.agency,
    "state in front": lambda a, n: f"{STATES[a.state]} {a.agency}",
    "state behind": lambda a, n: f"{a.agency}, {a.state}",
    "upper case": lambda a, n: a.agency.upper(),
    "spaces": lambda a, n: a.agency.replace(" ", "  ") + " ",
    "apostrophe": lambda a, n: a.agency.replace("'", "\u2019"),
    "no apostrophe": lambda a, n: a.agency.replace("'", ""),
    "possessive": lambda a, n: a.agency.replace("Sheriff's", "Sheriffs'"),
    "typo": lambda a, n: typo(a.agency, n),
}


@given(lists, lists)
def test_reconciling_a_list_again_changes_nothing(before, now):
    known = known_after(before, now)
    again = reconcile(known, listing(now, 3))
    assert again.changes == ()
    assert again.known.agreements == known.agreements


@given(lists, lists, st.data())
def test_the_order_of_the_rows_does_not_matter(before, now, data):
    known = known_after(before)
    now = [*now, *before[: len(before) // 2], *now[:1]]
    shuffled = data.draw(st.permutations(now))

    def said(rows):
        found = reconcile(known, listing(rows, 2))
        return [replace(c, row=None) for c in found.changes], found.known.participating

    assert said(now) == said(shuffled)


@many_filtered
@given(lists, st.data())
def test_a_respelled_row_is_never_signed_or_withdrawn(rows, data):
    how = data.draw(st.sampled_from(sorted(RESPELLINGS)))
    place = data.draw(st.integers(0, 9))
    now = [respelt(a, RESPELLINGS[how](a, place)) for a in rows]
    assume(len({a.key for a in now}) == len(rows))
    chosen = data.draw(st.sets(st.sampled_from(range(len(rows))))) if rows else set()
    mixed = [now[n] if n in chosen else rows[n] for n in range(len(rows))]
    assert not {Kind.SIGNED, Kind.WITHDRAWN} & {c.kind for c in changes(rows, mixed)}


@many_filtered
@given(lists, st.data())
def test_a_removed_row_is_always_withdrawn_unless_it_pairs_or_a_second_row_stays(rows, data):
    assume(rows)
    gone = data.draw(st.sampled_from(rows))
    joined = data.draw(lists)
    stays = [a for a in rows if a.key != gone.key]
    now = [*stays, *(a for a in joined if a.key not in {r.key for r in rows})]
    assume(gone.key not in {a.key for a in known_after(now).participating.values()})
    withdrawn = {c.agreement.key for c in changes(rows, now) if c.kind is Kind.WITHDRAWN}
    known = known_after(rows).participating
    assume(gone.key in known and known[gone.key].county == gone.county)
    may_pair = best_pairs([gone], [a for a in now if a.key not in known])
    may_merge = any(is_second_row(Pair(gone, a)) for a in now)
    assert (gone.key in withdrawn) or may_pair or may_merge


@given(lists, lists, lists)
def test_replaying_the_log_gives_the_knowledge(first, second, third):
    known, log = Known(), []
    for number, rows in enumerate((first, second, third), start=1):
        found = reconcile(known, listing(rows, number))
        known, log = found.known, [*log, *found.changes]
    replayed = Known().after(log)
    assert {k: a.facts for k, a in replayed.participating.items()} == {
        k: a.facts for k, a in known.participating.items()
    }
    assert {a.facts for a in replayed.former.values()} == {a.facts for a in known.former.values()}


@given(lists, lists)
def test_the_knowledge_equals_the_list(before, now):
    found = known_after(before, now)
    known, rows = found.participating, found.rows[ListName.PARTICIPATING]
    assert {a.facts[4:] for a in known.values()} <= {a.facts[4:] for a in now}
    assert {(a.agency, a.support_type) for a in known.values()} == {(a.agency, a.support_type) for a in now}
    assert rows.keys() == known.keys()
    assert all(now[rows[key] - 2].agency == a.agency for key, a in known.items())


@given(lists, lists)
def test_no_agency_joins_or_leaves_twice_on_one_list(before, now):
    found = changes(before, now)
    came = [c.agreement.key for c in found if c.kind in {Kind.SIGNED, Kind.REINSTATED}]
    went = [c.agreement.key for c in found if c.kind is Kind.WITHDRAWN]
    assert len(set(came)) == len(came)
    assert len(set(went)) == len(went)
    assert not set(came) & set(went)


# ── the real history ──────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def history():
    """Return every readable listing of the archive, in order, with its changes and the knowledge after it."""
    known, said = Known(), []
    for entry in entries(ARCHIVE):
        try:
            found = Ice().parse(document_of(entry), entry.list)
        except Unreadable:
            continue
        result = reconcile(known, found)
        known = result.known
        said.append((found, result.changes, known))
    return said


@needs_archive
@pytest.mark.slow
def test_the_first_lists_of_the_history_give_the_same_changes_again():
    said = history()
    known = Known()
    for found, whole, after in said[:120]:
        part = reconcile(known, found)
        known = part.known
        assert part.changes == whole
        assert after == known


@needs_archive
@pytest.mark.slow
def test_each_list_of_the_history_read_again_changes_nothing():
    for found, _, after in history()[::7]:
        assert reconcile(after, found).changes == ()


@needs_archive
@pytest.mark.slow
def test_each_list_of_the_history_read_backwards_gives_the_same_changes():
    said = history()
    for (_, _, before), (found, whole, _) in list(pairwise(said))[::9]:
        backwards = replace(found, agreements=found.agreements[::-1], row_numbers=found.row_numbers[::-1])
        assert reconcile(before, backwards).changes == whole


@needs_archive
@pytest.mark.slow
def test_replaying_the_log_of_the_history_gives_the_knowledge():
    said = history()
    known = said[-1][2]
    replayed = Known().after(change for _, found, _ in said for change in found)
    for name in ListName:
        assert {k: a.facts for k, a in replayed.agreements[name].items()} == {
            k: a.facts for k, a in known.agreements[name].items()
        }


@pytest.mark.slow
def test_respelling_every_name_of_a_list_of_2600_rows_only_renames():
    before = [
        row(f"{county} County Sheriff's Office", state, f"{county} County", agency_type="County")
        for state in STATES
        for county in county_names(state)
    ][:2_600]
    now = [respelt(a, a.agency.replace("Office", "Department")) for a in before]
    assert {c.kind for c in changes(before, now)} == {Kind.RENAMED}


def test_the_examples_have_the_canonical_names_of_the_source():
    assert TAMPA.canonical == canonical(TAMPA.agency, "FL")
    assert isinstance(FIRST, datetime)
