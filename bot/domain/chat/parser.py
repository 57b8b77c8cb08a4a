"""The command parser, shared by all chat platforms and the operator's command line."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from bot.domain.agreement import SupportType
from bot.domain.change import NEVER_CHOSEN, TOLD_BY_DEFAULT, Kind
from bot.domain.chat import towns
from bot.domain.chat.characters import plain
from bot.domain.chat.towns import Choice, Reading
from bot.domain.geography.agency_types import AgencyType
from bot.domain.geography.counties import County, county_names
from bot.domain.geography.fold import distinct_name, exact_county, find_county, states_with_county
from bot.domain.geography.states import SPANISH_NAMES, STATES
from bot.domain.geography.zips import is_zip
from bot.domain.language import Language
from bot.domain.letters import without_accents
from bot.domain.lists.names import canonical, state_code
from bot.domain.subscription import ALL_STATES, Cadence, county_entry, county_in, type_entry
from bot.domain.suggest import suggest
from bot.domain.time_zones import zone_names, zone_or_utc

SHORTEST_PART = 3  # letters of a part of an agency's name
LONGEST_PART = 80
LONGEST_PAUSE = timedelta(days=366)

_EVERYTHING = frozenset({"all", "everything", "everywhere", "todo", "todos", "todas"})
_ONLY = frozenset({"only", "just", "solo", "sólo", "solamente"})
_WORDS_FOR_KINDS = {
    "new": Kind.SIGNED, "withdrawals": Kind.WITHDRAWN, "departures": Kind.WITHDRAWN, "applications": Kind.APPLIED,
    "mentions": Kind.MENTIONED, "corrections": Kind.CORRECTED, "renames": Kind.RENAMED, "amendments": Kind.AMENDED,
    "nuevos": Kind.SIGNED, "retirados": Kind.WITHDRAWN, "restablecidos": Kind.REINSTATED, "solicitudes": Kind.APPLIED,
    "agendas": Kind.MENTIONED, "correcciones": Kind.CORRECTED, "modificaciones": Kind.AMENDED,
    "relacionados": Kind.RELATED, "relacionado": Kind.RELATED, "relacionadas": Kind.RELATED,
}  # fmt: skip
_COUNTY_WORDS = frozenset(
    {"county", "parish", "borough", "municipality", "condado", "parroquia", "municipio", "municipalidad"}
)
_KIND = "|".join(sorted(_COUNTY_WORDS))
_SMALL_WORDS = frozenset({"of", "de", "del", "los", "las", "ee", "uu", "us", "dc"})  # in the names of several states
_AND = frozenset({"and", "y", "&", "+"})
_LONGEST_COUNTY = 14  # words of a county with its state
_LONGEST_STATE = max(len(name.split()) for name in (*STATES.values(), *SPANISH_NAMES))
_TYPE_WORDS = {
    "jem": SupportType.JEM, "jail enforcement model": SupportType.JEM, "jail enforcement": SupportType.JEM,
    "wso": SupportType.WSO, "warrant service officer": SupportType.WSO, "warrant service": SupportType.WSO,
    "tfm": SupportType.TFM, "task force model": SupportType.TFM, "task force": SupportType.TFM,
}  # fmt: skip
_ZONES = {
    "eastern": "America/New_York", "et": "America/New_York", "est": "America/New_York", "edt": "America/New_York",
    "central": "America/Chicago", "ct": "America/Chicago", "cst": "America/Chicago", "cdt": "America/Chicago",
    "mountain": "America/Denver", "mt": "America/Denver", "mst": "America/Denver", "mdt": "America/Denver",
    "pacific": "America/Los_Angeles", "pt": "America/Los_Angeles", "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles", "arizona": "America/Phoenix", "alaska": "America/Anchorage",
    "hawaii": "Pacific/Honolulu", "guam": "Pacific/Guam", "puerto rico": "America/Puerto_Rico",
    "este": "America/New_York", "oriental": "America/New_York", "centro": "America/Chicago",
    "montana": "America/Denver", "pacifico": "America/Los_Angeles", "hawai": "Pacific/Honolulu",
}  # fmt: skip
_OFFSET = re.compile(r"(?:UTC|GMT|Z)? ?[-+] ?(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_AROUND_ZONE = re.compile(
    r"^(?:(?:la )?(?:hora|horario|tiempo)(?: de la| del| de)? |time in )|(?: standard| daylight)? time(?: zone)?$",
    re.IGNORECASE,
)
_AT_ONCE = frozenset(
    {"off", "instant", "no", "now", "instantly", "immediately", "right", "inmediato", "instante", "ya"}
)
WEEKDAYS = (
    ("monday", "mon", "lunes"), ("tuesday", "tue", "tues", "martes"), ("wednesday", "wed", "miercoles"),
    ("thursday", "thu", "thur", "thurs", "jueves"), ("friday", "fri", "viernes"), ("saturday", "sat", "sabado"),
    ("sunday", "sun", "domingo"),
)  # fmt: skip
_LONGEST_SHORT_DAY = 5  # letters
_WEEKLY = frozenset({"weekly", "week", "semanal", "semanalmente", "semana"})
_NO_TIME = _WEEKLY | {
    "daily", "day", "diario", "diaria", "diariamente", "dia", "dias", "at", "a", "las", "la", "los", "el", "al", "on",
    "every", "each", "once", "cada", "todos", "todas", "una", "vez", "por", "the",
}  # fmt: skip
_LONGEST_CLOCK = 5  # words
_FIRST_NIGHT_HOUR = 5  # 3 at night is 3 a.m.
_NAMED_TIMES = {
    "noon": time(12), "12 noon": time(12), "midday": time(12), "mediodia": time(12), "12 del mediodia": time(12),
    "midnight": time(0), "12 midnight": time(0), "medianoche": time(0),
}  # fmt: skip
_CLOCK = re.compile(
    r"(?:a )?(?:las? )?(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2}))?(?: ?(?:o'?clock|hrs?|horas?|h))?"
    r" ?(?P<half>[ap] ?m|(?:de|por|en) (?:la )?(?:manana|madrugada|tarde|noche)"
    r"|in the (?:morning|afternoon|evening)|at night)?"
)
_HALF_OF_DAY = re.compile(r" ([ap])\.? ?m\b\.?", re.IGNORECASE)  # "8:00 a. m.", whose "a" isn't the one of "a las 8"
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "un": 1, "una": 1, "uno": 1, "two": 2, "dos": 2, "three": 3, "tres": 3, "four": 4,
    "cuatro": 4, "five": 5, "cinco": 5, "six": 6, "seis": 6,
}  # fmt: skip
_SPANS = {
    "m": 1, "min": 1, "minuto": 1, "minute": 1, "h": 60, "hour": 60, "hora": 60, "d": 1440, "day": 1440, "dia": 1440,
    "día": 1440, "w": 10_080, "week": 10_080, "semana": 10_080, "month": 43_200, "mes": 43_200,
}  # minutes  # fmt: skip


class Misunderstood(Exception):
    """Raised if a command can't be parsed.

    `why` is the key of the reply, and `values` are the words to insert in the reply, with postal codes for states.
    `choices` are what the text could be, each with the whole text that says so.
    """

    def __init__(self, why: str, places: tuple[Choice, ...] = (), **values: str) -> None:
        self.why = why
        self.choices = places
        self.span = (0, 0)
        self.values = values
        super().__init__(why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The parsed states, counties, agency names, support types and types of agency.

    States are postal codes or ALL_STATES. Counties look like TX/harris. Agency names may be partial. Types of agency
    look like sheriff@TX. `readings` say which counties were found through a ZIP code or a town.
    """

    states: tuple[str, ...] = ()
    counties: tuple[str, ...] = ()
    agencies: tuple[str, ...] = ()
    support_types: tuple[SupportType, ...] = ()
    agency_types: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()


