"""Format dates, times, numbers and lists for a reader's language.

English follows AP style, which CLDR doesn't cover. Every other language follows the CLDR data in Babel, with U.S.
conventions if CLDR has them (es_US: 1,843 and 6:30 p.m.).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Protocol

from babel import Locale, localedata
from babel.dates import format_date, format_skeleton, format_time
from babel.lists import format_list
from babel.numbers import format_decimal

from bot.domain.language import Language
from bot.domain.letters import capitalized


class Formats(Protocol):
    """The formats for one language."""

    def number(self, number: int) -> str:
        """Return a number with its digits grouped, such as 1,843."""

    def day(self, day: date) -> str:
        """Return a date for use in a sentence, such as Aug. 28, 2025."""

    def short_day(self, day: date, *, year: bool) -> str:
        """Return a date in its shortest form, such as Aug. 28."""

    def short_month(self, day: date, *, year: bool) -> str:
        """Return a month for a chart axis, such as Aug or Aug 2025."""

    def month(self, day: date) -> str:
        """Return a month for use in a sentence, such as March 2025."""

    def clock(self, at: time) -> str:
        """Return a time of day, such as 5:02 p.m."""

    def weekday(self, day: int) -> str:
        """Return the name of a day of the week, such as Monday. Monday is 0."""

    def moment(self, local: datetime) -> str:
        """Return a local time with its date and time zone, such as Aug. 28, 2025, at 5:02 p.m. CDT."""

    def join(self, items: Sequence[str]) -> str:
        """Return a list for use in a sentence, such as Ohio, Texas and Utah."""


@cache
def formats(language: Language) -> Formats:
    """Return the formats for a language."""
    return _ApStyle() if language is Language.ENGLISH else _Cldr(_locale(language))


def own_name(language: Language) -> str:
    """Return a language's name in that language, such as Español."""
    name = _locale(language).get_language_name() or language.value
    return capitalized(name)


def name_in(reader: Language, language: Language) -> str:
    """Return a language's name in the reader's language, such as Spanish for an English reader."""
    return _locale(language).get_language_name(_locale(reader)) or language.value


def _locale(language: Language) -> Locale:
    """Return the language's CLDR locale for the United States if there is one, or else its general locale."""
    american = f"{language.value}_US"
    return Locale.parse(american if localedata.exists(american) else language.value)


# AP never shortens March through July, and shortens the others only before a day.
_AP_MONTHS = ("Jan.", "Feb.", "March", "April", "May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec.")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MIDNIGHT, _NOON = time(0), time(12)


class _ApStyle:
    """Formats for American English in Associated Press style: no Oxford comma, no :00, and noon for 12 p.m."""

    def number(self, number: int) -> str:
        return f"{number:,}"

    def day(self, day: date) -> str:
        return self.short_day(day, year=True)

    def short_day(self, day: date, *, year: bool) -> str:
        text = f"{_AP_MONTHS[day.month - 1]} {day.day}"
        return f"{text}, {day.year}" if year else text

    def short_month(self, day: date, *, year: bool) -> str:
        month = _AP_MONTHS[day.month - 1][:3]  # in tables and charts: three letters and no period
        return f"{month} {day.year}" if year else month

    def month(self, day: date) -> str:
        return f"{_MONTHS[day.month - 1]} {day.year}"  # AP never shortens a month without a day

    def clock(self, at: time) -> str:
        return "midnight" if at == _MIDNIGHT else self._hour(at)

    def weekday(self, day: int) -> str:
        return _WEEKDAYS[day % len(_WEEKDAYS)]

    def moment(self, local: datetime) -> str:
        # Next to a date, "midnight" leaves open which end of the day is meant; 12 a.m. doesn't.
        at = self._hour(local.time().replace(second=0, microsecond=0))
        return f"{self.day(local)}, at {at} {local:%Z}"

    def join(self, items: Sequence[str]) -> str:
        *most, last = items or [""]
        return f"{', '.join(most)} and {last}" if most else last

    def _hour(self, at: time) -> str:
        if at == _NOON:
            return "noon"
        minutes = f":{at:%M}" if at.minute else ""
        return f"{at.hour % 12 or 12}{minutes} {'a.m.' if at.hour < 12 else 'p.m.'}"


# Spanish says "e" before the sound of i (Texas e Illinois). ICU handles this; CLDR's patterns, and so Babel, don't.
_EUPHONY: Mapping[str, tuple[str, str, str]] = {"es": (r"h?i(?!e)", " y ", " e ")}


class _Cldr:
    """Formats for any language except English."""

    def __init__(self, locale: Locale) -> None:
        self._locale = locale

    def number(self, number: int) -> str:
        return str(format_decimal(number, locale=self._locale))

    def day(self, day: date) -> str:
        return format_date(day, "long", locale=self._locale)

    def short_day(self, day: date, *, year: bool) -> str:
        return format_skeleton("yMMMd" if year else "MMMd", day, locale=self._locale)

    def short_month(self, day: date, *, year: bool) -> str:
        return format_skeleton("yMMM" if year else "MMM", day, locale=self._locale)

    def month(self, day: date) -> str:
        return format_skeleton("yMMMM", day, locale=self._locale)

    def clock(self, at: time) -> str:
        return " ".join(format_time(at, "short", locale=self._locale).split())  # fonts lack CLDR's narrow spaces

    def weekday(self, day: int) -> str:
        return str(self._locale.days["format"]["wide"][day % len(_WEEKDAYS)])

    def moment(self, local: datetime) -> str:
        pattern: str = self._locale.datetime_formats["medium"]
        return pattern.format(f"{self.clock(local.time())} {local:%Z}", self.day(local))

    def join(self, items: Sequence[str]) -> str:
        if len(items) < 2:
            return "".join(items)
        joined, last = format_list(items, locale=self._locale), items[-1]
        sound, usual, instead = _EUPHONY.get(self._locale.language, ("$^", "", ""))
        if re.match(sound, last, re.IGNORECASE):
            return joined.removesuffix(usual + last) + instead + last
        return joined
