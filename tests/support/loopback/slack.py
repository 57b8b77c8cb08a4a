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
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from support.loopback.server import Fault, Flood, LoopbackServer, Message

TOKEN = "xoxb-loopback-0000000000"
APP_TOKEN = "xapp-loopback-0000000000"
CLIENT = ("1111.2222", "client-secret-of-loopback")
TEAM, BOT = "T0LOOPBACK", "U0BOT"
TRIGGER_SECONDS = 3.0
LONGEST_TEXT = 40_000
LONGEST_SECTION = 3_000
LONGEST_ALT = 1_000
LONGEST_MESSAGE = 13_200
MOST_BLOCKS = 50


def refused(code: str, *, after: bool = False) -> Fault:
    """Return an error as Slack words it, with status 200; with `after`, the message is stored anyway."""
    return Fault(body={"ok": False, "error": code}, delivers=after)


def flooded(seconds: int) -> Fault:
    return Fault(status=429, body={"ok": False, "error": "ratelimited"}, headers={"Retry-After": str(seconds)})


def broken(status: int = 500, *, after: bool = False) -> Fault:
    return Fault(status=status, body="<html>Server Error</html>", delivers=after)


class Refused(Exception):
    """Slack refuses a message or a view; the text is its error code."""


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
class Installed:
    """The app in one workspace: its token and the bot's id."""

    team: str
    token: str
    bot: str


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


@dataclass(frozen=True)
class Reading:
    """A message as a reader sees it, and its links as pairs of shown text and address."""

    text: str
    links: tuple[tuple[str, str], ...] = ()


def read(message: Mapping[str, Any]) -> Reading:
    """Turn the arguments of chat.postMessage into text and links; raise Refused if Slack would refuse them."""
    text, blocks = message.get("text") or "", message.get("blocks") or []
    if len(text) > LONGEST_TEXT:
        raise Refused("msg_too_long")
    if not blocks:
        if not text.strip():
            raise Refused("no_text")
        return _mrkdwn(text) if message.get("mrkdwn", True) else Reading(_unescaped(text))
    if not isinstance(blocks, Sequence) or len(blocks) > MOST_BLOCKS:
        raise Refused("invalid_blocks")
    readings = [_block(block) for block in blocks]
    if sum(map(_size, blocks)) > LONGEST_MESSAGE:
        raise Refused("msg_blocks_too_long")
    shown = [reading for block, reading in zip(blocks, readings, strict=True) if block["type"] != "actions"]
    return _all(shown, "\n")


def _size(block: Mapping[str, Any]) -> int:
    """Return the length Slack counts for a block: of rich text its JSON (our guess), of others text plus a frame."""
    if block["type"] == "rich_text":
        return len(json.dumps(block, ensure_ascii=False).encode())
    return 100 + sum(len(text) for text in _texts(block))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _block(block: Any) -> Reading:
    _require(isinstance(block, Mapping))
    match block.get("type"):
        case "rich_text":
            return _rich_text(block)
        case "section":
            if "text" in block:
                return _text_object(block["text"], LONGEST_SECTION)
            _require(bool(block.get("fields")) and len(block["fields"]) <= 10)
            return _all([_text_object(field, 2_000) for field in block["fields"]], "\n")
        case "header":
            _require(block.get("text", {}).get("type") == "plain_text")
            return _text_object(block["text"], 150)
        case "context":
            _require(bool(block.get("elements")) and len(block["elements"]) <= 10)
            texts = [element for element in block["elements"] if element.get("type") != "image"]
            return _all([_text_object(element, LONGEST_SECTION) for element in texts], " ")
        case "actions":
            _require(bool(block.get("elements")) and len(block["elements"]) <= 25)
            for element in block["elements"]:
                _button(element)
            return Reading("")
        case "divider":
            return Reading("")
        case "image":
            _require(bool(block.get("alt_text")) and ("image_url" in block or "slack_file" in block))
            return Reading(block["alt_text"])
        case _:
            raise Refused("invalid_blocks")


