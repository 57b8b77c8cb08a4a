"""The sources: one file and one line here for each. A source is handed `fetch`; it knows no store and no channel."""

from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import Protocol, cast

from bot.domain.agenda import LocalReading, Place
from bot.domain.agreement import Listing, ListName
from bot.domain.document import Document, Expect, Validators
from bot.domain.source_status import Reading, SourceStatus


class Fetcher(Protocol):
    """What a source needs of `fetch.Fetch`."""

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
        """Read one address; a SourceError says what happened."""
        ...


class Source(Protocol):
    """Where documents come from, and what they say."""

    name: str

    async def read(self, fetch: Fetcher, status: SourceStatus) -> Reading:
        """Fetch what the source has now, politely; a SourceError when nothing could be read."""
        ...

    def parse(self, document: Document, name: ListName) -> Listing:
        """What a document says as that list; Unreadable when it cannot be that list. Pure."""
        ...


class LocalSource(Protocol):
    """A platform on which local government says what it will decide; `kind` is its name in the catalogue."""

    kind: str

    def recognizes(self, address: str) -> Place | None:
        """The place that an address of this platform means, its state empty where the address does not tell. Pure."""
        ...

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """What is new or amended since the last reading; a SourceError when nothing could be read.

        What is not in it is as it was. `validators` and `facts` are to be remembered in place of the last ones, of an
        unchanged place too.
        """
        ...


class _Lazy:
    """A local source whose file, and what it imports, is loaded when it is first asked."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self._name = name

    @cached_property
    def _source(self) -> LocalSource:
        return cast("LocalSource", getattr(import_module(f"bot.sources.local.{self.kind}"), self._name)())

    def recognizes(self, address: str) -> Place | None:
        return self._source.recognizes(address)

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        return await self._source.read(fetch, place, status, now)


LOCAL: dict[str, LocalSource] = {  # asked in this order whose an address is; any address is a page
    "legistar": _Lazy("legistar", "Legistar"),
    "civicclerk": _Lazy("civicclerk", "CivicClerk"),
    "primegov": _Lazy("primegov", "PrimeGov"),
    "civicplus": _Lazy("civicplus", "CivicPlus"),
    "feed": _Lazy("feed", "Feed"),
    "page": _Lazy("page", "Page"),
}
