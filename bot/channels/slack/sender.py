"""The sending side of the Slack channel. It sends rich text through the Web API, within Slack's rate limits.

Messages use rich text blocks instead of mrkdwn. Slack shows the text in these blocks literally. As a result, text from
a county's page can't turn bold or become an emoji, a mention or a link, and the text doesn't need to be escaped.
"""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from html import escape
from math import ceil
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.channels.protocols import Part, Ready, at_once, links_only, pictured
from bot.channels.rate_limit import LONGEST_WAIT, Limit, RateLimit
from bot.channels.slack.actions import action_blocks, buttons
from bot.domain.chat.request import Button
from bot.domain.letters import counted
from bot.domain.messages.digest import Digest
from bot.domain.messages.paginate import Page, Role, pages
from bot.domain.messages.picture import Image
from bot.domain.text.rich_text import Line, Span, legible, plain_text
from bot.domain.timestamps import bounded, retry_after
from bot.errors import CountersignError, SendError

LONGEST_HEADER = 150  # characters
LONGEST_CONTEXT = 2_000  # characters
LONGEST_AROUND = 1_000  # bytes of JSON for the header, the frame of the footer and the buttons of a digest
LONGEST_BLOCKS = 12_000  # bytes of JSON. Slack refuses more than about 13,200 characters; how it counts is undocumented
LONGEST_SUMMARY = 300  # characters in a notification
CHANNEL = (Limit(1, 1.0),)
FILES = "files"  # the rate-limit address for a workspace's pictures; Slack counts uploads separately
UNSAID_WAIT = 30.0  # seconds to wait after a 429 that doesn't say how long


