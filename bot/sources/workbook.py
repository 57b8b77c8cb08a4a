"""An Excel workbook (.xlsx) as plain values and links, read as a stream with every cost bounded.

Values are those of openpyxl's `load_workbook`, except where a list is better served otherwise: a date that no calendar
has stays its number, a cell that holds nothing but a link stays empty, cells under a merged one keep what they hold,
and of a shared or array formula only the text that stands in the cell is given.
"""

import posixpath
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from io import BytesIO
from itertools import product
from string import ascii_uppercase, digits
from typing import NamedTuple, TypeAlias
from xml.parsers import expat

from bot.errors import Unreadable

# What one workbook may cost in all. ICE's list of May 2026: 1,843 rows, 8 columns, 1,725 links, less than 2 MiB of XML.
MOST = {
    "bytes when unpacked": 32 << 20,  # counted as they come out of the zip, whatever its headers say
    "bytes in a tag": 1 << 20,  # expat scans an unfinished tag again with each chunk
    "levels of XML": 32,
    "files": 1_000,
    "sheets": 100,
    "styles": 65_536,
    "texts": 1_000_000,
    "rows": 100_000,
    "columns": 64,
    "cells": 1_000_000,  # gaps included
    "characters in a cell": 32_767,  # Excel's own limit
    "links": 100_000,  # or cells with a link
}
CHUNK = 64 << 10
_DEEPEST, _LONGEST = MOST["levels of XML"], MOST["characters in a cell"]

Value: TypeAlias = str | int | float | bool | datetime | date | time | timedelta | None
Attributes: TypeAlias = Mapping[str, str]
Texts: TypeAlias = dict[str, str]  # in a cell or string, by the elements that hold them
Act: TypeAlias = Callable[[Attributes, Texts], None]
Convert: TypeAlias = Callable[[int | float], Value]

