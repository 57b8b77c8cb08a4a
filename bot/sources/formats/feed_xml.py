"""A parser for RSS and Atom feeds.

We use our own parser, based on lxml, instead of feedparser. Our parser rejects declared entities, repairs broken XML as
far as lxml can and reads any encoding. feedparser can repair more, but it accepts entities and guesses the time zone of
dates that have none.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from lxml import etree  # type: ignore[import-untyped]  # lxml ships no types

from bot.domain.document import Document
from bot.errors import Unreadable
from bot.sources.formats.fields import (
    YEARS,
    clean_text,
    fingerprint,
    is_web_address,
    mend_references,
    moment,
    resolve_link,
    unless_midnight,
    when_in,
)
from bot.sources.formats.limits import LONGEST_TITLE, MOST_ENTRIES, MOST_NODES
from bot.sources.formats.read_each import read_each

_AGENDA = re.compile(r"agenda|packet|notice of meeting|\.pdf(?:$|\?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One entry in a feed.

    `meets_at` is the date in the title or, if there is none, the publication date. In Granicus feeds, the publication
    date is the meeting date. `agendas` are the entry's links that lead to agendas.
    """

    id: str
    title: str
    link: str
    text: str
    meets_at: datetime | date | None
    agendas: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """A feed's title and entries. A feed with no entries is valid.

    `skipped` has a sentence for each entry that couldn't be read.
    """

    title: str
    entries: tuple[FeedEntry, ...]
    skipped: tuple[str, ...] = ()


def read_feed(document: Document, zone: tzinfo) -> ParsedFeed:
    """Parse a feed. Raise Unreadable if the document isn't a feed or declares entities."""
    root = _root(document)
    base = document.headers.get("final-address", document.address)
    channel = next((node for node in root.iter() if _name(node) in {"channel", "feed"}), None)
    if channel is None:
        raise Unreadable(f"{document.address} is XML, but neither RSS nor Atom; it may have been cut off")
    nodes = _entry_nodes(root, channel)
    dated_in = zone if len(nodes) > MOST_ENTRIES else None
    outlines = read_each(nodes, lambda node: _outline(node, base, dated_in), name=_title_of, address=document.address)
    shared = _shared(chain.from_iterable(outline.ids for outline in outlines.entries))
    read = read_each(
        _latest(outlines.entries),
        lambda outline: _entry(outline, base, zone, shared),
        name=lambda outline: _title_of(outline.node),
        address=document.address,
    )
    return ParsedFeed(
        title=_Fields(channel).first("title")[:LONGEST_TITLE],
        entries=_with_unique_ids(read.entries),
        skipped=(*outlines.skipped, *read.skipped),
    )


@dataclass(frozen=True, slots=True)
class _Outline:
    """The data needed to choose among entries: the entry's possible ids, best first, and the latest time in it.

    The time is 0 if no choice is needed or if the entry has no date.
    """

    node: Any
    ids: tuple[str, ...]
    last_time: float


def _outline(node: Any, base: str, dated_in: tzinfo | None) -> _Outline:
    return _Outline(node, tuple(dict.fromkeys(_ids(node, base))), _last_time(node, dated_in) if dated_in else 0.0)


