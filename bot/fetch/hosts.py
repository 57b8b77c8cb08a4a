"""Hosts: each gets its requests one gap apart, and a pause that it asks for holds for every request to it."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bot.errors import SourceError, Unreachable

PATIENCE = 30.0  # seconds of a pause that we wait out ourselves; a longer one is left to the caller
LONGEST_PAUSE = 86_400.0  # seconds; we don't believe a longer Retry-After
HOSTS = 1024  # hosts remembered; the ones at rest are forgotten first


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time as Fetch sees it; tests bring their own.

    `now` is the time of day, `monotonic` counts seconds, `jitter` is a random number from 0 to 1.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random


@dataclass(slots=True)
class _Host:
    """When a host may be asked next; times are of the monotonic clock."""

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
    """Hands out turns. `gap` is the seconds between two requests to a host, `concurrent` how many run at once."""

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
        """Hold a slot, not before the host is due again; a request that waits for its host holds no slot."""
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
        """Widen the gap of a host to `delay` seconds; a shorter delay puts back the usual gap."""
        self._host(name).gap = max(self._gap, delay)

    def close(self, name: str, pause: float, kind: type[SourceError]) -> None:
        """Ask a host nothing for `pause` seconds; requests that can't wait that long fail with `kind`."""
        host, until = self._host(name), self._clock.monotonic() + pause
        if until > host.closed_until:
            host.closed_until, host.closed_by = until, kind

    def _host(self, name: str) -> _Host:
        if name not in self._known and len(self._known) >= HOSTS:
            at = self._clock.monotonic()
            self._known = {known: host for known, host in self._known.items() if not host.at_rest(at)}
        return self._known.setdefault(name, _Host(gap=self._gap))


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, as seconds or as a date; None if it makes no sense."""
    if value.strip().isdecimal():
        return min(float(value), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_PAUSE)
