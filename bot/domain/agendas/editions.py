"""Compare two editions of a mention, so that another way of reading its document isn't taken for an amendment.

The same words come with other spaces, hyphens and quotation marks from a PDF, from a platform's plain text and from the
recognition of a scanned page, and an excerpt may begin or end elsewhere.
"""

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from bot.domain.agenda import Mention

_OF_A_PAGE = frozenset({"page", "of"})  # with the numbers at the top or the bottom of a page


def says_the_same(before: Mention, now: Mention) -> bool:
    """Return whether two editions say the same, also if their documents were read in different ways."""
    if before.said == now.said:
        return True
    if _letters(before.title) != _letters(now.title) or before.body != now.body:
        return False
    if before.evidence == now.evidence:
        return True  # the same bytes
    if before.address != now.address:
        return False
    if {*map(_letters, before.matched)} == {*map(_letters, now.matched)} and _same(before.excerpt, now.excerpt):
        return True
    return _is_read_otherwise(before, now) and _overlap(_words(before.excerpt), _words(now.excerpt))


def _is_read_otherwise(before: Mention, now: Mention) -> bool:
    """Return whether one edition is from a document with pages and the other from its plain text."""
    return (before.page is None) != (now.page is None)


def _same(one: str, other: str) -> bool:
    return _letters(one) == _letters(other)


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether two excerpts have the same words, apart from their ends and from the numbers of pages."""
    steps = [step for step in SequenceMatcher(None, one, other, autojunk=False).get_opcodes() if step[0] != "equal"]
    for kind, a, b, c, d in steps:
        gone, new = one[a:b], other[c:d]
        is_end = kind != "replace" and ((a, c) == (0, 0) or (b, d) == (len(one), len(other)))
        is_joined = "".join(gone) == "".join(new)
        if not is_end and not is_joined and not all(word.isdigit() or word in _OF_A_PAGE for word in (*gone, *new)):
            return False
    return sum(len(word) for word in one) > 0 and len(steps) < min(len(one), len(other))


def _words(text: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in _plain(text)).split()


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, _plain(text)))


def _plain(text: str) -> str:
    """Return a text in lowercase without accents, ligatures and soft hyphens."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
