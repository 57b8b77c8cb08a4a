"""Several programs share one database, all in one event loop, each with its own store, runner and worker."""

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from support.gated_channel import GatedChannel
from support.ice_site import IceHarness, cells, constables
from support.loopback.telegram import LoopbackTelegram
from support.samples import MINUTE, NOON, first_sight, record, signed

from bot.channels.telegram.sender import TelegramSender
from bot.commands import operator as commands
from bot.commands import rulings
from bot.commands.chat import ChatCommands
from bot.commands.operator_chat import OperatorCommands
from bot.domain.chat.operator import Operator
from bot.domain.chat.request import Request
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.text.rich_text import plain_text
from bot.errors import LeaseLost, UsageError
from bot.pipeline import runner as runner_module
from bot.pipeline.runner import Runner
from bot.store.postgres import leases
from bot.store.postgres.store import PostgresStore
from bot.worker import worker
from bot.worker.weekly_summary import summarize
from bot.worker.worker import Worker

PAGE = "https://www.ice.gov/identify-and-arrest/287g"
LEADERSHIP = "sender telegram 1"


@dataclass
class Program:
    """One program, without its scheduler: the test says when it ticks."""

    runner: Runner
    worker: Worker

    @property
    def store(self):
        return self.runner.store


class Crew:
    """Starts programs on one database, and ends them."""

    def __init__(self, url, stack):
        self.url, self.stack = url, stack

    async def program(self, channel, leadership=None, **more):
        """Start one more program."""
        store = await PostgresStore.open(self.url)
        self.stack.push_async_callback(store.close)
        about = {
            "store": store,
            "fetch": None,
            "sources": {},
            "channels": {channel.name: channel},
            "now": lambda: NOON,
            "every": timedelta(minutes=15),
            "page": PAGE,
            "leadership": {channel.name: leadership} if leadership else {},
        }
        runner = Runner(**about | more)
        made = Program(runner, Worker(runner))
        self.stack.push_async_callback(made.worker.finish, 0)
        return made

    async def due(self, channel, count):
        """Add so many chats that are owed one change."""
        store = await PostgresStore.open(self.url)
        await store.record(record(await store.known(), first_sight(3)))
        for number in range(count):
            chat = {"channel": channel, "address": str(1000 + number), "filter": Filter(states={ALL_STATES: 0})}
            await store.subscribe(Subscription(id="", **chat))
        await store.record(record(await store.known(), [signed(100, "TX")]))
        await store.close()

    def ask(self, question):
        with psycopg.connect(self.url, autocommit=True) as db:
            return db.execute(question).fetchall()

    def cut(self):
        """Cut the connection that holds a leadership, as a network or an operator may; return how many there were."""
        ours = "(SELECT oid FROM pg_database WHERE datname = current_database())"
        held = f"pg_locks WHERE locktype = 'advisory' AND granted AND database = {ours}"
        return len(self.ask(f"SELECT pg_terminate_backend(pid) FROM {held}"))


@pytest.fixture
async def crew(database):
    async with AsyncExitStack() as stack:
        yield Crew(database, stack)


async def until(condition, *programs):
    """Let these programs tick until the condition is true."""
    async with asyncio.timeout(60):
        while not condition():
            for program in programs:
                await program.worker.tick()
            await asyncio.sleep(0.05)


async def test_two_ticks_at_once_claim_no_more_than_there_is_room_for(crew, monkeypatch):
    monkeypatch.setattr(worker, "MOST_UNDER_WAY", 5)
    await crew.due("gated", 20)
    channel = GatedChannel("gated")
    program = await crew.program(channel)
    claimed, claim_due = [], program.store.claim_due

    async def recorded(*arguments):
        found = await claim_due(*arguments)
        claimed.extend(found)
        return found

    monkeypatch.setattr(program.store, "claim_due", recorded)
    await asyncio.gather(program.worker.tick(), program.worker.tick())  # by the clock, and because of a change
    assert len(claimed) == 5
    channel.opened.set()
    await until(lambda: len(channel.told) == 20, program)


class NotedTelegram(TelegramSender):
    """A sender that notes when it sends, and which one it is."""

    def __init__(self, name, sent, telegram):
        super().__init__(token=telegram.token, base_url=telegram.url)
        self._noted_as, self._sent = name, sent

    async def send(self, address, part, *, plain=False, ready):
        async def noted():
            await ready()
            self._sent.append((self._noted_as, asyncio.get_running_loop().time()))

        return await super().send(address, part, plain=plain, ready=noted)


DESK = (Operator("gated", "1"), Operator("gated", "2"))
MONDAY = datetime(2026, 11, 23, 15, tzinfo=UTC)


