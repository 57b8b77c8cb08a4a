"""CivicPlus's Agenda Center and news feed, on a town's own website.

    RSSFeed.aspx?ModID=65 ─► any entries? ─► yes: they are the agendas
                                └── no (on most sites) ─► /AgendaCenter/Search/ (HTML): its rows are the agendas
    RSSFeed.aspx?ModID=1 ──► news

If an address isn't a feed, or if the agenda feed is empty, that address is tried again the next day.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from lxml import etree, html  # type: ignore[import-untyped]  # lxml ships no types

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect
from bot.domain.geography.states import STATES
from bot.domain.source_status import SourceStatus
from bot.errors import Blocked, SourceError, Unreachable, Unreadable
from bot.sources import Fetcher
from bot.sources.formats.charset import page_text
from bot.sources.formats.document_text import document_text
from bot.sources.formats.fields import clean_text, is_web_address, resolve_link
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.formats.page_tree import base_address
from bot.sources.local.crawler import Crawler, IndexEntry, LinkedDocument
from bot.sources.local.feed_index import feed_entries
from bot.sources.local.session import ReadSession

AGENDAS = "/RSSFeed.aspx?ModID=65&CID=All-0"
NEWS = "/RSSFeed.aspx?ModID=1&CID=All-0"
SILENT_FOR = timedelta(hours=24)

_SITE = re.compile(r"(?:(?P<state>[a-z]{2})-)?(?P<town>[a-z0-9-]+)\.civicplus\.com")
_PATH = re.compile(r"/(?:AgendaCenter(?:/|$)|RSSFeed\.aspx$)", re.IGNORECASE)
_UTF_8 = html.HTMLParser(encoding="utf-8")
_FILE = re.compile(
    r"/AgendaCenter/ViewFile/(?P<file>\w+)/_(?P<month>\d{2})(?P<day>\d{2})(?P<year>\d{4})-(?P<key>\d+)", re.IGNORECASE
)
_MENU = {"downloads", "popout", "pdf", "html", "previous"}  # classes of the menu and of the links in it
_SEARCH = re.compile(r"/AgendaCenter/Search/?$", re.IGNORECASE)


class CivicPlus:
    """The source `civicplus`.

    A place is one website, and its address is that of the Agenda Center or a search there.
    """

    kind = "civicplus"

    def recognizes(self, address: str) -> Place | None:
        """Return the Agenda Center of a CivicPlus site.

        Return None for other addresses, including feeds other than agendas and news.
        """
        parts = urlsplit(address)
        host = parts.hostname or ""
        site = _SITE.fullmatch(host)
        module = re.search(r"ModID=(\d+)", parts.query, re.IGNORECASE)
        is_ours = is_web_address(address) and (site or _PATH.match(parts.path))
        if not is_ours or (module and module[1] not in {"1", "65"}):
            return None
        state = (site["state"] or "").upper() if site else ""
        town = site["town"] if site else host.removeprefix("www.")
        origin = f"{parts.scheme}://{parts.netloc}"
        return Place(
            name=f"{town}-{state.lower()}" if state in STATES else town,
            kind=self.kind,
            address=address if _SEARCH.search(parts.path) else f"{origin}/AgendaCenter",
            state=state if state in STATES else "",
        )

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended agendas and news.

        If nothing has changed, this takes one request for agendas and one for news.
        """
        return await _Site(ReadSession(fetch, place, status, now)).read()


