"""The text of a picture: its headline, its caption and its alt text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.messages.figures import Figures, Moves, course_of, last_day
from bot.domain.pictures.course import course_in_words
from bot.domain.text.catalog import Phrase, say, say_count
from bot.domain.text.formats import formats
from bot.domain.text.wording import state_name

LONGEST_ALT = 1_000  # characters; Slack accepts no more
_GAINED = Phrase("new", "new")
_LOST = Phrase("no longer listed", "no longer listed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawing with its caption (`title`) and its alt text, which has at most 1,000 characters.

    The drawing is one or more SVG documents of the same width, from top to bottom. Pictures that show the same state
    have that strip in common, so that it is drawn once.
    """

    strips: tuple[str, ...]
    alt: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture that is ready to send.

    If drawing failed, `png` is empty, but the image still counts as one of the digest's parts.
    """

    png: bytes
    alt: str
    title: str


class PictureWording:
    """The text of one picture in one language."""

    def __init__(self, shown: Figures, language: Language) -> None:
        self._shown = shown
        self._language = language
        self._formats = formats(language)

    def number(self, number: int) -> str:
        """Return a number with its digits grouped."""
        return self._formats.number(number)

    def short(self, day: date, *, year: bool = True) -> str:
        """Return a date in short form."""
        return self._formats.short_day(day, year=year)

    def month(self, day: date, *, year: bool) -> str:
        """Return a month's label for the time axis."""
        return self._formats.short_month(day, year=year)

    def headline(self) -> str:
        """Return the headline, which gives the total number of agreements."""
        return say_count(
            self._language,
            "287(g): {n} agreement on ICE's list",
            "287(g): {n} agreements on ICE's list",
            self._shown.total,
        )

    def places(self) -> str:
        """Return the number of states with agreements, as text."""
        return say_count(
            self._language,
            "In {n} state or territory as of {day}",
            "In {n} states and territories as of {day}",
            len(self._placed()),
            day=self.short(self._shown.until),
        )

    def course(self, *, long: bool = False) -> str:
        """Return the first and last totals of the line chart as text, or since when the list is read.

        `long` writes dates in full.
        """
        series, last = course_of(self._shown), last_day(self._shown)
        if self._shown.has_course or series[0][0] == last:
            return course_in_words(series, last, self._language, long=long)
        day = self._formats.day(series[0][0]) if long else self.short(series[0][0])
        return say(self._language, "We've been reading ICE's list since {day}", day=day)

    def changes(self) -> str:
        """Return the heading for the week's changes.

        It is empty if the list was first read on the last day and nothing has changed.
        """
        if self._shown.since == self._shown.until and not self._shown.moves:
            return ""
        shown = self._shown
        return changes_between(shown.since, shown.until, self._language, any_=bool(shown.moves))

    def sums(self) -> list[tuple[str, str, str]]:
        """Return the total gains and losses, each as a sign, a number and a word. Zeros are left out."""
        return sums_of(self._shown.moves.values(), self._language)

    def now(self) -> str:
        """Return the heading of the map's color legend."""
        return say(self._language, "Agreements now")

    def source(self) -> str:
        """Return the source line, which also explains the tiles."""
        return say(self._language, "Source: ICE's list of participating agencies. Each tile is a state or territory.")

    def unplaced(self) -> str:
        """Return the number of agreements without a tile, as text. It is empty if there are none."""
        number = sum(agreements for state, agreements in self._shown.counts.items() if state not in STATES)
        if not number:
            return ""
        return say_count(
            self._language, "{n} more without a readable state", "{n} more without a readable state", number
        )

    def caption(self) -> str:
        """Return the picture's caption, which gives the total and the week's changes."""
        if not self._shown.moves:
            return ". ".join(part for part in (self.headline(), self.changes()) if part)
        sums = ", ".join(f"{number} {word}" for _, number, word in self.sums())
        week = span_in_words(self._shown.since, self._shown.until, self._language)
        return f"{self.headline()}; {sums}, {week}"

    def alt(self) -> str:
        """Return the alt text, naming as many states as fit in 1,000 characters."""
        texts = (self._alt(most) for most in range(12, -1, -1))
        return next(text for text in texts if len(text) <= LONGEST_ALT)

    def _alt(self, most: int) -> str:
        week = ": ".join(part for part in (self.changes(), self._moves(most)) if part)
        sentences = (self.headline(), self.course(long=True), self._most(), self.unplaced(), week)
        return " ".join(f"{sentence}." for sentence in sentences if sentence)

    def _most(self) -> str:
        placed = self._placed()
        if not placed:
            return ""
        return say(self._language, "Most in {states}", states=self._states(placed, 5, rest=False))

    def _moves(self, most: int) -> str:
        moved = self._shown.moves.items()
        by_sign = {
            "+": {state: move.gained for state, move in moved if move.gained},
            "−": {state: move.lost for state, move in moved if move.lost},
        }
        return "; ".join(self._sum(f"{number} {word}", by_sign[sign], most) for sign, number, word in self.sums())

    def _sum(self, moved: str, by_state: Mapping[str, int], most: int) -> str:
        if not most:
            return moved
        return say(self._language, "{moved}, in {states}", moved=moved, states=self._states(by_state, most))

    def _placed(self) -> dict[str, int]:
        """Return the number of agreements in each state that has at least one."""
        return {state: number for state, number in self._shown.counts.items() if number and state in STATES}

    def _states(self, numbers: Mapping[str, int], most: int, *, rest: bool = True) -> str:
        """Return the states with the largest numbers as text.

        If `rest` is True, the number of other states is added.
        """
        order = sorted(numbers.items(), key=lambda entry: (-entry[1], entry[0]))
        named = [f"{state_name(state, self._language)} ({self.number(number)})" for state, number in order[:most]]
        left = len(order) - len(named)
        if left and rest:
            named.append(say_count(self._language, "{n} more state", "{n} more states", left))
        return self._formats.join(named)


def changes_between(since: date, until: date, language: Language, *, any_: bool) -> str:
    """Return the heading for the changes between two days, or that there are none."""
    days = week_of(since, until, language)
    if any_ and since == until:
        return say(language, "Changes on {until}", until=days["until"])
    if any_:
        return say(language, "Changes from {since} to {until}", **days)
    if since == until:
        return say(language, "No changes on {until}", until=days["until"])
    return say(language, "No changes from {since} to {until}", **days)


def span_in_words(since: date, until: date, language: Language) -> str:
    """Return the days from one to another for the end of a sentence, or the one day."""
    days = week_of(since, until, language)
    return (
        say(language, "on {until}", until=days["until"])
        if since == until
        else say(language, "from {since} to {until}", **days)
    )


def sums_of(moves: Iterable[Moves], language: Language) -> list[tuple[str, str, str]]:
    """Return the sums of gains and losses, each as a sign, a number and a word. Zeros are left out."""
    moved = tuple(moves)
    found = [
        ("+", sum(move.gained for move in moved), _GAINED),
        ("−", sum(move.lost for move in moved), _LOST),
    ]
    write = formats(language).number
    return [(sign, write(number), word(language, n=number)) for sign, number, word in found if number]


def week_of(since: date, until: date, language: Language) -> dict[str, str]:
    """Return two dates in short form. The first has a year only if the second has another."""
    write = formats(language).short_day
    return {"since": write(since, year=since.year != until.year), "until": write(until, year=True)}
