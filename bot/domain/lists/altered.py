"""Detect letters that were replaced or lost in every name on a list.

The cause may be a search and replace or a wrong encoding. In either case, no agency has left or joined the list. The
page or the workbook is damaged.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import islice, product

from rapidfuzz.distance import OSA

from bot.domain.agreement import Agreement, Key
from bot.domain.geography.counties import plain_county, real_counties
from bot.domain.geography.places import place_letters
from bot.domain.lists.names import Likeness, bare_letters, likeness

MOST_COMPARED = 2_000  # pairs of names; a list with more is held because of their number
LONGEST_BEFORE, LONGEST_AFTER = 5, 12  # letters that were replaced, and letters that replaced them
AROUND = 3  # letters before the first difference that may belong to those
LEAST_REPLACED = 3  # letters of a single name; fewer are a typo

Swap = tuple[str, str]
Fold = Callable[[str], str]


def swapped_letters(
    before: Collection[Agreement], now: Collection[Agreement], gone: Collection[Key]
) -> tuple[str, str, str] | None:
    """Return the letters that were replaced in every name, the letters that replaced them, and an altered name.

    Two different words must show the same replacement. A single name is enough if its agreement is in `gone`, at least
    three letters inside a word were replaced, and the new name isn't a real place. The replacement may or may not have
    been case-sensitive.
    """
    pairs = [
        (was, is_now)
        for was, is_now in islice(_differing(before, now), MOST_COMPARED)
        if likeness(was.canonical, is_now.canonical, was.state) < Likeness.EXTENDED
    ]
    return (_swapped(pairs, now, gone, str) or _swapped(pairs, now, gone, str.casefold)) if pairs else None


def _swapped(
    pairs: Collection[tuple[Agreement, Agreement]], now: Collection[Agreement], gone: Collection[Key], fold: Fold
) -> tuple[str, str, str] | None:
    names = {fold(row.agency) for row in now}
    words: dict[Swap, set[str]] = {}
    for was, is_now in pairs:
        old_name, name = fold(was.agency), fold(is_now.agency)
        for swap, word in _swaps(old_name, name):
            words.setdefault(swap, set()).add(word)
            is_alone = was.key in gone and _is_nonsense(old_name, name, swap, is_now.state)
            is_enough = is_alone or len(words[swap]) > 1
            if is_enough and not any(_keeps(other, swap) for other in names):
                return (*swap, is_now.agency)
    return None


def _differing(before: Collection[Agreement], now: Collection[Agreement]) -> Iterator[tuple[Agreement, Agreement]]:
    """Pair each name that is no longer on the list with each new name that has the same state and support type."""
    old_names, names = ({(row.state, row.agency) for row in rows} for rows in (before, now))
    joined: dict[tuple[str, str], list[Agreement]] = {}
    for row in now:
        if (row.state, row.agency) not in old_names:
            joined.setdefault((row.state, row.key.support_type), []).append(row)
    if not joined:
        return
    for row in before:
        if (row.state, row.agency) not in names:
            yield from ((row, other) for other in joined.get((row.state, row.key.support_type), ()))


def _swaps(was: str, now: str) -> Iterator[tuple[Swap, str]]:
    """Yield each replacement of letters that turns one name into the other, together with the affected word."""
    first = next((at for at, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
    for back, old, new in product(range(AROUND + 1), range(1, LONGEST_BEFORE + 1), range(LONGEST_AFTER + 1)):
        start = first - back
        swap = was[start : start + old], now[start : start + new]
        if start < 0 or swap[0] == swap[1] or len(swap[0]) < old or len(swap[1]) < new or " " in swap[0]:
            continue
        if was.replace(*swap) == now:
            yield swap, _word_at(was, first)


def _word_at(name: str, at: int) -> str:
    return name[: min(at, len(name))].rpartition(" ")[2] + name[at:].partition(" ")[0]


def _keeps(name: str, swap: Swap) -> bool:
    """Return whether a name still contains the replaced letters, not counting those inside the replacement."""
    old, new = swap
    return old in (name.replace(new, "\0") if new else name)


def _is_nonsense(was: str, now: str, swap: Swap, state: str) -> bool:
    """Return whether several letters inside a word were replaced and the new word isn't a real place in the state."""
    if len(swap[0]) < LEAST_REPLACED or OSA.distance(was, now) < LEAST_REPLACED:
        return False
    lost, found = was.partition(swap[0]), now.partition(swap[1] or swap[0])
    if not (lost[0][-1:].isalpha() and lost[2][:1].isalpha()):
        return False
    word = found[0].rpartition(" ")[2] + swap[1] + found[2].partition(" ")[0]
    return bare_letters(word) not in place_letters(state) and plain_county(word) not in real_counties(state)
