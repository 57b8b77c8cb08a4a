"""Drawings become images on a bare machine; one that fails never stops the text."""

import gc
import os
import signal
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
import resvg_py
from structlog.testing import capture_logs

from bot.domain.language import Language
from bot.domain.messages.chart import WIDTH, draw
from bot.domain.messages.figures import Figures, Moves
from bot.domain.messages.picture import Picture
from bot.domain.pictures.style import FONT
from bot.pipeline import rasterize
from bot.pipeline.rasterize import SCALE, Rasterizer, fonts, image_of

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
    return Picture(strips=(svg,), alt="A word", title="Word")


@pytest.mark.parametrize("language", list(Language))
def test_a_picture_is_a_small_png_at_twice_its_size(language: Language) -> None:
    picture = draw(FIGURES, language)
    image = image_of(picture)

    assert image.png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", image.png[16:24]) == (
        SCALE * WIDTH,
        SCALE * int(picture.strips[0].split('height="')[1].split('"')[0]),
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


def pixels(png: bytes) -> list[bytes]:
    """Return the rows of an RGBA image."""
    width, height = struct.unpack(">II", png[16:24])
    data, rows, above = zlib.decompress(png[png.index(b"IDAT") + 4 : -12]), [], bytes(4 * width)
    for n in range(height):
        kind, row = data[n * (4 * width + 1)], bytearray(data[n * (4 * width + 1) + 1 : (n + 1) * (4 * width + 1)])
        for at in range(4 * width):
            left, corner = (row[at - 4], above[at - 4]) if at >= 4 else (0, 0)
            guess = left + above[at] - corner
            paeth = min((left, above[at], corner), key=lambda one, guess=guess: abs(guess - one))
            row[at] = (row[at] + (0, left, above[at], (left + above[at]) // 2, paeth)[kind]) % 256
        above = bytes(row)
        rows.append(above)
    return rows


def stripe(width: int, height: int, inside: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{inside}</svg>'


STRIPES = (
    stripe(40, 9, '<rect width="40" height="9" fill="#12416b"/>'),
    stripe(40, 12, '<circle cx="9" cy="2" r="9" fill="#ffb000" opacity=".6"/><path d="M0 0L40 12" stroke="#16212c"/>'),
    stripe(40, 5, "".join(f'<rect x="{n}" width="1" height="5" fill="rgb({6 * n},{99 - n},9)"/>' for n in range(40))),
)


def test_strips_below_each_other_have_the_pixels_that_each_has_alone() -> None:
    alone = [row for svg in STRIPES for row in pixels(rasterize.png_of(svg))]

    assert pixels(image_of(Picture(strips=STRIPES, alt="", title="")).png) == alone


def test_a_separate_process_draws_the_same_and_serves_many_pictures() -> None:
    others, rasterizer = children(), Rasterizer()
    for picture in (drawing("One"), Picture(strips=STRIPES, alt="", title=""), drawing("Two")):
        assert rasterizer.image_of(picture) == image_of(picture)
    first = children() - others
    rasterizer.image_of(drawing("Three"))

    assert len(first) == 1
    assert children() - others == first


def test_after_its_process_ended_or_met_a_broken_drawing_the_next_picture_is_drawn() -> None:
    others, rasterizer = children(), Rasterizer()
    rasterizer.image_of(drawing("One"))
    os.kill(*children() - others, signal.SIGKILL)
    assert rasterizer.image_of(drawing("Two")).png
    with capture_logs() as logs:
        assert rasterizer.image_of(Picture(strips=("not SVG",), alt="", title="")).png == b""
    assert [line["event"] for line in logs] == ["picture not drawn"]
    assert rasterizer.image_of(drawing("Three")).png


def test_the_process_ends_with_its_owner_and_when_it_has_nothing_to_do() -> None:
    others, rasterizer = children(), Rasterizer()
    rasterizer.image_of(drawing("One"))
    assert children() - others
    del rasterizer
    gc.collect()
    assert not children() - others

    command = f"from bot.pipeline import svg_to_png as m; m.IDLE_FOR = 0; m._serve({fonts()!r}, 1)"
    with subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE) as idle:
        assert idle.wait(60) == 0  # nothing came, and its input is still open


def test_a_strip_that_two_pictures_share_is_drawn_once_and_strips_take_bounded_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn, rasterizer = [], Rasterizer()
    monkeypatch.setattr(rasterizer, "_png", lambda svg: drawn.append(svg) or rasterize.png_of(svg))
    first, second, third = STRIPES
    for strips in ((first, second), (second, third), (second, first)):
        rasterizer.image_of(Picture(strips=strips, alt="", title=""))
    assert drawn == [first, second, third]

    monkeypatch.setattr(rasterize, "MOST_KEPT", 1)
    rasterizer.image_of(Picture(strips=(first, second), alt="", title=""))
    rasterizer.image_of(Picture(strips=(first, second), alt="", title=""))
    assert len(drawn) > 5


def children() -> set[int]:
    """Return the processes of this one that draw pictures, also those of other tests."""
    found = set()
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_mine = f"\nPPid:\t{os.getpid()}\n" in (each / "status").read_text()
            if is_mine and b"bot.pipeline.svg_to_png" in (each / "cmdline").read_bytes():
                found.add(int(each.name))
    return found


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
