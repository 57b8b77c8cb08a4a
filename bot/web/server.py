"""The public address: webhooks of Telegram and Slack, whether the program is well, its counts. No cookies, no pages.

| path | answer |
|---|---|
| /health | 200, or 503 with the reasons; the facts as JSON |
| /live | 200 as long as the process answers, for hosts that restart what does not |
| /metrics | what Prometheus reads |
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from aiohttp import web

from bot import __version__
from bot.domain.health import Facts
from bot.errors import ConfigError, StoreError

TELEGRAM_PATH = "/telegram/webhook"
SLACK_PATHS = "/slack/{rest:.*}"
LARGEST_BODY = 1 << 20  # bytes
DONE_WITHIN = 5.0  # seconds that requests under way have at the end; a host waits ten before it kills
UNREADABLE = "the store cannot be read; the log says why"

TelegramFeed = Callable[[Mapping[str, str], bytes], Awaitable[int]]
SlackFeed = Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, dict[str, str], bytes]]]
Answer = Callable[[web.Request], Awaitable[web.Response]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Views:
    """What can be seen from outside: the facts (StoreError when they cannot be had), and the page of counts."""

    look: Callable[[], Awaitable[Facts]]
    page: Callable[[Facts | None], bytes]
    content_type: str


@asynccontextmanager
async def serving(
    port: int,
    views: Views,
    *,
    telegram: TelegramFeed | None = None,
    slack: SlackFeed | None = None,
    closed: str | None = None,
) -> AsyncIterator[None]:
    """Answer at this port on every interface while the block runs; ConfigError when it is taken.

    `closed` is why no webhooks are taken here: whoever calls one is told that, with 503, and calls again later.
    """
    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_get("/health", _health(views))
    app.router.add_get("/live", _live)
    app.router.add_get("/metrics", _metrics(views))
    if telegram is not None or closed is not None:
        app.router.add_post(TELEGRAM_PATH, _closed(closed) if telegram is None else _telegram(telegram))
    if slack is not None or closed is not None:
        app.router.add_route("*", SLACK_PATHS, _closed(closed) if slack is None else _slack(slack))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DONE_WITHIN)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
    except OSError as fault:
        await runner.cleanup()
        raise ConfigError([f"PORT: nothing can be served at {port} ({fault.strerror})"]) from fault
    log.info("serving", port=port)
    try:
        yield
    finally:
        await runner.cleanup()


def _health(views: Views) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        facts = await _facts(views)
        said = facts.as_json() if facts is not None else {"status": "unwell", "reasons": [UNREADABLE]}
        status = HTTPStatus.OK if said["status"] == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
        body = json.dumps({"status": said.pop("status"), "version": __version__} | said, indent=2) + "\n"
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
        log.warning("the store cannot be read", problem=str(fault))
        return None


def _closed(reason: str | None) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=f"{reason}\n", headers={"Retry-After": "60"})

    return answer


def _telegram(feed: TelegramFeed) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=await feed(request.headers, await request.read()))

    return answer


def _slack(feed: SlackFeed) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        path = request.path + (f"?{request.query_string}" if request.query_string else "")
        status, headers, body = await feed(path, request.headers, await request.read())
        return web.Response(status=status, headers=headers, body=body)

    return answer
