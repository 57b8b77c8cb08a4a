"""The errors that Countersign raises on purpose; the text of each is a sentence for a person.

::

    CountersignError
    ├── UsageError                 a person asked for something impossible; exit 2
    │   └── ConfigError            the configuration is wrong; lists every problem at once; exit 2
    ├── SourceError                a source could not be read; we conclude nothing from that
    │   ├── Unreachable            no answer, a timeout or a 5xx: try again, after `retry_after` if the server gave one
    │   ├── Blocked                403, 429 or robots.txt: back off, never evade
    │   ├── Missing                404 or 410: linked but not there (ICE links a sheet before uploading it)
    │   ├── Unsafe                 an address or a size that we refuse
    │   ├── Unreadable             a document arrived, but it is not what it should be
    │   └── InternalSourceError    a bug of ours, brought out by this source: report it; other sources go on
    ├── SendError                  a message was not delivered; says what that means for the subscription
    └── StoreError                 our data could not be read or written
        ├── StoreBusy              another program is writing this data folder
        ├── LeaseLost              another program took over this work; our result is dropped
        ├── StoreUnavailable       the database does not answer; it may in a moment
        ├── StoreCorrupt           a file is damaged and no good copy is left
        └── StoreUnwritable        a read-only folder or a full disk
"""

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LONGEST_REASON = 120  # characters of a Python error, which wasn't written for people


class CountersignError(Exception):
    """The root of the tree; `str(error)` is one line for a person and contains no token."""


class UsageError(CountersignError):
    """A person asked for something impossible; the text says what to do instead."""


class ConfigError(UsageError):
    """The configuration is wrong; lists every problem, with file and line if there is one."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


class SourceError(CountersignError):
    """A source could not be read. `retry_after` is in seconds, if the server gave it."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Unreachable(SourceError):
    """The server gave no answer in time, or a 5xx."""


class Blocked(SourceError):
    """The server doesn't want us now: 403, 429 or robots.txt."""


class Missing(SourceError):
    """The document isn't there: 404 or 410."""


class Unsafe(SourceError):
    """We refuse an address, a redirect or a size."""


class Unreadable(SourceError):
    """A document arrived, but it is not what it should be."""


class InternalSourceError(SourceError):
    """A document brought out a bug in Countersign; the text says where, for the person who fixes it."""


@contextmanager
def attribute_errors_to(source: str) -> Iterator[None]:
    """Turn any unexpected exception into this source's InternalSourceError, so that it counts as a failed reading."""
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
    """A message was not delivered; the attributes say what that means for the subscription.

    `permanent`: this address takes no messages until a person acts; the text says why.
    `maybe_permanent`: permanent only if the platform still says so after a day (Slack loses sight of a channel for
    hours). `credentials_rejected`: the platform rejects the whole workspace or bot token, not only this address.
    `retry_after`: the seconds that the platform asked for, and `scope` what they apply to, "address" or "platform".
    `moved_to`: the address to use from now on. `too_long`: the platform takes this text only shorter or plainer.
    `not_our_turn`: nothing was sent, because our turn comes only after `retry_after`; this isn't a failure.
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
    """Another program has taken over this work, because this one was too slow or came second."""


class StoreUnavailable(StoreError):
    """The database does not answer; the transaction was undone and may be tried again."""


class StoreCorrupt(StoreError):
    """A file of the store is damaged and no good copy is left."""


class StoreUnwritable(StoreError):
    """The data folder is read-only or the disk is full."""
