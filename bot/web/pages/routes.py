"""Answer requests for pages, assets and evidence. Nothing here reads a cookie or remembers a reader."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import quote

import structlog
from aiohttp import web

from bot.domain.document import Document, Expect
from bot.domain.language import Language
from bot.domain.site.pages import located, page_at
from bot.errors import StoreError
from bot.web.etags import is_known
from bot.web.pages.cache import Kept, PageCache
from bot.web.pages.downloads import Crowded, Download, Downloads
from bot.web.pages.rendering import FOR_A_YEAR, OPEN, SECURITY, assets, failed

ALLOWED = "GET, HEAD, OPTIONS"
EVIDENCE = "/evidence/{sha256}"
SLICE = 64 * 1024  # bytes
SENT_WITHIN = 120.0  # seconds for one file
MOST_CLIENTS = 10_000  # whose requests are counted
BURST = 240  # requests that a client may make at once, before `per_minute` applies
PER_MINUTE = 600
TYPES: Mapping[Expect, tuple[str, str]] = {
    Expect.WORKBOOK: ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    Expect.PDF: ("application/pdf", "pdf"),
}
_IN_ADDRESS = "!#$%&'()*+,/:;=?@[]~"  # characters that an address in a header may have
UNTYPED = ("application/octet-stream", "bin")  # above all HTML and SVG, which a browser might run

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()


class RateLimit:
    """Counts each client's requests, in memory only. Each client has a bucket that fills again over time."""

    def __init__(self, per_minute: int = PER_MINUTE, burst: int = BURST) -> None:
        self._rate, self._burst = per_minute / 60, burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admits(self, client: str, now: float) -> bool:
        """Count a request. Return False if the client has made too many."""
        left, at = self._buckets.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - at) * self._rate)
        self._buckets[client] = (left - 1 if left >= 1 else left, now)
        while len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return left >= 1


