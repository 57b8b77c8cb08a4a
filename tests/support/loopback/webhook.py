"""A receiver of webhooks on loopback, with its bad days. It keeps every request and checks no signature by itself."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiohttp import web

from support.loopback.server import LoopbackServer


class Delivery(NamedTuple):
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["Countersign-Delivery"]


class Receiver(LoopbackServer):
    """Answers 204, or what `answers` has next: a status, or a status with headers."""

    def __init__(self) -> None:
        super().__init__()
        self.deliveries: list[Delivery] = []
        self.answers: deque[int | tuple[int, Mapping[str, str]]] = deque()
        self.came = asyncio.Event()
        self.held: asyncio.Event | None = None  # if set, answers wait for this event

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.deliveries.append(Delivery(request.path_qs, dict(request.headers), await request.read()))
        self.came.set()
        if self.held is not None:
            await self.held.wait()
        found = self.answers.popleft() if self.answers else 204
        status, headers = found if isinstance(found, tuple) else (found, {})
        return web.Response(status=status, headers=headers)
