"""Workbooks with several sheets, beside the small ones made by hand in `bot/demo/loopback/workbook.py`."""

import re
from collections.abc import Sequence

from bot.demo.loopback.workbook import (
    DECLARATION,
    FORMATS,
    MAIN,
    PARTICIPATING,
    PENDING,
    RELATED,
    RELATIONSHIPS,
    SHEET,
    STRICT_MAIN,
    STRICT_RELATED,
    Raw,
    Rows,
    packed,
    parts,
    reference,
    relationships,
    sheet,
    workbook,
)

__all__ = [
    "DECLARATION", "FORMATS", "MAIN", "PARTICIPATING", "PENDING", "RELATED", "RELATIONSHIPS", "SHEET", "STRICT_MAIN",
    "STRICT_RELATED", "Raw", "Rows", "packed", "parts", "reference", "relationships", "several", "sheet", "workbook",
]  # fmt: skip


def several(*tables: Rows, titles: Sequence[str] = (), states: Sequence[str] = ()) -> bytes:
    """Return the bytes of a workbook with several sheets; `states` may be `visible`, `hidden` or `veryHidden`."""
    whole = parts(tables[0], inline=True)
    entries = []
    for number, rows in enumerate(tables, start=1):
        whole[f"xl/worksheets/sheet{number}.xml"] = parts(rows, inline=True)[SHEET]
        title = titles[number - 1] if titles else f"Sheet{number}"
        entries.append(sheet(title, number, f"rId{9 + number}", states[number - 1] if states else "visible"))
    keys = {f"rId{9 + number}": f"worksheets/sheet{number}.xml" for number in range(1, len(tables) + 1)}
    kinds = dict.fromkeys(keys, f"{RELATED}/worksheet") | {"rId3": f"{RELATED}/styles"}
    whole["xl/_rels/workbook.xml.rels"] = relationships(kinds, {"rId3": "styles.xml", **keys})
    whole["xl/workbook.xml"] = re.sub(
        "<sheets>.*</sheets>", f"<sheets>{''.join(entries)}</sheets>", whole["xl/workbook.xml"]
    )
    return packed(whole)
