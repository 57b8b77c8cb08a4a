"""Compare a reading of a place with the recorded mentions to find new, amended, moved and canceled items.

An item keeps its mention when the agenda is updated. Item ids are paths. A new time or status for the meeting
`event/77` therefore applies to every mention on its agenda, `event/77/…`. A filed matter keeps its mention when it is
added to an agenda. If a mention is found in a whole agenda before the individual items are published, the mention is
later assigned to the most similar item.

An item is about 287(g) if any of its passages is. In that case, its other passages are ignored. If the subject of an
item changes from related to 287(g), the item becomes a new mention. If the subject changes from 287(g) to related, the
recorded mention is marked as taken off the agenda.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from bot.domain.agenda import OFF_AGENDA, RESCHEDULED, AgendaItem, Mention, Passage, Place, Subject, standing
from bot.domain.agendas.editions import says_the_same
from bot.domain.agendas.link import listed_there
from bot.domain.agreement import Agreement, Key, ListName, Publication, SupportType
from bot.domain.change import Change, Kind
from bot.domain.document import Document
from bot.domain.lists.names import canonical
from bot.domain.time_zones import zone_or_utc

LONG_UNREAD = timedelta(days=30)  # a place not read for longer than this is treated as new
MOST_MATCHED = 5
LONGEST_TITLE = 400  # characters; some agendas put the whole resolution there

_MEETINGS = frozenset({"event", "meeting"})
_ENTRIES = frozenset({"entry", "news", "page"})  # dated by publication unless the title names a day


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceContext:
    """The records needed to interpret a reading of a place.

    `log` contains the recorded changes for mentions in the state. `participating` is ICE's list, or None if the list
    has not been read yet. `is_first` is true if the place is treated as new. In that case, mentions of past meetings
    are recorded without an alert, and mentions of upcoming meetings are marked as already on the agenda. `since` is
    when the place was first read at its present site. Ids on an earlier site prove nothing, so an earlier mention only
    keeps the same title for the same day from being reported again, or if it was in a whole agenda, the items on it.
    """

    log: Sequence[Change]
    participating: Mapping[Key, Agreement] | None
    is_first: bool
    since: datetime | None = None

    def is_of_former_site(self, change: Change) -> bool:
        """Return True if a change was recorded before the place moved to its present site."""
        return bool(self.since and change.recorded_at and change.recorded_at < self.since)


def is_first(read_at: datetime | None, now: datetime) -> bool:
    """Return True if a place is treated as new, based on the time of its last reading."""
    return read_at is None or now - read_at > LONG_UNREAD


def changes_from(
    place: Place,
    items: Sequence[tuple[AgendaItem, tuple[Passage, ...]]],
    documents: Iterable[Document],
    context: PlaceContext,
    now: datetime,
) -> tuple[Change, ...]:
    """Return the changes to record after a reading. Each item is paired with its passages."""
    tracker = _Tracker(place, context, now)
    for item, passages in sorted(items, key=tracker.order):
        tracker.add(item, passages)
    by_hash = {document.sha256: document for document in documents}
    changed = ((m, _publication(m, by_hash.get(m.evidence), now), kind) for m, kind in tracker.changed())
    return tuple(mention_change(*each) for each in changed)


def _publication(mention: Mention, document: Document | None, now: datetime) -> Publication:
    """Describe the document that contains the mention."""
    return Publication(
        name=(document.name if document else "") or mention.source,
        address=document.address if document else mention.address,
        evidence=mention.evidence,
        observed_at=document.fetched_at if document else now,
        rows=0,
    )


class _Tracker:
    """The recorded mentions of one place and the updates from a reading."""

    def __init__(self, place: Place, context: PlaceContext, now: datetime) -> None:
        retracted = {change.retracts for change in context.log}
        ours = [c for c in context.log if c.mention and c.mention.source == place.name and c.kind is not Kind.RETRACTED]
        former = [c.mention for c in ours if c.mention and context.is_of_former_site(c)]
        self._former = {_told(m) for m in former}
        self._former_agendas = {_told_of_meeting(m) for m in former if _is_of_whole_agenda(m)}
        ours = [c for c in ours if not context.is_of_former_site(c)]
        self._place, self._context, self._now = place, context, now
        self._zone = zone_or_utc(place.zone)
        self._today = now.astimezone(self._zone).date()
        self._recorded = {m.item: m for m in standing(c.mention for c in ours if c.mention).values()}
        self._retracted = {c.mention.item for c in ours if c.mention and c.seq in retracted}
        self._updated: dict[str, tuple[Mention | None, Mention]] = {}  # the recorded edition, if any, and the new one

    def changed(self) -> Iterable[tuple[Mention, Kind]]:
        """Yield each changed mention and its kind of change. Retracted mentions are skipped."""
        for recorded, mention in self._updated.values():
            is_retracted = bool({mention.item, recorded.item if recorded else mention.item} & self._retracted)
            before = recorded if recorded is not None and recorded.subject is mention.subject else None
            kind = self._kind(before, mention)
            if kind is not None and not is_retracted:
                known = self._context.participating
                listed = listed_there(known, mention) if known is not None else None
                already = before is None and self._context.is_first and kind is Kind.MENTIONED
                is_related = kind is Kind.MENTIONED and mention.subject is Subject.RELATED
                told = replace(mention.after(before), listed=listed, already=already)
                yield told, Kind.RELATED if is_related else kind

    def order(self, read: tuple[AgendaItem, Sequence[Passage]]) -> tuple[bool, float]:
        """Return a sort key for items. Individual items sort before whole agendas because items are more specific.

        Items most similar to a recorded mention sort first.
        """
        item, passages = read
        whole = self._recorded.get(meeting_of(item.id))
        likeness = _likeness(whole.excerpt, item, passages) if whole is not None and passages else 0.0
        return _is_document(item), -likeness

    def add(self, item: AgendaItem, passages: Sequence[Passage]) -> None:
        """Update the mentions from one item. The item's meeting time, status and passages are applied."""
        for known in [m for m in self._all() if m.item.startswith(f"{item.id}/")]:
            self._update(known, self._with_meeting_of(item, known))
        own, subject = self._known(item.id), _subject(passages)
        if own is not None and own.subject is Subject.PROGRAM and subject is Subject.RELATED:
            self._update(own, self._without_passages(own, item))
        elif subject is not None:
            if own is None and self._is_covered(item, subject):
                return
            if own is None and not _is_document(item):
                whole = self._known(meeting_of(item.id))  # the document's mention was about this item
                own = whole if whole is not None and whole.subject is subject else None
            fresh = self._mention(item, [passage for passage in passages if passage.subject is subject])
            if own is not None and item.id != own.item and own.item.endswith(f"/{item.id}"):
                fresh = _as_on_agenda(fresh, own)
            self._update(own, fresh)
        elif own is not None and item.id == own.item:
            self._update(own, self._without_passages(own, item))

    def _all(self) -> list[Mention]:
        """Return all mentions, including the updates so far."""
        replaced = {before.item for before, _ in self._updated.values() if before is not None}
        recorded = (m for name, m in self._recorded.items() if name not in replaced)
        return [*recorded, *(m for _, m in self._updated.values())]

    def _known(self, name: str) -> Mention | None:
        """Return the mention with this id, or a mention of the same matter with a different id."""
        mentions = {m.item: m for m in self._all()}
        if name in mentions:
            return mentions[name]
        head, sign, matter = name.rpartition("matter/")
        if not sign or "/" in matter:
            return None
        if head:
            return mentions.get(f"matter/{matter}")
        return next((m for key, m in mentions.items() if key.endswith(f"/matter/{matter}")), None)

    def _update(self, known: Mention | None, mention: Mention) -> None:
        """Store a new edition of a mention together with the recorded edition."""
        before = None if known is None else self._recorded.get(known.item)
        if known is not None and known.item in self._updated:
            before, _ = self._updated.pop(known.item)
        self._updated[mention.item] = before, mention

    def _is_covered(self, item: AgendaItem, subject: Subject) -> bool:
        """Return True if part of this item already has a mention.

        A document is also covered by any other mention from the same meeting. A related mention never covers a mention
        of 287(g).
        """
        others = [m for m in self._all() if meeting_of(m.item) == meeting_of(item.id)]
        others = [m for m in others if m.subject in {Subject.PROGRAM, subject}]
        return any(_is_document(item) or m.item.startswith(f"{item.id}/") for m in others)

    def _mention(self, item: AgendaItem, passages: Sequence[Passage]) -> Mention:
        title = item.title if len(item.title) <= LONGEST_TITLE else f"{item.title[: LONGEST_TITLE - 1]}…"
        beyond_title = (p for p in passages if p.excerpt.casefold().rstrip(" .…") not in title.casefold())
        shown = next(beyond_title, passages[0])
        return Mention(
            source=self._place.name,
            item=item.id,
            state=self._place.state,
            county=self._place.county,
            body=item.body or self._place.body or self._place.name,
            title=title,
            zone=self._place.zone,
            meets_on=self._meeting_day(item),
            meets_at=item.meets_at if isinstance(item.meets_at, datetime) else None,
            status=item.status,
            subject=passages[0].subject,
            matched=tuple(dict.fromkeys(passage.matched for passage in passages))[:MOST_MATCHED],
            excerpt=shown.excerpt,
            page=shown.page,
            has_scans=not all(map(str.strip, item.pages)),
            by_ocr=shown.by_ocr,
            address=item.address,
            evidence=item.evidence,
        )

    def _with_meeting_of(self, item: AgendaItem, known: Mention) -> Mention:
        """Return the mention with the date, time and status of the item's meeting.

        If nothing else has changed, the item's document becomes the evidence. A mention that was taken off the agenda
        keeps that status, because this item may be only the calendar's entry for the meeting and not its agenda.
        """
        again = replace(known, status=item.status or (OFF_AGENDA if known.status == OFF_AGENDA else ""))
        if item.meets_at is not None:
            at = item.meets_at if isinstance(item.meets_at, datetime) else None
            again = replace(again, meets_on=self._meeting_day(item), meets_at=at)
        before, _ = self._updated.get(known.item, (known, known))
        is_only_moved = before is not None and before.said == again.said and before.planned != again.planned
        return replace(again, evidence=item.evidence) if is_only_moved else again

    def _without_passages(self, known: Mention, item: AgendaItem) -> Mention:
        """Update a mention if its item has no passages in this reading.

        If the item's text was read again, mark the mention as taken off the agenda. Otherwise, update only the meeting.
        """
        again = self._with_meeting_of(item, known)
        is_whole = not item.unreadable and not _may_be_in_scan(known, item)
        was_read = item.address == known.address and is_whole and (known.page is None or bool(item.pages))
        if not was_read or not (item.text or item.pages or item.title != known.title):
            return again
        return replace(again, status=again.status or OFF_AGENDA, evidence=item.evidence)

    def _kind(self, before: Mention | None, mention: Mention) -> Kind | None:
        """Return the kind of change to record, or None if nothing changed for readers."""
        if before is None:
            takes_place = mention.is_to_come(self._now) and mention.status in {"", RESCHEDULED}
            is_known = self._context.is_first and self._was_told_before(mention)
            is_news = (takes_place and not is_known) or not self._context.is_first
            return Kind.MENTIONED if is_news else Kind.LISTED
        if self._is_moved(before, mention):
            return Kind.MENTIONED
        is_same = before.planned == mention.planned and says_the_same(before, mention)
        return None if is_same else Kind.AMENDED

    def _was_told_before(self, mention: Mention) -> bool:
        """Return True if the former site reported the mention, or one in the whole agenda of its meeting."""
        return _told(mention) in self._former or _told_of_meeting(mention) in self._former_agendas

    def _is_moved(self, before: Mention, mention: Mention) -> bool:
        """Return True if an upcoming meeting was moved, canceled or put back on the calendar."""
        was_ahead, is_ahead = before.is_to_come(self._now), mention.is_to_come(self._now)
        if before.status != mention.status:
            return was_ahead or is_ahead
        if before.planned == mention.planned or not is_ahead or mention.status not in {"", RESCHEDULED}:
            return False
        if before.meets_on == mention.meets_on and None in (before.meets_at, mention.meets_at):
            return False  # only the time of day was added or removed
        is_published_today = mention.item.partition("/")[0] in _ENTRIES and mention.meets_on == self._today
        return not is_published_today

    def _meeting_day(self, item: AgendaItem) -> date | None:
        at = item.meets_at
        return at.astimezone(self._zone).date() if isinstance(at, datetime) else at


