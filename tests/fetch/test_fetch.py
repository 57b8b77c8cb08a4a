import asyncio
import gzip
import logging
import shutil
import socket
import ssl
import subprocess
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import HTTPConnection

import httpx
import pytest
import respx
import structlog
from aiohttp import web
from support.loopback.ice import PAGE, LoopbackIce

from bot import __version__
from bot.demo.loopback.server import Server
from bot.domain.document import Document, Expect, Form, Validators, digest, remembered
from bot.errors import Blocked, Missing, SourceError, Unreachable, Unreadable, Unsafe
from bot.fetch import Clock, Fetch, Limits, masked, user_agent
from bot.fetch.hosts import Hosts
from bot.fetch.robots import ROBOTS_BYTES, RobotsCache

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
XLSX = b"PK\x03\x04" + b"sheet" * 50
PUBLIC = "93.184.216.34"
TLS = ssl.create_default_context()  # read once: the usual certificates take 20 ms
NAME = "participatingAgencies112426am.xlsx"
LIMITS = {each.name for each in fields(Limits)}


class World:
    """Clock, calendar and sleep, all of one time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.passed

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds
        await asyncio.sleep(0)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def ice() -> AsyncIterator[LoopbackIce]:
    async with LoopbackIce() as ice:
        yield ice


@pytest.fixture
def fetching(world):
    def make(**settings) -> Fetch:
        limits = {name: settings.pop(name) for name in LIMITS & settings.keys()}
        clock = Clock(
            now=world.now, monotonic=world.clock, sleep=settings.pop("sleep", world.sleep), jitter=lambda: 0.5
        )
        usual = {"contact": None, "allow_loopback": True, "tls": TLS, "clock": clock}
        return Fetch(**usual | settings, limits=Limits(**{"host_gap": 0.0} | limits))

    return make


@pytest.fixture
async def fetch(fetching) -> AsyncIterator[Fetch]:
    async with fetching() as fetch:
        yield fetch


@asynccontextmanager
async def server(
    answer: Callable[[str], Awaitable[bytes] | bytes], *, robots: bytes = b"", tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """A server that answers what a function of the path gives, byte for byte; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ", 2)[1]
        try:
            if path == "/robots.txt":
                writer.write(ok(robots) if robots else b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            else:
                answered = answer(path)
                writer.write(answered if isinstance(answered, bytes) else await answered)
            await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as listening:
        yield str(listening.sockets[0].getsockname()[1])


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def names(**addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    """A resolver that knows these names under .example, and numbers."""

    async def resolve(host: str, port: int) -> list[str]:
        known = addresses.get(host.removesuffix(".example"), host)
        return known.split()

    return resolve


# Asking again


async def test_a_first_reading_is_unconditional_and_tells_what_came(fetch, ice):
    path = ice.publish(NAME, XLSX, at=NOON)
    document = await fetch.get(ice.base + path, source="ICE", expect=Expect.WORKBOOK)
    assert (document.body, document.sha256, document.unchanged) == (XLSX, digest(XLSX), False)
    assert (document.name, document.address, document.fetched_at) == (NAME, ice.base + path, NOON)
    assert document.headers["last-modified"] == "Tue, 24 Nov 2026 12:00:00 GMT"
    assert "server" not in document.headers
    asked = ice.asked(path)[0].headers
    assert "if-none-match" not in asked
    assert "if-modified-since" not in asked


async def test_the_next_reading_echoes_the_servers_own_words_and_takes_304(fetch, ice):
    path = ice.publish(NAME, XLSX, at=NOON)
    first = await fetch.get(ice.base + path, source="ICE")
    known = remembered(first, None)
    again = await fetch.get(ice.base + path, source="ICE", validators=known, expect=Expect.WORKBOOK)
    asked = ice.asked(path)[1]
    assert asked.status == 304
    assert asked.headers["if-none-match"] == first.headers["etag"]
    assert asked.headers["if-modified-since"] == first.headers["last-modified"]
    assert (again.unchanged, again.body, again.sha256, again.name) == (True, b"", digest(XLSX), NAME)


async def test_a_download_number_takes_its_name_from_the_header_and_304_without_an_etag(fetch, ice):
    path = ice.publish(NAME, XLSX, at=NOON, scheme="B")
    first = await fetch.get(ice.base + path, source="ICE")
    assert first.name == NAME
    assert "etag" not in first.headers
    assert (await fetch.get(ice.base + path, source="ICE", validators=remembered(first, None))).unchanged


async def test_a_full_reading_comes_due_though_the_server_would_say_unchanged(fetch, ice, world):
    path = ice.publish(NAME, XLSX, at=NOON)
    known = remembered(await fetch.get(ice.base + path, source="ICE"), None)
    world.passed += 6 * 3600
    assert not (await fetch.get(ice.base + path, source="ICE", validators=known)).unchanged


async def test_a_full_reading_can_be_asked_for(fetch, ice):
    path = ice.publish(NAME, XLSX, at=NOON)
    known = remembered(await fetch.get(ice.base + path, source="ICE"), None)
    assert (await fetch.get(ice.base + path, source="ICE", validators=known, full=True)).body == XLSX


async def test_a_clock_that_went_back_means_a_full_reading(fetch, ice):
    path = ice.publish(NAME, XLSX, at=NOON)
    known = Validators(
        sha256="0", name=NAME, full_at=NOON + timedelta(days=400), last_modified="Tue, 24 Nov 2026 12:00:00 GMT"
    )
    assert (await fetch.get(ice.base + path, source="ICE", validators=known)).body == XLSX


async def test_304_to_an_unconditional_question_is_an_error(fetch, ice):
    ice.answer("/sheet", 304)
    with pytest.raises(Unreadable, match="304 Not Modified to an unconditional request"):
        await fetch.get(f"{ice.base}/sheet", source="ICE")


async def test_validators_that_are_no_header_are_left_out(fetch, ice):
    path = ice.publish(NAME, XLSX, at=NOON)
    known = Validators(sha256="0", name=NAME, full_at=NOON, etag='"é"', last_modified="x\r\nHost: elsewhere")
    assert (await fetch.get(ice.base + path, source="ICE", validators=known)).body == XLSX


def test_unchanged_answers_keep_the_last_full_reading():
    first = Document(
        address="a", name="n", body=b"x", sha256="s", headers={"etag": '"1"', "last-modified": "then"}, fetched_at=NOON
    )
    known = remembered(first, None)
    assert known == Validators(sha256="s", name="n", full_at=NOON, etag='"1"', last_modified="then")
    later = Document(
        address="a",
        name="n",
        body=b"",
        sha256="s",
        headers={"etag": '"2"'},
        fetched_at=NOON + timedelta(hours=1),
        unchanged=True,
    )
    assert remembered(later, known) == Validators(sha256="s", name="n", full_at=NOON, etag='"2"', last_modified="then")


# What comes


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (XLSX, Expect.WORKBOOK),
        (b"%PDF-1.7 ...", Expect.PDF),
        (b"junk\n%PDF-1.4", Expect.PDF),
        (b"\xef\xbb\xbf  [1]", Expect.JSON),
        (b'\n{"a": 1}', Expect.JSON),
        (b"<!DOCTYPE html><html>", Expect.HTML),
        (b"<!-- <made> by --><HTML lang=en>", Expect.HTML),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC ""><html>', Expect.HTML),
        (b"<p>fragment</p>", Expect.HTML),
        (b'<?xml version="1.0"?>\n<rss version="2.0">', Expect.FEED),
        (b'<feed xmlns="http://www.w3.org/2005/Atom">', Expect.FEED),
        ('<?xml version="1.0" encoding="utf-16"?><rss >'.encode("utf-16"), Expect.FEED),
        (b'<?xml version="1.0"?><ArrayOfMatter>', None),
        (b"PK\x05\x06", None),
        (b"\xd0\xcf\x11\xe0old workbook", None),
        (b"words", None),
    ],
)
def test_a_body_is_known_by_its_first_bytes(body, seen):
    assert Expect.seen_in(body) is seen


