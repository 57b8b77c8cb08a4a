"""The web server's open connections. Each one has deadlines, and their total number is limited.

A connection is *waiting* if its request hasn't arrived completely, or if it is being kept alive for another request.
Opening a connection costs almost nothing, so an attacker can keep many of them waiting. When the limit is reached, the
connections that have waited longest are closed. This makes room for real requests, which arrive within milliseconds. A
client that has more than its share of connections gets little time for each further request. Connections that have
carried a valid signature or secret are exempt from both rules.
"""

import asyncio
import fcntl
import termios
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

import structlog

from bot.web.clients import Clients

END_OF_HEAD = b"\r\n\r\n"
TRUSTED_FOR = 3_600.0  # seconds
MOST_TRUSTED = 1_000  # clients
SPARE = 5.0  # seconds for the server to close a connection by itself, with an answer

log = structlog.get_logger()


class Stage(Enum):
    """The state of a connection."""

    HEAD = "a request line and headers are expected"
    READ = "the headers have arrived, and the program must read them"
    BODY = "the body is expected"
    BUSY = "the request is being answered"
    KEPT = "kept alive for the next request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The web server's limits. `most` and `share` are numbers of connections, and the other limits are in seconds.

    `most` is the limit for all clients together, and `share` is the limit for one client. `hurried` is how long a
    client with more than its share may take to send a request. When the server is full, connections that have waited
    longer than `pressed` (or `hurried`, while sending a body) may be closed to make room for others.
    """

    most: int = 400
    share: int = 32
    head: float = 10.0
    body: float = 30.0
    keep: float = 15.0
    hurried: float = 3.0
    pressed: float = 0.5

    def patience(self, stage: Stage) -> float:
        """Return how many seconds a connection may spend in this stage before it must make room for others."""
        return self.hurried if stage is Stage.BODY else self.pressed


@dataclass(frozen=True, slots=True)
class Access:
    """The web server's limits, and its way of telling clients apart."""

    clients: Clients = field(default_factory=Clients)
    bounds: Bounds = field(default_factory=Bounds)


