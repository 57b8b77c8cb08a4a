"""A source keeps its name when it gets another address or platform: its first reading there is a baseline."""

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from pipeline.test_poll_agenda import DAY, MOA, AgendaHarness, nash
from support.loopback.local import LoopbackCivicClerk, LoopbackLegistar, LoopbackWeb, Reply, entry, page, rss
from support.places import TUESDAY
from support.platform_cases import CASES, TITLE
from support.platform_cases import place as place_of

from bot.domain.agenda import Place
from bot.domain.agendas.schedule import Schedule
from bot.domain.change import Kind
from bot.domain.source_status import NOTES, SourceStatus
from bot.domain.subscription import Filter, Subscription
from bot.fetch import Fetch
from bot.pipeline.local_requests import verified_on
from bot.pipeline.runner import Runner
from bot.pipeline.same_source import of_this_source, site_of
from bot.store.postgres.store import PostgresStore
from bot.store.tiny.store import TinyStore
from bot.store.transfer import move

FIXTURES = Path(__file__).parents[1] / "store" / "fixtures"


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda fd: None)


async def without_notes(harness):
    """Rewrite the status as a version before November 2026 stored it, without the source's platform and site."""
    status = await harness.source_status()
    facts = dict(status.facts)
    notes = {name: each for name, each in facts.pop(NOTES).items() if name in {"first_since", "unreadable", "begun"}}
    await harness.store.remember(replace(status, facts={**facts, NOTES: notes}))


@pytest.mark.parametrize("store", ["tiny", "postgres"])
async def test_what_the_program_before_this_stored_of_another_platform_makes_no_news(store, tmp_path, request):
    """The folder was written by the program itself, from a town on CivicPlus, before it named platforms and sites."""
    with tarfile.open(FIXTURES / "folder-without-sites.tar.xz") as archive:
        archive.extractall(tmp_path / "data", filter="data")
    async with LoopbackLegistar() as legistar:
        harness = AgendaHarness(nash(legistar), tmp_path / "data")
        harness.now += DAY
        if store == "postgres":
            tiny, harness.store = harness.store, await PostgresStore.open(request.getfixturevalue("database"))
            await move(tiny, harness.store)
            await tiny.close()
        assert (await harness.source_status()).read_at is not None
        legistar.event(70, "Board of Commissioners", "2026-11-17", "6:30 PM")
        legistar.item(70, 1, MOA, matter=400)
        legistar.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
        legistar.item(77, 2, MOA, matter=412)
        found = {change.mention.item: change for change in await harness.read()}
        assert found["event/70/matter/400"].kind is Kind.LISTED
        assert found["event/77/matter/412"].mention.already
        assert len(found) == 2
        await harness.store.close()


@pytest.mark.parametrize("store", ["tiny", "postgres"])
@pytest.mark.parametrize("kind", ["civicplus", "page", "feed", "primegov", "civicclerk"])
async def test_an_old_status_of_another_platform_makes_no_news(kind, store, tmp_path, request):
    old = CASES[kind]
    async with old.server() as before, LoopbackLegistar() as after:
        old.say(before, "Budget")
        harness = AgendaHarness(place_of(kind, before), tmp_path / "data")
        if store == "postgres":
            await harness.store.close()
            harness.store = await PostgresStore.open(request.getfixturevalue("database"))
        await harness.read()
        await without_notes(harness)
        after.event(70, "Board of Commissioners", "2026-11-17", "6:30 PM")
        after.item(70, 1, MOA, matter=400)
        after.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
        after.item(77, 2, MOA, matter=412)
        harness.place = replace(nash(after), name=harness.place.name)
        found = {change.mention.item: change for change in await harness.read()}
        assert found["event/70/matter/400"].kind is Kind.LISTED
        assert found["event/77/matter/412"].mention.already
        after.item(77, 3, "Amend the 287(g) agreement", matter=413)
        after.events[77] |= {"EventLastModifiedUtc": "2026-11-25T10:00:00"}
        (news,) = await harness.read()
        assert (news.kind, news.mention.already) == (Kind.MENTIONED, False)
        await harness.store.close()


