"""Slack's Web API on loopback, stricter than the real one where that is vague.

    async with LoopbackSlack() as slack:
        channel = Slack(token=slack.token, base_url=slack.url)
        slack.script("C024BE91L", flooded(3), None, refused("not_in_channel"))
        ...  # look at slack.messages, slack.told("C024BE91L"), slack.calls

`server.py` tells how to run it in a thread, and has the faults that any platform can meet (`dropped`, `delayed`, …).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any

from aiohttp import web

from loopback.server import Fault, Flood, LoopbackServer, Message

TOKEN = "xoxb-loopback-0000000000"
LONGEST_TEXT = 40_000
LONGEST_SECTION = 3_000
LONGEST_MESSAGE = 13_200
MOST_BLOCKS = 50


def refused(code: str, *, after: bool = False) -> Fault:
    """An error as Slack words it, with status 200; `after` has stored the message all the same."""
    return Fault(body={"ok": False, "error": code}, delivers=after)


def flooded(seconds: int) -> Fault:
    return Fault(status=429, body={"ok": False, "error": "ratelimited"}, headers={"Retry-After": str(seconds)})


def broken(status: int = 500, *, after: bool = False) -> Fault:
    return Fault(status=status, body="<html>Server Error</html>", delivers=after)


class Refused(Exception):
    """A message that Slack does not take; the text is its error code."""


@dataclass(frozen=True)
class Reading:
    """A message as a reader sees it, and its links (what is shown, and where it leads)."""

    text: str
    links: tuple[tuple[str, str], ...] = ()


def read(message: Mapping[str, Any]) -> Reading:
    """What becomes of the arguments of chat.postMessage; Refused when Slack would not take them."""
    text, blocks = message.get("text") or "", message.get("blocks") or []
    if len(text) > LONGEST_TEXT:
        raise Refused("msg_too_long")
    if not blocks:
        if not text.strip():
            raise Refused("no_text")
        return _mrkdwn(text) if message.get("mrkdwn", True) else Reading(_unescaped(text))
    if not isinstance(blocks, Sequence) or len(blocks) > MOST_BLOCKS:
        raise Refused("invalid_blocks")
    readings = [_block(block) for block in blocks]
    if sum(map(_size, blocks)) > LONGEST_MESSAGE:
        raise Refused("msg_blocks_too_long")
    return Reading(
        "\n".join(reading.text for reading in readings), tuple(link for reading in readings for link in reading.links)
    )


def _size(block: Mapping[str, Any]) -> int:
    """How long a block counts: rich text by its JSON, since nobody knows better; others by their text and a frame."""
    if block["type"] == "rich_text":
        return len(json.dumps(block, ensure_ascii=False).encode())
    return 100 + sum(len(text) for text in _texts(block))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _block(block: Any) -> Reading:
    _require(isinstance(block, Mapping))
    match block.get("type"):
        case "rich_text":
            return _rich_text(block)
        case "section":
            if "text" in block:
                return _text_object(block["text"], LONGEST_SECTION)
            _require(bool(block.get("fields")) and len(block["fields"]) <= 10)
            return _all([_text_object(field, 2_000) for field in block["fields"]], "\n")
        case "header":
            _require(block.get("text", {}).get("type") == "plain_text")
            return _text_object(block["text"], 150)
        case "context":
            _require(bool(block.get("elements")) and len(block["elements"]) <= 10)
            texts = [element for element in block["elements"] if element.get("type") != "image"]
            return _all([_text_object(element, LONGEST_SECTION) for element in texts], " ")
        case "divider" | "actions" | "input":
            return Reading("")
        case "image":
            _require(bool(block.get("alt_text")) and ("image_url" in block or "slack_file" in block))
            return Reading(block["alt_text"])
        case _:
            raise Refused("invalid_blocks")


def _all(readings: Sequence[Reading], between: str) -> Reading:
    text = between.join(reading.text for reading in readings)
    return Reading(text, tuple(link for reading in readings for link in reading.links))


def _text_object(value: Any, limit: int) -> Reading:
    _require(isinstance(value, Mapping) and isinstance(value.get("text"), str))
    _require(0 < len(value["text"]) <= limit)
    if value.get("type") == "plain_text":
        return Reading(value["text"])
    _require(value.get("type") == "mrkdwn")
    return _mrkdwn(value["text"])


def _rich_text(block: Mapping[str, Any]) -> Reading:
    elements = block.get("elements")
    _require(isinstance(elements, list) and bool(elements))
    return _all([_rich_section(element) for element in elements], "\n")


def _rich_section(section: Mapping[str, Any]) -> Reading:
    elements = section.get("elements")
    _require(isinstance(elements, list))
    match section.get("type"):
        case "rich_text_list":
            _require(section.get("style") in {"bullet", "ordered"})
            return _all([_rich_section(element) for element in elements], "\n")
        case "rich_text_section" | "rich_text_quote" | "rich_text_preformatted":
            return _all([_rich_element(element) for element in elements], "")
        case _:
            raise Refused("invalid_blocks")


def _rich_element(element: Mapping[str, Any]) -> Reading:
    text = element.get("text")
    style = element.get("style", {})
    _require(set(element) <= {"type", "text", "url", "style", "name", "user_id"})
    _require(set(style) <= {"bold", "italic", "strike", "code"} and all(value is True for value in style.values()))
    match element.get("type"):
        case "text":
            _require(isinstance(text, str) and bool(text))
            return Reading(text)
        case "link":
            url = element.get("url")
            _require(isinstance(url, str) and bool(re.fullmatch(r"(https?://|mailto:)[!-~]+", url)))
            _require(text is None or (isinstance(text, str) and bool(text)))
            return Reading(text or url, ((text or url, url),))
        case "emoji":
            return Reading(f":{element.get('name')}:")
        case "user":
            return Reading(f"@{element.get('user_id')}")
        case _:
            raise Refused("invalid_blocks")


def _mrkdwn(text: str) -> Reading:
    """Slack's own markup with links and mentions read; stars and underscores stand as they are."""
    links: list[tuple[str, str]] = []

    def shown(found: re.Match[str]) -> str:
        target, _, label = found[1].partition("|")
        if target.startswith(("http://", "https://", "mailto:")):
            links.append((_unescaped(label or target), _unescaped(target)))
            return label or target
        return {"!": "@", "@": "@", "#": "#"}.get(target[:1], "") + (label or target[1:])

    return Reading(_unescaped(re.sub(r"<([^<>]*)>", shown, text)), tuple(links))


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _require(condition: bool) -> None:
    if not condition:
        raise Refused("invalid_blocks")


