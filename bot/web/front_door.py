"""The listening sockets. If there is no room for another connection, it waits in the kernel until there is.

asyncio's own server accepts connections without a limit. When the process runs out of file descriptors, that server
logs an error for each attempt, and it makes a hundred attempts at once.
"""

import asyncio
import errno
import socket
from collections.abc import Iterator

import structlog

from bot.web.connections import Connections, MakeConnection

BACKLOG = 2_048  # connections that wait in the kernel; Linux allows up to 4,096
AT_ONCE = 2  # connections accepted before all other work gets a turn, so that it isn't held up by many at once
NO_PLACE, NO_FILES = 0.02, 1.0  # seconds until the next try
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
NO_IPV6 = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

log = structlog.get_logger()


class FrontDoor:
    """Accepts connections on a port and passes each one to the protocol that `make` returns.

    It listens on all interfaces or, if `is_local` is true, only to this machine.
    """

    def __init__(self, port: int, connections: Connections, make: MakeConnection, *, is_local: bool = False) -> None:
        self._connections, self._make = connections, make
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._sockets = list(_bound(port, is_local=is_local))
        self._open()

    def close(self) -> None:
        """Stop accepting connections."""
        self._stop()
        for listening in self._sockets:
            listening.close()

    def _open(self) -> None:
        self._timer = None
        for listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def _stop(self) -> None:
        for listening in self._sockets:
            self._loop.remove_reader(listening)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pause(self, seconds: float) -> None:
        """Stop accepting connections for a while. Otherwise, the kernel would keep reporting the waiting ones."""
        self._stop()
        self._timer = self._loop.call_later(seconds, self._open)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            if not self._connections.make_room():
                self._pause(NO_PLACE)
                return
            try:
                accepted, address = listening.accept()
            except OSError as fault:
                if fault.errno in EXHAUSTED:
                    log.warning("can't accept connections", problem=fault.strerror, summarize=True)
                    self._pause(NO_FILES)
                return  # none is waiting, or the one that was has gone
            self._begin(accepted, str(address[0]))

    def _begin(self, accepted: socket.socket, peer: str) -> None:
        accepted.setblocking(False)
        connection = self._make(peer)

        async def start() -> None:
            try:
                await self._loop.connect_accepted_socket(lambda: connection, accepted)
            except OSError:  # it has gone
                connection.leave()
                accepted.close()

        task = self._loop.create_task(start())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)


def _bound(port: int, *, is_local: bool) -> Iterator[socket.socket]:
    """Yield a listening socket for IPv4 and, if the machine supports it, one for IPv6."""
    here, here_too = ("127.0.0.1", "::1") if is_local else ("0.0.0.0", "::")  # noqa: S104 - for the whole network
    made = [socket.create_server((here, port), backlog=BACKLOG)]
    try:
        made.append(socket.create_server((here_too, port), family=socket.AF_INET6, backlog=BACKLOG))
    except OSError as fault:
        if fault.errno not in NO_IPV6:
            made[0].close()
            raise
    for listening in made:
        listening.setblocking(False)
        yield listening
