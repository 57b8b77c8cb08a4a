"""Slack's Web API and Socket Mode on loopback, stricter than the real ones where those are vague.

    async with LoopbackSlack() as slack:
        channel = Slack(token=slack.token, base_url=slack.url)
        slack.script("C024BE91L", flooded(3), None, refused("not_in_channel"))
        ...  # look at slack.messages, slack.told("C024BE91L"), slack.calls

See `server.py` for how to run it in a thread and for the faults of any platform (`dropped`, `delayed`, …), and
`slack_people.py` for the people who type and press in it.
"""

import asyncio
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from bot.demo.loopback.server import Reading, Refused
from bot.demo.loopback.slack import BOT, LONGEST_ALT, TEAM, TOKEN, Installed, SlackServer, from_json, own_direct
from bot.demo.loopback.slack_blocks import (
    LONGEST_MESSAGE,
    LONGEST_SECTION,
    LONGEST_TEXT,
    MOST_BLOCKS,
    buttons_of,
    read,
    read_block,
    require,
)
from support.loopback.server import Fault, Flood, LoopbackServer

__all__ = [
    "APP_TOKEN",
    "BOT",
    "CLIENT",
    "LONGEST_ALT",
    "LONGEST_MESSAGE",
    "LONGEST_SECTION",
    "LONGEST_TEXT",
    "MOST_BLOCKS",
    "TEAM",
    "TOKEN",
    "TRIGGER_SECONDS",
    "Answer",
    "Heard",
    "Installed",
    "Link",
    "LoopbackSlack",
    "Reading",
    "Refused",
    "SlackServer",
    "View",
    "broken",
    "buttons_of",
    "check_view",
    "flooded",
    "from_json",
    "own_direct",
    "read",
    "read_block",
    "refused",
    "require",
]

APP_TOKEN = "xapp-loopback-0000000000"
CLIENT = ("1111.2222", "client-secret-of-loopback")
TRIGGER_SECONDS = 3.0


def refused(code: str, *, after: bool = False) -> Fault:
    """Return an error as Slack words it, with status 200; with `after`, the message is stored anyway."""
    return Fault(body={"ok": False, "error": code}, delivers=after)


def flooded(seconds: int) -> Fault:
    return Fault(status=429, body={"ok": False, "error": "ratelimited"}, headers={"Retry-After": str(seconds)})


def broken(status: int = 500, *, after: bool = False) -> Fault:
    return Fault(status=status, body="<html>Server Error</html>", delivers=after)


@dataclass(frozen=True)
class Answer:
    """One answer to one person: at the address that came with their command, or by chat.postEphemeral.

    `buttons` are what is written on them and what they ask. `replaces` is whether it took the place of the message with
    the button that was pressed; `alone` whether nobody else sees it.
    """

    channel: str
    user: str
    text: str
    buttons: tuple[tuple[str, str], ...] = ()
    replaces: bool = False
    alone: bool = True


@dataclass
class View:
    """A form that someone has open, as last shown."""

    id: str
    user: str
    view: Mapping[str, Any]
    hash: str = "1"


@dataclass(frozen=True)
class Heard:
    """The app's answer to one event, and the seconds it took."""

    payload: Mapping[str, Any] | None
    took: float


@dataclass
class Link:
    """A WebSocket of the app, with the events it hasn't acknowledged."""

    socket: web.WebSocketResponse
    awaited: dict[str, "asyncio.Future[Mapping[str, Any] | None]"] = field(default_factory=dict)


def check_view(view: Mapping[str, Any]) -> None:
    """Raise Refused if Slack would refuse this form or home."""
    blocks = view.get("blocks")
    require(isinstance(blocks, list) and 0 < len(blocks) <= 100)
    require(view.get("type") in {"modal", "home"})
    if view["type"] == "modal":
        for name in ("title", "submit", "close"):
            require(view[name]["type"] == "plain_text" and 0 < len(view[name]["text"]) <= 24)
        require(len(view.get("private_metadata", "")) <= 3_000 and len(view.get("callback_id", "")) <= 255)
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    require(len(set(ids)) == len(ids) and all(len(name) <= 255 for name in ids))
    for block in blocks:
        if block["type"] == "input":
            _input(block)
        else:
            read_block(block)


def _input(block: Mapping[str, Any]) -> None:
    require(block["label"]["type"] == "plain_text" and 0 < len(block["label"]["text"]) <= 2_000)
    element = block["element"]
    options = element.get("options", [])
    most = {"static_select": 100, "multi_static_select": 100, "radio_buttons": 10, "checkboxes": 10}
    require(element["type"] in {*most, "conversations_select"})
    if element["type"] == "conversations_select":
        require(set(element.get("filter", {}).get("include", ["im"])) <= {"im", "mpim", "private", "public"})
        return
    require(0 < len(options) <= most[element["type"]])
    require(len({option["value"] for option in options}) == len(options))
    for option in options:
        require(0 < len(option["text"]["text"]) <= 75 and 0 < len(option["value"]) <= 150)
    initial = element.get("initial_options", [element["initial_option"]] if "initial_option" in element else None)
    require(initial is None or (bool(initial) and all(option in options for option in initial)))


