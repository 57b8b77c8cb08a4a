"""Telegram through the Bot API: HTML messages, paced, and what its refusals mean."""

import asyncio
import json
import re
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from functools import cached_property
from html import escape
from typing import Any

import httpx
from telegram import Bot, LinkPreviewOptions, Message, ReplyParameters
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.request import HTTPXRequest
from telegram.warnings import PTBDeprecationWarning

from bot.channels import Part, Ready, at_once, pictured
from bot.channels.rate_limit import Limit, RateLimit, Turn
from bot.domain.messages.digest import Digest
from bot.domain.messages.paginate import pages
from bot.domain.messages.picture import Image
from bot.domain.text.rich_text import Line, Span, legible, plain_text
from bot.errors import SendError, UsageError

LONGEST_TEXT = 4_096  # UTF-16 code units after the markup is read
MOST_ENTITIES = 90  # links and heavy runs; Telegram marks up 100 in all, with those that it finds by itself
LONGEST_MARKUP = 9_000  # text and addresses together; from about 9,500 it answers ENTITIES_TOO_LONG
# Of the 30 a second that it allows, evenly, so that an answer gets in; and of 25 each second a little more than one,
# since the way there is not always as long.
OVERALL = (Limit(25, 1.03), Limit(1, 0.038))
ANSWERS = (Limit(4, 1.0),)  # what the sender leaves to a program beside it that answers people
CHAT = (Limit(1, 1.0),)
GROUP = (Limit(1, 1.0), Limit(20, 60.0))

# `retry_after` is a number today, a timedelta with PTB_TIMEDELTA set and in the next version: both are read.
warnings.filterwarnings("ignore", message=".*`retry_after` will be", category=PTBDeprecationWarning)

_CHAT_ID = re.compile(r"-?[1-9][0-9]{0,15}")
_NAME = re.compile(r"(?:https?://)?(?:t\.me/|@)([A-Za-z]\w{3,31})/?", re.ASCII)


class TelegramSender:
    """A bot with this token. `base_url` ends in /bot; `patience` is how long a send waits for its turn, in seconds.

    One that does not `send` alerts answers people at the pace that another program, which does, leaves to it.
    """

    name = "telegram"

    def __init__(
        self,
        *,
        token: str,
        base_url: str = "https://api.telegram.org/bot",
        call_timeout: float = 20.0,
        patience: float = 30.0,
        sends: bool = True,
        pace: RateLimit | None = None,
    ) -> None:
        self._token = token
        self._base_url = base_url
        self._call_timeout = call_timeout
        self._patience = patience
        self._flooded: tuple[str, float] = ("", 0.0)
        self.timeout = call_timeout
        self.pace = pace or RateLimit(overall=OVERALL if sends else ANSWERS, each=_limits)

    @cached_property
    def bot(self) -> Bot:
        """The library's own client, for whoever listens; take `turn(…, urgent=True)` before you answer."""
        request = _Request(read_timeout=self._call_timeout, connect_timeout=10.0, pool_timeout=self._call_timeout)
        return Bot(self._token, base_url=self._base_url, request=request, get_updates_request=request)

    async def turn(self, address: str, *, urgent: bool = False, patience: float | None = None) -> None:
        """Wait as `pace.turn` does; the turn counts from when the next request of this task has been written."""
        _turn.set(await self.pace.turn(address, urgent=urgent, patience=patience))

    def check(self, address: str) -> str:
        """A chat's number, or @name of a public channel or group (a t.me link will do)."""
        wanted = address.strip()
        if _CHAT_ID.fullmatch(wanted):
            return wanted
        if name := _NAME.fullmatch(wanted):
            return f"@{name[1].lower()}"
        raise UsageError(
            f"{address!r} is no Telegram chat: it takes the chat's number (a group's begins with a minus sign, a "
            "channel's with -100) or the @name of a public channel or group. A person's @name does not do."
        )

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:
        texts = (
            Part(
                payload={"text": markup(page.lines), "parse_mode": "HTML"},
                plain=plain_text(page.lines),
                covers=page.covers,
            )
            for page in pages(digest, fits)
        )
        return (*(() if picture is None else (pictured(picture),)), *texts)

    async def send(self, address: str, part: Part, *, plain: bool = False, ready: Ready = at_once) -> str:
        if part.picture is not None and (plain or not part.picture):
            return ""
        await self.turn(address, patience=self._patience)
        await ready()
        try:
            async with asyncio.timeout(self._call_timeout):
                sent = await self._send(address, part, plain=plain)
        except Exception as error:  # noqa: BLE001 - an answer that is not Telegram's breaks the library in any way
            refusal = self._verdict(address, error, of="picture" if part.picture else "text")
        else:
            return str(sent.message_id)
        raise refusal  # out here, so that no cause drags the address with the token along

    async def _send(self, address: str, part: Part, *, plain: bool) -> Message:
        if part.picture:
            return await self.bot.send_photo(chat_id=address, photo=part.picture, caption=part.payload["title"])
        message = {"text": part.plain} if plain else part.payload
        if part.reply_to is not None and part.reply_to.isdecimal():
            message = message | {
                "reply_parameters": ReplyParameters(int(part.reply_to), allow_sending_without_reply=True)
            }
        preview = LinkPreviewOptions(is_disabled=True)
        return await self.bot.send_message(chat_id=address, link_preview_options=preview, **message)

    async def close(self) -> None:
        if "bot" in self.__dict__:
            await self.bot.request.shutdown()

    def _verdict(self, address: str, error: Exception, *, of: str) -> SendError:
        """What a refusal means. BadRequest comes before NetworkError, whose subclass it is."""
        match error:
            case TelegramError(__cause__=TelegramError()):
                return _unconfirmed("something else answered in its place")  # a proxy's page, with any status
            case ChatMigrated():
                return SendError("The group became a supergroup", moved_to=str(error.new_chat_id))
            case RetryAfter():
                return self._flood(address, seconds(error))
            case InvalidToken():
                return SendError(
                    "Telegram refuses the bot's token: set the one that @BotFather shows", credentials_rejected=True
                )
            case TelegramError() if isinstance(error, (Forbidden, BadRequest)) or _is_too_large(error, of):
                return self._refusal(error, of)
            case _:
                return _unconfirmed(self._reason(error) if isinstance(error, TelegramError) else type(error).__name__)

    def _refusal(self, error: TelegramError, of: str) -> SendError:
        """A chat may refuse pictures alone: that it takes nothing at all is said of a text."""
        reason = self._reason(error)
        gone = isinstance(error, Forbidden) or any(words in reason.lower() for words in _NO_SUCH_CHAT)
        if gone and of == "text":
            return SendError(f"Telegram refuses this chat: {reason}", permanent=True)
        return SendError(f"Telegram refuses this {of}: {reason}", too_long=True)

    def _flood(self, address: str, seconds: float) -> SendError:
        """A 429 names no limit: it is taken to speak of this chat, and of the bot when another one was just told so."""
        other, until = self._flooded
        everywhere = other not in {"", address} and time.monotonic() < until
        self._flooded = (address, time.monotonic() + seconds)
        self.pace.hold(None if everywhere else address, seconds)
        scope = "platform" if everywhere else "address"
        return SendError(f"Telegram asks to wait {seconds:g} seconds", retry_after=seconds, scope=scope)

    def _reason(self, error: TelegramError) -> str:
        """Telegram's own words, short and without the token."""
        secret = self._token.rpartition(":")[2]
        words = legible(error.message.replace(secret, "…")).removeprefix("Forbidden: ")
        return words if len(words) <= 200 else f"{words[:199]}…"


