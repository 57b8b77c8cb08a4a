# ruff: noqa: E402 - the loopback servers are part of the tests
"""Kill the program again and again while it delivers, and check that no chat misses a change.

    python benchmarks/crash.py --kills 200 --seed 1 [--archive DIR] [--faults 200] [--refusals] [--typists 6]
        [--slack-down] [--cursor-first]

ICE, Telegram and Slack run on loopback and take 20 to 200 ms to answer. They publish the real lists of the archive one
after another, or made-up lists if there is no archive. `countersign run` alerts a dozen chats; SIGKILL stops it at
random moments, mostly while messages are on their way, and it is started again at once. Of the messages on their way
at a kill, half never reach the platform; the platform stores the other half, but their sender never hears about it.

    --faults N      N sends meet a 429, a 500, a reset or a time-out
    --refusals      a tenth of all sends is refused in passing: no rights, chat not found, 429 or 5xx
    --typists N     N other chats type commands through a webhook that delivers each update up to three times
    --slack-down    Slack refuses connections until the end; Telegram's delays are compared first, without kills
    --cursor-first  the program moves its cursor before it sends, and so must fail here

At the end, audit.py compares each chat with the change log. The exit code is 1 if a change was lost, a message was
repeated more than once for a kill, anything else arrived, or a chat's commands weren't each handled once. The program runs through launcher.py, which makes it retry
after seconds instead of minutes.
"""

import argparse
import asyncio
import logging
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import ClassVar, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

import support.loopback.slack
import support.loopback.telegram
from aiohttp import web
from audit import Arrival, Owed, Verdict, compact, judge, never_named, owed_pairs
from support.loopback.ice import LoopbackIce
from support.loopback.server import Fault, Message, dropped, late
from support.loopback.slack import LoopbackSlack
from support.loopback.telegram import LoopbackTelegram
from support.program import HEADER, World, row
from support.workbooks import workbook
from typists import Typists, is_typist

from bot.channels.slack.sender import SlackSender
from bot.channels.telegram.sender import TelegramSender
from bot.commands.as_json import change_json
from bot.domain.agreement import ListName
from bot.domain.geography.states import STATES
from bot.errors import StoreError
from bot.pipeline.replay import entries
from bot.sources.formats.workbook import read_workbook
from bot.store.tiny.store import TinyStore

logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # a kill cuts off requests, which needs no report

SENDERS = {"telegram": TelegramSender(token=""), "slack": SlackSender(token="")}  # to render with
ARCHIVE = ROOT.parent / "shared" / "ice-archive"
ANSWERS_TAKE = (0.02, 0.2)  # seconds
TOO_LATE = 4.0  # seconds; the program waits three, thanks to launcher.py
REFUSED = 0.1  # of all sends, with --refusals
ENDLESS = 10**9
SENDS_A_KILL = 2  # messages that reach a platform for each kill before their sender is gone, roughly
QUIET = 0.5  # seconds without a message before the next list is published
FAST = {"COUNTERSIGN_POLL_SECONDS": "1"}
NOISE = 0.5  # seconds; the program ticks once a second
COMPARED = 8  # lists to compare delays for, with Slack up and then with Slack down

CHATS = {
    ("telegram", "101"): "all",
    ("telegram", "102"): "FL",
    ("telegram", "103"): "TX",
    ("telegram", "104"): "TX,OK,LA,AR",
    ("telegram", "-105"): "FL,GA,AL",
    ("telegram", "-1001000000106"): "PA,OH,VA,NC,TN",
    ("slack", "C00000000"): "all",
    ("slack", "C00000001"): "FL",
    ("slack", "C00000002"): "TX",
    ("slack", "C00000003"): "FL,TX",
    ("slack", "C00000004"): "GA,NC,SC",
    ("slack", "C00000005"): "PA,NY,MD",
}


# ── the platforms ────────────────────────────────────────────────────────────────────────────────────────────────────


