"""What a reading of a place changes: mentions that are new, and those that were amended, moved or called off.

The same thing on an updated agenda is one mention. Ids are paths: what is said of the meeting `event/77` holds for all
that stands on its agenda, `event/77/…`. A matter that was filed and is then put on an agenda goes on as what it was; so
does what a document said of the whole agenda before its items came: the item that is most like it takes it over.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.agenda import OFF_AGENDA, RESCHEDULED, AgendaItem, Found, Mention, Place, standing
from bot.domain.agendas.link import listed_there
from bot.domain.agreement import Agreement, Key, ListName, Publication, SupportType
from bot.domain.change import Change, Kind
from bot.domain.document import Document
from bot.domain.lists.names import canonical

LONG_UNREAD = timedelta(days=30)  # then a place is read as if for the first time
MOST_MATCHED = 5
LONGEST_TITLE = 400  # characters; some agendas put the whole resolution there

_MEETINGS = frozenset({"event", "meeting"})
_ENTRIES = frozenset({"entry", "news", "page"})  # dated by when they were published, if their title names no day


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was recorded of a place before this reading: its log, ICE's list, and whether it is read for the first time.

    `participating` is None while ICE's list has not been read. With `is_first`, what is over is recorded in silence,
    and what is to come is said to stand on the agenda already.
    """

    log: Sequence[Change]
    participating: Mapping[Key, Agreement] | None
    is_first: bool


def is_first(read_at: datetime | None, now: datetime) -> bool:
    """Whether a place that was last read well then is read as if for the first time."""
    return read_at is None or now - read_at > LONG_UNREAD


def news(
    place: Place,
    read: Sequence[tuple[AgendaItem, tuple[Found, ...]]],
    documents: Iterable[Document],
    before: Before,
    now: datetime,
) -> tuple[Change, ...]:
    """Return what is to be recorded of a reading: of each item, with where it speaks of 287(g)."""
    runner = _Desk(place, before, now)
    for item, found in sorted(read, key=runner.turn):
        runner.take(item, found)
    by_hash = {document.sha256: document for document in documents}
    return tuple(mentioned(m, _publication(m, by_hash.get(m.evidence), now), kind) for m, kind in runner.changed())


def _publication(mention: Mention, document: Document | None, now: datetime) -> Publication:
    """The document that says it."""
    return Publication(
        name=(document.name if document else "") or mention.source,
        address=document.address if document else mention.address,
        evidence=mention.evidence,
        observed_at=document.fetched_at if document else now,
        rows=0,
    )


