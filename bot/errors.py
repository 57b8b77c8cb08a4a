"""Every error that Countersign raises on purpose; its text is a sentence for a person.

::

    CountersignError
    ├── UsageError            what a person typed cannot be done; exit 2
    │   └── ConfigError       the configuration, every problem at once; exit 2
    ├── SourceError           a source could not be read; nothing is concluded from it
    │   ├── Unreachable       no answer, a time-out, 5xx: try again, after `retry_after` if the server said so
    │   ├── Blocked           403, 429 or robots.txt: back off, never evade
    │   ├── Missing           404 or 410: linked but not there (ICE links a sheet before it uploads it)
    │   ├── Unsafe            an address or a size that we refuse
    │   ├── Unreadable        it came, but it is not what it should be
    │   └── Unforeseen        what came brought a fault of ours to light: to be reported, and the other sources go on
    ├── SendError             a message was not delivered; carries the verdict
    └── StoreError            what we know could not be read or written
        ├── StoreBusy         another program writes this folder
        ├── LeaseLost         another program works on it now; what was to be written is its business
        ├── StoreAway         the database does not answer; it may again in a moment
        ├── StoreDamaged      a file was damaged and no good copy of it is left
        └── StoreUnwritable   a read-only folder, a full disk
"""

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LONGEST_REASON = 120  # characters of an error that nobody wrote for a person


class CountersignError(Exception):
    """The root; `str(error)` is one line for a person and holds no token."""


class UsageError(CountersignError):
    """What a person typed cannot be done; the text says what to do instead."""


class ConfigError(UsageError):
    """Everything that is wrong with the configuration, with file and line where there is one."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


class SourceError(CountersignError):
    """A source could not be read. `retry_after` is in seconds where the server gave one."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Unreachable(SourceError):
    """No answer, a time-out or a 5xx."""


class Blocked(SourceError):
    """403, 429 or robots.txt: we are not wanted now."""


class Missing(SourceError):
    """404 or 410."""


class Unsafe(SourceError):
    """An address, a redirect or a size that we refuse."""


class Unreadable(SourceError):
    """A document came, but it is not what it should be."""


class InternalSourceError(SourceError):
    """What a source says brought a fault of Countersign to light; the text says where, for whoever mends it."""


@contextmanager
def attribute_errors_to(source: str) -> Iterator[None]:
    """Raise what nobody foresaw as an Unforeseen of this source, so that it is as any failure of it."""
    try:
        yield
    except CountersignError:
        raise
    except Exception as bug:
        steps = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(bug.__traceback__)]
        file, line = [step for step in steps if Path(step[0]).is_relative_to(Path(__file__).parent)][-1]
        reason = " ".join(f"{type(bug).__name__} {bug}".split())[:LONGEST_REASON]
        raise InternalSourceError(
            f"{source}: could not be read for a fault of Countersign's own: {reason} ({Path(file).name}, line {line}); "
            "please report it"
        ) from bug


class SendError(CountersignError):
    """A message was not delivered, and what that means for the subscription.

    `permanent`: this address takes no more messages until a person acts (the reason is the text);
    `doubtful`: permanent only if it still says so after a day (Slack loses sight of a channel for hours);
    `gone`: the whole workspace or bot token is refused, not only this address;
    `retry_after`: seconds that the platform asked for; `moved_to`: the address to use from now on;
    `too_long`: the platform takes this text only shorter or plainer;
    `scope`: what `retry_after` speaks of, "address" or "platform";
    `waiting`: nothing was sent, since its turn comes only after `retry_after`: that is no failure.
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
    """What we know could not be read or written."""


class StoreBusy(StoreError):
    """Another program writes this data folder."""


class LeaseLost(StoreError):
    """Another program works on it now, because this one was too slow or came second."""


class StoreUnavailable(StoreError):
    """The database does not answer; what was begun is undone, and may be tried again."""


class StoreCorrupt(StoreError):
    """A file of the store is damaged and no good copy of it is left."""


class StoreUnwritable(StoreError):
    """The data folder is read-only or the disk is full."""
