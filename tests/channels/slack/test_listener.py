"""Slack's listening side over a real WebSocket and over signed requests, against loopback Slack."""

import asyncio
import json
import logging
import os
import time
from contextlib import asynccontextmanager
from datetime import time as clock
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog
import yaml
from jsonschema import Draft7Validator
from support.loopback.server import Fault, dropped
from support.loopback.slack import CLIENT, TEAM, Installed, LoopbackSlack, refused
from support.loopback.slack_people import SIGNING_SECRET, Member, Workspace, encoded, eventually, posted, signed

from bot.app.wiring import StoredNotes
from bot.channels.rate_limit import RateLimit
from bot.channels.slack.handlers import EventHandlers
from bot.channels.slack.listener import SlackListener
from bot.channels.slack.oauth import SCOPES, OAuth, Workspaces
from bot.channels.slack.replies import PROFILE_WAIT
from bot.channels.slack.sender import SlackSender
from bot.channels.slack.setup import SlackSetup
from bot.channels.slack.token_vault import TokenVault
from bot.domain.change import Kind
from bot.domain.chat.parser import form as read_form
from bot.domain.chat.parser import where
from bot.domain.chat.request import Button, Reply, Request
from bot.domain.language import Language
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.subscription import Cadence, Filter, Subscription
from bot.domain.text.rich_text import Span
from bot.errors import ConfigError, SendError, UsageError
from bot.store.tiny.store import TinyStore

CHANNEL, PRIVATE, DIRECT = "C024BE91L", "C0PRIVATE", "D0ADA0000"
SECRET_KEY = "a secret key that is long enough to be one"
SOCKET = {"app_token": "xapp-loopback-0000000000"}
HTTP = {"signing_secret": SIGNING_SECRET}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing fail because the machine is busy: wait for profiles, and let forms open late."""
    monkeypatch.setattr("bot.channels.slack.replies.PROFILE_WAIT", 60.0)
    monkeypatch.setattr("support.loopback.slack.TRIGGER_SECONDS", 60.0)


def says(*lines: str, **options) -> Reply:
    return Reply(lines=tuple((Span(text),) for text in lines), **options)


class FakeChatHandler:
    """Answers as scripted, or else with what was asked; remembers everything. `thinking` holds back a chat's answers."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.replies: dict[str, Reply | Exception] = {}
        self.held: dict[str, Subscription] = {}
        self.events: list[tuple[str, ...]] = []
        self.thinking: dict[str, asyncio.Event] = {}

    async def answer(self, asked: Request) -> Reply:
        self.asked.append(asked)
        if asked.address in self.thinking:
            await self.thinking[asked.address].wait()
        reply = self.replies.get(asked.text, says(f"You asked: {asked.text}"))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def subscription(self, channel: str, address: str) -> Subscription | None:
        return self.held.get(address)

    async def subscriptions(self, channel: str) -> list[Subscription]:
        return list(self.held.values())

    async def moved(self, channel: str, old: str, new: str) -> None:
        self.events.append(("moved", channel, old, new))

    async def gone(self, channel: str, address: str, reason: str) -> None:
        self.events.append(("gone", channel, address, reason))

    async def returned(self, channel: str, address: str) -> None:
        self.events.append(("returned", channel, address))

    async def extra_commands(self, channel: str, address: str) -> frozenset[str]:
        return frozenset()

    async def erased(self, channel: str, prefix: str) -> None:
        self.events.append(("erased", channel, prefix))


def subscription(address: str, *states: str, **options) -> Subscription:
    kinds = options.pop("kinds", (Kind.SIGNED, Kind.WITHDRAWN))
    filter_ = Filter(states=dict.fromkeys(states, 0), kinds=dict.fromkeys(kinds, 0))
    return Subscription(id=address, channel="slack", address=address, filter=filter_, **options)


class MemoryNotes(dict):
    """Notes as a store keeps them on its disk."""

    async def get(self, key):
        return dict.get(self, key)

    async def put(self, key, text):
        self[key] = text

    async def delete(self, key):
        self.pop(key, None)

    async def keys(self):
        return list(dict.keys(self))


class Scene:
    """Loopback Slack, the sending side, the listening side with a chat handler, and Ada, who is a member."""

    def __init__(self, server, slack: SlackSender, chat: SlackListener, chat_handler: FakeChatHandler, way) -> None:
        self.server, self.slack, self.chat, self.chat_handler, self.way = server, slack, chat, chat_handler, way
        self.ada = self.member("U0ADA00")
        self.workspace = Workspace(server, way=self.way)

    def member(self, user: str, **profile) -> Member:
        return Member(self.server, user, way=self.way, **profile)

    async def told(self, count: int = 1) -> list:
        await eventually(lambda: len(self.server.answers) >= count)
        return self.server.answers


@asynccontextmanager
async def scene(token: str | None = "xoxb-loopback-0000000000", tokens=None, *, connects=True, **options):
    async with LoopbackSlack() as server:
        slack = SlackSender(token=token, tokens=tokens, base_url=server.url, rate_limit=RateLimit())
        chat = SlackListener(slack, **({"first_wait": 0.02} | options))
        chat_handler = FakeChatHandler()
        task = asyncio.create_task(chat.listen(chat_handler))
        try:
            await asyncio.sleep(0)
            if "app_token" in options and connects:
                await eventually(lambda: server.links)
            way = server.happens if "app_token" in options else posted(chat.receive)
            yield Scene(server, slack, chat, chat_handler, way)
        finally:
            task.cancel()
            await asyncio.wait({task})
            await slack.close()


@pytest.fixture
async def at(request):
    async with scene(**getattr(request, "param", SOCKET)) as opened:
        yield opened


both_ways = pytest.mark.parametrize("at", [SOCKET, HTTP], indirect=True, ids=["socket", "http"])
admins_only = pytest.mark.parametrize("at", [SOCKET | {"admins_only": True}], indirect=True)


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@both_ways
async def test_a_command_goes_to_the_chat_handler_and_the_answer_to_the_person_alone(at: Scene) -> None:
    await at.ada.types("watch TX Oklahoma", channel=CHANNEL)
    [answer] = await at.told()

    [asked] = at.chat_handler.asked
    assert asked == Request(channel="slack", address=CHANNEL, text="watch TX Oklahoma", bot="<@U0BOT>")
    assert (answer.text, answer.user, answer.alone) == ("You asked: watch TX Oklahoma", "U0ADA00", True)
    assert at.server.messages == []


async def test_typing_nothing_asks_for_help_and_escapes_are_read(at: Scene) -> None:
    await at.ada.types("  ", channel=CHANNEL)
    await at.ada.types("agency Parks &amp; Wildlife", channel=CHANNEL)
    await at.told(2)

    assert [asked.text for asked in at.chat_handler.asked] == ["help", "agency Parks & Wildlife"]


async def test_an_answer_shows_commands_as_they_are_typed_in_slack(at: Scene) -> None:
    at.chat_handler.replies["help"] = says(
        "Send /watch TX (/help says more), or and/or https://x.example/list /countersign stop"
    )
    await at.ada.types("help", channel=CHANNEL)

    said = (
        "Send /countersign watch TX (/countersign help says more), or and/or https://x.example/list /countersign stop"
    )
    assert (await at.told())[0].text == said


async def test_the_first_guess_at_the_language_is_the_persons_own(at: Scene) -> None:
    luz = at.member("U0LUZ00", locale="es-LA")
    await luz.types("help", channel=CHANNEL)
    await at.told()

    assert at.chat_handler.asked[0].language is Language.SPANISH


@both_ways
async def test_a_command_is_acknowledged_before_anything_is_looked_up(at: Scene, monkeypatch) -> None:
    monkeypatch.setattr("bot.channels.slack.listener.GRACE", 0.0)
    at.server.slow["users.info"] = 3_600

    heard = await at.ada.types("watch TX", channel=CHANNEL)
    assert heard.payload is None
    assert at.chat_handler.asked == []
    assert at.server.answers == []


