"""Ping the operator's monitor after each good reading, so that it notices when the readings stop.

The address comes from the operator's own settings, so it may be in a private network or on this machine, but never at
a cloud's metadata service. Redirects aren't followed. The address is a secret, and no error or log line has it.
"""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import structlog

from bot.errors import SourceError
from bot.fetch.addresses import parsed, shown
from bot.fetch.post import Poster
from bot.pipeline.deliver import Delivered
from bot.pipeline.poll_agenda import AgendaPoll
from bot.pipeline.poll_list import ListPoll
from bot.pipeline.runner import Observer

WITHIN = 10.0  # seconds for one ping

log = structlog.get_logger()


class Heartbeat:
    """An observer that requests an address after each good reading of ICE's lists. The reading never waits for it."""

    def __init__(self, address: str, contact: str | None = None) -> None:
        self._address = address
        self._host = urlsplit(address).hostname or ""
        self._poster = Poster(contact=contact, allow_loopback=True, allow_private=True, timeout=WITHIN)
        self._pinging: asyncio.Task[None] | None = None
        self._fails = False

    def list_polled(self, poll: ListPoll) -> None:
        """Ping if the lists were read. While a ping is under way, don't start another."""
        if poll.is_good and (self._pinging is None or self._pinging.done()):
            self._pinging = asyncio.create_task(self._ping())

    def agenda_polled(self, kind: str, poll: AgendaPoll) -> None:
        """Ignore the poll of a local place."""

    def delivered(self, delivery: Delivered) -> None:
        """Ignore the delivery."""

    async def close(self) -> None:
        """Wait for the ping that is under way, and close the client."""
        if self._pinging is not None:
            await asyncio.wait({self._pinging})
        await self._poster.aclose()

    async def _ping(self) -> None:
        """Ping once. Log a failure only once until a ping succeeds again."""
        problem = await self._problem()
        if problem is not None and not self._fails:
            log.warning("the monitor at COUNTERSIGN_HEARTBEAT_URL can't be pinged", problem=problem)
        elif problem is None and self._fails:
            log.info("the monitor at COUNTERSIGN_HEARTBEAT_URL can be pinged again")
        self._fails = problem is not None

    async def _problem(self) -> str | None:
        """Request the address. Return what went wrong, without the address, or None."""
        try:
            answer = await self._poster.get(self._address, {}, cap=0)
        except SourceError as fault:
            return str(fault).replace(shown(parsed(self._address)), self._host)
        except Exception as bug:  # noqa: BLE001 - a monitor must never stop a reading
            return type(bug).__name__
        return None if 200 <= answer.status < 300 else f"{self._host} answered {answer.status}"


class Observers:
    """Several observers as one."""

    def __init__(self, every: Sequence[Observer]) -> None:
        self._every = every

    def list_polled(self, poll: ListPoll) -> None:
        """Pass the poll on."""
        for each in self._every:
            each.list_polled(poll)

    def agenda_polled(self, kind: str, poll: AgendaPoll) -> None:
        """Pass the poll on."""
        for each in self._every:
            each.agenda_polled(kind, poll)

    def delivered(self, delivery: Delivered) -> None:
        """Pass the delivery on."""
        for each in self._every:
            each.delivered(delivery)
