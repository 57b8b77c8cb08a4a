"""The programs that run until they are stopped: `run`, `worker` and `web`.

Each program reads the settings, sets up logs, metrics and error reports, and opens the store. It works until SIGTERM or
Ctrl-C, finishes the work in progress and closes the store. Hosts kill a process about ten seconds after SIGTERM. So all
work in progress is finished concurrently, within six seconds. Then the clients and the store are closed. After eight
seconds, the process ends even if something is still open. Nothing is lost, because unfinished work stays due.
"""

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import structlog

from bot.app import control_socket
from bot.app.greeting import greeting
from bot.app.listeners import listening
from bot.app.other_ways import archive_work, own_routes
from bot.app.web_wiring import access, pages
from bot.app.wiring import (
    archivist,
    chat_commands,
    free_room,
    opened,
    operators,
    places,
    runner,
    senders,
    utc_now,
)
from bot.commands.operator import broadcast, encrypt_addresses
from bot.config.settings import DEFAULT_PORT, Settings, load, notices
from bot.domain.health import crowds
from bot.domain.source_status import ICE
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.subscription import Settings as ChatSettings
from bot.errors import CountersignError, StoreUnavailable
from bot.observability.health_check import HealthCheck
from bot.observability.logs import is_for_person, set_up_logs
from bot.observability.metrics import CONTENT_TYPE, Metrics
from bot.observability.person import SAID, print_paragraphs
from bot.observability.sentry import reporter
from bot.pipeline.runner import Now, Runner
from bot.pipeline.token_recovery import probe_rejected_tokens
from bot.pipeline.unreached import drop_others
from bot.store import Store
from bot.store.tiny.store import TinyStore
from bot.web.server import Views, serving
from bot.worker import scheduler
from bot.worker.health_notices import notify
from bot.worker.reminders import remind
from bot.worker.weekly_summary import summarize
from bot.worker.worker import Worker

if TYPE_CHECKING:
    from bot.store.postgres.store import PostgresStore

DATABASE_PATIENCE = 60.0  # seconds to wait at startup for a database that is also starting
FINISH_WITHIN = 5.5  # seconds for polls and deliveries in progress after SIGTERM
STOP_WITHIN = 8.0  # seconds for everything
SET_UP = "set up"  # the lease of the program that applies the configuration
NO_WEBHOOKS = (
    "This process takes no webhooks because it only reads the data folder. `countersign run` takes them at its own "
    "PORT. To share the work among several processes, set DATABASE_URL."
)

T = TypeVar("T")
Stop = Callable[[], asyncio.Event]
Job = Callable[["Service", Runner, Stop], Awaitable[None]]

log = structlog.get_logger()


# ── the three programs ───────────────────────────────────────────────────────────────────────────────────────────────


def run() -> None:
    """Poll, deliver and answer chats."""
    _work(_poll_deliver_and_answer)


def work() -> None:
    """Poll and deliver alongside other workers.

    Without a database, there can be no other workers, so this program also answers chats.
    """
    _work(_poll_and_deliver)


def serve() -> None:
    """Answer chats and serve health checks, while workers poll and deliver.

    Without a database, serve only health checks.
    """
    with last_resort() as stop, _service() as service:
        asyncio.run(_serve(service, stop))


# ── service ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Service:
    """The settings and the metrics of this process."""

    settings: Settings
    metrics: Metrics

    def views(self, store: Store, now: Now = utc_now) -> Views:
        """Return the data for /health and /metrics."""
        check = HealthCheck(
            store=store,
            now=now,
            stale_after=timedelta(hours=self.settings.stale_hours),
            reads_ice=ICE in self.settings.sources,
            channels=senders(self.settings, store),
        )
        return Views(check.look, self.metrics.page, CONTENT_TYPE)


