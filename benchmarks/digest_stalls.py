# ruff: noqa: E402 - the loopback servers are part of the tests
"""Measure how long daily digests that fall due together keep the event loop waiting.

    python benchmarks/digest_stalls.py [--digests 500] [--changes 5000] [--new 60] [--zones 6] [--seed 1]

The log grew for ten months, 60 of its changes within the last day. Then 500 daily digests fall due at the same moment,
on a loopback Telegram in a separate process. Store, worker and channel are the real ones; only the rate limit is off. A
coroutine wants its turn every millisecond, as a person's command would, and the figure is the longest that it waited.
A second publication comes while the digests are sent, so that some of them end with another change. Exit 1 if the loop
stalled for 100 ms or longer, or if a chat didn't get exactly one digest.
"""

import argparse
import asyncio
import gc
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random
from unittest.mock import patch
from zoneinfo import ZoneInfo

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from support.loopback.telegram import LoopbackTelegram
from support.samples import first_sight, publication, record, signed

from bot.channels.rate_limit import RateLimit
from bot.channels.telegram.sender import TelegramSender
from bot.domain.geography.states import STATES
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Subscription
from bot.pipeline.runner import Runner
from bot.store.tiny.store import TinyStore
from bot.worker.worker import Worker

MORNING = datetime(2026, 9, 1, 13, tzinfo=UTC)  # every digest is due now
KNOWN = 1_000  # agreements at first sight
A_LIST = 10  # changes in each publication
TICK = 0.001  # seconds
MOST = 0.1  # seconds the loop may stall
ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
)


def serve(pipe):
    """Run Telegram until told to stop; then send back how many pictures each chat got, one for each digest."""
    with LoopbackTelegram().run_in_thread() as telegram:
        pipe.send((telegram.token, telegram.url))
        pipe.recv()
        pipe.send(Counter(message.chat for message in telegram.messages if message.photo is not None))


def published(number, count, at):
    """Return the changes of one publication that was observed at that time."""
    where = replace(publication(number), observed_at=at)
    states = sorted(STATES)
    return [signed(n, states[n % len(states)], where) for n in range(number, number + count)]


async def prepared(store, options):
    """Fill the store: a long log, then a crowd that asks for daily digests, then the changes of the last day."""
    dice, begun = Random(options.seed), MORNING - timedelta(days=300)
    baseline = [replace(one, publication=replace(one.publication, observed_at=begun)) for one in first_sight(KNOWN)]
    await store.record(record(await store.known(), baseline, at=begun))
    old = range(KNOWN, options.changes - options.new, A_LIST)
    for place, number in enumerate(old):
        at = begun + timedelta(days=298) * (place + 1) / len(old)
        count = min(A_LIST, options.changes - options.new - number)
        await store.record(record(await store.known(), published(number, count, at), at=at))
    for chat in range(options.digests):
        zone = ZONES[chat % options.zones]
        states = dice.sample(sorted(STATES), dice.randint(1, 4)) if chat % 5 else [ALL_STATES]
        local = MORNING.astimezone(ZoneInfo(zone))
        await store.subscribe(
            Subscription(
                id="",
                channel="telegram",
                address=str(1_000_000 + chat),
                filter=Filter(states=dict.fromkeys(states, 0)),
                cadence=Cadence.DAILY,
                at=local.time(),
                tz=zone,
                created_at=begun,
                hears_always=True,
            )
        )
    at = MORNING - timedelta(hours=5)
    last = published(options.changes - options.new, options.new, at)
    await store.record(record(await store.known(), last, at=at))


def cpu_seconds():
    """Return the CPU seconds of this process and of the ended processes that it started."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


async def waits():
    """Want a turn every millisecond; once canceled, return how late each turn was and the CPU used meanwhile."""
    found, last, used = [], time.perf_counter(), time.process_time()
    while True:
        try:
            await asyncio.sleep(TICK)
        except asyncio.CancelledError:
            return found
        now, cpu = time.perf_counter(), time.process_time()
        found.append((now - last - TICK, cpu - used))
        last, used = now, cpu


async def delivered(store, url, token, options):
    """Deliver the digests; return the waits, the CPU seconds and the seconds."""
    channel = TelegramSender(token=token, base_url=url, rate_limit=RateLimit())
    start = time.perf_counter()
    runner = Runner(
        store=store,
        fetch=None,
        sources={},
        channels={"telegram": channel},
        now=lambda: MORNING + timedelta(seconds=time.perf_counter() - start),
        every=timedelta(minutes=15),
        page="https://www.ice.gov/identify-and-arrest/287g",
    )
    await channel.bot.get_me()  # imports and connects, as the listener has done long before
    worker = Worker(runner)
    waiting = asyncio.create_task(waits())
    cpu = cpu_seconds()
    await worker.tick()
    late = published(options.changes, A_LIST, runner.now())
    await store.record(record(await store.known(), late, at=runner.now()))
    while True:
        await worker.tick()
        if not await store.due(runner.now()):
            break
        await asyncio.sleep(0.2)
    await worker.idle()
    worker = runner = None
    gc.collect()  # ends the process that draws pictures, so that its CPU seconds count
    figures = cpu_seconds() - cpu, time.perf_counter() - start
    waiting.cancel()
    found = await waiting
    await channel.close()
    return found, *figures


async def measured(folder, url, token, options):
    store = TinyStore.open(folder)
    with patch("os.fsync"):
        await prepared(store, options)
    gc.collect()
    gc.freeze()  # as the program does
    try:
        return await delivered(store, url, token, options)
    finally:
        await store.close()


def main(options):
    ours, theirs = get_context("spawn").Pipe()
    server = get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    token, url = ours.recv()
    with tempfile.TemporaryDirectory() as folder:
        late, cpu, seconds = asyncio.run(measured(Path(folder) / "data", url, token, options))
    ours.send(None)
    pictures = ours.recv()
    server.join(10)
    once = sum(number == 1 for number in pictures.values())
    print(
        f"{options.digests:,} daily digests at one moment, a log of {options.changes:,} changes, {options.new} of them new"
    )
    print(f"{'chats with one digest':44}{once:>10,}")
    longest, used = max(late)
    over = ", ".join(str(sum(wait >= most for wait, _ in late)) for most in (0.05, 0.1, 0.2))
    print(f"{'longest stall of the event loop, ms':44}{longest * 1e3:>10.0f} (our CPU in it: {used * 1e3:.0f})")
    print(f"{'most of our CPU in any stall, ms':44}{max(cpu for _, cpu in late) * 1e3:>10.0f}")
    print(f"{'stalls over 50, 100, 200 ms':44}{over:>10}")
    print(f"{'seconds':44}{seconds:>10.1f}")
    print(f"{'CPU seconds: in all, ms for each digest':44}{cpu:>10.1f}, {cpu / options.digests * 1e3:.0f}")
    good = longest < MOST and once == options.digests
    print("good" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--digests", type=int, default=500)
    parser.add_argument("--changes", type=int, default=5_000)
    parser.add_argument("--new", type=int, default=60, help="changes of the last day")
    parser.add_argument("--zones", type=int, default=len(ZONES), choices=range(1, len(ZONES) + 1))
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(main(parser.parse_args()))
