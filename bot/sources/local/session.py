"""One reading of a local place, with its request budget and the documents and problems found."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.document import Document, Expect, Form, Validators, remembered
from bot.domain.source_status import NOTES, SourceStatus
from bot.domain.time_zones import is_zone
from bot.errors import Blocked, Missing, SourceError, StandIn, Unreachable, Unreadable, Unsafe
from bot.sources import Fetcher
from bot.sources.formats.document_text import leads_on_to
from bot.sources.formats.read_each import Entry, Row, read_each

RECHECK_EVERY = timedelta(hours=24)  # for upcoming meetings, even if there is no sign of a change
RECENT = timedelta(days=14)  # how long after a meeting it is still read
MOST_AGENDAS = 40  # per reading; so are the next five limits
MOST_DOCUMENTS = 12
MOST_REQUESTS = 150
MOST_ITEMS = 5_000
MOST_BYTES = 64 * 2**20
MOST_PROBLEMS = 10
MOST_SIGNPOSTS = 3  # pages in a row that only lead on to another
MOST_FAULTS = 3  # answers of 500 in a row, after which a host counts as down

_ACCEPT = {
    Expect.JSON: "application/json",
    Expect.FEED: "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5",
    Expect.PDF: "application/pdf",
    Expect.HTML: "text/html",
}


class ReadSession:
    """The state of one reading: its documents, its problems and its remaining budget.

    `agendas_left` and `documents_left` are how many more agendas and documents the reading may open. `is_incomplete` is
    true if something wasn't read this time; the next reading then reads the whole index, even if it is unchanged.
    `has_skipped` is true if an index entry can't be read. `signature` ("token=…") is added to requests for addresses
    that start with `base`. It is never stored: documents keep the unsigned address.
    """

    def __init__(
        self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime, *, base: str = "", signature: str = ""
    ) -> None:
        self.place = place
        self.now = now.astimezone(UTC)
        self.zone = zone_of(place)
        self.status = status
        self.agendas_left = MOST_AGENDAS
        self.documents_left = MOST_DOCUMENTS
        self.is_incomplete = False
        self.has_skipped = False
        self._requests_left = MOST_REQUESTS
        self._bytes_left = MOST_BYTES
        self._failed_hosts: set[str | None] = set()
        self._faults: Counter[str | None] = Counter()  # answers of 500 in a row, by host
        self._refused_files: set[str | None] = set()
        self._fetch = fetch
        self._base, self._signature = base, signature
        self._validators: dict[str, Validators] = {}
        self._documents: dict[str, Document] = {}
        self._problems: list[str] = []

    @property
    def today(self) -> date:
        """Today's date in the place's time zone."""
        return self.now.astimezone(self.zone).date()

    @property
    def since(self) -> date:
        """The first day to request meetings for.

        It is always a Monday, so that the requested address stays the same for a week.
        """
        day = self.today - RECENT
        return day - timedelta(days=day.weekday())

    @property
    def is_first(self) -> bool:
        """True if nothing is stored about the place yet."""
        return not self.status.facts.keys() - {NOTES}

    @property
    def is_daily_recheck(self) -> bool:
        """True once a day, when the agendas and documents for all upcoming meetings are fetched again."""
        checked_at = self.status.facts.get("looked_at")
        return checked_at is None or not timedelta(0) <= self.now - datetime.fromisoformat(checked_at) < RECHECK_EVERY

    @property
    def rereads_index(self) -> bool:
        """True if the index must be read even if it is unchanged."""
        return self.is_daily_recheck or bool(self.status.facts.get("left_over"))

    def can_request(self, address: str, *, is_file: bool = False) -> bool:
        """Return whether the budget allows another request and the address's host hasn't failed during this reading.

        A host that refused one file isn't asked for another.
        """
        failed = self._failed_hosts | (self._refused_files if is_file else set())
        return self._requests_left > 0 and self._bytes_left > 0 and urlsplit(address).hostname not in failed

    async def get(
        self,
        address: str,
        *,
        key: str = "",
        expect: Expect | None = None,
        unconditional: bool = False,
        form: Form | None = None,
    ) -> Document:
        """Fetch an address, by default with a conditional request. A form is sent by POST, without conditions.

        The validators are stored under `key`, or under the address if `key` is empty.
        """
        before = self.status.validators.get(key or address)
        document = await self._request(self._signed(address), None if unconditional else before, expect, form)
        document = await self._led_on(document, expect)
        self._validators[key or address] = remembered(document, before)
        if not document.unchanged:
            self._documents[document.sha256] = document
        return document

    async def _request(
        self, address: str, validators: Validators | None, expect: Expect | None, form: Form | None = None
    ) -> Document:
        self._requests_left -= 1
        document = await self._fetch.get(
            address,
            source=self.place.name,
            validators=validators,
            accept=_ACCEPT.get(expect, "*/*") if expect else "*/*",
            expect=expect,
            last_good=self.status.read_at,
            form=form,
        )
        self._bytes_left -= len(document.body)
        return document

    async def _led_on(self, document: Document, expect: Expect | None) -> Document:
        """If a page only redirects its readers, follow it as a browser would, and return the final document.

        The final document gets no validators, because the next conditional request will be for the redirecting page.
        """
        source = f"{self.place.name}: {document.address}"
        for _ in range(MOST_SIGNPOSTS):
            target = leads_on_to(document)
            if not target:
                return document
            if not self.can_request(target):
                break
            try:
                reached = await self._request(target, None, expect)
            except (Missing, Unreadable, Unsafe) as fault:
                raise StandIn(f"{source} only leads on to another page: {fault}") from fault
            headers = {name: value for name, value in reached.headers.items() if name not in {"etag", "last-modified"}}
            document = replace(reached, address=document.address, headers={"final-address": reached.address, **headers})
        if leads_on_to(document):
            raise StandIn(f"{source} only leads on to another page, which leads nowhere")
        return document

    def _signed(self, address: str) -> str:
        if not self._signature or not address.startswith(self._base):
            return address
        return f"{address}{'&' if '?' in address else '?'}{self._signature}"

    async def try_get(
        self,
        address: str,
        *,
        key: str = "",
        expect: Expect | None = None,
        unconditional: bool = False,
        form: Form | None = None,
        is_file: bool = False,
    ) -> Document | SourceError:
        """Fetch an optional document. If that fails, record the error and return it.

        If the host is down or blocks us, the rest of the reading skips it. Some hosts answer 403 only to files
        (`is_file`), and some answer 500 each time to one address.
        """
        host = urlsplit(address).hostname
        try:
            document = await self.get(address, key=key, expect=expect, unconditional=unconditional, form=form)
        except SourceError as fault:
            self._remember_fault(host, fault, is_file=is_file)
            self.note(str(fault))
            return fault
        del self._faults[host]
        return document

    def _remember_fault(self, host: str | None, fault: SourceError, *, is_file: bool) -> None:
        """Decide whether the rest of the reading skips a host, or its files."""
        answered = re.search(r"answered (\d{3})\b", str(fault))
        status = answered[1] if answered else ""
        if status == "500" and fault.retry_after is None:
            self._faults[host] += 1
            if self._faults[host] >= MOST_FAULTS:
                self._failed_hosts.add(host)
        elif is_file and isinstance(fault, Blocked) and status == "403":
            self._refused_files.add(host)
        elif isinstance(fault, Blocked | Unreachable):
            self._failed_hosts.add(host)

    def is_same(self, document: Document, key: str) -> bool:
        """Return whether the document is identical to the one from the last reading."""
        before = self.status.validators.get(key)
        return before is not None and before.sha256 == document.sha256

    def keep_validators(self, key: str) -> None:
        """Keep the stored validators for an address that wasn't fetched this time."""
        if key in self.status.validators and key not in self._validators:
            self._validators[key] = self.status.validators[key]

    def restore_validators(self, key: str) -> None:
        """Keep the stored validators for an address that returned an untrustworthy response."""
        self._validators.pop(key, None)
        self.keep_validators(key)

    def note(self, problem: str) -> None:
        """Record a problem that doesn't prevent the source from being read."""
        if problem not in self._problems and len(self._problems) < MOST_PROBLEMS:
            self._problems.append(problem)

    def read_each(
        self, address: str, rows: Iterable[Row], read: Callable[[Row], Entry | None], name: Callable[[Row], str]
    ) -> list[Entry]:
        """Read the rows from an address one by one. Record the rows that can't be read."""
        result = read_each(rows, read, name=name, address=address)
        self.note_skipped(result.skipped)
        return list(result.entries)

    def note_skipped(self, skipped: Sequence[str]) -> None:
        """Record the entries that couldn't be read. They don't count as missing."""
        self.has_skipped |= bool(skipped)
        for problem in skipped:
            self.note(f"{self.place.name}: {problem}")

    def unchanged_reading(self) -> LocalReading:
        """Return a reading for an unchanged place."""
        for key in self.status.validators:
            self.keep_validators(key)
        return LocalReading(
            validators=self._validators, facts=self.status.facts, problems=tuple(self._problems), unchanged=True
        )

    def reading(self, items: Sequence[AgendaItem], facts: Mapping[str, Any]) -> LocalReading:
        """Return the finished reading, without duplicate items.

        It includes only the documents that are evidence for an item.
        """
        if len(items) > MOST_ITEMS:
            self.note(f"{self.place.name}: {len(items):,} items came at once; only the first {MOST_ITEMS:,} were read")
        once = tuple({item.id: item for item in reversed(items[:MOST_ITEMS])}.values())[::-1]
        evidence = {item.evidence for item in once}
        checked_at = self.now.isoformat() if self.is_daily_recheck else self.status.facts["looked_at"]
        return LocalReading(
            items=once,
            documents=tuple(document for sha256, document in self._documents.items() if sha256 in evidence),
            validators=self._validators,
            facts={**facts, "looked_at": checked_at, "left_over": self.is_incomplete},
            problems=tuple(self._problems),
            unchanged=not once,
        )


def zone_of(place: Place) -> ZoneInfo:
    """Return the place's time zone; raise SourceError if some hosts may not know that time zone."""
    if not is_zone(place.zone):
        raise SourceError(f"{place.name}: {place.zone!r} is not a known time zone; use a name such as America/New_York")
    return ZoneInfo(place.zone)
