"""CivicClerk's API (https://TENANT.api.civicclerk.com/v1): meetings, the items of their agendas, and published files.

An event has `agendaId` 0 until its agenda is made, which may be after the meeting was set and after the meeting itself.
Times are those of a clock at the place, whatever zone their `Z` claims.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.document import Document, Expect
from bot.domain.source_status import SourceStatus
from bot.errors import Unreadable
from bot.sources import Fetcher
from bot.sources.formats.fields import (
    Row,
    joined,
    link,
    meeting_status,
    number,
    objects,
    rows,
    text,
    title,
    told,
    wall_time,
)
from bot.sources.local.crawler import Agenda, Crawler, Listed, Paper, is_ahead, promising
from bot.sources.local.session import ReadSession, fingerprint

MOST_PAGES = 40  # of 15 events
DEEPEST = 12  # items within items

_TENANT = re.compile(r"([a-z0-9][a-z0-9-]*)(?:\.(?:portal|api))?\.civicclerk\.com")
_MINUTES = re.compile(r"minutes|video|audio|recording", re.IGNORECASE)


class CivicClerk:
    """A tenant of CivicClerk; its address is that of its API."""

    kind = "civicclerk"

    def recognizes(self, address: str) -> Place | None:
        """The API of the tenant whose portal or API this is."""
        tenant = _TENANT.fullmatch(urlsplit(address).hostname or "")
        if tenant is None:
            return None
        name = tenant[1]
        return Place(name=name, kind=self.kind, address=f"https://{name}.api.civicclerk.com/v1", state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """What was put on the calendar and on its agendas since the last reading; one request where nothing changed."""
        base = _base((self.recognizes(place.address) or place).address)
        return await _Tenant(ReadSession(fetch, place, status, now), base).read()


def _base(address: str) -> str:
    """The address of the API, of which somebody may have given the host alone or one of its lists."""
    parts = urlsplit(address)
    path = re.sub(r"/(?:Events|Meetings)(?:/.*)?$", "", parts.path, flags=re.IGNORECASE).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


class _Tenant:
    """One reading of one tenant."""

    def __init__(self, visit: ReadSession, base: str) -> None:
        self._visit = visit
        self._base = base
        self._events = Crawler(visit, "events", read_agenda=self._agenda, is_calendar=True)

    async def read(self) -> LocalReading:
        question = f"$filter=startDateTime%20gt%20{self._visit.since}T00:00:00Z&$orderby=startDateTime%20asc"
        address = f"{self._base}/Events?{question}"
        whole = self._visit.reads_whole or self._visit.status.facts.get("pages", 1) > 1
        document = await self._visit.get(address, expect=Expect.JSON, whole=whole)
        if not whole and self._visit.is_known(document, address):
            return self._visit.nothing_new()
        listed, pages, is_complete = await self._all(document, address)
        items = await self._events.follow(listed, evidence=document.sha256, is_complete=is_complete)
        return self._visit.reading(items, {"events": self._events.states, "pages": pages})

    async def _all(self, document: Document, address: str) -> tuple[list[Listed], int, bool]:
        """The events of all pages, how many pages, and whether those are all."""
        listed: list[Listed] = []
        seen = {address}
        while True:
            listed += self._page(document)
            following = _next(document, address)
            if not following:
                return listed, len(seen), True
            if following in seen or len(seen) >= MOST_PAGES or not _is_same_site(following, address):
                self._visit.note(f"{self._visit.place.name}: the list of events goes on at {following[:200]}, not read")
                return listed, len(seen), False
            seen.add(following)
            document = await self._visit.get(following, expect=Expect.JSON, whole=True)

    def _page(self, document: Document) -> list[Listed]:
        since = self._visit.since
        found = (self._listed(row, document.sha256) for row in rows(document, "value"))
        return [each for each in found if each is not None and _is_since(each.item, since)]

    def _listed(self, row: Row, evidence: str) -> Listed | None:
        key = number(row, "id")
        if not key:
            return None
        name = title(row, "eventName", "agendaName", "categoryName") or self._visit.place.name
        files = objects(row.get("publishedFiles"))
        item = AgendaItem(
            id=f"event/{key}",
            title=name,
            text=text(row, "eventDescription"),
            address=self._portal(f"event/{key}/overview") or f"{self._base}/Events/{key}",
            body=title(row, "categoryName") or self._visit.place.body or name,
            meets_at=wall_time(row.get("startDateTime") or row.get("eventDate"), self._visit.zone),
            status=meeting_status(name, text(row, "eventNotice"), text(row, "agendaName")),
            evidence=evidence,
        )
        agenda = number(row, "agendaId")
        return Listed(
            item=item,
            stamp=fingerprint(row),
            papers=tuple(self._files(item, files)),
            agenda=f"{self._base}/Meetings/{agenda}" if agenda > 0 else "",
        )

    def _portal(self, path: str) -> str:
        host = urlsplit(self._base).hostname or ""
        tenant = _TENANT.fullmatch(host)
        return f"https://{tenant[1]}.portal.civicclerk.com/{path}" if tenant else ""

    def _files(self, item: AgendaItem, files: list[Row]) -> Iterator[Paper]:
        """What is published of a meeting, minutes apart: the agenda is the meeting's own document."""
        own = True
        for row in sorted(files, key=lambda row: text(row, "type").lower() != "agenda"):
            key, kind, name = number(row, "fileId"), title(row, "type"), title(row, "name", "type")
            if not key or _MINUTES.search(kind or name):
                continue
            is_own = own and kind.lower() in {"agenda", "agenda packet"}
            own = own and not is_own
            yield Paper(
                id=item.id if is_own else f"{item.id}/{_slug(kind or name)}/{key}",
                title=f"{name} ({item.title})",
                address=f"{self._base}/Meetings/GetMeetingFileStream(fileId={key},plainText=false)",
                stamp=f"{key} {text(row, 'publishOn')}",
            )

    def _agenda(self, meeting: Listed, document: Document) -> Agenda:
        """The items of an agenda, also those within items; one that is empty is looked at again."""
        said = told(document)
        if not isinstance(said, dict):
            raise Unreadable(f"{document.address} is JSON, but not an agenda")
        items: dict[str, AgendaItem] = {}
        papers: list[Paper] = []
        for row, path in _walk(objects(said.get("items")), ""):
            name = title(row, "agendaObjectItemName")
            if not name:
                continue
            key = f"{meeting.item.id}/{_key(row, path, name)}"
            key = f"{key}/{fingerprint(name)}" if key in items else key
            items[key] = _item(key, name, row, meeting.item, document.sha256)
            papers += _attachments(key, name, row, meeting.item.address)
        is_awaited = not items and is_ahead(meeting.item.meets_at, self._visit)
        return Agenda(items=tuple(items.values()), papers=promising(papers), is_complete=not is_awaited)


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


