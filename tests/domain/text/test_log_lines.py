"""The log's sentences for the operator at a terminal."""

import pytest
from support.samples import agreement, change, spoken

from bot.domain.change import Kind
from bot.domain.text.log_lines import recorded_in_words


@pytest.mark.parametrize(
    ("kind", "happened"),
    [
        (Kind.SIGNED, "new on ICE's list"),
        (Kind.WITHDRAWN, "no longer on ICE's list"),
        (Kind.APPLIED, "application pending with ICE"),
    ],
)
def test_a_recorded_change_has_the_states_name_and_no_codes(kind, happened):
    what = agreement(1, "TX")
    assert recorded_in_words(change(kind, what)) == f"Recorded: {what.agency} (Texas), {happened}."


def test_a_mention_names_the_place_and_the_item():
    found = spoken(1, "NC")
    assert found.mention is not None
    said = recorded_in_words(found)
    assert said == f"Recorded from {found.mention.source}: {found.mention.title} (on a local agenda)."
