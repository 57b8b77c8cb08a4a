"""The views for programs: data, feeds, calendars and pictures for other sites."""

from collections.abc import Callable, Iterable
from urllib.parse import quote

from bot.domain.change import Change, Kind
from bot.domain.geography.states import STATES
from bot.domain.letters import capitalized
from bot.domain.messages.change_json import JsonObject
from bot.domain.page_addresses import path_in
from bot.domain.pictures.svg import Drawing
from bot.domain.site.agencies import Agency
from bot.domain.site.calendar import icalendar, meetings_of
from bot.domain.site.feeds import Feed, kinds_named, window
from bot.domain.site.model import Model
from bot.domain.site.openapi import openapi
from bot.domain.site.request import Body, Found, Request
from bot.domain.site.table import Column, csv_of, json_bytes, json_of
from bot.domain.site.tables import (
    agreement_items,
    agreements_csv,
    change_items,
    changes_csv,
    history_items,
    meeting_items,
    state_items,
)
from bot.domain.site.views import is_in, place_at
from bot.domain.text.catalog import say
from bot.domain.text.rich_text import legible
from bot.domain.text.wording import HAPPENED, state_name

A_PART = 100  # changes in one part of /changes.json
View = Callable[[Request], Found]


# ── agreements ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _agencies_at(request: Request) -> tuple[Agency, ...] | None:
    """Return the agencies of a state, a county or an address, or all. Return None if there is no such page."""
    site, parts = request.model.site, request.parts
    if "state" in parts:
        return site.by_state.get(parts["state"], ()) if parts["state"] in STATES else None
    if "county" in parts:
        place = place_at(site, parts["county"])
        return place.listed if place is not None else None
    if "slug" in parts:
        agency = _agency_at(request)
        return (agency,) if agency is not None else None
    return site.listed


def _agency_at(request: Request) -> Agency | None:
    """Return the agency of an address. Programs get it at each of its earlier addresses too, without a redirect."""
    agencies, slug = request.model.site.agencies, request.parts["slug"]
    return agencies.by_slug.get(agencies.redirects.get(slug, slug))


def agreements_as_csv(request: Request) -> Found:
    """Show the agreements of a page as CSV."""
    agencies = _agencies_at(request)
    return None if agencies is None else Body(agreements_csv(request.model, request.base, agencies))


def agreements_as_json(request: Request) -> Found:
    """Show the agreements of a page as JSON. An agency has its changes beside them."""
    agencies = _agencies_at(request)
    if agencies is None:
        return None
    items = agreement_items(request.model, request.base, agencies)
    if "slug" not in request.parts:
        return Body(json_of(items))
    (agency,) = agencies
    changes = change_items(request.model, request.base, agency.changes)
    return Body(json_of(items, agency=agency.name, changes=changes))


# ── changes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def changes_matching(model: Model, state: str, kind: str) -> list[Change]:
    """Return the changes of a state and of a kind, oldest first. Empty means any."""
    return [
        change
        for change in model.site.changes
        if (not state or state in change.states) and (not kind or change.kind.value == kind)
    ]


def _is_filter(request: Request) -> bool:
    kinds = {kind.value for kind in Kind}
    return request.asked("state") in {"", *STATES} and request.asked("kind") in {"", *kinds}


def changes_as_csv(request: Request) -> Found:
    """Show the whole change log as CSV, oldest first, or what a filter leaves of it."""
    if not _is_filter(request):
        return None
    state = request.parts.get("state") or request.asked("state")
    if state not in {"", *STATES}:
        return None
    found = changes_matching(request.model, state, request.asked("kind"))
    return Body(changes_csv(request.model, request.base, found))


