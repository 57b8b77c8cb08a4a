"""People in a loopback Slack. Whatever they type, press and fill in reaches the app as Slack would send it.

    ada = Member(slack, "U0ADA00")
    heard = await ada.types("watch TX", channel="C024BE91L")
    await ada.presses("Undo", channel="C024BE91L")  # the newest button with that on it
    form = await ada.opened()
    heard = await ada.submits(form, states=["TX"])

It goes over the app's WebSocket, or with `way=posted(chat.receive)` as signed requests to its public address.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any
from urllib.parse import urlencode

from support.loopback.slack import TEAM, Heard, LoopbackSlack, View

SIGNING_SECRET = "signing-secret-of-loopback"
PATHS = {
    "slash_commands": "/slack/commands",
    "interactive": "/slack/interactivity",
    "events_api": "/slack/events",
}
Way = Callable[[str, Mapping[str, Any]], Awaitable[Heard]]
Receive = Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, Mapping[str, str], bytes]]]
_numbers = count(1)


def signed(body: bytes, *, secret: str = SIGNING_SECRET, at: float | None = None) -> dict[str, str]:
    """Return the headers with which Slack signs a request."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def encoded(kind: str, payload: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Return a request's body and its headers."""
    if kind == "events_api":
        return json.dumps(payload).encode(), {"Content-Type": "application/json"}
    form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}


def posted(receive: Receive) -> Way:
    """Return a way to send signed requests to the public address."""

    async def post(kind: str, payload: Mapping[str, Any]) -> Heard:
        body, headers = encoded(kind, payload)
        began = time.monotonic()
        status, _, answer = await receive(PATHS[kind], headers | signed(body), body)
        assert status == 200, (status, answer)
        return Heard(json.loads(answer) if answer.startswith(b"{") else None, time.monotonic() - began)

    return post


async def eventually(found: Callable[[], Any], within: float = 60.0) -> Any:
    """Return the first value found that is true."""
    deadline = time.monotonic() + within
    while True:
        if value := found():
            return value
        assert time.monotonic() < deadline, f"nothing came within {within:g} s"
        await asyncio.sleep(0.005)


class Workspace:
    """Events in a workspace that no one types."""

    def __init__(self, slack: LoopbackSlack, *, team: str = TEAM, way: Way | None = None) -> None:
        self.slack, self.team = slack, team
        self.way: Way = way or slack.happens

    async def event(self, kind: str, **fields: Any) -> Heard:
        """Send an event, with a new `event_id` unless one is given."""
        identity = fields.pop("event_id", f"Ev{next(_numbers)}")
        return await self.way(
            "events_api",
            {
                "type": "event_callback",
                "team_id": self.team,
                "api_app_id": "A0APP",
                "event_id": identity,
                "event": {"type": kind, **fields},
                "authorizations": [{"team_id": self.team, "enterprise_id": None, "is_enterprise_install": False}],
            },
        )


