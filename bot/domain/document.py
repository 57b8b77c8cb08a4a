"""Documents fetched from a source, before parsing."""

import hashlib
import json
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlencode

from bot.domain.way import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One response from a server.

    `address` is the requested URL. `name` is the file name from the server or the URL. `headers` has lowercase names
    and includes only the headers needed for evidence and for the next conditional request. `fetched_at` is in UTC.
    `unchanged` is true for a 304 response. In that case, `body` is empty and `sha256` is the hash of the last full
    response. `way` says who fetched the document from ICE; `fetched_at` is the time when they did.
    """

    address: str
    name: str
    body: bytes
    sha256: str
    headers: Mapping[str, str]
    fetched_at: datetime
    unchanged: bool = False
    way: Way = Way.DIRECT

    def log_context(self) -> dict[str, object]:
        """Return the fields for a log line."""
        return {"address": self.address, "name": self.name, "sha256": self.sha256[:12], "bytes": len(self.body)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The content of a question that is asked by POST, because some lists can't be asked for in another way.

    A form changes nothing on the server, so it may be sent again.
    """

    content: bytes
    type: str = "application/x-www-form-urlencoded"

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Form":
        """Return a form as a browser sends it."""
        return cls(content=urlencode(fields).encode())

    @classmethod
    def json(cls, value: object) -> "Form":
        """Return a value as a page's script sends it."""
        return cls(content=json.dumps(value).encode(), type="application/json; charset=utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """The values from a server's last response that make the next request conditional.

    Our own clock is never used for conditional requests. `full_at` is the time of the last full response in UTC.
    `sha256` and `name` describe that response.
    """

    sha256: str
    name: str
    full_at: datetime
    etag: str | None = None
    last_modified: str | None = None


def digest(body: bytes) -> str:
    """Return the SHA-256 of these bytes in hexadecimal. The hash identifies the document in the evidence."""
    return hashlib.sha256(body).hexdigest()


def remembered(document: Document, previous: Validators | None) -> Validators:
    """Return the validators for the next request.

    After a 304 response, the hash, name and time of the last full response are kept from `previous`.
    """
    if not document.unchanged:
        return Validators(
            sha256=document.sha256,
            name=document.name,
            full_at=document.fetched_at,
            etag=_etag(document),
            last_modified=document.headers.get("last-modified"),
        )
    assert previous is not None, "a 304 follows a full response"
    return Validators(
        sha256=previous.sha256,
        name=previous.name,
        full_at=previous.full_at,
        etag=_etag(document) or previous.etag,
        last_modified=document.headers.get("last-modified", previous.last_modified),
    )


def _etag(document: Document) -> str | None:
    """Return the server's ETag, or None if it is missing or blank. CivicPlus sends `" "` for every page."""
    etag = document.headers.get("etag")
    return etag if etag is not None and etag.removeprefix("W/").strip('" ') else None


class Expect(StrEnum):
    """The type of a response body, based on its first bytes. The file name and Content-Type are ignored.

    Each value is a description for people.
    """

    WORKBOOK = "a workbook"
    PDF = "a PDF"
    JSON = "JSON"
    FEED = "a feed"
    HTML = "a web page"

    @classmethod
    def seen_in(cls, body: bytes) -> "Expect | None":
        """Return the type of a response body, or None if the type is unknown."""
        if body.startswith(b"PK\x03\x04"):
            return cls.WORKBOOK
        if b"%PDF-" in body[:1024]:  # PDF readers accept other bytes before this
            return cls.PDF
        start = _text_start(body)
        if start.startswith((b"{", b"[")):
            return cls.JSON
        if not start.startswith(b"<"):
            return None
        root = _ROOT.search(start)
        if root is None:
            return None if start.startswith(b"<?xml") else cls.HTML
        return cls.FEED if root[1].lower().rpartition(b":")[2] in {b"rss", b"feed", b"rdf"} else cls.HTML


_ROOT = re.compile(rb"<(!doctype\s+html|html|head|body|(?:[\w-]+:)?(?:rss|feed|rdf))[\s>]", re.IGNORECASE)


def _text_start(body: bytes) -> bytes:
    """Return the start of a response body as text, without a byte-order mark or leading whitespace."""
    head = body[:4096]
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        head = head.decode("utf-16", errors="ignore").encode()
    return head.removeprefix(BOM_UTF8).lstrip()
