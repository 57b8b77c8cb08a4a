"""Slack's event handlers.

They handle commands, buttons, the settings form, the app's Home tab, and the bot being added or removed.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from typing import Any

import structlog

from bot.channels.protocols import ChatHandler
from bot.channels.slack.actions import FORM, buttons
from bot.channels.slack.command import COMMAND
from bot.channels.slack.oauth import Workspaces
from bot.channels.slack.replies import ChatLocation, Person, Replies
from bot.channels.slack.sender import SlackSender
from bot.channels.slack.views import WHERE, Form, filled, home, language_of, settings_button
from bot.domain.chat import replies
from bot.domain.chat.operator import VERBS as OPERATOR_VERBS
from bot.domain.chat.request import File, Reply, Request
from bot.domain.chat.settings_words import confirmed
from bot.domain.chat.words import is_command, verb
from bot.domain.language import Language
from bot.domain.subscription import Filter, Settings
from bot.domain.text import platforms
from bot.domain.text.rich_text import Line, Span

READS = frozenset(
    {
        "help",
        "hello",
        "about",
        "what",
        "howto",
        "thanks",
        "place",
        "fewer",
        "suggest",
        "status",
        "list",
        "recent",
        "agency",
    }
)  # commands that change nothing

log = structlog.get_logger()
Body = Mapping[str, Any]
Handler = Callable[[ChatLocation, Body], Awaitable[None]]


class EventHandlers:
    """Handles events from Slack. The chat handler supplies the answers.

    `add` queues a handler after all other handlers for its conversation. `team` returns the id of the only workspace.
    `workspaces` contains the workspaces that have installed the app, or is None if there is only one. `picker_rest` is
    how long a picker must be idle before its changes are announced, in seconds. `sleep` is the function that waits.
    """

    def __init__(
        self,
        chat_handler: ChatHandler,
        *,
        slack: SlackSender,
        replies: Replies,
        add: Callable[[object, Handler, ChatLocation, Body], Awaitable[None]],
        team: Callable[[], str],
        workspaces: Workspaces | None,
        admins_only: bool,
        picker_rest: float,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._chat_handler = chat_handler
        self._slack = slack
        self._replies = replies
        self._add = add
        self._team = team
        self._workspaces = workspaces
        self._admins_only = admins_only
        self._picker_rest = picker_rest
        self._sleep = sleep
        self._picking: dict[tuple[str, str], asyncio.Task[None]] = {}

    def close(self) -> None:
        """Cancel all pending announcements."""
        for task in self._picking.values():
            task.cancel()

    @property
    def events(self) -> Mapping[str, Handler]:
        """The handlers of all events that the manifest subscribes to, by event name."""
        return {
            "message": self._written,
            "app_home_opened": self._home_opened,
            "member_joined_channel": self._joined,
            "member_left_channel": self._left,
            "channel_left": self._gone(platforms.SLACK_REMOVED),
            "group_left": self._gone(platforms.SLACK_REMOVED),
            "channel_archive": self._gone(platforms.SLACK_ARCHIVED),
            "group_archive": self._gone(platforms.SLACK_ARCHIVED),
            "channel_deleted": self._gone(platforms.SLACK_DELETED),
            "group_deleted": self._gone(platforms.SLACK_DELETED),
            "channel_unarchive": self._returned,
            "group_unarchive": self._returned,
            "channel_id_changed": self._moved,
            "app_uninstalled": self._uninstalled,
            "tokens_revoked": self._revoked,
        }

    # Questions and commands

    async def commanded(self, location: ChatLocation, body: Body) -> None:
        await self._asked(location, _typed(str(body.get("text") or "")), str(body.get("trigger_id") or ""))

    async def pressed(self, location: ChatLocation, body: Body) -> None:
        asked = str(body["actions"][0].get("value") or "")
        if asked:  # a link has none, and Slack reports a press on one too
            await self._asked(location, asked, str(body.get("trigger_id") or ""))

    async def _written(self, location: ChatLocation, body: Body) -> None:
        """Handle a direct message to the bot. The bot neither requests nor reads messages in channels.

        A command that was edited, or that came with a file, isn't obeyed, because an edit may concern something else.
        """
        event = body["event"]
        if event.get("channel_type") != "im":
            return
        kind, message, before = event.get("subtype"), event.get("message") or event, event.get("previous_message") or {}
        if message.get("bot_id") or (kind == "message_changed" and message.get("text") == before.get("text")):
            return
        text = _typed(str(message.get("text") or "").replace(f"<@{location.bot}>", ""))
        if kind in {None, "thread_broadcast"}:
            await self._asked(location, text, "")
        elif kind in {"message_changed", "file_share"} and is_command(text):
            person = await self._replies.person(location)
            await self._replies.tell(location, [(Span(platforms.SEND_AS_NEW(person.language, command=text)),)])

    async def _asked(self, location: ChatLocation, text: str, trigger: str) -> None:
        if verb(text)[0] != FORM:
            await self._converse(location, await self._replies.person(location), text)
        elif trigger:
            await self._open_form(location, trigger, location.channel)
        else:  # a message has no trigger, so it can't open a form
            language = (await self._replies.person(location)).language
            await self._replies.tell(location, [(Span(platforms.SLACK_OPEN(language)),)], [[settings_button(language)]])

    async def _converse(self, location: ChatLocation, person: Person, text: str) -> None:
        """Answer the person. If the settings of a channel changed, announce the change there."""
        if refusal := self._refusal(person, text):
            await self._replies.tell(location, [(Span(refusal),)])
            return
        about = await self._replies.own_direct(location) if location.is_direct else location
        reply = await self._answer(about, person.language, text)
        lines = [*reply.lines]
        if about.channel != location.channel:
            lines.append((Span(platforms.SLACK_DIRECT(person.language, bot=f"<@{location.bot}>")),))
        else:
            location = about
        if reply.changed and not about.is_direct and not await self._announced(about, person, text, reply):
            lines.append(_invitation(location, person))
        if reply.file is not None:
            lines.append((Span(await self._shared(location, person, reply.file)),))
        await self._replies.tell(location, lines, buttons(reply.buttons), in_place=reply.in_place)

    async def _shared(self, location: ChatLocation, person: Person, file: File) -> str:
        """Share a file with the person alone, because Slack can't show a file to one person in a channel."""
        own = await self._replies.own_direct(location)
        is_shared = own.is_own and await self._replies.share(own, file)
        return (platforms.SLACK_FILE_SENT if is_shared else platforms.SLACK_FILE_REFUSED)(person.language)

    async def _answer(self, location: ChatLocation, language: Language, text: str) -> Reply:
        name, bot = self._slack.name, f"<@{location.bot}>"
        address = await self._settings_address(location)
        asked = Request(channel=name, address=address, text=text, language=language, bot=bot)
        reply = await self._chat_handler.answer(asked)
        return replace(reply, lines=tuple(map(_as_typed_here, reply.lines)))

    async def _settings_address(self, location: ChatLocation) -> str:
        """Return the address that a conversation's settings are stored under.

        A channel that several workspaces share has the same id in each. It has one subscription, which belongs to the
        first workspace that subscribed the channel.
        """
        if not location.team or location.is_direct:
            return location.address
        every = await self._chat_handler.subscriptions(self._slack.name)
        here = [found.address for found in every if found.address.rpartition("/")[2] == location.channel]
        first = here[0] if here else location.address
        for other in {*here[1:], location.address} - {first}:
            await self._chat_handler.moved(self._slack.name, other, first)
        return first

    @property
    def _greeting(self) -> str:
        return "joined administrators" if self._admins_only else "joined"

    def _refusal(self, person: Person, text: str) -> str:
        """Return the reason why the person isn't allowed to run this command, or "" if the command is allowed."""
        if not self._admins_only or person.is_admin or verb(text)[0] in READS:
            return ""
        phrase = platforms.SLACK_UNSURE if person.is_admin is None else platforms.SLACK_ADMINS_ONLY
        return phrase(person.language)

    # Announcements to the channel

    async def _announced(self, location: ChatLocation, person: Person, text: str, reply: Reply) -> bool:
        """Announce a change in the channel. Return False if the bot isn't allowed to post there.

        Changes made in a picker are announced together later.
        """
        if reply.in_place and reply.buttons:
            self._announce_later(location, person)
            return True
        return await self._announce(location, person, () if verb(text)[0] == "undo" else reply.lines[:1])

    def _announce_later(self, location: ChatLocation, person: Person) -> None:
        key = (location.address, location.user)
        if (earlier := self._picking.get(key)) is not None:
            earlier.cancel()
        self._picking[key] = asyncio.create_task(self._announce_at_rest(key, location, person))

    async def _announce_at_rest(self, key: tuple[str, str], location: ChatLocation, person: Person) -> None:
        await self._sleep(self._picker_rest)
        del self._picking[key]

        async def announce(at: ChatLocation, _: Body) -> None:
            if not await self._announce(at, person, ()):
                await self._replies.tell(at, [_invitation(at, person)])

        await self._add(location.address, announce, location, {})

    async def _announce(self, location: ChatLocation, person: Person, lines: Sequence[Line]) -> bool:
        """Announce in the channel that a person changed its settings. Return False if the bot can't post there.

        The message is in the channel's language. It contains `lines` or, if there are none, the current settings.
        """
        address = await self._settings_address(location)
        found = await self._chat_handler.subscription(self._slack.name, address)
        language = found.language if found is not None else person.language
        settings = found.settings if found is not None else Settings(filter=Filter())
        said = confirmed(language, settings, datetime.now(UTC))
        who = platforms.SLACK_CHANGED(language, who=f"<@{location.user}>")
        return await self._replies.announce(location, [(Span(who),), *(lines or [(Span(said),)])])

    # The settings form

    async def wants_form(self, location: ChatLocation, body: Body) -> None:
        await self._open_form(location, str(body["trigger_id"]), "")

    async def _open_form(self, location: ChatLocation, trigger: str, conversation: str) -> None:
        """Open the form with the conversation's settings filled in.

        Slack requires this within three seconds of the request.
        """
        person = await self._replies.person(location)
        if refusal := self._refusal(person, FORM):
            await self._replies.tell(location, [(Span(refusal),)])
            return
        form = await self._form(replace(location, channel=conversation), person)
        await self._slack.client.views_open(token=location.token, trigger_id=trigger, view=form.view())

    async def form_moved(self, location: ChatLocation, body: Body) -> None:
        """Update the form with the settings of the conversation that the person just selected."""
        view, chosen = body["view"], str(body["actions"][0].get("selected_conversation") or "")
        if chosen:
            form = await self._form(replace(location, channel=chosen), await self._replies.person(location))
            await self._slack.client.views_update(
                token=location.token, view_id=view["id"], hash=view.get("hash"), view=form.view()
            )

    async def _form(self, location: ChatLocation, person: Person) -> Form:
        about = await self._replies.own_direct(location) if location.is_direct else location
        address = await self._settings_address(about) if about.channel else ""
        found = await self._chat_handler.subscription(self._slack.name, address) if address else None
        return Form(
            language=person.language,
            zone=person.zone,
            conversation=about.channel,
            subscription=found,
            now=datetime.now(UTC),
        )

    async def problems(self, location: ChatLocation, view: Body) -> dict[str, str]:
        """Return the problems with a submitted form. Each key is the id of the block that shows the problem."""
        form = filled(view, language_of(view))
        if self._admins_only and not form.problems:
            refusal = self._refusal(await self._replies.person(location), form.command)
            return {WHERE: refusal} if refusal else {}
        return dict(form.problems)

    async def submitted(self, location: ChatLocation, body: Body) -> None:
        """Apply all settings from a submitted form as one command."""
        command = filled(body["view"], language_of(body["view"])).command
        await self._converse(location, await self._replies.person(location), command)

    # The app's home

    async def _home_opened(self, location: ChatLocation, body: Body) -> None:
        if body["event"].get("tab") != "home":
            return
        person = await self._replies.person(location)
        every = await self._chat_handler.subscriptions(self._slack.name)
        here = [found for found in every if found.address.rpartition("/")[0] == location.team]
        view = home(here, own=location.channel, language=person.language, now=datetime.now(UTC))
        await self._slack.client.views_publish(token=location.token, user_id=location.user, view=view)

    # The bot being added or removed

    async def _joined(self, location: ChatLocation, body: Body) -> None:
        """Resume alerts and post a greeting when the bot joins a channel.

        The greeting is in the language of the person who added the bot.
        """
        if body["event"].get("user") != location.bot:
            return
        await self._chat_handler.returned(self._slack.name, location.address)
        inviter = replace(location, user=str(body["event"].get("inviter") or ""))
        reply = await self._answer(location, (await self._replies.person(inviter)).language, self._greeting)
        await self._replies.announce(location, reply.lines, buttons(reply.buttons))

    async def _left(self, location: ChatLocation, body: Body) -> None:
        if body["event"].get("user") == location.bot:
            await self._chat_handler.gone(self._slack.name, location.address, platforms.SLACK_REMOVED)

    def _gone(self, reason: str) -> Handler:
        async def gone(location: ChatLocation, _: Body) -> None:
            await self._chat_handler.gone(self._slack.name, location.address, reason)

        return gone

    async def _returned(self, location: ChatLocation, _: Body) -> None:
        await self._chat_handler.returned(self._slack.name, location.address)

    async def _moved(self, location: ChatLocation, body: Body) -> None:
        old, new = (str(body["event"][name]) for name in ("old_channel_id", "new_channel_id"))
        await self._chat_handler.moved(
            self._slack.name, replace(location, channel=old).address, replace(location, channel=new).address
        )

    async def _revoked(self, location: ChatLocation, body: Body) -> None:
        if (body["event"].get("tokens") or {}).get("bot"):
            await self._uninstalled(location, body)

    async def _uninstalled(self, location: ChatLocation, body: Body) -> None:
        """Erase everything stored about a workspace that removed the app: its token and its chats."""
        if self._workspaces is not None:
            await self._workspaces.forget(location.team)
            await self._chat_handler.erased(self._slack.name, f"{location.team}/")
        elif self._team() in {"", body.get("team_id")}:
            await self._chat_handler.erased(self._slack.name, "")
        log.info("slack: a workspace removed the app; everything stored about the workspace is being erased")


_VERBS = "|".join((*(name for name, _ in replies.menu(Language.ENGLISH)), *OPERATOR_VERBS))
_COMMANDS = re.compile(rf"(?<![\w/])/(?=(?:{_VERBS})\b)")


def _as_typed_here(line: Line) -> Line:
    """Rewrite the commands in a line in the form that Slack requires: "/watch" becomes "/countersign watch"."""
    return tuple(replace(span, text=_COMMANDS.sub(f"{COMMAND} ", span.text)) for span in line)


def _typed(text: str) -> str:
    """Return the text that a person typed, without Slack's escapes. Return "help" if the text is empty."""
    words = unescape(text).strip().removeprefix(COMMAND).strip()
    return words or "help"


def _invitation(location: ChatLocation, person: Person) -> Line:
    return (Span(platforms.SLACK_INVITE(person.language, bot=f"<@{location.bot}>")),)
