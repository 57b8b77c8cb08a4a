"""Tables as CSV and JSON. A table is a list of JSON objects, and its columns say what each value is."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

from bot.domain.messages.change_json import JsonObject
from bot.domain.text.catalog import Phrase
from bot.domain.text.rich_text import encodable, escaped_json

FORMULA = (*"=+-@＝＋－＠", "\t", "\r", "\n")  # a spreadsheet may mistake text that begins this way for a formula


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its meaning, and the type and format of its values in JSON. Every value may be empty."""

    name: str
    meaning: Phrase
    type: str = "string"
    format: str = ""


def csv_of(columns: Sequence[Column], items: Iterable[JsonObject]) -> bytes:
    """Return a table as CSV with a header, in UTF-8."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [column.name for column in columns]
    writer.writerow(names)
    writer.writerows([_cell(item[name]) for name in names] for item in items)
    return encodable(text.getvalue()).encode()


def _cell(value: object) -> object:
    """Write true and false as spreadsheets do. If a text looks like a formula, put an apostrophe before it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def json_of(items: Sequence[JsonObject], *, following: str | None = None, **more: object) -> bytes:
    """Return a table as a JSON object. `next` is the address of the next part, or null after the last one."""
    return json_bytes({**more, "items": items, "next": following})


def json_bytes(value: Mapping[str, object]) -> bytes:
    """Return a JSON object in UTF-8, with one line for each item of its lists, so that changes are easy to compare."""
    parts = [f"{json.dumps(name)}: {_indented(each)}" for name, each in value.items()]
    return (escaped_json("{\n" + ",\n".join(parts) + "\n}") + "\n").encode()


def _indented(value: object) -> str:
    if not isinstance(value, list | tuple) or not value:
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in value) + "\n]"