@contextmanager
def _service() -> Iterator[Service]:
    """Read the settings, set up logs, metrics and error reports, and report any failure.

    With JSON logs, log an unexpected error and exit with code 1, because the host collects the log and may discard the
    disk. With other logs, raise the error.
    """
    settings, metrics = load(), Metrics()
    set_up_logs(settings, quiet=False, also=(metrics.line,))
    reports = reporter(settings)
    if reports is not None:
        set_up_logs(settings, quiet=False, also=(metrics.line, reports))
    try:
        yield Service(settings, metrics)
    except CountersignError:
        raise
    except Exception as fault:
        if settings.log == "json":
            log.exception("the program failed unexpectedly")
            raise SystemExit(1) from fault
        if reports is not None:
            reports.report(fault)
        raise
    finally:
        if reports is not None:
            reports.flush()


@contextmanager
def last_resort() -> Iterator[Stop]:
    """Yield a function that returns the stop event. If stopping takes too long, end the process.

    A stuck write, a stuck thread or a client that can't be closed would otherwise keep the process alive.
    """
    timer = threading.Timer(STOP_WITHIN, _give_up)
    timer.daemon = True
    try:
        yield lambda: scheduler.stop_asked(timer.start)
    finally:
        timer.cancel()


def _give_up() -> None:
    log.warning("stopping took too long; the unfinished work remains in the store")
    sys.stderr.flush()
    os._exit(0)


# ── store ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _opened_in_time(settings: Settings, *, readonly: bool = False) -> "TinyStore | PostgresStore":
    """Open the store and log its notices. If the database is still starting, wait for it."""
    store = await _patiently(lambda: opened(settings, readonly=readonly))
    for notice in store.notices:
        log.warning(notice)
    return store


async def _patiently(do: Callable[[], Awaitable[T]]) -> T:
    """Retry until the database answers.

    After a minute, raise the error, because the address may be wrong.
    """
    until = time.monotonic() + DATABASE_PATIENCE
    while True:
        try:
            return await do()
        except StoreUnavailable as fault:
            if time.monotonic() > until:
                raise
            log.warning("the database isn't answering yet", problem=str(fault))
            await asyncio.sleep(3)


# ── work ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _work(job: Job) -> None:
    with last_resort() as stop, _service() as service:
        asyncio.run(_open_and(job, service, stop))


async def _open_and(job: Job, service: Service, stop: Stop) -> None:
    settings = service.settings
    store = await _opened_in_time(settings)
    try:
        gc.freeze()  # spare the garbage collector from searching the store's lasting contents again and again
        async with (
            runner(settings, store, places(settings), service.metrics) as made,
            _taking_commands(made, settings),
        ):
            await _patiently(lambda: _set_up(settings, made))
            await job(service, made, stop)
    finally:
        await store.close()


def _taking_commands(runner: Runner, settings: Settings) -> AbstractAsyncContextManager[None]:
    """Accept commands that write to the data folder.

    With a database, do nothing, because commands write to the database directly.
    """
    if settings.database_url is not None:
        return nullcontext()
    return control_socket.listening(runner, settings.data)


async def _set_up(settings: Settings, runner: Runner) -> None:
    """Apply the configuration. If several programs start at the same time, they take turns."""
    while not await runner.store.lease(SET_UP):  # noqa: ASYNC110 - waits for another program
        await asyncio.sleep(0.2)
    try:
        await encrypt_addresses(runner)
        await broadcast(runner, settings.broadcast)
        await _subscribe_console(runner)
        await _end_console(runner)
        await _log_start(settings, runner)
        for found in await runner.store.unreadable():
            log.warning(found.sentence)
        await probe_rejected_tokens(runner.store, utc_now(), at_once=True)
        await drop_others(runner.store, ())  # a start may be the cure
    finally:
        await runner.store.release(SET_UP)


CONSOLE = Subscription(id="", channel="console", address="console", filter=Filter(states={ALL_STATES: 0}))


async def _subscribe_console(runner: Runner) -> None:
    """Subscribe the console to all changes if no other channel is set up and there are no subscriptions."""
    if CONSOLE.channel in runner.channels and not await runner.store.subscriptions():
        await runner.store.subscribe(replace(CONSOLE, created_at=utc_now()))