async def test_the_answer_does_not_wait_for_a_language_that_takes_too_long(at: Scene, monkeypatch) -> None:
    monkeypatch.setattr("bot.channels.slack.replies.PROFILE_WAIT", 0.05)
    at.server.slow["users.info"] = 3_600
    await at.ada.types("help", channel=CHANNEL)

    assert (await at.told())[0].text == "You asked: help"


async def test_one_conversation_is_answered_in_order_while_others_go_on(at: Scene) -> None:
    at.chat_handler.thinking[CHANNEL] = asyncio.Event()
    for number in range(3):
        await at.ada.types(f"list {number}", channel=CHANNEL)
        await at.ada.types(f"list {number}", channel=PRIVATE)
    assert {answer.channel for answer in await at.told(3)} == {PRIVATE}
    at.chat_handler.thinking[CHANNEL].set()
    answers = await at.told(6)

    for channel in (CHANNEL, PRIVATE):
        assert [a.text for a in answers if a.channel == channel] == [f"You asked: list {n}" for n in range(3)]


async def test_a_failing_chat_handler_costs_one_apology_and_is_logged(at: Scene, caplog) -> None:
    at.chat_handler.replies["status"] = RuntimeError("the disk is full")
    with structlog.testing.capture_logs() as logs:
        await at.ada.types("status", channel=CHANNEL)
        [answer] = await at.told()

    assert answer.text.startswith("Sorry,")
    assert [entry["log_level"] for entry in logs] == ["error"]
    await at.ada.types("help", channel=CHANNEL)
    assert (await at.told(2))[-1].text == "You asked: help"


async def test_an_answer_whose_address_has_expired_comes_another_way(at: Scene) -> None:
    at.chat_handler.thinking[CHANNEL] = asyncio.Event()
    await at.ada.types("help", channel=CHANNEL)
    at.server.expire_addresses()
    at.chat_handler.thinking[CHANNEL].set()
    [answer] = await at.told()

    assert (answer.text, answer.user, answer.alone) == ("You asked: help", "U0ADA00", True)
    assert at.server.called("chat.postEphemeral")


async def test_a_person_who_cannot_be_answered_in_the_channel_gets_a_direct_message(at: Scene) -> None:
    at.server.outside.add(PRIVATE)
    at.chat_handler.thinking[PRIVATE] = asyncio.Event()
    await at.ada.types("help", channel=PRIVATE)
    at.server.expire_addresses()
    at.chat_handler.thinking[PRIVATE].set()

    await eventually(lambda: at.server.told("U0ADA00"))
    assert at.server.told("U0ADA00") == ["You asked: help"]


async def test_a_long_answer_is_split_with_its_buttons_under_the_last_message(at: Scene) -> None:
    rows = [f"• {number} " + "x" * 100 for number in range(200)]
    at.chat_handler.replies["list TX"] = says(*rows, buttons=((Button("More", "list OK"),),))
    await at.ada.types("list TX", channel=CHANNEL)
    answers = await at.told(2)

    assert [line for answer in answers for line in answer.text.strip().split("\n")] == rows
    assert [answer.buttons for answer in answers] == [(), (("More", "list OK"),)]


async def test_an_answer_that_would_never_end_is_cut(at: Scene) -> None:
    at.chat_handler.replies["list TX"] = says(*["x" * 110] * 2_000)
    await at.ada.types("list TX", channel=CHANNEL)
    await at.ada.types("help", channel=CHANNEL)
    answers = await at.told(5)

    assert answers[3].text.endswith("…")
    assert answers[4].text == "You asked: help"


async def test_nothing_in_an_answer_becomes_markup_or_a_mention_except_the_bot_and_the_person(at: Scene) -> None:
    at.chat_handler.replies["help"] = says("Invite <@U0BOT>, says <@U0ADA00>, not <@U0EVE00>, <!channel>, *all*")
    await at.ada.types("help", channel=CHANNEL)

    assert (await at.told())[0].text == "Invite @U0BOT, says @U0ADA00, not <@U0EVE00>, <!channel>, *all*"


# ── buttons ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@both_ways
async def test_a_pressed_button_sends_its_command(at: Scene) -> None:
    at.chat_handler.replies["watch TX"] = says(
        "Watching Texas.", buttons=((Button("Undo", "undo 1"), Button("No", "help")),)
    )
    await at.ada.types("watch TX", channel=CHANNEL)
    assert (await at.told())[0].buttons == (("Undo", "undo 1"), ("No", "help"))
    await at.ada.presses("Undo", channel=CHANNEL)
    answers = await at.told(2)

    assert at.chat_handler.asked[-1].text == "undo 1"
    assert at.chat_handler.asked[-1].address == CHANNEL
    assert not answers[-1].replaces


@both_ways
async def test_a_pressed_link_opens_its_page_and_asks_nothing(at: Scene) -> None:
    at.chat_handler.replies["watch TX"] = says(
        "Watching Texas.", buttons=((Button("Texas page", url="https://bot.example.org/states/TX"), Button("No", "x")),)
    )
    await at.ada.types("watch TX", channel=CHANNEL)
    await at.told()
    await at.ada.presses("Texas page", channel=CHANNEL)
    await at.ada.presses("No", channel=CHANNEL)
    await at.told(2)

    assert [request.text for request in at.chat_handler.asked] == ["watch TX", "x"]


async def test_a_picker_is_edited_in_place_and_its_changes_are_announced_once_when_it_rests() -> None:
    rested = asyncio.Event()

    async def rest(_: float) -> None:
        await rested.wait()

    rows = ((Button("TX", "pick TX"), Button("OK", "pick OK")), (Button("Done", "status"),))
    async with scene(**SOCKET, sleep=rest) as at:
        replies = at.chat_handler.replies
        replies["states"] = says("Choose:", buttons=rows, in_place=True)
        replies["pick TX"] = replies["pick OK"] = says("Choose:", buttons=rows, in_place=True, changed=True)
        await at.ada.types("states", channel=CHANNEL)
        await at.told()
        await at.ada.presses("TX", channel=CHANNEL)
        await at.told(2)
        at.chat_handler.held[CHANNEL] = subscription(CHANNEL, "OK", "TX")
        await at.ada.presses("OK", channel=CHANNEL)
        answers = await at.told(3)
        assert [answer.replaces for answer in answers] == [False, True, True]
        assert at.server.told(CHANNEL) == []

        rested.set()
        await eventually(lambda: at.server.told(CHANNEL))
        await at.ada.types("help", channel=CHANNEL)
        await at.told(4)
        [told] = at.server.told(CHANNEL)
    first, second = told.split("\n")
    assert first == "@U0ADA00 changed this channel's settings:"
    assert "Oklahoma and Texas" in second


# ── what was changed ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_channel_is_told_what_changed_and_who_changed_it(at: Scene) -> None:
    lines = ("You'll get Texas.", "In the last seven days:", "• Bay County")
    at.chat_handler.replies["watch TX"] = says(*lines, changed=True)
    await at.ada.types("watch TX", channel=CHANNEL)
    [answer] = await at.told()

    assert at.server.told(CHANNEL) == ["@U0ADA00 changed this channel's settings:\nYou'll get Texas."]
    assert answer.text == "\n".join(lines)
    [post] = at.server.called("chat.postMessage")
    assert post.arguments["unfurl_links"] is False


async def test_an_undo_is_announced_as_the_settings_now_in_effect(at: Scene) -> None:
    at.chat_handler.held[CHANNEL] = subscription(CHANNEL, "TX")
    at.chat_handler.replies["undo 2"] = says("Undone.", "You'll get …", changed=True)
    await at.ada.types("undo 2", channel=CHANNEL)
    await at.told()

    assert "You're watching Texas." in at.server.told(CHANNEL)[0]


