"""Polls of local places, over a real store and with their platforms on loopback."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.listings import row
from support.loopback.local import LoopbackCivicPlus, LoopbackLegistar, LoopbackWeb, Reply, entry, page, pdf, rss
from support.places import TLS, TUESDAY, no_wait
from support.platform_cases import AMENDED, CASES, TITLE
from support.platform_cases import place as place_of

from bot.channels.console import ConsoleSender
from bot.commands.local_sources import check
from bot.domain.agenda import OFF_AGENDA, Place, Subject
from bot.domain.agreement import Publication
from bot.domain.change import Kind, Known
from bot.domain.subscription import Filter, Subscription
from bot.fetch import Clock, Fetch, Limits
from bot.pipeline.poll_agenda import poll_agenda
from bot.pipeline.runner import Runner
from bot.sources import LOCAL
from bot.store import Record
from bot.store.tiny.store import TinyStore
from bot.worker.worker import Worker

HOUR = timedelta(hours=1)
DAY = timedelta(days=1, minutes=1)
MOA = "Memorandum of agreement with ICE under Section 287(g)"


class AgendaHarness:
    """One place, a store and a clock; polls the place some time later."""

    def __init__(self, place, folder):
        self.place, self.folder, self.now = place, folder, TUESDAY
        self.store = TinyStore.open(folder)

    async def read(self, after=HOUR):
        """Poll once, later; return the changes."""
        return (await self.poll_agenda(after)).changes

    async def poll_agenda(self, after=HOUR):
        self.now += after
        async with Fetch(
            contact=None,
            limits=Limits(host_gap=0),
            allow_loopback=True,
            tls=TLS,
            clock=Clock(now=lambda: self.now, sleep=no_wait),
        ) as fetch:
            return await poll_agenda(self.place, store=self.store, fetch=fetch, now=lambda: self.now)

    async def source_status(self):
        return await self.store.source_status(self.place.name)

    async def restart(self):
        await self.store.close()
        self.store = TinyStore.open(self.folder)


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda fd: None)


def nash(server, kind="legistar", path="", **more):
    return Place(
        name="Nash County, NC",
        kind=kind,
        address=server.address + path,
        state="NC",
        county="Nash",
        zone="America/New_York",
        **more,
    )


@pytest.fixture
async def legistar():
    async with LoopbackLegistar() as server:
        server.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
        server.item(77, 1, "Call to order")
        yield server


@pytest.fixture
async def at(legistar, tmp_path):
    """Nash County on Legistar, polled once before anything was on its agenda."""
    harness = AgendaHarness(nash(legistar), tmp_path / "data")
    assert await harness.read() == ()
    yield harness
    await harness.store.close()


def touch(server, key=77, **fields):
    """Change an event, and its time of change with it."""
    server.events[key] |= {"EventLastModifiedUtc": f"2026-11-24T{len(server.asked):010}"} | fields


def put_on_agenda(server, title=MOA, matter=412):
    server.item(77, 2, title, matter=matter)
    touch(server)


# ── every platform ──


@pytest.mark.parametrize("kind", sorted(CASES))
async def test_a_mention_is_recorded_once_and_amended_on_every_platform(kind, tmp_path):
    case = CASES[kind]
    async with case.server() as server:
        case.say(server, TITLE)
        at = AgendaHarness(place_of(kind, server), tmp_path / "data")
        [first] = await at.read()
        assert first.kind is (Kind.LISTED if kind == "page" else Kind.MENTIONED)  # a page has no coming day
        mention = first.mention
        assert (mention.state, mention.county, mention.already) == ("NC", "Nash County", kind != "page")
        assert any("287(g)" in matched for matched in mention.matched)
        assert "287(g)" in mention.excerpt
        assert (await at.store.evidence(mention.evidence)).sha256 == first.publication.evidence
        assert b"287(g)" in (await at.store.evidence(mention.evidence)).body
        assert await at.read() == ()
        await at.restart()
        case.say(server, AMENDED)
        [second] = await at.read()
        assert second.kind is Kind.AMENDED
        assert second.mention.key == mention.key
        assert second.mention.before.said == mention.said
        assert "as amended" in f"{second.mention.title} {second.mention.excerpt}"
        assert b"as amended" in (await at.store.evidence(second.mention.evidence)).body
        assert b"as amended" not in (await at.store.evidence(second.mention.before.evidence)).body
        assert await at.read() == await at.read(DAY) == ()
        assert len(await at.store.changes()) == 2
        await at.store.close()


# ── what is recorded ──


async def test_a_new_agenda_item_is_recorded_with_all_a_reader_needs(at, legistar):
    put_on_agenda(legistar)
    [change] = await at.read()
    said = change.mention
    assert change.kind is Kind.MENTIONED
    assert (said.title, said.body, said.county) == (MOA, "Board of Commissioners", "Nash")
    assert said.meets_at.astimezone(UTC) == datetime(2026, 12, 1, 23, 30, tzinfo=UTC)
    assert said.item == "event/77/matter/412"
    assert not said.already
    assert said.before is None
    assert change.seq == 1


async def test_at_first_sight_past_meetings_are_only_listed_and_coming_ones_are_mentioned(tmp_path):
    async with LoopbackLegistar() as server:
        server.event(70, "Board of Commissioners", "2026-11-17", "6:30 PM")
        server.item(70, 1, MOA, matter=400)
        server.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
        server.item(77, 2, MOA, matter=412)
        at = AgendaHarness(nash(server), tmp_path / "data")
        found = {change.mention.item: change for change in await at.read()}
        assert found["event/70/matter/400"].kind is Kind.LISTED
        assert found["event/77/matter/412"].kind is Kind.MENTIONED
        assert found["event/77/matter/412"].mention.already
        await at.store.close()


async def test_a_related_item_is_recorded_as_such_and_is_news_once_it_turns_to_287g(at, legistar):
    put_on_agenda(legistar, "Intergovernmental Service Agreement with ICE for jail beds")
    [related] = await at.read()
    assert (related.kind, related.mention.subject) == (Kind.RELATED, Subject.RELATED)
    legistar.items[77][1]["EventItemTitle"] = MOA
    touch(legistar)
    [turned] = await at.read()
    assert (turned.kind, turned.mention.subject, turned.mention.before) == (Kind.MENTIONED, Subject.PROGRAM, None)
    legistar.items[77][1]["EventItemTitle"] = "Agreement with ICE for jail beds"
    touch(legistar)
    [gone] = await at.read()
    assert (gone.kind, gone.mention.subject, gone.mention.status) == (Kind.MENTIONED, Subject.PROGRAM, OFF_AGENDA)
    touch(legistar)
    assert await at.read() == ()


async def test_a_related_item_does_not_cover_287g_in_the_agendas_document(at, legistar):
    put_on_agenda(legistar, "Intergovernmental Service Agreement with ICE for jail beds")
    await at.read()
    legistar.files["/agenda.pdf"] = pdf("Call to order", MOA)
    touch(legistar, EventAgendaFile=f"{legistar.base}/agenda.pdf")
    [found] = await at.read()
    assert (found.kind, found.mention.item, found.mention.subject) == (Kind.MENTIONED, "event/77", Subject.PROGRAM)


async def test_a_place_unread_for_more_than_thirty_days_counts_as_new_again(at, legistar):
    legistar.event(70, "Board of Commissioners", "2026-12-20", "6:30 PM")
    legistar.item(70, 1, MOA, matter=400)
    legistar.event(90, "Board of Commissioners", "2027-01-05", "6:30 PM")
    legistar.item(90, 2, MOA, matter=412)
    found = {change.mention.item: change for change in await at.read(timedelta(days=31))}
    assert found["event/70/matter/400"].kind is Kind.LISTED
    assert found["event/90/matter/412"].mention.already


async def test_an_item_added_after_the_meeting_is_still_mentioned_for_a_known_place(at, legistar):
    legistar.event(70, "Board of Commissioners", "2026-11-23", "6:30 PM")
    legistar.item(70, 1, MOA, matter=400)
    [change] = await at.read()
    assert change.kind is Kind.MENTIONED
    assert not change.mention.already


async def test_a_moved_meeting_is_mentioned_again_for_its_item(at, legistar):
    put_on_agenda(legistar)
    await at.read()
    await at.restart()
    touch(legistar, EventDate="2026-12-08T00:00:00")
    [change] = await at.read()
    assert change.kind is Kind.MENTIONED
    assert change.mention.title == MOA
    assert f"{change.mention.meets_on} {change.mention.before.meets_on}" == "2026-12-08 2026-12-01"
    assert b"2026-12-08" in (await at.store.evidence(change.publication.evidence)).body
    assert MOA.encode() in (await at.store.evidence(change.mention.before.evidence)).body
    assert await at.read() == await at.read(DAY) == ()


async def test_a_canceled_meeting_is_mentioned_and_so_is_its_return(at, legistar):
    put_on_agenda(legistar)
    await at.read()
    touch(legistar, EventComment="CANCELLED for lack of a quorum")
    [gone] = await at.read()
    assert (gone.kind, gone.mention.status, gone.mention.before.status) == (Kind.MENTIONED, "cancelled", "")
    touch(legistar, EventComment=None)
    [back] = await at.read()
    assert (back.kind, back.mention.status, back.mention.before.status) == (Kind.MENTIONED, "", "cancelled")


async def test_a_meeting_that_leaves_the_calendar_takes_its_mentions_with_it(at, legistar):
    legistar.event(80, "Board of Commissioners", "2026-12-15", "6:30 PM")
    put_on_agenda(legistar)
    await at.read()
    del legistar.events[77]
    [gone] = await at.read(DAY)
    assert gone.kind is Kind.MENTIONED
    assert (gone.mention.title, gone.mention.status) == (MOA, "taken off the calendar")


async def test_a_meeting_canceled_after_it_was_over_is_not_mentioned_again(at, legistar):
    put_on_agenda(legistar)
    await at.read()
    touch(legistar, EventComment="Cancelled")
    [change] = await at.read(timedelta(days=9))
    assert change.kind is Kind.AMENDED


async def test_a_document_link_that_is_not_an_address_costs_no_other_item(at, legistar):
    put_on_agenda(legistar)
    touch(legistar, EventAgendaFile="http://[insert link]")
    legistar.items[77][1]["EventItemMatterAttachments"] = [
        {"MatterAttachmentName": "MOA", "MatterAttachmentHyperlink": "https://[insert link]/moa.pdf"}
    ]
    assert [change.mention.title for change in await at.read()] == [MOA]


async def test_an_item_whose_words_change_is_amended(at, legistar):
    put_on_agenda(legistar)
    await at.read()
    legistar.items[77][1]["EventItemTitle"] = f"{MOA}, second reading"
    touch(legistar)
    [change] = await at.read()
    assert change.kind is Kind.AMENDED
    assert change.mention.before.title == MOA


async def test_an_item_taken_off_the_agenda_is_recorded_as_such(tmp_path):
    async with LoopbackCivicPlus() as server:
        at = AgendaHarness(nash(server, "civicplus"), tmp_path / "data")
        server.row(380, "11302026", "Work Session", page("<p>Budget</p>"))
        await at.read()
        server.row(382, "12012026", "Regular Meeting", page(f"<p>1. {MOA}</p>"))
        [first] = await at.read()
        server.row(382, "12012026", "Regular Meeting", page("<p>1. Zoning</p>"), "Amended Nov 24, 2026 5:00 PM")
        [second] = await at.read()
        assert (first.kind, second.kind) == (Kind.MENTIONED, Kind.MENTIONED)
        assert second.mention.status == OFF_AGENDA
        assert "287(g)" in second.mention.excerpt
        await at.store.close()


async def test_an_agenda_that_cannot_be_fetched_is_not_mistaken_for_one_without_the_item(tmp_path):
    async with LoopbackCivicPlus() as server:
        at = AgendaHarness(nash(server, "civicplus"), tmp_path / "data")
        server.row(382, "12012026", "Regular Meeting", pdf("Call to order", MOA))
        [first] = await at.read()
        assert first.mention.page == 2
        server.fails["ViewFile"] = Reply(b"", status=500)
        server.rows[382] = ("12012026", "Regular Meeting", "Amended Nov 24, 2026 5:00 PM")
        assert await at.read() == ()
        server.fails.clear()
        server.row(382, "12012026", "Regular Meeting", pdf(""), "Amended Nov 24, 2026 6:00 PM")
        assert await at.read() == ()  # a scan proves nothing either way
        assert "no text on its only page" in (await at.source_status()).problem
        await at.store.close()


async def test_the_agenda_document_adds_no_second_mention_of_its_item(at, legistar):
    legistar.files["/agenda.pdf"] = pdf("Call to order", f"2. {MOA}")
    put_on_agenda(legistar)
    touch(legistar, EventAgendaFile=f"{legistar.base}/agenda.pdf")
    [change] = await at.read()
    assert change.mention.item == "event/77/matter/412"


async def test_an_agenda_document_posted_after_its_item_adds_no_mention(at, legistar):
    put_on_agenda(legistar)
    [told] = await at.read()
    legistar.files["/agenda.pdf"] = pdf("Call to order", f"2. {MOA}")
    touch(legistar, EventAgendaFile=f"{legistar.base}/agenda.pdf")
    assert await at.read() == await at.read(DAY) == ()
    assert (await at.store.evidence(told.mention.evidence)).sha256 == told.publication.evidence


DENIED = page("<h1>Access Denied</h1><p>You don't have permission to access /AgendaCenter on this server.</p>")


@pytest.mark.parametrize("kind", ["page", "civicplus", "feed"])
async def test_a_page_sent_in_place_of_another_records_nothing(kind, tmp_path):
    case = CASES[kind]
    async with case.server() as server:
        harness = AgendaHarness(place_of(kind, server), tmp_path / "data")
        server.fails[case.listing] = Reply(DENIED, "text/html")
        assert (await harness.poll_agenda()).failed
        assert (await harness.source_status()).read_at is None
        server.fails.clear()
        case.say(server, TITLE)
        first = await harness.read()
        assert [(change.kind, change.mention.already) for change in first] == [
            (Kind.LISTED, False) if kind == "page" else (Kind.MENTIONED, True)
        ], "the denied reading was no baseline"
        documents, denied = dict(server.files), dict.fromkeys(server.files, DENIED)
        for fails, files in [({case.listing: Reply(DENIED, "text/html")}, documents), ({}, denied), ({}, documents)]:
            server.fails.clear()
            server.fails.update(fails)
            server.files.update(files)
            assert await harness.read(DAY) == ()
        await harness.store.close()


@pytest.mark.parametrize(
    ("guid", "origin"),
    [("g1", "https://nash.example"), ("x", "http://nash.example"), ("", "https://www.nash-county.gov")],
)
async def test_a_feed_that_moves_mentions_nothing_again(guid, origin, tmp_path):
    def post(guid, origin):
        link, text = (
            f"{origin}/news/1",
            "The sheriff asks the board to sign an agreement with ICE under Section 287(g).",
        )
        return rss(entry(guid or link, "Special meeting", link=link, text=text))

    async with LoopbackWeb() as web:
        web.feeds["/agendas.rss"] = rss(entry("0", "Parade"))
        harness = AgendaHarness(nash(web, "feed", "/agendas.rss"), tmp_path / "data")
        await harness.read()
        web.feeds["/agendas.rss"] = post("g1" if guid else "", "http://nash.example")
        assert [change.kind for change in await harness.read()] == [Kind.MENTIONED]
        web.feeds["/agendas.rss"] = post(guid, origin)
        assert await harness.read() == ()
        web.feeds["/agendas.rss"] = rss()
        assert await harness.read() == ()
        web.feeds["/agendas.rss"] = post("y", origin)
        assert await harness.read() == ()
        await harness.store.close()


async def test_an_unreadable_entry_hides_no_mention(tmp_path):
    async with LoopbackWeb() as web:
        web.feeds["/agendas.rss"] = rss(entry("0", "Parade"))
        harness = AgendaHarness(nash(web, "feed", "/agendas.rss"), tmp_path / "data")
        await harness.read()
        parade = "<item><title>Parade &#55357;&#56832;</title></item>"
        web.feeds["/agendas.rss"] = rss(parade, entry("2", "Agreement with ICE under Section 287(g)"))
        assert [change.kind for change in await harness.read()] == [Kind.MENTIONED]
        await harness.store.close()


@pytest.fixture
def as_document(legistar):
    """Post the agenda as a document that names the agreement, before its items are posted."""
    legistar.files["/agenda.pdf"] = pdf("Call to order", f"2. {MOA}")
    touch(legistar, EventAgendaFile=f"{legistar.base}/agenda.pdf")


async def test_an_item_posted_after_its_agenda_document_amends_that_mention(at, legistar, as_document):
    [first] = await at.read()
    assert (first.mention.item, first.mention.page, first.kind) == ("event/77", 2, Kind.MENTIONED)
    put_on_agenda(legistar)
    [second] = await at.read()
    assert second.kind is Kind.AMENDED
    assert (second.mention.item, second.mention.title) == ("event/77/matter/412", MOA)
    assert second.mention.before == replace(first.mention, listed=None)
    documents = [await at.store.evidence(change.mention.evidence) for change in (first, second)]
    assert documents[0].body == legistar.files["/agenda.pdf"]
    assert MOA.encode() in documents[1].body

    await at.restart()
    legistar.files["/agenda.pdf"] = pdf("Call to order", f"2. {MOA}", "Adjourn")
    touch(legistar)
    assert await at.read() == await at.read(DAY) == ()
    touch(legistar, EventDate="2026-12-08T00:00:00")
    [moved] = await at.read()  # one mention, so one change
    assert (moved.kind, moved.mention.item) == (Kind.MENTIONED, "event/77/matter/412")


async def test_of_two_new_items_only_the_one_not_in_the_document_is_a_new_mention(at, legistar, as_document):
    await at.read()
    legistar.item(77, 1, "287(g) program: report of the third quarter", matter=411)
    put_on_agenda(legistar)
    found = {change.mention.item: change for change in await at.read()}
    assert found["event/77/matter/412"].kind is Kind.AMENDED
    assert found["event/77/matter/412"].mention.before.item == "event/77"
    assert found["event/77/matter/411"].kind is Kind.MENTIONED
    assert found["event/77/matter/411"].mention.before is None


async def test_a_second_item_added_to_an_agenda_is_a_new_mention(at, legistar, as_document):
    await at.read()
    put_on_agenda(legistar)
    await at.read()
    legistar.item(77, 3, "Resolution to rescind the 287(g) agreement", matter=413)
    touch(legistar)
    [added] = await at.read()
    assert (added.kind, added.mention.item) == (Kind.MENTIONED, "event/77/matter/413")


async def test_a_filed_matter_put_on_an_agenda_is_the_same_mention_with_a_day(at, legistar):
    legistar.matter(412, MOA, "2026-11-24T18:00:00.000")
    [filed] = await at.read()
    assert (filed.kind, filed.mention.meets_on) == (Kind.MENTIONED, None)
    put_on_agenda(legistar)
    [put_on] = await at.read(DAY)
    assert put_on.kind is Kind.MENTIONED
    assert put_on.mention.before.item == "matter/412"
    assert str(put_on.mention.meets_on) == "2026-12-01"


async def take_back(at, told):
    wrong = replace(told, kind=Kind.RETRACTED, retracted=told.kind, retracts=told.seq, because="a namesake", seq=0)
    await at.store.record(
        Record(status=await at.source_status(), recorded_at=at.now, known=await at.store.known(), changes=(wrong,))
    )


async def test_a_retracted_mention_is_not_recorded_again(at, legistar):
    put_on_agenda(legistar)
    [told] = await at.read()
    await take_back(at, told)
    touch(legistar, EventDate="2026-12-08T00:00:00")
    assert await at.read() == ()


async def test_a_mention_retracted_for_an_agenda_is_not_recorded_for_its_item(at, legistar, as_document):
    [told] = await at.read()
    await take_back(at, told)
    put_on_agenda(legistar)
    touch(legistar, EventDate="2026-12-08T00:00:00")
    assert await at.read() == await at.read(DAY) == ()


async def test_a_mention_retracted_for_a_matter_is_not_recorded_once_it_is_on_an_agenda(at, legistar):
    legistar.matter(412, MOA, "2026-11-24T18:00:00.000")
    [filed] = await at.read()
    await take_back(at, filed)
    put_on_agenda(legistar)
    assert await at.read(DAY) == ()


# ── what ICE lists there ──


async def test_a_mention_says_what_ice_lists_there(at, legistar):
    sheriff = row("Nash County Sheriff's Office", "NC", "Nash County", agency_type="County")
    others = [
        row("Nashville Police Department", "NC", "Nash County"),
        row("Wake County Sheriff's Office", "NC", "Wake"),
    ]
    known = await at.store.known()
    listed = {agreement.key: agreement for agreement in (sheriff, *others)}
    seen = {"participating": Publication(name="x", address="a", evidence="e", observed_at=at.now, rows=3)}
    known = replace(known, agreements={**known.agreements, "participating": listed}, seen=seen)
    knowing = StoreKnowing(at.store, known)
    put_on_agenda(legistar)
    at.store = knowing
    [change] = await at.read()
    assert [a.agency for a in change.mention.listed] == ["Nash County Sheriff's Office"]
    at.store = knowing.inner


async def test_a_mention_says_nothing_about_ices_list_before_it_was_read(at, legistar):
    put_on_agenda(legistar)
    [change] = await at.read()
    assert change.mention.listed is None


class StoreKnowing:
    """A store that knows the list it was given."""

    def __init__(self, inner, known: Known):
        self.inner, self._known = inner, known

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def known(self):
        return self._known


# ── what goes wrong ──


async def test_a_place_that_fails_for_a_week_is_parked_until_it_is_read_well(at, legistar):
    legistar.is_closed = True
    for _ in range(14):
        assert (await at.poll_agenda(12 * HOUR)).failed
        assert (await at.source_status()).parked_at is None
        await at.store.remember(replace(await at.store.source_status("ice"), read_at=at.now))
    await at.poll_agenda(12 * HOUR)
    assert (await at.source_status()).parked_at == at.now
    await at.restart()
    legistar.is_closed = False
    put_on_agenda(legistar)
    [change] = await at.read()
    assert change.kind is Kind.MENTIONED
    status = await at.source_status()
    assert (status.parked_at, status.failures, status.problem) == (None, 0, None)


class BuggyReader:
    """A platform's reader with a bug for one place; it reads the others well."""

    def __init__(self, bad_place, fault):
        self.bad_place, self.fault, self.reader = bad_place, fault, LOCAL["page"]

    async def read(self, fetch, place, status, now):
        if place.name == self.bad_place:
            raise self.fault
        return await self.reader.read(fetch, place, status, now)