class _Desk:
    """The mentions of a place, while a reading is gone through."""

    def __init__(self, place: Place, before: Before, now: datetime) -> None:
        wrong = {change.retracts for change in before.log}
        told = [c for c in before.log if c.mention and c.mention.source == place.name and c.kind is not Kind.RETRACTED]
        self._place, self._before, self._now = place, before, now
        self._zone = ZoneInfo(place.zone)
        self._today = now.astimezone(self._zone).date()
        self._last = {m.item: m for m in standing(c.mention for c in told if c.mention).values()}
        self._wrong = {c.mention.item for c in told if c.mention and c.seq in wrong}
        self._now_said: dict[str, tuple[Mention | None, Mention]] = {}

    def changed(self) -> Iterable[tuple[Mention, Kind]]:
        """Each mention that is not as it was, and as what it is recorded."""
        for before, mention in self._now_said.values():
            kind = self._kind(before, mention)
            is_wrong = mention.item in self._wrong or (before is not None and before.item in self._wrong)
            if kind is not None and not is_wrong:
                known = self._before.participating
                listed = listed_there(known, mention) if known is not None else None
                already = before is None and self._before.is_first and kind is Kind.MENTIONED
                yield replace(mention.after(before), listed=listed, already=already), kind

    def turn(self, read: tuple[AgendaItem, Sequence[Found]]) -> tuple[bool, float]:
        """When an item is gone through: it says more than the whole agenda, and first what that spoke of already."""
        item, found = read
        whole = self._last.get(meeting_of(item.id))
        return _is_document(item), -_likeness(whole.excerpt, item, found) if whole is not None and found else 0.0

    def take(self, item: AgendaItem, found: Sequence[Found]) -> None:
        """Go through one item: what it says of its meeting, and whether it speaks of 287(g) itself."""
        for known in [m for m in self._all() if m.item.startswith(f"{item.id}/")]:
            self._say(known, self._replanned(known, item))
        known_itself = self._known(item.id)
        if found:
            if known_itself is None and self._is_said_otherwise(item):
                return
            if known_itself is None and not _is_document(item):
                known_itself = self._known(meeting_of(item.id))  # the document spoke of this item
            fresh = self._mention(item, found)
            if known_itself is not None and item.id != known_itself.item and known_itself.item.endswith(f"/{item.id}"):
                fresh = _as_on_agenda(fresh, known_itself)
            self._say(known_itself, fresh)
        elif known_itself is not None and item.id == known_itself.item:
            self._say(known_itself, self._without_words(known_itself, item))

    def _all(self) -> list[Mention]:
        """All as they stand now."""
        begun = {before.item for before, _ in self._now_said.values() if before is not None}
        return [m for name, m in self._last.items() if name not in begun] + [m for _, m in self._now_said.values()]

    def _known(self, name: str) -> Mention | None:
        """What was said of this thing, under its own id or as the matter that it is."""
        there = {m.item: m for m in self._all()}
        if name in there:
            return there[name]
        head, sign, matter = name.rpartition("matter/")
        if not sign or "/" in matter:
            return None
        if head:
            return there.get(f"matter/{matter}")
        return next((m for key, m in there.items() if key.endswith(f"/matter/{matter}")), None)

    def _say(self, known: Mention | None, mention: Mention) -> None:
        """Note what a thing says now beside what was recorded of it."""
        before = None if known is None else self._last.get(known.item)
        if known is not None and known.item in self._now_said:
            before, _ = self._now_said.pop(known.item)
        self._now_said[mention.item] = before, mention

    def _is_said_otherwise(self, item: AgendaItem) -> bool:
        """Whether a part of it is known to speak of it, or, where it is a document, anything else of its meeting."""
        others = [m for m in self._all() if meeting_of(m.item) == meeting_of(item.id)]
        return any(_is_document(item) or m.item.startswith(f"{item.id}/") for m in others)

    def _mention(self, item: AgendaItem, found: Sequence[Found]) -> Mention:
        title = item.title if len(item.title) <= LONGEST_TITLE else f"{item.title[: LONGEST_TITLE - 1]}…"
        more = (one for one in found if one.excerpt.casefold().rstrip(" .…") not in title.casefold())
        shown = next(more, found[0])
        return Mention(
            source=self._place.name,
            item=item.id,
            state=self._place.state,
            county=self._place.county,
            body=item.body or self._place.body or self._place.name,
            title=title,
            zone=self._place.zone,
            meets_on=self._day(item.meets_at),
            meets_at=item.meets_at if isinstance(item.meets_at, datetime) else None,
            status=item.status,
            matched=tuple(dict.fromkeys(one.matched for one in found))[:MOST_MATCHED],
            excerpt=shown.excerpt,
            page=shown.page,
            address=item.address,
            evidence=item.evidence,
        )

    def _replanned(self, known: Mention, item: AgendaItem) -> Mention:
        """The same on the day and with the status that its meeting has now; where only that is news, what says it."""
        again = replace(known, status=item.status)
        if item.meets_at is not None:
            at = item.meets_at if isinstance(item.meets_at, datetime) else None
            again = replace(again, meets_on=self._day(item.meets_at), meets_at=at)
        before, _ = self._now_said.get(known.item, (known, known))
        is_only_replanned = before is not None and before.said == again.said and before.planned != again.planned
        return replace(again, evidence=item.evidence) if is_only_replanned else again

    def _without_words(self, known: Mention, item: AgendaItem) -> Mention:
        """What comes without the words: only its meeting, or a text that does not hold them any more."""
        again = self._replanned(known, item)
        was_read = item.address == known.address and not item.unreadable and (known.page is None or bool(item.pages))
        if not was_read or not (item.text or item.pages or item.title != known.title):
            return again
        return replace(again, status=again.status or OFF_AGENDA, evidence=item.evidence)

    def _kind(self, before: Mention | None, mention: Mention) -> Kind | None:
        """As what it is recorded; None where nothing is that a reader would see."""
        if before is None:
            takes_place = mention.is_to_come(self._now) and mention.status in {"", RESCHEDULED}
            is_news = takes_place or not self._before.is_first
            return Kind.MENTIONED if is_news else Kind.LISTED
        if self._is_replanned(before, mention):
            return Kind.MENTIONED
        return Kind.AMENDED if (before.planned, before.said) != (mention.planned, mention.said) else None

    def _is_replanned(self, before: Mention, mention: Mention) -> bool:
        """Whether it was moved, called off, or put back on, which is told; of what is over nothing is."""
        was_ahead, is_ahead = before.is_to_come(self._now), mention.is_to_come(self._now)
        if before.status != mention.status:
            return was_ahead or is_ahead
        if before.planned == mention.planned or not is_ahead or mention.status not in {"", RESCHEDULED}:
            return False
        if before.meets_on == mention.meets_on and None in (before.meets_at, mention.meets_at):
            return False  # the hour became known
        published = mention.item.partition("/")[0] in _ENTRIES and mention.meets_on == self._today
        return not published

    def _day(self, at: datetime | date | None) -> date | None:
        return at.astimezone(self._zone).date() if isinstance(at, datetime) else at


def meeting_of(item: str) -> str:
    """The id of the meeting on whose agenda a thing stands; of a thing by itself its own."""
    kind, _, rest = item.partition("/")
    return f"{kind}/{rest.partition('/')[0]}" if kind in _MEETINGS else item


def _is_document(item: AgendaItem) -> bool:
    """Whether it is a whole agenda, a packet or an attachment, in which more than one thing may stand."""
    return bool(item.pages) or item.id == meeting_of(item.id)


def _likeness(excerpt: str, item: AgendaItem, found: Sequence[Found]) -> float:
    """Which part of the words of what was shown, or of what speaks of it in an item, stands in the other, at best."""
    shown = _words(excerpt)
    said = filter(None, map(_words, (item.title, *(one.excerpt for one in found))))
    return max((len(shown & words) / min(len(shown), len(words)) for words in said if shown), default=0.0)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def _as_on_agenda(filed: Mention, known: Mention) -> Mention:
    """What is filed of a matter that stands on an agenda: its words, on the day and with the status of the meeting."""
    return replace(filed, item=known.item, meets_on=known.meets_on, meets_at=known.meets_at, status=known.status)


def mentioned(mention: Mention, publication: Publication, kind: Kind = Kind.MENTIONED) -> Change:
    """What a place says of 287(g), as a change; `publication` is the document that says it."""
    whoever_spoke = Agreement(
        state=mention.state,
        agency=mention.body,
        canonical=canonical(mention.body, mention.state),
        support_type=SupportType.OTHER,
        county=mention.county,
    )
    return Change(
        kind=kind,
        list=ListName.PARTICIPATING,
        agreement=whoever_spoke,
        publication=publication,
        row=None,
        mention=mention,
    )
