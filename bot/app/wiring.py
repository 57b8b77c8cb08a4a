"""Builds objects from the settings: the store, the sources, the senders and the runner.

`bot.app.web_wiring` builds those of the web server, whose libraries most commands don't need.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from bot.channels import CHANNELS, Sender
from bot.commands.chat import ChatCommands
from bot.commands.operator_chat import OperatorCommands
from bot.config import catalog
from bot.config.settings import Settings
from bot.domain.agenda import Place
from bot.domain.chat.operator import Operator
from bot.domain.health import in_bytes
from bot.fetch import Fetch, Limits
from bot.fetch.hosts import Clock
from bot.fetch.post import Poster
from bot.fetch.wayback import Wayback
from bot.observability.heartbeat import Heartbeat, Observers
from bot.pipeline.captures import Archivist
from bot.pipeline.ocr import Ocr
from bot.pipeline.runner import Now, Observer, Runner, Unobserved
from bot.sources import Source
from bot.sources.ice import Ice
from bot.sources.upstream import Upstream
from bot.store import Notes, Store
from bot.store.tiny.store import TinyStore

if TYPE_CHECKING:
    from bot.store.postgres.store import PostgresStore

TOKENS = "tokens"
CAPTURE_WITHIN = 30.0  # seconds for one request to the Internet Archive; within the lease of the work
CLOSE_WITHIN = 0.7  # seconds for all clients together

log = structlog.get_logger()


def utc_now() -> datetime:
    """Return the current time in UTC, without fractions of a second."""
    return datetime.now(UTC).replace(microsecond=0)


def ice(settings: Settings) -> Ice:
    """Return the source of ICE's lists as ICE publishes them."""
    return Ice(settings.ice_url, settings.ice_other_pages)


def sources(settings: Settings, store: Store | None = None) -> dict[str, Source]:
    """Return the enabled sources by name. With a store and an upstream, ICE's lists are read there."""
    of_ice: Source = ice(settings)
    if settings.upstream is not None and store is not None:
        of_ice = Upstream(ice(settings), settings.upstream, store.evidence)
    made: dict[str, Source] = {"ice": of_ice}
    return {name: source for name, source in made.items() if name in settings.sources}


async def opened(settings: Settings, *, readonly: bool = False) -> "TinyStore | PostgresStore":
    """Open the store: the database at DATABASE_URL or, if that isn't set, the data folder.

    Only one program at a time can open the data folder for writing.
    """
    if settings.database_url is not None:
        from bot.store.postgres.store import PostgresStore  # noqa: PLC0415 - the library is slow to import

        return await PostgresStore.open(settings.database_url.get_secret_value())
    if settings.data_folder.warning is not None:
        log.warning(settings.data_folder.warning)
    return TinyStore.open(settings.data, readonly=readonly)


def where_stored(settings: Settings) -> str:
    """Return a line about the store in use and why it is this one."""
    if settings.database_url is not None:
        return "stored in: the database in DATABASE_URL"
    folder = settings.data_folder
    line = f"data folder: {folder.path} ({folder.because})"
    if folder.unused is not None:
        line += f"\n  not used     {folder.unused}, which also has readings"
    return line


def places(settings: Settings) -> Mapping[str, Place]:
    """Return the catalog of local sources, or an empty one if local sources are turned off."""
    return catalog.places() if "local" in settings.sources else {}


class StoredNotes:
    """The store's notes of one kind. Each channel keeps its tokens and the updates it has handled in notes."""

    def __init__(self, store: Notes, kind: str = TOKENS) -> None:
        self._store = store
        self._kind = kind

    async def get(self, key: str) -> str | None:
        """Return the string stored under a key, or None if there is none."""
        return (await self.all()).get(key)

    async def put(self, key: str, text: str) -> None:
        """Store a string under a key."""
        await self._store.note(self._kind, key, text)

    async def delete(self, key: str) -> None:
        """Delete the string stored under a key."""
        await self._store.note(self._kind, key, None)

    async def keys(self) -> Sequence[str]:
        """Return all keys."""
        return list(await self.all())

    async def all(self) -> Mapping[str, str]:
        """Return all strings by key."""
        return await self._store.notes(self._kind)

    def of(self, kind: str) -> "StoredNotes":
        """Return the notes of another kind."""
        return StoredNotes(self._store, kind)


def senders(settings: Settings, store: Store, *, sends: bool = True) -> dict[str, Sender]:
    """Return a sender for each channel that is set up.

    If none of the channels with settings is set up, include the fallback channels. Without `sends`, the senders are
    used only to answer people.
    """
    notes = StoredNotes(store)
    chosen = {name: channel for name, channel in CHANNELS.items() if not channel.is_fallback}
    made = {name: channel.make_sender(settings, notes, sends=sends) for name, channel in chosen.items()}
    if not any(sender is not None and CHANNELS[name].settings for name, sender in made.items()):
        fallbacks = CHANNELS.keys() - chosen.keys()
        made |= {name: CHANNELS[name].make_sender(settings, notes, sends=sends) for name in fallbacks}
    return {name: sender for name, sender in made.items() if sender is not None}


