"""The model of the whole site: what the change log and the known state say, in the shape that pages need."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cached_property

from bot.domain.agenda import Mention
from bot.domain.agendas.scans import Scan
from bot.domain.agreement import Agreement, Key, ListName, Publication, SupportType
from bot.domain.change import LEAVING, Change, Kind, Known
from bot.domain.geography.counties import County
from bot.domain.geography.fold import county_of
from bot.domain.geography.states import STATES
from bot.domain.outage import Outage
from bot.domain.page_addresses import county_slug
from bot.domain.site.agencies import Agencies, Agency, AgencyBook
from bot.domain.source_status import MOVED_TO, SourceStatus
from bot.domain.time_zones import zone_or_utc
from bot.domain.timestamps import stamp
from bot.domain.way import Way

ZONE = "America/New_York"  # ICE's headquarters; the pages say all times in it
TOLD = (Kind.WITHDRAWN, Kind.REINSTATED, Kind.SIGNED)  # in the order of a day's lines
STATE_AGENCY = "State Agency"

Point = tuple[date, Mapping[SupportType, int]]
Locate = Callable[[Agreement], County | None]


class Standing(Enum):
    """How current and reliable the list on the pages is."""

    NEW = "no list has been read yet"
    FRESH = "read as planned"
    STALE = "not read for hours"
    HELD = "a newer list is being checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """When ICE's list was last read, and the list that the pages show. `read_at` is UTC.

    `way` is how the last reading arrived. `outage` is why ICE's list can't be read, if the pages show an old list or
    none. `page` is the address of ICE's page if ICE has moved it, or empty.
    """

    standing: Standing = Standing.NEW
    read_at: datetime | None = None
    shown: Publication | None = None
    way: Way = Way.DIRECT
    outage: Outage | None = None
    page: str = ""


def freshness(
    known: Known, status: SourceStatus, *, held: bool, now: datetime, stale_after: timedelta, outage: Outage | None
) -> Freshness:
    """Return the freshness of the pages. Without a time of reading, use the time when the list was fetched."""
    shown = known.seen.get(ListName.PARTICIPATING)
    page = str(status.facts.get(MOVED_TO, ""))
    if shown is None:
        standing = Standing.HELD if held else Standing.NEW
        return Freshness(standing=standing, outage=None if held else outage, page=page)
    read_at = max(filter(None, (status.read_at, shown.observed_at)))
    is_stale = now - read_at > stale_after
    return Freshness(
        standing=Standing.HELD if held else Standing.STALE if is_stale else Standing.FRESH,
        read_at=read_at,
        shown=shown,
        way=max(status.heard, key=lambda way: status.heard[way]) if status.heard else shown.way,
        outage=outage if is_stale and not held else None,
        page=page,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One agency on one day: the changes of one kind to its agreements."""

    agency: Agency
    kind: Kind
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The agencies that joined or left ICE's list on one day, departures first."""

    day: date
    lines: tuple[Line, ...]

    def count(self, *kinds: Kind) -> int:
        """Return the number of agreements with a change of these kinds."""
        return sum(len(line.changes) for line in self.lines if line.kind in kinds)

    def within(self, state: str) -> "Day":
        """Return only what happened in one state."""
        return Day(day=self.day, lines=tuple(line for line in self.lines if line.agency.state == state))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A county with its agencies: those on the list, those that left, and others."""

    county: County
    slug: str
    agencies: tuple[Agency, ...] = ()

    @property
    def listed(self) -> tuple[Agency, ...]:
        """The agencies on the list now."""
        return tuple(agency for agency in self.agencies if agency.rows)


@dataclass(frozen=True, kw_only=True)  # no slots, so that what is derived can be cached
class Site:
    """Everything that pages show and that follows from the log. `courses` has the whole list under "".

    In a demonstration, the lists are made up, so the pages say so and show none of ICE's own counts.
    """

    changes: tuple[Change, ...] = ()
    agencies: Agencies = field(default_factory=Agencies)
    days: tuple[Day, ...] = ()
    courses: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    unplaced: Mapping[str, int] = field(default_factory=dict)
    statewide: Mapping[str, int] = field(default_factory=dict)
    meetings: tuple[Change, ...] = ()
    retractions: Mapping[int, Change] = field(default_factory=dict)
    publications: tuple[Publication, ...] = ()
    is_demonstration: bool = False

    @cached_property
    def listed(self) -> tuple[Agency, ...]:
        """The agencies on the participating list, by state and name."""
        return tuple(agency for agency in self.agencies.by_slug.values() if agency.rows)

    @cached_property
    def by_state(self) -> Mapping[str, tuple[Agency, ...]]:
        """The agencies on the participating list, by state."""
        found: dict[str, list[Agency]] = defaultdict(list)
        for agency in self.listed:
            found[agency.state].append(agency)
        return {state: tuple(agencies) for state, agencies in found.items()}

    @cached_property
    def place_of(self) -> Mapping[str, Place]:
        """The county of each agency that has one, by the agency's address."""
        return {agency.slug: place for place in self.places.values() for agency in place.agencies}

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """The number of agreements in each state, from most to fewest and then by name."""
        rows = {state: sum(len(agency.rows) for agency in here) for state, here in self.by_state.items()}
        return dict(sorted(rows.items(), key=lambda item: (-item[1], STATES.get(item[0], item[0]))))

    @cached_property
    def by_fips(self) -> Mapping[str, int]:
        """The number of agreements with agencies of each county, without state agencies."""
        return {place.county.fips: n for place in self.places.values() if (n := sum(len(a.rows) for a in place.listed))}

    @cached_property
    def evidence(self) -> frozenset[str]:
        """The hashes of all documents behind a change or a list."""
        named = {c.publication.evidence for c in self.changes} | {c.before.evidence for c in self.changes if c.before}
        named |= {c.mention.evidence for c in self.changes if c.mention is not None}
        return frozenset(filter(None, named | {publication.evidence for publication in self.publications}))

    @cached_property
    def mentions(self) -> tuple[Change, ...]:
        """All mentions on local agendas, with their earlier editions, in log order."""
        return tuple(change for change in self.changes if change.mention is not None)

    @cached_property
    def first_seen(self) -> Mapping[Key, str]:
        """When the first list with each agreement was fetched, UTC. A new spelling doesn't make a new agreement."""
        found: dict[Key, str] = {}
        for change in self.changes:
            if change.is_of_lists and change.list is ListName.PARTICIPATING:
                first = found.get(change.was.key) if change.was is not None else None
                found.setdefault(change.agreement.key, first or stamp(change.publication.observed_at))
        return found

    def types(self, state: str | None = None) -> Mapping[SupportType, int]:
        """Count the agreements by support type, on the whole list or in one state, from most to fewest."""
        agencies = self.listed if state is None else self.by_state.get(state, ())
        counted = Counter(row.agreement.support_type for agency in agencies for row in agency.rows)
        return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The site at one version: the log, the freshness and the day, from which every page follows.

    `bot` is the name of the bot on Telegram, or empty if no program of this installation listens there. `captures` are
    the addresses of copies at the Internet Archive, by the SHA-256 of the document or the address of the page. `scans`
    are the documents of local meetings that are scans and weren't read.
    """

    site: Site = field(default_factory=Site)
    freshness: Freshness = field(default_factory=Freshness)
    day: date = date.min
    bot: str = ""
    captures: Mapping[str, str] = field(default_factory=dict)
    scans: Sequence[Scan] = ()

    @property
    def as_of(self) -> date:
        """The last day for which the pages know the list: today, unless the list is old or a newer one is held."""
        fresh = self.freshness
        if fresh.standing is Standing.STALE and fresh.read_at is not None:
            return min(self.day, local_day(fresh.read_at))
        if fresh.standing is Standing.HELD and fresh.shown is not None:
            return min(self.day, local_day(fresh.shown.observed_at))
        return self.day


def local_day(moment: datetime) -> date:
    """Return the date of a UTC time in ICE's time zone."""
    return moment.astimezone(zone_or_utc(ZONE)).date()