async def test_blocks_that_slack_rejects_are_sent_without_markup(at: Scene) -> None:
    at.server.script(CHANNEL, refused("invalid_blocks"))
    at.chat_handler.replies["watch TX"] = says("You'll get *Texas*.", changed=True)
    await at.ada.types("watch TX", channel=CHANNEL)
    await at.told()

    [told] = at.server.told(CHANNEL)
    assert told.endswith("changed this channel's settings:\nYou'll get *Texas*.")
    assert "<@U0ADA00>" in at.server.messages[0].arguments["text"]


async def test_the_channel_is_told_in_its_own_language(at: Scene) -> None:
    at.chat_handler.held[CHANNEL] = subscription(CHANNEL, "TX", language=Language.SPANISH)
    at.chat_handler.replies["stop"] = says("Detenido.", changed=True)
    await at.ada.types("stop", channel=CHANNEL)
    await at.told()

    assert at.server.told(CHANNEL) == ["@U0ADA00 cambió la configuración de este canal:\nDetenido."]


async def test_outside_the_bots_channels_the_answer_says_how_to_invite_it(at: Scene) -> None:
    at.server.outside.add(PRIVATE)
    at.chat_handler.replies["watch TX"] = says("You'll get Texas.", changed=True)
    await at.ada.types("watch TX", channel=PRIVATE)
    [answer] = await at.told()

    assert at.server.told(PRIVATE) == []
    assert answer.text.startswith("You'll get Texas.\n")
    assert answer.text.endswith("/invite @U0BOT")


async def test_a_slack_outage_is_not_mistaken_for_a_missing_invitation(at: Scene) -> None:
    at.server.script(CHANNEL, refused("internal_error"), dropped())
    at.chat_handler.replies["watch TX"] = says("You'll get Texas.", changed=True)
    await at.ada.types("watch TX", channel=CHANNEL)

    assert (await at.told())[0].text == "You'll get Texas."


@admins_only
async def test_with_admins_only_a_member_may_ask_but_not_change_settings(at: Scene) -> None:
    refused = ("watch TX", "undo 3", "set states=TX", "wach TX", "Subscribe TX", "alerts off", "seguir TX", "joined")
    for words in refused:
        await at.ada.types(words, channel=CHANNEL)
    await at.ada.types("status", channel=CHANNEL)
    await at.ada.types("Ayuda", channel=CHANNEL)
    await at.ada.types("what does TFM mean?", channel=CHANNEL)
    await at.ada.types("how do I unsubscribe", channel=CHANNEL)
    answers = await at.told(len(refused) + 4)

    assert [asked.text for asked in at.chat_handler.asked] == [
        "status", "Ayuda", "what does TFM mean?", "how do I unsubscribe"
    ]  # fmt: skip
    assert all("administrator" in answer.text for answer in answers[: len(refused)])


@admins_only
@pytest.mark.parametrize("rank", ["is_admin", "is_owner"])
async def test_with_admins_only_administrators_and_owners_may_change_settings(at: Scene, rank: str) -> None:
    boss = at.member("U0BOSS0", **{rank: True})
    await boss.types("watch TX", channel=CHANNEL)
    await at.told()

    assert [asked.text for asked in at.chat_handler.asked] == ["watch TX"]


@admins_only
async def test_an_administrator_of_another_workspace_sharing_the_channel_is_not_one_here(at: Scene) -> None:
    guest = at.member("U0GUEST", is_admin=True, team_id="T0ELSEWHERE")
    stranger = at.member("U0STRNG", is_admin=True, is_stranger=True)
    for person in (guest, stranger):
        await person.types("watch TX", channel=CHANNEL)
    await at.told(2)

    assert at.chat_handler.asked == []


@admins_only
async def test_with_admins_only_each_press_is_checked_again(at: Scene) -> None:
    await at.ada.presses("TX", channel=CHANNEL, value="pick TX")
    [answer] = await at.told()

    assert "administrator" in answer.text
    assert at.chat_handler.asked == []


@admins_only
async def test_nothing_changes_when_slack_does_not_say_who_is_an_administrator(at: Scene) -> None:
    boss = at.member("U0BOSS0", is_admin=True)
    del at.server.users["U0BOSS0"]
    await boss.types("watch TX", channel=CHANNEL)

    assert "nothing changed" in (await at.told())[0].text
    assert at.chat_handler.asked == []


# ── direct messages ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_direct_message_to_the_bot_is_a_command_and_its_answer_stays(at: Scene) -> None:
    at.chat_handler.replies["watch TX"] = says(
        "You'll get Texas.", changed=True, buttons=((Button("Undo", "undo 1"),),)
    )
    await at.ada.writes("<@U0BOT> watch TX", channel="D0ADA00")

    await eventually(lambda: at.server.told("D0ADA00"))
    assert at.server.told("D0ADA00") == ["You'll get Texas."]
    assert at.chat_handler.asked[0].address == "D0ADA00"
    assert at.chat_handler.asked[0].text == "watch TX"


async def test_the_bots_own_messages_and_messages_in_channels_are_ignored(at: Scene) -> None:
    await at.workspace.event("message", channel="D0ADA00", channel_type="im", user="U0BOT", text="watch TX")
    await at.workspace.event("message", channel="D0ADA00", channel_type="im", bot_id="B9", user="U9", text="watch TX")
    edited = {"channel": "D0ADA00", "channel_type": "im", "subtype": "message_changed"}
    await at.workspace.event("message", **edited, message={"text": "watch TX"})
    await at.workspace.event("message", channel=CHANNEL, channel_type="channel", user="U0ADA00", text="watch TX")
    await at.ada.types("help", channel=CHANNEL)
    await at.told()

    assert [asked.text for asked in at.chat_handler.asked] == ["help"]


async def test_a_command_typed_between_two_people_concerns_the_direct_messages_with_the_bot(at: Scene) -> None:
    at.chat_handler.replies["watch TX"] = says("You'll get Texas.", changed=True)
    await at.ada.types("watch TX", channel="D0OTHER0")
    [answer] = await at.told()

    assert at.chat_handler.asked[0].address == "D0ADA00"
    assert answer.text == "You'll get Texas.\nThese settings are for your direct messages with @U0BOT."
    assert answer.alone
    assert at.server.messages == []


# ── the form ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def fields(view) -> dict:
    return {block["element"]["action_id"]: block["element"] for block in view["blocks"]}


def chosen(element) -> object:
    if "initial_options" in element:
        return [option["value"] for option in element["initial_options"]]
    return element.get("initial_option", {}).get("value")


@both_ways
async def test_settings_opens_a_form_with_the_current_settings(at: Scene) -> None:
    at.chat_handler.held[CHANNEL] = subscription(
        CHANNEL, "TX", "OK", cadence=Cadence.DAILY, at=clock(8, 30), tz="Europe/Madrid", kinds=(Kind.SIGNED,)
    )
    await at.ada.types("settings", channel=CHANNEL)
    form = fields((await at.ada.opened()).view)

    assert form["where"]["initial_conversation"] == CHANNEL
    assert len(form["states"]["options"]) == 57
    assert {name: chosen(form[name]) for name in ("states", "cadence", "at", "tz", "kinds")} == {
        "states": ["OK", "TX"],
        "cadence": "daily",
        "at": "08:30",
        "tz": "Europe/Madrid",
        "kinds": ["signed"],
    }
    assert at.chat_handler.asked == []


