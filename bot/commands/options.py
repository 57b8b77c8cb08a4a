"""Parse what the operator typed as options, with errors that name the option instead of a chat command.

The parser is shared with the chats, but its sentences aren't used here because they name chat commands.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import TypeVar

from bot.domain.agreement import SupportType
from bot.domain.change import NEVER_CHOSEN, Kind
from bot.domain.chat import parser
from bot.domain.chat.characters import plain
from bot.domain.chat.parser import Misunderstood, Where
from bot.domain.chat.replies import words_of
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, Cadence, Filter
from bot.errors import UsageError

T = TypeVar("T")
NONE = "none"  # an option's value that empties what it sets

# The key is the parser's reason. A reason without a sentence here gets _NOT_UNDERSTOOD.
EXPLAINED: Mapping[str, str] = {
    "no_state": "{option}: “{typed}” isn't a state. Use a postal code or a name, as in TX or Texas.",
    "near_state": "{option}: “{typed}” isn't a state. Did you mean {name} ({near})?",
    "county_state": "{option}: which state is {typed} in? Add it, as in “Harris County TX”.",
    "near_county": "{option}: {state} has no county called {typed}. Did you mean {near}?",
    "no_county": "{option}: {state} has no county called {typed}. Check the spelling.",
    "short_agency": "{option}: “{typed}” can't be searched for. Use 3 to 80 letters of the agency's name.",
    "no_kind": "{option}: “{typed}” isn't a kind of change. Choose from {there}, or use all or default.",
    "near_kind": "{option}: “{typed}” isn't a kind of change. Did you mean {near}?",
    "no_zone": "{option}: “{typed}” isn't a time zone. Use a name such as America/Chicago.",
    "near_zone": "{option}: “{typed}” isn't a time zone. Did you mean {near}?",
    "offset": "{option}: “{typed}” is an offset from UTC, which doesn't say when clocks change. Name the zone or a "
    "big city in it, as in America/Chicago.",
    "no_span": "{option}: “{typed}” isn't a length of time up to a year. Use “3 days”, “2 weeks” or a date such as "
    "2026-12-24.",
    "no_language": "{option}: “{typed}” isn't a language. Use en or es.",
}
_NOT_UNDERSTOOD = "{option}: “{typed}” isn't a value I understand. Add --help to see what to use."


def parsed(name: str, parse: Callable[[str], T], typed: str) -> T:
    """Parse an option's value. Raise UsageError about the option if it can't be parsed."""
    try:
        return parse(typed)
    except Misunderstood as fault:
        raise UsageError(explained(fault, name, typed)) from None


def explained(fault: Misunderstood, name: str, typed: str = "") -> str:
    """Return a parsing error in words for the command line."""
    values = {"option": name, **words_of(fault, Language.ENGLISH)}
    values["typed"] = values.get("typed") or " ".join(typed.split())[:40]
    try:
        return EXPLAINED.get(fault.why, _NOT_UNDERSTOOD).format(**values)
    except KeyError:  # the parser gives other values now
        return _NOT_UNDERSTOOD.format(**values)


# ── what to watch ────────────────────────────────────────────────────────────────────────────────────────────────────


def filter_with(
    now: Filter,
    *,
    states: str | None = None,
    counties: Sequence[str] | None = None,
    agencies: Sequence[str] | None = None,
    agency_types: Sequence[str] | None = None,
    types: str | None = None,
    kinds: str | None = None,
) -> Filter:
    """Return a filter in which each option that is given replaces what it names. The others stay as they are."""
    changed = replace(
        now,
        states=dict.fromkeys(states_in(states), 0) if states is not None else now.states,
        counties=_entries(counties, "--county", _counties) if counties is not None else now.counties,
        agencies=_entries(agencies, "--agency", _agency) if agencies is not None else now.agencies,
        agency_types=_entries(agency_types, "--agency-type", _typed) if agency_types is not None else now.agency_types,
        support_types=dict.fromkeys(_types(types), 0) if types is not None else now.support_types,
        kinds=dict.fromkeys(_kinds(kinds, now.kinds), 0) if kinds is not None else now.kinds,
    )
    if changed.is_empty:
        raise UsageError(
            "Nothing would be watched. Say what to watch: --states TX,Florida or --states all, --county “Harris County "
            "TX”, --agency “Tampa Police” or --agency-type “sheriffs in TX”."
        )
    return changed if changed.kinds else replace(changed, kinds=Filter().kinds)


def _entries(typed: Sequence[str], name: str, parse: Callable[[str], Sequence[str]]) -> Mapping[str, int]:
    given = [text for text in typed if plain(text).casefold() != NONE]
    if any(not plain(text) for text in given):
        raise UsageError(f"{name} is empty. Leave it out to keep the current value, or use {name} none to remove it.")
    return dict.fromkeys((entry for text in given for entry in parsed(name, parse, text)), 0)


def _counties(text: str) -> Sequence[str]:
    where = parser.where(text)
    if not where.counties or where != Where(counties=where.counties, readings=where.readings):
        raise UsageError(
            f"--county: {text!r} isn't a county with its state. Use “Harris County TX”, a town such as “Tampa FL” or a "
            "ZIP code."
        )
    return where.counties


def _typed(text: str) -> Sequence[str]:
    where = parser.where(text)
    if not where.agency_types or where != Where(agency_types=where.agency_types, readings=where.readings):
        raise UsageError(
            f"--agency-type: {text!r} isn't a type of agency. Use “sheriffs in TX”, “police in Harris County TX” or "
            "“statewide agencies of TX”."
        )
    return where.agency_types


def _agency(text: str) -> Sequence[str]:
    return (parser.agency_part(plain(text)),)


def states_in(text: str) -> list[str]:
    """Return the postal codes for a list of states. For "all", return only ALL_STATES, and for "none" nothing."""
    if plain(text).casefold() == NONE:
        return []
    where = parsed("--states", parser.where, text)
    if where != Where(states=where.states):  # as in --states "TX, Lake FL"
        raise UsageError(
            "Only states can be given with --states. Use --county for a county, --agency for an agency and --type for "
            "a support type."
        )
    if not where.states:
        raise UsageError("No state given. List postal codes or names, as in --states TX,Florida, or use --states all.")
    return [ALL_STATES] if ALL_STATES in where.states else list(where.states)


def _types(text: str) -> Iterable[SupportType]:
    """Return the support types. All of them together are the same as none, because then nothing is left out."""
    if plain(text).casefold() in {"all", NONE}:
        return ()
    where = parsed("--type", parser.where, text)
    if not where.support_types or where != Where(support_types=where.support_types):
        raise UsageError(f"--type: {text!r} isn't a support type. Choose from JEM, WSO and TFM, or use all.")
    return (
        () if set(where.support_types) >= {SupportType.JEM, SupportType.WSO, SupportType.TFM} else where.support_types
    )


def _kinds(text: str, now: Iterable[Kind]) -> Iterable[Kind]:
    chosen = parsed("--kinds", lambda typed: parser.kinds(typed, now), text)
    if not chosen:
        there = ", ".join(kind for kind in Kind if kind not in NEVER_CHOSEN)
        raise UsageError(f"--kinds would leave nothing to send. Choose from {there}, or use all or default.")
    return chosen


# ── when and how ─────────────────────────────────────────────────────────────────────────────────────────────────────


def cadence_in(text: str) -> Cadence:
    """Return the cadence with this name."""
    word = plain(text).casefold()
    if word not in Cadence.__members__.values():
        raise UsageError(f"--cadence: {text!r} isn't a cadence. Choose one of: {', '.join(Cadence)}.")
    return Cadence(word)


def weekday_in(text: str) -> int:
    """Return a day of the week, from 0 for Monday."""
    day = parser.weekday(plain(text))
    if day is None or plain(text).isdecimal():
        raise UsageError(f"--weekday: {text!r} isn't a day of the week. Use its name, as in Thursday.")
    return day


def time_in(text: str) -> time:
    """Return a time of day."""
    at = parser.clock(text)
    if at is None:
        raise UsageError(f"--at: {text!r} isn't a time of day. Use hours and minutes, as in 09:00 or 17:30.")
    return at


def zone_in(text: str) -> str:
    """Return a time zone by its full name."""
    return parsed("--tz", parser.zone, text)


def language_in(text: str) -> Language:
    """Return a language."""
    return parsed("--language", parser.language, text)


def until_in(text: str, now: datetime, tz: str) -> datetime:
    """Return the end of a pause in UTC."""
    return parsed("--for", lambda typed: parser.until(typed, now, tz), text)
