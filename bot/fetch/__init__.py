"""The sources' only door to the network: polite, bounded, and closed to addresses inside.

    get ─► robots.txt ─► turn of the host ─► checked address ─► capped body ─► redirect? ─► verdict ─► Document
            │                                                                     │            │
            └────────────────────────── again, at most three tries ◄──────────────┴────────────┘

What goes over the network goes through `wire.py`. Proxy variables of the environment are not read: a proxy would
resolve names itself and the check of the addresses would check nothing.
"""

import asyncio
import ipaddress
import random
import re
import socket
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import unquote

import httpx
import structlog
from protego import Protego

from bot import __version__
from bot.domain.document import Document, Expect, Validators, digest, remembered
from bot.errors import Blocked, Missing, SourceError, Unreachable, Unreadable, Unsafe
from bot.fetch.wire import Wire

__all__ = ["Expect", "Fetch", "masked", "remembered"]

PRODUCT = "Countersign"
TRIES = 3
REDIRECTS = 5
PATIENCE = 30.0  # seconds that a server may ask us to wait before we leave and let the caller come back
LONGEST_PAUSE = 86_400.0  # seconds; what a Retry-After beyond it says is not believed
LONGEST_CRAWL_DELAY = 60.0  # seconds
ROBOTS_BYTES = 500 * 1024  # RFC 9309 asks for at least this much
ROBOTS_FRESH = 86_400.0  # seconds
ROBOTS_AGAIN = 600.0  # seconds until robots.txt is asked for again while the last known copy serves
HOSTS = 1024  # hosts remembered; those at rest are forgotten first
KEPT_HEADERS = ("etag", "last-modified", "content-type", "content-disposition", "content-length", "date")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Send = Callable[[httpx.Request, str], Awaitable[httpx.Response]]

log = structlog.get_logger()


