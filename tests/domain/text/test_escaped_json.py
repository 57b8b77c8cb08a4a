"""JSON lines stay one line, and nothing in them hides or reverses text."""

import json

import pytest

from bot.cli.output import print_lines
from bot.observability.logs import _line


@pytest.mark.parametrize(
    "letter",
    ["\u2028", "\u2029", "\x85", "\u202e", "\u202a", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c", "\u200b", "\ufeff", "\x9b", "\x7f",
     "\x0b", "\x0c", "\x1c", "\ud800"],
)  # fmt: skip
def test_a_letter_that_ends_or_reverses_a_line_is_escaped_and_read_back(letter, capsys):
    value = {"agency": f"Nash{letter}County", letter: 1}
    print_lines([value])
    printed = capsys.readouterr().out
    assert letter not in printed
    assert len(printed.splitlines()) == 1
    assert json.loads(printed) == value
    assert letter not in _line({"event": f"read{letter}"})


def test_ordinary_letters_of_every_script_stay_readable(capsys):
    print_lines([{"agency": "Doña Ana, אבג, مرحبا, 😀"}])
    assert "Doña Ana, אבג, مرحبا, 😀" in capsys.readouterr().out
