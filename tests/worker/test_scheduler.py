"""When: a stop may come at any moment, in the middle of a tick too."""

import asyncio
import logging
import os
import signal

from bot.worker import scheduler


class Waiting:
    """A duty whose ticks wait for something, as for a database, but for the first."""

    def __init__(self) -> None:
        self.ticks = 0
        self.waiting = asyncio.Event()
        self.finished = False

    async def tick(self) -> None:
        self.ticks += 1
        if self.ticks > 1:
            self.waiting.set()
            await asyncio.Event().wait()

    async def follow(self) -> None:
        await asyncio.Event().wait()

    async def finish(self, within: float) -> None:
        self.finished = True


async def test_a_stop_in_the_middle_of_a_tick_is_no_error(monkeypatch, caplog):
    monkeypatch.setattr(scheduler, "TICK", 0.01)
    worker = Waiting()
    running = asyncio.create_task(scheduler.run(worker))
    await asyncio.wait_for(worker.waiting.wait(), 5)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, 5)
    await asyncio.sleep(0.01)  # what was broken off has its say
    assert worker.finished
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
