"""The operator's commands: arguments are checked before a command starts, and a bug stays a bug."""

from dataclasses import replace

import pytest
from support.chat import Chat

from bot.commands.operator import carry_out
from bot.commands.options import states_in
from bot.domain.agreement import SupportType
from bot.domain.change import TOLD_BY_DEFAULT, Kind
from bot.errors import CountersignError, UsageError
from bot.store.tiny.store import TinyStore

TEXAS = {"channel": "console", "address": "console", "states": "TX", "cadence": "instant", "tz": "UTC"}


@pytest.fixture
async def runner(tmp_path):
    store = TinyStore.open(tmp_path)
    yield Chat(store).runner
    await store.close()


async def test_a_command_with_the_right_arguments_is_carried_out(runner):
    answer = await carry_out(runner, "subscribe", TEXAS)
    assert answer["subscription"]["states"] == ["TX"]


@pytest.mark.parametrize("arguments", [{}, {**TEXAS, "colour": "red"}, {**TEXAS, "runner": "x"}])
async def test_arguments_that_the_command_does_not_take_are_refused_before_it_starts(runner, arguments):
    with pytest.raises(CountersignError, match="subscribe"):
        await carry_out(runner, "subscribe", arguments)
    assert not await runner.store.subscriptions()


async def test_an_unknown_command_is_a_usage_error(runner):
    with pytest.raises(UsageError, match="dance"):
        await carry_out(runner, "dance", {})


async def test_a_bug_inside_a_command_is_raised_as_it_is(runner):
    without_clock = replace(runner, now=None)  # calling it raises a TypeError inside the command
    with pytest.raises(TypeError, match="NoneType"):
        await carry_out(without_clock, "subscribe", TEXAS)


async def test_approving_says_so_when_this_installation_does_not_read_the_lists(runner):
    with pytest.raises(UsageError, match="COUNTERSIGN_SOURCES"):
        await carry_out(runner, "approve", {"held": "h1"})


@pytest.mark.parametrize("typed", ["Harris Texas", "TX, Lake FL", "TX, Harris County TX"])
def test_a_county_is_refused_where_only_states_can_be_given(typed):
    with pytest.raises(UsageError):
        states_in(typed)


def test_a_states_name_is_not_read_as_a_county_of_the_next_state():
    assert states_in("Washington AR, Delaware, OH") == ["WA", "AR", "DE", "OH"]


async def test_subscribing_again_changes_only_what_is_given(runner):
    weekly = TEXAS | {"cadence": "weekly", "at": "17:30", "tz": "Chicago", "language": "es"}
    first = (await carry_out(runner, "subscribe", weekly))["subscription"]
    mine = await runner.store.subscription(first["id"])
    chosen = replace(mine.filter, counties={"FL/lake": 0}, support_types={SupportType.WSO: 0}, kinds={Kind.SIGNED: 0})
    await runner.store.change_subscription(replace(mine, filter=chosen, hears_stale=True, paused="stopped"))
    answer = await carry_out(runner, "subscribe", {"channel": "console", "address": "console", "states": "OH"})
    assert answer["changed"]
    after = await runner.store.subscription(first["id"])
    assert (after.cadence, after.at, after.tz, after.language) == (mine.cadence, mine.at, mine.tz, mine.language)
    assert set(after.filter.states) == {"OH"}
    assert (after.filter.counties.keys(), after.filter.support_types.keys()) == ({"FL/lake"}, {SupportType.WSO})
    assert (set(after.filter.kinds), after.hears_stale, after.paused) == ({Kind.SIGNED}, True, None)
    at = await carry_out(runner, "subscribe", TEXAS | {"cadence": "weekly", "at": "8:00", "tz": "Chicago"})
    assert (at["subscription"]["at"], at["subscription"]["language"]) == ("08:00", "es")


async def test_a_new_subscription_is_instant_in_english_and_utc_unless_it_says_otherwise(runner):
    answer = await carry_out(runner, "subscribe", {"channel": "console", "address": "console", "states": "OH"})
    mine = await runner.store.subscription(answer["subscription"]["id"])
    assert (mine.cadence, mine.at.hour, mine.tz, mine.language) == ("instant", 9, "UTC", "en")
    assert set(mine.filter.kinds) == set(TOLD_BY_DEFAULT)


async def test_values_may_have_the_characters_that_a_phone_types(runner):
    typed = TEXAS | {"states": "“TX, Ohio”", "cadence": "’daily’", "at": "８：00\u00a0p.\u202fm.", "tz": "‘Chicago’"}
    answer = (await carry_out(runner, "subscribe", typed))["subscription"]
    assert (answer["states"], answer["cadence"], answer["at"]) == (["OH", "TX"], "daily", "20:00")


@pytest.mark.parametrize("tz", ["GMT+1", "UTC-5"])
async def test_a_difference_from_utc_is_answered_with_how_to_name_a_zone(runner, tz):
    with pytest.raises(UsageError, match="big city in it") as fault:
        await carry_out(runner, "subscribe", TEXAS | {"tz": tz})
    assert "Etc/" not in str(fault.value)
