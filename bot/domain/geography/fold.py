"""Match written names to a state's counties. Typos, missing spaces and variants such as Saint and St. are accepted."""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from rapidfuzz.distance import OSA

from bot.domain.geography.counties import OTHER_NAME, County, counties, main_counties, plain_county
from bot.domain.geography.places import town_counties
from bot.domain.geography.readings import reading_of
from bot.domain.geography.states import STATES
from bot.domain.letters import without_accents

LONGEST = 80  # characters of a county's name that are looked at; the longest real one has 26
LONGEST_NAME = 4  # words of a real name, as in "St. John the Baptist"
SHORT = 5  # letters up to which a bare name must keep its first letter: "Plano" isn't Llano

_KINDS = ("county", "parish", "borough", "municipality", "municipio", "counties", "census area")
_KIND_WORDS = frozenset({"county", "counties", "parish", "borough", "municipality", "municipio", "co", "cnty", "cty"})
_CITY = frozenset({"city", "ciudad", "town"})
_OF = frozenset({"of", "de", "del"})
_ARTICLES = frozenset({"the", "el", "la"})
_SPANISH_KINDS = frozenset({"condado", "parroquia", "municipio", "municipalidad", "ciudad", "distrito", "isla"})
_KINDS_IN_FRONT = _SPANISH_KINDS | frozenset({"county", "parish", "borough", "municipality", "city", "town"})
_KINDS_BEHIND = (
    ("city", "and", "borough"), ("census", "area"), ("city",), ("county",), ("parish",), ("borough",), ("co",),
    ("cnty",), ("cty",), ("municipality",), ("municipio",), ("district",), ("island",),
)  # fmt: skip
_SPELLINGS = {"saint": "st", "sainte": "st", "ste": "st", "ft": "fort", "mt": "mount", "pr": "prince"}
_TOWN = re.compile(
    r"(?:(?:city|town) of )?(?P<name>.+?) (?:police(?: department| dept)?|pd|department of public safety"
    r"|public safety department)"
)
_JOINING = frozenset({"and", "the"})

Words = tuple[str, ...]


def find_county(state: str, written: str) -> County | None:
    """Return the county in a state that best matches `written`, or None if there is no match or the name is ambiguous.

    `written` may include County, Parish or a similar word. An exact match is tried first, with and without spaces.
    Next, `written` is tried as the beginning of a single county's name. Finally, up to two typos are allowed, if no
    other county is nearly as close. If a county and an independent city share a name, the word City selects the city.
    """
    return _find(state, written[:LONGEST])


def exact_county(state: str, written: str) -> County | None:
    """Return the county in a state with this exact name in English or Spanish, or None if there is none.

    The name may include County, Parish, "condado de" or a similar word. The word City matches only an independent city.
    """
    words = _words(written[:LONGEST])
    for form, is_city in _exact_forms(words) if words else ():
        county = _exact(state, form, is_city=is_city)
        if county is not None and (not is_city or "city" in county.kind):
            return county
    return None


def states_with_county(written: str) -> tuple[str, ...]:
    """Return the states that have a county with this exact name, as `exact_county` reads it."""
    words = _words(written[:LONGEST])
    names = {_joined(form) for form, _ in _exact_forms(words)} if words else set()
    found = dict.fromkeys(state for name in sorted(names) for state in _states_by_name().get(name, ()))
    return tuple(state for state in found if exact_county(state, written) is not None)


def distinct_name(county: County) -> str:
    """Return the county's name. The word City is added to an independent city that shares its name with a county."""
    return f"{county.name} City" if county in _namesakes(county.state) else county.name


def county_of_agency(state: str, agency: str) -> County | None:
    """Return the county named in an agency's name, such as "Harris County Sheriff's Office".

    Return None if the state has no such county.
    """
    words = _words(agency[: 2 * LONGEST])
    for phrase in _phrases(words):
        county = _exact(state, phrase) or find_county(state, " ".join(phrase))
        if county is not None:
            return county
    if "sheriff" in words or "sheriffs" in words:  # a sheriff is a county's, even if the name leaves out the word
        at = next(n for n, word in enumerate(words) if word.startswith("sheriff"))
        return _exact(state, words[:at]) if at else None
    return None


