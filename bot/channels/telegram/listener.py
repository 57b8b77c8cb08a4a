"""The listening side of the Telegram channel. Updates arrive through long polling or a webhook.

The event handlers receive the updates of each chat in order.
"""

import asyncio
import json
import re
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
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

from bot.channels.keyed_queue import KeyedQueue, QueueFull
from bot.channels.once import Once
from bot.channels.protocols import ChatHandler, HttpAnswer, Notes, TrustedAnswer
from bot.channels.telegram.handlers import CHANGING, READING, App, EventHandlers
from bot.channels.telegram.replies import Replies, reason_of
from bot.channels.telegram.sender import TelegramSender, seconds
from bot.channels.telegram.update_shape import has_wrong_type
from bot.domain.language import Language
from bot.domain.timestamps import stamp
from bot.errors import StoreError, UsageError

ALLOWED_UPDATES = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "my_chat_member",
)
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of the header
LARGEST_BODY = 1 << 20  # bytes; an update is at most tens of thousands
MOST_UPDATES = 1_000  # in the queue at once; any more wait at Telegram
MOST_AT_ONCE = 8  # updates being handled
MOST_OF_A_CHAT = 50
SETTLE = 0.5  # seconds to answer updates before they are confirmed anyway
ROOM = 10.0  # seconds that a webhook waits for room in the queue
PATIENCE = 5.0  # seconds that a webhook waits for the update to be handled; if the program ends first, it comes again
LONGEST_PAUSE = 60.0
CONFLICT_EVERY = 300.0  # seconds between notes that another program uses the bot's token
CALL = 20.0

# The library's own get_updates reads all updates or none, so one that it can't read would come back forever.
warnings.filterwarnings("ignore", message="Please use 'Bot.getUpdates'", category=PTBUserWarning)

log = structlog.get_logger()

