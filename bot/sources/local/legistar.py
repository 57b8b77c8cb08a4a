"""Legistar's Web API (https://webapi.legistar.com/v1/CLIENT): what is filed, and what stands on agendas.

Two feeds are read: matters by when they were last modified, events by their day. Both are asked for in falling order,
for some clients ignore `$filter`. An event's items change without the event doing so: those of the meetings that are
soon are asked for again when a matter changed, all once a day.
"""

import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.document import Document, Expect
from bot.domain.source_status import SourceStatus
from bot.errors import Blocked, Missing, SourceError, Unreachable
from bot.sources import Fetcher
from bot.sources.formats.fields import Row, link, meeting_status, meeting_time, number, objects, rows, text, title
from bot.sources.local.crawler import Agenda, Crawler, Listed, Paper, promising
from bot.sources.local.session import ReadSession, fingerprint

API = "https://webapi.legistar.com/v1/"
PAGE = 200  # rows; the API gives at most 1,000
MOST_PAGES = 10
FIRST_LOOK = timedelta(days=60)  # at matters, when nothing is known
SOON = timedelta(days=14)

_SITE = re.compile(r"([a-z0-9][a-z0-9_-]*)\.legistar\.com")
_API_PATH = re.compile(r"(?:/v1)?/([a-z0-9][a-z0-9_-]*)", re.IGNORECASE)
_TOKEN = re.compile(r"(?:^|&)(token=[^&#]+)")
_FEED = re.compile(r"/(?:matters|events)(?:/.*)?$", re.IGNORECASE)


