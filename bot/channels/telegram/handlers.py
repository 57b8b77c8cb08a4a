"""Telegram's event handlers, and the checks that decide who can change settings."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
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

from bot.channels.protocols import ChatHandler
from bot.channels.telegram.address import check_address
from bot.channels.telegram.replies import ChatLocation, Replies, reason_of
from bot.channels.telegram.sender import TelegramSender
from bot.domain.chat.request import Reply, Request
from bot.domain.chat.words import is_command, verb
from bot.domain.geography.location import county_at
from bot.domain.language import Language
from bot.domain.text import platforms
from bot.domain.text.rich_text import Span
from bot.errors import UsageError

READING = frozenset(
    {"help", "about", "what", "status", "list", "recent", "agency"}
)  # commands that any member of a group may use
ANSWERED = READING | {
    "hello",
    "howto",
    "thanks",
    "place",
    "fewer",
    "suggest",
}  # these change nothing either, but have no entry
CHANGING = frozenset(
    {"start", "settings", "watch", "unwatch", "digest", "kinds", "pause", "resume", "language", "stop", "forget"}
)
EDITED_WITHIN = timedelta(hours=1)
LONGEST_ALERT = 200  # characters in an alert shown to the person who pressed a button

log = structlog.get_logger()

App = Application[Any, Any, Any, Any, Any, Any]


class _Forgetful(Application[Any, Any, Any, Any, Any, Any]):
    """The library's dispatcher, without its list of every chat and person that it has heard from.

    The library keeps the list for a persistence that we don't use, so the list would grow for as long as we run.
    """

    def _mark_for_persistence_update(self, **_: object) -> None:
        pass


class EventHandlers:
    """Passes requests from Telegram to the chat handler, after checking that the person has permission."""

    def __init__(
        self,
        sender: TelegramSender,
        chat_handler: ChatHandler,
        replies: Replies,
        *,
        names: frozenset[str],
        refuse_every: float,
    ) -> None:
        self._bot = sender.bot
        self._chat_handler = chat_handler
        self._permissions = _Permissions(sender)
        self._replies = replies
        self._names = READING | names
        self._may_refuse = _Throttle(refuse_every)

    def application(self) -> App:
        """Return the library's dispatcher with all handlers added."""
        app = Application.builder().application_class(_Forgetful).bot(self._bot).updater(None).job_queue(None).build()
        written = filters.UpdateType.MESSAGE
        edited = filters.UpdateType.EDITED & filters.TEXT
        private, group = filters.ChatType.PRIVATE & filters.TEXT, filters.ChatType.GROUPS & filters.COMMAND
        app.add_handlers(
            [
                MessageHandler(filters.StatusUpdate.MIGRATE, self._migrated),
                MessageHandler(written & private & filters.COMMAND, self._typed_in_private),
                MessageHandler(written & private & ~filters.COMMAND, self._said_in_private),
                MessageHandler(written & group, self._typed_in_group),
                MessageHandler(written & (filters.LOCATION | filters.VENUE), self._located),
                MessageHandler(filters.UpdateType.CHANNEL_POST & filters.COMMAND, self._posted),
                MessageHandler(edited | filters.CAPTION, self._not_sent_as_command),
                CallbackQueryHandler(self._pressed),
                ChatMemberHandler(self._membership, ChatMemberHandler.MY_CHAT_MEMBER),
            ]
        )
        app.add_error_handler(self._failed)
        return app

    # Handlers

    async def _typed_in_private(self, update: Update, _: object) -> None:
        message, command = _written(update, self._bot)
        if command is None:
            return
        location = _location(message)
        if command.name == "channel" and message.from_user:
            await self._for_channel(location, message.from_user, command.rest)
        else:
            await self._ask(location, command.text)

    async def _said_in_private(self, update: Update, _: object) -> None:
        message, _command = _written(update, self._bot)
        await self._ask(_location(message), message.text or "")

    async def _typed_in_group(self, update: Update, _: object) -> None:
        message, command = _written(update, self._bot)
        if command is None or message.is_automatic_forward or message.forward_origin:
            return
        if not await self._is_meant(command, _location(message)):
            return
        if command.verb in ANSWERED or await self._permissions.admits(message):
            await self._ask(_location(message), command.text)
        elif self._may_refuse(message.chat.id):
            location = _location(message)
            await self._say(location, platforms.ADMINISTRATORS_ONLY(await self._language(location)))

    async def _located(self, update: Update, _: object) -> None:
        """Watch the county of a shared place. Only the county's code goes on from here, never the place itself.

        In a group, people share places with one another, so an answer goes only to an administrator.
        """
        message, _command = _written(update, self._bot)
        shared = message.location or (message.venue.location if message.venue else None)
        if shared is None or message.forward_origin or message.is_automatic_forward:
            return
        if message.chat.type != ChatType.PRIVATE and not await self._permissions.admits(message):
            return
        found = county_at(shared.latitude, shared.longitude)
        codes = " ".join(county.fips for county in found.counties)
        await self._ask(_location(message), f"here {'in' if found.is_sure else 'near'} {codes}".strip())

    async def _posted(self, update: Update, _: object) -> None:
        """Handle a post in a channel. Permission isn't checked, because only administrators can post in a channel."""
        message, command = _written(update, self._bot)
        if command is None or message.forward_origin:
            return
        if await self._is_meant(command, _location(message)):
            await self._ask(_location(message), command.text)

    async def _not_sent_as_command(self, update: Update, _: object) -> None:
        """Explain how to send a command that was edited or is the caption of a picture or file.

        It isn't obeyed, because an edit may come long after the message, and with another change than to its text.
        """
        message, command = _written(update, self._bot)
        is_private = message.chat.type == ChatType.PRIVATE
        if command is None or message.forward_origin or message.is_automatic_forward:
            return
        if not await self._is_meant(command, _location(message)):
            return
        if _is_late(message) or not (is_private or self._may_refuse(message.chat.id)):
            return
        location = _location(message)
        text = platforms.SEND_AS_NEW(await self._language(location), command=f"/{command.text}")
        await self._say(location, text)

    async def _pressed(self, update: Update, _: object) -> None:
        query = update.callback_query
        assert query is not None
        if query.message is None or not query.data:
            await self._acknowledge(query)
            return
        location = _location(query.message, query.from_user)
        command = query.data
        if pointed := re.fullmatch(r":(\d+) (.+)", command, re.DOTALL):
            location, command = location.in_topic(int(pointed[1])), pointed[2]
        if query.message.chat.type == ChatType.CHANNEL:
            language = await self._language(location)
            await self._acknowledge(query, platforms.NO_BUTTONS_IN_CHANNELS(language, bot=self._bot.username))
        elif query.message.chat.type == ChatType.PRIVATE:
            await self._acknowledge(query)
            await self._pressed_in_private(location, query.from_user, command, query.message.message_id)
        elif await self._admitted(query, command, query.message.chat, location):
            await self._ask(location, command, over=query.message.message_id)

    async def _pressed_in_private(self, location: ChatLocation, person: User, command: str, over: int) -> None:
        if pointed := re.fullmatch(r"@(-\d+ .+)", command, re.DOTALL):
            await self._for_channel(location, person, pointed[1], over=over)
        else:
            await self._ask(location, command, over=over)

    async def _membership(self, update: Update, _: object) -> None:
        event = update.my_chat_member
        assert event is not None
        before, after = (_present(event.chat, member) for member in (event.old_chat_member, event.new_chat_member))
        location = _location(event, event.from_user)
        await self._reveal(location.name, location.chat)
        if before and not after:
            await self._chat_handler.gone("telegram", location.address, _absence(event))
        elif after and not before:
            await self._chat_handler.returned("telegram", location.address)
            if event.chat.type in {ChatType.GROUP, ChatType.SUPERGROUP}:
                await self._ask(location, "joined administrators")

    async def _migrated(self, update: Update, _: object) -> None:
        """Record a group's new number after the group becomes a supergroup.

        Both the old and the new chat report the migration. Handling it twice is harmless.
        """
        message = update.effective_message
        assert message is not None
        old = message.migrate_from_chat_id or message.chat.id
        new = message.migrate_to_chat_id or message.chat.id
        await self._chat_handler.moved("telegram", str(old), str(new))
        await self._chat_handler.returned("telegram", str(new))  # the old chat may already have reported the bot gone

    async def _failed(self, update: object, context: CallbackContext[Any, Any, Any, Any]) -> None:
        """Log an error and send a one-line apology to the chat."""
        error = context.error
        if isinstance(error, TelegramError | TimeoutError):
            log.warning("telegram: not answered", why=reason_of(error, self._bot))
        else:
            log.error("telegram: not answered", exc_info=error)
        if isinstance(update, Update) and (location := _asked_at(update)) is not None:
            await self._say(location, platforms.FAILED(await self._language(location)))

    # Shared by the handlers

    async def _is_meant(self, command: "_Command", location: ChatLocation) -> bool:
        """Return True if a command is for this bot. In a group or channel, other bots can see the same command."""
        if command.addressed or command.name in self._names or is_command(command.name):
            return True
        return command.name in await self._chat_handler.extra_commands("telegram", location.address)

    async def _ask(self, location: ChatLocation, text: str, *, over: int | None = None) -> None:
        """Pass a question to the chat handler and send the answer.

        `over` is the id of the message that contains the pressed button.
        """
        await self._reveal(location.name, location.chat)
        reply = await self._chat_handler.answer(
            Request(
                channel="telegram",
                address=location.address,
                text=text,
                language=location.language,
                bot=self._bot.username,
            )
        )
        if location.is_broadcast and reply.buttons and not reply.changed:
            hint = platforms.NO_BUTTONS_IN_CHANNELS(await self._language(location), bot=self._bot.username)
            reply = replace(reply, lines=(*reply.lines, (Span(hint),)))
        await self._replies.say(location, reply, over=over if reply.in_place else None)

    async def _reveal(self, name: str, number: int) -> None:
        """If a subscription is stored under the chat's @name, store it under the chat's number instead."""
        if name and await self._chat_handler.subscription("telegram", name) is not None:
            await self._chat_handler.moved("telegram", name, str(number))

    async def _for_channel(self, location: ChatLocation, person: User, rest: str, *, over: int | None = None) -> None:
        """Handle a command from a private chat that applies to a channel, such as `/channel @name watch TX`."""
        language = await self._language(location)
        name, _, text = rest.partition(" ")
        try:
            channel = await self._permissions.channel(name, person, language)
        except UsageError as refusal:
            await self._say(location, str(refusal))
        else:
            address = check_address(name)
            await self._reveal(address if address.startswith("@") else "", channel)
            await self._ask(replace(location, address=str(channel)), text.strip() or "status", over=over)

    async def _admitted(self, query: CallbackQuery, command: str, chat: Chat, location: ChatLocation) -> bool:
        """Acknowledge a button press. Return True if the person is allowed to press the button.

        If the person isn't allowed to, show a refusal that only this person can see.
        """
        reads = verb(command)[0] in ANSWERED
        try:
            admitted = reads or await self._permissions.is_administrator(chat.id, query.from_user.id)
        except TelegramError:
            await self._acknowledge(query)
            raise
        refusal = None if admitted else platforms.ADMINISTRATORS_ONLY(await self._language(location))
        await self._acknowledge(query, refusal)
        return admitted

    async def _acknowledge(self, query: CallbackQuery, alert: str | None = None) -> None:
        try:
            await query.answer(alert and alert[:LONGEST_ALERT], show_alert=alert is not None)
        except TelegramError as error:  # too old: pressed while the program wasn't listening
            log.debug("telegram: a button press was not acknowledged", why=reason_of(error, self._bot))

    async def _say(self, location: ChatLocation, sentence: str) -> None:
        await self._replies.say(location, Reply(lines=((Span(sentence),),)))

    async def _language(self, location: ChatLocation) -> Language:
        """Return the language set for the chat or, if none is set, the language that Telegram suggests."""
        with suppress(Exception):  # the message goes out even if the store can't be read
            chosen = await self._chat_handler.subscription("telegram", location.own_address)
            return chosen.language if chosen else location.language
        return location.language


