# ruff: noqa: E402 - the values lie among the tests of the store
"""Measure the public pages: cached, unchanged and cold, exported, their size and memory, and what they cost an alert.

    python benchmarks/pages.py [--agreements 3000] [--changes 10000] [--seconds 10] [--rate 200] [--alerts 20] [--export]

A store in memory has 3,000 agreements and a log of 10,000 changes. The pages are served over HTTP on loopback and asked
for by a process of its own, so both need a core; pin the server to one with `taskset`. Then changes are recorded while
the pages get 200 requests a second, as when a list appears. A coroutine waits for each change, as the worker does, and
the figure is how long the news took to reach it, with and without the requests. The processor time of a request doesn't
depend on what else the machine does. Exit 1 if the pages delay an alert by more
than a second, or if a cached page takes more than 20 ms at the median.
"""

import argparse
import asyncio
import gc
import gzip
import json
import resource
import statistics
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.samples import agreement, change, publication, record

from bot.domain.change import Kind
from bot.domain.geography.counties import counties
from bot.domain.geography.states import STATES
from bot.store.tiny.store import TinyStore
from bot.web.connections import Access, Bounds
from bot.web.pages.cache import Origin, PageCache, model_now
from bot.web.pages.export import export
from bot.web.pages.rendering import Installation
from bot.web.pages.routes import Pages, RateLimit
from bot.web.server import Views, serving

BEGUN = datetime(2025, 2, 21, 12, tzinfo=UTC)
DAYS = 450
A_LIST = 40  # changes of one list
MOST_GROWTH, MOST_CACHED = 1.0, 0.02  # seconds
TICK = 0.001
ONE_CLIENT = Access(bounds=Bounds(share=400))  # every request comes from the same address here
PATHS = ("/", "/states/TX", "/es/states/FL", "/changes", "/about", "/counties/tx-galveston-county", "/meetings")

CLIENT = """
import asyncio, json, sys, time, aiohttp
async def main(base, rate, seconds, etag, paths):
    took, codes, begun = [], {}, time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100), auto_decompress=False,
            headers={"If-None-Match": etag} if etag else {}) as browser:
        async def one(path):
            at = time.perf_counter()
            try:
                async with browser.get(base + path, timeout=aiohttp.ClientTimeout(60)) as found:
                    await found.read()
                    codes[found.status] = codes.get(found.status, 0) + 1
            except Exception as fault:
                codes[type(fault).__name__] = codes.get(type(fault).__name__, 0) + 1
            took.append(time.perf_counter() - at)
        if rate:
            tasks = []
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0, begun + number / rate - time.perf_counter()))
                tasks.append(asyncio.create_task(one(paths[number % len(paths)])))
            await asyncio.gather(*tasks)
        else:
            async def row(first):
                number = first
                while time.perf_counter() - begun < seconds:
                    await one(paths[number % len(paths)])
                    number += 1
            await asyncio.gather(*(row(first) for first in range(8)))
    took.sort()
    print(json.dumps({"n": len(took), "per_second": len(took) / (time.perf_counter() - begun),
        "p50": took[len(took) // 2], "p99": took[int(len(took) * .99)], "longest": took[-1], "codes": codes}))
asyncio.run(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4], sys.argv[5:]))
"""


def row(number):
    """Return an agreement with a real county, so that maps and places have work to do."""
    code = sorted(STATES)[number * 7 % len(STATES)] if number % 5 else "TX"
    here = counties(code)
    county = here[number % len(here)].name if here else ""
    name = f"{county} {number} Police Department"
    return agreement(number, code, agency=name, canonical=name.casefold(), county=f"{county} County")


