"""When a token is rejected, pause its subscriptions and retry one until the token works; then resume them all."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from bot.domain.subscription import Subscription
from bot.store import Subscriptions

PROBE_EVERY = timedelta(minutes=15)

log = structlog.get_logger()


async def probe_rejected_tokens(store: Subscriptions, now: datetime, *, at_once: bool = False) -> None:
    """Let one subscription per rejected token try again; the others stay paused until its message gets through.

    With `at_once`, used at startup, don't wait for the next try, because the operator may have set a new token.
    """
    refused = sorted((s for s in await store.subscriptions() if s.refused), key=lambda s: s.bot)
    for _, group in groupby(refused, key=lambda s: s.bot):
        probe = _choose_probe(list(group), now, at_once=at_once)
        if probe is not None:
            await store.change_subscription(_unpaused(probe))
            log.info("trying a rejected token again", **probe.log_context())


async def resume_all(probe: Subscription, store: Subscriptions) -> None:
    """Resume every subscription paused for the same token, because this one's message got through."""
    paused = [s for s in await store.subscriptions() if s.refused and s.bot == probe.bot and s.id != probe.id]
    for subscription in paused:
        await store.change_subscription(subscription.revived)
    log.info("a rejected token works again", channel=probe.channel, subscriptions=1 + len(paused))


def _choose_probe(group: list[Subscription], now: datetime, *, at_once: bool) -> Subscription | None:
    """Return the first subscription with something to send, unless one is being tried or it's too early to retry."""
    if any(s.wakes_at is not None for s in group):
        return None
    if not at_once and any(s.retry_at is not None and s.retry_at > now for s in group):
        return None
    return next((s for s in group if _unpaused(s).is_due(now)), None)


def _unpaused(subscription: Subscription) -> Subscription:
    return replace(subscription, paused=None, retry_at=None)
