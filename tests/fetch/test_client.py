"""The httpx client against servers that answer byte for byte."""

import asyncio
import logging
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpcore
import httpx
import pytest
import respx

from bot.errors import Unreachable, Unsafe
from bot.fetch import Clock, Fetch, Limits, remembered
from bot.fetch.certificates import certificates
from bot.fetch.client import Answer, Client, Dialer, TransientError

PUBLIC = "93.184.216.34"
HEAD = 100 * 1024  # bytes of status line and headers that httpcore waits for
TLS = ssl.create_default_context()  # read once: the usual certificates take 20 ms


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


async def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@asynccontextmanager
async def opened(*, tls: ssl.SSLContext = TLS, connect=5, read=5, total=20, dialer=None) -> AsyncIterator[Client]:
    dialer = dialer or Dialer(to_loopback, allow_loopback=True)
    client = Client(dialer, tls, user_agent="Countersign/1", connect=connect, read=read, total=total)
    yield client
    await client.aclose()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with opened() as client:
        yield client


async def ask(client: Client, server: Server, *, scheme: str = "http", cap: int = 1000) -> Answer:
    url = httpx.URL(f"{scheme}://sheets.example:{server.port}/a?b=c%20d")
    return await client.get(url, {"Accept": "text/html"}, cap, cut=False, cookies=httpx.Cookies())


async def test_a_request_goes_out_as_it_was_meant(client):
    async with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        answer = await ask(client, server)
    assert (answer.status, answer.body) == (204, b"")
    line, *headers = server.heads[0].decode().rstrip().split("\r\n")
    assert line == "GET /a?b=c%20d HTTP/1.1"
    assert headers == [
        f"Host: sheets.example:{server.port}",
        "Accept-Encoding: gzip",
        "Connection: close",
        "User-Agent: Countersign/1",
        "Accept: text/html",
    ]


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
async def test_a_body_is_read_to_its_end(client, pieces):
    async with answering(*pieces) as server:
        answer = await ask(client, server)
    assert (answer.status, answer.body) == (200, b"abcd")


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
        pytest.param([b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD, b"x" * HEAD], id="an endless header"),
    ],
)
async def test_what_is_no_whole_answer_is_an_error_of_ours(client, pieces):
    async with answering(*pieces) as server:
        with pytest.raises(
            TransientError, match=r"^http://sheets\.example:\d+/a\?b=c%20d broke off the connection$"
        ) as no:
            await ask(client, server)
    assert isinstance(no.value.fault, Unreachable)
    assert isinstance(no.value.__cause__, httpx.RemoteProtocolError)


async def test_an_endless_header_is_given_up_though_the_server_stays(client):
    async with answering(b"HTTP/1.1 200 OK\r\nX: ", *[b"x" * HEAD] * 2, stays=True) as server:
        with pytest.raises(TransientError, match="broke off the connection"):
            await ask(client, server)
        await asyncio.wait_for(server.left.wait(), 5)


async def test_hints_without_end_are_bounded_by_the_total():
    async with opened(total=0.1) as client, answering(*[b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 100) as server:
        with pytest.raises(Unreachable, match=r"didn't finish within 0\.1 s"):
            await ask(client, server)


@pytest.mark.parametrize("status", ["204 No Content", "302 Found", "304 Not Modified", "404 Not Found", "500 Oops"])
async def test_only_the_body_of_a_200_is_read(client, status):
    async with answering(f"HTTP/1.1 {status}\r\nContent-Length: 9\r\n\r\n".encode(), stays=True) as server:
        assert (await ask(client, server)).body == b""
        await asyncio.wait_for(server.left.wait(), 5)


@pytest.mark.parametrize("location", ["http://[broken/", "//", "http://a b/", "", "mailto:x@y", "https://x:99999999/"])
async def test_a_redirect_is_handed_over_as_the_server_wrote_it(client, location):
    async with answering(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode()) as server:
        answer = await ask(client, server)
    assert (answer.status, answer.location) == (302, location)


async def test_each_request_has_a_connection_of_its_own_that_ends_with_its_answer(client):
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", stays=True) as server:
        for count in (1, 2):
            server.left.clear()
            await ask(client, server)
            await asyncio.wait_for(server.left.wait(), 5)
            assert len(server.heads) == count


async def test_a_connection_ends_when_its_body_is_refused(client):
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000, stays=True) as server:
        with pytest.raises(Unsafe, match="is larger than"):
            await ask(client, server)
        await asyncio.wait_for(server.left.wait(), 5)


