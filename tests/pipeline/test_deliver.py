"""Deliveries over a real store and a loopback Telegram; the test sets the clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.chat import FIRST, SECOND, SIGNED, Chat
from support.loopback.telegram import LoopbackTelegram, blocked, broken, flooded, migrated, refused
from support.program import row
from support.samples import spoken

from bot.channels.rate_limit import Limit, RateLimit
from bot.channels.telegram.sender import TelegramSender
from bot.commands import operator
from bot.commands.report import report
from bot.domain.health import crowds
from bot.domain.messages.health_notices import for_operator
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import STOPPED, Filter, Subscription
from bot.errors import SendError, StoreError
from bot.pipeline.deliver import deliver, verdict
from bot.pipeline.standings import Standings
from bot.pipeline.token_recovery import probe_rejected_tokens
from bot.store import Record
from bot.store.tiny.store import TinyStore

A_WHILE = timedelta(hours=6)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MORE = [*SECOND, row("TEXAS", "Bosque County Sheriff's Office", "Task Force Model", SIGNED, "Bosque County")]


class DeliveringChat(Chat):
    """A chat that also gets its alerts and digests, on a loopback Telegram."""

    def __init__(self, store: TinyStore, telegram: LoopbackTelegram, channel: TelegramSender) -> None:
        super().__init__(store)
        self.telegram, self.channel = telegram, channel
        self.standings = Standings(store)  # shared by all deliveries, as in the program

    async def deliver(self, at: datetime):
        """Deliver to every subscription that is due at that time."""
        self.now = at
        return [
            await deliver(
                subscription,
                store=self.store,
                channels={"telegram": self.channel},
                now=lambda: self.now,
                page="https://ice.example/287g",
                standings=self.standings,
            )
            for subscription in await self.store.due(at)
        ]

    @property
    def texts(self) -> list[str]:
        return [m.text for m in self.telegram.messages if m.photo is None]


@pytest.fixture
async def chat(tmp_path):
    store = TinyStore.open(tmp_path)
    async with LoopbackTelegram() as telegram:
        channel = TelegramSender(token=telegram.token, base_url=telegram.url, rate_limit=RateLimit())
        made = DeliveringChat(store, telegram, channel)
        await made.publish(FIRST, NOON - timedelta(days=5))
        yield made
        await channel.close()
    await store.close()


async def test_a_daily_digest_comes_once_at_its_hour_with_a_picture_and_the_totals(chat):
    await chat.ask("watch TX")
    await chat.ask("digest 9:00 America/Chicago")
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    assert chat.telegram.messages == []
    nine = datetime(2026, 11, 24, 15, tzinfo=UTC)
    await chat.deliver(nine)
    picture, text = chat.telegram.messages
    assert picture.photo is not None
    assert "You started today" in text.text
    assert text.text.startswith("Texas: 2 new 287(g) agreements and 1 no longer listed\n\n")
    assert text.text.index("Texas: no longer on ICE's list\n") < text.text.index("Texas: new on ICE's list\n")
    assert "ICE's list now has 2 agreements at 1 agency in Texas, up 1 from a day ago" in text.text
    await chat.publish(MORE, nine + timedelta(minutes=1))
    await chat.deliver(nine + timedelta(hours=23, minutes=59))
    assert len(chat.texts) == 1
    await chat.deliver(nine + timedelta(days=1))
    *_, picture, text = chat.telegram.messages
    assert picture.photo is not None
    assert "You started today" not in text.text
    assert "Bosque County" in chat.texts[-1]
    assert "Bell County" not in chat.texts[-1]


async def test_an_agency_gone_and_back_within_the_day_is_not_mentioned(chat):
    await chat.ask("watch all")
    await chat.ask("digest 9:00 America/Chicago")
    await chat.publish(FIRST[1:], NOON)
    await chat.publish(FIRST, NOON + timedelta(hours=1))
    await chat.deliver(NOON + timedelta(days=1))
    assert chat.telegram.messages == []
    assert (await chat.mine()).due_at is None


async def test_a_subscription_that_always_wants_a_digest_gets_one_a_day(chat):
    await chat.ask("watch TX")
    await chat.ask("digest 9:00 America/Chicago")
    await chat.ask("always on")
    nine = datetime(2026, 11, 25, 15, tzinfo=UTC)
    for minutes in (0, 1, 60):
        await chat.deliver(nine + timedelta(minutes=minutes))
    (text,) = chat.texts
    assert text.startswith("287(g): no changes")
    assert "1 source checked. ICE's list was last read on Nov. 19, 2026" in text
    await chat.deliver(nine + timedelta(days=1))
    assert len(chat.texts) == 2


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
async def test_a_digest_comes_once_each_local_day_even_when_the_clocks_change(chat, zone, at, first, days):
    await chat.ask("watch TX")
    chat.now = first - timedelta(hours=12)
    subscription = await chat.mine()
    await chat.store.change_subscription(replace(subscription, created_at=chat.now, last_sent_at=None))
    await chat.ask(f"digest {at} {zone}")
    await chat.ask("always on")
    told = []
    moment = first - timedelta(hours=6)
    while moment < first + timedelta(days=days - 1, hours=6):
        before = len(chat.texts)
        await chat.deliver(moment)
        told += [moment] * (len(chat.texts) - before)
        moment += timedelta(minutes=15)
    assert told[0] == first
    assert len(told) == days


async def watching(chat, digest: str, since: datetime, *more: str) -> None:
    """Let the chat watch Texas and ask for digests; it has had none yet."""
    chat.now = since
    for text in ("watch TX", digest, *more):
        await chat.ask(text)
    await chat.store.change_subscription(replace(await chat.mine(), created_at=since))


async def test_a_daily_digest_sent_the_next_night_leaves_that_day_its_own(chat):
    await watching(chat, "digest 8:00 UTC", NOON)
    await chat.publish(SECOND, NOON)
    night = datetime(2026, 11, 26, 1, tzinfo=UTC)
    await chat.deliver(night)  # the host was down at 8:00
    await chat.publish(MORE, night + timedelta(hours=1))
    assert len(chat.texts) == 1
    await chat.deliver(datetime(2026, 11, 26, 7, 59, tzinfo=UTC))
    assert len(chat.texts) == 1
    await chat.deliver(datetime(2026, 11, 26, 8, tzinfo=UTC))
    assert "Bosque" in chat.texts[1]


async def test_a_digest_of_ten_to_midnight_delivered_after_midnight_leaves_the_next_one(chat):
    await watching(chat, "digest 23:50 America/Chicago", NOON, "always on")
    midnight = datetime(2026, 11, 25, 6, tzinfo=UTC)
    for days in range(3):
        await chat.deliver(midnight + timedelta(days=days, minutes=-11))
        await chat.deliver(midnight + timedelta(days=days, minutes=5))
        assert len(chat.texts) == days + 1


async def test_a_weekly_digest_sent_on_the_next_monday_leaves_that_monday_its_own(chat):
    await watching(chat, "digest weekly 9:00 UTC", NOON)
    await chat.publish(SECOND, NOON)
    await chat.deliver(datetime(2026, 12, 7, 1, tzinfo=UTC))  # due on Nov. 30
    await chat.publish(MORE, datetime(2026, 12, 7, 2, tzinfo=UTC))
    assert len(chat.texts) == 1
    await chat.deliver(datetime(2026, 12, 7, 9, tzinfo=UTC))
    assert len(chat.texts) == 2


@pytest.mark.parametrize("more", [(), ("always on",)])
async def test_a_host_that_was_down_for_days_sends_one_digest(chat, more):
    await watching(chat, "digest 8:00 UTC", NOON, *more)
    await chat.publish(SECOND, NOON)
    await chat.publish(MORE, NOON + timedelta(days=2))
    back = datetime(2026, 11, 29, 20, tzinfo=UTC)
    for minutes in range(0, 11 * 60, 30):
        await chat.deliver(back + timedelta(minutes=minutes))
    assert len(chat.texts) == 1
    assert "Bosque" in chat.texts[0]


async def test_a_digest_that_a_platform_refused_for_days_is_one_with_all_that_happened(chat):
    await watching(chat, "digest 8:00 UTC", NOON)
    await chat.publish(SECOND, NOON)
    chat.telegram.script("42", broken())
    eight = datetime(2026, 11, 25, 8, tzinfo=UTC)
    await chat.deliver(eight)
    await chat.publish(MORE, eight + timedelta(hours=1))
    await chat.deliver(eight + timedelta(days=1, hours=2))
    await chat.deliver(eight + timedelta(days=1, hours=3))
    (text,) = chat.texts
    assert "Bosque" in text
    assert "Bell" in text
    assert (await chat.mine()).slot_served.day == eight.date() + timedelta(days=1)


async def test_an_hour_changed_while_a_digest_is_sent_brings_no_second_one(chat, monkeypatch):
    await watching(chat, "digest 8:00 UTC", NOON)
    await chat.publish(SECOND, NOON)
    eight, advance = datetime(2026, 11, 25, 8, tzinfo=UTC), chat.store.advance

    async def changed_then_advanced(*args):
        await chat.ask("digest 9:00 UTC")
        return await advance(*args)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(chat.store, "advance", changed_then_advanced)
        await chat.deliver(eight)
    await chat.publish(MORE, eight + timedelta(minutes=1))
    assert (await chat.mine()).due_at == eight + timedelta(days=1, hours=1)


async def test_a_correction_serves_no_slot(chat):
    await watching(chat, "digest 8:00 UTC", NOON)
    await chat.publish(SECOND, NOON)
    eight = datetime(2026, 11, 25, 8, tzinfo=UTC)
    await chat.deliver(eight)
    bell = next(c.seq for c in await chat.store.changes() if "Bell" in c.agreement.agency)
    await retract(chat, bell, eight + timedelta(hours=20))
    await chat.deliver(eight + timedelta(hours=20))
    assert (await chat.mine()).slot_served.day == eight.date()


async def test_a_pause_that_ends_at_night_leaves_the_next_digest_its_slot(chat):
    await watching(chat, "digest 8:00 UTC", NOON)
    await chat.publish(SECOND, NOON)
    night = datetime(2026, 11, 26, 1, tzinfo=UTC)
    await chat.store.change_subscription(replace(await chat.mine(), quiet_until=night))
    await chat.deliver(night)
    await chat.publish(MORE, night + timedelta(hours=1))
    assert (await chat.mine()).due_at == datetime(2026, 11, 26, 8, tzinfo=UTC)


ARCHIVE = NOON - timedelta(days=5)  # the first publication


def footer(text: str) -> str:
    """Return the sentence with the totals."""
    return next(line for line in text.splitlines() if "ICE's list now has" in line)


@pytest.mark.parametrize(
    ("watch", "digest", "at", "said"),
    [
        (
            "watch all",
            "digest 9:00 UTC",
            NOON + timedelta(hours=21),
            "4 agreements at 3 agencies in 2 states and territories, up 2 from a day ago. It had 135 in January 2025.",
        ),
        (
            "watch TX",
            "digest 9:00 UTC",
            NOON + timedelta(hours=21),
            "2 agreements at 1 agency in Texas, up 1 from a day ago.",
        ),
        (
            "watch TX OH",
            "digest 9:00 UTC",
            NOON + timedelta(hours=21),
            "4 agreements at 3 agencies in Ohio and Texas, up 2 from a day ago.",
        ),
        (
            "watch TX OH FL GA",
            "digest 9:00 UTC",
            NOON + timedelta(hours=21),
            "4 agreements at 3 agencies in the 4 states and territories you watch, up 2 from a day ago.",
        ),
        (
            "watch Bell County TX",
            "digest 9:00 UTC",
            NOON + timedelta(hours=21),
            "2 agreements at 1 agency, up 2 from a day ago.",
        ),
        (
            "watch TX",
            "digest weekly 9:00 UTC",
            datetime(2026, 11, 30, 9, tzinfo=UTC),
            "2 agreements at 1 agency in Texas, up 1 from a week ago.",
        ),
        (
            "watch VT",
            "digest weekly 9:00 UTC",
            datetime(2026, 11, 30, 9, tzinfo=UTC),
            "0 agreements at 0 agencies in Vermont, unchanged from a week ago.",
        ),
    ],
)
async def test_the_totals_are_of_what_the_chat_watches_and_since_its_last_digest(chat, watch, digest, at, said):
    chat.now = ARCHIVE
    for text in (watch, digest, "always on"):
        await chat.ask(text)
    await chat.store.change_subscription(replace(await chat.mine(), created_at=at - timedelta(hours=1)))
    await chat.publish(FIRST, ARCHIVE - timedelta(days=7))
    await chat.publish(SECOND, NOON)
    await chat.deliver(at)
    assert footer(chat.texts[0]).partition("now has ")[2] == said


@pytest.mark.parametrize(
    ("digest", "at"),
    [
        ("digest 9:00 UTC", ARCHIVE + timedelta(hours=21)),
        ("digest weekly 9:00 UTC", datetime(2026, 11, 23, 9, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("watch", ["watch all", "watch TX", "watch Archer County TX"])
async def test_a_digest_compares_with_nothing_if_the_log_does_not_reach_back_that_far(chat, digest, at, watch):
    await watching(chat, digest, at - timedelta(hours=1), "always on")
    await chat.ask(watch)
    await chat.deliver(at)
    assert " ago" not in footer(chat.texts[0])
    assert footer(chat.texts[0]).rstrip(".") != footer(chat.texts[0]), "it is a whole sentence"


async def test_a_digest_before_ices_list_was_read_has_no_totals(chat):
    store = TinyStore.in_memory()
    bare = DeliveringChat(store, chat.telegram, chat.channel)
    await store.record(
        Record(status=SourceStatus(source="place"), recorded_at=NOON, known=None, changes=(spoken(),), held=None)
    )
    await watching(bare, "digest 9:00 UTC", NOON, "always on")
    await bare.deliver(NOON + timedelta(hours=21))
    assert "ICE's list now has" not in bare.texts[0]
    await store.close()


async def test_changes_older_than_a_month_are_only_counted(chat):
    await chat.ask("watch TX")
    await chat.ask("pause 60 days")
    await chat.publish(SECOND, NOON)
    await chat.publish(MORE, NOON + timedelta(days=40))
    await chat.deliver(NOON + timedelta(days=61))
    (text,) = chat.texts
    assert "is new on ICE's 287(g) list\n" in text
    assert "Bosque County" in text
    assert "3 older changes aren't shown." in text


async def test_a_digest_in_spanish(chat):
    from bot.domain.language import Language

    await chat.ask("watch TX", language=Language.SPANISH)
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    assert "Texas: ya no está en la lista de ICE" in chat.texts[0]
    assert "irmado el 19 de noviembre de 2026" in chat.texts[0]


async def test_a_block_pauses_a_move_is_followed_a_flood_waits_and_a_fault_backs_off(chat):
    for each in ("1", "-2", "3", "4"):
        await chat.ask("watch TX", address=each)
    chat.telegram.script("1", blocked())
    chat.telegram.script("-2", migrated(-1002))
    chat.telegram.script("3", flooded(1))
    chat.telegram.script("4", broken())
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    assert "blocked" in (await chat.mine("1")).paused
    assert (await chat.mine("-2")) is None
    assert (await chat.mine("-1002")).paused is None
    assert (await chat.mine("3")).retry_at == NOON + timedelta(seconds=2)  # whole seconds: the clock may be one behind
    assert (await chat.mine("4")).retry_at == NOON + timedelta(minutes=1)
    await chat.deliver(NOON + timedelta(minutes=2))
    assert sorted(m.chat for m in chat.telegram.messages) == ["-1002", "3", "4"]
    assert (await chat.mine("4")).failures == 0


async def test_the_back_off_doubles_to_six_hours_and_after_two_days_the_subscription_is_paused(chat):
    await chat.ask("watch TX")
    subscription, at, waits = await chat.mine(), NOON, []
    fault = SendError("Telegram cannot be reached")
    while subscription.paused is None:
        subscription = verdict(subscription, fault, at)
        if subscription.paused is None:
            waits.append(subscription.retry_at - at)
            at = subscription.retry_at
    assert waits[:4] == [timedelta(minutes=n) for n in (1, 2, 4, 8)]
    assert max(waits) == timedelta(hours=6)
    assert timedelta(days=2) <= at - NOON < timedelta(days=2, hours=6)
    assert subscription.cursor == (await chat.mine()).cursor


PASSING = [
    refused(400, "Bad Request: not enough rights to send text messages to the chat"),
    refused(400, "Bad Request: chat not found"),
    refused(400, "Bad Request: PEER_ID_INVALID"),
    refused(400, "Bad Request: CHAT_WRITE_FORBIDDEN"),
    refused(400, "Bad Request: need administrator rights in the channel chat"),
    refused(403, "Forbidden: bot can't initiate conversation with a user"),
    refused(403, "Forbidden: CHAT_RESTRICTED"),
    refused(400, "Bad Request: a sentence no one has heard before"),
]


async def test_a_refusal_that_passes_silences_no_one_and_many_at_once_are_the_platforms_trouble(chat):
    for number, fault in enumerate(PASSING, start=1):
        await chat.ask("watch TX", address=str(number))
        chat.telegram.script(str(number), fault, fault)  # twice, because a rejected text is sent again without markup
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    subscriptions = await chat.store.subscriptions()
    assert [s.paused for s in subscriptions] == [None] * len(PASSING)
    (reason,) = crowds(subscriptions, NOON)["telegram"].reasons("telegram", NOON)
    assert "refused 8 chats within minutes" in reason
    assert (await report(chat.store, now=NOON, sources=[], stale_hours=6)).is_wrong
    (notice,) = for_operator(statuses=(), held=(), subscriptions=subscriptions, now=NOON, stale_after=A_WHILE)
    assert notice.text.startswith("telegram refused 8 chats within minutes")

    for minutes in (1, 3, 7, 15):
        await chat.deliver(NOON + timedelta(minutes=minutes))
    assert sorted({m.chat for m in chat.telegram.messages}) == [str(n + 1) for n in range(len(PASSING))]
    recovered = await chat.store.subscriptions()
    assert not [s for s in recovered if s.paused or s.failures or s.refusal]
    assert not (await report(chat.store, now=NOON, sources=[], stale_hours=6)).is_wrong


@pytest.mark.parametrize("fault", PASSING[:3])
async def test_a_refusal_is_believed_after_two_days_of_asking(chat, fault):
    await chat.ask("watch TX")
    await chat.publish(SECOND, NOON)
    at, tries = NOON, 0
    while (await chat.mine()).paused is None:
        chat.telegram.script("42", fault)
        await chat.deliver(at)
        tries += 1
        at = (await chat.mine()).retry_at if (await chat.mine()).paused is None else at
    assert timedelta(days=2) <= at - NOON < timedelta(days=2, hours=6)
    assert 12 <= tries <= 24
    assert "for 2 days" in (await chat.mine()).paused
    assert not (await chat.mine()).refused


@pytest.mark.parametrize(
    "said", ["bot was blocked by the user", "bot was kicked from the group chat", "user is deactivated"]
)
async def test_what_a_person_did_pauses_at_once(chat, said):
    await chat.ask("watch TX")
    chat.telegram.script("42", blocked(f"Forbidden: {said}"))
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    assert said in (await chat.mine()).paused
    await chat.chat_commands.returned("telegram", "42")
    await chat.deliver(NOON)
    assert len(chat.texts) == 1


async def test_a_bot_made_administrator_again_tells_at_once_what_was_refused(chat):
    await chat.ask("watch TX")
    chat.telegram.script("42", PASSING[0])
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    assert (await chat.mine()).retry_at > NOON
    await chat.chat_commands.returned("telegram", "42")
    await chat.deliver(NOON)
    assert len(chat.texts) == 1


async def test_one_refusal_after_the_program_was_down_for_days_is_not_two_days_of_asking(chat):
    await chat.ask("watch TX")
    await chat.publish(SECOND, NOON)
    for days in (0, 3, 6):
        chat.telegram.script("42", PASSING[1])
        await chat.deliver(NOON + timedelta(days=days))
        assert (await chat.mine()).paused is None
        assert (await chat.mine()).failing_since == NOON + timedelta(days=days)
        assert (await chat.mine()).failures == 1
        assert (await chat.mine()).retry_at == NOON + timedelta(days=days, minutes=1)


def test_a_few_refusals_over_days_are_too_few_to_pause_a_chat():
    subscription = Subscription(id="s1", channel="telegram", address="1", filter=Filter())
    fault = SendError("chat not found", refused=True)
    for tries in range(1, 10):  # a program that runs for a minute every 40 hours
        subscription = verdict(subscription, fault, NOON + (tries - 1) * timedelta(hours=40))
        assert (subscription.paused, subscription.failures) == (None, tries)
    assert verdict(subscription, fault, NOON + 9 * timedelta(hours=40)).paused == "chat not found (for 2 days)"


async def test_a_platform_that_was_down_for_three_days_silences_no_one_for_good(chat):
    for each in ("1", "2", "3"):
        await chat.ask("watch TX", address=each)
    await chat.publish(SECOND, NOON)
    chat.telegram.plan = lambda _: broken(502, "Bad Gateway")
    at = NOON
    while at < NOON + timedelta(days=3):
        await probe_rejected_tokens(chat.store, at)
        await chat.deliver(at)
        at += timedelta(hours=1)
    subscriptions = await chat.store.subscriptions()
    assert all(s.paused for s in subscriptions)
    assert crowds(subscriptions, at)["telegram"].mute_since == NOON
    chat.telegram.plan = None
    for minutes in (15, 30):
        await probe_rejected_tokens(chat.store, at + timedelta(minutes=minutes))
        await chat.deliver(at + timedelta(minutes=minutes))
    await chat.deliver(at + timedelta(minutes=30))
    assert sorted(m.chat for m in chat.telegram.messages) == ["1", "2", "3"]


@pytest.mark.parametrize("asked", [float("nan"), float("inf"), -5.0, 99_999_999_999.0])
def test_a_senseless_wait_is_a_bounded_one(asked):
    subscription = Subscription(id="s1", channel="telegram", address="1", filter=Filter())
    told = verdict(subscription, SendError("wait", retry_after=asked), NOON)
    assert NOON < told.retry_at <= NOON + timedelta(days=1, seconds=1)
    limit = RateLimit(clock=lambda: 0.0)
    limit.hold(None, asked)
    assert 0 <= limit.opens_in("1") <= 3_600


async def test_a_flood_that_lasts_never_pauses_a_chat(chat):
    await chat.ask("watch TX")
    await chat.publish(SECOND, NOON)
    for hours in range(0, 80, 2):
        chat.telegram.script("42", flooded(99_999_999_999))
        chat.channel.rate_limit = RateLimit()
        await chat.deliver(NOON + timedelta(hours=hours))
        assert NOON < (await chat.mine()).retry_at <= NOON + timedelta(hours=hours + 1, seconds=2)
    assert (await chat.mine()).paused is None


async def test_forget_erases_the_receipts_of_an_earlier_subscription_of_the_chat_too(chat):
    await chat.ask("watch TX")
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    assert await chat.store.receipts()
    await chat.ask("stop")
    await chat.ask("resume")
    await chat.ask("forget yes")
    assert list(await chat.store.receipts()) == []


async def test_waiting_for_a_turn_is_no_failure_and_the_message_comes_when_the_wait_ends(chat):
    await chat.ask("watch TX")
    await chat.publish(SECOND, NOON)
    chat.channel.rate_limit.hold(None, 100)
    await chat.deliver(NOON)
    waiting = await chat.mine()
    assert timedelta(seconds=100) <= waiting.retry_at - NOON <= timedelta(seconds=102)
    assert (waiting.failures, waiting.failing_since, waiting.paused) == (0, None, None)
    assert list(await chat.store.receipts()) == []

    chat.channel.rate_limit = RateLimit()
    await chat.deliver(waiting.retry_at - timedelta(seconds=1))
    assert chat.texts == []
    await chat.deliver(waiting.retry_at)
    assert len(chat.texts) == 1
    assert [receipt.error for receipt in await chat.store.receipts()] == [None]


async def test_the_twenty_first_part_a_minute_in_a_group_waits_without_a_failure_receipt(chat, monkeypatch):
    monkeypatch.setattr("bot.channels.telegram.sender.fits", lambda lines: len(lines) <= 7)
    chat.channel.rate_limit = RateLimit(each=lambda _: (Limit(20, 60.0),))
    await chat.ask("watch all", address="-105")
    places = {"TEXAS": range(20), "OHIO": range(20, 40), "GEORGIA": range(40, 60)}
    monkeypatch.setattr("bot.domain.messages.grouping.MOST_ONE_A_LINE", 60)
    many = [row(s, f"Agency {n} Police Department", "Task Force Model", SIGNED) for s in places for n in places[s]]
    await chat.publish([*FIRST, *many], NOON)
    await chat.deliver(NOON)
    assert len(chat.texts) == 20
    assert [r.error for r in await chat.store.receipts()] == [None] * 20
    waiting = await chat.mine("-105")
    assert waiting.failures == 0
    chat.channel.rate_limit = RateLimit()
    await chat.deliver(waiting.retry_at)
    named = [line for text in chat.texts for line in text.splitlines() if line.startswith("• Agency ")]
    assert sorted(line.removeprefix("• ") for line in named) == sorted(
        f"Agency {n} Police Department" for n in range(60)
    )


async def test_a_delivery_reports_as_many_messages_as_it_sent_even_after_the_filter_was_narrowed(chat, monkeypatch):
    monkeypatch.setattr("bot.channels.telegram.sender.fits", lambda lines: len(lines) <= 6)
    await chat.ask("watch TX OH")
    new = [
        row(state, f"Agency {n} Police Department", signed=SIGNED) for n, state in enumerate(["OHIO", "TEXAS", "TEXAS"])
    ]
    await chat.publish([*FIRST, *new], NOON)
    chat.telegram.script("42", None, None, broken())
    (first,) = await chat.deliver(NOON)
    assert (len(chat.texts), first.messages) == (2, 2)

    await chat.ask("unwatch OH")
    chat.telegram.script("42", broken())
    (second,) = await chat.deliver(NOON + timedelta(hours=1))
    assert second.problem is not None
    assert second.messages == 0


def test_a_wait_a_platform_asked_for_never_ends_early():
    subscription = Subscription(id="s1", channel="telegram", address="1", filter=Filter())
    asked_at = NOON + timedelta(seconds=5, milliseconds=900)
    told = verdict(subscription, SendError("wait", retry_after=2.5), asked_at.replace(microsecond=0))
    assert told.retry_at >= asked_at + timedelta(seconds=2.5)
    assert told.retry_at.microsecond == 0


async def retract(chat, seq: int, at: datetime) -> None:
    chat.now = at
    await operator.retract(chat.runner, seq=seq, because="It was a slip.")


async def test_a_correction_goes_out_even_if_the_state_is_no_longer_watched(chat):
    await chat.ask("watch TX OH")
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    await chat.ask("unwatch TX")
    bell = next(c.seq for c in await chat.store.changes() if "Bell" in c.agreement.agency)
    await retract(chat, bell, NOON + timedelta(hours=1))
    await chat.deliver(NOON + timedelta(hours=1))
    assert chat.texts[1].startswith("Correction: our alert about ")
    await chat.ask("unwatch OH")
    butler = next(c.seq for c in await chat.store.changes() if "Butler Police" in c.agreement.agency)
    await retract(chat, butler, NOON + timedelta(hours=2))
    await chat.deliver(NOON + timedelta(hours=2))
    assert [text.partition(":")[0] for text in chat.texts[1:]] == ["Correction", "Correction"]
    assert (await chat.mine()).due_at is None


async def test_a_correction_comes_at_once_and_alone_and_the_digest_at_its_hour(chat):
    await chat.ask("watch TX")
    await chat.ask("digest 9:00 America/Chicago")
    nine = datetime(2026, 11, 24, 15, tzinfo=UTC)
    await chat.publish(SECOND, NOON)
    await chat.deliver(nine)
    await chat.publish(MORE, nine + timedelta(hours=1))
    bell = next(c.seq for c in await chat.store.changes() if "Bell" in c.agreement.agency)
    await retract(chat, bell, nine + timedelta(hours=2))
    await chat.deliver(nine + timedelta(hours=2))
    assert chat.texts[1].startswith("Correction: our alert about ")
    assert "Bosque" not in "".join(chat.texts)
    assert (await chat.mine()).due_at == nine + timedelta(days=1)
    for hours in (2, 24, 25):
        await chat.deliver(nine + timedelta(hours=hours))
    assert len(chat.texts) == 3
    assert "Bosque" in chat.texts[2]
    assert "Bell" not in chat.texts[2]


async def test_after_a_crash_between_corrections_and_cursor_nothing_is_repeated(chat, monkeypatch):
    await chat.ask("watch TX")
    await chat.ask("digest 9:00 America/Chicago")
    await chat.ask("always on")
    nine = datetime(2026, 11, 24, 15, tzinfo=UTC)
    await chat.publish(SECOND, NOON)
    await chat.deliver(nine)
    bells = [c.seq for c in await chat.store.changes() if "Bell" in c.agreement.agency]
    for seq in bells:
        await retract(chat, seq, nine + timedelta(hours=1))
    await chat.publish(MORE, nine + timedelta(hours=2))
    with monkeypatch.context() as stopped:
        stopped.setattr(chat.store, "advance", died)
        with pytest.raises(StoreError):
            await chat.deliver(nine + timedelta(hours=3))
    assert [text.partition(":")[0] for text in chat.texts[1:]] == ["Correction", "Correction"]
    for hours in (3, 24, 25):
        await chat.deliver(nine + timedelta(hours=hours))
    assert len(chat.texts) == 4
    assert "Bosque" in chat.texts[3]


async def reject_the_token_for(chat, *chats: str) -> None:
    for each in chats:
        await chat.ask("watch TX", address=each)
        chat.telegram.script(each, refused(401, "Unauthorized"))


async def test_a_rejected_token_pauses_its_subscriptions_and_all_resume_once_it_works(chat):
    chats = ("1", "2", "3")
    await reject_the_token_for(chat, *chats)
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    for each in chats:
        mine = await chat.mine(each)
        assert "token" in mine.paused
        assert mine.due_at == NOON
    (notice,) = for_operator(
        statuses=(), held=(), subscriptions=await chat.store.subscriptions(), now=NOON, stale_after=timedelta(hours=6)
    )
    assert notice.text.startswith("Telegram rejected the bot's token")
    assert "3 subscriptions are paused." in notice.text

    early = NOON + timedelta(minutes=14)
    await probe_rejected_tokens(chat.store, early)
    await chat.deliver(early)
    assert chat.texts == []
    chat.telegram.script("1", refused(401, "Unauthorized"))
    first, second = NOON + timedelta(minutes=15), NOON + timedelta(minutes=30)
    await probe_rejected_tokens(chat.store, first)
    await probe_rejected_tokens(chat.store, first)  # only one tries, not all
    await chat.deliver(first)
    assert [s.paused is None for s in await chat.store.subscriptions()] == [False] * 3
    assert len(list(chat.telegram.called("sendMessage"))) == 4

    await probe_rejected_tokens(chat.store, second)
    await chat.deliver(second)
    await chat.deliver(second)
    assert sorted(m.chat for m in chat.telegram.messages) == ["1", "2", "3"]
    assert not [s for s in await chat.store.subscriptions() if s.paused or s.refused or s.failures]


async def test_a_rejected_token_is_tried_at_startup_but_a_stopped_subscription_stays_stopped(chat):
    await reject_the_token_for(chat, "1", "2")
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    await chat.ask("stop", address="2")
    await probe_rejected_tokens(chat.store, NOON, at_once=True)
    await chat.deliver(NOON)
    await chat.deliver(NOON)
    assert [m.chat for m in chat.telegram.messages] == ["1"]
    assert (await chat.mine("2")).paused == STOPPED


async def died(*_: object) -> None:
    raise StoreError("The program is killed here.")


@pytest.mark.parametrize("digest", ["digest instant", "digest 9:00 America/Chicago"])
async def test_a_change_recorded_by_a_fast_clock_is_delivered_once_the_clock_is_right(chat, digest):
    await chat.ask("watch TX")
    await chat.ask(digest)
    await chat.publish(SECOND, NOON + timedelta(days=30))
    await chat.deliver(NOON)
    assert chat.texts == []
    await chat.publish(SECOND, NOON)  # the next poll, with nothing new
    await chat.deliver(NOON + timedelta(hours=3))
    (text,) = chat.texts
    assert "Bell County" in text
    await chat.publish(MORE, NOON + timedelta(days=1))
    await chat.deliver(NOON + timedelta(days=1, hours=3))
    assert "Bosque County" in chat.texts[1]


async def test_a_back_off_begun_under_a_fast_clock_is_over_once_the_clock_is_right(chat):
    await chat.ask("watch TX")
    ahead = NOON + timedelta(days=30)
    await chat.publish(SECOND, ahead)
    chat.telegram.script("42", broken())
    await chat.deliver(ahead)
    assert (await chat.mine()).retry_at > ahead
    await chat.publish(SECOND, NOON)
    await chat.deliver(NOON)
    assert len(chat.texts) == 1


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (timedelta(minutes=10), "2026-11-24 12:15 UTC (in 5 minutes)"),
        (timedelta(minutes=15, seconds=20), "now"),
        (timedelta(minutes=35), "2026-11-24 12:15 UTC (20 minutes late; if Countersign isn't running, start it)"),
    ],
)
async def test_status_says_that_a_reading_is_late(chat, later, said):
    due = SourceStatus(source="ice", tried_at=NOON, due_at=NOON + timedelta(minutes=15))
    await chat.store.remember(due)
    shown = (await report(chat.store, now=NOON + later, sources=["ice"], stale_hours=6)).as_text()
    assert f"  next read    {said}\n" in shown
