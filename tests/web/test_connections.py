"""The limits of the web server, over real sockets from many addresses of 127.0.0.0/8."""

import asyncio
import os
import resource
import socket
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
import structlog
from support.waiting import eventually

from bot.channels import HttpAnswer, Route
from bot.channels.protocols import TrustedAnswer
from bot.domain.health import Facts
from bot.observability.metrics import CONTENT_TYPE, Metrics
from bot.web import front_door
from bot.web.clients import Clients
from bot.web.connections import Access, Bounds
from bot.web.server import Views, serving

HALF = b"GET /live HTTP/1.1\r\nHost: here\r\n"
LIVE = HALF + b"\r\n"
QUICK = Bounds(most=8, share=4, head=0.3, body=0.3, keep=0.3, hurried=0.05, pressed=0.02)
PATIENT = Bounds(most=8, share=4, head=600, body=600, keep=600, hurried=600, pressed=0.02)


async def receive(path, headers, body):
    """A webhook whose secret is "right"."""
    right = headers.get("X-Secret") == "right"
    return TrustedAnswer(200) if right else HttpAnswer(403)


async def no_facts() -> Facts | None:
    return None


@asynccontextmanager
async def server(port, bounds=QUICK, proxies=()):
    async with serving(
        port,
        Views(no_facts, Metrics().page, CONTENT_TYPE),
        routes={Route("POST", "/hook"): receive},
        access=Access(Clients(proxies), bounds),
    ):
        yield Strangers(port)


class Strangers:
    """Clients that open connections from any loopback address."""

    def __init__(self, port):
        self._port = port
        self._open = []

    async def connect(self, address="127.0.0.1", first=b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(address, 0))
        self._open.append(writer)
        writer.write(first)
        return reader, writer

    async def says(self, text, address="127.0.0.1"):
        """Send a request; return the answer up to its end, or "" if the connection was closed without one."""
        reader, _ = await self.connect(address, text)
        return await answer(reader)


async def asks_for_ever(plain, text):
    while True:
        await asyncio.get_running_loop().sock_sendall(plain, text)


async def answer(reader):
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0)
        return (head + await reader.readexactly(length)).decode()
    return ""


async def ends(reader):
    """Wait until the server closes the connection; return what it sent."""
    with suppress(ConnectionError):
        return await reader.read()
    return b""


def post(secret="right", body=b"{}", more=""):
    return (
        f"POST /hook HTTP/1.1\r\nHost: h\r\nX-Secret: {secret}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


@contextmanager
def files_used_up():
    """Let this process open no more files while the block runs."""
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, usual[1]))
    held = []
    try:
        with suppress(OSError):
            while True:
                held.append(os.dup(0))
        yield
    finally:
        for number in held:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)


@pytest.fixture(autouse=True)
def log_lines():
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.mark.parametrize("sent", [b"", b"G", HALF, b"POST /hook HTTP/1.1\r\nContent-Length: 9\r\n\r\n{", post()[:-1]])
async def test_a_request_that_never_arrives_completely_ends_its_connection(unused_tcp_port, sent):
    async with server(unused_tcp_port) as strangers:
        reader, _ = await strangers.connect(first=sent)
        await ends(reader)


async def test_a_request_that_arrives_byte_by_byte_gets_no_more_time(unused_tcp_port):
    async with server(unused_tcp_port) as strangers:
        reader, writer = await strangers.connect(first=HALF)

        async def drip():
            while not writer.is_closing():
                writer.write(b"X")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        await ends(reader)
        dripping.cancel()


async def test_a_connection_kept_alive_without_a_second_request_ends(unused_tcp_port):
    async with server(unused_tcp_port) as strangers:
        reader, writer = await strangers.connect(first=LIVE)
        assert "200 OK" in await answer(reader)
        writer.write(HALF)
        await ends(reader)


