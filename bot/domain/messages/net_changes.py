"""Combine several changes to each agreement into the net changes to report to a reader.

An agreement that was signed and then renamed is reported as signed, under its new name. Some changes cancel out: signed
and withdrawn, withdrawn and reinstated, renamed and renamed back. An agreement that was renamed and then withdrawn is
reported as withdrawn, under its last name. An application that was then signed is reported as signed.

A change that the reader's filter excludes can't cancel another change. For example, a reader who gets only withdrawals
gets all of them, no matter when the agreements were signed.

An agenda item is reported once, in its latest version.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile

from bot.domain.agreement import Agreement, Key, ListName
from bot.domain.change import FIRST_SIGHT, LEAVING, Change, Kind

ARRIVING = frozenset({Kind.SIGNED, Kind.REINSTATED, Kind.APPLIED})  # on the list that the change is about
IN_PLACE: Mapping[Kind, tuple[str, ...]] = {  # while it stays on the list: the fields concerned, in reporting order
    Kind.RENAMED: ("agency",),
    Kind.CORRECTED: ("state", "county", "agency_type", "support_type"),
    Kind.AMENDED: ("signed", "moa", "addendum"),
}

Hears = Callable[[Change], bool]


@dataclass(frozen=True, slots=True)
class NetChange:
    """One change to report to a reader.

    `change` is the change to report. The reader's filter is applied to `decided_by`, which determines whether the
    change is reported, and as which kind. `covers` contains the numbers of all the changes that were combined.
    """

    change: Change
    decided_by: Change
    covers: tuple[int, ...]


def net_changes(changes: Iterable[Change], hears: Hears = lambda _: True) -> tuple[NetChange, ...]:
    """Combine these changes into net changes, sorted by the last change to each agreement.

    `hears` returns whether the reader would get a given change on its own.
    """
    window = tuple(changes)
    threads, mentions = _Threads(), _Mentions()
    taken_back = {change.retracts for change in window}
    for change in window:
        if change.kind is Kind.RETRACTED or change.seq in taken_back:
            continue  # retracted before it was sent, so never sent
        if change.mention is not None:
            mentions.follow(change)
        else:
            threads.follow(change)
    found = [net for thread in threads.all for net in thread.net_changes(hears)]
    found += [net for editions in mentions.all for net in _net_mention(editions, hears)]
    return tuple(sorted(found, key=lambda net: (net.change.seq, net.change.kind)))


@dataclass(slots=True)
class _Thread:
    """The changes to one agreement, in order, under all its names."""

    changes: list[Change] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.changes[-1].kind in LEAVING

    @property
    def is_second_row(self) -> bool:
        """True if the thread began as a duplicate row for an agreement on the list.

        Duplicate rows are never reported.
        """
        return self.changes[0].kind is Kind.LISTED and self.changes[0].because != FIRST_SIGHT

    def net_changes(self, hears: Hears) -> Iterable[NetChange]:
        changes = self._since_heard(hears)
        if not changes:
            return
        first, last, before = changes[0], changes[-1], changes[0].was or changes[0].agreement
        here_before, here_after = first.kind not in ARRIVING, last.kind not in LEAVING
        if here_after and not here_before:
            arrived = replace(first, agreement=last.agreement, row=last.row)
            yield self._sum(arrived, replace(arrived, seq=last.seq))
        elif here_before and not here_after:
            yield self._sum(last, _where_it_was(last, before, hears))
        elif here_before:
            yield from self._differences(changes, before)

    def _since_heard(self, hears: Hears) -> list[Change]:
        """Return the changes without the early ones that the reader's filter excludes.

        Find the first arrival or departure that the reader would get. Drop all changes up to and including the arrival
        or departure before it.
        """
        before = self.changes[0].was or self.changes[0].agreement
        turns = (n for n, c in enumerate(self.changes, start=1) if c.kind in ARRIVING | LEAVING)
        unheard = takewhile(lambda n: not hears(_where_it_was(self.changes[n - 1], before, hears)), turns)
        return self.changes[max(unheard, default=0) :]

    def _differences(self, changes: list[Change], before: Agreement) -> Iterable[NetChange]:
        """Yield the net changes to an agreement that was on the list before and is still on it."""
        now = changes[-1].agreement
        for kind in IN_PLACE:
            last = next((c for c in reversed(changes) if c.kind is kind), None)
            if last is not None and _facts(kind, before) != _facts(kind, now):
                change = replace(last, was=before, agreement=now)
                yield self._sum(change, change if kind is Kind.CORRECTED else last)

    def _sum(self, change: Change, decided_by: Change) -> NetChange:
        return NetChange(change, decided_by, tuple(c.seq for c in self.changes))


def _where_it_was(change: Change, before: Agreement, hears: Hears) -> Change:
    """Return a departure with the earlier version of the agreement, or return the change itself.

    The earlier version is used if the agreement's state changed or if the reader's filter matches that version.
    """
    moved = replace(change, agreement=before)
    if change.kind in LEAVING and (before.state != change.agreement.state or hears(moved)):
        return moved
    return change


class _Threads:
    """The threads found so far. Open threads are indexed by the agreement's current key."""

    def __init__(self) -> None:
        self.all: list[_Thread] = []
        self._open: dict[tuple[ListName, Key], _Thread] = {}

    def follow(self, change: Change) -> None:
        """Add a change to its agreement's thread, and index the thread by the agreement's new key."""
        before, after = (change.was or change.agreement).key, change.agreement.key
        thread = self._open.pop((change.list, before), None)
        if change.pending is not None:
            self._forget((ListName.PENDING, change.pending.key))
        other = self._open.get((change.list, after))
        if other is not None and other.is_second_row:  # that row is gone, and the agreement has its name now
            self._drop(other)
        elif other is not None and not other.is_over:  # one of two rows is gone; the other row's thread continues
            self._drop(thread)
            thread = other
        if thread is None:
            thread = _Thread()
            self.all.append(thread)
        thread.changes.append(change)
        self._open[change.list, after] = thread

    def _forget(self, name: tuple[ListName, Key]) -> None:
        self._drop(self._open.pop(name, None))

    def _drop(self, thread: _Thread | None) -> None:
        if thread is not None:
            self.all = [kept for kept in self.all if kept is not thread]


