"""Find English words where a reader of Spanish is told something."""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

from bot.domain.geography.states import IN_SPANISH, STATES

_WORD = re.compile(r"[^\W\d_]+(?:'\w+)?")
_NOT_SAID = re.compile(
    r"\{\w*\}|`[^`]*`|(?<!\w)/\w+(?: [A-Z]{2}\b)*|https?:\S+|[@#]\w+|\b[\w-]+\.(?:csv|json|xlsx|png)\b"
)
_MORE = [
    "county",
    "parish",
    "monday",
    "thursday",
    "sunday",
    "january",
    "march",
    "june",
    "december",
    "and",
    "the",
    "of",
    "would",
]
_PROPER = ("Task Force Model", "Jail Enforcement Model", "Warrant Service Officer", "English", "JSON Feed", "website")


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(_NOT_SAID.sub(" ", text))}


@cache
def _only_english() -> frozenset[str]:
    """Return the words of the English messages that no Spanish message has. Codes of states aren't words."""
    with files("bot").joinpath("locale", "es", "LC_MESSAGES", "countersign.po").open("rb") as text:
        catalog = [message for message in read_po(text, locale="es") if message.id]
    english, spanish = set(_MORE), set()
    for message in catalog:
        english |= _words(" ".join(message.id) if isinstance(message.id, tuple) else message.id)
        spanish |= _words(" ".join(message.string) if isinstance(message.string, tuple) else message.string)
    return frozenset(english - spanish - {code.lower() for code in STATES})


def english_in(text: str, names: Iterable[str] = ()) -> list[str]:
    """Return the English words in a text, and the states under their English names. `names` may be in English."""
    for name in sorted({*names, *_PROPER}, key=len, reverse=True):
        text = text.replace(name, " ")
    states = [STATES[code] for code in IN_SPANISH if STATES[code] in text]
    return states + sorted(_words(text) & _only_english())