def _entry_nodes(root: Any, channel: Any) -> list[Any]:
    """Return the feed's own entries. If it has none, return entries from other vocabularies instead."""
    nodes = [node for node in root.iter() if _name(node) in {"item", "entry"}]
    own = [node for node in nodes if _vocabulary(node) == _vocabulary(channel)] or nodes
    return own if len(own) <= MOST_NODES else [*own[: MOST_NODES // 2], *own[-MOST_NODES // 2 :]]


def _entry(outline: _Outline, base: str, zone: tzinfo, shared: AbstractSet[str]) -> FeedEntry:
    node = outline.node
    fields = _Fields(node)
    title, published = _title_of(node), fields.first(*_DATES)
    link = _link(node, base)
    return FeedEntry(
        id=next((name for name in outline.ids if name not in shared), "") or fingerprint(title, published),
        title=title,
        link=link,
        text=fields.longest("encoded", "content", "description", "summary"),
        meets_at=when_in(title, zone) or _in_parts(node, zone) or _published_at(published, zone),
        agendas=tuple(_agendas(node, base, title, link)),
    )


# ── which entry is which ─────────────────────────────────────────────────────────────────────────────────────────────


def _ids(node: Any, base: str) -> list[str]:
    """Return an entry's possible ids, best first. Some of them may be shared with other entries."""
    fields = _Fields(node, only={"guid", "id"})
    about = next((value for name, value in node.attrib.items() if name.rpartition("}")[2] == "about"), "")
    return [name for name in (fields.first("guid", "id"), _link(node, base), about.strip()) if name]


def _shared(names: Iterable[str]) -> AbstractSet[str]:
    """Return the names that occur more than once."""
    return {name for name, count in Counter(names).items() if count > 1}


def _with_unique_ids(entries: Sequence[FeedEntry]) -> tuple[FeedEntry, ...]:
    """Make the ids unique. If different entries share an id, add a hash of their content.

    Identical entries are merged into one.
    """
    shared = _shared(entry.id for entry in dict.fromkeys(entries))
    named = (
        replace(entry, id=fingerprint(entry.id, entry.title, entry.text)) if entry.id in shared else entry
        for entry in entries
    )
    return tuple({entry.id: entry for entry in reversed(list(named))}.values())[::-1]


def _latest(outlines: Sequence[_Outline]) -> list[_Outline]:
    """Return the latest MOST_ENTRIES entries, in the feed's order.

    Some feeds list the oldest entry first, so the position of an entry doesn't show its age. A new entry without a date
    may be at either end.
    """
    last = len(outlines) - 1
    dated = sorted((n for n, each in enumerate(outlines) if each.last_time), key=lambda n: -outlines[n].last_time)
    undated = sorted((n for n, each in enumerate(outlines) if not each.last_time), key=lambda n: min(n, last - n))
    ranked = sorted(chain(enumerate(dated), enumerate(undated)))[:MOST_ENTRIES]
    return [outlines[n] for n in sorted(n for _, n in ranked)]


def _last_time(node: Any, zone: tzinfo) -> float:
    """Return the latest time given in an entry, in seconds since 1970, or 0 if the entry has no date."""
    fields = _Fields(node, only={*_DATES, "title"})
    times = [_published_at(words, zone) for name in _DATES if (words := fields.first(name))]
    known = [at for at in (*times, when_in(fields.first("title"), zone)) if at is not None]
    return max((_seconds(at, zone) for at in known), default=0.0)


def _seconds(at: datetime | date, zone: tzinfo) -> float:
    return (at if isinstance(at, datetime) else datetime.combine(at, time(), zone)).timestamp()


# ── the fields of an entry ───────────────────────────────────────────────────────────────────────────────────────────

_DATES = ("pubdate", "published", "updated", "modified", "date")
_FULL_TEXT = "encoded"  # content:encoded, which belongs to an entry like its own elements


class _Fields:
    """The text of each child of an element, by name, with the names of other vocabularies kept apart.

    `<media:title>` is the title of a picture. It counts only if the entry has no title of its own. If a name is
    repeated, the first text counts.
    """

    def __init__(self, node: Any, *, only: AbstractSet[str] = frozenset()) -> None:
        self._own: dict[str, str] = {}
        self._foreign: dict[str, str] = {}
        vocabulary = _vocabulary(node)
        for child in node:
            name = _name(child)
            if not name or (only and name not in only):
                continue
            is_own = name == _FULL_TEXT or _vocabulary(child) == vocabulary
            fields = self._own if is_own else self._foreign
            if not fields.get(name):
                fields[name] = _text(child)

    def first(self, *names: str) -> str:
        """Return the first text with one of these names.

        The entry's own fields come before those of other vocabularies.
        """
        return next((fields[name] for fields in (self._own, self._foreign) for name in names if fields.get(name)), "")

    def longest(self, *names: str) -> str:
        """Return the longest of the entry's own fields with these names.

        If there are none, return a field from another vocabulary.
        """
        return max((self._own.get(name, "") for name in names), key=len) or self.first(*names)


def _text(node: Any) -> str:
    between = " " if any(isinstance(part.tag, str) for part in node) else ""  # XHTML; entities have no tag
    return clean_text(between.join(node.itertext()))


def _title_of(node: Any) -> str:
    return _Fields(node, only={"title"}).first("title")[:LONGEST_TITLE]


def _name(node: Any) -> str:
    """Return an element's name in lower case without its prefix. Return an empty string for a comment."""
    return _split(node.tag)[1] if isinstance(node.tag, str) else ""


def _vocabulary(node: Any) -> str:
    """Return an element's namespace, or its prefix if the prefix isn't declared."""
    return _split(node.tag)[0] if isinstance(node.tag, str) else ""


@lru_cache(maxsize=1_000)
def _split(tag: str) -> tuple[str, str]:
    """Split a tag into its vocabulary and its name."""
    space, _, name = tag.rpartition("}")
    prefix, _, name = name.rpartition(":")
    return space.removeprefix("{") or prefix, name.lower()


def _link(node: Any, base: str) -> str:
    """Return the address of the page that an entry links to.

    RSS has the address in the element's text, and Atom has it in an attribute.
    """
    links = sorted(
        (child for child in node if _name(child) == "link"), key=lambda child: _vocabulary(child) != _vocabulary(node)
    )
    for child in links:
        if child.get("rel", "alternate") == "alternate" and (href := child.get("href") or (child.text or "").strip()):
            return _resolved(child, base, href)
    guid = next((child for child in node if _name(child) == "guid"), None)
    address = (guid.text or "").strip() if guid is not None else ""
    return address if is_web_address(address) else ""


def _resolved(node: Any, base: str, href: str) -> str:
    """Resolve a link against the nearest xml:base."""
    return resolve_link(resolve_link(base, node.base or "") or base, href)


def _agendas(node: Any, base: str, title: str, link: str) -> Iterator[str]:
    """Yield the addresses of the agendas that an entry encloses or links to."""
    for child in node:
        is_enclosure = _name(child) == "enclosure" or (_name(child) == "link" and child.get("rel") == "enclosure")
        address = child.get("url") or child.get("href") or ""
        if is_enclosure and ("pdf" in child.get("type", "").lower() or _AGENDA.search(address)):
            yield _resolved(child, base, address)
    if link and (_AGENDA.search(title) or _AGENDA.search(urlsplit(link).path)):
        yield link


def _in_parts(node: Any, zone: tzinfo) -> datetime | date | None:
    """Return the meeting's time on the clock in Granicus's `pubDateParts`, if the entry has them.

    Granicus writes the same time into pubDate with the offset of standard time, even in summer.
    """
    parts = next((child for child in node if _name(child) == "pubdateparts"), None)
    numbers = [] if parts is None else [parts.get(name, "") or "0" for name in ("yr", "mo", "day", "hr", "min")]
    if not numbers or not all(each.isdecimal() and len(each) <= 4 for each in numbers):
        return None
    year, month, day, hour, minute = map(int, numbers)
    return unless_midnight(moment(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}", zone))


def _published_at(words: str, zone: tzinfo) -> datetime | date | None:
    """Parse a publication date in an RSS or Atom format. If the date has no time zone, use the place's zone."""
    at = moment(words, zone)
    if at is None:
        with suppress(ValueError, TypeError, OverflowError):
            at = parsedate_to_datetime(words)
    if at is None or at.year not in YEARS:
        return when_in(words, zone)
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)


# ── from bytes to elements ───────────────────────────────────────────────────────────────────────────────────────────

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_AS_BROWSERS_DO = {"utf-8": "utf-8-sig", "utf8": "utf-8-sig", "iso-8859-1": "cp1252", "latin1": "cp1252"}
_ENCODING = re.compile(r"utf|iso|latin|windows|cp|us-ascii|ascii|mac|koi8|big5|gb|shift|euc", re.IGNORECASE)
_PROLOG = re.compile(r"^\s*<\?xml[^>]*\?>")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _root(document: Document) -> Any:
    text = _NOT_XML.sub("", _PROLOG.sub("", mend_references(_decoded(document)))).strip()
    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError) as broken:
        raise Unreadable(f"{document.address} is not a readable feed") from broken
    if root is None:
        raise Unreadable(f"{document.address} is not a readable feed")
    if _declares_something(root.getroottree().docinfo):
        raise Unreadable(f"{document.address} has a DTD with declarations, which no feed needs")
    return root


def _declares_something(docinfo: Any) -> bool:
    """Return whether a document type declares entities or elements, or refers to a file that may declare them.

    A public name, such as the one for RSS 0.91, is harmless, because nothing is loaded.
    """
    declared = docinfo.internalDTD
    has_declarations = declared is not None and any((*declared.iterentities(), *declared.iterelements()))
    return has_declarations or bool(docinfo.system_url and not docinfo.public_id)


def _decoded(document: Document) -> str:
    """Decode a feed.

    Use the encoding given by the byte-order mark, the XML declaration or the server, in that order. Otherwise, try
    UTF-8 and then Windows-1252.
    """
    body = document.body
    declared = _DECLARED.match(body.removeprefix(BOM_UTF8))
    charset = _CHARSET.search(document.headers.get("content-type", ""))
    marked = "utf-16" if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else None
    for encoding in (marked, declared and declared[1].decode(), charset and charset[1], "utf-8-sig"):
        with suppress(UnicodeError, LookupError):
            if encoding and _ENCODING.match(encoding):
                return body.decode(_AS_BROWSERS_DO.get(encoding.lower(), encoding))
    return body.decode("cp1252", "replace")
