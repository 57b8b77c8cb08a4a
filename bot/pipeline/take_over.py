"""Take over a reading that someone else made, as if we had made it ourselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.domain.agreement import ListName, Publication
from bot.domain.change import Change
from bot.domain.handover import Handover, is_newer, superseded
from bot.domain.lists.vetting import EARLIER_WITHIN
from bot.domain.source_status import Reading, SourceStatus
from bot.domain.timestamps import stamp
from bot.errors import attribute_errors_to
from bot.pipeline.poll_list import ListPoll, process
from bot.sources.ice import Ice
from bot.sources.other_ways import read_handover
from bot.store import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TakenOver:
    """The result of a handover: what a poll found, or None if the handover was no newer than what we know."""

    poll: ListPoll | None


async def take_over(ice: Ice, handover: Handover, *, store: Store, now: datetime, every: timedelta) -> TakenOver:
    """Read a handover down the same line as a reading of our own.

    A reading that is older than the last one changes nothing. Raise SourceError if the handover can't be read; that
    leaves the source's status as it is, because ICE is not to blame.
    """
    status = await store.source_status(ice.name)
    if not is_newer(handover, status, now):
        log.debug("a handover is older than what we know", way=handover.way.value, as_of=stamp(handover.as_of))
        return TakenOver(None)
    with attribute_errors_to(ice.name):
        reading = await read_handover(ice, handover, status, store.evidence)
        reading = await without_superseded(reading, status, store, now)
        return TakenOver(await process(ice, reading, status=status, store=store, at=now, every=every))


async def without_superseded(reading: Reading, status: SourceStatus, store: Store, now: datetime) -> Reading:
    """Leave out the lists that another way has already replaced with newer ones."""
    seen = (await store.known()).seen
    if not any(_differs(reading, seen, name) for name in reading.documents):
        return reading
    earlier = _accepted_before(await store.changes(since=now - EARLIER_WITHIN), seen)
    old = superseded(reading.documents, seen, earlier, status.heard)
    for name in old:
        log.info("left out a list that another way has replaced", list=name.value, way=reading.way.value)
    return replace(reading, documents={name: found for name, found in reading.documents.items() if name not in old})


def _differs(reading: Reading, seen: Mapping[ListName, Publication], name: ListName) -> bool:
    last = seen.get(name)
    document = reading.documents[name]
    return last is not None and document.way is not last.way and document.sha256 != last.evidence


def _accepted_before(log_so_far: Sequence[Change], seen: Mapping[ListName, Publication]) -> frozenset[str]:
    newest = {publication.evidence for publication in seen.values()}
    every = {p.evidence for change in log_so_far for p in (change.publication, change.before) if p is not None}
    return frozenset(every - newest)
