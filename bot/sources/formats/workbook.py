"""A reader for Excel workbooks (.xlsx). It returns plain values and links, within the limits in WORKBOOK.

The values are the same as from openpyxl's `load_workbook`, with four exceptions that suit ICE's lists better. A date
that doesn't exist stays a number. A cell that has only a link stays empty. Cells under a merged cell keep their values.
For a formula, the value is the result that Excel saved; if there is no saved result, it is the formula's text, starting
with "=".
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache, partial
from itertools import count, pairwise, product
from string import ascii_uppercase, digits
from typing import TypeAlias

from bot.errors import Unreadable
from bot.sources.formats.limits import WORKBOOK
from bot.sources.formats.ooxml import Package, Relations, attributes, check_limit, depth, tags, unescaped, walk

Value: TypeAlias = str | int | float | bool | datetime | date | time | timedelta | None
Convert: TypeAlias = Callable[[str], Value]

_LETTERS = ["", *map("".join, product(("", *ascii_uppercase), ascii_uppercase))][: WORKBOOK["columns"] + 1]
_COLUMNS = {letters: column for column, letters in enumerate(_LETTERS) if letters}
STYLES = "xl/styles.xml"  # by this name other programs find it, even without a relation
_SHEETS = frozenset({"worksheet", "chartsheet", "dialogsheet", "xlMacrosheet", "xlIntlMacrosheet"})
_LAST = f"{_LETTERS[-1]}{WORKBOOK['rows']}"
_EXPECTED = [*_LETTERS, "!"]  # by column; no cell follows the last column
_ROW = re.compile(r' r="([0-9]{1,7})"')
_ROW_OUTSIDE = re.compile(r"<(?:row|sheetData)[\s/>]")
_CELL = re.compile(
    r"""<c(?:\ r="([^"]*+)"|(?=[\s/>]))([^>]*+)>         # its reference, if that comes first; its other attributes
    (?:<v>([^<&]{0,32767}+)</v></c>|(?<=/>)|(.*?)</c\s*+>)   # a plain value, nothing, or any other content
    |(<)                                                # anything but a cell""",
    re.DOTALL | re.VERBOSE,
)
_LINK = re.compile(
    r'<hyperlink(?: ref="([A-Z]+[0-9]+)" r:id="([^"&]+)"|(?=[\s/>]))([^>]*+)>|(<(?!/hyperlink\s*>))'
)  # the same for a link
_STRING = re.compile(
    r"<si(?=[\s/>])[^>]*+>(?:<t(?=[\s>])[^>]*+>([^<&]*+)</t></si>|(?<=/>)|(.*?)</si\s*+>)|(<)", re.DOTALL
)
_REFERENCE = re.compile("([A-Z]{1,3})([1-9][0-9]{0,6})")
_HYPERLINK = re.compile(r'=?\s*HYPERLINK\(\s*"((?:[^"]|"")*)"\s*(?:,\s*"((?:[^"]|"")*)"\s*)?\)\s*', re.IGNORECASE)
_UNREAD = re.compile("(?:rPh|phoneticPr|r/rPr)(?:/.*)?|r")  # in a text: pronunciation, style and mere containers
_NOT_CODE = re.compile(r'".*?"|\[(?!(?:hh?|mm?|ss?)\])[^\]\[]*\]')  # literals, colors and locales in a number format
_IS_MOMENT = re.compile(r"(?<![_\\])[dmhys]", re.IGNORECASE)
_IS_DURATION = re.compile(r"\[(?:hh?|mm?|ss?)\]", re.IGNORECASE)
_EPOCH_1900 = datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook has no time zone
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001 - the same
_DAMAGE = (  # all the errors that zipfile and the decoders raise on damaged bytes
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ArithmeticError, LookupError, ValueError, MemoryError),
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A visible worksheet.

    `rows` start at A1 and all have the same length. `links` maps each row and column, counting from 1, to a link. It
    includes HYPERLINK formulas. `strays` are the references of a few cells that are too far out to be read.
    """

    title: str
    rows: list[list[Value]]
    links: dict[tuple[int, int], str]
    strays: tuple[str, ...] = ()


def read_workbook(body: bytes) -> tuple[Sheet, ...]:
    """Return the visible worksheets in order.

    Raise Unreadable if the workbook can't be read or has no visible worksheets.
    """
    if not body.startswith(b"PK"):
        raise Unreadable(f"this is not an Excel workbook (.xlsx): it looks like {looks_like(body)}")
    try:
        sheets = tuple(_sheets(Package(body)))
    except _DAMAGE as error:
        raise Unreadable("the workbook is damaged or incomplete") from error
    if not sheets:
        raise Unreadable("the workbook has no visible sheet")
    if len({sheet.title.casefold() for sheet in sheets} - {""}) < len(sheets):
        raise Unreadable("the workbook has two sheets with the same name, or one without a name")
    return sheets


def looks_like(body: bytes) -> str:
    """Return a description of data that isn't a workbook.

    The description completes the sentence "it looks like …".
    """
    head = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return "an empty file"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        protected = "EncryptedPackage".encode("utf-16-le") in body
        return f"an Excel workbook {'protected with a password' if protected else 'in the old .xls format'}"
    if b"<html" in head or head.startswith((b"<!doctype html", b"<head", b"<body", b"<script", b"<!--")):
        return "a web page"
    known = {b"%pdf": "a PDF", b"pk": "a zip archive", b"\x1f\x8b": "a gzip archive", b"<?xml": "XML", b"{": "JSON"}
    other = "binary data" if b"\0" in head else "plain text"
    return next((kind for start, kind in known.items() if head.startswith(start)), other)


def _sheets(package: Package) -> Iterator[Sheet]:
    main = package.relations("").part("officeDocument")
    if main is None:
        raise Unreadable("this is a zip archive, but not an Excel workbook (.xlsx)")
    book, relations = package.part(main, "workbook"), package.relations(main)
    properties = list(tags(book, "workbook/workbookPr", alone=False))
    if len(properties) > 1:
        raise Unreadable("the workbook has its properties twice")
    is_1904 = any(_truth(tag.get("date1904", "0")) for tag in properties)
    strings, styles = relations.part("sharedStrings"), relations.part("styles")
    if relations and styles != STYLES and STYLES in package:
        raise Unreadable("the workbook has styles that it doesn't use")
    texts = _texts(package.part(strings, "sst")) if strings else _Texts()
    formats = _formats(package.part(styles, "styleSheet"), _EPOCH_1904 if is_1904 else _EPOCH_1900) if styles else {}
    for number, tag in enumerate(tags(book, "workbook/sheets/sheet"), start=1):
        check_limit("sheets", number)
        if tag.get("state", "visible") == "visible":
            kind, part, _ = relations[_key(tag)]
            if kind not in _SHEETS:
                raise Unreadable(f"the workbook has a sheet of a kind we don't know: {kind[:40]!r}")
            if kind == "worksheet":
                cells, rest = _cells_and_rest(package.part(part, "worksheet"))
                conversions = _Conversions(texts, formats)
                rows = _rows(package, cells, conversions)
                links = conversions.links | _links(package, rest, package.relations(part))
                yield Sheet(tag.get("name", ""), rows, links, tuple(conversions.strays))


def _cells_and_rest(xml: str) -> tuple[str, str]:
    """Return what a worksheet has in its one `sheetData`, and what follows it."""
    before, opening, inside = xml.partition("<sheetData")
    tag, _, inside = inside.partition(">")
    cells, closing, rest = ("", "", inside) if tag.endswith("/") else inside.partition("</sheetData")
    rest = rest.partition(">")[2] if closing else rest
    if _ROW_OUTSIDE.search(before) or _ROW_OUTSIDE.search(rest) or (opening and depth(before) != 1):
        raise Unreadable("the workbook has a sheet whose rows are split into more than one section")
    return (cells, rest) if opening else ("", before.partition(">")[2])


def _key(tag: Mapping[str, str]) -> str:
    """Return the value of the attribute usually called `r:id`, or an empty string if there is none."""
    return tag.get("r:id") or next((value for name, value in tag.items() if name.endswith(":id")), "")


class _Texts(dict[str, str]):
    """The shared strings of a workbook by index.

    The indexes are strings such as "12", because that is how cells refer to them.
    """

    def __missing__(self, number: str) -> str:
        if number != (plain := str(int(number))):
            return self[plain]
        raise Unreadable(f"the workbook refers to string number {number[:20]} but has only {len(self)} strings")


def _texts(xml: str) -> _Texts:
    check_limit("texts", xml.count("<si"))
    inside = xml[xml.find("<sst") + 4 :].rpartition("</sst")[0].partition("<extLst")[0]
    found = _STRING.findall(inside)
    if any(stray for *_, stray in found):
        raise Unreadable("the workbook has something other than strings among its shared strings")
    texts = [_text(content) if content else unescaped(text) for text, content, _ in found]
    check_limit("characters in a cell", max(map(len, texts), default=0))
    plain = (text.replace("x005F_", "") for text in texts)  # an escaped underscore, as openpyxl reads it
    return _Texts(zip(map(str, count()), plain, strict=False))


def _contents(content: str) -> dict[str, str]:
    """Return the value `v`, the formula `f` and the text `is` of a cell, leaving out any that are missing."""
    check_limit("characters in one row, text or tag", len(content))
    contents: dict[str, str] = {}
    for path, _, text in walk(content):
        name, _, inside = path.partition("/")
        if name not in ("v", "f", "is") or (inside and name != "is") or (not inside and name in contents):
            raise Unreadable("a cell in the workbook has more than one value, formula or text")
        contents[name] = contents.get(name, "") if name == "is" else unescaped(text)
    if "is" in contents:
        contents["is"] = _text(content.partition("<is")[2].partition(">")[2].rpartition("</is")[0])
    check_limit("characters in a cell", max(map(len, contents.values()), default=0))
    return contents


def _text(content: str) -> str:
    """Return a text that may be in several pieces, each with its own style, without its pronunciation."""
    check_limit("characters in one row, text or tag", len(content))
    pieces: list[str] = []
    is_plain = False
    for path, _, text in walk(content):
        if path in ("t", "r/t"):
            if is_plain or (path == "t" and pieces):
                raise Unreadable("a cell in the workbook has more than one text element")
            is_plain = path == "t"
            pieces.append(unescaped(text))
        elif not _UNREAD.fullmatch(path):
            raise Unreadable(f"some text in the workbook contains {path[:40]!r}")
    return "".join(pieces)


def _formats(xml: str, epoch: datetime) -> dict[str, Convert]:
    """Return the functions that convert numbers to dates, by style index.

    The indexes are strings such as "12", because that is how cells refer to them.
    """
    moment: Convert = lru_cache(partial(_moment, epoch))  # a list has few distinct dates
    codes: dict[str, Convert | None] = dict.fromkeys(map(str, (*range(14, 23), 45, 47)), moment)
    codes["46"] = _duration
    for tag in tags(xml, "styleSheet/numFmts/numFmt"):
        code = tag.get("formatCode", "").partition(";")[0]
        convert = moment if _IS_MOMENT.search(_NOT_CODE.sub("", code)) else None
        codes[tag.get("numFmtId", "")] = _duration if convert and _IS_DURATION.search(code) else convert
        check_limit("styles", len(codes))
    found = {}
    for number, tag in enumerate(tags(xml, "styleSheet/cellXfs/xf")):
        check_limit("styles", number)
        if convert := codes.get(tag.get("numFmtId", "")):
            found[str(number)] = convert
    return found


class _Conversions(dict[str, Convert]):
    """A cache of the functions that convert a cell's text to its value, by the cell's attributes.

    Most cells have the same attributes. `links` collects the addresses in HYPERLINK formulas by row and column.
    `strays` collects the references of cells that are too far out.
    """

    def __init__(self, texts: _Texts, formats: Mapping[str, Convert]) -> None:
        super().__init__()
        self.links: dict[tuple[int, int], str] = {}
        self.strays: list[str] = []
        self._formats = formats
        self._shared: set[str | None] = set()
        self._kinds: dict[str, Convert] = {"s": texts.__getitem__, "b": _truth, "d": _iso, "inlineStr": _no_text}

    def share(self, content: str) -> None:
        """Raise Unreadable if a cell defines a shared formula whose number is already used by another formula."""
        for path, tag, text in walk(content):
            if path == "f" and text.strip() and (found := attributes(tag)).get("t") == "shared":
                if found.get("si") in self._shared:
                    raise Unreadable("the workbook has two formulas where cells share one")
                self._shared.add(found.get("si"))

    def __missing__(self, tag: str) -> Convert:
        found = attributes(tag)
        kind = found.get("t", "n")
        conversion = (
            self._formats.get(str(int(found.get("s", "0"))), _number) if kind == "n" else self._kinds.get(kind, str)
        )
        if "r" not in found:
            self[tag] = conversion
            check_limit("styles", len(self))
        return conversion


def _rows(package: Package, xml: str, conversions: _Conversions) -> list[list[Value]]:
    rows: dict[int, list[Value]] = {}
    number = 0
    pieces = xml.split("<row", WORKBOOK["rows"] + 1)
    check_limit("rows", len(pieces) - 1)
    if "<" in pieces[0]:
        raise Unreadable("the workbook has something other than rows before its first row")
    for piece in pieces[1:]:
        check_limit("characters in one row, text or tag", len(piece))
        if piece[0] not in " \t\n/>":
            raise Unreadable(f"the workbook has {piece[:20]!r} where a row belongs")
        row = _ROW.match(piece)
        number = int(row[1] if row else attributes(piece.partition(">")[0]).get("r", number + 1))
        inner, _, rest = piece.rpartition("</row")
        if number < 1:
            raise Unreadable(f"the workbook has an invalid row number: {str(number)[:20]}")
        if "<" in rest:
            raise Unreadable(f"the workbook has something other than cells in row {str(number)[:20]}")
        if cells := _cells(inner, number, conversions, rows.get(number, [])):
            rows[number] = cells
    _set_far_rows_aside(rows, conversions)
    if not rows:
        return []
    height, width = max(rows), max(map(len, rows.values()))
    check_limit("rows", height)
    package.spend("cells", height * width)
    for cells in rows.values():
        cells.extend([None] * (width - len(cells)))
    return [rows.get(number) or [None] * width for number in range(1, height + 1)]


def _set_far_rows_aside(rows: dict[int, list[Value]], conversions: "_Conversions") -> None:
    """Move a few cells that stand far below all others to the strays, so that no empty rows are read for them."""
    numbers = sorted(rows)
    gaps = (one for one, other in pairwise(numbers) if other - one > WORKBOOK["empty rows"])
    if (last := next(gaps, None)) is None:
        return
    far = [
        (number, column)
        for number in numbers
        if number > last
        for column, value in enumerate(rows[number], start=1)
        if value is not None
    ]
    if far and len(far) + len(conversions.strays) <= WORKBOOK["strays"]:
        conversions.strays += [f"{_LETTERS[column]}{number}" for number, column in far]
        for number in numbers:
            if number > last:
                del rows[number]


def _cells(xml: str, row: int, conversions: _Conversions, cells: list[Value]) -> list[Value]:
    column, number = 0, str(row)
    for reference, tag, text, content, stray in _CELL.findall(xml):
        if stray:
            raise Unreadable(f"the workbook has something other than cells in row {number[:20]}")
        column += 1
        if row > WORKBOOK["rows"] or reference != _EXPECTED[column] + number:
            if _is_far(reference) and len(conversions.strays) < WORKBOOK["strays"]:
                conversions.strays.append(reference)
                column -= 1
                continue
            column = _column(reference or attributes(tag).get("r"), row, column)
            cells.extend([None] * (column - 1 - len(cells)))
        value = conversions[tag](text) if text else _value(tag, content, conversions) if content else None
        if content and "shared" in content:
            conversions.share(content)
        if column <= len(cells):  # it replaces an earlier cell
            conversions.links.pop((row, column), None)
        if content and "HYPERLINK" in content.upper() and (link := _linked(content)):
            conversions.links[row, column] = link
        if column > len(cells):
            cells.append(value)
        else:
            cells[column - 1] = value
    return cells


def _is_far(reference: str) -> bool:
    """Return whether a reference is a valid Excel cell outside the range that we read.

    A few such cells are usually accidents, so they are skipped.
    """
    found = _REFERENCE.fullmatch(reference)
    return found is not None and (found[1] not in _COLUMNS or int(found[2]) > WORKBOOK["rows"])


def _value(tag: str, content: str, conversions: _Conversions) -> Value:
    contents = _contents(content)
    kind, text = attributes(tag).get("t"), contents.get("v")
    if kind == "inlineStr":
        if text is not None:
            raise Unreadable("a cell in the workbook has both text and a value")
        text = contents.get("is")
    if "f" in contents and not text and not (kind in ("str", "inlineStr") and text is not None):  # "" is a result too
        link = _HYPERLINK.fullmatch(contents["f"])
        return _unquoted(link[2] or link[1]) if link else "=" + contents["f"]
    if kind == "inlineStr":
        return text
    return conversions[tag](text) if text else None


def _linked(content: str) -> str | None:
    """Return the address in a cell's HYPERLINK formula, or None if it is computed or points inside the workbook."""
    link = _HYPERLINK.fullmatch(_contents(content).get("f", ""))
    address = _unquoted(link[1]) if link else ""
    return address if address and not address.startswith("#") else None


