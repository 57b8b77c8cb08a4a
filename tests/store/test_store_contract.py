"""The contract of every store; a new store is a line in STORES."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from support.samples import (
    MINUTE,
    NOON,
    agreement,
    change,
    document,
    first_sight,
    held,
    receipt,
    record,
    signed,
    spoken,
    status,
    subscription,
)

from bot.domain.agreement import ListName, SupportType, Window
from bot.domain.change import Kind, Known
from bot.domain.language import Language
from bot.domain.lists.signing_dates import is_doubtful
from bot.domain.subscription import Cadence, Filter, Receipt, due_at, owed, slot_at
from bot.errors import StoreError
from bot.store import Record, SourceStatus
from bot.store.postgres.store import PostgresStore
from bot.store.tiny.store import TinyStore


class Tiny:
    """A TinyStore that can be closed and opened again."""

    def __init__(self, folder):
        self.folder, self.store = folder / "data", None

    async def open(self):
        await self.close()
        self.store = TinyStore.open(self.folder)
        return self.store

    async def close(self):
        if self.store is not None:
            await self.store.close()


class Postgres:
    """A PostgresStore that can be closed and opened again."""

    def __init__(self, url):
        self.url, self.store = url, None

    async def open(self):
        await self.close()
        self.store = await PostgresStore.open(self.url)
        return self.store

    async def close(self):
        if self.store is not None:
            await self.store.close()


STORES = {
    "tiny": lambda request: Tiny(request.getfixturevalue("tmp_path")),
    "postgres": lambda request: Postgres(request.getfixturevalue("database")),
}


@pytest.fixture(params=sorted(STORES))
async def place(request):
    place = STORES[request.param](request)
    yield place
    await place.close()


@pytest.fixture
async def store(place):
    return await place.open()


async def tell(store, *changes, at=NOON):
    return await store.record(record(await store.known(), changes, at=at))


# The log and what is known


async def test_a_new_store_knows_nothing(store):
    assert await store.known() == Known()
    assert await store.last_seq() == 0
    for nothing in (store.changes(), store.source_statuses(), store.held(), store.subscriptions(), store.receipts()):
        assert list(await nothing) == []
    assert await store.source_status("ice") == SourceStatus(source="ice")
    assert await store.evidence("0" * 64) is None
    assert list(await store.due(NOON)) == []


async def test_changes_are_numbered_in_their_order_and_stamped(store):
    await tell(store, *first_sight(3))
    numbered = await tell(store, signed(10), signed(11), at=NOON + MINUTE)
    assert [c.seq for c in numbered] == [4, 5]
    assert {c.recorded_at for c in numbered} == {NOON + MINUTE}
    assert list(await store.changes(after=3)) == list(numbered)
    assert await store.last_seq() == 5


async def test_the_known_state_is_the_recorded_one_after_opening_again_too(place, store):
    await tell(store, *first_sight(60))
    known = await store.known()
    gone, renamed = agreement(3), agreement(4)
    better = replace(renamed, agency="Número Cuatro PD", canonical="numero cuatro police department")
    brought = record(
        known,
        [
            change(Kind.WITHDRAWN, gone),
            change(Kind.RENAMED, better, was=renamed),
            change(Kind.APPLIED, agreement(70), name=ListName.PENDING),
        ],
        move_rows=7,
        absent={agreement(70).key: NOON + MINUTE},
    )
    await store.record(brought)
    assert (await store.known()).pending_since
    assert await store.known() == brought.known
    store = await place.open()
    assert await store.known() == brought.known
    assert (await store.known()).former == {gone.key: gone}


async def test_new_rows_and_publications_without_changes_are_kept(place, store):
    await tell(store, *first_sight(20))
    brought = record(await store.known(), move_rows=1, number=9)
    await store.record(brought)
    store = await place.open()
    assert await store.known() == brought.known


async def test_the_known_state_must_follow_from_the_changes(store):
    await tell(store, *first_sight(3))
    brought = record(await store.known(), [signed(9)])
    with pytest.raises(StoreError, match="doesn't follow"):
        await store.record(replace(brought, changes=()))
    with pytest.raises(StoreError, match="doesn't follow"):
        await store.record(replace(brought, changes=(signed(8),)))
    assert await store.last_seq() == 3
    await store.record(brought)
    assert await store.known() == brought.known


async def test_the_log_is_read_by_number_time_state_and_kind(store):
    await tell(store, signed(1, "TX"), signed(2, "FL"))
    moved = replace(agreement(2, "FL"), state="GA")
    await tell(store, change(Kind.CORRECTED, moved, was=agreement(2, "FL")), at=NOON + MINUTE)

    async def numbers(**which):
        return [c.seq for c in await store.changes(**which)]

    assert await numbers(after=1) == [2, 3]
    assert await numbers(after=1, upto=2) == [2]
    assert await numbers(since=NOON + MINUTE) == [3]
    assert await numbers(states=["FL"]) == [2, 3]
    assert await numbers(states=["TX", "GA"]) == [1, 3]
    assert await numbers(kinds=[Kind.SIGNED]) == [1, 2]
    assert await numbers(after=7) == []


async def test_a_change_comes_back_complete(place, store):
    what = agreement(50, printed={"SUPPORT TYPE": "Task  Force\tModel\u2028"}, addendum="https://x/a b.pdf")
    [given] = await tell(store, change(Kind.SIGNED, what))
    store = await place.open()
    assert list(await store.changes()) == [given]


async def test_the_dates_that_the_lists_can_bear_out_come_back_with_changes_and_agreements(place, store):
    wrong = replace(agreement(1), signed=date(2016, 1, 7), window=Window(date(2025, 9, 8), date(2026, 1, 8)))
    await tell(store, change(Kind.SIGNED, wrong))
    store = await place.open()
    (told,) = await store.changes()
    known = (await store.known()).participating[wrong.key]
    assert told.agreement.window == known.window == wrong.window
    assert is_doubtful(told.agreement)


async def test_a_mention_comes_back_complete_and_leaves_ices_lists_alone(place, store):
    await tell(store, *first_sight(5))
    before, held_before = await store.known(), (held(1),)
    await store.put_held(held_before)
    first = spoken(1)
    moved = replace(spoken(1, before=first), seq=0)
    [given, again] = await store.record(
        Record(status=status(source="Nash County, NC"), recorded_at=NOON, known=None, changes=(first, moved), held=None)
    )
    assert [given.seq, again.seq] == [6, 7]
    store = await place.open()
    assert list(await store.changes(after=5)) == [given, again]
    assert (await store.changes(after=5))[1].mention.before == given.mention
    assert await store.known() == before
    assert tuple(await store.held()) == held_before
    assert list(await store.changes(states=["NC"], kinds=[Kind.MENTIONED])) == [given, again]


async def test_a_mention_is_due_to_subscriptions_that_watch_its_state(store):
    here = await store.subscribe(subscription(["NC"]))
    elsewhere = await store.subscribe(replace(subscription(["TX"]), address="C9"))
    await store.record(Record(status=status(source="x"), recorded_at=NOON, known=None, changes=(spoken(),), held=None))
    assert (await store.subscription(here.id)).due_at == NOON
    assert (await store.subscription(elsewhere.id)).due_at is None


# Sources, what is held, evidence


async def test_statuses_come_back_by_name(place, store):
    first, second = status(source="b"), status(source="a", problem="403", problem_since=NOON, failures=3)
    await store.remember(first)
    await store.remember(second)
    await store.remember(replace(first, failures=1))
    store = await place.open()
    assert list(await store.source_statuses()) == [second, replace(first, failures=1)]
    assert await store.source_status("a") == second


async def test_a_status_remembered_again_and_again_stays_complete(place, store):
    first = status(source="b")
    await store.remember(first)
    later = replace(first, tried_at=NOON + MINUTE, read_at=NOON + MINUTE, facts=dict(first.facts))
    await store.remember(later)
    other = replace(later, facts={"links": ["c"]}, parked_at=NOON)
    await store.remember(other)
    await store.remember(replace(other, validators={}, parked_at=None))
    store = await place.open()
    assert await store.source_status("b") == replace(other, validators={}, parked_at=None)


async def test_held_listings_are_replaced_as_a_whole(place, store):
    older, newer = held(1, [agreement(1)]), held(2)
    await store.put_held([newer, older])
    assert list(await store.held()) == [older, newer]
    await store.record(record(await store.known(), held=(newer, older)))
    store = await place.open()
    assert list(await store.held()) == [older, newer]
    await store.record(record(await store.known(), held=(replace(newer, readings=9),)))
    assert list(await store.held()) == [replace(newer, readings=9)]
    await store.put_held([])
    assert list(await store.held()) == []


async def test_a_document_is_kept_as_it_was_first_fetched(place, store):
    first = document()
    again = replace(first, name="other.xlsx", fetched_at=NOON + MINUTE)
    await store.record(record(await store.known(), documents=(first,)))
    await store.record(record(await store.known(), documents=(again,)))
    store = await place.open()
    assert await store.evidence(first.sha256) == first
    assert await store.evidence("../" + first.sha256) is None


async def test_an_unchanged_answer_is_no_evidence(store):
    await store.record(record(await store.known(), documents=(replace(document(), body=b"", unchanged=True),)))
    assert await store.evidence(document().sha256) is None


# Subscriptions


async def test_a_new_subscription_is_owed_nothing_older(store):
    await tell(store, *first_sight(3), signed(10, "FL"))
    new = await store.subscribe(subscription(["FL"]))
    assert new.cursor == 4
    assert new.filter.states == {"FL": 4}
    assert set(new.filter.kinds.values()) == {4}
    assert new.due_at is None
    assert list(await store.subscriptions()) == [new]


async def test_ids_are_never_reused(place, store):
    first = await store.subscribe(subscription())
    second = await store.subscribe(subscription())
    await store.unsubscribe(second.id)
    store = await place.open()
    third = await store.subscribe(subscription())
    assert [s.id for s in await store.subscriptions()] == [first.id, third.id]
    await store.unsubscribe(first.id)
    await store.advance(third.id, 0)
    store = await place.open()
    fourth = await store.subscribe(subscription())
    assert len({first.id, second.id, third.id, fourth.id}) == 4


async def test_ending_a_missing_subscription_does_nothing(store):
    await store.unsubscribe("s99")
    with pytest.raises(StoreError, match="s99"):
        await store.advance("s99", 1)


async def test_an_unknown_time_zone_is_refused(store):
    with pytest.raises(StoreError, match="Mars/Olympus"):
        await store.subscribe(subscription(tz="Mars/Olympus"))
    mine = await store.subscribe(subscription())
    with pytest.raises(StoreError, match="/etc/passwd"):
        await store.change_subscription(replace(mine, tz="/etc/passwd"))


async def test_an_instant_subscription_is_due_when_its_change_is_recorded(store):
    florida, texas = await store.subscribe(subscription(["FL"])), await store.subscribe(subscription(["TX"]))
    await tell(store, signed(1, "FL"))
    [due] = await store.due(NOON)
    assert due == replace(florida, due_at=NOON)
    assert list(await store.due(NOON - MINUTE)) == []
    assert list(await store.subscriptions()) == [due, texas]


async def test_a_daily_subscription_is_due_at_its_hour(place, store):
    await store.subscribe(subscription(["*"], Cadence.DAILY, at=time(9), tz="America/Chicago"))
    await tell(store, signed(1))
    nine = datetime(2026, 5, 14, 14, tzinfo=UTC)
    await tell(store, signed(2), at=nine + MINUTE)
    for _ in range(2):
        assert list(await store.due(nine - MINUTE)) == []
        assert [s.due_at for s in await store.due(nine)] == [nine]
        store = await place.open()


async def test_weekly_subscriptions_of_one_hour_are_due_on_their_own_weekdays_and_undo_brings_the_last_back(
    place, store
):
    days = {
        (await store.subscribe(subscription(["*"], Cadence.WEEKLY, tz="America/New_York", weekday=day))).id: day
        for day in range(7)
    }
    await tell(store, signed(1))
    for _ in range(2):
        assert {s.id: s.due_at.weekday() for s in await store.subscriptions()} == days
        store = await place.open()
    one = (await store.subscriptions())[0]
    changed = await store.change_subscription(one.with_settings(replace(one.settings, weekday=3)))
    assert changed.due_at.weekday() == 3
    assert (await store.change_subscription(changed.with_settings(changed.before))).due_at.weekday() == 0


async def test_the_longest_due_come_first(store):
    for state in ("FL", "TX", "GA"):
        await store.subscribe(subscription([state]))
    for minute, state in enumerate(("TX", "GA", "FL")):
        await tell(store, signed(minute, state), at=NOON + minute * MINUTE)
    assert [s.id for s in await store.due(NOON + MINUTE)] == ["s2", "s3"]
    assert [s.id for s in await store.due(NOON + 2 * MINUTE)] == ["s2", "s3", "s1"]
    assert [s.id for s in await store.due(NOON)] == ["s2"], "a clock set back"


async def test_first_sight_is_due_to_nobody(store):
    await store.subscribe(subscription(["*"]))
    await tell(store, *first_sight(5))
    assert list(await store.due(NOON)) == []


async def test_a_digest_is_pinned_sent_in_parts_and_done(place, store):
    mine = await store.subscribe(subscription(["FL"]))
    await tell(store, signed(1, "FL"), signed(2, "FL"))
    await store.pin(mine.id, 2, NOON)
    now = await store.sent(receipt(mine.id, part=1, parts=2, message_id="1"))
    assert (now.pinned, now.pinned_at, now.sent, now.cursor) == (2, NOON, 1, 0)
    store = await place.open()
    assert list(await store.subscriptions()) == [now]
    assert await store.pin(mine.id, 2, NOON + MINUTE) == now, "what is on its way stays as it is"
    await store.sent(receipt(mine.id, part=2, parts=2, message_id="2"))
    done = await store.advance(mine.id, 2)
    assert (done.pinned, done.pinned_at, done.sent, done.cursor, done.due_at) == (None, None, 0, 2, None)
    store = await place.open()
    assert list(await store.subscriptions()) == [done]
    assert [r.message_id for r in await store.receipts(mine.id)] == ["1", "2"]
    assert list(await store.due(NOON)) == []


async def test_a_change_recorded_while_a_digest_is_sent_is_due_after_it(place, store):
    mine = await store.subscribe(subscription(["FL"]))
    await tell(store, signed(1, "FL"))
    await store.pin(mine.id, 1, NOON)
    await tell(store, signed(2, "FL"), at=NOON + MINUTE)
    done = await store.advance(mine.id, 1)
    assert done.due_at == NOON + MINUTE
    store = await place.open()
    assert list(await store.due(NOON + MINUTE)) == [done]


async def test_a_failed_send_waits_for_its_retry_and_nothing_brings_it_forward(place, store):
    mine = await store.subscribe(subscription(["FL"]))
    await tell(store, signed(1, "FL"))
    [due] = await store.due(NOON)
    later = NOON + timedelta(hours=1)
    await store.failed(
        receipt(mine.id, error="channel_not_found"),
        replace(due, retry_at=later, failures=1, failing_since=NOON, address="C9"),
    )
    await tell(store, signed(2, "FL"), at=NOON + MINUTE)
    for _ in range(2):
        assert list(await store.due(later - MINUTE)) == []
        [again] = await store.due(later)
        assert (again.failures, again.failing_since, again.address) == (1, NOON, "C9")
        store = await place.open()
    assert [r.error for r in await store.receipts()] == ["channel_not_found"]
    done = await store.advance(mine.id, 2)
    assert (done.retry_at, done.failures, done.failing_since) == (None, 0, None)


async def test_a_failed_send_undoes_nothing_its_owner_did_meanwhile(store):
    mine = await store.subscribe(subscription(["FL"]))
    await tell(store, signed(1, "FL"))
    [due] = await store.due(NOON)
    await store.change_subscription(
        replace(due, filter=Filter(states={"FL": 0, "TX": 0}), cadence=Cadence.DAILY, paused="stopped by its owner")
    )
    await store.failed(receipt(mine.id, error="500"), replace(due, failures=1, retry_at=NOON + MINUTE))
    [now] = await store.subscriptions()
    assert set(now.filter.states) == {"FL", "TX"}
    assert (now.cadence, now.paused, now.failures) == (Cadence.DAILY, "stopped by its owner", 1)


async def test_nothing_is_kept_about_a_subscription_forgotten_during_a_send(store):
    mine = await store.subscribe(subscription(["FL"]))
    await store.forget(mine.id)
    with pytest.raises(StoreError, match="no subscription"):
        await store.sent(receipt(mine.id, message_id="1"))
    await store.failed(receipt(mine.id, error="403"), mine)
    assert list(await store.receipts()) == list(await store.subscriptions()) == []


async def test_a_subscription_is_found_by_its_address_wherever_it_moves(place, store):
    mine = await store.subscribe(subscription(address="C012345"))
    other = await store.subscribe(replace(mine, channel="telegram"))
    assert await store.find("slack", "C012345") == await store.subscription(mine.id) == mine
    assert await store.find("telegram", "C012345") == other
    await store.failed(receipt(mine.id, error="moved"), replace(mine, address="C9"))
    for _ in range(2):
        assert await store.find("slack", "C012345") is None
        assert (await store.find("slack", "C9")).id == mine.id
        store = await place.open()
    await store.unsubscribe(mine.id)
    assert await store.find("slack", "C9") is None
    assert await store.subscription(mine.id) is None


async def test_notes_are_kept_by_kind_and_key(place, store):
    await store.note("told", "held 1", "2026")
    await store.note("told", "held 2", "2027")
    await store.note("tokens", "held 1", "x")
    await store.note("told", "held 2", None)
    await store.note("told", "held 3", None)
    for _ in range(2):
        assert dict(await store.notes("told")) == {"held 1": "2026"}
        assert dict(await store.notes("tokens")) == {"held 1": "x"}
        assert dict(await store.notes("nothing")) == {}
        store = await place.open()


async def test_a_forgotten_subscription_leaves_no_receipt(place, store):
    gone, stays = await store.subscribe(subscription()), await store.subscribe(subscription())
    for one in (gone, stays):
        await store.sent(receipt(one.id))
    await store.forget(gone.id)
    await store.forget("s99")
    for _ in range(2):
        assert [r.subscription for r in await store.receipts()] == [stays.id]
        assert [s.id for s in await store.subscriptions()] == [stays.id]
        store = await place.open()


async def test_a_paused_subscription_is_due_once_it_is_resumed(place, store):
    mine = await store.subscribe(subscription(["FL"]))
    mine = await store.change_subscription(replace(mine, paused="channel_not_found"))
    await tell(store, signed(1, "FL"))
    assert list(await store.due(NOON)) == []
    store = await place.open()
    assert list(await store.due(NOON)) == []
    resumed = await store.change_subscription(replace(mine, paused=None))
    assert list(await store.due(NOON)) == [resumed]


async def test_a_deferred_subscription_is_due_later_with_nothing_sent_and_nothing_failed(place, store):
    mine = await store.subscribe(subscription(["FL"]))
    await tell(store, signed(1, "FL"))
    await store.pin(mine.id, 1, NOON)
    later = NOON + timedelta(seconds=40)
    await store.defer(mine.id, later)
    await tell(store, signed(2, "FL"), at=NOON + timedelta(seconds=10))
    for _ in range(2):
        assert list(await store.due(later - timedelta(seconds=1))) == list(await store.receipts()) == []
        [again] = await store.due(later)
        assert (again.retry_at, again.failures, again.failing_since, again.pinned) == (later, 0, None, 1)
        store = await place.open()
    assert (await store.advance(mine.id, 1)).retry_at is None
    assert [s.id for s in await store.due(NOON + timedelta(seconds=10))] == [mine.id]


async def test_a_rejected_token_pauses_until_a_probe_works(place, store):
    mine = await store.subscribe(subscription(["FL"]))
    await tell(store, signed(1, "FL"))
    [due] = await store.due(NOON)
    verdict = replace(due, failures=1, failing_since=NOON, paused="the token", refused=True, retry_at=NOON + MINUTE)
    await store.failed(receipt(mine.id, error="invalid_auth"), verdict)
    for _ in range(2):
        [now] = await store.subscriptions()
        assert (now.paused, now.refused, now.retry_at) == ("the token", True, NOON + MINUTE)
        assert list(await store.due(NOON + timedelta(days=9))) == []
        store = await place.open()
    asking = await store.change_subscription(replace(now, paused=None, retry_at=None))
    assert list(await store.due(NOON)) == [asking]
    assert asking.refused
    assert not (await store.advance(mine.id, 1)).refused


async def test_a_subscription_its_owner_stopped_meanwhile_does_not_count_as_rejected(store):
    mine = await store.subscribe(subscription(["FL"]))
    await tell(store, signed(1, "FL"))
    [due] = await store.due(NOON)
    await store.change_subscription(replace(mine, paused="stopped by its owner"))
    await store.failed(receipt(mine.id, error="invalid_auth"), replace(due, paused="the token", refused=True))
    [now] = await store.subscriptions()
    assert (now.paused, now.refused) == ("stopped by its owner", False)


async def test_an_undo_owes_what_the_old_filter_would_have_and_nothing_else(place, store):
    mine = await store.subscribe(subscription(["FL", "TX"]))
    await tell(store, signed(1, "TX"))
    fewer = mine.with_settings(replace(mine.settings, filter=Filter(states={"FL": 0, "GA": 0})))
    fewer = await store.change_subscription(fewer)
    assert fewer.due_at is None
    await tell(store, signed(2, "GA"), signed(3, "TX"), at=NOON + MINUTE)
    store = await place.open()
    [fewer] = await store.subscriptions()
    undone = await store.change_subscription(replace(fewer.with_settings(fewer.before), before=None))
    assert undone.filter == mine.filter
    assert undone.due_at == NOON
    assert [c.seq for c in owed(undone, await store.changes())] == [1, 3]
    store = await place.open()
    assert list(await store.subscriptions()) == [undone]


async def test_nothing_waits_for_a_time_set_while_the_clock_was_ahead(place, store):
    ahead = NOON + timedelta(days=30)
    await store.record(record(await store.known(), at=ahead))
    instant = await store.subscribe(replace(subscription(["FL"]), created_at=ahead))
    daily = await store.subscribe(subscription(["FL"], cadence=Cadence.DAILY))
    weary = await store.subscribe(subscription(["TX"]))
    await tell(store, signed(1, "FL"), signed(2, "TX"), at=ahead)
    await store.failed(receipt(weary.id, at=ahead, error="500"), replace(weary, retry_at=ahead, failing_since=ahead))
    await store.advance(daily.id, 0, ahead)  # what was told then, was told now
    await store.remember(status(NOON))  # the next reading; its clock is right
    for _ in range(2):
        assert [s.id for s in await store.due(NOON)] == [instant.id, weary.id]
        [one, each_day, tired] = await store.subscriptions()
        assert (one.created_at, each_day.last_sent_at, tired.failing_since, tired.retry_at) == (NOON, NOON, NOON, None)
        assert each_day.due_at == datetime(2026, 5, 15, 9, tzinfo=UTC)
        store = await place.open()
    assert [c.recorded_at for c in await store.changes()] == [ahead, ahead], "the log stays as it was written"
    assert (await store.change_subscription(replace(one, language=Language.SPANISH))).due_at == NOON
    await store.advance(instant.id, 2)
    await tell(store, signed(3, "FL"), at=NOON + MINUTE)
    [_, after] = await store.due(NOON + MINUTE)
    assert (after.id, after.due_at) == (instant.id, NOON + MINUTE), "what is recorded from now on has its own time"


async def test_a_digest_sent_late_serves_its_slot_and_leaves_the_next_one(place, store):
    night = NOON + timedelta(hours=13)
    mine = await store.subscribe(subscription(["FL"], cadence=Cadence.DAILY))
    slot = slot_at(mine, night)
    await store.advance(mine.id, 0, night, slot)
    await tell(store, signed(1, "FL"), at=night + MINUTE)
    for _ in range(2):
        [told] = await store.subscriptions()
        assert (told.slot_served, told.due_at) == (slot, slot.at + timedelta(days=1))
        store = await place.open()
    corrected = await store.advance(mine.id, 0)
    assert corrected.slot_served == slot, "a correction serves no slot"


async def test_a_slot_served_while_the_clock_was_ahead_is_served_no_longer(place, store):
    ahead = NOON + timedelta(days=30)
    await store.record(record(await store.known(), at=ahead))
    mine = await store.subscribe(subscription(["FL"], cadence=Cadence.DAILY))
    await store.advance(mine.id, 0, ahead, slot_at(mine, ahead))
    await store.remember(status(NOON))  # the next reading; its clock is right
    await tell(store, signed(1, "FL"), at=NOON + MINUTE)
    for _ in range(2):
        [told] = await store.subscriptions()
        assert told.slot_served == slot_at(told, NOON)
        assert told.due_at == told.slot_served.at + timedelta(days=1)
        store = await place.open()


async def test_a_clock_set_back_by_a_few_seconds_changes_nothing(store):
    soon = NOON + timedelta(seconds=20)
    await store.subscribe(subscription(["FL"]))
    await tell(store, signed(1, "FL"), at=soon)
    before = await store.subscriptions()
    await store.remember(status(NOON))
    assert await store.subscriptions() == before
    assert list(await store.due(NOON)) == []


async def test_a_state_added_later_brings_nothing_older(store):
    mine = await store.subscribe(subscription(["FL"]))
    await tell(
        store, signed(1, "TX"), signed(2, "FL"), change(Kind.RENAMED, agreement(3, "FL"), was=agreement(4, "FL"))
    )
    mine = await store.change_subscription(
        replace(
            mine,
            filter=Filter(states={"FL": 0, "TX": 0}, kinds=dict.fromkeys([Kind.SIGNED, Kind.RENAMED], 0)),
        )
    )
    assert mine.filter == Filter(states={"FL": 0, "TX": 3}, kinds={Kind.SIGNED: 0, Kind.RENAMED: 3})
    assert [c.seq for c in owed(mine, await store.changes())] == [2]
    assert mine.due_at == NOON


async def test_a_state_taken_out_of_a_filter_is_owed_nothing(store):
    mine = await store.subscribe(subscription(["FL", "TX"]))
    await tell(store, signed(1, "TX"))
    mine = await store.change_subscription(replace(mine, filter=Filter(states={"FL": 0})))
    assert mine.due_at is None
    await tell(store, signed(2, "TX"))
    assert list(await store.due(NOON)) == []


async def test_a_correction_is_due_in_the_old_state_and_in_the_new(store):
    for state in ("FL", "GA", "TX"):
        await store.subscribe(subscription([state]))
    await tell(store, change(Kind.CORRECTED, replace(agreement(2, "FL"), state="GA"), was=agreement(2, "FL")))
    assert [s.id for s in await store.due(NOON)] == ["s1", "s2"]


@pytest.mark.parametrize(
    ("watches", "was", "now", "kind"),
    [
        ({"counties": {"FL/bay": 0}}, agreement(1, "FL"), agreement(1, "FL", county="Bay County"), Kind.CORRECTED),
        (
            {"agencies": {"miami": 0}},
            agreement(1, "FL"),
            agreement(1, "FL", canonical="miami police department"),
            Kind.RENAMED,
        ),
        (
            {"states": {"FL": 0}, "support_types": {SupportType.WSO: 0}},
            agreement(1, "FL"),
            agreement(1, "FL", support_type=SupportType.WSO),
            Kind.CORRECTED,
        ),
    ],
    ids=["county", "agency", "support type"],
)
async def test_an_agreement_that_moves_into_a_watched_county_name_or_type_is_due(store, watches, was, now, kind):
    mine = await store.subscribe(replace(subscription(), filter=Filter(**({"states": {}} | watches))))
    await tell(store, change(kind, now, was=was))
    assert [s.id for s in await store.due(NOON)] == [mine.id]


NARROW = [
    {"states": {}, "counties": {"TX/bell": 0, "FL/bay": 0}},
    {"states": {}, "agencies": {"numero 1": 0}},
    {"support_types": {SupportType.TFM: 0}},
    {"support_types": {SupportType.JEM: 0}},
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
async def test_a_subscription_is_due_when_the_domain_says_so(place, store, seed):
    dice = random.Random(seed)
    states, kinds = ["FL", "TX", "GA", "NC", "*"], [k for k in Kind if k is not Kind.LISTED]
    for step in range(150):
        at = NOON + step * MINUTE
        if dice.random() < 0.3:
            chosen = Filter(
                states=dict.fromkeys(dice.sample(states, dice.randint(1, 3)), 0),
                kinds=dict.fromkeys(dice.sample(kinds, dice.randint(0, 5)), 0),
            )
            if dice.random() < 0.5:
                chosen = replace(chosen, **dice.choice(NARROW))
            cadence = dice.choice(list(Cadence))
            mine = subscription(cadence=cadence, tz="America/New_York", weekday=dice.randrange(7))
            await store.subscribe(replace(mine, filter=chosen))
        elif dice.random() < 0.5:
            state, other = dice.sample(states[:4], 2)
            what = agreement(step, state)
            kind = dice.choice(list(Kind))
            await tell(store, change(kind, what, was=agreement(step, other) if dice.random() < 0.3 else None), at=at)
        elif subscriptions := await store.subscriptions():
            one = dice.choice(subscriptions)
            if dice.random() < 0.6:
                await store.advance(one.id, dice.randint(one.cursor, await store.last_seq()))
            else:
                now = {"states": dict.fromkeys(dice.sample(states, 2), 0), **dice.choice([{}, *NARROW])}
                await store.change_subscription(replace(one, filter=replace(one.filter, **now)))
        if step == 100:
            store = await place.open()
        log = await store.changes()
        for one in await store.subscriptions():
            first = next(iter(owed(one, log)), None)
            assert one.due_at == (due_at(one, first.recorded_at) if first else None)
        due = {s.id for s in await store.subscriptions() if s.is_due(at)}
        assert {s.id for s in await store.due(at)} == due


# Closing


async def test_a_closed_store_refuses_everything(place, store):
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.known()


# Addresses


async def telling(store, to, *seqs, at=NOON):
    """Deliver these changes to a subscription, and move its cursor to the last one."""
    await store.pin(to.id, max(seqs), at)
    await store.sent(Receipt(
        subscription=to.id, channel=to.channel, address=to.address, at=at, changes=seqs, message_id="1"
    ))  # fmt: skip
    return await store.advance(to.id, max(seqs), at)


async def test_an_address_that_subscribes_again_keeps_its_subscription_and_what_it_is_owed(place, store):
    mine = await store.subscribe(subscription(["TX"], address="C1"))
    await tell(store, signed(1, "TX"))
    again = await store.subscribe(subscription(["TX", "FL"], address="C1", tz="America/Chicago"))
    store = await place.open()
    assert [s.id for s in await store.subscriptions()] == [mine.id]
    assert (again.tz, again.due_at) == ("America/Chicago", NOON)
    assert [c.seq for c in owed(again, await store.changes())] == [1]


async def test_a_moved_subscription_keeps_its_place_and_its_receipts_and_is_forgotten_whole(place, store):
    mine = await store.subscribe(subscription(["TX"], address="-42"))
    await tell(store, signed(1, "TX"), signed(2, "TX"))
    await telling(store, mine, 1)
    moved = await store.move("slack", "-42", "-1001")
    assert await store.move("slack", "-42", "-1001") == moved, "a second time changes nothing"
    store = await place.open()
    assert await store.find("slack", "-42") is None
    assert (moved.id, moved.cursor, moved.due_at) == (mine.id, 1, NOON)
    assert [(r.subscription, r.address) for r in await store.receipts()] == [(mine.id, "-1001")]
    await store.forget(moved.id)
    assert list(await store.receipts()) == list(await store.subscriptions()) == []


async def test_receipts_and_the_note_of_a_pause_are_kept_and_receipts_can_be_asked_for_since_a_time(place, store):
    mine = await store.subscribe(subscription(["TX"], address="-42"))
    await tell(store, signed(1, "TX"), signed(2, "TX"))
    await telling(store, mine, 1)
    await telling(store, mine, 2, at=NOON + MINUTE)
    quiet = replace(await store.subscription(mine.id), quiet_until=NOON + timedelta(days=1)).pausing(mine, "chat", NOON)
    await store.change_subscription(quiet)
    await store.remember(replace(status(), good_readings=7, failed_readings=2))
    store = await place.open()
    assert [r.changes for r in await store.receipts(since=NOON + MINUTE)] == [(2,)]
    assert [r.changes for r in await store.receipts(mine.id, since=NOON)] == [(1,), (2,)]
    kept = await store.subscription(mine.id)
    assert (kept.paused_at, kept.paused_by) == (NOON, "chat")
    counted = await store.source_status("ice")
    assert (counted.good_readings, counted.failed_readings) == (7, 2)


async def test_two_that_become_one_are_owed_what_either_missed_and_nothing_that_one_sent(place, store):
    group = await store.subscribe(subscription(["TX", "AL"], address="-42", hears_stale=True))
    chat = await store.subscribe(subscription(["TX", "FL"], address="-1001", tz="America/Denver"))
    await tell(store, signed(1, "TX"), signed(2, "AL"), signed(3, "FL"), signed(4, "TX"))
    await telling(store, chat, 1, 3)
    one = await store.move("slack", "-42", "-1001")
    await tell(store, signed(5, "AL"), signed(6, "GA"), at=NOON + MINUTE)
    store = await place.open()
    [one] = await store.subscriptions()
    assert (one.id, one.tz, one.hears_stale) == (chat.id, "America/Denver", True)
    assert [c.seq for c in owed(one, await store.changes())] == [2, 4, 5]
    assert one.due_at == NOON
    assert {r.subscription for r in await store.receipts()} == {chat.id}
    assert group.id not in {s.id for s in await store.subscriptions()}
    one = await telling(store, one, 2, 4, 5, at=NOON + 2 * MINUTE)
    assert (one.filter.told, one.due_at) == ((), None)


async def test_what_was_not_asked_for_before_a_merge_is_not_told_after_it(store):
    await store.subscribe(
        replace(subscription(["TX"]), address="a", filter=Filter(states={"TX": 0}, kinds={Kind.SIGNED: 0}))
    )
    await store.subscribe(
        replace(subscription(["FL"]), address="b", filter=Filter(states={"FL": 0}, kinds={Kind.WITHDRAWN: 0}))
    )
    await tell(store, signed(1, "TX"), signed(2, "FL"))
    one = await store.move("slack", "a", "b")
    assert [c.seq for c in owed(one, await store.changes())] == [1]


async def test_a_digest_under_way_during_a_merge_neither_skips_nor_repeats_anything(store):
    await store.subscribe(subscription(["AL"], address="a"))
    chat = await store.subscribe(subscription(["TX"], address="b"))
    await tell(store, signed(1, "AL"), signed(2, "TX"))
    await store.pin(chat.id, 2, NOON)
    await store.move("slack", "a", "b")
    await store.sent(replace(receipt(chat.id), changes=(2,)))
    one = await store.advance(chat.id, 2, NOON)
    assert [c.seq for c in owed(one, await store.changes())] == [1]
    assert one.due_at == NOON


@pytest.mark.parametrize(
    ("old", "new", "paused"),
    [
        (None, "stopped", "stopped"),
        ("stopped", None, None),
        (None, "chat not found", None),
        ("chat not found", "chat not found", "chat not found"),
        ("stopped", "chat not found", "chat not found"),
    ],
)
async def test_a_merge_keeps_the_last_wish_and_drops_a_pause_that_may_be_over(store, old, new, paused):
    for address, why in (("a", old), ("b", new)):
        mine = await store.subscribe(subscription([{"a": "AL", "b": "TX"}[address]], address=address))
        await store.change_subscription(replace(mine, paused=why))
    await tell(store, signed(1, "AL"), signed(2, "TX"))
    one = await store.move("slack", "a", "b")
    assert one.paused == paused
    told = [c.seq for c in owed(one, await store.changes())]
    assert told == ([2] if old == "stopped" else [1, 2]), "a place that was stopped stays so"


async def test_a_failed_send_that_shows_a_new_address_merges_with_the_one_there(store):
    group = await store.subscribe(subscription(["TX"], address="-42"))
    await store.subscribe(subscription(["FL"], address="-1001"))
    await tell(store, signed(1, "TX"))
    await store.failed(replace(receipt(group.id), error="upgraded"), replace(group, address="-1001", retry_at=NOON))
    [one] = await store.subscriptions()
    assert (one.address, set(one.filter.states)) == ("-1001", {"FL", "TX"})


async def test_two_merges_in_a_row_lose_and_repeat_nothing(place, store):
    for address, state in (("a", "TX"), ("b", "AL"), ("c", "FL")):
        await store.subscribe(subscription([state], address=address))
    await tell(store, signed(1, "TX"), signed(2, "AL"), signed(3, "FL"))
    await telling(store, await store.find("slack", "c"), 3)
    await store.move("slack", "a", "b")
    await store.move("slack", "b", "c")
    store = await place.open()
    [one] = await store.subscriptions()
    assert [c.seq for c in owed(one, await store.changes())] == [1, 2]


# Records that can't be read


@pytest.mark.parametrize("zone", ["localtime", "Factory", "posixrules", "posix/UTC", "right/UTC", "../UTC", "", "utc"])
async def test_only_time_zones_that_every_host_knows_are_stored(store, zone):
    mine = await store.subscribe(subscription(["TX"]))
    for refused in (store.subscribe(subscription(tz=zone)), store.change_subscription(replace(mine, tz=zone))):
        with pytest.raises(StoreError, match="isn't a time zone"):
            await refused
    with pytest.raises(StoreError, match="isn't a time zone"):
        await store.mend(mine.id, zone)


async def test_types_of_agency_and_the_wish_for_statewide_agencies_are_kept(place):
    store = await place.open()
    filter_ = Filter(agency_types={"sheriff@TX": 0, "state@*": 0, "police@TX/harris": 0})
    one = await store.subscribe(replace(subscription(), filter=filter_, with_statewide=False))
    store = await place.open()
    kept = await store.find(one.channel, one.address)
    assert (set(kept.filter.agency_types), kept.with_statewide) == (set(filter_.agency_types), False)
