import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.suggest import suggest

STATES = ["Texas", "Tennessee", "Virginia", "West Virginia", "California", "Florida"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("texs", "Texas"),
        ("TEXSA", "Texas"),
        ("tenessee", "Tennessee"),
        ("Calif", "California"),
        ("Harris Texas", "Texas"),
        ("virginia", "Virginia"),
        ("west virgina", "West Virginia"),
    ],
)
def test_a_slip_of_the_pen_or_a_part_of_one_word_is_understood(typed, meant):
    assert suggest(typed, STATES) == meant


@pytest.mark.parametrize("typed", ["", "tx", "xyz", "fish", "Tex", "in California or Florida", "Tasmania"])
def test_nothing_is_suggested_for_a_word_that_is_close_to_none_or_to_several(typed):
    assert suggest(typed, STATES) is None


@given(st.text(), st.lists(st.text(), max_size=8))
def test_a_suggestion_is_a_known_word_and_a_known_word_suggests_itself(typed, known):
    assert suggest(typed, known) in {None, *known}
    for word in known:
        assert suggest(word, known).casefold() == word.casefold()
