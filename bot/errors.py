"""The errors that Countersign raises deliberately. Each message is a sentence for people to read.

::

    CountersignError
    ├── UsageError                 a person asked for something impossible; exit 2
    │   └── ConfigError            the configuration is wrong; lists every problem at once; exit 2
    ├── SourceError                a source could not be read; we draw no conclusions from that
    │   ├── Unreachable            no answer, a timeout or a 5xx: try again, after `retry_after` if the server gave one
    │   │   ├── NoConnection       not even a connection: the server is down, or this machine is offline
    │   │   └── Untrusted          a connection that isn't secure, so we can't know who answers
    │   ├── Blocked                403, 429 or robots.txt: back off, never evade
    │   │   └── Disallowed         robots.txt asks us not to read the address
    │   ├── Missing                404 or 410: linked but not there (ICE links to a sheet before uploading it)
    │   ├── Unsafe                 an address we won't request or a response that is too large
    │   ├── Unreadable             a document arrived, but it isn't what we expected
    │   │   └── StandIn            a page that the server sent instead of the document: a login, an error
    │   └── InternalSourceError    a bug in Countersign, triggered by this source: report it; other sources continue
    ├── HandoverRefused            a relay's handover that we don't take; the message tells the relay why
    ├── SendError                  a message was not delivered; the attributes describe the consequences
    ├── NotSent                    a message that a person asked for was not delivered; says why and what to do
    └── StoreError                 our data could not be read or written
        ├── StoreBusy              another program is writing to this data folder
        ├── LeaseLost              another program has taken over this work; our result is discarded
        ├── StoreUnavailable       the database isn't answering; try again later
        ├── StoreCorrupt           a file is damaged and no good copy is left
        └── StoreUnwritable        a read-only folder or a full disk
"""

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LONGEST_REASON = 120  # characters kept from a Python error, which wasn't written for users


class CountersignError(Exception):
    """The base class of Countersign's errors. The message is one line for people to read and never contains a token."""


class UsageError(CountersignError):
    """Raised when a person asks for something impossible. The message suggests what to do instead."""


class ConfigError(UsageError):
    """Raised when the configuration is wrong. The message lists every problem, with its file and line if possible."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(" ".join(problem.splitlines()) for problem in problems)  # a file's text may be quoted
        super().__init__("; ".join(self.problems))


class SourceError(CountersignError):
    """Raised when a source can't be read. `retry_after` is in seconds, or None if the server didn't send a value."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Unreachable(SourceError):
    """Raised when a server doesn't answer in time or returns a 5xx status."""


class NoConnection(Unreachable):
    """Raised when a server's name can't be resolved or no connection to it can be made."""


class Untrusted(Unreachable):
    """Raised when a server's certificate isn't valid here or no secure connection to it can be made."""


class Blocked(SourceError):
    """Raised when a server blocks us, with a 403 or 429 status, with a page that says so or in robots.txt."""


class Disallowed(Blocked):
    """Raised when robots.txt asks us not to read an address."""


class Missing(SourceError):
    """Raised when a document doesn't exist: the server returned 404 or 410."""


class Unsafe(SourceError):
    """Raised when we refuse to follow an address or a redirect, or when a response is too large."""


class Unreadable(SourceError):
    """Raised when a document isn't in the format that we expect."""


class StandIn(Unreadable):
    """Raised when a server sends another page in place of a document, such as a login page, with a status of 200."""


class Misplaced(SourceError):
    """Raised when a source's site says that it belongs to another place than the catalog says."""


class InternalSourceError(SourceError):
    """Raised when a document triggers a bug in Countersign. The message gives the file and line of the bug."""


@contextmanager
def attribute_errors_to(source: str) -> Iterator[None]:
    """Convert any unexpected exception to an InternalSourceError.

    The error then counts as a failed reading of the source.
    """
    try:
        yield
    except CountersignError:
        raise
    except Exception as bug:
        steps = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(bug.__traceback__)]
        file, line = [step for step in steps if Path(step[0]).is_relative_to(Path(__file__).parent)][-1]
        reason = " ".join(f"{type(bug).__name__} {bug}".split())[:LONGEST_REASON]
        raise InternalSourceError(
            f"{source}: a bug in Countersign kept it from being read: {reason} ({Path(file).name}, line {line}); "
            "please report it"
        ) from bug


class HandoverRefused(CountersignError):
    """Raised when we don't take a relay's handover. The message tells the relay why, and what to do."""


class SendError(CountersignError):
    """Raised when a message wasn't delivered. The attributes describe the consequences for the subscription.

    `refused`: the platform answered that this address doesn't accept the message. The platform may be wrong for hours,
    so a refusal is accepted only if it persists. `by_person`: a person caused the refusal, such as by blocking the bot,
    so the refusal is accepted at once. `credentials_rejected`: the platform rejects the whole workspace or bot token,
    not just this address. `retry_after`: the number of seconds the platform asks us to wait. `scope`: whether the wait
    applies to the "address" or the whole "platform". `moved_to`: the address to use from now on. `fallback`: the
    address to use instead while a topic is closed, or permanently if `topic_deleted` is true. `too_long`: the platform
    accepts this text only if it is shorter or simpler. `not_our_turn`: nothing was sent because our turn comes only
    after `retry_after` seconds. This isn't a failure. `maybe_sent`: the message was written, but the platform didn't
    confirm it, so it may have arrived. Any other message certainly didn't.
    """

    def __init__(
        self,
        message: str,
        *,
        refused: bool = False,
        by_person: bool = False,
        credentials_rejected: bool = False,
        retry_after: float | None = None,
        moved_to: str | None = None,
        fallback: str | None = None,
        topic_deleted: bool = False,
        too_long: bool = False,
        scope: str = "address",
        not_our_turn: bool = False,
        maybe_sent: bool = False,
    ) -> None:
        self.refused = refused or by_person
        self.by_person = by_person
        self.credentials_rejected = credentials_rejected
        self.retry_after = retry_after
        self.moved_to = moved_to
        self.fallback = fallback
        self.topic_deleted = topic_deleted
        self.too_long = too_long
        self.scope = scope
        self.not_our_turn = not_our_turn
        self.maybe_sent = maybe_sent
        super().__init__(message)


class NotSent(CountersignError):
    """Raised when a message that a person asked for wasn't sent or confirmed.

    `is_refused`: the chat doesn't accept it.
    """

    def __init__(self, message: str, *, is_refused: bool) -> None:
        self.is_refused = is_refused
        super().__init__(message)


class StoreError(CountersignError):
    """Raised when our data can't be read or written."""


class StoreBusy(StoreError):
    """Raised when another program is writing to this data folder."""


class LeaseLost(StoreError):
    """Raised when another program has taken over the work, because this program was too slow or started later."""


class StoreUnavailable(StoreError):
    """Raised when the database isn't answering. The transaction was rolled back and can be tried again."""


class StoreCorrupt(StoreError):
    """Raised when a file in the store is damaged and no good copy is left."""


class StoreUnwritable(StoreError):
    """Raised when the data folder is read-only or the disk is full."""
