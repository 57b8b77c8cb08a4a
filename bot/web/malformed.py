"""The log for aiohttp's server. Each unreadable request gets one short line, and repeated lines are summarized."""

import logging

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

MALFORMED = (HttpProcessingError, RequestPayloadError, ConnectionError)

log = structlog.get_logger()


class _Summarized(logging.Filter):
    """Replaces the traceback for a malformed request with a short line."""

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, MALFORMED):
            log.warning("a request couldn't be read", problem=type(fault).__name__, summarize=True)
            return False
        return record.levelno >= logging.WARNING


def server_log() -> logging.Logger:
    """Return the logger for aiohttp's server.

    Its level is DEBUG, because aiohttp logs some malformed requests only at that level.
    """
    found = logging.getLogger("countersign.web")
    found.setLevel(logging.DEBUG)
    if not found.filters:
        found.addFilter(_Summarized())
    return found
