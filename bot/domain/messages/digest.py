"""One message to one subscription, before a platform gives it its markup; and how it is cut into pages that fit."""

from dataclasses import dataclass

from bot.domain.text.rich_text import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Lines that stay together, and the numbers of the changes that they name."""

    lines: tuple[Line, ...]
    covers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A state's items under its name."""

    heading: Line
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a subscription is told at one time. `upto` is the last change of the log that it covers."""

    upto: int
    title: Line
    sections: tuple[Section, ...]
    footer: tuple[Line, ...] = ()

    @property
    def covers(self) -> tuple[int, ...]:
        """The numbers of the changes that it names."""
        return tuple(seq for section in self.sections for item in section.items for seq in item.covers)

    def log_context(self) -> dict[str, object]:
        """What a log line says of it."""
        return {"upto": self.upto, "changes": len(self.covers)}
