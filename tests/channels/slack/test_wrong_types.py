"""Slack payloads with the right signature and a wrong type somewhere, and what the pages for installing accept."""

import json
from urllib.parse import urlencode

import pytest
from channels.slack.test_listener import CHANNEL, HTTP, MemoryNotes, Scene, at, knock, workspaces  # noqa: F401
from support.loopback.slack import TEAM
from support.loopback.slack_people import signed

EVENT = {
    "type": "event_callback",
    "team_id": TEAM,
    "event_id": "Ev1",
    "authorizations": [{"team_id": TEAM, "user_id": "U0BOT", "is_enterprise_install": False}],
    "event": {"type": "message", "channel": CHANNEL, "channel_type": "im", "user": "U0ADA00", "text": "help"},
}
PRESSED = {
    "type": "block_actions",
    "team": {"id": TEAM},
    "user": {"id": "U0ADA00"},
    "channel": {"id": CHANNEL},
    "actions": [{"action_id": "ask:0:0", "value": "status", "type": "button"}],
    "trigger_id": "1.2",
    "response_url": "http://127.0.0.1:9/",
}
VIEW = {
    "id": "V1",
    "type": "modal",
    "callback_id": "settings",
    "private_metadata": "en",
    "state": {"values": {"where": {"where": {"type": "conversations_select", "selected_conversation": CHANNEL}}}},
}
SUBMITTED = {"type": "view_submission", "team": {"id": TEAM}, "user": {"id": "U0ADA00"}, "view": VIEW}
WRONG = [{"a": []}, [[1]], 1e300, True]


def wrongly_typed(value, path=()):
    """Yield copies of a payload in which one part has a type that it never has, with the path of that part."""
    if path:
        yield from ((path, wrong) for wrong in WRONG if type(wrong) is not type(value))
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        for where, wrong in wrongly_typed(part, (*path, key)):
            copy = dict(value) if isinstance(value, dict) else list(value)
            copy[key] = wrong
            yield where, copy


async def post(chat, path: str, payload: object) -> int:
    if path == "/slack/events":
        body, content = json.dumps(payload).encode(), {"content-type": "application/json"}
        return (await chat.receive(path, content | signed(body), body))[0]
    return (await knock(chat, urlencode({"payload": json.dumps(payload)}).encode(), path))[0]


@pytest.mark.parametrize("at", [HTTP], indirect=True)
@pytest.mark.parametrize(
    ("path", "payload"),
    [("/slack/events", EVENT), ("/slack/interactivity", PRESSED), ("/slack/interactivity", SUBMITTED)],
    ids=["event", "pressed", "submitted"],
)
async def test_a_wrong_type_anywhere_in_a_signed_payload_is_a_400(at: Scene, path, payload):  # noqa: F811
    other = {}
    for where, wrong in wrongly_typed(payload):
        status = await post(at.chat, path, wrong)
        if status != 400 and where[-1] != "is_enterprise_install":
            other[where] = status
    assert {where: status for where, status in other.items() if where[-1] != "type" or len(where) < 2} == {}


@pytest.mark.parametrize("at", [HTTP], indirect=True)
@pytest.mark.parametrize("body", [b"[]", b"[1]", b'"x"', b"null", b"1", b"[" * 100_000, b'{"type":[]}'])
async def test_a_signed_body_that_is_no_payload_is_a_400(at: Scene, body):  # noqa: F811
    json_type, form = {"content-type": "application/json"}, {"content-type": "application/x-www-form-urlencoded"}
    for path in ("/slack/events", "/slack/commands", "/slack/interactivity"):
        assert (await at.chat.receive(path, json_type | signed(body), body))[0] == 400
    wrapped = b"payload=" + body
    assert (await at.chat.receive("/slack/interactivity", form | signed(wrapped), wrapped))[0] == 400


@pytest.mark.parametrize("at", [HTTP], indirect=True)
async def test_a_payload_without_its_main_part_is_a_400(at: Scene):  # noqa: F811
    for payload in ({"type": "event_callback"}, {"type": "block_actions"}, {"type": "view_submission", "view": {}},
                    {"type": "view_submission", "view": {key: VIEW[key] for key in ("id", "callback_id", "state")}}):  # fmt: skip
        assert await post(at.chat, "/slack/interactivity", payload) == 400


@pytest.mark.parametrize("at", [HTTP], indirect=True)
async def test_payloads_as_slack_sends_them_are_taken(at: Scene):  # noqa: F811
    for path, payload in (("events", EVENT), ("interactivity", PRESSED), ("interactivity", SUBMITTED)):
        assert await post(at.chat, f"/slack/{path}", payload) == 200


@pytest.mark.parametrize(
    "team", ["T1%0d%0aSet-Cookie:%20x=1", "T1%26scope=admin", "T1&team=T2%26scope=admin", "%ff", "t1", "", "T1%23"]
)
async def test_a_team_that_is_no_workspace_never_reaches_the_redirect(team):
    async with workspaces(MemoryNotes()) as at:  # noqa: F811
        status, headers, _ = await at.chat.receive(f"/slack/install?team={team}", {}, b"")
        assert (status, headers.get("location")) == (400, None)


async def test_a_workspace_is_handed_on_to_slack_and_an_error_is_shown_escaped():
    async with workspaces(MemoryNotes()) as at:  # noqa: F811
        status, headers, _ = await at.chat.receive("/slack/install?team=T024BE91L", {}, b"")
        assert (status, headers["location"].rpartition("&")[2]) == (302, "team=T024BE91L")
        _, _, page = await at.chat.receive("/slack/oauth_redirect?error=%3Cscript%3E", {}, b"")
        assert b"<script>" not in page


@pytest.mark.parametrize("at", [HTTP], indirect=True)
@pytest.mark.parametrize("url", ["http:7", "ftp://hooks.example/1", "https://", "hooks", "http://[::1", "http://a:0/"])
async def test_an_answer_is_never_sent_to_an_address_that_is_none(at: Scene, url: str) -> None:  # noqa: F811
    assert await post(at.chat, "/slack/interactivity", PRESSED | {"response_url": url}) == 400
