"""ICE's website on loopback, with its bad days.

    async with LoopbackIce() as ice:
        ice.publish("participatingAgencies112426am.xlsx", body, at=datetime(2026, 11, 24, 14, tzinfo=UTC))
        ice.headline(2_382, states=39, territories=2)
        ...  # read ice.url; look at ice.requests

    with LoopbackIce().run_in_thread() as ice:  # the same, for tests and scripts without an event loop
        ...

Every attribute and method may be used while it runs, from any thread.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.demo.loopback.ice import HTML, PAGE, IceServer
from support.loopback.server import InThread

__all__ = ["PAGE", "LoopbackIce"]


@dataclass
class _Whim:
    """The misbehavior of one path: other answers, a silence first, or a dropped connection."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0
    drop: bool = False
    times: int | None = None


class LoopbackIce(IceServer, InThread):
    """ICE's site. While `maintenance` is on, every path answers 200 with a page that says so."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.maintenance = False
        self._whims: dict[str, _Whim] = {}

    # ── misbehave; a path of "*" means every path ──

    def answer(
        self,
        path: str,
        status: int,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        """Give this answer, such as 403, 429 with Retry-After or a redirect; after `times` times, the right one again."""
        self._whims[path] = _Whim(status=status, headers=headers or {}, body=body or b"", times=times)

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        self.answer(path, status, headers={"Location": to})

    def delay(self, path: str, seconds: float, *, times: int | None = None) -> None:
        """Wait first, then answer as usual."""
        self._whims[path] = _Whim(delay=seconds, times=times)

    def drop(self, path: str, *, times: int | None = None) -> None:
        """Close the connection without an answer."""
        self._whims[path] = _Whim(drop=True, times=times)

    def behave(self, path: str | None = None) -> None:
        """Answer correctly again, at one path or everywhere."""
        if path is None:
            self._whims.clear()
            self.maintenance = False
        else:
            self._whims.pop(path, None)

    # ── answer ──

    async def respond(self, request: web.Request) -> web.StreamResponse:
        whim = self._whim(request.path_qs)
        if whim.delay:
            await asyncio.sleep(whim.delay)
        if whim.drop:
            self.note(request, 0)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if whim.body is not None:
            response = web.Response(
                status=whim.status, body=whim.body, headers={"Content-Type": HTML} | dict(whim.headers)
            )
        else:
            response = self.usual(request)
        self.note(request, response.status)
        return response

    def _whim(self, path: str) -> _Whim:
        for key in (path, "*"):
            whim = self._whims.get(key)
            if whim is None:
                continue
            if whim.times is not None:
                whim.times -= 1
                if whim.times <= 0:
                    del self._whims[key]
            return whim
        return _Whim()

    def usual(self, request: web.Request) -> web.Response:
        if self.maintenance:
            return self.page(
                200, "Site under maintenance", "<p>ICE.gov is currently under maintenance. Please check back.</p>"
            )
        return super().usual(request)