async def due_summary(crew, channel):
    """Return a program whose upkeep sends the weekly summary, which is due, to two chats."""
    program = await crew.program(channel, now=lambda: MONDAY)
    last = {"day": "2026-11-16", "at": "2026-11-16T14:00:00Z", "readings": {}}
    await program.store.note("weekly summary", "last", json.dumps(last))
    program.worker = Worker(program.runner, upkeep=lambda: summarize(program.runner, DESK, lambda: None))
    crew.stack.push_async_callback(program.worker.finish, 0)
    return program


async def test_a_program_that_is_slow_to_send_notices_keeps_the_others_from_sending_them_too(crew, monkeypatch):
    monkeypatch.setattr(runner_module, "RENEW_EVERY", 0.05)
    slow, quick = GatedChannel("gated"), GatedChannel("gated", is_open=True)
    one, other = await due_summary(crew, slow), await due_summary(crew, quick)
    expiry = "SELECT until FROM leases WHERE name = 'notices'"
    await until(lambda: slow.waiting, one)
    before = crew.ask(expiry)
    await until(lambda: crew.ask(expiry) > before, other)
    slow.opened.set()
    await until(lambda: len(slow.told) == 2, other)
    await one.worker.idle()
    other.worker._upkeep_at = 0.0
    await other.worker.tick()
    await other.worker.idle()
    assert (slow.told, quick.told) == (["1", "2"], [])


async def test_a_program_that_lost_its_lease_sends_no_notice_after_that(crew):
    slow, quick = GatedChannel("gated", timeout=leases.LEASE), GatedChannel("gated", is_open=True)
    one, other = await due_summary(crew, slow), await due_summary(crew, quick)
    await until(lambda: slow.waiting, one)
    with psycopg.connect(crew.url, autocommit=True) as db:  # as if the program had been frozen until now
        db.execute("UPDATE leases SET until = now() - interval '1 second' WHERE name = 'notices'")
    await until(lambda: len(quick.told) == 2, other)
    await other.worker.idle()
    slow.opened.set()
    await one.worker.idle()
    assert slow.told == ["1"], "what was under way when it was frozen can't be taken back"


@pytest.mark.slow
async def test_a_new_leader_waits_until_the_old_one_has_stopped_sending(crew, monkeypatch):
    monkeypatch.setattr(leases, "LEADER_TRUSTS", 1.0)
    monkeypatch.setattr(leases, "NEW_LEADER_WAITS", 2.2)
    monkeypatch.setattr(worker, "MOST_UNDER_WAY", 30)  # so that both have something to send
    await crew.due("telegram", 80)
    sent = []
    async with LoopbackTelegram() as telegram:
        channels = [NotedTelegram(name, sent, telegram) for name in ("first", "second")]
        one, other = [await crew.program(channel, LEADERSHIP) for channel in channels]
        await until(lambda: len(telegram.messages) >= 20, one)
        assert await other.store.leadership_in(LEADERSHIP) is None
        assert crew.cut() == 1
        while await other.store.leadership_in(LEADERSHIP) is None:  # noqa: ASYNC110 - the database says nothing
            await asyncio.sleep(0.01)  # the other takes over, perhaps before the one asks again
        await until(lambda: len({m.chat for m in telegram.messages}) == 80, one, other)
        for channel in channels:
            await channel.close()
    names = [name for name, _ in sent]
    assert names == sorted(names), "the first never sends again once the second has begun"
    assert set(names) == {"first", "second"}
    ends, begins = max(at for name, at in sent if name == "first"), min(at for name, at in sent if name == "second")
    assert begins - ends > 1, "a second later, so that the limit of a second holds across both"
    assert set(Counter(m.chat for m in telegram.messages).values()) == {1}, "no chat gets the change twice"


async def readers(crew, tmp_path):
    """Return ICE's site, a program that polls it, and one that an operator uses."""
    world = IceHarness(tmp_path)
    await world.store.close()  # the programs have stores of their own
    runner = {"fetch": world.site, "sources": {"ice": world.ice}, "now": lambda: world.site.at}
    return world, *[(await crew.program(GatedChannel("gated", is_open=True), **runner)).runner for _ in range(2)]


def stopped_before(store, monkeypatch, name):
    """Make a transaction wait from now on; return the event that lets it go on and the one that says it waits."""
    go, waits, transaction = asyncio.Event(), asyncio.Event(), getattr(store, name)

    async def late(*arguments):
        waits.set()
        await go.wait()
        return await transaction(*arguments)

    monkeypatch.setattr(store, name, late)
    return go, waits


