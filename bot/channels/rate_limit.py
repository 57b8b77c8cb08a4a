"""Keeps messages within a platform's rate limits by making each send wait for its turn."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

from bot.domain.letters import counted
from bot.domain.timestamps import bounded
from bot.errors import SendError

LONGEST_WAIT = 3_600.0  # seconds; a platform that asks for a longer wait is asked again after an hour
_EARLY = 1e-6  # seconds by which a timer may go off too soon
_FEW = 1_000  # idle addresses are forgotten only once there are this many


class Limit(NamedTuple):
    """A limit of `turns` in any period of `seconds`."""

    turns: int
    seconds: float


class RateLimit:
    """The rate limits of one token. An address at its limit doesn't delay other addresses.

    While both urgent and other sends are waiting, every second turn goes to an urgent send. So an answer doesn't wait
    for thousands of alerts, and an alert doesn't wait for thousands of answers.

    `overall` contains the limits of the token. `each` returns the limits of an address. `clock` and `sleep` use
    seconds.
    """

    def __init__(
        self,
        *,
        overall: Sequence[Limit] = (),
        each: Callable[[str], Sequence[Limit]] = lambda _: (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._each = each
        self._clock = clock
        self._sleep = sleep
        self._overall = _Window(overall)
        self._windows: dict[str, _Window] = {}
        self._keep = _FEW
        self._ready: dict[bool, list[_Waiter]] = {True: [], False: []}  # by urgency
        self._urgent_next = True
        self._later: list[tuple[float, _Waiter]] = []
        self._count = 0
        self._alarm: asyncio.Task[None] | None = None
        self._rings_at = inf

    @property
    def remembered(self) -> int:
        """The number of addresses in memory."""
        return len(self._windows)

    async def turn(self, address: str, *, urgent: bool = False, patience: float | None = None) -> "Turn":
        """Wait until a send to this address is allowed, and use a turn. `urgent` is for answers to people.

        Raise a SendError with the time to wait if no turn is available within `patience` seconds. Raise it right away
        if the limits already show that no turn will be available in time.
        """
        if patience is not None and self.opens_in(address) > patience:
            raise self._too_busy(address)
        try:
            async with asyncio.timeout(patience):
                return await self._wait(address, urgent=urgent)
        except TimeoutError:
            raise self._too_busy(address) from None

    def hold(self, address: str | None, seconds: float) -> None:
        """Block sends to an address for `seconds`, as the platform requested, but no longer than LONGEST_WAIT.

        If the address is None, block all sends.
        """
        window = self._overall if address is None else self._window(address)
        window.held_until = max(window.held_until, self._clock() + bounded(seconds, LONGEST_WAIT))

    def opens_in(self, address: str) -> float:
        """Return the number of seconds until a send to this address is allowed.

        Ignore other sends that are waiting.
        """
        return max(0.0, max(self._overall.opens_at(), self._window(address).opens_at()) - self._clock())

    def _too_busy(self, address: str) -> SendError:
        wait = max(1.0, self.opens_in(address))
        scope = "address" if self._window(address).opens_at() > self._overall.opens_at() else "platform"
        return SendError(
            f"Not sent yet: the rate limit won't allow it for at least {counted(round(wait), 'second')}",
            retry_after=wait,
            scope=scope,
            not_our_turn=True,
        )

    async def _wait(self, address: str, *, urgent: bool) -> "Turn":
        self._count += 1
        waiter = _Waiter(self._count, urgent, address, asyncio.get_running_loop().create_future())
        heappush(self._ready[urgent], waiter)
        self._serve()
        return await waiter.called

    def _serve(self) -> None:
        """Give a turn to every waiting send that is allowed now, and set a timer for the next one."""
        now = self._clock() + _EARLY
        while self._later and self._later[0][0] <= now:
            waiter = heappop(self._later)[1]
            heappush(self._ready[waiter.urgent], waiter)
        while any(self._ready.values()) and self._overall.opens_at() <= now:
            urgent = bool(self._ready[True]) and (self._urgent_next or not self._ready[False])
            self._call(heappop(self._ready[urgent]), now)
        if any(self._ready.values()):
            self._wake_at(self._overall.opens_at())
        elif self._later:
            self._wake_at(max(self._overall.opens_at(), self._later[0][0]))

    def _call(self, waiter: "_Waiter", now: float) -> None:
        if waiter.called.done():  # the send gave up waiting
            return
        window = self._window(waiter.address)
        if window.opens_at() > now:
            heappush(self._later, (window.opens_at(), waiter))
            return
        turn = Turn(now, self._clock)
        self._overall.add(turn)
        window.add(turn)
        self._urgent_next = not waiter.urgent
        waiter.called.set_result(turn)

    def _wake_at(self, moment: float) -> None:
        if self._alarm is not None and not self._alarm.done():
            if self._rings_at <= moment:
                return
            self._alarm.cancel()
        self._rings_at = moment
        self._alarm = asyncio.create_task(self._ring(moment - self._clock()))

    async def _ring(self, seconds: float) -> None:
        await self._sleep(max(0.0, seconds))
        self._alarm = None
        self._serve()

    def _window(self, address: str) -> "_Window":
        if address not in self._windows:
            self._forget_idle()
            self._windows[address] = _Window(self._each(address))
        return self._windows[address]

    def _forget_idle(self) -> None:
        """If there are many addresses in memory, remove the ones that aren't limited right now."""
        if len(self._windows) < self._keep:
            return
        now = self._clock()
        self._windows = {address: window for address, window in self._windows.items() if not window.is_idle(now)}
        self._keep = max(_FEW, 2 * len(self._windows))


class Turn:
    """Permission to send one message. `at` is the time that counts toward the rate limit."""

    def __init__(self, at: float, clock: Callable[[], float]) -> None:
        self.at = at
        self._clock: Callable[[], float] | None = clock

    def written(self) -> None:
        """Set the turn's time to now, because the request has just been written. Later calls have no effect."""
        if self._clock is not None:
            self.at, self._clock = max(self.at, self._clock()), None


@dataclass(order=True, slots=True)
class _Waiter:
    """A send that is waiting for its turn. Waiting sends sort by arrival."""

    number: int
    urgent: bool = field(compare=False)
    address: str = field(compare=False)
    called: "asyncio.Future[Turn]" = field(compare=False)


class _Window:
    """The most recent turns, and when the wait that the platform asked for ends."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._limits = limits
        self._turns: deque[Turn] = deque(maxlen=max((limit.turns for limit in limits), default=1))
        self.held_until = -inf

    def opens_at(self) -> float:
        full = (limit for limit in self._limits if len(self._turns) >= limit.turns)
        return max((self.held_until, *(self._turns[-limit.turns].at + limit.seconds for limit in full)))

    def add(self, turn: Turn) -> None:
        self._turns.append(turn)

    def is_idle(self, now: float) -> bool:
        longest = max((limit.seconds for limit in self._limits), default=0.0)
        return self.held_until <= now and (not self._turns or self._turns[-1].at + longest <= now)
