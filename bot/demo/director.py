"""Play the season: publish each list, wait for the program to read it and tell everyone, and say what it did.

Nothing here decides what is told. The program reads, vets, records and sends as always; the lines of the timeline
follow from its change log, its subscriptions and its held lists.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.commands.operator import carry_out
from bot.config.settings import Settings
from bot.demo.chats import DAILY, DESK, DIARIO, LECTORA, OPERATOR, READER, Chats
from bot.demo.clock import ZONE, Clock
from bot.demo.loopback.ice import IceServer
from bot.demo.loopback.local import PrimeGovServer
from bot.demo.season import STATES, TOWN, PublishedList, Season
from bot.demo.story import Mark, Scene, Story
from bot.demo.town import put_on_agenda
from bot.domain.agreement import ListName
from bot.domain.change import LEAVING, Change, Kind
from bot.domain.language import Language
from bot.domain.letters import counted
from bot.domain.lists.vetting import Ruling
from bot.domain.source_status import ICE
from bot.domain.subscription import Cadence
from bot.domain.text.wording import state_name
from bot.pipeline.deliver import Delivered
from bot.pipeline.poll_agenda import AgendaPoll
from bot.pipeline.poll_list import ListPoll
from bot.pipeline.runner import Observer, Runner

LOOK_AGAIN = 0.25  # seconds
JUST_AFTER = timedelta(seconds=2)


class Ears:
    """An observer that wakes the director after each poll and each delivery, and passes everything on."""

    def __init__(self, also: Observer) -> None:
        self._also = also
        self._news = asyncio.Event()

    def list_polled(self, poll: ListPoll) -> None:
        """Pass on a poll of ICE's lists."""
        self._also.list_polled(poll)
        self._news.set()

    def agenda_polled(self, kind: str, poll: AgendaPoll) -> None:
        """Pass on a poll of the town's agenda."""
        self._also.agenda_polled(kind, poll)
        self._news.set()

    def delivered(self, delivery: Delivered) -> None:
        """Pass on a delivery."""
        self._also.delivered(delivery)
        self._news.set()

    async def until(self, is_so: Callable[[], Awaitable[bool]]) -> None:
        """Wait until a condition holds, which may also come true without a poll or a delivery."""
        while not await is_so():
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._news.wait()


