"""Webhooks and receivers that are slow, huge, broken or somewhere they shouldn't be."""

import asyncio
import shutil
import ssl
import subprocess
from contextlib import asynccontextmanager

import pytest
from support.loopback.webhook import Receiver

from bot.app.wiring import StoredNotes
from bot.channels import CHANNELS
from bot.channels.webhook.sender import WebhookSender
from bot.errors import SendError, UsageError
from bot.fetch.post import Poster
from bot.store.tiny.store import TinyStore

HOST = "hooks.example"


@asynccontextmanager
async def sender_to(
    *addresses: str, within: float = 30, tls: ssl.SSLContext | None = None, allow_loopback: bool = True
):
    """Yield a sender for which every host name has these addresses, one lookup after another."""
    left = list(addresses)

    async def resolve(host: str, port: int) -> list[str]:
        return [left.pop(0) if len(left) > 1 else left[0]]

    poster = Poster(allow_loopback=allow_loopback, timeout=within, tls=tls, resolve=resolve)
    sender = WebhookSender(poster, StoredNotes(TinyStore.in_memory()).of("webhook"))
    yield sender
    await sender.close()


async def ping(sender: WebhookSender, address: str) -> str:
    await sender.set_secret(address, None)
    return await sender.send(address, sender.ping("A test"))


@asynccontextmanager
async def raw(*pieces: bytes, tls: ssl.SSLContext | None = None, stays: bool = False, endless: bytes = b""):
    """A server that answers these bytes, and then stays silent, or sends more until the client has left."""
    left = asyncio.Event()
    came: list[bytes] = []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        came.append(head)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            while endless:
                writer.write(endless)
                await writer.drain()
            if stays:
                await reader.read()
                while await reader.read(65_536):
                    pass
        except OSError:
            pass
        left.set()
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as listening:
        yield listening.sockets[0].getsockname()[1], came, left


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x00\xff\xfe{]"], id="half of some garbage"),
        pytest.param([b"HTTP/1.1 202 Accepted\r\nContent-Encoding: gzip\r\n\r\nno gzip"], id="gzip that is none"),
        pytest.param([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], id="broken chunks"),
        pytest.param([b"HTTP/1.1 201 Created\r\nLocation: http://10.0.0.1/\r\n\r\n<html>"], id="a page"),
        pytest.param([b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b\r\nX: \x01\r\n\r\n"], id="odd headers"),
    ],
)
async def test_a_2xx_answer_counts_whatever_its_body(pieces):
    async with sender_to("127.0.0.1") as sender, raw(*pieces) as (port, came, _):
        assert await ping(sender, f"http://{HOST}:{port}/x")
    assert len(came) == 1


async def test_an_endless_answer_is_left_after_its_status():
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    async with sender_to("127.0.0.1") as sender, raw(head, endless=b"x" * 65_536) as (port, _, left):
        assert await ping(sender, f"http://{HOST}:{port}/x")
        await asyncio.wait_for(left.wait(), 30)


