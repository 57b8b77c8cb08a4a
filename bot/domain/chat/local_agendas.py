"""What a chat reads about local agendas: what was read, whose agendas no one reads yet, and suggested sites."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bot.domain.agenda import Place
from bot.domain.agendas.scans import Scan
from bot.domain.chat.request import Button, Reply
from bot.domain.language import Language
from bot.domain.text.catalog import Phrase
from bot.domain.text.formats import formats
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import Wording
from bot.domain.web_address import masked

MOST_NAMED = 5
MOST_SCANS = 3  # of one source
PLATFORMS: Mapping[str, str] = {
    "legistar": "Legistar", "civicclerk": "CivicClerk", "primegov": "PrimeGov", "iqm2": "IQM2", "municode": "Municode",
    "civicweb": "CivicWeb", "destiny": "AgendaQuick", "novusagenda": "NovusAgenda", "civicplus": "AgendaCenter",
    "escribe": "eScribe", "boarddocs": "BoardDocs",
}  # fmt: skip

_READ_SINCE = Phrase(
    "I read {name}'s agendas ({platform}): {n} item since {day}.",
    "I read {name}'s agendas ({platform}): {n} items since {day}."
)  # fmt: skip
SAID: Mapping[str, Phrase] = {
    "read_since": _READ_SINCE,
    "read": Phrase(
        "I read {name}'s agendas ({platform}): {n} item.", "I read {name}'s agendas ({platform}): {n} items."
    ),
    "read_empty": Phrase("I read {name}'s agendas ({platform}), but nothing is on them yet."),
    "reading": Phrase("I'm reading the agendas of {names} now. I'll tell you what I find."),
    "failed": Phrase("I couldn't read {name}'s agendas ({platform}) just now. I'll keep trying."),
    "parked": Phrase(
        "I don't read {name}'s agendas ({platform}): the site doesn't work, or it belongs to another place."
    ),
    "others": Phrase(
        "I also read the agendas of {n} other place there.", "I also read the agendas of {n} other places there."
    ),
    "none": Phrase(
        "I don't read any agendas of {name} yet. If you know the site that has them, send /suggest and its address."
    ),
    # suggestions
    "suggest_how": Phrase(
        "Send /suggest and the address of the page with a county's or a town's agendas, as in "
        "/suggest https://www.example.gov/agendas Nash County NC"
    ),
    "suggest_where": Phrase(
        "Whose agendas are they? Send it again with the place, as in /suggest {address} Nash County NC"
    ),
    "suggest_bad": Phrase(
        "“{typed}” isn't a web address that I can read. It should look like https://www.example.gov/agendas"
    ),
    "suggest_two": Phrase("Send one address at a time."),
    "suggest_needed": Phrase(
        "I know the platform at {host}, but that address isn't a place's list of meetings. Open the list and copy its "
        "address, which looks like {needed}"
    ),
    "suggest_private": Phrase("“{typed}” isn't the address of a public website, so I can't read it."),
    "suggest_known": Phrase("I already have that site: {name} ({platform})."),
    "suggest_again": Phrase("Someone has already suggested that site. The operator will decide."),
    "suggest_declined": Phrase("The operator has already decided not to add that site."),
    "suggest_many": Phrase("You can suggest three sites a day. Please try again tomorrow."),
    "suggest_full": Phrase("Too many suggestions are waiting for the operator now. Please try again in a few days."),
    "suggest_nobody": Phrase("This bot's operator has no chat for suggestions, so I can't pass it on."),
    "suggest_thanks": Phrase("Thank you. I passed it on to the operator: {name} ({platform})."),
    "suggest_later": Phrase("I'll tell you once I've read it."),
    # for the operator
    "suggested": Phrase("Someone suggested a site to read: {name} ({platform})"),
    "suggested_replaces": Phrase("It would replace {address}."),
    "suggested_none": Phrase("No suggestion is waiting."),
    "suggested_gone": Phrase("That suggestion has already been decided."),
    "suggested_added": Phrase("Added: {name}. I'm reading it now and will tell you what I find."),
    "suggested_declined": Phrase("Declined: {name}."),
    "b_add": Phrase("Add it"),
    "b_decline": Phrase("Decline"),
}
SCANNED = Phrase("Scanned, not read: {title}")
MORE_SCANS = Phrase("and {n} more scanned document", "and {n} more scanned documents")
_A_PAGE = Phrase("a page")
_A_FEED = Phrase("a feed")


def said(language: Language, key: str, **values: object) -> str:
    """Return the sentence for a key. In English, a name that ends in s gets only an apostrophe, as in AP style."""
    return SAID[key](language, **values).replace("s's ", "s' ")


def line(language: Language, key: str, **values: object) -> Line:
    """Return the sentence for a key as a line."""
    return (Span(said(language, key, **values)),)


def platform(language: Language, kind: str) -> str:
    """Return the name of a platform, as its users know it."""
    if kind in PLATFORMS:
        return PLATFORMS[kind]
    return (_A_FEED if kind == "feed" else _A_PAGE)(language)


def bare(place: Place) -> str:
    """Return the place's name without its state."""
    return place.name.removesuffix(f", {place.state}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """A source and what is stored about it: the size of its first reading, and the scans that weren't read."""

    place: Place
    read_at: datetime | None = None
    is_failing: bool = False
    is_parked: bool = False
    items: int = 0
    since: date | None = None
    scans: tuple[Scan, ...] = ()


def source_line(language: Language, source: SourceState) -> Line:
    """Say what reading a source found."""
    values = {"name": bare(source.place), "platform": platform(language, source.place.kind)}
    if source.is_parked:
        return line(language, "parked", **values)
    if source.read_at is None:
        return line(language, "failed", **values)
    if not source.items:
        return line(language, "read_empty", **values)
    if source.since is None:
        return line(language, "read", n=source.items, **values)
    day = Wording(language, source.place.zone).day(source.since)
    return line(language, "read_since", n=source.items, day=day, **values)


def found_lines(language: Language, sources: Sequence[SourceState]) -> tuple[Line, ...]:
    """Say what reading several sources found: a line for each of the first, and the number of the others read."""
    lines: list[Line] = []
    for source in sources[:MOST_NAMED]:
        lines += [source_line(language, source), *_scans(language, source)]
    others = sum(source.read_at is not None for source in sources[MOST_NAMED:])
    return (*lines, *([line(language, "others", n=others)] if others else []))


def _scans(language: Language, source: SourceState) -> Iterator[Line]:
    """Yield a line for each of the first scanned documents, with its address, because notices have no links."""
    wording = Wording(language, source.place.zone)
    for scan in source.scans[:MOST_SCANS]:
        day = f" ({wording.day(scan.meets_on)})" if scan.meets_on is not None else ""
        yield (Span(f"• {SCANNED(language, title=f'{scan.title}{day}')} "), Span(scan.address))
    if more := len(source.scans[MOST_SCANS:]):
        yield (Span(f"• {MORE_SCANS(language, n=more)}"),)


def reading_line(language: Language, places: Sequence[Place]) -> Line:
    """Say which sources are being read now."""
    names = [bare(place) for place in places[:MOST_NAMED]]
    return line(language, "reading", names=formats(language).join(names))


def suggestion_reply(language: Language, *, key: str, place: Place, replaces: str = "") -> Reply:
    """Ask the operator about a suggested site."""
    title = said(language, "suggested", name=place.name, platform=platform(language, place.kind))
    lines: list[Line] = [(Span(title, strong=True),), (Span(masked(place.address)),)]
    if replaces:
        lines.append(line(language, "suggested_replaces", address=masked(replaces)))
    add = Button(said(language, "b_add"), f"suggested add {key}")
    decline = Button(said(language, "b_decline"), f"suggested no {key}")
    return Reply(lines=tuple(lines), buttons=((add, decline),), in_place=True)
