"""The base of the loopback platforms: a server on 127.0.0.1 that keeps the calls and the messages it got.

    async with LoopbackTelegram() as telegram: ...

Every attribute and method may be used while it runs, from any thread.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, NamedTuple, Self

from aiohttp import web

Now = Callable[[], datetime]


class Call(NamedTuple):
    """One request: `at` in seconds of the monotonic clock, `token` as sent."""

    method: str
    arguments: Mapping[str, Any]
    at: float
    token: str


@dataclass(frozen=True)
class Message:
    """One message in a chat: `text` as a reader sees it, `raw` as sent, `order` counting from 1.

    `html` is the text as a web page can show it: only tags that we wrote ourselves.
    """

    order: int
    at: float
    chat: str
    text: str
    raw: str
    message_id: str
    links: tuple[tuple[str, str], ...] = ()  # the shown text and the address
    preview: bool = True  # true if a link may unfold into a preview of its page
    entities: int = 0
    photo: bytes | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    html: str = ""
    sent_at: datetime | None = None


@dataclass(frozen=True)
class Reading:
    """A message as a reader sees it, its links as pairs of shown text and address, and the number of its entities."""

    text: str
    links: tuple[tuple[str, str], ...] = ()
    entities: int = 0
    html: str = field(default="", compare=False)


class Refused(Exception):
    """The platform refuses a message; the text is its own words or its error code."""


def real_time() -> datetime:
    """Return the time by the machine's clock."""
    return datetime.now(UTC)


class Server(ABC):
    """A server on 127.0.0.1 at a free port."""

    def __init__(self) -> None:
        self.base = ""
        self._runner: web.AppRunner | None = None

    @abstractmethod
    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer a request at any path."""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{anything:.*}", self.respond)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()


class Platform(Server):
    """A server that keeps the calls and messages it got. `now` returns the time of the messages."""

    def __init__(self, *, now: Now = real_time) -> None:
        super().__init__()
        self.now = now
        self.messages: list[Message] = []
        self.calls: list[Call] = []

    def told(self, chat: str | int) -> list[str]:
        """Return the texts in one chat as a reader sees them, oldest first."""
        return [message.text for message in self.messages if message.chat == str(chat)]

    def called(self, method: str) -> list[Call]:
        """Return the requests for one method, oldest first."""
        return [call for call in self.calls if call.method == method]

    def note(self, method: str, arguments: Mapping[str, Any], token: str) -> None:
        """Keep a call."""
        self.calls.append(Call(method, arguments, monotonic(), token))

    async def deliver(
        self,
        request: web.Request,  # noqa: ARG002 - for servers that misbehave
        chat: str,  # noqa: ARG002 - the same
        store: Callable[[], Awaitable[Mapping[str, Any]]],
    ) -> web.StreamResponse:
        """Store a message and confirm it."""
        return web.json_response(await store())