_EXCEPT = re.compile(
    r"\b(?:except(?:ing)?|excluding|but not|other than|without|excepto|menos|salvo|pero no)\b", re.IGNORECASE
)

# ── where ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def where(text: str) -> Where:
    """Parse a list of places and support types.

    The text may contain state codes or names, "all", counties with their states, and support types. After the word
    "agency", the rest of the text is part of an agency's name.
    """
    text = plain(text)
    agency = re.fullmatch(r"(?:agency|agencia)\s+(.+)", text, re.IGNORECASE)
    if agency:
        return Where(agencies=(agency_part(agency[1]),))
    if re.fullmatch(r"(?:agency|agencia)", text, re.IGNORECASE):
        raise Misunderstood("no_agency")
    if leaves_something_out(text):
        raise Misunderstood("exception")
    found = _Found()
    phrases = [re.findall(r",|[^\s,()]+", phrase) for phrase in re.split(r"[;\n]+", text)]
    for number, words in enumerate(phrases):
        try:
            _phrase(words, found)
        except Misunderstood as fault:
            if fault.choices:
                _complete(fault, phrases, number)
            raise
    places, typed = found.sorted()
    plain_places = [_widest(place, found.readings) for place in places]
    return Where(
        states=tuple(dict.fromkeys(place for place in plain_places if "/" not in place)),
        counties=tuple(dict.fromkeys(place for place in plain_places if "/" in place)),
        support_types=tuple(dict.fromkeys(found.types)),
        agency_types=typed,
        readings=tuple(dict.fromkeys(found.readings)),
    )


