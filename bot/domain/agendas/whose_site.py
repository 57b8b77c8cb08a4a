"""Decide whose site a page is: the place's in the catalog, or another place's."""

import re
from collections import Counter
from collections.abc import Sequence

from bot.domain.agenda import Certainty, Place
from bot.domain.geography.places import town_letters
from bot.domain.geography.states import STATES
from bot.domain.geography.zips import zip_code

LONGEST_QUOTED = 80
_CODES = {code: code for code in STATES} | {name: code for code, name in STATES.items()}
_STATE = "|".join(sorted(map(re.escape, _CODES), key=len, reverse=True))
_PLACE_AND_STATE = re.compile(
    rf"(?P<name>[A-Z][\w.'’-]*(?: [\w.'’-]+){{0,5}}), (?P<state>{_STATE})\b(?! (?:Street|Avenue|St|Ave)\b)"
)
_POSTAL = re.compile(rf"\b(?P<state>{_STATE})\.?,? (?P<zip>\d{{5}})(?:-\d{{4}})?\b")
_GOVERNMENT = re.compile(
    r"\b(?:City|Town|Village|Borough|County|Parish) of (?P<of>[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,3})"
    r"|\b(?P<county>[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,3}) (?:County|Parish)\b"
)
_AROUND_NAME = re.compile(
    r"^(?:city|town|village|borough|county|township) of | (?:county|parish|borough|city|town|village|township)$",
    re.IGNORECASE,
)


def why_another(place: Place, titles: Sequence[str], text: str) -> str:
    """Return why a page belongs to another place, or "" if it is the place's own or doesn't say.

    `titles` are the page's title and the site's name, and `text` is its visible text with the postal address. For a
    guessed source, a title that names another place in the state counts too.
    """
    for title in titles:
        if reason := _in_title(place, " ".join(title.split())):
            return reason
    found = Counter(
        _CODES[match["state"]]
        for match in _POSTAL.finditer(text)
        if (known := zip_code(match["zip"])) is not None and known.state == _CODES[match["state"]]
    )
    if found and place.state not in found:
        state = found.most_common(1)[0][0]
        return f"the site's address is in {STATES[state]}"
    return ""


def stated_place(titles: Sequence[str], text: str) -> tuple[str, str]:
    """Return the name and the state by which a site calls itself, or "" for what it doesn't say."""
    for title in titles:
        if match := _PLACE_AND_STATE.search(" ".join(title.split())):
            return match["name"], _CODES[match["state"]]
    zips = [(_CODES[m["state"]], zip_code(m["zip"])) for m in _POSTAL.finditer(text)]
    states = Counter(state for state, known in zips if known is not None and known.state == state)
    named = next(filter(None, map(_GOVERNMENT.search, titles)), None)
    name = (named["of"] or f"{named['county']} County") if named else ""
    return name, states.most_common(1)[0][0] if len(states) == 1 else ""


def _in_title(place: Place, title: str) -> str:
    """Return why a title names another place, or ""."""
    quoted = f"the site calls itself “{title[:LONGEST_QUOTED]}”"
    stated = [(match["name"], _CODES[match["state"]]) for match in _PLACE_AND_STATE.finditer(title)]
    if stated and all(state != place.state for _, state in stated):
        return quoted
    if place.sure is not Certainty.GUESSED:
        return ""
    names = [name for name, state in stated if state == place.state]
    names += [match["of"] or match["county"] for match in _GOVERNMENT.finditer(title)]
    return quoted if names and not any(_is_of(place, name) for name in names) else ""


def _is_of(place: Place, name: str) -> bool:
    """Return True if a name on the page is the place's, or its county's."""
    own = {_bare(place.name.removesuffix(f", {place.state}")), _bare(place.county)}
    return any(_bare(name).endswith(each) for each in own if each)


def _bare(name: str) -> str:
    return town_letters(_AROUND_NAME.sub("", name.strip()))
