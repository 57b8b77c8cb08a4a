"""The net of several changes, and the subscriptions that are told."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.listings import A_DAY, FIRST, known_after, listing, moa, pending, respelt, row

from bot.domain.agenda import Mention
from bot.domain.agendas.track import mention_change
from bot.domain.agreement import ListName, Publication
from bot.domain.change import Change, Kind, Known
from bot.domain.language import Language
from bot.domain.lists.reconcile import reconcile
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.messages.net_changes import net_changes
from bot.domain.subscription import Filter, Subscription
from bot.domain.text.wording import Wording

TAMPA = row("Tampa Police Department", county="Hillsborough County")
CITY = respelt(TAMPA, "City of Tampa Police Department")
THIRD = respelt(TAMPA, "Tampa Police Services")
BAKER = row("Baker County Sheriff's Office", county="Baker County")
POSTED = replace(TAMPA, moa=moa("tampa"))
IN_NEW_YORK = row("Lake Placid Police Department", "NY")
IN_FLORIDA = row("Lake Placid Police Department", "FL")


def log(*lists):
    """Return the changes these lists bring after a first one with Baker County, numbered from 1."""
    known, found = known_after([BAKER]), []
    for number, rows in enumerate(lists, start=2):
        result = reconcile(known, rows if not isinstance(rows, list) else listing(rows, number))
        known, found = result.known, [*found, *result.changes]
    return [replace(change, seq=seq, recorded_at=FIRST + timedelta(hours=seq)) for seq, change in enumerate(found, 1)]


def only(found):
    (one,) = found
    return one


def told(changes, **filter_):
    """Return the net of these changes as kind, agency and the numbers covered."""
    return [(n.change.kind.value, n.change.agreement.agency, n.covers) for n in net_changes(changes)]


def heard(changes, cursor=0, **filter_):
    """Return the headings one subscription gets for these changes, one for each item."""
    states = filter_.pop("states", {"FL": 0})
    subscription = Subscription(
        id="s1", channel="console", address="x", filter=Filter(states=states, **filter_), cursor=cursor
    )
    upto = max((change.seq for change in changes), default=0)
    digest = compose(subscription, changes, upto=upto, about=Circumstances(page="https://www.ice.gov"))
    if digest is None:
        return []
    shown = [section.heading or digest.title for section in digest.sections for _ in section.items]
    lines = [[span.text for span in line] for line in shown]
    return ["".join(line) for line in lines]


# ── the cases of the design ──────────────────────────────────────────────────────────────────────────────────────────


def test_signed_is_signed():
    assert told(log([BAKER, TAMPA])) == [("signed", TAMPA.agency, (1,))]


def test_signed_and_renamed_is_signed_under_the_new_name():
    changes = log([BAKER, TAMPA], [BAKER, CITY])
    assert [change.kind for change in changes] == [Kind.SIGNED, Kind.RENAMED]
    (found,) = net_changes(changes)
    assert (found.change.kind, found.change.agreement.agency, found.covers) == (Kind.SIGNED, CITY.agency, (1, 2))
    assert found.change.publication == changes[0].publication


def test_signed_and_amended_is_signed_with_what_it_says_now():
    (found,) = net_changes(log([BAKER, TAMPA], [BAKER, POSTED]))
    assert (found.change.kind, found.change.agreement.moa) == (Kind.SIGNED, POSTED.moa)


def test_signed_and_withdrawn_cancel_out():
    assert told(log([BAKER, TAMPA], [BAKER])) == []
    assert told(log([BAKER, TAMPA], [BAKER, CITY], [BAKER])) == []


def test_withdrawn_and_reinstated_cancel_out():
    assert told(log([], [BAKER])) == []
    assert told(log([], [BAKER], [], [BAKER])) == []


def test_reinstated_alone_is_reinstated():
    changes = log([], [BAKER])
    assert told(changes[1:]) == [("reinstated", BAKER.agency, (2,))]


def test_reinstated_under_another_spelling_names_the_old_one_and_cancels_out_its_withdrawal():
    changes = log([BAKER, TAMPA], [BAKER], [BAKER, CITY])[1:]
    assert [change.kind for change in changes] == [Kind.WITHDRAWN, Kind.REINSTATED]
    assert told(changes) == []
    assert told(changes[1:]) == [("reinstated", CITY.agency, (3,))]
    wording, (change,) = Wording(Language.ENGLISH, "UTC"), changes[1:]
    name = wording.name(change.agreement)
    assert "".join(span.text for span in name) == "City of Tampa Police Department (Hillsborough County)"
    assert [line[0].text for line in wording.facts(change).values()] == [
        "signed Feb. 26, 2026",
        "formerly Tampa Police Department",
        "no MOA posted yet",
    ]


def test_signed_withdrawn_and_reinstated_is_signed():
    assert told(log([BAKER, TAMPA], [BAKER], [BAKER, TAMPA])) == [("signed", TAMPA.agency, (1, 2, 3))]


def test_renamed_and_withdrawn_is_withdrawn_as_last_printed():
    changes = log([BAKER, TAMPA], [BAKER, CITY], [BAKER])[1:]
    (found,) = net_changes(changes)
    assert (found.change.kind, found.change.agreement.agency, found.covers) == (Kind.WITHDRAWN, CITY.agency, (2, 3))
    assert found.change.before is not None


def test_applied_and_signed_is_signed():
    changes = log(pending([BAKER], 2), pending([TAMPA], 3), [BAKER, TAMPA])
    assert [change.kind for change in changes] == [Kind.LISTED, Kind.APPLIED, Kind.SIGNED]
    (found,) = net_changes(changes)
    assert (found.change.kind, found.change.pending_since) == (Kind.SIGNED, (FIRST + timedelta(days=3)).date())


def test_applied_renamed_and_signed_is_signed():
    changes = log(pending([BAKER], 2), pending([TAMPA], 3), pending([CITY], 4), [BAKER, CITY])
    assert [n.change.kind for n in net_changes(changes)] == [Kind.SIGNED]


def test_renamed_and_renamed_back_cancel_out():
    assert told(log([BAKER, TAMPA], [BAKER, CITY], [BAKER, TAMPA])[1:]) == []


def test_renamed_twice_is_renamed_from_the_first_to_the_last():
    (found,) = net_changes(log([BAKER, TAMPA], [BAKER, CITY], [BAKER, THIRD])[1:])
    assert (found.change.was.agency, found.change.agreement.agency) == (TAMPA.agency, THIRD.agency)


def test_amended_is_amended():
    assert told(log([BAKER, TAMPA], [BAKER, POSTED])[1:]) == [("amended", TAMPA.agency, (2,))]


def test_listed_at_first_and_renamed_since_is_renamed():
    first = [replace(c, seq=n) for n, c in enumerate(reconcile(Known(), listing([BAKER, TAMPA])).changes, 1)]
    renamed = replace(only(reconcile(known_after([BAKER, TAMPA]), listing([BAKER, CITY], 2)).changes), seq=3)
    assert told([*first, renamed]) == [("renamed", CITY.agency, (2, 3))]


def test_listed_at_first_and_withdrawn_is_withdrawn_even_if_another_takes_its_name():
    other = replace(row("Tamper Police Department", county="Hillsborough County"), signed=A_DAY + timedelta(days=1))
    first = [replace(c, seq=n) for n, c in enumerate(reconcile(Known(), listing([BAKER, TAMPA])).changes, 1)]
    withdrawn = replace(only(reconcile(known_after([BAKER, TAMPA]), listing([BAKER], 2)).changes), seq=3)
    renamed = replace(withdrawn, kind=Kind.RENAMED, was=other, agreement=replace(TAMPA, signed=other.signed), seq=4)
    found = told([*first, withdrawn, renamed])
    assert found == [("withdrawn", TAMPA.agency, (2, 3)), ("renamed", TAMPA.agency, (4,))]


def test_signed_and_withdrawn_cancel_out_even_if_another_takes_the_name():
    other = replace(row("Tamper Police Department", county="Hillsborough County"), signed=A_DAY + timedelta(days=1))
    signed, withdrawn = log([BAKER, TAMPA], [BAKER])
    renamed = replace(withdrawn, kind=Kind.RENAMED, was=other, agreement=replace(TAMPA, signed=other.signed), seq=3)
    assert told([signed, withdrawn, renamed]) == [("renamed", TAMPA.agency, (3,))]


def test_a_correction_and_an_amendment_are_told_separately():
    now = replace(POSTED, county="Pasco County")
    found = net_changes(log([BAKER, TAMPA], [BAKER, now])[1:])
    assert [n.change.kind for n in found] == [Kind.CORRECTED, Kind.AMENDED]


def test_amended_and_changed_back_cancel_out():
    assert told(log([BAKER, TAMPA], [BAKER, POSTED], [BAKER, TAMPA])[1:]) == []


def test_listed_and_withdrawn_is_withdrawn():
    first = reconcile(Known(), listing([BAKER, TAMPA])).changes
    later = reconcile(known_after([BAKER, TAMPA]), listing([BAKER], 2)).changes
    changes = [replace(change, seq=seq) for seq, change in enumerate([*first, *later], 1)]
    assert [n.change.kind for n in net_changes(changes)] == [Kind.WITHDRAWN]


def test_listed_alone_is_never_told():
    assert net_changes(reconcile(Known(), listing([BAKER])).changes) == ()


def test_a_second_row_that_comes_and_goes_is_never_told():
    assert heard(log([BAKER, TAMPA], [BAKER, TAMPA, CITY], [BAKER, TAMPA])[1:]) == []


def test_an_agreement_whose_second_row_goes_is_signed_once():
    changes = log([BAKER, TAMPA], [BAKER, TAMPA, CITY], [BAKER, CITY])
    assert [change.kind for change in changes] == [Kind.SIGNED, Kind.LISTED, Kind.RENAMED]
    assert [(n.change.kind, n.change.agreement.agency) for n in net_changes(changes)] == [(Kind.SIGNED, CITY.agency)]


def test_withdrawn_is_withdrawn_even_if_another_takes_its_name():
    other = row("Tamper Police Department", county="Hillsborough County", signed=A_DAY + timedelta(days=1))
    withdrawn = Change(kind=Kind.WITHDRAWN, list=ListName.PARTICIPATING, agreement=TAMPA, publication=listing([]).publication, row=None, seq=1)  # fmt: skip
    renamed = replace(withdrawn, kind=Kind.RENAMED, was=other, agreement=replace(TAMPA, signed=other.signed), seq=2)
    assert [n.change.kind for n in net_changes([withdrawn, renamed])] == [Kind.WITHDRAWN, Kind.RENAMED]


def test_dropped_is_dropped_and_applied_and_dropped_cancel_out():
    applied = log(pending([BAKER], 2), pending([TAMPA], 3))[1]
    gone = replace(applied, kind=Kind.DROPPED, row=None, seq=9)
    assert told([gone]) == [("dropped", TAMPA.agency, (9,))]
    assert told([applied, gone]) == []


def test_a_change_retracted_before_it_was_sent_is_never_sent():
    (signed,) = log([BAKER, TAMPA])
    taken_back = replace(signed, kind=Kind.RETRACTED, retracts=1, retracted=Kind.SIGNED, seq=2)
    assert net_changes([signed, taken_back]) == ()
    assert net_changes([taken_back]) == ()


def test_the_departure_of_a_second_row_whose_name_is_listed_again_is_never_told():
    changes = log([CITY], [CITY, TAMPA], [], [CITY], [TAMPA])
    assert told(changes) == [("withdrawn", BAKER.agency, (1,)), ("signed", TAMPA.agency, (2, 4, 6, 7))]


def test_agencies_come_in_the_order_in_which_they_last_changed():
    changes = log([BAKER, TAMPA], [BAKER, TAMPA, IN_FLORIDA])
    assert [n.change.agreement.agency for n in net_changes(changes)] == [TAMPA.agency, IN_FLORIDA.agency]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from([BAKER, TAMPA, CITY, POSTED, IN_FLORIDA]), max_size=4), max_size=6))
def test_the_net_is_the_difference_between_the_first_and_the_last_list(lists):
    """Whatever happened in between, an agency new at the end was signed, and one gone at the end was withdrawn."""
    changes = log(*lists)
    came = {
        n.change.agreement.canonical for n in net_changes(changes) if n.change.kind in {Kind.SIGNED, Kind.REINSTATED}
    }
    went = {n.change.agreement.canonical for n in net_changes(changes) if n.change.kind is Kind.WITHDRAWN}
    last = {a.canonical for a in (lists[-1] if lists else [BAKER])}
    assert came <= last
    assert not went & last
    assert (BAKER.canonical in went) == (BAKER.canonical not in last)
    assert (IN_FLORIDA.canonical in came) == (IN_FLORIDA.canonical in last)


# ── subscriptions ──────────────────────────────────────────────────────────────────────────────────────────────────────

SIGNED, WITHDRAWN = "Florida: new on ICE's list", "Florida: no longer on ICE's list"


def kinds_heard(changes, **options):
    return sorted({line.partition(": ")[2].split(" on ")[0] for line in heard(changes, **options)})


def test_a_reader_of_withdrawals_alone_gets_one_whenever_it_was_signed():
    changes = log([BAKER, TAMPA], [BAKER])
    assert heard(changes) == []
    assert len(heard(changes, kinds={Kind.WITHDRAWN: 0})) == 1


def test_a_reader_of_signings_alone_gets_none_that_is_gone_again():
    changes = log([BAKER, TAMPA], [BAKER])
    assert heard(changes, kinds={Kind.SIGNED: 0}) == []


def test_a_reader_of_returns_alone_gets_one():
    changes = log([], [BAKER])
    assert len(heard(changes, kinds={Kind.REINSTATED: 0})) == 1
    assert heard(changes, kinds={Kind.REINSTATED: 0, Kind.WITHDRAWN: 0}) == []


def test_an_agreement_signed_before_its_state_was_added_is_withdrawn_like_any_other():
    changes = log([BAKER, TAMPA], [BAKER])
    assert len(heard(changes, states={"FL": 1})) == 1
    assert heard(changes, states={"FL": 2}) == []
    assert heard(changes, states={"FL": 0}) == []


def test_an_agreement_that_left_before_its_state_was_added_is_reinstated_like_any_other():
    changes = log([], [BAKER])
    assert len(heard(changes, states={"FL": 1})) == 1


def test_changes_before_the_cursor_are_not_sent_again():
    changes = log([BAKER, TAMPA], [BAKER])
    assert len(heard(changes, cursor=1)) == 1
    assert heard(changes, cursor=2) == []


MOVED = log([BAKER, IN_NEW_YORK], [BAKER, IN_FLORIDA])


def test_signed_under_the_wrong_state_and_corrected_is_signed_for_a_watcher_of_the_right_state():
    assert [change.kind for change in MOVED] == [Kind.SIGNED, Kind.CORRECTED]
    for states in ({"FL": 0}, {"FL": 0, "NY": 0}, {"*": 0}, {"FL": 1}, {"NY": 0, "FL": 1}):
        assert heard(MOVED, states=states) == [heard(MOVED, states={"FL": 0})[0]]
        assert "Florida" in heard(MOVED, states=states)[0]


def test_signed_under_the_wrong_state_and_corrected_is_nothing_for_a_watcher_of_the_wrong_state():
    assert heard(MOVED, states={"NY": 0}) == []


def test_a_reader_who_got_the_wrong_state_gets_the_correction():
    assert len(heard(MOVED, states={"NY": 0}, cursor=1)) == 1
    assert len(heard(MOVED, states={"FL": 0}, cursor=1)) == 1


def test_corrected_and_withdrawn_is_withdrawn_for_a_reader_who_got_the_wrong_state():
    changes = log([BAKER, IN_NEW_YORK], [BAKER, IN_FLORIDA], [BAKER])
    assert [change.kind for change in changes] == [Kind.SIGNED, Kind.CORRECTED, Kind.WITHDRAWN]
    assert len(heard(changes, states={"NY": 0}, cursor=1)) == 1
    assert heard(changes, states={"FL": 0}, cursor=1) == []
    assert len(heard(changes, states={"FL": 0}, cursor=2)) == 1
    assert heard(changes, states={"*": 0}) == []


def test_a_county_filled_in_later_is_news_for_watchers_of_the_county():
    airport = row("Tampa Airport Authority", county="Hillsborough County")  # no town's police
    changes = log([BAKER, replace(airport, county="")], [BAKER, airport])
    assert [change.kind for change in changes] == [Kind.SIGNED, Kind.CORRECTED]
    assert len(heard(changes, states={}, counties={"FL/hillsborough": 0})) == 1
    assert len(heard(changes, states={}, counties={"FL/hillsborough": 0}, cursor=1)) == 1
    assert heard(changes, states={}, counties={"FL/pasco": 0}) == []


def test_a_county_filled_in_before_the_withdrawal_is_withdrawn_for_watchers_of_the_county():
    changes = log([BAKER, replace(TAMPA, county="")], [BAKER, TAMPA], [BAKER])
    assert [change.kind for change in changes] == [Kind.SIGNED, Kind.CORRECTED, Kind.WITHDRAWN]
    assert len(heard(changes, states={}, counties={"FL/hillsborough": 0}, cursor=2)) == 1
    assert len(heard(changes, states={}, counties={"FL/hillsborough": 0}, cursor=1)) == 1
    assert heard(changes, states={}, counties={"FL/pasco": 0}, cursor=1) == []


def test_a_county_corrected_before_the_withdrawal_is_withdrawn_for_watchers_of_the_wrong_county():
    changes = log([BAKER, TAMPA], [BAKER, replace(TAMPA, county="Pasco County")], [BAKER])
    assert [change.kind for change in changes] == [Kind.SIGNED, Kind.CORRECTED, Kind.WITHDRAWN]
    assert len(heard(changes, states={}, counties={"FL/hillsborough": 0}, cursor=1)) == 1


def test_a_state_corrected_twice_is_news_in_the_first_and_the_last_and_not_between():
    changes = log([BAKER, IN_NEW_YORK], [BAKER, IN_FLORIDA], [BAKER, replace(IN_FLORIDA, state="GA")])
    assert [change.kind for change in changes] == [Kind.SIGNED, Kind.CORRECTED, Kind.CORRECTED]
    assert len(heard(changes, states={"NY": 0}, cursor=1)) == 1
    assert len(heard(changes, states={"GA": 0}, cursor=1)) == 1
    assert heard(changes, states={"FL": 0}, cursor=1) == []


def test_a_state_that_is_not_watched_is_never_told():
    assert heard(log([BAKER, TAMPA], []), states={"GA": 0}) == []


@pytest.mark.parametrize("upto", [0, 1])
def test_a_digest_says_nothing_of_what_comes_after_its_end(upto):
    changes = log([BAKER, TAMPA], [BAKER])
    subscription = Subscription(id="s1", channel="console", address="x", filter=Filter(states={"FL": 0}))
    digest = compose(subscription, changes, upto=upto, about=Circumstances(page="https://www.ice.gov"))
    assert (digest is not None) == (upto == 1)


def test_a_digest_composed_again_is_the_same():
    changes = log([BAKER, TAMPA, IN_FLORIDA], [TAMPA, IN_FLORIDA])
    subscription = Subscription(id="s1", channel="console", address="x", filter=Filter(states={"*": 0}))
    about = Circumstances(page="https://www.ice.gov")
    first = compose(subscription, changes, upto=len(changes), about=about)
    assert first == compose(subscription, list(changes), upto=len(changes), about=about)
    assert sorted(first.covers) == [1, 2, 3]


# ── agenda items ─────────────────────────────────────────────────────────────────────────────────────────────────────


def said(seq, kind=Kind.MENTIONED, before=None, **more):
    about = {"source": "Nash County, NC", "item": "event/1/item/2", "state": "NC", "title": "287(g)", "body": "Board"}
    mention = Mention(address="https://nash.example/1", evidence="e", **about | more).after(before and before.mention)
    found = mention_change(mention, Publication(name="x", address="a", evidence="e", observed_at=FIRST, rows=0), kind)
    return replace(found, seq=seq, recorded_at=FIRST)


TUESDAY, NEXT = date(2026, 12, 1), date(2026, 12, 8)


def test_an_agenda_item_gets_one_line_as_it_reads_at_the_end():
    first = said(1, meets_on=TUESDAY)
    moved = said(2, before=first, meets_on=NEXT)
    amended = said(3, Kind.AMENDED, moved, meets_on=NEXT, title="287(g), second reading")
    [one] = net_changes([first, moved, amended], lambda change: change.kind is not Kind.AMENDED)
    assert (one.change.kind, one.change.mention.meets_on, one.change.mention.title) == (
        Kind.MENTIONED, NEXT, "287(g), second reading",
    )  # fmt: skip
    assert one.change.mention.before is None
    assert one.covers == (1, 2, 3)


def test_moved_and_moved_back_cancel_out_and_moved_gives_the_old_date():
    first = said(1, meets_on=TUESDAY)
    moved = said(2, before=first, meets_on=NEXT)
    back = said(3, before=moved, meets_on=TUESDAY)
    assert net_changes([moved, back]) == ()
    [one] = net_changes([moved])
    assert (one.change.mention.before.meets_on, one.change.mention.meets_on) == (TUESDAY, NEXT)
    cancelled = said(4, before=moved, meets_on=NEXT, status="cancelled")
    [one] = net_changes([moved, cancelled])
    assert (one.change.mention.before.meets_on, one.change.mention.status) == (TUESDAY, "cancelled")


def test_amended_words_are_told_only_to_readers_who_switched_that_on():
    first = said(1, meets_on=TUESDAY)
    amended = said(2, Kind.AMENDED, first, meets_on=TUESDAY, title="287(g), second reading")
    moved_back = [amended, said(3, before=amended, meets_on=NEXT, title="287(g), second reading")]
    moved_back.append(said(4, before=moved_back[-1], meets_on=TUESDAY, title="287(g), second reading"))
    assert [one.change.kind for one in net_changes([amended])] == [Kind.AMENDED]
    assert net_changes([amended], lambda change: change.kind is Kind.MENTIONED) == ()
    assert [one.change.kind for one in net_changes(moved_back)] == [Kind.AMENDED]


def test_a_matter_put_on_an_agenda_goes_on_under_its_new_id():
    filed = said(1, item="matter/412")
    put_on = said(2, before=filed, item="event/77/matter/412", meets_on=TUESDAY)
    [one] = net_changes([filed, put_on])
    assert one.change.mention.item == "event/77/matter/412"
    assert one.covers == (1, 2)


def test_a_mention_retracted_before_it_was_sent_is_never_sent():
    first = said(1, meets_on=TUESDAY)
    wrong = replace(first, kind=Kind.RETRACTED, retracted=Kind.MENTIONED, retracts=1, seq=2)
    assert net_changes([first, wrong]) == ()


def test_two_items_on_one_agenda_get_two_lines():
    assert len(net_changes([said(1), said(2, item="event/1/item/3")])) == 2
