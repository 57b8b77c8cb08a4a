"""The operator's commands: arguments are checked before a command starts, and a bug stays a bug."""

from dataclasses import replace

import pytest
from support.chat import Chat

from bot.commands.operator import carry_out, parsed_states
from bot.errors import CountersignError, UsageError
from bot.store.tiny.store import TinyStore

TEXAS = {"channel": "console", "address": "console", "states": "TX", "cadence": "instant", "at": "09:00", "tz": "UTC"}


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
        parsed_states(typed)


def test_a_states_name_is_not_read_as_a_county_of_the_next_state():
    assert parsed_states("Washington AR, Delaware, OH") == ["WA", "AR", "DE", "OH"]
