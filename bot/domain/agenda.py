"""Local government: the places we read, the items on their agendas, and the mentions of 287(g) we record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.agreement import Agreement
from bot.domain.document import Document, Validators


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One local source: a table of config/sources/XX.toml.

    `kind` is the platform (legistar, civicclerk, primegov, civicplus, feed, page), `zone` the place's time zone,
    `every_hours` the time between readings and `selector` the part of a page to read. `body` is the board or council
    that meets, if the page doesn't name it. `verified` is the day someone confirmed that a running copy could read the
    source, or None.
    """

    name: str
    kind: str
    address: str
    state: str
    county: str = ""
    zone: str = "UTC"
    every_hours: float = 6.0
    selector: str | None = None
    body: str = ""
    verified: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaItem:
    """One item on an agenda, or a whole meeting, feed entry or page on platforms without items.

    `id` stays the same when the item is amended. `title` and `text` are readable text; `pages` holds the text of each
    page of a paged document. `meets_at` is the meeting's time in the place's time zone, or just its date. `status` is
    the platform's word for the meeting (canceled, …). `address` is the page that readers open, `evidence` the SHA-256
    of the document the item was read from. `unreadable` says why a document of this item couldn't be read.
    """

    id: str
    title: str
    address: str
    text: str = ""
    pages: tuple[str, ...] = ()
    body: str = ""
    meets_at: datetime | date | None = None
    status: str = ""
    evidence: str = ""
    unreadable: str = ""

    @property
    def meets_on(self) -> date | None:
        """The day of the meeting, if it is known."""
        return self.meets_at.date() if isinstance(self.meets_at, datetime) else self.meets_at


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalReading:
    """The result of reading one place: its items, the documents behind them, and the state to keep for next time."""

    items: tuple[AgendaItem, ...] = ()
    documents: tuple[Document, ...] = ()
    validators: Mapping[str, Validators] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unchanged: bool = False


class Subject(StrEnum):
    """The subject of a passage: 287(g) itself, or other business of a government with ICE or about it.

    Related are detention contracts with ICE, policies on detainers and on cooperation, sanctuary ordinances, and
    agreements with Homeland Security Investigations. They are never told as 287(g).
    """

    PROGRAM = "287(g)"
    RELATED = "related"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A passage that counts: the words that matched, the sentence around them, and the page (from 1), if any."""

    matched: str
    excerpt: str
    page: int | None = None
    subject: Subject = Subject.PROGRAM


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A mention of 287(g), or of a related subject, in one agenda item (or meeting, entry or page), as recorded.

    `source` is the place's name. `item` is the item's id, by which we recognize its next edition. `meets_on` is the
    local date of the meeting and `meets_at` its time, None if only the date is known; `zone` is the place's time zone.
    `status` is one of the constants below if the meeting won't take place as planned, else empty. `matched` holds the
    words that matched and `excerpt` the sentence around them, on `page` (from 1) of a paged document. `address` is the
    page that readers open, `evidence` the SHA-256 of the document. `listed` holds the place's agreements on ICE's list
    when the mention was recorded, or None if the list hadn't been read yet. `already` marks a mention found on the
    first reading of the place, or on the first after a long gap. `before` is the edition before the last amendment,
    without its own `before`. Mentions recorded before there was a `subject` are about 287(g).
    """

    source: str
    item: str
    state: str
    title: str
    address: str
    evidence: str
    county: str = ""
    body: str = ""
    zone: str = "UTC"
    meets_on: date | None = None
    meets_at: datetime | None = None
    status: str = ""
    matched: tuple[str, ...] = ()
    excerpt: str = ""
    page: int | None = None
    listed: tuple[Agreement, ...] | None = None
    already: bool = False
    before: "Mention | None" = None
    subject: Subject = Subject.PROGRAM

    @property
    def key(self) -> tuple[str, str]:
        """The identity that all editions of one mention share."""
        return self.source, self.item

    @property
    def planned(self) -> tuple[object, ...]:
        """The time and the status of the meeting."""
        return self.meets_on, self.meets_at, self.status

    @property
    def said(self) -> tuple[object, ...]:
        """The content of the mention, without the page number and the document it came from."""
        return self.title, self.body, self.excerpt, self.matched, self.address

    def is_to_come(self, now: datetime) -> bool:
        """Return whether the meeting is still ahead."""
        if self.meets_at is not None:
            return self.meets_at > now
        return self.meets_on is not None and self.meets_on >= now.astimezone(ZoneInfo(self.zone)).date()

    def after(self, before: "Mention | None") -> "Mention":
        """Return this mention as the successor of an earlier edition."""
        return replace(self, before=replace(before, before=None) if before is not None else None)


CANCELLED, POSTPONED, RESCHEDULED = "cancelled", "postponed", "rescheduled"
OFF_CALENDAR, OFF_AGENDA = "taken off the calendar", "taken off the agenda"


def standing(mentions: Iterable[Mention]) -> dict[tuple[str, str], Mention]:
    """Return the latest edition of each mention, given all editions in log order."""
    last: dict[tuple[str, str], Mention] = {}
    for mention in mentions:
        if mention.before is not None:
            last.pop(mention.before.key, None)
        last[mention.key] = mention
    return last
