import io
import json
import os
import time
import zlib

import pypdf
import pytest
from support.archive import ARCHIVE

from bot.domain.agendas.detect import find
from bot.errors import Unreadable
from bot.sources.formats import html as formats
from bot.sources.formats.html import MOST, pdf_pages, readable_html

PAGES = ARCHIVE.parent / "local-pages"
needs_pages = pytest.mark.skipif(
    not PAGES.exists() and not os.environ.get("CI"),
    reason="the real pages are not beside this repository (../shared/local-pages)",
)


# ── PDF files, written by hand ───────────────────────────────────────────────────────────────────────────────────────


def pdf(*contents: bytes, kids: str = "", packed: bool = False, count: int | None = None) -> bytes:
    """A PDF with a page for each content stream."""
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


ENDLESS = b"BT (x) Tj ET " + b"q Q " * 10_000_000  # 40 kB when packed


def narrow(monkeypatch, **bounds: int) -> None:
    for name, most in bounds.items():
        monkeypatch.setitem(MOST, name.replace("_", " "), most)


def test_each_page_is_read_by_itself():
    assert pdf_pages(pdf(lines("Call to Order"), lines("Adjournment"))) == ("Call to Order", "Adjournment")


@pytest.mark.parametrize("broken", [("287-", "(g) program"), ("287", "(g) program"), ("Section 287 (g)", "program")])
def test_the_words_are_found_across_the_lines_of_a_page(broken):
    (page,) = pdf_pages(pdf(lines("Sheriff: approve the", *broken)))
    assert find(page)[0].matched.startswith("287")


def test_a_word_divided_at_the_end_of_a_line_is_whole():
    assert pdf_pages(pdf(lines("Immi-", "gration and Cus-", "toms"))) == ("Immigration and Customs",)


def test_a_page_without_text_is_empty_and_keeps_its_place():
    assert pdf_pages(pdf(lines("One"), b"0 0 m 100 100 l S", lines("Three"))) == ("One", "", "Three")


def test_a_page_that_breaks_its_reader_does_not_hide_the_others():
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
    ids=["nothing", "a web page", "a header", "noise", "cut off", "a page tree that holds itself", "no pages", "nested arrays"],
)  # fmt: skip
def test_what_is_no_whole_pdf_is_unreadable_in_a_sentence(body):
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


def test_a_pdf_that_never_ends_is_stopped_by_the_clock(monkeypatch):
    narrow(monkeypatch, seconds=1)
    start = time.monotonic()
    with pytest.raises(Unreadable, match=r"takes (too long|longer)"):
        pdf_pages(pdf(ENDLESS, packed=True))
    assert time.monotonic() - start < 15


@pytest.mark.slow
def test_a_pdf_that_grows_is_stopped_before_memory_ends(monkeypatch):
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


def test_the_limits_reach_the_program_beside_us(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        formats.subprocess,
        "run",
        lambda command, **rest: seen.update(command=command) or type("Done", (), {"stdout": b'{"pages": []}'}),
    )
    assert pdf_pages(b"%PDF-") == ()
    assert json.loads(seen["command"][-1]) == MOST


# ── web pages ────────────────────────────────────────────────────────────────────────────────────────────────────────


def html(text: str, selector: str | None = None) -> str:
    return readable_html(text.encode(), selector)


def test_scripts_styles_comments_navigation_and_the_foot_are_left_out():
    page = """<html><head><title>T</title><style>p {}</style></head><body><nav>Home</nav><div role="navigation">Menu</div>
    <!-- hidden --><script>var x = "287(g)"</script><noscript>Turn it on</noscript><p>Agenda</p>
    <form><input type="hidden" value="287(g)"><button>Go</button><select><option>All</select></form><footer>Foot</footer></body></html>"""
    assert html(page) == "Agenda"


def test_blocks_stand_apart_and_words_within_a_block_stay_together():
    assert (
        html("<div>One<ul><li>Two <b>and</b>\n a half</li><li>Three</ul>four</div>")
        == "One\n\nTwo and a half\n\nThree\n\nfour"
    )


