"""The health check. It gathers facts from the store and caches them for a few seconds."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.health import Facts, facts
from bot.store import Store

FRESH_FOR = timedelta(seconds=5)


@dataclass(slots=True, kw_only=True)
class HealthCheck:
    """A collector of facts for /health and /metrics.

    `reads_ice` is false if ICE's lists are turned off in the settings. `channels` are the channels that are set up. The
    program counts as started when the collector is made.
    """

    store: Store
    now: Callable[[], datetime]
    stale_after: timedelta
    reads_ice: bool = True
    channels: Collection[str] | None = None
    _started_at: datetime = field(init=False)
    _seen: Facts | None = None
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._started_at = self.now()

    async def look(self) -> Facts:
        """Return facts that are at most a few seconds old. Raise StoreError if the store can't be read.

        A failed write, such as on a full disk, shows at once.
        """
        async with self._one_at_a_time:
            now = self.now()
            if self._seen is not None and self._seen.unwritable != self.store.unwritable:
                self._seen = None
            if self._seen is not None and self._seen.is_starting:  # the first reading ends it at once
                self._seen = None
            if self._seen is None or not timedelta() <= now - self._seen.now < FRESH_FOR:
                self._seen = None
                self._seen = await self._gather(now)
            return self._seen

    async def _gather(self, now: datetime) -> Facts:
        return facts(
            now=now,
            statuses=await self.store.source_statuses(),
            held=len(await self.store.held()),
            log_end=await self.store.last_seq(),
            subscriptions=await self.store.subscriptions(),
            stale_after=self.stale_after,
            reads_ice=self.reads_ice,
            unreadable=[found.sentence for found in await self.store.unreadable()],
            channels=self.channels,
            unwritable=self.store.unwritable,
            started_at=self._started_at,
        )
