"""Small workbooks made by hand, so that no writer is needed and each part can be broken in its own way.

`workbook()` gives the bytes of a whole .xlsx and is all that most need::

    workbook(
        [("FLORIDA", "Fable Falls Police", "Municipality", "Baker County", "JAIL", date(2025, 3, 1), "link", None)],
        header=PARTICIPATING,
        links={"G2": "https://www.ice.gov/doclib/287gMOA/baker.pdf"},
    )

To make a broken one, take `parts()`, change them and pass them to `packed()`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

PARTICIPATING = ("STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "COUNTY", "SUPPORT TYPE", "SIGNED", "MOA", "ADDENDUM")
PENDING = ("STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "COUNTY", "SUPPORT TYPE")

SHEET = "xl/worksheets/sheet1.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
STRICT_RELATED = "http://purl.oclc.org/ooxml/officeDocument/relationships"
RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
FORMATS = ("0", "14", "22", "21", "46", "164")  # of styles 0 to 5: general, date, both, time, duration, our own code

Rows = Iterable[Sequence[object]]


def workbook(rows: Rows, **options: Any) -> bytes:
    """Return the bytes of a workbook with these rows; the options are those of `parts`."""
    return packed(parts(rows, **options))


def parts(
    rows: Rows,
    *,
    header: Sequence[object] | None = None,
    links: Mapping[str, str] | None = None,
    title: str = "Sheet1",
    inline: bool = False,
    date1904: bool = False,
    prefix: str = "",
    strict: bool = False,
    code: str = "yyyy-mm-dd",
) -> dict[str, str]:
    """Return the parts of a workbook by name, each as XML.

    `rows` hold texts, numbers, truths, dates, datetimes, times, durations, ready-made cells (`Raw`)
    or None for no cell.
    `header`, if given, goes before them as row 1.
    `links` maps a reference (`G2`, `G5:G6`) to an address, or to a place in the workbook if it starts with `#`.
    `inline` writes texts into the cells instead of the table that they share.
    `prefix` (such as `x:`) is that of all elements in the spreadsheet's namespace; `strict` takes ISO's namespaces.
    `code` is the number format of style 5, for `Raw` cells that try one out.
    """
    rows = [*([header] if header is not None else []), *rows]
    shared = [] if inline else list(dict.fromkeys(value for row in rows for value in row if type(value) is str))
    index = {text: number for number, text in enumerate(shared)}
    cells = "".join(_row(number, row, index, date1904) for number, row in enumerate(rows, start=1))
    addresses = {f"rId{number}": target for number, target in enumerate((links or {}).values(), start=1)}
    kind = STRICT_RELATED if strict else RELATED
    book = {"rId1": "worksheets/sheet1.xml", "rId2": "sharedStrings.xml", "rId3": "styles.xml"}
    spreadsheet = {
        "xl/workbook.xml": f'<workbook><workbookPr date1904="{int(date1904)}"/>'
        f"<sheets>{sheet(title)}</sheets></workbook>",
        SHEET: f"<worksheet><sheetData>{cells}</sheetData>{_hyperlinks(links or {})}</worksheet>",
        "xl/sharedStrings.xml": f"<sst>{''.join(f'<si>{_text(text)}</si>' for text in shared)}</sst>",
        "xl/styles.xml": "<styleSheet>"
        f'<numFmts count="1"><numFmt numFmtId="164" formatCode={quoteattr(code)}/></numFmts>'
        f'<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>{_styles()}</cellXfs></styleSheet>',
    }
    return {
        "[Content_Types].xml": DECLARATION + _content_types(),
        "_rels/.rels": relationships({"rId1": f"{kind}/officeDocument"}, {"rId1": "xl/workbook.xml"}),
        "xl/_rels/workbook.xml.rels": relationships(
            {"rId1": f"{kind}/worksheet", "rId2": f"{kind}/sharedStrings", "rId3": f"{kind}/styles"}, book
        ),
        "xl/worksheets/_rels/sheet1.xml.rels": relationships(
            dict.fromkeys(addresses, f"{kind}/hyperlink"), addresses, external=True
        ),
        **{name: DECLARATION + _in_namespace(xml, prefix, strict) for name, xml in spreadsheet.items()},
    }


class Raw(str):
    """XML that takes the place of a cell, such as `<c r="B2" s="1"/>`."""

    __slots__ = ()


def packed(parts: Mapping[str, str | bytes], *, compression: int = ZIP_DEFLATED) -> bytes:
    """Return the zip of these parts: the same bytes at any time, so that a list published twice is one list."""
    body = BytesIO()
    with ZipFile(body, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(ZipInfo(name), content, compress_type=compression)  # dated 1980, not by the clock
    return body.getvalue()


def relationships(kinds: Mapping[str, str], targets: Mapping[str, str], *, external: bool = False) -> str:
    """Return the part with the type and the target of the relationship of each key."""
    mode = ' TargetMode="External"' if external else ""
    found = "".join(
        f'<Relationship Id="{key}" Type="{kinds[key]}" Target={quoteattr(target)}{mode}/>'
        for key, target in targets.items()
    )
    return f'{DECLARATION}<Relationships xmlns="{RELATIONSHIPS}">{found}</Relationships>'


def sheet(title: str, number: int = 1, key: str = "rId1", state: str = "visible") -> str:
    """Return a workbook's entry for one sheet."""
    return f'<sheet name={quoteattr(title)} sheetId="{number}" state="{state}" r:id="{key}"/>'