async def test_a_block_page_in_place_of_a_workbook_is_unreadable(fetch, ice):
    path = ice.publish(NAME, b"<!DOCTYPE html><html><body>Access Denied</body></html>", at=NOON)
    with pytest.raises(Unreadable, match="is a web page; we expected a workbook"):
        await fetch.get(ice.base + path, source="ICE", expect=Expect.WORKBOOK)


async def test_a_maintenance_page_in_place_of_a_workbook_is_unreadable(fetch, ice):
    path = ice.publish(NAME, XLSX, at=NOON)
    ice.maintenance = True
    with pytest.raises(Unreadable, match="a web page"):
        await fetch.get(ice.base + path, source="ICE", expect=Expect.WORKBOOK)


async def test_an_empty_body_is_unreadable(fetch, ice):
    ice.answer("/sheet", 200, b"")
    with pytest.raises(Unreadable, match="empty body"):
        await fetch.get(f"{ice.base}/sheet", source="ICE")


@pytest.mark.parametrize(
    ("disposition", "path", "name"),
    [
        ('attachment; filename="list 1.xlsx"', "/x", "list 1.xlsx"),
        ("attachment; filename=list.xlsx", "/x", "list.xlsx"),
        ("attachment; FileName = list.xlsx ; size=3", "/x", "list.xlsx"),
        (r'attachment; filename="a \"b\".xlsx"', "/x", 'a "b".xlsx'),
        ("""attachment; filename="plain.xlsx"; filename*=UTF-8''pl%C3%A4in.xlsx""", "/x", "pläin.xlsx"),
        ("attachment; filename*=koi8''x.xlsx; filename=plain.xlsx", "/x", "plain.xlsx"),
        ('attachment; filename="../../etc/passwd"', "/x", "passwd"),
        (r'attachment; filename="C:\temp\list.xlsx"', "/x", "list.xlsx"),
        ('attachment; filename=".."', "/list%20one.xlsx", "list one.xlsx"),
        ("attachment", "/a/list%20one.xlsx?v=1", "list one.xlsx"),
        ("inline; filename=", "/a%2F..%2Fb.xlsx", "b.xlsx"),
        (f'attachment; filename="{"x" * 500}.xlsx"', "/x", "x" * 145 + ".xlsx"),
        ("", "/", "127.0.0.1"),
    ],
)
async def test_a_document_is_named_by_the_server_or_by_its_address(fetch, ice, disposition, path, name):
    ice.answer(path, 200, XLSX, headers={"Content-Disposition": disposition} if disposition else {})
    document = await fetch.get(ice.base + path, source="ICE")
    assert document.name == name
    assert len(name) <= 150


# Bounds


