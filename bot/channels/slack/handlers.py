"""Slack, what is done about what arrives: commands, buttons, the form of the settings, the app's home, the rest."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from html import unescape
from typing import Any

import structlog

from bot.channels import ChatHandler
from bot.channels.slack.oauth import Workspaces
from bot.channels.slack.replies import Person, Place, Replies, buttons
from bot.channels.slack.sender import SlackSender
from bot.channels.slack.views import FORM, WHERE, Form, filled, home, language_of, settings_button
from bot.domain.chat import replies
from bot.domain.chat.parser import verb
from bot.domain.chat.request import Reply, Request
from bot.domain.language import Language
from bot.domain.text import platforms
from bot.domain.text.rich_text import Line, Span

COMMAND = "/countersign"
READS = frozenset({"help", "hello", "status", "list", "recent", "agency"})  # commands that change nothing
FORM_WORDS = frozenset({FORM, "ajustes", "configuracion", "configuración"})

log = structlog.get_logger()
Body = Mapping[str, Any]
Errand = Callable[[Place, Body], Awaitable[None]]


class EventHandlers:
    """Whoever comes is received here; what they are answered is the clerk's business.

    `add` does an errand after all else of its conversation. `team` says which workspace the only one is, and
    `workspaces` holds those that have installed the app, None when there is only one. `settled` is how long a picker
    must rest before the channel is told what it changed, in seconds.
    """

    def __init__(
        self,
        clerk: ChatHandler,
        *,
        slack: SlackSender,
        voice: Replies,
        add: Callable[[object, Errand, Place, Body], Awaitable[None]],
        team: Callable[[], str],
        workspaces: Workspaces | None,
        admins_only: bool,
        settled: float,
    ) -> None:
        self._clerk = clerk
        self._slack = slack
        self._voice = voice
        self._add = add
        self._team = team
        self._workspaces = workspaces
        self._admins_only = admins_only
        self._settled = settled
        self._picking: dict[tuple[str, str], asyncio.Task[None]] = {}

    def close(self) -> None:
        """Tell nobody anything any more."""
        for task in self._picking.values():
            task.cancel()

    @property
    def events(self) -> Mapping[str, Errand]:
        """What each event that the manifest subscribes to is for."""
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

    # What people ask

    async def commanded(self, place: Place, body: Body) -> None:
        await self._asked(place, _typed(str(body.get("text") or "")), str(body.get("trigger_id") or ""))

    async def pressed(self, place: Place, body: Body) -> None:
        await self._asked(place, str(body["actions"][0].get("value") or ""), str(body.get("trigger_id") or ""))

    async def _written(self, place: Place, body: Body) -> None:
        """A message to the bot itself; those in channels are neither asked for nor read."""
        event = body["event"]
        if event.get("channel_type") == "im" and not event.get("subtype") and not event.get("bot_id"):
            await self._asked(place, _typed(str(event.get("text") or "").replace(f"<@{place.bot}>", "")), "")

    async def _asked(self, place: Place, text: str, trigger: str) -> None:
        if verb(text)[0] not in FORM_WORDS:
            await self._converse(place, await self._voice.person(place), text)
        elif trigger:
            await self._open_form(place, trigger, place.channel)
        else:  # a message has nothing that would let a form be opened
            language = (await self._voice.person(place)).language
            await self._voice.tell(place, [(Span(platforms.SLACK_OPEN(language)),)], [[settings_button(language)]])

    async def _converse(self, place: Place, person: Person, text: str) -> None:
        """Ask the clerk; tell the channel what was changed and by whom, and the person what was answered."""
        if refusal := self._refusal(person, text):
            await self._voice.tell(place, [(Span(refusal),)])
            return
        about = await self._voice.own_direct(place) if place.is_direct else place
        reply = await self._answer(about, person.language, text)
        lines = [*reply.lines]
        if about.channel != place.channel:
            lines.append((Span(platforms.SLACK_DIRECT(person.language, bot=f"<@{place.bot}>")),))
        else:
            place = about
        if reply.changed and not about.is_direct and not await self._announced(about, person, text, reply):
            lines.append(_invitation(place, person))
        await self._voice.tell(place, lines, buttons(reply.buttons), in_place=reply.in_place)

    async def _answer(self, place: Place, language: Language, text: str) -> Reply:
        name, bot = self._slack.name, f"<@{place.bot}>"
        asked = Request(channel=name, address=place.address, text=text, language=language, bot=bot)
        reply = await self._clerk.answer(asked)
        return replace(reply, lines=tuple(map(_as_typed_here, reply.lines)))

    def _refusal(self, person: Person, text: str) -> str:
        """Why this person may not have this done, empty when they may."""
        if not self._admins_only or person.is_admin or verb(text)[0] in READS:
            return ""
        phrase = platforms.SLACK_UNSURE if person.is_admin is None else platforms.SLACK_ADMINS_ONLY
        return phrase(person.language)

    # What the channel sees

    async def _announced(self, place: Place, person: Person, text: str, reply: Reply) -> bool:
        """Tell the channel what was changed and by whom; the presses in a picker together, when it rests."""
        if reply.in_place and reply.buttons:
            self._announce_later(place, person)
            return True
        return await self._announce(place, person, () if verb(text)[0] == "undo" else reply.lines[:1])

    def _announce_later(self, place: Place, person: Person) -> None:
        key = (place.address, place.user)
        if (earlier := self._picking.get(key)) is not None:
            earlier.cancel()
        self._picking[key] = asyncio.create_task(self._announce_at_rest(key, place, person))

    async def _announce_at_rest(self, key: tuple[str, str], place: Place, person: Person) -> None:
        await asyncio.sleep(self._settled)
        del self._picking[key]

        async def announce(at: Place, _: Body) -> None:
            if not await self._announce(at, person, ()):
                await self._voice.tell(at, [_invitation(at, person)])

        await self._add(place.address, announce, place, {})

    async def _announce(self, place: Place, person: Person, lines: Sequence[Line]) -> bool:
        """Say it, or what is in force now when nothing is given to say, in the language of the channel."""
        found = await self._clerk.subscription(self._slack.name, place.address)
        language = found.language if found is not None else person.language
        said = replies.in_force(language, found.settings) if found else replies.said(language, "nothing_watched")
        who = platforms.SLACK_CHANGED(language, who=f"<@{place.user}>")
        return await self._voice.announce(place, [(Span(who),), *(lines or [(Span(said),)])])

    # The form

    async def wants_form(self, place: Place, body: Body) -> None:
        await self._open_form(place, str(body["trigger_id"]), "")

    async def _open_form(self, place: Place, trigger: str, conversation: str) -> None:
        """Open the form, filled with what is in force in a conversation; Slack allows three seconds for it."""
        person = await self._voice.person(place)
        if refusal := self._refusal(person, FORM):
            await self._voice.tell(place, [(Span(refusal),)])
            return
        form = await self._form(replace(place, channel=conversation), person)
        await self._slack.client.views_open(token=place.token, trigger_id=trigger, view=form.view())

    async def form_moved(self, place: Place, body: Body) -> None:
        """Another conversation was chosen in the form: show what is in force there."""
        view, chosen = body["view"], str(body["actions"][0].get("selected_conversation") or "")
        if chosen:
            form = await self._form(replace(place, channel=chosen), await self._voice.person(place))
            await self._slack.client.views_update(
                token=place.token, view_id=view["id"], hash=view.get("hash"), view=form.view()
            )

    async def _form(self, place: Place, person: Person) -> Form:
        about = await self._voice.own_direct(place) if place.is_direct else place
        found = await self._clerk.subscription(self._slack.name, about.address) if about.channel else None
        return Form(language=person.language, zone=person.zone, conversation=about.channel, subscription=found)

    async def problems(self, place: Place, view: Body) -> dict[str, str]:
        """What is wrong with a form that was sent, by the block to say it at."""
        form = filled(view, language_of(view))
        if self._admins_only and not form.problems:
            refusal = self._refusal(await self._voice.person(place), form.command)
            return {WHERE: refusal} if refusal else {}
        return dict(form.problems)

    async def submitted(self, place: Place, body: Body) -> None:
        """Ask the clerk for all that the form says, as one command."""
        command = filled(body["view"], language_of(body["view"])).command
        await self._converse(place, await self._voice.person(place), command)

    # The app's home

    async def _home_opened(self, place: Place, body: Body) -> None:
        if body["event"].get("tab") != "home":
            return
        person = await self._voice.person(place)
        every = await self._clerk.subscriptions(self._slack.name)
        here = [found for found in every if found.address.rpartition("/")[0] == place.team]
        view = home(here, own=place.channel, language=person.language)
        await self._slack.client.views_publish(token=place.token, user_id=place.user, view=view)

    # Comings and goings

    async def _joined(self, place: Place, body: Body) -> None:
        """The bot was added to a channel: it goes on there, and says hello in the language of who added it."""
        if body["event"].get("user") != place.bot:
            return
        await self._clerk.returned(self._slack.name, place.address)
        inviter = replace(place, user=str(body["event"].get("inviter") or ""))
        reply = await self._answer(place, (await self._voice.person(inviter)).language, "hello")
        await self._voice.announce(place, reply.lines, buttons(reply.buttons))

    async def _left(self, place: Place, body: Body) -> None:
        if body["event"].get("user") == place.bot:
            await self._clerk.gone(self._slack.name, place.address, platforms.SLACK_REMOVED)

    def _gone(self, reason: str) -> Errand:
        async def gone(place: Place, _: Body) -> None:
            await self._clerk.gone(self._slack.name, place.address, reason)

        return gone

    async def _returned(self, place: Place, _: Body) -> None:
        await self._clerk.returned(self._slack.name, place.address)

    async def _moved(self, place: Place, body: Body) -> None:
        old, new = (str(body["event"][name]) for name in ("old_channel_id", "new_channel_id"))
        await self._clerk.moved(
            self._slack.name, replace(place, channel=old).address, replace(place, channel=new).address
        )

    async def _revoked(self, place: Place, body: Body) -> None:
        if (body["event"].get("tokens") or {}).get("bot"):
            await self._uninstalled(place, body)

    async def _uninstalled(self, place: Place, body: Body) -> None:
        """A workspace removed the app: its token and all of its chats are forgotten."""
        if self._workspaces is not None:
            await self._workspaces.forget(place.team)
            await self._clerk.erased(self._slack.name, f"{place.team}/")
        elif self._team() in {"", body.get("team_id")}:
            await self._clerk.erased(self._slack.name, "")
        log.info("slack: a workspace removed the app; what was held of it is erased")


_VERBS = "|".join(name for name, _ in replies.menu(Language.ENGLISH))
_COMMANDS = re.compile(rf"(?<![\w/])/(?=(?:{_VERBS})\b)")


def _as_typed_here(line: Line) -> Line:
    """A line in which commands stand as they are typed in Slack, where all of them are one slash command's words."""
    return tuple(replace(span, text=_COMMANDS.sub(f"{COMMAND} ", span.text)) for span in line)


def _typed(text: str) -> str:
    """What a person typed, without Slack's escapes; nothing at all asks for help."""
    words = unescape(text).strip().removeprefix(COMMAND).strip()
    return words or "help"


def _invitation(place: Place, person: Person) -> Line:
    return (Span(platforms.SLACK_INVITE(person.language, bot=f"<@{place.bot}>")),)
