from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from support.listings import known_after, listing, moa, row

from bot.domain.agreement import Window
from bot.domain.change import Kind, Known
from bot.domain.lists.reconcile import reconcile
from bot.domain.lists.signing_dates import date_in_moa_name, is_doubtful, is_typo_corrected

OTHER = row("Baker County Sheriff's Office", signed=date(2025, 12, 19))
LISTED = datetime(2026, 1, 8, 15, tzinfo=UTC)
BEFORE = datetime(2026, 1, 6, 15, tzinfo=UTC)


def tenaha(day=date(2025, 1, 7), **more):
    return row("Tenaha Police Department", "TX", signed=day, **more)


def after(known, rows, at=LISTED, number=9):
    """Return the changes that a list of this time brings, and our knowledge after them."""
    return reconcile(known, listing(rows, number, at=at))


def new(agreement, before=BEFORE, at=LISTED):
    """Return the agreement as signed on a list of this time, after a good list of the time `before`."""
    (change,) = after(known_after(listing([OTHER], at=before)), [OTHER, agreement], at).changes
    assert change.kind is Kind.SIGNED
    return change.agreement


def test_a_date_more_than_120_days_older_than_the_list_before_is_doubtful():
    oldest = BEFORE.date() - timedelta(days=120)
    assert not is_doubtful(new(tenaha(oldest)))
    assert is_doubtful(new(tenaha(oldest - timedelta(days=1))))
    assert is_doubtful(new(tenaha()))


def test_a_date_after_the_list_is_doubtful():
    assert not is_doubtful(new(tenaha(LISTED.date())))
    assert is_doubtful(new(tenaha(LISTED.date() + timedelta(days=1))))
    assert is_doubtful(new(tenaha(date(2062, 1, 7))))


def test_after_an_outage_the_rule_counts_from_the_last_good_list():
    long_ago = datetime(2025, 6, 2, tzinfo=UTC)
    assert not is_doubtful(new(tenaha(date(2025, 6, 20)), before=long_ago))
    assert not is_doubtful(new(tenaha(date(2025, 2, 20)), before=long_ago))
    assert is_doubtful(new(tenaha(date(2025, 1, 21)), before=long_ago))


def test_a_list_that_brought_nothing_counts_as_the_list_before():
    known = after(known_after(listing([OTHER], at=BEFORE - timedelta(days=200))), [OTHER], BEFORE, 8).known
    (change,) = after(known, [OTHER, tenaha(date(2025, 8, 20))]).changes
    assert is_doubtful(change.agreement)


@pytest.mark.parametrize(
    ("kind", "day", "is_wrong"),
    [
        ("JEM", date(2005, 3, 1), False),
        ("JEM", date(1995, 3, 1), True),
        ("WSO", date(2019, 4, 24), False),
        ("WSO", date(2016, 1, 7), True),
        ("TFM", date(2025, 2, 7), False),
        ("TFM", date(2016, 1, 7), True),
        ("TFM", date(2011, 1, 7), True),
    ],
)
def test_on_the_first_list_only_a_date_before_its_support_type_is_doubtful(kind, day, is_wrong):
    (change,) = reconcile(Known(), listing([row("Hill County Sheriff's Office", "TX", kind=kind, signed=day)])).changes
    assert is_doubtful(change.agreement) is is_wrong


def test_a_blank_date_is_not_doubtful_and_one_added_later_can_be():
    known = known_after(listing([OTHER], at=BEFORE))
    first = after(known, [OTHER, tenaha(None)])
    assert not is_doubtful(first.changes[0].agreement)
    (change,) = after(first.known, [OTHER, tenaha()], LISTED + timedelta(days=1), 10).changes
    assert (change.kind, is_doubtful(change.agreement)) == (Kind.AMENDED, True)


def test_a_reinstated_agreement_keeps_the_date_it_had():
    old = tenaha(date(2025, 2, 20))
    known = known_after(listing([OTHER, old], at=BEFORE - timedelta(days=300)))
    known = after(known, [OTHER], BEFORE, 8).known
    (change,) = after(known, [OTHER, old]).changes
    assert (change.kind, is_doubtful(change.agreement)) == (Kind.REINSTATED, False)


def test_the_doubt_stays_with_the_agreement_when_it_is_renamed_corrected_and_withdrawn():
    rows = [
        [OTHER, tenaha()],
        [OTHER, tenaha(moa=moa("tenaha"))],
        [OTHER, replace(tenaha(moa=moa("tenaha")), county="Shelby")],
        [OTHER, row("Tenaha Police Dept.", "TX", "Shelby", signed=date(2025, 1, 7), moa=moa("tenaha"))],
        [OTHER],
    ]
    known, found = known_after(listing([OTHER], at=BEFORE)), []
    for number, now in enumerate(rows):
        step = after(known, now, LISTED + timedelta(days=number), 9 + number)
        known, found = step.known, [*found, *step.changes]
    assert {c.kind for c in found} == {Kind.SIGNED, Kind.AMENDED, Kind.CORRECTED, Kind.RENAMED, Kind.WITHDRAWN}
    assert all(is_doubtful(change.agreement) for change in found)


