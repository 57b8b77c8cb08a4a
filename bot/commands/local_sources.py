"""The operator's commands on local sources: read an address, check what the catalogue has, propose a new table."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from bot.domain.agenda import AgendaItem, Place
from bot.domain.source_status import SourceStatus
from bot.errors import LeaseLost, Missing, SourceError, Unreadable, UsageError, attribute_errors_to
from bot.fetch import NEVER_READ
from bot.pipeline.poll_agenda import AgendaPoll
from bot.pipeline.runner import Runner
from bot.sources import LOCAL, Fetcher
from bot.sources.local.recognize import on_the_web, recognize

Answer = dict[str, Any]

ALSO_CALLED = {"granicus": "feed", "rss": "feed", "atom": "feed", "html": "page", "pdf": "page"}  # kinds, by people

_PLATFORMS = ", ".join(kind for kind in LOCAL if kind not in {"feed", "page"})
_DOCUMENT = re.compile(r"/AgendaCenter/ViewFile/|\.pdf$", re.IGNORECASE)


def place_of(address: str, *, kind: str | None = None, state: str = "", county: str = "", name: str = "") -> Place:
    """What an address means, of the platform `kind` where that is given; UsageError when it means nothing."""
    kind = ALSO_CALLED.get(kind.lower(), kind.lower()) if kind is not None else None
    if kind is not None and kind not in LOCAL:
        raise UsageError(f"There is no platform {kind!r}; there are: {', '.join(LOCAL)}.")
    found = recognize(address)
    if found is None:
        raise UsageError(
            f"{address!r} is no address on the web. Write it as in https://www.nashcountync.gov/AgendaCenter."
        )
    if kind is not None and found.kind != kind:
        typed = on_the_web(address)
        found = LOCAL[kind].recognizes(typed) or replace(found, kind=kind, address=typed)
    return replace(found, state=state or found.state, county=county, name=name or found.name)


def document_at(address: str) -> str | None:
    """The kind of an address that is one document, where the document is meant and not the site that it lies on."""
    return "page" if _DOCUMENT.search(urlsplit(on_the_web(address)).path) else None


async def what_it_is(fetch: Fetcher, place: Place, now: datetime) -> tuple[Place, list[Answer]]:
    """As `read`, of a place whose kind nobody named: what was taken for a page may turn out to be a feed."""
    try:
        return place, await read(fetch, place, now)
    except Unreadable:
        feed = replace(place, kind="feed")
        if place.kind != "page":
            raise
        with suppress(SourceError):
            return feed, await read(fetch, feed, now)
        raise
    except SourceError as fault:
        if place.kind != "page" or type(fault) not in {SourceError, Missing}:
            raise
        raise type(fault)(f"{fault} (as a web page; if it is a platform's own, add --kind {_PLATFORMS})") from fault


async def read(fetch: Fetcher, place: Place, now: datetime) -> list[Answer]:
    """What one reading of a place brings, recorded nowhere: an object for each item and each mention, then problems.

    In the order of the meetings, what has no day last. Raises a SourceError when nothing could be read.
    """
    found: list[Answer] = []
    try:
        with attribute_errors_to(place.name):
            reading = await LOCAL[place.kind].read(fetch, place, SourceStatus(source=place.name), now)
            for item in sorted(reading.items, key=_meets):
                found += _item_and_mentions(item)
    except SourceError as fault:
        raise type(fault)(_without_source(str(fault), place)) from fault
    problems = (_without_source(problem, place) for problem in reading.problems)
    return [*found, *({"what": "problem", "problem": problem} for problem in problems)]


def _without_source(problem: str, place: Place) -> str:
    """Strip what only makes sense for a source that is read again and again."""
    return problem.removeprefix(f"{place.name}: ").replace(f"; {NEVER_READ}", "")


def _meets(item: AgendaItem) -> tuple[str, str]:
    day = _day(item.meets_at)
    return (day.isoformat() if day else "9999", _clock(item.meets_at) or "")


def _item_and_mentions(item: AgendaItem) -> Iterable[Answer]:
    from bot.domain.agendas.detect import mentions_in  # noqa: PLC0415 - its patterns are slow to compile

    about = {
        "title": item.title,
        "date": day.isoformat() if (day := _day(item.meets_at)) else None,
        "time": _clock(item.meets_at),
        "body": item.body,
        "address": item.address,
    }
    yield {"what": "item", **about, "id": item.id, "status": item.status, "unreadable": item.unreadable}
    for found in mentions_in(item):
        yield {"what": "mention", **about, "matched": found.matched, "excerpt": found.excerpt, "page": found.page}


def _clock(moment: datetime | date | None) -> str | None:
    return f"{moment:%H:%M}" if isinstance(moment, datetime) else None


def _day(moment: datetime | date | None) -> date | None:
    return moment.date() if isinstance(moment, datetime) else moment


async def check(runner: Runner, places: Iterable[Place], done: Callable[[Answer], None] | None = None) -> list[Answer]:
    """Read each place once now and record what is new; `done` is called with what came back from each, in any order."""

    async def one(place: Place) -> Answer:
        answer = await _checked(runner, place)
        if done is not None:
            done(answer)
        return answer

    return list(await asyncio.gather(*map(one, places)))


async def _checked(runner: Runner, place: Place) -> Answer:
    answer: Answer = {"name": place.name, "kind": place.kind, "address": place.address}
    try:
        attended = await runner.poll_agenda(place)
    except LeaseLost as fault:
        return {**answer, "read": False, "problem": str(fault)}
    if attended.failed:
        return {**answer, "read": False, "problem": attended.problems[0]}
    return {**answer, "read": True, **_counts(attended, runner.now().astimezone(ZoneInfo(place.zone)).date())}


def _counts(attended: AgendaPoll, today: date) -> Answer:
    days = [day for item in attended.items if (day := _day(item.meets_at)) is not None]
    return {
        "unchanged": not attended.items,
        "new": len(attended.items),
        "to_come": sum(day >= today for day in days),
        "mentions": attended.mentions,
        "unreadable": sum(bool(item.unreadable) for item in attended.items),
        "problems": list(attended.problems),
    }


def proposed(place: Place) -> Place:
    """The place as a table has it, its name in a person's words; UsageError without a state."""
    if not place.state:
        raise UsageError("The address does not tell the state. Add --state, as in --state NC.")
    name = re.sub(r"[,\s]+", " ", place.name.removesuffix(f", {place.state}")).strip()
    return replace(place, name=f"{name}, {place.state}")


def listed(
    places: Iterable[Place], statuses: Mapping[str, SourceStatus], stamp: Callable[[datetime], str]
) -> list[Answer]:
    """The sources with what is remembered of each."""
    return [
        {
            "name": place.name,
            "kind": place.kind,
            "state": place.state,
            "county": place.county or None,
            "address": place.address,
            "zone": place.zone,
            "every_hours": place.every_hours,
            "verified": place.verified.isoformat() if place.verified else None,
            "last_read": stamp(status.read_at) if (status := statuses.get(place.name)) and status.read_at else None,
            "problem": status.problem if status else None,
        }
        for place in places
    ]
