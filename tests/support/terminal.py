"""A terminal of its own for a program: what it prints there, and what a person types."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 60.0  # seconds, on a busy machine
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A program on a pseudo-terminal. `raw` is everything it has printed so far."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid, self._fd = pid, fd
        self.raw = ""
        self._seen = 0

    @property
    def screen(self) -> str:
        """What it has printed, without colors and with each run of white space as one space."""
        return " ".join(_COLORS.sub("", self.raw).split())

    def wait_for(self, text: str) -> str:
        """Wait until the program prints this text, after what was waited for before. Return everything up to there."""
        until = time.monotonic() + PATIENCE
        while (at := self.screen.find(text, self._seen)) < 0:
            assert time.monotonic() < until, f"{text!r} never came:\n{self.screen[-3000:]}"
            assert self._read(), f"it ended without {text!r}:\n{self.screen[-3000:]}"
        self._seen = at + len(text)
        return self.screen[: self._seen]

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._fd, f"{line}\r".encode())

    def answer(self, question: str, line: str) -> None:
        """Wait for a question and answer it."""
        self.wait_for(question)
        self.type(line)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._fd, b"\x03")

    def ended(self) -> int:
        """Wait until the program ends and return its exit code."""
        until = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < until, self.screen[-3000:]
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)

    def _read(self) -> bool:
        """Read what there is; return False at the end."""
        if select.select([self._fd], [], [], 0.5)[0]:
            try:
                data = os.read(self._fd, 65_536)
            except OSError:  # Linux says that the other end is closed
                return False
            self.raw += data.decode(errors="replace")
            return bool(data)
        return True


@contextmanager
def on_terminal(command: Sequence[str], env: dict[str, str], cwd: Path, *, columns: int = 100):
    """Yield a terminal that runs a program; the program ends with the block."""
    pid, fd = pty.fork()
    if pid == 0:
        for number in (signal.SIGINT, signal.SIGHUP):  # the tests may run in the background, where these are ignored
            signal.signal(number, signal.SIG_DFL)
        os.chdir(cwd)
        os.execve(command[0], list(command), env)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    terminal = Terminal(pid, fd)
    try:
        yield terminal
    finally:
        terminal.close()
