"""Telegram's hearing side: who asks what, whether they may, and how the asking gets here.

Updates come by long polling, or by a webhook that a web server feeds. Each becomes a call of one of the routes below,
in order within a chat; the clerk answers, and `telegram_voice` says it.
"""

import asyncio
import json
import re
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
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
    CallbackQuery,
    Chat,
    ChatMember,
    ChatMemberAdministrator,
    ChatMemberRestricted,
    ChatMemberUpdated,
    Message,
    Update,
    User,
)
from telegram.constants import ChatID, ChatMemberStatus, ChatType
from telegram.error import BadRequest, Conflict, EndPointNotFound, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.ext import (
    Application,
    CallbackContext,
    CallbackQueryHandler,
    ChatMemberHandler,
    MessageHandler,
    filters,
)
from telegram.warnings import PTBUserWarning

from bot.channels import Clerk
from bot.channels.lanes import Crowded, Lanes
from bot.channels.telegram import Telegram, _seconds
from bot.channels.telegram_voice import Spot, Voice, reason_of
from bot.domain.courtesy import COURTESY, Courtesy
from bot.domain.dialogue import Asked, Reply
from bot.domain.digest import Span
from bot.domain.subscription import Language
from bot.errors import UsageError

READING = frozenset({"help", "status", "list", "recent", "agency"})  # what any member of a group may ask
CHANGING = frozenset(
    {"start", "watch", "unwatch", "digest", "kinds", "pause", "resume", "language", "stop", "forget"},
)
ALLOWED_UPDATES = ("message", "channel_post", "callback_query", "my_chat_member")
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of the header
LARGEST_BODY = 1 << 20  # bytes; an update has some tens of thousands at most
MOST_UPDATES = 200  # in hand at a time; more wait at Telegram
MOST_OF_A_CHAT = 50
SETTLE = 0.5  # seconds that updates have to be answered before they are confirmed all the same
ROOM = 10.0  # seconds that a webhook waits for room
LONGEST_PAUSE = 60.0
CALL = 20.0
LONGEST_ALERT = 200

# The library's own get_updates reads all or nothing: one update that it cannot read would come again for ever.
warnings.filterwarnings("ignore", message="Please use 'Bot.getUpdates'", category=PTBUserWarning)

log = structlog.get_logger()

