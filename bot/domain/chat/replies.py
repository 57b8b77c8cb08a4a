"""The sentences used in chat replies."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from bot.domain.agreement import SupportType
from bot.domain.change import Kind
from bot.domain.chat.parser import Misunderstood, Where
from bot.domain.chat.towns import Choice, Reading
from bot.domain.geography.agency_types import AgencyType
from bot.domain.geography.counties import County
from bot.domain.geography.fold import distinct_name, exact_county, is_county_word
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, STOPPED, Filter, Settings, county_in, typed_place
from bot.domain.text.catalog import Phrase
from bot.domain.text.formats import formats, name_in
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import HELD, Wording, county_name, state_name, states_in_order


class Mistake(NamedTuple):
    """The reply to a command that can't be parsed. `what` explains the problem, and `instead` suggests what to type."""

    what: Phrase
    instead: Phrase | None = None


MISTAKES: Mapping[str, Mistake] = {
    "no_state": Mistake(
        Phrase("“{typed}” isn't a state I know."),
        Phrase("Try /watch TX or /watch Texas."),
    ),
    "near_state": Mistake(
        Phrase("“{typed}” isn't a state I know. Did you mean {name}?"),
        Phrase("Try /watch {near}."),
    ),
    "county_state": Mistake(
        Phrase("Which state is {typed} in?"),
        Phrase("Try /watch Harris County TX."),
    ),
    "which_county": Mistake(
        Phrase("“{typed}” can be more than one county in {state}. Which one?"),
        Phrase("Add the word County and the state, as in /watch Harris County TX."),
    ),
    "town_without_county": Mistake(
        Phrase("I don't know which county {typed}, {state}, is in."),
        Phrase("Name the county, as in /watch Harris County TX."),
    ),
    "exception": Mistake(
        Phrase("I can't leave out part of a place."),
        Phrase("Say what you want instead, as in /watch police in Nebraska or /watch only TX."),
    ),
    "no_zip": Mistake(
        Phrase("“{typed}” isn't a ZIP code, which has five digits."),
        Phrase("Try /watch 33594, or name a county or a town."),
    ),
    "unknown_zip": Mistake(
        Phrase("I don't know the ZIP code {typed}."),
        Phrase("Check the digits, or name a county or a town."),
    ),
    "military_zip": Mistake(
        Phrase("{typed} is a ZIP code for military or diplomatic mail, so it isn't in any county."),
        Phrase("Name a county or a town instead, as in /watch Tampa FL."),
    ),
    "zip_without_county": Mistake(
        Phrase("I don't know which county {typed} is in."),
        Phrase("Name a county or a state instead, as in /watch Harris County TX."),
    ),
    "near_county": Mistake(
        Phrase("I don't know a county called {typed} in {state}. Did you mean {near}?"),
        Phrase("Try /watch {near} County {code}."),
    ),
    "no_county": Mistake(
        Phrase("I don't know a county or a town called {typed} in {state}."),
        Phrase("Check the spelling, or try /watch {code} for the whole state."),
    ),
    "which_state": Mistake(
        Phrase("Several states have “{typed}” in their names. Which one?"),
    ),
    "no_agency": Mistake(
        Phrase("Which agency?"),
        Phrase("Add at least three letters of its name, as in /watch agency Tampa Police."),
    ),
    "short_agency": Mistake(
        Phrase("I can't search for “{typed}”."),
        Phrase("Send at least three letters of the agency's name, as in /agency Harris County Sheriff."),
    ),
    "no_kind": Mistake(
        Phrase("“{typed}” isn't a kind of change I know. The kinds are: {there}."),
    ),
    "near_kind": Mistake(
        Phrase("“{typed}” isn't a kind of change I know. Did you mean {near}?"),
        Phrase("Send /kinds to choose from a list."),
    ),
    "no_kinds": Mistake(
        Phrase("That would leave nothing to send, so nothing changed."),
        Phrase("To stop getting messages, send /pause or /stop."),
    ),
    "one_weekday": Mistake(
        Phrase("A weekly digest comes on one day."),
        Phrase("Try /digest weekly Thursday 8:00, or /digest 8:00 for every day."),
    ),
    "near_weekday": Mistake(
        Phrase("“{typed}” isn't a day or a time zone I know. Did you mean {near}?"),
    ),
    "no_zone": Mistake(
        Phrase("“{typed}” isn't a time or a time zone I know."),
        Phrase("Try /digest 8:00 America/Chicago."),
    ),
    "near_zone": Mistake(
        Phrase("“{typed}” isn't a time zone I know. Did you mean {near}?"),
        Phrase("Try /digest 8:00 {near}."),
    ),
    "offset": Mistake(
        Phrase(
            "“{typed}” is an offset from UTC, which doesn't say when clocks change. Send a time zone or a big city in "
            "it, such as America/Chicago or Chicago."
        ),
        Phrase("Try /digest 8:00 America/Chicago."),
    ),
    "no_span": Mistake(
        Phrase("For how long?"),
        Phrase("Try /pause 3 days, or /pause until YYYY-MM-DD for a date. The longest pause is a year."),
    ),
    "no_language": Mistake(
        Phrase("“{typed}” isn't a language I speak. I speak {languages}."),
        Phrase("Send one of these: {commands}."),
    ),
    "no_form": Mistake(
        Phrase("I couldn't read the form, so nothing changed."),
        Phrase("Please fill it out again."),
    ),
    "no_command": Mistake(
        Phrase("I don't know what to do with “{typed}”."),
        Phrase("To watch a state, send its name, such as Texas. To see what I can do, send /help."),
    ),
    "near_command": Mistake(
        Phrase("“{typed}” isn't a command I know. Did you mean /{near}?"),
    ),
    "which_list": Mistake(
        Phrase("Which state?"),
        Phrase("Try /list FL."),
    ),
}
SAID: Mapping[str, Phrase] = {
    # settings
    "not_watched": Phrase("You weren't watching {what}, so nothing changed."),
    "all_watched": Phrase("You're already watching all states. To watch only some, send /watch only TX FL."),
    "types_for_all": Phrase(
        "Support types apply to every place you watch, so nothing changed. To get only {types} in all these places, "
        "send /watch only {codes}. To watch only some places, send /watch only TX {codes}."
    ),
    "none_yet": Phrase("Nothing is being watched here yet. To start, send /watch TX (or another state)."),
    "hello": Phrase(
        "Hello. I tell you when a police agency joins or leaves ICE's 287(g) program, according to ICE's own list. To "
        "start, send the name of a state, such as Texas."
    ),
    "hello_again": Phrase("Hello. I tell you when a police agency joins or leaves ICE's 287(g) program."),
    "joined": Phrase(
        "Countersign tells this chat when a police agency joins or leaves ICE's 287(g) program. To start, send "
        "/watch TX (or another state). Send /help for more."
    ),
    "joined_administrators": Phrase(
        "Countersign tells this chat when a police agency joins or leaves ICE's 287(g) program. To start, an "
        "administrator can send /watch TX (or another state). Send /help for more."
    ),
    "thanks": Phrase("You're welcome. Send /help to see what else I can do."),
    "howto": Phrase("To do that, send {command}, or press the button."),
    "place": Phrase("Do you want alerts about {what}?"),
    "faq_data": Phrase(
        "For a spreadsheet (CSV) of a state's agencies, send /list and the state, as in /list FL, and press the button "
        "under the list."
    ),
    "faq_hours": Phrase(
        "I can't stay quiet during certain hours, but a digest comes only at the time you choose, as in /digest 8:00 "
        "Chicago. Nothing has changed yet."
    ),
    "faq_raids": Phrase(
        "I don't know about raids or checkpoints. I only tell you when a police agency joins or leaves ICE's 287(g) "
        "program, according to ICE's own list."
    ),
    "faq_stopped": Phrase(
        "I can't give legal advice or say what would happen to anyone. An agreement covers only the agency that signed "
        "it, so a sheriff's agreement doesn't cover a town's police. What its officers may do depends on the model."
    ),
    "fewer": Phrase("To get fewer messages, choose one of these. Nothing has changed yet."),
    "welcome": Phrase(
        "Countersign tells you when a police agency joins or leaves ICE's 287(g) program, according to ICE's own list. "
        "Choose states below, or send their names, as in /watch TX Oklahoma."
    ),
    "confirm": Phrase("Watch {what}?"),
    "nothing_watched": Phrase("Nothing is being watched now."),
    "once_watched": Phrase("Once you watch a place, you'll get {kinds}, {when}. To start, send /watch TX."),
    "unwatch_which": Phrase("What do you want to stop watching?"),
    "county_inside": Phrase("{county} is part of {state}, which you already watch, so it adds no alerts."),
    "state_around": Phrase("{state} includes {counties}, which you watch too."),
    "all_around": Phrase("You already watch all states, so this adds no alerts."),
    "picker": Phrase("Choose the states to watch. A check mark means you're watching that state."),
    "picker_kinds": Phrase("Choose what you want to get. A check mark means you'll get it."),
    "undone": Phrase("Undone."),
    "undo_late": Phrase("The settings have changed since then, so nothing was undone."),
    "undo_none": Phrase("There's nothing to undo."),
    "how_long": Phrase("How long do you want to pause?"),
    "paused": Phrase("Paused until {when}. To end the pause sooner, send /resume."),
    "resumed": Phrase("Resumed. If you missed any changes in the last 30 days, you'll get them in one message."),
    "resumed_nothing": Phrase("Resumed, but nothing is being watched. To start, send /watch TX (or another state)."),
    "not_paused": Phrase("Nothing is paused."),
    "to_resume": Phrase("To start again, send /resume."),
    "stopped": Phrase(
        "Stopped. You won't get any more messages. Your settings are saved. Send /resume to start again or /forget to "
        "delete them."
    ),
    "forget_sure": Phrase(
        "Delete everything stored about this chat: its settings and the record of what was sent here?"
    ),
    "nothing_stored": Phrase("Nothing is stored about this chat, so there's nothing to delete."),
    "forgotten": Phrase("Deleted. I no longer store anything about this chat."),
    "choose_language": Phrase("Which language?"),
    # NOTE: Name the language of the catalog instead of English.
    "language_set": Phrase("From now on, I'll write in English here."),
    "stale_on": Phrase("I'll tell you once a day while I can't read ICE's list. To turn this off, send /stale off."),
    "stale_off": Phrase("I won't tell you when I can't read ICE's list. To turn this on, send /stale on."),
    "always_on": Phrase(
        "You'll get a daily or weekly digest even if nothing changed. To turn this off, send /always off."
    ),
    "always_later": Phrase(
        "You get instant alerts now. This takes effect once you choose a digest, as in /digest 8:00."
    ),
    "always_off": Phrase(
        "You'll get a daily or weekly digest only if something changed. To get it every time, send /always on."
    ),
    "reminders_on": Phrase(
        "On the evening before a meeting with 287(g) on its agenda, I'll remind you at 6 p.m. your time. To turn this "
        "off, send /reminders off."
    ),
    "reminders_off": Phrase(
        "I don't remind you of meetings with 287(g) on their agendas. To get a reminder the evening before, send "
        "/reminders on."
    ),
    # answers
    "preview": Phrase("An example: the last message you would have gotten, on {when}."),
    "preview_latest": Phrase("An example, with the latest changes:"),
    "preview_none": Phrase("Nothing like this has happened since I started reading ICE's list."),
    "more": Phrase("… and {n} more"),
    "more_lines": Phrase("… and {n} more line", "… and {n} more lines"),
    "listed_now": Phrase("{n} agency in {state} is on ICE's list", "{n} agencies in {state} are on ICE's list"),
    "listed_part": Phrase("From {first} to {last}:"),
    "listed_typed": Phrase("On ICE's list, {state}: {n} agency", "On ICE's list, {state}: {n} agencies"),
    "listed_none": Phrase("No agency in {state} is on ICE's list"),
    "all_listed": Phrase(
        "{n} agreement in {state}, as a spreadsheet (CSV).", "{n} agreements in {state}, as a spreadsheet (CSV)."
    ),
    "as_of": Phrase("According to {name}, fetched {when}."),
    "not_read_yet": Phrase("I haven't read ICE's list yet."),
    "recent": Phrase("Latest changes in {where}"),
    "recent_kinds": Phrase("Shown: {kinds}. To see other changes, send /kinds."),
    "recent_none": Phrase("No changes in {where} since I started reading ICE's list on {when}. I looked for: {kinds}."),
    "agency_none": Phrase(
        "No agency on ICE's list has had “{typed}” in its name since I started reading the list on {when}."
    ),
    "agency_many": Phrase("{n} agency matches “{typed}”. Is it this one?", "{n} agencies match “{typed}”. Which one?"),
    "now_listed": Phrase("On ICE's list now: {types}"),
    "now_pending": Phrase("On ICE's pending list now: {types}"),
    "now_absent": Phrase("Not on ICE's lists now"),
    "history": Phrase("History"),
    "evidence_head": Phrase("Evidence"),
    "row": Phrase("row {rows}"),
    "rows": Phrase("rows {rows}"),
    "not_on_it": Phrase("where it doesn't appear"),
    "status_read": Phrase("{source}: last read {when}"),
    "status_never": Phrase("{source}: not read yet"),
    "status_held": HELD,
    "stopped_now": Phrase("Stopped."),
    "paused_reason": Phrase("Paused: {reason}."),
    "stale": Phrase("I haven't been able to read ICE's list since {when}. I'll send its changes once I can."),
    # buttons
    "b_undo": Phrase("Undo"),
    "b_watch": Phrase("Watch {what}"),
    "b_list": Phrase("See who's on the list"),
    "b_settings": Phrase("Settings"),
    "b_what": Phrase("What is 287(g)?"),
    "b_help": Phrase("Help"),
    "b_daily": Phrase("Once a day"),
    "b_weekly": Phrase("Once a week"),
    "b_kinds": Phrase("Choose which changes"),
    "b_pause": Phrase("Take a break"),
    "b_stop": Phrase("Stop all messages"),
    "b_everything": Phrase("Everything"),
    "b_yes_watch": Phrase("Yes, watch"),
    "b_choose": Phrase("Choose states"),
    "b_all": Phrase("All states"),
    "b_done": Phrase("Done"),
    "b_csv": Phrase("Download as a spreadsheet (CSV)"),
    "b_day": Phrase("1 day"),
    "b_week": Phrase("1 week"),
    "b_month": Phrase("30 days"),
    "b_erase": Phrase("Delete"),
    "b_keep": Phrase("Keep"),
    # parts of sentences
    "of_changes": Phrase("{kinds} in {where}"),
    "all_states": Phrase("all states"),
    "agencies_named": Phrase("agencies with “{part}” in their name"),
    "county_of": Phrase("{county} ({state})"),
    # ZIP codes, towns and locations
    "is_in_state": Phrase("{typed} is in {state}."),
    "is_in": Phrase("{typed} is in {county}, {state}."),
    "is_mostly_in": Phrase("{typed} is mostly in {county}, {state}."),
    "county_is_in": Phrase("{county} is in {state}."),
    "partly_in": Phrase("Part of it may be in {counties}."),
    "you_are_in": Phrase("The place you sent is in {county}, {state}. I used it once and didn't store it."),
    "you_are_near": Phrase(
        "The place you sent is near the edge of {county}, {state}, so I'm not sure. I didn't store it. Which county?"
    ),
    "you_are_abroad": Phrase(
        "The place you sent isn't in any U.S. county, so there's nothing to watch there. I didn't store it."
    ),
    "ask_statewide": Phrase(
        "I included statewide agencies of {states}, such as a highway patrol or a prison system. Keep them?"
    ),
    "statewide_kept": Phrase("Statewide agencies are included when you add a ZIP code or a town."),
    "statewide_gone": Phrase("Statewide agencies aren't included when you add a ZIP code or a town."),
    "b_keep_statewide": Phrase("Yes, keep them"),
    "b_no_statewide": Phrase("No, only local ones"),
    "b_all_counties": Phrase("All {n} county", "All {n} counties"),
    "b_also": Phrase("Also watch {place}"),
    "only_types": Phrase("{where} ({types} only)"),
    "only_types_in_all": Phrase("{where} (in all of these, {types} only)"),
    "all_agencies": Phrase("{where} (all agencies)"),
}
AGENCY_TYPES: Mapping[str, Phrase] = {
    AgencyType.SHERIFF: Phrase("sheriffs in {place}"),
    AgencyType.POLICE: Phrase("local police in {place}"),
    AgencyType.STATE: Phrase("statewide agencies of {place}"),
    AgencyType.CAMPUS: Phrase("campus police in {place}"),
    AgencyType.CONSTABLE: Phrase("constables and marshals in {place}"),
    AgencyType.CORRECTIONS: Phrase("jails and prison systems in {place}"),
    AgencyType.PROSECUTOR: Phrase("prosecutors in {place}"),
}
CHOICES: Mapping[Kind, Phrase] = {
    Kind.SIGNED: Phrase("new agreements"),
    Kind.WITHDRAWN: Phrase("agencies no longer listed"),
    Kind.REINSTATED: Phrase("agencies back on the list"),
    Kind.APPLIED: Phrase("new applications"),
    Kind.MENTIONED: Phrase("local agenda items"),
    Kind.DROPPED: Phrase("applications no longer pending"),
    Kind.CORRECTED: Phrase("corrections"),
    Kind.RENAMED: Phrase("renamed agencies"),
    Kind.AMENDED: Phrase("amendments"),
    Kind.RELATED: Phrase("related agenda items"),
}
MENU: Mapping[str, Phrase] = {
    "start": Phrase("Start"),
    "watch": Phrase("Watch states: /watch TX Oklahoma"),
    "unwatch": Phrase("Stop watching a state: /unwatch TX"),
    "digest": Phrase("Get one message a day: /digest 8:00 America/Chicago"),
    "kinds": Phrase("Choose which changes you get"),
    "pause": Phrase("Take a break: /pause 3 days"),
    "resume": Phrase("Start again after a break"),
    "status": Phrase("Your settings and the last time I checked"),
    "list": Phrase("Who is on ICE's list: /list FL"),
    "recent": Phrase("Latest changes"),
    "agency": Phrase("An agency's history: /agency NAME"),
    "what": Phrase("What is 287(g)?"),
    "language": Phrase("Change the language"),
    "settings": Phrase("Change what you get"),
    "stop": Phrase("Stop getting messages"),
    "forget": Phrase("Delete everything stored about this chat"),
    "about": Phrase("About this bot and its sources"),
    "help": Phrase("Help"),
}