@lru_cache(maxsize=16_384)
def county_of(state: str, printed: str, agency: str) -> County | None:
    """Return the county where an agency is located.

    Use the county printed by ICE if it is valid. Otherwise, use the county in the agency's name. If ICE prints none,
    our reviewed reading follows, for the agencies that have one. If there is none, a
    town police department is assigned to the town's county, but only if the town's name is unique in the state and the
    town is in a single county. ICE prints "#N/A", "#REF!" or nothing for some agencies. Any other invalid county must
    resemble the town's county.
    """
    county = find_county(state, printed) or county_of_agency(state, agency)
    if county is not None:
        return county
    if (not printed or printed.startswith("#")) and (ours := reading_of(state, agency)) is not None:
        return ours[0]
    county, forms = _county_of_town(state, agency), _forms(_words(printed[:LONGEST]), state)
    forms = () if printed.startswith("#") else forms  # an error value
    if county is None or not forms:
        return county
    name = _joined(_words(county.name))
    near = min(OSA.distance(_joined(form), name) for form in forms)
    return county if near <= _slips_allowed(len(name)) else None


def _county_of_town(state: str, agency: str) -> County | None:
    town = _TOWN.fullmatch(" ".join(_words(agency[: 2 * LONGEST])))
    codes = town_counties(state, town["name"]) if town else frozenset()
    return main_counties(state).get(next(iter(codes))) if len(codes) == 1 else None


def county_key(state: str, written: str) -> str:
    """Return a key for comparing two county names in a state.

    All names for the same county have the same key. An unknown name is only normalized.
    """
    county = find_county(state, written) if written else None
    return plain_county(distinct_name(county) if county else written)


@lru_cache(maxsize=16_384)
def _find(state: str, written: str) -> County | None:
    words = _words(written)
    forms = _forms(words, state)
    for form in forms:
        county = _exact(state, form, is_city="city" in words)
        if county is not None:
            return None if _is_town_elsewhere(words, county) else county
    if (county := _consolidated(state, written)) is not None:
        return county
    return _beginning(state, forms) or _nearest(state, forms, is_bare=len(forms) == 1)


def _is_town_elsewhere(words: Words, county: County) -> bool:
    """Return True if this is a town in a different county.

    For example, Lake City isn't in Lake County, and Dade City isn't in Miami-Dade.
    """
    codes = town_counties(county.state, " ".join(words)) if words[-1:] == ("city",) else frozenset()
    return bool(codes) and county.kind != "city" and county.fips not in codes


def _consolidated(state: str, written: str) -> County | None:
    """Return the county if the name combines a town and its county, as in Athens-Clarke or Sparta-White County."""
    parts = re.split(r"\s*[-/–]\s*", written)
    if len(parts) != 2:
        return None
    found = (_exact(state, form) for form in _forms(_words(parts[1]), state))
    county = next(filter(None, found), None)
    codes = town_counties(state, " ".join(_words(parts[0])))
    return county if county is not None and county.fips in codes else None


def _words(text: str) -> Words:
    """Return the words in a name without accents, case or punctuation.

    Variants such as Saint and St. are normalized.
    """
    words = re.findall(r"[a-z0-9]+", re.sub(r"['’.`ʻ]", "", without_accents(text).casefold()))
    return tuple(_SPELLINGS.get(word, word) for word in words)


def _forms(words: Words, state: str) -> tuple[Words, ...]:
    """Return the full name, followed by shorter forms without the state and without words such as County."""
    name, code = _words(STATES.get(state, "")), state.casefold()
    tails = (tail for tail in (name, (code,)) if len(words) > len(tail) and words[-len(tail) :] == tail)
    forms = [words, *(words[: -len(tail)] for tail in tails)]
    for form in tuple(forms):
        while form := _without_kind(form):
            forms.append(form)
    return tuple(dict.fromkeys(form for form in forms if form))