def _unquoted(text: str) -> str:
    return text.replace('""', '"')


def _column(reference: str | None, row: int, column: int) -> int:
    """Return the column from a cell's reference. If there is no reference, return `column`.

    Raise Unreadable if the reference is in a different row.
    """
    if reference:
        found, column = _corner(unescaped(reference))
        if found != row:
            raise Unreadable(f"cell {reference[:20]!r} in the workbook is in the wrong row")
    check_limit("columns", column)
    return column


def _links(package: Package, xml: str, relations: Relations) -> dict[tuple[int, int], str]:
    links: dict[tuple[int, int], str] = {}
    for area, key in _hyperlinks(xml):
        _, target, is_outside = relations[key] if key else ("", "", False)
        places = _places(area)
        package.spend("links", len(places))
        if is_outside:
            links.update(dict.fromkeys(places, target))
        else:  # a link within the workbook, which replaces any other
            for place in places:
                links.pop(place, None)
    return links


def _places(area: str) -> Sequence[tuple[int, int]]:
    """Return the rows and columns of the cells in an area such as `G5` or `G5:H6`."""
    first, _, last = area.partition(":")
    top, left = _corner(first)
    if not last:
        return ((top, left),)
    bottom, right = _corner(last)
    check_limit("links", (bottom - top + 1) * (right - left + 1))
    return tuple(product(range(top, bottom + 1), range(left, right + 1)))


