"""The address in what people paste from mails, chats and pages."""

import pytest

from bot.domain.pasted_address import addresses_and_rest, pasted_address

PITT = "https://pitt.legistar.com/Calendar.aspx"


@pytest.mark.parametrize(
    "typed",
    [
        PITT,
        f"  {PITT}\n",
        f"<{PITT}>",
        f'"{PITT}"',
        f"“{PITT}”",
        f"({PITT})",
        f"{PITT}.",
        f"See {PITT}, please",
        f"[Agendas]({PITT})",
        f"[{PITT}]({PITT})",
        f"<{PITT}|pitt.legistar.com>",
        f"\ufeff{PITT}\u200b",
        f"view-source:{PITT}",
        "HTTPS://PITT.Legistar.com:443/Calendar.aspx",
        "https://pitt.legistar.com./Calendar.aspx",
        "pitt.legistar.com/Calendar.aspx",
        "//pitt.legistar.com/Calendar.aspx",
        "https:/pitt.legistar.com/Calendar.aspx",
        "https//pitt.legistar.com/Calendar.aspx",
        f"{PITT}?utm_source=news&fbclid=x",
        "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fpitt.legistar.com%2FCalendar.aspx&data=05",
        f"https://www.google.com/url?q={PITT}&sa=D",
        f"https://urldefense.com/v3/__{PITT}__;!!abc!x$",
        f"https://web.archive.org/web/20250101000000/{PITT}",
    ],
)
def test_an_address_is_taken_out_of_what_surrounds_it(typed):
    assert pasted_address(typed) == PITT


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("https://x.gov/a_(b)", "https://x.gov/a_(b)"),
        ("http://[::1]:80/x", "http://[::1]/x"),
        ("https://x.gov/?q=1&utm_id=2&r=https://y.gov", "https://x.gov/?q=1&r=https://y.gov"),
        ("https://evil.example/?u=https://pitt.legistar.com", "https://evil.example/?u=https://pitt.legistar.com"),
        ("https://x.gov/#/event/5", "https://x.gov/#/event/5"),
        ("www.pitt.gov:8443/x", "https://www.pitt.gov:8443/x"),
    ],
)
def test_what_belongs_to_an_address_stays(typed, address):
    assert pasted_address(typed) == address


@pytest.mark.parametrize(
    "typed",
    ["", "nash county", "https://nash .example/", "https://a.gov https://b.gov", "see https://u:p@a.gov/",
     "javascript:alert('https://a.gov')", "data:text/html,https://a.gov", "https:/agenda", "x:https://a.gov/\u202ey"],
)  # fmt: skip
def test_no_address_or_several_give_none(typed):
    assert pasted_address(typed) == ""


def test_wrappers_within_wrappers_have_an_end():
    assert pasted_address("https://www.google.com/url?q=" * 500 + PITT).startswith("https://www.google.com/")


@pytest.mark.parametrize(
    ("typed", "found", "rest"),
    [
        (f"{PITT} Pitt County NC", [PITT], "Pitt County NC"),
        (f"Pitt County NC: {PITT}", [PITT], "Pitt County NC"),
        ("pitt.legistar.com Pitt County NC", ["https://pitt.legistar.com"], "Pitt County NC"),
        ("St.Louis County, MO agendas.slc.gov/x", ["https://agendas.slc.gov/x"], "St.Louis County, MO"),
        (f"Pitt, NC <{PITT}|the county's agendas>", [PITT], "Pitt, NC"),
        ("https://a.gov and https://b.gov", ["https://a.gov", "https://b.gov"], "and"),
    ],
)
def test_the_words_around_an_address_are_kept(typed, found, rest):
    assert addresses_and_rest(typed) == (found, rest)