def log_of(agreements, changes):
    """Yield the changes of each list: most agreements join, and some leave and come back."""
    yield [change(Kind.LISTED, row(number), at(1, 1)) for number in range(151)]
    rest = changes - 151
    joining = iter(range(151, agreements))
    moving = iter(range(10**9))
    count = -(-rest // A_LIST)
    for number in range(2, count + 2):
        where, found = at(number, count), []
        for step in range(min(A_LIST, rest - (number - 2) * A_LIST)):
            coming = next(joining, None) if step % 3 == 0 else None
            if coming is not None:
                found.append(change(Kind.SIGNED, row(coming), where))
            else:
                pair = next(moving)
                who, kind = row(pair // 2 % 151), (Kind.WITHDRAWN, Kind.REINSTATED)[pair % 2]
                found.append(change(kind, who, where, before=at(number - 1, count)))
        yield found


def at(number, count):
    return replace(publication(number), observed_at=BEGUN + timedelta(days=DAYS) * number / max(count, 1))


@asynccontextmanager
async def site(store, port):
    now = BEGUN + timedelta(days=DAYS + 1)
    origin = Origin(store=store, now=lambda: now, stale_after=timedelta(days=9999))
    cache = PageCache(origin, Installation(base="https://example.org"))
    pages = Pages(cache, RateLimit(10**9, 10**9))
    async with serving(port, Views(None, None, ""), pages=pages, access=ONE_CLIENT):
        yield cache


async def asked(base, rate, seconds, *paths, etag=""):
    """Ask for pages from a process of its own, and return its figures."""
    spent = time.process_time()
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, base, str(rate), str(seconds), etag, *paths, stdout=subprocess.PIPE
    )
    out, _ = await client.communicate()
    found = json.loads(out)
    return found | {"cpu": (time.process_time() - spent) / max(found["n"], 1)}


async def longest_wait(found):
    """Ask for a turn every millisecond, and note the longest delay."""
    last = time.perf_counter()
    while True:
        await asyncio.sleep(TICK)
        now = time.perf_counter()
        found.append(now - last - TICK)
        last = now


async def alerts(store, number, first):
    """Record changes one at a time. Return how long it took each time until a waiting worker had read its change."""
    took = []
    for step in range(number):
        before = await store.last_seq()
        fresh = change(Kind.SIGNED, row(first + step), at(10_000 + step, 10_000))
        heard = asyncio.create_task(hears(store, before))
        begun = time.perf_counter()
        await store.record(record(await store.known(), [fresh]))
        await heard
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(0.5)
    return took


async def hears(store, before):
    while await store.last_seq() <= before:  # noqa: ASYNC110 - the worker has an event, and this loop its delay
        await asyncio.sleep(0.005)
    return await store.changes(after=before)


def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def said(name, value):
    print(f"{name:<52} {value}", flush=True)


def figures(found):
    codes = ", ".join(f"{code}: {n}" for code, n in found["codes"].items())
    return f"p50 {found['p50'] * 1000:.2f} ms, p99 {found['p99'] * 1000:.1f} ms, longest {found['longest'] * 1000:.0f} ms, {found['per_second']:,.0f}/s, {found['cpu'] * 1000:.2f} ms of processor each ({codes})"


async def measure(options):
    store = TinyStore.in_memory()
    for changes in log_of(options.agreements, options.changes):
        await store.record(record(await store.known(), changes))
    gc.collect()
    said("agreements, changes", f"{len((await store.known()).participating):,}, {await store.last_seq():,}")
    before = megabytes()
    port = 8_765
    base = f"http://127.0.0.1:{port}"
    async with site(store, port) as cache:
        waits = []
        watch = asyncio.create_task(longest_wait(waits))
        begun = time.perf_counter()
        await cache.model()
        said(
            "the model of a new version",
            f"{time.perf_counter() - begun:.2f} s; longest stall of the loop {max(waits) * 1000:.0f} ms",
        )
        for path in PATHS:
            begun = time.perf_counter()
            page = await cache.page(path, {})
            took = time.perf_counter() - begun
            packed = len(page.packed or gzip.compress(page.rendered.body))
            said(
                f"cold {path}",
                f"{took * 1000:.0f} ms, {len(page.rendered.body) / 1024:.1f} KB, {packed / 1024:.1f} KB compressed",
            )
        watch.cancel()
        said("memory for the pages", f"{megabytes() - before:.0f} MB ({megabytes():.0f} MB in all)")
        cached = await asked(base, 0, options.seconds, "/")
        said("cached /", figures(cached))
        etag = (await cache.page("/", {})).small.etag
        said("unchanged /", figures(await asked(base, 0, options.seconds, "/", etag=f'"{etag}"')))
        said("cached /states/TX", figures(await asked(base, 0, options.seconds, "/states/TX")))
        said("cached, seven pages", figures(await asked(base, 0, options.seconds, *PATHS)))
        quiet = await alerts(store, options.alerts, options.agreements)
        said(
            "an alert without requests",
            f"p50 {statistics.median(quiet) * 1000:.0f} ms, longest {max(quiet) * 1000:.0f} ms",
        )
        waits = []
        watch = asyncio.create_task(longest_wait(waits))
        load = asyncio.create_task(asked(base, options.rate, options.alerts * 0.6 + 1, *PATHS))
        await asyncio.sleep(0.7)
        loaded = await alerts(store, options.alerts, options.agreements + options.alerts)
        said(
            f"an alert beside {options.rate:g} requests a second",
            f"p50 {statistics.median(loaded) * 1000:.0f} ms, longest {max(loaded) * 1000:.0f} ms",
        )
        said("  those requests", figures(await load))
        watch.cancel()
        waits.sort()
        said(
            "  longest stall of the loop",
            f"{waits[-1] * 1000:.0f} ms; p99 {waits[int(len(waits) * 0.99)] * 1000:.0f} ms",
        )
        said("  memory", f"{megabytes():.0f} MB")
    if options.export:
        await exports(store, options.agreements)
    growth = max(loaded) - max(quiet)
    said("an alert's delay grew by at most", f"{growth * 1000:.0f} ms")
    await store.close()
    return int(growth > MOST_GROWTH or cached["p50"] > MOST_CACHED)


async def exports(store, agreements):
    """Export everything, again, after a change on the same list, and after one on a new list of a later day."""
    now = BEGUN + timedelta(days=DAYS + 1)
    origin, about = (
        Origin(store=store, now=lambda: now, stale_after=timedelta(days=9999)),
        Installation(base="https://example.org"),
    )
    fresh = [
        (),
        (),
        [change(Kind.AMENDED, replace(row(3), moa="https://www.ice.gov/new.pdf"), at(10_000, 10_000), was=row(3))],
        [change(Kind.SIGNED, row(agreements + 1_000), replace(publication(1), observed_at=now))],
    ]
    names = ("everything", "again", "after a change on the same list", "after a change on a list of the next day")
    with TemporaryDirectory() as folder:
        for name, changes in zip(names, fresh, strict=True):
            if changes:
                await store.record(record(await store.known(), changes))
            model = await model_now(origin)
            began, spent = time.perf_counter(), time.process_time()
            done = await export(model, store, about, Path(folder))
            took = f"{time.process_time() - spent:.1f} s of processor, {time.perf_counter() - began:.1f} s"
            said(
                f"export: {name}",
                f"{took}; {done.rendered:,} rendered, {done.written:,} of {len(done.files):,} written",
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agreements", type=int, default=3_000)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--alerts", type=int, default=20)
    parser.add_argument("--export", action="store_true", help="also measure the static export")
    raise SystemExit(asyncio.run(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
