"""Extract the visible text of a web page. Size limits are checked before the page is parsed."""

import re
from collections.abc import Iterator, Sequence
from html import unescape
from urllib.parse import urldefrag

from bs4 import BeautifulSoup, Tag
from bs4.element import CData, NavigableString, PageElement
from soupsieve import SelectorSyntaxError

from bot.errors import StandIn, Unreadable
from bot.sources.formats.charset import page_text
from bot.sources.formats.fields import resolve_link
from bot.sources.formats.limits import LONGEST_TITLE, WEB_PAGE
from bot.sources.formats.stand_in import FEW, stand_in

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
LONGEST_SIGNPOST = 64 << 10  # bytes of a page that only sends its readers on
LONGEST_DELAY = 30  # seconds; a page that sends its readers on later has something to read
SHORTEST_VISIT = 3  # seconds; a page that is loaded again sooner has nothing to read
_SPACE = re.compile(r"\s+")
_CELLS = frozenset({"td", "th"})
_FRAMES = ["iframe", "frame", "embed", "object"]
_ESCAPED = re.compile(r"\\(?:(/)|u00(2[6fF]))")  # / and & as JSON in a script may write them
_WRITTEN = re.compile(r"(?:https?:)?//[\w-]+(?:\.[\w-]+)+(?::\d+)?[^\s\"'<>\\)\]}]*", re.IGNORECASE)


_REFRESH = re.compile(r"^\s*refresh\s*$", re.IGNORECASE)
_WHERE = re.compile(
    r"(\d{1,6})(?:\.\d*)?(?:\s*[;,\s]\s*(?:url\s*=\s*)?[\"']?([^\"']*)[\"']?)?", re.IGNORECASE
)  # seconds and address


def readable_page(body: bytes, selector: str | None = None, *, content_type: str = "") -> str:
    """Return the text of a page, as `readable_html` does. Raise StandIn if the page stands in for another."""
    soup = _parsed(body, content_type)
    parts = [] if selector is None else _selected(soup, selector)
    text = _text_of(parts or [soup])
    if not parts and (instead := stand_in(soup, text)):
        raise StandIn(f"the server sent {instead} in place of the page")
    if selector is not None and not parts:
        raise _nothing_matches(selector)
    return text


def readable_html(body: bytes, selector: str | None = None, *, content_type: str = "") -> str:
    """Return the text of a page, with a blank line between blocks.

    `content_type` is the server's header, which may name the charset. `selector` limits the text to the matching parts.
    Scripts, styles, comments, form fields, navigation, footers and tag attributes are left out. As a result, the text
    stays the same if only a token or a counter in a script's address changes. Raise Unreadable if the page is too large
    or if the selector doesn't match anything.
    """
    soup = _parsed(body, content_type)
    parts = [soup] if selector is None else _selected(soup, selector)
    if not parts and selector is not None:
        raise _nothing_matches(selector)
    return _text_of(parts)


def _parsed(body: bytes, content_type: str) -> BeautifulSoup:
    if len(body) > WEB_PAGE["bytes"] or body.count(b"<") > WEB_PAGE["tags"]:
        raise Unreadable(f"the page is too large: more than {WEB_PAGE['bytes'] >> 20} MiB or {WEB_PAGE['tags']:,} tags")
    return BeautifulSoup(page_text(body, content_type), "lxml")


def _nothing_matches(selector: str) -> Unreadable:
    return Unreadable(f"nothing on the page matches the selector {selector!r}; the page may have been redesigned")


def _text_of(parts: Sequence[Tag]) -> str:
    return _tidy("\n\n".join("".join(_pieces(part)) for part in parts))


def names_and_text(body: bytes, *, content_type: str = "") -> tuple[tuple[str, ...], str, str]:
    """Return what a page or a feed calls itself, all its words, and those of its footer, with the site's address."""
    soup = _parsed(body, content_type)
    site = soup.find("meta", attrs={"property": "og:site_name"})
    names = [soup.title.get_text(" ") if soup.title else "", str(site.get("content", "")) if site else ""]
    for tag in soup.find_all(["script", "style"]):
        tag.decompose()
    shown = (" ".join(name.split())[:LONGEST_TITLE] for name in names)
    footers = [tag for tag in soup.find_all(_is_footer) if not any(map(_is_footer, tag.parents))]
    footer = " ".join(" ".join(tag.get_text(" ") for tag in footers).split())
    return tuple(filter(None, shown)), " ".join(soup.get_text(" ").split()), footer


def _is_footer(tag: Tag) -> bool:
    named = f"{tag.get('id', '')} {tag.get('class', '')}".casefold()
    return tag.name in {"footer", "address"} or tag.get("role") == "contentinfo" or "footer" in named


def linked_addresses(body: bytes, address: str, *, content_type: str = "") -> list[str]:
    """Return the addresses that a page shows in frames, then those that it links to, then all others, each once.

    The others are complete addresses in its scripts and in the settings of its widgets.
    """
    soup = _parsed(body, content_type)
    base = soup.find("base", href=True)
    base_address = (resolve_link(address, str(base["href"])) if base else "") or address
    found, others = [], []
    for tag in soup.find_all(_FRAMES):
        found += [str(value) for name, value in tag.attrs.items() if name in {"src", "data"} or name.endswith("-src")]
    for tag in soup.find_all(True):
        if tag.name in {"a", "area"} and tag.get("href"):
            found.append(str(tag["href"]))
        elif tag.name == "script" and tag.string:
            others.append(tag.string)
        elif tag.name not in {"link", "meta"} or "alternate" in str(tag.get("rel")):
            others += map(str, tag.attrs.values())
    written = (match[0] for text in others for match in _WRITTEN.finditer(_unescaped(text)))
    links = [resolve_link(base_address, link) for link in (*found, *written) if link.strip()]
    return list(dict.fromkeys(filter(None, links)))


def _unescaped(text: str) -> str:
    """Return a text of a script or of an attribute with its addresses as they are."""
    if "//" not in text and "\\" not in text:
        return ""
    return unescape(_ESCAPED.sub(lambda found: found[1] or chr(int(found[2], 16)), text))


def refresh_target(body: bytes, address: str) -> str:
    """Return the address that a page at `address` sends its readers to, or an empty string if it has content."""
    if len(body) > LONGEST_SIGNPOST or b"refresh" not in body.lower():
        return ""
    soup = BeautifulSoup(page_text(body), "lxml")
    for meta in soup.find_all("meta", attrs={"http-equiv": _REFRESH}):
        found = _WHERE.fullmatch(str(meta.get("content", "")).strip())
        target = urldefrag(resolve_link(address, found[2] or "")).url if found else ""
        longest = LONGEST_DELAY if target != urldefrag(address).url else SHORTEST_VISIT
        if found and target and int(found[1]) <= longest and len(_text_of([soup]).split()) <= FEW:
            return target
    return ""


def _selected(soup: BeautifulSoup, selector: str) -> list[Tag]:
    """Return the elements that match a selector, without elements nested inside another match."""
    try:
        found = soup.select(selector)
    except (SelectorSyntaxError, NotImplementedError) as fault:
        raise Unreadable(f"{selector!r} is not a CSS selector") from fault
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
    """Return a string as a browser would show it.

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
