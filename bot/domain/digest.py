"""One message to one subscription, before a platform gives it its markup."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A run of plain text (never markup); `href` makes it a link, `strong` heavy."""

    text: str
    href: str | None = None
    strong: bool = False


Line = tuple[Span, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What of a digest goes into one message: its blocks of markup, each kept whole, and the changes they name."""

    blocks: tuple[str, ...]
    covers: tuple[int, ...]


def pages(
    digest: Digest, markup: Callable[[Sequence[Line]], str], *, limit: int, continued: str = "…"
) -> tuple[Page, ...]:
    """The digest in as few pages as fit, cut only between items; a state that goes on has its heading again.

    `markup` renders lines for the platform and `limit` is the longest that the blocks of a page may be together,
    counted after rendering and with the blank lines between them. The footer ends the last page.
    """
    book = _Book(limit)
    book.start(markup((digest.title,)))
    for section in digest.sections:
        heading = markup((section.heading,))
        again = markup(((*section.heading, Span(f" {continued}")),))
        for number, item in enumerate(section.items):
            block = markup(item.lines)
            lead = heading if number == 0 else ""
            if not book.fits(lead, block):
                book.turn()
                lead = heading if number == 0 else again
            book.add(lead, block, item.covers)
    if digest.footer:
        footer = markup(digest.footer)
        if not book.fits("", footer):
            book.turn()
        book.add("", footer, ())
    return book.close()


class _Book:
    """Pages as they fill."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pages: list[Page] = []
        self._blocks: list[str] = []
        self._covers: list[int] = []

    def start(self, title: str) -> None:
        self._blocks.append(title)

    def fits(self, *blocks: str) -> bool:
        size = sum(len(block) + 2 for block in (*self._blocks, *blocks) if block)
        return size <= self._limit or not self._blocks

    def add(self, lead: str, block: str, covers: tuple[int, ...]) -> None:
        if lead:
            self._blocks.append(lead)
        self._blocks.append(block)
        self._covers.extend(covers)

    def turn(self) -> None:
        self._pages.append(Page(blocks=tuple(self._blocks), covers=tuple(self._covers)))
        self._blocks, self._covers = [], []

    def close(self) -> tuple[Page, ...]:
        if self._blocks:
            self.turn()
        return tuple(self._pages)
