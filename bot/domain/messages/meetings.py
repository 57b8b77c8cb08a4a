"""The next meetings with 287(g) on their agendas: in scheduled digests, and in reminders on the evening before."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from bot.domain.agenda import RESCHEDULED, Mention
from bot.domain.agendas.scans import Scan, scans_to_tell
from bot.domain.change import Change
from bot.domain.language import Language
from bot.domain.subscription import Filter, Subscription
from bot.domain.text.catalog import Phrase
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import Wording
from bot.domain.time_zones import zone_or_utc

WEEK = timedelta(days=7)
EVENING = time(18, 0)
MOST_NAMED = 5
LONGEST_TITLE = 120

_THIS_WEEK = Phrase("This week:")
_MEETING = Phrase("{place}, {when}: {title}")
_MORE = Phrase("and {n} more meeting", "and {n} more meetings")
_SCANNED = Phrase("Scanned, not read:")
_MORE_SCANS = Phrase("and {n} more scanned document", "and {n} more scanned documents")
_TOMORROW = Phrase("Tomorrow, with 287(g) on the agenda: {place}")
_TODAY = Phrase("Today, with 287(g) on the agenda: {place}")
_WHEN = Phrase("{when}. The meeting was on the calendar when I last checked.")


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting to come, and the items on its agenda that mention 287(g). `day` is its date where the reader is."""

    day: date
    mentions: tuple[Mention, ...]
    recorded_at: datetime | None

    @property
    def first(self) -> Mention:
        """The item that the meeting is named by."""
        return self.mentions[0]

    @property
    def key(self) -> str:
        """The identity of the meeting on its day, however many items mention 287(g)."""
        return f"{self.first.source} | {self.first.body} | {self.first.meets_on or self.day}"

    def evening(self, tz: str) -> datetime:
        """Return the time to remind a chat in this time zone: 6 p.m. on the day before."""
        return datetime.combine(self.day - timedelta(days=1), EVENING, tzinfo=zone_or_utc(tz))


def to_come(editions: Iterable[Change], watched: Filter, now: datetime, tz: str) -> Sequence[Meeting]:
    """Return the watched meetings that will take place, soonest first. Canceled and postponed ones are left out."""
    together: dict[tuple[object, ...], list[Change]] = {}
    for change in editions:
        said = change.mention
        if said is None or not said.is_to_come(now) or said.status not in {"", RESCHEDULED}:
            continue
        if watched.has_meeting(change):
            together.setdefault((said.source, said.body, said.meets_on, said.meets_at), []).append(change)
    found = [_meeting(changes, tz) for changes in together.values()]
    return sorted(found, key=lambda meeting: (meeting.day, str(meeting.first.meets_at or ""), meeting.key))


def _meeting(changes: Sequence[Change], tz: str) -> Meeting:
    mentions = tuple(change.mention for change in changes if change.mention is not None)
    first = mentions[0]
    day = first.meets_at.astimezone(zone_or_utc(tz)).date() if first.meets_at is not None else first.meets_on
    assert day is not None  # or it wouldn't be to come
    recorded = [change.recorded_at for change in changes if change.recorded_at is not None]
    return Meeting(day, mentions, min(recorded, default=None))


def this_week(
    to: Subscription, wording: Wording, editions: Iterable[Change], news: Collection[tuple[str, str]]
) -> Sequence[Line]:
    """Return the lines of a digest with the meetings of the next seven days, without those that it reports as news."""
    now = to.pinned_at
    if now is None:
        return ()
    soon = [
        m for m in to_come(editions, to.filter, now, to.tz) if m.day < now.astimezone(zone_or_utc(to.tz)).date() + WEEK
    ]
    told = [meeting for meeting in soon if not any(mention.key in news for mention in meeting.mentions)]
    if not told:
        return ()
    lines: list[Line] = [(Span(_THIS_WEEK(to.language), strong=True),)]
    lines += [_line(wording, meeting.first) for meeting in told[:MOST_NAMED]]
    if more := len(told) - MOST_NAMED:
        lines += [(Span(f"• {_MORE(to.language, n=more)}"),)] if more > 0 else []
    return lines


def scanned(to: Subscription, wording: Wording, scans: Iterable[Scan]) -> Sequence[Line]:
    """Return the lines of a digest with the scanned documents that no one has read, each of them once."""
    told = scans_to_tell(to, scans)
    if not told:
        return ()
    lines: list[Line] = [(Span(_SCANNED(to.language), strong=True),)]
    lines += [_scan_line(wording, scan) for scan in told[:MOST_NAMED]]
    more = len(told) - MOST_NAMED
    return [*lines, (Span(f"• {_MORE_SCANS(to.language, n=more)}"),)] if more > 0 else lines


def _scan_line(wording: Wording, scan: Scan) -> Line:
    place = f"{scan.body}, {scan.source}" if scan.body not in scan.source else scan.source
    when = f", {wording.day(scan.meets_on)}" if scan.meets_on is not None else ""
    title = "" if scan.title.casefold() in place.casefold() else f": {scan.title}"
    return (Span("• "), Span(f"{place}{when}{title}", href=scan.address))


def _line(wording: Wording, said: Mention) -> Line:
    text = _MEETING(wording.language, place=_place(said), when=wording.meets(said), title=_title(said))
    return (Span("• "), Span(text, href=said.address))


def _place(said: Mention) -> str:
    """Return the body and the place: "Board of Commissioners, Nash County, NC"."""
    return f"{said.body}, {said.source}" if said.body and said.body not in said.source else said.source


def _title(said: Mention) -> str:
    return said.title if len(said.title) <= LONGEST_TITLE else f"{said.title[:LONGEST_TITLE].rstrip()}…"


# ── reminders ────────────────────────────────────────────────────────────────────────────────────────────────────────


def due_reminders(to: Subscription, editions: Iterable[Change], now: datetime) -> Sequence[Meeting]:
    """Return the meetings to remind a chat of now: from 6 p.m. on the day before, until the meeting begins.

    A meeting that was found only after that has just been told, so there is no reminder.
    """
    if not to.hears_reminders or to.paused is not None or (to.quiet_until is not None and to.quiet_until > now):
        return ()
    found = []
    for meeting in to_come(editions, to.filter, now, to.tz):
        evening = meeting.evening(to.tz)
        if evening <= now and (meeting.recorded_at is None or meeting.recorded_at < evening):
            found.append(meeting)
    return found


def reminder(language: Language, meeting: Meeting, now: datetime, tz: str) -> tuple[Line, ...]:
    """Return the reminder of a meeting."""
    wording, first = Wording(language, tz), meeting.first
    is_today = now.astimezone(zone_or_utc(tz)).date() >= meeting.day
    title = (_TODAY if is_today else _TOMORROW)(language, place=_place(first))
    items = dict.fromkeys(_title(mention) for mention in meeting.mentions)
    return (
        (Span(title, strong=True),),
        (Span(_WHEN(language, when=wording.meets(first))),),
        *((Span(f"• {item}"),) for item in list(items)[:MOST_NAMED]),
        (Span(first.address),),
    )
