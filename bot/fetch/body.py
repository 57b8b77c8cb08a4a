"""Functions that read response bodies up to a size limit, check their type and choose a file name."""

import re
import zlib
from collections.abc import Iterator
from urllib.parse import unquote

import httpx

from bot.domain.document import Expect
from bot.errors import Unreadable, Unsafe
from bot.fetch.addresses import short, shown

PIECE = 256 * 1024  # bytes decompressed at a time


async def read_body(response: httpx.Response, cap: int, *, cut: bool) -> bytes:
    """Return the decoded body, without letting it grow beyond `cap` bytes in memory.

    If the body is larger than `cap`, cut it off there if `cut` is true; otherwise raise Unsafe.
    """
    size = response.headers.get("content-length", "")
    if not cut and size.isdecimal() and float(size) > cap:
        raise _too_large(response, cap)
    inflater = _inflater(response)
    body = bytearray()
    async for raw in response.aiter_raw():
        for piece in _inflated(raw, inflater):
            body += piece
            if max(len(body), response.num_bytes_downloaded) > cap:
                if cut:
                    return bytes(body[:cap])
                raise _too_large(response, cap)
    if inflater is not None and response.num_bytes_downloaded and not inflater.eof:
        raise httpx.RemoteProtocolError("the compressed body ended early")
    return bytes(body)


def _too_large(response: httpx.Response, cap: int) -> Unsafe:
    return Unsafe(f"{shown(response.url)} is larger than the {cap / 2**20:.3g} MiB we accept")


def _inflater(response: httpx.Response) -> "zlib._Decompress | None":
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"gzip", "x-gzip"}:
        return zlib.decompressobj(16 + zlib.MAX_WBITS)
    if encoding in {"identity", ""}:
        return None
    raise Unreadable(f"{shown(response.url)} came in an encoding we didn't ask for ({short(encoding, 20)!a})")


def _inflated(raw: bytes, inflater: "zlib._Decompress | None") -> Iterator[bytes]:
    """Decompress a chunk and yield it in small pieces.

    httpx would decompress the whole chunk at once, and a zip bomb can expand to a thousand times its size.
    """
    if inflater is None:
        yield raw
        return
    try:
        while raw:
            yield inflater.decompress(raw, PIECE)
            raw = inflater.unconsumed_tail
    except zlib.error as broken:
        raise Unreadable("the body claims to be gzip but isn't") from broken
    if inflater.unused_data:
        raise Unreadable("the gzip body has extra data after its end")


def check_content(url: httpx.URL, body: bytes, expect: Expect | None) -> None:
    """Raise Unreadable if the body is empty or its first bytes don't match the expected type."""
    if not body:
        raise Unreadable(f"{shown(url)} answered with an empty body")
    if expect is None:
        return
    seen = Expect.seen_in(body)
    if seen is not expect:
        raise Unreadable(f"{shown(url)} is {seen or 'something else'}; we expected {expect}")


_PARAMETER = re.compile(r';\s*([\w-]+\*?)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)')
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE)


def file_name(url: httpx.URL, disposition: str) -> str:
    """Return a file name from the Content-Disposition header (RFC 6266), or from the URL.

    The name never includes a path.
    """
    given = {key.lower(): value.strip() for key, value in _PARAMETER.findall(disposition)}
    extended = _EXTENDED.fullmatch(given.get("filename*", ""))
    from_path = unquote(url.raw_path.decode("ascii").partition("?")[0].rpartition("/")[2])
    candidates = (
        unquote(extended[2], extended[1]) if extended else "",
        re.sub(r'\\(["\\])', r"\1", given.get("filename", "").strip('"')),
        from_path,
    )
    return next(filter(None, map(_plain_name, candidates)), url.host)


def _plain_name(name: str) -> str:
    """Return the last part of a path, without control characters.

    A name longer than 150 characters is shortened but keeps its file extension.
    """
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(letter for letter in last if letter.isprintable()).strip(" .")
    stem, dot, suffix = clean.rpartition(".")
    if len(clean) > 150 and dot and len(suffix) <= 10:
        return f"{stem[: 149 - len(suffix)]}.{suffix}"
    return clean[:150]
