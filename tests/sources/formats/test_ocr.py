"""OCR with the real Tesseract, if it is installed, and with programs in its place that misbehave."""

import asyncio
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from support.scans import drawn, scan_of, scanned, stamped, typed
from support.waiting import eventually

from bot.errors import Unreadable
from bot.sources.formats.limits import OCR
from bot.sources.formats.ocr import Tesseract, find_tesseract, read_scans
from bot.sources.formats.pdf import pdf_text

needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="Tesseract isn't installed")

AGENDA = """NASH COUNTY BOARD OF COMMISSIONERS
3. Consider a 287(g) memorandum of agreement between the
   Sheriff and U.S. Immigration and Customs Enforcement"""
SCAN = scan_of(AGENDA)
LANGUAGES = 'if [ "$1" = --list-langs ]; then echo "List of available languages (2):"; echo eng; echo osd; exit; fi'


@pytest.fixture
def mark():
    """A number of seconds to sleep that no other process has."""
    return f"9{uuid.uuid4().int % 10**9:09}"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Put a program in the place of Tesseract."""

    def put(does: str, languages: str = LANGUAGES) -> Tesseract:
        program = tmp_path / "bin" / "tesseract"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{languages}\n{does}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return Tesseract(str(program), ("eng",))

    return put


def narrow(monkeypatch, **bounds: int) -> None:
    for name, most in bounds.items():
        monkeypatch.setitem(OCR, name.replace("_", " "), most)


def running(mark: str) -> list[str]:
    """Return the processes that have this mark in their command."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"sleep {mark}" in words and "sh -c" not in words:
            found.append(command.parent.name)
    return found


# ── the real program ─────────────────────────────────────────────────────────────────────────────────────────────────


@needs_tesseract
@pytest.mark.slow
@pytest.mark.parametrize(("font", "how"), [("Helvetica", {}), ("Times-Roman", {"dpi": 150}), ("Courier", {"dpi": 300})])
async def test_a_scanned_page_is_read(font, how):
    body = scanned(drawn(typed(AGENDA, font=font, skew=1.0), **how))
    read = await read_scans(body, pdf_text(body).scans, await find_tesseract())
    assert "Immigration and Customs Enforcement" in " ".join(read.pages[1].split())
    assert read.problem == ""


@needs_tesseract
@pytest.mark.slow
@pytest.mark.parametrize("lies", ["upside down", "on its side"])
async def test_a_page_that_lies_the_wrong_way_is_read(lies):
    long = "\n".join(f"{n}. The board will consider the approval of the minutes of the meeting" for n in range(1, 12))
    pixels, width, height = drawn(typed(long))
    page, size = (pixels[::-1], width, height), (612, 792)
    if lies == "on its side":
        page, size = (b"".join(pixels[x::width] for x in reversed(range(width))), height, width), (792, 612)
    read = await read_scans(scanned(page, size=size), (1,), await find_tesseract())
    assert "consider the approval" in read.pages[1]


@needs_tesseract
@pytest.mark.slow
async def test_a_page_of_ten_meters_is_drawn_small():
    body = scanned(drawn(typed("Agreement under Section 287(g)", size=16)), size=(28_346, 28_346))
    assert "Agreement under Section" in (await read_scans(body, (1,), await find_tesseract())).pages[1]


@pytest.mark.slow
@needs_tesseract
async def test_an_empty_page_and_a_broken_pdf_have_no_text():
    tesseract = await find_tesseract()
    blank = await read_scans(scanned((b"\xff" * 40_000, 200, 200)), (1,), tesseract)
    assert (blank.pages, blank.problem) == ({1: ""}, "")
    assert (await read_scans(b"%PDF-1.4 broken", (1,), tesseract)).problem == "the PDF is broken (PdfiumError)"