class Luck:
    """Picks the sends that meet a fault: `count` in all, at this rate, each kind equally likely."""

    def __init__(self, faults: Mapping[str, Fault], count: int, rate: float, seed: str) -> None:
        self._faults = faults
        self._rate = rate
        self._dice = Random(seed)
        self.left = count
        self.met: Counter[str] = Counter()

    def __call__(self) -> Fault | None:
        if not self.left or self._dice.random() >= self._rate:
            return None
        self.left -= 1
        name = self._dice.choice(list(self._faults))
        self.met[name] += 1
        return self._faults[name]


@dataclass
class Flight:
    """A message that reached a platform, and its fate. `unheard` means that its sender was gone by then."""

    chat: str
    period: int
    fault: Fault | None = None
    message: Message | None = None
    unheard: bool = False


class SlowPlatform:
    """Makes a loopback platform slow, and decides the fate of a message whose sender died."""

    def prepare(self, luck: Luck, seed: str, refusals: Luck | None = None) -> None:
        self.luck = luck
        self.refusals = refusals or Luck({}, 0, 0, "none")
        self.period = 0
        self.flights: list[Flight] = []
        self.on_their_way = 0
        self.last_at = 0.0  # the last time something arrived or was answered
        self.is_shut = False
        self._dice = Random(seed)

    async def __aenter__(self):
        self._loop = asyncio.get_running_loop()
        return await super().__aenter__()

    async def deliver(self, request, chat, store):
        if is_typist(chat):  # the answers to commands aren't judged
            await asyncio.sleep(self._dice.uniform(*ANSWERS_TAKE))
            return await super().deliver(request, chat, store)
        flight = Flight(chat, self.period)
        self.flights.append(flight)
        self.on_their_way += 1
        try:
            return await self._carry(request, flight, store)
        finally:
            self.on_their_way -= 1
            self.last_at = time.monotonic()

    async def _carry(self, request, flight, store):
        async def kept():
            answer = await store()
            flight.message = self.messages[-1]
            return answer

        await asyncio.sleep(self._dice.uniform(*ANSWERS_TAKE))
        if self.is_shut:
            request.transport and request.transport.abort()
            return web.Response()
        if request.transport is None or request.transport.is_closing():
            flight.unheard = True
            if self._dice.random() < 0.5:
                await kept()
            return web.Response()
        flight.fault = self.luck() or self.refusals()
        self.script(flight.chat, flight.fault)
        answer = await super().deliver(request, flight.chat, kept)
        if flight.fault is None:  # then its sender is gone only if it was killed, or gave up on a busy machine
            flight.unheard = request.transport is None or request.transport.is_closing()
        return answer

    def shut(self) -> None:
        """Refuse connections."""
        self.is_shut = True
        asyncio.run_coroutine_threadsafe(self._unbind(), self._loop).result(10)

    def open(self) -> None:
        """Accept connections again, at the same address."""
        self.is_shut = False
        asyncio.run_coroutine_threadsafe(self._bind(), self._loop).result(10)

    async def _unbind(self):
        for site in list(self._runner.sites):
            await site.stop()

    async def _bind(self):
        host, _, port = self.base.removeprefix("http://").partition(":")
        await web.TCPSite(self._runner, host, int(port), reuse_address=True).start()

    def arrivals(self, chat: str) -> list[Arrival]:
        stored = [f for f in self.flights if f.chat == chat and f.message is not None]
        stored.sort(key=lambda flight: flight.message.order)
        return [Arrival(compact(f.message.text), f.period, f.fault is not None, f.unheard) for f in stored]


