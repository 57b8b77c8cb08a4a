"""A digest, which is one message to one subscription, before a platform adds its markup."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.chat.request import Button
from bot.domain.messages.net_changes import NetChange
from bot.domain.page_addresses import PageLinks
from bot.domain.text.rich_text import Line

MOST_ONE_A_LINE = 12  # agencies; more of them run together in a paragraph that the reader opens


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Lines that stay together, with the numbers of the changes that they report.

    `under` is what the item shares with its neighbors, such as the support type. It's shown once above them, and again
    if they continue on another page.
    """

    lines: tuple[Line, ...]
    covers: tuple[int, ...] = ()
    under: Line = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and the items below it, such as what happened in one state.

    With `together`, the items run together as one paragraph for each `under`.
    """

    heading: Line
    items: tuple[Item, ...]
    together: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The sections that are too long to show at once.

    Telegram folds them into a quote that the reader opens. Slack puts them in the message's thread, under `title`, and
    the message shows `summary` in their place, and `where` they are.
    """

    title: Line
    summary: tuple[Line, ...]
    where: Line
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A complete message to a subscription. `upto` is the last change in the log that the digest covers.

    `title` is the news in one line: it's also the notification and the subject. `lead` says where things stand now and
    what all the agencies share. `footer` says where the news comes from. `buttons` are rows of buttons under the last
    message; platforms without buttons leave them out. `changes` are the changes that the sections report, for channels
    that send data. `page` is the public page that shows the news, and `links` lead to the others; without a public
    address, there are none. `begun_at` (UTC) is when the digest was pinned, and tells two digests without changes
    apart.
    """

    upto: int
    title: Line
    lead: tuple[Line, ...] = ()
    sections: tuple[Section, ...] = ()
    details: Details | None = None
    footer: tuple[Line, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    changes: tuple[NetChange, ...] = ()
    page: str | None = None
    links: PageLinks | None = None
    begun_at: datetime | None = None

    @property
    def all_sections(self) -> tuple[Section, ...]:
        """The sections in the order in which they're read, with the details last."""
        return (*self.sections, *(self.details.sections if self.details else ()))

    @property
    def covers(self) -> tuple[int, ...]:
        """The numbers of the changes that the digest reports."""
        return tuple(seq for section in self.all_sections for item in section.items for seq in item.covers)

    @property
    def without_details(self) -> "Digest":
        """The digest with the summary in place of the details, which are in the thread."""
        if self.details is None:
            return self
        return replace(self, lead=(*self.lead, *self.details.summary, self.details.where), details=None)

    @property
    def summed_up(self) -> "Digest":
        """The digest with only the summary of the details, which are nowhere else."""
        if self.details is None:
            return self
        return replace(self, lead=(*self.lead, *self.details.summary), details=None)

    @property
    def only_details(self) -> "Digest | None":
        """The details as a message of their own, or None if there are none."""
        if self.details is None:
            return None
        return Digest(upto=self.upto, title=self.details.title, sections=self.details.sections)

    def log_context(self) -> dict[str, object]:
        """Return the fields for a log line."""
        return {"upto": self.upto, "changes": len(self.covers)}
