"""Drawings for pages: charts by support type, tiles with links, cards, badges, dark colors and words for screen readers."""

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from bot.domain.agreement import SupportType
from bot.domain.language import Language
from bot.domain.pictures.card import badge, card
from bot.domain.pictures.county_map import state_map
from bot.domain.pictures.course import course_by_type
from bot.domain.pictures.style import SHADES, stylesheet
from bot.domain.pictures.tiles import state_tiles

EN = Language.ENGLISH
POINTS = [
    (date(2025, 2, 1), {SupportType.JEM: 40, SupportType.WSO: 60}),
    (date(2025, 9, 1), {SupportType.JEM: 90, SupportType.WSO: 200, SupportType.TFM: 300}),
    (date(2026, 9, 1), {SupportType.JEM: 100, SupportType.WSO: 300, SupportType.TFM: 900}),
]
NIGHT = "@media (prefers-color-scheme:dark)"


def classes(body: str) -> list[str]:
    return [
        one for element in ET.fromstring(f"<svg>{body}</svg>").iter() for one in (element.get("class") or "").split()
    ]


def fills(css: str) -> Mapping[str, str]:
    return dict(re.findall(r"\.p-([a-z0-9]+)\{fill:(#[0-9a-f]{6})", css))


def luminance(color: str) -> float:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_a_chart_by_type_stacks_the_types_that_there_are_and_says_the_total() -> None:
    drawn = course_by_type(POINTS, until=date(2026, 9, 1), language=EN)
    stacked = [one for one in classes(drawn.body) if one in {"p-tfm", "p-wso", "p-jem", "p-other"}]

    assert stacked == ["p-tfm", "p-wso", "p-jem"]  # the tallest first, so that no area hides another
    assert "1,300" in drawn.body
    assert "100" in drawn.desc


def test_a_gap_in_a_chart_by_type_is_a_dashed_line_and_no_area() -> None:
    gap = (date(2025, 9, 1), date(2026, 9, 1))
    drawn = course_by_type(POINTS, until=date(2026, 10, 1), language=EN, gap=gap)

    assert classes(drawn.body).count("p-gap") == 1
    assert "p-gap" not in classes(course_by_type(POINTS, until=date(2026, 10, 1), language=EN).body)


def test_each_tile_is_a_link_with_a_name_and_a_hostile_address_stays_text() -> None:
    drawn = state_tiles({"TX": 259}, EN, link=lambda state: f'/s/{state}?a="&b=<i>', numbers=True)
    links = [e for e in ET.fromstring(drawn.inline("map", role="group")).iter() if e.tag == "a"]

    assert len(links) == 56
    assert "Texas: 259" in {link.get("aria-label") for link in links}
    assert {link.get("href")[:3] for link in links} == {"/s/"}


def test_a_card_has_the_size_of_a_link_preview_even_without_a_course() -> None:
    for series in ([], [(date(2025, 9, 1), 5)], [(date(2025, 2, 1), 5), (date(2025, 9, 1), 300)]):
        drawn = card("Texas & more", "300 agreements", series, until=date(2025, 9, 1), source="ICE", language=EN)
        root = ET.fromstring(drawn.standalone())

        assert (root.get("width"), root.get("height")) == ("1200", "630")
        assert ("p-area" in classes(drawn.body)) is (len(series) > 1)


def test_a_badge_grows_with_its_words_and_says_them() -> None:
    short, long = badge("287(g)", "7"), badge("287(g) in North Carolina", "1,387")

    assert long.width > short.width
    assert (short.title, short.height) == ("287(g): 7", 24)


def test_dark_colors_are_for_those_who_prefer_them_and_cover_every_class() -> None:
    light, dark = stylesheet().split(NIGHT)

    assert NIGHT not in stylesheet(dark=False)
    assert set(re.findall(r"\.(p-[a-z0-9-]+)", light)) == set(re.findall(r"\.(p-[a-z0-9-]+)", dark))


@pytest.mark.parametrize("scheme", [0, 1])
def test_shades_and_their_numbers_are_told_apart_by_lightness_alone(scheme: int) -> None:
    color = fills(stylesheet().split(NIGHT)[scheme])
    shades = [luminance(color[str(shade)]) for shade in range(SHADES)]

    assert shades == sorted(shades, reverse=scheme == 0)
    assert all(contrast(color[str(a)], color[str(b)]) >= 1.2 for a, b in pairwise(range(SHADES)))
    assert all(contrast(color[str(shade)], color[f"t{shade}"]) >= 4.5 for shade in range(SHADES))
    assert all(contrast(color[name], color["mark"]) >= 4.5 for name in ("new", "gone") if name in color)


def test_a_drawing_that_a_table_replaces_is_hidden_and_others_have_a_title_and_a_description() -> None:
    drawn = state_map("TX", {"48201": 3}, EN, link=str)
    root, hidden = ET.fromstring(drawn.inline("a")), ET.fromstring(drawn.inline("b", hidden=True))

    assert root.get("aria-labelledby") == "a-title a-desc"
    assert {e.get("id") for e in root if e.get("id")} == {"a-title", "a-desc"}
    assert (hidden.get("aria-hidden"), hidden.get("aria-labelledby")) == ("true", None)
    assert {e.get("tabindex") for e in root.iter() if e.tag == "a"} == {"-1"}
