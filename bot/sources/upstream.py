"""Another Countersign as the source of ICE's lists. It serves its own readings at /mirror."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.agreement import Listing, ListName
from bot.domain.document import Document, remembered
from bot.domain.handover import Handover
from bot.domain.source_status import Reading, SourceStatus
from bot.domain.way import Way
from bot.domain.web_address import host_of
from bot.errors import SourceError, Unreachable, Unreadable
from bot.sources import Fetcher
from bot.sources.formats.handover_json import from_json, with_body
from bot.sources.ice import Ice
from bot.sources.other_ways import Evidence, lacking, read_handover

TOO_OLD = timedelta(hours=3)  # since the upstream's last reading; it reads ICE about four times an hour
MOST_AHEAD = timedelta(minutes=5)


class Upstream:
    """Reads ICE's lists from another Countersign at `base`. `evidence` has the documents that we already have."""

    name = "ice"

    def __init__(self, ice: Ice, base: str, evidence: Evidence) -> None:
        self._ice = ice
        self.host = host_of(base)
        self._mirror = f"{base.rstrip('/')}/mirror"
        self._evidence = evidence

    def parse(self, document: Document, name: ListName, *, first_sheet: bool = False) -> Listing:
        """Parse a document as the named list, as `Ice` does."""
        return self._ice.parse(document, name, first_sheet=first_sheet)

    async def read(self, fetch: Fetcher, status: SourceStatus) -> Reading | None:
        """Read what the upstream has read. Return None if that is no newer than our last reading.

        Raise a SourceError if the upstream doesn't answer, sends other bytes than it announced, or hasn't read ICE's
        lists for hours.
        """
        try:
            return await self._read(fetch, status)
        except SourceError as fault:
            said = str(fault).removeprefix(f"{self.name}: ")
            kind = (
                Unreadable if isinstance(fault, Unreadable) else SourceError
            )  # ICE itself doesn't refuse us, and isn't down
            text = f"the upstream {self._mirror.removesuffix('/mirror')} can't be used: {said}"
            raise kind(text, retry_after=fault.retry_after) from fault

    async def _read(self, fetch: Fetcher, status: SourceStatus) -> Reading | None:
        validators = status.validators.get(self._mirror)
        answer = await fetch.get(self._mirror, source=self.name, validators=validators, accept="application/json")
        if answer.unchanged:
            self._check_age(status.read_at, answer.fetched_at)
            return None
        handover = from_json(answer.body, Way.UPSTREAM)
        self._check_age(handover.as_of, answer.fetched_at)
        if status.read_at is not None and handover.as_of <= status.read_at:
            return None
        whole = await self._with_bodies(fetch, handover, status)
        reading = await read_handover(self._ice, whole, status, self._evidence)
        return replace(reading, validators={**reading.validators, self._mirror: remembered(answer, validators)})

    async def _with_bodies(self, fetch: Fetcher, handover: Handover, status: SourceStatus) -> Handover:
        """Fetch the documents that we don't have yet, and check that each has the hash that was announced."""
        missing = await lacking(handover, status, self._evidence)
        found: Mapping[str, Any] = {
            sha256: await fetch.get(f"{self._mirror}/{sha256}", source=self.name) for sha256 in dict.fromkeys(missing)
        }
        documents = [
            with_body(document, found[document.sha256].body) if document.sha256 in found else document
            for document in handover.documents
        ]
        return replace(handover, documents=tuple(documents))

    def _check_age(self, as_of: datetime | None, now: datetime) -> None:
        if as_of is not None and now - as_of > TOO_OLD:
            raise Unreachable(f"it last read ICE's lists at {as_of:%Y-%m-%d %H:%M} UTC")
        if as_of is not None and as_of - now > MOST_AHEAD:
            raise Unreachable(f"it says that it read ICE's lists at {as_of:%Y-%m-%d %H:%M} UTC, which is in the future")
