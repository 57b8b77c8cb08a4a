"""What every local source keeps to. A kind in the registry without a case here fails."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from loopback.local import (
    LocalServer,
    LoopbackCivicClerk,
    LoopbackCivicPlus,
    LoopbackLegistar,
    LoopbackPrimeGov,
    LoopbackWeb,
    Reply,
    entry,
    maintenance,
    page,
    rss,
)
from places import Reader

from bot.domain.document import digest
from bot.domain.local import AgendaItem, Place
from bot.errors import Blocked, Missing, SourceError, Unreachable, Unreadable
from bot.sources import LOCAL

TITLE = "Agreement with ICE under Section 287(g)"
AMENDED = "Agreement with ICE under Section 287(g), as amended"
DAY = timedelta(days=1, minutes=1)


@dataclass(frozen=True)
class Case:
    """How the tests fill a platform: `say` puts TITLE or AMENDED on the agenda of 1 December, `add` puts up one thing more.

    `cost` is how many requests an unchanged place takes, `listing` a part of the path of what is asked first.
    """

    server: type[LocalServer]
    say: Callable[[LocalServer, str], None]
    add: Callable[[LocalServer], None]
    spoil: Callable[[LocalServer], None]
    listing: str
    cost: int = 1
    path: str = ""
    addresses: tuple[str, ...] = ()


# ── Legistar ──


def legistar_says(server: LoopbackLegistar, title: str) -> None:
    server.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
    server.event(78, "Planning Board", "2026-11-20", None, EventLastModifiedUtc=f"2026-11-20T00:00:00.{len(title):03}")
    server.items[77] = []
    server.item(77, 1, "Call to order")
    server.item(77, 2, title, matter=412)
    server.matter(412, title, f"2026-11-23T10:00:00.{len(title):03}")


def legistar_adds(server: LoopbackLegistar) -> None:
    server.event(79, "Board of Commissioners", "2026-12-15", "6:30 PM")


def legistar_spoils(server: LoopbackLegistar) -> None:
    server.extra = [*rubbish("EventId", "EventBodyName", "EventDate"), *rubbish("MatterId", "MatterTitle")]
    server.items[77] += rubbish("EventItemId", "EventItemTitle", "EventItemMatterAttachments")


# ── CivicClerk ──


def civicclerk_says(server: LoopbackCivicClerk, title: str) -> None:
    server.event(5, "Regular meeting", "2026-12-01T18:30:00Z", agenda=9)
    server.agendas[9] = [server.item(1, "<p>Public <b>Safety</b></p>", server.item(2, f"<p>{title}</p>"))]
    server.events[5]["agendaName"] = title


def civicclerk_adds(server: LoopbackCivicClerk) -> None:
    server.event(6, "Special meeting", "2026-12-08T18:30:00Z")


def civicclerk_spoils(server: LoopbackCivicClerk) -> None:
    server.extra = rubbish("id", "eventName", "startDateTime", "agendaId", "publishedFiles")
    server.agendas[9] += rubbish("id", "agendaObjectItemName", "childItems", "attachmentsList")


# ── PrimeGov ──


def primegov_says(server: LoopbackPrimeGov, title: str) -> None:
    agenda = server.document(len(title), "Agenda", page(f"<p>1. {title}</p>"))
    server.meetings.clear()
    server.meeting(5, "Board of Supervisors", "2026-12-01T18:30:00", agenda)


def primegov_adds(server: LoopbackPrimeGov) -> None:
    server.meeting(6, "Planning Board", "2026-12-08T18:30:00")


def primegov_spoils(server: LoopbackPrimeGov) -> None:
    server.meetings += rubbish("id", "title", "dateTime", "documentList")


# ── CivicPlus ──


def civicplus_says(server: LoopbackCivicPlus, title: str) -> None:
    posted = f"Amended Nov {len(title) % 20 + 1}, 2026 10:17 AM"
    server.row(382, "12012026", "Regular Meeting Agenda", page(f"<p>1. {title}</p>"), posted)


def civicplus_adds(server: LoopbackCivicPlus) -> None:
    server.row(390, "12152026", "Work Session Agenda", page("<p>1. Budget</p>"))


def civicplus_spoils(server: LoopbackCivicPlus) -> None:
    server.row(0, "99992026", "", page(""))
    server.rows[400] = ("abc", "No day", "")


# ── feeds and pages ──


def feed_says(server: LoopbackWeb, title: str) -> None:
    server.feeds["/agendas.rss"] = rss(
        entry("6f1c", f"Board of Commissioners - Dec 1, 2026 6:30 PM: {title}", link="https://nash.example/1")
    )


def feed_adds(server: LoopbackWeb) -> None:
    more = entry("77aa", "Planning Board - Dec 8, 2026", link="https://nash.example/2")
    server.feeds["/agendas.rss"] = server.feeds["/agendas.rss"].replace(b"</channel>", more.encode() + b"</channel>")


def feed_spoils(server: LoopbackWeb) -> None:
    dirt = b"<item/><item><title/><guid/><pubDate>never</pubDate></item><item>&undefined; \x01 <b>x</item></channel>"
    server.feeds["/agendas.rss"] = server.feeds["/agendas.rss"].replace(b"</channel>", dirt)


def page_says(server: LoopbackWeb, title: str) -> None:
    server.files["/agenda"] = page(f"<h1>Agenda of 1 December</h1><p>1. {title}</p>")


def page_adds(server: LoopbackWeb) -> None:
    server.files["/agenda"] = server.files["/agenda"].replace(b"</p>", b"</p><p>2. Adjournment</p>")


def page_spoils(server: LoopbackWeb) -> None:
    server.files["/agenda"] = server.files["/agenda"].replace(b"</p>", b"</p></div><p <b>\x00\xff</table>")


def rubbish(*names: str) -> list:
    """Rows with every field missing, null, or of another type; and what is no row."""
    values = (None, "", "x", -1, 0, 1.5, True, [], [None, "x", 3], {}, {"id": "x"}, "2026-99-99T00:00:00")
    return [{}, None, "row", 7, [], *(dict.fromkeys(names, value) for value in values)]


CASES = {
    "legistar": Case(
        LoopbackLegistar,
        legistar_says,
        legistar_adds,
        legistar_spoils,
        listing="/v1/",
        cost=2,  # matters and events: neither shows what is in the other
        addresses=(
            "https://nashcounty.legistar.com/Calendar.aspx",
            "https://nashcounty.legistar.com/MeetingDetail.aspx?ID=1&GUID=2",
            "https://webapi.legistar.com/v1/nashcounty/events",
        ),
    ),
    "civicclerk": Case(
        LoopbackCivicClerk,
        civicclerk_says,
        civicclerk_adds,
        civicclerk_spoils,
        listing="/Events",
        addresses=(
            "https://nashconc.portal.civicclerk.com",
            "https://nashconc.portal.civicclerk.com/event/5/files",
            "https://nashconc.api.civicclerk.com/v1/Events",
        ),
    ),
    "primegov": Case(
        LoopbackPrimeGov,
        primegov_says,
        primegov_adds,
        primegov_spoils,
        listing="ListUpcomingMeetings",
        addresses=(
            "https://nash.primegov.com/public/portal",
            "https://nash.primegov.com/Portal/Meeting?meetingTemplateId=5",
        ),
    ),
    "civicplus": Case(
        LoopbackCivicPlus,
        civicplus_says,
        civicplus_adds,
        civicplus_spoils,
        listing="/",
        cost=2,  # agendas and news
        addresses=(
            "https://www.nashcountync.gov/AgendaCenter",
            "http://nc-nashcounty.civicplus.com/AgendaCenter",
            "https://www.nashcountync.gov/AgendaCenter/Search/?term=&CIDs=all",
            "https://www.nashcountync.gov/RSSFeed.aspx?ModID=65&CID=All-0",
        ),
    ),
    "feed": Case(
        LoopbackWeb,
        feed_says,
        feed_adds,
        feed_spoils,
        listing="/",
        path="/agendas.rss",
        addresses=(
            "https://nash.granicus.com/ViewPublisher.php?view_id=3",
            "https://nash.granicus.com/ViewPublisherRSS.php?view_id=3&mode=agendas",
            "https://nash.example/news/feed/",
            "https://nash.example/agendas.xml",
            "https://nash.example/?feed=rss2",
            "https://nash.example/RSSFeed.aspx?ModID=58&CID=All-calendar.xml",
        ),
    ),
    "page": Case(
        LoopbackWeb,
        page_says,
        page_adds,
        page_spoils,
        listing="/",
        path="/agenda",
        addresses=(
            "https://nash.example/commissioners",
            "https://nash.example/agenda.pdf",
            "https://nash.example/sitemap.xml",
            "https://notlegistar.com/",
        ),
    ),
}


def place(kind: str, server: LocalServer) -> Place:
    return Place(
        name="Nash County",
        kind=kind,
        address=server.address + CASES[kind].path,
        state="NC",
        county="Nash County",
        zone="America/New_York",
    )


@pytest.fixture(params=LOCAL)
def kind(request) -> str:
    return request.param


@pytest.fixture
def case(kind) -> Case:
    return CASES[kind]


@pytest.fixture
async def server(case):
    async with case.server() as server:
        case.say(server, TITLE)
        yield server


@pytest.fixture
def reader(kind, server) -> Reader:
    return Reader(place(kind, server))


def speaks(item: AgendaItem, words: str = "287(g)") -> bool:
    return any(words in text for text in (item.title, item.text, *item.pages))


def test_every_kind_has_a_case():
    assert CASES.keys() == LOCAL.keys()


def test_a_source_bears_the_name_that_it_is_listed_by(kind):
    assert LOCAL[kind].kind == kind
    assert LOCAL[kind]._source.kind == kind


async def test_what_is_on_an_agenda_is_read_once(reader):
    reading = await reader.read()
    assert [speaks(item) for item in reading.items].count(True) == 1
    assert not reading.unchanged
    assert not reading.problems


async def test_items_are_whole(reader):
    reading = await reader.read()
    evidence = {digest(document.body) for document in reading.documents}
    assert len({item.id for item in reading.items}) == len(reading.items)
    for item in reading.items:
        assert item.title
        assert "<" not in item.title
        assert item.address.startswith("http")
        assert item.evidence in evidence


async def test_times_are_those_of_the_place(reader):
    for item in (await reader.read()).items:
        if isinstance(item.meets_at, datetime):
            assert item.meets_at.tzinfo.key == "America/New_York"
            assert (item.meets_at.hour, item.meets_at.minute) == (18, 30)


@pytest.mark.parametrize("validates", [True, False])
async def test_an_unchanged_place_costs_little_and_says_nothing(case, server, reader, validates):
    server.validates = validates
    await reader.read()
    await reader.read(timedelta(hours=1))  # a change feed asks from another day now
    server.asked.clear()
    reading = await reader.read(timedelta(hours=1))
    assert reading.unchanged
    assert (reading.items, reading.documents, reading.problems) == ((), (), ())
    assert server.count() == case.cost
    assert reading.facts == reader.memory.facts


async def test_what_is_unchanged_is_not_said_again_on_the_next_day_or_in_another_week(reader):
    await reader.read()
    for _ in range(3):
        reading = await reader.read(DAY)
        assert [item for item in reading.items if speaks(item)] == []


async def test_an_amended_item_keeps_its_id(case, server, reader):
    before = {item.id for item in (await reader.read()).items if speaks(item)}
    case.say(server, AMENDED)
    amended = {item.id for item in (await reader.read(timedelta(hours=1))).items if speaks(item, AMENDED)}
    assert amended == before


async def test_what_is_new_comes_alone(kind, case, server, reader):
    before = {item.id for item in (await reader.read()).items}
    case.add(server)
    reading = await reader.read(timedelta(hours=1))
    assert len(reading.items) == 1
    assert kind == "page" or not before & {item.id for item in reading.items}


async def test_an_empty_place_is_no_failure(kind, case):
    async with case.server() as server:
        if kind in {"feed", "page"}:
            server.feeds["/agendas.rss"], server.files["/agenda"] = rss(), page("<p>No meetings.</p>")
        reader = Reader(place(kind, server))
        first = await reader.read()
        assert [item.title for item in first.items] == (["A county"] if kind == "page" else [])
        case.say(server, TITLE)
        later = await reader.read(timedelta(hours=1))
        assert any(map(speaks, later.items))


@pytest.mark.parametrize(("status", "kind_of_fault"), [(403, Blocked), (500, Unreachable), (404, Missing)])
async def test_a_server_that_refuses_is_said_to(case, server, reader, status, kind_of_fault):
    server.fails[case.listing] = Reply(b"", status=status)
    with pytest.raises(kind_of_fault, match=rf"Nash County: .* answered {status}") as raised:
        await reader.read()
    assert "never read well yet" in str(raised.value)


@pytest.mark.parametrize("kind", sorted(LOCAL.keys() - {"page"}))  # where any page will do
async def test_a_page_in_place_of_the_list_is_not_believed(case, server, reader):
    await reader.read()
    server.fails[case.listing] = maintenance()
    with pytest.raises(Unreadable):
        await reader.read(timedelta(hours=1))


async def test_a_bad_day_loses_nothing(case, server, reader):
    await reader.read()
    case.say(server, AMENDED)
    server.fails[case.listing] = Reply(b"", status=503)
    with pytest.raises(SourceError):
        await reader.read(timedelta(hours=1))
    server.fails.clear()
    assert any(speaks(item, AMENDED) for item in (await reader.read(timedelta(hours=1))).items)


async def test_rows_of_rubbish_do_not_hide_the_others(case, server, reader):
    case.spoil(server)
    assert any(map(speaks, (await reader.read()).items))


async def test_an_unknown_time_zone_is_said(kind, server):
    reader = Reader(replace(place(kind, server), zone="Mars/Olympus"))
    with pytest.raises(SourceError, match="no time zone 'Mars/Olympus'"):
        await reader.read()


async def test_every_request_says_who_asks_and_what_for(server, reader):
    await reader.read()
    assert all(asked.headers["user-agent"].startswith("Countersign/") for asked in server.asked)
    assert server.asked[0].path == "/robots.txt"


def test_its_addresses_are_recognised(kind, case):
    assert case.addresses
    for address in case.addresses:
        claimed = next(filter(None, (source.recognises(address) for source in LOCAL.values())))
        assert claimed.kind == kind, address
        assert LOCAL[kind].recognises(claimed.address) in {None, claimed}, "what is proposed is recognised again"
