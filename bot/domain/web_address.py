"""The check that all addresses from outside the program go through before any code uses their parts. Pure."""

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
