"""Health, metrics and webhooks over real HTTP: first in this process with a clock, then as separate programs."""

import json
import re
import signal
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from support.program import row, world
from support.samples import first_sight, record, signed, status, subscription
from support.waiting import wait_for

from bot.errors import ConfigError, StoreError
from bot.fetch.certificates import certificates
from bot.observability.health_check import HealthCheck
from bot.observability.metrics import CONTENT_TYPE, Metrics
from bot.store.tiny.store import TinyStore
from bot.web.server import Views, serving

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SIGNED = datetime(2026, 11, 19)  # noqa: DTZ001 - a date cell has no zone
SHERIFFS = [row("TEXAS", "Archer County Sheriff's Office", signed=SIGNED, county="Archer County")]
NEWCOMER = row("TEXAS", "Bell County Sheriff's Office", signed=SIGNED, county="Bell County")


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
async def store(tmp_path):
    store = TinyStore.open(tmp_path / "data")
    await store.record(record(await store.known(), first_sight(3), status=status(NOW)))
    yield store
    await store.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def ask(store, clock, unused_tcp_port):
    """A client of the server under test."""
    health = HealthCheck(store=store, now=clock, stale_after=timedelta(hours=6))
    views = Views(health.look, Metrics().page, CONTENT_TYPE)
    async with (
        serving(unused_tcp_port, views, closed="Not here."),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}", verify=certificates()) as client,
    ):
        yield client


async def test_health_is_200_while_all_is_well_and_503_with_the_reason_when_ice_is_stale(ask, store, clock):
    answer = await ask.get("/health")
    assert (answer.status_code, answer.json()["status"], answer.json()["reasons"]) == (200, "ok", [])
    assert answer.json()["ice"]["last_read"] == "2026-11-24T12:00:00Z"
    clock.now += timedelta(hours=7)
    await store.remember(replace(await store.source_status("ice"), due_at=clock.now))
    answer = await ask.get("/health")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["ICE's list is stale: no successful reading for 7 hours"]
    assert (await ask.get("/live")).status_code == 200, "a supervisor must not restart it for that"
    assert "countersign_healthy 0.0" in (await ask.get("/metrics")).text


async def test_an_unreadable_store_is_503_and_its_path_stays_private(ask, store, monkeypatch):
    async def fails():
        raise StoreError("/var/data/journal-3.jsonl is damaged")

    monkeypatch.setattr(store, "source_statuses", fails)
    answer = await ask.get("/health")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the store cannot be read; the log says why"]
    assert "/var/data" not in answer.text
    assert (await ask.get("/metrics")).status_code == 200, "the process still counts its work"


async def test_the_store_is_read_only_every_few_seconds_however_often_someone_asks(ask, store, clock, monkeypatch):
    asked = []
    subscriptions = store.subscriptions

    async def counted():
        asked.append(1)
        return await subscriptions()

    monkeypatch.setattr(store, "subscriptions", counted)
    for _ in range(20):
        await ask.get("/health")
        await ask.get("/metrics")
    assert len(asked) == 1
    clock.now += timedelta(seconds=5)
    await ask.get("/health")
    assert len(asked) == 2
    clock.now -= timedelta(hours=1)
    await ask.get("/health")
    assert len(asked) == 3, "a clock set back must not freeze the answer"


async def test_health_and_metrics_show_no_address_and_no_agency(ask, store):
    await store.subscribe(replace(subscription(["TX"]), channel="telegram", address="-1001234567890"))
    await store.record(record(await store.known(), [signed(100, "TX")], at=NOW))
    seen = (await ask.get("/health")).text + (await ask.get("/metrics")).text
    assert '"telegram"' in seen
    assert "1234567890" not in seen
    assert "Número" not in seen


async def test_a_webhook_not_served_here_gets_503_and_may_be_retried(ask):
    for path in ("/telegram/webhook", "/slack/events"):
        answer = await ask.post(path, json={})
        assert (answer.status_code, answer.text) == (503, "Not here.\n")
        assert answer.headers["Retry-After"]
    assert (await ask.get("/")).status_code == 404


