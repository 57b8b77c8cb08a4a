"""A digest, which is one message to one subscription, before a platform adds its markup."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.messages.net_changes import NetChange
from bot.domain.text.rich_text import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Lines that stay together, with the numbers of the changes that they report."""

    lines: tuple[Line, ...]
    covers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and the items below it."""

    heading: Line
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A complete message to a subscription. `upto` is the last change in the log that the digest covers.

    `changes` are the changes that the sections report, for channels that send data. `begun_at` (UTC) is when the digest
    was pinned, and tells two digests without changes apart.
    """

    upto: int
    title: Line
    sections: tuple[Section, ...]
    footer: tuple[Line, ...] = ()
    changes: tuple[NetChange, ...] = ()
    begun_at: datetime | None = None

    @property
    def covers(self) -> tuple[int, ...]:
        """The numbers of the changes that the digest reports."""
        return tuple(seq for section in self.sections for item in section.items for seq in item.covers)

    def log_context(self) -> dict[str, object]:
        """Return the fields for a log line."""
        return {"upto": self.upto, "changes": len(self.covers)}
