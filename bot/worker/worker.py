"""Run all due source readings, local readings and deliveries concurrently.

The same work never runs twice at the same time.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog

from bot.domain.agenda import Place
from bot.domain.agendas.schedule import Schedule
from bot.domain.subscription import Subscription
from bot.errors import CountersignError, LeaseLost, StoreError, StoreUnavailable
from bot.pipeline.local_requests import reading_requests, suggestions
from bot.pipeline.runner import MOST_PLACES, MOST_UNDER_WAY, Runner
from bot.sources import Source
from bot.worker.first_readings import FIRST_READINGS, answer_first_readings
from bot.worker.health_notices import NOTICES

CAPTURE_EVERY = 5.0  # seconds between looks for pages to hand to the Internet Archive
FIRST_EVERY = 2.0  # seconds between looks for places that someone has just begun to watch
SCANS_EVERY = 30.0  # seconds between looks for a scanned document to read
UPKEEP_EVERY = 60.0  # seconds between checks of which places are watched, and between runs of the upkeep
CANCEL_WITHIN = 0.5  # seconds for canceled work to end; a store that is stuck can't even take back a lease
RETRY_AFTER_BUG = 60.0  # seconds before retrying work that failed unexpectedly

log = structlog.get_logger()
Upkeep = Callable[[], Coroutine[Any, Any, None]]


class Worker:
    """A worker that runs all due work concurrently. A failure in one task doesn't stop the others.

    `upkeep` runs once a minute, and in only one program at a time. So does `capture`, every few seconds.
    """

    def __init__(self, runner: Runner, upkeep: Upkeep | None = None, capture: Upkeep | None = None) -> None:
        self._runner = runner
        self._upkeep = upkeep
        self._upkeep_at = 0.0
        self._capture = capture
        self._capture_at = 0.0
        self._schedule = Schedule(runner.places)
        self._schedule_at = 0.0
        self._first_at = 0.0
        self._scans_at = 0.0
        self._suggested: set[str] = set()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._deliveries: Counter[str] = Counter()
        self._places = 0
        self._not_before: dict[str, float] = {}
        self._store_failed = False
        self._ticking = asyncio.Lock()
        self._is_ending = False

    async def follow(self) -> None:
        """Run a tick whenever another program has recorded changes, until canceled."""
        while True:
            try:
                await self._runner.store.wait_for_changes()
                await self.tick()
            except StoreError:
                await asyncio.sleep(1)

    async def tick(self) -> None:
        """Start all due work that isn't already running.

        Ticks never overlap, because two ticks at once could start more deliveries than a channel allows.
        """
        async with self._ticking:
            try:
                await self._start_due()
            except StoreError as fault:
                if not self._store_failed:
                    log.warning("the store failed; retrying every second", problem=str(fault))
                self._store_failed = True
            else:
                if self._store_failed:
                    log.info("the store is answering again")
                self._store_failed = False

    async def idle(self) -> None:
        """Wait until no work is running."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    async def finish(self, within: float) -> None:
        """Stop starting work, give running work `within` seconds to finish, and then cancel the rest.

        Canceled work isn't lost, because it stays due in the store.
        """
        self._is_ending = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.idle()
        late = set(self._under_way.values())
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=CANCEL_WITHIN)

    # ── start what is due ────────────────────────────────────────────────────────────────────────────────────────────

    async def _start_due(self) -> None:
        for source in await self._runner.due_sources():
            self._start(f"source {source.name}", self._poll(source))
        await self._start_places()
        await self._start_deliveries()
        is_upkeep_due = self._upkeep is not None and self._clock() >= self._upkeep_at
        if self._upkeep is not None and is_upkeep_due and self._start(NOTICES, self._alone(NOTICES, self._upkeep)):
            self._upkeep_at = self._clock() + UPKEEP_EVERY
        if self._capture is not None and self._clock() >= self._capture_at:
            self._capture_at = self._clock() + CAPTURE_EVERY
            self._start("captures", self._alone("captures", self._capture))

    async def _start_places(self) -> None:
        """Start reading the local places that are due. Once a minute, update the list of watched places."""
        if not self._runner.reads_local:
            return
        if self._clock() >= self._schedule_at:
            self._schedule_at = self._clock() + UPKEEP_EVERY
            await self._runner.schedule(self._schedule)
        if self._clock() >= self._first_at:
            self._first_at = self._clock() + FIRST_EVERY
            self._start("first readings", self._answer_first())
        self._start_as_many_places_as_fit()
        if self._runner.ocr is not None and self._clock() >= self._scans_at:
            self._start("scans", self._read_scan())

    def _start_as_many_places_as_fit(self) -> None:
        for place in self._schedule.due(self._runner.now()):
            if self._places >= MOST_PLACES or self._is_ending:
                break
            if self._start(f"source {place.name}", self._poll_agenda(place)):
                self._places += 1

    async def _start_deliveries(self) -> None:
        """Start as many due deliveries as each channel's limit allows, longest overdue first."""
        for subscription in await self._runner.claim_due(lambda channel: MOST_UNDER_WAY - self._deliveries[channel]):
            name = f"subscription {subscription.id}"
            if name in self._under_way:
                await self._runner.store.release(subscription.id)  # still finishing; the next tick claims it again
            elif self._deliveries[subscription.channel] < MOST_UNDER_WAY:
                self._start(name, self._deliver(subscription))  # if put off, it stays leased and isn't claimed again
                await asyncio.sleep(0)  # a delivery starts with a write to disk; let other work run in between

    # ── the work ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _poll(self, source: Source) -> None:
        """Read ICE's lists if they are due. If one is held, the next tick tells the operator."""
        done = await self._runner.poll_if_due(source)
        if done is not None and done.held:
            self._upkeep_at = 0.0

    async def _poll_agenda(self, place: Place) -> None:
        """Read a place if it is due, then schedule its next reading, even if this one failed."""
        next_at = self._runner.now() + timedelta(hours=place.every_hours)
        try:
            await self._runner.poll_agenda_if_due(place)
            next_at = (await self._runner.store.source_status(place.name)).due_at or next_at
        finally:
            self._places -= 1
            self._schedule.set_due(place.name, next_at)
            self._start_as_many_places_as_fit()

    async def _answer_first(self) -> None:
        """Read the places that someone has just begun to watch, unless another program is doing it."""
        await self._look_for_suggestions()
        if await reading_requests(self._runner.store, self._runner.now()):
            async with self._runner.exclusive(FIRST_READINGS):
                await self._runner.update_places()
                await answer_first_readings(self._runner)

    async def _look_for_suggestions(self) -> None:
        """Let the next tick tell the operator about a new suggestion."""
        waiting = {key for key, each in (await suggestions(self._runner.store)).items() if not each.decision}
        if waiting - self._suggested:
            self._upkeep_at = 0.0
        self._suggested = waiting

    async def _read_scan(self) -> None:
        """Read a scanned document, if one waits. If none does, or another program reads one, look again later."""
        self._scans_at = self._clock() + SCANS_EVERY
        if await self._runner.read_next_scan() is not None:
            self._scans_at = 0.0

    async def _deliver(self, subscription: Subscription) -> None:
        self._deliveries[subscription.channel] += 1
        try:
            await self._runner.deliver(subscription)
        finally:
            self._deliveries[subscription.channel] -= 1

    async def _alone(self, name: str, work: Upkeep) -> None:
        """Do the work unless another program is doing it. The lease is renewed, because the work may take long."""
        async with self._runner.exclusive(name):
            await work()

    def _start(self, name: str, work: Coroutine[Any, Any, object]) -> bool:
        """Start a task; return False if it is already running or was postponed after a failure."""
        if name in self._under_way or self._not_before.get(name, 0.0) > self._clock():
            work.close()
            return False
        self._not_before.pop(name, None)
        task = asyncio.get_running_loop().create_task(self._guarded(name, work), name=name)
        self._under_way[name] = task
        task.add_done_callback(lambda _: self._under_way.pop(name, None))
        return True

    async def _guarded(self, name: str, work: Awaitable[object]) -> None:
        """Run one task and log its errors, so that other tasks continue."""
        try:
            await work
        except LeaseLost as fault:
            log.debug("another program is already doing this work", work=name, problem=str(fault))
        except StoreUnavailable as fault:  # the tick logs the failure and starts this work again once the store answers
            log.debug("the store did not answer", work=name, problem=str(fault))
        except CountersignError as fault:
            self._put_off(name)
            log.warning("work failed", work=name, problem=str(fault))
        except Exception:
            self._put_off(name)
            log.exception("work failed unexpectedly", work=name)

    def _put_off(self, name: str) -> None:
        self._not_before[name] = self._clock() + RETRY_AFTER_BUG

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()