_NO_SUCH_CHAT = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "chat_id is empty",
    "group chat was deactivated",
    "have no rights to send a message",
    "not enough rights to send",
    "need administrator rights",
    "chat_write_forbidden",
    "chat_restricted",
    "topic_closed",
)


_turn: ContextVar[Turn | None] = ContextVar("_turn", default=None)  # of the message that is being sent


class _Request(HTTPXRequest):
    """The library's own, except that it does not log what it cannot read: a proxy's error page may hold the token.

    And it says when a request has been written, for it is then that a platform counts it, not when it was begun.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, httpx_kwargs={"event_hooks": {"request": [self._follow]}})

    @staticmethod
    async def _follow(request: httpx.Request) -> None:
        turn = _turn.get()
        if turn is None:
            return

        async def trace(event: str, _: Mapping[str, Any]) -> None:
            if event.endswith("send_request_body.complete"):
                turn.written()

        request.extensions["trace"] = trace

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(payload)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise TelegramError("Invalid server response")
        return answer


def _is_too_large(error: TelegramError, of: str) -> bool:
    """A picture that a proxy or the server turns away (status 413) is not taken the next time either."""
    return of == "picture" and "too large" in error.message.lower()


def _unconfirmed(why: str) -> SendError:
    return SendError(f"Telegram did not confirm ({why}); the message may have arrived")


def _limits(address: str) -> Sequence[Limit]:
    return CHAT if address.isdecimal() else GROUP


def seconds(error: RetryAfter) -> float:
    pause: int | timedelta = error.retry_after
    return pause.total_seconds() if isinstance(pause, timedelta) else float(pause)


def fits(lines: Sequence[Line]) -> bool:
    text = len(plain_text(lines).encode("utf-16-le")) // 2
    spans = [span for line in lines for span in line]
    entities = sum(span.strong + (span.href is not None) for span in spans)
    addresses = sum(len(span.href) for span in spans if span.href)
    return text <= LONGEST_TEXT and entities <= MOST_ENTITIES and text + addresses + 20 * entities <= LONGEST_MARKUP


def markup(lines: Iterable[Line]) -> str:
    return "\n".join("".join(map(_span, line)) for line in lines)


def _span(span: Span) -> str:
    text = escape(span.text, quote=False)
    text = f"<b>{text}</b>" if span.strong else text
    return f'<a href="{escape(span.href)}">{text}</a>' if span.href else text
