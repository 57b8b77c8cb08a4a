"""Slack, the side that hears people: commands, buttons, the form of the settings, the app's home, comings and goings.

What arrives, on a WebSocket (Socket Mode) or at the public address, is acknowledged at once and answered afterwards:
Slack waits three seconds. The library sorts what arrives; what is said is the clerk's.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_sdk.signature import SignatureVerifier

from bot.channels import Clerk
from bot.channels.lanes import Crowded, Lanes
from bot.channels.slack import Slack
from bot.channels.slack_form import FORM, WHERE, settings_button
from bot.channels.slack_install import INSTALL_PATH, REDIRECT_PATH, OAuth
from bot.channels.slack_socket import Envelope, Socket
from bot.domain import answers, courtesy
from bot.domain.dialogue import Asked, Reply
from bot.domain.digest import Line, Span
from bot.domain.grammar import is_zone, verb
from bot.domain.subscription import Language
from bot.errors import ConfigError, CountersignError, SendError

COMMAND = "/countersign"
EVENTS_PATH, COMMANDS_PATH, ACTIONS_PATH = "/slack/events", "/slack/commands", "/slack/interactivity"
READS = frozenset({"help", "hello", "status", "list", "recent", "agency"})  # commands that change nothing
FORM_WORDS = frozenset({FORM, "ajustes", "configuracion", "configuración"})
ASK = re.compile(r"ask:\d+:\d+")
GUESS_WAIT = 1.5  # seconds to wait for a person's language, zone and rank; a form has to be open in three
MOST_PAGES = 4  # messages of one answer; an address to answer at is good for five
MOST_AT_ONCE = 100  # answers at work
MOST_WAITING = 20  # questions of one conversation
SETTLED = 10.0  # seconds without a press in a picker before what it changed is told to the channel
GRACE = 5.0  # seconds for answers under way when the program ends
LONGEST_LABEL = 75  # characters on a button
MOST_IN_ROW = 25  # buttons

log = structlog.get_logger()
Fed = tuple[int, dict[str, str], bytes]
_SECRETS = re.compile(r"\bx(?:ox[a-z]|app)-[\w-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where something happened, and who did it.

    `team` is empty where there is only one workspace; `url` is the address to answer at, if Slack gave one; `pressed`
    is whether that address can replace the message with the button.
    """

    team: str
    channel: str
    user: str
    bot: str
    token: str = field(repr=False)
    url: str = field(default="", repr=False)
    pressed: bool = False

    @property
    def address(self) -> str:
        return f"{self.team}/{self.channel}" if self.team else self.channel

    @property
    def is_direct(self) -> bool:
        return self.channel.startswith("D")


@dataclass(frozen=True, slots=True)
class _Person:
    """What Slack says of a person: nothing of it is kept. `is_admin` is None when it did not say."""

    language: Language = Language.ENGLISH
    zone: str = ""
    is_admin: bool | None = None


Errand = Callable[[_Place, Mapping[str, Any]], Awaitable[None]]


