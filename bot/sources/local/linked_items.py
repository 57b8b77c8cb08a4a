"""Parse an agenda on a web page whose items are links to pages of their own."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot.domain.agenda import AgendaItem
from bot.domain.document import Document
from bot.sources.formats.document_text import document_text
from bot.sources.formats.fields import resolve_link
from bot.sources.formats.limits import LONGEST_DOCUMENT, LONGEST_TITLE
from bot.sources.formats.page_tree import base_address, elements, page_tree, tree_text, words
from bot.sources.local.crawler import LinkedDocument, ParsedAgenda
from bot.sources.local.outline import emptied
from bot.sources.local.relevance import worth_opening

TitleNode = Callable[[Any], Any]


def parse_linked_items(
    meeting: AgendaItem, document: Document, link: re.Pattern[str], title_node: TitleNode = lambda anchor: anchor
) -> ParsedAgenda:
    """Return an item for each link, and the rest of the page's words as the text of the meeting itself.

    The first group of `link` is the item's number. `title_node` returns the element with an item's title, given the
    item's link. The linked pages are opened only if their titles look relevant, because many are slow. Raise StandIn if
    the page is a stand-in for another.
    """
    document_text(document)
    page, base = page_tree(document), base_address(document)
    items: dict[str, AgendaItem] = {}
    linked: list[LinkedDocument] = []
    for anchor in list(elements(page, "a")):
        address = resolve_link(base, anchor.get("href", "")) or resolve_link(base, _opened_by(anchor, link))
        found, node = link.search(address), title_node(anchor)
        name = words(node)[:LONGEST_TITLE]
        if found is None or not name:
            continue
        key = f"{meeting.id}/item/{found[1]}"
        if key not in items:
            items[key] = replace(meeting, id=key, title=name, text="", address=address, evidence=document.sha256)
            if "287" not in name:  # such an item is reported anyway, with a link to its page
                linked.append(LinkedDocument(id=f"{key}/memo", title=f"Staff report ({name})", address=address))
        emptied(node)
    rest = tree_text(page)[:LONGEST_DOCUMENT]
    own = replace(meeting, text=rest, evidence=document.sha256)
    return ParsedAgenda(items=(own, *items.values()), documents=worth_opening(linked))


def _opened_by(anchor: Any, link: re.Pattern[str]) -> str:
    """Return the address that a link's script opens."""
    found = re.search(r"['\"]([^'\"]+)['\"]", anchor.get("onclick") or "")
    return found[1] if found and link.search(found[1]) else ""
