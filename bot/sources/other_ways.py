"""ICE's page and lists, as someone else read them: `Ice` reads a handover as it would read ICE's site."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from bot.domain.document import Document, Expect, Form, Validators
from bot.domain.handover import Handover
from bot.domain.source_status import Reading, SourceStatus
from bot.errors import Missing, SourceError
from bot.sources.ice import Ice

Evidence = Callable[[str], Awaitable[Document | None]]


class NotHandedOver(SourceError):
    """Raised when a handover names a document whose bytes were never handed over. `sha256` is its hash."""

    def __init__(self, document: Document) -> None:
        self.sha256 = document.sha256
        super().__init__(f"We have no copy of {document.name}. Hand over its bytes.")


async def read_handover(ice: Ice, handover: Handover, status: SourceStatus, evidence: Evidence) -> Reading:
    """Read a handover as `Ice` reads its site.

    Raise NotHandedOver if a document without a body isn't in the evidence either, and another SourceError if the page
    or the participating list is missing.
    """
    reading = await ice.read(_Handed(handover, evidence), status)
    return replace(reading, as_of=handover.as_of, way=handover.way)


async def lacking(handover: Handover, status: SourceStatus, evidence: Evidence) -> tuple[str, ...]:
    """Return the hashes of the documents that were handed over without a body and that we don't have."""
    bare = [each for each in handover.documents if not each.body and not _is_known(each, status)]
    return tuple([each.sha256 for each in bare if await evidence(each.sha256) is None])


def _is_known(document: Document, status: SourceStatus) -> bool:
    """Return whether these bytes were read from this address the last time, so that they needn't be read again."""
    validators = status.validators.get(document.address)
    return validators is not None and validators.sha256 == document.sha256


class _Handed:
    """A fetcher that answers with the documents of a handover."""

    def __init__(self, handover: Handover, evidence: Evidence) -> None:
        self._handover = handover
        self._evidence = evidence

    async def get(
        self,
        address: str,
        *,
        source: str,
        validators: Validators | None = None,
        accept: str = "*/*",  # noqa: ARG002 - a Fetcher's signature
        expect: Expect | None = None,  # noqa: ARG002 - the same
        last_good: datetime | None = None,  # noqa: ARG002 - the same
        form: Form | None = None,  # noqa: ARG002 - the same
    ) -> Document:
        """Return the document with this address."""
        found = self._handover.document(address)
        if found is None:
            raise Missing(f"{source}: {address} wasn't handed over")
        found = replace(found, way=self._handover.way)
        if found.body:
            return found
        if validators is not None and validators.sha256 == found.sha256:
            return replace(found, unchanged=True)
        kept = await self._evidence(found.sha256)
        if kept is None:
            raise NotHandedOver(found)
        return replace(found, body=kept.body)
