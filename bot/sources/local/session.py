"""One reading of a local place in the making: it asks politely, keeps what came, and knows what it may still cost."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.document import Document, Expect, Validators, remembered
from bot.domain.source_status import SourceStatus
from bot.errors import Blocked, SourceError, Unreachable
from bot.sources import Fetcher

LOOK_AGAIN = timedelta(hours=24)  # everything to come is asked for again, though nothing says that it changed
RECENT = timedelta(days=14)  # meetings that are over are followed this long
MOST_ITEMS = 5_000  # of one reading
MOST_BYTES = 64 * 2**20  # of all documents of one reading
MOST_PROBLEMS = 10

_ACCEPT = {
    Expect.JSON: "application/json",
    Expect.FEED: "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5",
    Expect.PDF: "application/pdf",
    Expect.HTML: "text/html",
}


class ReadSession:
    """What one reading has fetched, found wrong and may still fetch.

    A `signature` ("token=…") is added to addresses that begin with `base`, and stands nowhere else: documents are
    remembered by their address without it. `agendas` may still be asked for and `papers` still be opened.
    `left_over` says that something should have been read and was not, so that the next reading reads the listing whole.
    """

    def __init__(
        self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime, *, base: str = "", signature: str = ""
    ) -> None:
        self.place = place
        self.now = now.astimezone(UTC)
        self.zone = zone_of(place)
        self.status = status
        self.agendas = 40
        self.papers = 12
        self.requests = 150
        self._weary: set[str | None] = set()
        self.left_over = False
        self._fetch = fetch
        self._base, self._signature = base, signature
        self._bytes = MOST_BYTES
        self._validators: dict[str, Validators] = {}
        self._documents: dict[str, Document] = {}
        self._problems: list[str] = []

    @property
    def today(self) -> date:
        """The day at the place."""
        return self.now.astimezone(self.zone).date()

    @property
    def since(self) -> date:
        """From when on meetings are asked for: a Monday, so that the address stays the same for a week."""
        day = self.today - RECENT
        return day - timedelta(days=day.weekday())

    @property
    def is_first(self) -> bool:
        """Whether nothing is remembered of the place."""
        return not self.status.facts

    @property
    def looks_again(self) -> bool:
        """Whether everything to come is asked for, once a day, though nothing says that it changed."""
        looked_at = self.status.facts.get("looked_at")
        return looked_at is None or not timedelta(0) <= self.now - datetime.fromisoformat(looked_at) < LOOK_AGAIN

    @property
    def reads_whole(self) -> bool:
        """Whether the listing is read although it says what it said the last time."""
        return self.looks_again or bool(self.status.facts.get("left_over"))

    def may_ask(self, address: str) -> bool:
        """Whether this reading may cost another request, and of that host."""
        return self.requests > 0 and self._bytes > 0 and urlsplit(address).hostname not in self._weary

    async def get(self, address: str, *, key: str = "", expect: Expect | None = None, whole: bool = False) -> Document:
        """Ask for an address, conditionally unless the `whole` is wanted; remembered by its `key`, or by itself."""
        before = self.status.validators.get(key or address)
        self.requests -= 1
        document = await self._fetch.get(
            self._signed(address),
            source=self.place.name,
            validators=None if whole else before,
            accept=_ACCEPT.get(expect, "*/*") if expect else "*/*",
            expect=expect,
            last_good=self.status.read_at,
        )
        self._validators[key or address] = remembered(document, before)
        self._bytes -= len(document.body)
        if not document.unchanged:
            self._documents[document.sha256] = document
        return document

    def _signed(self, address: str) -> str:
        if not self._signature or not address.startswith(self._base):
            return address
        return f"{address}{'&' if '?' in address else '?'}{self._signature}"

    def is_known(self, document: Document, key: str) -> bool:
        """Whether the same bytes came the last time, so that nobody needs to read them."""
        before = self.status.validators.get(key)
        return before is not None and before.sha256 == document.sha256

    def carry(self, key: str) -> None:
        """Remember an address on, although it was not asked for this time."""
        if key in self.status.validators and key not in self._validators:
            self._validators[key] = self.status.validators[key]

    async def attempt(
        self, address: str, *, key: str = "", expect: Expect | None = None, whole: bool = False
    ) -> Document | SourceError:
        """Ask for what the rest can do without; a fault is noted, and a host that is away or refuses is left alone."""
        try:
            return await self.get(address, key=key, expect=expect, whole=whole)
        except SourceError as fault:
            if isinstance(fault, Blocked | Unreachable):
                self._weary.add(urlsplit(address).hostname)
            self.note(str(fault))
            return fault

    def note(self, problem: str) -> None:
        """Something went wrong that does not hinder the rest."""
        if problem not in self._problems and len(self._problems) < MOST_PROBLEMS:
            self._problems.append(problem)

    def nothing_new(self) -> LocalReading:
        """The reading of a place that says what it said the last time."""
        for key in self.status.validators:
            self.carry(key)
        return LocalReading(
            validators=self._validators, facts=self.status.facts, problems=tuple(self._problems), unchanged=True
        )

    def reading(self, items: Sequence[AgendaItem], facts: Mapping[str, Any]) -> LocalReading:
        """What this reading brought: each item once, and the documents that they rest on."""
        if len(items) > MOST_ITEMS:
            self.note(f"{self.place.name}: {len(items):,} items came at once; only {MOST_ITEMS:,} are read")
        once = tuple({item.id: item for item in reversed(items[:MOST_ITEMS])}.values())[::-1]
        rests_on = {item.evidence for item in once}
        looked_at = self.now.isoformat() if self.looks_again else self.status.facts["looked_at"]
        return LocalReading(
            items=once,
            documents=tuple(document for sha256, document in self._documents.items() if sha256 in rests_on),
            validators=self._validators,
            facts={**facts, "looked_at": looked_at, "left_over": self.left_over},
            problems=tuple(self._problems),
            unchanged=not once,
        )


def zone_of(place: Place) -> ZoneInfo:
    """The place's own time zone."""
    try:
        return ZoneInfo(place.zone)
    except (KeyError, ValueError, OSError) as unknown:  # ZoneInfoNotFoundError is a KeyError
        raise SourceError(f"{place.name}: there is no time zone {place.zone!r}") from unknown


def fingerprint(*parts: object) -> str:
    """A short text that is another one when any of the parts is."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
