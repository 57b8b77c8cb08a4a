"""Run the worker's tick once a second until the program is stopped.

The store decides what is due, so no work is skipped or done twice.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.worker.worker import Worker

TICK = 1.0  # seconds

log = structlog.get_logger()


def stop_asked(then: Callable[[], None] = lambda: None) -> asyncio.Event:
    """Return an event that is set when SIGTERM or SIGINT arrives. Call `then` when the first signal arrives.

    After this function is called, these signals no longer end the program by themselves.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if not stop.is_set():
            stop.set()
            then()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    return stop


async def run(worker: Worker, stop: asyncio.Event) -> None:
    """Run ticks until the program is asked to stop. The caller lets work in progress finish."""

    async def tick() -> None:
        with suppress(asyncio.CancelledError):  # shutdown cancels the tick, and apscheduler would log that as an error
            await worker.tick()

    scheduler = AsyncIOScheduler()
    scheduler.add_job(tick, "interval", seconds=TICK, coalesce=True, max_instances=1, misfire_grace_time=None)
    scheduler.start()
    await worker.tick()
    following = asyncio.create_task(worker.follow())
    await stop.wait()
    log.info("stopping", in_words="Stopping once the work in progress is done.")
    following.cancel()
    scheduler.shutdown(wait=False)
