"""Send the operator's weekly summary once, even if the program restarts or several programs run.

The store keeps when the last one was sent and what the counts of readings were then. After weeks without a running
program, one summary covers them all.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

import msgspec
import structlog

from bot.domain.chat.operator import Operator
from bot.domain.language import Language
from bot.domain.messages.health_notices import Notice
from bot.domain.messages.weekly_summary import USUAL_ZONE, Readings, Week, is_due, slot_of, told_kinds
from bot.domain.subscription import Slot
from bot.domain.timestamps import stamp
from bot.pipeline.runner import Runner
from bot.store import Store
from bot.worker.health_notices import SENT, send_once

SUMMARY = "weekly summary"  # the kind of note that keeps the last summary
LAST, TRIED = "last", "tried"  # the last summary that everyone got, and the last one that someone didn't get

log = structlog.get_logger()


class Last(msgspec.Struct, frozen=True):
    """A summary: the Monday it was for, when it was sent or first tried (UTC) and the counts of readings then."""

    day: date
    at: datetime
    readings: Readings


async def summarize(runner: Runner, operators: Sequence[Operator], free: Callable[[], str | None]) -> None:
    """Send the summary if it is due. The first start only begins the counting."""
    store, now = runner.store, runner.now()
    notes = await store.notes(SUMMARY)
    slot = slot_of(now, await _zone(store, operators))
    last, tried = _decoded(notes.get(LAST)), _decoded(notes.get(TRIED))
    if last is not None and tried is not None and last.day < tried.day < slot.day and await _was_sent(store, tried.day):
        last = tried  # one chat never got it; that doesn't make the next one cover two weeks in the others
    if last is not None and last.at > now:  # the clock was set back
        last = None
    if last is not None and not is_due(slot, Slot(last.day, last.at)):
        return
    this = Last(slot.day, now, Readings.of(await store.source_statuses()))
    if last is not None and not await _is_sent(
        runner, await _week(runner, last, this.readings, free()), operators, slot
    ):
        if tried is None or tried.day != slot.day:
            await _keep(store, LAST, last)
            await _keep(store, TRIED, this)
        return
    await _keep(store, LAST, this)


async def _keep(store: Store, key: str, summary: Last) -> None:
    await store.note(SUMMARY, key, msgspec.json.encode(summary).decode())


async def _was_sent(store: Store, day: date) -> bool:
    """Return whether at least one of the operator's chats got the summary of a Monday."""
    return any(key.startswith(_key(day)) for key in await store.notes(SENT))


def _key(day: date) -> str:
    return f"weekly {day}"


def _decoded(text: str | None) -> Last | None:
    """Return the stored note, or None if there is none or it can't be read."""
    try:
        return msgspec.json.decode(text, type=Last) if text is not None else None
    except msgspec.MsgspecError:
        return None


async def _zone(store: Store, operators: Sequence[Operator]) -> str:
    """Return the time zone of the operator's first chat that has a subscription."""
    for operator in operators:
        found = await store.find(operator.channel or "", operator.address)
        if found is not None and found.unreadable is None:
            return found.tz
    return USUAL_ZONE


async def _week(runner: Runner, last: Last, readings: Readings, free: str | None) -> Week:
    store = runner.store
    return Week(
        since=last.at,
        readings=readings.since(last.readings),
        changes=told_kinds(await store.changes(since=last.at)),
        receipts=await store.receipts(since=last.at),
        subscriptions=await store.subscriptions(),
        statuses=await store.source_statuses(),
        held_this_week=_held_since(await store.notes(SENT), last.at),
        held_now=len(await store.held()),
        free=free,
        started_at=runner.started_at,
    )


def _held_since(sent: Mapping[str, str], at: datetime) -> int:
    """Count the lists that were put on hold, by the notices about them."""
    since = (found[1] for key in sent if (found := re.fullmatch(r"held \S+ (\S+)", key)) is not None)
    return sum(each >= stamp(at) for each in since)


async def _is_sent(runner: Runner, week: Week, operators: Sequence[Operator], slot: Slot) -> bool:
    """Send the summary to each of the operator's chats in its language. Without a chat, log it."""
    tz = await _zone(runner.store, operators)
    texts = {language: week.text(language, tz) for language in Language}
    if not operators:
        log.info("weekly summary", text=texts[Language.ENGLISH])
        return True
    return await send_once(runner, Notice(_key(slot.day), texts[Language.ENGLISH], texts=texts), operators)
