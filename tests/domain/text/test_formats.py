"""Dates, times, numbers and lists: AP style in English, CLDR in other languages."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from bot.domain.language import Language
from bot.domain.text.formats import formats, name_in, own_name

AP, SPANISH = formats(Language.ENGLISH), formats(Language.SPANISH)


@pytest.mark.parametrize(
    ("month", "shown"),
    [
        *enumerate(["Jan.", "Feb.", "March", "April", "May", "June"], start=1),
        *enumerate(["July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec."], start=7),
    ],
)
def test_ap_never_shortens_march_through_july(month: int, shown: str) -> None:
    day = date(2025, month, 8)

    assert AP.day(day) == f"{shown} 8, 2025"
    assert AP.short_day(day, year=False) == f"{shown} 8"
    assert AP.short_month(day, year=True) == f"{shown[:3]} 2025"


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (time(0), "midnight"),
        (time(0, 5), "12:05 a.m."),
        (time(8), "8 a.m."),
        (time(9, 30), "9:30 a.m."),
        (time(12), "noon"),
        (time(12, 1), "12:01 p.m."),
        (time(17, 2), "5:02 p.m."),
    ],
)
def test_ap_times(at: time, shown: str) -> None:
    assert AP.clock(at) == shown


@pytest.mark.parametrize(
    ("utc", "shown"),
    [
        (datetime(2025, 8, 28, 22, 2, 30, tzinfo=UTC), "Aug. 28, 2025, at 5:02 p.m. CDT"),
        (datetime(2025, 8, 28, 17, tzinfo=UTC), "Aug. 28, 2025, at noon CDT"),
        (datetime(2025, 12, 1, 6, tzinfo=UTC), "Dec. 1, 2025, at 12 a.m. CST"),
    ],
)
def test_ap_moments_name_the_zone_and_leave_no_doubt_about_midnight(utc: datetime, shown: str) -> None:
    assert AP.moment(utc.astimezone(ZoneInfo("America/Chicago"))) == shown


def test_ap_lists_have_no_oxford_comma() -> None:
    assert [AP.join(["Ohio", "Texas", "Utah"][:length]) for length in range(4)] == [
        "",
        "Ohio",
        "Ohio and Texas",
        "Ohio, Texas and Utah",
    ]


def test_numbers_are_grouped() -> None:
    assert AP.number(1_843) == SPANISH.number(1_843) == "1,843"


def test_spanish_follows_cldr_for_the_united_states() -> None:
    moment = datetime(2025, 9, 1, 18, 30, tzinfo=UTC)

    assert SPANISH.day(moment) == "1 de septiembre de 2025"
    assert SPANISH.short_day(moment, year=True) == "1 sept 2025"
    assert SPANISH.short_month(moment, year=False) == "sept"
    assert SPANISH.clock(moment.time()) == "6:30 p.m."
    assert SPANISH.moment(moment) == "1 de septiembre de 2025, 6:30 p.m. UTC"


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        ([], ""),
        (["Ohio"], "Ohio"),
        (["Ohio", "Texas"], "Ohio y Texas"),
        (["Ohio", "Texas", "Illinois"], "Ohio, Texas e Illinois"),
        (["Iowa", "Texas"], "Iowa y Texas"),
        (["Texas y Ohio", "Idaho"], "Texas y Ohio e Idaho"),
        (["agua", "hielo"], "agua y hielo"),
    ],
)
def test_spanish_lists_say_e_before_the_sound_of_i(items: list[str], shown: str) -> None:
    assert SPANISH.join(items) == shown


def test_languages_have_names() -> None:
    assert [own_name(language) for language in Language] == ["English", "Español"]
    assert [name_in(Language.SPANISH, language) for language in Language] == ["inglés", "español"]


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("es", "es"),
        ("es-MX", "es"),
        ("es_US", "es"),
        ("ES", "es"),
        ("en-GB", "en"),
        ("est", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_a_platforms_locale_is_a_language_and_english_if_we_dont_speak_it(locale: str | None, language: str) -> None:
    assert Language.of_locale(locale) == language
