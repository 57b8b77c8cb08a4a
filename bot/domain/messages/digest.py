"""One message to one subscription, before a platform gives it its markup; and how it is cut into pages that fit."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from urllib.parse import quote, urlsplit

LONGEST_WORD = 120  # characters; the longest name on ICE's list has 32 without a space
LONGEST_LABEL = 200  # characters of a title or a heading, which stand on every page again
LONGEST_HREF = 2_000  # characters


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
    """What of a digest goes into one message: its lines (empty where space is left) and the changes that they name."""

    lines: tuple[Line, ...]
    covers: tuple[int, ...]


Fits = Callable[[Sequence[Line]], bool]


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


def plain_text(lines: Sequence[Line]) -> str:
    """The lines as text without markup and without the addresses of links."""
    return "\n".join("".join(span.text for span in line) for line in lines)


def legible(text: str) -> str:
    """Text from elsewhere as it may stand before a reader, on one line.

    Control characters, bidirectional overrides and whatever has no width go, since they hide or turn around what is
    said; half a surrogate pair shows as U+FFFD; white space of any kind and length is one space; a word of more than
    120 characters is broken.
    """
    text = re.sub(r"\s+", " ", text)
    text = "".join(map(_visible, text)) if not text.isascii() or not text.isprintable() else text
    return re.sub(rf"(\S{{{LONGEST_WORD}}})(?=\S)", r"\1 ", re.sub(" {2,}", " ", text))


_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # no width or no ink, and yet letters or marks


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cc", "Cf"} or char in _BLANK:
        return ""
    return "\ufffd" if category == "Cs" or ord(char) & 0xFFFE == 0xFFFE else char


def legible_line(line: Line) -> Line:
    spans = (Span(legible(span.text), _followable(span.href), span.strong) for span in line)
    return tuple(span for span in spans if span.text)


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


def _followable(href: str | None) -> str | None:
    """The address in ASCII if a reader may follow it: http, https or mailto, no user name before the host."""
    if href is None:
        return None
    encoded = quote(href.strip(), safe="%/:?#[]@!$&()*+,;=~", errors="replace")
    try:
        parts = urlsplit(encoded)
    except ValueError:  # brackets that are no IPv6 address
        return None
    web = parts.scheme in {"http", "https"} and bool(parts.hostname) and not set(parts.netloc) & {"@", "%"}
    mail = parts.scheme == "mailto" and "@" in parts.path
    return parts.scheme + encoded[len(parts.scheme) :] if (web or mail) and len(encoded) <= LONGEST_HREF else None


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
