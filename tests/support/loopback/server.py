"""The bad days of any loopback platform, and a way to run one in a thread.

    async with LoopbackTelegram() as telegram: ...
    with LoopbackTelegram().run_in_thread() as telegram: ...  # the same, for tests and scripts without an event loop

Every attribute and method may be used while it runs, from any thread.
"""

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

from aiohttp import web

from bot.demo.loopback.server import Call, Message, Platform, Server

__all__ = [
    "ANYONE",
    "Call",
    "Fault",
    "Flood",
    "InThread",
    "LoopbackServer",
    "Message",
    "Platform",
    "RandomFaults",
    "Server",
    "delayed",
    "dropped",
    "late",
    "page",
]

ANYONE = "*"


@dataclass(frozen=True)
class Fault:
    """One bad outcome of a send. With `delivers` the message is stored, whatever the answer says.

    `body` None is the usual answer; `drop` closes the connection in place of any. `delay` and `late` are seconds before
    and after the message is stored.
    """

    status: int = 200
    body: Mapping[str, Any] | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    delivers: bool = False
    delay: float = 0.0
    late: float = 0.0


def dropped(*, after: bool = False) -> Fault:
    """Close the connection, before or after storing the message."""
    return Fault(drop=True, delivers=after)


def delayed(seconds: float) -> Fault:
    """Store and confirm the message, but late."""
    return Fault(delay=seconds, delivers=True)


def late(seconds: float) -> Fault:
    """Store the message at once but confirm it late, perhaps too late for its sender."""
    return Fault(late=seconds, delivers=True)


def page(text: str, status: int = 200) -> Fault:
    """Answer with something else, such as a proxy's error or a maintenance page."""
    return Fault(status=status, body=text)


class RandomFaults:
    """Return a plan of random faults: each send meets one of `faults` at this `rate`, repeatable by its seed."""

    def __init__(self, faults: Sequence[Fault], *, rate: float, seed: int) -> None:
        self._faults = faults
        self._rate = rate
        self._random = Random(seed)

    def __call__(self, chat: str) -> Fault | None:
        return self._random.choice(self._faults) if self._random.random() < self._rate else None


class Flood:
    """A rate limit as a platform applies it to each key, with a little leeway."""

    def __init__(self, count: int, seconds: float, *, leeway: float = 0.1) -> None:
        self._count = count
        self._seconds = seconds
        self._leeway = min(leeway, seconds / 2)
        self._times: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=count))

    def wait(self, key: str, now: float) -> float:
        """Return the seconds until this key may send again; if 0, count a request."""
        times = self._times[key]
        if len(times) == self._count and (left := times[0] + self._seconds - self._leeway - now) > 0:
            return left
        times.append(now)
        return 0.0


class InThread(Server):
    """A server that can run in a separate event loop."""

    @contextmanager
    def run_in_thread(self) -> Iterator[Self]:
        """Run in a separate event loop, for subprocesses and scripts to talk to."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name=type(self).__name__, daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.__aenter__(), loop).result(10)
            try:
                yield self
            finally:
                asyncio.run_coroutine_threadsafe(self.__aexit__(), loop).result(10)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()


class LoopbackServer(Platform, InThread):
    """A platform with bad days. `plan` is a function from a chat to a fault or None."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.plan: Callable[[str], Fault | None] | None = None
        self._script: dict[str, deque[Fault | None]] = defaultdict(deque)

    def script(self, chat: str | int, *outcomes: Fault | None) -> None:
        """Set the faults of the next sends to this chat, in order; None is a good send. ANYONE means all chats."""
        self._script[str(chat)].extend(outcomes)

    def behave(self) -> None:
        """Forget the scripts and the plan."""
        self._script.clear()
        self.plan = None

    async def deliver(
        self, request: web.Request, chat: str, store: Callable[[], Awaitable[Mapping[str, Any]]]
    ) -> web.StreamResponse:
        """Store a message and confirm it, or follow the script for this chat."""
        fault = self._next_fault(chat)
        if fault is None:
            return web.json_response(await store())
        await asyncio.sleep(fault.delay)
        usual = await store() if fault.delivers else None
        await asyncio.sleep(fault.late)
        if fault.drop:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        body = usual if fault.body is None else fault.body
        if isinstance(body, str):
            return web.Response(status=fault.status, text=body, content_type="text/html", headers=fault.headers)
        return web.json_response(body, status=fault.status, headers=fault.headers)

    def _next_fault(self, chat: str) -> Fault | None:
        for key in (chat, ANYONE):
            if self._script.get(key):
                return self._script[key].popleft()
        return self.plan(chat) if self.plan else None
