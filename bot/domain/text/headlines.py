"""The first line of a message: the news, as a phone's lock screen shows it.

It never says more than ICE's list shows. An agency is called new, or no longer listed, only if that is true of the
whole agency and not just of one of its agreements.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from bot.domain.agenda import CANCELLED, OFF_AGENDA, OFF_CALENDAR, POSTPONED, RECESSED, RESCHEDULED, Mention, Subject
from bot.domain.change import Change, Kind
from bot.domain.language import Language
from bot.domain.lists.totals import Standing
from bot.domain.text.catalog import Phrase, say, say_count
from bot.domain.text.formats import formats
from bot.domain.text.wording import COUNTED, MOST_STATES_NAMED, Wording, county_name, state_name

LONGEST_HEADLINE = 150  # characters; Slack's headers hold no more

COUNTED_FIRST: Mapping[Kind, Phrase] = {  # the first count of a headline names the program
    Kind.SIGNED: Phrase("{n} new 287(g) agreement", "{n} new 287(g) agreements"),
    Kind.WITHDRAWN: Phrase(
        "{n} agreement no longer on ICE's 287(g) list", "{n} agreements no longer on ICE's 287(g) list"
    ),
    Kind.REINSTATED: Phrase("{n} agreement back on ICE's 287(g) list", "{n} agreements back on ICE's 287(g) list"),
    Kind.APPLIED: Phrase("{n} new 287(g) application", "{n} new 287(g) applications"),
    Kind.MENTIONED: Phrase("{n} local agenda item on 287(g)", "{n} local agenda items on 287(g)"),
    Kind.DROPPED: Phrase("{n} 287(g) application no longer pending", "{n} 287(g) applications no longer pending"),
    Kind.CORRECTED: Phrase("{n} correction on ICE's 287(g) list", "{n} corrections on ICE's 287(g) list"),
    Kind.RENAMED: Phrase("{n} agreement renamed on ICE's 287(g) list", "{n} agreements renamed on ICE's 287(g) list"),
    Kind.AMENDED: Phrase("{n} amendment on ICE's 287(g) list", "{n} amendments on ICE's 287(g) list"),
    Kind.RELATED: Phrase("{n} local agenda item on ICE, not 287(g)", "{n} local agenda items on ICE, not 287(g)"),
    Kind.RETRACTED: Phrase("{n} 287(g) alert sent in error", "{n} 287(g) alerts sent in error"),
}
_WHOLE_AGENCY: Mapping[Kind, Phrase] = {
    Kind.SIGNED: Phrase("{agency} ({state}) is new on ICE's 287(g) list"),
    Kind.WITHDRAWN: Phrase("{agency} ({state}) is no longer on ICE's 287(g) list"),
    Kind.REINSTATED: Phrase("{agency} ({state}) is back on ICE's 287(g) list"),
}
_ONE_AGENCY: Mapping[Kind, Phrase] = {
    Kind.SIGNED: Phrase(
        "{agency} ({state}) has {n} new 287(g) agreement", "{agency} ({state}) has {n} new 287(g) agreements"
    ),
    Kind.WITHDRAWN: Phrase(
        "{agency} ({state}): {n} agreement no longer on ICE's 287(g) list",
        "{agency} ({state}): {n} agreements no longer on ICE's 287(g) list"
    ),
    Kind.REINSTATED: Phrase(
        "{agency} ({state}): {n} agreement back on ICE's 287(g) list",
        "{agency} ({state}): {n} agreements back on ICE's 287(g) list"
    ),
    Kind.APPLIED: Phrase(
        "{agency} ({state}) has {n} 287(g) application pending with ICE",
        "{agency} ({state}) has {n} 287(g) applications pending with ICE"
    ),
    Kind.DROPPED: Phrase(
        "{agency} ({state}): {n} 287(g) application no longer pending",
        "{agency} ({state}): {n} 287(g) applications no longer pending"
    ),
    Kind.CORRECTED: Phrase(
        "{agency} ({state}): {n} entry corrected on ICE's 287(g) list",
        "{agency} ({state}): {n} entries corrected on ICE's 287(g) list"
    ),
    Kind.RENAMED: Phrase(
        "{agency} ({state}): renamed on ICE's 287(g) list", "{agency} ({state}): renamed on ICE's 287(g) list"
    ),
    Kind.AMENDED: Phrase(
        "{agency} ({state}): {n} agreement amended on ICE's 287(g) list",
        "{agency} ({state}): {n} agreements amended on ICE's 287(g) list"
    ),
}  # fmt: skip
_CALLED_OFF: Mapping[str, Phrase] = {
    CANCELLED: Phrase("Meeting canceled: {who}, with {subject} on the agenda"),
    POSTPONED: Phrase("Meeting postponed: {who}, with {subject} on the agenda"),
    RESCHEDULED: Phrase("Meeting rescheduled: {who}, with {subject} on the agenda"),
    RECESSED: Phrase("Meeting recessed: {who}, with {subject} on the agenda"),
    OFF_CALENDAR: Phrase("Meeting off the calendar: {who}, with {subject} on the agenda"),
    OFF_AGENDA: Phrase("Off the agenda: {subject}, {who}"),
}
_CHANGED = Phrase("Meeting changed: {who}, with {subject} on the agenda")  # a status of a later version
_ON_AGAIN = Phrase("Meeting on again: {who}, with {subject} on the agenda")
_MOVED = Phrase("Meeting moved to {day}: {who}, with {subject} on the agenda")
_MOVED_OPEN = Phrase("Meeting moved, with no date yet: {who}, with {subject} on the agenda")
_SUBJECTS: Mapping[Subject, Phrase] = {
    Subject.PROGRAM: Phrase("287(g)"),
    Subject.RELATED: Phrase("ICE (not 287(g))"),
}


def headline(wording: Wording, told: Sequence[Change], standing: Standing | None) -> str:
    """Return the first line of a message about these changes."""
    language = wording.language
    if not told:
        return say(language, "287(g): no changes")
    if told[0].mention is not None and len(told) == 1:
        return _of_meeting(wording, told[0].kind, told[0].mention)
    one = _of_agency(language, told, standing)
    if one and len(one) <= LONGEST_HEADLINE:
        return one
    counts = Counter(change.kind for change in told)
    phrases = [
        (COUNTED if number else COUNTED_FIRST)[kind](language, n=counts[kind])
        for number, kind in enumerate(kind for kind in Kind if kind in counts)
    ]
    if altered := sum(change.mention is not None and is_altered(change.mention) for change in told):
        phrases.append(
            say_count(language, "{n} meeting moved or called off", "{n} meetings moved or called off", altered)
        )
    return _placed(language, formats(language).join(phrases), told, is_plain=len(phrases) == 1)


def is_altered(mention: Mention) -> bool:
    """Return whether this edition says that the meeting was moved, called off or restored."""
    before = mention.before
    if before is not None and before.meets_on is not None and before.planned != mention.planned:
        return True
    return bool(mention.status) or bool(before is not None and before.status)


def agency_of(told: Sequence[Change]) -> Change | None:
    """Return a change of the only agency if all changes are of one kind and one agency, or None."""
    subjects = {(change.kind, change.agreement.state, change.agreement.key.agency) for change in told}
    return told[0] if len(subjects) == 1 and told[0].mention is None else None


def names_agency(wording: Wording, told: Sequence[Change], standing: Standing | None) -> bool:
    """Return whether the headline names the only agency, so that the text below doesn't have to."""
    found = agency_of(told)
    return found is not None and found.agreement.agency in headline(wording, told, standing)


