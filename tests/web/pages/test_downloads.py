"""Downloads of evidence over real sockets: readers who leave, and readers who take their time."""

import asyncio
import socket
import struct
from contextlib import asynccontextmanager

import httpx
import pytest
from support.samples import NOON, change, document, publication, record
from support.waiting import eventually
from web.pages.test_pages import INSTALLATION, Clock, galveston, origin

from bot.domain.change import Kind
from bot.domain.document import digest
from bot.store.tiny.store import TinyStore
from bot.web.clients import Clients
from bot.web.connections import Access
from bot.web.pages.cache import PageCache
from bot.web.pages.downloads import Crowded, Download, Downloads
from bot.web.pages.routes import Pages, RateLimit
from bot.web.server import Views, serving

BODY = b"PK\x03\x04" + bytes(24 * 2**20)  # more than the sockets of a connection hold
SHA256 = digest(BODY)


@asynccontextmanager
async def served(port, downloads):
    store = TinyStore.in_memory()
    shown = publication(1)
    listed = change(Kind.LISTED, galveston(), type(shown)(
        name=shown.name, address=shown.address, evidence=SHA256, observed_at=shown.observed_at, rows=1,
    ))  # fmt: skip
    await store.record(record(await store.known(), [listed], documents=(document(body=BODY),), at=NOON))
    pages = Pages(PageCache(origin(store, Clock()), INSTALLATION), RateLimit(1e6, 1_000_000), downloads)
    access = Access(clients=Clients(("127.0.0.0/8",)))
    async with serving(port, Views(None, None, ""), pages=pages, access=access):
        yield
    await store.close()


async def slow_reader(port, client):
    """Ask for the file and read the headers, and then nothing more."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=1_024)
    head = f"GET /evidence/{SHA256} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n"
    writer.write(head.encode())
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    return writer


async def downloaded(port, client="203.0.113.99"):
    async with httpx.AsyncClient(timeout=60) as browser:
        found = await browser.get(f"http://127.0.0.1:{port}/evidence/{SHA256}", headers={"X-Forwarded-For": client})
    return found.status_code, found.content == BODY


@pytest.mark.parametrize("how", ["closes", "resets"])
async def test_a_reader_who_leaves_gives_the_place_back_at_once(unused_tcp_port, how):
    downloads = Downloads(at_once=1, patience=3_600)
    async with served(unused_tcp_port, downloads):
        writer = await slow_reader(unused_tcp_port, "203.0.113.1")
        assert len(downloads) == 1
        if how == "resets":
            given = writer.get_extra_info("socket")
            given.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await eventually(lambda: len(downloads) == 0)
        assert await downloaded(unused_tcp_port) == (200, True)


async def test_readers_who_read_nothing_do_not_keep_others_from_the_evidence(unused_tcp_port):
    downloads = Downloads(at_once=4, patience=0.0)
    async with served(unused_tcp_port, downloads):
        slow = [await slow_reader(unused_tcp_port, f"203.0.113.{number}") for number in range(4)]
        assert len(downloads) == 4
        assert await downloaded(unused_tcp_port) == (200, True)
        assert await downloaded(unused_tcp_port) == (200, True)
        for writer in slow:
            writer.transport.abort()


async def test_slow_readers_stay_while_there_is_room(unused_tcp_port):
    downloads = Downloads(at_once=5, patience=0.0)
    async with served(unused_tcp_port, downloads):
        slow = [await slow_reader(unused_tcp_port, f"203.0.113.{number}") for number in range(4)]
        assert await downloaded(unused_tcp_port) == (200, True)
        assert len(downloads) == 4
        for writer in slow:
            writer.transport.abort()


async def test_one_client_takes_no_more_than_its_share(unused_tcp_port):
    downloads = Downloads(at_once=8, share=2, patience=0.0)
    async with served(unused_tcp_port, downloads):
        slow = [await slow_reader(unused_tcp_port, "203.0.113.7") for _ in range(2)]
        assert (await downloaded(unused_tcp_port, "203.0.113.7"))[0] == 503
        assert await downloaded(unused_tcp_port) == (200, True)
        for writer in slow:
            writer.transport.abort()


class Cuttable(asyncio.WriteTransport):
    """A transport that only notes that it was cut off."""

    def __init__(self):
        super().__init__()
        self.aborted = asyncio.Event()

    def abort(self):
        self.aborted.set()


async def test_the_slowest_download_makes_room_and_not_the_one_that_moves():
    downloads, quick, slow = Downloads(at_once=2, patience=0.0), Cuttable(), Cuttable()

    async def reading(client, transport, sent):
        async with downloads.place(client, transport) as download:
            download.sent = sent
            await transport.aborted.wait()

    tasks = [asyncio.create_task(reading("a", quick, 1_000_000)), asyncio.create_task(reading("b", slow, 10))]
    await eventually(lambda: len(downloads) == 2)
    async with downloads.place("c", None):
        assert (quick.aborted.is_set(), slow.aborted.is_set()) == (False, True)
    quick.abort()
    await asyncio.gather(*tasks)
    assert len(downloads) == 0


async def test_too_many_who_wait_are_refused():
    downloads = Downloads(at_once=0, waiting=1)
    first = asyncio.create_task(downloads.place("a", None).__aenter__())
    await asyncio.sleep(0)
    with pytest.raises(Crowded):
        async with downloads.place("b", None):
            pass
    first.cancel()


async def test_a_download_has_a_pace_even_in_its_first_moment():
    download = Download("a", None)
    assert download.pace(download.since) == 0
