"""The words people type first, and the command that each asks for."""

import re
from datetime import time
from pathlib import Path
from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_budget import cpu_budget

from bot.channels.telegram.handlers import CHANGING, READING
from bot.domain.chat import guide, parser, replies, words
from bot.domain.chat.parser import Misunderstood, When
from bot.domain.language import Language
from bot.domain.subscription import Cadence
from bot.domain.text.rich_text import plain_text


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("subscribe TX", ("watch", "TX")),
        ("Subscribe to Texas, please", ("watch", "Texas")),
        ("follow Ohio", ("watch", "Ohio")),
        ("track Harris County TX", ("watch", "Harris County TX")),
        ("watch for changes in Utah", ("watch", "Utah")),
        ("follow Tampa Police Department", ("watch", "agency Tampa Police Department")),
        ("follow Tampa Police", ("watch", "agency Tampa Police")),
        ("watch Houston PD", ("watch", "agency Houston Police Department")),
        ("unwatch New York State Police", ("unwatch", "agency New York State Police")),
        ("Dallas County Sheriff's Office", ("agency", "Dallas County Sheriff's Office")),
        ("police in Tampa", ("place", "police in Tampa")),
        ("watch Texas police", ("watch", "Texas police")),
        ("watch Tampa FL police", ("watch", "Tampa FL police")),
        ("watch campus police", ("watch", "campus police")),
        ("watch sheriffs in TX", ("watch", "sheriffs in TX")),
        ("seguir al alguacil del condado de Polk", ("watch", "agency Polk County Sheriff")),
        ("unsubscribe", ("stop", "")),
        ("unsubscribe from Texas", ("unwatch", "Texas")),
        ("unfollow TX", ("unwatch", "TX")),
        ("cancel", ("stop", "")),
        ("STOP SENDING ME THIS!", ("stop", "")),
        ("stop watching Ohio", ("unwatch", "Ohio")),
        ("cancel my Texas alerts", ("unwatch", "Texas")),
        ("preferences", ("settings", "")),
        ("Settings?", ("settings", "")),
        ("about", ("about", "")),
        ("alerts off", ("stop", "")),
        ("alerts on", ("resume", "")),
        ("turn off notifications", ("stop", "")),
        ("desactivar alertas", ("stop", "")),
        ("vigilar Tejas", ("watch", "Tejas")),
        ("Vigila Nueva York", ("watch", "Nueva York")),
        ("seguir Carolina del Norte", ("watch", "Carolina del Norte")),
        ("sigue a Luisiana", ("watch", "Luisiana")),
        ("dejar", ("unwatch", "")),
        ("deja Misisipi", ("unwatch", "Misisipi")),
        ("dejar de seguir Pensilvania", ("unwatch", "Pensilvania")),
        ("pausa 3 dias", ("pause", "3 dias")),
        ("pausar", ("pause", "")),
        ("reanudar", ("resume", "")),
        ("Reanude", ("resume", "")),
        ("recientes", ("recent", "")),
        ("agencia Tampa", ("agency", "Tampa")),
        ("resumen 8:00", ("digest", "8:00")),
        ("ajustes", ("settings", "")),
        ("configuración", ("settings", "")),
        ("hello", ("hello", "")),
        ("¿Qué es 287(g)?", ("what", "")),
        ("TFM", ("what", "")),
        ("what's new in Georgia?", ("recent", "Georgia")),
        ("how do I unsubscribe?", ("howto", "stop")),
        ("¿cómo me doy de baja?", ("howto", "stop")),
        ("who is on the list in Tejas?", ("list", "Tejas")),
        ("is Florida on the list?", ("list", "Florida")),
        ("every Thursday at noon", ("digest", "weekly thursday 12:00")),
        ("cada lunes a las 8:00 a. m. hora central", ("digest", "weekly monday 08:00 America/Chicago")),
        ("Texas", ("place", "Texas")),
        ("Texsa", ("place", "Texsa")),
        ("i'd like alerts for Orange County, Florida", ("watch", "Orange County, Florida")),
        ("which sheriffs in Tennessee signed?", ("list", "Tennessee")),
        ("¿quién está en la lista en Texas?", ("list", "Texas")),
        ("what happened in Louisiana last week", ("recent", "Louisiana")),
        ("delete my data", ("forget", "")),
        ("how often do you check?", ("status", "")),
        ("no thanks", ("thanks", "")),
    ],
)
def test_a_word_or_sentence_asks_for_a_command(typed, asked):
    assert words.verb(typed) == asked
    assert words.verb(f"/{typed}") == asked


@pytest.mark.parametrize(
    "typed",
    [
        "digest 8:00 America/Chicago", "set states=TX,OK cadence=daily", "undo 7", "pick TX", "kind signed", "forget yes",
        "watch only TX FL", "watch agency Stop Police", "unwatch all", "agency AL Franklin County", "agency Is It On",
        "list FL", "stale on", "always off", "language es", "pause until 2026-12-01", "kinds +amended -applied",
    ],
)  # fmt: skip
def test_a_command_as_it_was_always_typed_stays_what_it_was(typed):
    first, _, rest = typed.partition(" ")
    assert words.verb(typed) == (first, rest)


@pytest.mark.parametrize(
    "typed",
    ["no, I want Texas", "I don't get it", "don't know", "what should I stop?", "stopwatch", "are you still there"],
)
def test_a_sentence_that_is_not_clearly_a_wish_to_stop_stops_nothing(typed):
    assert words.verb(typed)[0] not in {"stop", "unwatch", "forget"}


