"""Link mentions on local agendas to agencies on ICE's list, based on the mention's place and wording."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from bot.domain.agenda import Mention, Subject, standing
from bot.domain.agreement import Agreement, Key
from bot.domain.change import Change, Kind
from bot.domain.geography.counties import County
from bot.domain.geography.fold import county_of, find_county
from bot.domain.lists.names import name_of

LINKED_FOR = timedelta(days=180)  # how long after a mention it can still explain a change on ICE's list
MOST_LISTED = 8
# the kinds of change that record mentions
AGENDA_KINDS = (Kind.MENTIONED, Kind.RELATED, Kind.AMENDED, Kind.LISTED, Kind.RETRACTED)
KINDS_AFTER_A_VOTE = frozenset({Kind.SIGNED, Kind.REINSTATED, Kind.APPLIED, Kind.WITHDRAWN})

_JAILS = frozenset({"jail", "detention", "corrections", "correctional"})
_POLICE = frozenset({"police", "policia", "marshal"})
_OFFICES = frozenset({"sheriff", "constable", "attorney"})
_OF_A_COUNTY = frozenset({"county", "parish", "commissioners", "supervisors", "condado"}) | _OFFICES | _JAILS
_COUNTIES = frozenset({"county", "parish", "borough"})  # Marion County isn't Marion; Melbourne Beach isn't Melbourne
_NAME_STARTS = frozenset({"north", "south", "east", "west", "new", "port", "fort", "lake", "mount", "saint"})
_NAME_ENDS = frozenset(
    {"beach", "park", "springs", "heights", "gardens", "shores", "hills", "lakes", "isles", "island", "islands",
     "falls", "grove", "point", "harbor", "junction", "valley", "creek", "ridge", "university", "college"}
)  # fmt: skip

_SYNONYMS = {"sheriffs": "sheriff", "alguacil": "sheriff", "constables": "constable", "jails": "jail", "carcel": "jail",
         "st": "saint", "ft": "fort", "mt": "mount"}  # fmt: skip


def is_meant(agreement: Agreement, mention: Mention) -> bool:
    """Return True if a mention may refer to this agency.

    A mention on a county agenda refers to the office that it names, or to the sheriff if no office is named. A mention
    on a city agenda refers to the agency with the city's name.
    """
    if agreement.state != mention.state:
        return False
    words = _words(f"{mention.source} {mention.body} {mention.title} {mention.excerpt}")
    of_county, of_police = bool(_OF_A_COUNTY & set(words)), bool(_POLICE & set(words))
    here, there = find_county(mention.state, mention.county), _county(agreement)
    if here and there and here != there:
        return False
    if agreement.agency_type == "County" or "sheriff" in agreement.canonical:
        is_here = here is not None and here == there
        return (
            of_county
            and (is_here or _is_county(words, there.name if there else ""))
            and _is_named(agreement, set(words))
        )
    town = " ".join(
        w for w in name_of(agreement.canonical, agreement.state).words if w not in _POLICE | {"public", "safety"}
    )
    return _is_called(words, town) and (of_police or not of_county)


def listed_there(participating: Mapping[Key, Agreement], mention: Mention) -> tuple[Agreement, ...]:
    """Return the agreements of the agencies that a mention may refer to.

    If there are none, return the agreements of all agencies in the county.
    """
    in_state = [agreement for key, agreement in sorted(participating.items()) if key.state == mention.state]
    meant = [agreement for agreement in in_state if is_meant(agreement, mention)]
    county = find_county(mention.state, mention.county)
    found = meant or [a for a in in_state if county and _county(a) == county]
    return tuple(found[:MOST_LISTED])


@dataclass(frozen=True, slots=True)
class AgendaLog:
    """The local agenda mentions in the change log, including all editions and retractions."""

    changes: Sequence[Change] = ()

    def mention_behind(self, change: Change) -> Mention | None:
        """Return the mention of 287(g) that may have preceded a change on ICE's list, or None if there is none.

        The mention's latest edition is returned. If several mentions match, prefer meetings that weren't canceled or
        moved, then meetings already held, then the latest meeting.
        """
        seen = change.recorded_at or change.publication.observed_at
        since, day = seen - LINKED_FOR, change.publication.observed_at.date()
        mentions = [m for m in self._last_editions(since).values() if m.subject is Subject.PROGRAM]
        meant = [m for m in mentions if is_meant(change.agreement, m)]
        return max(
            meant,
            key=lambda m: (not m.status, m.meets_on is not None and m.meets_on <= day, str(m.meets_on or "")),
            default=None,
        )

    def last_editions(self) -> Sequence[Change]:
        """Return the change with the latest edition of each mention, without those that were retracted."""
        retracted = {change.retracts for change in self.changes}
        last: dict[tuple[str, str], Change] = {}
        for change in self.changes:
            mention = change.mention
            if mention is None or change.kind is Kind.RETRACTED or change.seq in retracted:
                continue
            if mention.before is not None:
                last.pop(mention.before.key, None)
            last[mention.key] = change
        return tuple(last.values())

    def _last_editions(self, since: datetime) -> Mapping[tuple[str, str], Mention]:
        retracted = {change.retracts for change in self.changes}
        recent = (c for c in self.changes if c.recorded_at is not None and c.recorded_at >= since)
        kept = (c for c in recent if c.kind is not Kind.RETRACTED and c.seq not in retracted)
        return standing(c.mention for c in kept if c.mention)


def _county(agreement: Agreement) -> County | None:
    return county_of(agreement.state, agreement.county, agreement.agency)


def _is_named(agreement: Agreement, words: set[str]) -> bool:
    """Return True if the words name this agency's office. If they name no office, assume the sheriff or the jail."""
    name = set(agreement.canonical.split())
    if _JAILS & words and (_JAILS & name or "sheriff" in name):
        return True
    named = _OFFICES & words
    return bool(named & name) if named else bool({"sheriff", *_JAILS} & name)


def _is_called(words: Sequence[str], name: str) -> bool:
    """Return True if the words contain the town's name and the name isn't part of a longer name or a county's name."""
    return any(
        before not in _NAME_STARTS and behind not in _COUNTIES | _NAME_ENDS for before, behind in _around(words, name)
    )


def _is_county(words: Sequence[str], name: str) -> bool:
    """Return True if the words contain the name followed by a word such as County."""
    return any(behind in _COUNTIES for _, behind in _around(words, " ".join(_words(name))))


def _around(words: Sequence[str], name: str) -> Iterator[tuple[str, str]]:
    """Yield the words immediately before and after each occurrence of a name.

    At the beginning or end of the text, the missing word is an empty string.
    """
    wanted, padded = tuple(name.split()), ("", *words, "")
    size = len(wanted)
    for start in range(1, len(padded) - size) if wanted else ():
        if padded[start : start + size] == wanted:
            yield padded[start - 1], padded[start + size]


@lru_cache(maxsize=4_096)
def _words(text: str) -> tuple[str, ...]:
    """Return the words in lowercase, without possessives and with synonyms normalized."""
    plain = re.sub(r"['’]s?\b", "", text.casefold()).translate(str.maketrans("áéíóúñ", "aeioun"))
    return tuple(_SYNONYMS.get(word, word) for word in re.findall(r"[a-z0-9]+", plain))
