"""Logging to stderr, with secrets masked. Lines are plain text, or JSON if COUNTERSIGN_LOG=json."""

import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog

from bot.channels import CHANNELS
from bot.config.settings import Settings, load
from bot.domain.text.rich_text import escaped_json

Event = MutableMapping[str, Any]
Processor = Callable[[Any, str, Event], Event]

TIME = "%Y-%m-%dT%H:%M:%SZ"
SUMMARY_EVERY = 60.0  # seconds
FIRST = ("timestamp", "level", "event")
CHATTY = ("httpx", "httpcore", "apscheduler", "aiohttp")  # loggers that quote addresses; channels add theirs


def prepared() -> Settings:
    """Load the settings and set up logging with their secrets masked. Every command starts with this."""
    settings = load()
    set_up_logs(settings, quiet=True)
    return settings


def running() -> Settings:
    """Load the settings and set up logging for a program that runs until it is stopped."""
    settings = load()
    set_up_logs(settings, quiet=False)
    return settings


def set_up_logs(settings: Settings | None, *, quiet: bool, also: tuple[Processor, ...] = ()) -> None:
    """Send logs to stderr.

    The processors in `also` receive lines before secrets are masked. If `quiet` is true, only warnings and errors are
    logged. Each line has a time (UTC), a level, an event and a subject, such as a source, a subscription or a change.
    """
    secrets = settings.secrets if settings else ()
    as_json = settings is not None and settings.log == "json"
    _set_up_libraries(secrets, as_json=as_json)
    level = logging.WARNING if quiet else logging.INFO
    structlog.configure(
        processors=[
            Summary(),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt=TIME, utc=True),
            *also,
            structlog.processors.format_exc_info,
            lambda _, __, event: masked(event, secrets),
            _renderer(as_json=as_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


class Summary:
    """A processor that passes on lines with `summarize` at most once a minute for each event, and counts the rest.

    The limit is needed because strangers can cause these events as often as they like. `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()

    def __call__(self, _: Any, __: str, event: Event) -> Event:
        if not event.pop("summarize", False):
            return event
        name, now = str(event["event"]), self._clock()
        if now < self._next_at.get(name, now):
            self._left_out[name] += 1
            raise structlog.DropEvent
        self._next_at[name] = now + SUMMARY_EVERY
        if left_out := self._left_out.pop(name, 0):
            event["more_since_last_line"] = left_out
        return event


def _renderer(*, as_json: bool) -> Callable[[Any, str, Event], str | bytes]:
    if as_json:
        return lambda _, __, event: _line(event)
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer(colors=True)
    return structlog.processors.KeyValueRenderer(key_order=[*FIRST])


def _set_up_libraries(secrets: tuple[str, ...], *, as_json: bool) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s", force=True)
    for name in (*CHATTY, *(name for channel in CHANNELS.values() for name in channel.chatty_loggers)):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)  # the next tick makes up for a skipped one
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: _mask_record(record, secrets))
        if as_json:
            handler.setFormatter(_AsJson())


class _AsJson(logging.Formatter):
    """A formatter that turns log lines from libraries into JSON in the same format as ours."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).strftime(TIME),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "library": record.name,
        }
        return _line(event | ({"exception": record.exc_text} if record.exc_text else {}))


def _line(event: Mapping[str, Any]) -> str:
    """Return an event as one line of JSON, starting with its time."""
    first = {key: event[key] for key in FIRST if key in event}
    return escaped_json(json.dumps(first | dict(event), ensure_ascii=False, default=str))


# ── masking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def masked(value: Any, secrets: tuple[str, ...]) -> Any:
    """Return a value with all secrets masked, including those in nested values.

    A value that JSON can't represent is converted to text.
    """
    if isinstance(value, Mapping):
        return {str(key): masked(each, secrets) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(each, secrets) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return mask(str(value), secrets)


def mask(text: str, secrets: tuple[str, ...]) -> str:
    """Return the text with each secret replaced by asterisks."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _mask_record(record: logging.LogRecord, secrets: tuple[str, ...]) -> bool:
    """Mask secrets in a log record from a library, including its traceback."""
    record.msg, record.args = mask(record.getMessage(), secrets), None
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.exc_text, record.exc_info = mask(record.exc_text or "", secrets) or None, None
    return True