def listed_county(agreement: Agreement) -> County | None:
    """Return the county of a local agency. A state agency has none, because it works statewide."""
    if agreement.agency_type == STATE_AGENCY:
        return None
    return county_of(agreement.state, agreement.county, agreement.agency)


def site_of(changes: Sequence[Change], known: Known, locate: Locate = listed_county) -> Site:
    """Walk the log once and return the site. `known` adds the row numbers and the last lists."""
    book, course, mentions = AgencyBook(), _Course(), list[Change]()
    retractions = {c.retracts: c for c in changes if c.retracts is not None}
    for change in changes:
        if change.mention is not None:
            mentions.append(change)
            continue
        book.follow(change)
        if change.is_of_lists and change.list is ListName.PARTICIPATING:
            course.follow(change)
    now = Known().after(changes)
    agencies = book.close(replace(now, rows=known.rows))
    places, unplaced = _places(agencies, locate)
    state_rows = (a for a in agencies.by_slug.values() for row in a.rows if row.agreement.agency_type == STATE_AGENCY)
    return Site(
        changes=tuple(changes),
        agencies=agencies,
        days=_days(changes, agencies, retractions),
        courses={state: tuple(points.items()) for state, points in course.points.items()},
        places=places,
        unplaced=unplaced,
        statewide=Counter(agency.state for agency in state_rows),
        meetings=_latest(mentions, retractions),
        retractions=retractions,
        publications=tuple(known.seen[name] for name in ListName if name in known.seen),
    )


