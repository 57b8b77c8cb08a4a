"""Functions that read single values in the formats that platforms use, such as JSON fields, HTML text, dates and times.

A field that is missing, null or of the wrong type counts as empty and doesn't raise an error.
"""

import hashlib
import html
import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time, tzinfo
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit, urlunsplit

import msgspec

from bot.domain.document import Document
from bot.domain.web_address import web_parts
from bot.errors import Unreadable
from bot.sources.formats.charset import decoded
from bot.sources.formats.limits import LONGEST_TEXT, LONGEST_TITLE

YEARS = range(1990, 2101)  # a date outside this range is bad data (0001-01-01 means no date)

Row = Mapping[str, Any]

_CONTROLS_TO_SPACES = bytes(max(byte, 32) for byte in range(256))
_HALF_A_LETTER = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def decode_json(document: Document) -> Any:
    """Parse a document as JSON. Raise Unreadable if it isn't valid JSON.

    One bad title must not hide the others. Some servers cut off a title in the middle of an emoji and leave half of a
    surrogate pair, or put a line break inside a string. The half is replaced with "�", and control characters are
    replaced with spaces. Broken bytes are read as Windows-1252.
    """
    body = document.body.removeprefix(BOM_UTF8)
    if not body.isascii():
        body = decoded(document.body, "utf-8").encode()
    try:
        with suppress(msgspec.DecodeError, UnicodeError):
            return msgspec.json.decode(body)
        mended = body.translate(_CONTROLS_TO_SPACES).decode("utf-8", "replace").encode()
        return msgspec.json.decode(_HALF_A_LETTER.sub(lambda half: half[1] or b"\\ufffd", mended))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as broken:
        raise Unreadable(f"{document.address} is not the JSON we expected") from broken


def rows(document: Document, field: str = "", *, of: str = "") -> list[Row]:
    """Return the objects in a JSON list. Raise Unreadable if the list is missing.

    The list is the value of `field`, or the whole document if `field` is empty. The names of the platform's fields
    begin with `of`. A list of objects without any such fields is rejected, because it may be an error message.
    """
    found = decode_json(document)
    listed = found.get(field) if field and isinstance(found, dict) else found
    if not isinstance(listed, list) or (listed and not objects(listed)) or not _is_of(objects(listed), of):
        raise Unreadable(f"{document.address} is JSON, but not the list we expected{_message(found)}")
    return objects(listed)


def _is_of(found: list[Row], of: str) -> bool:
    names = [name for row in found for name in row]
    return not names or any(name.startswith(of) for name in names)


def objects(value: object) -> list[Row]:
    """Return the objects in a list, or an empty list if the value isn't a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _message(found: object) -> str:
    """Return the server's error message to append to our own error, or an empty string if there is none."""
    first = next(iter(objects(found)), {}) if isinstance(found, list) else found
    words = title(first, "Message", "message", "error", "error_description") if isinstance(first, dict) else ""
    return f": it says “{words[:200]}”" if words else ""


