"""Send each health notice once, to the operator and to subscribers who opted in.

A chat that can't be reached is asked again after pauses that grow, so that neither its platform nor the log is flooded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from shlex import quote

import structlog

from bot.channels import Ready, Sender, ShowsButtons, sender_for
from bot.domain.agenda import Place
from bot.domain.chat.local_agendas import suggestion_reply
from bot.domain.chat.operator import Operator, held_reply
from bot.domain.language import Language
from bot.domain.messages.digest import Digest
from bot.domain.messages.health_notices import Notice, for_operator, for_subscriber, of_parked
from bot.domain.source_status import ICE
from bot.domain.text.rich_text import Line, Span, plain_text
from bot.domain.timestamps import stamp
from bot.domain.unreached import after_failure
from bot.domain.web_address import masked
from bot.errors import SendError
from bot.pipeline.addresses import learn
from bot.pipeline.audience import effect_or_none
from bot.pipeline.deliver import NOTED_WITHIN
from bot.pipeline.local_requests import Suggestion, suggestions
from bot.pipeline.runner import Runner
from bot.pipeline.unreached import chat_key, drop_others, keep, unreached

NOTICES = "notices"  # the lease of the program that sends notices, reminders and summaries
SENT = "told"  # the kind of note that records sent notices; it is stored, so it keeps its old name

log = structlog.get_logger()


async def notify(runner: Runner, operators: Sequence[Operator], stale_after: timedelta) -> None:
    """Send every notice that hasn't been sent yet. If sending a notice fails, the next call tries again."""
    store, now = runner.store, runner.now()
    sent = await store.notes(SENT)
    every_status, subscriptions = await store.source_statuses(), await store.subscriptions()
    statuses = [status for status in every_status if status.source in {ICE, *runner.sources}]
    parked = of_parked((status for status in every_status if status.source in runner.places), sent, now)
    chats = {chat_key(operator.channel, operator.address) for operator in operators}
    await drop_others(store, chats | {subscription.id for subscription in subscriptions})
    for_us = for_operator(
        statuses=statuses,
        held=await store.held(),
        subscriptions=subscriptions,
        now=now,
        stale_after=stale_after,
        channels=runner.channels,
    )
    waiting = [each for each in (await suggestions(store)).values() if not each.decision]
    suggested = [notice_of_suggestion(each, runner.places.get(each.place.name)) for each in waiting]
    for notice in (*for_us, *((parked,) if parked else ()), *suggested):
        if notice.key not in sent and await _tell_operators(runner, notice, operators, sent):
            for key in (notice.key, *notice.also):
                await store.note(SENT, key, stamp(now))
    for to in subscriptions:
        for status in statuses:
            stale = for_subscriber(to, status, now, stale_after)
            if stale and stale.key not in sent and await _try(runner, to.id, stale, to.channel, to.address):
                await store.note(SENT, stale.key, stamp(now))


async def send_once(runner: Runner, notice: Notice, operators: Sequence[Operator]) -> bool:
    """Send a notice to the operator's chats unless it was sent before. Return False if a chat didn't get it."""
    sent = await runner.store.notes(SENT)
    if notice.key not in sent:
        if not await _tell_operators(runner, notice, operators, sent):
            return False
        await runner.store.note(SENT, notice.key, stamp(runner.now()))
    return True


async def _tell_operators(
    runner: Runner, notice: Notice, operators: Sequence[Operator], sent: Mapping[str, str]
) -> bool:
    """Send a notice to each of the operator's chats. Return False if one of them didn't get it.

    If one fails, note the others, so that only that one gets it again.
    """
    missing: list[str] = []
    reached: list[str] = []
    for operator in operators or (Operator(),):
        chat = chat_key(operator.channel, operator.address)
        key = f"{notice.key} {chat}"
        if key in sent:
            continue
        shown = await _as_shown(runner, notice, operator)
        is_sent = await _try(runner, chat, shown, operator.channel, operator.address)
        (reached if is_sent else missing).append(key)
    if missing:
        for key in reached:
            await runner.store.note(SENT, key, stamp(runner.now()))
    return not missing


