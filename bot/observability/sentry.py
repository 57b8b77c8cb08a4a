"""Errors that nobody foresaw, to Sentry: where SENTRY_DSN is set and the package is there (the extra `sentry`).

What leaves is the error, its stack and our version: no variables, no breadcrumbs, no host, and of every text neither
secrets nor what could tell a person or a chat.
"""

import re
from collections.abc import Mapping
from typing import Any

import structlog

from bot import __version__
from bot.config.settings import Settings
from bot.errors import ConfigError
from bot.observability.logs import Event, mask

KEPT = ("event_id", "timestamp", "platform", "level", "release", "exception", "message", "logger", "tags", "sdk")
MISSING = (
    "SENTRY_DSN is set, but sentry-sdk is not installed, so that errors go to the log alone. "
    "Install it with: .venv/bin/pip install 'sentry-sdk>=2'"
)
FLUSHED_WITHIN = 2.0  # seconds

_PRIVATE = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "<address>"),
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "<e-mail>"),
    (re.compile(r"\bxox[a-z]-[\w-]+|\bxapp-[\w-]+"), "<token>"),
    (re.compile(r"\b\d{6,}:[\w-]{20,}"), "<token>"),
    (re.compile(r"\b[ABCDEGTUW][A-Z0-9]{8,}\b"), "<id>"),
    (re.compile(r"(?<![\w.])[-@]?\d{5,}\b|(?<![\w.])@\w+"), "<id>"),
)

log = structlog.get_logger()


class Reporter:
    """Sends errors on. A processor of structlog's, too: a line that comes with an exception is one to send."""

    def __init__(self, sdk: Any) -> None:
        self._sdk = sdk

    def __call__(self, _: Any, __: str, event: Event) -> Event:
        """Send the exception of a line that has one; the line goes on as it is."""
        if event.get("exc_info"):
            self.report(None if event["exc_info"] is True else event["exc_info"])
        return event

    def report(self, fault: Any = None) -> None:
        """Send an exception, the one that is being dealt with by default."""
        self._sdk.capture_exception(fault)

    def flush(self) -> None:
        """Wait until all is sent, not for long."""
        self._sdk.flush(FLUSHED_WITHIN)


def reporter(settings: Settings) -> Reporter | None:
    """Whoever sends errors on; None where nothing is to be sent or can be (the log says so)."""
    if settings.sentry_dsn is None:
        return None
    try:
        import sentry_sdk  # noqa: PLC0415 - an extra, which may be missing
    except ImportError:
        log.warning(MISSING)
        return None
    try:
        _set_up(sentry_sdk, settings.sentry_dsn.get_secret_value(), settings.secrets)
    except sentry_sdk.utils.BadDsn:  # its text repeats a part of it
        raise ConfigError(["SENTRY_DSN: it must be as in https://KEY@HOST/NUMBER; copy it again"]) from None
    return Reporter(sentry_sdk)


def _set_up(sdk: Any, dsn: str, secrets: tuple[str, ...]) -> None:
    sdk.init(
        dsn=dsn,
        release=f"countersign@{__version__}",
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        server_name="",
        before_send=lambda event, _: scrubbed(event, secrets),
    )


def scrubbed(event: Mapping[str, Any], secrets: tuple[str, ...]) -> Any:
    """What may leave of an event."""
    return {key: _clean(value, secrets) if key != "event_id" else value for key, value in event.items() if key in KEPT}


def _clean(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {key: _clean(each, secrets) for key, each in value.items() if key not in {"vars", "abs_path"}}
    if isinstance(value, list | tuple):
        return [_clean(each, secrets) for each in value]
    if not isinstance(value, str):
        return value
    value = mask(value, secrets)
    for pattern, instead in _PRIVATE:
        value = pattern.sub(instead, value)
    return value
