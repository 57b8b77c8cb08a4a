"""A reading of ICE's page and lists that someone else made: a relay, another Countersign or the Internet Archive."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.agreement import ListName, Publication
from bot.domain.document import Document
from bot.domain.source_status import SourceStatus
from bot.domain.way import Way

MOST_AHEAD = timedelta(minutes=1)  # a reading can't be from the future; clocks differ a little
TRUSTED_FOR = timedelta(days=1)  # while the way that brought the newest list goes on, no other way takes it back


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """One reading of ICE's page and of the lists it linked to.

    `documents` starts with the page. A document whose body was handed over before has an empty body. `fetched_at` is
    when the document was fetched from ICE or, for an archive, captured there.
    """

    way: Way
    documents: tuple[Document, ...]

    @property
    def as_of(self) -> datetime:
        """The time (UTC) that the reading describes: that of its oldest document."""
        return min(document.fetched_at for document in self.documents)

    @property
    def hashes(self) -> tuple[str, ...]:
        """The SHA-256 of each document, in order. Two readings that found the same have the same hashes."""
        return tuple(document.sha256 for document in self.documents)

    def document(self, address: str) -> Document | None:
        """Return the document with this address, or None if it wasn't handed over."""
        return next((document for document in self.documents if document.address == address), None)


def is_newer(handover: Handover, status: SourceStatus, now: datetime) -> bool:
    """Return whether a reading is newer than everything that was read before, by any way.

    A reading from the future isn't, because its clock can't be right.
    """
    if handover.as_of > now + MOST_AHEAD:
        return False
    return status.read_at is None or handover.as_of > status.read_at


def superseded(
    documents: Mapping[ListName, Document],
    seen: Mapping[ListName, Publication],
    earlier: Collection[str],
    heard: Mapping[Way, datetime],
) -> frozenset[ListName]:
    """Return the lists that another way has already replaced with a newer one.

    Two ways can differ for a while, because a server between us and ICE still has the old file. If the newest list came
    by another way that was heard in the last day, an old list can't take its place. `earlier` has the SHA-256 of all
    lists that were accepted before the newest ones. `heard` has the last time each way brought a reading.
    """
    return frozenset(
        name
        for name, document in documents.items()
        if (last := seen.get(name)) is not None
        and document.way is not last.way
        and document.sha256 != last.evidence
        and document.sha256 in earlier
        and document.fetched_at - heard.get(last.way, last.observed_at) < TRUSTED_FOR
    )
