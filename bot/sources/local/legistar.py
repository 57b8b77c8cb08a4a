"""Legistar's Web API (https://webapi.legistar.com/v1/CLIENT), for filed matters and agenda items.

There are two feeds. Matters are sorted by the time of their last change, and events by date. Both are requested in
descending order, because some servers ignore `$filter`. The items of an event can change even if the event itself
doesn't. For this reason, items are fetched again for meetings in the next two weeks when any matter changes, and for
all upcoming meetings once a day.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document, Expect
from bot.domain.source_status import SourceStatus
from bot.errors import Blocked, Missing, SourceError, Unreachable
from bot.sources import Fetcher
from bot.sources.formats.fields import (
    Row,
    fingerprint,
    link,
    meeting_time,
    number,
    objects,
    rows,
    text,
    title,
)
from bot.sources.formats.read_each import Entry
from bot.sources.local.crawler import Crawler, IndexEntry, LinkedDocument, ParsedAgenda
from bot.sources.local.legistar_calendar import PAGES, read_pages
from bot.sources.local.relevance import worth_opening
from bot.sources.local.session import ReadSession

API = "https://webapi.legistar.com/v1/"
PAGE = 200  # rows; the API returns at most 1,000
MOST_PAGES = 10
FIRST_LOOK = timedelta(days=60)  # how far back the first reading goes for matters
SOON = timedelta(days=14)

_SITE = re.compile(r"([a-z0-9][a-z0-9_-]*)\.legistar\.com")
_API_PATH = re.compile(r"(?:/v1)?/(?!help\b)([a-z0-9][a-z0-9_-]*)", re.IGNORECASE)
_FILE_HOST = re.compile(r"legistar\d?\.granicus\.com|[a-z0-9_-]+\.legistar\d\.com")  # clients' documents
_FILE_PATH = re.compile(r"/([a-z0-9][a-z0-9_-]*)/(?:meetings|attachments)/", re.IGNORECASE)
_TOKEN = re.compile(r"(?:^|&)(token=[^&#]+)")
_OWN_PAGE = re.compile(
    r"/(Calendar|DepartmentDetail|MeetingDetail|LegislationDetail|Legislation|Departments)\.aspx", re.IGNORECASE
)
_ANY_PAGE = re.compile(r"/?|/\w+\.as[hp]x", re.IGNORECASE)
_FEED = re.compile(r"/(?:matters|events)(?:/.*)?$", re.IGNORECASE)


class Legistar:
    """The source `legistar`. A place is one Legistar client, and its address is that of the client's API.

    If the client needs a token, the address ends in `?token=…`.
    """

    kind = "legistar"

    def recognizes(self, address: str) -> Place | None:
        """Return the client if the address belongs to its website or API."""
        parts = urlsplit(address)
        host = parts.hostname or ""
        if host == "webapi.legistar.com":
            client = _API_PATH.match(parts.path)
        else:
            client = _FILE_PATH.match(parts.path) if _FILE_HOST.fullmatch(host) else _SITE.fullmatch(host)
        if client is None:
            return _on_own_host(parts)
        token = _TOKEN.search(parts.query)
        name = client[1].lower()
        return Place(name=name, kind=self.kind, address=f"{API}{name}{f'?{token[1]}' if token else ''}", state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the items that were filed or added to agendas since the last reading.

        If nothing has changed, each of the two feeds takes one request. A client whose calendar page is read in place
        of its API is asked once a day if the API answers now, because it may only have been down.
        """
        if PAGES.search(urlsplit(place.address).path) and not _SITE.fullmatch(urlsplit(place.address).hostname or ""):
            return await read_pages(ReadSession(fetch, place, status, now), place.address)
        base, signature = _base((self.recognizes(place.address) or place).address)
        session = ReadSession(fetch, place, status, now, base=base, signature=signature)
        reads_pages = "calendar" in status.facts
        if reads_pages and not session.is_daily_recheck:
            return await read_pages(session, _calendar(base))
        try:
            return replace(await _Client(session, base).read(), starts_over=reads_pages)
        except SourceError as fault:
            if reads_pages:
                return await read_pages(session, _calendar(base))
            if not session.is_first or not _may_be_closed(fault):
                raise
            return await _from_pages(session, base, _explained(fault))