class LoopbackSlack(LoopbackServer):
    """A workspace and its channels. Every channel exists unless a script says otherwise.

    `limits` enforces one message a second for a channel, with leeway. `refuse` is an error code for every call, such
    as "token_revoked".
    """

    def __init__(self, *, token: str = TOKEN, limits: bool = False) -> None:
        super().__init__()
        self.token = token
        self.limits = limits
        self.refuse: str | None = None
        self._numbers = count(1)
        self._flood = Flood(1, 1.0)
        self._files: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        """What slack_sdk takes as base_url."""
        return f"{self.base}/api/"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if upload := re.fullmatch(r"/upload/(F\d+)", request.path):
            self._files[upload[1]] = await request.read()
            return web.Response(text="OK - 1")
        found = re.fullmatch(r"/api/([\w.]+)", request.path)
        if not found:
            return web.Response(status=404, text="Not Found")
        method = found[1]
        arguments = await _arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(arguments.pop("token", ""))
        self.note(method, arguments, token)
        if error := self._unwelcome(token):
            return web.json_response({"ok": False, "error": error})
        if method == "chat.postMessage":
            return await self._post(request, arguments)
        return web.json_response({"ok": True} | self._simple(method, arguments))

    def _unwelcome(self, token: str) -> str | None:
        if self.refuse:
            return self.refuse
        if not token:
            return "not_authed"
        return None if token == self.token else "invalid_auth"

    def _simple(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        match method:
            case "auth.test":
                return {
                    "url": self.base,
                    "team": "Loopback",
                    "user": "countersign",
                    "team_id": "T0LOOP",
                    "user_id": "U0BOT",
                }
            case "conversations.info":
                channel = arguments.get("channel", "")
                return {"channel": {"id": channel, "name": "a-channel", "is_member": True, "is_archived": False}}
            case "files.getUploadURLExternal":
                file = f"F{next(self._numbers)}"
                return {"upload_url": f"{self.base}/upload/{file}", "file_id": file}
            case "files.completeUploadExternal":
                return self._shared(arguments)
            case _:
                return {}

    def _shared(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        files = _json(arguments.get("files")) or []
        comment = str(arguments.get("initial_comment") or "")
        for file in files:
            picture = self._files.get(file["id"])
            self._store(str(arguments.get("channel_id", "")), _mrkdwn(comment), arguments, photo=picture)
        return {"files": [{"id": file["id"], "title": file.get("title", "")} for file in files]}

    async def _post(self, request: web.Request, arguments: Mapping[str, Any]) -> web.StreamResponse:
        channel = str(arguments.get("channel") or "")
        if not channel:
            return web.json_response({"ok": False, "error": "channel_not_found"})
        if self.limits and (wait := self._flood.wait(channel, monotonic())):
            headers = {"Retry-After": str(max(1, round(wait)))}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        try:
            reading = read(arguments)
        except Refused as refusal:
            return web.json_response({"ok": False, "error": str(refusal)})

        async def store() -> Mapping[str, Any]:
            ts = self._store(channel, reading, arguments)
            return {"ok": True, "channel": channel, "ts": ts, "message": {"text": arguments.get("text", ""), "ts": ts}}

        return await self.deliver(request, channel, store)

    def _store(
        self, channel: str, reading: Reading, arguments: Mapping[str, Any], *, photo: bytes | None = None
    ) -> str:
        ts = f"1800000000.{next(self._numbers):06}"
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
            )
        )
        return ts


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] in {"[", "{"} else value


async def _arguments(request: web.Request) -> dict[str, Any]:
    """The arguments from the query, from JSON or from a form, where blocks are JSON in a string."""
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        arguments |= await request.json()
    else:
        arguments |= dict(await request.post())
    return arguments | {"blocks": _json(arguments.get("blocks"))}
