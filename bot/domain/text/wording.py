"""The sentences in digests and lists.

Readers are told "no longer on ICE's list", never "terminated", because a missing row doesn't prove that an agreement
ended.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bot.domain.agenda import CANCELLED, OFF_AGENDA, OFF_CALENDAR, POSTPONED, RECESSED, RESCHEDULED, Mention, Subject
from bot.domain.agreement import Agreement, ListName, SupportType
from bot.domain.change import Change, Kind
from bot.domain.geography.fold import exact_county
from bot.domain.geography.states import IN_SPANISH, STATES
from bot.domain.language import Language
from bot.domain.letters import capitalized, without_accents
from bot.domain.lists.signing_dates import date_in_moa_name, is_doubtful, is_typo_corrected
from bot.domain.lists.totals import JANUARY_2025, FirstSeen, Standing, Totals
from bot.domain.subscription import Cadence, Filter, Subscription
from bot.domain.text.catalog import Phrase, say, say_count, say_line
from bot.domain.text.formats import Formats, formats
from bot.domain.text.reasons import explained
from bot.domain.text.rich_text import Line, Span
from bot.domain.time_zones import zone_or_utc
from bot.domain.way import Way

HAPPENED: Mapping[Kind, Phrase] = {
    Kind.SIGNED: Phrase("new on ICE's list"),
    Kind.WITHDRAWN: Phrase("no longer on ICE's list"),
    Kind.REINSTATED: Phrase("back on ICE's list"),
    Kind.APPLIED: Phrase("application pending with ICE"),
    Kind.MENTIONED: Phrase("on a local agenda"),
    Kind.DROPPED: Phrase("no longer on ICE's pending list"),
    Kind.CORRECTED: Phrase("corrected on ICE's list"),
    Kind.RENAMED: Phrase("renamed on ICE's list"),
    Kind.AMENDED: Phrase("amended on ICE's list"),
    Kind.RELATED: Phrase("on a local agenda, about ICE but not 287(g)"),
    Kind.RETRACTED: Phrase("sent in error"),
    Kind.LISTED: Phrase("already on ICE's list when Countersign started"),
}
ON_PENDING: Mapping[Kind, Phrase] = {
    **HAPPENED,
    Kind.CORRECTED: Phrase("corrected on ICE's pending list"),
    Kind.RENAMED: Phrase("renamed on ICE's pending list"),
    Kind.AMENDED: Phrase("amended on ICE's pending list"),
    Kind.LISTED: Phrase("already on ICE's pending list when Countersign started"),
}
ON_AGENDA: Mapping[Kind, Phrase] = {
    **HAPPENED,
    Kind.AMENDED: Phrase("amended on a local agenda"),
    Kind.LISTED: Phrase("already on a local agenda when Countersign first read it"),
}
COUNTED: Mapping[Kind, Phrase] = {
    Kind.SIGNED: Phrase("{n} new agreement", "{n} new agreements"),
    Kind.WITHDRAWN: Phrase("{n} no longer listed", "{n} no longer listed"),
    Kind.REINSTATED: Phrase("{n} back on the list", "{n} back on the list"),
    Kind.APPLIED: Phrase("{n} new application", "{n} new applications"),
    Kind.MENTIONED: Phrase("{n} local agenda item", "{n} local agenda items"),
    Kind.DROPPED: Phrase("{n} application no longer pending", "{n} applications no longer pending"),
    Kind.CORRECTED: Phrase("{n} correction", "{n} corrections"),
    Kind.RENAMED: Phrase("{n} renamed agency", "{n} renamed agencies"),
    Kind.AMENDED: Phrase("{n} amendment", "{n} amendments"),
    Kind.RELATED: Phrase("{n} related agenda item", "{n} related agenda items"),
    Kind.RETRACTED: Phrase("{n} alert sent in error", "{n} alerts sent in error"),
}
SUPPORT_TYPE_NAMES: Mapping[SupportType, Phrase] = {
    SupportType.JEM: Phrase("Jail Enforcement Model"),
    SupportType.WSO: Phrase("Warrant Service Officer"),
    SupportType.TFM: Phrase("Task Force Model"),
    SupportType.OTHER: Phrase("another support type"),
}
SUPPORT_TYPE_MEANINGS: Mapping[SupportType, Phrase] = {  # the same words in messages, in the help and on the pages
    SupportType.JEM: Phrase("may question people held in jail"),
    SupportType.WSO: Phrase("may serve ICE warrants in jail"),
    SupportType.TFM: Phrase("may make immigration arrests on patrol"),
}
LISTS: Mapping[ListName, Phrase] = {
    ListName.PARTICIPATING: Phrase("ICE's list"),
    ListName.PENDING: Phrase("ICE's pending list"),
}
COLUMNS: Mapping[str, Phrase] = {
    "county": Phrase("county"),
    "agency_type": Phrase("agency type"),
    "support_type": Phrase("support type"),
    "signed": Phrase("signing date"),
}
_POSTED = {"moa": Phrase("MOA posted"), "addendum": Phrase("addendum posted")}
_REPLACED = {"moa": Phrase("MOA replaced"), "addendum": Phrase("addendum replaced")}
_UNLINKED = {"moa": Phrase("MOA no longer linked"), "addendum": Phrase("addendum no longer linked")}
STATUSES: Mapping[str, Phrase] = {
    CANCELLED: Phrase("The meeting is canceled."),
    POSTPONED: Phrase("The meeting is postponed."),
    RESCHEDULED: Phrase("The meeting has been rescheduled."),
    RECESSED: Phrase("The meeting was recessed; it continues at another time."),
    OFF_CALENDAR: Phrase("The meeting was taken off the calendar."),
    OFF_AGENDA: Phrase("The agenda no longer mentions it."),
}
BACK_FROM: Mapping[str, Phrase] = {
    CANCELLED: Phrase("The meeting is on again; it had been canceled."),
    POSTPONED: Phrase("The meeting is on again; it had been postponed."),
    RESCHEDULED: Phrase("The meeting is back on its regular schedule; it had been rescheduled."),
    RECESSED: Phrase("The meeting is back on its regular schedule; it had been recessed."),
    OFF_CALENDAR: Phrase("The meeting is back on the calendar."),
    OFF_AGENDA: Phrase("The agenda mentions it again."),
}
_UNLESS_NOTED = Phrase(", unless noted")
_UNLESS_LINKED = Phrase(", unless linked")
_NEW, _GONE, _BACK = Phrase("New:"), Phrase("No longer listed:"), Phrase("Back:")
HELD = Phrase("One of ICE's lists looks wrong, so its changes are on hold until they're checked.")
MOST_STATES_NAMED = 3  # in the line with the totals; more are only counted
_WITHOUT_COUNTIES = frozenset({"AK", "AS", "GU", "MP", "PR", "VI"})  # boroughs, islands, municipalities


def state_name(code: str, language: Language = Language.ENGLISH) -> str:
    """Return the full name of a state in a language."""
    own = IN_SPANISH.get(code) if language is Language.SPANISH else None
    return own or STATES.get(code) or say(language, "Unreadable state")


def states_in_order(codes: Iterable[str], language: Language) -> list[str]:
    """Return states by their names in a language, as a reader looks for them."""
    return sorted(codes, key=lambda code: without_accents(state_name(code, language)).casefold())


def county_name(county: str, state: str, language: Language) -> str:
    """Return a county's full name, such as Marion County or Iberia Parish. It is empty if the county is unknown."""
    if not county or state in _WITHOUT_COUNTIES or _is_city(state, county):
        return county
    name = re.sub(r" (?:county|parish)$", "", county, flags=re.IGNORECASE)
    return say(language, "{name} Parish", name=name) if state == "LA" else say(language, "{name} County", name=name)