class SlackSender:
    """Sends messages as an app in one or more workspaces.

    The workspace of a TEAM/CHANNEL address determines the token. `token` is for addresses without a workspace. `tokens`
    returns the token of a workspace, or None if the app isn't installed there. `base_url` must end in /api/. `patience`
    is the longest wait for a turn, in seconds.
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
        rate_limit: RateLimit | None = None,
    ) -> None:
        self._token = token
        self._tokens = tokens
        self._base_url = base_url
        self._call_timeout = call_timeout
        self._patience = patience
        self._directs: dict[str, str] = {}  # the direct messages of members who were addressed by their ids
        self._session: aiohttp.ClientSession | None = None
        self.timeout = call_timeout
        self.rate_limit = rate_limit or _rate_limit()
        self._rate_limits = {"": self.rate_limit}

    @cached_property
    def client(self) -> AsyncWebClient:
        """The SDK's client, which the listener also uses. Its first use must be inside an event loop.

        The client doesn't retry, because a retry after a lost connection could post a message twice. The number of
        connections is unlimited, because waiting for a free connection would count toward the call's timeout.
        """
        limit = aiohttp.ClientTimeout(total=self._call_timeout)
        self._session = aiohttp.ClientSession(timeout=limit, connector=aiohttp.TCPConnector(limit=0))
        return AsyncWebClient(
            self._token, base_url=self._base_url, session=self._session, retry_handlers=[], logger=library_log()
        )

    def rate_limit_of(self, address: str) -> RateLimit:
        """Return the rate limit of the address's workspace.

        Each workspace has its own rate limit, because Slack counts requests separately for each workspace.
        """
        team = workspace(address)
        if team not in self._rate_limits:
            self._rate_limits[team] = _rate_limit()
        return self._rate_limits[team]

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:
        """Split the digest into messages within Slack's limits. If there is a picture, put it first.

        The details go in the thread of the first message.
        """
        fits = fits_beside(digest.buttons)
        texts = [_part(page, digest.buttons if page.is_last else ()) for page in pages(digest.without_details, fits)]
        if (details := digest.only_details) is not None:
            texts += [replace(_part(page, ()), in_thread=True) for page in pages(details, fits)]
        return (*(() if picture is None else (pictured(picture),)), *texts)

    def with_buttons(self, address: str, part: Part, rows: Sequence[Sequence[Button]]) -> Part:  # noqa: ARG002 - any chat
        """Return the part with a block for each row of buttons."""
        blocks = [*part.payload["blocks"], *action_blocks(buttons(rows))]
        return replace(part, payload=part.payload | {"blocks": blocks})

    async def send(self, address: str, part: Part, *, plain: bool = False, ready: Ready = at_once) -> str:
        """Post one part. Return its timestamp, which Slack uses as the message id, and its thread's if it's in one."""
        if part.picture is not None:
            return await self._share(address, part, part.picture, ready) if part.picture and not plain else ""
        token = await self.token_of(workspace(address))
        turn = await self.rate_limit_of(address).turn(address, patience=self._patience)
        await ready()
        message = {"text": escape(part.plain, quote=False), "mrkdwn": False} if plain else part.payload
        if part.reply_to:  # a reply in the thread that also shows in the channel
            message = message | {"thread_ts": thread_of(part.reply_to), "reply_broadcast": True}
        elif part.thread:
            message = message | {"thread_ts": thread_of(part.thread)}
        try:
            answer = await self.client.chat_postMessage(
                channel=address.rpartition("/")[2], token=token, unfurl_links=False, unfurl_media=False, **message
            )
            if is_member(address) and str(answer.get("channel") or "").startswith("D"):
                self._directs[address] = with_workspace(workspace(address), str(answer["channel"]))
            return in_thread(str(answer["ts"]), thread_of(part.thread)) if part.thread else str(answer["ts"])
        except Exception as error:  # noqa: BLE001 - a foreign answer breaks the SDK in unforeseen ways
            refusal = self._verdict(error, address)
        finally:
            turn.written()  # the next turn counts from now, however late this request went out
        raise refusal  # raised outside `except`, so that it doesn't carry the request along as its context

    async def _share(self, address: str, part: Part, picture: bytes, ready: Ready) -> str:
        """Share a picture and return the id of its file. Slack doesn't return a message id for shared files."""
        token = await self.token_of(workspace(address))
        for turn in (FILES, address):
            await self.rate_limit_of(address).turn(turn, patience=self._patience / 2)
        await ready()
        title = part.payload["title"]
        try:
            return await self.share("agreements.png", picture, address, title=title, alt=part.alt, token=token)
        except SendError as fault:
            refusal = fault
        except Exception as error:  # noqa: BLE001 - as for texts
            refusal = self._picture_verdict(error, address)
        raise refusal

    async def share(self, name: str, body: bytes, address: str, *, title: str, token: str | None, alt: str = "") -> str:
        """Upload a file, share it in a conversation and return the file's id. `alt` describes a picture."""
        async with asyncio.timeout(self._call_timeout):
            ticket = await self.client.files_getUploadURLExternal(
                filename=name, length=len(body), alt_txt=alt or None, token=token
            )
            await self._upload(ticket["upload_url"], body)
            files = [{"id": ticket["file_id"], "title": title}]
            await self.client.files_completeUploadExternal(files=files, token=token, **_destination(address))
            return str(ticket["file_id"])

    async def _upload(self, url: str, picture: bytes) -> None:
        """Upload a file.

        Use half the usual timeout, so that the text isn't delayed for long if a firewall blocks the upload host.
        """
        assert self._session is not None
        limit = aiohttp.ClientTimeout(total=self._call_timeout / 2)
        try:
            async with self._session.post(url, data=picture, proxy=self.client.proxy, timeout=limit) as answer:
                problem = "" if answer.status == 200 else f"HTTP {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = type(error).__name__
        if problem:
            raise SendError(f"Slack didn't accept this picture ({problem})", too_long=True)

    async def token_of(self, team: str) -> str:
        """Return a workspace's token, or the sender's own token if `team` is "". Raise SendError if there is none."""
        try:
            token = (await self._tokens(team) if self._tokens else None) if team else self._token
        except CountersignError as error:
            raise SendError(str(error)) from None
        if token is None:
            raise SendError(
                _NOT_INSTALLED if team else _token_rejected("not_authed"),
                credentials_rejected=True,
            )
        return token

    def lasting(self, address: str) -> str:
        """Return the address of the direct messages with a member, if an earlier send or lookup has revealed it."""
        return self._directs.get(address, address)

    async def address_of(self, address: str) -> str:
        """Return the address that events from this conversation use, based on what Slack reports now.

        The address includes the workspace only if the app is installed in several. For a member, it is the address of
        the direct messages.
        """
        team, conversation = workspace(address), address.rpartition("/")[2]
        if self._tokens is None:
            team = ""
        elif not team and self._token is not None:
            team = await self._own_workspace()
        if is_member(address):
            conversation = await self._direct(team, conversation)
        return with_workspace(team, conversation)

    async def _own_workspace(self) -> str:
        """Return the id of the workspace that the sender's own token is for.

        Return "" if people in that workspace haven't also installed the app.
        """
        try:
            team = str((await self.client.auth_test(token=self._token))["team_id"])
            await self.token_of(team)
        except Exception:  # noqa: BLE001 - a foreign answer breaks the SDK in unforeseen ways
            return ""
        return team

    async def _direct(self, team: str, member: str) -> str:
        """Return the id of the direct messages with a member, or the member's id if Slack doesn't provide it."""
        try:
            answer = await self.client.conversations_open(token=await self.token_of(team), users=member)
            return str(answer["channel"]["id"])
        except Exception:  # noqa: BLE001 - as above
            return member

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _verdict(self, error: Exception, address: str) -> SendError:
        """Return the SendError that describes a failed post."""
        status, headers, code = answered(error)
        if status == 429 or code in {"ratelimited", "rate_limited"}:
            return self._flood(headers, address)
        if code in _TOKEN_REJECTED:
            return SendError(f"{_token_rejected(code)} ({code})", credentials_rejected=True)
        if code in _REFUSED:
            return SendError(f"{_REFUSED[code]} ({code})", refused=True, by_person=code in _BY_PERSON)
        if code in _TEXT_REJECTED:
            return SendError(f"Slack rejected this text ({code})", refused=True, too_long=True)
        if isinstance(error, _NO_CONNECTION):
            return SendError(f"Slack can't be reached ({_no_connection(error)})")
        why = code or (f"HTTP {status}" if status else type(error).__name__)
        return SendError(f"Slack did not confirm the post ({why}); the message may have been posted", maybe_sent=True)

    def _picture_verdict(self, error: Exception, address: str) -> SendError:
        """Return the SendError that describes a failed picture.

        A rejected token and a temporary failure are handled as they are for a text message. Any other error applies
        only to the picture.
        """
        status, headers, code = answered(error)
        if status == 429 or code in {"ratelimited", "rate_limited"}:
            return self._flood(headers, address, held=FILES)
        if not code or code in _TRANSIENT or (code in _TOKEN_REJECTED and code != "missing_scope"):
            return self._verdict(error, address)
        return SendError(f"Slack rejected this picture ({code})", too_long=True)

    def _flood(self, headers: Mapping[str, str], address: str, *, held: str | None = None) -> SendError:
        """Block sends to the whole workspace after a 429, because Slack limits the API method, not the channel.

        If `held` is given, block only sends to that rate-limit address.
        """
        asked = retry_after(headers.get("Retry-After", ""), datetime.now(UTC))
        seconds = UNSAID_WAIT if asked is None else bounded(asked, LONGEST_WAIT)
        self.rate_limit_of(address).hold(held, seconds)
        asked_for = counted(ceil(seconds), "second")
        return SendError(f"Slack asked us to wait {asked_for}", retry_after=seconds, scope="platform")


