"""The addresses of the public pages: what the pages answer to, and what messages link to.

An agency's address is minted once, in log order, and never given to another agency.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from bot.domain.agreement import Agreement
from bot.domain.change import Change
from bot.domain.geography.counties import County
from bot.domain.geography.fold import distinct_name
from bot.domain.geography.states import STATES
from bot.domain.language import Language
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


def path_in(language: Language, path: str) -> str:
    """Return the path of a page in a language."""
    if language is Language.ENGLISH:
        return path
    return f"/{language.value}{path}"


class AddressBook:
    """The addresses minted so far, by spelling."""

    def __init__(self) -> None:
        self.by_spelling: dict[Spelling, str] = {}
        self._taken: set[str] = set()

    def follow(self, change: Change) -> None:
        """Mint the addresses of the agencies in the next change of the log. Mentions on agendas name none."""
        if change.mention is not None:
            return
        self.mint(change.agreement)
        if change.is_of_lists:
            for earlier in filter(None, (change.was, change.pending)):
                self.mint(earlier)

    def mint(self, agreement: Agreement) -> str:
        """Return the address of an agreement's agency. If it has none yet, give it the first one that is free."""
        spelling = Spelling.of(agreement)
        if spelling not in self.by_spelling:
            found = next(slug for slug in _candidates(agreement) if slug not in self._taken)
            self._taken.add(found)
            self.by_spelling[spelling] = found
        return self.by_spelling[spelling]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLinks:
    """The links from messages in one language to the pages. `base` is the public address, without a slash at the end.

    `slugs` are the addresses of the agencies in the log.
    """

    base: str
    slugs: Mapping[Spelling, str]
    language: Language

    @property
    def changes(self) -> str:
        """The page with all changes."""
        return self._at("/changes")

    def change(self, seq: int) -> str:
        """Return the page of one change, with its evidence."""
        return self._at(f"/changes/{seq}")

    def state(self, code: str) -> str | None:
        """Return a state's page, or None if the code isn't a state's."""
        return self._at(f"/states/{code}") if code in STATES else None

    def agency(self, agreement: Agreement) -> str | None:
        """Return the page of an agreement's agency, or None if the log doesn't name it."""
        slug = self.slugs.get(Spelling.of(agreement))
        return self._at(f"/agencies/{slug}") if slug is not None else None

    def _at(self, path: str) -> str:
        return f"{self.base}{path_in(self.language, path)}"


def _candidates(agreement: Agreement) -> Iterator[str]:
    name = plain(f"{agreement.state} {agreement.agency}")[:LONGEST].rstrip("-")
    yield name
    if agreement.place or agreement.county:
        yield f"{name}-{plain(agreement.place or agreement.county)}"
    yield from (f"{name}-{number}" for number in count(2))
