"""Poll one local place. Fetch its agendas, find mentions and record them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from bot.domain.agenda import AgendaItem, Certainty, LocalReading, Passage, Place, Subject
from bot.domain.agendas.link import AGENDA_KINDS
from bot.domain.agendas.scans import Scan, soonest_first
from bot.domain.agendas.track import PlaceContext, changes_from, is_first
from bot.domain.agreement import ListName
from bot.domain.change import Change
from bot.domain.chat.local_agendas import SourceState
from bot.domain.document import Document
from bot.domain.outage import place_in_words
from bot.domain.source_status import NOTES, SourceStatus, spread
from bot.domain.text.log_lines import recorded_in_words
from bot.domain.timestamps import stamp_of
from bot.domain.web_address import host_of
from bot.errors import Misplaced, SourceError, attribute_errors_to
from bot.pipeline.same_source import of_this_source, site_note
from bot.pipeline.scans import remember_scans, scans_here, stored_scans
from bot.sources import LOCAL, Fetcher
from bot.sources.local.front_page import why_not_its_site
from bot.store import Record, Sources, Store

PARKED_AFTER = timedelta(days=7)
LEAST_FAILURES = 3  # so that a single failure doesn't park a place that is read once a week
LAST_SIGN_OF_LIFE = timedelta(days=1)  # if no source was read for this long, the fault is ours; park nothing
FIRST_SIGHT = timedelta(days=2)  # how long a place still counts as new if it has too much for one reading
OVER_FOR = timedelta(days=14)  # after that, stop reporting that a document couldn't be read
MOST_UNREADABLE = 20

log = structlog.get_logger()
Now = Callable[[], datetime]
ItemsWithMentions = Sequence[tuple[AgendaItem, tuple[Passage, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaPoll:
    """The result of one poll of a local place.

    `items` are the new items, `mentions` is the number of passages about 287(g) in them and `changes` are the changes
    as recorded. `problems` describes any problems. `failed` is true if nothing could be read.
    """

    source: str
    items: tuple[AgendaItem, ...] = ()
    mentions: int = 0
    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()
    failed: bool = False


async def poll_agenda(place: Place, *, store: Store, fetch: Fetcher, now: Now) -> AgendaPoll:
    """Read a place once and record any changes. If the reading fails, update only the place's status."""
    status = of_this_source(place, await store.source_status(place.name))
    try:
        with attribute_errors_to(place.name):
            await _check_whose_site(place, status, fetch)
            reading = await LOCAL[place.kind].read(fetch, place, status, now())
            return await _process(place, reading, status, store, now())
    except SourceError as fault:
        failed = await _status_after_failure(status, fault, place, store, now())
        await store.remember(failed)
        words = place_in_words(fault, place.name, host_of(place.address))
        again = stamp_of(failed.due_at if failed.parked_at is None else None)
        log.warning("place not read", source=place.name, problem=str(fault), again=again, in_words=words)
        return AgendaPoll(source=place.name, problems=(str(fault),), failed=True)


async def _check_whose_site(place: Place, status: SourceStatus, fetch: Fetcher) -> None:
    """Before the first reading of a source that no one has read, raise Misplaced if its site is another place's.

    If the site of a guessed source can't be read, the source isn't read either.
    """
    is_doubtful = place.verified is None and place.sure in {Certainty.GUESSED, Certainty.ANSWERED}
    if not is_doubtful or status.read_at is not None:
        return
    try:
        why = await why_not_its_site(fetch, place)
    except SourceError:
        if place.sure is Certainty.GUESSED:
            raise
        return
    if why:
        raise Misplaced(f"{place.name}: {why}, so it isn't read; correct its address in config/sources")


async def _process(place: Place, reading: LocalReading, status: SourceStatus, store: Store, at: datetime) -> AgendaPoll:
    """Find the mentions in a reading and record the changes in one commit.

    If the reading has no items, skip the search.
    """
    status = _as_new(status) if reading.starts_over else status
    new_since = _new_since(status, at)
    read: ItemsWithMentions = ()
    changes: tuple[Change, ...] = ()
    if reading.items:
        read = await asyncio.to_thread(_find_mentions, reading.items)
        before = await _before(place, store, is_first=new_since is not None, since=_read_here_since(status, at))
        changes = changes_from(place, read, reading.documents, before, at)
    await remember_scans(store, place, reading, at, is_first=new_since is not None)
    status = _status_after(reading, status, place, at, new_since)
    return AgendaPoll(
        source=place.name,
        items=reading.items,
        mentions=sum(passage.subject is Subject.PROGRAM for _, found in read for passage in found),
        changes=await _record(changes, reading, status, store, at),
        problems=reading.problems,
    )


