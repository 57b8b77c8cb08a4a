"""Is this listing to be believed? What is not is held: it changes nothing, and the operator is told once."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby

from bot.domain.agreement import Agreement, Key, Listing, ListName, Publication
from bot.domain.change import LEAVING, Change, Kind, Known

MOST_GONE = 10  # the most that ever left between two publications of 2025, renames paired
MOST_GONE_SHARE = 0.03
SMALL_LIST = 300  # up to here only the number counts
FEWER_THAN_HEADLINE = (10, 0.03)  # the page is good to within a row or two
MORE_THAN_HEADLINE = (150, 0.15)  # the page lags behind the list by up to a publication; growth itself is no reason
EARLIER_WITHIN = timedelta(days=60)  # how far back an earlier list is looked for
RELEASED_AFTER = timedelta(days=1)
RELEASED_AFTER_READINGS = 3
AHEAD = timedelta(days=2)  # a list may be dated a little ahead
_NAMED = re.compile(r"(?<!\d)(\d\d)(\d\d)(20\d\d|\d\d)(?!\d)(am|mid|pm|)([^.]*)", re.IGNORECASE)
_PARTS = {"am": 0, "": 1, "mid": 1, "pm": 2}


class Ruling(StrEnum):
    """What the operator said of a held listing."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A listing that is not believed yet; `id` is the beginning of the SHA-256 of the first document that was held.

    What is held is the set of disappearances `gone`; `readable` is false where the document could not be read as the
    list at all. `publication` is the newest document that says so. `since` and `last_at` are the first and last
    reading (UTC) with just these disappearances, or a few more or less; `readings` counts them, unchanged answers too.
    """

    id: str
    source: str
    list: ListName
    publication: Publication
    reasons: tuple[str, ...]
    gone: tuple[Agreement, ...]
    since: datetime
    last_at: datetime
    readable: bool = True
    readings: int = 1
    ruling: Ruling | None = None

    @property
    def is_released(self) -> bool:
        """Whether it is to be believed after all: approved, or the same in every reading for long enough."""
        if not self.readable or self.ruling is Ruling.REJECTED:
            return False
        stood = self.last_at - self.since >= RELEASED_AFTER and self.readings >= RELEASED_AFTER_READINGS
        return stood or self.ruling is Ruling.APPROVED

    def log_context(self) -> dict[str, object]:
        """What a log line says of it."""
        return {"held": self.id, "list": self.list.value, "name": self.publication.name, "gone": len(self.gone)}


def doubts(
    known: Known,
    listing: Listing,
    changes: Sequence[Change],
    *,
    headline: int | None,
    excused: Collection[Key] = (),
    log: Sequence[Change] = (),
) -> tuple[str, ...]:
    """Why this listing is not to be believed, in sentences; none when it is.

    `changes` are those that it would bring; `headline` is the page's own total; `excused` disappearances are believed.
    `log` is what happened lately; it is looked at where nothing on the listing is new.
    """
    if listing.list is ListName.PENDING:
        return ()  # nobody is told of what leaves it before seven days have passed
    reasons = []
    unexcused = [a for a in disappearances(changes) if a.key not in excused]
    before = len(known.agreements[listing.list])
    if listing.unreadable and unexcused:  # one of them may be the row that is missed; a note below the list is none
        reasons.append(f"{len(listing.unreadable)} rows cannot be read ({listing.unreadable[0]})")
    if len(unexcused) > _most_gone(before):
        reasons.append(f"{len(unexcused)} of {before} agreements would leave the list at once")
    if unexcused and goes_back(changes):
        reasons += _old(known, listing, changes, log)
    if headline is not None and not _near(len(listing.agreements), headline):
        reasons.append(f"it has {len(listing.agreements)} rows where ICE's page says {headline}")
    return tuple(reasons)


def goes_back(changes: Iterable[Change]) -> bool:
    """Whether agreements leave and none comes that is new: so it is with an old list that is linked again."""
    kinds = {change.kind for change in changes}
    return Kind.WITHDRAWN in kinds and Kind.SIGNED not in kinds


def _old(known: Known, listing: Listing, changes: Sequence[Change], log: Sequence[Change]) -> Iterator[str]:
    """Whether this is an old list, linked again.

    A new list may say what an old one did: so ICE takes back what it listed by mistake. Its name is newer then.
    """
    publication, last = listing.publication, known.seen[listing.list]
    order = _order_by_name(publication, last)
    earlier = _said_before(known, known.after(changes), log)
    if earlier is not None and (earlier.evidence == publication.evidence or order <= 0):
        yield f"it says just what {earlier.name} said: an old list, linked again"
    elif order < 0:
        yield f"its name is older than that of {last.name}, and nothing on it is new"


def _said_before(known: Known, after: Known, log: Sequence[Change]) -> Publication | None:
    """The earlier publication, if any, after which we knew just what would be known now."""
    facts = {key: agreement.facts for key, agreement in known.participating.items()}
    wanted = {key: agreement.facts for key, agreement in after.participating.items()}
    apart = {key for key in facts.keys() | wanted.keys() if facts.get(key) != wanted.get(key)}
    past = [c for c in reversed(log) if c.list is ListName.PARTICIPATING and c.is_of_lists]
    for _, group in groupby(past, key=lambda change: change.publication):
        brought = list(group)
        if not apart:
            return brought[0].publication
        for change in brought:
            for key in _undo(change, facts):
                apart = apart - {key} if facts.get(key) == wanted.get(key) else apart | {key}
    return None


def _undo(change: Change, facts: dict[Key, tuple[object, ...]]) -> Iterator[Key]:
    """Take a change back from what is known; the keys that it concerned."""
    key, was = change.agreement.key, change.was
    facts.pop(key, None)
    if change.kind in LEAVING:
        facts[key] = change.agreement.facts
    if was is not None and change.kind is not Kind.REINSTATED:
        facts[was.key] = was.facts
        yield was.key
    yield key


def _order_by_name(one: Publication, other: Publication) -> int:
    """Below 0 when the one is named for an earlier time than the other, above 0 for a later, 0 when none can say."""
    named, other_named = _named_for(one), _named_for(other)
    if named is None or other_named is None:
        return 0
    return (named > other_named) - (named < other_named)


def _named_for(publication: Publication) -> tuple[date, int, str] | None:
    """The day and the part of it for which a list is named, in the order in which they come; None when it is no day."""
    found = _NAMED.search(publication.name)
    if found is None:
        return None
    month, day, year, part, rest = found.groups()
    try:
        named = date(int(year) % 100 + 2000, int(month), int(day))
    except ValueError:
        return None
    return None if named > publication.observed_at.date() + AHEAD else (named, _PARTS[part.lower()], rest)


def disappearances(changes: Sequence[Change]) -> tuple[Agreement, ...]:
    """The agreements that these changes take from the list."""
    return tuple(change.agreement for change in changes if change.kind is Kind.WITHDRAWN)


def _most_gone(before: int) -> float:
    return MOST_GONE if before <= SMALL_LIST else min(MOST_GONE, MOST_GONE_SHARE * before)


def _near(rows: int, headline: int) -> bool:
    fewer, more = (max(least, share * headline) for least, share in (FEWER_THAN_HEADLINE, MORE_THAN_HEADLINE))
    return headline - fewer <= rows <= headline + more


def hold(
    before: Held | None,
    *,
    source: str,
    name: ListName,
    publication: Publication,
    reasons: tuple[str, ...],
    gone: tuple[Agreement, ...],
    readable: bool,
    at: datetime,
) -> Held:
    """Hold a listing; the same disappearances as before go on being held, whatever else is new on the list."""
    if before is not None and before.readable == readable and _go_on(before, _keys(gone)):
        again = stood(before, at)
        return replace(again, publication=publication, reasons=reasons, gone=gone)
    return Held(
        id=publication.evidence[:8],
        source=source,
        list=name,
        publication=publication,
        reasons=reasons,
        gone=gone,
        since=at,
        last_at=at,
        readable=readable,
    )


def stood(held: Held, at: datetime) -> Held:
    """The same listing, read once more."""
    return replace(held, readings=held.readings + 1, last_at=max(at, held.last_at))


def _go_on(before: Held, gone: frozenset[Key]) -> bool:
    """Whether these are the same disappearances, or, until the operator ruled, the same but for a few.

    Some row comes or goes on most days; a few more are no reason to doubt, and no reason to begin the day again.
    """
    old = _keys(before.gone)
    if old == gone or before.ruling is not None:
        return old == gone
    few = len(gone - old) <= MOST_GONE and 2 * len(gone & old) >= len(gone | old)
    return few or max(len(old), len(gone)) <= MOST_GONE  # what is doubted is not that so many are gone


def _keys(agreements: Sequence[Agreement]) -> frozenset[Key]:
    return frozenset(a.key for a in agreements)
