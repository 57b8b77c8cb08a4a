"""Poll a thousand places on all platforms for a compressed month, with the breakages of real portals.

    python benchmarks/local_month.py [--places 1000] [--hours 24] [--seed 1]

Each place is a platform's loopback server under a name of its own, polled when its status says so, from Nov. 1 to Nov.
30, 2026. The clock is virtual, so nothing waits, and each poll has its own time. Half of the places put 287(g) on the agenda
of Dec. 1 on some day, others put decoys there, and many break for some days: 403, 404, 429 with Retry-After, 500, a
block page, a maintenance page and a vendor's generic page with status 200, or a redirect to another host. Some never
come back. Take at most 1,000 places: with more than 1,024 hosts the fetcher forgets idle ones, and polls with clocks of
their own don't agree on which are idle. At the end, the script compares the mentions with those that had to be read:

- false mentions, missed ones, repeated ones and meetings told as canceled or off the calendar: there must be none;
- requests that came sooner after another to the same host than 1 s or its Crawl-delay, or within a Retry-After;
- polls of a place that came sooner than its hours allow, and requests that its robots.txt forbids.
"""

import argparse
import asyncio
import heapq
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import structlog
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.loopback.local import LocalServer, page
from support.platform_cases import CASES, TITLE

from bot.domain.agenda import Place
from bot.domain.change import Kind
from bot.domain.geography.states import STATES
from bot.domain.source_status import JITTER
from bot.fetch import Clock, Fetch, Limits
from bot.pipeline.poll_agenda import poll_agenda
from bot.store.tiny.store import TinyStore

START, END = datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 30, 12, tzinfo=UTC)
DECOYS = (
    "Resurface Highway 287 (gravel shoulders)",
    "To consider cancellation of Contract No. 287",
    "Section 287 of the zoning code, part (g), signs",
    "ICE rink: agreement with the hockey club",
    "Road resurfacing contract, phase 2",
)
GENERIC = page("<h1>Meeting Portal</h1><p>Welcome. Please choose your agency.</p>", title="Meeting Portal")
BLOCKED = page("<h1>Just a moment...</h1><p>Checking your browser before you continue.</p>", title="Just a moment...")
BREAKAGES = ("403", "404", "429", "500", "block page", "maintenance", "generic page", "moved")
TOGETHER = 16

virtual: ContextVar[list[float]] = ContextVar("virtual")


@dataclass
class Portal:
    """One place, its server and its fate. Days are counted from the start; `ends` None is for good."""

    place: Place
    server: LocalServer
    host: str
    said_on: float | None
    breaks: tuple[str, float, float | None] | None
    delay: float
    asked: list[tuple[float, str]] = field(default_factory=list)
    polled: list[float] = field(default_factory=list)
    pauses: list[tuple[float, float]] = field(default_factory=list)
    has_said: bool = False

    def breakage(self, at: float) -> str:
        if self.breaks is None:
            return ""
        kind, begin, end = self.breaks
        return kind if begin <= at / 86_400 < (end if end is not None else 999) else ""


