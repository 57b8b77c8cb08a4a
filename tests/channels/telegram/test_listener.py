"""People talk to the bot on Telegram: what reaches the chat handler, who may ask, and how answers arrive."""

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.loopback.server import dropped, page
from support.loopback.telegram import (
    BOT,
    CHANNEL,
    LoopbackTelegram,
    blocked,
    broken,
    conflict,
    flooded,
    migrated,
    read,
    refused,
)

from bot.app.wiring import StoredNotes
from bot.channels import Listener
from bot.channels.keyed_queue import JOB, KeyedQueue, QueueFull
from bot.channels.protocols import BOT_NAMES
from bot.channels.rate_limit import Limit, RateLimit
from bot.channels.telegram.handlers import CHANGING, READING
from bot.channels.telegram.listener import LARGEST_BODY, TelegramListener
from bot.channels.telegram.replies import keyboard
from bot.channels.telegram.sender import TelegramSender
from bot.domain.chat.request import Button, File, Reply, Request
from bot.domain.language import Language
from bot.domain.messages.paginate import sheets
from bot.domain.subscription import Filter, Subscription
from bot.domain.text import platforms
from bot.domain.text.rich_text import Span
from bot.errors import UsageError
from bot.store.tiny.store import TinyStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be"),  # as bot.channels.telegram.sender has it
    pytest.mark.filterwarnings("ignore:Please use 'Bot.getUpdates'"),  # as bot.channels.telegram.listener has it
]

GROUP, ADMIN, MEMBER = -42, 7, 8
LAST = "999"  # a chat of the tests' own
ENGLISH, SPANISH = Language
SECRET = "a-secret_1"
HEADERS = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
NAMES = [*sorted(CHANGING | READING), "channel"]
MENU = {
    Language.ENGLISH: [(name, f"About {name}") for name in NAMES],
    Language.SPANISH: [(name, f"Sobre {name}") for name in NAMES],
}


def said(*texts: str, **options) -> Reply:
    return Reply(lines=tuple((Span(text),) for text in texts), **options)


@dataclass
class FakeChatHandler:
    """Records what it is asked and told. Answers from `replies` by the command, or else with the command itself."""

    asked: list[Request] = field(default_factory=list)
    told: list[tuple[str, ...]] = field(default_factory=list)
    replies: dict[str, Reply | Exception] = field(default_factory=dict)
    languages: dict[str, Language] = field(default_factory=dict)
    thinking: asyncio.Event | None = None

    @property
    def texts(self) -> list[str]:
        return [asked.text for asked in self.asked]

    async def answer(self, asked: Request) -> Reply:
        if asked.address == LAST:
            return said("The end.")
        self.asked.append(asked)
        if self.thinking is not None:
            await self.thinking.wait()
        reply = self.replies.get(asked.text, said(f"You said {asked.text}."))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def subscription(self, channel: str, address: str) -> Subscription | None:
        if address not in self.languages:
            return None
        return Subscription(
            id="s1", channel=channel, address=address, filter=Filter(states={}), language=self.languages[address]
        )

    async def subscriptions(self, channel: str) -> list[Subscription]:
        return []

    async def moved(self, channel: str, old: str, new: str) -> None:
        self.told.append(("moved", channel, old, new))

    async def gone(self, channel: str, address: str, reason: str) -> None:
        self.told.append(("gone", channel, address, reason))

    async def returned(self, channel: str, address: str) -> None:
        self.told.append(("returned", channel, address))

    async def extra_commands(self, channel: str, address: str) -> frozenset[str]:
        return frozenset()

    async def erased(self, channel: str, prefix: str) -> None:
        self.told.append(("erased", channel, prefix))


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a loopback server has no event for it
            await asyncio.sleep(0.005)


async def quiet(server: LoopbackTelegram) -> None:
    """Wait until everything said so far has been handled and answered."""
    before = len(server.told(LAST))
    server.say("the end", chat=int(LAST), user=int(LAST))
    await until(lambda: len(server.told(LAST)) > before)
    await until(lambda: not any(task.get_name() == JOB for task in asyncio.all_tasks()))


@asynccontextmanager
async def listening(chat: TelegramListener, chat_handler: FakeChatHandler):
    task = asyncio.create_task(chat.listen(chat_handler))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def server():
    async with LoopbackTelegram() as server:
        server.members[str(GROUP), str(ADMIN)] = "administrator"
        server.members[str(CHANNEL), str(ADMIN)] = "administrator"
        server.members[str(CHANNEL), str(BOT)] = "administrator"
        yield server


@pytest.fixture
def chat_handler() -> FakeChatHandler:
    return FakeChatHandler()


@pytest.fixture
async def sender(server: LoopbackTelegram):
    sender = TelegramSender(token=server.token, base_url=server.url, rate_limit=RateLimit())
    yield sender
    await sender.close()


@pytest.fixture
def chat(sender: TelegramSender) -> TelegramListener:
    return TelegramListener(sender, menu=MENU, pause=0.02, grace=0.3)


@pytest.fixture
async def here(chat: TelegramListener, chat_handler: FakeChatHandler, server: LoopbackTelegram):
    """A listener that is polling."""
    async with listening(chat, chat_handler):
        await until(lambda: server.called("getUpdates"))
        yield chat


def test_it_is_a_listener(chat: TelegramListener) -> None:
    listener: Listener = chat
    assert listener


# ── what the chat handler is asked ──────────────────────────────────────────────────────────────────────────────────────────


async def test_every_command_in_a_private_chat_goes_to_the_chat_handler(here, server, chat_handler) -> None:
    for name in sorted(CHANGING | READING):
        server.say(f"/{name} TX  Oklahoma")
    await until(lambda: len(chat_handler.asked) == len(CHANGING | READING))

    expected = Request(channel="telegram", address="42", text="", language=Language.ENGLISH, bot="countersign_bot")
    assert chat_handler.asked == [replace(expected, text=f"{name} TX Oklahoma") for name in sorted(CHANGING | READING)]


async def test_a_command_without_arguments_is_just_its_name(here, server, chat_handler) -> None:
    server.say("/Help")
    server.say("/start FL")
    await quiet(server)

    assert chat_handler.texts == ["help", "start FL"]


async def test_plain_text_in_a_private_chat_goes_to_the_chat_handler_unchanged(here, server, chat_handler) -> None:
    server.say("what is  this?\nhello")
    server.say("/nonsense x")
    await quiet(server)

    assert chat_handler.texts == ["what is  this?\nhello", "nonsense x"]


