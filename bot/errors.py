"""The errors that Countersign raises on purpose; the text of each is a sentence meant for people.

::

    CountersignError
    ├── UsageError                 a person asked for something impossible; exit 2
    │   └── ConfigError            the configuration is wrong; lists every problem at once; exit 2
    ├── SourceError                a source could not be read; we draw no conclusions from that
    │   ├── Unreachable            no answer, a timeout or a 5xx: try again, after `retry_after` if the server gave one
    │   ├── Blocked                403, 429 or robots.txt: back off, never evade
    │   ├── Missing                404 or 410: linked but not there (ICE links a sheet before uploading it)
    │   ├── Unsafe                 we refuse an address or a size
    │   ├── Unreadable             a document arrived, but it isn't what we expected
    │   └── InternalSourceError    a bug in Countersign, triggered by this source: report it; other sources continue
    ├── SendError                  a message was not delivered; says how that affects the subscription
    └── StoreError                 our data could not be read or written
        ├── StoreBusy              another program is writing this data folder
        ├── LeaseLost              another program has taken over this work; our result is dropped
        ├── StoreUnavailable       the database isn't answering; it may be back in a moment
        ├── StoreCorrupt           a file is damaged and no good copy is left
        └── StoreUnwritable        a read-only folder or a full disk
"""

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LONGEST_REASON = 120  # characters kept from a Python error, which wasn't written for users


class CountersignError(Exception):
    """The base of all these errors; `str(error)` is one line meant for people and never contains a token."""


class UsageError(CountersignError):
    """A person asked for something impossible; the text says what to do instead."""


class ConfigError(UsageError):
    """The configuration is wrong; lists every problem, with its file and line if known."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


class SourceError(CountersignError):
    """A source could not be read. `retry_after` is in seconds, or None if the server didn't give one."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Unreachable(SourceError):
    """The server gave no answer in time, or a 5xx."""


class Blocked(SourceError):
    """The server is turning us away: 403, 429 or robots.txt."""


class Missing(SourceError):
    """The document isn't there: 404 or 410."""


class Unsafe(SourceError):
    """We refuse an address, a redirect or a size."""


class Unreadable(SourceError):
    """A document arrived, but it isn't what we expected."""


class InternalSourceError(SourceError):
    """A document triggered a bug in Countersign; the text says where, to help fix it."""


@contextmanager
def attribute_errors_to(source: str) -> Iterator[None]:
    """Turn any unexpected exception into an InternalSourceError for the source, so it counts as a failed reading."""
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


class SendError(CountersignError):
    """A message was not delivered; the attributes say how that affects the subscription.

    `permanent`: this address won't accept messages until someone fixes the problem; the text says why.
    `maybe_permanent`: permanent only if the platform still says so after a day (Slack can lose track of a channel for
    hours). `credentials_rejected`: the platform rejects the whole workspace or bot token, not just this address.
    `retry_after`: the number of seconds the platform asks us to wait. `scope`: whether that wait applies to the
    "address" or the whole "platform". `moved_to`: the address to use from now on. `too_long`: the platform will accept
    this text only if it is shorter or simpler. `not_our_turn`: nothing was sent, because it isn't our turn until
    `retry_after` seconds have passed; this isn't a failure.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        maybe_permanent: bool = False,
        credentials_rejected: bool = False,
        retry_after: float | None = None,
        moved_to: str | None = None,
        too_long: bool = False,
        scope: str = "address",
        not_our_turn: bool = False,
    ) -> None:
        self.permanent = permanent
        self.maybe_permanent = maybe_permanent
        self.credentials_rejected = credentials_rejected
        self.retry_after = retry_after
        self.moved_to = moved_to
        self.too_long = too_long
        self.scope = scope
        self.not_our_turn = not_our_turn
        super().__init__(message)


class StoreError(CountersignError):
    """Our data could not be read or written."""


class StoreBusy(StoreError):
    """Another program is writing this data folder."""


class LeaseLost(StoreError):
    """Another program has taken over this work, because this one was too slow or got there second."""


class StoreUnavailable(StoreError):
    """The database isn't answering; the transaction was rolled back and can be tried again."""


class StoreCorrupt(StoreError):
    """A file in the store is damaged and no good copy is left."""


class StoreUnwritable(StoreError):
    """The data folder is read-only or the disk is full."""
