"""The decision to accept or hold a listing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.listings import ANOTHER_DAY, FIRST, known_after, listing, moa, pending, row

from bot.domain.agreement import ListName
from bot.domain.change import Known
from bot.domain.language import Language
from bot.domain.letters import counted
from bot.domain.lists import vetting
from bot.domain.lists.reconcile import reconcile
from bot.domain.lists.vetting import Held, Ruling, disappearances, hold, stood
from bot.domain.text.composed import in_language


def doubts(*values, **named):
    """Return the reasons to doubt a listing. Each of them has a translation."""
    reasons = vetting.doubts(*values, **named)
    assert not any("en inglés" in in_language(reason, Language.SPANISH) for reason in reasons)
    return reasons


def many(count):
    """Return this many agencies, no two alike."""
    return [row(f"Precinct {number} Constable", "TX", agency_type="County") for number in range(count)]


def doubted(before, now, *, headline=None, excused=(), unreadable=(), known=None):
    known = known or known_after(before)
    found = listing(now, 2, unreadable=unreadable)
    return doubts(known, found, reconcile(known, found).changes, headline=headline, excused=excused)


# ── how many may leave at once ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("size", "gone", "is_doubted"),
    [
        (12, 10, False),
        (300, 10, False),
        (300, 11, True),
        (310, 9, False),
        (310, 10, True),
        (500, 10, False),
        (500, 11, True),
    ],
)
def test_more_than_ten_or_three_percent_leaving_at_once_is_doubted(size, gone, is_doubted):
    rows = many(size)
    reasons = doubted(rows, rows[gone:])
    assert bool(reasons) is is_doubted
    if is_doubted:
        assert reasons == (f"{gone} of {size} agreements would leave the list at once",)


def test_a_list_missing_half_of_its_rows_is_doubted():
    rows = many(1_000)
    assert doubted(rows, rows[::2]) == ("500 of 1,000 agreements would leave the list at once",)


def test_growth_is_never_a_reason():
    rows = many(1_000)
    assert doubted(rows[:100], rows) == ()


def test_a_burst_of_exits_beside_many_additions_passes():
    rows = many(1_000)
    maryland = [
        row(f"{name} County Sheriff's Office", "MD") for name in ("Cecil", "Carroll", "Garrett", "Harford", "Kent")
    ]
    before, now = [*rows[:900], *maryland], rows[:973]
    assert doubted(before, now, headline=973) == ()


@pytest.mark.slow
def test_rows_that_were_only_respelled_have_not_left():
    rows = [row(f"Precinct {number} Constable", "TX") for number in range(400)]
    renamed = [row(f"Constable, Precinct {number}", "TX") for number in range(400)]
    assert doubted(rows, renamed) == ()


def test_rows_that_change_beside_those_that_leave_count_with_them_but_new_dates_do_not():
    rows = many(100)
    redated = [replace(one, signed=ANOTHER_DAY) for one in rows[6:14]]
    assert doubted(rows, [*redated, *rows[14:]]) == ()
    moved = [replace(one, county="Bell County") for one in rows[6:14]]
    rows[6:14] = [replace(one, county="Hill County") for one in rows[6:14]]
    assert doubted(rows, [*moved, *rows[14:]]) == (
        "6 of 100 agreements would leave the list and 8 would have another state, name, support type or county",
    )


def test_dates_may_be_added_at_once_but_not_replaced_or_removed():
    dated = many(100)
    undated = [replace(one, signed=None) for one in dated]
    other = [replace(one, signed=ANOTHER_DAY) for one in dated]
    assert doubted(undated, dated) == ()
    for now in (undated, other):
        assert doubted(dated, now) == ("100 of 100 agreements would have another signing date at once",)


def test_excused_disappearances_do_not_count():
    rows = many(400)
    gone = [agreement.key for agreement in rows[:20]]
    assert doubted(rows, rows[20:], excused=gone) == ()
    assert doubted(rows, rows[30:], excused=gone) == ()
    assert doubted(rows, rows[31:], excused=gone) == ("11 of 400 agreements would leave the list at once",)


# ── the page's own total ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rows", "headline", "is_doubted"),
    [
        (100, None, False),
        (100, 100, False),
        (100, 101, False),
        (90, 100, False),
        (89, 100, True),
        (1, 100, True),
        (970, 1_000, False),
        (969, 1_000, True),
        (250, 100, False),
        (251, 100, True),
        (1_500, 1_305, False),
        (1_500, 1_304, True),
        (0, 10, False),
        (100, 0, False),
    ],
)
def test_a_count_far_from_the_headline_is_doubted(rows, headline, is_doubted):
    now = many(rows)
    reasons = doubted(now, now, headline=headline)
    assert bool(reasons) is is_doubted
    if is_doubted:
        assert reasons == (f"it has {counted(rows, 'row')}, but ICE's page says {headline:,}",)


def test_unreadable_rows_matter_only_if_a_row_is_missing():
    rows = many(20)
    note = ["row 23 has no agency"]
    assert doubted(rows, rows, unreadable=note) == ()
    assert doubted(rows, [*rows, row("Bell Police", "TX")], unreadable=note) == ()
    assert doubted(rows, rows[1:], unreadable=note) == ("1 row can't be read (row 23 has no agency)",)
    assert doubted(rows, rows[1:], unreadable=note, excused=[rows[0].key]) == ()


def test_all_reasons_are_given():
    rows = many(100)
    assert len(doubted(rows, rows[:50], headline=100, unreadable=["row 9 has no agency"])) == 3


def test_a_pending_list_is_never_held():
    rows = many(100)
    known = known_after(listing([row("Bell Police", "TX")], 1), pending(rows, 2))
    empty = pending([], 3)
    assert doubts(known, empty, reconcile(known, empty).changes, headline=5_000) == ()


# ── held, released, ruled on ─────────────────────────────────────────────────────────────────────────────────────────

ROWS = many(400)
HOUR = timedelta(hours=1)


def held(before, gone, at, *, number=2, readable=True):
    return hold(
        before,
        source="ice",
        name=ListName.PARTICIPATING,
        publication=listing([], number).publication,
        reasons=("too many",),
        gone=tuple(gone),
        readable=readable,
        at=FIRST + at * HOUR,
    )


def test_a_held_listing_is_named_for_its_first_document_and_keeps_the_newest():
    first = held(None, ROWS[:20], 0)
    again = held(first, ROWS[:20], 5, number=3)
    assert (first.id, first.readings, first.since, first.last_at) == ("particip", 1, FIRST, FIRST)
    assert (again.id, again.readings, again.since, again.last_at) == (first.id, 2, FIRST, FIRST + 5 * HOUR)
    assert again.publication.name == "participating3.xlsx"


@pytest.mark.parametrize(
    ("hours", "is_released"),
    [
        ([0, 12, 24], True),
        ([0, 12, 23.9], False),
        ([0, 24], False),
        ([0, 30], False),
        ([0, 1, 2, 3, 4, 5], False),
        ([0, 24, 25], True),
    ],
)
def test_a_held_listing_is_released_after_a_day_and_three_polls(hours, is_released):
    found = None
    for at in hours:
        found = held(found, ROWS[:20], at)
    assert found.is_released is is_released


def test_an_unchanged_answer_counts_as_a_poll():
    found = stood(stood(held(None, ROWS[:20], 0), FIRST + 12 * HOUR), FIRST + 24 * HOUR)
    assert found.is_released


def test_a_clock_set_back_does_not_shorten_the_day():
    found = stood(held(None, ROWS[:20], 5), FIRST)
    assert (found.readings, found.last_at) == (2, FIRST + 5 * HOUR)


@pytest.mark.parametrize(
    ("gone", "goes_on"),
    [
        (ROWS[:20], True),
        (ROWS[:21], True),
        (ROWS[:30], True),
        (ROWS[:31], False),
        (ROWS[1:20], True),
        (ROWS[5:25], True),
        (ROWS[:10], True),
        (ROWS[:9], False),
        (ROWS[20:40], False),
        (ROWS[15:35], False),
        ((), False),
    ],
)
def test_a_different_set_of_disappearances_restarts_the_day_and_a_few_more_do_not(gone, goes_on):
    first = held(None, ROWS[:20], 0)
    again = held(first, gone, 5, number=3)
    assert (again.since == FIRST) is goes_on
    assert again.readings == (2 if goes_on else 1)


def test_disappearances_may_change_if_they_are_not_the_reason():
    first = held(None, ROWS[:1], 0)
    assert held(first, ROWS[5:8], 5).since == FIRST
    assert held(first, (), 5).since == FIRST
    assert held(first, ROWS[5:15], 5).since == FIRST
    assert held(first, ROWS[5:16], 5).since != FIRST
    assert held(first, ROWS[:20], 5).since != FIRST


def test_a_ruling_covers_only_these_disappearances():
    rejected = replace(held(None, ROWS[:20], 0), ruling=Ruling.REJECTED)
    assert held(rejected, ROWS[:20], 5).ruling is Ruling.REJECTED
    assert held(rejected, ROWS[:21], 5).ruling is None
    approved = replace(held(None, ROWS[:20], 0), ruling=Ruling.APPROVED)
    assert held(approved, ROWS[:20], 5).is_released
    assert not held(approved, ROWS[:21], 5).is_released


def test_an_approved_listing_is_released_at_once_and_a_rejected_one_never():
    found = held(None, ROWS[:20], 0)
    assert not found.is_released
    assert replace(found, ruling=Ruling.APPROVED).is_released
    old = replace(found, readings=99, last_at=FIRST + timedelta(days=9))
    assert old.is_released
    assert not replace(old, ruling=Ruling.REJECTED).is_released


def test_an_unreadable_listing_is_never_released():
    found = replace(held(None, (), 0, readable=False), readings=99, last_at=FIRST + timedelta(days=9))
    assert not found.is_released
    assert not replace(found, ruling=Ruling.APPROVED).is_released


def test_a_listing_readable_at_last_is_held_anew():
    unreadable = held(None, (), 0, readable=False)
    assert held(unreadable, (), 5).since == FIRST + 5 * HOUR
    assert isinstance(held(unreadable, (), 5, readable=False), Held)
    assert held(unreadable, (), 5, readable=False).readings == 2


# ── an old list, linked again ────────────────────────────────────────────────────────────────────────────────────────

TAMPA, BELL, HILL, POLK = row("Tampa PD"), row("Bell Police", "TX"), row("Hill County Sheriff"), row("Polk Police")
BACK = replace(row("City of Polk Police"), signed=ANOTHER_DAY)
HISTORY = [
    [TAMPA, HILL],
    [TAMPA, HILL, BELL, POLK],
    [replace(TAMPA, moa="https://www.ice.gov/tampa.pdf"), HILL, BELL],
    [row("Tampa Police Department"), replace(HILL, county="Hill County"), BELL],
    [row("Tampa Police Department"), BELL, BACK],
    [row("Tampa Police Department"), BELL, BACK, row("Pike Police"), row("Dade Police")],
]


def again(number, names=(), *, evidence=None, last=6, is_excused=False):
    """Return the doubts about the list of that number when it comes again after the last one.

    With `is_excused`, what disappears has stood for long enough.
    """
    known, log = Known(), []
    for at, rows in enumerate(HISTORY[:last], start=1):
        found = reconcile(known, listing(rows, at))
        known, log = found.known, [*log, *found.changes]
    old = listing(HISTORY[number - 1], 9)
    name, before = names or (old.publication.name, "x.xlsx")
    old = replace(old, publication=replace(old.publication, name=name, evidence=evidence or "other bytes"))
    known = replace(known, seen={old.list: replace(known.seen[old.list], name=before)})
    changes = reconcile(known, old).changes
    excused = [agreement.key for agreement in disappearances(changes)] if is_excused else ()
    return doubts(known, old, changes, headline=None, excused=excused, log=log)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_list_that_repeats_an_earlier_list_is_old(number):
    assert again(number) == (f"it repeats participating{number}.xlsx: an old list, linked again",)


def test_an_old_list_is_accepted_once_its_disappearances_are_excused():
    assert again(5, is_excused=True) == ()


def test_a_list_that_only_reinstates_agreements_is_not_old():
    assert again(3, last=4) == ()
    assert again(4, last=4) == ()


def test_the_file_name_decides_unless_the_bytes_are_the_same():
    newer = ("287gParticipatingAgencies030926pm.xlsx", "participatingAgencies03082026am.xlsx")
    assert again(5, newer) == ()
    assert len(again(5, newer, evidence="participating 5")) == 1
    assert len(again(5, newer, evidence="participating 4")) == 0
    assert len(again(5, newer[::-1])) == 1


DATED = [
    ("03082026am", "03082026mid", True),
    ("03082026mid", "03082026pm", True),
    ("03082026am", "03082026", True),
    ("03082026", "03082026pm", True),
    ("03082026AM", "03082026pm", True),
    ("03082026pm", "03082026pm_b", True),
    ("03072026pm", "03082026am", True),
    ("030726pm", "03082026am", True),
    ("12312025pm", "01012026am", True),
    ("03082026mid", "03082026", None),
    ("03082026pm", "03082026pm", None),
    ("20260308", "03082026", None),
    ("13082026am", "03082026pm", None),
    ("030082026am", "03082026pm", None),
    ("03082026am", "03142026am", None),
    ("03082026am", "03132026am", None),
    ("03082026am", "03122026am", True),
]


@pytest.mark.parametrize(("name", "last", "is_older"), DATED)
def test_a_list_is_old_by_its_name_if_both_names_have_a_date_that_is_not_in_the_future(name, last, is_older):
    known = known_after(ROWS[:50])
    now = listing(ROWS[:49], 8)  # of March 10

    def doubted_as(name, last):
        as_named = replace(now, publication=replace(now.publication, name=f"participatingAgencies{name}.xlsx"))
        seen = replace(
            known.seen[now.list], name=f"participatingAgencies{last}.xlsx", observed_at=now.publication.observed_at
        )
        before = replace(known, seen={now.list: seen})
        return doubts(before, as_named, reconcile(before, as_named).changes, headline=None)

    reason = f"its name is dated before participatingAgencies{last}.xlsx, and nothing on it is new"
    assert doubted_as(name, last) == ((reason,) if is_older else ())
    assert doubted_as(last, name) == ()


def test_only_withdrawn_agreements_disappear():
    known = known_after([*ROWS[:3], row("Tampa PD")])
    found = reconcile(known, listing([*ROWS[1:3], row("Tampa Police Department"), row("Bell Police", "TX")], 2))
    assert [agreement.agency for agreement in disappearances(found.changes)] == [ROWS[0].agency]


# ── letters that others replaced everywhere ──────────────────────────────────────────────────────────────────────────

NAMES = (
    ("Walton County Sheriff's Office", "FL"),
    ("Tampa Police Department", "FL"),
    ("Clay County Sheriff's Office", "FL"),
    ("Salt Springs Police Department", "FL"),
    ("Davidson County Sheriff's Office", "NC"),
)


def respelled(change, names=NAMES):
    """Return the rows before, and after this change to each name, dated another day so that nothing else pairs them."""
    before = [row(name, state) for name, state in names]
    now = [row(change(name), state, signed=ANOTHER_DAY) for name, state in names]
    return before, [b if b.agency == n.agency else n for b, n in zip(before, now, strict=True)]


def test_a_replacement_that_minds_capital_letters_holds_the_page_too():
    names = (*NAMES[:3], ("Altamonte Springs Police Department", "FL"))
    before, now = respelled(lambda name: name.replace("alt", "image"), names)
    assert any("“alt” became “image”" in reason for reason in doubted(before, now))


@pytest.mark.parametrize("word", ["xxx", "image", "title", "alternate", "text here"])
def test_one_sheriff_whose_name_had_the_letters_that_became_others_holds_the_page(word):
    before, now = respelled(lambda name: name.replace("alt", word), NAMES[:3])
    (reason,) = doubted(before, now)
    assert "in every name that had it" in reason
    assert now[0].agency in reason


@pytest.mark.parametrize(
    ("old", "new"),
    [("alt", "xx"), ("a", ""), ("a", "Ã¤"), ("'", "â€™"), ("on", "0n"), ("ay", "xy"), ("ol", "0l")],
)
def test_letters_lost_replaced_or_misread_in_every_name_hold_the_list(old, new):
    names = (
        *NAMES,
        ("Volusia County Sheriff's Office", "FL"),
        ("Holly Constable's Office", "TX"),
        ("Mayo Police Department", "FL"),
    )
    before, now = respelled(lambda name: name.replace(old, new), names)
    assert any("in every name that had it" in reason for reason in doubted(before, now))


def test_a_typo_a_rename_or_an_exit_beside_a_new_agency_is_no_damaged_page():
    before = [row(name, state) for name, state in NAMES]
    for other in ("Wolton County Sheriff's Office", "Jackson County Sheriff's Office", "Waltham Police Department"):
        assert doubted(before, [row(other, "FL", signed=ANOTHER_DAY), *before[1:]]) == ()
    before.append(row("Marion County Sheriff's Office", "FL"))
    now = [*before[:-1], row("Madison County Sheriff's Office", "FL", signed=ANOTHER_DAY)]
    assert doubted(before, now) == ()


def test_generic_words_written_out_everywhere_are_no_damaged_page():
    before = [row(f"{place} PD", "FL") for place in ("Tampa", "Ocala", "Naples")]
    now = [row(f"{place} Police Department", "FL") for place in ("Tampa", "Ocala", "Naples")]
    assert doubted(before, now) == ()


def test_a_name_corrected_by_several_letters_under_the_same_moa_is_no_damaged_page():
    before = [row("Brookfield Police Department", "NC", moa=moa("brook")), *(row(*name) for name in NAMES)]
    now = [row("Brookford Police Department", "NC", moa=moa("brook")), *before[1:]]
    assert doubted(before, now) == ()
