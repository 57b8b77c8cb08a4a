"""From settings to the things that they describe: store, sources, channels, desk."""

import logging
import sys
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import SecretStr

from bot import catalogue
from bot.channels import CHANNELS, Channel
from bot.config import Settings, load
from bot.domain.local import Place
from bot.duty import Desk
from bot.fetch import Fetch
from bot.notify import Operator
from bot.sources import Source
from bot.sources.ice import Ice
from bot.store import Store
from bot.store.tiny import TinyStore

if TYPE_CHECKING:
    from bot.channels.slack_install import OAuth
    from bot.store.postgres import PostgresStore

TOKENS = "tokens"


def utc_now() -> datetime:
    """The clock, in UTC and whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def prepared(*, quiet: bool = True) -> Settings:
    """What every command begins with: the settings, and logs that show no secret of theirs."""
    settings = load()
    set_up_logs(settings, quiet=quiet)
    return settings


def set_up_logs(settings: Settings | None, *, quiet: bool) -> None:
    """Logs go to stderr; secrets are masked; libraries that log addresses are silenced."""
    secrets = settings.secrets if settings else ()
    level = logging.WARNING if quiet else logging.INFO
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s", force=True)
    for name in ("httpx", "httpcore", "apscheduler", "telegram", "slack_sdk", "slack_bolt", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("apscheduler.scheduler").setLevel(
        logging.ERROR
    )  # a tick that is skipped is caught up by the next
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: _mask_record(record, secrets))
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%SZ", utc=True),
            structlog.processors.format_exc_info,
            lambda _, __, event: _masked(event, secrets),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
            if sys.stderr.isatty()
            else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _masked(event: MutableMapping[str, Any], secrets: tuple[str, ...]) -> MutableMapping[str, Any]:
    return {key: _mask(value, secrets) if isinstance(value, str) else value for key, value in event.items()}


def _mask_record(record: logging.LogRecord, secrets: tuple[str, ...]) -> bool:
    record.msg, record.args = _mask(record.getMessage(), secrets), None
    return True


def _mask(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def sources(settings: Settings) -> dict[str, Source]:
    """The enabled sources by name."""
    made: dict[str, Source] = {"ice": Ice(settings.ice_url)}
    return {name: source for name, source in made.items() if name in settings.sources}


async def opened(settings: Settings, *, readonly: bool = False) -> "TinyStore | PostgresStore":
    """The store that is set up: the database of DATABASE_URL, else the data folder, whose one writer this becomes."""
    if settings.database_url is not None:
        from bot.store.postgres import PostgresStore  # noqa: PLC0415 - the library is slow to import

        return await PostgresStore.open(settings.database_url.get_secret_value())
    return TinyStore.open(settings.data, readonly=readonly)


def places(settings: Settings) -> Mapping[str, Place]:
    """The catalogue of local sources; empty where they are switched off."""
    return catalogue.places() if "local" in settings.sources else {}


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
    from bot.channels.slack_install import OAuth, Workspaces  # noqa: PLC0415 - the library is slow to import
    from bot.channels.vault import Vault  # noqa: PLC0415 - the same

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


def channels(settings: Settings, store: Store) -> dict[str, Channel]:
    """The channels that are set up; the console only while no other is."""
    made: dict[str, Channel] = {}
    if settings.telegram_bot_token is not None:
        token = _plain(settings.telegram_bot_token)
        made["telegram"] = CHANNELS["telegram"](token=token, base_url=settings.telegram_api_url)
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
async def desk(settings: Settings, store: Store, places: Mapping[str, Place] | None = None) -> AsyncIterator[Desk]:
    """The desk with its doors open: one HTTP client, the channels; closed at the end. `places` are those to watch."""
    fetch = Fetch(
        contact=settings.contact,
        host_gap=settings.host_gap,
        allow_loopback=settings.allow_loopback,
    )
    made: Mapping[str, Channel] = channels(settings, store)
    try:
        async with fetch:
            yield Desk(
                store=store,
                fetch=fetch,
                sources=sources(settings),
                channels=made,
                now=utc_now,
                every=timedelta(seconds=settings.poll_seconds),
                page=settings.ice_url,
                places=places or {},
                elections=elections(settings),
            )
    finally:
        for channel in made.values():
            await channel.close()
