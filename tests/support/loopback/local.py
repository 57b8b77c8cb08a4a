"""The platforms of local governments on loopback: the shapes of their answers, and their bad days.

    async with LoopbackLegistar() as legistar:
        legistar.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
        legistar.item(77, 1, "Memorandum of agreement with ICE under Section 287(g)")
        ...  # read legistar.address; look at legistar.asked

    with LoopbackLegistar().run_in_thread() as legistar:  # the same, for programs without an event loop
        ...

A server serves whatever is in its dictionaries, which may be changed from any thread.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from html import escape
from typing import Any, NamedTuple

from aiohttp import web

from bot.demo.loopback.local import HTML, JSON, PDF, XML, PrimeGovServer, Reply, Row, TownServer, page, told
from support.loopback.server import InThread

__all__ = [
    "HTML", "JSON", "PDF", "XML", "LocalServer", "LoopbackCivicClerk", "LoopbackCivicPlus", "LoopbackLegistar",
    "LoopbackPrimeGov", "LoopbackWeb", "Reply", "Request", "Row", "entry", "maintenance", "page", "pdf", "rss", "told",
]  # fmt: skip


class Request(NamedTuple):
    """One request and the status it got. Header names are lower-case."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    status: int
    method: str = "GET"


class LocalServer(TownServer, InThread):
    """The base of all platforms.

    Without `validates` there are no ETags. `fails` maps a part of a path to the answer it gets instead. `asked` are the
    requests so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Request] = []
        self.fails: dict[str, Reply] = {}
        self.validates = True

    def count(self, part: str = "") -> int:
        """Count the requests for paths that contain a text, except robots.txt."""
        return sum(part in asked.path and asked.path != "/robots.txt" for asked in self.asked)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        response = await super().respond(request)
        told = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Request(request.path, dict(request.query), told, response.status, request.method))
        return response

    def found(self, request: web.Request, content: bytes) -> Reply:
        reply = super().found(request, content)
        if request.path != "/robots.txt":
            reply = next((reply for part, reply in self.fails.items() if part in request.path_qs), reply)
        return reply if self.validates else replace(reply, tag=None)


def maintenance() -> Reply:
    """Return a maintenance page with status 200."""
    return Reply(page("<p>We are down for maintenance. Please check back.</p>"), HTML)


class LoopbackLegistar(LocalServer):
    """`webapi.legistar.com` with one client. Some clients ignore `$filter`, some need a `token`, some are closed."""

    client = "nash"

    def __init__(self) -> None:
        super().__init__()
        self.matters: dict[int, Row] = {}
        self.events: dict[int, Row] = {}
        self.items: dict[int, list[Row]] = {}
        self.extra: list[Any] = []  # more rows, of any kind, in both feeds
        self.ignores_filter = False
        self.ignores_order = False
        self.token = ""
        self.is_closed = False

    @property
    def address(self) -> str:
        return f"{self.base}/v1/{self.client}"

    def event(self, key: int, body: str, day: str, clock: str | None = None, **fields: Any) -> None:
        self.events[key] = {
            "EventId": key,
            "EventGuid": f"00000000-0000-0000-0000-{key:012}",
            "EventLastModifiedUtc": "2026-11-20T15:04:05.123",
            "EventBodyName": body,
            "EventDate": f"{day}T00:00:00",
            "EventTime": clock,
            "EventLocation": "Courthouse, room 2",
            "EventAgendaFile": None,
            "EventMinutesFile": None,
            "EventInSiteURL": f"https://{self.client}.legistar.com/MeetingDetail.aspx?LEGID={key}",
        } | fields
        self.items.setdefault(key, [])

    def item(self, event: int, key: int, title: str | None, *, matter: int | None = None, **fields: Any) -> None:
        self.items[event].append(
            {
                "EventItemId": key,
                "EventItemAgendaNumber": f"{key}.",
                "EventItemTitle": title,
                "EventItemMatterId": matter,
                "EventItemMatterFile": f"2026-{matter}" if matter else None,
                "EventItemPassedFlagName": None,
                "EventItemMatterAttachments": [],
            }
            | fields
        )

    def matter(self, key: int, title: str, modified: str, **fields: Any) -> None:
        self.matters[key] = {
            "MatterId": key,
            "MatterGuid": f"10000000-0000-0000-0000-{key:012}",
            "MatterLastModifiedUtc": modified,
            "MatterFile": f"2026-{key}",
            "MatterTitle": title,
            "MatterTypeName": "Resolution",
            "MatterStatusName": "Filed",
            "MatterBodyName": "Board of Commissioners",
            "MatterIntroDate": None,
            "MatterAgendaDate": None,
            "MatterPassedDate": None,
        } | fields

    def attachment(self, name: str, path: str) -> Row:
        return {"MatterAttachmentName": name, "MatterAttachmentHyperlink": f"{self.base}{path}"}

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if self.is_closed:
            return Reply(b"", JSON, 410)
        if not path.startswith(f"/v1/{self.client}/") or query.get("token", "") != self.token:
            said = {"Message": f"LegistarConnectionString setting is not set up in InSite for client: {path[4:]}"}
            return Reply(json.dumps(said).encode(), JSON, 400)
        if found := re.search(r"/events/(\d+)/eventitems$", path):
            return told(self.items.get(int(found[1]), []))
        feed = {"matters": self.matters, "events": self.events}.get(path.rpartition("/")[2])
        return None if feed is None else told(self._asked_for(list(feed.values()), query) + self.extra)

    def _asked_for(self, rows: list[Row], query: Mapping[str, str]) -> list[Row]:
        wanted = re.fullmatch(r"(\w+) gt datetime'([\d:T.-]+)'", query.get("$filter", ""))
        order = re.fullmatch(r"(\w+) (asc|desc)", query.get("$orderby", ""))
        if wanted and not self.ignores_filter:
            since = datetime.fromisoformat(wanted[2])
            rows = [row for row in rows if datetime.fromisoformat(row[wanted[1]]) > since]
        if order and not self.ignores_order:
            rows.sort(key=lambda row: row[order[1]], reverse=order[2] == "desc")
        skip, top = int(query.get("$skip", 0)), min(int(query.get("$top", 1000)), 1000)
        return rows[skip : skip + top]


class LoopbackCivicClerk(LocalServer):
    """`TENANT.api.civicclerk.com`: pages of 15 events; an agenda that doesn't exist yet has the number 0."""

    page_size = 15

    def __init__(self) -> None:
        super().__init__()
        self.events: dict[int, Row] = {}
        self.agendas: dict[int, Any] = {}
        self.extra: list[Any] = []

    @property
    def address(self) -> str:
        return f"{self.base}/v1"

    def event(self, key: int, name: str, at: str, *, agenda: int = 0, **fields: Any) -> None:
        self.events[key] = {
            "id": key,
            "eventName": name,
            "startDateTime": at,
            "agendaId": agenda,
            "categoryName": "Board of Supervisors",
            "publishedFiles": [],
        } | fields

    @staticmethod
    def item(key: int, name: str, *children: Row, attachments: Sequence[Row] = (), **fields: Any) -> Row:
        return {
            "id": key,
            "agendaObjectItemName": name,
            "agendaObjectItemNumber": f"{key}.",
            "childItems": list(children),
            "attachmentsList": list(attachments),
        } | fields

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if found := re.fullmatch(r"/v1/Meetings/(\d+)", path):
            items = self.agendas.get(int(found[1]))
            return None if items is None else told({"id": int(found[1]), "items": items})
        if path != "/v1/Events":
            return None
        since = re.fullmatch(r"startDateTime gt (\S+)", query.get("$filter", ""))
        rows = [row for row in self.events.values() if since is None or row["startDateTime"] > since[1]] + self.extra
        skip = int(query.get("$skip", 0))
        answer: Row = {"@odata.context": "…", "value": rows[skip : skip + self.page_size]}
        if skip + self.page_size < len(rows):
            answer["@odata.nextLink"] = f"{self.base}/v1/Events?$skip={skip + self.page_size}"
        return told(answer)


