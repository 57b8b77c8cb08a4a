"""Keeps sends within a platform's limits by making each one wait its turn."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

from bot.errors import SendError

_EARLY = 1e-6  # seconds by which a timer may go off too soon
_FEW = 1_000  # idle addresses are forgotten only once there are this many


class Limit(NamedTuple):
    """A maximum of `turns` in any window of `seconds`."""

    turns: int
    seconds: float


class RateLimit:
    """Hands out turns for one token. Urgent sends go first, and an address at its limit doesn't delay the others.

    `overall` holds the token's limits; `each` returns an address's own limits. `clock` and `sleep` work in seconds.
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
        self._ready: list[_Waiter] = []
        self._later: list[tuple[float, _Waiter]] = []
        self._count = 0
        self._alarm: asyncio.Task[None] | None = None
        self._rings_at = inf

    @property
    def remembered(self) -> int:
        """The number of addresses remembered."""
        return len(self._windows)

    async def turn(self, address: str, *, urgent: bool = False, patience: float | None = None) -> "Turn":
        """Wait until this address may be sent to, and take the turn. `urgent` is for answers to people.

        If the turn can't come within `patience` seconds, raise a SendError that says when to try again. If that is
        clear from the start, don't wait at all.
        """
        if patience is not None and self.opens_in(address) > patience:
            raise self._too_busy(address)
        try:
            async with asyncio.timeout(patience):
                return await self._wait(address, urgent=urgent)
        except TimeoutError:
            raise self._too_busy(address) from None

    def hold(self, address: str | None, seconds: float) -> None:
        """Hold back this address, or all addresses if None, for this long because the platform asked us to wait."""
        window = self._overall if address is None else self._window(address)
        window.held_until = max(window.held_until, self._clock() + seconds)

    def opens_in(self, address: str) -> float:
        """Return the seconds until this address may be sent to if no other send is waiting."""
        return max(0.0, max(self._overall.opens_at(), self._window(address).opens_at()) - self._clock())

    def _too_busy(self, address: str) -> SendError:
        wait = max(1.0, self.opens_in(address))
        scope = "address" if self._window(address).opens_at() > self._overall.opens_at() else "platform"
        return SendError(
            f"Not sent yet: the rate limit won't allow it for at least {wait:.0f} seconds",
            retry_after=wait,
            scope=scope,
            not_our_turn=True,
        )

    async def _wait(self, address: str, *, urgent: bool) -> "Turn":
        self._count += 1
        waiter = _Waiter(not urgent, self._count, address, asyncio.get_running_loop().create_future())
        heappush(self._ready, waiter)
        self._serve()
        return await waiter.called

    def _serve(self) -> None:
        """Give a turn to every send that may go now, and set the alarm for the next one."""
        now = self._clock() + _EARLY
        while self._later and self._later[0][0] <= now:
            heappush(self._ready, heappop(self._later)[1])
        while self._ready and self._overall.opens_at() <= now:
            self._call(heappop(self._ready), now)
        if self._ready:
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
        """Once many addresses are remembered, forget the ones that no limit is holding back."""
        if len(self._windows) < self._keep:
            return
        now = self._clock()
        self._windows = {address: window for address, window in self._windows.items() if not window.is_idle(now)}
        self._keep = max(_FEW, 2 * len(self._windows))


class Turn:
    """A turn and the moment it counts from, which moves if the request is written later."""

    def __init__(self, at: float, clock: Callable[[], float]) -> None:
        self.at = at
        self._clock: Callable[[], float] | None = clock

    def written(self) -> None:
        """Count from now, because the request has just been written. A second call changes nothing."""
        if self._clock is not None:
            self.at, self._clock = max(self.at, self._clock()), None


@dataclass(order=True, slots=True)
class _Waiter:
    """A send waiting for its turn. Urgent sends sort first (False before True), then by order of arrival."""

    patient: bool
    number: int
    address: str = field(compare=False)
    called: "asyncio.Future[Turn]" = field(compare=False)


class _Window:
    """The latest turns, and the time until which the platform wants no more."""

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
