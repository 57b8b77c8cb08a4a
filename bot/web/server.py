"""The HTTP server for the public pages, the channels' webhooks, health checks and metrics. It has no cookies.

| path | response |
|---|---|
| /health | 200 (also while it waits for the first reading), or 503 with the reasons; the details are in JSON |
| /live | 200 as long as the process responds, for hosts that restart a process that has stopped responding |
| /metrics | metrics for Prometheus |
| the channels' routes | the response from the channel's listener |
| /relay, /mirror | readings of ICE's lists from a relay, and those for other installations (`relay`, `mirror`) |
| everything else | the public pages (`pages/`), if this process serves them |

`front_door` accepts connections, `connections` limits their number and duration, `clients` identifies the clients
behind them, and `malformed` logs the requests that can't be read.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from bot import __version__
from bot.channels import CHANNELS, HttpAnswer, Receive, Route
from bot.channels.protocols import TrustedAnswer
from bot.domain.health import Facts
from bot.errors import ConfigError, StoreError
from bot.web.clients import Clients
from bot.web.connections import Access, Connection, Connections
from bot.web.front_door import FrontDoor
from bot.web.malformed import server_log
from bot.web.pages.routes import Pages

LARGEST_BODY = 1 << 20  # bytes
DONE_WITHIN = 2.5  # seconds to finish requests when the program stops; aiohttp waits for them twice
UNREADABLE = "the store cannot be read; the log says why"
TRUSTED = web.RequestKey("trusted", bool)  # True for a request that carried a right signature or secret

Answer = Callable[[web.Request], Awaitable[web.Response]]
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Views:
    """The functions that provide the data for /health and /metrics.

    `look` returns the facts, or raises StoreError if they can't be read. `page` returns the metrics page.
    """

    look: Callable[[], Awaitable[Facts]]
    page: Callable[[Facts | None], bytes]
    content_type: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A route with a size limit of its own. `refusal` decides by the headers, before any of the body is read."""

    largest: int
    refusal: Callable[[Mapping[str, str]], HttpAnswer | None]


@dataclass(frozen=True, slots=True)
class OwnRoutes:
    """Routes beside the channels', such as those for relays and mirrors, and the gates of some of them."""

    routes: Mapping[Route, Receive] = field(default_factory=dict)
    gates: Mapping[Route, Gate] = field(default_factory=dict)


@asynccontextmanager
async def serving(
    port: int,
    views: Views,
    *,
    routes: Mapping[Route, Receive] | None = None,
    closed: str | None = None,
    access: Access | None = None,
    own: OwnRoutes = OwnRoutes(),
    pages: Pages | None = None,
    is_local: bool = False,
) -> AsyncIterator[None]:
    """Listen on this port while the block runs; raise ConfigError if the port can't be opened.

    The server listens on all interfaces or, if `is_local` is true, only to this machine.

    `routes` are the channels' webhooks. If this process doesn't accept webhooks, `closed` is the reason. Every
    channel's route then responds with 503 and that reason, so that the platform tries again later. `own` are our own
    routes.
    """
    access = access or Access()
    webhooks, connections, clients = _webhooks(routes or {}, closed), Connections(access.bounds), access.clients
    ours = {route: _webhook(receive) for route, receive in own.routes.items()}
    gates = {ours[route]: gate for route, gate in own.gates.items()}
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_limited(connections, clients, webhooks, gates)])
    app.router.add_get("/health", _health(views))
    app.router.add_get("/live", _live)
    app.router.add_get("/metrics", _metrics(views))
    for route, answer in (*webhooks.items(), *ours.items()):
        app.router.add_route(route.method, route.path, answer)
    if pages is not None:
        pages.add_to(app, lambda request: _client(request, clients))
    try:
        async with _accepting(port, app, connections, clients, is_local=is_local):
            log.info("serving", port=port, in_words=f"The pages and webhooks are ready on port {port}.")
            yield
    finally:
        if pages is not None:
            pages.close()


@asynccontextmanager
async def _accepting(
    port: int, app: web.Application, connections: Connections, clients: Clients, *, is_local: bool
) -> AsyncIterator[None]:
    """Accept connections while the block runs. Then let requests in progress finish."""
    keep = connections.bounds.keep
    runner = web.AppRunner(
        app, access_log=None, logger=server_log(), shutdown_timeout=DONE_WITHIN, keepalive_timeout=keep
    )
    await runner.setup()

    def connection(peer: str) -> Connection:
        assert runner.server is not None
        return Connection(runner.server(), None if clients.is_proxy(peer) else clients.name(peer), connections)

    try:
        door = FrontDoor(port, connections, connection, is_local=is_local)
    except OSError as fault:
        await runner.cleanup()
        raise ConfigError([f"PORT: port {port} can't be opened ({fault.strerror})"]) from fault
    try:
        yield
    finally:
        door.close()
        await runner.cleanup()


