"""Readings that someone else made: they go down the same line, and nothing is told twice or taken back."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ice_site import EVERY, NOON, PAGE, IceHarness, cells, constables

from bot.domain.change import Kind
from bot.domain.document import digest
from bot.domain.handover import Handover
from bot.domain.source_status import ICE
from bot.domain.way import Way
from bot.errors import SourceError
from bot.pipeline.take_over import take_over
from bot.sources.other_ways import NotHandedOver

MINUTE = timedelta(minutes=1)
FIRST = [cells("Alvin Police Department"), *constables(12)]
SECOND = [*FIRST, cells("Brazoria County Sheriff's Office")]
THIRD = SECOND[1:]  # Alvin's police left


@pytest.fixture
def ice(tmp_path):
    return IceHarness(tmp_path / "data")


async def seen_by(ice, way, *, at=None, without_bodies=False):
    """Return what a program that reads ICE's site now would hand over."""
    found = [await ice.site.get(address, source="ice") for address in (PAGE, *ice.links.values())]
    return Handover(
        way=way,
        documents=tuple(_as_handed(document, at or ice.site.at, without_body=without_bodies) for document in found),
    )


def _as_handed(document, at, *, without_body):
    return replace(document, fetched_at=at, body=b"" if without_body else document.body)


async def taken(ice, handover, *, later=MINUTE):
    ice.site.at += later
    return (await take_over(ice.ice, handover, store=ice.store, now=ice.site.at, every=EVERY)).poll


async def log_of(ice):
    return [(change.kind, change.agreement.agency) for change in await ice.store.changes()]


async def test_a_relays_reading_is_recorded_like_our_own_and_says_how_it_came(ice):
    ice.publish(FIRST)
    await taken(ice, await seen_by(ice, Way.RELAY))
    ice.publish(SECOND)
    handover = await seen_by(ice, Way.RELAY)
    poll = await taken(ice, handover)
    (change,) = poll.changes
    assert (change.kind, change.agreement.agency) == (Kind.SIGNED, "Brazoria County Sheriff's Office")
    assert change.publication.way is Way.RELAY
    assert change.publication.observed_at == handover.as_of
    assert change.recorded_at == ice.site.at
    status = await ice.store.source_status(ICE)
    assert (status.read_at, status.tried_at) == (handover.as_of, ice.site.at)


async def test_while_a_relay_is_heard_we_ask_ice_nothing_and_an_hour_later_we_do(ice):
    ice.publish(FIRST)
    await taken(ice, await seen_by(ice, Way.RELAY))
    status = await ice.store.source_status(ICE)
    assert not status.is_due(ice.site.at + timedelta(minutes=59), EVERY)
    assert status.is_due(ice.site.at + timedelta(minutes=61), EVERY)


async def test_an_unchanged_reading_without_any_bytes_keeps_the_last_reading_true(ice):
    ice.publish(FIRST)
    await taken(ice, await seen_by(ice, Way.RELAY))
    ice.site.at += timedelta(minutes=15)
    handover = await seen_by(ice, Way.RELAY, without_bodies=True)
    assert (await taken(ice, handover)).changes == ()
    assert (await ice.store.source_status(ICE)).read_at == handover.as_of


async def test_bytes_that_we_never_got_are_asked_for_by_their_hash(ice):
    ice.publish(FIRST)
    with pytest.raises(NotHandedOver) as asked:
        await taken(ice, await seen_by(ice, Way.RELAY, without_bodies=True))
    assert asked.value.sha256 == digest(ice.site.has[PAGE])
    assert (await ice.store.source_status(ICE)).problem is None


async def test_a_handover_without_the_list_is_refused_in_words_and_leaves_the_status_alone(ice):
    ice.publish(FIRST)
    whole = await seen_by(ice, Way.RELAY)
    with pytest.raises(SourceError, match="wasn't handed over"):
        await taken(ice, Handover(way=Way.RELAY, documents=whole.documents[:1]))
    assert (await ice.store.source_status(ICE)).tried_at is None


