"""Poll one source of ICE's lists. Fetch, parse, vet and reconcile the lists, and record the changes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.domain.agreement import Listing, ListName, Publication
from bot.domain.change import Change, Kind, Known
from bot.domain.document import Document
from bot.domain.language import Language
from bot.domain.letters import counted
from bot.domain.lists.reconcile import Reconciled, dropped, reconcile
from bot.domain.lists.vetting import EARLIER_WITHIN, Held, Ruling, disappearances, doubts, goes_back, hold, stood
from bot.domain.outage import explained, in_words, last_reached, no_list
from bot.domain.source_status import ODDITIES, Reading, SourceStatus
from bot.domain.text.wording import HAPPENED
from bot.domain.timestamps import stamp, stamp_of
from bot.errors import SourceError, Unreadable, UsageError, attribute_errors_to
from bot.pipeline.superseded import without_superseded
from bot.sources import Fetcher, Source
from bot.store import ChangeLog, Record, Store

FIRST_READING = (
    "I've read ICE's list for the first time: {}, with those that are pending. This is the starting point, so "
    "nothing is reported from it."
)
NOTHING_NEW = "I've read the list at {}. Nothing is new."
HELD = (
    "I'm holding back ICE's list {}: {}. Nothing is sent about it until you decide. Look at it with `countersign "
    "held`, then run `countersign approve {}` or `countersign reject` with the same number."
)
SAID = ""  # in words, another line has already said it

log = structlog.get_logger()
Now = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPoll:
    """The result of one poll of ICE's lists.

    It has the changes as recorded, the held listings and a description of the problem, if there was one. `in_words`
    says for anyone what the problem means. `is_good` is True if the participating list was read.
    """

    source: str
    changes: tuple[Change, ...] = ()
    held: tuple[Held, ...] = ()
    problem: str | None = None
    in_words: str | None = None
    is_good: bool = False


async def poll_list(source: Source, *, store: Store, fetch: Fetcher, now: Now, every: timedelta) -> ListPoll:
    """Read a source once and record any changes. If the reading fails, update only the source's status."""
    status = await store.source_status(source.name)
    if status.tried_at is not None and status.tried_at > now():
        log.warning("the clock was set back; polling goes by the new time", was=stamp(status.tried_at))
    try:
        with attribute_errors_to(source.name):
            reading = await source.read(fetch, status)
            if reading is None:
                await store.remember(status.nothing_newer(now(), every))
                return ListPoll(source=source.name, held=tuple(await store.held()))
            reading = await without_superseded(reading, status, store, now())
            done = await process(source, reading, status=status, store=store, at=now(), every=every)
            await _log_reading(source, done, status, store)
            return done
    except SourceError as fault:
        failed = status.failed(fault, now(), every)
        await store.remember(failed)
        words = await _log_failure(source, fault, status, failed, store)
        return ListPoll(source=source.name, problem=str(fault), in_words=words)


async def _log_reading(source: Source, done: ListPoll, before: SourceStatus, store: Store) -> None:
    """Log that a source can be read again and, for a person at a terminal, that nothing is new."""
    if done.problem is not None:
        return
    if before.failures:
        log.info("source read again", source=source.name, in_words=f"I can read {source.host} again.")
    if not done.changes and not done.held:
        again = stamp_of((await store.source_status(source.name)).due_at)
        log.debug("nothing new", source=source.name, again=again, in_words=NOTHING_NEW.format(source.host))


async def _log_failure(
    source: Source, fault: SourceError, before: SourceStatus, failed: SourceStatus, store: Store
) -> str:
    """Log a failed reading: for programs, the problem and what it means, and for people, both in words.

    Return the words.
    """
    reached_at = last_reached(await store.source_statuses(), ())
    since = failed.problem_since
    others_answer = reached_at is not None and since is not None and reached_at >= since
    words = in_words(fault, source.host, others_answer=others_answer)
    again = stamp_of(failed.due_at)
    log.warning("source not read", source=source.name, problem=str(fault), again=again, in_words=words)
    if failed.trouble is not before.trouble and (explanation := explained(failed, reached_at)) is not None:
        log.warning(explanation, in_words=SAID)
    return words


