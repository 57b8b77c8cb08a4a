"""The interfaces of a channel's sender and listener, and of the chat handler that answers people."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from bot.domain.chat.request import Button, Reply, Request
from bot.domain.messages.digest import Digest
from bot.domain.messages.picture import Image
from bot.domain.subscription import Subscription

BOT_NAMES = "bot names"  # the kind of note with the bot's public name on each platform, which the pages link to

# ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message, in the form that its platform requires.

    `payload` contains the arguments of the platform's call, except the address. `plain` is the same text without markup
    or links, to send if the platform refuses the payload. `covers` lists the sequence numbers of the reported changes.
    `picture` is a PNG, and `alt` describes it for people who can't see it. Nothing is posted if `picture` is empty, or
    if a part with a picture is sent as plain text. In both cases, the part counts as sent. `reply_to` is the platform's
    id for the message that this one replies to. `buttons` are rows of buttons under the message. With `in_thread`, the
    part goes in the thread of the digest's first message, whose id is then in `thread`. `html` is the same
    content for services that take HTML.
    """

    payload: dict[str, Any]
    plain: str
    covers: tuple[int, ...]
    picture: bytes | None = None
    alt: str = ""
    reply_to: str | None = None
    buttons: tuple[tuple[Button, ...], ...] = ()
    in_thread: bool = False
    thread: str | None = None
    html: str = ""


def links_only(rows: Sequence[Sequence[Button]]) -> list[list[Button]]:
    """Return the buttons that open a page, for a place where no one may send commands."""
    return [kept for row in rows if (kept := [button for button in row if button.url])]


def commands_only(rows: Sequence[Sequence[Button]]) -> list[list[Button]]:
    """Return the buttons that open no page, for a message whose links the platform may have refused."""
    return [kept for row in rows if (kept := [button for button in row if not button.url])]


def pictured(image: Image) -> Part:
    """Return a part that shows an image with its title."""
    return Part(payload={"title": image.title}, plain=image.alt, covers=(), picture=image.png, alt=image.alt)


Ready = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Return immediately. This is the default value of `ready`."""


@runtime_checkable
class EncryptsAddresses(Protocol):
    """A sender whose addresses hold passwords, so that the store keeps them encrypted."""

    def stored_address(self, address: str) -> str:
        """Return the address as the store keeps it."""
        ...


NEW_SECRET = "new"  # noqa: S105 - given in place of a secret, it asks for one that Countersign makes


@runtime_checkable
class SignsMessages(Protocol):
    """A sender that signs its messages with a secret of each address."""

    async def set_secret(self, address: str, given: str | None) -> str | None:
        """Store the secret of an address, and return it if it is new.

        If `given` is None, keep the secret that the address has, or make one. If it is NEW_SECRET, make one in any
        case. Raise UsageError for a bad secret.
        """
        ...

    async def forget_secret(self, address: str) -> None:
        """Delete the secrets of an address."""
        ...

    async def encrypt_secrets(self) -> int:
        """Encrypt the secrets that were stored before there was a secret key. Return the number of addresses."""
        ...


@runtime_checkable
class Pings(Protocol):
    """A sender with a message of its own for tests."""

    def ping(self, text: str) -> Part:
        """Return the part that tests an address. `text` says so in words."""
        ...


class Sender(Protocol):
    """The sending side of a channel. If a send fails, it raises SendError, which says what to do next.

    `timeout` is the longest time a send can take after its turn arrives, in seconds. The lease must last at least that
    long.
    """

    name: str
    timeout: float

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:
        """Split the digest into parts that fit the platform's limits. Number the parts if there are several. Pure.

        If the platform supports pictures, `picture` becomes a separate part, before the others.
        """
        ...

    async def send(self, address: str, part: Part, *, plain: bool = False, ready: Ready = at_once) -> str:
        """Wait for a turn, send one part and return the platform's message id.

        With `plain`, send the part without markup. `ready` is awaited after the turn arrives and before anything is
        sent. If `ready` raises an error, nothing is sent and the error propagates.

        For a part with a picture, return "" if nothing was sent. If the platform refuses the picture for any reason,
        raise a SendError marked `too_long`. Any other problem will show up when the text is sent.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


