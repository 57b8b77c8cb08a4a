"""The documents as they were fetched, each kept once, compressed, under its SHA-256."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from bot.domain.document import Document, digest
from bot.errors import StoreCorrupt, StoreError
from bot.store.tiny.files import Folder, seal, unseal


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What stands beside a document: where it was fetched first, and when."""

    address: str
    name: str
    headers: Mapping[str, str]
    fetched_at: datetime


class Evidence:
    """The `evidence` folder: a body and a label for each document, in folders of the first two digits."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def put(self, document: Document) -> None:
        """Keep it unless it is kept already; a damaged copy is put right."""
        if document.unchanged:
            return
        check(document)
        try:
            if self.get(document.sha256) is not None:
                return
        except StoreCorrupt:
            pass
        self._write(document)

    def get(self, sha256: str) -> Document | None:
        """The document as it was fetched first; None when it is not kept, StoreDamaged when it is not the same."""
        stem = _stem(sha256)
        kept, line = self._folder.read(f"{stem}.gz"), self._folder.read(f"{stem}.json")
        if kept is None or line is None:
            return None
        written = unseal(line.removesuffix(b"\n"))
        found = restored(sha256, kept, written) if written is not None else None
        if found is None:
            raise StoreCorrupt(
                f"The document {self._folder.path / stem}.gz or the label beside it is damaged; "
                "put both back from a backup."
            )
        return found

    def names(self) -> list[str]:
        """The SHA-256 of each document that is kept: its label is written last."""
        return sorted(path.stem for path in self._folder.path.glob("evidence/??/*.json"))

    def _write(self, document: Document) -> None:
        stem = _stem(document.sha256)
        self._folder.make("evidence")
        self._folder.make(f"evidence/{document.sha256[:2]}")
        self._folder.write(f"{stem}.gz", packed(document))
        self._folder.write(f"{stem}.json", seal(label(document)))


def _stem(sha256: str) -> str:
    return f"evidence/{sha256[:2]}/{sha256}"


def check(document: Document) -> None:
    """StoreError when the bytes are not those that its SHA-256 names."""
    if digest(document.body) != document.sha256:
        raise StoreError(f"{document.name} is not the document that its SHA-256 {document.sha256} names.")


def packed(document: Document) -> bytes:
    """Its bytes as they are kept."""
    level = 1 if document.body.startswith(b"PK") else 6  # a workbook is compressed already
    return gzip.compress(document.body, level, mtime=0)


def label(document: Document) -> bytes:
    """What is kept beside its bytes, as JSON."""
    return msgspec.json.encode(
        Label(
            address=document.address,
            name=document.name,
            headers=dict(document.headers),
            fetched_at=document.fetched_at,
        )
    )


def restored(sha256: str, body: bytes, label: bytes | str) -> Document | None:
    """The document of packed bytes and a label; None when it is not the one that this SHA-256 names."""
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
    )
