from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.document import Document
from bot.errors import Unreadable
from bot.sources.formats.fields import (
    clean_text,
    clock_in,
    day_in,
    fingerprint,
    is_web_address,
    meeting_time,
    moment,
    place_on_site,
    resolve_link,
    rows,
    text,
    wall_time,
)
from bot.sources.formats.limits import LONGEST_TEXT

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<p>Section&nbsp;<b>287</b>(g)</p><p>next</p>", "Section 287(g) next"),
        ("a < b and c > d", "a < b and c > d"),
        ("<script>if (a<b) x()</script>Text<!-- hidden --><style>p{}</style>", "Text"),
        ("287\u00ad(g)\u200b\x00", "287(g)"),
        ("<p", "<p"),
        ("  two\r\n lines ", "two lines"),
    ],
)
def test_html_is_read_as_a_person_would(written, read):
    assert clean_text(written) == read


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (" /a.pdf ", "https://county.example/a.pdf"),
        ("//other.example/a", "https://other.example/a"),
        ("HTTP://other.example", "HTTP://other.example"),
        ("http://[insert link]", ""),
        ("javascript:void(0)", ""),
        ("mailto:clerk@county.example", ""),
    ],
)
def test_a_link_resolves_to_a_web_address_or_nothing(said, meant):
    assert resolve_link("https://county.example/agendas/", said) == meant
    assert not meant or is_web_address(meant)


def answered(body: bytes) -> Document:
    address = "https://county.example/events"
    return Document(
        address=address, name="", body=body, sha256="", headers={}, fetched_at=datetime(2026, 11, 24, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"287(g) \ud83d\ude00", "287(g) \U0001f600"),
        (rb"287(g) \ud83d", "287(g) \ufffd"),
        (rb"\uDE00 287(g) \ud83d\ude00 \ud83d", "\ufffd 287(g) \U0001f600 \ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
    ],
)
def test_a_title_cut_inside_a_character_is_read(written, read):
    assert rows(answered(b'[{"EventItemTitle": "' + written + b'"}]')) == [{"EventItemTitle": read}]


@pytest.mark.parametrize("body", [b"[1, 2]", b"[null]", b'["x"]', b"{}", b"null", b'[{"a": "\\ud83d"', b'"\\ud83d"'])
def test_json_without_objects_is_not_an_empty_calendar(body):
    with pytest.raises(Unreadable, match="expected"):
        rows(answered(body))
    assert rows(answered(b"[]")) == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"Caf\xe9 287(g)", "Caf\xe9 287(g)"),
        (b"Parade \xed\xa0\xbd", "Parade \xed\xa0\xbd"),
        (b"Parade\n287(g)\x0b", "Parade 287(g) "),
        (b"Caf\xc3\xa9\x00", "Caf\xe9 "),
    ],
)
def test_one_bad_byte_hides_no_other_title(written, read):
    body = b'[{"EventItemTitle": "' + written + b'"}, {"EventItemTitle": "287(g)"}]'
    assert rows(answered(body)) == [{"EventItemTitle": read}, {"EventItemTitle": "287(g)"}]


def test_a_list_of_other_objects_is_not_the_platforms():
    with pytest.raises(Unreadable, match="it says “Please log in”"):
        rows(answered(b'[{"message": "Please log in"}]'), of="Event")
    assert rows(answered(b'[{"EventTime": 1}, {"x": 1}]'), of="Event") == [{"EventTime": 1}, {"x": 1}]
    assert rows(answered(b"[]"), of="Event") == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("&#55357;&#56832; 287(g)", "\U0001f600 287(g)"),
        ("&#xD83D; 287(g)", "\ufffd 287(g)"),
        ("\ud83d 287(g)", "\ufffd 287(g)"),
        ("Sheriff&#146;s &#8217; &#38;amp;", "Sheriff’s ’ &amp;"),
        ("&#38;&#55357;lt;", "&\ufffdlt;"),
    ],
)
def test_half_a_letter_is_replaced(written, read):
    assert clean_text(written) == read


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://nash.example/news?id=1", "https://www.nash-county.gov/news?id=1"),
        ("https://nash.example/news?id=1&PHPSESSID=f6a0", "https://nash.example/news?id=1"),
        ("https://nash.example/news;jsessionid=0A1B?id=1", "https://nash.example/news?sid=0123456789abcdef01&id=1"),
    ],
)
def test_the_same_page_has_the_same_place_on_its_site(one, other):
    assert place_on_site(one) == place_on_site(other) == "/news?id=1"