class Pages:
    """The handlers of the public pages."""

    def __init__(self, cache: PageCache, limit: RateLimit | None = None, downloads: Downloads | None = None) -> None:
        self._cache = cache
        self._limit = limit or RateLimit()
        self._downloads = Downloads() if downloads is None else downloads
        self._client: Callable[[web.Request], str] = lambda request: request.remote or ""

    def add_to(self, app: web.Application, client: Callable[[web.Request], str]) -> None:
        """Add the routes. They must be the last ones, because the pages answer every path that is left."""
        self._client = client
        for asset in assets().values():
            app.router.add_route("*", asset.path, self._limited(self._asset))
        app.router.add_route("*", EVIDENCE, self._limited(self._evidence))
        app.router.add_route("*", r"/{path:[\s\S]*}", self._limited(self._page))  # a path may contain a line break

    def close(self) -> None:
        """End the thread that renders pages."""
        self._cache.close()

    def _limited(self, answer: Answer) -> Answer:
        async def limited(request: web.Request) -> web.StreamResponse:
            if not self._limit.admits(self._client(request), asyncio.get_running_loop().time()):
                later = {"Retry-After": "10", "Cache-Control": "no-store"}
                return _plainly(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.\n", later)
            if request.method in {"GET", "HEAD"}:
                return await answer(request)
            if not await self._is_there(request):
                return _plainly(HTTPStatus.NOT_FOUND, "There is nothing here.\n")
            return _options(request) if request.method == "OPTIONS" else _read_only()

        return limited

    async def _is_there(self, request: web.Request) -> bool:
        """Return whether anything can be read at the path of a request with another method."""
        if "sha256" in request.match_info:
            try:
                return request.match_info["sha256"] in (await self._cache.model()).site.evidence
            except StoreError:
                return False
        if any(asset.path == request.path for asset in assets().values()):
            return True
        return (await self._cache.page(request.path, {})).rendered.status != HTTPStatus.NOT_FOUND

    async def _page(self, request: web.Request) -> web.Response:
        return _answered(request, await self._cache.page(request.path, _query(request)))

    async def _asset(self, request: web.Request) -> web.Response:
        found = next(asset.rendered for asset in assets().values() if asset.path == request.path)
        return web.Response(body=found.body, headers=found.headers)

    async def _evidence(self, request: web.Request) -> web.StreamResponse:
        sha256 = request.match_info["sha256"]
        try:
            model = await self._cache.model()
            if sha256 not in model.site.evidence:
                return _answered(request, await self._cache.page("/evidence/", {}))
            if _has(request, sha256):
                headers = {**SECURITY, "ETag": f'"{sha256}"', "Cache-Control": FOR_A_YEAR}
                return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
            async with self._downloads.place(self._client(request), request.transport) as download:
                document = await self._cache.evidence(sha256)
                if document is None:
                    return _answered(request, await self._cache.page("/evidence/", {}))
                return await _sent(request, document, download, model.captures.get(sha256))
        except Crowded:
            headers = {"Retry-After": "10", "Cache-Control": "no-store"} | dict(SECURITY)
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return web.Response(status=status, text="Too many downloads at once. Try again soon.\n", headers=headers)
        except StoreError as fault:
            log.warning("evidence can't be read", problem=str(fault))
            sorry = failed(Language.ENGLISH, self._cache.settings)
            return web.Response(status=sorry.status, body=sorry.body, headers=sorry.headers)


def _plainly(status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=text, headers={**SECURITY, **(headers or {})})


def _read_only() -> web.Response:
    return _plainly(HTTPStatus.METHOD_NOT_ALLOWED, "Pages are only read.\n", {"Allow": ALLOWED})


def _options(request: web.Request) -> web.Response:
    """Return the methods of a page. A script of another site may ask for data, with an ETag that it has."""
    headers = {**SECURITY, "Allow": ALLOWED}
    if "Access-Control-Request-Method" in request.headers:
        found = page_at(located(request.path)[1])
        if found is None or not found[0].is_open:
            return _read_only()
        allowed = {"Access-Control-Allow-Methods": "GET, HEAD", "Access-Control-Allow-Headers": "If-None-Match"}
        headers |= {**OPEN, **allowed, "Access-Control-Max-Age": "86400"}
    return web.Response(status=HTTPStatus.NO_CONTENT, headers=headers)


async def _sent(request: web.Request, document: Document, download: Download, copy: str | None) -> web.StreamResponse:
    """Send a document as a file to keep. Its type is ours, never what the source called it.

    `copy` is the address of a copy at the Internet Archive, which a header names (RFC 7089).
    """
    seen = Expect.seen_in(document.body)
    content_type, ending = TYPES.get(seen, UNTYPED) if seen is not None else UNTYPED
    headers = dict(SECURITY) | {
        "Content-Type": content_type,
        "Content-Disposition": f'attachment; filename="{file_name(document, ending)}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": FOR_A_YEAR,
        "Content-Length": str(len(document.body)),
        "ETag": f'"{document.sha256}"',
    }
    if copy is not None:
        headers["Link"] = f'<{quote(copy, safe=_IN_ADDRESS)}>; rel="memento"'
    response = web.StreamResponse(headers=headers)
    try:
        async with asyncio.timeout(SENT_WITHIN):
            await response.prepare(request)
            if request.method == "GET":
                await _written(response, document.body, download)
            await response.write_eof()
    except (ConnectionError, TimeoutError):  # the reader went away, or took too long
        download.cut()
    return response


async def _written(response: web.StreamResponse, body: bytes, download: Download) -> None:
    for start in range(0, len(body), SLICE):
        await response.write(body[start : start + SLICE])
        download.sent = min(start + SLICE, len(body))


def file_name(document: Document, ending: str) -> str:
    """Return a name for a file that no system takes for a path, with the ending of its type."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", document.name.rpartition(".")[0] or document.name).strip(".-")[:80]
    return f"{stem or document.sha256[:12]}.{ending}"


def _query(request: web.Request) -> dict[str, str]:
    """Return the values of the query, the first of each name."""
    if not request.query_string:
        return {}
    found: dict[str, str] = {}
    for name, value in request.query.items():
        found.setdefault(name, value)
    return found


def _answered(request: web.Request, page: Kept) -> web.Response:
    """Return a page, compressed if the client accepts that, or 304 if the client has it already."""
    small = page.small
    form = small if small is not None and _takes_gzip(request.headers.get("Accept-Encoding", "")) else page.plain
    if page.rendered.status == HTTPStatus.OK and _has(request, form.etag):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=form.unchanged)
    return web.Response(status=page.rendered.status, body=form.body, headers=form.headers)


@lru_cache(maxsize=256)
def _takes_gzip(accepted: str) -> bool:
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() in {"gzip", "*"}:
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False


def _has(request: web.Request, etag: str) -> bool:
    return is_known(etag, request.headers.get("If-None-Match", ""))
