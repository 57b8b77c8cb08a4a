"""Convert an SVG to a PNG, in this process or in a separate one.

The conversion is a single call that takes tens to hundreds of milliseconds. Until it returns, no other Python code can
run in the process, not even in another thread. For this reason, a program that also answers people converts in a
separate process. This module imports little, so that the process starts fast.
"""

import subprocess
import sys
from collections.abc import Sequence

SCALE = 2  # pixels per SVG unit, so that the image is sharp on a phone
WITHIN = 60.0  # seconds


def converted(svg: str, fonts: Sequence[str], scale: int = SCALE) -> bytes:
    """Return the SVG as a PNG, drawn in this process with these font files."""
    import resvg_py  # noqa: PLC0415 - slow to import, and few commands draw

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=scale, skip_system_fonts=True, font_files=list(fonts)))


def converted_elsewhere(svg: str, fonts: Sequence[str], scale: int = SCALE) -> bytes:
    """Return the SVG as a PNG, drawn in a separate process.

    Call this function from a thread, because it waits for the process. Raise OSError or SubprocessError if the process
    fails.
    """
    command = [sys.executable, "-P", "-m", "bot.pipeline.svg_to_png", str(scale), *fonts]
    done = subprocess.run(  # noqa: S603 - it runs this module, with our own font files as arguments
        command, input=svg.encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=WITHIN, check=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.stdout.buffer.write(converted(sys.stdin.buffer.read().decode(), sys.argv[2:], int(sys.argv[1])))