@dataclass
class Director:
    """A player of the season, once. `pace` is the number of seconds between two scenes."""

    settings: Settings
    runner: Runner
    ears: Ears
    clock: Clock
    season: Season
    story: Story
    chats: Chats
    ice: IceServer
    portal: PrimeGovServer
    pace: float
    _agreements: int = field(default=0, init=False)

    def prepare(self) -> None:
        """Put the lists on ICE's page that were published last before the season."""
        self._link(self.season.pending())
        self._link(self.season.history()[-1])

    async def subscribe_channels(self) -> None:
        """Subscribe the Slack channels as an operator does, before the program starts to work."""
        for room in (DESK, DAILY, DIARIO):
            await carry_out(
                self.runner,
                "subscribe",
                {
                    "channel": room.platform,
                    "address": room.address,
                    "states": ",".join(STATES),
                    "cadence": "instant" if room is DESK else "daily",
                    "tz": ZONE,
                    "language": room.language,
                },
            )

    async def play(self) -> None:
        """Play all scenes."""
        await self._people_subscribe()
        scenes = (self._joined, self._respelled, self._agenda, self._digest, self._listed, self._left, self._held)
        for scene in scenes:
            await asyncio.sleep(self.pace)
            await scene()
        await asyncio.sleep(self.pace)
        await self._end()

    # ── scenes ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _people_subscribe(self) -> None:
        places = ", ".join(STATES)
        self.chats.say(READER, f"/watch {places}")
        self.chats.say(LECTORA, f"/watch {places}")
        self.story.add(Mark.CLOCK, "Two people ask the bot on Telegram to watch three states.")
        await self.ears.until(self._both_subscribed)
        for room in (READER, LECTORA):
            await carry_out(self.runner, "subscribe", {"channel": room.platform, "address": room.address, "tz": ZONE})
        await self.ears.until(self._has_read(self.season.start))
        await self._settled()

    async def _joined(self) -> None:
        self.story.begin(Scene.JOINED)
        changes = await self._publish(self.season.with_new())
        await self._tell(changes)
        self.story.end(Scene.JOINED, Scene.SPANISH)

    async def _respelled(self) -> None:
        self.story.begin(Scene.RESPELLED)
        changes = await self._publish(self.season.respelled())
        await self._tell(changes)
        self.story.end(Scene.RESPELLED)

    async def _agenda(self) -> None:
        self.story.begin(Scene.AGENDA)
        before = await self.runner.store.last_seq()
        at = self.season.at(0, 13, 15)
        put_on_agenda(self.portal, self.season.at(0, 18, 30))
        self.clock.set_forward(at)
        self.story.add(Mark.TOWN, f"{TOWN}'s council posted an agenda for 6:30 this evening.")
        await self.ears.until(lambda: self._is_after(before))
        await self._settled()
        await self._tell(await self.runner.store.changes(after=before))
        self.story.end(Scene.AGENDA)

    async def _digest(self) -> None:
        self.story.begin(Scene.DIGEST)
        await self._next_morning(1)
        self.story.end(Scene.DIGEST)

    async def _listed(self) -> None:
        self.story.begin(Scene.LISTED)
        await self._tell(await self._publish(self.season.with_town()))
        self.story.end(Scene.LISTED)

    async def _left(self) -> None:
        self.story.begin(Scene.LEFT)
        await self._tell(await self._publish(self.season.without_one()))
        self.story.end(Scene.LEFT)

    async def _held(self) -> None:
        self.story.begin(Scene.HELD)
        before = await self.runner.store.last_seq()
        notices = len(self.chats.bubbles(OPERATOR))
        await self._publish(self.season.without_state(), says_so=False)
        (held,) = await self.runner.store.held()
        await self.ears.until(self._operator_knows(notices))
        lost = state_name(held.gone[0].state, Language.ENGLISH)
        self.story.add(
            Mark.HELD,
            f"All {len(held.gone)} agreements of {lost} are missing. Countersign holds the list, and no one was told.",
        )
        self.story.add(Mark.HELD, "Your turn: in the operator's chat, press a button, then confirm.")
        self.story.waits = True
        await self.ears.until(self._is_decided)
        self.story.waits = False
        if await self.runner.store.held():
            self.story.add(Mark.HELD, "You rejected the list. No one was told anything.")
            await self._publish(self.season.restored())
        else:
            self.story.add(Mark.HELD, "You approved the list, so the chats are told now.")
            await self._settled()
            await self._tell(await self.runner.store.changes(after=before))
        self.story.end(Scene.HELD)

    async def _end(self) -> None:
        await self._next_morning(2)
        self.story.current = None
        self.story.is_over = True
        self.story.add(
            Mark.END,
            "The season is over. Everything stays until you press Ctrl-C: try the buttons, the chats and the pages.",
        )

    # ── what happens in several scenes ───────────────────────────────────────────────────────────────────────────────

    async def _publish(self, published: PublishedList, *, says_so: bool = True) -> Sequence[Change]:
        """Publish a list, wait until the program has read it and told everyone, and return the changes it recorded."""
        before, was = await self.runner.store.last_seq(), self._agreements
        self._link(published, headline=says_so)
        self.clock.set_forward(published.at)
        difference = published.agreements - was
        more = f"{abs(difference)} {'more' if difference > 0 else 'fewer'} than before" if difference else "as before"
        self.story.add(Mark.ICE, f"ICE published a list with {counted(published.agreements, 'agreement')}, {more}.")
        await self.ears.until(self._has_read(published.at))
        await self._settled()
        return await self.runner.store.changes(after=before)

    def _link(self, published: PublishedList, *, headline: bool = True) -> None:
        """Link a list on ICE's page, and let the page's own total say what the list has."""
        self.ice.publish(published.name, published.body, at=published.at, list=published.list.value)
        if published.list is ListName.PARTICIPATING:
            self._agreements = published.agreements
            if headline:
                self.ice.headline(published.agreements, states=5)

    async def _next_morning(self, days: int) -> None:
        self.clock.set_forward(self.season.at(days, 9) + JUST_AFTER)
        self.story.add(Mark.CLOCK, "The next morning. The daily digests go out, each with a picture.")
        await self.ears.until(self._has_read(self.season.at(days, 9)))
        await self._settled()

    async def _tell(self, changes: Sequence[Change]) -> None:
        """Add lines about these changes: how many chats are told of them, and the ones that no one is told about."""
        loud: list[Change] = []
        for change in changes:
            is_told = await self._is_told(change)
            if not is_told and change.kind is Kind.RENAMED and change.was is not None:
                old, new = change.was.agency, change.agreement.agency
                self.story.add(Mark.QUIET, f"ICE respelled “{old}” as “{new}”. No one was told.")
            elif is_told:
                loud.append(change)
        if not loud:
            return
        at_once, later = await self._chats_told(loud)
        self.story.add(
            Mark.TOLD,
            f"{_what(loud)} {counted(at_once, 'chat')} got an alert; {later} will get it in the daily digest.",
        )

    async def _is_told(self, change: Change) -> bool:
        return any(s.filter.matches(change) for s in await self.runner.store.subscriptions())

    async def _chats_told(self, changes: Sequence[Change]) -> tuple[int, int]:
        cadences = Counter(
            s.cadence is Cadence.INSTANT
            for s in await self.runner.store.subscriptions()
            if s.paused is None and any(s.filter.matches(change) for change in changes)
        )
        return cadences[True], cadences[False]

    # ── what to wait for ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _both_subscribed(self) -> bool:
        found = [await self.runner.store.find(room.platform, room.address) for room in (READER, LECTORA)]
        return all(found) and all(len(self.chats.bubbles(room)) > 1 for room in (READER, LECTORA))

    def _has_read(self, at: datetime) -> Callable[[], Awaitable[bool]]:
        async def has_read() -> bool:
            read_at = (await self.runner.store.source_status(ICE)).read_at
            return read_at is not None and read_at >= at

        return has_read

    async def _is_after(self, seq: int) -> bool:
        return await self.runner.store.last_seq() > seq

    def _operator_knows(self, notices: int) -> Callable[[], Awaitable[bool]]:
        async def knows() -> bool:
            return any(bubble.keys for bubble in self.chats.bubbles(OPERATOR)[notices:])

        return knows

    async def _is_decided(self) -> bool:
        held = await self.runner.store.held()
        return not held or held[0].ruling is Ruling.REJECTED

    async def _settled(self) -> None:
        """Wait until everyone has been told what is due."""

        async def is_settled() -> bool:
            return not [s for s in await self.runner.store.subscriptions() if s.is_due(self.clock.now())]

        await self.ears.until(is_settled)


def _what(changes: Sequence[Change]) -> str:
    """Return what happened, in a short sentence."""
    first = changes[0]
    if first.mention is not None:
        return "The agenda names 287(g)."
    if len(changes) > 1:
        return f"{len(changes)} agencies are no longer on ICE's list."
    name = first.agreement.agency
    return f"{name} is {'no longer' if first.kind in LEAVING else 'new'} on ICE's list."