class Fetch:
    """One door for all sources; used as an async context manager.

    `contact` stands in the User-Agent. `host_gap` is the seconds between the starts of two requests to one host, and
    `concurrent` how many run at once in all. After `full_every` a body is read in full even if the server would say
    that it is unchanged. `max_bytes` bounds a body after decoding. `connect`, `read` and `total` are time-outs in
    seconds. `allow_loopback` opens 127.0.0.0/8 and ::1, no other address inside. `tls` replaces the usual certificates.
    `now`, `clock`, `sleep`, `jitter`, `resolve` and `send` (a request to a checked IP address) are the outside world.
    """

    def __init__(
        self,
        *,
        contact: str | None,
        host_gap: float = 1.0,
        allow_loopback: bool = False,
        full_every: timedelta = timedelta(hours=6),
        max_bytes: int = 32 * 1024 * 1024,
        concurrent: int = 4,
        connect: float = 10.0,
        read: float = 30.0,
        total: float = 120.0,
        version: str = __version__,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        resolve: Resolve | None = None,
        send: Send | None = None,
    ) -> None:
        # gzip is the one encoding that _body bounds
        self._headers = {"Accept-Encoding": "gzip", "Connection": "close", "User-Agent": user_agent(contact, version)}
        self._gap = host_gap
        self._allow_loopback = allow_loopback
        self._full_every = full_every
        self._max_bytes = max_bytes
        self._slots = asyncio.Semaphore(concurrent)
        self._connect, self._read, self._total = connect, read, total
        self._tls = tls
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._resolve = resolve or _system_resolve
        self._hosts: dict[str, _Host] = {}
        self._robots: dict[str, _Robots] = {}
        self._send = send
        self._door: _Door | None = None

    async def __aenter__(self) -> Self:
        send = self._send
        if send is None:
            tls = self._tls or httpx.create_ssl_context(trust_env=False)
            send = Wire(tls, connect=self._connect, read=self._read).send
        self._door = _Door(send, self._resolve, allow_loopback=self._allow_loopback)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._door = None

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
    ) -> Document:
        """Read one address, conditionally if `validators` are recent enough and `full` is false.

        Raises a SourceError whose text names the `source`, what happened, and when it was last read well (`last_good`).
        """
        conditions = {} if full else self._conditions(validators)
        try:
            answer = await self._patiently(_parsed(address), {"Accept": accept} | conditions)
            document = self._document(address, answer, validators if conditions else None, expect)
        except SourceError as fault:
            log.debug("not fetched", source=source, address=masked(address), fault=type(fault).__name__)
            seen = (
                f"last read well {last_good.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if last_good else "never read well yet"
            )
            raise type(fault)(f"{source}: {fault}; {seen}", retry_after=fault.retry_after) from fault
        log.debug("fetched", source=source, unchanged=document.unchanged, **document.log_context())
        return document

    def _conditions(self, validators: Validators | None) -> dict[str, str]:
        """The server's own words, verbatim; none when a full reading is due (or our clock went back)."""
        if validators is None or not timedelta(0) <= self._now() - validators.full_at < self._full_every:
            return {}
        words = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
        return {name: word for name, word in words.items() if word and word.isascii() and word.isprintable()}

    def _document(
        self, address: str, answer: "_Answer", validators: Validators | None, expect: Expect | None
    ) -> Document:
        shown = masked(address)
        headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
        if answer.redirected:
            headers["final-address"] = masked(str(answer.url))
        if answer.status == 304:
            if validators is None:
                raise Unreadable(f"{_short(shown)} answered 304 Not Modified to a question for the whole")
            name, sha256 = validators.name, validators.sha256
        else:
            _check_content(answer, expect)
            name, sha256 = _file_name(answer), digest(answer.body)
        return Document(
            address=shown,
            name=name,
            body=answer.body,
            sha256=sha256,
            headers=headers,
            fetched_at=self._now(),
            unchanged=answer.status == 304,
        )

    async def _patiently(self, url: httpx.URL, headers: Mapping[str, str]) -> "_Answer":
        """Try again where that may help.

        A loop of our own and not stamina: its sleep cannot be injected, and the wait that a server asks for is waited
        in `_turn`, where the other requests to that host wait too.
        """
        tried = 0
        while True:
            tried += 1
            try:
                answer = await self._followed(url, headers, self._max_bytes)
                self._judge(answer)
            except _AgainError as again:
                asked = again.fault.retry_after
                if tried == TRIES or (asked or 0) > PATIENCE:
                    raise again.fault from again.__cause__
            else:
                return answer
            if not asked:
                await self._sleep(2 ** (tried - 1) * (0.5 + self._jitter()))

    async def _followed(
        self, url: httpx.URL, headers: Mapping[str, str], cap: int, *, robots: bool = False
    ) -> "_Answer":
        """The answer at the end of the redirects; `robots` when robots.txt itself is read."""
        at = url
        for _ in range(REDIRECTS + 1):
            if not robots:
                await self._heed_robots(at)
            answer = await self._exchange(at, headers, cap, cut=robots)
            if answer.status not in {301, 302, 303, 307, 308}:
                answer.redirected = at != url
                return answer
            at = _target(answer)
        raise Unsafe(f"{_shown(url)} was redirected more than {REDIRECTS} times")

    async def _exchange(self, url: httpx.URL, headers: Mapping[str, str], cap: int, *, cut: bool) -> "_Answer":
        """One request and its answer; the body of a 200 only, cut at `cap` bytes or refused beyond them."""
        assert self._door is not None, "Fetch is used as a context manager"
        request = httpx.Request("GET", url, headers={**headers, **self._headers})
        async with self._turn(url.host):
            try:
                async with asyncio.timeout(self._total), aclosing(await self._door.send(request)) as response:
                    body = await _body(response, cap, cut=cut) if response.status_code == 200 else b""
            except TimeoutError as late:  # as long as this, once is enough
                raise Unreachable(f"{_shown(url)} was not done within {self._total:g} s") from late
            except httpx.HTTPError as fault:
                raise _AgainError(Unreachable(f"{_shown(url)} {_trouble(fault)}")) from fault
        return _Answer(url=url, status=response.status_code, headers=response.headers, body=body)

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """One of the slots, not before the host is due again; who waits for a host holds no slot."""
        host = self._host(name)
        async with host.lock:
            closed = host.closed_until - self._clock()
            if closed > PATIENCE:
                raise host.closed_by(f"{name} asked us to wait another {closed:.0f} s", retry_after=closed)
            wait = host.due_at - self._clock()
            if wait > 0:
                await self._sleep(wait)
            await self._slots.acquire()
            host.asked_at = self._clock()
        try:
            yield
        finally:
            self._slots.release()

    def _host(self, name: str) -> "_Host":
        if name not in self._hosts and len(self._hosts) >= HOSTS:
            at = self._clock()
            self._hosts = {known: host for known, host in self._hosts.items() if not host.at_rest(at)}
        return self._hosts.setdefault(name, _Host(gap=self._gap))

    def _judge(self, answer: "_Answer") -> None:
        """Raise what a status other than 200 and 304 means; a pause that is asked for holds for the whole host."""
        status = answer.status
        if status in {200, 304}:
            return
        said = f"{_shown(answer.url)} answered {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
        pause = _retry_after(answer.headers.get("retry-after", ""), self._now())
        if status == 429 or status >= 500:
            kind = Blocked if status == 429 else Unreachable
            if pause is not None:
                self._host(answer.url.host).close(self._clock() + pause, kind)
            raise _AgainError(kind(said, retry_after=pause))
        if status == 403:
            raise Blocked(f"{said}: we are not wanted now", retry_after=pause)
        if status in {404, 410}:
            raise Missing(said)
        raise SourceError(said) if status >= 400 else Unreadable(said)

    async def _heed_robots(self, url: httpx.URL) -> None:
        """Raise Blocked if robots.txt forbids this address, and take over its Crawl-delay."""
        origin = f"{url.scheme}://{url.host}:{url.port}"
        if origin not in self._robots and len(self._robots) >= HOSTS:
            del self._robots[next(iter(self._robots))]
        robots = self._robots.setdefault(origin, _Robots())
        async with robots.lock:  # many addresses of one site, one robots.txt
            if robots.rules is None or self._clock() >= robots.again_at:
                await self._learn(robots, url.join("/robots.txt"))
        assert robots.rules is not None
        delay = robots.rules.crawl_delay(PRODUCT) or 0.0
        self._host(url.host).gap = max(self._gap, min(delay, LONGEST_CRAWL_DELAY))
        if not robots.rules.can_fetch(str(url), PRODUCT):
            raise Blocked(f"robots.txt of {url.host} asks us not to read {_shown(url)}")

    async def _learn(self, robots: "_Robots", url: httpx.URL) -> None:
        """Read robots.txt; while it cannot be read the last known copy holds, and with none nothing else is asked."""
        fresh = ROBOTS_FRESH
        try:
            robots.rules = await self._robots_rules(url)
        except Unsafe:
            raise
        except (_AgainError, SourceError) as trouble:
            fault = trouble.fault if isinstance(trouble, _AgainError) else trouble
            if robots.rules is None:
                told = type(fault)(f"without robots.txt nothing else is asked: {fault}", retry_after=fault.retry_after)
                raise (_AgainError(told) if isinstance(trouble, _AgainError) else told) from trouble
            log.debug("robots.txt kept", host=url.host, fault=str(fault))
            fresh = ROBOTS_AGAIN
        robots.again_at = self._clock() + fresh

    async def _robots_rules(self, url: httpx.URL) -> Protego:
        """RFC 9309: a 4xx forbids nothing; a 429 asks us to slow down, like a 5xx."""
        answer = await self._followed(url, {"Accept": "text/plain"}, ROBOTS_BYTES, robots=True)
        if answer.status == 429 or not 400 <= answer.status < 500:
            self._judge(answer)
        return Protego.parse(_robots_text(answer.body))


