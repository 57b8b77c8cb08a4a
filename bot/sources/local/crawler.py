"""What a listing names is followed: what is new or amended is read, with its agenda and its documents.

    listed ─► changed? ─► its agenda ─► its documents, where they are new ─► items
                 └── or, once a day, still to come: agendas are amended behind the listing's back

Ids are paths: what stands on the agenda of `event/77` is `event/77/…`. The document whose id is that of the listed
thing itself is its agenda, and read as part of it.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import Any

from bot.domain.agenda import AgendaItem
from bot.domain.document import Document, Expect
from bot.errors import Blocked, SourceError, Unreachable, Unreadable
from bot.sources.local.session import RECENT, ReadSession, fingerprint

GONE = "taken off the calendar"
MOST_LISTED = 1_000
LONGEST_PAPER = 1_000_000  # characters of a document without pages
FEW = 2  # meetings may leave a calendar at once; more, and more than half, are not believed

State = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A document that belongs to something listed.

    Another `stamp` means another edition of it. `shown` is what a reader opens, where that is not the `address`.
    """

    id: str
    title: str
    address: str
    stamp: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A meeting or an entry as the listing has it; another `stamp` means that something of it changed.

    `agenda` is the address of its items, empty for none (yet).
    """

    item: AgendaItem
    stamp: str = ""
    papers: tuple[Paper, ...] = ()
    agenda: str = ""

    @property
    def fingerprint(self) -> str:
        """Another one when anything is that a reader would see."""
        item = self.item
        papers = [(paper.id, paper.stamp) for paper in self.papers]
        return fingerprint(
            self.stamp, item.title, item.text, item.body, item.meets_at, item.status, item.address, papers, self.agenda
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """What stands on the agenda of something listed.

    `papers` are documents worth opening, `refs` what it speaks of (ids of the platform). One that is not complete is
    asked for again while its meeting is to come.
    """

    items: tuple[AgendaItem, ...] = ()
    papers: tuple[Paper, ...] = ()
    refs: tuple[str, ...] = ()
    is_complete: bool = True


ReadAgenda = Callable[[Listed, Document], Agenda]


class Crawler:
    """Follows what one listing names; `name` is where its facts are remembered, `states` what to remember.

    With `is_calendar` something to come that is no longer listed is said to be off the calendar.
    """

    def __init__(
        self, visit: ReadSession, name: str, *, read_agenda: ReadAgenda | None = None, is_calendar: bool = False
    ) -> None:
        self._visit = visit
        self._known: Mapping[str, State] = visit.status.facts.get(name) or {}
        self._read_agenda = read_agenda
        self._is_calendar = is_calendar
        self.states: dict[str, State] = {}

    @property
    def refs(self) -> set[str]:
        """What the agendas speak of that were read by now."""
        return {ref for state in self.states.values() for ref in state.get("refs", ())}

    def rest(self) -> None:
        """The listing says what it said the last time: remember on what is remembered."""
        self.states = dict(self._known)
        for name, state in self.states.items():
            self._carry(name, state)

    def _carry(self, name: str, state: State) -> None:
        for key in (name, state.get("agenda", ""), *state.get("papers", ())):
            self._visit.carry(key)

    async def follow(
        self,
        listed: Sequence[Listed],
        *,
        evidence: str = "",
        is_complete: bool = True,
        asks_until: date | None = None,
    ) -> list[AgendaItem]:
        """What is new or amended among what is listed, the most urgent read first.

        `evidence` is of the listing, which `is_complete` if nothing of it was cut off. The agendas of meetings to come
        by the day `asks_until` are asked for although they do not seem to have changed.
        """
        self.states = {}
        once: dict[str, Listed] = {}  # in the order of the listing, which holds among those of one day
        for each in listed[:MOST_LISTED]:
            once.setdefault(each.item.id, each)
        found: list[AgendaItem] = []
        for each in sorted(once.values(), key=lambda each: _urgency(each.item, self._visit)):
            known = self._known.get(each.item.id, {})
            self._carry(each.item.id, known)
            one = _One(self._visit, each, known, asks_until=asks_until)
            found += await one.read(self._read_agenda)
            self.states[each.item.id] = one.state(with_words=self._is_calendar)
        if self._is_calendar:
            found += self._vanished(once, evidence, is_complete=is_complete and len(listed) <= MOST_LISTED)
        return found

    def _vanished(self, once: Mapping[str, Listed], evidence: str, *, is_complete: bool) -> list[AgendaItem]:
        """Meetings to come that are no longer listed, unless there are so many that the listing is not believed."""
        ahead = {name for name, state in self._known.items() if "title" in state and self._is_ahead(state)}
        gone = sorted(ahead - once.keys())
        if not gone:
            return []
        if is_complete and once and len(gone) <= max(FEW, len(ahead) // 2):
            return [_gone(name, self._known[name], evidence, self._visit.zone) for name in gone]
        self.states |= {name: self._known[name] for name in gone}
        if is_complete:
            self._visit.note(
                f"{self._visit.place.name}: {len(gone)} of {len(ahead)} meetings to come are missing from the calendar "
                "at once, which is not believed"
            )
        return []

    def _is_ahead(self, state: State) -> bool:
        return is_ahead(_when(state["at"]), self._visit)


class _One:
    """Something listed, while it is followed."""

    def __init__(self, visit: ReadSession, each: Listed, known: State, *, asks_until: date | None) -> None:
        self._visit = visit
        self._each = each
        self._is_changed = known.get("stamp") != each.fingerprint
        self._is_ahead = is_ahead(each.item.meets_at, visit)
        self._is_near = self._is_ahead or _is_recent(each.item, visit)
        self._is_wanted = self._is_near or visit.is_first
        self._looks_again = visit.looks_again and self._is_ahead
        is_soon = self._is_ahead and asks_until is not None and _is_by(asks_until, each.item)
        self._reads = self._is_changed or bool(known.get("ask"))
        self._asks = self._reads or self._looks_again or is_soon
        self._ask = False
        self._refs: Sequence[str] = known.get("refs", ())
        self._papers: dict[str, Sequence[str]] = dict(known.get("papers", {}))

    def state(self, *, with_words: bool) -> State:
        """What to remember of it, as short as may be."""
        item = self._each.item
        words = with_words and self._is_ahead and item.meets_at is not None
        return {
            "stamp": self._each.fingerprint,
            **({"ask": True} if self._ask else {}),
            **({"agenda": self._each.agenda} if self._each.agenda else {}),
            **({"refs": list(self._refs)} if self._refs else {}),
            **({"papers": self._papers} if self._papers else {}),
            **(_words(item) if words else {}),
        }

    async def read(self, read_agenda: ReadAgenda | None) -> list[AgendaItem]:
        """What is to be said of it: itself if it changed, its items if they did, its documents if they are new."""
        own = self._each.item if self._is_changed else None
        agenda = await self._agenda(read_agenda) if read_agenda and self._each.agenda else Agenda()
        found = list(agenda.items)
        for paper in (*self._each.papers, *agenda.papers):
            read = await self._paper(paper)
            if read is not None and paper.id == self._each.item.id:
                own = read
            elif read is not None:
                found.append(read)
        return [own, *found] if own else found

    async def _agenda(self, read_agenda: ReadAgenda) -> Agenda:
        """Its agenda, where it is another one than the last time."""
        if not self._asks or not self._is_wanted:
            return Agenda()
        address = self._each.agenda
        if not self._visit.may_ask(address) or self._visit.agendas <= 0:
            return self._later()
        self._visit.agendas -= 1
        document = await self._visit.attempt(address, expect=Expect.JSON, whole=self._reads)
        if isinstance(document, SourceError):
            return self._later() if isinstance(document, Blocked | Unreachable) else Agenda()
        is_known = self._visit.is_known(document, address)
        if is_known and not self._reads:
            return Agenda()
        try:
            agenda = read_agenda(self._each, document)
        except Unreadable as fault:
            self._visit.note(f"{self._visit.place.name}: {fault}")
            return Agenda()
        self._refs = agenda.refs
        if not agenda.is_complete:
            self._later()
        return replace(agenda, items=()) if is_known and not self._is_changed else agenda

    def _later(self) -> Agenda:
        """Ask for the agenda again the next time, for itself or for a document of it that was not read."""
        self._ask = self._is_near
        self._visit.left_over |= self._is_near
        return Agenda()

    async def _paper(self, paper: Paper) -> AgendaItem | None:
        """A document, where it is new or its listed thing changed; None where there is nothing to say of it."""
        stamp, sha256 = self._papers.get(paper.id, ("", ""))
        is_new = paper.id not in self._papers or stamp != paper.stamp
        is_told = self._is_changed and paper.id == self._each.item.id
        if not self._is_wanted or not (is_new or is_told or self._looks_again):
            return None
        if not self._visit.may_ask(paper.address) or self._visit.papers <= 0:
            self._later()
            return None
        document = await self._visit.attempt(paper.address, key=paper.id, whole=is_told)
        if isinstance(document, Unreachable):
            self._later()
            return None
        if isinstance(document, SourceError):  # tried again tomorrow, if the meeting is still to come then
            self._papers[paper.id] = (paper.stamp, "")
            return None
        self._papers[paper.id] = (paper.stamp, document.sha256[:16])
        if document.unchanged or (document.sha256[:16] == sha256 and not is_told):
            return None
        self._visit.papers -= 1
        return await _opened(paper, self._each.item, document)


async def _opened(paper: Paper, item: AgendaItem, document: Document) -> AgendaItem:
    """What a document says, as part of what it belongs to or as an item beside it."""
    read = replace(item, address=paper.shown or paper.address, evidence=document.sha256)
    if paper.id != item.id:
        read = replace(read, id=paper.id, title=paper.title, text="")
    try:
        pages, text = await texts(document)
    except Unreadable as fault:
        return replace(read, unreadable=str(fault))
    return replace(read, pages=pages, unreadable=blank(pages), text=f"{read.text}\n{text}".strip())


async def texts(document: Document, selector: str | None = None) -> tuple[tuple[str, ...], str]:
    """The pages of a PDF, or the readable text of a web page (of the part that the selector names)."""
    from bot.sources.formats.html import pdf_pages, readable_html  # noqa: PLC0415 - most readings bring nothing to read

    match Expect.seen_in(document.body):
        case Expect.PDF:
            return await asyncio.to_thread(pdf_pages, document.body), ""
        case Expect.HTML:
            return (), (await asyncio.to_thread(readable_html, document.body, selector))[:LONGEST_PAPER]
        case seen:
            raise Unreadable(f"{document.address} is {seen or 'something else'}, neither a PDF nor a web page")


def blank(pages: Sequence[str]) -> str:
    """Which pages have no text, which is what a scan looks like; empty when all have."""
    without = [number for number, page in enumerate(pages, start=1) if not page.strip()]
    if not without:
        return ""
    if len(without) == len(pages):
        return f"none of its {len(pages)} pages has text (a scan?)"
    named = ", ".join(map(str, without[:10])) + (" …" if len(without) > 10 else "")
    return f"{len(without)} of its {len(pages)} pages have no text ({named})"


# ── when it meets ────────────────────────────────────────────────────────────────────────────────────────────────────


def is_ahead(at: datetime | date | None, visit: ReadSession) -> bool:
    """Whether a meeting is still to come."""
    if isinstance(at, datetime):
        return at > visit.now
    return at is not None and at >= visit.today


def _is_recent(item: AgendaItem, visit: ReadSession) -> bool:
    """Whether it was not long ago, or may have been."""
    return item.meets_on is None or item.meets_on >= visit.today - RECENT


def _is_by(day: date, item: AgendaItem) -> bool:
    return item.meets_on is not None and item.meets_on <= day


def _urgency(item: AgendaItem, visit: ReadSession) -> tuple[int, int]:
    """To come, the soonest first; then without a day; then over, the latest first."""
    if item.meets_on is None:
        return 1, 0
    day = item.meets_on.toordinal()
    return (0, day) if is_ahead(item.meets_at, visit) else (2, -day)


def _words(item: AgendaItem) -> State:
    """What is said of a meeting when it has left the calendar."""
    assert item.meets_at is not None
    return {"title": item.title, "body": item.body, "at": item.meets_at.isoformat(), "address": item.address}


def _gone(name: str, state: State, evidence: str, zone: tzinfo) -> AgendaItem:
    at = _when(state["at"])
    return AgendaItem(
        id=name,
        title=state["title"],
        body=state["body"],
        address=state["address"],
        meets_at=at.astimezone(zone) if isinstance(at, datetime) else at,
        status=GONE,
        evidence=evidence,
    )


def _when(text: str) -> datetime | date:
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)


# ── what is worth opening ────────────────────────────────────────────────────────────────────────────────────────────

_STRONG = re.compile(
    r"\b287\b|287\s?\(?g|immigration|inmigraci[oó]n|customs|detainer|\bDHS\b|(?-i:\bICE\b)|task force|warrant|deport",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"sheriff|police|jail|detention|correction|law enforcement|public safety|constable|agreement|memorand|\bMO[AU]s?\b|"
    r"homeland|inmate|federal|resolution",
    re.IGNORECASE,
)


def promise(*words: str) -> int:
    """How much a document of this name promises: 2 for words of the matter, 1 for its surroundings, 0 for neither."""
    said = " ".join(words)
    return 2 if _STRONG.search(said) else 1 if _WEAK.search(said) else 0


def promising(papers: Iterable[Paper]) -> tuple[Paper, ...]:
    """The documents whose titles are worth opening, those that promise most first."""
    return tuple(sorted(filter(lambda p: promise(p.title), papers), key=lambda p: -promise(p.title)))