async def process(
    source: Source, reading: Reading, *, status: SourceStatus, store: Store, at: datetime, every: timedelta
) -> ListPoll:
    """Parse, vet and reconcile the lists in a reading, and record the results in one commit.

    An unchanged list isn't parsed again.
    """
    before = await _known_so_far(store)
    judgment = before
    read_at = reading.as_of or at
    for name in ListName:
        if name in reading.documents:
            judgment = await _judge(judgment, name, reading, source, store, read_at)
    judgment = _settle_absences(judgment, reading, status, read_at)
    is_new = judgment.known.seen != before.known.seen
    status, is_good = _status_after(reading, judgment, status, at, every, is_new=is_new), _is_read(judgment)
    if judgment == before and not reading.pages:
        return replace(await _record_status(source, status, store), is_good=is_good)
    done = await _record(source, judgment, status, store, at, pages=reading.pages)
    _log_held(before.held, judgment.held, source.host)
    return replace(done, is_good=is_good)


async def rule(held_id: str, ruling: Ruling, *, source: Source, store: Store, now: Now) -> ListPoll:
    """Apply the operator's ruling on a held listing.

    If the listing is approved, vet the stored copy again immediately. Raise UsageError if there is no such listing, or
    if an unreadable listing is approved.
    """
    held = next((h for h in await store.held() if h.id == held_id), None)
    if held is None:
        raise UsageError(f"No held listing has the number {held_id}. `countersign held` lists them.")
    if ruling is Ruling.APPROVED and not held.readable:
        return await _approve_first_sheet(held, source=source, store=store, at=now())
    others = tuple(h for h in await store.held() if h.id != held_id)
    await store.put_held((*others, replace(held, ruling=ruling)))
    if ruling is Ruling.REJECTED:
        return ListPoll(source=source.name, held=tuple(await store.held()))
    at, status = now(), await store.source_status(source.name)
    before = await _known_so_far(store)
    judgment = await _judge_stored(before, held, source, store, at)
    if judgment == before:
        return await _record_status(source, status, store)
    return await _record(source, judgment, status, store, at)


async def foreseen(held: Held, *, source: Source, store: Store, now: Now) -> tuple[Change, ...]:
    """Return the changes that approving a held listing would record. Nothing is stored.

    Raise UsageError if the listing can't be approved.
    """
    before = await _known_so_far(store)
    if not held.readable:
        return (await _first_sheet(held, before, source, store)).changes
    approved = replace(held, ruling=Ruling.APPROVED)
    return (await _judge_stored(before.holding(held.list, approved), approved, source, store, now())).changes


async def _judge_stored(before: "_Judgment", held: Held, source: Source, store: Store, at: datetime) -> "_Judgment":
    """Vet the stored copy of a held listing again, with the ruling on it."""
    reading = Reading(documents={held.list: _as_unchanged(held.publication, at)})
    return await _judge(before, held.list, reading, source, store, at)


async def _approve_first_sheet(held: Held, *, source: Source, store: Store, at: datetime) -> ListPoll:
    """Accept the first of several sheets, as `_first_sheet` does, and record its changes."""
    judgment = await _first_sheet(held, await _known_so_far(store), source, store)
    return await _record(source, judgment, await store.source_status(source.name), store, at)


async def _first_sheet(held: Held, before: "_Judgment", source: Source, store: Store) -> "_Judgment":
    """Accept the first of several sheets that list the same agreements.

    Raise UsageError if the listing was unreadable for another reason.
    """
    document = await store.evidence(held.publication.evidence)
    refusal = UsageError(
        f"Held listing {held.id} cannot be approved: {'; '.join(held.reasons)}. "
        "It has no effect and will be discarded when the next good list arrives."
    )
    if document is None:
        raise refusal
    try:
        listing = source.parse(document, held.list, first_sheet=True)
    except Unreadable:
        raise refusal from None
    return before.accepting(reconcile(before.known, listing), held.list)


# ── parse, vet, reconcile ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Judgment:
    """The state of the known agreements and held listings while the lists in a reading are being vetted.

    `changes` are the changes found so far. `unreadable` maps each unreadable list to the reason. `oddities` maps each
    parsed list to its notes for the operator.
    """

    known: Known
    held: tuple[Held, ...]
    changes: tuple[Change, ...] = ()
    documents: tuple[Document, ...] = ()
    unreadable: Mapping[ListName, str] = field(default_factory=dict)
    oddities: Mapping[ListName, Mapping[str, str]] = field(default_factory=dict)

    def held_for(self, name: ListName) -> Held | None:
        return next((h for h in self.held if h.list is name), None)

    def holding(self, name: ListName, held: Held | None, *documents: Document) -> "_Judgment":
        others = tuple(h for h in self.held if h.list is not name)
        return replace(self, held=(*others, held) if held else others, documents=self.documents + documents)

    def noting(self, listing: Listing) -> "_Judgment":
        return replace(self, oddities={**self.oddities, listing.list: listing.oddities})

    def without(self, name: ListName, reason: str) -> "_Judgment":
        return replace(self, unreadable={**self.unreadable, name: reason})

    def accepting(self, found: Reconciled, name: ListName, *documents: Document) -> "_Judgment":
        return replace(self.holding(name, None, *documents), known=found.known, changes=self.changes + found.changes)


