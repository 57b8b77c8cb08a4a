"""The last message that a filter would have selected, as an example."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.change import Change, Kind
from bot.domain.chat.replies import line
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.messages.digest import Digest
from bot.domain.messages.paginate import pages
from bot.domain.subscription import ALL_STATES, Subscription, due_at
from bot.domain.text.rich_text import Line
from bot.domain.text.wording import Wording
from bot.pipeline.runner import Runner
from bot.store import Store

LOOKS_BACK = (timedelta(days=14), timedelta(days=90))  # then through the whole log
MOST_LINES = 24
MOST_TRIED = 10  # messages; one may come to nothing, as when an agency left the list and came back


async def example(runner: Runner, subscription: Subscription) -> tuple[Line, ...]:
    """Show the last message that these settings would have produced, and when."""
    if subscription.filter.is_empty:
        return ()
    found = await _last_message(runner, _from_the_start(subscription))
    if found is None:
        return (line(subscription.language, "preview_none"),)
    at, digest = found
    if at <= runner.now():
        heading = line(
            subscription.language, "preview", when=Wording(subscription.language, subscription.tz).moment(at)
        )
    else:
        heading = line(subscription.language, "preview_latest")
    return ((), heading, *_shortened(subscription, _lines(digest)))


def _from_the_start(subscription: Subscription) -> Subscription:
    """Return a subscription with this filter and cadence that existed before the first change."""
    filter_ = replace(subscription.filter.since(0), told=())
    return replace(
        subscription,
        filter=filter_,
        cursor=0,
        hears_always=False,
        hears_reminders=False,
        last_sent_at=None,
        slot_served=None,
        pinned_at=None,
    )


async def _last_message(runner: Runner, subscription: Subscription) -> tuple[datetime, Digest] | None:
    """Return the last message that isn't empty, and when it would have been sent. If it isn't due, that's later."""
    for moment, changes in await _last_owed(runner.store, subscription, runner.now()):
        upto = changes[-1].seq
        about = Circumstances(page=runner.page, links=await runner.links(upto, subscription.language))
        digest = compose(subscription, changes, upto=upto, about=about)
        if digest is not None:
            return moment, digest
    return None


async def _last_owed(
    store: Store, subscription: Subscription, now: datetime
) -> Sequence[tuple[datetime, Sequence[Change]]]:
    """Return the latest changes that match, grouped by when they would have been sent, the last group first.

    Changes that were sent in error are left out. Groups that aren't due yet are returned only if no other matches.
    """
    indexed = subscription.filter.index_states
    states = None if ALL_STATES in indexed else sorted(indexed)
    for span in (*LOOKS_BACK, None):
        since = None if span is None else now - span
        groups: dict[datetime, list[Change]] = {}
        changes = await store.changes(since=since, states=states)
        wrong = {change.retracts for change in changes} | {c.seq for c in changes if c.kind is Kind.RETRACTED}
        for change in changes:
            if change.recorded_at and change.seq not in wrong and subscription.filter.matches(change):
                groups.setdefault(due_at(subscription, change.recorded_at), []).append(change)
        in_order = sorted(groups.items(), key=lambda group: group[0])
        sent = [(at, owed) for at, owed in in_order if at <= now]
        if sent or span is None:
            return (sent or in_order)[: -MOST_TRIED - 1 : -1]
    return ()


def _lines(digest: Digest) -> tuple[Line, ...]:
    """Return a digest as the lines of a reply. A reply has no thread, so details are only summed up."""
    return tuple(line for page in pages(digest.summed_up, lambda _: True) for line in page.lines)


def _shortened(subscription: Subscription, lines: Sequence[Line]) -> Sequence[Line]:
    if len(lines) <= MOST_LINES:
        return lines
    return (*lines[:MOST_LINES], line(subscription.language, "more_lines", n=len(lines) - MOST_LINES))
