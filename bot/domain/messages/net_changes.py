"""The net of several changes: what is different at the end, agreement by agreement.

Signed and renamed is signed under the new name; signed and withdrawn, or withdrawn and reinstated, is silence; renamed
and withdrawn is withdrawn as last printed; applied and signed is signed; renamed there and back is silence.

What a reader never heard of cancels nothing: who hears only of withdrawals hears of one whenever it was signed.

Of what an agenda says there is one line for each thing on it, as it stands at the end.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import takewhile

from bot.domain.agreement import Agreement, Key, ListName
from bot.domain.change import FIRST_SIGHT, LEAVING, Change, Kind

_ARRIVING = frozenset({Kind.SIGNED, Kind.REINSTATED, Kind.APPLIED})

Hears = Callable[[Change], bool]


@dataclass(frozen=True, slots=True)
class Net:
    """One thing to tell: a change as it stands at the end, as what it is decided who hears it, and all it sums up."""

    change: Change
    decided_by: Change
    covers: tuple[int, ...]


def net(changes: Iterable[Change], hears: Hears = lambda _: True) -> tuple[Net, ...]:
    """What is left to tell of these changes, in the order in which each agreement last changed.

    `hears` says whether the reader is told of a change at all.
    """
    window = tuple(changes)
    threads, mentions = _Threads(), _Mentions()
    taken_back = {change.retracts for change in window}
    for change in window:
        if change.kind is Kind.RETRACTED or change.seq in taken_back:
            continue  # what was taken back before it was told is never told
        if change.mention is not None:
            mentions.follow(change)
        else:
            threads.follow(change)
    told = [found for thread in threads.all for found in thread.net(hears)]
    told += [found for editions in mentions.all for found in _net_of_mention(editions, hears)]
    return tuple(sorted(told, key=lambda n: (n.change.seq, n.change.kind)))


@dataclass(slots=True)
class _Thread:
    """The changes of one agreement, in order, whatever it was called meanwhile."""

    changes: list[Change] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.changes[-1].kind in LEAVING

    @property
    def is_second_row(self) -> bool:
        """Whether it came as a second row of an agreement that goes on; nobody was told of it."""
        return self.changes[0].kind is Kind.LISTED and self.changes[0].because != FIRST_SIGHT

    def net(self, hears: Hears) -> Iterable[Net]:
        changes = self._since_heard(hears)
        if not changes:
            return
        first, last, before = changes[0], changes[-1], changes[0].was or changes[0].agreement
        here_before, here_after = first.kind not in _ARRIVING, last.kind not in LEAVING
        if here_after and not here_before:
            arrived = replace(first, agreement=last.agreement, row=last.row)
            yield self._sum(arrived, replace(arrived, seq=last.seq))
        elif here_before and not here_after:
            yield self._sum(last, _where_it_was(last, before, hears))
        elif here_before:
            yield from self._differences(changes, before)

    def _since_heard(self, hears: Hears) -> list[Change]:
        """Without the comings and goings at the beginning of which the reader never heard."""
        before = self.changes[0].was or self.changes[0].agreement
        turns = (n for n, c in enumerate(self.changes, start=1) if c.kind in _ARRIVING | LEAVING)
        unheard = takewhile(lambda n: not hears(_where_it_was(self.changes[n - 1], before, hears)), turns)
        return self.changes[max(unheard, default=0) :]

    def _differences(self, changes: list[Change], before: Agreement) -> Iterable[Net]:
        """What of an agreement that was there before and is there now is not as it was."""
        now = changes[-1].agreement
        for kind in (Kind.RENAMED, Kind.CORRECTED, Kind.AMENDED):
            last = next((c for c in reversed(changes) if c.kind is kind), None)
            if last is not None and _side(kind, before) != _side(kind, now):
                change = replace(last, was=before, agreement=now)
                yield self._sum(change, change if kind is Kind.CORRECTED else last)

    def _sum(self, change: Change, decided_by: Change) -> Net:
        return Net(change, decided_by, tuple(c.seq for c in self.changes))


def _where_it_was(change: Change, before: Agreement, hears: Hears) -> Change:
    """A departure as those hear it who knew the agreement in another state: there it goes."""
    moved = replace(change, agreement=before)
    if change.kind in LEAVING and (before.state != change.agreement.state or hears(moved)):
        return moved
    return change


class _Threads:
    """The threads so far; the open ones are found by what they are called now."""

    def __init__(self) -> None:
        self.all: list[_Thread] = []
        self._open: dict[tuple[ListName, Key], _Thread] = {}

    def follow(self, change: Change) -> None:
        """Add a change to the thread that it continues, now under its new name."""
        before, after = (change.was or change.agreement).key, change.agreement.key
        thread = self._open.pop((change.list, before), None)
        if change.pending is not None:
            self._forget((ListName.PENDING, change.pending.key))
        other = self._open.get((change.list, after))
        if other is not None and other.is_second_row:  # it went, and the agreement now has its name
            self._drop(other)
        elif other is not None and not other.is_over:  # of two rows one goes: what was told of either goes on
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
    """The editions of each thing on an agenda, in order."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[Change]] = {}

    @property
    def all(self) -> Iterable[list[Change]]:
        return self._open.values()

    def follow(self, change: Change) -> None:
        """Add an edition to those that it follows on."""
        assert change.mention is not None
        before = change.mention.before or change.mention
        editions = self._open.pop(before.key, None) or self._open.pop(change.mention.key, [])
        self._open[change.mention.key] = [*editions, change]


def _net_of_mention(editions: list[Change], hears: Hears) -> Iterable[Net]:
    """The thing as it stands at the end, if the reader hears of any of its editions; moved and back is silence."""
    heard = [change for change in editions if hears(change)]
    first, last = editions[0].mention, editions[-1].mention
    assert first is not None
    assert last is not None
    before = first.before
    told = [change for change in heard if change.kind is Kind.MENTIONED]
    if before is not None and (before.planned == last.planned or not told):
        told = [change for change in heard if change.kind is Kind.AMENDED and before.said != last.said]
    if told:
        at_the_end = replace(last.after(before), already=first.already)
        change = replace(editions[-1], kind=told[-1].kind, mention=at_the_end)
        yield Net(change, told[-1], tuple(c.seq for c in editions))


def _side(kind: Kind, agreement: Agreement) -> tuple[object, ...]:
    """The facts of which a kind of change speaks."""
    if kind is Kind.RENAMED:
        return (agreement.agency,)
    if kind is Kind.CORRECTED:
        return (agreement.state, agreement.county, agreement.agency_type, agreement.support_type)
    return (agreement.signed, agreement.moa, agreement.addendum)