@given(st.text(max_size=200) | st.text(alphabet=printable, max_size=200))
def test_any_message_is_split_and_never_breaks(typed):
    verb, rest = words.verb(typed)
    assert isinstance(verb, str)
    assert isinstance(rest, str)


@pytest.mark.slow
def test_a_word_said_again_and_again_is_read_in_linear_time():
    vocabulary = sorted(set(re.findall(r"[a-z']{2,}", Path(words.__file__).read_text(encoding="utf-8"))))
    with cpu_budget(60):  # an ambiguous pattern would need hours
        for word in vocabulary:
            words.verb(f"{f'{word} ' * 150}"[: words.LONGEST_SENTENCE - 2] + " %")


@pytest.mark.parametrize(
    ("typed", "at"),
    [
        ("noon", time(12)), ("midnight", time(0)), ("mediodía", time(12)), ("8am", time(8)), ("8 a.m.", time(8)),
        ("8:00 a. m.", time(8)), ("8:30 p. m.", time(20, 30)), ("las 8 de la mañana", time(8)),
        ("a las 9 de la noche", time(21)), ("12 de la noche", time(0)), ("8 in the evening", time(20)),
        ("08.30", time(8, 30)), ("17h30", time(17, 30)), ("8 o'clock", time(8)), ("13 pm", None), ("25:00", None),
    ],
)  # fmt: skip
def test_a_time_of_day_is_read_as_people_write_it(typed, at):
    assert parser.clock(typed) == at


@pytest.mark.parametrize(
    ("typed", "when"),
    [
        ("9 pm Eastern", When(Cadence.DAILY, time(21), "America/New_York")),
        ("8:00 a. m. hora central", When(Cadence.DAILY, time(8), "America/Chicago")),
        ("a las 8 de la mañana hora del este", When(Cadence.DAILY, time(8), "America/New_York")),
        ("noon Pacific Time", When(Cadence.DAILY, time(12), "America/Los_Angeles")),
        ("mediodía, hora del Pacífico", When(Cadence.DAILY, time(12), "America/Los_Angeles")),
        ("8am New York", When(Cadence.DAILY, time(8), "America/New_York")),
        ("weekly Thursday 8:00", When(Cadence.WEEKLY, time(8), None, 3)),
        ("Thursdays", When(Cadence.WEEKLY, None, None, 3)),
        ("cada jueves", When(Cadence.WEEKLY, None, None, 3)),
        ("semanal los miércoles a las 17.30", When(Cadence.WEEKLY, time(17, 30), None, 2)),
        ("every sunday at midnight", When(Cadence.WEEKLY, time(0), None, 6)),
        ("weekly", When(Cadence.WEEKLY)),
        ("every day at 8", When(Cadence.DAILY, time(8))),
        ("right away", When(Cadence.INSTANT)),
    ],
)
def test_a_cadence_is_read_as_people_write_it(typed, when):
    assert parser.when(typed) == when


@pytest.mark.parametrize(("typed", "why"), [("Monday and Friday", "one_weekday"), ("Thurdsay 8:00", "near_weekday")])
def test_two_weekdays_and_a_misspelled_one_are_told(typed, why):
    with pytest.raises(Misunderstood) as fault:
        parser.when(typed)
    assert fault.value.why == why


@pytest.mark.parametrize(
    ("typed", "choices"),
    [("New", "NH NJ NM NY"), ("Carolina", "NC SC"), ("dakota", "ND SD"), ("Nueva", "NH NJ NY"), ("Islas", "MP VI")],
)
def test_a_word_of_several_states_names_them_all(typed, choices):
    with pytest.raises(Misunderstood) as fault:
        parser.where(typed)
    assert (fault.value.why, " ".join(choice.text for choice in fault.value.choices)) == ("which_state", choices)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("prefix", ["/", "/countersign "])
def test_the_help_fits_a_phone_and_lists_every_command(language, prefix):
    lines = plain_text(guide.help_lines(language, prefix)).splitlines()
    assert len(lines) <= 33
    assert max(map(len, lines)) <= 36, [line for line in lines if len(line) > 36]
    listed = {words.verb(line.partition("  ")[0])[0] for line in lines if "  " in line}
    internal = {"set", "pick", "kind", "joined", "howto", "place", "fewer", "thanks", "start", "hello", "help"}
    internal |= {"panel", "here", "statewide", "faq"}
    assert listed | internal >= words.COMMANDS, "every command that people can type is in the help"


def test_the_menus_of_the_platforms_hold_what_the_help_lists():
    menu = {name for name, _ in replies.menu(Language.ENGLISH)}
    assert menu == READING | CHANGING
    assert menu <= words.COMMANDS
    assert len(menu) <= 100
    manifest = (Path(__file__).parents[3] / "config" / "slack-manifest.yml").read_text(encoding="utf-8")
    (hint,) = re.findall(r'usage_hint: "(.+)"', manifest)
    assert {words.verb(part)[0] for part in hint.split(" | ")} <= menu


@pytest.mark.parametrize("language", list(Language))
def test_what_287g_is_takes_at_most_120_words_without_words_of_opinion(language):
    text = plain_text(guide.what_lines(language, "https://www.ice.gov/identify-and-arrest/287g"))
    assert len(text.split()) <= 120
    for said in ("287(g)", "MOA", "JEM", "WSO", "TFM", "pend"):
        assert said in text.replace("Pend", "pend"), said
    for opinion in ("terminat", "crackdown", "surge", "deport", "unfortunately", "cancel"):
        assert opinion not in text.casefold()
