"""Hosts: space out the requests to each one, and apply any pause it asks for to every request to it."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bot.errors import SourceError, Unreachable

PATIENCE = 30.0  # seconds; we wait out a pause up to this long and leave a longer one to the caller
LONGEST_PAUSE = 86_400.0  # seconds; a longer Retry-After is cut to this
HOSTS = 1024  # hosts remembered; idle ones are forgotten when there are more


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The clock that Fetch uses; tests supply their own.

    `now` returns the date and time, `monotonic` returns seconds and `jitter` returns a random number from 0 to 1.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random


@dataclass(slots=True)
class _Host:
    """The state of one host, including when the next request may be sent; times are from the monotonic clock."""

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
    """Gives requests their turns: `gap` seconds apart for each host, and at most `concurrent` requests at once."""

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
        """Take a slot, but only once the host is due again; a request that is waiting for its host holds no slot."""
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
        """Widen a host's gap to `delay` seconds; if `delay` is shorter than the usual gap, use the usual gap."""
        self._host(name).gap = max(self._gap, delay)

    def close(self, name: str, pause: float, kind: type[SourceError]) -> None:
        """Send no requests to a host for `pause` seconds; requests that can't wait that long fail with `kind`."""
        host, until = self._host(name), self._clock.monotonic() + pause
        if until > host.closed_until:
            host.closed_until, host.closed_by = until, kind

    def _host(self, name: str) -> _Host:
        if name not in self._known and len(self._known) >= HOSTS:
            at = self._clock.monotonic()
            self._known = {known: host for known, host in self._known.items() if not host.at_rest(at)}
        return self._known.setdefault(name, _Host(gap=self._gap))


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds to wait from a Retry-After header, which may be a number or a date; None if it is invalid."""
    if value.strip().isdecimal():
        return min(float(value), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_PAUSE)
