"""Slack's Socket Mode: a WebSocket that receives requests without a public address.

This client replaces the SDK's client, which loses requests and can retry a used address forever. Here, every connection
gets a new address. When Slack announces that it will close a connection, the client opens a new connection before the
old one ends, so no request is lost.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import structlog

from bot.channels.slack.sender import answered
from bot.errors import CountersignError

HEARTBEAT = 10.0  # seconds between pings; no answer for half as long ends the connection
LINGER = 60.0  # seconds that an old connection stays open for late requests
LONGEST_WAIT = 300.0  # seconds between attempts
STEADY = 30.0  # seconds until a connection counts as stable

log = structlog.get_logger()
Envelope = Mapping[str, Any]
Handle = Callable[[Envelope], Awaitable[Mapping[str, Any] | None]]


class Socket:
    """A client that connects to Slack and reconnects when a connection ends.

    `address` returns the address of the next connection. `handle` processes an envelope and returns the payload of the
    reply, if any. `first_wait` is the pause after the first failure, in seconds.
    """

    def __init__(
        self,
        *,
        address: Callable[[], Awaitable[str]],
        handle: Handle,
        proxy: str | None = None,
        first_wait: float = 1.0,
    ) -> None:
        self._address = address
        self._handle = handle
        self._proxy = proxy
        self._first_wait = first_wait
        self._failures = 0

    async def run(self) -> None:
        """Listen until canceled."""
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            while True:
                try:
                    connection = await self._connect(session)
                except Exception as fault:  # noqa: BLE001 - a foreign answer breaks the SDK in unforeseen ways
                    await self._back_off(_why(fault))
                    continue
                await self._stay(connection, tasks)

    async def _connect(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        return await session.ws_connect(
            await self._address(),
            heartbeat=HEARTBEAT,
            proxy=self._proxy,
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),  # Slack doesn't answer the closing handshake
        )

    async def _stay(self, connection: aiohttp.ClientWebSocketResponse, tasks: asyncio.TaskGroup) -> None:
        """Read from this connection until a new one is needed."""
        began = time.monotonic()
        leave: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        tasks.create_task(self._read(connection, leave, tasks))
        why = await leave
        if time.monotonic() - began >= STEADY or why in {"warning", "refresh_requested"}:
            self._failures = 0
        else:
            await self._back_off(why)

    async def _read(
        self, connection: aiohttp.ClientWebSocketResponse, leave: "asyncio.Future[str]", tasks: asyncio.TaskGroup
    ) -> None:
        """Read envelopes until the connection ends.

        If Slack announces the end of the connection, keep reading for up to a minute and then close the connection.
        """
        try:
            async with asyncio.timeout(None) as limit:
                async for message in connection:
                    envelope = _envelope(message)
                    if envelope.get("type") == "disconnect":
                        limit.reschedule(asyncio.get_running_loop().time() + LINGER)
                        _settle(leave, str(envelope.get("reason", "disconnect")))
                    elif "envelope_id" in envelope:
                        tasks.create_task(self._acknowledge(connection, envelope))
        except (TimeoutError, RuntimeError, OSError, aiohttp.ClientError) as fault:
            log.debug("slack: a connection ended", problem=_why(fault))
        finally:
            _settle(leave, "closed")
            await connection.close()

    async def _acknowledge(self, connection: aiohttp.ClientWebSocketResponse, envelope: Envelope) -> None:
        answer: dict[str, Any] = {"envelope_id": envelope["envelope_id"]}
        try:
            payload = await self._handle(envelope)
            await connection.send_json(answer if payload is None else answer | {"payload": payload})
        except Exception as fault:  # noqa: BLE001 - one bad envelope must not stop the others
            log.warning("slack: an envelope could not be acknowledged", problem=_why(fault))

    async def _back_off(self, why: str) -> None:
        self._failures += 1
        wait = min(self._first_wait * 2 ** min(self._failures - 1, 10), LONGEST_WAIT)
        level = log.error if why in _NEEDS_A_PERSON else log.warning
        level("slack: not connected", problem=_NEEDS_A_PERSON.get(why, why), again_in=wait)
        await asyncio.sleep(wait)


_NEEDS_A_PERSON = {
    "invalid_auth": "Slack rejected SLACK_APP_TOKEN or SLACK_BOT_TOKEN (invalid_auth): copy both from the app's page",
    "not_authed": "Slack rejected SLACK_APP_TOKEN or SLACK_BOT_TOKEN (not_authed): copy both from the app's page",
    "token_revoked": "SLACK_APP_TOKEN or SLACK_BOT_TOKEN was revoked (token_revoked): create a new one or reinstall",
    "account_inactive": "the app was removed or its workspace was closed (account_inactive): install the app again",
    "not_allowed_token_type": "SLACK_APP_TOKEN must be the app-level token that starts with xapp-",
    "missing_scope": "SLACK_APP_TOKEN lacks the scope connections:write",
    "link_disabled": "Socket Mode is off (link_disabled): enable it on the app's page",
}


def _envelope(message: aiohttp.WSMessage) -> Envelope:
    if message.type is not aiohttp.WSMsgType.TEXT:
        return {}
    try:
        found = json.loads(message.data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _settle(leave: "asyncio.Future[str]", why: str) -> None:
    if not leave.done():
        leave.set_result(why)


def _why(fault: Exception) -> str:
    """Describe an error. Leave out the connection's address, because it contains a secret ticket."""
    if isinstance(fault, CountersignError):
        return str(fault)
    return answered(fault)[2] or type(fault).__name__