def bomb(mebibytes: int) -> bytes:
    """A gzip body that inflates a thousandfold: one flushed block of zeros, over and over."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    start = squeeze.compress(bytes(2**20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(bytes(2**20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return start + block * (mebibytes - 1)


async def test_a_gzip_bomb_of_two_gibibytes_takes_no_more_memory_than_the_cap(fetch, ice):
    ice.answer("/bomb", 200, bomb(2048), headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        with pytest.raises(Unsafe, match="larger than the 32 MiB we accept"):
            await fetch.get(f"{ice.base}/bomb", source="ICE")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 48 * 2**20


async def test_a_body_is_refused_by_its_announced_length_before_it_is_read(fetch):
    async with server(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nPK") as port:
        with pytest.raises(Unsafe, match="larger than the 32 MiB"):
            await fetch.get(f"http://127.0.0.1:{port}/x", source="ICE")


async def test_a_body_without_a_length_is_refused_where_it_passes_the_cap(fetching):
    async with fetching(max_bytes=1000) as fetch, server(lambda _: b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001) as port:
        with pytest.raises(Unsafe, match="larger"):
            await fetch.get(f"http://127.0.0.1:{port}/x", source="ICE")


async def test_a_body_that_inflates_to_nothing_for_ever_is_refused_too(fetching):
    nothing = gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff" * 1000
    endless = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + nothing
    async with fetching(max_bytes=1000) as fetch, server(lambda _: endless) as port:
        with pytest.raises(Unsafe, match="larger"):
            await fetch.get(f"http://127.0.0.1:{port}/x", source="ICE")


async def test_a_body_of_exactly_the_cap_is_read(fetching, ice):
    body = b"x" * 300_000
    ice.answer("/x", 200, gzip.compress(body), headers={"Content-Encoding": "gzip"})
    async with fetching(max_bytes=len(body)) as fetch:
        assert (await fetch.get(f"{ice.base}/x", source="ICE")).body == body


async def test_only_gzip_is_offered_and_only_gzip_is_taken(fetch, ice):
    ice.answer("/gz", 200, gzip.compress(XLSX), headers={"Content-Encoding": "gzip"})
    assert (await fetch.get(f"{ice.base}/gz", source="ICE")).body == XLSX
    assert ice.asked("/gz")[0].headers["accept-encoding"] == "gzip"
    ice.answer("/br", 200, b"\x0b\x02\x80abc\x03", headers={"Content-Encoding": "br"})
    with pytest.raises(Unreadable, match="encoding we didn't ask for \\('br'\\)"):
        await fetch.get(f"{ice.base}/br", source="ICE")


@pytest.mark.parametrize(
    ("body", "error", "tries"),
    [
        (b"not gzip", Unreadable, 1),
        (gzip.compress(XLSX)[:-9], Unreachable, 3),
    ],
    ids=["not gzip", "cut off"],
)
async def test_broken_gzip_is_never_half_a_document(fetch, ice, body, error, tries):
    ice.answer("/x", 200, body, headers={"Content-Encoding": "gzip"})
    with pytest.raises(error):
        await fetch.get(f"{ice.base}/x", source="ICE")
    assert ice.count("/x") == tries


async def test_a_body_that_breaks_off_is_never_half_a_document(fetch):
    async with server(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nPK\x03\x04") as port:
        with pytest.raises(Unreachable, match="broke off the connection"):
            await fetch.get(f"http://127.0.0.1:{port}/x", source="ICE")


async def test_silence_is_waited_for_only_so_long(fetching, ice):
    ice.delay("/x", 5)
    async with fetching(read=0.03) as fetch:
        with pytest.raises(Unreachable, match="stopped answering"):
            await fetch.get(f"{ice.base}/x", source="ICE")


async def test_a_trickle_is_bounded_in_all_and_not_tried_again(fetching):
    seen = []

    async def trickle(path: str) -> bytes:
        seen.append(path)
        await asyncio.sleep(5)
        return b""

    async with fetching(total=1) as fetch, server(trickle) as port:
        with pytest.raises(Unreachable, match=r"didn't finish within 1(\.0)? s"):
            await fetch.get(f"http://127.0.0.1:{port}/x", source="ICE")
    assert seen == ["/x"]


# Verdicts


@pytest.mark.parametrize(
    ("status", "error", "tries"),
    [
        (400, SourceError, 1),
        (401, SourceError, 1),
        (403, Blocked, 1),
        (404, Missing, 1),
        (410, Missing, 1),
        (429, Blocked, 3),
        (500, Unreachable, 3),
        (503, Unreachable, 3),
        (204, Unreadable, 1),
        (206, Unreadable, 1),
        (300, Unreadable, 1),
        (302, Unreadable, 1),
    ],
)
async def test_a_status_is_a_verdict(fetching, status, error, tries):
    with respx.mock(assert_all_called=False) as router:
        router.get(path="/robots.txt").respond(404)
        sheet = router.get(path="/sheet").respond(status, content=b"")
        async with fetching(allow_loopback=False, resolve=names(www=PUBLIC)) as fetch:
            with pytest.raises(SourceError) as caught:
                await fetch.get("https://www.example/sheet", source="ICE")
    assert type(caught.value) is error
    assert f"answered {status}" in str(caught.value)
    assert sheet.call_count == tries
    assert sheet.calls.last.request.headers["host"] == "www.example"


async def test_a_failure_names_the_source_and_the_last_good_reading_in_one_line(fetch, ice):
    ice.answer("/sheet", 403)
    with pytest.raises(Blocked) as caught:
        await fetch.get(
            f"{ice.base}/sheet", source="ICE participating", last_good=datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
        )
    assert str(caught.value) == (
        f"ICE participating: {ice.base}/sheet answered 403 Forbidden: the site is turning us away right now; last read successfully 2026-11-24 10:15 UTC"
    )
    with pytest.raises(Blocked, match=r"; never read successfully$"):
        await fetch.get(f"{ice.base}/sheet", source="ICE participating")


async def test_a_500_once_is_tried_again(fetch, ice, world):
    path = ice.publish(NAME, XLSX, at=NOON)
    ice.answer(path, 500, times=1)
    assert (await fetch.get(ice.base + path, source="ICE")).body == XLSX
    assert [request.status for request in ice.asked(path)] == [500, 200]
    assert world.slept == [1.0]


async def test_a_dropped_connection_is_tried_again_with_growing_waits(fetch, ice, world):
    path = ice.publish(NAME, XLSX, at=NOON)
    ice.drop(path, times=2)
    assert (await fetch.get(ice.base + path, source="ICE")).body == XLSX
    assert world.slept == [1.0, 2.0]


async def test_a_sheet_that_is_linked_but_not_yet_uploaded_is_missing(fetch, ice):
    path = ice.publish(NAME, XLSX, at=NOON)
    ice.answer(path, 404, times=1)
    with pytest.raises(Missing, match="404 Not Found"):
        await fetch.get(ice.base + path, source="ICE")
    assert (await fetch.get(ice.base + path, source="ICE")).body == XLSX


async def test_nobody_listening_is_unreachable(fetch):
    with pytest.raises(Unreachable, match="couldn't be reached"):
        await fetch.get("http://127.0.0.1:9/x", source="ICE")


async def test_a_name_without_an_address_is_unreachable(fetching):
    async def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    async with fetching(resolve=resolve) as fetch:
        with pytest.raises(Unreachable, match="can't be found, because its host name has no address"):
            await fetch.get("http://nowhere.example/x", source="ICE")


# When a server asks us to wait


@pytest.mark.parametrize("asked", ["20", format_datetime(NOON + timedelta(seconds=20), usegmt=True)])
async def test_retry_after_is_obeyed(fetch, ice, world, asked):
    path = ice.publish(NAME, XLSX, at=NOON)
    ice.answer(path, 429, headers={"Retry-After": asked}, times=1)
    assert (await fetch.get(ice.base + path, source="ICE")).body == XLSX
    assert world.slept == [20.0]


async def test_a_long_pause_is_left_to_the_caller_and_holds_for_the_whole_host(fetch, ice, world):
    path = ice.publish(NAME, XLSX, at=NOON)
    ice.answer(path, 429, headers={"Retry-After": "3600"}, times=1)
    with pytest.raises(Blocked, match="answered 429") as caught:
        await fetch.get(ice.base + path, source="ICE")
    assert caught.value.retry_after == 3600
    assert world.slept == []
    world.passed += 600
    with pytest.raises(Blocked, match=r"asked us to wait another 3000 s") as caught:
        await fetch.get(ice.url, source="the page")
    assert caught.value.retry_after == 3000
    assert ice.count() == 1
    world.passed += 3000
    assert (await fetch.get(ice.base + path, source="ICE")).body == XLSX


@pytest.mark.parametrize("asked", ["9" * 30, "9" * 400, "99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_pause_of_years_is_believed_for_a_day(fetch, ice, asked):
    ice.answer("/x", 503, headers={"Retry-After": asked})
    with pytest.raises(Unreachable) as caught:
        await fetch.get(f"{ice.base}/x", source="ICE")
    assert caught.value.retry_after == 86_400


@pytest.mark.parametrize("asked", ["soon", "nan", "inf", "-5", "1e9", "Fri, 99 Dec 9999 99:99:99 GMT"])
async def test_a_retry_after_that_means_nothing_is_as_good_as_none(fetch, ice, world, asked):
    ice.answer("/x", 503, headers={"Retry-After": asked})
    with pytest.raises(Unreachable) as caught:
        await fetch.get(f"{ice.base}/x", source="ICE")
    assert caught.value.retry_after is None
    assert world.slept == [1.0, 2.0]


# Taking turns


async def test_two_requests_to_one_host_start_a_gap_apart_and_robots_txt_counts(fetching, ice, world):
    async with fetching(host_gap=1.0) as fetch:
        await asyncio.gather(*(fetch.get(ice.url, source="ICE") for _ in range(3)))
    assert world.slept == [1.0, 1.0, 1.0]  # before each of the four requests but the first
    assert [ice.count("/robots.txt"), ice.count(PAGE)] == [1, 3]


async def test_a_redirect_waits_its_turn_too(fetching, ice, world):
    ice.redirect("/x", PAGE)
    async with fetching(host_gap=1.0) as fetch:
        await fetch.get(f"{ice.base}/x", source="ICE")
    assert world.slept == [1.0, 1.0]


async def test_hosts_do_not_wait_for_each_other(fetching, ice, world):
    port = ice.base.rpartition(":")[2]
    async with fetching(host_gap=60.0, resolve=names(a="127.0.0.1", b="127.0.0.1")) as fetch:
        await fetch.get(f"http://a.example:{port}{PAGE}", source="a")
        await fetch.get(f"http://b.example:{port}{PAGE}", source="b")
    assert world.slept == [60.0, 60.0]  # each between robots.txt and the page


async def test_who_waits_for_a_host_holds_no_slot(fetching, ice):
    port = ice.base.rpartition(":")[2]
    waiting, reached = asyncio.Event(), asyncio.Event()

    async def for_ever(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async def note(host: str, port: int) -> list[str]:
        if host == "b.example":
            reached.set()
        return ["127.0.0.1"]

    async with fetching(host_gap=60.0, concurrent=1, sleep=for_ever, resolve=note) as fetch:
        stuck = asyncio.create_task(fetch.get(f"http://a.example:{port}{PAGE}", source="a"))
        await waiting.wait()
        other = asyncio.create_task(fetch.get(f"http://b.example:{port}{PAGE}", source="b"))
        async with asyncio.timeout(2):
            await reached.wait()
        stuck.cancel()
        other.cancel()
        await asyncio.gather(stuck, other, return_exceptions=True)


async def test_no_more_than_so_many_requests_run_at_once(fetching):
    running = most = 0

    async def slow(path: str) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return ok(b"x")

    hosts = {f"h{n}": "127.0.0.1" for n in range(9)}
    async with fetching(concurrent=3, resolve=names(**hosts)) as fetch, server(slow) as port:
        await asyncio.gather(*(fetch.get(f"http://{host}.example:{port}/x", source=host) for host in hosts))
    assert most == 3


async def test_a_cancelled_request_gives_its_slot_and_its_turn_back(fetching, ice):
    ice.answer("/x", 200, b"x")
    ice.delay("/slow", 5)
    async with fetching(concurrent=1) as fetch:
        tasks = [asyncio.create_task(fetch.get(f"{ice.base}/slow", source="ICE")) for _ in range(3)]
        await asyncio.sleep(0.03)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)
        async with asyncio.timeout(2):
            assert (await fetch.get(f"{ice.base}/x", source="ICE")).body == b"x"


async def test_what_is_remembered_of_hosts_is_bounded(monkeypatch, world):
    monkeypatch.setattr("bot.fetch.hosts.HOSTS", 5)
    monkeypatch.setattr("bot.fetch.robots.ORIGINS", 5)

    async def empty(url: httpx.URL) -> bytes:
        return b""

    hosts, robots = Hosts(0.0, 4, Clock(monotonic=world.clock, sleep=world.sleep)), RobotsCache(empty, world.clock)
    for n in range(30):
        assert (await robots.rules(httpx.URL(f"https://h{n}.example/x"))).can_fetch("/x", "Countersign")
        async with hosts.turn(f"h{n}.example"):
            pass
    assert 0 < len(hosts) <= 5
    assert 0 < len(robots) <= 5


async def test_a_host_in_its_gap_is_not_forgotten(monkeypatch, world):
    monkeypatch.setattr("bot.fetch.hosts.HOSTS", 1)
    hosts = Hosts(2.0, 4, Clock(monotonic=world.clock, sleep=world.sleep))
    async with hosts.turn("www.example"):
        pass
    hosts.slow_down("another.example", 0.0)
    assert "www.example" in hosts
    world.passed += 2.0
    hosts.slow_down("a-third.example", 0.0)
    assert "www.example" not in hosts


# robots.txt


async def test_what_robots_txt_forbids_is_not_asked_for(fetch, ice):
    ice.robots = "User-agent: *\nDisallow: /file-download/*\nAllow: /"
    path = ice.publish(NAME, XLSX, at=NOON, scheme="B")
    with pytest.raises(Blocked, match=r"ICE: 127\.0\.0\.1's robots\.txt asks us not to read http"):
        await fetch.get(ice.base + path, source="ICE")
    assert ice.count() == 0
    assert (await fetch.get(ice.url, source="ICE")).body


async def test_robots_txt_is_read_once_a_day_with_our_name(fetching, ice, world):
    async with fetching(contact="mailto:me@example.org") as fetch:
        await asyncio.gather(*(fetch.get(ice.url, source="ICE") for _ in range(3)))
        assert len(ice.asked("/robots.txt")) == 1
        assert (
            ice.asked("/robots.txt")[0].headers["user-agent"] == f"Countersign/{__version__} (+mailto:me@example.org)"
        )
        world.passed += 86_400
        await fetch.get(ice.url, source="ICE")
    assert len(ice.asked("/robots.txt")) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_robots_txt_that_is_not_there_forbids_nothing(fetch, ice, status):
    ice.answer("/robots.txt", status)
    assert (await fetch.get(ice.url, source="ICE")).body


@pytest.mark.parametrize(("status", "error"), [(500, Unreachable), (503, Unreachable), (429, Blocked)])
async def test_without_any_robots_txt_nothing_else_is_asked(fetch, ice, status, error):
    ice.answer("/robots.txt", status)
    with pytest.raises(
        error,
        match=rf"ICE: robots\.txt couldn\'t be read, so we asked for nothing else: .*/robots\.txt answered {status}",
    ):
        await fetch.get(ice.url, source="ICE")
    assert ice.count() == 0
    assert len(ice.asked("/robots.txt")) == 3


async def test_the_last_known_robots_txt_holds_while_it_cannot_be_read(fetch, ice, world):
    ice.robots = "User-agent: *\nDisallow: /private"
    await fetch.get(ice.url, source="ICE")
    world.passed += 86_400
    ice.drop("/robots.txt")
    await fetch.get(ice.url, source="ICE")
    with pytest.raises(Blocked):
        await fetch.get(f"{ice.base}/private", source="ICE")
    assert len(ice.asked("/robots.txt")) == 2


@pytest.mark.parametrize(("delay", "gap"), [("0.5", 2.0), ("7", 7.0), ("600", 60.0), ("many", 2.0)])
async def test_crawl_delay_widens_the_gap_up_to_a_minute(fetching, ice, world, delay, gap):
    ice.robots = f"User-agent: countersign\nCrawl-delay: {delay}"
    async with fetching(host_gap=2.0) as fetch:
        await fetch.get(ice.url, source="ICE")
        await fetch.get(ice.url, source="ICE")
    assert world.slept == [gap, gap]


async def test_robots_txt_may_be_redirected(fetch, ice):
    ice.redirect("/robots.txt", "/real-robots.txt")
    ice.answer("/real-robots.txt", 200, b"User-agent: *\nDisallow: /")
    with pytest.raises(Blocked, match=r"robots\.txt"):
        await fetch.get(ice.url, source="ICE")


async def test_an_endless_robots_txt_is_cut_at_a_whole_line(fetch, ice):
    start, last = b"User-agent: *\n", b"Disallow: /identity-cards\n"
    filling = b"#" * (ROBOTS_BYTES - len(start) - len(b"\nDisallow: /ident"))
    ice.answer("/robots.txt", 200, start + filling + b"\n" + last * 1_000_000)
    assert (await fetch.get(ice.url, source="ICE")).body


@pytest.mark.parametrize("line_end", ["\n", "\x85"])
async def test_a_robots_txt_made_to_exhaust_us_does_not(fetch, ice, line_end):
    ice.robots = line_end.join(["#", *(f"User-agent: a{n}" for n in range(4_000)), *["Disallow: /private"] * 4_000])
    began = time.perf_counter()
    assert (await fetch.get(ice.url, source="ICE")).body
    assert time.perf_counter() - began < 1


async def test_rules_for_others_are_not_for_us(fetch, ice):
    ice.robots = "User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n\nUser-agent: *\nDisallow: /private\n"
    assert (await fetch.get(ice.url, source="ICE")).body


async def test_rules_for_us_come_before_those_for_everybody(fetch, ice):
    ice.robots = "User-agent: *\nAllow: /\n\nUser-Agent: COUNTERSIGN # us\nDisallow: /identify\n"
    with pytest.raises(Blocked):
        await fetch.get(ice.url, source="ICE")


# Addresses


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "http://100.100.100.200/",
        "http://168.63.129.16/",
        "http://192.0.0.192/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:a00:1::1]/",
        "http://0xa010203/",
        "//10.1.2.3/",
        "file:///etc/passwd",
        "ftp://www.example/",
        "gopher://127.0.0.1/",
        "http://user:hunter2@127.0.0.1/",
        "http://[broken/",
    ],
)
async def test_a_redirect_to_an_unsafe_address_is_not_followed(fetch, ice, target):
    ice.redirect("/x", target)
    with pytest.raises(Unsafe) as caught:
        await fetch.get(f"{ice.base}/x", source="ICE")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/", "http://[::1]/", "http://localhost/", "http://2130706433/", "http://10.0.0.1/"]
)
async def test_the_first_address_is_checked_too_and_loopback_is_closed_by_default(fetching, address):
    async with fetching(allow_loopback=False) as fetch:
        with pytest.raises(Unsafe, match="isn't a public address"):
            await fetch.get(address, source="ICE")


@pytest.mark.parametrize("loopback", ["http://[::1]/", "http://127.0.0.1/"])
async def test_a_public_site_cannot_redirect_to_loopback(fetching, loopback):
    with respx.mock as router:
        router.get(path="/robots.txt").respond(404)
        router.get(path="/x").respond(302, headers={"Location": loopback})
        router.route(host=httpx.URL(loopback).host).pass_through()
        async with fetching(allow_loopback=False, resolve=names(www=PUBLIC)) as fetch:
            with pytest.raises(Unsafe, match="isn't a public address"):
                await fetch.get("http://www.example/x", source="ICE")


@pytest.mark.parametrize("address", ["10.0.0.7", "127.0.0.1", f"{PUBLIC} 10.0.0.7", "fe80::1%eth0"])
async def test_a_name_that_leads_inside_is_refused_even_beside_a_public_address(fetching, address):
    async with fetching(allow_loopback=False, resolve=names(www=address)) as fetch:
        with pytest.raises(Unsafe, match=r"www\.example resolves to .*, which isn't a public address"):
            await fetch.get("http://www.example/x", source="ICE")


async def test_the_connection_goes_to_the_address_that_was_checked(fetching, ice):
    answers = iter([["127.0.0.1"], ["127.0.0.1"], ["10.0.0.1"]])
    asked = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    port = ice.base.rpartition(":")[2]
    async with fetching(resolve=rebinding) as fetch:
        await fetch.get(f"http://www.example:{port}{PAGE}", source="ICE")
        assert asked == ["www.example"] * 2  # once for robots.txt, once for the page
        assert ice.requests[-1].headers["host"] == f"www.example:{port}"
        with pytest.raises(Unsafe, match=r"resolves to 10\.0\.0\.1"):
            await fetch.get(f"http://www.example:{port}{PAGE}", source="ICE")
    assert len(asked) == 3


async def test_the_next_address_of_a_name_is_tried_where_the_first_does_not_answer(fetching, ice):
    port = ice.base.rpartition(":")[2]
    async with fetching(resolve=names(www="127.0.0.77 127.0.0.1")) as fetch:
        assert (await fetch.get(f"http://www.example:{port}{PAGE}", source="ICE")).body


@pytest.fixture
def certificate(tmp_path) -> tuple[str, str]:
    """A certificate for sheets.example that vouches for itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    made, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    how = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=t -addext subjectAltName=DNS:sheets.example"
    subprocess.run(["openssl", *how.split(), "-keyout", key, "-out", made], check=True, capture_output=True)
    return made, key