def leaves_something_out(text: str) -> bool:
    """Return True if the words leave out part of a place, as in "Texas but not Houston"."""
    return bool(_EXCEPT.search(text))


def _widest(place: str, readings: Iterable[Reading]) -> str:
    """Return the state of a ZIP code or a town whose county is all of its state, and any other place as it is."""
    county = county_in(place) if "/" in place else None
    if county is None or not county.is_whole_state:
        return place
    return county.state if any(reading.county == county and not reading.is_county for reading in readings) else place


def _complete(fault: Misunderstood, phrases: Sequence[Sequence[str]], number: int) -> None:
    """Put each choice in the place of the ambiguous words, so that its text says everything that was typed."""
    before = [" ".join(words) for words in phrases[:number]]
    after = [" ".join(words) for words in phrases[number + 1 :]]
    start, end = fault.span
    words = phrases[number]
    fault.choices = tuple(
        choice._replace(text="; ".join([*before, " ".join([*words[:start], choice.text, *words[end:]]), *after]))
        for choice in fault.choices
    )


def agency(text: str) -> tuple[str | None, str]:
    """Parse part of an agency's name and an optional postal code before it, such as "AL Franklin County"."""
    code, _, rest = text.partition(" ")
    if code in STATES and rest:
        return code, agency_part(rest)
    return None, agency_part(text)


def agency_part(text: str) -> str:
    """Normalize part of an agency's name in the same way as the names on the list."""
    part = canonical(text, "")
    if not SHORTEST_PART <= len(part) <= LONGEST_PART:
        raise Misunderstood("short_agency", typed=_shown(text))
    return part


@dataclass(slots=True)
class _Group:
    """Places, and the types of agency that are meant in them. Without types, the places themselves are meant."""

    agency_types: list[AgencyType] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    types: list[SupportType] = field(default_factory=list)
    groups: list[_Group] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)

    def add(self, place: str) -> None:
        """Add a state or a county to the group that is being read."""
        self.groups[-1].places.append(place)

    def add_type(self, agency_type: AgencyType) -> None:
        """Add a type of agency. It applies to the places that follow or, if none follow, to those in front of it."""
        if not self.groups[-1].agency_types or self.groups[-1].places:
            self.groups.append(_Group())
        self.groups[-1].agency_types.append(agency_type)

    def close(self) -> None:
        """End a phrase: a type without a place takes the places in front of it, or all states."""
        last = self.groups[-1]
        if not last.agency_types or last.places:
            return
        before = self.groups[-2]
        last.places = list(before.places) or [ALL_STATES]
        if not before.agency_types:
            before.places = []

    def sorted(self) -> tuple[list[str], tuple[str, ...]]:
        """Return the places that are meant themselves, and the entries for types of agency."""
        plain_places = [place for group in self.groups if not group.agency_types for place in group.places]
        typed = (type_entry(t, place) for group in self.groups for place in group.places for t in group.agency_types)
        return plain_places, tuple(dict.fromkeys(typed))


def _phrase(words: Sequence[str], found: _Found) -> None:
    found.groups.append(_Group())
    at = start = 0
    while at < len(words):
        if words[at] == ",":
            start = at = at + 1
            continue
        try:
            size = _one(words[at:], found)
        except Misunderstood as fault:
            fault.span = (at + fault.span[0], at + fault.span[1])
            raise
        if not size:
            raise _shifted(_fault(words[start:], at - start), start)
        at += size
    found.close()


