"""Telegram's Bot API on loopback, stricter where the real one is lenient.

    async with LoopbackTelegram() as telegram:
        channel = Telegram(token=telegram.token, base_url=telegram.url)
        telegram.script(42, flooded(3), None, blocked())
        telegram.say("/watch TX", chat=-42, user=7); telegram.press("watch TX", ...); telegram.post("/watch TX")
        ...  # look at telegram.messages, telegram.told(42), telegram.edits, telegram.calls

See `server.py` for how to run it in a thread and for the faults of any platform (`dropped`, `delayed`, …).
"""

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from itertools import count
from time import monotonic, time
from typing import Any

from aiohttp import web

from support.loopback.server import Fault, Flood, LoopbackServer, Message

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"  # the example in Telegram's documentation
LONGEST_TEXT = 4_096
LONGEST_CAPTION = 1_024
LARGEST_PHOTO = 10 * 2**20
LONGEST_MARKUP = 9_500
MOST_ENTITIES = 100
BOT = 110201543
CHANNEL = -1001000000001
ANONYMOUS = 1087968824  # GroupAnonymousBot, the name shown for anonymous administrators


def refused(code: int, description: str, **parameters: int) -> Fault:
    """Return an error as Telegram words it."""
    return Fault(status=code, body=_error(code, description, **parameters))


def blocked(description: str = "Forbidden: bot was blocked by the user") -> Fault:
    return refused(403, description)


def unknown_chat() -> Fault:
    return refused(400, "Bad Request: chat not found")


def migrated(to: int) -> Fault:
    return refused(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=to)


def flooded(seconds: int) -> Fault:
    return refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def conflict() -> Fault:
    """Return the answer to a poll while another process polls with the same token."""
    return refused(409, "Conflict: terminated by other getUpdates request; make sure that only one bot is running")


def broken(code: int = 500, description: str = "Internal Server Error") -> Fault:
    return refused(code, description)


class Refused(Exception):
    """Telegram refuses a text; the message is its description."""


@dataclass(frozen=True)
class Reading:
    """A text as a reader sees it, its links as pairs of shown text and address, and the number of its entities."""

    text: str
    links: tuple[tuple[str, str], ...] = ()
    entities: int = 0


def units(text: str) -> int:
    """Return the length as Telegram counts it, in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def read(text: str, parse_mode: str | None = None, *, limit: int = LONGEST_TEXT) -> Reading:
    """Read a text as Telegram does; raise Refused if Telegram would refuse it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("Bad Request: strings must be encoded in UTF-8") from None
    if parse_mode not in {None, "HTML"}:
        raise Refused(f"Bad Request: unsupported parse_mode {parse_mode}")
    reading = _Html(text).read() if parse_mode else Reading(text)
    shown = Reading(reading.text.strip(), reading.links, reading.entities)
    if not shown.text:
        raise Refused("Bad Request: message text is empty")
    if units(shown.text) > limit:
        raise Refused("Bad Request: message is too long")
    if shown.entities and units(shown.text) + sum(len(href) for _, href in shown.links) > LONGEST_MARKUP:
        raise Refused("Bad Request: ENTITIES_TOO_LONG")
    return shown


_TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "blockquote", "tg-spoiler", "a"}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_TOKEN = re.compile(r"<(/?)([a-z][a-z0-9-]*)([^<>]*)>|&(#\d+|#x[0-9a-fA-F]+|[a-z]+);|([<>&])")
_HREF = re.compile(r'\s+href="([^"<>]*)"\s*')
_FOLLOWED = re.compile(r"(?:https?://[^\s/?#@]+\.?[^\s@]*|mailto:[^\s]+@[^\s]+|tg://[^\s]+)")


