"""What a person asks in a chat, and what is answered; the platforms only carry it."""

from dataclasses import dataclass

from bot.domain.language import Language
from bot.domain.text.rich_text import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One command from one chat.

    `channel` and `address` say which subscription it is about. `text` is the command without a slash or the program's
    name, as in `watch TX Oklahoma`; a pressed button asks with the same words. `language` is the first guess from the
    platform, for a chat that has chosen none. `bot` is what the bot is called there, for deep links and invitations.
    """

    channel: str
    address: str
    text: str
    language: Language = Language.ENGLISH
    bot: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """A button under an answer; `command` is what it asks when it is pressed, at most 64 bytes."""

    text: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer: lines of text, and rows of buttons under them.

    `changed` is whether the settings are no longer what they were (Slack posts who changed what). `in_place` asks that
    a pressed button's message be edited rather than a new one sent.
    """

    lines: tuple[Line, ...]
    buttons: tuple[tuple[Button, ...], ...] = ()
    changed: bool = False
    in_place: bool = False