@pytest.fixture
async def two_places(tmp_path, monkeypatch):
    """A runner with two places: one hits a bug in the reader, the other is read well."""
    async with (
        LoopbackWeb() as server,
        Fetch(contact=None, limits=Limits(host_gap=0), allow_loopback=True, tls=TLS) as fetch,
    ):
        server.files["/a.html"] = page(f"<p>{MOA}</p>")
        places = [
            replace(nash(server, "page", "/a.html", verified=TUESDAY.date()), name=name)
            for name in ("Bad County, NC", "Good County, NC")
        ]
        store = TinyStore.open(tmp_path / "data")
        yield Runner(
            store=store, fetch=fetch, sources={}, channels={"console": ConsoleSender()}, now=lambda: TUESDAY, page="",
            every=HOUR, places={place.name: place for place in places},
        )  # fmt: skip
        await store.close()


BUGS = [
    KeyError("items"),
    RecursionError("maximum recursion depth exceeded"),
    AttributeError("line\none"),
    MemoryError(),
]


@pytest.mark.parametrize("fault", BUGS, ids=lambda fault: type(fault).__name__)
async def test_a_bug_of_ours_is_one_line_for_that_source_and_the_others_are_checked(
    two_places, monkeypatch, capsys, fault
):
    monkeypatch.setitem(LOCAL, "page", BuggyReader("Bad County, NC", fault))
    told = []
    answers = await check(two_places, two_places.places.values(), told.append)
    bad, good = sorted(answers, key=lambda answer: answer["name"])
    assert sorted(told, key=lambda answer: answer["name"]) == [bad, good]
    assert not bad["read"]
    assert bad["problem"].startswith("Bad County, NC: a bug in Countersign kept it from being read: ")
    assert type(fault).__name__ in bad["problem"]
    assert bad["problem"].endswith("; please report it")
    assert "\n" not in bad["problem"]
    assert (good["read"], good["mentions"]) == (True, 1)
    assert (await two_places.store.source_status("Bad County, NC")).problem == bad["problem"]
    assert "Traceback" not in "".join(capsys.readouterr())


