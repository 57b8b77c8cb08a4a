"""The channels, such as Slack and Telegram. Each has its own folder or module and one line in the registry.

A channel doesn't depend on other channels, on the schedules of subscriptions or on the store.
"""

from typing import Any

from bot.channels.apprise import AppriseSetup
from bot.channels.console import ConsoleSetup
from bot.channels.protocols import (
    ChatHandler,
    HttpAnswer,
    LearnsAddresses,
    Listener,
    Notes,
    Part,
    Ready,
    Receive,
    Sender,
    ShowsButtons,
    at_once,
    pictured,
    sender_for,
)
from bot.channels.setup import Route, Setup, SharedSettings
from bot.channels.slack.setup import SlackSetup
from bot.channels.telegram.setup import TelegramSetup
from bot.channels.webhook.setup import WebhookSetup

__all__ = [
    "CHANNELS",
    "ChatHandler",
    "HttpAnswer",
    "LearnsAddresses",
    "Listener",
    "Notes",
    "Part",
    "Ready",
    "Receive",
    "Route",
    "Sender",
    "Setup",
    "SharedSettings",
    "ShowsButtons",
    "at_once",
    "command_prefix",
    "pictured",
    "sender_for",
]

CHANNELS: dict[str, Setup[Any]] = {
    "apprise": AppriseSetup(),
    "console": ConsoleSetup(),
    "slack": SlackSetup(),
    "telegram": TelegramSetup(),
    "webhook": WebhookSetup(),
}


def command_prefix(channel: str) -> str | None:
    """Return the prefix of the commands that people type in a channel, or None if no one can send commands there."""
    setup = CHANNELS.get(channel)
    listens = setup is not None and type(setup).make_listener is not Setup.make_listener
    return setup.command_prefix if setup is not None and listens else None
