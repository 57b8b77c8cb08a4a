"""Slack's replies, the locations they are sent to and the people who receive them."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

import structlog
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.channels.slack.actions import action_blocks
from bot.channels.slack.sender import (
    FILES,
    SlackSender,
    answered,
    fits,
    library_log,
    rich_text,
    summary,
    with_workspace,
)
from bot.domain.chat.request import File
from bot.domain.language import Language
from bot.domain.text.rich_text import LONGEST_HREF, Line, Span, legible, plain_text
from bot.domain.time_zones import is_zone
from bot.errors import SendError

PROFILE_WAIT = 1.5  # seconds to wait for a person's language, zone and rank: a form must open within three
PATIENCE = 10.0  # seconds that an announcement waits for its turn
MOST_MESSAGES = 4  # messages per answer; a response address works only five times
LONGEST_SPAN = 2_000  # characters
MENTION = re.compile(r"<@([^<>@]+)>")
OUTSIDE = frozenset({"not_in_channel", "channel_not_found"})  # Slack's errors in channels where the bot isn't a member

log = structlog.get_logger()
Block = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLocation:
    """The place where an event happened, and the person who caused the event.

    `team` is empty if there is only one workspace. `url` is the response URL, or empty if Slack didn't provide one.
    `pressed` is True if the person pressed a button. In that case, the answer can replace the message that contains the
    button. `is_own` is True if the channel is known to be the person's direct messages with the bot. `thread` is the
    thread in which the person wrote or pressed a button, or empty.
    """

    team: str
    channel: str
    user: str
    bot: str
    token: str = field(repr=False)
    url: str = field(default="", repr=False)
    pressed: bool = False
    is_own: bool = False
    thread: str = ""

    @property
    def address(self) -> str:
        """The conversation's address, as used in subscriptions."""
        return with_workspace(self.team, self.channel)

    @property
    def is_direct(self) -> bool:
        """True for any direct messages, with the bot or between two people."""
        return self.channel.startswith("D")


@dataclass(frozen=True, slots=True)
class Person:
    """A person's profile in Slack, which is never stored. `is_admin` is None if the profile couldn't be read."""

    language: Language = Language.ENGLISH
    zone: str = ""
    is_admin: bool | None = None


@dataclass(frozen=True, slots=True)
class _Message:
    """One message as blocks, with a plain version of the text in case Slack refuses the blocks."""

    blocks: Sequence[Block]
    summary: str
    plain: str

    @property
    def forms(self) -> Iterator[dict[str, Any]]:
        """The versions of the message, in the order to try: first with blocks, then as plain text."""
        yield {"text": self.summary, "blocks": self.blocks}
        yield {"text": self.plain, "mrkdwn": False}


