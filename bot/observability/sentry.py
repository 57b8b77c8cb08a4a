"""Error reporting to Sentry, if SENTRY_DSN is set and the `sentry` extra is installed.

A report contains the error, its stack trace and our version. It doesn't contain variables, breadcrumbs or the host
name. Secrets, and anything that could identify a person or a chat, are removed from its text.
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
    "SENTRY_DSN is set, but sentry-sdk isn't installed, so errors go only to the log. "
    "Install it with: .venv/bin/pip install 'sentry-sdk>=2'"
)
FLUSH_TIMEOUT = 2.0  # seconds

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
    """A reporter that sends errors to Sentry.

    As a structlog processor, it reports each log line that has an exception.
    """

    def __init__(self, sdk: Any) -> None:
        self._sdk = sdk

    def __call__(self, _: Any, __: str, event: Event) -> Event:
        """If a log line has an exception, report it. Return the line unchanged."""
        if event.get("exc_info"):
            self.report(None if event["exc_info"] is True else event["exc_info"])
        return event

    def report(self, fault: Any = None) -> None:
        """Report an exception. The default is the exception currently being handled."""
        self._sdk.capture_exception(fault)

    def flush(self) -> None:
        """Wait up to two seconds for pending reports to be sent."""
        self._sdk.flush(FLUSH_TIMEOUT)


def reporter(settings: Settings) -> Reporter | None:
    """Return a reporter, or None if SENTRY_DSN isn't set or the package isn't installed.

    If SENTRY_DSN is set but the package is missing, log a warning. Raise ConfigError if the DSN is invalid.
    """
    if settings.sentry_dsn is None:
        return None
    try:
        import sentry_sdk  # noqa: PLC0415 - optional, so it may be missing
    except ImportError:
        log.warning(MISSING)
        return None
    try:
        _set_up(sentry_sdk, settings.sentry_dsn.get_secret_value(), settings.secrets)
    except sentry_sdk.utils.BadDsn:  # the error's own text repeats part of the DSN
        raise ConfigError(["SENTRY_DSN: it must look like https://KEY@HOST/NUMBER; copy it again"]) from None
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
    """Return a copy of an event that has only the fields we send, with private data removed from their text."""
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
