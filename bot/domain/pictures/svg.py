"""The parts of a drawing: text, rectangles, badges, and the <svg> around them. Lengths are in SVG units."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from bot.domain.pictures.style import FONT, stylesheet

SMALL = 15.5  # the smallest text: 9.2 pixels if a picture of 600 units is shown 358 pixels wide


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A drawing with its size, its title, and a description that says in words what it shows."""

    width: int
    height: int
    title: str
    desc: str
    body: str

    def inline(self, name: str, *, role: str = "img", hidden: bool = False) -> str:
        """Return the drawing for a page. The ids in it begin with `name`, which must be unique on the page."""
        if hidden:
            return f'<svg {self._root()} aria-hidden="true" focusable="false">{self.body}</svg>'
        return f"<svg {self._root()} {_label(name, role)}>{self._words(name)}{self.body}</svg>"

    def standalone(self, *, dark: bool = False) -> str:
        """Return the drawing as a file of its own. `dark` adds dark colors for readers who prefer them."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" {self._root()} '
            f'font-family="{FONT}, system-ui, sans-serif" {_label("p", "img")}>{self._words("p")}'
            f"<style>{stylesheet(dark=dark)}</style>"
            f'<rect class="p-page" width="{self.width}" height="{self.height}"/>{self.body}</svg>'
        )

    def at(self, x: float, y: float, scale: float = 1.0) -> str:
        """Return the drawing as a part of a larger one."""
        grown = "" if scale == 1 else f" scale({scale:.4g})"
        return f'<g transform="translate({x:g} {y:g}){grown}">{self.body}</g>'

    def _root(self) -> str:
        return f'class="p-svg" viewBox="0 0 {self.width} {self.height}"'

    def _words(self, name: str) -> str:
        title, desc = escape(self.title, quote=False), escape(self.desc, quote=False)
        return f'<title id="{name}-title">{title}</title><desc id="{name}-desc">{desc}</desc>'


def _label(name: str, role: str) -> str:
    return f'role="{role}" aria-labelledby="{name}-title {name}-desc"'


def text(
    x: float,
    y: float,
    content: str,
    *,
    size: float,
    strong: bool = False,
    anchor: str = "start",
    look: str = "ink",
) -> str:
    """Draw text with typographic apostrophes. `look` names its classes, without the prefix."""
    if not content:
        return ""
    weight = ' font-weight="600"' if strong else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    classes = " ".join(f"p-{name}" for name in look.split())
    shown = escape(content.replace("'", "’"), quote=False)
    return f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"{weight}{where}>{shown}</text>'


def plate(x: float, y: float, width: float, height: float, *, look: str) -> str:
    """Draw a rectangle with rounded corners."""
    return f'<rect class="p-{look}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:g}" rx="4"/>'


def badge(x: float, y: float, content: str, size: float, height: float = 20) -> Iterator[str]:
    """Draw a number in a box: amber for a gain (+), white with a border for a loss (−)."""
    wide = badge_width(content, size)
    yield plate(x, y, wide, height, look="new" if content.startswith("+") else "gone")
    yield text(x + wide / 2, y + height / 2 + size / 3, content, size=size, strong=True, anchor="middle", look="mark")


def badge_width(content: str, size: float) -> float:
    """Return the width of a badge."""
    return (0.52 * len(content) + 0.36) * size


def sums(x: float, y: float, moved: Iterable[tuple[str, str]], *, size: float = 16) -> Iterator[str]:
    """Draw badges with their words in a row, such as [+22] new."""
    for number, word in moved:
        yield from badge(x, y, number, size, height=size * 1.25)
        x += badge_width(number, size) + 7
        yield text(x, y + size * 0.97, word, size=size)
        x += 0.475 * size * len(word) + 16


def wrapped(content: str, most: int) -> Sequence[str]:
    """Break text into lines of at most `most` characters, where the words allow."""
    lines = [""]
    for word in content.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
