"""Convert SVG drawings to PNG images, in this process or in a separate one.

A conversion is a single call that takes tens to hundreds of milliseconds. Until it returns, no other Python code can
run in the process, not even in another thread. For this reason, a program that also answers people converts in a
separate process. One such process serves many drawings, because starting it takes as long as a drawing. This module
imports little, so that it starts fast.
"""

import os
import select
import subprocess
import sys
import weakref
from collections.abc import Sequence
from threading import Lock, Timer

SCALE = 2  # pixels per SVG unit, so that the image is sharp on a phone
WITHIN = 60.0  # seconds for one drawing
IDLE_FOR = 60.0  # seconds after which the separate process ends, to free its memory
POLITENESS = 5  # the separate process lets everything else run first
_LENGTH = 4  # bytes in front of each drawing and each image


def converted(svg: str, fonts: Sequence[str], scale: int = SCALE) -> bytes:
    """Return the SVG as a PNG, drawn in this process with these font files."""
    import resvg_py  # noqa: PLC0415 - slow to import, and few commands draw

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=scale, skip_system_fonts=True, font_files=list(fonts)))


class Converter:
    """Converts drawings in a separate process, one at a time.

    The process starts with the first drawing and again whenever it has ended. It ends when it has been idle for a
    minute, when a drawing takes too long, and when this object or this program ends, however that happens.
    """

    def __init__(self, scale: int = SCALE) -> None:
        self._scale = scale
        self._turn = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize | None = None  # type: ignore[type-arg]

    def converted(self, svg: str, fonts: Sequence[str]) -> bytes:
        """Return the SVG as a PNG. Raise OSError if it can't be drawn.

        Call this method from a thread, because it waits for the process.
        """
        with self._turn:
            if self._process is not None:
                try:
                    return self._asked(self._process, svg)
                except EOFError:
                    self.close()  # it had ended, or ends now; try once with a new one
            try:
                return self._asked(self._started(fonts), svg)
            except EOFError:
                self.close()
                raise ChildProcessError("the process that draws pictures ended too early") from None

    def close(self) -> None:
        """End the process. The next drawing starts another."""
        if self._end is not None:
            self._end()
        self._process = self._end = None

    def _started(self, fonts: Sequence[str]) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-P", "-m", "bot.pipeline.svg_to_png", str(self._scale), *fonts]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 - it runs this module, with our own font files as arguments
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0, start_new_session=True
        )
        self._end = weakref.finalize(self, _end, self._process)
        return self._process

    def _asked(self, process: "subprocess.Popen[bytes]", svg: str) -> bytes:
        """Send a drawing and read its image. Raise EOFError if the process ends, and OSError if it can't draw it."""
        assert process.stdin is not None
        assert process.stdout is not None
        timer = Timer(WITHIN, process.kill)
        timer.daemon = True
        timer.start()
        try:
            _write(process.stdin.fileno(), svg.encode())
            png = _read(process.stdout.fileno())
        except BrokenPipeError:
            raise EOFError from None
        finally:
            timer.cancel()
        if not png:
            raise OSError("the drawing isn't valid SVG")
        return png


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _write(file: int, content: bytes) -> None:
    rest = memoryview(len(content).to_bytes(_LENGTH) + content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _read(file: int) -> bytes:
    return _exactly(file, int.from_bytes(_exactly(file, _LENGTH)))


def _exactly(file: int, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = os.read(file, size - len(found))
        if not part:
            raise EOFError
        found += part
    return bytes(found)


def _serve(fonts: Sequence[str], scale: int) -> None:
    """Convert what comes in. End after idle time, or when the other side has gone."""
    os.nice(POLITENESS)
    source, sink = sys.stdin.fileno(), sys.stdout.fileno()
    while select.select([source], [], [], IDLE_FOR)[0]:
        try:
            svg = _read(source).decode()
        except EOFError:
            return
        try:
            png = converted(svg, fonts, scale)
        except BaseException:  # noqa: BLE001 - a panic in Rust isn't an Exception; nothing else is done here
            png = b""
        _write(sink, png)


if __name__ == "__main__":
    _serve(sys.argv[2:], int(sys.argv[1]))
