"""The other ways in which ICE's lists reach a host that ICE refuses: relay, mirror and the Internet Archive."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr

from bot.app.wiring import closed_in_time, fetcher, fetching, ice, utc_now
from bot.channels import Receive, Route
from bot.config.settings import Settings
from bot.domain.source_status import ICE
from bot.errors import ConfigError, StoreUnwritable
from bot.fetch.post import Poster
from bot.pipeline.archive_reader import ArchiveReader
from bot.pipeline.captures import Archivist
from bot.pipeline.relay import Relay, RelayFolder
from bot.pipeline.runner import Runner
from bot.web import mirror, relay
from bot.web.server import Gate, OwnRoutes
from bot.worker.scheduler import stop_asked

POST_WITHIN = 120.0  # seconds to hand one reading over; an office's upload may be slow
RETRY_EVERY = timedelta(seconds=30)  # while a reading waits

NOT_SIGNED = (
    "COUNTERSIGN_RELAY_SECRET: set it to the same secret here and on the host; `openssl rand -hex 32` makes one"
)

log = structlog.get_logger()

Step = Callable[[], Coroutine[Any, Any, None]]


def own_routes(settings: Settings, runner: Runner) -> OwnRoutes:
    """Return the routes for relays and for other installations, as far as they are switched on."""
    routes: dict[Route, Receive] = {}
    gates: dict[Route, Gate] = {}
    if settings.relay_secret is not None and ICE in settings.sources:
        door = relay.RelayDoor(runner, ice(settings), settings.relay_secret.get_secret_value())
        route = Route("POST", relay.PATH)
        routes[route], gates[route] = door.receive, Gate(relay.LARGEST_HANDOVER, door.refusal)
    if settings.serve_mirror:
        shown = mirror.Mirror(runner.store, settings.ice_url)
        routes[Route("GET", mirror.PATH)] = shown.reading
        routes[Route("GET", mirror.DOCUMENT_PATH)] = shown.document
    return OwnRoutes(routes, gates)


def archive_work(settings: Settings, runner: Runner, archivist: Archivist | None) -> Step | None:
    """Return the Internet Archive task that runs every few seconds, or None if all of it is off."""
    steps: list[Step] = [archivist.step] if archivist is not None else []
    if settings.wayback_read and ICE in runner.sources:
        steps.append(ArchiveReader(runner, ice(settings), settings.wayback_url).step)

    async def step() -> None:
        for each in steps:
            await each()

    return step if steps else None


def relay_to(settings: Settings, to: str, folder: Path, *, once: bool) -> bool:
    """Relay ICE's lists to another Countersign until stopped, or once. Return False if that one time failed."""
    if settings.relay_secret is None:
        raise ConfigError([NOT_SIGNED])
    return asyncio.run(_relay(settings, to, folder, settings.relay_secret, once=once))


async def _relay(settings: Settings, to: str, folder: Path, secret: SecretStr, *, once: bool) -> bool:
    stop = stop_asked()
    poster = Poster(contact=settings.contact, allow_loopback=settings.allow_loopback, timeout=POST_WITHIN)
    fetch, kept = fetcher(settings), _opened(folder)
    log.info("relaying", to=to, folder=str(folder), in_words=f"Relaying to {to}. The relay's folder is {folder}.")
    try:
        async with fetching(fetch):
            made = Relay(
                ice=ice(settings),
                fetch=fetch,
                poster=poster,
                folder=kept,
                to=to,
                secret=secret.get_secret_value(),
                now=utc_now,
                every=timedelta(seconds=settings.poll_seconds),
            )
            working = asyncio.create_task(_once(made) if once else _until_stopped(made))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (working, stopping):
                task.cancel()  # a reading that was written down is handed over at the next start
            with suppress(asyncio.CancelledError):
                return await working
            return True
    finally:
        kept.close()
        await closed_in_time(poster.aclose())


def _opened(folder: Path) -> RelayFolder:
    try:
        return RelayFolder(folder)
    except StoreUnwritable as fault:  # its sentence is about the data folder
        said = str(fault).replace("set COUNTERSIGN_DATA to a folder", "choose another with --folder")
        said = said.replace("the data folder", "the relay's folder")
        raise StoreUnwritable(said if "--folder" in said else f"{said} Choose another with --folder.") from None


async def _once(relay: Relay) -> bool:
    """Read ICE, unless it has asked us to wait, and hand over what waits."""
    status = relay.folder.state.status
    must_wait = status.failures > 0 and not status.is_due(relay.now(), relay.every)
    is_read = not must_wait and await relay.read()
    return await relay.hand_over() and is_read


async def _until_stopped(relay: Relay) -> bool:
    retry = min(RETRY_EVERY, relay.every)
    while True:
        if relay.folder.state.status.is_due(relay.now(), relay.every):
            await relay.read()
        is_done = await relay.hand_over()
        due_at = relay.folder.state.status.due_at or relay.now()
        wait = max(due_at - relay.now(), timedelta(seconds=1))
        await asyncio.sleep((wait if is_done else min(wait, retry)).total_seconds())