def said(language: Language, key: str, **values: object) -> str:
    """Return the sentence for a key."""
    return SAID[key](language, **values)


def line(language: Language, key: str, **values: object) -> Line:
    """Return the sentence for a key as a line."""
    return (Span(said(language, key, **values)),)


def misunderstood(language: Language, fault: Misunderstood) -> str:
    """Explain what wasn't understood and suggest what to type instead."""
    what, instead = what_went_wrong(language, fault), MISTAKES[fault.why].instead
    commands = ", ".join(f"/language {other}" for other in Language)
    return f"{what} {instead(language, commands=commands, **words_of(fault, language))}" if instead else what


def what_went_wrong(language: Language, fault: Misunderstood) -> str:
    """Explain what wasn't understood, without suggesting chat commands."""
    languages = formats(language).join([name_in(language, other) for other in Language])
    return MISTAKES[fault.why].what(language, languages=languages, **words_of(fault, language))


def words_of(fault: Misunderstood, language: Language) -> Mapping[str, str]:
    """Return the words of a mistake with the names of states, also of one that a person may have meant."""
    values = fault.values
    return values | {key: state_name(values[key], language) for key in ("state", "name") if key in values}


def kind_name(language: Language, kind: Kind) -> str:
    """Return the display name of a kind of change."""
    return CHOICES[kind](language)


