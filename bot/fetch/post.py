"""Single requests to addresses that someone else chose, through the same door as every other request.

The host name is resolved and checked again for each request, and the connection goes to the checked address. Redirects
aren't followed, because they could lead anywhere. No more of the answer's body is read than the caller asks for.
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from bot import __version__
from bot.domain.timestamps import retry_after
from bot.fetch import user_agent
from bot.fetch.addresses import Resolve, checked_addresses, parsed, system_resolve
from bot.fetch.certificates import certificates
from bot.fetch.client import Answer, Client, Dialer, TransientError


@dataclass(frozen=True, slots=True)
class Posted:
    """The answer to a request. `retry_after` is the number of seconds that the server asks us to wait, or None."""

    status: int
    retry_after: float | None
    headers: Mapping[str, str]
    location: str | None
    body: bytes


class Poster:
    """A client for single requests. It is opened at the first request.

    `timeout` is the time for one whole request, in seconds. `allow_loopback` allows 127.0.0.0/8 and ::1, but no other
    private addresses. `allow_private` allows private networks too; it's only for addresses from the operator's own
    settings, such as a monitor at home. `tls` and `resolve` replace the default certificates and the system's resolver.
    """

    def __init__(
        self,
        *,
        contact: str | None = None,
        allow_loopback: bool = False,
        allow_private: bool = False,
        timeout: float = 20.0,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = system_resolve,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.timeout = timeout
        self._contact = contact
        self._allow_loopback = allow_loopback
        self._allow_private = allow_private
        self._tls = tls
        self._resolve = resolve
        self._now = now
        self._client: Client | None = None

    async def check(self, address: str) -> None:
        """Raise Unsafe if the address isn't acceptable or its host name resolves to an address that isn't public.

        Raise OSError or ValueError if the name can't be resolved.
        """
        url = parsed(address)
        port = url.port or (443 if url.scheme == "https" else 80)
        await checked_addresses(
            url.host, port, self._resolve, allow_loopback=self._allow_loopback, allow_private=self._allow_private
        )

    async def post(self, address: str, content: bytes, headers: Mapping[str, str], *, cap: int = 0) -> Posted:
        """Send one POST request and read at most `cap` bytes of the answer.

        Raise a SourceError if there is no answer or we won't connect.
        """
        return await self._answered(self._opened().post(parsed(address), headers, content, cap=cap))

    async def get(self, address: str, headers: Mapping[str, str], *, cap: int) -> Posted:
        """Send one GET request, in the same way."""
        url = parsed(address)
        return await self._answered(self._opened().get(url, headers, cap, cut=True, cookies=httpx.Cookies()))

    async def _answered(self, asked: Awaitable[Answer]) -> Posted:
        try:
            answer = await asked
        except TransientError as again:
            raise again.fault from again
        wait = retry_after(answer.headers.get("retry-after", ""), self._now())
        return Posted(answer.status, wait, answer.headers, answer.location, answer.body)

    async def aclose(self) -> None:
        """Close the client."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _opened(self) -> Client:
        if self._client is None:
            self._client = Client(
                Dialer(self._resolve, allow_loopback=self._allow_loopback, allow_private=self._allow_private),
                self._tls or certificates(),
                user_agent=user_agent(self._contact, __version__),
                connect=self.timeout / 2,
                read=self.timeout,
                total=self.timeout,
            )
        return self._client
