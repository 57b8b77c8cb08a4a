"""The picture that goes with a digest: agreements over time, and a week's changes on a map of tiles, as SVG.

    history(changes) → History → figures(history, …) → Figures → draw(figures, language) → Picture

It is drawn from these values alone, without a clock and without a browser: the same values give the same bytes. Lengths
are units of the picture, which is 600 wide; a phone shows it about 400 points wide, so no text is smaller than 15.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bot.domain.agreement import Key, ListName
from bot.domain.change import LEAVING, Change, Kind
from bot.domain.lists.names import STATES, TERRITORIES
from bot.domain.messages.net_changes import net
from bot.domain.subscription import Cadence, Language, Subscription
from bot.domain.text.wording import Wording, state_name

WEEK = timedelta(days=7)
FIRST_DAY = date(2025, 1, 1)  # the line begins here where the log reaches further back
SHORT_TIME = 60  # days under which the line chart names days instead of months
LONGEST_ALT = 1_000  # characters; Slack takes no more
FONT = "Source Sans Pro"  # regular and semibold

_ARRIVING = frozenset({Kind.SIGNED, Kind.REINSTATED})


# ── From the log to values ───────────────────────────────────────────────────────────────────────────────────────────


class Point(NamedTuple):
    """How many agreements the participating list held after the publication of that moment (UTC)."""

    at: datetime
    total: int


class Moves(NamedTuple):
    """How many agreements a state gained and lost."""

    gained: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the log says of the participating list up to one change, whoever is told.

    `points` is its total after each publication that changed it, `counts` the agreements at the end by state, `recent`
    the changes of the last week before the end, of either list.
    """

    points: tuple[Point, ...]
    counts: Mapping[str, int]
    recent: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a picture shows: the total by day, agreements now and moves by state, and the days between which they fell.

    States are postal codes; what stands under any other is counted in `total`, but has no tile.
    """

    series: tuple[tuple[date, int], ...]
    counts: Mapping[str, int]
    moves: Mapping[str, Moves]
    since: date
    until: date

    @property
    def total(self) -> int:
        """All agreements now."""
        return self.series[-1][1]


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


def history(changes: Iterable[Change]) -> History:
    """What all changes of the log up to one of them come to; `changes` begin with the first."""
    everything = tuple(changes)
    here: set[Key] = set()
    points: dict[datetime, int] = {}
    for change in everything:
        if change.list is ListName.PARTICIPATING and change.is_of_lists:
            _enter(here, change)
            points[change.publication.observed_at] = len(here)
    counts = dict.fromkeys(STATES, 0)
    for key in here:
        counts[key.state] = counts.get(key.state, 0) + 1
    ordered = tuple(Point(*point) for point in sorted(points.items()))
    return History(points=ordered, counts=counts, recent=_recent(everything))


def _enter(here: set[Key], change: Change) -> None:
    """What the participating list holds after a change, as `Known.after` has it."""
    if change.was is not None:
        here.discard(change.was.key)
    if change.kind in LEAVING:
        here.discard(change.agreement.key)
    else:
        here.add(change.agreement.key)


def _recent(changes: Sequence[Change]) -> tuple[Change, ...]:
    if not changes:
        return ()
    since = changes[-1].publication.observed_at - WEEK
    return tuple(change for change in changes if change.publication.observed_at > since)


def figures(past: History, *, until: datetime, tz: str) -> Figures:
    """What a picture shows of a history, with the moves of the week until that moment (UTC); days as in that zone."""
    zone, since = ZoneInfo(tz), until - WEEK
    week = [change for change in past.recent if since < change.publication.observed_at <= until]
    return Figures(
        series=tuple({point.at.astimezone(zone).date(): point.total for point in past.points}.items()),
        counts=past.counts,
        moves=moves(week),
        since=max(since, past.points[0].at).astimezone(zone).date(),
        until=until.astimezone(zone).date(),
    )


def moves(changes: Iterable[Change]) -> dict[str, Moves]:
    """What each state gained and lost on the participating list, net, by postal code.

    A correction moves nothing: that an agreement was misprinted under another state is no news of either.
    """
    stood = _not_taken_back(changes)
    found: dict[str, Moves] = {}
    for change in (told.change for told in net(stood)):
        if change.list is not ListName.PARTICIPATING or change.kind not in _ARRIVING | {Kind.WITHDRAWN}:
            continue
        gained, lost = found.get(change.agreement.state, Moves(0, 0))
        arrived = change.kind in _ARRIVING
        found[change.agreement.state] = Moves(gained + arrived, lost + (not arrived))
    return dict(sorted(found.items()))


def _not_taken_back(changes: Iterable[Change]) -> list[Change]:
    everything = list(changes)
    wrong = {change.retracts for change in everything if change.kind is Kind.RETRACTED}
    return [change for change in everything if change.is_of_lists and change.seq not in wrong]


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


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


class _Telling:
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
        return self.say.headline[self._shown.total != 1].format(_number(self._shown.total))

    def places(self) -> str:
        held = len(self._placed())
        return self.say.places[held != 1].format(held, self.short(self._shown.until))

    def course(self, day: _Day | None = None) -> str:
        """Where the line begins and ends, with days written short unless told otherwise."""
        write = day or self.short
        (first, begun), last = _line(self._shown)[0], _last_day(self._shown)
        if first == last:
            return self.say.first_read.format(write(first))
        return self.say.course.format(_number(begun), write(first), _number(self._shown.total), write(last))

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
        return [(sign, _number(number), words[number != 1]) for sign, number, words in found if number]

    def unplaced(self) -> str:
        number = sum(count for state, count in self._shown.counts.items() if state not in STATES)
        return self.say.unplaced.format(_number(number)) if number else ""

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
        told = [f"{state_name(state, self._language)} ({_number(count)})" for state, count in order[:most]]
        left = len(order) - len(told)
        return ", ".join([*told, self.say.and_more[left > 1].format(left)] if left and rest else told)

    def _week(self) -> tuple[str, str]:
        same_year = self._shown.since.year == self._shown.until.year
        return self.short(self._shown.since, year=not same_year), self.short(self._shown.until)


def _number(number: int) -> str:
    return f"{number:,}"


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
    telling = _Telling(shown, language)
    parts = [*_header(telling), *_chart(shown, telling), *_map(shown, telling)]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="{FONT}"><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )
    return Picture(svg=svg, alt=telling.alt(), title=telling.caption())


def _header(telling: _Telling) -> Iterator[str]:
    yield _text(_MARGIN, 50, telling.headline(), size=28, strong=True)
    yield _text(_MARGIN, 76, telling.places(), size=18, fill=_FAINT)
    yield _text(_MARGIN, 116, telling.course(), size=18, strong=True)
    yield _text(_MARGIN, HEIGHT - 14, telling.say.source, size=15, fill=_FAINT)


def _line(shown: Figures) -> list[tuple[date, int]]:
    """The series from January 2025 on: where it is older, with what stood on that day first."""
    before = [total for day, total in shown.series if day < FIRST_DAY]
    since = [(day, total) for day, total in shown.series if day >= FIRST_DAY]
    if before and (not since or since[0][0] > FIRST_DAY):
        since.insert(0, (FIRST_DAY, before[-1]))
    return since


def _last_day(shown: Figures) -> date:
    return max(shown.until, _line(shown)[-1][0])


def _chart(shown: Figures, telling: _Telling) -> Iterator[str]:
    line = _line(shown)
    frame = _Frame(line[0][0], _last_day(shown), max(total for _, total in line))
    yield from _axis(frame)
    yield from _days(frame, telling)
    left, y = frame.x(line[0][0]), frame.y(shown.total)
    course = f"M{left:.1f} {frame.y(line[0][1]):.1f}" + "".join(
        f"H{frame.x(day):.1f}V{frame.y(total):.1f}" for day, total in line[1:]
    )
    yield f'<path d="{course}H{_RIGHT:g}V{_BOTTOM:g}H{left:.1f}Z" fill="{_AREA}"/>'
    yield f'<path d="{course}H{_RIGHT:g}" fill="none" stroke="{_COURSE}" stroke-width="3" stroke-linejoin="round"/>'
    yield f'<circle cx="{_RIGHT:g}" cy="{y:.1f}" r="6" fill="{_COURSE}" stroke="#ffffff" stroke-width="2"/>'
    yield _text(_RIGHT + 2, y - 12, _number(shown.total), size=22, strong=True, anchor="end", fill=_COURSE, halo=True)


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
        yield _text(_LEFT - 8, y + 5, _number(value), size=15, anchor="end", fill=_FAINT)


def _days(frame: _Frame, telling: _Telling) -> Iterator[str]:
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


def _map(shown: Figures, telling: _Telling) -> Iterator[str]:
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


def _legend(telling: _Telling) -> Iterator[str]:
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
