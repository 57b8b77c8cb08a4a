"""Alerts as Telegram's chats and channels get them: quotes, buttons and the length of a day on which many leave."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from json import loads

import pytest
from support.archive import lists, needs_archive
from support.chat import FIRST, SECOND, SIGNED, Chat
from support.loopback.telegram import CHANNEL, LoopbackTelegram, broken
from support.program import row
from support.workbooks import workbook

from bot.channels.rate_limit import RateLimit
from bot.channels.telegram.listener import TelegramListener
from bot.channels.telegram.sender import TelegramSender
from bot.domain.agreement import ListName
from bot.domain.change import Kind
from bot.domain.chat.request import Button
from bot.domain.document import Document, digest
from bot.domain.language import Language
from bot.domain.lists.vetting import Ruling
from bot.domain.messages.digest import Digest
from bot.domain.source_status import Reading
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.text.rich_text import Span, legible
from bot.pipeline.deliver import deliver
from bot.pipeline.poll_list import process, rule
from bot.sources.formats.workbook import read_workbook
from bot.sources.ice import Ice
from bot.store.tiny.store import TinyStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be"),  # as bot.channels.telegram.sender has it
    pytest.mark.filterwarnings("ignore:Please use 'Bot.getUpdates'"),  # as bot.channels.telegram.listener has it
]

GROUP, SUPERGROUP, PRIVATE = "-42", "-1001234567890", "42"
PAGE = "https://ice.example/287g"
MANY = [row("TEXAS", f"Town {n} Police Department", "Task Force Model", SIGNED, "Bell County") for n in range(15)]
LEAVING = 143


@pytest.fixture
async def server():
    async with LoopbackTelegram() as server:
        yield server


@pytest.fixture
async def telegram(server):
    sender = TelegramSender(token=server.token, base_url=server.url, rate_limit=RateLimit(clock=lambda: 0.0))
    yield sender
    await sender.close()


@pytest.fixture
async def talk(tmp_path):
    store = TinyStore.open(tmp_path)
    yield Chat(store)
    await store.close()


def watching(address: str, language: Language = Language.ENGLISH) -> Subscription:
    return Subscription(
        id="", channel="telegram", address=address, filter=Filter(states={ALL_STATES: 0}), language=language
    )


async def deliver_all(talk: Chat, telegram: TelegramSender) -> None:
    for due in await talk.store.due(talk.now):
        done = await deliver(due, store=talk.store, channels={"telegram": telegram}, now=lambda: talk.now, page=PAGE)
        assert done.problem is None


def keys(message) -> list[dict]:
    markup = message.arguments.get("reply_markup")
    found = loads(markup) if isinstance(markup, str) else markup or {"inline_keyboard": []}
    return [key for line in found["inline_keyboard"] for key in line]


async def test_more_than_12_agencies_arrive_in_a_quote_that_the_reader_opens(talk, telegram, server):
    await talk.publish(FIRST, talk.now)
    await talk.store.subscribe(watching(PRIVATE))
    await talk.publish(FIRST + MANY, talk.now)
    await deliver_all(talk, telegram)
    [message] = server.messages
    quote = message.raw.partition("<blockquote expandable>")[2].partition("</blockquote>")[0]
    for number in range(15):
        assert f"Town {number} Police Department" in quote
    assert message.raw.count("<blockquote expandable>") == 1
    assert "fetched" not in quote


async def test_12_agencies_need_no_quote(talk, telegram, server):
    await talk.publish(FIRST, talk.now)
    await talk.store.subscribe(watching(PRIVATE))
    await talk.publish(FIRST + MANY[:12], talk.now)
    await deliver_all(talk, telegram)
    assert "<blockquote" not in server.messages[0].raw


@pytest.mark.parametrize("channel", [str(CHANNEL), "@some_channel"])
async def test_an_alert_in_a_broadcast_channel_has_no_button_that_sets_or_asks_anything(
    talk, telegram, server, channel
):
    await talk.publish(FIRST, talk.now)
    for address in (channel, GROUP, SUPERGROUP, PRIVATE):
        await talk.store.subscribe(watching(address))
    await talk.publish(SECOND, talk.now)
    await deliver_all(talk, telegram)
    told = {message.chat: keys(message) for message in server.messages}
    assert len(told) == 4
    for chat, found in told.items():
        if chat in {GROUP, SUPERGROUP, PRIVATE}:
            assert [key["text"] for key in found][-1] == "Settings"
        else:
            assert [key for key in found if "callback_data" in key] == []


@pytest.mark.parametrize("is_down", [False, True])
async def test_a_channel_keeps_links_and_nothing_else_even_if_telegram_does_not_say_what_it_is(
    telegram, server, is_down
):
    if is_down:
        server.fail("getChat", broken())
    link, command = Button("ICE's page", url=PAGE), Button("Settings", "settings")
    news = Digest(upto=1, title=(Span("News"),), buttons=((link, command), (command,)))
    [part] = telegram.render(news)
    await telegram.send(str(CHANNEL), part)
    assert keys(server.messages[0]) == [{"text": "ICE's page", "url": PAGE}]


async def test_what_is_asked_for_under_an_alert_leaves_the_alert_as_it_is(talk, telegram, server):
    await talk.publish(FIRST, talk.now)
    await talk.store.subscribe(watching(PRIVATE))
    await talk.publish([*FIRST, SECOND[1]], talk.now)
    await deliver_all(talk, telegram)
    [alert] = server.messages
    presses = [key["callback_data"] for key in keys(alert)]
    assert [key["text"] for key in keys(alert)] == ["History and evidence", "All of Texas", "Settings"]
    listener = TelegramListener(telegram, menu={}, pause=0.02, grace=0.3)
    listening = asyncio.create_task(listener.listen(talk.chat_commands))
    try:
        async with asyncio.timeout(60):
            for number, callback in enumerate(presses, start=2):
                server.press(callback, message_id=int(alert.message_id))
                while len(server.told(PRIVATE)) < number:  # noqa: ASYNC110 - a loopback server has no event for it
                    await asyncio.sleep(0.005)
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
    assert server.called("editMessageText") == []
    assert server.told(PRIVATE)[0] == alert.text


@needs_archive
@pytest.mark.parametrize("language", Language)
async def test_143_departures_that_were_approved_are_at_most_three_messages(talk, telegram, server, language):
    newest = lists("participating")[-1]
    header, *rows = read_workbook(newest.read_bytes())[0].rows
    rows = [list(cells[: len(header)]) for cells in rows]
    every = len(rows) // LEAVING
    left = [cells for number, cells in enumerate(rows) if number % every or number >= every * LEAVING]
    await poll(talk, header, rows)
    await talk.store.subscribe(watching(PRIVATE, language))
    await poll(talk, header, left)
    [held] = await talk.store.held()
    await rule(held.id, Ruling.APPROVED, source=Ice(), store=talk.store, now=lambda: talk.now)
    gone = [change for change in await talk.store.changes() if change.kind is Kind.WITHDRAWN]
    assert len(gone) == LEAVING
    await deliver_all(talk, telegram)
    assert len(server.messages) <= 3
    together = " ".join(" ".join(message.text for message in server.messages).split())
    assert [c.agreement.agency for c in gone if legible(c.agreement.agency) not in together] == []
    assert all(len(message.text.encode("utf-16-le")) // 2 <= 4_096 for message in server.messages)


async def poll(talk: Chat, header, rows) -> None:
    """Record a participating list, a quarter of an hour after the one before."""
    talk.now += timedelta(minutes=15)
    body, name = workbook(rows, header=header), f"participatingAgencies{talk.now:%m%d%Y%H%M}.xlsx"
    document = Document(
        address=f"https://ice.example/{name}",
        name=name,
        body=body,
        sha256=digest(body),
        headers={},
        fetched_at=talk.now,
    )
    status = await talk.store.source_status("ice")
    reading = Reading(documents={ListName.PARTICIPATING: document})
    await process(Ice(), reading, status=status, store=talk.store, at=talk.now, every=timedelta(minutes=15))
