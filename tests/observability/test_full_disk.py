"""The health check after a write that failed."""

import resource
import signal
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import StoreUnwritable
from bot.observability.health_check import HealthCheck
from bot.store.tiny.store import TinyStore

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def full_disk():
    """Let files grow no further than they are, as on a full disk; yield a function that makes room again."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


async def test_the_first_look_after_a_failed_write_says_so_and_the_first_after_a_good_one_does_not(tmp_path, full_disk):
    store = TinyStore.open(tmp_path)
    check = HealthCheck(store=store, now=lambda: NOW, stale_after=timedelta(hours=6), reads_ice=False)
    assert (await check.look()).as_json()["status"] == "ok"

    full_disk(1)
    with pytest.raises(StoreUnwritable):
        await store.note("tokens", "slack/T1", "one")
    found = (await check.look()).as_json()
    full_disk(resource.RLIM_INFINITY)

    assert found["status"] == "unwell"
    assert "the disk is full" in found["reasons"][0]
    await store.note("tokens", "slack/T1", "one")
    assert (await check.look()).as_json()["status"] == "ok"
    await store.close()
