"""The listening side of the pigeons: questions land at the public address, and the answer flies back at once."""

import asyncio
import json

from bot.channels import HttpAnswer
from bot.domain.chat.request import Request
from bot.domain.text.rich_text import plain_text


class PigeonListener:
    """Answers pigeons that carry the token."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._chat_handler = None

    async def listen(self, chat_handler) -> None:
        self._chat_handler = chat_handler
        await asyncio.Event().wait()

    async def receive(self, path: str, headers, body: bytes) -> HttpAnswer:
        if headers.get("Authorization") != self._token:
            return HttpAnswer(403)
        note = json.loads(body)
        asked = Request(channel="pigeon", address=note["loft"], text=note["text"].removeprefix("coo "))
        reply = await self._chat_handler.answer(asked)
        return HttpAnswer(200, {"Content-Type": "text/plain; charset=utf-8"}, plain_text(reply.lines).encode())
