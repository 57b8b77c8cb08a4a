"""The public bodies that decide about policing: a county's government or a town's, found by its name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from bot.domain.geography.counties import County, main_counties
from bot.domain.geography.fold import distinct_name, exact_county
from bot.domain.geography.places import places, states_with_town, town_counties
from bot.domain.geography.states import STATES
from bot.domain.letters import without_accents

_OWN_COUNTY = frozenset({"city", "city and borough", "municipality"})  # the kinds of a city that is its own county
SHORTEST = 3  # letters of a name before a state's code
_IN_SEVERAL = {"NY": {"newyork"}}  # the Postal Service's New York is Manhattan alone
_GOVERNMENT = re.compile(
    r"^(?:the |metropolitan |metro |unified government of |consolidated government of |charter )+"
    r"|(?<!County) (?:(?:urban county|metropolitan|metro|unified|consolidated)? ?government|metro)$"
    r"|(?<=County),? (?:(?:(?:Metro|Metropolitan|Unified) )?Government|Board of Commissioners|Commission)$",
    re.IGNORECASE,
)  # what surrounds the name of a government
_TOGETHER = re.compile(r"\s*[-/–&]\s*|,? and | parish of ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Body:
    """A county's or a town's government. A town that lies in several counties has none here."""

    state: str
    name: str
    county: County | None
    is_county: bool

    @property
    def key(self) -> tuple[str, bool, str]:
        """The identity of the body, however its name is spelled."""
        return self.state, self.is_county, self.county.fips if self.is_county and self.county else letters(self.name)

    @property
    def county_name(self) -> str:
        """The name of the body's county, as the catalog writes it, or "" if it isn't known."""
        return distinct_name(self.county) if self.county is not None else ""

    @property
    def fips(self) -> str:
        """The county's FIPS code if the body is the county's government, or "".

        An independent city is its own county.
        """
        if self.county is None:
            return ""
        is_own = self.county.kind in _OWN_COUNTY and letters(self.county.name) == letters(self.name)
        return self.county.fips if self.is_county or is_own else ""


def letters(text: str) -> str:
    """Return only the letters of a name, without case and accents. Saint and St. are the same at its beginning."""
    return re.sub(r"^sainte?(?=[a-z]{3})", "st", re.sub(r"[^a-z]", "", without_accents(text).casefold()))


def body_of(state: str, name: str, *, is_county: bool = False) -> Body | None:
    """Return the county or the town with this name, or None. The words of the name may be joined, as in gulfshores."""
    name = _GOVERNMENT.sub("", name)
    squashed = letters(name)
    stem = re.sub(r"^(?:countyof|parishof|boroughof)|(?:county|parish|borough)$", "", squashed)
    county = exact_county(state, stem) if stem and (is_county or stem != squashed) else None
    if county is not None and county.kind != "city":
        return county_body(county)
    bare = re.sub(r"^(?:cityof|townof|villageof|boroughof|municipalityof|municipiode|ciudadde)", "", squashed)
    found = (_town(state, each) for each in (squashed, bare, re.sub(r"city(?:hall)?$", "", bare)))
    return next(filter(None, found), None) or _township(state, bare) or _consolidated(state, name)


def county_body(county: County) -> Body:
    """Return the government of a county."""
    if county.kind in _OWN_COUNTY:
        return Body(county.state, county.name, county, is_county=False)
    word = {"county": " County", "parish": " Parish", "borough": " Borough"}.get(county.kind, "")
    return Body(county.state, f"{distinct_name(county)}{word}", county, is_county=True)


def _consolidated(state: str, name: str) -> Body | None:
    """Return the one government of a city and its county, as in Augusta-Richmond County."""
    if both := re.match(r"(?:city|town) and (?:county|borough|parish) of (.+)", name, re.IGNORECASE):
        county = exact_county(state, both[1])
        return county_body(county) if county is not None else None
    for part, town in _splits(name):
        county = exact_county(state, part)
        if county is None or county.kind in _OWN_COUNTY:
            continue
        bare = re.sub(r"^(?:city|town) of ", "", without_accents(town), flags=re.IGNORECASE)
        if county.fips in town_counties(state, bare):
            return county_body(county)
    return None


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Yield the ways to read a name as that of a county and of a town, as in Athens-Clarke County."""
    parts = _TOGETHER.split(name.strip())
    if len(parts) == 2:
        yield parts[1], parts[0]
        yield parts[0], parts[1]
    words = name.split()
    if words[-1:] == ["County"]:
        yield from ((" ".join(words[at:]), " ".join(words[:at])) for at in range(1, len(words) - 1))


def _town(state: str, squashed: str) -> Body | None:
    name = _towns(state).get(squashed)
    if name is None:
        return None
    counties = [main_counties(state)[code] for code in sorted(town_counties(state, name)) if code]
    if squashed in _IN_SEVERAL.get(state, ()):
        counties = []
    own = [county for county in counties if county.kind in _OWN_COUNTY and letters(county.name) == letters(name)]
    only = own or counties
    return Body(state, name, only[0] if len(only) == 1 else None, is_county=False)


def _township(state: str, squashed: str) -> Body | None:
    """Return a township, a borough or a village with a town's name. It may lie in another county than the town."""
    found = re.fullmatch(r"(?P<town>.+?)(?P<word>township|borough|village)|townshipof(?P<of>.+)", squashed)
    town = _town(state, found["town"] or found["of"]) if found else None
    word = (found["word"] or "township").capitalize() if found else ""
    return Body(state, f"{town.name} {word}", None, is_county=False) if town else None


def state_at_end(name: str) -> str:
    """Return the state whose code ends a site's name, as in pittcountync, or "".

    What comes before it is a county or a town of that state, and the whole name isn't a town's, as victoria's is.
    """
    bare = re.sub(r"^(?:cityof|townof|countyof|villageof)", "", letters(re.sub(r"-\d+$", "", name)))
    stem, state = bare[:-2], bare[-2:].upper()
    if state not in STATES or state == "CO" or len(stem) < SHORTEST or states_with_town(bare):  # jacksonco is a county
        return ""
    return state if body_of(state, stem) is not None or exact_county(state, stem) is not None else ""


@cache
def _towns(state: str) -> Mapping[str, str]:
    return {letters(name): name for name in sorted(places(state), reverse=True)}
