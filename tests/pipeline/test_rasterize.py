"""Drawings become images on a bare machine; one that fails never stops the text."""

import struct
import subprocess
import sys
from datetime import date

import pytest
import resvg_py
from structlog.testing import capture_logs

from bot.domain.language import Language
from bot.domain.messages.chart import WIDTH, draw
from bot.domain.messages.figures import Figures, Moves
from bot.domain.messages.picture import Picture
from bot.domain.pictures.style import FONT
from bot.pipeline import rasterize
from bot.pipeline.rasterize import SCALE, image_of

FIGURES = Figures(
    series=((date(2025, 2, 21), 151), (date(2025, 12, 30), 1_274)),
    counts={"FL": 339, "TX": 259, "PA": 49},
    moves={"TX": Moves(9, 0), "PA": Moves(1, 1)},
    since=date(2025, 12, 24),
    until=date(2025, 12, 31),
)


@pytest.fixture(autouse=True)
def _fresh():
    rasterize.png_of.cache_clear()
    rasterize.fonts.cache_clear()


def drawing(text: str, font: str = FONT, weight: int = 400) -> Picture:
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40"><rect width="200" height="40" fill="#fff"/>'
        f'<text x="5" y="25" font-family="{font}" font-size="20" font-weight="{weight}">{text}</text></svg>'
    )
    return Picture(svg=svg, alt="A word", title="Word")


@pytest.mark.parametrize("language", list(Language))
def test_a_picture_is_a_small_png_at_twice_its_size(language: Language) -> None:
    picture = draw(FIGURES, language)
    image = image_of(picture)

    assert image.png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", image.png[16:24]) == (
        SCALE * WIDTH,
        SCALE * int(picture.svg.split('height="')[1].split('"')[0]),
    )
    assert len(image.png) < 300_000
    assert (image.alt, image.title) == (picture.alt, picture.title)


def test_the_same_drawing_gives_the_same_bytes() -> None:
    first = image_of(draw(FIGURES, Language.ENGLISH))
    rasterize.png_of.cache_clear()

    assert image_of(draw(FIGURES, Language.ENGLISH)) == first


def test_text_is_drawn_in_the_packaged_font_in_both_weights() -> None:
    blank = image_of(drawing(" ")).png
    words = {image_of(drawing("Año −1", weight=weight)).png for weight in (400, 600)}

    assert len(words) == 2
    assert blank not in words
    assert image_of(drawing("Año −1", font="No Such Font")).png == blank  # the machine's own fonts are not used


@pytest.mark.parametrize("char", "áéíóúñÁ’–−+(),:0123456789")
def test_the_font_has_every_character_we_draw(char: str) -> None:
    missing = image_of(drawing("\ue123")).png  # a private-use character, which shows the font's sign for a missing one

    assert image_of(drawing(char)).png not in {missing, image_of(drawing(" ")).png}


def test_digests_with_the_same_picture_share_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, real = [], resvg_py.svg_to_bytes
    monkeypatch.setattr(resvg_py, "svg_to_bytes", lambda **how: calls.append(how) or real(**how))
    for language in (*Language, *Language, *Language):
        image_of(draw(FIGURES, language))

    assert len(calls) == 2


class PanicException(BaseException):
    """What a Rust panic becomes, which is not an Exception."""


@pytest.mark.parametrize("fault", [ValueError("no root node"), MemoryError(), PanicException("index out of bounds")])
def test_a_picture_that_cannot_be_drawn_is_empty_and_logged(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: object) -> bytes:
        raise fault

    monkeypatch.setattr(resvg_py, "svg_to_bytes", fails)
    with capture_logs() as logs:
        image = image_of(drawing("x"))

    assert (image.png, image.alt, image.title) == (b"", "A word", "Word")
    assert [(line["event"], line["log_level"]) for line in logs] == [("picture not drawn", "warning")]


def test_without_the_font_there_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rasterize, "find_spec", lambda _: None)
    with capture_logs() as logs:
        assert image_of(drawing("x")).png == b""

    assert "font-source-sans-pro" in logs[0]["problem"]


def test_a_keyboard_interrupt_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(resvg_py, "svg_to_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        image_of(drawing("x"))


MEASURE = """
import resource, sys
from datetime import date, timedelta
sys.path.insert(0, "tests/pipeline")
from test_rasterize import FIGURES, draw, image_of, Language
from dataclasses import replace
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
image_of(draw(FIGURES, Language.ENGLISH))
first = peak()
for days in range(1, 20):
    image_of(draw(replace(FIGURES, until=FIGURES.until + timedelta(days=days)), Language.ENGLISH))
print(peak() - first)
"""


@pytest.mark.slow
def test_many_pictures_take_no_more_memory_than_one() -> None:
    grown = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)

    assert int(grown.stdout) < 20  # MiB
