"""Run the demonstration: the real program, wired as always, among loopback servers, with a store of its own.

The store is in a temporary folder. Everything runs in this one process. When it ends, the servers' ports are closed and
the folder is deleted.
"""

import asyncio
import errno
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from bot.app.lifecycle import Service, last_resort, work_until_stopped
from bot.app.listeners import listening
from bot.app.web_wiring import pages
from bot.app.wiring import chat_commands, ice, opened, runner
from bot.config.settings import Settings, settings_of
from bot.demo.chats import OPERATOR, Chats
from bot.demo.clock import Clock, local
from bot.demo.director import Director, Ears
from bot.demo.folder import temporary_folder
from bot.demo.loopback.ice import IceServer
from bot.demo.loopback.local import PrimeGovServer
from bot.demo.loopback.slack import SlackServer
from bot.demo.loopback.telegram import TelegramServer
from bot.demo.page import ChatPage
from bot.demo.season import PublishedList, Season
from bot.demo.story import Line, Story
from bot.demo.town import open_portal, place
from bot.domain.language import Language
from bot.domain.text.formats import formats
from bot.errors import ConfigError, UsageError
from bot.observability.logs import set_up_logs
from bot.observability.metrics import Metrics
from bot.observability.person import beside, wrapped
from bot.pipeline.replay import Entry, replay
from bot.store import Store
from bot.web.server import serving

PORT = 8287
MOST_TRIES = 20  # ports to try
POLL_SECONDS = 600
STALE_HOURS = 72  # the clock is set forward by a night at a time
BANNER = "Demonstration. This isn't ICE's site, and every agency on its lists is made up."
PROXIES = ("http_proxy", "https_proxy", "all_proxy")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the visitor chose. `port` is None for the usual one, or any other if that is taken."""

    port: int | None = None
    pace: float = 7.0
    opens: bool = True


@dataclass(frozen=True, slots=True)
class World:
    """The loopback servers."""

    ice: IceServer
    portal: PrimeGovServer
    telegram: TelegramServer
    slack: SlackServer


def run(options: Options, say: Say) -> None:
    """Run the demonstration until the visitor stops it."""
    for name in [name for name in os.environ if name.lower() in PROXIES]:
        del os.environ[name]  # nothing here goes through a proxy, because nothing leaves this machine
    with last_resort() as stopping:
        asyncio.run(_run(options, partial(_say, say), stopping))


async def _run(options: Options, say: Say, stopping: Callable[[], asyncio.Event]) -> None:
    stop = stopping()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, stop.set)  # the visitor closed the terminal
    with _bound(options.port) as door, temporary_folder() as folder:
        season = Season(datetime.now(UTC).astimezone().date())
        clock = Clock(season.start)
        async with _world(clock) as world:
            settings = _settings(world, folder / "data")
            set_up_logs(settings, quiet=True, also=(_only_errors,))
            store = await opened(settings)
            try:
                await _with_history(store, settings, season)
                async with _director(options, say, world, (settings, store), (season, clock)) as director:
                    await _show(director, door, options, say, stop)
            finally:
                await store.close()
    say("\nThe demonstration has ended. Nothing is left behind.")


@asynccontextmanager
async def _director(
    options: Options, say: Say, world: World, kept: tuple[Settings, Store], times: tuple[Season, Clock]
) -> AsyncIterator[Director]:
    """Yield a director for the program, which is wired as always but goes by the demonstration's clock."""
    (settings, store), (season, clock) = kept, times
    ears, town = Ears(Metrics()), place(world.portal)
    async with runner(settings, store, {town.name: town}, ears, now=clock.now) as made:
        yield Director(
            settings=settings,
            runner=made,
            ears=ears,
            clock=clock,
            season=season,
            story=Story(clock.now, told=lambda line: say(_shown(line))),
            chats=Chats(world.telegram, world.slack),
            ice=world.ice,
            portal=world.portal,
            pace=options.pace,
        )


async def _show(director: Director, door: socket.socket, options: Options, say: Say, stop: asyncio.Event) -> None:
    """Serve the pages, start the program, and play the season until the visitor has seen enough."""
    settings, running = director.settings, director.runner
    chats = f"http://127.0.0.1:{door.getsockname()[1]}/"
    async with AsyncExitStack() as stack:
        public = f"http://127.0.0.1:{await _serve_public_pages(stack, director, door.getsockname()[1] + 1)}/"
        addresses = {"public": public, "ice": director.ice.url, "town": place(director.portal).address}
        page = ChatPage(director.chats, director.story, director.clock.now, addresses)
        await stack.enter_async_context(page.served(door))
        director.prepare()
        await director.subscribe_channels()
        _greet(say, chats, public)
        if options.opens:
            _open(chats)
        playing = asyncio.create_task(_play(director, stop))
        listens = listening(settings, running, chat_commands(settings, running), None)
        await work_until_stopped(settings, running, lambda: stop, beside=listens)
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing


