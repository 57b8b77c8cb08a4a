"""Draw a digest's picture as SVG: a line chart of agreements over time and a tile map of the week's changes.

    history(changes) → History → figures(history, …) → Figures → draw(figures, language) → Picture

Drawing needs no clock and no browser, and the same values always produce the same bytes. Lengths are in SVG units. The
picture is 600 units wide. A phone displays it at a width of about 400 points, so no text is smaller than 15 units.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from html import escape

from bot.domain.geography.states import STATES, TERRITORIES
from bot.domain.language import Language
from bot.domain.messages.figures import Figures, History, Moves, course_of, figures, last_day
from bot.domain.messages.picture import Picture, PictureWording
from bot.domain.subscription import Cadence, Subscription

SHORT_TIME = 60  # days; a line chart that covers less names days instead of months
FONT = "Source Sans Pro"  # regular and semibold


def picture_for(subscription: Subscription, past: History) -> Picture | None:
    """Draw the picture for a digest.

    Return None for instant alerts, and if ICE's participating list hasn't been read yet. `past` is the history through
    the last change in the digest. The week ends at the time stored when the digest was started, so a digest composed
    again after a crash has the same picture.
    """
    if subscription.cadence is Cadence.INSTANT or not past.points:
        return None
    last = past.recent[-1].publication.observed_at
    until = max(subscription.pinned_at or last, last)
    return draw(figures(past, until=until, tz=subscription.tz), subscription.language)


# ── Drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

WIDTH, HEIGHT = 600, 856
_MARGIN = 26
_INK, _FAINT, _RULE = "#16212c", "#55626f", "#d8dee4"
_COURSE, _AREA = "#12416b", "#dbe7f1"
_AMBER, _WHITE = "#ffb000", "#ffffff"  # both stand out from the blues to people with any form of color blindness

# Shades by their lowest number of agreements, with the color of the text on them.
_SHADES = (
    (0, _WHITE, _FAINT),
    (1, "#d6e5f0", _INK),
    (10, "#9cc1dd", _INK),
    (30, "#3a78a8", "#ffffff"),
    (100, "#12416b", "#ffffff"),
)
_SHADE_NAMES = ("0", "1–9", "10–29", "30–99", "100+")
_TILES = """\
AK .. .. .. .. .. .. .. .. .. ME
.. .. .. .. .. .. .. .. .. VT NH
WA ID MT ND MN IL WI MI NY RI MA
OR NV WY SD IA IN OH PA NJ CT ..
CA UT CO NE MO KY WV VA MD DE ..
.. AZ NM KS AR TN NC SC DC .. ..
.. .. .. OK LA MS AL GA .. .. ..
HI .. .. TX .. .. .. .. FL .. ..
GU MP AS .. .. .. .. .. .. PR VI"""
_PITCH, _TILE, _SHORE = 50.1, 47.0, 6.0  # from tile to tile, the side of a tile, the gap before the territories
_MAP_TOP = 360.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 74.0, 572.0, 140.0, 272.0  # of the line chart; the last number is above it


def draw(shown: Figures, language: Language) -> Picture:
    """Draw a picture of these figures, which must cover at least one day."""
    wording = PictureWording(shown, language)
    parts = [*_header(wording), *_chart(shown, wording), *_map(shown, wording)]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="{FONT}"><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )
    return Picture(svg=svg, alt=wording.alt(), title=wording.caption())


def _header(wording: PictureWording) -> Iterator[str]:
    yield text(_MARGIN, 50, wording.headline(), size=28, strong=True)
    yield text(_MARGIN, 76, wording.places(), size=18, fill=_FAINT)
    yield text(_MARGIN, 116, wording.course(), size=18, strong=True)
    yield text(_MARGIN, HEIGHT - 14, wording.source(), size=15, fill=_FAINT)


def _chart(shown: Figures, wording: PictureWording) -> Iterator[str]:
    line = course_of(shown)
    frame = Frame(line[0][0], last_day(shown), max(total for _, total in line))
    yield from _axis(frame, wording)
    yield from _days(frame, wording)
    left, y = frame.x(line[0][0]), frame.y(shown.total)
    course = f"M{left:.1f} {frame.y(line[0][1]):.1f}" + "".join(
        f"H{frame.x(day):.1f}V{frame.y(total):.1f}" for day, total in line[1:]
    )
    yield f'<path d="{course}H{_RIGHT:g}V{_BOTTOM:g}H{left:.1f}Z" fill="{_AREA}"/>'
    yield f'<path d="{course}H{_RIGHT:g}" fill="none" stroke="{_COURSE}" stroke-width="3" stroke-linejoin="round"/>'
    yield f'<circle cx="{_RIGHT:g}" cy="{y:.1f}" r="6" fill="{_COURSE}" stroke="#ffffff" stroke-width="2"/>'
    yield text(
        _RIGHT + 2, y - 12, wording.number(shown.total), size=22, strong=True, anchor="end", fill=_COURSE, halo=True
    )


class Frame:
    """The axes of the line chart. The vertical axis starts at 0 and has at most five grid lines."""

    def __init__(self, first: date, last: date, most: int) -> None:
        self.first, self.last = first, last
        self.step = next(step for step in _round_numbers() if step * 4 >= most)
        self.top = self.step * max(1, -(-most // self.step))
        self._days = max(1, (last - first).days)

    def x(self, day: date) -> float:
        return _LEFT + (day - self.first).days / self._days * (_RIGHT - _LEFT)

    def y(self, value: int) -> float:
        return _BOTTOM - value / self.top * (_BOTTOM - _TOP)


def _round_numbers() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _axis(frame: Frame, wording: PictureWording) -> Iterator[str]:
    for value in range(0, frame.top + 1, frame.step):
        y = frame.y(value)
        yield f'<path d="M{_LEFT:g} {y:.1f}H{_RIGHT:g}" stroke="{_RULE if value else _FAINT}"/>'
        yield text(_LEFT - 8, y + 5, wording.number(value), size=15, anchor="end", fill=_FAINT)


def _days(frame: Frame, wording: PictureWording) -> Iterator[str]:
    """Draw the labels of the time axis: a few months, or the first and last day of a short period."""
    y = _BOTTOM + 22
    if (frame.last - frame.first).days < SHORT_TIME:
        if frame.first != frame.last:
            yield text(_LEFT, y, wording.short(frame.first), size=15, fill=_FAINT)
        yield text(_RIGHT, y, wording.short(frame.last), size=15, anchor="end", fill=_FAINT)
        return
    year = None
    for month in _some_months(frame):
        name, x = wording.month(month, year=month.year != year), frame.x(month)
        yield f'<path d="M{x:.1f} {_BOTTOM:g}v6" stroke="{_FAINT}"/>'
        yield text(x, y, name, size=15, anchor="middle", fill=_FAINT)
        year = month.year


def _some_months(frame: Frame) -> list[date]:
    """Return the first days of at most six evenly spaced months, leaving out any without room for a label."""
    numbers = range(12 * frame.first.year + frame.first.month - 1, 12 * frame.last.year + frame.last.month)
    every = next(every for every in (1, 2, 3, 6, 12, 24, 60, 120, 600) if len(numbers) <= 6 * every)
    days = [date(number // 12, number % 12 + 1, 1) for number in numbers if number % every == 0]
    return [day for day in days if frame.first <= day and frame.x(day) < _RIGHT - 30]


def _map(shown: Figures, wording: PictureWording) -> Iterator[str]:
    yield text(_MARGIN, _MAP_TOP - 22, wording.changes(), size=18, strong=True)
    yield from _legend(wording)
    for row, codes in enumerate(_TILES.splitlines()):
        for column, state in enumerate(codes.split()):
            if state in STATES:
                y = _MAP_TOP + row * _PITCH + (_SHORE if state in TERRITORIES else 0)
                yield from _tile(_MARGIN + column * _PITCH, y, state, shown)
    yield text(_MARGIN + 3.3 * _PITCH, _MAP_TOP + 8.5 * _PITCH + _SHORE, wording.unplaced(), size=15, fill=_FAINT)


def _tile(x: float, y: float, state: str, shown: Figures) -> Iterator[str]:
    _, fill, ink = next(shade for shade in reversed(_SHADES) if shown.counts.get(state, 0) >= shade[0])
    yield _plate(x, y, _TILE, _TILE, fill=fill)
    gained, lost = shown.moves.get(state, Moves(0, 0))
    badges = [f"{sign}{number}" for sign, number in (("+", gained), ("−", lost)) if number]
    yield text(x + _TILE / 2, y + (18 if badges else 29), state, size=16, strong=True, anchor="middle", fill=ink)
    yield from _badges(x, y + 23, badges)


def _badges(x: float, y: float, badges: Sequence[str]) -> Iterator[str]:
    """Draw a tile's badges side by side, in the largest size that fits."""
    sizes = range(16, 8, -1)
    size = next((size for size in sizes if sum(_width(badge, size) + 2 for badge in badges) <= _TILE), sizes[-1])
    left = x + (_TILE - sum(_width(badge, size) for badge in badges) - 2 * (len(badges) - 1)) / 2
    for badge in badges:
        yield from _badge(left, y, badge, size)
        left += _width(badge, size) + 2