# ── which pages are scans ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("pages", "scans"),
    [
        (("Typed " * 20, drawn(typed(AGENDA), dpi=50)), (2,)),
        ((drawn(typed(AGENDA), dpi=50), drawn(typed(AGENDA), dpi=50)), (1, 2)),
        (("Typed " * 20, ""), ()),
        (("", ""), (1, 2)),
    ],
    ids=["a typed agenda with a scanned attachment", "only scans", "a blank last page", "no text at all"],
)
def test_scanned_pages_are_told_from_blank_ones(pages, scans):
    assert pdf_text(scanned(*pages)).scans == scans


@pytest.mark.parametrize(
    ("stamp", "is_wrapped", "is_scan"),
    [("Page 1 of 90", False, True), ("Page 1 of 90", True, True), ("The meeting is canceled. " * 9, True, False)],
)
def test_a_stamp_over_a_scan_does_not_make_it_typed(stamp, is_wrapped, is_scan):
    body = stamped(drawn(typed(AGENDA), dpi=50), stamp, is_wrapped=is_wrapped)
    found = pdf_text(body)
    assert (found.pages[0], found.scans) == (stamp.strip(), (1,) if is_scan else ())


# ── programs that misbehave ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize(
    ("does", "says", "limits"),
    [
        ("sleep MARK", "takes longer than 1 seconds", {"seconds_for_a_page": 1}),
        ("exec 1>&-; sleep MARK", "takes longer than 1 seconds", {"seconds_for_a_page": 1}),
        (
            "while :; do :; done",
            "was ended, because it needs too much time or memory",
            {"seconds_of_CPU_for_a_page": 1},
        ),
        ("yes MARK", "writes more than 400 bytes", {"characters": 100}),
        ("kill -SEGV $$", "crashed (SIGSEGV)", {}),
        ("exit 7", "failed with exit code 7", {}),
    ],
)
async def test_a_program_that_misbehaves_is_ended_and_explained(stand_in, monkeypatch, mark, does, says, limits):
    narrow(monkeypatch, **limits)
    read = await read_scans(SCAN, (1,), stand_in(does.replace("MARK", mark)))
    assert read.pages == {}
    assert read.problem == f"page 1: tesseract {says}"
    assert not running(mark)


@pytest.mark.slow
@pytest.mark.parametrize(
    "does",
    [
        "sleep MARK & sleep MARK & echo read",
        "setsid sleep MARK & (setsid sh -c 'setsid sleep MARK & sleep MARK' &) ; echo read",
        "setsid sleep MARK >&- 2>&- & setsid sleep MARK & sleep MARK",
    ],
    ids=["in its group", "in groups of their own", "and hangs"],
)
async def test_no_process_is_left_that_it_has_started(stand_in, monkeypatch, mark, does):
    narrow(monkeypatch, seconds_for_a_page=2)
    await read_scans(SCAN, (1,), stand_in(does.replace("MARK", mark)))
    assert not running(mark)


async def test_bytes_that_are_no_text_do_no_harm(stand_in):
    read = await read_scans(SCAN, (1,), stand_in(r"printf '\377\376\000\001 287(g) \303'"))
    assert read.pages[1].startswith("��")
    assert "287(g)" in read.pages[1]


@pytest.mark.slow
async def test_only_a_few_pages_that_fail_are_tried(stand_in):
    body = scanned(*[drawn(typed("x"), dpi=30)] * 6)
    read = await read_scans(body, (1, 2, 3, 4, 5, 6), stand_in("exit 1"))
    assert read.problem.count("failed with exit code 1") == OCR["failures"]
    assert read.problem.endswith("too many pages can't be read, so the rest was left alone")


@pytest.mark.slow
async def test_a_broken_page_does_not_hide_the_others(stand_in):
    body = scanned(drawn(typed("x"), dpi=30), drawn(typed("x"), dpi=30))
    read = await read_scans(body.replace(b"4 0 R 7 0 R", b"99 0 R 7 0 R"), (1, 2), stand_in("echo read"))
    assert (read.pages, read.problem) == ({2: "read"}, "page 1: it is broken")