def _on_own_host(parts: SplitResult) -> Place | None:
    """Return the place if an address is one of Legistar's pages on a city's own host, which doesn't tell the client.

    A page called Calendar.aspx alone proves nothing, because other products have one.
    """
    host = parts.hostname or ""
    page = _OWN_PAGE.fullmatch(parts.path)
    is_named = "legistar" in host.split(".") and "legistar.com." not in host and _ANY_PAGE.fullmatch(parts.path)
    is_ours = is_named or (page and re.search(r"GUID=[\w-]{36}", parts.query, re.IGNORECASE))
    if not is_ours or not parts.scheme.startswith("http"):
        return None
    is_body = page is not None and page[1].lower() == "departmentdetail" and bool(parts.query)
    page_of_list = f"DepartmentDetail.aspx?{parts.query}" if is_body else "Calendar.aspx"
    address = f"{parts.scheme}://{parts.netloc}/{page_of_list}"
    return Place(name=host.removeprefix("www."), kind=Legistar.kind, address=address, state="")


def _calendar(base: str) -> str:
    """Return the address of the calendar page of the client whose API this is."""
    parts = urlsplit(base)
    own = (
        f"https://{base.removeprefix(API)}.legistar.com" if base.startswith(API) else f"{parts.scheme}://{parts.netloc}"
    )
    return f"{own}/Calendar.aspx"


def _may_be_closed(fault: SourceError) -> bool:
    """Return whether an API that has never answered may be closed, or unknown, rather than down or blocking us.

    For a client that needs a token, the API answers 403; for one that doesn't exist, 400, 404 or 500.
    """
    return (
        isinstance(fault, Missing)
        or type(fault) is SourceError
        or bool(re.search(r"answered (?:403|500)\b", str(fault)))
    )


async def _from_pages(session: ReadSession, base: str, fault: SourceError) -> LocalReading:
    """Read the client's calendar page in place of its API. If that fails too, raise the API's error."""
    try:
        reading = await read_pages(session, _calendar(base))
    except SourceError:
        raise fault from None
    note = f"{fault}; its calendar page is read in place of the API"
    return replace(reading, problems=(*reading.problems, note))


def _base(address: str) -> tuple[str, str]:
    """Split a place's address into the address of its API and its token, which is "" if there is none."""
    parts = urlsplit(address)
    token = _TOKEN.search(parts.query)
    return f"{parts.scheme}://{parts.netloc}{_FEED.sub('', parts.path).rstrip('/')}", token[1] if token else ""


@dataclass(frozen=True, slots=True)
class ApiFeed:
    """One of the API's two feeds.

    `id`, `stamp` and `titles` are the names of the fields with a row's ID, its date and its title. Rows are sorted by
    `stamp`.
    """

    name: str
    id: str
    stamp: str
    titles: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """The beginning of the names of all fields."""
        return self.id.removesuffix("Id")

    def address(self, base: str, since: str, skip: int) -> str:
        """Return the address of one page of rows.

        The filter starts a day before `since`, because the API's "gt" would exclude rows stamped midnight.
        """
        before = datetime.fromisoformat(since).date() - timedelta(days=1)
        query = {"$filter": f"{self.stamp} gt datetime'{before}'", "$orderby": f"{self.stamp} desc"}
        quoted = "&".join(f"{name}={quote(value, safe=_UNQUOTED)}" for name, value in query.items())
        return f"{base}/{self.name}?{quoted}&$top={PAGE}&$skip={skip}"


_UNQUOTED = "'$,:-"
MATTERS = ApiFeed("matters", "MatterId", "MatterLastModifiedUtc", ("MatterTitle", "MatterName", "MatterFile"))
EVENTS = ApiFeed("events", "EventId", "EventDate", ("EventBodyName",))