@dataclass(slots=True)
class _Answer:
    """What came back to one request."""

    url: httpx.URL
    status: int
    headers: httpx.Headers
    body: bytes
    redirected: bool = False


@dataclass(slots=True)
class _Host:
    """When a host may be asked next; times are of the monotonic clock."""

    gap: float
    asked_at: float = float("-inf")
    closed_until: float = float("-inf")
    closed_by: type[SourceError] = Unreachable
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def close(self, until: float, kind: type[SourceError]) -> None:
        if until > self.closed_until:
            self.closed_until, self.closed_by = until, kind

    @property
    def due_at(self) -> float:
        return max(self.asked_at + self.gap, self.closed_until)

    def at_rest(self, at: float) -> bool:
        return not self.lock.locked() and self.due_at <= at


@dataclass(slots=True)
class _Robots:
    """The last known robots.txt of one origin; no rules before it was read once."""

    rules: Protego | None = None
    again_at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class _AgainError(Exception):
    """A fault that may pass; carries what to raise when it does not."""

    def __init__(self, fault: SourceError) -> None:
        self.fault = fault
        super().__init__(str(fault))


# Addresses


class _Door:
    """Resolves once, checks every address, and sends to one that was checked: there is nothing to rebind."""

    def __init__(self, send: Send, resolve: Resolve, *, allow_loopback: bool) -> None:
        self._send = send
        self._resolve = resolve
        self._allow_loopback = allow_loopback

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The answer of the first address that takes the connection."""
        fault: httpx.TransportError = httpx.ConnectError("the name has no address")
        for address in await self._addresses(request.url):
            try:
                return await self._send(request, str(address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as failed:
                fault = failed
        raise fault

    async def _addresses(self, url: httpx.URL) -> list[_Address]:
        try:
            found = await self._resolve(url.host, url.port or (443 if url.scheme == "https" else 80))
            addresses = [ipaddress.ip_address(each) for each in dict.fromkeys(found)]
        except (OSError, ValueError) as unknown:  # UnicodeError of an overlong name is a ValueError
            raise httpx.ConnectError("the name has no address") from unknown
        for address in addresses:
            if not _is_outside(address) and not (self._allow_loopback and _is_loopback(address)):
                raise Unsafe(f"{_shown(url)} leads to {address}, which is not a public address")
        return addresses


async def _system_resolve(host: str, port: int) -> list[str]:
    """The addresses that the system knows; a number is its own, and takes no thread to look it up."""
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_CLOUDS = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))  # their metadata


def _is_loopback(address: _Address) -> bool:
    return address.is_loopback and (address.version == 4 or address == ipaddress.IPv6Address("::1"))


def _is_outside(address: _Address) -> bool:
    """Whether an address belongs to the public internet; one that wraps an IPv4 address is judged by that."""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if wrapped is not None:
            return _is_outside(wrapped)
    inside = address.is_multicast or address.is_reserved or address.is_link_local or not address.is_global
    return not inside and not any(address in cloud for cloud in _CLOUDS)


def _parsed(address: str) -> httpx.URL:
    """The address, or Unsafe; what is wrong with it is said without repeating it, for it may hold a password."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as invalid:
        raise Unsafe("the address is not a valid one") from invalid
    if url.scheme not in {"http", "https"}:
        raise Unsafe(f"the address begins with {_short(url.scheme, 20)!r}, not with http or https")
    if url.userinfo:
        raise Unsafe("the address holds a user name or password")
    if not re.fullmatch(rb"[\w.:-]+", url.raw_host):
        raise Unsafe("the address names no host that could be")
    return url


