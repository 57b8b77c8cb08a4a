import io
import zlib

import pypdf
import pytest
from support.places import PAGES, needs_pages

from bot.domain.agendas.detect import find_passages
from bot.errors import Unreadable
from bot.sources.formats.limits import PDF
from bot.sources.formats.pdf import pdf_pages

# ── PDF files written by hand ────────────────────────────────────────────────────────────────────────────────────────


def pdf(*contents: bytes, kids: str = "", packed: bool = False, count: int | None = None) -> bytes:
    """Return a PDF with one page for each content stream."""
    numbers = [4 + 2 * index for index in range(len(contents))]
    kids = kids or " ".join(f"{number} 0 R" for number in numbers)
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {len(contents) if count is None else count} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    }
    for number, content in zip(numbers, contents, strict=True):
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents {number + 1} 0 R >>"
        objects[number] = page.encode()
        coded = zlib.compress(content, 9) if packed else content
        filtered = b" /Filter /FlateDecode" if packed else b""
        objects[number + 1] = b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(coded), filtered, coded)
    return with_table(objects)


def with_table(objects: dict[int, bytes]) -> bytes:
    out, places = io.BytesIO(), {}
    out.write(b"%PDF-1.4\n")
    for number, text in objects.items():
        places[number] = out.tell()
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, text))
    start, size = out.tell(), max(objects) + 1
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
    out.writelines(b"%010d 00000 n \n" % places.get(number, 0) for number in range(1, size))
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, start))
    return out.getvalue()


def lines(*texts: str) -> bytes:
    shown = b" ".join(b"(%s) ' " % text.replace("(", r"\(").replace(")", r"\)").encode("latin-1") for text in texts)
    return b"BT /F1 12 Tf 14 TL 72 720 Td " + shown + b"ET"


def encrypted(body: bytes, *, user: str, owner: str) -> bytes:
    writer, out = pypdf.PdfWriter(clone_from=io.BytesIO(body)), io.BytesIO()
    writer.encrypt(user, owner, algorithm="AES-256")
    writer.write(out)
    return out.getvalue()


ENDLESS = b"BT (x) Tj ET " + b"q Q " * 10_000_000  # 40 kB compressed


def narrow(monkeypatch, **bounds: int) -> None:
    for name, most in bounds.items():
        monkeypatch.setitem(PDF, name.replace("_", " "), most)


def test_each_page_is_read_separately():
    assert pdf_pages(pdf(lines("Call to Order"), lines("Adjournment"))) == ("Call to Order", "Adjournment")


@pytest.mark.parametrize("broken", [("287-", "(g) program"), ("287", "(g) program"), ("Section 287 (g)", "program")])
def test_words_are_found_across_line_breaks(broken):
    (page,) = pdf_pages(pdf(lines("Sheriff: approve the", *broken)))
    assert find_passages(page)[0].matched.startswith("287")


def test_a_word_broken_at_the_end_of_a_line_is_rejoined():
    assert pdf_pages(pdf(lines("Immi-", "gration and Cus-", "toms"))) == ("Immigration and Customs",)


def test_a_page_without_text_is_empty_and_keeps_its_number():
    assert pdf_pages(pdf(lines("One"), b"0 0 m 100 100 l S", lines("Three"))) == ("One", "", "Three")


def test_a_broken_page_does_not_hide_the_others():
    body = pdf(lines("One"), lines("Two")).replace(b"/Contents 5 0 R", b"/Contents [7 ]")
    assert pdf_pages(body)[1] == "Two"


def test_a_pdf_locked_with_a_password_is_unreadable():
    with pytest.raises(Unreadable, match="locked with a password"):
        pdf_pages(encrypted(pdf(lines("Secret")), user="open sesame", owner="o"))


def test_a_pdf_that_only_forbids_changes_is_read():
    assert pdf_pages(encrypted(pdf(lines("Agenda")), user="", owner="clerk")) == ("Agenda",)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Maintenance</html>", b"%PDF-1.7", b"%PDF-1.7\n" + bytes(range(256)) * 40, pdf(lines("x"))[:60], pdf(kids="2 0 R", count=1),
     pdf(kids=" ", count=5), b"%PDF-1.4\n1 0 obj\n" + b"[" * 100_000],
    ids=["nothing", "a web page", "a header", "noise", "cut off", "a page tree that contains itself", "no pages", "nested arrays"],
)  # fmt: skip
def test_a_broken_or_incomplete_pdf_is_refused_in_a_sentence(body):
    with pytest.raises(Unreadable, match=r"^(it|the PDF) [^\n]+$"):
        pdf_pages(body)


def test_a_pdf_with_too_many_pages_is_unreadable(monkeypatch):
    body = pdf(*[lines("x")] * 12)
    narrow(monkeypatch, pages=12)
    assert len(pdf_pages(body)) == 12
    narrow(monkeypatch, pages=11)
    with pytest.raises(Unreadable, match="more than 11 pages"):
        pdf_pages(body)


def test_a_pdf_that_is_too_large_is_unreadable(monkeypatch):
    narrow(monkeypatch, bytes=100)
    with pytest.raises(Unreadable, match="larger than"):
        pdf_pages(pdf(lines("x")))


def test_a_pdf_with_too_much_text_is_unreadable(monkeypatch):
    narrow(monkeypatch, characters=1_000)
    with pytest.raises(Unreadable, match="more than 1,000 characters"):
        pdf_pages(pdf(lines("x" * 600), lines("y" * 600)))


def test_an_endless_pdf_is_stopped(monkeypatch):
    narrow(monkeypatch, seconds=1)
    with pytest.raises(Unreadable, match=r"takes (too long|longer)"):
        pdf_pages(pdf(ENDLESS, packed=True))


@pytest.mark.slow
def test_a_pdf_that_needs_too_much_memory_is_stopped(monkeypatch):
    narrow(monkeypatch, bytes_of_memory=256 << 20)
    with pytest.raises(Unreadable, match="memory"):
        pdf_pages(pdf(ENDLESS, packed=True))


@pytest.mark.slow
def test_a_bomb_is_unreadable():
    with pytest.raises(Unreadable):
        pdf_pages(
            pdf(zlib.compress(bytes(200 << 20), 9), packed=False).replace(
                b"/Length", b"/Filter /FlateDecode /Length", 1
            )
        )


# ── the real thing ───────────────────────────────────────────────────────────────────────────────────────────────────


@needs_pages
def test_the_real_agenda_is_read():
    (page,) = pdf_pages((PAGES / "nash-county-nc-agenda.pdf").read_bytes())
    assert page.startswith("FY2020/2021 BUDGET WORKSHOP\nMay 5, 2020\n1. Call Recessed Meeting to Order")
    assert page.endswith("10. Adjournment")


@needs_pages
def test_the_real_minutes_have_two_pages_of_text():
    pages = pdf_pages((PAGES / "nash-county-nc-minutes.pdf").read_bytes())
    assert [len(page) > 1_000 for page in pages] == [True, True]