@pytest.mark.parametrize("kind", sorted(CASES.keys() - {"boarddocs"}))  # newer than the notes
async def test_an_old_status_of_the_same_site_is_kept_on_every_platform(kind, tmp_path):
    case = CASES[kind]
    async with case.server() as server:
        case.say(server, TITLE)
        harness = AgendaHarness(place_of(kind, server), tmp_path / "data")
        await harness.read()
        await without_notes(harness)
        status = await harness.source_status()
        assert of_this_source(harness.place, status) is status
        assert await harness.read(DAY) == ()
        await harness.store.close()


async def test_another_address_on_the_same_platform_is_a_baseline_whose_ids_prove_nothing(tmp_path):
    async with LoopbackLegistar() as wrong, LoopbackLegistar() as right:
        wrong.event(77, "Council", "2026-12-01", "6:30 PM")
        wrong.item(77, 2, MOA, matter=412)
        right.event(77, "Board", "2026-12-08", "6:30 PM")  # the same numbers, of other meetings
        right.item(77, 2, "Budget", matter=412)
        right.event(78, "Board", "2026-12-09", "6:30 PM")
        right.item(78, 3, MOA, matter=500)
        harness = AgendaHarness(nash(wrong), tmp_path / "data")
        assert len(await harness.read()) == 1
        harness.place = nash(right)
        (change,) = await harness.read()
        assert (change.mention.item, change.mention.already) == ("event/78/matter/500", True)
        assert await harness.read(DAY) == ()


async def test_what_was_reported_from_the_former_site_is_not_reported_again(tmp_path):
    async with LoopbackLegistar() as before, LoopbackCivicClerk() as after:
        before.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
        before.item(77, 2, TITLE, matter=412)
        CASES["civicclerk"].say(after, TITLE)
        harness = AgendaHarness(nash(before), tmp_path / "data")
        (first,) = await harness.read()
        harness.place = replace(place_of("civicclerk", after), name=harness.place.name)
        (again,) = await harness.read()
        assert first.kind is Kind.MENTIONED
        assert again.kind is Kind.LISTED


@pytest.mark.parametrize("is_told", [True, False])
async def test_an_api_that_is_read_after_the_calendar_page_makes_no_news_of_what_was_told(is_told, tmp_path):
    of = "ID=1390531&amp;GUID=99C8E536-23D1-4912-AEC7-17CB05C140AE"
    cells = (
        '<a id="x_hypBody">Board of Commissioners</a>', "12/1/2026", '<span id="x_lblTime">6:30 PM</span>',
        f'<a id="x_hypMeetingDetail" href="MeetingDetail.aspx?{of}">Details</a>',
        f'<a id="x_hypAgenda" href="View.ashx?M=A&amp;{of}">Agenda</a>',
    )  # fmt: skip
    row = f"<tr class='rgRow'>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    async with LoopbackLegistar() as server:
        server.fails["/v1/"] = Reply(b"", status=500)
        server.files["/Calendar.aspx"] = page(f'<table id="x_gridCalendar_x"><tbody>{row}</tbody></table>')
        server.files["/View.ashx"] = page(f"<p>1. {TITLE if is_told else 'Budget'}</p>")
        harness = AgendaHarness(nash(server), tmp_path / "data")
        assert [change.kind for change in await harness.read()] == [Kind.MENTIONED] * is_told
        server.fails.clear()
        server.matter(300, MOA, "2026-11-20T15:04:05")
        server.event(70, "Board of Commissioners", "2026-11-17", "6:30 PM")
        server.item(70, 1, MOA, matter=400)
        server.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
        server.item(77, 2, TITLE, matter=412)
        server.event(78, "Planning Board", "2026-12-01", "6:30 PM")
        server.item(78, 2, TITLE, matter=413)
        found = {change.mention.item: change for change in await harness.read(DAY)}
        old = {name for name, change in found.items() if change.kind is Kind.LISTED}
        assert old == {"matter/300", "event/70/matter/400"} | ({"event/77/matter/412"} if is_told else set())
        assert found["event/78/matter/413"].kind is Kind.MENTIONED
        assert await harness.read(DAY) == ()


async def test_another_part_of_a_page_is_a_baseline(tmp_path):
    async with LoopbackWeb() as web:
        web.files["/agenda"] = page(f"<main>Budget</main><aside>{MOA}</aside>")
        harness = AgendaHarness(nash(web, "page", "/agenda", selector="main"), tmp_path / "data")
        assert await harness.read() == ()
        await without_notes(harness)
        harness.place = nash(web, "page", "/agenda")
        (change,) = await harness.read()
        assert change.kind is Kind.LISTED


