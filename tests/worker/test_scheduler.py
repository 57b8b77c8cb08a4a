"""A stop may come at any moment, even in the middle of a tick."""

import asyncio
import logging
import os
import signal

from bot.worker import scheduler


class HangingWorker:
    """A worker whose second tick hangs, as if the database didn't answer."""

    def __init__(self) -> None:
        self.ticks = 0
        self.hangs = asyncio.Event()

    async def tick(self) -> None:
        self.ticks += 1
        if self.ticks > 1:
            self.hangs.set()
            await asyncio.Event().wait()

    async def follow(self) -> None:
        await asyncio.Event().wait()


async def test_a_stop_in_the_middle_of_a_tick_is_no_error(monkeypatch, caplog):
    monkeypatch.setattr(scheduler, "TICK", 0.01)
    worker = HangingWorker()
    running = asyncio.create_task(scheduler.run(worker, scheduler.stop_asked()))
    async with asyncio.timeout(60):
        await worker.hangs.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await running
        others = asyncio.all_tasks() - {asyncio.current_task()}  # the tick that was cancelled, which might log an error
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # the callback of that tick
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
