"""The sources: one file and one line here for each. A source is handed `fetch`; it knows no store and no channel."""

from datetime import datetime
from typing import Protocol

from bot.domain.agreement import Listing, ListName
from bot.domain.document import Document, Validators
from bot.domain.reading import Memory, Reading


class Fetcher(Protocol):
    """What a source needs of `fetch.Fetch`."""

    async def get(
        self,
        address: str,
        *,
        source: str,
        validators: Validators | None = None,
        last_good: datetime | None = None,
    ) -> Document:
        """Read one address; a SourceError says what happened."""
        ...


class Source(Protocol):
    """Where documents come from, and what they say."""

    name: str

    async def read(self, fetch: Fetcher, memory: Memory) -> Reading:
        """Fetch what the source has now, politely; a SourceError when nothing could be read."""
        ...

    def parse(self, document: Document, name: ListName) -> Listing:
        """What a document says as that list; Unreadable when it cannot be that list. Pure."""
        ...
