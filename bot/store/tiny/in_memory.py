"""The same store for as long as a process lasts: the ledger without files, for a replay that keeps nothing."""

from collections.abc import Sequence

from bot.domain.change import Change
from bot.domain.document import Document
from bot.store.tiny.contents import Ledger, Transaction


class Fleeting:
    """Stands where `Writer` and its evidence stand; nothing reaches the disk."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.ledger = Ledger()
        self._documents: dict[str, Document] = {}

    def commit(
        self, transaction: Transaction, changes: Sequence[Change] = (), documents: Sequence[Document] = ()
    ) -> None:
        """Apply it."""
        self._documents |= {document.sha256: document for document in documents}
        self.ledger.apply(transaction, changes)

    def get(self, sha256: str) -> Document | None:
        """A document as it was given first."""
        return self._documents.get(sha256)

    def put(self, document: Document) -> None:
        """Hold a document."""
        self._documents.setdefault(document.sha256, document)

    def names(self) -> list[str]:
        """The SHA-256 of each document."""
        return sorted(self._documents)

    def erase(self) -> None:
        """No file holds anything."""

    def close(self) -> None:
        """There is nothing to let go of."""
