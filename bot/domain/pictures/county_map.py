"""Draw the counties of a state or of the nation, shaded by their number of agreements."""

from collections.abc import Callable, Collection, Iterator, Mapping
from html import escape

from bot.domain.geography.counties import county_by_fips, main_counties
from bot.domain.geography.fold import distinct_name
from bot.domain.geography.shapes import (
    NATION_HEIGHT,
    NATION_STEPS,
    NATION_WIDTH,
    STATE_STEPS,
    county_shapes,
    has_map,
    state_shapes,
)
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.pictures.svg import SMALL, Drawing, plate, text
from bot.domain.text.catalog import say, say_count
from bot.domain.text.formats import formats
from bot.domain.text.wording import state_name

LOWEST = (0, 1, 2, 3, 5)  # the lowest number of agreements of each shade
SHADE_NAMES = ("0", "1", "2", "3–4", "5+")
DOT = 8.0  # the radius of the mark on a county that gained or lost an agreement
Link = Callable[[str], str]


def state_map(
    state: str,
    counts: Mapping[str, int],
    language: Language,
    *,
    gained: Collection[str] = (),
    lost: Collection[str] = (),
    watched: Collection[str] = (),
    link: Link | None = None,
    dot: float = DOT,
) -> Drawing | None:
    """Draw a state's counties, or return None if the state has too few for a map.

    Counties are given by FIPS code. Those that gained an agreement get an amber mark with a plus sign, and those that
    lost one a white mark with a minus sign. Counties in `watched` get a thick border. `link` returns the address of a
    county's page.
    """
    if not has_map(state):
        return None
    whole, shapes = state_shapes()[state], county_shapes()
    drawn = sorted(fips for fips in main_counties(state) if fips in shapes and shapes[fips].shape)
    groups: dict[int, list[str]] = {}
    for fips in drawn:
        count = counts.get(fips, 0)
        groups.setdefault(shade_of(count), []).append(_county(fips, count, language, link))
    body = "".join(f'<g class="p-{shade}">{"".join(paths)}</g>' for shade, paths in sorted(groups.items()))
    body += f'<path class="p-state" d="{whole.shape}"/>'
    body += "".join(f'<path class="p-watched" d="{shapes[fips].shape}"/>' for fips in sorted(watched) if fips in shapes)
    here = set(drawn)
    marks = _marks(here.intersection(gained), here.intersection(lost), dot)
    body = f'<g transform="scale({1 / STATE_STEPS:g})" stroke-width="1.4">{body}</g>{"".join(marks)}'
    title = say(language, "{state}: agreements by county", state=state_name(state, language))
    desc = counties_in_words(state, counts, language)
    return Drawing(width=whole.width, height=whole.height, title=title, desc=desc, body=body)


def nation_map(counts: Mapping[str, int], language: Language, *, link: Link | None = None) -> Drawing:
    """Draw the counties that have agreements, and the borders of the states. The territories aren't on this map.

    `link` returns the address of a state's page.
    """
    shapes, parts = county_shapes(), []
    placed = {fips: n for fips, n in counts.items() if n and fips in shapes and shapes[fips].nation}
    for state in STATES:
        groups: dict[int, list[str]] = {}
        for fips in sorted(placed.keys() & main_counties(state).keys()):
            groups.setdefault(shade_of(placed[fips]), []).append(shapes[fips].nation)
        drawn = "".join(f'<path class="p-{shade}" d="{"".join(paths)}"/>' for shade, paths in sorted(groups.items()))
        linked = link is not None and drawn
        parts.append(f'<a href="{escape(link(state))}" tabindex="-1">{drawn}</a>' if link and linked else drawn)
    borders = "".join(shape.nation for shape in state_shapes().values())
    scale = f"scale({1 / NATION_STEPS:g})"
    body = f'<g transform="{scale}" stroke-width="2">{"".join(parts)}<path class="p-state" d="{borders}"/></g>'
    title = say(language, "Counties with an agreement")
    desc = say_count(language, "{n} county.", "{n} counties.", len(placed))
    return Drawing(width=NATION_WIDTH, height=NATION_HEIGHT, title=title, desc=desc, body=body)


def shade_of(count: int) -> int:
    """Return the shade of a county with this number of agreements."""
    return max(shade for shade, lowest in enumerate(LOWEST) if count >= lowest)


def counties_in_words(state: str, counts: Mapping[str, int], language: Language, most: int = 5) -> str:
    """Return how many of a state's counties have agreements and which have the most."""
    real = main_counties(state)
    if len(real) < 2:
        return ""
    placed = sorted(((n, fips) for fips, n in counts.items() if n and fips in real), key=lambda e: (-e[0], e[1]))
    some = say_count(
        language,
        "{n} of {all} counties has an agreement",
        "{n} of {all} counties have an agreement",
        len(placed),
        all=len(real),
    )
    if not placed or not most:
        return f"{some}."
    if len(placed) <= most:
        here = formats(language).join([_numbered(fips, n, language) for n, fips in placed])
        return f"{some}: {here}."
    named = [_numbered(fips, n, language) for n, fips in placed[:most] if n > 1]
    if not named:
        return f"{some}."
    leading = say(language, "Most in {states}", states=formats(language).join(named))
    return f"{some}. {leading}."


def _numbered(fips: str, count: int, language: Language) -> str:
    return f"{county_name(fips)} ({formats(language).number(count)})" if count > 1 else county_name(fips)


def county_name(fips: str) -> str:
    """Return a county's name, such as Harris, or an empty string for an unknown code."""
    county = county_by_fips(fips)
    return distinct_name(county) if county else ""


def legend(x: float, y: float, *, wide: float = 44) -> Iterator[str]:
    """Draw the shades with their numbers."""
    for shade, name in enumerate(SHADE_NAMES):
        yield plate(x + (wide + 3) * shade, y, wide, 24, look=str(shade))
        yield text(x + (wide + 3) * shade + wide / 2, y + 17, name, size=SMALL, anchor="middle", look=f"t{shade}")


def mark(x: float, y: float, *, gained: bool, radius: float = DOT) -> str:
    """Draw the mark of a county that gained or lost an agreement."""
    arm = radius * 0.55
    sign = f"M{x - arm:.1f} {y:g}h{2 * arm:.1f}" + (f"M{x:g} {y - arm:.1f}v{2 * arm:.1f}" if gained else "")
    return (
        f'<circle class="p-{"new" if gained else "gone"}" cx="{x:g}" cy="{y:g}" r="{radius:g}"/>'
        f'<path class="p-sign" d="{sign}"/>'
    )


def _marks(gained: Collection[str], lost: Collection[str], radius: float) -> Iterator[str]:
    shapes = county_shapes()
    for fips in sorted({*gained, *lost} & shapes.keys(), key=lambda one: (shapes[one].y, one)):
        x, y = shapes[fips].x, shapes[fips].y
        aside = radius * 0.8 if fips in gained and fips in lost else 0
        if fips in lost:
            yield mark(x + aside, y, gained=False, radius=radius)
        if fips in gained:
            yield mark(x - aside, y, gained=True, radius=radius)


def _county(fips: str, count: int, language: Language, link: Link | None) -> str:
    """Draw a county. If it has agreements and links are wanted, it is a link with a tooltip."""
    path = f'<path d="{county_shapes()[fips].shape}"'
    if link is None or not count:
        return f"{path}/>"
    name = escape(f"{county_name(fips)}: {formats(language).number(count)}", quote=False)
    return f'<a href="{escape(link(fips))}" tabindex="-1">{path}><title>{name}</title></path></a>'
