"""Questions that `countersign init` asks: people for their tokens, and the platforms whose tokens they are."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from bot.errors import CountersignError, Unreadable

if TYPE_CHECKING:
    from bot.fetch.post import Posted, Poster  # it imports httpx, which most commands don't need

LARGEST_ANSWER = 256 * 1024  # bytes
FORM = "application/x-www-form-urlencoded"  # Slack takes JSON only at some methods

Ask = Callable[[str, Mapping[str, str], str], Awaitable[Mapping[str, Any]]]


class TokenRejected(CountersignError):
    """Raised when a platform doesn't accept a token. The message says what to do and never has the token."""


@dataclass(frozen=True, slots=True)
class TokenQuestion:
    """A token that a person must copy from the platform.

    `alias` is its environment variable, `name` what the platform calls it and `how` where to find it. `shape` is a
    regular expression that each one matches, and `looks` says the same in words. An optional one may be left out, and
    `without` says what is missing then.
    """

    alias: str
    name: str
    how: str
    shape: str
    looks: str
    without: str = ""

    def is_token(self, text: str) -> bool:
        """Return whether a text could be such a token."""
        return re.fullmatch(self.shape, text, re.ASCII) is not None

    def in_text(self, text: str) -> str:
        """Return the only token in a pasted text, such as token="…", or the text itself if it has none or several."""
        found = set(re.findall(self.shape, text, re.ASCII))
        return found.pop() if len(found) == 1 else text


class Writer(NamedTuple):
    """A chat that wrote to the bot recently: its address and its name."""

    address: str
    name: str


def asker(poster: "Poster") -> Ask:
    """Return a function that asks a platform one question and returns the JSON object in its answer."""

    async def ask(url: str, arguments: Mapping[str, str], token: str) -> Mapping[str, Any]:
        return json_object(await asked(poster, url, arguments, token))

    return ask


async def asked(poster: "Poster", url: str, arguments: Mapping[str, str], token: str) -> "Posted":
    """Ask a platform one question, and return its answer.

    Raise SourceError if no answer arrived. The error's text never has the token.
    """
    headers = {"Content-Type": FORM} | ({"Authorization": f"Bearer {token}"} if token else {})
    return await poster.post(url, urlencode(arguments).encode(), headers, cap=LARGEST_ANSWER)


def json_object(answer: "Posted") -> Mapping[str, Any]:
    """Return the JSON object in an answer. Raise Unreadable if it has none, because something else has answered."""
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Unreadable(f"something else answered with status {answer.status}, such as a proxy")
    return body
