"""Run the pipeline under leases. Only one program at a time can poll a given source or send to a given subscription."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, cast
from weakref import WeakValueDictionary

import structlog
from structlog.contextvars import bound_contextvars

from bot.channels import Sender
from bot.domain.agenda import Place
from bot.domain.agendas.schedule import Schedule, WatchedStates
from bot.domain.change import Change
from bot.domain.language import Language
from bot.domain.page_addresses import PageLinks
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Subscription
from bot.errors import LeaseLost, StoreError
from bot.pipeline.deliver import Delivered, deliver
from bot.pipeline.local_requests import added_sources
from bot.pipeline.ocr import Ocr, next_scan, read_scan
from bot.pipeline.poll_agenda import AgendaPoll, poll_agenda
from bot.pipeline.poll_list import ListPoll, poll_list
from bot.pipeline.same_source import of_this_source
from bot.pipeline.standings import Standings
from bot.sources import Fetcher, Source
from bot.store import Leases, Store

MOST_PLACES = 16  # read at the same time
MOST_UNDER_WAY = 200  # deliveries per channel; Telegram's limit allows this many in 8 s, and a send waits up to 30 s
RENEW_EVERY = 20.0  # seconds
MOVE_WAITS = 30.0  # seconds that a chat's move to another address waits for a delivery in another program
POLL_WAITS = 60.0  # seconds that recording what a scan says waits for a poll of the same place in another program
LEASE_POLL = 0.2  # seconds between tries to get a lease that another program holds

log = structlog.get_logger()
Now = Callable[[], datetime]


class Observer(Protocol):
    """An object that is notified of the result of every poll and every delivery."""

    def list_polled(self, poll: ListPoll) -> None:
        """Record a poll of ICE's lists."""

    def agenda_polled(self, kind: str, poll: AgendaPoll) -> None:
        """Record a poll of a local place. `kind` is the place's platform."""

    def delivered(self, delivery: Delivered) -> None:
        """Record a delivery."""


