"""Read the calendar of an IQM2 (MinuteTraq) portal (https://TENANT.iqm2.com/Citizens).

A tenant that has moved away still answers 200 with a generic page, so the page must show that it is the calendar. The
calendar's own count of its meetings says whether each was read. `__VIEWSTATE` changes in every answer: only the rows
are compared. The rows and the outline of a meeting's page (Detail_Meeting.aspx) are as in real responses. Many pages
have no outline; the agenda is then read from the PDF alone. A tenant's home page lists only some of the meetings.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect
from bot.domain.geography.states import STATES
from bot.domain.source_status import SourceStatus
from bot.errors import Unreadable
from bot.sources import Fetcher
from bot.sources.formats.fields import fingerprint, resolve_link, when_in
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.formats.page_tree import base_address, elements, first, page_tree, words
from bot.sources.local.calendar import read_calendar
from bot.sources.local.crawler import IndexEntry, LinkedDocument, ParsedAgenda
from bot.sources.local.relevance import worth_opening
from bot.sources.local.session import ReadSession

AHEAD = timedelta(days=91)  # pages of a whole year are up to 730 KB
AGENDA, PACKET = 14, 1  # the types of files; a label may be wrong

_TENANT = re.compile(r"([a-z0-9][a-z0-9-]*)\.iqm2\.com")
_NAMED = re.compile(r"[a-z]+(?:county|city|town|village|township)([a-z]{2})")
_COUNT = re.compile(r"Displaying ([\d,]+) meetings?\b")
_ITEM = re.compile(r"Detail_(?:LegiFile|Motion)\.aspx", re.IGNORECASE)
_FILE = re.compile(r"FileOpen\.aspx", re.IGNORECASE)


class Iqm2:
    """The source `iqm2`. A place is one tenant, and its address is that of the tenant's calendar."""

    kind = "iqm2"

    def recognizes(self, address: str) -> Place | None:
        """Return the tenant that an address belongs to."""
        tenant = _TENANT.fullmatch((urlsplit(address).hostname or "").lower())
        if tenant is None or tenant[1] == "www":
            return None
        named = _NAMED.fullmatch(tenant[1])
        state = named[1].upper() if named else ""
        return Place(
            name=tenant[1],
            kind=self.kind,
            address=f"https://{tenant[0]}/Citizens/Calendar.aspx",
            state=state if state in STATES else "",
        )

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended meetings. An unchanged calendar takes one request."""
        session = ReadSession(fetch, place, status, now)
        parts = urlsplit(place.address)
        folder = re.match(r"/[^/.]+(?=/|$)", parts.path)
        base = f"{parts.scheme}://{parts.netloc}{folder[0] if folder else '/Citizens'}"
        since, until = session.since, session.since + AHEAD
        span = f"From={since.month}/{since.day}/{since.year}&To={until.month}/{until.day}/{until.year}"
        reading = _Reading(session)
        return await read_calendar(
            session,
            f"{base}/Calendar.aspx?{span}",
            reading.calendar,
            parse_agenda=reading.agenda,
            agenda_expect=Expect.HTML,
        )


class _Reading:
    """The parsers of one reading."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    def calendar(self, document: Document) -> tuple[list[IndexEntry], bool]:
        page = page_tree(document)
        rows = list(elements(page, "div", of_class="MeetingRow"))
        is_whole = first(page, "div", id_ends="_pnlMeetings") is not None
        if not is_whole and not (rows and first(page, "div", id_ends="_pnlUpcomingMeetings") is not None):
            raise Unreadable(
                f"{document.address} is a web page, but not IQM2's calendar of meetings; "
                "the place may have moved to another platform"
            )
        base = base_address(document)
        read = self._session.read_each(document.address, rows, lambda row: self._entry(row, base, document), words)
        count = _COUNT.search(words(page))
        return read, is_whole and (count is None or int(count[1].replace(",", "")) <= len(read))

    def _entry(self, row: Any, base: str, document: Document) -> IndexEntry | None:
        holder = first(row, "div", of_class="RowLink")
        link = first(holder, "a") if holder is not None else None
        address = resolve_link(base, link.get("href", "")) if link is not None else ""
        key = _number(address, "ID")
        if link is None or not key:
            return None
        shown = _shown(link.get("title", ""))
        details = words(first(row, "div", of_class="RowDetails"))
        body = shown.get("board") or details or self._session.place.body or self._session.place.name
        is_marked = first(row, "div", "span", of_class="MeetingCancelled") is not None
        item = AgendaItem(
            id=f"meeting/{key}",
            title=(details or body)[:LONGEST_TITLE],
            address=address,
            body=body,
            meets_at=when_in(words(link), self._session.zone),
            status=meeting_status(
                details, shown.get("status", ""), shown.get("place", ""), "Cancelled" if is_marked else ""
            ),
            evidence=document.sha256,
        )
        files = tuple(_files(row, item, base))
        version = fingerprint(shown.get("status", ""), shown.get("place", ""))
        return IndexEntry(item=item, version=version, documents=files, agenda=address if files else "")

    def agenda(self, meeting: IndexEntry, document: Document) -> ParsedAgenda:
        """Return the items in the outline of a meeting's page. Many have no link; their words are then their id."""
        table = first(page_tree(document), "table", id_ends="MeetingDetail")
        if table is None:
            return ParsedAgenda()
        base = base_address(document)
        items: dict[str, AgendaItem] = {}
        attachments: dict[str, LinkedDocument] = {}
        last = meeting.item
        for cell in elements(table, "td", of_class="Title"):
            link = first(cell, "a")
            address = resolve_link(base, link.get("href", "")) if link is not None else ""
            name, key = words(cell)[:LONGEST_TITLE], _number(address, "ID")
            if key and name and _FILE.search(address):
                file = LinkedDocument(id=f"{last.id}/file/{key}", title=f"{name} ({last.title})", address=address)
                attachments.setdefault(file.id, file)
            elif name:
                kind = _ITEM.search(address)
                own = f"{meeting.item.id}/item/{key if key and kind else fingerprint(name)}"
                is_taken = own in items and items[own].title != name  # files and motions are numbered apart
                own = f"{own}/{fingerprint(name)}" if is_taken else own
                last = _item(meeting.item, own, name, address if kind else meeting.item.address, document)
                items.setdefault(last.id, last)
        return ParsedAgenda(items=tuple(items.values()), documents=worth_opening(attachments.values()))


