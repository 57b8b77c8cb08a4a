"""Words that a hyphen breaks at the end of a line."""

import re

_BROKEN = re.compile(r"(\w)[-\u2010\u2011\u00ad][ \t]*+\n[ \t]*+(?=([a-z])?)")


def rejoin_words(text: str) -> str:
    """Put words broken at the end of a line back together; a hyphen before a digit or "(" stays."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _BROKEN.sub(lambda match: match[1] + ("" if match[2] and match[1].isalpha() else "-"), text)
