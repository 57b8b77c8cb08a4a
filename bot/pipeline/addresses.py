"""Keep a single address for each chat, because a platform may have several addresses for the same chat."""

from collections.abc import Mapping

import structlog

from bot.channels import CHANNELS, Sender
from bot.domain.subscription import Subscription, is_in
from bot.store import Store

ALIAS = "alias"  # the kind of note that maps a channel and an address, such as "telegram @name", to the lasting address

log = structlog.get_logger()


async def resolved(store: Store, channels: Mapping[str, Sender], channel: str, address: str) -> str:
    """Return the lasting address of a chat.

    If the platform doesn't answer, return the lasting address that was found earlier. If there is none, return the
    given address, which the next send resolves. A subscription that still has the given address is moved to the lasting
    one.
    """
    key, sender = f"{channel} {address}", channels.get(channel)
    found = await CHANNELS[channel].resolve(sender, address) if sender is not None and channel in CHANNELS else None
    if found is None:
        return (await store.notes(ALIAS)).get(key, address)
    await learn(store, channel, address, found)
    return found


async def learn(store: Store, channel: str, old: str, new: str) -> None:
    """Record a chat's lasting address, and move the chat's subscriptions to it."""
    if (await store.notes(ALIAS)).get(f"{channel} {old}") != new:
        await store.note(ALIAS, f"{channel} {old}", new)
    await move_chat(store, channel, old, new)


async def move_chat(store: Store, channel: str, old: str, new: str) -> None:
    """Move a chat's subscription and those of its topics to the chat's new address."""
    if old == new:
        return
    for found in await store.subscriptions():
        if found.channel == channel and is_in(found.address, old):
            await store.move(channel, found.address, new + found.address.removeprefix(old))
            log.info("moved to a new address", **found.log_context())


async def forget(store: Store, subscription: Subscription) -> None:
    """Delete a subscription, its receipts and any other addresses recorded for it."""
    for key, address in (await store.notes(ALIAS)).items():
        if address == subscription.address and key.startswith(f"{subscription.channel} "):
            await store.note(ALIAS, key, None)
    await store.forget(subscription.id)


async def leave(store: Store, subscription: Subscription, prefix: str) -> None:
    """Delete a subscription because the bot left every address with this prefix.

    If the chat is also known by an address without the prefix, move the subscription there instead.
    """
    aliases = [key.partition(" ")[2] for key, address in (await store.notes(ALIAS)).items()
               if address == subscription.address and key.startswith(f"{subscription.channel} ")]  # fmt: skip
    elsewhere = next((address for address in aliases if not address.startswith(prefix)), None) if prefix else None
    if elsewhere is None:
        await forget(store, subscription)
        return
    for alias in aliases:
        kept = elsewhere if alias != elsewhere and not alias.startswith(prefix) else None
        await store.note(ALIAS, f"{subscription.channel} {alias}", kept)
    await store.move(subscription.channel, subscription.address, elsewhere)
