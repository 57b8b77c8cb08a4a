# ruff: noqa: E402 - the values lie among the tests of the store
"""Match a crowd of subscriptions against a publication that brings 88 changes.

    python benchmarks/crowd.py [--folder] [--subscriptions N] [--changes 88] [--seed 1]

100,000 subscriptions in a PostgreSQL that is started for this; with --folder, 5,000 in a data folder, five times what
the README promises for one. Every subscription watches one to eight states, or all of them, and some a county or an
agency; a third each is instant, daily and weekly. The publication goes through the store's own `record`, which finds
the subscriptions that are owed something and when they are due; the result is checked against every filter. 88 changes
are the most that one of ICE's lists of 2025 brought. Only making the subscriptions waits for no disk.

CPU and memory are those of the program; PostgreSQL's own cost shows only in the seconds.
"""

import argparse
import asyncio
import gc
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from support.database import Server
from support.samples import NOON, agreement, change, first_sight, record

from bot.domain.change import Kind
from bot.domain.geography.states import STATES
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Subscription, county_entry
from bot.store.postgres.migrate import migrate
from bot.store.postgres.store import PostgresStore
from bot.store.tiny.store import TinyStore

KNOWN = 2_400  # agreements on the list, as in autumn 2026
EVERYTHING = 0.1  # of the subscriptions watch all states
IN_A_FOLDER, IN_A_DATABASE = 5_000, 100_000
ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "Pacific/Guam",
)


def peak():
    """Return the most memory this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident():
    """Return the memory it has now, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def some_filter(dice):
    if dice.random() < EVERYTHING:
        return Filter(states={ALL_STATES: 0})
    states = dict.fromkeys(dice.sample(sorted(STATES), dice.randint(1, 8)), 0)
    counties = (
        {county_entry(dice.choice(sorted(STATES)), f"County {dice.randrange(60)}"): 0} if dice.random() < 0.05 else {}
    )
    agencies = {f"numero {dice.randrange(KNOWN)} police": 0} if dice.random() < 0.02 else {}
    return Filter(states=states, counties=counties, agencies=agencies)


async def crowd(folder, count, seed):
    """Fill a folder with so many subscriptions."""
    dice = Random(seed)
    store = TinyStore.open(folder, journal_limit=2**40)
    with patch("os.fsync"):
        await store.record(record(await store.known(), first_sight(KNOWN)))
        for number in range(1, count + 1):
            filter_, cadence, tz = some_filter(dice), dice.choice(list(Cadence)), dice.choice(ZONES)
            await store.subscribe(
                Subscription(id="", channel="telegram", address=str(number), filter=filter_, cadence=cadence, tz=tz)
            )
        await store.close()


def fill(folder, count, seed, url):
    """Do it in a process whose memory isn't counted; with a `url`, move everything to that database."""
    asyncio.run(crowd(folder, count, seed))
    if url is not None:
        migrate(url)
        start = time.perf_counter()
        asyncio.run(taken_over(folder, url))
        print(f"{'moving them to the database, seconds':52}{time.perf_counter() - start:>10.2f}")


async def taken_over(folder, url):
    source, target = TinyStore.open(folder), await PostgresStore.open(url)
    await target.fill(await source.everything())
    await source.close()
    await target.close()


def publication(known, count, dice):
    """Return so many changes: one in eight a withdrawal, the others signed, in random states."""
    leaving = dice.sample(sorted(known.participating), count // 8)
    gone = [change(Kind.WITHDRAWN, known.participating[key]) for key in leaving]
    states = dice.choices(sorted(STATES), k=count - len(gone))
    return gone + [change(Kind.SIGNED, agreement(10_000 + n, state)) for n, state in enumerate(states)]


async def longest_wait():
    """Ask for a turn again and again; once canceled, return the longest wait for one, in seconds."""
    longest, last = 0.0, time.perf_counter()
    while True:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return max(longest, time.perf_counter() - last)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()


async def main(options):
    with ExitStack() as stack:
        url = None
        if not options.folder:
            server = Server()
            stack.callback(server.close)
            url = server.make()
        data, dice = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data", Random(-options.seed)
        filling = get_context("spawn").Process(target=fill, args=(data, options.subscriptions, options.seed, url))
        filling.start()
        filling.join()
        start = time.perf_counter()
        store = TinyStore.open(data) if url is None else await PostgresStore.open(url)
        opening, opened = time.perf_counter() - start, peak()
        gc.freeze()  # as the program does
        known, before = await store.known(), resident()
        coming = record(known, publication(known, options.changes, dice), at=NOON + timedelta(hours=1))
        start, cpu = time.perf_counter(), time.process_time()
        others = asyncio.create_task(longest_wait())
        await asyncio.sleep(0)
        changes = await store.record(coming)
        waited = others.cancel() and await others
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        after, most = resident(), peak()
        start = time.perf_counter()
        due_now = await store.due(NOON + timedelta(hours=1))
        asking = time.perf_counter() - start

        start = time.perf_counter()
        taken = await store.claim_due(NOON + timedelta(hours=1), "telegram", 200)
        taking = time.perf_counter() - start

        subscriptions = await store.subscriptions()
        start = time.perf_counter()
        owed = {s.id for s in subscriptions if any(s.filter.matches(c) for c in changes)}
        plainly = time.perf_counter() - start
        found = {s.id for s in subscriptions if s.due_at is not None}
        cadences = Counter(s.cadence.value for s in subscriptions if s.due_at is not None)
        start, cpu_before = time.perf_counter(), time.process_time()
        await store.close()
        folding, folding_cpu = time.perf_counter() - start, time.process_time() - cpu_before

    print(f"{'subscriptions':52}{options.subscriptions:>10,}")
    print(f"{'changes of the publication':52}{len(changes):>10}")
    print(f"{'opening the store, seconds':52}{opening:>10.2f}")
    print(f"{'recording and matching, seconds':52}{seconds:>10.2f}  CPU {cpu:.2f}")
    print(f"{'the longest wait of others meanwhile, ms':52}{waited * 1e3:>10.0f}")
    told = ", ".join(f"{name} {number:,}" for name, number in sorted(cadences.items()))
    print(f"{'subscriptions that are owed something':52}{len(found):>10,}  {told}")
    print(f"{'finding the due ones, seconds':52}{asking:>10.2f}  {len(due_now):,} are")
    print(f"{'claiming the first of them, seconds':52}{taking:>10.2f}  {len(taken):,} are claimed")
    print(f"{'matching every filter, seconds':52}{plainly:>10.2f}  {'the same ones' if owed == found else 'OTHERS'}")
    if options.folder:
        print(f"{'closing the store, with a snapshot, seconds':52}{folding:>10.2f}  CPU {folding_cpu:.2f}")
    print(f"{'memory before and after, MiB':52}{before:>10.0f}  {after:.0f}")
    print(f"{'the most ever: opening, recording, MiB':52}{opened:>10.0f}  {most:.0f}")
    return 0 if owed == found else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", action="store_true", help="in a data folder")
    parser.add_argument("--subscriptions", type=int)
    parser.add_argument("--changes", type=int, default=88)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    chosen.subscriptions = chosen.subscriptions or (IN_A_FOLDER if chosen.folder else IN_A_DATABASE)
    sys.exit(asyncio.run(main(chosen)))
