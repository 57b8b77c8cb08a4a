"""A cache of robots.txt files.

Each site's file is read once a day. If a read fails, the last copy is kept. The cost of parsing a file is limited.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import structlog
from protego import Protego

from bot.errors import SourceError, Unreadable, Unsafe
from bot.fetch.client import TransientError

PRODUCT = "Countersign"
ROBOTS_BYTES = 500 * 1024  # RFC 9309 requires reading at least this much
ORIGINS = 1024  # files kept; the oldest is dropped first
_FRESH = 86_400.0  # seconds
_AGAIN = 600.0  # seconds until the next try while the last known copy is in use

log = structlog.get_logger()


@dataclass(slots=True)
class _Copy:
    """The last known robots.txt of one origin. `rules` is None until the file has been read successfully."""

    rules: Protego | None = None
    again_at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class RobotsCache:
    """A cache of the robots.txt file of each origin.

    `read` fetches the body of one file. `monotonic` is a clock that returns seconds.
    """

    def __init__(self, read: Callable[[httpx.URL], Awaitable[bytes]], monotonic: Callable[[], float]) -> None:
        self._read = read
        self._monotonic = monotonic
        self._copies: dict[str, _Copy] = {}

    def __len__(self) -> int:
        return len(self._copies)

    async def rules(self, url: httpx.URL) -> Protego:
        """Return the rules for the site of this URL. Fetch robots.txt first if there is no fresh copy."""
        origin = f"{url.scheme}://{url.host}:{url.port}"
        if origin not in self._copies and len(self._copies) >= ORIGINS:
            del self._copies[next(iter(self._copies))]
        copy = self._copies.setdefault(origin, _Copy())
        async with copy.lock:  # so that many requests to one site read robots.txt only once
            if copy.rules is None or self._monotonic() >= copy.again_at:
                await self._refresh(copy, url.join("/robots.txt"))
        assert copy.rules is not None
        return copy.rules

    async def _refresh(self, copy: _Copy, url: httpx.URL) -> None:
        """Fetch robots.txt again. If that fails, keep the last copy, or raise the error if there is none.

        A file that was reached but can't be read, such as one with a redirect loop, counts as having no rules (RFC
        9309).
        """
        fresh = _FRESH
        try:
            copy.rules = Protego.parse(robots_text(await self._read(url)))
        except (Unsafe, Unreadable) as useless:
            log.debug("robots.txt can't be read", host=url.host, fault=str(useless))
            copy.rules, fresh = copy.rules or Protego.parse(""), _AGAIN
        except (TransientError, SourceError) as trouble:
            fault = trouble.fault if isinstance(trouble, TransientError) else trouble
            if copy.rules is None:
                told = type(fault)(
                    f"robots.txt couldn't be read, so we asked for nothing else: {fault}", retry_after=fault.retry_after
                )
                raise (TransientError(told) if isinstance(trouble, TransientError) else told) from trouble
            log.debug("still using the earlier robots.txt", host=url.host, fault=str(fault))
            fresh = _AGAIN
        copy.again_at = self._monotonic() + fresh


_AGENT_LINE = re.compile(r"^[ \t]*user[- ]?agent[ \t]*:?[ \t]*([^#]*)", re.IGNORECASE)


def robots_text(body: bytes) -> str:
    """Return the text of a robots.txt file, with the same placeholder name for all robots except ours and `*`.

    Protego copies each rule to every agent in its group. A file with 250 KiB of agents followed by 250 KiB of rules
    would lead to 300 million copies.
    """
    if len(body) >= ROBOTS_BYTES:
        body = body[: body.rfind(b"\n") + 1]  # a partial rule may forbid more than the whole rule
    lines = body.decode("utf-8", errors="replace").removeprefix("\ufeff").splitlines()
    return "\n".join(_AGENT_LINE.sub(_agent_line, line) for line in lines)


def _agent_line(line: re.Match[str]) -> str:
    name = line[1].strip().lower()
    known = name if name == "*" else PRODUCT if PRODUCT.lower() in name else "somebody-else"
    return f"User-agent: {known}"
