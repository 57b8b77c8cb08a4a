"""Decide whose site a page is: the place's in the catalog, or another place's."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.domain.agenda import Certainty, Place
from bot.domain.agendas.bodies import body_of
from bot.domain.geography.places import town_letters
from bot.domain.geography.states import STATES
from bot.domain.geography.zips import ZipCode, zip_code

LONGEST_QUOTED = 80
NEAR = 120  # characters before an address that say whose it is
_CODES = {code: code for code in STATES} | {name: code for code, name in STATES.items()}
_STATE = "|".join(sorted(map(re.escape, _CODES), key=len, reverse=True))
_FULL_STATE = "|".join(sorted(map(re.escape, STATES.values()), key=len, reverse=True))
_STREET = (
    r"(?! (?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Drive|Dr|Lane|Ln|Way|Place|Pl|Court|Ct|City|University)\b)"
)
_NAME = r"[A-Z][\w.'’-]*(?: [\w.'’-]+){0,5}"
_PLACE_AND_STATE = re.compile(rf"(?P<name>{_NAME}), (?P<state>{_STATE})\b{_STREET}")
_WITHOUT_COMMA = re.compile(rf"(?P<name>{_NAME}) (?P<state>{_FULL_STATE})\b{_STREET}")
_ENDS = re.compile(r"\.?\s*(?:$|[•|:;,()\]–—-]|(?:Official|Government|Web|Home|Agenda|Meeting|Calendar)\w*\b)")
_POSTAL = re.compile(rf"\b(?P<state>{_STATE})\.?,? (?P<zip>\d{{5}})(?:-\d{{4}})?\b")
_MADE_BY = re.compile(
    r"\b(?:powered|designed|developed|hosted|created|built|website|site|software|design) by\b", re.IGNORECASE
)
_GOVERNMENT = re.compile(
    r"\b(?P<kind>City|Town|Village|Borough|County|Parish) of (?P<of>[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,3})"
    r"|\b(?P<county>[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,3}) (?:County|Parish)\b"
)
_AROUND_NAME = re.compile(
    r"^(?:city|town|village|borough|county|township) of | (?:county|parish|borough|city|town|village|township)$",
    re.IGNORECASE,
)
_COUNTY = re.compile(r" (?:County|Parish)$", re.IGNORECASE)
_TOGETHER = re.compile(r"[-/–&]| and ", re.IGNORECASE)  # as in Augusta-Richmond County


def why_another(place: Place, titles: Sequence[str], text: str, footer: str = "") -> str:
    """Return why a page belongs to another place, or "" if it is the place's own or doesn't say.

    `titles` are the page's title and the site's name, `text` is its visible text, and `footer` the part of it where a
    site has its own address. For a guessed source, a title that names another place in the state counts too.
    """
    titles = [" ".join(title.split()) for title in titles]
    stated = [pair for title in titles for pair in _stated(title)]
    if any(state == place.state and _is_of(place, name) for name, state in stated):
        return ""
    for title in titles:
        if reason := _in_title(place, title):
            return reason
    is_named = _names_state(place.state, " ".join([*titles, text]))
    in_footer = _by_address(place, footer, is_named=is_named, counts_namesakes=True)
    return (_by_address(place, text, is_named=is_named) if in_footer is None else in_footer) or ""


def stated_place(titles: Sequence[str], text: str, footer: str = "") -> tuple[str, str]:
    """Return the name and the state by which a site calls itself, or "" for what it doesn't say."""
    for title in titles:
        if pair := next(_stated(" ".join(title.split())), None):
            return pair
    states = _states_in(footer) or _states_in(text)
    named = next(filter(None, map(_GOVERNMENT.search, titles)), None)
    return _government(named) if named else "", next(iter(states)) if len(states) == 1 else ""


def _states_in(text: str) -> set[str]:
    """Return the states of the postal addresses in a text. Leave out the web designer's."""
    return {found.state for found in _addresses(text) if not found.is_makers}