def _exact_forms(words: Words) -> Iterator[tuple[Words, bool]]:
    """Yield the full name, followed by shorter forms without words such as County.

    The second value is True if the word City was removed.
    """
    words = words[1:] if len(words) > 1 and words[0] in _ARTICLES and words[1] in _KINDS_IN_FRONT else words
    forms = [(words, False)]
    for form, is_city in forms:
        yield form, is_city
        kinds = (kind for kind in _KINDS_BEHIND if len(form) > len(kind) and form[-len(kind) :] == kind)
        forms += ((form[: -len(kind)], is_city or "city" in kind) for kind in kinds)
    if len(words) > 1 and words[0] in _KINDS_IN_FRONT:
        is_city = words[0] in _CITY
        if len(words) > 2 and words[1] in _OF:
            yield words[2:], is_city
        if words[0] in _SPANISH_KINDS:  # Condado Del Norte
            yield words[1:], is_city


def _without_kind(words: Words) -> Words:
    """Remove one word such as County from the beginning or end of a name.

    Return an empty tuple if there is no such word.
    """
    if len(words) > 2 and words[1] in _OF and (_is_kind(words[0]) or words[0] in _KINDS_IN_FRONT):
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


def is_county_word(word: str) -> bool:
    """Return True for County, Parish and similar words in English and Spanish, including typos."""
    plain = "".join(_words(word))
    return _is_kind(plain) or plain in _SPANISH_KINDS


@cache
def _is_kind(word: str) -> bool:
    """Return True for County, Parish and similar words, including typos such as "Conty" and "Parrish"."""
    if word in _KIND_WORDS:
        return True
    return len(word) > 3 and any(
        OSA.distance(word, kind) <= (2 if len(word) > 4 and kind == "county" else 1) for kind in _KINDS
    )


def _joined(words: Words) -> str:
    return "".join(word for word in words if word not in _JOINING)


@cache
def _by_name(state: str) -> dict[str, tuple[County, ...]]:
    """Return the state's counties by name, with each name joined into one word.

    An alternative name maps to the county that it refers to.
    """
    real = main_counties(state)
    found: dict[str, tuple[County, ...]] = {}
    for county in counties(state):
        words, meant = _words(county.name), real.get(county.fips, county)
        for name in {_joined(words), "".join(words)}:
            if meant not in found.get(name, ()):
                found[name] = (*found.get(name, ()), meant)
    return found


@cache
def _states_by_name() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for state in STATES:
        for name in _by_name(state):
            found[name] = (*found.get(name, ()), state)
    return found


@cache
def _namesakes(state: str) -> frozenset[County]:
    """Return the independent cities that share a name with a county in the same state."""
    return frozenset(
        county for together in _by_name(state).values() if len(together) > 1 for county in together
        if county.kind == "city"
    )  # fmt: skip


def _exact(state: str, words: Words, *, is_city: bool = False) -> County | None:
    together = _by_name(state).get(_joined(words), ())
    wanted = [county for county in together if (county.kind == "city") is is_city]
    return next(iter(wanted or together), None)


def _beginning(state: str, forms: tuple[Words, ...]) -> County | None:
    """Return the only county with a name that begins with these words, or None.

    For example, "St. John" in Louisiana is St. John the Baptist.
    """
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
    """Return the county with the most similar name, or None.

    The name may differ by one or two typos, depending on its length. Every other county must be clearly less similar.
    """
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
    """Return True if any state has a county with this name.

    Such a name is more likely to be in the wrong state than to contain two typos.
    """
    return any(name in _by_name(state) for state in STATES)


def _slips_allowed(length: int) -> int:
    return 0 if length < 3 else 1 if length < 7 else 2


def _phrases(words: Words) -> Iterator[Words]:
    """Yield possible county names next to a word such as County, longest first. Each name includes that word."""
    for at, word in enumerate(words):
        if not _is_kind(word):
            continue
        for size in range(min(LONGEST_NAME, at), 0, -1):
            yield (*words[at - size : at], word)
        if words[at + 1 : at + 2] == ("of",):
            for size in range(LONGEST_NAME, 0, -1):
                yield (word, "of", *words[at + 2 : at + 2 + size])