def test_the_number_of_a_story_is_no_session():
    assert place_on_site("https://nash.example/modules.php?name=News&sid=123") == "/modules.php?name=News&sid=123"


@given(st.text())
def test_text_of_any_kind_is_read(written):
    assert len(clean_text(written)) <= LONGEST_TEXT


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()))
def test_a_field_of_any_kind_is_read(value):
    assert isinstance(text({"a": value}, "a"), str)
    for found in (moment(value, NEW_YORK), wall_time(value, NEW_YORK)):
        assert found is None or found.tzinfo is NEW_YORK
    meeting_time(value, value, NEW_YORK)


def test_a_time_without_a_zone_is_in_the_zone_of_the_place():
    assert moment("2026-12-01T18:30:00", NEW_YORK).astimezone(UTC) == datetime(2026, 12, 1, 23, 30, tzinfo=UTC)
    assert moment("2026-12-01T23:30:00Z", NEW_YORK) == moment("2026-12-01T18:30:00", NEW_YORK)
    assert wall_time("2026-12-01T18:30:00Z", NEW_YORK) == wall_time("2026-12-01T18:30:00+02:00", NEW_YORK)


def test_an_absurd_year_gives_no_time():
    assert moment("0001-01-01T00:00:00", NEW_YORK) is moment("9999-12-31T23:59:59", NEW_YORK) is None


@pytest.mark.parametrize(
    ("words", "clock"),
    [
        ("6:30 PM", time(18, 30)),
        ("at 7 p.m.", time(19)),
        ("12:00 AM", None),
        ("12:30 AM", time(0, 30)),
        ("12 pm", time(12)),
        ("13:00 PM", None),
        ("Noon", time(12)),
        ("12:00 noon", time(12)),
        ("12:00 N.", time(12)),
        ("12:00 m.", time(12)),
        ("Mediodía", time(12)),
        ("12 N Main Street", None),
        ("12 Noon, or 6:30 PM if there is no quorum", time(12)),
        ("6:30 PM; doors open at noon", time(18, 30)),
        ("mediodía", time(12)),
        ("afternoon", None),
        ("forenoon session", None),
        ("Item 5 amended", None),
    ],
)
def test_a_time_of_day_is_read(words, clock):
    assert clock_in(words) == clock


def test_daylight_saving_time_follows_the_place():
    summer = meeting_time("2026-07-01T00:00:00", "6:30 PM", NEW_YORK)
    winter = meeting_time("2026-12-01T00:00:00", "6:30 PM", NEW_YORK)
    assert summer.utcoffset() - winter.utcoffset() == timedelta(hours=1)


def test_a_numeric_date_starts_with_the_month():
    assert day_in("of 3/4/2026") == date(2026, 3, 4)
    assert day_in("Feb 30, 2026") is None


@pytest.mark.parametrize(
    ("words", "day"),
    [("Board of Commissioners 12/1/26", date(2026, 12, 1)), ("12/01/26 6:30 PM", date(2026, 12, 1)),
     ("12/1/2026", date(2026, 12, 1)), ("24/7/26", None), ("open 24/7", None), ("case 12-01-26", None),
     ("1/2/26/3", None), ("FY 25/26", None)],
)  # fmt: skip
def test_a_year_may_have_two_digits_between_slashes(words, day):
    assert day_in(words) == day


def test_a_fingerprint_stays_what_stored_facts_hold():
    assert fingerprint("287(g)", date(2026, 12, 1), None, {"a": [1, "2"]}) == "0934a6a76470acd7"
    assert fingerprint("a", "b") != fingerprint("ab", "") != fingerprint("b", "a")