class Member(Workspace):
    """A person, with the `profile` Slack knows (locale, tz, is_admin, …)."""

    def __init__(
        self,
        slack: LoopbackSlack,
        user: str,
        *,
        team: str = TEAM,
        way: Way | None = None,
        **profile: Any,
    ) -> None:
        super().__init__(slack, team=team, way=way)
        self.user = user
        slack.users[user] = {"team_id": team, **profile}

    async def types(self, text: str, *, channel: str) -> Heard:
        """Type /countersign and some words."""
        return await self.way(
            "slash_commands",
            {
                "command": "/countersign",
                "text": text,
                "team_id": self.team,
                "channel_id": channel,
                "user_id": self.user,
                "user_name": "ada",
                "response_url": self.slack.answer_url(channel, self.user),
                "trigger_id": self.slack.trigger(self.user),
                "api_app_id": "A0APP",
            },
        )

    async def writes(self, text: str, *, channel: str) -> Heard:
        """Write a message to the bot."""
        return await self.event("message", channel=channel, channel_type="im", user=self.user, text=text, ts="1.1")

    async def presses(self, label: str, *, channel: str, value: str | None = None) -> Heard:
        """Press the newest button with this label, or one with a made-up `value`."""
        shown = [button for answer in self.slack.answers for button in answer.buttons if button[0] == label]
        asks = shown[-1][1] if value is None else value
        name = "settings" if asks == "settings" else "ask:0:0"
        return await self._interacts(
            "block_actions",
            channel={"id": channel, "name": "a-channel"},
            response_url=self.slack.answer_url(channel, self.user),
            trigger_id=self.slack.trigger(self.user),
            actions=[{"type": "button", "action_id": name, "block_id": "b", "value": asks}],
        )

    async def presses_at_home(self) -> Heard:
        """Press the button in the app's home that opens the form."""
        [button] = [e for b in self.slack.homes[self.user]["blocks"] if b["type"] == "actions" for e in b["elements"]]
        return await self._interacts(
            "block_actions",
            trigger_id=self.slack.trigger(self.user),
            view={"type": "home", "id": "V0HOME"},
            actions=[{"type": "button", "block_id": "b", **{k: button[k] for k in ("action_id", "value")}}],
        )

    async def uses_shortcut(self) -> Heard:
        """Use the workspace's shortcut."""
        return await self._interacts("shortcut", callback_id="settings", trigger_id=self.slack.trigger(self.user))

    async def opened(self, *, within: float = 60.0) -> View:
        """Return the newest form this person has open, once there is one."""
        return (await eventually(lambda: [v for v in self.slack.views.values() if v.user == self.user], within))[-1]

    async def chooses(self, form: View, conversation: str) -> Heard:
        """Choose another conversation in the form."""
        action = {"type": "conversations_select", "action_id": "where", "block_id": "where"}
        return await self._interacts(
            "block_actions",
            trigger_id=self.slack.trigger(self.user),
            view={**form.view, "id": form.id, "hash": form.hash},
            actions=[action | {"selected_conversation": conversation}],
        )

    async def submits(self, form: View, *, where: str | None = None, **chosen: Any) -> Heard:
        """Submit the form as filled in, with these choices instead."""
        values: dict[str, dict[str, Any]] = {}
        for block in form.view["blocks"]:
            element = block["element"]
            values[block["block_id"]] = {element["action_id"]: _value(element, chosen)}
        conversation = where or form.view["blocks"][0]["element"].get("initial_conversation")
        values["where"]["where"]["selected_conversation"] = conversation
        urls = [{"response_url": self.slack.answer_url(conversation, self.user), "channel_id": conversation}]
        return await self._interacts(
            "view_submission",
            view={**form.view, "id": form.id, "hash": form.hash, "state": {"values": values}},
            response_urls=urls if conversation else [],
        )

    async def opens_home(self) -> Heard:
        """Open the app's home."""
        channel = f"D{self.user[1:]}"
        return await self.event("app_home_opened", user=self.user, channel=channel, tab="home", event_ts="1.1")

    async def _interacts(self, kind: str, **fields: Any) -> Heard:
        who = {"id": self.user, "team_id": self.team}
        team = {"id": self.team, "domain": "loopback"}
        return await self.way("interactive", {"type": kind, "team": team, "user": who, "api_app_id": "A0APP", **fields})


def _value(element: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of a field as the form sends it."""
    name, kind = element["action_id"], element["type"]
    if kind in {"multi_static_select", "checkboxes"}:
        initial = [option["value"] for option in element.get("initial_options", [])]
        return {"type": kind, "selected_options": [{"value": value} for value in chosen.get(name, initial)]}
    if kind == "conversations_select":
        return {"type": kind, "selected_conversation": None}
    initial = element.get("initial_option", {}).get("value")
    value = chosen.get(name, initial)
    return {"type": kind, "selected_option": {"value": value} if value is not None else None}
