"""Read a BoardDocs site (https://go.boarddocs.com/STATE/BOARD/Board.nsf/Public).

    XML-ActiveMeetings ─► any XML? ─► the meetings with their items
                              └── no ─► the bodies on the page Public ─► each body's list, by POST ─► agendas, by POST

The XML is often not well-formed, so the meetings are cut apart first and each is read by itself. The time of a meeting
is only in its name or description, in words. Real responses prove the XML, the page with the bodies and their lists.
None proves the page of an agenda (PRINT-AgendaDetailed), whose words are read as the meeting's own.
"""

import asyncio
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice, pairwise
from urllib.parse import urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect, Form
from bot.domain.geography.states import STATES
from bot.domain.source_status import SourceStatus
from bot.errors import Blocked, SourceError, Unreachable, Unreadable
from bot.sources import Fetcher
from bot.sources.formats.charset import decoded
from bot.sources.formats.document_text import document_text
from bot.sources.formats.fields import Row, clean_text, clock_in, day_in, fingerprint, is_web_address, rows, text, title
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.formats.page_tree import elements, page_tree, words
from bot.sources.local.crawler import Crawler, IndexEntry, ParsedAgenda
from bot.sources.local.session import ReadSession

MOST_BODIES = 12
MOST_PARTS = 2_000  # sections and items of one meeting
PAUSE = timedelta(hours=24)  # until the XML is tried again

_PATH = re.compile(r"/([a-z0-9-]{2,12})/([\w-]+)/Board\.nsf(?=/|$)", re.IGNORECASE)
_FOLDER = re.compile(r"/([a-z]{2})/([\w-]+)/?", re.IGNORECASE)
# A tag ends before the next one begins. Otherwise, many tags without an end would take time by their square.
_MEETING = re.compile(r"<meeting\s([^<>]*)>")
_PART = re.compile(r"<(category|item)\s([^<>]*)>")
_DATE = re.compile(r"<date\b[^<>]*>\s*(\d{4}-\d{2}-\d{2})\s*<")
_ID = re.compile(r"\bid=[\"']([\w-]{4,40})[\"']")
_BODY = re.compile(r"\bbodyname=[\"']([^\"']*)[\"']")


class BoardDocs:
    """The source `boarddocs`. A place is one board's site."""

    kind = "boarddocs"

    def recognizes(self, address: str) -> Place | None:
        """Return the site that an address belongs to. Its path tells the state."""
        parts = urlsplit(address)
        folder = _FOLDER.fullmatch(parts.path)
        found = folder if folder and folder[1].upper() in STATES else _PATH.match(parts.path)
        if found is None or (parts.hostname or "").lower() not in {"go.boarddocs.com", "www.boarddocs.com"}:
            return None
        state, board = found[1].lower(), found[2].lower()
        return Place(
            name=f"{board}-{state}",
            kind=self.kind,
            address=f"https://go.boarddocs.com/{state}/{board}/Board.nsf/Public",
            state=state.upper() if state.upper() in STATES else "",
        )

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended meetings and items. An unchanged site takes one request if it has XML."""
        return await _Site(ReadSession(fetch, place, status, now)).read()


class _Site:
    """One reading of one site."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session
        parts = urlsplit(session.place.address)
        found = _PATH.match(parts.path)
        self._base = f"{parts.scheme}://{parts.netloc}{found[0] if found else parts.path.rstrip('/')}"
        self._no_xml: str = session.status.facts.get("no_xml", "")

    async def read(self) -> LocalReading:
        session = self._session
        found = await self._from_xml()
        if found is None and not self._no_xml:
            return session.unchanged_reading()
        entries, evidence, is_complete = found or await self._from_lists()
        crawler = Crawler(session, "meetings", parse_agenda=_agenda, agenda_expect=Expect.HTML, is_calendar=True)
        items = await crawler.crawl(entries, evidence=evidence, is_complete=is_complete)
        no_xml = {"no_xml": self._no_xml} if self._no_xml else {}
        return session.reading(items, {"meetings": crawler.facts, **no_xml})

    # ── all meetings as XML ──────────────────────────────────────────────────────────────────────────────────────────

    async def _from_xml(self) -> tuple[Sequence[IndexEntry], str, bool] | None:
        """Return the meetings in the XML, or None if there is no XML or it is unchanged.

        A site without XML is asked for it once a day.
        """
        session, address = self._session, f"{self._base}/XML-ActiveMeetings"
        if self._no_xml and timedelta(0) <= session.now - datetime.fromisoformat(self._no_xml) < PAUSE:
            return None
        try:
            document = await session.get(address, unconditional=session.rereads_index)
            same = not session.rereads_index and session.is_same(document, address)
            source = "" if same else await asyncio.to_thread(_xml_of, document)
        except (Blocked, Unreachable):
            raise
        except SourceError:
            self._no_xml = session.now.isoformat()
            return None
        self._no_xml = ""
        if same:
            return None
        entries = await asyncio.to_thread(self._xml_entries, source, document)
        return entries, document.sha256, "</meetings>" in source

    def _xml_entries(self, source: str, document: Document) -> list[IndexEntry]:
        blocks = ((start[1], block) for start, block in _cut(source, _MEETING))
        return self._session.read_each(
            document.address,
            [block for block in blocks if self._is_asked_for(_day(block[1]))],
            lambda block: self._xml_entry(*block, document),
            lambda block: _field(block[1], "name"),
        )

    def _is_asked_for(self, day: date | None) -> bool:
        return day is None or day >= self._session.since

    def _xml_entry(self, attributes: str, block: str, document: Document) -> IndexEntry | None:
        key, name = _ID.search(attributes), _field(block, "name")
        if key is None or not name:
            return None
        first = _PART.search(block)
        head = block[: first.start()] if first else block
        body, words = _BODY.search(attributes), _field(head, "description")
        link = _field(head, "link")
        item = AgendaItem(
            id=f"meeting/{key[1]}",
            title=name[:LONGEST_TITLE],
            text=words,
            address=link if is_web_address(link) else f"{self._base}/goto?open&id={key[1]}",
            body=clean_text(body[1]) if body else "",
            meets_at=self._time(_day(head), name, words),
            status=meeting_status(name, words),
            evidence=document.sha256,
        )
        item = replace(item, body=item.body or self._session.place.body or name)
        items = tuple(_items(item, block, self._base))
        version = fingerprint([(each.id, each.title, each.text) for each in items])
        return IndexEntry(item=item, version=version, agenda_items=items)

    def _time(self, day: date | None, *sentences: str) -> datetime | date | None:
        clock = next(filter(None, map(clock_in, sentences)), None)
        return datetime.combine(day, clock, self._session.zone) if day and clock else day

    # ── the lists of each body ───────────────────────────────────────────────────────────────────────────────────────

    async def _from_lists(self) -> tuple[Sequence[IndexEntry], str, bool]:
        session = self._session
        public = await session.get(f"{self._base}/Public", expect=Expect.HTML, unconditional=True)
        bodies = _bodies(public)
        if not bodies:
            raise Unreadable(f"{public.address} is a web page but not a BoardDocs site with its bodies")
        entries: list[IndexEntry] = []
        evidence = public.sha256
        for body, name in bodies[:MOST_BODIES]:
            address = f"{self._base}/BD-GetMeetingsList?open"
            form = Form.of({"current_committee_id": body})
            document = await session.get(address, key=f"{address} {body}", expect=Expect.JSON, form=form)
            evidence = document.sha256
            entries += session.read_each(
                address,
                rows(document, of="n"),  # name and numberdate
                lambda row: self._listed(row, body, name, evidence),  # noqa: B023 - called at once
                lambda row: title(row, "name"),
            )
        return entries, evidence, len(bodies) <= MOST_BODIES

    def _listed(self, row: Row, body: str, body_name: str, evidence: str) -> IndexEntry | None:
        key, name = text(row, "unique"), title(row, "name")
        day = _numbered_day(text(row, "numberdate"))
        if not re.fullmatch(r"[\w-]{4,40}", key) or not name or not self._is_asked_for(day):
            return None
        item = AgendaItem(
            id=f"meeting/{key}",
            title=name,
            address=f"{self._base}/goto?open&id={key}",
            body=body_name or name,
            meets_at=self._time(day, name),
            status=meeting_status(name),
            evidence=evidence,
        )
        return IndexEntry(
            item=item,
            version=text(row, "unid"),
            agenda=f"{self._base}/PRINT-AgendaDetailed?open",
            form=Form.of({"id": key, "current_committee_id": body}),
        )