def in_thread(ts: str, thread: str) -> str:
    """Return the id of a message in a thread. It's written as in the permalinks of such messages."""
    return f"{ts}?thread_ts={thread}"


def thread_of(message_id: str) -> str:
    """Return the timestamp of a message's thread, which is the message's own if it isn't in another's thread."""
    ts, _, thread = message_id.partition("?thread_ts=")
    return thread or ts


def workspace(address: str) -> str:
    """Return the workspace in an address, or "" if the address doesn't include one."""
    return address.rpartition("/")[0]


def with_workspace(team: str, conversation: str) -> str:
    """Return the address of a conversation. `team` is empty if there is only one workspace."""
    return f"{team}/{conversation}" if team else conversation


def is_member(address: str) -> bool:
    """Return True if an address belongs to a member rather than a conversation."""
    return address.rpartition("/")[2].startswith(("U", "W"))


def _destination(address: str) -> dict[str, Any]:
    """Return the argument that tells Slack where to share a file. Members and channels use different arguments."""
    conversation = address.rpartition("/")[2]
    return {"channels": [conversation]} if is_member(address) else {"channel_id": conversation}


def _rate_limit() -> RateLimit:
    return RateLimit(each=lambda _: CHANNEL)


class _TokenFilter(logging.Filter):
    """Masks tokens in the library's log lines and removes tracebacks, which can contain secrets."""

    _TOKEN = re.compile(r"\bx(?:ox[a-z]|app)\S+")

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._TOKEN.sub("***", record.getMessage()), None
        record.exc_info = record.exc_text = None
        return True


