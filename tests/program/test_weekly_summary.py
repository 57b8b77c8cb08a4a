"""The running program sends the operator's weekly summary, unless it's switched off."""

import asyncio
import signal

import pytest
from support.program import row, texts, world
from support.sample_lists import A_DAY
from support.waiting import wait_for

from bot.store.tiny.store import TinyStore

LAST_WEEK = '{"day": "2026-01-05", "at": "2026-01-05T14:00:00Z", "readings": {}}'


def run_until(town, log, condition, **env) -> None:
    """Run the program until the condition holds."""
    child = town.start("run", log=log, COUNTERSIGN_OPERATOR="telegram:42", **env)
    try:
        wait_for(condition)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


async def note(folder, value: str) -> None:
    store = TinyStore.open(folder)
    await store.note("weekly summary", "last", value)
    await store.close()


@pytest.mark.slow
def test_a_program_that_was_down_on_monday_sends_the_summary_at_its_start_unless_it_is_off(tmp_path):
    with world(tmp_path / "data") as town:
        town.publish_rows("participatingAgencies11242026am.xlsx", [row("TEXAS", "Bell County")], at=A_DAY)
        asyncio.run(note(town.folder, LAST_WEEK))
        off, on = tmp_path / "off", tmp_path / "on"
        run_until(town, off, lambda: "recorded" in off.read_text(), COUNTERSIGN_WEEKLY_SUMMARY="0")
        assert "weekly summary" not in texts(town.telegram.messages, "42")

        run_until(town, on, lambda: "since Jan. 5, 2026" in texts(town.telegram.messages, "42"))
        sent = texts(town.telegram.messages, "42")
        assert "Free on the disk: " in sent
        assert "Running since " in sent
        assert sent.count("Your weekly summary") == 1
