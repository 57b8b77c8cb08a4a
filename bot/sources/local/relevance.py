"""Choose which documents to open, based on the words in their titles."""

import re
from collections.abc import Iterable

from bot.sources.local.crawler import LinkedDocument

_STRONG = re.compile(
    r"\b287\b|287\s?\(?g|immigration|inmigraci[oó]n|customs|detainer|\bDHS\b|(?-i:\bICE\b)|task force|warrant|deport",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"sheriff|police|jail|detention|correction|law enforcement|public safety|constable|agreement|memorand|\bMO[AU]s?\b|"
    r"homeland|inmate|federal|resolution",
    re.IGNORECASE,
)


def worth_opening(documents: Iterable[LinkedDocument]) -> tuple[LinkedDocument, ...]:
    """Return the documents with relevant titles, the most relevant first."""
    ranked = [(_relevance(document.title), document) for document in documents]
    return tuple(document for rank, document in sorted(ranked, key=lambda pair: -pair[0]) if rank)


def _relevance(title: str) -> int:
    """Return 2 if the title mentions immigration enforcement, 1 if it has related words, otherwise 0."""
    return 2 if _STRONG.search(title) else 1 if _WEAK.search(title) else 0
