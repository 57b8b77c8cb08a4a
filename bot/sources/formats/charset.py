"""Decode text as browsers do, without ever failing on a wrong declaration or a broken byte."""

import codecs
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE

_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_DECLARED = re.compile(
    rb"""(?:<meta\b[^<>]{0,200}?\bcharset|^\s*<\?xml\b[^<>]{0,200}?\bencoding)\s*=\s*["']?\s*([\w.:-]{1,40})""",
    re.IGNORECASE,
)
_PROLOG = re.compile(r"\s*<\?xml[^<>]{0,200}\?>")  # of XHTML; a parser would assume XML
_TEXT = re.compile(r"utf|iso|latin|windows|cp|us-ascii|ascii|mac|koi8|big5|gb|shift|euc|x-sjis|tis", re.IGNORECASE)
_NO_UTF_8 = re.compile("[\ufffd\udc80-\udcff]")
# The WHATWG Encoding Standard reads these as their larger Windows relatives, which is what their authors used.
_LARGER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}


def decoded(body: bytes, *declared: str | None) -> str:
    """Return the text of a body.

    Use the encoding given by a byte-order mark. Otherwise, use UTF-8 if the body is valid UTF-8, then the first
    declared encoding that exists, and finally Windows-1252. If a body is declared to be UTF-8 or is nearly all valid
    UTF-8, only its broken bytes are read as Windows-1252.
    """
    if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    body = body.removeprefix(BOM_UTF8)
    try:
        return body.decode()
    except UnicodeDecodeError:
        text = body.decode("utf-8", "surrogateescape")
    encoding = next(filter(None, map(_codec, declared)), None)
    if encoding == "utf-8" or (encoding is None and _is_nearly_utf_8(text)):
        return _NO_UTF_8.sub(_as_windows, text)
    return body.decode(encoding or "cp1252", "replace")


def page_text(body: bytes, content_type: str | None = None) -> str:
    """Return a page's HTML without its XML declaration. The server's charset takes precedence over the page's own."""
    own = _DECLARED.search(body[:4096])
    text = decoded(body, charset(content_type), own[1].decode() if own else None)
    return _PROLOG.sub("", text.replace("\0", ""), count=1)


def charset(content_type: str | None) -> str | None:
    """Return the charset parameter of a Content-Type header, or None."""
    found = _CHARSET.search(content_type or "")
    return found[1] if found else None


def _codec(label: str | None) -> str | None:
    """Return the name of Python's codec for a declared encoding, or None if the label isn't a text encoding."""
    if not label or not _TEXT.match(label.strip()):
        return None
    try:
        name = codecs.lookup(label.strip()).name
    except LookupError:
        return None
    return None if name in {"utf-7", "utf-16", "utf-32"} else _LARGER.get(name, name)


def _is_nearly_utf_8(text: str) -> bool:
    """Return whether there are more valid characters outside ASCII than broken bytes."""
    broken = len(_NO_UTF_8.findall(text))
    return sum(letter > "\x7f" for letter in text) - broken > broken


def _as_windows(broken: re.Match[str]) -> str:
    letter = broken[0]
    return letter if letter == "\ufffd" else bytes([ord(letter) - 0xDC00]).decode("cp1252", "replace")
