"""Keep the model and the rendered pages of the current version. Everything long runs in one thread, off the event loop.

The version is the last change, the last good reading, the held lists, staleness, the day, the name of the bot, the
copies at the Internet Archive and the scanned documents of local meetings. The store is asked for it at most once a
second. Requests for a page that isn't kept yet wait for one rendering of it.
"""

import asyncio
import gc
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import NamedTuple, TypeVar

import structlog

from bot.channels.protocols import BOT_NAMES
from bot.domain.agendas.scans import Scan
from bot.domain.change import Change, Known
from bot.domain.document import Document
from bot.domain.language import Language
from bot.domain.outage import Outage, last_reached, outage_of
from bot.domain.site.model import Freshness, Model, Site, freshness, local_day, site_of
from bot.domain.site.page import PNG
from bot.domain.site.pages import located, page_at
from bot.domain.source_status import ICE, SourceStatus, Trouble
from bot.errors import StoreError
from bot.pipeline.captures import captures
from bot.pipeline.scans import all_scans
from bot.store import Store
from bot.web.pages.rendering import Installation, Rendered, failed, render, robots, security_txt, sitemap

ASK_AGAIN = 1.0  # seconds until the store is asked for its version again
ASK_FOR_SCANS = 60.0  # seconds until it is asked for the scanned documents again, because there may be many
MOST_KEPT = 4_096  # pages; they average 4 KB compressed
MOST_BYTES = 48 * 2**20
SMALL = 512  # bytes; compressing less isn't worth it
OWN_FILES = frozenset({"/robots.txt", "/sitemap.xml", "/.well-known/security.txt"})
T = TypeVar("T")

log = structlog.get_logger()


