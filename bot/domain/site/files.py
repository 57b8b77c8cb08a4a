"""The table of files for programs: data, feeds, calendars, pictures for other sites and the API's description.

Data has no language. Feeds, calendars and pictures have a version in each. The address of an agency's file answers for
its earlier addresses too, because few feed readers keep what a redirect says.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from bot.domain.geography.states import STATES
from bot.domain.site import inputs
from bot.domain.site.data_views import (
    A_PART,
    View,
    agreements_as_csv,
    agreements_as_json,
    api,
    change_as_json,
    changes_as_csv,
    changes_as_json,
    download,
    feed,
    history_rows,
    meeting_rows,
    meetings_calendar,
    older_changes,
    picture,
    state_rows,
    table_as_csv,
    table_as_json,
)
from bot.domain.site.downloads import whole_json, whole_sqlite, whole_zip
from bot.domain.site.embeds import state_badge, state_card
from bot.domain.site.feeds import EVERYTHING, atom, json_feed
from bot.domain.site.model import Model
from bot.domain.site.page import CSV, JSON, PNG, SVG, Page, itself
from bot.domain.site.request import Request
from bot.domain.site.tables import HISTORY, MEETINGS, STATES_TABLE

EMBEDDED_FOR = 900  # seconds that other sites may keep a picture
ATOM = "application/atom+xml; charset=utf-8"
JSON_FEED = "application/feed+json; charset=utf-8"
ICALENDAR = "text/calendar; charset=utf-8"
FEED_FORMATS = {"atom": (ATOM, feed(atom)), "json": (JSON_FEED, feed(json_feed))}
STATE = "/states/(?P<state>[A-Z]{2})"
Paths = Callable[[Model], Iterable[str]]
RestsOn = Callable[[Request], object]


def _file(
    pattern: str,
    view: View,
    content_type: str,
    every: Paths,
    *,
    fields: tuple[str, ...] = (),
    is_spoken: bool = False,
    max_age: int = 60,
    rests_on: RestsOn | None = None,
) -> Page:
    return Page(
        pattern=pattern,
        view=view,
        content_type=content_type,
        every=every,
        fields=fields,
        is_indexed=False,
        is_spoken=is_spoken,
        is_open=True,
        max_age=max_age,
        rests_on=rests_on,
    )


def _data(path: str, view: View, content_type: str, *fields: str) -> Page:
    """Return the page of a data file that has one path."""
    return _file(re.escape(path), view, content_type, itself(path), fields=fields)


def _of_states(tail: str) -> Paths:
    return lambda _: (f"/states/{code}{tail}" for code in STATES)


def _of_counties(tail: str) -> Paths:
    return lambda model: (f"/counties/{slug}{tail}" for slug in model.site.places)


def _of_agencies(tail: str) -> Paths:
    def paths(model: Model) -> Iterator[str]:
        agencies = model.site.agencies
        return (f"/agencies/{slug}{tail}" for slug in (*agencies.by_slug, *agencies.redirects))

    return paths


def _of_changes(model: Model) -> Iterator[str]:
    return (f"/changes/{change.seq}.json" for change in model.site.changes)


def _parts_of_changes(model: Model) -> Iterator[str]:
    return (f"/changes/to-{end}.json" for end in range(A_PART, len(model.site.changes) + 1, A_PART))


def _places() -> Iterator[Page]:
    """Yield the data and the feeds of states, counties and agencies."""
    of_states = (STATE, _of_states, inputs.of_state, inputs.of_state)
    of_counties = ("/counties/(?P<county>[a-z0-9-]+)", _of_counties, inputs.of_county, inputs.of_county_feed)
    of_agencies = ("/agencies/(?P<slug>[a-z0-9-]+)", _of_agencies, inputs.of_agency, inputs.of_agency_feed)
    for stem, paths, data, feeds in (of_states, of_counties, of_agencies):
        yield _file(rf"{stem}\.csv", agreements_as_csv, CSV, paths(".csv"), rests_on=data)
        yield _file(rf"{stem}\.json", agreements_as_json, JSON, paths(".json"), rests_on=data)
        for ending, (content_type, view) in FEED_FORMATS.items():
            every = paths(f"/feed.{ending}")
            path = rf"{stem}/feed\.{ending}"
            yield _file(path, view, content_type, every, fields=("kind",), is_spoken=True, rests_on=feeds)


def _feeds() -> Iterator[Page]:
    """Yield the feeds of all changes and of each kind."""
    names = ("all", *sorted(kind.value for kind in EVERYTHING))
    for ending, (content_type, view) in FEED_FORMATS.items():
        path = f"/feed.{ending}"
        yield _file(re.escape(path), view, content_type, itself(path), fields=("kind",), is_spoken=True)
        every = itself(*(f"/feed/{name}.{ending}" for name in names))
        yield _file(rf"/feed/(?P<kind>{'|'.join(names)})\.{ending}", view, content_type, every, is_spoken=True)


def _calendars_and_pictures() -> Iterator[Page]:
    """Yield the files of all states together and of each state."""
    for name, content_type, view, max_age in (
        ("meetings.ics", ICALENDAR, meetings_calendar, 60),
        ("badge.svg", SVG, picture(state_badge), EMBEDDED_FOR),
        ("card.svg", SVG, picture(state_card, dark=True), EMBEDDED_FOR),
        ("card.png", PNG, picture(state_card), EMBEDDED_FOR),
    ):
        tail = f"/{name}"
        of_all = (re.escape(tail), itself(tail), None)
        of_states = (STATE + re.escape(tail), _of_states(tail), inputs.of_state)
        for pattern, every, rests_on in (of_all, of_states):
            yield _file(pattern, view, content_type, every, is_spoken=True, max_age=max_age, rests_on=rests_on)


FILES: tuple[Page, ...] = (
    _data("/agreements.csv", agreements_as_csv, CSV),
    _data("/agreements.json", agreements_as_json, JSON),
    _data("/changes.csv", changes_as_csv, CSV, "state", "kind"),
    _file(STATE + r"/changes\.csv", changes_as_csv, CSV, _of_states("/changes.csv"), rests_on=inputs.of_state),
    _data("/changes.json", changes_as_json, JSON, "state", "kind", "before"),
    _file(r"/changes/to-(?P<end>[0-9]{1,7}00)\.json", older_changes, JSON, _parts_of_changes, rests_on=inputs.of_part),
    _file(r"/changes/(?P<seq>[0-9]{1,9})\.json", change_as_json, JSON, _of_changes, rests_on=inputs.of_change),
    _data("/meetings.csv", table_as_csv(MEETINGS.columns, meeting_rows), CSV),
    _data("/meetings.json", table_as_json(meeting_rows), JSON),
    _data("/history.csv", table_as_csv(HISTORY.columns, history_rows), CSV),
    _data("/history.json", table_as_json(history_rows), JSON),
    _data("/states.csv", table_as_csv(STATES_TABLE.columns, state_rows), CSV),
    _data("/states.json", table_as_json(state_rows), JSON),
    _data("/data/countersign.zip", download(whole_zip), "application/zip"),
    _data("/data/countersign.json", download(whole_json), JSON),
    _data("/data/countersign.sqlite", download(whole_sqlite), "application/vnd.sqlite3"),
    _data("/openapi.json", api, JSON),
    *_feeds(),
    *_calendars_and_pictures(),
    *_places(),
)
