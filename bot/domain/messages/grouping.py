"""Group the changes of a digest by state, by what happened and by support type, and say once what agreements share."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bot.domain.agendas.link import KINDS_AFTER_A_VOTE, AgendaLog
from bot.domain.agreement import SupportType
from bot.domain.change import Change, Kind
from bot.domain.lists.totals import FirstSeen, Standing
from bot.domain.messages.digest import MOST_ONE_A_LINE, Details, Item, Section
from bot.domain.messages.net_changes import NetChange
from bot.domain.text.catalog import say, say_count
from bot.domain.text.formats import formats
from bot.domain.text.headlines import headline, names_agency, remaining
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import MOST_STATES_NAMED, Wording, state_name, states_in_order

SHAREABLE = ("signed", "moa", "since", "document")  # the facts that may be said once for all
SHARING = (Kind.SIGNED, Kind.REINSTATED, Kind.WITHDRAWN)
_TYPES = list(SupportType)

Agency = Sequence[NetChange]  # the net changes of one kind to one agency


@dataclass(frozen=True)
class Grouping:
    """The net changes of a digest, with what is needed to word them. `standing` is ICE's list after the last change."""

    told: Sequence[NetChange]
    wording: Wording
    agendas: AgendaLog
    standing: Standing | None = None
    explained: set[str] = field(default_factory=set)  # the support types explained so far

    @cached_property
    def changes(self) -> list[Change]:
        """The changes to report."""
        return [net.change for net in self.told]

    @cached_property
    def states(self) -> list[str]:
        """The states in the digest, by name."""
        return states_in_order({change.agreement.state for change in self.changes}, self.wording.language)

    @cached_property
    def folded(self) -> frozenset[Kind]:
        """The kinds of change that concern too many agencies to name one a line."""
        agencies = {(c.kind, c.agreement.state, c.agreement.key.agency) for c in self.changes if c.mention is None}
        counts = Counter(kind for kind, *_ in agencies)
        return frozenset(kind for kind, number in counts.items() if number > MOST_ONE_A_LINE)

    @cached_property
    def is_alone(self) -> bool:
        """True if the headline names the only agency."""
        return names_agency(self.wording, self.changes, self.standing)

    # ── what all share ───────────────────────────────────────────────────────────────────────────────────────────────

    def shared_lines(self) -> Iterator[Line]:
        """Yield one line for each kind of change with the facts that most of its agreements share."""
        several = len({change.kind for change in self.changes}) > 1
        for kind in SHARING:
            facts = self._shared(kind)
            if facts:
                differing = [name for name in facts if not self._is_universal(kind, name)]
                yield self.wording.shared(facts, differing=differing, kind=kind if several else None)

    def type_lines(self) -> Iterator[Line]:
        """Yield a line for each support type of the agreements that are named in the details, with its meaning."""
        for name, number in self._folded_types.most_common():
            text = self.wording.support_line([name], self.explained)
            self.explained.add(name)
            unless = self.wording.unless_noted() if name == self._common_type and len(self._folded_types) > 1 else ""
            yield (Span(f"{text} ({formats(self.wording.language).number(number)}){unless}"),)

        if Kind.WITHDRAWN in self.folded and self.standing is not None and "since" not in self._shared(Kind.WITHDRAWN):
            yield self.wording.months_explained()

    @cached_property
    def _folded_types(self) -> Counter[str]:
        return Counter(self.wording.support(c.agreement) for c in self.changes if c.kind in self.folded)

    @cached_property
    def _common_type(self) -> str:
        """The support type of most agreements in the details, which isn't repeated there, or "" if there is none."""
        name, number = self._folded_types.most_common(1)[0] if self._folded_types else ("", 0)
        return name if number * 2 > self._folded_types.total() else ""

    def _shared(self, kind: Kind) -> dict[str, Line]:
        """Return the facts that at least two agreements, and most of their kind, have in common.

        A message about one agency has nothing to set its facts apart from, so they're all shared.
        """
        all_facts = [self._facts(change) for change in self.changes if change.kind is kind and change.mention is None]
        shared = {}
        for name in SHAREABLE:
            lines = Counter(facts[name] for facts in all_facts if name in facts and not _is_own(name, facts[name]))
            line, number = lines.most_common(1)[0] if lines else ((), 0)
            if number * 2 > len(all_facts) and (number > 1 or self.is_alone):
                shared[name] = line
        return shared

    def _is_universal(self, kind: Kind, name: str) -> bool:
        shared = self._shared(kind)[name]
        return all(self._facts(c).get(name) == shared for c in self.changes if c.kind is kind and c.mention is None)

    def _facts(self, change: Change) -> dict[str, Line]:
        return self.wording.facts(change, self._first_seen(change))

    def _first_seen(self, change: Change) -> FirstSeen | None:
        if self.standing is None:
            return None
        names = (change.agreement, change.was or change.agreement)
        return next((seen for a in names if (seen := self.standing.first_seen.get(a.key))), None)

    # ── sections ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def sections(self) -> tuple[tuple[Section, ...], Details | None]:
        """Return the sections to show, and those that are folded because they name more than 12 agencies."""
        shared = {kind: self._shared(kind) for kind in SHARING}
        shown: list[Section] = []
        folded: list[Section] = []
        for (state, kind, on_agenda), agencies in self._groups():
            is_folded = kind in self.folded and not on_agenda
            explained = frozenset(self.explained)
            items = [self._item(agency, shared.get(kind, {}), explained, together=is_folded) for agency in agencies]
            self.explained.update(self.wording.support(net.change.agreement) for agency in agencies for net in agency)
            heading = self._heading(state, kind, sum(map(len, agencies)), on_agenda=on_agenda)
            section = Section(heading=heading, items=tuple(items), together=is_folded)
            (folded if is_folded else shown).append(section)
        return tuple(shown), self._details(folded) if folded else None

    def _groups(self) -> Iterator[tuple[tuple[str, Kind, bool], list[Agency]]]:
        """Yield the agencies by state and kind, with departures first in each state.

        Agencies are ordered by support type and name, agenda items by date. Each agenda item stays separate.
        """
        order = [Kind.WITHDRAWN, *Kind]
        groups: dict[tuple[str, Kind, bool], dict[tuple[str, ...], list[NetChange]]] = {}
        for net in self.told:
            change = net.change
            subjects = groups.setdefault((change.agreement.state, change.kind, change.mention is not None), {})
            subjects.setdefault(_subject(change), []).append(net)
        by_state = sorted(
            groups.items(), key=lambda group: (self.states.index(group[0][0]), order.index(group[0][1]), group[0][2])
        )
        for place, subjects in by_state:
            yield place, [agency for _, agency in sorted(subjects.items(), key=lambda entry: self._order(*entry))]

    def _order(self, subject: tuple[str, ...], agency: Agency) -> tuple[object, ...]:
        if agency[0].change.mention is not None:
            return subject
        types = sorted(_TYPES.index(net.change.agreement.support_type) for net in agency)
        names = _unique(self.wording.support(net.change.agreement) for net in agency)
        return (names != [self._common_type], len(types), types, subject)

    def _heading(self, state: str, kind: Kind, number: int, *, on_agenda: bool) -> Line:
        """Return a section's heading. It's empty if the headline already says all of it."""
        kinds, language = {change.kind for change in self.changes}, self.wording.language
        if len(self.states) == 1 and len(kinds) == 1:
            return ()
        many = len(self.states) > MOST_STATES_NAMED and not on_agenda and self.standing is not None
        total = len(self.standing.by_state.get(state, ())) if many and self.standing is not None else None
        if len(kinds) == 1 and total is not None:
            text = say(language, "{state} {n} (now {total})", state=state_name(state, language), n=number, total=total)
            return (Span(text, strong=True),)
        heading = self.wording.heading(state, kind, on_agenda=on_agenda)
        if total is None:
            return heading
        return (Span(say(language, "{heading} (now {total})", heading=heading[0].text, total=total), strong=True),)

    def _details(self, folded: Sequence[Section]) -> Details:
        language = self.wording.language
        changes = [change for change in self.changes if change.kind in self.folded]
        number = len({(change.agreement.state, change.agreement.key.agency) for change in changes})
        title = say_count(language, "The {n} agency by name", "The {n} agencies by name", number)
        summary = [(Span(" · ".join(section.heading[0].text for section in folded)),)] if folded[0].heading else []
        thread = say_count(
            language,
            "The name of the {n} agency is in the thread.",
            "The names of all {n} agencies are in the thread.",
            number,
        )
        return Details(
            title=(Span(title, strong=True),), summary=tuple(summary), where=(Span(thread),), sections=tuple(folded)
        )

    # ── items ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _item(self, agency: Agency, shared: Mapping[str, Line], explained: Collection[str], *, together: bool) -> Item:
        covers = tuple(sorted({seq for net in agency for seq in net.covers}))
        changes = [net.change for net in agency]
        if changes[0].mention is not None:
            return Item(lines=self.wording.mention(changes[0]), covers=covers)
        types = _unique(self.wording.support(change.agreement) for change in changes)
        wording = self.wording
        if self.is_alone and len(types) > 1:
            text = formats(wording.language).join(types)  # the headline says how many agreements there are
        else:
            text = wording.short_support(types) if together else wording.support_line(types, explained)
        under: Line = (Span(text),)
        if together and types == [self._common_type]:
            under = ()
        facts = [
            *self._own_facts(changes, shared, types, together=together),
            *self._still_listed(changes, together=together),
        ]
        before = self.agendas.mention_behind(changes[-1]) if changes[0].kind in KINDS_AFTER_A_VOTE else None
        agenda = self.wording.on_agenda_before(before, changes[-1].publication.observed_at.date()) if before else ()
        after = (agenda,) if agenda else ()
        if self.is_alone:
            return Item(lines=(under, *self._alone(changes[0], facts), *after), covers=covers)
        name = self.wording.name(changes[0].agreement, strong=not together)
        line = _listed((name, *facts, *(after if together else ())))
        if together:
            return Item(lines=(line,), covers=covers, under=under)
        return Item(lines=((Span("• "), *line), *after), covers=covers, under=under)

    def _alone(self, change: Change, facts: Sequence[Line]) -> Iterator[Line]:
        """Yield a line with the facts about the only agency, which the headline names."""
        county = self.wording.county_of(change.agreement)
        parts = [*(((Span(county),),) if county else ()), *facts]
        if parts:
            yield _listed(parts)

    def _own_facts(
        self, changes: Sequence[Change], shared: Mapping[str, Line], types: Sequence[str], *, together: bool
    ) -> list[Line]:
        """Return the facts that an agency doesn't share. If its agreements differ, each fact names its support type.

        In a paragraph of many agencies, the time on the pending list is left out: it differs for each of them.
        """
        found: dict[tuple[str, Line], list[str]] = {}
        for change in changes:
            for name, line in self._facts(change).items():
                if shared.get(name) == line or (together and name == "pending"):
                    continue
                seen = self._first_seen(change) if together and name == "since" else None
                fact = self.wording.month_listed(seen) if seen else line
                if fact:
                    found.setdefault((name, fact), []).append(self.wording.support(change.agreement))
        return [
            line
            if len(_unique(which)) == len(types)
            else (Span(f"{formats(self.wording.language).join(which)}: "), *line)
            for (_, line), which in found.items()
        ]

    def _still_listed(self, changes: Sequence[Change], *, together: bool) -> list[Line]:
        key = changes[0].agreement.key
        if changes[0].kind is not Kind.WITHDRAWN or self.standing is None or not remaining(changes[0], self.standing):
            return []
        left = self.standing.by_agency[key.state, key.agency]
        if together:
            return [self.wording.still_has(len(left))]
        return [self.wording.still_listed(_unique(self.wording.support(agreement) for agreement in left))]


def first_line(grouping: Grouping) -> Line:
    """Return the digest's first line."""
    return (Span(headline(grouping.wording, grouping.changes, grouping.standing), strong=True),)


def _subject(change: Change) -> tuple[str, ...]:
    """Return the key for grouping and sorting items. It starts with an agency's name or a meeting's date."""
    if change.mention is None:
        return (change.agreement.key.agency,)
    return (str(change.mention.meets_on or "9999"), *change.mention.key)


def _is_own(name: str, line: Line) -> bool:
    """Return whether a fact belongs to one agreement, such as the link to its MOA."""
    return name == "moa" and any(span.href for span in line)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _listed(parts: Sequence[Line]) -> Line:
    return tuple(span for number, part in enumerate(parts) for span in ((Span(", "), *part) if number else part))
