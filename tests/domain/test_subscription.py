"""The changes a subscription is owed, and when they are due."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.listings import FIRST, listing, row

from bot.domain.agenda import Mention, Subject
from bot.domain.agendas.track import mention_change
from bot.domain.agreement import ListName, SupportType
from bot.domain.change import TOLD_BY_DEFAULT, Change, Kind
from bot.domain.geography.counties import OTHER_NAME, counties, plain_county
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.subscription import (
    ALL_STATES,
    STOPPED,
    Cadence,
    Filter,
    Subscription,
    county_entry,
    county_in,
    due_at,
    is_overtaken,
    owed,
    slot_at,
)

HARRIS = row("Harris County Constable Precinct 4", "TX", "Harris County", kind="WSO")
NEW_YORK, EASTERN, PHOENIX, HONOLULU, GUAM = (
    ZoneInfo(name)
    for name in ("America/New_York", "America/Detroit", "America/Phoenix", "Pacific/Honolulu", "Pacific/Guam")
)
ZONES = [NEW_YORK, EASTERN, PHOENIX, HONOLULU, GUAM]


def change(kind=Kind.SIGNED, agreement=HARRIS, *, was=None, seq=10, name=ListName.PARTICIPATING):
    publication = listing([]).publication
    return Change(kind=kind, list=name, agreement=agreement, publication=publication, row=2, was=was, seq=seq)


def subscription(zone=NEW_YORK, at=time(9), cadence=Cadence.DAILY, **more):
    more.setdefault("filter", Filter(states={"TX": 0}))
    return Subscription(id="s1", channel="console", address="x", tz=str(zone), at=at, cadence=cadence, **more)


def local(zone, *moment, fold=0):
    """Return a local time in UTC."""
    return datetime(*moment, tzinfo=zone, fold=fold).astimezone(UTC)


# ── filters ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.RETRACTED])
def test_the_default_kinds_are_agreements_that_come_and_go(kind):
    heard = Filter(states={"TX": 0}).kind_for(change(kind))
    assert heard == (kind if kind in {"signed", "withdrawn", "reinstated", "applied", "mentioned"} else None)
    assert (heard is not None) == (kind in TOLD_BY_DEFAULT)


@pytest.mark.parametrize("kind", [Kind.RENAMED, Kind.CORRECTED, Kind.AMENDED, Kind.DROPPED])
def test_the_other_kinds_can_be_switched_on(kind):
    assert Filter(states={"TX": 0}, kinds={kind: 0}).kind_for(change(kind)) is kind
    assert Filter(states={"TX": 0}, kinds={kind: 0}).kind_for(change(Kind.SIGNED)) is None


@pytest.mark.parametrize("kind", [Kind.RELATED, Kind.AMENDED])
def test_a_mention_of_a_related_subject_is_news_only_to_those_who_switched_it_on(kind):
    mention = Mention(
        source="Nash", item="1", state="NC", title="ICE beds", address="", evidence="", subject=Subject.RELATED
    )
    related = replace(mention_change(mention, change(Kind.SIGNED).publication, kind), seq=7)
    everything = dict.fromkeys(Kind, 0)
    without = {other: 0 for other in Kind if other is not Kind.RELATED}
    assert Filter(states={"NC": 0}).kind_for(related) is None
    assert Filter(states={"NC": 0}, kinds=without).kind_for(related) is None
    assert Filter(states={"NC": 0}, kinds=everything).kind_for(related) is kind
    wrong = replace(related, kind=Kind.RETRACTED, retracted=kind, retracts=7)
    assert Filter(states={"NC": 0}, kinds=without).kind_for(wrong) is None
    assert Filter(states={"NC": 0}, kinds=everything).kind_for(wrong) is Kind.RETRACTED


def test_listed_is_never_news():
    assert Filter(states={"*": 0}, kinds=dict.fromkeys(Kind, 0)).kind_for(change(Kind.LISTED)) is None


@pytest.mark.parametrize(
    ("watched", "hears"),
    [
        ({"states": {"TX": 0}}, True),
        ({"states": {"*": 0}}, True),
        ({"states": {"FL": 0}}, False),
        ({"states": {}}, False),
        ({"counties": {"TX/harris": 0}}, True),
        ({"counties": {"TX/hill": 0}}, False),
        ({"counties": {"FL/harris": 0}}, False),
        ({"agencies": {"constable precinct 4": 0}}, True),
        ({"agencies": {"sheriff": 0}}, False),
        ({"states": {"FL": 0}, "counties": {"TX/harris": 0}}, True),
        ({"agency_types": {"constable@TX": 0}}, True),
        ({"agency_types": {"constable@*": 0}}, True),
        ({"agency_types": {"constable@TX/harris": 0}}, True),
        ({"agency_types": {"constable@FL": 0}}, False),
        ({"agency_types": {"constable@TX/hill": 0}}, False),
        ({"agency_types": {"constable@FL/harris": 0}}, False),
        ({"agency_types": {"sheriff@TX": 0}}, False),
        ({"states": {"TX": 0}, "support_types": {SupportType.WSO: 0}}, True),
        ({"states": {"TX": 0}, "support_types": {SupportType.TFM: 0}}, False),
    ],
)
def test_a_filter_matches_what_it_watches(watched, hears):
    assert Filter(**watched).matches(change()) is hears


@pytest.mark.parametrize(
    "entries",
    [
        {"states": {"TX": 10}},
        {"states": {"*": 10}},
        {"counties": {"TX/harris": 10}},
        {"agencies": {"constable": 10}},
        {"states": {"TX": 0}, "kinds": {Kind.SIGNED: 10}},
        {"states": {"TX": 0}, "support_types": {SupportType.WSO: 10}},
    ],
)
def test_an_entry_is_owed_nothing_older_than_itself(entries):
    assert not Filter(**entries).matches(change(seq=10))
    assert Filter(**entries).matches(change(seq=11))


def test_choosing_types_leaves_out_no_older_change_because_all_types_were_watched_before():
    before = Filter(states={"TX": 0})
    only = replace(before, support_types={SupportType.WSO: 0}).since(20, before)
    assert only.matches(change(seq=10))
    more = replace(only, support_types={SupportType.WSO: 0, SupportType.TFM: 0}).since(30, only)
    task_force = replace(HARRIS, support_type=SupportType.TFM)
    assert more.matches(change(seq=10))
    assert [more.matches(change(agreement=task_force, seq=seq)) for seq in (10, 31)] == [False, True]


def test_one_entry_of_two_is_enough():
    assert Filter(states={"TX": 99, "*": 0}).matches(change())
    assert Filter(states={"TX": 99}, counties={"TX/harris": 0}).matches(change())


MOVED = change(Kind.CORRECTED, HARRIS, was=replace(HARRIS, state="OK"))


@pytest.mark.parametrize(
    ("states", "hears"),
    [
        ({"OK": 0}, Kind.CORRECTED),
        ({"TX": 0}, Kind.SIGNED),
        ({"OK": 0, "TX": 0}, Kind.CORRECTED),
        ({"*": 0}, Kind.CORRECTED),
        ({"FL": 0}, None),
        ({"OK": 10, "TX": 0}, Kind.SIGNED),
        ({"OK": 10, "TX": 10}, None),
    ],
)
def test_a_corrected_state_is_a_correction_in_the_old_state_and_signed_in_the_new_one(states, hears):
    assert Filter(states=states).kind_for(MOVED) is hears


def test_a_corrected_state_on_the_pending_list_is_an_application_in_the_new_state():
    assert Filter(states={"TX": 0}).kind_for(replace(MOVED, list=ListName.PENDING)) is Kind.APPLIED


@pytest.mark.parametrize(
    ("kinds", "old", "new"),
    [
        ({Kind.SIGNED: 0}, Kind.CORRECTED, Kind.SIGNED),
        ({Kind.CORRECTED: 0}, Kind.CORRECTED, Kind.CORRECTED),
        ({Kind.CORRECTED: 0, Kind.SIGNED: 0}, Kind.CORRECTED, Kind.SIGNED),
        ({Kind.WITHDRAWN: 0}, None, None),
    ],
)
def test_a_corrected_state_is_news_to_those_who_want_signings_or_corrections(kinds, old, new):
    assert Filter(states={"OK": 0}, kinds=kinds).kind_for(MOVED) is old
    assert Filter(states={"TX": 0}, kinds=kinds).kind_for(MOVED) is new


@pytest.mark.parametrize(
    ("was", "watched"),
    [
        (replace(HARRIS, agency="Precinct 4 Constable", county=""), {"counties": {"TX/harris": 0}}),
        (replace(HARRIS, county="Hill County"), {"counties": {"TX/harris": 0}}),
        (row("Haris County Constable Precinct 4", "TX"), {"agencies": {"harris": 0}}),
        (replace(HARRIS, support_type=SupportType.JEM), {"states": {"TX": 0}, "support_types": {SupportType.WSO: 0}}),
    ],
)
def test_any_correction_is_signed_for_those_who_watch_only_the_new_value(was, watched):
    there, back = change(Kind.CORRECTED, HARRIS, was=was), change(Kind.CORRECTED, was, was=HARRIS)
    assert Filter(**watched).kind_for(there) is Kind.SIGNED
    assert Filter(**watched).kind_for(back) is Kind.CORRECTED


@pytest.mark.parametrize(
    ("entry", "state", "agency", "county", "hears"),
    [
        ("FL/lake", "FL", "Lake County Sheriff's Office", "Lake Conty", True),
        ("FL/lake", "FL", "Tavares Police Department", "Lake Conty", True),
        ("FL/lake", "FL", "Lake City Police Department", "Columbia County", False),
        ("LA/st landry", "LA", "Opelousas Police Department", "Saint Landry", True),
        ("TX/harris", "TX", "Harris County Constable Precinct 4", "#N/A", True),
        ("TX/harris", "TX", "Harris County Constable Precinct 4", "#REF!", True),
        ("TX/harris", "TX", "Harris County Constable Precinct 4", "Hill County", False),  # what ICE printed counts
        ("TX/harris", "TX", "Houston Police Department", "#N/A", False),
        ("NY/brooklyn", "NY", "A Police Department", "Kings County", True),
        ("MD/baltimore", "MD", "A Police Department", "Baltimore County", True),
        ("MD/baltimore", "MD", "A Police Department", "Baltimore City", False),
        ("MD/baltimore city", "MD", "A Police Department", "Baltimore City", True),
        ("MD/baltimore city", "MD", "A Police Department", "Baltimore County", False),
        ("TX/no such county", "TX", "A Police Department", "#N/A", False),
    ],
)
def test_a_county_is_heard_of_however_ice_prints_it(entry, state, agency, county, hears):
    signed = change(agreement=row(agency, state, county))
    assert Filter(counties={entry: 0}).matches(signed) is hears


def test_the_entry_of_every_county_is_the_plain_name_that_was_stored_before_counties_were_folded():
    for state in STATES:
        for county in counties(state):
            if county.kind != "city":
                entry = f"{state}/{plain_county(county.name)}"
                assert county_in(entry) is not None
                assert county.kind == OTHER_NAME or county_entry(state, county.name) == entry


def test_a_correction_within_a_filter_is_news_only_if_switched_on():
    within = change(Kind.CORRECTED, HARRIS, was=replace(HARRIS, county="Hill County"))
    assert Filter(states={"TX": 0}).kind_for(within) is None
    assert Filter(states={"TX": 0}, kinds={Kind.CORRECTED: 0}).kind_for(within) is Kind.CORRECTED


def test_a_retraction_is_news_to_those_who_got_the_retracted_change():
    taken_back = replace(change(), kind=Kind.RETRACTED, retracts=3, retracted=Kind.SIGNED)
    assert Filter(states={"TX": 0}).kind_for(taken_back) is Kind.RETRACTED
    assert Filter(states={"FL": 0}).kind_for(taken_back) is None
    assert Filter(states={"TX": 0}, kinds={Kind.WITHDRAWN: 0}).kind_for(taken_back) is None


def test_changes_after_the_cursor_that_match_are_owed():
    log = [
        change(seq=1),
        change(seq=2),
        change(Kind.LISTED, seq=3),
        change(agreement=row("Tampa PD"), seq=4),
        change(seq=5),
    ]
    assert [found.seq for found in owed(subscription(cursor=1), log)] == [2, 5]
    assert owed(subscription(cursor=5), log) == ()


# ── when ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_instant_digest_is_due_when_the_change_is_recorded():
    assert due_at(subscription(cadence=Cadence.INSTANT), FIRST) == FIRST


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_digest_is_due_at_the_next_nine_oclock(zone):
    here = subscription(zone)
    assert due_at(here, local(zone, 2026, 7, 1, 8, 59)) == local(zone, 2026, 7, 1, 9)
    assert due_at(here, local(zone, 2026, 7, 1, 9)) == local(zone, 2026, 7, 2, 9)
    assert due_at(here, local(zone, 2026, 7, 1, 23, 59)) == local(zone, 2026, 7, 2, 9)


@pytest.mark.parametrize("zone", ZONES)
def test_a_weekly_digest_is_due_on_monday_in_the_subscribers_zone(zone):
    here = subscription(zone, cadence=Cadence.WEEKLY)
    assert due_at(here, local(zone, 2026, 7, 4, 12)) == local(zone, 2026, 7, 6, 9)  # a Saturday
    assert due_at(here, local(zone, 2026, 7, 6, 8)) == local(zone, 2026, 7, 6, 9)
    assert due_at(here, local(zone, 2026, 7, 6, 9)) == local(zone, 2026, 7, 13, 9)
    assert due_at(here, local(zone, 2026, 7, 5, 23)) == local(zone, 2026, 7, 6, 9)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("weekday", range(7))
def test_a_weekly_digest_is_due_on_the_weekday_that_was_chosen(zone, weekday):
    here = subscription(zone, cadence=Cadence.WEEKLY, weekday=weekday)
    for start in (date(2026, 3, 5), date(2026, 10, 29)):  # the clocks change within the next five days
        due = due_at(here, local(zone, *start.timetuple()[:3], 12)).astimezone(zone)
        assert (due.weekday(), due.hour) == (weekday, 9)
        assert timedelta(0) < due.date() - start <= timedelta(days=7)
        told = served(here, due.astimezone(UTC) + timedelta(hours=20))
        assert told.slot_served.day == due.date()
        assert due_at(told, told.last_sent_at).astimezone(zone).date() == due.date() + timedelta(days=7)


def test_a_weekday_chosen_in_midweek_brings_the_digest_on_its_next_day():
    told = served(subscription(cadence=Cadence.WEEKLY), local(NEW_YORK, 2026, 7, 6, 9))
    thursday = told.with_settings(replace(told.settings, weekday=3))
    assert due_at(thursday, local(NEW_YORK, 2026, 7, 7, 12)) == local(NEW_YORK, 2026, 7, 9, 9)
    assert thursday.before.weekday == 0
    assert thursday.with_settings(thursday.before).weekday == 0


def test_a_weekday_that_is_none_still_gets_a_digest_every_week():
    here = subscription(cadence=Cadence.WEEKLY, weekday=9)
    assert due_at(here, FIRST) < FIRST + timedelta(days=8)


def test_nine_oclock_stays_nine_oclock_when_the_clocks_change():
    before, after = date(2026, 3, 7), date(2026, 3, 8)
    assert due_at(subscription(), local(NEW_YORK, *before.timetuple()[:3], 8)).hour == 14
    assert due_at(subscription(), local(NEW_YORK, *after.timetuple()[:3], 8)).hour == 13
    assert due_at(subscription(PHOENIX), local(PHOENIX, 2026, 3, 8, 8)).hour == 16
    assert due_at(subscription(GUAM), local(GUAM, 2026, 3, 8, 8)) == datetime(2026, 3, 7, 23, tzinfo=UTC)


def all_due(here, start, end, step=timedelta(minutes=15)):
    """Return the times of the digests if a change is recorded every quarter of an hour."""
    moments, now = set(), start
    while now < end:
        moments.add(due_at(here, now))
        now += step
    return sorted(moment for moment in moments if moment < end)


@pytest.mark.parametrize(
    ("day", "at", "moment"),
    [
        (
            (2026, 3, 8),
            time(2, 30),
            datetime(2026, 3, 8, 7, 30, tzinfo=UTC),
        ),  # 2:30 is skipped, so 3:30
        ((2026, 11, 1), time(1, 30), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),  # 1:30 comes twice; the first counts
    ],
)
@pytest.mark.parametrize("zone", [NEW_YORK, EASTERN])
def test_a_time_skipped_or_repeated_by_daylight_saving_comes_exactly_once(zone, day, at, moment):
    start, end = local(zone, *day), local(zone, *day) + timedelta(days=1, hours=1)
    assert all_due(subscription(zone, at), start, end) == [moment]


@given(
    st.sampled_from(ZONES),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from([(2026, 3, 6), (2026, 10, 30), (2027, 1, 1)]),
)
def test_a_daily_digest_comes_once_every_local_day(zone, at, start):
    begin = local(zone, *start)
    moments = all_due(
        subscription(zone, at), begin - timedelta(hours=1), begin + timedelta(days=4, hours=23), timedelta(hours=1)
    )
    dates = [moment.astimezone(zone).date() for moment in moments]
    assert len(dates) == len(set(dates))
    assert {date(*start) + timedelta(days=n) for n in range(1, 4)} <= set(dates)


@given(st.sampled_from(ZONES), st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001 - made UTC below
def test_a_weekly_digest_comes_within_a_week_on_a_monday(zone, moment):
    recorded = moment.replace(tzinfo=UTC)
    due = due_at(subscription(zone, cadence=Cadence.WEEKLY), recorded)
    assert timedelta(0) < due - recorded <= timedelta(days=7, hours=1)
    assert (due.astimezone(zone).weekday(), due.astimezone(zone).hour) == (0, 9)


def test_no_second_digest_comes_on_the_local_day_of_the_last():
    told = subscription(HONOLULU, last_sent_at=local(HONOLULU, 2026, 7, 1, 1))
    assert due_at(told, local(HONOLULU, 2026, 7, 1, 2)) == local(HONOLULU, 2026, 7, 2, 9)
    assert due_at(told, local(HONOLULU, 2026, 7, 1, 22)) == local(HONOLULU, 2026, 7, 2, 9)


NUUK, LOS_ANGELES, TOKYO, LONDON = (
    ZoneInfo(name) for name in ("America/Nuuk", "America/Los_Angeles", "Asia/Tokyo", "Europe/London")
)  # in Nuuk, on March 28, 2026, its clocks go from 11 p.m. to midnight


def served(here, at):
    """Return the subscription after a digest that was started at that time."""
    return replace(here, slot_served=slot_at(here, at), last_sent_at=at)


@pytest.mark.parametrize("cadence", [Cadence.DAILY, Cadence.WEEKLY])
@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=15), timedelta(hours=23, minutes=59)])
@pytest.mark.parametrize("zone", ZONES)
def test_a_late_digest_leaves_the_next_one_its_slot(zone, late, cadence):
    here = subscription(zone, cadence=cadence)
    days = 1 if cadence is Cadence.DAILY else 7
    told = served(here, local(zone, 2026, 7, 6, 9) + late)
    assert told.slot_served.day == date(2026, 7, 6)
    for recorded in (told.last_sent_at, local(zone, 2026, 7, 6 + days, 8, 59)):
        assert due_at(told, recorded) == local(zone, 2026, 7, 6 + days, 9)


@pytest.mark.parametrize("zone", ZONES)
def test_a_digest_after_days_of_silence_serves_all_the_slots_it_missed(zone):
    here = subscription(zone)
    told = served(here, local(zone, 2026, 7, 6, 1))
    assert told.slot_served.day == date(2026, 7, 5)
    assert due_at(told, told.last_sent_at) == local(zone, 2026, 7, 6, 9)
    weekly = served(subscription(zone, cadence=Cadence.WEEKLY), local(zone, 2026, 7, 23, 1))
    assert due_at(weekly, weekly.last_sent_at) == local(zone, 2026, 7, 27, 9)


@pytest.mark.parametrize(("hour", "day"), [(10, 7), (8, 7), (23, 7), (0, 7)])
def test_a_new_hour_brings_no_second_digest_for_the_same_day(hour, day):
    told = replace(served(subscription(), local(NEW_YORK, 2026, 7, 6, 9)), at=time(hour))
    assert due_at(told, local(NEW_YORK, 2026, 7, 6, 9, 30)) == local(NEW_YORK, 2026, 7, day, hour)


def test_a_new_hour_after_a_late_digest_takes_nothing_from_the_next_day():
    told = replace(served(subscription(), local(NEW_YORK, 2026, 7, 7, 1)), at=time(6))
    assert due_at(told, local(NEW_YORK, 2026, 7, 7, 2)) == local(NEW_YORK, 2026, 7, 7, 6)


@pytest.mark.parametrize(
    ("zone", "at", "moved_to", "day"),
    [
        (NEW_YORK, time(9), LOS_ANGELES, 7),
        (NEW_YORK, time(23, 50), LONDON, 7),  # there, the slot was on the next date already
        (TOKYO, time(9), NEW_YORK, 6),  # there, the slot was on the day before
        (HONOLULU, time(9), GUAM, 7),
        (GUAM, time(9), HONOLULU, 6),
    ],
)
def test_a_new_time_zone_leaves_out_no_day(zone, at, moved_to, day):
    told = replace(served(subscription(zone, at), local(zone, 2026, 7, 6, at.hour, at.minute)), tz=str(moved_to))
    assert due_at(told, told.last_sent_at) == local(moved_to, 2026, 7, day, at.hour, at.minute)


@pytest.mark.parametrize(
    ("zone", "at", "last"),
    [
        (NEW_YORK, time(2, 30), (2026, 3, 8)),
        (NEW_YORK, time(1, 30), (2026, 11, 1)),
        (NUUK, time(23, 30), (2026, 3, 28)),  # skipped, so it is half past midnight on the next date
        (NUUK, time(23, 30), (2026, 10, 24)),  # twice on this date
    ],
)
def test_each_day_has_its_slot_when_the_clocks_change(zone, at, last):
    here, day, slots = subscription(zone, at), date(*last) - timedelta(days=2), []
    now = local(zone, day.year, day.month, day.day)
    while len(slots) < 5:
        due = due_at(here, now)
        here = served(here, due)
        slots.append(here.slot_served.day)
        now = due + timedelta(minutes=5)
    assert slots == [day + timedelta(days=n) for n in range(5)]


def test_an_alert_this_morning_leaves_the_digest_of_today_its_slot():
    alert = served(subscription(cadence=Cadence.INSTANT), local(NEW_YORK, 2026, 7, 6, 8))
    daily = replace(alert, cadence=Cadence.DAILY)
    assert due_at(daily, alert.last_sent_at) == local(NEW_YORK, 2026, 7, 6, 9)
    assert due_at(replace(daily, cadence=Cadence.WEEKLY), alert.last_sent_at) == local(NEW_YORK, 2026, 7, 6, 9)


@given(
    st.sampled_from([*ZONES, NUUK]),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from([Cadence.DAILY, Cadence.WEEKLY]),
    st.lists(st.floats(0, 30), min_size=1, max_size=6),
)
def test_no_slot_is_served_twice_however_late_the_digests_are(zone, at, cadence, delays):
    here, now, slots = subscription(zone, at, cadence=cadence), local(zone, 2026, 3, 6), []
    for days in delays:
        due = due_at(here, now)
        now = due + timedelta(days=days)
        here = served(here, now)
        assert due <= here.slot_served.at <= now
        slots.append(here.slot_served)
    assert [slot.day for slot in slots] == sorted({slot.day for slot in slots})


def test_a_digest_is_due_at_its_time_unless_something_delays_it():
    due = subscription(due_at=FIRST)
    assert due.is_due(FIRST)
    assert not due.is_due(FIRST - timedelta(seconds=1))
    assert not subscription().is_due(FIRST)
    assert not replace(due, paused="the chat is gone").is_due(FIRST)
    later = FIRST + timedelta(hours=1)
    for held_back in (replace(due, retry_at=later), replace(due, quiet_until=later)):
        assert not held_back.is_due(FIRST)
        assert held_back.is_due(later)


def test_a_digest_that_is_sent_in_part_is_finished_even_if_the_next_one_is_due():
    here = subscription(at=time(9), pinned=7, pinned_at=local(NEW_YORK, 2026, 11, 24, 9))
    later, next_day = local(NEW_YORK, 2026, 11, 24, 23), local(NEW_YORK, 2026, 11, 25, 9)
    assert [is_overtaken(here, now) for now in (later, next_day)] == [False, True]
    assert not is_overtaken(replace(here, sent=1), next_day)
    assert not is_overtaken(replace(here, cadence=Cadence.INSTANT), next_day)


def test_a_pause_by_a_person_does_not_end_once_the_token_works():
    rejected = subscription(paused="the token was rejected", refused=True)
    assert rejected.with_settings(replace(rejected.settings, language=Language.SPANISH)).refused
    assert not rejected.with_settings(replace(rejected.settings, paused=STOPPED)).refused


# ── mentions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("filter_", "heard"),
    [
        ({"states": {"NC": 0}}, True),
        ({"states": {"TX": 0}}, False),
        ({"states": {ALL_STATES: 0}}, True),
        ({"counties": {"NC/nash": 0}}, True),
        ({"counties": {"NC/wake": 0}}, False),
        ({"agencies": {"nashville police": 0}}, True),  # on ICE's list there
        ({"agencies": {"board of commissioners": 0}}, True),
        ({"agencies": {"raleigh police": 0}}, False),
        ({"states": {"NC": 0}, "support_types": {SupportType.JEM: 0}}, True),
        ({"states": {"NC": 0}, "kinds": {Kind.SIGNED: 0}}, False),
        ({"states": {"NC": 7}}, False),  # watched only since a later change
    ],
)
def test_a_mention_is_news_by_place_and_by_agency(filter_, heard):
    listed = row("Nashville Police Department", "NC", "Nash County")
    mention = Mention(
        source="Nash County, NC",
        item="event/1",
        state="NC",
        county="Nash",
        body="Board of Commissioners",
        title="287(g)",
        address="https://nash.example",
        evidence="e",
        listed=(listed,),
    )
    change_ = replace(mention_change(mention, change(Kind.SIGNED).publication), seq=7)
    assert Filter(**filter_).kind_for(change_) is (Kind.MENTIONED if heard else None)
    wrong = replace(change_, kind=Kind.RETRACTED, retracted=Kind.MENTIONED, retracts=7)
    assert Filter(**filter_).kind_for(wrong) is (Kind.RETRACTED if heard else None)
