"""The downloads in progress. Their number is limited, and a slow one makes room for the next.

A reader who takes a file slowly, or not at all, costs us the file's memory. While there is room, that's fine. When all
places are taken, the slowest download that has had its time is cut off, so that slow readers can't keep others out.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

AT_ONCE = 8  # files that are sent at the same time
SHARE = 3  # files that are sent to one client at the same time
PATIENCE = 3.0  # seconds that each download has before it may be cut off
WAITING = 64  # requests that may wait for a place

log = structlog.get_logger()


class Crowded(Exception):
    """Raised when there is no place for another download."""


@dataclass(eq=False, slots=True)
class Download:
    """One download. `sent` is the number of bytes that the reader's connection has taken."""

    client: str
    transport: asyncio.BaseTransport | None
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    sent: int = 0
    is_cut: bool = False

    def cut(self) -> None:
        """Close the reader's connection. Its writer gets an error at once."""
        self.is_cut = True
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def pace(self, now: float) -> float:
        """Return the bytes per second so far."""
        return self.sent / max(now - self.since, 0.001)


class Downloads:
    """Gives each download a place, and takes it back as soon as the download ends."""

    def __init__(
        self, *, at_once: int = AT_ONCE, share: int = SHARE, patience: float = PATIENCE, waiting: int = WAITING
    ) -> None:
        self._at_once, self._share, self._patience, self._most_waiting = at_once, share, patience, waiting
        self._open: set[Download] = set()
        self._waiting = 0
        self._freed = asyncio.Condition()

    def __len__(self) -> int:
        return len(self._open)

    @asynccontextmanager
    async def place(self, client: str, transport: asyncio.BaseTransport | None) -> AsyncIterator[Download]:
        """Hold a place while the block runs. Raise Crowded if the client has its share, or too many wait."""
        if self._waiting >= self._most_waiting or sum(each.client == client for each in self._open) >= self._share:
            raise Crowded
        self._waiting += 1
        try:
            await self._room()
        finally:
            self._waiting -= 1
        download = Download(client, transport)
        self._open.add(download)
        try:
            yield download
        finally:
            self._open.discard(download)
            async with self._freed:
                self._freed.notify()

    async def _room(self) -> None:
        """Wait for a free place. Cut off the slowest download once it has had its time."""
        while len(self._open) >= self._at_once:
            now = asyncio.get_running_loop().time()
            slow = min((each for each in self._open if not each.is_cut), key=lambda each: each.pace(now), default=None)
            rest = slow.since + self._patience - now if slow is not None else None
            if slow is not None and rest is not None and rest <= 0:
                log.info("a slow download was cut off to make room", client=slow.client, summarize=True)
                slow.cut()
                rest = None
            await self._wait(rest)

    async def _wait(self, seconds: float | None) -> None:
        """Wait until a place is free, or for this long."""
        try:
            async with asyncio.timeout(seconds), self._freed:
                await self._freed.wait_for(lambda: len(self._open) < self._at_once)
        except TimeoutError:
            return
