"""The description of the read API as OpenAPI 3.1, made of the tables' columns so that it can't disagree with them."""

from collections.abc import Sequence
from typing import Any

from bot.domain.change import Kind
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.site.table import Column
from bot.domain.site.tables import CHANGES, TABLES, Table

Schema = dict[str, Any]

_SLUG = {"name": "slug", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[a-z0-9-]+$"}}
_STATE = {"name": "state", "in": "path", "required": True, "schema": {"type": "string", "enum": list(STATES)}}
_NESTED = {  # columns of a CSV file that JSON has within `was`, `before` and `mention`
    *(f"was_{name}" for name in ("state", "agency", "support_type", "county", "signed")),
    *(f"before_{name}" for name in ("publication", "evidence", "row")),
    *(f"meeting_{name}" for name in ("title", "date", "status", "excerpt", "by_ocr")),
}


def openapi(base: str) -> Schema:
    """Return the description of everything that programs may read."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Countersign",
            "version": "1",
            "summary": "Who is on ICE's 287(g) list, and every change.",
            "description": "Read only, without a key, from any site. Every answer has an ETag; ask with If-None-Match.",
        },
        "servers": [{"url": base or "/"}],
        "paths": _paths(),
        "components": {"schemas": {table.name: _schema(table) for table in TABLES}},
    }


def _paths() -> Schema:
    return {
        "/agreements.json": _get("All agreements", _part_of("agreements")),
        "/agreements.csv": _get("All agreements", None),
        "/states/{state}.json": _get("The agreements in a state", _part_of("agreements"), _STATE),
        "/states/{state}.csv": _get("The agreements in a state", None, _STATE),
        "/counties/{slug}.json": _get("The agreements in a county", _part_of("agreements"), _SLUG),
        "/counties/{slug}.csv": _get("The agreements in a county", None, _SLUG),
        "/agencies/{slug}.json": _get("An agency's agreements and changes", _agency(), _SLUG),
        "/agencies/{slug}.csv": _get("An agency's agreements", None, _SLUG),
        "/changes.json": _get("The newest changes first", _part_of("changes"), *_filters(), _before()),
        "/changes/to-{end}.json": _get("A hundred changes, newest first", _part_of("changes"), _number("end")),
        "/changes.csv": _get("All changes, oldest first", None, *_filters()),
        "/changes/{seq}.json": _get("One change", {"$ref": "#/components/schemas/changes"}, _number("seq")),
        "/meetings.json": _get("Agenda items by date", _part_of("meetings")),
        "/meetings.csv": _get("Agenda items by date", None),
        "/history.json": _get("Counts since February 2025", _part_of("history")),
        "/history.csv": _get("Counts since February 2025", None),
        "/states.json": _get("All states with their counts", _part_of("states")),
        "/states.csv": _get("All states with their counts", None),
    }


def _get(summary: str, schema: Schema | None, *parameters: Schema) -> Schema:
    content = {"application/json": {"schema": schema}} if schema else {"text/csv": {"schema": {"type": "string"}}}
    named = any(each["in"] == "path" for each in parameters)
    answers: Schema = {"200": {"description": summary, "content": content}, "304": {"description": "Unchanged"}}
    if named or parameters:
        answers["404"] = {"description": "There is no such page"}
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": answers}}


def _part_of(name: str) -> Schema:
    """Describe a list of rows. `next` is the address of the next part."""
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
    following = {"type": ["string", "null"], "format": "uri-reference"}
    return {"type": "object", "required": ["items", "next"], "properties": {"items": items, "next": following}}


def _agency() -> Schema:
    found = _part_of("agreements")
    changes = {"type": "array", "items": {"$ref": "#/components/schemas/changes"}}
    return {**found, "properties": {**found["properties"], "agency": {"type": "string"}, "changes": changes}}


def _filters() -> Sequence[Schema]:
    state = {"name": "state", "in": "query", "schema": {"type": "string", "enum": list(STATES)}}
    return state, {"name": "kind", "in": "query", "schema": {"type": "string", "enum": [kind.value for kind in Kind]}}


def _before() -> Schema:
    return {"name": "before", "in": "query", "schema": {"type": "integer"}}


def _number(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}


def _schema(table: Table) -> Schema:
    columns = [column for column in table.columns if column.name not in _NESTED]
    properties = {column.name: _value(column) for column in columns}
    if table is CHANGES:
        properties |= {name: {"type": ["object", "null"]} for name in ("was", "before", "mention")}
    return {
        "type": "object",
        "description": table.meaning(Language.ENGLISH),
        "required": list(properties),
        "properties": properties,
    }


def _value(column: Column) -> Schema:
    found: Schema = {"type": [column.type, "null"], "description": column.meaning(Language.ENGLISH)}
    return {**found, "format": column.format} if column.format else found
