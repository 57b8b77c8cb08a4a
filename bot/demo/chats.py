"""The chats of the demonstration: what Telegram and Slack would show in each, bubble by bubble."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any

from bot.demo.loopback.server import Message, Platform
from bot.demo.loopback.slack import SlackServer
from bot.demo.loopback.telegram import TelegramServer, from_json


@dataclass(frozen=True, slots=True)
class Room:
    """A chat that the page shows. `who` says who is in it, and `language` is the language of its messages."""

    key: str
    platform: str
    address: str
    title: str
    who: str
    language: str = "en"


READER = Room("reader", "telegram", "42", "A reader", "English · instant alerts")
LECTORA = Room("lectora", "telegram", "43", "Una lectora", "Spanish · instant alerts", "es")
OPERATOR = Room("operator", "telegram", "9001", "The operator: you", "The person who runs the bot")
DESK = Room("desk", "slack", "C0DEMODESK", "#287g-alerts", "English · instant alerts")
DAILY = Room("daily", "slack", "C0DEMODAY", "#287g-daily", "English · a digest at 9 a.m.")
DIARIO = Room("diario", "slack", "C0DEMODIA", "#287g-diario", "Spanish · a digest at 9 a.m.", "es")
ROOMS = (READER, LECTORA, OPERATOR, DESK, DAILY, DIARIO)


@dataclass(frozen=True, slots=True)
class Key:
    """A button under a message: its label and, on Telegram, either what it asks or the address it opens."""

    label: str
    asks: str = ""
    opens: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message as a chat shows it. `html` has only tags that the loopback servers wrote."""

    id: str
    order: float
    at: datetime
    html: str
    is_ours: bool = True
    is_edited: bool = False
    photo: str = ""
    alt: str = ""
    size: tuple[int, int] = (0, 0)
    keys: tuple[tuple[Key, ...], ...] = ()
    message_id: str = ""


@dataclass
class Chats:
    """Both platforms, and what the people in the rooms wrote."""

    telegram: TelegramServer
    slack: SlackServer
    said: list[tuple[Room, Bubble]] = field(default_factory=list)

    def say(self, room: Room, text: str) -> None:
        """Write to the bot as the person in a Telegram room."""
        order = float(len(self.said))
        before = [message.at for message in self.telegram.messages]
        bubble = Bubble(
            id=f"said-{len(self.said)}",
            order=(before[-1] if before else 0.0) + order / 1e6,
            at=self.telegram.now(),
            html=escape(text),
            is_ours=False,
        )
        self.said.append((room, bubble))
        self.telegram.say(text, chat=int(room.address), user=int(room.address), language=room.language)

    def press(self, room: Room, message_id: str, asks: str) -> bool:
        """Press a button under a message as the person in a Telegram room. Return False if there is none like it."""
        keys = [
            key
            for bubble in self.bubbles(room)
            if bubble.message_id == message_id
            for row in bubble.keys
            for key in row
        ]
        if room.platform != "telegram" or all(key.asks != asks for key in keys):
            return False
        chat = int(room.address)
        self.telegram.press(asks, message_id=int(message_id), chat=chat, user=chat, language=room.language)
        return True

    def bubbles(self, room: Room) -> Sequence[Bubble]:
        """Return the messages in a room, oldest first."""
        made = _telegram(self.telegram, room) if room.platform == "telegram" else _slack(self.slack, room)
        said = [bubble for where, bubble in self.said if where is room]
        return sorted([*made, *said], key=lambda bubble: bubble.order)

    def photo(self, name: str) -> bytes | None:
        """Return a picture by the name that its bubble has."""
        platform, _, order = name.partition("-")
        messages = {"telegram": self.telegram.messages, "slack": self.slack.messages}.get(platform, [])
        return next((message.photo for message in messages if str(message.order) == order), None)


def _of(server: Platform, room: Room) -> Iterator[Message]:
    return (message for message in server.messages if message.chat == room.address)


def _telegram(telegram: TelegramServer, room: Room) -> Iterator[Bubble]:
    edits = {message.message_id: message for message in telegram.edits if message.chat == room.address}
    for message in _of(telegram, room):
        shown = edits.get(message.message_id, message)
        yield Bubble(
            id=f"telegram-{message.order}",
            order=message.at,
            at=message.sent_at or telegram.now(),
            html=shown.html,
            is_edited=shown is not message,
            photo=f"telegram-{message.order}" if message.photo else "",
            alt=message.text if message.photo else "",
            size=_size(message.photo),
            keys=_keyboard(shown.arguments),
            message_id=message.message_id,
        )


def _keyboard(arguments: Mapping[str, Any]) -> tuple[tuple[Key, ...], ...]:
    rows = (from_json(arguments.get("reply_markup")) or {}).get("inline_keyboard", [])
    return tuple(
        tuple(Key(key["text"], key.get("callback_data", ""), _web(key.get("url", ""))) for key in row) for row in rows
    )


def _slack(slack: SlackServer, room: Room) -> Iterator[Bubble]:
    for message in _of(slack, room):
        blocks = message.arguments.get("blocks") or []
        rows = [block["elements"] for block in blocks if block["type"] == "actions"]
        yield Bubble(
            id=f"slack-{message.order}",
            order=message.at,
            at=message.sent_at or slack.now(),
            html=message.html or escape(message.text),
            photo=f"slack-{message.order}" if message.photo else "",
            alt=message.text,
            size=_size(message.photo),
            keys=tuple(
                tuple(Key(element["text"]["text"], opens=_web(element.get("url", ""))) for element in row)
                for row in rows
            ),
        )


def _size(photo: bytes | None) -> tuple[int, int]:
    """Return the width and the height of a PNG, so that the page keeps room for it."""
    return (int.from_bytes(photo[16:20], "big"), int.from_bytes(photo[20:24], "big")) if photo else (0, 0)


def _web(address: str) -> str:
    return address if address.startswith(("https://", "http://")) else ""
