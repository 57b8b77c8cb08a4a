import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import httpx
import pytest

from bot.fetch.wire import LONGEST_HEAD, Wire


@asynccontextmanager
async def answering(*pieces: bytes, tls: ssl.SSLContext | None = None, stays: bool = False) -> AsyncIterator["Server"]:
    """A server that sends these bytes to whoever asks, and breaks off without a word, or stays."""
    server = Server(pieces, stays=stays)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


class Server:
    def __init__(self, pieces: tuple[bytes, ...], *, stays: bool) -> None:
        self.port = 0
        self.heads: list[bytes] = []
        self.came, self.left = asyncio.Event(), asyncio.Event()
        self._pieces, self._stays = pieces, stays

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        self.came.set()
        try:
            for piece in self._pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            if self._stays:
                assert await reader.read() == b""
        except OSError:
            pass
        self.left.set()
        writer.transport.abort()


@pytest.fixture
def wire() -> Wire:
    return Wire(ssl.create_default_context(), connect=5, read=5)


async def body(wire: Wire, server: Server, *, scheme: str = "http") -> tuple[int, bytes]:
    request = httpx.Request("GET", f"{scheme}://sheets.example:{server.port}/a?b=c%20d", headers={"Accept": "*/*"})
    async with aclosing(await wire.send(request, "127.0.0.1")) as answer:
        return answer.status_code, b"".join([piece async for piece in answer.aiter_raw()])


async def test_what_is_asked_stands_on_the_wire_as_it_was_meant(wire):
    async with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        assert await body(wire, server) == (204, b"")
    host = f"Host: sheets.example:{server.port}".encode()
    assert server.heads == [b"GET /a?b=c%20d HTTP/1.1\r\n" + host + b"\r\nAccept: */*\r\n\r\n"]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", b"cd"], id="by its length"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcdefgh"], id="no further than its length"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"2;x=y\r\ncd\r\n0\r\nT: v\r\n\r\n"],
            id="in chunks",
        ),
        pytest.param([b"HTTP/1.1 200 OK\r\n\r\nab", b"cd"], id="to the end of the connection"),
        pytest.param([b"HTTP/1.0 200 OK\r\n\r\nabcd"], id="of an old server"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Leng", b"th: 4\r\n\r", b"\nabcd"], id="in torn headers"),
        pytest.param(
            [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabcd"],
            id="after hints",
        ),
    ],
)
async def test_a_body_is_read_to_its_end(wire, pieces):
    async with answering(*pieces) as server:
        assert await body(wire, server) == (200, b"abcd")


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="nothing"),
        pytest.param([b"\x00\x01 something else\r\n\r\n"], id="no HTTP"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"], id="half a head"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"], id="half a body"),
        pytest.param([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"], id="half of the chunks"),
        pytest.param([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], id="a chunk without a size"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"], id="two lengths"),
        pytest.param([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"], id="another protocol"),
        pytest.param([b"HTTP/1.1 200 OK\r\nX: " + b"x" * LONGEST_HEAD, b"x" * LONGEST_HEAD], id="an endless header"),
    ],
)
async def test_what_is_no_whole_answer_is_an_error(wire, pieces):
    async with answering(*pieces) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await body(wire, server)


async def test_each_request_has_a_connection_of_its_own_that_ends_with_its_answer(wire):
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", stays=True) as server:
        for count in (1, 2):
            server.left.clear()
            await body(wire, server)
            await asyncio.wait_for(server.left.wait(), 5)
            assert len(server.heads) == count


async def test_a_connection_ends_when_nobody_waits_for_its_answer_any_more(wire):
    async with answering(stays=True) as server:
        asking = asyncio.create_task(body(wire, server))
        await server.came.wait()
        asking.cancel()
        await asyncio.wait_for(server.left.wait(), 5)


@pytest.mark.parametrize("pieces", [[], [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"]])
async def test_silence_is_waited_for_only_so_long(pieces):
    async with answering(*pieces, stays=True) as server:
        with pytest.raises(httpx.ReadTimeout):
            await body(Wire(ssl.create_default_context(), connect=5, read=0.05), server)


async def test_a_greeting_that_never_comes_is_waited_for_only_so_long():
    hush = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hush.wait()
        writer.close()

    server = Server((), stays=False)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        with pytest.raises(httpx.ConnectTimeout):
            await body(Wire(ssl.create_default_context(), connect=0.05, read=5), server, scheme="https")
        hush.set()


async def test_nobody_listening_is_no_connection(wire):
    async with answering() as server:
        pass
    with pytest.raises(httpx.ConnectError):
        await body(wire, server)


@pytest.fixture
def certified(tmp_path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side with a certificate for sheets.example, and a client's that trusts it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    made, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    how = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=t -addext subjectAltName=DNS:sheets.example"
    subprocess.run(["openssl", *how.split(), "-keyout", key, "-out", made], check=True, capture_output=True)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(made, key)
    return serving, ssl.create_default_context(cafile=made)


async def test_the_name_is_told_in_the_greeting_and_a_server_may_break_off_without_goodbye(certified):
    serving, trusting = certified
    told = []
    serving.sni_callback = lambda _, name, __: told.append(name)
    serving.set_alpn_protocols(["h2", "http/1.1"])
    async with answering(b"HTTP/1.1 200 OK\r\n\r\nab", b"cd", tls=serving) as server:
        assert await body(Wire(trusting, connect=5, read=5), server, scheme="https") == (200, b"abcd")
    assert told == ["sheets.example"]


async def test_a_certificate_that_nobody_vouches_for_is_no_connection(certified, wire):
    async with answering(b"HTTP/1.1 200 OK\r\n\r\nabcd", tls=certified[0]) as server:
        with pytest.raises(httpx.ConnectError) as caught:
            await body(wire, server, scheme="https")
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert not server.heads