async def test_a_bug_in_the_detection_counts_as_a_failure_of_that_place(at, legistar, monkeypatch):
    monkeypatch.setattr("bot.domain.agendas.detect.passages_in", lambda item: {}[item.id])
    put_on_agenda(legistar)
    poll = await at.poll_agenda()
    assert poll.failed
    assert "KeyError" in poll.problems[0]
    monkeypatch.undo()
    assert [change.mention.title for change in await at.read()] == [MOA]


async def test_a_bug_of_ours_in_the_running_program_counts_as_a_failure_and_other_places_are_read(
    two_places, monkeypatch
):
    monkeypatch.setitem(LOCAL, "page", BuggyReader("Bad County, NC", KeyError("items")))
    await two_places.store.subscribe(
        Subscription(id="", channel="console", address="", filter=Filter(states={"NC": 0}))
    )
    moment = [TUESDAY]
    work = Worker(replace(two_places, now=lambda: moment[0]))
    await work.tick()  # schedules each place within the hour
    for _ in range(3):
        moment[0] = TUESDAY + HOUR
        await work.tick()
        await work.idle()
    bad, good = [await two_places.store.source_status(name) for name in two_places.places]
    assert (bad.failures, bad.read_at) == (1, None)
    assert bad.due_at > moment[0] + HOUR
    assert (good.failures, good.read_at) == (0, moment[0])


