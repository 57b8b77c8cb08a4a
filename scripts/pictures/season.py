"""The made-up season of `countersign demo`, recorded for the screenshots."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from bot.demo.season import PublishedList, Season
from bot.domain.change import Change
from bot.domain.document import Document, digest
from bot.domain.source_status import Reading
from bot.pipeline.poll_list import process
from bot.sources.ice import PAGE, Ice
from bot.store.tiny.store import TinyStore

SEASON = Season(date(2026, 11, 23))
STATE = "TX"
EVERY = timedelta(minutes=15)
LAST = SEASON.without_one()


def read(made: PublishedList) -> Reading:
    """Return the reading that finds this list on ICE's page."""
    sheet = Document(
        address=f"https://www.ice.gov/doclib/about/offices/ero/287g/{made.name}",
        name=made.name,
        body=made.body,
        sha256=digest(made.body),
        headers={},
        fetched_at=made.at,
    )
    return Reading(documents={made.list: sheet})


class Told(NamedTuple):
    """The season's log, and the number of the last change before its news and before its last list."""

    log: Sequence[Change]
    before_news: int
    before_last: int


async def recorded() -> tuple[TinyStore, Told]:
    """Record the season, and return the store and what readers are told."""
    store = TinyStore.in_memory()
    ends = []
    lists = (*SEASON.history(), SEASON.with_new(), SEASON.respelled(), SEASON.with_town(), LAST)
    for made in lists:
        ends.append(await store.last_seq())
        status = await store.source_status("ice")
        await process(Ice(PAGE), read(made), status=status, store=store, at=made.at, every=EVERY)
    return store, Told(await store.changes(), ends[-4], ends[-1])
