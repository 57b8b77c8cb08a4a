"""Send each health notice once, to the operator and to subscribers who opted in."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.channels import Sender, sender_for
from bot.domain.messages.digest import Digest
from bot.domain.messages.health_notices import Notice, for_operator, for_subscriber, of_parked
from bot.domain.source_status import ICE
from bot.domain.text.rich_text import Line, Span
from bot.domain.timestamps import stamp
from bot.errors import SendError
from bot.pipeline.runner import Runner

SENT = "told"  # the kind of note that records sent notices; it is stored, so it keeps its old name

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator's channel and address. Without a channel, notices are only logged."""

    channel: str | None = None
    address: str = ""


async def notify(runner: Runner, operator: Operator, stale_after: timedelta) -> None:
    """Send every notice that hasn't been sent yet. If sending a notice fails, the next call tries again."""
    store, now = runner.store, runner.now()
    sent = await store.notes(SENT)
    every_status, subscriptions = await store.source_statuses(), await store.subscriptions()
    statuses = [status for status in every_status if status.source in {ICE, *runner.sources}]
    parked = of_parked((status for status in every_status if status.source in runner.places), sent, now)
    for_us = for_operator(
        statuses=statuses,
        held=await store.held(),
        subscriptions=subscriptions,
        now=now,
        stale_after=stale_after,
        channels=runner.channels,
    )
    for notice in (*for_us, *((parked,) if parked else ())):
        if notice.key not in sent and await _deliver(runner, notice, operator.channel, operator.address):
            for key in (notice.key, *notice.also):
                await store.note(SENT, key, stamp(now))
    for to in subscriptions:
        for status in statuses:
            stale = for_subscriber(to, status, now, stale_after)
            if stale and stale.key not in sent and await _deliver(runner, stale, to.channel, to.address):
                await store.note(SENT, stale.key, stamp(now))


async def _deliver(runner: Runner, notice: Notice, channel_name: str | None, address: str) -> bool:
    """Send a notice, or log it if there is no channel; return False if sending failed."""
    channel = runner.channels.get(channel_name or "")
    if channel is None:
        log.warning("notice", text=notice.text)
        return True
    try:
        await _send(channel, address, notice.text)
    except SendError as fault:
        elsewhere = fault.moved_to or fault.fallback
        if elsewhere is not None:
            return await _deliver(runner, notice, channel_name, elsewhere)
        log.warning("notice not sent", problem=str(fault), text=notice.text)
        return False
    return True


async def _send(channel: Sender, address: str, text: str) -> None:
    title, *rest = text.splitlines()
    lines: tuple[Line, ...] = tuple((Span(line),) for line in rest)
    digest = Digest(upto=0, title=(Span(title),), lead=lines)
    for part in sender_for(channel, address).render(digest):
        await channel.send(address, part)