class _Mentions:
    """The versions of each agenda item, in order."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[Change]] = {}

    @property
    def all(self) -> Iterable[list[Change]]:
        return self._open.values()

    def follow(self, change: Change) -> None:
        """Add a new version of an agenda item."""
        assert change.mention is not None
        before = change.mention.before or change.mention
        editions = self._open.pop(before.key, None) or self._open.pop(change.mention.key, [])
        self._open[change.mention.key] = [*editions, change]


def _net_mention(editions: list[Change], hears: Hears) -> Iterable[NetChange]:
    """Yield the latest version of an agenda item if the reader's filter matches any version.

    A meeting that was moved and then moved back isn't reported.
    """
    heard = [change for change in editions if hears(change)]
    first, last = editions[0].mention, editions[-1].mention
    assert first is not None
    assert last is not None
    before = first.before
    told = [change for change in heard if change.kind in {Kind.MENTIONED, Kind.RELATED}]
    if before is not None and (before.planned == last.planned or not told):
        told = [change for change in heard if change.kind is Kind.AMENDED and before.said != last.said]
    if told:
        at_the_end = replace(last.after(before), already=first.already)
        change = replace(editions[-1], kind=told[-1].kind, mention=at_the_end)
        yield NetChange(change, told[-1], tuple(c.seq for c in editions))


def _facts(kind: Kind, agreement: Agreement) -> tuple[object, ...]:
    """Return the fields of an agreement that this kind of change can affect."""
    return tuple(getattr(agreement, name) for name in IN_PLACE[kind])
