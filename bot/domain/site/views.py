"""The views: what each page's template needs, as plain values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from bot.domain.agendas.scans import soonest_first
from bot.domain.agreement import SupportType
from bot.domain.change import Change, Kind
from bot.domain.geography.counties import main_counties
from bot.domain.geography.fold import exact_county
from bot.domain.geography.states import SPANISH_NAMES, STATES
from bot.domain.lists.totals import JANUARY_2025
from bot.domain.page_addresses import county_slug, path_in, plain
from bot.domain.pictures.county_map import nation_map, state_map
from bot.domain.pictures.course import course_by_type
from bot.domain.pictures.svg import Drawing
from bot.domain.pictures.tiles import state_tiles
from bot.domain.site.agencies import Agency
from bot.domain.site.history import course_of, first_read
from bot.domain.site.invitations import start_word, watched_words
from bot.domain.site.model import Day, Place, Site, local_day
from bot.domain.site.request import Body, Found, Redirect, Request

LATEST, A_DAY = 8, 5  # agencies among the latest changes, in all and for one day
PER_PAGE = 100  # changes
MOST_FOUND = 60  # agencies that a search shows
SOON = timedelta(days=30)


def home(request: Request) -> Found:
    """Show the whole list: the latest changes, the states, the course and the map."""
    site, language = request.model.site, request.language
    tiles = state_tiles(
        site.counts, language, link=lambda state: path_in(language, f"/states/{state}"), numbers=True
    )  # the tiles are links, so their role is a group
    return {
        "agreements": sum(len(agency.rows) for agency in site.listed),
        "january": None if site.is_demonstration else JANUARY_2025,
        "latest": _latest(site.days),
        "last": next(iter(site.days), None),
        "tiles": tiles.inline("tiles", role="group"),
        **_course("", request),
        "statewide": sum(site.statewide.values()),
        "unplaced": sum(site.unplaced.values()),
    }


def counties_map(request: Request) -> Found:
    """Draw the counties of the nation, as a picture of its own."""
    drawing = nation_map(request.model.site.by_fips, request.language)
    return Body(drawing.standalone(dark=True).encode())


def state(request: Request) -> Found:
    """Show one state. Other spellings of its name lead to its postal code."""
    code = _state_code(request.parts["state"])
    if code is None:
        return None
    if request.parts["state"] != code:
        return Redirect(f"/states/{code}")
    site, language = request.model.site, request.language
    listed = site.by_state.get(code, ())
    slugs = {place.county.fips: place.slug for place in site.places.values()}
    drawn = state_map(code, site.by_fips, language, link=lambda fips: path_in(language, f"/counties/{slugs[fips]}"))
    days = [day for each in site.days if (day := each.within(code)).lines]
    here = [agency for agency in site.agencies.by_slug.values() if agency.state == code]
    gone = sorted((a for a in here if a.left is not None), key=_left_at, reverse=True)
    return {
        "code": code,
        "agencies": _filtered(listed, request),
        "all": listed,
        "agreements": sum(len(agency.rows) for agency in listed),
        "types": site.types(code),
        "latest": _latest(days),
        "state_days": days,
        "last": next(iter(days), None),
        "gone": gone,
        "pending": [agency for agency in here if agency.pending],
        "map": drawn.inline("map", hidden=True) if drawn is not None else "",
        "places": [place for place in site.places.values() if place.county.state == code and place.listed],
        "counties": len(main_counties(code)),
        "statewide": site.statewide.get(code, 0),
        "unplaced": site.unplaced.get(code, 0),
        **_course(code, request),
        "meetings": _upcoming(site, request.model.day, code),
        "asked": {name: request.asked(name) for name in ("q", "type", "order")},
        "support_types": list(SupportType),
    }


def agency(request: Request) -> Found:
    """Show one agency. An address whose agreements all moved to another spelling leads there."""
    agencies, slug = request.model.site.agencies, request.parts["slug"]
    if slug in agencies.redirects:
        return Redirect(f"/agencies/{agencies.redirects[slug]}")
    found = agencies.by_slug.get(slug)
    if found is None:
        is_there = slug.lower() in agencies.by_slug or slug.lower() in agencies.redirects
        return Redirect(f"/agencies/{slug.lower()}") if is_there and slug != slug.lower() else None
    site = request.model.site
    place = site.place_of.get(found.slug)
    return {
        "agency": found,
        "place": place,
        "now_at": [agencies.by_slug[agencies.redirects.get(to, to)] for to in found.now_at],
        "meetings": [c for c in site.meetings if place is not None and is_in(c, place)],
    }


def county(request: Request) -> Found:
    """Show one county: every real county has a page, so that a link to it always answers yes or no."""
    slug, site = request.parts["slug"], request.model.site
    place = place_at(site, slug.lower())
    if place is None:
        return None
    if slug != slug.lower():
        return Redirect(f"/counties/{slug.lower()}")
    return {
        "place": place,
        "start": start_word(place.county),
        "watched": watched_words(place.county),
        "agreements": sum(len(agency.rows) for agency in place.listed),
        "gone": [agency for agency in place.agencies if agency.left is not None],
        "pending": [agency for agency in place.agencies if agency.pending],
        "meetings": [change for change in site.meetings if is_in(change, place)],
    }


def changes(request: Request) -> Found:
    """Show the change log, newest first, a page at a time, with filters.

    Without a kind, a page's address is a path, so that a static host has it too.
    """
    here, kind = request.parts.get("state", ""), request.asked("kind")
    if here not in {"", *STATES}:
        named = _state_code(here)
        return Redirect(f"/states/{named}/changes") if named is not None else None
    code = here or _state_code(request.asked("state")) or ""
    before = request.parts.get("seq") or request.asked("before")
    end = int(before) if before.isascii() and before.isdigit() else None
    found = [change for change in matching(request.model.site, code, kind) if end is None or change.seq < end]
    shown = found[_start(len(found), end) :]
    return {
        "days": _by_day(reversed(shown)),
        "next": shown[0].seq if len(shown) < len(found) else None,
        "stem": f"/states/{code}/changes" if code else "/changes",
        "place": here,
        "is_older": "seq" in request.parts,
        "asked": {"state": code, "kind": kind},
        "kinds": [each for each in Kind if each is not Kind.LISTED],
    }


def matching(site: Site, code: str, kind: str = "") -> list[Change]:
    """Return the changes of a state and a kind, oldest first. Without a kind, leave out what was there at first."""
    return [
        change
        for change in site.changes
        if (change.kind.value == kind if kind else change.kind is not Kind.LISTED)
        and (not code or code in change.states)
    ]


def _start(count: int, end: int | None) -> int:
    """Return the first of the changes on a page, of which there are `count` so far.

    The newest page has up to 199, so that an older one begins and ends at the same changes forever.
    """
    return max(0, count - PER_PAGE) if end is not None else max(0, (count // PER_PAGE - 1) * PER_PAGE)


def older_pages(site: Site, code: str) -> Iterator[int]:
    """Yield the numbers of the changes at which the older pages end, newest first."""
    found = matching(site, code)
    for start in range(_start(len(found), None), 0, -PER_PAGE):
        yield found[start].seq


def change(request: Request) -> Found:
    """Show one change with all its evidence."""
    seq, log = request.parts["seq"], request.model.site.changes
    if not 0 < int(seq) <= len(log):
        return None
    found = log[int(seq) - 1]
    if seq != str(found.seq):
        return Redirect(f"/changes/{found.seq}")
    slug = None if found.mention is not None else request.model.site.agencies.slug_of(found.agreement)
    retracted = log[found.retracts - 1] if found.retracts is not None else None
    return {"change": found, "slug": slug, "correction": request.model.site.retractions.get(found.seq), "of": retracted}


def meetings(request: Request) -> Found:
    """Show the agenda items that mention 287(g): upcoming meetings, then past ones, newest first."""
    upcoming = _upcoming(request.model.site, request.model.day)
    ids = {change.seq for change in upcoming}
    past = [c for c in reversed(request.model.site.meetings) if c.seq not in ids and not c.is_related]
    day = request.model.day
    scans = soonest_first(scan for scan in request.model.scans if scan.meets_on is None or scan.meets_on >= day)
    return {"upcoming": upcoming, "past": past[:PER_PAGE], "scans": scans[:PER_PAGE]}


def search(request: Request) -> Found:
    """Find a state, a county or an agency. A query that matches exactly one state or county leads there."""
    asked, site = request.asked("q"), request.model.site
    if code := _state_code(asked):
        return Redirect(f"/states/{code}", is_permanent=False)
    named = _counties_named(asked)
    if len(named) == 1:
        return Redirect(f"/counties/{named[0].slug}", is_permanent=False)
    words = plain(asked).split("-")
    fits = [a for a in site.agencies.by_slug.values() if asked and _fits(a, words)] if any(words) else []
    fits.sort(key=lambda agency: not agency.rows)
    return {"q": asked, "agencies": fits[:MOST_FOUND], "more": len(fits[MOST_FOUND:]), "places": named[:MOST_FOUND]}


def plain_page(request: Request) -> Found:
    """Show a page of text about the list, with its size."""
    site = request.model.site
    return {"agreements": sum(len(agency.rows) for agency in site.listed), "types": site.types()}


# ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _latest(days: Iterable[Day]) -> list[tuple[Day, int]]:
    """Return the first agencies of the latest days, each day with the number of those left out."""
    found: list[tuple[Day, int]] = []
    room = LATEST
    for each in days:
        if room <= 0:
            break
        lines = each.lines[: min(room, A_DAY)]
        found.append((Day(day=each.day, lines=lines), len(each.lines) - len(lines)))
        room -= len(lines)
    return found


def _course(state: str, request: Request) -> Mapping[str, object]:
    """Draw the course of a state, or of all under "". `first` is its first point, and `gap` the time without a list."""
    course = course_of(request.model.site, state)
    points, drawn = course.points, ""
    if len(points) > 1 and any(sum(counts.values()) for _, counts in points):
        until = course.until or max(request.model.as_of, points[-1][0])
        drawing: Drawing = course_by_type(points, until=until, language=request.language, gap=course.gap)
        drawn = drawing.inline("course")
    is_carried = bool(drawn) and points[0][0] < (first_read(request.model.site) or date.max)
    return {"course": drawn, "first": next(iter(points), None), "gap": course.gap, "is_carried": is_carried}


def _state_code(written: str) -> str | None:
    """Return the postal code of a state that is written as a code or by its name, in English or Spanish."""
    if written.upper() in STATES:
        return written.upper()
    return _codes().get(plain(written))


def _codes() -> Mapping[str, str]:
    return {plain(name): code for code, name in STATES.items()} | {plain(n): code for n, code in SPANISH_NAMES.items()}


def _filtered(agencies: Iterable[Agency], request: Request) -> list[Agency]:
    words, kind = plain(request.asked("q")).split("-"), request.asked("type")
    found = [
        agency
        for agency in agencies
        if _fits(agency, words) and (not kind or any(row.agreement.support_type.value == kind for row in agency.rows))
    ]
    if request.asked("order") == "date":
        found.sort(key=lambda agency: max(row.agreement.signed or date.min for row in agency.rows), reverse=True)
    return found


def _fits(agency: Agency, words: Sequence[str]) -> bool:
    text = plain(" ".join((agency.name, agency.last.county, *agency.earlier)))
    return all(word in text for word in words)


def _left_at(agency: Agency) -> tuple[int, str]:
    return (agency.left.seq if agency.left is not None else 0, agency.slug)


def _upcoming(site: Site, today: date, state: str | None = None) -> list[Change]:
    return [
        change
        for change in site.meetings
        if change.mention is not None
        and not change.is_related
        and change.mention.meets_on is not None
        and change.mention.meets_on >= today
        and state in (None, change.mention.state)
    ]


def is_in(change: Change, place: Place) -> bool:
    """Return whether a change is a mention by a local government in a county."""
    mention = change.mention
    if mention is None or mention.state != place.county.state or not mention.county:
        return False
    found = exact_county(mention.state, mention.county)
    return found is not None and found.fips == place.county.fips


def place_at(site: Site, slug: str) -> Place | None:
    """Return the county at an address, with its agencies if it has any, or None if the address names no county."""
    return site.places.get(slug) or _empty_place(slug)


def _empty_place(slug: str) -> Place | None:
    """Return a real county without agencies, or None if the address names no county."""
    here = main_counties(slug[:2].upper()).values()
    return next((Place(county=county, slug=slug) for county in here if county_slug(county) == slug), None)


def _counties_named(asked: str) -> list[Place]:
    """Return the counties with this exact name, such as Galveston County or Marion County, Florida."""
    name, _, where = asked.rpartition(",")
    code = _state_code(where) if name else None
    states, written = ([code], name) if code is not None else (list(STATES), asked)
    if code is None and plain(asked).split("-")[-1:] not in ([kind] for kind in ("county", "parish", "borough")):
        *front, last = asked.split() or [""]
        if front and (code := _state_code(last)) is not None:
            states, written = [code], " ".join(front)
        elif not asked:
            return []
    found = [county for each in states if (county := exact_county(each, written)) is not None]
    return [Place(county=county, slug=county_slug(county)) for county in found]


def _by_day(found: Iterable[Change]) -> list[tuple[date, list[Change]]]:
    days: dict[date, list[Change]] = {}
    for each in found:
        days.setdefault(local_day(each.publication.observed_at), []).append(each)
    return list(days.items())