async def test_a_certificate_is_checked_by_the_name_though_the_number_is_dialled(fetching, certificate):
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=certificate[0])
    async with (
        server(lambda _: ok(b"x"), tls=serving) as port,
        fetching(tls=trusting, resolve=names(sheets="127.0.0.1", other="127.0.0.1")) as fetch,
    ):
        assert (await fetch.get(f"https://sheets.example:{port}/x", source="ICE")).body == b"x"
        with pytest.raises(Unreachable, match="has no valid certificate"):
            await fetch.get(f"https://other.example:{port}/x", source="ICE")


async def test_redirects_are_followed_and_the_last_address_is_told(fetch, ice):
    path = ice.publish(NAME, XLSX, at=NOON)
    ice.redirect("/a", "/b")
    ice.redirect("/b", ice.base + path, 301)
    document = await fetch.get(f"{ice.base}/a", source="ICE")
    assert (document.body, document.name, document.address) == (XLSX, NAME, f"{ice.base}/a")
    assert document.headers["final-address"] == ice.base + path


async def test_redirects_in_a_circle_end(fetch, ice):
    ice.redirect("/a", "/a")
    with pytest.raises(Unreadable, match="redirected more than 5 times"):
        await fetch.get(f"{ice.base}/a", source="ICE")
    assert ice.count("/a") == 6


