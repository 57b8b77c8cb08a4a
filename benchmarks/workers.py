# ruff: noqa: E402 - the loopback servers are part of the tests
"""Run several workers on one PostgreSQL: count what kills lose or repeat, or measure how they share the work.

    python benchmarks/workers.py kill [--subscriptions 5000] [--lists 6] [--seconds 4]
    python benchmarks/workers.py scale [--workers 4] [--subscriptions 2400] [--latency 10] [--sources 240] [--page-latency 1]

`kill` runs three workers while ICE publishes the real lists of the archive on loopback, with slow loopback Telegram and
Slack. Every few seconds one worker in turn is killed with kill -9 and started again; PostgreSQL restarts once. Each chat
is audited as in crash.py.

`scale` runs one to four workers, first on a list that every Slack channel gets, then on local pages that are all due. The
workers share the waiting for others. On one machine they share its cores too, which is the limit when answers come at
once (see --latency 0 --page-latency 0).
"""

import argparse
import asyncio
import multiprocessing
import resource
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from aiohttp import web
from audit import Arrival, Owed, Verdict, compact, judge
from crash import ARCHIVE, Luck, SlowIce, SlowSlack, SlowTelegram
from support.database import Server
from support.loopback.ice import LoopbackIce
from support.loopback.slack import LoopbackSlack
from support.loopback.telegram import LoopbackTelegram
from support.program import World

from bot.app.wiring import utc_now
from bot.channels.slack.sender import SlackSender
from bot.channels.telegram.sender import TelegramSender
from bot.domain.agreement import ListName
from bot.domain.subscription import Filter, Subscription
from bot.fetch import Limits
from bot.pipeline.replay import entries
from bot.store import SourceStatus
from bot.store.postgres.migrate import migrate
from bot.store.postgres.store import PostgresStore
from bot.worker.worker import MOST_UNDER_WAY

SENDERS = {"telegram": TelegramSender(token="1:x"), "slack": SlackSender(token="xoxb-1")}  # to render with
POLL_EVERY = 5.0  # seconds
STATES = ("TX", "FL", "GA", "NC", "PA", "VA", "TN", "OK", "AL", "SC")
TELEGRAM = 25  # one chat in so many; there, all workers together may send only 25 messages a second


