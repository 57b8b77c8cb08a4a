"""The sending side of the pigeons."""

import logging

import httpx

from bot.channels import Part, at_once
from bot.domain.messages.paginate import pages
from bot.domain.text.rich_text import plain_text
from bot.errors import SendError


class PigeonSender:
    """Posts plain text to a loft."""

    name = "pigeon"
    timeout = 20.0

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    def render(self, digest, picture=None):
        return tuple(
            Part(payload={"text": plain_text(page.lines)}, plain=plain_text(page.lines), covers=page.covers)
            for page in pages(digest, lambda _: True)
        )

    async def send(self, address: str, part: Part, *, plain: bool = False, ready=at_once) -> str:
        await ready()
        logging.getLogger("pigeon").warning("flying with %s", self._token)
        async with httpx.AsyncClient(timeout=self.timeout) as client:
            try:
                answer = await client.post(
                    f"{self._url}/{address}", json=part.payload, headers={"Authorization": self._token}
                )
            except httpx.HTTPError as error:
                raise SendError(f"The pigeon got lost ({type(error).__name__})") from None
        return answer.json()["flight"]

    async def close(self) -> None: ...