def menu(language: Language) -> tuple[tuple[str, str], ...]:
    """Return the commands with short descriptions for the platform's command menu."""
    return tuple((name, phrase(language)) for name, phrase in MENU.items())


# ── the settings in words ────────────────────────────────────────────────────────────────────────────────────────────


def types_in_words(language: Language, types: Collection[SupportType]) -> str:
    """Return a list of support types, written out, for use in a sentence."""
    wording = Wording(language, "UTC")
    return formats(language).join([wording.support_type(each) for each in SupportType if each in types])


def pauses(language: Language, settings: Settings, now: datetime) -> tuple[Line, ...]:
    """Return a line for what keeps messages from being sent now, if anything does."""
    lines: list[Line] = []
    if settings.paused is not None:
        lines.append((Span(why_paused(language, settings.paused)),))
    if settings.quiet_until is not None and settings.quiet_until > now:
        lines.append(line(language, "paused", when=until(language, settings.quiet_until, settings.tz)))
    return tuple(lines)


def overlap(language: Language, before: Filter, where: Where) -> tuple[Line, ...]:
    """Return lines that say which of the places just added are inside others that are watched, or around them."""
    if ALL_STATES in before.states:
        return (line(language, "all_around"),)
    whole = {*before.states, *where.states}
    lines = [
        line(language, "county_inside", county=_county(language, entry), state=state_name(entry[:2], language))
        for entry in where.counties
        if entry[:2] in whole
    ]
    for code in where.states:
        inside = [_county(language, entry) for entry in sorted(before.counties) if entry.startswith(f"{code}/")]
        if inside and code not in before.states:
            counties = formats(language).join(inside)
            lines.append(line(language, "state_around", state=state_name(code, language), counties=counties))
    return tuple(lines)


