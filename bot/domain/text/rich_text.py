"""Text with links and bold type, before a platform adds its markup."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

LONGEST_WORD = 120  # characters; the longest on ICE's list has 32
LONGEST_HREF = 2_000  # characters


@dataclass(frozen=True, slots=True)
class Span:
    """A run of plain text without markup. `href` makes it a link, and `strong` makes it bold."""

    text: str
    href: str | None = None
    strong: bool = False


Line = tuple[Span, ...]


def strong(line: Line) -> Line:
    """Return a line in bold type."""
    return tuple(replace(span, strong=True) for span in line)


def plain_text(lines: Sequence[Line]) -> str:
    """Return the lines as plain text, without markup or link addresses."""
    return "\n".join("".join(span.text for span in line) for line in lines)


def legible(text: str) -> str:
    """Make text from outside the program safe to show on one line.

    Remove control characters, bidirectional overrides and zero-width characters, because they can hide or reverse text.
    Replace unpaired surrogates with U+FFFD, replace any run of white space with one space, and split words of more than
    120 characters.
    """
    text = re.sub(r"\s+", " ", text)
    text = "".join(map(_visible, text)) if not text.isascii() or not text.isprintable() else text
    return re.sub(rf"(\S{{{LONGEST_WORD}}})(?=\S)", r"\1 ", re.sub(" {2,}", " ", text))


_UNSAFE_IN_LINES = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def escaped_json(text: str) -> str:
    """Escape the letters in JSON text that some programs take for the end of a line or that hide or reverse text."""
    return _UNSAFE_IN_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_NEVER_ON_PAGES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_NO_CHARACTER = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def encodable(text: str) -> str:
    """Replace unpaired surrogates and numbers that are no characters with U+FFFD, because UTF-8 or XML refuse them."""
    return _NO_CHARACTER.sub("\ufffd", text)


def markup_safe(text: str) -> str:
    """Return a page or a feed without the characters that HTML and XML don't allow or that reverse text.

    They come from names and agendas. The markup itself has none.
    """
    return encodable(_NEVER_ON_PAGES.sub("", text))


_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters or marks without width or ink


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cc", "Cf"} or char in _BLANK:
        return ""
    return "\ufffd" if category == "Cs" or ord(char) & 0xFFFE == 0xFFFE else char


def legible_line(line: Line) -> Line:
    """Make every span of a line legible, and remove unsafe link addresses."""
    spans = (Span(legible(span.text), _followable(span.href), span.strong) for span in line)
    return tuple(span for span in spans if span.text)


def _followable(href: str | None) -> str | None:
    """Return the address in ASCII if it is safe to follow, or None if it isn't.

    A safe address uses http, https or mailto. An http or https address must not have a user name before the host.
    """
    if href is None:
        return None
    encoded = quote(href.strip(), safe="%/:?#[]@!$&()*+,;=~", errors="replace")
    try:
        parts = urlsplit(encoded)
    except ValueError:  # brackets without an IPv6 address
        return None
    web = parts.scheme in {"http", "https"} and bool(parts.hostname) and not set(parts.netloc) & {"@", "%"}
    mail = parts.scheme == "mailto" and "@" in parts.path
    return parts.scheme + encoded[len(parts.scheme) :] if (web or mail) and len(encoded) <= LONGEST_HREF else None