async def test_in_groups_only_commands_meant_for_this_bot_count(here, server, chat_handler) -> None:
    for text in (
        "hello",
        "/watch@other_bot TX",
        "/nonsense",
        "/watch TX",
        "/watch@Countersign_Bot OK",
        "/nonsense@countersign_bot",
    ):
        server.say(text, chat=GROUP, user=ADMIN)
    await quiet(server)

    assert [asked.text for asked in chat_handler.asked if asked.address == str(GROUP)] == [
        "watch TX",
        "watch OK",
        "nonsense",
    ]


async def test_a_command_for_another_bot_is_ignored_in_a_private_chat_too(here, server, chat_handler) -> None:
    server.say("/watch@other_bot TX")
    await quiet(server)

    assert not chat_handler.asked


@pytest.mark.parametrize(
    ("code", "language"),
    [("es", "es"), ("es-MX", "es"), ("ES", "es"), ("en-GB", "en"), ("de", "en"), ("", "en")],
)
async def test_the_platforms_locale_is_the_first_guess_at_the_language(
    here, server, chat_handler, code, language
) -> None:
    server.say("/help", language=code)
    await until(lambda: chat_handler.asked)

    assert chat_handler.asked[0].language == language


async def test_edited_forwarded_and_automatically_copied_messages_ask_nothing(here, server, chat_handler) -> None:
    original = {"type": "hidden_user", "sender_user_name": "Eve", "date": 1}
    server.say("/stop", chat=GROUP, user=ADMIN, forward_origin=original)
    server.say("/stop", chat=GROUP, user=ADMIN, is_automatic_forward=True)
    server.push(edited_message={"message_id": 9, "date": 1, "chat": {"id": 42, "type": "private"}, "text": "/stop"})
    await quiet(server)

    assert not chat_handler.asked
    assert not server.told(GROUP)


# ── how it is answered ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_is_marked_up_and_escaped_without_link_previews(here, server, chat_handler) -> None:
    lines = ((Span("A & <b>", strong=True),), (), (Span("MOA", href="https://x.example/?a=1&b=2"),))
    chat_handler.replies["help"] = Reply(lines=lines)
    server.say("/help")
    await until(lambda: server.messages)

    [message] = server.messages
    assert message.raw == '<b>A &amp; &lt;b&gt;</b>\n\n<a href="https://x.example/?a=1&amp;b=2">MOA</a>'
    assert message.links == (("MOA", "https://x.example/?a=1&b=2"),)
    assert message.preview is False


async def test_buttons_appear_under_the_answer(here, server, chat_handler) -> None:
    chat_handler.replies["watch"] = said(
        "Which?", buttons=((Button("TX", "watch TX"), Button("OK", "watch OK")), (Button("All", "watch all"),))
    )
    server.say("/watch")
    await until(lambda: server.messages)

    assert json.loads(server.messages[0].arguments["reply_markup"])["inline_keyboard"] == [
        [{"text": "TX", "callback_data": "watch TX"}, {"text": "OK", "callback_data": "watch OK"}],
        [{"text": "All", "callback_data": "watch all"}],
    ]


async def test_a_long_answer_is_split_in_order_with_its_buttons_under_the_last_message(
    here, server, chat_handler
) -> None:
    lines = tuple((Span(f"{n} "), Span("x" * 60, "https://x.example/"), Span("y", strong=True)) for n in range(200))
    chat_handler.replies["list"] = Reply(lines=lines, buttons=((Button("More", "list 2"),),))
    server.say("/list")
    await until(lambda: any("199 " in message.text for message in server.messages))

    numbers = [int(line.split()[0]) for message in server.messages for line in message.text.splitlines()]
    assert numbers == list(range(200))
    assert len(server.messages) > 3
    assert sum(len(message.links) for message in server.messages) == 200
    assert ["reply_markup" in message.arguments for message in server.messages] == [
        *[False] * (len(server.messages) - 1),
        True,
    ]


def test_a_line_too_long_for_a_message_is_cut_between_words_and_never_in_a_tag() -> None:
    from bot.channels.telegram.sender import fits, markup

    line = (Span("word & " * 900), Span("linked <words> " * 500, "https://x.example/"), Span("end", strong=True))
    cut = sheets((line,), fits)

    readings = [read(markup(sheet), "HTML") for sheet in cut]
    assert "".join(reading.text for reading in readings).replace("\n", "").replace(" ", "") == (
        "word&" * 900 + "linked<words>" * 500 + "end"
    )
    assert 2 < len(cut) < 9


def test_no_sheet_starts_or_ends_with_an_empty_line_and_nothing_makes_no_sheet() -> None:
    two = sheets(((), (Span("a"),), (), (Span("b"),), (), (Span("c"),), ()), lambda lines: len(lines) <= 4)

    assert two == (((Span("a"),), (), (Span("b"),)), ((Span("c"),),))
    assert sheets(((), (Span(" "),)), lambda _: True) == ()


@pytest.mark.parametrize("host", ["localhost:8000", "countersign", "a b.example", ""])
def test_a_link_that_telegram_would_refuse_is_left_out(host) -> None:
    bad, good = Button("Page", url=f"http://{host}/changes"), Button("Page", url="https://bot.example.org/changes")
    assert keyboard([[bad]]) is None
    assert [len(line) for line in keyboard([[bad, good], [bad]]).inline_keyboard] == [1]


def test_buttons_that_telegram_would_reject_are_wrapped_or_left_out() -> None:
    states = tuple(Button(f"S{n}", f"watch S{n}") for n in range(56))
    assert [len(row) for row in keyboard((states,)).inline_keyboard] == [8] * 7
    assert sum(map(len, keyboard((states, states)).inline_keyboard)) == 100
    with capture_logs() as logs:
        assert keyboard(((Button("x", "ñ" * 33), Button("y", "ñ" * 32)),)).inline_keyboard[0][0].text == "y"
        assert keyboard(((Button("x", "a" * 50),),), "@-1001000000001 ") is None
    assert [entry["buttons"] for entry in logs] == [1, 1]
    assert keyboard(()) is None


async def test_an_answer_stays_in_the_topic_of_the_question(here, server) -> None:
    server.say("/help", chat=-1001, user=MEMBER, message_thread_id=77, is_topic_message=True)
    await until(lambda: server.messages)

    assert server.messages[0].arguments["message_thread_id"] == "77"


async def test_an_answer_to_a_deleted_topic_goes_to_the_group(here, server) -> None:
    server.script(-1001, refused(400, "Bad Request: message thread not found"))
    server.say("/help", chat=-1001, user=MEMBER, message_thread_id=77, is_topic_message=True)
    await until(lambda: server.messages)

    assert "message_thread_id" not in server.messages[0].arguments


