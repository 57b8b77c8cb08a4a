"""Extract the readable text from PDFs and web pages."""

from collections.abc import Sequence

from bot.domain.document import Document, Expect
from bot.domain.letters import counted
from bot.errors import Unreadable
from bot.sources.formats.limits import LONGEST_DOCUMENT
from bot.sources.formats.pdf import pdf_pages

SIGNPOST_HEAD = 8 << 10  # bytes in which a page says where it leads


def document_text(document: Document, selector: str | None = None) -> tuple[tuple[str, ...], str]:
    """Return the pages of a PDF and the text of a web page, one of which is always empty.

    On a web page, `selector` limits the text to the matching parts. Call this function from a thread, because reading a
    PDF can take a minute. Raise Unreadable if the document is neither a PDF nor a web page. Raise StandIn if the server
    sent another page in place of the one we asked for.
    """
    match Expect.seen_in(document.body):
        case Expect.PDF:
            return pdf_pages(document.body), ""
        case Expect.HTML:
            from bot.sources.formats.html import readable_page  # noqa: PLC0415 - slow to import, and few readings need it

            content_type = document.headers.get("content-type", "")
            return (), readable_page(document.body, selector, content_type=content_type)[:LONGEST_DOCUMENT]
        case seen:
            raise Unreadable(f"{document.address} is {seen or 'of no known type'}, neither a PDF nor a web page")


def leads_on_to(document: Document) -> str:
    """Return the address that a page without content sends its readers to, or an empty string."""
    if b"refresh" not in document.body[:SIGNPOST_HEAD].lower() or Expect.seen_in(document.body) is not Expect.HTML:
        return ""
    from bot.sources.formats.html import refresh_target  # noqa: PLC0415 - slow to import, and few pages need it

    return refresh_target(document.body, document.headers.get("final-address", document.address))


def pages_without_text(pages: Sequence[str]) -> str:
    """Describe which pages have no text, perhaps because they are scans.

    Return an empty string if every page has text.
    """
    without = [number for number, page in enumerate(pages, start=1) if not page.strip()]
    if not without:
        return ""
    if len(without) == len(pages):
        where = "its only page" if len(pages) == 1 else f"any of its {len(pages)} pages"
        return f"no text on {where}; it may be a scan"
    named = ", ".join(map(str, without[:10])) + (" …" if len(without) > 10 else "")
    return f"no text on {len(without)} of its {counted(len(pages), 'page')} ({named})"