class SlackChat:
    """What people of a workspace ask and press, over the same address and tokens as `slack` sends with.

    With `app_token` it listens on a WebSocket. With `signing_secret` whoever serves the public address hands what Slack
    posts to `feed`; with `oauth` workspaces install the app there by themselves, and their addresses are TEAM/CHANNEL.
    With `admins_only`, only administrators of the workspace may change what a channel is told.
    """

    def __init__(
        self,
        slack: Slack,
        *,
        app_token: str | None = None,
        signing_secret: str | None = None,
        oauth: OAuth | None = None,
        admins_only: bool = False,
        first_wait: float = 1.0,
        settled: float = SETTLED,
    ) -> None:
        if not app_token and not signing_secret:
            raise ConfigError(["To hear people, Slack needs SLACK_APP_TOKEN, or a public address and its secret."])
        self._slack = slack
        self._app_token = app_token
        self._verifier = SignatureVerifier(signing_secret) if signing_secret else None
        self._oauth = oauth
        self._admins_only = admins_only
        self._first_wait = first_wait
        self._settled = settled
        self._clerk: Clerk | None = None
        self._only: AuthorizeResult | None = None
        self._lanes = Lanes(each=MOST_WAITING, most=MOST_AT_ONCE)
        self._seen: deque[str] = deque(maxlen=1_000)
        self._picking: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def listen(self, clerk: Clerk) -> None:
        """Answer people until cancelled; a lost connection is made again by itself."""
        self._clerk = clerk
        try:
            if self._app_token:
                address = self._next_address
                proxy = self._slack.client.proxy
                await Socket(address=address, heard=self._heard, proxy=proxy, first_wait=self._first_wait).run()
            else:
                await asyncio.Event().wait()
        finally:
            self._clerk = None
            await self._lanes.close(GRACE)
            for task in self._picking.values():
                task.cancel()

    async def feed(self, path: str, headers: Mapping[str, str], body: bytes) -> Fed:
        """What Slack or a browser asked of the public address: status, headers and body of the answer.

        `path` goes on with `?` and the query where there is one. What Slack did not sign, or signed more than five
        minutes ago, is answered with 401.
        """
        route, _, query = path.partition("?")
        lowered = {name.lower(): value for name, value in headers.items()}
        if self._oauth is not None and route in {INSTALL_PATH, REDIRECT_PATH}:
            return await self._install(route, query, lowered)
        if self._verifier is None or route not in {EVENTS_PATH, COMMANDS_PATH, ACTIONS_PATH}:
            return _plainly(404, "Not found")
        if not _is_signed(self._verifier, lowered, body):
            return _plainly(401, "The signature is wrong or too old")
        if self._clerk is None:
            return _plainly(503, "Not listening yet")
        try:
            request = AsyncBoltRequest(body=body.decode(), query=query, headers=dict(lowered))
        except ValueError:
            return _plainly(400, "Not understood")
        return _fed(await self._app.async_dispatch(request))

    # How it arrives

    async def _next_address(self) -> str:
        """Where the next connection goes. Who we are is asked first, so that later no answer waits for it."""
        if self._oauth is None:
            await self._only_workspace()
        answer = await self._slack.client.apps_connections_open(app_token=str(self._app_token))
        return str(answer["url"])

    async def _heard(self, envelope: Envelope) -> Mapping[str, Any] | None:
        """One envelope of the WebSocket; what Slack is answered besides having been heard."""
        request = AsyncBoltRequest(mode="socket_mode", body=dict(envelope.get("payload") or {}))
        answer = await self._app.async_dispatch(request)
        if answer.status != 200 or not answer.body:
            return None
        found = json.loads(answer.body) if answer.body.startswith("{") else {"text": answer.body}
        return found if isinstance(found, dict) else None

    async def _install(self, route: str, query: str, headers: Mapping[str, str]) -> Fed:
        request = AsyncBoltRequest(body="", query=query, headers=dict(headers))
        try:
            if route == INSTALL_PATH:
                return _fed(await self._flow.handle_installation(request))
            return _fed(await self._flow.handle_callback(request))
        except Exception as error:  # noqa: BLE001 - an answer that is not Slack's breaks the SDK in any way
            log.error("slack: not installed", problem=_why(error))
            return _plainly(502, courtesy.COURTESY[Language.ENGLISH].failed)

    @cached_property
    def _flow(self) -> AsyncOAuthFlow:
        assert self._oauth is not None
        return self._oauth.flow(self._slack.client, _library_log())

    @cached_property
    def _app(self) -> AsyncApp:
        """The library's app. Whose request it is, is our business, so that it reads no token from the environment."""

        async def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult | None:
            return await self._authorized(team_id or "", enterprise_id)

        app = AsyncApp(
            name="countersign",
            client=self._slack.client,
            authorize=authorize,
            signing_secret="",
            request_verification_enabled=False,  # `feed` has done it
            ssl_check_enabled=False,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
            user_facing_authorize_error_message=" ".join(courtesy.SLACK_REINSTALL),
            logger=_library_log(),
        )
        app.command(COMMAND)(self._at_once(self._commanded))
        app.action(ASK)(self._at_once(self._pressed))
        app.action(FORM)(self._at_once(self._wants_form, lane="form"))
        app.action(WHERE)(self._at_once(self._form_moved, lane="form"))
        app.shortcut(FORM)(self._at_once(self._wants_form, lane="form"))
        app.view(FORM)(self._submitted)
        for name, errand in self._events.items():
            app.event(name)(self._at_once(errand))
        for rest in (app.event, app.action, app.shortcut, app.view, app.command):
            rest(re.compile(""))(self._at_once(_nothing))  # Slack counts what nobody acknowledges as failed
        return app

    @property
    def _events(self) -> Mapping[str, Errand]:
        return {
            "message": self._written,
            "app_home_opened": self._home_opened,
            "member_joined_channel": self._joined,
            "member_left_channel": self._left,
            "channel_left": self._gone(courtesy.SLACK_REMOVED),
            "group_left": self._gone(courtesy.SLACK_REMOVED),
            "channel_archive": self._gone(courtesy.SLACK_ARCHIVED),
            "group_archive": self._gone(courtesy.SLACK_ARCHIVED),
            "channel_deleted": self._gone(courtesy.SLACK_DELETED),
            "group_deleted": self._gone(courtesy.SLACK_DELETED),
            "channel_unarchive": self._returned,
            "group_unarchive": self._returned,
            "channel_id_changed": self._moved,
            "app_uninstalled": self._uninstalled,
            "tokens_revoked": self._revoked,
        }

    async def _authorized(self, team: str, enterprise: str | None) -> AuthorizeResult | None:
        """The token to use for a request from this workspace; None when the app is not installed there."""
        if self._oauth is None:
            return await self._only_workspace()
        try:
            found = await self._oauth.workspaces.find(team)
        except CountersignError as error:
            log.error("slack: a workspace could not be looked up", problem=str(error))
            return None
        if found is None:
            log.warning("slack: asked by a workspace that has not installed the app", team=team)
            return None
        return AuthorizeResult(enterprise_id=enterprise, team_id=team, bot_user_id=found.bot, bot_token=found.token)

    async def _only_workspace(self) -> AuthorizeResult:
        if self._only is None:
            token = await self._slack.token_of("")
            answer = await self._slack.client.auth_test(token=token)
            self._only = AuthorizeResult(
                enterprise_id=answer.get("enterprise_id"),
                team_id=answer.get("team_id"),
                bot_user_id=answer.get("user_id"),
                bot_id=answer.get("bot_id"),
                bot_token=token,
            )
        return self._only

    def _at_once(self, errand: Errand, *, lane: str = "") -> Callable[..., Awaitable[None]]:
        """Acknowledge, then do the errand: in order for each conversation, or for each person in another `lane`."""

        async def heard(ack: Callable[[], Awaitable[object]], body: dict[str, Any], context: Any) -> None:
            await ack()
            place = self._place(body, context)
            key = (lane, place.user) if lane else (place.address or place.user)
            if not self._is_repeated(body):
                await self._add(key, errand, place, body)

        return heard

    async def _add(self, key: object, errand: Errand, place: _Place, body: Mapping[str, Any]) -> None:
        try:
            await self._lanes.add(key, lambda: self._guarded(errand, place, body))
        except Crowded:
            log.warning("slack: too many questions at once in one conversation; one was dropped")

    async def _guarded(self, errand: Errand, place: _Place, body: Mapping[str, Any]) -> None:
        """Do it; what fails is logged, and the person is told in one line that it did."""
        try:
            await errand(place, body)
        except Exception as error:  # noqa: BLE001 - the clerk, the store or Slack; the person is owed an answer
            log.error("slack: not answered", errand=errand.__name__, problem=_why(error))
            if place.token and place.user and place.user != place.bot:
                person = await self._person(place)
                await self._tell(place, [(Span(courtesy.COURTESY[person.language].failed),)])

    def _is_repeated(self, body: Mapping[str, Any]) -> bool:
        """Whether Slack sends an event again that it thinks we did not hear."""
        event = str(body.get("event_id") or "")
        if event in self._seen:
            return True
        if event:
            self._seen.append(event)
        return False

    def _place(self, body: Mapping[str, Any], context: Any) -> _Place:
        team = str(context.team_id or "") if self._oauth is not None else ""
        channel = _inner(body, "event", "channel") or context.channel_id or ""
        return _Place(
            team=team,
            channel=str(channel["id"] if isinstance(channel, Mapping) else channel),
            user=str(context.user_id or ""),
            bot=str(context.bot_user_id or ""),
            token=str(context.bot_token or ""),
            url=str(body.get("response_url") or ""),
            pressed=body.get("type") == "block_actions",
        )

    @property
    def _present(self) -> Clerk:
        assert self._clerk is not None, "nobody listens any more"
        return self._clerk

    # What people ask

    async def _commanded(self, place: _Place, body: Mapping[str, Any]) -> None:
        await self._asked(place, _typed(str(body.get("text") or "")), str(body.get("trigger_id") or ""))

    async def _pressed(self, place: _Place, body: Mapping[str, Any]) -> None:
        await self._asked(place, str(body["actions"][0].get("value") or ""), str(body.get("trigger_id") or ""))

    async def _written(self, place: _Place, body: Mapping[str, Any]) -> None:
        """A message to the bot itself. Those of channels are not asked for, and not read."""
        event = body["event"]
        if event.get("channel_type") != "im" or event.get("subtype") or event.get("bot_id"):
            return
        text = _typed(str(event.get("text") or "").replace(f"<@{place.bot}>", ""))
        if verb(text)[0] in FORM_WORDS:
            person = await self._person(place)
            await self._tell(
                place, [(Span(courtesy.SLACK_OPEN(person.language)),)], [[settings_button(person.language)]]
            )
        else:
            await self._asked(place, text, "")

    async def _asked(self, place: _Place, text: str, trigger: str) -> None:
        if trigger and verb(text)[0] in FORM_WORDS:
            await self._open_form(place, trigger)
            return
        person = await self._person(place)
        if refusal := self._refusal(person, text):
            await self._tell(place, [(Span(refusal),)])
            return
        await self._converse(place, person, text)

    async def _converse(self, place: _Place, person: _Person, text: str) -> None:
        """Ask the clerk; tell the channel what was changed and by whom, and the person what was answered."""
        about = await self._own_direct(place) if place.is_direct else place
        reply = await self._present.answer(
            Asked(
                channel=self._slack.name,
                address=about.address,
                text=text,
                language=person.language,
                bot=f"<@{place.bot}>",
            )
        )
        lines = [*reply.lines]
        if about.channel != place.channel:
            lines.append((Span(courtesy.SLACK_DIRECT(person.language, bot=f"<@{place.bot}>")),))
        if reply.changed and not about.is_direct and not await self._announced(about, person, reply):
            lines.append(_invitation(place, person))
        await self._tell(place, lines, _buttons(reply.buttons), in_place=reply.in_place and place.pressed)

    def _refusal(self, person: _Person, text: str) -> str:
        """Why this person may not have this done, empty when they may."""
        if not self._admins_only or person.is_admin or verb(text)[0] in READS:
            return ""
        phrase = courtesy.SLACK_UNSURE if person.is_admin is None else courtesy.SLACK_ADMINS_ONLY
        return phrase(person.language)

    async def _person(self, place: _Place) -> _Person:
        """Language, zone and rank, as far as Slack says so in time."""
        try:
            async with asyncio.timeout(GUESS_WAIT):
                answer = await self._slack.client.users_info(token=place.token, user=place.user, include_locale=True)
                user, only = dict(answer["user"]), self._only
        except Exception as error:  # noqa: BLE001 - an answer that is not Slack's breaks the SDK in any way
            log.debug("slack: a person could not be looked up", problem=_why(error))
            return _Person()
        team = place.team or str((only or {}).get("team_id") or "")
        zone = str(user.get("tz") or "")
        language = Language.SPANISH if str(user.get("locale") or "").startswith("es") else Language.ENGLISH
        return _Person(language, zone if is_zone(zone) else "", _is_admin(user, team))

    async def _own_direct(self, place: _Place) -> _Place:
        """The direct messages between this person and the bot: it cannot write into those between two people."""
        try:
            answer = await self._slack.client.conversations_open(token=place.token, users=place.user)
            return replace(place, channel=str(answer["channel"]["id"]))
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("slack: direct messages could not be looked up", problem=_why(error))
            return place

    # What the channel sees

    async def _announced(self, place: _Place, person: _Person, reply: Reply) -> bool:
        """Tell the channel what was changed and by whom; a picker's presses together, when they have settled."""
        if reply.in_place and reply.buttons:
            self._announce_later(place, person)
            return True
        lines = reply.lines if len(reply.lines) <= 2 else reply.lines[:1]
        return await self._announce(place, person, lines)

    def _announce_later(self, place: _Place, person: _Person) -> None:
        key = (place.address, place.user)
        if earlier := self._picking.pop(key, None):
            earlier.cancel()
        self._picking[key] = asyncio.create_task(self._announce_settled(key, place, person))

    async def _announce_settled(self, key: tuple[str, str], place: _Place, person: _Person) -> None:
        await asyncio.sleep(self._settled)
        del self._picking[key]
        await self._guarded(lambda at, _: self._announce_present(at, person), place, {})

    async def _announce_present(self, place: _Place, person: _Person) -> None:
        found = await self._present.subscription(self._slack.name, place.address)
        language = found.language if found is not None else person.language
        said = answers.in_force(language, found.settings) if found else answers.said(language, "nothing_watched")
        if not await self._announce(place, person, [(Span(said),)]):
            await self._tell(place, [_invitation(place, person)])

    async def _announce(self, place: _Place, person: _Person, lines: Sequence[Line]) -> bool:
        """Whether the channel was told: it is not where the bot has not been invited."""
        found = await self._present.subscription(self._slack.name, place.address)
        language = found.language if found is not None else person.language
        head = (Span(courtesy.SLACK_CHANGED(language, who=f"<@{place.user}>")),)
        try:
            await self._slack.pace_of(place.address).turn(place.address, urgent=True, patience=GRACE)
        except SendError:
            log.warning("slack: a change was not announced, since the channel has too much to hear already")
            return True
        return await self._post(place, _Message.of([head, *lines], place))

    # How the person is answered

    async def _tell(
        self,
        place: _Place,
        lines: Sequence[Line],
        rows: Sequence[Sequence[dict[str, Any]]] = (),
        *,
        in_place: bool = False,
    ) -> None:
        """Say it to the person alone; in direct messages it stays. The first way that Slack accepts is taken."""
        for number, message in enumerate(_messages(lines, rows, place)):
            ways = self._ways(place, message, in_place=in_place and not number)
            if not any([await way() for way in ways] if False else [True]):  # pragma: no cover
                break
