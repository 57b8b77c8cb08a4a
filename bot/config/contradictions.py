"""Settings that are valid one by one and can't work together. Nothing is asked and nothing is read."""

from collections.abc import Iterable

from bot.channels import CHANNELS
from bot.config.settings import Settings
from bot.domain.finding import Finding, warning, wrong
from bot.domain.letters import counted
from bot.domain.source_status import ICE

SHORTEST_KEY = 32  # characters


def contradictions(settings: Settings) -> list[Finding]:
    """Return what is wrong with the settings as a whole. Each channel adds what is wrong with its own."""
    return [
        *_of_secret_key(settings),
        *_of_reading(settings),
        *_of_other_ways(settings),
        *_of_channels(settings),
        *_of_web(settings),
        *_of_store(settings),
        *_of_operator(settings),
    ]


def _of_secret_key(settings: Settings) -> Iterable[Finding]:
    key = settings.secret_key.get_secret_value() if settings.secret_key is not None else None
    if key is not None and len(key) < SHORTEST_KEY:
        yield wrong(
            f"COUNTERSIGN_SECRET_KEY has {counted(len(key), 'character')} and needs at least {SHORTEST_KEY}.",
            "`openssl rand -hex 32` makes one that no one can guess.",
        )
    elif key is not None and len(set(key)) < 8:
        yield wrong(
            "COUNTERSIGN_SECRET_KEY repeats a few characters, so it can be guessed.",
            "`openssl rand -hex 32` makes one that no one can guess.",
        )


def _of_reading(settings: Settings) -> Iterable[Finding]:
    if settings.contact is None:
        yield warning(
            "COUNTERSIGN_CONTACT isn't set, so the sites we read can't reach you.",
            "Set it to an email address or a URL.",
        )
    if settings.poll_seconds >= settings.stale_hours * 3_600:
        yield wrong(
            "COUNTERSIGN_POLL_SECONDS is longer than COUNTERSIGN_STALE_HOURS, so ICE's list is always stale.",
            "Read ICE's page more often, or allow more hours.",
        )
    if settings.allow_loopback:
        yield warning(
            "COUNTERSIGN_ALLOW_LOOPBACK is on, so the program reads from this machine's own addresses.",
            "It's for tests. Remove it on a server.",
        )


def _of_other_ways(settings: Settings) -> Iterable[Finding]:
    reads_ice = ICE in settings.sources
    for name, value in {
        "COUNTERSIGN_RELAY_SECRET": settings.relay_secret,
        "COUNTERSIGN_UPSTREAM": settings.upstream,
        "COUNTERSIGN_HEARTBEAT_URL": settings.heartbeat_url,
        "COUNTERSIGN_WAYBACK_READ": settings.wayback_read or None,
    }.items():
        if value is not None and not reads_ice:
            yield wrong(
                f"{name} is set, but COUNTERSIGN_SOURCES leaves out ICE's lists.", "Add ice to COUNTERSIGN_SOURCES."
            )
    if settings.upstream is not None and settings.relay_secret is not None:
        yield warning(
            "COUNTERSIGN_UPSTREAM and COUNTERSIGN_RELAY_SECRET are both set.",
            "While a relay reports, the upstream isn't read. Keep one of them.",
        )
    if settings.wayback_keys is not None and not settings.wayback:
        yield warning("COUNTERSIGN_WAYBACK_KEYS isn't used, because COUNTERSIGN_WAYBACK is off.", "Set it to 1.")


def _of_channels(settings: Settings) -> Iterable[Finding]:
    ready = {name for name, channel in CHANNELS.items() if channel.is_set_up(settings)}
    for chat in settings.operators:
        name = chat.partition(":")[0]
        if name not in ready:
            yield wrong(
                f"COUNTERSIGN_OPERATOR names {chat}, but {name} isn't set up, so the operator hears nothing.",
                f"Set {name}'s token, or name a chat on another platform.",
            )
    for name in sorted({table.channel for table in settings.broadcast} - ready):
        yield wrong(f"A [[broadcast]] table names {name}, but {name} isn't set up.", f"Set {name}'s token.")
    if settings.admins_only and "slack" not in ready:
        yield warning("COUNTERSIGN_ADMINS_ONLY isn't used, because Slack isn't set up.", "Remove it.")
    if not ready & {name for name, channel in CHANNELS.items() if channel.settings is not None}:
        yield warning(
            "No platform is set up, so changes are only printed.", "Set TELEGRAM_BOT_TOKEN or SLACK_BOT_TOKEN."
        )


def _of_web(settings: Settings) -> Iterable[Finding]:
    asks = (settings.port, settings.public_url, settings.relay_secret, settings.serve_mirror or None)
    if settings.trusted_proxies and all(each is None for each in asks):
        yield warning("COUNTERSIGN_TRUSTED_PROXIES isn't used, because no PORT is served.", "Set PORT.")
    if settings.web_connections_per_client > settings.web_connections:
        yield wrong(
            "COUNTERSIGN_WEB_CONNECTIONS_PER_CLIENT is more than COUNTERSIGN_WEB_CONNECTIONS, so one client can keep "
            "all others out.",
            "Lower it.",
        )
    if settings.public_url is not None and settings.public_url.startswith("http://"):
        yield warning("COUNTERSIGN_PUBLIC_URL is http://, so what people send isn't encrypted.", "Use https://.")


def _of_store(settings: Settings) -> Iterable[Finding]:
    if settings.database_url is not None and "data" in settings.model_fields_set:
        yield warning(
            "DATABASE_URL is set, so the folder in COUNTERSIGN_DATA isn't used.",
            "To bring a folder along, run: countersign move",
        )


def _of_operator(settings: Settings) -> Iterable[Finding]:
    ready = any(channel.settings is not None and channel.is_set_up(settings) for channel in CHANNELS.values())
    if not settings.operators and ready:
        yield warning(
            "COUNTERSIGN_OPERATOR isn't set, so notices about held lists and failures go only to the log.",
            "Set it to your own chat, as in telegram:12345.",
        )