Menu = Mapping[Language, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class _Webhook:
    """The URL where Telegram sends updates, and the secret that each update must include."""

    url: str
    secret: str


class TelegramListener:
    """Listens for updates from Telegram, using the client and the rate limit of `sender`.

    `menu` lists the commands and their descriptions in each language. `notes` keeps the updates that were handled, so
    that an update delivered again after a restart isn't handled twice. `conflicts` keeps the last time another program
    used the bot's token, for `countersign check`. All times are in seconds. `poll_seconds` is how long a poll waits for
    new updates. `pause` is the wait after the first failure. The wait doubles with each further failure, up to a
    minute. `grace` is the time to finish updates in progress when the program stops. A chat is told that a command is
    only for administrators at most once per `refuse_every`.
    """

    def __init__(
        self,
        sender: TelegramSender,
        *,
        menu: Menu,
        notes: Notes | None = None,
        names: Notes | None = None,
        conflicts: Notes | None = None,
        poll_seconds: int = 30,
        pause: float = 1.0,
        grace: float = 4.0,
        refuse_every: float = 60.0,
    ) -> None:
        self._sender = sender
        self._menu = menu
        self._names = names
        self._conflicts = conflicts
        self._conflict_noted_at = -CONFLICT_EVERY
        self._noting: asyncio.Task[None] | None = None
        self._once = Once(sender.bot.token.partition(":")[0], notes)
        self._poll_seconds = poll_seconds
        self._pause = pause
        self._grace = grace
        self._refuse_every = refuse_every
        self._webhook: _Webhook | None = None
        self._updates: _UpdateQueue | None = None
        self._offset = 0
        self._batch: dict[int, asyncio.Task[None]] = {}

    def webhook(self, public_url: str, secret: str) -> None:
        """Receive updates at this URL instead of polling. Call this method before `listen`.

        `secret` must consist of 1 to 256 letters, digits, underscores and hyphens. Telegram includes it with each
        update.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
            raise UsageError("A webhook secret must be 1 to 256 letters, digits, underscores and hyphens.")
        self._webhook = _Webhook(public_url, secret)

    async def _keep_name(self, name: str) -> None:
        """Store the bot's name, so that the public pages can link to it."""
        if self._names is None:
            return
        with suppress(StoreError):  # the next start tries again
            if await self._names.get("telegram") != name:
                await self._names.put("telegram", name)

    async def listen(self, chat_handler: ChatHandler) -> None:
        """Answer people until canceled. Reconnect as needed."""
        names = CHANGING.union(*({name for name, _ in entries} for entries in self._menu.values()))
        replies = Replies(self._sender, chat_handler, pause=self._pause)
        handlers = EventHandlers(self._sender, chat_handler, replies, names=names, refuse_every=self._refuse_every)
        app = handlers.application()
        updates = _UpdateQueue(app, self._once)
        keeping: asyncio.Task[None] | None = None
        try:
            await self._until_done(app.initialize)
            self._updates = updates
            await self._until_done(self._announce)
            keeping = asyncio.create_task(self._keep_name(app.bot.username))  # not awaited: the disk may be stuck
            log.info(
                "listening",
                bot=f"@{app.bot.username}",
                by="webhook" if self._webhook else "long polling",
                in_words=f"People can write to @{app.bot.username} on Telegram now.",
            )
            while self._webhook is None:
                await self._until_done(self._poll)
            await asyncio.Event().wait()
        finally:  # the sender closes the client
            self._updates = None
            for task in filter(None, (keeping, self._noting)):
                task.cancel()
            until = time.monotonic() + self._grace
            try:
                await updates.close(self._grace)
            finally:
                await replies.close(max(0.0, until - time.monotonic()))
            await self._confirm()

    async def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:  # noqa: ARG002 - one path
        """Accept an update that Telegram posts to the webhook, and return the response.

        The status is one of these:

        - 400: The body isn't valid JSON, or a field in it has a wrong type.
        - 403: The secret is missing or wrong.
        - 413: The body is too large.
        - 503: The update can't be accepted now. Telegram will send it again.
        """
        shown = next((value for name, value in headers.items() if name.lower() == SECRET_HEADER), "")
        if self._webhook is None or not compare_digest(shown.encode(errors="replace"), self._webhook.secret.encode()):
            return HttpAnswer(403)
        return TrustedAnswer(await self._taken(body))

    async def _taken(self, body: bytes) -> int:
        """Accept an update that has the correct secret, and return the status."""
        if len(body) > LARGEST_BODY:
            return 413
        try:
            raw = json.loads(body)
        except (ValueError, RecursionError):
            return 400
        if has_wrong_type(raw):
            return 400
        return await self._take(raw)

    async def _take(self, raw: Any) -> int:
        if self._updates is None:
            return 503
        try:
            async with asyncio.timeout(ROOM):
                task = await self._updates.add(raw)
        except TimeoutError:
            return 503
        if task is not None:
            await asyncio.wait({task}, timeout=PATIENCE)
        return 503 if task is not None and task.cancelled() else 200

    # Connecting

    async def _until_done(self, step: Callable[[], Awaitable[None]]) -> None:
        """Retry a step until it succeeds."""
        pause = self._pause
        while True:
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - a foreign answer breaks the library in unforeseen ways
                wait = max(pause, seconds(error)) if isinstance(error, RetryAfter) else pause
                self._log_failure(error, wait)
            else:
                return
            await asyncio.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _log_failure(self, error: Exception, wait: float) -> None:
        again = f"{wait:g} s"
        match error:
            case Conflict():
                self._note_conflict()
                log.warning(
                    "another process is using this Telegram bot's token; only one can, so stop one of them",
                    again_in=again,
                )
            case InvalidToken() | EndPointNotFound():
                log.error("Telegram rejected the bot's token; use the token that @BotFather shows", again_in=again)
            case TelegramError() | TimeoutError():
                log.warning("Telegram can't be reached", why=reason_of(error, self._sender.bot), again_in=again)
            case _:
                log.warning("Telegram's answer made no sense", why=type(error).__name__, again_in=again)

    def _note_conflict(self) -> None:
        """Store that another program uses the token. The disk may be stuck, so nothing waits for it."""
        if self._conflicts is None or time.monotonic() < self._conflict_noted_at + CONFLICT_EVERY:
            return
        self._conflict_noted_at = time.monotonic()
        self._noting = asyncio.create_task(self._keep_conflict(self._conflicts))

    @staticmethod
    async def _keep_conflict(conflicts: Notes) -> None:
        with suppress(StoreError):  # the next conflict tries again
            await conflicts.put("telegram", stamp(datetime.now(UTC)))

    async def _announce(self) -> None:
        """Tell Telegram how to deliver updates and which commands to show in the menu."""
        bot = self._sender.bot
        if self._webhook is None:
            await bot.delete_webhook(drop_pending_updates=False)
        else:
            await bot.set_webhook(
                self._webhook.url,
                secret_token=self._webhook.secret,
                allowed_updates=ALLOWED_UPDATES,
                drop_pending_updates=False,
            )
        try:
            await self._set_menu(bot)
        except TelegramError as error:  # the bot works without a menu
            log.warning("Telegram rejected the menu of commands", why=reason_of(error, bot))

    async def _set_menu(self, bot: Bot) -> None:
        for language, entries in self._menu.items():
            code = None if language is Language.ENGLISH else language.value  # English also serves every other language
            for scope, kept in _SCOPES:
                commands = [BotCommand(name, text) for name, text in entries if kept(name)]
                await bot.set_my_commands(commands, scope=scope, language_code=code)

    async def _poll(self) -> None:
        """Fetch the next updates and wait a limited time until they are answered.

        The wait is needed because the next fetch confirms these updates to Telegram.
        """
        asked = time.monotonic()
        found = await self._get_updates(self._poll_seconds)
        self._batch.clear()
        if not found and time.monotonic() < asked + self._pause:  # a proxy may have answered early
            await asyncio.sleep(self._pause)
        for raw in found:
            number = int(raw["update_id"])
            task = await self._updates.add(raw) if self._updates else None
            self._offset = number + 1
            if task is not None:
                self._batch[number] = task
        if self._batch:
            await asyncio.wait(self._batch.values(), timeout=SETTLE)

    async def _get_updates(self, seconds: int) -> list[dict[str, Any]]:
        arguments = {"offset": self._offset, "timeout": seconds, "allowed_updates": ALLOWED_UPDATES}
        # The library's own timeout restarts with each piece of an answer.
        async with asyncio.timeout(seconds + 2 * CALL):
            found: list[dict[str, Any]] = await self._sender.bot.do_api_request(
                "getUpdates", api_kwargs=arguments, read_timeout=seconds + CALL
            )
        return found

    async def _confirm(self) -> None:
        """Confirm the answered updates when the program stops. Telegram will resend only the unanswered ones."""
        unfinished = [number for number, task in self._batch.items() if not task.done() or task.cancelled()]
        if not self._batch:
            return
        self._batch.clear()
        self._offset = min(unfinished, default=self._offset)
        with suppress(TelegramError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._get_updates(0)


_SCOPES: tuple[tuple[BotCommandScope, Callable[[str], bool]], ...] = (
    (BotCommandScopeAllPrivateChats(), lambda _: True),
    (BotCommandScopeAllGroupChats(), lambda name: name in READING),
    (BotCommandScopeAllChatAdministrators(), lambda name: name != "channel"),
)


class _UpdateQueue:
    """A queue that handles the updates of each chat in order."""

    def __init__(self, app: App, once: Once) -> None:
        self._app = app
        self._once = once
        self._queue = KeyedQueue(each=MOST_OF_A_CHAT, most=MOST_UPDATES, at_once=MOST_AT_ONCE)

    async def add(self, raw: Any) -> asyncio.Task[None] | None:
        """Queue an update when there is room. Return None if no one handles the update or if it is dropped."""
        if has_wrong_type(raw):
            log.warning("telegram: an update made no sense", why="a field has a wrong type")
            return None
        try:
            update = Update.de_json(raw, self._app.bot)
            if not any(handler.check_update(update) for handler in self._app.handlers[0]):
                return None
            key, identity = _key(update), _identity(update)
        except Exception as error:  # noqa: BLE001 - the library fails on odd updates in unforeseen ways
            log.warning("telegram: an update made no sense", why=type(error).__name__)
            return None
        try:
            job = partial(self._app.process_update, update)
            return await self._queue.add(key, partial(self._once.do, identity, job))
        except QueueFull:
            log.warning("telegram: too many requests at once from one chat; one was dropped", chat=key, summarize=True)
            return None

    async def close(self, grace: float) -> None:
        """Give updates in progress `grace` seconds to finish, then cancel them."""
        await self._queue.close(grace)


def _key(update: Update) -> int:
    """Return the id of the chat or person whose updates are handled one after the other."""
    whose = update.effective_chat or update.effective_user
    return whose.id if whose else 0


def _identity(update: Update) -> tuple[object, ...]:
    """Return a value that identifies an update even if it is delivered twice.

    The update's number isn't enough, because Telegram may restart its numbering after a quiet week.
    """
    query, member, message = update.callback_query, update.my_chat_member, update.effective_message
    if query is not None:
        return update.update_id, query.id
    if member is not None:
        return update.update_id, member.chat.id, member.date
    return (update.update_id, *((message.chat.id, message.message_id, message.date) if message else ()))