class _Html:
    """Telegram's HTML, read strictly: every tag known, closed and nested, and `&`, `<` and `>` always escaped."""

    def __init__(self, raw: str) -> None:
        self._raw = raw
        self._open: list[tuple[str, str, int]] = []  # tag, href, start
        self._shown = ""
        self._links: list[tuple[str, str]] = []
        self._entities = 0

    def read(self) -> Reading:
        end = 0
        for token in _TOKEN.finditer(self._raw):
            self._shown += self._raw[end : token.start()]
            end = token.end()
            self._token(token)
        self._shown += self._raw[end:]
        if self._open:
            self._refuse(f"Can't find end tag corresponding to start tag {self._open[-1][0]}", len(self._raw))
        return Reading(self._shown, tuple(self._links), self._entities)

    def _token(self, token: re.Match[str]) -> None:
        slash, tag, rest, reference, bare = token.groups()
        if bare:
            self._refuse(f"Unescaped '{bare}'", token.start())
        elif reference:
            self._shown += self._character(reference, token.start())
        elif tag not in _TAGS:
            self._refuse(f'Unsupported start tag "{tag}"', token.start())
        elif slash:
            self._close(tag, rest, token.start())
        else:
            self._begin(tag, rest, token.start())

    def _character(self, reference: str, at: int) -> str:
        if reference.startswith("#"):
            return unescape(f"&{reference};")
        if reference not in _NAMED:
            self._refuse(f'Unsupported entity "&{reference};"', at)
        return _NAMED[reference]

    def _begin(self, tag: str, rest: str, at: int) -> None:
        href = ""
        if tag == "a":
            found = _HREF.fullmatch(rest)
            if not found:
                self._refuse("Tag a without one quoted href", at)
            href = re.sub(r"&(#\d+|#x[0-9a-fA-F]+|[a-z]+);", lambda m: self._character(m[1], at), found[1])
            if re.search(r"&(?!amp;|lt;|gt;|quot;|#)", found[1]):
                self._refuse("Unescaped '&' in an attribute", at)
            if any(name == "a" for name, *_ in self._open):
                self._refuse("A link in a link", at)
        elif rest and (tag, rest) != ("blockquote", " expandable"):
            self._refuse(f"Unexpected attribute of {tag}", at)
        self._open.append((tag, href, len(self._shown)))

    def _close(self, tag: str, rest: str, at: int) -> None:
        if rest or not self._open or self._open[-1][0] != tag:
            expected = self._open[-1][0] if self._open else "none"
            self._refuse(f'Unmatched end tag, expected "</{expected}>", found "</{tag}>"', at)
        _, href, begin = self._open.pop()
        if not self._shown[begin:]:
            return
        if tag == "a" and not _FOLLOWED.fullmatch(href):
            return  # the text stays, and Telegram reports nothing
        self._entities += 1
        if tag == "a" and self._entities <= MOST_ENTITIES:
            self._links.append((self._shown[begin:], href))

    def _refuse(self, why: str, at: int) -> Any:
        offset = len(self._raw[:at].encode())
        raise Refused(f"Bad Request: can't parse entities: {why} at byte offset {offset}")


