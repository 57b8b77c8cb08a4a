"""The health of the program: stale, idle and mute, and conditions that don't make it unwell."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.health import Standing, facts
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import STOPPED, Filter, Subscription

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WELL = SourceStatus(source="ice", tried_at=NOW - MINUTE, read_at=NOW - MINUTE, changed_at=NOW, due_at=NOW + 14 * MINUTE)


def one(number=1, channel="telegram", **more):
    filter_ = Filter(states={"TX": 0})
    return Subscription(id=f"s{number}", channel=channel, address=str(number), filter=filter_, **more)


def failing(number=1, minutes=30, **more):
    return one(number, failures=3, failing_since=NOW - minutes * MINUTE, retry_at=NOW + MINUTE, due_at=NOW, **more)


def seen(*subscriptions, ice=WELL, **more):
    return facts(
        now=NOW,
        statuses=[ice] if ice else [],
        held=more.pop("held", 0),
        log_end=10,
        subscriptions=subscriptions,
        stale_after=timedelta(hours=6),
        **more,
    )


def test_a_program_that_reads_and_sends_is_well():
    assert seen(one()).reasons == ()
    assert seen(one()).as_json()["status"] == "ok"


def test_a_program_just_started_for_the_first_time_is_well():
    assert seen(ice=None).reasons == ()


def test_no_successful_reading_of_ice_for_too_long_is_a_reason_in_words():
    stale = replace(WELL, read_at=NOW - timedelta(hours=7), problem="ice: 403", failures=9)
    (reason,) = seen(ice=stale).reasons
    assert reason == "ICE's list is stale: no successful reading for 7 hours"
    assert seen(ice=replace(WELL, read_at=NOW - timedelta(hours=6))).reasons == ()


def test_ice_never_read_successfully_is_stale_after_the_same_time():
    never = SourceStatus(
        source="ice", tried_at=NOW, problem="ice: 403", problem_since=NOW - timedelta(hours=7), failures=9
    )
    (reason,) = seen(ice=never).reasons
    assert "stale" in reason


def test_a_due_list_that_no_one_reads_is_a_reason_long_before_it_is_stale():
    (reason,) = seen(ice=replace(WELL, due_at=NOW - 21 * MINUTE)).reasons
    assert "due for 21 minutes and no one is reading it" in reason
    assert seen(ice=replace(WELL, due_at=NOW - 20 * MINUTE)).reasons == ()


def test_ice_is_not_a_reason_for_a_program_that_does_not_read_it():
    assert seen(ice=None, reads_ice=False).as_json()["ice"] is None
    assert seen(ice=replace(WELL, due_at=NOW - timedelta(days=9)), reads_ice=False).reasons == ()


def test_a_held_listing_does_not_make_the_program_unwell():
    assert seen(held=2).reasons == ()
    assert seen(held=2).as_json()["held"] == 2


def test_a_channel_on_which_every_send_has_failed_for_a_quarter_of_an_hour_is_a_reason():
    (reason,) = seen(failing(1), failing(2), one(3)).reasons
    assert reason == "telegram: every message has failed for 30 minutes (2 subscriptions in back-off)"
    assert seen(failing(1, minutes=14), failing(2, minutes=14)).reasons == ()


def test_one_message_delivered_since_then_shows_that_the_channel_works():
    assert seen(failing(1), failing(2), one(3, last_sent_at=NOW - 2 * MINUTE)).reasons == ()
    assert len(seen(failing(1), failing(2), one(3, last_sent_at=NOW - 40 * MINUTE)).reasons) == 1


def test_one_failing_address_is_no_sign_of_a_failing_channel_unless_it_is_the_only_one():
    assert seen(failing(1), one(2), one(3)).reasons == ()
    assert len(seen(failing(1)).reasons) == 1
    assert len(seen(failing(1), one(2, paused="blocked")).reasons) == 1


def test_a_rejected_token_is_a_reason_and_a_chat_that_blocked_the_bot_is_not():
    refused = failing(1, paused="telegram: the token is refused", refused=True)
    assert len(seen(refused).reasons) == 1
    assert seen(failing(1, paused="blocked")).reasons == ()


def refused(number, minutes=0, **more):
    """Return a subscription that the platform refused once, so many minutes ago."""
    at = NOW - minutes * MINUTE
    return one(number, **({"failures": 1, "failing_since": at, "refusal": "no rights", "due_at": at} | more))


def test_many_chats_refused_within_minutes_are_a_reason_before_a_quarter_of_an_hour_has_passed():
    (reason,) = seen(*(refused(n, minutes=n) for n in range(8)), one(9, last_sent_at=NOW)).reasons
    assert "telegram: the platform refused 8 chats within minutes" in reason
    assert seen(*(refused(n, minutes=n) for n in range(8))).crowds["telegram"].refused_at_once == 8


def test_two_refusals_or_refusals_hours_apart_or_a_few_among_hundreds_are_no_reason():
    assert seen(refused(1), refused(2), one(3), one(4)).reasons == ()
    hours = [refused(n, minutes=60 * n) for n in range(6)]
    assert seen(*hours, one(9, last_sent_at=NOW)).reasons == ()
    assert seen(refused(1), refused(2), refused(3), *(one(n) for n in range(4, 104))).reasons == ()


def test_refusals_stay_a_reason_once_they_are_believed_and_what_persons_did_only_for_a_day():
    days = 60 * 24
    believed = [refused(n, minutes=3 * days, failures=16, paused="no rights (for 2 days)") for n in range(3)]
    assert len(seen(*believed).reasons) == 1
    fresh = [refused(n, minutes=days - 1, paused="bot was blocked by the user") for n in range(3)]
    assert len(seen(*fresh).reasons) == 1
    old = [refused(n, minutes=days, paused="bot was blocked by the user") for n in range(3)]
    assert seen(*old).reasons == ()
    assert seen(*(refused(n, paused=STOPPED) for n in range(8))).reasons == ()


def test_a_subscription_whose_channel_is_not_set_up_is_a_reason_unless_it_is_paused():
    (reason,) = seen(one(1), one(2, channel="slack"), channels={"slack"}).reasons
    assert reason.startswith("telegram: 1 subscription gets nothing, because the channel isn't set up")
    assert seen(one(1, paused=STOPPED), channels={"slack"}).reasons == ()
    assert seen(one(1), channels={"telegram"}).reasons == ()
    assert "pigeon: 2 subscriptions get" in seen(*(one(n, channel="pigeon") for n in (1, 2)), channels=()).reasons[0]


def test_each_channel_is_judged_separately():
    (reason,) = seen(failing(1, channel="slack"), one(2, last_sent_at=NOW)).reasons
    assert reason.startswith("slack: ")


def test_the_subscriptions_of_a_channel_are_counted_by_standing_due_and_late():
    waits = [one(n, due_at=NOW - minutes * MINUTE) for n, minutes in enumerate((0, 5, 6), start=1)]
    crowd = seen(*waits, failing(4), one(5, paused="stopped"), one(6, due_at=NOW + MINUTE)).crowds["telegram"]
    assert crowd.standings == {Standing.ACTIVE: 4, Standing.FAILING: 1, Standing.PAUSED: 1}
    assert (crowd.due, crowd.late) == (3, 1)
    assert crowd.oldest_due == NOW - 6 * MINUTE


@pytest.mark.parametrize("address", ["-1001234567890", "C0123456789", "mailto://user:password@example.org"])
def test_the_facts_contain_no_address(address):
    found = seen(replace(failing(1), address=address), replace(failing(2), address=address, paused="gone"))
    assert address not in str(found.as_json())


def test_a_record_that_can_not_be_read_is_unhealthy_and_named():
    said = "Subscription s7 gets no messages: its cadence. To mend it, run: countersign mend s7"
    assert seen(one(), unreadable=[said]).reasons == (said,)
    assert seen(one(), unreadable=[said]).as_json()["status"] == "unwell"


@pytest.mark.parametrize(
    ("minutes", "problem", "status"),
    [
        (0, None, "starting"),
        (9, None, "starting"),
        (9, "ice: 403", "starting"),
        (10, None, "unwell"),
        (11, "ice: 403", "unwell"),
    ],
)
def test_before_the_first_reading_it_is_starting_and_after_ten_minutes_unwell(minutes, problem, status):
    since = NOW - minutes * MINUTE
    never = SourceStatus(source="ice", tried_at=NOW, problem=problem, problem_since=since if problem else None)
    assert seen(ice=never, started_at=since).as_json()["status"] == status
    assert seen(ice=None, started_at=since).as_json()["status"] == status
    assert seen(started_at=since).as_json()["status"] == "ok"


def test_a_restart_does_not_give_a_failing_installation_ten_more_minutes():
    failing_for_long = SourceStatus(source="ice", tried_at=NOW, problem="x", problem_since=NOW - 30 * MINUTE)
    facts_now = seen(ice=failing_for_long, started_at=NOW)
    assert facts_now.reasons == ("ICE's list hasn't been read yet, after 30 minutes",)


def test_while_it_starts_other_trouble_still_counts():
    starting = seen(failing(1), failing(2), ice=None, started_at=NOW)
    assert starting.as_json()["status"] == "unwell"


def test_an_installation_that_reads_no_lists_never_starts():
    assert seen(reads_ice=False, started_at=NOW).as_json()["status"] == "ok"
