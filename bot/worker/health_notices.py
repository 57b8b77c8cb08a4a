"""Send each health notice once, to the operator and to subscribers who opted in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from shlex import quote

import structlog

from bot.channels import Sender, ShowsButtons, sender_for
from bot.domain.agenda import Place
from bot.domain.chat.local_agendas import suggestion_reply
from bot.domain.chat.operator import Operator, held_reply
from bot.domain.language import Language
from bot.domain.messages.digest import Digest
from bot.domain.messages.health_notices import Notice, for_operator, for_subscriber, of_parked
from bot.domain.source_status import ICE
from bot.domain.text.rich_text import Line, Span, plain_text
from bot.domain.timestamps import stamp
from bot.domain.web_address import masked
from bot.errors import SendError
from bot.pipeline.addresses import learn
from bot.pipeline.audience import effect_or_none
from bot.pipeline.local_requests import Suggestion, suggestions
from bot.pipeline.runner import Runner

SENT = "told"  # the kind of note that records sent notices; it is stored, so it keeps its old name

log = structlog.get_logger()


async def notify(runner: Runner, operators: Sequence[Operator], stale_after: timedelta) -> None:
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
    waiting = [each for each in (await suggestions(store)).values() if not each.decision]
    suggested = [notice_of_suggestion(each, runner.places.get(each.place.name)) for each in waiting]
    for notice in (*for_us, *((parked,) if parked else ()), *suggested):
        if notice.key not in sent and await _tell_operators(runner, notice, operators, sent):
            for key in (notice.key, *notice.also):
                await store.note(SENT, key, stamp(now))
    for to in subscriptions:
        for status in statuses:
            stale = for_subscriber(to, status, now, stale_after)
            if stale and stale.key not in sent and await deliver_notice(runner, stale, to.channel, to.address):
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
        key = f"{notice.key} {operator.channel}:{operator.address}"
        if key in sent:
            continue
        shown = await _as_shown(runner, notice, operator)
        is_sent = await deliver_notice(runner, shown, operator.channel, operator.address)
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


async def deliver_notice(runner: Runner, notice: Notice, channel_name: str | None, address: str) -> bool:
    """Send a notice, or log it if there is no channel; return False if sending failed."""
    channel = runner.channels.get(channel_name or "")
    if channel is None:
        log.warning("notice", text=notice.text)
        return True
    try:
        await _send(channel, address, notice)
    except SendError as fault:
        elsewhere = fault.moved_to or fault.fallback
        if elsewhere is not None:
            if fault.moved_to is not None:  # the operator's commands go by the new address too
                await learn(runner.store, channel_name or "", address, elsewhere)
            return await deliver_notice(runner, notice, channel_name, elsewhere)
        log.warning("notice not sent", problem=str(fault), text=notice.text)
        return False
    return True


async def _send(channel: Sender, address: str, notice: Notice) -> None:
    title, *rest = notice.text.splitlines()
    lines: tuple[Line, ...] = tuple((Span(line),) for line in rest)
    digest = Digest(upto=0, title=(Span(title, strong=bool(notice.buttons)),), lead=lines)
    sender = sender_for(channel, address)
    *first, last = sender.render(digest)
    if notice.buttons and isinstance(sender, ShowsButtons):
        last = sender.with_buttons(address, last, notice.buttons)
    for part in (*first, last):
        await channel.send(address, part)
