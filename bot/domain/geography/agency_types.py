"""The types of agency that people can watch, decided from ICE's TYPE column and the agency's name.

ICE's TYPE is State Agency, County or Municipality, with errors in both directions: university police, a regional jail
and the City of Miami stand under State Agency, and state police under Municipality.
"""

import re
from enum import StrEnum
from functools import lru_cache

from bot.domain.geography.fold import county_of_agency
from bot.domain.geography.places import town_counties
from bot.domain.geography.states import STATES


class AgencyType(StrEnum):
    """A type of agency. One agency can have several: a state's Department of Corrections has two."""

    SHERIFF = "sheriff"
    POLICE = "police"
    STATE = "state"
    CAMPUS = "campus"
    CONSTABLE = "constable"
    CORRECTIONS = "corrections"
    PROSECUTOR = "prosecutor"


_SHERIFF = re.compile(r"\bsh[ae]r+if+'?s?\b")
_CONSTABLE = re.compile(r"\bconst\w{1,2}b?les?\b|\bmarshal(?:'?s)?\b")
_CORRECTIONS = re.compile(r"\bcorrection|\bjails?\b|\bdetention|\bprisons?\b|\bdoc\b")
_PROSECUTOR = re.compile(r"\battorney|\bprosecut")
_CAMPUS = re.compile(r"\buniversity\b|\bcollege\b|\bcampus\b|\bschools?\b|\bisd\b")
_POLICE = re.compile(r"\bpoli?ce\b|\bpd\b|\bpublic safety\b|\bdps\b")
_LOCAL = re.compile(r"^(?:city|town|village|borough|county) of |\bregional\b|\bjudicial\b|\bcircuit\b|\bairport\b")
_STATEWIDE = re.compile(
    r"(?:^|, )(?:state (?:police|patrol|highway patrol)|highway (?:state )?patrol|bureau of|alcohol and tobacco"
    r"|(?:department|dept|division|office) of)\b"
)
_KIND_OF_OFFICE = re.compile(r" (?:police|public safety|division|department|dept|dps|pd|marshal)\b.*$")


@lru_cache(maxsize=16_384)
def agency_types(state: str, printed: str, agency: str) -> frozenset[AgencyType]:
    """Return an agency's types. `printed` is ICE's TYPE. The result is empty if neither it nor the name says."""
    name = " ".join(re.sub(r"[’.]", "", agency.casefold().replace("’", "'")).replace("&", "and").split())
    named = frozenset(
        kind
        for kind, words in (
            (AgencyType.SHERIFF, _SHERIFF),
            (AgencyType.CORRECTIONS, _CORRECTIONS),
            (AgencyType.PROSECUTOR, _PROSECUTOR),
        )
        if words.search(name)
    )
    if _CAMPUS.search(name) and not _is_of_town(state, name):
        return named | {AgencyType.CAMPUS}
    if _is_statewide(state, printed.casefold(), name):
        return named | {AgencyType.STATE}
    if _CONSTABLE.search(name):
        return named | {AgencyType.CONSTABLE}
    if _POLICE.search(name) or (not named and printed.casefold().startswith("mun")):
        return named | {AgencyType.POLICE}
    return named


def _is_statewide(state: str, printed: str, name: str) -> bool:
    own = STATES.get(state, "").casefold()
    rest = name.removeprefix(own).strip() if own else name
    if not printed.startswith("state"):
        is_local_type = printed.startswith(("mun", "county"))
        is_named = bool(_STATEWIDE.search(rest)) and (rest != name or not is_local_type)
        return is_named and not _CONSTABLE.search(name)
    is_local = bool(_LOCAL.search(name)) or county_of_agency(state, name) is not None
    return not is_local and (rest != name or not _is_of_town(state, name))


def _is_of_town(state: str, name: str) -> bool:
    """Return True if the name is a town's, followed by a word such as police: College Park Police Department."""
    town = _KIND_OF_OFFICE.sub("", re.sub(r"^(?:city|town|village) of ", "", name))
    return town != name and bool(town_counties(state, town))
