"""ZIP codes, towns and types of agency, as people type them.

The longest name that makes sense is used. A name that could be several places is never guessed at: the reader gets the
choices, unless one place has at least DOMINANT times as many ZIP codes as any other of that name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from bot.domain.geography.agency_types import AgencyType
from bot.domain.geography.counties import County, county_by_fips
from bot.domain.geography.fold import distinct_name, exact_county, is_county_word, states_with_county
from bot.domain.geography.places import states_with_town, town_counties, town_zips
from bot.domain.geography.states import STATES
from bot.domain.geography.zips import MILITARY, is_zip, zip_code, zips_in
from bot.domain.letters import capitalized, without_accents

DOMINANT = 20
MOST_CHOICES = 8
_LONGEST_NAME = 7  # words, as in "condado de St. John the Baptist"

_ALL = frozenset({"all", "everything", "everywhere", "todo", "todos", "todas"})
_JOINING = frozenset({"and", "y", "&", "+"})
_DETERMINERS = frozenset({"all", "every", "any", "the", "todos", "todas", "los", "las", "el", "la"})
_CONNECTING = frozenset({"in", "of", "for", "from", "within", "en", "de", "del"})
_WITH_ARTICLE = (["in", "the"], ["of", "the"], ["en", "la"], ["de", "la"], ["en", "el"], ["del", "el"])
_TOWN_IN_FRONT = re.compile(
    r"^(?:the |la )?(?:city|town|village|borough|ciudad|pueblo|villa) (?:of|de) ", re.IGNORECASE
)
_COUNTY_WORD = re.compile(
    r"\b(?:county|parish|borough|municipality|condado|parroquia|municipio|municipalidad)\b", re.IGNORECASE
)
_OFFICES = ("", " office", " offices", " department", " departments", " agency", " agencies")
_TYPE_NAMES: Mapping[AgencyType, tuple[str, ...]] = {
    AgencyType.SHERIFF: ("sheriff", "sheriffs", "county sheriffs", "alguacil", "alguaciles", "oficinas del alguacil"),
    AgencyType.POLICE: (
        "police", "city police", "local police", "town police", "municipal police", "policia", "policias",
        "policia municipal", "policia local", "departamentos de policia",
    ),
    AgencyType.STATE: (
        "statewide agency", "statewide agencies", "state agency", "state agencies", "agencia estatal",
        "agencias estatales", "agencias del estado", "state police", "state patrol", "highway patrol",
        "highway patrols", "state troopers", "troopers", "policia estatal", "policias estatales",
    ),
    AgencyType.CAMPUS: (
        "university police", "universities", "campus police", "college police", "colleges", "school police",
        "policia universitaria", "universidades",
    ),
    AgencyType.CONSTABLE: ("constable", "constables", "marshals", "condestable", "condestables"),
    AgencyType.CORRECTIONS: (
        "corrections", "jails", "prisons", "detention centers", "county jails", "carceles", "prisiones",
        "correccionales",
    ),
    AgencyType.PROSECUTOR: ("prosecutors", "district attorneys", "county attorneys", "fiscales", "fiscalias"),
}  # fmt: skip
TYPE_WORDS: Mapping[str, str] = {
    AgencyType.SHERIFF: "sheriffs", AgencyType.POLICE: "police", AgencyType.STATE: "statewide agencies",
    AgencyType.CAMPUS: "campus police", AgencyType.CONSTABLE: "constables", AgencyType.CORRECTIONS: "prisons",
    AgencyType.PROSECUTOR: "prosecutors",
}  # one that can be typed for each type  # fmt: skip
_TYPES = {
    f"{name}{office}": agency_type
    for agency_type, names in _TYPE_NAMES.items()
    for name in names
    for office in _OFFICES
    if not (office and name.endswith(("agency", "agencies", "s de policia")))
}
_LONGEST_TYPE = max(len(name.split()) for name in _TYPES)
_LONGEST_TYPE_PHRASE = 12  # words, with those around the type: "all of the sheriffs in the"


class Choice(NamedTuple):
    """One place that the typed text could mean.

    `text` is what to type for it. Without a county, the place is `name` in the state. If `counties` isn't 0, the choice
    is all of that many counties.
    """

    text: str
    name: str
    state: str
    county: County | None = None
    counties: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """The county that a ZIP code or a town was read as.

    `others` are counties that contain other parts of a ZIP code. `elsewhere` are states with a smaller place of that
    name. `is_county` is True if a county was named. `is_area` is True for a ZIP code that is an area, not P.O. boxes,
    because such an area may cross a line.
    """

    typed: str
    county: County
    is_zip: bool = False
    is_area: bool = False
    others: tuple[County, ...] = ()
    elsewhere: tuple[str, ...] = ()
    is_county: bool = False

    @property
    def is_statewide_meant(self) -> bool:
        """True unless a county was named. A person who names another kind of place also cares about its state."""
        return not (self.is_county or self.county.is_whole_state)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Why a name doesn't mean exactly one county, with the choices."""

    why: str
    choices: tuple[Choice, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


# ── ZIP codes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def zip_reading(typed: str) -> Reading | Unsettled:
    """Return the county of a ZIP code."""
    if not is_zip(typed):
        padded = typed.zfill(5)
        known = zip_code(padded) if 3 <= len(typed) <= 4 else None
        choices = (Choice(padded, padded, known.state),) if known and known.state else ()
        return Unsettled("no_zip", choices)
    found = zip_code(typed)
    if found is None:
        return Unsettled("unknown_zip")
    if found.kind == MILITARY:
        return Unsettled("military_zip")
    if not found.counties:
        choices = (Choice(found.state, STATES[found.state], found.state),) if found.state else ()
        return Unsettled("zip_without_county", choices)
    return Reading(found.code, found.counties[0], is_zip=True, is_area=not found.kind, others=found.counties[1:])


# ── towns ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_town(state: str, name: str) -> bool:
    """Return True if the state has a town with this name, also if it is written as "city of" the town."""
    return not _COUNTY_WORD.search(name) and bool(town_counties(state, _town_name(state, name)))


def town_counties_of(state: str, name: str) -> tuple[County, ...]:
    """Return the counties that a town is in, those with the most ZIP codes first."""
    codes = town_counties(state, _town_name(state, name)) if not _COUNTY_WORD.search(name) else ()
    found = (county_by_fips(code) for code in sorted(codes, key=lambda code: (-zips_in(code), code)))
    return tuple(county for county in found if county is not None)


def town_reading(name: str, state: str) -> Reading | Unsettled:
    """Return the county of a town in a state."""
    shown, found = _shown(name), town_counties_of(state, name)
    if not found:
        return Unsettled("town_without_county", (Choice(state, STATES[state], state),), {"state": state})
    if len(found) == 1:
        return Reading(shown, found[0])
    choices = [Choice(county_text(county), shown, state, county) for county in found[: MOST_CHOICES - 1]]
    whole = Choice(f"all of {shown} {state}", shown, state, None, len(found))
    return Unsettled("which_county", (*choices, whole), {"state": state})


def bare_reading(name: str) -> Reading | Unsettled:
    """Return the county of a town or the county that was named without a state."""
    ranked = _ranked(name)
    (most, state), *rest = ranked
    if rest and (_COUNTY_WORD.search(name) or most < DOMINANT * rest[0][0]):
        choices = tuple(Choice(f"{name} {code}", _shown(name), code) for _, code in ranked[:MOST_CHOICES])
        return Unsettled("county_state", choices)
    county = exact_county(state, name)
    if county is not None and (other := county_or_town(county, name)) is not None:
        return other
    found = Reading(_shown(name), county, is_county=True) if county is not None else town_reading(name, state)
    if isinstance(found, Unsettled):
        return found
    elsewhere = tuple(code for _, code in rest[:MOST_CHOICES])
    return Reading(found.typed, found.county, is_county=found.is_county, elsewhere=elsewhere)


def in_states(name: str) -> tuple[Choice, ...]:
    """Return the places with this name, those with the most ZIP codes first."""
    return tuple(Choice(f"{name} {code}", _shown(name), code) for _, code in _ranked(name)[: MOST_CHOICES - 1])


def county_or_town(county: County, name: str) -> Unsettled | None:
    """Return the choices if a town with the county's name is in another county, as Houston in Texas, or None."""
    elsewhere = town_counties_of(county.state, name)
    if (
        not elsewhere
        or county in elsewhere
        or is_county_word(name.split(maxsplit=1)[0])
        or is_county_word(name.rsplit(maxsplit=1)[-1])
    ):
        return None
    if zips_in(county.fips) >= DOMINANT * town_zips(county.state, name):
        return None
    both = (county, *elsewhere[: MOST_CHOICES - 2])
    choices = tuple(Choice(county_text(each), _shown(name), county.state, each) for each in both)
    return Unsettled("which_county", choices, {"state": county.state})


def bare_name(words: Sequence[str], state_by_name: Callable[[str], str | None], shortest: int = 1) -> int:
    """Return how many words at the start are the longest name of a town or a county without its state, or 0.

    The name must not be followed by a state, because that state has no such place.
    """
    end = next((at for at, word in enumerate(words) if word == ","), len(words))
    for size in range(min(_LONGEST_NAME, end), shortest - 1, -1):
        name = " ".join(words[:size])
        if state_by_name(name) is not None or not _is_name(words[:size]) or not _ranked(name):
            continue
        if size < len(words) and is_county_word(words[size]):
            return 0
        after = [word for word in words[size : size + 4] if word != ","]
        is_placed = any(state_by_name(" ".join(after[:length])) is not None for length in range(1, len(after) + 1))
        return 0 if is_placed else size
    return 0


def _is_name(words: Sequence[str]) -> bool:
    """Return False for words that join two places, and for CO at the end, which is also Colorado."""
    return _JOINING.isdisjoint((words[0].casefold(), words[-1].casefold())) and words[-1].casefold() != "co"


def longer_name(words: Sequence[str], state_by_name: Callable[[str], str | None]) -> int:
    """Return how many words are a name that starts with a state's and is longer, such as "Oklahoma City", or 0."""
    longest = max((n for n in range(1, min(4, len(words)) + 1) if state_by_name(" ".join(words[:n]))), default=0)
    return bare_name(words, state_by_name, longest + 1) if longest else 0


def all_of(words: Sequence[str]) -> tuple[bool, int]:
    """Return True and 2 for "all of" at the start of the words."""
    is_all = len(words) > 2 and words[0].casefold() in _ALL and words[1].casefold() in {"of", "de"}
    return is_all, 2 if is_all else 0


def everything(words: Sequence[str]) -> int:
    """Return how many words at the start stand for all states, or 0."""
    first = [word.casefold() for word in words[:3]]
    if first[0] not in _ALL or all_of(words)[0]:
        return 0
    if first[1:3] == ["los", "estados"]:
        return 3
    return 2 if first[1:2] in (["states"], ["estados"]) else 1


def county_text(county: County) -> str:
    """Return the words for a county that can be typed: "Harris County TX"."""
    kind = "" if county.kind == "city" else " County"
    return f"{distinct_name(county)}{kind} {county.state}"


@lru_cache(maxsize=4_096)
def _ranked(name: str) -> tuple[tuple[int, str], ...]:
    """Return the states that have a town or a county with this name. The one with the most ZIP codes comes first."""
    town = _plain_town(name)
    with_town = states_with_town(town) or states_with_town(re.sub(r" city$", "", town))
    found = []
    for state in dict.fromkeys((*states_with_county(name), *with_town)):
        county = exact_county(state, name)
        weight = zips_in(county.fips) if county is not None else 0
        if is_town(state, name):
            weight = max(weight, town_zips(state, _town_name(state, name)))
        if county is not None or is_town(state, name):
            found.append((max(weight, 1), state))
    return tuple(sorted(found, key=lambda each: (-each[0], STATES[each[1]])))


def _town_name(state: str, name: str) -> str:
    """Return the name of a town without "city of", and without City after it if no town is called that."""
    name = _plain_town(name)
    bare = re.sub(r" city$", "", name)
    return bare if bare != name and town_counties(state, bare) and not is_known(name) else name


@lru_cache(maxsize=4_096)
def is_known(name: str) -> bool:
    """Return True if any state has a town or a county with exactly this name."""
    return bool(states_with_town(name) or states_with_county(name))


def _plain_town(name: str) -> str:
    return _TOWN_IN_FRONT.sub("", without_accents(name.casefold()))


def _shown(name: str) -> str:
    """Return a town's name as it is written: without "city of", and with capitals if it was typed without any."""
    name = _TOWN_IN_FRONT.sub("", name)
    return name if name != name.casefold() else " ".join(capitalized(word) for word in name.split())


# ── types of agency ──────────────────────────────────────────────────────────────────────────────────────────────────


def agency_type(words: Sequence[str]) -> tuple[AgencyType | None, int]:
    """Return the type of agency at the start of the words, such as "all sheriffs in", and the number of words."""
    plain = [re.sub(r"['’.]", "", without_accents(word.casefold())) for word in words[:_LONGEST_TYPE_PHRASE]]
    at = 0
    while at < len(plain) and plain[at] in _DETERMINERS:
        at += 1
    for size in range(min(_LONGEST_TYPE, len(plain) - at), 0, -1):
        found = _TYPES.get(" ".join(plain[at : at + size]))
        if found is not None:
            at += size
            while at < len(plain) - 1 and (plain[at] in _CONNECTING or plain[at - 1 : at + 1] in _WITH_ARTICLE):
                at += 1
            return found, at
    return None, 0
