"""Install the packages of a requirements file with pip, and show how far it is. `make` runs it with the venv's Python.

    python scripts/install.py requirements.txt "what Countersign needs" [options for pip]

On a terminal, one line counts; elsewhere (a log, a dumb terminal), a line comes now and then. If pip fails, its own
words are printed, or one sentence if it can't reach its packages.
"""

import os
import re
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import Self

from pip._vendor.packaging.markers import Marker

SAID = re.compile(r"(Collecting|Requirement already satisfied:) ")
LOOK_EVERY = 0.3  # seconds
LINE_EVERY = 8.0  # seconds, where there is no terminal
LAST_WORDS = 30  # lines of pip's output to print if it fails
GAVE_UP = re.compile(r"Retry\(total=0.* after connection broken by '(.*)': ")
NOISE = re.compile(r"Ignoring \w|Looking in (indexes|links): |WARNING: Retrying ")
OFFLINE = (
    "pip can't reach the site that it gets packages from. Is this machine online? If it needs a proxy, set "
    "HTTPS_PROXY.\npip says: {}\n"
)


class Progress:
    """The progress of pip: packages found first, then packages installed."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.found = 0
        self._before = self._installed()
        self._on_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._said = ""
        self._begun = self._said_at = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._show_until_done, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._on_terminal and self._said:
            print("\r" + " " * len(self._said) + "\r", end="", flush=True)

    def _show_until_done(self) -> None:
        while not self._done.wait(LOOK_EVERY):
            installed = self._installed() - self._before
            doing, number = ("Installing", installed) if installed > 0 else ("Downloading", self.found)
            seconds = int(time.monotonic() - self._begun)  # so that something moves while a large package arrives
            self._show(f"  {doing} packages: {min(number, self.total)} of {self.total}, {seconds} s")

    def _show(self, line: str) -> None:
        if line == self._said:
            return
        if self._on_terminal:
            print("\r" + line.ljust(len(self._said)), end="", flush=True)
        elif time.monotonic() - self._said_at < LINE_EVERY:
            return
        else:
            print(line, flush=True)
        self._said, self._said_at = line, time.monotonic()

    @staticmethod
    def _installed() -> int:
        return sum(1 for _ in Path(sysconfig.get_paths()["purelib"]).glob("*.dist-info"))


def needed_here(requirements: str) -> list[str]:
    """Return the lines that name a package, except those for other systems or versions of Python."""
    lines = re.findall(r"^[A-Za-z0-9][^\\\n]*", requirements, re.MULTILINE)
    markers = ((line, line.partition(";")[2].strip()) for line in lines)
    return [line for line, marker in markers if not marker or Marker(marker).evaluate()]


def last_words(words: list[str]) -> str:
    """Return why pip failed: in one sentence if it can't reach its packages, else as its last lines say."""
    gave_up = next(filter(None, map(GAVE_UP.search, words)), None)
    if gave_up is not None:
        return OFFLINE.format(re.sub(r"<[^>]*>: ", "", gave_up[1]))
    return "".join([line for line in words if not NOISE.match(line)][-LAST_WORDS:])


def main(requirements: str, what: str, *options: str) -> int:
    """Install the packages. Return pip's exit code."""
    total = len(needed_here(Path(requirements).read_text(encoding="utf-8")))
    print(f"Installing {what}: {total} packages. This takes about a minute.", flush=True)
    begun = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
    ]
    pip = subprocess.Popen(
        [*command, *options, "-r", requirements], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert pip.stdout is not None
    words: list[str] = []
    with Progress(total) as progress:
        for line in pip.stdout:
            words.append(line)
            progress.found += bool(SAID.match(line))
    code = pip.wait()
    if code:
        print(last_words(words), end="", file=sys.stderr)
    else:
        print(f"Installed in {time.monotonic() - begun:.0f} seconds.", flush=True)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:  # pip got it, too
        sys.exit(130)
