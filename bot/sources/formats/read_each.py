"""Read the entries of a list one by one, so that an entry that can't be read doesn't hide the others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.errors import Unreadable

Row = TypeVar("Row")
Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEntries(Generic[Entry]):
    """The entries that could be read, and a sentence for each entry that was skipped."""

    entries: tuple[Entry, ...]
    skipped: tuple[str, ...]


def read_each(
    rows: Iterable[Row], read: Callable[[Row], Entry | None], *, name: Callable[[Row], str], address: str
) -> ReadEntries[Entry]:
    """Read each row of the list at `address`.

    A row that raises an error is skipped, and `name` describes the row in the sentence about it. If the result for a
    row is None, the row isn't an entry and is left out. Raise Unreadable if every row raises an error.
    """
    found: list[Entry] = []
    skipped: list[str] = []
    number = 0
    for number, row in enumerate(rows, start=1):
        try:
            entry = read(row)
        except Exception as fault:  # noqa: BLE001 - a fault of any kind in one entry must not hide the others
            skipped.append(f"{address}: entry {number} ({_named(row, name)}) can't be read and was skipped: {fault}")
            continue
        found += [entry] if entry is not None else []
    if skipped and len(skipped) == number:
        raise Unreadable(f"{address}: none of its entries can be read; {skipped[0]}")
    return ReadEntries(entries=tuple(found), skipped=tuple(skipped))


def _named(row: Row, name: Callable[[Row], str]) -> str:
    try:
        return f"“{name(row)[:80]}”"
    except Exception:  # noqa: BLE001 - a name that can't be read, either
        return "without a readable title"
