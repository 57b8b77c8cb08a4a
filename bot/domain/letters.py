"""Letters without accents, capital letters and plurals."""

import unicodedata


def without_accents(text: str) -> str:
    """Return the text with the plain letter in place of each that has an accent."""
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def capitalized(text: str) -> str:
    """Return the text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, as in "1 subscription" or "2 subscriptions"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