def meeting_of(item: str) -> str:
    """Return the id of the item's meeting. If the item isn't on an agenda, return the item's own id."""
    kind, _, rest = item.partition("/")
    return f"{kind}/{rest.partition('/')[0]}" if kind in _MEETINGS else item


def _is_document(item: AgendaItem) -> bool:
    """Return True if the item is a whole agenda, packet or attachment, which may cover several agenda items."""
    return bool(item.pages) or item.id == meeting_of(item.id)


def _may_be_in_scan(known: Mention, item: AgendaItem) -> bool:
    """Return True if a mention may be on a scanned page that no one has read, although a stamp on it has letters.

    A single such page may be only a cover, unless OCR found the mention.
    """
    unread = {*item.scans} - {*item.by_ocr}
    return bool(unread) and (known.by_ocr or len(unread) * 2 >= len(item.pages))


def _subject(passages: Sequence[Passage]) -> Subject | None:
    """Return the subject of an item, based on its passages. Return None if there are no passages."""
    if any(passage.subject is Subject.PROGRAM for passage in passages):
        return Subject.PROGRAM
    return Subject.RELATED if passages else None


def _told(mention: Mention) -> tuple[Subject, date | None, str]:
    """Return what a mention reports apart from its id: its subject, its meeting's day and its title."""
    return mention.subject, mention.meets_on, " ".join(_words_in_order(mention.title))


