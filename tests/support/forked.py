"""Commands in processes of their own that are forked from one which has imported the program, once for all tests.

Importing it takes most of the time of a short command. What is forked has its own arguments, environment, folder and
output, and the room for files that the test has; a test that means the start of the program itself starts it.
"""

import atexit
import gc
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import BinaryIO

TESTS = Path(__file__).parents[1]
IMPORTED = ("bot.cli.main", "bot.channels.slack.sender", "bot.channels.telegram.sender", "bot.store.postgres.store", "bot.sources.local.legistar",
            "bot.sources.local.civicclerk", "bot.sources.local.primegov", "bot.sources.local.civicplus", "bot.sources.local.page")  # fmt: skip


class Forge:
    """The process that has imported the program; asked through a socket."""

    def __init__(self) -> None:
        self.asks, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, str(Path(__file__)), str(theirs.fileno())]
        paths = os.pathsep.join([str(TESTS.parent), str(TESTS)])
        self._process = subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": paths}, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        atexit.register(self.close)

    def run(
        self, words: Sequence[str], env: Mapping[str, str], cwd: Path | None, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; as `subprocess.run` says what came of it."""
        outs, ins = zip(os.pipe(), os.pipe(), strict=True)
        room = resource.getrlimit(resource.RLIMIT_FSIZE)
        request = json.dumps({"words": words, "env": dict(env), "cwd": str(cwd or Path.cwd()), "room": room}).encode()
        socket.send_fds(self.asks, [request], ins)
        for fd in ins:
            os.close(fd)
        child = int(self.asks.recv(64))
        said: dict[int, str] = {}
        readers = [Thread(target=_read, args=(os.fdopen(fd, "rb"), said, fd), daemon=True) for fd in outs]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(timeout)
        if any(reader.is_alive() for reader in readers):
            os.kill(child, signal.SIGKILL)
            self.asks.recv(64)
            raise subprocess.TimeoutExpired(list(words), timeout)
        code = int(self.asks.recv(64))
        return subprocess.CompletedProcess(list(words), code, said[outs[0]], said[outs[1]])

    def close(self) -> None:
        """End it."""
        self.asks.close()
        self._process.wait()


def _read(stream: BinaryIO, into: dict[int, str], fd: int) -> None:
    with stream:
        into[fd] = stream.read().decode()


@cache
def forge() -> Forge:
    """The one of this process."""
    return Forge()


# ── in the process that has imported the program ─────────────────────────────────────────────────────────────────────


def _serve(asks: socket.socket) -> int:
    """Fork a process for each request; in that process, be the command that was typed, until it ends."""
    for name in IMPORTED:
        import_module(name)
    gc.freeze()
    while True:
        request, fds, *_ = socket.recv_fds(asks, 1 << 20, 2)
        if not request:
            return 0
        child = os.fork()
        if child == 0:
            asks.close()
            return _be(json.loads(request), fds)
        for fd in fds:
            os.close(fd)
        asks.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        asks.send(str(os.waitstatus_to_exitcode(status)).encode())


def _be(request: dict, fds: Sequence[int]) -> int:
    from bot.cli.main import command_line

    for fd, standard in zip(fds, (1, 2), strict=True):
        os.dup2(fd, standard)
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_FSIZE, request["room"])
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = [str(TESTS.parent / "bot" / "__main__.py"), *request["words"]]
    return command_line()


if __name__ == "__main__":
    sys.exit(_serve(socket.socket(fileno=int(sys.argv[1]))))