class Legistar:
    """A client of Legistar; its address is that of its API, with `?token=…` where the client needs one."""

    kind = "legistar"

    def recognizes(self, address: str) -> Place | None:
        """The API of the client whose site or API this is."""
        parts = urlsplit(address)
        host = parts.hostname or ""
        client = _API_PATH.match(parts.path) if host == "webapi.legistar.com" else _SITE.fullmatch(host)
        if client is None:
            return None
        token = _TOKEN.search(parts.query)
        name = client[1].lower()
        return Place(name=name, kind=self.kind, address=f"{API}{name}{f'?{token[1]}' if token else ''}", state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """What was filed and put on agendas since the last reading; one request for each feed where nothing changed."""
        base, signature = _base((self.recognizes(place.address) or place).address)
        return await _Client(ReadSession(fetch, place, status, now, base=base, signature=signature), base).read()


def _base(address: str) -> tuple[str, str]:
    """The address of the API, and what its requests are signed with."""
    parts = urlsplit(address)
    token = _TOKEN.search(parts.query)
    return f"{parts.scheme}://{parts.netloc}{_FEED.sub('', parts.path).rstrip('/')}", token[1] if token else ""


@dataclass(frozen=True, slots=True)
class _Feed:
    """One of the two feeds: `stamp` is the field that it is ordered by, `id` that of a row."""

    name: str
    id: str
    stamp: str

    def address(self, base: str, since: str, skip: int) -> str:
        """A page of what is stamped with the day `since` or later; a stamp at midnight is not "gt" its own day."""
        before = datetime.fromisoformat(since).date() - timedelta(days=1)
        question = {"$filter": f"{self.stamp} gt datetime'{before}'", "$orderby": f"{self.stamp} desc"}
        asked = "&".join(f"{name}={quote(value, safe=_PLAIN)}" for name, value in question.items())
        return f"{base}/{self.name}?{asked}&$top={PAGE}&$skip={skip}"


_PLAIN = "'$,:-"
MATTERS = _Feed("matters", "MatterId", "MatterLastModifiedUtc")
EVENTS = _Feed("events", "EventId", "EventDate")


@dataclass(frozen=True, slots=True)
class _Told:
    """The rows of a feed, each with the document that it stands in; none where the feed says what it said last time."""

    rows: Sequence[tuple[Row, str]] = ()
    pages: int = 1
    is_known: bool = False
    is_complete: bool = True


class _Client:
    """One reading of one client."""

    def __init__(self, visit: ReadSession, base: str) -> None:
        self._visit = visit
        self._base = base
        self._facts: dict[str, Any] = dict(visit.status.facts)
        self._events = Crawler(visit, "events", read_agenda=self._agenda, is_calendar=True)

    async def read(self) -> LocalReading:
        """Matters first: whether there is news of them says how closely the agendas are looked at."""
        faults: list[SourceError] = []
        filed = await self._or_fault(self._matters(), faults)
        items = await self._or_fault(self._meetings(has_news=bool(filed)), faults)
        if len(faults) == 2:
            raise faults[0]
        for fault in faults:
            self._visit.note(str(fault))
        on_agendas = self._events.refs
        items += [item for item in filed if item.id.removeprefix("matter/") not in on_agendas]
        return self._visit.reading(items, self._facts)

    async def _or_fault(self, feed: Awaitable[list[AgendaItem]], faults: list[SourceError]) -> list[AgendaItem]:
        """What a feed brings; a client may have one without the other, but a server that is away is away."""
        try:
            return await feed
        except (Blocked, Unreachable):
            raise
        except SourceError as fault:
            faults.append(_explained(fault))
            return []

    # ── the feeds ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ask(self, feed: _Feed, since: str, *, whole: bool) -> _Told:
        """The rows of a feed since a day, page by page; servers that ignore the filter are filtered here."""
        whole = whole or self._facts.get("pages", {}).get(feed.name, 1) > 1
        told: list[tuple[Row, str]] = []
        for page in range(MOST_PAGES):
            address = feed.address(self._base, since, page * PAGE)
            document = await self._visit.get(address, expect=Expect.JSON, whole=whole or page > 0)
            if page == 0 and not whole and self._visit.is_known(document, address):
                return _Told(is_known=True)
            came = rows(document)
            told += [(row, document.sha256) for row in came if _since(row, feed, since)]
            if _is_last(came, feed, since):
                return _Told(told, pages=page + 1)
        self._visit.note(
            f"{self._visit.place.name}: {feed.name} fill more than {MOST_PAGES} pages of {PAGE}; the rest is not read"
        )
        return _Told(told, pages=MOST_PAGES, is_complete=False)

    def _paged(self, feed: _Feed, told: _Told) -> None:
        if not told.is_known:
            self._facts["pages"] = {**self._facts.get("pages", {}), feed.name: told.pages}

    async def _matters(self) -> list[AgendaItem]:
        """What is filed or modified; the last day is asked for again, for its rows may have come out of order."""
        since = self._facts.get("since") or (self._visit.today - FIRST_LOOK).isoformat()
        known = self._facts.get("matters", {})
        told = await self._ask(MATTERS, since, whole=False)
        if told.is_known:
            return []
        self._paged(MATTERS, told)
        stamps = {_id(row, MATTERS): text(row, MATTERS.stamp) for row, _ in told.rows}
        newest = max((stamp[:10] for stamp in stamps.values() if _is_day(stamp)), default=since)
        self._facts["since"] = max(since, min(newest, self._visit.today.isoformat()))
        self._facts["matters"] = {key: stamp for key, stamp in stamps.items() if stamp[:10] >= self._facts["since"]}
        fresh = ((row, sha256) for row, sha256 in told.rows if known.get(_id(row, MATTERS)) != text(row, MATTERS.stamp))
        return [item for row, sha256 in fresh if (item := self._matter(row, sha256)) is not None]

    async def _meetings(self, *, has_news: bool) -> list[AgendaItem]:
        """What is new or amended on the calendar and on its agendas."""
        whole = has_news or self._visit.reads_whole
        self._events.rest()
        told = await self._ask(EVENTS, self._visit.since.isoformat(), whole=whole)
        if told.is_known:
            return []
        self._paged(EVENTS, told)
        listed = [each for row, sha256 in told.rows if (each := self._listed(row, sha256)) is not None]
        items = await self._events.follow(
            listed,
            evidence=told.rows[0][1] if told.rows else "",
            is_complete=told.is_complete,
            asks_until=self._visit.today + SOON if has_news else None,
        )
        self._facts["events"] = self._events.states
        return items

    # ── the rows ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _matter(self, row: Row, evidence: str) -> AgendaItem | None:
        key, name = _id(row, MATTERS), title(row, "MatterTitle", "MatterName", "MatterFile")
        if not key or not name:
            return None
        said = ("MatterFile", "MatterTypeName", "MatterStatusName")
        return AgendaItem(
            id=f"matter/{key}",
            title=name,
            text=" · ".join(filter(None, (text(row, field) for field in said))),
            address=self._matter_address(key),
            body=title(row, "MatterBodyName") or self._visit.place.body,
            meets_at=meeting_time(row.get("MatterAgendaDate"), None, self._visit.zone),
            evidence=evidence,
        )

    def _matter_address(self, key: str) -> str:
        if self._base.startswith(API):
            client = self._base.removeprefix(API)
            return f"https://{client}.legistar.com/gateway.aspx?m=l&id=/matter.aspx?key={key}"
        return f"{self._base}/matters/{key}"

    def _listed(self, row: Row, evidence: str) -> Listed | None:
        key = _id(row, EVENTS)
        if not key:
            return None
        body = title(row, "EventBodyName") or self._visit.place.body or self._visit.place.name
        comment = text(row, "EventComment")
        item = AgendaItem(
            id=f"event/{key}",
            title=body,
            text=comment,
            address=link(row, "EventInSiteURL") or f"{self._base}/events/{key}",
            body=body,
            meets_at=meeting_time(row.get("EventDate"), row.get("EventTime"), self._visit.zone),
            status=meeting_status(body, comment, text(row, "EventAgendaStatusName"), text(row, "EventLocation")),
            evidence=evidence,
        )
        published = text(row, "EventAgendaLastPublishedUTC")
        agenda = link(row, "EventAgendaFile")
        return Listed(
            item=item,
            stamp=fingerprint(row),
            papers=(Paper(id=item.id, title=body, address=agenda, stamp=f"{agenda} {published}"),) if agenda else (),
            agenda=f"{self._base}/events/{key}/eventitems?Attachments=1",
        )

    def _agenda(self, meeting: Listed, document: Document) -> Agenda:
        items: dict[str, AgendaItem] = {}
        papers: list[Paper] = []
        refs: list[str] = []
        for row in rows(document):
            matter, name = number(row, "EventItemMatterId"), title(row, "EventItemTitle", "EventItemMatterName")
            if not name:
                continue
            key = f"{meeting.item.id}/matter/{matter}"
            if not matter or key in items:
                key = f"{meeting.item.id}/item/{number(row, 'EventItemId') or fingerprint(name)}"
            refs += [str(matter)] if matter else []
            items[key] = _item(key, name, row, meeting.item, document.sha256)
            papers += _attachments(key, name, row)
        return Agenda(items=tuple(items.values()), papers=promising(papers), refs=tuple(refs))


def _item(key: str, name: str, row: Row, meeting: AgendaItem, evidence: str) -> AgendaItem:
    said = ("EventItemMatterFile", "EventItemAgendaNote", "EventItemActionText", "EventItemPassedFlagName")
    return AgendaItem(
        id=key,
        title=name,
        text=" · ".join(filter(None, (text(row, field) for field in said))),
        address=meeting.address,
        body=meeting.body,
        meets_at=meeting.meets_at,
        status=meeting.status,
        evidence=evidence,
    )


def _attachments(key: str, name: str, row: Row) -> list[Paper]:
    found = []
    for each in objects(row.get("EventItemMatterAttachments")):
        address = link(each, "MatterAttachmentHyperlink")
        if address:
            called = title(each, "MatterAttachmentName", "MatterAttachmentFileName") or "attachment"
            place = number(each, "MatterAttachmentId") or fingerprint(address)
            stamp = text(each, "MatterAttachmentLastModifiedUtc")
            found.append(Paper(id=f"{key}/{place}", title=f"{called} ({name})", address=address, stamp=stamp))
    return found


# ── stamps ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _id(row: Row, feed: _Feed) -> str:
    key = number(row, feed.id)
    return str(key) if key else ""


def _is_day(stamp: str) -> bool:
    return re.match(r"\d{4}-\d{2}-\d{2}", stamp) is not None


def _since(row: Row, feed: _Feed, since: str) -> bool:
    """Whether a row is stamped with that day or later; one without a stamp is let through."""
    stamp = text(row, feed.stamp)
    return not _is_day(stamp) or stamp[:10] >= since


def _is_last(came: Sequence[Row], feed: _Feed, since: str) -> bool:
    """Whether no further page can hold what is asked for: this one is short, or falls below the day."""
    if len(came) < PAGE:
        return True
    stamps = [text(row, feed.stamp) for row in came]
    falls = all(map(_is_day, stamps)) and all(one >= next_ for one, next_ in pairwise(stamps))
    return falls and stamps[-1][:10] < since


def _explained(fault: SourceError) -> SourceError:
    """The fault with what it means at Legistar."""
    if isinstance(fault, Missing):
        why = "Legistar has no such client, or its API was switched off"
    elif type(fault) is SourceError:
        why = "Legistar refuses so where it does not know the client, or where the client needs ?token=… in its address"
    else:
        return fault
    return type(fault)(f"{fault} ({why})", retry_after=fault.retry_after)