class _Site:
    """A single reading of one site."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session
        parts = urlsplit(session.place.address)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._search = session.place.address if _SEARCH.search(parts.path) else ""
        self._facts: dict[str, Any] = dict(session.status.facts)

    async def read(self) -> LocalReading:
        agendas = None if self._search else await self._from_feed(AGENDAS, "agendas")
        items = await self._from_search() if agendas is None else agendas
        try:
            items += await self._from_feed(NEWS, "news") or []
        except SourceError as fault:
            self._session.note(str(fault))
        return self._session.reading(items, self._facts)

    async def _from_search(self) -> list[AgendaItem]:
        """Return the new agendas on the search page. The search covers the last few weeks, starting on a Monday."""
        since = f"{self._session.since:%m/%d/%Y}"
        query = f"term=&CIDs=all&startDate={since}&endDate=&dateRange=&dateSelector="
        address = self._search or f"{self._origin}/AgendaCenter/Search/?{query}"
        agendas = Crawler(self._session, "agendas")
        agendas.keep_stored()
        document = await self._session.get(address, expect=Expect.HTML, unconditional=self._session.rereads_index)
        if not self._session.rereads_index and self._session.is_same(document, address):
            return []
        items = await agendas.crawl(await asyncio.to_thread(search_entries, document, self._session))
        self._facts["agendas"] = agendas.facts
        return items

    async def _from_feed(self, path: str, name: str) -> list[AgendaItem] | None:
        """Return the new items in a feed. Return None if the address isn't a feed or the agenda feed is empty."""
        silent: Mapping[str, str] = self._facts.get("silent", {})
        if name in silent and timedelta(0) <= self._session.now - datetime.fromisoformat(silent[name]) < SILENT_FOR:
            return None
        try:
            items = await self._read_feed(f"{self._origin}{path}", name)
        except (Blocked, Unreachable):
            raise
        except SourceError:
            if name == "news" and name in self._facts:
                raise  # it was read before, so the site does have one
            items = None
        others = {key: at for key, at in silent.items() if key != name}
        self._facts["silent"] = others if items is not None else {**others, name: self._session.now.isoformat()}
        return items

    async def _read_feed(self, address: str, name: str) -> list[AgendaItem] | None:
        crawler = Crawler(self._session, name)
        crawler.keep_stored()
        document = await self._session.get(address, expect=Expect.FEED, unconditional=self._session.rereads_index)
        if not self._session.rereads_index and self._session.is_same(document, address):
            return [] if crawler.facts or name == "news" else None
        found = await asyncio.to_thread(feed_entries, document, self._session)
        named = map(_agenda_or_news, found)
        entries = [entry for entry in named if entry is not None]
        if not entries and name == "agendas":
            return None
        items = await crawler.crawl(entries)
        self._facts[name] = crawler.facts
        return items


def _agenda_or_news(entry: IndexEntry) -> IndexEntry | None:
    """Convert a feed entry to an agenda if it links to one, or otherwise to news. Return None for minutes."""
    found = _FILE.search(entry.item.address)
    if found is None:
        news = replace(entry.item, id=f"news/{entry.item.id.removeprefix('entry/')}")
        return replace(entry, item=news, documents=())
    if found["file"].lower() != "agenda":
        return None
    item = replace(entry.item, id=f"agenda/{found['key']}", meets_at=_day(found) or entry.item.meets_at)
    return replace(entry, item=item, documents=(LinkedDocument(id=item.id, title=item.title, address=item.address),))


# ── the search page ──────────────────────────────────────────────────────────────────────────────────────────────────


def search_entries(document: Document, session: ReadSession) -> list[IndexEntry]:
    """Return the agendas on a search page. Raise Unreadable if the page isn't part of an Agenda Center."""
    try:
        source = page_text(document.body, document.headers.get("content-type"))
        page = html.fromstring(source.encode(), parser=_UTF_8)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as broken:
        raise Unreadable(f"{document.address} is a web page that cannot be parsed") from broken
    if not any(map(_is_of_agenda_center, page.iter("div", "table", "tr"))):
        document_text(document)  # raises a StandIn that says what the page is instead
        raise Unreadable(f"{document.address} is a web page, but not part of an Agenda Center")
    base = base_address(document)
    rows = [row for row in page.iter("tr") if "catAgendaRow" in row.get("class", "").split()]
    read = session.read_each(
        document.address,
        rows,
        lambda row: _row(row, base, session, document.sha256),
        lambda row: clean_text(row.text_content()),
    )
    days = {(entry.item.id, entry.item.meets_at): entry for entry in reversed(read)}
    return list(days.values())[::-1]