def _button(element: Mapping[str, Any]) -> None:
    _require(element.get("type") == "button" and element.get("text", {}).get("type") == "plain_text")
    _require(0 < len(element["text"]["text"]) <= 75)
    _require(len(element.get("value", "")) <= 2_000 and 0 < len(element.get("action_id", "")) <= 255)


def buttons_of(blocks: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return each button's label and value."""
    elements = [element for block in blocks if block["type"] == "actions" for element in block["elements"]]
    names = Counter(element["action_id"] for element in elements)
    _require(not names or max(names.values()) == 1)
    return tuple((element["text"]["text"], element.get("value", "")) for element in elements)


def check_view(view: Mapping[str, Any]) -> None:
    """Raise Refused if Slack would refuse this form or home."""
    blocks = view.get("blocks")
    _require(isinstance(blocks, list) and 0 < len(blocks) <= 100)
    _require(view.get("type") in {"modal", "home"})
    if view["type"] == "modal":
        for name in ("title", "submit", "close"):
            _require(view[name]["type"] == "plain_text" and 0 < len(view[name]["text"]) <= 24)
        _require(len(view.get("private_metadata", "")) <= 3_000 and len(view.get("callback_id", "")) <= 255)
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    _require(len(set(ids)) == len(ids) and all(len(name) <= 255 for name in ids))
    for block in blocks:
        if block["type"] == "input":
            _input(block)
        else:
            _block(block)


def _input(block: Mapping[str, Any]) -> None:
    _require(block["label"]["type"] == "plain_text" and 0 < len(block["label"]["text"]) <= 2_000)
    element = block["element"]
    options = element.get("options", [])
    most = {"static_select": 100, "multi_static_select": 100, "radio_buttons": 10, "checkboxes": 10}
    _require(element["type"] in {*most, "conversations_select"})
    if element["type"] == "conversations_select":
        _require(set(element.get("filter", {}).get("include", ["im"])) <= {"im", "mpim", "private", "public"})
        return
    _require(0 < len(options) <= most[element["type"]])
    _require(len({option["value"] for option in options}) == len(options))
    for option in options:
        _require(0 < len(option["text"]["text"]) <= 75 and 0 < len(option["value"]) <= 150)
    initial = element.get("initial_options", [element["initial_option"]] if "initial_option" in element else None)
    _require(initial is None or (bool(initial) and all(option in options for option in initial)))


def _all(readings: Sequence[Reading], between: str) -> Reading:
    text = between.join(reading.text for reading in readings)
    return Reading(text, tuple(link for reading in readings for link in reading.links))


def _text_object(value: Any, limit: int) -> Reading:
    _require(isinstance(value, Mapping) and isinstance(value.get("text"), str))
    _require(0 < len(value["text"]) <= limit)
    if value.get("type") == "plain_text":
        return Reading(value["text"])
    _require(value.get("type") == "mrkdwn")
    return _mrkdwn(value["text"])


def _rich_text(block: Mapping[str, Any]) -> Reading:
    elements = block.get("elements")
    _require(isinstance(elements, list) and bool(elements))
    return _all([_rich_section(element) for element in elements], "\n")


def _rich_section(section: Mapping[str, Any]) -> Reading:
    elements = section.get("elements")
    _require(isinstance(elements, list))
    match section.get("type"):
        case "rich_text_list":
            _require(section.get("style") in {"bullet", "ordered"})
            return _all([_rich_section(element) for element in elements], "\n")
        case "rich_text_section" | "rich_text_quote" | "rich_text_preformatted":
            return _all([_rich_element(element) for element in elements], "")
        case _:
            raise Refused("invalid_blocks")


def _rich_element(element: Mapping[str, Any]) -> Reading:
    text = element.get("text")
    style = element.get("style", {})
    _require(set(element) <= {"type", "text", "url", "style", "name", "user_id"})
    _require(set(style) <= {"bold", "italic", "strike", "code"} and all(value is True for value in style.values()))
    match element.get("type"):
        case "text":
            _require(isinstance(text, str) and bool(text))
            return Reading(text)
        case "link":
            url = element.get("url")
            _require(isinstance(url, str) and bool(re.fullmatch(r"(https?://|mailto:)[!-~]+", url)))
            _require(text is None or (isinstance(text, str) and bool(text)))
            return Reading(text or url, ((text or url, url),))
        case "emoji":
            return Reading(f":{element.get('name')}:")
        case "user":
            return Reading(f"@{element.get('user_id')}")
        case _:
            raise Refused("invalid_blocks")


def _mrkdwn(text: str) -> Reading:
    """Read the links and mentions of Slack's markup; leave stars and underscores as they are."""
    links: list[tuple[str, str]] = []

    def shown(found: re.Match[str]) -> str:
        target, _, label = found[1].partition("|")
        if target.startswith(("http://", "https://", "mailto:")):
            links.append((_unescaped(label or target), _unescaped(target)))
            return label or target
        return {"!": "@", "@": "@", "#": "#"}.get(target[:1], "") + (label or target[1:])

    return Reading(_unescaped(re.sub(r"<([^<>]*)>", shown, text)), tuple(links))


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _require(condition: bool) -> None:
    if not condition:
        raise Refused("invalid_blocks")


class LoopbackSlack(LoopbackServer):
    """Workspaces and their channels. Every channel exists unless a script says otherwise.

    `limits` enforces one message a second for a channel, with leeway. `refuse` is an error code for every call, such
    as "token_revoked". `outside` are channels where the bot is not; `users` what users.info says of a person; `slow`
    the seconds that a method (or "response", for answers at a command's address) takes; `codes` the workspaces that
    install the app by OAuth, by the code that Slack gives their browser.
    """

    def __init__(self, *, token: str = TOKEN, limits: bool = False) -> None:
        super().__init__()
        self.token = token
        self.app_token = APP_TOKEN
        self.limits = limits
        self.refuse: str | None = None
        self.outside: set[str] = set()
        self.users: dict[str, Mapping[str, Any]] = {}
        self.slow: dict[str, float] = {}
        self.codes: dict[str, Installed] = {}
        self.installed = {token: Installed(TEAM, token, BOT)}
        self.answers: list[Answer] = []
        self.views: dict[str, View] = {}
        self.homes: dict[str, Mapping[str, Any]] = {}
        self.links: list[Link] = []
        self.expired: set[str] = set()
        self._numbers = count(1)
        self._flood = Flood(1, 1.0)
        self._files: dict[str, bytes] = {}
        self._lengths: dict[str, int] = {}
        self._tickets: set[str] = set()
        self._urls: dict[str, tuple[str, str]] = {}
        self._used: Counter[str] = Counter()
        self._triggers: dict[str, tuple[str, float]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """The base_url for slack_sdk."""
        return f"{self.base}/api/"

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
        path = f"/response/{next(self._numbers)}"
        self._urls[path] = (channel, user)
        return self.base + path

    def expire_addresses(self) -> None:
        """Let every address to answer at so far expire."""
        self.expired |= set(self._urls)

    def trigger(self, user: str) -> str:
        """Return a trigger id, which opens a form within three seconds."""
        name = f"trigger.{next(self._numbers)}"
        self._triggers[name] = (user, monotonic())
        return name

    async def happens(self, kind: str, payload: Mapping[str, Any], *, within: float = 60.0) -> Heard:
        """Send an event over the app's newest WebSocket; raise TimeoutError if it isn't acknowledged in time."""
        link = self.links[-1]
        envelope = f"envelope-{next(self._numbers)}"
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

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if upload := re.fullmatch(r"/upload/(F\d+)", request.path):
            return await self._upload(request, upload[1])
        if request.path == "/link":
            return await self._link(request)
        if request.path in self._urls:
            return await self._respond(request)
        found = re.fullmatch(r"/api/([\w.]+)", request.path)
        if not found:
            return web.Response(status=404, text="Not Found")
        method = found[1]
        arguments = await _arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(arguments.pop("token", ""))
        self.note(method, arguments, token)
        await asyncio.sleep(self.slow.get(method, 0))
        if error := self._unwelcome(method, token):
            return web.json_response({"ok": False, "error": error})
        if self._script.get(f"({method})"):
            return await self.deliver(request, f"({method})", _done)
        if method == "chat.postMessage":
            return await self._post(request, arguments)
        if method == "files.completeUploadExternal":
            return await self._share(request, arguments)
        try:
            return web.json_response({"ok": True} | self._simple(method, arguments, token))
        except Refused as refusal:
            return web.json_response({"ok": False, "error": str(refusal)})

    def _unwelcome(self, method: str, token: str) -> str | None:
        if self.refuse:
            return self.refuse
        if method == "oauth.v2.access":
            return None
        if not token:
            return "not_authed"
        known = token == self.app_token if method == "apps.connections.open" else token in self.installed
        return None if known else "invalid_auth"

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

    def _simple(self, method: str, arguments: Mapping[str, Any], token: str) -> dict[str, Any]:
        match method:
            case "auth.test":
                return self._identity(self.installed[token])
            case "apps.connections.open":
                ticket = f"ticket-{next(self._numbers)}"
                self._tickets.add(ticket)
                return {"url": f"ws://{urlsplit(self.base).netloc}/link?ticket={ticket}"}
            case "conversations.info":
                channel = arguments.get("channel", "")
                inside = channel not in self.outside
                return {"channel": {"id": channel, "name": "a-channel", "is_member": inside, "is_archived": False}}
            case "conversations.open":
                return {"channel": {"id": own_direct(str(arguments["users"]))}}
            case "users.info":
                return {"user": self._user(str(arguments["user"]), token)}
            case "chat.postEphemeral":
                self._within(str(arguments["channel"]))
                self._told_alone(str(arguments["channel"]), str(arguments["user"]), arguments)
                return {"message_ts": "1"}
            case "views.open" | "views.update" | "views.publish":
                return self._shown(method, arguments)
            case "oauth.v2.access":
                return self._install(arguments, token)
            case "files.getUploadURLExternal":
                return self._ticket(arguments)
            case _:
                return {}

    def _identity(self, app: Installed) -> dict[str, Any]:
        return {
            "url": self.base,
            "team": "Loopback",
            "user": "countersign",
            "team_id": app.team,
            "user_id": app.bot,
            "bot_id": "B0BOT",
        }

    def _user(self, user: str, token: str) -> dict[str, Any]:
        if user not in self.users:
            raise Refused("user_not_found")
        usual = {"id": user, "team_id": self.installed[token].team, "locale": "en-US", "tz": "America/Chicago"}
        return usual | {"is_admin": False, "is_owner": False} | dict(self.users[user])

    def _within(self, channel: str) -> None:
        if channel in self.outside or (channel.startswith("D") and channel not in map(own_direct, self.users)):
            raise Refused("channel_not_found" if channel.startswith("D") else "not_in_channel")

    def _shown(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        view = _json(arguments["view"])
        check_view(view)
        if method == "views.publish":
            self.homes[str(arguments["user_id"])] = view
            return {"view": {}}
        if method == "views.update":
            shown = self.views[str(arguments["view_id"])]
            if arguments.get("hash") not in {None, shown.hash}:
                raise Refused("hash_conflict")
            shown.view, shown.hash = view, str(next(self._numbers))
        else:
            user, since = self._triggers.pop(str(arguments["trigger_id"]), ("", 0.0))
            if not user or monotonic() - since > TRIGGER_SECONDS:
                raise Refused("expired_trigger_id")
            shown = View(f"V{next(self._numbers)}", user, view)
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

    # ── files: an upload address, the bytes, and the chat they are shared in ──

    def fail(self, method: str, *outcomes: Fault | None) -> None:
        """Set the faults of the next calls of this method, in order; "upload" stands for the bytes."""
        self.script(f"({method})", *outcomes)

    def _ticket(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        length = int(arguments.get("length") or 0)
        if not arguments.get("filename") or length <= 0:
            raise Refused("invalid_arguments")
        if len(str(arguments.get("alt_txt") or "")) > LONGEST_ALT:
            raise Refused("alt_txt_too_large")
        file = f"F{next(self._numbers)}"
        self._lengths[file] = length
        return {"upload_url": f"{self.base}/upload/{file}", "file_id": file}

    async def _upload(self, request: web.Request, file: str) -> web.StreamResponse:
        """Take the bytes without a token: the address is the secret, and works once."""
        body = await request.read()
        self.note("upload", {"file": file}, request.headers.get("Authorization", ""))
        if self._script.get("(upload)"):
            return await self.deliver(request, "(upload)", _done)
        if self._lengths.pop(file, None) != len(body):
            return web.Response(status=400, text="Bad Request")
        self._files[file] = body
        return web.Response(text=f"OK - {len(body)}")

    async def _share(self, request: web.Request, arguments: Mapping[str, Any]) -> web.StreamResponse:
        """Share the files as messages, which the answer doesn't mention."""
        files = _json(arguments.get("files")) or []
        comment = str(arguments.get("initial_comment") or "")
        try:
            channel = self._where_shared(arguments, files)
        except Refused as refusal:
            return web.json_response({"ok": False, "error": str(refusal)})

        async def store() -> Mapping[str, Any]:
            for file in files:
                shown = _mrkdwn(comment) if comment else Reading(str(file.get("title", "")))
                self._store(channel, shown, arguments, photo=self._files.pop(file["id"]))
            return {"ok": True, "files": [{"id": file["id"], "title": file.get("title", "")} for file in files]}

        return await self.deliver(request, channel, store)

    def _where_shared(self, arguments: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> str:
        """Return the one channel; a person's id is allowed only among `channels`."""
        channel = str(arguments.get("channel_id") or arguments.get("channels") or "")
        if any(file["id"] not in self._files for file in files):
            raise Refused("file_not_found")
        if not channel or ("channel_id" in arguments and channel[0] not in "CDG"):
            raise Refused("channel_not_found")
        self._within(channel)
        return channel

    async def _post(self, request: web.Request, arguments: Mapping[str, Any]) -> web.StreamResponse:
        channel = str(arguments.get("channel") or "")
        if not channel:
            return web.json_response({"ok": False, "error": "channel_not_found"})
        if self.limits and (wait := self._flood.wait(channel, monotonic())):
            headers = {"Retry-After": str(max(1, round(wait)))}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        try:
            self._within(channel)
            reading = read(arguments)
            buttons_of(arguments.get("blocks") or [])
        except Refused as refusal:
            return web.json_response({"ok": False, "error": str(refusal)})

        async def store() -> Mapping[str, Any]:
            ts = self._store(channel, reading, arguments)
            where = own_direct(channel) if channel.startswith("U") else channel
            return {"ok": True, "channel": where, "ts": ts, "message": {"text": arguments.get("text", ""), "ts": ts}}

        return await self.deliver(request, channel, store)

    def _store(
        self, channel: str, reading: Reading, arguments: Mapping[str, Any], *, photo: bytes | None = None
    ) -> str:
        ts = f"1800000000.{next(self._numbers):06}"
        raw = json.dumps(arguments.get("blocks")) if arguments.get("blocks") else str(arguments.get("text", ""))
        self.messages.append(
            Message(
                order=len(self.messages) + 1,
                at=monotonic(),
                chat=channel,
                text=reading.text,
                raw=raw,
                message_id=ts,
                links=reading.links,
                preview=arguments.get("unfurl_links") is not False or arguments.get("unfurl_media") is not False,
                entities=len(reading.links),
                photo=photo,
                arguments=arguments,
            )
        )
        return ts


async def _done() -> Mapping[str, Any]:
    return {"ok": True}


def own_direct(user: str) -> str:
    """Return the id of the direct messages between a person and the bot."""
    return f"D{user[1:]}"


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] in {"[", "{"} else value


async def _arguments(request: web.Request) -> dict[str, Any]:
    """Read the arguments from the query, JSON or a form, in which blocks are a JSON string."""
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        arguments |= await request.json()
    else:
        arguments |= dict(await request.post())
    return arguments | {"blocks": _json(arguments.get("blocks"))}
