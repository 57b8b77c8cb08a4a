"""One request over one connection: HTTP/1.1 on asyncio's streams, spoken by h11, in httpx's words.

A source is asked once in hours, and no connection is kept between two requests: the pool, the locks and the tasks of
httpx's own transport would take two thirds of the time of a reading, and serve nothing.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator

import h11
import httpx

PIECE = 64 * 1024  # bytes, read at a time
LONGEST_HEAD = 100 * 1024  # bytes of status line and headers that are waited for


class Wire:
    """Sends requests without a body. `connect` (with the TLS handshake) and `read` are time-outs in seconds."""

    def __init__(self, tls: ssl.SSLContext, *, connect: float, read: float) -> None:
        tls.set_alpn_protocols(["http/1.1"])
        self._tls = tls
        self._connect = connect
        self._read = read

    async def send(self, request: httpx.Request, address: str) -> httpx.Response:
        """Ask that IP address; Host header, TLS server name and certificate are those of the request's own name.

        The connection ends when the answer is closed. Raises an httpx.TransportError.
        """
        connection = _Connection(*await self._connected(request.url, address), self._read)
        try:
            return await connection.answer(request)
        except BaseException:
            await connection.aclose()
            raise

    async def _connected(self, url: httpx.URL, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        is_secret = url.scheme == "https"
        name = url.raw_host.decode("ascii") if is_secret else None
        try:
            async with asyncio.timeout(self._connect):
                return await asyncio.open_connection(
                    address,
                    url.port or (443 if is_secret else 80),
                    ssl=self._tls if is_secret else None,
                    server_hostname=name,
                )
        except TimeoutError as late:
            raise httpx.ConnectTimeout("no connection in time") from late
        except (OSError, ValueError) as refused:  # of a name that no certificate could have
            raise httpx.ConnectError("no connection") from refused


class _Connection(httpx.AsyncByteStream):
    """A connection that is used once; as a stream it is the body of the answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> None:
        self._reader, self._writer = reader, writer
        self._patience = patience
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Send the request, and take the head of the answer."""
        try:
            asked = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
            self._writer.write(self._h11.send(asked) or b"")
            self._h11.send(h11.EndOfMessage())
        except h11.LocalProtocolError as wrong:
            raise httpx.LocalProtocolError(str(wrong)) from wrong
        while not isinstance(event := await self._event(), h11.Response):
            pass  # 100 Continue and the like
        return httpx.Response(event.status_code, headers=event.headers.raw_items(), stream=self, request=request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)

    async def _event(self) -> object:
        """The event that comes next."""
        try:
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(self._patience):
                    self._h11.receive_data(await self._reader.read(PIECE))
        except h11.RemoteProtocolError as wrong:
            raise httpx.RemoteProtocolError(str(wrong)) from wrong
        except TimeoutError as late:
            raise httpx.ReadTimeout("nothing came in time") from late
        except OSError as broken:
            raise httpx.ReadError("the connection broke off") from broken
        return event

    async def aclose(self) -> None:
        """Let go of the connection, whatever may still come."""
        self._writer.transport.abort()