async def test_a_redirect_to_what_robots_txt_forbids_is_not_followed(fetch, ice):
    ice.robots = "User-agent: *\nDisallow: /private"
    ice.redirect("/a", "/private")
    with pytest.raises(Blocked, match=r"robots\.txt"):
        await fetch.get(f"{ice.base}/a", source="ICE")


async def test_https_is_not_left_for_http(fetching):
    with respx.mock as router:
        router.get(path="/robots.txt").respond(404)
        router.get(path="/x").respond(302, headers={"Location": "http://www.example/y"})
        async with fetching(resolve=names(www=PUBLIC)) as fetch:
            with pytest.raises(Unsafe, match="redirects from https to http"):
                await fetch.get("https://www.example/x", source="ICE")


@pytest.mark.parametrize(
    "address",
    [
        "ftp://www.example/",
        "https:/www.example/one-slash",
        "www.example/x",
        "http://me:hunter2@www.example/",
        "http://a b/",
        "",
        "http://x\n/",
    ],
)
async def test_an_address_that_is_none_is_refused_and_not_repeated(fetch, address):
    with pytest.raises(Unsafe, match=r"^County: the address [^\n]+; never read successfully$") as caught:
        await fetch.get(address, source="County")
    assert "hunter2" not in str(caught.value)


