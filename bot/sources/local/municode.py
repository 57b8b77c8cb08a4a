"""Read Municode Meetings: a tenant's own host, its page on meetings.municode.com, or the same list on a town's host.

    /api/v1/public/meeting/list.json ─► any answer? ─► the meetings
                                            └── no ─► /?page=0 (HTML): its rows are the meetings

Real responses prove both kinds of HTML list. None proves the JSON, which is read as it was described: its times are UTC
without saying so, a year of 2099 or later stands for a day not set yet, and a revision's number tells the edition. Both
lists ask for a pause of 15 s between requests in robots.txt, which the fetcher obeys.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect
from bot.domain.geography.states import STATES
from bot.domain.source_status import SourceStatus
from bot.errors import Blocked, SourceError, Unreachable, Unreadable
from bot.sources import Fetcher
from bot.sources.formats.fields import (
    Row,
    fingerprint,
    link,
    moment,
    number,
    objects,
    query_values,
    resolve_link,
    rows,
    text,
    title,
    unless_midnight,
    when_in,
)
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.formats.page_tree import base_address, elements, first, page_tree, words
from bot.sources.local.crawler import Crawler, IndexEntry, LinkedDocument
from bot.sources.local.session import ReadSession

AHEAD = timedelta(days=184)
NOT_SET = 2099  # a meeting's year, if its day isn't known yet
MOST_PAGES = 4  # of 25 rows each, the latest first
PAUSE = timedelta(hours=24)  # until the JSON is tried again

_TENANT = re.compile(r"(?P<town>[a-z0-9-]+?)(?:-(?P<state>[a-z]{2}))?\.municodemeetings\.com")
_GUID = re.compile(r"\b([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", re.IGNORECASE)


class Municode:
    """The source `municode`. A place is one tenant, or one town's page on meetings.municode.com."""

    kind = "municode"

    def recognizes(self, address: str) -> Place | None:
        """Return the tenant or the town that an address belongs to."""
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
        if host == "meetings.municode.com":
            code = query_values(parts.query).get("cid", "")
            is_list = code and "publishpage" in parts.path.lower()
            return Place(name=code.lower(), kind=self.kind, address=address, state="") if is_list else None
        tenant = _TENANT.fullmatch(host)
        if tenant is None:
            return None
        state = (tenant["state"] or "").upper()
        name = f"{tenant['town']}-{state.lower()}" if state else tenant["town"]
        return Place(name=name, kind=self.kind, address=f"https://{host}/", state=state if state in STATES else "")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended meetings. An unchanged place takes one request."""
        return await _Town(ReadSession(fetch, place, status, now)).read()


class _Town:
    """One reading of one town."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session
        parts = urlsplit(session.place.address)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._is_tenant = parts.path in {"", "/"}
        self._page = f"{self._origin}/?page=0" if self._is_tenant else session.place.address
        self._no_json: str = session.status.facts.get("no_json", "")

    async def read(self) -> LocalReading:
        found = await self._from_json() if self._is_tenant else None
        entries, evidence, is_complete = found or await self._from_pages()
        crawler = Crawler(self._session, "meetings", is_calendar=True)
        items = await crawler.crawl(entries, evidence=evidence, is_complete=is_complete)
        no_json = {"no_json": self._no_json} if self._no_json else {}
        return self._session.reading(items, {"meetings": crawler.facts, **no_json})

    # ── the list as JSON ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _from_json(self) -> tuple[Sequence[IndexEntry], str, bool] | None:
        """Return the meetings in the JSON list, or None if this tenant has none. Ask such a tenant once a day."""
        session = self._session
        if self._no_json and timedelta(0) <= session.now - datetime.fromisoformat(self._no_json) < PAUSE:
            return None
        since, until = session.since, session.since + AHEAD
        address = f"{self._origin}/api/v1/public/meeting/list.json?datefrom={since}&dateto={until}"
        try:
            document = await session.get(address, expect=Expect.JSON, unconditional=True)
            listed = rows(document, "Meetings", of="Meeting")
        except (Blocked, Unreachable):
            raise
        except SourceError:
            self._no_json = session.now.isoformat()
            return None
        self._no_json = ""
        read = session.read_each(
            document.address, listed, lambda row: self._json_entry(row, document), lambda row: title(row, "Title")
        )
        return read, document.sha256, True

    def _json_entry(self, row: Row, document: Document) -> IndexEntry | None:
        key, name = number(row, "MeetingID"), title(row, "Title", "GroupName")
        if not key or not name:
            return None
        item = AgendaItem(
            id=f"meeting/{key}",
            title=name,
            text=text(row, "BodySummary"),
            address=link(row, "AgendaLinksHtmlURL", "AgendaLinksURL") or f"{self._origin}/",
            body=title(row, "GroupName") or self._session.place.body or name,
            meets_at=self._json_time(row, name),
            status=meeting_status(name, text(row, "BodySummary")),
            evidence=document.sha256,
        )
        edition = str(number(row, "RevisionID"))
        agenda = link(row, "AgendaLinksURL", "AgendaLinksHtmlURL")
        packet = link(row, "PacketLinksURL", "PacketLinksHtmlURL")
        return IndexEntry(item=item, version=fingerprint(row), documents=tuple(_files(item, agenda, packet, edition)))

    def _json_time(self, row: Row, name: str) -> datetime | date | None:
        at = moment(next(iter(objects(row.get("CalendarDate"))), {}).get("FromDate"), UTC)
        if at is None or at.year >= NOT_SET:
            return when_in(name, self._session.zone)
        return unless_midnight(at.astimezone(self._session.zone))

    # ── the list as a page ───────────────────────────────────────────────────────────────────────────────────────────

    async def _from_pages(self) -> tuple[Sequence[IndexEntry], str, bool]:
        """Return the meetings on the pages of the list, back to the first day that is asked for."""
        entries: list[IndexEntry] = []
        evidence = ""
        for page in range(MOST_PAGES):
            address = self._page.replace("page=0", f"page={page}")
            document = await self._session.get(address, expect=Expect.HTML, unconditional=True)
            on_page = await asyncio.to_thread(self._entries, document)
            evidence = evidence or document.sha256
            entries += on_page
            if not self._continues(on_page):
                return entries, evidence, True
        return entries, evidence, False

    def _continues(self, on_page: Sequence[IndexEntry]) -> bool:
        """Return whether the next page may have meetings that are asked for. A full page has 25 rows."""
        days = [entry.item.meets_on for entry in on_page]
        is_full = self._is_tenant and len(on_page) >= 25
        return is_full and all(day is not None and day >= self._session.since for day in days)

    def _entries(self, document: Document) -> list[IndexEntry]:
        page = page_tree(document)
        found = [row for row in page.iter("tr") if first(row, "span", of_class="date-display-single") is not None]
        publish = [row for row in page.iter("tr") if first(row, "td", of_class="meeting") is not None]
        is_list = any(
            not {"views-table", "view-empty", "div-table"}.isdisjoint(each.get("class", "").split())
            for each in page.iter("table", "div")
        )
        if not found and not publish and not is_list:
            raise Unreadable(f"{document.address} is a web page but not Municode Meetings' list of meetings")
        base = base_address(document)
        read = self._drupal_entry if found else self._publish_entry
        return self._session.read_each(document.address, found or publish, lambda row: read(row, base, document), words)

    def _drupal_entry(self, row: Any, base: str, document: Document) -> IndexEntry | None:
        cells = {cell.get("data-th", ""): cell for cell in elements(row, "td")}
        shown = first(row, "span", of_class="date-display-single")
        zone = self._session.zone
        at = unless_midnight(moment(shown.get("content"), zone)) or when_in(words(shown), zone)
        view = _address(cells.get("View"), base)
        return self._entry(words(cells.get("Meeting")), at, "", view, (cells.get("Agenda"), cells.get("Agenda Packet")),
                           base, document)  # fmt: skip

    def _publish_entry(self, row: Any, base: str, document: Document) -> IndexEntry | None:
        def cell(name: str) -> Any:
            return first(row, "td", of_class=name)

        at = when_in(f"{words(cell('date'))} {words(cell('time'))}", self._session.zone)
        return self._entry(
            words(cell("meeting")), at, words(cell("venue")), "", (cell("agenda"), cell("packet")), base, document
        )

    def _entry(
        self,
        name: str,
        at: datetime | date | None,
        venue: str,
        view: str,
        cells: tuple[Any, Any],
        base: str,
        document: Document,
    ) -> IndexEntry | None:
        if not name:
            return None
        agenda, packet = (_address(cell, base) for cell in cells)
        item = AgendaItem(
            id=f"meeting/{_key(name, at, view, agenda or packet)}",
            title=name[:LONGEST_TITLE],
            address=view or agenda or document.address,
            body=name[:LONGEST_TITLE],
            meets_at=at,
            status=meeting_status(name, venue),
            evidence=document.sha256,
        )
        return IndexEntry(item=item, version=fingerprint(venue), documents=tuple(_files(item, agenda, packet, "")))


