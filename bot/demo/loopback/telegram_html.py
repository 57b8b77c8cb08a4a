"""Telegram's HTML, read as strictly as the documentation allows and turned into what a reader sees."""

import re
from html import escape, unescape
from typing import NoReturn

from bot.demo.loopback.server import Reading, Refused

LONGEST_TEXT = 4_096
LONGEST_MARKUP = 9_500
MOST_ENTITIES = 100

_TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "blockquote", "tg-spoiler", "a"}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_TOKEN = re.compile(r"<(/?)([a-z][a-z0-9-]*)([^<>]*)>|&(#\d+|#x[0-9a-fA-F]+|[a-z]+);|([<>&])")
_HREF = re.compile(r'\s+href="([^"<>]*)"\s*')
_FOLLOWED = re.compile(r"(?:https?://[^\s/?#@]+\.?[^\s@]*|mailto:[^\s]+@[^\s]+|tg://[^\s]+)")
_SHOWN_AS = {"tg-spoiler": "span", "ins": "u", "strike": "s", "del": "s"}


def units(text: str) -> int:
    """Return the length as Telegram counts it, in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def read(text: str, parse_mode: str | None = None, *, limit: int = LONGEST_TEXT) -> Reading:
    """Read a text as Telegram does; raise Refused if Telegram would refuse it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("Bad Request: strings must be encoded in UTF-8") from None
    if parse_mode not in {None, "HTML"}:
        raise Refused(f"Bad Request: unsupported parse_mode {parse_mode}")
    reading = _Html(text).read() if parse_mode else Reading(text, html=escape(text))
    shown = Reading(reading.text.strip(), reading.links, reading.entities, reading.html.strip())
    if not shown.text:
        raise Refused("Bad Request: message text is empty")
    if units(shown.text) > limit:
        raise Refused("Bad Request: message is too long")
    if shown.entities and units(shown.text) + sum(len(href) for _, href in shown.links) > LONGEST_MARKUP:
        raise Refused("Bad Request: ENTITIES_TOO_LONG")
    return shown


def anchor(href: str) -> str:
    """Return the start tag of a link that a page can show. An address that isn't of the web leads nowhere."""
    if not href.startswith(("https://", "http://")):
        return "<a>"
    return f'<a href="{escape(href)}" target="_blank" rel="noopener noreferrer nofollow">'


class _Html:
    """Telegram's HTML, read strictly: every tag known, closed and nested, and `&`, `<` and `>` always escaped."""

    def __init__(self, raw: str) -> None:
        self._raw = raw
        self._open: list[tuple[str, str, int]] = []  # tag, href, start
        self._shown = ""
        self._html = ""
        self._links: list[tuple[str, str]] = []
        self._entities = 0

    def read(self) -> Reading:
        end = 0
        for token in _TOKEN.finditer(self._raw):
            self._show(self._raw[end : token.start()])
            end = token.end()
            self._token(token)
        self._show(self._raw[end:])
        if self._open:
            self._refuse(f"Can't find end tag corresponding to start tag {self._open[-1][0]}", len(self._raw))
        return Reading(self._shown, tuple(self._links), self._entities, self._html)

    def _show(self, text: str) -> None:
        self._shown += text
        self._html += escape(text)

    def _token(self, token: re.Match[str]) -> None:
        slash, tag, rest, reference, bare = token.groups()
        if bare:
            self._refuse(f"Unescaped '{bare}'", token.start())
        elif reference:
            self._show(self._character(reference, token.start()))
        elif tag not in _TAGS:
            self._refuse(f'Unsupported start tag "{tag}"', token.start())
        elif slash:
            self._close(tag, rest, token.start())
        else:
            self._begin(tag, rest, token.start())

    def _character(self, reference: str, at: int) -> str:
        if reference.startswith("#"):
            return unescape(f"&{reference};")
        if reference not in _NAMED:
            self._refuse(f'Unsupported entity "&{reference};"', at)
        return _NAMED[reference]

    def _begin(self, tag: str, rest: str, at: int) -> None:
        href = ""
        if tag == "a":
            found = _HREF.fullmatch(rest)
            if not found:
                self._refuse("Tag a without one quoted href", at)
            href = re.sub(r"&(#\d+|#x[0-9a-fA-F]+|[a-z]+);", lambda m: self._character(m[1], at), found[1])
            if re.search(r"&(?!amp;|lt;|gt;|quot;|#)", found[1]):
                self._refuse("Unescaped '&' in an attribute", at)
            if any(name == "a" for name, *_ in self._open):
                self._refuse("A link in a link", at)
        elif rest and (tag, rest) != ("blockquote", " expandable"):
            self._refuse(f"Unexpected attribute of {tag}", at)
        self._html += anchor(href) if tag == "a" else f"<{_SHOWN_AS.get(tag, tag)}>"
        self._open.append((tag, href, len(self._shown)))

    def _close(self, tag: str, rest: str, at: int) -> None:
        if rest or not self._open or self._open[-1][0] != tag:
            expected = self._open[-1][0] if self._open else "none"
            self._refuse(f'Unmatched end tag, expected "</{expected}>", found "</{tag}>"', at)
        _, href, begin = self._open.pop()
        self._html += f"</{_SHOWN_AS.get(tag, tag)}>"
        if not self._shown[begin:]:
            return
        if tag == "a" and not _FOLLOWED.fullmatch(href):
            return  # the text stays, and Telegram reports nothing
        self._entities += 1
        if tag == "a" and self._entities <= MOST_ENTITIES:
            self._links.append((self._shown[begin:], href))

    def _refuse(self, why: str, at: int) -> NoReturn:
        offset = len(self._raw[:at].encode())
        raise Refused(f"Bad Request: can't parse entities: {why} at byte offset {offset}")
