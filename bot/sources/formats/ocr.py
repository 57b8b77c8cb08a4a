"""Read the scanned pages of a PDF with Tesseract, if it is installed. It's off unless the operator turns it on.

Tesseract runs in a process of its own that draws one page after the other, hands each to Tesseract and ends it if it
takes too long, writes too much or leaves other processes behind. Pictures and text go through memory and pipes, so
there are no temporary files that could be left. Nothing from the document is ever part of a command.
"""

import asyncio
import contextlib
import ctypes
import io
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import sqrt
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bot.domain.agendas.hyphens import rejoin_words
from bot.errors import Unreadable
from bot.sources.formats.limits import OCR

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

PROGRAM = "tesseract"
WANTED = ("eng", "spa")  # the first is required
ORIENTATION = "osd"  # finds out if a page lies on its side
FEW_DOTS = 150  # per inch
MOST_PICTURES = 50  # on one page, to find the largest among
GRACE = 30.0  # seconds beyond the limits, until the other process itself is ended
ENDS_WITHIN = 0.3  # seconds for the other process to end everything after it was asked to
HOW_TO_INSTALL = "apt-get install tesseract-ocr"


@dataclass(frozen=True, slots=True)
class Tesseract:
    """The installed program: its path and the languages that it can read."""

    program: str
    languages: tuple[str, ...]

    @property
    def reads(self) -> list[str]:
        """The languages that are used."""
        return [language for language in WANTED if language in self.languages]

    @property
    def ways(self) -> list[list[str]]:
        """The arguments for reading a page: upright, and then turned as it seems to lie, which often goes wrong."""
        common = [self.program, "stdin", "stdout", "-l", "+".join(self.reads), "--psm"]
        return [[*common, "3"], *([[*common, "1"]] if ORIENTATION in self.languages else [])]


@dataclass(frozen=True, slots=True)
class OcrText:
    """What was read: the text of each scanned page by number, and why some pages weren't read, or an empty string."""

    pages: Mapping[int, str] = field(default_factory=dict)
    problem: str = ""


async def find_tesseract(program: str = PROGRAM) -> Tesseract:
    """Return the installed Tesseract. Raise Unreadable, with what to do, if it or its English isn't installed."""
    path = shutil.which(program)
    if path is None:
        raise Unreadable(f"{PROGRAM} isn't installed; install it: {HOW_TO_INSTALL}")
    job = {"do": "languages", "program": path, "limits": OCR}
    answers = await _asked(job, b"", OCR["seconds for the languages"] + GRACE)
    found = next((answer["languages"] for answer in answers if "languages" in answer), None)
    if found is None:
        raise Unreadable(f"{path} doesn't list its languages; install it again: {HOW_TO_INSTALL}")
    if WANTED[0] not in found:
        raise Unreadable(f"{PROGRAM} is installed, but its English isn't; install it: {HOW_TO_INSTALL}")
    return Tesseract(path, tuple(found))


async def read_scans(body: bytes, pages: Sequence[int], tesseract: Tesseract) -> OcrText:
    """Read these pages of a PDF, counted from 1. What can't be read is left out and explained in a sentence."""
    job = {"do": "pages", "ways": tesseract.ways, "pages": list(pages[: OCR["pages"]]), "limits": OCR}
    answers = await _asked(job, body, OCR["seconds"] + GRACE)
    read = {answer["page"]: rejoin_words(answer["text"]).strip() for answer in answers if "text" in answer}
    problems = [answer["fault"] for answer in answers if "fault" in answer]
    if not any("end" in answer for answer in answers):
        problems.append("the process that reads scans ended too early")
    if len(pages) > OCR["pages"]:
        problems.append(f"only the first {OCR['pages']} of {len(pages)} scanned pages were read")
    return OcrText(read, "; ".join(dict.fromkeys(problems)))


async def _asked(job: Mapping[str, Any], body: bytes, seconds: float) -> list[dict[str, Any]]:
    """Run this module in a separate process and return its answers, as many as it could give."""
    asked = await _started(json.dumps({**job, "parent": os.getpid()}))
    assert asked.stdin is not None
    assert asked.stdout is not None
    said = asyncio.create_task(asked.stdout.read())
    try:
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError):
                asked.stdin.write(body)
                await asked.stdin.drain()
                asked.stdin.close()
            await said
            await asked.wait()
    except TimeoutError:
        pass
    finally:
        await _ended(asked)
    return list(_answers(await said))


async def _started(job: str) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "bot.sources.formats.ocr", job),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as fault:
        raise Unreadable(f"the process that reads scans can't be started ({fault.strerror})") from fault


async def _ended(asked: asyncio.subprocess.Process) -> None:
    """End the other process if it still runs. First it may end everything that it has started."""
    for order in (signal.SIGTERM, signal.SIGKILL):
        if asked.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(asked.pid, order)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ENDS_WITHIN):
                    await asked.wait()


