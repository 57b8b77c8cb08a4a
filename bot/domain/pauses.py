"""Why a subscription is paused: by whom, since when, and what ends it. For the operator, in English."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.subscription import OPERATOR, STOPPED, Subscription


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause in words. `why` says who paused it, `since` is when it began (UTC) or None, and `ends` what ends it."""

    subscription: str
    channel: str
    address: str
    why: str
    since: datetime | None
    ends: str

    @property
    def sentence(self) -> str:
        """The pause in one line."""
        since = f" since {self.since:%Y-%m-%d %H:%M} UTC" if self.since is not None else ""
        return f"{self.subscription} ({self.channel} {self.address}){since}: {self.why}. {self.ends}."


def pause_of(subscription: Subscription, now: datetime) -> Pause | None:
    """Return why a subscription is paused, or None if it isn't."""
    s = subscription
    resume = f"`countersign resume {s.channel} {s.id}`"
    if s.paused is None:
        until = s.quiet_until
        if until is None or until <= now:
            return None
        who = "the operator paused it" if s.paused_by == OPERATOR else "someone in the chat paused it"
        return _pause(s, who, s.paused_at, f"It ends at {until:%Y-%m-%d %H:%M} UTC, by “resume” there or by {resume}")
    if s.paused == STOPPED:
        return _pause(s, "someone in the chat stopped it", s.paused_at, f"It ends by “resume” there or by {resume}")
    return _pause_of_program(s, s.paused.rstrip("."), f"It ends once the bot is let in again, or by {resume}")


def _pause_of_program(s: Subscription, reason: str, ends: str) -> Pause:
    """Return a pause that the program began because of what the platform said."""
    if s.refused:
        by_itself = "It ends by itself once a message arrives; one is tried every 15 minutes and at every start"
        return _pause(s, f"the program paused it ({reason})", s.failing_since, by_itself)
    if s.failing_since is not None:
        return _pause(s, f"the platform refused its messages ({reason})", s.failing_since, ends)
    return _pause(s, f"someone removed the bot or closed the chat ({reason})", s.paused_at, ends)


def _pause(s: Subscription, why: str, since: datetime | None, ends: str) -> Pause:
    return Pause(s.id, s.channel, s.shown_address, why, since, ends)