class _Permissions:
    """Checks who can change settings. Each check asks Telegram, because a person may no longer be an administrator."""

    def __init__(self, sender: TelegramSender) -> None:
        self._bot = sender.bot

    async def admits(self, message: Message) -> bool:
        """Return True if the sender is an administrator of the group, including one who posts anonymously."""
        if message.sender_chat is not None:
            return message.sender_chat.id == message.chat.id
        if message.from_user is None:
            return False
        anonymous = message.from_user.id == ChatID.ANONYMOUS_ADMIN
        return anonymous or await self.is_administrator(message.chat.id, message.from_user.id)

    async def is_administrator(self, chat: int, person: int) -> bool:
        """Return True if this person is currently the owner or an administrator of the chat."""
        try:
            member = await self._bot.get_chat_member(chat, person)
        except BadRequest:  # no such member
            return False
        return member.status in {ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR}

    async def channel(self, name: str, person: User, language: Language) -> int:
        """Find a channel by name or number, and return its number.

        Raise UsageError if there is no such channel, if the person isn't one of its administrators or if the bot can't
        post there.
        """
        words = {"name": name, "bot": self._bot.username}
        try:
            address = check_address(name)
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


class _Throttle:
    """A limiter that returns True at most once per key in any period of `seconds`."""

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
    """A command in the form "/name@bot rest". `addressed` is True if the command includes the bot's name."""

    name: str
    rest: str
    addressed: bool

    @property
    def verb(self) -> str:
        """The command that the name stands for, such as watch for subscribe. It decides who may send it."""
        return verb(self.text)[0]

    @property
    def text(self) -> str:
        return f"{self.name} {self.rest}".strip()


