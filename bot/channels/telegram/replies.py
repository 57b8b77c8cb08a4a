"""Telegram's replies, which can have buttons and stay within the rate limits.

If Telegram refuses a reply, the reply is corrected and sent again.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog
from telegram import Bot, InlineKeyboardMarkup, InputFile, LinkPreviewOptions
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter

from bot.channels.keyed_queue import KeyedQueue, QueueFull
from bot.channels.protocols import ChatHandler
from bot.channels.telegram.address import Address, address_of
from bot.channels.telegram.keyboard import keyboard
from bot.channels.telegram.sender import TelegramSender, fits, is_by_person, is_topic_lost, markup, seconds
from bot.domain.chat.request import File, Reply
from bot.domain.language import Language
from bot.domain.messages.paginate import Sheet, sheets
from bot.domain.text.rich_text import legible, plain_text
from bot.errors import SendError

LONGEST_CAPTION = 1_024  # UTF-16 code units under a file
LONGEST_WAIT = 60.0  # seconds for a turn; an answer after that is no use
TRIES = 4
CALL = 30.0  # seconds for one call

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLocation:
    """The place to send an answer: a chat and, in some groups, a topic.

    `address` is the chat or topic that the settings belong to. It is usually the same chat, but a channel can be set up
    from a private chat. `name` is the chat's public @name, or empty. `language` is the language that Telegram suggests.
    `is_broadcast` is True for a channel, where buttons that set anything would be everyone's.
    """

    chat: int
    address: str
    topic: int | None = None
    name: str = ""
    language: Language = Language.ENGLISH
    is_broadcast: bool = False

    @property
    def own_address(self) -> str:
        """The address of the place itself, even if the settings belong to a different chat."""
        return str(Address(str(self.chat), self.topic))

    def in_topic(self, topic: int | None) -> "ChatLocation":
        """Return this chat's location in a topic. The General topic is the chat itself."""
        address = address_of(f"{self.chat}:{topic}") if topic is not None else Address(str(self.chat))
        return replace(self, topic=address.topic, address=str(address))

    @property
    def pointer(self) -> str:
        """The prefix for button commands that apply to a different chat or a topic, or "" if they apply to this chat.

        A topic needs the prefix because Telegram doesn't say which topic an old message is in.
        """
        if address_of(self.address).chat != str(self.chat):
            return f"@{self.address} "
        return "" if self.topic is None else f":{self.topic} "