class Unobserved:
    """An observer that does nothing. It is for short commands, where no one would read the counts."""

    def list_polled(self, poll: ListPoll) -> None:
        """Ignore the poll."""

    def agenda_polled(self, kind: str, poll: AgendaPoll) -> None:
        """Ignore the poll."""

    def delivered(self, delivery: Delivered) -> None:
        """Ignore the delivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A runner for the pipeline. It takes a lease on each source or subscription before working on it.

    `every` is the interval between polls of a source, `page` is the address of ICE's page, `public_url` is the address
    of our own pages, or empty, and `places` is the catalog of local sources by name. With `reads_added`, the sources
    that are added in chat join an empty catalog, too. On some channels, the rate limit applies to a whole token, so
    only one program may send. `leadership` maps each of these channels to the name of the
    leadership that a program must hold to send there. `ocr` reads scanned documents, or is None if that is off.
    `started_at` is when the program started (UTC), or None for a
    short command.
    """

    store: Store
    fetch: Fetcher
    sources: Mapping[str, Source]
    channels: Mapping[str, Sender]
    now: Now
    every: timedelta
    page: str
    public_url: str = ""
    places: Mapping[str, Place] = field(default_factory=dict)
    reads_added: bool = False
    leadership: Mapping[str, str] = field(default_factory=dict)
    ocr: Ocr | None = None
    observer: Observer = field(default_factory=Unobserved)
    started_at: datetime | None = None
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)  # the ones in use
    _reading_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_PLACES))
    _standings: Standings = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", dict(self.places))  # sources that are added in chat join it
        object.__setattr__(self, "_standings", Standings(self.store, self.public_url))

    # ── sources ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def due_sources(self) -> Sequence[Source]:
        """Return the sources of ICE's lists that are due."""
        return [source for source in self.sources.values() if await self._is_due(source)]

    async def poll(self, source: Source) -> ListPoll:
        """Read one source now. Raise LeaseLost if another program is reading the same source."""
        async with self.exclusive(f"source {source.name}"):
            return await self._poll(source)

    async def poll_if_due(self, source: Source) -> ListPoll | None:
        """Read one source if it is due, unless another program has just read it."""
        async with self.exclusive(f"source {source.name}"):
            return await self._poll(source) if await self._is_due(source) else None

    async def _is_due(self, source: Source) -> bool:
        return (await self.store.source_status(source.name)).is_due(self.now(), self.every)

    async def _poll(self, source: Source) -> ListPoll:
        with bound_contextvars(source=source.name):
            done = await poll_list(source, store=self.store, fetch=self.fetch, now=self.now, every=self.every)
        self.observer.list_polled(done)
        return done

    # ── local places ─────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def reads_local(self) -> bool:
        """True if this program reads local sources. The catalog may be empty; sources are also added in chat."""
        return bool(self.places) or self.reads_added

    async def update_places(self) -> None:
        """Take up the sources that were added in chat, in this program or in another."""
        if self.reads_local:
            cast("dict[str, Place]", self.places).update(await added_sources(self.store))

    async def schedule(self, schedule: Schedule, *, at_once: bool = False) -> Schedule:
        """Rebuild the schedule of places from the store."""
        await self.update_places()
        live = [s for s in await self.store.subscriptions() if s.channel in self.channels]
        statuses = [self._now_there(status) for status in await self.store.source_statuses()]
        schedule.rebuild(statuses, WatchedStates.of(live), self.now(), at_once=at_once)
        return schedule

    def _now_there(self, status: SourceStatus) -> SourceStatus:
        """Return a status. A place that was parked on another site is read again, on its present one."""
        place = self.places.get(status.source)
        return of_this_source(place, status) if place is not None and status.parked_at is not None else status

    async def poll_agenda(self, place: Place) -> AgendaPoll:
        """Wait for a reading slot and read one place. Raise LeaseLost if another program is reading the same place."""
        async with self._reading_slots, self.exclusive(f"source {place.name}"):
            return await self._poll_agenda(place)

    async def poll_agenda_if_due(self, place: Place) -> None:
        """Read one place if it is due, unless another program has just read it."""

        async def is_due() -> bool:
            return (await self.store.source_status(place.name)).is_due(self.now(), timedelta(hours=place.every_hours))

        if await is_due():  # checked again under the lease, because another program may have read it in the meantime
            async with self.exclusive(f"source {place.name}"):
                if await is_due():
                    await self._poll_agenda(place)

    async def poll_due_agendas(self) -> Sequence[AgendaPoll]:
        """Read all watched places that are due. Skip a place if another program is reading it."""

        async def unless_leased(place: Place) -> AgendaPoll | None:
            with suppress(LeaseLost):
                return await self.poll_agenda(place)
            return None

        due = (await self.schedule(Schedule(self.places), at_once=True)).due(self.now())
        return [done for done in await asyncio.gather(*map(unless_leased, due)) if done is not None]

    async def _poll_agenda(self, place: Place) -> AgendaPoll:
        with bound_contextvars(source=place.name):
            done = await poll_agenda(place, store=self.store, fetch=self.fetch, now=self.now)
        self.observer.agenda_polled(place.kind, done)
        return done

    # ── scanned documents ────────────────────────────────────────────────────────────────────────────────────────────

    async def read_next_scan(self) -> Sequence[Change] | None:
        """Read the scanned document with the next meeting, if OCR is on. Return None if there was none to read.

        Only one program reads scans at a time, because it takes a while and much of a processor.
        """
        tesseract = await self.ocr.tesseract() if self.ocr is not None else None
        if tesseract is None or await next_scan(self.store, self.places, self.now()) is None:
            return None
        async with self.exclusive("scans"):
            scan = await next_scan(self.store, self.places, self.now())
            if scan is None:
                return None
            place = self.places[scan.source]
            with bound_contextvars(source=place.name):
                return await read_scan(
                    scan,
                    place,
                    store=self.store,
                    fetch=self.fetch,
                    tesseract=tesseract,
                    now=self.now,
                    alone=partial(self.exclusive, f"source {place.name}", POLL_WAITS),
                )

    # ── deliveries ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def claim_due(self, room: Callable[[str], int] = lambda _: MOST_UNDER_WAY) -> Sequence[Subscription]:
        """Lease the subscriptions that are due and return them. `room` returns the maximum number for a channel."""
        claimed: list[Subscription] = []
        for channel in self.channels:
            if await self._leads_in(channel) == 0:
                claimed += await self.store.claim_due(self.now(), channel, room(channel))
        return claimed

    async def deliver(self, claimed: Subscription) -> Delivered:
        """Send the messages due for a leased subscription, then release the lease."""
        try:
            async with self._lock(f"subscription {claimed.id}"):
                fresh = await self.store.subscription(claimed.id)
                if fresh is None or not fresh.is_due(self.now()):
                    return Delivered(subscription=claimed.id)
                return await self._deliver(fresh)
        finally:
            await self.store.release(claimed.id)

    async def deliver_due(self) -> Sequence[Delivered]:
        """Send everyone's due messages, as many at a time as each channel allows, and return the results.

        Each subscription gets one delivery. A failed message doesn't stop the others. If the store fails, nothing else
        is started.
        """
        started: dict[str, asyncio.Task[Delivered]] = {}
        try:
            while await self._start_deliveries(started):
                if under_way := _under_way(started):
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            for task in _under_way(started):
                task.cancel()
            raise
        finally:
            await asyncio.gather(*started.values(), return_exceptions=True)
        return [task.result() for task in started.values()]

    async def _start_deliveries(self, started: dict[str, "asyncio.Task[Delivered]"]) -> bool:
        """Start as many due deliveries as fit. Return False if nothing was started and nothing is under way.

        A channel gets more only after half of its deliveries are done, because looking for more takes a while.
        """
        under_way = Counter(task.get_name() for task in _under_way(started))
        room = {name: MOST_UNDER_WAY - under_way[name] for name in self.channels}
        if any(task.done() and task.exception() is not None for task in started.values()):
            return bool(under_way)
        before = len(started)
        if under_way and max(room.values()) < MOST_UNDER_WAY // 2:
            return True
        for subscription in await self.claim_due(lambda name: room[name] if room[name] >= MOST_UNDER_WAY // 2 else 0):
            name = subscription.channel
            if subscription.id in started and started[subscription.id].done():
                await self.store.release(subscription.id)  # due again, because its chat has moved; that's for later
            elif subscription.id not in started and room[name] > 0:
                started[subscription.id] = asyncio.create_task(self._deliver_unless_leased(subscription), name=name)
                room[name] -= 1
                await asyncio.sleep(0)  # a delivery starts with a write to disk; let other work run in between
        return bool(under_way) or len(started) > before

    async def _deliver_unless_leased(self, claimed: Subscription) -> Delivered:
        """Deliver, unless another program has taken over the subscription."""
        try:
            return await self.deliver(claimed)
        except LeaseLost:
            return Delivered(subscription=claimed.id)

    async def _deliver(self, to: Subscription) -> Delivered:
        with bound_contextvars(**to.log_context()):
            done = await deliver(
                to,
                store=self.store,
                channels=self.channels,
                now=self.now,
                page=self.page,
                allowed=partial(self._check_leadership, to.channel),
                standings=self._standings,
            )
        self.observer.delivered(done)
        return done

    @asynccontextmanager
    async def between_deliveries(self, subscription_id: str) -> AsyncIterator[None]:
        """Wait for any delivery to this subscription to finish, and don't start another in the meantime.

        If another program takes too long, go on without waiting. At worst, what it sends is sent again.
        """
        until = asyncio.get_running_loop().time() + MOVE_WAITS
        async with self._lock(f"subscription {subscription_id}"):
            while not await self.store.lease(subscription_id):
                if asyncio.get_running_loop().time() >= until:
                    break
                await asyncio.sleep(LEASE_POLL)
            try:
                yield
            finally:
                await self.store.release(subscription_id)

    async def links(self, upto: int, language: Language) -> PageLinks | None:
        """Return the links to the public pages after a change in the log, or None if there is no public address."""
        return await self._standings.links(upto, language)

    # ── leases and leadership ────────────────────────────────────────────────────────────────────────────────────────

    async def await_leadership(self) -> None:
        """Wait until every channel has a sender. The sender may be this program or another one."""
        for channel in self.channels:
            while wait := await self._leads_in(channel):  # noqa: ASYNC110 - it waits for another program
                await asyncio.sleep(wait)

    async def _leads_in(self, channel: str) -> float | None:
        """Return the number of seconds until this program may send on a channel.

        Return None if another program is sending there.
        """
        name = self.leadership.get(channel)
        return 0.0 if name is None else await self.store.leadership_in(name)

    async def _check_leadership(self, channel: str) -> None:
        if await self._leads_in(channel) != 0:
            raise LeaseLost(f"Another program is sending on {channel} now.")

    @asynccontextmanager
    async def exclusive(self, name: str, patience: float = 0.0) -> AsyncIterator[None]:
        """Hold a lease on this name, so that only one task in any program can work on it at a time.

        Raise LeaseLost if another program still holds the lease after `patience` seconds.
        """
        until = asyncio.get_running_loop().time() + patience
        async with self._lock(name):
            while not await self.store.lease(name):
                if asyncio.get_running_loop().time() >= until:
                    raise LeaseLost(f"Another program is working on {name} now. Try again in a minute.")
                await asyncio.sleep(LEASE_POLL)
            keeper = _LeaseKeeper(self.store, name)
            try:
                yield
            finally:
                keeper.stop()
                await self.store.release(name)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


def _under_way(started: Mapping[str, "asyncio.Task[Delivered]"]) -> list["asyncio.Task[Delivered]"]:
    return [task for task in started.values() if not task.done()]


class _LeaseKeeper:
    """A timer that renews a lease during long tasks. It starts a background task only when the first renewal is due."""

    def __init__(self, store: Leases, name: str) -> None:
        self._store, self._name = store, name
        self._timer = asyncio.get_running_loop().call_later(RENEW_EVERY, self._start)
        self._task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Stop renewing the lease."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        self._task = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        """Renew the lease until stopped.

        If the lease is lost, stop without an error, because the store will reject any later writes anyway.
        """
        with suppress(StoreError):
            while True:
                await self._store.extend_lease(self._name, 2 * RENEW_EVERY)
                await asyncio.sleep(RENEW_EVERY)
