"""The program as a person runs it: a process with an environment, beside ICE, Telegram and Slack on loopback."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path

from support.archive import ARCHIVE
from support.forked_commands import forker
from support.loopback.ice import LoopbackIce
from support.loopback.server import Message
from support.loopback.slack import LoopbackSlack
from support.loopback.telegram import LoopbackTelegram
from support.waiting import wait_for
from support.workbooks import workbook

HEADER = ["STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "COUNTY", "SUPPORT TYPE", "SIGNED", "MOA", "ADDENDUM"]

PROGRAM = [sys.executable, "-m", "bot"]
LONGEST_COMMAND = 120  # seconds, on a busy machine


def _done(command: list[str], env: dict[str, str], cwd: Path | None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; fork it if it is the program itself."""
    if command[: len(PROGRAM)] == PROGRAM:
        return forker().run(command[len(PROGRAM) :], env, cwd, timeout=LONGEST_COMMAND)
    return subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, timeout=LONGEST_COMMAND, check=False
    )


class World:
    """ICE, Telegram and Slack on loopback, and a data folder; runs and starts the program among them."""

    def __init__(self, ice, telegram, slack, folder: Path) -> None:
        self.ice, self.telegram, self.slack, self.folder = ice, telegram, slack, folder
        self.home: Path | None = None  # the folder the program starts in, if it matters

    @property
    def env(self) -> dict[str, str]:
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("COUNTERSIGN_", "TELEGRAM_", "SLACK_", "DATABASE_"))
        }
        return kept | {
            "COUNTERSIGN_DATA": str(self.folder),
            "COUNTERSIGN_ICE_URL": self.ice.url,
            "COUNTERSIGN_SOURCES": "ice" if self.home is None else "ice,local",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "COUNTERSIGN_ALLOW_LOOPBACK": "1",
            "COUNTERSIGN_HOST_GAP": "0",
            "COUNTERSIGN_CONTACT": "desk@example.org",
            "TELEGRAM_BOT_TOKEN": self.telegram.token,
            "TELEGRAM_API_URL": self.telegram.url,
            "SLACK_BOT_TOKEN": self.slack.token,
            "SLACK_API_URL": self.slack.url,
        }

    def command(self, *words: str, **env: str) -> list[str]:
        return [*PROGRAM, *words]

    def run(self, *words: str, expect: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. Check that its exit code is as expected and that it prints no traceback."""
        done = _done(self.command(*words), self.env | env, self.home or self.folder.parent)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == expect, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done

    def lines(self, *words: str, **options) -> list[dict]:
        """Return the objects that a command prints as JSON lines."""
        return [json.loads(line) for line in self.run(*words, "--json", **options).stdout.splitlines()]

    def start(self, *words: str, log: Path | None = None, **env: str) -> subprocess.Popen[str]:
        """Start a program that runs until it is stopped; with `log`, write its output to that file."""
        with nullcontext(subprocess.PIPE) if log is None else log.open("wb") as out:
            return subprocess.Popen(
                self.command(*words),
                env=self.env | env,
                cwd=self.home or self.folder.parent,
                stdout=out,
                stderr=out,
                text=True,
            )

    @contextmanager
    def running(self, log: Path, *said: str, **env: str) -> Iterator[Path]:
        """Run the program until the block ends, which begins once the log has said each of these words."""
        child = self.start("run", log=log, **env)
        try:
            wait_for(lambda: all(word in log.read_text() for word in said))
            yield log
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(60)

    def catalog(self, state: str, text: str) -> None:
        """Make this the whole catalog of local sources."""
        self.home = self.folder.parent / "home"
        (self.home / "config" / "sources").mkdir(parents=True, exist_ok=True)
        (self.home / "config" / "sources" / f"{state}.toml").write_text(text, encoding="utf-8")

    def publish(self, name: str, *, scheme: str = "A") -> None:
        """Publish a list from the archive as ICE did, under its own name."""
        day = datetime.strptime(name[-15:-7] + "+0000", "%m%d%Y%z")
        at = day + timedelta(hours=9 if name.endswith("am.xlsx") else 17)
        self.ice.publish(name, (ARCHIVE / "participating" / name).read_bytes(), at=at, scheme=scheme)

    def publish_rows(self, name: str, rows: list[list], *, at: datetime, scheme: str = "A", **options) -> None:
        """Publish a list of our own; the name goes into it, so that no two have the same bytes."""
        self.ice.publish(name, workbook(rows, header=HEADER, **{"title": name} | options), at=at, scheme=scheme)


def texts(messages: Iterable[Message], chat: str) -> str:
    """Return the texts that arrived in one chat."""
    return "\n".join(message.text for message in messages if message.chat == chat)


@contextmanager
def world(folder: Path):
    """Yield a fresh world; everything in it ends with the block."""
    with ExitStack() as stack:
        ice = stack.enter_context(LoopbackIce().run_in_thread())
        telegram = stack.enter_context(LoopbackTelegram().run_in_thread())
        slack = stack.enter_context(LoopbackSlack().run_in_thread())
        yield World(ice, telegram, slack, folder)


def row(
    state: str, agency: str, support: str = "Task Force Model", signed: datetime | None = None, county: str = ""
) -> list:
    """Return a row of the participating list."""
    kind = "County" if "County" in agency else "Municipality"
    return [state, agency, kind, county, support, signed, "link pending", None]


def typed_in(folder: Path, *words: str, expect: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in its own folder, with nothing set up. Check its exit code and that it prints no traceback."""
    done = _done([*PROGRAM, *words], bare_env(folder, **env), folder)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == expect, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def bare_env(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment that sets only the data folder and allows loopback."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COUNTERSIGN_", "TELEGRAM_", "SLACK_"))}
    ours = {"COUNTERSIGN_ALLOW_LOOPBACK": "1", "COUNTERSIGN_HOST_GAP": "0", "COUNTERSIGN_DATA": str(folder / "data")}
    return kept | ours | more
