"""Convert SVG pictures to PNG images for chat platforms, without a browser or system fonts."""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

import structlog

from bot.domain.messages.picture import Image, Picture
from bot.pipeline.png_strips import Strip, stacked, strip_of
from bot.pipeline.svg_to_png import SCALE, Converter, converted

__all__ = ["SCALE", "Rasterizer", "fonts", "image_of", "png_of"]

KEPT = 4  # images; most digests sent in the same hour show the same image
MOST_KEPT = 8_000_000  # bytes of strips; a state's strip has 20,000 to 120,000
FACES = ("Regular", "Semibold")

log = structlog.get_logger()


def image_of(picture: Picture) -> Image:
    """Return the picture as a PNG image.

    If the picture can't be drawn, log a warning and return an image with empty data.
    """
    return _image(picture, png_of, lambda svg: strip_of(png_of(svg)))


class Rasterizer:
    """Draws pictures in a separate process, and keeps the strips that pictures share."""

    def __init__(self) -> None:
        self._converter = Converter()
        self._strips: dict[bytes, Strip] = {}

    def image_of(self, picture: Picture) -> Image:
        """Return the picture as a PNG image, as the function `image_of` does.

        Call this method from a thread, because it waits for the process.
        """
        return _image(picture, self._png, self._strip)

    def _png(self, svg: str) -> bytes:
        return self._converter.converted(svg, fonts())

    def _strip(self, svg: str) -> Strip:
        key = blake2b(svg.encode(), digest_size=16).digest()
        found = self._strips.pop(key, None) or strip_of(self._png(svg))
        self._strips[key] = found  # at the end, because it was used last
        while sum(len(strip.packed) for strip in self._strips.values()) > MOST_KEPT:
            del self._strips[next(iter(self._strips))]
        return found


def _image(picture: Picture, convert: Callable[[str], bytes], strip: Callable[[str], Strip]) -> Image:
    try:
        strips = picture.strips
        png = convert(strips[0]) if len(strips) == 1 else stacked([strip(svg) for svg in strips])
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
