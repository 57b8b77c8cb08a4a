"""What is due now: sources to watch and subscriptions to bring up to date, each at most once at a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import structlog
from structlog.contextvars import bound_contextvars

from bot.channels import Channel
from bot.domain.agenda import Place
from bot.domain.agendas.schedule import Interest, Rota
from bot.domain.subscription import Subscription
from bot.errors import CountersignError, LeaseLost, StoreAway, StoreError
from bot.pipeline.deliver import Delivered, deliver
from bot.pipeline.poll_agenda import Attended, attend
from bot.pipeline.poll_list import Watched, watch
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

    def watched(self, watched: Watched) -> None:
        """A source was read, or could not be."""

    def attended(self, kind: str, attended: Attended) -> None:
        """A local place on a platform of that kind was read, or could not be."""

    def delivered(self, delivered: Delivered) -> None:
        """A subscription was brought up to date, or could not be."""


class Unobserved:
    """Counts nothing: for commands, which end before anybody could ask."""

    def watched(self, watched: Watched) -> None:
        """Nothing is done with it."""

    def attended(self, kind: str, attended: Attended) -> None:
        """Nothing is done with it."""

    def delivered(self, delivered: Delivered) -> None:
        """Nothing is done with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that the work needs, handed down by whoever starts the program.

    `every` is how often each source is read; `page` the address of ICE's page. `places` is the catalogue of local
    government, by name. `elections` names, for each channel whose pace holds for a whole token, what one program at a
    time is elected to: to send on it.
    """

    store: Store
    fetch: Fetcher
    sources: Mapping[str, Source]
    channels: Mapping[str, Channel]
    now: Now
    every: timedelta
    page: str
    places: Mapping[str, Place] = field(default_factory=dict)
    elections: Mapping[str, str] = field(default_factory=dict)
    observer: Observer = field(default_factory=Unobserved)
    _busy: dict[str, asyncio.Lock] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_PLACES))

    async def poll(self, source: Source) -> Watched:
        """Read one source now; LeaseLost when another program is reading it."""
        async with self.alone(f"source {source.name}"):
            return await self._watched(source)

    async def _watched(self, source: Source) -> Watched:
        with bound_contextvars(source=source.name):
            watched = await watch(source, store=self.store, fetch=self.fetch, now=self.now, every=self.every)
        self.observer.watched(watched)
        return watched

    async def poll_if_due(self, source: Source) -> Watched | None:
        """Read it unless another program has done so since it was due."""
        async with self.alone(f"source {source.name}"):
            if not (await self.store.memory(source.name)).is_due(self.now(), self.every):
                return None
            return await self._watched(source)

    async def attend(self, place: Place) -> Attended:
        """Read one local place now, a few at a time; LeaseLost when another program is reading it."""
        async with self._room, self.alone(f"source {place.name}"):
            return await self._attended(place)

    async def _attended(self, place: Place) -> Attended:
        with bound_contextvars(source=place.name):
            attended = await attend(place, store=self.store, fetch=self.fetch, now=self.now)
        self.observer.attended(place.kind, attended)
        return attended

    async def rota(self, rota: Rota, *, at_once: bool = False) -> Rota:
        """The rota of places, drawn up from what the store holds now."""
        live = [s for s in await self.store.subscriptions() if s.channel in self.channels]
        rota.draw_up(await self.store.memories(), Interest.of(live), self.now(), at_once=at_once)
        return rota

    async def attend_due(self) -> Sequence[Attended]:
        """Read all watched places that are due; those that another program reads are left to it."""

        async def unless_read(place: Place) -> Attended | None:
            with suppress(LeaseLost):
                return await self.attend(place)
            return None

        due = (await self.rota(Rota(self.places), at_once=True)).due(self.now())
        return [attended for attended in await asyncio.gather(*map(unless_read, due)) if attended is not None]

    async def attend_if_due(self, place: Place) -> None:
        """Read it unless another program has done so since it was due."""

        async def is_due() -> bool:
            return (await self.store.memory(place.name)).is_due(self.now(), timedelta(hours=place.every_hours))

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
            memory = await self.store.memory(name)
            if memory.is_due(now, self.every):
                due.append(source)
        return due

    async def take(self, room: Callable[[str], int] = lambda _: MOST_AT_ONCE) -> Sequence[Subscription]:
        """The subscriptions that are due, leased to this program, as many as there is `room` for on each channel."""
        taken: list[Subscription] = []
        for channel in self.channels:
            if await self._elected(channel) == 0:
                taken += await self.store.take(self.now(), channel, room(channel))
        return taken

    async def take_seats(self) -> None:
        """Wait until it is settled on which channels this program sends, and on which another one does."""
        for channel in self.channels:
            while wait := await self._elected(channel):  # noqa: ASYNC110 - another program is waited for
                await asyncio.sleep(wait)

    async def _elected(self, channel: str) -> float | None:
        """In how many seconds this program may send on that channel; None while another does."""
        election = self.elections.get(channel)
        return 0.0 if election is None else await self.store.elected(election)

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
                await self._store.hold(self._name, 2 * KEPT_EVERY)
                await asyncio.sleep(KEPT_EVERY)


class Duty:
    """Takes what is due and works on it side by side; a failure of one never stops another.

    `also` is done once a minute beside it.
    """

    def __init__(self, desk: Desk, also: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        self._desk = desk
        self._also = also
        self._also_at = 0.0
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._deliveries: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}
        self._rota = Rota(desk.places)
        self._rota_at = 0.0
        self._places = 0
        self._store_failed = False
        self._ticking = asyncio.Lock()
        self._is_ending = False

    async def follow(self) -> None:
        """Start what is due as soon as another program says that it has recorded something, until cancelled."""
        while True:
            try:
                await self._desk.store.news()
                await self.tick()
            except StoreError:
                await asyncio.sleep(1)

    async def tick(self) -> None:
        """Start what is due and not under way yet; two at once would each take what one has room for."""
        async with self._ticking:
            await self._tick()

    async def _tick(self) -> None:
        try:
            for source in await self._desk.due_sources():
                self._start(f"source {source.name}", self._desk.poll_if_due(source))
            await self._start_places()
            await self._start_deliveries()
            clock = asyncio.get_running_loop().time()
            if self._also is not None and clock >= self._also_at:
                self._also_at = clock + ALSO_EVERY
                self._start("notices", self._notices(self._also))
        except StoreError as fault:
            if not self._store_failed:
                log.warning("the store failed; it is asked again every second", problem=str(fault))
            self._store_failed = True
        else:
            if self._store_failed:
                log.info("the store answers again")
            self._store_failed = False

    async def finish(self, within: float) -> None:
        """Let what is under way come to its end, for so many seconds; then break it off (nothing is lost)."""
        self._is_ending = True
        tasks = list(self._under_way.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=within)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _start_places(self) -> None:
        """The local places that are due; who watches what is seen once a minute."""
        clock = asyncio.get_running_loop().time()
        if not self._desk.places:
            return
        if clock >= self._rota_at:
            self._rota_at = clock + ALSO_EVERY
            await self._desk.rota(self._rota)
        self._fill_room()

    def _fill_room(self) -> None:
        """Begin as many places as may be read at a time."""
        for place in self._rota.due(self._desk.now()):
            if self._places >= MOST_PLACES or self._is_ending:
                break
            if self._start(f"source {place.name}", self._attend(place)):
                self._places += 1

    async def _attend(self, place: Place) -> None:
        """Read a place, and put it on the rota again, whatever comes of it."""
        next_at = self._desk.now() + timedelta(hours=place.every_hours)
        try:
            await self._desk.attend_if_due(place)
            next_at = (await self._desk.store.memory(place.name)).due_at or next_at
        finally:
            self._places -= 1
            self._rota.put(place.name, next_at)
            self._fill_room()

    async def _start_deliveries(self) -> None:
        """Those for which their channel has room, longest due first; the others wait without having been begun."""
        for subscription in await self._desk.take(lambda channel: MOST_UNDER_WAY - self._deliveries[channel]):
            name = f"subscription {subscription.id}"
            if name in self._under_way:
                await self._desk.store.release(subscription.id)  # it is just being finished; the next tick has it
            elif self._deliveries[subscription.channel] < MOST_UNDER_WAY:
                self._start(name, self._deliver(subscription))  # one that was put off stays leased, and so put off
                await asyncio.sleep(0)  # it begins with a write to disk: let others have their turn in between

    async def _notices(self, give: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Give them, unless another program does."""
        if await self._desk.store.lease("notices"):
            try:
                await give()
            finally:
                await self._desk.store.release("notices")

    async def _deliver(self, subscription: Subscription) -> None:
        self._deliveries[subscription.channel] += 1
        try:
            await self._desk.bring_up_to_date(subscription)
        finally:
            self._deliveries[subscription.channel] -= 1

    def _start(self, name: str, work: Coroutine[Any, Any, object]) -> bool:
        """Begin, unless it is under way or was put off."""
        clock = asyncio.get_running_loop().time()
        if name in self._under_way or self._not_before.get(name, clock) > clock:
            work.close()
            return False
        self._not_before.pop(name, None)
        task = asyncio.get_running_loop().create_task(self._guarded(name, work), name=name)
        self._under_way[name] = task
        task.add_done_callback(lambda _: self._under_way.pop(name, None))
        return True

    async def _guarded(self, name: str, work: Awaitable[object]) -> None:
        """The last place where an error can go; whatever it is, the others go on."""
        try:
            await work
        except LeaseLost as fault:
            log.debug("another program does it", work=name, problem=str(fault))
        except StoreAway as fault:  # the tick says so, and goes on with it when the store answers again
            log.debug("the store did not answer", work=name, problem=str(fault))
        except CountersignError as fault:
            self._put_off(name)
            log.warning("work failed", work=name, problem=str(fault))
        except Exception:
            self._put_off(name)
            log.exception("work failed in a way nobody foresaw", work=name)

    def _put_off(self, name: str) -> None:
        self._not_before[name] = asyncio.get_running_loop().time() + AGAIN_AFTER_FAULT
