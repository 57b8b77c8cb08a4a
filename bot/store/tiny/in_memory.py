"""An in-memory replacement for the store's files, used for a replay that saves nothing."""

from collections.abc import Sequence

from bot.domain.change import Change
from bot.domain.document import Document
from bot.store.tiny.contents import Contents, Image
from bot.store.tiny.transactions import Transaction


class InMemory:
    """A replacement for both the writer and the evidence folder that keeps everything in memory."""

    is_full = has_news = False

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.contents = Contents()
        self._documents: dict[str, Document] = {}

    def commit(
        self, number: int, transaction: Transaction, changes: Sequence[Change], documents: Sequence[Document]
    ) -> Transaction:
        """Store the documents and return the transaction."""
        del number, changes
        for document in documents:
            self.put(document)
        return transaction

    def get(self, sha256: str) -> Document | None:
        """Return a document, or None if it isn't stored."""
        return self._documents.get(sha256)

    def put(self, document: Document) -> None:
        """Store a document unless it is already stored."""
        if not document.unchanged:
            self._documents.setdefault(document.sha256, document)

    def names(self) -> list[str]:
        """Return the SHA-256 hashes of all documents."""
        return sorted(self._documents)

    def fill(self, image: Image) -> None:
        """Load an image."""
        self.contents = Contents(image)

    def fold(self, image: Image) -> None:
        """Do nothing, because there are no files."""

    erase = fold

    def close(self) -> None:
        """Do nothing, because there are no files."""
