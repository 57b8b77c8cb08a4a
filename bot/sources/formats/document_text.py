"""Extract the readable text from PDFs and web pages."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from bot.domain.agendas.hyphens import rejoin_words
from bot.domain.document import Document, Expect
from bot.domain.letters import counted
from bot.errors import Unreadable
from bot.sources.formats.charset import charset, decoded
from bot.sources.formats.limits import LONGEST_DOCUMENT
from bot.sources.formats.pdf import pdf_text

SCANNED = "scanned, not read"
SIGNPOST_HEAD = 8 << 10  # bytes in which a page says where it leads


class DocumentText(NamedTuple):
    """The pages of a PDF, and which of them are scans, or the text of a web page or a text file."""

    pages: tuple[str, ...] = ()
    text: str = ""
    scans: tuple[int, ...] = ()


def document_text(document: Document, selector: str | None = None) -> tuple[tuple[str, ...], str]:
    """Return the pages of a PDF and the text of a web page, as the function `read_document` does."""
    read = read_document(document, selector)
    return read.pages, read.text


def read_document(document: Document, selector: str | None = None) -> DocumentText:
    """Read a PDF, a web page or a text file.

    On a web page, `selector` limits the text to the matching parts. Call this function from a thread, because reading a
    PDF can take a minute. Raise Unreadable if the document is neither a PDF nor a web page. Raise StandIn if the server
    sent another page in place of the one we asked for.
    """
    match Expect.seen_in(document.body):
        case Expect.PDF:
            found = pdf_text(document.body)
            return DocumentText(pages=found.pages, scans=found.scans)
        case Expect.HTML:
            from bot.sources.formats.html import readable_page  # noqa: PLC0415 - slow to import, and few readings need it

            content_type = document.headers.get("content-type", "")
            return DocumentText(
                text=readable_page(document.body, selector, content_type=content_type)[:LONGEST_DOCUMENT]
            )
        case None | Expect.JSON if _is_text_file(document):
            return DocumentText(text=_plain_text(document))
        case seen:
            raise Unreadable(f"{document.address} is {seen or 'of no known type'}, neither a PDF nor a web page")


def _is_text_file(document: Document) -> bool:
    return document.headers.get("content-type", "").lower().startswith("text/plain") and b"\0" not in document.body


def _plain_text(document: Document) -> str:
    """Return the words of a text file line by line. Raise Unreadable if it has none."""
    text = decoded(document.body, charset(document.headers["content-type"]))
    lines = (" ".join(line.split()) for line in rejoin_words(text).split("\n"))
    said = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\ufeff\n")[:LONGEST_DOCUMENT]
    if not said:
        raise Unreadable(f"{document.address} has no words")
    return said


def leads_on_to(document: Document) -> str:
    """Return the address that a page without content sends its readers to, or an empty string."""
    if b"refresh" not in document.body[:SIGNPOST_HEAD].lower() or Expect.seen_in(document.body) is not Expect.HTML:
        return ""
    from bot.sources.formats.html import refresh_target  # noqa: PLC0415 - slow to import, and few pages need it

    return refresh_target(document.body, document.headers.get("final-address", document.address))


def pages_without_text(pages: Sequence[str]) -> str:
    """Say which pages weren't read because they have no text, as scans have none.

    Return an empty string if every page has text.
    """
    without = [number for number, page in enumerate(pages, start=1) if not page.strip()]
    if not without:
        return ""
    if len(without) == len(pages):
        where = "its only page" if len(pages) == 1 else f"any of its {len(pages)} pages"
        return f"{SCANNED}: no text on {where}"
    named = ", ".join(map(str, without[:10])) + (" …" if len(without) > 10 else "")
    return f"{SCANNED}: no text on {len(without)} of its {counted(len(pages), 'page')} ({named})"