def _is_city(state: str, county: str) -> bool:
    """Return whether this is an independent city, which isn't part of a county."""
    found = exact_county(state, county)
    return found is not None and found.kind == "city"


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of messages in one language, with times in the time zone `tz`, such as America/Chicago."""

    language: Language
    tz: str

    @property
    def _formats(self) -> Formats:
        return formats(self.language)

    def day(self, day: date) -> str:
        """Return a date, such as Aug. 26, 2025."""
        return self._formats.day(day)

    def moment(self, moment: datetime) -> str:
        """Return a time in the reader's time zone, such as Aug. 29, 2025, at 5 p.m. EDT."""
        return self._formats.moment(moment.astimezone(zone_or_utc(self.tz)))

    def support(self, agreement: Agreement) -> str:
        """Return the full name of an agreement's support type. An unknown type is returned as ICE printed it."""
        printed = agreement.printed.get("SUPPORT TYPE", "").strip()
        if agreement.support_type is SupportType.OTHER and printed:
            return printed
        return self.support_type(agreement.support_type)

    def support_type(self, support_type: SupportType) -> str:
        """Return the full name of a support type."""
        return SUPPORT_TYPE_NAMES[support_type](self.language)

    def heading(self, state: str, kind: Kind, *, on_agenda: bool = False) -> Line:
        """Return the heading for one kind of change in a state.

        `on_agenda` is True if the items below the heading are agenda items.
        """
        phrase = (ON_AGENDA if on_agenda else HAPPENED)[kind]
        return (Span(f"{state_name(state, self.language)}: {phrase(self.language)}", strong=True),)

    def happened(self, kind: Kind, change: Change | None = None) -> str:
        """Return a phrase for a kind of change, such as "no longer on ICE's list".

        With `change`, the phrase names the list or the agenda that the change is on.
        """
        phrases = HAPPENED
        if change is not None and change.mention is not None:
            phrases = ON_AGENDA
        elif change is not None and change.list is ListName.PENDING:
            phrases = ON_PENDING
        return phrases[kind](self.language)

    # ── agreements ───────────────────────────────────────────────────────────────────────────────────────────────────

    def name(self, agreement: Agreement, *, strong: bool = False) -> Line:
        """Return an agency's name with its county, as ICE prints them."""
        county = (Span(f" ({agreement.county})"),) if adds_to_name(agreement.county, agreement.agency) else ()
        return (Span(agreement.agency, strong=strong), *county)

    def county_of(self, agreement: Agreement) -> str:
        """Return an agency's county, or an empty string if it's unknown or part of the agency's name."""
        if not adds_to_name(agreement.county, agreement.agency):
            return ""
        return county_name(agreement.county, agreement.state, self.language)

    def short_support(self, types: Sequence[str]) -> str:
        """Return support types that have been explained, without the English name that other languages add."""
        known = {name(self.language) for name in SUPPORT_TYPE_NAMES.values()}
        short = [name.partition(" (")[0] if name in known else name for name in types]
        return self.support_line(short, short)

    def support_line(self, types: Sequence[str], explained: Collection[str] = ()) -> str:
        """Return support types by name, such as Task Force Model: may make immigration arrests on patrol.

        The types in `explained` have been explained before in the same message.
        """
        if len(types) > 1:
            named = self._formats.join(types)
            return say(self.language, "{types} ({n} agreements per agency)", types=named, n=len(types))
        found = next((t for t, name in SUPPORT_TYPE_NAMES.items() if name(self.language) == types[0]), None)
        if found is None or types[0] in explained or found not in SUPPORT_TYPE_MEANINGS:
            return types[0]
        meaning = SUPPORT_TYPE_MEANINGS[found](self.language)
        return say(self.language, "{type}: {meaning}", type=types[0], meaning=meaning)

    def facts(self, change: Change, first_seen: FirstSeen | None = None) -> dict[str, Line]:
        """Return what there is to say about one agreement besides its agency and support type, by the fact's name.

        `first_seen` is when an agreement that left the list was first seen there.
        """
        found: dict[str, Line]
        match change.kind:
            case Kind.SIGNED | Kind.REINSTATED:
                found = {
                    "signed": self._signed(change.agreement),
                    "pending": self._pending(change),
                    "formerly": self._formerly(change),
                    "moa": self._moa(change.agreement),
                    "addendum": self._addendum(change.agreement),
                }
            case Kind.WITHDRAWN:
                found = {"since": self._listed_since(first_seen), "document": self._last_on(change)}
            case Kind.APPLIED | Kind.DROPPED:
                found = {}
            case _:
                found = {"difference": self._differences(change.kind, change)}
        return {name: line for name, line in found.items() if line}

    def agreement(self, change: Change) -> Line:
        """Return one line with an agreement's support type and all there is to say about it."""
        facts = self.facts(change).values()
        return (Span(self.support(change.agreement)), *(span for fact in facts for span in (Span(", "), *fact)))

    def shared(self, facts: Mapping[str, Line], *, differing: Collection[str], kind: Kind | None) -> Line:
        """Return one line with the facts that most agreements of a kind share.

        The facts in `differing` are repeated where they differ. If `kind` is given, the line says what it's about.
        """
        spans: list[Span] = []
        for name, fact in facts.items():
            first, *rest = fact
            unless = (_UNLESS_LINKED if name == "moa" else _UNLESS_NOTED)(self.language) if name in differing else ""
            is_start = bool(spans) or kind is None  # of a sentence, and not after a label
            start = Span(capitalized(first.text) if is_start else first.text, first.href)
            spans += [*([Span(" ")] if spans else []), start, *rest, Span(f"{unless}.")]
        phrase = _GONE if kind is Kind.WITHDRAWN else _BACK if kind is Kind.REINSTATED else _NEW
        label = [Span(phrase(self.language) + " ")] if spans and kind is not None else []
        return (*label, *spans)

    def unless_noted(self) -> str:
        """Return the words for a fact that holds unless another one is given."""
        return _UNLESS_NOTED(self.language)

    def _listed_since(self, seen: FirstSeen | None) -> Line:
        if seen is None:
            return ()
        month = self._formats.month(seen.at.astimezone(zone_or_utc(self.tz)).date())
        if seen.at_least:
            return (Span(say(self.language, "on ICE's list since at least {month}", month=month)),)
        return (Span(say(self.language, "on ICE's list since {month}", month=month)),)

    def month_listed(self, seen: FirstSeen) -> Line:
        """Return the month since when ICE's list had an agreement, for a paragraph whose lead says what it is."""
        return (Span(self._formats.month(seen.at.astimezone(zone_or_utc(self.tz)).date())),)

    def months_explained(self) -> Line:
        """Return a sentence that says what the months after the names are."""
        return (Span(say(self.language, "After each name: its earliest known month on ICE's list.")),)

    def still_has(self, number: int) -> Line:
        """Return a phrase with the number of agreements that an agency still has."""
        return (Span(say_count(self.language, "still has {n} agreement", "still has {n} agreements", number)),)

    def still_listed(self, types: Sequence[str]) -> Line:
        """Return a phrase that names the agreements that an agency still has."""
        return (Span(say(self.language, "still listed: {types}", types=self._formats.join(types))),)

    def _doubt(self, agreement: Agreement) -> str:
        """Describe a doubtful date: what ICE's list says, and the date in the MOA's file name as evidence."""
        assert agreement.signed is not None
        day, named = self.day(agreement.signed), date_in_moa_name(agreement)
        if named is None:
            return say(self.language, "ICE's list says {day}, which may be a typo", day=day)
        if named == agreement.signed:
            return say(
                self.language,
                "ICE's list says {day}, which may be a typo; the MOA's file name has the same date",
                day=day,
            )
        return say(
            self.language,
            "ICE's list says {day}, which may be a typo; the MOA's file name says {named}",
            day=day,
            named=self.day(named),
        )

    def _signed(self, agreement: Agreement) -> Line:
        if agreement.signed is None:
            return (Span(say(self.language, "no readable signing date")),)
        if is_doubtful(agreement):
            return (Span(say(self.language, "signing date unclear: {doubt}", doubt=self._doubt(agreement))),)
        return (Span(say(self.language, "signed {day}", day=self.day(agreement.signed))),)

    def _pending(self, change: Change) -> Line:
        if change.pending_since is None:
            return ()
        days = max((change.publication.observed_at.date() - change.pending_since).days, 0)
        length = say_count(self.language, "{n} day", "{n} days", days)
        day = self.day(change.pending_since)
        waited = say(self.language, "after {length} on ICE's pending list (since {day})", day=day, length=length)
        return (Span(waited),)

    def _formerly(self, change: Change) -> Line:
        if change.was is None or change.was.agency == change.agreement.agency:
            return ()
        return (self._former_name(change.was),)

    def _former_name(self, was: Agreement) -> Span:
        return Span(say(self.language, "formerly {agency}", agency=was.agency))

    def _last_on(self, change: Change) -> Line:
        if change.before is None:
            return ()
        document = Span(change.before.name, href=change.before.address)
        return say_line(self.language, "last seen on {document}", document=document)

    def _moa(self, agreement: Agreement) -> Line:
        return (Span("MOA", href=agreement.moa) if agreement.moa else Span(say(self.language, "no MOA posted yet")),)

    def _addendum(self, agreement: Agreement) -> Line:
        return (Span(say(self.language, "addendum"), href=agreement.addendum),) if agreement.addendum else ()

    def _differences(self, kind: Kind, change: Change) -> Line:
        before, now = change.was or change.agreement, change.agreement
        if kind is Kind.RENAMED:
            return (self._former_name(before),)
        found = [self._moved(before, now), *(self._difference(name, before, now) for name in COLUMNS)]
        found += [self._document(name, getattr(before, name), getattr(now, name)) for name in ("moa", "addendum")]
        spans: list[Span] = []
        for difference in filter(None, found):
            spans += [Span("; "), difference] if spans else [difference]
        return tuple(spans)

    def _moved(self, before: Agreement, now: Agreement) -> Span | None:
        if before.state == now.state:
            return None
        return Span(
            say(self.language, "previously listed under {state}", state=state_name(before.state, self.language))
        )

    def _difference(self, name: str, before: Agreement, now: Agreement) -> Span | None:
        old, new = self._value(name, before), self._value(name, now)
        if getattr(before, name) == getattr(now, name):
            return None
        column = COLUMNS[name](self.language)
        if name == "signed" and is_doubtful(now):
            new = self._doubt(now)
        if not old:
            return Span(say(self.language, "{column} added: {now}", column=column, now=new))
        if not new:
            return Span(say(self.language, "{column} removed: {before}", column=column, before=old))
        if name == "signed":
            return Span(self._redated(before, now, {"column": column, "now": new, "before": old}))
        return Span(say(self.language, "{column} now {now}, was {before}", column=column, now=new, before=old))

    def _redated(self, before: Agreement, now: Agreement, said: Mapping[str, str]) -> str:
        """Return a phrase for a changed date. It mentions any doubt about the new date, or a corrected typo."""
        if is_doubtful(now):
            return say(self.language, "{column} was {before}; now {now}", **said)
        if is_typo_corrected(before, now):
            return say(self.language, "{column} corrected to {now}; {before} may have been a typo", **said)
        return say(self.language, "{column} now {now}, was {before}", **said)

    def _document(self, name: str, old: str | None, new: str | None) -> Span | None:
        if old == new:
            return None
        phrases = _UNLINKED if new is None else _REPLACED if old else _POSTED
        return Span(phrases[name](self.language), href=new)

    def _value(self, name: str, agreement: Agreement) -> str:
        value = getattr(agreement, name)
        if name == "support_type":
            return self.support(agreement)
        return self.day(value) if isinstance(value, date) else str(value or "")

    # ── agendas ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def mention(self, change: Change) -> tuple[Line, ...]:
        """Return the lines that describe an agenda item.

        They show the meeting, any changes, the text that matched and the local agencies on ICE's list.
        """
        said = change.mention
        assert said is not None
        lines = [self._meeting(said), self._planned(said), *self._item(said), self._about(said), self._listed(said)]
        words, moment = " · ".join(said.matched), self.moment(change.publication.observed_at)
        matched = say(self.language, "Words matched: {words}. Read on {moment}.", words=words, moment=moment)
        return (*(line for line in lines if line), (Span(matched),))

    def _meeting(self, said: Mention) -> Line:
        """Return a line with the body, place and time of a meeting.

        The town is included only if the names of the body and the county don't already contain it.
        """
        county = county_name(said.county, said.state, self.language) if adds_to_name(said.county, said.body) else ""
        place = said.source.removesuffix(f", {said.state}")
        known = f"{said.body} {said.county} county parish".casefold()
        town = place if any(word.casefold() not in known for word in place.split()) else ""
        return (Span(said.body, strong=True), *(Span(f", {word}") for word in (town, county, self.meets(said)) if word))

    def meets(self, said: Mention) -> str:
        """Return a meeting's local time, such as Dec. 1, 2026, at 6:30 p.m. EST."""
        if said.meets_at is not None:
            return self._formats.moment(said.meets_at.astimezone(zone_or_utc(said.zone)))
        return self.day(said.meets_on) if said.meets_on is not None else say(self.language, "no date yet")

    def _planned(self, said: Mention) -> Line:
        """Return a line saying that the meeting was called off, moved or reinstated, or that the item isn't new."""
        before = said.before
        if said.status:
            text = self._status(said)
            if before and before.meets_on and before.planned[:2] != said.planned[:2]:
                text += " " + say(self.language, "It had been set for {when}.", when=self.meets(before))
            return (Span(text, strong=True),)
        if before is not None and before.status:
            back = BACK_FROM.get(before.status, BACK_FROM[CANCELLED])
            return (Span(back(self.language), strong=True),)
        if before is not None and before.meets_on is not None and before.planned != said.planned:
            moved = say(self.language, "The meeting was moved. It had been set for {when}.", when=self.meets(before))
            return (Span(moved, strong=True),)
        first = say(self.language, "It was already on the agenda when we first checked.")
        return (Span(first),) if said.already else ()

    def _status(self, said: Mention) -> str:
        phrase = STATUSES.get(said.status)
        return phrase(self.language) if phrase else f"{said.status}."

    def _item(self, said: Mention) -> Iterator[Line]:
        """Yield lines with the item's title and the excerpt that matched.

        If the text changed, also yield the previous version's text. The excerpt is left out if the title contains it.
        """
        yield (Span(said.title, href=said.address),)
        if said.excerpt and not _holds(said.title, said.excerpt):
            page = say(self.language, " (page {page})", page=said.page) if said.page is not None else ""
            yield (Span(self._quoted(said.excerpt) + page),)
        elif said.page is not None:
            yield (Span(say(self.language, "Page {page}", page=said.page)),)
        if said.by_ocr:
            yield (Span(say(self.language, "Read by OCR: check the document."), href=said.address),)
        if said.has_scans:
            scans = say(
                self.language, "Some pages of the document are scans that I couldn't read. Open it to see them."
            )
            yield (Span(scans, href=said.address),)
        before = said.before
        if before is not None and before.said[:4] != said.said[:4]:
            was = before.title if before.title != said.title else before.excerpt
            if was:
                yield say_line(self.language, "Before: {text}", text=Span(self._quoted(was), href=before.address))

    def _quoted(self, text: str) -> str:
        return say(self.language, "“{text}”", text=text)

    def _about(self, said: Mention) -> Line:
        """Return a line saying that a related subject isn't a 287(g) agreement."""
        if said.subject is not Subject.RELATED:
            return ()
        about = say(
            self.language, "This is about detaining people for ICE or other cooperation, not about a 287(g) agreement."
        )
        return (Span(about),)

    def _listed(self, said: Mention) -> Line:
        """Return a line that names the local agencies on ICE's list.

        It is empty if the list hasn't been read, or if there are no such agencies and the county is unknown.
        """
        if said.listed is None:
            return ()
        if not said.listed:
            county = county_name(said.county, said.state, self.language)
            none = say(self.language, "No agency in {county} is on ICE's list now.", county=county)
            return (Span(none),) if county else ()
        agencies: dict[str, list[str]] = {}
        for agreement in said.listed:
            agencies.setdefault(agreement.agency, []).append(self._since(agreement))
        named = "; ".join(f"{agency} ({', '.join(types)})" for agency, types in agencies.items())
        return (Span(say(self.language, "Agencies there that are on ICE's list now: {agencies}.", agencies=named)),)

    def _since(self, agreement: Agreement) -> str:
        support = self.support(agreement)
        if agreement.signed is None:
            return support
        day = self.day(agreement.signed)
        if is_doubtful(agreement):
            return say(self.language, "{support} since {day}, which may be a typo", support=support, day=day)
        return say(self.language, "{support} since {day}", support=support, day=day)

    def on_agenda_before(self, said: Mention, seen_on: date) -> Line:
        """Return a line about the agenda item that preceded a change on ICE's list.

        `seen_on` is the day on which we saw the change.
        """
        title = Span(said.title, href=said.address)
        status = (Span(" · " + self._status(said)),) if said.status else ()
        return (*self._agenda_of(said, title, seen_on), *status)

    def _agenda_of(self, said: Mention, title: Span, seen_on: date) -> Line:
        if said.meets_on is None:
            return say_line(self.language, "Mentioned by the {body}: {title}", body=said.body, title=title)
        values: dict[str, object] = {"body": said.body, "day": self.day(said.meets_on), "title": title}
        if said.meets_on <= seen_on:
            return say_line(self.language, "Was on the agenda of the {body} on {day}: {title}", **values)
        return say_line(self.language, "On the agenda of the {body} for {day}: {title}", **values)

    # ── around the changes ───────────────────────────────────────────────────────────────────────────────────────────

    def caveats(self, changes: Sequence[Change]) -> tuple[Line, ...]:
        """Return lines that say what the lists and agendas in a message don't prove."""
        lines: list[Line] = []
        if any(change.kind is Kind.WITHDRAWN for change in changes):
            lines.append((Span(self._no_proof()),))
        if any(change.mention is not None and not change.mention.status for change in changes):
            vote = say(self.language, "An agenda item isn't an agreement. The vote could go either way.")
            lines.append((Span(vote),))
        return tuple(lines)

    def sources(
        self, changes: Sequence[Change], *, page: str, evidence: str | None = None, command: str = ""
    ) -> tuple[Line, ...]:
        """Return one line that names the latest of ICE's lists in a message, ICE's page and the way to the evidence.

        `evidence` is the public page with the evidence, or None if there is none. Then `command` shows it, unless it is
        empty because no one can send commands there.
        """
        rests_on = {(c.list, c.publication.evidence): c for c in changes if c.mention is None}
        ordered = sorted(rests_on.values(), key=lambda change: change.publication.observed_at)
        latest = {change.list: change for change in ordered}
        parts = [self._source(change) for change in latest.values()]
        if earlier := len(ordered) - len(latest):
            parts.append((Span(say_count(self.language, "{n} earlier list", "{n} earlier lists", earlier)),))
        parts.append((Span(say(self.language, "ICE's 287(g) page"), href=page),))
        if evidence is not None:
            parts.append((Span(say(self.language, "Evidence"), href=evidence),))
        elif command and rests_on:
            parts.append((Span(say(self.language, "Evidence: {command}", command=command)),))
        return (
            tuple(span for number, part in enumerate(parts) for span in ((Span(" · "), *part) if number else part)),
        )

    def all_changes(self, page: str) -> tuple[Line, ...]:
        """Return the footer of a digest without changes: a link to the page with the earlier ones."""
        return ((Span(say(self.language, "All changes"), href=page),),)

    def _no_proof(self) -> str:
        return say(
            self.language,
            "This is what ICE's list shows. An agency's absence from the list does not prove that its agreement ended.",
        )

    def _source(self, change: Change) -> Line:
        publication = change.publication
        values = {
            "list": LISTS[change.list](self.language),
            "document": Span(publication.name, href=publication.address),
            "moment": self.moment(publication.observed_at),
        }
        match publication.way:
            case Way.DIRECT:
                return say_line(self.language, "{list}: {document}, fetched {moment}", **values)
            case Way.RELAY:
                return say_line(self.language, "{list}: {document}, read by a relay {moment}", **values)
            case Way.UPSTREAM:
                return say_line(self.language, "{list}: {document}, read by another Countersign {moment}", **values)
            case Way.ARCHIVE:
                return say_line(
                    self.language, "{list}: {document}, as captured by the Internet Archive {moment}", **values
                )

    def retraction(self, change: Change, told_on: date) -> tuple[Line, Line]:
        """Return the title and text of a correction for a change that was sent in error on the day `told_on`."""
        title = say(
            self.language,
            "Correction: our alert about {agency} ({state}) was sent in error",
            agency=change.agreement.agency,
            state=state_name(change.agreement.state, self.language),
        )
        wrong = self._wrong_mention(change, told_on) if change.mention is not None else self._wrong(change, told_on)
        return (Span(title, strong=True),), (Span(wrong),)

    def _wrong(self, change: Change, told_on: date) -> str:
        agreement, kind = change.agreement, change.retracted or change.kind
        return say(
            self.language,
            "On {day}, we sent you this in error: {agency}, {support}, {state}: {happened}. Reason: {because}",
            day=self.day(told_on),
            agency=agreement.agency,
            support=self.support(agreement),
            state=state_name(agreement.state, self.language),
            happened=self.happened(kind, change),
            because=explained(change, self.language),
        )

    def _wrong_mention(self, change: Change, told_on: date) -> str:
        assert change.mention is not None
        return say(
            self.language,
            "On {day}, we sent you this in error: “{title}” on an agenda of the {body}, {state}. Reason: {because}",
            day=self.day(told_on),
            title=change.mention.title,
            body=change.agreement.agency,
            state=state_name(change.agreement.state, self.language),
            because=explained(change, self.language),
        )

    def nothing_new(self, sources: int, read_at: datetime | None) -> Line:
        """Return a line with the number of sources checked and the time when ICE's list was last read."""
        checked = say_count(self.language, "{n} source checked.", "{n} sources checked.", sources)
        if read_at is None:
            return (Span(checked),)
        read = say(self.language, "ICE's list was last read on {moment}.", moment=self.moment(read_at))
        return (Span(f"{checked} {read}"),)

    def older(self, number: int) -> Line:
        """Return a line with the number of changes that are too old to be shown."""
        older = say_count(self.language, "{n} older change isn't shown.", "{n} older changes aren't shown.", number)
        return (Span(older),)

    def now(self, state: str, standing: Standing, earlier: Standing | None, *, weekly: bool) -> Line:
        """Return a sentence with the agreements and agencies that a state has on ICE's list, and the trend if known."""
        agreements, agencies = len(standing.by_state.get(state, ())), standing.agencies_by_state.get(state, 0)
        name = state_name(state, self.language)
        if not agreements:
            return (Span(say(self.language, "{state} now has no agreements on ICE's list.", state=name)),)
        count = self._counted(agreements, agencies)
        if earlier is not None:
            count = f"{count}, {self._trend(agreements - len(earlier.by_state.get(state, ())), weekly=weekly)}"
        return (Span(say(self.language, "{state} now has {count}.", state=name, count=count)),)

    def whole_list(self, standing: Standing) -> Line:
        """Return a sentence with the size of ICE's whole list."""
        count = self._counted(len(standing.agreements), sum(standing.agencies_by_state.values()))
        place = say_count(self.language, "{n} state or territory", "{n} states and territories", len(standing.by_state))
        count = say(self.language, "{count} in {place}", count=count, place=place)
        return (Span(say(self.language, "ICE's list now has {count}.", count=count)),)

    def _counted(self, agreements: int, agencies: int) -> str:
        """Return the number of agreements and agencies, such as 178 agreements at 143 agencies."""
        return say(
            self.language,
            "{agreements} at {agencies}",
            agreements=say_count(self.language, "{n} agreement", "{n} agreements", agreements),
            agencies=say_count(self.language, "{n} agency", "{n} agencies", agencies),
        )

    def started_today(self) -> Line:
        """Return a line for a digest of a subscription that started on the same day."""
        return (Span(say(self.language, "You started today, so this covers only what has changed since then.")),)

    def circumstances(self, to: Subscription, totals: Totals | None, *, is_held: bool) -> tuple[Line, ...]:
        """Return lines with the number of agreements that the reader watches and a note if a list is on hold."""
        lines = []
        if totals is not None:
            lines.append((Span(self._totals(to, totals)),))
        if is_held:
            lines.append((Span(HELD(self.language)),))
        return tuple(lines)

    def _totals(self, to: Subscription, totals: Totals) -> str:
        count = self._counted(totals.agreements, totals.agencies)
        if place := self._place(to.filter, totals):
            count = say(self.language, "{count} in {place}", count=count, place=place)
        if totals.before is not None:
            trend = self._trend(totals.agreements - totals.before, weekly=to.cadence is Cadence.WEEKLY)
            count = f"{count}, {trend}"
        if not place:
            return say(self.language, "For what you watch, ICE's list now has {count}.", count=count)
        now = say(self.language, "ICE's list now has {count}.", count=count)
        then = say(self.language, "It had {n} in January 2025.", n=JANUARY_2025) if to.filter.is_whole_list else ""
        return f"{now} {then}".rstrip()

    def _place(self, watched: Filter, totals: Totals) -> str:
        """Return a phrase that says where the counted agreements are.

        Return an empty string if the filter is limited by anything other than states.
        """
        if watched.is_whole_list:
            return say_count(self.language, "{n} state or territory", "{n} states and territories", totals.states)
        if not watched.is_of_states:
            return ""
        if len(watched.states) <= MOST_STATES_NAMED:
            return self._formats.join(
                [state_name(code, self.language) for code in states_in_order(watched.states, self.language)]
            )
        return say(self.language, "the {n} states and territories you watch", n=len(watched.states))

    def _trend(self, more: int, *, weekly: bool) -> str:
        if more > 0 and weekly:
            return say_count(self.language, "up {n} from a week ago", "up {n} from a week ago", more)
        if more > 0:
            return say_count(self.language, "up {n} from a day ago", "up {n} from a day ago", more)
        if more < 0 and weekly:
            return say_count(self.language, "down {n} from a week ago", "down {n} from a week ago", -more)
        if more < 0:
            return say_count(self.language, "down {n} from a day ago", "down {n} from a day ago", -more)
        return (
            say(self.language, "unchanged from a week ago")
            if weekly
            else say(self.language, "unchanged from a day ago")
        )


def adds_to_name(county: str, name: str) -> bool:
    """Return whether a county should be shown after a name. Harris County Sheriff's Office doesn't need one."""
    first = county.casefold().removesuffix("county").removesuffix("parish").strip()
    return bool(first) and first not in name.casefold()


def _holds(title: str, excerpt: str) -> bool:
    """Return whether the title contains the excerpt."""
    return excerpt.strip("… .").casefold() in title.casefold()