def reference(row: int, column: int) -> str:
    """Return `G5` for row 5, column 7."""
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def _in_namespace(xml: str, prefix: str, strict: bool) -> str:
    main, related = (STRICT_MAIN, STRICT_RELATED) if strict else (MAIN, RELATED)
    declared = f'xmlns{":" + prefix[:-1] if prefix else ""}="{main}" xmlns:r="{related}"'
    return re.sub(r"<(/?)(?=\w)", rf"<\1{prefix}", xml).replace(">", f" {declared}>", 1)


def _row(number: int, values: Sequence[object], index: Mapping[str, int], date1904: bool) -> str:
    cells = (
        _cell(reference(number, column), value, index, date1904)
        for column, value in enumerate(values, start=1)
        if value is not None
    )
    return f'<row r="{number}">{"".join(cells)}</row>'


def _cell(place: str, value: object, index: Mapping[str, int], date1904: bool) -> str:
    if isinstance(value, Raw):
        return value
    if isinstance(value, str):
        if value in index:
            return f'<c r="{place}" t="s"><v>{index[value]}</v></c>'
        return f'<c r="{place}" t="inlineStr"><is>{_text(value)}</is></c>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    style, number = _serial(value, date1904)
    return f'<c r="{place}" s="{style}"><v>{number!r}</v></c>'


def _serial(value: object, date1904: bool) -> tuple[int, int | float]:
    """Return the style and the number of a value; dates are right from March 1900 on."""
    epoch = datetime(1904, 1, 1) if date1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook knows no time zone
    match value:
        case datetime():
            return 2, (value - epoch) / timedelta(days=1)
        case date():
            return 1, (datetime.combine(value, time()) - epoch).days
        case time():
            return 3, (datetime.combine(epoch, value) - epoch) / timedelta(days=1)
        case timedelta():
            return 4, value / timedelta(days=1)
        case int() | float():
            return 0, value
    raise TypeError(f"no cell holds {value!r}")


def _text(text: str) -> str:
    return f'<t xml:space="preserve">{escape(text)}</t>'


def _styles() -> str:
    return "".join(f'<xf numFmtId="{number}"/>' for number in FORMATS)


def _hyperlinks(links: Mapping[str, str]) -> str:
    entries = (
        f"<hyperlink ref={quoteattr(place)} "
        + (f"location={quoteattr(target[1:])}/>" if target.startswith("#") else f'r:id="rId{number}"/>')
        for number, (place, target) in enumerate(links.items(), start=1)
    )
    return f"<hyperlinks>{''.join(entries)}</hyperlinks>" if links else ""


def _content_types() -> str:
    office = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    kinds = {
        "/xl/workbook.xml": "sheet.main",
        f"/{SHEET}": "worksheet",
        "/xl/sharedStrings.xml": "sharedStrings",
        "/xl/styles.xml": "styles",
    }
    return (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        + "".join(f'<Override PartName="{name}" ContentType="{office}.{kind}+xml"/>' for name, kind in kinds.items())
        + "</Types>"
    )
