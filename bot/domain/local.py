"""Local government: where we look, what was on an agenda, and what of it speaks of 287(g)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

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
class Found:
    """Where a text speaks of 287(g): the words that matched, the sentence around them, the page (from 1), if any."""

    matched: str
    excerpt: str
    page: int | None = None