def remaining(change: Change, standing: Standing | None) -> int | None:
    """Return the number of agreements that an agency has on ICE's list now, or None if that isn't known."""
    if standing is None:
        return None
    key = change.agreement.key
    return len(standing.by_agency.get((key.state, key.agency), ()))


def _of_agency(language: Language, told: Sequence[Change], standing: Standing | None) -> str | None:
    change = agency_of(told)
    if change is None or change.kind not in _ONE_AGENCY:
        return None
    said = {"agency": change.agreement.agency, "state": state_name(change.agreement.state, language)}
    left = remaining(change, standing)
    if left == (0 if change.kind is Kind.WITHDRAWN else len(told)) and change.kind in _WHOLE_AGENCY:
        text = _WHOLE_AGENCY[change.kind](language, **said)
        if len(told) == 1:
            return text
        return say_count(language, "{text} ({n} agreement)", "{text} ({n} agreements)", len(told), text=text)
    return _ONE_AGENCY[change.kind](language, n=len(told), **said)


def _placed(language: Language, news: str, told: Sequence[Change], *, is_plain: bool) -> str:
    """Return the news with its states, with the most affected states first."""
    counts = Counter(change.agreement.state for change in told)
    if len(counts) == 1:
        return say(language, "{state}: {news}", state=state_name(next(iter(counts)), language), news=news)
    order = sorted(counts, key=lambda state: (-counts[state], state_name(state, language)))
    named = order if len(order) <= MOST_STATES_NAMED + 1 else order[:MOST_STATES_NAMED]
    number = formats(language).number
    states = [state_name(state, language) + (f" {number(counts[state])}" if is_plain else "") for state in named]
    if rest := len(order) - len(named):
        states.append(say_count(language, "{n} other state", "{n} other states", rest))
    places = formats(language).join(states)
    if is_plain:
        return say(language, "{news}: {places}", news=news, places=places)
    return say(language, "{news}, in {places}", news=news, places=places)


def _of_meeting(wording: Wording, kind: Kind, mention: Mention) -> str:
    language, before = wording.language, mention.before
    said: dict[str, object] = {"who": _who(mention, language), "subject": _SUBJECTS[mention.subject](language)}
    if mention.status:
        return _CALLED_OFF.get(mention.status, _CHANGED)(language, **said)
    if before is not None and before.status:
        return _ON_AGAIN(language, **said)
    if before is not None and before.meets_on is not None and before.planned != mention.planned:
        return (
            _MOVED(language, day=wording.meets(mention), **said) if mention.meets_on else _MOVED_OPEN(language, **said)
        )
    if kind is Kind.AMENDED:
        return say(language, "Agenda item on {subject} amended: {who}", **said)
    if mention.meets_on is None:
        return say(language, "{subject} on a local agenda: {who}", **said)
    return say(language, "{subject} on the agenda for {day}: {who}", day=wording.day(mention.meets_on), **said)


def _who(mention: Mention, language: Language) -> str:
    """Return the body that meets, with its place, such as Board of Commissioners, Nash County (North Carolina)."""
    place = mention.source.removesuffix(f", {mention.state}")
    known = mention.body.casefold()
    if not place or any(word.casefold() in known for word in place.split() if word.casefold() != "county"):
        county = county_name(mention.county, mention.state, language)
        place = "" if mention.county.casefold() in known else county
    where = ", ".join(part for part in (mention.body, place) if part)
    return f"{where} ({state_name(mention.state, language)})"
