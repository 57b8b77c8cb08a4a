"""The store's contents in memory. Only transactions change the contents. This module uses no files and no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot.domain.agreement import Key
from bot.domain.change import Change, Known
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Receipt, Subscription
from bot.store import Everything
from bot.store.rules.change_log import Log
from bot.store.rules.due import CLOCK_TOLERANCE, SetBack, SubscriptionIndex, number_of
from bot.store.rules.merging import merged, readdressed, twins
from bot.store.rules.receipts import RECEIPTS_KEPT, ReceiptIndex
from bot.store.tiny.transactions import (
    Batch,
    HeldReplaced,
    Noted,
    Recorded,
    Remembered,
    Removed,
    SetAside,
    SubscriptionMoved,
    SubscriptionSaved,
    Transaction,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A copy of the contents at one moment. It never changes, so another thread can write it to disk."""

    everything: Everything
    transactions: int = 0
    latest: datetime | None = None
    set_back: SetBack | None = None
    unreadable: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Contents:
    """The current contents: an image plus the transactions applied to it.

    `latest` is the time of the last transaction that has one. `unreadable` contains the stored rows of subscriptions
    that can't be read, by id.
    """

    def __init__(self, image: Image | None = None) -> None:
        self.known = Known()
        self.held: tuple[Held, ...] = ()
        self.statuses: dict[str, SourceStatus] = {}
        self.log = Log()
        self.receipts = ReceiptIndex()
        self.subscriptions = SubscriptionIndex(self.log, self.receipts)
        self.notes: dict[str, dict[str, str]] = {}
        self.transactions = 0
        self.latest: datetime | None = None
        self.unreadable: dict[str, Mapping[str, Any]] = {}
        if image is not None:
            self._restore(image)

    def image(self) -> Image:
        """Drop the receipts that are too old, and return an image of the current contents."""
        self._drop_old_receipts()
        return Image(
            everything=self.everything(),
            transactions=self.transactions,
            latest=self.latest,
            set_back=self.subscriptions.set_back,
            unreadable=dict(self.unreadable),
        )

    def everything(self) -> Everything:
        """Return the contents in the form used for moving them to another store."""
        return Everything(
            known=self.known,
            changes=tuple(self.log.changes),
            held=tuple(sorted(self.held, key=lambda held: (held.since, held.id))),
            statuses=tuple(self.statuses[source] for source in sorted(self.statuses)),
            subscriptions=tuple(sorted(self.subscriptions.by_id.values(), key=lambda s: number_of(s.id))),
            receipts=tuple(self.receipts.all),
            notes={kind: dict(notes) for kind, notes in self.notes.items() if notes},
            next_number=self.subscriptions.next_number,
        )

    def last_told(self, subscription_id: str) -> int:
        """Return the last change that was sent to a subscription, or the end of the log if there is none."""
        sent = [r.changes for r in self.receipts.all if r.subscription == subscription_id and r.error is None]
        return max((seq for changes in sent for seq in changes), default=self.log.end)

    def moving(self, channel: str, old: str, new: str) -> SubscriptionMoved | None:
        """Return the transaction that moves a subscription to another address. Return None if no move is needed."""
        mover, there = self.subscriptions.find(channel, old), self.subscriptions.find(channel, new)
        if mover is None or old == new:
            return None
        if there is None:
            return SubscriptionMoved(subscription=replace(mover, address=new), was=mover.shown_address)
        return self._merging(there, mover)

    def merging_twins(self) -> SubscriptionMoved | None:
        """Return the transaction that merges two subscriptions with the same address, or None if there are none.

        Through format 2, a chat could have two subscriptions. The newer one is kept, because it is the one that
        commands applied to.
        """
        same = next(iter(twins(self.subscriptions.by_id.values())), None)
        return self._merging(same[-1], same[-2]) if same is not None else None

    def _merging(self, kept: Subscription, other: Subscription) -> SubscriptionMoved:
        both = [receipt for receipt in self.receipts.all if receipt.subscription in (kept.id, other.id)]
        one = merged(kept, other, self.log, both)
        return SubscriptionMoved(subscription=one, was=other.shown_address, gone=other.id)

    def apply(self, transaction: Transaction, changes: Sequence[Change] = ()) -> None:
        """Apply a committed transaction. `changes` are the changes recorded by a `Recorded` transaction."""
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
            case Noted():
                self._note(transaction)
            case _:
                self._apply_to_subscription(transaction)
        self.transactions += 1

    def _apply_to_subscription(self, transaction: SubscriptionSaved | SubscriptionMoved | SetAside | Removed) -> None:
        match transaction:
            case SubscriptionSaved(subscription=subscription, receipt=receipt):
                self._save(subscription, receipt)
            case SetAside(row=row):
                self._set_aside(row)
            case SubscriptionMoved():
                self._move(transaction)
            case Removed(id=removed, receipts=receipts):
                self._remove(removed, receipts=receipts)

    def _restore(self, image: Image) -> None:
        everything = image.everything
        self.log.extend(everything.changes)
        self.known, self.held = everything.known, everything.held
        self.statuses = {status.source: status for status in everything.statuses}
        self.notes = {kind: dict(notes) for kind, notes in everything.notes.items()}
        self.receipts.keep(everything.receipts)
        self.latest, self.subscriptions.set_back = image.latest, image.set_back
        for subscription in everything.subscriptions:
            self.subscriptions.place(subscription)
        self.unreadable = dict(image.unreadable)
        self.subscriptions.next_number = everything.next_number
        self.transactions = image.transactions

    def _drop_old_receipts(self) -> None:
        if self.latest is not None:
            oldest = self.latest - RECEIPTS_KEPT
            if any(receipt.at < oldest for receipt in self.receipts.all):
                self.receipts.keep(receipt for receipt in self.receipts.all if receipt.at >= oldest)

    def _record(self, recorded: Recorded, changes: Sequence[Change]) -> None:
        known, numbers = self.known.after(changes), recorded.numbers
        rows = {name: _rows(on_list, numbers.get(name, ())) for name, on_list in known.agreements.items()}
        self.known = replace(known, rows=rows, seen=recorded.seen, absent=dict(recorded.absent))
        if recorded.held is not None:
            self.held = recorded.held
        self.statuses[recorded.status.source] = recorded.status
        self._happened(recorded.recorded_at)
        self.log.extend(changes)
        self.subscriptions.wake(changes)

    def _remember(self, remembered: Remembered) -> None:
        status = remembered.status
        if remembered.same:
            before = self.statuses.get(status.source, status)
            status = replace(status, **{name: getattr(before, name) for name in remembered.same})
        self.statuses[status.source] = status
        if status.tried_at is not None:
            self._happened(status.tried_at)

    def _happened(self, moment: datetime) -> None:
        """Store the time of the latest event.

        If that time is well before the previous event, assume that the clock was set back.
        """
        if self.latest is not None and self.latest - moment > CLOCK_TOLERANCE:
            self.subscriptions.reckon_from(moment)
        self.latest = moment

    def _save(self, subscription: Subscription, receipt: Receipt | None) -> None:
        if receipt is not None:
            self._happened(receipt.at)
            self.receipts.add(receipt)
        self.unreadable.pop(subscription.id, None)
        self.subscriptions.place(subscription)

    def _set_aside(self, row: Mapping[str, Any]) -> None:
        """Keep the row of a subscription that can't be read, in place of the subscription."""
        subscription_id = str(row["id"])
        self.subscriptions.by_id.pop(subscription_id, None)
        self.subscriptions.next_number = max(self.subscriptions.next_number, number_of(subscription_id) + 1)
        self.unreadable[subscription_id] = row

    def _move(self, moved: SubscriptionMoved) -> None:
        if moved.gone is not None:
            self.subscriptions.remove(moved.gone)
        kept = moved.subscription
        self.receipts.keep([readdressed(receipt, kept, moved.gone, moved.was) for receipt in self.receipts.all])
        self.subscriptions.place(kept)

    def _remove(self, subscription_id: str, *, receipts: bool) -> None:
        gone = self.subscriptions[subscription_id]
        self.subscriptions.remove(subscription_id)
        if receipts:
            self.receipts.keep(r for r in self.receipts.all if not self._is_of(r, gone))

    def _is_of(self, receipt: Receipt, gone: Subscription) -> bool:
        """Return whether a receipt belongs to this subscription or to an ended subscription in the same chat."""
        chat = (gone.channel, gone.shown_address) == (receipt.channel, receipt.address)
        return receipt.subscription == gone.id or (chat and receipt.subscription not in self.subscriptions.by_id)

    def _note(self, noted: Noted) -> None:
        notes = self.notes.setdefault(noted.kind, {})
        if noted.value is None:
            notes.pop(noted.key, None)
        else:
            notes[noted.key] = noted.value


def _rows(agreements: Iterable[Key], numbers: Sequence[int]) -> Mapping[Key, int]:
    return {key: number for key, number in zip(agreements, numbers, strict=False) if number}
