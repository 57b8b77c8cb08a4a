"""What the embedded store holds in memory, and the transactions that alone change it; no file, no clock."""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from heapq import heapify, heappop, heappush, merge
from itertools import product
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bot.domain.agreement import Key, ListName, Publication
from bot.domain.change import MOVING, NEVER_TOLD, Change, Kind, Known
from bot.domain.lists.vetting import Held
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Receipt, Subscription, due_at
from bot.errors import StoreError
from bot.store import SourceStatus

RECEIPTS_KEPT = timedelta(days=90)
SLICE = 1_000  # subscriptions that are woken before others have their turn, which takes about 20 ms
SET_BACK = timedelta(minutes=1)  # by which a clock goes back that was wrong; less is a clock that is kept right


class Recorded(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="recorded", rename={"status": "memory"}):
    """A reading was committed; its changes are those of the log up to `last_seq`.

    What is known after it follows from the changes, but for `seen`, `absent` and `numbers`: for each list the row
    numbers of its agreements, in the order in which they are known, 0 for none. `held` is None where it stayed as it
    was.
    """

    last_seq: int
    recorded_at: datetime
    status: SourceStatus
    seen: Mapping[ListName, Publication]
    absent: tuple[tuple[Key, datetime], ...]
    numbers: Mapping[ListName, tuple[int, ...]] = msgspec.field(default_factory=dict)
    held: tuple[Held, ...] | None = None


class Remembered(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="remembered", rename={"status": "memory"}
):
    """What is remembered of a source was replaced, but for the fields named in `same`, which are left out here.

    Most sources have not changed when they are read, and what they are asked with next time may be long.
    """

    status: SourceStatus
    same: tuple[Literal["validators", "facts"], ...] = ()


class Batch(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="remembered together"):
    """What is remembered of several sources was replaced; each was committed on its own word, all in one line."""

    each: tuple[Remembered, ...]


class HeldReplaced(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="withheld"):
    """All that is held was replaced."""

    held: tuple[Held, ...]


class SubscriptionSaved(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="placed"):
    """A subscription as it now stands, and the receipt that goes with it, if any."""

    subscription: Subscription
    receipt: Receipt | None = None


class Removed(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="removed"):
    """A subscription was ended; with `receipts` the proof of what it was told went too."""

    id: str
    receipts: bool = False