async def test_answers_go_before_waiting_alerts(server, chat_handler) -> None:
    sender = TelegramSender(token=server.token, base_url=server.url, rate_limit=RateLimit(overall=(Limit(1, 0.1),)))
    async with listening(TelegramListener(sender, menu={}), chat_handler):
        await until(lambda: server.called("getUpdates"))
        broadcast = [asyncio.create_task(sender.rate_limit.turn(str(n))) for n in range(12)]
        server.say("/help")
        await until(lambda: server.messages)
        waiting = [turn for turn in broadcast if not turn.done()]
        assert len(waiting) > 6
        for turn in broadcast:
            turn.cancel()
    await sender.close()


@pytest.mark.parametrize(
    "fault", [flooded(1), broken(), dropped(), page("<html>502</html>", 502), page('{"ok": true}')]
)
async def test_an_answer_that_did_not_get_through_is_sent_again(here, server, fault) -> None:
    server.script(42, fault)
    server.say("/help")
    await until(lambda: server.told(42))

    assert server.told(42) == ["You said help."]


async def test_markup_that_telegram_rejects_is_sent_plain(here, server, chat_handler) -> None:
    chat_handler.replies["help"] = Reply(lines=((Span("A <b>", strong=True),),))
    server.script(42, refused(400, "Bad Request: can't parse entities: unknown"))
    server.say("/help")
    await until(lambda: server.told(42))

    assert server.messages[0].raw == "A <b>"


async def test_a_person_who_blocks_the_bot_before_the_answer_counts_as_gone(here, server, chat_handler) -> None:
    server.script(42, blocked())
    server.say("/help")
    await until(lambda: chat_handler.told)

    assert chat_handler.told == [("gone", "telegram", "42", "bot was blocked by the user")]


async def test_an_answer_that_telegram_refuses_in_passing_pauses_no_chat(here, server, chat_handler) -> None:
    server.script(42, blocked("Forbidden: CHAT_WRITE_FORBIDDEN"))
    server.say("/help")
    await until(lambda: server.called("sendMessage"))
    server.say("/status")
    await until(lambda: server.told(42))

    assert chat_handler.told == []


async def test_an_answer_follows_a_group_that_became_a_supergroup(here, server, chat_handler) -> None:
    server.script(GROUP, migrated(-1001234567890))
    server.say("/help", chat=GROUP, user=MEMBER)
    await until(lambda: server.told(-1001234567890))

    assert chat_handler.told == [("moved", "telegram", str(GROUP), "-1001234567890")]


async def test_when_the_chat_handler_fails_the_person_gets_one_line_and_the_log_the_rest(
    here, server, chat_handler
) -> None:
    chat_handler.replies["status"] = RuntimeError("a bug")
    chat_handler.languages["43"] = Language.SPANISH
    with capture_logs() as logs:
        server.say("/status")
        server.say("/status", chat=43, user=43)
        server.say("/status", chat=44, user=44, language="es")
        await until(lambda: len(server.messages) == 3)

    assert server.told(42) == [platforms.FAILED(ENGLISH)]
    assert server.told(43) == server.told(44) == [platforms.FAILED(SPANISH)]
    assert [str(entry["exc_info"]) for entry in logs if entry["event"] == "telegram: not answered"] == ["a bug"] * 3


async def test_the_apology_comes_even_when_the_chat_handler_does_not_know_the_language(
    here, server, chat_handler, monkeypatch
) -> None:
    async def broken_too(*_):
        raise OSError("disk full")

    monkeypatch.setattr(chat_handler, "subscription", broken_too)
    chat_handler.replies["status"] = RuntimeError("a bug")
    server.say("/status", language="es")
    await until(lambda: server.messages)

    assert server.told(42) == [platforms.FAILED(SPANISH)]


# ── buttons ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_pressed_button_sends_its_command_and_is_acknowledged_before_the_answer(
    here, server, chat_handler
) -> None:
    chat_handler.thinking = asyncio.Event()
    server.press("watch TX", language="es")
    await until(lambda: chat_handler.asked)

    [call] = server.called("answerCallbackQuery")
    assert "text" not in call.arguments
    assert not server.messages
    chat_handler.thinking.set()
    await until(lambda: server.messages)
    assert (chat_handler.texts, chat_handler.asked[0].language) == (["watch TX"], "es")


async def test_an_answer_in_place_changes_the_message_and_its_buttons(here, server, chat_handler) -> None:
    chat_handler.replies["states"] = said("Choose", buttons=((Button("TX", "pick TX"),),))
    chat_handler.replies["pick TX"] = said("Chosen", buttons=((Button("✓TX", "pick TX"),),), in_place=True)
    server.say("/states")
    await until(lambda: server.messages)
    number = int(server.messages[0].message_id)
    server.press("pick TX", message_id=number)
    await until(lambda: server.edits)
    server.press("pick TX", message_id=number)  # the same again: "message is not modified"
    await quiet(server)

    [edit] = server.edits
    assert (edit.message_id, edit.text, edit.preview) == (str(number), "Chosen", False)
    assert "✓TX" in json.loads(edit.arguments["reply_markup"])["inline_keyboard"][0][0]["text"]
    assert server.told(42) == ["Choose"]


async def test_an_answer_that_is_not_in_place_is_a_new_message(here, server, chat_handler) -> None:
    server.press("status")
    await until(lambda: server.messages)

    assert not server.edits


@pytest.mark.parametrize(
    "description",
    ["message can't be edited", "message to edit not found", "MESSAGE_ID_INVALID"],
)
async def test_a_message_that_can_no_longer_be_edited_is_followed_by_a_new_one(
    here, server, chat_handler, description
) -> None:
    chat_handler.replies["pick TX"] = said("Chosen", in_place=True)
    server.fail("editMessageText", refused(400, f"Bad Request: {description}"))
    server.press("pick TX", age=None)
    await until(lambda: server.messages)

    assert server.told(42) == ["Chosen"]


async def test_a_press_too_old_to_be_acknowledged_is_still_answered(here, server, chat_handler) -> None:
    server.fail("answerCallbackQuery", refused(400, "Bad Request: query is too old and response timeout expired"))
    server.press("watch TX")
    await until(lambda: server.messages)

    assert server.told(42) == ["You said watch TX."]


async def test_quick_presses_are_all_handled_at_once_and_waiting_edits_are_merged(server, chat_handler) -> None:
    for state in ("TX", "OK", "FL", "GA"):
        chat_handler.replies[f"pick {state}"] = said(f"Chosen {state}", in_place=True)
    now = 0.0
    rate_limit = RateLimit(clock=lambda: now, sleep=lambda _: asyncio.sleep(0.001))
    rate_limit.hold("42", 10)
    sender = TelegramSender(token=server.token, base_url=server.url, rate_limit=rate_limit)
    async with listening(TelegramListener(sender, menu={}), chat_handler):
        for state in ("TX", "OK", "FL", "GA"):
            server.press(f"pick {state}")
        await until(lambda: len(chat_handler.asked) == 4)
        now = 10.0
        await until(lambda: server.edits and server.edits[-1].text == "Chosen GA")
    await sender.close()

    assert chat_handler.texts == ["pick TX", "pick OK", "pick FL", "pick GA"]
    assert len(server.edits) <= 2


