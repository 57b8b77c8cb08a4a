"""A source for PrimeGov's public portals (https://SLUG.primegov.com).

    the upcoming meetings ─► any change? ─► the archive of this year ─► the meetings of the last two weeks
                                                                            └─► agendas as pages, or PDFs

A meeting leaves the upcoming list for the archive on its day, perhaps before it begins. Real responses prove both
lists, and the newest of the three forms of an agenda's page. Without such a page, or if it has no items, the compiled
PDF is read.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect
from bot.domain.source_status import SourceStatus
from bot.errors import Missing, SourceError
from bot.sources import Fetcher
from bot.sources.formats.fields import (
    Row,
    fingerprint,
    link,
    meeting_time,
    number,
    objects,
    resolve_link,
    rows,
    text,
    title,
    when_in,
)
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.formats.page_tree import base_address, elements, first, tree_text, words
from bot.sources.local.crawler import Crawler, IndexEntry, LinkedDocument, ParsedAgenda
from bot.sources.local.outline import Block, emptied, parse_outline
from bot.sources.local.session import ReadSession

TITLES = ("meetingTitle", "title")  # in search results, `title` is that of the document
PDF, PAGE = 1, 3  # the types of compiled documents

_SLUG = re.compile(r"([a-z0-9][a-z0-9-]*)\.primegov\.com")
_NOT_AGENDA = re.compile(r"minutes|video|audio|recording|speaker|comment|cancellation|recess", re.IGNORECASE)
_INTERPRETED = re.compile(r"\bSAP\b")  # the second row of a meeting, for the stream in Spanish
_NUMBER = re.compile(r"(?:AgendaItem_)?(\d{1,18})")
_AREA = re.compile(r"agenda_item_area_(\d{1,18})\Z")
_FILE = re.compile(r"historyattachment\S*?[?&]historyId=([0-9a-f-]{8,40})", re.IGNORECASE)


class PrimeGov:
    """The source `primegov`, which reads one portal. Only a meeting's documents tell that it is canceled."""

    kind = "primegov"

    def recognizes(self, address: str) -> Place | None:
        """Return the portal that an address belongs to."""
        slug = _SLUG.fullmatch(urlsplit(address).hostname or "")
        return Place(name=slug[1], kind=self.kind, address=f"https://{slug[0]}", state="") if slug else None

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return new and amended meetings and agendas. An unchanged portal costs one request."""
        return await _Portal(ReadSession(fetch, place, status, now)).read()


class _Portal:
    """One reading of one portal."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session
        parts = urlsplit(session.place.address)
        self._site = f"{parts.scheme}://{parts.netloc}"
        self._api = f"{self._site}/api/v2/PublicPortal"

    async def read(self) -> LocalReading:
        session, address = self._session, f"{self._api}/ListUpcomingMeetings"
        document = await session.get(address, expect=Expect.JSON, unconditional=session.rereads_index)
        if not session.rereads_index and session.is_same(document, address):
            return session.unchanged_reading()
        entries = self._entries(document, rows(document, of="id"))
        archived, is_complete = await self._archived()
        crawler = Crawler(session, "meetings", parse_agenda=self._agenda, agenda_expect=Expect.HTML, is_calendar=True)
        upcoming = {entry.item.id for entry in entries}
        entries += [entry for entry in archived if entry.item.id not in upcoming]
        items = await crawler.crawl(entries, evidence=document.sha256, is_complete=is_complete)
        return session.reading(items, {"meetings": crawler.facts})

    async def _archived(self) -> tuple[list[IndexEntry], bool]:
        """Return the archive's meetings of the last two weeks, and whether the archive was read, if there is one."""
        session = self._session
        found: list[IndexEntry] = []
        is_complete = True
        for year in sorted({session.since.year, (session.today + timedelta(days=1)).year}):
            address = f"{self._api}/ListArchivedMeetings?year={year}"
            try:
                document = await session.get(address, expect=Expect.JSON, unconditional=True)
                listed = rows(document, of="id")
                recent = [row for row in listed if self._is_recent(row)]
                found += self._entries(document, recent)
            except Missing:
                continue
            except SourceError as fault:
                session.note(str(fault))
                is_complete = False
        return found, is_complete

    def _is_recent(self, row: Row) -> bool:
        at = self._meets_at(row)
        return at is not None and (at.date() if isinstance(at, datetime) else at) >= self._session.since

    def _meets_at(self, row: Row) -> datetime | date | None:
        """Return the time of a meeting. Older portals have the day and the time of day in fields of their own."""
        at = meeting_time(row.get("dateTime") or row.get("meetingDate"), None, self._session.zone)
        return at or when_in(f"{text(row, 'date')} {text(row, 'time')}", self._session.zone)

    def _entries(self, document: Document, listed: list[Row]) -> list[IndexEntry]:
        return self._session.read_each(
            document.address,
            listed,
            lambda row: self._entry(row, document.sha256),
            lambda row: title(row, "meetingTitle", "title"),
        )

    def _entry(self, row: Row, evidence: str) -> IndexEntry | None:
        key = number(row, "id")
        if not key:
            return None
        listed = objects(row.get("documentList"))
        labels = [title(each, "templateName") for each in listed]
        if labels and all(map(_INTERPRETED.search, labels)):
            return None
        name = title(row, *TITLES) or self._session.place.body or self._session.place.name
        documents = tuple(_documents(f"meeting/{key}", name, listed, self._site))
        page = _page(listed, self._site)
        own = tuple(each for each in documents if each.id == f"meeting/{key}")
        item = AgendaItem(
            id=f"meeting/{key}",
            title=name,
            address=page or next((each.address for each in own), f"{self._site}/public/portal"),
            body=name,
            meets_at=self._meets_at(row),
            status=meeting_status(name, text(row, "meetingState"), *labels),
            evidence=evidence,
        )
        version = fingerprint([(each.get("publishDate"), each.get("publishStatus"), each.get("id")) for each in listed])
        others = tuple(each for each in documents if not page or each not in own)
        return IndexEntry(item=item, version=version, documents=others, agenda=page, instead=own)

    def _agenda(self, meeting: IndexEntry, document: Document) -> ParsedAgenda:
        """Return the items on the page of an agenda."""
        base, areas = base_address(document), dict[str, Any]()

        def blocks(page: Any) -> Iterator[Any]:
            areas.update(_areas(page))
            return _blocks(page)

        return parse_outline(meeting, document, blocks, lambda block: _item(meeting.item, block, areas, document, base))