def text(row: Row, name: str) -> str:
    """Return a field as plain text, or an empty string if the field has no text or number."""
    value = row.get(name)
    if isinstance(value, str):
        return clean_text(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def title(row: Row, *names: str) -> str:
    """Return the first of these fields that isn't empty, shortened to LONGEST_TITLE characters."""
    return next(filter(None, (text(row, name) for name in names)), "")[:LONGEST_TITLE]


def number(row: Row, name: str) -> int:
    """Return a field as an integer, or 0 if it isn't a number. Some servers send numbers as text."""
    value = row.get(name)
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 19:
        return int(value)
    return int(value) if isinstance(value, int) else 0


def link(row: Row, *names: str) -> str:
    """Return the first of these fields that contains a web address."""
    values = (row.get(name) for name in names)
    return next((value.strip() for value in values if isinstance(value, str) and is_web_address(value)), "")


def fingerprint(*parts: object) -> str:
    """Return a short hash of the parts. The hashes are stored, so the algorithm must not change."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


# ── web addresses ────────────────────────────────────────────────────────────────────────────────────────────────────


def name_from(address: str) -> str:
    """Make a name from the host and path of an address."""
    parts = urlsplit(address)
    words = f"{(parts.hostname or '').removeprefix('www.')}{parts.path}"
    words = re.sub(r"\.(?:rss|xml|atom|aspx?|php|html?)$", "", words.lower())
    return re.sub(r"[^a-z0-9.]+", "-", words).strip("-.")[:80]


def query_values(query: str) -> dict[str, str]:
    """Return the first value of each field in an address's query. The names are in lowercase, as servers read them."""
    return {name.lower(): value for name, value in reversed(parse_qsl(query))}


def is_web_address(address: str) -> bool:
    """Return whether this is a valid web address. For example, http://[insert link] isn't."""
    return web_parts(address.strip()) is not None


def resolve_link(base: str, href: str) -> str:
    """Return the web address that a link on a page points to, or an empty string if it isn't a web address."""
    try:
        address = urljoin(base, href.strip())
    except ValueError:
        return ""
    return address if is_web_address(address) else ""


def place_on_site(address: str) -> str:
    """Return an address without its scheme, its host and any session ids.

    Two addresses for the same page then compare as equal, even if the site has moved.
    """
    parts = urlsplit(address)
    asked = (each for each in parts.query.split("&") if each and not _SESSION.fullmatch(each))
    return urlunsplit(("", "", _SESSION_IN_PATH.sub("", parts.path), "&".join(asked), ""))


_SESSION_IN_PATH = re.compile(r";\w*sess\w*=[^/;?]*", re.IGNORECASE)
_SESSION = re.compile(r"\w*sess\w*=.*|(?:s|sid|oscsid|zenid|cfid|cftoken)=[\w-]{16,}", re.IGNORECASE)


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_UNSEEN = re.compile(r"<(script|style|head)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?([a-z][a-z0-9]*)\b[^<>]*>", re.IGNORECASE)
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")  # can't be encoded, so it must not reach the store
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b-\u200d\u2060\ufeff]")
_REFERENCES = re.compile(r"(?:&#(?:[0-9]+|[xX][0-9a-fA-F]+);)+")
_DIGITS = re.compile(r"&#([0-9]+|[xX][0-9a-fA-F]+);")
_WRONG = {0, *range(0x80, 0xA0)}  # no letter, or one of Windows-1252
_INLINE = {"a", "abbr", "b", "em", "font", "i", "mark", "small", "span", "strong", "sub", "sup", "u", "wbr"}


def mend_references(value: str) -> str:
    """Repair numeric character references as browsers do.

    This applies to references to half of a surrogate pair, to an invalid character or to a Windows-1252 code. Some
    servers write an emoji as its two halves (`&#55357;&#56832;`), which no XML parser accepts.
    """
    return _REFERENCES.sub(_letters, value) if "&#" in value else value


def _letters(references: re.Match[str]) -> str:
    """Return the characters that numeric references represent. Leave references to ordinary characters unchanged."""
    codes = [_code(digits) for digits in _DIGITS.findall(references[0])]
    if not any(0xD800 <= code <= 0xDFFF or code > 0x10FFFF or code in _WRONG for code in codes):
        return references[0]
    units = b"".join(
        code.to_bytes(2, "little") if 0xD800 <= code <= 0xDFFF else html.unescape(f"&#{code};").encode("utf-16-le")
        for code in codes
    )
    return escape(units.decode("utf-16-le", "replace"), quote=False)


def _code(digits: str) -> int:
    """Return the number in a reference such as x1F600 or 128512.

    If it is too large, return a number that isn't a valid character.
    """
    number = digits.lstrip("xX").lstrip("0")
    return (int(number or "0", 16 if digits[0] in "xX" else 10)) if len(number) <= 8 else 0x110000


def clean_text(value: str) -> str:
    """Convert HTML or plain text to a single readable line of at most LONGEST_TEXT characters."""
    value = value[: 10 * LONGEST_TEXT]
    if "<" in value:
        value = _TAG.sub(_gap, _UNSEEN.sub(" ", value))
    if "&" in value:
        value = html.unescape(mend_references(value))
    return " ".join(_HIDDEN.sub("", _HALF_A_PAIR.sub("\ufffd", value)).split())[:LONGEST_TEXT]


