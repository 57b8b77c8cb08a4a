"""Pictures of a state for other sites: a badge, and a card that link previews show too."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from bot.domain.change import Kind
from bot.domain.language import Language
from bot.domain.pictures.card import badge, card
from bot.domain.pictures.svg import Drawing
from bot.domain.site.history import course_of
from bot.domain.site.model import Model, local_day
from bot.domain.text.catalog import say, say_count
from bot.domain.text.formats import formats
from bot.domain.text.wording import state_name

HEIGHT = 24  # of a badge, in pixels


def state_badge(model: Model, state: str, language: Language) -> Drawing:
    """Draw the number of agreements in a state, or on the whole list under ""."""
    drawn = badge(_label(state, language), formats(language).number(_agreements(model, state)))
    return replace(drawn, title=described(model, state, language), desc=drawn.title)


def state_card(model: Model, state: str, language: Language) -> Drawing:
    """Draw a card with the number of agreements in a state, its course, and the changes of the last day that had any.

    The card ends with the list that the pages show, so that it changes only with a list. After a gap in the counts, the
    course begins again, because a card has no room to explain one.
    """
    course = course_of(model.site, state)
    points = [point for point in course.points if course.gap is None or point[0] >= course.gap[1]]
    series = [(day, sum(counts.values())) for day, counts in points]
    shown = model.freshness.shown
    until = local_day(shown.observed_at) if shown is not None else series[-1][0] if series else date(2026, 1, 1)
    if shown is None:
        source = say(language, "No list has been read yet.")
    else:
        source = say(
            language, "Source: ICE's 287(g) list, read by Countersign, {day}.", day=formats(language).day(until)
        )
    title = say(language, "287(g) in {state}", state=_named(state, language))
    subtitle = described(model, state, language)
    moved = _moved(model, state, language)
    return card(title, subtitle, series, until=until, source=source, language=language, moved=moved)


def described(model: Model, state: str, language: Language) -> str:
    """Return alternative text that says what a card or a badge shows."""
    listed = model.site.by_state.get(state, ()) if state else model.site.listed
    if model.freshness.shown is None:
        return say(language, "No list has been read yet.")
    if not listed:
        return say(language, "No agency in {state} is on ICE's list.", state=_named(state, language))
    return say(
        language,
        "{agreements} with {agencies} on ICE's list",
        agreements=say_count(language, "{n} agreement", "{n} agreements", _agreements(model, state)),
        agencies=say_count(language, "{n} agency", "{n} agencies", len(listed)),
    )


def _label(state: str, language: Language) -> str:
    return say(language, "287(g) in {state}", state=_named(state, language))


def _named(state: str, language: Language) -> str:
    return state_name(state, language) if state else say(language, "the United States")


def _agreements(model: Model, state: str) -> int:
    return model.site.counts.get(state, 0) if state else sum(model.site.counts.values())


def _moved(model: Model, state: str, language: Language) -> Sequence[tuple[str, str]]:
    """Return the changes of the last day that had any, such as +13 on May 18."""
    days = (day.within(state) if state else day for day in model.site.days)
    last = next((day for day in days if day.lines), None)
    if last is None:
        return ()
    when = formats(language).short_day(last.day, year=False)
    new, gone = last.count(Kind.SIGNED, Kind.REINSTATED), last.count(Kind.WITHDRAWN)
    signs = (f"+{new}" if new else "", f"−{gone}" if gone else "")
    found = [sign for sign in signs if sign]
    return [(sign, when if sign == found[-1] else "") for sign in found]
