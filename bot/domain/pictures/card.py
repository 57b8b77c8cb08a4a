"""Draw the image of a link preview, and a badge to embed."""

from collections.abc import Sequence
from datetime import date

from bot.domain.language import Language
from bot.domain.pictures.course import Box, Frame, area_of_totals, course_in_words, ends
from bot.domain.pictures.svg import Drawing, sums, text

WIDTH, HEIGHT = 1200, 630
_PLOT = Box(70.0, 1130.0, 330.0, 520.0)


def card(
    title: str,
    subtitle: str,
    series: Sequence[tuple[date, int]],
    *,
    until: date,
    source: str,
    language: Language,
    moved: Sequence[tuple[str, str]] = (),
) -> Drawing:
    """Draw a landscape card. `moved` holds badges with their words, such as ("+7", "new this week").

    If `series` has less than two days, no course is drawn.
    """
    parts = [
        text(70, 110, title, size=64 if len(title) <= 34 else 44, strong=True),
        text(70, 166, subtitle, size=34, look="faint"),
        *sums(70, 198, moved, size=32),
    ]
    desc = subtitle
    last = max(until, series[-1][0]) if series else until
    if series and series[0][0] < last:
        frame = Frame(series[0][0], last, max(total for _, total in series), _PLOT)
        axis = f'<path class="p-axis" d="M{_PLOT.left:g} {_PLOT.bottom:g}H{_PLOT.right:g}"/>'
        parts += [*area_of_totals(frame, series), axis, *ends(frame, 558, language, size=26)]
        desc = f"{subtitle}. {course_in_words(series, last, language)}."
    parts.append(text(70, 604, source, size=26, look="faint"))
    return Drawing(width=WIDTH, height=HEIGHT, title=title, desc=desc, body="".join(parts))


def badge(label: str, value: str) -> Drawing:
    """Draw a badge of two words or numbers, such as "287(g) in Texas" and "387"."""
    left, right = round(7.2 * len(label) + 20), round(7.6 * len(value) + 20)
    parts = [
        f'<rect class="p-faint" width="{left + right}" height="24" rx="4"/>',
        f'<path class="p-4" d="M{left} 0h{right - 4}q4 0 4 4v16q0 4-4 4H{left}z"/>',
        text(left / 2, 16.5, label, size=14, anchor="middle", look="page"),
        text(left + right / 2, 16.5, value, size=14, strong=True, anchor="middle", look="t4"),
    ]
    title = f"{label}: {value}"
    return Drawing(width=left + right, height=24, title=title, desc=title, body="".join(parts))
