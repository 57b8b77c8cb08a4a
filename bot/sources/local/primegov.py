"""A source for PrimeGov's public portals (https://SLUG.primegov.com).

It reads the upcoming meetings and their compiled documents.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect
from bot.domain.source_status import SourceStatus
from bot.sources import Fetcher
from bot.sources.formats.fields import Row, fingerprint, moment, number, objects, rows, text, title
from bot.sources.local.calendar import read_calendar
from bot.sources.local.crawler import IndexEntry, LinkedDocument
from bot.sources.local.session import ReadSession

PDF = 1  # a compileOutputType

_SLUG = re.compile(r"([a-z0-9][a-z0-9-]*)\.primegov\.com")
_NOT_AGENDA = re.compile(r"minutes|video|audio|recording|speaker|comment|cancellation|recess", re.IGNORECASE)
_INTERPRETED = re.compile(r"\bSAP\b")  # the second row of a meeting, for the stream in Spanish


class PrimeGov:
    """The source `primegov`, which reads one portal.

    Only the names of a meeting's documents tell that it is canceled. The portal's archive isn't read, because every
    meeting in the archive was first listed as upcoming.
    """

    kind = "primegov"

    def recognizes(self, address: str) -> Place | None:
        """Return the portal that an address belongs to."""
        slug = _SLUG.fullmatch(urlsplit(address).hostname or "")
        return Place(name=slug[1], kind=self.kind, address=f"https://{slug[0]}", state="") if slug else None

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return new and amended meetings and agendas. An unchanged portal costs one request."""
        session = ReadSession(fetch, place, status, now)
        parts = urlsplit(place.address)
        site = f"{parts.scheme}://{parts.netloc}"
        address = f"{site}/api/v2/PublicPortal/ListUpcomingMeetings"
        return await read_calendar(
            session, address, lambda document: (_entries(document, site, session), True), expect=Expect.JSON
        )


def _entries(document: Document, site: str, session: ReadSession) -> list[IndexEntry]:
    return session.read_each(
        document.address,
        rows(document, of="id"),
        lambda row: _entry(row, site, session, document.sha256),
        lambda row: title(row, "title"),
    )


def _entry(row: Row, site: str, session: ReadSession, evidence: str) -> IndexEntry | None:
    key = number(row, "id")
    if not key:
        return None
    listed = objects(row.get("documentList"))
    labels = [title(each, "templateName") for each in listed]
    if labels and all(map(_INTERPRETED.search, labels)):
        return None
    name = title(row, "title") or session.place.body or session.place.name
    documents = list(_documents(f"meeting/{key}", name, listed, site))
    at = moment(row.get("dateTime"), session.zone)
    item = AgendaItem(
        id=f"meeting/{key}",
        title=name,
        address=documents[0].address if documents else f"{site}/public/portal",
        body=name,
        meets_at=at,
        status=meeting_status(name, text(row, "meetingState"), *labels),
        evidence=evidence,
    )
    return IndexEntry(item=item, version=fingerprint(row), documents=tuple(documents))


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
        yield LinkedDocument(
            id=f"{meeting}/{kind}" if seen else meeting,
            title=f"{label} ({name})",
            address=f"{site}/Public/CompiledDocument?meetingTemplateId={template}&compileOutputType={output}",
            version=f"{template} {output}",
        )
        seen.add(kind)


def _rank(row: Row) -> tuple[bool, bool, bool]:
    """Return a sort key that puts agendas first, then packets, and PDFs before other formats."""
    label = text(row, "templateName").lower()
    return "agenda" not in label, "packet" in label, number(row, "compileOutputType") not in {0, PDF}
