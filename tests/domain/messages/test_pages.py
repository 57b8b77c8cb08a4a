"""Digests cut into pages, and text from elsewhere made legible."""

import pytest

from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.messages.paginate import pages
from bot.domain.text.rich_text import Span, legible, plain_text


def item(text: str, number: int, *more: str) -> Item:
    return Item(lines=tuple((Span(line),) for line in (text, *more)), covers=(number,))


def digest(*sections: tuple[str, list[Item]], title: str = "News", footer: str = "") -> Digest:
    return Digest(
        upto=9,
        title=(Span(title),),
        sections=tuple(Section(heading=(Span(name),), items=tuple(items)) for name, items in sections),
        footer=((Span(footer),),) if footer else (),
    )


def cut(of: Digest, limit: int) -> list[str]:
    return [plain_text(page.lines) for page in pages(of, lambda lines: len(plain_text(lines)) <= limit)]


def test_a_digest_that_fits_is_one_page_without_a_number() -> None:
    shown = digest(("Florida", [item("Bay", 1), item("Clay", 2)]), ("Texas", [item("Dallam", 3)]), footer="Foot")

    assert cut(shown, 100) == ["News\n\nFlorida\nBay\nClay\n\nTexas\nDallam\n\nFoot"]


def test_items_of_several_lines_have_space_between_them() -> None:
    assert cut(digest(("Florida", [item("Bay", 1, "since May"), item("Clay", 2)])), 100) == [
        "News\n\nFlorida\nBay\nsince May\n\nClay"
    ]


def test_a_page_is_cut_between_items_and_a_state_that_goes_on_repeats_its_heading() -> None:
    shown = digest(
        ("Florida", [item("Bay " + "x" * 20, 1), item("Clay " + "x" * 20, 2)]), ("Texas", [item("Dallam", 3)])
    )

    assert cut(shown, 67) == [
        f"News (1/2)\n\nFlorida\nBay {'x' * 20}",
        f"News (2/2)\n\nFlorida …\nClay {'x' * 20}\n\nTexas\nDallam",
    ]


def test_an_item_too_long_for_a_page_is_cut_between_words_and_counts_where_it_ends() -> None:
    shown = digest(("Florida", [item("Bay", 1), item("one two three four five six seven eight", 2), item("Clay", 3)]))
    result = pages(shown, lambda lines: len(plain_text(lines)) <= 45)

    assert [(plain_text(page.lines), page.covers) for page in result] == [
        ("News (1/4)\n\nFlorida\nBay", (1,)),
        ("News (2/4)\n\nFlorida …\none two three ", ()),
        ("News (3/4)\n\nFlorida …\nfour five six ", ()),
        ("News (4/4)\n\nFlorida …\nseven eight\nClay", (2, 3)),
    ]


def test_pages_that_can_hold_nothing_still_end() -> None:
    result = pages(digest(("Florida", [item("one two", 1)])), lambda _: False)

    assert " ".join(plain_text(page.lines) for page in result).count("one") == 1
    assert [seq for page in result for seq in page.covers] == [1]


def test_a_section_without_items_is_not_shown() -> None:
    assert cut(digest(("Florida", []), ("Texas", [item("Dallam", 1)])), 100) == ["News\n\nTexas\nDallam"]


def test_an_item_without_text_counts_as_told() -> None:
    [page] = pages(digest(("Florida", [item(" \u200b", 1), item("Bay", 2)])), lambda _: True)

    assert plain_text(page.lines) == "News\n\nFlorida\nBay"
    assert page.covers == (1, 2)


def test_a_message_is_never_empty() -> None:
    assert cut(digest(title="\u202e"), 100) == ["Countersign"]


def test_a_long_title_is_cut_and_still_numbered() -> None:
    first, *_ = cut(digest(("Florida", [item("x " * 200, 1)]), title="Long " * 100), 400)

    assert first.startswith("Long " * 39 + "Long… (1/")


def test_a_link_stays_a_link_when_its_item_is_cut() -> None:
    line = (Span("See "), Span("the long text of a link", "https://x.example/", strong=True), Span("."))
    shown = Digest(upto=1, title=(Span("N"),), sections=(Section(heading=(), items=(Item(lines=(line,)),)),))
    result = pages(shown, lambda lines: len(plain_text(lines)) <= 30)

    linked = [span for page in result for line in page.lines for span in line if span.href]
    assert len(result) > 1
    assert "".join(span.text for span in linked) == "the long text of a link"
    assert {(span.href, span.strong) for span in linked} == {("https://x.example/", True)}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bay County Sheriff’s Office", "Bay County Sheriff’s Office"),
        ("a\r\n\tb\u00a0\u2028c   d", "a b c d"),
        ("\u202egnp.exe\u202c \u2066x\u2069", "gnp.exe x"),
        ("ze\u200bro\ufeff wi\u00addth\u2060", "zero width"),
        ("nul\x00 esc\x1b[31m del\x7f c1\x85x", "nul esc[31m del c1 x"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("not \uffff a character", "not \ufffd a character"),
        ("fill\u3164er \u2800blank", "filler blank"),
        ("🙂 naïve Ñandú é", "🙂 naïve Ñandú é"),
        (" kept at the ends ", " kept at the ends "),
        ("w" * 250, " ".join(["w" * 120, "w" * 120, "w" * 10])),
        ("w" * 120, "w" * 120),
        ("", ""),
    ],
)
def test_text_from_elsewhere_is_made_legible(text: str, shown: str) -> None:
    assert legible(text) == shown
    assert legible(shown) == shown


@pytest.mark.parametrize(
    ("href", "kept"),
    [
        ("https://www.ice.gov/doclib/moa.pdf", "https://www.ice.gov/doclib/moa.pdf"),
        (" https://www.ice.gov/a b.pdf ", "https://www.ice.gov/a%20b.pdf"),
        ("https://x.example/a%20b?q=1&r=2#s", "https://x.example/a%20b?q=1&r=2#s"),
        ('https://x.example/"><b>|', "https://x.example/%22%3E%3Cb%3E%7C"),
        ("https://x.example/é\ud83d", "https://x.example/%C3%A9?"),
        ("HTTP://X.example/", "http://X.example/"),
        ("mailto:clerk@x.example", "mailto:clerk@x.example"),
        ("https://[2001:db8::1]:8080/x", "https://[2001:db8::1]:8080/x"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("tg://resolve?domain=x", None),
        ("//x.example/", None),
        ("x.example", None),
        ("https://", None),
        ("https:/x.example", None),
        ("http://[", None),
        ("mailto:nobody", None),
        ("https://ice.gov@evil.example/", None),
        ("https://exämple.gov/", None),
        ("https://x.example/" + "y" * 2_000, None),
        ("", None),
        (None, None),
    ],
)
def test_only_links_that_are_safe_to_follow_keep_their_address(href: str | None, kept: str | None) -> None:
    shown = Digest(upto=1, title=(Span("N"),), sections=(), footer=((Span("text", href),),))
    [page] = pages(shown, lambda _: True)

    assert page.lines[-1] == (Span("text", kept),)