def _answers(said: bytes) -> Iterator[dict[str, Any]]:
    for line in said.splitlines():
        with contextlib.suppress(ValueError):  # it was ended in the middle of a line
            yield json.loads(line)


# ── in the other process ─────────────────────────────────────────────────────────────────────────────────────────────

_END_WITH_PARENT, _ADOPT = 1, 36  # options of Linux's prctl: PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER
_MOST_ROUNDS = 1_000  # of ending processes, should they start new ones meanwhile
_LOOK_EVERY = 0.2  # seconds
_KEPT = ("PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX")  # of the environment, which has tokens
_LISTED = 100_000  # bytes of the list of languages
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "the of and to in for a an on by with is at from be or as this de la el los las y en que del por para un una",
    )
)


def _say(**answer: Any) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def _read_languages(program: str) -> None:
    listed = _output([program, "--list-langs"], None, OCR["seconds for the languages"], _LISTED)
    lines = listed.decode(errors="replace").splitlines()[1:]
    _say(languages=[line.strip() for line in lines if line.strip()][:500])


def _read_pages(body: bytes, numbers: Sequence[int], ways: Sequence[Sequence[str]]) -> None:
    """Read pages until the time is up or too many have failed."""
    from pypdfium2 import PdfiumError  # noqa: PLC0415 - only this process needs it

    from bot.sources.formats.pdf import open_pdf  # noqa: PLC0415 - the same

    opened, until, failures = open_pdf(body), time.monotonic() + OCR["seconds"], 0
    for number in numbers:
        left = until - time.monotonic()
        if left <= 0:
            raise Unreadable(f"reading the scans takes longer than {OCR['seconds']} seconds, so the rest wasn't read")
        try:
            page = opened[number - 1]
            text = _page_text(page, ways, min(left, OCR["seconds for a page"]))
            page.close()
            _say(page=number, text=text)
        except (Unreadable, PdfiumError, MemoryError) as fault:
            failures += 1
            _say(fault=f"page {number}: {_why(fault)}")
            if failures >= OCR["failures"]:
                raise Unreadable("too many pages can't be read, so the rest was left alone") from fault


def _why(fault: Exception) -> str:
    if isinstance(fault, MemoryError):
        return f"it needs more than {OCR['bytes of memory'] >> 20} MiB of memory"
    return str(fault) if isinstance(fault, Unreadable) else "it is broken"


def _page_text(page: "PdfPage", ways: Sequence[Sequence[str]], seconds: float) -> str:
    """Return what a page says. If it makes no sense, it may lie on its side or upside down."""
    with _in_memory() as picture:
        dots, text = _draw(page, picture), ""
        for way in ways:
            picture.seek(0)
            said = _output([*way, "--dpi", str(dots)], picture, seconds, OCR["characters"] * 4)
            read = said.decode("utf-8", "replace").replace("\0", " ")
            text = text or read
            if _makes_sense(read):
                text = read
                break
    return "\n".join(line.strip() for line in text.split("\n"))[: OCR["characters"]]


def _makes_sense(text: str) -> bool:
    words = re.findall(r"\w+", text.casefold())
    return not words or sum(word in _COMMON for word in words) * 30 >= len(words)


