"""Telegram's hearing side: updates come by long polling, or by a webhook that a web server feeds.

Each is put to the clerk by one of the routes of `telegram_reception`, in order within a chat, and `telegram_voice` says
the answer.
"""

import asyncio
import json
import re
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hmac import compare_digest
from typing import Any

import structlog
from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    Update,
)
from telegram.error import Conflict, EndPointNotFound, InvalidToken, RetryAfter, TelegramError
from telegram.warnings import PTBUserWarning

from bot.channels import ChatHandler
from bot.channels.keyed_queue import Crowded, KeyedQueue
from bot.channels.telegram.handlers import CHANGING, READING, App, EventHandlers
from bot.channels.telegram.replies import Replies, reason_of
from bot.channels.telegram.sender import TelegramSender, seconds
from bot.domain.language import Language
from bot.errors import UsageError

ALLOWED_UPDATES = ("message", "channel_post", "callback_query", "my_chat_member")
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of the header
LARGEST_BODY = 1 << 20  # bytes; an update has some tens of thousands at most
MOST_UPDATES = 200  # in hand at a time; more wait at Telegram
MOST_OF_A_CHAT = 50
SETTLE = 0.5  # seconds that updates have to be answered before they are confirmed all the same
ROOM = 10.0  # seconds that a webhook waits for room
LONGEST_PAUSE = 60.0
CALL = 20.0

# The library's own get_updates reads all or nothing: one update that it cannot read would come again for ever.
warnings.filterwarnings("ignore", message="Please use 'Bot.getUpdates'", category=PTBUserWarning)

log = structlog.get_logger()