def watched(language: Language, filter_: Filter) -> str:
    """Describe the places and agencies in a filter. Groups of a different sort are set apart by semicolons."""
    join = formats(language).join
    if ALL_STATES in filter_.states:
        states = [said(language, "all_states")]
    else:
        states = [state_name(code, language) for code in states_in_order(filter_.states, language)]
    places = join(states + [_county(language, entry) for entry in sorted(filter_.counties)])
    named = [said(language, "agencies_named", part=_capitals(part)) for part in sorted(filter_.agencies)]
    if places and (named or filter_.agency_types) and not filter_.support_types:
        places = said(language, "all_agencies", where=places)
    typed = [_of_type(language, entry) for entry in sorted(filter_.agency_types)]
    text = "; ".join(filter(None, (places, join(typed), join(named))))
    if not filter_.support_types:
        return text
    is_one = len(filter_.states) + len(filter_.counties) + len(typed) + len(named) == 1
    types = types_in_words(language, filter_.support_types)
    return said(language, "only_types" if is_one else "only_types_in_all", where=text, types=types)


def _capitals(part: str) -> str:
    """Return part of an agency's name, which is stored in lowercase, with capitals."""
    return re.sub(r"(?<![\w'])\w", lambda letter: letter[0].upper(), part)


def _county(language: Language, entry: str) -> str:
    code, _, plain = entry.partition("/")
    county = county_in(entry)
    name = distinct_name(county) if county else plain.title()
    return said(language, "county_of", county=county_name(name, code, language), state=state_name(code, language))


