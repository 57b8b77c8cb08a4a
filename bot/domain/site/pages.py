"""The table of pages. The server, the sitemap and the export read it."""

import re
from collections.abc import Iterator, Mapping

from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.site import inputs, views
from bot.domain.site.files import FILES
from bot.domain.site.model import Model
from bot.domain.site.page import SVG, Page, itself


def _states(_: Model) -> Iterator[str]:
    return (f"/states/{code}" for code in STATES)


def _agencies(model: Model) -> Iterator[str]:
    return (f"/agencies/{slug}" for slug in model.site.agencies.by_slug)


def _counties(model: Model) -> Iterator[str]:
    return (f"/counties/{slug}" for slug in model.site.places)


def _changes(model: Model) -> Iterator[str]:
    return (f"/changes/{change.seq}" for change in model.site.changes)


def _older_changes(model: Model) -> Iterator[str]:
    return (f"/changes/before/{seq}" for seq in views.older_pages(model.site, ""))


def _states_changes(_: Model) -> Iterator[str]:
    return (f"/states/{code}/changes" for code in STATES)


def _states_older_changes(model: Model) -> Iterator[str]:
    return (f"/states/{code}/changes/before/{seq}" for code in STATES for seq in views.older_pages(model.site, code))


PAGES: tuple[Page, ...] = (
    *FILES,  # first, because the name of a state may contain a dot
    Page(pattern="/", view=views.home, template="home.html", every=itself("/")),
    Page(
        pattern=r"/states/(?P<state>[\w.' -]+)",
        view=views.state,
        template="state.html",
        every=_states,
        fields=("q", "type", "order"),
        rests_on=inputs.of_state,
    ),
    Page(
        pattern="/agencies/(?P<slug>[A-Za-z0-9-]+)",
        view=views.agency,
        template="agency.html",
        every=_agencies,
        rests_on=inputs.of_agency,
    ),
    Page(
        pattern="/counties/(?P<slug>[A-Za-z0-9-]+)",
        view=views.county,
        template="county.html",
        every=_counties,
        rests_on=inputs.of_county,
    ),
    Page(
        pattern="/changes",
        view=views.changes,
        template="changes.html",
        every=itself("/changes"),
        fields=("state", "kind", "before"),
    ),
    Page(
        pattern="/changes/before/(?P<seq>[0-9]{1,9})",
        view=views.changes,
        template="changes.html",
        every=_older_changes,
        fields=("kind",),
        is_indexed=False,
        rests_on=inputs.of_older_changes,
    ),
    Page(
        pattern=r"/states/(?P<state>[\w.' -]+)/changes",
        view=views.changes,
        template="changes.html",
        every=_states_changes,
        fields=("kind",),
        rests_on=inputs.of_states_changes,
    ),
    Page(
        pattern="/states/(?P<state>[A-Z]{2})/changes/before/(?P<seq>[0-9]{1,9})",
        view=views.changes,
        template="changes.html",
        every=_states_older_changes,
        fields=("kind",),
        is_indexed=False,
        rests_on=inputs.of_older_changes,
    ),
    Page(
        pattern="/changes/(?P<seq>[0-9]{1,9})",
        view=views.change,
        template="change.html",
        every=_changes,
        is_indexed=False,
        rests_on=inputs.of_change,
    ),
    Page(pattern="/meetings", view=views.meetings, template="meetings.html", every=itself("/meetings")),
    Page(pattern="/about", view=views.plain_page, template="about.html", every=itself("/about")),
    Page(pattern="/287g", view=views.plain_page, template="287g.html", every=itself("/287g")),
    Page(pattern="/data", view=views.plain_page, template="data.html", every=itself("/data")),
    Page(pattern="/search", view=views.search, template="search.html", fields=("q",), is_static=False),
    Page(
        pattern="/images/counties.svg",
        view=views.counties_map,
        content_type=SVG,
        every=itself("/images/counties.svg"),
        is_indexed=False,
    ),
)
_COMPILED = tuple((re.compile(page.pattern), page) for page in PAGES)


def located(path: str) -> tuple[Language, str]:
    """Return the language of a path, and the path without it."""
    for language in Language:
        prefix = f"/{language.value}"
        if language is not Language.ENGLISH and (path == prefix or path.startswith(f"{prefix}/")):
            return language, path.removeprefix(prefix) or "/"
    return Language.ENGLISH, path


def page_at(path: str) -> tuple[Page, Mapping[str, str]] | None:
    """Return the page that answers a path without its language, and the variable parts of the path."""
    for pattern, page in _COMPILED:
        if found := pattern.fullmatch(path):
            return page, found.groupdict()
    return None
