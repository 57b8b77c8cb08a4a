"""Parse an agenda on a web page whose items are blocks of the page, one perhaps within another."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from bot.domain.agenda import AgendaItem
from bot.domain.document import Document
from bot.sources.formats.document_text import document_text
from bot.sources.formats.limits import LONGEST_DOCUMENT
from bot.sources.formats.page_tree import page_tree, tree_text
from bot.sources.local.crawler import IndexEntry, LinkedDocument, ParsedAgenda
from bot.sources.local.relevance import worth_opening

Block = tuple[AgendaItem, Sequence[LinkedDocument]]


def parse_outline(
    meeting: IndexEntry,
    document: Document,
    blocks: Callable[[Any], Iterable[Any]],
    read: Callable[[Any], Block | None],
) -> ParsedAgenda:
    """Return an item for each block, and the rest of the page's words as the text of the meeting itself.

    `blocks` finds the blocks on a page. `read` returns a block's item and its files. A block within another is read
    first and then emptied, so that the outer one has only its own words. Without blocks, the documents to read instead
    are returned, or the page's text if there are none. Raise StandIn if the page is a stand-in for another.
    """
    document_text(document)
    page = page_tree(document)
    found = list(blocks(page))
    if not found and meeting.instead:
        return ParsedAgenda(documents=meeting.instead)
    items: dict[str, AgendaItem] = {}
    files: list[LinkedDocument] = []
    for block in reversed(found):
        if (item := read(block)) is not None:
            items.setdefault(item[0].id, item[0])
            files += item[1]
        emptied(block)
    own = replace(meeting.item, text=tree_text(page)[:LONGEST_DOCUMENT], evidence=document.sha256)
    return ParsedAgenda(items=(own, *reversed(items.values())), documents=worth_opening(files))


def emptied(node: Any) -> None:
    """Remove an element's words from the page, so that they don't count twice. The words after it stay."""
    node.text = None
    del node[:]