def test_a_date_that_was_ahead_of_its_list_stays_doubtful_while_it_stands():
    ahead = tenaha(date(2026, 1, 20))
    first = after(known_after(listing([OTHER], at=BEFORE)), [OTHER, ahead])
    later = after(first.known, [OTHER, replace(ahead, moa=moa("tenaha"))], datetime(2026, 2, 20, tzinfo=UTC), 10)
    assert is_doubtful(later.changes[0].agreement)


def test_of_two_rows_for_a_new_agreement_the_doubtful_date_does_not_come_first_for_being_older():
    known = known_after(listing([OTHER], at=BEFORE))
    for rows in ([tenaha(), tenaha(date(2026, 1, 7))], [tenaha(date(2026, 1, 7)), tenaha()]):
        (change,) = after(known, [OTHER, *rows]).changes
        assert change.agreement.signed == date(2026, 1, 7)


@pytest.mark.parametrize(
    ("was", "now", "is_correction"),
    [
        (date(2025, 1, 7), date(2026, 1, 7), True),
        (date(2016, 1, 7), date(2026, 1, 7), True),
        (date(2024, 12, 19), date(2025, 12, 19), True),
        (date(2062, 1, 7), date(2026, 1, 7), True),
        (date(2026, 1, 7), date(2025, 1, 7), False),
        (date(2026, 1, 6), date(2026, 1, 7), False),
        (None, date(2026, 1, 7), False),
    ],
)
def test_a_year_put_right_is_the_correction_of_a_typo(was, now, is_correction):
    first = after(known_after(listing([OTHER], at=BEFORE)), [OTHER, tenaha(was)])
    (change,) = after(first.known, [OTHER, tenaha(now)], LISTED + timedelta(days=1), 10).changes
    assert change.kind is Kind.AMENDED
    assert is_typo_corrected(change.was, change.agreement) is is_correction


def test_a_date_corrected_to_one_that_cannot_be_is_doubtful():
    first = after(known_after(listing([OTHER], at=BEFORE)), [OTHER, tenaha(date(2026, 1, 7))])
    for wrong in (date(2025, 1, 7), date(2016, 1, 7), date(2027, 1, 7), date(2025, 2, 9)):
        (change,) = after(first.known, [OTHER, tenaha(wrong)], LISTED + timedelta(days=1), 10).changes
        assert is_doubtful(change.agreement)


def test_a_year_put_right_in_a_row_of_the_first_list_is_the_correction_of_a_typo():
    known = known_after(listing([OTHER, tenaha(date(2025, 2, 20))], at=BEFORE))
    (change,) = after(known, [OTHER, tenaha(date(2026, 2, 20))], datetime(2026, 3, 1, tzinfo=UTC)).changes
    assert is_typo_corrected(change.was, change.agreement)


@pytest.mark.parametrize(
    "name",
    [
        "TenahaPoliceDeptTX_TFM_MOA_01072026",
        "TenahaPoliceDeptTX_TFM_MOA_010726",
        "tenaha_TFM_MOA_01.07.2026",
        "tenaha_TFM_MOA_01.07.26%20508",
        "287gTFM_TenahaTX2026-01-07",
        "287gTFM_Tenaha_01-07-2026",
        "CityofTenahaPDTX1.7.2026",
        "TenahaPDTX_1.7.26",
        "Tenaha_PD_TX_signed_1_7_26",
        "Tenaha_Precinct_1_1_7_2026",
        "TenahaConstablePct1_TX_TFM_MOA_01072026",
        "Tenaha-TX-287g-MOA-TFM-1-7-2026",
        "Tenaha%20TX_MOA_20260107",
        "TenahaConstable_TX_TFM_MOA_1072026",
    ],
)
def test_the_name_of_the_moas_file_settles_a_doubtful_date(name):
    assert date_in_moa_name(new(tenaha(moa=moa(name)))) == date(2026, 1, 7)


@pytest.mark.parametrize(
    "name",
    [
        "tenaha_TFM_MOA",
        "tenaha_TFM_MOA_01072062",
        "tenaha_TFM_MOA_13452026",
        "tenaha_01062026_01072026",
        "TenahaTX_TFM_MOA_0107026",
        "287gTFM_Tenaha_75974",
    ],
)
def test_a_name_without_one_plausible_date_settles_nothing(name):
    assert date_in_moa_name(new(tenaha(moa=moa(name)))) is None


def test_the_number_of_a_download_is_no_date():
    assert date_in_moa_name(new(tenaha(moa="https://www.ice.gov/file-download/download/public/010726"))) is None


def test_a_name_with_the_doubtful_date_itself_repeats_it():
    assert date_in_moa_name(new(tenaha(moa=moa("tenaha_TFM_MOA_01072025")))) == date(2025, 1, 7)


def test_a_record_from_before_windows_were_kept_is_doubted_only_for_its_support_type():
    assert tenaha().window is None
    assert is_doubtful(tenaha(date(2016, 1, 7)))
    assert not is_doubtful(tenaha(date(2025, 2, 7)))
    first = known_after([tenaha(date(2025, 2, 7))])
    old = replace(
        first, agreements={**first.agreements, "participating": {a.key: a for a in [tenaha(date(2025, 2, 7))]}}
    )
    (change,) = after(old, [tenaha(date(2026, 2, 7))]).changes
    assert change.agreement.window == Window(None, LISTED.date())
    assert is_doubtful(change.agreement)
