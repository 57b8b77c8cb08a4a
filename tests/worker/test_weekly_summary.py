"""The weekly summary goes out once, on Monday morning, and its counts survive restarts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from support.samples import first_sight, held, receipt, record, signed, spoken, status

from bot.channels import Part
from bot.commands.chat import ChatCommands
from bot.commands.report import report
from bot.domain.chat.operator import Operator
from bot.domain.language import Language
from bot.domain.messages.weekly_summary import Readings, is_due, slot_of
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.text.rich_text import plain_text
from bot.errors import SendError, Unreachable
from bot.pipeline.runner import Runner
from bot.store.tiny.store import TinyStore
from bot.worker.health_notices import SENT, notify
from bot.worker.weekly_summary import summarize

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)  # 9:30 a.m. Eastern
WEEK, HOUR = timedelta(days=7), timedelta(hours=1)
DESK = Operator("desk", "42")


class Desk:
    """A channel that keeps what it was sent; while `refuses`, it takes nothing."""

    name, timeout = "desk", 1.0

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.refuses: set[str] = set()
        self.answer: dict = {}
        self.asked = 0

    def render(self, digest, picture=None):
        return (
            Part(
                payload={},
                plain="\n".join([plain_text((digest.title,)), plain_text(digest.lead)]),
                covers=digest.covers,
            ),
        )

    async def send(self, address, part, **_):
        self.asked += 1
        if address in self.refuses:
            raise SendError("not now", **self.answer)
        self.told.append((address, part.plain))
        return "1"


class Office:
    """A program with a clock of its own on a data folder, which can restart."""

    def __init__(self, folder) -> None:
        self.folder, self.desk, self.now, self.store = folder, Desk(), SUNDAY, TinyStore.open(folder)

    @property
    def runner(self):
        return Runner(
            store=self.store,
            fetch=None,
            sources={},
            channels={"desk": self.desk},
            now=lambda: self.now,
            every=timedelta(minutes=15),
            page="https://www.ice.gov/identify-and-arrest/287g",
            started_at=SUNDAY,
        )

    async def at(self, now, *operators) -> list[str]:
        """Do the upkeep at this time, and return what was sent."""
        self.now, before = now, len(self.desk.told)
        await summarize(self.runner, operators or (DESK,), lambda: "41.2 GB")
        return [text for _, text in self.desk.told[before:]]

    async def restart(self) -> None:
        await self.store.close()
        self.store = TinyStore.open(self.folder)


@pytest.fixture
async def office(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda fd: None)
    office = Office(tmp_path / "data")
    yield office
    await office.store.close()


async def test_the_first_start_only_begins_the_counting_and_the_next_monday_tells(office):
    assert await office.at(SUNDAY) == []
    assert await office.at(MONDAY - HOUR) == []  # 8:30 a.m.
    (text,) = await office.at(MONDAY)
    assert text.startswith("Your weekly summary, since Nov. 22, 2026, at 7 a.m. EST")
    assert "Free on the disk: 41.2 GB." in text
    assert await office.at(MONDAY + HOUR) == []


async def test_a_restart_neither_repeats_nor_skips_it(office):
    await office.at(SUNDAY)
    await office.restart()
    assert len(await office.at(MONDAY + 6 * HOUR)) == 1  # it was down at nine
    await office.restart()
    assert await office.at(MONDAY + 7 * HOUR) == []
    assert len(await office.at(MONDAY + 3 * WEEK)) == 1  # one for the weeks it was down


async def test_the_week_is_counted_from_what_the_store_records(office):
    store = office.store
    await store.record(record(await store.known(), first_sight(3), at=SUNDAY - HOUR))
    await store.record(record(await store.known(), [signed(50, "TX")], at=SUNDAY - HOUR))
    await office.at(SUNDAY)
    at = SUNDAY + HOUR
    subscribed = await store.subscribe(
        Subscription(id="", channel="desk", address="7", filter=Filter(states={ALL_STATES: 0}), created_at=at)
    )
    await store.record(record(await store.known(), [signed(100, "TX"), signed(101, "FL"), spoken(1)], at=at))
    await store.pin(subscribed.id, await store.last_seq(), at)
    await store.sent(replace(receipt(subscribed.id, at=at), message_id="1"))
    await store.failed(replace(receipt(subscribed.id, at=at), error="no"), subscribed)
    ice = replace(status(at), good_readings=90, failed_readings=4)
    await store.remember(ice)
    await store.remember(replace(status(at, source="Nash County"), good_readings=2, failed_readings=7, parked_at=at))
    await store.put_held([held(1)])
    await store.note(SENT, f"held 00000001 {at:%Y-%m-%dT%H:%M:%SZ}", "x")
    await store.note(SENT, "held 00000000 2026-01-01T00:00:00Z", "x")
    await office.restart()

    (text,) = await office.at(MONDAY)

    assert text.splitlines()[1:8] == [
        "Readings of ICE's lists: 90 good, 4 failed.",
        "Readings of local government: 2 good, 7 failed.",
        "Changes on ICE's lists: 2. Agenda items: 1.",
        "Lists put on hold: 1. On hold now: 1.",
        "Messages sent: 1. Attempts that failed: 1.",
        "Subscriptions: 1. Paused: 0.",
        "Places that I stopped reading: 1. To see them, run: countersign sources",
    ]
    await office.store.remember(replace(ice, good_readings=100))
    (next_text,) = await office.at(MONDAY + WEEK)
    assert "Readings of ICE's lists: 10 good, 0 failed." in next_text
    assert "Changes on ICE's lists: 0. Agenda items: 0." in next_text


async def test_each_of_the_operators_chats_gets_it_once_in_its_language_and_at_its_hour(office):
    chat = Subscription(
        id="", channel="desk", address="42", filter=Filter(), tz="America/Los_Angeles", language=Language.SPANISH
    )
    await office.store.subscribe(chat)
    both = (DESK, Operator("desk", "43"))
    office.desk.refuses = {"43"}
    await office.at(SUNDAY, *both)
    assert await office.at(MONDAY, *both) == []  # 6:30 a.m. Pacific
    (spanish,) = await office.at(MONDAY + 3 * HOUR, *both)
    assert spanish.startswith("Su resumen semanal")
    assert await office.at(MONDAY + 4 * HOUR, *both) == []
    office.desk.refuses = set()
    (english,) = await office.at(MONDAY + 5 * HOUR, *both)
    assert english.startswith("Your weekly summary")
    assert await office.at(MONDAY + 6 * HOUR, *both) == []


async def test_a_chat_that_never_gets_it_leaves_a_week_a_week_in_the_others(office):
    both = (DESK, Operator("desk", "43"))
    await office.at(SUNDAY, *both)
    office.desk.refuses, office.desk.answer = {"42"}, {"by_person": True}
    for week in range(4):
        (text,) = await office.at(MONDAY + week * WEEK, *both)
        since = ["Nov. 22", "Nov. 23", "Nov. 30", "Dec. 7"][week]
        assert text.startswith(f"Your weekly summary, since {since}, 2026")
        assert await office.at(MONDAY + week * WEEK + 8 * HOUR, *both) == []
        await office.restart()
    office.desk.refuses = set()
    (text,) = await office.at(MONDAY + 3 * WEEK + 16 * HOUR, *both)
    assert text.startswith("Your weekly summary, since Dec. 7, 2026")
    assert office.desk.told[-1][0] == "42"


async def test_a_summary_that_no_chat_got_is_not_skipped(office):
    await office.at(SUNDAY)
    office.desk.refuses = {"42"}
    await office.at(MONDAY)
    await office.at(MONDAY + WEEK)
    office.desk.refuses = set()
    (text,) = await office.at(MONDAY + 2 * WEEK)
    assert text.startswith("Your weekly summary, since Nov. 22, 2026")


async def test_several_programs_send_one_because_they_share_the_note(office):
    await office.at(SUNDAY)
    assert len(await office.at(MONDAY)) == 1
    assert await office.at(MONDAY + timedelta(seconds=1)) == []  # as another program would ask


async def test_a_clock_that_was_years_ahead_does_not_silence_it_for_years(office):
    await office.at(datetime(2031, 1, 1, tzinfo=UTC))
    assert await office.at(SUNDAY) == []
    assert len(await office.at(MONDAY)) == 1


async def test_a_damaged_note_only_begins_the_counting_again(office):
    await office.store.note("weekly summary", "last", "{")
    assert await office.at(SUNDAY) == []
    assert len(await office.at(MONDAY)) == 1


@pytest.mark.parametrize(("answer", "asked"), [({}, 4), ({"refused": True}, 4), ({"by_person": True}, 1)])
async def test_a_chat_that_cannot_be_reached_is_asked_after_growing_pauses_and_status_says_so(office, answer, asked):
    await office.at(SUNDAY)
    office.desk.refuses, office.desk.answer = {"42"}, answer
    with structlog.testing.capture_logs() as lines:
        for minute in range(12):
            await office.at(MONDAY + timedelta(minutes=minute))
    assert office.desk.asked == asked
    assert [line["problem"] for line in lines] == ["not now"] * asked
    assert all("Your weekly summary" in line["text"] and line["again"] for line in lines)
    (problem,) = (await report(office.store, now=office.now, sources=["ice"], stale_hours=6)).channel_problems
    assert "haven't reached the operator's chat desk:42 since 2026-11-23 14:30 UTC: not now." in problem

    office.desk.refuses = set()
    await office.restart()
    assert await office.at(office.now + timedelta(seconds=1)) == []
    await ChatCommands(office.runner).returned("desk", "42")  # the bot was let in again
    assert len(await office.at(office.now + timedelta(seconds=1))) == 1
    assert not (await report(office.store, now=office.now, sources=["ice"], stale_hours=6)).channel_problems


async def test_every_kind_of_notice_shares_the_pauses_of_its_chat_and_not_of_another(office):
    await office.at(SUNDAY)
    office.desk.refuses, office.desk.answer = {"42"}, {"by_person": True}
    both = (DESK, Operator("desk", "43"))
    await office.store.put_held([held(1)])
    for minute in range(5):
        office.now = MONDAY + timedelta(minutes=minute)
        await notify(office.runner, both, HOUR)
        await summarize(office.runner, both, lambda: None)
    assert [text.splitlines()[0][:19] for address, text in office.desk.told if address == "43"] == [
        "On hold: participat",
        "Your weekly summary",
    ]
    assert office.desk.asked == 3


async def test_a_stale_notice_to_a_subscriber_who_cannot_be_reached_has_pauses_too(office):
    chat = Subscription(id="", channel="desk", address="7", filter=Filter(), hears_stale=True)
    await office.store.subscribe(chat)
    await office.store.remember(status(SUNDAY - 12 * HOUR))
    office.desk.refuses = {"7"}
    for minute in range(8):
        office.now = SUNDAY + timedelta(minutes=minute)
        await notify(office.runner, (DESK,), HOUR)
    assert office.desk.asked == 4 + 1, "the operator was told once"
    for gone in await office.store.subscriptions():
        await office.store.forget(gone.id)
    await notify(office.runner, (DESK,), HOUR)
    assert await office.store.notes("unreached") == {}


async def test_a_clock_that_was_years_ahead_does_not_silence_a_chat_for_years(office):
    await office.at(SUNDAY)
    office.desk.refuses = {"42"}
    await office.at(datetime(2031, 1, 6, 15, tzinfo=UTC))
    office.desk.refuses = set()
    assert len(await office.at(MONDAY)) == 1


def test_a_change_of_zone_does_not_repeat_a_monday():
    eastern = slot_of(MONDAY, "America/New_York")
    assert not is_due(slot_of(MONDAY + 3 * HOUR, "America/Los_Angeles"), eastern)
    assert is_due(slot_of(MONDAY + WEEK, "America/New_York"), eastern)


def test_a_reading_counts_once_whether_it_fails_or_not():
    failed = status().failed(Unreachable("ice: 503"), SUNDAY, HOUR)
    assert Readings.of([failed, failed]).ice_failed == 2
    assert Readings().since(Readings(ice_good=5)) == Readings()  # a source that is gone
