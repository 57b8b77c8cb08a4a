"""Each paused subscription says who paused it, when, and what ends it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.pauses import pause_of
from bot.domain.subscription import CHAT, OPERATOR, STOPPED, Filter, Subscription

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ACTIVE = Subscription(id="s3", channel="telegram", address="-42", filter=Filter(states={"TX": 0}))


def sentence(**fields):
    return pause_of(replace(ACTIVE, **fields), NOW).sentence


def test_what_is_not_paused_has_no_reason():
    assert pause_of(ACTIVE, NOW) is None
    assert pause_of(replace(ACTIVE, quiet_until=NOW), NOW) is None


def test_a_pause_with_an_end_names_who_began_it():
    by_operator = sentence(quiet_until=NOW + DAY, paused_at=NOW - DAY, paused_by=OPERATOR)
    assert by_operator == (
        "s3 (telegram -42) since 2026-11-23 12:00 UTC: the operator paused it. It ends at 2026-11-25 12:00 UTC, by "
        "“resume” there or by `countersign resume telegram s3`."
    )
    assert "someone in the chat paused it" in sentence(quiet_until=NOW + DAY, paused_by=CHAT)


def test_each_lasting_pause_names_its_cause_and_its_end():
    assert "someone in the chat stopped it" in sentence(paused=STOPPED)
    rejected = sentence(paused="Telegram rejected the token", refused=True, failing_since=NOW - DAY)
    assert "since 2026-11-23 12:00 UTC: the program paused it (Telegram rejected the token)" in rejected
    assert "It ends by itself once a message arrives" in rejected
    refused = sentence(paused="chat not found (for 2 days)", failing_since=NOW - DAY)
    assert "the platform refused its messages (chat not found (for 2 days)). It ends once the bot is let in" in refused
    assert "someone removed the bot" in sentence(paused="The bot was removed", paused_at=NOW, paused_by=CHAT)


def test_an_address_with_a_password_is_not_shown():
    assert "secret" not in sentence(channel="apprise", address="mailto://me:secret@example.org", paused=STOPPED)


def test_a_pause_is_noted_when_it_begins_and_forgotten_when_it_ends():
    stopped = replace(ACTIVE, paused=STOPPED).pausing(ACTIVE, CHAT, NOW)
    assert (stopped.paused_at, stopped.paused_by) == (NOW, CHAT)
    assert replace(stopped, tz="America/Chicago").pausing(stopped, CHAT, NOW + DAY).paused_at == NOW
    resumed = replace(stopped, paused=None).pausing(stopped, CHAT, NOW + DAY)
    assert (resumed.paused_at, resumed.paused_by) == (None, None)
    assert stopped.revived.paused_at is None