async def test_an_address_that_became_a_feed_is_a_baseline(tmp_path):
    async with LoopbackWeb() as web:
        web.files["/agenda"] = page("<p>Budget</p>")
        harness = AgendaHarness(nash(web, "page", "/agenda"), tmp_path / "data")
        await harness.read()
        await without_notes(harness)
        web.files["/agenda"] = rss(entry("a1", f"Board, Dec 1, 2026 6:30 PM: {MOA}"))
        harness.place = nash(web, "feed", "/agenda")
        (change,) = await harness.read()
        assert change.mention.already


async def test_a_source_that_was_parked_on_another_site_is_read_again(tmp_path):
    dead = Place(
        name="Hampton, VA", kind="civicplus", address="https://va-hampton.example.org/AgendaCenter", state="VA"
    )
    moved = replace(dead, kind="legistar", address="https://webapi.legistar.com/v1/hampton")
    store = TinyStore.open(tmp_path)
    await store.subscribe(Subscription(id="", channel="telegram", address="1", filter=Filter(states={"VA": 0})))
    await store.remember(SourceStatus(source=dead.name, tried_at=TUESDAY, parked_at=TUESDAY, failures=30))
    async with Fetch(contact=None) as fetch:
        runner = Runner(
            store=store, fetch=fetch, sources={}, channels={"telegram": None}, now=lambda: TUESDAY, every=None,
            page="", places={moved.name: moved},
        )  # fmt: skip
        schedule = await runner.schedule(Schedule(runner.places), at_once=True)
        assert schedule.due(TUESDAY) == [moved]
    await store.close()


async def test_a_place_that_was_never_read_names_its_site_in_a_failure_and_stays_parked_there(tmp_path):
    async with LoopbackLegistar() as legistar:
        legistar.fails[""] = Reply(b"no", status=503)
        harness = AgendaHarness(nash(legistar), tmp_path / "data")
        assert (await harness.poll_agenda()).failed
        status = replace(await harness.source_status(), parked_at=TUESDAY)
        assert of_this_source(harness.place, status) is status
        assert of_this_source(replace(harness.place, address=f"{legistar.base}/v1/pitt"), status).parked_at is None
        legistar.fails.clear()
        await harness.read()
        assert (await harness.source_status()).read_at == harness.now


async def test_a_source_counts_as_verified_only_where_it_was_read(tmp_path):
    async with LoopbackLegistar() as legistar:
        legistar.event(77, "Board", "2026-12-08", "6:30 PM")
        harness = AgendaHarness(nash(legistar), tmp_path / "data")
        await harness.read()
        status = await harness.source_status()
        assert verified_on(status, harness.place) == TUESDAY.date()
        assert verified_on(status, nash(legistar, "civicplus")) is None


async def test_an_old_status_without_validators_is_known_by_its_facts(tmp_path):
    async with LoopbackLegistar() as legistar:
        harness = AgendaHarness(nash(legistar), tmp_path / "data")
        await harness.read()
        await without_notes(harness)
        status = replace(await harness.source_status(), validators={})  # as after an answer that couldn't be read
        assert of_this_source(harness.place, status) is status
        for kind in ("civicplus", "page", "feed", "civicclerk", "iqm2"):
            assert of_this_source(replace(harness.place, kind=kind), status).read_at is None


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("http://al-alabaster.civicplus.com/AgendaCenter", "https://al-alabaster.civicplus.com/agendacenter/", True),
        ("https://www.nash.gov/AgendaCenter", "http://nash.gov/AgendaCenter", True),
        ("https://nash.gov/AgendaCenter", "https://pitt.gov/AgendaCenter", False),
        ("https://webapi.legistar.com/v1/nash", "https://webapi.legistar.com/v1/nash?token=secret", True),
        ("https://webapi.legistar.com/v1/nash", "https://webapi.legistar.com/v1/nashville", False),
        (
            "https://nash.granicus.com/ViewPublisherRSS.php?view_id=1&mode=agendas",
            "https://nash.granicus.com/ViewPublisherRSS.php?view_id=2&mode=agendas",
            False,
        ),
    ],
)
def test_spellings_of_one_site_are_the_same_site(one, other, is_same):
    sites = [site_of(Place(name="Nash", kind="page", address=address, state="NC")) for address in (one, other)]
    assert (sites[0] == sites[1]) is is_same
    assert "secret" not in sites[1]
