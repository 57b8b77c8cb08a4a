"""The channels: one file and one line here for each. None of them knows a subscription, a store or another channel."""

from dataclasses import dataclass
from typing import Any, Protocol

from bot.domain.digest import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message, ready for its platform.

    `payload` is what the platform's call takes beside the address; `plain` is the same without markup, for when the
    platform refuses the first. `covers` are the numbers of the changes that it names.
    """

    payload: dict[str, Any]
    plain: str
    covers: tuple[int, ...]


class Channel(Protocol):
    """A platform that carries messages. A send fails only with SendError, which carries the verdict."""

    name: str

    def check(self, address: str) -> str:
        """The address in the form that the platform uses; UsageError says what it should look like."""
        ...

    def render(self, digest: Digest) -> tuple[Part, ...]:
        """The digest within the platform's limits, in numbered parts only where it must. Pure."""
        ...

    async def send(self, address: str, part: Part) -> str:
        """Deliver one part; the platform's message id."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
