"""The Internet Archive's Save Page Now on loopback, with an account's keys and without, and its bad days."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from support.loopback.server import LoopbackServer

KEYS = "access:secret-of-the-account"
TIMESTAMP = "20261124120000"


class LoopbackWayback(LoopbackServer):
    """Begins a job for each page and finishes it after `pending` looks. `script` has the next answers instead."""

    def __init__(self, pending: int = 1) -> None:
        super().__init__()
        self.saved: list[str] = []  # the pages that we were asked to save, each time
        self.asked: list[str] = []  # the paths of all requests
        self.pending = pending
        self.looks: dict[str, int] = {}
        self.answers: deque[tuple[int, Mapping[str, str], Any]] = deque()

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path.startswith("/save/status/"):
            return self._scripted() or self._status(request.path.rpartition("/")[2])
        has_keys = request.headers.get("Authorization") == f"LOW {KEYS}"
        if request.method == "POST":
            if not has_keys:
                return web.json_response({"message": "You need to be logged in to use Save Page Now."}, status=401)
            form = parse_qs((await request.read()).decode())
            assert form["if_not_archived_within"] == ["30m"]
            page = form["url"][0]
        else:
            page = str(request.rel_url).removeprefix("/save/")
        self.saved.append(page)
        if (scripted := self._scripted()) is not None:
            return scripted
        job = f"spn2-{len(self.saved):040x}"
        self.looks[job] = 0
        if has_keys:
            return web.json_response({"url": page, "job_id": job})
        return web.Response(
            text=f'<html><script>spn.watchJob("{job}", "/_static/")</script></html>', content_type="text/html"
        )

    def _scripted(self) -> web.Response | None:
        if not self.answers:
            return None
        status, headers, body = self.answers.popleft()
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, headers=headers, text=text)

    def _status(self, job: str) -> web.Response:
        if job not in self.looks:
            return web.json_response({"status": "error", "status_ext": "error:no-such-job"}, status=404)
        self.looks[job] += 1
        if self.looks[job] <= self.pending:
            return web.json_response({"status": "pending", "job_id": job, "resources": []})
        return web.json_response({"status": "success", "job_id": job, "timestamp": TIMESTAMP})
