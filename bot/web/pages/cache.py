"""Keep the model and the rendered pages of the current version. Everything long runs in one thread, off the event loop.

The version is the last change, the last good reading, the held lists, staleness, the day and the name of the bot. The
store is asked for it at most once a second. Requests for a page that isn't kept yet wait for one rendering of it.
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
from typing import NamedTuple, TypeVar

import structlog

from bot.channels.protocols import BOT_NAMES
from bot.domain.change import Change, Known
from bot.domain.document import Document
from bot.domain.site.model import Freshness, Model, Site, freshness, local_day, site_of
from bot.domain.site.page import PNG
from bot.domain.site.pages import located, page_at
from bot.domain.source_status import ICE
from bot.errors import StoreError
from bot.store import Store
from bot.web.pages.rendering import Installation, Rendered, failed, render, robots, security_txt, sitemap

ASK_AGAIN = 1.0  # seconds until the store is asked for its version again
MOST_KEPT = 4_096  # pages; they average 4 KB compressed
MOST_BYTES = 48 * 2**20
SMALL = 512  # bytes; compressing less isn't worth it
T = TypeVar("T")

log = structlog.get_logger()


class Version(NamedTuple):
    """The version of the pages: everything that their content depends on."""

    end: int
    fresh: Freshness
    day: date
    bot: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A rendered page with its compressed bytes and its ETag."""

    rendered: Rendered
    packed: bytes | None
    etag: str

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


async def snapshot(origin: Origin) -> tuple[Version, Known]:
    """Return the version of the pages and the known state, as the store has them now."""
    store = origin.store
    end, known, status = await store.last_seq(), await store.known(), await store.source_status(ICE)
    now = origin.now()
    fresh = freshness(known, status.read_at, held=bool(await store.held()), now=now, stale_after=origin.stale_after)
    bot = (await store.notes(BOT_NAMES)).get("telegram", "")
    return Version(end, fresh, local_day(now), bot), known


async def model_now(origin: Origin) -> Model:
    """Build the model of the pages from the store, in a thread."""
    version, known = await snapshot(origin)
    changes = await origin.store.changes(upto=version.end)
    site = await asyncio.to_thread(site_of, changes, known)
    return Model(site=site, freshness=version.fresh, day=version.day, bot=version.bot)


class PageCache:
    """The pages of one process."""

    def __init__(self, origin: Origin, settings: Installation) -> None:
        self.settings = settings
        self._origin = origin
        self._thread = ThreadPoolExecutor(1, "pages")
        self._version: Version | None = None
        self._asked_at = -ASK_AGAIN
        self._model, self._site, self._site_end = Model(), Site(), -1
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0
        self._rendering: dict[tuple[Version | None, str], asyncio.Task[Kept]] = {}
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
        asked = _fields(path, query)
        key = "&".join((path, *(f"{name}={value}" for name, value in sorted(asked.items()))))
        if (found := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return found
        at = (self._version, key)
        task = self._rendering.get(at)
        if task is None:
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

    async def _rendered(self, at: tuple[Version | None, str], work: Callable[[], Kept]) -> Kept:
        version, key = at
        try:
            found = await self._in_thread(work)
        except Exception:
            log.exception("a page couldn't be rendered", page=key.partition("&")[0][:200])
            return _kept(failed(located(key)[0], self.settings))
        if version == self._version and found.rendered.status < 400:
            self._keep(key, found)
        return found

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
        version, known = await snapshot(self._origin)
        if version == self._version:
            return
        if version.end != self._site_end or version.fresh.shown != self._model.freshness.shown:
            changes = await self._origin.store.changes(upto=version.end)
            site = await self._in_thread(lambda: _built(changes, known))
            self._site = replace(site, is_demonstration=self._origin.is_demonstration)
            self._site_end = version.end
        self._model = Model(site=self._site, freshness=version.fresh, day=version.day, bot=version.bot)
        self._version = version
        self._kept.clear()
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
    packed = gzip.compress(rendered.body, 6, mtime=0) if is_large else None
    return Kept(rendered, packed, hashlib.sha256(rendered.body).hexdigest()[:24])
