"""The picture that goes with a digest: agreements over time, and a week's changes on a map of tiles, as SVG.

    history(changes) → History → figures(history, …) → Figures → draw(figures, language) → Picture

It is drawn from these values alone, without a clock and without a browser: the same values give the same bytes. Lengths
are units of the picture, which is 600 wide; a phone shows it about 400 points wide, so no text is smaller than 15.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from html import escape

from bot.domain.geography.states import STATES, TERRITORIES
from bot.domain.language import Language
from bot.domain.messages.figures import Figures, History, Moves, course_of, figures, last_day
from bot.domain.messages.picture import Picture, Telling, grouped
from bot.domain.subscription import Cadence, Subscription

SHORT_TIME = 60  # days under which the line chart names days instead of months
FONT = "Source Sans Pro"  # regular and semibold


# ── From the log to values ───────────────────────────────────────────────────────────────────────────────────────────


def picture_for(subscription: Subscription, past: History) -> Picture | None:
    """The picture for a digest; None for instant cadence and before ICE's participating list was first read.

    `past` is the history up to the change that the subscription's digest is pinned to, and the week ends when it was
    pinned, so that a digest composed again after a crash has the same picture.
    """
    if subscription.cadence is Cadence.INSTANT or not past.points:
        return None
    last = past.recent[-1].publication.observed_at
    until = max(subscription.pinned_at or last, last)
    return draw(figures(past, until=until, tz=subscription.tz), subscription.language)


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


# ── Drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

WIDTH, HEIGHT = 600, 856
_MARGIN = 26
_INK, _FAINT, _RULE = "#16212c", "#55626f", "#d8dee4"
_COURSE, _AREA = "#12416b", "#dbe7f1"
_AMBER, _WHITE = "#ffb000", "#ffffff"  # on blues: told apart whatever colours an eye lacks

# Shades by the least number of agreements, with the colour of the text upon them.
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
_PITCH, _TILE, _SHORE = 50.1, 47.0, 6.0  # from tile to tile, a tile's side, how far the territories are set off
_MAP_TOP = 360.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 74.0, 572.0, 140.0, 272.0  # of the line chart; the last number stands above


def draw(shown: Figures, language: Language) -> Picture:
    """The picture of these figures, which hold at least one day."""
    telling = Telling(shown, language)
    parts = [*_header(telling), *_chart(shown, telling), *_map(shown, telling)]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="{FONT}"><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )
    return Picture(svg=svg, alt=telling.alt(), title=telling.caption())


def _header(telling: Telling) -> Iterator[str]:
    yield _text(_MARGIN, 50, telling.headline(), size=28, strong=True)
    yield _text(_MARGIN, 76, telling.places(), size=18, fill=_FAINT)
    yield _text(_MARGIN, 116, telling.course(), size=18, strong=True)
    yield _text(_MARGIN, HEIGHT - 14, telling.say.source, size=15, fill=_FAINT)


def _chart(shown: Figures, telling: Telling) -> Iterator[str]:
    line = course_of(shown)
    frame = _Frame(line[0][0], last_day(shown), max(total for _, total in line))
    yield from _axis(frame)
    yield from _days(frame, telling)
    left, y = frame.x(line[0][0]), frame.y(shown.total)
    course = f"M{left:.1f} {frame.y(line[0][1]):.1f}" + "".join(
        f"H{frame.x(day):.1f}V{frame.y(total):.1f}" for day, total in line[1:]
    )
    yield f'<path d="{course}H{_RIGHT:g}V{_BOTTOM:g}H{left:.1f}Z" fill="{_AREA}"/>'
    yield f'<path d="{course}H{_RIGHT:g}" fill="none" stroke="{_COURSE}" stroke-width="3" stroke-linejoin="round"/>'
    yield f'<circle cx="{_RIGHT:g}" cy="{y:.1f}" r="6" fill="{_COURSE}" stroke="#ffffff" stroke-width="2"/>'
    yield _text(_RIGHT + 2, y - 12, grouped(shown.total), size=22, strong=True, anchor="end", fill=_COURSE, halo=True)


class _Frame:
    """Where a day and a number stand in the line chart; its axis begins at nothing and has at most five lines."""

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


def _axis(frame: _Frame) -> Iterator[str]:
    for value in range(0, frame.top + 1, frame.step):
        y = frame.y(value)
        yield f'<path d="M{_LEFT:g} {y:.1f}H{_RIGHT:g}" stroke="{_RULE if value else _FAINT}"/>'
        yield _text(_LEFT - 8, y + 5, grouped(value), size=15, anchor="end", fill=_FAINT)


def _days(frame: _Frame, telling: Telling) -> Iterator[str]:
    """A few months under the line; over a short time its first and last day."""
    y = _BOTTOM + 22
    if (frame.last - frame.first).days < SHORT_TIME:
        if frame.first != frame.last:
            yield _text(_LEFT, y, telling.short(frame.first), size=15, fill=_FAINT)
        yield _text(_RIGHT, y, telling.short(frame.last), size=15, anchor="end", fill=_FAINT)
        return
    year = None
    for month in _some_months(frame):
        name, x = telling.say.months[month.month - 1], frame.x(month)
        yield f'<path d="M{x:.1f} {_BOTTOM:g}v6" stroke="{_FAINT}"/>'
        yield _text(x, y, name if month.year == year else f"{name} {month.year}", size=15, anchor="middle", fill=_FAINT)
        year = month.year


def _some_months(frame: _Frame) -> list[date]:
    """The first days of at most six months in between, evenly, where their names have room."""
    numbers = range(12 * frame.first.year + frame.first.month - 1, 12 * frame.last.year + frame.last.month)
    every = next(every for every in (1, 2, 3, 6, 12, 24, 60, 120, 600) if len(numbers) <= 6 * every)
    days = [date(number // 12, number % 12 + 1, 1) for number in numbers if number % every == 0]
    return [day for day in days if frame.first <= day and frame.x(day) < _RIGHT - 30]


def _map(shown: Figures, telling: Telling) -> Iterator[str]:
    yield _text(_MARGIN, _MAP_TOP - 22, telling.changes(), size=18, strong=True)
    yield from _legend(telling)
    for row, codes in enumerate(_TILES.splitlines()):
        for column, state in enumerate(codes.split()):
            if state in STATES:
                y = _MAP_TOP + row * _PITCH + (_SHORE if state in TERRITORIES else 0)
                yield from _tile(_MARGIN + column * _PITCH, y, state, shown)
    yield _text(_MARGIN + 3.3 * _PITCH, _MAP_TOP + 8.5 * _PITCH + _SHORE, telling.unplaced(), size=15, fill=_FAINT)


def _tile(x: float, y: float, state: str, shown: Figures) -> Iterator[str]:
    _, fill, ink = next(shade for shade in reversed(_SHADES) if shown.counts.get(state, 0) >= shade[0])
    yield _plate(x, y, _TILE, _TILE, fill=fill)
    gained, lost = shown.moves.get(state, Moves(0, 0))
    badges = [f"{sign}{number}" for sign, number in (("+", gained), ("−", lost)) if number]
    yield _text(x + _TILE / 2, y + (18 if badges else 29), state, size=16, strong=True, anchor="middle", fill=ink)
    yield from _badges(x, y + 23, badges)


def _badges(x: float, y: float, badges: Sequence[str]) -> Iterator[str]:
    """The badges of a tile side by side, as large as they fit."""
    sizes = range(16, 8, -1)
    size = next((size for size in sizes if sum(_width(badge, size) + 2 for badge in badges) <= _TILE), sizes[-1])
    left = x + (_TILE - sum(_width(badge, size) for badge in badges) - 2 * (len(badges) - 1)) / 2
    for badge in badges:
        yield from _badge(left, y, badge, size)
        left += _width(badge, size) + 2


def _badge(x: float, y: float, badge: str, size: int) -> Iterator[str]:
    """A number on a plate: amber where there is more, white with an edge where there is less."""
    fill = _AMBER if badge.startswith("+") else _WHITE
    yield _plate(x, y, _width(badge, size), 20, fill=fill, edge=_INK)
    yield _text(x + _width(badge, size) / 2, y + 10 + size / 3, badge, size=size, strong=True, anchor="middle")


def _width(badge: str, size: int) -> float:
    return (0.52 * len(badge) + 0.36) * size


def _legend(telling: Telling) -> Iterator[str]:
    """What came and went in all, as badges that explain themselves, and the shades: in the open north."""
    left = _MARGIN + 1.35 * _PITCH
    x, y = left, _MAP_TOP + 1
    for sign, number, word in telling.sums():
        yield from _badge(x, y, sign + number, 16)
        x += _width(sign + number, 16) + 7
        yield _text(x, y + 15.5, word, size=16)
        x += 7.6 * len(word) + 16
    yield _text(left, y + 46, telling.say.now, size=15, fill=_FAINT)
    for place, ((_, fill, ink), name) in enumerate(zip(_SHADES, _SHADE_NAMES, strict=True)):
        x = left + 60 * place
        yield _plate(x, y + 54, 57, 24, fill=fill)
        yield _text(x + 28.5, y + 71, name, size=15, anchor="middle", fill=ink)


def _plate(x: float, y: float, width: float, height: float, *, fill: str, edge: str = _RULE) -> str:
    """A rectangle with round corners; a white one has an edge."""
    stroke = f' stroke="{edge}"' if fill == _WHITE else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:g}" rx="4" fill="{fill}"{stroke}/>'


def _text(
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
    """A run of text; `halo` keeps it apart from lines behind it. Apostrophes are set as a printer would."""
    if not content:
        return ""
    weight = ' font-weight="600"' if strong else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    glow = ' stroke="#ffffff" stroke-width="5" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    shown = escape(content.replace("'", "’"), quote=False)
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{weight}{where} fill="{fill}"{glow}>{shown}</text>'