# ── limits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _limited(
    connections: Connections, clients: Clients, webhooks: Mapping[Route, Answer], gates: Mapping[Answer, Gate]
) -> Middleware:
    """Return a middleware that waits a limited time for a request's body and checks the client's share.

    A request to a webhook isn't refused until it has been read, because it may have a valid signature. One to a route
    with a gate has shown its signature when the gate has let it through.
    """
    exempt = frozenset(webhooks.values())

    @web.middleware
    async def limited(request: web.Request, handler: Handle) -> web.StreamResponse:
        connection = _connection(request)
        if connection is None:
            return _refused(HTTPStatus.BAD_REQUEST, "The connection was lost")
        forwarded = _forwarded(request, clients) if connection.client is None else None
        with connections.taken(forwarded):
            gate = gates.get(cast("Answer", request.match_info.handler))
            if gate is not None:
                refused = gate.refusal(request.headers)
                if refused is not None:
                    return _closing(refused)
                request = request.clone(client_max_size=gate.largest)
            is_over = gate is None and (connections.is_over(forwarded) or connection.is_over)
            if is_over and request.match_info.handler not in exempt:
                return _refused(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests at once")
            connection.expect_body()
            try:
                return await _answered(request, handler, connection, hurried=is_over)
            finally:
                connection.rest()

    return limited


async def _answered(
    request: web.Request, handle: Handle, connection: Connection, *, hurried: bool
) -> web.StreamResponse:
    """Read the whole request within the time limit, and then answer it."""
    bounds = connection.bounds
    try:
        async with asyncio.timeout(bounds.hurried if hurried else bounds.body):
            await request.read()
    except TimeoutError:
        return _refused(HTTPStatus.REQUEST_TIMEOUT, "The request didn't arrive in time")
    except (ConnectionError, web.RequestPayloadError, HttpProcessingError):
        return _refused(HTTPStatus.BAD_REQUEST, "The request can't be read")
    connection.work()
    response = await handle(request)
    if request.get(TRUSTED):
        connection.trust()
    return response


def _connection(request: web.Request) -> Connection | None:
    """Return a request's connection, or None if the connection has been lost."""
    found = request.transport.get_protocol() if request.transport is not None else None
    return found if isinstance(found, Connection) else None


def _forwarded(request: web.Request, clients: Clients) -> str:
    return clients.name(request.remote or "", ",".join(request.headers.getall("X-Forwarded-For", ())))


def _client(request: web.Request, clients: Clients) -> str:
    """Return the name of the client that sent a request."""
    connection = _connection(request)
    return (connection.client if connection is not None else None) or _forwarded(request, clients)


def _refused(status: HTTPStatus, sentence: str) -> web.Response:
    response = web.Response(status=status, text=f"{sentence}.\n", headers={"Retry-After": "5"})
    response.force_close()
    return response


def _closing(found: HttpAnswer) -> web.Response:
    """Return an answer after which the connection is closed, because the request's body isn't read."""
    response = web.Response(status=found.status, headers=found.headers, body=found.body)
    response.force_close()
    return response


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _health(views: Views) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        facts = await _facts(views)
        found = facts.as_json() if facts is not None else {"status": "unwell", "reasons": [UNREADABLE]}
        status = HTTPStatus.SERVICE_UNAVAILABLE if found["status"] == "unwell" else HTTPStatus.OK
        body = json.dumps({"status": found.pop("status"), "version": __version__} | found, indent=2) + "\n"
        fresh = {"Cache-Control": "no-store"}
        return web.Response(status=status, text=body, content_type="application/json", headers=fresh)

    return answer


async def _live(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _metrics(views: Views) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        page = views.page(await _facts(views))
        return web.Response(body=page, headers={"Content-Type": views.content_type})

    return answer


async def _facts(views: Views) -> Facts | None:
    try:
        return await views.look()
    except StoreError as fault:
        log.warning("the store can't be read", problem=str(fault))
        return None


def _webhooks(routes: Mapping[Route, Receive], closed: str | None) -> Mapping[Route, Answer]:
    if closed is not None:
        return {route: _closed(closed) for channel in CHANNELS.values() for route in channel.routes}
    return {route: _webhook(receive) for route, receive in routes.items()}


def _closed(reason: str) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=f"{reason}\n", headers={"Retry-After": "60"})

    return answer


def _webhook(receive: Receive) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        query = request.rel_url.raw_query_string  # decoded, an escaped & would become a separator
        path = request.path + (f"?{query}" if query else "")
        found = await receive(path, request.headers, await request.read())
        request[TRUSTED] = isinstance(found, TrustedAnswer)
        return web.Response(status=found.status, headers=found.headers, body=found.body)

    return answer