@pytest.mark.parametrize(
    ("pieces", "endless"),
    [
        pytest.param([], b"", id="nothing"),
        pytest.param([b"HTTP/1.1 200 O"], b"", id="half a status line"),
        pytest.param([b"HTTP/1.1 200 OK\r\n"], b"X: y\r\n", id="endless headers"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n"] * 30, b"", id="hints without end"),
    ],
)
async def test_a_receiver_that_never_finishes_its_answer_is_given_up(pieces, endless):
    stays = not endless
    async with (
        sender_to("127.0.0.1", within=0.5) as sender,
        raw(*pieces, stays=stays, endless=endless) as (port, _, left),
    ):
        with pytest.raises(SendError) as fault:
            await ping(sender, f"http://{HOST}:{port}/secret-path")
        await asyncio.wait_for(left.wait(), 30)
    assert not fault.value.refused
    assert fault.value.maybe_sent
    assert str(fault.value).startswith(HOST)
    assert str(fault.value).endswith("; the message may have arrived")
    assert "secret-path" not in str(fault.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_not_even_to_a_private_address(status):
    async with sender_to("127.0.0.1") as sender, Receiver() as receiver:
        port = receiver.base.rpartition(":")[2]
        receiver.answers.extend([(status, {"Location": "http://169.254.169.254/latest/meta-data/"})])
        with pytest.raises(SendError, match="isn't followed") as fault:
            await ping(sender, f"http://{HOST}:{port}/x")
    assert fault.value.refused
    assert "169.254" not in str(fault.value)
    assert len(receiver.deliveries) == 1


PRIVATE = [
    "10.1.2.3",
    "192.168.1.1",
    "169.254.169.254",
    "172.16.0.1",
    "0.0.0.0",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "100.64.0.1",
]


@pytest.mark.parametrize("private", [*PRIVATE, "127.0.0.1"])
async def test_a_name_that_comes_to_resolve_to_a_private_address_is_never_dialed(private):
    async with sender_to("93.184.216.34", private, allow_loopback=False) as sender, Receiver() as receiver:
        port = receiver.base.rpartition(":")[2]
        address = f"https://{HOST}:{port}/secret-path"
        await sender.check(address)  # as `subscribe` does, while the name is still public
        with pytest.raises(SendError, match="isn't a public address") as fault:
            await ping(sender, address)
    assert fault.value.refused
    assert "secret-path" not in str(fault.value)
    assert receiver.deliveries == []


@pytest.mark.parametrize("private", [*PRIVATE, "127.0.0.1"])
async def test_a_private_address_cannot_be_subscribed(private):
    host = f"[{private}]" if ":" in private else private
    async with sender_to(private, allow_loopback=False) as sender:
        for address in (f"https://{host}/x", f"https://{HOST}/x"):
            with pytest.raises(UsageError, match="isn't a public address"):
                await CHANNELS["webhook"].resolve(sender, CHANNELS["webhook"].check_address(address))


async def test_loopback_needs_the_setting_and_other_private_addresses_stay_closed_with_it():
    async with sender_to("127.0.0.1") as sender:
        assert await CHANNELS["webhook"].resolve(sender, "http://127.0.0.1:1/x") is None
    async with sender_to("10.0.0.1") as sender:
        with pytest.raises(UsageError, match=r"10\.0\.0\.1"):
            await CHANNELS["webhook"].resolve(sender, "https://10.0.0.1/x")


async def test_a_name_that_does_not_resolve_yet_can_be_subscribed():
    async def nowhere(host, port):
        raise OSError

    sender = WebhookSender(Poster(resolve=nowhere), StoredNotes(TinyStore.in_memory()).of("webhook"))
    assert await CHANNELS["webhook"].resolve(sender, "https://soon.example/x") is None
    with pytest.raises(SendError, match=r"has no address|couldn't be reached") as fault:
        await ping(sender, "https://soon.example/x")
    assert not fault.value.refused
    await sender.close()


@pytest.fixture
def certified(tmp_path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side with a certificate for hooks.example, and a client's that trusts it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    made, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    how = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=t -addext subjectAltName=DNS:{HOST}"
    subprocess.run(["openssl", *how.split(), "-keyout", key, "-out", made], check=True, capture_output=True)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(made, key)
    return serving, ssl.create_default_context(cafile=made)


NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


async def test_a_trusted_certificate_for_the_name_is_enough(certified):
    serving, trusting = certified
    async with sender_to("127.0.0.1", tls=trusting) as sender, raw(NO_CONTENT, tls=serving) as (port, came, _):
        assert await ping(sender, f"https://{HOST}:{port}/x")
    assert came[0].startswith(b"POST /x HTTP/1.1\r\nHost: hooks.example")


async def test_an_untrusted_certificate_or_one_for_another_name_gets_nothing(certified):
    serving, trusting = certified
    for tls, host in ((None, HOST), (trusting, "other.example")):
        async with sender_to("127.0.0.1", tls=tls) as sender, raw(NO_CONTENT, tls=serving) as (port, came, _):
            with pytest.raises(SendError, match="no valid certificate") as fault:
                await ping(sender, f"https://{host}:{port}/secret-path")
        assert not fault.value.refused
        assert "secret-path" not in str(fault.value)
        assert came == []


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://Hooks.Example.ORG", "https://hooks.example.org/"),
        (" https://hooks.example.org:443/A?b=C ", "https://hooks.example.org/A?b=C"),
        ("https://hooks.example.org:8443/", "https://hooks.example.org:8443/"),
        ("HTTPS://hooks.example.org/a", "https://hooks.example.org/a"),
        ("http://127.0.0.1:80/a", "http://127.0.0.1/a"),
        ("http://localhost:8000", "http://localhost:8000/"),
        ("http://[::1]:8000/", "http://[::1]:8000/"),
    ],
)
def test_an_address_has_one_form(typed, kept):
    assert CHANNELS["webhook"].check_address(typed) == kept
    assert CHANNELS["webhook"].check_address(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "", "hooks.example.org", "http://hooks.example.org/hunter2", "https://user:hunter2@hooks.example.org/", "https://@x.example/",
        "https://hooks.example.org/#hunter2", "https://hooks.example.org/#", "ftp://hooks.example.org/hunter2", "file:///etc/hunter2",
        "https:///hunter2", "https://hooks.example.org:0/hunter2", "https://hooks.example.org:99999/hunter2", "https://a b/hunter2",
        "https://hooks.example.org/hunter2\r\nX: y", "https://hooks.example.org/" + "x" * 2_000, "https://hooks.example.org/\ud800",
        "http://10.0.0.1/hunter2", "http://127.0.0.1.example.org/hunter2", "https://[::1/hunter2",
    ],
)  # fmt: skip
def test_a_bad_address_is_refused_in_a_sentence_that_does_not_quote_it(typed):
    with pytest.raises(UsageError) as refused:
        CHANNELS["webhook"].check_address(typed)
    assert str(refused.value).endswith((".", "countersign."))
    assert "hunter2" not in str(refused.value)
