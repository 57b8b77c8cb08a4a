"""Addresses of Telegram chats. An address is a number or the @name of a public channel or group."""

import re

from bot.domain.web_address import masked_typed
from bot.errors import UsageError

_CHAT_ID = re.compile(r"-?[1-9][0-9]{0,15}")
_NAME = re.compile(r"(?:https?://)?(?:t\.me/|@)([A-Za-z]\w{3,31})/?", re.ASCII)


def check_address(address: str) -> str:
    """Return the address as a chat number or as the @name of a public channel or group.

    Raise UsageError if the address is neither.
    """
    wanted = address.strip()
    if _CHAT_ID.fullmatch(wanted):
        return wanted
    if name := _NAME.fullmatch(wanted):
        return f"@{name[1].lower()}"
    shown = masked_typed(address) if "://" in address else address  # an @ begins a name
    raise UsageError(
        f"{shown!r} isn't a Telegram chat. Write the chat's number (a group's begins with a minus sign, a channel's "
        "with -100) or the @name of a public channel or group. A person's @name won't work."
    )