class LoopbackSlack(LoopbackServer, SlackServer):
    """Workspaces and their channels. Every channel exists unless a script says otherwise.

    `limits` enforces one message a second for a channel, with leeway. `refuse` is an error code for every call, such
    as "token_revoked". `outside` are channels where the bot is not; `users` what users.info says of a person; `slow`
    the seconds that a method (or "response", for answers at a command's address) takes; `codes` the workspaces that
    install the app by OAuth, by the code that Slack gives their browser.
    """

    def __init__(self, *, limits: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.app_token = APP_TOKEN
        self.limits = limits
        self.refuse: str | None = None
        self.outside: set[str] = set()
        self.users: dict[str, Mapping[str, Any]] = {}
        self.slow: dict[str, float] = {}
        self.codes: dict[str, Installed] = {}
        self.answers: list[Answer] = []
        self.views: dict[str, View] = {}
        self.homes: dict[str, Mapping[str, Any]] = {}
        self.links: list[Link] = []
        self.expired: set[str] = set()
        self._flood = Flood(1, 1.0)
        self._tickets: set[str] = set()
        self._urls: dict[str, tuple[str, str]] = {}
        self._used: Counter[str] = Counter()
        self._triggers: dict[str, tuple[str, float]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return await super().__aenter__()

    async def __aexit__(self, *reasons: object) -> None:
        for link in self.links:
            await link.socket.close()
        await super().__aexit__(*reasons)

    def from_thread(self, coroutine: Any) -> Any:
        """Run a coroutine of this server (`happens`, a person's action) from a test without an event loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(15)

    # ── send to the app ──

    def answer_url(self, channel: str, user: str) -> str:
        """Return a response address, as comes with a command; it works for five answers."""
        path = f"/response/{next(self.numbers)}"
        self._urls[path] = (channel, user)
        return self.base + path

    def expire_addresses(self) -> None:
        """Let every address to answer at so far expire."""
        self.expired |= set(self._urls)

    def trigger(self, user: str) -> str:
        """Return a trigger id, which opens a form within three seconds."""
        name = f"trigger.{next(self.numbers)}"
        self._triggers[name] = (user, monotonic())
        return name

    async def happens(self, kind: str, payload: Mapping[str, Any], *, within: float = 60.0) -> Heard:
        """Send an event over the app's newest WebSocket; raise TimeoutError if it isn't acknowledged in time."""
        link = self.links[-1]
        envelope = f"envelope-{next(self.numbers)}"
        link.awaited[envelope] = asyncio.get_running_loop().create_future()
        began = monotonic()
        takes = kind != "events_api"
        await link.socket.send_json(
            {"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": takes}
        )
        async with asyncio.timeout(within):
            answer = await link.awaited[envelope]
        return Heard(answer, monotonic() - began)

    async def disconnect(self, reason: str = "refresh_requested") -> Link:
        """Announce that the newest WebSocket will close; the caller closes it."""
        link = self.links[-1]
        await link.socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "loopback"}})
        return link

    # ── answer ──

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/link":
            return await self._link(request)
        if request.path in self._urls:
            return await self._respond(request)
        return await super().respond(request)

    async def refusal(self, request: web.Request, method: str, token: str) -> web.StreamResponse | None:
        await asyncio.sleep(self.slow.get(method, 0))
        refusal = await super().refusal(request, method, token)
        if refusal is None and self._script.get(f"({method})"):
            return await self.deliver(request, f"({method})", _done)
        return refusal

    def unwelcome(self, method: str, token: str) -> str | None:
        if self.refuse:
            return self.refuse
        if method == "oauth.v2.access":
            return None
        if method == "apps.connections.open" and token:
            return None if token == self.app_token else "invalid_auth"
        return super().unwelcome(method, token)

    def obstacle(self, channel: str) -> web.StreamResponse | None:
        if self.limits and (wait := self._flood.wait(channel, monotonic())):
            headers = {"Retry-After": str(max(1, round(wait)))}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        return None

    async def refused_upload(self, request: web.Request) -> web.StreamResponse | None:
        return await self.deliver(request, "(upload)", _done) if self._script.get("(upload)") else None

    async def _link(self, request: web.Request) -> web.StreamResponse:
        """Serve one of the app's WebSockets; its address works once."""
        if request.query.get("ticket") not in self._tickets:
            return web.Response(status=403, text="ticket expired")
        self._tickets.discard(request.query["ticket"])
        link = Link(web.WebSocketResponse())
        await link.socket.prepare(request)
        self.links.append(link)
        await link.socket.send_json({"type": "hello", "num_connections": len(self.links)})
        async for message in link.socket:
            if message.type is WSMsgType.TEXT:
                said = json.loads(message.data)
                awaited = link.awaited.pop(said.get("envelope_id", ""), None)
                if awaited is not None and not awaited.done():
                    awaited.set_result(said.get("payload"))
        return link.socket

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        path, said = request.path, await request.json()
        await asyncio.sleep(self.slow.get("response", 0))
        self._used[path] += 1
        if path in self.expired or self._used[path] > 5:
            return web.Response(status=404, text="expired_url")
        channel, user = self._urls[path]
        try:
            self._told_alone(channel, user, said)
        except Refused as refusal:
            return web.Response(status=400, text=str(refusal))
        return web.Response(text="ok")

    def _told_alone(self, channel: str, user: str, said: Mapping[str, Any]) -> None:
        reading = read(said)
        self.answers.append(
            Answer(
                channel=channel,
                user=user,
                text=reading.text,
                buttons=buttons_of(said.get("blocks") or []),
                replaces=bool(said.get("replace_original")),
                alone=said.get("response_type") != "in_channel",
            )
        )

    def result(self, method: str, arguments: Mapping[str, Any], token: str) -> dict[str, Any]:
        match method:
            case "apps.connections.open":
                ticket = f"ticket-{next(self.numbers)}"
                self._tickets.add(ticket)
                return {"url": f"ws://{urlsplit(self.base).netloc}/link?ticket={ticket}"}
            case "users.info":
                return {"user": self._user(str(arguments["user"]), token)}
            case "chat.postEphemeral":
                self.check_inside(str(arguments["channel"]))
                self._told_alone(str(arguments["channel"]), str(arguments["user"]), arguments)
                return {"message_ts": "1"}
            case "views.open" | "views.update" | "views.publish":
                return self._shown(method, arguments)
            case "oauth.v2.access":
                return self._install(arguments, token)
            case _:
                return super().result(method, arguments, token)

    def conversation(self, channel: str) -> dict[str, Any]:
        return super().conversation(channel) | {"is_member": channel not in self.outside}

    def _user(self, user: str, token: str) -> dict[str, Any]:
        if user not in self.users:
            raise Refused("user_not_found")
        usual = {"id": user, "team_id": self.installed[token].team, "locale": "en-US", "tz": "America/Chicago"}
        return usual | {"is_admin": False, "is_owner": False} | dict(self.users[user])

    def check_inside(self, channel: str) -> None:
        if channel in self.outside or (channel.startswith("D") and channel not in map(own_direct, self.users)):
            raise Refused("channel_not_found" if channel.startswith("D") else "not_in_channel")

    def _shown(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        view = from_json(arguments["view"])
        check_view(view)
        if method == "views.publish":
            self.homes[str(arguments["user_id"])] = view
            return {"view": {}}
        if method == "views.update":
            shown = self.views[str(arguments["view_id"])]
            if arguments.get("hash") not in {None, shown.hash}:
                raise Refused("hash_conflict")
            shown.view, shown.hash = view, str(next(self.numbers))
        else:
            user, since = self._triggers.pop(str(arguments["trigger_id"]), ("", 0.0))
            if not user or monotonic() - since > TRIGGER_SECONDS:
                raise Refused("expired_trigger_id")
            shown = View(f"V{next(self.numbers)}", user, view)
            self.views[shown.id] = shown
        return {"view": {"id": shown.id, "hash": shown.hash}}

    def _install(self, arguments: Mapping[str, Any], token: str) -> dict[str, Any]:
        if token != "Basic " + b64encode(":".join(CLIENT).encode()).decode():
            raise Refused("bad_client_secret")
        app = self.codes.pop(str(arguments.get("code")), None)
        if app is None:
            raise Refused("invalid_code")
        self.installed[app.token] = app
        return {
            "access_token": app.token,
            "token_type": "bot",
            "bot_user_id": app.bot,
            "app_id": "A0APP",
            "team": {"id": app.team, "name": "A workspace"},
            "enterprise": None,
            "authed_user": {"id": "U0INSTALLER"},
            "scope": "commands,chat:write",
        }

    # ── misbehave at other calls than sends ──

    def fail(self, method: str, *outcomes: Fault | None) -> None:
        """Set the faults of the next calls of this method, in order; "upload" stands for the bytes."""
        self.script(f"({method})", *outcomes)


async def _done() -> Mapping[str, Any]:
    return {"ok": True}
