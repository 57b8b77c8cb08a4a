"""Take over a reading that someone else made, as if we had made it ourselves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain.handover import Handover, is_newer
from bot.domain.timestamps import stamp
from bot.errors import attribute_errors_to
from bot.pipeline.poll_list import ListPoll, process
from bot.pipeline.superseded import without_superseded
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
