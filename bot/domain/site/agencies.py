"""The agencies in the change log, each with its agreements, its changes and the spellings that lead to it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.agreement import Agreement, Key, ListName
from bot.domain.change import LEAVING, Change, Known
from bot.domain.page_addresses import AddressBook, Spelling

Slot = tuple[ListName, str]  # one agreement of a spelling: the list and the support type


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An agreement on one of ICE's lists, with its row number if it is known."""

    agreement: Agreement
    row: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """An agency's page: what is listed now and the changes, newest first.

    `last` is the latest row with this spelling. `earlier` are the spellings that lead here, and `now_at` the addresses
    to which some of its agreements moved, if others of them left the list.
    """

    slug: str
    last: Agreement
    rows: tuple[Row, ...] = ()
    pending: tuple[Agreement, ...] = ()
    changes: tuple[Change, ...] = ()
    earlier: tuple[str, ...] = ()
    now_at: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The agency's name as ICE prints it."""
        return self.last.agency

    @property
    def state(self) -> str:
        """The postal code of the agency's state."""
        return self.last.state

    @property
    def left(self) -> Change | None:
        """The change that took its last agreement off the list.

        It is None if the agency is listed here or under another spelling, if it never was, or if we retracted it.
        """
        if self.rows or self.now_at or self.taken_back:
            return None
        return next((c for c in self.changes if c.kind in LEAVING and c.list is ListName.PARTICIPATING), None)

    @property
    def taken_back(self) -> Change | None:
        """The departure that we retracted, until a later list shows the agency again."""
        last: dict[str, Change] = {}
        for change in self.changes:
            if change.is_of_lists and change.list is ListName.PARTICIPATING:
                last.setdefault(change.agreement.key.support_type, change)
        retracted = {change.retracts for change in self.changes}
        found = (c for c in last.values() if c.kind in LEAVING and c.seq in retracted)
        return None if self.rows or self.now_at else next(found, None)


@dataclass(slots=True)
class _Trail:
    """Everything the log says about one spelling. `gone` says where each agreement went; None: off the list."""

    last: Agreement
    changes: list[Change] = field(default_factory=list)
    gone: dict[Slot, Spelling | None] = field(default_factory=dict)


class AgencyBook:
    """Follows the log and collects the agencies in it."""

    def __init__(self) -> None:
        self._book = AddressBook()
        self._trails: dict[Spelling, _Trail] = {}

    def follow(self, change: Change) -> None:
        """Enter a change to one of ICE's lists, or the retraction of one."""
        self._book.follow(change)
        spelling, trail = self._trail(change.agreement)
        trail.changes.append(change)
        if not change.is_of_lists:
            return
        trail.last = change.agreement
        if change.was is not None:
            self._moved(change, change.list, change.was, spelling)
        if change.pending is not None:
            self._moved(change, ListName.PENDING, change.pending, spelling)
        slot = (change.list, change.agreement.key.support_type)
        if change.kind in LEAVING:
            trail.gone[slot] = None
        else:
            trail.gone.pop(slot, None)

    def _trail(self, agreement: Agreement) -> tuple[Spelling, _Trail]:
        spelling = Spelling.of(agreement)
        return spelling, self._trails.setdefault(spelling, _Trail(agreement))

    def _moved(self, change: Change, name: ListName, was: Agreement, to: Spelling) -> None:
        spelling, trail = self._trail(was)
        if spelling != to:
            trail.gone[name, was.key.support_type] = to
            if trail.changes[-1:] != [change]:
                trail.changes.append(change)

    def close(self, known: Known) -> "Agencies":
        """Return all agencies, with what is listed now."""
        listed = {name: _by_spelling(known.agreements[name]) for name in ListName}
        rows = known.rows[ListName.PARTICIPATING]
        goals = {spelling: self._goal(spelling, listed) for spelling in self._trails}
        leading: dict[Spelling, list[Spelling]] = defaultdict(list)
        for spelling, goal in goals.items():
            if goal != spelling:
                leading[goal].append(spelling)
        agencies = [
            self._agency(spelling, leading[spelling], listed, rows)
            for spelling, goal in goals.items()
            if goal == spelling
        ]
        slugs = self._book.by_spelling
        return Agencies(
            by_slug={agency.slug: agency for agency in sorted(agencies, key=_order)},
            redirects={slugs[spelling]: slugs[goal] for spelling, goal in goals.items() if goal != spelling},
            slugs={spelling: slugs[goal] for spelling, goal in goals.items()},
        )

    def _goal(self, spelling: Spelling, listed: Mapping[ListName, Mapping[Spelling, list[Agreement]]]) -> Spelling:
        """Return the spelling whose page answers for this one. In a circle, each spelling has its own page."""
        seen, at = {spelling}, spelling
        while not any(at in listed[name] for name in ListName):
            targets = set(self._trails[at].gone.values())
            target = next(iter(targets), None)
            if len(targets) != 1 or target is None:
                return at
            if target in seen:
                return spelling
            seen.add(target)
            at = target
        return at

    def _agency(
        self,
        spelling: Spelling,
        leading: list[Spelling],
        listed: Mapping[ListName, Mapping[Spelling, list[Agreement]]],
        rows: Mapping[Key, int],
    ) -> Agency:
        trails = [self._trails[each] for each in (spelling, *leading)]
        changes = {change.seq: change for trail in trails for change in trail.changes}
        here = sorted(listed[ListName.PARTICIPATING].get(spelling, ()), key=lambda a: a.key.support_type)
        last = here[-1] if here else self._trails[spelling].last
        moved = sorted(to for to in set(self._trails[spelling].gone.values()) if to is not None)
        return Agency(
            slug=self._book.by_spelling[spelling],
            last=last,
            rows=tuple(Row(agreement=agreement, row=rows.get(agreement.key)) for agreement in here),
            pending=tuple(listed[ListName.PENDING].get(spelling, ())),
            changes=tuple(changes[seq] for seq in sorted(changes, reverse=True)),
            earlier=tuple(dict.fromkeys(t.last.agency for t in trails[1:] if t.last.agency != last.agency)),
            now_at=() if here else tuple(self._book.by_spelling[to] for to in moved),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agencies:
    """All agencies by address, the addresses that lead to another one, and the address of each spelling."""

    by_slug: Mapping[str, Agency] = field(default_factory=dict)
    redirects: Mapping[str, str] = field(default_factory=dict)
    slugs: Mapping[Spelling, str] = field(default_factory=dict)

    def slug_of(self, agreement: Agreement) -> str | None:
        """Return the address of an agreement's agency, or None if the log doesn't name it."""
        return self.slugs.get(Spelling.of(agreement))


def _order(agency: Agency) -> tuple[str, str, str]:
    return agency.state, agency.name.casefold(), agency.slug


def _by_spelling(agreements: Mapping[Key, Agreement]) -> dict[Spelling, list[Agreement]]:
    found: dict[Spelling, list[Agreement]] = defaultdict(list)
    for key in sorted(agreements):
        found[Spelling.of(agreements[key])].append(agreements[key])
    return dict(found)
