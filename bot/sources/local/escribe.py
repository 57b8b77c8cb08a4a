"""Read an eScribe portal (https://pub-TOWN.escribemeetings.com).

The calendar is JSON that is asked for by POST. The page of an agenda has its items, one within another, and the portals
stand behind a service that may refuse their PDFs: the page's words are read, and a PDF only if there is no page. Real
responses prove the calendar and the page of an agenda, but not a canceled meeting, an item's attachments or the older
form of times ("/Date(1766000000000)/").
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect, Form
from bot.domain.source_status import SourceStatus
from bot.sources import Fetcher
from bot.sources.formats.fields import (
    Row,
    clock_in,
    fingerprint,
    meeting_time,
    moment,
    objects,
    resolve_link,
    rows,
    text,
    title,
)
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.formats.page_tree import base_address, elements, first, tree_text, words
from bot.sources.local.calendar import read_calendar
from bot.sources.local.crawler import IndexEntry, LinkedDocument, ParsedAgenda
from bot.sources.local.outline import Block, parse_outline
from bot.sources.local.session import ReadSession

AHEAD = timedelta(days=184)
AGENDAS = ("merged", "agenda", "agendacover")  # types of documents, the best first; "merged" is the revised agenda

_PORTAL = re.compile(r"(?:pub-)?([a-z0-9][a-z0-9-]*?)(?:-pub)?\.escribemeetings\.com")
_MADE_TO_TRY = re.compile(r"\bmock\b|\btest(?: meeting)?\W*\d*\W*$", re.IGNORECASE)  # public lists have such meetings
_EPOCH = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_ITEM = re.compile(r"SelectItem\((\d+)\)|\bAgendaItem(\d+)\b")
_FILE = re.compile(r"filestream\.ashx\?(?:[^#]*&)?DocumentId=(\d+)", re.IGNORECASE)


class Escribe:
    """The source `escribe`. A place is one portal."""

    kind = "escribe"

    def recognizes(self, address: str) -> Place | None:
        """Return the portal that an address belongs to. Its host stays as it is, because pub-TOWN isn't TOWN."""
        host = (urlsplit(address).hostname or "").lower()
        portal = _PORTAL.fullmatch(host)
        if portal is None or portal[1] == "www":
            return None
        return Place(name=portal[1], kind=self.kind, address=f"https://{host}", state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended meetings and agendas. An unchanged portal takes one request."""
        session = ReadSession(fetch, place, status, now)
        parts = urlsplit(place.address)
        portal = _Portal(session, f"{parts.scheme}://{parts.netloc}/")
        span = {"calendarStartDate": str(session.since), "calendarEndDate": str(session.since + AHEAD)}
        return await read_calendar(
            session,
            f"{portal.site}MeetingsCalendarView.aspx/GetCalendarMeetings",
            portal.calendar,
            expect=Expect.JSON,
            parse_agenda=portal.agenda,
            agenda_expect=Expect.HTML,
            form=Form.json(span),
        )


class _Portal:
    """The parsers of one reading."""

    def __init__(self, session: ReadSession, site: str) -> None:
        self._session = session
        self.site = site

    def calendar(self, document: Document) -> tuple[list[IndexEntry], bool]:
        read = self._session.read_each(
            document.address,
            rows(document, "d", of="Meeting"),
            lambda row: self._entry(row, document),
            lambda row: title(row, "MeetingName"),
        )
        return read, True

    def _entry(self, row: Row, document: Document) -> IndexEntry | None:
        key, name = text(row, "ID").lower(), title(row, "MeetingName", "MeetingType")
        if not re.fullmatch(r"[0-9a-f-]{8,40}", key) or not name or _MADE_TO_TRY.search(name):
            return None
        documents = [each for each in objects(row.get("MeetingDocumentLink")) if _rank(each) < len(AGENDAS)]
        labels = [title(each, "Title") for each in documents]
        shown = [text(row, field) for field in ("Location", "TimeOverride", "Description")]
        page, files = self._agendas(documents)
        item = AgendaItem(
            id=f"meeting/{key}",
            title=name,
            address=page or next(iter(files), "") or f"{self.site}?Id={key}",
            body=title(row, "MeetingType") or name,
            meets_at=self._time(row),
            status=meeting_status(name, *shown, *labels),
            evidence=document.sha256,
        )
        own = tuple(LinkedDocument(id=item.id, title=name, address=each, version=each) for each in files[:1])
        return IndexEntry(
            item=item,
            version=fingerprint(shown, [(text(each, "Type"), text(each, "Url")) for each in documents]),
            documents=() if page else own,
            agenda=page,
            instead=own,
        )

    def _time(self, row: Row) -> datetime | date | None:
        """Return the time of a meeting. Other words in place of the time, such as "TBD", leave only the day."""
        zone, given = self._session.zone, row.get("StartDate")
        if isinstance(given, str) and (epoch := _EPOCH.fullmatch(given.strip())):
            given = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(epoch[1]))).isoformat()
        at = moment(given.strip().replace("/", "-"), zone) if isinstance(given, str) else None
        instead = text(row, "TimeOverride")
        if at is None or not instead:
            return meeting_time(at.isoformat(), None, zone) if at else None
        clock = clock_in(instead)
        return datetime.combine(at.date(), clock, zone) if clock else at.date()

    def _agendas(self, documents: list[Row]) -> tuple[str, list[str]]:
        """Return the address of the best agenda that is a page and those of the others, English ones first."""
        ranked = sorted(documents, key=lambda row: (_is_foreign(row), _rank(row)))
        pages = [row for row in ranked if text(row, "Format").lower() == "html"]
        files = [row for row in ranked if text(row, "Format").lower() == ".pdf"]
        page = next(filter(None, (resolve_link(self.site, text(row, "Url")) for row in pages)), "")
        return page, [address for row in files if (address := resolve_link(self.site, text(row, "Url")))]

    def agenda(self, meeting: IndexEntry, document: Document) -> ParsedAgenda:
        """Return the items, and the rest of the page's words as the text of the meeting itself."""
        base = base_address(document)

        def read(container: Any) -> Block | None:
            item = _item(meeting.item, container, document)
            return (item, list(_files(item, container, base))) if item is not None else None

        return parse_outline(
            meeting, document, lambda page: elements(page, "div", of_class="AgendaItemContainer"), read
        )


def _rank(row: Row) -> int:
    kind = text(row, "Type").lower()
    return AGENDAS.index(kind) if kind in AGENDAS else len(AGENDAS)


def _is_foreign(row: Row) -> bool:
    language = parse_qs(urlsplit(text(row, "Url")).query).get("lang", ["English"])[0]
    return language.lower() not in {"english", "en"}


def _item(meeting: AgendaItem, container: Any, document: Document) -> AgendaItem | None:
    """Return the item of a container. Its title is left out of its text."""
    heading = first(container, "div", of_class="AgendaItemTitle")
    name = words(heading)[:LONGEST_TITLE]
    marks = [each.get(place, "") for each in container.iter("a", "div") for place in ("href", "class")]
    found = next(filter(None, map(_ITEM.search, marks)), None)
    if not name or found is None:
        return None
    heading.text, heading[:] = None, []
    return replace(
        meeting,
        id=f"{meeting.id}/item/{found[1] or found[2]}",
        title=name,
        text=tree_text(container),
        evidence=document.sha256,
    )


def _files(item: AgendaItem, container: Any, base: str) -> Iterator[LinkedDocument]:
    for link in elements(container, "a"):
        address = resolve_link(base, link.get("href", ""))
        if found := _FILE.search(address):
            name = f"{words(link) or 'attachment'} ({item.title})"
            yield LinkedDocument(id=f"{item.id}/file/{found[1]}", title=name[:LONGEST_TITLE], address=address)
