"""Repair the headers of a response before httpcore parses them.

h11 rejects a whole response because of one malformed line. Browsers skip such a line and read the rest, and so do we.
"""

import re
from collections.abc import Iterable
from typing import Any

import httpcore

LONGEST_HEAD = 100 * 1024  # bytes of status line and headers
INTERIM_ANSWERS = 10  # answers such as 100 Continue that may come before the real one
_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_STATUS = re.compile(rb"HTTP/([0-9])(?:\.([0-9]))?[ \t]+([0-9]{3})(?![0-9])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:([^\0]*)")
_ODD_SPACE = re.compile(rb"[\t\v\f\r ]+")


class RepairedHeads(httpcore.AsyncNetworkStream):
    """A connection for one request. It repairs the head of the response and leaves the body unchanged."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._head = bytearray()
        self._is_body = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        """On the first call, return the whole head and any bytes after it. On later calls, return parts of the body."""
        if self._is_body:
            return await self._stream.read(max_bytes, timeout)
        for _ in range(INTERIM_ANSWERS + 1):
            end = await self._read_head(max_bytes, timeout)
            head, rest = bytes(self._head[:end]), bytes(self._head[end:])
            if not _is_interim(head):
                self._is_body = True
                return repaired(head) + rest
            self._head = bytearray(rest)
        raise httpcore.RemoteProtocolError("too many interim responses")

    async def _read_head(self, max_bytes: int, timeout: float | None) -> int:  # noqa: ASYNC109 - httpcore's signature
        """Read until the head is complete or the connection is closed, and return the length of the head."""
        searched = 0
        while (end := _END.search(self._head, searched)) is None:
            if len(self._head) > LONGEST_HEAD:
                raise httpcore.RemoteProtocolError("the headers are too long")
            searched = max(0, len(self._head) - 3)
            more = await self._stream.read(max_bytes, timeout)
            if not more:
                return len(self._head)
            self._head += more
        return end.end()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        """Send bytes."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """Start TLS and return the encrypted connection."""
        return RepairedHeads(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return the information about the connection that httpcore asks for."""
        return self._stream.get_extra_info(info)


def _is_interim(head: bytes) -> bool:
    status = _STATUS.match(head)
    return status is not None and status[3].startswith(b"1") and status[3] != b"101"


def repaired(head: bytes) -> bytes:
    """Return a head without the lines that h11 would reject.

    A head that is incomplete or has no status line is returned unchanged. If lines contradict each other about the
    body's length, they are kept, because such a response can't be trusted and h11 should reject it.
    """
    status = _STATUS.match(head)
    if status is None or not _END.search(head):
        return head
    version = b"1.0" if (status[1], status[2]) == (b"1", b"0") else b"1.1"
    fields = _plausible(_fields(_LINE_END.split(head.strip(b"\r\n"))[1:]))
    lines = [b"HTTP/%b %b " % (version, status[3]), *(b"%b: %b" % field for field in fields)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _fields(lines: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the names and values of the valid lines. A line that starts with a space continues the line before it."""
    fields: list[tuple[bytes, bytes]] = []
    continues = False
    for line in lines:
        if line[:1] in {b" ", b"\t"}:
            if continues and b"\0" not in line:
                fields[-1] = (fields[-1][0], fields[-1][1] + b" " + line)
        elif continues := (found := _FIELD.fullmatch(line)) is not None:
            assert found is not None
            fields.append((found[1], found[2]))
    return [(name, _ODD_SPACE.sub(b" ", value).strip()) for name, value in fields]


def _plausible(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the fields without those that browsers ignore.

    These are a Content-Length that isn't a number and a Transfer-Encoding other than chunked.
    """
    kept: list[tuple[bytes, bytes]] = []
    for name, value in fields:
        match name.lower():
            case b"content-length":
                if not all(size.strip().isdigit() for size in value.split(b",")):
                    continue
            case b"transfer-encoding":
                if b"chunked" not in value.lower() or (name, value) in kept:
                    continue
        kept.append((name, value))
    return kept