def _hyperlinks(xml: str) -> Iterator[tuple[str, str]]:
    """Yield the cell range of each link and the key of the link's relation."""
    before, opening, inside = xml.partition("<hyperlinks")
    inside, _, after = inside.partition("</hyperlinks")
    if "<hyperlink" in before + after or (opening and depth(before)):
        raise Unreadable("the workbook has a sheet whose links are split into more than one section")
    for area, key, tag, stray in _LINK.findall(inside):
        if stray:
            raise Unreadable("the workbook has something other than links among its links")
        if key:
            yield area, key
        else:
            found = attributes(tag)
            yield found.get("ref", ""), _key(found)


def _corner(reference: str) -> tuple[int, int]:
    """Return the row and column of a cell reference such as `G5`."""
    letters = reference.rstrip(digits)
    row, column = int(reference[len(letters) :] or 0), _COLUMNS.get(letters)
    if column is None or not 1 <= row <= WORKBOOK["rows"]:
        raise Unreadable(f"the workbook is too large: {reference[:20]!r} is outside A1 to {_LAST}")
    return row, column


def _no_text(_: str) -> Value:
    raise Unreadable("a cell in the workbook has a value where text belongs")


def _truth(text: str) -> bool:
    if text not in ("0", "1", "false", "true"):
        raise Unreadable(f"a cell of the workbook has {text[:40]!r} where true or false belongs")
    return text in ("1", "true")