def _item(meeting: AgendaItem, key: str, name: str, address: str, document: Document) -> AgendaItem:
    return AgendaItem(
        id=key,
        title=name,
        address=address,
        body=meeting.body,
        meets_at=meeting.meets_at,
        status=meeting.status,
        evidence=document.sha256,
    )


def _shown(title: str) -> dict[str, str]:
    """Return what a link's title says: the board, the type, the status and the place, which has no name."""
    lines = [" ".join(line.split()) for line in re.split(r"[\r\n]+", title)][1:]
    named = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines if ":" in line}
    place = [line for line in lines if line and not re.match(r"(?:Board|Type|Status):", line)]
    return {**named, "place": ", ".join(place)}


def _files(row: Any, item: AgendaItem, base: str) -> Iterator[LinkedDocument]:
    """Yield the agenda and the packet. The agenda has the meeting's id."""
    for link in elements(row, "a"):
        address = resolve_link(base, link.get("href", "")) if _FILE.search(link.get("href", "")) else ""
        kind, key = _number(address, "Type"), _number(address, "ID")
        if key and kind in {AGENDA, PACKET}:
            own = item.id if kind == AGENDA else f"{item.id}/packet"
            title = item.title if kind == AGENDA else f"Agenda packet ({item.title})"
            yield LinkedDocument(id=own, title=title, address=address, version=str(key))


def _number(address: str, name: str) -> int:
    """Return a number from an address's query, or 0."""
    values = parse_qs(urlsplit(address).query)
    value = next((values[each][0] for each in values if each.lower() == name.lower()), "")
    return int(value) if value.isdecimal() and len(value) < 19 else 0
