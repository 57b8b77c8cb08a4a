"""One local place that is due: read, look for mentions, record, over a real store and the platforms on loopback."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.listings import row
from support.local_cases import AMENDED, CASES, TITLE
from support.local_cases import place as place_of
from support.loopback.local import LoopbackCivicPlus, LoopbackLegistar, LoopbackWeb, Reply, entry, page, pdf, rss
from support.places import _TLS, TUESDAY

from bot.channels.console import ConsoleSender
from bot.commands.local_sources import check
from bot.domain.agenda import OFF_AGENDA, Place
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


class Attending:
    """A place, a store and a clock that the test moves."""

    def __init__(self, place, folder):
        self.place, self.folder, self.now = place, folder, TUESDAY
        self.store = TinyStore.open(folder)

    async def read(self, after=HOUR):
        """Attend once, later; what was recorded."""
        return (await self.poll_agenda(after)).changes

    async def poll_agenda(self, after=HOUR):
        self.now += after
        async with Fetch(
            contact=None,
            limits=Limits(host_gap=0),
            allow_loopback=True,
            tls=_TLS,
            clock=Clock(now=lambda: self.now, sleep=_at_once),
        ) as fetch:
            return await poll_agenda(self.place, store=self.store, fetch=fetch, now=lambda: self.now)

    async def source_status(self):
        return await self.store.source_status(self.place.name)

    async def restart(self):
        await self.store.close()
        self.store = TinyStore.open(self.folder)


async def _at_once(seconds):
    """Nobody waits here."""


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
    """Legistar of Nash County, which was read before anything was on its agenda."""
    attending = Attending(nash(legistar), tmp_path / "data")
    assert await attending.read() == ()
    yield attending
    await attending.store.close()


def touch(server, key=77, **fields):
    """An event changes, and says so."""
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
        at = Attending(place_of(kind, server), tmp_path / "data")
        [first] = await at.read()
        assert first.kind is (Kind.LISTED if kind == "page" else Kind.MENTIONED)  # a page has no day to come
        said = first.mention
        assert (said.state, said.county, said.already) == ("NC", "Nash County", kind != "page")
        assert any("287(g)" in matched for matched in said.matched)
        assert "287(g)" in said.excerpt
        assert (await at.store.evidence(said.evidence)).sha256 == first.publication.evidence
        assert b"287(g)" in (await at.store.evidence(said.evidence)).body
        assert await at.read() == ()
        await at.restart()
        case.say(server, AMENDED)
        [second] = await at.read()
        assert second.kind is Kind.AMENDED
        assert second.mention.key == said.key
        assert second.mention.before.said == said.said
        assert "as amended" in f"{second.mention.title} {second.mention.excerpt}"
        assert b"as amended" in (await at.store.evidence(second.mention.evidence)).body
        assert b"as amended" not in (await at.store.evidence(second.mention.before.evidence)).body
        assert await at.read() == await at.read(DAY) == ()
        assert len(await at.store.changes()) == 2
        await at.store.close()


# ── what is told ──


async def test_an_item_that_comes_onto_an_agenda_is_told_with_all_that_a_reader_needs(at, legistar):
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


async def test_at_first_sight_what_is_over_is_recorded_in_silence_and_what_is_to_come_is_told(tmp_path):
    async with LoopbackLegistar() as server:
        server.event(70, "Board of Commissioners", "2026-11-17", "6:30 PM")
        server.item(70, 1, MOA, matter=400)
        server.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
        server.item(77, 2, MOA, matter=412)
        at = Attending(nash(server), tmp_path / "data")
        found = {change.mention.item: change for change in await at.read()}
        assert found["event/70/matter/400"].kind is Kind.LISTED
        assert found["event/77/matter/412"].kind is Kind.MENTIONED
        assert found["event/77/matter/412"].mention.already
        await at.store.close()


async def test_a_place_unread_for_more_than_thirty_days_is_seen_for_the_first_time_again(at, legistar):
    legistar.event(70, "Board of Commissioners", "2026-12-20", "6:30 PM")
    legistar.item(70, 1, MOA, matter=400)
    legistar.event(90, "Board of Commissioners", "2027-01-05", "6:30 PM")
    legistar.item(90, 2, MOA, matter=412)
    found = {change.mention.item: change for change in await at.read(timedelta(days=31))}
    assert found["event/70/matter/400"].kind is Kind.LISTED
    assert found["event/90/matter/412"].mention.already


async def test_what_is_put_on_the_agenda_of_a_meeting_that_is_over_is_told_of_a_known_place(at, legistar):
    legistar.event(70, "Board of Commissioners", "2026-11-23", "6:30 PM")
    legistar.item(70, 1, MOA, matter=400)
    [change] = await at.read()
    assert change.kind is Kind.MENTIONED
    assert not change.mention.already


async def test_a_meeting_that_moves_is_told_of_what_stands_on_its_agenda(at, legistar):
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


async def test_a_meeting_that_is_cancelled_is_told_and_one_that_takes_place_after_all_too(at, legistar):
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


async def test_what_is_cancelled_when_it_is_over_is_told_to_nobody(at, legistar):
    put_on_agenda(legistar)
    await at.read()
    touch(legistar, EventComment="Cancelled")
    [change] = await at.read(timedelta(days=9))
    assert change.kind is Kind.AMENDED


async def test_a_document_whose_address_is_none_costs_no_other_item(at, legistar):
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


async def test_an_agenda_that_no_longer_speaks_of_it_says_so(tmp_path):
    async with LoopbackCivicPlus() as server:
        at = Attending(nash(server, "civicplus"), tmp_path / "data")
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


async def test_an_agenda_that_cannot_be_fetched_for_once_is_not_taken_for_one_without_the_words(tmp_path):
    async with LoopbackCivicPlus() as server:
        at = Attending(nash(server, "civicplus"), tmp_path / "data")
        server.row(382, "12012026", "Regular Meeting", pdf("Call to order", MOA))
        [first] = await at.read()
        assert first.mention.page == 2
        server.fails["ViewFile"] = Reply(b"", status=500)
        server.rows[382] = ("12012026", "Regular Meeting", "Amended Nov 24, 2026 5:00 PM")
        assert await at.read() == ()
        server.fails.clear()
        server.row(382, "12012026", "Regular Meeting", pdf(""), "Amended Nov 24, 2026 6:00 PM")
        assert await at.read() == ()  # a scan says nothing, neither way
        assert "no text on its only page" in (await at.source_status()).problem
        await at.store.close()


async def test_the_agenda_as_a_document_says_nothing_that_its_item_said(at, legistar):
    legistar.files["/agenda.pdf"] = pdf("Call to order", f"2. {MOA}")
    put_on_agenda(legistar)
    touch(legistar, EventAgendaFile=f"{legistar.base}/agenda.pdf")
    [change] = await at.read()
    assert change.mention.item == "event/77/matter/412"


async def test_the_agenda_that_comes_as_a_document_after_its_item_is_told_to_nobody(at, legistar):
    put_on_agenda(legistar)
    [told] = await at.read()
    legistar.files["/agenda.pdf"] = pdf("Call to order", f"2. {MOA}")
    touch(legistar, EventAgendaFile=f"{legistar.base}/agenda.pdf")
    assert await at.read() == await at.read(DAY) == ()
    assert (await at.store.evidence(told.mention.evidence)).sha256 == told.publication.evidence


@pytest.fixture
def as_document(legistar):
    """The agenda is there as a document that speaks of it, and its items are not yet."""
    legistar.files["/agenda.pdf"] = pdf("Call to order", f"2. {MOA}")
    touch(legistar, EventAgendaFile=f"{legistar.base}/agenda.pdf")


async def test_an_item_that_comes_after_its_agenda_as_a_document_is_the_same_mention_amended_and_told_to_nobody(
    at, legistar, as_document
):
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
    [moved] = await at.read()  # one mention: one thing that moves
    assert (moved.kind, moved.mention.item) == (Kind.MENTIONED, "event/77/matter/412")


async def test_of_two_items_the_one_that_the_document_spoke_of_is_amended_and_the_other_is_told(
    at, legistar, as_document
):
    await at.read()
    legistar.item(77, 1, "287(g) program: report of the third quarter", matter=411)
    put_on_agenda(legistar)
    found = {change.mention.item: change for change in await at.read()}
    assert found["event/77/matter/412"].kind is Kind.AMENDED
    assert found["event/77/matter/412"].mention.before.item == "event/77"
    assert found["event/77/matter/411"].kind is Kind.MENTIONED
    assert found["event/77/matter/411"].mention.before is None


async def test_an_item_that_is_added_to_an_agenda_which_spoke_of_another_is_told(at, legistar, as_document):
    await at.read()
    put_on_agenda(legistar)
    await at.read()
    legistar.item(77, 3, "Resolution to rescind the 287(g) agreement", matter=413)
    touch(legistar)
    [added] = await at.read()
    assert (added.kind, added.mention.item) == (Kind.MENTIONED, "event/77/matter/413")


async def test_a_matter_that_was_filed_and_is_put_on_an_agenda_is_one_mention_that_has_a_day_now(at, legistar):
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


async def test_what_was_taken_back_as_wrong_is_not_told_again(at, legistar):
    put_on_agenda(legistar)
    [told] = await at.read()
    await take_back(at, told)
    touch(legistar, EventDate="2026-12-08T00:00:00")
    assert await at.read() == ()


async def test_what_was_taken_back_of_an_agenda_is_not_told_of_its_item(at, legistar, as_document):
    [told] = await at.read()
    await take_back(at, told)
    put_on_agenda(legistar)
    touch(legistar, EventDate="2026-12-08T00:00:00")
    assert await at.read() == await at.read(DAY) == ()


async def test_what_was_taken_back_of_a_matter_is_not_told_once_it_is_put_on_an_agenda(at, legistar):
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
    knowing = TinyKnown(at.store, known)
    put_on_agenda(legistar)
    at.store = knowing
    [change] = await at.read()
    assert [a.agency for a in change.mention.listed] == ["Nash County Sheriff's Office"]
    at.store = knowing.inner


async def test_while_ices_list_has_not_been_read_nothing_is_said_of_it(at, legistar):
    put_on_agenda(legistar)
    [change] = await at.read()
    assert change.mention.listed is None


class TinyKnown:
    """A store that knows a list of ours."""

    def __init__(self, inner, known: Known):
        self.inner, self._known = inner, known

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def known(self):
        return self._known


# ── what goes wrong ──


async def test_a_place_that_fails_for_a_week_is_parked_and_goes_on_once_it_is_read_well(at, legistar):
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


class Stumbling:
    """A platform's reader with a fault of its own, for one place; the others are read as they are."""

    def __init__(self, stumbles_over, fault):
        self.stumbles_over, self.fault, self.reader = stumbles_over, fault, LOCAL["page"]

    async def read(self, fetch, place, status, now):
        if place.name == self.stumbles_over:
            raise self.fault
        return await self.reader.read(fetch, place, status, now)


