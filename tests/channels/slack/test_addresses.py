"""One address for each Slack conversation: members and their direct messages, workspaces and shared channels."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.chat import FIRST, NOW, SECOND, Chat
from support.loopback.slack import LoopbackSlack

from bot.channels.rate_limit import RateLimit
from bot.channels.slack.sender import SlackSender
from bot.channels.slack.setup import SlackSetup
from bot.commands import operator
from bot.pipeline import addresses
from bot.pipeline.deliver import deliver
from bot.store.tiny.store import TinyStore


@pytest.fixture
async def server():
    async with LoopbackSlack() as server:
        yield server


@pytest.fixture
async def talk(tmp_path, server):
    store = TinyStore.open(tmp_path / "data")
    made = Chat(store)
    await made.publish(FIRST, NOW - timedelta(days=5))
    yield made
    await store.close()


@pytest.fixture
async def one(server):
    """The app in one workspace."""
    sender = SlackSender(token=server.token, base_url=server.url, rate_limit=RateLimit())
    yield sender
    await sender.close()


@pytest.fixture
async def several(server):
    """The app in several workspaces, one of them its own."""

    async def token_of(team):
        return server.token

    sender = SlackSender(token=server.token, tokens=token_of, base_url=server.url, rate_limit=RateLimit())
    yield sender
    await sender.close()


async def subscribed(talk, sender, address, states="TX"):
    talk.runner.channels.update({"slack": sender})
    wanted = {"states": states, "cadence": "instant", "tz": "UTC"}
    answer = await operator.subscribe(talk.runner, channel="slack", address=address, **wanted)
    return answer["subscription"]


async def test_a_member_is_the_same_as_the_direct_messages_with_that_member(talk, one):
    first = await subscribed(talk, one, "U024BE91L")
    assert first["address"].startswith("D")
    assert (await subscribed(talk, one, first["address"]))["id"] == first["id"]
    assert (await subscribed(talk, one, "<@U024BE91L>"))["id"] == first["id"]


async def test_a_message_to_a_member_shows_the_direct_messages(talk, one, server):
    mine = replace(await telegram_subscription(talk), channel="slack", address="U024BE91L")
    server.users["U024BE91L"] = {}
    direct = (await subscribed(talk, one, "U024BE91L"))["address"]
    await talk.store.subscribe(mine)  # as versions before this one did
    await talk.publish(SECOND, NOW)
    for minutes in range(3):
        talk.now = NOW + timedelta(minutes=minutes)
        for due in await talk.store.due(talk.now):
            about = {"now": lambda: talk.now, "page": "https://ice.example"}
            await deliver(due, store=talk.store, channels={"slack": one}, **about)
    assert [s.address for s in await talk.store.subscriptions() if s.channel == "slack"] == [direct]


async def telegram_subscription(talk):
    await talk.ask("watch TX", address="77")
    return await talk.mine("77")


async def test_one_workspace_needs_no_name_of_the_workspace(talk, one):
    first = await subscribed(talk, one, "T024BE91L/C024BE91L")
    assert first["address"] == "C024BE91L"
    assert (await subscribed(talk, one, " T024BE91L / C024BE91L "))["id"] == first["id"]


async def test_with_several_workspaces_a_bare_id_belongs_to_the_own_one(talk, several):
    first = await subscribed(talk, several, "C024BE91L")
    team, _, channel = first["address"].partition("/")
    assert (team[:1], channel) == ("T", "C024BE91L")
    assert (await subscribed(talk, several, first["address"]))["id"] == first["id"]


async def test_a_channel_shared_with_a_workspace_that_leaves_keeps_its_subscription_in_the_other(talk):
    store = talk.store
    mine = await telegram_subscription(talk)
    shared = await store.subscribe(replace(mine, channel="slack", address="T1111111/C024BE91L"))
    await addresses.learn(store, "slack", "T2222222/C024BE91L", "T1111111/C024BE91L")
    await talk.chat_commands.erased("slack", "T1111111/")
    [left] = [s for s in await store.subscriptions() if s.channel == "slack"]
    assert (left.id, left.address) == (shared.id, "T2222222/C024BE91L")
    await talk.chat_commands.erased("slack", "T2222222/")
    assert [s.channel for s in await store.subscriptions()] == ["telegram"]
    assert dict(await store.notes("alias")) == {}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (" C024BE91L\n", "C024BE91L"),
        ("<#C024BE91L|general>", "C024BE91L"),
        ("T024BE91L/ D024BE91L", "T024BE91L/D024BE91L"),
    ],
)
def test_an_id_has_one_form(typed, meant):
    assert SlackSetup().check_address(typed) == meant