async def _as_shown(runner: Runner, notice: Notice, operator: Operator) -> Notice:
    """Return a notice as the operator's chat shows it: in its language, and with buttons if there's a decision."""
    is_plain = notice.held is None and notice.reply is None and not notice.texts
    if operator.channel not in runner.channels or is_plain:
        return notice
    found = await runner.store.find(operator.channel or "", operator.address)
    language = found.language if found is not None else Language.ENGLISH
    if notice.held is not None:
        reply = held_reply(language, notice.held, await effect_or_none(runner, notice.held))
    elif notice.reply is not None:
        reply = notice.reply(language)
    else:
        return replace(notice, text=notice.texts[language])
    return replace(notice, text=plain_text(reply.lines), buttons=reply.buttons)


def notice_of_suggestion(suggestion: Suggestion, before: Place | None = None) -> Notice:
    """Return the notice of a suggested site, which may replace the place's present source.

    Without a chat for buttons, it names the command instead.
    """
    replaces = before.address if before is not None else ""
    reply = partial(suggestion_reply, key=suggestion.key, place=suggestion.place, replaces=replaces)
    address = quote(
        masked(suggestion.place.address)
    )  # someone in a chat typed it, and the operator may paste it into a shell
    hint = f"To add it, run: countersign sources add {address} --state {suggestion.place.state} --write"
    text = f"{plain_text(reply(Language.ENGLISH).lines)}\n{hint}"
    return Notice(f"suggestion {suggestion.key} {stamp(suggestion.at)}", text, reply=reply)


async def _try(runner: Runner, key: str, notice: Notice, channel: str | None, address: str) -> bool:
    """Deliver a notice, unless it's too early to try this chat again. Return False if the chat didn't get it."""
    store, now = runner.store, runner.now()
    before = (await unreached(store)).get(key)
    if before is not None and before.waits(now):
        return False
    fault = await _delivered(runner, notice, channel, address)
    if fault is None:
        if before is not None:
            await keep(store, key, None)
        return True
    refused = fault.refused or fault.credentials_rejected
    after = after_failure(
        before, str(fault), now, is_refused=refused, by_person=fault.by_person, wait=fault.retry_after
    )
    await keep(store, key, after)
    log.warning("notice not sent", problem=str(fault), text=notice.text, again=stamp(after.retry_at))
    return False


async def deliver_notice(
    runner: Runner, notice: Notice, channel: str | None, address: str, *, under: str = NOTICES
) -> bool:
    """Send a notice, or log it if there is no channel; log a failure and return False.

    Raise LeaseLost if another program has taken over the work that is done under this lease.
    """
    fault = await _delivered(runner, notice, channel, address, under)
    if fault is not None:
        log.warning("notice not sent", problem=str(fault), text=notice.text)
    return fault is None


async def _delivered(
    runner: Runner, notice: Notice, channel_name: str | None, address: str, under: str = NOTICES
) -> SendError | None:
    """Send a notice, or log it if there is no channel. Return the error if it wasn't sent."""
    channel = runner.channels.get(channel_name or "")
    if channel is None:
        log.warning("notice", text=notice.text)
        return None

    async def ready() -> None:
        await runner.store.extend_lease(under, channel.timeout + NOTED_WITHIN)

    try:
        await _send(channel, address, notice, ready)
    except SendError as fault:
        elsewhere = fault.moved_to or fault.fallback
        if elsewhere is None:
            return fault
        if fault.moved_to is not None:  # the operator's commands go by the new address too
            await learn(runner.store, channel_name or "", address, elsewhere)
        return await _delivered(runner, notice, channel_name, elsewhere, under)
    return None


async def _send(channel: Sender, address: str, notice: Notice, ready: Ready) -> None:
    title, *rest = notice.text.splitlines()
    lines: tuple[Line, ...] = tuple((Span(line),) for line in rest)
    digest = Digest(upto=0, title=(Span(title, strong=bool(notice.buttons)),), lead=lines)
    sender = sender_for(channel, address)
    *first, last = sender.render(digest)
    if notice.buttons and isinstance(sender, ShowsButtons):
        last = sender.with_buttons(address, last, notice.buttons)
    for part in (*first, last):
        await channel.send(address, part, ready=ready)
