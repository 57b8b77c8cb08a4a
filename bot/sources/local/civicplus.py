"""CivicPlus's Agenda Center and news flashes, on a town's own host.

    RSSFeed.aspx?ModID=65 ─► entries? ─► yes: they are the agendas
                                └── no, as on most sites: /AgendaCenter/Search/ (HTML) ─► rows
    RSSFeed.aspx?ModID=1 ──► news

A feed that is none, and one of agendas that is empty, is asked for again the next day.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from lxml import etree, html  # type: ignore[import-untyped]  # lxml ships no types

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.document import Document, Expect
from bot.domain.geography.states import STATES
from bot.domain.source_status import SourceStatus
from bot.errors import Blocked, SourceError, Unreachable, Unreadable
from bot.sources import Fetcher
from bot.sources.formats.fields import LONGEST_TITLE, is_web, joined, meeting_status, plain
from bot.sources.local.crawler import Crawler, Listed, Paper
from bot.sources.local.feed import listed as entries_of
from bot.sources.local.session import ReadSession

AGENDAS = "/RSSFeed.aspx?ModID=65&CID=All-0"
NEWS = "/RSSFeed.aspx?ModID=1&CID=All-0"
SILENT_FOR = timedelta(hours=24)

_SITE = re.compile(r"(?:(?P<state>[a-z]{2})-)?(?P<town>[a-z0-9-]+)\.civicplus\.com")
_PATH = re.compile(r"/(?:AgendaCenter(?:/|$)|RSSFeed\.aspx$)", re.IGNORECASE)
_FILE = re.compile(
    r"/AgendaCenter/ViewFile/(?P<file>\w+)/_(?P<month>\d{2})(?P<day>\d{2})(?P<year>\d{4})-(?P<key>\d+)", re.IGNORECASE
)
_SEARCH = re.compile(r"/AgendaCenter/Search/?$", re.IGNORECASE)


class CivicPlus:
    """A site of CivicPlus; its address is that of its Agenda Center, or of a search in it."""

    kind = "civicplus"

    def recognizes(self, address: str) -> Place | None:
        """The Agenda Center of the site; a feed of another module than agendas and news is a feed."""
        parts = urlsplit(address)
        host = parts.hostname or ""
        site = _SITE.fullmatch(host)
        asked = re.search(r"ModID=(\d+)", parts.query, re.IGNORECASE)
        if not is_web(address) or not (site or _PATH.match(parts.path)) or (asked and asked[1] not in {"1", "65"}):
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
        """What is new among agendas and news; one request for each where nothing changed."""
        return await _Site(ReadSession(fetch, place, status, now)).read()


class _Site:
    """One reading of one site."""

    def __init__(self, visit: ReadSession) -> None:
        self._visit = visit
        parts = urlsplit(visit.place.address)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._search = visit.place.address if _SEARCH.search(parts.path) else ""
        self._facts: dict[str, Any] = dict(visit.status.facts)

    async def read(self) -> LocalReading:
        agendas = None if self._search else await self._entries(AGENDAS, "agendas")
        items = await self._rows() if agendas is None else agendas
        try:
            items += await self._entries(NEWS, "news") or []
        except SourceError as fault:
            self._visit.note(str(fault))
        return self._visit.reading(items, self._facts)

    async def _rows(self) -> list[AgendaItem]:
        """The agendas of the search page since a Monday some weeks ago."""
        since = f"{self._visit.since:%m/%d/%Y}"
        asked = f"term=&CIDs=all&startDate={since}&endDate=&dateRange=&dateSelector="
        address = self._search or f"{self._origin}/AgendaCenter/Search/?{asked}"
        agendas = Crawler(self._visit, "agendas")
        agendas.rest()
        document = await self._visit.get(address, expect=Expect.HTML, whole=self._visit.reads_whole)
        if not self._visit.reads_whole and self._visit.is_known(document, address):
            return []
        items = await agendas.follow(listed(document, self._visit))
        self._facts["agendas"] = agendas.states
        return items

    async def _entries(self, path: str, name: str) -> list[AgendaItem] | None:
        """What is new in a feed; None for one that is none, or says nothing of agendas."""
        silent: Mapping[str, str] = self._facts.get("silent", {})
        if name in silent and timedelta(0) <= self._visit.now - datetime.fromisoformat(silent[name]) < SILENT_FOR:
            return None
        try:
            found = await self._feed(f"{self._origin}{path}", name)
        except (Blocked, Unreachable):
            raise
        except SourceError:
            found = None
        others = {key: at for key, at in silent.items() if key != name}
        self._facts["silent"] = others if found is not None else {**others, name: self._visit.now.isoformat()}
        return found

    async def _feed(self, address: str, name: str) -> list[AgendaItem] | None:
        entries = Crawler(self._visit, name)
        entries.rest()
        document = await self._visit.get(address, expect=Expect.FEED, whole=self._visit.reads_whole)
        if not self._visit.reads_whole and self._visit.is_known(document, address):
            return [] if entries.states or name == "news" else None
        found = [each for entry in entries_of(document, self._visit) if (each := _as_agenda(entry)) is not None]
        if not found and name == "agendas":
            return None
        items = await entries.follow(found)
        self._facts[name] = entries.states
        return items


def _as_agenda(entry: Listed) -> Listed | None:
    """An entry that links an agenda is that agenda, with its day; one that links minutes is none; another is news."""
    found = _FILE.search(entry.item.address)
    if found is None:
        return replace(entry, item=replace(entry.item, id=f"news/{entry.item.id.removeprefix('entry/')}"), papers=())
    if found["file"].lower() != "agenda":
        return None
    item = replace(entry.item, id=f"agenda/{found['key']}", meets_at=_day(found) or entry.item.meets_at)
    return replace(entry, item=item, papers=(Paper(id=item.id, title=item.title, address=item.address),))


# ── the search page ──────────────────────────────────────────────────────────────────────────────────────────────────


def listed(document: Document, visit: ReadSession) -> list[Listed]:
    """The rows of a search page; Unreadable when it is another page."""
    if b"agenda" not in document.body.lower():
        raise Unreadable(f"{document.address} is a web page, but not one of an Agenda Center")
    try:
        page = html.fromstring(document.body, parser=html.HTMLParser(encoding=_encoding(document)))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as broken:
        raise Unreadable(f"{document.address} is a web page that cannot be read") from broken
    base = document.headers.get("final-address", document.address)
    found: dict[str, Listed] = {}
    for row in page.iter("tr"):
        if "catAgendaRow" in row.get("class", "").split() and (each := _row(row, base, visit, document.sha256)):
            found.setdefault(each.item.id, each)
    return list(found.values())


def _encoding(document: Document) -> str | None:
    try:
        document.body.decode()
    except UnicodeDecodeError:
        return None  # as the page declares
    return "utf-8"


def _row(row: Any, base: str, visit: ReadSession, evidence: str) -> Listed | None:
    """An agenda: its day is in the address of its file, its body in the heading above the table."""
    link, found = _file(row, base)
    if found is None:
        return None
    heading = plain(" ".join(part for node in row.iter("h3", "h4") for part in node.itertext()))
    name = _name(row, link) or heading
    body = visit.place.body or _body(row)
    item = AgendaItem(
        id=f"agenda/{found['key']}",
        title=name[:LONGEST_TITLE],
        address=link,
        body=body,
        meets_at=_day(found),
        status=meeting_status(name),
        evidence=evidence,
    )
    return Listed(item=item, stamp=heading, papers=(Paper(id=item.id, title=name, address=link, stamp=heading),))


def _file(row: Any, base: str) -> tuple[str, "re.Match[str] | None"]:
    """The address of a row's agenda, and what it says."""
    for link in _links(row, base):
        found = _FILE.search(link)
        if found is not None and found["file"].lower() == "agenda":
            return link.partition("?")[0], found
    return "", None


def _links(row: Any, base: str) -> Iterator[str]:
    for anchor in row.iter("a"):
        if link := joined(base, anchor.get("href", "")):
            yield link


def _name(row: Any, link: str) -> str:
    """The words of the link to the agenda that says more than "Agenda"."""
    path = urlsplit(link).path
    said: Sequence[str] = [
        plain(anchor.text_content()) for anchor in row.iter("a") if anchor.get("href", "").strip().endswith(path)
    ]
    return max(said, key=len, default="")


def _body(row: Any) -> str:
    """Who meets: the nearest heading above the table, without the arrow before it."""
    for node in row.iterancestors("div", "section"):
        heading = next(node.iter("h2"), None)
        if heading is not None:
            return plain(heading.text_content()).lstrip("▼▶►▲◄ ")
    return ""


def _day(found: "re.Match[str]") -> date | None:
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return None