async def test_no_place_is_parked_while_nothing_at_all_can_be_read(at, legistar):
    legistar.is_closed = True
    for _ in range(12):
        await at.poll_agenda(DAY)
    assert (await at.source_status()).parked_at is None
    assert (await at.source_status()).failures == 12


async def test_a_place_that_answers_too_many_requests_is_left_alone_longer(tmp_path):
    async with LoopbackWeb() as server:
        server.fails["/agenda"] = Reply(b"", status=429)
        at = AgendaHarness(nash(server, "page", "/agenda", every_hours=1), tmp_path / "data")
        await at.poll_agenda()
        first = (await at.source_status()).due_at - at.now
        await at.poll_agenda()
        assert (await at.source_status()).due_at - at.now > 1.5 * first > 2 * HOUR
        assert "429" in (await at.source_status()).problem
        await at.store.close()


@pytest.mark.parametrize("every_hours", [1, 6, 24])
async def test_a_place_that_blocks_us_is_asked_at_most_five_times_a_day_and_parked_after_a_week(tmp_path, every_hours):
    async with LoopbackWeb() as server:
        server.fails["/agenda"] = Reply(b"", status=403)
        at = AgendaHarness(nash(server, "page", "/agenda", every_hours=every_hours), tmp_path / "data")
        tried = []
        while (status := await at.source_status()).parked_at is None:
            await at.store.remember(replace(await at.store.source_status("ice"), read_at=at.now))
            await at.poll_agenda((status.due_at or at.now) - at.now)
            tried.append(at.now)
        assert status.parked_at - tried[0] < timedelta(days=7, hours=27)
        assert server.count("/agenda") == len(tried)
        assert all(tried[n + 5] - tried[n] > timedelta(days=1) for n in range(3, len(tried) - 5))
        await at.store.close()


