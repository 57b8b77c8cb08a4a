"""A person's request in a chat, and the reply to it. Platforms only carry them."""

from dataclasses import dataclass

from bot.domain.language import Language
from bot.domain.text.rich_text import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One command from one chat.

    `channel` and `address` identify the subscription it is about. `text` is the command without a slash or the
    program's name, as in `watch TX Oklahoma`; pressing a button sends the same words. `language` is the platform's
    guess, for a chat that hasn't chosen one. `bot` is the bot's name on the platform, for deep links and invitations.
    """

    channel: str
    address: str
    text: str
    language: Language = Language.ENGLISH
    bot: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a reply. Pressing it sends `command`, which is at most 64 bytes long."""

    text: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Lines of text, and rows of buttons under them.

    `changed` is True if the settings changed; in Slack, we then post who changed them. `in_place` asks the platform to
    edit the message whose button was pressed instead of sending a new one.
    """

    lines: tuple[Line, ...]
    buttons: tuple[tuple[Button, ...], ...] = ()
    changed: bool = False
    in_place: bool = False
