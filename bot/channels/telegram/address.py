"""Addresses of Telegram chats.

An address is a number or the @name of a public channel or group. In a group with topics, a colon and a topic number may
follow, as in -1001234567890:7. If there is no topic number, messages go to the General topic.
"""

import re
from typing import NamedTuple

from bot.domain.web_address import masked_typed
from bot.errors import UsageError

GENERAL = 1  # the number of the General topic, which an address leaves out
_CHAT_ID = re.compile(r"(-?[1-9][0-9]{0,15})(?::([1-9][0-9]{0,9}))?")
_NAME = re.compile(r"(?:https?://)?(?:t\.me/|@)([A-Za-z]\w{3,31})/?", re.ASCII)


class Address(NamedTuple):
    """A chat's number or @name, and the number of a topic in the chat. The topic is None for the General topic."""

    chat: str
    topic: int | None = None

    def __str__(self) -> str:
        return self.chat if self.topic is None else f"{self.chat}:{self.topic}"


def address_of(text: str) -> Address:
    """Split a stored address into the chat and the topic."""
    chat, _, topic = text.partition(":")
    return Address(chat, int(topic) if topic.isdecimal() and int(topic) != GENERAL else None)


def check_address(address: str) -> str:
    """Return the address as a chat number, with a topic if there is one, or as the @name of a public channel or group.

    Raise UsageError if the address is neither.
    """
    wanted = address.strip()
    if _CHAT_ID.fullmatch(wanted):
        return str(address_of(wanted))
    if name := _NAME.fullmatch(wanted):
        return f"@{name[1].lower()}"
    shown = masked_typed(address) if "://" in address else address  # an @ begins a name
    raise UsageError(
        f"{shown!r} isn't a Telegram chat. Use the chat's number (a group's begins with a minus sign, a channel's "
        "with -100, and a topic's number follows after a colon) or the @name of a public channel or group. A person's "
        "@name won't work."
    )
