"""Look for newer captures of ICE's lists at the Internet Archive while ICE refuses this host."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.domain.source_status import Trouble
from bot.domain.timestamps import stamp
from bot.errors import SourceError
from bot.pipeline.runner import Runner
from bot.pipeline.take_over import WAITS, take_over
from bot.sources.archive import newest_captured
from bot.sources.ice import Ice

LOOKS = "archive looks"  # the kind of note that has the time of the last look
LOOKED_AT = "at"
LOOK_EVERY = timedelta(minutes=30)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ArchiveReader:
    """Reads captures at `base`, half an hour apart. Only one program at a time may call `step`."""

    runner: Runner
    ice: Ice
    base: str

    async def step(self) -> None:
        """Look for a newer capture if ICE refuses us and it's time."""
        store, now = self.runner.store, self.runner.now()
        status = await store.source_status(self.ice.name)
        if status.trouble is not Trouble.REFUSED:
            return
        last = (await store.notes(LOOKS)).get(LOOKED_AT, "")
        if stamp(now - LOOK_EVERY) < last <= stamp(now):
            return
        await store.note(LOOKS, LOOKED_AT, stamp(now))
        try:
            await self._look()
        except SourceError as fault:
            log.warning("the Internet Archive wasn't read", problem=str(fault))

    async def _look(self) -> None:
        runner = self.runner
        status = await runner.store.source_status(self.ice.name)
        handover = await newest_captured(runner.fetch, self.base, self.ice, status.read_at)
        if handover is None:
            log.info("the Internet Archive has no newer capture of ICE's list")
            return
        async with runner.exclusive(f"source {self.ice.name}", WAITS):
            done = await take_over(self.ice, handover, store=runner.store, now=runner.now(), every=runner.every)
        if done.poll is not None:
            runner.observer.list_polled(done.poll)
            log.info("read at the Internet Archive", as_of=stamp(handover.as_of), changes=len(done.poll.changes))
