"""Builds objects from the settings: the store, the sources, the senders and the runner."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.channels import CHANNELS, Sender
from bot.config import catalog
from bot.config.settings import Settings
from bot.domain.agenda import Place
from bot.fetch import Fetch, Limits
from bot.pipeline.runner import Observer, Runner, Unobserved
from bot.sources import Source
from bot.sources.ice import Ice
from bot.store import Notes, Store
from bot.store.tiny.store import TinyStore
from bot.worker.health_notices import Operator

if TYPE_CHECKING:
    from bot.store.postgres.store import PostgresStore

TOKENS = "tokens"


def utc_now() -> datetime:
    """Return the current time in UTC, without fractions of a second."""
    return datetime.now(UTC).replace(microsecond=0)


def sources(settings: Settings) -> dict[str, Source]:
    """Return the enabled sources by name."""
    made: dict[str, Source] = {"ice": Ice(settings.ice_url)}
    return {name: source for name, source in made.items() if name in settings.sources}


async def opened(settings: Settings, *, readonly: bool = False) -> "TinyStore | PostgresStore":
    """Open the store: the database at DATABASE_URL or, if that isn't set, the data folder.

    Only one program at a time can open the data folder for writing.
    """
    if settings.database_url is not None:
        from bot.store.postgres.store import PostgresStore  # noqa: PLC0415 - the library is slow to import

        return await PostgresStore.open(settings.database_url.get_secret_value())
    return TinyStore.open(settings.data, readonly=readonly)


def places(settings: Settings) -> Mapping[str, Place]:
    """Return the catalog of local sources, or an empty one if local sources are turned off."""
    return catalog.places() if "local" in settings.sources else {}


class StoredNotes:
    """One kind of the store's notes. The channels keep their tokens in the first kind."""

    def __init__(self, store: Notes, kind: str = TOKENS) -> None:
        self._store = store
        self._kind = kind

    async def get(self, key: str) -> str | None:
        """Return the text stored under a key, or None if there is none."""
        return (await self.all()).get(key)

    async def put(self, key: str, text: str) -> None:
        """Store a text under a key."""
        await self._store.note(self._kind, key, text)

    async def delete(self, key: str) -> None:
        """Delete the text stored under a key."""
        await self._store.note(self._kind, key, None)

    async def keys(self) -> Sequence[str]:
        """Return all keys."""
        return list(await self.all())

    async def all(self) -> Mapping[str, str]:
        """Return all texts by key."""
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


def operator(settings: Settings) -> Operator:
    """Return the channel and address for messages to the operator."""
    if settings.operator is None:
        return Operator()
    channel, _, address = settings.operator.partition(":")
    return Operator(channel, address)


@asynccontextmanager
async def runner(
    settings: Settings,
    store: Store,
    places: Mapping[str, Place] | None = None,
    observer: Observer | None = None,
    *,
    sends: bool = True,
) -> AsyncIterator[Runner]:
    """Create a runner with an open HTTP client and senders. Close them when the block ends.

    `places` are the local sources to poll. Without `sends`, this program only answers people, and other programs
    deliver to the subscriptions.
    """
    fetch = Fetch(
        contact=settings.contact,
        limits=Limits(host_gap=settings.host_gap),
        allow_loopback=settings.allow_loopback,
    )
    made: Mapping[str, Sender] = senders(settings, store, sends=sends)
    try:
        async with fetch:
            yield Runner(
                store=store,
                fetch=fetch,
                sources=sources(settings),
                channels=made,
                now=utc_now,
                every=timedelta(seconds=settings.poll_seconds),
                page=settings.ice_url,
                places=places or {},
                leadership=sending_leaderships(settings),
                observer=observer or Unobserved(),
            )
    finally:
        for sender in made.values():
            await sender.close()
