"""Answers that break the rules of HTTP and that every browser reads all the same, and answers made to wear us out."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SourceError, Unreachable, Unreadable
from bot.fetch import Clock, Fetch, Limits
from bot.fetch.heads import INTERIM_ANSWERS, repaired

TEXT = b"Consider a 287(g) agreement"
zipped = partial(gzip.compress, mtime=0)  # the same bytes, and so the same test names, in each process
NO_ROBOTS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def answering(answer: Callable[[str, bytes], bytes | AsyncIterator[bytes]]) -> AsyncIterator[str]:
    """A server that answers with these bytes, whatever they are, given the path and the request's head."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        answered = answer(head.split(b" ", 2)[1].decode(), head)
        try:
            if isinstance(answered, bytes):
                writer.write(answered)
                await writer.drain()
            else:
                async for piece in answered:
                    writer.write(piece)
                    await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def fetching(**limits: float) -> AsyncIterator[Fetch]:
    async def at_once(_: float) -> None:
        pass

    given = Limits(**{"host_gap": 0.0} | limits)
    async with Fetch(contact=None, allow_loopback=True, clock=Clock(sleep=at_once), limits=given) as fetch:
        yield fetch


def plain(answer: bytes) -> Callable[[str, bytes], bytes]:
    return lambda path, _: NO_ROBOTS if path == "/robots.txt" else answer


async def body_of(answer: bytes) -> bytes:
    async with answering(plain(answer)) as base, fetching() as fetch:
        return (await fetch.get(f"{base}/x", source="ICE")).body


