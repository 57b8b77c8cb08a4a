"""Slack through the Web API: rich text, paced, and what its refusals mean.

Rich text instead of mrkdwn: its elements are taken as they are, so that nothing from a county's page can become bold,
an emoji, a mention or a link, and nothing has to be escaped or broken up with characters that nobody sees.
"""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from html import escape
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.channels import Part, Ready, at_once, pictured
from bot.channels.rate_limit import Limit, RateLimit
from bot.domain.messages.digest import Digest
from bot.domain.messages.paginate import pages
from bot.domain.messages.picture import Image
from bot.domain.text.rich_text import Line, Span, legible, plain_text
from bot.errors import CountersignError, SendError, UsageError

LONGEST_BLOCKS = 12_000  # bytes of JSON. Slack refuses from about 13,200 characters, and does not say how it counts
LONGEST_SUMMARY = 300  # characters of what a notification shows
CHANNEL = (Limit(1, 1.0),)
FILES = "files"  # the address under which pictures of a workspace wait for their turn; Slack counts uploads apart
UNSAID_WAIT = 30.0  # seconds after a 429 that does not say how long

_ID = re.compile(r"(?:[TE][A-Z0-9]{6,}/)?[CGDU][A-Z0-9]{6,}")
_LINK = re.compile(r"https://[\w.-]+\.slack\.com/archives/([CGD][A-Z0-9]{6,})\b.*")


