"""Compose a digest's picture as SVG: of the counties of up to three states, or of the nation.

    view_of(subscription, standing, courses, window) → Figures or WatchedFigures → draw(figures, language) → Picture

Composing needs no clock and no browser, and the same values always produce the same bytes. Lengths are in SVG units.
The picture is 600 units wide. A phone displays it at a width of 358 to 400 points, so small text has 15.5 units.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

from bot.domain.change import Change
from bot.domain.geography.shapes import has_map
from bot.domain.language import Language
from bot.domain.lists.totals import Standing
from bot.domain.messages.figures import Figures, course_of, figures, history_of, last_day
from bot.domain.messages.picture import Picture, PictureWording
from bot.domain.messages.place_figures import (
    Course,
    PlaceFigures,
    WatchedFigures,
    courses,
    states_shown,
    watched_figures,
)
from bot.domain.messages.place_wording import PlaceWording
from bot.domain.pictures.county_map import legend as county_legend
from bot.domain.pictures.county_map import state_map
from bot.domain.pictures.course import Box, Frame, area_of_totals, course_of_totals
from bot.domain.pictures.svg import SMALL, Drawing, sums, text, wrapped
from bot.domain.pictures.tiles import PITCH, SHORE, state_tiles
from bot.domain.pictures.tiles import legend as tile_legend
from bot.domain.subscription import Cadence, Subscription

WIDTH = 600
MARGIN = 26
INNER = WIDTH - 2 * MARGIN
_LINE = 20  # from one line of small text to the next
_PER_LETTER = 0.43  # of the text's size, the width of a letter on average
_GAP = 24.0  # above each of several states
_BESIDE = 320.0  # where the words beside a map begin, if there are several


def picture_for(subscription: Subscription, log: Sequence[Change]) -> Picture | None:
    """Draw the picture for a digest. `log` holds all changes from the start through the digest's last one.

    Return None for instant alerts, and if ICE's participating list hasn't been read yet.
    """
    standing = Standing().after(log)
    course = courses(log, subscription.filter)
    shown = view_of(subscription, standing, course, log[subscription.cursor :])
    return draw(shown, subscription.language) if shown is not None else None


def view_of(
    to: Subscription, standing: Standing, course: Mapping[str, Course], window: Sequence[Change]
) -> Figures | WatchedFigures | None:
    """Return the numbers for the picture of a digest, or None if it has no picture.

    Everything depends on what is stored when the digest is started, so that a digest composed again after a crash has
    the same picture.
    """
    if to.cadence is Cadence.INSTANT or not standing.points:
        return None
    if states_shown(to.filter):
        return watched_figures(to, standing, course, window)
    return figures(history_of(standing), to, window)


def draw(shown: Figures | WatchedFigures, language: Language) -> Picture:
    """Draw a picture of these figures, which must cover at least one day."""
    if isinstance(shown, Figures):
        words = PictureWording(shown, language)
        return _picture(_nation(shown, words, language), words)
    place_words = PlaceWording(shown, language)
    if len(shown.places) == 1:
        return _picture(_one(shown, place_words, language), place_words)
    return _picture(_several(shown, place_words, language), place_words)


class _Page:
    """Parts of a picture from top to bottom. `y` is where the next part begins."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = 0.0

    def line(
        self, content: str, *, down: float, size: float = SMALL, strong: bool = False, look: str = "faint"
    ) -> None:
        """Add text whose first baseline is `down` units lower, in as many lines as it takes."""
        for line in wrapped(content, int(INNER / (_PER_LETTER * size))) if content else ():
            self.y += down
            self.parts.append(text(MARGIN, self.y, line, size=size, strong=strong, look=look))
            down = 1.25 * size

    def headline(self, content: str) -> None:
        """Add the headline, a little smaller if it needs two lines."""
        self.line(
            content, down=50, size=28 if len(content) * 28 * _PER_LETTER <= INNER else 25, strong=True, look="ink"
        )

    def note(self, content: str) -> None:
        """Add small text."""
        self.line(content, down=_LINE)

    def add(self, drawing: Drawing, x: float, scale: float = 1.0) -> None:
        """Add a drawing."""
        self.parts.append(drawing.at(x, self.y, scale))
        self.y += drawing.height * scale


def _picture(pages: Sequence[_Page], wording: PictureWording | PlaceWording) -> Picture:
    """Put the pages below each other. Only what a page shows is in it, so that pictures can share a page."""
    pages[-1].line(wording.source(), down=30)
    pages[-1].y += 14
    strips = [Drawing(width=WIDTH, height=ceil(p.y), title="", desc="", body="".join(p.parts)) for p in pages]
    return Picture(strips=tuple(strip.standalone() for strip in strips), alt=wording.alt(), title=wording.caption())


