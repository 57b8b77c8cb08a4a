"""A Slack thread joins its message even if the program ends in between."""

from dataclasses import replace
from datetime import timedelta
from shutil import copytree

import pytest
from support.chat import FIRST, NOW, SIGNED, Chat
from support.loopback.slack import LoopbackSlack, broken
from support.program import row

from bot.channels.rate_limit import RateLimit
from bot.channels.slack.sender import SlackSender
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Subscription
from bot.pipeline.deliver import deliver
from bot.store.tiny.store import TinyStore

CHANNEL = "C024BE91L"
MANY = [row("TEXAS", f"Town {n} Police Department", "Task Force Model", SIGNED, "Bell County") for n in range(15)]


class Killed(BaseException):
    """The end of the program, which no code of its own may catch."""


@pytest.fixture
async def server():
    async with LoopbackSlack() as server:
        yield server


@pytest.fixture
async def slack(server):
    sender = SlackSender(token=server.token, base_url=server.url, rate_limit=RateLimit(clock=lambda: 0.0))
    yield sender
    await sender.close()


@pytest.fixture
async def owed(tmp_path):
    """A folder with 15 changes for one channel, which more than one message holds."""
    store = TinyStore.open(tmp_path / "first")
    talk = Chat(store)
    await talk.publish(FIRST, NOW - timedelta(days=1))
    await store.subscribe(
        Subscription(id="", channel="slack", address=CHANNEL, filter=Filter(states={ALL_STATES: 0}), tz="UTC")
    )
    await talk.publish(FIRST + MANY, NOW)
    yield store
    await store.close()


async def send(store: TinyStore, sender: SlackSender, at, allowed=None):
    [due] = await store.due(at)
    options = {} if allowed is None else {"allowed": allowed}
    return await deliver(
        due, store=store, channels={"slack": sender}, now=lambda: at, page="https://ice.example", **options
    )


def killed_before(message: int):
    """Return a check before each send that ends the program before this one."""
    left = iter(range(1, message + 1))

    async def allowed() -> None:
        if next(left) == message:
            raise Killed

    return allowed


def threads(server: LoopbackSlack) -> list[str | None]:
    """Return the thread of each message in the channel."""
    return [message.arguments.get("thread_ts") for message in server.messages]


async def everything_is_told(server: LoopbackSlack, store: TinyStore) -> None:
    first, *others = server.messages
    assert len(others) == 1, "nothing comes twice"
    assert threads(server) == [None, first.message_id]
    assert not others[0].arguments.get("reply_broadcast"), "a thread pings nobody"
    for town in range(15):
        assert f"Town {town} Police Department" in others[0].text
        assert f"Town {town} Police Department" not in first.text
    assert not await store.due(NOW + timedelta(days=1))


async def test_a_program_killed_between_a_message_and_its_thread_adds_the_thread_at_the_next_start(
    owed, slack, server, tmp_path
):
    with pytest.raises(Killed):
        await send(owed, slack, NOW, killed_before(2))
    assert threads(server) == [None]
    copytree(tmp_path / "first", tmp_path / "second", ignore=lambda *_: {"lock"})  # as a kill leaves it
    started = TinyStore.open(tmp_path / "second")
    assert (await send(started, slack, NOW + timedelta(minutes=5))).problem is None
    await everything_is_told(server, started)
    await started.close()


async def test_a_thread_that_slack_refused_joins_its_message_at_the_next_try(owed, slack, server):
    server.script(CHANNEL, None, broken(), broken())
    for hours in (0, 6):
        assert (await send(owed, slack, NOW + timedelta(hours=hours))).problem
    assert (await send(owed, slack, NOW + timedelta(hours=12))).problem is None
    await everything_is_told(server, owed)


async def test_a_later_alerts_thread_never_joins_an_earlier_alert(owed, slack, server):
    await send(owed, slack, NOW)
    later = NOW + timedelta(days=1)
    more = [
        row("OHIO", f"Village {n} Police Department", "Task Force Model", SIGNED, "Butler County") for n in range(15)
    ]
    await Chat(owed).publish(FIRST + MANY + more, later)
    with pytest.raises(Killed):
        await send(owed, slack, later, killed_before(2))
    await send(owed, slack, later + timedelta(minutes=5))
    first, _, third, _ = server.messages
    assert threads(server) == [None, first.message_id, None, third.message_id]


async def test_the_thread_of_a_digest_with_a_picture_joins_the_text_not_the_picture(owed, slack, server):
    [mine] = await owed.subscriptions()
    await owed.change_subscription(replace(mine, cadence=Cadence.DAILY))
    morning = NOW + timedelta(days=1)
    with pytest.raises(Killed):
        await send(owed, slack, morning, killed_before(3))
    await send(owed, slack, morning + timedelta(minutes=5))
    texts = [message for message in server.messages if message.photo is None]
    assert len(server.messages) == 3
    assert [message.arguments.get("thread_ts") for message in texts] == [None, texts[0].message_id]
