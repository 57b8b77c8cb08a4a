import pytest
from support.loopback.local import page, pdf
from support.places import TUESDAY

from bot.domain.document import Document, digest
from bot.errors import Unreadable
from bot.sources.formats.document_text import document_text, pages_without_text
from bot.sources.formats.limits import LONGEST_DOCUMENT


def fetched(body: bytes) -> Document:
    return Document(
        address="https://nash.example/agenda", name="", body=body, sha256=digest(body), headers={}, fetched_at=TUESDAY
    )


def test_a_pdf_has_pages_and_a_web_page_has_text():
    assert document_text(fetched(pdf("One", "Two"))) == (("One", "Two"), "")
    assert document_text(fetched(page("<p>One</p><main>Two</main>"))) == ((), "One\n\nTwo")
    assert document_text(fetched(page("<p>One</p><main>Two</main>")), "main") == ((), "Two")


def test_the_text_of_a_web_page_is_cut_off():
    pages, text = document_text(fetched(page(f"<p>{'x' * (LONGEST_DOCUMENT + 1)}</p>")))
    assert (pages, len(text)) == ((), LONGEST_DOCUMENT)


@pytest.mark.parametrize(
    ("body", "kind"), [(b'{"a": 1}', "JSON"), (b"PK\x03\x04", "a workbook"), (b"\x89PNG", "of no known type")]
)
def test_anything_else_is_refused_and_named(body, kind):
    with pytest.raises(Unreadable, match=f"is {kind}, neither a PDF nor a web page"):
        document_text(fetched(body))


def test_pages_without_text_are_listed():
    assert pages_without_text(()) == pages_without_text(("a", "b")) == ""
    assert pages_without_text(("",)) == "scanned, not read: no text on its only page"
    assert pages_without_text(("", " \n")) == "scanned, not read: no text on any of its 2 pages"
    listed = "scanned, not read: no text on 13 of its 14 pages (2, 3, 4, 5, 6, 7, 8, 9, 10, 11 …)"
    assert pages_without_text(("a", "", *[""] * 12)) == listed
