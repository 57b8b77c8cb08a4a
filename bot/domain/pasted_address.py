"""Take web addresses out of what a person pasted: words and quotes around them, link wrappers, trackers. Pure."""

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlunsplit

from bot.domain.web_address import web_parts

MOST_WRAPPERS = 3  # one within the other
_UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"  # copying from a page may bring these along
_QUOTES = "<>\"'`“”‘’«»*|" + _UNSEEN
_BEFORE = f" \t\r\n\u00a0([{{{_QUOTES}"
_AFTER = f" \t\r\n\u00a0.,;:!?)]}}{_QUOTES}"
_CLOSES = {")": "(", "]": "[", "}": "{"}
_START = re.compile(r"(?<![\w=/?&.%+:#@~-])https?:/{1,2}(?=[\w\[])", re.IGNORECASE)  # not within another address
_STOP = re.compile(r"[\s<>\"“”«»`|]")
_HALF_A_SCHEME = re.compile(r"^(?:(https?)(?::/?|[;/]/)|//)(?=[\w-]+\.)", re.IGNORECASE)
_HOST_ALONE = re.compile(r"[\w-]+(?:\.[\w-]+)+\.?(?:[:/?#].*)?", re.ASCII)
_LABELED = re.compile(r"<([^<>|\s]+)\|[^<>]*>")  # as Slack writes a link
_IS_WEB = re.compile(r"https?:/", re.IGNORECASE)
_PROGRAM = re.compile(r"(?:javascript|vbscript|data):", re.IGNORECASE)
_TRACKER = re.compile(r"utm_\w+|fbclid|gclid|msclkid|mc_[ce]id|_gl|_ga|srsltid", re.IGNORECASE)
_WRAPPERS = re.compile(  # hosts that wrap the links in mail, chats and searches; the link itself holds the wanted page
    r"(?:.+\.)?(?:safelinks\.protection\.outlook\.com|linkprotect\.cudasvc\.com|urldefense\.com)"
    r"|(?:www\.)?google\.com|lm?\.facebook\.com|web\.archive\.org"
)
_IN_PATH = re.compile(r"/(?:web/\d+\w*|v3/__?)/?(https?:/{1,2}.+?)(?:__;.*)?", re.IGNORECASE)


def pasted_address(typed: str) -> str:
    """Return the address in a pasted text, or "" if there isn't exactly one."""
    found, _ = addresses_and_rest(typed)
    return found[0] if len(found) == 1 else ""


def addresses_and_rest(typed: str) -> tuple[list[str], str]:
    """Return the usable addresses in a text, each once and with a scheme, and the words around them.

    An address with a user name, or with characters that don't show, isn't usable.
    """
    text = _LABELED.sub(r" \1 ", typed).strip().removeprefix("view-source:")
    if _PROGRAM.match(text):
        return [], text
    starts = [found.start() for found in _START.finditer(text)]
    if not starts:
        return _without_scheme(text.strip(_BEFORE))
    pieces, rest = [], text[: starts[0]]
    for at, following in zip(starts, [*starts[1:], len(text)], strict=True):
        stop = _STOP.search(text, at, following)
        end = stop.start() if stop else following
        pieces.append(_trimmed(text[at:end]))
        rest += text[at + len(pieces[-1]) : following]
    is_alone = pieces[0] == text
    usable = (_usable(piece) for piece in pieces if is_alone or "." in _host(piece))  # "https://nash .gov" is broken
    once = {address.rstrip("/").casefold(): address for address in usable if address}
    return list(once.values()), " ".join(rest.strip(_BEFORE + _AFTER).split())


def _without_scheme(text: str) -> tuple[list[str], str]:
    """Read a text such as "pitt.legistar.com Pitt County", "Pitt County //pitt.legistar.com" or "http//pitt.gov"."""
    words = text.split()
    ends = [word for word in words[:1] + words[-1:] if _IS_WEB.match(_with_scheme(_trimmed(word)))]
    if not ends:
        return [], text
    word = max(ends, key=lambda each: ("/" in each, each.islower()))  # not the St.Louis of "St.Louis pitt.gov"
    others = words[1:] if word is words[0] else words[:-1]
    return list(filter(None, [_usable(_trimmed(word))])), " ".join(others).strip(_BEFORE + _AFTER)


def _trimmed(piece: str) -> str:
    """Cut what ends a sentence or a quotation off an address, but not a bracket that was opened within it."""
    piece = piece.lstrip(_BEFORE)
    while piece and piece[-1] in _AFTER + "([{":
        opening = _CLOSES.get(piece[-1])
        if opening and piece.count(opening) >= piece.count(piece[-1]):
            break
        piece = piece[:-1]
    return piece


def _with_scheme(address: str) -> str:
    if _HOST_ALONE.fullmatch(address):
        return f"https://{address}"
    return _HALF_A_SCHEME.sub(lambda found: f"{found[1] or 'https'}://", address, count=1)


def _host(address: str) -> str:
    parts = web_parts(_with_scheme(address))
    return (parts.hostname or "") if parts is not None else ""


def _usable(address: str, depth: int = 0) -> str:
    """Return an address without wrapper and trackers, its host in lowercase, or "" if it can't be used."""
    address = _with_scheme(address)
    parts = web_parts(address)
    if parts is None or "@" in parts.netloc or not address.isprintable() or re.search(r"\s", address):
        return ""
    inside = _wrapped(parts) if depth < MOST_WRAPPERS else ""
    return _usable(inside, depth + 1) if inside else _plain(parts)


def _wrapped(parts: SplitResult) -> str:
    """Return the address that a link from a mail, a chat or a search leads to, or ""."""
    if not _WRAPPERS.fullmatch(parts.hostname or ""):
        return ""
    in_path = _IN_PATH.fullmatch(f"{parts.path}{f'?{parts.query}' if parts.query else ''}")
    found = [unquote(in_path[1])] if in_path else [value for _, value in parse_qsl(parts.query)]
    return next((value for value in found if _IS_WEB.match(value)), "")


def _plain(parts: SplitResult) -> str:
    host, colon, port = parts.netloc.lower().partition("]:" if "[" in parts.netloc else ":")
    is_usual = port == {"http": "80", "https": "443"}[parts.scheme]
    bracket = "]" if colon == "]:" else ""
    netloc = host.removesuffix(".") + (bracket if is_usual else f"{colon}{port}")
    asked = "&".join(each for each in parts.query.split("&") if not _TRACKER.fullmatch(each.partition("=")[0]))
    return urlunsplit((parts.scheme, netloc, parts.path, asked, parts.fragment))