def _one(words: Sequence[str], found: _Found) -> int:
    """Parse the longest place or support type at the start of the words.

    Return the number of words used, or 0 if nothing matches.
    """
    for read in (_agency_type, _everywhere, _zip, _state_first):
        if size := read(words, found):
            return size
    size = _county(words, found)
    longer = _town(words, found, size) or _state_or_support_type(words, found, size)
    joining = towns.all_of(words)[1] or int(words[0].casefold() in _AND)
    return longer or size or _bare_town(words, found) or joining


def _state_or_support_type(words: Sequence[str], found: _Found, shortest: int) -> int:
    """Parse the longest state or support type that has more words than `shortest`."""
    for length in range(min(_LONGEST_STATE, len(words)), shortest, -1):
        phrase = " ".join(words[:length])
        if (support_type := _TYPE_WORDS.get(phrase.casefold().rstrip("."))) is not None:
            found.types.append(support_type)
            return length
        if (code := _state_by_name(phrase)) is not None:
            found.add(code)
            return length
    return 0


def _everywhere(words: Sequence[str], found: _Found) -> int:
    size = towns.everything(words)
    if size:
        found.add(ALL_STATES)
    return size


def _county(words: Sequence[str], found: _Found) -> int:
    """Parse a county and its state at the start of the words, such as "Harris County TX".

    Return the number of words used, or 0 if nothing matches. Without a word such as County, the name of a state is read
    as the state. "Washington AR" is therefore two states, but "La Paz AZ" is a county.
    """
    for end, name, code in _counties_in_front(words):
        county = exact_county(code, name)
        if county is not None and _state_by_name(name) is None:
            if (either := towns.county_or_town(county, name)) is not None:
                raise _unsettled(either, name, end)
            found.add(county_entry(code, distinct_name(county)))
            return end
    return 0


def _state_first(words: Sequence[str], found: _Found) -> int:
    """Parse a state and then a county in it, as in "Carolina del Norte condado de Wake"."""
    for size in range(min(_LONGEST_STATE, len(words) - 1), 0, -1):
        code = _state_by_name(" ".join(words[:size]))
        at = size + (words[size : size + 1] == [","])
        if code is None or words[at : at + 1] == [] or words[at].casefold() not in _COUNTY_WORDS:
            continue
        for end in range(min(len(words), at + _LONGEST_COUNTY), at + 1, -1):
            name = " ".join(words[at:end])
            if (county := exact_county(code, name)) is not None:
                found.add(county_entry(code, distinct_name(county)))
                return end
    return 0


def _agency_type(words: Sequence[str], found: _Found) -> int:
    """Parse a type of agency and a word such as "in" after it: "all sheriffs in"."""
    agency_type, size = towns.agency_type(words)
    if agency_type is None:
        return 0
    found.add_type(agency_type)
    return size


def _zip(words: Sequence[str], found: _Found) -> int:
    """Parse a ZIP code. The same state directly in front of it is part of the address: "FL 33101"."""
    if not (is_zip(words[0]) or words[0].isdecimal()):
        return 0
    reading = _settled(towns.zip_reading, words[0], size=1)
    places = found.groups[-1].places
    if places and places[-1] == reading.county.state and reading.is_zip:
        places.pop()
    return _read(reading, 1, found)


def _town(words: Sequence[str], found: _Found, shortest: int) -> int:
    """Parse a town with its state, such as "Tampa FL", or one whose name is longer than a state's: "Oklahoma City"."""
    whole, of = towns.all_of(words)
    for end, name, code in _counties_in_front(words[of:]):
        if end + of <= shortest or _state_by_name(name) is not None or not towns.is_town(code, name):
            continue
        counties = towns.town_counties_of(code, name)
        if whole:
            for county in counties:
                found.add(county_entry(county.state, distinct_name(county)))
            return end + of
        return _read(_settled(towns.town_reading, name, code, size=end), end, found)
    end = towns.longer_name(words, _state_by_name)
    return _read(_settled(towns.bare_reading, " ".join(words[:end]), size=end), end, found) if end > shortest else 0


def _bare_town(words: Sequence[str], found: _Found) -> int:
    """Parse a town or a county without its state. If there are several, raise Misunderstood with the choices.

    Words that look like a state with a typo aren't a town, because states are what most people type: "North Crolina".
    """
    end = towns.bare_name(words, _state_by_name)
    longest = min(_LONGEST_STATE, len(_until_comma(words)))
    if end and any(_nearest_state(" ".join(words[:length])) for length in range(end, longest + 1)):
        return 0
    if len(_states_with(" ".join(words[:end]))) > 1:  # Carolina is a town too
        return 0
    return _read(_settled(towns.bare_reading, " ".join(words[:end]), size=end), end, found) if end else 0