# ── who may ask ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["administrator", "creator"])
async def test_administrators_of_a_group_may_change_it(here, server, chat_handler, status) -> None:
    server.members[str(GROUP), "9"] = status
    server.say("/watch TX", chat=GROUP, user=9)
    await until(lambda: chat_handler.asked)

    assert (chat_handler.asked[0].address, chat_handler.asked[0].text) == (str(GROUP), "watch TX")


async def test_an_anonymous_administrator_may_change_the_group(here, server, chat_handler) -> None:
    server.say_anonymously("/watch TX", chat=GROUP)
    await until(lambda: chat_handler.asked)

    assert not server.called("getChatMember")


async def test_writing_in_the_name_of_a_channel_makes_no_administrator_of_the_group(here, server, chat_handler) -> None:
    server.say("/watch TX", chat=GROUP, user=136817688, sender_chat={"id": -1005, "type": "channel", "title": "X"})
    await until(lambda: server.told(GROUP))

    assert (chat_handler.asked, server.told(GROUP)) == ([], [platforms.ADMINISTRATORS_ONLY(ENGLISH)])


async def test_a_member_is_refused_in_one_line_that_cannot_be_used_to_flood(here, server, chat_handler) -> None:
    for name in sorted(CHANGING):
        server.say(f"/{name} TX", chat=GROUP, user=MEMBER)
    server.say("/watch TX", chat=-43, user=MEMBER, language="es")
    await quiet(server)

    assert not chat_handler.asked
    assert server.told(GROUP) == [platforms.ADMINISTRATORS_ONLY(ENGLISH)]
    assert server.told(-43) == [platforms.ADMINISTRATORS_ONLY(SPANISH)]


@pytest.mark.parametrize("typed", ["/subscribe TX", "/cancel", "/seguir Texas", "/pausa", "/preferences", "/dejar TX"])
async def test_a_member_is_refused_by_whatever_word_the_command_is_called(here, server, chat_handler, typed) -> None:
    server.say(typed, chat=GROUP, user=MEMBER)
    await until(lambda: server.told(GROUP))

    assert (chat_handler.asked, server.told(GROUP)) == ([], [platforms.ADMINISTRATORS_ONLY(ENGLISH)])


async def test_a_member_may_ask_by_other_words_and_other_bots_keep_theirs(here, server, chat_handler) -> None:
    for typed in ("/what", "/about", "/recientes", "/hola", "/weather TX"):
        server.say(typed, chat=GROUP, user=MEMBER)
    await until(lambda: len(chat_handler.asked) == 4)

    assert chat_handler.texts == ["what", "about", "recientes", "hola"]
    assert not server.called("getChatMember")


async def test_a_refusal_uses_the_groups_chosen_language(here, server, chat_handler) -> None:
    chat_handler.languages[str(GROUP)] = Language.SPANISH
    server.say("/watch TX", chat=GROUP, user=MEMBER)
    await until(lambda: server.messages)

    assert server.told(GROUP) == [platforms.ADMINISTRATORS_ONLY(SPANISH)]


async def test_a_group_is_refused_again_after_a_while(server, sender, chat_handler) -> None:
    async with listening(TelegramListener(sender, menu={}, refuse_every=0.05), chat_handler):
        for _ in range(1_000):
            server.say("/watch TX", chat=GROUP, user=MEMBER)
            await quiet(server)
            if len(server.told(GROUP)) == 2:
                break
    assert server.told(GROUP) == [platforms.ADMINISTRATORS_ONLY(ENGLISH)] * 2


async def test_any_member_may_use_commands_that_only_read(here, server, chat_handler) -> None:
    for name in sorted(READING):
        server.say(f"/{name} FL", chat=GROUP, user=MEMBER)
        server.press(f"{name} FL", chat=GROUP, user=MEMBER)
    await until(lambda: len(chat_handler.asked) == 2 * len(READING))

    assert not server.called("getChatMember")


async def test_each_press_in_a_group_is_checked_again(here, server, chat_handler) -> None:
    server.press("pick TX", chat=GROUP, user=ADMIN)
    await until(lambda: chat_handler.asked)
    server.members[str(GROUP), str(ADMIN)] = "member"
    server.press("pick OK", chat=GROUP, user=ADMIN)
    await until(lambda: len(server.called("answerCallbackQuery")) == 2)
    await quiet(server)

    assert chat_handler.texts == ["pick TX"]
    refusal = server.called("answerCallbackQuery")[1].arguments
    assert (refusal["text"], refusal["show_alert"]) == (platforms.ADMINISTRATORS_ONLY(ENGLISH), "true")
    assert platforms.ADMINISTRATORS_ONLY(ENGLISH) not in server.told(GROUP)


def test_a_refusal_fits_an_alert() -> None:
    assert all(len(platforms.ADMINISTRATORS_ONLY(language)) <= 200 for language in Language)


async def test_nothing_changes_when_telegram_does_not_say_who_is_an_administrator(here, server, chat_handler) -> None:
    server.fail("getChatMember", broken(), broken())
    server.say("/watch TX", chat=GROUP, user=ADMIN)
    server.press("watch TX", chat=GROUP, user=ADMIN)
    await until(lambda: len(server.told(GROUP)) == 2)

    assert not chat_handler.asked
    assert server.told(GROUP) == [platforms.FAILED(ENGLISH)] * 2
    assert server.called("answerCallbackQuery")


# ── channels ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["@some_channel", "@Some_Channel", "https://t.me/some_channel", str(CHANNEL)])
async def test_a_channel_is_set_up_from_a_private_chat(here, server, chat_handler, name) -> None:
    server.say(f"/channel {name} watch TX  OK", chat=ADMIN, user=ADMIN, language="es")
    await until(lambda: server.messages)

    [asked] = chat_handler.asked
    assert (asked.address, asked.text, asked.language) == (str(CHANNEL), "watch TX OK", "es")
    assert server.told(ADMIN) == ["You said watch TX OK."]


async def test_a_channel_without_a_command_shows_its_status(here, server, chat_handler) -> None:
    server.say("/channel @some_channel", chat=ADMIN, user=ADMIN)
    await until(lambda: chat_handler.asked)

    assert chat_handler.asked[0].text == "status"


