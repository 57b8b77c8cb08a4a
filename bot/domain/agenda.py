"""Local government: where we look, what was on an agenda, what of it speaks of 287(g), and what is recorded of that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.agreement import Agreement
from bot.domain.document import Document, Validators


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One local source as the catalogue has it: a table of config/sources/XX.toml.

    `kind` is the platform (legistar, civicclerk, primegov, civicplus, feed, page), `zone` the place's own time zone,
    `every_hours` how often it is read, `selector` the part of a page that counts, `body` who meets where the page does
    not say it. `verified` is the day on which somebody read it well from a running copy, None where nobody has.
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
    """One thing on an agenda, or one meeting, feed entry or page where there are no items.

    `id` is stable while the item is amended. `title` and `text` are readable text; `pages` are the texts of a
    document's pages where it has pages. `meets_at` is the meeting's time in the place's zone (or its day), `status`
    what the platform says of the meeting (cancelled, …). `address` is what a reader opens; `evidence` the SHA-256 of
    the document that it was read from. `unreadable` says why a document that belongs to it could not be read.
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
    """What one reading of a place brought: its items, the documents that they rest on, and what to remember."""

    items: tuple[AgendaItem, ...] = ()
    documents: tuple[Document, ...] = ()
    validators: Mapping[str, Validators] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unchanged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Where a text speaks of 287(g): the words that matched, the sentence around them, the page (from 1), if any."""

    matched: str
    excerpt: str
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """What a place says of 287(g) in one thing on an agenda (or one meeting, entry or page), as it is recorded.

    `source` is the place's name and `item` the id of the thing, by which its next edition is known. `meets_on` is the
    day of the meeting at the place and `meets_at` its moment, None where only the day is known; `zone` is the place's.
    `status` says that the meeting does not take place so (one of the words below), empty while all goes as planned.
    `matched` are the words that matched, `excerpt` the sentence around them, on `page` (from 1) where there are pages.
    `address` is what a reader opens, `evidence` the SHA-256 of the document that says it. `listed` is what ICE listed
    there when it was recorded, None where its list had not been read yet. `already` says that it stood there when the
    place was read for the first time (or again after a long time). `before` is what it said before it was amended,
    without what it said before that.
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

    @property
    def key(self) -> tuple[str, str]:
        """What makes another edition the same thing."""
        return self.source, self.item

    @property
    def planned(self) -> tuple[object, ...]:
        """When it is to be dealt with, if at all."""
        return self.meets_on, self.meets_at, self.status

    @property
    def said(self) -> tuple[object, ...]:
        """What it says; the page and the bytes that say it may be others."""
        return self.title, self.body, self.excerpt, self.matched, self.address

    def is_to_come(self, now: datetime) -> bool:
        """Whether its meeting is still to come."""
        if self.meets_at is not None:
            return self.meets_at > now
        return self.meets_on is not None and self.meets_on >= now.astimezone(ZoneInfo(self.zone)).date()

    def after(self, before: "Mention | None") -> "Mention":
        """The same as what follows on an earlier edition."""
        return replace(self, before=replace(before, before=None) if before is not None else None)


CANCELLED, POSTPONED, RESCHEDULED = "cancelled", "postponed", "rescheduled"
OFF_CALENDAR, OFF_AGENDA = "taken off the calendar", "taken off the agenda"


def standing(mentions: Iterable[Mention]) -> dict[tuple[str, str], Mention]:
    """The last edition of each thing, from all editions in the order of the log."""
    last: dict[tuple[str, str], Mention] = {}
    for mention in mentions:
        if mention.before is not None:
            last.pop(mention.before.key, None)
        last[mention.key] = mention
    return last
