"""Slack, the side that hears people: commands, buttons, the form of the settings, the app's home, comings and goings.

What arrives, on a WebSocket (Socket Mode) or at the public address, is acknowledged at once and answered afterwards:
Slack waits three seconds. The library sorts what arrives; what is answered is the clerk's business.
"""

import asyncio
import json
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from html import unescape
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.channels import Clerk
from bot.channels.lanes import Crowded, Lanes
from bot.channels.slack import Slack
from bot.channels.slack_form import FORM, WHERE, Form, filled, home, language_of, settings_button
from bot.channels.slack_install import INSTALL_PATH, REDIRECT_PATH, OAuth
from bot.channels.slack_socket import Envelope, Socket
from bot.channels.slack_talk import Person, Place, Voice, buttons
from bot.domain import answers, courtesy
from bot.domain.dialogue import Asked, Reply
from bot.domain.digest import Line, Span
from bot.domain.grammar import verb
from bot.domain.subscription import Language
from bot.errors import ConfigError, CountersignError

COMMAND = "/countersign"
EVENTS_PATH, COMMANDS_PATH, ACTIONS_PATH = "/slack/events", "/slack/commands", "/slack/interactivity"
READS = frozenset({"help", "hello", "status", "list", "recent", "agency"})  # commands that change nothing
FORM_WORDS = frozenset({FORM, "ajustes", "configuracion", "configuración"})
BUTTON = re.compile(r"ask:\d+:\d+")
ANYTHING = re.compile("")
MOST_AT_ONCE = 100  # answers at work
MOST_WAITING = 20  # questions of one conversation
SETTLED = 10.0  # seconds without a press in a picker before what it changed is told to the channel
GRACE = 5.0  # seconds for answers under way when the program ends

log = structlog.get_logger()
Body = Mapping[str, Any]
Errand = Callable[[Place, Body], Awaitable[None]]
Fed = tuple[int, dict[str, str], bytes]


