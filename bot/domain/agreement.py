"""An agreement as ICE lists it: state + agency + support type, and what else the row says."""

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
    """When two rows are one agreement: `agency` is canonical, `support_type` tells unknown types apart by print."""

    state: str
    agency: str
    support_type: str


@dataclass(frozen=True, kw_only=True)  # no slots: the key is asked for thousands of times a list, and kept
class Agreement:
    """One row of a list, repaired.

    `agency` is as ICE printed it (spaces tidied), `canonical` is that name folded for comparison,
    `signed` is the day ICE countersigned, `moa` and `addendum` are addresses of documents.
    `printed` holds the cells, by column, that had to be repaired, as ICE printed them. `place` is the county where two
    agencies of one name stand on one list, else empty. On which row it stands is the listing's to say: a row that says
    what it said on the last list is the very same object.
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

    @cached_property
    def facts(self) -> tuple[object, ...]:
        """What the row says: two rows that agree in this say the same, wherever they stand and however printed."""
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
        """What makes this row the same agreement as another."""
        kind = self.support_type.value
        if self.support_type is SupportType.OTHER:
            kind = f"OTHER {self.printed.get('SUPPORT TYPE', '').casefold()}".strip()
        return Key(self.state, f"{self.canonical} ({self.place})" if self.place else self.canonical, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One document of ICE's that stood for a list: its name, address, SHA-256 and when we fetched it (UTC)."""

    name: str
    address: str
    evidence: str
    observed_at: datetime
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one list said at one moment.

    `row_numbers` are those of its agreements, in their order, counted from 1, header included. `untyped` are rows, with
    their numbers, that name an agency but no support type. `columns` are those that it had, by ICE's names.
    `unreadable` says which rows could not be told from nothing, the untyped among them.
    """

    list: ListName
    publication: Publication
    agreements: tuple[Agreement, ...]
    row_numbers: tuple[int, ...]
    untyped: tuple[tuple[int, Agreement], ...] = ()
    columns: frozenset[str] = frozenset()
    unreadable: tuple[str, ...] = ()

    def log_context(self) -> dict[str, object]:
        """What a log line says of it."""
        return {"list": self.list.value, "name": self.publication.name, "agreements": len(self.agreements)}
