"""The two sides of a channel, sending and listening, and the chat handler that answers people."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from bot.domain.chat.request import Reply, Request
from bot.domain.messages.digest import Digest
from bot.domain.messages.picture import Image
from bot.domain.subscription import Subscription

# ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message, ready for its platform.

    `payload` holds the arguments of the platform's call, apart from the address. `plain` is the same text without
    markup or links, for when the platform refuses the payload. `covers` lists the numbers of the changes reported.
    `picture` is a PNG, with `alt` text for people who can't see it. A picture part counts as sent, though nothing goes
    out, if its picture is empty or it is sent plain. `reply_to` is the platform's id of the message being replied to.
    """

    payload: dict[str, Any]
    plain: str
    covers: tuple[int, ...]
    picture: bytes | None = None
    alt: str = ""
    reply_to: str | None = None


def pictured(image: Image) -> Part:
    """Return the part that shows an image under its title."""
    return Part(payload={"title": image.title}, plain=image.alt, covers=(), picture=image.png, alt=image.alt)


Ready = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Return right away, because the message can go out now."""


class Sender(Protocol):
    """The sending side of a channel. A send fails only with SendError, which says what to do next.

    `timeout` is the longest a send can take once its turn has come, in seconds. Hold the lease at least that long.
    """

    name: str
    timeout: float

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:
        """Split the digest into parts within the platform's limits, numbered only if there are several. Pure.

        A platform that shows pictures puts `picture` first, as a part of its own.
        """
        ...

    async def send(self, address: str, part: Part, *, plain: bool = False, ready: Ready = at_once) -> str:
        """Send one part when its turn comes and return the platform's message id. `plain` sends it without markup.

        `ready` is awaited once the turn has come, before anything goes out. If it raises, nothing is sent and the
        error passes through.

        For a part with a picture, return "" if nothing was sent. If the platform refuses the picture for any reason,
        the error is marked `too_long`; sending the text afterward will reveal any other problem.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


# ── listening ────────────────────────────────────────────────────────────────────────────────────────────────────────


class ChatHandler(Protocol):
    """Answers people in chats. A listener passes on everything they ask. `channel` is the channel's name."""

    async def answer(self, asked: Request) -> Reply:
        """Answer a command or a button press. Nothing a person types can raise an error."""
        ...

    async def subscription(self, channel: str, address: str) -> Subscription | None:
        """Return a chat's subscription, for a form that shows its settings."""
        ...

    async def subscriptions(self, channel: str) -> Sequence[Subscription]:
        """Return all subscriptions on a channel."""
        ...

    async def moved(self, channel: str, old: str, new: str) -> None:
        """Record a chat's new address."""
        ...

    async def gone(self, channel: str, address: str, reason: str) -> None:
        """Pause a chat's subscription because the bot was removed or blocked. Keep the reason and the settings."""
        ...

    async def returned(self, channel: str, address: str) -> None:
        """Resume a subscription now that the bot, which had been removed or blocked, is back."""
        ...

    async def erased(self, channel: str, prefix: str) -> None:
        """Forget every chat whose address starts with this prefix (a workspace uninstalled the bot)."""
        ...


class HttpAnswer(NamedTuple):
    """The answer to an HTTP request."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


Receive = Callable[[str, Mapping[str, str], bytes], Awaitable[HttpAnswer]]


class Listener(Protocol):
    """The listening side of a channel, which receives people's commands."""

    async def listen(self, chat_handler: ChatHandler) -> None:
        """Answer people until canceled, reconnecting as needed."""
        ...

    async def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Answer a request to one of the channel's routes. `path` includes the query, if there is one."""
        ...


# ── keeping ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Notes(Protocol):
    """Texts by key, kept in the store. A channel begins its keys with its own name."""

    async def get(self, key: str) -> str | None:
        """Return the text under a key."""
        ...

    async def put(self, key: str, text: str) -> None:
        """Store a text, replacing any text already under this key."""
        ...

    async def delete(self, key: str) -> None:
        """Erase the text stored under a key. A missing key isn't an error."""
        ...

    async def keys(self) -> Sequence[str]:
        """Return all keys, in any order."""
        ...
