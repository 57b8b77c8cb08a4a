"""An answer's lines, cut into sheets that fit a platform's message. Unlike a digest's pages they repeat no title."""

import re
from collections.abc import Sequence
from itertools import groupby

from bot.domain.messages.digest import Fits, Line, Span, legible_line, plain_text

Sheet = tuple[Line, ...]


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
    return (*_pieces(_joined(words[:middle]), fits), *_pieces(_joined(words[middle:]), fits))


def _joined(words: Sequence[Span]) -> Line:
    """Neighbours of one kind as one span."""
    runs = groupby(words, key=lambda span: (span.href, span.strong))
    return tuple(Span("".join(word.text for word in run), href, strong) for (href, strong), run in runs)