def test_cells_of_a_row_stand_in_one_line():
    assert (
        html("<table><tr><td>5.</td><td>287(g)</td></tr><tr><td>6.</td><td>Ice</td></tr></table>")
        == "5. 287(g)\n\n6. Ice"
    )


def test_a_broken_line_is_a_line_and_entities_are_letters():
    assert html("<p>287<br>(g)&nbsp;&amp; more</p>") == "287\n(g) & more"


def test_lines_of_preformatted_text_stay():
    assert html("<pre>1. Call\n2. Adjourn</pre>") == "1. Call\n2. Adjourn"


def test_words_split_by_tags_are_whole():
    assert html("<p>2<span>87</span>(<i>g</i>)</p>") == "287(g)"


def test_changing_tokens_change_nothing():
    page = '<head><script src="/a.js?nocache={0}"></script><meta name="csrf" content="{0}"></head><form><input type="hidden" name="__VIEWSTATE" value="{0}"></form><!-- built {0} --><p id="p{0}" class="c{0}">Agenda <a href="/x?t={0}">packet</a> <img src="/i?{0}" alt=""></p>'
    assert html(page.format("9e3f25")) == html(page.format("74ff70")) == "Agenda packet"


def test_a_selector_names_the_parts_that_count_and_no_part_twice():
    page = "<main><div class=item>A<div class=item>B</div></div><div class=item>C</div></main><aside>D</aside>"
    assert html(page, "main .item") == "A\n\nB\n\nC"
    assert html("<nav><p>Agendas</p></nav>", "nav") == "Agendas"


def test_a_selector_that_names_nothing_is_told_not_silent():
    with pytest.raises(Unreadable, match="nothing on the page is named by the selector '#agenda'"):
        html("<p>We have moved</p>", "#agenda")


def test_what_is_no_selector_is_told():
    with pytest.raises(Unreadable, match="no CSS selector"):
        html("<p>x</p>", "p[")


@pytest.mark.parametrize(
    "body",
    ["<meta charset=iso-8859-1><p>Concejo de Inmigración".encode("latin-1"), "<p>Concejo de Inmigración".encode(),
     "\ufeff<p>Concejo de Inmigración".encode(), "<p>Concejo de Inmigración".encode("cp1252"), "<p>Concejo de Inmigración".encode("utf-16"),
     "<meta charset=nonsense><p>Concejo de Inmigración".encode(), '<?xml version="1.0" encoding="utf-8"?><p>Concejo de Inmigración</p>'.encode(),
     "<p>Con\0cejo de Inmigración".encode()],
)  # fmt: skip
def test_letters_are_read_in_the_encoding_that_they_are_in(body):
    assert readable_html(body, None) == "Concejo de Inmigración"


@pytest.mark.parametrize("body", [b"", b"   ", b"<html></html>", b"<!-- only a comment", b"<script>only()"])
def test_a_page_that_says_nothing_is_empty(body):
    assert readable_html(body, None) == ""


@pytest.mark.parametrize(
    "body",
    [
        b"<div>" * 150_000,
        b"<b><p>" * 90_000,
        b"<table><td>" * 90_000,
        b"</p>" * 150_000,
        b"&#x" * 1_000_000,
        b"<!--" * 150_000,
    ],
)
def test_a_hostile_page_is_read_or_refused_in_seconds(body):
    start = time.process_time()
    readable_html(body + b"x", None)
    assert time.process_time() - start < 10


@pytest.mark.parametrize("body", [b"<p>" * (MOST["tags"] + 1), b"x" * (MOST["bytes of a web page"] + 1)])
def test_a_page_that_is_too_large_is_unreadable(body):
    with pytest.raises(Unreadable, match="too large"):
        readable_html(body, None)


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


@needs_pages
def test_the_real_pages_say_what_a_reader_sees():
    fine = readable_html((PAGES / "fine-ny-town-board-2026.html").read_bytes(), None)
    assert "February 11, 2026: February Regular Town Board Meeting" in fine.split("\n\n")
    assert "CCM_" not in fine
    nash = readable_html((PAGES / "nash-county-nc-search-1-day.html").read_bytes(), "tr.catAgendaRow")
    assert nash.startswith("May 5, 2020")
    assert "Recessed Meeting/Budget Work Session Agenda" in nash
