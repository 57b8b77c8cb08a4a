"""Sentences that are kept in English, such as the reason why a list is on hold, in the reader's language.

They are composed where the doubt or the problem arises, and stored. An operator who reads Spanish gets them in Spanish,
and a sentence without a translation as a quotation.
"""

import re
from collections.abc import Iterator
from functools import cache
from re import Pattern

from bot.domain.language import Language
from bot.domain.text.catalog import Phrase
from bot.domain.text.formats import name_in
from bot.domain.text.reasons import IN_LANGUAGE

_SENTENCES: tuple[Phrase, ...] = (
    # why a list is on hold
    Phrase("{n} row can't be read ({first})", "{n} rows can't be read ({first})"),
    Phrase(
        "{gone} of {n} agreement would leave the list at once", "{gone} of {n} agreements would leave the list at once"
    ),
    Phrase(
        "it has {n} row, but ICE's page says {headline}", "it has {n} rows, but ICE's page says {headline}"
    ),
    Phrase("a cell far outside the list isn't read ({cell})"),
    Phrase("“{old}” became “{new}” in every name that had it, as in “{name}”: the page or file is damaged"),
    Phrase(
        "{changed} of {n} agreement would have another {column} at once",
        "{changed} of {n} agreements would have another {column} at once"
    ),
    Phrase(
        "{gone} of {n} agreement would leave the list and {others} would have another state, name, "
        "support type or county",
        "{gone} of {n} agreements would leave the list and {others} would have another state, name, "
        "support type or county"
    ),
    Phrase("it repeats {name}: an old list, linked again"),
    Phrase("its name is dated before {name}, and nothing on it is new"),
    # why a document can't be read as a list
    Phrase("expected a workbook, got {found}"),
    Phrase("expected the list, got {found} without a list in it"),
    Phrase("it has the columns of the pending list (no SIGNED), not those of the participating list"),
    Phrase("it has the columns of the participating list (SIGNED), not those of the pending list"),
    Phrase("columns are missing: {names}"),
    Phrase("no sheet of the workbook has a STATE column, so it cannot be one of ICE's lists"),
    Phrase("no row is a header with STATE and LAW ENFORCEMENT AGENCY, so this cannot be one of ICE's lists"),
    Phrase("the workbook is damaged or incomplete"),
    Phrase("the workbook is protected with a password"),
    # what is wrong with a source or a channel
    Phrase("not read yet"),
    Phrase("ICE's lists can't be read ({problem})"),
    Phrase("stale: no successful reading for {span}"),
    Phrase("no new list for {span}"),
    Phrase(
        "{channel}: every message has failed for {span} ({n} subscription in back-off)",
        "{channel}: every message has failed for {span} ({n} subscriptions in back-off)"
    ),
    Phrase(
        "{channel}: the platform refused {n} chat within minutes, so it may be the platform's trouble; "
        "`countersign deliveries --failed` shows its answers",
        "{channel}: the platform refused {n} chats within minutes, so it may be the platform's trouble; "
        "`countersign deliveries --failed` shows its answers"
    ),
    Phrase(
        "{channel}: {n} subscription gets nothing, because the channel isn't set up; set its token again, or end them "
        "with `countersign unsubscribe`",
        "{channel}: {n} subscriptions get nothing, because the channel isn't set up; set its token again, or end them "
        "with `countersign unsubscribe`"
    ),
    Phrase(
        "www.ice.gov refuses this host. It refuses many cloud hosts. You can run `countersign relay` on "
        "a machine that ICE answers, such as one at home or in an office (docs/relay.md); set COUNTERSIGN_UPSTREAM to "
        "another Countersign that shares its readings; or set COUNTERSIGN_WAYBACK_READ=1 to read the Internet "
        "Archive's captures"
    ),
    Phrase(
        "www.ice.gov refuses this host, and the relay that reads it for us last reported at {when}. Restart it on its "
        "machine, or check its log there to see why it can't read ICE or reach this host (docs/relay.md)"
    ),
    Phrase("I can't connect to www.ice.gov, but other sites answer, so ICE's site is down"),
    Phrase(
        "I can't connect to www.ice.gov, and nothing else has answered since, so this machine may be offline; "
        "check its network and its DNS"
    ),
    Phrase("www.ice.gov answers with errors or too slowly, so it's down or overloaded; nothing is wrong here"),
)  # fmt: skip
_PARTS: tuple[Phrase, ...] = (  # of sentences
    Phrase("row {row} has no state we know"),
    Phrase("row {row} has no support type"),
    Phrase("row {row} has no agency"),
    Phrase("row {row} has two support types"),
    Phrase("row {row} has {value} for an agency"),
    Phrase("row {row} has {value} for a county"),
    Phrase("row {row} has {value} for a support type"),
    Phrase("row {row} has {value} for a type"),
    Phrase("row {row} names two agencies"),
    Phrase("row {row} says {value}"),
    Phrase("row {row} is a total"),
    Phrase("row {row} is the header again"),
    Phrase("row {row} has a formula without a result"),
    Phrase("an empty file"),
    Phrase("an Excel workbook in the old .xls format"),
    Phrase("an Excel workbook protected with a password"),
    Phrase("a web page"),
    Phrase("a zip archive"),
    Phrase("binary data"),
    Phrase("plain text"),
    Phrase("state"),
    Phrase("agency"),
    Phrase("support type"),
    Phrase("county"),
    Phrase("signing date"),
    Phrase("type"),
    Phrase("{n} day", "{n} days"),
    Phrase("{n} hour", "{n} hours"),
    Phrase("{n} minute", "{n} minutes"),
    Phrase("{n} second", "{n} seconds"),
)


def in_language(sentence: str, language: Language) -> str:
    """Return a sentence that is kept in English in the reader's language, or else as a quotation."""
    if language is Language.ENGLISH:
        return sentence
    told = _said(sentence, _SENTENCES, language)
    return told or IN_LANGUAGE(language, tongue=name_in(language, Language.ENGLISH), words=sentence)


def _said(sentence: str, phrases: tuple[Phrase, ...], language: Language) -> str | None:
    for pattern, phrase in _patterns(phrases):
        if (found := pattern.fullmatch(sentence)) is not None:
            return phrase(language, **dict(_values(found.groupdict(), language)))
    return None


def _values(found: dict[str, str], language: Language) -> Iterator[tuple[str, object]]:
    for name, text in found.items():
        yield name, int(text.replace(",", "")) if name == "n" else _said(text, _PARTS, language) or text


@cache
def _patterns(phrases: tuple[Phrase, ...]) -> tuple[tuple[Pattern[str], Phrase], ...]:
    """Return how each form of the phrases looks with its values filled in."""
    return tuple((_pattern(form), phrase) for phrase in phrases for form in (phrase.one, phrase.many) if form)


def _pattern(message: str) -> Pattern[str]:
    blanks = re.split(r"\{(\w+)\}", message)
    parts = [
        (r"(?P<n>\d[\d,]*)" if text == "n" else f"(?P<{text}>.*?)") if at % 2 else re.escape(text)
        for at, text in enumerate(blanks)
    ]
    return re.compile("".join(parts), re.DOTALL)
