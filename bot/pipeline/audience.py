"""Find out who would be told about an operator's decision before it is made, with the delivery code."""

import asyncio
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import cast

from bot.channels.console import ConsoleSender
from bot.domain.change import Change, Kind
from bot.domain.chat.operator import Effect
from bot.domain.language import Language
from bot.domain.lists.vetting import Held
from bot.domain.messages.compose import Circumstances, compose, correct
from bot.domain.messages.digest import Digest
from bot.domain.subscription import Subscription
from bot.errors import UsageError
from bot.pipeline.deliver import Composer, owed_corrections
from bot.pipeline.poll_list import foreseen
from bot.pipeline.runner import Runner
from bot.pipeline.standings import Standings
from bot.store import Store


async def of_approval(runner: Runner, held: Held) -> Effect:
    """Return the result of approving a held listing. Raise UsageError if it can't be approved."""
    now, end = runner.now(), await runner.store.last_seq()
    found = await foreseen(held, source=runner.sources[held.source], store=runner.store, now=runner.now)
    coming = [replace(change, seq=end + n, recorded_at=now) for n, change in enumerate(found, start=1)]
    told = await _told(runner, coming) if coming else []
    ahead = cast("Store", _LogAhead(runner.store, coming))
    composer = Composer(ConsoleSender(), ahead, runner.page, Standings(ahead, runner.public_url))

    async def text(to: Subscription) -> str:
        parts, _ = await composer.parts(replace(to, pinned=end + len(coming), pinned_at=now))
        return "\n\n".join(part.plain for part in parts if part.picture is None)

    first = _first_of_each_language(runner, told)
    return replace(_effect(runner, told, {s.language: await text(s) for s in first}), changes=found)


async def effect_or_none(runner: Runner, held: Held) -> Effect | None:
    """Return the effect of approving a held list, or None if it can't be approved."""
    if held.source not in runner.sources:
        return None
    try:
        return await of_approval(runner, held)
    except UsageError:
        return None


async def of_retraction(runner: Runner, retraction: Change) -> Effect:
    """Return who would be told that a change was sent in error. `retraction` isn't recorded yet."""
    store = runner.store
    numbered = replace(retraction, seq=await store.last_seq() + 1, recorded_at=runner.now())
    told: list[Subscription] = []
    sent_at: dict[str, datetime] = {}
    receipts = [r for r in await store.receipts() if retraction.retracts in r.changes]
    for to in await store.subscriptions():
        for _, receipt in owed_corrections([numbered], [r for r in receipts if r.subscription == to.id]):
            told.append(to)
            sent_at[to.id] = receipt.at
    standings = Standings(cast("Store", _LogAhead(store, [numbered])), runner.public_url)

    async def text(to: Subscription) -> str:
        links = await standings.links(numbered.seq, to.language)
        return _printed(correct(to, numbered, sent_at[to.id], page=runner.page, links=links))

    first = _first_of_each_language(runner, told)
    return _effect(runner, told, {s.language: await text(s) for s in first})


async def _told(runner: Runner, coming: Sequence[Change]) -> list[Subscription]:
    """Return the subscriptions whose next message would report one of the coming changes."""
    new = {change.seq for change in coming}
    watching = [s for s in await runner.store.subscriptions() if any(map(s.filter.matches, coming))]
    oldest = min((s.cursor for s in watching), default=0)
    log = [*await runner.store.changes(after=oldest), *coming] if watching else []
    return await asyncio.to_thread(lambda: [s for s in watching if _reports(s, log, new, runner.page)])


def _reports(to: Subscription, log: Sequence[Change], new: AbstractSet[int], page: str) -> bool:
    window = log[bisect_right(log, to.cursor, key=lambda change: change.seq) :]
    digest = compose(to, window, upto=log[-1].seq, about=Circumstances(page=page))
    return digest is not None and not new.isdisjoint(digest.covers)


def _first_of_each_language(runner: Runner, told: Sequence[Subscription]) -> list[Subscription]:
    served = sorted(told, key=lambda s: (s.channel not in runner.channels, s.paused is not None))
    return list({s.language: s for s in reversed(served)}.values())


def _effect(runner: Runner, told: Sequence[Subscription], messages: Mapping[Language, str]) -> Effect:
    served = [s for s in told if s.channel in runner.channels]
    now = [s for s in served if s.paused is None]
    return Effect(
        chats=len(now),
        paused=len(served) - len(now),
        unserved=len(told) - len(served),
        languages={each: n for each in Language if (n := sum(s.language is each for s in now))},
        messages={each: messages[each] for each in Language if each in messages},
    )


def _printed(digest: Digest) -> str:
    return "\n\n".join(part.plain for part in ConsoleSender().render(digest))


class _LogAhead:
    """The store as it would be after some changes were recorded. Only reading is allowed."""

    def __init__(self, store: Store, coming: Sequence[Change]) -> None:
        self._store, self._coming = store, coming
        self.source_statuses = store.source_statuses
        self.notes = store.notes

    async def last_seq(self) -> int:
        return self._coming[-1].seq if self._coming else await self._store.last_seq()

    async def held(self) -> Sequence[Held]:
        """Return nothing, because the listing would no longer be held."""
        return ()

    async def changes(
        self, *, after: int = 0, upto: int | None = None, kinds: Sequence[Kind] | None = None
    ) -> Sequence[Change]:
        found = await self._store.changes(after=after, upto=upto, kinds=kinds)
        last = self._coming[-1].seq if upto is None and self._coming else upto or 0
        ahead = [c for c in self._coming if after < c.seq <= last and (kinds is None or c.kind in kinds)]
        return [*found, *ahead]