class Replies:
    """Sends the answers of each chat in order. Errors from Telegram are corrected or logged, never raised."""

    def __init__(self, sender: TelegramSender, chat_handler: ChatHandler, *, pause: float = 1.0) -> None:
        self._bot = sender.bot
        self._sender, self._rate_limit = sender, sender.rate_limit
        self._chat_handler = chat_handler
        self._pause = pause
        self._queue = KeyedQueue(each=50, most=1_000, at_once=1_000)  # the rate limit decides who is next
        self._edits: dict[tuple[int, int], _OutgoingPart] = {}

    async def say(self, location: ChatLocation, reply: Reply, *, over: int | None = None) -> None:
        """Queue an answer, with the buttons under its last message.

        `over` is the id of the message to replace, if any.
        """
        rows = keyboard(() if location.is_broadcast else reply.buttons, location.pointer)
        texts = sheets(reply.lines, fits)
        captioned = reply.file is not None and _fits_caption(texts[-1])
        for number, lines in enumerate(texts, start=1):
            part = _OutgoingPart(
                chat=location.chat,
                lines=lines,
                keyboard=rows if number == len(texts) else None,
                topic=location.topic,
                over=over if number == 1 else None,
                file=reply.file if captioned and number == len(texts) else None,
            )
            if not self._supersedes(part):
                await self._post(part)
        if reply.file is not None and not captioned:
            await self._post(
                _OutgoingPart(
                    chat=location.chat, lines=(), keyboard=None, topic=location.topic, over=None, file=reply.file
                )
            )

    async def close(self, grace: float) -> None:
        """Give pending answers `grace` seconds to be sent, then cancel them."""
        await self._queue.close(grace)

    def _supersedes(self, part: "_OutgoingPart") -> bool:
        """If an edit of the same message is waiting, replace its content. Return False if no such edit is waiting."""
        waiting = self._edits.get((part.chat, part.over)) if part.over is not None else None
        if waiting is not None:
            waiting.lines, waiting.keyboard = part.lines, part.keyboard
        return waiting is not None

    async def _post(self, part: "_OutgoingPart") -> None:
        try:
            await self._queue.add(part.chat, partial(self._deliver, part))
        except QueueFull:
            log.warning(
                "telegram: too many answers waiting in one chat; one was dropped", chat=part.chat, summarize=True
            )
            return
        if part.over is not None:
            self._edits[part.chat, part.over] = part

    async def _deliver(self, part: "_OutgoingPart") -> None:
        for number in range(TRIES):
            try:
                await self._send(part)
            except Exception as error:  # noqa: BLE001 - a foreign answer breaks the library in unforeseen ways
                if not await self._mend(part, error):
                    return
                if number:
                    await asyncio.sleep(self._pause)
            else:
                return

    async def _send(self, part: "_OutgoingPart") -> None:
        try:
            await self._sender.turn(str(part.chat), urgent=True, patience=LONGEST_WAIT)
        finally:
            self._begin(part)
        async with asyncio.timeout(CALL):
            await part.send(self._bot)

    def _begin(self, part: "_OutgoingPart") -> None:
        """Stop merging edits into this part, because it is about to be sent."""
        if part.over is not None and self._edits.get((part.chat, part.over)) is part:
            del self._edits[part.chat, part.over]

    async def _mend(self, part: "_OutgoingPart", error: Exception) -> bool:
        """Change the part so that Telegram accepts it, if possible. Return True if the send should be retried."""
        match error:
            case ChatMigrated():
                await self._tell(self._chat_handler.moved("telegram", str(part.chat), str(error.new_chat_id)))
                part.chat, part.over = error.new_chat_id, None
                return True
            case RetryAfter():
                self._rate_limit.hold(str(part.chat), seconds(error))
                return True
            case Forbidden():
                reason = reason_of(error, self._bot)
                log.info("telegram: the chat doesn't accept replies", chat=part.chat, why=reason)
                if is_by_person(error):
                    await self._tell(self._chat_handler.gone("telegram", str(part.chat), reason))
                return False
            case BadRequest() if part.over is not None:
                part.over = None  # too old to be edited, or deleted
                return "not modified" not in error.message
            case BadRequest() if not part.plain:
                part.plain, part.topic = not is_topic_lost(error), None
                return True
            case _:
                log.warning("telegram: an answer failed", chat=part.chat, why=reason_of(error, self._bot))
                return not isinstance(error, BadRequest | SendError)

    async def _tell(self, news: Coroutine[Any, Any, None]) -> None:
        """Report a change in a chat to the chat handler. Log any error instead of raising it."""
        try:
            await news
        except Exception:
            log.exception("telegram: a change to a chat could not be stored")


@dataclass(slots=True, kw_only=True)
class _OutgoingPart:
    """One message of an answer. If Telegram refuses the message, its fields are changed before the next attempt.

    If there is a file, the lines are its caption.
    """

    chat: int
    lines: Sheet
    keyboard: InlineKeyboardMarkup | None
    topic: int | None
    over: int | None
    plain: bool = False
    file: File | None = None

    async def send(self, bot: Bot) -> None:
        text = plain_text(self.lines) if self.plain else markup(self.lines)
        content: dict[str, Any] = {"parse_mode": None if self.plain else "HTML", "reply_markup": self.keyboard}
        if self.file is not None:
            document = InputFile(self.file.body, filename=self.file.name)
            content |= {"chat_id": self.chat, "message_thread_id": self.topic}
            await bot.send_document(document=document, caption=text or None, **content)
            return
        content |= {"text": text, "link_preview_options": LinkPreviewOptions(is_disabled=True)}
        if self.over is not None:
            await bot.edit_message_text(chat_id=self.chat, message_id=self.over, **content)
        else:
            await bot.send_message(chat_id=self.chat, message_thread_id=self.topic, **content)


def _fits_caption(lines: Sheet) -> bool:
    return len(plain_text(lines).encode("utf-16-le")) // 2 <= LONGEST_CAPTION


def reason_of(error: BaseException | None, bot: Bot) -> str:
    """Return Telegram's error message on one short line, without the bot's token."""
    secret = bot.token.rpartition(":")[2]
    words = legible(str(error).replace(secret, "…")).removeprefix("Forbidden: ") or type(error).__name__
    return words if len(words) <= 200 else f"{words[:199]}…"
