"""Draw the course of agreements over time: one area for the total, or an area for each support type."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from bot.domain.agreement import SupportType
from bot.domain.language import Language
from bot.domain.pictures.svg import SMALL, Drawing, text
from bot.domain.text.catalog import say
from bot.domain.text.formats import formats

SHORT_TIME = 60  # days; a chart that covers less names days instead of months
STACK = (SupportType.JEM, SupportType.WSO, SupportType.TFM, SupportType.OTHER)  # from the bottom up
WIDTH, HEIGHT = 600, 200
Totals = Sequence[tuple[date, int]]
Gap = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Box:
    """The edges of a chart's plot."""

    left: float
    right: float
    top: float
    bottom: float


PLOT = Box(74.0, 572.0, 34.0, 166.0)


class Frame:
    """The axes of a chart. The vertical axis starts at 0 and has at most five grid lines."""

    def __init__(self, first: date, last: date, most: int, box: Box = PLOT) -> None:
        self.first, self.last, self.box = first, last, box
        self.step = next(step for step in _round_numbers() if step * 4 >= most)
        self.top = self.step * max(1, -(-most // self.step))
        self._days = max(1, (last - first).days)

    def x(self, day: date) -> float:
        return self.box.left + (day - self.first).days / self._days * (self.box.right - self.box.left)

    def y(self, value: int) -> float:
        return self.box.bottom - value / self.top * (self.box.bottom - self.box.top)


def course_of_totals(series: Totals, *, until: date, language: Language) -> Drawing:
    """Draw the total after each day on which it changed, through `until`."""
    frame = Frame(series[0][0], max(until, series[-1][0]), max(total for _, total in series))
    parts = [*_axis(frame, language), *_days(frame, language), *area_of_totals(frame, series)]
    parts.append(_now(frame, series[-1][1], language))
    return _drawing(parts, series, frame.last, language)


def course_by_type(
    points: Sequence[tuple[date, Mapping[SupportType, int]]], *, until: date, language: Language, gap: Gap | None = None
) -> Drawing:
    """Draw stacked areas by support type. During a gap, only a dashed line joins the totals on both sides."""
    series = [(day, sum(counts.values())) for day, counts in points]
    frame = Frame(series[0][0], max(until, series[-1][0]), max(total for _, total in series))
    parts = [*_axis(frame, language), *_days(frame, language)]
    before = [point for point in points if gap is None or point[0] <= gap[0]]
    after = points[len(before) :]
    for part, end in ((before, gap[0] if gap else frame.last), (after, frame.last)):
        if part:
            parts += _stack(frame, part, end)
    if gap and before and after:
        left, right = sum(before[-1][1].values()), sum(after[0][1].values())
        parts.append(
            f'<path class="p-gap" d="M{frame.x(gap[0]):.1f} {frame.y(left):.1f}'
            f'L{frame.x(after[0][0]):.1f} {frame.y(right):.1f}"/>'
        )
    parts.append(_now(frame, series[-1][1], language))
    return _drawing(parts, series, frame.last, language)


def area_of_totals(frame: Frame, series: Totals) -> Iterator[str]:
    """Draw the area under a line of steps, the line, and a dot at its end."""
    left, right, bottom = frame.x(series[0][0]), frame.x(frame.last), frame.box.bottom
    line = _steps(frame, series, frame.last)
    yield f'<path class="p-area" d="{line}V{bottom:g}H{left:.1f}Z"/>'
    yield f'<path class="p-line" d="{line}"/>'
    yield f'<circle class="p-dot" cx="{right:g}" cy="{frame.y(series[-1][1]):.1f}" r="6"/>'


def _stack(frame: Frame, points: Sequence[tuple[date, Mapping[SupportType, int]]], end: date) -> Iterator[str]:
    """Draw each type's area from the bottom of the chart, the tallest first, with seams between them."""
    for top in range(len(STACK), 0, -1):
        if not any(counts.get(STACK[top - 1], 0) for _, counts in points):
            continue
        below = [(day, sum(counts.get(kind, 0) for kind in STACK[:top])) for day, counts in points]
        line, bottom = _steps(frame, below, end), frame.box.bottom
        kind = STACK[top - 1].value.lower()
        yield f'<path class="p-{kind}" d="{line}V{bottom:g}H{frame.x(below[0][0]):.1f}Z"/>'
        yield f'<path class="p-seam" d="{line}"/>'


def _steps(frame: Frame, series: Totals, end: date) -> str:
    """Return path data for a line that keeps each total until the day of the next one."""
    kept = [series[0], *(b for a, b in pairwise(series) if a[1] != b[1])]
    steps = "".join(f"H{frame.x(day):.1f}V{frame.y(total):.1f}" for day, total in kept[1:])
    return f"M{frame.x(kept[0][0]):.1f} {frame.y(kept[0][1]):.1f}{steps}H{frame.x(end):.1f}"


def _now(frame: Frame, total: int, language: Language) -> str:
    number, x, y = formats(language).number(total), frame.x(frame.last) + 2, frame.y(total) - 12
    return text(x, y, number, size=22, strong=True, anchor="end", look="line-text halo")


def _drawing(parts: Sequence[str], series: Totals, last: date, language: Language) -> Drawing:
    title = say(language, "Agreements over time")
    return Drawing(
        width=WIDTH, height=HEIGHT, title=title, desc=course_in_words(series, last, language), body="".join(parts)
    )


def course_in_words(series: Totals, last: date, language: Language, *, long: bool = False) -> str:
    """Return the first and last totals of a course as text. `long` writes dates in full."""

    def write(day: date) -> str:
        return formats(language).day(day) if long else formats(language).short_day(day, year=True)

    (first, begun), now = series[0], series[-1][1]
    if first == last:
        return say(language, "First read on {day}", day=write(first))
    return say(
        language,
        "From {first} on {since}, to {last} on {until}",
        first=begun,
        since=write(first),
        last=now,
        until=write(last),
    )


def _round_numbers() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _axis(frame: Frame, language: Language) -> Iterator[str]:
    for value in range(0, frame.top + 1, frame.step):
        y, look = frame.y(value), "rule" if value else "axis"
        yield f'<path class="p-{look}" d="M{frame.box.left:g} {y:.1f}H{frame.box.right:g}"/>'
        label = formats(language).number(value)
        yield text(frame.box.left - 8, y + 5, label, size=SMALL, anchor="end", look="faint axis-text")


def _days(frame: Frame, language: Language) -> Iterator[str]:
    """Draw the labels of the time axis: a few months, or the first and last day of a short period."""
    y, words = frame.box.bottom + 22, formats(language)
    if (frame.last - frame.first).days < SHORT_TIME:
        yield from ends(frame, y, language)
        return
    year = None
    for month in _some_months(frame):
        name, x = words.short_month(month, year=month.year != year), frame.x(month)
        yield f'<path class="p-axis" d="M{x:.1f} {frame.box.bottom:g}v6"/>'
        yield text(x, y, name, size=SMALL, anchor="middle", look="faint axis-text")
        year = month.year


def ends(frame: Frame, y: float, language: Language, *, size: float = SMALL) -> Iterator[str]:
    """Draw the first and last day below a chart."""
    first, last = (formats(language).short_day(day, year=True) for day in (frame.first, frame.last))
    if frame.first != frame.last:
        yield text(frame.box.left, y, first, size=size, look="faint axis-text")
    yield text(frame.box.right, y, last, size=size, anchor="end", look="faint axis-text")


def _some_months(frame: Frame) -> list[date]:
    """Return the first days of at most six evenly spaced months, leaving out any without room for a label."""
    numbers = range(12 * frame.first.year + frame.first.month - 1, 12 * frame.last.year + frame.last.month)
    every = next(every for every in (1, 2, 3, 6, 12, 24, 60, 120, 600) if len(numbers) <= 6 * every)
    days = [date(number // 12, number % 12 + 1, 1) for number in numbers if number % every == 0]
    return [day for day in days if frame.first <= day and frame.x(day) < frame.box.right - 30]
