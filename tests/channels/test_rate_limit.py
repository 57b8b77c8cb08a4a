"""The rate limit, on a clock of its own."""

import asyncio
from heapq import heappop, heappush
from itertools import count

import pytest

from bot.channels.rate_limit import Limit, RateLimit
from bot.channels.telegram.sender import CHAT, GROUP, OVERALL, limits_of
from bot.errors import SendError


class FakeTime:
    """A clock that stands still until `run` moves it from one sleeper to the next."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._sleepers: list = []
        self._order = count()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        waking = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self.now + seconds, next(self._order), waking))
        await waking

    async def run(self, seconds: float) -> None:
        until = self.now + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self.now, _, waking = heappop(self._sleepers)
            if not waking.done():
                waking.set_result(None)
                await self._settle()
        self.now = until

    async def _settle(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)


class Audience:
    """Chats that wait for their turn, and when each got it, in seconds from the start."""

    def __init__(self, rate_limit: RateLimit, time: FakeTime) -> None:
        self.rate_limit = rate_limit
        self.time = time
        self.start = time.now
        self.turns: list[tuple[float, str]] = []
        self.waited: dict[str, float] = {}
        self._tasks: list[asyncio.Task] = []

    def waits(self, address: str, *, urgent: bool = False) -> asyncio.Task:
        task = asyncio.create_task(self._turn(address, urgent))
        self._tasks.append(task)
        return task

    async def _turn(self, address: str, urgent: bool) -> None:
        since = self.time.now
        await self.rate_limit.turn(address, urgent=urgent)
        self.turns.append((round(self.time.now - self.start, 6), address))
        self.waited[address] = self.time.now - since

    def times(self, address: str | None = None) -> list[float]:
        return [moment for moment, who in self.turns if address in {None, who}]


def most_in_a_window(times: list[float], seconds: float) -> int:
    """Return the most turns in any window that includes its start but not its end (give or take a microsecond)."""
    most = start = 0
    for end in range(len(times)):
        while times[end] - times[start] >= seconds - 2e-6:
            start += 1
        most = max(most, end - start + 1)
    return most


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def telegram(time: FakeTime) -> Audience:
    return Audience(RateLimit(overall=OVERALL, each=limits_of, clock=time.clock, sleep=time.sleep), time)


@pytest.fixture
def slack(time: FakeTime) -> Audience:
    return Audience(RateLimit(each=lambda _: CHAT, clock=time.clock, sleep=time.sleep), time)


async def test_two_thousand_chats_are_served_at_25_a_second_and_never_faster(
    telegram: Audience, time: FakeTime
) -> None:
    for chat in range(2_000):
        telegram.waits(str(chat + 1))
    await time.run(120)

    times = telegram.times()
    assert len(times) == 2_000
    assert most_in_a_window(times, 1.0) <= 25
    rate = len(times) / (times[-1] - times[0])
    print(
        f"2,000 chats in {times[-1]:.2f} s: {rate:.2f} a second, at most {most_in_a_window(times, 1.0)} in any second"
    )
    assert rate >= 0.95 * 25
    assert [who for _, who in telegram.turns] == [str(chat + 1) for chat in range(2_000)]


async def test_an_answer_to_a_person_waits_less_than_a_second_during_a_broadcast(
    telegram: Audience, time: FakeTime
) -> None:
    for chat in range(2_000):
        telegram.waits(str(chat + 1))
    for asked in range(40):
        await time.run(1.37)
        telegram.waits(f"9{asked:04}", urgent=True)
    await time.run(60)

    waited = [telegram.waited[f"9{asked:04}"] for asked in range(40)]
    print(f"40 answers during the broadcast waited at most {max(waited):.3f} s")
    assert max(waited) < 0.15
    assert most_in_a_window(telegram.times(), 1.0) <= 25
    assert len(telegram.turns) == 2_040


async def test_an_alert_does_not_wait_until_two_thousand_answers_are_sent(telegram: Audience, time: FakeTime) -> None:
    for number in range(2_000):
        telegram.waits(f"person {number}", urgent=True)
    for number in range(20):
        telegram.waits(f"alert {number}")
    await time.run(3)
    told = [who for _, who in telegram.turns if who.startswith("alert")]
    assert len(told) == 20
    assert len(telegram.turns) > 60, "the answers get the other turns"


async def test_one_chat_gets_one_message_a_second_in_order(telegram: Audience, time: FakeTime) -> None:
    for _ in range(5):
        telegram.waits("42")
    await time.run(10)

    assert telegram.times() == pytest.approx([0, 1, 2, 3, 4], abs=1e-4)


async def test_a_group_gets_twenty_messages_a_minute(telegram: Audience, time: FakeTime) -> None:
    for address in ("-100123", "@some_channel"):
        for _ in range(45):
            telegram.waits(address)
    await time.run(200)

    for address in ("-100123", "@some_channel"):
        times = telegram.times(address)
        assert len(times) == 45
        assert most_in_a_window(times, 60.0) == 20
        assert times[19] == pytest.approx(19, abs=0.2)
        assert times[20] == pytest.approx(60, abs=0.2)
        assert times[44] == pytest.approx(124, abs=0.5)
    assert limits_of("-100123") == GROUP


async def test_a_busy_chat_delays_no_other(telegram: Audience, time: FakeTime) -> None:
    for _ in range(100):
        telegram.waits("42")
    await time.run(5)
    telegram.waits("43")
    await time.run(0.1)

    assert telegram.waited["43"] <= 0.05


async def test_a_held_chat_delays_no_other_and_is_served_when_its_hold_ends(telegram: Audience, time: FakeTime) -> None:
    telegram.rate_limit.hold("7", 300)
    for chat in range(1, 101):
        telegram.waits(str(chat))
    await time.run(10)
    assert len(telegram.turns) == 99
    assert telegram.times()[-1] < 4.1

    await time.run(300)
    assert telegram.times("7") == pytest.approx([300], abs=0.01)


async def test_a_hold_on_everything_also_holds_answers_and_ends_by_itself(telegram: Audience, time: FakeTime) -> None:
    telegram.rate_limit.hold(None, 30)
    for chat in range(50):
        telegram.waits(str(chat + 1))
    telegram.waits("999", urgent=True)
    await time.run(29.9)
    assert not telegram.turns

    await time.run(10)
    assert telegram.turns[0] == (pytest.approx(30, abs=0.01), "999")
    assert len(telegram.turns) == 51


async def test_a_shorter_hold_does_not_end_a_longer_one(slack: Audience, time: FakeTime) -> None:
    slack.rate_limit.hold("C1", 30)
    slack.rate_limit.hold("C1", 1)
    slack.waits("C1")
    await time.run(60)

    assert slack.times() == pytest.approx([30], abs=0.01)


async def test_an_urgent_turn_in_the_same_chat_goes_first(slack: Audience, time: FakeTime) -> None:
    order = []
    for number in range(3):
        slack.waits("C1").add_done_callback(lambda _, number=number: order.append(number))
    await time.run(0.1)
    slack.waits("C1", urgent=True).add_done_callback(lambda _: order.append("urgent"))
    await time.run(10)

    assert order == [0, "urgent", 1, 2]


async def test_slack_channels_go_at_the_same_time(slack: Audience, time: FakeTime) -> None:
    for channel in range(500):
        slack.waits(f"C{channel}")
    await time.run(0.01)

    assert len(slack.turns) == 500


async def test_a_waiter_that_gives_up_takes_no_turn(telegram: Audience, time: FakeTime) -> None:
    telegram.waits("42")
    gone = telegram.waits("42")
    telegram.waits("42")
    await time.run(0.1)
    gone.cancel()
    await time.run(10)

    assert telegram.times() == pytest.approx([0, 1], abs=1e-4)


async def test_a_new_waiter_does_not_wait_for_a_held_ones_alarm(slack: Audience, time: FakeTime) -> None:
    slack.rate_limit.hold("C1", 1_000)
    slack.waits("C1")
    await time.run(1)
    slack.waits("C2")
    slack.waits("C2")
    await time.run(2)

    assert slack.times("C2") == pytest.approx([1, 2], abs=1e-4)


async def test_a_turn_that_cannot_come_in_time_fails_at_once_with_the_time_to_wait(time: FakeTime) -> None:
    rate_limit = RateLimit(each=lambda _: CHAT, clock=time.clock, sleep=time.sleep)
    rate_limit.hold("C1", 120)
    with pytest.raises(SendError) as refusal:
        await rate_limit.turn("C1", patience=30)
    assert refusal.value.retry_after == pytest.approx(120)
    assert refusal.value.scope == "address"

    rate_limit.hold(None, 500)
    with pytest.raises(SendError) as refusal:
        await rate_limit.turn("C2", patience=30)
    assert refusal.value.retry_after == pytest.approx(500)
    assert refusal.value.scope == "platform"


async def test_idle_addresses_are_forgotten(time: FakeTime) -> None:
    rate_limit = RateLimit(overall=(), each=limits_of, clock=time.clock, sleep=time.sleep)
    rate_limit.hold("held", 1_000_000)
    for chat in range(20_000):
        await rate_limit.turn(str(chat + 1))
        time.now += 0.01

    assert rate_limit.remembered <= 2_000
    assert rate_limit.opens_in("held") > 0


async def test_it_serves_one_event_loop_after_another() -> None:
    now = 0.0
    rate_limit = RateLimit(each=lambda _: CHAT, clock=lambda: now, sleep=lambda _: asyncio.sleep(0.001))

    async def gives_up() -> None:
        await rate_limit.turn("C1")
        await asyncio.wait_for(rate_limit.turn("C1"), 0.01)

    async def takes_a_turn() -> None:
        await rate_limit.turn("C1")

    with pytest.raises(TimeoutError):
        await asyncio.to_thread(asyncio.run, gives_up())
    for _ in range(2):
        now += 1.0
        await asyncio.wait_for(asyncio.to_thread(asyncio.run, takes_a_turn()), 60)


async def test_a_turn_counts_from_when_its_request_was_written(time: FakeTime) -> None:
    rate_limit = RateLimit(overall=(Limit(2, 1.0),), clock=time.clock, sleep=time.sleep)
    given: list[float] = []

    async def late(address: str, seconds: float) -> None:
        turn = await rate_limit.turn(address)
        given.append(round(time.now - 1_000, 3))
        await time.sleep(seconds)  # a new connection, a busy loop
        turn.written()
        await time.sleep(seconds)
        turn.written()  # a second time it moves nothing

    tasks = [asyncio.create_task(late(str(number), 0.3)) for number in range(6)]
    await time.run(10)
    await asyncio.gather(*tasks)
    assert given == [0.0, 0.0, 1.3, 1.3, 2.6, 2.6]
