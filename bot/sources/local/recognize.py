"""Recognize the platform at an address and propose a place for the catalog."""

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from urllib.parse import urlsplit

from bot.domain.agenda import Place
from bot.domain.geography.states import STATES
from bot.domain.pasted_address import pasted_address
from bot.sources import LOCAL

MOST_LINKS = 5_000  # of one page
_STATE = re.compile(r"\.([a-z]{2})\.(?:us|gov)$")
_VENDORS: dict[str, str] = {  # the domains of the platforms, with the address of a list of meetings there
    "legistar.com": "https://NAME.legistar.com/Calendar.aspx",
    "civicclerk.com": "https://NAME.portal.civicclerk.com",
    "primegov.com": "https://NAME.primegov.com/public/portal",
    "iqm2.com": "https://NAME.iqm2.com/Citizens/Calendar.aspx",
    "municodemeetings.com": "https://NAME-ST.municodemeetings.com",
    "municode.com": "https://meetings.municode.com/PublishPage/index?cid=CODE&ppid=ID",
    "usgovcloudapi.net": "https://NAME-ST.municodemeetings.com",
    "civicweb.net": "https://NAME.civicweb.net/Portal",
    "highbond.com": "https://NAME.community.highbond.com/Portal",
    "diligentoneplatform.com": "https://NAME.community.diligentoneplatform.com/Portal",
    "diligent.community": "https://NAME.diligent.community/Portal",
    "escribemeetings.com": "https://pub-NAME.escribemeetings.com",
    "boarddocs.com": "https://go.boarddocs.com/ST/NAME/Board.nsf/Public",
    "destinyhosted.com": "https://public.destinyhosted.com/agenda_publish.cfm?id=NUMBER",
    "novusagenda.com": "https://NAME.novusagenda.com/agendapublic",
    "granicus.com": "https://NAME.granicus.com/ViewPublisher.php?view_id=NUMBER",
    "civicplus.com": "https://www.NAME.gov/AgendaCenter",
}
_VENDORS_OWN = frozenset(  # hosts of the vendors themselves, to which the footers of their customers' pages lead
    {"account", "accounts", "admin", "api", "app", "apps", "blog", "cdn", "connect", "cp", "developer", "docs", "go",
     "help", "info", "library", "login", "mail", "marketing", "media", "meetings", "portal", "public", "static",
     "status", "store", "support", "training", "webapi", "www"}
)  # fmt: skip


def recognize(address: str) -> Place | None:
    """Return a place for an address, or None if the input isn't a web address.

    The state is filled in if the host name includes one.
    """
    address = pasted_address(address)
    if not address:
        return None
    typed, address = address, _without_www(address)
    place = next(filter(None, (source.recognizes(address) for source in LOCAL.values())), None)
    if place is not None and _is_vendors_own(address, place):
        place = LOCAL["page"].recognizes(typed)
    return replace(place, state=place.state or _state(urlsplit(address).hostname or "")) if place else None


def list_needed(address: str) -> str:
    """Return what a list of meetings looks like, if an address is a platform's but no place's list there, or ""."""
    found = recognize(address)
    if found is None or found.kind != "page":
        return ""
    needed = _VENDORS.get(_vendor(found.address), "")
    named = (urlsplit(found.address).hostname or "").partition(".")[0]
    return needed if "granicus" not in needed or named in _VENDORS_OWN else needed.replace("NAME", named)


def recognized_among(addresses: Iterable[str]) -> list[Place]:
    """Return the places on known platforms among the addresses that a page shows or links to, each once."""
    found: dict[tuple[str, str], Place] = {}
    for address in islice(addresses, MOST_LINKS):
        each = recognize(address)
        if each is not None and _counts(address, each):
            agendas = each.address.replace("&mode=minutes", "&mode=agendas")  # a Granicus page links to both feeds
            found.setdefault((each.kind, each.name), replace(each, address=agendas))
    return list(found.values())


def _counts(address: str, found: Place) -> bool:
    """Return True for a list of agendas on a platform. Every site has feeds of news, and pictures at civicplus.com."""
    if found.kind == "feed":
        return _vendor(found.address) == "granicus.com"
    is_file = _vendor(found.address) == "civicplus.com" and not found.state and "agendacenter" not in address.lower()
    return found.kind != "page" and not is_file


def _vendor(address: str) -> str:
    """Return the platform's domain that an address is in, or ""."""
    return ".".join((urlsplit(address).hostname or "").split(".")[-2:])


def _without_www(address: str) -> str:
    """Drop the www. that people put before a place's name on a platform, as in www.pitt.legistar.com."""
    host = urlsplit(address).hostname or ""
    is_named = host.startswith("www.") and _vendor(address) in _VENDORS and host.count(".") > 2
    return address.replace("://www.", "://", 1) if is_named else address


def _is_vendors_own(address: str, place: Place) -> bool:
    """Return True if what looks like a place's name is one of the vendor's own hosts, as in support.legistar.com."""
    own = (urlsplit(address).hostname or "").removesuffix(_vendor(address)).rstrip(".")
    return _vendor(address) in _VENDORS and own in _VENDORS_OWN | {""} and place.name.partition("-")[0] == own


def _state(host: str) -> str:
    """Return the state from a host name such as co.nash.nc.us or nash.nc.gov, or "" if there is none."""
    found = _STATE.search(host)
    state = found[1].upper() if found else ""
    return state if state in STATES else ""