def sending_leaderships(settings: Settings) -> dict[str, str]:
    """Return the leadership needed to send on each channel. Omit channels that don't need one."""
    found = {name: channel.sending_leadership(settings) for name, channel in CHANNELS.items()}
    return {name: leadership for name, leadership in found.items() if leadership is not None}


def operators(settings: Settings) -> tuple[Operator, ...]:
    """Return the chats for messages to the operator."""
    named = (each.partition(":") for each in settings.operators)
    return tuple(Operator(channel, address) for channel, _, address in named)


def chat_commands(settings: Settings, runner: Runner) -> ChatCommands:
    """Return the handler for chats. The operator's chats have commands of their own."""
    return ChatCommands(runner, OperatorCommands(runner, operators(settings), settings.stale_hours))


@asynccontextmanager
async def archivist(settings: Settings, store: Store) -> AsyncIterator[Archivist | None]:
    """Yield what hands pages to the Internet Archive, or None if that is off. Close its client when the block ends."""
    if not settings.wayback:
        yield None
        return
    poster = Poster(contact=settings.contact, allow_loopback=settings.allow_loopback, timeout=CAPTURE_WITHIN)
    wayback = Wayback(poster, settings.wayback_url, settings.wayback_keys)
    try:
        yield Archivist(store, wayback, utc_now)
    finally:
        await closed_in_time(wayback.aclose())


def fetcher(settings: Settings, now: Now = utc_now) -> Fetch:
    """Return the fetcher for all sources, not open yet."""
    return Fetch(
        clock=Clock(now=now),
        contact=settings.contact,
        limits=Limits(host_gap=settings.host_gap),
        allow_loopback=settings.allow_loopback,
    )


@asynccontextmanager
async def fetching(fetch: Fetch) -> AsyncIterator[None]:
    """Keep the fetcher open while the block runs. Afterward, close it within a time limit."""
    await fetch.__aenter__()
    try:
        yield
    finally:
        await closed_in_time(fetch.__aexit__(None, None, None))


@asynccontextmanager
async def runner(
    settings: Settings,
    store: Store,
    places: Mapping[str, Place] | None = None,
    observer: Observer | None = None,
    *,
    sends: bool = True,
    patience: float = CLOSE_WITHIN,
    now: Now = utc_now,
) -> AsyncIterator[Runner]:
    """Create a runner with an open HTTP client and senders. Close them when the block ends.

    `places` are the local sources to poll. Without `sends`, this program only answers people, and other programs
    deliver to the subscriptions. At the end, wait up to `patience` seconds for a ping that is under way.
    """
    fetch, pings = fetcher(settings, now), heartbeat(settings)
    watching = [each for each in (observer, pings) if each is not None]
    made: Mapping[str, Sender] = senders(settings, store, sends=sends)
    try:
        async with fetching(fetch):
            yield Runner(
                store=store,
                fetch=fetch,
                sources=sources(settings, store),
                channels=made,
                now=now,
                every=timedelta(seconds=settings.poll_seconds),
                page=settings.ice_url,
                public_url=settings.base_url,
                places=places or {},
                reads_added=places is not None and "local" in settings.sources,
                leadership=sending_leaderships(settings),
                ocr=Ocr() if settings.ocr else None,
                observer=Observers(watching) if watching else Unobserved(),
                started_at=utc_now(),
            )
    finally:
        if pings is not None:
            await closed_in_time(pings.close(), within=patience)
        await closed_in_time(*(sender.close() for sender in made.values()))


def free_room(settings: Settings) -> str | None:
    """Return the free room on the data folder's disk in words, or None if it isn't known or there is a database."""
    if settings.database_url is not None:
        return None
    try:
        return in_bytes(shutil.disk_usage(settings.data).free)
    except OSError:
        return None


def heartbeat(settings: Settings) -> Heartbeat | None:
    """Return what pings the operator's monitor after each good reading, or None if none is set."""
    url = settings.heartbeat_url
    return Heartbeat(url.get_secret_value(), settings.contact) if url is not None else None


async def closed_in_time(*closings: Coroutine[Any, Any, None], within: float = CLOSE_WITHIN) -> None:
    """Close clients concurrently. A client that is stuck or fails doesn't keep the store from being closed."""
    tasks = {asyncio.create_task(closing) for closing in closings}
    if not tasks:
        return
    done, late = await asyncio.wait(tasks, timeout=within)
    for task in late:
        task.cancel()
    for problem in (task.exception() for task in done):
        if problem is not None:
            log.warning("a client couldn't be closed", problem=type(problem).__name__)
    if late:
        log.warning("a client didn't close in time")
