"""Addresses from outside the program: their parts, if they can be used at all, and how to show them. Pure."""

import re
from urllib.parse import SplitResult, urlsplit

import idna

LONGEST_HOST = 253  # characters; so is the next limit
LONGEST_LABEL = 63


def web_parts(address: str) -> SplitResult | None:
    """Return the parts of a web address, or None if no program could request it.

    urlsplit checks the brackets at once, but the port and the host only when they are read. It doesn't check
    internationalized names at all.
    """
    try:
        parts = urlsplit(address)
        is_port = (parts.port is None or parts.port > 0) and re.search(r"\][^:]", parts.netloc) is None
        is_web = parts.scheme in {"http", "https"} and is_port and _is_host(parts.hostname or "")
    except ValueError:  # IDNAError and UnicodeError are ValueErrors
        return None
    return parts if is_web else None


def host_of(address: str) -> str:
    """Return the name of an address's host, as people would say it."""
    parts = web_parts(address)
    return (parts.hostname if parts is not None else None) or short(masked(address))


def _is_host(host: str) -> bool:
    """Return whether the text could be a host name or an IP address. Raise ValueError for an invalid `xn--` name."""
    labels = host.removesuffix(".").split(".")
    if ":" in host:  # urlsplit has checked an IPv6 address
        return True
    if len(host) > LONGEST_HOST or not re.fullmatch(r"[^\s\x00-\x20%/?#@\\<>\"^`{|}]+", host):
        return False
    for label in labels:
        if label.startswith("xn--"):
            idna.ulabel(label)
    return all(0 < len(label) <= LONGEST_LABEL for label in labels)


_SECRET = re.compile(
    r"([?&](?:[\w.-]*(?:token|secret|passw(?:or)?d|signature|credential)|(?:[\w.-]*[_.-])?(?:api)?key|sig|auth)=)[^&#]*",
    re.IGNORECASE,
)
_BEFORE_LAST_AT = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)
_USERINFO = re.compile(r"^([^/?#]*//)[^/?#]*@")


def masked(address: str) -> str:
    """Return the address with any secrets replaced by asterisks."""
    return _SECRET.sub(r"\1***", _USERINFO.sub(r"\1***@", address))


def masked_typed(text: str) -> str:
    """Return what a person typed instead of a valid address, shortened and without any secrets.

    No one knows where the host of an invalid address starts, so everything before its last @ counts as a password.
    """
    return short(masked(_BEFORE_LAST_AT.sub(r"\1***@", text)))


def short(text: str, longest: int = 200) -> str:
    """Cut text to a length that fits on one line."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