async def test_the_form_of_a_weekly_digest_has_its_day_and_sends_the_one_that_is_chosen(at: Scene) -> None:
    at.chat_handler.held[CHANNEL] = subscription(CHANNEL, "TX", cadence=Cadence.WEEKLY, tz="America/Chicago", weekday=3)
    await at.ada.types("preferences", channel=CHANNEL)
    opened = await at.ada.opened()
    form = fields(opened.view)

    assert [option["text"]["text"] for option in form["weekday"]["options"]][3] == "Thursday"
    assert chosen(form["weekday"]) == "3"
    assert "Monday" not in str(form["cadence"])
    await at.ada.submits(opened, weekday="6")
    await at.told()
    assert " cadence=weekly weekday=6 at=09:00 " in at.chat_handler.asked[0].text


async def test_a_form_for_a_new_channel_starts_with_the_persons_zone_and_the_usual_kinds(at: Scene) -> None:
    await at.member("U0LUZ00", locale="es-ES", tz="America/Bogota").types("ajustes", channel=CHANNEL)
    view = (await eventually(lambda: list(at.server.views.values())))[0].view
    form = fields(view)

    assert view["title"]["text"] == "Configuración"
    assert chosen(form["tz"]) == "America/Bogota"
    assert "initial_options" not in form["states"]
    assert chosen(form["kinds"]) == ["signed", "withdrawn", "reinstated", "applied", "mentioned"]
    assert chosen(form["cadence"]) == "instant"


async def test_a_form_opens_in_time_although_slack_is_slow_to_say_who_asks(at: Scene, monkeypatch) -> None:
    assert PROFILE_WAIT < 2, "Slack gives a form three seconds to open"
    monkeypatch.setattr("bot.channels.slack.replies.PROFILE_WAIT", 0.05)
    at.server.slow["users.info"] = 3_600
    await at.ada.types("settings", channel=CHANNEL)

    assert chosen(fields((await at.ada.opened()).view)["tz"]) == "UTC"


@both_ways
async def test_a_submitted_form_becomes_one_command_that_is_answered_and_announced(at: Scene) -> None:
    await at.ada.types("settings", channel=CHANNEL)
    form = await at.ada.opened()
    words = "set states=OK,TX cadence=daily at=09:00 tz=America/Chicago kinds=signed,withdrawn"
    at.chat_handler.replies[words] = says("You'll get Oklahoma and Texas.", changed=True)
    heard = await at.ada.submits(form, states=["OK", "TX"], cadence="daily", kinds=["signed", "withdrawn"])
    [answer] = await at.told()

    assert heard.payload is None
    assert [asked.text for asked in at.chat_handler.asked] == [words]
    assert at.chat_handler.asked[0].address == CHANNEL
    assert (answer.text, answer.alone) == ("You'll get Oklahoma and Texas.", True)
    assert at.server.told(CHANNEL) == ["@U0ADA00 changed this channel's settings:\nYou'll get Oklahoma and Texas."]
    assert where(read_form(words.removeprefix("set "))["states"]).states == ("OK", "TX")


async def test_all_states_is_one_word_whatever_else_is_chosen(at: Scene) -> None:
    await at.ada.types("settings", channel=CHANNEL)
    await at.ada.submits(await at.ada.opened(), states=["TX", "all"])
    await at.told()

    assert " states=all " in at.chat_handler.asked[0].text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"states": []}, "state"),
        ({"states": ["TX", "XX"]}, "state"),
        ({"kinds": []}, "one"),
        ({"kinds": ["listed"]}, "one"),
        ({"tz": "Mars/Olympus"}, "zone"),
        ({"tz": "../../etc/passwd"}, "zone"),
        ({"at": "25:00"}, "time"),
        ({"at": None}, "time"),
        ({"weekday": "7"}, "day"),
        ({"cadence": None}, "Choose"),
    ],
)
async def test_a_wrong_form_says_what_is_wrong_and_changes_nothing(at: Scene, wrong: dict, says: str) -> None:
    await at.ada.types("settings", channel=CHANNEL)
    heard = await at.ada.submits(await at.ada.opened(), **({"states": ["TX"]} | wrong))

    assert heard.payload["response_action"] == "errors"
    [(block, sentence)] = heard.payload["errors"].items()
    assert block == f"{next(iter(wrong))}:{CHANNEL}"
    assert says in sentence
    assert at.chat_handler.asked == []


async def test_a_form_without_a_conversation_asks_for_one_in_its_own_language(at: Scene) -> None:
    luz = at.member("U0LUZ00", locale="es-ES")
    await luz.uses_shortcut()
    form = await luz.opened()
    heard = await luz.submits(form, states=["TX"])

    assert form.view["blocks"][0]["element"]["default_to_current_conversation"] is True
    assert heard.payload["errors"] == {"where": "Elija un canal."}


async def test_choosing_another_conversation_in_the_form_shows_its_settings(at: Scene) -> None:
    at.chat_handler.held[PRIVATE] = subscription(PRIVATE, "FL")
    await at.ada.uses_shortcut()
    form = await at.ada.opened()
    before = fields(form.view)
    await at.ada.chooses(form, PRIVATE)
    await eventually(lambda: form.hash != "1")

    assert chosen(fields(form.view)["states"]) == ["FL"]
    assert chosen(before["states"]) is None
    heard = await at.ada.submits(form)
    assert heard.payload is None
    await at.told()
    assert at.chat_handler.asked[0].address == PRIVATE
    assert " states=FL " in at.chat_handler.asked[0].text


async def test_a_form_about_a_channel_without_the_bot_says_how_to_invite_it(at: Scene) -> None:
    at.server.outside.add(PRIVATE)
    await at.ada.uses_shortcut()
    words = (
        "set states=TX cadence=instant at=09:00 tz=America/Chicago kinds=signed,withdrawn,reinstated,applied,mentioned"
    )
    at.chat_handler.replies[words] = says("You'll get Texas.", changed=True)
    await at.ada.submits(await at.ada.opened(), where=PRIVATE, states=["TX"])
    [answer] = await at.told()

    assert (answer.channel, answer.user) == (PRIVATE, "U0ADA00")
    assert answer.text.endswith("/invite @U0BOT")


async def test_a_message_asking_for_the_settings_gets_a_button_that_opens_them(at: Scene) -> None:
    await at.ada.writes("settings", channel="D0ADA00")
    await eventually(lambda: at.server.told("D0ADA00"))
    await at.ada.presses("Settings", channel="D0ADA00", value="settings")

    assert (await at.ada.opened()).view["callback_id"] == "settings"


@admins_only
async def test_with_admins_only_the_form_opens_only_for_administrators(at: Scene) -> None:
    await at.ada.types("settings", channel=CHANNEL)
    assert "administrator" in (await at.told())[0].text
    assert at.server.views == {}

    boss = at.member("U0BOSS0", is_owner=True)
    await boss.types("settings", channel=CHANNEL)
    form = await boss.opened()
    at.server.users["U0BOSS0"] = {}
    heard = await boss.submits(form, states=["TX"])
    assert "administrator" in heard.payload["errors"]["where"]
    assert at.chat_handler.asked == []


# ── the app's home ───────────────────────────────────────────────────────────────────────────────────────────────────


async def home_of(at: Scene, person: Member) -> list[str]:
    await person.opens_home()
    view = await eventually(lambda: at.server.homes.pop(person.user, None))
    return [block["text"]["text"] for block in view["blocks"] if "text" in block]


async def test_the_home_shows_the_workspaces_subscriptions_and_why_one_is_paused(at: Scene) -> None:
    at.chat_handler.held = {
        s.address: s
        for s in (
            subscription(CHANNEL, "TX", "OK", cadence=Cadence.WEEKLY, tz="America/Chicago"),
            subscription(PRIVATE, "*", paused="This Slack channel was archived"),
            subscription("D0ADA00", "FL"),
            subscription("D0OTHER0", "AL"),
            subscription("T0ALPHA0/C0000000", "GA"),
        )
    }
    title, own, first, second = await home_of(at, at.ada)

    assert title == "What this workspace gets"
    assert own.startswith("You, by direct message\nPlaces: ")
    assert "Florida" in own
    assert first.startswith(f"<#{CHANNEL}>\nPlaces: ")
    assert "Places: Oklahoma and Texas\n" in first
    assert "How often: every Monday at 9 a.m. Central time" in first
    assert second.endswith("\nPause: This Slack channel was archived")


