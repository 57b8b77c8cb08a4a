"""The report printed by `countersign status`: the last reading of each source, held listings and problems."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.commands.as_json import JsonObject
from bot.domain.agenda import Place
from bot.domain.agendas.schedule import PlaceCounts, WatchedStates, count_places
from bot.domain.agreement import ListName
from bot.domain.change import Known
from bot.domain.health import crowds, span, wrong
from bot.domain.letters import counted
from bot.domain.lists.vetting import Held
from bot.domain.outage import last_reached
from bot.domain.pauses import Pause, pause_of
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Subscription
from bot.domain.timestamps import stamp, stamp_of
from bot.domain.unreached import Unreached
from bot.domain.way import Way
from bot.pipeline.unreached import of_operators
from bot.store import Store, Unreadable

PAUSES_NAMED = 50
LATE_AFTER = timedelta(minutes=1)  # a reading takes a moment
WAYS = {Way.RELAY: "a relay", Way.UPSTREAM: "another Countersign", Way.ARCHIVE: "the Internet Archive"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The status of all sources, held listings and subscriptions at `now` (UTC)."""

    now: datetime
    sources: tuple[SourceStatus, ...]
    known: Known
    held: tuple[Held, ...]
    subscriptions: tuple[Subscription, ...]
    stale_after: timedelta
    local: PlaceCounts | None = None
    unreadable: tuple[Unreadable, ...] = ()
    channels: Collection[str] | None = None
    others: tuple[SourceStatus, ...] = ()
    unreached: Mapping[str, Unreached] = field(default_factory=dict)

    @property
    def is_wrong(self) -> bool:
        """True if something needs a person's attention."""
        return bool(self.held or self.unreadable or self.channel_problems) or any(
            self.wrong(status) for status in self.sources
        )

    @property
    def channel_problems(self) -> list[str]:
        """The problems with sending to subscriptions and to the operator, as sentences."""
        found = crowds(self.subscriptions, self.now, self.channels)
        of_channels = [reason for channel, crowd in found.items() for reason in crowd.reasons(channel, self.now)]
        return [*of_channels, *(each.sentence(chat) for chat, each in self.unreached.items())]

    @property
    def pauses(self) -> list[Pause]:
        """Why each paused subscription is paused."""
        return [pause for s in self.subscriptions if (pause := pause_of(s, self.now)) is not None]

    def wrong(self, status: SourceStatus) -> list[str]:
        """Return the problems with a source, as sentences."""
        sent = (subscription.last_sent_at for subscription in self.subscriptions)
        return wrong(status, self.now, self.stale_after, last_reached((*self.sources, *self.others), sent))

    def as_json(self) -> list[JsonObject]:
        """Return one object for each source."""
        return [
            {
                "source": status.source,
                "last_read": stamp_of(status.read_at),
                "last_change": stamp_of(status.changed_at),
                "next_read": stamp_of(status.due_at),
                "heard": {way.value: stamp(at) for way, at in status.heard.items()},
                "trouble": status.trouble.value if status.trouble else None,
                "wrong": self.wrong(status),
                "stale": status.read_at is None or self.now - status.read_at > self.stale_after,
                "held": [h.id for h in self.held if h.source == status.source],
                "paused": [_pause_json(pause) for pause in self.pauses],
                "lists": {
                    name.value: {
                        "name": p.name,
                        "agreements": p.rows,
                        "fetched": stamp(p.observed_at),
                        "way": p.way.value,
                    }
                    for name, p in self.known.seen.items()
                },
            }
            for status in self.sources
        ]

    def as_text(self) -> str:
        """Return the report as text."""
        lines: list[str] = []
        for status in self.sources:
            lines.append(f"{status.source}")
            lines.append(f"  last read    {self._when(status.read_at)}")
            lines.append(f"  last change  {self._when(status.changed_at)}")
            lines.append(f"  next read    {self._next(status.due_at)}")
            heard = [(WAYS[way], at) for way, at in status.heard.items() if way in WAYS]
            lines += [f"  last read    {self._when(at)} by {name}" for name, at in heard]
            lines += [f"  wrong        {sentence}" for sentence in self.wrong(status)]
        for name in ListName:
            seen = self.known.seen.get(name)
            if seen is not None:
                way = "" if seen.way is Way.DIRECT else f", by way of {WAYS[seen.way]}"
                lines.append(f"{name.value} list: {counted(seen.rows, 'row')}, {seen.name}{way}")
        for h in self.held:
            lines.append(f"held {h.id}: {h.publication.name}: {'; '.join(h.reasons)}")
        if self.local is not None:
            counts = self.local
            lines.append(
                f"local sources: {counts.watched:,} of {counts.places:,} watched, {counts.failing:,} failing, "
                f"{counts.parked:,} parked"
            )
        paused = self.pauses
        lines.append(f"subscriptions: {len(self.subscriptions):,}" + (f", {len(paused):,} paused" if paused else ""))
        lines += [f"  paused       {pause.sentence}" for pause in paused[:PAUSES_NAMED]]
        if len(paused) > PAUSES_NAMED:
            lines.append(f"  paused       {len(paused) - PAUSES_NAMED:,} more; `countersign subscriptions` lists them")
        lines += [f"  wrong        {found.sentence}" for found in self.unreadable]
        lines += [f"  wrong        {sentence}" for sentence in self.channel_problems]
        return "\n".join(lines)

    def _next(self, due_at: datetime | None) -> str:
        if due_at is None or due_at > self.now:
            return self._when(due_at)
        late = self.now - due_at
        if late < LATE_AFTER:
            return "now"
        return f"{due_at:%Y-%m-%d %H:%M} UTC ({span(late)} late; if Countersign isn't running, start it)"

    def _when(self, moment: datetime | None) -> str:
        if moment is None:
            return "never"
        age = self.now - moment
        ago = f"in {span(-age)}" if age < timedelta(0) else f"{span(age)} ago"
        return f"{moment:%Y-%m-%d %H:%M} UTC ({ago})"


def _pause_json(pause: Pause) -> JsonObject:
    return {
        "subscription": pause.subscription,
        "channel": pause.channel,
        "address": pause.address,
        "since": stamp_of(pause.since),
        "why": pause.why,
        "ends": pause.ends,
    }


async def report(
    store: Store,
    *,
    now: datetime,
    sources: Iterable[str],
    stale_hours: float,
    places: Mapping[str, Place] | None = None,
    channels: Collection[str] | None = None,
) -> Report:
    """Create a report on these sources, on the local sources in the catalog and on the subscriptions.

    `channels` are the channels that are set up, or None if this isn't known.
    """
    subscriptions = await store.subscriptions()
    counts = count_places(places, await store.source_statuses(), WatchedStates.of(subscriptions)) if places else None
    return Report(
        now=now,
        sources=tuple([await store.source_status(name) for name in sources]),
        known=await store.known(),
        held=tuple(await store.held()),
        subscriptions=tuple(subscriptions),
        local=counts,
        unreadable=tuple(await store.unreadable()),
        channels=channels,
        others=tuple(await store.source_statuses()),
        unreached=await of_operators(store),
        stale_after=timedelta(hours=stale_hours),
    )
