"""Functions that read response bodies up to a size limit, check their type and choose a file name."""

import asyncio
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote

import httpx

from bot.domain.document import Expect
from bot.errors import Unreadable, Unsafe
from bot.fetch.addresses import short, shown

PIECE = 256 * 1024  # bytes decompressed at a time
LONGEST_STEP = 0.005  # seconds of decoding before other tasks get a turn
MANY_CHUNKS = 10_000
TINY_CHUNK = 16  # bytes; many chunks must be larger than this on average
LAYERS = 2  # some servers compress twice
_GZIP = 16 + zlib.MAX_WBITS
_COMPRESSIONS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}
_UNSUPPORTED = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})


async def read_body(response: httpx.Response, cap: int, *, cut: bool) -> bytes:
    """Return the decoded body, without letting it grow beyond `cap` bytes in memory.

    If the body is larger than `cap`, cut it off there if `cut` is true; otherwise raise Unsafe. Raise Unreadable if the
    body arrives in many tiny chunks, because each chunk costs as much time as a large one.
    """
    size = response.headers.get("content-length", "")
    if not cut and size.isdecimal() and float(size) > cap:
        raise _too_large(response, cap)
    decoders = _decoders(response)
    body = bytearray()
    chunks, rested_at = 0, time.monotonic()
    async for raw in response.aiter_raw():
        chunks += 1
        received = response.num_bytes_downloaded
        if chunks > MANY_CHUNKS and received < chunks * TINY_CHUNK:
            raise Unreadable(f"{shown(response.url)} sends its body a few bytes at a time")
        for piece in _decoded(raw, decoders):
            body += piece
            if max(len(body), received, *(each.size for each in decoders)) > cap:
                if cut:
                    return bytes(body[:cap])
                raise _too_large(response, cap)
            if time.monotonic() - rested_at > LONGEST_STEP:
                await asyncio.sleep(0)
                rested_at = time.monotonic()
    if response.num_bytes_downloaded and not all(each.is_complete for each in decoders):
        raise httpx.RemoteProtocolError("the compressed body ended early")
    return bytes(body)


def _too_large(response: httpx.Response, cap: int) -> Unsafe:
    return Unsafe(f"{shown(response.url)} is larger than the {cap / 2**20:.3g} MiB we accept")


def _decoders(response: httpx.Response) -> "list[_Decoder]":
    """Return a decoder for each Content-Encoding, in reverse order. Ignore encodings that don't exist."""
    header = response.headers.get("content-encoding", "")
    named = [name.strip().lower() for name in header.split(",")]
    real = [name for name in named if name in _COMPRESSIONS or name in _UNSUPPORTED]
    if len(real) > LAYERS or not _UNSUPPORTED.isdisjoint(real):
        raise Unreadable(f"{shown(response.url)} came in an encoding we didn't ask for ({short(header, 20)!a})")
    return [_Decoder(_COMPRESSIONS[name]) for name in reversed(real)]


def _decoded(raw: bytes, decoders: "Sequence[_Decoder]") -> Iterable[bytes]:
    pieces: Iterable[bytes] = (raw,)
    for decoder in decoders:
        pieces = decoder.decode(pieces)
    return pieces


class _Decoder:
    """A decoder for gzip or deflate. It yields small pieces.

    httpx would decompress a whole chunk at once, and a zip bomb can expand to a thousand times its size. As in
    browsers, deflate may lack its zlib header. As in gzip itself, a body may consist of several members, and bytes
    after the last member are ignored.
    """

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._inflater: zlib._Decompress | None = None
        self._start = b""
        self._is_padding = False
        self.is_complete = False
        self.size = 0

    def decode(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress chunks and yield the content in pieces of at most `PIECE` bytes."""
        for chunk in chunks:
            data = chunk
            while data and not self._is_padding:
                if self._inflater is None:
                    data = self._begin(data)
                    continue
                yield self._inflate(self._inflater, data)
                data = self._inflater.unconsumed_tail
                if self._inflater.eof:
                    data = self._inflater.unused_data
                    self._inflater, self.is_complete = None, True

    def _inflate(self, inflater: "zlib._Decompress", data: bytes) -> bytes:
        try:
            piece = inflater.decompress(data, PIECE)
        except zlib.error as broken:
            raise Unreadable("the body claims to be compressed but isn't") from broken
        self.size += len(piece)
        return piece

    def _begin(self, data: bytes) -> bytes:
        """Look at the first two bytes of a member, and return the bytes to decompress."""
        self._start += data
        if len(self._start) < 2:
            return b""
        start, self._start = self._start, b""
        if self._wbits == _GZIP:
            self._is_padding = self.is_complete and start[:2] != b"\x1f\x8b"
        else:
            self._is_padding = self.is_complete
        if not self._is_padding:
            has_header = self._wbits == _GZIP or (start[0] & 0x0F == 8 and int.from_bytes(start[:2]) % 31 == 0)
            self._inflater = zlib.decompressobj(self._wbits if has_header else -zlib.MAX_WBITS)
            self.is_complete = False
        return start


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