def _xml_of(document: Document) -> str:
    """Return the source of the XML. Raise Unreadable if it is something else."""
    source = decoded(document.body, "utf-8").removeprefix("\ufeff").lstrip()
    if not re.match(r"(?:<\?xml[^>]*>\s*)?<meetings\b", source):
        raise Unreadable(f"{document.address} is not BoardDocs' list of meetings")
    first, *others = source.split("<![CDATA[")
    return first + "".join(_escaped_until_end(other) for other in others)


def _escaped_until_end(section: str) -> str:
    """Return what follows the start of a CDATA section, with the section escaped if it has an end."""
    inside, end, after = section.partition("]]>")
    return html.escape(inside) + after if end else section


def _cut(source: str, start: re.Pattern[str]) -> Iterator[tuple[re.Match[str], str]]:
    """Yield each start and what follows until the next, because the ends may be missing or in the wrong place."""
    for one, following in pairwise([*start.finditer(source), None]):
        if one is not None:
            yield one, source[one.end() : following.start() if following else len(source)]


def _field(block: str, name: str) -> str:
    """Return the words of the first element with this name. Its own markup, if any, is escaped."""
    found = re.search(rf"<{name}>([^<]*)", block)
    return clean_text(html.unescape(found[1])) if found else ""


def _day(block: str) -> date | None:
    found = _DATE.search(block)
    return day_in(found[1]) if found else None


def _numbered_day(digits: str) -> date | None:
    return day_in(f"{digits[:4]}-{digits[4:6]}-{digits[6:]}") if len(digits) == 8 else None


def _items(meeting: AgendaItem, block: str, base: str) -> Iterator[AgendaItem]:
    """Yield the items on an agenda. A section is an item too, because some boards have nothing else."""
    for part, inside in islice(_cut(block, _PART), MOST_PARTS):
        key, name, link = _ID.search(part[2]), _field(inside, "name")[:LONGEST_TITLE], _field(inside, "link")
        if key is None or not name:
            continue
        yield replace(
            meeting,
            id=f"{meeting.id}/item/{key[1]}",
            title=name,
            text=" · ".join(filter(None, (_field(inside, each) for each in ("actiontype", "recommendedaction")))),
            address=link if is_web_address(link) else f"{base}/goto?open&id={key[1]}",
        )


def _bodies(public: Document) -> list[tuple[str, str]]:
    """Return the number and name of each body on the site."""
    menus = (each for each in elements(page_tree(public), "select") if each.get("name") == "committeeid")
    options = (each for menu in menus for each in elements(menu, "option"))
    named = {each.get("value", "").strip(): words(each) for each in options}
    return [(key, name) for key, name in named.items() if re.fullmatch(r"\w{6,40}", key)]


def _agenda(meeting: IndexEntry, document: Document) -> ParsedAgenda:
    _, said = document_text(document)
    return ParsedAgenda(items=(replace(meeting.item, text=said, evidence=document.sha256),))
