"""One address for each chat: topics, @names and numbers, over a real store and a loopback Telegram."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from support.chat import FIRST, NOW, SECOND, SIGNED, Chat
from support.loopback.server import dropped
from support.loopback.telegram import CHANNEL, LoopbackTelegram, broken, migrated, refused
from support.program import row

from bot.channels.rate_limit import RateLimit
from bot.channels.telegram.listener import TelegramListener
from bot.channels.telegram.sender import TelegramSender
from bot.channels.telegram.setup import TelegramSetup
from bot.commands import operator
from bot.commands.chat import ChatCommands
from bot.domain.chat import replies
from bot.domain.language import Language
from bot.domain.text import platforms
from bot.errors import UsageError
from bot.pipeline.deliver import deliver
from bot.store.tiny.store import TinyStore

MORE = [*SECOND, row("TEXAS", "Bosque County Sheriff's Office", "Task Force Model", SIGNED, "Bosque County")]
FORUM, ADMIN = -1001234567890, 7
MENU = {language: replies.menu(language) for language in Language}

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be"),
    pytest.mark.filterwarnings("ignore:Please use 'Bot.getUpdates'"),
]


class Talk(Chat):
    """A bot on a loopback Telegram that hears commands and delivers alerts."""

    def __init__(self, store, server, sender):
        super().__init__(store)
        self.server, self.sender = server, sender
        self.runner = replace(self.runner, channels={"telegram": sender})
        self.chat_commands = ChatCommands(self.runner)

    @asynccontextmanager
    async def listening(self):
        task = asyncio.create_task(TelegramListener(self.sender, menu=MENU).listen(self.chat_commands))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def hears(self, text, **fields):
        """Write to the bot and wait for the answer."""
        before = len(self.server.messages)
        self.server.say(text, **fields)
        await until(lambda: len(self.server.messages) > before)
        return self.server.messages[before]

    async def deliver(self, at):
        self.now = at
        for due in await self.store.due(at):
            await deliver(
                due, store=self.store, channels=self.runner.channels, now=lambda: self.now, page="https://ice.example"
            )

    async def addresses(self):
        return [s.address for s in await self.store.subscriptions()]


async def until(condition, seconds=60.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a loopback server has no event for it
            await asyncio.sleep(0.005)


def topic(number):
    return {"chat": FORUM, "user": ADMIN, "message_thread_id": number, "is_topic_message": True}


def places(server, since=0):
    return [(m.chat, m.arguments.get("message_thread_id")) for m in server.messages[since:]]


@pytest.fixture
async def talk(tmp_path):
    store = TinyStore.open(tmp_path / "data")
    async with LoopbackTelegram() as server:
        for chat in (FORUM, -42, -1001, CHANNEL):
            server.members[str(chat), str(ADMIN)] = "administrator"
        sender = TelegramSender(token=server.token, base_url=server.url, rate_limit=RateLimit())
        made = Talk(store, server, sender)
        await made.publish(FIRST, NOW - timedelta(days=5))
        yield made
        await sender.close()
    await store.close()


# Topics


async def test_answers_and_alerts_of_a_topic_go_to_the_topic(talk):
    async with talk.listening():
        answer = await talk.hears("/watch TX", **topic(7))
    assert answer.arguments["message_thread_id"] == "7"
    await talk.publish(SECOND, NOW)
    before = len(talk.server.messages)
    await talk.deliver(NOW)
    assert places(talk.server, before) == [(str(FORUM), "7")]
    assert await talk.addresses() == [f"{FORUM}:7"]


async def test_two_topics_and_general_are_three_subscriptions(talk):
    async with talk.listening():
        await talk.hears("/watch TX", **topic(7))
        await talk.hears("/watch OH", **topic(9))
        await talk.hears("/watch FL", chat=FORUM, user=ADMIN)
        await talk.hears("/watch GA", chat=FORUM, user=ADMIN, message_thread_id=1, is_topic_message=True)
        await talk.hears("/stop", **topic(9))
    stored = {s.address: (set(s.filter.states), s.paused) for s in await talk.store.subscriptions()}
    assert stored == {
        f"{FORUM}:7": ({"TX"}, None),
        f"{FORUM}:9": ({"OH"}, "stopped"),
        str(FORUM): ({"FL", "GA"}, None),
    }


async def test_a_thread_of_replies_in_an_ordinary_group_is_no_topic(talk):
    async with talk.listening():
        answer = await talk.hears("/watch TX", chat=FORUM, user=ADMIN, message_thread_id=55)
    assert "message_thread_id" not in answer.arguments
    assert await talk.addresses() == [str(FORUM)]


async def test_a_button_under_a_message_of_a_topic_acts_on_the_topic_even_when_the_message_is_old(talk):
    async with talk.listening():
        answer = await talk.hears("/watch TX", **topic(7))
        [[undo, _]] = json.loads(answer.arguments["reply_markup"])["inline_keyboard"]
        before = len(talk.server.messages)
        talk.server.press(undo["callback_data"], message_id=3, chat=FORUM, user=ADMIN, age=None)
        await until(lambda: len(talk.server.messages) > before)
    assert places(talk.server, before) == [(str(FORUM), "7")]
    assert await talk.addresses() == []


@pytest.mark.parametrize("why", ["message thread not found", "TOPIC_DELETED", "TOPIC_ID_INVALID"])
async def test_a_deleted_topic_falls_back_to_general_for_good_and_says_so_once(talk, why):
    await talk.ask("watch TX", address=f"{FORUM}:7")
    await talk.publish(SECOND, NOW)
    talk.server.topics[str(FORUM), 7] = why
    await talk.deliver(NOW)
    said, alert = talk.server.messages
    assert {(m.chat, m.arguments.get("message_thread_id")) for m in (said, alert)} == {(str(FORUM), None)}
    assert said.text == platforms.TOPIC_DELETED(Language.ENGLISH)
    assert "Bell County" in alert.text
    [moved] = await talk.store.subscriptions()
    assert (moved.address, moved.paused, moved.due_at) == (str(FORUM), None, None)
    await talk.publish(MORE, NOW + timedelta(minutes=5))
    await talk.deliver(NOW + timedelta(minutes=5))
    assert len(talk.server.messages) == 3


async def test_a_closed_topic_falls_back_to_general_until_it_reopens(talk):
    await talk.ask("watch TX", address=f"{FORUM}:7")
    await talk.ask("language es", address=f"{FORUM}:7")
    await talk.ask("watch TX", address=str(FORUM))
    await talk.ask("stop", address=str(FORUM))
    await talk.publish(SECOND, NOW)
    talk.server.topics[str(FORUM), 7] = "TOPIC_CLOSED"
    await talk.deliver(NOW)
    assert talk.server.messages[0].text == platforms.TOPIC_CLOSED(Language.SPANISH)
    assert places(talk.server) == 2 * [(str(FORUM), None)]
    assert sorted(await talk.addresses()) == [str(FORUM), f"{FORUM}:7"]
    talk.server.topics.clear()
    await talk.publish(MORE, NOW + timedelta(minutes=5))
    await talk.deliver(NOW + timedelta(minutes=5))
    assert places(talk.server)[2:] == [(str(FORUM), "7")]


async def test_a_deleted_topic_merges_with_the_subscription_of_general(talk):
    await talk.ask("watch TX", address=f"{FORUM}:7")
    await talk.ask("watch OH", address=str(FORUM))
    await talk.publish(SECOND, NOW)
    talk.server.topics[str(FORUM), 7] = "message thread not found"
    for minutes in range(3):
        await talk.deliver(NOW + timedelta(minutes=minutes))
    [one] = await talk.store.subscriptions()
    assert (one.address, set(one.filter.states), one.due_at) == (str(FORUM), {"OH", "TX"}, None)
    told = [seq for r in await talk.store.receipts() if r.error is None for seq in r.changes]
    assert len(told) == len(set(told)), "nothing is told twice"


async def test_removal_return_and_migration_of_a_group_apply_to_all_its_topics(talk):
    for address in (f"{FORUM}:7", f"{FORUM}:9", str(FORUM), "-1009"):
        await talk.ask("watch TX", address=address)
    await talk.ask("stop", address=f"{FORUM}:9")
    await talk.chat_commands.gone("telegram", str(FORUM), "removed")
    paused = {s.address: s.paused for s in await talk.store.subscriptions()}
    assert paused == {f"{FORUM}:7": "removed", f"{FORUM}:9": "stopped", str(FORUM): "removed", "-1009": None}
    await talk.chat_commands.returned("telegram", str(FORUM))
    paused = {s.address: s.paused for s in await talk.store.subscriptions()}
    assert paused == {f"{FORUM}:7": None, f"{FORUM}:9": "stopped", str(FORUM): None, "-1009": None}
    await talk.chat_commands.moved("telegram", str(FORUM), "-1005")
    assert sorted(await talk.addresses()) == ["-1005", "-1005:7", "-1005:9", "-1009"]


async def test_the_topics_of_a_group_share_its_rate_limit(talk):
    limited = TelegramSender(token=talk.server.token, base_url=talk.server.url)
    await limited.turn(f"{FORUM}:7")
    assert limited.rate_limit.opens_in(str(FORUM)) > 0
    await limited.close()


# A group that becomes a supergroup


@pytest.mark.parametrize("by", ["a send", "an update", "an answer"])
async def test_a_group_set_up_again_as_a_supergroup_is_told_once(talk, by):
    await talk.ask("watch TX", address="-42")
    await talk.ask("watch TX", address="-1001")
    await talk.ask("watch OH", address="-42")
    if by != "a send":
        async with talk.listening():
            if by == "an update":
                talk.server.migrate(-42, -1001)
            else:
                talk.server.script(-42, migrated(-1001))
                talk.server.say("/help", chat=-42, user=ADMIN)
            async with asyncio.timeout(60):
                while len(await talk.store.subscriptions()) > 1:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.005)
            talk.server._script.clear()
    sent = len(talk.server.messages)
    await talk.publish(SECOND, NOW)
    talk.server.script(-42, migrated(-1001), migrated(-1001))
    for minutes in range(4):
        await talk.deliver(NOW + timedelta(minutes=minutes))
    [one] = await talk.store.subscriptions()
    assert (one.address, set(one.filter.states), one.due_at) == ("-1001", {"TX", "OH"}, None)
    assert {m.chat for m in talk.server.messages[sent:]} == {"-1001"}
    told = [seq for r in await talk.store.receipts() if r.error is None for seq in r.changes]
    assert len(told) == len(set(told))
    said = "\n".join(m.text for m in talk.server.messages[sent:])
    for agency in ("Archer County", "Bell County", "Butler Police"):
        assert agency in said
    await talk.ask("forget yes", address="-1001")
    assert list(await talk.store.subscriptions()) == list(await talk.store.receipts()) == []


# A public name and a number


async def subscribed(talk, address, **more):
    wanted = {"states": "TX", "cadence": "instant", "tz": "UTC"} | more
    answer = await operator.subscribe(talk.runner, channel="telegram", address=address, **wanted)
    return answer["subscription"]


async def test_a_channel_by_its_name_and_by_its_number_is_one_subscription(talk):
    first = await subscribed(talk, "@some_channel")
    assert first["address"] == str(CHANNEL)
    for other in ("https://t.me/Some_Channel", str(CHANNEL), "@SOME_CHANNEL"):
        assert (await subscribed(talk, other, states="OH"))["id"] == first["id"]
    assert await operator.unsubscribe(talk.runner, channel="telegram", address="@Some_Channel")
    assert await talk.addresses() == []


@pytest.mark.parametrize("outage", [broken(), dropped(), refused(400, "Bad Request: chat not found")])
async def test_a_name_that_telegram_does_not_resolve_now_is_resolved_by_the_first_send(talk, outage):
    talk.server.fail("getChat", outage)
    assert (await subscribed(talk, "@some_channel"))["address"] == "@some_channel"
    await talk.ask("watch OH", address=str(CHANNEL))
    await talk.publish(SECOND, NOW)
    for minutes in range(3):
        await talk.deliver(NOW + timedelta(minutes=minutes))
    [one] = await talk.store.subscriptions()
    assert (one.address, set(one.filter.states), one.due_at) == (str(CHANNEL), {"TX", "OH"}, None)
    told = [seq for r in await talk.store.receipts() if r.error is None for seq in r.changes]
    assert len(told) == len(set(told))


async def test_a_name_stays_known_when_telegram_is_down_at_the_next_start(talk):
    first = await subscribed(talk, "@some_channel")
    talk.server.fail("getChat", broken())
    assert (await subscribed(talk, "@some_channel"))["id"] == first["id"]


async def test_a_post_in_a_channel_shows_its_number(talk):
    talk.server.fail("getChat", broken())
    await subscribed(talk, "@some_channel", states="OH")
    async with talk.listening():
        before = len(talk.server.messages)
        talk.server.post("/watch@countersign_bot TX")
        await until(lambda: len(talk.server.messages) > before)
    [one] = await talk.store.subscriptions()
    assert (one.address, set(one.filter.states)) == (str(CHANNEL), {"TX", "OH"})


async def test_forgetting_a_channel_forgets_its_name_too(talk):
    await subscribed(talk, "@some_channel")
    await talk.ask("forget yes", address=str(CHANNEL))
    assert dict(await talk.store.notes("alias")) == {}


# Addresses as people write them


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(" -1001:7 ", "-1001:7"), ("-1001:1", "-1001"), ("42", "42"), ("42:3", "42:3"), ("@Texas_Watch", "@texas_watch")],
)
def test_an_address_has_one_form(typed, meant):
    assert TelegramSetup().check_address(typed) == meant


@pytest.mark.parametrize("typed", ["-1001:", "-1001:0", "-1001:x", "-1001:7:8", ":7", "@name:7", "-1001/7"])
def test_an_odd_topic_is_refused_with_the_form_to_use(typed):
    with pytest.raises(UsageError, match="after a colon"):
        TelegramSetup().check_address(typed)
