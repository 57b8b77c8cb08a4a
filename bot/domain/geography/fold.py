"""Match a written name to a real county in a state, despite St. for Saint, a missing space or a slip of the pen."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache

from rapidfuzz.distance import OSA

from bot.domain.geography.counties import OTHER_NAME, County, counties, plain_county
from bot.domain.geography.states import STATES

LONGEST = 80  # characters of a written county name that are read; the longest real one has 26
LONGEST_NAME = 4  # words in a real name, as in "St. John the Baptist"
SHORT = 5  # letters; a bare name this short must keep its first letter: "Plano" isn't Llano

_KINDS = ("county", "parish", "borough", "municipality", "municipio", "counties", "census area")
_KIND_WORDS = frozenset({"county", "counties", "parish", "borough", "municipality", "municipio", "co", "cnty", "cty"})
_SPELLINGS = {"saint": "st", "sainte": "st", "ste": "st", "ft": "fort", "mt": "mount", "pr": "prince"}
_JOINING = frozenset({"and", "the"})

Words = tuple[str, ...]


def find_county(state: str, written: str) -> County | None:
    """Return the county in a state that `written` means, or None if it means none or could mean two.

    `written` is a name with or without County, Parish or the like. An exact match comes first, then a match without
    spaces, then the beginning of a single real name, then a match with a slip of the pen or two, if no other county is
    nearly as close. If a county and an independent city share a name, the word City means the city.
    """
    return _find(state, written[:LONGEST])


def county_of_agency(state: str, agency: str) -> County | None:
    """Return the county in an agency's name ("Harris County Sheriff's Office"), if the state has that county."""
    words = _words(agency[: 2 * LONGEST])
    for phrase in _phrases(words):
        county = _exact(state, phrase) or find_county(state, " ".join(phrase))
        if county is not None:
            return county
    if "sheriff" in words or "sheriffs" in words:  # a sheriff serves a county, even if the name leaves out the word
        at = next(n for n, word in enumerate(words) if word.startswith("sheriff"))
        return _exact(state, words[:at]) if at else None
    return None


def county_key(state: str, written: str) -> str:
    """Return the form used to compare two counties in a state.

    Names that mean the same real county have the same key. A name that means no real county is only folded.
    """
    county = find_county(state, written) if written else None
    if county is None:
        return plain_county(written)
    return f"{plain_county(county.name)} city" if county in _namesakes(state) else plain_county(county.name)


@lru_cache(maxsize=16_384)
def _find(state: str, written: str) -> County | None:
    words = _words(written)
    forms = _forms(words, state)
    for form in forms:
        county = _exact(state, form, is_city="city" in words)
        if county is not None:
            return county
    return _beginning(state, forms) or _nearest(state, forms, is_bare=len(forms) == 1)


def _words(text: str) -> Words:
    """Return the words of a name without accents, case or punctuation, and with Saint and Fort spelled one way."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    words = re.findall(r"[a-z0-9]+", re.sub(r"['’.`ʻ]", "", plain.casefold()))
    return tuple(_SPELLINGS.get(word, word) for word in words)


def _forms(words: Words, state: str) -> tuple[Words, ...]:
    """Return the words as they are, then without the state and without the words that name a kind of place."""
    name, code = _words(STATES.get(state, "")), state.casefold()
    tails = (tail for tail in (name, (code,)) if len(words) > len(tail) and words[-len(tail) :] == tail)
    forms = [words, *(words[: -len(tail)] for tail in tails)]
    for form in tuple(forms):
        while form := _without_kind(form):
            forms.append(form)
    return tuple(dict.fromkeys(form for form in forms if form))


def _without_kind(words: Words) -> Words:
    """Return the words without one kind of place at their beginning or end; nothing if there is none."""
    if len(words) > 2 and words[1] in _OF and (_is_kind(words[0]) or words[0] in _KINDS_IN_FRONT | {"town"}):
        return words[2:]
    if len(words) > 2 and words[-2:] == ("census", "area"):
        return words[:-2]
    if len(words) > 1 and (_is_kind(words[-1]) or words[-1] in {"city", "and"}):
        return words[:-1]
    if len(words) > 1 and words[-1] == "of" and _is_kind(words[0]):
        return words[1:-1]
    joined = next((kind for kind in ("county", "parish") if words and words[-1].endswith(kind)), "")
    if joined and len(words[-1]) > len(joined) + 2:
        return (*words[:-1], words[-1].removesuffix(joined))
    return ()


@cache
def _is_kind(word: str) -> bool:
    """Return True for County, Parish and the like, even with a slip of the pen ("Conty", "Parrish")."""
    if word in _KIND_WORDS:
        return True
    return len(word) > 3 and any(
        OSA.distance(word, kind) <= (2 if len(word) > 4 and kind == "county" else 1) for kind in _KINDS
    )


def _joined(words: Words) -> str:
    return "".join(word for word in words if word not in _JOINING)


@cache
def _by_name(state: str) -> dict[str, tuple[County, ...]]:
    """Map each county name, written as one word, to the state's counties that it means; other names are included."""
    real = {county.fips: county for county in counties(state) if county.kind != OTHER_NAME}
    found: dict[str, tuple[County, ...]] = {}
    for county in counties(state):
        words, meant = _words(county.name), real.get(county.fips, county)
        for name in {_joined(words), "".join(words)}:
            if meant not in found.get(name, ()):
                found[name] = (*found.get(name, ()), meant)
    return found


