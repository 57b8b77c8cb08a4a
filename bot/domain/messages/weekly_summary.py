"""Write the operator's weekly summary: what was read, recorded and sent, and what needs a look."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from bot.domain.change import NEVER_TOLD, Change
from bot.domain.language import Language
from bot.domain.source_status import ICE, SourceStatus
from bot.domain.subscription import MONDAY, Cadence, Filter, Receipt, Slot, Subscription, slot_at
from bot.domain.text.catalog import Phrase
from bot.domain.text.wording import Wording

AT = time(9, 0)
USUAL_ZONE = "America/New_York"  # if the operator's chat has no subscription, and so no time zone

SAID = {
    "title": Phrase("Your weekly summary, since {when}"),
    "ice": Phrase("Readings of ICE's lists: {good} good, {failed} failed."),
    "local": Phrase("Readings of local government: {good} good, {failed} failed."),
    "changes": Phrase("Changes on ICE's lists: {changes}. Agenda items: {mentions}."),
    "held": Phrase("Lists put on hold: {week}. On hold now: {now}."),
    "sent": Phrase("Messages sent: {sent}. Attempts that failed: {failed}."),
    "subscriptions": Phrase("Subscriptions: {all}. Paused: {paused}."),
    "parked": Phrase("Places that I stopped reading: {parked}. To see them, run: countersign sources"),
    "none_parked": Phrase("Places that I stopped reading: none."),
    "disk": Phrase("Free on the disk: {free}."),
    "running": Phrase("Running since {when}."),
    "off": Phrase("To turn this summary off, set COUNTERSIGN_WEEKLY_SUMMARY=0."),
}


@dataclass(frozen=True, slots=True)
class Readings:
    """Counts of readings since the store was made: of ICE's lists and of local places, good and failed."""

    ice_good: int = 0
    ice_failed: int = 0
    local_good: int = 0
    local_failed: int = 0

    @classmethod
    def of(cls, statuses: Iterable[SourceStatus]) -> "Readings":
        """Add up the counts of all sources."""
        every = tuple(statuses)
        ice = [status for status in every if status.source == ICE]
        local = [status for status in every if status.source != ICE]
        return cls(
            sum(status.good_readings for status in ice),
            sum(status.failed_readings for status in ice),
            sum(status.good_readings for status in local),
            sum(status.failed_readings for status in local),
        )

    def since(self, before: "Readings") -> "Readings":
        """Return the counts since an earlier time. A source that was removed can't make them negative."""
        return Readings(
            max(self.ice_good - before.ice_good, 0),
            max(self.ice_failed - before.ice_failed, 0),
            max(self.local_good - before.local_good, 0),
            max(self.local_failed - before.local_failed, 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What happened since a moment (UTC). `free` is the room on the disk in words, or None if it isn't known."""

    since: datetime
    readings: Readings
    changes: Sequence[Change]
    receipts: Sequence[Receipt]
    subscriptions: Sequence[Subscription]
    statuses: Sequence[SourceStatus]
    held_this_week: int
    held_now: int
    free: str | None
    started_at: datetime | None

    def text(self, language: Language, tz: str) -> str:
        """Return the summary with one fact per line."""
        wording, of = Wording(language, tz), self.readings
        sent = sum(receipt.error is None for receipt in self.receipts)
        mentions = sum(change.mention is not None for change in self.changes)
        paused = sum(s.paused is not None for s in self.subscriptions)
        parked = sum(status.parked_at is not None for status in self.statuses)
        lines = [
            SAID["title"](language, when=wording.moment(self.since)),
            SAID["ice"](language, good=of.ice_good, failed=of.ice_failed),
            SAID["local"](language, good=of.local_good, failed=of.local_failed),
            SAID["changes"](language, changes=len(self.changes) - mentions, mentions=mentions),
            SAID["held"](language, week=self.held_this_week, now=self.held_now),
            SAID["sent"](language, sent=sent, failed=len(self.receipts) - sent),
            SAID["subscriptions"](language, all=len(self.subscriptions), paused=paused),
            SAID["parked" if parked else "none_parked"](language, parked=parked),
        ]
        lines += [SAID["disk"](language, free=self.free)] if self.free is not None else []
        lines += [SAID["running"](language, when=wording.moment(self.started_at))] if self.started_at else []
        return "\n".join([*lines, SAID["off"](language)])


def told_kinds(changes: Iterable[Change]) -> Sequence[Change]:
    """Return the changes that count: all but the first sight of an agreement."""
    return [change for change in changes if change.kind not in NEVER_TOLD]


def slot_of(now: datetime, tz: str) -> Slot:
    """Return the latest Monday at 9 a.m. in the operator's time zone."""
    weekly = Subscription(
        id="", channel="", address="", filter=Filter(), cadence=Cadence.WEEKLY, at=AT, tz=tz, weekday=MONDAY
    )
    return slot_at(weekly, now)


def is_due(slot: Slot, last: Slot | None) -> bool:
    """Return whether the summary of a slot is due. A change of time zone doesn't repeat a Monday."""
    return last is not None and slot.day - last.day >= timedelta(days=1)