class LoopbackPrimeGov(LocalServer, PrimeGovServer):
    """`SLUG.primegov.com`; `compiled` holds the documents by the number of their template."""

    def __init__(self) -> None:
        super().__init__()
        self.archive: list[Any] = []
        self.pages: dict[str, bytes] = {}  # agendas as pages, by the number of their template

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if path == "/api/v2/PublicPortal/ListArchivedMeetings":
            return told([row for row in self.archive if row["dateTime"].startswith(query["year"])])
        if path == "/Portal/Meeting" and query["meetingTemplateId"] in self.pages:
            return Reply(self.pages[query["meetingTemplateId"]], HTML)
        return super().reply(path, query)


class LoopbackCivicPlus(LocalServer):
    """A town's own host. `search` replaces the search page made from `rows`; every page has the same ETag."""

    def __init__(self) -> None:
        super().__init__()
        self.agendas: list[str] = []
        self.news: list[str] = []
        self.rows: dict[int, tuple[str, str, str]] = {}  # the day as MMDDYYYY, the title, when it was posted
        self.search: bytes | None = None
        self.has_feeds = True
        self._made = 0

    @property
    def address(self) -> str:
        return f"{self.base}/AgendaCenter"

    def row(self, key: int, day: str, title: str, document: bytes, posted: str = "Posted Nov 20, 2026 9:45 AM") -> None:
        self.rows[key] = (day, title, posted)
        self.files[f"/AgendaCenter/ViewFile/Agenda/_{day}-{key}"] = document

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if path == "/RSSFeed.aspx" and self.has_feeds:
            entries = {"65": self.agendas, "1": self.news}.get(query.get("ModID", ""), [])
            return Reply(rss(*entries, title="Nash County, NC"), XML, tag='" "')
        if path in {"/AgendaCenter/Search/", "/AgendaCenter/Search"}:
            return Reply(self.search if self.search is not None else self._search(), HTML, tag='" "')
        return None

    def _search(self) -> bytes:
        """Make new row ids for each answer, as real sites do, so that its bytes always differ."""
        self._made += 1
        rows = "".join(
            f'<tr id="row{key}{self._made:06x}" class="catAgendaRow"><td><h4 id="h{key}"><strong aria-label="Agenda">'
            f"{day[:2]}/{day[2:4]}/{day[4:]}</strong>&thinsp;&mdash;&thinsp;{posted}</h4><p>"
            f'<a name="{key}" href="/AgendaCenter/ViewFile/Agenda/_{day}-{key}" target="_blank">{escape(title)}</a></p></td>'
            f'<td class="downloads"><a class="pdf" href="/AgendaCenter/ViewFile/Agenda/_{day}-{key}">Agenda</a></td></tr>'
            for key, (day, title, posted) in self.rows.items()
        )
        return page(
            '<div class="listing" id="cat1"><h2><span id="span1">&#9660;</span>Board of Commissioners</h2>'
            f'<table summary="List of Agendas"><tbody>{rows}</tbody></table></div>',
            title="Agenda Center",
        )


