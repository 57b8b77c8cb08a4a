"""Decide whether a stored status is of the source's present site, because a source keeps its name when it moves.

A source may get another address or platform from a new version's catalog, from `sources add` or from an editor. What
was stored about the old site would make everything on the new one look new.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from bot.domain.agenda import Place
from bot.domain.source_status import NOTES, SourceStatus
from bot.domain.web_address import web_parts
from bot.sources import LOCAL

_WRITTEN_BY = {  # the platforms that store a fact; a status of before November 2026 doesn't name its platform
    "said": {"page"},
    "entries": {"feed"},
    "agendas": {"civicplus"},
    "silent": {"civicplus"},
    "since": {"legistar"},
    "calendar": {"legistar"},
    "events": {"legistar", "civicclerk"},
    "meetings": LOCAL.keys() - {"page", "feed", "civicplus", "civicclerk"},
}
_WHOLE = frozenset({"page", "feed"})  # these read one address; the others read many addresses below theirs


def of_this_source(place: Place, status: SourceStatus) -> SourceStatus:
    """Return the status, or one without any reading if it was stored for another site, platform or part of a page."""
    if _is_same(place, status):
        return status
    return SourceStatus(
        source=status.source, good_readings=status.good_readings, failed_readings=status.failed_readings
    )


def site_note(place: Place) -> dict[str, str]:
    """Return the facts that say which site a status is of."""
    return {"kind": place.kind, "site": site_of(place)}


def site_of(place: Place) -> str:
    """Return a source's site in one spelling: without scheme, www., closing slash or token, with the selector."""
    address = _plain(place.address)
    return f"{address} {place.selector}" if place.selector else address


def _is_same(place: Place, status: SourceStatus) -> bool:
    notes: dict[str, Any] = status.facts.get(NOTES, {})
    if notes.get("kind", place.kind) != place.kind:
        return False
    if "site" in notes:
        return bool(notes["site"] == site_of(place))
    if status.read_at is None and status.parked_at is None:
        return True  # nothing was stored that could mislead
    return _is_of(place, status)


def _is_of(place: Place, status: SourceStatus) -> bool:
    """Return whether a status that doesn't name its site is of this one, by its platform's facts and its addresses."""
    if any(place.kind not in _WRITTEN_BY.get(fact, {place.kind}) for fact in status.facts):
        return False
    if place.kind == "page" and status.facts.get("selector") != place.selector:
        return False
    if not status.validators:
        return status.read_at is not None  # a place that was parked unread is tried once more
    wanted = _plain(_canonical(place.kind, place.address))
    for key in status.validators:
        stored = _plain(_canonical(place.kind, key))
        is_below = place.kind not in _WHOLE and stored.startswith((f"{wanted}/", f"{wanted}?", f"{wanted}&"))
        if stored == wanted or is_below:
            return True
    return False


def _canonical(kind: str, address: str) -> str:
    """Return the address that the platform gives to the site of this address."""
    found = LOCAL[kind].recognizes(address) if kind in LOCAL and web_parts(address) is not None else None
    return found.address if found is not None else address


def _plain(address: str) -> str:
    parts = web_parts(address)
    if parts is None:
        return address
    port = f":{parts.port}" if parts.port not in {None, 80, 443} else ""
    asked = urlencode([(name, each) for name, each in parse_qsl(parts.query) if name.lower() != "token"])
    host = (parts.hostname or "").removeprefix("www.")
    return f"{host}{port}{parts.path.rstrip('/').lower()}{f'?{asked}' if asked else ''}"