async def test_buttons_under_such_an_answer_concern_the_channel_and_are_checked_again(
    here, server, chat_handler
) -> None:
    chat_handler.replies["watch TX"] = said("Watching", buttons=((Button("Undo", "undo 3"),),))
    chat_handler.replies["undo 3"] = said("Undone", in_place=True)
    server.say("/channel @some_channel watch TX", chat=ADMIN, user=ADMIN)
    await until(lambda: server.messages)
    [[button]] = json.loads(server.messages[0].arguments["reply_markup"])["inline_keyboard"]
    server.press(button["callback_data"], chat=ADMIN, user=ADMIN, message_id=int(server.messages[0].message_id))
    await until(lambda: server.edits)
    server.members[str(CHANNEL), str(ADMIN)] = "member"
    server.press(button["callback_data"], chat=ADMIN, user=ADMIN)
    await until(lambda: len(server.messages) == 2)

    assert [(asked.address, asked.text) for asked in chat_handler.asked] == [
        (str(CHANNEL), "watch TX"),
        (str(CHANNEL), "undo 3"),
    ]
    assert [edit.text for edit in server.edits] == ["Undone"]
    assert server.told(ADMIN)[1] == f"Only an administrator of {CHANNEL} can set it up."


@pytest.mark.parametrize("rest", ["", "watch TX", "x"])
async def test_without_a_channels_name_it_says_how_to_write_one(here, server, chat_handler, rest) -> None:
    server.say(f"/channel {rest}", chat=ADMIN, user=ADMIN)
    await until(lambda: server.messages)

    assert (server.told(ADMIN), chat_handler.asked) == ([platforms.CHANNEL_HOW(ENGLISH)], [])


async def test_an_unknown_channel_a_group_and_a_closed_channel_are_told_apart(here, server, chat_handler) -> None:
    server.unknown.add("@secret_channel")
    server.muted.add(CHANNEL)
    server.members["-1002", str(BOT)] = "administrator"
    for name in ("@secret_channel", "-1002", "@some_channel"):
        server.say(f"/channel {name} watch TX", chat=ADMIN, user=ADMIN)
    await until(lambda: len(server.messages) == 3)

    assert server.told(ADMIN) == [
        phrase(ENGLISH, name=name, bot="countersign_bot")
        for phrase, name in (
            (platforms.CHANNEL_UNKNOWN, "@secret_channel"),
            (platforms.CHANNEL_IS_OTHER, "-1002"),
            (platforms.CHANNEL_CLOSED, "@some_channel"),
        )
    ]
    assert not chat_handler.asked


@pytest.mark.parametrize("status", ["member", "left", "kicked"])
async def test_a_channel_where_the_bot_is_not_an_administrator_is_closed(here, server, chat_handler, status) -> None:
    server.members[str(CHANNEL), str(BOT)] = status
    server.say("/channel @some_channel watch TX", chat=ADMIN, user=ADMIN, language="es")
    await until(lambda: server.messages)

    assert server.told(ADMIN) == [platforms.CHANNEL_CLOSED(SPANISH, name="@some_channel", bot="countersign_bot")]


async def test_only_an_administrator_of_the_channel_may_set_it_up(here, server, chat_handler) -> None:
    server.say("/channel @some_channel watch TX", chat=MEMBER, user=MEMBER)
    await until(lambda: server.messages)

    assert server.told(MEMBER) == ["Only an administrator of @some_channel can set it up."]
    assert not chat_handler.asked


async def test_a_command_posted_in_a_channel_counts_as_its_administrators(here, server, chat_handler) -> None:
    server.post("/watch TX")
    server.post("Good morning")
    server.post("/nonsense")
    await until(lambda: server.told(CHANNEL))
    await quiet(server)

    assert [(asked.address, asked.text) for asked in chat_handler.asked] == [(str(CHANNEL), "watch TX")]


async def test_nobody_sets_anything_by_a_button_in_a_channel(here, server, chat_handler) -> None:
    server.press("panel kinds -signed", chat=CHANNEL, user=MEMBER)
    server.press("panel kinds -signed", chat=CHANNEL, user=ADMIN)
    await until(lambda: len(server.called("answerCallbackQuery")) == 2)

    alerts = [call.arguments.get("text") for call in server.called("answerCallbackQuery")]
    assert alerts == [platforms.NO_BUTTONS_IN_CHANNELS(ENGLISH, bot="countersign_bot")] * 2
    assert not chat_handler.asked


async def test_a_file_goes_out_with_its_answer_as_the_caption(here, server, chat_handler) -> None:
    file = File(name="287g-TX.csv", body=b"state,agency\n", media_type="text/csv")
    chat_handler.replies["list TX csv"] = said("2 agreements", file=file)
    server.press("list TX csv")
    await until(lambda: server.called("sendDocument"))

    sent = server.called("sendDocument")[0].arguments
    assert (sent["document"], sent["file_name"], sent["caption"]) == (file.body, file.name, "2 agreements")


async def test_a_group_cannot_point_at_a_channel(here, server, chat_handler) -> None:
    server.press(f"@{CHANNEL} watch TX", chat=GROUP, user=ADMIN)
    await until(lambda: chat_handler.asked)

    assert chat_handler.asked[0].address == str(GROUP)


# ── coming, going, moving ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("chat_id", "before", "after", "posts", "expected"),
    [
        (42, "member", "kicked", True, ("gone", "telegram", "42", "bot was blocked by the user")),
        (42, "kicked", "member", True, ("returned", "telegram", "42")),
        (-42, "member", "left", True, ("gone", "telegram", "-42", "bot was removed from the group")),
        (-42, "administrator", "kicked", True, ("gone", "telegram", "-42", "bot was removed from the group")),
        (-1007, "member", "kicked", True, ("gone", "telegram", "-1007", "bot was removed from the supergroup")),
        (-1007, "member", "restricted", False, ("gone", "telegram", "-1007", "bot may not write in the supergroup")),
        (CHANNEL, "left", "administrator", True, ("returned", "telegram", str(CHANNEL))),
        (
            CHANNEL,
            "administrator",
            "left",
            True,
            ("gone", "telegram", str(CHANNEL), "bot was removed from the channel"),
        ),
    ],
)
async def test_the_chat_handler_is_told_when_the_bot_is_removed_or_returns(
    here, server, chat_handler, chat_id, before, after, posts, expected
) -> None:
    server.membership(before, after, chat=chat_id, user=ADMIN, posts=posts)
    await until(lambda: chat_handler.told)
    await quiet(server)

    assert chat_handler.told == [expected]
    assert not chat_handler.asked


@pytest.mark.parametrize("after", ["member", "administrator"])
async def test_it_says_hello_in_a_group_it_is_added_to(here, server, chat_handler, after) -> None:
    server.membership("left", after, chat=GROUP, user=MEMBER, language="es")
    await until(lambda: server.told(GROUP))

    assert chat_handler.told == [("returned", "telegram", str(GROUP))]
    assert [(asked.text, asked.address, asked.language) for asked in chat_handler.asked] == [
        ("joined administrators", str(GROUP), "es")
    ]


