"""The change log, which numbers changes, derives the known state and finds the first change owed to a subscription."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from heapq import merge
from itertools import product

from bot.domain.change import MOVING, NEVER_TOLD, Change, Kind, Known
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.errors import StoreError


def numbered(changes: Sequence[Change], end: int, recorded_at: datetime) -> tuple[Change, ...]:
    """Number the new changes after `end` and set the time they were recorded."""
    return tuple(replace(change, seq=seq, recorded_at=recorded_at) for seq, change in enumerate(changes, end + 1))


def follow(before: Known, changes: Sequence[Change], known: Known) -> Known:
    """Return the known state after the changes, with the rows, publications and absences from `known`.

    Raises StoreError if the result differs from `known`.
    """
    after = replace(before.after(changes), rows=known.rows, seen=known.seen, absent=known.absent)
    if after != known:
        raise StoreError("The new known state doesn't follow from the changes, so nothing was recorded.")
    return after


class Log:
    """The committed changes in order, indexed by state and kind.

    A log may contain only the latest changes; `before` is then the number of the last change left out.
    """

    def __init__(self, before: int = 0, changes: Iterable[Change] = ()) -> None:
        self.changes: list[Change] = []
        self._before = before
        self._retractions: list[Change] = []
        self._index: defaultdict[tuple[str, Kind], list[int]] = defaultdict(list)
        self.extend(changes)

    @property
    def end(self) -> int:
        """The number of the last change, or 0 if the log is empty."""
        return self._before + len(self.changes)

    def select(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        since: datetime | None = None,
        states: Sequence[str] | None = None,
        kinds: Sequence[Kind] | None = None,
    ) -> tuple[Change, ...]:
        """Return the matching changes. The arguments are the same as for `Store.changes`."""
        return tuple(
            change
            for change in self.changes[after:upto]
            if (since is None or (change.recorded_at is not None and change.recorded_at >= since))
            and (states is None or not change.states.isdisjoint(states))
            and (kinds is None or change.kind in kinds)
        )

    def extend(self, changes: Iterable[Change]) -> None:
        """Append changes that have already been numbered."""
        for change in changes:
            self.changes.append(change)
            if change.retracts is not None:
                self._retractions.append(change)
            if change.kind not in NEVER_TOLD:
                for entry in _index_entries(change):
                    self._index[entry].append(change.seq)

    def retractions(self, after: int) -> Iterator[Change]:
        """Yield the retractions numbered higher than `after`."""
        return (change for change in self._retractions if change.seq > after)

    def first_owed(self, subscription: Subscription) -> Change | None:
        """Return the first change owed to the subscription, or None.

        The result is the same as the first change from `owed`, but this method uses the index and is faster.
        """
        wanted = subscription.filter
        if wanted.counties or wanted.agencies or wanted.agency_types or wanted.support_types or wanted.told:
            candidates = map(self._numbered, self._candidates(wanted, subscription.cursor))
            return next((change for change in candidates if wanted.matches(change)), None)
        first = self.end + 1
        for kind, kind_since in wanted.kinds.items():
            for state, state_since in wanted.states.items():
                seqs = self._index.get((state, kind))
                since = max(subscription.cursor, kind_since, state_since)
                if seqs and seqs[-1] > since:
                    first = min(first, seqs[bisect_right(seqs, since)])
        return self._numbered(first) if first <= self.end else None

    def _candidates(self, wanted: Filter, after: int) -> Iterator[int]:
        """Yield the numbers of changes that might match the filter, in order.

        Moves are always included, because a move can be reported as another kind.
        """
        found = (self._index.get(entry) for entry in product(wanted.index_states, MOVING | wanted.kinds.keys()))
        return merge(*(seqs[bisect_right(seqs, after) :] for seqs in found if seqs))

    def _numbered(self, seq: int) -> Change:
        return self.changes[seq - 1 - self._before]


def _index_entries(change: Change) -> list[tuple[str, Kind]]:
    """Return the pairs of state and kind under which the change is indexed.

    A filter that contains only one of these pairs matches the change.
    """
    kinds = (change.kind,) if len(change.states) == 1 else tuple(Kind)  # a move may also be reported as another kind
    entries = product((*change.states, ALL_STATES), kinds)
    return [(state, kind) for state, kind in entries if Filter(states={state: 0}, kinds={kind: 0}).matches(change)]