async def test_the_button_in_the_home_opens_the_form(at: Scene) -> None:
    await at.ada.opens_home()
    await eventually(lambda: at.server.homes)
    await at.ada.presses_at_home()

    assert (await at.ada.opened()).view["blocks"][0]["element"]["default_to_current_conversation"] is True


async def test_a_home_holds_no_more_than_slack_shows(at: Scene) -> None:
    at.chat_handler.held = {f"C{n:08}": subscription(f"C{n:08}", "TX") for n in range(150)}
    lines = await home_of(at, at.ada)

    assert len(lines) == 92
    assert lines[-1] == "… and 60 more"


async def test_an_empty_home_says_how_to_start_and_only_the_home_tab_is_drawn(at: Scene) -> None:
    await at.workspace.event("app_home_opened", user="U0ADA00", channel="D0ADA00", tab="messages")
    assert "/countersign watch TX" in (await home_of(at, at.ada))[-1]
    assert len(at.server.called("views.publish")) == 1


# ── comings and goings ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_added_to_a_channel_the_bot_resumes_and_says_hello_in_the_language_of_the_person_who_added_it(
    at: Scene,
) -> None:
    at.member("U0LUZ00", locale="es-MX")
    at.chat_handler.replies["joined"] = says("Hola.", buttons=((Button("Elegir", "states"),),))
    await at.workspace.event(
        "member_joined_channel", user="U0BOT", channel=CHANNEL, channel_type="C", inviter="U0LUZ00"
    )
    await eventually(lambda: at.server.messages)

    assert at.chat_handler.events == [("returned", "slack", CHANNEL)]
    assert at.chat_handler.asked == [
        Request(channel="slack", address=CHANNEL, text="joined", language=Language.SPANISH, bot="<@U0BOT>")
    ]
    assert at.server.told(CHANNEL) == ["Hola."]
    assert "states" in at.server.messages[0].raw


async def test_a_failed_event_that_no_one_asked_for_bothers_no_one(at: Scene, monkeypatch) -> None:
    monkeypatch.setattr(at.chat_handler, "gone", lambda *_: (_ for _ in ()).throw(RuntimeError("the disk is full")))
    await at.workspace.event("channel_archive", channel=CHANNEL, user="U0ADA00")
    await at.ada.types("help", channel=CHANNEL)
    answers = await at.told()

    assert [answer.text for answer in answers] == ["You asked: help"]
    assert at.server.messages == []


async def test_other_people_joining_and_leaving_go_unmentioned(at: Scene) -> None:
    for name in ("member_joined_channel", "member_left_channel"):
        await at.workspace.event(name, user="U0ADA00", channel=CHANNEL, channel_type="C")
    await at.ada.types("help", channel=CHANNEL)
    await at.told()

    assert at.chat_handler.events == []
    assert at.server.messages == []


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"kind": "member_left_channel", "user": "U0BOT"}, "removed"),
        ({"kind": "channel_left"}, "removed"),
        ({"kind": "group_left"}, "removed"),
        ({"kind": "channel_archive", "user": "U0ADA00"}, "archived"),
        ({"kind": "group_archive"}, "archived"),
        ({"kind": "channel_deleted"}, "deleted"),
    ],
)
async def test_removed_from_a_channel_the_subscription_pauses_and_says_why(at: Scene, event: dict, why: str) -> None:
    await at.workspace.event(**event, channel=CHANNEL)
    [(what, channel, address, reason)] = await eventually(lambda: at.chat_handler.events)

    assert (what, channel, address) == ("gone", "slack", CHANNEL)
    assert why in reason


async def test_a_channel_that_is_reopened_or_gets_a_new_id_resumes(at: Scene) -> None:
    await at.workspace.event("channel_unarchive", channel=CHANNEL, user="U0ADA00")
    await at.workspace.event("channel_id_changed", old_channel_id="G0OLD000", new_channel_id="C0NEW000")
    await eventually(lambda: len(at.chat_handler.events) == 2)

    assert set(at.chat_handler.events) == {("returned", "slack", CHANNEL), ("moved", "slack", "G0OLD000", "C0NEW000")}


@both_ways
async def test_uninstalling_erases_everything_about_the_only_workspace(at: Scene) -> None:
    await at.ada.types("help", channel=CHANNEL)
    await at.workspace.event("app_uninstalled")
    await eventually(lambda: at.chat_handler.events)

    assert at.chat_handler.events == [("erased", "slack", "")]


async def test_a_revoked_bot_token_erases_and_a_revoked_persons_token_does_not(at: Scene) -> None:
    await at.workspace.event("tokens_revoked", tokens={"oauth": ["U0ADA00"]})
    await at.workspace.event("tokens_revoked", tokens={"bot": ["U0BOT"]})
    await eventually(lambda: at.chat_handler.events)
    await at.ada.types("help", channel=CHANNEL)
    await at.told()

    assert at.chat_handler.events == [("erased", "slack", "")]


async def test_an_event_in_another_workspace_erases_nothing(at: Scene) -> None:
    await Workspace(at.server, team="T0ELSEWHERE").event("app_uninstalled")
    await at.ada.types("help", channel=CHANNEL)
    await at.told()

    assert at.chat_handler.events == []


async def test_an_event_that_slack_sends_again_counts_once(at: Scene) -> None:
    for _ in range(3):
        await at.workspace.event("channel_left", channel=CHANNEL, event_id="Ev1")
    await at.ada.types("help", channel=CHANNEL)
    await at.told()

    assert len(at.chat_handler.events) == 1


@both_ways
async def test_requests_the_app_did_not_ask_for_are_acknowledged_and_ignored(at: Scene) -> None:
    await at.workspace.event("team_join", user={"id": "U9"})
    await at.ada._interacts("message_action", callback_id="x", trigger_id="t")
    await at.ada._interacts(
        "block_actions", actions=[{"type": "button", "action_id": "x", "block_id": "b"}], trigger_id="t"
    )

    assert at.chat_handler.asked == []


# ── the WebSocket ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_before_slack_closes_a_connection_the_next_is_open_and_the_old_one_still_works(at: Scene) -> None:
    old = await at.server.disconnect("warning")
    await eventually(lambda: len(at.server.links) == 2)

    assert not old.socket.closed
    newest = at.server.links.pop()
    await at.ada.types("help", channel=CHANNEL)
    at.server.links.append(newest)
    await at.ada.types("status", channel=CHANNEL)
    await at.told(2)
    assert {asked.text for asked in at.chat_handler.asked} == {"help", "status"}


async def test_a_broken_connection_is_replaced_at_a_fresh_address(at: Scene) -> None:
    for count in (2, 3):
        await at.server.links[-1].socket.close()
        await eventually(lambda count=count: len(at.server.links) == count)
    await at.ada.types("help", channel=CHANNEL)

    assert (await at.told())[0].text == "You asked: help"
    assert len(at.server.called("apps.connections.open")) == 3
    assert {call.arguments.get("token") for call in at.server.called("apps.connections.open")} == {None}


async def test_an_address_that_has_expired_is_not_tried_again(at: Scene, monkeypatch) -> None:
    real = LoopbackSlack._link
    tried = []

    async def refuse_twice(self, request):
        tried.append(request.query["ticket"])
        if len(tried) <= 2:
            self._tickets.clear()
        return await real(self, request)

    monkeypatch.setattr(LoopbackSlack, "_link", refuse_twice)
    await at.server.links[-1].socket.close()
    await eventually(lambda: len(at.server.links) == 2)

    assert len(set(tried)) == len(tried) == 3


