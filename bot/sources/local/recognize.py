"""Which platform an address is of, and what its table in the catalogue would say."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

from bot.domain.agenda import Place
from bot.domain.geography.states import STATES
from bot.sources import LOCAL

_HOST_ALONE = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:[:/?#].*)?", re.ASCII)
_STATE = re.compile(r"\.([a-z]{2})\.(?:us|gov)$")


def recognize(address: str) -> Place | None:
    """A place for an address, its state where the host tells it; None when it is no address on the web."""
    address = on_the_web(address)
    if not address:
        return None
    place = next(filter(None, (source.recognizes(address) for source in LOCAL.values())), None)
    return replace(place, state=place.state or _state(urlsplit(address).hostname or "")) if place else None


def on_the_web(address: str) -> str:
    """An address as a browser would take it, of a host alone too; empty when it is none, or holds a password."""
    address = address.strip()
    if _HOST_ALONE.fullmatch(address):
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or re.search(r"\s", address):
        return ""
    return address


def _state(host: str) -> str:
    """The state in names such as co.nash.nc.us or nash.nc.gov."""
    found = _STATE.search(host)
    state = found[1].upper() if found else ""
    return state if state in STATES else ""
