"""The page of the demonstration: what it shows of the platforms' own markup, and whose forms it takes."""

import json
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from bot.demo.chats import DAILY, DESK, LECTORA, OPERATOR, READER, Chats
from bot.demo.loopback.slack import SlackServer
from bot.demo.loopback.slack_blocks import read as read_blocks
from bot.demo.loopback.telegram import TelegramServer
from bot.demo.loopback.telegram_html import read as read_html
from bot.demo.page import ChatPage
from bot.demo.story import Mark, Scene, Story
from bot.fetch.certificates import certificates

NOW = datetime(2026, 11, 27, 14, 2, tzinfo=UTC)
ADDRESSES = dict.fromkeys(("public", "ice", "town"), "http://127.0.0.1:9/")
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def now():
    return NOW


class Visitor:
    """A browser without script, at a page with both platforms."""

    def __init__(self, chats, story, client):
        self.chats, self.story, self.client = chats, story, client

    async def send(self, room, text, buttons=(), **fields):
        """Send a message in a Telegram room as the program does."""
        keyboard = {"inline_keyboard": [[{"text": label, "callback_data": asks} for label, asks in buttons]]}
        form = {"chat_id": room.address, "text": text, "parse_mode": "HTML", "reply_markup": json.dumps(keyboard)}
        async with httpx.AsyncClient(trust_env=False, verify=certificates()) as client:
            telegram = self.chats.telegram
            answer = await client.post(f"{telegram.url}{telegram.token}/sendMessage", data=form | fields)
        return str(answer.json()["result"]["message_id"])


@pytest.fixture
def door():
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door


@asynccontextmanager
async def visiting(door):
    async with TelegramServer(now=now) as telegram, SlackServer(now=now) as slack:
        chats, story = Chats(telegram, slack), Story(now)
        async with (
            ChatPage(chats, story, now, ADDRESSES).served(door),
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{door.getsockname()[1]}", trust_env=False, verify=certificates()
            ) as client,
        ):
            yield Visitor(chats, story, client)


def test_telegrams_markup_is_shown_and_nothing_else():
    reading = read_html(
        '<b>Bold</b> <i>it</i> <a href="https://ice.example/?a=1&amp;b=2">link</a> &lt;script&gt; "q"', "HTML"
    )
    assert reading.html == (
        '<b>Bold</b> <i>it</i> <a href="https://ice.example/?a=1&amp;b=2" target="_blank" '
        'rel="noopener noreferrer nofollow">link</a> &lt;script&gt; &quot;q&quot;'
    )
    assert read_html("a <tg-spoiler>b</tg-spoiler>", "HTML").html == "a <span>b</span>"
    assert "href" not in read_html('<a href="javascript:alert(1)">x</a>', "HTML").html
    assert read_html(HOSTILE).html.count("<") == 0


@pytest.mark.parametrize(
    "block",
    [
        {"type": "section", "text": {"type": "mrkdwn", "text": HOSTILE.replace("<", "&lt;").replace(">", "&gt;")}},
        {"type": "section", "text": {"type": "plain_text", "text": HOSTILE}},
        {"type": "header", "text": {"type": "plain_text", "text": HOSTILE}},
        {"type": "context", "elements": [{"type": "plain_text", "text": HOSTILE}]},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": HOSTILE}]}]},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "link", "url": "https://x.example/", "text": HOSTILE}]}]},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "emoji", "name": HOSTILE}]}]},
    ],
)  # fmt: skip
def test_no_text_in_slacks_blocks_becomes_markup(block):
    html = read_blocks({"blocks": [block]}).html
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_slacks_markup_is_shown():
    text = "*New* on <https://ice.example/?a=1&amp;b=2|the list>, _as printed_ by <@U1>"
    html = read_blocks({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}).html
    assert html == (
        '<p><strong>New</strong> on <a href="https://ice.example/?a=1&amp;b=2" target="_blank" '
        'rel="noopener noreferrer nofollow">the list</a>, <em>as printed</em> by @U1</p>'
    )


async def test_the_page_shows_each_message_with_its_buttons_and_says_that_it_is_a_demonstration(door):
    async with visiting(door) as visitor:
        await visitor.send(READER, "<b>Fable Falls</b> &lt;joined&gt;", [("History", "agency TX Fable")])
        visitor.story.add(Mark.QUIET, f"ICE respelled {HOSTILE}")
        visitor.story.end(Scene.JOINED)
        answer = await visitor.client.get("/")
        assert "<b>Fable Falls</b> &lt;joined&gt;" in answer.text
        assert 'value="agency TX Fable"' in answer.text
        assert "<script>alert" not in answer.text
        assert "Demonstration." in answer.text
        assert 'id="scene-joined" class="done"' in answer.text
        assert "9:02 a.m." in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy


async def test_an_unchanged_page_is_not_sent_again(door):
    async with visiting(door) as visitor:
        tag = (await visitor.client.get("/")).headers["ETag"]
        assert (await visitor.client.get("/", headers={"If-None-Match": tag})).status_code == 304
        await visitor.send(READER, "News")
        assert (await visitor.client.get("/", headers={"If-None-Match": tag})).status_code == 200


