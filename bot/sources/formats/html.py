"""Extract the visible text of a web page. Size limits are checked before the page is parsed."""

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag
from bs4.element import CData, NavigableString, PageElement
from soupsieve import SelectorSyntaxError

from bot.errors import Unreadable
from bot.sources.formats.charset import page_text
from bot.sources.formats.limits import WEB_PAGE

_HIDDEN_TAGS = frozenset(
    {"audio", "button", "canvas", "footer", "head", "iframe", "input", "math", "nav", "noscript", "object",
     "script", "select", "style", "svg", "template", "textarea", "video"}
)  # fmt: skip
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div",
     "dl", "dt", "fieldset", "figcaption", "figure", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
     "html", "legend", "li", "main", "menu", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot",
     "thead", "tr", "ul"}
)  # fmt: skip
_SPACE = re.compile(r"\s+")
_CELLS = frozenset({"td", "th"})


def readable_html(body: bytes, selector: str | None = None, *, content_type: str = "") -> str:
    """Return the text of a page, with a blank line between blocks.

    `content_type` is the server's header, which may name the charset. `selector` limits the text to the matching parts.
    Scripts, styles, comments, form fields, navigation, footers and
    tag attributes are left out. As a result, the text stays the same if only a token or a counter in a script's address
    changes. Raise Unreadable if the page is too large or if the selector doesn't match anything.
    """
    if len(body) > WEB_PAGE["bytes"] or body.count(b"<") > WEB_PAGE["tags"]:
        raise Unreadable(f"the page is too large: more than {WEB_PAGE['bytes'] >> 20} MiB or {WEB_PAGE['tags']:,} tags")
    soup = BeautifulSoup(page_text(body, content_type), "lxml")
    parts = [soup] if selector is None else _selected(soup, selector)
    return _tidy("\n\n".join("".join(_pieces(part)) for part in parts))


def _selected(soup: BeautifulSoup, selector: str) -> list[Tag]:
    """Return the elements that match a selector, without elements nested inside another match."""
    try:
        found = soup.select(selector)
    except (SelectorSyntaxError, NotImplementedError) as fault:
        raise Unreadable(f"{selector!r} is not a CSS selector") from fault
    if not found:
        raise Unreadable(f"nothing on the page matches the selector {selector!r}; the page may have been redesigned")
    ids = set(map(id, found))
    return [tag for tag in found if not any(id(parent) in ids for parent in tag.parents)]


def _pieces(part: Tag) -> Iterator[str]:
    """Yield the pieces of text in an element, with separators between them.

    The function isn't recursive, because elements can be nested very deeply.
    """
    todo: list[PageElement | str] = list(reversed(part.contents))
    while todo:
        one = todo.pop()
        if isinstance(one, Tag):
            if one.name == "br":
                yield "\n"
            elif not _is_hidden(one):
                edge = "\n\n" if one.name in _BLOCKS else " " if one.name in _CELLS else ""
                yield edge
                todo += (edge, *reversed(one.contents))
        elif isinstance(one, NavigableString):
            yield _visible(one)
        elif isinstance(one, str):
            yield one


def _visible(text: NavigableString) -> str:
    """Return a text as a browser would show it.

    Comments are left out, and line breaks are kept only directly inside <pre>.
    """
    if type(text) not in {NavigableString, CData}:
        return ""
    return str(text) if text.parent and text.parent.name == "pre" else _SPACE.sub(" ", text)


def _is_hidden(tag: Tag) -> bool:
    return tag.name in _HIDDEN_TAGS or tag.get("role") == "navigation"


def _tidy(text: str) -> str:
    blocks = (
        "\n".join(filter(None, (" ".join(line.split()) for line in block.split("\n")))) for block in text.split("\n\n")
    )
    return "\n\n".join(filter(None, blocks))