async def _end_console(runner: Runner) -> None:
    """Once another channel is set up, end the console's automatic subscription. Keep it if someone changed it."""
    if CONSOLE.channel in runner.channels:
        return
    found = await runner.store.find(CONSOLE.channel, CONSOLE.address)
    if found is not None and _without_positions(found) == _without_positions(CONSOLE):
        await runner.store.unsubscribe(found.id)
        log.info("ended the console's subscription, because another channel is set up now", subscription=found.id)


def _without_positions(subscription: Subscription) -> ChatSettings:
    """Return the settings without the log positions of the filter's entries."""
    return replace(subscription.settings, filter=subscription.filter.since(0))


def _log_notices(settings: Settings) -> None:
    for notice in notices(settings):
        log.warning(notice)


async def _log_start(settings: Settings, runner: Runner) -> None:
    subscriptions = await runner.store.subscriptions()
    for channel, crowd in crowds(subscriptions, utc_now(), runner.channels).items():
        for reason in crowd.reasons(channel, utc_now()):
            log.warning(reason)
    if is_for_person(settings):
        print_paragraphs(await greeting(settings, runner))
    _log_notices(settings)
    if runner.ocr is not None:
        await runner.ocr.tesseract()  # says so if it's missing
    log.info(
        "started",
        page=settings.ice_url,
        every=f"{settings.poll_seconds:g} s",
        data="PostgreSQL" if settings.database_url is not None else str(settings.data),
        channels=sorted(runner.channels),
        subscriptions=len(subscriptions),
        in_words=SAID,
    )


async def _poll_deliver_and_answer(service: Service, runner: Runner, stop: Stop) -> None:
    settings = service.settings
    is_asked = settings.public_url is not None or settings.relay_secret is not None or settings.serve_mirror
    has_port = is_asked or settings.port is not None
    views = service.views(runner.store) if has_port else None
    await work_until_stopped(
        settings, runner, stop, beside=listening(settings, runner, chat_commands(settings, runner), views)
    )


async def _poll_and_deliver(service: Service, runner: Runner, stop: Stop) -> None:
    settings = service.settings
    if settings.database_url is None:
        await _poll_deliver_and_answer(service, runner, stop)
        return
    shown = service.views(runner.store)
    own = own_routes(settings, runner)
    server = nullcontext() if settings.port is None else serving(settings.port, shown, access=access(settings), own=own)
    await work_until_stopped(settings, runner, stop, beside=server)


async def work_until_stopped(
    settings: Settings, runner: Runner, stop: Stop, *, beside: AbstractAsyncContextManager[None]
) -> None:
    """Start all due work once per second until the program is stopped.

    Then finish the work in progress and, at the same time, exit the context manager `beside`.
    """
    stale_after = timedelta(hours=settings.stale_hours)

    async def upkeep() -> None:
        await probe_rejected_tokens(runner.store, runner.now())
        await notify(runner, operators(settings), stale_after)
        await remind(runner)
        if settings.weekly_summary:
            await summarize(runner, operators(settings), lambda: free_room(settings))

    async with archivist(settings, runner.store) as archive:
        worker = Worker(runner, upkeep=upkeep, capture=archive_work(settings, runner, archive))
        async with beside:
            await scheduler.run(worker, stop())
            finishing = asyncio.create_task(worker.finish(FINISH_WITHIN))
        await finishing


async def _serve(service: Service, stopping: Stop) -> None:
    settings = service.settings
    stop = stopping()
    _log_notices(settings)
    store = await _opened_in_time(settings, readonly=True)
    try:
        views = service.views(store)
        if settings.database_url is None:
            log.warning(NO_WEBHOOKS)
            shown, port = pages(settings, store), settings.port or DEFAULT_PORT
            async with serving(port, views, closed=NO_WEBHOOKS, access=access(settings), pages=shown):
                await stop.wait()
        else:
            async with (
                runner(settings, store, places(settings), service.metrics, sends=False) as made,
                listening(settings, made, chat_commands(settings, made), views),
            ):
                await stop.wait()
        log.info("stopping")
    finally:
        await store.close()