def library_log() -> logging.Logger:
    """Return the library's logger, limited to errors. Lower levels would log addresses and people's messages."""
    found = logging.getLogger("slack")
    found.setLevel(logging.ERROR)
    if not found.filters:
        found.addFilter(_TokenFilter())
    return found


_NOT_INSTALLED = "The app is no longer installed in this Slack workspace. Install it again"
_TOKEN_REJECTED = {
    "account_inactive": "the app was removed or the workspace was closed; install the app again",
    "token_revoked": "it was revoked; install the app again",
    "token_expired": "it has expired; install the app again",
    "invalid_auth": "it is wrong; copy the bot token that starts with xoxb- from the app's page",
    "not_authed": "there is none; set the bot token that starts with xoxb-",
    "missing_scope": "it lacks a permission; install the app again with the manifest's scopes",
    "not_allowed_token_type": "it is of another kind; copy the bot token that starts with xoxb-",
    "team_access_not_granted": "the app may not use this workspace; an administrator has to allow it",
}
_ASK_ADMINISTRATOR = "The workspace doesn't let the app post in this Slack channel. Ask an administrator"
_REFUSED = {
    "channel_not_found": "Slack can't find this channel. If it's a private channel, type /invite @Countersign there",
    "not_in_channel": "The app isn't in this Slack channel. Type /invite @Countersign there",
    "is_archived": "This Slack channel is archived",
    "restricted_action": _ASK_ADMINISTRATOR,
    "restricted_action_read_only_channel": "This Slack channel is read-only. Let the app post there",
    "restricted_action_thread_only_channel": "This Slack channel takes only replies in threads",
    "restricted_action_non_threadable_channel": "This Slack channel doesn't take messages like these",
    "posting_to_general_channel_denied": "The workspace doesn't let apps post in its general channel",
    "ekm_access_denied": "An administrator of the workspace has suspended posting",
    "no_permission": _ASK_ADMINISTRATOR,
    "access_denied": _ASK_ADMINISTRATOR,
    "messages_tab_disabled": "The app can't write to members. Turn on the Messages tab on the app's page",
    "cannot_dm_bot": "This Slack member is an app",
    "user_not_found": "This Slack member doesn't exist",
    "user_disabled": "This Slack member has left the workspace",
    "channel_is_limited_access": _ASK_ADMINISTRATOR,
}
_BY_PERSON = {"user_disabled"}  # Slack can be wrong about the rest for hours; for a removal, it sends an event too
_TRANSIENT = {"fatal_error", "internal_error", "request_timeout", "service_unavailable"}
_TEXT_REJECTED = {
    "msg_too_long",
    "msg_blocks_too_long",
    "invalid_blocks",
    "invalid_blocks_format",
    "too_many_blocks",
    "no_text",
    "markdown_text_conflict",
}


def _token_rejected(code: str) -> str:
    return f"Slack rejected the token: {_TOKEN_REJECTED[code]}"


def token_refusal(code: str) -> str | None:
    """Return in a sentence that Slack rejects the token, or None if the error code says something else."""
    return _token_rejected(code) if code in _TOKEN_REJECTED else None


