"""Bytes as fetched from a source, before anybody has read them."""

import hashlib
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One answer of a server.

    `address` is what was asked for, `name` the file name that the server or the address gives.
    `headers` are lower-case and hold only what evidence and the next conditional request need.
    `fetched_at` is UTC. `unchanged` means 304: the body is empty and `sha256` is that of the last full answer.
    """

    address: str
    name: str
    body: bytes
    sha256: str
    headers: Mapping[str, str]
    fetched_at: datetime
    unchanged: bool = False

    def log_context(self) -> dict[str, object]:
        """What a log line says of it."""
        return {"address": self.address, "name": self.name, "sha256": self.sha256[:12], "bytes": len(self.body)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What we remember of an address to ask for it again politely; the server's own words, never our clock.

    `full_at` (UTC) is when the whole body was last read; `sha256` and `name` are of that body.
    """

    sha256: str
    name: str
    full_at: datetime
    etag: str | None = None
    last_modified: str | None = None


def digest(body: bytes) -> str:
    """The name of these bytes in the evidence: their SHA-256 in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def remembered(document: Document, previous: Validators | None) -> Validators:
    """What to ask with next time; after an unchanged answer the last full reading (`previous`) stays the last one."""
    if not document.unchanged:
        return Validators(
            sha256=document.sha256,
            name=document.name,
            full_at=document.fetched_at,
            etag=_etag(document),
            last_modified=document.headers.get("last-modified"),
        )
    assert previous is not None, "an unchanged answer follows a full one"
    return Validators(
        sha256=previous.sha256,
        name=previous.name,
        full_at=previous.full_at,
        etag=_etag(document) or previous.etag,
        last_modified=document.headers.get("last-modified", previous.last_modified),
    )


def _etag(document: Document) -> str | None:
    """The server's ETag, unless it is blank: CivicPlus sends one and the same for every page (seen as `" "`)."""
    etag = document.headers.get("etag")
    return etag if etag is not None and etag.removeprefix("W/").strip('" ') else None


class Expect(StrEnum):
    """What a body is by its first bytes; names and Content-Type are not trusted. The value is the word for a person."""

    WORKBOOK = "a workbook"
    PDF = "a PDF"
    JSON = "JSON"
    FEED = "a feed"
    HTML = "a web page"

    @classmethod
    def seen_in(cls, body: bytes) -> "Expect | None":
        """What these bytes are, or None if they are none of these."""
        if body.startswith(b"PK\x03\x04"):
            return cls.WORKBOOK
        if b"%PDF-" in body[:1024]:  # readers of PDF accept dirt in front
            return cls.PDF
        start = _text_start(body)
        if start.startswith((b"{", b"[")):
            return cls.JSON
        if not start.startswith(b"<"):
            return None
        root = _ROOT.search(start)
        if root is None:
            return None if start.startswith(b"<?xml") else cls.HTML
        return cls.FEED if root[1].lower() in {b"rss", b"feed", b"rdf:rdf"} else cls.HTML


_ROOT = re.compile(rb"<(!doctype\s+html|html|head|body|rss|feed|rdf:rdf)[\s>]", re.IGNORECASE)


def _text_start(body: bytes) -> bytes:
    """The beginning of a text without byte-order mark and white space."""
    head = body[:4096]
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        head = head.decode("utf-16", errors="ignore").encode()
    return head.removeprefix(BOM_UTF8).lstrip()
