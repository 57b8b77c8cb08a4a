"""Run commands in processes forked from one that has already imported the program.

Importing it takes most of the time of a short command. A forked command has its own arguments, environment, folder and
output, and the test's own limit on file sizes. A test of how the program starts must start a real process instead.
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
# The program imports these when it first needs them; the backend of anyio is chosen at the first connection.
IMPORTED = (
    "bot.cli.main", "bot.app.check", "bot.app.web_wiring", "bot.channels.slack.sender", "bot.channels.telegram.sender",
    "bot.channels.webhook.sender", "bot.store.postgres.store", "bot.sources.formats.html", "bot.domain.agendas.detect",
    "anyio._backends._asyncio", "bs4",
    *(f"bot.sources.local.{path.stem}" for path in sorted((TESTS.parent / "bot" / "sources" / "local").glob("[!_]*.py"))),
)  # fmt: skip


class CommandForker:
    """Starts the process that imports the program, and asks it through a socket to fork."""

    def __init__(self) -> None:
        self.requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
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
        """Run a command to its end and return the same as `subprocess.run`."""
        outs, ins = zip(os.pipe(), os.pipe(), strict=True)
        room = resource.getrlimit(resource.RLIMIT_FSIZE)
        request = json.dumps({"words": words, "env": dict(env), "cwd": str(cwd or Path.cwd()), "room": room}).encode()
        socket.send_fds(self.requests, [request], ins)
        for fd in ins:
            os.close(fd)
        child = int(self.requests.recv(64))
        output: dict[int, str] = {}
        readers = [Thread(target=_read, args=(os.fdopen(fd, "rb"), output, fd), daemon=True) for fd in outs]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(timeout)
        if any(reader.is_alive() for reader in readers):
            os.kill(child, signal.SIGKILL)
            self.requests.recv(64)
            raise subprocess.TimeoutExpired(list(words), timeout)
        code = int(self.requests.recv(64))
        return subprocess.CompletedProcess(list(words), code, output[outs[0]], output[outs[1]])

    def close(self) -> None:
        """End the process."""
        self.requests.close()
        self._process.wait()


def _read(stream: BinaryIO, into: dict[int, str], fd: int) -> None:
    with stream:
        into[fd] = stream.read().decode()


@cache
def forker() -> CommandForker:
    """Return the one forker of this test process."""
    return CommandForker()


# ── in the process that has imported the program ─────────────────────────────────────────────────────────────────────


def _load_certificates() -> None:
    """Load what each process would load for its first request."""
    from bot.fetch.certificates import certificates

    certificates()
    certificates(trust_env=True)


def _without_clone() -> None:
    """Let commands find no data folder in this clone, where `make run` may have put one."""
    from bot.config import data_folder

    data_folder.CLONE = Path("/no/clone")


def _serve(requests: socket.socket) -> int:
    """Fork a process for each request, and run its command there."""
    for name in IMPORTED:
        import_module(name)
    _without_clone()
    _load_certificates()
    gc.freeze()
    while True:
        request, fds, *_ = socket.recv_fds(requests, 1 << 20, 2)
        if not request:
            return 0
        child = os.fork()
        if child == 0:
            requests.close()
            return _run_command(json.loads(request), fds)
        for fd in fds:
            os.close(fd)
        requests.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        requests.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run_command(request: dict, fds: Sequence[int]) -> int:
    from bot.cli.main import command_line

    for fd, standard in zip(fds, (1, 2), strict=True):
        os.dup2(fd, standard)
        os.close(fd)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = [str(TESTS.parent / "bot" / "__main__.py"), *request["words"]]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (request["room"][0], before[1]))
    try:
        return command_line()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)  # coverage writes its data when the process exits


if __name__ == "__main__":
    sys.exit(_serve(socket.socket(fileno=int(sys.argv[1]))))
