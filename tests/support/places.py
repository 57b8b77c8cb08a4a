"""Read a local place again and again as the program does, with its status stored as JSON in between.

Real pages of local governments may lie beside this repository. Without them, the tests that need them are skipped on a
developer's machine and fail if CI is set.
"""

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.document import Document, Validators, digest
from bot.domain.source_status import SourceStatus
from bot.fetch import Clock, Fetch, Limits
from bot.sources import LOCAL

PAGES: Path = Path(__file__).parents[2].parent / "shared" / "local-pages"
TLS = ssl.create_default_context()  # made once, because loading the certificates takes 20 ms
TUESDAY = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)  # noon in New York

needs_pages = pytest.mark.skipif(
    not PAGES.exists() and not os.environ.get("CI"),
    reason="real pages of local government are not beside this repository (../shared/local-pages)",
)


class _Stored(msgspec.Struct):
    validators: dict[str, Validators]
    facts: dict


class Reader:
    """Reads one place. `now` is the time of the last reading."""

    def __init__(self, place: Place, now: datetime = TUESDAY) -> None:
        self.place = place
        self.now = now
        self.status = SourceStatus(source=place.name)

    async def read(self, after: timedelta = timedelta(0)) -> LocalReading:
        self.now += after
        async with Fetch(
            contact=None,
            limits=Limits(host_gap=0),
            allow_loopback=True,
            tls=TLS,
            clock=Clock(now=lambda: self.now, sleep=no_wait),
        ) as fetch:
            reading = await LOCAL[self.place.kind].read(fetch, self.place, self.status, self.now)
        kept = msgspec.json.encode({"validators": reading.validators, "facts": reading.facts})
        back = msgspec.json.decode(kept, type=_Stored)
        self.status = SourceStatus(
            source=self.place.name, validators=back.validators, facts=back.facts, read_at=self.now, tried_at=self.now
        )
        return reading

    async def items(self, after: timedelta = timedelta(hours=1)) -> dict[str, AgendaItem]:
        """Read once more, later; return the items by id."""
        return {item.id: item for item in (await self.read(after)).items}


async def no_wait(seconds: float) -> None:
    """Return at once, in place of `asyncio.sleep`."""


class Canned:
    """A fetcher that answers every address with the same JSON."""

    def __init__(self, answer: object) -> None:
        self._body = msgspec.json.encode(answer)

    async def get(self, address: str, **_: object) -> Document:
        return Document(
            address=address, name="x", body=self._body, sha256=digest(self._body), headers={}, fetched_at=TUESDAY
        )
