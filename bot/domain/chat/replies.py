"""The sentences used in chat replies."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from bot.domain.agreement import SupportType
from bot.domain.change import Kind
from bot.domain.chat.parser import Misunderstood, verb
from bot.domain.geography.fold import distinct_name
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, STOPPED, Cadence, Filter, Settings, county_in
from bot.domain.text.catalog import Phrase
from bot.domain.text.formats import formats, name_in, own_name
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import HAPPENED, HELD, Wording, county_name


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
    "near_county": Mistake(
        Phrase("I don't know a county called {typed} in {state}. Did you mean {near}?"),
        Phrase("Try /watch {near} County {code}."),
    ),
    "no_county": Mistake(
        Phrase("I don't know a county called {typed} in {state}."),
        Phrase("Check the spelling, or try /watch {code} for the whole state."),
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
            "“{typed}” is a difference from UTC, not a time zone, because it doesn't say when clocks change. Name the "
            "zone or a big city in it, such as America/Chicago or Chicago."
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
        Phrase("“{typed}” isn't a command I know."),
        Phrase("Send /help for a list, or start with /watch TX."),
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
        "send /watch only {types}. To watch only some places, send /watch only TX {types}."
    ),
    "none_yet": Phrase("Nothing is being watched here yet. To start, send /watch TX (or another state)."),
    "hello": Phrase(
        "Countersign tells this chat when a police agency joins or leaves ICE's 287(g) program. To start, an "
        "administrator can send /watch TX (or another state). Send /help for more."
    ),
    "welcome": Phrase(
        "Countersign tells you when a police agency joins or leaves ICE's 287(g) program, according to ICE's own list. "
        "Choose states below, or send their names, as in /watch TX Oklahoma."
    ),
    "confirm": Phrase("Watch {what}?"),
    "in_force": Phrase("You'll get {what}, {when}."),
    "nothing_watched": Phrase("Nothing is being watched now."),
    "picker": Phrase("Choose the states to watch. A check mark means you're watching that state."),
    "picker_kinds": Phrase("Choose what you want to get. A check mark means you'll get it."),
    "undone": Phrase("Undone."),
    "undo_late": Phrase("The settings have changed since then, so nothing was undone."),
    "how_long": Phrase("How long do you want to pause?"),
    "paused": Phrase("Paused until {when}. To end the pause sooner, send /resume."),
    "resumed": Phrase("Resumed. You'll get one catch-up message for the last 30 days."),
    "stopped": Phrase(
        "Stopped. You won't get any more messages. Your settings are saved. Send /resume to start again or /forget to "
        "delete them."
    ),
    "forget_sure": Phrase(
        "Delete everything stored about this chat: its settings and the record of what was sent here?"
    ),
    "forgotten": Phrase("Deleted. I no longer store anything about this chat."),
    "choose_language": Phrase("Which language?"),
    # NOTE: Name the language of the catalog instead of English.
    "language_set": Phrase("From now on, I'll write in English here."),
    "stale_on": Phrase("I'll tell you once a day while I can't read ICE's list. To turn this off, send /stale off."),
    "stale_off": Phrase("I won't tell you when I can't read ICE's list. To turn this on, send /stale on."),
    "always_on": Phrase(
        "You'll get a daily or weekly digest even if nothing changed. To turn this off, send /always off."
    ),
    "always_off": Phrase(
        "You'll get a daily or weekly digest only if something changed. To get it every time, send /always on."
    ),
    # answers
    "preview": Phrase("An example: the last message you would have gotten, on {when}."),
    "preview_none": Phrase("Nothing like this has happened since I started reading ICE's list."),
    "more": Phrase("… and {n} more"),
    "more_lines": Phrase("… and {n} more line", "… and {n} more lines"),
    "listed_now": Phrase("{n} agency in {state} is on ICE's list", "{n} agencies in {state} are on ICE's list"),
    "listed_part": Phrase("From {first} to {last}:"),
    "listed_none": Phrase("No agency in {state} is on ICE's list"),
    "all_listed": Phrase(
        "{n} agreement in {state} is on ICE's list. The file opens in any spreadsheet.",
        "{n} agreements in {state} are on ICE's list. The file opens in any spreadsheet.",
    ),
    "as_of": Phrase("According to {name}, fetched {when}."),
    "not_read_yet": Phrase("I haven't read ICE's list yet."),
    "recent": Phrase("Latest changes in {where}"),
    "recent_kinds": Phrase("Shown: {kinds}. To see other changes, send /kinds."),
    "recent_none": Phrase("There are no changes in {where} yet. I looked for {kinds}."),
    "agency_none": Phrase("No agency on ICE's list, now or in the past, has “{typed}” in its name."),
    "agency_many": Phrase("{n} agency matches “{typed}”. Is it this one?", "{n} agencies match “{typed}”. Which one?"),
    "now_listed": Phrase("On ICE's list now: {types}"),
    "now_pending": Phrase("On ICE's pending list now: {types}"),
    "now_absent": Phrase("Not on ICE's lists now"),
    "history": Phrase("History"),
    "evidence_head": Phrase("Evidence"),
    "row": Phrase("row {rows}"),
    "rows": Phrase("rows {rows}"),
    "not_on_it": Phrase("which doesn't have it"),
    "listed": HAPPENED[Kind.LISTED],
    "status_read": Phrase("{source}: last read {when}"),
    "status_never": Phrase("{source}: not read yet"),
    "status_held": HELD,
    "stopped_now": Phrase("Stopped."),
    "paused_reason": Phrase("Paused: {reason}."),
    "stale": Phrase("I haven't been able to read ICE's list since {when}. I'll send its changes once I can."),
    # buttons
    "b_undo": Phrase("Undo"),
    "b_settings": Phrase("Settings"),
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
    "only_types": Phrase("{where} ({types} only)"),
}
HOW_OFTEN: Mapping[Cadence, Phrase] = {
    Cadence.INSTANT: Phrase("right away"),
    Cadence.DAILY: Phrase("once a day at {at} ({tz})"),
    Cadence.WEEKLY: Phrase("every Monday at {at} ({tz})"),
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
HELP: Mapping[str, Phrase] = {
    "watch TX Oklahoma": Phrase("watch these states"),
    "watch Harris County TX": Phrase("watch a county"),
    "watch agency Tampa Police": Phrase("watch agencies by part of their name"),
    "unwatch TX": Phrase("stop watching a state"),
    "digest 8:00 America/Chicago": Phrase("get one message a day (also: weekly 8:00, off)"),
    "kinds": Phrase("choose which changes you get"),
    "pause 3 days": Phrase("take a break; “resume” ends it"),
    "list FL": Phrase("see who is on ICE's list now"),
    "recent": Phrase("see the latest changes"),
    "agency Tampa": Phrase("see an agency's history and evidence"),
    "status": Phrase("see your settings and the last time I checked"),
    "stop": Phrase("stop getting messages; “forget” deletes your settings"),
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
    "language": Phrase("Change the language"),
    "settings": Phrase("Change what you get"),
    "stop": Phrase("Stop getting messages"),
    "forget": Phrase("Delete everything stored about this chat"),
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
    return f"{what} {instead(language, commands=commands, **fault.values)}" if instead else what


def what_went_wrong(language: Language, fault: Misunderstood) -> str:
    """Explain what wasn't understood, without suggesting chat commands."""
    languages = formats(language).join([name_in(language, other) for other in Language])
    return MISTAKES[fault.why].what(language, languages=languages, **fault.values)


