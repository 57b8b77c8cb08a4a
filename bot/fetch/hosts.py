"""Rate limiting by host.

Requests to the same host are spaced out. If a host asks for a pause, the pause applies to every request to that host.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.errors import SourceError, Unreachable

PATIENCE = 30.0  # seconds; we wait out a pause up to this long and leave a longer one to the caller
HOSTS = 1024  # hosts remembered; idle ones are forgotten when there are more


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The clock that Fetch uses. Tests supply their own.

    `now` returns the date and time, `monotonic` returns seconds and `jitter` returns a random number between 0 and 1.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random


@dataclass(slots=True)
class _Host:
    """The state of one host. All times are from the monotonic clock, in seconds."""

    gap: float
    asked_at: float = float("-inf")
    closed_until: float = float("-inf")
    closed_by: type[SourceError] = Unreachable
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def due_at(self) -> float:
        return max(self.asked_at + self.gap, self.closed_until)

    def at_rest(self, at: float) -> bool:
        return not self.lock.locked() and self.due_at <= at


class Hosts:
    """A scheduler for requests. It limits the number of requests at a time and the request rate for each host.

    Requests to one host are at least `gap` seconds apart. At most `concurrent` requests run at once.
    """

    def __init__(self, gap: float, concurrent: int, clock: Clock) -> None:
        self._gap = gap
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrent)
        self._known: dict[str, _Host] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for the host's turn, then take a slot for the duration of the request.

        A request that is waiting for its host doesn't occupy a slot.
        """
        host = self._host(name)
        async with host.lock:
            closed = host.closed_until - self._clock.monotonic()
            if closed > PATIENCE:
                raise host.closed_by(f"{name} asked us to wait another {closed:.0f} s", retry_after=closed)
            wait = host.due_at - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
            await self._slots.acquire()
            host.asked_at = self._clock.monotonic()
        try:
            yield
        finally:
            self._slots.release()

    def slow_down(self, name: str, delay: float) -> None:
        """Set the gap between requests to a host to `delay` seconds or the default gap, whichever is longer."""
        self._host(name).gap = max(self._gap, delay)

    def close(self, name: str, pause: float, kind: type[SourceError]) -> None:
        """Send no requests to a host for `pause` seconds.

        During a long pause, new requests to the host fail with an error of type `kind`.
        """
        host, until = self._host(name), self._clock.monotonic() + pause
        if until > host.closed_until:
            host.closed_until, host.closed_by = until, kind

    def _host(self, name: str) -> _Host:
        if name not in self._known and len(self._known) >= HOSTS:
            at = self._clock.monotonic()
            self._known = {known: host for known, host in self._known.items() if not host.at_rest(at)}
        return self._known.setdefault(name, _Host(gap=self._gap))