class SlackChat:
    """What people of a workspace ask and press, over the same address and tokens as `slack` sends with.

    With `app_token` it listens on a WebSocket. With `signing_secret` whoever serves the public address hands what Slack
    posts there to `feed`; with `oauth` workspaces install the app by themselves, and addresses are TEAM/CHANNEL. With
    `admins_only`, only administrators of the workspace may change what a channel is told. `first_wait` is how long it
    waits before it connects again, `settled` how long a picker must rest before its changes are told, in seconds.
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
            raise ConfigError(["To hear people, Slack needs SLACK_APP_TOKEN, or a public address and its secret"])
        self._slack = slack
        self._app_token = app_token
        self._verifier = SignatureVerifier(signing_secret) if signing_secret else None
        self._oauth = oauth
        self._admins_only = admins_only
        self._first_wait = first_wait
        self._settled = settled
        self._clerk: Clerk | None = None
        self._only: AuthorizeResult | None = None
        self._voice = Voice(slack, lambda: str(self._only.team_id or "") if self._only is not None else "")
        self._lanes = Lanes(each=MOST_WAITING, most=MOST_AT_ONCE)
        self._seen: deque[str] = deque(maxlen=1_000)
        self._picking: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def listen(self, clerk: Clerk) -> None:
        """Answer people until cancelled; a lost connection is made again by itself."""
        self._clerk = clerk
        try:
            if self._app_token:
                proxy = self._slack.client.proxy
                await Socket(
                    address=self._next_address, heard=self._heard, proxy=proxy, first_wait=self._first_wait
                ).run()
            else:
                await asyncio.Event().wait()
        finally:
            await self._lanes.close(GRACE)
            for task in self._picking.values():
                task.cancel()
            self._clerk = None

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
            request = AsyncBoltRequest(body=body.decode(), query=query, headers={**lowered})
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
        """One envelope of the WebSocket; what Slack is told besides that it was heard."""
        request = AsyncBoltRequest(mode="socket_mode", body=dict(envelope.get("payload") or {}))
        answer = await self._app.async_dispatch(request)
        if answer.status != 200 or not answer.body:
            return None
        found = json.loads(answer.body) if answer.body.startswith("{") else {"text": answer.body}
        return dict(found)

    async def _install(self, route: str, query: str, headers: Mapping[str, str]) -> Fed:
        request = AsyncBoltRequest(body="", query=query, headers={**headers})
        try:
            if route == INSTALL_PATH:
                return _fed(await self._flow.handle_installation(request))
            return _fed(await self._flow.handle_callback(request))
        except Exception:
            log.exception("slack: not installed")
            return _plainly(502, courtesy.COURTESY[Language.ENGLISH].failed)

    @cached_property
    def _flow(self) -> AsyncOAuthFlow:
        assert self._oauth is not None
        return self._oauth.flow(self._slack.client, _library_log())

    @cached_property
    def _app(self) -> AsyncApp:
        """The library's app. Whose token to use is decided here, so that it takes none from the environment."""

        async def authorize(team_id: str | None, enterprise_id: str | None) -> Any:  # the library knows of no None
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
        app.action(BUTTON)(self._at_once(self._pressed))
        for opens in (app.action(FORM), app.shortcut(FORM)):
            opens(self._at_once(self._wants_form, lane="form"))
        app.action(WHERE)(self._at_once(self._form_moved, lane="form"))
        app.view(FORM)(self._submitted)
        for name, errand in self._events.items():
            app.event(name)(self._at_once(errand))
        for rest in (app.event, app.action, app.shortcut, app.view, app.command):
            rest(ANYTHING)(_acknowledged)  # Slack counts what nobody acknowledges as failed
        return app

    @property
    def _events(self) -> Mapping[str, Errand]:
        """What each event that the manifest subscribes to is for."""
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
        """The token for a request from this workspace; None when the app is not installed there."""
        if self._oauth is None:
            return await self._only_workspace()
        try:
            found = await self._oauth.workspaces.find(team)
        except CountersignError:
            log.exception("slack: a workspace could not be looked up")
            return None
        if found is None:
            log.warning("slack: asked from a workspace where the app is not installed")
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
            if not self._is_repeated(body):
                await self._add((lane, place.user) if lane else place.address, errand, place, body)

        return heard

    async def _add(self, key: object, errand: Errand, place: Place, body: Body) -> None:
        try:
            await self._lanes.add(key, lambda: self._guarded(errand, place, body))
        except Crowded:
            log.warning("slack: one conversation asks too much at once; a question was dropped")

    async def _guarded(self, errand: Errand, place: Place, body: Body) -> None:
        """Do it; what fails is logged, and the person is told in one line."""
        try:
            await errand(place, body)
        except Exception:
            log.exception("slack: not answered")
            if place.token and place.user and place.user != place.bot:
                person = await self._voice.person(place)
                await self._voice.tell(place, [(Span(courtesy.COURTESY[person.language].failed),)])

    def _is_repeated(self, body: Body) -> bool:
        """Whether Slack sends an event again because it thinks that it was not heard."""
        event = str(body.get("event_id") or "")
        if event and event in self._seen:
            return True
        self._seen.append(event)
        return False

    def _place(self, body: Body, context: Any) -> Place:
        """Where it happened. An event names its channel in several ways."""
        event = body.get("event") or {}
        channel = event.get("channel") or context.channel_id or ""
        return Place(
            team=str(context.team_id or "") if self._oauth is not None else "",
            channel=str(channel["id"] if isinstance(channel, Mapping) else channel),
            user=str(context.user_id or ""),
            bot=str(context.bot_user_id or ""),
            token=str(context.bot_token or ""),
            url=str(body.get("response_url") or ""),
            is_own=event.get("channel_type") == "im" or event.get("type") == "app_home_opened",
        )

    @property
    def _present(self) -> Clerk:
        assert self._clerk is not None, "nobody listens any more"
        return self._clerk

    # What people ask

    async def _commanded(self, place: Place, body: Body) -> None:
        await self._asked(place, _typed(str(body.get("text") or "")), str(body.get("trigger_id") or ""))

    async def _pressed(self, place: Place, body: Body) -> None:
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
            await self._voice.tell(place, [(Span(courtesy.SLACK_OPEN(language)),)], [[settings_button(language)]])

    async def _converse(self, place: Place, person: Person, text: str) -> None:
        """Ask the clerk; tell the channel what was changed and by whom, and the person what was answered."""
        if refusal := self._refusal(person, text):
            await self._voice.tell(place, [(Span(refusal),)])
            return
        about = await self._voice.own_direct(place) if place.is_direct else place
        reply = await self._answer(about, person.language, text)
        lines = [*reply.lines]
        if about.channel != place.channel:
            lines.append((Span(courtesy.SLACK_DIRECT(person.language, bot=f"<@{place.bot}>")),))
        else:
            place = about
        if reply.changed and not about.is_direct and not await self._announced(about, person, reply):
            lines.append(_invitation(place, person))
        await self._voice.tell(place, lines, buttons(reply.buttons), in_place=reply.in_place)

    async def _answer(self, place: Place, language: Language, text: str) -> Reply:
        name, bot = self._slack.name, f"<@{place.bot}>"
        return await self._present.answer(
            Asked(channel=name, address=place.address, text=text, language=language, bot=bot)
        )

    def _refusal(self, person: Person, text: str) -> str:
        """Why this person may not have this done, empty when they may."""
        if not self._admins_only or person.is_admin or verb(text)[0] in READS:
            return ""
        phrase = courtesy.SLACK_UNSURE if person.is_admin is None else courtesy.SLACK_ADMINS_ONLY
        return phrase(person.language)

    # What the channel sees

    async def _announced(self, place: Place, person: Person, reply: Reply) -> bool:
        """Tell the channel what was changed and by whom; the presses in a picker together, when it rests."""
        if reply.in_place and reply.buttons:
            self._announce_later(place, person)
            return True
        return await self._announce(place, person, reply.lines if len(reply.lines) <= 2 else reply.lines[:1])

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
        found = await self._present.subscription(self._slack.name, place.address)
        language = found.language if found is not None else person.language
        said = answers.in_force(language, found.settings) if found else answers.said(language, "nothing_watched")
        who = courtesy.SLACK_CHANGED(language, who=f"<@{place.user}>")
        return await self._voice.announce(place, [(Span(who),), *(lines or [(Span(said),)])])

    # The form

    async def _wants_form(self, place: Place, body: Body) -> None:
        await self._open_form(place, str(body["trigger_id"]), "")

    async def _open_form(self, place: Place, trigger: str, conversation: str) -> None:
        """Open the form, filled with what is in force in a conversation; Slack allows three seconds for it."""
        person = await self._voice.person(place)
        if refusal := self._refusal(person, FORM):
            await self._voice.tell(place, [(Span(refusal),)])
            return
        form = await self._form(replace(place, channel=conversation), person)
        await self._slack.client.views_open(token=place.token, trigger_id=trigger, view=form.view())

    async def _form_moved(self, place: Place, body: Body) -> None:
        """Another conversation was chosen in the form: show what is in force there."""
        view, chosen = body["view"], str(body["actions"][0].get("selected_conversation") or "")
        if chosen:
            form = await self._form(replace(place, channel=chosen), await self._voice.person(place))
            await self._slack.client.views_update(
                token=place.token, view_id=view["id"], hash=view.get("hash"), view=form.view()
            )

    async def _form(self, place: Place, person: Person) -> Form:
        about = await self._voice.own_direct(place) if place.is_direct else place
        found = await self._present.subscription(self._slack.name, about.address) if about.channel else None
        return Form(language=person.language, zone=person.zone, conversation=about.channel, subscription=found)

    async def _submitted(self, ack: Callable[..., Awaitable[object]], body: dict[str, Any], context: Any) -> None:
        """What is wrong is said in the form at once; what is right is asked of the clerk as one command."""
        place, view = self._place(body, context), body["view"]
        form = filled(view, language_of(view))
        problems = dict(form.problems)
        if self._admins_only and not problems:
            refusal = self._refusal(await self._voice.person(place), form.command)
            problems = {WHERE: refusal} if refusal else {}
        if problems:
            await ack(response_action="errors", errors=problems)
            return
        await ack()
        urls = [answer["response_url"] for answer in body.get("response_urls") or ()]
        place = replace(place, channel=form.conversation, url=urls[0] if urls else "")

        async def ask(at: Place, _: Body) -> None:
            await self._converse(at, await self._voice.person(at), form.command)

        await self._add(place.address, ask, place, body)

    # The app's home

    async def _home_opened(self, place: Place, body: Body) -> None:
        if body["event"].get("tab") != "home":
            return
        person = await self._voice.person(place)
        every = await self._present.subscriptions(self._slack.name)
        here = [found for found in every if found.address.rpartition("/")[0] == place.team]
        view = home(here, own=place.channel, language=person.language)
        await self._slack.client.views_publish(token=place.token, user_id=place.user, view=view)

    # Comings and goings

    async def _joined(self, place: Place, body: Body) -> None:
        """The bot was added to a channel: it goes on there, and says hello in the language of who added it."""
        if body["event"].get("user") != place.bot:
            return
        await self._present.returned(self._slack.name, place.address)
        inviter = replace(place, user=str(body["event"].get("inviter") or ""))
        reply = await self._answer(place, (await self._voice.person(inviter)).language, "hello")
        await self._voice.announce(place, reply.lines, buttons(reply.buttons))

    async def _left(self, place: Place, body: Body) -> None:
        if body["event"].get("user") == place.bot:
            await self._present.gone(self._slack.name, place.address, courtesy.SLACK_REMOVED)

    def _gone(self, reason: str) -> Errand:
        async def gone(place: Place, _: Body) -> None:
            await self._present.gone(self._slack.name, place.address, reason)

        return gone

    async def _returned(self, place: Place, _: Body) -> None:
        await self._present.returned(self._slack.name, place.address)

    async def _moved(self, place: Place, body: Body) -> None:
        old, new = (str(body["event"][name]) for name in ("old_channel_id", "new_channel_id"))
        await self._present.moved(
            self._slack.name, replace(place, channel=old).address, replace(place, channel=new).address
        )

    async def _revoked(self, place: Place, body: Body) -> None:
        if (body["event"].get("tokens") or {}).get("bot"):
            await self._uninstalled(place, body)

    async def _uninstalled(self, place: Place, body: Body) -> None:
        """A workspace removed the app: its token and all of its chats are forgotten."""
        if self._oauth is not None:
            await self._oauth.workspaces.forget(place.team)
            await self._present.erased(self._slack.name, f"{place.team}/")
        elif self._only is None or self._only.team_id in {None, body.get("team_id")}:
            await self._present.erased(self._slack.name, "")
        log.info("slack: a workspace removed the app; what was held of it is erased")


