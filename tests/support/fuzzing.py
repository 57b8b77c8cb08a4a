"""The inputs of `benchmarks/fuzz.py`, one for each seed, and what must come out."""

import asyncio
import json
import os
import signal
import tempfile
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo

from bot.channels.apprise import AppriseSetup
from bot.channels.rate_limit import RateLimit
from bot.channels.slack.listener import SlackListener
from bot.channels.slack.oauth import OAuth, Workspaces
from bot.channels.slack.sender import SlackSender
from bot.channels.slack.setup import SlackSetup
from bot.channels.slack.token_vault import TokenVault
from bot.channels.telegram.address import check_address
from bot.channels.telegram.listener import TelegramListener
from bot.channels.telegram.sender import TelegramSender
from bot.commands.local_sources import document_at, place_of
from bot.config import catalog
from bot.config.settings import Settings, load, notices
from bot.domain.agenda import LocalReading, Place
from bot.domain.agreement import ListName
from bot.domain.chat.request import Request
from bot.domain.document import Document, Form, digest
from bot.domain.source_status import SourceStatus
from bot.domain.text.rich_text import legible, plain_text
from bot.domain.web_address import masked, masked_typed
from bot.errors import CountersignError, InternalSourceError, Missing
from bot.fetch.addresses import parsed, redirect_target
from bot.fetch.body import check_content
from bot.sources import LOCAL
from bot.sources.formats.document_text import document_text
from bot.sources.formats.feed_xml import read_feed
from bot.sources.formats.fields import resolve_link
from bot.sources.ice import Ice
from bot.store.tiny.store import TinyStore
from support.chat import FIRST, NOW, SECOND, Chat
from support.loopback.local import LocalServer, entry, page, rss
from support.loopback.slack import TEAM, LoopbackSlack
from support.loopback.slack_people import SIGNING_SECRET, signed
from support.loopback.telegram import LoopbackTelegram
from support.mutations import TEXTS, UNUSABLE, damaged_bytes, damaged_text, damaged_value, some
from support.platform_cases import CASES, TITLE

MOST_WORK = 20.0  # seconds of processor time for one input
ZONE = ZoneInfo("America/New_York")


class Outcome(NamedTuple):
    """What came of one seed: "read" or the name of one of our errors, and the traceback if it failed."""

    seed: int
    name: str
    failure: str = ""


class TooMuchWork(Exception):
    """Raised if an input costs more processor time than MOST_WORK."""


Try = Callable[[Random, int], Awaitable[str]]


async def tried(kind: str, seeds: Sequence[int]) -> list[Outcome]:
    """Try each seed and return the outcomes."""
    found = []
    async with KINDS[kind]() as attempt:
        for seed in seeds:
            try:
                with _bounded():
                    name = await attempt(Random(f"{kind} {seed}"), seed)
                found.append(Outcome(seed, name))
            except InternalSourceError:
                found.append(Outcome(seed, "", traceback.format_exc()))
            except CountersignError as ours:
                flaw = "" if str(ours) == legible(str(ours)).strip() or "\n" not in str(ours) else f"two lines: {ours}"
                found.append(Outcome(seed, type(ours).__name__, flaw))
            except Exception:  # noqa: BLE001 - this is the failure we look for
                found.append(Outcome(seed, "", traceback.format_exc()))
    return found


@contextmanager
def _bounded() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooMuchWork

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_WORK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _document(body: bytes, address: str = "https://nash.example/agenda", content_type: str = "") -> Document:
    headers = {"content-type": content_type} if content_type else {}
    name = address.rpartition("/")[2]
    return Document(address=address, name=name, body=body, sha256=digest(body), headers=headers, fetched_at=NOW)


# ── html ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

