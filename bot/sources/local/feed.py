"""Any RSS or Atom feed, Granicus's ViewPublisherRSS.php among them.

The reader is our own, on lxml, which is here anyway; feedparser mends more, but takes DTDs and reads what it likes into
dates without a zone. A feed with a DTD is refused, broken XML is mended as far as it goes, any encoding is read.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from lxml import etree  # type: ignore[import-untyped]  # lxml ships no types

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.document import Document, Expect
from bot.domain.source_status import SourceStatus
from bot.errors import Unreadable
from bot.sources import Fetcher
from bot.sources.formats.fields import (
    LONGEST_TITLE,
    YEARS,
    called,
    is_web,
    joined,
    meeting_status,
    moment,
    plain,
    when_in,
)
from bot.sources.local.crawler import Crawler, Listed, Paper
from bot.sources.local.session import ReadSession, fingerprint

MOST_ENTRIES = 300

_FEED_PATH = re.compile(
    r"\.(?:rss|xml|atom|rdf)$|/(?:rss|feed|feeds|atom)/?$|/RSSFeed\.aspx$|/\w*RSS\.php$", re.IGNORECASE
)
_FEED_QUERY = re.compile(r"(?:^|&)(?:feed|format|type|alt)=(?:rss|atom)|(?:^|&)feed=", re.IGNORECASE)
_AGENDA = re.compile(r"agenda|packet|notice of meeting|\.pdf(?:$|\?)", re.IGNORECASE)


class Feed:
    """A feed; documents that its entries link are read where they are agendas."""

    kind = "feed"

    def recognizes(self, address: str) -> Place | None:
        """The feed that this is, or the feed of agendas of a view of Granicus."""
        parts = urlsplit(address)
        host = parts.hostname or ""
        if host.endswith(".granicus.com") and "view_id" in (asked := parse_qs(parts.query)):
            query = f"view_id={asked['view_id'][0]}&mode={asked.get('mode', ['agendas'])[0]}"
            where = urlunsplit(("https", parts.netloc, "/ViewPublisherRSS.php", query, ""))
            return Place(name=f"{host.split('.')[0]}-{asked['view_id'][0]}", kind=self.kind, address=where, state="")
        is_feed = _FEED_PATH.search(parts.path) or _FEED_QUERY.search(parts.query)
        if not is_feed or "sitemap" in parts.path.lower():
            return None
        return Place(name=called(address), kind=self.kind, address=address, state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """What is new or amended in the feed; one request where nothing changed."""
        visit = ReadSession(fetch, place, status, now)
        address = (self.recognizes(place.address) or place).address
        document = await visit.get(address, expect=Expect.FEED, whole=visit.reads_whole)
        if not visit.reads_whole and visit.is_known(document, address):
            return visit.nothing_new()
        entries = Crawler(visit, "entries")
        items = await entries.follow(listed(document, visit))
        return visit.reading(items, {"entries": entries.states})


def listed(document: Document, visit: ReadSession) -> list[Listed]:
    """The entries of a feed; the agendas that they link are documents of theirs."""
    said = parsed(document, visit.zone)
    found: dict[str, Listed] = {}
    for entry in said.entries:
        body = visit.place.body or said.title
        item = AgendaItem(
            id=f"entry/{entry.id}",
            title=entry.title or body,
            text=entry.text,
            address=entry.link or visit.place.address,
            body=body,
            meets_at=entry.meets_at,
            status=meeting_status(entry.title),
            evidence=document.sha256,
        )
        papers = tuple(Paper(id=item.id, title=item.title, address=paper) for paper in entry.papers[:1])
        found.setdefault(item.id, Listed(item=item, papers=papers))
    return list(found.values())


# ── the feed itself ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry. `meets_at` is the day that its title names, else when it was published (by Granicus: the meeting).

    `papers` are the addresses of agendas among what it links.
    """

    id: str
    title: str
    link: str
    text: str
    meets_at: datetime | date | None
    papers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a feed says; no entries are a fact, not a fault."""

    title: str
    entries: tuple[Entry, ...]


def parsed(document: Document, zone: tzinfo) -> Said:
    """Read a feed; Unreadable when it is none, or has a DTD."""
    root = _root(document)
    base = document.headers.get("final-address", document.address)
    channel = next((node for node in root.iter() if _name(node) in {"channel", "feed"}), None)
    if channel is None:
        raise Unreadable(f"{document.address} is XML, but neither RSS nor Atom (it may have been cut off)")
    nodes = (node for node in root.iter() if _name(node) in {"item", "entry"})
    entries = (_entry(node, base, zone) for node, _ in zip(nodes, range(MOST_ENTRIES), strict=False))
    return Said(title=_first(_fields(channel), "title")[:LONGEST_TITLE], entries=tuple(entries))


def _entry(node: Any, base: str, zone: tzinfo) -> Entry:
    fields = _fields(node)
    title = _first(fields, "title")[:LONGEST_TITLE]
    link = _link(node, base)
    published = _first(fields, "pubdate", "published", "updated", "date")
    return Entry(
        id=_first(fields, "guid", "id") or link or fingerprint(title, published),
        title=title,
        link=link,
        text=max(
            _first(fields, "encoded"), _first(fields, "content"), _first(fields, "description", "summary"), key=len
        ),
        meets_at=when_in(title, zone) or _when(published, zone),
        papers=tuple(_papers(node, base, title, link)),
    )


def _fields(node: Any) -> Mapping[str, str]:
    """The texts of an element's children by their names without namespaces; of the same name the first."""
    found: dict[str, str] = {}
    for child in node:
        name = _name(child)
        if name and name not in found:
            between = " " if any(isinstance(part.tag, str) for part in child) else ""  # XHTML; an entity is no element
            found[name] = plain(between.join(child.itertext()))
    return found


