"""Log lines for the person at the terminal: the local time, the level and a sentence."""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import date, datetime, time, timedelta
from typing import Any, TextIO

import structlog

from bot.domain.language import Language
from bot.domain.letters import capitalized
from bot.domain.text.formats import formats
from bot.domain.text.rich_text import legible

IN_WORDS, AGAIN = "in_words", "again"  # the sentence for a person, and when the work is done or tried again
SAID = ""  # in words, another line has already said it
BEFORE = ("timestamp", "level", "event", IN_WORDS, AGAIN, "exception")
REASONS = ("problem", "why", "reasons", "text")  # the fields that end a sentence; others are details
WIDEST, NARROW, NARROWEST = 100, 60, 40
TIME_WIDTH = len("12:15 p.m.")
COLORS = {"warning": "\033[33m", "error": "\033[31m", "critical": "\033[31m"}
PALE, BOLD, PLAIN = "\033[2m", "\033[1m", "\033[0m"

Now = Callable[[], datetime]


def local_now() -> datetime:
    """Return the current time in this machine's time zone."""
    return datetime.now().astimezone()


def clock(at: datetime) -> str:
    """Return a local time in AP style, such as 4:15 p.m."""
    return formats(Language.ENGLISH).clock(at.time().replace(second=0, microsecond=0))


def moment(at: datetime, now: datetime) -> str:
    """Return a local time for use after a verb: "at 4:15 p.m.", or with its day if that isn't today."""
    if at.date() == now.date():
        return f"at {clock(at)}"
    if at.date() == now.date() + timedelta(days=1) and at.time() >= time(0, 1):
        return f"tomorrow at {clock(at)}"
    return f"on {formats(Language.ENGLISH).day(at.date())}, at {clock(at)}"


def has_color(stream: TextIO, env: Mapping[str, str] = os.environ) -> bool:
    """Return whether to color a stream: only on a terminal that knows colors, and never if NO_COLOR is set."""
    return stream.isatty() and not env.get("NO_COLOR") and env.get("TERM", "") not in {"", "dumb"}


def print_paragraphs(paragraphs: Iterable[str]) -> None:
    """Print paragraphs to stderr, wrapped and with an empty line around them."""
    sys.stderr.write("\n{}\n\n".format("\n".join(map(wrapped, paragraphs))))


def wrapped(text: str) -> str:
    """Return a paragraph wrapped between words, as wide as the terminal."""
    return textwrap.fill(text, _width(), break_long_words=False, break_on_hyphens=False)


def beside(head: str, text: str) -> str:
    """Return a text wrapped beside its head. On a narrow screen, such as a phone's, it goes on below the head."""
    width, before = _width(), " " * len(head)
    below = before if width > NARROW else "  "
    filled = textwrap.fill(
        text, width, initial_indent=before, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
    )
    return head + filled.removeprefix(before)


def _width() -> int:
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


class ForPerson:
    """A structlog renderer for a terminal.

    A line's sentence is its field `in_words` or, without one, its event and its other fields. Debug lines without
    `in_words` aren't shown. If `goes_on`, the program runs until it is stopped, so a line can say when it tries again.
    Otherwise, the command itself reports what failed.
    """

    def __init__(self, *, color: bool, goes_on: bool, now: Now = local_now) -> None:
        self._color = color
        self._goes_on = goes_on
        self._now = now
        self._day: date | None = None

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> str:
        words = event.get(IN_WORDS)
        if words == SAID or (words is None and event.get("level") == "debug") or (AGAIN in event and not self._goes_on):
            raise structlog.DropEvent
        now = self._now()
        level = str(event.get("level", "info")).replace("debug", "info")
        sentence = str(words) if words is not None else _sentence(event)
        if (again := _local(event.get(AGAIN), now)) is not None:
            then = "The next reading is" if level == "info" else "I'll try again"
            sentence = f"{sentence} {then} {moment(again, now)}".rstrip(".") + "."
        lines = [*self._new_day(now), self._line(now, level, sentence)]
        if "exception" in event:
            lines.append(str(event["exception"]))
        return "\n".join(lines)

    def _new_day(self, now: datetime) -> list[str]:
        """Return a line with the date if the day has changed since the last line."""
        before, self._day = self._day, now.date()
        is_new = before is not None and before != self._day
        return [self._colored(BOLD, f"── {formats(Language.ENGLISH).day(now.date())} ──")] if is_new else []

    def _line(self, now: datetime, level: str, sentence: str) -> str:
        at = f"{now.hour % 12 or 12}:{now:%M} {'a.m.' if now.hour < 12 else 'p.m.'}"  # a column needs the minutes
        head = f"{at:>{TIME_WIDTH}}  {level:<7}  "
        text = beside(head, legible(sentence)).removeprefix(head)
        time_, shown = head[:TIME_WIDTH], head[TIME_WIDTH:]
        return self._colored(PALE, time_) + self._colored(COLORS.get(level, ""), shown) + text

    def _colored(self, color: str, text: str) -> str:
        return f"{color}{text}{PLAIN}" if self._color and color else text


def _sentence(event: Mapping[str, Any]) -> str:
    """Return an event as a sentence, with the problem after a colon and the other fields in parentheses."""
    said = capitalized(str(event["event"])).rstrip(".")
    details = [f"{name.replace('_', ' ')} {value}" for name, value in event.items() if name not in {*BEFORE, *REASONS}]
    reasons = "; ".join(str(event[name]).rstrip(".") for name in REASONS if event.get(name))
    in_parentheses = f" ({', '.join(details)})" if details else ""
    return f"{said}{in_parentheses}{f': {reasons}' if reasons else ''}."


def _local(stamp: object, now: datetime) -> datetime | None:
    return datetime.fromisoformat(str(stamp)).astimezone(now.tzinfo) if stamp else None
