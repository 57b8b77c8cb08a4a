"""The sending side of the Telegram channel. It sends HTML through the Bot API, within Telegram's rate limits."""

import asyncio
import json
import re
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from html import escape
from math import ceil
from typing import Any

import httpx
from telegram import Bot, LinkPreviewOptions, Message, ReplyParameters
from telegram.constants import ChatType
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.request import HTTPXRequest
from telegram.warnings import PTBDeprecationWarning

from bot.channels.protocols import Part, Ready, at_once, commands_only, links_only, pictured
from bot.channels.rate_limit import LONGEST_WAIT, Limit, RateLimit, Turn
from bot.channels.telegram.address import Address, address_of
from bot.channels.telegram.keyboard import keyboard
from bot.domain.chat.request import Button
from bot.domain.letters import counted
from bot.domain.messages.digest import Digest
from bot.domain.messages.paginate import Page, Role, pages
from bot.domain.messages.picture import Image
from bot.domain.text.rich_text import Line, Span, legible, plain_text
from bot.domain.timestamps import bounded
from bot.errors import SendError
from bot.fetch.certificates import certificates

LONGEST_TEXT = 4_096  # UTF-16 code units, not counting markup
MOST_ENTITIES = 90  # links and bold runs; Telegram allows 100 in all, including the ones it detects itself
LOOK_UP = 10.0  # seconds to ask for a chat's number
LONGEST_MARKUP = 9_000  # text and addresses together; above about 9,500, Telegram answers ENTITIES_TOO_LONG
# Telegram allows 30 a second. Send 25 in a little more than a second, because the network delay varies. Space them
# evenly, so that answers fit in between.
OVERALL = (Limit(25, 1.03), Limit(1, 0.038))
ANSWERS = (Limit(4, 1.0),)  # the share left for another program that only answers people
CHAT = (Limit(1, 1.0),)
GROUP = (Limit(1, 1.0), Limit(20, 60.0))

# `retry_after` is a number today, and a timedelta with PTB_TIMEDELTA set or in the next version. Both are read.
warnings.filterwarnings("ignore", message=".*`retry_after` will be", category=PTBDeprecationWarning)


