"""Convert SVG pictures to PNG images for chat platforms, without a browser or system fonts."""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import structlog

from bot.domain.messages.picture import Image, Picture
from bot.pipeline.svg_to_png import SCALE, converted, converted_elsewhere

__all__ = ["SCALE", "drawn_elsewhere", "fonts", "image_of", "png_of"]

KEPT = 4  # images; most digests sent in the same hour show the same image
FACES = ("Regular", "Semibold")

log = structlog.get_logger()


def image_of(picture: Picture) -> Image:
    """Return the picture as a PNG image.

    If the picture can't be drawn, log a warning and return an image with empty data.
    """
    return _image(picture, png_of)


def drawn_elsewhere(picture: Picture) -> Image:
    """Return the picture as a PNG image, drawn in a separate process.

    Call this function from a thread, because it waits for the process.
    """
    return _image(picture, lambda svg: converted_elsewhere(svg, fonts()))


def _image(picture: Picture, convert: Callable[[str], bytes]) -> Image:
    try:
        png = convert(picture.svg)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as fault:  # noqa: BLE001 - the text must go out in any case, and a Rust panic isn't an Exception
        log.warning("picture not drawn", problem=str(fault))
        png = b""
    return Image(png=png, alt=picture.alt, title=picture.title)


@lru_cache(maxsize=KEPT)
def png_of(svg: str) -> bytes:
    """Convert an SVG to a PNG. The last few images are cached."""
    return converted(svg, fonts())


@cache
def fonts() -> Sequence[str]:
    """Return the paths of the font files.

    Raise FileNotFoundError if a file is missing, because the picture would be drawn without text.
    """
    found = find_spec("font_source_sans_pro")
    if found is None or found.origin is None:
        raise FileNotFoundError("the package font-source-sans-pro is not installed")
    files = [Path(found.origin).parent / "files" / f"SourceSansPro-{face}.otf" for face in FACES]
    if missing := [file.name for file in files if not file.is_file()]:
        raise FileNotFoundError(f"{missing[0]} is missing from the package font-source-sans-pro")
    return [str(file) for file in files]
