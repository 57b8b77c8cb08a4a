"""The evidence folder, which contains each fetched document once, compressed and named by its SHA-256."""

from bot.domain.document import Document
from bot.errors import StoreCorrupt
from bot.store.rules.packed_document import check, label, packed, restored
from bot.store.rules.sealed_line import seal, unseal
from bot.store.tiny.files import Folder


class Evidence:
    """The `evidence` folder, with a compressed body and a label for each document.

    The files are in subfolders named for the first two digits of the SHA-256.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def put(self, document: Document) -> None:
        """Store a document unless an intact copy is already stored."""
        if document.unchanged:
            return
        check(document)
        try:
            if self.get(document.sha256) is not None:
                return
        except StoreCorrupt:
            pass
        self._write(document)

    def get(self, sha256: str) -> Document | None:
        """Return a document, or None if it isn't stored; raise StoreCorrupt if it is damaged."""
        stem = _stem(sha256)
        kept, line = self._folder.read(f"{stem}.gz"), self._folder.read(f"{stem}.json")
        if kept is None or line is None:
            return None
        written = unseal(line.removesuffix(b"\n"))
        found = restored(sha256, kept, written) if written is not None else None
        if found is None:
            raise StoreCorrupt(
                f"The document {self._folder.path / stem}.gz or the label beside it is damaged. "
                "Restore both from a backup."
            )
        return found

    def names(self) -> list[str]:
        """Return the SHA-256 hashes of all stored documents.

        Only documents with a label are included, because the label is written last. Raise StoreError if a folder can't
        be listed, because a backup or a move would leave out what is in it.
        """
        folders = [name for name in self._folder.names("evidence") if len(name) == 2]
        inside = [name for folder in folders for name in self._folder.names(f"evidence/{folder}")]
        return sorted(name.removesuffix(".json") for name in inside if name.endswith(".json"))

    def _write(self, document: Document) -> None:
        stem = _stem(document.sha256)
        self._folder.make("evidence")
        self._folder.make(f"evidence/{document.sha256[:2]}")
        self._folder.write(f"{stem}.gz", packed(document))
        self._folder.write(f"{stem}.json", seal(label(document)))


def _stem(sha256: str) -> str:
    return f"evidence/{sha256[:2]}/{sha256}"
