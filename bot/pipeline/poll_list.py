"""One source that is due: fetch, parse, vet, reconcile, record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from bot.domain.agreement import Listing, ListName, Publication
from bot.domain.change import Change, Kind, Known
from bot.domain.document import Document
from bot.domain.lists.reconcile import Reconciled, dropped, reconcile
from bot.domain.lists.vetting import EARLIER_WITHIN, Held, Ruling, disappearances, doubts, goes_back, hold, stood
from bot.domain.source_status import Reading, SourceStatus, spread
from bot.domain.timestamps import stamp
from bot.errors import SourceError, Unreadable, UsageError, attribute_errors_to
from bot.sources import Fetcher, Source
from bot.store import Record, Store

log = structlog.get_logger()
Now = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPoll:
    """What came of one reading: the changes as recorded, and what went wrong, if anything."""

    source: str
    changes: tuple[Change, ...] = ()
    held: tuple[Held, ...] = ()
    problem: str | None = None


async def poll_list(source: Source, *, store: Store, fetch: Fetcher, now: Now, every: timedelta) -> ListPoll:
    """Read a source once and record what is new; a source that fails changes nothing but its own memory."""
    status = await store.source_status(source.name)
    if status.tried_at is not None and status.tried_at > now():
        log.warning("the clock was set back; nothing waits for the time that it had", was=stamp(status.tried_at))
    try:
        with attribute_errors_to(source.name):
            reading = await source.read(fetch, status)
            return await take(source, reading, status=status, store=store, at=now(), every=every)
    except SourceError as fault:
        await store.remember(status.failed(fault, now(), every))
        log.warning("source not read", source=source.name, problem=str(fault))
        return ListPoll(source=source.name, problem=str(fault))


async def take(
    source: Source, reading: Reading, *, status: SourceStatus, store: Store, at: datetime, every: timedelta
) -> ListPoll:
    """Judge what a reading brought and record it as one; an unchanged list costs only the time of reading."""
    before = _Judgment(await store.known(), tuple(await store.held()))
    picture = before
    for name in ListName:
        if name in reading.documents:
            picture = await _judge(picture, name, reading, source, store, at)
    picture = _pending_settled(picture, reading, status, at)
    fresh = _read(status, reading, picture, at, every, is_new=picture.known.seen != before.known.seen)
    return await _keep(source, store, fresh, picture if picture != before else None, reading.pages, at)


async def _keep(
    source: Source,
    store: Store,
    status: SourceStatus,
    picture: "_Judgment | None",
    pages: tuple[Document, ...],
    at: datetime,
) -> ListPoll:
    """Commit what came of a reading as one; where the picture is as before (None), only what is remembered."""
    if picture is None and not pages:
        await store.remember(status)
        return ListPoll(source=source.name, held=tuple(await store.held()), problem=status.problem)
    picture = picture or _Judgment(await store.known(), tuple(await store.held()))
    changes = await store.record(
        Record(
            status=status,
            recorded_at=at,
            known=picture.known,
            changes=picture.changes,
            documents=(*pages, *picture.documents),
            held=picture.held,
        )
    )
    _log(changes)
    return ListPoll(source=source.name, changes=tuple(changes), held=picture.held, problem=status.problem)


def _log(changes: Sequence[Change]) -> None:
    """A line for each change; a baseline of thousands is one line."""
    listed = sum(change.kind is Kind.LISTED for change in changes)
    if listed:
        log.info("recorded", kind=Kind.LISTED.value, agreements=listed)
    for change in changes:
        if change.kind is not Kind.LISTED:
            log.info("recorded", **change.log_context())


async def rule(held_id: str, ruling: Ruling, *, source: Source, store: Store, now: Now) -> ListPoll:
    """What the operator says of a held listing; an approved one is vetted again at once, from the evidence."""
    held = next((h for h in await store.held() if h.id == held_id), None)
    if held is None:
        raise UsageError(f"Nothing is held under the number {held_id}. `countersign held` lists what is.")
    if ruling is Ruling.APPROVED and not held.readable:
        raise UsageError(
            f"Held listing {held_id} cannot be approved: {'; '.join(held.reasons)}. "
            "It changes nothing and goes away with the next good list."
        )
    others = tuple(h for h in await store.held() if h.id != held_id)
    await store.put_held((*others, replace(held, ruling=ruling)))
    status = await store.source_status(source.name)
    if ruling is Ruling.REJECTED:
        return ListPoll(source=source.name, held=tuple(await store.held()))
    at = now()
    reading = Reading(documents={held.list: _unchanged(held.publication, at)})
    before = _Judgment(await store.known(), tuple(await store.held()))
    picture = await _judge(before, held.list, reading, source, store, at)
    return await _keep(source, store, status, picture if picture != before else None, (), at)


# ── judging ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Judgment:
    """What is known and held while a reading is judged, and what it has brought so far.

    `unread` says of which lists the document could not be read, and why.
    """

    known: Known
    held: tuple[Held, ...]
    changes: tuple[Change, ...] = ()
    documents: tuple[Document, ...] = ()
    unread: Mapping[ListName, str] = field(default_factory=dict)

    def held_of(self, name: ListName) -> Held | None:
        return next((h for h in self.held if h.list is name), None)

    def holding(self, name: ListName, held: Held | None, *documents: Document) -> "_Judgment":
        others = tuple(h for h in self.held if h.list is not name)
        return replace(self, held=(*others, held) if held else others, documents=self.documents + documents)

    def without(self, name: ListName, reason: str) -> "_Judgment":
        return replace(self, unread={**self.unread, name: reason})

    def believing(self, found: Reconciled, name: ListName, *documents: Document) -> "_Judgment":
        return replace(self.holding(name, None, *documents), known=found.known, changes=self.changes + found.changes)


async def _judge(
    picture: _Judgment, name: ListName, reading: Reading, source: Source, store: Store, at: datetime
) -> _Judgment:
    """Believe a list, or hold it. The same bytes are not parsed twice, except to release them."""
    document = reading.documents[name]
    seen, held = picture.known.seen.get(name), picture.held_of(name)
    if seen is not None and document.sha256 == seen.evidence:
        return picture.holding(name, None)
    if held is not None and held.publication.evidence == document.sha256:
        held = stood(held, at)
        if not held.is_released:
            picture = picture if held.readable else picture.without(name, held.reasons[0])
            return picture.holding(name, held)
    fresh = () if document.unchanged else (document,)
    body = document if fresh else await store.evidence(document.sha256)
    if body is None:
        raise Unreadable(f"{source.name}: the server says unchanged, but no copy of {document.name} is kept")
    return await _accept_or_hold(_Case(picture, name, held, source, at, reading.headline), body, fresh, store)


@dataclass(frozen=True, slots=True)
class _Case:
    """A document in its circumstances: what is held of its list, and the page's headline."""

    picture: _Judgment
    name: ListName
    held: Held | None
    source: Source
    at: datetime
    headline: int | None

    def hold(self, publication: Publication, reasons: tuple[str, ...], found: Reconciled | None) -> Held:
        return hold(
            self.held,
            source=self.source.name,
            name=self.name,
            publication=publication,
            reasons=reasons,
            gone=disappearances(found.changes) if found else (),
            readable=found is not None,
            at=self.at,
        )

    def unreadable(self, document: Document, reason: str, fresh: tuple[Document, ...]) -> _Judgment:
        """Nothing is concluded from it; what is held of a list that could be read goes on, without this reading."""
        picture = self.picture.without(self.name, reason)
        if self.held is not None and self.held.readable:
            return picture.holding(self.name, self.held, *fresh)
        return picture.holding(self.name, self.hold(_unread(document), (reason,), None), *fresh)