class Month:
    """The portals, one server for all of them, and the virtual clock."""

    def __init__(self, count: int, hours: float, seed: int) -> None:
        self.dice = Random(seed)
        self.hours = hours
        self.portals: dict[str, Portal] = {}
        self.count = count
        self.off_limits = 0

    def fill(self, port: int) -> None:
        kinds, states = sorted(CASES), sorted(STATES)[:50]
        for number in range(self.count):
            kind, host = kinds[number % len(kinds)], f"p{number}.example"
            server = CASES[kind].server()
            server.base = f"http://{host}:{port}"
            server.validates = self.dice.random() < 0.5
            CASES[kind].say(server, self.dice.choice(DECOYS))
            place = Place(name=f"Place {number}", kind=kind, address=server.address + CASES[kind].path, state=self.dice.choice(states),
                          zone="America/New_York", every_hours=self.hours)  # fmt: skip
            said_on = self.dice.uniform(2, 24) if self.dice.random() < 0.5 else None
            delay = self.dice.choice((0, 0, 0, 5, 15))
            self.portals[host] = Portal(place, server, host, said_on, self._breaks(), delay)

    def _breaks(self) -> tuple[str, float, float | None] | None:
        if self.dice.random() < 0.5:
            return None
        begin = self.dice.uniform(1, 22)
        return (
            self.dice.choice(BREAKAGES),
            begin,
            begin + self.dice.uniform(0.3, 5) if self.dice.random() < 0.7 else None,
        )

    # ── the server ──

    async def answer(self, request: web.Request) -> web.StreamResponse:
        portal = self.portals.get(request.host.partition(":")[0])
        if portal is None:  # the host that a portal moved to: another tenant
            return web.Response(body=GENERIC, content_type="text/html")
        if request.path == "/robots.txt":
            delay = f"Crawl-delay: {portal.delay:g}\n" if portal.delay else ""
            return web.Response(text=f"User-agent: *\n{delay}Disallow: /private/\n")
        self.off_limits += request.path.startswith("/private/")
        at = portal.asked[-1][0] if portal.asked else 0.0
        if not portal.has_said and portal.said_on is not None and at >= portal.said_on * 86_400:
            CASES[portal.place.kind].say(portal.server, TITLE)
            portal.has_said = True
        return self._broken(portal, portal.breakage(at), at) or await portal.server.respond(request)

    def _broken(self, portal: Portal, kind: str, at: float) -> web.Response | None:
        if kind in {"403", "404", "500"}:
            return web.Response(status=int(kind))
        if kind == "429":
            portal.pauses.append((at, 7_200.0))
            return web.Response(status=429, headers={"Retry-After": "7200"})
        if kind == "moved":
            return web.Response(status=302, headers={"Location": f"http://new.example{portal.server.base[-6:]}/"})
        bodies = {"block page": BLOCKED, "generic page": GENERIC, "maintenance": page("<p>Down for maintenance.</p>")}
        return web.Response(body=bodies[kind], content_type="text/html") if kind else None

    # ── the clock ──

    async def resolve(self, host: str, _: int) -> Sequence[str]:
        """Note a connection, which each request opens at the moment it is sent."""
        if host in self.portals:
            self.portals[host].asked.append((virtual.get()[0], host))
        return ["127.0.0.1"]

    @staticmethod
    async def sleep(seconds: float) -> None:
        virtual.get()[0] += seconds
        await asyncio.sleep(0)

    def clock(self) -> Clock:
        return Clock(now=lambda: START + timedelta(seconds=virtual.get()[0]), monotonic=lambda: virtual.get()[0],
                     sleep=self.sleep, jitter=lambda: 0.5)  # fmt: skip

    async def poll(self, portal: Portal, at: float, store: TinyStore, fetch: Fetch) -> float | None:
        """Poll one place at this second of the month. Return when it is due again, or None if it is parked."""
        virtual.set([at])
        portal.polled.append(at)
        await poll_agenda(
            portal.place, store=store, fetch=fetch, now=lambda: START + timedelta(seconds=virtual.get()[0])
        )
        status = await store.source_status(portal.place.name)
        return None if status.parked_at or status.due_at is None else (status.due_at - START).total_seconds()

    async def run(self, store: TinyStore, fetch: Fetch) -> None:
        due = [(self.dice.uniform(0, self.hours * 3600), host) for host in self.portals]
        heapq.heapify(due)
        last = (END - START).total_seconds()
        while due and due[0][0] < last:
            batch = [heapq.heappop(due) for _ in range(min(TOGETHER, len(due))) if due[0][0] < last]
            done = await asyncio.gather(*(
                asyncio.create_task(self.poll(self.portals[host], at, store, fetch)) for at, host in batch
            ))  # fmt: skip
            for (_, host), again in zip(batch, done, strict=True):
                if again is not None:
                    heapq.heappush(due, (again, host))


# ── the verdict ──────────────────────────────────────────────────────────────────────────────────────────────────────


