"""A reminder is sent once for each meeting, even after a restart, and a digest names the week's meetings."""

from dataclasses import replace
from datetime import timedelta

import pytest
from domain.messages.test_meetings import NOW, change, chat
from worker.test_local_places import Channel

from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Cadence
from bot.errors import SendError
from bot.pipeline.runner import Runner
from bot.store import Record
from bot.store.tiny.store import TinyStore
from bot.worker.reminders import remind


class Here:
    def __init__(self, folder):
        self.folder, self.now, self.channel = folder, NOW, Channel()
        self.open()

    def open(self):
        self.store = TinyStore.open(self.folder)
        self.runner = Runner(
            store=self.store, fetch=None, sources={}, channels={"telegram": self.channel}, now=lambda: self.now,
            every=timedelta(minutes=15), page="https://ice.example",
        )  # fmt: skip

    async def record(self, one, at):
        status = SourceStatus(source="Nash County, NC")
        await self.store.record(Record(status=status, recorded_at=at, known=None, changes=(one,), held=None))


@pytest.fixture
async def here(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda fd: None)
    made = Here(tmp_path)
    yield made
    await made.store.close()


async def test_a_meeting_is_reminded_of_once_also_after_a_restart(here):
    await here.store.subscribe(replace(chat(), id="", pinned_at=None))
    await here.record(change(0), NOW - timedelta(days=3))
    await remind(here.runner)
    await here.store.close()
    here.open()
    await remind(here.runner)
    ((address, text),) = here.channel.told
    assert address == "42"
    assert text.startswith("Tomorrow, with 287(g) on the agenda: Board of Commissioners, Nash County, NC\n")


class Down(Channel):
    """A channel whose platform is down until `works`."""

    works = False

    async def send(self, address, part, *, plain=False, ready=None):
        if not self.works:
            raise SendError("the platform is down")
        return await super().send(address, part)


async def test_a_platform_that_is_down_for_half_an_hour_delays_a_reminder_but_does_not_lose_it(here):
    here.channel = Down()
    here.runner = replace(here.runner, channels={"telegram": here.channel})
    await here.store.subscribe(replace(chat(), id="", pinned_at=None))
    await here.record(change(0), NOW - timedelta(days=3))
    evening = NOW
    for minute in range(90):
        here.now = evening + timedelta(minutes=minute)
        here.channel.works = minute >= 30
        await remind(here.runner)
    assert len(here.channel.told) == 1


async def test_without_the_setting_no_one_is_reminded(here):
    await here.store.subscribe(replace(chat(), id="", pinned_at=None, hears_reminders=False))
    await here.record(change(0), NOW - timedelta(days=3))
    await remind(here.runner)
    assert here.channel.told == []


async def test_a_no_changes_digest_names_the_weeks_meetings(here):
    await here.record(change(0), NOW - timedelta(days=3))
    daily = replace(chat(), id="", pinned_at=None, cadence=Cadence.DAILY, hears_always=True, created_at=NOW)
    await here.store.subscribe(daily)
    here.now = NOW + timedelta(hours=15)  # 9:30 a.m. on the day of the meeting
    await here.runner.deliver_due()
    assert any("This week:\n• Board of Commissioners, Nash County, NC" in text for _, text in here.channel.told)
