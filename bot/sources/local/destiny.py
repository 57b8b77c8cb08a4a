"""Read a site of Destiny AgendaQuick (https://public.destinyhosted.com/agenda_publish.cfm?id=SITE), month by month.

A real response proves the page of an agenda (`agenda-item.cfm?seq=…`). No real response proves the list of meetings or
the older links to memos (`dsp=agm`); both are read as they were described.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect
from bot.domain.source_status import SourceStatus
from bot.errors import Unreadable
from bot.sources import Fetcher
from bot.sources.formats.fields import fingerprint, query_values, resolve_link, when_in
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.formats.page_tree import base_address, elements, first, page_tree, words
from bot.sources.local.crawler import Crawler, IndexEntry, ParsedAgenda
from bot.sources.local.linked_items import parse_linked_items
from bot.sources.local.session import ReadSession

_SITE = re.compile(r"(?:([a-z0-9-]+)\.)?destinyhosted\.com")
_ITEM = re.compile(r"(?:agenda-item\.cfm\?|dsp=agm&)(?:[^#]*&)?seq=(\d+)", re.IGNORECASE)


class Destiny:
    """The source `destiny`. A place is one site, whose number is in its address."""

    kind = "destiny"

    def recognizes(self, address: str) -> Place | None:
        """Return the site that an address belongs to."""
        parts = urlsplit(address)
        host = _SITE.fullmatch((parts.hostname or "").lower())
        site = query_values(parts.query).get("id", "")
        if host is None or not site.isdecimal():
            return None
        folder = host[1] if host[1] not in {None, "www"} else "public"
        proposed = f"https://{folder}.destinyhosted.com/agenda_publish.cfm?id={site}"
        return Place(name=f"destiny-{site}", kind=self.kind, address=proposed, state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended meetings of this month and the next, with one request for each."""
        session = ReadSession(fetch, place, status, now)
        entries: list[IndexEntry] = []
        evidence = ""
        for address in _months(place.address, session):
            document = await session.get(address, expect=Expect.HTML, unconditional=True)
            entries += _entries(document, session)
            evidence = document.sha256
        crawler = Crawler(session, "meetings", parse_agenda=_agenda, agenda_expect=Expect.HTML, is_calendar=True)
        items = await crawler.crawl(entries, evidence=evidence)
        return session.reading(items, {"meetings": crawler.facts})


def _months(address: str, session: ReadSession) -> Iterator[str]:
    parts = urlsplit(address)
    site = query_values(parts.query).get("id", "")
    base = f"{parts.scheme}://{parts.netloc}{parts.path or '/agenda_publish.cfm'}"
    today = session.today
    for month in (today.month, today.month + 1):
        year = today.year + (month > 12)
        yield f"{base}?id={site}&mt=ALL&get_month={(month - 1) % 12 + 1}&get_year={year}"


def _entries(document: Document, session: ReadSession) -> list[IndexEntry]:
    table = first(page_tree(document), "table", id_ends="meeting-table")
    if table is None:
        raise Unreadable(f"{document.address} is a web page but not AgendaQuick's list of meetings")
    base = base_address(document)
    rows = [row for row in elements(table, "tr") if first(row, "td") is not None]
    return session.read_each(document.address, rows, lambda row: _entry(row, base, session, document), words)


def _entry(row: Any, base: str, session: ReadSession, document: Document) -> IndexEntry | None:
    cells = list(elements(row, "td"))
    link = first(cells[0], "a")
    address = resolve_link(base, link.get("href", "")) if link is not None else ""
    key = parse_qs(urlsplit(address).query).get("seq", [""])[0]
    if not key.isdecimal():
        return None
    shown = [words(cell) for cell in cells]
    name = next(filter(None, shown[1:]), "") or session.place.body or session.place.name
    item = AgendaItem(
        id=f"meeting/{key}",
        title=name[:LONGEST_TITLE],
        address=address,
        body=name,
        meets_at=when_in(" ".join(shown), session.zone),
        status=meeting_status(*shown),
        evidence=document.sha256,
    )
    return IndexEntry(item=item, version=fingerprint(shown), agenda=address)


def _agenda(meeting: IndexEntry, document: Document) -> ParsedAgenda:
    return parse_linked_items(meeting.item, document, _ITEM, _title_node)


def _title_node(anchor: Any) -> Any:
    """Return the element with an item's title: the link, or the block in front of a "View Agenda Item" button."""
    if "btn" not in anchor.get("class", "").split():
        return anchor
    button = next(anchor.iterancestors("div"), anchor)
    for block in button.iterancestors("div"):
        before = (each for each in block.itersiblings("div", preceding=True) if "bold" in each.get("class", "").split())
        title = next((each for each in before if words(each)), None)
        if title is not None:
            return title
    return anchor
