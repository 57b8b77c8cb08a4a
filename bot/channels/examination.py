"""Questions that `countersign check` asks the platforms. They read only, and they disturb no running program."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bot.channels.introduction import asked, json_object
from bot.channels.protocols import Notes
from bot.domain.finding import Finding, fine, wrong
from bot.domain.letters import counted
from bot.errors import SourceError

if TYPE_CHECKING:
    from bot.fetch.post import Poster  # it imports httpx, which most commands don't need

MOST_NAMED = 10  # chats that can't be reached
MOST_CHATS = 20  # asked about on each platform; more would use up the rate limit that the alerts need


@dataclass(frozen=True, slots=True)
class Told:
    """A platform's answer: its status, its headers with lowercase names and the JSON object in its body."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def is_ok(self) -> bool:
        """True if the platform says that it did what was asked."""
        return self.body.get("ok") is True


@dataclass(frozen=True, slots=True)
class ServerTime:
    """The time in a server's answer, and our own time when it arrived."""

    host: str
    theirs: datetime
    ours: datetime


@dataclass(frozen=True, slots=True)
class PlatformApi:
    """A client that asks single questions. `times` collects the servers' own times."""

    poster: "Poster"
    now: Callable[[], datetime]
    times: list[ServerTime] = field(default_factory=list)

    async def ask(self, url: str, arguments: Mapping[str, str] | None = None, *, token: str = "") -> Told:
        """Ask one question. Raise SourceError if no answer arrived. The error's text never has the token."""
        answer = await asked(self.poster, url, arguments or {}, token)
        self.note_time(url, answer.headers)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Told(answer.status, headers, json_object(answer))

    def note_time(self, url: str, headers: Mapping[str, str]) -> None:
        """Remember the time in an answer's Date header, if it has one."""
        said = next((value for name, value in headers.items() if name.lower() == "date"), "")
        try:
            theirs = parsedate_to_datetime(said)
        except (ValueError, OverflowError):
            return
        theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
        self.times.append(ServerTime(urlsplit(url).netloc, theirs, self.now()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What a channel needs to examine itself.

    `addresses` are those of its subscriptions that aren't paused, and of the operator's chats. `notes` are the stored
    notes, or None if the store can't be read.
    """

    api: PlatformApi
    addresses: Sequence[str]
    notes: Notes | None

    @property
    def now(self) -> datetime:
        """The current time in UTC."""
        return self.api.now()


def why(fault: SourceError) -> str:
    """Return the reason a platform couldn't be asked, as the end of a sentence."""
    return str(fault).rstrip(".")


def of_chats(lost: Sequence[Finding], asked: int, chats: int) -> list[Finding]:
    """Return the findings about the chats, with one line for all that are fine. `asked` of `chats` were asked about."""
    if not chats:
        return []
    reached = asked - len(lost)
    well = f"{counted(reached, 'chat')} reachable."
    if chats > asked:
        well = f"{reached:,} of {counted(chats, 'chat')} reachable; the others weren't asked about."
    more = (
        [wrong(f"{counted(len(lost) - MOST_NAMED, 'more chat')} can't be reached.")] if len(lost) > MOST_NAMED else []
    )
    return [*([fine(well)] if reached else []), *lost[:MOST_NAMED], *more]