class _Course:
    """Counts the agreements by type after each day on which the list changed, nationally and in each state."""

    def __init__(self) -> None:
        self.points: dict[str, dict[date, Mapping[SupportType, int]]] = defaultdict(dict)
        self._on_list: dict[Key, Agreement] = {}
        self._counts: dict[str, Counter[SupportType]] = defaultdict(Counter)

    def follow(self, change: Change) -> None:
        """Enter one change to the participating list."""
        moved = [self._on_list.pop(change.was.key, None)] if change.was is not None else []
        moved.append(self._on_list.pop(change.agreement.key, None))
        for gone in filter(None, moved):
            self._count(gone, -1)
        if change.kind not in LEAVING:
            self._on_list[change.agreement.key] = change.agreement
            self._count(change.agreement, 1)
        day = local_day(change.publication.observed_at)
        for state in ("", *change.states):
            self.points[state][day] = dict(self._counts[state])

    def _count(self, agreement: Agreement, step: int) -> None:
        for state in ("", agreement.state):
            self._counts[state][agreement.support_type] += step


def _days(changes: Iterable[Change], agencies: Agencies, retractions: Mapping[int, Change]) -> tuple[Day, ...]:
    """Return the days on which agencies joined or left the list, newest first. What was retracted is left out."""
    found: dict[date, dict[tuple[int, str], list[Change]]] = defaultdict(lambda: defaultdict(list))
    for change in changes:
        if change.kind not in TOLD or change.list is not ListName.PARTICIPATING or change.seq in retractions:
            continue
        slug = agencies.slug_of(change.agreement)
        assert slug is not None
        found[local_day(change.publication.observed_at)][TOLD.index(change.kind), slug].append(change)
    return tuple(
        Day(
            day=day,
            lines=tuple(
                Line(agency=agencies.by_slug[slug], kind=TOLD[order], changes=tuple(together))
                for (order, slug), together in sorted(found[day].items())
            ),
        )
        for day in sorted(found, reverse=True)
    )


def _places(agencies: Agencies, locate: Locate) -> tuple[dict[str, Place], dict[str, int]]:
    """Return the counties with agencies by address, and the number of local agreements in each state without one."""
    found: dict[str, list[Agency]] = defaultdict(list)
    counties: dict[str, County] = {}
    unplaced: Counter[str] = Counter()
    for agency in agencies.by_slug.values():
        county = locate(agency.last)
        if county is not None:
            slug = county_slug(county)
            counties[slug] = county
            found[slug].append(agency)
        elif agency.last.agency_type != STATE_AGENCY:
            unplaced[agency.state] += len(agency.rows)
    places = {slug: Place(county=counties[slug], slug=slug, agencies=tuple(found[slug])) for slug in sorted(found)}
    return places, +unplaced


def _latest(mentions: Iterable[Change], retractions: Mapping[int, Change]) -> tuple[Change, ...]:
    """Return the latest edition of each agenda item, in the order of the meetings."""
    last: dict[tuple[str, str], Change] = {}
    for change in mentions:
        mention = change.mention
        assert mention is not None
        if change.seq in retractions:
            continue
        if mention.before is not None:
            last.pop(mention.before.key, None)
        last[mention.key] = change
    return tuple(sorted(last.values(), key=lambda c: (_met(c.mention), c.seq)))


def _met(mention: Mention | None) -> date:
    return (mention.meets_on if mention is not None else None) or date.max