@runtime_checkable
class SenderOfManyServices(Protocol):
    """A sender to services with different limits, which the address names."""

    def for_address(self, address: str) -> Sender:
        """Return the sender for one address."""
        ...


@runtime_checkable
class ShowsButtons(Protocol):
    """A sender that can put buttons under a message."""

    def with_buttons(self, address: str, part: Part, rows: Sequence[Sequence[Button]]) -> Part:
        """Return the part with buttons that act on the chat at this address."""
        ...


def sender_for(sender: Sender, address: str) -> Sender:
    """Return the sender for an address. Most channels have one for all addresses."""
    return sender.for_address(address) if isinstance(sender, SenderOfManyServices) else sender


@runtime_checkable
class LearnsAddresses(Protocol):
    """A sender that can learn a chat's permanent address from its platform."""

    def lasting(self, address: str) -> str:
        """Return a chat's permanent address if earlier sends have revealed it."""
        ...


# ── listening ────────────────────────────────────────────────────────────────────────────────────────────────────────


class ChatHandler(Protocol):
    """Answers people in chats. Listeners pass every question to it. `channel` is the channel's name."""

    async def answer(self, asked: Request) -> Reply:
        """Answer a command or a button press. No user input can raise an error."""
        ...

    async def extra_commands(self, channel: str, address: str) -> frozenset[str]:
        """Return the commands that only this chat has, such as the operator's."""
        ...

    async def subscription(self, channel: str, address: str) -> Subscription | None:
        """Return a chat's subscription, or None if it has none. Forms use it to show the chat's settings."""
        ...

    async def subscriptions(self, channel: str) -> Sequence[Subscription]:
        """Return all subscriptions on a channel."""
        ...

    async def moved(self, channel: str, old: str, new: str) -> None:
        """Record a chat's new address and move its topics too. If both addresses have a subscription, merge the two."""
        ...

    async def gone(self, channel: str, address: str, reason: str) -> None:
        """Pause the subscriptions of a chat and its topics because the bot was removed or blocked.

        Keep the settings and store the reason.
        """
        ...

    async def returned(self, channel: str, address: str) -> None:
        """Resume the subscriptions of a chat and its topics because the bot was added back or unblocked."""
        ...

    async def erased(self, channel: str, prefix: str) -> None:
        """Erase all chats whose address starts with this prefix, because a workspace uninstalled the bot."""
        ...


class HttpAnswer(NamedTuple):
    """The response to an HTTP request."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class TrustedAnswer(HttpAnswer):
    """The response to a request that carried a valid signature or secret."""

    __slots__ = ()


Receive = Callable[[str, Mapping[str, str], bytes], Awaitable[HttpAnswer]]


class Listener(Protocol):
    """The listening side of a channel. It receives commands from people."""

    async def listen(self, chat_handler: ChatHandler) -> None:
        """Answer people until canceled. Reconnect as needed."""
        ...

    async def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Return the response to a request for one of the channel's routes. `path` includes the query string."""
        ...


# ── keeping ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Notes(Protocol):
    """Strings that the store keeps by key. Each channel's keys start with the channel's name."""

    async def get(self, key: str) -> str | None:
        """Return the string stored under a key, or None if there is none."""
        ...

    async def put(self, key: str, text: str) -> None:
        """Store a string under a key. Overwrite any existing string."""
        ...

    async def delete(self, key: str) -> None:
        """Delete the string stored under a key. Do nothing if the key is missing."""
        ...

    async def keys(self) -> Sequence[str]:
        """Return all keys, in any order."""
        ...

    async def all(self) -> Mapping[str, str]:
        """Return all strings by key."""
        ...

    def of(self, kind: str) -> "Notes":
        """Return the notes of another kind. Reading one kind of notes doesn't read the others."""
        ...
