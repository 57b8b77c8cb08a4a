"""A token that is refused: who is told with it is paused, one asks now and then, and all go on once it works."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from bot.domain.subscription import Subscription
from bot.store import Store

ASKED_AGAIN_AFTER = timedelta(minutes=15)

log = structlog.get_logger()


async def ask_again(store: Store, now: datetime, *, at_once: bool = False) -> None:
    """Let one subscription of each refused token try to be told again; the others stay paused until it was.

    `at_once`, as at the start of the program, does not wait: the token may be another one.
    """
    refused = sorted((s for s in await store.subscriptions() if s.refused), key=lambda s: s.bot)
    for _, together in groupby(refused, key=lambda s: s.bot):
        asks = _who_asks(list(together), now, at_once=at_once)
        if asks is not None:
            await store.change_subscription(_asking(asks))
            log.info("asks whether a token works again", **asks.log_context())


async def go_on(told: Subscription, store: Store) -> None:
    """One that asked was told: all who were paused with it go on."""
    waiting = [s for s in await store.subscriptions() if s.refused and s.bot == told.bot and s.id != told.id]
    for subscription in waiting:
        await store.change_subscription(subscription.revived)
    log.info("a token works again", channel=told.channel, subscriptions=1 + len(waiting))


def _who_asks(together: list[Subscription], now: datetime, *, at_once: bool) -> Subscription | None:
    """The one that is to ask now: the first that is owed something, unless one asks already or it is too early."""
    if any(s.wakes_at is not None for s in together):
        return None
    if not at_once and any(s.retry_at is not None and s.retry_at > now for s in together):
        return None
    return next((s for s in together if _asking(s).is_due(now)), None)


def _asking(subscription: Subscription) -> Subscription:
    return replace(subscription, paused=None, retry_at=None)