# Who asks, and what is written down


@pytest.mark.parametrize(
    ("contact", "agent"),
    [
        (None, "Countersign/0.1.0"),
        ("", "Countersign/0.1.0"),
        ("https://example.org/bot", "Countersign/0.1.0 (+https://example.org/bot)"),
        ("me@example.org\r\nX-Evil: 1é", "Countersign/0.1.0 (+me@example.orgX-Evil: 1)"),
    ],
)
def test_the_user_agent_names_program_version_and_contact(contact, agent):
    assert user_agent(contact, "0.1.0") == agent


async def test_proxies_of_the_environment_and_cookies_of_servers_are_ignored(fetching, ice, monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    ice.answer("/x", 200, b"x", headers={"Set-Cookie": "seen=1; Path=/"})
    async with fetching() as fetch:
        for _ in range(2):
            await fetch.get(f"{ice.base}/x", source="ICE", accept="application/json")
    last = ice.asked("/x")[1].headers
    assert last["accept"] == "application/json"
    assert "cookie" not in last


async def test_no_token_reaches_a_log_an_error_or_a_document(fetch, ice, caplog, capfd):
    structlog.reset_defaults()
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    ice.answer("/v1/matters?token=hunter2&$top=5", 200, b"[]")
    ice.answer("/v1/events?token=hunter2", 403)
    ice.redirect("/go", "/v1/matters?token=hunter2&$top=5")
    document = await fetch.get(f"{ice.base}/v1/matters?token=hunter2&$top=5", source="Legistar", expect=Expect.JSON)
    assert document.address == f"{ice.base}/v1/matters?token=***&$top=5"
    redirected = await fetch.get(f"{ice.base}/go", source="Legistar")
    with pytest.raises(Blocked) as caught:
        await fetch.get(f"{ice.base}/v1/events?token=hunter2", source="Legistar")
    written = capfd.readouterr()
    assert "fetched" in written.out
    for told in (written.out, written.err, caplog.text, str(caught.value), repr(document), repr(redirected)):
        assert "hunter2" not in told
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]
    assert "[info" not in written.out


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://a/x?q=keyword&monkey=1&page=2", "https://a/x?q=keyword&monkey=1&page=2"),
        (
            "https://a/x?api_key=s&apikey=s&subscription-key=s&Key=s",
            "https://a/x?api_key=***&apikey=***&subscription-key=***&Key=***",
        ),
        ("https://a/x?X-Amz-Signature=s&access_token=s#f", "https://a/x?X-Amz-Signature=***&access_token=***#f"),
        ("https://me:pw@a/x@y", "https://***@a/x@y"),
        ("https://a/b//c@d", "https://a/b//c@d"),
    ],
)
def test_only_secrets_are_masked(address, shown):
    assert masked(address) == shown