def _settled(read: Callable[..., Reading | towns.Unsettled], *typed: str, size: int) -> Reading:
    """Return what a ZIP code or a town means, or raise Misunderstood with what it could mean."""
    found = read(*typed)
    if isinstance(found, Reading):
        return found
    raise _unsettled(found, typed[0], size)


def _unsettled(found: towns.Unsettled, typed: str, size: int) -> Misunderstood:
    fault = Misunderstood(found.why, found.choices, typed=_shown(typed), **found.values)
    fault.span = (0, size)
    return fault


def _read(reading: Reading, size: int, found: _Found) -> int:
    found.add(county_entry(reading.county.state, distinct_name(reading.county)))
    found.readings.append(reading)
    return size


def _counties_in_front(words: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Yield possible counties at the start of the words, longest first.

    Each result contains the number of words, the possible county name and the state's postal code.
    """
    for end in range(min(_LONGEST_COUNTY, len(words)), 1, -1):
        for size in range(min(_LONGEST_STATE, end - 1), 0, -1):
            code = _state_by_name(" ".join(words[end - size : end]))
            name = words[: end - size]
            if code is None or _ends_in_colorado(name):
                continue
            if len(name) > 1 and name[-1] in {"in", "en"}:
                name = name[:-1]
            if name[-1] == ",":
                name = name[:-1]
            if name and "," not in name and _AND.isdisjoint((name[0].casefold(), name[-1].casefold())):
                yield end, " ".join(name), code


def _ends_in_colorado(words: Sequence[str]) -> bool:
    """Return True if "CO" at the end of the words is short for Colorado and not for County.

    This check applies if another state follows, as in "Adams CO, Ohio".
    """
    *name, last = words[:-1] if words[-1] == "," else words
    if last not in {"CO", "co"} or not name or exact_county("CO", " ".join(name)) is None:
        return False
    return last == "CO" or words[-1] == "," or name[-1].casefold() in _COUNTY_WORDS


def _fault(words: Sequence[str], at: int) -> Misunderstood:
    """Return the error for words that can't be parsed at position `at`.

    The words before `at` are included because they may be part of the same place name.
    """
    for start in dict.fromkeys((0, at)):
        near = _near_county(words[start:], is_bare_meant=start == at)
        if near is not None:
            return near
    for start in dict.fromkeys((0, at)):
        name, has_kind = _name_in_front(words[start:])
        if not has_kind and (several := _states_with(name)):
            return _shifted(_unknown_place(name, several), start)
        is_typo = _nearest_state(name) is not None and _state_by_name(name.partition(" ")[0]) is None
        is_town = towns.is_known(name) and not is_typo
        if (has_kind and start == at) or is_town or states_with_county(name):
            return _shifted(_unknown_county(words[start:], name), start)
    return _shifted(_unknown_place(" ".join(_until_comma(words[at:]))), at)


def _shifted(fault: Misunderstood, by: int) -> Misunderstood:
    """Move the span of an error by a number of words."""
    fault.span = (fault.span[0] + by, fault.span[1] + by)
    return fault


def _name_in_front(words: Sequence[str]) -> tuple[str, bool]:
    """Return the words up to and including the first one like "County". If there is none, stop at the first comma.

    The second value is True if such a word was found.
    """
    words = _until_comma(words)
    kind = next((n for n, word in enumerate(words) if word.casefold() in _COUNTY_WORDS), None)
    return " ".join(words[: kind + 1] if kind else words), kind is not None


def _until_comma(words: Sequence[str]) -> Sequence[str]:
    return list(takewhile(lambda word: word != ",", words))


def _near_county(words: Sequence[str], *, is_bare_meant: bool) -> Misunderstood | None:
    """Return an error that suggests a county with a similar name, or None if no county is similar enough."""
    for _, name, code in reversed(list(_counties_in_front(words))):
        if _names_a_kind(name, code) or (is_bare_meant and _nearest_state(name) is None):
            county = find_county(code, name)
            if county is not None:
                return _no_such_county(name, code, county)
    return None


def _names_a_kind(name: str, code: str) -> bool:
    """Return True if the name contains a word such as County.

    A misspelled word counts if it follows a real county's name.
    """
    first, _, last = name.rpartition(" ")
    is_spelled = not _COUNTY_WORDS.isdisjoint(name.casefold().split())
    return bool(first) and (is_spelled or (last.isalpha() and exact_county(code, first) is not None))


def _unknown_county(words: Sequence[str], name: str) -> Misunderstood:
    """Return the error for a county if the state is missing or has no county with that name."""
    for size, typed, code in reversed(list(_counties_in_front(words))):
        if name.startswith(typed) and typed.casefold() not in _COUNTY_WORDS:
            fault = _no_such_county(typed, code, None)
            if fault.why == "no_county":
                fault.choices, fault.span = (*towns.in_states(typed), Choice(code, STATES[code], code)), (0, size)
            return fault
    return Misunderstood("county_state", typed=_shown(name))


def _no_such_county(name: str, code: str, county: County | None) -> Misunderstood:
    bare = re.sub(rf"^(?:{_KIND}) (?:(?:de|del|of) )?| (?:{_KIND})$", "", name, flags=re.IGNORECASE)
    near = distinct_name(county) if county else suggest(bare, county_names(code))
    why = "near_county" if near else "no_county"
    return Misunderstood(why, typed=_shown(bare), state=code, near=near or "", code=code)


def is_state(text: str) -> bool:
    """Return True if the text is a state's code or name, in English or Spanish."""
    return _state_by_name(text.strip()) is not None


def name_and_state(text: str) -> tuple[str, str]:
    """Split a text such as "St. Louis, Missouri" into a name and a postal code. Without a state, both are ""."""
    words = text.replace(",", " ").split()
    for size in range(min(_LONGEST_STATE, len(words) - 1), 0, -1):
        tail = folded(" ".join(words[-size:]))
        code = tail.upper() if tail.upper() in STATES else _by_name().get(tail, "")
        if code:
            return " ".join(words[:-size]), code
    return "", ""


def is_agency_type(text: str) -> bool:
    """Return True if the whole text is a type of agency, such as "campus police"."""
    words = text.split()
    return towns.agency_type(words) == (towns.agency_type(words)[0], len(words)) and bool(words)


@lru_cache(maxsize=4_096)
def _state_by_name(text: str) -> str | None:
    """Return the postal code for a state's code or its exact name in English or Spanish. Case is ignored."""
    name = folded(text)
    return name.upper() if name.upper() in STATES else _by_name().get(name)


@cache
def _by_name() -> dict[str, str]:
    names = {folded(name): code for code, name in STATES.items()}
    names |= {folded(name): code for name, code in SPANISH_NAMES.items()}
    return names | {"virgin islands": "VI", "washington dc": "DC"}


def folded(text: str) -> str:
    """Normalize a name's case, spaces, accents and periods."""
    return " ".join(without_accents(text.casefold()).replace(".", "").split())


def _unknown_place(text: str, several: Sequence[str] = ()) -> Misunderstood:
    first = text.partition(" ")[0]
    near = None if several else _nearest_state(text)
    several = several or ([near] if near else _states_with(first))
    if len(several) > 1:
        fault = Misunderstood("which_state", tuple(Choice(c, STATES[c], c) for c in several), typed=_shown(text))
        fault.span = (0, len(text.split()))
        return fault
    near = next(iter(several), None) or _nearest_state(first)
    if near is None:
        return Misunderstood("no_state", typed=_shown(text))
    return Misunderstood("near_state", typed=_shown(text), near=near, name=near)


def _states_with(text: str) -> list[str]:
    """Return the postal codes of the states with these words in their names, such as New or Carolina."""
    words = set(folded(text).split()) - _AND
    return sorted({code for name, code in _by_name().items() if words and words <= set(name.split()) - _SMALL_WORDS})


def _nearest_state(text: str) -> str | None:
    """Return the postal code of the state that a misspelled word most likely refers to."""
    if (code := state_code(text)) is not None:
        return code
    near = suggest(text, _by_name())
    return _by_name()[near] if near else None


# ── kinds, times, zones, spans ───────────────────────────────────────────────────────────────────────────────────────


def kinds(text: str, now: Iterable[Kind]) -> tuple[Kind, ...]:
    """Parse kinds of change: a list, "all", "default", or edits to the current kinds, such as "+amended -applied"."""
    words = re.findall(r"[^\s,;]+", re.sub(r"([-+])[-+\s]+", r"\1", plain(text).casefold()))
    words = words[1:] if len(words) > 1 and words[0] in _ONLY else words
    selectable = [kind for kind in Kind if kind not in NEVER_CHOSEN]
    chosen = set(now) if words and all(word[0] in "+-" for word in words) else set()
    for word in words:
        if word.startswith("-"):
            chosen -= _kinds_named(word[1:], selectable)
        else:
            chosen |= _kinds_named(word.removeprefix("+"), selectable)
    return tuple(kind for kind in selectable if kind in chosen)


def _kinds_named(word: str, selectable: Sequence[Kind]) -> set[Kind]:
    if word in _EVERYTHING:
        return set(selectable)
    return set(TOLD_BY_DEFAULT) if word == "default" else {_kind(word, selectable)}


def _kind(word: str, selectable: Sequence[Kind]) -> Kind:
    word = _WORDS_FOR_KINDS.get(word, word)
    if word in selectable:
        return Kind(word)
    near = suggest(word, selectable)
    raise Misunderstood(
        "near_kind" if near else "no_kind", typed=_shown(word), near=near or "", there=", ".join(selectable)
    )


@dataclass(frozen=True, slots=True)
class When:
    """A cadence with an optional time of day, time zone and, for weekly digests, weekday (0 is Monday)."""

    cadence: Cadence
    at: time | None = None
    tz: str | None = None
    weekday: int | None = None


def when(text: str) -> When:
    """Parse a cadence: `off`, `instant`, or `[daily|weekly|Thursday] [8:00] [America/Chicago]` in any order."""
    words = _HALF_OF_DAY.sub(r" \1m", plain(text).replace(",", " ")).split()
    said = [folded(word) for word in words]
    if said and said[0] in _AT_ONCE:
        return When(Cadence.INSTANT)
    days = {day for word in said if not word.isdecimal() and (day := weekday(word)) is not None}
    if len(days) > 1:
        raise Misunderstood("one_weekday", typed=_shown(text))
    is_weekly = bool(days) or not _WEEKLY.isdisjoint(said)
    rest = [word for word in words if folded(word) not in _NO_TIME and (word.isdecimal() or weekday(word) is None)]
    at, used = _clock_in(rest)
    named = " ".join(rest[: used[0]] + rest[used[1] :]) if used else " ".join(rest)
    if named:
        _check_weekday(named)
    tz = zone(named) if named else None
    return When(Cadence.WEEKLY if is_weekly else Cadence.DAILY, at, tz, next(iter(days), None))


def weekday(text: str) -> int | None:
    """Parse the name of a day of the week, such as Thursday, Thu or jueves, or its number from a form. Monday is 0."""
    word = folded(text)
    if word.isdecimal() and int(word) < len(WEEKDAYS):
        return int(word)
    return next((day for day, names in enumerate(WEEKDAYS) if word in names or word.removesuffix("s") in names), None)


def _check_weekday(text: str) -> None:
    """Raise Misunderstood if this is a misspelled weekday and not part of a time zone's name."""
    known = [name for names in WEEKDAYS for name in names if len(name) > _LONGEST_SHORT_DAY]
    near = suggest(folded(text), known)
    if near is not None and abs(len(near) - len(text)) <= 1 and text.casefold() not in _zones():
        raise Misunderstood("near_weekday", typed=_shown(text), near=near.capitalize())


def _clock_in(words: Sequence[str]) -> tuple[time | None, tuple[int, int] | None]:
    for start in range(len(words)):
        for end in range(min(start + _LONGEST_CLOCK, len(words)), start, -1):
            if (at := clock(" ".join(words[start:end]))) is not None:
                return at, (start, end)
    return None, None


def clock(text: str) -> time | None:
    """Parse a time of day, such as 8, 8:00, 08.30, 5pm, 17:30, noon, 8 in the morning or 8 de la noche."""
    words = folded(re.sub(r"(?<=\d)\.(?=\d)", ":", plain(text)))
    if words in _NAMED_TIMES:
        return _NAMED_TIMES[words]
    match = _CLOCK.fullmatch(words)
    if match is None:
        return None
    hour, minute, half = int(match["hour"]), int(match["minute"] or 0), match["half"] or ""
    if half and not 1 <= hour <= 12:
        return None
    if half:
        is_late = half.startswith("p") or half.endswith(("tarde", "afternoon", "evening"))
        is_night = half.endswith(("noche", "night"))
        hour = hour % 12 + (12 if is_late or (is_night and _FIRST_NIGHT_HOUR <= hour < 12) else 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None


def zone(text: str) -> str:
    """Parse a time zone by its full name, a city or a common name.

    An offset such as UTC-5 isn't a time zone, because it doesn't say when the clocks change.
    """
    text = plain(text)
    if (offset := _OFFSET.fullmatch(text)) is not None:
        if not int(offset[1]) and not int(offset[2] or 0):
            return "UTC"
        raise Misunderstood("offset", typed=_shown(text))
    for name in dict.fromkeys((text, _AROUND_ZONE.sub("", text).strip() or text)):
        found = _ZONES.get(folded(name)) or _zones().get(folded(name).replace(" ", "_"))
        if found is not None:
            return found
    zones = {name: zone for name, zone in (_zones() | _ZONES).items() if not zone.startswith("Etc/")}
    near = suggest(text, zones) or suggest(_AROUND_ZONE.sub("", text), zones)
    raise Misunderstood("near_zone" if near else "no_zone", typed=_shown(text), near=zones[near] if near else "")


@cache
def _zones() -> dict[str, str]:
    names = {name.casefold(): name for name in zone_names()}
    cities = {name.casefold().rpartition("/")[2]: name for name in sorted(zone_names()) if "America/" in name}
    return cities | names


def until(text: str, now: datetime, tz: str) -> datetime:
    """Parse the end of a pause, such as "3 days", "2h", "until Monday" or "until 2026-12-01". Return a time in UTC.

    Words after it, such as "because I'm on vacation", are left out.
    """
    span = re.sub(r"^(for|until|till?|hasta|por|durante)\s+(?:the |next |el |la )?", "", plain(text).casefold())
    words = span.replace(",", " ").split()
    read = (_midnight(span, tz), _span_end(span, now), *(_next_day(" ".join(words[:1]), now, tz),))
    end = next(filter(None, (*read, *(_span_end(" ".join(words[:size]), now) for size in (2, 1)))), None)
    if end is None or not now < end <= now + LONGEST_PAUSE:
        raise Misunderstood("no_span", typed=_shown(text))
    return end


def _next_day(text: str, now: datetime, tz: str) -> datetime | None:
    """Return the start of the next Monday, or of another weekday, or of tomorrow."""
    today = now.astimezone(zone_or_utc(tz)).date()
    if folded(text) in {"tomorrow", "manana"}:
        return _midnight(str(today + timedelta(days=1)), tz)
    day = None if text.isdecimal() else weekday(text)
    return None if day is None else _midnight(str(today + timedelta(days=(day - today.weekday() - 1) % 7 + 1)), tz)


def _midnight(text: str, tz: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day, time(0, 0), tzinfo=zone_or_utc(tz)).astimezone(ZoneInfo("UTC"))


def _span_end(text: str, now: datetime) -> datetime | None:
    match = re.fullmatch(r"(\d{1,4}|[a-z]+(?=\s))\s*([a-zí]+?)(?:e?s)?", text)
    minutes = _SPANS.get(match[2]) if match else None
    if match is None or minutes is None:
        return None
    number = int(match[1]) if match[1].isdecimal() else _NUMBERS.get(match[1], 0)
    return now + timedelta(minutes=number * minutes)


def language(text: str) -> Language:
    """Parse a language by its code, its name, or a locale from Slack or Telegram."""
    word = plain(text).casefold()
    if word.startswith(("es", "spa", "cas")):
        return Language.SPANISH
    if word.startswith(("en", "ing")):
        return Language.ENGLISH
    raise Misunderstood("no_language", typed=_shown(text))


def form(text: str) -> dict[str, str]:
    """Parse a form submitted as a command, such as "states=TX,OK cadence=daily at=09:00 kinds=signed"."""
    pairs = [word.partition("=") for word in text.split()]
    known = {"states", "cadence", "weekday", "at", "tz", "kinds", "pause"}
    if not pairs or any(not sign or key not in known for key, sign, _ in pairs):
        raise Misunderstood("no_form", typed=_shown(text))
    return {key: value for key, _, value in pairs}


def _shown(text: str) -> str:
    """Shorten the typed text to fit in a reply."""
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:39]}…"
