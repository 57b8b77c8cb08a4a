"""Polls of ICE's lists, over a real store and with real bytes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.archive import ARCHIVE, needs_archive
from support.ice_site import EVERY, NOON, PAGE, IceHarness, cells, constables
from support.workbooks import PARTICIPATING, PENDING, workbook

from bot.domain.agreement import ListName
from bot.domain.change import Kind
from bot.domain.document import digest
from bot.domain.lists.vetting import Ruling
from bot.domain.source_status import SourceStatus
from bot.errors import Blocked, Missing, Unreachable, Unreadable, UsageError
from bot.pipeline.poll_list import poll_list, rule

MAINTENANCE = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>We will be back soon.</body></html>"


@pytest.fixture
async def world(tmp_path):
    made = IceHarness(tmp_path / "data")
    yield made
    await made.store.close()


async def begun(world, count=40, **publish):
    """Poll a first list."""
    world.publish(constables(count), **publish)
    assert {kind for kind, _ in await world.changes()} == {"listed"}


# ── the straight line ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_first_sight_is_a_baseline_and_then_only_the_difference_is_recorded(world):
    await begun(world)
    world.publish([*constables(39), cells("Bell County Sheriff's Office")])
    assert await world.changes() == [
        ("withdrawn", "Hill County Constable Precinct 40"),
        ("signed", "Bell County Sheriff's Office"),
    ]
    assert [c.kind for c in (await world.store.changes())[-2:]] == [Kind.WITHDRAWN, Kind.SIGNED]


async def test_every_document_is_kept_as_evidence(world):
    await begun(world)
    page, sheet = (world.site.has[address] for address in (PAGE, world.links[ListName.PARTICIPATING]))
    for body in (page, sheet):
        assert (await world.store.evidence(digest(body))).body == body


async def test_an_unchanged_list_costs_no_parse_and_no_record(world, monkeypatch):
    await begun(world)
    parsed, end = world.ice.parsed, await world.store.last_seq()

    async def no_record(_):
        raise AssertionError("nothing new to record")

    monkeypatch.setattr(world.store, "record", no_record)
    for _ in range(3):
        assert await world.changes() == []
    assert (world.ice.parsed, await world.store.last_seq()) == (parsed, end)
    assert (await world.source_status()).read_at == world.site.at


async def test_the_same_bytes_under_another_name_cost_no_parse(world):
    await begun(world)
    parsed = world.ice.parsed
    world.publish(body=world.site.has[world.links[ListName.PARTICIPATING]])
    assert await world.changes() == []
    assert world.ice.parsed == parsed


async def test_a_list_saved_again_with_the_same_rows_brings_no_change(world):
    await begun(world)
    world.publish(list(reversed(constables(40))))
    assert await world.changes() == []
    assert (await world.source_status()).changed_at == world.site.at


async def test_a_signing_on_one_list_explains_the_absence_from_the_other(world):
    await begun(world)
    bell = cells("Bell County Sheriff's Office", county="Bell County")
    world.publish([bell[:5]], name=ListName.PENDING)
    assert await world.changes() == [("listed", "Bell County Sheriff's Office")]
    world.publish([*constables(40), bell])
    world.publish([bell[:5]], name=ListName.PENDING)
    (signed,) = (await world.poll(hours=72)).changes
    assert (signed.kind, signed.pending_since) == (Kind.SIGNED, NOON.date())
    assert await world.changes() == []


# ── dropped ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def pending_begun(world):
    """Poll a pending list with one agency, then one without it."""
    await begun(world)
    world.publish([cells("Bell County Sheriff's Office")[:5]], name=ListName.PENDING)
    await world.poll()
    world.publish([], name=ListName.PENDING)
    await world.poll()


async def days(world, count):
    """Poll every six hours for so many days; return the changes."""
    return [change for _ in range(count * 4) for change in await world.changes(hours=6)]


DROPPED = [("dropped", "Bell County Sheriff's Office")]


async def test_an_agency_on_neither_list_for_seven_days_is_dropped(world):
    await pending_begun(world)
    assert await days(world, 6) == []
    assert await days(world, 1) == DROPPED
    assert await days(world, 2) == []


async def test_the_seven_days_start_over_when_ice_cannot_be_read(world):
    await pending_begun(world)
    await days(world, 5)
    page, world.site.has[PAGE] = world.site.has[PAGE], Unreachable("no answer")
    assert await days(world, 4) == []
    world.site.has[PAGE] = page
    assert await days(world, 6) == []
    assert await days(world, 2) == DROPPED


async def test_nothing_is_dropped_while_the_pending_list_is_not_published(world):
    await pending_begun(world)
    await days(world, 5)
    link = world.links.pop(ListName.PENDING)
    world.write_page()
    assert await days(world, 5) == []
    world.links[ListName.PENDING] = link
    world.publish([], name=ListName.PENDING, header=PENDING[:5])
    assert await days(world, 3) == []


async def test_nothing_is_dropped_while_the_pending_list_answers_404(world):
    await pending_begun(world)
    await days(world, 5)
    body = world.site.has.pop(world.links[ListName.PENDING])
    world.site.at += timedelta(hours=6)
    assert "404" in (await world.poll()).problem
    assert await days(world, 5) == []
    world.site.has[world.links[ListName.PENDING]] = body
    assert await days(world, 3) == []


async def test_nothing_is_dropped_while_the_participating_list_is_held(world):
    await pending_begun(world)
    await days(world, 6)
    world.publish(body=MAINTENANCE)
    assert await days(world, 3) == []


# ── an old list, linked again ────────────────────────────────────────────────────────────────────────────────────────

GROWN = ["Bell County Sheriff's Office", "Coryell County Sheriff's Office"]


async def grown(world):
    """Poll two lists, the second with two more agreements; return the body of the first."""
    await begun(world, dated="11182026am")
    first = world.site.has[world.links[ListName.PARTICIPATING]]
    world.publish([*constables(40), *map(cells, GROWN)], dated="11192026pm")
    assert await world.changes() == [("signed", name) for name in GROWN]
    return first


@pytest.mark.parametrize("dated", ["11182026am", "11192026am", "111826", "a", "11192026pm", "111912026", "11202026am"])
async def test_the_bytes_of_an_old_list_are_held_whatever_their_name(world, dated):
    first = await grown(world)
    world.publish(body=first, dated=dated)
    assert await world.changes() == []
    held = await world.held()
    assert held.reasons == ("it repeats participatingAgencies11182026am.xlsx: an old list, linked again",)
    assert [gone.agency for gone in held.gone] == GROWN
    world.publish([*constables(40), *map(cells, [*GROWN, "Bosque County Sheriff's Office"])], dated="11202026pm")
    assert await world.changes() == [("signed", "Bosque County Sheriff's Office")]
    assert await world.store.held() == ()


@pytest.mark.parametrize(("dated", "is_held"), [("11182026pm", True), ("b", True), ("11192026pm_b", False)])
async def test_its_rows_in_a_new_file_are_held_unless_the_name_is_newer(world, dated, is_held):
    await grown(world)
    world.publish([*reversed(constables(40))], dated=dated)
    assert await world.changes() == ([] if is_held else [("withdrawn", name) for name in GROWN])
    assert len(await world.store.held()) == is_held


async def test_an_old_list_that_stays_up_for_a_day_is_accepted(world):
    first = await grown(world)
    world.publish(body=first, dated="11182026am")
    assert [kind for kind, _ in await days(world, 2)] == ["withdrawn", "withdrawn"]
    world.publish([*constables(40), *map(cells, GROWN)], dated="11212026am")
    assert await world.changes() == [("reinstated", name) for name in GROWN]


async def test_an_approved_old_list_is_accepted_at_once(world):
    first = await grown(world)
    world.publish(body=first, dated="11182026am")
    await world.poll()
    poll = await world.rule(await world.held(), Ruling.APPROVED)
    assert [change.kind for change in poll.changes] == [Kind.WITHDRAWN, Kind.WITHDRAWN]


async def test_a_list_older_than_our_records_is_held_because_of_its_name(world):
    await begun(world, dated="11192026pm")
    world.publish(constables(38), dated="11172026am")
    assert await world.changes() == []
    (reason,) = (await world.held()).reasons
    assert reason == "its name is dated before participatingAgencies11192026pm.xlsx, and nothing on it is new"


@pytest.mark.parametrize("dated", ["11182026am", "01052025pm", "11114025am", "13012026am", "12192026am"])
async def test_a_list_with_a_wrong_date_in_its_name_is_accepted_if_something_on_it_is_new(world, dated):
    await begun(world, dated="11192026pm")
    world.publish([*constables(39), cells("Bell County Sheriff's Office")], dated=dated)
    assert [kind for kind, _ in await world.changes()] == ["withdrawn", "signed"]


@pytest.mark.parametrize("dated", ["11202026am", "11114025am", "13012026am", "12192026am", "090022025am", "b"])
async def test_a_single_exit_is_recorded_at_once_unless_the_name_is_older(world, dated):
    await begun(world, dated="11192026pm")
    world.publish(constables(39), dated=dated)
    assert [kind for kind, _ in await world.changes()] == ["withdrawn"]


# ── held ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def without_signed(rows):
    return [row[:5] for row in rows]


GOOD = workbook(constables(40), header=PARTICIPATING)
BAD = {
    "a truncated workbook": (GOOD[: len(GOOD) // 2], "workbook"),
    "a workbook of zeros": (GOOD[:4] + bytes(2_000), "workbook"),
    "HTML under a workbook's name": (MAINTENANCE, "a web page without a list in it"),
    "an empty file": (b"", "expected"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "PDF"),
    "the pending list's columns": (
        workbook(without_signed(constables(40)), header=PENDING),
        "it has the columns of the pending list",
    ),
    "no support type": (
        workbook(
            [(r[0], r[1], r[5], r[6]) for r in constables(40)],
            header=("STATE", "LAW ENFORCEMENT AGENCY", "SIGNED", "MOA"),
        ),
        "columns are missing: SUPPORT TYPE",
    ),
    "no MOA": (workbook([r[:6] for r in constables(40)], header=PARTICIPATING[:6]), "columns are missing: MOA"),
    "no header": (workbook(constables(40)), "STATE"),
    "another workbook": (workbook([("Item", "Price"), ("Pen", 2)]), "STATE"),
}


@pytest.mark.parametrize("what", BAD)
async def test_anything_but_the_list_is_held_and_nothing_is_concluded_from_it(world, what):
    body, reason = BAD[what]
    await begun(world)
    known, read_at = await world.store.known(), (await world.source_status()).read_at
    world.publish(body=body)
    for _ in range(20):
        poll = await world.poll(hours=12)
        assert poll.changes == ()
    held = await world.held()
    assert reason in held.reasons[0]
    assert (held.readable, held.gone, held.is_released) == (False, (), False)
    assert held.readings == 20
    assert await world.store.known() == known
    status = await world.source_status()
    assert (status.read_at, status.problem) == (read_at, held.reasons[0])

    world.publish([*constables(40), cells("Bell County Sheriff's Office")])
    assert await world.changes() == [("signed", "Bell County Sheriff's Office")]
    assert await world.store.held() == ()
    status = await world.source_status()
    assert (status.read_at, status.problem, status.problem_since) == (world.site.at, None, None)


async def test_an_agreement_without_a_support_type_is_still_on_the_list(world):
    await begun(world)
    rows = constables(40)
    world.publish([*rows[:7], cells("Hill County Constable Precinct 8", support=None, county="Hill County"), *rows[8:]])
    assert await world.changes() == []
    assert await days(world, 3) == []
    assert await world.store.held() == ()
    known = await world.store.known()
    assert len(known.participating) == len(known.rows[ListName.PARTICIPATING]) == 40
    world.publish(rows)
    assert await world.changes() == []


async def test_a_maintenance_page_with_status_200_in_place_of_ices_page_is_held(world):
    await begun(world)
    page, world.site.has[PAGE] = world.site.has[PAGE], MAINTENANCE
    assert await days(world, 2) == []
    assert "without a list" in (await world.held()).reasons[0]
    world.site.has[PAGE] = page
    assert await world.changes() == []
    assert await world.store.held() == ()


async def test_a_page_in_place_of_the_list_that_differs_each_time_counts_as_one_held_listing(world):
    await begun(world)
    ids = set()
    for number in range(5):
        world.publish(body=f"<html><body>A page about another program. Visit {number}</body></html>".encode())
        await world.poll()
        held = await world.held()
        ids.add((held.id, held.since))
    assert len(ids) == 1
    assert held.readings == 5


async def test_an_unreadable_list_is_requested_whole_the_next_time(world):
    await begun(world)
    assert (await world.source_status()).validators
    world.publish(body=GOOD[:-100])
    await world.poll()
    assert not (await world.source_status()).validators


async def test_the_pending_list_with_the_participating_columns_is_held_too(world):
    await begun(world)
    world.publish(constables(5), name=ListName.PENDING, header=PARTICIPATING)
    assert await world.changes() == []
    held = await world.held()
    assert (held.list, "columns of the participating list" in held.reasons[0]) == (ListName.PENDING, True)
    assert (await world.source_status()).read_at == world.site.at


async def test_a_list_with_half_its_rows_is_held_and_the_next_good_list_gives_the_true_difference(world):
    await begun(world)
    world.publish(constables(20))
    assert await world.changes() == []
    held = await world.held()
    assert held.reasons == ("20 of 40 agreements would leave the list at once",)
    assert (len(held.gone), held.readable) == (20, True)
    world.publish([*constables(40)[1:], cells("Bell County Sheriff's Office")])
    assert await world.changes() == [
        ("withdrawn", "Hill County Constable Precinct 1"),
        ("signed", "Bell County Sheriff's Office"),
    ]
    assert await world.store.held() == ()


async def test_the_last_good_list_back_again_ends_the_hold_without_a_parse(world):
    await begun(world)
    good = world.site.has[world.links[ListName.PARTICIPATING]]
    world.publish(constables(20))
    await world.poll()
    parsed = world.ice.parsed
    world.publish(body=good)
    assert await world.changes() == []
    assert await world.store.held() == ()
    assert world.ice.parsed == parsed


async def test_a_count_far_from_the_headline_is_held(world):
    await begun(world, headline=40)
    world.publish([*constables(30), cells("Bell County Sheriff's Office")], headline=1_843)
    assert await world.changes() == []
    assert (await world.held()).reasons == ("it has 31 rows, but ICE's page says 1,843",)


async def test_growth_is_never_held(world):
    await begun(world, headline=40)
    world.publish(constables(160), headline=40)
    assert {kind for kind, _ in await world.changes()} == {"signed"}


async def test_a_few_exits_beside_many_additions_are_not_held(world):
    maryland = [
        cells(f"{name} County Sheriff's Office", "MARYLAND", county=f"{name} County")
        for name in ("Carroll", "Cecil", "Frederick", "Garrett", "Harford")
    ]
    world.publish([*constables(1_000), *maryland])
    await world.poll()
    world.publish(constables(1_073))
    changes = [kind for kind, _ in await world.changes()]
    assert (changes.count("withdrawn"), changes.count("signed")) == (5, 73)


async def test_a_note_below_the_list_is_no_reason_to_hold_it(world):
    await begun(world)
    world.publish([*constables(41), ("* link pending: not posted yet", None, None, None, None, None, None, None)])
    assert await world.changes() == [("signed", "Hill County Constable Precinct 41")]


# ── released ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def mass_withdrawal(world):
    """Poll a list with half of its rows gone; return the held listing."""
    await begun(world)
    world.publish(constables(20))
    assert await world.changes() == []
    return await world.held()


async def test_a_held_list_seen_for_a_day_on_three_polls_is_accepted(world):
    held = await mass_withdrawal(world)
    parsed = world.ice.parsed
    assert await world.changes(hours=12) == []
    assert world.ice.parsed == parsed
    changes = await world.changes(hours=12)
    assert len(changes) == 20
    assert {kind for kind, _ in changes} == {"withdrawn"}
    assert await world.store.held() == ()
    assert (await world.store.changes())[-1].publication.evidence == held.publication.evidence
    assert await world.changes() == []


async def test_a_day_with_two_polls_is_not_enough(world):
    await mass_withdrawal(world)
    assert await world.changes(hours=30) == []
    assert len(await world.changes()) == 20


async def test_new_rows_do_not_restart_the_day(world):
    held = await mass_withdrawal(world)
    world.publish([*constables(20), cells("Bell County Sheriff's Office")])
    assert await world.changes(hours=20) == []
    again = await world.held()
    assert (again.id, again.since, again.readings) == (held.id, held.since, 2)
    changes = await world.changes(hours=4)
    assert sorted({kind for kind, _ in changes}) == ["signed", "withdrawn"]
    assert len(changes) == 21


async def test_a_few_more_exits_do_not_restart_the_day(world):
    held = await mass_withdrawal(world)
    for left in (19, 18):
        world.publish(constables(left))
        assert await world.changes(hours=8) == []
    world.publish(constables(17))
    changes = await world.changes(hours=8)
    assert (len(changes), held.readings) == (23, 1)


async def test_another_set_of_exits_restarts_the_day(world):
    await mass_withdrawal(world)
    world.publish(constables(40)[20:])
    assert await world.changes(hours=20) == []
    assert await world.changes(hours=4) == []
    assert (await world.held()).readings == 2
    assert len(await world.changes(hours=20)) == 20


async def test_an_unreadable_list_in_between_does_not_restart_the_day(world):
    held = await mass_withdrawal(world)
    link = world.links[ListName.PARTICIPATING]
    body, world.site.has[link] = world.site.has[link], MAINTENANCE
    poll = await world.poll(hours=6)
    assert (poll.changes, poll.held) == ((), (held,))
    assert "a web page without a list in it" in poll.problem
    world.site.has[link] = body
    assert await world.changes(hours=6) == []
    assert len(await world.changes(hours=12)) == 20


async def test_a_failed_poll_in_between_does_not_count(world):
    await mass_withdrawal(world)
    link = world.links[ListName.PARTICIPATING]
    body, world.site.has[link] = world.site.has[link], Unreachable("no answer")
    assert await days(world, 2) == []
    assert (await world.held()).readings == 1
    world.site.has[link] = body
    assert await world.changes() == []
    assert len(await world.changes()) == 20


async def test_two_bad_lists_in_turn_are_both_held(world):
    await begun(world)
    first, second = constables(40)[:20], constables(40)[20:]
    for _ in range(8):
        for rows in (first, second):
            world.publish(rows)
            assert await world.changes(hours=8) == []


# ── ruled on ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_approved_list_is_recorded_at_once_even_if_the_server_says_unchanged(world):
    held = await mass_withdrawal(world)
    await world.poll()
    before = await world.source_status()
    poll = await world.rule(held, Ruling.APPROVED)
    assert len(poll.changes) == 20
    assert await world.store.held() == ()
    assert (await world.store.known()).seen[ListName.PARTICIPATING].evidence == held.publication.evidence
    assert await world.source_status() == before
    assert await world.changes() == []


async def test_an_approval_is_for_the_newest_document_with_those_exits(world):
    held = await mass_withdrawal(world)
    world.publish([*constables(20), cells("Bell County Sheriff's Office")])
    await world.poll()
    poll = await world.rule(held, Ruling.APPROVED)
    assert len(poll.changes) == 21


async def test_an_approval_keeps_the_wait_that_a_server_asked_for(world):
    held = await mass_withdrawal(world)
    world.site.has[PAGE] = Blocked("429", retry_after=7_200)
    await world.poll()
    before = await world.source_status()
    await world.rule(held, Ruling.APPROVED)
    after = await world.source_status()
    assert (after.not_before, after.due_at, after.problem) == (before.not_before, before.due_at, "429")


async def test_a_rejected_list_stays_unrecorded_until_its_exits_change(world):
    held = await mass_withdrawal(world)
    poll = await world.rule(held, Ruling.REJECTED)
    assert (poll.changes, poll.held[0].ruling) == ((), Ruling.REJECTED)
    assert await days(world, 5) == []
    world.publish(constables(12))
    assert await world.changes() == []
    fresh = await world.held()
    assert (fresh.ruling, len(fresh.gone)) == (None, 28)
    world.publish(constables(39))
    assert await world.changes() == [("withdrawn", "Hill County Constable Precinct 40")]


async def test_an_unreadable_list_cannot_be_approved(world):
    await begun(world)
    world.publish(body=MAINTENANCE)
    await world.poll()
    with pytest.raises(UsageError, match="cannot be approved"):
        await world.rule(await world.held(), Ruling.APPROVED)


async def test_a_ruling_on_an_unknown_number_is_a_usage_error(world):
    await begun(world)
    with pytest.raises(UsageError, match="No held listing has the number 12345678"):
        await rule("12345678", Ruling.APPROVED, source=world.ice, store=world.store, now=lambda: NOON)


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_failed_poll_keeps_everything_known(world):
    await begun(world)
    known, read_at, end = await world.store.known(), (await world.source_status()).read_at, await world.store.last_seq()
    for fault in (Unreachable("no answer"), Missing("404"), Blocked("403"), Unreadable("no gzip")):
        world.site.has[PAGE] = fault
        poll = await world.poll()
        assert (poll.changes, poll.problem) == ((), str(fault))
    status = await world.source_status()
    assert (await world.store.known(), await world.store.last_seq()) == (known, end)
    assert (status.read_at, status.failures, status.problem) == (read_at, 4, "no gzip")
    assert status.problem_since == NOON + timedelta(hours=0.4)


async def test_a_link_on_the_page_that_is_not_an_address_is_skipped(world):
    await begun(world)
    world.publish(constables(41))
    world.site.has[PAGE] = world.site.has[PAGE].replace(
        b"<body>", b'<body><a href="http://[insert link]">Fact sheet</a>'
    )
    assert await world.changes() == [("signed", "Hill County Constable Precinct 41")]


async def test_a_bug_of_ours_counts_as_a_failed_poll_and_names_the_line(world):
    await begun(world)
    world.site.has[PAGE] = KeyError("href")
    poll = await world.poll()
    assert poll.problem.startswith("ice: a bug in Countersign kept it from being read: KeyError 'href' (ice.py, ")
    assert poll.problem.endswith("; please report it")
    status = await world.source_status()
    assert (status.failures, status.problem) == (1, poll.problem)
    assert status.due_at > world.site.at + EVERY / 2


async def test_a_sheet_linked_before_it_is_uploaded_is_not_an_empty_list(world):
    await begun(world)
    world.publish(constables(41))
    body = world.site.has.pop(world.links[ListName.PARTICIPATING])
    assert "404" in (await world.poll()).problem
    world.site.has[world.links[ListName.PARTICIPATING]] = body
    assert await world.changes() == [("signed", "Hill County Constable Precinct 41")]
    assert (await world.source_status()).failures == 0


async def test_an_unreadable_page_is_requested_whole_the_next_time(world):
    await begun(world)
    world.site.has[PAGE] = Unreadable("no gzip")
    await world.poll()
    assert not (await world.source_status()).validators


async def test_an_unchanged_answer_for_a_list_we_lack_is_requested_whole(world, monkeypatch):
    await begun(world)
    world.publish(constables(41))
    link = world.links[ListName.PARTICIPATING]
    status = await world.source_status()
    validators = status.validators[PAGE]
    asked = replace(status, validators={link: replace(validators, sha256=digest(world.site.has[link]))})
    await world.store.remember(asked)
    assert "no copy of" in (await world.poll()).problem
    assert await world.changes() == [("signed", "Hill County Constable Precinct 41")]


def wait(status, at):
    return (status.due_at - at) / EVERY


async def test_a_block_doubles_the_wait_each_time_and_a_failure_does_not(world):
    await begun(world)
    world.site.has[PAGE] = Blocked("403")
    for times in (2, 4, 8, 16, 32, 36, 36):
        await world.poll()
        assert wait(await world.source_status(), world.site.at) == pytest.approx(times, rel=0.11)
    world.site.has[PAGE] = Unreachable("no answer")
    await world.poll()
    assert wait(await world.source_status(), world.site.at) == pytest.approx(1, rel=0.11)


async def test_a_block_never_shortens_the_interval_of_a_slow_source(world):
    world.site.has[PAGE] = Blocked("403")
    await poll_list(world.ice, store=world.store, fetch=world.site, now=lambda: NOON, every=timedelta(hours=12))
    assert (await world.source_status()).due_at - NOON > timedelta(hours=10)


async def test_a_retry_after_is_obeyed(world):
    await begun(world)
    world.site.has[PAGE] = Blocked("429", retry_after=9_000)
    await world.poll()
    status = await world.source_status()
    assert status.not_before == world.site.at + timedelta(seconds=9_001)  # whole seconds: the clock may be one behind
    assert status.due_at == status.not_before
    world.site.has[PAGE] = Unreachable("503", retry_after=1)
    await world.poll()
    status = await world.source_status()
    assert status.due_at > status.not_before


async def test_polls_do_not_march_in_step_and_stay_near_the_interval(world):
    await begun(world)
    waits = set()
    for _ in range(10):
        await world.poll()
        waits.add(wait(await world.source_status(), world.site.at))
    assert len(waits) == 10
    assert all(0.89 < one < 1.11 for one in waits)


# ── real bytes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def archived(world, file, *, name=ListName.PARTICIPATING):
    world.site.at = max(world.site.at, datetime(2025, 9, 19, tzinfo=UTC))
    world.publish(body=(ARCHIVE / file).read_bytes(), name=name)


@needs_archive
async def test_the_lists_swapped_on_september_22_are_held_and_the_next_morning_brings_no_false_exit(world):
    world.site.at = datetime(2025, 9, 19, tzinfo=UTC)
    archived(world, "participating/participatingAgencies09182025pm.xlsx")
    archived(world, "pending/pendingAgencies09222025am.xlsx", name=ListName.PENDING)
    assert {kind for kind, _ in await world.changes(hours=72)} == {"listed"}
    known = await world.store.known()

    archived(world, "participating/participatingAgencies09222025pm.xlsx")
    archived(world, "pending/pendingAgencies09222025pm.xlsx", name=ListName.PENDING)
    assert await world.changes(hours=6) == []
    reasons = {held.list: held.reasons[0] for held in await world.store.held()}
    assert "columns of the pending list" in reasons[ListName.PARTICIPATING]
    assert "columns of the participating list" in reasons[ListName.PENDING]
    assert await world.store.known() == known

    archived(world, "participating/participatingAgencies09232025am.xlsx")
    archived(world, "pending/pendingAgencies09232025am.xlsx", name=ListName.PENDING)
    changes = await world.changes(hours=12)
    assert "withdrawn" not in {kind for kind, _ in changes}
    assert await world.store.held() == ()


@needs_archive
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
async def test_a_real_workbook_cut_off_anywhere_is_held(world, part):
    world.site.at = datetime(2025, 9, 19, tzinfo=UTC)
    archived(world, "participating/participatingAgencies09182025pm.xlsx")
    await world.poll(hours=72)
    body = (ARCHIVE / "participating/participatingAgencies09232025am.xlsx").read_bytes()
    world.publish(body=body[: int(len(body) * part)])
    assert await world.changes() == []
    assert not (await world.held()).readable


def test_a_shorter_interval_applies_at_once_but_a_retry_after_is_still_obeyed():
    tried, hour, minute = NOON, timedelta(hours=1), timedelta(minutes=1)
    status = SourceStatus(source="ice", tried_at=tried, due_at=tried + hour)
    assert not status.is_due(tried + 2 * minute, hour)
    assert status.is_due(tried + 2 * minute, minute)
    assert not status.is_due(tried + minute, minute)  # each wait is a little longer or shorter
    asked = replace(status, failures=1, not_before=tried + hour)
    assert not asked.is_due(tried + hour - minute, minute)
    assert asked.is_due(tried + hour, minute)
    failing = replace(status, failures=6, due_at=tried + 6 * hour)
    assert not failing.is_due(tried + hour, minute)
    assert failing.is_due(tried + 2 * hour, minute)
