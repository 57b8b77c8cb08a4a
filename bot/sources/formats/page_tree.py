"""Parse a web page into a tree of elements, for readers that know the page's markup."""

import html as html_text
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree, html  # type: ignore[import-untyped]  # lxml ships no types

from bot.domain.document import Document, Expect
from bot.errors import Unreadable
from bot.sources.formats.charset import page_text
from bot.sources.formats.fields import clean_text, resolve_link
from bot.sources.formats.limits import WEB_PAGE

BASE_HEAD = 64 << 10  # bytes in which a page names the base of its links

_GRID_ROWS = frozenset({"rgRow", "rgAltRow"})
_BASE = re.compile(rb"<base\b[^>]{0,200}?\bhref\s*=\s*[\"']?([^\"'\s>]{1,500})", re.IGNORECASE)
_UTF_8 = html.HTMLParser(encoding="utf-8")


def page_tree(document: Document) -> Any:
    """Return the root element of a page. Raise Unreadable if the document isn't a web page or is too large."""
    if Expect.seen_in(document.body) is not Expect.HTML:
        raise Unreadable(f"{document.address} is not a web page")
    if len(document.body) > WEB_PAGE["bytes"] or document.body.count(b"<") > WEB_PAGE["tags"]:
        raise Unreadable(f"{document.address} is a web page that's too large to read")
    source = page_text(document.body, document.headers.get("content-type"))
    try:
        return html.fromstring(source.encode(), parser=_UTF_8)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as broken:
        raise Unreadable(f"{document.address} is a web page that cannot be parsed") from broken


def base_address(document: Document) -> str:
    """Return the address that the page's links are relative to: its own, or the one in its `base` element."""
    own = document.headers.get("final-address", document.address)
    found = _BASE.search(document.body[:BASE_HEAD])
    return (resolve_link(own, html_text.unescape(found[1].decode("latin-1"))) or own) if found else own


def elements(node: Any, *names: str, of_class: str = "", id_ends: str = "") -> Iterator[Any]:
    """Yield the elements with one of these names, with a class and with the end of an id, if these are given."""
    for each in node.iter(*names):
        if of_class and of_class not in each.get("class", "").split():
            continue
        if each.get("id", "").endswith(id_ends):
            yield each


def first(node: Any, *names: str, of_class: str = "", id_ends: str = "") -> Any:
    """Return the first of these elements, or None."""
    return next(elements(node, *names, of_class=of_class, id_ends=id_ends), None)


def grid_rows(page: Any, name: str) -> list[Any] | None:
    """Return the rows of the grids with this name in their ids, each once, or None if the page has no such grid.

    Several platforms use these grids of Telerik's. One can stand within another.
    """
    grids = [each for each in page.iter("div", "table") if name in each.get("id", "").lower()]
    rows = {id(row): row for grid in grids for row in grid.iter("tr")}
    return [row for row in rows.values() if not _GRID_ROWS.isdisjoint(row.get("class", "").split())] if grids else None


def words(node: Any) -> str:
    """Return an element's text as one line, with a space between its parts; an empty string for None."""
    return "" if node is None else " ".join(clean_text(" ".join(node.itertext())).split())


def tree_text(node: Any) -> str:
    """Return the readable text of an element, with a blank line between its blocks."""
    from bot.sources.formats.html import readable_html  # noqa: PLC0415 - slow to import, and most readings are unchanged

    return readable_html(etree.tostring(node, encoding="utf-8", method="html"), content_type="text/html; charset=utf-8")
