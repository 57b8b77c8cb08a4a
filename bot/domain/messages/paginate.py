"""Split replies into sheets, and digests into pages, that fit a platform's messages. Only pages repeat the title."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import groupby

from bot.domain.messages.digest import Digest, Item
from bot.domain.text.rich_text import LONGEST_WORD, Line, Span, legible, legible_line, plain_text

Sheet = tuple[Line, ...]
Fits = Callable[[Sequence[Line]], bool]


def sheets(lines: Sequence[Line], fits: Fits) -> tuple[Sheet, ...]:
    """Put the lines on as few sheets as possible. A line that is too long for one sheet is split between words.

    `fits` returns whether the given lines fit in one message. If it returns True for some lines, it must also return
    True for fewer or shorter lines. All text is made legible, as in a digest. Empty lines are only separators, so no
    sheet begins or ends with one.
    """
    filled: list[list[Line]] = [[]]
    for line in lines:
        for piece in _pieces(legible_line(line), fits):
            if filled[-1] and not fits((*filled[-1], piece)):
                filled.append([])
            filled[-1].append(piece)
    return tuple(sheet for sheet in map(_trimmed, filled) if sheet)


def _trimmed(lines: Sequence[Line]) -> Sheet:
    inked = [number for number, line in enumerate(lines) if plain_text((line,)).strip()]
    return tuple(lines[inked[0] : inked[-1] + 1]) if inked else ()


def _pieces(line: Line, fits: Fits) -> tuple[Line, ...]:
    """Split a line in half, repeatedly if necessary, until every piece fits."""
    if fits((line,)):
        return (line,)
    words = [Span(text, span.href, span.strong) for span in line for text in re.findall(r"\S+\s*|\s+", span.text)]
    if len(words) < 2:
        return (line,)
    middle = len(words) // 2
    return (*_pieces(_run_together(words[:middle]), fits), *_pieces(_run_together(words[middle:]), fits))


def _run_together(words: Sequence[Span]) -> Line:
    """Join adjacent spans that have the same link and weight."""
    runs = groupby(words, key=lambda span: (span.href, span.strong))
    return tuple(Span("".join(word.text for word in run), href, strong) for (href, strong), run in runs)


LONGEST_LABEL = 200  # characters in a title or a heading, which every page repeats
_CLOSE = Span(".")


class Role(Enum):
    """The place of a block in a message."""

    LEAD = auto()
    SECTION = auto()
    DETAILS = auto()
    FOOTER = auto()


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of a page that stand together."""

    role: Role
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One message of a digest: its title, its blocks and the numbers of the changes that they report.

    `is_last` is true for the last page, which has the buttons.
    """

    title: Line
    blocks: tuple[Block, ...]
    covers: tuple[int, ...]
    is_last: bool = True

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines. Blocks have a blank line between them."""
        return (self.title, *(line for block in self.blocks for line in ((), *block.lines)))


def pages(digest: Digest, fits: Fits, *, continued: str = "…") -> tuple[Page, ...]:
    """Put the digest on as few pages as possible. If there are several pages, their titles are numbered.

    `fits` returns whether the given lines fit in one message. If it returns True for some lines, it must also return
    True for fewer or shorter lines. A section that fits on one page is never split, and no page has only a footer.
    Longer sections are split between items: their headings are repeated, followed by `continued`. An item that is too
    long for one page is split between words, and the page where it ends covers its changes. All text is made `legible`,
    and the addresses of unsafe links are removed. The title and the headings are limited to 200 characters.
    """
    title = _label(digest.title) or Span("Countersign", strong=True)
    chunks = _chunks(digest, continued)
    single = _Book(title, fits).fill(chunks)
    if len(single) == 1:
        return single
    numbered = _Book(_longer(title, " (0000/0000)"), fits).fill(chunks)
    last = len(numbered)
    return tuple(
        replace(page, title=(_longer(title, f" ({number}/{last})"),), is_last=number == last)
        for number, page in enumerate(numbered, start=1)
    )


def _legible_item(item: Item) -> Item:
    cleaned = map(legible_line, item.lines)
    lines = tuple(line for line in cleaned if plain_text((line,)).strip())
    return Item(lines=lines, covers=item.covers, under=legible_line(item.under))


def _label(line: Line) -> Span | None:
    """Shorten a title or heading and remove its links. Return None if no text is left."""
    text = legible("".join(span.text for span in line)).strip()
    text = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
    return Span(text, strong=any(span.strong for span in line)) if text else None


def _longer(label: Span, text: str) -> Span:
    return replace(label, text=label.text + text)


