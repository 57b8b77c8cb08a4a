"""The types of the fields that we and Slack's library read in a payload.

The library doesn't check types, so a wrong one would surface as an error far from here. A missing field is fine unless
the payload makes no sense without it.
"""

from typing import Any

import msgspec
from msgspec import Struct, field

from bot.domain.web_address import web_parts

Words = str | None
Table = dict[str, Any] | None


class _Named(Struct, kw_only=True):
    id: str


Name = _Named | str | None  # an id, or an object with one


class _Authorization(Struct, kw_only=True):
    enterprise_id: Words = None
    team_id: Words = None
    user_id: Words = None
    is_enterprise_install: bool | str | None = None


class _Event(Struct, kw_only=True):
    type: str
    subtype: Words = None
    channel: Name = None
    channel_id: Words = None
    channel_type: Words = None
    user: Name = None
    user_id: Words = None
    bot_id: Words = None
    inviter: Words = None
    text: Words = None
    tab: Words = None
    ts: Words = None
    thread_ts: Words = None
    team: Name = None
    team_id: Words = None
    enterprise: Name = None
    enterprise_id: Words = None
    old_channel_id: Words = None
    new_channel_id: Words = None
    tokens: dict[str, list[str] | None] | None = None
    item: Table = None
    message: Table = None
    previous_message: Table = None
    assistant_thread: Table = None
    function_execution_id: Words = None


class _Choice(Struct, kw_only=True):
    value: str


class _Field(Struct, kw_only=True):
    value: Words = None
    selected_option: _Choice | None = None
    selected_options: list[_Choice] | None = None
    selected_conversation: Words = None


class _Action(_Field, kw_only=True):
    action_id: Words = None
    block_id: Words = None
    type: Words = None


class _State(Struct, kw_only=True):
    values: dict[str, dict[str, _Field]]


class _View(Struct, kw_only=True):
    id: Words = None
    hash: Words = None
    type: Words = None
    callback_id: Words = None
    private_metadata: Words = None
    state: _State | None = None
    team_id: Words = None
    app_installed_team_id: Words = None


class _SubmittedView(_View, kw_only=True):
    state: _State


class _Answer(Struct, kw_only=True):
    response_url: str


class _Payload(Struct, kw_only=True):
    type: Words = None
    challenge: Words = None
    event: _Event | None = None
    event_id: Words = None
    team: Name = None
    team_id: Words = None
    enterprise: Name = None
    enterprise_id: Words = None
    user: Name = None
    user_id: Words = None
    channel: Name = None
    channel_id: Words = None
    authorizations: list[_Authorization] | None = None
    authed_users: list[str] | None = None
    authed_teams: list[str] | None = None
    is_enterprise_install: bool | str | None = None
    is_ext_shared_channel: bool | None = None
    context_team_id: Words = None
    context_enterprise_id: Words = None
    command: Words = None
    text: Words = None
    trigger_id: Words = None
    response_url: Words = None
    response_urls: list[_Answer] | None = None
    callback_id: Words = None
    message: Table = None
    container: Table = None
    actions: list[_Action] | None = None
    view: _View | None = None
    bot_access_token: Words = None
    function_data: Table = None
    interactivity: Table = None
    event_context: Words = None


class _EventCallback(_Payload, kw_only=True):
    event: _Event


class _Actions(_Payload, kw_only=True):
    actions: list[_Action] = field(default_factory=list)


class _Submission(_Payload, kw_only=True):
    view: _SubmittedView


_SHAPES: dict[object, type[_Payload]] = {
    "event_callback": _EventCallback,
    "block_actions": _Actions,
    "view_submission": _Submission,
}


def has_wrong_type(raw: Any) -> bool:
    """Return True if a field of a payload has a type that Slack never sends, or if its main part is missing.

    An address to answer at must be a web address, because Slack's library fails on others.
    """
    kind = raw.get("type") if isinstance(raw, dict) else None
    shape = _SHAPES.get(kind, _Payload) if isinstance(kind, str) else _Payload
    try:
        found = msgspec.convert(raw, shape)
    except (msgspec.ValidationError, UnicodeError, RecursionError):  # half a surrogate pair isn't text
        return True
    urls = [found.response_url, *(answer.response_url for answer in found.response_urls or ())]
    if any(url and web_parts(url) is None for url in urls):
        return True
    return isinstance(found, _Actions) and not found.actions
