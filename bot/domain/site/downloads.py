"""The whole site as one file: a ZIP of CSV files, a JSON object or a SQLite database.

The same data always give the same bytes.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from bot.domain.messages.change_json import JsonObject
from bot.domain.site.model import Model
from bot.domain.site.table import Column, csv_of, json_bytes
from bot.domain.site.tables import (
    TABLES,
    Table,
    agreement_items,
    change_items,
    flat_changes,
    history_items,
    meeting_items,
    state_items,
)
from bot.domain.text.rich_text import encodable

SQL_TYPES: Mapping[str, str] = {"string": "TEXT", "integer": "INTEGER", "boolean": "INTEGER"}


def everything(model: Model, base: str) -> Mapping[str, list[JsonObject]]:
    """Return all tables by name, in the order of `TABLES`."""
    return {
        "agreements": agreement_items(model, base),
        "changes": change_items(model, base, model.site.changes),
        "meetings": meeting_items(model, base),
        "history": history_items(model),
        "states": state_items(model, base),
    }


def whole_json(model: Model, base: str) -> bytes:
    """Return everything as one JSON object."""
    return json_bytes(everything(model, base))


def whole_zip(model: Model, base: str) -> bytes:
    """Return everything as a ZIP of CSV files. The dates in it are fixed, so that the bytes depend only on the data."""
    found, packed = _rows(model, base), BytesIO()
    with ZipFile(packed, "w") as archive:
        for table in TABLES:
            entry = ZipInfo(f"countersign/{table.name}.csv")
            entry.compress_type, entry.external_attr, entry.create_system = ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(entry, csv_of(table.columns, found[table.name]))
    return packed.getvalue()


def whole_sqlite(model: Model, base: str) -> bytes:
    """Return everything as a SQLite database, made in memory. Texts stay as they are; only CSV needs apostrophes."""
    found = _rows(model, base)
    with closing(sqlite3.connect(":memory:")) as database:
        for table in TABLES:
            _fill(database, table, found[table.name])
        database.execute("CREATE INDEX agreements_state ON agreements (state)")
        database.execute("CREATE INDEX changes_state ON changes (state)")
        database.commit()
        return database.serialize()


def _rows(model: Model, base: str) -> Mapping[str, list[JsonObject]]:
    found = everything(model, base)
    return {**found, "changes": flat_changes(found["changes"])}


def _fill(database: sqlite3.Connection, table: Table, items: Sequence[JsonObject]) -> None:
    """Create a table and add its rows. The names are ours, so that they need no quoting of their own."""
    columns = ", ".join(f'"{column.name}" {_sql_type(column)}' for column in table.columns)
    database.execute(f'CREATE TABLE "{table.name}" ({columns})')
    blanks = ", ".join("?" for _ in table.columns)
    rows = ([_value(item[column.name]) for column in table.columns] for item in items)
    database.executemany(f'INSERT INTO "{table.name}" VALUES ({blanks})', rows)  # noqa: S608 - no names from outside


def _value(value: object) -> object:
    return encodable(value) if isinstance(value, str) else value


def _sql_type(column: Column) -> str:
    is_key = column.name == "seq"
    return f"{SQL_TYPES[column.type]}{' PRIMARY KEY' if is_key else ''}"