_LETTERS = ["", *(first + last for first, last in product(("", *ascii_uppercase), ascii_uppercase))]  # by column
_COLUMNS = {letters: column for column, letters in enumerate(_LETTERS) if 1 <= column <= MOST["columns"]}
_LAST = f"{_LETTERS[MOST['columns']]}{MOST['rows']}"
_NOT_CODE = re.compile(r'".*?"|\[(?!(?:hh?|mm?|ss?)\])[^\]\[]*\]')  # literals, colours and locales in a number format
_IS_MOMENT = re.compile(r"(?<![_\\])[dmhys]", re.IGNORECASE)
_IS_DURATION = re.compile(r"\[(?:hh?|mm?|ss?)\]", re.IGNORECASE)
_ENCODINGS = frozenset(("utf-8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "iso-8859-1"))
_EPOCH_1900 = datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook knows no time zone
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001 - the same
_DAMAGE = (  # whatever zipfile and expat raise over bytes that lie
    *(zipfile.BadZipFile, zlib.error, struct.error, expat.ExpatError, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ArithmeticError, LookupError, ValueError, MemoryError),
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A visible worksheet: `rows` from A1 on and all of one length, `links` by row and column, counted from 1."""

    title: str
    rows: list[list[Value]]
    links: dict[tuple[int, int], str]


def read_workbook(body: bytes) -> tuple[Sheet, ...]:
    """Return the visible worksheets in the workbook's order, at least one; raise nothing but Unreadable."""
    if not body.startswith(b"PK"):
        raise Unreadable(f"this is not an Excel workbook (.xlsx): it looks like {looks_like(body)}")
    try:
        return _read(body)
    except _DAMAGE as error:
        raise Unreadable("the workbook is damaged or came incomplete") from error


def looks_like(body: bytes) -> str:
    """Say what bytes that are not a workbook look like, to end the sentence "it looks like …"."""
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


def _read(body: bytes) -> tuple[Sheet, ...]:
    package = _Package(body)
    main = package.relations("").part("officeDocument")
    if main is None:
        raise Unreadable("this is a zip archive, but not an Excel workbook (.xlsx)")
    book, relations = _Book(), package.relations(main)
    package.parse(main, "workbook", workbookPr=book.properties, sheet=book.sheet)
    strings, styles = relations.part("sharedStrings"), relations.part("styles")
    texts, formats = _Strings(), _Formats(book.epoch)
    if strings:
        package.parse(strings, "sst", si=texts.string)
    if styles:
        package.parse(styles, "styleSheet", numFmt=formats.code, cellXfs=formats.restart, xf=formats.style)
    sheets = []
    for title, key in book.visible:
        relation = relations[key]
        if relation.kind == "worksheet":
            grid = _Grid(package, package.relations(relation.target), texts.found, formats.by_style)
            package.parse(relation.target, "worksheet", row=grid.row, c=grid.cell, hyperlink=grid.link)
            sheets.append(Sheet(title, grid.rectangle(), grid.links))
    if not sheets:
        raise Unreadable("the workbook has no visible sheet")
    return tuple(sheets)


def _bound(what: str, amount: int) -> None:
    if amount > MOST[what]:
        raise Unreadable(f"the workbook is too large: more than {MOST[what]:,} {what}")


class _Relation(NamedTuple):
    """Where a part points: at another part or, if external, at an address."""

    kind: str
    target: str
    external: bool


class _Relations:
    """Where a part in this folder points."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._by_key: dict[str, _Relation] = {}

    def relation(self, attributes: Attributes, _: Texts) -> None:
        target, external = attributes.get("Target", ""), attributes.get("TargetMode") == "External"
        if not external:
            target = posixpath.normpath(posixpath.join("/", self._folder, target)).lstrip("/").lower()
        kind = attributes.get("Type", "").rpartition("/")[2]
        self._by_key[attributes.get("Id", "")] = _Relation(kind, target, external)
        _bound("links", len(self._by_key))

    def part(self, kind: str) -> str | None:
        """Return the part of this kind, if there is one."""
        return next((relation.target for relation in self._by_key.values() if relation.kind == kind), None)

    def __getitem__(self, key: str) -> _Relation:
        if key not in self._by_key:
            raise Unreadable(f"the workbook points at {key[:40]!r}, which it does not hold")
        return self._by_key[key]


class _Package:
    """The zip with its parts, named in lower case and with forward slashes, and what reading it has cost so far."""

    def __init__(self, body: bytes) -> None:
        _bound("files", body.count(b"PK\x01\x02"))  # before zipfile makes an object of each
        self._zip = zipfile.ZipFile(BytesIO(body))
        members = self._zip.infolist()
        self._members = {member.filename.replace("\\", "/").lower(): member for member in members}
        if len(self._members) < len(members):
            raise Unreadable("the workbook holds two files of the same name")
        self._spent = Counter[str]()

    def spend(self, what: str, amount: int = 1) -> None:
        """Count what the workbook costs, however often its parts point at each other."""
        self._spent[what] += amount
        _bound(what, self._spent[what])

    def relations(self, part: str) -> _Relations:
        """Return where the part points; the part `""` is the package itself."""
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        found = _Relations(folder)
        if rels in self._members:
            self.parse(rels, "Relationships", Relationship=found.relation)
        return found

    def parse(self, part: str, root: str, **acts: Act) -> None:
        """Do what is said for each element: as it opens or, if it holds texts, as it closes."""
        scanner, parser, fed = _Scanner(root, acts), expat.ParserCreate(), 0
        parser.buffer_text = True
        parser.XmlDeclHandler = _check_encoding
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = scanner.start
        parser.EndElementHandler = scanner.end
        parser.CharacterDataHandler = scanner.characters
        try:
            for chunk in self._chunks(part):
                parser.Parse(chunk)
                fed += len(chunk)
                _bound("bytes in a tag", fed - parser.CurrentByteIndex)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise Unreadable(f"the part {part[:80]!r} of the workbook is not valid XML") from error

    def _chunks(self, part: str) -> Iterator[bytes]:
        member = self._members.get(part)
        if member is None:
            raise Unreadable(f"the part {part[:80]!r} of the workbook is missing")
        if member.flag_bits & 1:
            raise Unreadable("the workbook is protected with a password")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable("the workbook is packed in a way that Excel does not know")
        with self._zip.open(member) as stream:
            while chunk := stream.read(CHUNK):
                self.spend("bytes when unpacked", len(chunk))
                yield chunk


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding and encoding.lower() not in _ENCODINGS:  # expat would ask Python for any other
        raise Unreadable(f"the workbook's XML is encoded in {encoding[:20]!r}, which Excel does not know")


def _refuse_doctype(*_: object) -> None:
    raise Unreadable("the workbook's XML declares a document type, which no honest workbook does")


class _Scanner:
    """What expat calls: it hands each element that is wanted to who wants it."""

    def __init__(self, root: str, wanted: Mapping[str, Act]) -> None:
        self._root, self._wanted = root, wanted
        self._holders: set[str] = set()  # as the document prints them, known from its root on
        self._leaves: dict[str, str] = {}
        self._phonetic = ""
        self._muted = False  # while a phonetic run says how the text is pronounced
        self._depth = 0
        self._text = ""  # since the last tag that opened
        self._attributes: Attributes = {}  # of the holder that we are in
        self._texts: Texts = {}
        self._runs: list[str] = []

    def start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        self._text = ""
        if not 1 < self._depth <= _DEEPEST:
            self._edge(name)
        if name in self._holders:
            self._attributes, self._texts, self._runs = attributes, {}, []
        elif name in self._wanted:
            self._wanted[name](attributes, {})
        elif name == self._phonetic:
            self._muted = True

    def end(self, name: str) -> None:
        self._depth -= 1
        if leaf := self._leaves.get(name):
            if leaf != "t":
                self._texts[leaf] = self._text
            elif not self._muted:
                self._runs.append(self._text)
        elif name in self._holders:
            if self._runs:
                self._join()
            self._wanted[name](self._attributes, self._texts)
        elif name == self._phonetic:
            self._muted = False

    def characters(self, text: str) -> None:
        self._text += text
        if len(self._text) > _LONGEST:
            _bound("characters in a cell", len(self._text))

    def _join(self) -> None:
        self._texts["t"] = text = "".join(self._runs)
        _bound("characters in a cell", len(text))

    def _edge(self, name: str) -> None:
        """Refuse a tower of elements and another root; the root's namespace prefix is that of all elements."""
        _bound("levels of XML", self._depth)
        prefix, colon, local = name.rpartition(":")
        if local != self._root:
            raise Unreadable(f"the workbook holds {local[:40]!r} where {self._root!r} belongs")
        prefix += colon
        self._wanted = {prefix + element: act for element, act in self._wanted.items()}
        self._holders = {prefix + element for element in ("c", "si")} & self._wanted.keys()
        self._leaves = {prefix + element: element for element in ("v", "f", "t")}
        self._phonetic = prefix + "rPh"


def _key(attributes: Attributes) -> str:
    """Return what most writers call `r:id`, or nothing."""
    return attributes.get("r:id") or next((value for name, value in attributes.items() if name.endswith(":id")), "")


class _Book:
    """The day from which the workbook counts, and title and key of each visible sheet."""

    def __init__(self) -> None:
        self.epoch = _EPOCH_1900
        self.visible: list[tuple[str, str]] = []

    def properties(self, attributes: Attributes, _: Texts) -> None:
        if attributes.get("date1904") in ("1", "true"):
            self.epoch = _EPOCH_1904

    def sheet(self, attributes: Attributes, _: Texts) -> None:
        if attributes.get("state", "visible") == "visible":
            self.visible.append((attributes.get("name", ""), _key(attributes)))
            _bound("sheets", len(self.visible))


class _Strings:
    """The texts that cells share."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def string(self, _: Attributes, texts: Texts) -> None:
        self.found.append(texts.get("t", "").replace("x005F_", ""))  # an escaped underscore, undone as openpyxl does
        _bound("texts", len(self.found))


class _Formats:
    """How numbers become dates: `by_style` has the number of a style as cells print it."""

    def __init__(self, epoch: datetime) -> None:
        self.by_style: dict[str, Convert] = {}
        self._moment: Convert = partial(_moment, epoch)
        self._codes: dict[str, Convert | None] = dict.fromkeys(map(str, (*range(14, 23), 45, 47)), self._moment)
        self._codes["46"] = _duration
        self._count = 0

    def code(self, attributes: Attributes, _: Texts) -> None:
        code = attributes.get("formatCode", "").partition(";")[0]
        convert = self._moment if _IS_MOMENT.search(_NOT_CODE.sub("", code)) else None
        self._codes[attributes.get("numFmtId", "")] = _duration if convert and _IS_DURATION.search(code) else convert
        _bound("styles", len(self._codes))

    def restart(self, *_: object) -> None:
        """Forget the styles so far: they were not those of cells."""
        self.by_style, self._count = {}, 0

    def style(self, attributes: Attributes, _: Texts) -> None:
        if convert := self._codes.get(attributes.get("numFmtId", "")):
            self.by_style[str(self._count)] = convert
        self._count += 1
        _bound("styles", self._count)


class _Grid:
    """The cells and links of one sheet."""

    def __init__(
        self, package: _Package, relations: _Relations, texts: Sequence[str], formats: Mapping[str, Convert]
    ) -> None:
        self.links: dict[tuple[int, int], str] = {}
        self._spend, self._relations, self._texts, self._formats = package.spend, relations, texts, formats
        self._rows: list[list[Value]] = []
        self._width = self._row = self._column = 0
        self._digits = ""  # of the row's number
        self._casts: dict[str, Callable[[str], Value]] = {"s": self._shared, "b": ("1", "true").__contains__, "d": _iso}

    def row(self, attributes: Attributes, _: Texts) -> None:
        self._row, self._column = int(attributes.get("r", self._row + 1)), 0
        self._digits = str(self._row)
        if self._row < 1:
            raise Unreadable(f"the workbook numbers a row {self._digits[:20]}")

    def cell(self, attributes: Attributes, texts: Texts) -> None:
        self._column += 1  # a cell without a reference follows the last
        reference = attributes.get("r")
        if reference and reference != _LETTERS[self._column] + self._digits:
            self._column = self._jump(reference)
        if self._column > self._width or self._row > len(self._rows):
            self._grow()
        row = self._rows[self._row - 1]
        gap = self._column - 1 - len(row)
        value = self._value(attributes, texts) if texts else None
        if gap:
            row.extend([None] * (gap + 1))
            row[self._column - 1] = value
        else:
            row.append(value)

    def link(self, attributes: Attributes, _texts: Texts) -> None:
        key = _key(attributes)
        relation = self._relations[key] if key else None  # without one it leads to a place in the workbook
        if relation and relation.external:
            first, _, last = attributes.get("ref", "").partition(":")
            top, left = _corner(first)
            bottom, right = _corner(last) if last else (top, left)
            rows, columns = range(top, bottom + 1), range(left, right + 1)
            self._spend("links", len(rows) * len(columns))
            self.links.update(dict.fromkeys(product(rows, columns), relation.target))

    def rectangle(self) -> list[list[Value]]:
        """Return the rows, all of one length."""
        for row in self._rows:
            row.extend([None] * (self._width - len(row)))
        return self._rows

    def _jump(self, reference: str) -> int:
        """Return the column of a cell that does not follow the last."""
        row, column = _corner(reference)
        if row != self._row:
            raise Unreadable(f"the cell {reference[:20]!r} of the workbook stands in another row")
        return column

    def _grow(self) -> None:
        _bound("rows", self._row)
        _bound("columns", self._column)
        area = self._width * len(self._rows)
        self._width = max(self._width, self._column)
        self._rows.extend([] for _ in range(self._row - len(self._rows)))
        self._spend("cells", self._width * len(self._rows) - area)

    def _value(self, attributes: Attributes, texts: Mapping[str, str]) -> Value:
        kind, text = attributes.get("t", "n"), texts.get("v")
        if "f" in texts:
            return "=" + texts["f"]
        if kind == "inlineStr":
            return texts.get("t", "")
        if not text:
            return None
        if kind == "n":
            number, convert = _number(text), self._formats.get(attributes.get("s", ""))
            return convert(number) if convert else number
        cast = self._casts.get(kind)
        return cast(text) if cast else text

    def _shared(self, text: str) -> str:
        index = int(text)
        if not 0 <= index < len(self._texts):
            raise Unreadable(f"the workbook points at a text that it does not hold: {text[:20]} of {len(self._texts)}")
        return self._texts[index]


def _corner(reference: str) -> tuple[int, int]:
    """Return the row and the column of `G5`."""
    letters = reference.rstrip(digits)
    row, column = int(reference[len(letters) :]), _COLUMNS.get(letters)
    if column is None or not 1 <= row <= MOST["rows"]:
        raise Unreadable(f"the workbook is too large: {reference[:20]!r} is not within A1 to {_LAST}")
    return row, column


def _number(text: str) -> int | float:
    try:
        return float(text) if "." in text or "e" in text or "E" in text else int(text)
    except ValueError:
        raise Unreadable(f"a cell of the workbook holds {text[:40]!r} where a number belongs") from None


def _iso(text: str) -> Value:
    """Return the date or time that a strict workbook writes out; other text stays what it is."""
    try:
        if "T" in text:
            return datetime.fromisoformat(text).replace(tzinfo=None)
        return time.fromisoformat(text).replace(tzinfo=None) if ":" in text else date.fromisoformat(text)
    except ValueError:
        return text


def _moment(epoch: datetime, serial: float) -> Value:
    """Return the date and time of a serial number of days, or the number if no calendar has it."""
    if serial < 0:
        return serial
    try:
        days, fraction = divmod(serial, 1)
        rest = timedelta(milliseconds=round(fraction * 86_400_000))
        if serial < 1 and not rest.days:
            return (epoch + rest).time()
        if 0 < serial < 60 and epoch == _EPOCH_1900:  # Excel believes in 29 February 1900
            days += 1
        return epoch + timedelta(days=days) + rest
    except (OverflowError, ValueError):
        return serial


def _duration(serial: float) -> Value:
    """Return a number of days as a duration, to the millisecond, or the number if it is too long."""
    try:
        duration = timedelta(days=serial)
        whole = timedelta(seconds=duration.total_seconds() // 1)
        return whole + timedelta(microseconds=round(duration.microseconds, -3))
    except (OverflowError, ValueError):
        return serial
