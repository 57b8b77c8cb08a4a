"""Draw each state and territory as a tile, shaded by its number of agreements."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from bot.domain.geography.states import STATES, TERRITORIES
from bot.domain.language import Language
from bot.domain.pictures.svg import SMALL, Drawing, badge, badge_width, plate, text
from bot.domain.text.catalog import say
from bot.domain.text.formats import formats
from bot.domain.text.wording import state_name

WIDTH, HEIGHT = 548, 458
LOWEST = (0, 1, 10, 30, 100)  # the lowest number of agreements of each shade
SHADE_NAMES = ("0", "1–9", "10–29", "30–99", "100+")
PITCH, SHORE = 50.1, 6.0  # from tile to tile, and the gap before the territories
_TILE = 47.0
_ROWS = """\
AK .. .. .. .. .. .. .. .. .. ME
.. .. .. .. .. .. .. .. .. VT NH
WA ID MT ND MN IL WI MI NY RI MA
OR NV WY SD IA IN OH PA NJ CT ..
CA UT CO NE MO KY WV VA MD DE ..
.. AZ NM KS AR TN NC SC DC .. ..
.. .. .. OK LA MS AL GA .. .. ..
HI .. .. TX .. .. .. .. FL .. ..
GU MP AS .. .. .. .. .. .. PR VI"""
Link = Callable[[str], str]


def state_tiles(
    counts: Mapping[str, int],
    language: Language,
    *,
    moves: Mapping[str, tuple[int, int]] | None = None,
    link: Link | None = None,
    numbers: bool = False,
) -> Drawing:
    """Draw a tile for each state, with the agreements that it gained and lost if `moves` is given.

    `numbers` writes the number of agreements below each state's code. `link` returns the address of a state's page.
    """
    parts: list[str] = []
    for row, codes in enumerate(_ROWS.splitlines()):
        for column, state in enumerate(codes.split()):
            if state in STATES:
                y = row * PITCH + (SHORE if state in TERRITORIES else 0)
                count, moved = counts.get(state, 0), (moves or {}).get(state, (0, 0))
                tile = "".join(_tile(column * PITCH, y, state, count, moved, formats(language).number, numbers))
                parts.append(_linked(tile, state, count, language, link))
    named = sorted(((n, state) for state, n in counts.items() if n and state in STATES), key=lambda e: (-e[0], e[1]))
    most = [f"{state_name(state, language)} ({formats(language).number(n)})" for n, state in named[:5]]
    desc = say(language, "Most in {states}", states=formats(language).join(most)) if most else say(language, "None")
    title = say(language, "Agreements by state")
    return Drawing(width=WIDTH, height=HEIGHT, title=title, desc=f"{desc}.", body="".join(parts))


def shade_of(count: int) -> int:
    """Return the shade of a state with this number of agreements."""
    return max(shade for shade, lowest in enumerate(LOWEST) if count >= lowest)


def legend(x: float, y: float) -> Iterator[str]:
    """Draw the shades with their numbers."""
    for shade, name in enumerate(SHADE_NAMES):
        yield plate(x + 60 * shade, y, 57, 24, look=str(shade))
        yield text(x + 60 * shade + 28.5, y + 17, name, size=SMALL, anchor="middle", look=f"t{shade}")


def _linked(tile: str, state: str, count: int, language: Language, link: Link | None) -> str:
    if link is None:
        return tile
    name = f"{state_name(state, language)}: {formats(language).number(count)}"
    return f'<a href="{escape(link(state))}" aria-label="{escape(name)}">{tile}</a>'


def _tile(
    x: float, y: float, state: str, count: int, moved: tuple[int, int], write: Callable[[int], str], numbers: bool
) -> Iterator[str]:
    shade = shade_of(count)
    yield plate(x, y, _TILE, _TILE, look=str(shade))
    badges = [f"{sign}{number}" for sign, number in zip("+−", moved, strict=True) if number]
    below = badges or (numbers and count)
    yield text(
        x + _TILE / 2, y + (18 if below else 29), state, size=16, strong=not numbers, anchor="middle", look=f"t{shade}"
    )
    if badges:
        yield from _badges(x, y + 23, badges)
    elif numbers and count:
        yield text(x + _TILE / 2, y + 37, write(count), size=16, strong=True, anchor="middle", look=f"t{shade}")


def _badges(x: float, y: float, badges: Sequence[str]) -> Iterator[str]:
    """Draw a tile's badges side by side, in the largest size that fits."""
    sizes = (16, SMALL, 13, 11, 9)  # smaller only if a state gained and lost so many that both numbers are long
    size = next((size for size in sizes if sum(badge_width(one, size) + 2 for one in badges) <= _TILE), sizes[-1])
    left = x + (_TILE - sum(badge_width(one, size) for one in badges) - 2 * (len(badges) - 1)) / 2
    for one in badges:
        yield from badge(left, y, one, size)
        left += badge_width(one, size) + 2
