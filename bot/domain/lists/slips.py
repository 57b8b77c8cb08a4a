"""Count the typos in an agency's name, including typos in the first letter, the state's name or words in brackets.

Letters alone can't distinguish a typo from another agency's name. A match counts only if there is other evidence: the
same county, signing date and support type in one publication.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from rapidfuzz.distance import OSA

from bot.domain.geography.places import place_letters
from bot.domain.geography.states import STATES
from bot.domain.lists.names import (
    Likeness,
    Name,
    bare_letters,
    canonical,
    likeness,
    name_of,
    real_names,
    tidy,
    two_numbers,
)

MOST_SLIPS = 2
LEAST_LETTERS = 4  # in a place's name, to allow a second slip in it
_BRACKETS = re.compile(r"\s*[(\[][^)\]]*[)\]]?\s*")

Words = tuple[str, ...]


@lru_cache(maxsize=50_000)
def slips_between(one: str, other: str, state: str) -> int | None:
    """Return the number of typos between two printed names, or None if they name two agencies.

    A missing or added state name, state code, word in brackets or repeated word counts as one typo. Names with
    different numbers, directions, kinds of place or real counties are two agencies, no matter how similar they look.
    """
    found = [
        count
        for a, added_to_a in _readings(one, state)
        for b, added_to_b in _readings(other, state)
        if (count := _compared(a, b, state, is_trimmed=added_to_a or added_to_b)) is not None
    ]
    return min(found, default=None)


def _compared(a: str, b: str, state: str, *, is_trimmed: bool) -> int | None:
    """Return the number of typos between versions of two names, or None if they name two agencies.

    The versions are compared both as printed and in canonical form, because "St." becomes "saint" in canonical form but
    its misprint "Tt." doesn't.
    """
    left, right = canonical(a, state), canonical(b, state)
    distance = min(_distance(left, right), _distance(a, b))
    if distance > MOST_SLIPS and not (is_trimmed and likeness(left, right, state) >= Likeness.TYPO):
        return None
    one, other = name_of(left, state), name_of(right, state)
    if _are_two(one, other) or _digits(a) != _digits(b) or _are_two_places(left, right, state):
        return None
    is_elsewhere = not (
        {*one.place} - {*other.place} and {*other.place} - {*one.place}
    )  # in "Police", not in the place
    is_long = min(len("".join(one.place)), len("".join(other.place))) >= LEAST_LETTERS
    most = MOST_SLIPS if (is_elsewhere or is_long) and not is_trimmed else 1
    return max(distance, 1) if distance <= most else 1 if distance > MOST_SLIPS else None


def _are_two(left: Name, right: Name) -> bool:
    """Return whether two names have different numbers, directions or kinds of place."""
    if two_numbers(left, right):
        return True
    if left.directions and right.directions and left.directions != right.directions:
        return True
    return bool(left.kinds and right.kinds) and not (left.kinds <= right.kinds or right.kinds <= left.kinds)


def _are_two_places(one: str, other: str, state: str) -> bool:
    """Return whether two canonical names contain two different real counties or places in the state."""
    here, there = _counties_in(one, state), _counties_in(other, state)
    if here - there and there - here:
        return True
    place, another = (bare_letters("".join(name_of(name, state).place)) for name in (one, other))
    return place != another and {place, another} <= place_letters(state)


@lru_cache(maxsize=20_000)
def _counties_in(name: str, state: str) -> frozenset[str]:
    return frozenset(real for real in real_names(state) if f" {real} " in f" {name} ")


def _digits(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def _distance(a: str, b: str) -> int:
    return OSA.distance(bare_letters(a), bare_letters(b), score_cutoff=MOST_SLIPS)


@lru_cache(maxsize=20_000)
def _readings(agency: str, state: str) -> tuple[tuple[str, bool], ...]:
    """Return the printed name and shorter versions of it, each with True if it differs from the printed name.

    The shorter versions leave out words that a clerk may have added, such as the state's name or words in brackets.
    """
    whole = tidy(agency)
    bare = _BRACKETS.sub(" ", whole)
    coded = re.sub(rf"\b{re.escape(state)}\b", " ", bare) if state else bare
    forms = dict.fromkeys([whole])
    for words in (_once(tuple(text.split())) for text in (whole, bare, coded)):
        forms |= dict.fromkeys(" ".join(form) for form in (words, *_without_state(words, state)))
    return tuple((form, form != whole) for form in forms if form)


def _once(words: Words) -> Words:
    """Return the words without consecutive repeats."""
    return tuple(word for at, word in enumerate(words) if at == 0 or word != words[at - 1])


def _without_state(words: Words, state: str) -> Iterator[Words]:
    """Yield the words without the state's name, wherever it appears, even if it is misspelled."""
    for size in range(1, 4):
        for at in range(len(words) - size + 1):
            if len(words) > size and _is_state(bare_letters("".join(words[at : at + size])), state):
                yield (*words[:at], *words[at + size :])


@cache
def _is_state(word: str, state: str) -> bool:
    name = bare_letters(STATES.get(state, ""))
    return bool(name) and OSA.distance(word, name, score_cutoff=2) <= (2 if len(name) > 9 else 1)
