"""An agreement on ICE's list: state, agency and support type, and the rest of its row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple


class SupportType(StrEnum):
    """ICE's SUPPORT TYPE column."""

    JEM = "JEM"
    WSO = "WSO"
    TFM = "TFM"
    OTHER = "OTHER"


class ListName(StrEnum):
    """ICE's two lists."""

    PARTICIPATING = "participating"
    PENDING = "pending"


class Key(NamedTuple):
    """The identity of an agreement: `agency` is canonical; an unknown `support_type` includes the text ICE printed."""

    state: str
    agency: str
    support_type: str


class Window(NamedTuple):
    """The signing dates that ICE's lists can bear out, from `first` (None on the first list we read) to `last`."""

    first: date | None
    last: date


@dataclass(frozen=True, kw_only=True)  # no slots, so that the key, read thousands of times per list, can be cached
class Agreement:
    """One row of a list, repaired.

    `agency` is the name as ICE printed it (spaces tidied) and `canonical` that name folded for comparison. `signed` is
    the day ICE countersigned; `moa` and `addendum` are addresses of documents. `printed` holds, by column,
    the original text of the cells we repaired. `place` is the county if two agencies on the list share a name, else
    empty. `window` holds the signing dates we can believe; a row that hasn't been compared with our knowledge has none,
    nor has a record from before we kept it. The listing keeps the row numbers, because a row that hasn't changed since
    the last list is the same object.
    """

    state: str
    agency: str
    canonical: str
    support_type: SupportType
    agency_type: str = ""
    county: str = ""
    signed: date | None = None
    moa: str | None = None
    addendum: str | None = None
    printed: Mapping[str, str] = field(default_factory=dict)
    place: str = ""
    window: Window | None = None

    @cached_property
    def facts(self) -> tuple[object, ...]:
        """The content of the row, without the text as ICE printed it."""
        return (
            self.state,
            self.agency,
            self.place,
            self.support_type,
            self.agency_type,
            self.county,
            self.signed,
            self.moa,
            self.addendum,
        )

    @cached_property
    def key(self) -> Key:
        """The identity that all rows of one agreement share."""
        kind = self.support_type.value
        if self.support_type is SupportType.OTHER:
            kind = f"OTHER {self.printed.get('SUPPORT TYPE', '').casefold()}".strip()
        return Key(self.state, f"{self.canonical} ({self.place})" if self.place else self.canonical, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One edition of a list: its file name, address, SHA-256 (`evidence`) and the time we fetched it (UTC)."""

    name: str
    address: str
    evidence: str
    observed_at: datetime
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadRow:
    """A row that names no agreement we can believe: its cells as text, and the columns that could still be read.

    `state` and `support_type` are empty if those cells can't be read.
    """

    cells: tuple[str, ...]
    state: str = ""
    county: str = ""
    support_type: str = ""
    signed: date | None = None
    moa: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The content of one list at one moment.

    `row_numbers` holds the row of each agreement, in the same order, counted from 1 with the header. `untyped` holds
    the rows, with their numbers, that name an agency but no support type or no state. `columns` holds ICE's names of
    the columns it had. `unreadable` describes each row that couldn't be read, including the untyped ones, and `unread`
    holds their cells. `oddities` is what the operator should hear once about this list, each under a lasting key.
    `strays` are cells far outside the list.
    """

    list: ListName
    publication: Publication
    agreements: tuple[Agreement, ...]
    row_numbers: tuple[int, ...]
    untyped: tuple[tuple[int, Agreement], ...] = ()
    columns: frozenset[str] = frozenset()
    unreadable: tuple[str, ...] = ()
    unread: tuple[UnreadRow, ...] = ()
    oddities: Mapping[str, str] = field(default_factory=dict)
    strays: tuple[str, ...] = ()

    def log_context(self) -> dict[str, object]:
        """Return the fields for a log line."""
        return {"list": self.list.value, "name": self.publication.name, "agreements": len(self.agreements)}
