"""The log at a terminal: the local time, the level and a sentence; color only where it is wanted."""

import io
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import structlog

from bot.observability.person import ForPerson, has_color, moment

CHICAGO = ZoneInfo("America/Chicago")
NOW = datetime(2026, 11, 27, 16, 0, 5, tzinfo=CHICAGO)


def line(now=NOW, *, goes_on=True, color=False, **event):
    return ForPerson(color=color, goes_on=goes_on, now=lambda: now)(None, "", {"level": "info"} | event)


def test_a_failed_reading_is_one_sentence_and_when_it_is_tried_again():
    said = line(level="warning", event="source not read", again="2026-11-27T22:15:09Z", in_words="I can't reach it.")
    assert said == " 4:00 p.m.  warning  I can't reach it. I'll try again at 4:15 p.m."


def test_a_command_that_ends_reports_itself_and_promises_no_second_try():
    with pytest.raises(structlog.DropEvent):
        line(event="x", again="2026-11-27T22:15:09Z", in_words="I can't.", goes_on=False)


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (timedelta(minutes=15), "at 4:15 p.m."),
        (timedelta(hours=-4), "at noon"),
        (timedelta(hours=12), "tomorrow at 4 a.m."),
        (timedelta(days=3), "on Nov. 30, 2026, at 4 p.m."),
        (timedelta(hours=8), "on Nov. 28, 2026, at midnight"),
    ],
)
def test_another_day_is_said(later, said):
    assert moment(NOW + later, NOW) == said


def test_an_event_without_a_sentence_shows_its_problem_and_its_details():
    said = line(event="place not read", source="Nash County", problem="it answered 500.")
    assert said.endswith("Place not read (source Nash County): it answered 500.")


def test_a_line_that_another_one_has_said_is_left_out():
    with pytest.raises(structlog.DropEvent):
        line(event="started", in_words="")


def test_details_for_developers_are_left_out_and_a_quiet_reading_is_shown():
    with pytest.raises(structlog.DropEvent):
        line(event="fetched", level="debug")
    said = line(event="nothing new", level="debug", in_words="Nothing is new.", again="2026-11-27T22:15:09Z")
    assert said.endswith("info     Nothing is new. The next reading is at 4:15 p.m.")


def test_a_site_cannot_color_or_clear_the_terminal():
    assert "\x1b" not in line(event="x", problem="\x1b[2J\x1b[31m\u202egone")


def test_a_new_day_begins_with_its_date():
    days = iter([NOW, NOW, NOW + timedelta(days=1)])
    render = ForPerson(color=False, goes_on=True, now=lambda: next(days))
    first, second, third = (render(None, "", {"event": "x"}) for _ in range(3))
    assert "──" not in first + second
    assert third.startswith("── Nov. 28, 2026 ──\n")


@pytest.mark.parametrize(("columns", "margin"), [(40, 2), (50, 2), (80, 21)])
def test_on_a_phone_a_sentence_goes_on_at_the_left_margin(columns, margin, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    sentence = "I can't reach www.ice.gov. Is this machine online? " * 3
    first, *others = line(event="x", in_words=sentence).split("\n")
    assert first.startswith(" 4:00 p.m.  info     I can't")
    assert {len(other) - len(other.lstrip()) for other in others} == {margin}
    assert max(map(len, (first, *others))) <= columns


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("env", "colored"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_color_is_for_terminals_that_know_it_and_people_who_want_it(env, colored):
    assert has_color(Terminal(), env) is colored
    assert not has_color(io.StringIO(), env)
    assert ("\x1b" in line(color=colored, event="x", level="warning")) is colored
