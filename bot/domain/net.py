"""The net of several changes: what is different at the end, agreement by agreement.

Signed and renamed is signed under the new name; signed and withdrawn, or withdrawn and reinstated, is silence; renamed
and withdrawn is withdrawn as last printed; applied and signed is signed; renamed there and back is silence.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from bot.domain.agreement import Agreement, Key, ListName
from bot.domain.change import LEAVING, Change, Kind

_ARRIVING = frozenset({Kind.SIGNED, Kind.REINSTATED, Kind.APPLIED})


@dataclass(frozen=True, slots=True)
class Net:
    """One thing to tell: a change as it stands at the end, the one that decides who hears it, and all it sums up."""

    change: Change
    decided_by: Change
    covers: tuple[int, ...]


def net(changes: Iterable[Change]) -> tuple[Net, ...]:
    """What is left to tell of these changes, in the order in which each agreement last changed."""
    threads: dict[tuple[ListName, Key], _Thread] = {}
    window = tuple(changes)
    taken_back = {change.retracts for change in window}
    for change in window:
        if change.kind is Kind.RETRACTED or change.seq in taken_back:
            continue  # what was taken back before it was told is never told
        _follow(threads, change).changes.append(change)
    told = [found for thread in threads.values() for found in thread.net()]
    return tuple(sorted(told, key=lambda n: (n.change.seq, n.change.kind)))


@dataclass(slots=True)
class _Thread:
    """The changes of one agreement, in order, whatever it was called meanwhile."""

    changes: list[Change] = field(default_factory=list)

    def net(self) -> Iterable[Net]:
        first, last = self.changes[0], self.changes[-1]
        here_before, here_after = first.kind not in _ARRIVING, last.kind not in LEAVING
        if here_after and not here_before:
            arrived = next(c for c in reversed(self.changes) if c.kind in _ARRIVING)
            yield self._sum(replace(arrived, agreement=last.agreement, row=last.row), arrived)
        elif here_before and not here_after:
            yield self._sum(last, last)
        elif here_before:
            yield from self._differences()

    def _differences(self) -> Iterable[Net]:
        """What of an agreement that was there before and is there now is not as it was."""
        before, now = self.changes[0].was or self.changes[0].agreement, self.changes[-1].agreement
        for kind in (Kind.RENAMED, Kind.CORRECTED, Kind.AMENDED):
            last = next((c for c in reversed(self.changes) if c.kind is kind), None)
            if last is not None and _side(kind, before) != _side(kind, now):
                yield self._sum(replace(last, was=before, agreement=now), last)

    def _sum(self, change: Change, decided_by: Change) -> Net:
        return Net(change, decided_by, tuple(c.seq for c in self.changes))


def _follow(threads: dict[tuple[ListName, Key], _Thread], change: Change) -> _Thread:
    """The thread that this change continues, now under its new name."""
    before, after = (change.was or change.agreement).key, change.agreement.key
    thread = threads.pop((change.list, before), None) or _Thread()
    if change.pending is not None:
        threads.pop((ListName.PENDING, change.pending.key), None)
    if before != after and (change.list, after) in threads:  # a second row goes; the first has its own thread
        return threads[change.list, after]
    threads[change.list, after] = thread
    return thread


def _side(kind: Kind, agreement: Agreement) -> tuple[object, ...]:
    """The facts of which a kind of change speaks."""
    if kind is Kind.RENAMED:
        return (agreement.agency,)
    if kind is Kind.CORRECTED:
        return (agreement.state, agreement.county, agreement.agency_type, agreement.support_type)
    return (agreement.signed, agreement.moa, agreement.addendum)
