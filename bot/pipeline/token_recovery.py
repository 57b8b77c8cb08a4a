"""Recover from rejected tokens, and from platforms that don't answer for days.

When a token is rejected, its subscriptions are paused. They are also paused if their messages have failed for two days
for an unknown reason. One of the paused subscriptions is retried until the token works, and then all are resumed.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from bot.domain.subscription import Subscription
from bot.store import Subscriptions

PROBE_EVERY = timedelta(minutes=15)

log = structlog.get_logger()


async def probe_rejected_tokens(store: Subscriptions, now: datetime, *, at_once: bool = False) -> None:
    """For each rejected token, retry one of its subscriptions.

    The others stay paused until a message is sent successfully.

    At startup, `at_once` skips the wait before the next try, because the operator may have set a new token.
    """
    refused = sorted((s for s in await store.subscriptions() if s.refused), key=lambda s: s.bot)
    for _, group in groupby(refused, key=lambda s: s.bot):
        probe = _choose_probe(list(group), now, at_once=at_once)
        if probe is not None:
            await store.change_subscription(_unpaused(probe))
            log.info("trying a rejected token again", **probe.log_context())


async def resume_all(probe: Subscription, store: Subscriptions) -> None:
    """Resume all subscriptions that were paused because of the same token.

    A message to `probe` was sent, so the token works again.
    """
    paused = [s for s in await store.subscriptions() if s.refused and s.bot == probe.bot and s.id != probe.id]
    for subscription in paused:
        await store.change_subscription(subscription.revived)
    log.info("a rejected token works again", channel=probe.channel, subscriptions=1 + len(paused))


def _choose_probe(group: list[Subscription], now: datetime, *, at_once: bool) -> Subscription | None:
    """Return the subscription to retry. Of those that have something to send, it is the one tried longest ago.

    They take turns, because one chat may never work. Return None if a subscription is already being retried or if it's
    too early to retry.
    """
    if any(s.wakes_at is not None for s in group):
        return None
    if not at_once and any(s.retry_at is not None and s.retry_at > now for s in group):
        return None
    due = [s for s in group if _unpaused(s).is_due(now)]
    return min(due, key=lambda s: s.retry_at or now, default=None)


def _unpaused(subscription: Subscription) -> Subscription:
    return replace(subscription, paused=None, retry_at=None)
