"""A host that ICE refuses and the relay that feeds it: each is killed again and again while ICE publishes."""

import re
import signal
import socket
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from aiohttp import web

from support.program import row, world
from support.sample_lists import A_DAY, SIGNED
from support.waiting import wait_for

SECRET = "a-secret-that-both-machines-share"
RELAYED = {"COUNTERSIGN_POLL_SECONDS": "1", "COUNTERSIGN_RELAY_SECRET": SECRET}
REFUSED = {"COUNTERSIGN_CONTACT": "host@example.org"}
BEGUN_WITH = 20  # agreements
SETTLED_WITHIN = 180.0  # seconds after the last kill


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def refuse_the_host(ice) -> None:
    """Let ICE's edge answer 403 to the host, and everything to the relay."""
    usual = ice.usual

    def answer(request):
        if REFUSED["COUNTERSIGN_CONTACT"] in request.headers["User-Agent"] and request.path != "/robots.txt":
            return web.Response(status=403, text="<html><body><h1>Access Denied</h1></body></html>")
        return usual(request)

    ice.usual = answer


@dataclass(frozen=True)
class Toll:
    """What the kills did to the agencies that were to be told: each should have been told once."""

    kills: int
    published: int
    lost: tuple[int, ...]
    repeated: int
    recorded_twice: int
    log: str

    @property
    def is_right(self) -> bool:
        """True if nothing was lost and a kill repeated at most one message."""
        return not self.lost and self.repeated <= self.kills and not self.recorded_twice


def killed(folder: Path, *, kills: int, seed: int, pause: float = 2.0, database: str | None = None) -> Toll:
    """Kill the relay and the host in turn, `kills` times each, while ICE publishes one agreement after another."""
    dice, port = Random(seed), str(free_port())
    with world(folder / "data") as here:
        refuse_the_host(here.ice)
        env = RELAYED | ({"DATABASE_URL": database} if database else {})
        programs: dict[str, subprocess.Popen] = {}

        def start(name: str) -> None:
            words = ("run",) if name == "host" else ("relay", "--to", f"http://127.0.0.1:{port}")
            more = REFUSED | {"PORT": port} if name == "host" else {}
            if name == "relay":
                words += ("--folder", str(folder / "relay"))
            programs[name] = here.start(*words, log=folder / f"{name}{time.monotonic_ns()}.log", **env, **more)

        def publish(number: int) -> None:
            rows = [row("TEXAS", f"Hill County Constable Precinct {n}", signed=SIGNED) for n in range(1, number + 1)]
            name = f"participatingAgencies{(A_DAY + timedelta(days=number)):%m%d%Y}am.xlsx"
            here.publish_rows(name, rows, at=A_DAY + timedelta(hours=number))

        number = BEGUN_WITH
        publish(number)
        here.run("subscribe", "telegram", "42", "--states", "all", **env)
        try:
            for name in ("host", "relay"):
                start(name)
            wait_for(lambda: here.lines("agreements", **env), seconds=SETTLED_WITHIN, every=1.0)
            for turn in range(2 * kills):
                number += 1
                publish(number)
                time.sleep(dice.uniform(0, pause))  # the moment of the kill is random; nothing depends on it
                name = ("relay", "host")[turn % 2]
                programs[name].kill()
                programs[name].wait()
                start(name)
            wanted = range(BEGUN_WITH + 1, number + 1)
            told = Counter[int]()

            def all_told() -> bool:
                told.clear()
                text = "\n".join(message.text for message in list(here.telegram.messages) if message.chat == "42")
                told.update(int(found) for found in re.findall(r"Precinct (\d+)", text))
                return all(told[n] for n in wanted)

            end = time.monotonic() + SETTLED_WITHIN
            while not all_told() and time.monotonic() < end:
                time.sleep(0.5)
        finally:
            for program in programs.values():
                program.send_signal(signal.SIGTERM)
            for program in programs.values():
                program.wait(60)
        recorded = Counter(change["agency"] for change in here.lines("changes", **env))
    log = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.log")))
    return Toll(
        kills=2 * kills,
        published=len(wanted),
        lost=tuple(n for n in wanted if not told[n]),
        repeated=sum(told[n] - 1 for n in wanted if told[n]),
        recorded_twice=sum(count - 1 for count in recorded.values()),
        log=log,
    )
