"""Logging to stderr, with secrets masked.

On a terminal, lines are for a person. Otherwise they are logfmt (name=value), or JSON if COUNTERSIGN_LOG=json.
"""

import json
import logging
import re
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
from bot.observability.person import IN_WORDS, ForPerson, has_color

Event = MutableMapping[str, Any]
Processor = Callable[[Any, str, Event], Event]
Renderer = Callable[[Any, str, Event], str]

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
    render = _renderer(as_json=as_json, goes_on=not quiet)
    _set_up_libraries(secrets, render)
    level = logging.WARNING if quiet else logging.DEBUG if isinstance(render, ForPerson) else logging.INFO
    structlog.configure(
        processors=[
            Summary(),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt=TIME, utc=True),
            *also,
            structlog.processors.format_exc_info,
            lambda _, __, event: masked(event, secrets),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def is_for_person(settings: Settings) -> bool:
    """Return whether the log is read by a person at a terminal."""
    return settings.log != "json" and sys.stderr.isatty()


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


def _renderer(*, as_json: bool, goes_on: bool) -> Renderer:
    if as_json:
        return lambda _, __, event: _line(_for_programs(event))
    if sys.stderr.isatty():
        return ForPerson(color=has_color(sys.stderr), goes_on=goes_on)
    return lambda _, __, event: _logfmt(_for_programs(event))


def _for_programs(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in event.items() if key != IN_WORDS}


def _set_up_libraries(secrets: tuple[str, ...], render: Renderer) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, force=True)
    for name in (*CHATTY, *(name for channel in CHANNELS.values() for name in channel.chatty_loggers)):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it also warns of errors that it raises
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)  # the next tick makes up for a skipped one
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: _mask_record(record, secrets))
        handler.setFormatter(_LikeOurs(render))


class _LikeOurs(logging.Formatter):
    """A formatter that gives log lines from libraries the same format as ours."""

    def __init__(self, render: Renderer) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).strftime(TIME),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "library": record.name,
        }
        return self._render(None, "", event | ({"exception": record.exc_text} if record.exc_text else {}))


def _logfmt(event: Mapping[str, Any]) -> str:
    """Return an event as name=value pairs, starting with its time. A value is in quotes if it needs them."""
    first = {key: event[key] for key in FIRST if key in event}
    return " ".join(f"{key}={_logfmt_value(value)}" for key, value in (first | dict(event)).items())


def _logfmt_value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    quoted = escaped_json(json.dumps(text, ensure_ascii=False))
    return text if re.fullmatch(r'[^\s="\\]+', text) and quoted == f'"{text}"' else quoted


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