def _target(answer: _Answer) -> httpx.URL:
    """Where a redirect leads, if we follow it."""
    location = answer.headers.get("location")
    if not location:
        raise Unreadable(f"{_shown(answer.url)} answered {answer.status} without saying where to go")
    try:
        target = _parsed(str(answer.url.join(location)))
    except (Unsafe, httpx.InvalidURL) as refused:
        why = refused if isinstance(refused, Unsafe) else "the address is not a valid one"
        raise Unsafe(f"{_shown(answer.url)} redirects to where we do not follow: {why}") from refused
    if answer.url.scheme == "https" and target.scheme == "http":
        raise Unsafe(f"{_shown(answer.url)} redirects from https to http ({_shown(target)})")
    return target


_SECRET = re.compile(
    r"([?&](?:[\w.-]*(?:token|secret|passw(?:or)?d|signature|credential)|(?:[\w.-]*[_.-])?(?:api)?key|sig|auth)=)[^&#]*",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"^([^/?#]*//)[^/?#]*@")


def masked(address: str) -> str:
    """The address without what nobody should read in a log; one that holds no secret comes back as it is."""
    return _SECRET.sub(r"\1***", _USERINFO.sub(r"\1***@", address))


def _shown(url: httpx.URL) -> str:
    return _short(masked(str(url)))


def _short(text: str, longest: int = 200) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def user_agent(contact: str | None, version: str) -> str:
    """Who asks, and where to complain."""
    plain = "".join(letter for letter in contact or "" if " " <= letter <= "~").strip()
    return f"{PRODUCT}/{version} (+{plain})" if plain else f"{PRODUCT}/{version}"


# Answers


async def _body(response: httpx.Response, cap: int, *, cut: bool) -> bytes:
    """The decoded body, in memory bounded by `cap` whatever the compression; beyond it cut, or Unsafe."""
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
        raise httpx.RemoteProtocolError("the compressed body broke off")
    return bytes(body)


