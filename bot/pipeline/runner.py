"""Run one piece of work at a time for each name, under a lease: poll a source, deliver to a subscription."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog
from structlog.contextvars import bound_contextvars

from bot.channels import Sender
from bot.domain.agenda import Place
from bot.domain.agendas.schedule import Interest, Schedule
from bot.domain.subscription import Subscription
from bot.errors import LeaseLost, StoreError
from bot.pipeline.deliver import Delivered, deliver
from bot.pipeline.poll_agenda import AgendaPoll, poll_agenda
from bot.pipeline.poll_list import ListPoll, poll_list
from bot.sources import Fetcher, Source
from bot.store import Store

ALSO_EVERY = 60.0  # seconds
MOST_PLACES = 16  # read at the same time
MOST_UNDER_WAY = 200  # deliveries of one channel; Telegram's turns for so many take 8 of the 30 s of its patience
MOST_AT_ONCE = 1_000_000  # taken by a command, which does all that is due
KEPT_EVERY = 20.0  # seconds
AGAIN_AFTER_FAULT = 60.0  # seconds until something is tried again that failed in a way nobody foresaw

log = structlog.get_logger()
Now = Callable[[], datetime]


class Observer(Protocol):
    """Is told what came of each reading and each delivery; the one place where they are counted."""

    def watched(self, watched: ListPoll) -> None:
        """A source was read, or could not be."""

    def attended(self, kind: str, attended: AgendaPoll) -> None:
        """A local place on a platform of that kind was read, or could not be."""

    def delivered(self, delivered: Delivered) -> None:
        """A subscription was brought up to date, or could not be."""


class Unobserved:
    """Counts nothing: for commands, which end before anybody could ask."""

    def watched(self, watched: ListPoll) -> None:
        """Nothing is done with it."""

    def attended(self, kind: str, attended: AgendaPoll) -> None:
        """Nothing is done with it."""

    def delivered(self, delivered: Delivered) -> None:
        """Nothing is done with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Everything that the work needs, handed down by whoever starts the program.

    `every` is how often each source is read; `page` the address of ICE's page. `places` is the catalogue of local
    government, by name. `elections` names, for each channel whose pace holds for a whole token, what one program at a
    time is elected to: to send on it.
    """

    store: Store
    fetch: Fetcher
    sources: Mapping[str, Source]
    channels: Mapping[str, Sender]
    now: Now
    every: timedelta
    page: str
    places: Mapping[str, Place] = field(default_factory=dict)
    elections: Mapping[str, str] = field(default_factory=dict)
    observer: Observer = field(default_factory=Unobserved)
    _busy: dict[str, asyncio.Lock] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_PLACES))

    async def poll(self, source: Source) -> ListPoll:
        """Read one source now; LeaseLost when another program is reading it."""
        async with self.alone(f"source {source.name}"):
            return await self._watched(source)

    async def _watched(self, source: Source) -> ListPoll:
        with bound_contextvars(source=source.name):
            watched = await poll_list(source, store=self.store, fetch=self.fetch, now=self.now, every=self.every)
        self.observer.watched(watched)
        return watched

    async def poll_if_due(self, source: Source) -> ListPoll | None:
        """Read it unless another program has done so since it was due."""
        async with self.alone(f"source {source.name}"):
            if not (await self.store.source_status(source.name)).is_due(self.now(), self.every):
                return None
            return await self._watched(source)

    async def poll_agenda(self, place: Place) -> AgendaPoll:
        """Read one local place now, a few at a time; LeaseLost when another program is reading it."""
        async with self._room, self.alone(f"source {place.name}"):
            return await self._attended(place)

    async def _attended(self, place: Place) -> AgendaPoll:
        with bound_contextvars(source=place.name):
            attended = await poll_agenda(place, store=self.store, fetch=self.fetch, now=self.now)
        self.observer.attended(place.kind, attended)
        return attended

    async def schedule(self, schedule: Schedule, *, at_once: bool = False) -> Schedule:
        """The rota of places, drawn up from what the store holds now."""
        live = [s for s in await self.store.subscriptions() if s.channel in self.channels]
        schedule.draw_up(await self.store.source_statuses(), Interest.of(live), self.now(), at_once=at_once)
        return schedule

    async def poll_due_agendas(self) -> Sequence[AgendaPoll]:
        """Read all watched places that are due; those that another program reads are left to it."""

        async def unless_read(place: Place) -> AgendaPoll | None:
            with suppress(LeaseLost):
                return await self.poll_agenda(place)
            return None

        due = (await self.schedule(Schedule(self.places), at_once=True)).due(self.now())
        return [attended for attended in await asyncio.gather(*map(unless_read, due)) if attended is not None]

    async def poll_agenda_if_due(self, place: Place) -> None:
        """Read it unless another program has done so since it was due."""

        async def is_due() -> bool:
            return (await self.store.source_status(place.name)).is_due(self.now(), timedelta(hours=place.every_hours))

        if await is_due():  # asked twice, for most of what several programs find due is being read by one of them
            async with self.alone(f"source {place.name}"):
                if await is_due():
                    await self._attended(place)

    async def bring_up_to_date(self, subscription: Subscription) -> Delivered:
        """Deliver what one subscription is owed now, which was taken for this; others may have it afterwards."""
        try:
            async with self._busy.setdefault(f"subscription {subscription.id}", asyncio.Lock()):
                fresh = await self.store.subscription(subscription.id)
                if fresh is None or not fresh.is_due(self.now()):
                    return Delivered(subscription=subscription.id)
                return await self._delivered(fresh)
        finally:
            await self.store.release(subscription.id)

    async def _delivered(self, to: Subscription) -> Delivered:
        with bound_contextvars(**to.log_context()):
            done = await deliver(
                to,
                store=self.store,
                channels=self.channels,
                now=self.now,
                page=self.page,
                allowed=partial(self._still_elected, to.channel),
            )
        self.observer.delivered(done)
        return done

    async def due_sources(self) -> Sequence[Source]:
        """The sources that are due."""
        now = self.now()
        due = []
        for name, source in self.sources.items():
            status = await self.store.source_status(name)
            if status.is_due(now, self.every):
                due.append(source)
        return due

    async def claim_due(self, room: Callable[[str], int] = lambda _: MOST_AT_ONCE) -> Sequence[Subscription]:
        """The subscriptions that are due, leased to this program, as many as there is `room` for on each channel."""
        taken: list[Subscription] = []
        for channel in self.channels:
            if await self._elected(channel) == 0:
                taken += await self.store.claim_due(self.now(), channel, room(channel))
        return taken

    async def await_leadership(self) -> None:
        """Wait until it is settled on which channels this program sends, and on which another one does."""
        for channel in self.channels:
            while wait := await self._elected(channel):  # noqa: ASYNC110 - another program is waited for
                await asyncio.sleep(wait)

    async def _elected(self, channel: str) -> float | None:
        """In how many seconds this program may send on that channel; None while another does."""
        election = self.elections.get(channel)
        return 0.0 if election is None else await self.store.leadership_in(election)

    async def _still_elected(self, channel: str) -> None:
        if await self._elected(channel) != 0:
            raise LeaseLost(f"Another program sends on {channel} now.")

    @asynccontextmanager
    async def alone(self, name: str, patience: float = 0.0) -> AsyncIterator[None]:
        """One at a time for each source, whoever asks; LeaseLost when another program has it, for so many seconds."""
        until = asyncio.get_running_loop().time() + patience
        async with self._busy.setdefault(name, asyncio.Lock()):
            while not await self.store.lease(name):
                if asyncio.get_running_loop().time() >= until:
                    raise LeaseLost(f"Another program works on {name} now; try again in a minute.")
                await asyncio.sleep(0.2)
            keeping = _Keeping(self.store, name)
            try:
                yield
            finally:
                keeping.end()
                await self.store.release(name)


class _Keeping:
    """Holds a lease while the work takes its time; most work is done before there is anything to do for it."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._begin = asyncio.get_running_loop().call_later(KEPT_EVERY, self._begun)
        self._task: asyncio.Task[None] | None = None

    def end(self) -> None:
        """The work is done."""
        self._begin.cancel()
        if self._task is not None:
            self._task.cancel()

    def _begun(self) -> None:
        self._task = asyncio.create_task(self._hold())

    async def _hold(self) -> None:
        """One that is lost is noticed by what would be written."""
        with suppress(StoreError):
            while True:
                await self._store.extend_lease(self._name, 2 * KEPT_EVERY)
                await asyncio.sleep(KEPT_EVERY)