class TelegramSender:
    """Sends messages as the bot with this `token`.

    `base_url` must end in /bot. `patience` is the longest wait for a turn, in seconds. Without `sends`, this sender
    only answers people. It uses the small share of the rate limit that the program sending the alerts leaves free.
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
        rate_limit: RateLimit | None = None,
    ) -> None:
        self._token = token
        self._base_url = base_url
        self._call_timeout = call_timeout
        self._patience = patience
        self._flooded: tuple[str, float] = ("", 0.0)
        self._numbers: dict[str, str] = {}  # of the chats that were addressed by @name
        self._groups: dict[str, bool] = {}  # of the chats that may be channels, those that aren't
        self.timeout = call_timeout
        self.rate_limit = rate_limit or RateLimit(overall=OVERALL if sends else ANSWERS, each=limits_of)

    @cached_property
    def bot(self) -> Bot:
        """The library's client, which the listener also uses. Call `turn(…, urgent=True)` before sending an answer."""
        request = _Request(read_timeout=self._call_timeout, connect_timeout=10.0, pool_timeout=self._call_timeout)
        return Bot(self._token, base_url=self._base_url, request=request, get_updates_request=request)

    async def turn(self, address: str, *, urgent: bool = False, patience: float | None = None) -> None:
        """Wait for a turn, as `rate_limit.turn` does. All topics in a group share the group's turns.

        The turn counts from the time when this task writes its next request.
        """
        chat = address_of(address).chat
        _turn.set(await self.rate_limit.turn(chat, urgent=urgent, patience=patience))

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:
        """Split the digest into messages within Telegram's limits. If there is a picture, put it first."""
        texts = (
            Part(
                payload={"text": page_markup(page), "parse_mode": "HTML"},
                plain=plain_text(page.lines),
                covers=page.covers,
                buttons=digest.buttons if page.is_last else (),
            )
            for page in pages(digest, fits)
        )
        return (*(() if picture is None else (pictured(picture),)), *texts)

    def with_buttons(self, address: str, part: Part, rows: Sequence[Sequence[Button]]) -> Part:
        """Return the part with buttons. In a topic, each button names the topic, because Telegram doesn't."""
        topic = address_of(address).topic
        return replace(
            part, payload=part.payload | {"reply_markup": keyboard(rows, "" if topic is None else f":{topic} ")}
        )

    async def send(self, address: str, part: Part, *, plain: bool = False, ready: Ready = at_once) -> str:
        """Send one part and return the message id."""
        if part.picture is not None and (plain or not part.picture):
            return ""
        await self.turn(address, patience=self._patience)
        await ready()
        try:
            async with asyncio.timeout(self._call_timeout):
                sent = await self._send(address, part, plain=plain)
        except Exception as error:  # noqa: BLE001 - a foreign answer breaks the library in unforeseen ways
            refusal = self._verdict(address, error, of="picture" if part.picture else "text")
        else:
            if address.startswith("@"):
                self._numbers[address] = str(sent.chat.id)
            return str(sent.message_id)
        raise refusal  # raised outside `except`, so that it doesn't carry along the URL, which contains the token

    async def _send(self, address: str, part: Part, *, plain: bool) -> Message:
        chat, topic = address_of(address)
        where: dict[str, Any] = {"chat_id": chat} if topic is None else {"chat_id": chat, "message_thread_id": topic}
        if part.picture:
            return await self.bot.send_photo(photo=part.picture, caption=part.payload["title"], **where)
        message = {"text": part.plain} if plain else part.payload
        if part.reply_to is not None and part.reply_to.isdecimal():
            message = message | {
                "reply_parameters": ReplyParameters(int(part.reply_to), allow_sending_without_reply=True)
            }
        if part.buttons:
            pointer = "" if topic is None else f":{topic} "
            usable = await self._usable(chat, part.buttons)
            message = message | {"reply_markup": keyboard(commands_only(usable) if plain else usable, pointer)}
        preview = LinkPreviewOptions(is_disabled=True)
        return await self.bot.send_message(link_preview_options=preview, **where, **message)

    async def _usable(self, chat: str, rows: Sequence[Sequence[Button]]) -> Sequence[Sequence[Button]]:
        """Return the buttons that people may press in a chat: in a broadcast channel, only links.

        Only Telegram knows which of its numbers are channels. Without an answer, treat the chat as a channel.
        """
        if chat.startswith(("-100", "@")) and chat not in self._groups:
            try:
                self._groups[chat] = (await self.bot.get_chat(chat)).type != ChatType.CHANNEL
            except Exception:  # noqa: BLE001 - a foreign answer breaks the library in unforeseen ways
                return links_only(rows)
        return rows if self._groups.get(chat, True) else links_only(rows)

    def lasting(self, address: str) -> str:
        """Return the chat's number in place of its @name, if an earlier send or lookup has revealed it."""
        return self._numbers.get(address, address)

    async def number_of(self, name: str) -> str | None:
        """Ask Telegram for the number of a public channel or group. Return None if Telegram doesn't provide it."""
        try:
            async with asyncio.timeout(LOOK_UP):
                chat = await self.bot.get_chat(name)
        except Exception:  # noqa: BLE001 - a foreign answer breaks the library in unforeseen ways
            return None
        self._numbers[name] = str(chat.id)
        return str(chat.id)

    async def close(self) -> None:
        """Close the connections."""
        if "bot" in self.__dict__:
            await self.bot.request.shutdown()

    def _verdict(self, address: str, error: Exception, *, of: str) -> SendError:
        """Return the SendError that describes a failed send.

        BadRequest must be matched before NetworkError, because it is a subclass of NetworkError.
        """
        match error:
            case TelegramError(__cause__=TelegramError()):
                return _unconfirmed("something else answered in its place")  # a proxy's page, with any status
            case ChatMigrated():
                moved_to = Address(str(error.new_chat_id), address_of(address).topic)
                return SendError("The group became a supergroup", moved_to=str(moved_to))
            case RetryAfter():
                return self._flood(address, seconds(error))
            case InvalidToken():
                return SendError(
                    "Telegram rejected the bot's token: use the token that @BotFather shows", credentials_rejected=True
                )
            case TelegramError() if isinstance(error, (Forbidden, BadRequest)) or _is_too_large(error, of):
                return self._topic_lost(address, error) or self._refusal(error, of)
            case _:
                return self._unanswered(error)

    def _unanswered(self, error: Exception) -> SendError:
        """Return the SendError for a send without Telegram's answer. Without a connection, nothing was written."""
        cause = error.__cause__
        if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            return SendError(f"Telegram can't be reached ({_no_connection(cause)})")
        return _unconfirmed(self._reason(error) if isinstance(error, TelegramError) else type(error).__name__)

    def _topic_lost(self, address: str, error: TelegramError) -> SendError | None:
        """Return the SendError for a topic that can't receive messages, or None if the error has another cause.

        The message goes to the General topic instead.
        """
        chat, topic = address_of(address)
        if topic is None or not is_topic_lost(error):
            return None
        is_deleted = _TOPIC_CLOSED not in error.message.lower()
        return SendError(
            f"The topic doesn't accept messages: {self._reason(error)}", fallback=chat, topic_deleted=is_deleted
        )

    def _refusal(self, error: TelegramError, of: str) -> SendError:
        """Return the SendError that describes a refused message.

        Only a refused text message can show that the chat is unreachable, because some chats refuse pictures but accept
        text.
        """
        reason = self._reason(error)
        refuses_all = isinstance(error, Forbidden) or any(words in reason.lower() for words in _NO_SUCH_CHAT)
        if refuses_all and of == "text":
            problem = f"Telegram can't send to this chat: {reason}"
            return SendError(problem, refused=True, by_person=is_by_person(error))
        return SendError(f"Telegram rejected this {of}: {reason}", refused=of == "text", too_long=True)

    def _flood(self, address: str, seconds: float) -> SendError:
        """Block sends to this chat after a 429. If another chat also got a 429 just now, block sends to all chats.

        A 429 doesn't say whether the limit is for one chat or for the whole bot.
        """
        address = address_of(address).chat
        other, until = self._flooded
        everywhere = other not in {"", address} and time.monotonic() < until
        self._flooded = (address, time.monotonic() + seconds)
        self.rate_limit.hold(None if everywhere else address, seconds)
        scope = "platform" if everywhere else "address"
        return SendError(
            f"Telegram asked us to wait {counted(ceil(seconds), 'second')}", retry_after=seconds, scope=scope
        )

    def _reason(self, error: TelegramError) -> str:
        """Return Telegram's error message, shortened and without the token."""
        secret = self._token.rpartition(":")[2]
        words = legible(error.message.replace(secret, "…")).removeprefix("Forbidden: ")
        return words if len(words) <= 200 else f"{words[:199]}…"


