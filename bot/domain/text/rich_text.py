"""Runs of plain text, some of them links or bold, before a platform gives them its markup."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

LONGEST_WORD = 120  # characters; the longest name on ICE's list has 32 without a space


LONGEST_HREF = 2_000  # characters


@dataclass(frozen=True, slots=True)
class Span:
    """A run of plain text (never markup); `href` makes it a link, `strong` heavy."""

    text: str
    href: str | None = None
    strong: bool = False


Line = tuple[Span, ...]


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
