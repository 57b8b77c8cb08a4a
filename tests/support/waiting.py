"""Wait for something to happen, with a deadline that no busy machine misses."""

import asyncio
import time
from collections.abc import Callable

DEADLINE = 60.0  # seconds


def wait_for(condition: Callable[[], object], *, seconds: float = DEADLINE, every: float = 0.1) -> None:
    """Return once the condition is true. For what another process or thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds:g} s"
        time.sleep(every)


async def eventually(condition: Callable[[], object], *, seconds: float = DEADLINE) -> None:
    """Return once the condition is true, and let this loop work in the meantime."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - any condition will do, and most have no event
            await asyncio.sleep(0.005)
