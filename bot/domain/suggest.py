"""Suggest a correction for a misspelled word, as in "Did you mean …?"."""

from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import OSA

MOST_SLIPS = 3  # letters added, dropped, changed or swapped
LEAST_PART = 4  # letters


def suggest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word closest to `word`, ignoring case, or None if no word is close enough.

    One typo is allowed for every three letters, up to three typos. If no known word is that close, look for words that
    contain `word` or are contained in it, such as Miami-Dade for Dade or Texas for Harris Texas. Return that word if
    there is exactly one.
    """
    words = list(known)
    slips = min(len(word) // 3, MOST_SLIPS)
    near = process.extractOne(word, words, scorer=OSA.distance, processor=str.casefold, score_cutoff=slips)
    if near is not None:
        return near[0]
    parts = [other for other in words if _is_part(word.casefold(), other.casefold())]
    return parts[0] if len(parts) == 1 else None


def _is_part(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= LEAST_PART and short in long
