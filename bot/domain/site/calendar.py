"""An iCalendar (RFC 5545) of the meetings with 287(g) on the agenda.

An event keeps its UID for as long as the meeting has an agenda item, whatever its date or id. SEQUENCE counts its
editions. A meeting that is canceled, postponed, moved off the calendar or freed from the item stays, as canceled,
because a calendar program doesn't remove what it no longer finds.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from bot.domain.agenda import RESCHEDULED, Mention
from bot.domain.change import Change
from bot.domain.language import Language
from bot.domain.page_addresses import path_in
from bot.domain.site.feeds import host_of
from bot.domain.site.model import Model
from bot.domain.text.catalog import say
from bot.domain.text.rich_text import encodable, legible
from bot.domain.text.wording import STATUSES, county_name, state_name

PAST = timedelta(days=90)  # how long a meeting stays after its date
LONGEST_LINE = 75  # bytes, without the line break
TAKES_PLACE = frozenset({"", RESCHEDULED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A meeting with an agenda item: the first identity of the item, its latest edition and the number of changes."""

    first: tuple[str, str]
    latest: Change
    editions: int
    is_retracted: bool = False


def meetings_of(changes: Iterable[Change], retractions: Mapping[int, Change]) -> tuple[Meeting, ...]:
    """Return the meetings in the log, by date. `changes` are in log order."""
    found: dict[tuple[str, str], Meeting] = {}
    first_of: dict[tuple[str, str], tuple[str, str]] = {}
    for change in changes:
        mention = change.mention
        if mention is None or change.is_related:
            continue
        first = first_of.get(mention.before.key, mention.before.key) if mention.before is not None else mention.key
        first = first_of.setdefault(mention.key, first)
        known = found.get(first)
        taken_back = retractions.get(change.seq)
        number = 0 if known is None else known.editions + 1
        found[first] = Meeting(
            first=first,
            latest=change,
            editions=number + (taken_back is not None),
            is_retracted=taken_back is not None,
        )
    return tuple(sorted(found.values(), key=lambda each: (_day(each.latest) or date.max, each.latest.seq)))


def icalendar(model: Model, meetings: Iterable[Meeting], title: str, base: str, language: Language) -> bytes:
    """Return a calendar of the meetings to come and of the last 90 days."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Countersign//287(g) meetings//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_text(title)}",
    ]
    for meeting in meetings:
        day = _day(meeting.latest)
        if day is not None and day >= model.day - min(PAST, model.day - date.min):
            lines += _event(meeting, day, base, language)
    return "".join(f"{folded}\r\n" for line in (*lines, "END:VCALENDAR") for folded in [_folded(line)]).encode()


def _event(meeting: Meeting, day: date, base: str, language: Language) -> Iterator[str]:
    change, mention = meeting.latest, meeting.latest.mention
    assert mention is not None
    takes_place = mention.status in TAKES_PLACE and not meeting.is_retracted
    written = (change.recorded_at or change.publication.observed_at).astimezone(UTC)
    yield "BEGIN:VEVENT"
    yield f"UID:{_text('/'.join(meeting.first))}@{host_of(base)}"
    yield f"DTSTAMP:{_time(written)}"
    yield f"SEQUENCE:{meeting.editions}"
    yield f"STATUS:{'CONFIRMED' if takes_place else 'CANCELLED'}"
    if mention.meets_at is not None:
        yield f"DTSTART:{_time(mention.meets_at.astimezone(UTC))}"
    else:
        yield f"DTSTART;VALUE=DATE:{day:%Y%m%d}"
    yield "TRANSP:TRANSPARENT"
    summary = say(language, "287(g) on the agenda: {body}", body=_body(mention))
    yield f"SUMMARY:{_text(summary)}"
    yield f"LOCATION:{_text(_place(mention, language))}"
    yield f"DESCRIPTION:{_text(_described(meeting, mention, language))}"
    if base:
        yield f"URL:{base}{path_in(language, f'/changes/{change.seq}')}"
    yield "END:VEVENT"


def _described(meeting: Meeting, mention: Mention, language: Language) -> str:
    status = STATUSES[mention.status](language) if mention.status in STATUSES else ""
    wrong = say(language, "We reported this in error. See the correction.") if meeting.is_retracted else ""
    not_signed = say(language, "An agenda item isn't an agreement. The vote could go either way.")
    quoted = legible(mention.excerpt)
    said = (
        wrong,
        status,
        legible(mention.title),
        f"“{quoted}”" if quoted else "",
        say(language, "Read by OCR: check the document.") if mention.by_ocr else "",
        not_signed,
        legible(mention.address),
    )
    return "\n".join(filter(None, said))


def _place(mention: Mention, language: Language) -> str:
    county = county_name(mention.county, mention.state, language) if mention.county else ""
    return ", ".join(filter(None, (legible(county), state_name(mention.state, language))))


def _body(mention: Mention) -> str:
    return legible(mention.body or mention.source)


def _day(change: Change) -> date | None:
    return change.mention.meets_on if change.mention is not None else None


def _time(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    """Escape a text value."""
    kept = encodable(re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", " ", text))
    return re.sub(r"([\\;,])", r"\\\1", kept).replace("\n", "\\n")


def _folded(line: str) -> str:
    """Break a line after at most 75 bytes, never within a character."""
    parts, room, at = [""], LONGEST_LINE, 0
    for char in line:
        size = len(char.encode())
        if at + size > room:
            parts.append("")
            room, at = LONGEST_LINE - 1, 0
        parts[-1] += char
        at += size
    return "\r\n ".join(parts)
