"""What digests need of the whole log is computed once for all of them, and long work keeps no one waiting."""

import asyncio
import random
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from support.gated_channel import GatedChannel
from support.samples import NOON, STATES, agreement, change, first_sight, publication, record, signed, spoken

from bot.domain.agreement import SupportType
from bot.domain.change import Kind
from bot.domain.lists.totals import Standing
from bot.domain.messages.chart import picture_for
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Subscription
from bot.pipeline.deliver import SHORT, deliver
from bot.pipeline.rasterize import image_of
from bot.pipeline.standings import STANDINGS_KEPT, Standings
from bot.store.tiny.store import TinyStore

HOUR = timedelta(hours=1)


class CountingStore(TinyStore):
    """A store that counts the changes it was asked for."""

    asked = 0

    async def changes(self, **which):
        found = await super().changes(**which)
        self.asked += len(found)
        return found


@pytest.fixture
async def store():
    store = CountingStore.in_memory()
    yield store
    await store.close()


def digest(states=(ALL_STATES,), cadence=Cadence.DAILY, upto=0, at=NOON, **more):
    given = {"tz": "America/New_York"} | more
    wanted = Filter(states=dict.fromkeys(states, 0), **given.pop("narrow", {}))
    return Subscription(
        id="s1", channel="x", address="x", filter=wanted, cadence=cadence, pinned=upto, pinned_at=at, **given
    )


async def tell(store, *changes, at):
    await store.record(record(await store.known(), changes, at=at))


async def grow(store, dice, hour):
    """Record one publication, now and then with something on an agenda."""
    at, where = NOON + hour * HOUR, replace(publication(hour), observed_at=NOON + hour * HOUR)
    on_list = list((await store.known()).participating.values())
    gone = dice.sample(on_list, min(len(on_list), dice.randint(0, 2)))
    changes = [change(Kind.WITHDRAWN, one, where) for one in gone]
    changes += [signed(1000 + 10 * hour + n, None, where) for n in range(dice.randint(1, 4))]
    moved = [one for one in on_list if one not in gone][:1]
    changes += [change(Kind.CORRECTED, replace(one, state="VT"), where, was=one) for one in moved if hour % 3 == 0]
    await tell(store, *changes, *([spoken(hour)] if hour % 4 == 0 else []), at=at)


async def counted(store, to):
    """Count the totals of a digest in the plainest way."""
    log = await store.changes(upto=to.pinned)
    period = timedelta(days=7 if to.cadence is Cadence.WEEKLY else 1)
    old = next((n for n, one in enumerate(log) if one.recorded_at > to.pinned_at - period), len(log))
    now, then = ([*filter(to.filter.has, Standing().after(part).agreements.values())] for part in (log, log[:old]))
    before = len(then) if any(one.mention is None for one in log[:old]) else None
    return len(now), len({(one.state, one.canonical) for one in now}), len({one.state for one in now}), before


NARROW = [{}, {"counties": {"TX/harris": 0}}, {"agencies": {"numero 1": 0}}, {"support_types": {SupportType.TFM: 0}}]


@pytest.mark.parametrize("seed", range(3))
async def test_totals_kept_up_as_changes_come_are_the_totals_of_the_whole_log(store, seed):
    dice, standings = random.Random(seed), Standings(store)
    await tell(store, spoken(), at=NOON - HOUR)
    await tell(store, *first_sight(60), at=NOON)
    for hour in range(1, 2 * STANDINGS_KEPT):
        await grow(store, dice, 12 * hour)
        end = await store.last_seq()
        for _ in range(6):
            to = digest(
                dice.choice([(ALL_STATES,), dice.sample([*STATES, "VT"], 2), ()]),
                dice.choice([Cadence.DAILY, Cadence.WEEKLY]),
                dice.choice([end, end, dice.randint(2, end)]),
                NOON + 12 * hour * HOUR + dice.random() * HOUR,
                narrow=dice.choice(NARROW),
            )
            found = await standings.totals(to)
            assert (found.agreements, found.agencies, found.states, found.before) == await counted(store, to)