@pytest.fixture
async def two_places(tmp_path, monkeypatch):
    """A place that a reader stumbles over and one that is read well, and a desk for both."""
    async with (
        LoopbackWeb() as server,
        Fetch(contact=None, limits=Limits(host_gap=0), allow_loopback=True, tls=_TLS) as fetch,
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


RUBBISH = [
    KeyError("items"),
    RecursionError("maximum recursion depth exceeded"),
    AttributeError("line\none"),
    MemoryError(),
]


@pytest.mark.parametrize("fault", RUBBISH, ids=lambda fault: type(fault).__name__)
async def test_a_fault_of_our_own_is_said_of_that_source_in_a_line_and_the_others_are_checked(
    two_places, monkeypatch, capsys, fault
):
    monkeypatch.setitem(LOCAL, "page", Stumbling("Bad County, NC", fault))
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


async def test_a_fault_in_what_is_done_with_an_item_is_one_of_that_place_too(at, legistar, monkeypatch):
    monkeypatch.setattr("bot.domain.agendas.detect.passages_in", lambda item: {}[item.id])
    put_on_agenda(legistar)
    attended = await at.poll_agenda()
    assert attended.failed
    assert "KeyError" in attended.problems[0]
    monkeypatch.undo()
    assert [change.mention.title for change in await at.read()] == [MOA]


async def test_a_fault_of_our_own_while_the_program_polls_is_counted_and_the_other_places_are_read(
    two_places, monkeypatch
):
    monkeypatch.setitem(LOCAL, "page", Stumbling("Bad County, NC", KeyError("items")))
    await two_places.store.subscribe(
        Subscription(id="", channel="console", address="", filter=Filter(states={"NC": 0}))
    )
    moment = [TUESDAY]
    work = Worker(replace(two_places, now=lambda: moment[0]))
    await work.tick()  # it finds both, and gives each a moment within the hour
    for _ in range(3):
        moment[0] = TUESDAY + HOUR
        await work.tick()
        await work.finish(within=10)
    bad, good = [await two_places.store.source_status(name) for name in two_places.places]
    assert (bad.failures, bad.read_at) == (1, None)
    assert bad.due_at > moment[0] + HOUR
    assert (good.failures, good.read_at) == (0, moment[0])


async def test_nobody_is_parked_while_nothing_at_all_can_be_read(at, legistar):
    legistar.is_closed = True
    for _ in range(12):
        await at.poll_agenda(DAY)
    assert (await at.source_status()).parked_at is None
    assert (await at.source_status()).failures == 12


async def test_a_place_that_asks_to_be_left_alone_is(tmp_path):
    async with LoopbackWeb() as server:
        server.fails["/agenda"] = Reply(b"", status=429)
        at = Attending(nash(server, "page", "/agenda", every_hours=1), tmp_path / "data")
        await at.poll_agenda()
        first = (await at.source_status()).due_at - at.now
        await at.poll_agenda()
        assert (await at.source_status()).due_at - at.now > 1.5 * first > 2 * HOUR
        assert "429" in (await at.source_status()).problem
        await at.store.close()


@pytest.mark.parametrize("every_hours", [1, 6, 24])
async def test_a_place_that_does_not_want_us_is_asked_at_most_five_times_a_day_and_left_alone_after_a_week(
    tmp_path, every_hours
):
    async with LoopbackWeb() as server:
        server.fails["/agenda"] = Reply(b"", status=403)
        at = Attending(nash(server, "page", "/agenda", every_hours=every_hours), tmp_path / "data")
        tried = []
        while (status := await at.source_status()).parked_at is None:
            await at.store.remember(replace(await at.store.source_status("ice"), read_at=at.now))
            await at.poll_agenda((status.due_at or at.now) - at.now)
            tried.append(at.now)
        assert status.parked_at - tried[0] < timedelta(days=7, hours=27)
        assert server.count("/agenda") == len(tried)
        assert all(tried[n + 5] - tried[n] > timedelta(days=1) for n in range(3, len(tried) - 5))
        await at.store.close()


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


async def test_a_feed_entry_that_is_only_dated_anew_was_not_moved(tmp_path):
    async with LoopbackWeb() as server:
        said = {"link": "https://nash.example/1", "published": "Mon, 23 Nov 2026 10:00:00 -0500"}
        server.feeds["/news.rss"] = rss(entry("a", "Something else", **said))
        at = Attending(nash(server, "feed", "/news.rss"), tmp_path / "data")
        await at.read()
        server.feeds["/news.rss"] = rss(entry("b", MOA, **said))
        [first] = await at.read()
        server.feeds["/news.rss"] = rss(entry("b", MOA, **said | {"published": "Tue, 24 Nov 2026 23:59:00 -0500"}))
        assert [change.kind for change in await at.read()] == [Kind.AMENDED]
        assert first.kind is Kind.MENTIONED
        await at.store.close()