class Version(NamedTuple):
    """The version of the pages: everything that their content depends on."""

    end: int
    fresh: Freshness
    day: date
    bot: str
    captures: Mapping[str, str]
    scans: Sequence[Scan] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """A page in one encoding: its bytes, its ETag and its headers. `unchanged` are the headers of a 304 response."""

    body: bytes
    etag: str
    headers: Mapping[str, str]
    unchanged: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """A rendered page as it is, and compressed if that is worth it. The headers are written once for all readers."""

    rendered: Rendered
    plain: Form
    small: Form | None

    @property
    def packed(self) -> bytes | None:
        """The compressed bytes, or None if compressing them isn't worth it."""
        return self.small.body if self.small is not None else None

    @property
    def size(self) -> int:
        """The number of bytes that the page takes."""
        return len(self.rendered.body) + len(self.packed or b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the pages come from: the store, the clock, how old a reading may be, and whether the lists are made up."""

    store: Store
    now: Callable[[], datetime]
    stale_after: timedelta
    is_demonstration: bool = False


async def snapshot(origin: Origin, scans: Sequence[Scan] = ()) -> tuple[Version, Known]:
    """Return the version of the pages and the known state, as the store has them now, with these scans."""
    store = origin.store
    end, known, status = await store.last_seq(), await store.known(), await store.source_status(ICE)
    now = origin.now()
    held, outage = bool(await store.held()), await _outage(status, store)
    fresh = freshness(known, status, held=held, now=now, stale_after=origin.stale_after, outage=outage)
    bot = (await store.notes(BOT_NAMES)).get("telegram", "")
    copies = {key: copy for key, copy in (await captures(store)).items() if copy.startswith("https://")}
    return Version(end, fresh, local_day(now), bot, copies, scans), known


async def unread_scans(origin: Origin) -> Sequence[Scan]:
    """Return the scanned documents of local meetings that weren't read."""
    return tuple(scan for scan in await all_scans(origin.store, origin.now()) if scan.is_unread)


async def _outage(status: SourceStatus, store: Store) -> Outage | None:
    """Return why ICE's list can't be read. Only a missing connection makes us look at the other sources."""
    others = await store.source_statuses() if status.trouble is Trouble.NO_CONNECTION else ()
    return outage_of(status, last_reached(others, ()))


def _model(version: Version, site: Site) -> Model:
    return Model(
        site=site,
        freshness=version.fresh,
        day=version.day,
        bot=version.bot,
        captures=version.captures,
        scans=version.scans,
    )


async def model_now(origin: Origin) -> Model:
    """Build the model of the pages from the store, in a thread."""
    version, known = await snapshot(origin, await unread_scans(origin))
    changes = await origin.store.changes(upto=version.end)
    site = await asyncio.to_thread(site_of, changes, known)
    return _model(version, site)


class PageCache:
    """The pages of one process."""

    def __init__(self, origin: Origin, settings: Installation) -> None:
        self.settings = settings
        self._origin = origin
        self._thread = ThreadPoolExecutor(1, "pages")
        self._version: Version | None = None
        self._asked_at = -ASK_AGAIN
        self._scans: Sequence[Scan] = ()
        self._scans_at = -ASK_FOR_SCANS
        self._model, self._site, self._site_end = Model(), Site(), -1
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._missing: dict[Language, Kept] = {}
        self._bytes = 0
        self._rendering: dict[tuple[int, str], asyncio.Task[Kept]] = {}
        self._versions = 0  # so far; the last one is the current version
        self._turn = asyncio.Lock()

    async def model(self) -> Model:
        """Return the model of the current version. Raise StoreError if the store has never been readable."""
        await self._keep_up()
        return self._model

    async def page(self, path: str, query: Mapping[str, str]) -> Kept:
        """Return the page at a path. If it isn't kept, render it once for everyone who waits."""
        try:
            await self._keep_up()
        except StoreError as fault:
            log.warning("the pages can't be shown, because the store can't be read", problem=str(fault))
            return _kept(failed(located(path)[0], self.settings))
        asked = _fields(path, query) if query else {}
        key = "&".join((path, *(f"{name}={value}" for name, value in sorted(asked.items())))) if asked else path
        if (found := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return found
        at = (self._versions, key)
        task = self._rendering.get(at)
        if task is None:
            if (missing := self._missing_page(path)) is not None:
                return missing
            task = asyncio.create_task(self._rendered(at, partial(self._made, self._model, path, asked)))
            self._rendering[at] = task
            task.add_done_callback(lambda _: self._rendering.pop(at, None))
        return await asyncio.shield(task)

    async def evidence(self, sha256: str) -> Document | None:
        """Return a document from the store."""
        return await self._origin.store.evidence(sha256)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _made(self, model: Model, path: str, query: Mapping[str, str]) -> Kept:
        match path:
            case "/robots.txt":
                return _kept(robots(self.settings))
            case "/sitemap.xml":
                return _kept(sitemap(model, self.settings))
            case "/.well-known/security.txt" if (found := security_txt(model, self.settings)) is not None:
                return _kept(found)
        return _kept(render(model, path, query, self.settings))

    async def _rendered(self, at: tuple[int, str], work: Callable[[], Kept]) -> Kept:
        version, key = at
        try:
            found = await self._in_thread(work)
        except Exception:
            log.exception("a page couldn't be rendered", page=key.partition("&")[0][:200])
            return _kept(failed(located(key)[0], self.settings))
        if version == self._versions and found.rendered.status < 400:
            self._keep(key, found)
        elif version == self._versions and found.rendered.status == HTTPStatus.NOT_FOUND:
            self._missing[located(key)[0]] = found
        return found

    def _missing_page(self, path: str) -> Kept | None:
        """Return the page for a path that no page has. It's the same for all of them, so it's rendered once."""
        language, bare = located(path)
        if bare in OWN_FILES or any(page_at(each) is not None for each in (bare, bare.rstrip("/"))):
            return None
        return self._missing.get(language)

    def _keep(self, key: str, page: Kept) -> None:
        self._kept[key] = page
        self._bytes += page.size
        while len(self._kept) > MOST_KEPT or self._bytes > MOST_BYTES:
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.size

    async def _keep_up(self) -> None:
        """Ask the store for its version. If it is new, build its model and drop the pages of the last one.

        The first request waits. Until the new model is built, all others gets the pages of the last version.
        """
        clock = asyncio.get_running_loop().time
        if clock() - self._asked_at < ASK_AGAIN or (self._turn.locked() and self._version is not None):
            return
        async with self._turn:
            if clock() - self._asked_at < ASK_AGAIN:
                return
            try:
                await self._follow()
            except StoreError:
                if self._version is None:
                    raise
                log.warning("the store can't be read, so the pages still show the last version", summarize=True)
            self._asked_at = clock()

    async def _follow(self) -> None:
        clock = asyncio.get_running_loop().time
        if clock() - self._scans_at >= ASK_FOR_SCANS:
            self._scans, self._scans_at = await unread_scans(self._origin), clock()
        version, known = await snapshot(self._origin, self._scans)
        if version == self._version:
            return
        if version.end != self._site_end or version.fresh.shown != self._model.freshness.shown:
            changes = await self._origin.store.changes(upto=version.end)
            site = await self._in_thread(lambda: _built(changes, known))
            self._site = replace(site, is_demonstration=self._origin.is_demonstration)
            self._site_end = version.end
        self._model = _model(version, self._site)
        self._version, self._versions = version, self._versions + 1
        self._kept.clear()
        self._missing.clear()
        self._bytes = 0

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _fields(path: str, query: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a page's form. Other values don't make another page."""
    found = page_at(located(path)[1])
    return {name: query[name][:100] for name in (found[0].fields if found else ()) if query.get(name)}


def _built(changes: Sequence[Change], known: Known) -> Site:
    """Build the site without garbage collections, because the event loop stops during each of them.

    The many new objects would set off several, and there is no garbage among them.
    """
    gc.disable()
    try:
        return site_of(changes, known)
    finally:
        gc.enable()


def _kept(rendered: Rendered) -> Kept:
    is_packed_already = rendered.headers.get("Content-Type") in {PNG, "application/zip"}
    is_large = len(rendered.body) > SMALL and not is_packed_already
    etag = hashlib.sha256(rendered.body).hexdigest()[:24]
    small = _form(rendered, gzip.compress(rendered.body, 6, mtime=0), f"{etag}-gz") if is_large else None
    return Kept(rendered, _form(rendered, rendered.body, etag), small)


def _form(rendered: Rendered, body: bytes, etag: str) -> Form:
    headers = {**rendered.headers, "ETag": f'"{etag}"', "Vary": "Accept-Encoding"}
    unchanged = {name: value for name, value in headers.items() if name != "Content-Type"}
    packed = {} if body is rendered.body else {"Content-Encoding": "gzip"}
    return Form(body, etag, {**headers, **packed}, unchanged)
