"""A digest: one message to one subscription, before a platform adds its markup."""

from dataclasses import dataclass

from bot.domain.text.rich_text import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Lines that stay together, and the numbers of the changes they report."""

    lines: tuple[Line, ...]
    covers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A state's items under its name."""

    heading: Line
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Everything a subscription is told at one time. `upto` is the last change in the log that it covers."""

    upto: int
    title: Line
    sections: tuple[Section, ...]
    footer: tuple[Line, ...] = ()

    @property
    def covers(self) -> tuple[int, ...]:
        """The numbers of the changes it reports."""
        return tuple(seq for section in self.sections for item in section.items for seq in item.covers)

    def log_context(self) -> dict[str, object]:
        """Return the fields for a log line."""
        return {"upto": self.upto, "changes": len(self.covers)}