def _is_of_agenda_center(node: Any) -> bool:
    """Return whether an element shows that the page is an Agenda Center, even one without agendas.

    A link to the Agenda Center isn't enough, because every page of the site has one in its navigation. An agenda frame
    that a script has to fill isn't enough either.
    """
    if node.get("id", "").lower() == "agendacentercontent":
        return any(child.text_content().strip() for child in node.iter("a", "button", "h1", "h2", "h3", "label", "p"))
    return "catAgendaRow" in node.get("class", "").split() or node.get("summary", "") == "List of Agendas"


def _row(row: Any, base: str, session: ReadSession, evidence: str) -> IndexEntry | None:
    """Return the agenda in a row, or None if the row has no agenda.

    The date is taken from the file's address. The name of the body is taken from the heading above the table.
    """
    links = _agenda_links(row, base)
    if not links:
        return None
    found = links[0].found
    link = next((each.address for each in links if "?" not in each.address), links[0].address)
    heading = clean_text(" ".join(part for node in row.iter("h3", "h4") for part in node.itertext()))
    body = session.place.body or _body(row)
    name = _name(row, links) or heading or body or session.place.name
    item = AgendaItem(
        id=f"agenda/{found['key']}",
        title=name[:LONGEST_TITLE],
        address=link,
        body=body,
        meets_at=_day(found),
        status=meeting_status(name),
        evidence=evidence,
    )
    own = LinkedDocument(id=item.id, title=name, address=link, version=heading)
    packets = [each.address for each in links if "packet=true" in urlsplit(each.address).query.lower()]
    packet = [
        LinkedDocument(id=f"{item.id}/packet", title=f"Packet ({name})", address=address, version=heading)
        for address in packets[:1]
        if address != link
    ]
    return IndexEntry(item=item, version=heading, documents=(own, *packet))


@dataclass(frozen=True, slots=True)
class _AgendaLink:
    """A link in a row to an edition of the row's agenda: the PDF, `?html=true` or `?packet=true`."""

    anchor: Any
    address: str
    found: "re.Match[str]"


def _agenda_links(row: Any, base: str) -> list[_AgendaLink]:
    """Return the links to a row's agenda. The first link determines which agenda that is."""
    links: list[_AgendaLink] = []
    for anchor in row.iter("a"):
        address = resolve_link(base, anchor.get("href", ""))
        found = _FILE.search(address)
        is_agenda = found is not None and found["file"].lower() == "agenda"
        if found is not None and is_agenda and (not links or found["key"] == links[0].found["key"]):
            links.append(_AgendaLink(anchor, address, found))
    return links


def _name(row: Any, links: Sequence[_AgendaLink]) -> str:
    """Return the agenda's name: the longest link text or, if there is none, the paragraph in front of the menu.

    Links in the row's menu are ignored, because they contain only the names of formats.
    """
    texts = [clean_text(link.anchor.text_content()) for link in links if not _is_in_menu(link.anchor)]
    paragraphs = [clean_text(node.text_content()) for node in row.iter("p") if not _is_in_menu(node)]
    return max(texts, key=len, default="") or next(filter(None, paragraphs), "")


def _is_in_menu(node: Any) -> bool:
    """Return whether an element is part of the menu of formats at the end of a row."""
    return any(
        each.get("role", "").startswith("menu") or not _MENU.isdisjoint(each.get("class", "").split())
        for each in (node, *node.iterancestors())
    )


def _body(row: Any) -> str:
    """Return the name of the body that is meeting, from the nearest heading above the table.

    Leave out the arrow in front of the name.
    """
    for node in row.iterancestors("div", "section"):
        heading = next(node.iter("h2"), None)
        if heading is not None:
            return clean_text(heading.text_content()).lstrip("▼▶►▲◄ ")
    return ""


def _day(found: "re.Match[str]") -> date | None:
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return None
