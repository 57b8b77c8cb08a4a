"""Rejoin words that were hyphenated at line breaks."""

import re

_BROKEN = re.compile(r"(\w)[-\u2010\u2011\u00ad][ \t]*+\n[ \t]*+(?=([a-z])?)")


def rejoin_words(text: str) -> str:
    """Rejoin words that were hyphenated at line breaks. The hyphen is kept before a digit or "("."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _BROKEN.sub(lambda match: match[1] + ("" if match[2] and match[1].isalpha() else "-"), text)
