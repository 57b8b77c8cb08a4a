"""Decide which signing dates are plausible according to ICE's lists, and read the date in an MOA's file name.

An agreement is listed soon after it is signed. In 2025, all but one of 1,170 new agreements were signed no more than 90
days before the previous list. A date far earlier than that, or later than the list itself, is reported as doubtful.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product
from urllib.parse import unquote

from bot.domain.agreement import Agreement, SupportType, Window
from bot.domain.web_address import web_parts

LISTED_WITHIN = timedelta(days=120)
TYPED_WRONG_BY = frozenset({1, 10})  # years; a mistyped year is nearly always last year's, or a wrong third digit
PROGRAM_SINCE = date(1996, 9, 30)  # the law that has section 287(g)
SUPPORT_TYPE_SINCE = {
    SupportType.WSO: date(2019, 1, 1),  # begun that spring; ICE's list has one of April 24
    SupportType.TFM: date(2025, 1, 20),  # ended in 2012, brought back that day
}
_EXTENSION = re.compile(r"\.[a-z]{2,5}$", re.IGNORECASE)
# Each at every place in the name, because the digit of "Pct_1" may stand before a date.
_MONTH_FIRST = re.compile(r"(?<!\d)(?=(\d\d?)[-._ ]+(\d\d?)[-._ ]+(20\d\d|\d\d)(?!\d))")
_YEAR_FIRST = re.compile(r"(?<!\d)(?=(20\d\d)[-._ ]+(\d\d?)[-._ ]+(\d\d?)(?!\d))")
_RUN = re.compile(r"(?<!\d)\d{6,8}(?!\d)")


def borne_out_by(before: date | None, day: date) -> Window:
    """Return the plausible signing dates for a new row on the list that was read on `day`.

    `before` is the date of the last good list, which may be months old after an outage. If there is no earlier list,
    the window has no first date.
    """
    return Window(before - LISTED_WITHIN if before else None, day)


def kept_window(known: Agreement, row: Agreement, day: date) -> Window | None:
    """Return a known agreement's window.

    If the row has a different signing date, extend the window to this list's day.
    """
    if row.signed == known.signed:
        return known.window
    return Window(known.window.first if known.window else None, day)


def is_doubtful(agreement: Agreement) -> bool:
    """Return whether an agreement's signing date is implausible. A missing date isn't doubtful."""
    return agreement.signed is not None and not _is_possible(agreement.signed, agreement)


def is_typo_corrected(was: Agreement, now: Agreement) -> bool:
    """Return whether a new date corrects a typo.

    The old date must be doubtful or differ from the new date by exactly one year or ten years.
    """
    if was.signed is None or now.signed is None or was.signed == now.signed or is_doubtful(now):
        return False
    same_day = (was.signed.month, was.signed.day) == (now.signed.month, now.signed.day)
    return is_doubtful(was) or (same_day and abs(was.signed.year - now.signed.year) in TYPED_WRONG_BY)


def date_in_moa_name(agreement: Agreement) -> date | None:
    """Return the date in the MOA's file name that settles or repeats a doubtful date, or None if there is no such date.

    A file name settles the date only if it can be read as exactly one plausible date.
    """
    days = set(_days_in(_file_name(agreement.moa or "")))
    plausible = {day for day in days if _is_possible(day, agreement)}
    if len(plausible) == 1:
        return plausible.pop()
    return agreement.signed if not plausible and agreement.signed in days else None


def _is_possible(day: date, agreement: Agreement) -> bool:
    if day < SUPPORT_TYPE_SINCE.get(agreement.support_type, PROGRAM_SINCE):
        return False
    window = agreement.window
    return window is None or ((window.first is None or window.first <= day) and day <= window.last)


def _file_name(address: str) -> str:
    """Return the file name in an address, without the extension.

    Return an empty string if there is no extension, as in a download that has only a number.
    """
    parts = web_parts(address)
    name = unquote(parts.path).rsplit("/", 1)[-1] if parts is not None else ""
    return _EXTENSION.sub("", name) if _EXTENSION.search(name) else ""


def _days_in(name: str) -> Iterator[date]:
    """Yield each possible date in a file name, such as 01072026, 010726, 1.7.2026, 1_7_26 or 2026-01-07."""
    dated = [(year, month, day) for month, day, year in _MONTH_FIRST.findall(name)]
    dated += _YEAR_FIRST.findall(name)
    for digits in _RUN.findall(name):
        dated += _splits(digits)
    for year, month, day in dated:
        try:
            yield date(int(year) % 100 + 2000, int(month), int(day))
        except ValueError:
            continue


def _splits(digits: str) -> Iterator[tuple[str, str, str]]:
    """Yield each way to split a run of digits into year, month and day.

    In a run of seven digits, the month or the day lacks its leading zero.
    """
    for month, day, year in product((1, 2), (1, 2), (2, 4)):
        if month + day + year == len(digits) and (year == 4 or month == day == 2):
            found = digits[month + day :]
            if year == 2 or found.startswith("20"):
                yield found, digits[:month], digits[month : month + day]
    if len(digits) == 8 and digits.startswith("20"):
        yield digits[:4], digits[4:6], digits[6:]
