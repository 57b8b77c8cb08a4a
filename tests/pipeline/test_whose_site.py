"""The first reading of a source that no one has read: its site says whose it is."""

import json
from dataclasses import replace

import pytest
from pipeline.test_poll_agenda import DAY, AgendaHarness, nash
from support.loopback.local import LoopbackLegistar, LoopbackWeb, Reply, page

from bot.domain.agenda import Certainty
from bot.domain.agendas.schedule import WatchedStates

ICE = "Consider the memorandum of agreement with ICE under Section 287(g)"


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda fd: None)


@pytest.mark.parametrize("sure", [Certainty.GUESSED, Certainty.ANSWERED])
async def test_a_site_of_another_state_is_parked_and_never_told(tmp_path, sure):
    async with LoopbackWeb() as web:
        web.files["/agenda"] = page(f"<p>{ICE}</p><footer>1 Main St, Long Beach, CA 90802</footer>")
        harness = AgendaHarness(replace(nash(web, "page", "/agenda"), sure=sure), tmp_path)
        assert await harness.read() == ()
        status = await harness.source_status()
        assert status.parked_at == harness.now
        assert "California" in status.problem
        assert not WatchedStates(frozenset({"NC"}), everywhere=False).include(harness.place, status)


async def test_a_site_that_names_its_place_is_read_and_asked_only_once(tmp_path):
    async with LoopbackWeb() as web:
        web.files["/agenda"] = page(f"<p>{ICE}</p><footer>Nashville, NC 27856</footer>")
        harness = AgendaHarness(replace(nash(web, "page", "/agenda"), sure=Certainty.GUESSED), tmp_path)
        assert len(await harness.read()) == 1
        asked = web.count("/agenda")
        await harness.read(DAY)
        assert web.count("/agenda") == asked + 1
        assert (await harness.source_status()).verified_at is not None


async def test_a_guessed_site_that_cannot_be_read_is_not_told_but_a_read_one_is(tmp_path):
    async with LoopbackWeb() as web:
        web.fails["/agenda"] = Reply(b"no", status=404)
        harness = AgendaHarness(replace(nash(web, "page", "/agenda"), sure=Certainty.GUESSED), tmp_path)
        assert (await harness.poll_agenda()).failed
        assert (await harness.source_status()).parked_at is None


@pytest.mark.parametrize("title", ["A" * 2_000_000, "City of A" * 250_000, "Aa " * 700_000])
async def test_a_title_made_to_exhaust_us_is_read_to_its_end(tmp_path, title):
    """Without a limit, this takes days."""
    async with LoopbackWeb() as web:
        web.files["/agenda"] = page(f"<p>{ICE}</p>", title=title)
        harness = AgendaHarness(replace(nash(web, "page", "/agenda"), sure=Certainty.ANSWERED), tmp_path)
        assert len(await harness.read()) == 1


async def test_a_source_that_moved_to_another_platform_begins_anew(tmp_path):
    async with LoopbackWeb() as web, LoopbackLegistar() as legistar:
        web.files["/agenda"] = page("<p>Budget</p>")
        harness = AgendaHarness(nash(web, "page", "/agenda"), tmp_path)
        await harness.read()
        legistar.event(1, "Board", "2026-12-08")
        legistar.item(1, 2, ICE)
        harness.place = nash(legistar)
        (change,) = await harness.read()
        assert change.mention.already
        assert json.dumps((await harness.source_status()).facts["attend"]["kind"]) == '"legistar"'
