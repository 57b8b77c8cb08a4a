"""What watching and no longer watching do to a filter, and what a chat is told if they would do something else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.chat import NOW, SECOND, SIGNED, Chat
from support.program import row

from bot.domain.agreement import Agreement, ListName, Publication, SupportType
from bot.domain.change import Change, Kind
from bot.domain.chat.parser import kinds
from bot.domain.lists.names import canonical
from bot.domain.subscription import ALL_STATES, Filter
from bot.store.tiny.store import TinyStore

WATCHED = (
    "TX", "Florida", "all", "Bell County TX", "Kings County NY", "agency butler pd", "WSO", "JEM TFM", "WSO JEM TFM",
    "TX WSO", "OH WSO", "OH JEM", "all WSO", "all JEM", "Bell County TX WSO", "TX OH", "TX Bell County TX",
)  # fmt: skip
KINDS = ("amended", "applied", "signed withdrawn", "all", "default", "related mentioned")
AGENCIES = (
    ("TX", "Bell County Sheriff's Office", "Bell"), ("TX", "Archer County Sheriff's Office", "Archer"),
    ("OH", "Butler Police Department", "Butler"), ("NY", "Kings County Sheriff's Office", "Kings"),
    ("FL", "Lake County Sheriff's Office", "Lake"),
)  # fmt: skip


def told(filter_: Filter) -> set[tuple[str, str, str]]:
    """Return every change, of a sample of all kinds, types and places, that the filter matches."""
    at = datetime(2026, 11, 1, tzinfo=UTC)
    seen = Publication(name="x.xlsx", address="", evidence="0" * 64, observed_at=at, rows=1)
    dated = Filter(**{name: dict.fromkeys(getattr(filter_, name), 0) for name in filter_.__slots__})
    changes = [
        Change(
            seq=1, row=1, kind=kind, list=ListName.PARTICIPATING, publication=seen, recorded_at=at,
            agreement=Agreement(
                state=state, agency=agency, canonical=canonical(agency, state), county=county, support_type=support_type
            ),
        )
        for state, agency, county in AGENCIES for support_type in SupportType
        for kind in (Kind.SIGNED, Kind.WITHDRAWN, Kind.AMENDED, Kind.CORRECTED, Kind.APPLIED)
    ]  # fmt: skip
    return {(c.agreement.agency, str(c.agreement.support_type), str(c.kind)) for c in changes if dated.matches(c)}


async def pairs(begun: list[str], first: str, second: str) -> tuple[Filter, Filter]:
    """Return the chat's filter before and after two commands."""
    store = TinyStore.in_memory()
    talk = Chat(store)
    try:
        for text in ["watch ND", *begun]:
            await talk.ask(text)
        if not begun:
            await talk.ask("unwatch ND")
        before = (await talk.mine()).filter
        await talk.ask(first)
        await talk.ask(second)
        return before, (await talk.mine()).filter
    finally:
        await store.close()


def same(one: Filter, other: Filter) -> bool:
    return all(set(getattr(one, name)) == set(getattr(other, name)) for name in one.__slots__)


begun = st.lists(
    st.tuples(st.sampled_from(["watch", "watch", "watch only", "unwatch"]), st.sampled_from(WATCHED)).map(" ".join),
    max_size=4,
)


@settings(max_examples=100, deadline=None)
@given(begun, st.sampled_from(WATCHED), st.booleans())
async def test_watching_and_unwatching_lead_back_or_to_nothing_or_to_less_but_never_to_more(begun, what, backward):
    if backward:
        before, after = await pairs([*begun, f"watch {what}"], f"unwatch {what}", f"watch {what}")
    else:
        before, after = await pairs(begun, f"watch {what}", f"unwatch {what}")
    assert same(before, after) or after.is_empty or told(after) <= told(before)


@settings(max_examples=50, deadline=None)
@given(begun, st.sampled_from(WATCHED))
async def test_unwatching_never_adds_anything(begun, what):
    before, after = await pairs(begun, f"unwatch {what}", "status")
    assert told(after) <= told(before)


@settings(max_examples=50, deadline=None)
@given(begun, st.sampled_from([*WATCHED]))
async def test_watching_something_that_is_not_a_bare_type_never_loses_anything(begun, what):
    before, after = await pairs(begun, f"watch {what}", "status")
    is_narrowing = set(what.split()) & {"WSO", "JEM", "TFM"}
    assert is_narrowing or told(before) <= told(after)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("begun", ["kinds default", "kinds signed", "kinds signed amended", "kinds all"])
async def test_kinds_added_and_removed_lead_back_or_to_less(kind, begun):
    added, removed = (" ".join(sign + word for word in kind.split()) for sign in "+-")
    before, after = await pairs([begun], f"kinds {added}", f"kinds {removed}")
    assert after.kinds
    if set(before.kinds) - set(kinds(kind, ())):  # or the removal would leave nothing and is refused
        assert set(after.kinds) <= set(before.kinds)


async def talked(*texts: str) -> tuple[Chat, list[str]]:
    talk = Chat(TinyStore.in_memory())
    return talk, [await talk.says(text) for text in texts]


async def test_a_support_type_watched_alone_and_unwatched_leaves_nothing():
    talk, [watched, unwatched] = await talked("watch WSO", "unwatch WSO")
    assert "all states (Warrant Service Officer only)" in watched
    assert "Nothing is being watched now." in unwatched
    assert (await talk.mine()).filter.is_empty


async def test_a_state_watched_beside_all_states_throws_none_away_and_says_so():
    talk, [_, said] = await talked("watch all", "watch TX")
    assert "already watching all states" in said
    assert set((await talk.mine()).filter.states) == {"*"}


async def test_a_stopped_chat_that_watched_all_states_begins_again_with_all_of_them():
    talk, [*_, said] = await talked("watch all", "stop", "watch TX")
    mine = await talk.mine()
    assert (set(mine.filter.states), mine.paused) == ({ALL_STATES}, None), "watch adds and never takes away"
    assert "You already watch all states" in said


async def test_a_type_for_one_of_several_places_changes_nothing_and_says_why():
    talk, [_, added, removed] = await talked("watch TX OH", "watch FL WSO", "unwatch TX JEM")
    assert "apply to every place you watch" in added
    assert "/watch only WSO" in added
    assert "/watch only JEM" in removed
    mine = (await talk.mine()).filter
    assert (set(mine.states), mine.support_types) == ({"TX", "OH"}, {})


async def test_only_a_support_type_keeps_the_places():
    talk, _ = await talked("watch TX OH", "watch only WSO")
    mine = (await talk.mine()).filter
    assert (set(mine.states), set(mine.support_types)) == ({"TX", "OH"}, {SupportType.WSO})


async def test_a_type_can_be_left_out_and_taken_in_again():
    talk, _ = await talked("watch TX", "unwatch WSO")
    left = (await talk.mine()).filter
    assert set(left.support_types) == set(SupportType) - {SupportType.WSO}
    await talk.ask("watch WSO")
    assert (await talk.mine()).filter.support_types == {}


async def test_narrowing_to_a_type_keeps_what_is_owed_of_it():
    talk, _ = await talked("watch TX", "digest 8:00")
    await talk.publish(SECOND, NOW - timedelta(days=1))
    await talk.publish(
        [*SECOND, row("TEXAS", "Lee County Sheriff's Office", "Task Force Model", SIGNED, "Lee County")], NOW
    )
    await talk.ask("watch TFM")
    assert (await talk.mine()).due_at is not None