async def _known_so_far(store: ChangeLog) -> _Judgment:
    return _Judgment(await store.known(), tuple(await store.held()))


async def _judge(
    judgment: _Judgment, name: ListName, reading: Reading, source: Source, store: Store, at: datetime
) -> _Judgment:
    """Accept or hold one list.

    Don't parse the same document twice, unless a held listing is being released.
    """
    document = reading.documents[name]
    seen, held = judgment.known.seen.get(name), judgment.held_for(name)
    if seen is not None and document.sha256 == seen.evidence:
        return judgment.holding(name, None)
    if held is not None and held.publication.evidence == document.sha256:
        held = stood(held, at)
        if not held.is_released:
            judgment = judgment if held.readable else judgment.without(name, held.reasons[0])
            return judgment.holding(name, held)
    new = () if document.unchanged else (document,)
    body = document if new else await store.evidence(document.sha256)
    if body is None:
        raise Unreadable(f"{source.name}: the server says {document.name} is unchanged, but we have no copy of it")
    return await _accept_or_hold(_Candidate(judgment, name, held, source, at, reading.headline, body, new), store)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A document that may be accepted as a new list, and the data needed to decide.

    `held` is the listing currently held for the same list, and `headline` is the total on ICE's page. If the document
    isn't in the evidence yet, `new` also contains it.
    """

    judgment: _Judgment
    name: ListName
    held: Held | None
    source: Source
    at: datetime
    headline: int | None
    document: Document
    new: tuple[Document, ...]

    def accept(self, found: Reconciled) -> _Judgment:
        return self.judgment.accepting(found, self.name, *self.new)

    def hold(self, held: Held) -> _Judgment:
        return self.judgment.holding(self.name, held, *self.new)

    def as_held(self, publication: Publication, reasons: tuple[str, ...], found: Reconciled | None) -> Held:
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

    def unreadable(self, reason: str) -> _Judgment:
        """Hold an unreadable document without recording any changes.

        If a readable listing is already held, keep that one instead.
        """
        if self.held is not None and self.held.readable:
            held = self.held
        else:
            held = self.as_held(_publication_of(self.document), (reason,), None)
        return self.hold(held).without(self.name, reason)


async def _accept_or_hold(candidate: _Candidate, store: Store) -> _Judgment:
    try:
        listing = await asyncio.to_thread(candidate.source.parse, candidate.document, candidate.name)
    except Unreadable as fault:
        return candidate.unreadable(str(fault))
    found = await asyncio.to_thread(reconcile, candidate.judgment.known, listing)
    reasons = await _reasons(candidate, listing, found, store)
    if not reasons:
        return candidate.accept(found).noting(listing)
    held = candidate.as_held(listing.publication, reasons, found)
    return (candidate.accept(found) if held.is_released else candidate.hold(held)).noting(listing)


async def _reasons(candidate: _Candidate, listing: Listing, found: Reconciled, store: Store) -> tuple[str, ...]:
    """Vet a listing and return the reasons to hold it."""
    held = candidate.held
    excused = {agreement.key for agreement in held.gone} if held is not None and held.is_released else set()
    log_so_far = await store.changes(since=candidate.at - EARLIER_WITHIN) if goes_back(found.changes) else ()
    return await asyncio.to_thread(
        doubts,
        candidate.judgment.known,
        listing,
        found.changes,
        headline=candidate.headline,
        excused=excused,
        log=log_so_far,
    )


def _settle_absences(judgment: _Judgment, reading: Reading, status: SourceStatus, at: datetime) -> _Judgment:
    """Record an agreement as dropped when it has been missing from both lists for seven days.

    The seven days start over after a failed reading, because a list that wasn't read can't show which agencies are
    missing.
    """
    both = all(name in reading.documents and judgment.held_for(name) is None for name in ListName)
    if judgment.known.absent and (status.failures or not both):
        absent = dict.fromkeys(judgment.known.absent, at) if both else {}
        return replace(judgment, known=replace(judgment.known, absent=absent))
    changes = dropped(judgment.known, at) if both else ()
    if not changes:
        return judgment
    return replace(judgment, known=judgment.known.after(changes), changes=judgment.changes + changes)


def _publication_of(document: Document) -> Publication:
    return Publication(
        name=document.name,
        address=document.address,
        evidence=document.sha256,
        observed_at=document.fetched_at,
        rows=0,
        way=document.way,
    )


def _as_unchanged(publication: Publication, at: datetime) -> Document:
    """Return a publication as the document we would get if the server answered "304 Not Modified"."""
    return Document(
        address=publication.address,
        name=publication.name,
        body=b"",
        sha256=publication.evidence,
        headers={},
        fetched_at=at,
        unchanged=True,
        way=publication.way,
    )


# ── record ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _record_status(source: Source, status: SourceStatus, store: Store) -> ListPoll:
    """Commit only the source's status, because nothing in the reading was new."""
    await store.remember(status)
    return ListPoll(source=source.name, held=tuple(await store.held()), problem=status.problem)


