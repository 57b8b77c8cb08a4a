"""A picture's words: headline, caption and the text for readers who can't see it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.messages.figures import Figures, course_of, last_day
from bot.domain.text.wording import Wording, state_name

LONGEST_ALT = 1_000  # characters; Slack takes no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawing, what it says in words for those who do not see it (at most 1,000 characters), and its caption."""

    svg: str
    alt: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture ready to be sent. `png` is empty when it could not be drawn: its place among the parts stays."""

    png: bytes
    alt: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrases:
    """The words of a picture in one language; `{}` is where the value goes, pairs are for one and for more."""

    headline: tuple[str, str]
    places: tuple[str, str]
    course: str
    first_read: str
    changes: str
    no_changes: str
    span: str
    now: str
    gained: tuple[str, str]
    lost: tuple[str, str]
    source: str
    unplaced: str
    months: Sequence[str]
    day: str
    day_of_year: str
    most: str
    within: str
    and_more: tuple[str, str]


_ENGLISH = _Phrases(
    headline=("287(g): {} agreement on ICE's list", "287(g): {} agreements on ICE's list"),
    places=("In {} state or territory, {}", "In {} states and territories, {}"),
    course="From {} on {} to {} on {}",
    first_read="First read on {}",
    changes="Changes from {} to {}",
    no_changes="No changes from {} to {}",
    span="from {} to {}",
    now="Agreements now",
    gained=("new", "new"),
    lost=("no longer listed", "no longer listed"),
    source="Source: ICE's list of participating agencies. Each tile is a state or territory.",
    unplaced="{} more without a readable state",
    months=["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    day="{month} {day}",
    day_of_year="{month} {day}, {year}",
    most="Most in {}",
    within="in",
    and_more=("{} more state", "{} more states"),
)


_SPANISH = _Phrases(
    headline=("287(g): {} acuerdo en la lista de ICE", "287(g): {} acuerdos en la lista de ICE"),
    places=("En {} estado o territorio, {}", "En {} estados y territorios, {}"),
    course="De {} el {} a {} el {}",
    first_read="Leída por primera vez el {}",
    changes="Cambios del {} al {}",
    no_changes="Sin cambios del {} al {}",
    span="del {} al {}",
    now="Acuerdos ahora",
    gained=("nuevo", "nuevos"),
    lost=("ya no está en la lista", "ya no están en la lista"),
    source="Fuente: lista de agencias participantes de ICE. Cada casilla es un estado o territorio.",
    unplaced="{} más sin estado legible",
    months=["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    day="{day} {month}",
    day_of_year="{day} {month} {year}",
    most="La mayoría en {}",
    within="en",
    and_more=("{} estado más", "{} estados más"),
)


_IN = {Language.ENGLISH: _ENGLISH, Language.SPANISH: _SPANISH}


_Day = Callable[[date], str]


class Telling:
    """What a picture says, in one language."""

    def __init__(self, shown: Figures, language: Language) -> None:
        self.say = _IN[language]
        self._shown = shown
        self._language = language
        self._long = Wording(language, "UTC").day

    def short(self, day: date, *, year: bool = True) -> str:
        pattern = self.say.day_of_year if year else self.say.day
        return pattern.format(month=self.say.months[day.month - 1], day=day.day, year=day.year)

    def headline(self) -> str:
        return self.say.headline[self._shown.total != 1].format(grouped(self._shown.total))

    def places(self) -> str:
        held = len(self._placed())
        return self.say.places[held != 1].format(held, self.short(self._shown.until))

    def course(self, day: _Day | None = None) -> str:
        """Where the line begins and ends, with days written short unless told otherwise."""
        write = day or self.short
        (first, begun), last = course_of(self._shown)[0], last_day(self._shown)
        if first == last:
            return self.say.first_read.format(write(first))
        return self.say.course.format(grouped(begun), write(first), grouped(self._shown.total), write(last))

    def changes(self) -> str:
        """Between which days the changes fell; nothing on the day on which the list was first read."""
        if self._shown.since == self._shown.until and not self._shown.moves:
            return ""
        return (self.say.changes if self._shown.moves else self.say.no_changes).format(*self._week())

    def sums(self) -> list[tuple[str, str, str]]:
        """What came and what went in all, where anything did: sign, number and word."""
        moved = self._shown.moves.values()
        found = [
            ("+", sum(move.gained for move in moved), self.say.gained),
            ("−", sum(move.lost for move in moved), self.say.lost),
        ]
        return [(sign, grouped(number), words[number != 1]) for sign, number, words in found if number]

    def unplaced(self) -> str:
        number = sum(count for state, count in self._shown.counts.items() if state not in STATES)
        return self.say.unplaced.format(grouped(number)) if number else ""

    def caption(self) -> str:
        """The picture's title: the total, and the week's changes."""
        if not self._shown.moves:
            return ". ".join(part for part in (self.headline(), self.changes()) if part)
        sums = ", ".join(f"{number} {word}" for _, number, word in self.sums())
        return f"{self.headline()}; {sums}, {self.say.span.format(*self._week())}"

    def alt(self) -> str:
        """The same in words, with as many states as fit in 1,000 characters."""
        told = (self._alt(most) for most in range(12, -1, -1))
        return next(text for text in told if len(text) <= LONGEST_ALT)

    def _alt(self, most: int) -> str:
        week = ": ".join(part for part in (self.changes(), self._moves(most)) if part)
        sentences = (self.headline(), self.course(self._long), self._most(), self.unplaced(), week)
        return " ".join(f"{sentence}." for sentence in sentences if sentence)

    def _most(self) -> str:
        placed = self._placed()
        return self.say.most.format(self._states(placed, 5, rest=False)) if placed else ""

    def _moves(self, most: int) -> str:
        moved = self._shown.moves.items()
        by_sign = {
            "+": {state: move.gained for state, move in moved if move.gained},
            "−": {state: move.lost for state, move in moved if move.lost},
        }
        return "; ".join(
            f"{number} {word}" + (f", {self.say.within} {self._states(by_sign[sign], most)}" if most else "")
            for sign, number, word in self.sums()
        )

    def _placed(self) -> dict[str, int]:
        """The agreements of each state that has any."""
        return {state: count for state, count in self._shown.counts.items() if count and state in STATES}

    def _states(self, numbers: Mapping[str, int], most: int, *, rest: bool = True) -> str:
        """The states with the largest numbers first, and how many more there are."""
        order = sorted(numbers.items(), key=lambda entry: (-entry[1], entry[0]))
        told = [f"{state_name(state, self._language)} ({grouped(count)})" for state, count in order[:most]]
        left = len(order) - len(told)
        return ", ".join([*told, self.say.and_more[left > 1].format(left)] if left and rest else told)

    def _week(self) -> tuple[str, str]:
        same_year = self._shown.since.year == self._shown.until.year
        return self.short(self._shown.since, year=not same_year), self.short(self._shown.until)


def grouped(number: int) -> str:
    return f"{number:,}"