def _told_of_meeting(mention: Mention) -> tuple[Subject, date | None, str]:
    """Return what a mention reports of its meeting: its subject, the meeting's day and the body."""
    return mention.subject, mention.meets_on, " ".join(_words_in_order(mention.body))


def _is_of_whole_agenda(mention: Mention) -> bool:
    """Return True if a mention is in a whole agenda, which has the name of the body."""
    return mention.meets_on is not None and _words(mention.title) == _words(mention.body)


def _likeness(excerpt: str, item: AgendaItem, passages: Sequence[Passage]) -> float:
    """Return the similarity, from 0 to 1, between an excerpt and an item's title or most similar passage.

    The similarity is the number of shared words divided by the number of words in the shorter of the two.
    """
    shown = _words(excerpt)
    candidates = filter(None, map(_words, (item.title, *(passage.excerpt for passage in passages))))
    return max((len(shown & words) / min(len(shown), len(words)) for words in candidates if shown), default=0.0)


def _words(text: str) -> frozenset[str]:
    return frozenset(_words_in_order(text))


def _words_in_order(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _as_on_agenda(filed: Mention, known: Mention) -> Mention:
    """Return the mention of a filed matter, using the id, date and status from its mention on an agenda."""
    return replace(filed, item=known.item, meets_on=known.meets_on, meets_at=known.meets_at, status=known.status)


def mention_change(mention: Mention, publication: Publication, kind: Kind = Kind.MENTIONED) -> Change:
    """Return a mention as a change. The local body is used as the agency, and `publication` is the document."""
    body = Agreement(
        state=mention.state,
        agency=mention.body,
        canonical=canonical(mention.body, mention.state),
        support_type=SupportType.OTHER,
        county=mention.county,
    )
    return Change(
        kind=kind,
        list=ListName.PARTICIPATING,
        agreement=body,
        publication=publication,
        row=None,
        mention=mention,
    )
