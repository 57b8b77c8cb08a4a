"""Commands of buttons and forms, typed by a person."""

import pytest
from support.chat import Chat

from bot.domain.change import TOLD_BY_DEFAULT, Kind
from bot.domain.text.rich_text import plain_text
from bot.store.tiny.store import TinyStore


@pytest.fixture
async def talk(tmp_path):
    store = TinyStore.open(tmp_path)
    made = Chat(store)
    await made.ask("watch TX")
    yield made
    await store.close()


async def test_several_states_are_picked_one_after_the_other(talk):
    await talk.ask("pick TX OK, ohio")
    assert set((await talk.mine()).filter.states) == {"OK", "OH"}


@pytest.mark.parametrize("typed", ["pick WSO", "pick Harris County TX", "pick TX WSO", "pick agency Bell", "pick zzz"])
async def test_a_pick_that_is_no_state_is_told_and_changes_nothing(talk, typed):
    before = await talk.mine()
    assert plain_text((await talk.ask(typed)).lines)
    assert await talk.mine() == before


@pytest.mark.parametrize("typed", ["pick", "kind"])
async def test_a_picker_without_a_choice_is_shown_and_changes_nothing(talk, typed):
    before = await talk.mine()
    assert len((await talk.ask(typed)).buttons) > 2
    assert await talk.mine() == before


async def test_several_kinds_or_signs_after_kind_are_read_as_after_kinds(talk):
    await talk.ask("kind -applied")
    assert set((await talk.mine()).filter.kinds) == set(TOLD_BY_DEFAULT) - {Kind.APPLIED}
    await talk.ask("kind signed withdrawn")
    assert set((await talk.mine()).filter.kinds) == {Kind.SIGNED, Kind.WITHDRAWN}
    await talk.ask("kind signed")
    assert set((await talk.mine()).filter.kinds) == {Kind.WITHDRAWN}


@pytest.mark.parametrize(
    "typed", ["set", "set states=", "set states=WSO", "set kinds=", "set at=25:00", "set tz=", "set x=1"]
)
async def test_a_form_with_an_empty_or_wrong_field_changes_nothing(talk, typed):
    before = await talk.mine()
    assert plain_text((await talk.ask(typed)).lines)
    assert await talk.mine() == before


@pytest.mark.parametrize(
    "typed", ["undo 99", "undo x", "undo ²", "stale x", "always x", "forget no", "hello TX", "start zzz"]
)
async def test_other_commands_of_buttons_with_odd_words_get_an_answer(talk, typed):
    before = (await talk.mine()).settings
    assert plain_text((await talk.ask(typed)).lines)
    assert (await talk.mine()).settings == before


async def test_a_deep_link_that_names_an_agency_offers_to_watch_that_agency(talk):
    reply = await talk.ask("start agency_bell")
    assert reply.buttons[0][0].command == "watch agency bell"