ROWS = "".join(
    f"<tr><td>{state}</td><td><a href='/sites/{n}.pdf'>{name} County Sheriff's Office</a></td><td>{model}</td>"
    f"<td>{name} County</td><td>County</td><td>0{n}/19/2025</td></tr>"
    for n, (state, name, model) in enumerate(
        (("TEXAS", "Archer", "Warrant Service Officer"), ("OHIO", "Butler", "Task Force Model")), start=1
    )
)
HEAD = "<th>STATE</th><th>LAW ENFORCEMENT AGENCY</th><th>SUPPORT TYPE</th><th>COUNTY</th><th>TYPE</th><th>SIGNED</th>"
PAGES = (
    page(f"<h1>Agenda</h1><p>1. {TITLE}</p><ul><li>Call to order<li hidden>x</ul><pre> a\n b</pre>"),
    page(f"<table><tr>{HEAD}</tr>{ROWS}</table><p>ICE has signed 2 Memorandums of Agreement</p>"),
    page(
        "<a href='/doclib/participatingAgencies11202026am.xlsx'>Participating agencies</a><a href='x.xlsx'>Pending</a>"
    ),
)
SELECTORS = (None, None, None, "p", "table td", "#x", "li:not([hidden])", "::", "a[", "\x00", "*|*")


@asynccontextmanager
async def _html() -> AsyncIterator[Try]:
    async def attempt(dice: Random, _: int) -> str:
        body = damaged_bytes(dice, dice.choice(PAGES))
        content_type = dice.choice(("", "text/html", "text/html; charset=utf-8", "text/html; charset=\x00", "x"))
        document = _document(body, content_type=content_type)
        done = 0
        for read in (
            lambda: document_text(document, dice.choice(SELECTORS)),
            lambda: Ice().parse(document, dice.choice(list(ListName))),
        ):
            with suppress(_expected()):
                read()
                done += 1
        if dice.random() < 0.3:
            await _read_place(dice, dice.choice(("civicplus", "page")))
        return f"read by {done}"

    yield attempt


def _expected() -> type[CountersignError]:
    return CountersignError


# ── feeds ────────────────────────────────────────────────────────────────────────────────────────────────────────────

FEEDS = (
    rss(
        entry("1", "Board of Commissioners - Dec 1, 2026 6:30 PM", link="https://nash.example/1", text=TITLE),
        entry("2", "Planning Board", link="/2.pdf", published="Tue, 01 Dec 2026 18:30:00 GMT"),
        entry("2", TITLE, link="//[/", published="2026-12-01T18:30:00Z"),
    ),
    b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xmlns:m="http://search.yahoo.com/mrss/"><title>A</title>'
    b'<entry><id>urn:1</id><m:title>x</m:title><title type="html">&lt;b&gt;287(g)</title><link href="/a" rel="alternate"/>'
    b'<link rel="enclosure" type="application/pdf" href="/a.pdf"/><updated>2026-12-01T18:30:00-05:00</updated>'
    b'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Agenda</p></div></content></entry></feed>',
)


@asynccontextmanager
async def _feeds() -> AsyncIterator[Try]:
    async def attempt(dice: Random, _: int) -> str:
        body = damaged_bytes(dice, dice.choice(FEEDS))
        with suppress(CountersignError):
            read_feed(_document(body, content_type=dice.choice(("", "text/xml; charset=latin-1"))), ZONE)
        if dice.random() < 0.3:
            await _read_place(dice, "feed")
        return "read"

    yield attempt


# ── json ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Served:
    """A Fetcher that answers from a loopback server's contents, without HTTP and with damage."""

    def __init__(self, dice: Random, server: LocalServer) -> None:
        self._dice, self._server = dice, server

    async def get(self, address: str, *, expect: Any = None, form: Form | None = None, **_: object) -> Document:
        url = parsed(address)
        parts = urlsplit(str(url))
        reply = None
        with suppress(ValueError, LookupError):  # the loopback server takes only its own ids
            asked = dict(parse_qsl(parts.query))
            reply = self._server.posted(parts.path, form.content) if form else self._server.reply(parts.path, asked)
        body = self._server.files.get(parts.path) or (reply.body if reply is not None else b"")
        if not body:
            raise Missing(f"{masked(address)} answered 404")
        body = self._damaged(body)
        check_content(url, body, expect)
        return _document(body, masked(address))

    def _damaged(self, body: bytes) -> bytes:
        if self._dice.random() < 0.2:
            return body
        if body[:1] in b"[{" and self._dice.random() < 0.8:
            return json.dumps(damaged_value(self._dice, json.loads(body))).encode()
        return damaged_bytes(self._dice, body)


