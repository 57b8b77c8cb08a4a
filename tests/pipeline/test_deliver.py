"""One subscription that is due, over a real store and a loopback Telegram; the clock is set by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.loopback.telegram import LoopbackTelegram, blocked, broken, flooded, migrated, refused
from support.program import row
from support.talk import FIRST, SECOND, SIGNED, Talk

from bot.channels.rate_limit import Limit, RateLimit
from bot.channels.telegram.sender import TelegramSender
from bot.commands import operator
from bot.domain.messages.health_notices import for_operator
from bot.domain.subscription import STOPPED, Filter, Subscription
from bot.errors import SendError, StoreError
from bot.pipeline.deliver import deliver, verdict
from bot.pipeline.token_recovery import ask_again
from bot.store.tiny.store import TinyStore

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MORE = [*SECOND, row("TEXAS", "Bosque County Sheriff's Office", "Task Force Model", SIGNED, "Bosque County")]


class Runner(Talk):
    """A chat that is told as well as answered."""

    def __init__(self, store: TinyStore, telegram: LoopbackTelegram, channel: TelegramSender) -> None:
        super().__init__(store)
        self.telegram, self.channel = telegram, channel

    async def deliver(self, at: datetime):
        self.now = at
        for subscription in await self.store.due(at):
            await deliver(
                subscription,
                store=self.store,
                channels={"telegram": self.channel},
                now=lambda: self.now,
                page="https://ice.example/287g",
            )

    @property
    def texts(self) -> list[str]:
        return [m.text for m in self.telegram.messages if m.photo is None]


@pytest.fixture
async def runner(tmp_path):
    store = TinyStore.open(tmp_path)
    async with LoopbackTelegram() as telegram:
        channel = TelegramSender(token=telegram.token, base_url=telegram.url, rate_limit=RateLimit())
        made = Runner(store, telegram, channel)
        await made.publish(FIRST, NOON - timedelta(days=5))
        yield made
        await channel.close()
    await store.close()


async def test_a_daily_digest_comes_once_at_its_hour_with_a_picture_and_the_totals(runner):
    await runner.ask("watch TX")
    await runner.ask("digest 9:00 America/Chicago")
    await runner.publish(SECOND, NOON)
    await runner.deliver(NOON)
    assert runner.telegram.messages == []
    nine = datetime(2026, 11, 24, 15, tzinfo=UTC)
    await runner.deliver(nine)
    picture, text = runner.telegram.messages
    assert picture.photo is not None
    assert text.text.startswith("287(g): 2 new agreements, 1 no longer listed\n\nTexas: no longer on ICE's list\n")
    assert (
        "On ICE's list now: 4 agreements of 3 agencies in 2 states and territories, 2 more than a day ago" in text.text
    )
    await runner.publish(MORE, nine + timedelta(minutes=1))
    await runner.deliver(nine + timedelta(hours=23, minutes=59))
    assert len(runner.texts) == 1
    await runner.deliver(nine + timedelta(days=1))
    assert "Bosque County" in runner.texts[1]
    assert "Bell County" not in runner.texts[1]


async def test_gone_and_back_within_the_day_is_silence(runner):
    await runner.ask("watch all")
    await runner.ask("digest 9:00 America/Chicago")
    await runner.publish(FIRST[1:], NOON)
    await runner.publish(FIRST, NOON + timedelta(hours=1))
    await runner.deliver(NOON + timedelta(days=1))
    assert runner.telegram.messages == []
    assert (await runner.mine()).due_at is None


async def test_who_wants_a_digest_even_when_nothing_changed_gets_one_a_day(runner):
    await runner.ask("watch TX")
    await runner.ask("digest 9:00 America/Chicago")
    await runner.ask("always on")
    nine = datetime(2026, 11, 25, 15, tzinfo=UTC)
    for minutes in (0, 1, 60):
        await runner.deliver(nine + timedelta(minutes=minutes))
    (text,) = runner.texts
    assert text.startswith("287(g): nothing changed")
    assert "1 source was read. ICE's list was last read well on November 19, 2026" in text
    await runner.deliver(nine + timedelta(days=1))
    assert len(runner.texts) == 2


@pytest.mark.parametrize(
    ("zone", "at", "first", "days"),
    [
        ("America/New_York", "1:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), 3),  # 1:30 comes twice that day
        ("America/New_York", "2:30", datetime(2027, 3, 14, 7, 30, tzinfo=UTC), 3),  # 2:30 does not come that day
        ("America/Phoenix", "1:30", datetime(2026, 11, 1, 8, 30, tzinfo=UTC), 3),
        ("Pacific/Honolulu", "2:30", datetime(2027, 3, 14, 12, 30, tzinfo=UTC), 3),
        ("Pacific/Guam", "1:30", datetime(2026, 10, 31, 15, 30, tzinfo=UTC), 3),
    ],
)
async def test_a_digest_comes_once_on_each_local_day_whatever_the_clocks_do(runner, zone, at, first, days):
    await runner.ask("watch TX")
    runner.now = first - timedelta(hours=12)
    subscription = await runner.mine()
    await runner.store.change_subscription(replace(subscription, created_at=runner.now, told_at=None))
    await runner.ask(f"digest {at} {zone}")
    await runner.ask("always on")
    told = []
    moment = first - timedelta(hours=6)
    while moment < first + timedelta(days=days - 1, hours=6):
        before = len(runner.texts)
        await runner.deliver(moment)
        told += [moment] * (len(runner.texts) - before)
        moment += timedelta(minutes=15)
    assert told[0] == first
    assert len(told) == days


async def test_what_waited_for_more_than_a_month_is_told_as_a_count(runner):
    await runner.ask("watch TX")
    await runner.ask("pause 60 days")
    await runner.publish(SECOND, NOON)
    await runner.publish(MORE, NOON + timedelta(days=40))
    await runner.deliver(NOON + timedelta(days=61))
    (text,) = runner.texts
    assert "287(g): 1 new agreement\n" in text
    assert "Bosque County" in text
    assert "3 older changes are not named here." in text


async def test_a_digest_in_spanish(runner):
    from bot.domain.language import Language

    await runner.ask("watch TX", language=Language.SPANISH)
    await runner.publish(SECOND, NOON)
    await runner.deliver(NOON)
    assert "Texas: ya no está en la lista de ICE" in runner.texts[0]
    assert "firmado el 19 de noviembre de 2026" in runner.texts[0]


async def test_a_block_pauses_a_move_follows_a_flood_waits_and_a_fault_backs_off(runner):
    for chat in ("1", "-2", "3", "4"):
        await runner.ask("watch TX", address=chat)
    runner.telegram.script("1", blocked())
    runner.telegram.script("-2", migrated(-1002))
    runner.telegram.script("3", flooded(1))
    runner.telegram.script("4", broken())
    await runner.publish(SECOND, NOON)
    await runner.deliver(NOON)
    assert "blocked" in (await runner.mine("1")).paused
    assert (await runner.mine("-2")) is None
    assert (await runner.mine("-1002")).paused is None
    assert (await runner.mine("3")).retry_at == NOON + timedelta(
        seconds=2
    )  # a clock of whole seconds may be one behind
    assert (await runner.mine("4")).retry_at == NOON + timedelta(minutes=1)
    await runner.deliver(NOON + timedelta(minutes=2))
    assert sorted(m.chat for m in runner.telegram.messages) == ["-1002", "3", "4"]
    assert (await runner.mine("4")).failures == 0


async def test_the_back_off_doubles_to_six_hours_and_after_two_days_the_subscription_is_paused(runner):
    await runner.ask("watch TX")
    subscription, at, waits = await runner.mine(), NOON, []
    fault = SendError("Telegram cannot be reached")
    while subscription.paused is None:
        subscription = verdict(subscription, fault, at)
        if subscription.paused is None:
            waits.append(subscription.retry_at - at)
            at = subscription.retry_at
    assert waits[:4] == [timedelta(minutes=n) for n in (1, 2, 4, 8)]
    assert max(waits) == timedelta(hours=6)
    assert timedelta(days=2) <= at - NOON < timedelta(days=2, hours=6)
    assert subscription.cursor == (await runner.mine()).cursor


async def test_forget_erases_the_receipts_of_an_earlier_subscription_of_the_chat_too(runner):
    await runner.ask("watch TX")
    await runner.publish(SECOND, NOON)
    await runner.deliver(NOON)
    assert await runner.store.receipts()
    await runner.ask("stop")
    await runner.ask("resume")
    await runner.ask("forget yes")
    assert list(await runner.store.receipts()) == []


async def test_who_only_waits_for_a_turn_has_failed_in_nothing_and_is_told_when_the_wait_ends(runner):
    await runner.ask("watch TX")
    await runner.publish(SECOND, NOON)
    runner.channel.rate_limit.hold(None, 100)
    await runner.deliver(NOON)
    waiting = await runner.mine()
    assert timedelta(seconds=100) <= waiting.retry_at - NOON <= timedelta(seconds=102)
    assert (waiting.failures, waiting.failing_since, waiting.paused) == (0, None, None)
    assert list(await runner.store.receipts()) == []

    runner.channel.rate_limit = RateLimit()
    await runner.deliver(waiting.retry_at - timedelta(seconds=1))
    assert runner.texts == []
    await runner.deliver(waiting.retry_at)
    assert len(runner.texts) == 1
    assert [receipt.error for receipt in await runner.store.receipts()] == [None]


async def test_the_twenty_first_part_a_minute_in_a_group_waits_and_leaves_no_receipt_of_a_failure(runner, monkeypatch):
    monkeypatch.setattr("bot.channels.telegram.sender.fits", lambda lines: len(lines) <= 6)
    runner.channel.rate_limit = RateLimit(each=lambda _: (Limit(20, 60.0),))
    await runner.ask("watch all", address="-105")
    many = [row("TEXAS", f"Agency {n} Police Department", "Task Force Model", SIGNED) for n in range(30)]
    await runner.publish([*FIRST, *many], NOON)
    await runner.deliver(NOON)
    assert len(runner.texts) == 20
    assert [r.error for r in await runner.store.receipts()] == [None] * 20
    waiting = await runner.mine("-105")
    assert waiting.failures == 0
    runner.channel.rate_limit = RateLimit()
    await runner.deliver(waiting.retry_at)
    named = [line for text in runner.texts for line in text.splitlines() if line.startswith("Agency ")]
    assert sorted(named) == sorted(f"Agency {n} Police Department" for n in range(30))


def test_a_wait_that_a_platform_asked_for_does_not_end_a_moment_too_early():
    subscription = Subscription(id="s1", channel="telegram", address="1", filter=Filter())
    asked_at = NOON + timedelta(seconds=5, milliseconds=900)
    told = verdict(subscription, SendError("wait", retry_after=2.5), asked_at.replace(microsecond=0))
    assert told.retry_at >= asked_at + timedelta(seconds=2.5)
    assert told.retry_at.microsecond == 0


async def retract(runner, seq: int, at: datetime) -> None:
    runner.now = at
    await operator.retract(runner.runner, seq=seq, because="It was a slip.")


async def test_who_was_told_is_told_that_it_was_wrong_even_if_the_state_is_watched_no_longer(runner):
    await runner.ask("watch TX OH")
    await runner.publish(SECOND, NOON)
    await runner.deliver(NOON)
    await runner.ask("unwatch TX")
    bell = next(c.seq for c in await runner.store.changes() if "Bell" in c.agreement.agency)
    await retract(runner, bell, NOON + timedelta(hours=1))
    await runner.deliver(NOON + timedelta(hours=1))
    assert runner.texts[1].startswith("Correction\n")
    await runner.ask("unwatch OH")
    butler = next(c.seq for c in await runner.store.changes() if "Butler Police" in c.agreement.agency)
    await retract(runner, butler, NOON + timedelta(hours=2))
    await runner.deliver(NOON + timedelta(hours=2))
    assert [text.partition("\n")[0] for text in runner.texts[1:]] == ["Correction", "Correction"]
    assert (await runner.mine()).due_at is None


async def test_a_correction_comes_at_once_and_alone_and_the_digest_at_its_hour(runner):
    await runner.ask("watch TX")
    await runner.ask("digest 9:00 America/Chicago")
    nine = datetime(2026, 11, 24, 15, tzinfo=UTC)
    await runner.publish(SECOND, NOON)
    await runner.deliver(nine)
    await runner.publish(MORE, nine + timedelta(hours=1))
    bell = next(c.seq for c in await runner.store.changes() if "Bell" in c.agreement.agency)
    await retract(runner, bell, nine + timedelta(hours=2))
    await runner.deliver(nine + timedelta(hours=2))
    assert runner.texts[1].startswith("Correction\n")
    assert "Bosque" not in "".join(runner.texts)
    assert (await runner.mine()).due_at == nine + timedelta(days=1)
    for hours in (2, 24, 25):
        await runner.deliver(nine + timedelta(hours=hours))
    assert len(runner.texts) == 3
    assert "Bosque" in runner.texts[2]
    assert "Bell" not in runner.texts[2]


async def test_a_correction_interrupted_before_its_receipt_is_all_that_is_repeated(runner, monkeypatch):
    await runner.ask("watch TX")
    await runner.ask("digest 9:00 America/Chicago")
    await runner.ask("always on")
    nine = datetime(2026, 11, 24, 15, tzinfo=UTC)
    await runner.publish(SECOND, NOON)
    await runner.deliver(nine)
    bells = [c.seq for c in await runner.store.changes() if "Bell" in c.agreement.agency]
    for seq in bells:
        await retract(runner, seq, nine + timedelta(hours=1))
    await runner.publish(MORE, nine + timedelta(hours=2))
    with monkeypatch.context() as stopped:
        stopped.setattr(runner.store, "advance", died)
        with pytest.raises(StoreError):
            await runner.deliver(nine + timedelta(hours=3))
    assert [text.partition("\n")[0] for text in runner.texts[1:]] == ["Correction", "Correction"]
    for hours in (3, 24, 25):
        await runner.deliver(nine + timedelta(hours=hours))
    assert len(runner.texts) == 4
    assert "Bosque" in runner.texts[3]


async def chats_that_are_refused(runner, *chats: str) -> None:
    for chat in chats:
        await runner.ask("watch TX", address=chat)
        runner.telegram.script(chat, refused(401, "Unauthorized"))


async def test_a_refused_token_pauses_those_it_tells_and_all_go_on_once_it_works_again(runner):
    chats = ("1", "2", "3")
    await chats_that_are_refused(runner, *chats)
    await runner.publish(SECOND, NOON)
    await runner.deliver(NOON)
    for chat in chats:
        mine = await runner.mine(chat)
        assert "token" in mine.paused
        assert mine.due_at == NOON
    (notice,) = for_operator(
        statuses=(), held=(), subscriptions=await runner.store.subscriptions(), now=NOON, stale_after=timedelta(hours=6)
    )
    assert notice.text.startswith("Telegram rejected the bot's token")
    assert "3 subscriptions are paused." in notice.text

    early = NOON + timedelta(minutes=14)
    await ask_again(runner.store, early)
    await runner.deliver(early)
    assert runner.texts == []
    runner.telegram.script("1", refused(401, "Unauthorized"))
    first, second = NOON + timedelta(minutes=15), NOON + timedelta(minutes=30)
    await ask_again(runner.store, first)
    await ask_again(runner.store, first)  # one asks, not all of them
    await runner.deliver(first)
    assert [s.paused is None for s in await runner.store.subscriptions()] == [False] * 3
    assert len(list(runner.telegram.called("sendMessage"))) == 4

    await ask_again(runner.store, second)
    await runner.deliver(second)
    await runner.deliver(second)
    assert sorted(m.chat for m in runner.telegram.messages) == ["1", "2", "3"]
    assert not [s for s in await runner.store.subscriptions() if s.paused or s.refused or s.failures]


async def test_a_token_is_tried_at_once_when_the_program_starts_and_what_a_person_stopped_stays_stopped(runner):
    await chats_that_are_refused(runner, "1", "2")
    await runner.publish(SECOND, NOON)
    await runner.deliver(NOON)
    await runner.ask("stop", address="2")
    await ask_again(runner.store, NOON, at_once=True)
    await runner.deliver(NOON)
    await runner.deliver(NOON)
    assert [m.chat for m in runner.telegram.messages] == ["1"]
    assert (await runner.mine("2")).paused == STOPPED


async def died(*_: object) -> None:
    raise StoreError("The program is killed here.")


@pytest.mark.parametrize("digest", ["digest instant", "digest 9:00 America/Chicago"])
async def test_what_was_recorded_by_a_clock_that_was_ahead_is_told_once_the_clock_is_right(runner, digest):
    await runner.ask("watch TX")
    await runner.ask(digest)
    await runner.publish(SECOND, NOON + timedelta(days=30))
    await runner.deliver(NOON)
    assert runner.texts == []
    await runner.publish(SECOND, NOON)  # the next reading, nothing new
    await runner.deliver(NOON + timedelta(hours=3))
    (text,) = runner.texts
    assert "Bell County" in text
    await runner.publish(MORE, NOON + timedelta(days=1))
    await runner.deliver(NOON + timedelta(days=1, hours=3))
    assert "Bosque County" in runner.texts[1]


async def test_a_back_off_that_began_under_a_clock_that_was_ahead_is_over(runner):
    await runner.ask("watch TX")
    ahead = NOON + timedelta(days=30)
    await runner.publish(SECOND, ahead)
    runner.telegram.script("42", broken())
    await runner.deliver(ahead)
    assert (await runner.mine()).retry_at > ahead
    await runner.publish(SECOND, NOON)
    await runner.deliver(NOON)
    assert len(runner.texts) == 1