# The loopback ICE itself


async def test_the_page_links_both_lists_in_three_ways(fetch, ice):
    sheet = ice.publish(NAME, XLSX, at=NOON, anchor="View 287(g) Participating Agencies")
    pending = ice.publish("pendingAgencies.xlsx", XLSX, at=NOON, scheme="B", list="pending")
    ice.headline(2_382, states=39, territories=2, counts={"JEM": 182, "WSO": 546, "TFM": 1_654})
    for hrefs, start in (("path", ""), ("host", ice.base.removeprefix("http:")), ("absolute", ice.base)):
        ice.hrefs = hrefs
        page = (await fetch.get(ice.url, source="ICE", expect=Expect.HTML)).body.decode()
        assert f'<a href="{start}{sheet}" target="_blank">View 287(g) Participating Agencies</a>' in page
        assert f'<a href="{start}{pending}" target="_blank">Pending Agencies</a>' in page
    assert (
        "ICE has signed 2,382 Memorandums of Agreement for 287(g) programs covering 39 states and 2 U.S. Territories"
        in page
    )
    assert "1,654 Task Force Model" in page


async def test_the_page_shows_the_old_table(fetch, ice):
    ice.html_table(
        [("ALABAMA", "Etowah County Sheriff's Office", "Jail Enforcement Model", "7/8/2020", "/doclib/moa.pdf")]
    )
    page = (await fetch.get(ice.url, source="ICE", expect=Expect.HTML)).body.decode()
    assert "<td>ALABAMA</td><td>Etowah County Sheriff&#x27;s Office</td>" in page
    assert '<td><a href="/doclib/moa.pdf">link</a></td>' in page