@pytest.mark.parametrize("way", [Way.RELAY, Way.UPSTREAM, Way.ARCHIVE])
async def test_a_reading_older_than_our_own_changes_nothing(ice, way):
    ice.publish(FIRST)
    await ice.poll()
    ice.publish(SECOND)
    old = await seen_by(ice, way)
    ice.publish(THIRD)
    await ice.poll()
    before = await log_of(ice)
    assert await taken(ice, old) is None
    assert await log_of(ice) == before


async def test_a_reading_from_the_future_changes_nothing(ice):
    ice.publish(FIRST)
    assert await taken(ice, await seen_by(ice, Way.RELAY, at=NOON + timedelta(hours=1))) is None


async def test_two_ways_that_differ_for_a_while_never_flip_the_list(ice):
    ice.publish(FIRST)
    await taken(ice, await seen_by(ice, Way.RELAY))
    old = await seen_by(ice, Way.UPSTREAM)
    ice.publish([*FIRST, *[cells(f"{name} Police Department") for name in ("Buda", "Cuero", "Devine")]])
    await taken(ice, await seen_by(ice, Way.RELAY))
    told = await log_of(ice)
    for _ in range(4):  # the upstream's server still has the old list, and reads it again and again
        again = Handover(
            way=old.way, documents=tuple(_as_handed(d, ice.site.at, without_body=False) for d in old.documents)
        )
        await taken(ice, again)
        await taken(ice, await seen_by(ice, Way.RELAY))
    assert await log_of(ice) == told
    assert await ice.store.held() == ()


WAYS = st.sampled_from(list(Way))
STEPS = st.lists(
    st.tuples(st.sampled_from(["publish", "read", "arrive", "poll", "stale"]), WAYS, st.integers(0, 5)), max_size=40
)


def _lists(number):
    """Return one of many lists: each has other agencies beside the constables that never leave."""
    return [
        *constables(12),
        *[cells(f"{name} Police Department") for name in sorted(_NAMES[number % 7 : number % 7 + 4])],
    ]


_NAMES = ["Alvin", "Buda", "Cuero", "Devine", "Edna", "Freer", "Goliad", "Hondo", "Ingleside", "Jourdanton", "Kyle"]


MOST_LISTS = 7  # then they would repeat, and a list that goes back is held for as many readings as there are


@given(steps=STEPS)
@settings(max_examples=40, deadline=None)
@pytest.mark.slow
async def test_whatever_ways_readings_take_the_log_is_that_of_ice_read_alone(tmp_path_factory, steps):
    """One way or another reads each publication at once.

    Other ways read now and then and arrive late, captures of old lists are among them, and we poll ICE ourselves in
    between, in any order.
    """
    alone, mixed = (IceHarness(tmp_path_factory.mktemp("ways") / name) for name in ("alone", "mixed"))
    number, under_way, old = 0, [], []
    for step, way, delay in [("publish", Way.RELAY, 0), *steps]:
        if step == "publish" and number < MOST_LISTS:
            for ice in (alone, mixed):
                ice.publish(_lists(number), dated=str(number))
            number += 1
            await alone.poll()
            mixed.site.at = alone.site.at
            first = await seen_by(mixed, way)
            old.append(first)
            await (mixed.poll(hours=0) if way is Way.DIRECT else taken(mixed, first))
        elif step == "poll":
            await mixed.poll(hours=delay / 10)
        elif step == "read" and way is not Way.DIRECT:
            mixed.site.at += timedelta(seconds=20)
            under_way.append(await seen_by(mixed, way, without_bodies=delay % 2 == 1))
        elif step == "stale" and way is not Way.DIRECT:
            mixed.site.at += timedelta(seconds=20)
            under_way.append(_by(way, old[delay % len(old)]))
        elif under_way:
            late = under_way.pop(delay % len(under_way))
            with suppress(NotHandedOver):
                await taken(mixed, late)
        alone.site.at = mixed.site.at
    assert await log_of(mixed) == await log_of(alone)
    assert [held.publication.evidence for held in await mixed.store.held()] == [
        held.publication.evidence for held in await alone.store.held()
    ]
    await alone.store.close()
    await mixed.store.close()


def _by(way, handover):
    """Return an old reading as another way brings it, with the time when it was made."""
    return Handover(way=way, documents=handover.documents)
