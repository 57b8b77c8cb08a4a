"""The running program hands lists to the Internet Archive, and tells everyone first."""

import asyncio
import signal

import pytest
from aiohttp import web
from support.loopback.wayback import KEYS, LoopbackWayback
from support.program import texts, world
from support.sample_lists import A_DAY, NEWCOMERS, SHERIFFS
from support.waiting import wait_for


class Hung(LoopbackWayback):
    """Takes every request and never answers."""

    async def respond(self, request: web.Request) -> web.StreamResponse:
        await super().respond(request)
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.slow
def test_an_archive_that_never_answers_delays_no_alert_and_no_stop(tmp_path):
    with world(tmp_path / "data") as here, Hung().run_in_thread() as archive:
        here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
        here.run("subscribe", "telegram", "42", "--states", "all")
        env = {"COUNTERSIGN_WAYBACK": "1", "COUNTERSIGN_WAYBACK_URL": archive.base, "COUNTERSIGN_WAYBACK_KEYS": KEYS}
        program = here.start("run", log=tmp_path / "log", COUNTERSIGN_POLL_SECONDS="1", **env)
        wait_for(lambda: archive.saved, seconds=60)
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        wait_for(lambda: "Bell County" in texts(here.telegram.messages, "42"), seconds=60)
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
        assert len(archive.asked) == 1
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert KEYS not in log


@pytest.mark.slow
def test_it_is_off_unless_it_is_switched_on_and_bad_keys_are_refused_in_a_sentence(tmp_path):
    with world(tmp_path / "data") as here, LoopbackWayback().run_in_thread() as archive:
        refused = here.run("poll", expect=2, COUNTERSIGN_WAYBACK_KEYS="only-one-key")
        assert "COUNTERSIGN_WAYBACK_KEYS" in refused.stderr
        assert "only-one-key" not in refused.stderr
        here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
        here.run("subscribe", "telegram", "42", "--states", "all")
        program = here.start("run", COUNTERSIGN_POLL_SECONDS="1", COUNTERSIGN_WAYBACK_URL=archive.base)
        wait_for(lambda: here.lines("agreements"), seconds=60)
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        wait_for(lambda: "Bell County" in texts(here.telegram.messages, "42"), seconds=60)
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=60)
        assert archive.asked == []
