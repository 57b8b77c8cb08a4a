"""SIGTERM ends the program in time, whatever is stuck, and nothing is lost. What is stuck here stays so for ten minutes."""

import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from support.loopback.server import delayed
from support.program import row, world
from support.waiting import wait_for

SIGNED = datetime(2026, 11, 19)  # noqa: DTZ001 - a date cell has no zone
FIRST = [row("TEXAS", "Archer County Sheriff's Office", signed=SIGNED, county="Archer County")]
SECOND = [*FIRST, row("TEXAS", "Bell County Sheriff's Office", signed=SIGNED, county="Bell County")]
STUCK = 600.0  # seconds, longer than the test waits
ENDS_WITHIN = 120.0  # seconds, on a busy machine
CHAT, CHANNEL, PERSON = "42", "C0123456789", 43


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("participatingAgencies11202026am.xlsx", FIRST, at=datetime(2026, 11, 20, 9, tzinfo=UTC))
        made.run("poll")
        made.run("subscribe", "telegram", CHAT, "--states", "TX")
        made.run("subscribe", "slack", CHANNEL, "--states", "TX")
        yield made


@pytest.mark.slow
def test_a_stuck_answer_and_stuck_digests_share_one_deadline_and_come_after_the_restart(here, unused_tcp_port):
    here.telegram.script(CHAT, delayed(STUCK))
    here.telegram.script(PERSON, delayed(STUCK))
    here.slack.script(CHANNEL, delayed(STUCK))
    fast = {"COUNTERSIGN_POLL_SECONDS": "1", "PORT": str(unused_tcp_port)}
    program = here.start("run", **fast)
    here.telegram.say("/watch TX", chat=PERSON, user=PERSON)
    here.publish_rows("participatingAgencies11202026pm.xlsx", SECOND, at=datetime(2026, 11, 20, 17, tzinfo=UTC))
    wait_for(lambda: len(here.telegram.called("sendMessage")) >= 2 and here.slack.called("chat.postMessage"))
    program.send_signal(signal.SIGTERM)
    said, written = program.communicate(timeout=ENDS_WITHIN)
    assert program.returncode == 0, written
    assert "Traceback" not in said + written

    here.telegram.behave()
    here.slack.behave()
    again = here.start("run", **fast)
    try:
        wait_for(lambda: any("Bell County" in text for text in here.telegram.told(CHAT)))
        wait_for(lambda: any("Bell County" in text for text in here.slack.told(CHANNEL)))
        assert [s for s in here.lines("subscriptions") if s["address"] == str(PERSON)], "the command was carried out"
    finally:
        again.send_signal(signal.SIGTERM)
        again.communicate(timeout=ENDS_WITHIN)


# Each breaks one thing of the program so that it never ends, and starts it.
BREAKS = {
    "a write": """
import bot.store.tiny.store as store
async def settled(store, *_):
    print("stuck", flush=True)
    store._disk.submit(time.sleep, 600)
wrapped = store.TinyStore.subscriptions
async def subscriptions(self):
    if not hasattr(self, "stuck"):
        self.stuck = True
        await settled(self)
    return await wrapped(self)
store.TinyStore.subscriptions = subscriptions
""",
    "a client that is closed": """
from bot.channels.telegram.sender import TelegramSender
async def close(self):
    await asyncio.sleep(600)
TelegramSender.close = close
print("stuck", flush=True)
""",
    "a thread that resolves a name": """
from bot.pipeline.runner import Runner
usual = Runner.due_sources
async def due_sources(self):
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
    print("stuck", flush=True)
    return await usual(self)
Runner.due_sources = due_sources
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKS)
def test_the_program_ends_although_something_never_does(here, name):
    start = f"import asyncio, sys, time\n{BREAKS[name]}\nfrom bot.__main__ import main\nsys.argv = ['countersign', 'run']\nmain()"
    program = subprocess.Popen(
        [sys.executable, "-c", start], env=here.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "stuck\n"
    wait_for(lambda: here.telegram.called("getUpdates"))
    program.send_signal(signal.SIGTERM)
    _, written = program.communicate(timeout=ENDS_WITHIN)
    assert program.returncode == 0, written
    assert len(here.lines("subscriptions")) == 2, "the folder opens again with all that was confirmed"