class Noted(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", tag="noted"):
    """A note under a kind and a key was written, or taken away (None)."""

    kind: str
    key: str
    value: str | None


Transaction = Recorded | Remembered | Batch | HeldReplaced | SubscriptionSaved | Removed | Noted


class Log:
    """The committed changes in order, and where in it each kind of change is found for each state.

    It may hold the end of the log only: `before` is the number of the last change that it does not hold.
    """

    def __init__(self, before: int = 0) -> None:
        self.changes: list[Change] = []
        self._before = before
        self._retractions: list[Change] = []
        self._places: defaultdict[tuple[str, Kind], list[int]] = defaultdict(list)

    @property
    def end(self) -> int:
        """The number of the last change; 0 when there is none."""
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
        """Those that `Store.changes` is asked for."""
        return tuple(
            change
            for change in self.changes[after:upto]
            if (since is None or (change.recorded_at is not None and change.recorded_at >= since))
            and (states is None or not change.states.isdisjoint(states))
            and (kinds is None or change.kind in kinds)
        )

    def extend(self, changes: Iterable[Change]) -> None:
        """Add changes that carry their numbers."""
        for change in changes:
            self.changes.append(change)
            if change.retracts is not None:
                self._retractions.append(change)
            if change.kind not in NEVER_TOLD:
                for place in _heard_under(change):
                    self._places[place].append(change.seq)

    def retractions(self, after: int) -> Iterator[Change]:
        """Those after that change."""
        return (change for change in self._retractions if change.seq > after)

    def first_owed(self, subscription: Subscription, new: "NewChanges | None" = None) -> Change | None:
        """The first of `owed`, from the index; among the `new` alone where the caller knows that nothing else is."""
        news, after = subscription.filter, max(subscription.cursor, new.after if new else 0)
        if news.counties or news.agencies or news.support_types:
            candidates = map(self._numbered, self._candidates(news, after))
            return next((change for change in candidates if news.matches(change)), None)
        first = self.end + 1
        if new is not None:
            seq = new.first_under(news)
            return self.changes[seq - 1] if seq is not None else None
        for kind, kind_since in news.kinds.items():
            for state, state_since in news.states.items():
                places = self._places.get((state, kind))
                since = max(after, kind_since, state_since)
                if places and places[-1] > since:
                    first = min(first, places[bisect_right(places, since)])
        return self._numbered(first) if first <= self.end else None

    def _candidates(self, news: Filter, after: int) -> Iterator[int]:
        """The changes that this filter could match, in order; one that moves may be heard as another kind."""
        found = (self._places.get(entry) for entry in product(news.index_states, MOVING | news.kinds.keys()))
        return merge(*(places[bisect_right(places, after) :] for places in found if places))

    def _numbered(self, seq: int) -> Change:
        return self.changes[seq - 1 - self._before]


def _heard_under(change: Change) -> list[tuple[str, Kind]]:
    """The entries of a filter, a state and a kind, that each suffice to hear of it."""
    kinds = (change.kind,) if len(change.states) == 1 else tuple(Kind)  # what moves is heard as another kind too
    entries = product((*change.states, ALL_STATES), kinds)
    return [(state, kind) for state, kind in entries if Filter(states={state: 0}, kinds={kind: 0}).matches(change)]


class NewChanges:
    """Changes that were just added, later than any entry of any filter.

    `after` is the last change before them, `wrong` are those that they take back.
    """

    def __init__(self, changes: Sequence[Change]) -> None:
        self.after = changes[0].seq - 1
        self.wrong = [change.retracts for change in changes if change.retracts is not None]
        self.firsts: defaultdict[Kind, dict[str, int]] = defaultdict(dict)
        for change in changes:
            if change.kind not in NEVER_TOLD:
                for state, kind in _heard_under(change):
                    self.firsts[kind].setdefault(state, change.seq)

    def first_under(self, news: Filter) -> int | None:
        """The first that a filter of states and kinds hears of."""
        found = [
            firsts[state]
            for kind, firsts in self.firsts.items()
            if kind in news.kinds
            for state in news.states
            if state in firsts
        ]
        return min(found) if found else None


class DueQueue:
    """Who is to be woken when; a heap in which what was moved or taken out is skipped later."""

    def __init__(self) -> None:
        self._times: dict[str, datetime] = {}
        self._heap: list[tuple[datetime, str]] = []
        self._rung: set[str] = set()

    def set(self, name: str, moment: datetime | None) -> None:
        """Wake it then instead of when it was to be woken; None is never."""
        if moment is None:
            self._rung.discard(name)
            self._times.pop(name, None)
        elif self._times.get(name) != moment:
            self._rung.discard(name)
            self._times[name] = moment
            heappush(self._heap, (moment, name))
            if len(self._heap) > 2 * len(self._times) + 100:
                self._heap = [(moment, name) for name, moment in self._times.items() if name not in self._rung]
                heapify(self._heap)

    def rung(self, now: datetime) -> Iterable[str]:
        """All whose time had come by now, or by any earlier `now`."""
        while self._heap and self._heap[0][0] <= now:
            moment, name = heappop(self._heap)
            if self._times.get(name) == moment:
                self._rung.add(name)
        return self._rung


class ReceiptIndex:
    """The receipts, and who was told of a change by them."""

    def __init__(self) -> None:
        self.all: list[Receipt] = []
        self._told: dict[int, set[str]] = {}

    def add(self, receipt: Receipt) -> None:
        """Add one."""
        self.all.append(receipt)
        for seq in receipt.changes:
            if receipt.error is None and seq in self._told:
                self._told[seq].add(receipt.subscription)

    def keep(self, receipts: Iterable[Receipt]) -> None:
        """These and no others."""
        self.all = list(receipts)
        self._told.clear()

    def told(self, seq: int) -> set[str]:
        """The subscriptions that were told of that change; looked for once, for few changes are ever asked about."""
        if seq not in self._told:
            self._told[seq] = {r.subscription for r in self.all if r.error is None and seq in r.changes}
        return self._told[seq]


class SetBack(NamedTuple):
    """What the log held when the clock was found to have been set back, and what the time was then."""

    end: int
    at: datetime


class SubscriptionIndex:
    """The subscriptions, who watches which state, and when each is due.

    After `set_back`, what the log held until then counts as recorded by that time. With `in_slices`, whoever records
    changes has to call `wake_some` to the end, and may let others have their turn in between.
    """

    def __init__(self, log: Log, proofs: ReceiptIndex) -> None:
        self.by_id: dict[str, Subscription] = {}
        self.by_address: dict[tuple[str, str], str] = {}
        self.next_number = 1
        self.set_back: SetBack | None = None
        self.in_slices = False
        self._waking: deque[tuple[set[str], NewChanges]] = deque()
        self._log = log
        self._proofs = proofs
        self._watchers: defaultdict[str, set[str]] = defaultdict(set)
        self._alarm = DueQueue()
        self._moments: dict[tuple[Cadence, time, str, datetime], datetime] = {}

    def __getitem__(self, subscription_id: str) -> Subscription:
        try:
            return self.by_id[subscription_id]
        except KeyError:
            raise StoreError(f"There is no subscription {subscription_id}.") from None

    def place(self, subscription: Subscription) -> None:
        """Add it, or put it in place of the one with its id, with `due_at` computed from the log."""
        self._woken(subscription.id)
        old = self.by_id.get(subscription.id)
        states = subscription.filter.index_states
        if old is not None:
            self._unwatch(subscription.id, old.filter.index_states - states)
            self._let_go_of_address(old)
        self.by_address[subscription.channel, subscription.address] = subscription.id
        for state in states:
            self._watchers[state].add(subscription.id)
        self.next_number = max(self.next_number, int(subscription.id.removeprefix("s")) + 1)
        self._set(subscription)

    def remove(self, subscription_id: str) -> None:
        """Take it out."""
        self._woken(subscription_id)
        old = self.by_id.pop(subscription_id)
        self._let_go_of_address(old)
        self._unwatch(subscription_id, old.filter.index_states)
        self._alarm.set(subscription_id, None)

    def wake(self, changes: Sequence[Change]) -> None:
        """Set `due_at` of those who are owed one of these new changes and had nothing due, or begin with it."""
        if not changes:
            return
        new = NewChanges(changes)
        watching = (self._watchers.get(state, ()) for state in {ALL_STATES}.union(*(c.states for c in changes)))
        told = (self._proofs.told(wrong) & self.by_id.keys() for wrong in new.wrong)  # whatever they watch by now
        self._waking.append((set().union(*watching, *told), new))
        while not self.in_slices and self.wake_some():
            pass

    def wake_some(self) -> bool:
        """Go on with a slice of those who are to be woken; whether there are more."""
        for _ in range(SLICE):
            while self._waking and not self._waking[0][0]:
                self._waking.popleft()
            if not self._waking:
                return False
            names, new = self._waking[0]
            self._wake(self.by_id[names.pop()], new)
        return True

    def _wake(self, subscription: Subscription, new: NewChanges) -> None:
        if subscription.due_at is None:
            self._set(subscription, new)
        elif subscription.hears_always or any(subscription.id in self._proofs.told(wrong) for wrong in new.wrong):
            self._set(subscription)  # something may be due before what is due already

    def reckon_from(self, at: datetime) -> None:
        """The clock was set back to `at`: nothing waits for a time that is far off only because it was ahead."""
        self.set_back = SetBack(self._log.end, at)
        for subscription in list(self.by_id.values()):
            self._set(
                replace(
                    subscription,
                    retry_at=None,
                    failing_since=_not_after(at, subscription.failing_since),
                    told_at=_not_after(at, subscription.told_at),
                    created_at=_not_after(at, subscription.created_at),
                )
            )

    def due(self, now: datetime) -> list[Subscription]:
        """Those to be told now, longest due first."""
        rung = (self.by_id[subscription_id] for subscription_id in self._alarm.rung(now))
        return sorted((s for s in rung if s.is_due(now)), key=lambda s: (s.due_at, int(s.id.removeprefix("s"))))

    def _set(self, subscription: Subscription, new: NewChanges | None = None) -> None:
        moment = self._due_at(subscription, new)
        if subscription.due_at != moment:
            subscription = replace(subscription, due_at=moment)
        self.by_id[subscription.id] = subscription
        self._alarm.set(subscription.id, subscription.wakes_at)

    def _woken(self, subscription_id: str) -> None:
        """Whoever is placed is not to be woken any more: its new entries may be later than the changes."""
        for names, _ in self._waking:
            names.discard(subscription_id)

    def _let_go_of_address(self, old: Subscription) -> None:
        if self.by_address.get((old.channel, old.address)) == old.id:
            del self.by_address[old.channel, old.address]

    def _due_at(self, subscription: Subscription, new: NewChanges | None) -> datetime | None:
        """When the first thing that it is owed is due; a retraction never waits for the hour of a digest."""
        owed = self._log.first_owed(subscription, new)
        moments = [self._moment(subscription, self._recorded_at(owed))] if owed else []
        retractions = self._log.retractions(subscription.cursor)
        moments += [self._recorded_at(change) for change in retractions if self._is_to_hear(subscription, change)]
        since = subscription.told_at or subscription.created_at
        if subscription.hears_always and subscription.cadence is not Cadence.INSTANT and since is not None:
            moments.append(due_at(subscription, since))
        return min(moments, default=None)

    def _is_to_hear(self, subscription: Subscription, retraction: Change) -> bool:
        """Whether it was told of the change that was wrong, and not yet that it was."""
        assert retraction.retracts is not None
        told = self._proofs.told
        return subscription.id in told(retraction.retracts) and subscription.id not in told(retraction.seq)

    def _recorded_at(self, change: Change) -> datetime:
        assert change.recorded_at is not None
        if self.set_back is not None and change.seq <= self.set_back.end:
            return min(change.recorded_at, self.set_back.at)
        return change.recorded_at

    def _moment(self, subscription: Subscription, recorded_at: datetime) -> datetime:
        """`due_at`, computed once for all who share hour, zone and cadence."""
        if subscription.told_at is not None and subscription.told_at > recorded_at - timedelta(days=2):
            return due_at(subscription, recorded_at)  # the date of the last one matters
        key = (subscription.cadence, subscription.at, subscription.tz, recorded_at)
        if key not in self._moments:
            if len(self._moments) > 10_000:
                self._moments.clear()
            self._moments[key] = due_at(subscription, recorded_at)
        return self._moments[key]

    def _unwatch(self, subscription_id: str, states: Iterable[str]) -> None:
        for state in states:
            self._watchers[state].discard(subscription_id)


def _not_after(at: datetime, moment: datetime | None) -> datetime | None:
    return min(at, moment) if moment is not None else None


class Ledger:
    """Everything that the store knows, as the transactions made it."""

    def __init__(self) -> None:
        self.known = Known()
        self.held: tuple[Held, ...] = ()
        self.statuses: dict[str, SourceStatus] = {}
        self.log = Log()
        self.proofs = ReceiptIndex()
        self.roll = SubscriptionIndex(self.log, self.proofs)
        self.notes: dict[str, dict[str, str]] = {}
        self.transactions = 0
        self.latest: datetime | None = None
        self._foreseen: tuple[Known, Recorded, Sequence[Change], Known] | None = None

    def apply(self, transaction: Transaction, changes: Sequence[Change] = ()) -> None:
        """Do what was committed; `changes` are those of a `Recorded`."""
        match transaction:
            case Recorded():
                self._record(transaction, changes)
            case Remembered():
                self._remember(transaction)
            case Batch(each=each):
                for remembered in each:
                    self._remember(remembered)
            case HeldReplaced(held=held):
                self.held = held
            case SubscriptionSaved():
                self._place(transaction)
            case Removed(id=removed, receipts=receipts):
                gone = self.roll[removed]
                self.roll.remove(removed)
                if receipts:
                    self.proofs.keep(r for r in self.proofs.all if not self._is_of(r, gone))
            case Noted():
                self._note(transaction)
        self.transactions += 1

    def known_after(self, recorded: Recorded, changes: Sequence[Change]) -> Known:
        """What is known once that is applied; worked out once where it is asked first and applied then."""
        if self._foreseen is not None:
            before, foreseen, by, after = self._foreseen
            if before is self.known and by is changes and foreseen == recorded:
                return after
        known = self.known.after(changes)
        numbers = recorded.numbers
        rows = {name: _numbered(on_list, numbers.get(name, ())) for name, on_list in known.agreements.items()}
        known = replace(known, rows=rows, seen=recorded.seen, absent=dict(recorded.absent))
        self._foreseen = (self.known, recorded, changes, known)
        return known

    def drop_old_receipts(self) -> None:
        """Let go of those that were older than they are kept when the last dated transaction happened."""
        if self.latest is not None:
            oldest = self.latest - RECEIPTS_KEPT
            if any(receipt.at < oldest for receipt in self.proofs.all):
                self.proofs.keep(receipt for receipt in self.proofs.all if receipt.at >= oldest)

    def _record(self, recorded: Recorded, changes: Sequence[Change]) -> None:
        self.known = self.known_after(recorded, changes)
        self._foreseen = None
        if recorded.held is not None:
            self.held = recorded.held
        self.statuses[recorded.status.source] = recorded.status
        self._at(recorded.recorded_at)
        self.log.extend(changes)
        self.roll.wake(changes)

    def _remember(self, remembered: Remembered) -> None:
        status = remembered.status
        if remembered.same:
            before = self.statuses.get(status.source, status)
            status = replace(status, **{name: getattr(before, name) for name in remembered.same})
        self.statuses[status.source] = status
        if status.tried_at is not None:
            self._at(status.tried_at)

    def _at(self, moment: datetime) -> None:
        """Something happened then. When what happened before it was later by far, the clock has been set back."""
        if self.latest is not None and self.latest - moment > SET_BACK:
            self.roll.reckon_from(moment)
        self.latest = moment

    def _is_of(self, receipt: Receipt, gone: Subscription) -> bool:
        """Whether it is proof of what that one was told, or an earlier one of the same chat that ended."""
        chat = (gone.channel, gone.shown_address) == (receipt.channel, receipt.address)
        return receipt.subscription == gone.id or (chat and receipt.subscription not in self.roll.by_id)

    def _note(self, noted: Noted) -> None:
        notes = self.notes.setdefault(noted.kind, {})
        if noted.value is None:
            notes.pop(noted.key, None)
        else:
            notes[noted.key] = noted.value

    def _place(self, placed: SubscriptionSaved) -> None:
        if placed.receipt is not None:
            self._at(placed.receipt.at)
            self.proofs.add(placed.receipt)
        self.roll.place(placed.subscription)


def row_numbers(known: Known, name: ListName) -> tuple[int, ...]:
    """The row numbers of a list's agreements, in the order in which they are known, 0 for none."""
    rows = known.rows[name]
    return tuple(rows.get(key, 0) for key in known.agreements[name])


def remembered(old: SourceStatus | None, status: SourceStatus) -> Remembered:
    """The transaction that replaces what is remembered, without what stays as it is."""
    same: list[Literal["validators", "facts"]] = []
    if old is not None and status.validators == old.validators:
        same.append("validators")
        status = replace(status, validators={})
    if old is not None and status.facts == old.facts:
        same.append("facts")
        status = replace(status, facts={})
    return Remembered(status=status, same=tuple(same))


def _numbered(agreements: Iterable[Key], numbers: Sequence[int]) -> Mapping[Key, int]:
    return {key: number for key, number in zip(agreements, numbers, strict=False) if number}


def in_zone(subscription: Subscription) -> Subscription:
    """The subscription, whose time zone is one; later nothing asks."""
    try:
        ZoneInfo(subscription.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise StoreError(f"{subscription.tz!r} is not a time zone.") from error
    return subscription


def started(subscription: Subscription, number: int, end: int) -> Subscription:
    """A new subscription: told of nothing that is in the log already."""
    return replace(subscription, id=f"s{number}", filter=subscription.filter.since(end), cursor=end, due_at=None)


def changed(old: Subscription, subscription: Subscription, end: int) -> Subscription:
    """The subscription in place of the old one; what is new in its filter starts at the log's end.

    An Undo (of which nothing is remembered to undo) puts the filter back as it was, and owes what it would have.
    """
    if subscription.before is None and old.before is not None and subscription.filter == old.before.filter:
        return subscription
    return replace(subscription, filter=subscription.filter.since(end, old.filter))


def pinned(subscription: Subscription, upto: int, at: datetime) -> Subscription:
    """Its digest covers the log up to there; one that is on its way already stays as it is."""
    if subscription.pinned == upto:
        return subscription
    return replace(subscription, pinned=upto, pinned_at=at, sent=0)


def part_sent(subscription: Subscription, part: int) -> Subscription:
    """Its digest is delivered up to that part, counted from 1."""
    return replace(subscription, sent=max(subscription.sent, part))


def advanced(subscription: Subscription, cursor: int, told_at: datetime | None = None) -> Subscription:
    """Its digest is done; `told_at` is when, if anything was told."""
    return replace(
        subscription,
        told_at=told_at or subscription.told_at,
        cursor=max(subscription.cursor, cursor),
        pinned=None,
        pinned_at=None,
        sent=0,
        refused=False,
        retry_at=None,
        failures=0,
        failing_since=None,
    )


def failed(stored: Subscription, verdict: Subscription) -> Subscription:
    """What the verdict says of the delivery; all else as it may have become while the message was on its way."""
    return replace(
        stored,
        address=verdict.address,
        retry_at=verdict.retry_at,
        failures=verdict.failures,
        failing_since=verdict.failing_since,
        paused=stored.paused or verdict.paused,
        refused=verdict.refused and stored.paused is None,
    )
