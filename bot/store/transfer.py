"""Move everything from one store to another.

The evidence is copied first, and then everything else in one transaction. Finally, the two stores are compared.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import msgspec

from bot.domain.document import Document
from bot.errors import StoreError, UsageError
from bot.store import Everything, Unreadable


class Exportable(Protocol):
    """A store whose entire contents can be exported."""

    async def everything(self) -> Everything:
        """Return everything except the evidence."""

    async def unreadable(self) -> Sequence[Unreadable]:
        """Return the subscriptions that can't be read."""

    async def evidence_names(self) -> Sequence[str]:
        """Return the SHA-256 hashes of all documents."""

    async def evidence(self, sha256: str) -> Document | None:
        """Return a document, or None if it isn't stored."""

    async def others(self) -> int:
        """Return how many other programs are using the store."""

    async def close(self) -> None:
        """Close the store."""


class Movable(Exportable, Protocol):
    """A store whose entire contents can also be imported."""

    async def fill(self, everything: Everything) -> None:
        """Load everything into an empty store. If that fails, the store stays empty."""

    async def keep(self, document: Document) -> None:
        """Store one document."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One part of the contents, with the number of items and the hash found in both stores."""

    part: str
    count: int
    sha256: str


Progress = Callable[[int, int, str], None]


async def move(source: Exportable, target: Movable, progress: Progress = lambda *_: None) -> Sequence[Moved]:
    """Copy everything to the target and verify the copy. An interrupted move can be resumed.

    The source isn't changed. Raises UsageError if another program is using either store, or if the target already
    contains different data.
    """
    await _nobody_else(source, target)
    await _all_readable(source)
    everything, names = await source.everything(), list(await source.evidence_names())
    there, kept = await target.everything(), set(await target.evidence_names())
    is_there = bool(_count(there)) and proofs(there) == proofs(everything)
    if (_count(there) and not is_there) or not kept.issubset(names):
        raise not_empty()
    steps = iter(range(1, 3 * len(names) + 2))

    def step(doing: str) -> None:
        progress(next(steps), 3 * len(names) + 1, doing)

    for sha256 in names:
        if sha256 not in kept:
            await target.keep(await document_in(source, sha256))
        step("evidence")
    if not is_there and _count(everything):
        await target.fill(everything)
    step("the rest")
    await _nobody_else(source, target)
    return await _compared(source, target, lambda: step("comparing"))


async def check_empty(target: Movable, source: Exportable) -> None:
    """Raise UsageError if the target holds anything but documents, even if it's the same as in the source."""
    there = await target.everything()
    if not _count(there):
        return
    if proofs(there) == proofs(await source.everything()):
        raise UsageError("The target already holds exactly this, so nothing was written.")
    raise not_empty()


def not_empty() -> UsageError:
    """Return the error for a target that holds something else."""
    return UsageError("The target isn't empty, so nothing was written. Choose an empty folder or database.")


async def _nobody_else(source: Exportable, target: Movable) -> None:
    if await source.others() or await target.others():
        raise UsageError(
            "Another copy of Countersign is using the database. Stop every `run`, `worker` and `web` first."
        )


async def _all_readable(source: Exportable) -> None:
    unreadable = await source.unreadable()
    if unreadable:
        raise UsageError(f"Nothing was moved. {' '.join(f'{found.sentence}.' for found in unreadable)}")


async def document_in(store: Exportable, sha256: str) -> Document:
    """Return a document, which must be stored."""
    document = await store.evidence(sha256)
    if document is None:
        raise StoreError(f"The document {sha256} went missing in the meantime. Try again.")
    return document


async def _compared(source: Exportable, target: Movable, step: Callable[[], None]) -> list[Moved]:
    """Compare the two stores and return their parts; raise StoreError if any part differs."""
    ours, theirs = proofs(await source.everything()), proofs(await target.everything())
    ours.append(await evidence_proof(source, step))
    theirs.append(await evidence_proof(target, step))
    wrong = [one.part for one, other in zip(ours, theirs, strict=True) if one != other]
    if wrong:
        raise StoreError(f"The copy differs from the source: {', '.join(wrong)}. Empty the target and try again.")
    return ours


class EvidenceHash:
    """A count and a hash of documents, which are added in order.

    The hash covers each document's SHA-256, address, name, headers and fetch time.
    """

    def __init__(self) -> None:
        self._count, self._total = 0, hashlib.sha256()

    def add(self, document: Document) -> None:
        """Add the next document."""
        headers = sorted(document.headers.items())
        about = [document.sha256, document.address, document.name, headers, document.fetched_at]
        self._total.update(msgspec.json.encode(about))
        self._count += 1

    def proof(self) -> Moved:
        """Return the count and the hash of the documents added so far."""
        return Moved("evidence", self._count, self._total.hexdigest())


async def evidence_proof(store: Exportable, step: Callable[[], None]) -> Moved:
    """Read every document, and return a count and a hash of the evidence."""
    total = EvidenceHash()
    for sha256 in await store.evidence_names():
        total.add(await document_in(store, sha256))
        step()
    return total.proof()


def proofs(everything: Everything) -> list[Moved]:
    """Return a count and a hash for each part. The hash excludes `due_at`, because each store computes its own."""
    plain = replace(everything, subscriptions=tuple(replace(s, due_at=None) for s in everything.subscriptions))
    parts = ((field.name, getattr(plain, field.name)) for field in fields(Everything))
    return [Moved(name, _size(name, part), _hash(part)) for name, part in parts]


def _size(name: str, part: Any) -> int:
    if name == "known":
        return sum(map(len, part.agreements.values()))
    if name == "notes":
        return sum(map(len, part.values()))
    return len(part) if isinstance(part, tuple) else int(part)


def _count(everything: Everything) -> int:
    """Return the total number of items, which is 0 for a new store."""
    parts = ("known", "changes", "held", "statuses", "subscriptions", "receipts", "notes")
    return sum(_size(name, getattr(everything, name)) for name in parts) + everything.next_number - 1


def _hash(part: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(_plain(part))).hexdigest()


def _plain(value: Any) -> Any:
    """Convert a value to lists and plain values so that equal values have the same encoding.

    Mappings are sorted by key.
    """
    if isinstance(value, dict):
        return sorted(([_plain(key), _plain(inner)] for key, inner in value.items()), key=msgspec.json.encode)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if hasattr(value, "__dataclass_fields__"):
        return [_plain(getattr(value, field.name)) for field in fields(value)]
    return value
