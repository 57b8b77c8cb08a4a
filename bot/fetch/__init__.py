"""Fetch documents from the network for all sources.

Requests are polite, have size and time limits, and never go to private addresses.

    get ─► robots.txt ─► the host's turn ──► checked address ─► capped body ─► redirect? ─► verdict ─► Document
            │                                                                     │            │
            └────────────────────────── again, at most three tries ◄──────────────┴────────────┘

`robots` decides whether we may send a request, and `hosts` decides when. `addresses` decides which addresses we may
connect to, and `body` limits how much we read. `client` is the httpx client that sends the request.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import httpx
import structlog

from bot import __version__
from bot.domain.document import Document, Expect, Form, Validators, digest, remembered
from bot.domain.timestamps import retry_after
from bot.domain.web_address import masked, short
from bot.errors import Blocked, Disallowed, Missing, SourceError, Unreachable, Unreadable
from bot.fetch.addresses import Resolve, parsed, redirect_target, shown, system_resolve
from bot.fetch.body import check_content, file_name
from bot.fetch.certificates import certificates
from bot.fetch.client import WITH_A_BODY, Answer, Client, Dialer, TransientError
from bot.fetch.hosts import PATIENCE, Clock, Hosts
from bot.fetch.robots import PRODUCT, ROBOTS_BYTES, RobotsCache

__all__ = ["NEVER_READ", "Clock", "Expect", "Fetch", "Limits", "masked", "remembered"]

TRIES = 3
REDIRECTS = 5
LONGEST_CRAWL_DELAY = 60.0  # seconds
NEVER_READ = "never read successfully"
KEPT_HEADERS = ("etag", "last-modified", "content-type", "content-disposition", "content-length", "date")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on how often Fetch sends requests, how much it reads and how long it waits.

    `host_gap` is the number of seconds between the starts of two requests to one host. `concurrent` is the number of
    requests that may run at the same time. After `full_every`, a body is read in full even if it may not have changed.
    `max_bytes` is the maximum size of a body after decoding. `connect`, `read` and `total` are timeouts in seconds.
    """

    host_gap: float = 1.0
    concurrent: int = 4
    full_every: timedelta = timedelta(hours=6)
    max_bytes: int = 32 * 1024 * 1024
    connect: float = 10.0
    read: float = 30.0
    total: float = 120.0