class LoopbackWeb(LocalServer):
    """A host that serves `files` and `feeds`."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds: dict[str, bytes] = {}

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        return Reply(self.feeds[path], XML) if path in self.feeds else None


# ── contents to serve ──


def rss(*entries: str, title: str = "Agendas") -> bytes:
    """Return an RSS feed of these entries; without any it is valid and empty."""
    head = f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>{escape(title)}</title>'
    return f"{head}<link>https://nash.example/</link>{''.join(entries)}</channel></rss>".encode()


def entry(guid: str, title: str, *, link: str = "", text: str = "", published: str = "") -> str:
    """Return one entry of an RSS feed."""
    parts = {"title": title, "link": link, "description": text, "pubDate": published}
    told = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts.items() if value)
    return f'<item>{told}<guid isPermaLink="false">{escape(guid)}</guid></item>'


def pdf(*pages: str) -> bytes:
    """Return a PDF with a line of text on each page; an empty text makes a page like a scan."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, text in enumerate(pages):
        escaped = re.sub(r"([\\()])", r"\\\1", text)
        drawn = f"BT /F1 12 Tf 50 700 Td ({escaped}) Tj ET" if text else "0 0 100 100 re f"
        objects += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {5 + 2 * number} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>",
            f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream",
        ]
    body = "%PDF-1.4\n"
    offsets = []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj{text}endobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    return (
        f"{body}xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\n"
        f"startxref\n{len(body)}\n%%EOF\n"
    ).encode("cp1252")