@pytest.mark.slow
async def test_the_picture_is_the_one_drawn_from_the_whole_log(store):
    standings = Standings(store)
    await tell(store, *first_sight(60), at=NOON)
    for hour in range(1, 4):
        await grow(store, random.Random(hour), 60 * hour)
        for cadence, tz in ((Cadence.DAILY, "America/New_York"), (Cadence.WEEKLY, "Pacific/Guam")):
            to = digest(cadence=cadence, upto=await store.last_seq(), at=NOON + 60 * hour * HOUR, tz=tz)
            drawn = image_of(picture_for(to, await store.changes(upto=to.pinned)))
            assert await standings.picture(to) == drawn
            assert drawn.png


async def test_before_the_list_is_read_there_are_no_totals_and_no_picture(store):
    await tell(store, spoken(), at=NOON)
    assert await Standings(store).totals(digest(upto=1)) is None
    assert await Standings(store).picture(digest(upto=1)) is None


async def test_many_digests_of_one_moment_read_the_log_once_and_later_ones_only_what_is_new(store):
    standings = Standings(store)
    await tell(store, *first_sight(60), at=NOON)
    await grow(store, random.Random(1), 1)
    end = await store.last_seq()
    moments = [NOON + HOUR + number * timedelta(milliseconds=7) for number in range(20)]
    digests = [digest(states, upto=end, at=at) for at in moments for states in ((ALL_STATES,), ("TX",), ("FL", "TX"))]
    found = await asyncio.gather(*map(standings.totals, digests), *map(standings.picture, digests))
    assert store.asked == end
    images = {id(image) for image in found[len(digests) :]}
    assert len(images) == 3  # the nation, Texas, and Florida with Texas
    before = store.asked
    await grow(store, random.Random(2), 2)
    for to in digests:
        await standings.totals(replace(to, pinned=await store.last_seq()))
    assert store.asked - before == await store.last_seq() - end


class Rendering(GatedChannel):
    """A channel that notes the thread in which it renders."""

    def render(self, digest, picture=None):
        self.thread = threading.current_thread()
        return super().render(digest, picture)


@pytest.mark.parametrize(("changes", "on_loop"), [(SHORT, True), (SHORT + 1, False), (200, False)])
@pytest.mark.parametrize("cadence", [Cadence.INSTANT, Cadence.DAILY])
async def test_a_long_digest_is_rendered_off_the_event_loop(store, changes, on_loop, cadence):
    await tell(store, *first_sight(3), at=NOON)
    mine = await store.subscribe(replace(digest(cadence=cadence), pinned=None, pinned_at=None))
    await tell(store, *(signed(100 + number) for number in range(changes)), at=NOON)
    channel = Rendering("x", is_open=True)
    to = await store.subscription(mine.id)
    await deliver(to, store=store, channels={"x": channel}, now=lambda: NOON + 30 * HOUR, page="https://ice.example")
    assert channel.told == ["x"]
    assert (channel.thread is threading.main_thread()) is on_loop


async def test_a_long_alert_does_not_wait_for_the_digests_that_are_composed(store):
    standings, started, go_on = Standings(store), threading.Event(), threading.Event()

    def long_digest():
        started.set()
        assert go_on.wait(60)

    digests = asyncio.create_task(standings.in_thread(long_digest))
    await asyncio.to_thread(started.wait, 60)
    assert await standings.in_thread(lambda: "an alert", urgent=True) == "an alert"
    assert not digests.done()
    go_on.set()
    await digests


async def test_agenda_items_are_found_without_reading_the_log_again(store):
    standings = Standings(store)
    await tell(store, *first_sight(5), spoken(1), spoken(2, state="GA"), at=NOON)
    await tell(store, spoken(3), signed(100, "NC"), at=NOON + HOUR)
    assert [c.seq for c in (await standings.mentions(9, NOON, frozenset({"NC"}))).changes] == [6, 8]
    assert [c.seq for c in (await standings.mentions(7, NOON, frozenset({"NC"}))).changes] == [6]
    assert [c.seq for c in (await standings.mentions(9, NOON + HOUR, frozenset({"NC", "GA"}))).changes] == [8]
    assert store.asked == 9


def test_an_agreement_that_moved_to_another_state_counts_there():
    one, where = agreement(1, "TX"), publication()
    standing = Standing().after([change(Kind.LISTED, one, where, seq=1, recorded_at=NOON)])
    moved = standing.after([change(Kind.CORRECTED, agreement(1, "OK"), where, was=one, seq=2, recorded_at=NOON)])
    assert set(standing.by_state) == {"TX"}
    assert set(moved.by_state) == {"OK"}