class Fetch:
    """The fetcher that all sources share. Use it as an async context manager.

    The User-Agent header includes `contact`. `allow_loopback` allows 127.0.0.0/8 and ::1, but no other private
    addresses. `tls`, `resolve` and `clock` replace the default certificates, the system's resolver and the system's
    clock.
    """

    def __init__(
        self,
        *,
        contact: str | None,
        limits: Limits = Limits(),
        allow_loopback: bool = False,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = system_resolve,
        clock: Clock | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock = clock or Clock()
        self._user_agent = user_agent(contact, __version__)
        self._dialer = Dialer(resolve, allow_loopback=allow_loopback)
        self._tls = tls
        self._hosts = Hosts(limits.host_gap, limits.concurrent, clock)
        self._robots = RobotsCache(self._read_robots, clock.monotonic)
        self._client: Client | None = None

    async def __aenter__(self) -> Self:
        tls = self._tls or certificates()
        of = self._limits
        self._client = Client(
            self._dialer, tls, user_agent=self._user_agent, connect=of.connect, read=of.read, total=of.total
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        assert client is not None
        await client.aclose()

    async def get(
        self,
        address: str,
        *,
        source: str,
        validators: Validators | None = None,
        accept: str = "*/*",
        expect: Expect | None = None,
        full: bool = False,
        last_good: datetime | None = None,
        form: Form | None = None,
    ) -> Document:
        """Fetch one address.

        A `form` is sent by POST, under the same rules. Without one, the request is conditional if `validators` are
        recent enough and `full` is false. On failure, raise a SourceError. Its message gives the source, the problem
        and the time of the last successful read (`last_good`).
        """
        conditions = {} if full or form is not None else self._conditions(validators)
        try:
            answer = await self._patiently(parsed(address), {"Accept": accept} | conditions, form)
            document = self._document(address, answer, validators if conditions else None, expect)
        except SourceError as fault:
            log.debug("not fetched", source=source, address=masked(address), fault=type(fault).__name__)
            seen = f"last read successfully {last_good.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if last_good else NEVER_READ
            raise type(fault)(f"{source}: {fault}; {seen}", retry_after=fault.retry_after) from fault
        log.debug("fetched", source=source, unchanged=document.unchanged, **document.log_context())
        return document

    def _conditions(self, validators: Validators | None) -> dict[str, str]:
        """Return the headers for a conditional request.

        If a full read is due or our clock was set back, return no headers.
        """
        if validators is None or not timedelta(0) <= self._clock.now() - validators.full_at < self._limits.full_every:
            return {}
        words = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
        return {name: word for name, word in words.items() if word and word.isascii() and word.isprintable()}

    def _document(self, address: str, answer: Answer, validators: Validators | None, expect: Expect | None) -> Document:
        headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
        if answer.redirected:
            headers["final-address"] = masked(str(answer.url))
        if answer.status == 304:
            if validators is None:
                raise Unreadable(f"{short(masked(address))} answered 304 Not Modified to an unconditional request")
            name, sha256 = validators.name, validators.sha256
        else:
            check_content(answer.url, answer.body, expect)
            name = file_name(answer.url, answer.headers.get("content-disposition", ""))
            sha256 = digest(answer.body)
        return Document(
            address=masked(address),
            name=name,
            body=answer.body,
            sha256=sha256,
            headers=headers,
            fetched_at=self._clock.now(),
            unchanged=answer.status == 304,
        )

    async def _patiently(self, url: httpx.URL, headers: Mapping[str, str], form: Form | None) -> Answer:
        """Send a request, and retry it if the failure may be temporary.

        We use our own loop instead of stamina for two reasons. Tests can't replace stamina's sleep. Also, if a server
        asks for a pause, `Hosts` must apply it to all requests to that host.
        """
        tried = 0
        while True:
            tried += 1
            try:
                answer = await self._followed(url, headers, self._limits.max_bytes, form=form)
                self._judge(answer)
            except TransientError as again:
                asked = again.fault.retry_after
                if tried == TRIES or (asked or 0) > PATIENCE:
                    raise again.fault from again.__cause__
            else:
                return answer
            if not asked:
                await self._clock.sleep(2 ** (tried - 1) * (0.5 + self._clock.jitter()))

    async def _followed(
        self, url: httpx.URL, headers: Mapping[str, str], cap: int, *, robots: bool = False, form: Form | None = None
    ) -> Answer:
        """Send a request, follow any redirects and return the final answer.

        Cookies last from one redirect to the next and no longer. Before each request, check robots.txt. If `robots` is
        true, the request is for robots.txt itself and there is no check. As in browsers, a form is sent on only if the
        server asks for that, with 307 or 308.
        """
        at, cookies = url, httpx.Cookies()
        for _ in range(REDIRECTS + 1):
            if not robots:
                await self._heed_robots(at)
            answer = await self._exchange(at, headers, cap, cut=robots, cookies=cookies, form=form)
            if answer.status not in {301, 302, 303, 307, 308}:
                answer.redirected = at != url
                return answer
            at = redirect_target(at, answer.status, answer.location)
            form = form if answer.status in {307, 308} else None
        raise Unreadable(f"{shown(url)} was redirected more than {REDIRECTS} times")

    async def _exchange(
        self,
        url: httpx.URL,
        headers: Mapping[str, str],
        cap: int,
        *,
        cut: bool,
        cookies: httpx.Cookies,
        form: Form | None,
    ) -> Answer:
        """Wait for the host's turn, then send one request."""
        assert self._client is not None, "use Fetch as a context manager"
        sent = headers if form is None else {**headers, "Content-Type": form.type}
        async with self._hosts.turn(url.host):
            return await self._client.get(
                url, sent, cap, cut=cut, cookies=cookies, content=None if form is None else form.content
            )

    def _judge(self, answer: Answer) -> None:
        """Raise an error unless the status is 200, 203 or 304.

        If the status is 429 or 5xx and the server asks for a pause, apply the pause to all requests to that host.
        """
        status = answer.status
        if status in {*WITH_A_BODY, 304}:
            return
        said = f"{shown(answer.url)} answered {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
        pause = retry_after(answer.headers.get("retry-after", ""), self._clock.now())
        if status == 429 or status >= 500:
            kind = Blocked if status == 429 else Unreachable
            if pause is not None:
                self._hosts.close(answer.url.host, pause, kind)
            raise TransientError(kind(said, retry_after=pause))
        if status == 403:
            raise Blocked(f"{said}: the site is turning us away right now", retry_after=pause)
        if status in {404, 410}:
            raise Missing(said)
        raise SourceError(said) if status >= 400 else Unreadable(said)

    async def _heed_robots(self, url: httpx.URL) -> None:
        """Apply the Crawl-delay from robots.txt. Raise Disallowed if robots.txt disallows this address."""
        rules = await self._robots.rules(url)
        self._hosts.slow_down(url.host, min(rules.crawl_delay(PRODUCT) or 0.0, LONGEST_CRAWL_DELAY))
        if not rules.can_fetch(str(url), PRODUCT):
            raise Disallowed(f"{url.host}'s robots.txt asks us not to read {shown(url)}")

    async def _read_robots(self, url: httpx.URL) -> bytes:
        """Return the body of a robots.txt file.

        Under RFC 9309, a 4xx status means that everything is allowed. We treat 429 as an error, because it asks us to
        slow down. A 2xx status without a body, such as 204, contains no rules.
        """
        answer = await self._followed(url, {"Accept": "text/plain"}, ROBOTS_BYTES, robots=True)
        if answer.status == 429 or answer.status >= 500:
            self._judge(answer)
        return answer.body


def user_agent(contact: str | None, version: str) -> str:
    """Return the User-Agent header, which names the program and, if there is one, the operator's contact address."""
    plain = "".join(letter for letter in contact or "" if " " <= letter <= "~").strip()
    return f"{PRODUCT}/{version} (+{plain})" if plain else f"{PRODUCT}/{version}"
