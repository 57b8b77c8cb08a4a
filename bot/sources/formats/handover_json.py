"""A handover as JSON, with or without the documents' bytes: the form that relays and mirrors share."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from bot.domain.document import Document, digest
from bot.domain.handover import Handover
from bot.domain.way import Way
from bot.errors import Unreadable

VERSION = 1
MOST_DOCUMENTS = 8
MOST_HEADERS = 16
LONGEST_TEXT = 2_000  # characters of an address, a name or a header
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """One document. `body` is base64 in JSON, and None if the receiver is expected to have it."""

    address: str
    name: str
    headers: Mapping[str, str]
    fetched_at: Annotated[datetime, msgspec.Meta(tz=True)]
    sha256: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """The whole handover."""

    version: int
    documents: list[_Document]


_DECODE = msgspec.json.Decoder(_Form).decode


def to_json(handover: Handover, with_bodies: Collection[str] = ()) -> bytes:
    """Return a handover as JSON, with the bodies of the documents that have these hashes."""
    documents = [
        _Document(
            address=document.address,
            name=document.name,
            headers=dict(document.headers),
            fetched_at=document.fetched_at,
            sha256=document.sha256,
            body=document.body if document.sha256 in with_bodies else None,
        )
        for document in handover.documents
    ]
    return msgspec.json.encode(_Form(version=VERSION, documents=documents))


def from_json(text: bytes, way: Way) -> Handover:
    """Return a handover from JSON. Raise Unreadable if it isn't one, or if a body doesn't have its hash."""
    try:
        form = _DECODE(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as fault:
        raise Unreadable(f"the handover isn't JSON of the expected form ({fault})") from None
    if form.version != VERSION:
        raise Unreadable(f"the handover has version {form.version}; this program reads version {VERSION}")
    if not 0 < len(form.documents) <= MOST_DOCUMENTS:
        raise Unreadable(f"the handover has {len(form.documents)} documents; at most {MOST_DOCUMENTS} are accepted")
    return Handover(way=way, documents=tuple(_checked(document, way) for document in form.documents))


def with_body(document: Document, body: bytes) -> Document:
    """Return the document with these bytes. Raise Unreadable if their hash is wrong."""
    if digest(body) != document.sha256:
        raise Unreadable(f"the bytes of {document.name} don't match their SHA-256, {document.sha256[:12]}…")
    return replace(document, body=body)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # a day at the edge of the calendar
        raise Unreadable("a document's time is out of range") from None


def _checked(found: _Document, way: Way) -> Document:
    texts = (found.address, found.name, *found.headers, *found.headers.values())
    if len(found.headers) > MOST_HEADERS or any(len(text) > LONGEST_TEXT for text in texts):
        raise Unreadable("a document's address, name or headers are too long")
    if not all(map(str.isprintable, texts)):
        raise Unreadable("a document's address, name or headers contain characters that can't be printed")
    if not _HASH.fullmatch(found.sha256):
        raise Unreadable("a document's SHA-256 isn't 64 hexadecimal digits")
    document = Document(
        address=found.address,
        name=found.name,
        body=b"",
        sha256=found.sha256,
        headers=found.headers,
        fetched_at=_in_utc(found.fetched_at),
        way=way,
    )
    return document if found.body is None else with_body(document, found.body)
