"""Who writes the files of a data folder, and who only reads them beside it."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress

import msgspec

from bot.domain.change import Change
from bot.domain.document import Document
from bot.errors import StoreCorrupt, StoreError, StoreUnwritable
from bot.store.tiny import snapshot
from bot.store.tiny.contents import Ledger, Transaction
from bot.store.tiny.evidence import Evidence
from bot.store.tiny.files import Folder, LineFile, Lock, read, seal
from bot.store.tiny.recovery import LOG, PREVIOUS, STATE, Heading, Numbered, Replica, journal, journals

NEXT_STATE = "state.next.json"
TRIES, PAUSE = 10, 0.05  # a reader that meets a writer at work looks again for half a second


class Writer:
    """The one that writes: a transaction counts, and is applied, once its line in the journal is on the disk."""

    ledger: Ledger
    _log: LineFile

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

    def commit(
        self, transaction: Transaction, changes: Sequence[Change] = (), documents: Sequence[Document] = ()
    ) -> None:
        """Make it last, then apply it as it will be read back; when that fails nothing has happened."""
        body = msgspec.json.encode(Numbered(n=self.ledger.transactions + 1, transaction=transaction))
        transaction = msgspec.json.decode(body, type=Numbered).transaction
        for document in documents:
            self._evidence.put(document)
        log_end = self._log.end
        if changes:
            log_end = self._log.append(b"".join(seal(msgspec.json.encode(change)) for change in changes))
        self._journal.end = self._journal.append(seal(body))
        self._log.end = log_end
        self.ledger.apply(transaction, changes)
        if self._journal.end > self._limit:
            self._try_checkpoint()

    def erase(self) -> None:
        """Fold the journal in twice and drop damaged states, so that no file holds any longer what was taken out."""
        for _ in range(2):
            self._journal.cut()
            self._next_journal()
            self._checkpoint()
        for path in self._folder.path.glob("aside/state-*.json"):
            self._folder.remove(f"aside/{path.name}")

    def fill(self, ledger: Ledger) -> None:
        """Put that in place of a ledger that holds nothing; a kill before its end leaves nothing of it."""
        empty = self.ledger
        try:
            self._log.end = self._log.append(b"".join(seal(msgspec.json.encode(c)) for c in ledger.log.changes))
            ledger.transactions, self.ledger = empty.transactions, ledger
            self.erase()
        except StoreError:
            self.ledger, self._log.end = empty, 0
            raise

    def close(self) -> None:
        """Fold the journal in and let go of the files."""
        with self._files:
            self._try_checkpoint()

    def _open(self, files: ExitStack) -> None:
        replica = Replica(self._folder)
        if replica.blank:
            self._folder.write(LOG, b"")
            self._write_heading(1, 0)
            replica = Replica(self._folder)
        replica.to_last_journal()
        self.notices += replica.notices
        self.ledger = replica.ledger
        self.ledger.roll.in_slices = True
        self._base, self._generation, self._begun = replica.base, replica.generation, replica.begun
        self._log = LineFile(self._folder.path / LOG, replica.log_end)
        self._journal = LineFile(self._folder.path / journal(replica.generation), replica.journal_end)
        files.callback(self._log.close)
        files.callback(self._close_journal)
        self._limit = self._journal_limit
        if replica.torn:
            self.notices.append(
                f"The last line of {self._journal.path} was not finished when the program stopped; it is cut off."
            )
        self._cut_log()
        if replica.state_damaged:
            self._folder.move(STATE, self._folder.free_name(STATE))
        self._try_checkpoint()

    def _cut_log(self) -> None:
        """Take off the changes of a reading that was never committed, keeping a copy."""
        tail = read(self._log.path, self._log.end)
        if tail and b"\n" in tail:
            copy = self._folder.free_name(LOG)
            self._folder.write(copy, tail)
            self.notices.append(
                f"{self._log.path} went on after the last committed change, {self.ledger.log.end}; "
                f"that was cut off and is kept in {copy}."
            )
        self._log.cut()

    def _try_checkpoint(self) -> None:
        """Fold the journal in; where that fails nothing is lost, because the journal stays until it has worked."""
        try:
            self._journal.cut()
            if self.ledger.transactions > self._begun:
                self._next_journal()
            if self._generation > self._base:
                self._checkpoint()
            self._limit = self._journal_limit
        except StoreError as error:
            self._limit = self._journal.end + self._journal_limit
            self.notices.append(str(error))

    def _next_journal(self) -> None:
        number = self._generation + 1
        end = self._write_heading(number, self.ledger.transactions)
        self._close_journal()
        self._journal = LineFile(self._folder.path / journal(number), end)
        self._generation, self._begun = number, self.ledger.transactions

    def _close_journal(self) -> None:
        self._journal.close()

    def _write_heading(self, generation: int, transactions: int) -> int:
        line = seal(msgspec.json.encode(Heading(generation=generation, transactions=transactions)))
        self._folder.write(journal(generation), line)
        return len(line)

    def _checkpoint(self) -> None:
        """Put a new state in place; the one before stays, with all journals from it on."""
        self.ledger.drop_old_receipts()
        snapshot.save(self._folder, NEXT_STATE, self.ledger, self._generation)
        self._folder.move(STATE, PREVIOUS)
        self._folder.move(NEXT_STATE, STATE)
        needed, self._base = self._base, self._generation
        for number in journals(self._folder):
            if number < needed:
                self._folder.remove(journal(number))


class Reader:
    """Reads beside a writer, or where nothing may be written, and follows what is committed."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._replica = self._load()

    @property
    def notices(self) -> list[str]:
        """What was found damaged; a writer will put it right."""
        return self._replica.notices

    @property
    def ledger(self) -> Ledger:
        """Everything that is committed by now."""
        try:
            self._replica.follow()
        except StoreCorrupt:  # or the writer has folded in the journal that we were reading
            self._replica = self._load()
        if self._replica.blank:
            self._replica = self._load()
        return self._replica.ledger

    def commit(self, *_: object) -> None:
        """A reader commits nothing."""
        self._refuse()

    def erase(self) -> None:
        """Nor does it erase."""
        self._refuse()

    def _refuse(self) -> None:
        raise StoreUnwritable(f"{self._folder.path} was opened to read only.")

    def close(self) -> None:
        """There is nothing to let go of."""

    def _load(self) -> Replica:
        for _ in range(TRIES):
            with suppress(StoreCorrupt):
                replica = Replica(self._folder)
                if not replica.notices:
                    return replica
            time.sleep(PAUSE)
        return Replica(self._folder)