def _number(text: str) -> int | float:
    try:
        return float(text) if "." in text or "e" in text or "E" in text else int(text)
    except ValueError:
        raise Unreadable(f"a cell of the workbook has {text[:40]!r} where a number belongs") from None


def _iso(text: str) -> Value:
    """Parse a date or time in ISO format, as stored in strict-format workbooks. Return other text unchanged."""
    try:
        if "T" in text:
            return datetime.fromisoformat(text).replace(tzinfo=None)
        return time.fromisoformat(text).replace(tzinfo=None) if ":" in text else date.fromisoformat(text)
    except ValueError:
        return text


def _moment(epoch: datetime, text: str) -> Value:
    """Convert an Excel serial number to a date and time. Return the number if it isn't a valid date."""
    serial = _number(text)
    if serial < 0:
        return serial
    try:
        days, fraction = divmod(serial, 1)
        rest = timedelta(milliseconds=round(fraction * 86_400_000))
        if serial < 1 and not rest.days:
            return (epoch + rest).time()
        if 0 < serial < 60 and epoch == _EPOCH_1900:  # Excel wrongly counts Feb. 29, 1900, as a day
            days += 1
        return epoch + timedelta(days=days) + rest
    except (OverflowError, ValueError):
        return serial


def _duration(text: str) -> Value:
    """Convert a number of days to a duration, rounded to milliseconds. Return the number if it is too large."""
    serial = _number(text)
    try:
        duration = timedelta(days=serial)
        whole = timedelta(seconds=duration.total_seconds() // 1)
        return whole + timedelta(microseconds=round(duration.microseconds, -3))
    except (OverflowError, ValueError):
        return serial
