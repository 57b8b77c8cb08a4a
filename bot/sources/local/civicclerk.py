"""Read meetings, agenda items and published files from CivicClerk's API (https://TENANT.api.civicclerk.com/v1).

An event's `agendaId` is 0 until its agenda is created, which may be long after the meeting is scheduled or even after
it is held. Times are local, even though they end in `Z`.
"""

import re
from collections.abc import Iterator
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
    decode_json,
    fingerprint,
    link,
    number,
    objects,
    resolve_link,
    rows,
    text,
    title,
    unless_midnight,
    wall_time,
)
from bot.sources.local.crawler import Crawler, IndexEntry, LinkedDocument, ParsedAgenda, is_upcoming
from bot.sources.local.relevance import worth_opening
from bot.sources.local.session import ReadSession

MOST_PAGES = 40  # of 15 events each
TEMPLATE = "One Time Event"  # the template's name, which clerks leave as the name of the event
DEEPEST = 12  # levels of nested items

_TENANT = re.compile(r"([a-z0-9][a-z0-9-]*)(?:\.(?:portal|api))?\.civicclerk\.com")
_MINUTES = re.compile(r"minutes|video|audio|recording", re.IGNORECASE)


class CivicClerk:
    """The source `civicclerk`. A place is one CivicClerk tenant, and its address is that of the tenant's API."""

    kind = "civicclerk"

    def recognizes(self, address: str) -> Place | None:
        """Return the tenant if the address belongs to its portal or API."""
        tenant = _TENANT.fullmatch(urlsplit(address).hostname or "")
        if tenant is None:
            return None
        name = tenant[1]
        return Place(name=name, kind=self.kind, address=f"https://{name}.api.civicclerk.com/v1", state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended items from the calendar and the agendas.

        If nothing has changed, this takes one request.
        """
        base = _base((self.recognizes(place.address) or place).address)
        return await _Tenant(ReadSession(fetch, place, status, now), base).read()


def _base(address: str) -> str:
    """Return the address of the API. `address` may be just the host, or the address of one of the API's lists."""
    parts = urlsplit(address)
    path = re.sub(r"/(?:Events|Meetings)(?:/.*)?$", "", parts.path, flags=re.IGNORECASE).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


class _Tenant:
    """A single reading of one tenant."""

    def __init__(self, session: ReadSession, base: str) -> None:
        self._session = session
        self._base = base
        self._events = Crawler(session, "events", parse_agenda=self._parse_agenda, is_calendar=True)

    async def read(self) -> LocalReading:
        query = f"$filter=startDateTime%20gt%20{self._session.since}T00:00:00Z&$orderby=startDateTime%20asc"
        address = f"{self._base}/Events?{query}"
        rereads = self._session.rereads_index or self._session.status.facts.get("pages", 1) > 1
        document = await self._session.get(address, expect=Expect.JSON, unconditional=rereads)
        if not rereads and self._session.is_same(document, address):
            return self._session.unchanged_reading()
        entries, pages, is_complete = await self._all_pages(document, address)
        items = await self._events.crawl(entries, evidence=document.sha256, is_complete=is_complete)
        return self._session.reading(items, {"events": self._events.facts, "pages": pages})

    async def _all_pages(self, document: Document, address: str) -> tuple[list[IndexEntry], int, bool]:
        """Return the events on all pages, the number of pages read and whether all pages were read."""
        entries: list[IndexEntry] = []
        seen = {address}
        while True:
            entries += self._page(document)
            following = _next_page(document, address)
            if not following:
                return entries, len(seen), True
            if following in seen or len(seen) >= MOST_PAGES or not _is_same_site(following, address):
                self._session.note(
                    f"{self._session.place.name}: the list of events continues at {following[:200]}, which was not read"
                )
                return entries, len(seen), False
            seen.add(following)
            document = await self._session.get(following, expect=Expect.JSON, unconditional=True)

    def _page(self, document: Document) -> list[IndexEntry]:
        since = self._session.since
        read = self._session.read_each(
            document.address, rows(document, "value", of="id"), lambda row: self._entry(row, document.sha256), _name
        )
        return [entry for entry in read if _is_since(entry.item, since)]

    def _entry(self, row: Row, evidence: str) -> IndexEntry | None:
        key = number(row, "id")
        if not key:
            return None
        fields = ("eventName", "agendaName", "categoryName")
        name = next((each for field in fields if (each := title(row, field)) not in {"", TEMPLATE}), "")
        name = name or self._session.place.name
        files = objects(row.get("publishedFiles"))
        item = AgendaItem(
            id=f"event/{key}",
            title=name,
            text=text(row, "eventDescription"),
            address=self._portal(f"event/{key}/overview") or f"{self._base}/Events/{key}",
            body=title(row, "categoryName") or self._session.place.body or name,
            meets_at=unless_midnight(wall_time(row.get("startDateTime") or row.get("eventDate"), self._session.zone)),
            status=meeting_status(name, text(row, "eventNotice"), text(row, "agendaName")),
            evidence=evidence,
        )
        agenda = number(row, "agendaId")
        return IndexEntry(
            item=item,
            version=fingerprint(row),
            documents=tuple(self._files(item, files)),
            agenda=f"{self._base}/Meetings/{agenda}" if agenda > 0 else "",
        )

    def _portal(self, path: str) -> str:
        host = urlsplit(self._base).hostname or ""
        tenant = _TENANT.fullmatch(host)
        return f"https://{tenant[1]}.portal.civicclerk.com/{path}" if tenant else ""

    def _files(self, item: AgendaItem, files: list[Row]) -> Iterator[LinkedDocument]:
        """Yield a meeting's published files, except minutes and recordings.

        The server has the words of each file, so a PDF is opened only if it has none, as of a scan. The first agenda
        gets the same id as the meeting, so it is read as the meeting's own agenda.
        """
        own = True
        for row in sorted(files, key=lambda row: text(row, "type").lower() != "agenda"):
            key, kind, name = number(row, "fileId"), title(row, "type"), title(row, "name", "type")
            if not key or _MINUTES.search(kind or name):
                continue
            is_own = own and kind.lower() in {"agenda", "agenda packet"}
            own = own and not is_own
            yield LinkedDocument(
                id=item.id if is_own else f"{item.id}/{_slug(kind or name)}/{key}",
                title=f"{name} ({item.title})",
                address=self._file(key, "true"),
                public_address=self._file(key, "false"),
                instead=self._file(key, "false"),
                version=f"{key} {text(row, 'publishOn')}",
            )

    def _file(self, key: int, plain: str) -> str:
        return f"{self._base}/Meetings/GetMeetingFileStream(fileId={key},plainText={plain})"

    def _parse_agenda(self, meeting: IndexEntry, document: Document) -> ParsedAgenda:
        """Return all items on an agenda, including nested items.

        If the meeting is upcoming and the agenda is empty, the agenda is fetched again later.
        """
        decoded = decode_json(document)
        if not isinstance(decoded, dict) or "items" not in decoded:
            raise Unreadable(f"{document.address} is JSON, but not an agenda")
        items: dict[str, AgendaItem] = {}
        documents: list[LinkedDocument] = []

        def add(numbered: tuple[Row, str]) -> None:
            row, path = numbered
            if not (name := _name(row)):
                return
            key = f"{meeting.item.id}/{_key(row, path, name)}"
            key = f"{key}/{fingerprint(name)}" if key in items else key
            items[key] = _item(key, name, row, meeting.item, document.sha256)
            documents.extend(_attachments(key, name, row, meeting.item.address))

        walked = _walk(objects(decoded.get("items")), "")
        self._session.read_each(document.address, walked, add, lambda numbered: _name(numbered[0]))
        is_pending = not items and is_upcoming(meeting.item.meets_at, self._session)
        return ParsedAgenda(items=tuple(items.values()), documents=worth_opening(documents), is_complete=not is_pending)


def _item(key: str, name: str, row: Row, meeting: AgendaItem, evidence: str) -> AgendaItem:
    return AgendaItem(
        id=key,
        title=name,
        text=text(row, "agendaObjectItemDescription"),
        address=meeting.address,
        body=meeting.body,
        meets_at=meeting.meets_at,
        status=meeting.status,
        evidence=evidence,
    )


def _attachments(key: str, name: str, row: Row, public_address: str) -> Iterator[LinkedDocument]:
    """Yield an item's attachments.

    The address of an attachment expires after an hour, so readers get the address of the meeting instead.
    """
    for each in objects(row.get("attachmentsList")):
        address = link(each, "pdfVersionFullPath", "mediaFullPath", "url", "address")
        label = title(each, "fileName", "mediaFileName", "name") or "attachment"
        if address:
            file = number(each, "id") or fingerprint(label)
            yield LinkedDocument(
                id=f"{key}/file/{file}", title=f"{label} ({name})", address=address, public_address=public_address
            )


def _walk(items: list[Row], path: str, depth: int = 0) -> Iterator[tuple[Row, str]]:
    """Yield each item and its nested items, with the outline number of each."""
    for row in items:
        here = f"{path}.{_number(row)}".strip(".")
        yield row, here
        if depth < DEEPEST:
            yield from _walk(objects(row.get("childItems")), here, depth + 1)


def _number(row: Row) -> str:
    return (text(row, "agendaObjectItemOutlineNumber") or text(row, "agendaObjectItemNumber")).strip(" .")[:40]


def _key(row: Row, path: str, name: str) -> str:
    """Return a stable key for an item, based on its id, its outline number or its name, in that order."""
    if key := number(row, "id"):
        return f"item/{key}"
    return f"number/{path}" if path else f"name/{fingerprint(name)}"


def _name(row: Row) -> str:
    return title(row, "eventName", "agendaObjectItemName")


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:40] or "file"


def _next_page(document: Document, address: str) -> str:
    """Return the address of the next page of a list, or an empty string if there is no next page."""
    decoded = decode_json(document)
    following = decoded.get("@odata.nextLink") if isinstance(decoded, dict) else None
    return resolve_link(address, following) if isinstance(following, str) and following.strip() else ""


def _is_same_site(one: str, other: str) -> bool:
    return urlsplit(one)[:2] == urlsplit(other)[:2]


def _is_since(item: AgendaItem, since: object) -> bool:
    """Return whether a meeting is on or after the first requested day.

    The result is true if the meeting has no time.
    """
    return item.meets_on is None or item.meets_on.isoformat() >= str(since)