def _in_memory() -> IO[bytes]:
    """Return a file that never has a name, so that nothing is left of it, no matter how the process ends."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("page"), "w+b")
    return tempfile.TemporaryFile()


def _draw(page: "PdfPage", picture: IO[bytes]) -> int:
    """Draw a page in gray, and return its dots per inch. A huge page gets fewer."""
    width, height = page.get_size()
    if width <= 0 or height <= 0:
        raise Unreadable("it has no size")
    scale = min(_dots(page) / 72, sqrt(OCR["pixels"] / (width * height)), OCR["pixels"] / max(width, height))
    bitmap = page.render(scale=scale, grayscale=True)
    if bitmap.n_channels != 1 or bitmap.width * bitmap.height > OCR["pixels"] * 2:
        raise Unreadable("it can't be drawn")
    picture.write(b"P5 %d %d 255\n" % (bitmap.width, bitmap.height))
    rows = memoryview(bitmap.buffer).cast("B")
    for row in range(bitmap.height):
        picture.write(rows[row * bitmap.stride : row * bitmap.stride + bitmap.width])
    bitmap.close()
    picture.seek(0)
    return max(70, int(scale * 72))


def _dots(page: "PdfPage") -> float:
    """Return the dots per inch of the largest picture on the page, because it is read best as it was scanned.

    If there are few, take twice as many.
    """
    from pypdfium2 import PdfImage, PdfiumError, raw  # noqa: PLC0415 - only this process needs it

    found = {0.0: float(OCR["dots per inch"])}
    for picture in islice(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=1), MOST_PICTURES):
        with contextlib.suppress(PdfiumError, ZeroDivisionError):
            assert isinstance(picture, PdfImage)
            left, bottom, right, top = picture.get_bounds()
            across, up = right - left, top - bottom
            found[across * up] = sqrt(picture.get_px_size()[0] * picture.get_px_size()[1] / (across * up)) * 72
    dots = found[max(found)]
    return min(dots * 2 if dots < FEW_DOTS else dots, OCR["dots per inch"])


def _output(command: Sequence[str], stdin: IO[bytes] | None, seconds: float, most: int) -> bytes:
    """Run a program within the limits and return what it wrote. End it and everything that it has started.

    Raise Unreadable if it takes too long, writes too much or fails.
    """
    run = subprocess.Popen(  # noqa: S603 - the command is ours, and nothing from the document is in it
        command,
        stdin=stdin if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={name: os.environ[name] for name in _KEPT if name in os.environ} | {"OMP_THREAD_LIMIT": "1"},
        start_new_session=True,
        preexec_fn=_limit_program,  # noqa: PLW1509 - this process has no threads
    )
    try:
        said = _read(run, seconds, most)
    finally:
        _end_all(run)
    if run.returncode != 0:
        raise Unreadable(f"{PROGRAM} {_ending(run.returncode)}")
    return said


def _read(run: "subprocess.Popen[bytes]", seconds: float, most: int) -> bytes:
    """Return what a program writes until it ends. What others write into its pipe after that is left out."""
    assert run.stdout is not None
    out, said, until = run.stdout.fileno(), io.BytesIO(), time.monotonic() + seconds
    os.set_blocking(out, False)
    while True:
        if os.getppid() != _parent:
            raise SystemExit(1)  # nobody waits for it any more
        is_over = run.poll() is not None
        select.select([out], [], [], 0 if is_over else _LOOK_EVERY)
        with contextlib.suppress(BlockingIOError):
            read = os.read(out, 1 << 16)
            said.write(read)
            if not read and not is_over:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.wait(max(0.0, until - time.monotonic()))
            if read and said.tell() <= most:
                continue
        if said.tell() > most:
            raise Unreadable(f"{PROGRAM} writes more than {most:,} bytes")
        if is_over:
            return said.getvalue()
        if time.monotonic() >= until:
            raise Unreadable(f"{PROGRAM} takes longer than {seconds:.0f} seconds")


def _ending(code: int) -> str:
    if code >= 0:
        return f"failed with exit code {code}"
    if -code in {signal.SIGKILL, signal.SIGXCPU}:
        return "was ended, because it needs too much time or memory"
    return f"crashed ({signal.Signals(-code).name})"


def _end_all(run: "subprocess.Popen[bytes]") -> None:
    """End a program and all processes that it has started, even those that tried to get away."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    if run.stdout is not None:
        run.stdout.close()
    for _ in range(_MOST_ROUNDS):
        for child in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> Iterator[int]:
    """Yield our child processes. Those whose own parent has ended have become ours."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                yield int(stat.parent.name)


def _limit_program() -> None:
    """Limit the program that is about to start. It may not start others, write files or outlive this process."""
    _control(_END_WITH_PARENT, signal.SIGKILL)
    _limit(cpu=OCR["seconds of CPU for a page"], memory=OCR["bytes of memory"], is_last=True)


def _limit(*, cpu: int, memory: int, is_last: bool) -> None:
    import resource  # noqa: PLC0415 - Windows has no such limits

    limits = {resource.RLIMIT_CPU: cpu, resource.RLIMIT_AS: memory, resource.RLIMIT_CORE: 0}
    if is_last:
        limits |= {resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NPROC: 0}
    for limit, most in limits.items():
        with contextlib.suppress(ValueError, OSError):  # a lower limit is already set
            resource.setrlimit(limit, (most, most))


def _control(option: int, value: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


_parent = 0  # the process that asked


def _stop(_: int, __: object) -> None:
    raise SystemExit(1)


def _work(job: Mapping[str, Any]) -> None:
    try:
        if job["do"] == "languages":
            _read_languages(job["program"])
        else:
            _read_pages(sys.stdin.buffer.read(), job["pages"], job["ways"])
    except Unreadable as fault:
        _say(fault=str(fault))
    except MemoryError:
        _say(fault=f"a page needs more than {OCR['bytes of memory'] >> 20} MiB of memory")
    except Exception as fault:  # noqa: BLE001 - a broken file can make the library raise anything
        _say(fault=f"the PDF is broken ({type(fault).__name__})")
    _say(end=True)


def _main() -> None:
    global _parent  # noqa: PLW0603 - this process has only one job
    job = json.loads(sys.argv[1])
    _parent = job["parent"]
    OCR.update(job["limits"])
    signal.signal(signal.SIGTERM, _stop)
    _control(_ADOPT, 1)
    with contextlib.suppress(OSError):
        os.nice(10)
    _limit(cpu=OCR["seconds of CPU for drawing"], memory=OCR["bytes of memory"], is_last=False)
    _work(job)


if __name__ == "__main__":
    _main()
