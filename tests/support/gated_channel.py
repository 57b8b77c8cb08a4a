"""A channel that holds every message until a test lets it through."""

import asyncio

from bot.channels import Part
from bot.domain.text.rich_text import plain_text
from bot.errors import SendError


class GatedChannel:
    """Holds messages until `opened` is set. `waiting` counts them now, `most` at the worst moment."""

    def __init__(self, name: str, *, is_open: bool = False, timeout: float = 1.0) -> None:
        self.name, self.timeout = name, timeout
        self.opened = asyncio.Event()
        self.told: list[str] = []
        self.waiting = self.most = 0
        if is_open:
            self.opened.set()

    def check(self, address: str) -> str:
        return address

    def render(self, digest, picture=None):
        return (Part(payload={}, plain=plain_text([digest.title]), covers=digest.covers),)

    async def send(self, address: str, part: Part, *, plain: bool = False, ready=None) -> str:
        if ready is not None:
            await ready()
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            async with asyncio.timeout(60):
                await self.opened.wait()
        except TimeoutError:
            raise SendError("it was never opened") from None
        finally:
            self.waiting -= 1
        self.told.append(address)
        return address

    async def close(self) -> None: ...
