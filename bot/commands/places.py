"""Replies and settings for ZIP codes, towns and shared locations."""

from collections.abc import Sequence
from dataclasses import replace

from bot.commands.question import Question
from bot.domain.chat import replies, words
from bot.domain.chat.parser import Misunderstood
from bot.domain.chat.request import LONGEST_COMMAND, Button, Reply
from bot.domain.chat.towns import Reading, county_text
from bot.domain.geography.agency_types import AgencyType
from bot.domain.geography.counties import County, county_by_fips
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, Filter, Settings, type_entry
from bot.domain.text.formats import formats
from bot.domain.text.rich_text import Span
from bot.domain.text.wording import state_name

MOST_BUTTONS = 3  # for other parts of a ZIP code, or smaller places of the same name


def choice_buttons(language: Language, typed: str, fault: Misunderstood) -> tuple[tuple[Button, ...], ...]:
    """Return a button for each place that the text could mean, with the command that says so without doubt."""
    verb, rest = words.verb(typed)
    if verb not in {"watch", "unwatch", "recent", "place", "list"}:
        return ()
    verb = "" if verb == "place" else f"{verb} "
    only = "only " if verb == "watch " and rest.casefold().startswith(("only ", "solo ")) else ""
    found = []
    for choice in fault.choices:
        command = f"{verb}{only}{choice.text}"
        if len(command.encode()) <= LONGEST_COMMAND:
            found.append((Button(replies.choice_label(language, choice), command),))
    return tuple(found)


# ── statewide agencies ───────────────────────────────────────────────────────────────────────────────────────────────


def with_statewide(settings: Settings, readings: Sequence[Reading]) -> tuple[Settings, tuple[str, ...]]:
    """Add the statewide agencies of the states in which a ZIP code, a town or a location is, unless declined.

    Also return the states that were added.
    """
    if settings.with_statewide is False:
        return settings, ()
    watched = settings.filter
    states = dict.fromkeys(reading.county.state for reading in readings if reading.is_statewide_meant)
    if ALL_STATES in watched.states or type_entry(AgencyType.STATE, ALL_STATES) in watched.agency_types:
        states = {}
    added = tuple(
        state for state in states
        if state not in watched.states and type_entry(AgencyType.STATE, state) not in watched.agency_types
    )  # fmt: skip
    if not added:
        return settings, ()
    entries = {type_entry(AgencyType.STATE, state): 0 for state in added}
    filter_ = replace(watched, agency_types={**watched.agency_types, **entries})
    return replace(settings, filter=filter_, with_statewide=True), added


def without_statewide(filter_: Filter, readings: Sequence[Reading]) -> Filter:
    """Remove the statewide agencies that came with ZIP codes and towns, if no county of their state is left."""
    left = {entry.partition("/")[0] for entry in filter_.counties}
    gone = {type_entry(AgencyType.STATE, r.county.state) for r in readings if r.county.state not in left}
    return replace(filter_, agency_types={k: v for k, v in filter_.agency_types.items() if k not in gone})


def statewide_chosen(settings: Settings, states: Sequence[str], *, is_wanted: bool) -> Settings:
    """Return the settings after a person kept or left out the statewide agencies of these states."""
    entries = {type_entry(AgencyType.STATE, state): 0 for state in states}
    watched = settings.filter.agency_types
    kept = {k: v for k, v in watched.items() if k not in entries}
    after = {**watched, **{k: v for k, v in entries.items() if k not in watched}} if is_wanted else kept
    return replace(settings, filter=replace(settings.filter, agency_types=after), with_statewide=is_wanted)


# ── what the places were read as ─────────────────────────────────────────────────────────────────────────────────────


def with_readings(question: Question, reply: Reply, readings: Sequence[Reading], asked: Sequence[str]) -> Reply:
    """Say at the top of a reply how the places were read, and ask below about these states."""
    if not readings:
        return reply
    lines = tuple((Span(_reading_text(question, reading)),) for reading in readings)
    buttons = tuple((button,) for reading in readings for button in _other_buttons(question, reading))
    if not asked:
        return replace(reply, lines=(*lines, *reply.lines), buttons=(*buttons, *reply.buttons))
    names = formats(question.language).join([state_name(state, question.language) for state in asked])
    codes = " ".join(asked)
    yes = question.button("b_keep_statewide", f"statewide yes {codes}")
    no = question.button("b_no_statewide", f"statewide no {codes}")
    return replace(
        reply,
        lines=(*lines, *reply.lines, question.says("ask_statewide", states=names)),
        buttons=((yes, no), *buttons, *reply.buttons),
    )


def _reading_text(question: Question, reading: Reading) -> str:
    if reading.typed:
        return replies.reading_line(question.language, reading)
    county = replies.named_county(question.language, reading.county)
    return replies.said(
        question.language, "you_are_in", county=county, state=state_name(reading.county.state, question.language)
    )


def _other_buttons(question: Question, reading: Reading) -> Sequence[Button]:
    """Return buttons for the counties of other parts of a ZIP code, and for smaller places of the same name."""
    language = question.language
    also = [
        Button(replies.said(language, "b_also", place=replies.named_county(language, c)), f"watch {county_text(c)}")
        for c in reading.others[:MOST_BUTTONS]
    ]
    elsewhere = [
        Button(
            replies.said(language, "b_also", place=f"{reading.typed}, {state_name(state, language)}"),
            f"watch {reading.typed} {state}",
        )
        for state in reading.elsewhere[:MOST_BUTTONS]
    ]
    return [button for button in (*also, *elsewhere) if len(button.command.encode()) <= LONGEST_COMMAND]


# ── a shared location ────────────────────────────────────────────────────────────────────────────────────────────────


def counties_here(rest: str) -> tuple[bool, tuple[County, ...]]:
    """Read "in 12057" or "near 12057 12101". Return True if the county is sure, and the counties, nearest first."""
    how, *codes = rest.split() or [""]
    found = tuple(filter(None, map(county_by_fips, codes)))
    return how == "in", found


def which_county_here(question: Question, counties: Sequence[County]) -> Reply:
    """Ask which county a location is in if it's too near a line."""
    language, nearest = question.language, counties[0]
    county = replies.named_county(language, nearest)
    buttons = tuple(
        (Button(f"{replies.named_county(language, each)}, {each.state}", f"here in {each.fips}"),) for each in counties
    )
    return Reply(
        lines=(question.says("you_are_near", county=county, state=state_name(nearest.state, language)),),
        buttons=buttons,
    )
