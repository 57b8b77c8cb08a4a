"""How often a chat that can't be reached is asked."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.unreached import after_failure

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def tries(of: timedelta, **answer) -> list[timedelta]:
    """Ask a chat that answers like this as often as we may, and return when."""
    found, now, asked = None, NOON, []
    while now < NOON + of:
        asked.append(now - NOON)
        found = after_failure(found, "no", now, **{"is_refused": False, "by_person": False} | answer)
        assert found.waits(now)
        assert found.since == NOON
        now = found.retry_at
        assert not found.waits(now)
    return asked


@pytest.mark.parametrize(
    ("answer", "first", "most"),
    [
        ({}, timedelta(minutes=1), 30),
        ({"is_refused": True}, timedelta(minutes=1), 13),
        ({"is_refused": True, "by_person": True}, timedelta(hours=6), 4),
        ({"wait": 1800.0}, timedelta(minutes=30), 27),
        ({"wait": 1e12}, timedelta(hours=6), 4),
    ],
)
def test_the_pauses_grow_to_a_limit_whatever_the_platform_says(answer, first, most):
    asked = tries(DAY, **answer)
    assert asked[1] == first
    assert 4 <= len(asked) <= most
    assert len(tries(365 * DAY, **answer)) > 1_000, "it never gives up"


def test_a_clock_that_was_set_back_makes_it_try_at_once_and_counts_from_now():
    found = after_failure(None, "no", NOON + 900 * DAY, is_refused=True, by_person=True)
    assert not found.waits(NOON)
    assert after_failure(found, "no", NOON, is_refused=True, by_person=True).since == NOON
