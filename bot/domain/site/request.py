"""The input and the results of a view."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.language import Language
from bot.domain.site.model import Model

LONGEST_QUERY = 100  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request for a page. `parts` are the variable parts of its address, and `query` the values of its form.

    `path` is its path without the language, and `base` the public address of this copy, or empty if it has none.
    """

    model: Model
    language: Language = Language.ENGLISH
    parts: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    path: str = "/"
    base: str = ""

    def asked(self, name: str) -> str:
        """Return a value of the form, shortened and without spaces around it."""
        return " ".join(self.query.get(name, "").split())[:LONGEST_QUERY]


@dataclass(frozen=True, slots=True)
class Redirect:
    """The address of the page that answers instead, without the language. Not every redirect is permanent."""

    path: str
    is_permanent: bool = True


@dataclass(frozen=True, slots=True)
class Body:
    """A page that isn't HTML, as it is served."""

    content: bytes


Values = Mapping[str, object]
Found = Values | Redirect | Body | None
