"""Compare two editions of a mention, so that another way of reading its document isn't taken for an amendment.

The same words come with other spaces, hyphens and quotation marks from a PDF, from a platform's plain text and from the
recognition of a scanned page, and an excerpt may begin or end elsewhere.
"""

import re
import unicodedata
from difflib import SequenceMatcher

from bot.domain.agenda import Mention

MOST_MISREAD = 2  # letters in a row
MISREAD_EVERY = 15  # letters, on average

_PAGE = re.compile(r"\bpage \d+(?: of \d+)?\b")  # at the top or the bottom of a page, within a sentence


def says_the_same(before: Mention, now: Mention) -> bool:
    """Return whether two editions say the same, also if their documents were read in different ways."""
    if before.said == now.said:
        return True
    if _letters(before.title) != _letters(now.title) or before.body != now.body:
        return False
    if before.evidence == now.evidence or before.address != now.address:
        return before.evidence == now.evidence  # the same bytes
    old, new = _letters(before.excerpt), _letters(now.excerpt)
    if old == new and {*map(_letters, before.matched)} == {*map(_letters, now.matched)}:
        return True
    return _is_misread(old, new) if before.by_ocr or now.by_ocr else _is_same_part(before, now, old, new)


def _is_same_part(before: Mention, now: Mention, old: str, new: str) -> bool:
    """Return whether one edition is from a document with pages and the other from its plain text, cut elsewhere."""
    return (before.page is None) != (now.page is None) and _overlap(old, new)


def _is_misread(one: str, other: str) -> bool:
    """Return whether two excerpts differ only in a letter or two here and there, as OCR misreads, not in figures."""
    found = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    runs = [(one[a:b], other[c:d]) for what, a, b, c, d in found if what != "equal"]
    is_short = all(len(old) <= MOST_MISREAD and len(new) <= MOST_MISREAD for old, new in runs)
    has_figures = any((old + new).isdigit() for old, new in runs)
    return is_short and not has_figures and len(runs) * MISREAD_EVERY <= len(one)


def _overlap(one: str, other: str) -> bool:
    """Return whether two excerpts are the same apart from where they begin and end."""
    found = SequenceMatcher(None, one, other, autojunk=False).find_longest_match()
    is_start = 0 in (found.a, found.b)
    is_end = found.a + found.size == len(one) or found.b + found.size == len(other)
    return is_start and is_end and 2 * found.size >= max(1, min(len(one), len(other)))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, _PAGE.sub("", " ".join(_plain(text).split()))))


def _plain(text: str) -> str:
    """Return a text in lowercase without accents, ligatures and soft hyphens."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
