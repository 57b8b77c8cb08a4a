"""One local place that is due: read, look for mentions, record."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from bot.domain.agenda import AgendaItem, LocalReading, Passage, Place
from bot.domain.agendas.link import AGENDA_KINDS
from bot.domain.agendas.track import PlaceContext, changes_from, is_first
from bot.domain.agreement import ListName
from bot.domain.change import Change
from bot.domain.source_status import SourceStatus, spread
from bot.errors import SourceError, attribute_errors_to
from bot.sources import LOCAL, Fetcher
from bot.store import Record, Store

PARKED_AFTER = timedelta(days=7)
LEAST_FAILURES = 3  # a place that is read once a week is not parked for one failure
LAST_SIGN_OF_LIFE = timedelta(days=1)  # while nothing at all can be read, the fault is ours and nobody is parked
FIRST_SIGHT = timedelta(days=2)  # a place that has too much for one reading is seen for the first time this long
OVER_FOR = timedelta(days=14)  # then nobody needs to know that a document could not be read
MOST_UNREADABLE = 20
OWN = "attend"  # what we remember of a place beside the facts of its source

log = structlog.get_logger()
Now = Callable[[], datetime]
Spoken = Sequence[tuple[AgendaItem, tuple[Passage, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaPoll:
    """What came of one reading of a place: its items, how often they speak of 287(g), the changes as recorded.

    `problems` are what went wrong; when it `failed`, nothing could be read.
    """

    source: str
    items: tuple[AgendaItem, ...] = ()
    mentions: int = 0
    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()
    failed: bool = False


async def poll_agenda(place: Place, *, store: Store, fetch: Fetcher, now: Now) -> AgendaPoll:
    """Read a place once and record what is new; one that fails changes nothing but its own memory."""
    status = await store.source_status(place.name)
    try:
        with attribute_errors_to(place.name):
            reading = await LOCAL[place.kind].read(fetch, place, status, now())
            return await _take(place, reading, status, store, now())
    except SourceError as fault:
        await store.remember(await _failed(status, fault, place, store, now()))
        log.warning("place not read", source=place.name, problem=str(fault))
        return AgendaPoll(source=place.name, problems=(str(fault),), failed=True)


async def _take(place: Place, reading: LocalReading, status: SourceStatus, store: Store, at: datetime) -> AgendaPoll:
    """Record what a reading brought as one; an unchanged place costs only the time of reading."""
    first_since = _first_since(status, at)
    changes: tuple[Change, ...] = ()
    spoken: Spoken = ()
    if reading.items:
        spoken = await asyncio.to_thread(_spoken, reading.items)
        said = await store.changes(states=[place.state], kinds=AGENDA_KINDS)
        known = await store.known()
        participating = known.participating if ListName.PARTICIPATING in known.seen else None
        context = PlaceContext(log=said, participating=participating, is_first=first_since is not None)
        changes = changes_from(place, spoken, reading.documents, context, at)
    fresh = _read(status, place, reading, at, first_since)
    if changes:
        rests_on = {change.publication.evidence for change in changes}
        recorded = await store.record(
            Record(
                status=fresh,
                recorded_at=at,
                known=None,
                changes=changes,
                documents=tuple(document for document in reading.documents if document.sha256 in rests_on),
                held=None,
            )
        )
        for change in recorded:
            log.info("recorded", **change.log_context())
        changes = tuple(recorded)
    else:
        await store.remember(fresh)
    return AgendaPoll(
        source=place.name,
        items=reading.items,
        mentions=sum(len(found) for _, found in spoken),
        changes=changes,
        problems=reading.problems,
    )


def _spoken(items: Sequence[AgendaItem]) -> Spoken:
    from bot.domain.agendas.detect import passages_in  # noqa: PLC0415 - its patterns are slow to compile, and most readings bring nothing

    return [(item, passages_in(item)) for item in items]


# ── remembering ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _first_since(status: SourceStatus, at: datetime) -> datetime | None:
    """Since when it is being read for the first time; None when it is known."""
    if is_first(status.read_at, at):
        return at
    since = status.facts.get(OWN, {}).get("first_since")
    begun = datetime.fromisoformat(since) if since and status.facts.get("left_over") else None
    return begun if begun is not None and at - begun < FIRST_SIGHT else None


def _read(
    status: SourceStatus, place: Place, reading: LocalReading, at: datetime, first_since: datetime | None
) -> SourceStatus:
    """What to remember of a place that was read well."""
    own = _own(status.facts.get(OWN, {}), reading.items, at, first_since)
    is_same = own == reading.facts.get(OWN)
    problem = "; ".join([*_unread(own), *reading.problems]) or None
    since = status.problem_since if status.problem and not status.failures else None
    return replace(
        status,
        validators=reading.validators,
        facts=reading.facts if is_same else {**reading.facts, OWN: own},
        tried_at=at,
        read_at=at,
        changed_at=at if reading.items else status.changed_at,
        problem=problem,
        problem_since=(since or at) if problem else None,
        failures=0,
        due_at=at + spread(timedelta(hours=place.every_hours), place.name, at),
        not_before=None,
        parked_at=None,
    )


def _own(
    own: Mapping[str, Any], items: Sequence[AgendaItem], at: datetime, first_since: datetime | None
) -> Mapping[str, Any]:
    """What we remember beside the source's facts: since when it is new, and which documents could not be read."""
    unreadable: dict[str, Any] = dict(own.get("unreadable", {}))
    for item in items:
        if item.unreadable:
            unreadable.pop(item.id, None)
            unreadable[item.id] = [item.title[:120], item.unreadable, _day(item.meets_at or at).isoformat()]
            log.warning("a document could not be read", item=item.title[:120], problem=item.unreadable)
        elif item.text or item.pages:
            unreadable.pop(item.id, None)
    oldest = (at - OVER_FOR).date().isoformat()
    recent = [(name, each) for name, each in unreadable.items() if each[2] >= oldest][-MOST_UNREADABLE:]
    return {"first_since": first_since.isoformat() if first_since else None, "unreadable": dict(recent)}


def _unread(own: Mapping[str, Any]) -> Sequence[str]:
    """Which documents could not be read, in sentences."""
    return [f"cannot be read: {title}: {why}" for title, why, _ in own["unreadable"].values()]


def _day(at: datetime | date) -> date:
    return at.date() if isinstance(at, datetime) else at


async def _failed(status: SourceStatus, fault: SourceError, place: Place, store: Store, at: datetime) -> SourceStatus:
    """Try again later, as of any source; one that has failed for a week is parked."""
    begun = status if status.failures else replace(status, problem_since=None)
    failed = begun.failed(fault, at, timedelta(hours=place.every_hours))
    assert failed.problem_since is not None
    lasts = failed.failures >= LEAST_FAILURES and at - failed.problem_since >= PARKED_AFTER
    if failed.parked_at is None and lasts and await _reads_others(store, at):
        return replace(failed, parked_at=at)
    return failed


async def _reads_others(store: Store, at: datetime) -> bool:
    return any(status.read_at and at - status.read_at < LAST_SIGN_OF_LIFE for status in await store.source_statuses())