@cache
def _namesakes(state: str) -> frozenset[County]:
    """Return the independent cities that share a name with a county in the state."""
    return frozenset(
        county for together in _by_name(state).values() if len(together) > 1 for county in together
        if county.kind == "city"
    )  # fmt: skip


def _exact(state: str, words: Words, *, is_city: bool = False) -> County | None:
    together = _by_name(state).get(_joined(words), ())
    wanted = [county for county in together if (county.kind == "city") is is_city]
    return next(iter(wanted or together), None)


def _beginning(state: str, forms: tuple[Words, ...]) -> County | None:
    """Return the only county whose name begins with these words ("St. John" in Louisiana is St. John the Baptist)."""
    words = forms[-1] if forms else ()
    if len("".join(words)) < 6:
        return None
    fits = {
        county.fips: county
        for county in counties(state)
        if county.kind != OTHER_NAME and _words(county.name)[: len(words)] == words
    }
    return next(iter(fits.values())) if len(fits) == 1 else None


def _nearest(state: str, forms: tuple[Words, ...], *, is_bare: bool) -> County | None:
    """Return the county that is a slip or two away, if every other county is clearly farther away."""
    if not forms or not _by_name(state):
        return None
    ranked = sorted((min(OSA.distance(_joined(form), name) for form in forms), name) for name in _by_name(state))
    distance, name = ranked[0]
    same = _by_name(state)[name]
    next_distance = next((far for far, other in ranked if _by_name(state)[other] != same), LONGEST)
    shortest = min(len(name), *(len(_joined(form)) for form in forms[-1:]))
    if distance > _slips_allowed(shortest) or next_distance < distance + (1 if distance == 1 else 2):
        return None
    if distance > 1 and any(_is_real_elsewhere(_joined(form)) for form in forms):
        return None
    if is_bare and shortest <= SHORT and _joined(forms[-1])[0] != name[0]:
        return None
    return _exact(state, (name,), is_city=any("city" in form for form in forms))


@cache
def _is_real_elsewhere(name: str) -> bool:
    """Return True for a county's name in any state: it more likely means that county than one two slips away."""
    return any(name in _by_name(state) for state in STATES)


def _slips_allowed(length: int) -> int:
    return 0 if length < 3 else 1 if length < 7 else 2


def _phrases(words: Words) -> Iterator[Words]:
    """Yield the phrases around a word such as County that may name a county, longest first, including that word."""
    for at, word in enumerate(words):
        if not _is_kind(word):
            continue
        for size in range(min(LONGEST_NAME, at), 0, -1):
            yield (*words[at - size : at], word)
        if words[at + 1 : at + 2] == ("of",):
            for size in range(LONGEST_NAME, 0, -1):
                yield (word, "of", *words[at + 2 : at + 2 + size])
