"""A PDF text reader that runs in a separate process with limits on its memory and time.

A PDF library may loop forever or use up memory inside a single call, and only the kernel can stop it. A thread can't be
stopped, and it would use our own memory. The separate process adds about a quarter of a second per file, but there are
few files.
"""

import json
import subprocess
import sys
from contextlib import suppress
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

from bot.domain.agendas.hyphens import rejoin_words
from bot.errors import Unreadable
from bot.sources.formats.limits import PDF

if TYPE_CHECKING:
    from pypdf import PdfReader

_ONE_AT_A_TIME = Lock()  # so that the memory limit holds for the whole program


def pdf_pages(body: bytes) -> tuple[str, ...]:
    """Return the text of each page. A page without text is an empty string.

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
    return tuple(rejoin_words(page).strip() for page in answer["pages"])


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


def _answer(body: bytes) -> dict[str, Any]:
    """Return a dictionary with the text of the pages, or with an error message."""
    try:
        return {"pages": _page_texts(_open(body))}
    except Unreadable as fault:
        return {"fault": str(fault)}
    except MemoryError:
        return {"fault": f"the PDF needs more than {PDF['bytes of memory'] >> 20} MiB of memory"}
    except Exception as fault:  # noqa: BLE001 - a broken file can make the library raise anything
        return {"fault": f"the PDF is broken ({type(fault).__name__})"}


def _open(body: bytes) -> "PdfReader":
    from pypdf import PdfReader  # noqa: PLC0415 - only this process needs its 12 MiB

    reader = PdfReader(BytesIO(body))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable("the PDF is locked with a password")
    if len(reader.pages) > PDF["pages"]:
        raise Unreadable(f"the PDF has more than {PDF['pages']:,} pages")
    return reader


def _page_texts(reader: "PdfReader") -> list[str]:
    """Return the text of each page. A broken page counts as a page without text.

    Raise Unreadable if every page is broken.
    """
    texts, broken, size = list[str](), 0, 0
    for page in reader.pages:
        try:
            text = page.extract_text()
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - as above, and the other pages may be intact
            text, broken = "", broken + 1
        texts.append(text)
        size += len(text)
        if size > PDF["characters"]:
            raise Unreadable(f"the PDF has more than {PDF['characters']:,} characters")
    if broken == len(texts):
        raise Unreadable("no page of the PDF can be read" if texts else "the PDF has no pages")
    return texts


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


def _main() -> None:
    PDF.update(json.loads(sys.argv[1]))
    _limit_this_process()
    answer = json.dumps(_answer(sys.stdin.buffer.read()), ensure_ascii=False)
    sys.stdout.buffer.write(answer.encode(errors="replace"))


if __name__ == "__main__":
    _main()