def _written(update: Update, bot: Bot) -> tuple[Message, _Command | None]:
    """Return the message and its command. The command is None if there isn't one or if it is for another bot."""
    message = update.effective_message
    assert message is not None
    text = message.text or message.caption or ""
    found = re.match(r"/(\w+)(?:@(\w+))?\s*", text)
    if found is None or (found[2] and found[2].lower() != bot.username.lower()):
        return message, None
    rest = " ".join(text[found.end() :].split())
    return message, _Command(name=found[1].lower(), rest=rest, addressed=bool(found[2]))


def _is_late(message: Message) -> bool:
    """Return True if a message was edited long after it was sent.

    Telegram also reports changes that no one made to the text, such as a reaction.
    """
    return message.edit_date is not None and message.edit_date - message.date > EDITED_WITHIN


def _asked_at(update: Update) -> ChatLocation | None:
    """Return the location of a message or a button press, or None for any other update."""
    query, message = update.callback_query, update.effective_message
    if query is not None:
        return _location(query.message, query.from_user) if query.message else None
    return _location(message) if message is not None and (message.text or message.location) else None


def _location(where: Any, person: User | None = None) -> ChatLocation:
    """Return the location of a message or event, with the person's language.

    This works even if the message is too old to read.
    """
    speaker = person or getattr(where, "from_user", None)
    chat, topic = where.chat, where.message_thread_id if getattr(where, "is_topic_message", False) else None
    name = f"@{chat.username.lower()}" if chat.username and chat.type != ChatType.PRIVATE else ""
    location = ChatLocation(
        chat=chat.id,
        address=str(chat.id),
        name=name,
        language=_language(speaker),
        is_broadcast=chat.type == ChatType.CHANNEL,
    )
    return location.in_topic(topic)


def _language(person: User | None) -> Language:
    return Language.of_locale(person.language_code if person else None)


def _present(chat: Any, member: ChatMember) -> bool:
    """Return True if this membership allows the bot to post in the chat.

    In a channel, the bot must be an administrator.
    """
    if chat.type == ChatType.CHANNEL:
        return isinstance(member, ChatMemberAdministrator) and bool(member.can_post_messages)
    if isinstance(member, ChatMemberRestricted):
        return member.is_member and member.can_send_messages
    return member.status not in {ChatMemberStatus.LEFT, ChatMemberStatus.BANNED}


def _absence(event: ChatMemberUpdated) -> str:
    """Return the reason why the bot can no longer post, in Telegram's words."""
    if event.chat.type == ChatType.PRIVATE:
        return "bot was blocked by the user"
    kind = event.chat.type.removeprefix("ChatType.")
    out = event.new_chat_member.status in {ChatMemberStatus.LEFT, ChatMemberStatus.BANNED}
    return f"bot was removed from the {kind}" if out else f"bot may not write in the {kind}"
