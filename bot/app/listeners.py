"""Runs the channels' listeners and, if needed, the web server that receives requests from their platforms."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog

from bot.app.other_ways import own_routes
from bot.app.web_wiring import access, pages
from bot.app.wiring import StoredNotes
from bot.channels import CHANNELS, ChatHandler, Listener, Receive, Route
from bot.config.settings import DEFAULT_PORT, Settings
from bot.errors import StoreUnavailable
from bot.pipeline.runner import Runner
from bot.store import Leases
from bot.web.server import Views, serving

RESTART_AFTER = 60.0  # seconds until a listener that failed unexpectedly is restarted
LEADERSHIP_CHECK = 5.0  # seconds between checks of the leadership
DONE_WITHIN = 6.0  # seconds for the listeners to finish; each has its own, shorter limits

Listen = Callable[[ChatHandler], Awaitable[None]]

log = structlog.get_logger()


@asynccontextmanager
async def listening(
    settings: Settings, runner: Runner, chat_handler: ChatHandler, views: Views | None
) -> AsyncIterator[None]:
    """Let people talk to the bot while the block runs. With `views`, also serve the pages, health and metrics on PORT.

    With a public URL, the platforms send requests to us. Without one, we connect to the platforms. Some platforms allow
    only one connection per bot, so if several programs share a database, only the leader connects.
    """
    made, tasks = await _listeners(settings, runner), set[asyncio.Task[None]]()
    try:
        async with AsyncExitStack() as stack:
            if views is not None:
                routes = _routes(made) if settings.public_url is not None else {}
                port = settings.port or DEFAULT_PORT
                served, shown, own = access(settings), pages(settings, runner.store), own_routes(settings, runner)
                await stack.enter_async_context(
                    serving(port, views, routes=routes, access=served, pages=shown, own=own)
                )
            tasks |= {_started(name, listener, settings, runner, chat_handler) for name, listener in made.items()}
            try:
                yield
            finally:  # the listeners and the server finish at the same time
                for task in tasks:
                    task.cancel()
    finally:
        if tasks:
            await asyncio.wait(tasks, timeout=DONE_WITHIN)


def _started(
    name: str, listener: Listener, settings: Settings, runner: Runner, chat_handler: ChatHandler
) -> asyncio.Task[None]:
    leadership = CHANNELS[name].listening_leadership(settings)
    listen = listener.listen if leadership is None else _while_leader(listener.listen, leadership, runner.store)
    return asyncio.create_task(_listen(name, listen, chat_handler), name=name)


async def _listeners(settings: Settings, runner: Runner) -> Mapping[str, Listener]:
    notes, made = StoredNotes(runner.store), dict[str, Listener]()
    for name, sender in runner.channels.items():
        listener = await CHANNELS[name].make_listener(settings, sender, notes)
        if listener is not None:
            made[name] = listener
    return made


def _routes(listeners: Mapping[str, Listener]) -> Mapping[Route, Receive]:
    return {route: listener.receive for name, listener in listeners.items() for route in CHANNELS[name].routes}


async def _listen(name: str, listen: Listen, chat_handler: ChatHandler) -> None:
    """Listen until canceled. If the listener fails, restart it. The rest of the program keeps running."""
    while True:
        try:
            await listen(chat_handler)
        except Exception:
            log.exception("a listener failed", channel=name, again_in=RESTART_AFTER)
        await asyncio.sleep(RESTART_AFTER)


def _while_leader(listen: Listen, leadership: str, store: Leases) -> Listen:
    """Return a listener that runs only while this program is the leader."""

    async def is_leader() -> bool:
        try:
            return await store.leadership_in(leadership) == 0
        except StoreUnavailable:
            return False

    async def listen_as_leader(chat_handler: ChatHandler) -> None:
        while not await is_leader():  # noqa: ASYNC110 - the database doesn't say when a leadership becomes free
            await asyncio.sleep(LEADERSHIP_CHECK)
        listening = asyncio.ensure_future(listen(chat_handler))
        try:
            while not listening.done() and await is_leader():
                await asyncio.wait({listening}, timeout=LEADERSHIP_CHECK)
        finally:
            if not listening.done():
                listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    return listen_as_leader
