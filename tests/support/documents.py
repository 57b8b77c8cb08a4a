"""The project's documents: their blocks of code, command lines, links, and the names of files and settings in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(?:\[[^\]]*\]\(|<img src=\")([^)\s\"]+)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_BETWEEN = frozenset({"&&", "||", "|", ";", "&"})
_INTO = frozenset({">", ">>", "<"})


class Block(NamedTuple):
    """A block of code in a document."""

    document: str
    language: str
    text: str


def name_of(path: Path) -> str:
    """Return a document's path from the root of the project."""
    return str(path.relative_to(ROOT))


def blocks(path: Path) -> list[Block]:
    """Return the blocks of code that name their language."""
    return [Block(name_of(path), *found) for found in _BLOCK.findall(path.read_text())]


def command_lines(text: str) -> Iterator[list[str]]:
    """Yield the words of each command in a block of shell, without comments and redirections."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] = []
        ends = iter(list(words))
        for word in ends:
            if word in _BETWEEN:
                yield command
                command = []
            elif word in _INTO:
                next(ends, None)
            else:
                command.append(word)
        if command:
            yield command


def prose(path: Path) -> str:
    """Return a document without its blocks of code."""
    return _BLOCK.sub("", path.read_text())


def inline(path: Path) -> list[str]:
    """Return the pieces of code within a document's sentences and tables."""
    return _INLINE.findall(prose(path))


def links(path: Path) -> list[str]:
    """Return the targets of a document's links and pictures."""
    return _LINK.findall(prose(path))


def anchors(path: Path) -> set[str]:
    """Return the names that a link can use for a document's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")
        for heading in _HEADING.findall(prose(path))
    }