@dataclass(frozen=True, slots=True)
class _FeedReading:
    """The rows read from a feed, each with the SHA-256 of its document.

    If `is_same` is true, there are no rows, because an unchanged feed isn't parsed.
    """

    rows: Sequence[tuple[Row, str]] = ()
    pages: int = 1
    is_same: bool = False
    is_complete: bool = True


class _Client:
    """One reading of a Legistar client's site."""

    def __init__(self, session: ReadSession, base: str) -> None:
        self._session = session
        self._base = base
        self._facts: dict[str, Any] = {name: fact for name, fact in session.status.facts.items() if name != "calendar"}
        self._events = Crawler(session, "events", parse_agenda=self._parse_agenda, is_calendar=True)

    async def read(self) -> LocalReading:
        """Read the matters and then the meetings.

        Matters are read first, because agendas are fetched again when a matter has changed.
        """
        faults: list[SourceError] = []
        filed = await self._or_fault(self._matters(), faults)
        items = await self._or_fault(self._meetings(matters_changed=bool(filed)), faults)
        if len(faults) == 2:
            raise faults[0]
        for fault in faults:
            self._session.note(str(fault))
        on_agendas = self._events.matters
        items += [item for item in filed if item.id.removeprefix("matter/") not in on_agendas]
        return self._session.reading(items, self._facts)

    async def _or_fault(self, feed: Awaitable[list[AgendaItem]], faults: list[SourceError]) -> list[AgendaItem]:
        """Return a feed's items, or add its error to `faults` and return no items.

        Some clients have only one of the two feeds, so one error doesn't stop the reading. Raises the error if the
        server is down or blocks us.
        """
        try:
            return await feed
        except (Blocked, Unreachable):
            raise
        except SourceError as fault:
            faults.append(_explained(fault))
            return []

    # ── the feeds ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _read_feed(self, feed: ApiFeed, since: str, *, unconditional: bool) -> _FeedReading:
        """Read the feed's rows page by page, back to `since`.

        The rows are also filtered here, because some servers ignore the filter in the address.
        """
        rereads = unconditional or self._facts.get("pages", {}).get(feed.name, 1) > 1
        found: list[tuple[Row, str]] = []
        for page in range(MOST_PAGES):
            address = feed.address(self._base, since, page * PAGE)
            document = await self._session.get(address, expect=Expect.JSON, unconditional=rereads or page > 0)
            if page == 0 and not rereads and self._session.is_same(document, address):
                return _FeedReading(is_same=True)
            on_page = rows(document, of=feed.prefix)
            found += [(row, document.sha256) for row in on_page if _is_since(row, feed, since)]
            if _is_last(on_page, feed, since):
                return _FeedReading(found, pages=page + 1)
        self._session.note(
            f"{self._session.place.name}: {feed.name} filled more than {MOST_PAGES} pages of {PAGE} rows; "
            "the rest was not read"
        )
        return _FeedReading(found, pages=MOST_PAGES, is_complete=False)

    def _read_rows(
        self, feed: ApiFeed, found: Iterable[tuple[Row, str]], read: Callable[[Row, str], Entry | None]
    ) -> list[Entry]:
        """Convert the rows of a feed. A row that can't be converted is recorded and skipped."""
        return self._session.read_each(
            f"{self._base}/{feed.name}", found, lambda each: read(*each), lambda each: title(each[0], *feed.titles)
        )

    def _store_pages(self, feed: ApiFeed, reading: _FeedReading) -> None:
        self._facts["pages"] = {**self._facts.get("pages", {}), feed.name: reading.pages}

    async def _matters(self) -> list[AgendaItem]:
        """Return new and changed matters.

        Each reading starts with the last day of the previous one, because rows can arrive out of order.
        """
        since = str(self._facts.get("since"))
        if not _is_day(since):
            since = (self._session.today - FIRST_LOOK).isoformat()
        stored = self._facts.get("matters", {})
        reading = await self._read_feed(MATTERS, since, unconditional=False)
        if reading.is_same:
            return []
        self._store_pages(MATTERS, reading)
        stamps = {_id(row, MATTERS): text(row, MATTERS.stamp) for row, _ in reading.rows}
        newest = max((stamp[:10] for stamp in stamps.values() if _is_day(stamp)), default=since)
        self._facts["since"] = max(since, min(newest, self._session.today.isoformat()))
        self._facts["matters"] = {key: stamp for key, stamp in stamps.items() if stamp[:10] >= self._facts["since"]}
        changed = [each for each in reading.rows if stored.get(_id(each[0], MATTERS)) != text(each[0], MATTERS.stamp)]
        return self._read_rows(MATTERS, changed, self._matter)

    async def _meetings(self, *, matters_changed: bool) -> list[AgendaItem]:
        """Return the new and amended items from the calendar and its agendas."""
        self._events.keep_stored()
        rereads = matters_changed or self._session.rereads_index
        reading = await self._read_feed(EVENTS, self._session.since.isoformat(), unconditional=rereads)
        if reading.is_same:
            return []
        self._store_pages(EVENTS, reading)
        entries = self._read_rows(EVENTS, reading.rows, self._entry)
        items = await self._events.crawl(
            entries,
            evidence=reading.rows[0][1] if reading.rows else "",
            is_complete=reading.is_complete,
            recheck_until=self._session.today + SOON if matters_changed else None,
        )
        self._facts["events"] = self._events.facts
        return items

    # ── the rows ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _matter(self, row: Row, evidence: str) -> AgendaItem | None:
        key, name = _id(row, MATTERS), title(row, *MATTERS.titles)
        if not key or not name:
            return None
        return AgendaItem(
            id=f"matter/{key}",
            title=name,
            text=_joined_fields(row, "MatterFile", "MatterTypeName", "MatterStatusName"),
            address=self._matter_address(key),
            body=title(row, "MatterBodyName") or self._session.place.body,
            meets_at=meeting_time(row.get("MatterAgendaDate"), None, self._session.zone),
            evidence=evidence,
        )

    def _matter_address(self, key: str) -> str:
        if self._base.startswith(API):
            client = self._base.removeprefix(API)
            return f"https://{client}.legistar.com/gateway.aspx?m=l&id=/matter.aspx?key={key}"
        return f"{self._base}/matters/{key}"

    def _entry(self, row: Row, evidence: str) -> IndexEntry | None:
        key = _id(row, EVENTS)
        if not key:
            return None
        body = title(row, "EventBodyName") or self._session.place.body or self._session.place.name
        comment = text(row, "EventComment")
        item = AgendaItem(
            id=f"event/{key}",
            title=body,
            text=comment,
            address=link(row, "EventInSiteURL") or f"{self._base}/events/{key}",
            body=body,
            meets_at=meeting_time(row.get("EventDate"), row.get("EventTime"), self._session.zone),
            status=meeting_status(body, comment, text(row, "EventAgendaStatusName"), text(row, "EventLocation")),
            evidence=evidence,
        )
        agenda = link(row, "EventAgendaFile")
        version = f"{agenda} {text(row, 'EventAgendaLastPublishedUTC')}"
        own = LinkedDocument(id=item.id, title=body, address=agenda, version=version)
        return IndexEntry(
            item=item,
            version=fingerprint(row),
            documents=(own,) if agenda else (),
            agenda=f"{self._base}/events/{key}/eventitems?Attachments=1",
        )

    def _parse_agenda(self, meeting: IndexEntry, document: Document) -> ParsedAgenda:
        items: dict[str, AgendaItem] = {}
        documents: list[LinkedDocument] = []
        matters: list[str] = []

        def add(row: Row) -> None:
            matter, name = number(row, "EventItemMatterId"), _title_of(row)
            if not name:
                return
            key = f"{meeting.item.id}/matter/{matter}"
            if not matter or key in items:
                key = f"{meeting.item.id}/item/{number(row, 'EventItemId') or fingerprint(name)}"
            matters.extend([str(matter)] if matter else [])
            items[key] = _item(key, name, row, meeting.item, document.sha256)
            documents.extend(_attachments(key, name, row))

        self._session.read_each(document.address, rows(document, of="Event"), add, _title_of)
        return ParsedAgenda(items=tuple(items.values()), documents=worth_opening(documents), matters=tuple(matters))