def _first(fields: Mapping[str, str], *names: str) -> str:
    return next((fields[name] for name in names if fields.get(name)), "")


def _name(node: Any) -> str:
    """An element's name without its namespace, declared or not; comments and the like have none."""
    return node.tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(node.tag, str) else ""


def _link(node: Any, base: str) -> str:
    """What a reader opens: RSS has it as text, Atom in an attribute."""
    links = [child for child in node if _name(child) == "link"]
    for child in links:
        if child.get("rel", "alternate") == "alternate" and (said := child.get("href") or (child.text or "").strip()):
            return joined(base, said)
    guid = next((child for child in node if _name(child) == "guid"), None)
    said = (guid.text or "").strip() if guid is not None else ""
    return said if is_web(said) else ""


def _papers(node: Any, base: str, title: str, link: str) -> Iterator[str]:
    """The agendas that an entry encloses or links."""
    for child in node:
        is_enclosure = _name(child) == "enclosure" or (_name(child) == "link" and child.get("rel") == "enclosure")
        address = child.get("url") or child.get("href") or ""
        if is_enclosure and ("pdf" in child.get("type", "").lower() or _AGENDA.search(address)):
            yield joined(base, address)
    if link and (_AGENDA.search(title) or _AGENDA.search(urlsplit(link).path)):
        yield link


def _when(said: str, zone: tzinfo) -> datetime | date | None:
    """When an entry was published, as RSS or Atom writes it; without a zone it is the place's own."""
    at = moment(said, zone)
    if at is None:
        with suppress(ValueError, TypeError, OverflowError):
            at = parsedate_to_datetime(said)
    if at is None or at.year not in YEARS:
        return when_in(said, zone)
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_ENCODING = re.compile(r"utf|iso|latin|windows|cp|us-ascii|ascii|mac|koi8|big5|gb|shift|euc", re.IGNORECASE)
_PROLOG = re.compile(r"^\s*<\?xml[^>]*\?>")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def _root(document: Document) -> Any:
    text = _NOT_XML.sub("", _PROLOG.sub("", _text(document))).strip()
    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError) as broken:
        raise Unreadable(f"{document.address} is not a feed that can be read") from broken
    if root is None:
        raise Unreadable(f"{document.address} is not a feed that can be read")
    if root.getroottree().docinfo.doctype:
        raise Unreadable(f"{document.address} brings a DTD, which no feed needs")
    return root


def _text(document: Document) -> str:
    """The characters of a feed: by its mark, by what it or the server declares, else as UTF-8 or as Windows has it."""
    body = document.body
    declared = _DECLARED.match(body.removeprefix(BOM_UTF8))
    charset = _CHARSET.search(document.headers.get("content-type", ""))
    marked = "utf-16" if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else None
    for encoding in (marked, declared and declared[1].decode(), charset and charset[1], "utf-8-sig"):
        with suppress(UnicodeError, LookupError):
            if encoding and _ENCODING.match(encoding):
                return body.decode("utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding)
    return body.decode("cp1252", "replace")
