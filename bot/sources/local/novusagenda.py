"""Read the list of meetings on a NovusAGENDA site (https://TOWN.novusagenda.com/agendapublic).

The columns differ from town to town, so a row's date is found by its form, and the type and the place stand after it. A
canceled meeting says so in its place. `__VIEWSTATE` changes in every answer: only the rows are compared. A broken site
answers with an ASP.NET error page, which isn't an empty list. No real response proves the page of an agenda
(MeetingView.aspx): its links to cover sheets are its items, and all its other words are the meeting's own.
"""

import re
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect
from bot.domain.source_status import SourceStatus
from bot.errors import Unreadable
from bot.sources import Fetcher
from bot.sources.formats.fields import fingerprint, query_values, resolve_link
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.formats.page_tree import base_address, elements, grid_rows, page_tree, words
from bot.sources.local.calendar import read_calendar
from bot.sources.local.crawler import IndexEntry, LinkedDocument, ParsedAgenda
from bot.sources.local.linked_items import parse_linked_items
from bot.sources.local.session import ReadSession

_TOWN = re.compile(r"([a-z0-9][a-z0-9-]*)\.novusagenda\.com")
_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})")
_LINK = re.compile(r"(MeetingView\.aspx\?[^'\"\s]+|DisplayAgendaPDF\.ashx\?[^'\"\s]+)", re.IGNORECASE)
_COVER = re.compile(r"CoverSheet\.aspx\?(?:[^#]*&)?ItemID=(\d+)", re.IGNORECASE)


class NovusAgenda:
    """The source `novusagenda`. A place is one town, or one of its bodies if the address names a MeetingType."""

    kind = "novusagenda"

    def recognizes(self, address: str) -> Place | None:
        """Return the site that an address belongs to."""
        parts = urlsplit(address)
        town = _TOWN.fullmatch((parts.hostname or "").lower())
        if town is None:
            return None
        folder = re.match(r"/(agendapublic)(?=/|$)", parts.path, re.IGNORECASE)
        kind = query_values(parts.query).get("meetingtype", "")
        query = f"?MeetingType={kind}" if kind.isdecimal() else ""
        return Place(
            name=f"{town[1]}-{kind}" if query else town[1],
            kind=self.kind,
            address=f"https://{town[0]}/{folder[1] if folder else 'agendapublic'}/{query}",
            state="",
        )

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended meetings and agendas. An unchanged list takes one request."""
        session = ReadSession(fetch, place, status, now)
        return await read_calendar(
            session,
            place.address,
            lambda document: (_entries(document, session), True),
            parse_agenda=_agenda,
            agenda_expect=Expect.HTML,
        )


def _entries(document: Document, session: ReadSession) -> list[IndexEntry]:
    page = page_tree(document)
    rows = grid_rows(page, "gridmeetings")  # another grid may list items
    if rows is None:
        raise Unreadable(f"{document.address} is a web page but not NovusAGENDA's list of meetings")
    base = base_address(document)
    return session.read_each(document.address, rows, lambda row: _entry(row, base, session, document), words)


def _entry(row: Any, base: str, session: ReadSession, document: Document) -> IndexEntry | None:
    cells = [words(cell) for cell in elements(row, "td")]
    place = next((index for index, cell in enumerate(cells) if _DAY.fullmatch(cell)), None)
    view, file, key = _links(row, base)
    if place is None or not key:
        return None
    name, *others = [*[cell for cell in cells[place + 1 :] if cell], session.place.body or session.place.name]
    item = AgendaItem(
        id=f"meeting/{key}",
        title=name[:LONGEST_TITLE],
        address=view or file,
        body=name,
        meets_at=_day(cells[place]),
        status=meeting_status(name, *others),
        evidence=document.sha256,
    )
    own = LinkedDocument(id=item.id, title=item.title, address=file, version=file)
    documents = (own,) if file and not view else ()
    return IndexEntry(item=item, version=fingerprint(cells, bool(file)), documents=documents, agenda=view)


def _links(row: Any, base: str) -> tuple[str, str, str]:
    """Return the addresses of a meeting's agenda as a page and as a PDF, and the meeting's number.

    The page's address stands in a script. The number of its minutes is left out, because it changes after the meeting.
    """
    view, file, key = "", "", ""
    for link in elements(row, "a"):
        found = _LINK.search(link.get("href") or "") or _LINK.search(link.get("onclick") or "")
        meeting = re.search(r"MeetingID=(\d+)", found[1], re.IGNORECASE) if found else None
        if found is None or meeting is None or "doctype=minutes" in found[1].lower():
            continue
        key = key or meeting[1]
        if "MeetingView" in found[1]:
            view = resolve_link(base, f"MeetingView.aspx?MeetingID={meeting[1]}&MinutesMeetingID=-1&doctype=Agenda")
        else:
            file = resolve_link(base, found[1])
    return view, file, key


def _day(cell: str) -> date | None:
    found = _DAY.fullmatch(cell)
    try:
        return (
            date(int(found[3]) + (2000 if len(found[3]) == 2 else 0), int(found[1]), int(found[2])) if found else None
        )
    except ValueError:
        return None


def _agenda(meeting: IndexEntry, document: Document) -> ParsedAgenda:
    return parse_linked_items(meeting.item, document, _COVER)
