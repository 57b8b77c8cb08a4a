"""Match unreadable rows with known agreements, so that these agreements aren't reported as withdrawn."""

from collections.abc import Iterator, Sequence

from bot.domain.agreement import Agreement, Key, UnreadRow
from bot.domain.lists.names import Likeness, canonical, likeness
from bot.domain.lists.slips import slips_between


def unread_twins(missing: Sequence[Agreement], rows: Sequence[UnreadRow]) -> frozenset[Key]:
    """Return the missing agreements that are probably in these rows, at most one for each row."""
    weighed = ((_weight(known, row), known, at) for at, row in enumerate(rows) for known in missing)
    surest_first = sorted(((w, known.key, at) for w, known, at in weighed if w), key=lambda one: (-one[0], *one[1:]))
    found: dict[Key, int] = {}
    for _, key, at in surest_first:
        if key not in found and at not in found.values():
            found[key] = at
    return frozenset(found)


def _weight(known: Agreement, row: UnreadRow) -> int:
    """Return the weight of the evidence that a row belongs to this agreement, or 0 if there isn't enough.

    If neither the name nor the MOA matches, every other value must match.
    """
    if row.state and row.state != known.state:
        return 0
    is_of_type = row.support_type in ("", known.key.support_type)
    if row.moa is not None and row.moa == known.moa:
        return 6 + is_of_type
    if named := max(_names(known, row), default=0):
        is_of_day = row.signed is not None and row.signed == known.signed
        return named + is_of_type + is_of_day if is_of_type or is_of_day else 0
    same = is_of_type and row.state and (row.signed, row.county) == (known.signed, known.county)
    return int(bool(same and row.signed and (row.county or row.support_type)))


def _names(known: Agreement, row: UnreadRow) -> Iterator[int]:
    """Yield a weight for each cell that contains the agency's name, in any column and with or without other words."""
    for cell in filter(None, row.cells):
        name = canonical(cell, known.state)
        if f" {known.canonical} " in f" {name} ":
            yield 3
        elif (
            likeness(known.canonical, name, known.state) >= Likeness.TYPO
            or slips_between(known.agency, cell, known.state) is not None
        ):
            yield 2
