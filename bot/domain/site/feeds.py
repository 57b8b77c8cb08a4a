"""Feeds of changes: Atom (RFC 4287) and JSON Feed 1.1, in either language.

A feed is a window of time: 14 days, and at least 50 entries if there are so many, because one list can bring 88 changes
at once. A correction of ours is an entry of its own, and the entry that it corrects says so. The id of an entry is the
number of its change, so that a reader shows it once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from urllib.parse import urlsplit

from bot.domain.change import TOLD_BY_DEFAULT, Change, Kind
from bot.domain.language import Language
from bot.domain.page_addresses import path_in
from bot.domain.site.model import ZONE, Model, local_day
from bot.domain.site.table import json_bytes
from bot.domain.text.catalog import say
from bot.domain.text.reasons import explained
from bot.domain.text.rich_text import Line, legible, markup_safe
from bot.domain.text.wording import Wording, state_name
from bot.domain.timestamps import stamp

DAYS, FEWEST = timedelta(days=14), 50
EVERYTHING = frozenset(Kind) - {Kind.LISTED}
NO_HOST = "localhost"  # in the ids of a copy without a public address
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)  # when a feed without entries was last updated


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed: its title, the paths of its page and of the feed itself, and its changes, newest first."""

    title: str
    page: str
    path: str
    changes: tuple[Change, ...]
    base: str
    language: Language
    model: Model

    @property
    def updated(self) -> datetime:
        """When the newest entry was last changed."""
        return max((_updated(self.model, change) for change in self.changes), default=BEGINNING)


def window(changes: Iterable[Change], kinds: frozenset[Kind]) -> tuple[Change, ...]:
    """Return the changes of these kinds from the last 14 days of a feed, and at least 50. `changes` are newest first.

    A correction belongs to the kind that it corrects.
    """
    found: list[Change] = []
    for change in changes:
        if (change.retracted or change.kind) not in kinds and change.kind not in kinds:
            continue
        if len(found) >= FEWEST and _told_at(change) < _told_at(found[0]) - DAYS:
            break
        found.append(change)
    return tuple(found)


def kinds_named(written: str) -> frozenset[Kind] | None:
    """Return the kinds that a feed is asked for, separated by commas, or None if one of them doesn't exist."""
    if not written:
        return TOLD_BY_DEFAULT
    if written == "all":
        return EVERYTHING
    names = {name.strip().lower() for name in written.split(",")}
    return frozenset(map(Kind, names)) if names <= {kind.value for kind in EVERYTHING} else None


def host_of(base: str) -> str:
    """Return the host in the ids of feeds and calendars."""
    return urlsplit(base).hostname or NO_HOST


def atom(feed: Feed) -> bytes:
    """Return a feed as Atom."""
    head = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" '
        f'xml:lang="{feed.language.value}">\n<title>{_xml(feed.title)}</title>\n'
        f"<id>{_xml(_tag(feed.base, f'feed{feed.path}'))}</id>\n<updated>{stamp(feed.updated)}</updated>\n"
        f"<author><name>Countersign</name></author>\n"
        f'<link rel="self" type="application/atom+xml" href="{_xml(feed.base + feed.path)}"/>\n'
        f'<link rel="alternate" type="text/html" href="{_xml(feed.base + feed.page)}"/>\n'
    )
    return (head + "".join(_atom_entry(feed, change) for change in feed.changes) + "</feed>\n").encode()


def _atom_entry(feed: Feed, change: Change) -> str:
    tags = "".join(f'<category term="{_xml(tag)}"/>' for tag in _tags(change))
    return (
        f"<entry>\n<id>{_xml(_tag(feed.base, f'change/{change.seq}'))}</id>\n"
        f"<title>{_xml(_title(feed, change))}</title>\n"
        f"<published>{stamp(_told_at(change))}</published><updated>{stamp(_updated(feed.model, change))}</updated>\n"
        f'<link rel="alternate" type="text/html" href="{_xml(_page(feed, change))}"/>{tags}\n'
        f'<content type="html">{_xml(_content(feed, change))}</content>\n</entry>\n'
    )


