"""The types of the fields that we and Telegram's library read in an update.

The library doesn't check types, so a wrong one would surface as an error far from here. A missing field is fine,
because Telegram adds kinds of updates that leave fields out.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Moment = Annotated[int, Meta(ge=0, le=2**37)]  # seconds; the year 6325, which datetime can still express
Words = str | None
Table = dict[str, Any] | None


class _User(Struct, kw_only=True):
    id: Number = 0
    is_bot: bool | None = None
    first_name: Words = None
    last_name: Words = None
    username: Words = None
    language_code: Words = None


class _Chat(Struct, kw_only=True):
    id: Number = 0
    type: str = ""
    title: Words = None
    username: Words = None
    is_forum: bool | None = None


class _Entity(Struct, kw_only=True):
    type: str = ""
    offset: Number = 0
    length: Number = 0
    user: _User | None = None


class _Place(Struct, kw_only=True):
    latitude: float = 0.0
    longitude: float = 0.0


class _Venue(Struct, kw_only=True):
    location: _Place | None = None


class _Message(Struct, kw_only=True):
    message_id: Number = 0
    date: Moment = 0
    edit_date: Moment | None = None
    chat: _Chat | None = None
    from_: _User | None = field(default=None, name="from")
    sender_chat: _Chat | None = None
    text: Words = None
    caption: Words = None
    location: _Place | None = None
    venue: _Venue | None = None
    entities: list[_Entity] | None = None
    caption_entities: list[_Entity] | None = None
    message_thread_id: Number | None = None
    is_topic_message: bool | None = None
    is_automatic_forward: bool | None = None
    forward_origin: Table = None
    migrate_to_chat_id: Number | None = None
    migrate_from_chat_id: Number | None = None


class _Press(Struct, kw_only=True):
    id: Words = None
    from_: _User | None = field(default=None, name="from")
    message: _Message | None = None
    inline_message_id: Words = None
    chat_instance: Words = None
    data: Words = None


class _Membership(Struct, kw_only=True):
    status: Words = None
    user: _User | None = None
    is_member: bool | None = None
    can_send_messages: bool | None = None
    can_post_messages: bool | None = None
    until_date: Moment | None = None


class _MembershipChange(Struct, kw_only=True):
    chat: _Chat | None = None
    from_: _User | None = field(default=None, name="from")
    date: Moment = 0
    old_chat_member: _Membership | None = None
    new_chat_member: _Membership | None = None
    invite_link: Table = None


class _Update(Struct, kw_only=True):
    update_id: Number = 0
    message: _Message | None = None
    edited_message: _Message | None = None
    channel_post: _Message | None = None
    edited_channel_post: _Message | None = None
    callback_query: _Press | None = None
    my_chat_member: _MembershipChange | None = None


def has_wrong_type(raw: Any) -> bool:
    """Return True if a field of an update has a type that Telegram never sends."""
    try:
        msgspec.convert(raw, _Update)
    except (msgspec.ValidationError, UnicodeError, RecursionError):  # half a surrogate pair isn't text
        return True
    return False