@pytest.mark.slow
async def test_more_pages_than_the_limit_are_left_out(stand_in, monkeypatch):
    narrow(monkeypatch, pages=2)
    body = scanned(*[drawn(typed("x"), dpi=30)] * 3)
    read = await read_scans(body, (1, 2, 3), stand_in("echo read"))
    assert (read.pages, read.problem) == ({1: "read", 2: "read"}, "only the first 2 of 3 scanned pages were read")


@pytest.mark.slow
async def test_once_the_time_is_up_the_rest_is_left_alone(stand_in, monkeypatch):
    narrow(monkeypatch, seconds=0)
    read = await read_scans(SCAN, (1,), stand_in("echo read"))
    assert read.pages == {}
    assert read.problem == "reading the scans takes longer than 0 seconds, so the rest wasn't read"


@pytest.mark.slow
async def test_what_was_read_before_the_process_was_killed_counts(stand_in, tmp_path):
    body = scanned(*[drawn(typed("x"), dpi=30)] * 3)
    read = await read_scans(body, (1, 2, 3), stand_in(f"mkdir {tmp_path}/once && echo read || kill -9 $PPID"))
    assert (read.pages, read.problem) == ({1: "read"}, "the process that reads scans ended too early")


async def test_the_program_gets_no_secrets(stand_in, monkeypatch):
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "12345:secret")
    read = await read_scans(SCAN, (1,), stand_in("env"))
    assert "OMP_THREAD_LIMIT=1" in read.pages[1]
    assert "secret" not in read.pages[1]


async def test_the_program_cannot_write_files(stand_in, tmp_path):
    read = await read_scans(SCAN, (1,), stand_in(f"echo read > {tmp_path}/file"))
    assert (read.pages, read.problem) == ({}, "page 1: tesseract crashed (SIGXFSZ)")
    assert (tmp_path / "file").read_bytes() == b""


async def test_a_reading_that_is_called_off_ends_the_program(stand_in, mark):
    reading = asyncio.create_task(read_scans(SCAN, (1,), stand_in(f"sleep {mark}")))
    await eventually(lambda: running(mark))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await eventually(lambda: not running(mark))


@pytest.mark.slow
async def test_a_program_does_not_outlive_one_that_was_killed(stand_in, mark, tmp_path):
    tesseract = stand_in(f"sleep {mark}")
    (tmp_path / "scan.pdf").write_bytes(SCAN)
    code = (
        "import asyncio, sys; from pathlib import Path; from bot.sources.formats.ocr import *; "
        f"asyncio.run(read_scans(Path({str(tmp_path / 'scan.pdf')!r}).read_bytes(), (1,), {tesseract!r}))"
    )
    asked = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=subprocess.DEVNULL)
    await eventually(lambda: running(mark))
    asked.kill()
    await asked.wait()
    await eventually(lambda: not running(mark))


# ── whether it is installed ──────────────────────────────────────────────────────────────────────────────────────────


async def test_the_languages_that_are_installed_are_found(stand_in):
    program = stand_in("exit 1").program
    assert await find_tesseract() == Tesseract(program, ("eng", "osd"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("languages", "says", "seconds"),
    [
        ('echo "List of available languages (1):"; echo fra', "its English isn't; install it: apt-get install", 60),
        ("exit 1", "doesn't list its languages", 60),
        ("kill -9 $$", "doesn't list its languages", 60),
        ("sleep 60", "doesn't list its languages", 1),
    ],
)
async def test_an_installation_that_cannot_read_is_explained(stand_in, monkeypatch, languages, says, seconds):
    narrow(monkeypatch, seconds_for_the_languages=seconds)
    stand_in("exit", languages)
    with pytest.raises(Unreadable, match=says):
        await find_tesseract()


async def test_a_program_that_is_not_installed_is_explained():
    with pytest.raises(Unreadable, match="tesseract isn't installed; install it: apt-get install tesseract-ocr"):
        await find_tesseract("no-such-program")
