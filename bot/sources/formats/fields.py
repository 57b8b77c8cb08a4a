"""What platforms write, read at the border: JSON with anything in it, HTML in names, days and times in words.

Nothing here raises for a field that is missing, null or of another type: such a field is empty.
"""

import html
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time, tzinfo
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from bot.domain.document import Document
from bot.errors import Unreadable

LONGEST_TEXT = 20_000  # characters of one field
LONGEST_TITLE = 1_000
YEARS = range(1990, 2101)  # a date outside is dirt (0001-01-01 stands for none)

Row = Mapping[str, Any]


_HALF_A_LETTER = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def told(document: Document) -> Any:
    """What a document says as JSON; Unreadable when it is none.

    Half of a letter, as it stands where a server cut a title within an emoji, is read as one that is not known.
    """
    body = document.body.removeprefix(b"\xef\xbb\xbf")
    try:
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(body)
        return msgspec.json.decode(_HALF_A_LETTER.sub(lambda half: half[1] or b"\\ufffd", body))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as broken:
        raise Unreadable(f"{document.address} is not the JSON that was expected") from broken


def rows(document: Document, inside: str = "") -> list[Row]:
    """The objects of a list, which stands `inside` a field or is the whole; Unreadable when there is no list."""
    said = told(document)
    listed = said.get(inside) if inside and isinstance(said, dict) else said
    if not isinstance(listed, list) or (listed and not objects(listed)):
        raise Unreadable(f"{document.address} is JSON, but not the list that was expected{_message(said)}")
    return objects(listed)


def objects(value: object) -> list[Row]:
    """The objects among the values of a list; none when it is no list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _message(said: object) -> str:
    """What the server has to say instead."""
    words = text(said, "Message") or text(said, "message") if isinstance(said, dict) else ""
    return f": it says “{words[:200]}”" if words else ""


def text(row: Row, name: str) -> str:
    """A field as readable text."""
    value = row.get(name)
    if isinstance(value, str):
        return plain(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def title(row: Row, *names: str) -> str:
    """The first of these fields that says something, no longer than a title should be."""
    return next(filter(None, (text(row, name) for name in names)), "")[:LONGEST_TITLE]


def number(row: Row, name: str) -> int:
    """A whole number, 0 for none; numbers are written as text now and then."""
    value = row.get(name)
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 19:
        return int(value)
    return int(value) if isinstance(value, int) else 0


def link(row: Row, *names: str) -> str:
    """The first of these fields that is an address on the web."""
    values = (row.get(name) for name in names)
    return next((value.strip() for value in values if isinstance(value, str) and is_web(value)), "")


def called(address: str) -> str:
    """A name for an address: its host and path in words."""
    parts = urlsplit(address)
    words = f"{(parts.hostname or '').removeprefix('www.')}{parts.path}"
    return re.sub(r"[^a-z0-9.]+", "-", re.sub(r"\.(?:rss|xml|atom|aspx?|php|html?)$", "", words.lower())).strip("-.")[
        :80
    ]


def is_web(address: str) -> bool:
    """Whether it is an address on the web, and one that can be taken apart (http://[insert link] is none)."""
    try:
        return urlsplit(address.strip()).scheme in {"http", "https"} and "://" in address
    except ValueError:
        return False


def joined(base: str, said: str) -> str:
    """The address on the web that a link on a page means; empty where it is none."""
    try:
        address = urljoin(base, said.strip())
    except ValueError:
        return ""
    return address if is_web(address) else ""


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_UNSEEN = re.compile(r"<(script|style|head)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?([a-z][a-z0-9]*)\b[^<>]*>", re.IGNORECASE)
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b-\u200d\u2060\ufeff]")
_INLINE = {"a", "abbr", "b", "em", "font", "i", "mark", "small", "span", "strong", "sub", "sup", "u", "wbr"}


def plain(value: str) -> str:
    """HTML or text as readable text on one line, of a sane length."""
    value = value[: 10 * LONGEST_TEXT]
    if "<" in value:
        value = _TAG.sub(_gap, _UNSEEN.sub(" ", value))
    if "&" in value:
        value = html.unescape(value)
    return " ".join(_HIDDEN.sub("", value).split())[:LONGEST_TEXT]


def _gap(tag: re.Match[str]) -> str:
    """What a tag is to the eye: nothing within a line, else a space."""
    return "" if tag[1].lower() in _INLINE else " "


# ── days and times ───────────────────────────────────────────────────────────────────────────────────────────────────

_CLOCK = re.compile(r"\b(\d{1,2})(?::(\d{2}))?(?::\d{2})?\s*([ap])\.?\s?m\b", re.IGNORECASE)
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
    """An ISO time in the place's zone; one without a zone is the place's own."""
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
    """An ISO time as a clock at the place shows it, whatever zone is claimed for it."""
    return moment(_CLAIMED.sub("", value.strip()), zone) if isinstance(value, str) else None


def meeting_time(day: object, clock: object, zone: tzinfo) -> datetime | date | None:
    """A day written as an ISO time at midnight and a clock written as "6:30 PM"; the day alone without a clock."""
    at = moment(day, zone)
    if at is None:
        return None
    if (shown := clock_in(clock)) is not None:
        return at.replace(hour=shown.hour, minute=shown.minute, second=0, microsecond=0)
    return at if (at.hour, at.minute) != (0, 0) else at.date()


def clock_in(words: object) -> time | None:
    """The first time of the day in a text ("6:30 PM", "7 p.m.")."""
    found = _CLOCK.search(words) if isinstance(words, str) else None
    if found is None or not 1 <= int(found[1]) <= 12 or int(found[2] or 0) > 59:
        return None
    return time(int(found[1]) % 12 + (12 if found[3].lower() == "p" else 0), int(found[2] or 0))


def day_in(words: str) -> date | None:
    """The first day in a text: December 1, 2026, 12/01/2026 or 2026-12-01; months come first, as in the U.S."""
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
    """The day that a text names, with the time behind it if it names one."""
    day = day_in(words)
    clock = clock_in(words) if day else None
    return datetime.combine(day, clock, zone) if day and clock else day


_STATUS = {
    "cancelled": re.compile(r"\bcancel", re.IGNORECASE),
    "postponed": re.compile(r"\bpostpone", re.IGNORECASE),
    "rescheduled": re.compile(r"\breschedul", re.IGNORECASE),
}


def meeting_status(*words: str) -> str:
    """Whether these words say that a meeting does not take place as planned; empty when they do not."""
    said = " ".join(words)
    return next((status for status, pattern in _STATUS.items() if pattern.search(said)), "")