_TOPIC_CLOSED = "topic_closed"
_TOPIC_DELETED = re.compile(r"thread not found|topic_(deleted|id_invalid|not_found)", re.IGNORECASE)
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
_BY_PERSON = ("bot was blocked", "bot was kicked", "user is deactivated")


def is_by_person(error: TelegramError) -> bool:
    """Return True if a person blocked or removed the bot or closed their account.

    Other refusals may be Telegram's mistake. If the person takes the bot back, Telegram reports that too.
    """
    return isinstance(error, Forbidden) and any(words in error.message.lower() for words in _BY_PERSON)


_turn: ContextVar[Turn | None] = ContextVar("_turn", default=None)  # for the message being sent


class _Request(HTTPXRequest):
    """The library's request class with two changes.

    It doesn't log unreadable responses, because a proxy's error page can contain the token. It updates the turn's time
    when a request has been written, because Telegram counts from that moment.
    """

    def __init__(self, **options: Any) -> None:
        verify = certificates(trust_env=True)
        super().__init__(**options, httpx_kwargs={"event_hooks": {"request": [self._follow]}, "verify": verify})

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
    """Return True if the picture was refused as too large (413). Retrying wouldn't help."""
    return of == "picture" and "too large" in error.message.lower()


def is_topic_lost(error: TelegramError) -> bool:
    """Return True if a topic refused a message because it was closed or deleted."""
    return _TOPIC_CLOSED in error.message.lower() or _TOPIC_DELETED.search(error.message) is not None


def _no_connection(cause: httpx.TransportError) -> str:
    return "no connection in time" if isinstance(cause, httpx.ConnectTimeout) else str(cause) or type(cause).__name__


def _unconfirmed(why: str) -> SendError:
    return SendError(f"Telegram did not confirm delivery ({why}); the message may have arrived", maybe_sent=True)


def limits_of(address: str) -> Sequence[Limit]:
    return CHAT if address_of(address).chat.isdecimal() else GROUP


def seconds(error: RetryAfter) -> float:
    """Return the number of seconds that Telegram asks us to wait, but no more than LONGEST_WAIT."""
    pause: int | timedelta = error.retry_after
    return bounded(pause.total_seconds() if isinstance(pause, timedelta) else float(pause), LONGEST_WAIT)


def fits(lines: Sequence[Line]) -> bool:
    """Return True if the lines fit in one message."""
    text = len(plain_text(lines).encode("utf-16-le")) // 2
    spans = [span for line in lines for span in line]
    entities = sum(span.strong + (span.href is not None) for span in spans)
    addresses = sum(len(span.href) for span in spans if span.href)
    return text <= LONGEST_TEXT and entities <= MOST_ENTITIES and text + addresses + 20 * entities <= LONGEST_MARKUP


def markup(lines: Iterable[Line]) -> str:
    """Return the lines as Telegram's HTML."""
    return "\n".join("".join(map(_span, line)) for line in lines)


def page_markup(page: Page) -> str:
    """Return a page as Telegram's HTML, with its details in a quote that the reader opens."""
    blocks = [markup((page.title,))]
    for block in page.blocks:
        text = markup(block.lines)
        blocks.append(f"<blockquote expandable>{text}</blockquote>" if block.role is Role.DETAILS else text)
    return "\n\n".join(blocks)


def _span(span: Span) -> str:
    text = escape(span.text, quote=False)
    text = f"<b>{text}</b>" if span.strong else text
    return f'<a href="{escape(span.href)}">{text}</a>' if span.href else text
