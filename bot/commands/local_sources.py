"""The operator's commands for local sources: read an address, check the catalog, propose a new source."""

import asyncio
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from bot.commands.as_json import JsonObject
from bot.domain.agenda import AgendaItem, Place
from bot.domain.agendas.bodies import body_of, letters, state_at_end
from bot.domain.agendas.coverage import Coverage
from bot.domain.document import Document
from bot.domain.geography.fold import exact_county
from bot.domain.pasted_address import addresses_and_rest, pasted_address
from bot.domain.source_status import SourceStatus
from bot.domain.timestamps import stamp
from bot.domain.web_address import masked, masked_typed
from bot.errors import LeaseLost, Missing, SourceError, Unreadable, UsageError, attribute_errors_to
from bot.fetch import NEVER_READ
from bot.pipeline.local_requests import verified_on
from bot.pipeline.ocr import with_ocr
from bot.pipeline.poll_agenda import AgendaPoll
from bot.pipeline.runner import Runner
from bot.pipeline.same_source import of_this_source
from bot.sources import LOCAL, Fetcher
from bot.sources.formats.ocr import Tesseract
from bot.sources.local.recognize import recognize

# Other names people use for a kind.
ALSO_CALLED = {"granicus": "feed", "rss": "feed", "atom": "feed", "html": "page", "pdf": "page"}

MOST_SHOWN = 5  # of the next meetings
_PLATFORMS = ", ".join(kind for kind in LOCAL if kind not in {"feed", "page"})
_DOCUMENT = re.compile(r"/AgendaCenter/ViewFile/|\.pdf$", re.IGNORECASE)


def place_of(address: str, *, kind: str | None = None, state: str = "", county: str = "", name: str = "") -> Place:
    """Return the place at an address. Raise UsageError if the address or the kind isn't valid.

    If `kind` is None, the platform is detected from the address.
    """
    kind = ALSO_CALLED.get(kind.lower(), kind.lower()) if kind is not None else None
    if kind is not None and kind not in LOCAL:
        raise UsageError(f"There is no platform {kind!r}. Choose one of: {', '.join(LOCAL)}.")
    found = recognize(address)
    if found is None and len(addresses_and_rest(address)[0]) > 1:
        raise UsageError(f"{masked_typed(address)!r} has several addresses. Give one.")
    if found is None:
        raise UsageError(
            f"{masked_typed(address)!r} isn't a web address, or it contains a password. It should look like https://www.nashcountync.gov/AgendaCenter."
        )
    if kind is not None and found.kind != kind:
        typed = pasted_address(address)
        found = LOCAL[kind].recognizes(typed) or replace(found, kind=kind, address=typed)
    return replace(found, state=state or found.state, county=county, name=name or found.name)


def document_at(address: str) -> str | None:
    """Return "page" if the address is a single document, or None otherwise.

    A document is read by itself, without the rest of its site.
    """
    return "page" if _DOCUMENT.search(urlsplit(pasted_address(address)).path) else None


async def read_unknown(
    fetch: Fetcher, place: Place, now: datetime, tesseract: Tesseract | None = None
) -> tuple[Place, list[JsonObject]]:
    """Read a place after guessing its kind. Return the place with its actual kind, and the results.

    A presumed page may turn out to be a feed.
    """
    try:
        return place, await read(fetch, place, now, tesseract)
    except Unreadable:
        feed = replace(place, kind="feed")
        if place.kind != "page":
            raise
        with suppress(SourceError):
            return feed, await read(fetch, feed, now, tesseract)
        raise
    except SourceError as fault:
        if place.kind != "page" or type(fault) not in {SourceError, Missing}:
            raise
        raise type(fault)(
            f"{fault} (read as a web page; if it runs on a known platform, add --kind and its name: {_PLATFORMS})"
        ) from fault