async def _acknowledged(ack: Callable[[], Awaitable[object]]) -> None:
    await ack()


def _typed(text: str) -> str:
    """What a person typed, without Slack's escapes; nothing at all asks for help."""
    words = unescape(text).strip().removeprefix(COMMAND).strip()
    return words or "help"


def _invitation(place: Place, person: Person) -> Line:
    return (Span(courtesy.SLACK_INVITE(person.language, bot=f"<@{place.bot}>")),)


def _is_signed(verifier: SignatureVerifier, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        return verifier.is_valid_request(body, dict(headers))
    except (ValueError, TypeError):  # a time that is no number, a signature or a body that is no text
        return False


def _plainly(status: int, text: str) -> Fed:
    return status, {"content-type": "text/plain; charset=utf-8"}, text.encode()


def _fed(answer: BoltResponse) -> Fed:
    return answer.status, dict(answer.first_headers()), answer.body.encode()


# ── the library's log ────────────────────────────────────────────────────────────────────────────────────────────────


class _Discreet(logging.Filter):
    """Takes out of a line of the library what may be a token, and the traceback with whatever stands in it."""

    _TOKEN = re.compile(r"\bx(?:ox[a-z]|app)\S+")

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._TOKEN.sub("***", record.getMessage()), None
        record.exc_info = record.exc_text = None
        return True


def _library_log() -> logging.Logger:
    """Where the library logs: errors alone, since its warnings quote whole requests."""
    found = logging.getLogger(__name__)
    found.setLevel(logging.ERROR)
    if not found.filters:
        found.addFilter(_Discreet())
    return found
