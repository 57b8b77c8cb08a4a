"""The listening side of the Slack channel. Requests arrive over a WebSocket (Socket Mode) or at the public address.

Slack waits only three seconds, so each request is acknowledged immediately and answered later. Slack's library routes
the requests to the event handlers.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import structlog
from aiohttp import ClientError
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.request.internals import parse_body
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.channels.keyed_queue import KeyedQueue, QueueFull
from bot.channels.once import Once
from bot.channels.protocols import ChatHandler, HttpAnswer, Notes, TrustedAnswer
from bot.channels.slack.actions import FORM
from bot.channels.slack.command import COMMAND
from bot.channels.slack.handlers import Body, EventHandlers, Handler
from bot.channels.slack.oauth import INSTALL_PATH, REDIRECT_PATH, OAuth
from bot.channels.slack.payload_shape import has_wrong_type
from bot.channels.slack.replies import ChatLocation, Replies, why
from bot.channels.slack.sender import SlackSender, library_log
from bot.channels.slack.socket_mode import Envelope, Socket
from bot.channels.slack.views import WHERE, conversation_of
from bot.domain.language import Language
from bot.domain.text import platforms
from bot.domain.text.rich_text import Span
from bot.errors import ConfigError, CountersignError

EVENTS_PATH, COMMANDS_PATH, ACTIONS_PATH = "/slack/events", "/slack/commands", "/slack/interactivity"
BUTTON = re.compile(r"ask:\d+:\d+")
ANYTHING = re.compile("")
TEAM_ID = re.compile(r"[A-Z0-9]{1,40}")
MOST_IN_QUEUE = 1_000  # requests
MOST_AT_ONCE = 16  # requests being answered; each may wait for Slack
MOST_WAITING = 20  # requests from one conversation
PICKER_REST = 10.0  # seconds without a press in a picker before the channel is told what changed
GRACE = 5.0  # seconds to finish answers in progress when the program stops

log = structlog.get_logger()


class SlackListener:
    """Listens for requests from Slack, using the client and the tokens of the sender `slack`.

    With `app_token`, it listens on a WebSocket. With `signing_secret`, Slack posts requests to the public address and
    `receive` answers them. With `oauth`, workspaces install the app themselves, and an address has the form
    TEAM/CHANNEL. `notes` keeps the requests that were handled, so that a request delivered again after a restart isn't
    handled twice. With `admins_only`, only administrators of the workspace can change settings.

    `first_wait` is the pause before the first reconnection. `picker_rest` is how long a picker must be idle before its
    changes are announced. Both times are in seconds.
    """

    def __init__(
        self,
        slack: SlackSender,
        *,
        app_token: str | None = None,
        signing_secret: str | None = None,
        oauth: OAuth | None = None,
        notes: Notes | None = None,
        admins_only: bool = False,
        first_wait: float = 1.0,
        picker_rest: float = PICKER_REST,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not app_token and not signing_secret:
            raise ConfigError(
                ["To answer people in Slack, set SLACK_APP_TOKEN, or COUNTERSIGN_PUBLIC_URL and SLACK_SIGNING_SECRET."]
            )
        self._slack = slack
        self._app_token = app_token
        self._verifier = SignatureVerifier(signing_secret) if signing_secret else None
        self._oauth = oauth
        self._admins_only = admins_only
        self._first_wait = first_wait
        self._picker_rest = picker_rest
        self._sleep = sleep
        self._app: AsyncApp | None = None
        self._only: AuthorizeResult | None = None
        self._replies = Replies(slack, self._team)
        self._queue = KeyedQueue(each=MOST_WAITING, most=MOST_IN_QUEUE, at_once=MOST_AT_ONCE)
        self._once = Once(slack.name, notes)

    async def listen(self, chat_handler: ChatHandler) -> None:
        """Answer people until canceled. Reconnect as needed."""
        handlers = self._make_handlers(chat_handler)
        self._app = self._make_app(handlers)
        log.info(
            "listening",
            channel=self._slack.name,
            by="Socket Mode" if self._app_token else "public address",
            in_words="People can write to the Slack app now.",
        )
        try:
            if self._app_token:
                await self._socket(self._app).run()
            else:
                await self._introduce()
                await asyncio.Event().wait()
        finally:
            await self._queue.close(GRACE)
            handlers.close()
            self._app = None

    async def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Return the response to a request from Slack or a browser.

        The status is 401 if the signature is wrong or more than five minutes old.
        """
        route, _, query = path.partition("?")
        lowered = {name.lower(): value for name, value in headers.items()}
        if self._oauth is not None and route in {INSTALL_PATH, REDIRECT_PATH}:
            return await self._install(route, query, lowered)
        if self._verifier is None or route not in {EVENTS_PATH, COMMANDS_PATH, ACTIONS_PATH}:
            return _text_answer(404, "Not found")
        if not _is_signed(self._verifier, lowered, body):
            return _text_answer(401, "The signature is wrong or too old")
        return TrustedAnswer(*await self._dispatched(query, lowered, body))

    async def _dispatched(self, query: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Return the app's answer to a signed request."""
        if self._app is None:
            return _text_answer(503, "Not listening yet")
        request = _understood(body, query, headers)
        if request is None:
            return _text_answer(400, "Not understood")
        try:
            return _bolt_answer(await self._app.async_dispatch(request))
        except Exception as error:  # noqa: BLE001 - the library's own handling of errors can fail, too
            return _bolt_answer(await _refuse_or_fail(error))

    # Connections and requests

    def _socket(self, app: AsyncApp) -> Socket:
        async def handle(envelope: Envelope) -> Mapping[str, Any] | None:
            """Return the payload for the acknowledgment, or None if there isn't one."""
            payload = envelope.get("payload") or {}
            if has_wrong_type(payload):
                log.warning("slack: a request made no sense", why="a field has a wrong type")
                return None
            body = {"envelope_id": envelope["envelope_id"], **payload}
            request = AsyncBoltRequest(mode="socket_mode", body=body)
            answer = await app.async_dispatch(request)
            if answer.status != 200 or not answer.body:
                return None
            return dict(json.loads(answer.body)) if answer.body.startswith("{") else {"text": answer.body}

        proxy = self._slack.client.proxy
        return Socket(address=self._next_address, handle=handle, proxy=proxy, first_wait=self._first_wait)

    async def _introduce(self) -> None:
        """Look up the bot's own identity before the first request arrives.

        If this fails, the first request tries again.
        """
        try:
            if self._oauth is None:
                await self._only_workspace()
        except Exception as error:  # noqa: BLE001 - a foreign answer breaks the SDK in unforeseen ways
            log.warning("slack: the bot token could not be checked", problem=why(error))

    async def _next_address(self) -> str:
        """Return the address of the next connection.

        Look up the bot's own identity first, so that no request has to wait for it.
        """
        if self._oauth is None:
            await self._only_workspace()
        answer = await self._slack.client.apps_connections_open(app_token=str(self._app_token))
        return str(answer["url"])

    async def _install(self, route: str, query: str, headers: Mapping[str, str]) -> HttpAnswer:
        """Start or finish an installation.

        Slack's library copies `team` into the address of a redirect as it is, so only a workspace's id may pass.
        """
        request = AsyncBoltRequest(body="", query=query, headers={**headers})
        if not all(TEAM_ID.fullmatch(team) for team in request.query.get("team", ())):
            return _text_answer(400, "The team isn't the id of a workspace, such as T024BE91L")
        try:
            if route == INSTALL_PATH:
                return _bolt_answer(await self._flow.handle_installation(request))
            return _bolt_answer(await self._flow.handle_callback(request))
        except (LookupError, TypeError, AttributeError, ValueError):  # a state, code or cookie that Slack never sends
            return _text_answer(400, "Not understood")
        except Exception:
            log.exception("slack: the installation failed")
            return _text_answer(502, platforms.FAILED(Language.ENGLISH))

    @cached_property
    def _flow(self) -> AsyncOAuthFlow:
        assert self._oauth is not None
        return self._oauth.flow(self._slack.client, library_log())

    def _make_handlers(self, chat_handler: ChatHandler) -> EventHandlers:
        return EventHandlers(
            chat_handler,
            slack=self._slack,
            replies=self._replies,
            add=self._add,
            team=self._team,
            workspaces=self._oauth.workspaces if self._oauth is not None else None,
            admins_only=self._admins_only,
            picker_rest=self._picker_rest,
            sleep=self._sleep,
        )

    def _make_app(self, handlers: EventHandlers) -> AsyncApp:
        """Create the app object of Slack's library.

        The app gets its tokens from `authorize`, so the library doesn't read a token from the environment.
        """

        async def authorize(team_id: str | None, enterprise_id: str | None) -> Any:  # the library's types omit None
            return await self._authorized(team_id or "", enterprise_id)

        app = AsyncApp(
            name="countersign",
            client=self._slack.client,
            authorize=authorize,
            signing_secret="",
            request_verification_enabled=False,  # `receive` has already verified it
            ssl_check_enabled=False,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
            user_facing_authorize_error_message=" ".join(platforms.SLACK_REINSTALL(language) for language in Language),
            logger=library_log(),
        )
        app.command(COMMAND)(self._queued(handlers.commanded))
        app.action(BUTTON)(self._queued(handlers.pressed))
        for opens in (app.action(FORM), app.shortcut(FORM)):
            opens(self._queued(handlers.wants_form, per_person=True))
        app.action(WHERE)(self._queued(handlers.form_moved, per_person=True))
        app.view(FORM)(self._form_sent(handlers))
        for name, handler in handlers.events.items():
            app.event(name)(self._queued(handler))
        for rest in (app.event, app.action, app.shortcut, app.view, app.command):
            rest(ANYTHING)(_acknowledge)  # Slack counts unacknowledged requests as failed
        app.error(_refuse_or_fail)
        return app

    async def _authorized(self, team: str, enterprise: str | None) -> AuthorizeResult | None:
        """Return the token for a request from this workspace, or None if the app isn't installed in the workspace."""
        if self._oauth is None:
            return await self._only_workspace()
        try:
            found = await self._oauth.workspaces.find(team)
        except CountersignError:
            log.exception("slack: a workspace could not be looked up")
            return None
        if found is None:
            log.warning("slack: a request came from a workspace where the app isn't installed")
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
        """Return the id of the only workspace, or "" if the id isn't known yet."""
        return str(self._only.team_id or "") if self._only is not None else ""

    def _queued(self, handler: Handler, *, per_person: bool = False) -> Callable[..., Awaitable[None]]:
        """Return a function that acknowledges a request and queues it.

        Each conversation has its own queue. With `per_person`, each person has their own queue instead.
        """

        async def acknowledge(ack: Callable[[], Awaitable[object]], body: dict[str, Any], context: Any) -> None:
            await ack()
            location = self._location(body, context)
            await self._add(("person", location.user) if per_person else location.address, handler, location, body)

        return acknowledge

    def _form_sent(self, handlers: EventHandlers) -> Callable[..., Awaitable[None]]:
        """Return a function that handles a submitted form as a command. If the form is invalid, show its problems."""

        async def acknowledge(ack: Callable[..., Awaitable[object]], body: dict[str, Any], context: Any) -> None:
            location = self._location(body, context)
            if problems := await handlers.problems(location, body["view"]):
                await ack(response_action="errors", errors=problems)
                return
            await ack()
            urls = [answer["response_url"] for answer in body.get("response_urls") or ()]
            location = replace(location, channel=conversation_of(body["view"]), url=urls[0] if urls else "")
            await self._add(location.address, handlers.submitted, location, body)

        return acknowledge

    async def _add(self, key: object, handler: Handler, location: ChatLocation, body: Body) -> None:
        """Queue a request, which is handled once even if Slack delivers it again."""
        identity, job = _identity(body), partial(self._guarded, handler, location, body)
        try:
            await self._queue.add(key, partial(self._once.do, identity, job) if identity else job)
        except QueueFull:
            log.warning("slack: too many requests at once from one conversation; one was dropped", summarize=True)

    async def _guarded(self, handler: Handler, location: ChatLocation, body: Body) -> None:
        """Handle a request. If this fails, log the error and send the person a one-line apology."""
        try:
            await handler(location, body)
        except Exception:
            log.exception("slack: a request could not be answered")
            if location.token and (location.is_own or body.get("type") != "event_callback"):
                person = await self._replies.person(location)
                await self._replies.tell(location, [(Span(platforms.FAILED(person.language)),)])

    def _location(self, body: Body, context: Any) -> ChatLocation:
        """Return the location of a request. Different kinds of events store the channel in different fields."""
        event = body.get("event") or {}
        channel = event.get("channel") or context.channel_id or ""
        return ChatLocation(
            team=str(context.team_id or "") if self._oauth is not None else "",
            channel=str(channel["id"] if isinstance(channel, Mapping) else channel),
            user=str(context.user_id or ""),
            bot=str(context.bot_user_id or ""),
            token=str(context.bot_token or ""),
            url=str(body.get("response_url") or ""),
            pressed=body.get("type") == "block_actions",
            is_own=event.get("channel_type") == "im",
            thread=_thread(body),
        )


def _thread(body: Body) -> str:
    """Return the thread of a message or of a message whose button was pressed, or "" outside threads."""
    event = body.get("event") or {}
    holders = (event, event.get("message"), body.get("container"), body.get("message"))
    found = (holder.get("thread_ts") for holder in holders if isinstance(holder, Mapping))
    return str(next((thread for thread in found if thread), ""))


def _identity(body: Body) -> tuple[object, ...]:
    """Return a value that identifies a request even if it is delivered twice, or () if the request has none."""
    if event := body.get("event_id"):
        return "event", event
    if trigger := body.get("trigger_id"):
        pressed = [(action.get("action_id"), action.get("action_ts")) for action in body.get("actions") or ()]
        return "trigger", trigger, body.get("type"), body.get("text"), pressed
    return ("envelope", body["envelope_id"]) if "envelope_id" in body else ()


async def _refuse_or_fail(error: Exception) -> BoltResponse:
    """Answer a request that failed before it was queued. The library fails in its own ways on payloads without a field.

    Anything else is our failure, and Slack sends the event again.
    """
    if isinstance(error, LookupError | TypeError | AttributeError | ValueError):
        log.warning("slack: a request made no sense", why=type(error).__name__)
        return BoltResponse(status=400, body="Not understood")
    if isinstance(error, ClientError | OSError):  # nothing else can tell a workspace without the app
        log.warning("slack: a person could not be notified", why=type(error).__name__)
        return BoltResponse(status=200, body="")
    log.error("slack: a request failed", exc_info=error)
    return BoltResponse(status=500, body="")


async def _acknowledge(ack: Callable[[], Awaitable[object]]) -> None:
    await ack()


def _is_signed(verifier: SignatureVerifier, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        return verifier.is_valid_request(body, dict(headers))
    except (ValueError, TypeError):  # a time that isn't a number, a signature or body that isn't text
        return False


def _understood(body: bytes, query: str, headers: Mapping[str, str]) -> AsyncBoltRequest | None:
    """Return the library's form of a signed request, or None if its body isn't what Slack sends."""
    try:
        text = body.decode()
        content_type = headers.get("content-type", "").partition(";")[0].strip()
        if has_wrong_type(parse_body(text, content_type)):
            return None
        return AsyncBoltRequest(body=text, query=query, headers={**headers})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # the library checks nothing
        return None


def _text_answer(status: int, text: str) -> HttpAnswer:
    return HttpAnswer(status, {"content-type": "text/plain; charset=utf-8"}, text.encode())


def _bolt_answer(answer: BoltResponse) -> HttpAnswer:
    return HttpAnswer(answer.status, dict(answer.first_headers()), answer.body.encode())