async def _accept_or_hold(case: _Case, document: Document, fresh: tuple[Document, ...], store: Store) -> _Judgment:
    picture, name = case.picture, case.name
    try:
        listing = case.source.parse(document, name)
    except Unreadable as fault:
        return case.unreadable(document, str(fault), fresh)
    found = reconcile(picture.known, listing)
    log = await store.changes(since=case.at - EARLIER_WITHIN) if goes_back(found.changes) else ()
    reasons = _reasons(case, listing, found, log)
    if not reasons:
        return picture.believing(found, name, *fresh)
    held = case.hold(listing.publication, reasons, found)
    if held.is_released:
        return picture.believing(found, name, *fresh)
    return picture.holding(name, held, *fresh)


def _reasons(case: _Case, listing: Listing, found: Reconciled, log: Sequence[Change]) -> tuple[str, ...]:
    released = case.held.gone if case.held is not None and case.held.is_released else ()
    excused = {agreement.key for agreement in released}
    return doubts(case.picture.known, listing, found.changes, headline=case.headline, excused=excused, log=log)


def _pending_settled(picture: _Judgment, reading: Reading, status: SourceStatus, at: datetime) -> _Judgment:
    """Call what has been on neither list for seven days dropped; while a list is not read well, nobody is missing."""
    both = all(name in reading.documents and picture.held_of(name) is None for name in ListName)
    if picture.known.absent and (status.failures or not both):
        absent = dict.fromkeys(picture.known.absent, at) if both else {}
        return replace(picture, known=replace(picture.known, absent=absent))
    if not both:
        return picture
    changes = dropped(picture.known, at)
    if not changes:
        return picture
    return replace(picture, known=picture.known.after(changes), changes=picture.changes + changes)


def _unread(document: Document) -> Publication:
    return Publication(
        name=document.name,
        address=document.address,
        evidence=document.sha256,
        observed_at=document.fetched_at,
        rows=0,
    )


def _unchanged(publication: Publication, at: datetime) -> Document:
    """The answer that says that a publication stands as it did."""
    return Document(
        address=publication.address,
        name=publication.name,
        body=b"",
        sha256=publication.evidence,
        headers={},
        fetched_at=at,
        unchanged=True,
    )


# ── remembering ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(
    status: SourceStatus, reading: Reading, picture: _Judgment, at: datetime, every: timedelta, *, is_new: bool
) -> SourceStatus:
    """What to remember of a reading; a list that came and could not be read is asked for whole the next time."""
    problem = "; ".join([*picture.unread.values(), *reading.problems]) or None
    return replace(
        status,
        validators={} if picture.unread else reading.validators,
        facts=reading.facts,
        tried_at=at,
        read_at=status.read_at if ListName.PARTICIPATING in picture.unread else at,
        changed_at=at if is_new else status.changed_at,
        problem=problem,
        problem_since=(status.problem_since or at) if problem else None,
        failures=0,
        due_at=at + spread(every, status.source, at),
        not_before=None,
    )
