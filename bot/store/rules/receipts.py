"""An index of the receipts, and how long receipts are kept."""

from collections.abc import Iterable
from datetime import timedelta

from bot.domain.subscription import Receipt

RECEIPTS_KEPT = timedelta(days=90)


class ReceiptIndex:
    """All receipts, with a cache of which subscriptions were sent a change."""

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
        """Replace all receipts with these."""
        self.all = list(receipts)
        self._sent_to.clear()

    def sent_to(self, seq: int) -> set[str]:
        """Return the ids of the subscriptions that were sent a change.

        The result is cached, because only a few changes are ever looked up.
        """
        if seq not in self._sent_to:
            self._sent_to[seq] = {r.subscription for r in self.all if r.error is None and seq in r.changes}
        return self._sent_to[seq]