def refused_lease(store, monkeypatch):
    """Return an event that is set when another program holds a lease this store asks for."""
    refused, lease = asyncio.Event(), store.lease

    async def noted(name):
        is_ours = await lease(name)
        if not is_ours:
            refused.set()
        return is_ours

    monkeypatch.setattr(store, "lease", noted)
    return refused


async def test_a_ruling_waits_for_a_poll_under_way_and_neither_is_lost(crew, tmp_path, monkeypatch):
    world, reader, operator = await readers(crew, tmp_path)
    for rows in (constables(40), constables(20)):
        world.publish(rows)
        await reader.poll(world.ice)
    (held,) = await operator.store.held()
    world.publish([*constables(20), cells("Bell County Sheriff's Office")])
    go, waits = stopped_before(reader.store, monkeypatch, "record")
    must_wait = refused_lease(operator.store, monkeypatch)
    reading = asyncio.create_task(reader.poll(world.ice))
    await waits.wait()
    ruling = asyncio.create_task(commands.approve(operator, held=held.id))
    await must_wait.wait()
    assert not ruling.done()
    go.set()
    await reading
    assert len((await ruling)["changes"]) == 21, "from the newest list, which was being read"
    assert await operator.store.held() == ()


async def test_an_approval_pressed_at_once_in_two_programs_acts_once(crew, tmp_path):
    world, one, other = await readers(crew, tmp_path)
    for rows in (constables(40), constables(20)):
        world.publish(rows)
        await one.poll(world.ice)
    (held,) = await one.store.held()
    press = Request(channel="telegram", address="99", text=f"approve {held.id} {held.version} yes")
    handlers = [
        ChatCommands(runner, OperatorCommands(runner, [Operator("telegram", "99")], 6)) for runner in (one, other)
    ]
    answers = await asyncio.gather(*(handler.answer(press) for handler in handlers))
    said = sorted(plain_text(answer.lines).split(":")[0] for answer in answers)
    assert said == ["Approved", "That list was already approved."]
    assert sum(change.kind.value == "withdrawn" for change in await one.store.changes()) == 20


async def test_two_rulings_at_once_count_as_one(crew, tmp_path):
    world, one, other = await readers(crew, tmp_path)
    for rows in (constables(40), constables(20)):
        world.publish(rows)
        await one.poll(world.ice)
    (held,) = await one.store.held()
    said = await asyncio.gather(
        *(commands.approve(runner, held=held.id) for runner in (one, other)), return_exceptions=True
    )
    assert sorted(type(answer) for answer in said if not isinstance(answer, dict)) == [UsageError]
    assert sum(change.kind.value == "withdrawn" for change in await one.store.changes()) == 20


async def test_a_retraction_undoes_nothing_that_a_poll_records_meanwhile(crew, tmp_path, monkeypatch):
    world, reader, operator = await readers(crew, tmp_path)
    for rows in (constables(40), constables(41)):
        world.publish(rows)
        await reader.poll(world.ice)
    world.publish(constables(42))
    world.site.at += MINUTE
    go, waits = stopped_before(reader.store, monkeypatch, "record")
    must_wait = refused_lease(operator.store, monkeypatch)
    reading = asyncio.create_task(reader.poll(world.ice))
    await waits.wait()
    retraction = asyncio.create_task(commands.retract(operator, seq=41, because="It was a typing error."))
    await must_wait.wait()
    go.set()
    await reading
    assert (await retraction)["change"]["seq"] == 43
    assert (await operator.store.source_status("ice")).read_at == world.site.at, "not the status from before the poll"
    assert len((await operator.store.known()).agreements["participating"]) == 42


async def test_two_retractions_at_once_retract_once(crew, tmp_path):
    world, one, other = await readers(crew, tmp_path)
    for rows in (constables(40), constables(41)):
        world.publish(rows)
        await one.poll(world.ice)
    said = await asyncio.gather(
        *(commands.retract(runner, seq=41, because="It was a typing error.") for runner in (one, other)),
        return_exceptions=True,
    )
    assert [str(answer) for answer in said if not isinstance(answer, dict)] == ["Change 41 was already retracted."]
    assert await one.store.last_seq() == 42


async def test_an_operator_who_would_wait_too_long_is_told_to_try_again(crew, tmp_path, monkeypatch):
    monkeypatch.setattr(rulings, "PATIENCE", 0.1)
    _, reader, operator = await readers(crew, tmp_path)
    async with reader.exclusive("source ice"):
        with pytest.raises(LeaseLost, match="Try again in a minute"):
            await commands.approve(operator, held="00000000")
