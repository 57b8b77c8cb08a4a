"""Answer requests for pages, assets and evidence. Nothing here reads a cookie or remembers a reader."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
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
        app.router.add_route("*", "/{path:.*}", self._limited(self._page))

    def close(self) -> None:
        """End the thread that renders pages."""
        self._cache.close()

    def _limited(self, answer: Answer) -> Answer:
        async def limited(request: web.Request) -> web.StreamResponse:
            if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
                return await self._preflight(request)
            if request.method not in {"GET", "HEAD"}:
                return await self._refused(request)
            if not self._limit.admits(self._client(request), asyncio.get_running_loop().time()):
                headers = {"Retry-After": "10", "Cache-Control": "no-store"} | dict(SECURITY)
                return web.Response(status=HTTPStatus.TOO_MANY_REQUESTS, text="Too many requests.\n", headers=headers)
            return await answer(request)

        return limited

    async def _refused(self, request: web.Request) -> web.Response:
        """Refuse a method that no page has. Where there is no page, say so instead."""
        page = await self._cache.page(request.path, {})
        if page.rendered.status == HTTPStatus.NOT_FOUND:
            return web.Response(status=HTTPStatus.NOT_FOUND, text="There is nothing here.\n")
        headers = {"Allow": "GET, HEAD"}
        return web.Response(status=HTTPStatus.METHOD_NOT_ALLOWED, text="Pages are only read.\n", headers=headers)

    async def _preflight(self, request: web.Request) -> web.Response:
        """Allow a script of another site to ask for what it may read, with an ETag that it has."""
        found = page_at(located(request.path)[1])
        if found is None or not found[0].is_open:
            return await self._refused(request)
        allowed = {"Access-Control-Allow-Methods": "GET, HEAD", "Access-Control-Allow-Headers": "If-None-Match"}
        headers = dict(OPEN) | allowed | {"Access-Control-Max-Age": "86400"}
        return web.Response(status=HTTPStatus.NO_CONTENT, headers=headers)

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
                return web.Response(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": f'"{sha256}"'})
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
    found: dict[str, str] = {}
    for name, value in request.query.items():
        found.setdefault(name, value)
    return found


def _answered(request: web.Request, page: Kept) -> web.Response:
    """Return a page, compressed if the client accepts that, or 304 if the client has it already."""
    is_packed = page.packed is not None and _takes_gzip(request.headers.get("Accept-Encoding", ""))
    etag = f"{page.etag}-gz" if is_packed else page.etag
    headers = dict(page.rendered.headers) | {"ETag": f'"{etag}"', "Vary": "Accept-Encoding"}
    if page.rendered.status == HTTPStatus.OK and _has(request, etag):
        del headers["Content-Type"]
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(
        status=page.rendered.status, body=page.packed if is_packed else page.rendered.body, headers=headers
    )


def _takes_gzip(accepted: str) -> bool:
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() in {"gzip", "*"}:
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False


def _has(request: web.Request, etag: str) -> bool:
    return is_known(etag, request.headers.get("If-None-Match", ""))
