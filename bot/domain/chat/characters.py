"""Replace the characters that phones and word processors put in the place of the ones that people typed."""

import re
import unicodedata

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212"
_QUOTES = "\u2018\u2019\u201a\u201b\u2032\u2035\u02bc\u00b4`"
_DOUBLE_QUOTES = '"\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u2036'
_AS_TYPED = str.maketrans(dict.fromkeys(_DASHES, "-") | dict.fromkeys(_QUOTES, "'") | dict.fromkeys(_DOUBLE_QUOTES))
_DASHED = re.compile(rf"-*[{_DASHES}][-{_DASHES}]*(?=\w)")


def plain(text: str) -> str:
    """Return the text with the plain characters of a keyboard, and without quotation marks or spaces around it.

    Dashes become hyphens, full-width letters become usual ones and invisible characters are removed.
    """
    wide = unicodedata.normalize("NFKC", text.translate(_AS_TYPED)).translate(_AS_TYPED)
    seen = "".join(c for c in wide if unicodedata.category(c) != "Cf" and not "\ufe00" <= c <= "\ufe0f")
    spaced = re.sub(r"[^\S\n]", " ", seen)
    return re.sub(r"(?<!\w)'([^']*)'(?!\w)", r"\1", spaced).strip()


def plain_option(argument: str) -> str:
    """Return an argument of a command line with hyphens before an option or a negative number.

    A phone or a word processor turns two hyphens into one dash.
    """
    dashed = _DASHED.match(argument)
    if dashed is None:
        return argument
    bare = argument[dashed.end() :]
    name = bare.partition("=")[0]
    return f"-{bare}" if len(name) == 1 or name.isdecimal() else f"--{bare}"
