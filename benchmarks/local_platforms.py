"""Measure what an unchanged place of each platform costs: CPU milliseconds, KB fetched, KB stored and KB of peak memory.

    python benchmarks/local_platforms.py [--readings 40] [--pages ../shared/local-pages]

A real response of the platform is served from a separate process, or the tests' own for those without any. No answer has
validators and each web page differs in a comment, as ASP.NET's pages do in `__VIEWSTATE`, so that every reading fetches
and compares the whole page. The first reading isn't counted. `benchmarks/local_sources.py` measures pages with and
without validators, as a whole program.
"""

import argparse
import asyncio
import multiprocessing
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import structlog
from aiohttp import web
from read_platforms import CASES as REAL
from read_platforms import PAGES, Case, only_loopback
from support.platform_cases import CASES, TITLE

from bot.domain.agenda import Place
from bot.domain.source_status import SourceStatus
from bot.fetch import Clock, Fetch, Limits
from bot.sources import LOCAL


def response_of(kind: str) -> Case | None:
    """Return the first real response that is a platform's list of meetings. Destiny has none."""
    return next((each for each in REAL if each.kind == kind and kind != "destiny"), None)


def serve(kind: str, real: Path, ready: Connection) -> None:
    """Serve one platform, in a separate process, and send its address and clock."""
    case = response_of(kind)
    server = CASES[kind].server()
    CASES[kind].say(server, TITLE)
    count = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        found = None
        if case is not None and request.path == case.path:
            found = case.wrap((real / case.file).read_text("utf-8", "replace")).encode()
        elif case is None and (reply := await server.respond(request)).status == 200:
            found = reply.body
        if found is None:
            return web.Response(status=404)
        is_page = found.lstrip()[:1] == b"<" and not found.lstrip().startswith(b"<?xml")
        return web.Response(body=found + b"<!-- %d -->" % count * is_page)

    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        server.base = base
        address = f"{base}{case.address or case.path}" if case else server.address + CASES[kind].path
        ready.send((address, case.at if case else "2026-11-24"))
        await asyncio.Event().wait()

    asyncio.run(run())


async def measure(kind: str, address: str, day: str, readings: int) -> tuple[float, float, float, float, str]:
    """Read a place again and again. Return the milliseconds, the KB fetched, stored and at peak, and the file."""
    now = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
    place = Place(name="A place", kind=kind, address=address, state="NC", zone="America/New_York")
    fetched = 0

    class Counting(Fetch):
        async def get(self, *args, **options):
            nonlocal fetched
            document = await super().get(*args, **options)
            fetched += len(document.body)
            return document

    async def nothing(_: float) -> None:
        pass

    limits, clock = Limits(host_gap=0), Clock(sleep=nothing)
    async with Counting(contact=None, limits=limits, allow_loopback=True, resolve=only_loopback, clock=clock) as fetch:
        status = SourceStatus(source=place.name)
        for _ in range(3):  # what is left over from the first reading is read
            reading = await LOCAL[kind].read(fetch, place, status, now)
            now += timedelta(minutes=10)
            status = SourceStatus(source=place.name, validators=reading.validators, facts=reading.facts, read_at=now)
        fetched, start = 0, time.process_time()
        for _ in range(readings):
            reading = await LOCAL[kind].read(fetch, place, status, now)
        spent = (time.process_time() - start) / readings * 1_000
        kilobytes = fetched / readings / 1024
        tracemalloc.start()
        await LOCAL[kind].read(fetch, place, status, now)
        peak = tracemalloc.get_traced_memory()[1] / 1024
        tracemalloc.stop()
    kept = len(msgspec.json.encode({"facts": status.facts, "validators": status.validators})) / 1024
    return spent, kilobytes, kept, peak, "" if reading.unchanged else "  (not unchanged)"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=40)
    parser.add_argument("--pages", type=Path, default=PAGES)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    print(f"{'platform':13}{'CPU ms':>8}{'KB fetched':>12}{'KB stored':>11}{'KB at peak':>12}  response")
    for kind in LOCAL:
        ready, ours = multiprocessing.Pipe()
        server = multiprocessing.Process(target=serve, args=(kind, options.pages / "platforms", ours), daemon=True)
        server.start()
        address, day = ready.recv()
        spent, fetched, kept, peak, note = asyncio.run(measure(kind, address, day, options.readings))
        server.terminate()
        file = case.file if (case := response_of(kind)) else "made by the tests"
        print(f"{kind:13}{spent:8.1f}{fetched:12.0f}{kept:11.1f}{peak:12.0f}  {file}{note}", flush=True)


if __name__ == "__main__":
    main()
