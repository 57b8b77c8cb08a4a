"""Access to the files in a data folder: one program may write them, and others may only read them."""

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from typing import NoReturn

import msgspec

from bot.domain.change import Change
from bot.domain.document import Document
from bot.errors import StoreCorrupt, StoreError, StoreUnwritable
from bot.store.rules.sealed_line import seal
from bot.store.tiny import snapshot
from bot.store.tiny.contents import Contents, Image
from bot.store.tiny.evidence import Evidence
from bot.store.tiny.files import Folder, LineFile, Lock, read
from bot.store.tiny.recovery import LOG, PREVIOUS, STATE, Heading, Recovered, journal, journals
from bot.store.tiny.transactions import Numbered, Transaction, decoded, encoded

NEXT_STATE = "state.next.json"
TRIES, PAUSE = 10, 0.05  # a reader that catches a writer mid-write keeps retrying for half a second


class Writer:
    """Write access to the store's files. A transaction is committed once its journal line is on disk.

    `contents` is loaded when the files are opened. The caller then applies each committed transaction to it. Every
    method may wait for the disk, and only one method may run at a time.
    """

    contents: Contents
    _log: LineFile
    _journal: LineFile
    _limit: int  # bytes; a longer journal is full
    _written: int  # transactions in the files
    _begun: int  # transactions before this journal
    _generation: int  # of this journal
    _base: int  # generation of the newest snapshot

    def __init__(self, folder: Folder, journal_limit: int) -> None:
        self.notices: list[str] = []
        self._folder, self._journal_limit = folder, journal_limit
        self._evidence = Evidence(folder)
        folder.make()
        with ExitStack() as files:
            self._lock = Lock(folder)
            files.callback(self._lock.release)
            self._open(files)
            self._files = files.pop_all()

    @property
    def is_full(self) -> bool:
        """True if the journal is long enough to be folded into a snapshot."""
        return self._journal.end > self._limit

    @property
    def has_news(self) -> bool:
        """True if the journal contains transactions that aren't in a snapshot, or if its snapshot is missing."""
        return self._written > self._begun or self._generation > self._base

    def commit(
        self, number: int, transaction: Transaction, changes: Sequence[Change], documents: Iterable[Document]
    ) -> Transaction:
        """Write a transaction, and return it as it would be decoded from the journal.

        If the write fails, nothing is committed.
        """
        if number != self._written + 1:
            raise StoreError("The store was interrupted in the middle of a write. Start the program again.")
        body = encoded(Numbered(n=number, transaction=transaction))
        transaction = decoded(body).transaction
        for document in documents:
            self._evidence.put(document)
        log_end = self._log.append(_log_lines(changes)) if changes else self._log.end
        self._journal.end = self._journal.append(seal(body))
        self._log.end, self._written = log_end, number
        return transaction

    def fold(self, image: Image) -> None:
        """Start a new journal and write a snapshot. If that fails, nothing is lost, because the old journal is kept."""
        try:
            self._journal.cut()
            if self._written > self._begun:
                self._next_journal()
            if self._generation > self._base:
                self._snapshot(image)
            self._limit = self._journal_limit
        except StoreError as error:
            self._limit = self._journal.end + self._journal_limit
            self.notices.append(str(error))

    def erase(self, image: Image) -> None:
        """Fold twice and delete damaged snapshots, so that no file still contains deleted data."""
        for _ in range(2):
            self._journal.cut()
            self._next_journal()
            self._snapshot(image)
        for path in self._folder.path.glob("aside/state-*.json"):
            self._folder.remove(f"aside/{path.name}")

    def fill(self, image: Image) -> None:
        """Write an image into an empty folder.

        If the program is killed before the snapshot is in place, the folder still counts as empty.
        """
        try:
            self._log.end = self._log.append(_log_lines(image.everything.changes))
            self.erase(image)
        except StoreError:
            self._log.end = 0
            raise
        self.contents = Contents(image)

    def close(self) -> None:
        """Close the files and release the lock."""
        self._files.close()

    def _open(self, files: ExitStack) -> None:
        found = Recovered(self._folder)
        if found.blank:
            self._folder.write(LOG, b"")
            self._write_heading(1, 0)
            found = Recovered(self._folder)
        found.to_last_journal()
        self.notices += found.notices
        self.contents = found.contents
        self._written = found.contents.transactions
        self._base, self._generation, self._begun = found.base, found.generation, found.begun
        self._log = LineFile(self._folder.path / LOG, found.log_end)
        self._journal = LineFile(self._folder.path / journal(found.generation), found.journal_end)
        files.callback(self._log.close)
        files.callback(self._close_journal)
        self._limit = self._journal_limit
        if found.torn:
            self.notices.append(
                f"The last line of {self._journal.path} was not finished when the program stopped. It was cut off."
            )
        self._cut_log()
        if found.state_damaged:
            self._folder.move(STATE, self._folder.free_name(STATE))
        if found.outdated:
            self._next_journal()
        self._merge_twins()
        self.fold(self.contents.image())

    def _merge_twins(self) -> None:
        """Merge the subscriptions that share an address, which versions up to format 2 allowed."""
        while (merging := self.contents.merging_twins()) is not None:
            self.contents.apply(self.commit(self._written + 1, merging, (), ()))
            kept = merging.subscription
            self.notices.append(
                f"{kept.channel} {kept.shown_address} had two subscriptions, {merging.gone} and {kept.id}. "
                f"They are now one, {kept.id}."
            )

    def _cut_log(self) -> None:
        """Copy any uncommitted changes from the end of the log to a separate file, and then cut them off."""
        tail = read(self._log.path, self._log.end)
        if tail and b"\n" in tail:
            copy = self._folder.free_name(LOG)
            self._folder.write(copy, tail)
            self.notices.append(
                f"{self._log.path} went on after the last committed change, {self.contents.log.end}. "
                f"The rest was cut off and kept in {copy}."
            )
        self._log.cut()

    def _next_journal(self) -> None:
        number = self._generation + 1
        end = self._write_heading(number, self._written)
        self._close_journal()
        self._journal = LineFile(self._folder.path / journal(number), end)
        self._generation, self._begun = number, self._written

    def _close_journal(self) -> None:
        self._journal.close()

    def _write_heading(self, generation: int, transactions: int) -> int:
        heading = Heading(generation=generation, transactions=transactions, format=snapshot.FORMAT)
        line = seal(msgspec.json.encode(heading))
        self._folder.write(journal(generation), line)
        return len(line)

    def _snapshot(self, image: Image) -> None:
        """Write a new snapshot. Keep the previous snapshot and all journals since then."""
        snapshot.save(self._folder, NEXT_STATE, image, self._generation)
        self._folder.move(STATE, PREVIOUS)
        self._folder.move(NEXT_STATE, STATE)
        needed, self._base = self._base, self._generation
        for number in journals(self._folder):
            if number < needed:
                self._folder.remove(journal(number))


