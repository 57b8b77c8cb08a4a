"""The channels: one file and one line here for each. None of them knows a subscription, a store or another channel."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from bot.domain.chat.request import Reply, Request
from bot.domain.messages.digest import Digest
from bot.domain.messages.picture import Image
from bot.domain.subscription import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message, ready for its platform.

    `payload` is what the platform's call takes beside the address; `plain` is the same without markup and without the
    addresses of links, for when the platform refuses the first. `covers` are the numbers of the changes that it names.
    A part with a `picture` (PNG) shows it, with `alt` for those who do not see it; one whose picture is empty, or that
    is sent plain, sends nothing and counts as sent. `reply_to` is the platform's id of the message that it answers.
    """

    payload: dict[str, Any]
    plain: str
    covers: tuple[int, ...]
    picture: bytes | None = None
    alt: str = ""
    reply_to: str | None = None


def pictured(image: Image) -> Part:
    """The part that shows an image under its title."""
    return Part(payload={"title": image.title}, plain=image.alt, covers=(), picture=image.png, alt=image.alt)


Ready = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Nothing is to be seen to before a message goes out."""


class Channel(Protocol):
    """A platform that carries messages. A send fails only with SendError, which carries the verdict.

    `timeout` is the longest that a send takes, in seconds, once its turn has come: hold your lease that long.
    """

    name: str
    timeout: float

    def check(self, address: str) -> str:
        """The address in the form that the platform uses; UsageError says what it should look like."""
        ...

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:
        """The digest within the platform's limits, in numbered parts only where it must. Pure.

        A platform that shows pictures shows this one first, as a part of its own.
        """
        ...

    async def send(self, address: str, part: Part, *, plain: bool = False, ready: Ready = at_once) -> str:
        """Deliver one part when its turn comes; the platform's message id. `plain` sends it without markup.

        `ready` is awaited when its turn has come, before anything goes out; what it raises is raised, and nothing went.

        Of a part with a picture: the id, or none where nothing was sent. A picture that the platform refuses, for
        whatever reason, is `too_long`: the text that follows finds out what else is wrong.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class ChatHandler(Protocol):
    """Who answers what people ask in chats; handed to a channel that listens. `channel` is the channel's name."""

    async def answer(self, asked: Request) -> Reply:
        """The answer to a command or a pressed button; never an error for what a person typed."""
        ...

    async def subscription(self, channel: str, address: str) -> Subscription | None:
        """The settings of a chat, for a form that shows them."""
        ...

    async def subscriptions(self, channel: str) -> Sequence[Subscription]:
        """All chats of a channel that have a subscription."""
        ...

    async def moved(self, channel: str, old: str, new: str) -> None:
        """A chat has another address from now on."""
        ...

    async def gone(self, channel: str, address: str, reason: str) -> None:
        """The bot was removed or blocked: the subscription is paused with that reason, its settings kept."""
        ...

    async def returned(self, channel: str, address: str) -> None:
        """The bot was added again or unblocked: a subscription that was paused for that goes on."""
        ...

    async def erased(self, channel: str, prefix: str) -> None:
        """All chats whose address begins so are to be forgotten (a workspace uninstalled the bot)."""
        ...


class Listener(Protocol):
    """The side of a channel that hears people."""

    async def listen(self, clerk: ChatHandler) -> None:
        """Answer people until cancelled; a lost connection is made again by itself."""
        ...


def _lazily(module: str, name: str) -> Callable[..., Channel]:
    """The class there, whose platform's library is imported only when a channel is made of it."""

    def make(**options: Any) -> Channel:
        return cast("Channel", getattr(import_module(f"bot.channels.{module}"), name)(**options))

    return make


CHANNELS: dict[str, Callable[..., Channel]] = {
    "apprise": _lazily("apprise", "AppriseSender"),
    "console": _lazily("console", "ConsoleSender"),
    "slack": _lazily("slack.sender", "SlackSender"),
    "telegram": _lazily("telegram.sender", "TelegramSender"),
}
