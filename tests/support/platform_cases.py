"""One case for each local platform: how a test fills its loopback server, and what a reading costs."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.agenda import Place
from support.loopback.agendas import (
    LoopbackBoardDocs,
    LoopbackCivicWeb,
    LoopbackDestiny,
    LoopbackEscribe,
    LoopbackIqm2,
    LoopbackMunicode,
    LoopbackNovusAgenda,
)
from support.loopback.local import (
    LocalServer,
    LoopbackCivicClerk,
    LoopbackCivicPlus,
    LoopbackLegistar,
    LoopbackPrimeGov,
    LoopbackWeb,
    entry,
    page,
    rss,
)

TITLE = "Agreement with ICE under Section 287(g)"
AMENDED = "Agreement with ICE under Section 287(g), as amended"


@dataclass(frozen=True)
class Case:
    """Fills one platform: `say` puts TITLE or AMENDED on the agenda of December 1, `add` one more meeting or entry.

    `spoil` adds rubbish between the good rows. `cost` is the number of requests that an unchanged place takes,
    `listing` a part of the path requested first. `addresses` are addresses that mean this platform.
    """

    server: type[LocalServer]
    say: Callable[[LocalServer, str], None]
    add: Callable[[LocalServer], None]
    spoil: Callable[[LocalServer], None]
    listing: str
    cost: int = 1
    path: str = ""
    addresses: tuple[str, ...] = ()


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


def civicclerk_says(server: LoopbackCivicClerk, title: str) -> None:
    server.event(5, "Regular meeting", "2026-12-01T18:30:00Z", agenda=9)
    server.agendas[9] = [server.item(1, "<p>Public <b>Safety</b></p>", server.item(2, f"<p>{title}</p>"))]
    server.events[5]["agendaName"] = title


def civicclerk_adds(server: LoopbackCivicClerk) -> None:
    server.event(6, "Special meeting", "2026-12-08T18:30:00Z")


def civicclerk_spoils(server: LoopbackCivicClerk) -> None:
    server.extra = rubbish("id", "eventName", "startDateTime", "agendaId", "publishedFiles")
    server.agendas[9] += rubbish("id", "agendaObjectItemName", "childItems", "attachmentsList")


def primegov_says(server: LoopbackPrimeGov, title: str) -> None:
    agenda = server.document(len(title), "Agenda", page(f"<p>1. {title}</p>"))
    server.meetings.clear()
    server.meeting(5, "Board of Supervisors", "2026-12-01T18:30:00", agenda)


def primegov_adds(server: LoopbackPrimeGov) -> None:
    server.meeting(6, "Planning Board", "2026-12-08T18:30:00")


def primegov_spoils(server: LoopbackPrimeGov) -> None:
    server.meetings += rubbish("id", "title", "dateTime", "documentList")


def civicplus_says(server: LoopbackCivicPlus, title: str) -> None:
    posted = f"Amended Nov {len(title) % 20 + 1}, 2026 10:17 AM"
    server.row(382, "12012026", "Regular Meeting Agenda", page(f"<p>1. {title}</p>"), posted)


def civicplus_adds(server: LoopbackCivicPlus) -> None:
    server.row(390, "12152026", "Work Session Agenda", page("<p>1. Budget</p>"))


def civicplus_spoils(server: LoopbackCivicPlus) -> None:
    server.row(0, "99992026", "", page(""))
    server.rows[400] = ("abc", "No day", "")


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


def iqm2_says(server: LoopbackIqm2, title: str) -> None:
    server.meeting(2826, "Dec 1, 2026 6:30 PM", "Board of Commissioners", file=2000 + len(title))
    server.items[2826] = [(1, "Call to order"), (2, title)]


def iqm2_adds(server: LoopbackIqm2) -> None:
    server.meeting(2830, "Dec 15, 2026 6:30 PM", "Planning Board", file=0)


def iqm2_spoils(server: LoopbackIqm2) -> None:
    server.spoilt = (
        '<div class="Row MeetingRow"></div><div class="Row MeetingRow"><div class="RowLink"><a href="x">y</a></div></div>'
        '<div class="Row MeetingRow"><div class="RowLink"><a href="http://[bad?ID=7" title="&#13;Status:">never</a></div>'
    )


def municode_says(server: LoopbackMunicode, title: str) -> None:
    words = page(f"<p>1. {title}</p>")
    server.row("boc-regular", "2026-12-01T18:30:00-05:00", "Board of Commissioners", words, file=f"{len(title):032x}")


def municode_adds(server: LoopbackMunicode) -> None:
    server.row("planning-1", "2026-12-08T18:30:00-05:00", "Planning Board", page("<p>Budget</p>"))


def municode_spoils(server: LoopbackMunicode) -> None:
    server.spoilt = (
        '<tr><td data-th="Date"><span class="date-display-single" content="never"></span></td></tr><tr></tr>'
        '<tr><td><span class="date-display-single" content="2026-99-99"></span></td><td data-th="Meeting">X</td></tr>'
    )


def civicweb_says(server: LoopbackCivicWeb, title: str) -> None:
    server.meetings = [row for row in server.meetings if isinstance(row, dict) and row.get("Id") != 4927]
    html = f"<html><head><style>p {{}}</style></head><body><p>1. {title}</p></body></html>"
    minutes = server.document(12, 9, html="<p>287(g) in the minutes</p>", of=2)
    server.meeting(4927, f"Board Meetings - Dec 01 2026{' Amended Agenda' * (len(title) > 40)}", "2026-12-01 18:30",
                   minutes, server.document(10, 1, html=html), server.document(11, 4))  # fmt: skip


def civicweb_adds(server: LoopbackCivicWeb) -> None:
    server.meeting(4930, "Planning Board - Dec 08 2026", "2026-12-08 18:30")


def civicweb_spoils(server: LoopbackCivicWeb) -> None:
    server.meetings += rubbish("Id", "Name", "MeetingDateTime", "MeetingTypeName")
    server.documents[4927] += rubbish("Id", "DocumentType", "Html", "Type")


def destiny_says(server: LoopbackDestiny, title: str) -> None:
    server.meeting(
        2021, "12/2026", f"Dec 1, 2026 6:30 PM{' (Amended)' * (title == AMENDED)}", "Board", server.item(12544, title)
    )


def destiny_adds(server: LoopbackDestiny) -> None:
    server.meeting(2022, "12/2026", "Dec 8, 2026 6:30 PM", "Planning Board")


def destiny_spoils(server: LoopbackDestiny) -> None:
    server.spoilt = (
        '<tr></tr><tr><td></td></tr><tr><td><a>x</a></td></tr><tr><td><a href="http://[x?seq=1">y</a></td></tr>'
    )


def novusagenda_says(server: LoopbackNovusAgenda, title: str) -> None:
    server.meeting(549, "12/01/26", f"Board of Commissioners{' - Amended' * (title == AMENDED)}")
    server.items[549] = [(1, "Call to order"), (2, title)]


def novusagenda_adds(server: LoopbackNovusAgenda) -> None:
    server.meeting(551, "12/08/26", "Planning Board", "NOTICE OF CANCELLATION")
    del server.items[551]


def novusagenda_spoils(server: LoopbackNovusAgenda) -> None:
    server.spoilt = (
        '<tr class="rgRow"></tr><tr class="rgAltRow"><td>99/99/26</td><td><a href="DisplayAgendaPDF.ashx?MeetingID=1"></a>'
        '</td></tr><tr class="rgRow"><td>12/01/26</td><td><a onclick="x(&#39;MeetingView.aspx?MeetingID=&#39;)"></a></td></tr>'
    )


def escribe_says(server: LoopbackEscribe, title: str) -> None:
    key = "3a6304b5-97b9-4bcc-aecd-72b8c188e73c"
    server.meetings = [row for row in server.meetings if isinstance(row, dict) and row.get("ID") != key]
    server.meeting(key, f"Board of Commissioners{' - Amended' * (title == AMENDED)}", "2026/12/01 18:30:00")
    server.items[key] = [(1, "CALL TO ORDER", ""), (2, "NEW BUSINESS", ""), (3, title, "")]


def escribe_adds(server: LoopbackEscribe) -> None:
    server.meeting("5b6304b5-97b9-4bcc-aecd-72b8c188e73d", "Planning Board", "2026/12/08 18:30:00", agenda=False)


def escribe_spoils(server: LoopbackEscribe) -> None:
    server.meetings += rubbish("ID", "MeetingName", "StartDate", "MeetingDocumentLink", "Location")


def boarddocs_says(server: LoopbackBoardDocs, title: str) -> None:
    server.meeting("D5CSV7744EBE", "Regular Meeting @ 6:30 p.m.", "2026-12-01", ("D5CSV7744EB1", title))


def boarddocs_adds(server: LoopbackBoardDocs) -> None:
    server.meeting("D54W5F83C08E", "Work Session", "2026-12-08", about="The board meets at 6:30 PM.")


def boarddocs_spoils(server: LoopbackBoardDocs) -> None:
    server.spoilt = (
        '<meeting></meeting><meeting ><name>no number</name></meeting><meeting id="D4UH4C46A5FD"><name></name>'
        '<meeting id="D48QPE66E237"><name>No day &bad; <b>bold</b></name><start><date>never</date></start></category>'
    )


def rubbish(*names: str) -> list:
    """Return rows with fields missing, null or of the wrong type, and things that aren't rows at all."""
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
    "iqm2": Case(
        LoopbackIqm2,
        iqm2_says,
        iqm2_adds,
        iqm2_spoils,
        listing="Calendar.aspx",
        addresses=(
            "https://nashcountync.iqm2.com/Citizens/Default.aspx",
            "http://NashCountyNC.iqm2.com/Citizens/Calendar.aspx?From=1/1/2026",
            "https://nashcountync.iqm2.com/Citizens/Detail_Meeting.aspx?ID=2826",
        ),
    ),
    "municode": Case(
        LoopbackMunicode,
        municode_says,
        municode_adds,
        municode_spoils,
        listing="/",
        addresses=(
            "https://nash-nc.municodemeetings.com/?page=0",
            "https://nash-nc.municodemeetings.com/boc/page/regular-meeting",
            "https://meetings.municode.com/PublishPage/index?cid=NASH&ppid=6b558ee5-8f7c-4ab1-b031-3668c09eb888&p=-1",
        ),
    ),
    "civicweb": Case(
        LoopbackCivicWeb,
        civicweb_says,
        civicweb_adds,
        civicweb_spoils,
        listing="svc/meetings?",
        addresses=(
            "https://nashcounty.civicweb.net/Portal/MeetingTypeList.aspx",
            "https://nashcounty.civicweb.net/document/1045411",
            "https://nash.community.highbond.com/Portal/",
            "https://nash.community.diligentoneplatform.com/Portal/MeetingInformation.aspx?Id=5",
            "https://nash.diligent.community/Portal/",
        ),
    ),
    "escribe": Case(
        LoopbackEscribe,
        escribe_says,
        escribe_adds,
        escribe_spoils,
        listing="GetCalendarMeetings",
        addresses=(
            "https://pub-nash.escribemeetings.com/",
            "https://pub-nash.escribemeetings.com/Meeting.aspx?Id=3a6304b5-97b9-4bcc-aecd-72b8c188e73c&lang=English",
            "https://nash-pub.escribemeetings.com/?Year=2026",
        ),
    ),
    "boarddocs": Case(
        LoopbackBoardDocs,
        boarddocs_says,
        boarddocs_adds,
        boarddocs_spoils,
        listing="Board.nsf",
        addresses=(
            "https://go.boarddocs.com/nc/nash/Board.nsf/Public",
            "https://www.boarddocs.com/nc/nash/Board.nsf/vpublic?open",
            "http://go.boarddocs.com/nc/nash/board.nsf/goto?open&id=D5CSV7744EBE",
        ),
    ),
    "destiny": Case(
        LoopbackDestiny,
        destiny_says,
        destiny_adds,
        destiny_spoils,
        listing="get_month",
        cost=2,  # this month and the next
        addresses=(
            "https://public.destinyhosted.com/agenda_publish.cfm?id=63927&mt=ALL&get_month=11&get_year=2026",
            "https://public.destinyhosted.com/agenda_publish.cfm?id=63927&dsp=ag&seq=2021",
            "https://destinyhosted.com/agenda_publish.cfm?mt=ALL&ID=56691",
            "https://public.destinyhosted.com/63927/agenda/2026",
            "https://agendas.nashcountync.gov/agenda_publish.cfm?id=&mt=ALL&get_month=7&get_year=2026",
        ),
    ),
    "novusagenda": Case(
        LoopbackNovusAgenda,
        novusagenda_says,
        novusagenda_adds,
        novusagenda_spoils,
        listing="agendapublic/",
        addresses=(
            "https://nash.novusagenda.com/agendapublic/",
            "https://nash.novusagenda.com/AgendaPublic/?MeetingType=6",
            "https://nash.novusagenda.com/agendapublic/meetingsresponsive.aspx?MeetingType=3",
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
            "https://Nash.Granicus.com/viewpublisher.php?mode=agendas&VIEW_ID=3",
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
