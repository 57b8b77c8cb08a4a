"""The setup of the Telegram channel: its addresses, its sender and its listener."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.channels.examination import Inquiry
from bot.channels.introduction import Ask, TokenQuestion, TokenRejected, Writer
from bot.channels.protocols import BOT_NAMES, Listener, Notes, Sender
from bot.channels.setup import Route, Setup
from bot.channels.telegram.address import check_address
from bot.channels.telegram.settings import TelegramSettings
from bot.domain.finding import Finding
from bot.domain.text.rich_text import legible

PATH = "/telegram/webhook"
CONFLICTS = "token conflicts"  # the kind of note with the last time when another program used the bot's token
HANDLED = "handled telegram"  # the kind of note that lists the updates handled lately


class TelegramSetup(Setup[TelegramSettings]):
    """The setup of the Telegram channel."""

    name = "telegram"
    has_topics = True
    settings = TelegramSettings
    routes = (Route("POST", PATH),)
    chatty_loggers = ("telegram", "httpx", "httpcore")
    tokens = (
        TokenQuestion(
            "TELEGRAM_BOT_TOKEN",
            "bot token",
            "In Telegram, write /newbot to @BotFather. It answers with a token such as 110201543:AAHdq…",
            shape=r"\d{5,}:[\w-]{30,}",
            looks="is a number, a colon and about 35 letters and digits",
        ),
    )

    def check_address(self, address: str) -> str:
        """Return the address as a chat number, optionally with a topic, or as the @name of a public channel or group.

        A t.me link is also accepted. Raise UsageError for any other address.
        """
        return check_address(address)

    async def resolve(self, sender: Sender, address: str) -> str | None:
        """Return the number of the channel or group with this @name, or None if Telegram doesn't provide it."""
        from bot.channels.telegram.sender import TelegramSender  # noqa: PLC0415 - the library is slow to import

        assert isinstance(sender, TelegramSender)
        return await sender.number_of(address) if address.startswith("@") else None

    def is_set_up(self, settings: TelegramSettings) -> bool:
        return settings.telegram_bot_token is not None

    def make_sender(self, settings: TelegramSettings, notes: Notes, *, sends: bool) -> Sender | None:  # noqa: ARG002
        if settings.telegram_bot_token is None:
            return None
        from bot.channels.telegram.sender import TelegramSender  # noqa: PLC0415 - the library is slow to import

        token = settings.telegram_bot_token.get_secret_value()
        return TelegramSender(token=token, base_url=settings.telegram_api_url, sends=sends)

    async def make_listener(self, settings: TelegramSettings, sender: Sender, notes: Notes) -> Listener | None:
        from bot.channels.telegram.listener import TelegramListener  # noqa: PLC0415 - the library is slow to import
        from bot.channels.telegram.sender import TelegramSender  # noqa: PLC0415 - the same
        from bot.domain.chat import replies  # noqa: PLC0415 - texts that only listening programs need
        from bot.domain.language import Language  # noqa: PLC0415 - the same

        assert isinstance(sender, TelegramSender)
        menu = {language: replies.menu(language) for language in Language}
        listener = TelegramListener(
            sender, menu=menu, notes=notes.of(HANDLED), names=notes.of(BOT_NAMES), conflicts=notes.of(CONFLICTS)
        )
        webhook = _webhook(settings)
        if webhook is not None and settings.telegram_bot_token is not None:
            token = settings.telegram_bot_token.get_secret_value()
            secret = hmac.new(token.encode(), b"countersign webhook", hashlib.sha256).hexdigest()
            listener.webhook(webhook, secret)
        return listener

    async def introduce(self, settings: TelegramSettings, ask: Ask) -> Sequence[str]:
        answer = await _asked(settings, ask, "getMe")
        if answer.get("ok") is not True:
            raise TokenRejected(
                "Telegram doesn't know this token. Copy it again from @BotFather (/mybots, your bot, API Token)."
            )
        bot = legible(str(_of(answer, "result").get("username", "")))
        return (f"The token belongs to @{bot}. People can write to it at https://t.me/{bot}",)

    async def writers(self, settings: TelegramSettings, ask: Ask) -> Sequence[Writer]:
        answer = await _asked(settings, ask, "getUpdates", {"timeout": "0"})
        updates = answer.get("result")
        chats = [_of(_of(each, "message"), "chat") for each in updates] if isinstance(updates, list) else []
        private = (chat for chat in reversed(chats) if chat.get("type") == "private")
        found = {str(chat.get("id")): legible(str(chat.get("first_name", ""))) for chat in private}
        return tuple(Writer(address, name) for address, name in found.items())

    def contradictions(self, settings: TelegramSettings) -> Sequence[Finding]:
        from bot.channels.telegram import check  # noqa: PLC0415 - only one command needs it

        return check.contradictions(settings)

    async def examine(self, settings: TelegramSettings, inquiry: Inquiry) -> Sequence[Finding]:
        from bot.channels.telegram import check  # noqa: PLC0415 - only one command needs it

        notes = inquiry.notes.of(CONFLICTS) if inquiry.notes is not None else None
        return await check.examine(settings, replace(inquiry, notes=notes), _webhook(settings))

    def invitation(self, settings: TelegramSettings) -> str | None:
        return "https://t.me/{bot}" if settings.telegram_bot_token is not None else None

    def sending_leadership(self, settings: TelegramSettings) -> str | None:
        """Return the leadership for sending, or None if there is no token.

        Only one program can send, because Telegram's limits apply to the whole token.
        """
        token = settings.telegram_bot_token
        return f"sender telegram {token.get_secret_value().partition(':')[0]}" if token is not None else None

    def listening_leadership(self, settings: TelegramSettings) -> str | None:
        """Return the leadership for polling, or None if there is a webhook or no token.

        Telegram lets only one program poll at a time.
        """
        leadership = self.sending_leadership(settings)
        return None if leadership is None or settings.public_url is not None else f"hears {leadership}"


async def _asked(
    settings: TelegramSettings, ask: Ask, method: str, arguments: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    token = settings.telegram_bot_token.get_secret_value() if settings.telegram_bot_token is not None else ""
    return await ask(f"{settings.telegram_api_url}{token}/{method}", arguments or {}, "")


def _of(value: object, name: str) -> Mapping[str, Any]:
    """Return an object within an object of an answer, or an empty one."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _webhook(settings: TelegramSettings) -> str | None:
    """Return the address to which Telegram posts updates, or None if the program polls."""
    return None if settings.public_url is None else settings.public_url.rstrip("/") + PATH