async def record_ocr(
    place: Place, item: AgendaItem, document: Document, *, store: Store, now: datetime, is_first: bool
) -> tuple[Change, ...]:
    """Record what OCR found in a document. What its other pages say about 287(g) was recorded when it was first read.

    OCR misreads, so words that it doesn't find again aren't reported as taken off the agenda.
    """
    [(_, passages)] = await asyncio.to_thread(_find_mentions, [item])
    is_told = any(each.subject is Subject.PROGRAM and not each.by_ocr for each in passages)
    if is_told or not any(each.by_ocr for each in passages):
        return ()
    status = await store.source_status(place.name)
    before = await _before(place, store, is_first=is_first, since=_read_here_since(status, now))
    changes = changes_from(place, [(item, passages)], [document], before, now)
    return await _record(changes, LocalReading(items=(item,), documents=(document,)), status, store, now)


def _find_mentions(items: Sequence[AgendaItem]) -> ItemsWithMentions:
    from bot.domain.agendas.detect import passages_in  # noqa: PLC0415 - its patterns are slow to compile, and most readings are empty

    return [(item, passages_in(item)) for item in items]


async def _before(place: Place, store: Store, *, is_first: bool, since: datetime | None) -> PlaceContext:
    """Load the earlier records to compare with a new reading."""
    recorded, known = await store.changes(states=[place.state], kinds=AGENDA_KINDS), await store.known()
    participating = known.participating if ListName.PARTICIPATING in known.seen else None
    return PlaceContext(log=recorded, participating=participating, is_first=is_first, since=since)


async def _record(
    changes: Sequence[Change], reading: LocalReading, status: SourceStatus, store: Store, at: datetime
) -> tuple[Change, ...]:
    """Commit the changes and the documents that prove them. If there are no changes, commit only the status."""
    if not changes:
        await store.remember(status)
        return ()
    evidence = {change.publication.evidence for change in changes}
    recorded = await store.record(
        Record(
            status=status,
            recorded_at=at,
            known=None,
            changes=tuple(changes),
            documents=tuple(document for document in reading.documents if document.sha256 in evidence),
            held=None,
        )
    )
    for change in recorded:
        log.info("recorded", **change.log_context(), in_words=recorded_in_words(change))
    return tuple(recorded)


# ── the place's status ───────────────────────────────────────────────────────────────────────────────────────────────


async def source_states(store: Store, places: Sequence[Place]) -> list[SourceState]:
    """Return what a chat is told about these sources."""
    scans = await stored_scans(store)
    return [
        source_state(place, await store.source_status(place.name), scans_here(place, scans.get(place.name, ())))
        for place in places
    ]


def source_state(place: Place, status: SourceStatus, scans: Sequence[Scan] = ()) -> SourceState:
    """Return what a chat is told about a source."""
    status = of_this_source(place, status)
    items, since = status.facts.get(NOTES, {}).get("begun") or (0, None)
    return SourceState(
        place=place,
        read_at=status.read_at,
        is_failing=status.failures > 0,
        is_parked=status.parked_at is not None,
        items=items,
        since=date.fromisoformat(since) if since else None,
        scans=tuple(soonest_first(scan for scan in scans if scan.is_unread)),
    )


def _as_new(status: SourceStatus) -> SourceStatus:
    """Return a place's status as if the place had moved to another site, because its ids are others now."""
    notes = {name: each for name, each in status.facts.get(NOTES, {}).items() if name != "here_since"}
    return replace(status, read_at=None, facts={**status.facts, NOTES: notes})


def _new_since(status: SourceStatus, at: datetime) -> datetime | None:
    """Return the start time of the first reading of this place, or None if the first reading is finished."""
    if is_first(status.read_at, at):
        return at
    since = status.facts.get(NOTES, {}).get("first_since")
    begun = datetime.fromisoformat(since) if since and status.facts.get("left_over") else None
    return begun if begun is not None and at - begun < FIRST_SIGHT else None


