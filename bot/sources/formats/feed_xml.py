"""A parser for RSS and Atom feeds.

We use our own parser, based on lxml, instead of feedparser. Our parser rejects DTDs, repairs broken XML as far as lxml
can and reads any encoding. feedparser can repair more, but it accepts DTDs and guesses the time zone of dates that have
none.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from email.utils import parsedate_to_datetime
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
    moment,
    resolve_link,
    when_in,
)
from bot.sources.formats.limits import LONGEST_TITLE, MOST_ENTRIES

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
    """A feed's title and entries. A feed with no entries is valid."""

    title: str
    entries: tuple[FeedEntry, ...]


def read_feed(document: Document, zone: tzinfo) -> ParsedFeed:
    """Parse a feed. Raise Unreadable if the document isn't a feed or has a DTD."""
    root = _root(document)
    base = document.headers.get("final-address", document.address)
    channel = next((node for node in root.iter() if _name(node) in {"channel", "feed"}), None)
    if channel is None:
        raise Unreadable(f"{document.address} is XML, but neither RSS nor Atom; it may have been cut off")
    nodes = (node for node in root.iter() if _name(node) in {"item", "entry"})
    entries = (_entry(node, base, zone) for node, _ in zip(nodes, range(MOST_ENTRIES), strict=False))
    return ParsedFeed(title=_first(_fields(channel), "title")[:LONGEST_TITLE], entries=tuple(entries))


def _entry(node: Any, base: str, zone: tzinfo) -> FeedEntry:
    fields = _fields(node)
    title = _first(fields, "title")[:LONGEST_TITLE]
    link = _link(node, base)
    published = _first(fields, "pubdate", "published", "updated", "date")
    return FeedEntry(
        id=_first(fields, "guid", "id") or link or fingerprint(title, published),
        title=title,
        link=link,
        text=max(
            _first(fields, "encoded"), _first(fields, "content"), _first(fields, "description", "summary"), key=len
        ),
        meets_at=when_in(title, zone) or _published_at(published, zone),
        agendas=tuple(_agendas(node, base, title, link)),
    )


def _fields(node: Any) -> Mapping[str, str]:
    """Return the text of each child element by name, without namespaces. If a name is repeated, use the first child."""
    found: dict[str, str] = {}
    for child in node:
        name = _name(child)
        if name and name not in found:
            between = " " if any(isinstance(part.tag, str) for part in child) else ""  # XHTML; entities have no tag
            found[name] = clean_text(between.join(child.itertext()))
    return found


def _first(fields: Mapping[str, str], *names: str) -> str:
    return next((fields[name] for name in names if fields.get(name)), "")


def _name(node: Any) -> str:
    """Return an element's name in lower case without its namespace. Return an empty string for a comment."""
    return node.tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(node.tag, str) else ""


def _link(node: Any, base: str) -> str:
    """Return the address of the page that an entry links to.

    RSS has the address in the element's text, and Atom has it in an attribute.
    """
    links = [child for child in node if _name(child) == "link"]
    for child in links:
        if child.get("rel", "alternate") == "alternate" and (href := child.get("href") or (child.text or "").strip()):
            return resolve_link(base, href)
    guid = next((child for child in node if _name(child) == "guid"), None)
    address = (guid.text or "").strip() if guid is not None else ""
    return address if is_web_address(address) else ""


def _agendas(node: Any, base: str, title: str, link: str) -> Iterator[str]:
    """Yield the addresses of the agendas that an entry encloses or links to."""
    for child in node:
        is_enclosure = _name(child) == "enclosure" or (_name(child) == "link" and child.get("rel") == "enclosure")
        address = child.get("url") or child.get("href") or ""
        if is_enclosure and ("pdf" in child.get("type", "").lower() or _AGENDA.search(address)):
            yield resolve_link(base, address)
    if link and (_AGENDA.search(title) or _AGENDA.search(urlsplit(link).path)):
        yield link


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
_ENCODING = re.compile(r"utf|iso|latin|windows|cp|us-ascii|ascii|mac|koi8|big5|gb|shift|euc", re.IGNORECASE)
_PROLOG = re.compile(r"^\s*<\?xml[^>]*\?>")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def _root(document: Document) -> Any:
    text = _NOT_XML.sub("", _PROLOG.sub("", _decoded(document))).strip()
    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError) as broken:
        raise Unreadable(f"{document.address} is not a readable feed") from broken
    if root is None:
        raise Unreadable(f"{document.address} is not a readable feed")
    if root.getroottree().docinfo.doctype:
        raise Unreadable(f"{document.address} has a DTD, which no feed needs")
    return root


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
                return body.decode("utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding)
    return body.decode("cp1252", "replace")
