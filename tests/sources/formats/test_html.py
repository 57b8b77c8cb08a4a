import pytest
from support.cpu_budget import cpu_budget
from support.places import PAGES, needs_pages

from bot.errors import Unreadable
from bot.sources.formats.html import readable_html
from bot.sources.formats.limits import WEB_PAGE


def html(text: str, selector: str | None = None) -> str:
    return readable_html(text.encode(), selector)


def test_scripts_styles_comments_navigation_and_the_footer_are_left_out():
    page = """<html><head><title>T</title><style>p {}</style></head><body><nav>Home</nav><div role="navigation">Menu</div>
    <!-- hidden --><script>var x = "287(g)"</script><noscript>Turn it on</noscript><p>Agenda</p>
    <form><input type="hidden" value="287(g)"><button>Go</button><select><option>All</select></form><footer>Foot</footer></body></html>"""
    assert html(page) == "Agenda"


def test_blocks_are_separated_and_text_inside_a_block_is_not():
    assert (
        html("<div>One<ul><li>Two <b>and</b>\n a half</li><li>Three</ul>four</div>")
        == "One\n\nTwo and a half\n\nThree\n\nfour"
    )


def test_the_cells_of_a_row_are_on_one_line():
    assert (
        html("<table><tr><td>5.</td><td>287(g)</td></tr><tr><td>6.</td><td>Ice</td></tr></table>")
        == "5. 287(g)\n\n6. Ice"
    )


def test_a_br_breaks_the_line_and_entities_become_characters():
    assert html("<p>287<br>(g)&nbsp;&amp; more</p>") == "287\n(g) & more"


def test_preformatted_text_keeps_its_lines():
    assert html("<pre>1. Call\n2. Adjourn</pre>") == "1. Call\n2. Adjourn"


def test_words_split_by_tags_are_joined():
    assert html("<p>2<span>87</span>(<i>g</i>)</p>") == "287(g)"


def test_tokens_that_change_make_no_difference():
    page = '<head><script src="/a.js?nocache={0}"></script><meta name="csrf" content="{0}"></head><form><input type="hidden" name="__VIEWSTATE" value="{0}"></form><!-- built {0} --><p id="p{0}" class="c{0}">Agenda <a href="/x?t={0}">packet</a> <img src="/i?{0}" alt=""></p>'
    assert html(page.format("9e3f25")) == html(page.format("74ff70")) == "Agenda packet"


def test_a_selector_picks_the_parts_that_count_each_once():
    page = "<main><div class=item>A<div class=item>B</div></div><div class=item>C</div></main><aside>D</aside>"
    assert html(page, "main .item") == "A\n\nB\n\nC"
    assert html("<nav><p>Agendas</p></nav>", "nav") == "Agendas"


def test_a_selector_that_matches_nothing_is_an_error():
    with pytest.raises(Unreadable, match="nothing on the page matches the selector '#agenda'"):
        html("<p>We have moved</p>", "#agenda")


def test_an_invalid_selector_is_an_error():
    with pytest.raises(Unreadable, match="is not a CSS selector"):
        html("<p>x</p>", "p[")


@pytest.mark.parametrize(
    "body",
    ["<meta charset=iso-8859-1><p>Concejo de Inmigración".encode("latin-1"), "<p>Concejo de Inmigración".encode(),
     "\ufeff<p>Concejo de Inmigración".encode(), "<p>Concejo de Inmigración".encode("cp1252"), "<p>Concejo de Inmigración".encode("utf-16"),
     "<meta charset=nonsense><p>Concejo de Inmigración".encode(), '<?xml version="1.0" encoding="utf-8"?><p>Concejo de Inmigración</p>'.encode(),
     "<p>Con\0cejo de Inmigración".encode()],
)  # fmt: skip
def test_text_is_read_in_its_own_encoding(body):
    assert readable_html(body) == "Concejo de Inmigración"


@pytest.mark.parametrize("body", [b"", b"   ", b"<html></html>", b"<!-- only a comment", b"<script>only()"])
def test_a_page_without_text_gives_an_empty_string(body):
    assert readable_html(body) == ""


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
@pytest.mark.slow
def test_a_hostile_page_does_not_take_quadratic_time(body):
    with cpu_budget(60):  # it takes about three seconds
        assert isinstance(readable_html(body + b"x"), str)


@pytest.mark.parametrize("body", [b"<p>" * (WEB_PAGE["tags"] + 1), b"x" * (WEB_PAGE["bytes"] + 1)])
def test_a_page_that_is_too_large_is_unreadable(body):
    with pytest.raises(Unreadable, match="too large"):
        readable_html(body)


@needs_pages
def test_the_real_pages_give_what_a_reader_sees():
    fine = readable_html((PAGES / "fine-ny-town-board-2026.html").read_bytes())
    assert "February 11, 2026: February Regular Town Board Meeting" in fine.split("\n\n")
    assert "CCM_" not in fine
    nash = readable_html((PAGES / "nash-county-nc-search-1-day.html").read_bytes(), "tr.catAgendaRow")
    assert nash.startswith("May 5, 2020")
    assert "Recessed Meeting/Budget Work Session Agenda" in nash
