"""A town's website on loopback, and the portal where it publishes its agendas.

async with PrimeGovServer() as portal:
agenda = portal.document(7, "Agenda", page("<p>3. Memorandum of agreement …</p>"))
portal.meeting(1, "Town Council", "2026-12-01T18:30:00", agenda)
...  # read portal.address
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from aiohttp import web

from bot.demo.loopback.server import Server

JSON, HTML, XML, PDF = "application/json; charset=utf-8", "text/html; charset=utf-8", "text/xml", "application/pdf"
Row = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer; without a `tag` it has no ETag."""

    body: bytes
    kind: str = JSON
    status: int = 200
    tag: str | None = "by content"


class TownServer(Server):
    """The base of all platforms. `files` are served at their paths, as HTML or PDF depending on their bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}

    @property
    def address(self) -> str:
        """The address that a place would have."""
        return self.base

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:  # noqa: ARG002 - for each platform
        """Return the platform's answer at a path; None for a 404, as in this base."""
        return None

    def posted(self, path: str, content: bytes) -> Reply | None:  # noqa: ARG002 - for each platform
        """Return the platform's answer to a form; None for a 404, as in this base."""
        return None

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer with the platform's reply, or with 304 if the client has it already."""
        reply = self.found(request, await request.read())
        headers = {"Content-Type": reply.kind}
        tag = f'"{md5(reply.body, usedforsecurity=False).hexdigest()[:12]}"' if reply.tag == "by content" else reply.tag
        if tag and reply.status == 200:
            headers["ETag"] = tag
        is_known = "ETag" in headers and request.headers.get("If-None-Match") == tag
        return web.Response(
            status=304 if is_known else reply.status, body=b"" if is_known else reply.body, headers=headers
        )

    def found(self, request: web.Request, content: bytes) -> Reply:
        """Return the answer to a request: no rules for robots, a file, the platform's reply or a 404."""
        if request.path == "/robots.txt":
            return Reply(b"", HTML, 404)
        if request.path in self.files:
            body = self.files[request.path]
            return Reply(body, PDF if body.startswith(b"%PDF") else HTML)
        is_form = request.method == "POST"
        reply = self.posted(request.path, content) if is_form else self.reply(request.path, request.query)
        return reply or Reply(b"<html><body>Not found</body></html>", HTML, 404)


def told(value: object) -> Reply:
    """Return JSON as a server writes it."""
    return Reply(json.dumps(value).encode())


class PrimeGovServer(TownServer):
    """`SLUG.primegov.com`; `compiled` holds the documents by the number of their template."""

    def __init__(self) -> None:
        super().__init__()
        self.meetings: list[Any] = []
        self.compiled: dict[str, bytes] = {}

    def meeting(self, key: int, title: str, at: str, *documents: Row, **fields: Any) -> None:
        """Announce a meeting. `fields` are further ones of its row."""
        self.meetings.append(
            {
                "id": key,
                "title": title,
                "dateTime": at,
                "committeeId": 3,
                "meetingState": 1,
                "documentList": [*documents],
            }
            | fields
        )

    def document(self, template: int, name: str, body: bytes, *, output: int = 1) -> Row:
        """Publish a document, and return its row for a meeting."""
        self.compiled[str(template)] = body
        return {"templateId": template, "templateName": name, "compileOutputType": output}

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        """Return the upcoming meetings or a document."""
        if path == "/api/v2/PublicPortal/ListUpcomingMeetings":
            return told(self.meetings)
        body = self.compiled.get(query.get("meetingTemplateId", ""))
        if path == "/Public/CompiledDocument" and body is not None:
            return Reply(body, PDF if body.startswith(b"%PDF") else HTML)
        return None


def page(content: str, *, title: str = "A county") -> bytes:
    """Return a web page as bytes."""
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{content}</body></html>".encode()