async def test_a_rejected_token_is_tried_less_and_less_and_reported_without_being_shown() -> None:
    with structlog.testing.capture_logs() as logs:
        async with scene(app_token="xapp-wrong-token-1234", connects=False) as at:
            await eventually(lambda: len(at.server.called("apps.connections.open")) > 4)

    said = [entry for entry in logs if "again_in" in entry]
    assert [entry["again_in"] for entry in said[:4]] == [0.02, 0.04, 0.08, 0.16]
    assert "SLACK_APP_TOKEN" in said[0]["problem"]
    assert said[0]["log_level"] == "error"
    assert "xapp-wrong" not in str(logs)


async def test_a_nonsensical_envelope_does_not_end_the_connection(at: Scene) -> None:
    socket = at.server.links[-1].socket
    for text in ("{", "[]", '"x"', '{"type": "hello"}', '{"envelope_id": "1", "type": "interactive", "payload": {}}'):
        await socket.send_str(text)
    await socket.send_bytes(b"\x00")
    await at.ada.types("help", channel=CHANNEL)

    assert (await at.told())[0].text == "You asked: help"
    assert len(at.server.links) == 1


# ── the public address ───────────────────────────────────────────────────────────────────────────────────────────────


async def knock(chat: SlackListener, body: bytes, path: str = "/slack/commands", **options):
    content = {"Content-Type": "application/x-www-form-urlencoded"}
    return await chat.receive(path, content | signed(body, **options), body)


COMMAND = encoded("slash_commands", {"command": "/countersign", "text": "help", "team_id": TEAM, "user_id": "U0ADA00",
                                     "channel_id": CHANNEL, "response_url": ""})[0]  # fmt: skip


@pytest.mark.parametrize("at", [HTTP], indirect=True)
@pytest.mark.parametrize(
    "options",
    [{"secret": "another"}, {"at": lambda: 0}, {"at": lambda: time.time() - 301}, {"at": lambda: time.time() + 400}],
)
async def test_a_wrong_signature_and_a_replayed_request_get_a_401(at: Scene, options) -> None:
    options = {name: value() if callable(value) else value for name, value in options.items()}
    for path in ("/slack/commands", "/slack/events", "/slack/interactivity"):
        status, _, answer = await knock(at.chat, COMMAND, path, **options)
        assert status == 401
        assert b"signature" in answer
    assert at.chat_handler.asked == []


@pytest.mark.parametrize("at", [HTTP], indirect=True)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "v0=1"},
        {"X-Slack-Request-Timestamp": "1", "X-Slack-Signature": "v0=é"},
        {"X-Slack-Request-Timestamp": str(int(time.time()))},
    ],
)
async def test_malformed_signatures_get_a_401(at: Scene, headers: dict) -> None:
    assert (await at.chat.receive("/slack/events", headers, COMMAND))[0] == 401
    assert (await at.chat.receive("/slack/events", headers, b"\xff\xfe"))[0] == 401


@pytest.mark.parametrize("at", [HTTP], indirect=True)
async def test_slacks_check_that_the_address_is_ours_is_answered(at: Scene) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "a-challenge", "token": "x"}).encode()
    headers = {"content-type": "application/json"} | signed(body)
    status, _, answer = await at.chat.receive("/slack/events", headers, body)

    assert (status, json.loads(answer)) == (200, {"challenge": "a-challenge"})


@pytest.mark.parametrize("at", [HTTP], indirect=True)
async def test_other_paths_and_bodies_are_rejected_politely(at: Scene) -> None:
    assert (await knock(at.chat, COMMAND, "/slack/elsewhere"))[0] == 404
    assert (await knock(at.chat, b"", "/slack/install"))[0] == 404
    assert (await at.chat.receive("/slack/events", {"content-type": "application/json"} | signed(b"{"), b"{"))[0] == 400


async def test_with_the_websocket_alone_the_public_address_takes_nothing(at: Scene) -> None:
    assert (await knock(at.chat, COMMAND))[0] == 404


async def test_before_and_after_listening_requests_get_a_503() -> None:
    async with LoopbackSlack() as server:
        slack = SlackSender(token=server.token, base_url=server.url)
        chat = SlackListener(slack, **HTTP)
        assert (await knock(chat, COMMAND))[0] == 503
        task = asyncio.create_task(chat.listen(FakeChatHandler()))
        await asyncio.sleep(0)
        assert (await knock(chat, COMMAND))[0] == 200
        task.cancel()
        await asyncio.wait({task})
        assert (await knock(chat, COMMAND))[0] == 503
        await slack.close()


def test_without_an_app_token_or_a_public_address_slack_only_sends() -> None:
    with pytest.raises(ConfigError, match="SLACK_APP_TOKEN"):
        SlackListener(SlackSender(token="xoxb-x"))


# ── several workspaces ───────────────────────────────────────────────────────────────────────────────────────────────

ALPHA = Installed("T0ALPHA0", "xoxb-alpha-secret", "U0ALPHABOT")
BETA = Installed("T0BETA00", "xoxb-beta-secret", "U0BETABOT")


@asynccontextmanager
async def workspaces(notes: MemoryNotes):
    vault = TokenVault(SECRET_KEY, notes)
    kept = Workspaces(vault)
    oauth = OAuth(
        client_id=CLIENT[0], client_secret=CLIENT[1], public_url="https://bot.example", vault=vault, workspaces=kept
    )
    async with scene(token=None, tokens=kept.token, signing_secret=SIGNING_SECRET, oauth=oauth) as at:
        at.server.installed.clear()
        at.server.codes |= {"code-a": ALPHA, "code-b": BETA}
        yield at


async def begin(at: Scene) -> tuple[str, dict[str, str]]:
    """Start an installation; return the state that Slack gets and the cookie that the browser keeps."""
    status, headers, _ = await at.chat.receive("/slack/install", {}, b"")
    assert status == 302
    query = parse_qs(urlsplit(headers["location"]).query)
    assert headers["location"].startswith(at.server.base + "/oauth/v2/authorize?")
    assert query["redirect_uri"] == ["https://bot.example/slack/oauth_redirect"]
    assert set(query["scope"][0].split(",")) == set(SCOPES)
    return query["state"][0], {"Cookie": headers["set-cookie"].partition(";")[0]}


async def install(at: Scene, code: str) -> int:
    state, cookie = await begin(at)
    return (await at.chat.receive(f"/slack/oauth_redirect?code={code}&state={state}", cookie, b""))[0]


async def test_each_workspace_is_answered_and_sent_to_with_its_own_token() -> None:
    async with workspaces(MemoryNotes()) as at:
        assert [await install(at, code) for code in ("code-a", "code-b")] == [200, 200]
        at.chat_handler.replies["watch TX"] = says("You'll get Texas.", changed=True)
        for app in (ALPHA, BETA):
            await Member(at.server, f"U0{app.team[-5:]}", team=app.team, way=at.way).types("watch TX", channel=CHANNEL)
        await at.told(2)

        assert [(asked.address, asked.bot) for asked in at.chat_handler.asked] == [
            (f"T0ALPHA0/{CHANNEL}", "<@U0ALPHABOT>"),
            (f"T0BETA00/{CHANNEL}", "<@U0BETABOT>"),
        ]
        assert [call.token for call in at.server.called("chat.postMessage")] == [ALPHA.token, BETA.token]

        [part] = at.slack.render(
            Digest(upto=1, title=(), sections=(Section(heading=(), items=(Item(lines=((Span("x"),),), covers=(1,)),)),))
        )
        await at.slack.send(f"T0BETA00/{CHANNEL}", part)
        last = at.server.called("chat.postMessage")[-1]
        assert (last.token, last.arguments["channel"]) == (BETA.token, CHANNEL)