async def _read_place(dice: Random, kind: str) -> None:
    case = CASES[kind]
    server = case.server()
    server.base = "https://nash.example"
    case.say(server, TITLE)
    if dice.random() < 0.5:
        case.add(server)
    if dice.random() < 0.2:
        case.spoil(server)
    address = server.address + case.path
    place = Place(name="Nash County", kind=kind, address=address, state="NC", county="Nash County", zone=str(ZONE))
    status = SourceStatus(source=place.name)
    for _ in range(2):  # the second reading has what the first stored
        with suppress(CountersignError):
            reading = await LOCAL[kind].read(_Served(dice, server), place, status, NOW)
            status = SourceStatus(source=place.name, validators=reading.validators, facts=reading.facts, read_at=NOW)
            json.dumps(reading.facts)
            _check(reading)


def _check(reading: LocalReading) -> None:
    """Raise AssertionError if an item lacks what every item has, whatever the server sent."""
    assert len({item.id for item in reading.items}) == len(reading.items)
    kept = {document.sha256 for document in reading.documents}
    for item in reading.items:
        assert item.title.strip(), item
        assert parsed(item.address), item
        assert item.evidence in kept, item
        assert not isinstance(item.meets_at, datetime) or item.meets_at.utcoffset() is not None, item
        assert "".join((item.id, item.title, item.text, item.body, *item.pages)).encode(), item


@asynccontextmanager
async def _places() -> AsyncIterator[Try]:
    async def attempt(dice: Random, _: int) -> str:
        kind = dice.choice(sorted(LOCAL))
        await _read_place(dice, kind)
        return kind

    yield attempt


@asynccontextmanager
async def _json() -> AsyncIterator[Try]:
    async def attempt(dice: Random, _: int) -> str:
        kind = dice.choice(("legistar", "civicclerk", "primegov"))
        await _read_place(dice, kind)
        return kind

    yield attempt


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────

VERBS = (
    "start", "hello", "help", "watch", "unwatch", "states", "pick", "digest", "kinds", "kind", "pause", "resume", "status", "list",
    "recent", "agency", "language", "stop", "forget", "undo", "set", "stale", "always", "ayuda", "idioma", "/watch", "//", "?", "wach",
)  # fmt: skip
WORDS = (
    "TX", "OK", "Texas", "Oklahoma", "all", "todos", "Harris County TX", "St. Clair County AL", "La Salle Parish", "Washington AR", "agency",
    "Bell County Sheriff", "WSO", "task force", "daily", "weekly", "instant", "off", "on", "8:00", "5pm", "24:00", "America/Chicago",
    "localtime", "GMT+1", "+applied", "-applied", "default", "signed", "yes", "1", "2", "3 days", "until 2026-12-01", "0 days", "9999 months",
    "2h", "es", "en", "states=TX,OK", "cadence=daily", "at=09:00", "tz=UTC", "kinds=signed", "tz=", "at=x", "only", "and", "y", ",", "in", "CO",
)  # fmt: skip


@asynccontextmanager
async def _commands() -> AsyncIterator[Try]:
    store = TinyStore.in_memory()
    chat = Chat(store)
    await chat.publish(FIRST, NOW)
    await chat.publish(SECOND, NOW.replace(hour=13))

    async def attempt(dice: Random, seed: int) -> str:
        for _ in range(dice.randint(1, 4)):
            text = f"{dice.choice(VERBS)} {some(dice, WORDS)}"
            text = damaged_text(dice, text) if dice.random() < 0.2 else text
            channel = dice.choice(("telegram", "slack"))
            asked = Request(channel=channel, address=str(seed), text=text, bot="bot")
            reply = await chat.chat_commands.answer(asked)
            if not plain_text(reply.lines).strip():
                raise AssertionError(f"no answer to {text!r}")
        return "answered"

    try:
        yield attempt
    finally:
        await store.close()


# ── payloads ─────────────────────────────────────────────────────────────────────────────────────────────────────────

