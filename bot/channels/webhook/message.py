"""The JSON of a webhook message. docs/webhooks.md documents the fields: add some, but never rename or remove any. Pure.

A message has the same delivery id each time it is sent, so a receiver that has seen the id can ignore the message.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from bot.channels.protocols import Part
from bot.domain.change import Change, Kind
from bot.domain.messages.change_json import JsonObject, change_json
from bot.domain.messages.digest import Digest
from bot.domain.messages.net_changes import NetChange
from bot.domain.messages.paginate import Page, pages
from bot.domain.text.rich_text import Line, legible, plain_text
from bot.domain.timestamps import stamp_of

VERSION = 1
LONGEST_TEXT = 12_000  # characters of text in one message, so that its JSON stays well below a megabyte

CHANGES, CORRECTION, NOTICE, PING = "changes", "correction", "notice", "ping"


def parts_of(digest: Digest) -> tuple[Part, ...]:
    """Return the messages of a digest. A long digest is split between agencies."""
    found, left = pages(digest, _fits), list(digest.changes)
    parts = []
    for number, page in enumerate(found, start=1):
        is_last = number == len(found)
        named = [net for net in left if is_last or not set(net.covers).isdisjoint(page.covers)]
        left = [net for net in left if net not in named]
        parts.append(_part(digest, page, named, number, len(found)))
    return tuple(parts)


def ping(text: str, at: datetime) -> Part:
    """Return a message that tests an address."""
    return Part(payload=_payload(PING, text, text, composed_at=at), plain=text, covers=())


def delivery_id(address: str, payload: JsonObject) -> str:
    """Return the id of a message to an address.

    It depends on the changes, not on the words, because the language may change between two attempts.
    """
    subject = {name: payload[name] for name in ("event", "part", "composed_at")}
    if payload["changes"]:
        subject = {"event": payload["event"], "covers": [change["covers"] for change in payload["changes"]]}
    else:
        subject["text"] = payload["text"]
    return str(uuid5(NAMESPACE_URL, f"{address}\n{json.dumps(subject, sort_keys=True)}"))


def body_of(payload: JsonObject, delivery: str) -> bytes:
    """Return the bytes to post. They are the same for the same message."""
    return json.dumps({"version": VERSION, "id": delivery, **payload}, ensure_ascii=False).encode()


def _fits(lines: Sequence[Line]) -> bool:
    return len(plain_text(lines)) <= LONGEST_TEXT


def _part(digest: Digest, page: Page, changes: Sequence[NetChange], number: int, of: int) -> Part:
    listed = [change_json(net.change) | {"covers": list(net.covers)} | _page(digest, net.change) for net in changes]
    payload = _payload(
        _event(digest), legible(plain_text((digest.title,))), plain_text(page.lines), composed_at=digest.begun_at
    )
    payload |= {"upto": digest.upto or None, "part": number, "parts": of, "changes": listed}
    payload |= {"page": digest.page} if digest.page is not None else {}
    return Part(payload=payload, plain=plain_text(page.lines), covers=page.covers)


def _page(digest: Digest, change: Change) -> JsonObject:
    """Return the field with a change's public page, which shows its evidence."""
    return {"page": digest.links.change(change.seq)} if digest.links is not None else {}


def _payload(event: str, headline: str, text: str, *, composed_at: datetime | None) -> JsonObject:
    at = stamp_of(composed_at)
    return {
        "event": event,
        "composed_at": at,
        "headline": headline,
        "text": text,
        "upto": None,
        "part": 1,
        "parts": 1,
        "changes": [],
    }


def _event(digest: Digest) -> str:
    if not digest.changes:
        return NOTICE
    return CORRECTION if all(net.change.kind is Kind.RETRACTED for net in digest.changes) else CHANGES
