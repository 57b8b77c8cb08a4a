# ruff: noqa: E402 - the values lie among the tests of the store
"""Measure how long the embedded store keeps the event loop waiting on a slow disk.

    python benchmarks/store_stalls.py [--subscriptions 1000] [--changes 10000] [--fsync 0.2] [--seed 1]

Slack wants an answer within three seconds, whatever the disk is doing. A data folder is filled, then every fsync is
made to take 200 ms, and each kind of write runs beside a coroutine that wants its turn every millisecond. The figure
is the longest that coroutine waited. The store is opened with a journal limit of one byte, so that every write is
followed by a snapshot of everything. Exit 1 when the loop stalled for as long as a single fsync takes.
"""

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from support.samples import (
    NOON,
    STATES,
    document,
    first_sight,
    receipt,
    record,
    remember_together,
    signed,
    status,
    subscription,
)

from bot.store.tiny.store import TinyStore

KNOWN = 2_400  # agreements on the list, as in autumn 2026
RECEIPTS = 10  # of each subscription
TICK = 0.001  # seconds
SOURCES = 200  # local sources that report at the same moment


async def fill(folder, subscriptions, changes, seed):
    """Fill a folder with a history; nobody waits for the disk."""
    dice = Random(seed)
    store = TinyStore.open(folder, journal_limit=2**40)
    await store.record(record(await store.known(), first_sight(KNOWN)))
    fresh = [signed(KNOWN + number) for number in range(changes - KNOWN)]
    for start in range(0, len(fresh), 500):
        await store.record(record(await store.known(), fresh[start : start + 500]))
    for _ in range(subscriptions):
        mine = await store.subscribe(subscription(dice.sample(STATES, dice.randint(1, 4))))
        for number in range(RECEIPTS):
            await store.sent(receipt(mine.id, message_id=str(number)))
    await store.close()
    await TinyStore.open(folder).close()


async def longest_wait():
    """Want a turn every millisecond; once canceled, return the longest that a turn was late, in seconds."""
    longest, last = 0.0, time.perf_counter()
    while True:
        try:
            await asyncio.sleep(TICK)
        except asyncio.CancelledError:
            return longest
        now = time.perf_counter()
        longest, last = max(longest, now - last - TICK), now


async def remember_one(store):
    await store.remember(status(NOON))


async def remember_many(store):
    await remember_together(store, [status(NOON, source=f"place {number}") for number in range(SOURCES)])


async def record_a_list(store):
    body = Random(1).randbytes(300_000) + b"<row/>" * 300_000
    fresh = [signed(100_000 + number) for number in range(88)]
    brought = record(await store.known(), fresh, at=NOON + timedelta(hours=1), documents=(document(body=body),))
    await store.record(brought)


async def forget_one(store):
    await store.forget((await store.subscriptions())[-1].id)


WRITES = {
    "one unchanged reading": remember_one,
    f"{SOURCES} unchanged readings at once": remember_many,
    "a list with 88 changes and 2.1 MB of evidence": record_a_list,
    "forgetting a subscription": forget_one,
}


def slow(seconds):
    """Make every fsync take so long."""
    fsync = os.fsync

    def slow_fsync(fd):
        time.sleep(seconds)
        fsync(fd)

    return patch("os.fsync", slow_fsync)


async def measured(folder, write, fsync):
    """Return the longest stall and the seconds until the caller could go on."""
    store = TinyStore.open(folder, journal_limit=1)
    gc.freeze()  # as the program does
    with slow(fsync):
        waiting = asyncio.create_task(longest_wait())
        await asyncio.sleep(10 * TICK)
        start = time.perf_counter()
        await write(store)
        seconds = time.perf_counter() - start
        await store.close()  # it waits for the snapshot
        await asyncio.sleep(10 * TICK)
        waiting.cancel()
        return await waiting, seconds


async def main(options):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "data"
        with patch("os.fsync"):
            await fill(folder, options.subscriptions, options.changes, options.seed)
        size = (folder / "state.json").stat().st_size / 2**20
        print(f"{options.subscriptions:,} subscriptions, {options.changes:,} changes, a snapshot of {size:.1f} MiB")
        print(f"{'':48}{'longest stall, ms':>20}{'until it returned, s':>24}")
        worst = 0.0
        for name, write in WRITES.items():
            stall, seconds = await measured(folder, write, options.fsync)
            worst = max(worst, stall)
            print(f"{name:48}{stall * 1e3:>20.0f}{seconds:>24.2f}")
        print(f"{'the longest stall of all':48}{worst * 1e3:>20.0f}")
    return 0 if worst < options.fsync else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--subscriptions", type=int, default=1_000)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--fsync", type=float, default=0.2, help="seconds that each takes")
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(asyncio.run(main(parser.parse_args())))
