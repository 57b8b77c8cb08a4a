"""From a drawing to an image that platforms show: SVG to PNG, without a browser and without the machine's fonts."""

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import structlog

from bot.domain.messages.picture import Image, Picture

SCALE = 2  # pixels for each unit, so that it is sharp on a phone
KEPT = 4  # images; digests of one hour mostly show the same
FACES = ("Regular", "Semibold")

log = structlog.get_logger()


def image_of(picture: Picture) -> Image:
    """The picture as PNG; without one, and a warning in the log, when it cannot be drawn."""
    try:
        png = _png(picture.svg)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as fault:  # noqa: BLE001 - the text must go whatever it is, and a panic in Rust is no Exception
        log.warning("picture not drawn", problem=str(fault))
        png = b""
    return Image(png=png, alt=picture.alt, title=picture.title)


@lru_cache(maxsize=KEPT)
def _png(svg: str) -> bytes:
    import resvg_py  # noqa: PLC0415 - slow to import, and few commands draw

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=SCALE, skip_system_fonts=True, font_files=list(_fonts())))


@cache
def _fonts() -> Sequence[str]:
    """The font's files, from its package; one that is not there would draw no text at all, so it is an error."""
    found = find_spec("font_source_sans_pro")
    if found is None or found.origin is None:
        raise FileNotFoundError("the package font-source-sans-pro is not installed")
    files = [Path(found.origin).parent / "files" / f"SourceSansPro-{face}.otf" for face in FACES]
    if missing := [file.name for file in files if not file.is_file()]:
        raise FileNotFoundError(f"{missing[0]} is missing from the package font-source-sans-pro")
    return [str(file) for file in files]