PERSON = {"id": 42, "is_bot": False, "first_name": "A", "username": "a", "language_code": "es"}
GROUP = {"id": -100, "type": "supergroup", "title": "Newsroom", "is_forum": True}
MESSAGE = {
    "message_id": 7, "date": 1_790_000_000, "chat": {"id": 42, "type": "private"}, "from": PERSON, "text": "/watch TX",
    "entities": [{"type": "bot_command", "offset": 0, "length": 6}], "message_thread_id": 5, "is_topic_message": True,
}  # fmt: skip
MEMBER = {"status": "member", "user": PERSON}
UPDATES = (
    {"message": MESSAGE},
    {"message": MESSAGE | {"chat": GROUP}},
    {"message": {"message_id": 1, "date": 1, "chat": GROUP, "migrate_to_chat_id": -200}},
    {"channel_post": MESSAGE | {"chat": {"id": -5, "type": "channel", "title": "x"}}},
    {"callback_query": {"id": "1", "from": PERSON, "message": MESSAGE, "chat_instance": "1", "data": "status"}},
    {"my_chat_member": {"chat": GROUP, "from": PERSON, "date": 1, "old_chat_member": MEMBER | {"status": "left"},
                        "new_chat_member": MEMBER}},
)  # fmt: skip
BASE = {
    "team": {"id": TEAM},
    "team_id": TEAM,
    "user": {"id": "U0ADA00"},
    "channel": {"id": "C024BE91L"},
    "trigger_id": "1.2",
}
VALUES = {
    "w": {"where": {"type": "conversations_select", "selected_conversation": "C024BE91L"}},
    "s": {"states": {"type": "multi_static_select", "selected_options": [{"value": "TX"}]}},
    "c": {"cadence": {"type": "radio_buttons", "selected_option": {"value": "daily"}}},
    "a": {"at": {"type": "static_select", "selected_option": {"value": "09:00"}}},
    "z": {"tz": {"type": "static_select", "selected_option": {"value": "UTC"}}},
    "k": {"kinds": {"type": "checkboxes", "selected_options": [{"value": "signed"}]}},
}
VIEW = {"id": "V1", "type": "modal", "callback_id": "settings", "private_metadata": "en", "state": {"values": VALUES}}
INTERACTIONS = (
    BASE | {"type": "block_actions", "actions": [{"action_id": "ask:0:0", "value": "status", "type": "button"}]},
    BASE | {"type": "block_actions", "view": VIEW,
            "actions": [{"action_id": "where", "type": "conversations_select", "selected_conversation": "C024BE91L"}]},
    BASE | {"type": "view_submission", "view": VIEW, "response_urls": [{"response_url": ""}]},
    BASE | {"type": "shortcut", "callback_id": "settings"},
)  # fmt: skip
EVENTS = tuple(
    {"type": "event_callback", "team_id": TEAM, "authorizations": [{"team_id": TEAM, "user_id": "U0B"}], "event": event}
    for event in (
        {"type": "message", "channel": "D1", "channel_type": "im", "user": "U0ADA00", "text": "help"},
        {"type": "app_home_opened", "user": "U0ADA00", "channel": "D1", "tab": "home"},
        {"type": "member_joined_channel", "user": "U0B", "channel": "C024BE91L", "inviter": "U0ADA00"},
        {"type": "channel_id_changed", "old_channel_id": "G1", "new_channel_id": "C1"},
        {"type": "channel_archive", "channel": "C024BE91L", "user": "U0ADA00"},
        {"type": "tokens_revoked", "tokens": {"bot": ["U0B"], "oauth": []}},
    )
)
COMMAND = {"command": "/countersign", "text": "watch TX", "team_id": TEAM, "user_id": "U0ADA00", "channel_id": "C024BE91L",
           "response_url": "", "trigger_id": "1.2"}  # fmt: skip
SECRET = "a-secret"


class _Silent:
    """A chat handler that changes nothing. Payloads are tried here; the chat's answers are tried as commands."""

    async def answer(self, asked: Request) -> Any:
        raise CountersignError("nothing to say")

    async def subscription(self, *_: str) -> None:
        return None

    async def subscriptions(self, *_: str) -> list[Any]:
        return []

    async def moved(self, *_: str) -> None: ...
    async def gone(self, *_: str) -> None: ...
    async def returned(self, *_: str) -> None: ...
    async def erased(self, *_: str) -> None: ...

    async def extra_commands(self, *_: str) -> frozenset[str]:
        return frozenset()


class _Notes(dict[str, str]):
    async def get(self, key: str) -> str | None:  # type: ignore[override]
        return dict.get(self, key)

    async def put(self, key: str, text: str) -> None:
        self[key] = text

    async def delete(self, key: str) -> None:
        self.pop(key, None)

    async def keys(self) -> list[str]:  # type: ignore[override]
        return list(dict.keys(self))


