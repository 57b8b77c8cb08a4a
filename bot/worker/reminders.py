"""Remind chats of meetings on the evening before, once for each meeting."""

from datetime import date, timedelta

from bot.domain.agendas.link import AGENDA_KINDS, AgendaLog
from bot.domain.messages.health_notices import Notice
from bot.domain.messages.meetings import due_reminders, reminder
from bot.domain.text.rich_text import plain_text
from bot.pipeline.runner import Runner
from bot.worker.health_notices import deliver_notice

REMINDED = "reminder"  # the kind of note that records what was sent
PAUSES = (timedelta(0), timedelta(minutes=10), timedelta(hours=1))  # from 6 p.m. until each try
MOST_TRIES = len(PAUSES)
KEPT_FOR = timedelta(days=30)
LOOKS_BACK = timedelta(days=366)


async def remind(runner: Runner) -> None:
    """Send the reminders that are due and weren't sent yet."""
    store, now = runner.store, runner.now()
    chats = [s for s in await store.subscriptions() if s.hears_reminders and s.channel in runner.channels]
    if not chats:
        return
    log = await store.changes(since=now - LOOKS_BACK, kinds=AGENDA_KINDS)
    editions, sent = AgendaLog(log).last_editions(), await store.notes(REMINDED)
    for to in chats:
        for meeting in due_reminders(to, editions, now):
            key = f"{to.id} {meeting.key}"
            tries = int(sent.get(key, "0 ").partition(" ")[0])
            if tries >= MOST_TRIES or now < meeting.evening(to.tz) + PAUSES[tries]:
                continue
            text = plain_text(reminder(to.language, meeting, now, to.tz))
            is_sent = await deliver_notice(runner, Notice(key, text), to.channel, to.address)
            await store.note(REMINDED, key, f"{MOST_TRIES if is_sent else tries + 1} {meeting.day}")
    for key, value in sent.items():
        if date.fromisoformat(value.partition(" ")[2]) < now.date() - KEPT_FOR:
            await store.note(REMINDED, key, None)
