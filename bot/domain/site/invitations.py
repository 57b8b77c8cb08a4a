"""The words that choose a county in a chat: in a link to Telegram, and in a command to type."""

from bot.domain.chat import parser
from bot.domain.chat.parser import Misunderstood
from bot.domain.geography.counties import County
from bot.domain.geography.fold import distinct_name, exact_county
from bot.domain.page_addresses import plain

LONGEST_START = 64  # characters that Telegram allows in a link


def start_word(county: County) -> str:
    """Return the word in a link to Telegram, which allows only letters, digits, hyphens and underscores."""
    word = plain(watched_words(county))
    return word if len(word) <= LONGEST_START and _is_understood(word.replace("-", " "), county) else county.state


def watched_words(county: County) -> str:
    """Return a county as people type it, such as Galveston County TX. If chats can't tell it, return its state."""
    name = distinct_name(county)
    full = name if county.kind == "city" or name.endswith(county.kind.title()) else f"{name} {county.kind.title()}"
    words = f"{full} {county.state}"
    return words if _is_understood(words, county) else county.state


def _is_understood(words: str, county: County) -> bool:
    try:
        where = parser.where(words)
    except Misunderstood:
        return False
    if where.states or where.agencies or len(where.counties) != 1:
        return False
    state, _, name = where.counties[0].partition("/")
    found = exact_county(state, name)
    return found is not None and found.fips == county.fips