def json_feed(feed: Feed) -> bytes:
    """Return a feed as JSON Feed 1.1."""
    return json_bytes(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "home_page_url": feed.base + feed.page,
            "feed_url": feed.base + feed.path,
            "language": feed.language.value,
            "authors": [{"name": "Countersign"}],
            "items": [
                {
                    "id": _tag(feed.base, f"change/{change.seq}"),
                    "url": _page(feed, change),
                    "title": _title(feed, change),
                    "content_html": _content(feed, change),
                    "date_published": stamp(_told_at(change)),
                    "date_modified": stamp(_updated(feed.model, change)),
                    "tags": _tags(change),
                    "_countersign": {"seq": change.seq, "retracts": change.retracts},
                }
                for change in feed.changes
            ],
        }
    )


# ── entries ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _told_at(change: Change) -> datetime:
    """Return when a change was found. A correction is later than the list it corrects."""
    if change.kind is Kind.RETRACTED and change.recorded_at is not None:
        return change.recorded_at
    return change.publication.observed_at


def _updated(model: Model, change: Change) -> datetime:
    correction = model.site.retractions.get(change.seq)
    return max(_told_at(change), _told_at(correction)) if correction is not None else _told_at(change)


def _tag(base: str, name: str) -> str:
    return f"tag:{host_of(base)},2026:{name}"


def _page(feed: Feed, change: Change) -> str:
    return f"{feed.base}{path_in(feed.language, f'/changes/{change.seq}')}"


def _tags(change: Change) -> list[str]:
    return [change.kind.value, *sorted(change.states)]


def _title(feed: Feed, change: Change) -> str:
    agreement, language = change.agreement, feed.language
    told = say(
        language,
        "{agency}, {state}: {happened}",
        agency=legible(agreement.agency),
        state=state_name(agreement.state, language),
        happened=Wording(language, ZONE).happened(change.retracted or change.kind, change),
    )
    return say(language, "Correction: {told}", told=told) if change.kind is Kind.RETRACTED else told


def _content(feed: Feed, change: Change) -> str:
    """Return the event as HTML, with the same caveats as on the pages."""
    language, words = feed.language, Wording(feed.language, ZONE)
    if change.kind is Kind.RETRACTED:
        taken_back = say(language, "We reported this in error: {title}.", title=_title(feed, change).partition(": ")[2])
        return _paragraphs([taken_back, say(language, "Reason: {because}", because=explained(change, language))])
    lines = words.mention(change) if change.mention else (words.agreement(change),)
    said = [_html(line) for line in lines]
    if change.mention is not None:
        said.append(escape(say(language, "An agenda item isn't an agreement. The vote could go either way.")))
    elif change.kind is Kind.WITHDRAWN:
        said.append(escape(say(language, "This is what ICE's list shows. It does not prove that an agreement ended.")))
    if (correction := feed.model.site.retractions.get(change.seq)) is not None:
        day = words.day(local_day(_told_at(correction)))
        reason = explained(correction, language)
        said.append(escape(say(language, "We corrected this on {day}. Reason: {because}", day=day, because=reason)))
    return "".join(f"<p>{each}</p>" for each in said)


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"<p>{escape(legible(text))}</p>" for text in texts)


def _html(line: Line) -> str:
    return "".join(
        f'<a href="{escape(span.href)}">{escape(legible(span.text))}</a>'
        if span.href is not None and span.href.startswith(("https://", "http://"))
        else escape(_spaced(span.text))
        for span in line
    )


def _spaced(text: str) -> str:
    """Return a text safe to show, with the spaces around it."""
    return "\n".join(legible(part) for part in text.split("\n"))


def _xml(text: str) -> str:
    """Escape a text for XML, without the characters that XML doesn't allow."""
    return escape(markup_safe(text))
