"""The command parser, shared by all chat platforms and the operator's command line."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from bot.domain.agreement import SupportType
from bot.domain.change import NEVER_CHOSEN, TOLD_BY_DEFAULT, Kind
from bot.domain.chat.characters import plain
from bot.domain.geography.counties import County, county_names
from bot.domain.geography.fold import distinct_name, exact_county, find_county
from bot.domain.geography.states import SPANISH_NAMES, STATES
from bot.domain.language import Language
from bot.domain.lists.names import canonical, state_code
from bot.domain.subscription import ALL_STATES, Cadence, county_entry
from bot.domain.suggest import suggest
from bot.domain.time_zones import zone_names, zone_or_utc

SHORTEST_PART = 3  # letters of a part of an agency's name
LONGEST_PART = 80
LONGEST_PAUSE = timedelta(days=366)

_EVERYTHING = frozenset({"all", "everything", "everywhere", "todo", "todos", "todas"})
_SPANISH_KINDS = {
    "nuevos": Kind.SIGNED, "retirados": Kind.WITHDRAWN, "restablecidos": Kind.REINSTATED, "solicitudes": Kind.APPLIED,
    "agendas": Kind.MENTIONED, "correcciones": Kind.CORRECTED, "modificaciones": Kind.AMENDED,
    "relacionados": Kind.RELATED, "relacionado": Kind.RELATED, "relacionadas": Kind.RELATED,
}  # fmt: skip
_COUNTY_WORDS = frozenset(
    {"county", "parish", "borough", "municipality", "condado", "parroquia", "municipio", "municipalidad"}
)
_KIND = "|".join(sorted(_COUNTY_WORDS))
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
}  # fmt: skip
_OFFSET = re.compile(r"(?:UTC|GMT|Z)? ?[-+] ?(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_SPANS = {
    "m": 1, "min": 1, "minuto": 1, "minute": 1, "h": 60, "hour": 60, "hora": 60, "d": 1440, "day": 1440, "dia": 1440,
    "día": 1440, "w": 10_080, "week": 10_080, "semana": 10_080, "month": 43_200, "mes": 43_200,
}  # minutes  # fmt: skip
_VERBS = {"ayuda": "help", "parar": "stop", "idioma": "language", "estado": "status", "lista": "list", "?": "help"}


class Misunderstood(Exception):
    """Raised if a command can't be parsed.

    `why` is the key of the reply, and `values` are the words to insert in the reply.
    """

    def __init__(self, why: str, **values: str) -> None:
        self.why = why
        self.values = values
        super().__init__(why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The parsed states, counties, agency names and support types.

    States are postal codes or ALL_STATES. Counties look like TX/harris. Agency names may be partial.
    """

    states: tuple[str, ...] = ()
    counties: tuple[str, ...] = ()
    agencies: tuple[str, ...] = ()
    support_types: tuple[SupportType, ...] = ()


