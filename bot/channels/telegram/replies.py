"""Telegram's answers to people: lines and buttons as messages, each in its turn, whatever the platform says to it."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter

from bot.channels import ChatHandler
from bot.channels.keyed_queue import Crowded, KeyedQueue
from bot.channels.telegram.sender import TelegramSender, fits, markup, seconds
from bot.domain.chat.request import Button, Reply
from bot.domain.language import Language
from bot.domain.messages.paginate import Sheet, sheets
from bot.domain.text.rich_text import legible, plain_text
from bot.errors import SendError

WIDEST_ROW = 8
MOST_BUTTONS = 100
LONGEST_COMMAND = 64  # bytes of a button's command
LONGEST_WAIT = 60.0  # seconds for a turn; an answer that comes later answers nothing any more
TRIES = 4
CALL = 30.0  # seconds for one call

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where something was asked, and so is answered: a chat, and a topic in it.

    `address` is the chat whose settings it is about: the same, or a channel that is set up from a private chat.
    `language` is the guess from the platform.
    """

    chat: int
    address: str
    topic: int | None = None
    language: Language = Language.ENGLISH

    @property
    def pointer(self) -> str:
        """What stands before the commands of buttons that are about another chat than the one they stand in."""
        return "" if self.address == str(self.chat) else f"@{self.address} "


class Replies:
    """Says answers, one chat's in order. Nothing that Telegram answers is an error: it is put right, or logged."""

    def __init__(self, sender: TelegramSender, clerk: ChatHandler, *, pause: float = 1.0) -> None:
        self._bot = sender.bot
        self._sender, self._pace = sender, sender.pace
        self._clerk = clerk
        self._pause = pause
        self._queue = KeyedQueue(each=50, most=1_000)
        self._edits: dict[tuple[int, int], _OutgoingPart] = {}

    async def say(self, spot: Spot, reply: Reply, *, over: int | None = None) -> None:
        """Have this answer sent, its buttons under the last message; `over` is the message to put it in place of."""
        rows = keyboard(reply.buttons, spot.pointer)
        texts = sheets(reply.lines, fits)
        for number, lines in enumerate(texts, start=1):
            letter = _OutgoingPart(
                chat=spot.chat,
                lines=lines,
                keyboard=rows if number == len(texts) else None,
                topic=spot.topic,
                over=over if number == 1 else None,
            )
            if not self._supersedes(letter):
                await self._post(letter)

    async def close(self, grace: float) -> None:
        """Let what waits be said for so many seconds."""
        await self._queue.close(grace)

    def _supersedes(self, letter: "_OutgoingPart") -> bool:
        """Whether it takes the place of an edit of the same message that still waits for its turn."""
        waiting = self._edits.get((letter.chat, letter.over)) if letter.over is not None else None
        if waiting is not None:
            waiting.lines, waiting.keyboard = letter.lines, letter.keyboard
        return waiting is not None

    async def _post(self, letter: "_OutgoingPart") -> None:
        try:
            await self._queue.add(letter.chat, partial(self._deliver, letter))
        except Crowded:
            log.warning("too much to say in one chat; an answer is left out", chat=letter.chat)
            return
        if letter.over is not None:
            self._edits[letter.chat, letter.over] = letter

    async def _deliver(self, letter: "_OutgoingPart") -> None:
        for number in range(TRIES):
            try:
                await self._send(letter)
            except Exception as error:  # noqa: BLE001 - an answer that is not Telegram's breaks the library in any way
                if not await self._mend(letter, error):
                    return
                if number:
                    await asyncio.sleep(self._pause)
            else:
                return

    async def _send(self, letter: "_OutgoingPart") -> None:
        try:
            await self._sender.turn(str(letter.chat), urgent=True, patience=LONGEST_WAIT)
        finally:
            self._begin(letter)
        async with asyncio.timeout(CALL):
            await letter.send(self._bot)

    def _begin(self, letter: "_OutgoingPart") -> None:
        """From now on nothing takes its place."""
        if letter.over is not None and self._edits.get((letter.chat, letter.over)) is letter:
            del self._edits[letter.chat, letter.over]

    async def _mend(self, letter: "_OutgoingPart", error: Exception) -> bool:
        """Put right what Telegram minds; whether to try again. BadRequest comes before NetworkError, its superclass."""
        match error:
            case ChatMigrated():
                await self._tell(self._clerk.moved("telegram", str(letter.chat), str(error.new_chat_id)))
                letter.chat, letter.over = error.new_chat_id, None
                return True
            case RetryAfter():
                self._pace.hold(str(letter.chat), seconds(error))
                return True
            case Forbidden():
                reason = reason_of(error, self._bot)
                log.info("the chat takes no answer", chat=letter.chat, why=reason)
                await self._tell(self._clerk.gone("telegram", str(letter.chat), reason))
                return False
            case BadRequest() if letter.over is not None:
                letter.over = None  # too old to be edited, or deleted
                return "not modified" not in error.message
            case BadRequest() if not letter.plain:
                letter.plain, letter.topic = True, None
                return True
            case _:
                log.warning("an answer was not taken", chat=letter.chat, why=reason_of(error, self._bot))
                return not isinstance(error, BadRequest | SendError)

    async def _tell(self, news: Coroutine[Any, Any, None]) -> None:
        """Tell the clerk, whose failure must not keep an answer back."""
        try:
            await news
        except Exception:
            log.exception("what Telegram said of a chat was not noted")


@dataclass(slots=True, kw_only=True)
class _OutgoingPart:
    """One message on its way; what Telegram refuses of it is changed before the next try."""

    chat: int
    lines: Sheet
    keyboard: InlineKeyboardMarkup | None
    topic: int | None
    over: int | None
    plain: bool = False

    async def send(self, bot: Bot) -> None:
        content: dict[str, Any] = {
            "text": plain_text(self.lines) if self.plain else markup(self.lines),
            "parse_mode": None if self.plain else "HTML",
            "reply_markup": self.keyboard,
            "link_preview_options": LinkPreviewOptions(is_disabled=True),
        }
        if self.over is not None:
            await bot.edit_message_text(chat_id=self.chat, message_id=self.over, **content)
        else:
            await bot.send_message(chat_id=self.chat, message_thread_id=self.topic, **content)


def keyboard(rows: Sequence[Sequence[Button]], pointer: str = "") -> InlineKeyboardMarkup | None:
    """Buttons as Telegram takes them: at most 8 in a row, 100 in all, 64 bytes each; what does not fit is left out."""
    wide = [[b for b in row if len(f"{pointer}{b.command}".encode()) <= LONGEST_COMMAND] for row in rows]
    narrow = [row[at : at + WIDEST_ROW] for row in wide for at in range(0, len(row), WIDEST_ROW)]
    kept, left = [], MOST_BUTTONS
    for row in narrow:
        kept.append([InlineKeyboardButton(b.text, callback_data=f"{pointer}{b.command}") for b in row[:left]])
        left -= len(kept[-1])
    missing = sum(map(len, rows)) - sum(map(len, kept))
    if missing:
        log.warning("buttons that Telegram does not take are left out", buttons=missing)
    return InlineKeyboardMarkup([row for row in kept if row]) if any(kept) else None


def reason_of(error: BaseException | None, bot: Bot) -> str:
    """What went wrong in the platform's words, on one short line and without the token."""
    secret = bot.token.rpartition(":")[2]
    words = legible(str(error).replace(secret, "…")).removeprefix("Forbidden: ") or type(error).__name__
    return words if len(words) <= 200 else f"{words[:199]}…"
