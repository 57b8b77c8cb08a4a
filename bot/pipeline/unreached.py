"""Keep which chats notices don't reach, in the store, so that a restart and every program know it."""

from collections.abc import Container, Mapping

import msgspec

from bot.domain.subscription import is_in
from bot.domain.unreached import Unreached
from bot.store import Notes

UNREACHED = "unreached"  # the kind of note
_SEPARATOR = ":"  # between the channel and the address of an operator's chat; a subscription's id has none


def chat_key(channel: str | None, address: str) -> str:
    """Return the key of an operator's chat, as in COUNTERSIGN_OPERATOR."""
    return f"{channel}{_SEPARATOR}{address}"


async def unreached(store: Notes) -> Mapping[str, Unreached]:
    """Return the chats that notices don't reach: an operator's by its key, a subscriber's by the subscription's id."""
    found: dict[str, Unreached] = {}
    for key, text in (await store.notes(UNREACHED)).items():
        try:
            found[key] = msgspec.json.decode(text, type=Unreached)
        except msgspec.MsgspecError:  # it's tried again at once
            continue
    return found


async def of_operators(store: Notes) -> Mapping[str, Unreached]:
    """Return the operator's chats that notices don't reach, by their keys."""
    return {key: each for key, each in (await unreached(store)).items() if _SEPARATOR in key}


async def keep(store: Notes, key: str, found: Unreached | None) -> None:
    """Keep that a chat isn't reached, or with None that it's reached again."""
    await store.note(UNREACHED, key, msgspec.json.encode(found).decode() if found is not None else None)


async def try_again(store: Notes, channel: str, address: str) -> None:
    """Let the next notice to a chat or its topics be tried at once, because the bot was let in again."""
    for key in await store.notes(UNREACHED):
        named, _, there = key.partition(_SEPARATOR)
        if named == channel and is_in(there, address):
            await store.note(UNREACHED, key, None)


async def drop_others(store: Notes, keys: Container[str]) -> None:
    """Drop what is kept about chats that are no longer the operator's and subscriptions that have ended."""
    for key in await store.notes(UNREACHED):
        if key not in keys:
            await store.note(UNREACHED, key, None)