async def test_a_promotion_changes_nothing(here, server, chat_handler) -> None:
    server.membership("member", "administrator", chat=GROUP)
    await quiet(server)

    assert (chat_handler.told, chat_handler.texts) == ([], [])


async def test_a_group_that_becomes_a_supergroup_keeps_its_settings(here, server, chat_handler) -> None:
    server.migrate(GROUP, -1001234567890)
    await quiet(server)

    moved, back = ("moved", "telegram", str(GROUP), "-1001234567890"), ("returned", "telegram", "-1001234567890")
    assert sorted(chat_handler.told) == [moved, moved, back, back]  # the old chat says it, and the new one
    assert not chat_handler.asked


# ── the menu ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_commands_are_registered_for_each_kind_of_chat_in_both_languages(here, server) -> None:
    menus = {
        (json.loads(call.arguments["scope"])["type"], call.arguments.get("language_code", "")): {
            entry["command"]: entry["description"] for entry in json.loads(call.arguments["commands"])
        }
        for call in server.called("setMyCommands")
    }

    scopes = ("all_private_chats", "all_group_chats", "all_chat_administrators")
    assert set(menus) == {(scope, code) for scope in scopes for code in ("", "es")}
    assert set(menus["all_private_chats", ""]) == CHANGING | READING | {"channel"}
    assert set(menus["all_group_chats", "es"]) == READING
    assert set(menus["all_chat_administrators", "es"]) == CHANGING | READING
    assert menus["all_private_chats", "es"]["watch"] == "Sobre watch"
    assert menus["all_private_chats", ""]["watch"] == "About watch"


async def test_a_rejected_menu_does_not_stop_the_listening(server, chat, chat_handler) -> None:
    server.fail("setMyCommands", refused(400, "Bad Request: BOT_COMMAND_INVALID"))
    async with listening(chat, chat_handler):
        await quiet(server)


# ── long polling ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_library_keeps_no_list_of_the_chats_it_heard_from(server, chat, chat_handler) -> None:
    stranger = 987_654_321
    async with listening(chat, chat_handler):
        server.say("/status", chat=stranger, user=stranger)
        await until(lambda: server.messages)
        assert not [each for each in gc.get_objects() if type(each) is set and stranger in each]


async def test_messages_sent_while_no_program_listened_are_answered(server, chat, chat_handler) -> None:
    for number in range(3):
        server.say(f"/watch {number}")
    async with listening(chat, chat_handler):
        await until(lambda: len(server.messages) == 3)

    assert chat_handler.texts == ["watch 0", "watch 1", "watch 2"]
    [call] = server.called("deleteWebhook")
    assert call.arguments.get("drop_pending_updates", "false") == "false"
    allowed = json.loads(server.called("getUpdates")[0].arguments["allowed_updates"])
    assert sorted(allowed) == [
        "callback_query",
        "channel_post",
        "edited_channel_post",
        "edited_message",
        "message",
        "my_chat_member",
    ]


async def test_an_answered_message_does_not_come_again_after_a_restart(server, chat, sender, chat_handler) -> None:
    async with listening(chat, chat_handler):
        server.say("/watch TX")
        await until(lambda: server.messages)
    async with listening(TelegramListener(sender, menu={}, pause=0.02), chat_handler):
        await quiet(server)

    assert chat_handler.texts == ["watch TX"]


async def test_an_interrupted_message_comes_again_after_a_restart(server, chat, sender, chat_handler) -> None:
    chat_handler.thinking = asyncio.Event()
    async with listening(chat, chat_handler):
        server.say("/watch TX")
        await until(lambda: chat_handler.asked)
    chat_handler.thinking.set()
    async with listening(TelegramListener(sender, menu={}, pause=0.02), chat_handler):
        await until(lambda: server.messages)

    assert chat_handler.texts == ["watch TX", "watch TX"]
    assert server.told(42) == ["You said watch TX."]


async def test_a_message_under_way_is_answered_before_stopping_and_does_not_come_again(
    server, chat, sender, chat_handler
) -> None:
    chat_handler.thinking = asyncio.Event()
    async with listening(TelegramListener(sender, menu={}, grace=600), chat_handler) as task:
        server.say("/watch TX")
        await until(lambda: chat_handler.asked)
        task.cancel()
        await asyncio.sleep(0)
        chat_handler.thinking.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with listening(TelegramListener(sender, menu={}, pause=0.02), chat_handler):
        await quiet(server)

    assert server.told(42) == ["You said watch TX."]


async def test_stopping_leaves_no_task_behind_and_the_senders_client_open(server, chat, sender, chat_handler) -> None:
    before = asyncio.all_tasks()
    async with listening(chat, chat_handler):
        await quiet(server)
    await until(lambda: asyncio.all_tasks() <= before | _server_tasks())

    assert await sender.bot.get_me()


def _server_tasks() -> set[asyncio.Task]:
    return {task for task in asyncio.all_tasks() if "aiohttp" in repr(task) or "RequestHandler" in repr(task)}


@pytest.mark.slow
async def test_a_second_cancellation_does_not_wait_for_messages_under_way(server, sender, chat_handler) -> None:
    chat_handler.thinking = asyncio.Event()
    chat = TelegramListener(sender, menu={}, grace=3_600)
    chat.webhook("https://bot.example/telegram", SECRET)
    async with listening(chat, chat_handler) as task:
        await until(lambda: server.called("setWebhook"))
        while (await take(chat, posted())) != 200:  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0.005)
        await until(lambda: chat_handler.asked)
        task.cancel()
        while (await take(chat, posted())) != 503:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 60)


async def test_another_process_with_the_same_token_is_reported_and_waited_for(server, chat, chat_handler) -> None:
    server.fail("getUpdates", conflict(), conflict())
    with capture_logs() as logs:
        async with listening(chat, chat_handler):
            await quiet(server)

    told = [entry for entry in logs if "another process is using this Telegram bot's token" in entry["event"]]
    assert [entry["again_in"] for entry in told] == ["0.02 s", "0.04 s"]


@pytest.mark.parametrize("method", ["getMe", "deleteWebhook", "getUpdates"])
@pytest.mark.parametrize(
    "faults",
    [
        (dropped(), broken(502, "Bad Gateway")),
        (page("<html>Maintenance</html>"), page('{"ok": true}')),
        (refused(401, "Unauthorized"), page("[]")),
    ],
)
async def test_a_lost_connection_is_restored(server, chat, chat_handler, method, faults) -> None:
    server.fail(method, *faults)
    with capture_logs() as logs:
        async with listening(chat, chat_handler):
            await quiet(server)

    assert len([entry for entry in logs if "again_in" in entry]) == 2