# ── what goes on a page ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """A section, the lead or the footer, or as much of it as one page has.

    `spaced` puts blank lines between the items. `again` is the heading where the chunk continues. With `joins`, the
    chunk continues the one before it on the same page.
    """

    role: Role
    items: tuple[Item, ...]
    heading: tuple[Line, ...] = ()
    again: tuple[Line, ...] = ()
    together: bool = False
    spaced: bool = False
    joins: bool = False

    @property
    def covers(self) -> tuple[int, ...]:
        return tuple(seq for item in self.items for seq in item.covers)

    @property
    def lines(self) -> tuple[Line, ...]:
        if not any(item.lines for item in self.items):
            return ()
        return (*self.heading, *(self._paragraphs() if self.together else self._one_a_line()))

    def split(self, at: int) -> "tuple[_Chunk, _Chunk]":
        """Return the first items, and the others under the heading for a continuation."""
        return replace(self, items=self.items[:at]), replace(
            self.on_new_page(), items=self.items[at:], heading=self.again
        )

    def on_new_page(self) -> "_Chunk":
        """Return the chunk with its heading, even if it joined another one."""
        return replace(self, heading=self.again, joins=False) if self.joins else self

    def _one_a_line(self) -> Iterator[Line]:
        under: Line = ()
        for number, item in enumerate(item for item in self.items if item.lines):
            if number and self.spaced:
                yield ()
            if item.under and item.under != under:
                yield item.under
            under = item.under
            yield from item.lines

    def _paragraphs(self) -> Iterator[Line]:
        for under, items in groupby((item for item in self.items if item.lines), key=lambda item: item.under):
            texts = [_joined_by(item.lines, Span(" ")) for item in items]
            start = (*under, Span(": ")) if under else ()
            yield (*start, *_joined_by(texts, Span("; ")), _CLOSE)


def _joined_by(lines: Sequence[Line], between: Span) -> Line:
    return tuple(span for number, line in enumerate(lines) for span in ((between, *line) if number else line))


def _chunks(digest: Digest, continued: str) -> list[_Chunk]:
    """Return what the pages show, in order. Text that isn't legible leaves no line."""
    shown = [(Role.SECTION, section) for section in digest.sections]
    shown += [(Role.DETAILS, section) for section in digest.details.sections] if digest.details else []
    chunks = [_plain_chunk(Role.LEAD, digest.lead)]
    for role, section in shown:
        heading = _label(section.heading)
        items = tuple(map(_legible_item, section.items))
        chunks.append(
            _Chunk(
                role=role,
                items=items,
                heading=((heading,),) if heading else (),
                again=((_longer(heading, f" {continued}"),),) if heading else (),
                together=section.together,
                spaced=any(len(item.lines) > 1 for item in items),
            )
        )
    chunks.append(_plain_chunk(Role.FOOTER, digest.footer))
    return [chunk for chunk in chunks if chunk.items]


def _plain_chunk(role: Role, lines: Sequence[Line]) -> _Chunk:
    items = (_legible_item(Item(lines=(line,))) for line in lines)
    return _Chunk(role=role, items=tuple(item for item in items if item.lines))