class WatchedIce(SlowIce):
    """Notes the times at which the page was requested."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.pages: list[float] = []

    async def _answer(self, request):
        if self.url.endswith(request.raw_path):
            self.pages.append(time.monotonic())
        return await super()._answer(request)


class Crew:
    """The workers on one database."""

    def __init__(self, world, url, log):
        self.world, self.url, self.log = world, url, log
        self.workers: list[subprocess.Popen] = []

    def start(self):
        with self.log.open("ab") as log:
            env = self.world.env | {"DATABASE_URL": self.url, "COUNTERSIGN_POLL_SECONDS": f"{POLL_EVERY:g}"}
            command = self.world.command("worker")
            return subprocess.Popen(command, env=env, cwd=self.world.home, stdout=subprocess.DEVNULL, stderr=log)

    def set_to_work(self, number):
        self.workers = [self.start() for _ in range(number)]

    def work(self, count, stack, is_done):
        """Run `count` workers until it is done; return the CPU seconds they took."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.set_to_work(count)
        stack.callback(lambda: [worker.kill() for worker in self.workers])
        until = time.monotonic() + 600
        while not is_done():
            if time.monotonic() > until:
                raise SystemExit(f"It was never finished:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)
        time.sleep(1)  # time for messages that should not come
        self.end()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def kill(self, number):
        worker = self.workers[number]
        if worker.poll() is not None:
            raise SystemExit(f"A worker ended by itself:\n{self.log.read_text()[-3000:]}")
        worker.kill()
        worker.wait()
        for platform in (self.world.telegram, self.world.slack):
            platform.period += 1
        self.workers[number] = self.start()

    def end(self):
        for worker in self.workers:
            worker.terminate()
        return [worker.wait(60) for worker in self.workers]

    def ask(self, question):
        async def asked():
            store = await PostgresStore.open(self.url)
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(asked())

    def wait(self, question, seconds, every=1.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.ask(question):
                return True
            time.sleep(every)
        return False


def world(stack, folder, ice):
    telegram, slack = SlowTelegram(), SlowSlack()
    for platform in (telegram, slack):
        platform.prepare(Luck(platform.FAULTS, 0, 0, "none"), type(platform).__name__)
    ice = stack.enter_context(ice.run_in_thread())
    stack.enter_context(telegram.run_in_thread())
    stack.enter_context(slack.run_in_thread())
    return World(ice, telegram, slack, folder)


def sheets():
    return [entry for entry in entries(ARCHIVE) if entry.list is ListName.PARTICIPATING]


def publish(world, entry):
    world.ice.publish(entry.path.name, entry.path.read_bytes(), at=entry.observed_at, scheme="A")
    return entry.path.name


def is_read(name):
    async def ask(store):
        seen = (await store.known()).seen.get(ListName.PARTICIPATING)
        return seen is not None and seen.name == name

    return ask


async def nothing_is_due(store):
    return not await store.due(utc_now() + timedelta(days=1))


def subscribers(crew, count, telegram=TELEGRAM, states=STATES):
    dice = Random(287)

    async def subscribe(store):
        for number in range(count):
            on_telegram = telegram and number % telegram == 0
            place = ("telegram", str(1000 + number)) if on_telegram else ("slack", f"C{number:08}")
            chosen = dict.fromkeys(dice.sample(states, dice.randint(1, min(3, len(states)))), 0)
            filter_ = Filter(states=chosen)
            await store.subscribe(
                Subscription(id="", channel=place[0], address=place[1], filter=filter_, created_at=utc_now())
            )

    crew.ask(subscribe)


def audited(crew):
    async def ask(store):
        return await store.changes(), await store.subscriptions()

    changes, subscriptions = crew.ask(ask)
    total, texts, bad = Verdict(), {}, 0
    arrived = {name: Counter() for name in ("telegram", "slack")}
    chats = {"telegram": {}, "slack": {}}
    for name, platform in (("telegram", crew.world.telegram), ("slack", crew.world.slack)):
        for flight in platform.flights:
            chats[name].setdefault(flight.chat, [])
            if flight.message is not None:
                chats[name][flight.chat].append(flight)
        arrived[name] = sum(map(len, chats[name].values()))
    for subscription in subscriptions:
        flights = chats[subscription.channel].get(subscription.address, [])
        arrivals = [_arrival(f) for f in sorted(flights, key=lambda f: f.message.order)]
        channel = SENDERS[subscription.channel]
        key = (subscription.channel, tuple(sorted(subscription.filter.states.items())))
        known = texts.setdefault(key, {})  # equal filters get equal messages
        owed = Owed(subscription, changes, channel, crew.world.ice.url, known)
        verdict = judge(owed, arrivals)
        bad += not verdict.is_good
        total += verdict
    return total, bad, sum(arrived.values())


def _arrival(flight):
    return Arrival(compact(flight.message.text), flight.period, flight.fault is not None, flight.unheard)


def polled_twice(pages, kills):
    """Count the polls that came before the interval was over, unless a worker was killed in between."""
    early = 0
    for before, after in pairwise(pages):
        in_between = any(before - 1 <= kill <= after for kill in kills)
        early += after - before < POLL_EVERY - 1 and not in_between
    return early


def kill(options):
    with ExitStack() as stack:
        server = Server()
        stack.callback(server.close)
        around = world(stack, server.folder / "nothing", WatchedIce())
        url = server.make()
        migrate(url)
        crew = Crew(around, url, server.folder / "workers.log")
        found = sheets()[options.first : options.first + options.lists + 1]
        name = publish(around, found[0])
        around.run("poll", DATABASE_URL=url)
        subscribers(crew, options.subscriptions)
        crew.set_to_work(3)
        stack.callback(lambda: [worker.kill() for worker in crew.workers])
        started, kills, restarted, dice = time.monotonic(), [], 0, Random(options.seed)
        time.sleep(5)
        for number, entry in enumerate(found[1:], start=1):
            name = publish(around, entry)
            until = time.monotonic() + options.spell
            while time.monotonic() < until:
                time.sleep(dice.uniform(0.5, 1.5) * options.seconds)
                kills.append(time.monotonic())
                crew.kill(len(kills) % 3)
            if number == options.lists // 2 + 1:
                time.sleep(options.seconds)
                publish_again = time.monotonic()
                server.restart()
                restarted += 1
                print(f"PostgreSQL restarted in {time.monotonic() - publish_again:.1f} s", file=sys.stderr)
            crew.wait(is_read(name), 120)
            print(f"list {number}: {len(kills)} kills, {len(around.slack.messages)} on Slack", file=sys.stderr)
        read = crew.wait(is_read(name), 180)
        settled = crew.wait(nothing_is_due, 400)
        seconds = time.monotonic() - started
        codes = crew.end()
        verdict, bad, messages = audited(crew)
        log = (server.folder / "workers.log").read_text()
        rows = {
            "subscriptions": options.subscriptions,
            "lists": options.lists,
            "kill -9": len(kills),
            "restarts of PostgreSQL": restarted,
            "messages the platforms stored": messages,
            "changes told": verdict.told,
            "changes lost": verdict.lost,
            "repeated after a kill": verdict.after_kill,
            "repeated because the platform's answer was lost": verdict.after_fault,
            "most repeated for one kill and subscription": verdict.most_for_a_kill,
            "repeated without a kill": verdict.inexcusable,
            "strange": verdict.strange,
            "subscriptions with a problem": bad,
            "polls of the page": len(around.ice.pages),
            "polls too early, with no worker killed": polled_twice(around.ice.pages, kills),
            "sends that failed": log.count('event="not sent"'),
            "tracebacks in the log": log.count("Traceback"),
            "every list polled and every chat up to date": read and settled,
            "exit codes": codes,
            "seconds": round(seconds),
        }
        for what, value in rows.items():
            print(f"{what:58} {value}")
        good = (
            verdict.is_good and not bad and read and settled and not rows["tracebacks in the log"] and set(codes) == {0}
        ) and not rows["polls too early, with no worker killed"]
        print("good" if good else "NOT GOOD")
        if not good:
            print(log[-5000:], file=sys.stderr)
        return 0 if good else 1


class LatentSlack(LoopbackSlack):
    """A Slack that takes `latency` seconds for each answer."""

    latency = 0.0

    async def deliver(self, request, chat, store):
        await asyncio.sleep(self.latency)
        return await super().deliver(request, chat, store)


def pages(port, latency, read):
    """Serve county pages that take `latency` seconds, in a separate process; note the first and last read in `read`."""

    async def answer(_):
        with read.get_lock():
            read[0] = read[0] or time.monotonic()
        await asyncio.sleep(latency)
        with read.get_lock():
            read[1], read[2] = time.monotonic(), read[2] + 1
        return web.Response(
            body=b"<html><body><h1>Agenda</h1><p>Road resurfacing</p></body></html>", content_type="text/html"
        )

    async def run():
        application = web.Application()
        application.router.add_get("/county/{number}", answer)
        application.router.add_get("/robots.txt", lambda _: web.Response(status=404))
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.value = runner.addresses[0][1]
        await asyncio.Event().wait()

    asyncio.run(run())


def scale(options):
    """Print what one, two and more workers do in a second."""
    at_once = Limits().concurrent
    print(
        f"{options.subscriptions:,} Slack channels get one list; Slack takes {options.latency:g} s to answer, and a worker"
        f" has up to {MOST_UNDER_WAY} deliveries under way.\n{options.sources:,} county pages are read; a page takes"
        f" {options.page_latency:g} s, and a worker fetches {at_once} at a time."
    )
    print("workers   messages a second  vs. one         pages a second  vs. one      CPU seconds of all")
    first = None
    for count in range(1, options.workers + 1):
        messages, told_in = told(options, count)
        pages_a_second, read_in = pages_read(options, count)
        first = first or (messages, pages_a_second)
        print(
            f"{count:7}{messages:20.1f}{messages / first[0]:11.2f}{pages_a_second:20.1f}{pages_a_second / first[1]:11.2f}"
            f"{told_in:15.0f} + {read_in:.0f}",
            flush=True,
        )
    return 0


def told(options, count):
    """Return the messages a second that `count` workers send about one list, and the CPU seconds."""
    with ExitStack() as stack:
        server = Server()
        stack.callback(server.close)
        slack = LatentSlack()
        slack.latency = options.latency
        around = World(
            stack.enter_context(LoopbackIce().run_in_thread()),
            stack.enter_context(LoopbackTelegram().run_in_thread()),
            stack.enter_context(slack.run_in_thread()),
            server.folder / "nothing",
        )
        url = server.make()
        migrate(url)
        crew = Crew(around, url, server.folder / "workers.log")
        before, after = sheets()[options.first], sheets()[options.first + 1]
        publish(around, before)
        around.run("poll", DATABASE_URL=url)
        subscribers(crew, options.subscriptions, telegram=0, states=("*",))
        publish(around, after)
        around.run("poll", DATABASE_URL=url)
        cpu = crew.work(count, stack, lambda: len(slack.messages) >= options.subscriptions)
        at = [call.at for call in slack.calls if call.method == "chat.postMessage"]
        assert len(at) == len(slack.messages) == options.subscriptions, "each channel is told once"
        return len(at) / (slack.messages[-1].at - min(at)), cpu


def pages_read(options, count):
    """Return the pages a second that `count` workers read, and the CPU seconds."""
    port, read = multiprocessing.Value("i", 0), multiprocessing.Array("d", 3)
    county = multiprocessing.Process(target=pages, args=(port, options.page_latency, read), daemon=True)
    county.start()
    while not port.value:
        county.join(0.05)
    with ExitStack() as stack:
        stack.callback(county.terminate)
        server = Server()
        stack.callback(server.close)
        around = world(stack, server.folder / "nothing", LoopbackIce())
        tables = (
            f'["County {n}"]\nkind = "page"\naddress = "http://127.0.0.1:{port.value}/county/{n}"\nzone = "America/Chicago"\n'
            for n in range(options.sources)
        )
        around.catalog("TX", "\n".join(tables))
        url = server.make()
        migrate(url)
        crew = Crew(around, url, server.folder / "workers.log")

        async def due(store):
            await store.subscribe(
                Subscription(id="", channel="slack", address="C00000001", filter=Filter(states={"TX": 0}))
            )
            yesterday = utc_now() - timedelta(days=1)
            for number in range(options.sources):
                await store.remember(SourceStatus(source=f"County {number}, TX", tried_at=yesterday, due_at=yesterday))

        crew.ask(due)
        cpu = crew.work(count, stack, lambda: read[2] >= options.sources)
        assert read[2] == options.sources, "each page is read once"
        return options.sources / (read[1] - read[0]), cpu


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("kill", "scale"))
    parser.add_argument("--subscriptions", type=int, help="default: 5000 for kill, 2400 for scale")
    parser.add_argument("--workers", type=int, default=4, help="for scale: the most workers")
    parser.add_argument("--latency", type=float, default=10.0, help="for scale: seconds that Slack takes to answer")
    parser.add_argument("--sources", type=int, default=240, help="for scale: county pages")
    parser.add_argument("--page-latency", type=float, default=1.0, help="for scale: seconds that a page takes")
    parser.add_argument("--lists", type=int, default=6)
    parser.add_argument("--first", type=int, default=60, help="number of the list in the archive to begin with")
    parser.add_argument("--seconds", type=float, default=4.0, help="between kills, roughly")
    parser.add_argument("--spell", type=float, default=20.0, help="seconds of killing after each list")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    asked.subscriptions = asked.subscriptions or {"kill": 5000, "scale": 2400}[asked.what]
    sys.exit({"kill": kill, "scale": scale}[asked.what](asked))
