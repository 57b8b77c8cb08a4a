"""Which agencies on ICE's list a mention on a local agenda means, by the place and by the words that it uses."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from bot.domain.agenda import Mention, standing
from bot.domain.agreement import Agreement, Key
from bot.domain.change import Change, Kind
from bot.domain.geography.counties import plain_county
from bot.domain.lists.names import name_of

REMEMBERED_FOR = timedelta(days=180)  # from a mention to the change on ICE's list that it explains
MOST_LISTED = 8
OF_AGENDAS = (Kind.MENTIONED, Kind.AMENDED, Kind.LISTED, Kind.RETRACTED)  # the kinds in which mentions are recorded

FOLLOWS_ON_AGENDA = frozenset({Kind.SIGNED, Kind.REINSTATED, Kind.APPLIED, Kind.WITHDRAWN})  # what may follow a vote

_JAILS = frozenset({"jail", "detention", "corrections", "correctional"})
_POLICE = frozenset({"police", "policia", "marshal"})
_OFFICES = frozenset({"sheriff", "constable", "attorney"})
_OF_A_COUNTY = frozenset({"county", "parish", "commissioners", "supervisors", "condado"}) | _OFFICES | _JAILS
_COUNTIES = frozenset({"county", "parish", "borough"})  # Marion County is not Marion, nor Melbourne Beach Melbourne
_IN_FRONT = frozenset({"north", "south", "east", "west", "new", "port", "fort", "lake", "mount", "saint"})
_GOES_ON = frozenset(
    {"beach", "park", "springs", "heights", "gardens", "shores", "hills", "lakes", "isles", "island", "islands",
     "falls", "grove", "point", "harbor", "junction", "valley", "creek", "ridge", "university", "college"}
)  # fmt: skip

_SAME = {"sheriffs": "sheriff", "alguacil": "sheriff", "constables": "constable", "jails": "jail", "carcel": "jail",
         "st": "saint", "ft": "fort", "mt": "mount"}  # fmt: skip


def is_meant(agreement: Agreement, mention: Mention) -> bool:
    """Whether what stands on the agenda may be about this agency.

    Of a county it is the sheriff, or whichever office the words name; of a city the agency that bears its name.
    """
    if agreement.state != mention.state:
        return False
    words = _words(f"{mention.source} {mention.body} {mention.title} {mention.excerpt}")
    of_county, of_police = bool(_OF_A_COUNTY & set(words)), bool(_POLICE & set(words))
    here, there = plain_county(mention.county), plain_county(agreement.county)
    if here and there and here != there:
        return False
    if agreement.agency_type == "County" or "sheriff" in agreement.canonical:
        is_here = bool(here) and here == there
        return of_county and (is_here or _is_county(words, there)) and _is_named(agreement, set(words))
    town = " ".join(
        w for w in name_of(agreement.canonical, agreement.state).words if w not in _POLICE | {"public", "safety"}
    )
    return _is_called(words, town) and (of_police or not of_county)


def listed_there(participating: Mapping[Key, Agreement], mention: Mention) -> tuple[Agreement, ...]:
    """What ICE lists of the agencies that are meant; where it lists none of them, of any agency of the county."""
    in_state = [agreement for key, agreement in sorted(participating.items()) if key.state == mention.state]
    meant = [agreement for agreement in in_state if is_meant(agreement, mention)]
    county = plain_county(mention.county)
    found = meant or [a for a in in_state if county and plain_county(a.county) == county]
    return tuple(found[:MOST_LISTED])


@dataclass(frozen=True, slots=True)
class Agendas:
    """What local agendas said, from the log: `changes` are all editions, and what was taken back of them."""

    changes: Sequence[Change] = ()

    def speak_of(self, change: Change) -> Mention | None:
        """The mention that a change on ICE's list follows on, as it stands at the end; None where there is none.

        Of several it is the last that was not called off, of a meeting that was over by then where there is one.
        """
        seen = change.recorded_at or change.publication.observed_at
        since, day = seen - REMEMBERED_FOR, change.publication.observed_at.date()
        meant = [m for m in self._standing(since).values() if is_meant(change.agreement, m)]
        return max(
            meant,
            key=lambda m: (not m.status, m.meets_on is not None and m.meets_on <= day, str(m.meets_on or "")),
            default=None,
        )

    def _standing(self, since: datetime) -> Mapping[tuple[str, str], Mention]:
        wrong = {change.retracts for change in self.changes}
        of_late = (c for c in self.changes if c.recorded_at is not None and c.recorded_at >= since)
        return standing(c.mention for c in of_late if c.mention and c.kind is not Kind.RETRACTED and c.seq not in wrong)


def _is_named(agreement: Agreement, words: set[str]) -> bool:
    """Whether the words name the office, or none; then a sheriff is meant, or who runs the jail."""
    name = set(agreement.canonical.split())
    if _JAILS & words and (_JAILS & name or "sheriff" in name):
        return True
    named = _OFFICES & words
    return bool(named & name) if named else bool({"sheriff", *_JAILS} & name)


def _is_called(words: Sequence[str], name: str) -> bool:
    """Whether a town's name stands among the words, which is not a part of another or that of the county."""
    return any(
        before not in _IN_FRONT and behind not in _COUNTIES | _GOES_ON for before, behind in _around(words, name)
    )


def _is_county(words: Sequence[str], name: str) -> bool:
    """Whether a county's name stands among the words as one."""
    return any(behind in _COUNTIES for _, behind in _around(words, name))


def _around(words: Sequence[str], name: str) -> Iterator[tuple[str, str]]:
    """The word before and the word behind each place where a name stands; empty at either end."""
    wanted, padded = tuple(name.split()), ("", *words, "")
    size = len(wanted)
    for start in range(1, len(padded) - size) if wanted else ():
        if padded[start : start + size] == wanted:
            yield padded[start - 1], padded[start + size]


@lru_cache(maxsize=4_096)
def _words(text: str) -> tuple[str, ...]:
    """The words in small letters, without possessives."""
    plain = re.sub(r"['’]s?\b", "", text.casefold()).translate(str.maketrans("áéíóúñ", "aeioun"))
    return tuple(_SAME.get(word, word) for word in re.findall(r"[a-z0-9]+", plain))
