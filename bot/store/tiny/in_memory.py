"""An in-memory substitute for the store's files, for a replay that saves nothing."""

from collections.abc import Sequence

from bot.domain.change import Change
from bot.domain.document import Document
from bot.store.tiny.contents import Contents, Image
from bot.store.tiny.transactions import Transaction


class InMemory:
    """A stand-in for both the writer and the evidence folder; nothing reaches the disk."""

    is_full = has_news = False

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.contents = Contents()
        self._documents: dict[str, Document] = {}

    def commit(
        self, number: int, transaction: Transaction, changes: Sequence[Change], documents: Sequence[Document]
    ) -> Transaction:
        """Store the documents; there is no journal to write to."""
        del number, changes
        for document in documents:
            self.put(document)
        return transaction

    def get(self, sha256: str) -> Document | None:
        """Return a document as it was first stored."""
        return self._documents.get(sha256)

    def put(self, document: Document) -> None:
        """Store a document unless it is already stored."""
        if not document.unchanged:
            self._documents.setdefault(document.sha256, document)

    def names(self) -> list[str]:
        """Return the SHA-256 of each document."""
        return sorted(self._documents)

    def fill(self, image: Image) -> None:
        """Load an image."""
        self.contents = Contents(image)

    def fold(self, image: Image) -> None:
        """Do nothing, because no file holds anything."""

    erase = fold

    def close(self) -> None:
        """Do nothing, because nothing is open."""