async def test_a_connection_ends_when_nobody_waits_for_its_answer(client):
    async with answering(stays=True) as server:
        asking = asyncio.create_task(ask(client, server))
        await server.came.wait()
        asking.cancel()
        await asyncio.wait_for(server.left.wait(), 5)


@pytest.mark.parametrize("pieces", [[], [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"]])
async def test_silence_is_waited_for_only_so_long(pieces):
    async with opened(read=0.05) as client, answering(*pieces, stays=True) as server:
        with pytest.raises(TransientError, match="stopped answering"):
            await ask(client, server)


async def test_a_tls_greeting_that_never_comes_is_waited_for_only_so_long():
    hush = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hush.wait()
        writer.close()

    server = Server((), stays=False)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listening, opened(connect=0.05) as client:
        server.port = listening.sockets[0].getsockname()[1]
        with pytest.raises(TransientError, match="didn't accept a connection in time"):
            await ask(client, server, scheme="https")
        hush.set()


async def test_nobody_listening_cannot_be_reached(client):
    async with answering() as server:
        pass
    with pytest.raises(TransientError, match="couldn't be reached"):
        await ask(client, server)


async def test_a_name_that_no_certificate_can_have_cannot_be_reached(client):
    async with answering() as server:
        with pytest.raises(TransientError, match="couldn't be reached"):
            await client.get(
                httpx.URL(f"https://.example:{server.port}/"), {}, 1000, cut=False, cookies=httpx.Cookies()
            )


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
    async with answering(b"HTTP/1.1 200 OK\r\n\r\nab", b"cd", tls=serving) as server, opened(tls=trusting) as client:
        assert (await ask(client, server, scheme="https")).body == b"abcd"
    assert told == ["sheets.example"]


async def test_a_certificate_that_nobody_vouches_for_is_no_connection(certified, client):
    async with answering(b"HTTP/1.1 200 OK\r\n\r\nabcd", tls=certified[0]) as server:
        with pytest.raises(TransientError, match="has no valid certificate"):
            await ask(client, server, scheme="https")
    assert not server.heads


def test_certificates_are_loaded_once_and_the_environment_replaces_them_only_where_asked(
    certified, tmp_path, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    certificates.cache_clear()
    try:
        ours, theirs = certificates(), certificates(trust_env=True)
        assert (certificates(), certificates(trust_env=True)) == (ours, theirs)
        assert theirs.cert_store_stats()["x509"] == 1
        assert ours.cert_store_stats()["x509"] > 50
    finally:
        certificates.cache_clear()


async def test_a_broken_tls_record_is_an_error_of_ours(certified):
    serving, trusting = certified

    def serve() -> None:
        plain, _ = listening.accept()
        with serving.wrap_socket(plain, server_side=True) as secret:
            secret.recv(4096)
            os.write(secret.fileno(), b"HTTP/1.1 200 OK\r\n\r\nnot encrypted")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        server = Server((), stays=False)
        server.port = listening.getsockname()[1]
        async with opened(tls=trusting) as client:
            with pytest.raises(TransientError, match="broke off the connection"):
                await ask(client, server, scheme="https")
        thread.join()


class Network(httpcore.AsyncMockBackend):
    """In place of the internet: notes who was dialed, and answers."""

    def __init__(self) -> None:
        super().__init__([b"HTTP/1.1 200 OK\r\n\r\nabcd"])
        self.dialed: list[tuple[str, int]] = []
        self.refusing: set[str] = set()

    async def connect_tcp(self, host, port, *rest):
        self.dialed.append((host, port))
        if host in self.refusing:
            raise httpcore.ConnectTimeout
        return await super().connect_tcp(host, port, *rest)


def dialing(network: Network, *addresses: str) -> tuple[Dialer, list[tuple[str, int]]]:
    asked = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return list(addresses)

    return Dialer(resolve, allow_loopback=False, network=network), asked


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
async def test_a_name_is_resolved_once_and_the_checked_address_is_dialed(scheme, port):
    network = Network()
    dialer, asked = dialing(network, PUBLIC)
    async with opened(dialer=dialer) as client:
        answer = await client.get(httpx.URL(f"{scheme}://www.example/x"), {}, 1000, cut=False, cookies=httpx.Cookies())
    assert (answer.body, str(answer.url)) == (b"abcd", f"{scheme}://www.example/x")
    assert asked == [("www.example", port)]
    assert network.dialed == [(PUBLIC, port)]


async def test_the_next_address_is_dialed_if_the_first_takes_no_connection():
    network = Network()
    network.refusing.add(PUBLIC)
    dialer, asked = dialing(network, PUBLIC, "2606:2800::1")
    async with opened(dialer=dialer) as client:
        assert (
            await client.get(httpx.URL("http://www.example/x"), {}, 1000, cut=False, cookies=httpx.Cookies())
        ).body == b"abcd"
    assert network.dialed == [(PUBLIC, 80), ("2606:2800::1", 80)]
    assert len(asked) == 1


@pytest.mark.parametrize("inside", ["10.0.0.7", "127.0.0.1", "::1", "169.254.169.254"])
async def test_nothing_is_dialed_if_one_address_is_inside(inside):
    network = Network()
    async with opened(dialer=dialing(network, PUBLIC, inside)[0]) as client:
        with pytest.raises(Unsafe, match=rf"^www\.example resolves to {inside}, which isn't a public address$"):
            await client.get(httpx.URL("http://www.example/x"), {}, 1000, cut=False, cookies=httpx.Cookies())
    assert network.dialed == []


async def test_cookies_are_not_kept(client):
    cookies = b"".join(b"Set-Cookie: a%d=1; Path=/\r\n" % n for n in range(100))
    async with answering(b"HTTP/1.1 200 OK\r\n" + cookies + b"\r\nabcd") as server:
        for _ in range(2):
            await ask(client, server)
    assert b"ookie" not in server.heads[1]


async def test_libraries_log_nothing_though_the_root_logs_everything(client, caplog):
    caplog.set_level(logging.DEBUG)
    async with answering(b"HTTP/1.1 200 OK\r\nLocation: /?token=hunter2\r\n\r\nabcd") as server:
        await ask(client, server)
    assert not [record for record in caplog.records if record.name.startswith("http")]


# respx sees the fetcher: its default mocker takes the place of httpcore's pool, above the dialer


@respx.mock
async def test_respx_answers_by_the_real_name_and_nothing_is_resolved():
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    robots = respx.get("https://www.example/robots.txt").respond(text="User-agent: *\nDisallow: /private")
    page = respx.get("https://www.example/list").respond(content=b"new", headers={"ETag": '"1"'})
    async with Fetch(contact="me@example.org", limits=Limits(host_gap=0), tls=TLS, resolve=never) as fetch:
        document = await fetch.get("https://www.example/list", source="ICE")
        page.respond(304)
        again = await fetch.get("https://www.example/list", source="ICE", validators=remembered(document, None))
    assert (document.body, document.headers["etag"], again.unchanged) == (b"new", '"1"', True)
    assert (robots.call_count, page.call_count) == (1, 2)
    asked = page.calls.last.request
    assert (str(asked.url), asked.headers["host"]) == ("https://www.example/list", "www.example")
    assert asked.headers["if-none-match"] == '"1"'
    assert "(+me@example.org)" in asked.headers["user-agent"]


@respx.mock
async def test_respx_can_fail_as_a_network_does():
    respx.get("https://www.example/robots.txt").respond(404)
    page = respx.get("https://www.example/list").mock(side_effect=httpx.ConnectTimeout)
    clock = Clock(sleep=lambda _: asyncio.sleep(0))
    async with Fetch(contact=None, limits=Limits(host_gap=0), tls=TLS, clock=clock) as fetch:
        with pytest.raises(Unreachable, match="didn't accept a connection in time"):
            await fetch.get("https://www.example/list", source="ICE")
    assert page.call_count == 3


@respx.mock
async def test_a_request_that_respx_lets_through_is_still_checked():
    respx.get("http://www.example/robots.txt").respond(404)
    respx.get("http://www.example/x").respond(302, headers={"Location": "http://10.0.0.1/"})
    respx.route(host="10.0.0.1").pass_through()
    async with Fetch(contact=None, limits=Limits(host_gap=0), tls=TLS) as fetch:
        with pytest.raises(Unsafe, match=r"10\.0\.0\.1 isn't a public address"):
            await fetch.get("http://www.example/x", source="ICE")
