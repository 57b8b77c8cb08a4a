"""The httpx client. It connects only to checked addresses and limits the size of each answer.

The dialer is the network backend of httpx's own transport, at the lowest level. It resolves and checks a name at the
moment it connects, so the name can't resolve to another address in between and no code can bypass the check. The URL,
the Host header, the TLS server name and the certificate check still use the real host name. In tests, respx replaces
httpcore and also sees the real URL.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from typing import Any
from urllib.request import Request

import httpcore
import httpx

from bot.errors import NoConnection, SourceError, Unreachable, Untrusted
from bot.fetch.addresses import Resolve, checked_addresses, shown
from bot.fetch.body import read_body
from bot.fetch.heads import RepairedHeads

WITH_A_BODY = frozenset({200, 203})  # a proxy that changed something answers 203
_CHATTY = ("httpx", "httpcore")  # they log addresses and headers unmasked, including tokens


@dataclass(slots=True)
class Answer:
    """The answer to one request.

    `location` is the target if the answer is a redirect. `redirected` is true if the request was redirected to this
    answer's address.
    """

    url: httpx.URL
    status: int
    headers: httpx.Headers
    body: bytes
    location: str | None = None
    redirected: bool = False


class TransientError(Exception):
    """An error that may be temporary. `fault` is the error to raise if retries don't help."""

    def __init__(self, fault: SourceError) -> None:
        self.fault = fault
        super().__init__(str(fault))


class Dialer(httpcore.AsyncNetworkBackend):
    """The network backend that opens connections for httpx.

    It resolves a name once, checks every address and connects to one of them.
    """

    def __init__(
        self,
        resolve: Resolve,
        *,
        allow_loopback: bool,
        allow_private: bool = False,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._resolve = resolve
        self._allow_loopback = allow_loopback
        self._allow_private = allow_private
        self._network = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first checked address that accepts a connection."""
        failure: Exception = httpcore.ConnectError("the host name doesn't resolve to an address")
        try:
            addresses = await checked_addresses(
                host, port, self._resolve, allow_loopback=self._allow_loopback, allow_private=self._allow_private
            )
        except (OSError, ValueError) as unknown:  # an overlong name raises UnicodeError, which is a ValueError
            raise failure from unknown
        for address in addresses:
            try:
                stream = await self._network.connect_tcp(str(address), port, timeout, local_address, socket_options)
                return RepairedHeads(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                failure = failed
        raise failure


class _Transport(httpx.AsyncHTTPTransport):
    """An httpx transport that uses our dialer.

    It builds its own connection pool, because httpx has no parameter for the pool's network backend.
    """

    def __init__(self, tls: ssl.SSLContext, dialer: Dialer) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=None,  # Fetch limits them
            max_keepalive_connections=0,  # a source is read only once every few hours
            network_backend=dialer,
        )


class _NoCookies(CookieJar):
    """A cookie jar that ignores all cookies. Cookies are kept only within a chain of redirects."""

    def extract_cookies(self, response: HTTPResponse, request: Request) -> None:
        pass


class Client:
    """A wrapper around `httpx.AsyncClient` that doesn't follow redirects or use proxy settings from the environment.

    `connect`, `read` and `total` are timeouts in seconds. `total` covers the whole request, including the body.
    """

    def __init__(
        self, dialer: Dialer, tls: ssl.SSLContext, *, user_agent: str, connect: float, read: float, total: float
    ) -> None:
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._total = total
        self._httpx = httpx.AsyncClient(
            transport=_Transport(tls, dialer),
            # gzip is the only encoding that read_body can decompress
            headers={"Accept-Encoding": "gzip", "Connection": "close", "User-Agent": user_agent},
            cookies=_NoCookies(),
            timeout=httpx.Timeout(read, connect=connect),
            follow_redirects=False,
            trust_env=False,  # a proxy would resolve names itself, without our checks
            event_hooks={"response": [_set_location_aside]},
        )

    async def aclose(self) -> None:
        """Close the client and any open connections."""
        await self._httpx.aclose()

    async def get(
        self,
        url: httpx.URL,
        headers: Mapping[str, str],
        cap: int,
        *,
        cut: bool,
        cookies: httpx.Cookies,
        content: bytes | None = None,
    ) -> Answer:
        """Send one GET request, or a POST request with this content. Read the body only if the status is 200 or 203.

        Send the matching `cookies` and add those that the answer sets. If the body is larger than `cap` bytes, cut it
        off there if `cut` is true; otherwise raise Unsafe. Raise a TransientError for an error that a retry may fix, or
        a SourceError for any other error.
        """
        method = "GET" if content is None else "POST"
        request = self._httpx.build_request(method, url, headers=headers, content=content)
        cookies.set_cookie_header(request)
        with _errors_of(shown(url), self._total):
            async with asyncio.timeout(self._total), aclosing(await self._sent(request)) as response:
                cookies.extract_cookies(response)
                body = await read_body(response, cap, cut=cut) if response.status_code in WITH_A_BODY else b""
        return _answer(url, response, body)

    async def post(self, url: httpx.URL, headers: Mapping[str, str], content: bytes, *, cap: int = 0) -> Answer:
        """Send one POST request. Read at most `cap` bytes of the answer's body, whatever its status.

        Errors name only the host, because the rest of the address may be a secret.
        """
        request = self._httpx.build_request("POST", url, headers=headers, content=content)
        with _errors_of(url.host, self._total):
            async with asyncio.timeout(self._total), aclosing(await self._sent(request)) as response:
                body = await read_body(response, cap, cut=True) if cap else b""
        return _answer(url, response, body)

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._httpx.send(request, stream=True)
        except ValueError as impossible:  # ssl rejects a name that no certificate could have
            raise httpx.ConnectError("the host name isn't valid", request=request) from impossible


def _answer(url: httpx.URL, response: httpx.Response, body: bytes) -> Answer:
    location = response.extensions.get("location")
    return Answer(url=url, status=response.status_code, headers=response.headers, body=body, location=location)


@contextmanager
def _errors_of(name: str, total: float) -> Iterator[None]:
    """Turn the errors of one request into ours. `name` is the address as errors show it."""
    try:
        yield
    except TimeoutError as late:  # no retry for something this slow
        raise Unreachable(f"{name} didn't finish within {total:g} s") from late
    except (httpx.HTTPError, OSError) as fault:  # httpx doesn't wrap the SSLError from a broken TLS record
        raise TransientError(_kind(fault)(f"{name} {_trouble(fault)}")) from fault


async def _set_location_aside(response: httpx.Response) -> None:
    """Move the Location header to the response's extensions, where httpx doesn't see it.

    Otherwise, httpx would parse the header to prepare the next request, and fail if the address is invalid.
    """
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")


def _causes(fault: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = fault
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _kind(fault: Exception) -> type[Unreachable]:
    if any(isinstance(cause, ssl.SSLError) for cause in _causes(fault)):
        return Untrusted
    return NoConnection if isinstance(fault, httpx.ConnectError | httpx.ConnectTimeout) else Unreachable


def _trouble(fault: Exception) -> str:
    """Describe a connection error in words."""
    for cause in _causes(fault):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"has no valid certificate ({cause.verify_message})"
        if isinstance(cause, socket.gaierror):
            return "can't be found, because its host name has no address"
    match fault:
        case httpx.ConnectTimeout():
            return "didn't accept a connection in time"
        case httpx.TimeoutException():
            return "stopped answering"
        case httpx.ConnectError():
            return "couldn't be reached"
        case _:
            return "broke off the connection"