async def test_empty_answers_that_come_at_once_are_followed_by_a_pause(server, sender, chat_handler) -> None:
    server.fail("getUpdates", *[page('{"ok": true, "result": []}')] * 100)
    async with listening(TelegramListener(sender, menu={}, pause=3_600), chat_handler):
        await until(lambda: server.called("getUpdates"))
        for _ in range(20):
            await sender.bot.get_me()
        assert len(server.called("getUpdates")) == 1


async def test_an_unreadable_update_does_not_stop_the_others(here, server, chat_handler) -> None:
    server.push(message={"text": "no chat, no date"})
    server.push(callback_query={"id": 5})
    server.push(chat_boost={"new": "kind"})
    await quiet(server)

    assert not chat_handler.asked


# ── webhook ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def posted(text: str = "/watch TX", number: int = 1) -> bytes:
    person = {"id": 42, "is_bot": False, "first_name": "Ada"}
    message = {"message_id": 1, "date": 1, "chat": {"id": 42, "type": "private"}, "from": person, "text": text}
    message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.partition(" ")[0])}]
    return json.dumps({"update_id": number, "message": message}).encode()


async def take(chat: TelegramListener, body: bytes, headers: dict[str, str] = HEADERS) -> int:
    """Have a webhook's request answered; the status of the answer."""
    return (await chat.receive("/telegram/webhook", headers, body)).status


@pytest.fixture
async def hooked(chat: TelegramListener, chat_handler: FakeChatHandler, server: LoopbackTelegram):
    chat.webhook("https://bot.example/telegram", SECRET)
    async with listening(chat, chat_handler):
        await until(lambda: server.called("setMyCommands"))
        yield chat


async def test_a_webhook_is_set_with_its_secret_and_nothing_is_polled(hooked, server, chat_handler) -> None:
    assert await take(hooked, posted()) == 200
    await until(lambda: server.told(42))

    assert server.webhook["url"] == "https://bot.example/telegram"
    assert server.webhook["secret_token"] == SECRET
    assert "my_chat_member" in server.webhook["allowed_updates"]
    assert server.webhook.get("drop_pending_updates", "false") == "false"
    assert not server.called("getUpdates")
    assert chat_handler.texts == ["watch TX"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Telegram-Bot-Api-Secret-Token": ""},
        {"X-Telegram-Bot-Api-Secret-Token": "á\udc80"},
        {"Authorization": SECRET},
    ],
)
async def test_a_webhook_without_the_secret_is_refused(hooked, chat_handler, headers) -> None:
    assert await take(hooked, posted(), headers) == 403
    assert not chat_handler.asked


async def test_headers_may_come_in_any_case(hooked) -> None:
    assert await take(hooked, posted(), {"x-telegram-bot-api-secret-token": SECRET}) == 200


async def test_a_body_too_large_or_not_json_is_rejected_and_an_odd_update_is_ignored(hooked, chat_handler) -> None:
    assert await take(hooked, b" " * (LARGEST_BODY + 1)) == 413
    assert await take(hooked, b"\xff{") == 400
    assert await take(hooked, b"[" * 100_000) == 400
    assert await take(hooked, b'{"update_id": 1, "message": {}}') == 200
    assert await take(hooked, b"[]") == 400
    assert not chat_handler.asked


async def test_while_no_one_listens_telegram_is_asked_to_send_updates_again(chat) -> None:
    assert await take(chat, posted()) == 403
    chat.webhook("https://bot.example/telegram", SECRET)
    assert await take(chat, posted()) == 503


def test_a_secret_that_telegram_would_reject_is_rejected_here(chat) -> None:
    for secret in ("", "a b", "x" * 257, "ñ"):
        with pytest.raises(UsageError, match="secret"):
            chat.webhook("https://bot.example/telegram", secret)


# ── how much at once ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_chat_is_answered_in_order_and_does_not_hold_up_another(here, server, chat_handler) -> None:
    chat_handler.thinking = asyncio.Event()
    for number in range(5):
        server.say(f"/watch {number}")
    server.say("/watch x", chat=43, user=43)
    await until(lambda: len(chat_handler.asked) == 2)
    assert sorted(chat_handler.texts) == ["watch 0", "watch x"]
    chat_handler.thinking.set()
    await until(lambda: len(server.messages) == 6)

    assert server.told(42) == [f"You said watch {number}." for number in range(5)]


async def test_a_flooding_chat_loses_the_excess_and_others_are_served(here, server, chat_handler) -> None:
    chat_handler.thinking = asyncio.Event()
    with capture_logs() as logs:
        for number in range(99):
            server.say(f"/watch {number}")
        server.say("/help", chat=43, user=43)
        await until(lambda: len(chat_handler.asked) == 2)
    chat_handler.thinking.set()
    await until(lambda: len(server.told(42)) == 50)
    await quiet(server)

    assert server.told(43) == ["You said help."]
    assert len(server.told(42)) == 50
    assert sum("too many requests at once" in entry["event"] for entry in logs) == 49


async def test_a_queue_goes_on_after_a_job_that_failed_or_was_canceled() -> None:
    queue, done = KeyedQueue(each=9, most=9, at_once=9), []

    async def job(number: int) -> None:
        await asyncio.sleep(0)
        if number == 1:
            raise ValueError
        done.append(number)

    tasks = [await queue.add("x", lambda n=n: job(n)) for n in range(4)]
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert done == [0, 3]
    assert not queue.waiting


async def test_a_queue_takes_no_more_jobs_than_there_is_room_for() -> None:
    queue, gate = KeyedQueue(each=2, most=3, at_once=3), asyncio.Event()
    for key in ("x", "x", "y"):
        await queue.add(key, gate.wait)
    with pytest.raises(QueueFull):
        await queue.add("x", gate.wait)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.add("z", gate.wait), 0.02)
    assert queue.waiting == {"x": 2, "y": 1}
    gate.set()
    async with asyncio.timeout(60):
        await queue.add("z", gate.wait)


async def test_many_jobs_of_one_key_do_not_delay_those_of_others() -> None:
    queue, ran = KeyedQueue(each=50, most=1_000, at_once=2), []

    async def job(key: str) -> None:
        await asyncio.sleep(0)
        ran.append(key)

    tasks = [await queue.add(key, lambda key=key: job(key)) for key in [*("x" * 50), *("y" * 50), "z"]]
    await tasks[-1]
    assert len(ran) <= 6, "the last comer waits for the running jobs, not for a hundred waiting ones"
    await asyncio.gather(*tasks)


