"""What is to be said of the watching itself: to the operator, and to subscribers who switched it on. Each once."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.channels import Sender
from bot.domain.messages.digest import Digest
from bot.domain.messages.health_notices import Notice, for_operator, for_subscriber, of_parked
from bot.domain.source_status import ICE
from bot.domain.text.rich_text import Line, Span
from bot.domain.timestamps import stamp
from bot.errors import SendError
from bot.pipeline.runner import Runner

TOLD = "told"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Operator:
    """Where the operator is told; without a channel, in the log alone."""

    channel: str | None = None
    address: str = ""


async def notify(runner: Runner, operator: Operator, stale_after: timedelta) -> None:
    """Give every notice that has not been given; what cannot be sent is tried again at the next call."""
    store, now = runner.store, runner.now()
    told = await store.notes(TOLD)
    everything, subscriptions = await store.source_statuses(), await store.subscriptions()
    statuses = [status for status in everything if status.source in {ICE, *runner.sources}]
    parked = of_parked((status for status in everything if status.source in runner.places), told, now)
    watching = for_operator(
        statuses=statuses,
        held=await store.held(),
        subscriptions=subscriptions,
        now=now,
        stale_after=stale_after,
    )
    for notice in (*watching, *((parked,) if parked else ())):
        if notice.key not in told and await _tell(runner, notice, operator.channel, operator.address):
            for key in (notice.key, *notice.also):
                await store.note(TOLD, key, stamp(now))
    for subscription in subscriptions:
        for status in statuses:
            said = for_subscriber(subscription, status, now, stale_after)
            if said and said.key not in told and await _tell(runner, said, subscription.channel, subscription.address):
                await store.note(TOLD, said.key, stamp(now))


async def _tell(runner: Runner, notice: Notice, channel_name: str | None, address: str) -> bool:
    """Send a notice; the log has it in any case."""
    channel = runner.channels.get(channel_name or "")
    if channel is None:
        log.warning("notice", text=notice.text)
        return True
    try:
        await _send(channel, address, notice.text)
    except SendError as fault:
        log.warning("notice not sent", problem=str(fault), text=notice.text)
        return False
    return True


async def _send(channel: Sender, address: str, text: str) -> None:
    title, *rest = text.splitlines()
    lines: tuple[Line, ...] = tuple((Span(line),) for line in rest)
    digest = Digest(upto=0, title=(Span(title),), sections=(), footer=lines)
    for part in channel.render(digest):
        await channel.send(address, part)