def _title_of(row: Row) -> str:
    """Return an item's title.

    If there is no title, return the item's note, its action or the name of its first attachment.
    """
    attachments = objects(row.get("EventItemMatterAttachments"))
    return title(row, "EventItemTitle", "EventItemMatterName", "EventItemAgendaNote", "EventItemActionText") or next(
        filter(None, (title(each, "MatterAttachmentName", "MatterAttachmentFileName") for each in attachments)), ""
    )


def _item(key: str, name: str, row: Row, meeting: AgendaItem, evidence: str) -> AgendaItem:
    fields = ("EventItemMatterFile", "EventItemAgendaNote", "EventItemActionText", "EventItemPassedFlagName")
    return AgendaItem(
        id=key,
        title=name,
        text=_joined_fields(row, *fields),
        address=meeting.address,
        body=meeting.body,
        meets_at=meeting.meets_at,
        status=meeting.status,
        evidence=evidence,
    )


def _joined_fields(row: Row, *names: str) -> str:
    return " · ".join(filter(None, (text(row, name) for name in names)))


def _attachments(key: str, name: str, row: Row) -> list[LinkedDocument]:
    found = []
    for each in objects(row.get("EventItemMatterAttachments")):
        address = link(each, "MatterAttachmentHyperlink")
        if address:
            label = title(each, "MatterAttachmentName", "MatterAttachmentFileName") or "attachment"
            file = number(each, "MatterAttachmentId") or fingerprint(address)
            version = text(each, "MatterAttachmentLastModifiedUtc")
            found.append(
                LinkedDocument(id=f"{key}/{file}", title=f"{label} ({name})", address=address, version=version)
            )
    return found


