"""An index that computes when each subscription is due.

It uses the log and the subscription's cursor, filter and cadence.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import NamedTuple

from bot.domain.change import Change
from bot.domain.subscription import ALL_STATES, Cadence, Slot, Subscription, due_at, slot_at
from bot.errors import StoreError
from bot.store.rules.change_log import Log
from bot.store.rules.receipts import ReceiptIndex

CLOCK_TOLERANCE = timedelta(minutes=1)  # a synchronized clock steps back by less than this; a wrong clock, by more


class SetBack(NamedTuple):
    """A note that the clock was set back.

    `end` is the number of the last change recorded before we noticed, and `at` is the time on the clock at that moment.
    """

    end: int
    at: datetime


def number_of(subscription_id: str) -> int:
    """Return the number from a subscription's id."""
    return int(subscription_id.removeprefix("s"))


class SubscriptionIndex:
    """The subscriptions by id, with `due_at` computed from the log and the receipts.

    Changes up to and including number `set_back.end` are treated as recorded no later than `set_back.at`.
    """

    def __init__(self, log: Log, receipts: ReceiptIndex, set_back: SetBack | None = None) -> None:
        self.by_id: dict[str, Subscription] = {}
        self.next_number = 1
        self.set_back = set_back
        self._log = log
        self._receipts = receipts
        self._moments: dict[tuple[Cadence, int, time, str, datetime], datetime] = {}

    def __getitem__(self, subscription_id: str) -> Subscription:
        try:
            return self.by_id[subscription_id]
        except KeyError:
            raise StoreError(f"There is no subscription {subscription_id}.") from None

    def place(self, subscription: Subscription) -> Subscription:
        """Add or replace a subscription and compute its `due_at` from the log."""
        self.next_number = max(self.next_number, number_of(subscription.id) + 1)
        return self._set(subscription, self._log)

    def remove(self, subscription_id: str) -> None:
        """Remove a subscription."""
        del self.by_id[subscription_id]

    def find(self, channel: str, address: str) -> Subscription | None:
        """Return the newest subscription for an address, or None."""
        newest_first = reversed(self.by_id.values())
        return next((s for s in newest_first if s.address == address and s.channel == channel), None)

    def wake(self, changes: Sequence[Change]) -> None:
        """Set `due_at` on the subscriptions that are owed one of these new changes.

        If a subscription already has something due, its `due_at` is normally left alone. It is recomputed if the
        subscription may be owed a retraction or gets digests even when nothing has changed, because something could
        then be due earlier.
        """
        if not changes:
            return
        new = Log(changes[0].seq - 1, changes)
        states = {ALL_STATES}.union(*(change.states for change in changes))
        wrong = [change.retracts for change in changes if change.retracts is not None]
        was_sent = set[str]().union(*map(self._receipts.sent_to, wrong))  # regardless of what they watch now
        for subscription in tuple(self.by_id.values()):
            if subscription.id in was_sent:
                self._set(subscription, self._log)
            elif subscription.due_at is not None and not subscription.hears_always:
                continue
            elif not subscription.filter.index_states.isdisjoint(states):
                self._set(subscription, self._log if subscription.hears_always else new)

    def reckon_from(self, at: datetime) -> None:
        """Limit stored times to `at` after the clock was set back, so that nothing waits for a time in the future."""
        self.set_back = SetBack(self._log.end, at)
        for subscription in tuple(self.by_id.values()):
            self._set(
                replace(
                    subscription,
                    retry_at=None,
                    failing_since=_not_after(at, subscription.failing_since),
                    last_sent_at=_not_after(at, subscription.last_sent_at),
                    slot_served=_served_by(at, subscription),
                    created_at=_not_after(at, subscription.created_at),
                ),
                self._log,
            )

    def due(self, now: datetime) -> list[Subscription]:
        """Return the subscriptions that are due, longest overdue first."""
        due = (s for s in self.by_id.values() if s.due_at is not None and s.is_due(now))
        return sorted(due, key=lambda s: (s.due_at, number_of(s.id)))

    def _set(self, subscription: Subscription, log: Log) -> Subscription:
        moment = self._due_at(subscription, log)
        if subscription.due_at != moment:
            subscription = replace(subscription, due_at=moment)
        self.by_id[subscription.id] = subscription
        return subscription

    def _due_at(self, subscription: Subscription, log: Log) -> datetime | None:
        """Return when the subscription's next message is due, or None. A retraction is always due immediately."""
        if subscription.unreadable is not None:
            return None
        owed = log.first_owed(subscription)
        moments = [self._moment(subscription, self._recorded_at(owed))] if owed else []
        retractions = self._log.retractions(subscription.cursor)
        moments += [self._recorded_at(change) for change in retractions if self._owes_retraction(subscription, change)]
        since = subscription.last_sent_at or subscription.created_at
        if subscription.hears_always and subscription.cadence is not Cadence.INSTANT and since is not None:
            moments.append(due_at(subscription, since))
        return min(moments, default=None)

    def _owes_retraction(self, subscription: Subscription, retraction: Change) -> bool:
        """Return whether the subscription was sent the retracted change but not yet the retraction."""
        assert retraction.retracts is not None
        sent_to = self._receipts.sent_to
        return subscription.id in sent_to(retraction.retracts) and subscription.id not in sent_to(retraction.seq)

    def _recorded_at(self, change: Change) -> datetime:
        assert change.recorded_at is not None
        if self.set_back is not None and change.seq <= self.set_back.end:
            return min(change.recorded_at, self.set_back.at)
        return change.recorded_at

    def _moment(self, subscription: Subscription, recorded_at: datetime) -> datetime:
        """Return when a change recorded at this time is due.

        The result is cached for all subscriptions with the same hour, weekday, time zone and cadence.
        """
        if any(last > recorded_at - timedelta(days=2) for last in _last_served(subscription)):
            return due_at(subscription, recorded_at)  # the slot of the last digest matters
        key = (subscription.cadence, subscription.weekday, subscription.at, subscription.tz, recorded_at)
        if key not in self._moments:
            if len(self._moments) > 10_000:
                self._moments.clear()
            self._moments[key] = due_at(subscription, recorded_at)
        return self._moments[key]


def _last_served(subscription: Subscription) -> list[datetime]:
    """Return when the last digest was sent and when its slot was, if it had one."""
    slot = subscription.slot_served
    return [moment for moment in (subscription.last_sent_at, slot.at if slot else None) if moment is not None]


def _served_by(at: datetime, subscription: Subscription) -> Slot | None:
    """Return the latest slot served by the time `at`. A slot in the future can't have been served yet."""
    slot = subscription.slot_served
    return slot if slot is None or slot.at <= at else slot_at(subscription, at)


def _not_after(at: datetime, moment: datetime | None) -> datetime | None:
    return min(at, moment) if moment is not None else None
