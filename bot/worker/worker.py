"""What is due now: sources to watch and subscriptions to bring up to date, each at most once at a time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.domain.agenda import Place
from bot.domain.agendas.schedule import Schedule
from bot.domain.subscription import Subscription
from bot.errors import CountersignError, LeaseLost, StoreError, StoreUnavailable
from bot.pipeline.runner import MOST_PLACES, Runner

ALSO_EVERY = 60.0  # seconds
MOST_UNDER_WAY = 200  # deliveries of one channel; Telegram's turns for so many take 8 of the 30 s of its patience
AGAIN_AFTER_FAULT = 60.0  # seconds until something is tried again that failed in a way nobody foresaw

log = structlog.get_logger()
Now = Callable[[], datetime]


class Worker:
    """Takes what is due and works on it side by side; a failure of one never stops another.

    `also` is done once a minute beside it.
    """

    def __init__(self, runner: Runner, also: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        self._runner = runner
        self._also = also
        self._also_at = 0.0
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._deliveries: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}
        self._schedule = Schedule(runner.places)
        self._rota_at = 0.0
        self._places = 0
        self._store_failed = False
        self._ticking = asyncio.Lock()
        self._is_ending = False

    async def follow(self) -> None:
        """Start what is due as soon as another program says that it has recorded something, until cancelled."""
        while True:
            try:
                await self._runner.store.wait_for_changes()
                await self.tick()
            except StoreError:
                await asyncio.sleep(1)

    async def tick(self) -> None:
        """Start what is due and not under way yet; two at once would each take what one has room for."""
        async with self._ticking:
            await self._tick()

    async def _tick(self) -> None:
        try:
            for source in await self._runner.due_sources():
                self._start(f"source {source.name}", self._runner.poll_if_due(source))
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
        if not self._runner.places:
            return
        if clock >= self._rota_at:
            self._rota_at = clock + ALSO_EVERY
            await self._runner.schedule(self._schedule)
        self._fill_room()

    def _fill_room(self) -> None:
        """Begin as many places as may be read at a time."""
        for place in self._schedule.due(self._runner.now()):
            if self._places >= MOST_PLACES or self._is_ending:
                break
            if self._start(f"source {place.name}", self._attend(place)):
                self._places += 1

    async def _attend(self, place: Place) -> None:
        """Read a place, and put it on the rota again, whatever comes of it."""
        next_at = self._runner.now() + timedelta(hours=place.every_hours)
        try:
            await self._runner.poll_agenda_if_due(place)
            next_at = (await self._runner.store.source_status(place.name)).due_at or next_at
        finally:
            self._places -= 1
            self._schedule.set_due(place.name, next_at)
            self._fill_room()

    async def _start_deliveries(self) -> None:
        """Those for which their channel has room, longest due first; the others wait without having been begun."""
        for subscription in await self._runner.claim_due(lambda channel: MOST_UNDER_WAY - self._deliveries[channel]):
            name = f"subscription {subscription.id}"
            if name in self._under_way:
                await self._runner.store.release(subscription.id)  # it is just being finished; the next tick has it
            elif self._deliveries[subscription.channel] < MOST_UNDER_WAY:
                self._start(name, self._deliver(subscription))  # one that was put off stays leased, and so put off
                await asyncio.sleep(0)  # it begins with a write to disk: let others have their turn in between

    async def _notices(self, give: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Give them, unless another program does."""
        if await self._runner.store.lease("notices"):
            try:
                await give()
            finally:
                await self._runner.store.release("notices")

    async def _deliver(self, subscription: Subscription) -> None:
        self._deliveries[subscription.channel] += 1
        try:
            await self._runner.bring_up_to_date(subscription)
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
        except StoreUnavailable as fault:  # the tick says so, and goes on with it when the store answers again
            log.debug("the store did not answer", work=name, problem=str(fault))
        except CountersignError as fault:
            self._put_off(name)
            log.warning("work failed", work=name, problem=str(fault))
        except Exception:
            self._put_off(name)
            log.exception("work failed in a way nobody foresaw", work=name)

    def _put_off(self, name: str) -> None:
        self._not_before[name] = asyncio.get_running_loop().time() + AGAIN_AFTER_FAULT
