"""A first reading that fails is explained to the person at the terminal, whatever went wrong, from real answers."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs
from support.ice_site import PAGE, IceHarness

from bot.domain.outage import in_words, place_in_words
from bot.domain.source_status import SourceStatus
from bot.errors import SourceError
from bot.fetch import Fetch, Limits
from bot.fetch.hosts import Clock
from bot.sources.ice import Ice

HOST = "www.ice.gov"
ROBOTS = b"User-agent: *\nAllow: /\n"
SIGN_IN = b"<html><head><title>Welcome to Hotel WiFi</title></head><body><form>Sign in <input></form></body></html>"
DENIED = b"<html><head><title>Access Denied</title></head><body>You don't have permission to access this.</body></html>"
JARGON = ("robots.txt:", "never read", "gaierror", "Errno", "host name without")


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: text/html", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def site(page: bytes, robots: bytes = answer("200 OK", ROBOTS)):
    async def serve(reader, writer):
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(robots if b"/robots.txt" in asked else page)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def at_once(_):
    await asyncio.sleep(0)


async def words_of(address: str, resolve) -> str:
    limits = Limits(host_gap=0, connect=0.3, read=0.3, total=5)
    async with Fetch(
        contact=None, limits=limits, allow_loopback=True, resolve=resolve, clock=Clock(sleep=at_once)
    ) as fetch:
        with pytest.raises(SourceError) as fault:
            await Ice(address).read(fetch, SourceStatus(source="ice"))
    said = in_words(fault.value, HOST)
    assert not [word for word in JARGON if word in said]
    assert "\n" not in said
    return said


async def loopback(host, port):
    return ["127.0.0.1" if host == HOST else host]


@pytest.mark.parametrize(
    ("page", "robots", "what", "to_do"),
    [
        (answer("403 Forbidden"), None, "refuses this machine", "init --relay"),
        (answer("429 Too Many Requests"), None, "refuses this machine", "init --relay"),
        (answer("200 OK", DENIED), None, "refuses this machine", "docs/relay.md"),
        (answer("403 Forbidden"), answer("403 Forbidden"), "refuses this machine", "init --relay"),
        (answer("503 Service Unavailable"), None, "is down or too slow", "nothing for you to do"),
        (answer("200 OK"), answer("500 Oops"), "is down or too slow", "nothing for you to do"),
        (answer("302 Found", b"", "Location: http://10.0.0.1/login"), None, "answers in its place", "sign in"),
        (answer("404 Not Found"), None, "isn't where it was", "COUNTERSIGN_ICE_URL"),
        (answer("451 Unavailable"), None, "didn't give me its list", "report it"),
        (answer("200 OK"), answer("200 OK", b"User-agent: *\nDisallow: /\n"), "asks programs not to", "UPSTREAM"),
        (b"", None, "is down or too slow", "nothing for you to do"),
    ],
)
async def test_each_answer_of_a_site_has_its_sentence_with_what_to_do(page, robots, what, to_do):
    async with site(page, robots or answer("200 OK", ROBOTS)) as port:
        said = await words_of(f"http://{HOST}:{port}/287g", loopback)
    assert said.count(HOST) >= 1
    assert what in said
    assert to_do in said


async def test_a_name_that_does_not_resolve_asks_whether_the_machine_is_online():
    async def fails(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    assert await words_of(f"https://{HOST}/287g", fails) == f"I can't reach {HOST}. Is this machine online?"


async def test_a_refused_connection_asks_the_same():
    with socket.socket() as taken:  # bound but not listening
        taken.bind(("127.0.0.1", 0))
        said = await words_of(f"https://{HOST}:{taken.getsockname()[1]}/287g", loopback)
    assert said == f"I can't reach {HOST}. Is this machine online?"


async def test_when_other_sites_answer_the_machine_is_online():
    from bot.errors import NoConnection

    assert "other sites answer" in in_words(NoConnection("x"), HOST, others_answer=True)


async def test_a_proxy_in_place_of_a_secure_site_is_told_from_an_outage():
    async with site(answer("200 OK", SIGN_IN)) as port:  # it speaks HTTP where HTTPS is expected
        said = await words_of(f"https://{HOST}:{port}/287g", loopback)
    assert "certificate isn't valid" in said
    assert "date and time" in said


async def test_a_page_without_a_list_is_held_and_explained(tmp_path):
    ice = IceHarness(tmp_path / "data")
    ice.site.has[PAGE] = SIGN_IN
    with capture_logs() as lines:
        await ice.poll()
    (said,) = [line["in_words"] for line in lines if line["event"] == "held"]
    assert f"{HOST} answered, but not with its list" in said
    assert "sign in" in said


async def test_a_place_that_cannot_be_read_is_said_without_jargon_too():
    async def fails(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    async with Fetch(contact=None, limits=Limits(host_gap=0), resolve=fails, clock=Clock(sleep=at_once)) as fetch:
        with pytest.raises(SourceError) as fault:
            await fetch.get("https://www.nash.gov/agendas", source="Nash County")
    said = place_in_words(fault.value, "Nash County", "www.nash.gov")
    assert said == "I couldn't read the agendas of Nash County, because www.nash.gov can't be reached."


async def test_a_name_that_leads_to_a_private_address_is_the_networks_doing():
    async def hijacked(host, port):
        return ["192.168.1.1"]

    said = await words_of(f"https://{HOST}/287g", hijacked)
    assert "answers in its place" in said
    assert "sign in" in said
