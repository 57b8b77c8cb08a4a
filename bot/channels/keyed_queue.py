"""A bounded job queue. Jobs with the same key run in order, and jobs with different keys run concurrently.

The number of running jobs is limited, because they share the store and the processor with deliveries. Each key competes
with only one job at a time, so a key with many jobs doesn't delay the others.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping

CANCEL_WITHIN = 0.5  # seconds for canceled jobs to end; one that waits for a stuck disk doesn't
JOB = "keyed queue"  # the name of each job's task

Job = Callable[[], Awaitable[None]]


class QueueFull(Exception):
    """Raised if too many jobs with the same key are waiting."""


class KeyedQueue:
    """A queue for each key.

    It allows `each` unfinished jobs per key, `most` unfinished jobs overall and `at_once` running jobs.
    """

    def __init__(self, *, each: int, most: int, at_once: int) -> None:
        self._each = each
        self._room = asyncio.Semaphore(most)
        self._places = asyncio.Semaphore(at_once)
        self._waiting: Counter[Hashable] = Counter()
        self._last: dict[Hashable, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> Mapping[Hashable, int]:
        """The number of unfinished jobs for each key. Keys without unfinished jobs are omitted."""
        return dict(self._waiting)

    async def add(self, key: Hashable, job: Job) -> asyncio.Task[None]:
        """Wait for room, then queue the job after all other jobs with its key.

        Raise QueueFull if the key already has too many unfinished jobs.
        """
        if self._waiting[key] >= self._each:
            raise QueueFull
        self._waiting[key] += 1
        try:
            await self._room.acquire()
        except asyncio.CancelledError:
            self._left(key)
            raise
        task = asyncio.create_task(self._after(self._last.get(key), job), name=JOB)
        self._last[key] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(key, done))
        return task

    async def close(self, grace: float) -> None:
        """Give unfinished jobs `grace` seconds to finish, then cancel them."""
        tasks = set(self._tasks)
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=grace)
        finally:
            for task in self._tasks:
                task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=CANCEL_WITHIN)

    async def _after(self, previous: asyncio.Task[None] | None, job: Job) -> None:
        if previous is not None:
            await asyncio.wait({previous})  # this job runs even if the previous one failed
        async with self._places:
            await job()

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