class SlackSender:
    """An app in a workspace, or in several: an address TEAM/CHANNEL is sent to with that workspace's own token.

    `token` is for addresses without a workspace, `tokens` gives that of a workspace, None when it has uninstalled the
    app. `base_url` ends in /api/; `patience` is how long a send waits for its turn, in seconds.
    """

    name = "slack"

    def __init__(
        self,
        *,
        token: str | None = None,
        tokens: Callable[[str], Awaitable[str | None]] | None = None,
        base_url: str = "https://slack.com/api/",
        call_timeout: float = 20.0,
        patience: float = 30.0,
        pace: RateLimit | None = None,
    ) -> None:
        self._token = token
        self._tokens = tokens
        self._base_url = base_url
        self._call_timeout = call_timeout
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None
        self.timeout = call_timeout
        self.pace = pace or _pace()
        self._paces = {"": self.pace}

    @cached_property
    def client(self) -> AsyncWebClient:
        """The SDK's own client, for whoever listens; first used in an event loop.

        It repeats nothing by itself: its usual second try after a lost connection posts a message twice. Nor does a
        request wait for a connection: that would count as Slack's silence.
        """
        limit = aiohttp.ClientTimeout(total=self._call_timeout)
        self._session = aiohttp.ClientSession(timeout=limit, connector=aiohttp.TCPConnector(limit=0))
        return AsyncWebClient(
            self._token, base_url=self._base_url, session=self._session, retry_handlers=[], logger=library_log()
        )

    def pace_of(self, address: str) -> RateLimit:
        """The turns of the address's workspace: Slack counts for each by itself."""
        team = workspace(address)
        if team not in self._paces:
            self._paces[team] = _pace()
        return self._paces[team]

    def check(self, address: str) -> str:
        """The id of a channel or a member (a channel's link will do), with its workspace before it where it has one."""
        wanted = address.strip()
        if link := _LINK.fullmatch(wanted):
            return link[1]
        if _ID.fullmatch(wanted):
            return wanted
        raise UsageError(
            f"{address!r} is no Slack channel id such as C024BE91L: names can change, so it takes the id, which stands "
            "at the bottom of the channel's details (click the channel's name), or the link from Copy link."
        )

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:
        texts = (
            Part(
                payload={"text": summary(page.lines), "blocks": rich_text(page.lines)},
                plain=plain_text(page.lines),
                covers=page.covers,
            )
            for page in pages(digest, fits)
        )
        return (*(() if picture is None else (pictured(picture),)), *texts)

    async def send(self, address: str, part: Part, *, plain: bool = False, ready: Ready = at_once) -> str:
        if part.picture is not None:
            return await self._show(address, part, part.picture, ready) if part.picture and not plain else ""
        token = await self.token_of(workspace(address))
        await self.pace_of(address).turn(address, patience=self._patience)
        await ready()
        message = {"text": escape(part.plain, quote=False), "mrkdwn": False} if plain else part.payload
        if part.reply_to:  # in its thread, and shown in the channel as well
            message = message | {"thread_ts": part.reply_to, "reply_broadcast": True}
        try:
            answer = await self.client.chat_postMessage(
                channel=address.rpartition("/")[2], token=token, unfurl_links=False, unfurl_media=False, **message
            )
            return str(answer["ts"])
        except Exception as error:  # noqa: BLE001 - an answer that is not Slack's breaks the SDK in any way
            refusal = self._verdict(error, address)
        raise refusal  # out here, so that no cause drags a request along

    async def _show(self, address: str, part: Part, picture: bytes, ready: Ready) -> str:
        """Share a picture; the id of its file, for Slack does not say which message it becomes."""
        token = await self.token_of(workspace(address))
        for turn in (FILES, address):
            await self.pace_of(address).turn(turn, patience=self._patience / 2)
        await ready()
        try:
            async with asyncio.timeout(self._call_timeout):
                ticket = await self.client.files_getUploadURLExternal(
                    filename="agreements.png", length=len(picture), alt_txt=part.alt, token=token
                )
                await self._upload(ticket["upload_url"], picture)
                files = [{"id": ticket["file_id"], "title": part.payload["title"]}]
                await self.client.files_completeUploadExternal(files=files, token=token, **_place(address))
                return str(ticket["file_id"])
        except SendError as fault:
            refusal = fault
        except Exception as error:  # noqa: BLE001 - as for texts
            refusal = self._picture_verdict(error, address)
        raise refusal

    async def _upload(self, url: str, picture: bytes) -> None:
        """Files go to another host, which a firewall may close: a text need not wait for that."""
        assert self._session is not None
        limit = aiohttp.ClientTimeout(total=self._call_timeout / 2)
        try:
            async with self._session.post(url, data=picture, proxy=self.client.proxy, timeout=limit) as answer:
                problem = "" if answer.status == 200 else f"HTTP {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = type(error).__name__
        if problem:
            raise SendError(f"Slack did not take this picture ({problem})", too_long=True)

    async def token_of(self, team: str) -> str:
        """The token of a workspace, of the only one where it is empty; SendError when there is none."""
        try:
            token = (await self._tokens(team) if self._tokens else None) if team else self._token
        except CountersignError as error:
            raise SendError(str(error)) from None
        if token is None:
            raise SendError(
                _NOT_INSTALLED if team else f"Slack refuses the token: {_GONE['not_authed']}", credentials_rejected=True
            )
        return token

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _verdict(self, error: Exception, address: str) -> SendError:
        status, headers, code = answered(error)
        if status == 429 or code in {"ratelimited", "rate_limited"}:
            return self._flood(headers, address)
        if code in _GONE:
            return SendError(f"Slack refuses the token: {_GONE[code]} ({code})", credentials_rejected=True)
        if code in _PERMANENT:
            return SendError(f"{_PERMANENT[code]} ({code})", permanent=True)
        if code == "channel_not_found":
            return SendError(
                "Slack does not find this channel; if it is a private one, type /invite @Countersign there",
                maybe_permanent=True,
            )
        if code in _TEXT:
            return SendError(f"Slack refuses this text ({code})", too_long=True)
        why = code or (f"HTTP {status}" if status else type(error).__name__)
        return SendError(f"Slack did not confirm ({why}); the message may have been posted")

    def _picture_verdict(self, error: Exception, address: str) -> SendError:
        """As for a text where it passes or the token is gone; any other answer refuses no more than the picture."""
        status, headers, code = answered(error)
        if status == 429 or code in {"ratelimited", "rate_limited"}:
            return self._flood(headers, address, held=FILES)
        if not code or code in _PASSING or (code in _GONE and code != "missing_scope"):
            return self._verdict(error, address)
        return SendError(f"Slack refuses this picture ({code})", too_long=True)

    def _flood(self, headers: Mapping[str, str], address: str, *, held: str | None = None) -> SendError:
        """A 429 counts for the method in the whole workspace, so nothing is posted (or shared) until it ends."""
        try:
            seconds = float(headers.get("Retry-After", UNSAID_WAIT))
        except ValueError:
            seconds = UNSAID_WAIT
        self.pace_of(address).hold(held, seconds)
        return SendError(f"Slack asks to wait {seconds:g} seconds", retry_after=seconds, scope="platform")


def workspace(address: str) -> str:
    """The workspace of an address; empty where there is only one."""
    return address.rpartition("/")[0]


def _place(address: str) -> dict[str, Any]:
    """Where a file is shared: Slack wants a member's id under another name than a channel's."""
    place = address.rpartition("/")[2]
    return {"channels": [place]} if place.startswith("U") else {"channel_id": place}