class _Book:
    """The pages of a digest while they are being filled. Every page has the title, and the last page is open."""

    def __init__(self, title: Span, fits: Fits) -> None:
        self._title: Line = (title,)
        self._fits = fits
        self._pages: list[list[_Chunk]] = [[]]

    def fill(self, chunks: Sequence[_Chunk]) -> tuple[Page, ...]:
        if not chunks or self._has_room(chunks):
            return (self._page(chunks),)
        footer = chunks[-1:] if chunks[-1].role is Role.FOOTER and self._has_company(chunks[-1:]) else []
        body = chunks[: len(chunks) - len(footer)]
        last = max((number for number, chunk in enumerate(body) if chunk.lines), default=0)
        for number, chunk in enumerate(body):
            if number > last:
                self._pages[-1].append(chunk)  # it has no lines, and counts as told
            else:
                self._add(chunk, footer if number == last else [])
        self._pages[-1] += footer
        return tuple(map(self._page, self._pages))

    def _add(self, chunk: _Chunk, footer: Sequence[_Chunk]) -> None:
        """Add a chunk, whole if one page can hold it. Leave room for the footer after it.

        A folded section goes on the first page with room for it, so that a long one before it leaves no gap.
        """
        if chunk.role is Role.DETAILS and self._has_room(footer):
            for page in self._pages[:-1]:
                if self._fits(self._page([*page, chunk]).lines):
                    page.append(chunk)
                    return
        if self._has_room([chunk, *footer]):
            self._pages[-1].append(chunk)
        elif self._pages[-1] and self._fits(self._page([chunk, *footer]).lines):
            self._pages.append([chunk])
        else:
            self._split(chunk, footer)

    def _split(self, chunk: _Chunk, footer: Sequence[_Chunk]) -> None:
        """Put a chunk on several pages. The footer never stands alone: the last item goes on the footer's page."""
        while chunk.items:
            count = self._most_items(chunk)
            if count == len(chunk.items) and not self._has_room([chunk, *footer]):
                count -= 1
            if count:
                first, chunk = chunk.split(count)
                self._pages[-1].append(first)
            if not chunk.items:
                return
            if self._pages[-1]:
                self._pages.append([])
                chunk = chunk.on_new_page()
                continue
            chunk = self._cut(chunk, footer)

    def _most_items(self, chunk: _Chunk) -> int:
        return self._most(len(chunk.items), lambda n: self._has_room([chunk.split(n)[0]]))

    def _cut(self, chunk: _Chunk, footer: Sequence[_Chunk]) -> _Chunk:
        """Fill pages with an item that is too long for one page, as many words as fit. Return the rest of the chunk."""
        item, rest = chunk.items[0], chunk.items[1:]
        words = [word for number, line in enumerate((item.under, *item.lines)) for word in _words(number, line)]
        after = () if rest else footer

        def piece(count: int) -> _Chunk:
            covers = item.covers if count == len(words) else ()
            return replace(chunk, items=(Item(lines=_joined(words[:count]), covers=covers),), together=False)

        while words:
            count = max(1, self._most(len(words), lambda n: self._has_room([piece(n)])))
            if count == len(words) > 1 and not self._has_room([piece(count), *after]):
                count -= 1
            self._pages[-1].append(piece(count))
            words, chunk = words[count:], replace(chunk, heading=chunk.again)
            if words:
                self._pages.append([])
        return replace(chunk, items=rest, heading=(), joins=True)

    def _most(self, length: int, has_room: Callable[[int], bool]) -> int:
        """Return the largest number, up to `length`, for which there's room. Look near the beginning first."""
        most = 64
        while most < length and has_room(most):
            most *= 2
        return bisect_left(range(1, min(most, length) + 1), True, key=lambda n: not has_room(n))

    def _has_company(self, footer: Sequence[_Chunk]) -> bool:
        """Return True if a page has room for the footer and for at least a heading and a word before it."""
        before = (Span("0" * (LONGEST_LABEL + LONGEST_WORD + 10)),)
        return self._fits((*self._page(footer).lines, (), before))

    def _has_room(self, chunks: Sequence[_Chunk]) -> bool:
        return self._fits(self._page([*self._pages[-1], *chunks]).lines)

    def _page(self, chunks: Sequence[_Chunk]) -> Page:
        blocks: list[Block] = []
        for chunk in chunks:
            if not (lines := chunk.lines):
                continue
            folded = chunk.role is Role.DETAILS and blocks and blocks[-1].role is Role.DETAILS
            if folded or (chunk.joins and blocks):
                blocks[-1] = Block(chunk.role, (*blocks[-1].lines, *(((),) if chunk.spaced else ()), *lines))
            else:
                blocks.append(Block(chunk.role, lines))
        return Page(
            title=self._title, blocks=tuple(blocks), covers=tuple(seq for chunk in chunks for seq in chunk.covers)
        )


_Word = tuple[int, Line]  # the number of the word's line, and its spans with the space after it


def _words(number: int, line: Line) -> Iterator[_Word]:
    """Split a line into words that are short enough for any page.

    A word may consist of several spans, but a link is never joined to other text.
    """
    word: list[Span] = []
    for span in line:
        for text in re.findall(r"\S+ ?| ", span.text):
            if word and (span.href or word[-1].href or _length(word) + len(text) > LONGEST_WORD):
                yield number, tuple(word)
                word = []
            word.append(replace(span, text=text))
            if text.endswith(" "):
                yield number, tuple(word)
                word = []
    if word:
        yield number, tuple(word)


def _length(spans: Iterable[Span]) -> int:
    return sum(len(span.text) for span in spans)


def _joined(words: Sequence[_Word]) -> tuple[Line, ...]:
    """Join words into lines again, merging adjacent spans that have the same link and weight."""
    lines = groupby(words, key=lambda word: word[0])
    return tuple(_run_together([span for _, word in line for span in word]) for _, line in lines)