async def test_a_flood_in_one_workspace_does_not_hold_back_another() -> None:
    async with workspaces(MemoryNotes()) as at:
        await install(at, "code-a")
        at.server.script(CHANNEL, Fault(status=429, headers={"Retry-After": "30"}, body={"ok": False}))
        [part] = at.slack.render(Digest(upto=1, title=(Span("x"),), sections=()))
        with pytest.raises(SendError):
            await at.slack.send(f"T0ALPHA0/{CHANNEL}", part)

    assert at.slack.rate_limit_of("T0ALPHA0/C0OTHER0").opens_in("T0ALPHA0/C0OTHER0") > 25
    assert at.slack.rate_limit_of(f"T0BETA00/{CHANNEL}").opens_in(f"T0BETA00/{CHANNEL}") == 0
    assert at.slack.rate_limit.opens_in(CHANNEL) == 0


async def test_tokens_are_stored_encrypted_and_nothing_about_the_person_who_installed() -> None:
    notes = MemoryNotes()
    async with workspaces(notes) as at:
        await install(at, "code-a")

    stored = json.dumps(notes)
    assert list(notes) == ["slack/T0ALPHA0"]
    for secret in ("alpha-secret", "xoxb", "U0ALPHABOT", "INSTALLER", "workspace"):
        assert secret not in stored
    assert await Workspaces(TokenVault(SECRET_KEY, notes)).token("T0ALPHA0") == ALPHA.token


async def test_a_different_secret_key_fails_with_advice() -> None:
    notes = MemoryNotes()
    await TokenVault(SECRET_KEY, notes).put("slack/T0ALPHA0", "{}")
    other = Workspaces(TokenVault(SECRET_KEY[::-1], notes))

    with pytest.raises(ConfigError, match="COUNTERSIGN_SECRET_KEY doesn't decrypt"):
        await other.check()
    with pytest.raises(SendError, match="COUNTERSIGN_SECRET_KEY"):
        await SlackSender(tokens=other.token).token_of("T0ALPHA0")
    with pytest.raises(ConfigError, match=r"32 characters.*secrets"):
        TokenVault("short", notes)


async def test_a_text_opens_only_under_the_key_it_was_stored_under() -> None:
    notes = MemoryNotes()
    vault = TokenVault(SECRET_KEY, notes)
    await vault.put("slack/T0ALPHA0", "alpha\nwith a line break")
    assert await vault.get("slack/T0ALPHA0") == "alpha\nwith a line break"
    assert await vault.get("slack/T0BETA00") is None

    notes["slack/T0BETA00"] = notes["slack/T0ALPHA0"]
    with pytest.raises(ConfigError):
        await vault.get("slack/T0BETA00")


@pytest.mark.parametrize("event", [("app_uninstalled", {}), ("tokens_revoked", {"tokens": {"bot": ["U0ALPHABOT"]}})])
async def test_a_workspace_that_uninstalls_is_erased_and_the_other_stays(event) -> None:
    notes = MemoryNotes()
    async with workspaces(notes) as at:
        for code in ("code-a", "code-b"):
            await install(at, code)
        name, more = event
        await Workspace(at.server, team=ALPHA.team, way=at.way).event(name, **more)
        await eventually(lambda: at.chat_handler.events)

        assert at.chat_handler.events == [("erased", "slack", "T0ALPHA0/")]
        assert list(notes) == ["slack/T0BETA00"]
        with pytest.raises(SendError, match="no longer installed") as refusal:
            await at.slack.token_of("T0ALPHA0")
        assert refusal.value.credentials_rejected


async def test_a_workspace_without_the_app_is_told_so() -> None:
    async with workspaces(MemoryNotes()) as at:
        await Member(at.server, "U0ADA00", team="T0UNKNOWN", way=at.way).types("watch TX", channel=CHANNEL)
        [answer] = await at.told()

        assert "no longer installed" in answer.text
        assert at.chat_handler.asked == []


async def test_the_home_of_one_workspace_shows_nothing_of_another() -> None:
    async with workspaces(MemoryNotes()) as at:
        await install(at, "code-a")
        at.chat_handler.held = {
            s.address: s for s in (subscription(f"T0ALPHA0/{CHANNEL}", "TX"), subscription("T0BETA00/C0SECRET", "FL"))
        }
        lines = await home_of(at, Member(at.server, "U0ADA00", team=ALPHA.team, way=at.way))

        assert [line.partition("\n")[0] for line in lines[1:]] == [f"<#{CHANNEL}>"]


async def test_a_wrong_old_or_used_state_installs_nothing(monkeypatch) -> None:
    notes = MemoryNotes()
    async with workspaces(notes) as at:
        state, cookie = await begin(at)
        redirect = "/slack/oauth_redirect?code=code-a&state="
        assert (await at.chat.receive(redirect + state, {}, b""))[0] == 400
        assert (await at.chat.receive(redirect + "made-up", {"Cookie": "slack-app-oauth-state=made-up"}, b""))[0] == 401
        now = time.time()
        monkeypatch.setattr("time.time", lambda: now + 601)
        assert (await at.chat.receive(redirect + state, cookie, b""))[0] == 401
        monkeypatch.undo()
        assert notes == {}
        assert (await at.chat.receive(redirect + state, cookie, b""))[0] == 200
        assert (await at.chat.receive(redirect.replace("code-a", "code-b") + state, cookie, b""))[0] == 401
        assert list(notes) == ["slack/T0ALPHA0"]


async def test_a_failed_or_canceled_installation_shows_a_page_rather_than_an_error() -> None:
    async with workspaces(MemoryNotes()) as at:
        assert await install(at, "no-such-code") == 401
        assert (await at.chat.receive("/slack/oauth_redirect?error=access_denied", {}, b""))[0] == 200
        at.server.refuse = "internal_error"
        assert await install(at, "code-a") == 401


@pytest.mark.parametrize(
    ("address", "kept"),
    [(f" T0ALPHA0/{CHANNEL} ", f"T0ALPHA0/{CHANNEL}"), (CHANNEL, CHANNEL), ("U024BE91L", "U024BE91L")],
)
def test_an_address_may_start_with_its_workspace(address: str, kept: str) -> None:
    assert SlackSetup().check_address(address) == kept


@pytest.mark.parametrize("address", ["/C024BE91L", "C024BE91L/C024BE91L", "T0ALPHA0/", "T0ALPHA0/#news"])
def test_a_malformed_address_with_a_workspace_is_rejected(address: str) -> None:
    with pytest.raises(UsageError):
        SlackSetup().check_address(address)


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@both_ways
async def test_no_secret_is_logged_whatever_happens(at: Scene, caplog, capsys) -> None:
    caplog.set_level(logging.DEBUG)
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    at.server.refuse = "internal_error"
    await at.ada.types("settings", channel=CHANNEL)
    await at.ada.types("watch TX", channel=CHANNEL)
    await eventually(lambda: at.server.called("users.info") or at.server.answers)
    at.server.refuse = None
    at.chat_handler.replies["help"] = RuntimeError("as it happens")
    await at.ada.types("help", channel=CHANNEL)
    await eventually(lambda: any(answer.text.startswith("Sorry,") for answer in at.server.answers))
    if at.server.links:
        await at.server.links[-1].socket.close()
        await eventually(lambda: len(at.server.links) == 2)

    structlog.reset_defaults()
    out = capsys.readouterr()
    written = caplog.text + out.out + out.err
    assert "as it happens" in written
    for secret in (at.server.token, at.server.app_token, SIGNING_SECRET, "ticket-"):
        assert secret not in written