async def test_prometheus_reads_every_line_of_metrics(ask):
    answer = await ask.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    for line in answer.text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \w+ .+|\w+(\{(\w+=\"[^\"]*\",?)+\})? \S+", line), line
    from prometheus_client.parser import text_string_to_metric_families

    families = list(text_string_to_metric_families(answer.text))
    assert {"countersign_reads", "countersign_told_seconds", "process_cpu_seconds"} <= {f.name for f in families}


async def test_a_port_in_use_is_a_configuration_error(ask):
    port = ask.base_url.port
    with pytest.raises(ConfigError) as fault:
        async with serving(port, Views(None, Metrics().page, CONTENT_TYPE)):
            pass
    assert fault.value.problems[0].startswith(f"PORT: port {port} can't be opened")


# ── as separate programs ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=datetime(2026, 11, 20, 9, tzinfo=UTC))
        yield made


@contextmanager
def running(here, command, port, **env):
    """Run the program and yield a client and its log, which is filled at the end. It ends cleanly and prints no token."""
    more = {"PORT": str(port), "COUNTERSIGN_POLL_SECONDS": "1", "COUNTERSIGN_LOG": "json"} | env
    program, log = here.start(command, **more), []
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            wait_for(lambda: answers(client))
            yield client, log
    finally:
        program.send_signal(signal.SIGTERM)
        said, written = program.communicate(timeout=60)
    assert program.returncode == 0, written[-2000:]
    assert here.telegram.token not in said + written
    log += map(json.loads, written.splitlines())


def answers(client):
    try:
        return client.get("/live").status_code == 200
    except httpx.TransportError:
        return False


def value(client, series):
    found = re.search(rf"^{re.escape(series)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else None


@pytest.mark.slow
def test_run_counts_its_work_at_port_and_logs_what_each_line_is_about(here, unused_tcp_port):
    here.run("subscribe", "slack", "C0123456789", "--states", "TX")
    with running(here, "run", unused_tcp_port) as (client, log):
        wait_for(lambda: value(client, 'countersign_changes_total{kind="listed"}') == 1)
        changed = [*SHERIFFS, NEWCOMER]
        here.publish_rows("participatingAgencies11202026pm.xlsx", changed, at=datetime(2026, 11, 20, 17, tzinfo=UTC))
        wait_for(lambda: value(client, 'countersign_messages_total{channel="slack",outcome="sent"}') == 1)
        assert value(client, 'countersign_reads_total{outcome="changed",source="ice"}') == 2
        assert value(client, 'countersign_changes_total{kind="signed"}') == 1
        assert value(client, 'countersign_told_seconds_sum{cadence="instant",channel="slack"}') >= 0
        assert client.get("/health").json()["status"] == "ok"
        assert client.post("/telegram/webhook", json={}).status_code == 404, "without a public URL it polls Telegram"
    (recorded,) = [line for line in log if line["event"] == "recorded" and line["kind"] == "signed"]
    assert (recorded["source"], recorded["seq"]) == ("ice", 2)
    (sent,) = [line for line in log if line["event"] == "sent"]
    assert (sent["subscription"], sent["channel"], sent["seq"]) == ("s1", "slack", "2")


@pytest.mark.slow
def test_web_beside_a_data_folder_only_reads_and_says_so(here, unused_tcp_port):
    here.run("poll")
    with running(here, "web", unused_tcp_port) as (client, log):
        assert client.get("/health").status_code == 200
        assert value(client, "countersign_change_log_length") == 1
        refused = client.post("/telegram/webhook", json={"update_id": 1})
        assert refused.status_code == 503
        assert "countersign run" in refused.text
        here.run("subscribe", "slack", "C0123456789", "--states", "TX")
        wait_for(lambda: value(client, 'countersign_subscriptions{channel="slack",standing="active"}') == 1)
    assert any("DATABASE_URL" in line["event"] for line in log if line["level"] == "warning")


def test_web_before_any_data_exists_is_well_and_makes_no_folder(here, unused_tcp_port):
    with running(here, "web", unused_tcp_port) as (client, _):
        assert client.get("/health").status_code == 200
    assert not here.folder.exists()


@pytest.mark.slow
def test_web_with_a_database_takes_webhooks_and_sends_nothing_itself(here, database, unused_tcp_port):
    public = {"COUNTERSIGN_PUBLIC_URL": "https://bot.example.org", "DATABASE_URL": database}
    with running(here, "web", unused_tcp_port, **public) as (client, _):
        wait_for(lambda: here.telegram.webhook.get("url") == "https://bot.example.org/telegram/webhook")
        chat = {"id": 42, "type": "private"}
        message = {"message_id": 1, "date": 1, "chat": chat, "from": {"id": 42, "is_bot": False, "first_name": "A"}}
        command = {"text": "/watch TX", "entities": [{"type": "bot_command", "offset": 0, "length": 6}]}
        update = {"update_id": 1, "message": message | command}
        assert client.post("/telegram/webhook", json=update).status_code == 403
        secret = {"X-Telegram-Bot-Api-Secret-Token": str(here.telegram.webhook["secret_token"])}
        assert client.post("/telegram/webhook", json=update, headers=secret).status_code == 200
        wait_for(lambda: here.lines("subscriptions", DATABASE_URL=database))
        wait_for(lambda: value(client, 'countersign_subscriptions{channel="telegram",standing="active"}') == 1)
        here.run("poll", DATABASE_URL=database)
        assert value(client, 'countersign_changes_total{kind="listed"}') == 0, "another process counts its own work"


def test_a_worker_shows_its_own_counts_at_its_own_port(here, database, unused_tcp_port):
    with running(here, "worker", unused_tcp_port, DATABASE_URL=database) as (client, _):
        wait_for(lambda: value(client, 'countersign_changes_total{kind="listed"}') == 1)
        assert client.get("/health").status_code == 200


@pytest.mark.slow
def test_without_a_public_url_one_of_two_webs_polls_telegram_and_the_other_takes_over(
    here, database, unused_tcp_port_factory
):
    def asked():
        return len(here.telegram.called("getUpdates"))

    shared = {"DATABASE_URL": database, "COUNTERSIGN_POLL_SECONDS": "1"}
    first = here.start("web", PORT=str(unused_tcp_port_factory()), **shared)
    try:
        wait_for(lambda: asked() > 0)
        with running(here, "web", unused_tcp_port_factory(), DATABASE_URL=database) as (client, log):
            assert client.get("/health").status_code == 200
            first.kill()
            first.communicate()
            before = asked()
            wait_for(lambda: asked() > before)
        assert [line["by"] for line in log if line["event"] == "listening"] == ["long polling"]
        assert here.telegram.called("setWebhook") == []
    finally:
        first.kill()
        first.communicate()


def test_a_worker_without_a_database_listens_to_people_too(here, unused_tcp_port):
    with running(here, "worker", unused_tcp_port):
        wait_for(lambda: here.telegram.called("getUpdates"))


def test_a_malformed_dsn_ends_the_program_with_one_line(here, unused_tcp_port):
    pytest.importorskip("sentry_sdk")
    done = here.run("run", SENTRY_DSN="wrong", expect=2)
    assert "SENTRY_DSN" in done.stderr
