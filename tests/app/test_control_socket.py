"""Commands handed to the running program through its socket, and the errors that come back."""

import asyncio
import json
from dataclasses import replace

import pytest
import structlog
from structlog.testing import capture_logs
from support.chat import Chat

from bot.app import control_socket
from bot.errors import CountersignError, StoreBusy, UsageError
from bot.store.tiny.store import TinyStore

TEXAS = {"channel": "console", "address": "console", "states": "TX", "cadence": "instant", "tz": "UTC"}


@pytest.fixture(autouse=True)
def _logs_as_before():
    yield
    structlog.reset_defaults()


@pytest.fixture
async def program(tmp_path):
    """A running program over a real store, listening on its socket."""
    store = TinyStore.open(tmp_path)
    talk = Chat(store)
    async with control_socket.listening(talk.runner, tmp_path):
        yield talk
    await store.close()


async def hand_over(folder, name, arguments):
    return await asyncio.to_thread(control_socket.hand_over, folder, name, arguments)


async def test_the_answer_of_the_running_program_comes_back(program, tmp_path):
    answer = await hand_over(tmp_path, "subscribe", TEXAS)
    assert answer["subscription"]["states"] == ["TX"]
    assert [s.channel for s in await program.store.subscriptions()] == ["console"]


async def test_a_usage_error_is_one_on_both_sides(program, tmp_path):
    with pytest.raises(UsageError, match="Did you mean Texas"):
        await hand_over(tmp_path, "subscribe", {**TEXAS, "states": "Texsa"})


async def test_a_bug_is_logged_with_its_traceback_and_reported_as_an_internal_error(tmp_path):
    store = TinyStore.open(tmp_path)
    without_clock = replace(Chat(store).runner, now=None)  # calling it raises a TypeError inside the command
    async with control_socket.listening(without_clock, tmp_path):
        with capture_logs() as lines, pytest.raises(CountersignError, match="internal error") as fault:
            await hand_over(tmp_path, "subscribe", TEXAS)
    await store.close()
    assert not isinstance(fault.value, UsageError)
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert line["exc_info"]
    assert line["command"] == "subscribe"


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b'{"command": "poll"}', b'{"command": "poll", "arguments": 7}'])
async def test_a_line_that_is_not_a_command_is_answered_with_an_error(program, tmp_path, line):
    reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
    writer.write(line + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    assert answer["usage"]
    assert "error" in answer


def test_a_folder_without_a_socket_says_that_another_program_writes_there(tmp_path):
    with pytest.raises(StoreBusy, match="isn't accepting commands"):
        control_socket.hand_over(tmp_path, "poll", {})
