"""Requests from people in a chat, and the replies."""

from dataclasses import dataclass

from bot.domain.language import Language
from bot.domain.text.rich_text import Line

LONGEST_COMMAND = 48  # bytes: a Telegram button holds 64, and a channel's id needs 16 of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One command from one chat.

    `channel` and `address` identify the chat's subscription. `text` is the command without a slash or the program's
    name, such as `watch TX Oklahoma`. A button press sends the same kind of text. `language` is the platform's guess,
    used if the chat hasn't chosen a language. `bot` is the bot's name on the platform, used in deep links and
    invitations.
    """

    channel: str
    address: str
    text: str
    language: Language = Language.ENGLISH
    bot: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message.

    Pressing the button sends `command`, which is at most 64 bytes long, or opens `url` if there is one.
    """

    text: str
    command: str = ""
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that goes with a reply, such as a table for a spreadsheet. `media_type` is its MIME type."""

    name: str
    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply with lines of text, rows of buttons and sometimes a file.

    `changed` is true if the settings changed. In Slack, the bot then announces who changed them. If `in_place` is true,
    the platform edits the message that contains the pressed button instead of sending a new message.
    """

    lines: tuple[Line, ...]
    buttons: tuple[tuple[Button, ...], ...] = ()
    changed: bool = False
    in_place: bool = False
    file: File | None = None