@pytest.mark.parametrize(("pages", "has_scans"), [((MOA, ""), True), ((MOA, "Adjourn"), False)])
async def test_a_mention_remembers_that_pages_of_its_document_are_scans(at, legistar, pages, has_scans):
    legistar.items[77] = []
    legistar.files["/agenda.pdf"] = pdf(*pages)
    touch(legistar, EventAgendaFile=f"{legistar.base}/agenda.pdf")
    await at.read()
    await at.restart()
    recorded = [change.mention for change in await at.store.changes() if change.mention]
    assert [(mention.page, mention.has_scans) for mention in recorded][-1] == (1, has_scans)


async def test_a_scan_is_reported_until_its_meeting_is_long_over(at, legistar):
    legistar.files["/agenda.pdf"] = pdf("", "")
    touch(legistar, EventAgendaFile=f"{legistar.base}/agenda.pdf")
    await at.read()
    assert "no text on any of its 2 pages" in (await at.source_status()).problem
    await at.read()
    assert "no text on any of its 2 pages" in (await at.source_status()).problem
    await at.read(timedelta(days=30))
    assert (await at.source_status()).problem is None


async def test_an_unchanged_place_costs_a_short_line_of_the_journal(at, legistar):
    for key in range(100, 160):
        legistar.event(key, "Board of Commissioners", "2026-12-15", "6:30 PM")
    await at.read()
    await at.read()
    [journal] = at.folder.glob("journal-*.jsonl")
    before = journal.stat().st_size
    await at.read()
    assert 0 < journal.stat().st_size - before < 700
    assert len((await at.source_status()).facts["events"]) == 61
    await at.restart()
    assert len((await at.source_status()).facts["events"]) == 61


async def test_a_feed_entry_with_a_new_date_is_not_a_moved_meeting(tmp_path):
    async with LoopbackWeb() as server:
        said = {"link": "https://nash.example/1", "published": "Mon, 23 Nov 2026 10:00:00 -0500"}
        server.feeds["/news.rss"] = rss(entry("a", "Something else", **said))
        at = AgendaHarness(nash(server, "feed", "/news.rss"), tmp_path / "data")
        await at.read()
        server.feeds["/news.rss"] = rss(entry("b", MOA, **said))
        [first] = await at.read()
        server.feeds["/news.rss"] = rss(entry("b", MOA, **said | {"published": "Tue, 24 Nov 2026 23:59:00 -0500"}))
        assert [change.kind for change in await at.read()] == [Kind.AMENDED]
        assert first.kind is Kind.MENTIONED
        await at.store.close()
