"""`countersign demo` as a process."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OTHERS = {  # the visitor's own settings, which must not matter
    "TELEGRAM_BOT_TOKEN": "a token that isn't one",
    "DATABASE_URL": "postgresql://127.0.0.1:9/nothing",
    "COUNTERSIGN_DATA": "/nowhere",
    "COUNTERSIGN_POLL_SECONDS": "never",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
}


class Demo:
    """The demonstration as a process, with a temporary folder of its own."""

    def __init__(self, process, folder):
        self.process, self.folder = process, folder
        self.printed = ""

    def read_until(self, wanted):
        """Read what it prints until a line has a text, and return that line."""
        for line in self.process.stdout:
            self.printed += line
            if wanted in line:
                return line
        pytest.fail(f"it ended without {wanted!r}: {self.printed}")

    def address(self, of):
        return re.search(r"http://\S+", self.read_until(of))[0]

    def end(self, number=signal.SIGINT):
        """End it with a signal, and return its exit code."""
        self.process.send_signal(number)
        self.printed += self.process.stdout.read()
        return self.process.wait(120)


@contextmanager
def demonstration(folder, *options, cwd=ROOT):
    """Start a demonstration from the program in `cwd`; end it with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "demo", "--no-open", *options],
        cwd=cwd, env=os.environ | OTHERS | {"TMPDIR": str(folder), "PYTHONPATH": str(cwd)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield Demo(process, folder)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
