"""Agreements as CSV, for spreadsheets. The command line prints it, and chats get it as a file."""

import csv
from collections.abc import Iterable
from io import StringIO

from bot.commands.as_json import JsonObject

_COLUMNS = (
    "state", "agency", "support_type", "agency_type", "county", "signed", "moa", "addendum", "row", "signed_doubtful",
)  # fmt: skip


def agreements_csv(found: Iterable[JsonObject]) -> str:
    """Return agreements as CSV, with a header."""
    text = StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: _cell(agreement[column]) for column in _COLUMNS} for agreement in found)
    return text.getvalue()


def _cell(value: object) -> object:
    """Write true and false as spreadsheets do. If a value looks like a formula, put an apostrophe before it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value
