"""Read the pages of a Legistar site, because some clients have no open API and some have a host of their own.

Calendar.aspx lists one month, DepartmentDetail.aspx the meetings of one body. `__VIEWSTATE` changes in every answer:
only the rows are compared. A meeting's items aren't read, only its agenda, because a month has many meetings.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.domain.agenda import AgendaItem, LocalReading
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document
from bot.errors import Unreadable
from bot.sources.formats.fields import fingerprint, resolve_link, when_in
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.formats.page_tree import base_address, elements, first, grid_rows, page_tree, words
from bot.sources.local.calendar import read_calendar
from bot.sources.local.crawler import IndexEntry, LinkedDocument
from bot.sources.local.session import ReadSession

PAGES = re.compile(r"/(?:Calendar|DepartmentDetail)\.aspx$", re.IGNORECASE)

_DAY = re.compile(r"\d{1,2}/\d{1,2}/(?:\d{4}|\d{2})")


async def read_pages(session: ReadSession, address: str) -> LocalReading:
    """Return the new and amended meetings on a page with a calendar. An unchanged page takes one request."""
    return await read_calendar(session, address, lambda document: (_entries(document, session), True), name="calendar")


def _entries(document: Document, session: ReadSession) -> list[IndexEntry]:
    page = page_tree(document)
    rows = grid_rows(page, "gridcalendar")
    if rows is None:
        raise Unreadable(f"{document.address} is a web page but not a Legistar calendar")
    base, body = base_address(document), words(first(page, "span", id_ends="_lblName")) or session.place.body
    return session.read_each(document.address, rows, lambda row: _entry(row, base, body, session, document), words)


def _entry(row: Any, base: str, body: str, session: ReadSession, document: Document) -> IndexEntry | None:
    links = {each.get("id", "").rpartition("_")[2]: each for each in elements(row, "a")}
    details, agenda, entry = (_address(links.get(name), base) for name in ("hypMeetingDetail", "hypAgenda", "hypiCal"))
    key = next(filter(None, (_number(each) for each in (details, entry, agenda))), "")
    cells = [words(cell) for cell in elements(row, "td")]
    day = next((cell for cell in cells if _DAY.fullmatch(cell)), "")
    if not key or not day:
        return None
    clock = words(first(row, "span", id_ends="_lblTime"))
    place, comment = _place_of(row)
    name = words(links.get("hypBody")) or body or session.place.name
    item = AgendaItem(
        id=f"calendar/{key}",
        title=name[:LONGEST_TITLE],
        text=comment,
        address=details or document.address,
        body=name,
        meets_at=when_in(f"{day} {clock}", session.zone),
        status=meeting_status(name, clock, place, comment),
        evidence=document.sha256,
    )
    files = tuple(_agendas(item, agenda))
    return IndexEntry(item=item, version=fingerprint(clock, place), documents=files)


def _place_of(row: Any) -> tuple[str, str]:
    """Return the place and the comment, which is set in italics. They are in the cell after the time of day."""
    cells = list(elements(row, "td"))
    times = [number for number, cell in enumerate(cells) if first(cell, "span", id_ends="_lblTime") is not None]
    if not times or times[0] + 1 >= len(cells):
        return "", ""
    cell = cells[times[0] + 1]
    comment = " ".join(filter(None, map(words, elements(cell, "em"))))
    return words(cell).removesuffix(comment).strip(), comment


def _agendas(item: AgendaItem, address: str) -> Iterator[LinkedDocument]:
    if address:
        yield LinkedDocument(id=item.id, title=item.title, address=address, version=address)


def _address(link: Any, base: str) -> str:
    return "" if link is None or not link.get("href") else resolve_link(base, link.get("href"))


def _number(address: str) -> str:
    found = parse_qs(urlsplit(address).query).get("ID", [""])[0]
    return found if found.isdecimal() else ""