class Replies:
    """Posts messages to people and channels. `team` returns the id of the only workspace, or "" if it is unknown."""

    def __init__(self, slack: SlackSender, team: Callable[[], str]) -> None:
        self._slack = slack
        self._team = team

    async def person(self, location: ChatLocation) -> Person:
        """Look up a person's language, time zone and admin status.

        Return the defaults if Slack doesn't answer in time.
        """
        if not location.user:
            return Person()
        try:
            async with asyncio.timeout(PROFILE_WAIT):
                answer = await self._slack.client.users_info(
                    token=location.token, user=location.user, include_locale=True
                )
            user = dict(answer["user"])
        except Exception as error:  # noqa: BLE001 - a foreign answer breaks the SDK in unforeseen ways
            log.debug("slack: a person could not be looked up", problem=why(error))
            return Person()
        zone = str(user.get("tz") or "")
        language = Language.of_locale(str(user.get("locale") or ""))
        return Person(language, zone if is_zone(zone) else "", _is_admin(user, location.team or self._team()))

    async def own_direct(self, location: ChatLocation) -> ChatLocation:
        """Return the location of the person's direct messages with the bot.

        The bot can't post in direct messages between two people.
        """
        if location.is_own:
            return location
        try:
            answer = await self._slack.client.conversations_open(token=location.token, users=location.user)
            return replace(location, channel=str(answer["channel"]["id"]), is_own=True)
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("slack: direct messages could not be looked up", problem=why(error))
            return location

    async def announce(
        self, location: ChatLocation, lines: Sequence[Line], rows: Sequence[Sequence[Block]] = ()
    ) -> bool:
        """Post a message to the whole conversation. Return False if the bot isn't allowed to post there."""
        try:
            await self._slack.rate_limit_of(location.address).turn(location.address, urgent=True, patience=PATIENCE)
        except SendError as error:
            log.warning("slack: not announced", problem=str(error))
            return True
        refusal = ""
        for form in _messages(lines, rows, location)[0].forms:
            refusal = await self._post(replace(location, thread=""), form)
            if not refusal or refusal in OUTSIDE:
                return not refusal
        log.warning("slack: not announced", problem=refusal)
        return True

    async def tell(
        self,
        location: ChatLocation,
        lines: Sequence[Line],
        rows: Sequence[Sequence[Block]] = (),
        *,
        in_place: bool = False,
    ) -> None:
        """Send an answer that only this person can see.

        With `in_place`, replace the message that contains the button the person pressed. In direct messages with the
        bot, the answer is permanent. In other places, it disappears when the person reloads Slack.
        """
        for number, message in enumerate(_messages(lines, rows, location)):
            refusal = "no way to reach them"
            for way in self._ways(location, message, in_place=in_place and location.pressed and number == 0):
                refusal = await way
                if not refusal:
                    break
            if refusal:
                log.warning("slack: could not reply to a person", problem=refusal)
                return

    async def share(self, location: ChatLocation, file: File) -> bool:
        """Share a file in a person's direct messages with the bot. Return False if Slack doesn't accept it."""
        address = with_workspace(location.team, location.channel)
        try:
            await self._slack.rate_limit_of(address).turn(FILES, urgent=True, patience=PATIENCE)
            await self._slack.share(file.name, file.body, address, title=file.name, token=location.token)
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("slack: a file was not shared", problem=why(error))
            return False
        return True

    def _ways(self, location: ChatLocation, message: _Message, *, in_place: bool) -> Iterator[Awaitable[str]]:
        """Yield the possible ways to answer a person, best first.

        Each returns "" if it succeeds and Slack's error if it doesn't.
        """
        for form in message.forms:
            if location.url:
                yield self._respond(location, form, in_place=in_place)
            if location.is_own:
                yield self._post(location, form)
            elif location.channel:
                yield self._whisper(location, form)
        for form in message.forms:
            if location.user:
                yield self._post(replace(location, channel=location.user, thread=""), form)

    async def _respond(self, location: ChatLocation, form: dict[str, Any], *, in_place: bool) -> str:
        client = self._slack.client
        hook = AsyncWebhookClient(
            location.url, session=client.session, proxy=client.proxy, retry_handlers=[], logger=library_log()
        )
        kind = {"replace_original": True} if in_place else {
            "replace_original": False,
            "response_type": "in_channel" if location.is_own else "ephemeral",
        }  # fmt: skip
        try:
            answer = await hook.send_dict(form | kind | _in_thread(location))
        except Exception as error:  # noqa: BLE001 - as above
            return why(error)
        taken = answer.status_code == 200 and answer.body in {"", "ok"}
        return "" if taken else f"HTTP {answer.status_code}"

    async def _whisper(self, location: ChatLocation, form: dict[str, Any]) -> str:
        return await self._called(
            self._slack.client.chat_postEphemeral(
                token=location.token, channel=location.channel, user=location.user, **form, **_in_thread(location)
            )
        )

    async def _post(self, location: ChatLocation, form: dict[str, Any]) -> str:
        return await self._called(
            self._slack.client.chat_postMessage(
                token=location.token,
                channel=location.channel,
                unfurl_links=False,
                unfurl_media=False,
                **form,
                **_in_thread(location),
            )
        )

    async def _called(self, call: Awaitable[object]) -> str:
        try:
            await call
        except Exception as error:  # noqa: BLE001 - as above
            return why(error)
        return ""


