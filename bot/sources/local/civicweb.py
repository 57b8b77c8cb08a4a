"""Read CivicWeb portals (https://TOWN.civicweb.net) and Diligent Community, which have one API.

The list of a meeting's documents holds the whole agenda as HTML, and the minutes beside it. Times are local.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect
from bot.domain.source_status import SourceStatus
from bot.errors import Unreadable
from bot.sources import Fetcher
from bot.sources.formats.fields import (
    Row,
    clean_text,
    decode_json,
    fingerprint,
    meeting_time,
    moment,
    number,
    objects,
    rows,
    text,
    title,
    unless_midnight,
)
from bot.sources.formats.limits import LONGEST_DOCUMENT
from bot.sources.local.calendar import read_calendar
from bot.sources.local.crawler import IndexEntry, LinkedDocument, ParsedAgenda
from bot.sources.local.session import ReadSession

AGENDA_AS_HTML, AGENDA_AS_PDF = 1, 4
MINUTES = 2  # a Type
FIRST_LINES = 12  # of an agenda, where some places say that the meeting is canceled

_HOST = re.compile(
    r"([a-z0-9][a-z0-9-]*)\.(?:civicweb\.net|community\.highbond\.com|community\.diligentoneplatform\.com|"
    r"diligent\.community)"
)
_DAY = re.compile(r"\s+-\s+\w{3,9} \d{1,2},? \d{4}\b.*$")


class CivicWeb:
    """The source `civicweb`. A place is one portal of CivicWeb or Diligent Community."""

    kind = "civicweb"

    def recognizes(self, address: str) -> Place | None:
        """Return the portal that an address belongs to."""
        host = _HOST.fullmatch((urlsplit(address).hostname or "").lower())
        return Place(name=host[1], kind=self.kind, address=f"https://{host[0]}", state="") if host else None

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended meetings and agendas. An unchanged portal takes one request."""
        session = ReadSession(fetch, place, status, now)
        parts = urlsplit(place.address)
        portal = _Portal(session, f"{parts.scheme}://{parts.netloc}")
        return await read_calendar(
            session,
            f"{portal.api}?from={session.since}&to=9999-12-31&loadall=true",
            portal.calendar,
            expect=Expect.JSON,
            parse_agenda=portal.agenda,
            agenda_expect=Expect.JSON,
        )


class _Portal:
    """The parsers of one reading."""

    def __init__(self, session: ReadSession, site: str) -> None:
        self._session = session
        self._site = site
        self.api = f"{site}/Services/MeetingsService.svc/meetings"

    def calendar(self, document: Document) -> tuple[list[IndexEntry], bool]:
        listed = rows(document, of="Meeting")
        read = self._session.read_each(
            document.address, listed, lambda row: self._entry(row, document), lambda row: title(row, "Name")
        )
        return read, True

    def _entry(self, row: Row, document: Document) -> IndexEntry | None:
        key = number(row, "Id")
        name = title(row, "Name", "CleanName", "MeetingTypeName")
        if not key or not name:
            return None
        at = moment(row.get("MeetingDateTime"), self._session.zone) or meeting_time(
            row.get("MeetingDate"), row.get("MeetingTime"), self._session.zone
        )
        item = AgendaItem(
            id=f"meeting/{key}",
            title=name,
            address=f"{self._site}/Portal/MeetingInformation.aspx?Org=Cal&Id={key}",
            body=title(row, "MeetingTypeName") or _DAY.sub("", name) or self._session.place.body,
            meets_at=unless_midnight(at) if isinstance(at, datetime) else at,
            status=meeting_status(name, text(row, "MeetingLocation")),
            evidence=document.sha256,
        )
        shown = {field: value for field, value in row.items() if field != "VideoIcon"}
        return IndexEntry(item=item, version=fingerprint(shown), agenda=f"{self.api}/{key}/meetingDocuments")

    def agenda(self, meeting: IndexEntry, document: Document) -> ParsedAgenda:
        """Return the agenda as the meeting itself. If there is no HTML edition, the PDF is read in its place."""
        from bot.sources.formats.html import readable_html  # noqa: PLC0415 - slow to import, and few readings need it

        decoded = decode_json(document)
        listed = decoded.get("Documents") if isinstance(decoded, dict) else decoded
        if not isinstance(listed, list):
            raise Unreadable(f"{document.address} is JSON but not a list of documents")
        agendas = [row for row in objects(listed) if number(row, "Type") != MINUTES]
        for row in agendas:
            html = row.get("Html")
            if number(row, "DocumentType") == AGENDA_AS_HTML and isinstance(html, str) and html.strip():
                words = readable_html(html.encode(), content_type="text/html; charset=utf-8")[:LONGEST_DOCUMENT]
                return ParsedAgenda(items=(_with_text(meeting.item, words, row, document),))
        return ParsedAgenda(documents=tuple(self._pdfs(meeting, agendas)))

    def _pdfs(self, meeting: IndexEntry, agendas: list[Row]) -> Iterator[LinkedDocument]:
        keys = [number(row, "Id") for row in agendas if number(row, "DocumentType") == AGENDA_AS_PDF]
        for key in filter(None, keys[:1]):
            address = f"{self._site}/document/{key}?printPdf=true"
            yield LinkedDocument(id=meeting.item.id, title=meeting.item.title, address=address, version=str(key))


def _with_text(meeting: AgendaItem, words: str, row: Row, document: Document) -> AgendaItem:
    cover = row.get("AgendaCover")
    top = [*words.split("\n")[:FIRST_LINES], clean_text(cover) if isinstance(cover, str) else ""]
    status = meeting.status or meeting_status(*(line for line in top if len(line) < 200))
    return replace(meeting, text=words, status=status, evidence=document.sha256)
