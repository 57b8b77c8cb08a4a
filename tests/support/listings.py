"""Agreements and listings made by hand, for tests of the domain.

before, now = [row("Baker County Sheriff's Office")], []
assert kinds(changes(before, now)) == ["withdrawn"]
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from bot.domain.agreement import Agreement, Listing, ListName, Publication, SupportType
from bot.domain.change import Change, Known
from bot.domain.lists.names import canonical
from bot.domain.lists.reconcile import reconcile

FIRST = datetime(2026, 3, 2, 15, tzinfo=UTC)
A_DAY = date(2026, 2, 26)
ANOTHER_DAY = date(2025, 7, 15)
COLUMNS = frozenset({"STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "COUNTY", "SUPPORT TYPE", "SIGNED", "MOA", "ADDENDUM"})
OF_PENDING = COLUMNS - {"SIGNED", "MOA", "ADDENDUM"}


def row(agency: str, state: str = "FL", county: str = "", *, kind: str = "TFM", **more) -> Agreement:
    """Return an agreement as read from a row. It shares its signing date with others and has no MOA yet."""
    return Agreement(
        state=state,
        agency=agency,
        canonical=canonical(agency, state),
        support_type=SupportType(kind),
        county=county,
        **{"signed": A_DAY} | more,
    )


def moa(name: str) -> str:
    """Return the address of one of ICE's documents."""
    return f"https://www.ice.gov/doclib/287gMOA/{name}.pdf"


def respelt(agreement: Agreement, agency: str) -> Agreement:
    """Return the agreement with its agency spelled another way."""
    return replace(agreement, agency=agency, canonical=canonical(agency, agreement.state))


def listing(
    rows: Iterable[Agreement],
    number: int = 1,
    *,
    name: ListName = ListName.PARTICIPATING,
    columns: frozenset[str] | None = None,
    unreadable: Sequence[str] = (),
    untyped: Iterable[Agreement] = (),
    at: datetime | None = None,
) -> Listing:
    """Return the listing with this number, one day after the one before, with its rows numbered in order.

    `untyped` rows, whose support type can't be read, come below the others.
    """
    rows = tuple(rows)
    return Listing(
        list=name,
        publication=Publication(
            name=f"{name}{number}.xlsx",
            address=f"https://www.ice.gov/{name}{number}.xlsx",
            evidence=f"{name} {number}",
            observed_at=at or FIRST + timedelta(days=number),
            rows=len(rows),
        ),
        agreements=rows,
        row_numbers=tuple(range(2, len(rows) + 2)),
        columns=columns or (COLUMNS if name is ListName.PARTICIPATING else OF_PENDING),
        untyped=tuple(enumerate(untyped, len(rows) + 2)),
        unreadable=tuple(unreadable),
    )


def pending(rows: Iterable[Agreement], number: int = 1, **more) -> Listing:
    """Return a pending listing, whose rows have no date."""
    undated = [replace(agreement, signed=None, moa=None, addendum=None) for agreement in rows]
    return listing(undated, number, name=ListName.PENDING, **more)


def known_after(*lists: Listing | Iterable[Agreement]) -> Known:
    """Return what is known after these lists; bare rows make a participating list."""
    known = Known()
    for number, rows in enumerate(lists, start=1):
        known = reconcile(known, rows if isinstance(rows, Listing) else listing(rows, number)).known
    return known


def changes(before: Iterable[Agreement], now: Iterable[Agreement]) -> tuple[Change, ...]:
    """Return the changes from one participating list to the next."""
    return reconcile(known_after(before), listing(now, 2)).changes


def kinds(found: Iterable[Change]) -> list[str]:
    """Return the kinds of these changes, sorted."""
    return sorted(change.kind.value for change in found)