def _in_title(place: Place, title: str) -> str:
    """Return why a title names another place, or ""."""
    quoted = f"the site calls itself “{title[:LONGEST_QUOTED]}”"
    stated = list(_stated(title))
    if stated and all(state != place.state for _, state in stated):
        return quoted
    if place.sure is not Certainty.GUESSED:
        return ""
    names = [name for name, state in stated if state == place.state]
    names += map(_government, _GOVERNMENT.finditer(title))
    return quoted if names and not any(_is_of(place, name) for name in names) else ""


def _government(found: re.Match[str]) -> str:
    """Return the name of a government, such as Pitt County if it calls itself the County of Pitt."""
    county = found["of"] if found["kind"] in {"County", "Parish"} else found["county"]
    return f"{county} County" if county else found["of"]


def _stated(title: str) -> Iterator[tuple[str, str]]:
    """Yield the places that a title names with their states, such as "Kingsburg, CA" or "City of Richmond Virginia".

    The name is a real place's, or else the state ends a part of the title. In "Agendas, OR Minutes" there is none.
    """
    with_comma = list(_PLACE_AND_STATE.finditer(title))
    for match in with_comma or _WITHOUT_COMMA.finditer(title):
        state = _CODES[match["state"]]
        known = _known_end(state, match["name"])
        ends = _ENDS.match(title, match.end()) is not None
        if (known and (ends or with_comma)) or (ends and with_comma and len(match["name"]) > 2):
            yield known or match["name"], state


def _known_end(state: str, name: str) -> str:
    """Return the longest end of a name that is a county or a town of the state, or "". A title may come before it."""
    words = name.split()
    ends = (" ".join(words[at:]) for at in range(len(words)) if words[at][0].isalnum())
    return next((end for end in ends if body_of(state, end) is not None), "")


# ── postal addresses ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Address:
    """A city, state and ZIP code in a text. `before` is the text before the state, in lowercase letters."""

    state: str
    before: str
    zip: ZipCode
    is_makers: bool


def _addresses(text: str) -> Iterator[_Address]:
    for match in _POSTAL.finditer(text):
        state, known = _CODES[match["state"]], zip_code(match["zip"])
        if known is not None and known.state == state:
            before = text[max(0, match.start() - NEAR) : match.start()]
            yield _Address(state, town_letters(before), known, _MADE_BY.search(before) is not None)


def _by_address(place: Place, text: str, *, is_named: bool, counts_namesakes: bool = False) -> str | None:
    """Return why the addresses in a text aren't the place's, "" if they may be, or None if there are none.

    An address in another state may be a neighbor city's or a vendor's, if the page names the place's own state, but
    not if its city or county has the place's name. Letters to the capital are never a site's address.
    """
    found = list(_addresses(text))
    if any(each.state == place.state for each in found):
        return ""
    theirs = [each for each in found if not each.is_makers and each.state != "DC"]
    if not theirs:
        return None
    is_namesakes = counts_namesakes and any(_is_namesake(place, each) for each in theirs)
    if is_named and not is_namesakes:
        return ""
    return f"the site's address is in {STATES[Counter(each.state for each in theirs).most_common(1)[0][0]]}"


def _is_namesake(place: Place, address: _Address) -> bool:
    names = _own_names(place)
    counties = {_bare(county.name) for county in address.zip.counties}
    return any(address.before.endswith(name) for name in names) or bool(names & counties)


def _names_state(state: str, text: str) -> bool:
    """Return True if a text names a state, other than in a street's or a city's name such as Kansas City."""
    longer = "(?<!West )" if state == "VA" else ""
    return re.search(rf"{longer}\b{re.escape(STATES[state])}\b(?!, D)(?!,? DC\b){_STREET}", text) is not None


def _is_of(place: Place, name: str) -> bool:
    """Return True if a name on the page is the place's, or its county's. Lincoln isn't in every Lincoln County."""
    is_town = bool(place.county) and _COUNTY.search(place.name.removesuffix(f", {place.state}")) is None
    for part in (name, *_TOGETHER.split(name)):
        own = {_bare(place.county)} if is_town and _COUNTY.search(part) else _own_names(place)
        if any(_bare(part).endswith(each) for each in own):
            return True
    return False


def _own_names(place: Place) -> set[str]:
    return {_bare(place.name.removesuffix(f", {place.state}")), _bare(place.county)} - {""}


def _bare(name: str) -> str:
    return town_letters(_AROUND_NAME.sub("", name.strip()))
