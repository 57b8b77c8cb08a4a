"""Telegram's Bot API on loopback, with its bad days and with groups, channels and administrators.

    async with LoopbackTelegram() as telegram:
        channel = Telegram(token=telegram.token, base_url=telegram.url)
        telegram.script(42, flooded(3), None, blocked())
        telegram.say("/watch TX", chat=-42, user=7); telegram.press("watch TX", ...); telegram.post("/watch TX")
        ...  # look at telegram.messages, telegram.told(42), telegram.edits, telegram.calls

See `server.py` for how to run it in a thread and for the faults of any platform (`dropped`, `delayed`, …).
"""

from collections.abc import Mapping
from time import monotonic
from typing import Any

from aiohttp import web

from bot.demo.loopback.server import Reading, Refused
from bot.demo.loopback.telegram import (
    BOT,
    CHANNEL,
    CONFLICT,
    LARGEST_PHOTO,
    LONGEST_CAPTION,
    TOKEN,
    TelegramServer,
    chat_as_shown,
    error,
    person,
)
from bot.demo.loopback.telegram_html import LONGEST_TEXT, MOST_ENTITIES, read, units
from support.loopback.server import Fault, Flood, LoopbackServer

__all__ = [
    "ANONYMOUS",
    "BOT",
    "CHANNEL",
    "CONFLICT",
    "LARGEST_PHOTO",
    "LONGEST_CAPTION",
    "LONGEST_TEXT",
    "MOST_ENTITIES",
    "TOKEN",
    "LoopbackTelegram",
    "Reading",
    "Refused",
    "TelegramServer",
    "blocked",
    "broken",
    "chat_as_shown",
    "conflict",
    "error",
    "flooded",
    "migrated",
    "person",
    "read",
    "refused",
    "units",
    "unknown_chat",
]

ANONYMOUS = 1087968824  # GroupAnonymousBot, the name shown for anonymous administrators


def refused(code: int, description: str, **parameters: int) -> Fault:
    """Return an error as Telegram words it."""
    return Fault(status=code, body=error(code, description, **parameters))


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
    return refused(409, CONFLICT)


def broken(code: int = 500, description: str = "Internal Server Error") -> Fault:
    return refused(code, description)


class LoopbackTelegram(LoopbackServer, TelegramServer):
    """A bot and its chats. Every chat exists unless a script says otherwise.

    `limits` enforces 1 message a second for a chat, 20 a minute for a group and 30 a second in all, with leeway.
    `unauthorized` refuses the token. `members` holds the status of (chat, user) where it is not "member"; `channels`
    the numbers of channels and their @names; in those of `muted` an administrator may not post; `unknown` the chats that
    the bot cannot look up; `topics` why a topic of a chat takes no message, as Telegram words it.
    """

    def __init__(self, *, limits: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.limits = limits
        self.unauthorized = False
        self.members: dict[tuple[str, str], str] = {}
        self.channels: dict[int, str] = {CHANNEL: "some_channel"}
        self.muted: set[int] = set()
        self.unknown: set[str] = set()
        self.topics: dict[tuple[str, int], str] = {}
        self.webhook: Mapping[str, Any] = {}
        self._floods = [Flood(30, 1.0), Flood(1, 1.0), Flood(20, 60.0)]

    # ── what people do ──

    def push_again(self, update: dict[str, Any]) -> None:
        """Give the bot an update again, as Telegram does if it wasn't confirmed."""
        with self._lock:
            self._updates.append(update)

    def say_anonymously(self, text: str, *, chat: int) -> int:
        """Write in a group as an anonymous administrator."""
        return self.say(text, chat=chat, user=ANONYMOUS, sender_chat=chat_as_shown(chat, "A group"))

    def post(self, text: str, *, channel: int = CHANNEL) -> int:
        """Post in a channel, which names no one."""
        return self.push(channel_post=self.typed(text, channel, "A channel") | {"sender_chat": self.chat_of(channel)})

    def membership(
        self, before: str, after: str, *, chat: int = 42, user: int = 42, language: str = "en", posts: bool = True
    ) -> int:
        """Change the bot's status in a chat, such as "member", "left", "kicked" or "administrator"."""
        bot = {**person(BOT), "is_bot": True}
        old, new = ({"status": status, "user": bot} | _rights(status, posts=posts) for status in (before, after))
        return self.push(
            my_chat_member={
                "chat": self.chat_of(chat),
                "from": person(user, language),
                "date": self.date,
                "old_chat_member": old,
                "new_chat_member": new,
            }
        )

    def migrate(self, old: int, new: int) -> None:
        """Turn a group into a supergroup: announce it in the old chat, then in the new one."""
        for chat, field, other in ((old, "migrate_to_chat_id", new), (new, "migrate_from_chat_id", old)):
            where = {"message_id": next(self._numbers), "date": self.date, "chat": self.chat_of(chat)}
            self.push(message={**where, "from": person(7), field: other})

    def chat_of(self, chat: int | str, title: str = "A group") -> dict[str, Any]:
        """Return a chat as updates show it; it is a channel if its number or @name is among `channels`."""
        for number, name in self.channels.items():
            if str(chat) in {str(number), f"@{name}"}:
                return {"id": number, "type": "channel", "title": "A channel", "username": name}
        return super().chat_of(chat, title)

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

    async def refusal(self, request: web.Request, method: str, token: str) -> web.StreamResponse | None:
        if token != self.token or self.unauthorized:
            return web.json_response(error(401, "Unauthorized"), status=401)
        if self._fails(method):
            return await self.deliver(request, f"({method})", _done)
        if method == "getUpdates" and self.webhook:
            active = (
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete it first"
            )
            return web.json_response(error(409, active), status=409)
        return None

    def obstacle(self, chat: str, arguments: Mapping[str, Any]) -> web.StreamResponse | None:
        if self.limits and (wait := self._wait(chat)):
            seconds = max(1, round(wait))
            body = error(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
            return web.json_response(body, status=429)
        if (why := self.topics.get((chat, int(arguments.get("message_thread_id") or 0)))) is not None:
            raise Refused(f"Bad Request: {why}")
        return None

    def result(self, method: str, arguments: Mapping[str, Any]) -> Any:
        chat = str(arguments.get("chat_id", ""))
        if method in {"getChat", "getChatMember"} and chat in self.unknown:
            raise Refused("Bad Request: chat not found")
        match method:
            case "getChatMember":
                user = str(arguments.get("user_id", ""))
                status = self.members.get((chat, user), "member")
                rights = _rights(status, posts=int(chat) not in self.muted)
                return {"status": status, "user": person(int(user))} | rights
            case "getChatAdministrators":
                admins = [
                    user for (where, user), status in self.members.items() if where == chat and status != "member"
                ]
                return [
                    {"status": "administrator", "user": person(int(user))} | _rights("administrator") for user in admins
                ]
            case "setWebhook" | "deleteWebhook":
                self.webhook = arguments if method == "setWebhook" else {}
                return True
            case "getWebhookInfo":
                return {"url": self.webhook.get("url", ""), "has_custom_certificate": False, "pending_update_count": 0}
            case _:
                return super().result(method, arguments)

    def _wait(self, chat: str) -> float:
        now = monotonic()
        overall, private, group = self._floods
        keys = [(overall, "all"), (private, chat)] + ([] if chat.isdecimal() else [(group, chat)])
        return max(flood.wait(key, now) for flood, key in keys)


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


async def _done() -> Mapping[str, Any]:
    return {"ok": True, "result": True}
