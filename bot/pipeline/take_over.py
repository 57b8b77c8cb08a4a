"""Take over a reading that someone else made, as if we had made it ourselves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain.handover import Handover, is_newer
from bot.domain.relay_signature import WINDOW
from bot.domain.timestamps import stamp
from bot.errors import HandoverRefused, attribute_errors_to
from bot.pipeline.poll_list import ListPoll, process
from bot.pipeline.superseded import without_superseded
from bot.sources.ice import Ice
from bot.sources.other_ways import read_handover
from bot.store import Notes, Store

NONCES = "relay nonces"  # the kind of note that maps each nonce of a relay to the time when it was used
MOST_NONCES = 1_000
WAITS = 20.0  # seconds for another program's reading of ICE's lists to end

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TakenOver:
    """The result of a handover: what a poll found, or None if the handover was no newer than what we know."""

    poll: ListPoll | None
    said: str = ""


async def take_over(ice: Ice, handover: Handover, *, store: Store, now: datetime, every: timedelta) -> TakenOver:
    """Process a handover as if it were our own reading.

    A reading that is older than the last one changes nothing. Raise SourceError if the handover can't be read; that
    leaves the source's status as it is, because ICE is not to blame.
    """
    status = await store.source_status(ice.name)
    if not is_newer(handover, status, now):
        log.debug("a handover is older than what we know", way=handover.way.value, as_of=stamp(handover.as_of))
        known = stamp(status.read_at) if status.read_at is not None and status.read_at < now else stamp(now)
        said = f"The reading of {stamp(handover.as_of)} changes nothing, because ours is of {known}."
        return TakenOver(None, said)
    with attribute_errors_to(ice.name):
        reading = await read_handover(ice, handover, status, store.evidence)
        reading = await without_superseded(reading, status, store, now)
        done = await process(ice, reading, status=status, store=store, at=now, every=every)
    return TakenOver(done, done.problem or "")


async def admit(store: Notes, nonce: str, now: datetime) -> None:
    """Remember a nonce while its signature is valid. Raise HandoverRefused if it was used before.

    Only one program at a time may call this. Nonces whose signature is no longer valid are forgotten.
    """
    used = await store.notes(NONCES)
    if nonce in used:
        raise HandoverRefused("This handover was already sent once. Send the reading again with a new nonce.")
    await store.note(NONCES, nonce, stamp(now))
    over = sorted(used, key=lambda each: used[each])[: max(len(used) + 1 - MOST_NONCES, 0)]
    for each, at in used.items():
        if at < stamp(now - 2 * WINDOW - WINDOW) or each in over:
            await store.note(NONCES, each, None)