def verb(text: str) -> tuple[str, str]:
    """Split a command into its lowercase verb and the remaining text."""
    first, *rest = plain(text).lstrip("/-").split() or [""]
    word = first.casefold()
    return _VERBS.get(word, word), " ".join(rest)


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
    found = _Found()
    for phrase in re.split(r"[;\n]+", text):
        _phrase(re.findall(r",|[^\s,()]+", phrase), found)
    return Where(
        states=tuple(dict.fromkeys(found.states)),
        counties=tuple(dict.fromkeys(found.counties)),
        support_types=tuple(dict.fromkeys(found.types)),
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
class _Found:
    states: list[str] = field(default_factory=list)
    counties: list[str] = field(default_factory=list)
    types: list[SupportType] = field(default_factory=list)


def _phrase(words: Sequence[str], found: _Found) -> None:
    at = start = 0
    while at < len(words):
        if words[at] == ",":
            start = at = at + 1
            continue
        size = _one(words[at:], found)
        if not size:
            raise _fault(words[start:], at - start)
        at += size


def _one(words: Sequence[str], found: _Found) -> int:
    """Parse the longest place or support type at the start of the words.

    Return the number of words used, or 0 if nothing matches.
    """
    if words[0].casefold() in _EVERYTHING:
        found.states.append(ALL_STATES)
        return 1
    size = _county(words, found)
    for length in range(min(_LONGEST_STATE, len(words)), size, -1):
        phrase = " ".join(words[:length])
        if (support_type := _TYPE_WORDS.get(phrase.casefold().rstrip("."))) is not None:
            found.types.append(support_type)
            return length
        if (code := _state_by_name(phrase)) is not None:
            found.states.append(code)
            return length
    return size or int(words[0].casefold() in _AND)


def _county(words: Sequence[str], found: _Found) -> int:
    """Parse a county and its state at the start of the words, such as "Harris County TX".

    Return the number of words used, or 0 if nothing matches. Without a word such as County, the name of a state is read
    as the state. "Washington AR" is therefore two states, but "La Paz AZ" is a county.
    """
    for end, name, code in _counties_in_front(words):
        county = exact_county(code, name)
        if county is not None and _state_by_name(name) is None:
            found.counties.append(county_entry(code, distinct_name(county)))
            return end
    return 0


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
        if (has_kind and start == at) or any(exact_county(code, name) for code in STATES):
            return _unknown_county(words[start:], name)
    return _unknown_place(" ".join(_until_comma(words[at:])))


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
    for _, typed, code in reversed(list(_counties_in_front(words))):
        if name.startswith(typed) and typed.casefold() not in _COUNTY_WORDS:
            return _no_such_county(typed, code, None)
    return Misunderstood("county_state", typed=_shown(name))


def _no_such_county(name: str, code: str, county: County | None) -> Misunderstood:
    bare = re.sub(rf"^(?:{_KIND}) (?:(?:de|del|of) )?| (?:{_KIND})$", "", name, flags=re.IGNORECASE)
    near = distinct_name(county) if county else suggest(bare, county_names(code))
    why = "near_county" if near else "no_county"
    return Misunderstood(why, typed=_shown(bare), state=STATES[code], near=near or "", code=code)


@lru_cache(maxsize=4_096)
def _state_by_name(text: str) -> str | None:
    """Return the postal code for a state's code or its exact name in English or Spanish. Case is ignored."""
    plain = _plain(text)
    return plain.upper() if plain.upper() in STATES else _by_name().get(plain)


@cache
def _by_name() -> dict[str, str]:
    names = {_plain(name): code for code, name in STATES.items()}
    names |= {_plain(name): code for name, code in SPANISH_NAMES.items()}
    return names | {"virgin islands": "VI", "washington dc": "DC"}


def _plain(text: str) -> str:
    """Normalize a name's case, spaces, accents and periods."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in letters if c != "." and not unicodedata.combining(c)).split())


def _unknown_place(text: str) -> Misunderstood:
    near = _nearest_state(text) or _nearest_state(text.partition(" ")[0])
    if near is None:
        return Misunderstood("no_state", typed=_shown(text))
    return Misunderstood("near_state", typed=_shown(text), near=near, name=STATES[near])


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
    word = _SPANISH_KINDS.get(word, word)
    if word in selectable:
        return Kind(word)
    near = suggest(word, selectable)
    raise Misunderstood(
        "near_kind" if near else "no_kind", typed=_shown(word), near=near or "", there=", ".join(selectable)
    )


@dataclass(frozen=True, slots=True)
class When:
    """A cadence with an optional time of day and time zone."""

    cadence: Cadence
    at: time | None = None
    tz: str | None = None


def when(text: str) -> When:
    """Parse a cadence: `off`, `instant`, or `[daily|weekly] [8:00] [America/Chicago]` in any order."""
    words = plain(text).replace(",", " ").split()
    lowered = [word.casefold() for word in words]
    if lowered and lowered[0] in {"off", "instant", "no", "now"}:
        return When(Cadence.INSTANT)
    cadence = Cadence.WEEKLY if {"weekly", "semanal"} & set(lowered) else Cadence.DAILY
    rest = [word for word in words if word.casefold() not in {"daily", "weekly", "diario", "semanal", "at", "a", "las"}]
    at, used = _clock_in(rest)
    named = " ".join(rest[: used[0]] + rest[used[1] :]) if used else " ".join(rest)
    return When(cadence, at, zone(named) if named else None)


def _clock_in(words: Sequence[str]) -> tuple[time | None, tuple[int, int] | None]:
    for start in range(len(words)):
        for end in (start + 3, start + 2, start + 1):
            if end <= len(words) and (at := clock(" ".join(words[start:end]))) is not None:
                return at, (start, end)
    return None, None


def clock(text: str) -> time | None:
    """Parse a time of day, such as 8, 8:00, 08.30, 5pm or 17:30."""
    match = re.fullmatch(r"(\d{1,2})(?:[:.h](\d{2}))?\s*([ap]\.?\s?m\.?)?", plain(text), re.IGNORECASE)
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()[:1]
    if half and not 1 <= hour <= 12:
        return None
    hour = hour % 12 + (12 if half == "p" else 0) if half else hour
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
    if (known := _ZONES.get(text.casefold())) is not None:
        return known
    name = _zones().get(text.casefold().replace(" ", "_"))
    if name is None:
        zones = {name: zone for name, zone in (_zones() | _ZONES).items() if not zone.startswith("Etc/")}
        near = suggest(text, zones)
        raise Misunderstood("near_zone" if near else "no_zone", typed=_shown(text), near=zones[near] if near else "")
    return name


@cache
def _zones() -> dict[str, str]:
    names = {name.casefold(): name for name in zone_names()}
    cities = {name.casefold().rpartition("/")[2]: name for name in sorted(zone_names()) if "America/" in name}
    return cities | names


def until(text: str, now: datetime, tz: str) -> datetime:
    """Parse the end of a pause, such as "3 days", "2h", "1 week" or "until 2026-12-01". Return a time in UTC."""
    span = re.sub(r"^(for|until|hasta|por)\s+", "", plain(text).casefold())
    end = _midnight(span, tz) or _span_end(span, now)
    if end is None or not now < end <= now + LONGEST_PAUSE:
        raise Misunderstood("no_span", typed=_shown(text))
    return end


def _midnight(text: str, tz: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day, time(0, 0), tzinfo=zone_or_utc(tz)).astimezone(ZoneInfo("UTC"))


def _span_end(text: str, now: datetime) -> datetime | None:
    match = re.fullmatch(r"(\d{1,4})\s*([a-zí]+?)(?:e?s)?", text)
    minutes = _SPANS.get(match[2]) if match else None
    if match is None or minutes is None:
        return None
    return now + timedelta(minutes=int(match[1]) * minutes)


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
    known = {"states", "cadence", "at", "tz", "kinds", "pause"}
    if not pairs or any(not sign or key not in known for key, sign, _ in pairs):
        raise Misunderstood("no_form", typed=_shown(text))
    return {key: value for key, _, value in pairs}


def _shown(text: str) -> str:
    """Shorten the typed text to fit in a reply."""
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:39]}…"
