"""Recognize the platform at an address and propose a place for the catalog."""

import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from bot.domain.agenda import Place
from bot.domain.geography.states import STATES
from bot.domain.web_address import web_parts
from bot.sources import LOCAL

_HOST_ALONE = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:[:/?#].*)?", re.ASCII)
_STATE = re.compile(r"\.([a-z]{2})\.(?:us|gov)$")


def recognize(address: str) -> Place | None:
    """Return a place for an address, or None if the input isn't a web address.

    The state is filled in if the host name includes one.
    """
    address = completed_address(address)
    if not address:
        return None
    place = next(filter(None, (source.recognizes(address) for source in LOCAL.values())), None)
    return replace(place, state=place.state or _state(urlsplit(address).hostname or "")) if place else None


_VENDORS_OWN = frozenset(
    {"www", "connect", "help", "support", "login", "account", "accounts", "info", "blog", "docs", "cp", "status", "go"}
)  # hosts of the vendors themselves, to which the footers of their customers' pages lead


def recognized_among(addresses: Iterable[str]) -> Place | None:
    """Return the first place on a known platform among the addresses that a page shows or links to, or None.

    Of feeds, only Granicus's count, because every site has feeds of its news.
    """
    for address in addresses:
        found = recognize(address)
        host = (urlsplit(address).hostname or "").split(".")
        if found is None or found.kind == "page" or host[0] in _VENDORS_OWN - {"www"} or found.name in _VENDORS_OWN:
            continue
        if found.kind != "feed" or host[-2:] == ["granicus", "com"]:
            return found
    return None


def completed_address(typed: str) -> str:
    """Add a scheme to a typed address if needed, as browsers do.

    Returns "" if the address is invalid or contains a user name.
    """
    address = typed.strip()
    if _HOST_ALONE.fullmatch(address):
        address = f"https://{address}"
    parts = web_parts(address)
    return address if parts is not None and "@" not in parts.netloc and not re.search(r"\s", address) else ""


def _state(host: str) -> str:
    """Return the state from a host name such as co.nash.nc.us or nash.nc.gov, or "" if there is none."""
    found = _STATE.search(host)
    state = found[1].upper() if found else ""
    return state if state in STATES else ""
