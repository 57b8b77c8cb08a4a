"""Telegram's Bot API on loopback, stricter where the real one is lenient.

async with TelegramServer() as telegram:
sender = TelegramSender(token=telegram.token, base_url=telegram.url)
telegram.say("/watch TX", chat=42, user=42); telegram.press("watch TX", message_id=1)
...  # look at telegram.messages, telegram.told(42), telegram.edits, telegram.calls
"""

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from itertools import count
from time import monotonic
from typing import Any

from aiohttp import web

from bot.demo.loopback.server import Message, Now, Platform, Reading, Refused, real_time
from bot.demo.loopback.telegram_html import read

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"  # noqa: S105 - the example in Telegram's documentation
LONGEST_CAPTION = 1_024
LARGEST_PHOTO = 10 * 2**20
BOT = 110201543
CHANNEL = -1001000000001
SENDS = frozenset({"sendMessage", "sendPhoto", "sendDocument"})

Json = dict[str, Any]


class TelegramServer(Platform):
    """A bot and its chats. Every chat exists.

    `name` and `username` are the bot's. `edits` are the messages as they were changed, oldest first.
    """

    def __init__(
        self, *, token: str = TOKEN, name: str = "Countersign", username: str = "countersign_bot", now: Now = real_time
    ) -> None:
        super().__init__(now=now)
        self.token, self.name, self.username = token, name, username
        self.edits: list[Message] = []
        self.pushed: Json = {}
        self._shown: dict[tuple[str, str], tuple[str, Any]] = {}
        self._numbers = count(1)
        self._updates: list[Json] = []
        self._update_ids = count(1)
        self._polls = 0
        self._lock = threading.Lock()

    async def __aexit__(self, *exception: object) -> None:
        self._polls += 1  # ends the poll that is waiting
        await super().__aexit__(*exception)

    @property
    def url(self) -> str:
        """The base_url for python-telegram-bot."""
        return f"{self.base}/bot"

    @property
    def date(self) -> int:
        """The time as Telegram writes it."""
        return int(self.now().timestamp())

    # ── what people do ──

    def push(self, **update: Any) -> int:
        """Give the bot an update, such as message={…}; return its id."""
        with self._lock:
            number = next(self._update_ids)
            self.pushed = {"update_id": number, **update}
            self._updates.append(self.pushed)
            return number

    def say(
        self,
        text: str,
        *,
        chat: int = 42,
        user: int = 42,
        title: str = "A group",
        language: str = "en",
        **fields: Any,
    ) -> int:
        """Write to the bot, in private if chat and user are the same; mark a leading /command.

        `fields` are further ones of the message, as in sender_chat={…} or message_thread_id=7.
        """
        return self.push(message={"from": person(user, language), **self.typed(text, chat, title), **fields})

    def press(
        self,
        callback: str,
        *,
        message_id: int = 1,
        chat: int = 42,
        user: int = 42,
        title: str = "A group",
        language: str = "en",
        age: int | None = 0,
    ) -> int:
        """Press a button under one of the bot's messages; `age` None means a message too old to be included."""
        under: Json = {
            "message_id": message_id,
            "date": 0 if age is None else self.date - age,
            "chat": self.chat_of(chat, title),
        }
        under |= {} if age is None else {"text": "…"}
        query = {"id": f"q{next(self._numbers)}", "from": person(user, language), "chat_instance": "1"}
        return self.push(callback_query={**query, "data": callback, "message": under})

    def typed(self, text: str, chat: int, title: str) -> Json:
        """Return a message that someone wrote."""
        message: Json = {
            "message_id": next(self._numbers),
            "date": self.date,
            "chat": self.chat_of(chat, title),
            "text": text,
        }
        if command := re.match(r"/\w+(@\w+)?", text):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": command.end()}]
        return message

    def chat_of(self, chat: int | str, title: str = "A group") -> Json:
        """Return a chat as updates show it."""
        return chat_as_shown(chat, title)

    # ── answer ──

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer one call of the API."""
        found = re.fullmatch(r"/bot([^/]+)/(\w+)", request.path)
        if not found:
            return web.json_response(error(404, "Not Found"), status=404)
        token, method = found.groups()
        arguments = await _arguments(request)
        self.note(method, arguments, token)
        refusal = await self.refusal(request, method, token)
        if refusal is not None:
            return refusal
        if method == "getUpdates":
            return await self._get_updates(arguments)
        try:
            _check_keyboard(from_json(arguments.get("reply_markup")))
            if method in SENDS:
                return await self._send(request, arguments, method)
            return web.json_response({"ok": True, "result": self.result(method, arguments)})
        except Refused as refused:
            return web.json_response(error(400, str(refused)), status=400)

    async def refusal(
        self,
        request: web.Request,  # noqa: ARG002 - for servers that misbehave
        method: str,  # noqa: ARG002 - the same
        token: str,
    ) -> web.StreamResponse | None:
        """Return the answer to a call that isn't carried out, or None."""
        return web.json_response(error(401, "Unauthorized"), status=401) if token != self.token else None

    def obstacle(
        self,
        chat: str,  # noqa: ARG002 - for servers that misbehave
        arguments: Mapping[str, Any],  # noqa: ARG002 - the same
    ) -> web.StreamResponse | None:
        """Return the answer to a message that the chat doesn't take, or None."""
        return None

    def result(self, method: str, arguments: Mapping[str, Any]) -> Any:
        """Return the result of a call other than a send or a poll; raise Refused if Telegram would refuse it."""
        match method:
            case "getMe":
                return {"id": BOT, "is_bot": True, "first_name": self.name, "username": self.username}
            case "getChat":
                return self.chat_of(str(arguments.get("chat_id", ""))) | {
                    "accent_color_id": 0,
                    "max_reaction_count": 11,
                }
            case "editMessageText":
                return self._edited(arguments)
            case _:
                return True

    def _edited(self, arguments: Mapping[str, Any]) -> Json:
        number, chat, raw = int(arguments["message_id"]), str(arguments["chat_id"]), str(arguments.get("text", ""))
        reading = read(raw, arguments.get("parse_mode"))
        shown = (reading.text, from_json(arguments.get("reply_markup")))
        if self._shown.get((chat, str(number))) == shown:
            raise Refused(
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
                "same as a current content and reply markup of the message"
            )
        self._shown[chat, str(number)] = shown
        self.edits.append(self._message(len(self.edits) + 1, chat, str(number), raw, reading, arguments))
        return self._confirmed(number, chat, reading)

    async def _send(self, request: web.Request, arguments: Mapping[str, Any], method: str) -> web.StreamResponse:
        chat = str(arguments.get("chat_id", ""))
        if not chat:
            return web.json_response(error(400, "Bad Request: chat_id is empty"), status=400)
        obstacle = self.obstacle(chat, arguments)
        if obstacle is not None:
            return obstacle
        photo, is_text = method == "sendPhoto", method == "sendMessage"
        raw = str(arguments.get("text" if is_text else "caption", ""))
        if not is_text:
            (_check_photo if photo else _check_document)(arguments.get("photo" if photo else "document"))
            reading = read(raw, arguments.get("parse_mode"), limit=LONGEST_CAPTION) if raw else Reading("")
        else:
            reading = read(raw, arguments.get("parse_mode"))
        picture = arguments.get("photo") if photo else None

        async def store() -> Mapping[str, Any]:
            return {"ok": True, "result": self._store(chat, raw, reading, arguments, picture)}

        return await self.deliver(request, chat, store)

    def _store(self, chat: str, raw: str, reading: Reading, arguments: Mapping[str, Any], photo: Any) -> Json:
        number = next(self._numbers)
        picture = photo if isinstance(photo, bytes) else None
        message = self._message(len(self.messages) + 1, chat, str(number), raw, reading, arguments, picture)
        self.messages.append(message)
        self._shown[chat, str(number)] = (reading.text, from_json(arguments.get("reply_markup")))
        return self._confirmed(number, chat, reading)

    def _confirmed(self, number: int, chat: str, reading: Reading) -> Json:
        return {"message_id": number, "date": self.date, "chat": self.chat_of(chat), "text": reading.text}

    def _message(
        self,
        order: int,
        chat: str,
        number: str,
        raw: str,
        reading: Reading,
        arguments: Mapping[str, Any],
        photo: bytes | None = None,
    ) -> Message:
        preview = from_json(arguments.get("link_preview_options")) or {}
        return Message(
            order=order,
            at=monotonic(),
            chat=chat,
            text=reading.text,
            raw=raw,
            message_id=number,
            links=reading.links,
            preview=not preview.get("is_disabled", False),
            entities=reading.entities,
            photo=photo,
            arguments=arguments,
            html=reading.html,
            sent_at=self.now(),
        )

    async def _get_updates(self, arguments: Mapping[str, Any]) -> web.StreamResponse:
        """Serve a long poll: forget updates before `offset`. A second poll at the same time ends the first."""
        offset, patience = int(arguments.get("offset", 0)), float(arguments.get("timeout", 0))
        self._polls += 1
        mine, until = self._polls, monotonic() + patience
        with self._lock:
            self._updates = [update for update in self._updates if update["update_id"] >= offset]
        while not self._updates and monotonic() < until:
            await asyncio.sleep(0.01)
            if mine != self._polls:
                return web.json_response(error(409, CONFLICT), status=409)
        return web.json_response({"ok": True, "result": self._updates[: int(arguments.get("limit", 100))]})


CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot is running"


def error(code: int, description: str, **parameters: int) -> Json:
    """Return an error as Telegram words it."""
    body: Json = {"ok": False, "error_code": code, "description": description}
    return body | ({"parameters": parameters} if parameters else {})


def chat_as_shown(chat: int | str, title: str) -> Json:
    """Return a chat as updates show it: a channel, a person, or a group."""
    if str(chat).startswith("@"):
        return {"id": CHANNEL, "type": "channel", "title": title, "username": str(chat)[1:]}
    number = int(chat)
    if number > 0:
        return {"id": number, "type": "private", "first_name": "Ada"}
    return {"id": number, "type": "supergroup" if str(number).startswith("-100") else "group", "title": title}


def person(user: int, language: str = "en") -> Json:
    """Return a person as updates show them."""
    return {"id": user, "is_bot": False, "first_name": "Ada", "language_code": language}


def from_json(value: Any) -> Any:
    """Return an argument that may be written as JSON."""
    return json.loads(value) if isinstance(value, str) else value


def _check_keyboard(markup: Any) -> None:
    """Raise Refused for buttons that Telegram would refuse, or rows too wide to read."""
    rows = (markup or {}).get("inline_keyboard", [])
    if sum(map(len, rows)) > 100 or any(len(row) > 8 for row in rows):
        raise Refused("Bad Request: REPLY_MARKUP_TOO_LONG")
    for button in (button for row in rows for button in row):
        if not button["text"].strip():
            raise Refused("Bad Request: Text buttons are unallowed in the inline keyboard")
        if not 1 <= len(button.get("callback_data", "x").encode()) <= 64:
            raise Refused("Bad Request: BUTTON_DATA_INVALID")


def _check_photo(photo: Any) -> None:
    """Raise Refused for a picture that Telegram would refuse; check its pixels only if it is a whole PNG."""
    if not isinstance(photo, bytes) or not photo:
        raise Refused("Bad Request: file must be non-empty")
    if len(photo) > LARGEST_PHOTO:
        raise Refused("Bad Request: file is too big")
    if photo[12:16] != b"IHDR":
        return
    width, height = (int.from_bytes(photo[at : at + 4], "big") for at in (16, 20))
    if width + height > 10_000 or not 1 / 20 <= width / height <= 20:
        raise Refused("Bad Request: PHOTO_INVALID_DIMENSIONS")


def _check_document(document: Any) -> None:
    if not isinstance(document, bytes) or not document:
        raise Refused("Bad Request: file must be non-empty")


async def _arguments(request: web.Request) -> Json:
    """Read the arguments from the query and a form, with files as bytes, or from JSON."""
    arguments: Json = dict(request.query)
    if request.content_type == "application/json":
        return arguments | dict(await request.json())
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            arguments |= {name: value.file.read(), "file_name": value.filename}
        else:
            arguments[name] = value
    return arguments
