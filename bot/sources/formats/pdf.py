"""A PDF text reader that runs in a separate process with limits on its memory and time.

A PDF library may loop forever or use up memory inside a single call, and only the kernel can stop it. A thread can't be
stopped, and it would use our own memory. The separate process adds about a quarter of a second per file, but there are
few files.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from bot.domain.agendas.hyphens import rejoin_words
from bot.errors import Unreadable
from bot.sources.formats.limits import PDF

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

MOST_NOTES = 2_000  # annotations on one page
LONGEST_NOTE = 200_000  # bytes
MOST_OBJECTS = 2_000  # on one page, to look for a picture among
FEW_LETTERS = 80  # on a scanned page, from a stamp or a page number that was put over the picture
FULL_PAGE = 0.8  # the part of the page that a scan covers at least if there are letters
MOST_WRAPPED = 20  # objects of a form, to look for a picture among
OUTLINES = 50  # on a page without text; letters that were turned into drawings, perhaps

_ONE_AT_A_TIME = Lock()  # so that the memory limit holds for the whole program


@dataclass(frozen=True, slots=True)
class PdfText:
    """The text of each page, and the numbers of the pages that are pictures of text. Pages are counted from 1."""

    pages: tuple[str, ...]
    scans: tuple[int, ...] = ()


def pdf_text(body: bytes) -> PdfText:
    """Return the text of each page and the pages that are scans. A page without text is an empty string.

    Words that are broken across lines are rejoined. Call this function from a thread, because it waits for another
    process. Raise Unreadable if the file is too large, broken or password-protected, or if reading it takes too much
    time or memory.
    """
    if len(body) > PDF["bytes"]:
        raise Unreadable(f"the PDF is larger than {PDF['bytes'] >> 20} MiB, the most we read")
    if b"%PDF-" not in body[:1024]:
        raise Unreadable("it is not a PDF")
    answer = _ask_process(body)
    if "fault" in answer:
        raise Unreadable(answer["fault"])
    pages = tuple(rejoin_words(page).strip() for page in answer["pages"])
    scans = answer["scans"] if any(pages) else range(1, len(pages) + 1)
    return PdfText(pages, tuple(scans))


def pdf_pages(body: bytes) -> tuple[str, ...]:
    """Return the text of each page, as the function `pdf_text` does."""
    return pdf_text(body).pages


def _ask_process(body: bytes) -> dict[str, Any]:
    """Run this module in a separate process and return its output."""
    command = [sys.executable, "-P", "-m", "bot.sources.formats.pdf", json.dumps(PDF)]
    try:
        with _ONE_AT_A_TIME:
            done = subprocess.run(  # noqa: S603 - it runs this module, and nothing from the file is an argument
                command,
                input=body,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=PDF["seconds"] * 2,
                check=True,
                start_new_session=True,  # Ctrl-C on a terminal reaches every process of the session
            )
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired as fault:
        raise Unreadable(f"the PDF takes longer than {PDF['seconds'] * 2} seconds to read") from fault
    except (subprocess.CalledProcessError, ValueError) as fault:  # the kernel probably killed it
        raise Unreadable(
            "the PDF cannot be read: it takes too long, needs too much memory or crashes the PDF library"
        ) from fault
    return answer


# ── in the other process ─────────────────────────────────────────────────────────────────────────────────────────────

_END_WITH_PARENT = 1  # the option of Linux's prctl
_LOCKED = 4  # PDFium's error for a document that needs a password
_NOTES = frozenset({1, 3, 20})  # PDFium's kinds of annotations that have words: sticky notes, free text, form fields
_FORM_FIELD, _HIDDEN = 20, 2
_BROKEN_WORD = "\ufffe"  # what PDFium returns for a hyphen and a line break within a word


def _answer(body: bytes) -> dict[str, Any]:
    """Return a dictionary with the text of the pages, or with an error message."""
    try:
        scans: list[int] = []
        return {"pages": page_texts(open_pdf(body), scans), "scans": scans}
    except Unreadable as fault:
        return {"fault": str(fault)}
    except MemoryError:
        return {"fault": f"the PDF needs more than {PDF['bytes of memory'] >> 20} MiB of memory"}
    except Exception as fault:  # noqa: BLE001 - a broken file can make the library raise anything
        return {"fault": f"the PDF is broken ({type(fault).__name__})"}


def open_pdf(body: bytes) -> "PdfDocument":
    """Open a document. Raise Unreadable if it needs a password or has too many pages."""
    from pypdfium2 import PdfDocument, PdfiumError  # noqa: PLC0415 - only this process needs its 15 MiB

    try:
        opened = PdfDocument(body)
    except PdfiumError as fault:
        if fault.err_code == _LOCKED:
            raise Unreadable("the PDF is locked with a password") from fault
        raise
    if len(opened) > PDF["pages"]:
        raise Unreadable(f"the PDF has more than {PDF['pages']:,} pages")
    with suppress(PdfiumError):
        opened.init_forms()  # does nothing if there are no form fields
    return opened


def page_texts(opened: "PdfDocument", scans: list[int]) -> list[str]:
    """Return the text of each page, and append the numbers of the scanned pages to `scans`.

    A broken page counts as a page without text. Raise Unreadable if every page is broken.
    """
    from pypdfium2 import PdfiumError  # noqa: PLC0415 - as above

    texts, broken, size = list[str](), 0, 0
    for number in range(len(opened)):
        try:
            page = opened[number]
            text = _page_text(page, PDF["characters"] - size, opened.formenv)
            if _is_scan(page, text):
                scans.append(number + 1)
            page.close()
        except PdfiumError:  # the other pages may be intact
            text, broken = "", broken + 1
        texts.append(text)
        size += len(text)
    if broken == len(texts):
        raise Unreadable("the PDF has no page that can be read" if texts else "the PDF has no pages")
    return texts


def _page_text(page: "PdfPage", most: int, forms: Any) -> str:
    """Return a page's text, and the words in its form fields and notes, which aren't part of the page itself."""
    shown = page.get_textpage()
    if shown.count_chars() > most:
        raise Unreadable(f"the PDF has more than {PDF['characters']:,} characters")
    text = shown.get_text_range() if shown.count_chars() > 0 else ""
    shown.close()
    lines = text.replace(_BROKEN_WORD, "-\n").replace("\r\n", "\n").split("\n")
    lines += [note for note in dict.fromkeys(_notes(page, forms)) if note not in text]
    return "\n".join(line.strip() for line in lines)


def _is_scan(page: "PdfPage", text: str) -> bool:
    """Return whether a page is a picture of text: it has no text or hardly any, and a picture or many outlines."""
    from pypdfium2 import PdfiumError  # noqa: PLC0415 - as above

    letters = sum(map(str.isalnum, text))
    if letters > FEW_LETTERS:
        return False
    try:
        pictures, outlines = _drawn(page)
    except (PdfiumError, ZeroDivisionError):  # the text counts anyway
        return False
    return pictures > (FULL_PAGE if letters else 0) or (not letters and outlines >= OUTLINES)


def _drawn(page: "PdfPage") -> tuple[float, int]:
    """Return the part of a page that its pictures cover, and the number of its outlines.

    A form with a picture in it counts as one, because programs that stamp pages wrap them that way.
    """
    from pypdfium2 import PdfiumError, raw  # noqa: PLC0415 - as above

    width, height = page.get_size()
    covered, outlines = 0.0, 0
    for seen, drawn in enumerate(page.get_objects(max_depth=1), start=1):
        if drawn.type == raw.FPDF_PAGEOBJ_PATH:
            outlines += 1
        elif drawn.type == raw.FPDF_PAGEOBJ_IMAGE or _wraps_picture(drawn):
            with suppress(PdfiumError):
                left, bottom, right, top = drawn.get_bounds()
                across, up = min(right, width) - max(left, 0), min(top, height) - max(bottom, 0)
                covered += max(across, 0) * max(up, 0) / (width * height)
        if seen >= MOST_OBJECTS:
            break
    return covered, outlines


def _wraps_picture(drawn: Any) -> bool:
    from pypdfium2 import raw  # noqa: PLC0415 - as above

    if drawn.type != raw.FPDF_PAGEOBJ_FORM:
        return False
    inner = range(min(raw.FPDFFormObj_CountObjects(drawn), MOST_WRAPPED))
    kinds = (raw.FPDFPageObj_GetType(raw.FPDFFormObj_GetObject(drawn, number)) for number in inner)
    return raw.FPDF_PAGEOBJ_IMAGE in kinds


def _notes(page: "PdfPage", forms: Any) -> Iterator[str]:
    from pypdfium2 import raw  # noqa: PLC0415 - as above

    for number in range(min(raw.FPDFPage_GetAnnotCount(page.raw), MOST_NOTES)):
        note = raw.FPDFPage_GetAnnot(page.raw, number)
        kind = raw.FPDFAnnot_GetSubtype(note)
        if kind in _NOTES and not raw.FPDFAnnot_GetFlags(note) & _HIDDEN:
            if kind != _FORM_FIELD:
                yield _string(raw.FPDFAnnot_GetStringValue, note, b"Contents")
            elif forms is not None:
                yield _string(raw.FPDFAnnot_GetFormFieldValue, forms.raw, note)
        raw.FPDFPage_CloseAnnot(note)


def _string(read: Any, *of: Any) -> str:
    """Return a string of PDFium's, which first says how many bytes of UTF-16 it needs."""
    import ctypes  # noqa: PLC0415 - as above

    if (size := read(*of, None, 0)) <= 2 or size > LONGEST_NOTE:
        return ""
    space = (ctypes.c_ushort * (size // 2))()
    read(*of, space, size)
    return bytes(space).decode("utf-16-le", "replace").rstrip("\0").replace("\r", "\n").strip()


def _limit_this_process() -> None:
    with suppress(ImportError):  # Windows has no such limits; there, only the clock stops us
        import resource  # noqa: PLC0415

        for limit, most in (
            (resource.RLIMIT_CPU, PDF["seconds"]),
            (resource.RLIMIT_AS, PDF["bytes of memory"]),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ValueError, OSError):  # a lower limit is already set
                resource.setrlimit(limit, (most, most))


def _end_only_with_parent() -> None:
    """Ignore signals to end, which systemd sends to every process of a service, and end when the program has ended.

    A document whose reading was broken off would count as one that can't be read.
    """
    with suppress(AttributeError, OSError):  # only Linux has it
        import ctypes  # noqa: PLC0415 - as above

        ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _main() -> None:
    PDF.update(json.loads(sys.argv[1]))
    _end_only_with_parent()
    _limit_this_process()
    answer = json.dumps(_answer(sys.stdin.buffer.read()), ensure_ascii=False)
    sys.stdout.buffer.write(answer.encode(errors="replace"))


if __name__ == "__main__":
    _main()
