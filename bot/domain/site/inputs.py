"""Everything that a page depends on, apart from the program, its settings, the page's address and its language.

An export leaves out a page whose inputs are the same as last time. So whatever a view, a template or a feed reads from
the model must be among the inputs of its page. A page without inputs is always rendered.
"""

from collections.abc import Iterable

from bot.domain.change import Change
from bot.domain.site.agencies import Agency
from bot.domain.site.data_views import A_PART
from bot.domain.site.embeds import described
from bot.domain.site.history import course_of, first_read
from bot.domain.site.model import Model, Place, Site
from bot.domain.site.request import Request
from bot.domain.site.views import PER_PAGE, is_in, matching, place_at


def _frame(request: Request, state: str) -> object:
    """Return the inputs of what surrounds a page: freshness, footer, ways to subscribe and the card of its state."""
    model, shown = request.model, request.model.freshness.shown
    copy = model.captures.get(shown.evidence) if shown is not None else None
    return model.freshness, copy, model.bot, described(model, state, request.language)


def _story(model: Model, changes: Iterable[Change]) -> tuple[object, ...]:
    """Return the inputs of a list of changes: the corrections of each, the page of its agency, and its copy."""
    site, copies = model.site, model.captures
    return tuple(
        (
            change,
            site.retractions.get(change.seq),
            site.agencies.slug_of(change.agreement) if change.mention is None else None,
            copies.get(change.publication.evidence),
        )
        for change in changes
    )


def of_change(request: Request) -> object:
    """Return the inputs of a change's page and of its data."""
    seq, model = int(request.parts["seq"]), request.model
    log = model.site.changes
    if not 0 < seq <= len(log):
        return None
    change = log[seq - 1]
    documents = [each.evidence for each in (change.publication, change.before) if each is not None]
    if change.mention is not None:
        documents.append(change.mention.address)
    copies = tuple(model.captures.get(key) for key in documents)
    retracted = log[change.retracts - 1] if change.retracts is not None else None
    return _story(model, [change]), copies, retracted, described(model, change.agreement.state, request.language)


def of_part(request: Request) -> object:
    """Return the inputs of a part of the log as data."""
    end = int(request.parts["end"])
    return _story(request.model, request.model.site.changes[max(0, end - A_PART) : end])


def of_older_changes(request: Request) -> object:
    """Return the inputs of a page of older changes: a hundred of them, and whether there are more before them."""
    code, end = request.parts.get("state", ""), int(request.parts["seq"])
    found = [change for change in matching(request.model.site, code) if change.seq < end][-PER_PAGE - 1 :]
    return _story(request.model, found)


def of_states_changes(request: Request) -> object:
    """Return the inputs of the newest changes of a state."""
    code = request.parts["state"]
    found = matching(request.model.site, code)
    return _story(request.model, found[-2 * PER_PAGE :]), len(found), _frame(request, code)


def of_agency(request: Request) -> object:
    """Return the inputs of an agency's page and of its data."""
    site, slug = request.model.site, request.parts["slug"]
    agency = _agency(site, slug)
    if agency is None:
        return None
    place = site.place_of.get(agency.slug)
    return (
        site.agencies.redirects.get(slug),
        agency,
        (place.slug, place.county) if place is not None else None,
        tuple(_named(site, to) for to in agency.now_at),
        _story(request.model, agency.changes),
        _meetings_in(request.model, place),
        tuple(site.first_seen.get(row.agreement.key) for row in agency.rows),
        _frame(request, agency.state),
    )


def of_agency_feed(request: Request) -> object:
    """Return the inputs of an agency's feeds."""
    agency = _agency(request.model.site, request.parts["slug"])
    return None if agency is None else (agency, _story(request.model, agency.changes))


def of_county(request: Request) -> object:
    """Return the inputs of a county's page and of its data."""
    site = request.model.site
    place = place_at(site, request.parts.get("slug") or request.parts["county"])
    if place is None:
        return None
    seen = tuple(site.first_seen.get(row.agreement.key) for agency in place.listed for row in agency.rows)
    meetings = _meetings_in(request.model, place)
    return place.slug, place.county, place.agencies, seen, meetings, _frame(request, place.county.state)


def of_county_feed(request: Request) -> object:
    """Return the inputs of a county's feeds."""
    site = request.model.site
    place = place_at(site, request.parts["county"])
    if place is None:
        return None
    changes = [change for agency in place.agencies for change in agency.changes]
    mentions = [change for change in site.mentions if is_in(change, place)]
    return place.slug, place.county, _story(request.model, changes), _story(request.model, mentions)


def of_state(request: Request) -> object:
    """Return the inputs of a state's page, of its data, of its feeds and of its pictures."""
    model, site, code = request.model, request.model.site, request.parts["state"]
    places = (place for place in site.places.values() if place.county.state == code)
    return (
        tuple(agency for agency in site.agencies.by_slug.values() if agency.state == code),
        _story(model, (change for change in site.changes if code in change.states)),
        tuple((place.slug, place.county, tuple(agency.slug for agency in place.agencies)) for place in places),
        course_of(site, code),
        first_read(site),
        (site.statewide.get(code), site.unplaced.get(code)),
        tuple(change for change in site.meetings if code in change.states),
        tuple(site.first_seen.get(row.agreement.key) for agency in site.by_state.get(code, ()) for row in agency.rows),
        model.day,
        _frame(request, code),
    )


def _agency(site: Site, slug: str) -> Agency | None:
    return site.agencies.by_slug.get(site.agencies.redirects.get(slug, slug))


def _named(site: Site, slug: str) -> object:
    agency = _agency(site, slug)
    return (agency.slug, agency.name) if agency is not None else None


def _meetings_in(model: Model, place: Place | None) -> object:
    if place is None:
        return ()
    return _story(model, (change for change in model.site.meetings if is_in(change, place)))
