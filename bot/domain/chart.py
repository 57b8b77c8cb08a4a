"""The picture that goes with a digest: agreements over time, and a week's changes on a map of tiles, as SVG.

    history(changes) → History → figures(history, …) → Figures → draw(figures, language) → Picture

It is drawn from these values alone, without a clock and without a browser: the same values give the same bytes. Lengths
are units of the picture, which is 600 wide; a phone shows it about 400 points wide, so no text is smaller than 15.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bot.domain.agreement import Key, ListName
from bot.domain.change import LEAVING, Change, Kind
from bot.domain.net import net
from bot.domain.spelling import STATES, TERRITORIES
from bot.domain.subscription import Cadence, Language, Subscription
from bot.domain.wording import Wording, state_name

WEEK = timedelta(days=7)
FIRST_DAY = date(2025, 1, 1)  # the line begins here where the log reaches further back
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
        if change.list is ListName.PARTICIPATING:
            _enter(here, change)
            points[change.publication.observed_at] = len(here)
    counts = dict.fromkeys(STATES, 0)
    for key in here:
        counts[key.state] = counts.get(key.state, 0) + 1
    return History(points=tuple(Point(*point) for point in points.items()), counts=counts, recent=_recent(everything))


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
        since=since.astimezone(zone).date(),
        until=until.astimezone(zone).date(),
    )


def moves(changes: Iterable[Change]) -> dict[str, Moves]:
    """What each state gained and lost on the participating list, net, by postal code.

    A correction moves nothing: that an agreement was misprinted under another state is no news of either.
    """
    found: dict[str, Moves] = {}
    for change in (told.change for told in net(changes)):
        if change.list is not ListName.PARTICIPATING or change.kind not in _ARRIVING | {Kind.WITHDRAWN}:
            continue
        gained, lost = found.get(change.agreement.state, Moves(0, 0))
        arrived = change.kind in _ARRIVING
        found[change.agreement.state] = Moves(gained + arrived, lost + (not arrived))
    return dict(sorted(found.items()))


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrases:
    """The words of a picture in one language; `{}` is where the value goes, pairs are for one and for more."""

    headline: tuple[str, str]
    places: tuple[str, str]
    from_to: str
    first_read: str
    week: str
    quiet: str
    now: str
    gained: str
    lost: str
    source: str
    unplaced: tuple[str, str]
    months: Sequence[str]
    day: str
    day_of_year: str
    caption: str
    line_alt: str
    single_alt: str
    most_alt: str
    moves_alt: str
    quiet_alt: str
    and_more: tuple[str, str]


_ENGLISH = _Phrases(
    headline=("287(g): {} agreement on ICE's list", "287(g): {} agreements on ICE's list"),
    places=("in {} state or territory", "in {} states and territories"),
    from_to="From {} on {} to {} on {}",
    first_read="Since {}, when the list was first read",
    week="Changes from {} to {}",
    quiet="No changes from {} to {}",
    now="Agreements now",
    gained="new",
    lost="no longer listed",
    source="Source: ICE's list of participating agencies. Each tile is a state or territory.",
    unplaced=("{} more stands under a state that cannot be read.", "{} more stand under a state that cannot be read."),
    months="Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),
    day="{month} {day}",
    day_of_year="{month} {day}, {year}",
    caption="{}; {} new and {} no longer listed from {} to {}",
    line_alt="Line chart: {} on {}, {} on {}.",
    single_alt="{} on {}, when the list was first read.",
    most_alt="Map of the states, most agreements: {}.",
    moves_alt="From {} to {}: {} new{}; {} no longer listed{}.",
    quiet_alt="From {} to {}: nothing new, and nothing that is no longer listed.",
    and_more=("{} more state", "{} more states"),
)
_SPANISH = _Phrases(
    headline=("287(g): {} acuerdo en la lista de ICE", "287(g): {} acuerdos en la lista de ICE"),
    places=("en {} estado o territorio", "en {} estados y territorios"),
    from_to="De {} el {} a {} el {}",
    first_read="Desde el {}, cuando se leyó la lista por primera vez",
    week="Cambios del {} al {}",
    quiet="Sin cambios del {} al {}",
    now="Acuerdos ahora",
    gained="nuevos",
    lost="ya no están en la lista",
    source="Fuente: lista de agencias participantes de ICE. Cada casilla es un estado o territorio.",
    unplaced=("{} más figura en un estado ilegible.", "{} más figuran en un estado ilegible."),
    months="ene feb mar abr may jun jul ago sep oct nov dic".split(),
    day="{day} {month}",
    day_of_year="{day} {month} {year}",
    caption="{}; {} nuevos y {} que ya no están en la lista, del {} al {}",
    line_alt="Gráfico de línea: {} el {}, {} el {}.",
    single_alt="{} el {}, cuando se leyó la lista por primera vez.",
    most_alt="Mapa de los estados, más acuerdos: {}.",
    moves_alt="Del {} al {}: {} nuevos{}; {} que ya no están en la lista{}.",
    quiet_alt="Del {} al {}: nada nuevo y nada que ya no esté en la lista.",
    and_more=("{} estado más", "{} estados más"),
)
_IN = {Language.ENGLISH: _ENGLISH, Language.SPANISH: _SPANISH}


class _Telling:
    """What a picture says, in one language."""

    def __init__(self, shown: Figures, language: Language) -> None:
        self._shown = shown
        self._language = language
        self._long = Wording(language, "UTC").day
        self.say = _IN[language]

    def day(self, day: date, *, year: bool = True) -> str:
        pattern = self.say.day_of_year if year else self.say.day
        return pattern.format(month=self.say.months[day.month - 1], day=day.day, year=day.year)

    def headline(self) -> str:
        return self.say.headline[self._shown.total != 1].format(_number(self._shown.total))

    def places(self) -> str:
        held = sum(1 for state, count in self._shown.counts.items() if count and state in STATES)
        return f"{self.say.places[held != 1].format(held)}, {self.day(self._shown.until)}"

    def course(self) -> str:
        """Where the line begins and ends."""
        (first, begun), (last, total) = _line(self._shown)[0], _line(self._shown)[-1]
        if first == last:
            return self.say.first_read.format(self.day(first))
        return self.say.from_to.format(_number(begun), self.day(first), _number(total), self.day(last))

    def week(self) -> str:
        pattern = self.say.week if self._shown.moves else self.say.quiet
        same_year = self._shown.since.year == self._shown.until.year
        return pattern.format(self.day(self._shown.since, year=not same_year), self.day(self._shown.until))

    def footer(self) -> str:
        unplaced = sum(count for state, count in self._shown.counts.items() if state not in STATES)
        if not unplaced:
            return self.say.source
        return f"{self.say.source} {self.say.unplaced[unplaced != 1].format(_number(unplaced))}"

    def caption(self) -> str:
        """The picture's title: the total, and the week's changes where there are any."""
        if not self._shown.moves:
            return self.headline()
        gained, lost = self._sums()
        return self.say.caption.format(self.headline(), _number(gained), _number(lost), *self._week())

    def alt(self) -> str:
        """The same in words, with as many states as fit in 1,000 characters."""
        told = (self._alt(most) for most in range(12, -1, -1))
        return next((text for text in told if len(text) <= LONGEST_ALT), self.headline())

    def _alt(self, most: int) -> str:
        return " ".join(
            sentence for sentence in (self._line_alt(), self._most_alt(), self._moves_alt(most)) if sentence
        )

    def _line_alt(self) -> str:
        (first, begun), (last, _) = _line(self._shown)[0], _line(self._shown)[-1]
        if first == last:
            return self.say.single_alt.format(self.headline(), self._long(first))
        headline = self.headline()
        return f"{headline}. " + self.say.line_alt.format(
            _number(begun), self._long(first), _number(self._shown.total), self._long(last)
        )

    def _most_alt(self) -> str:
        most = {state: count for state, count in self._shown.counts.items() if count and state in STATES}
        return self.say.most_alt.format(self._states(most, 5, rest=False)) if most else ""

    def _moves_alt(self, most: int) -> str:
        if not self._shown.moves:
            return self.say.quiet_alt.format(*self._week())
        gained = {state: moved.gained for state, moved in self._shown.moves.items() if moved.gained}
        lost = {state: moved.lost for state, moved in self._shown.moves.items() if moved.lost}
        sums = [(_number(sum(part.values())), self._bracketed(part, most)) for part in (gained, lost)]
        return self.say.moves_alt.format(*self._week(), *sums[0], *sums[1])

    def _bracketed(self, numbers: Mapping[str, int], most: int) -> str:
        return f" ({self._states(numbers, most)})" if numbers and most else ""

    def _states(self, numbers: Mapping[str, int], most: int, *, rest: bool = True) -> str:
        """The states with the largest numbers first, and how many more there are."""
        order = sorted(numbers.items(), key=lambda entry: (-entry[1], entry[0]))
        told = [f"{state_name(state, self._language)} {_number(count)}" for state, count in order[:most]]
        left = len(order) - len(told)
        return ", ".join([*told, self.say.and_more[left > 1].format(left)] if left and rest else told)

    def _sums(self) -> tuple[int, int]:
        moved = self._shown.moves.values()
        return sum(move.gained for move in moved), sum(move.lost for move in moved)

    def _week(self) -> tuple[str, str]:
        return self._long(self._shown.since), self._long(self._shown.until)


def _number(number: int) -> str:
    return f"{number:,}"


# ── Drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

WIDTH, HEIGHT = 600, 850
_MARGIN = 26
_INK, _FAINT, _RULE = "#16212c", "#55626f", "#d8dee4"
_LINE, _AREA = "#12416b", "#dbe7f1"
_NEW, _EMPTY = "#ffb000", "#ffffff"  # amber and white on blues: told apart whatever colours an eye lacks

# Shades by the least number of agreements, with the colour of the text upon them.
_SHADES = (
    (0, "#ffffff", _FAINT),
    (1, "#d6e5f0", _INK),
    (10, "#9cc1dd", _INK),
    (30, "#3a78a8", "#ffffff"),
    (100, "#12416b", "#ffffff"),
)
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
_PITCH, _TILE, _SHORE = 49.8, 47.0, 8.0  # from tile to tile, a tile's side, how far the territories are set off
_MAP_TOP = 364.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 72.0, 574.0, 136.0, 268.0  # of the line chart


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
    yield _text(_MARGIN, 114, telling.course(), size=18, strong=True)
    yield _text(_MARGIN, HEIGHT - 20, telling.footer(), size=15, fill=_FAINT)


def _line(shown: Figures) -> list[tuple[date, int]]:
    """The series from January 2025 on: where it is older, with what stood on that day first."""
    before = [total for day, total in shown.series if day < FIRST_DAY]
    since = [(day, total) for day, total in shown.series if day >= FIRST_DAY]
    if before and (not since or since[0][0] > FIRST_DAY):
        since.insert(0, (FIRST_DAY, before[-1]))
    return since


def _chart(shown: Figures, telling: _Telling) -> Iterator[str]:
    line = _line(shown)
    frame = _Frame(line[0][0], max(shown.until, line[-1][0]), max(total for _, total in line))
    for value in range(0, frame.top + 1, frame.step):
        y = frame.y(value)
        yield f'<path d="M{_LEFT:g} {y:.1f}H{_RIGHT:g}" stroke="{_FAINT if value == 0 else _RULE}"/>'
        yield _text(_LEFT - 8, y + 5, _number(value), size=15, anchor="end", fill=_FAINT)
    yield from _days(frame, telling)
    steps = f"M{frame.x(line[0][0]):.1f} {frame.y(line[0][1]):.1f}" + "".join(
        f"H{frame.x(day):.1f}V{frame.y(total):.1f}" for day, total in line[1:]
    )
    yield f'<path d="{steps}H{_RIGHT:g}V{_BOTTOM:g}H{frame.x(line[0][0]):.1f}Z" fill="{_AREA}"/>'
    yield f'<path d="{steps}H{_RIGHT:g}" fill="none" stroke="{_LINE}" stroke-width="3" stroke-linejoin="round"/>'
    y = frame.y(shown.total)
    yield f'<circle cx="{_RIGHT:g}" cy="{y:.1f}" r="5.5" fill="{_LINE}" stroke="#ffffff" stroke-width="2"/>'
    yield _text(_RIGHT + 3, y - 12, _number(shown.total), size=22, strong=True, anchor="end", fill=_LINE, halo=True)


class _Frame:
    """Where a day and a number stand in the line chart; its axis begins at nothing and has three or four lines."""

    def __init__(self, first: date, last: date, most: int) -> None:
        self.first, self.last = first, last
        self.step = next(step for step in _round_numbers() if step * 4 >= most)
        self.top = self.step * max(1, -(-most // self.step))
        self._days = max(1, (last - first).days)

    def x(self, day: date) -> float:
        return _LEFT + (day - self.first).days / self._days * (_RIGHT - _LEFT)

    def y(self, value: int) -> float:
        return _BOTTOM - value / self.top * (_BOTTOM - _TOP - 20)


def _round_numbers() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _days(frame: _Frame, telling: _Telling) -> Iterator[str]:
    """The months under the line, a few of them; over a short time its first and last day."""
    y = _BOTTOM + 22
    if (frame.last - frame.first).days < 60:
        if frame.first != frame.last:
            yield _text(_LEFT, y, telling.day(frame.first), size=15, fill=_FAINT)
        yield _text(_RIGHT, y, telling.day(frame.last), size=15, anchor="end", fill=_FAINT)
        return
    months = _months(frame.first, frame.last)
    every = next(n for n in (1, 2, 3, 6, 12, 24, 60, 120) if len(months) <= 6 * n)
    year = None
    for month in (month for month in months if (month.month - 1 + 12 * month.year) % every == 0):
        x = frame.x(month)
        if x > _RIGHT - 14:
            continue
        name = telling.say.months[month.month - 1]
        yield f'<path d="M{x:.1f} {_BOTTOM:g}v6" stroke="{_FAINT}"/>'
        yield _text(x, y, name if month.year == year else f"{name} {month.year}", size=15, anchor="middle", fill=_FAINT)
        year = month.year


def _months(first: date, last: date) -> list[date]:
    """The first days of the months in between."""
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    days = (date(number // 12, number % 12 + 1, 1) for number in numbers)
    return [day for day in days if first <= day <= last]


def _map(shown: Figures, telling: _Telling) -> Iterator[str]:
    yield _text(_MARGIN, _MAP_TOP - 24, telling.week(), size=18, strong=True)
    yield from _legend(telling)
    for row, codes in enumerate(_TILES.splitlines()):
        for column, state in enumerate(codes.split()):
            if state in STATES:
                x = _MARGIN + column * _PITCH
                y = _MAP_TOP + row * _PITCH + (_SHORE if state in TERRITORIES else 0)
                yield from _tile(x, y, state, shown)


def _tile(x: float, y: float, state: str, shown: Figures) -> Iterator[str]:
    _, fill, ink = next(shade for shade in reversed(_SHADES) if shown.counts.get(state, 0) >= shade[0])
    edge = f' stroke="{_RULE}"' if fill == _EMPTY else ""
    yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{_TILE:g}" height="{_TILE:g}" rx="4" fill="{fill}"{edge}/>'
    moved = shown.moves.get(state, Moves(0, 0))
    baseline = y + (18 if any(moved) else _TILE / 2 + 6)
    yield _text(x + _TILE / 2, baseline, state, size=16, strong=True, anchor="middle", fill=ink)
    badges = [*([f"+{moved.gained}"] if moved.gained else []), *([f"−{moved.lost}"] if moved.lost else [])]
    size = 16 if len(badges) == 1 else 13
    widths = [_badge_width(badge, size) for badge in badges]
    left = x + (_TILE - sum(widths) - 2 * (len(badges) - 1)) / 2
    for badge, width in zip(badges, widths, strict=True):
        yield from _badge(left, y + 23, badge, size)
        left += width + 2


def _badge_width(badge: str, size: int) -> float:
    return len(badge) * 0.52 * size + 0.5 * size


def _badge(x: float, y: float, badge: str, size: int) -> Iterator[str]:
    """A number on a plate: amber where there is more, white where there is less."""
    width, height = _badge_width(badge, size), 20
    fill = _NEW if badge.startswith("+") else _EMPTY
    yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" rx="4" fill="{fill}" stroke="{_INK}"/>'
    yield _text(x + width / 2, y + 10 + 0.34 * size, badge, size=size, strong=True, anchor="middle")


def _legend(telling: _Telling) -> Iterator[str]:
    """What plates and shades mean, in the open north between Alaska and Maine."""
    x, y = _MARGIN + 1.35 * _PITCH, _MAP_TOP + 2
    for sign, word in (("+n", telling.say.gained), ("−n", telling.say.lost)):
        yield from _badge(x, y, sign, 15)
        yield _text(x + _badge_width(sign, 15) + 6, y + 15, word, size=15)
        x += 90
    x, y = _MARGIN + 1.35 * _PITCH, y + 44
    yield _text(x, y + 4, telling.say.now, size=15)
    for (least, fill, ink), name in zip(_SHADES, ("0", "1–9", "10–29", "30–99", "100+"), strict=True):
        edge = f' stroke="{_RULE}"' if fill == _EMPTY else ""
        yield f'<rect x="{x:.1f}" y="{y + 12:.1f}" width="58" height="24" fill="{fill}"{edge}/>'
        yield _text(x + 29, y + 29, name, size=15, anchor="middle", fill=ink if least else _INK)
        x += 60


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
    weight = ' font-weight="600"' if strong else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    glow = ' stroke="#ffffff" stroke-width="5" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{weight}{where} fill="{fill}"{glow}>{escape(content)}</text>'
    )
