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
from loopback.telegram import LoopbackTelegram
from store.samples import NOON, first_sight, record, signed

from bot import duty
from bot.channels import Part
from bot.channels.telegram import Telegram
from bot.domain.digest import plain_text
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.duty import Desk, Duty
from bot.store import leases
from bot.store.postgres import PostgresStore

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

    async def program(self, channel, election=None):
        """The duty of one more program; its desk is `desk`."""
        store = await PostgresStore.open(self.url)
        self.stack.push_async_callback(store.close)
        made = Desk(
            store=store,
            fetch=None,
            sources={},
            channels={channel.name: channel},
            now=lambda: NOON,
            every=timedelta(minutes=15),
            page="https://www.ice.gov/identify-and-arrest/287g",
            elections={channel.name: election} if election else {},
        )
        work = Duty(made)
        work.desk = made
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


async def test_two_ticks_at_once_take_no_more_than_there_is_room_for(crew, monkeypatch):
    monkeypatch.setattr(duty, "MOST_UNDER_WAY", 5)
    await crew.due("open", 20)
    channel = Open()
    program = await crew.program(channel)
    await asyncio.gather(program.tick(), program.tick())  # that of the clock, and that of news
    await until(lambda: len(channel.told) == 20, program, seconds=10)  # long before a lease expires


def most_in_a_second(times):
    return max(index + 1 - bisect_left(times, moment - 1 + 1e-6) for index, moment in enumerate(times))


async def test_the_pace_of_a_token_is_held_when_another_program_takes_over_from_a_sender_that_goes_on(
    crew, monkeypatch
):
    monkeypatch.setattr(leases, "SURE_FOR", 1.0)
    monkeypatch.setattr(leases, "HANDOVER", 2.2)
    monkeypatch.setattr(duty, "MOST_UNDER_WAY", 30)  # so that either has something to send
    await crew.due("telegram", 80)
    async with LoopbackTelegram(limits=True) as telegram:
        channels = [Telegram(token=telegram.token, base_url=telegram.url) for _ in range(2)]
        one, other = [await crew.program(channel, ELECTION) for channel in channels]
        await until(lambda: len(telegram.messages) >= 20, one)
        one.desk.store._chair._sure_until = 0.0
        assert await one.desk.store.elected(ELECTION) == 0  # it is sure of it, just before
        assert crew.cut() == 1
        cut_at = time.monotonic()
        await until(lambda: other.desk.store._chair._seats, other)  # before the first one asks again
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