async def read(fetch: Fetcher, place: Place, now: datetime, tesseract: Tesseract | None = None) -> list[JsonObject]:
    """Read a place once without recording anything. Return one object for each item, mention and problem.

    With Tesseract, scanned documents are read, too. Each item is followed by its mentions, and problems are listed
    last. Items are sorted by meeting time, with undated items at the end. Raise SourceError if nothing can be read.
    """
    found: list[JsonObject] = []
    try:
        with attribute_errors_to(place.name):
            reading = await LOCAL[place.kind].read(fetch, place, SourceStatus(source=place.name), now)
            for item in sorted(reading.items, key=_meets):
                found += await _item_and_mentions(item, reading.documents, tesseract)
    except SourceError as fault:
        raise type(fault)(_without_source(str(fault), place)) from fault
    problems = (_without_source(problem, place) for problem in reading.problems)
    return [*found, *({"what": "problem", "problem": problem} for problem in problems)]


def _without_source(problem: str, place: Place) -> str:
    """Shorten a problem by removing the source's name and the note that the source has never been read."""
    return problem.removeprefix(f"{place.name}: ").replace(f"; {NEVER_READ}", "")


def _meets(item: AgendaItem) -> tuple[str, str]:
    return (item.meets_on.isoformat() if item.meets_on else "9999", _clock(item.meets_at) or "")


async def _item_and_mentions(
    item: AgendaItem, documents: Sequence[Document], tesseract: Tesseract | None
) -> list[JsonObject]:
    document = next((each for each in documents if each.sha256 == item.evidence), None)
    problem = ""
    if item.scans and document is not None and tesseract is not None:
        item, done = await with_ocr(item, document, tesseract)
        problem = done.problem
    found = _found_in(item)
    return [*found, {"what": "problem", "problem": f"{item.title[:120]}: {problem}"}] if problem else found


def _found_in(item: AgendaItem) -> list[JsonObject]:
    """Return an object for the item and one for each mention in it."""
    from bot.domain.agendas.detect import passages_in  # noqa: PLC0415 - its patterns are slow to compile

    about = {
        "title": item.title,
        "date": day.isoformat() if (day := item.meets_on) else None,
        "time": _clock(item.meets_at),
        "body": item.body,
        "address": item.address,
    }
    scans = {"scanned_pages": list(item.scans), "pages_read_by_ocr": list(item.by_ocr)}
    objects: list[JsonObject] = [
        {"what": "item", **about, "id": item.id, "status": item.status, "unreadable": item.unreadable, **scans}
    ]
    for found in passages_in(item):
        words: JsonObject = {
            "matched": found.matched,
            "excerpt": found.excerpt,
            "page": found.page,
            "by_ocr": found.by_ocr,
        }
        objects.append({"what": "mention", **about, **words, "subject": found.subject.value})
    return objects


def _clock(moment: datetime | date | None) -> str | None:
    return f"{moment:%H:%M}" if isinstance(moment, datetime) else None


async def check(
    runner: Runner, places: Iterable[Place], done: Callable[[JsonObject], None] | None = None
) -> list[JsonObject]:
    """Read each place once, right now, and record any changes. Call `done` with each result as soon as it arrives."""

    async def one(place: Place) -> JsonObject:
        answer = await _checked(runner, place)
        if done is not None:
            done(answer)
        return answer

    return list(await asyncio.gather(*map(one, places)))


async def _checked(runner: Runner, place: Place) -> JsonObject:
    answer: JsonObject = {"name": place.name, "kind": place.kind, "address": masked(place.address)}
    try:
        poll = await runner.poll_agenda(place)
    except LeaseLost as fault:
        return {**answer, "read": False, "problem": str(fault)}
    if poll.failed:
        return {**answer, "read": False, "problem": poll.problems[0]}
    return {**answer, "read": True, **_counts(poll, runner.now().astimezone(ZoneInfo(place.zone)).date())}


def _counts(poll: AgendaPoll, today: date) -> JsonObject:
    days = [day for item in poll.items if (day := item.meets_on) is not None]
    return {
        "unchanged": not poll.items,
        "new": len(poll.items),
        "to_come": sum(day >= today for day in days),
        "mentions": poll.mentions,
        "unreadable": sum(bool(item.unreadable) for item in poll.items),
        "problems": list(poll.problems),
    }


