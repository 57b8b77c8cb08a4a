"""Read a site of Destiny AgendaQuick (https://public.destinyhosted.com/agenda_publish.cfm?id=SITE), month by month.

Real responses prove the page of an agenda (`agenda-item.cfm?seq=…`) and the older of the two lists, in which a meeting
has no link before its agenda is published, and in which a file can stand in place of the agenda's page. The newer list
and the older links to memos (`dsp=agm`) are read as they were described.
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
from bot.sources.formats.page_tree import base_address, elements, first, is_whole, page_tree, words
from bot.sources.local.crawler import Crawler, IndexEntry, LinkedDocument, ParsedAgenda
from bot.sources.local.linked_items import parse_linked_items
from bot.sources.local.session import ReadSession

_SITE = re.compile(r"(?:([a-z0-9-]+)\.)?destinyhosted\.com")
_PAGE = re.compile(r"/agenda_publish\.cfm$", re.IGNORECASE)
_LISTS = ("meeting-table", "list")  # the ids of the newer and the older list
_FOLDER = re.compile(r"/\d{8}_(\d+)/[^/?]+\.pdf", re.IGNORECASE)  # of an agenda's files
_ITEM = re.compile(r"(?:agenda-item\.cfm\?|dsp=agm&)(?:[^#]*&)?seq=(\d+)", re.IGNORECASE)


class Destiny:
    """The source `destiny`. A place is one site, whose number is in its address, or a town's own host."""

    kind = "destiny"

    def recognizes(self, address: str) -> Place | None:
        """Return the site that an address belongs to."""
        parts = urlsplit(address)
        host, site = (parts.hostname or "").lower(), query_values(parts.query).get("id", "")
        shared, numbered = _SITE.fullmatch(host), re.match(r"/(\d{4,})(?=/|$)", parts.path)
        if shared is None:
            own = f"{parts.scheme}://{parts.netloc.lower()}{parts.path}?id={site}"
            is_list = host and _PAGE.search(parts.path)
            return Place(name=host.removeprefix("www."), kind=self.kind, address=own, state="") if is_list else None
        site = numbered[1] if numbered else site
        if not site.isdecimal():
            return None
        folder = shared[1] if shared[1] not in {None, "www"} else "public"
        proposed = f"https://{folder}.destinyhosted.com/agenda_publish.cfm?id={site}"
        return Place(name=f"destiny-{site}", kind=self.kind, address=proposed, state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended meetings of this month and the next, with one request for each."""
        session = ReadSession(fetch, place, status, now)
        entries: dict[str, IndexEntry] = {}  # by what they show, because the lists of two months can overlap
        evidence, is_complete = "", True
        for address in _months(place.address, session):
            document = await session.get(address, expect=Expect.HTML, unconditional=True)
            entries |= {entry.fingerprint + entry.item.id: entry for entry in _entries(document, session)}
            evidence, is_complete = document.sha256, is_complete and is_whole(document)
        crawler = Crawler(session, "meetings", parse_agenda=_agenda, agenda_expect=Expect.HTML, is_calendar=True)
        items = await crawler.crawl(list(entries.values()), evidence=evidence, is_complete=is_complete)
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
    table = next((each for each in elements(page_tree(document), "table") if each.get("id") in _LISTS), None)
    if table is None:
        raise Unreadable(f"{document.address} is a web page but not AgendaQuick's list of meetings")
    base = base_address(document)
    rows = [row for row in elements(table, "tr") if len(list(elements(row, "td"))) > 1 and not _is_heading(row)]
    return session.read_each(document.address, rows, lambda row: _entry(row, base, session, document), words)


def _is_heading(row: Any) -> bool:
    return any(each.tag in {"thead", "tfoot"} for each in row.iterancestors())


def _entry(row: Any, base: str, session: ReadSession, document: Document) -> IndexEntry | None:
    """Return the meeting in a row. Until its agenda has a number, its id is made of its day and its name."""
    cells = list(elements(row, "td"))
    link = first(cells[0], "a")
    address = resolve_link(base, link.get("href", "")) if link is not None else ""
    shown = [words(cell) for cell in cells]
    at, listed = when_in(" ".join(shown), session.zone), next(filter(None, shown[1:]), "")
    key, file = _key(address)
    if not key and (at is None or not listed):
        return None
    name = listed or session.place.body or session.place.name
    item = AgendaItem(
        id=f"meeting/{key or fingerprint(str(at)[:10], name)}",
        title=name[:LONGEST_TITLE],
        address=address or document.address,
        body=name,
        meets_at=at,
        status=meeting_status(*shown),
        evidence=document.sha256,
    )
    own = LinkedDocument(id=item.id, title=item.title, address=address, version=address)
    return IndexEntry(
        item=item,
        version=fingerprint(shown),
        agenda=address if key and not file else "",
        documents=(own,) if file else (),
    )


def _key(address: str) -> tuple[str, bool]:
    """Return the number of the agenda at an address, and whether the address is that of a file."""
    number = parse_qs(urlsplit(address).query).get("seq", [""])[0]
    if number.isdecimal():
        return number, False
    file = _FOLDER.search(address)
    return (f"file/{file[1]}", True) if file else ("", False)


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