def _badge(x: float, y: float, badge: str, size: int) -> Iterator[str]:
    """Draw a number in a box. The box is amber for a gain, and white with a border for a loss."""
    fill = _AMBER if badge.startswith("+") else _WHITE
    yield _plate(x, y, _width(badge, size), 20, fill=fill, edge=_INK)
    yield text(x + _width(badge, size) / 2, y + 10 + size / 3, badge, size=size, strong=True, anchor="middle")


def _width(badge: str, size: int) -> float:
    return (0.52 * len(badge) + 0.36) * size


def _legend(wording: PictureWording) -> Iterator[str]:
    """Draw the legend for the shades and badges in the empty space above the northern states."""
    left = _MARGIN + 1.35 * _PITCH
    x, y = left, _MAP_TOP + 1
    for sign, number, word in wording.sums():
        yield from _badge(x, y, sign + number, 16)
        x += _width(sign + number, 16) + 7
        yield text(x, y + 15.5, word, size=16)
        x += 7.6 * len(word) + 16
    yield text(left, y + 46, wording.now(), size=15, fill=_FAINT)
    for place, ((_, fill, ink), name) in enumerate(zip(_SHADES, _SHADE_NAMES, strict=True)):
        x = left + 60 * place
        yield _plate(x, y + 54, 57, 24, fill=fill)
        yield text(x + 28.5, y + 71, name, size=15, anchor="middle", fill=ink)


def _plate(x: float, y: float, width: float, height: float, *, fill: str, edge: str = _RULE) -> str:
    """Draw a rectangle with rounded corners. White rectangles get a border."""
    stroke = f' stroke="{edge}"' if fill == _WHITE else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:g}" rx="4" fill="{fill}"{stroke}/>'


def text(
    x: float,
    y: float,
    content: str,
    *,
    size: int,
    strong: bool = False,
    anchor: str = "start",
    fill: str = _INK,
    halo: bool = False,
) -> str:
    """Draw text with typographic apostrophes. `halo` adds a white outline, so that the text stands out from lines."""
    if not content:
        return ""
    weight = ' font-weight="600"' if strong else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    glow = ' stroke="#ffffff" stroke-width="5" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    shown = escape(content.replace("'", "’"), quote=False)
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{weight}{where} fill="{fill}"{glow}>{shown}</text>'
