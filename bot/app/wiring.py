"""From settings to the things that they describe: store, sources, channels, desk."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bot.channels import CHANNELS, Channel
from bot.config import catalog
from bot.config.settings import Settings
from bot.domain.agenda import Place
from bot.fetch import Fetch, Limits
from bot.pipeline.runner import Observer, Runner, Unobserved
from bot.sources import Source
from bot.sources.ice import Ice
from bot.store import Store
from bot.store.tiny.store import TinyStore
from bot.worker.health_notices import Operator

if TYPE_CHECKING:
    from bot.channels.slack.oauth import OAuth
    from bot.store.postgres.store import PostgresStore

TOKENS = "tokens"


def utc_now() -> datetime:
    """The clock, in UTC and whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def sources(settings: Settings) -> dict[str, Source]:
    """The enabled sources by name."""
    made: dict[str, Source] = {"ice": Ice(settings.ice_url)}
    return {name: source for name, source in made.items() if name in settings.sources}


async def opened(settings: Settings, *, readonly: bool = False) -> "TinyStore | PostgresStore":
    """The store that is set up: the database of DATABASE_URL, else the data folder, whose one writer this becomes."""
    if settings.database_url is not None:
        from bot.store.postgres.store import PostgresStore  # noqa: PLC0415 - the library is slow to import

        return await PostgresStore.open(settings.database_url.get_secret_value())
    return TinyStore.open(settings.data, readonly=readonly)


def places(settings: Settings) -> Mapping[str, Place]:
    """The catalogue of local sources; empty where they are switched off."""
    return catalog.places() if "local" in settings.sources else {}


class StoredNotes:
    """The store's notes of one kind, as the vault keeps its texts in them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, key: str) -> str | None:
        """The text of a key."""
        return (await self._store.notes(TOKENS)).get(key)

    async def put(self, key: str, text: str) -> None:
        """Keep a text."""
        await self._store.note(TOKENS, key, text)

    async def delete(self, key: str) -> None:
        """Erase a text."""
        await self._store.note(TOKENS, key, None)

    async def keys(self) -> Sequence[str]:
        """All keys."""
        return list(await self._store.notes(TOKENS))


def slack_oauth(settings: Settings, store: Store) -> "OAuth | None":
    """What it takes for other workspaces to install the app; None where the operator has not set all of it."""
    needed = (settings.slack_client_id, settings.slack_client_secret, settings.public_url, settings.secret_key)
    if settings.slack_client_id is None or None in needed or settings.slack_signing_secret is None:
        return None
    from bot.channels.slack.oauth import OAuth, Workspaces  # noqa: PLC0415 - the library is slow to import
    from bot.channels.slack.token_vault import Vault  # noqa: PLC0415 - the same

    vault = Vault(_plain(settings.secret_key), StoredNotes(store))
    return OAuth(
        client_id=settings.slack_client_id,
        client_secret=_plain(settings.slack_client_secret),
        public_url=settings.public_url or "",
        vault=vault,
        workspaces=Workspaces(vault),
    )


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


def channels(settings: Settings, store: Store, *, sends: bool = True) -> dict[str, Channel]:
    """The channels that are set up; the console only while no other is. Without `sends` they are for answers alone."""
    made: dict[str, Channel] = {}
    if settings.telegram_bot_token is not None:
        token = _plain(settings.telegram_bot_token)
        made["telegram"] = CHANNELS["telegram"](token=token, base_url=settings.telegram_api_url, sends=sends)
    oauth = slack_oauth(settings, store)
    if settings.slack_bot_token is not None or oauth is not None:
        made["slack"] = CHANNELS["slack"](
            token=_plain(settings.slack_bot_token) or None,
            tokens=oauth.workspaces.token if oauth is not None else None,
            base_url=settings.slack_api_url,
        )
    only = made or {"console": CHANNELS["console"]()}
    return {**only, "apprise": CHANNELS["apprise"]()}


def elections(settings: Settings) -> dict[str, str]:
    """For each channel whose pace holds for a whole bot token: what its one sender is elected to."""
    token = settings.telegram_bot_token
    return {"telegram": f"sender telegram {_plain(token).partition(':')[0]}"} if token is not None else {}


def operator(settings: Settings) -> Operator:
    """Where the operator wants to be told."""
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
    """The desk with its doors open: one HTTP client, the channels; closed at the end.

    `places` are those to watch. Without `sends` other programs tell the subscriptions, and this one answers people.
    """
    fetch = Fetch(
        contact=settings.contact,
        limits=Limits(host_gap=settings.host_gap),
        allow_loopback=settings.allow_loopback,
    )
    made: Mapping[str, Channel] = channels(settings, store, sends=sends)
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
                elections=elections(settings),
                observer=observer or Unobserved(),
            )
    finally:
        for channel in made.values():
            await channel.close()
