"""The parts of a digest that depend on the whole log.

They are computed once for all digests sent at the same time, and are updated as changes arrive.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import TypeVar

from bot.domain.agendas.link import AGENDA_KINDS, AgendaLog
from bot.domain.agendas.scans import Scan
from bot.domain.change import Change
from bot.domain.language import Language
from bot.domain.lists.totals import Standing, Totals, totals
from bot.domain.messages.chart import draw, view_of
from bot.domain.messages.figures import Figures
from bot.domain.messages.picture import Image
from bot.domain.messages.place_figures import Course, WatchedFigures, courses
from bot.domain.messages.span import PERIOD
from bot.domain.page_addresses import AddressBook, PageLinks
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Subscription
from bot.pipeline.rasterize import Rasterizer
from bot.pipeline.scans import all_scans
from bot.store import Store

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
STANDINGS_KEPT = 8  # now, a day ago and a week ago, for digests that end with different changes
PICTURES_KEPT = 24  # one for each view and language
COURSES_KEPT = 100  # one for each group of places that someone watches
SCANS_KEPT = timedelta(minutes=1)  # less than the time in which they settle
TOTALS_KEPT = 500  # one for each group of places that someone watches


class Standings:
    """The standings of ICE's list, and the totals, pictures and links made from the log.

    `base` is the public address of the pages, or empty if there is none. Long work runs in a thread, one piece at a
    time, so that the event loop never waits for it.
    """

    def __init__(self, store: Store, base: str = "") -> None:
        self._store, self._base = store, base
        self._turn, self._urgent_turn = asyncio.Lock(), asyncio.Lock()
        self._lock = Lock()
        self._changes: list[Change] = []
        self._recorded_by: list[datetime] = []  # for each change, the latest time of any change so far
        self._mentions: list[Change] = []
        self._addresses = AddressBook()
        self._standings: dict[int, Standing] = {}
        self._courses: dict[Hashable, Mapping[str, Course]] = {}
        self._totals: dict[Hashable, Totals | None] = {}
        self._images: dict[Hashable, Image] = {}
        self._scans: Sequence[Scan] = ()
        self._scans_at: datetime | None = None
        self._rasterizer = Rasterizer()

    async def totals(self, to: Subscription) -> Totals | None:
        """Return the totals for what a subscription watches, up to and including the last change in its digest.

        Return None if the list hadn't been read by then.
        """
        assert to.pinned is not None
        await self._read_on(to.pinned)
        earlier = self._earlier(to)
        key = (to.pinned, earlier, *map(frozenset, _places(to.filter)))
        return await self._kept(self._totals, key, TOTALS_KEPT, partial(self._count, to.pinned, earlier, to.filter))

    async def standing(self, to: Subscription) -> Standing:
        """Return the standing after the last change in a subscription's digest. Alerts don't wait for digests."""
        assert to.pinned is not None
        await self._read_on(to.pinned)
        urgent = to.cadence is Cadence.INSTANT
        return await self._stood(to.pinned, urgent=urgent)

    async def earlier(self, to: Subscription) -> Standing | None:
        """Return the standing that a scheduled digest compares with, or None if the list hadn't been read by then."""
        found = await self._stood(self._earlier(to))
        return found if found.since else None

    def _earlier(self, to: Subscription) -> int:
        """Return the number of the last change before the time that a scheduled digest compares with."""
        assert to.pinned is not None
        assert to.pinned_at is not None
        return min(bisect_right(self._recorded_by, to.pinned_at - PERIOD[to.cadence]), to.pinned)

    async def _stood(self, seq: int, *, urgent: bool = False) -> Standing:
        if (known := self._standings.get(seq)) is not None:
            return known
        return await self.in_thread(partial(self._standing, seq), urgent=urgent)

    async def picture(self, to: Subscription) -> Image | None:
        """Return the picture for a subscription's digest, or None if there is nothing to draw yet.

        Digests whose pictures show the same figures share one image, whatever their filters and time zones.
        """
        assert to.pinned is not None
        await self._read_on(to.pinned)
        course = await self._course(to.pinned, to.filter)
        shown = await self.in_thread(partial(self._view, to, course))
        if shown is None:
            return None
        return await self._kept(
            self._images, (shown, to.language), PICTURES_KEPT, partial(self._drawn, shown, to.language)
        )

    async def _course(self, upto: int, watched: Filter) -> Mapping[str, Course]:
        """Return the courses of the states shown. Those of all states together are counted once for each `upto`."""
        part = None if watched.is_of_states else watched
        key = (upto, *(map(frozenset, _places(part)) if part else ()))
        return await self._kept(self._courses, key, COURSES_KEPT, lambda: courses(self._changes[:upto], part))

    async def mentions(self, upto: int, since: datetime, states: frozenset[str]) -> AgendaLog:
        """Return the agenda mentions from these states that were recorded at or after `since`.

        Changes after number `upto` are left out.
        """
        await self._read_on(upto)
        return AgendaLog(
            tuple(
                change
                for change in self._mentions
                if change.seq <= upto
                and change.recorded_at is not None
                and change.recorded_at >= since
                and not change.states.isdisjoint(states)
            )
        )

    async def meetings(self, upto: int) -> Sequence[Change]:
        """Return the latest editions of all agenda mentions, up to and including change number `upto`."""
        await self._read_on(upto)
        return AgendaLog(tuple(change for change in self._mentions if change.seq <= upto)).last_editions()

    async def scans(self, to: Subscription) -> Sequence[Scan]:
        """Return the scanned documents of local meetings. The store is asked for them once a minute at most."""
        assert to.pinned_at is not None
        if self._scans_at is None or abs(to.pinned_at - self._scans_at) > SCANS_KEPT:
            self._scans, self._scans_at = await all_scans(self._store, to.pinned_at), to.pinned_at
        return self._scans

    async def links(self, upto: int, language: Language) -> PageLinks | None:
        """Return the links to the pages of all agencies in the log, up to a change. Return None without an address."""
        if not self._base:
            return None
        await self._read_on(upto)
        return PageLinks(base=self._base, slugs=self._addresses.by_spelling, language=language)

    async def in_thread(self, work: Callable[[], T], *, urgent: bool = False) -> T:
        """Run long work in a thread, after any work that is already waiting.

        Urgent work waits only for other urgent work.
        """
        async with self._urgent_turn if urgent else self._turn:
            return await asyncio.to_thread(work)

    async def _read_on(self, upto: int) -> None:
        """Read any changes in the log, up to and including `upto`, that haven't been read yet."""
        if upto <= len(self._changes):
            return
        for change in await self._store.changes(after=len(self._changes), upto=upto):
            if change.seq > len(self._changes):  # another coroutine may already have read it
                self._append(change)

    def _append(self, change: Change) -> None:
        assert change.recorded_at is not None
        latest = self._recorded_by[-1] if self._recorded_by else change.recorded_at
        self._changes.append(change)
        if self._base:
            self._addresses.follow(change)
        self._recorded_by.append(max(latest, change.recorded_at))
        if change.mention is not None and change.kind in AGENDA_KINDS:
            self._mentions.append(change)

    async def _kept(self, kept: dict[K, T], key: K, most: int, work: Callable[[], T]) -> T:
        """Return the cached value for a key. If there is none, compute it in a thread."""
        if key not in kept:
            async with self._turn:
                if key not in kept:
                    found = await asyncio.to_thread(work)
                    _make_room(kept, most)
                    kept[key] = found
        return kept[key]

    # ── in a thread ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _count(self, upto: int, earlier: int, watched: Filter) -> Totals | None:
        now, then = self._standing(upto), self._standing(earlier)
        if now.since is None:
            return None
        states = None if ALL_STATES in watched.index_states else watched.index_states
        is_plain = watched.is_of_states or watched.is_whole_list
        return totals(now, then if then.since else None, states, None if is_plain else watched.has)

    def _drawn(self, shown: Figures | WatchedFigures, language: Language) -> Image:
        return self._rasterizer.image_of(draw(shown, language))

    def _view(self, to: Subscription, course: Mapping[str, Course]) -> Figures | WatchedFigures | None:
        assert to.pinned is not None
        return view_of(to, self._standing(to.pinned), course, self._changes[to.cursor : to.pinned])

    def _standing(self, seq: int) -> Standing:
        """Return the standing after a change, computed from the nearest earlier standing in the cache.

        The lock is needed because an alert's thread and a digest's thread may run at the same time.
        """
        with self._lock:
            if (known := self._standings.get(seq)) is not None:
                return known
            base = max((kept for kept in self._standings if kept < seq), default=0)
            found = self._standings.get(base, Standing()).after(self._changes[base:seq])
            _make_room(self._standings, STANDINGS_KEPT)
            self._standings[seq] = found
            return found


def _places(watched: Filter) -> Iterable[Iterable[str]]:
    return watched.states, watched.counties, watched.agencies, watched.agency_types, watched.support_types


def _make_room(kept: dict[K, T], most: int) -> None:
    while len(kept) >= most:
        del kept[next(iter(kept))]