def could_be_read(portal: Portal) -> bool:
    """Return whether a place was polled twice in good order after 287(g) was on its agenda.

    An agenda that changes without its list is fetched again once a day, which the first poll may be too early for.
    """
    if portal.said_on is None:
        return False
    said = portal.said_on * 86_400 + 60
    return sum(at >= said and not portal.breakage(at) for at in portal.polled) >= 2


def too_soon(portal: Portal) -> int:
    """Count the requests that came sooner than the host's pace or within a pause that it asked for."""
    times = sorted(at for at, _ in portal.asked)
    gap = max(1.0, portal.delay) - 1e-6
    return sum(b - a < gap for a, b in pairwise(times)) + sum(
        begin < at < begin + length for begin, length in portal.pauses for at in times
    )


async def verdict(month: Month, store: TinyStore) -> bool:
    """Print the counts and return whether all is well."""
    told: dict[str, list] = defaultdict(list)
    for change in await store.changes():
        told[change.mention.source].append(change)
    portals = month.portals.values()
    expected = {portal.place.name for portal in portals if could_be_read(portal)}
    never = {portal.place.name for portal in portals if portal.said_on is None}
    mentioned = {name for name, changes in told.items() if any(each.kind is Kind.MENTIONED for each in changes)}
    closest = month.hours * 3600 * (1 - JITTER) - 1
    found = {
        "false mentions": len(mentioned & never),
        "missed mentions": len(expected - mentioned),
        "mentions told more than once": sum(len(changes) > 1 for changes in told.values()),
        "meetings told as canceled or off the calendar": sum(bool(each.mention.status) for changes in told.values() for each in changes),
        "requests too soon for their host": sum(map(too_soon, portals)),
        "polls sooner than the place's hours": sum(b - a < closest for p in portals for a, b in pairwise(p.polled)),
        "requests that robots.txt forbids": month.off_limits,
    }  # fmt: skip
    statuses = [await store.source_status(portal.place.name) for portal in portals]
    silent = [p.place.name for p, status in zip(portals, statuses, strict=True)
              if p.breaks and p.breaks[2] is None and p.place.kind not in {"page", "feed"} and not status.problem]  # fmt: skip
    found["places that broke for good without a problem on record"] = len(silent)
    for name, number in found.items():
        print(f"{number:8,}  {name}")
    for name in sorted(
        (expected - mentioned) | (mentioned & never) | {n for n, c in told.items() if len(c) > 1} | {*silent}
    )[:10]:
        portal = next(p for p in portals if p.place.name == name)
        print(f"          {name}, {portal.place.kind}: said on day {portal.said_on}, breaks {portal.breaks},",
              [(each.kind.value, each.mention.status, each.mention.item) for each in told[name]])  # fmt: skip
    print(f"{len(mentioned & expected):8,}  of {len(expected):,} mentions that had to be read, in {len(month.portals):,} places on "
          f"{len({p.place.kind for p in portals})} platforms; {sum(s.parked_at is not None for s in statuses)} places parked")  # fmt: skip
    print(f"{sum(len(p.polled) for p in portals):8,}  polls, {sum(len(p.asked) for p in portals):,} requests;",
          "breakages:", dict(Counter(p.breaks[0] for p in portals if p.breaks)))  # fmt: skip
    return not any(found.values())


async def simulate(count: int, hours: float, seed: int) -> bool:
    """Run the month."""
    month = Month(count, hours, seed)
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", month.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    month.fill(runner.addresses[0][1])
    virtual.set([0.0])
    store, started = TinyStore.in_memory(), time.process_time()
    limits = Limits(host_gap=1.0, concurrent=TOGETHER)
    async with Fetch(
        contact=None, limits=limits, allow_loopback=True, resolve=month.resolve, clock=month.clock()
    ) as fetch:
        await month.run(store, fetch)
    is_well = await verdict(month, store)
    print(f"{time.process_time() - started:8.1f}  CPU seconds, servers included")
    await runner.cleanup()
    return is_well


def main() -> None:
    """Run the month and exit with 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, default=1_000)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    sys.exit(0 if asyncio.run(simulate(options.places, options.hours, options.seed)) else 1)


if __name__ == "__main__":
    main()