# ── The nation ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _nation(shown: Figures, wording: PictureWording, language: Language) -> list[_Page]:
    page = _Page()
    page.headline(wording.headline())
    page.line(wording.places(), down=26, size=18)
    page.line(wording.course(), down=40, size=18, strong=True, look="ink")
    if shown.has_course:
        page.y -= 10
        page.add(course_of_totals(course_of(shown), until=last_day(shown), language=language), 0)
    page.line(wording.changes(), down=32, size=18, strong=True, look="ink")
    page.y += 22
    page.parts += _nation_legend(page.y, wording)
    unplaced = wording.unplaced()
    page.parts.append(text(MARGIN + 3.3 * PITCH, page.y + 8.5 * PITCH + SHORE, unplaced, size=SMALL, look="faint"))
    page.add(state_tiles(shown.counts, language, moves=shown.moves), MARGIN)
    return [page]


def _nation_legend(top: float, wording: PictureWording) -> Iterator[str]:
    """Draw the legend for the shades and badges in the empty space above the northern states."""
    left = MARGIN + 1.35 * PITCH
    yield from sums(left, top + 1, [(sign + number, word) for sign, number, word in wording.sums()])
    yield text(left, top + 47, wording.now(), size=SMALL, look="faint")
    yield from tile_legend(left, top + 55)


# ── A few states ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _one(shown: WatchedFigures, wording: PlaceWording, language: Language) -> list[_Page]:
    page, place = _Page(), shown.places[0]
    _heading(page, wording)
    drawn = _map(place, language)
    if drawn is not None:
        page.y += 16
        page.add(drawn, MARGIN + (INNER - drawn.width) / 2)
        _legend(page, wording)
    page.note(wording.counties(place))
    page.note(wording.not_on_map(place))
    page.note(wording.part())
    page.line(wording.course(place), down=40, size=18, strong=True, look="ink")
    if shown.has_course:
        page.y -= 10
        page.add(course_of_totals(place.series, until=shown.until, language=language), 0)
    return [page]


def _several(shown: WatchedFigures, wording: PlaceWording, language: Language) -> list[_Page]:
    top, bottom = _Page(), _Page()
    _heading(top, wording)
    _legend(bottom, wording)
    bottom.note(wording.part())
    if not shown.has_course:
        bottom.note(f"{wording.read_since()}.")
    return [top, *(_strip(place, shown, wording, language) for place in shown.places), bottom]


def _strip(place: PlaceFigures, shown: WatchedFigures, wording: PlaceWording, language: Language) -> _Page:
    """Draw a state's map with its numbers beside it. Nothing in it depends on the other states."""
    page = _beside(place, shown, wording, _GAP)
    drawn = _map(place, language, dot=13)
    if drawn is not None:
        scale = min(270 / drawn.width, 230 / drawn.height)
        page.parts.append(drawn.at(MARGIN + (270 - drawn.width * scale) / 2, _GAP, scale))
        page.y = max(page.y, _GAP + drawn.height * scale)
    return page


def _heading(page: _Page, wording: PlaceWording) -> None:
    page.headline(wording.headline())
    page.line(wording.agencies(), down=26, size=18)
    page.line(wording.changes(), down=34, size=18, strong=True, look="ink")
    if moved := wording.sums():
        page.parts += sums(MARGIN, page.y + 12, moved)
        page.y += 34


def _legend(page: _Page, wording: PlaceWording) -> None:
    page.line(wording.legend(), down=30)
    page.parts += county_legend(WIDTH - MARGIN - 232, page.y - 17)
    page.y += 8


def _beside(place: PlaceFigures, shown: WatchedFigures, wording: PlaceWording, top: float) -> _Page:
    """Write a state's numbers beside its map, with the course of its total."""
    column = _Page()
    column.y = top + 18
    column.parts.append(text(_BESIDE, column.y, wording.short_total(place), size=20, strong=True))
    if moved := wording.sums(place):
        for number, word in moved:
            column.parts += sums(_BESIDE, column.y + 10, [(number, word)], size=16)
            column.y += 26
    if shown.has_course:
        box = Box(_BESIDE, WIDTH - MARGIN - 4.0, column.y + 20, column.y + 76)
        last = max(shown.until, place.line[-1][0])
        frame = Frame(place.line[0][0], last, max(1, *(total for _, total in place.line)), box)
        column.parts += area_of_totals(frame, place.line)
        column.parts.append(f'<path class="p-axis" d="M{box.left:g} {box.bottom:g}H{box.right:g}"/>')
        column.y = box.bottom
    words = [wording.begun(place)] if shown.has_course else []
    words += [wording.few_words_on_counties(place), wording.few_words_on_the_rest(place)]
    for line in (line for note in words for line in wrapped(note, 36) if line):
        column.y += _LINE
        column.parts.append(text(_BESIDE, column.y, line, size=SMALL, look="faint"))
    return column


def _map(place: PlaceFigures, language: Language, dot: float = 8.0) -> Drawing | None:
    if not has_map(place.state):
        return None
    gained, lost = ([fips for fips, _ in numbers] for numbers in (place.gained, place.lost))
    counts = dict(place.by_county)
    return state_map(place.state, counts, language, gained=gained, lost=lost, watched=place.watched, dot=dot)
