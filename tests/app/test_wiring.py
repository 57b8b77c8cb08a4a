"""From the settings to the senders, with the registry as it is and with one more line."""

import pytest
from support.pigeon.setup import PigeonSetup

from bot.app.wiring import operators, senders, sending_leaderships
from bot.channels import CHANNELS
from bot.config.settings import load
from bot.errors import ConfigError
from bot.store.tiny.store import TinyStore

OURS = ("COUNTERSIGN_", "TELEGRAM_", "SLACK_", "PIGEON_", "PORT", "DATABASE_URL")


@pytest.fixture
async def made(tmp_path, monkeypatch):
    """The names of the senders that these variables set up."""
    import os

    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    store, opened = TinyStore.open(tmp_path / "data"), []

    async def make(**env):
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        found = senders(load(folder=tmp_path), store)
        opened.extend(found.values())
        return set(found)

    yield make
    for sender in opened:
        await sender.close()
    await store.close()


async def test_the_console_stands_in_as_long_as_no_platform_is_set_up(made):
    assert await made() == {"console", "apprise", "webhook"}
    assert await made(TELEGRAM_BOT_TOKEN="1:x") == {"telegram", "apprise", "webhook"}
    assert await made(SLACK_BOT_TOKEN="xoxb-1") == {"telegram", "slack", "apprise", "webhook"}


async def test_one_registry_line_adds_a_channel_and_the_console_stands_back(made, monkeypatch):
    monkeypatch.setitem(CHANNELS, "pigeon", PigeonSetup())
    assert await made() == {"console", "apprise", "webhook"}
    assert await made(PIGEON_TOKEN="coo") == {"pigeon", "apprise", "webhook"}


async def test_slack_is_set_up_by_everything_that_lets_workspaces_install_it(made):
    oauth = {
        "SLACK_CLIENT_ID": "1.2",
        "SLACK_CLIENT_SECRET": "hush",
        "SLACK_SIGNING_SECRET": "hush",
        "COUNTERSIGN_PUBLIC_URL": "https://bot.example.org",
    }
    assert await made(**oauth) == {"console", "apprise", "webhook"}
    assert await made(COUNTERSIGN_SECRET_KEY="x" * 32) == {"slack", "apprise", "webhook"}


def test_only_telegram_needs_a_leader_to_send_and_to_poll(tmp_path, monkeypatch):
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123:hush")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    settings = load(folder=tmp_path)
    assert sending_leaderships(settings) == {"telegram": "sender telegram 123"}
    assert CHANNELS["telegram"].listening_leadership(settings) == "hears sender telegram 123"
    monkeypatch.setenv("COUNTERSIGN_PUBLIC_URL", "https://bot.example.org")
    assert CHANNELS["telegram"].listening_leadership(load(folder=tmp_path)) is None


def test_the_operator_may_be_on_any_platform_of_the_registry(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTERSIGN_OPERATOR", "pigeon:loft-1")
    with pytest.raises(ConfigError, match="COUNTERSIGN_OPERATOR: it must be slack: or telegram: and an id"):
        load(folder=tmp_path)
    monkeypatch.setitem(CHANNELS, "pigeon", PigeonSetup())
    (found,) = operators(load(folder=tmp_path))
    assert (found.channel, found.address) == ("pigeon", "loft-1")
