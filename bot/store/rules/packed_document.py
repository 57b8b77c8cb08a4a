"""The stored form of an evidence document: its compressed bytes, named by their SHA-256, and its label."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from bot.domain.document import Document, digest
from bot.domain.way import Way
from bot.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The details stored with a document: its address, name and headers, and when and how it was first fetched."""

    address: str
    name: str
    headers: Mapping[str, str]
    fetched_at: datetime
    way: Way = Way.DIRECT


def check(document: Document) -> None:
    """Raise StoreError if the document's bytes don't match its SHA-256."""
    if digest(document.body) != document.sha256:
        raise StoreError(f"The bytes of {document.name} don't match its SHA-256, {document.sha256}. Fetch it again.")


def packed(document: Document) -> bytes:
    """Compress a document's bytes."""
    level = 1 if document.body.startswith(b"PK") else 6  # a workbook is already compressed
    return gzip.compress(document.body, level, mtime=0)


def label(document: Document) -> bytes:
    """Return a document's label as JSON."""
    return msgspec.json.encode(
        Label(
            address=document.address,
            name=document.name,
            headers=dict(document.headers),
            fetched_at=document.fetched_at,
            way=document.way,
        )
    )


def restored(sha256: str, body: bytes, label: bytes | str) -> Document | None:
    """Rebuild a document from its packed bytes and label; return None if the bytes don't match the SHA-256."""
    try:
        unpacked = gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return None
    if digest(unpacked) != sha256:
        return None
    found = msgspec.json.decode(label, type=Label)
    return Document(
        address=found.address,
        name=found.name,
        body=unpacked,
        sha256=sha256,
        headers=found.headers,
        fetched_at=found.fetched_at,
        way=found.way,
    )
