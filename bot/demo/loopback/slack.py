"""Slack's Web API on loopback, for a bot that posts messages and pictures; stricter than the real one.

async with SlackServer() as slack:
sender = SlackSender(token=slack.token, base_url=slack.url)
...  # look at slack.messages, slack.told("C024BE91L"), slack.calls
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any

from aiohttp import web

from bot.demo.loopback.server import Message, Now, Platform, Reading, Refused, real_time
from bot.demo.loopback.slack_blocks import buttons_of, mrkdwn, read

TOKEN = "xoxb-loopback-0000000000"  # noqa: S105 - a made-up token
TEAM, BOT = "T0LOOPBACK", "U0BOT"
LONGEST_ALT = 1_000

Json = dict[str, Any]


@dataclass(frozen=True)
class Installed:
    """The app in one workspace: its token and the bot's id."""

    team: str
    token: str
    bot: str


class SlackServer(Platform):
    """A workspace and its channels. Every channel exists."""

    def __init__(self, *, token: str = TOKEN, now: Now = real_time) -> None:
        super().__init__(now=now)
        self.token = token
        self.installed = {token: Installed(TEAM, token, BOT)}
        self.numbers = count(1)
        self.files: dict[str, bytes] = {}
        self.lengths: dict[str, int] = {}

    @property
    def url(self) -> str:
        """The base_url for slack_sdk."""
        return f"{self.base}/api/"

    # ── answer ──

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer one call of the API, or take the bytes of a file."""
        if upload := re.fullmatch(r"/upload/(F\d+)", request.path):
            return await self._upload(request, upload[1])
        if found := re.fullmatch(r"/api/([\w.]+)", request.path):
            return await self._called(request, found[1])
        return web.Response(status=404, text="Not Found")

    async def _called(self, request: web.Request, method: str) -> web.StreamResponse:
        arguments = await _arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(arguments.pop("token", ""))
        self.note(method, arguments, token)
        refusal = await self.refusal(request, method, token)
        if refusal is not None:
            return refusal
        try:
            match method:
                case "chat.postMessage":
                    return await self._post(request, arguments)
                case "files.completeUploadExternal":
                    return await self._share(request, arguments)
            return web.json_response({"ok": True} | self.result(method, arguments, token))
        except Refused as refused:
            return web.json_response({"ok": False, "error": str(refused)})

    async def refusal(
        self,
        request: web.Request,  # noqa: ARG002 - for servers that misbehave
        method: str,
        token: str,
    ) -> web.StreamResponse | None:
        """Return the answer to a call that isn't carried out, or None."""
        code = self.unwelcome(method, token)
        return web.json_response({"ok": False, "error": code}) if code else None

    def unwelcome(self, method: str, token: str) -> str | None:  # noqa: ARG002 - for servers that know more methods
        """Return why a token isn't accepted, as Slack's error code, or None."""
        if not token:
            return "not_authed"
        return None if token in self.installed else "invalid_auth"

    def obstacle(self, channel: str) -> web.StreamResponse | None:  # noqa: ARG002 - for servers that misbehave
        """Return the answer to a message that comes too early, or None."""
        return None

    async def refused_upload(self, request: web.Request) -> web.StreamResponse | None:  # noqa: ARG002 - the same
        """Return the answer to bytes that aren't taken, or None."""
        return None

    def result(self, method: str, arguments: Mapping[str, Any], token: str) -> Json:
        """Return the result of a call other than a send; raise Refused if Slack would refuse it."""
        match method:
            case "auth.test":
                return self._identity(self.installed[token])
            case "conversations.info":
                return {"channel": self.conversation(str(arguments.get("channel", "")))}
            case "conversations.open":
                return {"channel": {"id": own_direct(str(arguments["users"]))}}
            case "files.getUploadURLExternal":
                return self._ticket(arguments)
            case _:
                return {}

    def conversation(self, channel: str) -> Json:
        """Return a channel as conversations.info shows it."""
        return {"id": channel, "name": "a-channel", "is_member": True, "is_archived": False}

    def check_inside(self, channel: str) -> None:
        """Raise Refused if the bot isn't in this channel."""

    def _identity(self, app: Installed) -> Json:
        return {
            "url": self.base,
            "team": "Loopback",
            "user": "countersign",
            "team_id": app.team,
            "user_id": app.bot,
            "bot_id": "B0BOT",
        }

    # ── files: an upload address, the bytes, and the chat they are shared in ──

    def _ticket(self, arguments: Mapping[str, Any]) -> Json:
        length = int(arguments.get("length") or 0)
        if not arguments.get("filename") or length <= 0:
            raise Refused("invalid_arguments")
        if len(str(arguments.get("alt_txt") or "")) > LONGEST_ALT:
            raise Refused("alt_txt_too_large")
        file = f"F{next(self.numbers)}"
        self.lengths[file] = length
        return {"upload_url": f"{self.base}/upload/{file}", "file_id": file}

    async def _upload(self, request: web.Request, file: str) -> web.StreamResponse:
        """Take the bytes without a token: the address is the secret, and works once."""
        body = await request.read()
        self.note("upload", {"file": file}, request.headers.get("Authorization", ""))
        refusal = await self.refused_upload(request)
        if refusal is not None:
            return refusal
        if self.lengths.pop(file, None) != len(body):
            return web.Response(status=400, text="Bad Request")
        self.files[file] = body
        return web.Response(text=f"OK - {len(body)}")

    async def _share(self, request: web.Request, arguments: Mapping[str, Any]) -> web.StreamResponse:
        """Share the files as messages, which the answer doesn't mention."""
        files = from_json(arguments.get("files")) or []
        comment = str(arguments.get("initial_comment") or "")
        channel = self._where_shared(arguments, files)

        async def store() -> Mapping[str, Any]:
            for file in files:
                shown = mrkdwn(comment) if comment else Reading(str(file.get("title", "")))
                self._store(channel, shown, arguments, photo=self.files.pop(file["id"]))
            return {"ok": True, "files": [{"id": file["id"], "title": file.get("title", "")} for file in files]}

        return await self.deliver(request, channel, store)

    def _where_shared(self, arguments: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> str:
        """Return the one channel; a person's id is allowed only among `channels`."""
        channel = str(arguments.get("channel_id") or arguments.get("channels") or "")
        if any(file["id"] not in self.files for file in files):
            raise Refused("file_not_found")
        if not channel or ("channel_id" in arguments and channel[0] not in "CDG"):
            raise Refused("channel_not_found")
        self.check_inside(channel)
        return channel

    # ── messages ──

    async def _post(self, request: web.Request, arguments: Mapping[str, Any]) -> web.StreamResponse:
        channel = str(arguments.get("channel") or "")
        if not channel:
            return web.json_response({"ok": False, "error": "channel_not_found"})
        obstacle = self.obstacle(channel)
        if obstacle is not None:
            return obstacle
        self.check_inside(channel)
        reading = read(arguments)
        buttons_of(arguments.get("blocks") or [])

        async def store() -> Mapping[str, Any]:
            ts = self._store(channel, reading, arguments)
            where = own_direct(channel) if channel.startswith("U") else channel
            return {"ok": True, "channel": where, "ts": ts, "message": {"text": arguments.get("text", ""), "ts": ts}}

        return await self.deliver(request, channel, store)

    def _store(
        self, channel: str, reading: Reading, arguments: Mapping[str, Any], *, photo: bytes | None = None
    ) -> str:
        ts = f"1800000000.{next(self.numbers):06}"
        raw = json.dumps(arguments.get("blocks")) if arguments.get("blocks") else str(arguments.get("text", ""))
        self.messages.append(
            Message(
                order=len(self.messages) + 1,
                at=monotonic(),
                chat=channel,
                text=reading.text,
                raw=raw,
                message_id=ts,
                links=reading.links,
                preview=arguments.get("unfurl_links") is not False or arguments.get("unfurl_media") is not False,
                entities=len(reading.links),
                photo=photo,
                arguments=arguments,
                html=reading.html,
                sent_at=self.now(),
            )
        )
        return ts


def own_direct(user: str) -> str:
    """Return the id of the direct messages between a person and the bot."""
    return f"D{user[1:]}"


def from_json(value: Any) -> Any:
    """Return an argument that may be written as JSON."""
    return json.loads(value) if isinstance(value, str) and value[:1] in {"[", "{"} else value


async def _arguments(request: web.Request) -> Json:
    """Read the arguments from the query, JSON or a form, in which blocks are a JSON string."""
    arguments: Json = dict(request.query)
    if request.content_type == "application/json":
        arguments |= dict(await request.json())
    else:
        arguments |= dict(await request.post())
    return arguments | {"blocks": from_json(arguments.get("blocks"))}
