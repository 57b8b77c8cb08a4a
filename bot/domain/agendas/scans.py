"""Scanned documents of local meetings: what is remembered of each, which of them OCR should read, and whom to tell.

A scan is told once, in the answer to a first reading or in a scheduled digest. It never causes a message of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from bot.domain.agenda import AgendaItem, Place
from bot.domain.agreement import Agreement, SupportType
from bot.domain.lists.names import canonical
from bot.domain.subscription import Subscription, slot_at

OVER_FOR = timedelta(days=14)  # how long after a meeting its scans are remembered
MOST_SCANS = 20  # of one place
MOST_TRIES = 3  # to fetch a scan again
TRY_AGAIN = timedelta(hours=1)  # after the first; twice as long after the second
LONGEST_TITLE = 120
SETTLED = timedelta(minutes=10)  # before a digest's slot, so that what a poll saw until then is stored for certain


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A document that has scanned pages.

    `item` is the id of its agenda item, `source` is the place's name and `site` the place's site then. `address` is the
    page for readers to open, and `fetched_from` the address that the bytes with this `sha256` came from, or empty if it
    isn't known. `scanned` of its `pages` are scans. `seen_at` is when it was first seen, and `is_first` is true if that
    was the first reading of the place. `is_read` is true after OCR has read it, and `problem` says what OCR couldn't
    read. After a failed try, the next one is at `due_at`.
    """

    item: str
    source: str
    state: str
    title: str
    address: str
    sha256: str
    seen_at: datetime
    site: str = ""
    county: str = ""
    body: str = ""
    zone: str = "UTC"
    meets_at: datetime | date | None = None
    status: str = ""
    fetched_from: str = ""
    scanned: int = 1
    pages: int = 1
    is_first: bool = False
    is_read: bool = False
    problem: str = ""
    tries: int = 0
    due_at: datetime | None = None

    @property
    def meets_on(self) -> date | None:
        """The date of the meeting, or None if unknown."""
        return self.meets_at.date() if isinstance(self.meets_at, datetime) else self.meets_at

    @property
    def is_unread(self) -> bool:
        """True if at least half of the document wasn't read. A few scanned pages in a packet are usually exhibits."""
        return not self.is_read and self.scanned * 2 >= self.pages

    def is_kept(self, now: datetime) -> bool:
        """Return whether to remember the scan: until two weeks after its meeting, or after it was seen."""
        return (self.meets_on or self.seen_at.date()) >= (now - OVER_FOR).date()

    def is_waiting(self, now: datetime) -> bool:
        """Return whether OCR should read the document now."""
        if self.is_read or self.problem or not self.fetched_from or not self.is_kept(now):
            return False
        return self.due_at is None or self.due_at <= now

    def tried(self, problem: str, now: datetime) -> "Scan":
        """Return the scan after a failed try. After the last one, it is left alone."""
        tries = self.tries + 1
        if tries >= MOST_TRIES:
            return replace(self, tries=tries, problem=problem, due_at=None)
        return replace(self, tries=tries, due_at=now + TRY_AGAIN * tries)


def scan_of(place: Place, item: AgendaItem, fetched_from: str, at: datetime, *, site: str = "", is_first: bool) -> Scan:
    """Return what to remember of an item whose document has scanned pages."""
    return Scan(
        item=item.id,
        source=place.name,
        state=place.state,
        title=item.title[:LONGEST_TITLE],
        address=item.address,
        sha256=item.evidence,
        seen_at=at,
        site=site,
        county=place.county,
        body=item.body or place.body or place.name,
        zone=place.zone,
        meets_at=item.meets_at,
        status=item.status,
        fetched_from=fetched_from,
        scanned=len(item.scans),
        pages=len(item.pages),
        is_first=is_first,
    )


def remembered_scans(
    known: Sequence[Scan], items: Sequence[AgendaItem], new: Iterable[Scan], now: datetime
) -> tuple[Scan, ...]:
    """Return the scans of a place after a reading of these items. Of too many, the most urgent are kept.

    A document that OCR has read isn't read again unless its bytes have changed, and an edition of a document that was
    told isn't told again. A document that has text now is forgotten.
    """
    found: dict[str, Scan] = {scan.item: scan for scan in known if scan.is_kept(now)}
    for item in items:
        for name, scan in found.items():
            if item.meets_at is not None and (name == item.id or name.startswith(f"{item.id}/")):
                found[name] = replace(scan, meets_at=item.meets_at, status=item.status)
        if item.pages and not item.scans:
            found.pop(item.id, None)
    for scan in new:
        earlier = found.pop(scan.item, None)
        if earlier is None:
            found[scan.item] = scan
            continue
        kept = replace(scan, seen_at=earlier.seen_at, is_first=earlier.is_first)
        if scan.sha256 == earlier.sha256:
            kept = replace(
                kept, is_read=earlier.is_read, problem=earlier.problem, tries=earlier.tries, due_at=earlier.due_at
            )
        found[scan.item] = kept
    latest_first = [scan for scan in reversed(found.values()) if scan.is_kept(now)]
    return tuple(sorted(latest_first, key=lambda scan: _urgency(scan, now.date())[:2])[:MOST_SCANS])


def next_to_read(scans: Iterable[Scan], places: Mapping[str, Place], now: datetime) -> Scan | None:
    """Return the scan that OCR should read now: the next meeting's first, and then the latest of the past ones."""
    waiting = [scan for scan in scans if scan.source in places and scan.is_waiting(now)]
    return min(waiting, key=lambda scan: _urgency(scan, now.date()), default=None)


def _urgency(scan: Scan, today: date) -> tuple[int, int, str]:
    day = scan.meets_on
    if day is None:
        return (1, 0, scan.item)
    return (0 if day >= today else 2, abs((day - today).days), scan.item)


def soonest_first(scans: Iterable[Scan]) -> list[Scan]:
    """Return the scans in the order of their meetings. Those without a date are last."""
    return sorted(scans, key=lambda scan: (scan.meets_on is None, scan.meets_on or date.min, scan.source, scan.item))


def scans_to_tell(to: Subscription, scans: Iterable[Scan]) -> Sequence[Scan]:
    """Return the unread scans that a scheduled digest should name: the watched ones seen since the last digest's slot.

    The slots decide, not the times of sending, so that no scan is told twice or left out. A chat that watches counties
    got those of a first reading in its answer.
    """
    if to.pinned_at is None:
        return ()
    upto = slot_at(to, to.pinned_at).at - SETTLED
    served = to.slot_served.at - SETTLED if to.slot_served is not None else to.last_sent_at
    since = max((moment for moment in (served, to.created_at) if moment is not None), default=None)
    return soonest_first(
        scan
        for scan in scans
        if scan.is_unread
        and (since is None or scan.seen_at > since)
        and scan.seen_at <= upto
        and scan.is_kept(upto)
        and not (scan.is_first and to.filter.counties)
        and to.filter.hears_agendas_of(_body(scan))
    )


def _body(scan: Scan) -> Agreement:
    return Agreement(
        state=scan.state,
        agency=scan.body,
        canonical=canonical(scan.body, scan.state),
        support_type=SupportType.OTHER,
        county=scan.county,
    )
