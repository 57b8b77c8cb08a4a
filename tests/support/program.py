"""The program as a person runs it: a process with an environment, beside loopback ICE, Telegram and Slack."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from support.archive import ARCHIVE
from support.forked import forge
from support.loopback.ice import LoopbackIce
from support.loopback.slack import LoopbackSlack
from support.loopback.telegram import LoopbackTelegram
from support.workbooks import workbook

HEADER = ["STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "COUNTY", "SUPPORT TYPE", "SIGNED", "MOA", "ADDENDUM"]

PROGRAM = [sys.executable, "-m", "bot"]


def _done(command: list[str], env: dict[str, str], cwd: Path | None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; the program alone is forked from one that has imported it."""
    if command[: len(PROGRAM)] == PROGRAM:
        return forge().run(command[len(PROGRAM) :], env, cwd, timeout=60)
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


class World:
    """ICE, Telegram and Slack on loopback, and a data folder."""

    def __init__(self, ice, telegram, slack, folder: Path) -> None:
        self.ice, self.telegram, self.slack, self.folder = ice, telegram, slack, folder
        self.home: Path | None = None  # where the program is started, if it matters

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
        """Run a command to its end; its exit code is the expected one and no traceback is printed."""
        done = _done(self.command(*words), self.env | env, self.home)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == expect, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done

    def lines(self, *words: str, **options) -> list[dict]:
        """What a command prints as JSON, an object a line."""
        return [json.loads(line) for line in self.run(*words, "--json", **options).stdout.splitlines()]

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words),
            env=self.env | env,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def catalog(self, state: str, text: str) -> None:
        """Local sources of a state to watch, and no others."""
        self.home = self.folder.parent / "home"
        (self.home / "config" / "sources").mkdir(parents=True, exist_ok=True)
        (self.home / "config" / "sources" / f"{state}.toml").write_text(text, encoding="utf-8")

    def publish(self, name: str, *, scheme: str = "A") -> None:
        """Put up a list of the archive as ICE did, under its own name."""
        day = datetime.strptime(name[-15:-7] + "+0000", "%m%d%Y%z")
        at = day + timedelta(hours=9 if name.endswith("am.xlsx") else 17)
        self.ice.publish(name, (ARCHIVE / "participating" / name).read_bytes(), at=at, scheme=scheme)

    def publish_rows(self, name: str, rows: list[list], *, at: datetime, scheme: str = "A", **options) -> None:
        """Put up a list of our own making; no two have the same bytes."""
        self.ice.publish(name, workbook(rows, header=HEADER, **{"title": name} | options), at=at, scheme=scheme)


@contextmanager
def world(folder: Path):
    """A fresh world; everything in it ends with the block."""
    with ExitStack() as stack:
        ice = stack.enter_context(LoopbackIce.run_in_thread())
        telegram = stack.enter_context(LoopbackTelegram().run_in_thread())
        slack = stack.enter_context(LoopbackSlack().run_in_thread())
        yield World(ice, telegram, slack, folder)


def row(
    state: str, agency: str, support: str = "Task Force Model", signed: datetime | None = None, county: str = ""
) -> list:
    """A row of the participating list."""
    kind = "County" if "County" in agency else "Municipality"
    return [state, agency, kind, county, support, signed, "link pending", None]


def typed_in(folder: Path, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder of its own, with nothing set up; no traceback is printed."""
    done = _done([*PROGRAM, *words], bare_env(folder), folder)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == expect, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def bare_env(folder: Path, **more: str) -> dict[str, str]:
    """An environment in which nothing is set but where data go, and that loopback may be read."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COUNTERSIGN_", "TELEGRAM_", "SLACK_"))}
    ours = {"COUNTERSIGN_ALLOW_LOOPBACK": "1", "COUNTERSIGN_HOST_GAP": "0", "COUNTERSIGN_DATA": str(folder / "data")}
    return kept | ours | more