def kind_name(language: Language, kind: Kind) -> str:
    """Return the display name of a kind of change."""
    return CHOICES[kind](language)


def help_lines(language: Language, prefix: str) -> tuple[Line, ...]:
    """List the commands, one per line, short enough for a phone. Each command starts with `prefix`, such as a slash."""
    rows = [(command, phrase(language)) for command, phrase in HELP.items()]
    rows[-1:-1] = [(f"language {other}", own_name(other)) for other in Language if other is not language]
    return tuple((Span(f"{prefix}{command}", strong=True), Span(f"  {text}")) for command, text in rows)


def is_command(text: str) -> bool:
    """Return True if the text begins like a command that people are told about."""
    return verb(text)[0] in MENU


def menu(language: Language) -> tuple[tuple[str, str], ...]:
    """Return the commands with short descriptions for the platform's command menu."""
    return tuple((name, phrase(language)) for name, phrase in MENU.items())


# ── the settings in words ────────────────────────────────────────────────────────────────────────────────────────────


def in_force(language: Language, settings: Settings) -> str:
    """Describe a chat's settings in one sentence."""
    if settings.filter.is_empty:
        return said(language, "nothing_watched")
    kinds = formats(language).join([kind_name(language, kind) for kind in Kind if kind in settings.filter.kinds])
    what = said(language, "of_changes", kinds=kinds, where=watched(language, settings.filter))
    return said(language, "in_force", what=what, when=how_often(language, settings))


def watched(language: Language, filter_: Filter) -> str:
    """Describe the places and agencies in a filter."""
    if ALL_STATES in filter_.states:
        places = [said(language, "all_states")]
    else:
        places = [STATES[code] for code in sorted(filter_.states, key=STATES.__getitem__)]
    places += [_county(language, entry) for entry in sorted(filter_.counties)]
    places += [said(language, "agencies_named", part=part) for part in sorted(filter_.agencies)]
    join = formats(language).join
    if not filter_.support_types:
        return join(places)
    wording = Wording(language, "UTC")
    types = [wording.support_type(each) for each in SupportType if each in filter_.support_types]
    return said(language, "only_types", where=join(places), types=join(types))


def _county(language: Language, entry: str) -> str:
    code, _, plain = entry.partition("/")
    county = county_in(entry)
    name = distinct_name(county) if county else plain.title()
    return said(language, "county_of", county=county_name(name, code, language), state=STATES[code])


def how_often(language: Language, settings: Settings) -> str:
    """Describe the cadence in words."""
    return HOW_OFTEN[settings.cadence](language, at=formats(language).clock(settings.at), tz=settings.tz)


def until(language: Language, moment: datetime, tz: str) -> str:
    """Format a time in the reader's time zone and language."""
    return Wording(language, tz).moment(moment)


def why_paused(language: Language, reason: str) -> str:
    """Explain why no messages are being sent."""
    return said(language, "stopped_now") if reason == STOPPED else said(language, "paused_reason", reason=reason)