def _gap(tag: re.Match[str]) -> str:
    """Return the replacement for a tag. It is an empty string for an inline tag and a space for any other."""
    return "" if tag[1].lower() in _INLINE else " "


# ── days and times ───────────────────────────────────────────────────────────────────────────────────────────────────

_CLOCK = re.compile(
    r"\b(\d{1,2})(?::(\d{2}))?(?::\d{2})?\s*([ap])\.?\s?m\b|\b(?:noon|mediod[ií]a|12:00\s*[nm])\b", re.IGNORECASE
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_NAMED_DAY = re.compile(
    rf"\b({'|'.join(_MONTHS)})[a-z]*\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})\b", re.IGNORECASE
)
_NUMBERED_DAY = re.compile(r"(?<![\d/-])(\d{1,2})([/-])(\d{1,2})\2(\d{4})(?![\d/-])")
_CLAIMED = re.compile(r"(?<=\d)(?:Z|[+-]\d{2}:?\d{2})$", re.IGNORECASE)
_ISO_DAY = re.compile(r"(?<![\d/-])(\d{4})-(\d{2})-(\d{2})(?![\d-])")


def moment(value: object, zone: tzinfo) -> datetime | None:
    """Parse an ISO time and convert it to the place's time zone.

    A time without a zone is assumed to be in the place's time zone.
    """
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if at.year not in YEARS:
        return None
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)


def wall_time(value: object, zone: tzinfo) -> datetime | None:
    """Parse an ISO time as local time in the place's zone. Ignore any zone in the text."""
    return moment(_CLAIMED.sub("", value.strip()), zone) if isinstance(value, str) else None


def unless_midnight(at: datetime | None) -> datetime | date | None:
    """Return only the date of a meeting at midnight, because no board meets then: its time isn't set."""
    return at.date() if at is not None and (at.hour, at.minute) == (0, 0) else at


def meeting_time(day: object, clock: object, zone: tzinfo) -> datetime | date | None:
    """Combine a date and a time of day, such as "6:30 PM". The date is an ISO time at midnight.

    If there is no time of day, return only the date.
    """
    at = moment(day, zone)
    if at is None:
        return None
    if (shown := clock_in(clock)) is not None:
        return at.replace(hour=shown.hour, minute=shown.minute, second=0, microsecond=0)
    return unless_midnight(at)


def clock_in(words: object) -> time | None:
    """Return the first time of day in a string, such as "6:30 PM", "7 p.m." or "12 noon".

    Midnight counts as no time, because no board meets then and some platforms show it if the time isn't set.
    """
    found = _CLOCK.search(words) if isinstance(words, str) else None
    if found is not None and found[1] is None:
        return time(12)
    if found is None or not 1 <= int(found[1]) <= 12 or int(found[2] or 0) > 59:
        return None
    shown = time(int(found[1]) % 12 + (12 if found[3].lower() == "p" else 0), int(found[2] or 0))
    return shown if shown != time() else None


def day_in(words: str) -> date | None:
    """Return a date found in a string, such as "December 1, 2026", "12/01/2026" or "2026-12-01".

    In a date such as 12/01/2026, the month comes first.
    """
    if found := _NAMED_DAY.search(words):
        return _day(int(found[3]), _MONTHS[found[1].lower()], int(found[2]))
    if found := _NUMBERED_DAY.search(words):
        return _day(int(found[4]), int(found[1]), int(found[3]))
    if found := _ISO_DAY.search(words):
        return _day(*map(int, found.groups()))
    return None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if year in YEARS else None
    except ValueError:
        return None


def when_in(words: str, zone: tzinfo) -> datetime | date | None:
    """Return the date in a string, and the time of day if there is one."""
    day = day_in(words)
    clock = clock_in(words) if day else None
    return datetime.combine(day, clock, zone) if day and clock else day
