"""A crawler for the index of a place, which is the calendar, feed or search page that lists its meetings and entries.

    index ─► changed entries ─► their agendas ─► their documents, if new ─► items
                 └── once a day, also upcoming entries, because an agenda can change without a change in the index

Ids are paths. For example, the id of an item on the agenda of `event/77` starts with `event/77/`. If a document has the
same id as its entry, the document is the entry's own agenda and is read as part of the entry. The same is true of an
agenda's item with the id of its entry.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import Any, TypeVar

from bot.domain.agenda import OFF_CALENDAR, AgendaItem
from bot.domain.document import Document, Expect, Form
from bot.errors import Blocked, SourceError, StandIn, Unreachable, Unreadable
from bot.sources.formats.document_text import pages_without_text, read_document
from bot.sources.formats.fields import fingerprint, place_on_site
from bot.sources.local.session import RECENT, ReadSession

MOST_ENTRIES = 1_000  # in one index
FEW = 2  # this many meetings, or half of them, may leave a calendar at once; if more leave, we don't believe it

EntryFacts = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedDocument:
    """A document that an entry links to.

    `version` changes when the platform reports a change in the document. `public_address` is the address to show to
    readers, if it differs from `address`. `instead` is the address to read if this one isn't a file with text.
    """

    id: str
    title: str
    address: str
    version: str = ""
    public_address: str = ""
    instead: str = ""


_Part = TypeVar("_Part", AgendaItem, LinkedDocument)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """A meeting, agenda or news entry in the index.

    `version` changes when the platform reports a change in the entry. `agenda` is the address of the agenda's items, or
    an empty string if there is no agenda yet. `form` is the form to send there, if any, and `instead` are the documents
    to read if there is no agenda at that address. `agenda_items` are the agenda's items, if the index has them itself.

    `words` is used only if the platform's ids aren't reliable. It contains hashes of the entry's words, and two entries
    with a hash in common are the same entry, even if their ids differ.
    """

    item: AgendaItem
    version: str = ""
    documents: tuple[LinkedDocument, ...] = ()
    agenda: str = ""
    form: Form | None = None
    instead: tuple[LinkedDocument, ...] = ()
    agenda_items: tuple[AgendaItem, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def agenda_key(self) -> str:
        """The key of the agenda's validators: its address, and the entry's id if many agendas have one address."""
        return f"{self.agenda} {self.item.id}" if self.form else self.agenda

    @property
    def fingerprint(self) -> str:
        """A short hash of the entry that changes when the entry changes."""
        item = self.item
        documents = [(document.id, document.version) for document in self.documents]
        shown = (item.title, item.text, item.body, item.meets_at, item.status, item.address)
        return fingerprint(self.version, *shown, documents, self.agenda)

    @property
    def content(self) -> str:
        """A hash of the entry that stays the same if only the entry's id, the site's name or a session changes."""
        item, versions = self.item, [document.version for document in self.documents]
        shown = (item.title, item.text, item.body, item.meets_at, item.status, place_on_site(item.address))
        return fingerprint(self.version, *shown, versions)

    def under(self, name: str) -> "IndexEntry":
        """Return a copy of the entry with this id. The ids of its documents and its agenda's items follow."""
        return replace(
            self,
            item=_under(self.item, self.item.id, name),
            documents=tuple(_under(each, self.item.id, name) for each in self.documents),
            instead=tuple(_under(each, self.item.id, name) for each in self.instead),
            agenda_items=tuple(_under(each, self.item.id, name) for each in self.agenda_items),
        )

    def is_stored_as(self, name: str, stored: "EntryFacts") -> bool:
        """Return whether this entry is already stored, but under another id."""
        if "words" in stored:
            return bool(set(self.words) & set(stored["words"]))
        return bool(stored.get("stamp") == self.under(name).fingerprint)  # stored before the words were


def _under(part: _Part, own: str, name: str) -> _Part:
    """Return a part of an entry, whose id begins with the entry's own, under the entry's new id."""
    is_below = part.id == own or part.id.startswith(f"{own}/")
    return replace(part, id=f"{name}{part.id.removeprefix(own)}") if is_below else part


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedAgenda:
    """The items on an agenda, the documents worth opening and the platform's ids for the matters on the agenda.

    If an agenda isn't complete, it is fetched again while its meeting is upcoming or recent.
    """

    items: tuple[AgendaItem, ...] = ()
    documents: tuple[LinkedDocument, ...] = ()
    matters: tuple[str, ...] = ()
    is_complete: bool = True


