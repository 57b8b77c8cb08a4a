"""Receipts: how long they are kept, and which subscriptions were sent a change."""

from collections.abc import Iterable
from datetime import timedelta

from bot.domain.subscription import Receipt

RECEIPTS_KEPT = timedelta(days=90)


class ReceiptIndex:
    """All receipts, with a cache of the subscriptions that were sent a given change."""

    def __init__(self, receipts: Iterable[Receipt] = ()) -> None:
        self.all = list(receipts)
        self._sent_to: dict[int, set[str]] = {}

    def add(self, receipt: Receipt) -> None:
        """Add one receipt."""
        self.all.append(receipt)
        for seq in receipt.changes:
            if receipt.error is None and seq in self._sent_to:
                self._sent_to[seq].add(receipt.subscription)

    def keep(self, receipts: Iterable[Receipt]) -> None:
        """Keep these receipts and drop all others."""
        self.all = list(receipts)
        self._sent_to.clear()

    def sent_to(self, seq: int) -> set[str]:
        """Return the subscriptions that were sent a change. Few changes are ever looked up, so cache each answer."""
        if seq not in self._sent_to:
            self._sent_to[seq] = {r.subscription for r in self.all if r.error is None and seq in r.changes}
        return self._sent_to[seq]