def _key(name: str, at: datetime | date | None, view: str, file: str) -> str:
    """Return a stable key: the name of the meeting's page or, without one, its file's number or its name and day."""
    if view:
        return urlsplit(view).path.rstrip("/").rpartition("/")[2][:120]
    found = _GUID.search(file)
    return found[1].replace("-", "").lower() if found else fingerprint(name, str(at))


def _address(cell: Any, base: str) -> str:
    """Return the first address in a cell, or the file's address if the link only redirects to a file in its query."""
    if cell is None:
        return ""
    for anchor in elements(cell, "a"):
        address = resolve_link(base, anchor.get("href", "").strip().replace(" ", "%20"))
        led_to = unquote(parse_qs(urlsplit(address).query).get("u", [""])[0])
        if address:
            return resolve_link(base, led_to) if led_to.startswith("http") else address
    return ""


def _files(item: AgendaItem, agenda: str, packet: str, edition: str) -> Iterator[LinkedDocument]:
    """Yield the agenda and the packet. The agenda has the meeting's id."""
    if agenda:
        yield LinkedDocument(id=item.id, title=item.title, address=agenda, version=edition or agenda)
    if packet:
        name = f"Agenda packet ({item.title})"
        yield LinkedDocument(id=f"{item.id}/packet", title=name, address=packet, version=edition or packet)