App = Application[Any, Any, Any, Any, Any, Any]
Menu = Mapping[Language, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class _Hook:
    """Where Telegram shall send updates, and what they must carry to be believed."""

    url: str
    secret: str


class TelegramChat:
    """Hears what people say to the bot of `sender`, whose client and pace it shares.

    `menu` holds the commands with their descriptions, in each language. `poll_seconds` is how long Telegram holds an
    empty answer back; `pause` how long to wait after the first failure, doubled with each more up to a minute; `grace`
    how long what is in hand may take when it is stopped; `refuse_every` how often a chat is told that only
    administrators may do something. All in seconds.
    """

    def __init__(
        self,
        sender: Telegram,
        *,
        menu: Menu,
        courtesy: Mapping[Language, Courtesy] = COURTESY,
        poll_seconds: int = 30,
        pause: float = 1.0,
        grace: float = 5.0,
        refuse_every: float = 60.0,
    ) -> None:
        self._sender = sender
        self._menu = menu
        self._courtesy = courtesy
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

    async def listen(self, clerk: Clerk) -> None:
        """Answer people until cancelled; a lost connection is made again by itself."""
        names = CHANGING.union(*({name for name, _ in entries} for entries in self._menu.values()))
        voice = Voice(self._sender, clerk, pause=self._pause)
        reception = Reception(self._sender, clerk, voice, self._courtesy, names=names, refuse_every=self._refuse_every)
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
        except ValueError:
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
                wait = max(pause, _seconds(error)) if isinstance(error, RetryAfter) else pause
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
        found = await self._get_updates(self._poll_seconds)
        self._batch.clear()
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
        self._lanes = Lanes(each=MOST_OF_A_CHAT, most=MOST_UPDATES)

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
            return await self._lanes.add(key, partial(self._app.process_update, update))
        except Crowded:
            log.warning("too much is asked at once in one chat; something is left out", chat=key)
            return None

    async def close(self, grace: float) -> None:
        await self._lanes.close(grace)


class Reception:
    """The routes: what each kind of update asks, and whether who asks may."""

    def __init__(
        self,
        sender: Telegram,
        clerk: Clerk,
        voice: Voice,
        courtesy: Mapping[Language, Courtesy],
        *,
        names: Set[str],
        refuse_every: float,
    ) -> None:
        self._bot = sender.bot
        self._clerk = clerk
        self._courtesies = courtesy
        self._door = _Door(sender)
        self._voice = voice
        self._names = READING | names
        self._may_refuse = _Seldom(refuse_every)

    def application(self) -> App:
        """The library's dispatcher with our routes."""
        app = Application.builder().bot(self._bot).updater(None).job_queue(None).build()
        written = filters.UpdateType.MESSAGE
        private, group = filters.ChatType.PRIVATE & filters.TEXT, filters.ChatType.GROUPS & filters.COMMAND
        app.add_handlers(
            [
                MessageHandler(filters.StatusUpdate.MIGRATE, self._migrated),
                MessageHandler(written & private & filters.COMMAND, self._typed_in_private),
                MessageHandler(written & private & ~filters.COMMAND, self._said_in_private),
                MessageHandler(written & group, self._typed_in_group),
                MessageHandler(filters.UpdateType.CHANNEL_POST & filters.COMMAND, self._posted),
                CallbackQueryHandler(self._pressed),
                ChatMemberHandler(self._membership, ChatMemberHandler.MY_CHAT_MEMBER),
            ]
        )
        app.add_error_handler(self._stumbled)
        return app

    # Routes

    async def _typed_in_private(self, update: Update, _: object) -> None:
        message, command = _written(update, self._bot)
        if command is None:
            return
        spot = _spot(message)
        if command.name == "channel" and message.from_user:
            await self._for_channel(spot, message.from_user, command.rest)
        else:
            await self._ask(spot, command.text)

    async def _said_in_private(self, update: Update, _: object) -> None:
        message, _command = _written(update, self._bot)
        await self._ask(_spot(message), message.text or "")

    async def _typed_in_group(self, update: Update, _: object) -> None:
        message, command = _written(update, self._bot)
        if command is None or not self._is_meant(command) or message.is_automatic_forward or message.forward_origin:
            return
        if command.name in READING or await self._door.admits(message):
            await self._ask(_spot(message), command.text)
        elif self._may_refuse(message.chat.id):
            await self._say(_spot(message), (await self._courtesy(_spot(message))).administrators_only)

    async def _posted(self, update: Update, _: object) -> None:
        """A post in a channel: only its administrators can write one."""
        message, command = _written(update, self._bot)
        if command is not None and self._is_meant(command) and not message.forward_origin:
            await self._ask(_spot(message), command.text)

    async def _pressed(self, update: Update, _: object) -> None:
        query = update.callback_query
        assert query is not None
        if query.message is None or not query.data:
            await self._acknowledge(query)
            return
        spot = _spot(query.message, query.from_user)
        if query.message.chat.type == ChatType.PRIVATE:
            await self._acknowledge(query)
            await self._pressed_in_private(spot, query.from_user, query.data, query.message.message_id)
        elif await self._admitted(query, query.message.chat, spot):
            await self._ask(spot, query.data, over=query.message.message_id)

    async def _pressed_in_private(self, spot: Spot, person: User, command: str, over: int) -> None:
        if pointed := re.fullmatch(r"@(-\d+ .+)", command, re.DOTALL):
            await self._for_channel(spot, person, pointed[1], over=over)
        else:
            await self._ask(spot, command, over=over)

    async def _membership(self, update: Update, _: object) -> None:
        event = update.my_chat_member
        assert event is not None
        before, after = (_present(event.chat, member) for member in (event.old_chat_member, event.new_chat_member))
        spot = _spot(event, event.from_user)
        if before and not after:
            await self._clerk.gone("telegram", spot.address, _absence(event))
        elif after and not before:
            await self._clerk.returned("telegram", spot.address)
            if event.chat.type in {ChatType.GROUP, ChatType.SUPERGROUP}:
                await self._ask(spot, "hello")

    async def _migrated(self, update: Update, _: object) -> None:
        """A group became a supergroup: the old chat says so, and the new one. Either will do, and both."""
        message = update.effective_message
        assert message is not None
        old = message.migrate_from_chat_id or message.chat.id
        new = message.migrate_to_chat_id or message.chat.id
        await self._clerk.moved("telegram", str(old), str(new))
        await self._clerk.returned("telegram", str(new))  # the old chat may first have said that the bot is gone

    async def _stumbled(self, update: object, context: CallbackContext[Any, Any, Any, Any]) -> None:
        """Something failed on the way to an answer: one line for whoever asked, the rest for the log."""
        error = context.error
        if isinstance(error, TelegramError | TimeoutError):
            log.warning("not answered", why=reason_of(error, self._bot))
        else:
            log.error("not answered", exc_info=error)
        if isinstance(update, Update) and (spot := _asked_at(update)) is not None:
            await self._say(spot, (await self._courtesy(spot)).failed)

    # What the routes have in common

    def _is_meant(self, command: "_Command") -> bool:
        """Whether it is for this bot where other bots hear it too."""
        return command.addressed or command.name in self._names

    async def _ask(self, spot: Spot, text: str, *, over: int | None = None) -> None:
        """Put it to the clerk, and say the answer; `over` is the message whose button was pressed."""
        reply = await self._clerk.answer(
            Asked(
                channel="telegram",
                address=spot.address,
                text=text,
                language=spot.language,
                bot=self._bot.username,
            )
        )
        await self._voice.say(spot, reply, over=over if reply.in_place else None)

    async def _for_channel(self, spot: Spot, person: User, rest: str, *, over: int | None = None) -> None:
        """A command in a private chat that is about a channel: `@name watch TX`."""
        say = await self._courtesy(spot)
        name, _, text = rest.partition(" ")
        try:
            channel = await self._door.channel(name, person, say)
        except UsageError as refusal:
            await self._say(spot, str(refusal))
        else:
            await self._ask(replace(spot, address=str(channel)), text.strip() or "status", over=over)

    async def _admitted(self, query: CallbackQuery, chat: Chat, spot: Spot) -> bool:
        """Whether who pressed may, and the press acknowledged: a refusal is shown only to that person."""
        reads = chat.type != ChatType.CHANNEL and (query.data or "").partition(" ")[0] in READING
        try:
            admitted = reads or await self._door.is_administrator(chat.id, query.from_user.id)
        except TelegramError:
            await self._acknowledge(query)
            raise
        await self._acknowledge(query, None if admitted else (await self._courtesy(spot)).administrators_only)
        return admitted

    async def _acknowledge(self, query: CallbackQuery, alert: str | None = None) -> None:
        try:
            await query.answer(alert and alert[:LONGEST_ALERT], show_alert=alert is not None)
        except TelegramError as error:  # pressed too long ago, while nobody listened
            log.debug("a press was not acknowledged", why=reason_of(error, self._bot))

    async def _say(self, spot: Spot, sentence: str) -> None:
        await self._voice.say(spot, Reply(lines=((Span(sentence),),)))

    async def _courtesy(self, spot: Spot) -> Courtesy:
        """Our own sentences in the language that the chat has chosen, or that the platform suggests."""
        language = spot.language
        with suppress(Exception):  # a sentence comes out even when the clerk cannot say
            chosen = await self._clerk.subscription("telegram", str(spot.chat))
            language = chosen.language if chosen else language
        return self._courtesies[language]


class _Door:
    """Who may change what. Asked anew each time: an administrator may not be one any more."""

    def __init__(self, sender: Telegram) -> None:
        self._sender = sender
        self._bot = sender.bot

    async def admits(self, message: Message) -> bool:
        """Whether the writer is an administrator of the group, also one who writes in the group's own name."""
        if message.sender_chat is not None:
            return message.sender_chat.id == message.chat.id
        if message.from_user is None:
            return False
        anonymous = message.from_user.id == ChatID.ANONYMOUS_ADMIN
        return anonymous or await self.is_administrator(message.chat.id, message.from_user.id)

    async def is_administrator(self, chat: int, person: int) -> bool:
        """Whether this member is the owner or an administrator now."""
        try:
            member = await self._bot.get_chat_member(chat, person)
        except BadRequest:  # no such member
            return False
        return member.status in {ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR}

    async def channel(self, name: str, person: User, say: Courtesy) -> int:
        """The channel of that name or number, where this person and the bot may post; UsageError says what is amiss."""
        words = {"name": name, "bot": self._bot.username}
        try:
            address = self._sender.check(name)
        except UsageError:
            raise UsageError(say.channel_how) from None
        try:
            chat = await self._bot.get_chat(address)
            bot = await self._bot.get_chat_member(chat.id, self._bot.id)
        except (BadRequest, Forbidden):
            raise UsageError(say.channel_unknown.format(**words)) from None
        if chat.type != ChatType.CHANNEL:
            raise UsageError(say.channel_is_other.format(**words))
        if not _present(chat, bot):
            raise UsageError(say.channel_closed.format(**words))
        if not await self.is_administrator(chat.id, person.id):
            raise UsageError(say.channel_not_yours.format(**words))
        return chat.id


class _Seldom:
    """Says yes for each key once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._said: dict[int, float] = {}

    def __call__(self, key: int) -> bool:
        now = time.monotonic()
        self._said = {other: at for other, at in self._said.items() if at + self._seconds > now}
        if key in self._said:
            return False
        self._said[key] = now
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    """A command as typed: /name@bot rest."""

    name: str
    rest: str
    addressed: bool

    @property
    def text(self) -> str:
        return f"{self.name} {self.rest}".strip()


def _written(update: Update, bot: Bot) -> tuple[Message, _Command | None]:
    """The message, and the command that it begins with unless that is for another bot."""
    message = update.effective_message
    assert message is not None
    found = re.match(r"/(\w+)(?:@(\w+))?\s*", message.text or "")
    if found is None or (found[2] and found[2].lower() != bot.username.lower()):
        return message, None
    rest = " ".join((message.text or "")[found.end() :].split())
    return message, _Command(name=found[1].lower(), rest=rest, addressed=bool(found[2]))


def _asked_at(update: Update) -> Spot | None:
    """Where the command was typed or the button pressed, if that is what it is."""
    query, message = update.callback_query, update.effective_message
    if query is not None:
        return _spot(query.message, query.from_user) if query.message else None
    return _spot(message) if message is not None and message.text else None


def _spot(where: Any, person: User | None = None) -> Spot:
    """Where a message (also one too old to be read) or an event is, and who speaks there."""
    speaker = person or getattr(where, "from_user", None)
    topic = where.message_thread_id if getattr(where, "is_topic_message", False) else None
    return Spot(chat=where.chat.id, address=str(where.chat.id), topic=topic, language=_language(speaker))


def _language(person: User | None) -> Language:
    code = (person.language_code or "" if person else "").lower().partition("-")[0]
    return Language(code) if code in {language.value for language in Language} else Language.ENGLISH


def _present(chat: Any, member: ChatMember) -> bool:
    """Whether the bot, as that member, may write there: in a channel only an administrator may."""
    if chat.type == ChatType.CHANNEL:
        return isinstance(member, ChatMemberAdministrator) and bool(member.can_post_messages)
    if isinstance(member, ChatMemberRestricted):
        return member.is_member and member.can_send_messages
    return member.status not in {ChatMemberStatus.LEFT, ChatMemberStatus.BANNED}


def _absence(event: ChatMemberUpdated) -> str:
    """Why the bot is gone, in Telegram's words."""
    if event.chat.type == ChatType.PRIVATE:
        return "bot was blocked by the user"
    kind = event.chat.type.removeprefix("ChatType.")
    out = event.new_chat_member.status in {ChatMemberStatus.LEFT, ChatMemberStatus.BANNED}
    return f"bot was removed from the {kind}" if out else f"bot may not write in the {kind}"
