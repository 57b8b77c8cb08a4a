"""The sources, each in its own file and registered here. Sources use a fetcher, but not the store or the channels."""

from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import Protocol, cast

from bot.domain.agenda import LocalReading, Place
from bot.domain.agreement import Listing, ListName
from bot.domain.document import Document, Expect, Form, Validators
from bot.domain.source_status import Reading, SourceStatus


class Fetcher(Protocol):
    """The interface of `fetch.Fetch` that sources use."""

    async def get(
        self,
        address: str,
        *,
        source: str,
        validators: Validators | None = None,
        accept: str = "*/*",
        expect: Expect | None = None,
        last_good: datetime | None = None,
        form: Form | None = None,
    ) -> Document:
        """Fetch one address, by POST if there is a form. Raise a SourceError that explains the failure."""
        ...


class Source(Protocol):
    """A source of ICE's lists. `host` is the name of the site that it reads."""

    name: str
    host: str

    async def read(self, fetch: Fetcher, status: SourceStatus) -> Reading | None:
        """Fetch the current lists. Raise a SourceError if none of them could be read.

        Return None if someone else reads ICE in our place and has nothing newer than the last reading.
        """
        ...

    def parse(self, document: Document, name: ListName, *, first_sheet: bool = False) -> Listing:
        """Parse a document as the named list. Raise Unreadable if it isn't that list. This function is pure.

        With `first_sheet`, read only the first of several sheets that have the list's columns.
        """
        ...


class LocalSource(Protocol):
    """A platform that publishes local government agendas. `kind` is the platform's name in the catalog."""

    kind: str

    def recognizes(self, address: str) -> Place | None:
        """Return the place that an address on this platform belongs to, or None if the address isn't on this platform.

        The place has no state if the address doesn't include one. This function is pure.
        """
        ...

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the items that are new or amended since the last reading.

        Raise a SourceError if nothing could be read. An item that isn't in the reading is unchanged. The reading's
        `validators` and `facts` replace the stored ones, even if the place is unchanged.
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
    "iqm2": _LazySource("iqm2", "Iqm2"),
    "municode": _LazySource("municode", "Municode"),
    "civicweb": _LazySource("civicweb", "CivicWeb"),
    "escribe": _LazySource("escribe", "Escribe"),
    "boarddocs": _LazySource("boarddocs", "BoardDocs"),
    "destiny": _LazySource("destiny", "Destiny"),
    "novusagenda": _LazySource("novusagenda", "NovusAgenda"),
    "civicplus": _LazySource("civicplus", "CivicPlus"),
    "feed": _LazySource("feed", "Feed"),
    "page": _LazySource("page", "Page"),
}