def ok(body: bytes, *lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1") + body


@pytest.mark.parametrize(
    "encoding",
    ["UTF-8", "none", "iso-8859-1", "utf8", "binary", "text/html", "identity", "", "none, utf-8", "deflated", "7bit"],
)
async def test_an_encoding_that_does_not_exist_is_ignored(encoding):
    assert await body_of(ok(TEXT, f"Content-Encoding: {encoding}", f"Content-Length: {len(TEXT)}")) == TEXT


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", zipped(TEXT[:9]) + zipped(TEXT[9:])),
        ("gzip", b"".join(zipped(bytes([letter])) for letter in TEXT)),
        ("gzip", zipped(TEXT) + b"\0" * 700),
        ("gzip", zipped(TEXT) + b"<!-- cached -->"),
        ("gzip", zipped(TEXT) + b"\x1f"),
        ("gzip", zipped(TEXT[:9]) + zipped(b"") + zipped(TEXT[9:]) + b"\n"),
        ("UTF-8, gzip", zipped(TEXT)),
        ("GZIP", zipped(TEXT)),
        ("gzip, gzip", zipped(zipped(TEXT))),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT, wbits=-zlib.MAX_WBITS)),
        ("deflate", zlib.compress(TEXT) + b"\n"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_compression_is_undone_as_browsers_do_it(encoding, body, size):
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    assert await body_of(ok(chunks, f"Content-Encoding: {encoding}", "Transfer-Encoding: chunked")) == TEXT


@pytest.mark.parametrize(
    ("encoding", "body", "error"),
    [
        ("gzip", zipped(TEXT)[:-9], Unreachable),
        ("gzip", zipped(TEXT) + zipped(TEXT)[:-9], Unreachable),
        ("deflate", zlib.compress(TEXT)[:-5], Unreachable),
        ("gzip", b"not gzip at all", Unreadable),
        ("zstd", b"(\xb5/\xfd", Unreadable),
        ("gzip, br", b"\x0b\x02\x80abc\x03", Unreadable),
        ("gzip, gzip, gzip", zipped(zipped(zipped(TEXT))), Unreadable),
    ],
)
async def test_half_a_body_is_never_a_whole_one(encoding, body, error):
    with pytest.raises(error):
        await body_of(ok(body, f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}"))


@pytest.mark.parametrize(
    "line",
    [
        "this is no header",
        "X Powered By: ASP",
        ": nothing",
        "Set-Cookie",
        "Server : IIS",
        "X-Null: a\0b",
        "X-Feed: a\x0cb",
        "<html>",
        " continues nothing",
        "Größe: 3",
        "Content-Length: ",
        "Content-Length: many",
        "Content-Length: -1",
        "Transfer-Encoding: identity",
        "X-Folded: a\r\n b",
        "Contént: 1",
    ],
)
async def test_one_malformed_header_line_is_skipped(line):
    assert await body_of(ok(TEXT, line, "Content-Type: text/html")) == TEXT


@pytest.mark.parametrize(
    "start", ["HTTP/1.1 200", "HTTP/1.1  200  OK", "HTTP/2 200", "HTTP/1.0 200 Très bien", "HTTP/1.1 203 Changed"]
)
async def test_a_status_line_that_browsers_understand_is_understood(start):
    assert await body_of(f"{start}\r\nContent-Length: {len(TEXT)}\r\n\r\n".encode("latin-1") + TEXT) == TEXT


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 6",),
        ("Transfer-Encoding: gzip, chunked",),
    ],
)
async def test_lines_that_contradict_each_other_about_the_length_are_an_error(lines):
    with pytest.raises(Unreachable, match="broke off the connection"):
        await body_of(ok(TEXT, *lines))


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([b"Content-Length: 3", b"Transfer-Encoding: chunked", b" folded", b"A: b", b"\tc"]),
        ),
        max_size=12,
    )
)
def test_whatever_a_head_contains_h11_reads_it_once_repaired(lines):
    fields = [line for line in lines if b"\n" not in line and line.strip(b"\r")]
    contradiction = any(b"length" in line.lower() or b"encoding" in line.lower() for line in fields)
    connection = h11.Connection(our_role=h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a.example")]))
    connection.receive_data(repaired(b"\r\n".join([b"HTTP/1.1 200 OK", *fields, b"", b""])))
    try:
        assert isinstance(connection.next_event(), h11.Response)
    except h11.RemoteProtocolError:
        assert contradiction


async def test_a_redirect_that_needs_its_cookie_back_is_followed_and_the_cookie_then_forgotten():
    def answer(path: str, head: bytes) -> bytes:
        if path == "/robots.txt":
            return NO_ROBOTS
        if b"visited=yes" in head.lower():
            return ok(TEXT)
        return b"HTTP/1.1 302 Found\r\nLocation: /x\r\nSet-Cookie: visited=yes; Path=/\r\nContent-Length: 0\r\n\r\n"

    seen: list[bytes] = []
    async with answering(lambda path, head: seen.append(head) or answer(path, head)) as base, fetching() as fetch:
        for _ in range(2):
            assert (await fetch.get(f"{base}/x", source="ICE")).body == TEXT
    assert [b"visited=yes" in head for head in seen if b"robots" not in head] == [False, True, False, True]


@pytest.mark.parametrize(
    "robots",
    [
        b"HTTP/1.1 302 Found\r\nLocation: /robots.txt\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ftp://files.example/robots.txt\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/robots.txt\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n",
        ok(b"\x0b\x02\x80", "Content-Encoding: br", "Content-Length: 3"),
        ok(b"User-agent: *\nAllow: /", "Content-Encoding: text", "Content-Length: 22"),
        ok(b"<html>Not found</html>", "Content-Length: 22"),
        ok(b"", "Content-Length: 0"),
        ok(b"\xff\xfe\x00\x01" * 9, "Content-Length: 36"),
    ],
)
async def test_a_senseless_robots_txt_forbids_nothing(robots):
    async with (
        answering(lambda path, _: robots if path == "/robots.txt" else ok(TEXT)) as base,
        fetching() as fetch,
    ):
        assert (await fetch.get(f"{base}/x", source="ICE")).body == TEXT


async def test_interim_answers_are_skipped_up_to_a_bound():
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    assert await body_of(hint * INTERIM_ANSWERS + ok(TEXT)) == TEXT
    with pytest.raises(Unreachable, match="broke off the connection"):
        await body_of(hint * (INTERIM_ANSWERS + 1) + ok(TEXT))


async def forever(head: bytes, piece: bytes) -> AsyncIterator[bytes]:
    yield head
    while True:
        yield piece


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        pytest.param(ok(b"", "Transfer-Encoding: chunked"), b"1\r\nx\r\n" * 5_000, id="chunks of one byte"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000, id="100 Continue"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 5_000, id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: y\r\n", b" folded\r\n" * 5_000, id="a folded header"),
        pytest.param(
            ok(b"", "Transfer-Encoding: chunked", "Content-Encoding: gzip"),
            b"%x\r\n%b\r\n" % (len(zipped(b"")), zipped(b"")) * 2_000,
            id="empty gzip members",
        ),
    ],
)
async def test_an_endless_answer_is_given_up_and_leaves_turns_to_others(head, piece):
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    def answer(path: str, _: bytes) -> bytes | AsyncIterator[bytes]:
        return NO_ROBOTS if path == "/robots.txt" else forever(head, piece)

    async with answering(answer) as base, fetching(max_bytes=2**18) as fetch:
        counting = asyncio.create_task(count())
        with pytest.raises(SourceError):
            await fetch.get(f"{base}/x", source="ICE")
        counting.cancel()
    assert turns > 20
