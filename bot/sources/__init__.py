"""The sources, each with its own file and one line here. A source uses a fetcher but no store and no channel."""

from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import Protocol, cast

from bot.domain.agenda import LocalReading, Place
from bot.domain.agreement import Listing, ListName
from bot.domain.document import Document, Expect, Validators
from bot.domain.source_status import Reading, SourceStatus


class Fetcher(Protocol):
    """The part of `fetch.Fetch`'s interface that sources use."""

    async def get(
        self,
        address: str,
        *,
        source: str,
        validators: Validators | None = None,
        accept: str = "*/*",
        expect: Expect | None = None,
        last_good: datetime | None = None,
    ) -> Document:
        """Fetch one address, or raise a SourceError that explains the failure."""
        ...


class Source(Protocol):
    """A publisher of ICE's lists."""

    name: str

    async def read(self, fetch: Fetcher, status: SourceStatus) -> Reading:
        """Fetch the current lists, or raise a SourceError if none could be read."""
        ...

    def parse(self, document: Document, name: ListName) -> Listing:
        """Parse the document as the named list, or raise Unreadable if it can't be that list. Pure."""
        ...


class LocalSource(Protocol):
    """A platform that publishes local-government agendas; `kind` is its name in the catalog."""

    kind: str

    def recognizes(self, address: str) -> Place | None:
        """Return the place for an address on this platform, without a state if the address names none. Pure."""
        ...

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the items that are new or amended since the last reading; raise SourceError if nothing could be read.

        Items that aren't in the reading are unchanged. The reading's `validators` and `facts` replace the stored ones,
        even if the place is unchanged.
        """
        ...


class _LazySource:
    """A local source whose module is imported on first use."""

    def __init__(self, kind: str, class_name: str) -> None:
        self.kind = kind
        self._class_name = class_name

    @cached_property
    def _source(self) -> LocalSource:
        return cast("LocalSource", getattr(import_module(f"bot.sources.local.{self.kind}"), self._class_name)())

    def recognizes(self, address: str) -> Place | None:
        return self._source.recognizes(address)

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        return await self._source.read(fetch, place, status, now)


LOCAL: dict[str, LocalSource] = {  # an address belongs to the first source that recognizes it; `page` accepts any
    "legistar": _LazySource("legistar", "Legistar"),
    "civicclerk": _LazySource("civicclerk", "CivicClerk"),
    "primegov": _LazySource("primegov", "PrimeGov"),
    "civicplus": _LazySource("civicplus", "CivicPlus"),
    "feed": _LazySource("feed", "Feed"),
    "page": _LazySource("page", "Page"),
}