async def _record(
    source: Source,
    judgment: _Judgment,
    status: SourceStatus,
    store: Store,
    at: datetime,
    *,
    pages: tuple[Document, ...] = (),
) -> ListPoll:
    """Commit all results of a reading in one transaction."""
    changes = await store.record(
        Record(
            status=status,
            recorded_at=at,
            known=judgment.known,
            changes=judgment.changes,
            documents=(*pages, *judgment.documents),
            held=judgment.held,
        )
    )
    _log(changes)
    return ListPoll(source=source.name, changes=tuple(changes), held=judgment.held, problem=status.problem)


def _status_after(
    reading: Reading, judgment: _Judgment, status: SourceStatus, at: datetime, every: timedelta, *, is_new: bool
) -> SourceStatus:
    """Return the source's status after a reading.

    If a list was unreadable, clear the validators so that everything is fetched again.
    """
    problem = "; ".join([*judgment.unreadable.values(), *reading.problems]) or None
    is_read = _is_read(judgment)
    read_at = reading.as_of or at
    return replace(
        status.read_by(reading.way, at, every, problem),
        validators={} if judgment.unreadable else reading.validators,
        facts=_with_oddities(reading.facts, status.facts, judgment),
        read_at=read_at if is_read else status.read_at,
        read_since=status.read_since_at(read_at) if is_read else status.read_since,
        changed_at=read_at if is_new else status.changed_at,
        good_readings=status.good_readings + is_read,
        failed_readings=status.failed_readings + (not is_read),
    )


def _is_read(judgment: _Judgment) -> bool:
    return ListName.PARTICIPATING not in judgment.unreadable


def _with_oddities(facts: Mapping[str, Any], before: Mapping[str, Any], judgment: _Judgment) -> Mapping[str, Any]:
    """Return the source's facts with the notes for the operator.

    The notes about a list are kept until that list is parsed again.
    """
    parsed = {name.value: dict(found) for name, found in judgment.oddities.items()}
    every = {name: found for name, found in {**before.get(ODDITIES, {}), **parsed}.items() if found}
    return {**facts, ODDITIES: every} if every else {k: v for k, v in facts.items() if k != ODDITIES}


def _log_held(before: Sequence[Held], after: Sequence[Held], host: str) -> None:
    """Log one line for each listing that wasn't held before."""
    already = {held.id for held in before}
    for held in after:
        if held.id not in already:
            reasons = "; ".join(held.reasons)
            words = HELD.format(held.publication.name, reasons, held.id) if held.readable else no_list(reasons, host)
            log.warning("held", reasons=reasons, **held.log_context(), in_words=words)


def _log(changes: Sequence[Change]) -> None:
    """Log a line for each change. Log only one line for all the agreements in a first reading."""
    listed = sum(change.kind is Kind.LISTED for change in changes)
    if listed:
        log.info(
            "recorded",
            kind=Kind.LISTED.value,
            agreements=listed,
            in_words=FIRST_READING.format(counted(listed, "agreement")),
        )
    for change in changes:
        if change.kind is not Kind.LISTED:
            log.info("recorded", **change.log_context(), in_words=_in_words(change))


def _in_words(change: Change) -> str:
    agreement, happened = change.agreement, HAPPENED[change.kind](Language.ENGLISH)
    return f"Recorded: {agreement.agency} ({agreement.state}, {agreement.support_type.value}): {happened}."