def _of_type(language: Language, entry: str) -> str:
    """Describe a type of agency and its place, such as "sheriffs in Texas"."""
    agency_type, place = typed_place(entry)
    if place == ALL_STATES:
        where = said(language, "all_states")
    else:
        where = _county(language, place) if "/" in place else state_name(place, language)
    phrase = AGENCY_TYPES.get(agency_type)
    return phrase(language, place=where) if phrase else where


def reading_line(language: Language, reading: Reading) -> str:
    """Say which county a ZIP code or a town was read as."""
    county, state = named_county(language, reading.county), state_name(reading.county.state, language)
    if reading.county.is_whole_state:
        told = said(language, "is_in_state", typed=reading.typed, state=state)
    elif reading.is_county:
        told = said(language, "county_is_in", county=county, state=state)
    else:
        key = "is_mostly_in" if reading.is_area else "is_in"
        told = said(language, key, typed=reading.typed, county=county, state=state)
    if reading.others:
        others = formats(language).join([named_county(language, other) for other in reading.others])
        told = f"{told} {said(language, 'partly_in', counties=others)}"
    return told


def choice_label(language: Language, choice: Choice) -> str:
    """Return the label of a button for one of the places that a name could mean."""
    if choice.counties:
        return said(language, "b_all_counties", n=choice.counties)
    if choice.county is not None:
        return f"{named_county(language, choice.county)}, {choice.county.state}"
    state = state_name(choice.state, language)
    if choice.name == STATES[choice.state]:
        return state
    county = exact_county(choice.state, choice.name) if is_county_word(choice.name.rpartition(" ")[2]) else None
    return f"{choice.name if county is None else named_county(language, county)}, {state}"


def named_county(language: Language, county: County) -> str:
    """Return a county's full name in the reader's language: Harris County."""
    return county_name(distinct_name(county), county.state, language)


def until(language: Language, moment: datetime, tz: str) -> str:
    """Format a time in the reader's time zone and language."""
    return Wording(language, tz).moment(moment)


def why_paused(language: Language, reason: str) -> str:
    """Explain why no messages are being sent."""
    return said(language, "stopped_now") if reason == STOPPED else said(language, "paused_reason", reason=reason)