def channel_refusal(code: str) -> str | None:
    """Return in a sentence why Slack refuses a channel, or None if the error code says something else."""
    return _REFUSED.get(code)


# Before anything of a request is written.
_NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)


def _no_connection(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no connection in time"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    return (cause.strerror if cause is not None else None) or type(error).__name__


def answered(error: Exception) -> tuple[int, Mapping[str, str], str]:
    """Return the status, headers and error code of Slack's response. Missing values are zero or empty."""
    response = error.response if isinstance(error, SlackApiError) else None
    body = getattr(response, "data", None)
    code = legible(str(body.get("error") or ""))[:60] if isinstance(body, dict) else ""
    return getattr(response, "status_code", 0), getattr(response, "headers", {}), code


def fits(lines: Sequence[Line]) -> bool:
    """Return True if the lines fit in one message."""
    return len(json.dumps(rich_text(lines), ensure_ascii=False).encode()) <= LONGEST_BLOCKS


def _part(page: Page, rows: Sequence[Sequence[Button]]) -> Part:
    return Part(
        payload={"text": summary((page.title,)), "blocks": [*blocks_of(page), *action_blocks(buttons(rows))]},
        plain=plain_text(page.lines),
        covers=page.covers,
    )


def blocks_of(page: Page) -> list[dict[str, Any]]:
    """Return a page as blocks: a header, the text, and the footer as context.

    A header is plain text, and rich text shows everything literally. Context knows only mrkdwn, so a footer that mrkdwn
    would format is rich text too.
    """
    title = "".join(span.text for span in page.title)
    blocks: list[dict[str, Any]] = []
    body = [line for block in page.blocks if block.role is not Role.FOOTER for line in ((), *block.lines)][1:]
    footer = [line for block in page.blocks if block.role is Role.FOOTER for line in block.lines]
    if len(title) <= LONGEST_HEADER:
        blocks.append({"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}})
    else:
        body = [page.title, *([(), *body] if body else [])]
    blocks += rich_text(body) if body else []
    if not footer:
        return blocks
    mrkdwn = "\n".join("".join(map(_mrkdwn, line)) for line in footer)
    if len(mrkdwn) > LONGEST_CONTEXT or any(sign in plain_text(footer) for sign in "*_~`"):
        return blocks + rich_text(footer)
    return [*blocks, {"type": "context", "elements": [{"type": "mrkdwn", "text": mrkdwn, "verbatim": True}]}]


def _mrkdwn(span: Span) -> str:
    text = escape(span.text, quote=False)
    if span.href is None:
        return text
    href = escape(span.href, quote=False).replace("|", "%7C")
    return f"<{href}|{text.replace('|', ' ')}>"


def fits_beside(rows: Sequence[Sequence[Button]]) -> Callable[[Sequence[Line]], bool]:
    """Return a function that says if lines fit in one message of a digest, with its header and buttons.

    Buttons that open a page are longer than those that send a command.
    """
    links = links_only(rows)
    room = LONGEST_BLOCKS - LONGEST_AROUND - (len(json.dumps(action_blocks(buttons(links)))) if links else 0)

    def fits(lines: Sequence[Line]) -> bool:
        return len(json.dumps(rich_text(lines), ensure_ascii=False).encode()) <= room

    return fits


def summary(lines: Sequence[Line]) -> str:
    """Return the text for notifications and screen readers. Escape the text, because Slack interprets markup there."""
    text = " ".join(plain_text(lines).split())
    text = text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 1]}…"
    return escape(text, quote=False)


def rich_text(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return the lines as one rich text block. Slack has no length limit for a single rich text block."""
    spans = [span for number, line in enumerate(lines) for span in ((Span("\n"), *line) if number else line)]
    section = {"type": "rich_text_section", "elements": [_element(span) for span in _merged(spans)]}
    return [{"type": "rich_text", "elements": [section]}]


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Merge adjacent text spans that have the same style.

    Merge line breaks with the text before them. Don't merge links.
    """
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