def _in_thread(location: ChatLocation) -> dict[str, Any]:
    return {"thread_ts": location.thread} if location.thread else {}


def why(error: Exception) -> str:
    """Return Slack's error code or, if there is none, the error's type.

    The full error could reveal an address, a token or the text of a message.
    """
    return answered(error)[2] or type(error).__name__


def _is_admin(user: dict[str, Any], team: str) -> bool:
    """Return True if the person is an administrator of this workspace. Ignore roles in other workspaces."""
    teams = {str(user.get("team_id") or team), *(user.get("enterprise_user") or {}).get("teams", ())}
    belongs = not user.get("is_stranger") and (not team or team in teams)
    return belongs and bool(user.get("is_admin") or user.get("is_owner"))


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _messages(lines: Sequence[Line], rows: Sequence[Sequence[Block]], location: ChatLocation) -> list[_Message]:
    """Split lines into up to four messages. Put the buttons under the last one, and omit any text that doesn't fit."""
    parts = _parts([_legible(line) for line in lines] or [(Span(" "),)])
    if len(parts) > MOST_MESSAGES:
        parts = [*parts[: MOST_MESSAGES - 1], [*parts[MOST_MESSAGES - 1][:-1], (Span("…"),)]]
    actions = action_blocks(rows)
    return [
        _Message(
            blocks=[*_with_mentions(rich_text(part), location), *(actions if number == len(parts) else ())],
            summary=_naming(summary(part), location),
            plain=_naming(escape(plain_text(part), quote=False), location),
        )
        for number, part in enumerate(parts, start=1)
    ]


def _parts(lines: Sequence[Line]) -> list[list[Line]]:
    parts: list[list[Line]] = [[]]
    for line in lines:
        if parts[-1] and not fits([*parts[-1], line]):
            parts.append([])
        parts[-1].append(line)
    return parts


def _legible(line: Line) -> Line:
    """Remove characters that hide or reverse text. Cut the line if it doesn't fit in one message."""
    spans = [replace(span, text=legible(span.text)[:LONGEST_SPAN], href=_short(span.href)) for span in line]
    spans = [span for span in spans if span.text] or [Span(" ")]
    while len(spans) > 1 and not fits([tuple(spans)]):
        spans.pop()
    return tuple(spans)


def _short(href: str | None) -> str | None:
    return href if href is not None and len(href) <= LONGEST_HREF else None


def _naming(text: str, location: ChatLocation) -> str:
    """Restore the mentions of the bot and the person who asked, because escaping the text disabled them."""
    for name in (location.bot, location.user):
        text = text.replace(f"&lt;@{name}&gt;", f"<@{name}>")
    return text


def _with_mentions(blocks: Sequence[Block], location: ChatLocation) -> list[Block]:
    """Turn the ids of the bot and of the person who asked into mentions.

    All other ids stay as text, because the text may come from an untrusted source.
    """
    names = {name for name in (location.bot, location.user) if name}
    [text] = blocks
    [section] = text["elements"]
    elements = [piece for element in section["elements"] for piece in _split(element, names)]
    return [text | {"elements": [section | {"elements": elements}]}]


def _split(element: Block, names: AbstractSet[str]) -> Iterator[Block]:
    if element["type"] != "text":
        yield element
        return
    at = 0
    for found in MENTION.finditer(element["text"]):
        if found[1] not in names:
            continue
        if found.start() > at:
            yield element | {"text": element["text"][at : found.start()]}
        yield {"type": "user", "user_id": found[1]}
        at = found.end()
    if at < len(element["text"]):
        yield element | {"text": element["text"][at:]}
