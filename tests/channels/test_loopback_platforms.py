"""The loopback platforms as the libraries see them. The other tests rest on them."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from support.loopback import slack as slack_loopback
from support.loopback import telegram as telegram_loopback
from support.loopback.server import ANYONE, Flood, RandomFaults, delayed, dropped, late
from support.loopback.slack import LoopbackSlack
from support.loopback.slack_people import eventually
from support.loopback.telegram import LoopbackTelegram, broken, flooded, read
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest, Conflict, InvalidToken, NetworkError, RetryAfter

pytestmark = pytest.mark.filterwarnings("ignore:.*`retry_after` will be")  # as bot.channels.telegram.sender has it


async def repeated(send: Callable[[], Awaitable[object]]) -> None:
    """Send again and again, until a limit ends it."""
    for _ in range(100):
        await send()


@pytest.fixture
async def telegram():
    async with LoopbackTelegram() as server:
        yield server


@pytest.fixture
async def bot(telegram: LoopbackTelegram):
    async with Bot(telegram.token, base_url=telegram.url) as bot:
        yield bot


@pytest.fixture
async def slack():
    async with LoopbackSlack() as server:
        yield server


@pytest.fixture
def client(slack: LoopbackSlack) -> AsyncWebClient:
    return AsyncWebClient(slack.token, base_url=slack.url, retry_handlers=[])


@pytest.mark.parametrize(
    "text",
    [
        "a < b",
        "a > b",
        "a & b",
        "a &nbsp; b",
        "<b>bold",
        "bold</b>",
        "<b><i>crossed</b></i>",
        "<div>x</div>",
        "<br>",
        '<b class="x">x</b>',
        "<a>x</a>",
        "<a href=https://x.example/>x</a>",
        '<a href="https://x.example/?a&b">x</a>',
        '<a href="https://x.example/" title="x">x</a>',
        '<a href="https://x.example/"><a href="https://y.example/">x</a></a>',
    ],
)
def test_telegrams_html_is_read_strictly(text: str) -> None:
    with pytest.raises(telegram_loopback.Refused, match="can't parse entities"):
        read(text, "HTML")


def test_telegrams_html_is_read_as_a_reader_sees_it() -> None:
    shown = read(' <b>A &amp; B</b>\n<a href="https://x.example/?a=1&amp;b=2">l<i>in</i>k</a> &#39;&lt;&quot; ', "HTML")

    assert shown.text == "A & B\nlink '<\""
    assert shown.links == (("link", "https://x.example/?a=1&b=2"),)
    assert shown.entities == 3


def test_telegram_drops_links_no_one_can_follow_and_marks_only_a_hundred_runs() -> None:
    assert read('<a href="javascript:x">x</a>', "HTML") == telegram_loopback.Reading("x")
    many = read('<a href="https://x.example/">x</a>' * 120, "HTML")
    assert (len(many.links), many.text) == (100, "x" * 120)


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("x" * 4_097, "message is too long"),
        ("🙂" * 2_049, "message is too long"),
        (" \n ", "message text is empty"),
        ("half \ud83d", "must be encoded in UTF-8"),
        ('<a href="https://x.example/%s">x</a>' % ("y" * 9_600), "ENTITIES_TOO_LONG"),
    ],
)
def test_telegram_rejects_what_does_not_fit(text: str, description: str) -> None:
    with pytest.raises(telegram_loopback.Refused, match=description):
        read(text, "HTML")
    assert read("🙂" * 2_048 + "<b></b>", "HTML").text == "🙂" * 2_048


async def test_telegram_answers_a_bots_questions(bot: Bot, telegram: LoopbackTelegram) -> None:
    telegram.members[("-42", "7")] = "administrator"

    assert (await bot.get_me()).username == "countersign_bot"
    assert await bot.set_my_commands([("watch", "Watch a state")])
    assert (await bot.get_chat_member(-42, 7)).status == "administrator"
    assert (await bot.get_chat_member(-42, 8)).status == "member"
    assert [member.user.id for member in await bot.get_chat_administrators(-42)] == [7]
    assert (await bot.get_chat(-42)).type == "group"
    assert await bot.answer_callback_query("q1")
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("FL", callback_data="FL")]])
    assert (await bot.edit_message_text("<b>x</b>", 42, 7, parse_mode="HTML", reply_markup=keyboard)).text == "x"
    assert await bot.set_webhook("https://x.example/", secret_token="s")
    assert (await bot.get_webhook_info()).url == "https://x.example/"
    assert await bot.delete_webhook()
    assert not telegram.messages


async def test_telegram_accepts_a_picture_with_its_caption(bot: Bot, telegram: LoopbackTelegram) -> None:
    await bot.send_photo(42, b"\x89PNG", caption="<b>A map</b>", parse_mode="HTML")
    with pytest.raises(BadRequest, match="too long"):
        await bot.send_photo(42, b"\x89PNG", caption="x" * 1_025)

    [message] = telegram.messages
    assert (message.text, message.photo, message.raw) == ("A map", b"\x89PNG", "<b>A map</b>")


async def test_telegram_hands_out_updates_until_they_are_confirmed(bot: Bot, telegram: LoopbackTelegram) -> None:
    polling = asyncio.create_task(bot.get_updates(timeout=5))
    await eventually(lambda: telegram.called("getUpdates"))
    telegram.say("/watch FL", chat=-42, user=7)
    telegram.press("watch:TX", chat=-42, user=7)
    command, button = await polling

    assert command.message.text == "/watch FL"
    assert command.message.parse_entities(["bot_command"])
    assert button.callback_query.data == "watch:TX"
    assert await bot.get_updates(offset=button.update_id) == (button,)
    assert await bot.get_updates(offset=button.update_id + 1) == ()


async def test_telegram_ends_a_poll_when_another_begins(bot: Bot, telegram: LoopbackTelegram) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=50))
    await eventually(lambda: telegram.called("getUpdates"))
    async with Bot(telegram.token, base_url=telegram.url) as other:
        second = asyncio.create_task(other.get_updates(timeout=50))
        with pytest.raises(Conflict):
            await first
        telegram.say("hello")
        assert len(await second) == 1


async def test_telegram_rejects_an_unknown_token(telegram: LoopbackTelegram) -> None:
    with pytest.raises(InvalidToken):
        await Bot("1:x", base_url=telegram.url).get_me()
    telegram.unauthorized = True
    with pytest.raises(InvalidToken):
        await Bot(telegram.token, base_url=telegram.url).get_me()


async def test_telegram_enforces_its_limits_when_asked_to() -> None:
    async with LoopbackTelegram(limits=True) as telegram, Bot(telegram.token, base_url=telegram.url) as bot:
        with pytest.raises(RetryAfter):
            await repeated(lambda: bot.send_message(42, "more than one a second"))
        told = len(telegram.messages)
        sent = await asyncio.gather(*(bot.send_message(chat, "x") for chat in range(100, 150)), return_exceptions=True)

    refused = sum(isinstance(result, RetryAfter) for result in sent)
    assert len(telegram.messages) == told + 50 - refused


async def test_a_script_plays_its_outcomes_in_order_and_then_everything_succeeds(
    bot: Bot, telegram: LoopbackTelegram
) -> None:
    telegram.script(42, flooded(3), None, dropped(after=True), dropped(), broken())
    telegram.script(ANYONE, delayed(0.05))
    outcomes = []
    for number in range(7):
        try:
            outcomes.append((await bot.send_message(42, str(number))).text)
        except (NetworkError, RetryAfter) as error:
            outcomes.append(type(error).__name__)

    assert outcomes == ["RetryAfter", "1", "NetworkError", "NetworkError", "NetworkError", "5", "6"]
    assert telegram.told(42) == ["1", "2", "5", "6"]
    assert [message.order for message in telegram.messages] == [1, 2, 3, 4]
    assert len({message.message_id for message in telegram.messages}) == 4
    assert telegram.messages == sorted(telegram.messages, key=lambda message: message.at)
    assert len(telegram.called("sendMessage")) == 7


async def test_a_late_answer_comes_after_the_message(bot: Bot, telegram: LoopbackTelegram) -> None:
    telegram.script(42, late(3_600))
    sending = asyncio.create_task(bot.send_message(42, "x", read_timeout=3_600))
    await eventually(lambda: telegram.told(42))

    assert telegram.told(42) == ["x"]
    assert not sending.done()
    sending.cancel()


def test_a_random_plan_has_its_rate_and_repeats_for_the_same_seed() -> None:
    def luck(seed: int) -> list:
        plan = RandomFaults([dropped(), broken()], rate=0.3, seed=seed)
        return [plan("42") for _ in range(1_000)]

    assert luck(1) == luck(1) != luck(2)
    assert luck(1).count(None) == pytest.approx(700, abs=50)
    assert luck(1).count(dropped()) == pytest.approx(150, abs=50)
    assert luck(1).count(broken()) == pytest.approx(150, abs=50)


def test_a_flood_is_counted_in_a_sliding_window() -> None:
    flood = Flood(2, 1.0, leeway=0)

    assert [flood.wait("x", moment) for moment in (0.0, 0.5)] == [0, 0]
    assert flood.wait("x", 0.9) == pytest.approx(0.1)
    assert flood.wait("y", 0.9) == 0
    assert flood.wait("x", 1.0) == 0
    assert flood.wait("x", 1.4) == pytest.approx(0.1)


def test_a_platform_can_run_in_a_thread_without_an_event_loop() -> None:
    with LoopbackTelegram().run_in_thread() as telegram:
        telegram.script(42, None, flooded(3))
        address = f"{telegram.url}{telegram.token}/sendMessage?chat_id=42&text=x"
        with urllib.request.urlopen(address) as answer:
            assert json.load(answer)["result"]["text"] == "x"
        with pytest.raises(urllib.error.HTTPError, match="429"):
            urllib.request.urlopen(address)

    assert telegram.told(42) == ["x"]


async def test_slack_answers_an_apps_questions(client: AsyncWebClient, slack: LoopbackSlack) -> None:
    assert (await client.auth_test())["user_id"] == "U0BOT"
    assert (await client.conversations_info(channel="C024BE91L"))["channel"]["id"] == "C024BE91L"
    assert (await client.views_publish(user_id="U1", view={"type": "home", "blocks": [{"type": "divider"}]}))["ok"]
    assert {call.token for call in slack.calls} == {slack.token}


async def test_slack_accepts_a_picture(client: AsyncWebClient, slack: LoopbackSlack) -> None:
    await client.files_upload_v2(channel="C024BE91L", content=b"\x89PNG", filename="map.png", initial_comment="A map")

    [message] = slack.messages
    assert (message.chat, message.text, message.photo) == ("C024BE91L", "A map", b"\x89PNG")


async def test_slack_accepts_messages_as_json_and_as_a_form(client: AsyncWebClient, slack: LoopbackSlack) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*x* <https://x.example/?a&amp;b|here> &lt;3"}}]
    first = await client.chat_postMessage(channel="C1", text="x", blocks=blocks, unfurl_links=False, unfurl_media=False)
    second = await client.api_call("chat.postMessage", data={"channel": "C1", "blocks": json.dumps(blocks)})

    assert [message.text for message in slack.messages] == ["*x* here <3"] * 2
    assert [message.links for message in slack.messages] == [(("here", "https://x.example/?a&b"),)] * 2
    assert [message.preview for message in slack.messages] == [False, True]
    assert [message.message_id for message in slack.messages] == [first["ts"], second["ts"]]
    assert first["ts"] != second["ts"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": " "}, "no_text"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": ""}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_900}}] * 5}, "msg_blocks_too_long"),
        ({"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "marquee"}]}, "invalid_blocks"),
        ({"blocks": "x"}, "invalid_blocks"),
    ],
)
def test_slack_rejects_what_does_not_fit(message: dict, code: str) -> None:
    with pytest.raises(slack_loopback.Refused, match=f"^{code}$"):
        slack_loopback.read(message)


@pytest.mark.parametrize(
    "element",
    [
        {"type": "text", "text": ""},
        {"type": "text"},
        {"type": "text", "text": "x", "style": {"bold": False}},
        {"type": "text", "text": "x", "style": {"big": True}},
        {"type": "text", "text": "x", "href": "https://x.example/"},
        {"type": "link", "text": "x"},
        {"type": "link", "url": "javascript:x", "text": "x"},
        {"type": "link", "url": "https://x.example/a b", "text": "x"},
        {"type": "link", "url": "https://x.example/", "text": ""},
        {"type": "mrkdwn", "text": "x"},
    ],
)
def test_slacks_rich_text_is_read_strictly(element: dict) -> None:
    section = {"type": "rich_text_section", "elements": [element]}
    with pytest.raises(slack_loopback.Refused, match="invalid_blocks"):
        slack_loopback.read({"blocks": [{"type": "rich_text", "elements": [section]}]})


async def test_slack_rejects_tokens(slack: LoopbackSlack) -> None:
    for token, code in (("wrong", "invalid_auth"), (None, "not_authed")):
        with pytest.raises(SlackApiError, match=code):
            await AsyncWebClient(token, base_url=slack.url).auth_test()
    slack.refuse = "account_inactive"
    with pytest.raises(SlackApiError, match="account_inactive"):
        await AsyncWebClient(slack.token, base_url=slack.url).auth_test()


async def test_slack_enforces_its_limit_when_asked_to() -> None:
    async with LoopbackSlack(limits=True) as slack:
        client = AsyncWebClient(slack.token, base_url=slack.url)
        with pytest.raises(SlackApiError, match="ratelimited") as refusal:
            await repeated(lambda: client.chat_postMessage(channel="C1", text="more than one a second"))
        await client.chat_postMessage(channel="C2", text="x")

    assert refusal.value.response.status_code == 429
    assert refusal.value.response.headers["Retry-After"] == "1"