def _pace() -> RateLimit:
    return RateLimit(each=lambda _: CHANNEL)


class _Discreet(logging.Filter):
    """Takes out of a line of the library what may be a token, and the traceback with whatever stands in it."""

    _TOKEN = re.compile(r"\bx(?:ox[a-z]|app)\S+")

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._TOKEN.sub("***", record.getMessage()), None
        record.exc_info = record.exc_text = None
        return True


def library_log() -> logging.Logger:
    """Where the library logs: errors alone, since the rest quotes requests with what people wrote and addresses."""
    found = logging.getLogger("slack")
    found.setLevel(logging.ERROR)
    if not found.filters:
        found.addFilter(_Discreet())
    return found


_INVITE = "type /invite @Countersign there"
_NOT_INSTALLED = "The app is not installed in this Slack workspace any more; install it again"
_GONE = {
    "account_inactive": "its app was removed or its workspace closed; install the app again",
    "token_revoked": "it was revoked; install the app again",
    "token_expired": "it has expired; install the app again",
    "invalid_auth": "it is wrong; copy the bot token that begins with xoxb- from the app's page",
    "not_authed": "there is none; set the bot token that begins with xoxb-",
    "missing_scope": "it lacks a permission; install the app again with the scopes of the manifest",
    "not_allowed_token_type": "it is of another kind; copy the bot token that begins with xoxb-",
    "team_access_not_granted": "the app may not use this workspace; an administrator has to allow it",
}
_PERMANENT = {
    "not_in_channel": f"The app is not in this Slack channel: {_INVITE}",
    "is_archived": "This Slack channel is archived",
    "restricted_action": "The workspace does not let the app post in this Slack channel: ask an administrator",
    "restricted_action_read_only_channel": "This Slack channel is read-only: let the app post there",
    "restricted_action_thread_only_channel": "This Slack channel takes only replies in threads",
    "restricted_action_non_threadable_channel": "This Slack channel does not take messages like these",
    "posting_to_general_channel_denied": "The workspace does not let apps post in its general channel",
    "ekm_access_denied": "An administrator of the workspace has suspended posting",
    "no_permission": "The workspace does not let the app post in this Slack channel: ask an administrator",
    "access_denied": "The workspace does not let the app post in this Slack channel: ask an administrator",
    "messages_tab_disabled": "The app's Messages tab is off, so it cannot write to a member: turn it on in the app",
    "cannot_dm_bot": "This Slack member is an app",
    "user_not_found": "There is no such Slack member",
    "user_disabled": "This Slack member has left the workspace",
    "channel_is_limited_access": "The workspace does not let the app post in this Slack channel: ask an administrator",
}
_PASSING = {"fatal_error", "internal_error", "request_timeout", "service_unavailable"}
_TEXT = {
    "msg_too_long",
    "msg_blocks_too_long",
    "invalid_blocks",
    "invalid_blocks_format",
    "too_many_blocks",
    "no_text",
    "markdown_text_conflict",
}


def answered(error: Exception) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and error code of Slack's answer, as far as there was one."""
    response = error.response if isinstance(error, SlackApiError) else None
    body = getattr(response, "data", None)
    code = legible(str(body.get("error") or ""))[:60] if isinstance(body, dict) else ""
    return getattr(response, "status_code", 0), getattr(response, "headers", {}), code


def fits(lines: Sequence[Line]) -> bool:
    """Whether one message can hold these lines."""
    return len(json.dumps(rich_text(lines), ensure_ascii=False).encode()) <= LONGEST_BLOCKS


def summary(lines: Sequence[Line]) -> str:
    """What a notification and a screen reader say; Slack reads markup there, so it is escaped."""
    text = " ".join(plain_text(lines).split())
    text = text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 1]}…"
    return escape(text, quote=False)


def rich_text(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """One block of rich text: like what people type, it has no limit of its own."""
    spans = [span for number, line in enumerate(lines) for span in ((Span("\n"), *line) if number else line)]
    section = {"type": "rich_text_section", "elements": [_element(span) for span in _merged(spans)]}
    return [{"type": "rich_text", "elements": [section]}]


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Fewer elements: neighbours of plain text as one, a line's end with the text before it."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last and not last.href and not span.href and (last.strong == span.strong or not span.text.strip()):
            merged[-1] = Span(last.text + span.text, strong=last.strong)
        else:
            merged.append(span)
    return merged


def _element(span: Span) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "link", "url": span.href} if span.href else {"type": "text"}
    element["text"] = span.text
    return element | ({"style": {"bold": True}} if span.strong else {})
