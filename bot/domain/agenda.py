"""Local government agendas: the places we read, the agenda items, and the mentions of 287(g) that we record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from bot.domain.agreement import Agreement
from bot.domain.document import Document, Validators
from bot.domain.time_zones import zone_or_utc


class Certainty(StrEnum):
    """How sure it is that a source belongs to its place.

    Someone read its agendas, or its address answered, or the address was only found by trying the place's name.
    """

    READ = "read"
    ANSWERED = "answered"
    GUESSED = "guessed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A local source: one table in config/sources/XX.toml.

    `kind` is the platform: a key of `LOCAL` in bot/sources, such as legistar. `zone` is the place's time zone.
    `every_hours` is the number of hours between readings. `selector` selects the part of a page to read. `body` is the
    board or council that meets, used if the page doesn't name it. `verified` is the day someone confirmed that the
    source can be read, or None. `county` is the county that the place is or lies in. A county's own government has the
    county's code in `fips`. `origin` says who found the source, `seen` is the year when it was last seen there, and
    `sure` is None if a person added it.
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
    fips: str = ""
    origin: str = ""
    seen: int | None = None
    sure: Certainty | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaItem:
    """One item on an agenda. On platforms without items, this is a whole meeting, feed entry or page.

    `id` stays the same when the item is amended. `title` and `text` are plain text. `pages` contains the text of each
    page of a paged document. `meets_at` is the time of the meeting in the place's time zone, or only the date. `status`
    is the platform's status for the meeting, such as canceled. `address` is the page for readers to open. `evidence` is
    the SHA-256 of the document that contains the item. `unreadable` explains why one of the item's documents couldn't
    be read. `scans` are the numbers of the pages that are pictures of text, counted from 1, and `by_ocr` those of them
    that OCR has read.
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
    scans: tuple[int, ...] = ()
    by_ocr: tuple[int, ...] = ()

    @property
    def meets_on(self) -> date | None:
        """The date of the meeting, or None if unknown."""
        return self.meets_at.date() if isinstance(self.meets_at, datetime) else self.meets_at


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalReading:
    """The result of reading one place: the items, their source documents and the state to keep for the next reading.

    `starts_over` is true if another list was read than before, on which the same meetings have other ids.
    """

    items: tuple[AgendaItem, ...] = ()
    documents: tuple[Document, ...] = ()
    validators: Mapping[str, Validators] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unchanged: bool = False
    starts_over: bool = False


class Subject(StrEnum):
    """The subject of a passage: either 287(g) or a related subject.

    Related subjects are detention contracts with ICE, policies on detainers and cooperation, sanctuary ordinances, and
    agreements with Homeland Security Investigations. They are never reported as 287(g).
    """

    PROGRAM = "287(g)"
    RELATED = "related"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A relevant passage: the matched words, the surrounding sentence and the page number.

    Pages are counted from 1. `page` is None if the text has no pages. `by_ocr` is true if OCR has read the words from a
    scan, perhaps wrongly.
    """

    matched: str
    excerpt: str
    page: int | None = None
    subject: Subject = Subject.PROGRAM
    by_ocr: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A recorded mention of 287(g) or a related subject in one agenda item, meeting, feed entry or page.

    `source` is the place's name. `item` is the item's id, which identifies later editions of the same item.

    `meets_on` is the local date of the meeting. `meets_at` is the time, or None if only the date is known. `zone` is
    the place's time zone. `status` is one of the constants below if the plans for the meeting have changed, and empty
    otherwise.

    `matched` contains the matched words. `excerpt` is the surrounding sentence. `page` is the page number in a paged
    document, counting from 1. `address` is the page for readers to open. `evidence` is the SHA-256 of the document.

    `has_scans` is true if the item's document has pages without text, which couldn't be read. `by_ocr` is true if OCR
    has read the excerpt from a scan, so that a person should check the document.

    `listed` contains the place's agreements that were on ICE's list when the mention was recorded, or None if the list
    had not been read yet. `already` is true if the mention was found on the first reading of the place, or on the first
    reading after a long gap. `before` is the previous edition, without its own `before`. Older records have no
    `subject` and are about 287(g).
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
    has_scans: bool = False
    by_ocr: bool = False
    listed: tuple[Agreement, ...] | None = None
    already: bool = False
    before: "Mention | None" = None
    subject: Subject = Subject.PROGRAM

    @property
    def key(self) -> tuple[str, str]:
        """The identity of the mention, shared by all its editions."""
        return self.source, self.item

    @property
    def planned(self) -> tuple[object, ...]:
        """The date, time and status of the meeting."""
        return self.meets_on, self.meets_at, self.status

    @property
    def said(self) -> tuple[object, ...]:
        """The content of the mention, excluding the page number and the source document."""
        return self.title, self.body, self.excerpt, self.matched, self.address

    def is_to_come(self, now: datetime) -> bool:
        """Return True if the meeting is still ahead.

        If only the date is known, a meeting today counts as still ahead.
        """
        if self.meets_at is not None:
            return self.meets_at > now
        return self.meets_on is not None and self.meets_on >= now.astimezone(zone_or_utc(self.zone)).date()

    def after(self, before: "Mention | None") -> "Mention":
        """Return a copy of this mention with `before` as the previous edition."""
        return replace(self, before=replace(before, before=None) if before is not None else None)


CANCELLED, POSTPONED, RESCHEDULED, RECESSED = "cancelled", "postponed", "rescheduled", "recessed"
OFF_CALENDAR, OFF_AGENDA = "taken off the calendar", "taken off the agenda"


def standing(mentions: Iterable[Mention]) -> dict[tuple[str, str], Mention]:
    """Return the latest edition of each mention. The editions must be in log order."""
    last: dict[tuple[str, str], Mention] = {}
    for mention in mentions:
        if mention.before is not None:
            last.pop(mention.before.key, None)
        last[mention.key] = mention
    return last
