"""A replayed archive is a history, not a reading of ICE's list; an interruption isn't either."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.chat import FIRST, SECOND, Chat
from support.program import HEADER
from support.workbooks import workbook

from bot.domain.health import is_stale, wrong
from bot.domain.messages.health_notices import for_operator
from bot.pipeline.replay import entries, replay
from bot.sources.ice import Ice
from bot.store.tiny.store import TinyStore

SUMMER = datetime(2025, 8, 28, 12, tzinfo=UTC)
NOW = SUMMER + timedelta(days=391)
STALE = timedelta(hours=6)


@pytest.fixture
async def store():
    store = TinyStore.in_memory()
    yield store
    await store.close()


def archive(folder, *lists):
    """Return the entries of an archive with these lists, a day apart."""
    lines = []
    for number, rows in enumerate(lists):
        at = SUMMER - timedelta(days=len(lists) - 1 - number)
        name = f"participatingAgencies{at:%m%d%Y}am.xlsx"
        (folder / name).write_bytes(workbook(rows, header=HEADER))
        lines.append({"observed_at": at.isoformat(), "list": "participating", "file": name})
    (folder / "manifest.json").write_text(json.dumps(lines))
    return entries(folder)


def notices(status, now):
    found = for_operator(statuses=[status], held=[], subscriptions=[], now=now, stale_after=STALE)
    return [notice.text for notice in found]


async def replayed(store, tmp_path):
    async for _ in replay(archive(tmp_path, FIRST, SECOND), source=Ice(), store=store):
        pass


async def test_after_a_replay_ices_list_counts_as_not_read_yet(store, tmp_path):
    await replayed(store, tmp_path)
    status = await store.source_status("ice")
    assert notices(status, NOW) == []
    assert not is_stale(status, NOW, STALE)
    assert wrong(status, NOW, STALE) == ["not read yet"]
    assert status.is_due(NOW, timedelta(hours=1))
    assert len((await store.known()).participating) == 4


@pytest.mark.parametrize("rows", [SECOND, FIRST])
async def test_the_first_reading_after_a_replay_says_nothing_of_the_time_before(store, tmp_path, rows):
    await replayed(store, tmp_path)
    chat = Chat(store)
    await chat.publish(rows, NOW)
    assert notices(await store.source_status("ice"), NOW) == []
    for days in range(1, 12):
        await chat.publish(rows, NOW + timedelta(days=days, minutes=-days))
    (notice,) = notices(await store.source_status("ice"), NOW + timedelta(days=11))
    assert "no new list for 10 days" in notice


async def test_a_host_that_was_down_does_not_say_that_ice_published_nothing_meanwhile(store):
    chat = Chat(store)
    await chat.publish(FIRST, SUMMER)
    later = SUMMER + timedelta(days=30)
    status = await store.source_status("ice")
    assert "no new list" not in " ".join(notices(status, later))
    await chat.publish(FIRST, later)
    assert notices(await store.source_status("ice"), later) == []


async def test_a_list_that_stays_the_same_while_it_is_read_is_named_as_old(store):
    chat = Chat(store)
    for hours in range(0, 11 * 24, 12):
        await chat.publish(FIRST, SUMMER + timedelta(hours=hours))
    status = await store.source_status("ice")
    (notice,) = notices(status, status.read_at)
    assert "no new list for 10 days" in notice
    of_today = replace(status, read_since=None)  # as an older program stored it
    assert notices(of_today, status.read_at) == [notice]
