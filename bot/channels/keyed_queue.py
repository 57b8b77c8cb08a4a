"""Work in order for each key, and at once for different keys, with an end to how much may wait."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable

Job = Callable[[], Awaitable[None]]


class Crowded(Exception):
    """So much waits in this lane already that no more is taken."""


class KeyedQueue:
    """A lane for each key. `each` is how many jobs one lane takes, `most` how many all take together."""

    def __init__(self, *, each: int, most: int) -> None:
        self._each = each
        self._room = asyncio.Semaphore(most)
        self._waiting: Counter[Hashable] = Counter()
        self._last: dict[Hashable, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, key: Hashable, job: Job) -> asyncio.Task[None]:
        """Do this after all else of its lane, once there is room at all; Crowded when its lane has none."""
        if self._waiting[key] >= self._each:
            raise Crowded
        self._waiting[key] += 1
        try:
            await self._room.acquire()
        except asyncio.CancelledError:
            self._left(key)
            raise
        task = asyncio.create_task(_after(self._last.get(key), job))
        self._last[key] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(key, done))
        return task

    async def close(self, grace: float) -> None:
        """Let what waits be done for so many seconds, then break it off."""
        tasks = set(self._tasks)
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=grace)
        finally:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, key: Hashable, task: asyncio.Task[None]) -> None:
        self._room.release()
        self._tasks.discard(task)
        self._left(key)
        if self._last.get(key) is task:
            del self._last[key]

    def _left(self, key: Hashable) -> None:
        self._waiting[key] -= 1
        if not self._waiting[key]:
            del self._waiting[key]


async def _after(previous: asyncio.Task[None] | None, job: Job) -> None:
    if previous is not None:
        await asyncio.wait({previous})  # how it ended is not this one's business
    await job()
