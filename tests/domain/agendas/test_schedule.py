"""Which local places are read, and when."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.domain.agenda import Place
from bot.domain.agendas.schedule import Schedule, WatchedStates, count_places
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import ALL_STATES, Filter, Subscription

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NASH = Place(name="Nash County, NC", kind="page", address="https://nash.example", state="NC")
WELL = SourceStatus(source=NASH.name, tried_at=NOW, read_at=NOW, due_at=NOW + timedelta(hours=6))


def subscriber(channel="telegram", paused=None, **filter_):
    news = Filter(**{name: dict.fromkeys(entries, 0) for name, entries in filter_.items()})
    return Subscription(id="s1", channel=channel, address="1", filter=news, paused=paused)


@pytest.mark.parametrize(
    ("who", "unverified", "verified"),
    [
        (subscriber(states=["NC"]), True, True),
        (subscriber(counties=["NC/wake"]), True, True),
        (subscriber(states=["TX"]), False, False),
        (subscriber(states=[ALL_STATES]), False, True),
        (subscriber(agencies=["nash county sheriff office"]), False, True),
        (subscriber(states=["NC"], paused="gone"), False, False),
        (subscriber("console", states=["NC"]), False, True),
        (subscriber("console", states=[ALL_STATES]), False, True),
    ],
)
def test_a_place_is_read_if_a_subscription_watches_it(who, unverified, verified):
    watched = WatchedStates.of([who])
    assert watched.include(NASH, None) is unverified
    assert watched.include(replace(NASH, verified=date(2026, 11, 1)), None) is verified
    assert watched.include(NASH, WELL) is verified
    assert watched.include(NASH, SourceStatus(source=NASH.name, tried_at=NOW, failures=1)) is unverified


def test_a_parked_place_is_not_read():
    assert not WatchedStates.of([subscriber(states=["NC"])]).include(NASH, replace(WELL, parked_at=NOW))


def test_without_subscriptions_nothing_is_due():
    schedule = Schedule({NASH.name: NASH})
    schedule.rebuild([], WatchedStates.of([]), NOW)
    assert schedule.due(NOW + timedelta(days=1)) == []


def rebuilt(places, statuses=(), **options):
    schedule = Schedule({place.name: place for place in places})
    schedule.rebuild(statuses, WatchedStates.of([subscriber(states=["NC"])]), NOW, **options)
    return schedule


def test_first_readings_are_spread_over_the_hour_at_fixed_moments():
    places = [replace(NASH, name=f"{number}, NC") for number in range(2_000)]
    schedule = rebuilt(places)
    quarters = [len(schedule.due(NOW + timedelta(minutes=15 * n))) for n in range(1, 5)]
    assert all(abs(due - 500 * n) < 100 for n, due in enumerate(quarters, start=1)), quarters
    schedule.rebuild([], WatchedStates.of([subscriber(states=["NC"])]), NOW + timedelta(minutes=30))
    assert len(schedule.due(NOW + timedelta(minutes=30))) == quarters[1]


def test_a_few_places_do_not_wait_an_hour():
    assert rebuilt([NASH]).due(NOW + timedelta(seconds=10)) == [NASH]
    assert rebuilt([NASH], at_once=True).due(NOW) == [NASH]


def test_a_place_is_due_when_its_status_says_so():
    schedule = rebuilt([NASH], [WELL])
    assert schedule.due(NOW + timedelta(hours=5)) == []
    assert schedule.due(NOW + timedelta(hours=6)) == [NASH]
    schedule.set_due(NASH.name, NOW + timedelta(hours=12))
    assert schedule.due(NOW + timedelta(hours=6)) == []


def test_no_place_waits_because_the_clock_was_set_back():
    ahead = replace(WELL, tried_at=NOW + timedelta(days=9), due_at=NOW + timedelta(days=10))
    assert rebuilt([NASH], [ahead]).due(NOW) == [NASH]


def test_places_are_counted():
    places = {name: replace(NASH, name=name) for name in "abcd"}
    statuses = [
        replace(WELL, source="a"),
        replace(WELL, source="b", failures=2),
        replace(WELL, source="c", failures=9, parked_at=NOW),
        replace(WELL, source="ice", failures=3),
    ]
    counts = count_places(places, statuses, WatchedStates.of([subscriber(states=["NC"])]))
    assert (counts.places, counts.watched, counts.failing, counts.parked) == (4, 3, 1, 1)
