"""Suggest the setting that a person had in mind who set one that doesn't exist."""

from collections.abc import Iterable

from bot.domain.suggest import suggest

OURS = "COUNTERSIGN"
MOST_NAMED = 2


def meant_by(name: str, known: Iterable[str]) -> str | None:
    """Return the settings that this name may stand for, for use after "Did you mean", or None.

    People leave out a word, as in TELEGRAM_TOKEN, or add one, as in COUNTERSIGN_PORT. Only without such a setting do we
    look for typos.
    """
    names = list(known)
    found = [other for other in names if _lacks_a_word(name, other) or _has_one_too_many(name, other)]
    if 0 < len(found) <= MOST_NAMED:
        return " or ".join(found)
    return suggest(name, [other for other in names if _may_stand_for(name, other)])


def _lacks_a_word(name: str, other: str) -> bool:
    return _words(name) < _words(other) or (_words(name) == _words(other) and name != other)


def _has_one_too_many(name: str, other: str) -> bool:
    return _may_stand_for(name, other) and set() < _words(other) < _words(name)


def _may_stand_for(name: str, other: str) -> bool:
    """Return whether a name is one of ours, or as close as the platform. TELEGRAM_PORT may be another program's."""
    return name.partition("_")[0] in {OURS, other.partition("_")[0]}


def _words(name: str) -> set[str]:
    return set(name.split("_")) - {OURS}