def test_no_repr_shows_a_secret() -> None:
    vault = TokenVault(SECRET_KEY, MemoryNotes())
    oauth = OAuth(client_id="1", client_secret="hush", public_url="https://x.example", vault=vault,
                  workspaces=Workspaces(vault))  # fmt: skip
    assert "hush" not in repr(oauth)
    assert SECRET_KEY not in repr(vault)


async def test_the_library_takes_no_token_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-from-the-environment")
    monkeypatch.setenv("SLACK_CLIENT_ID", "1")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "2")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "3")
    async with scene(**SOCKET) as at:
        await at.ada.types("help", channel=CHANNEL)
        await at.told()

        assert {call.token for call in at.server.calls} <= {at.server.token, at.server.app_token}


# ── the manifest ─────────────────────────────────────────────────────────────────────────────────────────────────────

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT.parent / "shared" / "slack-manifest-schema.json"
MANIFEST = yaml.safe_load((ROOT / "config" / "slack-manifest.yml").read_text(encoding="utf-8"))
EVENTS = {
    "app_home_opened": None, "app_uninstalled": None, "tokens_revoked": None, "channel_archive": "channels:read",
    "channel_deleted": "channels:read", "channel_id_changed": "channels:read", "channel_left": "channels:read",
    "channel_unarchive": "channels:read", "group_archive": "groups:read", "group_deleted": "groups:read",
    "group_left": "groups:read", "group_unarchive": "groups:read", "member_joined_channel": "channels:read",
    "member_left_channel": "channels:read", "message.im": "im:history",
}  # fmt: skip


@pytest.mark.skipif(
    not SCHEMA.exists() and not os.environ.get("CI"),
    reason="Slack's schema of a manifest is not beside this repository",
)
def test_the_manifest_matches_slacks_schema() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert [error.message for error in Draft7Validator(schema).iter_errors(MANIFEST)] == []


def test_the_manifest_asks_for_exactly_the_scopes_and_events_the_program_uses() -> None:
    scopes = MANIFEST["oauth_config"]["scopes"]
    events = MANIFEST["settings"]["event_subscriptions"]["bot_events"]
    assert scopes == {"bot": list(SCOPES)}
    assert set(events) == set(EVENTS)
    assert {scope for scope in EVENTS.values() if scope} <= set(SCOPES)
    heard = {name.partition(".")[0] for name in events}
    unused = dict.fromkeys(("slack", "replies", "add", "team", "workspaces", "admins_only", "picker_rest", "sleep"))
    assert heard == set(EventHandlers(FakeChatHandler(), **unused).events)


def test_the_manifest_names_what_the_program_answers_to() -> None:
    features = MANIFEST["features"]
    assert [command["command"] for command in features["slash_commands"]] == ["/countersign"]
    assert [(shortcut["type"], shortcut["callback_id"]) for shortcut in features["shortcuts"]] == [
        ("global", "settings")
    ]
    assert features["app_home"] == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }
    settings = MANIFEST["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["interactivity"]["is_enabled"] is True
    assert settings["token_rotation_enabled"] is False


# ── threads, edits and requests that come again ──────────────────────────────────────────────────────────────────────


@both_ways
async def test_an_answer_in_a_thread_of_direct_messages_stays_in_the_thread(at: Scene) -> None:
    at.chat_handler.replies["watch TX"] = says("Watching.", buttons=((Button("Undo", "undo 1"),),))
    await at.workspace.event(
        "message", channel="D0ADA00", channel_type="im", user=at.ada.user, text="watch TX", ts="2.1", thread_ts="1.1"
    )
    await eventually(lambda: at.server.messages)

    assert at.server.called("chat.postMessage")[-1].arguments["thread_ts"] == "1.1"


@both_ways
async def test_an_answer_to_a_button_in_a_thread_stays_in_the_thread(at: Scene) -> None:
    await at.ada._interacts(
        "block_actions",
        channel={"id": DIRECT, "name": "directmessage"},
        container={"type": "message", "message_ts": "2.2", "channel_id": DIRECT, "thread_ts": "1.1"},
        trigger_id=at.server.trigger(at.ada.user),
        actions=[{"type": "button", "action_id": "ask:0:0", "block_id": "b", "value": "status"}],
    )
    await eventually(lambda: at.server.messages or at.server.answers)

    called = at.server.called("chat.postMessage") + at.server.called("chat.postEphemeral")
    assert called[-1].arguments["thread_ts"] == "1.1"


@both_ways
@pytest.mark.parametrize(
    "fields",
    [
        {"subtype": "message_changed", "message": {"user": "U0ADA00", "text": "watch TX"},
         "previous_message": {"text": "wacth TX"}},
        {"subtype": "file_share", "user": "U0ADA00", "text": "watch TX", "files": []},
    ],
)  # fmt: skip
async def test_an_edited_command_or_one_with_a_file_is_answered_with_how_to_send_it(at: Scene, fields) -> None:
    await at.workspace.event("message", channel=DIRECT, channel_type="im", ts="1.1", **fields)
    await eventually(lambda: at.server.messages)

    assert "Send this as a new message: watch TX" in at.server.messages[-1].text
    assert not at.chat_handler.asked


@pytest.mark.parametrize(
    "fields",
    [
        {"subtype": "message_changed", "message": {"user": "U0ADA00", "text": "watch TX", "attachments": []},
         "previous_message": {"text": "watch TX"}},
        {"subtype": "message_changed", "message": {"bot_id": "B1", "text": "watch TX"}, "previous_message": {}},
        {"subtype": "file_share", "user": "U0ADA00", "text": "for the record", "files": []},
        {"subtype": "message_deleted", "previous_message": {"text": "watch TX"}},
    ],
)  # fmt: skip
async def test_other_edits_and_files_are_passed_over(at: Scene, fields) -> None:
    await at.workspace.event("message", channel=DIRECT, channel_type="im", ts="1.1", **fields)
    await at.ada.types("help", channel=CHANNEL)
    await at.told()

    assert at.server.messages == []
    assert [asked.text for asked in at.chat_handler.asked] == ["help"]


@both_ways
async def test_a_command_a_press_and_a_message_that_slack_sends_again_are_answered_once(at: Scene) -> None:
    sent = []

    async def twice(kind, payload):
        sent.append(kind)
        await at.way(kind, payload)
        return await at.way(kind, payload)

    ada = Member(at.server, at.ada.user, way=twice)
    await ada.types("watch TX", channel=CHANNEL)
    await ada.presses("", channel=CHANNEL, value="pick TX")
    await ada.writes("stop", channel=DIRECT)
    await at.ada.types("help", channel=CHANNEL)
    await eventually(lambda: "help" in [asked.text for asked in at.chat_handler.asked])
    await eventually(lambda: "stop" in [asked.text for asked in at.chat_handler.asked])

    assert sorted(asked.text for asked in at.chat_handler.asked) == ["help", "pick TX", "stop", "watch TX"]


async def test_a_command_that_slack_sends_again_after_a_restart_is_answered_once(tmp_path) -> None:
    store = TinyStore.open(tmp_path)
    payload = {
        "command": "/countersign", "text": "stop", "team_id": "T0000000001", "channel_id": CHANNEL, "user_id": "U0ADA00",
        "trigger_id": "7.7", "response_url": "http://127.0.0.1:1/",
    }  # fmt: skip
    asked = []
    for last in ("help", "status"):
        async with scene(**HTTP, notes=StoredNotes(store, "handled")) as at:
            await at.way("slash_commands", payload)
            await at.ada.types(last, channel=CHANNEL)
            await eventually(lambda at=at, last=last: last in [a.text for a in at.chat_handler.asked])
            asked += [a.text for a in at.chat_handler.asked]
    await store.close()

    assert asked == ["stop", "help", "status"]
