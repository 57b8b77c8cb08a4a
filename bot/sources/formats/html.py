"""Web pages and PDF files as text that a person would read, with every cost bounded before it arises.

A PDF is read by a program of its own, which sets its own limits of memory and time before it opens the file. Only the
kernel can stop a library that loops or grows inside a single call: a thread cannot be stopped, and what it allocates is
ours. That costs about a quarter of a second for each file, and files are few.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EncodingDetector
from bs4.element import CData, NavigableString, PageElement
from soupsieve import SelectorSyntaxError

from bot.domain.agendas.detect import unbroken
from bot.errors import Unreadable

if TYPE_CHECKING:
    from pypdf import PdfReader

MOST = {
    "bytes": 32 << 20,  # of a PDF
    "pages": 2_000,
    "characters": 16_000_000,  # of all pages
    "seconds": 60,  # of a processor; twice as many by the clock
    "bytes of memory": 768 << 20,
    "bytes of a web page": 16 << 20,
    "tags": 200_000,  # of a web page
}

# ── web pages ────────────────────────────────────────────────────────────────────────────────────────────────────────

_SILENT = frozenset(
    {"audio", "button", "canvas", "footer", "head", "iframe", "input", "math", "nav", "noscript", "object",
     "script", "select", "style", "svg", "template", "textarea", "video"}
)  # fmt: skip
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div",
     "dl", "dt", "fieldset", "figcaption", "figure", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
     "html", "legend", "li", "main", "menu", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot",
     "thead", "tr", "ul"}
)  # fmt: skip
_SPACE = re.compile(r"\s+")
_CELLS = frozenset({"td", "th"})
_PROLOG = re.compile(r"\s*<\?xml[^<>]{0,200}\?>")  # XHTML; without it nobody takes the page for XML


def readable_html(body: bytes, selector: str | None = None) -> str:
    """Return what a page says, or the parts of it that a CSS selector names: an empty line between blocks.

    Left out are scripts, styles, comments, forms' fields, navigation, the foot, and everything in tags' attributes: a
    token or a counter in the address of a script changes nothing. Unreadable when the page is too large or has nothing
    that the selector names.
    """
    if len(body) > MOST["bytes of a web page"] or body.count(b"<") > MOST["tags"]:
        raise Unreadable(
            f"the page is too large: more than {MOST['bytes of a web page'] >> 20} MiB or {MOST['tags']:,} tags"
        )
    soup = BeautifulSoup(_PROLOG.sub("", _decoded(body), count=1), "lxml")
    parts = [soup] if selector is None else _named(soup, selector)
    return _tidy("\n\n".join("".join(_pieces(part)) for part in parts))


def _decoded(body: bytes) -> str:
    declared = EncodingDetector.find_declared_encoding(body, is_html=True)
    wide = "utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else None
    for encoding in (wide, "utf-8-sig", declared):
        with suppress(UnicodeDecodeError, LookupError):
            if encoding:
                return body.decode(encoding).replace("\0", "")
    return body.decode("cp1252", "replace").replace("\0", "")


def _named(soup: BeautifulSoup, selector: str) -> list[Tag]:
    """Return the outermost elements that a selector names."""
    try:
        found = soup.select(selector)
    except (SelectorSyntaxError, NotImplementedError) as fault:
        raise Unreadable(f"{selector!r} is no CSS selector") from fault
    if not found:
        raise Unreadable(f"nothing on the page is named by the selector {selector!r}; it may have been redesigned")
    ours = set(map(id, found))
    return [tag for tag in found if not any(id(parent) in ours for parent in tag.parents)]


def _pieces(part: Tag) -> Iterator[str]:
    """Return the texts below an element, and what separates them, without going down by calls."""
    todo: list[PageElement | str] = list(reversed(part.contents))
    while todo:
        one = todo.pop()
        if isinstance(one, Tag):
            if one.name == "br":
                yield "\n"
            elif not _is_silent(one):
                edge = "\n\n" if one.name in _BLOCKS else " " if one.name in _CELLS else ""
                yield edge
                todo += (edge, *reversed(one.contents))
        elif isinstance(one, NavigableString):
            yield _said(one)
        elif isinstance(one, str):
            yield one


def _said(text: NavigableString) -> str:
    """Return a text of the page: lines count only where they are shown, and comments and the like are not shown."""
    if type(text) not in {NavigableString, CData}:
        return ""
    return str(text) if text.parent and text.parent.name == "pre" else _SPACE.sub(" ", text)


def _is_silent(tag: Tag) -> bool:
    return tag.name in _SILENT or tag.get("role") == "navigation"


def _tidy(text: str) -> str:
    blocks = (
        "\n".join(filter(None, (" ".join(line.split()) for line in block.split("\n")))) for block in text.split("\n\n")
    )
    return "\n\n".join(filter(None, blocks))


# ── PDF ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_ONE_AT_A_TIME = Lock()  # so that the bound of memory holds for all


def pdf_pages(body: bytes) -> tuple[str, ...]:
    """Return the text of each page of a PDF, with words whole; a page without any, such as a scan, is "".

    It waits for another program; call it from a thread. Unreadable when the file is too large, locked with a password
    or broken, or when reading it takes too long or too much memory.
    """
    if len(body) > MOST["bytes"]:
        raise Unreadable(f"the PDF is larger than the {MOST['bytes'] >> 20} MiB that we read")
    if b"%PDF-" not in body[:1024]:
        raise Unreadable("it is not a PDF")
    answer = _asked(body)
    if "fault" in answer:
        raise Unreadable(answer["fault"])
    return tuple(unbroken(page).strip() for page in answer["pages"])


def _asked(body: bytes) -> dict[str, Any]:
    """Return what the program beside us read."""
    command = [sys.executable, "-P", "-m", "bot.sources.formats.html", json.dumps(MOST)]
    try:
        with _ONE_AT_A_TIME:
            done = subprocess.run(  # noqa: S603  # ourselves, and nothing of the file is an argument
                command,
                input=body,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=MOST["seconds"] * 2,
                check=True,
            )
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired as fault:
        raise Unreadable(f"the PDF takes longer to read than {MOST['seconds'] * 2} seconds") from fault
    except (subprocess.CalledProcessError, ValueError) as fault:  # killed by the kernel
        raise Unreadable(
            "the PDF cannot be read: it takes too long, needs too much memory or crashes its reader"
        ) from fault
    return answer


def _answer(body: bytes) -> dict[str, Any]:
    """Return the pages, or what is wrong with the file; this runs in the program beside us."""
    try:
        return {"pages": _texts(_opened(body))}
    except Unreadable as fault:
        return {"fault": str(fault)}
    except MemoryError:
        return {"fault": f"the PDF needs more than {MOST['bytes of memory'] >> 20} MiB of memory"}
    except Exception as fault:  # noqa: BLE001  # a broken file may break its reader in any way
        return {"fault": f"the PDF is broken ({type(fault).__name__})"}


def _opened(body: bytes) -> "PdfReader":
    from pypdf import PdfReader  # noqa: PLC0415 - nobody needs its 12 MiB but the program beside us

    reader = PdfReader(BytesIO(body))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable("the PDF is locked with a password")
    if len(reader.pages) > MOST["pages"]:
        raise Unreadable(f"the PDF has more than {MOST['pages']:,} pages")
    return reader


def _texts(reader: "PdfReader") -> list[str]:
    """Return the pages' texts; a page that breaks its reader is as one without text, unless they all do."""
    texts, broken, size = list[str](), 0, 0
    for page in reader.pages:
        try:
            text = page.extract_text()
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # as above, but the other pages may be whole
            text, broken = "", broken + 1
        texts.append(text)
        size += len(text)
        if size > MOST["characters"]:
            raise Unreadable(f"the PDF has more than {MOST['characters']:,} characters")
    if broken == len(texts):
        raise Unreadable("the PDF has no page that can be read" if texts else "the PDF has no pages")
    return texts


def _limit_ourselves() -> None:
    with suppress(ImportError):  # Windows has no such limits; there the clock alone is the bound
        import resource  # noqa: PLC0415

        for limit, most in (
            (resource.RLIMIT_CPU, MOST["seconds"]),
            (resource.RLIMIT_AS, MOST["bytes of memory"]),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ValueError, OSError):  # a narrower one is set already
                resource.setrlimit(limit, (most, most))


def _main() -> None:
    MOST.update(json.loads(sys.argv[1]))
    _limit_ourselves()
    answer = json.dumps(_answer(sys.stdin.buffer.read()), ensure_ascii=False)
    sys.stdout.buffer.write(answer.encode(errors="replace"))


if __name__ == "__main__":
    _main()
