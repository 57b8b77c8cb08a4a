"""The httpx client, connected to addresses that were checked: one request, one connection, one capped answer.

The dialer is the network backend of httpx's own transport, below everything else: a name is resolved and checked where
the connection is made, so nothing can rebind in between, and nothing above can go around it. URL, Host header, TLS
server name and certificate stay those of the real host name. respx, which takes httpcore's place, sees the same URL.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from typing import Any
from urllib.request import Request

import httpcore
import httpx

from bot.errors import SourceError, Unreachable
from bot.fetch.addresses import Resolve, checked_addresses, shown
from bot.fetch.body import read_body

_CHATTY = ("httpx", "httpcore")  # they log addresses and headers as they are, tokens included


@dataclass(slots=True)
class Answer:
    """The answer to one request. `location` is the target of a redirect, `redirected` if redirects led here."""

    url: httpx.URL
    status: int
    headers: httpx.Headers
    body: bytes
    location: str | None = None
    redirected: bool = False


class TransientError(Exception):
    """A fault that may pass; carries the error to raise if it doesn't."""

    def __init__(self, fault: SourceError) -> None:
        self.fault = fault
        super().__init__(str(fault))


class Dialer(httpcore.AsyncNetworkBackend):
    """Opens connections for httpx: resolves a name once, checks every address, connects to one that passed."""

    def __init__(
        self, resolve: Resolve, *, allow_loopback: bool, network: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._resolve = resolve
        self._allow_loopback = allow_loopback
        self._network = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to the first checked address that takes it."""
        failure: Exception = httpcore.ConnectError("the name has no address")
        try:
            addresses = await checked_addresses(host, port, self._resolve, allow_loopback=self._allow_loopback)
        except (OSError, ValueError) as unknown:  # the UnicodeError of an overlong name is a ValueError
            raise failure from unknown
        for address in addresses:
            try:
                return await self._network.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                failure = failed
        raise failure


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's transport over our dialer; httpx offers no parameter for the network backend of its pool."""

    def __init__(self, tls: ssl.SSLContext, dialer: Dialer) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=None,  # Fetch counts them
            max_keepalive_connections=0,  # a source is asked once in hours
            network_backend=dialer,
        )


class _NoCookies(CookieJar):
    """A cookie jar that keeps no cookie and doesn't even parse one."""

    def extract_cookies(self, response: HTTPResponse, request: Request) -> None:
        pass


class Client:
    """An `httpx.AsyncClient` that follows no redirects, decodes nothing, and reads nothing from the environment.

    `connect`, `read` and `total` are timeouts in seconds; `total` covers a whole request, body included.
    """

    def __init__(
        self, dialer: Dialer, tls: ssl.SSLContext, *, user_agent: str, connect: float, read: float, total: float
    ) -> None:
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._total = total
        self._httpx = httpx.AsyncClient(
            transport=_Transport(tls, dialer),
            # gzip is the one encoding that read_body inflates under a cap
            headers={"Accept-Encoding": "gzip", "Connection": "close", "User-Agent": user_agent},
            cookies=_NoCookies(),
            timeout=httpx.Timeout(read, connect=connect),
            follow_redirects=False,
            trust_env=False,  # a proxy would resolve names itself, unchecked
            event_hooks={"response": [_set_location_aside]},
        )

    async def aclose(self) -> None:
        """Close whatever connections are still open."""
        await self._httpx.aclose()

    async def get(self, url: httpx.URL, headers: Mapping[str, str], cap: int, *, cut: bool) -> Answer:
        """Send one request; read the body of a 200 only, cut at `cap` bytes or refused beyond them.

        Raises a SourceError, or a TransientError if trying again may help.
        """
        try:
            async with asyncio.timeout(self._total), aclosing(await self._sent(url, headers)) as response:
                body = await read_body(response, cap, cut=cut) if response.status_code == 200 else b""
        except TimeoutError as late:  # once is enough for something this slow
            raise Unreachable(f"{shown(url)} didn't finish within {self._total:g} s") from late
        except (httpx.HTTPError, OSError) as fault:  # httpx lets the SSLError of a broken TLS record through
            raise TransientError(Unreachable(f"{shown(url)} {_trouble(fault)}")) from fault
        location = response.extensions.get("location")
        return Answer(url=url, status=response.status_code, headers=response.headers, body=body, location=location)

    async def _sent(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        request = self._httpx.build_request("GET", url, headers=headers)
        try:
            return await self._httpx.send(request, stream=True)
        except ValueError as impossible:  # ssl refuses a name that no certificate can have
            raise httpx.ConnectError("the host name isn't valid", request=request) from impossible


async def _set_location_aside(response: httpx.Response) -> None:
    """Hide where a redirect leads: httpx would prepare to follow it, and fail on an address that isn't valid."""
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")


def _trouble(fault: Exception) -> str:
    """Say what happened to the connection."""
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"has no valid certificate ({cause.verify_message})"
        if isinstance(cause, socket.gaierror):
            return "has a host name without an address"
        cause = cause.__cause__ or cause.__context__
    match fault:
        case httpx.ConnectTimeout():
            return "didn't accept a connection in time"
        case httpx.TimeoutException():
            return "stopped answering"
        case httpx.ConnectError():
            return "couldn't be reached"
        case _:
            return "broke off the connection"
