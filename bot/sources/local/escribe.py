"""Read an eScribe portal (https://pub-TOWN.escribemeetings.com).

The calendar is JSON that is asked for by POST. Without it, the older page of meetings (Meetings.aspx) is read, whose
ids are the same. The page of an agenda has its items, one within another, and the portals stand behind a service that
may refuse their PDFs: the page's words are read, and a PDF only if there is no page. Real responses prove the calendar,
the older page and the page of an agenda, but not a canceled meeting, an item's attachments or the older form of times
("/Date(1766000000000)/").
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
from bot.errors import Missing, SourceError, Unreadable
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
    when_in,
)
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.formats.page_tree import base_address, elements, first, page_tree, tree_text, words
from bot.sources.local.calendar import read_calendar
from bot.sources.local.crawler import IndexEntry, LinkedDocument, ParsedAgenda
from bot.sources.local.outline import Block, parse_outline
from bot.sources.local.session import ReadSession

AHEAD = timedelta(days=184)
FAILURES = 3  # of a calendar that was read before, until the older page is read in its place
AGENDAS = ("merged", "agenda", "agendacover")  # types of documents, the best first; "merged" is the revised agenda

_PORTAL = re.compile(r"(?:pub-)?([a-z0-9][a-z0-9-]*?)(?:-pub)?\.escribemeetings\.com")
_MADE_TO_TRY = re.compile(r"\bmock\b|\btest(?: meeting)?\W*\d*\W*$", re.IGNORECASE)  # public lists have such meetings
_EPOCH = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_ITEM = re.compile(r"SelectItem\((\d+)\)|\bAgendaItem(\d+)\b")
_MEETING = re.compile(r"Meeting\.aspx\?Id=([0-9a-f-]{8,40})", re.IGNORECASE)
_AGENDA = re.compile(r"[?&]Agenda=(?:Agenda|Merged)\b", re.IGNORECASE)
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
        try:
            return await portal.read_calendar()
        except SourceError as fault:
            if not _has_no_calendar(fault) or (portal.has_calendar and status.failures < FAILURES):
                raise
            return await portal.read_page(fault)


class _Portal:
    """The parsers of one reading."""

    def __init__(self, session: ReadSession, site: str) -> None:
        self._session = session
        self.site = site

    @property
    def _calendar_address(self) -> str:
        return f"{self.site}MeetingsCalendarView.aspx/GetCalendarMeetings"

    @property
    def has_calendar(self) -> bool:
        """True if the last reading was of the calendar, which names some meetings otherwise than the older page."""
        return self._calendar_address in self._session.status.validators

    async def read_calendar(self) -> LocalReading:
        session = self._session
        span = {"calendarStartDate": str(session.since), "calendarEndDate": str(session.since + AHEAD)}
        return await read_calendar(
            session,
            self._calendar_address,
            self.calendar,
            expect=Expect.JSON,
            parse_agenda=self.agenda,
            agenda_expect=Expect.HTML,
            form=Form.json(span),
        )

    async def read_page(self, fault: SourceError) -> LocalReading:
        """Read the older page of meetings. If that fails too, raise the calendar's error."""
        try:
            reading = await read_calendar(
                self._session,
                f"{self.site}Meetings.aspx",
                self.page,
                parse_agenda=self.agenda,
                agenda_expect=Expect.HTML,
            )
        except SourceError:
            raise fault from None
        return replace(reading, problems=(*reading.problems, f"{fault}; its page of meetings is read in its place"))

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

    def page(self, document: Document) -> tuple[list[IndexEntry], bool]:
        """Return the meetings on the older page, which doesn't list all of them."""
        page = page_tree(document)
        if first(page, "article", of_class="MeetingListFuture") is None:
            raise Unreadable(f"{document.address} is a web page but not eScribe's page of meetings")
        found = elements(page, "div", of_class="meeting")
        return self._session.read_each(document.address, found, lambda row: self._shown(row, document), words), False

    def _shown(self, row: Any, document: Document) -> IndexEntry | None:
        """Return a meeting on the older page. A past one has its name on the list around it."""
        links = [each.get("href", "") for each in elements(row, "a")]
        key = next((found[1].lower() for each in links if (found := _MEETING.search(each))), "")
        around = (each.get("meetingtype", "") for each in row.iterancestors("div"))
        name = next(filter(None, around), "") or words(first(row, "a"))
        if not key or not name or _MADE_TO_TRY.search(name):
            return None
        marks = (each for each in elements(row, "div", of_class="text-danger") if not _is_hidden(each))
        place = words(first(row, "div", of_class="Location-Tooltip"))
        agenda = "&Agenda=Agenda&lang=English" if any(map(_AGENDA.search, links)) else ""
        item = AgendaItem(
            id=f"meeting/{key}",
            title=name[:LONGEST_TITLE],
            address=f"{self.site}Meeting.aspx?Id={key}{agenda}",
            body=name,
            meets_at=when_in(words(row), self._session.zone),
            status=meeting_status(name, place, *map(words, marks)),
            evidence=document.sha256,
        )
        return IndexEntry(item=item, version=fingerprint(place), agenda=item.address if agenda else "")

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


def _has_no_calendar(fault: SourceError) -> bool:
    """Return whether a portal may have no calendar to ask, rather than be down or block us."""
    return isinstance(fault, Missing | Unreadable) or bool(re.search(r"answered (?:405|500)\b", str(fault)))


def _is_hidden(node: Any) -> bool:
    return any("hidden" in each.get("class", "").split() for each in node.iterancestors("div"))


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