def _page(rows: list[Row], site: str) -> str:
    """Return the address of the agenda as a page, or an empty string if there is none."""
    for row in sorted(rows, key=_rank):
        label = text(row, "templateName")
        is_agenda = "agenda" in label.lower() and not _NOT_AGENDA.search(label) and "packet" not in label.lower()
        if is_agenda and number(row, "compileOutputType") == PAGE and number(row, "templateId"):
            return f"{site}/Portal/Meeting?meetingTemplateId={number(row, 'templateId')}"
    return ""


def _documents(meeting: str, name: str, rows: list[Row], site: str) -> Iterator[LinkedDocument]:
    """Yield a meeting's documents, starting with its agenda.

    If a document is available in several formats, the PDF is used.
    """
    seen: set[str] = set()
    for row in sorted(rows, key=_rank):
        template, label = number(row, "templateId"), title(row, "templateName") or "Agenda"
        kind = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\bhtml\b", "", label.lower())).strip("-")
        if not template or kind in seen or _NOT_AGENDA.search(label):
            continue
        output = number(row, "compileOutputType") or PDF
        compiled = f"{site}/Public/CompiledDocument?meetingTemplateId={template}&compileOutputType={output}"
        yield LinkedDocument(
            id=f"{meeting}/{kind}" if seen else meeting,
            title=f"{label} ({name})",
            address=link(row, "link") or compiled,
            version=f"{template} {output}",
        )
        seen.add(kind)


def _blocks(page: Any) -> Iterator[Any]:
    """Yield the elements with an item: those with its number or, on older pages, those with it in their id."""
    numbered = [each for each in page.iter("div", "table") if each.get("data-itemid")]
    yield from numbered or (each for each in elements(page, "div", of_class="agenda-item") if each.get("id"))


def _areas(page: Any) -> dict[str, Any]:
    """Return the elements with the items' words and files by the number of their item."""
    found = ((_AREA.search(each.get("id", "")), each) for each in page.iter("div"))
    return {number[1]: each for number, each in reversed([*found]) if number is not None}


def _item(meeting: AgendaItem, block: Any, areas: Mapping[str, Any], document: Document, base: str) -> Block | None:
    """Return the item of an element and its files, which are in the item's area."""
    found = _NUMBER.fullmatch(block.get("data-itemid") or block.get("id"))
    named = first(block, "div", of_class="agenda-item")
    named = first(block, "td", of_class="item-cell") if named is None else named
    name = words(block if named is None else named)
    if found is None or not name:
        return None
    area = areas.get(found[1])
    said = [name if len(name) > LONGEST_TITLE else "", "" if area is None else tree_text(area)]
    item = AgendaItem(
        id=f"{meeting.id}/item/{found[1]}",
        title=name[:LONGEST_TITLE],
        text="\n".join(filter(None, said)),
        address=meeting.address,
        body=meeting.body,
        meets_at=meeting.meets_at,
        status=meeting.status,
        evidence=document.sha256,
    )
    if area is None:
        return item, ()
    files = tuple(_files(item, area, base))
    emptied(area)
    return item, files


def _files(item: AgendaItem, area: Any, base: str) -> Iterator[LinkedDocument]:
    for anchor in elements(area, "a"):
        address = resolve_link(base, anchor.get("href", ""))
        if found := _FILE.search(address):
            name = f"{words(anchor) or 'attachment'} ({item.title})"[:LONGEST_TITLE]
            yield LinkedDocument(id=f"{item.id}/file/{found[1]}", title=name, address=address)


def _rank(row: Row) -> tuple[bool, bool, bool]:
    """Return a sort key that puts agendas first, then packets, and PDFs before other formats."""
    label = text(row, "templateName").lower()
    return "agenda" not in label, "packet" in label, number(row, "compileOutputType") not in {0, PDF}