class Connections:
    """All open connections, with a count of each client's connections and forwarded requests."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._open: set[Connection] = set()
        self._held: Counter[str] = Counter()
        self._trusted: dict[str, float] = {}  # clients that carried a right signature or secret, and until when

    def __len__(self) -> int:
        return len(self._open)

    def make_room(self) -> bool:
        """Return True if one more connection fits. If necessary, close the one that has waited longest."""
        if len(self._open) < self.bounds.most:
            return True
        now = asyncio.get_running_loop().time()
        longest = min((c for c in self._open if c.may_be_closed(now)), key=Connection.precedence, default=None)
        if longest is None:
            return False
        longest.close("a connection was closed to make room for others, because all were taken")
        return True

    def add(self, connection: "Connection") -> None:
        """Count a new connection."""
        self._open.add(connection)

    def discard(self, connection: "Connection") -> None:
        """Forget a connection that has ended."""
        self._open.discard(connection)

    def take(self, client: str) -> None:
        """Count one more connection or forwarded request from this client."""
        self._held[client] += 1

    def give_back(self, client: str) -> None:
        """Count one fewer connection or forwarded request from this client."""
        self._held[client] -= 1
        if self._held[client] <= 0:
            del self._held[client]

    def is_over(self, client: str | None) -> bool:
        """Return True if this client has more than its share."""
        return client is not None and self._held[client] > self.bounds.share and not self.trusts(client)

    def trust(self, client: str) -> None:
        """Remember that a request from this client had a valid signature or secret."""
        self._trusted.pop(client, None)
        self._trusted[client] = asyncio.get_running_loop().time() + TRUSTED_FOR
        if len(self._trusted) > MOST_TRUSTED:
            del self._trusted[next(iter(self._trusted))]

    def trusts(self, client: str | None) -> bool:
        """Return True if a request from this client had a valid signature or secret in the last hour."""
        return client is not None and self._trusted.get(client, 0.0) > asyncio.get_running_loop().time()

    @contextmanager
    def taken(self, client: str | None) -> Iterator[None]:
        """Count a forwarded request from this client while the block runs."""
        if client is None:
            yield
            return
        self.take(client)
        try:
            yield
        finally:
            self.give_back(client)


class Connection(asyncio.Protocol):
    """One connection. It passes everything on to aiohttp's `handler` and is closed if it is too slow.

    `client` is the name of the client at the other end. It is None if a proxy is at the other end, because a proxy
    forwards requests from many clients.
    """

    def __init__(self, handler: asyncio.Protocol, client: str | None, others: Connections) -> None:
        self.client = client
        self.bounds = others.bounds
        self._handler, self._others = handler, others
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_trusted = client is None
        self._tail = b""
        self._stage, self._since = Stage.HEAD, asyncio.get_running_loop().time()
        others.add(self)
        if client is not None:
            others.take(client)

    @property
    def is_over(self) -> bool:
        """True if the client has more than its share and this connection isn't exempt."""
        return not self._is_trusted and self._others.is_over(self.client)

    # ── what the transport reports ───────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._enter(Stage.HEAD)
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._stage is Stage.KEPT:
            self._enter(Stage.HEAD)
        if self._stage is Stage.HEAD:
            found = self._tail + data
            self._tail = found[1 - len(END_OF_HEAD) :]
            if END_OF_HEAD in found:
                self._enter(Stage.READ)
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        return self._handler.eof_received()

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.leave()
        self._transport = None
        self._handler.connection_lost(exc)

    # ── what the server reports ──────────────────────────────────────────────────────────────────────────────────────

    def expect_body(self) -> None:
        """Note that the headers of a request have been read."""
        self._enter(Stage.BODY)

    def work(self) -> None:
        """Note that the whole request has arrived and is being processed."""
        self._enter(Stage.BUSY)

    def rest(self) -> None:
        """Note that the response is ready. The client must read it and start another request before the deadline."""
        self._enter(Stage.KEPT)

    def trust(self) -> None:
        """Exempt this connection from its client's limit, because a request had a valid signature or secret."""
        if self.client is not None:
            self._others.trust(self.client)
            self._exempt(self.client)

    # ── closing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def may_be_closed(self, now: float) -> bool:
        """Return True if this connection has waited long enough to be closed to make room for others.

        A connection with unread data isn't closed, because the program may have been too busy to read the data.
        """
        if self._transport is None or self._stage in {Stage.READ, Stage.BUSY}:
            return False
        is_known = self._stage is not Stage.KEPT and self._others.trusts(self.client)
        if now - self._since < (self.bounds.head if is_known else self.bounds.patience(self._stage)):
            return False
        return not _has_unread(self._transport.get_extra_info("socket").fileno())

    def precedence(self) -> tuple[bool, float]:
        """Return a sort key for closing connections. The oldest are closed first, and trusted ones last."""
        return (self._is_trusted and self.client is not None, self._since)

    def close(self, reason: str) -> None:
        """Close the connection at once."""
        log.info(reason, client=self.client or "a proxy", summarize=True)
        self.leave()
        if self._transport is not None:
            self._transport.abort()

    def leave(self) -> None:
        """Stop counting this connection. Later calls have no effect."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._others.discard(self)
        if self.client is not None:
            self._exempt(self.client)

    def _exempt(self, client: str) -> None:
        if not self._is_trusted:
            self._is_trusted = True
            self._others.give_back(client)

    def _enter(self, stage: Stage) -> None:
        """Begin a stage. A timer that fires before its end stays, because it looks again then: timers cost time."""
        loop = asyncio.get_running_loop()
        self._stage, self._since, self._tail = stage, loop.time(), b""
        seconds, timer = self._allowed(stage), self._timer
        if seconds is None or (timer is not None and timer.when() <= self._since + seconds):
            return
        if timer is not None:
            timer.cancel()
            self._timer = None
        if self._transport is not None and not self._transport.is_closing():
            self._timer = loop.call_later(seconds, self._too_late)

    def _allowed(self, stage: Stage) -> float | None:
        """Return how many seconds a stage may last. The server itself limits the time for bodies and responses."""
        if stage is Stage.HEAD:
            return self.bounds.hurried if self.is_over else self.bounds.head
        slow = self.bounds.body + SPARE
        return {Stage.READ: slow, Stage.BODY: slow, Stage.KEPT: self.bounds.keep}.get(stage)

    def _too_late(self) -> None:
        allowed, waited = self._allowed(self._stage), asyncio.get_running_loop().time() - self._since
        self._timer = None
        if allowed is None:
            return
        if allowed - waited > 0.001:  # another stage has begun, or the client has become trusted
            self._timer = asyncio.get_running_loop().call_later(allowed - waited, self._too_late)
        elif self._transport is not None and self._stage is not Stage.KEPT:
            self.close("a connection was closed because its request didn't arrive in time")
        elif self._transport is not None:
            self.leave()
            self._transport.abort()


def _has_unread(number: int) -> bool:
    """Return True if this socket has received data that the program hasn't read yet."""
    return any(fcntl.ioctl(number, termios.FIONREAD, bytes(4)))


MakeConnection = Callable[[str], Connection]
