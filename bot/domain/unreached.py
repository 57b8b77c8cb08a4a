"""A chat that couldn't be sent a notice: since when, why, and when to try it again.

A subscription has a back-off of its own. The operator's chats need none to get notices, so theirs is kept here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
LONGEST_IF_REFUSED = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """A chat's failed tries. `since` is the first one and `retry_at` when the next one may follow (UTC)."""

    since: datetime
    tries: int
    retry_at: datetime
    problem: str

    def waits(self, now: datetime) -> bool:
        """Return whether it's too early to try again. A clock that was set back doesn't make it wait longer."""
        return now < self.retry_at <= now + LONGEST_IF_REFUSED

    def sentence(self, chat: str) -> str:
        """Return what is wrong with the operator's chat, and what ends it."""
        return (
            f"notices haven't reached the operator's chat {chat} since {self.since:%Y-%m-%d %H:%M} UTC: "
            f"{self.problem.rstrip('.')}. Let the bot in again, or name another chat in COUNTERSIGN_OPERATOR. The next "
            f"try is at {self.retry_at:%Y-%m-%d %H:%M} UTC and at every start"
        )


def after_failure(
    before: Unreached | None,
    problem: str,
    now: datetime,
    *,
    is_refused: bool,
    by_person: bool,
    wait: float | None = None,
) -> Unreached:
    """Return a chat's failed tries with one more, made now.

    The pauses double, up to an hour, or up to six hours if the platform refuses the chat. If a person removed the bot,
    they begin at six hours, because an event or a command tells us that it's back. `wait` is the number of seconds that
    the platform asks for.
    """
    tries = before.tries if before is not None else 0
    longest = LONGEST_IF_REFUSED if is_refused else LONGEST_PAUSE
    pause = longest if by_person else min(FIRST_PAUSE * 2 ** min(tries, 10), longest)
    pause = min(max(pause, timedelta(seconds=min(wait or 0.0, 86_400.0))), LONGEST_IF_REFUSED)
    since = before.since if before is not None and before.since <= now else now
    return Unreached(since=since, tries=tries + 1, retry_at=now + pause, problem=problem)