def of_its_body(place: Place, stated: tuple[str, str]) -> Place:
    """Return the place under its county's or town's name, with the county, as the site or its address says.

    A name and a county that were given stay. If neither names a county or a town of the state, so does the rest.
    """
    name, state = stated
    state = place.state or state or state_at_end(place.name)
    bare = _bare(place.name, state) if state else ""
    stated_name = name if stated[1] in {"", state} else ""
    found = (body_of(state, each) for each in (stated_name, bare, place.name) if each and state)
    body = next(filter(None, found), None)
    if body is None:
        return replace(place, state=state)
    county = place.county or body.county_name
    own_name = re.sub(r"^(?:City|Town|Village|Borough) of ", "", stated_name)  # the post office says Saint Louis
    name = own_name if letters(own_name) == letters(body.name) and not body.is_county else body.name
    return replace(place, name=name, state=state, county=county, fips=body.fips if county == body.county_name else "")


def is_anothers(found: Place, place: Place, stated: tuple[str, str]) -> bool:
    """Return True if a source that a page links to is named for another county or town than the page's own."""
    name, state = place.name if place.state else stated[0], place.state or stated[1]
    if not state or (found.state and found.state != state):
        return bool(state)
    own = body_of(state, name) or body_of(state, stated[0])
    named = _bare(found.name, state)
    theirs = body_of(state, named) or exact_county(state, named)
    return own is not None and theirs is not None and _stem(own.name) != _stem(theirs.name)


def _bare(name: str, state: str) -> str:
    """Return a source's name on its platform without its state and number, as in pittcountync or tulsa-ok-4."""
    return re.sub(rf"-?{state.lower()}$", "", re.sub(r"-\d+$", "", name))


def _stem(name: str) -> str:
    return letters(re.sub(r" (?:County|Parish|Borough|Township|Village)$", "", name))


def next_meetings(found: Iterable[JsonObject], today: date) -> list[str]:
    """Return a line for each of the next meetings among the items of a reading."""
    coming = (
        (item["date"], item["time"] or "", item["body"] or item["title"])
        for item in found
        if item["what"] == "item" and item["date"]
    )
    lines = (
        f"{day} {clock}".strip() + f"  {what}" for day, clock, what in sorted(set(coming)) if day >= today.isoformat()
    )
    return list(dict.fromkeys(lines))[:MOST_SHOWN]


def proposed(place: Place) -> Place:
    """Return the place with its name in the catalog's form. Raise UsageError if the state is unknown."""
    if not place.state:
        raise UsageError("The address doesn't show which state this source is in. Add --state, as in --state NC.")
    name = re.sub(r"[,\s]+", " ", place.name.removesuffix(f", {place.state}")).strip()
    return replace(place, name=f"{name}, {place.state}")


def export_json(place: Place) -> JsonObject:
    """Return a source for others: its place, where its agendas are, and who found it and verified it when."""
    return {
        "name": place.name.removesuffix(f", {place.state}"),
        "state": place.state,
        "county": place.county,
        "fips": place.fips,
        "kind": place.kind,
        "address": masked(place.address),
        "zone": place.zone,
        "origin": place.origin,
        "seen": place.seen,
        "sure": str(place.sure) if place.sure else "",
        "verified": place.verified.isoformat() if place.verified else "",
    }


def coverage_json(row: Coverage) -> JsonObject:
    """Return a state's counts. The last row, of all states, is called US."""
    return {
        "state": row.state or "US",
        "counties": row.counties,
        "counties_with_source": row.covered,
        "counties_with_agreement": row.agreeing_counties,
        "of_these_with_source": row.agreeing_covered,
        "cities_with_agreement": row.agreeing_cities,
        "of_these_cities_with_source": row.cities_covered,
    }


def listed(places: Collection[Place], statuses: Mapping[str, SourceStatus]) -> list[JsonObject]:
    """Return one object per place, including the stored status of its present site."""
    here = {place.name: of_this_source(place, statuses[place.name]) for place in places if place.name in statuses}
    return [
        {
            "name": place.name,
            "kind": place.kind,
            "state": place.state,
            "county": place.county or None,
            "address": masked(place.address),
            "zone": place.zone,
            "every_hours": place.every_hours,
            "verified": day.isoformat() if (day := verified_on(here.get(place.name), place)) else None,
            "last_read": stamp(status.read_at) if (status := here.get(place.name)) and status.read_at else None,
            "problem": status.problem if status else None,
        }
        for place in places
    ]
