"""Commands and options with the characters that phones and word processors type."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.change import TOLD_BY_DEFAULT, Kind
from bot.domain.chat import parser, words
from bot.domain.chat.characters import plain, plain_option
from bot.domain.chat.parser import Misunderstood, When, Where
from bot.domain.subscription import Cadence

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
SPACES = " \u00a0\u2002\u2009\u202f\u3000\t"


@pytest.mark.parametrize("dash", [*DASHES, "--", "- ", "\u2013 "])
@pytest.mark.parametrize("plus", ["+", "\uff0b", "+ "])
def test_kinds_are_switched_on_and_off_with_any_dash_and_plus(dash, plus):
    found = parser.kinds(f"{dash}applied {plus}amended", TOLD_BY_DEFAULT)
    assert set(found) == TOLD_BY_DEFAULT - {Kind.APPLIED} | {Kind.AMENDED}


def test_all_and_default_can_be_switched_off():
    assert set(parser.kinds("-default +related", TOLD_BY_DEFAULT)) == {Kind.RELATED}
    assert parser.kinds("\u2013all", TOLD_BY_DEFAULT) == ()


@pytest.mark.parametrize("space", [*SPACES, "\n", "\u200b ", " \u2060"])
def test_a_command_is_split_at_any_space(space):
    assert words.verb(f"\u200e/watch{space}TX{space}OK\u200f") == ("watch", "TX OK")


@pytest.mark.parametrize(
    ("typed", "verb"),
    [
        ("\uff0f\uff37\uff41\uff54\uff43\uff48 \uff34\uff38", ("watch", "TX")),
        ("\u201cwatch TX\u201d", ("watch", "TX")),
        ("\u2014help", ("help", "")),
        ("--help", ("help", "")),
        ("\ufeffstatus", ("status", "")),
    ],
)
def test_a_command_is_recognized_in_odd_letters_quotes_and_dashes(typed, verb):
    assert words.verb(typed) == verb


@pytest.mark.parametrize(
    "typed", ["Prince George\u2019s County MD", "Prince George\u02bcs\u00a0County, MD", "“Prince George's County” MD"]
)
def test_a_county_keeps_its_apostrophe_whichever_it_is(typed):
    assert parser.where(typed) == parser.where("Prince George's County MD")


@pytest.mark.parametrize(
    "typed", ["Miami\u2011Dade County FL", "Miami\u2013Dade County, FL", "Miami-\u200bDade County FL"]
)
def test_a_county_keeps_its_hyphen_whichever_it_is(typed):
    assert parser.where(typed) == Where(counties=parser.where("Miami-Dade County FL").counties)


def test_times_zones_and_dates_are_read_in_odd_characters():
    assert parser.when("weekly 8:00\u202fp.\u00a0m. \u2018America/Chicago\u2019") == When(
        Cadence.WEEKLY, time(20), "America/Chicago"
    )
    assert parser.clock("\uff11\uff17\uff1a\uff13\uff10") == time(17, 30)
    assert parser.until("until 2026\u201307\u201309", NOW, "UTC") == parser.until("until 2026-07-09", NOW, "UTC")


@pytest.mark.parametrize(
    "typed",
    [
        "GMT+1",
        "UTC-5",
        "UTC+5:30",
        "gmt \u2212 5",
        "UTC\u20135",
        "+02:00",
        "-0500",
        "UTC+14",
        "utc+01",
        "GMT\uff0b1",
        "Z-4",
    ],
)
def test_a_difference_from_utc_is_never_taken_for_a_zone_nor_answered_with_its_opposite(typed):
    with pytest.raises(Misunderstood) as fault:
        parser.zone(typed)
    assert fault.value.why == "offset"
    with pytest.raises(Misunderstood) as fault:
        parser.when(f"8:00 {typed}")
    assert fault.value.why == "offset"


@pytest.mark.parametrize("typed", ["UTC", "GMT+0", "UTC-0", "UTC+00:00", "+0"])
def test_no_difference_from_utc_is_utc(typed):
    assert parser.zone(typed) in {"UTC", "GMT"}


@pytest.mark.parametrize("typed", ["Etc/GMT+15", "GTM+1", "GMT+", "UCT+3", "ETC/GMD+5"])
def test_no_zone_of_the_opposite_sign_is_suggested(typed):
    with pytest.raises(Misunderstood) as fault:
        parser.zone(typed)
    assert "Etc/" not in fault.value.values.get("near", "")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("\u2013\u2013states", "--states"), ("\u2014states", "--states"), ("\u2013states=TX", "--states=TX"),
        ("\u2212-tz", "--tz"), ("\u2013h", "-h"), ("\u2212100123456", "-100123456"), ("\u2014json", "--json"),
        ("--states", "--states"), ("-5", "-5"), ("TX", "TX"), ("\u2014", "\u2014"), ("\u2014 see the note", "\u2014 see the note"),
        ("Miami\u2013Dade", "Miami\u2013Dade"), ("", ""),
    ],
)  # fmt: skip
def test_an_option_may_begin_with_any_dash(typed, meant):
    assert plain_option(typed) == meant


@given(st.text())
def test_plain_text_is_plain(text):
    assert plain(plain(text)) == plain(text)
    assert len(plain("x" + text + "x")) >= 2
