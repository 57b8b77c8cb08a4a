"""Several programs at work on one database, in one loop: each with its own store, desk and duty."""

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import pairwise

import psycopg
import pytest
from support.ice_site import IceHarness, cells, constables
from support.loopback.telegram import LoopbackTelegram
from support.samples import MINUTE, NOON, first_sight, record, signed

from bot.channels import Part
from bot.channels.telegram.sender import TelegramSender
from bot.commands import operator as commands
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.text.rich_text import plain_text
from bot.errors import LeaseLost, UsageError
from bot.pipeline.runner import Runner
from bot.store.postgres import leases
from bot.store.postgres.store import PostgresStore
from bot.worker import worker
from bot.worker.worker import Worker

PAGE = "https://www.ice.gov/identify-and-arrest/287g"
ELECTION = "sender telegram 1"


class Open:
    """A channel that takes everything at once."""

    name, timeout = "open", 1.0

    def __init__(self):
        self.told = []

    def render(self, digest, picture=None):
        return (Part(payload={}, plain=plain_text([digest.title]), covers=digest.covers),)

    async def send(self, address, part, *, plain=False, ready):
        await ready()
        self.told.append(address)
        return address


class Crew:
    """Starts and ends programs."""

    def __init__(self, url, stack):
        self.url, self.stack = url, stack

    async def program(self, channel, election=None, **more):
        """The duty of one more program; its desk is `desk`."""
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
            "leadership": {channel.name: election} if election else {},
        }
        made = Runner(**about | more)
        work = Worker(made)
        work.runner = made
        self.stack.push_async_callback(work.finish, 0)
        return work

    async def due(self, channel, count):
        """So many chats that are owed one change."""
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
        """End the session in which somebody was elected, as a network or an operator may."""
        ours = "(SELECT oid FROM pg_database WHERE datname = current_database())"
        held = f"pg_locks WHERE locktype = 'advisory' AND granted AND database = {ours}"
        return len(self.ask(f"SELECT pg_terminate_backend(pid) FROM {held}"))


@pytest.fixture
async def crew(database):
    async with AsyncExitStack() as stack:
        yield Crew(database, stack)


async def until(true, *programs, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never happened"
        for program in programs:
            await program.tick()
        await asyncio.sleep(0.05)


async def test_two_ticks_at_once_claim_no_more_than_there_is_room_for(crew, monkeypatch):
    monkeypatch.setattr(worker, "MOST_UNDER_WAY", 5)
    await crew.due("open", 20)
    channel = Open()
    program = await crew.program(channel)
    await asyncio.gather(program.tick(), program.tick())  # that of the clock, and that of news
    await until(lambda: len(channel.told) == 20, program, seconds=10)  # long before a lease expires


def most_in_a_second(times):
    return max(index + 1 - bisect_left(times, moment - 1 + 1e-6) for index, moment in enumerate(times))


async def test_a_new_leader_waits_until_the_old_one_has_stopped_sending(crew, monkeypatch):
    monkeypatch.setattr(leases, "SURE_FOR", 1.0)
    monkeypatch.setattr(leases, "HANDOVER", 2.2)
    monkeypatch.setattr(worker, "MOST_UNDER_WAY", 30)  # so that either has something to send
    await crew.due("telegram", 80)
    async with LoopbackTelegram(limits=True) as telegram:
        channels = [TelegramSender(token=telegram.token, base_url=telegram.url) for _ in range(2)]
        one, other = [await crew.program(channel, ELECTION) for channel in channels]
        await until(lambda: len(telegram.messages) >= 20, one)
        one.runner.store._chair._sure_until = 0.0
        assert await one.runner.store.leadership_in(ELECTION) == 0  # it is sure of it, just before
        assert crew.cut() == 1
        cut_at = time.monotonic()
        await until(lambda: other.runner.store._chair._seats, other)  # before the first one asks again
        await until(lambda: len({m.chat for m in telegram.messages}) == 80, one, other)
        for channel in channels:
            await channel.close()
    sent = [call.at for call in telegram.called("sendMessage")]
    assert len(telegram.messages) == len(sent) == 80, "nobody is told twice, and no request was too much"
    assert max(Counter(m.chat for m in telegram.messages).values()) == 1
    assert most_in_a_second(sorted(sent)) <= 25
    gap = max(later - earlier for earlier, later in pairwise(sent))
    assert gap > 1, "the one has stopped before the other begins"
    assert sum(at > cut_at for at in sent) > 30, "it happened in the middle"


async def readers(crew, tmp_path):
    """ICE's site, a program that reads it, and an operator's one."""
    world = IceHarness(tmp_path)
    await world.store.close()  # the programs have stores of their own
    runner = {"fetch": world.site, "sources": {"ice": world.ice}, "now": lambda: world.site.at}
    return world, *[(await crew.program(Open(), **runner)).runner for _ in range(2)]


def stopped_before(store, monkeypatch, name):
    """From now on that transaction waits; what lets it go on, and what tells that it waits."""
    go, waits, transaction = asyncio.Event(), asyncio.Event(), getattr(store, name)

    async def late(*arguments):
        waits.set()
        await go.wait()
        return await transaction(*arguments)

    monkeypatch.setattr(store, name, late)
    return go, waits


async def test_a_ruling_waits_for_a_poll_under_way_and_neither_is_lost(crew, tmp_path, monkeypatch):
    world, reader, operator = await readers(crew, tmp_path)
    for rows in (constables(40), constables(20)):
        world.publish(rows)
        await reader.poll(world.ice)
    (held,) = await operator.store.held()
    world.publish([*constables(20), cells("Bell County Sheriff's Office")])
    go, waits = stopped_before(reader.store, monkeypatch, "record")
    reading = asyncio.create_task(reader.poll(world.ice))
    await waits.wait()
    ruling = asyncio.create_task(commands.approve(operator, held=held.id))
    await asyncio.sleep(0.5)
    assert not ruling.done()
    go.set()
    await reading
    assert len((await ruling)["changes"]) == 21, "of the newest list, which was being read"
    assert await operator.store.held() == ()


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
    reading = asyncio.create_task(reader.poll(world.ice))
    await waits.wait()
    taking_back = asyncio.create_task(commands.retract(operator, seq=41, because="It was a typing error."))
    await asyncio.sleep(0.5)
    go.set()
    await reading
    assert (await taking_back)["change"]["seq"] == 43
    assert (await operator.store.source_status("ice")).read_at == world.site.at, "not what was remembered before"
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
    assert [str(answer) for answer in said if not isinstance(answer, dict)] == ["Change 41 was taken back already."]
    assert await one.store.last_seq() == 42


async def test_an_operator_who_would_wait_too_long_is_told_to_try_again(crew, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "PATIENCE", 0.1)
    _, reader, operator = await readers(crew, tmp_path)
    async with reader.exclusive("source ice"):
        with pytest.raises(LeaseLost, match="try again in a minute"):
            await commands.retract(operator, seq=1, because="It was a typing error.")
