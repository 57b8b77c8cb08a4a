# ruff: noqa: E402 - the servers lie among the tests
"""Several workers on one PostgreSQL: what is lost or repeated when they are killed, and how they share the work.

    python benchmarks/workers.py kill [--subscriptions 5000] [--lists 6] [--seconds 4]
    python benchmarks/workers.py scale [--subscriptions 1200]

`kill`: three workers, real publications of the archive on loopback ICE, slow loopback Telegram and Slack; one worker in
turn is killed with kill -9 every few seconds and started again, and PostgreSQL is restarted once. Each chat is read as
crash.py reads it. `scale`: one to four workers and a publication that everybody is told, on Slack alone.
"""

import argparse
import asyncio
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

from audit import Arrival, Owed, Verdict, judge
from crash import ARCHIVE, Luck, SlowIce, SlowSlack, SlowTelegram
from database import Server
from loopback.ice import LoopbackIce
from program import World

from bot.channels import CHANNELS
from bot.domain.agreement import ListName
from bot.domain.subscription import Filter, Subscription
from bot.replay import entries
from bot.store.migrate import migrate
from bot.store.postgres import PostgresStore
from bot.wiring import utc_now

POLL_EVERY = 5.0  # seconds
STATES = ("TX", "FL", "GA", "NC", "PA", "VA", "TN", "OK", "AL", "SC")
TELEGRAM = 25  # one in so many is there, where 25 messages a second are all that any number of workers may send


class WatchedIce(SlowIce):
    """Notes when the page was asked for."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.pages: list[float] = []

    async def _answer(self, request):
        if self.url.endswith(request.raw_path):
            self.pages.append(time.monotonic())
        return await super()._answer(request)


class Crew:
    """Workers on one database, in a world."""

    def __init__(self, world, url, log):
        self.world, self.url, self.log = world, url, log
        self.workers: list[subprocess.Popen] = []

    def start(self):
        with self.log.open("ab") as log:
            env = self.world.env | {"DATABASE_URL": self.url, "COUNTERSIGN_POLL_SECONDS": f"{POLL_EVERY:g}"}
            return subprocess.Popen(self.world.command("worker"), env=env, stdout=subprocess.DEVNULL, stderr=log)

    def set_to_work(self, number):
        self.workers = [self.start() for _ in range(number)]

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
        channel = CHANNELS[subscription.channel](token="1:x")
        key = (subscription.channel, tuple(sorted(subscription.filter.states.items())))
        known = texts.setdefault(key, {})  # the same filter is told the same
        owed = Owed(subscription, changes, channel, crew.world.ice.url, known)
        verdict = judge(owed, arrivals)
        bad += not verdict.is_good
        total += verdict
    return total, bad, sum(arrived.values())


def _arrival(flight):
    return Arrival(flight.message.text.strip(), flight.period, flight.fault is not None, flight.unheard)


def polled_twice(pages, kills):
    """Readings of the page within one interval, but for those of whose interval a worker was killed in."""
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
            "messages that platforms stored": messages,
            "changes told": verdict.told,
            "changes lost": verdict.lost,
            "repeated after a kill": verdict.after_kill,
            "repeated because the platform was not heard": verdict.after_fault,
            "most repeated for one kill and subscription": verdict.most_for_a_kill,
            "repeated without a kill": verdict.inexcusable,
            "strange": verdict.strange,
            "subscriptions with something wrong": bad,
            "readings of the page": len(around.ice.pages),
            "sources polled twice in one interval, no worker killed": polled_twice(around.ice.pages, kills),
            "sends that failed": log.count("event='not sent'"),
            "tracebacks in the log": log.count("Traceback"),
            "all read and told": read and settled,
            "exit codes": codes,
            "seconds": round(seconds),
        }
        for what, value in rows.items():
            print(f"{what:58} {value}")
        good = (
            verdict.is_good and not bad and read and settled and not rows["tracebacks in the log"] and set(codes) == {0}
        ) and not rows["sources polled twice in one interval, no worker killed"]
        print("good" if good else "NOT GOOD")
        if not good:
            print(log[-5000:], file=sys.stderr)
        return 0 if good else 1


def scale(options):
    """Deliveries a second, from the first to the last message about one publication."""
    print("workers  messages  seconds  messages a second")
    for count in (1, 2, 3, 4):
        with ExitStack() as stack:
            server = Server()
            stack.callback(server.close)
            around = world(stack, server.folder / "nothing", LoopbackIce())
            url = server.make()
            migrate(url)
            crew = Crew(around, url, server.folder / "workers.log")
            before, after = sheets()[options.first], sheets()[options.first + 1]
            publish(around, before)
            around.run("poll", DATABASE_URL=url)
            subscribers(crew, options.subscriptions, telegram=0, states=("*",))
            crew.set_to_work(count)
            stack.callback(lambda: [worker.kill() for worker in crew.workers])  # noqa: B023 - called within the turn
            time.sleep(6)
            publish(around, after)
            until = time.monotonic() + 300
            while len({m.chat for m in around.slack.messages}) < options.subscriptions and time.monotonic() < until:
                time.sleep(0.1)
            at = sorted(message.at for message in around.slack.messages)
            took = at[-1] - at[0] if at else 0.0
            print(f"{count:7}  {len(at):8}  {took:7.1f}  {len(at) / max(took, 0.001):17.0f}", flush=True)
            crew.end()
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("kill", "scale"))
    parser.add_argument("--subscriptions", type=int, default=5000)
    parser.add_argument("--lists", type=int, default=6)
    parser.add_argument("--first", type=int, default=60, help="the list of the archive that is known at first")
    parser.add_argument("--seconds", type=float, default=4.0, help="between kills, about")
    parser.add_argument("--spell", type=float, default=20.0, help="seconds of killing after each list")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    sys.exit({"kill": kill, "scale": scale}[asked.what](asked))