async def test_a_press_reaches_the_bot_as_telegram_would_tell_it(door):
    async with visiting(door) as visitor:
        number = await visitor.send(OPERATOR, "On hold", [("Approve", "approve ab 12")])
        form = {"room": "operator", "message": number, "asks": "approve ab 12"}
        answer = await visitor.client.post("/press", data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/#operator")
        query = visitor.chats.telegram.pushed["callback_query"]
        assert (query["data"], query["message"]["message_id"]) == ("approve ab 12", int(number))
        assert str(query["from"]["id"]) == OPERATOR.address


async def test_only_a_button_that_is_there_can_be_pressed(door):
    async with visiting(door) as visitor:
        number = await visitor.send(OPERATOR, "On hold", [("Approve", "approve ab 12")])
        for form in (
            {"room": "operator", "message": number, "asks": "forget yes"},
            {"room": "operator", "message": "999", "asks": "approve ab 12"},
            {"room": "reader", "message": number, "asks": "approve ab 12"},
            {"room": "daily", "message": number, "asks": "approve ab 12"},
            {},
        ):
            await visitor.client.post("/press", data=form)
        assert visitor.chats.telegram.pushed == {}


async def test_what_a_visitor_types_is_shown_and_reaches_the_bot(door):
    async with visiting(door) as visitor:
        await visitor.client.post("/say", data={"room": "lectora", "text": f" /list TX {HOSTILE} "})
        message = visitor.chats.telegram.pushed["message"]
        assert (message["text"], message["from"]["language_code"]) == (f"/list TX {HOSTILE}", "es")
        text = (await visitor.client.get("/")).text
        assert "/list TX &lt;script&gt;" in text
        assert "<script>alert" not in text


@pytest.mark.parametrize("text", ["", "   "])
async def test_nothing_typed_is_nothing_said(door, text):
    async with visiting(door) as visitor:
        await visitor.client.post("/say", data={"room": "reader", "text": text})
        await visitor.client.post("/say", data={"room": DESK.key, "text": "/stop"})
        assert visitor.chats.telegram.pushed == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "demo.evil.example:8287"},
        {"Host": "[::2]:80"},
        {"Host": "[::1"},
        {"Host": "127.0.0.1:x"},
    ],
)
async def test_the_page_is_not_for_other_names(door, headers):
    async with visiting(door) as visitor:
        assert (await visitor.client.get("/", headers=headers)).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_the_forms_of_other_sites_are_refused(door, origin):
    async with visiting(door) as visitor:
        number = await visitor.send(OPERATOR, "On hold", [("Approve", "approve ab 12")])
        form = {"room": "operator", "message": number, "asks": "approve ab 12"}
        answer = await visitor.client.post("/press", data=form, headers={"Origin": origin})
        assert answer.status_code == 403
        assert visitor.chats.telegram.pushed == {}


@pytest.mark.parametrize(
    "path",
    [
        "/photos/telegram-0.png",
        "/photos/telegram-1.png",
        "/photos/x.png",
        "/photos/slack--1.png",
        f"/photos/slack-{'9' * 5000}.png",
        "/etc",
        "/demo.py",
    ],
)
async def test_what_is_not_there_is_not_found(door, path):
    async with visiting(door) as visitor:
        await visitor.send(READER, "no picture")
        assert (await visitor.client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"room=reader&text=\xff\xfe", {}, 303),
        (b"room=reader&text=x", {"Content-Type": "application/x-www-form-urlencoded; charset=nonsense"}, 303),
        (b"room=reader&text=x", {"Content-Encoding": "gzip"}, 415),
        (b"no parts", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        (b"", {"Content-Type": "multipart/form-data"}, 415),
        (b"&".join(b"field%d=x" % number for number in range(900)), {}, 400),
        (b"room=reader&text=" + b"x" * 20_000, {}, 413),
    ],
)
async def test_a_form_that_no_page_makes_is_refused_without_an_error(door, body, headers, status):
    async with visiting(door) as visitor:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await visitor.client.post("/say", content=body, headers=form | headers)
        assert answer.status_code == status
        assert (visitor.chats.telegram.pushed != {}) is (status == 303)


async def test_an_edited_message_is_shown_as_edited_in_place(door):
    async with visiting(door) as visitor:
        number = await visitor.send(OPERATOR, "On hold", [("Approve", "approve ab 12")])
        telegram = visitor.chats.telegram
        form = {"chat_id": OPERATOR.address, "message_id": number, "text": "Approved", "parse_mode": "HTML"}
        async with httpx.AsyncClient(trust_env=False, verify=certificates()) as client:
            await client.post(f"{telegram.url}{telegram.token}/editMessageText", data=form)
        [bubble] = visitor.chats.bubbles(OPERATOR)
        assert (bubble.html, bubble.is_edited, bubble.keys) == ("Approved", True, ())


async def test_every_room_is_on_the_page_in_its_own_language(door):
    async with visiting(door) as visitor:
        await visitor.send(LECTORA, "Hola")
        text = (await visitor.client.get("/")).text
        assert 'lang="es"' in text
        assert all(f'id="{room.key}-log"' in text for room in (READER, LECTORA, OPERATOR, DESK, DAILY))
