"""Slack, the side that hears people: commands, buttons, the form of the settings, the app's home, comings and goings.

What arrives, on a WebSocket (Socket Mode) or at the public address, is acknowledged at once and answered afterwards:
Slack waits three seconds. The library sorts what arrives; what is answered is the clerk's business.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.channels import ChatHandler
from bot.channels.keyed_queue import Crowded, KeyedQueue
from bot.channels.slack.handlers import COMMAND, Body, Errand, EventHandlers
from bot.channels.slack.oauth import INSTALL_PATH, REDIRECT_PATH, OAuth
from bot.channels.slack.replies import Place, Replies, why
from bot.channels.slack.sender import SlackSender, library_log
from bot.channels.slack.socket_mode import Envelope, Socket
from bot.channels.slack.views import FORM, WHERE, conversation_of
from bot.domain.language import Language
from bot.domain.text import platforms
from bot.domain.text.rich_text import Span
from bot.errors import ConfigError, CountersignError

EVENTS_PATH, COMMANDS_PATH, ACTIONS_PATH = "/slack/events", "/slack/commands", "/slack/interactivity"
BUTTON = re.compile(r"ask:\d+:\d+")
ANYTHING = re.compile("")
MOST_AT_ONCE = 100  # answers at work
MOST_WAITING = 20  # questions of one conversation
SETTLED = 10.0  # seconds without a press in a picker before what it changed is told to the channel
GRACE = 5.0  # seconds for answers under way when the program ends

log = structlog.get_logger()
Fed = tuple[int, dict[str, str], bytes]


class SlackListener:
    """What people of a workspace ask and press, over the same address and tokens as `slack` sends with.

    With `app_token` it listens on a WebSocket. With `signing_secret` whoever serves the public address hands what Slack
    posts there to `feed`; with `oauth` workspaces install the app by themselves, and addresses are TEAM/CHANNEL. With
    `admins_only`, only administrators of the workspace may change what a channel is told. `first_wait` is how long it
    waits before it connects again, `settled` how long a picker must rest before its changes are told, in seconds.
    """

    def __init__(
        self,
        slack: SlackSender,
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
        self._app: AsyncApp | None = None
        self._only: AuthorizeResult | None = None
        self._voice = Replies(slack, self._team)
        self._queue = KeyedQueue(each=MOST_WAITING, most=MOST_AT_ONCE)
        self._seen: deque[str] = deque(maxlen=1_000)

    async def listen(self, clerk: ChatHandler) -> None:
        """Answer people until cancelled; a lost connection is made again by itself."""
        reception = self._reception(clerk)
        self._app = self._listening(reception)
        log.info("listening", channel=self._slack.name, by="Socket Mode" if self._app_token else "public address")
        try:
            if self._app_token:
                await self._socket(self._app).run()
            else:
                await self._introduce()
                await asyncio.Event().wait()
        finally:
            await self._queue.close(GRACE)
            reception.close()
            self._app = None

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
        if self._app is None:
            return _plainly(503, "Not listening yet")
        try:
            request = AsyncBoltRequest(body=body.decode(), query=query, headers={**lowered})
        except ValueError:
            return _plainly(400, "Not understood")
        return _fed(await self._app.async_dispatch(request))

    # How it arrives

    def _socket(self, app: AsyncApp) -> Socket:
        async def heard(envelope: Envelope) -> Mapping[str, Any] | None:
            """What Slack is told besides that it was heard."""
            request = AsyncBoltRequest(mode="socket_mode", body=dict(envelope.get("payload") or {}))
            answer = await app.async_dispatch(request)
            if answer.status != 200 or not answer.body:
                return None
            return dict(json.loads(answer.body)) if answer.body.startswith("{") else {"text": answer.body}

        proxy = self._slack.client.proxy
        return Socket(address=self._next_address, heard=heard, proxy=proxy, first_wait=self._first_wait)

    async def _introduce(self) -> None:
        """Ask who we are before anybody comes; if that fails, it is asked again with the first who does."""
        try:
            if self._oauth is None:
                await self._only_workspace()
        except Exception as error:  # noqa: BLE001 - an answer that is not Slack's breaks the SDK in any way
            log.warning("slack: the bot token could not be tried", problem=why(error))

    async def _next_address(self) -> str:
        """Where the next connection goes. Who we are is asked first, so that later no answer waits for it."""
        if self._oauth is None:
            await self._only_workspace()
        answer = await self._slack.client.apps_connections_open(app_token=str(self._app_token))
        return str(answer["url"])

    async def _install(self, route: str, query: str, headers: Mapping[str, str]) -> Fed:
        request = AsyncBoltRequest(body="", query=query, headers={**headers})
        try:
            if route == INSTALL_PATH:
                return _fed(await self._flow.handle_installation(request))
            return _fed(await self._flow.handle_callback(request))
        except Exception:
            log.exception("slack: not installed")
            return _plainly(502, platforms.FAILED(Language.ENGLISH))

    @cached_property
    def _flow(self) -> AsyncOAuthFlow:
        assert self._oauth is not None
        return self._oauth.flow(self._slack.client, library_log())

    def _reception(self, clerk: ChatHandler) -> EventHandlers:
        return EventHandlers(
            clerk,
            slack=self._slack,
            voice=self._voice,
            add=self._add,
            team=self._team,
            workspaces=self._oauth.workspaces if self._oauth is not None else None,
            admins_only=self._admins_only,
            settled=self._settled,
        )

    def _listening(self, reception: EventHandlers) -> AsyncApp:
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
            user_facing_authorize_error_message=" ".join(platforms.SLACK_REINSTALL(language) for language in Language),
            logger=library_log(),
        )
        app.command(COMMAND)(self._at_once(reception.commanded))
        app.action(BUTTON)(self._at_once(reception.pressed))
        for opens in (app.action(FORM), app.shortcut(FORM)):
            opens(self._at_once(reception.wants_form, lane="form"))
        app.action(WHERE)(self._at_once(reception.form_moved, lane="form"))
        app.view(FORM)(self._form_sent(reception))
        for name, errand in reception.events.items():
            app.event(name)(self._at_once(errand))
        for rest in (app.event, app.action, app.shortcut, app.view, app.command):
            rest(ANYTHING)(_acknowledged)  # Slack counts what nobody acknowledges as failed
        return app

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

    def _team(self) -> str:
        """Which workspace the only one is, as far as it is known yet."""
        return str(self._only.team_id or "") if self._only is not None else ""

    def _at_once(self, errand: Errand, *, lane: str = "") -> Callable[..., Awaitable[None]]:
        """Acknowledge, then do the errand: in order for each conversation, or for each person in another `lane`."""

        async def heard(ack: Callable[[], Awaitable[object]], body: dict[str, Any], context: Any) -> None:
            await ack()
            place = self._place(body, context)
            if not self._is_repeated(body):
                await self._add((lane, place.user) if lane else place.address, errand, place, body)

        return heard

    def _form_sent(self, reception: EventHandlers) -> Callable[..., Awaitable[None]]:
        """What is wrong with a form is said in it, as the acknowledgement; what is right is an errand."""

        async def heard(ack: Callable[..., Awaitable[object]], body: dict[str, Any], context: Any) -> None:
            place = self._place(body, context)
            if problems := await reception.problems(place, body["view"]):
                await ack(response_action="errors", errors=problems)
                return
            await ack()
            urls = [answer["response_url"] for answer in body.get("response_urls") or ()]
            place = replace(place, channel=conversation_of(body["view"]), url=urls[0] if urls else "")
            await self._add(place.address, reception.submitted, place, body)

        return heard

    async def _add(self, key: object, errand: Errand, place: Place, body: Body) -> None:
        try:
            await self._queue.add(key, lambda: self._guarded(errand, place, body))
        except Crowded:
            log.warning("slack: one conversation asks too much at once; a question was dropped")

    async def _guarded(self, errand: Errand, place: Place, body: Body) -> None:
        """Do it; what fails is logged, and a person who asked for it is told in one line."""
        try:
            await errand(place, body)
        except Exception:
            log.exception("slack: not answered")
            if place.token and (place.is_own or body.get("type") != "event_callback"):
                person = await self._voice.person(place)
                await self._voice.tell(place, [(Span(platforms.FAILED(person.language)),)])

    def _is_repeated(self, body: Body) -> bool:
        """Whether Slack sends an event again because it thinks that it was not heard."""
        event = str(body.get("event_id") or "")
        if event in self._seen:
            return True
        if event:
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
            pressed=body.get("type") == "block_actions",
            is_own=event.get("channel_type") == "im",
        )


async def _acknowledged(ack: Callable[[], Awaitable[object]]) -> None:
    await ack()


def _is_signed(verifier: SignatureVerifier, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        return verifier.is_valid_request(body, dict(headers))
    except (ValueError, TypeError):  # a time that is no number, a signature or a body that is no text
        return False


def _plainly(status: int, text: str) -> Fed:
    return status, {"content-type": "text/plain; charset=utf-8"}, text.encode()


def _fed(answer: BoltResponse) -> Fed:
    return answer.status, dict(answer.first_headers()), answer.body.encode()