@asynccontextmanager
async def _payloads() -> AsyncIterator[Try]:
    async with LoopbackTelegram() as telegram_server, LoopbackSlack() as slack_server:
        sender = TelegramSender(token=telegram_server.token, base_url=telegram_server.url, rate_limit=RateLimit())
        telegram = TelegramListener(sender, menu={}, grace=0.1)
        telegram.webhook("https://bot.example/telegram", SECRET)
        slack = SlackSender(token=slack_server.token, base_url=slack_server.url, rate_limit=RateLimit())
        vault = TokenVault("x" * 32, _Notes())
        oauth = OAuth(client_id="1", client_secret="2", public_url="https://bot.example", vault=vault,
                      workspaces=Workspaces(vault))  # fmt: skip
        only, many = (
            SlackListener(slack, signing_secret=SIGNING_SECRET, oauth=each, picker_rest=0.0) for each in (None, oauth)
        )
        tasks = [asyncio.create_task(each.listen(_Silent())) for each in (telegram, only, many)]
        while telegram._updates is None or only._app is None or many._app is None:  # noqa: ASYNC110
            await asyncio.sleep(0)

        async def attempt(dice: Random, _: int) -> str:
            if dice.random() < 0.4:
                update = damaged_value(dice, {"update_id": dice.randrange(2**31), **dice.choice(UPDATES)})
                body = json.dumps(update).encode()
                body = damaged_bytes(dice, body) if dice.random() < 0.1 else body
                answer = await telegram.receive("/telegram", {"X-Telegram-Bot-Api-Secret-Token": SECRET}, body)
            else:
                answer = await _to_slack(dice, dice.choice((only, only, many)))
            if answer.status >= 500:
                raise AssertionError(f"answered {answer.status}")
            if any("\r" in value or "\n" in value for value in answer.headers.values()):
                raise AssertionError(f"a header with a line break: {answer.headers}")
            return str(answer.status)

        try:
            yield attempt
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await sender.close()
            await slack.close()


async def _to_slack(dice: Random, slack: SlackListener) -> Any:
    route = dice.randrange(4)
    if route == 3:
        query = urlencode(
            {dice.choice(("team", "code", "state", "error")): dice.choice((*TEXTS, TEAM))}, errors="replace"
        )
        path = dice.choice(("/slack/install", "/slack/oauth_redirect"))
        return await slack.receive(f"{path}?{damaged_text(dice, query)}", {"cookie": damaged_text(dice, "a=b")}, b"")
    if route == 0:
        body, content = json.dumps(damaged_value(dice, dice.choice(EVENTS))).encode(), "application/json"
        path = "/slack/events"
    else:
        content = "application/x-www-form-urlencoded"
        damaged = damaged_value(dice, COMMAND if route == 1 else dice.choice(INTERACTIONS))
        form = damaged if route == 1 and isinstance(damaged, dict) else {"payload": json.dumps(damaged)}
        body = urlencode(form, errors="replace").encode()
        path = "/slack/commands" if route == 1 else "/slack/interactivity"
    body = damaged_bytes(dice, body) if dice.random() < 0.1 else body
    content = damaged_text(dice, content) if dice.random() < 0.05 else content
    return await slack.receive(path, {"content-type": content} | signed(body), body)


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────

