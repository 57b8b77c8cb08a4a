"""PrimeGov's public portal (https://SLUG.primegov.com): the meetings to come and the documents compiled for them."""

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.document import Expect
from bot.domain.source_status import SourceStatus
from bot.sources import Fetcher
from bot.sources.formats.fields import Row, meeting_status, moment, number, objects, rows, text, title
from bot.sources.local.crawler import Crawler, Listed, Paper
from bot.sources.local.session import ReadSession, fingerprint

PDF = 1  # of compileOutputType

_SLUG = re.compile(r"([a-z0-9][a-z0-9-]*)\.primegov\.com")
_OTHER = re.compile(r"minutes|video|audio|recording|speaker|comment", re.IGNORECASE)


class PrimeGov:
    """A portal; its address is that of its host. Its archive is not read: a meeting was listed before it was over."""

    kind = "primegov"

    def recognizes(self, address: str) -> Place | None:
        """The portal that this is an address of."""
        slug = _SLUG.fullmatch(urlsplit(address).hostname or "")
        return Place(name=slug[1], kind=self.kind, address=f"https://{slug[0]}", state="") if slug else None

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """What was put on the calendar since the last reading, and new agendas; one request where nothing changed."""
        visit = ReadSession(fetch, place, status, now)
        parts = urlsplit(place.address)
        site = f"{parts.scheme}://{parts.netloc}"
        address = f"{site}/api/v2/PublicPortal/ListUpcomingMeetings"
        document = await visit.get(address, expect=Expect.JSON, whole=visit.reads_whole)
        if not visit.reads_whole and visit.is_known(document, address):
            return visit.nothing_new()
        found = (_listed(row, site, visit, document.sha256) for row in rows(document))
        meetings = Crawler(visit, "meetings", is_calendar=True)
        items = await meetings.follow([each for each in found if each is not None], evidence=document.sha256)
        return visit.reading(items, {"meetings": meetings.states})


def _listed(row: Row, site: str, visit: ReadSession, evidence: str) -> Listed | None:
    key = number(row, "id")
    if not key:
        return None
    name = title(row, "title") or visit.place.body or visit.place.name
    papers = list(_papers(f"meeting/{key}", name, objects(row.get("documentList")), site))
    at = moment(row.get("dateTime"), visit.zone)
    item = AgendaItem(
        id=f"meeting/{key}",
        title=name,
        address=papers[0].address if papers else f"{site}/public/portal",
        body=name,
        meets_at=at,
        status=meeting_status(name, text(row, "meetingState")),
        evidence=evidence,
    )
    return Listed(item=item, stamp=fingerprint(row), papers=tuple(papers))


def _papers(meeting: str, name: str, documents: list[Row], site: str) -> Iterator[Paper]:
    """The documents compiled for a meeting, as PDF where there is a choice; the agenda is the meeting's own."""
    seen: set[str] = set()
    for row in sorted(documents, key=_rank):
        template, called = number(row, "templateId"), title(row, "templateName") or "Agenda"
        kind = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\bhtml\b", "", called.lower())).strip("-")
        if not template or kind in seen or _OTHER.search(called):
            continue
        output = number(row, "compileOutputType") or PDF
        yield Paper(
            id=f"{meeting}/{kind}" if seen else meeting,
            title=f"{called} ({name})",
            address=f"{site}/Public/CompiledDocument?meetingTemplateId={template}&compileOutputType={output}",
            stamp=f"{template} {output}",
        )
        seen.add(kind)


def _rank(row: Row) -> tuple[bool, bool, bool]:
    """Agendas first, then packets; of the same, the PDF first."""
    called = text(row, "templateName").lower()
    return "agenda" not in called, "packet" in called, number(row, "compileOutputType") not in {0, PDF}
