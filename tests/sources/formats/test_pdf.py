import io
import json
import os
import signal
import subprocess
import sys
import unicodedata
import zlib
from pathlib import Path

import pypdf
import pytest
from support.pdfs import annotated, lines, nested, pdf
from support.places import PAGES, needs_pages
from support.waiting import wait_for

from bot.domain.agendas.detect import find_passages
from bot.errors import Unreadable
from bot.sources.formats.limits import PDF
from bot.sources.formats.pdf import pdf_pages


def encrypted(body: bytes, *, user: str, owner: str) -> bytes:
    writer, out = pypdf.PdfWriter(clone_from=io.BytesIO(body)), io.BytesIO()
    writer.encrypt(user, owner, algorithm="AES-256")
    writer.write(out)
    return out.getvalue()


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
        pdf_pages(nested(30))


@pytest.mark.slow
def test_a_pdf_that_needs_too_much_memory_is_stopped(monkeypatch):
    narrow(monkeypatch, bytes_of_memory=256 << 20)
    with pytest.raises(Unreadable, match="memory"):
        pdf_pages(nested(30))


def test_a_bomb_of_spaces_is_a_page_without_text():
    bomb = pdf(zlib.compress(zlib.compress(bytes(200 << 20), 9), 9)).replace(
        b"/Length", b"/Filter [/FlateDecode /FlateDecode] /Length", 1
    )
    assert pdf_pages(bomb) == ("",)


# ── text in odd places ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("annotation", [
    "<< /Type /Annot /Subtype /FreeText /Rect [72 500 300 540] /DA (/F1 12 Tf) /Contents (4. Agreement under Section 287\\(g\\)) >>",
    "<< /Type /Annot /Subtype /Text /Rect [72 500 90 518] /Contents (4. Agreement under Section 287\\(g\\)) >>",
    "<< /Type /Annot /Subtype /Widget /FT /Tx /T (item) /Rect [72 500 300 540] /V (4. Agreement under Section 287\\(g\\)) >>",
])  # fmt: skip
def test_the_words_of_form_fields_and_notes_are_read(annotation):
    assert pdf_pages(annotated(annotation)) == ("Agenda\n4. Agreement under Section 287(g)",)


def test_a_form_field_whose_value_is_its_parent_s_is_read():
    field = "<< /Type /Annot /Subtype /Widget /Parent 11 0 R /Rect [72 500 300 540] >>"
    parent = "<< /FT /Tx /T (item) /V (Section 287\\(g\\)) /Kids [10 0 R] >>"
    assert pdf_pages(annotated(field, parent, fields="11 0 R"))[0].endswith("Section 287(g)")


@pytest.mark.parametrize("annotation", [
    "<< /Type /Annot /Subtype /Text /F 2 /Rect [72 500 90 518] /Contents (hidden) >>",
    "<< /Type /Annot /Subtype /Link /Rect [72 500 90 518] /Contents (a link) >>",
    "<< /Type /Annot /Subtype /Text /Rect [72 500 90 518] /Contents (Agenda) >>",
    "<< /Type /Annot /Subtype /Text /Rect [72 500 90 518] >>", "null", "7", "<< >>", "<< /Subtype /Text /Contents 7 >>",
])  # fmt: skip
def test_what_nobody_sees_or_what_is_read_already_is_not_added(annotation):
    assert pdf_pages(annotated(annotation)) == ("Agenda",)


def test_a_rotated_page_is_read():
    body = pdf(lines("Section 287(g)")).replace(b"/MediaBox", b"/Rotate 90 /MediaBox")
    assert pdf_pages(body) == ("Section 287(g)",)


def test_columns_are_read_one_after_the_other():
    left = lines("Consider the", "agreement under", "Section 287(g)")
    right = lines("Public", "comment").replace(b"72 720", b"340 720")
    assert pdf_pages(pdf(left + b" " + right))[0].replace("\n", " ") == (
        "Consider the agreement under Section 287(g) Public comment"
    )


def test_ligatures_are_read_as_letters():
    body = annotated("null", "null", page=rb"BT /F1 12 Tf 72 720 Td (Sheri\256 \256le) Tj ET")
    body = body.replace(b"/BaseFont /Helvetica", b"/BaseFont /Helvetica /Encoding << /Differences [174 /fi] >>")
    assert "file" in unicodedata.normalize("NFKC", pdf_pages(body)[0])


@pytest.mark.parametrize("damage", [lambda body: body[:-14], lambda body: body.replace(b"0000", b"1111")])
def test_a_file_whose_table_of_contents_is_damaged_is_read(damage):
    body = pdf(*[lines(f"Page {number}") for number in range(1, 40)])
    assert pdf_pages(damage(body))[38] == "Page 39"


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


# Signals


READER = [sys.executable, "-P", "-m", "bot.sources.formats.pdf", json.dumps(PDF)]


def ignores(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.split("SigIgn:")[1].split()[0], 16) >> (number - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_the_process_that_reads_goes_on_when_a_service_manager_ends_every_process():
    with subprocess.Popen(READER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            wait_for(lambda number=number: ignores(reader.pid, number))
            reader.send_signal(number)
        said, _ = reader.communicate(pdf(lines("287(g) agreement")))
    assert "287(g) agreement" in json.loads(said)["pages"][0]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_the_process_that_reads_never_outlives_the_program():
    source, ours = os.pipe()  # while we hold one end, the reader waits for a document
    starts = f"import subprocess, time; print(subprocess.Popen({READER!r}).pid, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", starts], stdin=source, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        reader = int(program.stdout.readline())
        wait_for(lambda: ignores(reader, signal.SIGTERM))
        program.kill()
    wait_for(lambda: not Path(f"/proc/{reader}").exists() or "State:\tZ" in Path(f"/proc/{reader}/status").read_text())
    os.close(source)
    os.close(ours)