def _read_here_since(status: SourceStatus, at: datetime) -> datetime | None:
    """Return the time of the first reading at the source's present site, or None if no version has noted it."""
    since = status.facts.get(NOTES, {}).get("here_since")
    return datetime.fromisoformat(since) if since else at if status.read_at is None else None


def _status_after(
    reading: LocalReading, status: SourceStatus, place: Place, at: datetime, new_since: datetime | None
) -> SourceStatus:
    """Return the status of a place after a successful reading."""
    notes = {**_notes(status.facts.get(NOTES, {}), reading.items, at, new_since), **site_note(place)}
    since = _read_here_since(status, at)
    notes |= {"here_since": since.isoformat()} if since else {}
    is_same = notes == reading.facts.get(NOTES)
    problem = "; ".join([*_unreadable_documents(notes), *reading.problems]) or None
    problem_since = status.problem_since if status.problem and not status.failures else None
    return replace(
        status,
        validators=reading.validators,
        facts=reading.facts if is_same else {**reading.facts, NOTES: notes},
        tried_at=at,
        read_at=at,
        changed_at=at if reading.items else status.changed_at,
        problem=problem,
        problem_since=(problem_since or at) if problem else None,
        failures=0,
        due_at=at + spread(timedelta(hours=place.every_hours), place.name, at),
        not_before=None,
        parked_at=None,
        verified_at=status.verified_at or (at if reading.items and not reading.problems else None),
        good_readings=status.good_readings + 1,
    )


def _notes(
    notes: Mapping[str, Any], items: Sequence[AgendaItem], at: datetime, new_since: datetime | None
) -> Mapping[str, Any]:
    """Return the updated notes about a place.

    They contain the start time of the first reading, until it is finished, and a list of the documents that couldn't be
    read.
    """
    unreadable: dict[str, Any] = dict(notes.get("unreadable", {}))
    for item in items:
        if item.unreadable:
            unreadable.pop(item.id, None)
            day = item.meets_on or at.date()
            unreadable[item.id] = [item.title[:120], item.unreadable, day.isoformat()]
            log.warning("document not read", item=item.title[:120], problem=item.unreadable)
        elif item.text or item.pages:
            unreadable.pop(item.id, None)
    oldest = (at - OVER_FOR).date().isoformat()
    recent = [(name, each) for name, each in unreadable.items() if each[2] >= oldest][-MOST_UNREADABLE:]
    begun = notes.get("begun") or _begun(items)
    first = new_since.isoformat() if new_since else None
    return {"first_since": first, "unreadable": dict(recent)} | ({"begun": begun} if begun else {})


def _begun(items: Sequence[AgendaItem]) -> Sequence[Any] | None:
    """Return how many items the first reading found, and the day of the earliest meeting, or None if it found none."""
    days = [day.isoformat() for item in items if (day := item.meets_on) is not None]
    return [len(items), min(days, default=None)] if items else None


def _unreadable_documents(notes: Mapping[str, Any]) -> Sequence[str]:
    """Return a sentence for each document that couldn't be read."""
    return [f"cannot be read: {title}: {why}" for title, why, _ in notes["unreadable"].values()]


async def _status_after_failure(
    status: SourceStatus, fault: SourceError, place: Place, store: Store, at: datetime
) -> SourceStatus:
    """Return the status of a place after a failed reading.

    The place is due again later. If it has been failing for a week while other sources can be read, it is parked.
    """
    noted = {**status.facts, NOTES: {**status.facts.get(NOTES, {}), **site_note(place)}}
    begun = replace(status, facts=noted, problem_since=status.problem_since if status.failures else None)
    failed = begun.failed(fault, at, timedelta(hours=place.every_hours))
    assert failed.problem_since is not None
    if isinstance(fault, Misplaced):
        return replace(failed, parked_at=failed.parked_at or at)
    lasts = failed.failures >= LEAST_FAILURES and at - failed.problem_since >= PARKED_AFTER
    if failed.parked_at is None and lasts and await _other_sources_are_read(store, at):
        return replace(failed, parked_at=at)
    return failed


async def _other_sources_are_read(store: Sources, at: datetime) -> bool:
    return any(status.read_at and at - status.read_at < LAST_SIGN_OF_LIFE for status in await store.source_statuses())
