"""An agreement on ICE's list, identified by state, agency and support type."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from bot.domain.way import Way


class SupportType(StrEnum):
    """The support type of an agreement, from ICE's SUPPORT TYPE column."""

    JEM = "JEM"
    WSO = "WSO"
    TFM = "TFM"
    OTHER = "OTHER"


class ListName(StrEnum):
    """ICE's two lists."""

    PARTICIPATING = "participating"
    PENDING = "pending"


class Key(NamedTuple):
    """The identity of an agreement. `agency` is the canonical name.

    An unknown `support_type` includes the text printed by ICE.
    """

    state: str
    agency: str
    support_type: str


class Window(NamedTuple):
    """The plausible signing dates according to ICE's lists, from `first` to `last`.

    `first` is None on the first list we read.
    """

    first: date | None
    last: date


@dataclass(frozen=True, kw_only=True)  # no slots, so that the key, read thousands of times per list, can be cached
class Agreement:
    """One row of a list, with errors repaired.

    `agency` is the name as printed by ICE, with spacing repaired. `canonical` is the same name, normalized for
    comparison. `signed` is the day ICE countersigned. `moa` and `addendum` are document URLs. `printed` is the original
    text of repaired cells, by column. `place` is the county if two agencies on the list share a name, and empty
    otherwise. `window` contains the plausible signing dates. It is None until the row has been compared with the known
    agreements, and in records written before this field existed.

    Row numbers are stored in the listing, not here, so that an unchanged row can be the same object in both lists.
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
        """The content of the row, excluding the original text in `printed`."""
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
        """The identity of the agreement, shared by all its rows."""
        kind = self.support_type.value
        if self.support_type is SupportType.OTHER:
            kind = f"OTHER {self.printed.get('SUPPORT TYPE', '').casefold()}".strip()
        return Key(self.state, f"{self.canonical} ({self.place})" if self.place else self.canonical, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One edition of a list.

    `evidence` is the SHA-256 of the file, and `observed_at` is the time of the download in UTC. `way` says who
    downloaded it from ICE: this program or, in its place, a relay, another Countersign or the Internet Archive.
    """

    name: str
    address: str
    evidence: str
    observed_at: datetime
    rows: int
    way: Way = Way.DIRECT


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadRow:
    """A row that couldn't be read as an agreement: the text of its cells, and the values that could be read.

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
    """The content of one list at one point in time.

    `row_numbers` contains the row number of each agreement, in the same order. The header is row 1. `untyped` contains
    the rows, with row numbers, that name an agency but lack a support type or a state. `columns` contains ICE's names
    for the columns in the file.

    `unreadable` describes each row that couldn't be read, including untyped rows. `unread` contains the cells of these
    rows. `oddities` contains messages about this list that the operator should see once, each with a permanent key.
    `strays` contains cells far outside the list.
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
