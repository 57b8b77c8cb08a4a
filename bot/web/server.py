"""The HTTP server for the channels' webhooks, health checks and metrics. It has no cookies and no web pages.

| path | response |
|---|---|
| /health | 200, or 503 with the reasons; the details are in JSON |
| /live | 200 as long as the process responds, for hosts that restart a process that doesn't |
| /metrics | metrics for Prometheus |
| the channels' routes | the response from the channel's listener |
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from aiohttp import web

from bot import __version__
from bot.channels import CHANNELS, Receive, Route
from bot.domain.health import Facts
from bot.errors import ConfigError, StoreError

LARGEST_BODY = 1 << 20  # bytes
DONE_WITHIN = 5.0  # seconds to finish requests when the program stops; a host waits ten before it kills the process
UNREADABLE = "the store cannot be read; the log says why"

Answer = Callable[[web.Request], Awaitable[web.Response]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Views:
    """The functions that provide the data for /health and /metrics.

    `look` returns the facts, or raises StoreError if they can't be read. `page` returns the metrics page.
    """

    look: Callable[[], Awaitable[Facts]]
    page: Callable[[Facts | None], bytes]
    content_type: str


@asynccontextmanager
async def serving(
    port: int, views: Views, *, routes: Mapping[Route, Receive] | None = None, closed: str | None = None
) -> AsyncIterator[None]:
    """Listen on this port on all interfaces while the block runs; raise ConfigError if the port can't be opened.

    `routes` are the channels' webhooks. If this process doesn't accept webhooks, `closed` is the reason. Every
    channel's route then responds with 503 and that reason, so that the platform tries again later.
    """
    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_get("/health", _health(views))
    app.router.add_get("/live", _live)
    app.router.add_get("/metrics", _metrics(views))
    for route, answer in _webhooks(routes or {}, closed).items():
        app.router.add_route(route.method, route.path, answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DONE_WITHIN)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
    except OSError as fault:
        await runner.cleanup()
        raise ConfigError([f"PORT: port {port} can't be opened ({fault.strerror})"]) from fault
    log.info("serving", port=port)
    try:
        yield
    finally:
        await runner.cleanup()


def _health(views: Views) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        facts = await _facts(views)
        found = facts.as_json() if facts is not None else {"status": "unwell", "reasons": [UNREADABLE]}
        status = HTTPStatus.OK if found["status"] == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
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
        status, headers, body = await receive(path, request.headers, await request.read())
        return web.Response(status=status, headers=headers, body=body)

    return answer