class SlowTelegram(SlowPlatform, LoopbackTelegram):
    FAULTS: ClassVar = {
        "429": support.loopback.telegram.flooded(1),
        "500": support.loopback.telegram.broken(),
        "500, stored": replace(support.loopback.telegram.broken(), delivers=True),
        "reset": dropped(),
        "reset, stored": dropped(after=True),
        "time-out": Fault(delay=TOO_LATE),
        "time-out, stored": late(TOO_LATE),
    }
    REFUSALS: ClassVar = {
        "no rights": support.loopback.telegram.refused(
            400, "Bad Request: not enough rights to send text messages to the chat"
        ),
        "chat not found": support.loopback.telegram.unknown_chat(),
        "429": support.loopback.telegram.flooded(1),
        "502": support.loopback.telegram.broken(502, "Bad Gateway"),
    }


class SlowSlack(SlowPlatform, LoopbackSlack):
    FAULTS: ClassVar = {
        "429": support.loopback.slack.flooded(1),
        "500": support.loopback.slack.broken(),
        "500, stored": support.loopback.slack.refused("internal_error", after=True),
        "reset": dropped(),
        "reset, stored": dropped(after=True),
        "time-out": Fault(delay=TOO_LATE),
        "time-out, stored": late(TOO_LATE),
    }
    REFUSALS: ClassVar = {
        "no rights": support.loopback.slack.refused("restricted_action"),
        "chat not found": support.loopback.slack.refused("channel_not_found"),
        "429": support.loopback.slack.flooded(1),
        "502": support.loopback.slack.broken(502),
    }


class SlowIce(LoopbackIce):
    """A slow ICE. `answered` is the time of the first answer for each path."""

    dice = Random(0)
    answered: ClassVar[dict[str, float]] = {}

    async def _answer(self, request):
        await asyncio.sleep(self.dice.uniform(*ANSWERS_TAKE))
        self.answered.setdefault(request.raw_path, time.monotonic())
        return await super()._answer(request)


# ── what is published ────────────────────────────────────────────────────────────────────────────────────────────────


class Sheet(NamedTuple):
    name: str
    body: bytes
    at: datetime


def archived(folder: Path) -> Iterator[Sheet]:
    """Yield the participating lists of an archive as ICE published them, then made-up ones that continue them."""
    last = None
    for entry in entries(folder):
        if entry.list is ListName.PARTICIPATING:
            last = Sheet(entry.path.name, entry.path.read_bytes(), entry.observed_at)
            yield last
    header, *rows = read_workbook(last.body)[0].rows
    yield from made([list(row[: len(header)]) for row in rows], header, last.at)


def made(
    rows: list, header: Sequence[str] = HEADER, at: datetime = datetime(2026, 11, 2, 14, tzinfo=UTC)
) -> Iterator[Sheet]:
    """Yield made-up lists, each with a few more agencies than the one before."""
    dice, number = Random(287), 0
    states = [*STATES.values(), *["Florida", "Texas"] * 12]
    for _ in range(1_000):
        at += timedelta(hours=12)
        for _ in range(dice.randint(3, 8)):
            number += 1
            state, kind = dice.choice(states), dice.choice(["Task Force Model", "Warrant Service Officer"])
            made_row = row(state.upper(), f"Specimen {number} Police Department", kind, at.replace(tzinfo=None))
            rows = [*rows, made_row[: len(header)]]
        yield Sheet(f"participatingAgencies{at:%m%d%Y%p}.xlsx".lower(), workbook(rows, header=header), at)


# ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Run:
    """One run of the program in its world: publish, kill, look, wait."""

    def __init__(self, world: World, sheets: Iterator[Sheet], options: argparse.Namespace, log: Path) -> None:
        self.world, self.sheets, self.options, self.log = world, sheets, options, log
        self.dice = Random(options.seed)
        self.platforms: dict[str, SlowPlatform] = {"telegram": world.telegram, "slack": world.slack}
        self.child: subprocess.Popen | None = None
        self.sheet: Sheet | None = None
        self.path = ""
        port = _unused_port()
        self.webhook = (
            {"COUNTERSIGN_PUBLIC_URL": "https://bot.example.org", "PORT": str(port)} if options.typists else {}
        )
        self._address = f"http://127.0.0.1:{port}"
        self.typists: Typists | None = None
        self.published = self.kills = self.kills_on_the_way = 0
        self.met_among_kills = 0
        self._looked_at = 0.0

    # ── do ──

    def start(self) -> None:
        launcher = [sys.executable, str(Path(__file__).with_name("launcher.py"))]
        flags = ["--cursor-first"] if self.options.cursor_first else []
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [*launcher, *flags, "run"],
                env=self.world.env | FAST | self.webhook,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def kill(self) -> None:
        """Kill the program and start it again. The platforms go on handling the messages it had sent."""
        if self.child.poll() is not None:
            raise SystemExit(f"The program ended by itself:\n{self.log.read_text()[-2000:]}")
        self.kills_on_the_way += self.on_their_way > 0
        self.child.kill()
        self.child.wait()
        time.sleep(0.05)
        self.kills += 1
        for platform in self.platforms.values():
            platform.period += 1
        self.start()

    def stop(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(60)

    def publish(self) -> None:
        self.sheet = next(self.sheets)
        self.published += 1
        scheme = "AB"[self.published % 2]
        self.path = self.world.ice.publish(self.sheet.name, self.sheet.body, at=self.sheet.at, scheme=scheme)

    # ── look ──

    @property
    def on_their_way(self) -> int:
        return sum(platform.on_their_way for platform in self.platforms.values())

    @property
    def is_quiet(self) -> bool:
        last = max(platform.last_at for platform in self.platforms.values())
        return not self.on_their_way and time.monotonic() - last > QUIET

    def look(self, ask: Callable) -> object:
        """Read the store while the program runs."""

        async def asked():
            store = TinyStore.open(self.world.folder, readonly=True)
            try:
                return await ask(store)
            finally:
                await store.close()

        return asyncio.run(asked())

    def is_read(self) -> bool:
        """Return whether the program has polled the published list; look at most twice a second."""
        if self.sheet is None:
            return True
        if time.monotonic() - self._looked_at < 0.5:
            return False
        self._looked_at = time.monotonic()
        evidence = sha256(self.sheet.body).hexdigest()

        async def ask(store):
            seen = (await store.known()).seen.get(ListName.PARTICIPATING)
            return (seen and seen.evidence == evidence) or any(
                held.publication.evidence == evidence for held in await store.held()
            )

        try:
            return bool(self.look(ask))
        except StoreError:
            return False

    def nothing_is_owed(self, channels: Sequence[str]) -> bool:
        async def ask(store):
            return all(s.due_at is None for s in await store.subscriptions() if s.channel in channels)

        return self.is_quiet and bool(self.look(ask))

    def wait(self, condition: Callable[[], bool], seconds: float, *, every: float = 0.05) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(every)
        return False

    # ── the course of a run ──

    def set_up(self) -> None:
        """Poll the first list as the baseline, then subscribe every chat."""
        self.publish()
        self.world.run("poll", **FAST)
        for (channel, address), states in CHATS.items():
            self.world.run("subscribe", "--states", states, "--", channel, address)
        self.start()

    def let_type(self) -> None:
        """Let the typists begin once the program has told Telegram its webhook."""
        self.wait(lambda: "secret_token" in self.world.telegram.webhook, 60)
        secret = dict(self.world.telegram.webhook)
        self.typists = Typists(self.options.typists, self._address, secret, self.options.seed)
        self.typists.start()

    def misread(self) -> int:
        """Return how many typists' chats don't watch what was typed."""

        async def ask(store):
            return {s.address: set(s.filter.states) for s in await store.subscriptions() if is_typist(s.address)}

        watched = self.look(ask)
        return sum(watched.get(str(typist.chat), set()) != typist.watched for typist in self.typists.chats)

    def kill_again_and_again(self) -> None:
        moments = [self._on_the_way, self._just_after_an_answer, self._whenever]
        for number in range(1, self.options.kills + 1):
            (await_moment,) = self.dice.choices(moments, weights=(70, 15, 15))
            await_moment()
            self.kill()
            if number % 10 == 0:
                print(f"{number} kills, {self.published} lists", file=sys.stderr, flush=True)

    def _on_the_way(self) -> None:
        """Wait for a moment when messages are on their way, not always the first one."""

        def has_come() -> bool:
            self._publish_when_quiet()
            if self.on_their_way:
                time.sleep(self.dice.uniform(0, 0.15))
            return self.on_their_way > 0

        self.wait(has_come, 20, every=0.005)

    def _just_after_an_answer(self) -> None:
        """Wait until a platform has answered, when the program may not have written the receipt yet."""
        self._on_the_way()
        before = self.on_their_way
        self.wait(lambda: self.on_their_way < before, 0.3, every=0.001)
        time.sleep(self.dice.uniform(0, 0.01))

    def _whenever(self) -> None:
        self._publish_when_quiet()
        time.sleep(self.dice.uniform(0, 2.5))

    def _publish_when_quiet(self) -> None:
        if self.is_quiet and self.is_read():
            self.publish()

    def meet_the_other_faults(self) -> None:
        """Keep publishing, without kills, until every fault was met."""
        self.met_among_kills = sum(platform.luck.met.total() for platform in self.platforms.values())

        def all_met() -> bool:
            self._publish_when_quiet()
            return not any(platform.luck.left for platform in self.platforms.values() if not platform.is_shut)

        self.wait(all_met, 600)

    def delays(self, lists: int) -> list[float]:
        """Return the seconds from ICE's answer with a list to each message about it in a Telegram chat."""
        found = []
        for _ in range(lists):
            self.wait(lambda: self.is_quiet and self.is_read(), 60)
            count = len(self.world.telegram.messages)
            self.publish()
            self.wait(self.is_read, 60)
            self.wait(lambda: self.nothing_is_owed(["telegram"]), 60)
            start = self.world.ice.answered[self.path]
            found += [message.at - start for message in self.world.telegram.messages[count:]]
        return found

    def settle(self) -> bool:
        """Wait until every list is polled and every chat is up to date."""
        self.wait(self.is_read, 60)
        return self.wait(lambda: self.nothing_is_owed(["telegram", "slack"]), 120, every=0.5)


# ── the report ───────────────────────────────────────────────────────────────────────────────────────────────


class Audit(NamedTuple):
    """The verdict on all chats, with the other checks against the change log."""

    verdict: Verdict
    owed: int  # changes, counted for each chat
    unnamed: int  # signed agreements whose agency is in no message of a chat that is owed them
    unproven: int  # receipts for messages that no platform stored


def audited(run: Run) -> Audit:
    log, listed = run.world.lines("changes"), run.world.lines("agreements")

    async def ask(store):
        return await store.changes(), await store.subscriptions(), await store.receipts()

    changes, subscriptions, receipts = run.look(ask)
    assert [change_json(change) for change in changes] == log
    total, owed, unnamed = Verdict(), 0, 0
    for subscription in (one for one in subscriptions if not is_typist(one.address)):
        arrivals = run.platforms[subscription.channel].arrivals(subscription.address)
        channel = SENDERS[subscription.channel]
        public_url = run.webhook.get("COUNTERSIGN_PUBLIC_URL", "")
        owing = Owed(subscription, changes, channel, run.world.ice.url, public_url=public_url)
        verdict = judge(owing, arrivals)
        missing = never_named(log, listed, subscription, (arrival.text for arrival in arrivals))
        if not verdict.is_good or missing:
            print(f"{subscription.channel} {subscription.address}: {verdict}, never named: {len(missing)}")
        total, owed, unnamed = total + verdict, owed + len(owed_pairs(log, subscription)), unnamed + len(missing)
    ids = {(name, message.message_id) for name, platform in run.platforms.items() for message in platform.messages}
    told = [(r.channel, r.message_id.partition("?")[0]) for r in receipts if r.message_id is not None]  # without thread
    unproven = sum(one not in ids for one in told)
    return Audit(total, owed, unnamed, unproven)


def _unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Table:
    """Prints the figures, and remembers whether all of them are good."""

    def __init__(self) -> None:
        self.is_good = True

    def say(self, what: str, value: object, more: str = "", *, good: bool = True) -> None:
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        print(f"{what:58}{shown:>10}  {more}".rstrip() + ("" if good else "  <- NOT GOOD"))
        self.is_good &= good


def print_work(table: Table, run: Run) -> None:
    """Print what was done to the program and the faults it met."""
    flights = [flight for platform in run.platforms.values() for flight in platform.flights]
    unheard = [flight.message is not None for flight in flights if flight.unheard]
    met = sum((platform.luck.met for platform in run.platforms.values()), Counter())
    enough = run.kills_on_the_way * 2 >= run.kills
    table.say("kills", run.kills, f"{run.kills_on_the_way} while messages were on their way", good=enough)
    fate = f"{unheard.count(False)} dropped, {unheard.count(True)} stored, sender never knew"
    table.say("messages whose sender was gone", len(unheard), fate)
    table.say("lists published", run.published, "" if run.options.archive.exists() else "made up")
    stored = sum(flight.message is not None for flight in flights)
    table.say("messages that reached a platform", len(flights), f"{stored:,} were stored")
    kinds = ", ".join(f"{name}: {number}" for name, number in sorted(met.items()))
    table.say("faults met", met.total(), kinds, good=met.total() == run.options.faults)
    if run.options.faults:
        table.say("faults met between the kills", run.met_among_kills)
    if run.options.refusals:
        refused = sum((platform.refusals.met for platform in run.platforms.values()), Counter())
        kinds = ", ".join(f"{name}: {number}" for name, number in sorted(refused.items()))
        table.say("sends refused in passing", refused.total(), kinds, good=refused.total() > 0)


def print_typists(table: Table, run: Run) -> None:
    """Print whether each command was handled once."""
    typists = run.typists
    table.say("commands typed", typists.typed, f"delivered {typists.delivered:,} times, {len(typists.chats)} chats")
    table.say("commands that were never answered 200", typists.failed, good=not typists.failed)
    wrong = run.misread()
    table.say("chats whose commands weren't each handled once", wrong, good=not wrong)


def print_verdict(table: Table, audit: Audit) -> None:
    """Print the verdict on the chats."""
    verdict = audit.verdict
    table.say("subscriptions", len(CHATS), f"owed {audit.owed:,} changes in all")
    table.say("changes lost", verdict.lost, good=not verdict.lost)
    table.say("signed agencies that a chat was never told by name", audit.unnamed, good=not audit.unnamed)
    most = f"at most {verdict.most_for_a_kill} for a kill and subscription"
    table.say("messages repeated after a kill", verdict.after_kill, most, good=verdict.most_for_a_kill <= 1)
    table.say("messages repeated because the platform stored but denied", verdict.after_fault)
    table.say("changes named in repeated messages", verdict.pairs)
    table.say("messages repeated without such a reason", verdict.inexcusable, good=not verdict.inexcusable)
    table.say("messages that no one was owed, or out of order", verdict.strange, good=not verdict.strange)
    table.say("receipts for messages that no platform stored", audit.unproven, good=not audit.unproven)


def print_end(table: Table, run: Run, *, settled: bool, code: int) -> None:
    said = run.log.read_text()
    table.say("every chat is up to date at the end", "yes" if settled else "no", good=settled)
    table.say("exit code of the program after SIGTERM", code, good=not code)
    clean = "Traceback" not in said and "unexpectedly" not in said
    table.say("tracebacks in its log", "none" if clean else "some", good=clean)
    secret = any(platform.token.rpartition(":")[2] in said for platform in run.platforms.values())
    table.say("tokens in its log", "some" if secret else "none", good=not secret)


def compare_delays(table: Table, run: Run) -> None:
    """Compare Telegram's delays with Slack up and with Slack down; leave Slack down."""
    up = run.delays(COMPARED)
    run.wait(lambda: run.nothing_is_owed(["slack"]), 60)
    run.platforms["slack"].shut()
    down = run.delays(COMPARED)
    close = statistics.median(down) <= statistics.median(up) + NOISE and max(down) <= max(up) + 2 * NOISE
    for name, found in (("up", up), ("down", down)):
        more = f"longest {max(found):.2f}, {len(found)} messages"
        median = f"{statistics.median(found):.2f}"
        table.say(f"Telegram's median delay with Slack {name}, seconds", median, more, good=close)


def catch_up(table: Table, run: Run) -> None:
    """Bring Slack up again once Telegram has everything."""
    told = run.wait(lambda: run.nothing_is_owed(["telegram"]), 60)
    table.say("Telegram got everything while Slack was down", "yes" if told else "no", good=told)
    slack = run.platforms["slack"]
    before = len(slack.messages)
    slack.open()
    run.settle()
    table.say("messages Slack got once it was up again", len(slack.messages) - before)


@contextmanager
def world(options: argparse.Namespace) -> Iterator[tuple[World, Path]]:
    telegram, slack = SlowTelegram(), SlowSlack()
    rate = min(0.5, max(0.05, options.faults / (SENDS_A_KILL * max(options.kills, 1))))
    of_slack = 0 if options.slack_down else options.faults // 2
    for platform, count in ((telegram, options.faults - of_slack), (slack, of_slack)):
        seed = f"{type(platform).__name__} {options.seed}"
        refusals = Luck(platform.REFUSALS, ENDLESS if options.refusals else 0, REFUSED, f"{seed} refusals")
        platform.prepare(Luck(platform.FAULTS, count, rate, seed), seed, refusals)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-crash-")))
        ice = stack.enter_context(SlowIce().run_in_thread())
        stack.enter_context(telegram.run_in_thread())
        stack.enter_context(slack.run_in_thread())
        yield World(ice, telegram, slack, folder / "data"), folder / "log"


def main(options: argparse.Namespace) -> int:
    started, table = time.monotonic(), Table()
    first = [row("TEXAS", f"First {number} Police Department") for number in range(30)]
    sheets = archived(options.archive) if options.archive.exists() else made(first)
    with world(options) as (around, log):
        run = Run(around, sheets, options, log)
        run.set_up()
        try:
            if options.slack_down:
                compare_delays(table, run)
            if options.typists:
                run.let_type()
            run.kill_again_and_again()
            run.meet_the_other_faults()
            if options.slack_down:
                catch_up(table, run)
            if run.typists is not None:
                run.typists.stop()
            settled = run.settle()
            code = run.stop()
        finally:
            if run.typists is not None:
                run.typists.stop()
            run.child.kill()
            run.child.wait()
        audit = audited(run)
        print_work(table, run)
        if run.typists is not None:
            print_typists(table, run)
        print_verdict(table, audit)
        print_end(table, run, settled=settled, code=code)
    table.say("seconds", round(time.monotonic() - started))
    print("good" if table.is_good else "NOT GOOD")
    return 0 if table.is_good else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--archive", type=Path, default=ARCHIVE)
    parser.add_argument("--faults", type=int, default=0, help="sends that meet a fault")
    parser.add_argument("--refusals", action="store_true", help="refuse a tenth of all sends in passing")
    parser.add_argument("--typists", type=int, default=0, help="chats that type commands, delivered up to three times")
    parser.add_argument("--slack-down", action="store_true")
    parser.add_argument("--cursor-first", action="store_true")
    sys.exit(main(parser.parse_args()))