ParseAgenda = Callable[[IndexEntry, Document], ParsedAgenda]


class Crawler:
    """A crawler for the entries in one index.

    `name` is the key under which the index's facts are stored in the status. `facts` are the facts to store, by entry
    id. `agenda_expect` is the type of the agendas. If `is_calendar` is true, an upcoming meeting
    is reported as taken off the calendar when it is missing from the index.
    """

    def __init__(
        self,
        session: ReadSession,
        name: str,
        *,
        parse_agenda: ParseAgenda | None = None,
        agenda_expect: Expect = Expect.JSON,
        is_calendar: bool = False,
    ) -> None:
        self._session = session
        self._agenda_expect = agenda_expect
        self._stored: Mapping[str, EntryFacts] = session.status.facts.get(name) or {}
        self._parse_agenda = parse_agenda
        self._is_calendar = is_calendar
        self.facts: dict[str, EntryFacts] = {}

    @property
    def matters(self) -> set[str]:
        """The ids of the matters on all known agendas."""
        return {matter for facts in self.facts.values() for matter in facts.get("refs", ())}

    def keep_stored(self) -> None:
        """Keep the stored facts and validators. Call this if the index is unchanged."""
        self.facts = dict(self._stored)
        for name, facts in self.facts.items():
            self._keep_validators(name, facts)

    def _keep_validators(self, name: str, facts: EntryFacts) -> None:
        for key in (name, facts.get("agenda", ""), *facts.get("papers", ())):
            self._session.keep_validators(key)

    async def crawl(
        self,
        entries: Sequence[IndexEntry],
        *,
        evidence: str = "",
        is_complete: bool = True,
        recheck_until: date | None = None,
    ) -> list[AgendaItem]:
        """Return the new and amended items from these entries. The most urgent entries are read first.

        `evidence` is the hash of the index. `is_complete` is true if the whole index was read. The agendas of upcoming
        meetings through `recheck_until` are fetched even if they seem unchanged.
        """
        if not entries and not self._is_calendar:
            self.keep_stored()  # an empty feed says nothing about the entries it had
            return []
        self.facts = {}
        once: dict[str, IndexEntry] = {}  # in the index's order, which decides among entries for the same day
        unique = {entry.item.id: entry for entry in reversed(self._told_apart(entries))}
        for entry in self._under_stored_ids(self._most_urgent([*reversed(unique.values())])):
            once.setdefault(entry.item.id, entry)
        items: list[AgendaItem] = []
        for entry in sorted(once.values(), key=lambda entry: _urgency(entry.item, self._session)):
            stored = self._stored.get(entry.item.id, {})
            self._keep_validators(entry.item.id, stored)
            crawl = _EntryCrawl(
                self._session, entry, stored, recheck_until=recheck_until, agenda_expect=self._agenda_expect
            )
            items += await crawl.read(self._parse_agenda)
            look = {"look": self._look(entry)} if self._is_calendar else {}
            self.facts[entry.item.id] = {**crawl.facts(with_words=self._is_calendar), **look}
        if self._is_calendar:
            is_whole = is_complete and len(unique) <= MOST_ENTRIES and not self._session.has_skipped
            items += self._vanished(once, evidence, is_complete=is_whole)
        return items

    def _most_urgent(self, entries: Sequence[IndexEntry]) -> Sequence[IndexEntry]:
        """Return the entries or, if there are too many to read, the most urgent ones."""
        if len(entries) <= MOST_ENTRIES:
            return entries
        self._session.note(
            f"{self._session.place.name}: {len(entries):,} entries came at once; only the {MOST_ENTRIES:,} next and "
            "latest were read"
        )
        return sorted(entries, key=lambda entry: _urgency(entry.item, self._session))[:MOST_ENTRIES]

    def _told_apart(self, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        """Return the entries. If different meetings share an id, all but the first get ids of their own.

        Meetings differ in their times or, on a calendar, in their titles. Each keeps the id that it is stored under, no
        matter which of them the index has or in what order.
        """
        stored = {name: _stored_look(facts) for name, facts in self._stored.items()}
        looks = [(entry, self._look(entry)) for entry in entries]
        first = {entry.item.id: look for entry, look in looks if stored.get(entry.item.id) == look}
        apart: list[IndexEntry] = []
        for entry, look in looks:
            own = f"{entry.item.id}~{look}"
            is_first = first.get(entry.item.id) == look
            is_other = not is_first and (own in stored or first.setdefault(entry.item.id, look) != look)
            apart.append(entry.under(own) if is_other else entry)
        return apart

    def _look(self, entry: IndexEntry) -> str:
        """Return a hash of what tells a meeting from others with its id."""
        at = entry.item.meets_at
        return fingerprint(entry.item.title if self._is_calendar else "", at.isoformat() if at else "")

    def _under_stored_ids(self, entries: Sequence[IndexEntry]) -> Iterator[IndexEntry]:
        """Yield the entries. An entry that is already stored under another id gets the stored id.

        All ids in a feed can change, for example when the site moves to https or to another domain. On a calendar, a
        clerk may enter the same meeting again, which then has the same title and time.
        """
        listed = {entry.item.id for entry in entries}
        left = {name: facts for name, facts in self._stored.items() if name not in listed}
        looks = {look: name for name, facts in left.items() if (look := _stored_look(facts))}
        for entry in entries:
            is_dated = entry.item.meets_at is not None and entry.item.id not in self._stored
            again = looks.pop(self._look(entry), "") if self._is_calendar and is_dated else ""
            if again and again in left:
                del left[again]
                yield entry.under(again)
                continue
            is_unknown = bool(left and entry.words) and entry.item.id not in self._stored
            same = [name for name, facts in left.items() if entry.is_stored_as(name, facts)] if is_unknown else []
            if not same:
                yield entry
                continue
            name = next((name for name in same if left[name].get("content") == entry.content), same[0])
            del left[name]
            yield entry.under(name)

    def _vanished(self, once: Mapping[str, IndexEntry], evidence: str, *, is_complete: bool) -> list[AgendaItem]:
        """Return the upcoming meetings that are no longer on the calendar.

        If too many meetings disappear at once, return none, because an error is more likely.
        """
        upcoming = {name for name, facts in self._stored.items() if "title" in facts and self._is_upcoming(facts)}
        gone = sorted(upcoming - once.keys())
        if not gone:
            return []
        if is_complete and once and len(gone) <= max(FEW, len(upcoming) // 2):
            return [_off_calendar(name, self._stored[name], evidence, self._session.zone) for name in gone]
        self.facts |= {name: self._stored[name] for name in gone}
        if is_complete:
            self._session.note(
                f"{self._session.place.name}: {len(gone)} of {len(upcoming)} upcoming meetings vanished from the "
                "calendar at once, too many to believe"
            )
        return []

    def _is_upcoming(self, facts: EntryFacts) -> bool:
        return is_upcoming(_parsed_time(facts["at"]), self._session)


class _EntryCrawl:
    """The crawl of one entry, its agenda and its documents."""

    def __init__(
        self,
        session: ReadSession,
        entry: IndexEntry,
        stored: EntryFacts,
        *,
        recheck_until: date | None,
        agenda_expect: Expect,
    ) -> None:
        self._session = session
        self._agenda_expect = agenda_expect
        self._said: str = stored.get("said", "")  # the items of an agenda that is a web page
        self._entry = entry
        is_same = bool(entry.words) and stored.get("content") == entry.content
        self._is_changed = stored.get("stamp") != entry.fingerprint and not is_same
        self._is_upcoming = is_upcoming(entry.item.meets_at, session)
        self._is_current = self._is_upcoming or _is_recent(entry.item, session)
        self._is_wanted = self._is_current or session.is_first
        self._rechecks = session.is_daily_recheck and self._is_upcoming
        is_soon = self._is_upcoming and recheck_until is not None and _is_by(recheck_until, entry.item)
        self._is_retry = bool(stored.get("ask"))
        self._must_parse = self._is_changed or self._is_retry
        self._must_fetch = self._must_parse or self._rechecks or is_soon
        self._retries = False
        self._matters: Sequence[str] = stored.get("refs", ())
        self._documents: dict[str, Sequence[str]] = dict(stored.get("papers", {}))

    def facts(self, *, with_words: bool) -> EntryFacts:
        """Return the facts to store about the entry. Empty facts are left out.

        The keys are a stored format, so they must not change.
        """
        item = self._entry.item
        words = with_words and self._is_upcoming and item.meets_at is not None
        return {
            "stamp": self._entry.fingerprint,
            **({"ask": True} if self._retries else {}),
            **({"agenda": self._entry.agenda_key} if self._entry.agenda else {}),
            **({"refs": list(self._matters)} if self._matters else {}),
            **({"said": self._said} if self._said else {}),
            **({"papers": self._documents} if self._documents else {}),
            **({"words": list(self._entry.words), "content": self._entry.content} if self._entry.words else {}),
            **(_words(item) if words else {}),
        }

    async def read(self, parse_agenda: ParseAgenda | None) -> list[AgendaItem]:
        """Return the entry and its agenda items if they have changed, and any new documents."""
        own = self._entry.item if self._is_changed else None
        agenda = await self._read_agenda(parse_agenda) if parse_agenda and self._entry.agenda else ParsedAgenda()
        items = [*self._entry.agenda_items] if self._is_changed and self._is_wanted else []
        items += [item for item in agenda.items if item.id != self._entry.item.id]
        own = next((item for item in agenda.items if item.id == self._entry.item.id), own)
        for document in (*self._entry.documents, *agenda.documents):
            read = await self._read_document(document)
            if read is not None and document.id == self._entry.item.id:
                own = read
            elif read is not None:
                items.append(read)
        return [own, *items] if own else items

    async def _read_agenda(self, parse_agenda: ParseAgenda) -> ParsedAgenda:
        """Return the agenda if it has changed since the last reading. Otherwise, return an empty agenda."""
        if not self._must_fetch or not self._is_wanted:
            return ParsedAgenda()
        address = self._entry.agenda
        if not self._session.can_request(address) or self._session.agendas_left <= 0:
            return self._retry_next_time()
        self._session.agendas_left -= 1
        key = self._entry.agenda_key
        document = await self._session.try_get(
            address, key=key, expect=self._agenda_expect, unconditional=self._must_parse, form=self._entry.form
        )
        if isinstance(document, SourceError):
            is_passing = isinstance(document, Blocked | Unreachable | Unreadable)
            agenda = self._retry_next_time() if is_passing else ParsedAgenda()
            return agenda if is_passing and not self._is_retry else replace(agenda, documents=self._entry.instead)
        is_same = self._session.is_same(document, key)
        if is_same and not self._must_parse:
            return ParsedAgenda()
        try:
            agenda = await asyncio.to_thread(parse_agenda, self._entry, document)
        except Unreadable as fault:
            self._session.note(f"{self._session.place.name}: {fault}")
            return self._retry_next_time()
        self._matters = agenda.matters
        if not agenda.is_complete:
            self._retry_next_time()
        is_same = self._says_the_same(agenda) or is_same
        return replace(agenda, items=()) if is_same and not self._is_changed else agenda

    def _says_the_same(self, agenda: ParsedAgenda) -> bool:
        """Return whether a web page has the same items as before, because its bytes may differ in every answer."""
        if self._agenda_expect is not Expect.HTML:
            return False
        before, self._said = self._said, fingerprint([replace(item, evidence="") for item in agenda.items])
        return before == self._said

    def _retry_next_time(self) -> ParsedAgenda:
        """Schedule the agenda to be fetched again in the next reading, and return an empty agenda."""
        self._retries = self._is_current
        self._session.is_incomplete |= self._is_current
        return ParsedAgenda()

    async def _read_document(self, linked: LinkedDocument) -> AgendaItem | None:
        """Return the document as an item if the document is new or has changed. Otherwise, return None."""
        version, sha256, *said = self._documents.get(linked.id, ("", ""))
        is_new = linked.id not in self._documents or version != linked.version
        must_read = self._is_changed and linked.id == self._entry.item.id
        if not self._is_wanted or not (is_new or must_read or self._rechecks):
            return None
        if not self._session.can_request(linked.address, is_file=True) or self._session.documents_left <= 0:
            self._retry_next_time()
            return None
        document = await self._fetched(linked, unconditional=must_read)
        if document is None:
            return None
        is_same = document.unchanged or (document.sha256[:16] == sha256 and not must_read)
        read, has_text = None, True
        try:
            read = None if is_same else await self._opened(linked, document)
            has_text = read is None or not (read.unreadable or Expect.seen_in(document.body) is Expect.HTML)
        except StandIn as fault:  # the site has a bad day
            has_text = False
            if not linked.instead:
                self._session.note(f"{self._session.place.name}: {linked.title[:120]}: {fault}")
                self._session.restore_validators(linked.id)
                self._retry_next_time()
                return None
        if linked.instead and not has_text:
            return await self._read_document(_instead(linked))
        self._documents[linked.id] = (linked.version, document.sha256[:16])
        if self._agenda_expect is Expect.HTML:
            says = said[0] if read is None and said else _words_of(read)
            self._documents[linked.id] = (linked.version, document.sha256[:16], *([says] if says else []))
            read = None if said == [says] and not must_read else read
        return read

    async def _fetched(self, linked: LinkedDocument, *, unconditional: bool) -> Document | None:
        """Fetch a document, or the one to read instead. If neither can be fetched, note when to try again."""
        document = await self._session.try_get(linked.address, key=linked.id, unconditional=unconditional, is_file=True)
        if not isinstance(document, SourceError):
            return document
        if linked.instead and self._session.can_request(linked.instead, is_file=True):
            return await self._fetched(_instead(linked), unconditional=unconditional)
        if isinstance(document, Unreachable | StandIn):
            self._retry_next_time()
        else:  # the next daily recheck tries again if the meeting is still upcoming
            self._documents[linked.id] = (linked.version, "")
        return None

    async def _opened(self, linked: LinkedDocument, document: Document) -> AgendaItem:
        self._session.documents_left -= 1
        return await _opened(linked, self._entry.item, document)


def _instead(linked: LinkedDocument) -> LinkedDocument:
    return replace(linked, address=linked.instead, instead="")


def _words_of(read: AgendaItem | None) -> str:
    """Return a hash of a web page's words, or an empty string for a PDF or none."""
    return fingerprint(read.title, read.text) if read is not None and read.text and not read.pages else ""


async def _opened(linked: LinkedDocument, item: AgendaItem, document: Document) -> AgendaItem:
    """Read a document's text and return it as an item.

    If the document is the entry's own agenda, add the text to the entry's item.
    """
    read = replace(item, address=linked.public_address or linked.address, evidence=document.sha256)
    if linked.id != item.id:
        read = replace(read, id=linked.id, title=linked.title, text="")
    try:
        found = await asyncio.to_thread(read_document, document)
    except StandIn:
        raise
    except Unreadable as fault:
        return replace(read, unreadable=str(fault))
    text, unreadable = f"{read.text}\n{found.text}".strip(), pages_without_text(found.pages)
    return replace(read, pages=found.pages, scans=found.scans, unreadable=unreadable, text=text)


# ── the time of a meeting ────────────────────────────────────────────────────────────────────────────────────────────


def is_upcoming(at: datetime | date | None, session: ReadSession) -> bool:
    """Return whether a meeting is in the future.

    A meeting without a time counts as upcoming until the end of its day.
    """
    if isinstance(at, datetime):
        return at > session.now
    return at is not None and at >= session.today


def _is_recent(item: AgendaItem, session: ReadSession) -> bool:
    """Return whether a meeting is upcoming or was held recently. A meeting without a date counts as recent."""
    return item.meets_on is None or item.meets_on >= session.today - RECENT


def _is_by(day: date, item: AgendaItem) -> bool:
    return item.meets_on is not None and item.meets_on <= day


def _urgency(item: AgendaItem, session: ReadSession) -> tuple[int, int]:
    """Return a sort key for meetings.

    Upcoming meetings are first, in order of date. Next are meetings without a date, and then past meetings, latest
    first.
    """
    if item.meets_on is None:
        return 1, 0
    day = item.meets_on.toordinal()
    return (0, day) if is_upcoming(item.meets_at, session) else (2, -day)


def _words(item: AgendaItem) -> EntryFacts:
    """Return the facts needed to describe a meeting after it is removed from the calendar."""
    assert item.meets_at is not None
    return {"title": item.title, "body": item.body, "at": item.meets_at.isoformat(), "address": item.address}


def _stored_look(facts: EntryFacts) -> str:
    """Return the hash of a stored meeting's title and time, or an empty string if an earlier version stored neither."""
    at_first = fingerprint(facts["title"], facts["at"]) if "title" in facts else ""
    return str(facts.get("look", at_first))


def _off_calendar(name: str, facts: EntryFacts, evidence: str, zone: tzinfo) -> AgendaItem:
    at = _parsed_time(facts["at"])
    return AgendaItem(
        id=name,
        title=facts["title"],
        body=facts["body"],
        address=facts["address"],
        meets_at=at.astimezone(zone) if isinstance(at, datetime) else at,
        status=OFF_CALENDAR,
        evidence=evidence,
    )


def _parsed_time(text: str) -> datetime | date:
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
