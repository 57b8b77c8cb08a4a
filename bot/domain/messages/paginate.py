"""An answer's lines, cut into sheets that fit a platform's message. Unlike a digest's pages they repeat no title."""

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
    """The lines on as few sheets as fit, cut between lines; only a line that alone is too long is cut, between words.

    `fits` says whether one message can hold these lines; fewer or shorter lines must fit whenever more do. Texts are
    made legible as in a digest. Empty lines are space between others: none begins or ends a sheet.
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
    """The line, or its halves, or their halves, until each fits."""
    if fits((line,)):
        return (line,)
    words = [Span(text, span.href, span.strong) for span in line for text in re.findall(r"\S+\s*|\s+", span.text)]
    if len(words) < 2:
        return (line,)
    middle = len(words) // 2
    return (*_pieces(_run_together(words[:middle]), fits), *_pieces(_run_together(words[middle:]), fits))


def _run_together(words: Sequence[Span]) -> Line:
    """Neighbours of one kind as one span."""
    runs = groupby(words, key=lambda span: (span.href, span.strong))
    return tuple(Span("".join(word.text for word in run), href, strong) for (href, strong), run in runs)


LONGEST_LABEL = 200  # characters of a title or a heading, which stand on every page again


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What of a digest goes into one message: its lines (empty where space is left) and the changes that they name."""

    lines: tuple[Line, ...]
    covers: tuple[int, ...]


def pages(digest: Digest, fits: Fits, *, continued: str = "…") -> tuple[Page, ...]:
    """The digest in as few pages as fit, cut between items; each numbered in its title if there is more than one.

    `fits` says whether one message of the platform can hold these lines; fewer or shorter lines must fit whenever more
    do. A state that goes on has its heading again, with `continued` after it. Only an item that alone is too long for a
    page is cut, between words, and counts as named where it ends. Every text is made `legible` first, links that nobody
    should follow lose their address, and title and headings, which are repeated, are cut at 200 characters.
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
    """A title or heading short enough to be repeated: one run of text, no link; None when nothing is left."""
    text = legible("".join(span.text for span in line)).strip()
    text = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
    return Span(text, strong=any(span.strong for span in line)) if text else None


def _longer(label: Span, text: str) -> Span:
    return replace(label, text=label.text + text)


class _Book:
    """Pages as they fill. The title stands on each; the last one is open."""

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
        """Put an item on the open page if it fits there."""
        fits = not item.lines or self._fits((*self._pages[-1].lines, *lead, *item.lines))
        if fits:
            self._put(lead, item)
        return fits

    def _put(self, lead: Sequence[Line], item: Item) -> None:
        page = self._pages[-1]
        lines = (*page.lines, *lead, *item.lines) if item.lines else page.lines
        self._pages[-1] = Page(lines=lines, covers=page.covers + item.covers)

    def _cut(self, lead: Sequence[Line], again: Sequence[Line], item: Item) -> None:
        """Put an item that alone is too long on as many pages as it takes, each as full as words allow."""
        words = [word for number, line in enumerate(item.lines) for word in _words(number, line)]
        while words:
            count = self._most((*self._pages[-1].lines, *lead), words)
            words, piece = words[count:], _joined(words[:count])
            self._put(lead, Item(lines=piece, covers=() if words else item.covers))
            if words:
                self._turn()
                lead = again

    def _most(self, lines: Sequence[Line], words: "Sequence[_Word]") -> int:
        """How many of the words fit after these lines; never none, or there would be no end."""

        def overflows(count: int) -> bool:
            return not self._fits((*lines, *_joined(words[:count])))

        most = 64
        while most < len(words) and not overflows(most):
            most *= 2
        return max(1, bisect_left(range(1, min(most, len(words)) + 1), True, key=overflows))


_Word = tuple[int, Line]  # the number of the line that it stands on, and its spans with the space after it


def _words(number: int, line: Line) -> Iterator[_Word]:
    """The words of a line, each short enough for any page; one may run over several spans, but not into a link."""
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
    """Words as lines again, with neighbours of one kind in one span."""
    return tuple(
        tuple(
            Span("".join(span.text for span in run), href, strong)
            for (href, strong), run in groupby(
                (span for _, word in group for span in word), key=lambda span: (span.href, span.strong)
            )
        )
        for _, group in groupby(words, key=lambda word: word[0])
    )
