"""The log of aiohttp's server. A request that can't be read takes one short line, and many of them are summarized."""

import logging

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

MALFORMED = (HttpProcessingError, RequestPayloadError, ConnectionError)

log = structlog.get_logger()


class _Summarized(logging.Filter):
    """Replaces the traceback of a malformed request with a short line of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, MALFORMED):
            log.warning("a request couldn't be read", problem=type(fault).__name__, summarize=True)
            return False
        return record.levelno >= logging.WARNING


def server_log() -> logging.Logger:
    """Return the logger for aiohttp's server. It logs some malformed requests only at the level DEBUG."""
    found = logging.getLogger("countersign.web")
    found.setLevel(logging.DEBUG)
    if not found.filters:
        found.addFilter(_Summarized())
    return found
