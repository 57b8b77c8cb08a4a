"""Find the word that a misspelling stands for, for every "Did you mean …?"."""

from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import OSA

MOST_SLIPS = 3  # letters added, dropped, changed or swapped
LEAST_PART = 4  # letters


def suggest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that someone who typed `word` most likely meant, ignoring case; None if none is close.

    One slip is allowed for every three letters. If no known word is that close, the only one that contains `word`, or
    is contained in it, counts as close: Miami-Dade for Dade, Texas for Harris Texas.
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
