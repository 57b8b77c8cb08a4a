"""Slack's Socket Mode: a WebSocket on which Slack delivers what it would post to a public address otherwise.

The SDK has a client for it; this one differs where that one loses people. Each connection has an address of its own
(the SDK tries a used one again for ever when connecting fails), and when Slack says that it is about to close a
connection, the next one is open before the old one ends, so that nothing falls between the two.
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

HEARTBEAT = 10.0  # seconds between pings; half of it without an answer ends the connection
LINGER = 60.0  # seconds that an old connection may still deliver
LONGEST_WAIT = 300.0  # seconds between attempts
STEADY = 30.0  # seconds after which a connection has proved itself

log = structlog.get_logger()
Envelope = Mapping[str, Any]
Heard = Callable[[Envelope], Awaitable[Mapping[str, Any] | None]]


class Socket:
    """Connections to Slack, one after another. `address` asks for the next one's; `heard` gives what is answered."""

    def __init__(
        self, *, address: Callable[[], Awaitable[str]], heard: Heard, proxy: str | None = None, first_wait: float = 1.0
    ) -> None:
        self._address = address
        self._heard = heard
        self._proxy = proxy
        self._first_wait = first_wait
        self._failures = 0

    async def run(self) -> None:
        """Listen until cancelled."""
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            while True:
                try:
                    connection = await self._connect(session)
                except Exception as fault:  # noqa: BLE001 - an answer that is not Slack's breaks the SDK in any way
                    await self._back_off(_why(fault))
                    continue
                await self._stay(connection, tasks)

    async def _connect(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        return await session.ws_connect(
            await self._address(),
            heartbeat=HEARTBEAT,
            proxy=self._proxy,
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),  # Slack does not answer a goodbye
        )

    async def _stay(self, connection: aiohttp.ClientWebSocketResponse, tasks: asyncio.TaskGroup) -> None:
        """Until it is time for the next connection."""
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
        """Take envelopes until the connection ends; one that is being replaced ends soon."""
        try:
            async with asyncio.timeout(None) as limit:
                async for message in connection:
                    envelope = _envelope(message)
                    if envelope.get("type") == "disconnect":
                        limit.reschedule(asyncio.get_running_loop().time() + LINGER)
                        _say(leave, str(envelope.get("reason", "disconnect")))
                    elif "envelope_id" in envelope:
                        tasks.create_task(self._acknowledge(connection, envelope))
        except (TimeoutError, RuntimeError, OSError, aiohttp.ClientError) as fault:
            log.debug("slack: a connection ended", problem=_why(fault))
        finally:
            _say(leave, "closed")
            await connection.close()

    async def _acknowledge(self, connection: aiohttp.ClientWebSocketResponse, envelope: Envelope) -> None:
        answer: dict[str, Any] = {"envelope_id": envelope["envelope_id"]}
        try:
            payload = await self._heard(envelope)
            await connection.send_json(answer if payload is None else answer | {"payload": payload})
        except Exception as fault:  # noqa: BLE001 - one bad envelope must not end the others
            log.warning("slack: not acknowledged", problem=_why(fault))

    async def _back_off(self, why: str) -> None:
        self._failures += 1
        wait = min(self._first_wait * 2 ** min(self._failures - 1, 10), LONGEST_WAIT)
        level = log.error if why in _NEEDS_A_PERSON else log.warning
        level("slack: not connected", problem=_NEEDS_A_PERSON.get(why, why), again_in=wait)
        await asyncio.sleep(wait)


_NEEDS_A_PERSON = {
    "invalid_auth": "SLACK_APP_TOKEN or SLACK_BOT_TOKEN is refused (invalid_auth): copy it again from the app's page",
    "not_authed": "SLACK_APP_TOKEN or SLACK_BOT_TOKEN is refused (not_authed): copy it again from the app's page",
    "token_revoked": "SLACK_APP_TOKEN or SLACK_BOT_TOKEN was revoked (token_revoked): make or install it again",
    "account_inactive": "the app was removed or its workspace closed (account_inactive): install it again",
    "not_allowed_token_type": "SLACK_APP_TOKEN must be the app-level token that begins with xapp-",
    "missing_scope": "SLACK_APP_TOKEN lacks the scope connections:write",
    "link_disabled": "Socket Mode was switched off on the app's page (link_disabled)",
}


def _envelope(message: aiohttp.WSMessage) -> Envelope:
    if message.type is not aiohttp.WSMsgType.TEXT:
        return {}
    try:
        found = json.loads(message.data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _say(leave: "asyncio.Future[str]", why: str) -> None:
    if not leave.done():
        leave.set_result(why)


def _why(fault: Exception) -> str:
    """A fault without its address, which holds a ticket."""
    if isinstance(fault, CountersignError):
        return str(fault)
    return answered(fault)[2] or type(fault).__name__
