"""Metrics of real readings and deliveries; the labels stay few."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from support.gated_channel import GatedChannel
from support.samples import first_sight, held, record, signed

from bot.domain.agenda import Place
from bot.domain.health import facts
from bot.domain.subscription import Filter, Subscription
from bot.errors import Blocked, SendError
from bot.observability.metrics import Metrics
from bot.pipeline.runner import Runner
from bot.store.tiny.store import TinyStore

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Refusing(GatedChannel):
    """A channel that fails every send with its current verdict."""

    verdict: SendError | None = None

    async def send(self, address, part, *, plain=False, ready=None):
        if self.verdict is not None:
            raise self.verdict
        return "1"


class Closed:
    """A source that can't be read."""

    name, host = "ice", "www.ice.gov"

    async def read(self, fetch, status):
        raise Blocked("ice: 403")


@pytest.fixture
async def store(tmp_path):
    store = TinyStore.open(tmp_path / "data")
    await store.record(record(await store.known(), first_sight(3)))
    yield store
    await store.close()


def runner(store, channel, metrics, now=NOW):
    return Runner(
        store=store,
        fetch=None,
        sources={"ice": Closed()},
        channels={channel.name: channel},
        now=lambda: now,
        every=timedelta(minutes=15),
        page="https://www.ice.gov/identify-and-arrest/287g",
        observer=metrics,
    )


async def owed(store, address="-1001234567890"):
    filter_ = Filter(states={"TX": 0})
    made = await store.subscribe(Subscription(id="", channel="telegram", address=address, filter=filter_))
    await store.record(record(await store.known(), [signed(100, "TX")], at=NOW))
    return await store.subscription(made.id)


def series(metrics, name, found=None):
    """Return the samples of a metric by their labels."""
    samples = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", metrics.page(found).decode(), re.MULTILINE)
    return {labels: float(value) for labels, value in samples}


async def test_a_message_is_counted_with_the_time_since_its_change_was_seen(store):
    metrics = Metrics()
    subscription = await owed(store)
    seen_at = (await store.changes())[-1].publication.observed_at
    work = runner(store, Refusing("telegram"), metrics)
    await work.deliver(subscription)
    assert series(metrics, "countersign_messages_total")['{channel="telegram",outcome="sent"}'] == 1
    told = series(metrics, "countersign_told_seconds_sum")
    assert told['{cadence="instant",channel="telegram"}'] == (NOW - seen_at).total_seconds()
    await work.deliver(subscription)
    assert series(metrics, "countersign_messages_total")['{channel="telegram",outcome="sent"}'] == 1


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (SendError("500"), "failed"),
        (SendError("chat not found", refused=True), "failed"),
        (SendError("blocked", by_person=True), "paused"),
        (SendError("its turn has not come", retry_after=5, not_our_turn=True), "waiting"),
    ],
)
async def test_an_unsent_message_is_counted_by_outcome(store, verdict, outcome):
    metrics, channel = Metrics(), Refusing("telegram")
    channel.verdict = verdict
    await runner(store, channel, metrics).deliver(await owed(store))
    assert series(metrics, "countersign_messages_total") == {f'{{channel="telegram",outcome="{outcome}"}}': 1}
    assert series(metrics, "countersign_told_seconds_count") == {}


async def test_a_failed_reading_is_counted_in_a_series_that_started_at_zero(store):
    metrics = Metrics()
    assert series(metrics, "countersign_reads_total")['{outcome="failed",source="ice"}'] == 0
    await runner(store, GatedChannel("telegram"), metrics).poll(Closed())
    assert series(metrics, "countersign_reads_total")['{outcome="failed",source="ice"}'] == 1


async def test_a_reading_of_a_local_place_is_counted_by_kind_and_never_by_name(store, monkeypatch):
    place = Place(name="Archer County, TX", kind="legistar", address="https://x.example", state="TX", zone="UTC")

    async def read(*_):
        raise Blocked("Archer County, TX: 403")

    monkeypatch.setattr("bot.pipeline.poll_agenda.LOCAL", {"legistar": type("Shut", (), {"read": staticmethod(read)})})
    metrics = Metrics()
    await runner(store, GatedChannel("telegram"), metrics).poll_agenda(place)
    assert series(metrics, "countersign_reads_total")['{outcome="failed",source="legistar"}'] == 1
    assert "Archer" not in metrics.page(None).decode()


async def test_gauges_show_the_store_at_the_time_of_the_scrape(store):
    await owed(store)
    await store.put_held([held()])
    found = facts(
        now=NOW + timedelta(minutes=10),
        statuses=await store.source_statuses(),
        held=len(await store.held()),
        log_end=await store.last_seq(),
        subscriptions=await store.subscriptions(),
        stale_after=timedelta(hours=6),
    )
    metrics = Metrics()
    assert series(metrics, "countersign_held_listings", found) == {"": 1}
    assert series(metrics, "countersign_change_log_length", found) == {"": 4}
    assert series(metrics, "countersign_subscriptions_late", found) == {'{channel="telegram"}': 1}
    assert series(metrics, "countersign_oldest_due_seconds", found) == {'{channel="telegram"}': 600}
    assert series(metrics, "countersign_healthy", None) == {"": 0}, "a store that can't be read isn't healthy"


async def test_no_address_or_name_becomes_a_label(store):
    metrics, channel = Metrics(), Refusing("telegram")
    for number in range(20):
        await runner(store, channel, metrics).deliver(await owed(store, f"-100123456789{number}"))
    page = metrics.page(None).decode()
    assert "100123" not in page
    assert "Número" not in page
    assert len(re.findall(r"^countersign_messages_total", page, re.MULTILINE)) == 1


async def test_only_counters_end_in_total_and_there_are_no_created_series():
    page = Metrics().page(None).decode()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)", page, re.MULTILINE):
        assert name.endswith("_total") == (kind == "counter"), name
        assert not name.endswith("_created"), name