# ── stamps ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _id(row: Row, feed: ApiFeed) -> str:
    key = number(row, feed.id)
    return str(key) if key else ""


def _is_day(stamp: str) -> bool:
    """Return whether a stamp begins with a day that exists, such as 2026-11-24."""
    try:
        return stamp[4:5] == "-" and date.fromisoformat(stamp[:10]) > date.min
    except ValueError:
        return False


def _is_since(row: Row, feed: ApiFeed, since: str) -> bool:
    """Return whether the row's date is `since` or later. A row without a date is always included."""
    stamp = text(row, feed.stamp)
    return not _is_day(stamp) or stamp[:10] >= since


def _is_last(on_page: Sequence[Row], feed: ApiFeed, since: str) -> bool:
    """Return whether the remaining pages can be skipped.

    This is true if this page isn't full, or if its rows are in descending order and the last row is older than `since`.
    """
    if len(on_page) < PAGE:
        return True
    stamps = [text(row, feed.stamp) for row in on_page]
    is_falling = all(map(_is_day, stamps)) and all(one >= following for one, following in pairwise(stamps))
    return is_falling and stamps[-1][:10] < since


def _explained(fault: SourceError) -> SourceError:
    """Add a Legistar-specific explanation to the error."""
    if re.search(r"answered 403\b", str(fault)):
        why = "Legistar answers this if the client needs ?token=… in its address, or if its API is closed"
    elif re.search(r"answered 500\b", str(fault)):
        why = "Legistar also answers this if it doesn't know the client"
    elif isinstance(fault, Missing):
        why = "Legistar has no such client, or its API was switched off"
    elif type(fault) is SourceError:
        why = "Legistar answers this if it doesn't know the client, or if the client needs ?token=… in its address"
    else:
        return fault
    return type(fault)(f"{fault} ({why})", retry_after=fault.retry_after)
