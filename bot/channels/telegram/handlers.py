"""Who asks what on Telegram, and whether they may: each kind of update is a route to the clerk."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog
from telegram import (
    Bot,
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
from telegram.error import BadRequest, Forbidden, TelegramError
from telegram.ext import Application, CallbackContext, CallbackQueryHandler, ChatMemberHandler, MessageHandler, filters

from bot.channels import ChatHandler
from bot.channels.telegram.replies import Replies, Spot, reason_of
from bot.channels.telegram.sender import TelegramSender
from bot.domain.chat.request import Reply, Request
from bot.domain.language import Language
from bot.domain.text import platforms
from bot.domain.text.rich_text import Span
from bot.errors import UsageError

READING = frozenset({"help", "status", "list", "recent", "agency"})  # what any member of a group may ask
CHANGING = frozenset({"start", "watch", "unwatch", "digest", "kinds", "pause", "resume", "language", "stop", "forget"})
LONGEST_ALERT = 200  # characters of what is shown to who pressed a button

log = structlog.get_logger()

App = Application[Any, Any, Any, Any, Any, Any]


class EventHandlers:
    """The routes: what each kind of update asks, and whether who asks may."""

    def __init__(
        self,
        sender: TelegramSender,
        clerk: ChatHandler,
        voice: Replies,
        *,
        names: frozenset[str],
        refuse_every: float,
    ) -> None:
        self._bot = sender.bot
        self._clerk = clerk
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
            spot = _spot(message)
            await self._say(spot, platforms.ADMINISTRATORS_ONLY(await self._language(spot)))

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
            await self._say(spot, platforms.FAILED(await self._language(spot)))

    # What the routes have in common

    def _is_meant(self, command: "_Command") -> bool:
        """Whether it is for this bot where other bots hear it too."""
        return command.addressed or command.name in self._names

    async def _ask(self, spot: Spot, text: str, *, over: int | None = None) -> None:
        """Put it to the clerk, and say the answer; `over` is the message whose button was pressed."""
        reply = await self._clerk.answer(
            Request(
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
        language = await self._language(spot)
        name, _, text = rest.partition(" ")
        try:
            channel = await self._door.channel(name, person, language)
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
        await self._acknowledge(query, None if admitted else platforms.ADMINISTRATORS_ONLY(await self._language(spot)))
        return admitted

    async def _acknowledge(self, query: CallbackQuery, alert: str | None = None) -> None:
        try:
            await query.answer(alert and alert[:LONGEST_ALERT], show_alert=alert is not None)
        except TelegramError as error:  # pressed too long ago, while nobody listened
            log.debug("a press was not acknowledged", why=reason_of(error, self._bot))

    async def _say(self, spot: Spot, sentence: str) -> None:
        await self._voice.say(spot, Reply(lines=((Span(sentence),),)))

    async def _language(self, spot: Spot) -> Language:
        """Return the language that the chat has chosen, or the platform's guess."""
        with suppress(Exception):  # our own sentence goes out even if the store fails
            chosen = await self._clerk.subscription("telegram", str(spot.chat))
            return chosen.language if chosen else spot.language
        return spot.language


class _Door:
    """Who may change what. Asked anew each time: an administrator may not be one any more."""

    def __init__(self, sender: TelegramSender) -> None:
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

    async def channel(self, name: str, person: User, language: Language) -> int:
        """The channel of that name or number, where this person and the bot may post; UsageError says what is amiss."""
        words = {"name": name, "bot": self._bot.username}
        try:
            address = self._sender.check(name)
        except UsageError:
            raise UsageError(platforms.CHANNEL_HOW(language)) from None
        try:
            chat = await self._bot.get_chat(address)
            bot = await self._bot.get_chat_member(chat.id, self._bot.id)
        except (BadRequest, Forbidden):
            raise UsageError(platforms.CHANNEL_UNKNOWN(language, **words)) from None
        if chat.type != ChatType.CHANNEL:
            raise UsageError(platforms.CHANNEL_IS_OTHER(language, **words))
        if not _present(chat, bot):
            raise UsageError(platforms.CHANNEL_CLOSED(language, **words))
        if not await self.is_administrator(chat.id, person.id):
            raise UsageError(platforms.CHANNEL_NOT_YOURS(language, **words))
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
    return Language.of_locale(person.language_code if person else None)


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
