"""The public bodies that decide about policing: a county's government or a town's, found by its name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from bot.domain.geography.counties import County, main_counties
from bot.domain.geography.fold import distinct_name, exact_county
from bot.domain.geography.places import places, town_counties


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
        is_own = self.county.kind == "city" and letters(self.county.name) == letters(self.name)
        return self.county.fips if self.is_county or is_own else ""


def letters(text: str) -> str:
    """Return only the letters of a name in lowercase. Saint and St. are the same at its beginning."""
    return re.sub(r"^sainte?(?=[a-z]{3})", "st", re.sub(r"[^a-z]", "", text.casefold()))


def body_of(state: str, name: str, *, is_county: bool = False) -> Body | None:
    """Return the county or the town with this name, or None. The words of the name may be joined, as in gulfshores."""
    squashed = letters(name)
    stem = re.sub(r"^(?:countyof)|(?:county|parish|borough)$", "", squashed)
    county = exact_county(state, stem) if stem and (is_county or stem != squashed) else None
    if county is not None and county.kind != "city":
        return county_body(county)
    bare = re.sub(r"^(?:cityof|townof|villageof|boroughof)", "", squashed)
    found = (_town(state, each) for each in (squashed, bare, re.sub(r"city(?:hall)?$", "", bare)))
    return next(filter(None, found), None) or _township(state, bare)


def county_body(county: County) -> Body:
    """Return the government of a county."""
    if county.kind == "city":
        return Body(county.state, county.name, county, is_county=False)
    word = {"parish": "Parish", "borough": "Borough"}.get(county.kind, "County")
    return Body(county.state, f"{distinct_name(county)} {word}", county, is_county=True)


def _town(state: str, squashed: str) -> Body | None:
    name = _towns(state).get(squashed)
    if name is None:
        return None
    counties = [main_counties(state)[code] for code in sorted(town_counties(state, name)) if code]
    own = [county for county in counties if county.kind == "city" and letters(county.name) == letters(name)]
    only = own or counties
    return Body(state, name, only[0] if len(only) == 1 else None, is_county=False)


def _township(state: str, squashed: str) -> Body | None:
    """Return a township, a borough or a village with a town's name. It may lie in another county than the town."""
    found = re.fullmatch(r"(.+?)(township|borough|village)", squashed)
    town = _town(state, found[1]) if found else None
    return Body(state, f"{town.name} {found[2].capitalize()}", None, is_county=False) if found and town else None


@cache
def _towns(state: str) -> Mapping[str, str]:
    return {letters(name): name for name in sorted(places(state), reverse=True)}