def test_it_runs_in_a_thread_for_those_without_a_loop():
    with LoopbackIce().run_in_thread() as ice:
        path = ice.publish(NAME, XLSX, at=NOON)
        for _ in range(2):
            connection = HTTPConnection("127.0.0.1", int(ice.base.rpartition(":")[2]))
            connection.request("GET", path)
            assert connection.getresponse().read() == XLSX
            connection.close()
        assert ice.count(path) == ice.count() == 2


# Forms


class LoopbackForms(Server):
    """A server that keeps the forms it gets. `answers` are by path; `robots` is the text of robots.txt."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[str, str, str, bytes]] = []
        self.answers: dict[str, web.Response] = {}
        self.robots = ""

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/robots.txt":
            return web.Response(text=self.robots)
        self.got.append((request.method, request.path, request.headers.get("Content-Type", ""), await request.read()))
        told = self.answers.get(request.path)
        return (
            web.Response(status=told.status, body=told.body, headers=told.headers) if told else web.Response(text="{}")
        )


@pytest.fixture
async def forms() -> AsyncIterator[LoopbackForms]:
    async with LoopbackForms() as forms:
        yield forms


ASKED = Form.json({"calendarStartDate": "2026-11-01"})


async def test_a_form_is_sent_by_post_and_never_with_conditions(fetch, forms):
    known = Validators(sha256="0", name="x", full_at=NOON, etag='"1"')
    document = await fetch.get(f"{forms.base}/list", source="A", validators=known, form=ASKED, expect=Expect.JSON)
    await fetch.get(f"{forms.base}/list", source="A", form=Form.of({"id": "A & B"}))
    assert (document.body, document.address) == (b"{}", f"{forms.base}/list")
    assert forms.got == [
        ("POST", "/list", "application/json; charset=utf-8", b'{"calendarStartDate": "2026-11-01"}'),
        ("POST", "/list", "application/x-www-form-urlencoded", b"id=A+%26+B"),
    ]


async def test_robots_txt_and_the_pace_hold_for_forms(fetching, forms, world):
    forms.robots = "User-agent: *\nDisallow: /closed\nCrawl-delay: 7"
    async with fetching(host_gap=1.0) as fetch:
        with pytest.raises(Blocked, match=r"robots\.txt asks us not to read"):
            await fetch.get(f"{forms.base}/closed", source="A", form=ASKED)
        await fetch.get(f"{forms.base}/a", source="A", form=ASKED)
        await fetch.get(f"{forms.base}/b", source="A", form=ASKED)
    assert [path for _, path, *_ in forms.got] == ["/a", "/b"]
    assert world.slept == [7.0, 7.0]


async def test_a_form_never_goes_to_a_private_address(fetching, forms):
    async with fetching(allow_loopback=False) as fetch:
        with pytest.raises(Unsafe, match="isn't a public address"):
            await fetch.get(f"{forms.base}/list", source="A", form=ASKED)
    assert forms.got == []


async def test_the_answer_to_a_form_has_the_same_limit(fetching, forms):
    forms.answers["/list"] = web.Response(body=b"[" + b"1," * 2_000 + b"1]")
    async with fetching(max_bytes=1_000) as fetch:
        with pytest.raises(Unsafe, match="is larger than"):
            await fetch.get(f"{forms.base}/list", source="A", form=ASKED)


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
async def test_a_form_is_sent_on_only_if_the_server_asks_for_that(fetch, forms, status, method):
    forms.answers["/list"] = web.Response(status=status, headers={"Location": "/moved"})
    await fetch.get(f"{forms.base}/list", source="A", form=ASKED)
    sent = (ASKED.type, ASKED.content) if method == "POST" else ("", b"")
    assert forms.got[-1] == (method, "/moved", *sent)


async def test_a_form_is_sent_again_after_a_passing_fault(fetch, forms, world):
    forms.answers["/list"] = web.Response(status=503)
    with pytest.raises(Unreachable, match="answered 503"):
        await fetch.get(f"{forms.base}/list", source="A", form=ASKED)
    assert len(forms.got) == 3