def changes_as_json(request: Request) -> Found:
    """Show the newest changes as JSON. `next` leads to the ones before them."""
    before, state, kind = (request.asked(name) for name in ("before", "state", "kind"))
    if not _is_filter(request) or (before and not (before.isascii() and before.isdigit())):
        return None
    if not before and not state and not kind:
        end = len(request.model.site.changes)
        return _part(request, max(0, (end - 1) // A_PART * A_PART), end)
    found = changes_matching(request.model, state, kind)
    older = [change for change in found if not before or change.seq < int(before)]
    shown = older[-A_PART:]
    asked = [f"{name}={value}" for name, value in (("state", state), ("kind", kind)) if value]
    following = "&".join([*asked, f"before={shown[0].seq}"]) if len(older) > len(shown) else None
    address = f"{request.base}/changes.json?{following}" if following else None
    return Body(json_of(change_items(request.model, request.base, reversed(shown)), following=address))


def older_changes(request: Request) -> Found:
    """Show a hundred changes whose last number is a multiple of 100. They never change, so they can be kept."""
    end = int(request.parts["end"])
    if not 0 < end <= len(request.model.site.changes):
        return None
    return _part(request, end - A_PART, end)


def _part(request: Request, start: int, end: int) -> Body:
    shown = request.model.site.changes[start:end]
    address = f"{request.base}/changes/to-{start}.json" if start > 0 else None
    return Body(json_of(change_items(request.model, request.base, reversed(shown)), following=address))


def change_as_json(request: Request) -> Found:
    """Show one change as JSON."""
    seq, log = int(request.parts["seq"]), request.model.site.changes
    if not 0 < seq <= len(log):
        return None
    (item,) = change_items(request.model, request.base, [log[seq - 1]])
    return Body(json_bytes(item))


# ── feeds and calendars ──────────────────────────────────────────────────────────────────────────────────────────────


def _feed(request: Request) -> Feed | None:
    """Return the feed that a path names: of all changes, or of a state, a county, an agency or a kind."""
    parts, asked = request.parts, request.asked("kind")
    kinds, chosen = kinds_named(parts.get("kind") or asked), _subject(request)
    if kinds is None or chosen is None:
        return None
    subject, page, changes = chosen
    if "kind" in parts and parts["kind"] != "all":
        happened = HAPPENED[Kind(parts["kind"])](request.language)
        subject = capitalized(happened)
    return Feed(
        title=say(request.language, "{subject} · Countersign", subject=subject),
        page=path_in(request.language, page),
        path=path_in(request.language, _own_path(request, page)) + (f"?kind={quote(asked)}" if asked else ""),
        changes=window((request.model.site.changes[seq - 1] for seq in changes), kinds),
        base=request.base,
        language=request.language,
        model=request.model,
    )


def _own_path(request: Request, page: str) -> str:
    """Return the path of a feed. At an earlier address of an agency, it is the one at the present address."""
    return f"{page}/{request.path.rpartition('/')[2]}" if "slug" in request.parts else request.path


def _subject(request: Request) -> tuple[str, str, Iterable[int]] | None:
    """Return a feed's subject, its page and the numbers of all changes that belong there, newest first."""
    parts, site, language = request.parts, request.model.site, request.language
    log = reversed(site.changes)
    if code := parts.get("state"):
        if code not in STATES:
            return None
        named = say(language, "287(g) in {state}", state=state_name(code, language))
        return named, f"/states/{code}", (c.seq for c in log if code in c.states)
    if "county" in parts:
        place = place_at(site, parts["county"])
        if place is None:
            return None
        numbers = {change.seq for agency in place.agencies for change in agency.changes}
        numbers |= {change.seq for change in site.mentions if is_in(change, place)}
        named = f"{place.county.name}, {state_name(place.county.state, language)}"
        return named, f"/counties/{place.slug}", sorted(numbers, reverse=True)
    if "slug" in parts:
        agency = _agency_at(request)
        named = f"{legible(agency.name)}, {state_name(agency.state, language)}" if agency is not None else ""
        return None if agency is None else (named, f"/agencies/{agency.slug}", [c.seq for c in agency.changes])
    return say(language, "Changes on ICE's 287(g) list"), "/changes", (c.seq for c in log)


def feed(form: Callable[[Feed], bytes]) -> View:
    """Return a view that writes a feed in one format."""

    def shown(request: Request) -> Found:
        found = _feed(request)
        return None if found is None else Body(form(found))

    return shown


def meetings_calendar(request: Request) -> Found:
    """Show the meetings with 287(g) on the agenda as a calendar, everywhere or in one state."""
    state, language, site = request.parts.get("state", ""), request.language, request.model.site
    if state and state not in STATES:
        return None
    title = say(language, "Meetings with 287(g) on the agenda")
    if state:
        title = f"{title}, {state_name(state, language)}"
    found = [m for m in meetings_of(site.changes, site.retractions) if state in ("", m.latest.agreement.state)]
    return Body(icalendar(request.model, found, title, request.base, language))


# ── tables, pictures, the API ────────────────────────────────────────────────────────────────────────────────────────


def table_as_csv(columns: tuple[Column, ...], rows: Callable[[Request], list[JsonObject]]) -> View:
    """Return a view that writes a table as CSV."""
    return lambda request: Body(csv_of(columns, rows(request)))


def table_as_json(rows: Callable[[Request], list[JsonObject]]) -> View:
    """Return a view that writes a table as JSON."""
    return lambda request: Body(json_of(rows(request)))


def download(whole: Callable[[Model, str], bytes]) -> View:
    """Return a view that writes everything into one file."""
    return lambda request: Body(whole(request.model, request.base))


def picture(draw: Callable[..., Drawing], *, dark: bool = False) -> View:
    """Return a view that draws a state, or the whole country, as a file of its own."""

    def shown(request: Request) -> Found:
        state = request.parts.get("state", "")
        if state and state not in STATES:
            return None
        return Body(draw(request.model, state, request.language).standalone(dark=dark).encode())

    return shown


def api(request: Request) -> Found:
    """Describe the read API as OpenAPI 3.1."""
    return Body(json_bytes(openapi(request.base)))


def meeting_rows(request: Request) -> list[JsonObject]:
    return meeting_items(request.model, request.base)


def history_rows(request: Request) -> list[JsonObject]:
    return history_items(request.model)


def state_rows(request: Request) -> list[JsonObject]:
    return state_items(request.model, request.base)