Menu = Mapping[Language, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class _Hook:
    """Where Telegram shall send updates, and what they must carry to be believed."""

    url: str
    secret: str


class TelegramListener:
    """Hears what people say to the bot of `sender`, whose client and pace it shares.

    `menu` holds the commands with their descriptions, in each language. `poll_seconds` is how long Telegram holds an
    empty answer back; `pause` how long to wait after the first failure, doubled with each more up to a minute; `grace`
    how long what is in hand may take when it is stopped; `refuse_every` how often a chat is told that only
    administrators may do something. All in seconds.
    """

    def __init__(
        self,
        sender: TelegramSender,
        *,
        menu: Menu,
        poll_seconds: int = 30,
        pause: float = 1.0,
        grace: float = 5.0,
        refuse_every: float = 60.0,
    ) -> None:
        self._sender = sender
        self._menu = menu
        self._poll_seconds = poll_seconds
        self._pause = pause
        self._grace = grace
        self._refuse_every = refuse_every
        self._hook: _Hook | None = None
        self._hearing: _Hearing | None = None
        self._offset = 0
        self._batch: dict[int, asyncio.Task[None]] = {}

    def webhook(self, public_url: str, secret: str) -> None:
        """Before `listen`: have updates sent to this address, to be handed to `feed`, in place of polling.

        `secret` is 1 to 256 letters, digits, _ and -; Telegram shows it with each update.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
            raise UsageError("A webhook's secret is 1 to 256 letters, digits, underscores and hyphens.")
        self._hook = _Hook(public_url, secret)

    async def listen(self, clerk: ChatHandler) -> None:
        """Answer people until cancelled; a lost connection is made again by itself."""
        names = CHANGING.union(*({name for name, _ in entries} for entries in self._menu.values()))
        voice = Replies(self._sender, clerk, pause=self._pause)
        reception = EventHandlers(self._sender, clerk, voice, names=names, refuse_every=self._refuse_every)
        app = reception.application()
        hearing = _Hearing(app)
        try:
            await self._insist(app.initialize)
            self._hearing = hearing
            await self._insist(self._announce)
            log.info("listening", bot=f"@{app.bot.username}", by="webhook" if self._hook else "long polling")
            while self._hook is None:
                await self._insist(self._poll)
            await asyncio.Event().wait()
        finally:  # the client is the sender's, which closes it
            self._hearing = None
            until = time.monotonic() + self._grace
            try:
                await hearing.close(self._grace)
            finally:
                await voice.close(max(0.0, until - time.monotonic()))
            await self._confirm()

    async def feed(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take what came to the webhook; the HTTP status to answer with.

        403: it does not hold the secret. 413 or 400: it is no update. 503: not now; Telegram sends it again.
        """
        shown = next((value for name, value in headers.items() if name.lower() == SECRET_HEADER), "")
        if self._hook is None or not compare_digest(shown.encode(errors="replace"), self._hook.secret.encode()):
            return 403
        if len(body) > LARGEST_BODY:
            return 413
        try:
            raw = json.loads(body)
        except (ValueError, RecursionError):
            return 400
        return await self._take(raw)

    async def _take(self, raw: Any) -> int:
        if self._hearing is None:
            return 503
        try:
            async with asyncio.timeout(ROOM):
                task = await self._hearing.take(raw)
        except TimeoutError:
            return 503
        if task is not None:
            await asyncio.wait({task}, timeout=SETTLE)
        return 200

    # How it gets and keeps a connection

    async def _insist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do this, again and again until it goes well."""
        pause = self._pause
        while True:
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - an answer that is not Telegram's breaks the library in any way
                wait = max(pause, seconds(error)) if isinstance(error, RetryAfter) else pause
                self._lament(error, wait)
            else:
                return
            await asyncio.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _lament(self, error: Exception, wait: float) -> None:
        again = f"{wait:g} s"
        match error:
            case Conflict():
                log.warning(
                    "another process uses this Telegram bot's token; only one may, so stop one of the two",
                    again_in=again,
                )
            case InvalidToken() | EndPointNotFound():
                log.error("Telegram refuses the bot's token; set the one that @BotFather shows", again_in=again)
            case TelegramError() | TimeoutError():
                log.warning("Telegram is not reached", why=reason_of(error, self._sender.bot), again_in=again)
            case _:
                log.warning("what came from Telegram was not understood", why=type(error).__name__, again_in=again)

    async def _announce(self) -> None:
        """Tell Telegram how updates shall come, and which commands there are."""
        bot = self._sender.bot
        if self._hook is None:
            await bot.delete_webhook(drop_pending_updates=False)
        else:
            await bot.set_webhook(
                self._hook.url,
                secret_token=self._hook.secret,
                allowed_updates=ALLOWED_UPDATES,
                drop_pending_updates=False,
            )
        try:
            await self._hang_out_menu(bot)
        except TelegramError as error:  # a menu is a convenience
            log.warning("the menu of commands was not taken", why=reason_of(error, bot))

    async def _hang_out_menu(self, bot: Bot) -> None:
        for language, entries in self._menu.items():
            code = None if language is Language.ENGLISH else language.value  # English is for all other languages too
            for scope, kept in _SCOPES:
                commands = [BotCommand(name, text) for name, text in entries if kept(name)]
                await bot.set_my_commands(commands, scope=scope, language_code=code)

    async def _poll(self) -> None:
        """Fetch the next updates. Asking confirms the ones before, so these are first given time to be answered."""
        asked = time.monotonic()
        found = await self._get_updates(self._poll_seconds)
        self._batch.clear()
        if not found and time.monotonic() < asked + self._pause:  # something in between does not hold it back
            await asyncio.sleep(self._pause)
        for raw in found:
            number = int(raw["update_id"])
            task = await self._hearing.take(raw) if self._hearing else None
            self._offset = number + 1
            if task is not None:
                self._batch[number] = task
        if self._batch:
            await asyncio.wait(self._batch.values(), timeout=SETTLE)

    async def _get_updates(self, seconds: int) -> list[dict[str, Any]]:
        arguments = {"offset": self._offset, "timeout": seconds, "allowed_updates": ALLOWED_UPDATES}
        async with asyncio.timeout(seconds + 2 * CALL):  # the library's own time-out is one for each piece of an answer
            found: list[dict[str, Any]] = await self._sender.bot.do_api_request(
                "getUpdates", api_kwargs=arguments, read_timeout=seconds + CALL
            )
        return found

    async def _confirm(self) -> None:
        """At the end: what is done shall not come again; what was broken off shall."""
        broken_off = [number for number, task in self._batch.items() if not task.done() or task.cancelled()]
        if not self._batch:
            return
        self._batch.clear()
        self._offset = min(broken_off, default=self._offset)
        with suppress(TelegramError, TimeoutError):
            async with asyncio.timeout(2.0):
                await self._get_updates(0)


_SCOPES: tuple[tuple[BotCommandScope, Callable[[str], bool]], ...] = (
    (BotCommandScopeAllPrivateChats(), lambda _: True),
    (BotCommandScopeAllGroupChats(), lambda name: name in READING),
    (BotCommandScopeAllChatAdministrators(), lambda name: name != "channel"),
)


class _Hearing:
    """Updates as they come, each chat's in order."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._queue = KeyedQueue(each=MOST_OF_A_CHAT, most=MOST_UPDATES)

    async def take(self, raw: Any) -> asyncio.Task[None] | None:
        """Have an update answered once there is room; None when it is left out."""
        try:
            update = Update.de_json(raw, self._app.bot)
        except Exception as error:  # noqa: BLE001 - the library reads what it does not expect in any way
            log.warning("an update from Telegram was not understood", why=type(error).__name__)
            return None
        chat, person = update.effective_chat, update.effective_user
        key = chat.id if chat else person.id if person else 0
        try:
            return await self._queue.add(key, partial(self._app.process_update, update))
        except Crowded:
            log.warning("too much is asked at once in one chat; something is left out", chat=key)
            return None

    async def close(self, grace: float) -> None:
        await self._queue.close(grace)
