"""Split replies into sheets, and digests into pages, that fit a platform's messages. Only pages repeat the title."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The lines of one message of a digest, and the numbers of the changes that they report.

    An empty line is displayed as a blank line.
    """

    lines: tuple[Line, ...]
    covers: tuple[int, ...]


def pages(digest: Digest, fits: Fits, *, continued: str = "…") -> tuple[Page, ...]:
    """Put the digest on as few pages as possible. If there are several pages, their titles are numbered.

    `fits` returns whether the given lines fit in one message. If it returns True for some lines, it must also return
    True for fewer or shorter lines. Pages are split between items. If a state continues on another page, its heading is
    repeated, followed by `continued`. An item that is too long for one page is split between words, and the page where
    it ends covers its changes. All text is made `legible`, and the addresses of unsafe links are removed. The title and
    the headings are limited to 200 characters.
    """
    title = _label(digest.title) or Span("Countersign", strong=True)
    single = _Book(title, fits, continued).fill(digest)
    if len(single) == 1:
        return single
    numbered = _Book(_longer(title, " (0000/0000)"), fits, continued).fill(digest)
    return tuple(
        replace(page, lines=((_longer(title, f" ({number}/{len(numbered)})"),), *page.lines[1:]))
        for number, page in enumerate(numbered, start=1)
    )


def _legible_item(lines: Iterable[Line], covers: tuple[int, ...] = ()) -> Item:
    cleaned = map(legible_line, lines)
    return Item(lines=tuple(line for line in cleaned if plain_text((line,)).strip()), covers=covers)


def _label(line: Line) -> Span | None:
    """Shorten a title or heading and remove its links. Return None if no text is left."""
    text = legible("".join(span.text for span in line)).strip()
    text = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
    return Span(text, strong=any(span.strong for span in line)) if text else None


def _longer(label: Span, text: str) -> Span:
    return replace(label, text=label.text + text)


class _Book:
    """The pages of a digest while they are being filled. Every page has the title, and the last page is open."""

    def __init__(self, title: Span, fits: Fits, continued: str) -> None:
        self._blank = Page(lines=((title,),), covers=())
        self._fits = fits
        self._continued = continued
        self._between: tuple[Line, ...] = ()
        self._pages = [self._blank]

    def fill(self, digest: Digest) -> tuple[Page, ...]:
        sections = [[_legible_item(item.lines, item.covers) for item in section.items] for section in digest.sections]
        if any(len(item.lines) > 1 for items in sections for item in items):
            self._between = ((),)
        for section, items in zip(digest.sections, sections, strict=True):
            self._section(_label(section.heading), items)
        self._section(None, [_legible_item(digest.footer)])
        return tuple(self._pages)

    def _section(self, heading: Span | None, items: Sequence[Item]) -> None:
        first: tuple[Line, ...] = ((), (heading,)) if heading else ((),)
        again: tuple[Line, ...] = ((), (_longer(heading, f" {self._continued}"),)) if heading else ((),)
        begun = False
        for item in items:
            if not self._add(self._between if begun else first, item):
                self._turn()
                lead = again if begun else first
                if not self._add(lead, item):
                    self._cut(lead, again, item)
            begun = begun or bool(item.lines)

    def _turn(self) -> None:
        if self._pages[-1] != self._blank:
            self._pages.append(self._blank)

    def _add(self, lead: Sequence[Line], item: Item) -> bool:
        """Add an item to the open page if it fits. Return whether it was added."""
        fits = not item.lines or self._fits((*self._pages[-1].lines, *lead, *item.lines))
        if fits:
            self._put(lead, item)
        return fits

    def _put(self, lead: Sequence[Line], item: Item) -> None:
        page = self._pages[-1]
        lines = (*page.lines, *lead, *item.lines) if item.lines else page.lines
        self._pages[-1] = Page(lines=lines, covers=page.covers + item.covers)

    def _cut(self, lead: Sequence[Line], again: Sequence[Line], item: Item) -> None:
        """Split an item that is too long for one page. Each page gets as many words as fit."""
        words = [word for number, line in enumerate(item.lines) for word in _words(number, line)]
        while words:
            count = self._most((*self._pages[-1].lines, *lead), words)
            words, piece = words[count:], _joined(words[:count])
            self._put(lead, Item(lines=piece, covers=() if words else item.covers))
            if words:
                self._turn()
                lead = again

    def _most(self, lines: Sequence[Line], words: "Sequence[_Word]") -> int:
        """Return the number of words that fit after these lines. It is at least 1, so that the caller's loop ends."""

        def overflows(count: int) -> bool:
            return not self._fits((*lines, *_joined(words[:count])))

        most = 64
        while most < len(words) and not overflows(most):
            most *= 2
        return max(1, bisect_left(range(1, min(most, len(words)) + 1), True, key=overflows))


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