async def _serve_public_pages(stack: AsyncExitStack, director: Director, wanted: int) -> int:
    """Serve the public pages with the program's own web server, and return the port: the wanted one or any other."""
    settings, store, now = director.settings, director.runner.store, director.clock.now
    views = Service(settings, Metrics()).views(store, now)
    for port in (wanted, *(_any_port() for _ in range(MOST_TRIES))):
        shown = pages(settings, store, now, is_demonstration=True)
        try:
            await stack.enter_async_context(serving(port, views, pages=shown, is_local=True))
        except (ConfigError, OverflowError):
            continue
        return port
    raise UsageError("This machine has no free port for the public page.")


async def _play(director: Director, stop: asyncio.Event) -> None:
    """Play the season. If that fails, end the program, which then says why."""
    try:
        await director.play()
    except Exception:
        stop.set()
        raise


# ── what the program runs among ──────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _world(clock: Clock) -> AsyncIterator[World]:
    async with (
        IceServer(banner=BANNER) as ice_site,
        PrimeGovServer() as portal,
        TelegramServer(name="Countersign demo", username="countersign_demo_bot", now=clock.now) as telegram,
        SlackServer(now=clock.now) as slack,
    ):
        open_portal(portal)
        yield World(ice_site, portal, telegram, slack)


def _settings(world: World, data: Path) -> Settings:
    """Return the settings of the demonstration. The operator's own settings and tokens aren't read."""
    return settings_of(
        {
            "COUNTERSIGN_DATA": data,
            "COUNTERSIGN_ICE_URL": world.ice.url,
            "COUNTERSIGN_SOURCES": "ice,local",
            "COUNTERSIGN_POLL_SECONDS": POLL_SECONDS,
            "COUNTERSIGN_STALE_HOURS": STALE_HOURS,
            "COUNTERSIGN_HOST_GAP": 0,
            "COUNTERSIGN_ALLOW_LOOPBACK": True,
            "COUNTERSIGN_CONTACT": "demonstration",
            "COUNTERSIGN_OPERATOR": f"telegram:{OPERATOR.address}",
            "TELEGRAM_BOT_TOKEN": world.telegram.token,
            "TELEGRAM_API_URL": world.telegram.url,
            "SLACK_BOT_TOKEN": world.slack.token,
            "SLACK_API_URL": world.slack.url,
        }
    )


async def _with_history(store: Store, settings: Settings, season: Season) -> None:
    """Replay the lists of the months before, so that the pages show how the list grew."""
    folder = settings.data / "history"
    folder.mkdir()
    entries = [_entry(folder, published) for published in (*season.history(), season.pending())]
    async for _ in replay(entries, source=ice(settings), store=store):
        pass


def _entry(folder: Path, published: PublishedList) -> Entry:
    path = folder / published.name
    path.write_bytes(published.body)
    return Entry(published.at.astimezone(UTC), published.list, path)


def _only_errors(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop warnings from the log, because a held list and a late message are part of the show."""
    if event.get("level") == "warning":
        raise structlog.DropEvent
    return event


# ── the visitor's machine ────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _bound(wanted: int | None) -> Iterator[socket.socket]:
    """Yield a socket at the port that the visitor chose, or else at the usual one or any other that is free.

    Raise UsageError if the visitor chose a port that is taken.
    """
    for port in (wanted,) if wanted is not None else (*range(PORT, PORT + MOST_TRIES, 2), 0):
        try:
            door = socket.create_server(("127.0.0.1", port))
        except OSError as fault:
            if wanted is None:
                continue
            reason = "is taken" if fault.errno == errno.EADDRINUSE else f"can't be opened ({fault.strerror})"
            raise UsageError(
                f"Port {wanted} {reason}. Choose another with --port, or leave it out to use any free one."
            ) from None
        with door:
            yield door
            return
    raise UsageError("This machine has no free port for the page.")


def _any_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def _say(say: Say, text: str) -> None:
    """Print a text, unless the terminal has been closed: the page shows everything, too."""
    try:
        say(text)
    except BrokenPipeError:
        raise
    except OSError as fault:
        if fault.errno != errno.EIO:
            raise


def _greet(say: Say, chats: str, public: str) -> None:
    hello = wrapped(
        "This is a demonstration of Countersign. Every agency and every list in it is made up, and nothing leaves this "
        "machine."
    )
    say(
        f"{hello}\n\n"
        f"  The chats:        {chats}\n"
        f"  The public page:  {public}\n\n"
        + wrapped("ICE's list changes every few seconds. Press Ctrl-C to end.")
        + "\n"
    )


def _shown(line: Line) -> str:
    at = local(line.at)
    return beside(f"{formats(Language.ENGLISH).clock(at.time()):>10}  ", line.text)


def _open(address: str) -> None:
    """Open the page in a browser, if this machine has a screen."""
    has_screen = sys.platform in {"darwin", "win32"} or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_screen:
        threading.Thread(target=_open_quietly, args=(address,), daemon=True).start()


def _open_quietly(address: str) -> None:
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)