def _too_large(response: httpx.Response, cap: int) -> Unsafe:
    return Unsafe(f"{_shown(response.url)} is larger than the {cap / 2**20:.3g} MiB that we take")


def _inflater(response: httpx.Response) -> "zlib._Decompress | None":
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"gzip", "x-gzip"}:
        return zlib.decompressobj(16 + zlib.MAX_WBITS)
    if encoding in {"identity", ""}:
        return None
    raise Unreadable(f"{_shown(response.url)} came in an encoding that was not asked for ({_short(encoding, 20)!a})")


def _inflated(raw: bytes, inflater: "zlib._Decompress | None") -> Iterator[bytes]:
    """Inflate a piece at a time; httpx would inflate a whole chunk at once, a thousandfold if it is a bomb."""
    if inflater is None:
        yield raw
        return
    try:
        while raw:
            yield inflater.decompress(raw, 256 * 1024)
            raw = inflater.unconsumed_tail
    except zlib.error as broken:
        raise Unreadable("the body says that it is gzip, and is not") from broken
    if inflater.unused_data:
        raise Unreadable("something follows the end of the gzip body")


def _check_content(answer: _Answer, expect: Expect | None) -> None:
    """Raise Unreadable unless the first bytes are of what is expected."""
    if not answer.body:
        raise Unreadable(f"{_shown(answer.url)} answered with an empty body")
    if expect is None:
        return
    seen = Expect.seen_in(answer.body)
    if seen is not expect:
        came = seen or "something else"
        raise Unreadable(f"{_shown(answer.url)} is {came} where {expect} was expected")


def _trouble(fault: httpx.HTTPError) -> str:
    """What happened to the connection, in words."""
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"has no valid certificate ({cause.verify_message})"
        if isinstance(cause, socket.gaierror):
            return "has a name without an address"
        cause = cause.__cause__ or cause.__context__
    match fault:
        case httpx.ConnectTimeout():
            return "took no connection in time"
        case httpx.TimeoutException():
            return "fell silent"
        case httpx.ConnectError():
            return "could not be connected to"
        case _:
            return "broke the connection off"


def _retry_after(value: str, now: datetime) -> float | None:
    """Seconds, from seconds or from a date."""
    if value.strip().isdecimal():
        return min(float(value), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_PAUSE)


_PARAMETER = re.compile(r';\s*([\w-]+\*?)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)')
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE)


def _file_name(answer: _Answer) -> str:
    """The name from Content-Disposition (RFC 6266), else from the address; never a path."""
    given = {
        key.lower(): value.strip() for key, value in _PARAMETER.findall(answer.headers.get("content-disposition", ""))
    }
    extended = _EXTENDED.fullmatch(given.get("filename*", ""))
    from_path = unquote(answer.url.raw_path.decode("ascii").partition("?")[0].rpartition("/")[2])
    candidates = (
        unquote(extended[2], extended[1]) if extended else "",
        re.sub(r'\\(["\\])', r"\1", given.get("filename", "").strip('"')),
        from_path,
    )
    return next(filter(None, map(_plain_name, candidates)), answer.url.host)


def _plain_name(name: str) -> str:
    """The last part of a path without control characters, and of a sane length with its suffix kept."""
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(letter for letter in last if letter.isprintable()).strip(" .")
    stem, dot, suffix = clean.rpartition(".")
    if len(clean) > 150 and dot and len(suffix) <= 10:
        return f"{stem[: 149 - len(suffix)]}.{suffix}"
    return clean[:150]


_AGENT_LINE = re.compile(r"^[ \t]*user[- ]?agent[ \t]*:?[ \t]*([^#]*)", re.IGNORECASE)


def _robots_text(body: bytes) -> str:
    """The text of a robots.txt in which everybody else has one name.

    Protego copies each rule to each agent of its group: 250 KiB of agents before 250 KiB of rules are 300 million
    copies.
    """
    if len(body) >= ROBOTS_BYTES:
        body = body[: body.rfind(b"\n") + 1]  # half a rule may forbid more than the whole one
    lines = body.decode("utf-8", errors="replace").removeprefix("\ufeff").splitlines()
    return "\n".join(_AGENT_LINE.sub(_agent_line, line) for line in lines)


def _agent_line(line: re.Match[str]) -> str:
    name = line[1].strip().lower()
    known = name if name == "*" else PRODUCT if PRODUCT.lower() in name else "somebody-else"
    return f"User-agent: {known}"