class LoopbackTelegram(LoopbackServer):
    """A bot and its chats. Every chat exists unless a script says otherwise.

    `limits` enforces 1 message a second for a chat, 20 a minute for a group and 30 a second in all, with leeway.
    `unauthorized` refuses the token. `members` holds the status of (chat, user) where it is not "member"; `channels`
    the numbers of channels and their @names; in those of `muted` an administrator may not post; `unknown` the chats that
    the bot cannot look up; `topics` why a topic of a chat takes no message, as Telegram words it. `edits` are the messages as they were changed, oldest first.
    """

    def __init__(self, *, token: str = TOKEN, limits: bool = False) -> None:
        super().__init__()
        self.token = token
        self.limits = limits
        self.unauthorized = False
        self.members: dict[tuple[str, str], str] = {}
        self.channels: dict[int, str] = {CHANNEL: "some_channel"}
        self.muted: set[int] = set()
        self.unknown: set[str] = set()
        self.topics: dict[tuple[str, int], str] = {}
        self.webhook: Mapping[str, Any] = {}
        self.edits: list[Message] = []
        self._shown: dict[tuple[str, str], tuple[str, Any]] = {}
        self._numbers = count(1)
        self._floods = [Flood(30, 1.0), Flood(1, 1.0), Flood(20, 60.0)]
        self._updates: list[dict[str, Any]] = []
        self._update_ids = count(1)
        self.pushed: dict[str, Any] = {}
        self._polls = 0
        self._lock = threading.Lock()

    async def __aexit__(self, *exception: object) -> None:
        self._polls += 1  # ends the poll that is waiting
        await super().__aexit__(*exception)

    @property
    def url(self) -> str:
        """The base_url for python-telegram-bot."""
        return f"{self.base}/bot"

    # ── what people do ──

    def push(self, **update: Any) -> int:
        """Give the bot an update, such as message={…}; return its id."""
        with self._lock:
            number = next(self._update_ids)
            self.pushed = {"update_id": number, **update}
            self._updates.append(self.pushed)
            return number

    def push_again(self, update: dict[str, Any]) -> None:
        """Give the bot an update again, as Telegram does if it wasn't confirmed."""
        with self._lock:
            self._updates.append(update)

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
        return self.push(message={"from": _user(user, language), **self._text(text, chat, title), **fields})

    def say_anonymously(self, text: str, *, chat: int) -> int:
        """Write in a group as an anonymous administrator."""
        return self.say(text, chat=chat, user=ANONYMOUS, sender_chat=_chat(chat, "A group"))

    def post(self, text: str, *, channel: int = CHANNEL) -> int:
        """Post in a channel, which names no one."""
        return self.push(channel_post=self._text(text, channel, "A channel") | {"sender_chat": self._chat(channel)})

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
        under = {
            "message_id": message_id,
            "date": 0 if age is None else int(time()) - age,
            "chat": self._chat(chat, title),
        }
        under |= {} if age is None else {"text": "…"}
        query = {"id": f"q{next(self._numbers)}", "from": _user(user, language), "chat_instance": "1", "data": callback}
        return self.push(callback_query={**query, "message": under})

    def membership(
        self, before: str, after: str, *, chat: int = 42, user: int = 42, language: str = "en", posts: bool = True
    ) -> int:
        """Change the bot's status in a chat, such as "member", "left", "kicked" or "administrator"."""
        bot = {**_user(BOT), "is_bot": True}
        old, new = ({"status": status, "user": bot} | _rights(status, posts=posts) for status in (before, after))
        return self.push(
            my_chat_member={
                "chat": self._chat(chat),
                "from": _user(user, language),
                "date": int(time()),
                "old_chat_member": old,
                "new_chat_member": new,
            }
        )

    def migrate(self, old: int, new: int) -> None:
        """Turn a group into a supergroup: announce it in the old chat, then in the new one."""
        for chat, field, other in ((old, "migrate_to_chat_id", new), (new, "migrate_from_chat_id", old)):
            where = {"message_id": next(self._numbers), "date": int(time()), "chat": self._chat(chat)}
            self.push(message={**where, "from": _user(7), field: other})

    def _text(self, text: str, chat: int, title: str) -> dict[str, Any]:
        message: dict[str, Any] = {
            "message_id": next(self._numbers),
            "date": int(time()),
            "chat": self._chat(chat, title),
            "text": text,
        }
        if command := re.match(r"/\w+(@\w+)?", text):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": command.end()}]
        return message

    def _chat(self, chat: int | str, title: str = "A group") -> dict[str, Any]:
        """Return a chat as updates show it; it is a channel if its number or @name is among `channels`."""
        for number, name in self.channels.items():
            if str(chat) in {str(number), f"@{name}"}:
                return {"id": number, "type": "channel", "title": "A channel", "username": name}
        return _chat(chat, title)

    # ── misbehave at other calls than sends ──

    def fail(self, method: str, *outcomes: Fault | None) -> None:
        """Set the faults of the next calls of this method, in order, as in fail("getUpdates", conflict())."""
        self.script(f"({method})", *outcomes)

    def _fails(self, method: str) -> bool:
        outcomes = self._script.get(f"({method})")
        if outcomes and outcomes[0] is None:
            outcomes.popleft()
            return False
        return bool(outcomes)

    # ── answer ──

    async def answer(self, request: web.Request) -> web.StreamResponse:
        found = re.fullmatch(r"/bot([^/]+)/(\w+)", request.path)
        if not found:
            return web.json_response(_error(404, "Not Found"), status=404)
        token, method = found.groups()
        arguments = await _arguments(request)
        self.note(method, arguments, token)
        if token != self.token or self.unauthorized:
            return web.json_response(_error(401, "Unauthorized"), status=401)
        if self._fails(method):
            return await self.deliver(request, f"({method})", _done)
        if method == "getUpdates":
            return await self._get_updates(arguments)
        try:
            _check_keyboard(_json(arguments.get("reply_markup")))
            if method in {"sendMessage", "sendPhoto", "sendDocument"}:
                return await self._send(request, arguments, method)
            return web.json_response({"ok": True, "result": self._simple(method, arguments)})
        except Refused as refusal:
            return web.json_response(_error(400, str(refusal)), status=400)

    def _simple(self, method: str, arguments: Mapping[str, Any]) -> Any:
        chat = str(arguments.get("chat_id", ""))
        match method:
            case "getMe":
                return {"id": BOT, "is_bot": True, "first_name": "Countersign", "username": "countersign_bot"}
            case "getChat":
                if chat in self.unknown:
                    raise Refused("Bad Request: chat not found")
                return self._chat(chat) | {"accent_color_id": 0, "max_reaction_count": 11}
            case "getChatMember":
                if chat in self.unknown:
                    raise Refused("Bad Request: chat not found")
                user = str(arguments.get("user_id", ""))
                status = self.members.get((chat, user), "member")
                rights = _rights(status, posts=int(chat) not in self.muted)
                return {"status": status, "user": _user(int(user))} | rights
            case "getChatAdministrators":
                admins = [
                    user for (where, user), status in self.members.items() if where == chat and status != "member"
                ]
                return [
                    {"status": "administrator", "user": _user(int(user))} | _rights("administrator") for user in admins
                ]
            case "editMessageText":
                return self._edited(arguments)
            case "setWebhook" | "deleteWebhook":
                self.webhook = arguments if method == "setWebhook" else {}
                return True
            case "getWebhookInfo":
                return {"url": self.webhook.get("url", ""), "has_custom_certificate": False, "pending_update_count": 0}
            case _:
                return True

    def _edited(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        number, chat, raw = int(arguments["message_id"]), str(arguments["chat_id"]), str(arguments.get("text", ""))
        reading = read(raw, arguments.get("parse_mode"))
        shown = (reading.text, _json(arguments.get("reply_markup")))
        if self._shown.get((chat, str(number))) == shown:
            raise Refused(
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
                "same as a current content and reply markup of the message"
            )
        self._shown[chat, str(number)] = shown
        self.edits.append(self._message(len(self.edits) + 1, chat, str(number), raw, reading, arguments))
        return {"message_id": number, "date": int(time()), "chat": self._chat(chat), "text": reading.text}

    async def _send(self, request: web.Request, arguments: Mapping[str, Any], method: str) -> web.StreamResponse:
        chat = str(arguments.get("chat_id", ""))
        if not chat:
            return web.json_response(_error(400, "Bad Request: chat_id is empty"), status=400)
        if self.limits and (wait := self._wait(chat)):
            seconds = max(1, round(wait))
            body = _error(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
            return web.json_response(body, status=429)
        if (why := self.topics.get((chat, int(arguments.get("message_thread_id") or 0)))) is not None:
            raise Refused(f"Bad Request: {why}")
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

    def _wait(self, chat: str) -> float:
        now = monotonic()
        overall, private, group = self._floods
        keys = [(overall, "all"), (private, chat)] + ([] if chat.isdecimal() else [(group, chat)])
        return max(flood.wait(key, now) for flood, key in keys)

    def _store(self, chat: str, raw: str, reading: Reading, arguments: Mapping[str, Any], photo: Any) -> dict[str, Any]:
        number = next(self._numbers)
        picture = photo if isinstance(photo, bytes) else None
        message = self._message(len(self.messages) + 1, chat, str(number), raw, reading, arguments, picture)
        self.messages.append(message)
        self._shown[chat, str(number)] = (reading.text, _json(arguments.get("reply_markup")))
        return {"message_id": number, "date": int(time()), "chat": self._chat(chat), "text": reading.text}

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
        preview = _json(arguments.get("link_preview_options")) or {}
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
        )

    async def _get_updates(self, arguments: Mapping[str, Any]) -> web.StreamResponse:
        """Serve a long poll: forget updates before `offset`. A second poll at the same time ends the first."""
        if self.webhook:
            active = (
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete it first"
            )
            return web.json_response(_error(409, active), status=409)
        offset, patience = int(arguments.get("offset", 0)), float(arguments.get("timeout", 0))
        self._polls += 1
        mine, until = self._polls, monotonic() + patience
        with self._lock:
            self._updates = [update for update in self._updates if update["update_id"] >= offset]
        while not self._updates and monotonic() < until:
            await asyncio.sleep(0.01)
            if mine != self._polls:
                return web.json_response(conflict().body, status=409)
        return web.json_response({"ok": True, "result": self._updates[: int(arguments.get("limit", 100))]})


def _error(code: int, description: str, **parameters: int) -> dict[str, Any]:
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    return body | ({"parameters": parameters} if parameters else {})


def _chat(chat: int | str, title: str) -> dict[str, Any]:
    if str(chat).startswith("@"):
        return {"id": CHANNEL, "type": "channel", "title": title, "username": str(chat)[1:]}
    number = int(chat)
    if number > 0:
        return {"id": number, "type": "private", "first_name": "Ada"}
    return {"id": number, "type": "supergroup" if str(number).startswith("-100") else "group", "title": title}


def _user(user: int, language: str = "en") -> dict[str, Any]:
    return {"id": user, "is_bot": False, "first_name": "Ada", "language_code": language}


def _rights(status: str, *, posts: bool = True) -> dict[str, Any]:
    if status == "creator":
        return {"is_anonymous": False}
    if status == "kicked":
        return {"until_date": 0}
    if status == "restricted":
        return {"until_date": 0, "is_member": True} | dict.fromkeys(_RESTRICTED, False) | {"can_send_messages": posts}
    if status != "administrator":
        return {}
    return {"can_be_edited": False, "is_anonymous": False, "can_post_messages": posts} | dict.fromkeys(
        (
            "can_manage_chat",
            "can_delete_messages",
            "can_manage_video_chats",
            "can_restrict_members",
            "can_promote_members",
            "can_change_info",
            "can_invite_users",
            "can_post_stories",
            "can_edit_stories",
            "can_delete_stories",
        ),
        False,
    )


_RESTRICTED = (
    "can_edit_tag",
    "can_react_to_messages",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
)


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


async def _done() -> Mapping[str, Any]:
    return {"ok": True, "result": True}


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


async def _arguments(request: web.Request) -> dict[str, Any]:
    """Read the arguments from the query and a form, with files as bytes, or from JSON."""
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        return arguments | await request.json()
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            arguments |= {name: value.file.read(), "file_name": value.filename}
        else:
            arguments[name] = value
    return arguments
