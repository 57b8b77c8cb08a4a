"""The public address: webhooks of Telegram and Slack, and whether the program is well. No cookies, no pages yet."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from bot.errors import ConfigError

TELEGRAM_PATH = "/telegram/webhook"
SLACK_PATHS = "/slack/{rest:.*}"
LARGEST_BODY = 1 << 20  # bytes

TelegramFeed = Callable[[Mapping[str, str], bytes], Awaitable[int]]
SlackFeed = Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, dict[str, str], bytes]]]

log = structlog.get_logger()


@asynccontextmanager
async def serving(port: int, *, telegram: TelegramFeed | None, slack: SlackFeed | None) -> AsyncIterator[None]:
    """Answer at this port on every interface while the block runs; ConfigError when it is taken."""
    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_get("/health", _health)
    if telegram is not None:
        app.router.add_post(TELEGRAM_PATH, _telegram(telegram))
    if slack is not None:
        app.router.add_route("*", SLACK_PATHS, _slack(slack))
    runner = web.AppRunner(app, access_log=None)
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


async def _health(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _telegram(feed: TelegramFeed) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=await feed(request.headers, await request.read()))

    return answer


def _slack(feed: SlackFeed) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        path = request.path + (f"?{request.query_string}" if request.query_string else "")
        status, headers, body = await feed(path, request.headers, await request.read())
        return web.Response(status=status, headers=headers, body=body)

    return answer
