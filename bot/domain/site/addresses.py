"""The addresses of agencies and counties. Each is minted once, in log order, and never given to another agency."""

import re
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from bot.domain.agreement import Agreement
from bot.domain.geography.counties import County
from bot.domain.geography.fold import distinct_name
from bot.domain.letters import without_accents

LONGEST = 100  # characters; the longest in ICE's lists since 2025 has 85


class Spelling(NamedTuple):
    """An agency as ICE spells it. Agreements with the same spelling share a page."""

    state: str
    name: str

    @classmethod
    def of(cls, agreement: Agreement) -> "Spelling":
        """Return the spelling of an agreement's agency."""
        return cls(agreement.state, agreement.key.agency)


def plain(text: str) -> str:
    """Return a text as lowercase ASCII words joined by hyphens, such as galveston-county-sheriffs-office."""
    return "-".join(re.findall(r"[a-z0-9]+", re.sub(r"['’‘`´ʻ]", "", without_accents(text).casefold())))


def county_slug(county: County) -> str:
    """Return a county's part of an address, such as tx-galveston-county or md-baltimore-city."""
    name = distinct_name(county) if county.kind == "city" else county.name
    kind = "" if plain(name).endswith(plain(county.kind)) else county.kind
    return plain(f"{county.state} {name} {kind}")


class AddressBook:
    """The addresses minted so far, by spelling."""

    def __init__(self) -> None:
        self.by_spelling: dict[Spelling, str] = {}
        self._taken: set[str] = set()

    def mint(self, agreement: Agreement) -> str:
        """Return the address of an agreement's agency. If it has none yet, give it the first one that is free."""
        spelling = Spelling.of(agreement)
        if spelling not in self.by_spelling:
            found = next(slug for slug in _candidates(agreement) if slug not in self._taken)
            self._taken.add(found)
            self.by_spelling[spelling] = found
        return self.by_spelling[spelling]


def _candidates(agreement: Agreement) -> Iterator[str]:
    name = plain(f"{agreement.state} {agreement.agency}")[:LONGEST].rstrip("-")
    yield name
    if agreement.place or agreement.county:
        yield f"{name}-{plain(agreement.place or agreement.county)}"
    yield from (f"{name}-{number}" for number in count(2))