GOOD = {
    "COUNTERSIGN_DATA": "data", "COUNTERSIGN_ICE_URL": "https://www.ice.gov/287g", "COUNTERSIGN_SOURCES": "ice,local",
    "COUNTERSIGN_POLL_SECONDS": "900", "COUNTERSIGN_HOST_GAP": "1", "COUNTERSIGN_STALE_HOURS": "6", "COUNTERSIGN_ALLOW_LOOPBACK": "false",
    "COUNTERSIGN_CONTACT": "desk@example.org", "COUNTERSIGN_OPERATOR": "telegram:12345", "PORT": "8080", "COUNTERSIGN_LOG": "json",
    "DATABASE_URL": "postgresql://u:p@h:5432/n", "SENTRY_DSN": "https://k@h/1", "TELEGRAM_BOT_TOKEN": "1:a", "SLACK_BOT_TOKEN": "xoxb-1",
    "TELEGRAM_API_URL": "https://api.telegram.org/bot", "SLACK_API_URL": "https://slack.com/api/", "SLACK_SIGNING_SECRET": "s",
    "COUNTERSIGN_PUBLIC_URL": "https://bot.example", "COUNTERSIGN_SECRET_KEY": "x" * 32, "SLACK_CLIENT_ID": "1", "SLACK_CLIENT_SECRET": "2",
    "COUNTERSIGN_ADMINS_ONLY": "true", "COUNTERSIGN_BROADCAST": '[{"channel":"telegram","address":"@x"}]',
}  # fmt: skip
FILE = b"""ice_url = "https://www.ice.gov/287g"
sources = ["ice", "local"]
poll_seconds = 900
[[broadcast]]
channel = "telegram"
address = "@x"
states = ["TX", "OK"]
at = "09:00"
tz = "America/Chicago"
"""
CATALOG = b"""zone = "America/New_York"
["Nash County"]
kind = "civicplus"
address = "https://www.nashcountync.gov/AgendaCenter"
county = "Nash"
every_hours = 6.0
verified = 2026-11-01
["Wake County"]
kind = "legistar"
address = "https://wake.legistar.com/Calendar.aspx"
"""
ADDRESSES = (
    "https://www.nashcountync.gov/AgendaCenter", "nash.legistar.com", "https://nash.primegov.com/public/portal", "feed://x.example/rss",
    "https://nash.granicus.com/ViewPublisher.php?view_id=3", "https://nash.portal.civicclerk.com/event/5", "http://[2606:2800::1]:80/x.pdf",
    "https://user:hunter2@www.example.gov/?token=hunter2", "mailto://user:hunter2@example.org", "@newsroom", "https://t.me/newsroom",
    "C024BE91L", "https://x.slack.com/archives/C024BE91L", *UNUSABLE,
)  # fmt: skip


@asynccontextmanager
async def _settings() -> AsyncIterator[Try]:
    with tempfile.TemporaryDirectory() as name:
        folder, sources = Path(name), Path(name) / "sources"
        (folder / "config").mkdir()
        sources.mkdir()

        async def attempt(dice: Random, _: int) -> str:
            which = dice.randrange(3)
            if which == 0:
                return _addresses(dice)
            if which == 1:
                (sources / "NC.toml").write_bytes(damaged_bytes(dice, CATALOG))
                return f"catalog of {len(catalog.places(sources))}"
            file = FILE if dice.random() < 0.5 else damaged_bytes(dice, FILE)
            (folder / "config" / "countersign.toml").write_bytes(file)
            chosen = {key: GOOD[key] for key in dice.sample(list(GOOD), dice.randint(0, 5))}
            env = {key: damaged_text(dice, value) if dice.random() < 0.5 else value for key, value in chosen.items()}
            env = {key: value.replace("\0", "") for key, value in env.items()}  # the kernel cuts a value there
            bytes_of = {
                key: value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
                for key, value in env.items()
            }
            with patch.dict(os.environ, bytes_of):
                settings: Settings = load(folder=folder)
            notices(settings, env=bytes_of)
            assert all(settings.secrets)
            return "settings"

        yield attempt


def _addresses(dice: Random) -> str:
    """Give one address to every function that parses addresses."""
    address = damaged_text(dice, dice.choice(ADDRESSES))
    masked(address), masked_typed(address)
    base = parsed("https://www.example.gov/agendas")
    good = 0
    for read in (
        lambda: parsed(address),
        lambda: redirect_target(base, 302, address),
        lambda: place_of(address),
        lambda: document_at(address),
        lambda: check_address(address),
        lambda: SlackSetup().check_address(address),
        lambda: AppriseSetup().check_address(address) if dice.random() < 0.2 else None,
    ):
        with suppress(CountersignError):
            read()
            good += 1
    if link := resolve_link("https://www.example.gov/agendas", address):
        for source in LOCAL.values():
            source.recognizes(link)
    return "address"


KINDS: dict[str, Callable[[], Any]] = {
    "html": _html,
    "feeds": _feeds,
    "json": _json,
    "places": _places,
    "commands": _commands,
    "payloads": _payloads,
    "settings": _settings,
}
