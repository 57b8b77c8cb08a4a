"""Bytes as fetched from a source, before anybody has read them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


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
