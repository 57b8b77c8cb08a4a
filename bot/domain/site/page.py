"""A kind of page: its addresses, its view, and how it is served."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.domain.site.model import Model
from bot.domain.site.request import Found, Request

HTML = "text/html; charset=utf-8"
SVG = "image/svg+xml"
PNG = "image/png"
CSV = "text/csv; charset=utf-8"
JSON = "application/json; charset=utf-8"


def itself(*paths: str) -> Callable[[Model], Iterable[str]]:
    """Return the paths of a page whose paths don't depend on the data."""
    return lambda _: paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A kind of page: its addresses, its view and its template.

    `pattern` matches the whole path without the language. `every` returns the paths for the sitemap and the export.
    `fields` are the values of its form; only they tell one rendering from another. `is_static` is false for pages that
    only a server can answer, and `is_indexed` for those that search engines leave out. `is_spoken` is false for data,
    which has no language. Scripts of other sites may read a page that `is_open`. `max_age` is in seconds. `rests_on`
    returns everything in the model that the page depends on; an export always renders a page without it.
    """

    pattern: str
    view: Callable[[Request], Found]
    template: str = ""
    content_type: str = HTML
    every: Callable[[Model], Iterable[str]] = lambda _: ()
    fields: tuple[str, ...] = ()
    is_static: bool = True
    is_indexed: bool = True
    is_spoken: bool = True
    is_open: bool = False
    max_age: int = 60
    rests_on: Callable[[Request], object] | None = None