async def test_only_so_many_jobs_run_at_once() -> None:
    queue, running, most = KeyedQueue(each=9, most=99, at_once=3), set(), []

    async def job(number: int) -> None:
        running.add(number)
        most.append(len(running))
        await asyncio.sleep(0)
        running.discard(number)

    await asyncio.gather(*[await queue.add(number, lambda n=number: job(n)) for number in range(20)])
    assert max(most) == 3


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_no_log_line_contains_the_token_whatever_goes_wrong() -> None:
    """Run in a process of its own, because the libraries' loggers are set as the program sets them."""
    code = f"""
import asyncio, logging, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from bot.channels.rate_limit import RateLimit
from bot.channels.telegram.sender import TelegramSender
from bot.channels.telegram.listener import TelegramListener
from support.loopback.server import page, dropped
from support.loopback.telegram import LoopbackTelegram, blocked, conflict, refused
from channels.telegram.test_listener import FakeChatHandler, until
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
for name in ("httpx", "httpcore"):
    logging.getLogger(name).setLevel(logging.WARNING)
async def main():
    async with LoopbackTelegram() as server:
        sender = TelegramSender(token=server.token, base_url=server.url, rate_limit=RateLimit())
        chat_handler = FakeChatHandler(replies={{"status": RuntimeError("a bug")}})
        leak = page(f"<html>/bot{{server.token}}/</html>")
        for method in ("getMe", "deleteWebhook", "setMyCommands", "getUpdates", "getChatMember", "editMessageText"):
            server.fail(method, refused(401, "Unauthorized"), leak, dropped(), conflict(), refused(400, server.token))
        server.script(42, blocked(server.token), leak)
        task = asyncio.create_task(TelegramListener(sender, menu={{}}, pause=0.01).listen(chat_handler))
        for _ in range(3):
            server.say("/status")
            server.say("/watch TX", chat=-42, user=7)
        await until(lambda: len(server.told(42)) > 1 and len(server.told(-42)) > 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sender.close()
asyncio.run(main())
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.count("not answered") > 2
    assert "rejected the bot's token" in shown.stdout
    assert "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw" not in shown.stdout + shown.stderr
    assert "Please use" not in shown.stderr


# ── updates that come again ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "again",
    [
        {"message": {"text": "/stop", "entities": [{"type": "bot_command", "offset": 0, "length": 5}]}},
        {"message": {"text": "watch TX"}},
        {"callback_query": {"data": "pick TX"}},
        {"my_chat_member": "left"},
    ],
)
async def test_an_update_that_telegram_posts_again_is_handled_once(hooked, server, chat_handler, again) -> None:
    person, chat = {"id": 42, "is_bot": False, "first_name": "Ada"}, {"id": 42, "type": "private"}
    base = {"message_id": 5, "date": 1, "chat": chat, "from": person}
    (kind, content), *_ = again.items()
    if kind == "message":
        content = base | content
    elif kind == "callback_query":
        content = {"id": "77", "from": person, "chat_instance": "1", "message": base | {"text": "?"}} | content
    else:
        bot = {"id": BOT, "is_bot": True, "first_name": "B"}
        content = {"chat": chat, "from": person, "date": 1, "old_chat_member": {"status": "member", "user": bot}}
        content["new_chat_member"] = {"status": "kicked", "user": bot, "until_date": 0}
    body = json.dumps({"update_id": 9, kind: content}).encode()
    statuses = await asyncio.gather(*(take(hooked, body) for _ in range(3)))
    await until(lambda: not any(task.get_name() == JOB for task in asyncio.all_tasks()))

    assert statuses == [200, 200, 200]
    assert len(chat_handler.asked) + len(chat_handler.told) == 1
    assert len(server.told(42)) == len(chat_handler.asked)


async def test_an_update_fetched_again_after_a_restart_is_handled_once(server, sender, tmp_path) -> None:
    store, chat_handler = TinyStore.open(tmp_path), FakeChatHandler()
    server.say("/stop")
    stop = server.pushed
    for _ in range(2):
        chat = TelegramListener(sender, menu=MENU, pause=0.02, notes=StoredNotes(store, "handled"))
        async with listening(chat, chat_handler):
            await quiet(server)
        server.push_again(stop)
    await store.close()

    assert chat_handler.texts == ["stop"]
    assert server.told(42) == ["You said stop."]


async def test_the_bots_name_is_kept_so_that_the_public_pages_can_link_to_it(server, sender, tmp_path) -> None:
    store = TinyStore.open(tmp_path)
    chat = TelegramListener(sender, menu=MENU, pause=0.02, names=StoredNotes(store, BOT_NAMES))
    for _ in range(2):
        async with listening(chat, FakeChatHandler()):
            await quiet(server)
    kept = await store.notes(BOT_NAMES)
    await store.close()

    assert kept == {"telegram": sender.bot.username}


# ── commands that weren't sent as one ────────────────────────────────────────────────────────────────────────────────


def message(text: str, *, key: str = "text", chat: int = 42, kind: str = "private", edited: int | None = None) -> dict:
    person = {"id": 42, "is_bot": False, "first_name": "Ada"}
    made = {
        "message_id": 5,
        "date": 1_000_000,
        "chat": {"id": chat, "type": kind, "title": "A"},
        "from": person,
        key: text,
    }
    entity = {"type": "bot_command", "offset": 0, "length": len(text.partition(" ")[0])}
    made["entities" if key == "text" else "caption_entities"] = [entity] if text.startswith("/") else []
    return made | ({"edit_date": made["date"] + edited} if edited is not None else {})


@pytest.mark.parametrize(
    "update",
    [
        {"edited_message": message("/watch TX", edited=60)},
        {"message": message("/watch TX", key="caption")},
        {"edited_message": message("/watch TX", key="caption", edited=5)},
        {"channel_post": message("/watch TX", key="caption", chat=CHANNEL, kind="channel")},
        {"edited_channel_post": message("/watch TX", chat=CHANNEL, kind="channel", edited=5)},
        {"message": message("/watch TX", key="caption", chat=GROUP, kind="supergroup")},
    ],
)
async def test_an_edited_command_or_one_in_a_caption_is_answered_with_how_to_send_it(
    here, server, chat_handler, update
) -> None:
    [content] = update.values()
    server.push(**update)
    await quiet(server)

    [told] = server.told(content["chat"]["id"])
    assert "Send this as a new message: /watch TX" in told
    assert not chat_handler.asked


@pytest.mark.parametrize(
    "update",
    [
        {"edited_message": message("/watch TX", edited=7_200)},
        {"edited_message": message("good morning", edited=5)},
        {"message": message("a picture", key="caption")},
        {"message": message("/weather TX", key="caption", chat=GROUP, kind="supergroup")},
    ],
)
async def test_other_edits_and_captions_are_passed_over(here, server, chat_handler, update) -> None:
    server.push(**update)
    await quiet(server)

    assert not chat_handler.asked
    assert not [said for chat in (42, GROUP) for said in server.told(chat)]