async def test_a_client_that_never_reads_its_answers_is_cut_off(unused_tcp_port):
    async with server(unused_tcp_port) as strangers:
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        plain.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(plain, ("127.0.0.1", unused_tcp_port))
        with pytest.raises(ConnectionError):
            await asks_for_ever(plain, b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n" * 50)
        plain.close()
        assert "200 OK" in await strangers.says(LIVE)


async def test_a_real_request_finds_a_place_when_strangers_hold_all_of_them(unused_tcp_port):
    async with server(unused_tcp_port, PATIENT) as strangers:
        for number in range(40):
            await strangers.connect(f"127.0.1.{number + 1}", HALF)
        assert "200 OK" in await strangers.says(LIVE, "127.0.2.1")
        assert "200 OK" in await strangers.says(post(), "127.0.2.1")


@pytest.mark.slow
async def test_strangers_with_slow_bodies_make_room_too(unused_tcp_port):
    bounds = Bounds(most=8, share=4, head=600, body=600, keep=600, hurried=0.05, pressed=0.02)
    async with server(unused_tcp_port, bounds) as strangers:
        for number in range(20):
            await strangers.connect(f"127.0.1.{number + 1}", post(body=b"x" * 100)[:-1])
        assert "200 OK" in await strangers.says(LIVE, "127.0.2.1")


async def test_a_client_over_its_share_gets_little_time_and_others_keep_theirs(unused_tcp_port):
    bounds = Bounds(most=100, share=4, head=600, body=600, keep=600, hurried=0.05)
    async with server(unused_tcp_port, bounds) as strangers:
        other, writer = await strangers.connect("127.0.1.2", HALF)
        greedy = [await strangers.connect("127.0.1.1", HALF) for _ in range(12)]
        await asyncio.gather(*(ends(reader) for reader, _ in greedy[4:]))
        writer.write(b"\r\n")
        assert "200 OK" in await answer(other)
        for reader, writer in greedy[:4]:
            writer.write(b"\r\n")
            assert "200 OK" in await answer(reader)


async def test_a_client_with_a_right_secret_has_no_share(unused_tcp_port):
    async with server(unused_tcp_port, Bounds(most=100, share=4)) as strangers:
        found = await asyncio.gather(*(strangers.says(post(), "127.0.1.1") for _ in range(200)))
        assert all("200 OK" in one for one in found)


@pytest.mark.slow
async def test_behind_a_proxy_the_forwarded_client_has_a_share(unused_tcp_port):
    proxies = ("127.0.9.0/24",)
    bounds = Bounds(most=100, share=4, body=600, hurried=600)
    async with server(unused_tcp_port, bounds, proxies) as strangers:
        slow = post("wrong", b"x" * 10, "X-Forwarded-For: 8.8.8.8, 203.0.113.7\r\n")[:-1]
        for _ in range(5):
            await strangers.connect("127.0.9.1", slow)

        async def asks(client):
            return await strangers.says(HALF + f"X-Forwarded-For: {client}\r\n\r\n".encode(), "127.0.9.1")

        async with asyncio.timeout(60):
            while "429" not in await asks("203.0.113.7"):
                pass
        assert "200 OK" in await asks("203.0.113.8")
        assert "200 OK" in await strangers.says(post(more="X-Forwarded-For: 203.0.113.7\r\n"), "127.0.9.1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "8.8.8.8, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7, rubbish", "10.0.0.1"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "8.8.8.8", "203.0.113.7"),
        ("203.0.113.7", "8.8.8.8", "203.0.113.7"),
        ("2001:db8:1:2::1", "8.8.8.8", "2001:db8:1:2::/64"),
    ],
)
def test_only_our_proxies_are_believed_about_their_clients(peer, forwarded, client):
    assert Clients(("10.0.0.0/8",)).name(peer, forwarded) == client


@pytest.mark.parametrize(
    "rubbish",
    [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET /live HTTP/9.9\r\n\r\n", b"GET /live HTTP/1.1\r\nbad header\r\n\r\n",
     b"POST /hook HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET " + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"],
)  # fmt: skip
async def test_a_request_that_cannot_be_read_is_one_short_line_in_the_log(unused_tcp_port, rubbish, log_lines, caplog):
    async with server(unused_tcp_port) as strangers:
        reader, _ = await strangers.connect(first=rubbish)
        await ends(reader)
    (line,) = [line for line in log_lines if line["event"] == "a request couldn't be read"]
    assert line["summarize"], "a flood of them is summarized"
    assert not caplog.records


async def test_accepting_goes_on_after_the_files_ran_out(unused_tcp_port, monkeypatch, log_lines):
    monkeypatch.setattr(front_door, "NO_FILES", 0.05)
    async with server(unused_tcp_port, Bounds()) as strangers:
        waiting = socket.create_connection(("127.0.0.1", unused_tcp_port))  # not accepted before the next await
        with files_used_up():
            await eventually(lambda: refused(log_lines))
        waiting.sendall(LIVE)
        waiting.setblocking(False)
        assert b"200 OK" in await asyncio.get_running_loop().sock_recv(waiting, 1_000)
        waiting.close()
        assert "200 OK" in await strangers.says(LIVE)
    assert all(line["summarize"] for line in refused(log_lines))


def refused(log_lines):
    return [line for line in log_lines if line["event"] == "can't accept connections"]