class Reader:
    """Read-only access to the store's files.

    A writer may be running at the same time. New transactions are read as they are committed.
    """

    is_full = has_news = False

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._recovered = self._load()

    @property
    def notices(self) -> list[str]:
        """Descriptions of any damage found in the files. A writer will repair the damage."""
        return self._recovered.notices

    @property
    def contents(self) -> Contents:
        """The store's contents, including everything committed so far."""
        try:
            self._recovered.follow()
        except StoreCorrupt:  # real damage, or the writer has folded the journal we were reading
            self._recovered = self._load()
        if self._recovered.blank:
            self._recovered = self._load()
        return self._recovered.contents

    def commit(self, *_: object) -> NoReturn:
        """Raise StoreUnwritable, because the folder was opened only for reading."""
        raise StoreUnwritable(f"{self._folder.path} was opened for reading only.")

    fold = erase = fill = commit

    def close(self) -> None:
        """Do nothing, because no file stays open."""

    def _load(self) -> Recovered:
        for _ in range(TRIES):
            with suppress(StoreCorrupt):
                recovered = Recovered(self._folder)
                if not recovered.notices:
                    return recovered
            time.sleep(PAUSE)
        return Recovered(self._folder)


def _log_lines(changes: Iterable[Change]) -> bytes:
    return b"".join(seal(msgspec.json.encode(change)) for change in changes)