def _attachments(key: str, name: str, row: Row, shown: str) -> Iterator[Paper]:
    """An item's attachments; their addresses are good for an hour only, so a reader is sent to the meeting."""
    for each in objects(row.get("attachmentsList")):
        address = link(each, "pdfVersionFullPath", "mediaFullPath", "url", "address")
        called = title(each, "fileName", "mediaFileName", "name") or "attachment"
        if address:
            place = number(each, "id") or fingerprint(called)
            yield Paper(id=f"{key}/file/{place}", title=f"{called} ({name})", address=address, shown=shown)


def _walk(items: list[Row], path: str, depth: int = 0) -> Iterator[tuple[Row, str]]:
    """Each item with the numbers that lead to it."""
    for row in items:
        here = f"{path}.{_number(row)}".strip(".")
        yield row, here
        if depth < DEEPEST:
            yield from _walk(objects(row.get("childItems")), here, depth + 1)


def _number(row: Row) -> str:
    return (text(row, "agendaObjectItemOutlineNumber") or text(row, "agendaObjectItemNumber")).strip(" .")[:40]


def _key(row: Row, path: str, name: str) -> str:
    """What an item is called as long as it stands: its id, else its number, else its name."""
    if key := number(row, "id"):
        return f"item/{key}"
    return f"number/{path}" if path else f"name/{fingerprint(name)}"


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:40] or "file"


def _next(document: Document, address: str) -> str:
    """Where the list goes on."""
    said = told(document)
    following = said.get("@odata.nextLink") if isinstance(said, dict) else None
    return joined(address, following) if isinstance(following, str) and following.strip() else ""


def _is_same_site(one: str, other: str) -> bool:
    return urlsplit(one)[:2] == urlsplit(other)[:2]


def _is_since(item: AgendaItem, since: object) -> bool:
    """Whether a meeting is of the time that was asked for; one without a time is let through."""
    at = item.meets_at
    return not isinstance(at, datetime) or at.date().isoformat() >= str(since)
